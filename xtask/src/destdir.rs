// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask install --destdir D [--prefix P]`: what the build of a package calls. Nothing is written outside of D.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use xtask::library::{self, Library};
use xtask::package::{self, Place, Wireshark};
use xtask::{cargo, files};

/// What may follow the command's name.
pub const OPTIONS: &str = " [--dry-run] [--profile | --destdir FOLDER [--prefix FOLDER] [--plugin FILE]]";

fn usage() -> String {
    format!("usage: cargo xtask install{OPTIONS}")
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    destdir: PathBuf,
    prefix: Option<PathBuf>,
    /// What was built before.
    plugin: Option<PathBuf>,
    dry_run: bool,
}

pub fn run(words: &[&str]) -> Result<()> {
    let Asked { destdir, prefix, plugin, dry_run } = read(words)?;
    let wireshark = Place::Here.wireshark()?;
    let prefix = prefix.unwrap_or_else(|| wireshark.prefix.clone());
    if dry_run {
        let folder = tempfile::tempdir()?;
        let stand_in = tempfile::NamedTempFile::new()?;
        package::lay_out(folder.path(), stand_in.path(), &wireshark, &prefix)?;
        tell("Would install", &destdir, &package::files(folder.path())?);
        return Ok(());
    }
    let plugin = plugin.map_or_else(cargo::build_plugin, Ok)?;
    check(&plugin, &wireshark)?;
    files::create_missing_folders(&destdir).with_context(|| format!("cannot make {}", destdir.display()))?;
    // Somewhere else first, so that a failure leaves nothing half-way.
    let folder = tempfile::tempdir_in(&destdir)?;
    package::lay_out(folder.path(), &plugin, &wireshark, &prefix)?;
    let laid_out = package::files(folder.path())?;
    for file in &laid_out {
        let target = destdir.join(file);
        target.parent().map_or(Ok(()), files::create_missing_folders)?;
        fs::rename(folder.path().join(file), &target)
            .with_context(|| format!("cannot install {}", target.display()))?;
    }
    tell("Installed", &destdir, &laid_out);
    Ok(())
}

fn read(words: &[&str]) -> Result<Asked> {
    let (mut destdir, mut prefix, mut plugin, mut dry_run) = (None, None, None, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--dry-run" => dry_run = true,
            "--destdir" => destdir = Some(PathBuf::from(words.next().with_context(usage)?)),
            "--prefix" => prefix = Some(PathBuf::from(words.next().with_context(usage)?)),
            "--plugin" => plugin = Some(PathBuf::from(words.next().with_context(usage)?)),
            _ => bail!(usage()),
        }
    }
    let destdir =
        destdir.context("this wants --destdir as well: without it the running system is installed to")?;
    ensure_folders(&destdir, prefix.as_deref())?;
    Ok(Asked { destdir, prefix, plugin, dry_run })
}

/// What holds of the folders of an installation for a package, whatever is installed.
pub fn ensure_folders(destdir: &Path, prefix: Option<&Path>) -> Result<()> {
    ensure!(!destdir.as_os_str().is_empty(), "--destdir is empty; the running system is --destdir /");
    if let Some(prefix) = prefix {
        ensure!(prefix.is_absolute(), "the prefix {} does not begin with /", prefix.display());
    }
    Ok(())
}

fn check(plugin: &Path, wireshark: &Wireshark) -> Result<()> {
    let library = library::inspect(plugin);
    ensure!(
        library == Some(Library::Ours(wireshark.release)),
        "a plugin for Wireshark {} is expected at {}, found: {library:?}",
        wireshark.release,
        plugin.display()
    );
    Ok(())
}

fn tell(what: &str, destdir: &Path, files: &[PathBuf]) {
    for file in files {
        println!("{what} {}", destdir.join(file).display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_wants_a_destdir_and_a_slash() {
        let asked = read(&["--destdir", "/d", "--prefix", "/usr", "--dry-run"]).expect("asked");
        let expected =
            Asked { destdir: "/d".into(), prefix: Some("/usr".into()), plugin: None, dry_run: true };
        assert_eq!(asked, expected);
        for (words, why) in [
            (&["--prefix", "/usr"][..], "wants --destdir"),
            (&["--destdir", "/d", "--prefix", "usr"], "does not begin with /"),
            (&["--destdir"], "usage: "),
            (&["--destdir", ""], "is empty"),
            (&["--destination", "/d"], "usage: "),
        ] {
            let error = read(words).expect_err("refused").to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
