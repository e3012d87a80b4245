// SPDX-License-Identifier: GPL-2.0-or-later
//! The commands that measure and try. `cargo xtask` lists them and starts this program for them: they need the
//! traffic generator, which those who only install the plugin need not build.

mod adversarial;
mod bench;
mod cost;
mod coverage;
mod fire;
mod fuzz;
mod matrix;
mod measure;
mod miri;
mod robustness;
mod trial;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

#[derive(Clone, Copy)]
enum Command {
    Plain(fn() -> Result<()>),
    WithArguments(fn(&[String]) -> Result<()>),
}

use Command::{Plain, WithArguments};

const COMMANDS: [(&str, Command); 10] = [
    ("robustness", WithArguments(robustness::measure)),
    ("cost", Plain(cost::measure)),
    ("bench", WithArguments(bench::run)),
    ("adversarial", WithArguments(adversarial::run)),
    ("coverage", Plain(coverage::measure)),
    ("fire", WithArguments(fire::run)),
    ("fuzz", WithArguments(fuzz::run)),
    ("miri", Plain(miri::run)),
    ("matrix", WithArguments(matrix::run)),
    ("trial", WithArguments(trial::run)),
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
    let (name, rest) = arguments.split_first().context("`cargo xtask help` lists the commands")?;
    let command = COMMANDS.iter().find(|(known, _)| known == name);
    match command.with_context(|| format!("`{name}` measures nothing"))?.1 {
        WithArguments(run) => run(rest),
        Plain(run) => {
            ensure!(rest.is_empty(), "usage: cargo xtask {name}");
            run()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_xtask_hands_over_is_here() {
        let rows = include_str!("../../src/main.rs").lines().filter(|row| row.contains("Arguments::Measure"));
        let handed_over: Vec<&str> = rows
            .filter_map(|row| row.trim_start().strip_prefix("Command { name: \"")?.split('"').next())
            .collect();
        assert_eq!(COMMANDS.map(|(name, _)| name), *handed_over);
    }
}
