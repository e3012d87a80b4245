// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask coverage`: which lines of the core its own tests run, with rustc's instrumentation.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::{cargo, process};

/// What is promised, in percent.
const PROMISED: f64 = 95.0;

/// The tests that need no Wireshark and run the core in their own process.
const TESTS: [&str; 13] = [
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
];

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
    let mut export = Command::new(tools.join("llvm-cov"));
    let (first, others) = programs.split_first().context("cargo built no test program")?;
    export.args(["export", "-summary-only"]).arg(format!("-instr-profile={}", merged.display())).arg(first);
    for program in others {
        export.arg("-object").arg(program);
    }
    let report: Value = serde_json::from_str(&process::stdout(export.arg(cargo::root()?.join("src")))?)?;
    let files = files(&report);
    ensure!(!files.is_empty(), "llvm-cov reports no file of the core");

    println!("\n| file | lines | run | % |\n| --- | ---: | ---: | ---: |");
    for file in &files {
        println!("| {} | {} | {} | {:.1} |", file.name, file.lines, file.run, file.percent());
    }
    let all = File { name: "all".to_owned(), lines: sum(&files, |f| f.lines), run: sum(&files, |f| f.run) };
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

struct File {
    name: String,
    lines: u64,
    run: u64,
}

impl File {
    fn percent(&self) -> f64 {
        100.0 * self.run as f64 / self.lines as f64
    }
}

fn sum(files: &[File], of: impl Fn(&File) -> u64) -> u64 {
    files.iter().map(of).sum()
}

fn files(report: &Value) -> Vec<File> {
    let Some(files) = report["data"][0]["files"].as_array() else { return Vec::new() };
    files
        .iter()
        .filter_map(|file| {
            let path = Path::new(file["filename"].as_str()?);
            let inside: PathBuf = path.iter().skip_while(|part| *part != OsStr::new("src")).collect();
            let lines = &file["summary"]["lines"];
            Some(File {
                name: inside.display().to_string(),
                lines: lines["count"].as_u64()?,
                run: lines["covered"].as_u64()?,
            })
        })
        .collect()
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
        let report = serde_json::json!({ "data": [{ "files": [
            { "filename": "/w/x/src/body/mod.rs", "summary": { "lines": { "count": 10, "covered": 9 } } },
        ] }] });
        let files = files(&report);
        assert_eq!((files[0].name.as_str(), files[0].lines, files[0].run), ("src/body/mod.rs", 10, 9));
        assert!((files[0].percent() - 90.0).abs() < 1e-9);
    }
}
