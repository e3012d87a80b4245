// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask cost`: what the plugin costs traffic that is not WeChat's.

use std::fs::{self, File};
use std::io::BufWriter;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wechat_traffic::capture::Writer;
use wechat_traffic::case::foreign_between;
use wechat_traffic::packet::Endpoints;
use xtask::sandbox::Sandbox;
use xtask::{cargo, process};

/// Size of the capture.
const BYTES: u64 = 100_000_000;

/// How much longer the answers are than in a small case.
const SCALE: usize = 8;

/// Pairs of runs, after one that nobody counts.
const ROUNDS: usize = 15;

/// Runs `"$@"` and prints its user time in seconds.
const TIMED: &str = r#"TIMEFORMAT=%3U; { time "$@" >/dev/null 2>&1; } 2>&1"#;

pub fn measure() -> Result<()> {
    let plugin = cargo::build_plugin()?;
    let folder = cargo::target_dir()?.join("cost");
    fs::create_dir_all(&folder)?;
    let capture = folder.join("foreign.pcap");
    generate(&capture)?;

    let (without, with) = (Sandbox::without_plugin()?, Sandbox::new(&plugin)?);
    let without = Run { capture: without.add_file(&capture)?, sandbox: without };
    let with = Run { capture: with.add_file(&capture)?, sandbox: with };
    println!(
        "\nUser time of tshark on {} MB of HTTP and TLS, {ROUNDS} pairs of runs in alternation:\n",
        BYTES / 1_000_000
    );
    println!("| tshark | without | with | with / without | of the pairs |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (name, arguments) in [("`-q -z io,stat,0`", &["-q", "-z", "io,stat,0"][..]), ("one-line list", &[])] {
        without.user_time(arguments)?;
        with.user_time(arguments)?;
        let pairs = (0..ROUNDS).map(|_| Ok((without.user_time(arguments)?, with.user_time(arguments)?)));
        let pairs: Vec<(f64, f64)> = pairs.collect::<Result<_>>()?;
        let before = median(pairs.iter().map(|pair| pair.0));
        let after = median(pairs.iter().map(|pair| pair.1));
        let ratios = || pairs.iter().map(|(without, with)| with / without);
        let (least, most) =
            ratios().fold((f64::MAX, f64::MIN), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
        println!(
            "| {name} | {before:.2} s | {after:.2} s | {:.3} | {least:.3} to {most:.3} |",
            median(ratios())
        );
    }
    Ok(())
}

/// A sandbox and the capture in it.
struct Run {
    sandbox: Sandbox,
    capture: std::path::PathBuf,
}

impl Run {
    fn user_time(&self, arguments: &[&str]) -> Result<f64> {
        let mut bash = self.sandbox.command("bash");
        bash.args(["-c", TIMED, "bash", "tshark", "-n", "-r"]).arg(&self.capture).args(arguments);
        let text = process::stdout(&mut bash)?;
        text.trim().parse().with_context(|| format!("bash printed `{}` for a time", text.trim()))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Sessions from many clients, one after the other.
fn generate(capture: &Path) -> Result<()> {
    let mut writer = Writer::new(BufWriter::new(File::create(capture)?), None)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut client = u32::from(Ipv4Addr::new(10, 0, 0, 1));
    while fs::metadata(capture)?.len() < BYTES {
        let endpoints = |port| Endpoints::v4(40_700, port).from_client(Ipv4Addr::from(client));
        foreign_between(endpoints, SCALE, &mut rng).write_packets(&mut writer)?;
        client += 1;
    }
    Ok(writer.finish()?)
}
