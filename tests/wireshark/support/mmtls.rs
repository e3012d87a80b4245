// SPDX-License-Identifier: GPL-2.0-or-later
//! Captures of MMTLS, opened with a key log or without.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use wechat_traffic::mmtls::case::{self, Made};

use crate::support::opened::{Opened, open as open_capture};

const SEED: u64 = 1;

/// What a case of the generator has.
pub fn make(name: &str) -> Made {
    case::find(name).expect("a case").make(SEED).expect("a capture")
}

/// Lets tshark open a case with one of its key logs.
pub fn open(name: &str, log: Option<&str>) -> Opened {
    open_made(&make(name), log)
}

/// The same with what a case has.
pub fn open_made(made: &Made, log: Option<&str>) -> Opened {
    let opened = open_capture(&made.capture);
    let Some(log) = log else { return opened };
    let file = opened.file("keys", "");
    fs::write(&file, made.log(log).expect("a key log").bytes).expect("the keys are written");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("readable for tshark");
    opened.with(&["-o", &format!("mmtls.keylog_file:{}", file.display())])
}
