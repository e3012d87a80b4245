// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask doctor`: collects facts, and leaves it to [`advice`] to judge them.

mod advice;

use std::env;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use xtask::library::{self, Copy, Library};
use xtask::owner::{self, Owner};
use xtask::wireshark::{self, Loaded, Tshark, is_privileged};
use xtask::{cargo, process};

pub use advice::delete;

/// All that bears on whether Wireshark loads the plugin.
#[derive(Clone, Debug)]
struct Facts {
    tshark: Option<Tshark>,
    /// Wireshark's window, with its version if it says one.
    wireshark: Option<(PathBuf, Option<String>)>,
    /// Whether Wireshark reads the system folder only.
    privileged: bool,
    plugin_dir_variable: Option<PathBuf>,
    /// Where the build leaves the plugin, and what is there.
    built: (PathBuf, Option<Library>),
    /// In the personal and the system folder, other versions' included.
    copies: Vec<Copy>,
    /// Those of the copies that packages brought.
    owners: Vec<Owner>,
    loaded: Loaded,
}

/// Fails if something needs doing, so that scripts can ask.
pub fn doctor() -> Result<()> {
    let to_do = examine()?;
    ensure!(to_do == 0, "not all is well; to do: {to_do}");
    println!("All is well.");
    Ok(())
}

/// Prints every finding and returns how many need something done.
pub fn examine() -> Result<usize> {
    let findings = advice::advise(&collect()?);
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings.iter().filter(|finding| finding.needs_doing()).count())
}

fn collect() -> Result<Facts> {
    let tshark = Tshark::find()?;
    let (copies, loaded): (Vec<Copy>, Loaded) = match &tshark {
        Some(tshark) => {
            let folders = [&tshark.folders.personal, &tshark.folders.global];
            let copies = folders.into_iter().flat_map(|folder| library::copies_beside(folder));
            (copies.collect(), tshark.load_plugins()?)
        }
        None => Default::default(),
    };
    let built = cargo::plugin_path()?;
    let library = library::inspect(&built);
    Ok(Facts {
        tshark,
        wireshark: process::find("wireshark").map(|path| (path, window_version())),
        privileged: is_privileged(),
        plugin_dir_variable: env::var_os("WIRESHARK_PLUGIN_DIR").map(PathBuf::from),
        built: (built, library),
        owners: copies.iter().filter_map(|copy| owner::owner(&copy.path)).collect(),
        copies,
        loaded,
    })
}

/// Not every system lets the window's program start without a display.
fn window_version() -> Option<String> {
    wireshark::version("wireshark").ok().map(|(version, _)| version)
}
