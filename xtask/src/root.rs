// SPDX-License-Identifier: GPL-2.0-or-later
//! A Debian suite in a folder, made by debootstrap from the mirror that this machine uses, and programs
//! run in it. The toolchain and the crates of this machine are mounted into it, so that what is built there is linked
//! with the suite's own libraries.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{cargo, packages, process};

/// Debian's suites and the Wireshark of each; of several, the first that can be had.
pub const SUITES: [(&str, &[&str]); 4] =
    [("3.4", &["bullseye"]), ("4.0", &["bookworm"]), ("4.4", &["trixie"]), ("4.6", &["forky", "sid"])];

/// Mounts the folders a program needs, and changes its root.
const INSIDE: &str = include_str!("inside.sh");

/// Left behind when all packages are there, with their names.
const READY: &str = ".wechat-ready";

/// A suite that is ready for use.
#[derive(Debug)]
pub struct Root {
    suite: &'static str,
    folder: PathBuf,
    /// Mounted at their own paths.
    folders: Vec<PathBuf>,
}

impl Root {
    /// A root with this Wireshark and all that building and testing needs, made if it is not there. The sources
    /// and `folders` are seen inside.
    pub fn of_release(release: &str, folders: &[PathBuf]) -> Result<Self> {
        let mut seen = vec![cargo::root()?, home("CARGO_HOME", ".cargo")?, home("RUSTUP_HOME", ".rustup")?];
        seen.extend_from_slice(folders);
        let root = Self::first(release, "", &packages::apt_names(), &seen)?;
        let version = process::stdout(root.command("pkg-config").args(["--modversion", "wireshark"]))?;
        ensure!(
            version.starts_with(&format!("{release}.")),
            "the suite {} has Wireshark {} and not {release}",
            root.suite,
            version.trim()
        );
        Ok(root)
    }

    /// The suite that has this Wireshark as it comes, with nothing installed.
    pub fn bare(release: &str) -> Result<Self> {
        Self::first(release, "-bare", &[], &[])
    }

    /// The first of the release's suites that can be had.
    fn first(release: &str, kind: &str, packages: &[&str], folders: &[PathBuf]) -> Result<Self> {
        ensure!(process::is_root(), "only root can make and enter the roots; run this as root");
        let row = SUITES.iter().find(|(name, _)| *name == release);
        let (_, suites) = row.with_context(|| format!("there is no `{release}` here, but {}", releases()))?;
        let parent = cargo::target_dir()?.join("matrix/roots");
        let mut made = suites.iter().map(|suite| {
            let root =
                Self { suite, folder: parent.join(format!("{suite}{kind}")), folders: folders.to_vec() };
            let there = fs::read_to_string(root.folder.join(READY)).ok();
            if there.is_none() {
                println!("Making {} (about a minute) ...", root.folder.display());
                root.make().with_context(|| format!("cannot make a root of the suite {suite}"))?;
            }
            if there.as_deref() != Some(packages.join(" ").as_str()) {
                root.install(packages)
                    .with_context(|| format!("cannot fill the root of the suite {suite}"))?;
            }
            Ok(root)
        });
        made.find_map(|made: Result<_>| made.map_err(|error| println!("{error:#}")).ok())
            .with_context(|| format!("no suite with Wireshark {release} can be had"))
    }

    /// A copy to spoil, in which the folders are seen that are seen in `like`.
    pub fn copy(&self, name: &str, like: &Self) -> Result<Self> {
        let folder = self.folder.with_file_name(name);
        let copy = Self { suite: self.suite, folder, folders: like.folders.clone() };
        copy.remove()?;
        process::output(
            Command::new("cp").args(["-a", "--reflink=auto"]).args([&self.folder, &copy.folder]),
        )?;
        Ok(copy)
    }

    /// Nothing is mounted in it but while a program runs.
    pub fn remove(&self) -> Result<()> {
        process::output(Command::new("rm").args(["-rf", "--one-file-system"]).arg(&self.folder)).map(drop)
    }

