// SPDX-License-Identifier: GPL-2.0-or-later
//! Installing the system packages that are missing.

use std::io::{self, IsTerminal as _};
use std::process::{Command, Stdio};

use crate::process;
use anyhow::{Context, Result, bail, ensure};

/// How to see whether something is there, however it was installed.
#[derive(Clone, Copy, Debug)]
enum Probe {
    Program(&'static str),
    /// A library's headers, by their name in pkg-config.
    Headers(&'static str),
    /// A module of Python.
    Python(&'static str),
}

/// Something we need and the package that brings it, by package manager.
#[derive(Debug)]
pub struct Need {
    probe: Probe,
    apt: &'static str,
    dnf: &'static str,
    pacman: &'static str,
    brew: &'static str,
}

/// What building and trying the plugin needs.
#[rustfmt::skip]
pub const BUILD: &[Need] = &[
    Need { probe: Probe::Program("tshark"), apt: "tshark", dnf: "wireshark-cli", pacman: "wireshark-cli", brew: "wireshark" },
    Need { probe: Probe::Headers("wireshark"), apt: "wireshark-dev", dnf: "wireshark-devel", pacman: "wireshark-cli", brew: "wireshark" },
    Need { probe: Probe::Headers("glib-2.0"), apt: "libglib2.0-dev", dnf: "glib2-devel", pacman: "glib2", brew: "glib" },
    Need { probe: Probe::Program("pkg-config"), apt: "pkg-config", dnf: "pkgconf-pkg-config", pacman: "pkgconf", brew: "pkgconf" },
    Need { probe: Probe::Program("cc"), apt: "gcc", dnf: "gcc", pacman: "gcc", brew: "gcc" },
];

/// What the tests need on top. sharkd comes with dumpcap and editcap wherever it is packaged.
#[rustfmt::skip]
pub const TEST: &[Need] = &[
    Need { probe: Probe::Program("dumpcap"), apt: "wireshark-common", dnf: "wireshark-cli", pacman: "wireshark-cli", brew: "wireshark" },
    Need { probe: Probe::Program("editcap"), apt: "wireshark-common", dnf: "wireshark-cli", pacman: "wireshark-cli", brew: "wireshark" },
    Need { probe: Probe::Program("curl"), apt: "curl", dnf: "curl", pacman: "curl", brew: "curl" },
    Need { probe: Probe::Program("openssl"), apt: "openssl", dnf: "openssl", pacman: "openssl", brew: "openssl" },
    Need { probe: Probe::Program("nginx"), apt: "nginx-light", dnf: "nginx", pacman: "nginx", brew: "nginx" },
    Need { probe: Probe::Program("ip"), apt: "iproute2", dnf: "iproute", pacman: "iproute2", brew: "iproute2mac" },
    Need { probe: Probe::Program("unshare"), apt: "util-linux", dnf: "util-linux", pacman: "util-linux", brew: "util-linux" },
    Need { probe: Probe::Program("python3"), apt: "python3", dnf: "python3", pacman: "python", brew: "python" },
];

/// What making Debian's package needs; elsewhere there is none to make.
#[rustfmt::skip]
pub const DEBIAN: &[Need] = &[
    Need { probe: Probe::Program("dpkg-shlibdeps"), apt: "dpkg-dev", dnf: "dpkg-dev", pacman: "dpkg", brew: "dpkg" },
];

/// What the packages are tried with.
#[rustfmt::skip]
pub const PACKAGE: &[Need] = &[
    Need { probe: Probe::Program("shellcheck"), apt: "shellcheck", dnf: "ShellCheck", pacman: "shellcheck", brew: "shellcheck" },
    Need { probe: Probe::Program("valgrind"), apt: "valgrind", dnf: "valgrind", pacman: "valgrind", brew: "valgrind" },
    Need { probe: Probe::Program("rpmspec"), apt: "rpm", dnf: "rpm-build", pacman: "rpm-tools", brew: "rpm" },
    Need { probe: Probe::Program("c++"), apt: "g++", dnf: "gcc-c++", pacman: "gcc", brew: "gcc" },
];

/// What only Debian has to try its package with.
#[rustfmt::skip]
pub const LINTIAN: &[Need] = &[
    Need { probe: Probe::Program("lintian"), apt: "lintian", dnf: "lintian", pacman: "lintian", brew: "lintian" },
];

/// What `cargo xtask pictures` needs on top: Wireshark's window, a screen that nobody sees, keys, and pictures.
#[rustfmt::skip]
pub const PICTURES: &[Need] = &[
    Need { probe: Probe::Program("wireshark"), apt: "wireshark", dnf: "wireshark", pacman: "wireshark-qt", brew: "wireshark" },
    Need { probe: Probe::Program("Xvfb"), apt: "xvfb", dnf: "xorg-x11-server-Xvfb", pacman: "xorg-server-xvfb", brew: "xquartz" },
    Need { probe: Probe::Program("xdotool"), apt: "xdotool", dnf: "xdotool", pacman: "xdotool", brew: "xdotool" },
    Need { probe: Probe::Program("import"), apt: "imagemagick", dnf: "ImageMagick", pacman: "imagemagick", brew: "imagemagick" },
];

/// What the pipelines need on top.
#[rustfmt::skip]
pub const PIPELINES: &[Need] = &[
    Need { probe: Probe::Program("mergecap"), apt: "wireshark-common", dnf: "wireshark-cli", pacman: "wireshark-cli", brew: "wireshark" },
    Need { probe: Probe::Program("tcpdump"), apt: "tcpdump", dnf: "tcpdump", pacman: "tcpdump", brew: "tcpdump" },
    Need { probe: Probe::Program("setpriv"), apt: "util-linux", dnf: "util-linux", pacman: "util-linux", brew: "util-linux" },
    Need { probe: Probe::Python("ensurepip"), apt: "python3-venv", dnf: "python3", pacman: "python", brew: "python" },
];

/// And what a cluster of Spark needs.
#[rustfmt::skip]
pub const CLUSTER: &[Need] = &[
    Need { probe: Probe::Program("java"), apt: "openjdk-17-jre-headless", dnf: "java-17-openjdk-headless", pacman: "jre17-openjdk-headless", brew: "openjdk@17" },
];

struct Manager {
    program: &'static str,
    /// Run before an install.
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    /// Keeps the manager from asking questions.
    variables: &'static [&'static str],
    /// Homebrew refuses to be root; the others insist.
    as_root: bool,
    package: fn(&Need) -> &'static str,
}

/// In the order in which they are looked for.
const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        refresh: &["update"],
        install: &["install", "--yes", "--no-install-recommends"],
        // wireshark-common asks whether ordinary users may capture.
        variables: &["DEBIAN_FRONTEND=noninteractive"],
        as_root: true,
        package: |need| need.apt,
    },
    Manager {
        program: "dnf",
        refresh: &[],
        install: &["install", "--assumeyes", "--setopt=install_weak_deps=False"],
        variables: &[],
        as_root: true,
        package: |need| need.dnf,
    },
    Manager {
        program: "pacman",
        refresh: &[],
        install: &["-S", "--needed", "--noconfirm"],
        variables: &[],
        as_root: true,
        package: |need| need.pacman,
    },
    Manager {
        program: "brew",
        refresh: &[],
        install: &["install"],
        variables: &[],
        as_root: false,
        package: |need| need.brew,
    },
];

