// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask header`: puts the header that the build script generates in its place.

use std::fs;

use anyhow::{Context, Result};
use xtask::cargo;

const HEADER: &str = "wechat_dissector.h";

pub fn bless() -> Result<()> {
    let generated = cargo::build_script_folder()?.join(HEADER);
    let text = fs::read_to_string(&generated)
        .with_context(|| format!("the build script left no {}", generated.display()))?;
    let committed = cargo::root()?.join("include").join(HEADER);
    if fs::read_to_string(&committed).is_ok_and(|old| old == text) {
        println!("include/{HEADER} is what the source says already.");
    } else {
        fs::write(&committed, text).with_context(|| format!("cannot write {}", committed.display()))?;
        println!("Wrote include/{HEADER} anew from the source.");
    }
    Ok(())
}
