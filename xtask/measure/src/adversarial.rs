// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask adversarial`: what the generator's dearest captures cost a byte, from 1 MB to 100 MB.

use std::fs::{self, File, Permissions};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result, bail, ensure};
use wechat_traffic::adversarial::{ATTACKS, Attack, Written, find, write_with_keys};
use xtask::cargo;
use xtask::sandbox::Sandbox;

use crate::measure::{self, median};

/// Megabytes of payload, when nobody says how many are the most.
const MOST: u64 = 100;

/// How much dearer a byte may be in the largest capture than in the smallest.
const ALLOWED: f64 = 2.0;

/// A time below this says nothing: tshark's own start varies as much.
const SMALLEST: f64 = 0.01;

/// In two passes, so that later visits are in it; the filter asks for values of all protocols.
const MODE: [&str; 3] = ["-2", "-Y", "wechat.seq == 4711 || wechat_web.session == 4711 || mmtls.seq == 4711"];

pub fn run(arguments: &[String]) -> Result<()> {
    let (most, names) = match arguments {
        [] => (MOST, &[][..]),
        [number, names @ ..] => {
            (number.parse().with_context(|| format!("`{number}` is no number of megabytes"))?, names)
        }
    };
    if let Some(name) = names.iter().find(|name| find(name).is_none()) {
        bail!("no attack is called {name}; `cargo run -p wechat-traffic -- attacks` lists them");
    }
    let wanted = |attack: &&Attack| names.is_empty() || names.iter().any(|name| name == attack.name);
    let sandbox = Sandbox::new(&cargo::build_plugin()?)?;
    let sizes: Vec<u64> =
        std::iter::successors(Some(1), |size| Some(size * 10)).take_while(|size| *size <= most).collect();
    let start = measure_start(&sandbox)?;
    println!(
        "\nUser time of `tshark {}` beyond its start ({start:.2} s), ns for each byte of payload:\n",
        MODE.join(" ")
    );
    let heads: Vec<String> = sizes.iter().map(|size| format!(" {size} MB |")).collect();
    println!("| attack |{} largest / smallest | largest memory |", heads.concat());
    println!("| --- |{} ---: | ---: |", " ---: |".repeat(sizes.len()));
    let mut failed = Vec::new();
    for attack in ATTACKS.iter().filter(wanted) {
        let mut costs = Vec::new();
        let mut memory = 0;
        print!("| {} |", attack.name);
        for size in &sizes {
            let measured = measure(&sandbox, attack, *size)?;
            let seconds = (measured.seconds - start).max(SMALLEST);
            costs.push(seconds * 1e9 / measured.payload as f64);
            memory = measured.memory;
            print!(" {:.0} |", costs[costs.len() - 1]);
        }
        let ratio = growth(&costs);
        println!(" {ratio:.2} | {} MB |", memory / 1_000_000);
        if ratio > ALLOWED {
            failed.push(attack.name);
        }
    }
    ensure!(failed.is_empty(), "a byte grows dearer with the capture in: {}", failed.join(", "));
    Ok(())
}

/// The cost of a byte in the largest capture beside that in the smallest.
fn growth(costs: &[f64]) -> f64 {
    match (costs.first(), costs.last()) {
        (Some(first), Some(last)) => last / first,
        _ => f64::NAN,
    }
}

/// What tshark takes for almost nothing.
fn measure_start(sandbox: &Sandbox) -> Result<f64> {
    Ok(measure(sandbox, ATTACKS.first().context("there are attacks")?, 0)?.seconds)
}

struct Measured {
    payload: u64,
    seconds: f64,
    memory: u64,
}

/// Small captures are measured more often.
fn measure(sandbox: &Sandbox, attack: &Attack, megabytes: u64) -> Result<Measured> {
    let capture = sandbox.path().join("attack.pcap");
    let out = BufWriter::new(File::create(&capture)?);
    let Written { payload, key_log } = write_with_keys(out, attack, megabytes * 1_000_000, 1)?;
    let log = sandbox.path().join("attack.log");
    fs::write(&log, key_log)?;
    fs::set_permissions(&log, Permissions::from_mode(0o644))?;
    let (path, log) = (capture.to_string_lossy(), format!("mmtls.keylog_file:{}", log.display()));
    let words = ["tshark", "-n", "-r", &path, "-o", &log].into_iter().chain(MODE);
    let words: Vec<String> = words.map(str::to_owned).collect();
    let runs = if megabytes <= 10 { 7 } else { 1 };
    let runs: Vec<_> = (0..runs).map(|_| measure::usage(sandbox, &words)).collect::<Result<_>>()?;
    fs::remove_file(&capture)?;
    Ok(Measured {
        payload,
        seconds: median(runs.iter().map(|run| run.seconds)),
        memory: runs.iter().map(|run| run.bytes).max().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_the_last_beside_the_first() {
        assert!((growth(&[10.0, 50.0, 15.0]) - 1.5).abs() < 1e-9);
        assert!(growth(&[]).is_nan());
    }
}
