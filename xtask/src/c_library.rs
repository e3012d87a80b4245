// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask c-library --destdir D [--prefix P] [--libdir L]`: the dissector for C programs, without Wireshark.
//!
//! cargo-c makes the same files. Each of its versions is tied to one of cargo's, and building it takes longer than all
//! else here, so that no test could install it; what it does for one library is below.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xtask::cargo::{self, PLUGIN_PACKAGE};
use xtask::{files, package, process};

use crate::destdir::ensure_folders;

const USAGE: &str = "usage: cargo xtask c-library -- --destdir FOLDER [--prefix FOLDER] [--libdir FOLDER]";

/// As the linker knows it.
const NAME: &str = "wechat_dissector";

const HEADER: &str = "include/wechat_dissector.h";

/// As pkg-config knows it.
const MODULE: &str = "wechat-dissector";

/// Where the files go; `prefix` and what is below it are as programs will see them.
#[derive(Debug, PartialEq, Eq)]
struct Folders {
    destdir: PathBuf,
    prefix: PathBuf,
    libraries: PathBuf,
}

pub fn run(arguments: &[String]) -> Result<()> {
    let folders = read(arguments)?;
    let root = cargo::root()?;
    let header = fs::read_to_string(root.join(HEADER)).with_context(|| format!("cannot read {HEADER}"))?;
    let abi = abi_version(&header).with_context(|| format!("{HEADER} names no WECHAT_ABI_VERSION"))?;
    let shared = format!("lib{NAME}.so.{abi}");
    let target = cargo::target_dir()?.join("c-library");
    let words = build(&target, &shared)?;
    let system = native(&words).context("the compiler names no libraries to link the static one with")?;

    let libraries = package::below(&folders.destdir, &folders.libraries);
    let headers = package::below(&folders.destdir, &folders.prefix.join("include"));
    for folder in [&libraries.join("pkgconfig"), &headers] {
        files::create_missing_folders(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let built = target.join("release");
    for (from, to) in [
        (built.join(cargo::plugin_file_name()), libraries.join(&shared)),
        (built.join(format!("lib{NAME}.a")), libraries.join(format!("lib{NAME}.a"))),
        (root.join(HEADER), headers.join("wechat_dissector.h")),
    ] {
        files::copy_readable(&from, &to).with_context(|| format!("cannot install {}", to.display()))?;
        println!("Installed {}", to.display());
    }
    let link = libraries.join(format!("lib{NAME}.so"));
    if link.is_symlink() {
        fs::remove_file(&link)?;
    }
    symlink(&shared, &link).with_context(|| format!("cannot install {}", link.display()))?;
    println!("Installed {}", link.display());
    let module = libraries.join(format!("pkgconfig/{MODULE}.pc"));
    package::write(&module, &description(&folders, &system))?;
    println!("Installed {}", module.display());
    Ok(())
}

fn read(arguments: &[String]) -> Result<Folders> {
    let (mut destdir, mut prefix, mut libraries) = (None, PathBuf::from("/usr/local"), None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let folder = PathBuf::from(words.next().context(USAGE)?);
        match word.as_str() {
            "--destdir" => destdir = Some(folder),
            "--prefix" => prefix = folder,
            "--libdir" => libraries = Some(folder),
            _ => bail!(USAGE),
        }
    }
    let libraries = prefix.join(libraries.unwrap_or_else(|| "lib".into()));
    let destdir = destdir.with_context(|| format!("{USAGE}; for the running system: --destdir /"))?;
    ensure_folders(&destdir, Some(&prefix))?;
    Ok(Folders { destdir, prefix, libraries })
}

/// Builds it without Wireshark, as a shared library of this name and as a static one, and returns what the compiler says.
fn build(target: &Path, shared: &str) -> Result<String> {
    let mut rustc = cargo::cargo("rustc");
    rustc.args(["--release", "--locked", "--lib", "--package", PLUGIN_PACKAGE, "--no-default-features"]);
    rustc.arg("--target-dir").arg(target).args([
        "--crate-type=cdylib,staticlib",
        "--",
        "--print=native-static-libs",
    ]);
    let output = process::output(rustc.args(["-C", &format!("link-arg=-Wl,-soname,{shared}")]))?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn native(words: &str) -> Option<String> {
    let line = words.lines().find_map(|line| line.split_once("native-static-libs: "))?;
    Some(line.1.trim().to_owned())
}

fn abi_version(header: &str) -> Option<u32> {
    header.lines().find_map(|line| line.strip_prefix("#define WECHAT_ABI_VERSION "))?.trim().parse().ok()
}

/// For pkg-config, in which a blank in a path has a backslash before it.
fn description(folders: &Folders, system: &str) -> String {
    let quoted = |path: &Path| path.display().to_string().replace(' ', "\\ ");
    format!(
        "prefix={}\nlibdir={}\nincludedir=${{prefix}}/include\n\n\
         Name: {MODULE}\n\
         Description: Dissector of what WeChat's clients speak, for C programs\n\
         Version: {}\n\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -l{NAME}\n\
         Libs.private: {system}\n",
        quoted(&folders.prefix),
        quoted(&folders.libraries),
        package::OURS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_told_apart() {
        let read = |words: &[&str]| read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let folders = read(&["--destdir", "/d", "--prefix", "/usr", "--libdir", "lib/x"]).expect("read");
        let expected =
            Folders { destdir: "/d".into(), prefix: "/usr".into(), libraries: "/usr/lib/x".into() };
        assert_eq!(folders, expected);
        for (words, why) in [
            (&[][..], "--destdir FOLDER"),
            (&["--destdir", "/d", "--prefix", "usr"], "does not begin with /"),
            (&["--destdir"], "usage: "),
            (&["--destdir", ""], "is empty"),
        ] {
            assert!(read(words).expect_err("refused").to_string().contains(why), "{words:?}");
        }
    }

    #[test]
    fn versions_and_libraries_are_found_in_what_is_said() {
        assert_eq!(abi_version("// x\n#define WECHAT_ABI_VERSION 12\n"), Some(12));
        assert_eq!(native("note: native-static-libs: -lgcc_s -lc\n").as_deref(), Some("-lgcc_s -lc"));
        assert_eq!(native("Finished"), None);
    }
}
