// SPDX-License-Identifier: GPL-2.0-or-later
//! SHA256SUMS: what is offered, with a sum for each file, and a signature of it if a key is given.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Made;
use crate::process;

const FILE: &str = "SHA256SUMS";

/// Writes the sums of these packages, which are in the folder. Others there are of earlier sources, perhaps.
pub fn write<'a>(folder: &Path, made: impl IntoIterator<Item = &'a Made>) -> Result<()> {
    let files = made.into_iter().flat_map(|made| made.deb.iter().chain([&made.archive]));
    let mut names = files.map(|file| file.strip_prefix(folder)).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    names.dedup();
    let text = process::stdout(Command::new("sha256sum").current_dir(folder).arg("--").args(names))?;
    // A signature is of the sums that it was made for.
    for name in [FILE, "SHA256SUMS.minisig"] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(fs::write(folder.join(FILE), text)?)
}

/// Signs them with minisign, which asks for the key's password where it has one.
pub fn sign(folder: &Path, key: &Path) -> Result<()> {
    let mut minisign = Command::new("minisign");
    minisign.arg("-S").arg("-s").arg(key).arg("-m").arg(folder.join(FILE));
    process::run(&mut minisign).context("the sums are not signed")
}
