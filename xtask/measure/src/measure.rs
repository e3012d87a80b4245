// SPDX-License-Identifier: GPL-2.0-or-later
//! What a run costs, and what pairs of runs say.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wait4::Wait4 as _;
use xtask::sandbox::Sandbox;
use xtask::wireshark::compile_plugin;
use xtask::{cargo, process};

/// What a run took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// User time.
    pub seconds: f64,
    /// Largest resident memory.
    pub bytes: u64,
}

/// Runs a program in the sandbox, silently.
pub fn usage(sandbox: &Sandbox, program: &[String]) -> Result<Usage> {
    let (name, arguments) = program.split_first().context("no program is named")?;
    let mut command = sandbox.command(name);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let ended =
        command.spawn().with_context(|| format!("cannot start `{}`", process::display(&command)))?.wait4()?;
    ensure!(ended.status.success(), "`{}` failed ({})", process::display(&command), ended.status);
    Ok(Usage { seconds: ended.rusage.utime.as_secs_f64(), bytes: ended.rusage.maxrss })
}

/// Instructions that a program in the sandbox executes, as callgrind counts them.
pub fn instructions(sandbox: &Sandbox, program: &[String]) -> Result<u64> {
    let mut valgrind = sandbox.command("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(program);
    let output = process::output(valgrind.stdout(Stdio::null()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    parse_instructions(&text).with_context(|| format!("valgrind counted nothing: {text}"))
}

fn parse_instructions(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// Builds a plugin of `benches/c`, to have something to compare with.
pub fn build_c(name: &str) -> Result<PathBuf> {
    let source = cargo::root()?.join("benches/c").join(name).with_extension("c");
    let folder = cargo::target_dir()?.join("bench");
    fs::create_dir_all(&folder)?;
    let library = folder.join(name).with_extension("so");
    compile_plugin(&source, &library)?;
    Ok(library)
}

/// The statistics that the plugin adds to `-z` of this tshark.
pub fn our_taps(tshark: &mut Command) -> Result<Vec<String>> {
    let output = tshark.args(["-z", "help"]).output()?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(taps(&text))
}

/// Lines read as the statistic's name, with `[,filter]` or the like behind some.
fn taps(text: &str) -> Vec<String> {
    let is_ours = |line: &&str| ["wechat", "mmtls,"].iter().any(|own| line.starts_with(own));
    let ours = text.lines().map(str::trim).filter(is_ours);
    ours.map(|line| line.split('[').next().unwrap_or(line).trim_end_matches(',').to_owned()).collect()
}

/// A benchmark of the core alone, in `benches/`.
pub fn core_bench(name: &str) -> Command {
    let mut bench = cargo::cargo("bench");
    bench.args(["--quiet", "--package", cargo::PLUGIN_PACKAGE, "--no-default-features", "--bench", name]);
    bench
}

/// The middle value.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => f64::NAN,
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// The least and the most.
pub fn spread(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    values.into_iter().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)))
}

/// The machine, as a list for the documentation.
pub fn machine() -> Result<String> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let of = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let first = |command: &mut Command| -> Result<String> {
        Ok(process::stdout(command)?.lines().next().unwrap_or_default().to_owned())
    };
    Ok(format!(
        "- {cores} cores of {}, {} of memory\n- {}\n- {}\n- {}\n",
        of(&read("/proc/cpuinfo"), "model name"),
        of(&read("/proc/meminfo"), "MemTotal"),
        first(Command::new("uname").arg("-srm"))?,
        first(Command::new("tshark").arg("--version"))?,
        first(Command::new("rustc").arg("--version"))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_valgrind_prints_is_read() {
        let text = "==7== \n==7== Events    : Ir\n==7== Collected : 1403480823\n";
        assert_eq!(parse_instructions(text), Some(1_403_480_823));
        assert_eq!(parse_instructions("valgrind: no such file"), None);
    }

    #[test]
    fn statistics_of_ours_are_found_in_the_help() {
        let text = "     voip,calls\n     mmtls,tree\n     wechat,tree\n     wechat,srt[,filter]\n     wlan,stat[,<filter>]\n";
        assert_eq!(taps(text), ["mmtls,tree", "wechat,tree", "wechat,srt"]);
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert!(median([]).is_nan());
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert_eq!(spread([2.0, 1.0, 3.0]), (1.0, 3.0));
    }

    #[test]
    fn a_run_in_a_sandbox_is_measured() {
        let sandbox = Sandbox::without_plugin().expect("a sandbox");
        let spend = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let spent = usage(&sandbox, &["sh", "-c", spend].map(str::to_owned)).expect("measured");
        assert!(spent.seconds > 0.0 && spent.bytes > 500_000, "{spent:?}");
        assert!(usage(&sandbox, &["false".to_owned()]).is_err());
    }
}
