// SPDX-License-Identifier: GPL-2.0-or-later
//! The crates that are linked into the plugin, as cargo resolves them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::{self, PLUGIN_PACKAGE, cargo};
use crate::process;

/// Somebody else's crate, or one of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crate {
    pub name: String,
    pub version: String,
    /// An SPDX expression.
    pub licence: String,
    pub folder: PathBuf,
    /// SHA-256 of the archive it came in; those of the workspace have none.
    pub checksum: Option<String>,
}

/// Every crate of the workspace's resolution, sorted.
pub fn all() -> Result<Vec<Crate>> {
    let text = process::stdout(cargo("metadata").args(["--locked", "--format-version=1"]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let lock = fs::read_to_string(cargo::root()?.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let mut crates: Vec<Crate> =
        packages.iter().map(|package| read(package, &lock)).collect::<Result<_>>()?;
    crates.sort();
    Ok(crates)
}

fn read(package: &Value, lock: &str) -> Result<Crate> {
    let text = |key: &str| package[key].as_str().with_context(|| format!("a package without {key}"));
    let (name, version) = (text("name")?, text("version")?);
    let manifest = PathBuf::from(text("manifest_path")?);
    Ok(Crate {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: text("license").with_context(|| format!("{name} names no licence"))?.to_owned(),
        folder: manifest.parent().context("a manifest in no folder")?.to_owned(),
        checksum: checksum(lock, name, version),
    })
}

/// From Cargo.lock, where a package's lines follow each other.
fn checksum(lock: &str, name: &str, version: &str) -> Option<String> {
    let head = format!("name = \"{name}\"\nversion = \"{version}\"\n");
    let package = lock.split("[[package]]\n").find(|package| package.starts_with(&head))?;
    let line = package.lines().find_map(|line| line.strip_prefix("checksum = \""))?;
    Some(line.trim_end_matches('"').to_owned())
}

/// Those of `edges` (as `cargo tree` calls them) of a package for this machine, itself included, sorted.
pub fn of(package: &str, edges: &str) -> Result<Vec<Crate>> {
    let mut tree = cargo("tree");
    tree.args(["--locked", "--prefix=none", "--format={p}", "--edges", edges, "--package", package]);
    let text = process::stdout(&mut tree)?;
    let wanted: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let is_wanted = |one: &Crate| wanted.contains(&(one.name.as_str(), one.version.as_str()));
    Ok(all()?.into_iter().filter(is_wanted).collect())
}

/// What is linked into the plugin, itself not.
pub fn linked() -> Result<Vec<Crate>> {
    let mut crates = of(PLUGIN_PACKAGE, "normal,no-proc-macro")?;
    crates.retain(|one| one.name != PLUGIN_PACKAGE);
    Ok(crates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_has_a_checksum_and_a_folder() {
        let linked = linked().expect("cargo tells");
        assert!(linked.iter().any(|one| one.name == "aes-gcm"), "{linked:?}");
        assert!(linked.iter().all(|one| one.name != "cc" && one.name != "proptest"), "{linked:?}");
        for one in &linked {
            let sum = one.checksum.as_deref().unwrap_or_default();
            assert!(sum.len() == 64 && one.folder.join("Cargo.toml").is_file(), "{one:?}");
        }
    }

    #[test]
    fn a_checksum_is_that_of_its_version() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1\"\nchecksum = \"x\"\n\n\
                    [[package]]\nname = \"a\"\nversion = \"2\"\nchecksum = \"y\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"1\"\n";
        assert_eq!(checksum(lock, "a", "2").as_deref(), Some("y"));
        assert_eq!(checksum(lock, "b", "1"), None);
    }
}
