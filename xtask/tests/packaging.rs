// SPDX-License-Identifier: GPL-2.0-or-later
//! What `packaging/` says of the sources, and what the sources may be made of.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use xtask::cargo::{self, PLUGIN_PACKAGE};
use xtask::crates::{self, Crate};
use xtask::package::OURS;
use xtask::process;

fn read(file: &str) -> String {
    fs::read_to_string(cargo::root().expect("a root").join(file)).expect(file)
}

/// Names of others' crates, each once.
fn names(crates: &[Crate], without: &[Crate]) -> String {
    let foreign = crates.iter().filter(|one| one.checksum.is_some() && !without.contains(one));
    let names: BTreeSet<&str> = foreign.map(|one| one.name.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[test]
fn the_crates_that_a_package_compiles_are_named() {
    let linked = crates::linked().expect("cargo tells");
    let plugin = crates::of(PLUGIN_PACKAGE, "normal,build").expect("cargo tells");
    let xtask = crates::of("xtask", "normal,build").expect("cargo tells");
    let expected = format!(
        "<!-- crates -->\n- linked into the plugin: {}\n- to build it: {}\n- for `cargo xtask`: {}\n<!-- end crates -->",
        names(&linked, &[]),
        names(&plugin, &linked),
        names(&xtask, &[])
    );
    let text = read("packaging/README.md");
    assert!(text.contains(&expected), "packaging/README.md should say:\n{expected}");
}

#[test]
fn every_crate_comes_from_the_registry_and_has_a_sum() {
    let lock = read("Cargo.lock");
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let sources: BTreeSet<&str> = sources.collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|source| source.ends_with("rust-lang/crates.io-index\"")), "{sources:?}");
    for one in crates::all().expect("cargo tells") {
        let ours = one.folder.starts_with(cargo::root().expect("a root")) && one.version == OURS;
        assert_ne!(ours, one.checksum.is_some(), "{one:?}");
    }
}

#[test]
fn other_systems_descriptions_name_these_versions() {
    let rust = env!("CARGO_PKG_RUST_VERSION");
    let spec = read("packaging/rpm/wireshark-plugin-wechat.spec");
    assert!(
        spec.contains(&format!("\nVersion:        {OURS}\n")) && spec.contains(&format!("cargo >= {rust}\n"))
    );
    assert!(read("packaging/arch/PKGBUILD").contains(&format!("\npkgver={OURS}\n")));
}

/// What rpmspec makes of the spec; `environment` is added to that of the test.
fn spec(environment: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().expect("a folder");
    let mut rpmspec = Command::new("rpmspec");
    rpmspec
        .arg("--parse")
        .arg(cargo::root().expect("a root").join("packaging/rpm/wireshark-plugin-wechat.spec"));
    rpmspec.env("HOME", home.path()).envs(environment.iter().copied());
    process::stdout(&mut rpmspec).expect("it parses")
}

#[test]
fn the_spec_parses_with_and_without_wireshark() {
    let version = process::stdout(Command::new("pkg-config").args(["--modversion", "wireshark"]));
    let version = version.expect("Wireshark's headers");
    let minor: Vec<&str> = version.split('.').take(2).collect();
    let bounds = format!(
        "\nRequires:       wireshark-cli >= {0}\nRequires:       wireshark-cli < {0}.9999\n",
        minor.join(".")
    );
    let here = spec(&[]);
    assert!(here.contains(&bounds), "{bounds} is not in {here}");
    // As where a source package is made.
    let without = spec(&[("PKG_CONFIG_LIBDIR", "/nonexistent"), ("PKG_CONFIG_PATH", "")]);
    assert!(without.contains(&format!("\nVersion:        {OURS}\n")), "{without}");
    assert!(!without.contains("\nRequires:"), "{without}");
}

#[test]
fn the_shell_in_packaging_is_sound() {
    let mut shellcheck = Command::new("shellcheck");
    // makepkg sets what is used and uses what is set; it stops where a command fails.
    shellcheck.args(["--shell=bash", "--exclude=SC2034,SC2154,SC2164"]);
    process::output(shellcheck.arg(cargo::root().expect("a root").join("packaging/arch/PKGBUILD")))
        .expect("sound");
}
