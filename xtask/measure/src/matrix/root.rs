// SPDX-License-Identifier: GPL-2.0-or-later
//! A Debian suite in a folder, made by debootstrap from the mirror that this machine uses, and programs
//! run in it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::{packages, process};

/// Mounts the folders a program needs, and changes its root.
const INSIDE: &str = include_str!("inside.sh");

/// Left behind when all packages are there.
const READY: &str = ".wechat-ready";

/// A suite that is ready for use.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
    /// Mounted at their own paths.
    folders: Vec<PathBuf>,
}

impl Root {
    /// The root of `suite` under `parent`, made if it is not there. `folders` are seen inside.
    pub fn of_suite(suite: &str, parent: &Path, folders: &[PathBuf]) -> Result<Self> {
        ensure!(process::is_root(), "only root can make and enter the roots; run this as root");
        let root = Self { folder: parent.join(suite), folders: folders.to_vec() };
        if !root.folder.join(READY).exists() {
            println!("Making {} (about a minute, 800 MB) ...", root.folder.display());
            root.make(suite).with_context(|| format!("cannot make a root of the suite {suite}"))?;
        }
        Ok(root)
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

    fn make(&self, suite: &str) -> Result<()> {
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
        let names = packages::apt_names();
        process::output(self.apt_get(&["install", "--yes", "--no-install-recommends"]).args(names))?;
        process::output(&mut self.apt_get(&["clean"]))?;
        self.write(READY, "")
    }

    fn apt_get(&self, arguments: &[&str]) -> Command {
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
