// SPDX-License-Identifier: GPL-2.0-or-later
//! The shim from plugin/.

#[cfg(feature = "wireshark")]
use std::env;

#[cfg(not(feature = "wireshark"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}

/// Compiles plugin/*.c against the Wireshark that pkg-config finds. The objects go into the cdylib
/// alone, so tests link without libwireshark; its symbols stay open until the host loads the plugin.
#[cfg(feature = "wireshark")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wireshark = pkg_config::Config::new().cargo_metadata(false).probe("wireshark").map_err(|error| {
        format!("{error}\n\nThe headers of Wireshark are missing; `cargo xtask demo` installs them.")
    })?;
    let mut version = wireshark.version.split('.');
    for part in ["MAJOR", "MINOR"] {
        let number = version.next().ok_or("pkg-config tells no version of Wireshark")?;
        println!("cargo::rustc-env=WIRESHARK_{part}={number}");
    }

    let mut build = cc::Build::new();
    // In an order of ours, and not in that of the disk: the library's bytes follow it.
    let mut files = std::fs::read_dir("plugin")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    for path in files {
        println!("cargo::rerun-if-changed={}", path.display());
        if path.extension().is_some_and(|extension| extension == "c") {
            build.file(path);
        }
    }
    // A warning is an error where we test (tests/wireshark/shim.rs), and not in a build with a compiler of tomorrow.
    build.include("include").std("gnu11").warnings(true).extra_warnings(true);
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
