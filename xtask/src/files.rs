// SPDX-License-Identifier: GPL-2.0-or-later
//! Copying files that other users and running programs have open.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Puts a world-readable copy of `from` at `to` in one step. A running Wireshark has its plugins mapped:
/// writing into the old file would crash it.
pub fn copy_readable(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished = to.with_extension("new");
    fs::copy(from, &unfinished)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o644))?;
    fs::rename(&unfinished, to)
}

/// Creates `folder` inside `base` and lets every user enter the way down, whatever the umask.
pub fn create_open_folder(base: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for step in folder.ancestors().take_while(|step| step.starts_with(base)) {
        fs::set_permissions(step, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Creates `folder` and the way down as far as it is missing, open to all whatever the umask; what is there stays as it is.
pub fn create_missing_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|step| !step.exists()).collect();
    fs::create_dir_all(folder)?;
    // The last step of a relative path is empty, and is the current folder.
    missing
        .into_iter()
        .filter(|step| !step.as_os_str().is_empty())
        .try_for_each(|step| fs::set_permissions(step, Permissions::from_mode(0o755)))
}

/// Whether every user can enter `folder`.
pub fn is_open_to_all(folder: &Path) -> bool {
    let enterable = |step: &Path| fs::metadata(step).is_ok_and(|m| m.permissions().mode() & 0o001 != 0);
    folder.canonicalize().is_ok_and(|folder| folder.ancestors().all(enterable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_replaces_the_file_but_not_its_inode() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from.so"), folder.path().join("to.so"));
        fs::write(&from, "new").expect("written");
        fs::write(&to, "old").expect("written");
        let mut reader = fs::File::open(&to).expect("opened");
        copy_readable(&from, &to).expect("copied");
        assert_eq!(io::read_to_string(&mut reader).expect("read"), "old");
        assert_eq!(fs::read_to_string(&to).expect("read"), "new");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 2);
    }

    #[test]
    fn a_private_folder_is_closed_and_can_be_opened() {
        let outer = tempfile::tempdir_in("/tmp").expect("a folder");
        fs::set_permissions(outer.path(), Permissions::from_mode(0o700)).expect("closed");
        assert!(!is_open_to_all(outer.path()));
        create_open_folder(outer.path(), &outer.path().join("a/b")).expect("created");
        assert!(is_open_to_all(&outer.path().join("a/b")));
    }

    #[test]
    fn only_missing_folders_are_opened() {
        let outer = tempfile::tempdir().expect("a folder");
        let (there, missing) = (outer.path().join("a"), outer.path().join("a/b/c"));
        fs::create_dir(&there).expect("created");
        fs::set_permissions(&there, Permissions::from_mode(0o2770)).expect("set");
        create_missing_folders(&missing).expect("created");
        create_missing_folders(&missing).expect("there");
        let mode = |folder: &Path| fs::metadata(folder).expect("there").permissions().mode() & 0o7777;
        assert_eq!(mode(&there), 0o2770);
        // Below a folder that hands on its group, others hand it on too.
        assert_eq!(mode(&missing) & 0o777, 0o755);
        assert_eq!(mode(&there.join("b")) & 0o777, 0o755);
    }
}
