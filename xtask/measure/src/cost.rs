// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask cost`: what the plugin costs traffic that is not WeChat's.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Result;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wechat_traffic::capture::Writer;
use wechat_traffic::case::foreign_between;
use wechat_traffic::packet::Endpoints;
use xtask::cargo;
use xtask::sandbox::Sandbox;

use crate::measure::{self, median, spread};

/// Size of the capture.
const BYTES: u64 = 100_000_000;

/// How much longer the answers are than in a small case.
const SCALE: usize = 8;

/// Pairs of runs, after one that nobody counts.
const ROUNDS: usize = 15;

/// Packets under callgrind.
pub const COUNTED: u32 = 10_000;

pub fn measure() -> Result<()> {
    let (table, dearer) = table(&cargo::build_plugin()?, ROUNDS, 1)?;
    println!("\n{table}\nIn instructions, the first {COUNTED} packets: {:.2} % more.", dearer * 100.0);
    Ok(())
}

/// Times as a table, and by what share of the instructions it is dearer with the plugin.
pub fn table(plugin: &Path, rounds: usize, counts: usize) -> Result<(String, f64)> {
    let folder = cargo::target_dir()?.join("cost");
    fs::create_dir_all(&folder)?;
    let capture = folder.join("foreign.pcap");
    generate(&capture)?;

    let (without, with) = (Sandbox::without_plugin()?, Sandbox::new(plugin)?);
    let without = Run { capture: without.add_file(&capture)?, sandbox: without };
    let with = Run { capture: with.add_file(&capture)?, sandbox: with };
    let mut text = format!(
        "User time of tshark on {} MB of HTTP and TLS, {rounds} pairs of runs in alternation:\n\n\
         | tshark | without | with | with / without | of the pairs |\n| --- | ---: | ---: | ---: | ---: |\n",
        BYTES / 1_000_000
    );
    for (name, arguments) in [("`-q -z io,stat,0`", &["-q", "-z", "io,stat,0"][..]), ("one-line list", &[])] {
        without.user_time(arguments)?;
        with.user_time(arguments)?;
        let pairs = (0..rounds).map(|_| Ok((without.user_time(arguments)?, with.user_time(arguments)?)));
        let pairs: Vec<(f64, f64)> = pairs.collect::<Result<_>>()?;
        let before = median(pairs.iter().map(|pair| pair.0));
        let after = median(pairs.iter().map(|pair| pair.1));
        let ratios = || pairs.iter().map(|(without, with)| with / without);
        let (least, most) = spread(ratios());
        let _ = writeln!(
            text,
            "| {name} | {before:.2} s | {after:.2} s | {:.3} | {least:.3} to {most:.3} |",
            median(ratios())
        );
    }
    let (before, after) = (without.instructions(counts)?, with.instructions(counts)?);
    Ok((text, after / before - 1.0))
}

/// A sandbox and the capture in it.
struct Run {
    sandbox: Sandbox,
    capture: std::path::PathBuf,
}

impl Run {
    fn user_time(&self, arguments: &[&str]) -> Result<f64> {
        let capture = self.capture.to_string_lossy();
        let command = ["tshark", "-n", "-r", &capture]
            .into_iter()
            .chain(arguments.iter().copied())
            .map(ToString::to_string);
        Ok(measure::usage(&self.sandbox, &command.collect::<Vec<_>>())?.seconds)
    }

    /// Of the first packets, without those of the very first, which are Wireshark's own to start.
    fn instructions(&self, runs: usize) -> Result<f64> {
        let capture = self.capture.to_string_lossy();
        let count = |packets: u32| -> Result<f64> {
            let packets = packets.to_string();
            let command = ["tshark", "-n", "-r", &capture, "-c", &packets, "-q", "-z", "io,stat,0"];
            let command = command.map(ToString::to_string);
            let counts = (0..runs).map(|_| measure::instructions(&self.sandbox, &command));
            Ok(median(counts.collect::<Result<Vec<_>>>()?.into_iter().map(|count| count as f64)))
        };
        Ok(count(COUNTED)? - count(1)?)
    }
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
