// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask fuzz`: libFuzzer on every target, from seeds of the generator and the committed corpus.
//!
//! What it finds worth keeping goes into fuzz/corpus, an archive for each target, which tests/corpus.rs replays with
//! any compiler. What it finds at fault is for fuzz/found, by hand, with a name that says what was wrong.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use xtask::{cargo, process};

/// For each target, when nobody says how long.
const SECONDS: u64 = 1800;

const TARGETS: [&str; 11] = [
    "framing",
    "session",
    "body",
    "synckey",
    "business",
    "web",
    "mmtls",
    "handshake",
    "keylog",
    "collector",
    "abi",
];

/// The test that writes what to start from.
const SEEDS: &str = "the_seeds_pass";

/// Inputs of the corpus: each edge of the program is reached, whatever the number of times. Longer ones find no more.
const KEPT: [&str; 2] = ["-max_len=512", "-use_counters=0"];

pub fn run(arguments: &[String]) -> Result<()> {
    let (seconds, targets) = match arguments {
        [] => (SECONDS, TARGETS.to_vec()),
        [number, names @ ..] => {
            let seconds = number.parse().with_context(|| format!("`{number}` is no number of seconds"))?;
            let known = |name: &String| TARGETS.iter().copied().find(|target| target == name);
            let chosen: Option<Vec<_>> = names.iter().map(known).collect();
            let Some(chosen) = chosen else { bail!("the targets are {}", TARGETS.join(", ")) };
            (seconds, if chosen.is_empty() { TARGETS.to_vec() } else { chosen })
        }
    };
    let found = cargo::nightly("fuzz").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        found.is_ok_and(|status| status.success()),
        "this needs a nightly compiler and cargo-fuzz: rustup toolchain install nightly --profile minimal && \
         cargo install cargo-fuzz"
    );
    let place = cargo::target_dir()?.join("fuzz");
    let seeds = place.join("seeds");
    let test = ["--package", cargo::PLUGIN_PACKAGE, "--no-default-features", "--test", "corpus", "--", SEEDS];
    process::run(cargo::cargo("test").arg("--quiet").args(test).env("WECHAT_SEEDS", &seeds))?;

    println!("\n| target | executions | inputs kept |\n| --- | ---: | ---: |");
    for target in targets {
        let (executions, kept) = fuzz(target, seconds, &place)?;
        println!("| {target} | {executions} in {seconds} s | {kept} |");
    }
    Ok(())
}

/// Runs one target, and keeps the fewest inputs that reach all that was reached. How often the target ran, and how many
/// inputs are kept.
fn fuzz(target: &str, seconds: u64, place: &Path) -> Result<(u64, usize)> {
    let archive = cargo::root()?.join("fuzz/corpus").join(target).with_extension("tar");
    let folder = |name: &str| place.join(name).join(target);
    let (working, kept, seeds, smallest) =
        (folder("corpus"), folder("kept"), folder("seeds"), folder("smallest"));
    for emptied in [&kept, &smallest] {
        if emptied.exists() {
            fs::remove_dir_all(emptied)?;
        }
    }
    for made in [&working, &kept, &seeds, &smallest] {
        fs::create_dir_all(made)?;
    }
    unpack(&archive, &kept)?;
    let mut command = run_target(target, place)?;
    command.args([&working, &kept, &seeds]);
    command.args([
        "--",
        &format!("-max_total_time={seconds}"),
        "-max_len=4096",
        "-timeout=10",
        "-print_final_stats=1",
    ]);
    eprintln!("$ {}", process::display(&command));
    let output = command.output().context("cannot start cargo fuzz")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the target {target} failed:\n{}", last_lines(&text, 60));
    let executions = executions(&text)
        .with_context(|| format!("libFuzzer counted nothing:\n{}", last_lines(&text, 20)))?;

    let mut merge = run_target(target, place)?;
    merge.args([&smallest, &working, &kept, &seeds]).args(["--", "-set_cover_merge=1"]).args(KEPT);
    process::output(&mut merge)?;
    Ok((executions, pack(&smallest, &archive)?))
}

/// Writes the inputs of an archive into a folder.
fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let file = File::open(archive).with_context(|| format!("cannot open {}", archive.display()))?;
    Ok(tar::Archive::new(file).unpack(folder)?)
}

/// Puts the files of a folder into an archive that depends on nothing but their names and bytes; how many they are.
fn pack(folder: &Path, archive: &Path) -> Result<usize> {
    let mut names: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    names.sort();
    let mut packed = tar::Builder::new(File::create(archive)?);
    for name in &names {
        let bytes = fs::read(folder.join(name))?;
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        packed.append_data(&mut header, name, &bytes[..])?;
    }
    packed.finish()?;
    Ok(names.len())
}

/// libFuzzer on one target.
fn run_target(target: &str, place: &Path) -> Result<Command> {
    let mut command = cargo::nightly("fuzz");
    command.args(["run", target]).current_dir(cargo::root()?).env("CARGO_TARGET_DIR", place);
    Ok(command)
}

fn executions(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_read_from_the_final_statistics() {
        let text = "#2 INITED\nstat::number_of_executed_units: 123456\nstat::peak_rss_mb: 40\n";
        assert_eq!(executions(text), Some(123_456));
        assert_eq!(executions("error: no such command"), None);
    }

    #[test]
    fn an_archive_depends_on_names_and_bytes_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let inputs: [(&str, &[u8]); 3] = [("b", b"\0two"), ("a", b""), ("c", &[7; 600])];
        let mut archives = Vec::new();
        for order in [[0, 1, 2], [2, 1, 0]] {
            let folder = place.path().join(format!("{order:?}"));
            fs::create_dir(&folder).expect("created");
            for (name, bytes) in order.map(|index| inputs[index]) {
                fs::write(folder.join(name), bytes).expect("written");
            }
            let archive = folder.with_extension("tar");
            assert_eq!(pack(&folder, &archive).expect("packed"), 3);
            archives.push(fs::read(&archive).expect("read"));
        }
        assert_eq!(archives[0], archives[1]);

        let folder = place.path().join("unpacked");
        fs::create_dir(&folder).expect("created");
        unpack(&place.path().join("[0, 1, 2].tar"), &folder).expect("unpacked");
        for (name, bytes) in inputs {
            assert_eq!(fs::read(folder.join(name)).expect("read"), bytes, "{name}");
        }
    }

    #[test]
    fn the_end_of_a_long_text_is_kept() {
        assert_eq!(last_lines("a\nb\nc", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }

    #[test]
    fn every_target_has_a_program() {
        for target in TARGETS {
            let program = cargo::root().expect("a root").join(format!("fuzz/fuzz_targets/{target}.rs"));
            assert!(program.is_file(), "{}", program.display());
        }
    }
}
