// SPDX-License-Identifier: GPL-2.0-or-later
//! A fresh `HOME`, and programs run in it with nothing of the user's own that would change what they print.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::{files, process};

/// User and group `nobody` (65534 on Linux): root runs Wireshark's programs under it.
pub const NOBODY: u32 = 65534;

/// Removed when dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
}

impl Home {
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("wechat-").tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        if process::is_root() {
            ensure!(
                files::is_open_to_all(folder.path()),
                "{} is closed to ordinary users, and root cannot try plugins: set TMPDIR to an open folder",
                env::temp_dir().display()
            );
            // So that the programs can write here.
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        Ok(Self { folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the programs write to a file or folder in it that this process made.
    pub fn give(&self, path: &Path) -> Result<()> {
        if process::is_root() {
            chown(path, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(())
    }

    /// `program`, started in the home; by root, as another user.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(process::find(program).unwrap_or_else(|| program.into()));
        for (name, _) in env::vars_os() {
            let bytes = name.as_bytes();
            if bytes.starts_with(b"WIRESHARK_") || bytes.starts_with(b"XDG_") {
                command.env_remove(&name);
            }
        }
        command.env("HOME", self.path()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC").current_dir(self.path());
        if process::is_root() {
            // Drops root's further groups as well.
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_run_in_the_home_and_never_as_root() {
        let home = Home::new().expect("a home");
        let script = "id -u; pwd; echo $HOME; echo $LC_ALL; touch mine";
        let text = process::stdout(home.command("sh").args(["-c", script])).expect("sh");
        let lines: Vec<&str> = text.lines().collect();
        let path = home.path().to_str().expect("text");
        assert_ne!(lines[0], "0");
        assert_eq!(lines[1..], [path, path, "C.UTF-8"]);
        assert!(home.path().join("mine").exists());
    }
}
