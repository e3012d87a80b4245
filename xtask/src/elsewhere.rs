// SPDX-License-Identifier: GPL-2.0-or-later
//! Systems that are not at hand: whether the dissector compiles for them, where the compiler knows them.

use std::process::Command;

use anyhow::Result;
use xtask::cargo::{PLUGIN_PACKAGE, cargo, target_dir};
use xtask::process;

const TARGETS: [&str; 2] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

/// Checks what can be checked, and returns what cannot.
pub fn check() -> Result<Vec<String>> {
    let mut left_out = Vec::new();
    let folder = target_dir()?.join("elsewhere");
    for target in TARGETS {
        // The folder of its standard library; only rustup's compilers have more than one.
        let mut rustc = Command::new("rustc");
        let there = process::stdout(rustc.args(["--print=target-libdir", "--target", target]));
        if !there.is_ok_and(|folder| std::path::Path::new(folder.trim()).is_dir()) {
            let missing = format!(
                "cargo check for {target}, for which this compiler has no library (rustup target add {target})"
            );
            println!("NOT RUN: {missing}");
            left_out.push(missing);
            continue;
        }
        let mut check = cargo("check");
        check.args(["--package", PLUGIN_PACKAGE, "--no-default-features", "--target", target]);
        process::run(check.arg("--target-dir").arg(&folder))?;
    }
    Ok(left_out)
}
