// SPDX-License-Identifier: GPL-2.0-or-later
//! The C side itself: no warning of the compiler, with this Wireshark's headers, is let through.

use std::fs;
use std::path::Path;

use xtask::wireshark::compile_plugin;

#[test]
fn the_shim_compiles_without_a_warning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugin");
    let scratch = tempfile::tempdir().expect("a folder");
    let entries = fs::read_dir(folder).expect("the shim");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        compile_plugin(&file, &scratch.path().join("shim.so")).expect("neither errors nor warnings");
    }
}
