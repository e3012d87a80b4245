// SPDX-License-Identifier: GPL-2.0-or-later
//! The C header from the Rust source, and the shim from plugin/.

use std::env;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    header()?;
    #[cfg(feature = "wireshark")]
    shim()?;
    Ok(())
}

/// What the header says first.
const PREAMBLE: &str = "\
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wechat_dissector.h - the C interface of the WeChat long-link dissector.
 * Made from src/ffi/; `cargo xtask header` makes it anew.
 *
 * The library turns bytes of a stream into a flat list of items. It never calls back, never
 * blocks, and keeps what it knows in the handle. The sequence of calls stands at
 * wechat_dissector. A pointer is NULL only where its description says so; an argument that is
 * NULL without leave is answered with WECHAT_RESULT_NULL.
 */";

/// Types that no function names, because what crosses the interface is their number.
const NUMBERED: [&str; 3] = ["wechat_item_kind", "wechat_hand_off_kind", "wechat_tick_kind"];

/// Files of src/ffi, in the order in which the header tells of them.
const SOURCES: [&str; 9] =
    ["mod", "tables", "config", "segment", "dissector", "report", "record", "lines", "filters"];

/// Writes the header to OUT_DIR. A test compares it with the one in include/.
fn header() -> Result<(), Box<dyn Error>> {
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

    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES.map(|name| format!("src/ffi/{name}.rs")) {
        println!("cargo::rerun-if-changed={source}");
        builder = builder.with_src(source);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    builder.generate()?.write_to_file(out.join("wechat_dissector.h"));
    println!("cargo::rustc-env=WECHAT_HEADER={}", out.join("wechat_dissector.h").display());
    Ok(())
}

/// Compiles plugin/*.c against the Wireshark that pkg-config finds. The objects go into the cdylib
/// alone, so tests link without libwireshark; its symbols stay open until the host loads the plugin.
#[cfg(feature = "wireshark")]
fn shim() -> Result<(), Box<dyn Error>> {
    let wireshark = pkg_config::Config::new().cargo_metadata(false).probe("wireshark").map_err(|error| {
        format!("{error}\n\nThe headers of Wireshark are missing; `cargo xtask demo` installs them.")
    })?;
    let mut version = wireshark.version.split('.');
    for part in ["MAJOR", "MINOR"] {
        let number = version.next().ok_or("pkg-config tells no version of Wireshark")?;
        println!("cargo::rustc-env=WIRESHARK_{part}={number}");
    }

    let mut build = cc::Build::new();
    for entry in std::fs::read_dir("plugin")? {
        let path = entry?.path();
        println!("cargo::rerun-if-changed={}", path.display());
        if path.extension().is_some_and(|extension| extension == "c") {
            build.file(path);
        }
    }
    build.include("include").std("gnu11").warnings(true).extra_warnings(true).warnings_into_errors(true);
    sanitize(&mut build);
    // Wireshark's own headers are not ours to warn about.
    for path in &wireshark.include_paths {
        build.flag("-isystem").flag(path);
    }
    println!("cargo::rerun-if-changed=plugin");
    println!("cargo::rerun-if-changed=include/wechat_dissector.h");
    for object in build.compile_intermediates() {
        println!("cargo::rustc-cdylib-link-arg={}", object.display());
    }
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "macos") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-undefined,dynamic_lookup");
    }
    Ok(())
}

/// `cargo xtask fire` sets the variable: the shim is built for the address and undefined-behaviour sanitizers,
/// whose libraries the host is given before it loads the plugin.
#[cfg(feature = "wireshark")]
fn sanitize(build: &mut cc::Build) {
    const VARIABLE: &str = "WECHAT_SANITIZE";
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let Ok(wanted) = env::var(VARIABLE) else { return };
    for flag in
        ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"]
    {
        build.flag(flag);
    }
    if wanted == "planted" {
        println!("cargo::rerun-if-changed=tests/wireshark/support/planted.c");
        build.file("tests/wireshark/support/planted.c");
    }
}
