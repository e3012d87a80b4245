// SPDX-License-Identifier: GPL-2.0-or-later
//! The committed header is the one that the source makes.

use std::fs;
use std::path::Path;

#[test]
fn the_header_is_up_to_date() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wechat_dissector.h");
    let committed = fs::read_to_string(committed).expect("include/wechat_dissector.h");
    let made = fs::read_to_string(env!("WECHAT_HEADER")).expect("build.rs made a header");
    assert!(committed == made, "include/wechat_dissector.h is out of date: run `cargo xtask header`");
}