/// Debian's packages of all that building, testing and packaging the plugin need.
pub fn apt_names() -> Vec<&'static str> {
    let needs = BUILD.iter().chain(TEST).chain(DEBIAN);
    let mut names: Vec<&str> = needs.map(|need| need.apt).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Installs what is missing, saying first what and how.
pub fn ensure_installed(needs: &[&[Need]]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        println!("Every system package that is needed is there.");
        return Ok(());
    }
    let manager =
        MANAGERS.iter().find(|manager| process::find(manager.program).is_some()).with_context(|| {
            format!(
                "missing: {}; there is no apt-get, dnf, pacman or brew to install it with",
                names(&missing)
            )
        })?;
    let packages = packages(manager, &missing);
    let user = User::current();
    let refresh = manager.command(user, manager.refresh, &[]);
    let install = manager.command(user, manager.install, &packages);

    println!("Missing: {}.", names(&missing));
    println!("Going to install {} with:", packages.join(", "));
    if !manager.refresh.is_empty() {
        println!("  {}", process::display(&refresh));
    }
    println!("  {}", process::display(&install));

    if manager.as_root && user == User::Powerless {
        bail!("only root can install packages and there is no sudo; run the above as root");
    }
    if !manager.refresh.is_empty() && run(refresh).is_err() {
        // One unreachable source is no reason to give up: the packages may come from another.
        println!("The package lists could not be renewed; going on with the ones at hand.");
    }
    run(install).with_context(|| {
        let by_hand = manager.command(user.by_hand(), manager.install, &packages);
        format!("nothing was installed; run this, then start again: {}", process::display(&by_hand))
    })?;

    let left = self::missing(needs);
    ensure!(left.is_empty(), "still missing: {}", names(&left));
    Ok(())
}

