// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask test`: everything that must hold before a change goes in, cheapest first.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xtask::cargo::{PLUGIN_PACKAGE, cargo};
use xtask::library::{self, Library};
use xtask::wireshark::Tshark;
use xtask::{package, packages, process};

use crate::{elsewhere, measure, pipelines};

/// The promise made to those who load the plugin, in bytes.
const LARGEST_PLUGIN: u64 = 2_000_000;

/// Mutated captures that tshark reads here; `cargo xtask fire` takes more.
const MUTATED: &str = "100";

/// Runs every step, up to the first that fails; `arguments` go to `cargo test`.
pub fn run(arguments: &[String]) -> Result<()> {
    let start = Instant::now();
    step("system packages", || packages::ensure_installed(&needs()))?;
    for (name, mut command) in checks() {
        step(name, || process::run(&mut command))?;
    }
    let mut left_out = Vec::new();
    step("cargo-deny", || deny().map(|missing| left_out.extend(missing)))?;
    step("other systems", || elsewhere::check().map(|missing| left_out.extend(missing)))?;
    step("release plugin", check_plugin)?;
    step("tests", || process::run(cargo("test").args(["--workspace"]).args(arguments)))?;
    step("pipelines", || pipelines::run(&[]))?;
    step("mutated captures", || measure("fire", &[MUTATED, "no-leaks"]))?;
    if left_out.is_empty() {
        println!("\nEverything passed, in {:.0?}.", start.elapsed());
    } else {
        println!("\nEverything that ran passed, in {:.0?}. NOT RUN, for want of a tool:", start.elapsed());
        left_out.iter().for_each(|missing| println!("  {missing}"));
    }
    Ok(())
}

fn needs() -> Vec<&'static [packages::Need]> {
    let mut needs = vec![packages::BUILD, packages::TEST, packages::PACKAGE, packages::PIPELINES];
    if package::is_debian() {
        needs.extend([packages::DEBIAN, packages::LINTIAN]);
    }
    needs
}

fn checks() -> [(&'static str, Command); 4] {
    let mut format = cargo("fmt");
    format.args(["--all", "--check"]);
    let mut clippy = cargo("clippy");
    clippy.args(["--workspace", "--all-targets", "--", "-D", "warnings"]);
    let mut clippy_plain = cargo("clippy");
    clippy_plain.args(["--package", PLUGIN_PACKAGE, "--no-default-features", "--all-targets"]);
    clippy_plain.args(["--", "-D", "warnings"]);
    let mut documentation = cargo("doc");
    documentation.args(["--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    [
        ("format", format),
        ("clippy", clippy),
        ("clippy, plain C library", clippy_plain),
        ("documentation", documentation),
    ]
}

fn step(name: &str, action: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n== {name} ==");
    let start = Instant::now();
    action().with_context(|| format!("stopped at the step \"{name}\""))?;
    println!("-- {name}: passed in {:.1?}", start.elapsed());
    Ok(())
}

/// Licences, bans and sources of all crates. The tests look at those that are linked, and at all sources, without
/// this tool, which takes longer to build than all of ours. Returns what was not run.
fn deny() -> Result<Option<String>> {
    if process::find("cargo-deny").is_none() {
        let missing = "cargo deny check, which is not here (cargo install --locked cargo-deny)";
        println!("NOT RUN: {missing}");
        return Ok(Some(missing.to_owned()));
    }
    process::run(cargo("deny").args(["--offline", "check", "licenses", "bans", "sources"]))?;
    Ok(None)
}

/// One library, small as it is given to others, and for the Wireshark that the tests run.
fn check_plugin() -> Result<()> {
    let plugin = package::build_here()?;
    let folder = plugin.parent().context("the release folder")?;
    let mut libraries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension() == plugin.extension() {
            libraries.push(path);
        }
    }
    ensure!(
        libraries == [plugin.clone()],
        "one plugin library is expected in the release folder, found: {libraries:?}"
    );
    let size = fs::metadata(&plugin)?.len();
    ensure!(size < LARGEST_PLUGIN, "the plugin has {size} bytes, more than {LARGEST_PLUGIN}");
    let release = Tshark::find()?.context("there is no tshark")?.release;
    let library = library::inspect(&plugin);
    ensure!(
        library == Some(Library::Ours(release)),
        "a plugin for Wireshark {release} is expected, found: {library:?}"
    );
    println!("{} has {size} bytes and is for Wireshark {release}.", plugin.display());
    Ok(())
}

/// Of the tests with tshark, those that compare with files.
const WRITTEN_BY_TSHARK: [&str; 3] = ["samples::", "statistics::the_readmes", "statistics::the_pages"];

/// `cargo xtask bless`: lets the tests that compare with files write them; without arguments also those with tshark.
pub fn bless(arguments: &[String]) -> Result<()> {
    write_anew(&["golden", "readme", "samples"], arguments)?;
    if arguments.is_empty() {
        let mut test = cargo("test");
        test.args(["--package", PLUGIN_PACKAGE, "--test", "wireshark", "--"]).args(WRITTEN_BY_TSHARK);
        process::run(test.env("WECHAT_BLESS", "1"))?;
    }
    Ok(())
}

/// `cargo xtask header`: lets the test that makes the header write it.
pub fn bless_header() -> Result<()> {
    write_anew(&["header"], &[])
}

fn write_anew(tests: &[&str], arguments: &[String]) -> Result<()> {
    let mut test = cargo("test");
    test.args(["--package", PLUGIN_PACKAGE, "--no-default-features"]);
    test.args(tests.iter().flat_map(|test| ["--test", test])).args(arguments);
    process::run(test.env("WECHAT_BLESS", "1"))
}
