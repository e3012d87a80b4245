// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask package`: what users install who have no compiler.
//!
//! | file | is about |
//! | --- | --- |
//! | `place.rs` | where a package is built, and the Wireshark there |
//! | `tree.rs` | which files a package has |
//! | `deb.rs` | Debian's package |
//! | `archive.rs` | the archive, with `install.sh` |
//! | `links.rs` | that links in documents lead somewhere |
//! | `licences.rs` | on which terms the linked crates are |
//! | `bill.rs` | the bill of materials |
//! | `sums.rs` | sums, and their signature |

mod archive;
mod bill;
mod deb;
mod licences;
mod links;
mod place;
mod sums;
mod tree;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

pub use place::{Place, Wireshark};
pub use sums::write as write_sums;
pub use tree::{below, files, lay_out, write};

use crate::root::{self, Root, SUITES};
use crate::wireshark::Release;
use crate::{cargo, process};

/// The package's name.
pub const NAME: &str = "wireshark-plugin-wechat";

/// Our version, without the Wireshark it was built for.
pub const OURS: &str = env!("CARGO_PKG_VERSION");

/// The packages for one Wireshark.
#[derive(Clone, Debug)]
pub struct Made {
    pub release: Release,
    /// The plugin in them.
    pub plugin: PathBuf,
    pub archive: PathBuf,
    /// `None` where this is no Debian.
    pub deb: Option<PathBuf>,
}

/// The version of a package for this Wireshark; `ours` is the plugin's own.
pub fn version(ours: &str, release: Release) -> String {
    format!("{ours}+ws{release}")
}

/// `package`, `package -- 3.4 4.0`, `package -- here`, each with `--sign KEY`.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let key = match words.iter().position(|word| *word == "--sign") {
        Some(at) => {
            ensure!(at + 1 < words.len(), "--sign wants the file of a secret key of minisign");
            let key = PathBuf::from(words.remove(at + 1));
            words.remove(at);
            ensure!(key.is_file(), "there is no key {}", key.display());
            ensure!(process::find("minisign").is_some(), "there is no minisign to sign with");
            Some(key)
        }
        None => None,
    };
    if let Some(unknown) = words.iter().find(|word| !is_known(word) && words != ["here"]) {
        bail!("there is no `{unknown}` to make packages for, but {} and, alone, here", root::releases());
    }
    let out = out()?;
    let made = match words.as_slice() {
        ["here"] => vec![make(&Place::Here, OURS, &out)?],
        [] => for_releases(&SUITES.map(|(release, _)| release), &out)?,
        releases => for_releases(releases, &out)?,
    };
    sums::write(&out, &made)?;
    if let Some(key) = key {
        sums::sign(&out, &key)?;
    }
    for Made { release, archive, deb, .. } in made {
        println!("Wireshark {release}: {}", archive.display());
        match deb {
            Some(deb) => println!("Wireshark {release}: {}", deb.display()),
            None => println!("Wireshark {release}: no .deb, because this is no Debian"),
        }
    }
    println!("Their sums: {}", out.join("SHA256SUMS").display());
    Ok(())
}

fn is_known(release: &str) -> bool {
    SUITES.iter().any(|(known, _)| *known == release)
}

/// Where packages are put.
pub fn out() -> Result<PathBuf> {
    let out = cargo::target_dir()?.join("package");
    fs::create_dir_all(&out)?;
    Ok(out)
}

fn for_releases(releases: &[&str], out: &Path) -> Result<Vec<Made>> {
    process::run(cargo::cargo("fetch").arg("--locked"))?;
    releases.iter().map(|release| make(&Place::Root(root(release)?), OURS, out)).collect()
}

/// The root in which the packages for a release are built.
pub fn root(release: &str) -> Result<Root> {
    let target = target(release)?;
    Root::of_release(release, &[target])
}

/// Where cargo builds for a release in its root, or `here`.
pub fn target(name: &str) -> Result<PathBuf> {
    let target = cargo::target_dir()?.join("package-build").join(name);
    fs::create_dir_all(&target)?;
    Ok(target)
}

/// Builds the plugin for this machine's Wireshark as it is in packages.
pub fn build_here() -> Result<PathBuf> {
    Place::Here.build(&target("here")?)
}

/// Builds the plugin at a place, and puts its packages into `out`.
pub fn make(place: &Place, ours: &str, out: &Path) -> Result<Made> {
    let wireshark = place.wireshark()?;
    let release = wireshark.release;
    let target = match place {
        Place::Here => target("here")?,
        Place::Root(_) => target(&release.to_string())?,
    };
    println!("Building for Wireshark {release} ...");
    let plugin = place.build(&target)?;
    let version = version(ours, release);
    let time = time()?;
    // Seen in a root too, as the target folder is.
    let work = tempfile::tempdir_in(&target)?;
    let work = work.path();
    let archive = archive::make(release, &plugin, &version, time, work, out)?;
    let deb = if matches!(place, Place::Root(_)) || is_debian() {
        Some(deb::make(place, &wireshark, &plugin, &version, time, work, out)?)
    } else {
        None
    };
    Ok(Made { release, plugin, archive, deb })
}

/// Whether this machine's packages are Debian's, or those of a system made of it.
pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && process::find("dpkg-deb").is_some()
}

/// The time that all files in packages have: that of the sources, in seconds since 1970.
fn time() -> Result<u64> {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    if let Ok(time) = env::var(VARIABLE) {
        return time.trim().parse().with_context(|| format!("{VARIABLE} is `{time}`, which is no number"));
    }
    let mut git = Command::new("git");
    git.arg("-C").arg(cargo::root()?).args(["log", "-1", "--format=%ct"]);
    match process::stdout(&mut git) {
        Ok(time) => Ok(time.trim().parse()?),
        Err(_) => bail!("these sources are not in git: set {VARIABLE} to their time, in seconds since 1970"),
    }
}
