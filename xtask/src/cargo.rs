// SPDX-License-Identifier: GPL-2.0-or-later
//! Calling cargo, and finding what it built.

use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;

/// The package that is the plugin.
pub const PLUGIN_PACKAGE: &str = "wechat-dissector";

/// The cargo that runs us; like it, it is started somewhere in the workspace.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_ourselves(&mut command);
    command.arg(subcommand);
    command
}

/// rustup's cargo on its nightly compiler; the cargo that runs us is of a fixed one.
pub fn nightly(subcommand: &str) -> Command {
    let mut command = Command::new("cargo");
    forget_ourselves(&mut command);
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").args(["+nightly", subcommand]);
    command
}

/// Takes away what cargo told this process of its own package. Build scripts ask to run again when such a
/// variable changes (ring's does), and it would be there in our builds and missing in the user's.
pub fn forget_ourselves(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_a_package) {
            command.env_remove(name);
        }
    }
}

/// The user's settings for cargo have other names.
fn is_of_a_package(name: &str) -> bool {
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"];
    const NAMES: [&str; 5] =
        ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The folder of the workspace. Asked at run time: a path compiled in would be wrong after a move.
pub fn root() -> Result<PathBuf> {
    folder("workspace_root")
}

/// Where cargo puts what it builds, wherever the user's settings have moved it.
pub fn target_dir() -> Result<PathBuf> {
    folder("target_directory")
}

fn folder(key: &str) -> Result<PathBuf> {
    let text = process::stdout(cargo("metadata").args(["--no-deps", "--format-version=1"]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let folder = metadata[key].as_str().with_context(|| format!("cargo metadata names no {key}"))?;
    Ok(folder.into())
}

/// The name cargo gives to the plugin's file.
pub fn plugin_file_name() -> String {
    format!("{DLL_PREFIX}wechat_dissector{DLL_SUFFIX}")
}

/// Where the release build leaves the plugin; it need not be there yet.
pub fn plugin_path() -> Result<PathBuf> {
    Ok(target_dir()?.join("release").join(plugin_file_name()))
}

/// Builds the plugin in release mode and returns its path.
pub fn build_plugin() -> Result<PathBuf> {
    process::run(cargo("build").args(["--release", "--locked", "--package", PLUGIN_PACKAGE]))?;
    let plugin = plugin_path()?;
    ensure!(plugin.is_file(), "cargo built no plugin at {}", plugin.display());
    Ok(plugin)
}

/// Builds a program of the workspace, for those who want to start it, and returns its path. Dependencies have the features
/// that the whole workspace asks for, as in the tests, so that both use the same ones.
pub fn build_program(name: &str) -> Result<PathBuf> {
    process::output(cargo("build").args(["--workspace", "--bin", name]))?;
    Ok(target_dir()?.join("debug").join(format!("{name}{EXE_SUFFIX}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_our_package() {
        // Cargo tells a test of its package.
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some() && env::var_os("CARGO_PKG_NAME").is_some());
        for command in [cargo("build"), nightly("build")] {
            let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
            for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
                assert!(removed.iter().any(|(removed, _)| *removed == name), "{name} stays in {command:?}");
            }
        }
        for kept in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS", "PATH"] {
            assert!(!is_of_a_package(kept), "{kept}");
        }
    }
}
