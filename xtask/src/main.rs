// SPDX-License-Identifier: GPL-2.0-or-later
//! The project's commands. `cargo xtask` lists them.

mod c_library;
mod demo;
mod destdir;
mod doctor;
mod draw;
mod elsewhere;
mod install;
mod pipelines;
mod profile;
mod stage;
mod suite;

use std::process::ExitCode;

use anyhow::{Result, bail};
use xtask::{cargo, process};

struct Command {
    name: &'static str,
    arguments: Arguments,
    summary: &'static str,
}

/// What may follow a command's name.
#[derive(Clone, Copy)]
enum Arguments {
    None(fn() -> Result<()>),
    /// `--dry-run`
    DryRun(fn(bool) -> Result<()>),
    /// `--dry-run` and `--profile`, or where a package is to be laid out
    Install(fn(bool, bool) -> Result<()>),
    /// Everything after `--`
    Rest(fn(&[String]) -> Result<()>),
    /// As `None`, in the program that measures
    Measure,
    /// As `Rest`, in the program that measures
    MeasureRest,
}

#[rustfmt::skip]
const COMMANDS: [Command; 23] = [
    Command { name: "demo", arguments: Arguments::None(demo::demo), summary: "installs what is missing, builds, and shows dissected frames" },
    Command { name: "build", arguments: Arguments::None(stage::build), summary: "builds the plugin and says how to try it without installing it" },
    Command { name: "test", arguments: Arguments::Rest(suite::run), summary: "runs every check and test" },
    Command { name: "bless", arguments: Arguments::Rest(suite::bless), summary: "lets the tests write the golden files anew" },
    Command { name: "header", arguments: Arguments::None(suite::bless_header), summary: "writes include/wechat_dissector.h anew" },
    Command { name: "pictures", arguments: Arguments::Rest(draw::pictures), summary: "makes the pictures of Wireshark's window in docs/ anew; all, or those with a word in their names" },
    Command { name: "install", arguments: Arguments::Install(install::install), summary: "installs the plugin where this machine's Wireshark looks; the profile for its window, too, when asked; below a folder, for a package, with --destdir" },
    Command { name: "uninstall", arguments: Arguments::DryRun(install::uninstall), summary: "removes it again" },
    Command { name: "doctor", arguments: Arguments::None(doctor::doctor), summary: "says whether Wireshark loads the plugin, and what to do if not" },
    Command { name: "c-library", arguments: Arguments::Rest(c_library::run), summary: "installs the dissector for C programs, without Wireshark, below `--destdir D`" },
    Command { name: "package", arguments: Arguments::Rest(xtask::package::run), summary: "makes .deb and .tar.gz for Wireshark 3.4, 4.0, 4.4 and 4.6, or those named, or `here`; `--sign KEY` signs their sums" },
    Command { name: "robustness", arguments: Arguments::MeasureRest, summary: "measures how many frames are found around faults, beside tcp_dissect_pdus" },
    Command { name: "cost", arguments: Arguments::Measure, summary: "measures what the plugin costs HTTP and TLS on the shared ports" },
    Command { name: "bench", arguments: Arguments::MeasureRest, summary: "measures speed and memory beside plain C, Lua and nothing, and writes docs/performance.md; `quick` for a look" },
    Command { name: "adversarial", arguments: Arguments::MeasureRest, summary: "measures the cost per byte of the most expensive captures, from 1 MB to 100 MB or as many as told" },
    Command { name: "coverage", arguments: Arguments::Measure, summary: "says how many lines of the core its tests run" },
    Command { name: "fire", arguments: Arguments::MeasureRest, summary: "lets tshark with sanitizers read mutated captures (2000, or as many as told), and looks for leaks" },
    Command { name: "fuzz", arguments: Arguments::MeasureRest, summary: "runs the fuzz targets, 30 minutes each or as many seconds as told" },
    Command { name: "miri", arguments: Arguments::Measure, summary: "runs the core's tests in Rust's interpreter, which sees undefined behaviour" },
    Command { name: "matrix", arguments: Arguments::MeasureRest, summary: "builds and tests on Wireshark 3.4, 4.0, 4.4 and 4.6, and tries each build in the others" },
    Command { name: "trial", arguments: Arguments::MeasureRest, summary: "tries the packages in fresh roots, and builds them twice, offline, and with the oldest compiler; or `roots`, `twice`, `offline`, `oldest`" },
    Command { name: "pipelines", arguments: Arguments::Rest(pipelines::run), summary: "checks and tests pipelines/ on a pool; `cluster` on Spark, `thousand` on both with a thousand captures, `bench` measures, `plot` draws" },
    Command { name: "help", arguments: Arguments::None(help), summary: "shows this" },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        return help();
    };
    if let "--help" | "-h" = name.as_str() {
        return help();
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        bail!("there is no command `{name}`; `cargo xtask help` lists them");
    };
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    if let ["--help" | "-h"] = words[..] {
        println!("usage: cargo xtask {name}{}\n\n{}", command.arguments.usage(), command.summary);
        return Ok(());
    }
    match (command.arguments, words.as_slice()) {
        (Arguments::None(run), []) => run(),
        (Arguments::DryRun(run), []) => run(false),
        (Arguments::DryRun(run), ["--dry-run"]) => run(true),
        (Arguments::Install(run), words)
            if words.iter().all(|word| ["--dry-run", "--profile"].contains(word)) =>
        {
            run(words.contains(&"--dry-run"), words.contains(&"--profile"))
        }
        (Arguments::Install(_), words) => destdir::run(words),
        (Arguments::Rest(run), []) => run(&[]),
        (Arguments::Rest(run), ["--", ..]) => run(&rest[1..]),
        (Arguments::Measure | Arguments::MeasureRest, []) => measure(name, &[]),
        (Arguments::MeasureRest, ["--", ..]) => measure(name, &words[1..]),
        _ => bail!("usage: cargo xtask {name}{}", command.arguments.usage()),
    }
}

