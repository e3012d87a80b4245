// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask miri`: the core's unit tests, the C interface as called from Rust among them, and part of the fuzz
//! targets' corpus, in Rust's interpreter, which sees undefined behaviour.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use xtask::{cargo, process};

pub fn run() -> Result<()> {
    let found = miri(&["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        found.is_ok_and(|status| status.success()),
        "this needs a nightly compiler with Miri: rustup toolchain install nightly --component miri,rust-src"
    );
    let tests = [
        "test",
        "--package",
        cargo::PLUGIN_PACKAGE,
        "--no-default-features",
        "--lib",
        "--test",
        "interface",
        "--test",
        "corpus",
    ];
    // The corpus is read from files.
    let target = cargo::target_dir()?.join("miri");
    process::run(miri(&tests).env("MIRIFLAGS", "-Zmiri-disable-isolation").arg("--target-dir").arg(target))
}

/// rustup's cargo, which knows toolchains; the one that runs us is of a fixed one.
fn miri(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").args(["+nightly", "miri"]).args(arguments);
    command
}
