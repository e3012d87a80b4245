// SPDX-License-Identifier: GPL-2.0-or-later
//! The archive for any Linux: the plugin, what goes along with it, and a script that installs it.

use std::env::consts::ARCH;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{NAME, OURS, bill, tree};
use crate::wireshark::Release;
use crate::{crates, process};

/// Installs and removes the plugin; `@RELEASE@` stands for the Wireshark it fits.
const SCRIPT: &str = include_str!("install.sh");

/// The name of the archive and of the folder in it.
pub fn name(version: &str) -> String {
    format!("{NAME}-{version}-{ARCH}-linux")
}

/// Makes the archive in `out`.
pub fn make(
    release: Release,
    plugin: &Path,
    version: &str,
    time: u64,
    work: &Path,
    out: &Path,
) -> Result<PathBuf> {
    let name = name(version);
    let folder = work.join(&name);
    tree::lay_out_flat(&folder, plugin)?;
    tree::write(&folder.join("sbom.cdx.json"), &bill::text(OURS, &crates::linked()?)?)?;
    let script = folder.join("install.sh");
    tree::write(&script, &SCRIPT.replace("@RELEASE@", &release.to_string()))?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    tree::settle(&folder, time)?;

    let plain = work.join(format!("{name}.tar"));
    let mut pack = Command::new("tar");
    pack.args(["--format=ustar", "--sort=name", "--owner=root:0", "--group=root:0", "--numeric-owner"]);
    pack.arg("-C").arg(work).arg("-cf").arg(&plain).arg(&name);
    process::output(&mut pack)?;
    let compressed = process::output(Command::new("gzip").args(["-9", "--no-name", "--stdout"]).arg(&plain))?;
    let archive = out.join(format!("{name}.tar.gz"));
    fs::write(&archive, compressed.stdout)?;
    Ok(archive)
}