    pub fn suite(&self) -> &'static str {
        self.suite
    }

    /// The folder as it is seen from outside.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A program inside, with none of the environment outside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh"]);
        command.arg(&self.folder).args(&self.folders).arg("--").arg(program);
        command
    }

    /// cargo inside, with a target folder of its own and no way to the net. Variables are set for it.
    pub fn cargo(&self, target: &Path, variables: &[(&str, &str)]) -> Result<Command> {
        let mut command = self.toolchain(target)?;
        command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(home("CARGO_HOME", ".cargo")?.join("bin/cargo"));
        Ok(command)
    }

    /// The project's commands inside, built before in that target folder.
    pub fn xtask(&self, target: &Path) -> Result<Command> {
        let mut command = self.toolchain(target)?;
        command.arg(format!("CARGO={}", home("CARGO_HOME", ".cargo")?.join("bin/cargo").display()));
        command.arg(target.join("debug/xtask"));
        Ok(command)
    }

    /// `env` with what cargo needs, in the folder of the sources.
    fn toolchain(&self, target: &Path) -> Result<Command> {
        let mut command = self.command("env");
        command.arg("-C").arg(cargo::root()?);
        for (name, folder) in [
            ("CARGO_HOME", home("CARGO_HOME", ".cargo")?.as_path()),
            ("RUSTUP_HOME", &home("RUSTUP_HOME", ".rustup")?),
            ("CARGO_TARGET_DIR", target),
        ] {
            command.arg(format!("{name}={}", folder.display()));
        }
        command.arg("CARGO_NET_OFFLINE=true");
        Ok(command)
    }

    fn make(&self) -> Result<()> {
        let suite = self.suite;
        ensure!(
            process::find("debootstrap").is_some(),
            "there is no debootstrap; install the package of that name"
        );
        let mirror = mirror()?;
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        fs::create_dir_all(&self.folder)?;
        let mut debootstrap = Command::new("unshare");
        debootstrap.args(["--mount", "--propagation", "private", "debootstrap", "--variant=minbase"]);
        debootstrap.arg(suite).arg(&self.folder).arg(&mirror).args(script(suite));
        process::output(&mut debootstrap)?;

        self.write("etc/apt/sources.list", &format!("deb {mirror} {suite} main\n"))?;
        self.write("etc/apt/apt.conf.d/90matrix", &apt_settings(suite)?)?;
        self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")?;
        process::output(Command::new("chmod").arg("755").arg(self.folder.join("usr/sbin/policy-rc.d")))?;
        for file in ["etc/resolv.conf", "etc/hosts"] {
            if let Ok(text) = fs::read_to_string(Path::new("/").join(file)) {
                self.write(file, &text)?;
            }
        }
        process::output(&mut self.apt_get(&["update"]))?;
        self.write(READY, "nothing")
    }

    fn install(&self, packages: &[&str]) -> Result<()> {
        if !packages.is_empty() {
            process::output(self.apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages))?;
            process::output(&mut self.apt_get(&["clean"]))?;
        }
        self.write(READY, &packages.join(" "))
    }

    pub fn apt_get(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("env");
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
        command
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        // Some are links that lead out of the root.
        if path.is_symlink() {
            fs::remove_file(&path)?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The releases there are roots for.
pub fn releases() -> String {
    SUITES.map(|(release, _)| release).join(", ")
}

/// A folder that cargo and rustup look for in the home.
pub fn home(variable: &str, name: &str) -> Result<PathBuf> {
    let folder = match env::var_os(variable) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(name),
    };
    folder.canonicalize().with_context(|| format!("there is no {}", folder.display()))
}

/// Where this machine gets its packages; another place can be named.
fn mirror() -> Result<String> {
    if let Ok(mirror) = env::var("DEBIAN_MIRROR") {
        return Ok(mirror);
    }
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)", "Created-By: Packages"]);
    let targets = process::stdout(&mut apt)?;
    debian_mirror(&targets)
        .context("apt has no source of Debian: set DEBIAN_MIRROR to the address of a mirror")
}

/// The first archive of Debian itself, not of its security updates.
fn debian_mirror(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| line.strip_suffix(" Debian Debian")).map(str::to_owned)
}

/// A debootstrap that is older than the suite has no script for it; that of sid is the same.
fn script(suite: &str) -> Option<&'static str> {
    let scripts = Path::new("/usr/share/debootstrap/scripts");
    (!scripts.join(suite).exists()).then_some("/usr/share/debootstrap/scripts/sid")
}

/// How this machine reaches its mirror, and what a root needs of its own.
fn apt_settings(suite: &str) -> Result<String> {
    let mut settings = process::stdout(Command::new("apt-config").args([
        "dump",
        "--no-empty",
        "--format",
        "%F \"%v\";%n",
        "Acquire::http",
        "Acquire::https",
    ]))?;
    settings
        .push_str("APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::Retries \"3\";\n");
    if matches!(suite, "forky" | "sid") {
        // The index of a frozen mirror passes its date; its signature is checked all the same.
        settings.push_str("Acquire::Check-Valid-Until \"false\";\n");
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_debians_own_archive() {
        let targets = "http://a.example/other Other Other\n\
                       http://b.example/debian-security Debian Debian-Security\n\
                       http://c.example/debian/ Debian Debian\n";
        assert_eq!(debian_mirror(targets), Some("http://c.example/debian/".to_owned()));
        assert_eq!(debian_mirror("http://d.example/ubuntu Ubuntu Ubuntu\n"), None);
    }
}
