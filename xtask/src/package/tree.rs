// SPDX-License-Identifier: GPL-2.0-or-later
//! The files of a package, laid out as they will be installed.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::place::Wireshark;
use super::{NAME, licences, links};
use crate::wireshark::PLUGIN_NAME;
use crate::{cargo, crates};

/// What goes along with the plugin, by the name it has in the sources; a folder goes with all in it.
const DOCUMENTS: [&str; 6] = ["README.md", "README.zh-CN.md", "CHANGELOG.md", "docs", "examples", "samples"];

/// Profiles of Wireshark's, a folder each: settings, columns and colours for these protocols.
const PROFILE: &str = "profile";

/// Where Wireshark looks for them.
const PROFILE_FOLDER: &str = "share/wireshark/profiles";

/// Lays out what an installation has below `destdir`, for a Wireshark with this prefix.
pub fn lay_out(destdir: &Path, plugin: &Path, wireshark: &Wireshark, prefix: &Path) -> Result<()> {
    let moved = wireshark.plugins.strip_prefix(&wireshark.prefix).map(|rest| prefix.join(rest));
    let plugins = moved.unwrap_or_else(|_| wireshark.plugins.clone());
    copy(plugin, &below(destdir, &plugins).join("epan").join(PLUGIN_NAME))?;
    documents(&documentation(destdir, prefix))?;
    let profile = cargo::root()?.join(PROFILE);
    if profile.exists() {
        copy(&profile, &below(destdir, prefix).join(PROFILE_FOLDER))?;
    }
    Ok(())
}

/// Where the documentation of an installation is.
pub fn documentation(destdir: &Path, prefix: &Path) -> PathBuf {
    below(destdir, prefix).join("share/doc").join(NAME)
}

/// Lays out what the archive has: the plugin, its documents and the profile beside each other.
pub fn lay_out_flat(folder: &Path, plugin: &Path) -> Result<()> {
    copy(plugin, &folder.join(PLUGIN_NAME))?;
    let root = cargo::root()?;
    copy(&root.join("LICENSE"), &folder.join("LICENSE"))?;
    if root.join(PROFILE).exists() {
        copy(&root.join(PROFILE), &folder.join(PROFILE))?;
    }
    documents(folder)
}

fn documents(folder: &Path) -> Result<()> {
    let root = cargo::root()?;
    for name in DOCUMENTS.into_iter().filter(|name| root.join(name).exists()) {
        copy(&root.join(name), &folder.join(name))?;
    }
    write(&folder.join("LICENSES.txt"), &licences::text(&crates::linked()?)?)?;
    links::keep_those_that_lead(folder)
}

/// An absolute path, seen from below another root folder.
pub fn below(destdir: &Path, path: &Path) -> PathBuf {
    destdir.join(path.strip_prefix("/").unwrap_or(path))
}

/// Copies a file, or a folder with all files in it; hidden ones stay.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        return Ok(fs::set_permissions(to, Permissions::from_mode(0o644))?);
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

/// Writes a file that all may read, and the folders to it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o644))?)
}

/// Gives all below `folder` one time, and modes that depend on no umask.
pub fn settle(folder: &Path, time: u64) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        ensure!(!path.is_symlink(), "{} is a link, which no package of ours has", path.display());
        if path.is_dir() {
            settle(&path, time)?;
        } else {
            let executable = fs::metadata(&path)?.permissions().mode() & 0o100 != 0;
            fs::set_permissions(&path, Permissions::from_mode(if executable { 0o755 } else { 0o644 }))?;
            date(&path, time)?;
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    date(folder, time)
}

fn date(path: &Path, time: u64) -> Result<()> {
    let time = UNIX_EPOCH + Duration::from_secs(time);
    Ok(File::open(path)?.set_times(FileTimes::new().set_modified(time).set_accessed(time))?)
}

/// The files below `folder`, seen from it, sorted.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path.strip_prefix(folder)?.to_owned()) }
        }
    }
    files.sort();
    Ok(files)
}
