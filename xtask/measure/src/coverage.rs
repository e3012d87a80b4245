// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask coverage`: which lines of the core its own tests run, with rustc's instrumentation.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::{cargo, process};

/// What is promised, in percent.
const PROMISED: f64 = 95.0;

/// The tests that need no Wireshark.
const TESTS: [&str; 15] = [
    "--lib",
    "--test",
    "golden",
    "--test",
    "random",
    "--test",
    "model",
    "--test",
    "memory",
    "--test",
    "corpus",
    "--test",
    "interface",
    "--test",
    "c_abi",
];

/// Where in the target folder the last of them builds the library that it calls from C: the core without tests, and with
/// what provokes a panic.
const LIBRARY: &str = "tmp/c-abi/debug";

pub fn measure() -> Result<()> {
    let tools = tools()?;
    let target = cargo::target_dir()?.join("coverage");
    let profiles = target.join("profiles");
    if profiles.exists() {
        fs::remove_dir_all(&profiles)?;
    }
    let test = |arguments: &[&str]| {
        let mut command = cargo::cargo("test");
        command
            .args(["--package", cargo::PLUGIN_PACKAGE, "--no-default-features", "--target-dir"])
            .arg(&target);
        command.env("RUSTFLAGS", "-C instrument-coverage").args(arguments);
        command.env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        command
    };
    let built = process::stdout(test(&["--no-run", "--message-format=json"]).args(TESTS))?;
    let programs = programs(&built);
    process::run(test(&TESTS).args(["--", "--quiet"]))?;

    let merged = target.join("all.profdata");
    let raw: Vec<PathBuf> = fs::read_dir(&profiles)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    process::output(
        Command::new(tools.join("llvm-profdata")).args(["merge", "-sparse", "-o"]).arg(&merged).args(&raw),
    )?;
    let lines = |program: &OsStr| -> Result<Lines> {
        let mut export = Command::new(tools.join("llvm-cov"));
        export.args(["export", "-format=lcov"]).arg(format!("-instr-profile={}", merged.display()));
        Ok(lines(&process::stdout(export.arg(program).arg(cargo::root()?.join("src")))?))
    };
    // Programs hold the same functions, compiled more than once: a line is run when any of them has run it.
    let mut core = lines(target.join(LIBRARY).join(cargo::plugin_file_name()).as_os_str())?;
    for program in programs {
        for (line, run) in lines(program.as_ref())? {
            core.entry(line).and_modify(|known| *known |= run);
        }
    }
    let files = files(&core);
    ensure!(!files.is_empty(), "llvm-cov reports no file of the core");

    println!("\n| file | lines | run | % |\n| --- | ---: | ---: | ---: |");
    for file in &files {
        println!("| {} | {} | {} | {:.1} |", file.name, file.lines, file.run, file.percent());
    }
    let sum = |of: fn(&File) -> usize| files.iter().map(of).sum();
    let all = File { name: "all".to_owned(), lines: sum(|file| file.lines), run: sum(|file| file.run) };
    println!("| **{}** | {} | {} | **{:.2}** |", all.name, all.lines, all.run, all.percent());
    ensure!(
        all.percent() >= PROMISED,
        "{:.2} % of the lines are run, and {PROMISED} are promised",
        all.percent()
    );
    Ok(())
}

/// The tools of the compiler's own LLVM, which reads the profiles that it writes.
fn tools() -> Result<PathBuf> {
    let sysroot = process::stdout(Command::new("rustc").args(["--print", "sysroot"]))?;
    let version = process::stdout(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let tools = Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin");
    ensure!(tools.join("llvm-cov").is_file(), "this needs LLVM's tools: rustup component add llvm-tools");
    Ok(tools)
}

/// The test programs that cargo built.
fn programs(messages: &str) -> Vec<String> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["profile"]["test"] == true)
        .filter_map(|message| message["executable"].as_str().map(str::to_owned))
        .collect()
}

/// Lines by file and number, and whether they were run.
type Lines = BTreeMap<(String, u64), bool>;

/// What is in a report of llvm-cov's.
fn lines(report: &str) -> Lines {
    let mut lines = Lines::new();
    let mut file = String::new();
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            let inside: PathBuf =
                Path::new(path).iter().skip_while(|part| *part != OsStr::new("src")).collect();
            file = inside.display().to_string();
        } else if let Some((number, count)) = line.strip_prefix("DA:").and_then(|line| line.split_once(','))
            && let Ok(number) = number.parse()
        {
            lines.insert((file.clone(), number), count != "0");
        }
    }
    lines
}

#[derive(Debug, Default, PartialEq, Eq)]
struct File {
    name: String,
    lines: usize,
    run: usize,
}

impl File {
    fn percent(&self) -> f64 {
        100.0 * self.run as f64 / self.lines as f64
    }
}

fn files(lines: &Lines) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    for ((name, _), run) in lines {
        if files.last().is_none_or(|last| last.name != *name) {
            files.push(File { name: name.clone(), ..File::default() });
        }
        if let Some(file) = files.last_mut() {
            file.lines += 1;
            file.run += usize::from(*run);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_told_from_libraries() {
        let messages = r#"
{"reason":"compiler-artifact","profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","profile":{"test":true},"executable":"/t/deps/golden-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(programs(messages), ["/t/deps/golden-1"]);
    }

    #[test]
    fn files_are_named_from_src_on() {
        let report = "SF:/w/x/src/body/mod.rs\nDA:3,7\nDA:4,0\nend_of_record\nSF:/w/x/src/lib.rs\nDA:9,1\n";
        let file = |name: &str, lines, run| File { name: name.to_owned(), lines, run };
        assert_eq!(files(&lines(report)), [file("src/body/mod.rs", 2, 1), file("src/lib.rs", 1, 1)]);
        assert!((file("", 10, 9).percent() - 90.0).abs() < 1e-9);
    }
}