fn missing<'a>(needs: &[&'a [Need]]) -> Vec<&'a Need> {
    needs.iter().flat_map(|needs| needs.iter()).filter(|need| !need.is_there()).collect()
}

fn names(needs: &[&Need]) -> String {
    let name = |need: &&Need| match need.probe {
        Probe::Program(program) => program.to_owned(),
        Probe::Headers(module) => format!("the headers of {module}"),
        Probe::Python(module) => format!("Python's {module}"),
    };
    needs.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// One package may bring several things.
fn packages(manager: &Manager, needs: &[&Need]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = needs.iter().map(|need| (manager.package)(need)).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

impl Need {
    fn is_there(&self) -> bool {
        match self.probe {
            Probe::Program(program) => process::find(program).is_some(),
            Probe::Headers(module) => succeeds("pkg-config", &["--exists", module]),
            Probe::Python(module) => succeeds("python3", &["-c", &format!("import {module}")]),
        }
    }
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What this user can do about root's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Root,
    /// sudo may ask for a password only where someone can type one.
    Sudo {
        ask: bool,
    },
    Powerless,
}

impl User {
    fn current() -> Self {
        if process::is_root() {
            Self::Root
        } else if process::find("sudo").is_some() {
            Self::Sudo { ask: io::stdin().is_terminal() }
        } else {
            Self::Powerless
        }
    }

    /// The same user at a terminal.
    fn by_hand(self) -> Self {
        match self {
            Self::Sudo { .. } => Self::Sudo { ask: true },
            other => other,
        }
    }
}

impl Manager {
    fn command(&self, user: User, verb: &[&str], packages: &[&str]) -> Command {
        let mut words = Vec::new();
        if self.as_root {
            match user {
                User::Root | User::Powerless => {}
                User::Sudo { ask: true } => words.push("sudo"),
                User::Sudo { ask: false } => words.extend(["sudo", "-n"]),
            }
        }
        if !self.variables.is_empty() {
            // sudo passes no variables on, so they are set behind it.
            words.push("env");
            words.extend(self.variables);
        }
        words.push(self.program);
        words.extend(verb);
        words.extend(packages);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    }
}

/// Without a terminal nothing may wait for an answer.
fn run(mut command: Command) -> Result<()> {
    if !io::stdin().is_terminal() {
        command.stdin(Stdio::null());
    }
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(program: &str, user: User) -> String {
        let manager = MANAGERS.iter().find(|manager| manager.program == program).expect("a known manager");
        let needs: Vec<&Need> = BUILD.iter().take(2).collect();
        let packages = packages(manager, &needs);
        process::display(&manager.command(user, manager.install, &packages))
    }

    #[test]
    fn each_manager_is_called_without_questions() {
        assert_eq!(
            install("apt-get", User::Root),
            "env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
             tshark wireshark-dev"
        );
        assert_eq!(
            install("dnf", User::Sudo { ask: false }),
            "sudo -n dnf install --assumeyes --setopt=install_weak_deps=False \
             wireshark-cli wireshark-devel"
        );
        assert_eq!(
            install("pacman", User::Sudo { ask: true }),
            "sudo pacman -S --needed --noconfirm wireshark-cli"
        );
        assert_eq!(install("brew", User::Sudo { ask: true }), "brew install wireshark");
    }

    #[test]
    fn only_what_is_missing_is_named() {
        let need = |probe| Need { probe, apt: "a", dnf: "d", pacman: "p", brew: "b" };
        let needs = [
            need(Probe::Program("sh")),
            need(Probe::Program("no-such-program")),
            need(Probe::Headers("no-such-library")),
        ];
        assert_eq!(names(&missing(&[&needs])), "no-such-program, the headers of no-such-library");
    }
}
