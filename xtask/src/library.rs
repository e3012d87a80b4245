// SPDX-License-Identifier: GPL-2.0-or-later
//! What a library file says of itself: whether it is our plugin, and for which Wireshark.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use object::{Object as _, ObjectSegment as _, ObjectSymbol as _};

use crate::cargo;
use crate::wireshark::{PLUGIN_NAME, Release};

/// Exported by our plugin and by no other: it is of the C ABI, which the shim calls.
const MARKER: &str = "wechat_dissector_new";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    /// Our plugin, built for this Wireshark.
    Ours(Release),
    /// A sound library, but not our plugin.
    Foreign,
    /// Not to be opened by this user.
    Closed,
    /// No library at all, or a broken one.
    Damaged(String),
}

/// A file in a plugin folder that is our plugin, or should be by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub path: PathBuf,
    pub library: Library,
}

/// Reads the library at `path`; `None` if there is no file.
pub fn inspect(path: &Path) -> Option<Library> {
    match fs::read(path) {
        Ok(data) => Some(parse(&data).unwrap_or_else(|error| Library::Damaged(error.to_string()))),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Some(Library::Closed),
        Err(error) => Some(Library::Damaged(error.to_string())),
    }
}

fn parse(data: &[u8]) -> object::Result<Library> {
    let file = object::File::parse(data)?;
    let number = |name: &str| read_u32(&file, address(&file, name)?);
    if address(&file, MARKER).is_none() {
        return Ok(Library::Foreign);
    }
    let release = number("plugin_want_major").zip(number("plugin_want_minor"));
    Ok(match release {
        Some((major, minor)) => Library::Ours(Release { major, minor }),
        // The plain C library, built without Wireshark.
        None => Library::Foreign,
    })
}

/// Where a library exports `name`. ELF keeps its exports in a table of their own; Mach-O keeps them among
/// the other symbols and puts an underscore before each.
fn address(file: &object::File<'_>, name: &str) -> Option<u64> {
    file.dynamic_symbols()
        .chain(file.symbols())
        .filter(|symbol| symbol.is_definition())
        .find(|symbol| symbol.name().is_ok_and(|found| found.strip_prefix('_').unwrap_or(found) == name))
        .map(|symbol| symbol.address())
}

fn read_u32(file: &object::File<'_>, address: u64) -> Option<u32> {
    let bytes =
        file.segments().find_map(|segment| segment.data_range(address, 4).ok().flatten())?.try_into().ok()?;
    Some(if file.is_little_endian() { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
}

/// Copies of our plugin in one plugin folder, whatever their names; none if there is no such folder.
pub fn copies_in(folder: &Path) -> Vec<Copy> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut copies: Vec<Copy> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "so"))
        .filter_map(|path| {
            let library = inspect(&path).unwrap_or_else(|| Library::Damaged("a link to nothing".to_owned()));
            let ours = match library {
                Library::Ours(_) => true,
                Library::Foreign => false,
                Library::Closed | Library::Damaged(_) => has_our_name(&path),
            };
            ours.then_some(Copy { path, library })
        })
        .collect();
    copies.sort_by(|a, b| a.path.cmp(&b.path));
    copies
}

/// As [`copies_in`], also for the other versions' folders beside this one
/// (`plugins/<version>/epan`).
pub fn copies_beside(folder: &Path) -> Vec<Copy> {
    let Some(versions) = folder.parent().and_then(Path::parent) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("epan"))
        .collect();
    folders.sort();
    folders.iter().flat_map(|folder| copies_in(folder)).collect()
}

/// A file that cannot be read is known by the name we install under or the one cargo gives.
fn has_our_name(path: &Path) -> bool {
    let cargos = Path::new(&cargo::plugin_file_name()).with_extension("so");
    [Some(Path::new(PLUGIN_NAME)), Some(&cargos)].contains(&path.file_name().map(Path::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_file_is_damaged_and_a_program_is_foreign() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("wechat.so");
        fs::write(&text, "no library").expect("written");
        assert!(matches!(inspect(&text), Some(Library::Damaged(_))));
        let program = std::env::current_exe().expect("this test");
        assert_eq!(inspect(&program), Some(Library::Foreign));
        assert_eq!(inspect(&folder.path().join("none")), None);
    }

    #[test]
    fn damaged_files_are_ours_by_name_only() {
        let plugins = tempfile::tempdir().expect("a folder");
        let folder = plugins.path().join("4.0/epan");
        let older = plugins.path().join("3.4/epan");
        fs::create_dir_all(&folder).expect("created");
        fs::create_dir_all(&older).expect("created");
        for name in ["wechat.so", "libwechat_dissector.so", "other.so", "wechat.txt"] {
            fs::write(folder.join(name), "no library").expect("written");
        }
        fs::write(older.join("wechat.so"), "no library").expect("written");

        let paths = |copies: Vec<Copy>| copies.into_iter().map(|copy| copy.path).collect::<Vec<_>>();
        let mut expected = vec![folder.join("libwechat_dissector.so"), folder.join("wechat.so")];
        assert_eq!(paths(copies_in(&folder)), expected);
        expected.insert(0, older.join("wechat.so"));
        assert_eq!(paths(copies_beside(&folder)), expected);
        assert_eq!(copies_in(&folder.join("none")), []);
    }
}
