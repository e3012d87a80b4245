// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin under test, and the programs that a test needs.

use std::env;
use std::path::PathBuf;

use xtask::{cargo, process};

/// The plugin that cargo built along with this test. The copy one folder up, which is for users, may
/// be older: cargo renews that one for `cargo build` only.
pub fn plugin() -> PathBuf {
    let test = env::current_exe().expect("this program has a path");
    let plugin = test.with_file_name(cargo::plugin_file_name());
    assert!(
        plugin.is_file(),
        "no plugin at {}: the feature `wireshark`, which is on by default, builds it",
        plugin.display()
    );
    plugin
}

/// Fails with advice if a program is missing.
pub fn need(program: &str) {
    assert!(
        process::find(program).is_some(),
        "this test needs {program}, which is not installed; `cargo xtask test` installs it"
    );
}
