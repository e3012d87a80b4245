// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask fuzz`: libFuzzer on every target, from seeds of the generator and the committed corpus.
//!
//! What it finds worth keeping goes into fuzz/corpus, which tests/corpus.rs replays with any compiler.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use xtask::{cargo, process};

/// For each target, when nobody says how long.
const SECONDS: u64 = 1800;

const TARGETS: [&str; 7] = ["framing", "session", "body", "synckey", "business", "web", "abi"];

/// Inputs of the corpus: longer ones find no more, and take room.
const LONGEST_KEPT: &str = "-max_len=512";

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
    let example =
        ["--package", cargo::PLUGIN_PACKAGE, "--no-default-features", "--example", "fuzz_seeds", "--"];
    process::run(cargo::cargo("run").arg("--quiet").args(example).arg(&seeds))?;

    println!("\n| target | executions | inputs kept |\n| --- | ---: | ---: |");
    for target in targets {
        let executions = fuzz(target, seconds, &place)?;
        let kept = fs::read_dir(corpus(target)?)?.count();
        println!("| {target} | {executions} in {seconds} s | {kept} |");
    }
    Ok(())
}

fn corpus(target: &str) -> Result<std::path::PathBuf> {
    Ok(cargo::root()?.join("fuzz/corpus").join(target))
}

/// Runs one target, and keeps the fewest inputs that reach all that was reached.
fn fuzz(target: &str, seconds: u64, place: &Path) -> Result<u64> {
    let (working, kept, seeds) =
        (place.join("corpus").join(target), corpus(target)?, place.join("seeds").join(target));
    for folder in [&working, &kept, &seeds] {
        fs::create_dir_all(folder)?;
    }
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

    let smallest = place.join("smallest").join(target);
    if smallest.exists() {
        fs::remove_dir_all(&smallest)?;
    }
    fs::create_dir_all(&smallest)?;
    let mut merge = run_target(target, place)?;
    merge.args([&smallest, &working, &kept, &seeds]).args(["--", "-set_cover_merge=1", LONGEST_KEPT]);
    process::output(&mut merge)?;
    fs::remove_dir_all(&kept)?;
    fs::create_dir_all(&kept)?;
    for input in fs::read_dir(&smallest)? {
        let input = input?;
        fs::copy(input.path(), kept.join(input.file_name()))?;
    }
    Ok(executions)
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
