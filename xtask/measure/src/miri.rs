// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask miri`: the core's unit tests, the C interface as called from Rust among them, and part of the fuzz
//! targets' corpus, in Rust's interpreter, which sees undefined behaviour.

use std::process::Stdio;

use anyhow::{Result, ensure};
use xtask::{cargo, process};

pub fn run() -> Result<()> {
    let found = cargo::nightly("miri").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
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
    let mut miri = cargo::nightly("miri");
    miri.args(tests).env("MIRIFLAGS", "-Zmiri-disable-isolation").arg("--target-dir").arg(target);
    process::run(&mut miri)
}
