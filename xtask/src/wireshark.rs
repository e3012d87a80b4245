// SPDX-License-Identifier: GPL-2.0-or-later
//! What the Wireshark of this machine says about itself: its version, its plugin folders, and which
//! plugins it loads.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

use crate::home::Home;
use crate::{cargo, process};

/// The file name under which the plugin is installed. Wireshark wants `.so` on macOS too.
pub const PLUGIN_NAME: &str = "wechat.so";

/// Major and minor version: plugins of one release do not load in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    pub major: u32,
    pub minor: u32,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The folders from which Wireshark loads, for its own version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    pub personal: PathBuf,
    pub global: PathBuf,
    pub personal_lua: PathBuf,
}

impl Folders {
    /// The folders for a user with this home who has not set `WIRESHARK_PLUGIN_DIR`.
    pub fn of_home(home: &Path) -> Result<Self> {
        static WITHOUT_HOME: OnceLock<Folders> = OnceLock::new();
        let known = match WITHOUT_HOME.get() {
            Some(known) => known,
            None => {
                let asked = Self::ask()?;
                WITHOUT_HOME.get_or_init(|| asked)
            }
        };
        Ok(Self {
            personal: home.join(&known.personal),
            global: known.global.clone(),
            personal_lua: home.join(&known.personal_lua),
        })
    }

    /// Asks tshark, which knows its version and how its platform spells it. The personal folders are
    /// relative to the home. It is asked in a home without plugins, because it loads them first and the
    /// wrong ones keep it from starting.
    fn ask() -> Result<Self> {
        ensure!(process::find("tshark").is_some(), "there is no tshark; `cargo xtask demo` installs it");
        let home = Home::new()?;
        let folders = match list_folders(&mut home.command("tshark")) {
            Ok(folders) => folders,
            // It may be the system folder that keeps it from starting.
            Err(error) => {
                let mut pkg_config = Command::new("pkg-config");
                let plugin_dir = process::stdout(pkg_config.args(["--variable=plugindir", "wireshark"]));
                let Ok(plugin_dir) = plugin_dir else { return Err(error) };
                let without_system = list_folders(&mut without_system_plugins(&home, "tshark"))?;
                Self { global: Path::new(plugin_dir.trim()).join("epan"), ..without_system }
            }
        };
        Ok(Self {
            personal: folders.personal.strip_prefix(home.path())?.to_owned(),
            personal_lua: folders.personal_lua.strip_prefix(home.path())?.to_owned(),
            ..folders
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let folder = |label: &str| {
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(found, _)| *found == label)
                .map(|(_, path)| PathBuf::from(path.trim()))
        };
        Some(Self {
            personal: folder("Personal Plugins")?.join("epan"),
            global: folder("Global Plugins")?.join("epan"),
            personal_lua: folder("Personal Lua Plugins")?,
        })
    }

    /// These folders for a user who has set `WIRESHARK_PLUGIN_DIR`.
    fn with_plugin_dir(self, plugin_dir: &Path) -> Self {
        let version = self.global.iter().rev().nth(1).unwrap_or_default();
        Self { global: plugin_dir.join(version).join("epan"), ..self }
    }

    /// The folder to install to: the only one that is read for such a user.
    pub fn to_install(&self, privileged: bool) -> &Path {
        if privileged { &self.global } else { &self.personal }
    }
}

/// Whether Wireshark will ignore the personal folder and `WIRESHARK_PLUGIN_DIR`, as it does, without a
/// word, for user or group 0.
pub fn is_privileged() -> bool {
    process::is_root() || rustix::process::getegid().is_root()
}

/// The plugins that were loaded, and what the loader said of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub paths: Vec<PathBuf>,
    pub complaints: Vec<String>,
}

/// The tshark of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tshark {
    pub path: PathBuf,
    /// In full, such as 4.0.17.
    pub version: String,
    pub release: Release,
    /// As they are for this user and with this environment.
    pub folders: Folders,
}

impl Tshark {
    /// `None` if there is no tshark.
    pub fn find() -> Result<Option<Self>> {
        let Some(path) = process::find("tshark") else {
            return Ok(None);
        };
        let (version, release) = version("tshark")?;
        let folders = Folders::of_home(&user_home()?)?;
        let folders = match env::var_os("WIRESHARK_PLUGIN_DIR") {
            Some(plugin_dir) if !is_privileged() => folders.with_plugin_dir(Path::new(&plugin_dir)),
            _ => folders,
        };
        Ok(Some(Self { path, version, release, folders }))
    }

    /// Lets tshark load its plugins as this user.
    pub fn load_plugins(&self) -> Result<Loaded> {
        // Not `process::output`: a fatal plugin ends tshark, and its words are what we want.
        let output =
            Command::new(&self.path).args(["-G", "plugins"]).output().context("cannot start tshark")?;
        Ok(Loaded {
            paths: listed(&String::from_utf8_lossy(&output.stdout)),
            complaints: complaints(&String::from_utf8_lossy(&output.stderr)),
        })
    }
}

