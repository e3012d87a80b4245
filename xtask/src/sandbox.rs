// SPDX-License-Identifier: GPL-2.0-or-later
//! A place in which Wireshark's programs load the plugin without it being installed.
//!
//! Wireshark run by root reads no personal plugin folder, and `WIRESHARK_PLUGIN_DIR` hides the plugins
//! that Wireshark brings along. So each sandbox is a fresh `HOME` with the plugin in its personal folder,
//! and root runs the programs as another user. A copy that is installed in the system folder would win
//! over the one to be tried; the sandbox then sees that folder without it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::home::Home;
use crate::wireshark::{Folders, PLUGIN_NAME};
use crate::{files, library};

/// Removed when dropped.
#[derive(Debug)]
pub struct Sandbox {
    home: Home,
    /// Takes the place of the system folder if that holds our plugin.
    plugin_dir: Option<PathBuf>,
}

impl Sandbox {
    /// A home in which `plugin` is installed, beside the plugins that Wireshark brings along.
    pub fn new(plugin: &Path) -> Result<Self> {
        let sandbox = Self::without_plugin()?;
        stage(sandbox.path(), plugin)?;
        Ok(sandbox)
    }

    /// A home in which nothing is installed: what Wireshark does by itself.
    pub fn without_plugin() -> Result<Self> {
        let home = Home::new()?;
        let global = Folders::of_home(home.path())?.global;
        let installed = !library::copies_in(&global).is_empty();
        let plugin_dir = installed.then(|| home.path().join("system-plugins"));
        if let Some(plugin_dir) = &plugin_dir {
            mirror_without_ours(&global, plugin_dir)?;
        }
        Ok(Self { home, plugin_dir })
    }

    /// The home itself. Programs run in it and may write to it.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// Lets the programs write to a file or folder in it that this process made.
    pub fn give(&self, path: &Path) -> Result<()> {
        self.home.give(path)
    }

    /// Copies a file into the home, readable for the programs, and returns where it is.
    pub fn add_file(&self, file: &Path) -> Result<PathBuf> {
        let name = file.file_name().context("a file without a name")?;
        let copy = self.path().join(name);
        files::copy_readable(file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
        Ok(copy)
    }

    /// Adds a Lua script that the programs load when they start, and returns where it is.
    pub fn add_lua(&self, name: &str, text: &str) -> Result<PathBuf> {
        let folder = Folders::of_home(self.path())?.personal_lua;
        files::create_open_folder(self.path(), &folder)?;
        let script = folder.join(name);
        fs::write(&script, text)?;
        fs::set_permissions(&script, Permissions::from_mode(0o644))?;
        Ok(script)
    }

    /// tshark with these arguments, in the home; paths in them must be absolute.
    pub fn tshark<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = self.command("tshark");
        command.args(arguments);
        command
    }

    /// Any program (sharkd, editcap …) under the same user and environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.home.command(program);
        if let Some(plugin_dir) = &self.plugin_dir {
            command.env("WIRESHARK_PLUGIN_DIR", plugin_dir);
        }
        command
    }
}

/// Lays `home` out so that a Wireshark with this `HOME` loads `plugin`.
pub fn stage(home: &Path, plugin: &Path) -> Result<()> {
    let folder = Folders::of_home(home)?.personal;
    files::create_open_folder(home, &folder)?;
    files::copy_readable(plugin, &folder.join(PLUGIN_NAME))
        .with_context(|| format!("cannot copy {}", plugin.display()))
}

/// Links every plugin of Wireshark's own, of whatever kind, into `plugin_dir`.
fn mirror_without_ours(global: &Path, plugin_dir: &Path) -> Result<()> {
    let version = global.parent().context("a plugin folder has a version")?;
    let version_name = version.file_name().context("a plugin folder has a version")?;
    let ours: Vec<PathBuf> = library::copies_in(global).into_iter().map(|copy| copy.path).collect();
    for kind in fs::read_dir(version)? {
        let kind = kind?;
        let folder = plugin_dir.join(version_name).join(kind.file_name());
        files::create_open_folder(plugin_dir, &folder)?;
        for plugin in fs::read_dir(kind.path())? {
            let plugin = plugin?;
            if !ours.contains(&plugin.path()) {
                symlink(plugin.path(), folder.join(plugin.file_name()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;

    #[test]
    fn an_added_file_is_readable_and_goes_with_the_sandbox() {
        let folder = tempfile::tempdir().expect("a folder");
        let private = folder.path().join("capture.pcap");
        fs::write(&private, "packets").expect("written");
        fs::set_permissions(&private, Permissions::from_mode(0o600)).expect("closed");

        let sandbox = Sandbox::without_plugin().expect("a sandbox");
        let copy = sandbox.add_file(&private).expect("copied");
        let text = process::stdout(sandbox.command("cat").arg(&copy)).expect("cat");
        assert_eq!(text, "packets");
        drop(sandbox);
        assert!(!copy.exists());
    }

    #[test]
    fn the_mirror_holds_all_but_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        let version = folder.path().join("real/4.0");
        for (kind, name) in [("epan", "wechat.so"), ("epan", "mate.so"), ("codecs", "g711.so")] {
            fs::create_dir_all(version.join(kind)).expect("created");
            fs::write(version.join(kind).join(name), "no library").expect("written");
        }
        let mirror = folder.path().join("mirror");
        mirror_without_ours(&version.join("epan"), &mirror).expect("mirrored");
        assert!(mirror.join("4.0/epan/mate.so").exists());
        assert!(mirror.join("4.0/codecs/g711.so").exists());
        assert!(!mirror.join("4.0/epan/wechat.so").exists());
    }
}
