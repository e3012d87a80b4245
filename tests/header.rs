// SPDX-License-Identifier: GPL-2.0-or-later
//! The C header is made from the Rust source, and the committed one is the one that the source makes. `cargo xtask
//! header` lets this test write it.

use std::fs;
use std::path::Path;

/// What the header says first.
const PREAMBLE: &str = "\
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wechat_dissector.h - the C interface of the dissector of WeChat's protocols.
 * Made from src/ffi/; `cargo xtask header` makes it anew.
 *
 * The library turns bytes of a stream into a flat list of items. It never calls back, never
 * blocks, and keeps what it knows in the handle. The sequence of calls stands at
 * wechat_dissector. A pointer is NULL only where its description says so; an argument that is
 * NULL without leave is answered with WECHAT_RESULT_NULL.
 */";

/// Types that no function names, because what crosses the interface is their number.
const NUMBERED: [&str; 2] = ["wechat_item_kind", "wechat_tick_kind"];

/// The header that the source makes.
fn made() -> String {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(PREAMBLE.to_owned()),
        include_guard: Some("WECHAT_DISSECTOR_H".to_owned()),
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::C99,
        usize_is_size_t: true,
        style: cbindgen::Style::Both,
        line_length: 110,
        ..cbindgen::Config::default()
    };
    config.enumeration.prefix_with_name = true;
    config.enumeration.rename_variants = cbindgen::RenameRule::ScreamingSnakeCase;
    config.export.include = NUMBERED.map(str::to_owned).into();
    config.export.exclude = ["wechat_provoke_panic"].map(str::to_owned).into();

    let builder = cbindgen::Builder::new().with_config(config).with_src("src/ffi/mod.rs");
    let mut header = Vec::new();
    builder.generate().expect("cbindgen reads the source").write(&mut header);
    String::from_utf8(header).expect("text")
}

#[test]
fn the_header_is_up_to_date() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wechat_dissector.h");
    if std::env::var_os("WECHAT_BLESS").is_some() {
        fs::write(&committed, made()).expect("written");
    }
    let committed = fs::read_to_string(committed).expect("include/wechat_dissector.h");
    assert!(committed == made(), "include/wechat_dissector.h is out of date: run `cargo xtask header`");
}
