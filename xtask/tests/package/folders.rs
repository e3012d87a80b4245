// SPDX-License-Identifier: GPL-2.0-or-later
//! Folders for one test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

/// A folder that every user may enter, whose name has a blank.
pub fn open() -> TempDir {
    let folder = tempfile::Builder::new().prefix("we chat-").tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("opened");
    folder
}