impl Arguments {
    fn usage(self) -> &'static str {
        match self {
            Self::None(_) | Self::Measure => "",
            Self::DryRun(_) => " [--dry-run]",
            Self::Install(_) => destdir::OPTIONS,
            Self::Rest(_) | Self::MeasureRest => " [-- ARGUMENTS]",
        }
    }
}

/// Starts the program that measures. It is one of its own because it needs the traffic generator.
fn measure(name: &str, arguments: &[&str]) -> Result<()> {
    let program = cargo::build_program("measure")?;
    process::run(std::process::Command::new(program).arg(name).args(arguments))
}

fn help() -> Result<()> {
    println!("usage: cargo xtask COMMAND\n");
    for command in &COMMANDS {
        println!("  {:<24} {}", format!("{}{}", command.name, command.arguments.usage()), command.summary);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is compiled for a package, by name.
    fn built_for(package: &[&str]) -> Vec<String> {
        let mut tree = cargo::cargo("tree");
        tree.args(["--edges=normal,build", "--prefix=none", "--format={p}", "--package"]).args(package);
        let text = process::stdout(&mut tree).expect("cargo shows its tree");
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }

    #[test]
    fn who_installs_builds_no_generator_and_the_demos_has_no_tls() {
        const TLS: [&str; 4] = ["ring", "rustls", "rcgen", "x25519-dalek"];
        let has = |built: &[String], names: &[&str]| built.iter().any(|name| names.contains(&name.as_str()));
        for package in ["xtask", cargo::PLUGIN_PACKAGE] {
            let built = built_for(&[package]);
            assert!(has(&built, &[package]) && !has(&built, &TLS), "{package}: {built:?}");
            assert!(!has(&built, &["wechat-traffic", "cbindgen", "proptest"]), "{package}: {built:?}");
        }
        let demo = built_for(&["wechat-traffic", "--no-default-features"]);
        assert!(has(&demo, &["pcap-file"]) && !has(&demo, &TLS), "{demo:?}");
        assert!(has(&built_for(&["wechat-traffic"]), &TLS));
    }
}
