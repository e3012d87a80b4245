// SPDX-License-Identifier: GPL-2.0-or-later
#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::collector(data));
