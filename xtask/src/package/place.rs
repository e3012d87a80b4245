// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a package is built: on this machine, or in the root of another Debian suite.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, PLUGIN_PACKAGE};
use crate::root::Root;
use crate::wireshark::Release;
use crate::{crates, process};

/// A machine, or something like one.
#[derive(Debug)]
pub enum Place {
    Here,
    Root(Root),
}

impl Place {
    pub fn command(&self, program: &str) -> Command {
        match self {
            Self::Here => Command::new(program),
            Self::Root(root) => root.command(program),
        }
    }

    fn stdout(&self, program: &str, arguments: &[&str]) -> Result<String> {
        Ok(process::stdout(self.command(program).args(arguments))?.trim().to_owned())
    }

    /// What a package must know of the Wireshark there.
    pub fn wireshark(&self) -> Result<Wireshark> {
        let pkg_config =
            |arguments: &[&str]| self.stdout("pkg-config", &[arguments, &["wireshark"]].concat());
        let version = pkg_config(&["--modversion"])
            .context("there are no headers of Wireshark to build with; `cargo xtask demo` installs them")?;
        let mut numbers = version.split('.').map(str::parse);
        let mut number = || numbers.next().and_then(Result::ok);
        let release = number().zip(number()).map(|(major, minor)| Release { major, minor });
        Ok(Wireshark {
            release: release.with_context(|| format!("`{version}` is no version of Wireshark"))?,
            prefix: pkg_config(&["--variable=prefix"])?.into(),
            libraries: pkg_config(&["--variable=libdir"])?.into(),
            plugins: pkg_config(&["--variable=plugindir"])?.into(),
        })
    }

    /// Debian's name for the kind of machine.
    pub fn architecture(&self) -> Result<String> {
        self.stdout("dpkg", &["--print-architecture"])
    }

    /// Debian's package that a library's file belongs to.
    pub fn owner(&self, library: &Path) -> Result<String> {
        let file = self.stdout("readlink", &["-f", &library.display().to_string()])?;
        let line = self.stdout("dpkg-query", &["--search", &file])?;
        let (package, _) = line.split_once(": ").with_context(|| format!("no package owns {file}"))?;
        Ok(package.split(':').next().unwrap_or(package).to_owned())
    }

    /// Builds the plugin as it is given to others: nothing in it names a path of the machine, and symbols are stripped.
    pub fn build(&self, target: &Path) -> Result<PathBuf> {
        let flags = flags(target)?;
        let mut build = match self {
            Self::Here => {
                let mut build = cargo::cargo("build");
                build.env("CARGO_ENCODED_RUSTFLAGS", flags).env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
                build.env("CARGO_TARGET_DIR", target);
                build
            }
            Self::Root(root) => {
                let variables =
                    [("CARGO_ENCODED_RUSTFLAGS", flags.as_str()), ("CARGO_PROFILE_RELEASE_STRIP", "symbols")];
                let mut build = root.cargo(target, &variables)?;
                build.arg("build");
                build
            }
        };
        process::output(build.args(["--release", "--locked", "--package", PLUGIN_PACKAGE]))?;
        let plugin = target.join("release").join(cargo::plugin_file_name());
        ensure!(plugin.is_file(), "cargo built no plugin at {}", plugin.display());
        Ok(plugin)
    }
}

/// A Wireshark to build for.
#[derive(Clone, Debug)]
pub struct Wireshark {
    pub release: Release,
    pub prefix: PathBuf,
    /// The folder that its libraries are in.
    pub libraries: PathBuf,
    /// The folder of its plugins of every kind.
    pub plugins: PathBuf,
}

/// The user's flags for the compiler, and for each crate the path by which panics name it: the same wherever it lies.
fn flags(target: &Path) -> Result<String> {
    let mut flags = match std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        Ok(encoded) => encoded.split('\x1f').map(str::to_owned).collect::<Vec<_>>(),
        Err(_) => {
            let plain = std::env::var("RUSTFLAGS").unwrap_or_default();
            plain.split_whitespace().map(str::to_owned).collect()
        }
    };
    flags.retain(|flag| !flag.is_empty());
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}=/{to}", from.display());
    // Of several that fit, the compiler takes the last.
    flags.push(remap(&cargo::root()?, PLUGIN_PACKAGE));
    flags.push(remap(target, "target"));
    for one in crates::all()?.iter().filter(|one| one.checksum.is_some()) {
        flags.push(remap(&one.folder, &format!("{}-{}", one.name, one.version)));
    }
    Ok(flags.join("\x1f"))
}
