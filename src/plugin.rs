// SPDX-License-Identifier: GPL-2.0-or-later
//! The symbols that Wireshark's plugin loader looks up.
//!
//! They are here and not in the shim because rustc hides a cdylib's C symbols.
#![allow(non_upper_case_globals, unsafe_code)]
// The const functions run in the compiler, where an index beyond the end is an error and not a panic.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ffi::{c_char, c_int, c_uint};

/// Version of the plugin with the NUL that C wants behind it.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

const fn array<const N: usize>(text: &str) -> [c_char; N] {
    let bytes = text.as_bytes();
    let mut array = [0; N];
    let mut i = 0;
    while i < N {
        array[i] = bytes[i] as c_char;
        i += 1;
    }
    array
}

/// A number that build.rs took from pkg-config.
const fn number(text: &str) -> c_int {
    let bytes = text.as_bytes();
    let mut number = 0;
    let mut i = 0;
    while i < bytes.len() {
        number = number * 10 + (bytes[i] - b'0') as c_int;
        i += 1;
    }
    number
}

/// Version shown in Wireshark's About dialog. An array: the loader takes its address for the text.
#[unsafe(no_mangle)]
pub static plugin_version: [c_char; VERSION.len()] = array(VERSION);

/// Major version of the Wireshark that the plugin was built for.
#[unsafe(no_mangle)]
pub static plugin_want_major: c_int = number(env!("WIRESHARK_MAJOR"));

/// Minor version of the Wireshark that the plugin was built for.
#[unsafe(no_mangle)]
pub static plugin_want_minor: c_int = number(env!("WIRESHARK_MINOR"));

unsafe extern "C" {
    fn wechat_shim_register();
}

/// Called once when the plugin is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_register() {
    // SAFETY: the shim's only entry; it takes nothing and calls epan only.
    unsafe { wechat_shim_register() }
}

/// What kind of plugin this is, for Wireshark 4.2 and later: 1 is a dissector.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_describe() -> c_uint {
    1
}