/// The home that Wireshark takes for this user's.
pub fn user_home() -> Result<PathBuf> {
    env::var_os("HOME").map(PathBuf::from).context("HOME is not set: set it to the home folder of whoever runs Wireshark (`HOME=/home/NAME cargo xtask ...`)")
}

/// The version, in full and as a release, that one of Wireshark's programs names.
pub fn version(program: &str) -> Result<(String, Release)> {
    let text = process::stdout(without_system_plugins(&Home::new()?, program).arg("--version"))?;
    parse_version(&text).with_context(|| format!("{program} names no version"))
}

fn list_folders(tshark: &mut Command) -> Result<Folders> {
    let text = process::stdout(tshark.args(["-G", "folders"]))?;
    Folders::parse(&text).with_context(|| format!("`tshark -G folders` names no plugin folders:\n{text}"))
}

/// A program that loads no plugins at all: it takes the home, which has none, for the system folder.
fn without_system_plugins(home: &Home, program: &str) -> Command {
    let mut command = home.command(program);
    command.env("WIRESHARK_PLUGIN_DIR", home.path());
    command
}

/// From `TShark (Wireshark) 4.0.17 (Git …)` or `Wireshark 4.6.0.`; older ones print other lines first.
fn parse_version(text: &str) -> Option<(String, Release)> {
    text.split_whitespace().find_map(|word| {
        let version = word.trim_end_matches('.');
        let mut numbers = version.split('.');
        let release = Release { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? };
        Some((version.to_owned(), release))
    })
}

/// Lines read `name<tab>version<tab>type<tab>path`.
fn listed(text: &str) -> Vec<PathBuf> {
    text.lines().filter_map(|line| line.split('\t').nth(3)).map(PathBuf::from).collect()
}

fn complaints(text: &str) -> Vec<String> {
    text.lines().filter(|line| line.contains("plugin")).map(|line| line.trim().to_owned()).collect()
}

/// Compiles a plugin that is not ours, from one file in C, as strictly as our own.
pub fn compile_plugin(source: &Path, library: &Path) -> Result<()> {
    let flags = process::stdout(Command::new("pkg-config").args(["--cflags", "wireshark"]))?;
    // Wireshark's own headers are not ours to warn about.
    let flags = flags.split_whitespace().flat_map(|flag| match flag.strip_prefix("-I") {
        Some(path) => vec!["-isystem", path],
        None => vec![flag],
    });
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]);
    compiler.args(["-fPIC", "-shared", "-fvisibility=hidden"]).args(flags);
    compiler.arg("-I").arg(cargo::root()?.join("include")).arg(source).arg("-o").arg(library);
    process::output(&mut compiler)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_with_their_version() {
        let text = "Temp:                \t/tmp\n\
                    Personal Plugins:    \t/home/a b/.local/lib/wireshark/plugins/4-4\n\
                    Global Plugins:      \t/usr/lib/wireshark/plugins/4-4\n\
                    Personal Lua Plugins:\t/home/a b/.local/lib/wireshark/plugins\n";
        let folders = Folders::parse(text).expect("folders");
        let personal = Path::new("/home/a b/.local/lib/wireshark/plugins/4-4/epan");
        let global = Path::new("/usr/lib/wireshark/plugins/4-4/epan");
        assert_eq!(folders.to_install(false), personal);
        assert_eq!(folders.to_install(true), global);
        assert_eq!(Folders::parse("Temp:\t/tmp\n"), None);
        let elsewhere = folders.with_plugin_dir(Path::new("/v"));
        assert_eq!(elsewhere.global, Path::new("/v/4-4/epan"));
    }

    #[test]
    fn versions_are_read_from_every_programs_banner() {
        for (text, version, major, minor) in [
            ("TShark (Wireshark) 4.0.17 (Git v4.0.17)", "4.0.17", 4, 0),
            ("Wireshark 4.6.9.\n\nCopyright 1998-2026", "4.6.9", 4, 6),
            ("TShark (Wireshark) 4.7.0rc1 (v4.7.0rc1)", "4.7.0rc1", 4, 7),
        ] {
            let expected = (version.to_owned(), Release { major, minor });
            assert_eq!(parse_version(text), Some(expected), "{text}");
        }
        assert_eq!(parse_version("no version"), None);
    }

    #[test]
    fn plugins_are_listed_by_path_and_noise_is_left_out() {
        let text = "wechat.so       \t0.1.0\tdissector\t/p/4.0/epan/wechat.so\n";
        assert_eq!(listed(text), [PathBuf::from("/p/4.0/epan/wechat.so")]);
        let text = "Running as user \"root\" and group \"root\". This could be dangerous.\n\
                    tshark: The plugin 'm.so' has no \"plugin_version\" symbol\n";
        assert_eq!(complaints(text), ["tshark: The plugin 'm.so' has no \"plugin_version\" symbol"]);
    }
}
