// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask robustness`: how many of the frames around a fault are shown, by this plugin and by a
//! dissector on `tcp_dissect_pdus`, which is how most are written.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::BufWriter;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use wechat_traffic::capture::Writer;
use wechat_traffic::fault::{FAULTS, Fault, robust_between};
use wechat_traffic::mmtls;
use wechat_traffic::mmtls::key_log::Opening;
use wechat_traffic::mmtls::truth::{Row, State};
use wechat_traffic::packet::{Direction, Endpoints};
use wechat_traffic::pdu::RESPONSE_OFFSET;
use wechat_traffic::truth;
use xtask::sandbox::Sandbox;
use xtask::{cargo, process};

use crate::measure::{build_c, core_bench};

/// Sessions of each fault.
const SEEDS: u64 = 100;

/// Random bytes in which no frame may be found.
const FOREIGN_GIGABYTES: &str = "10";

/// Port of the server in every session.
const SERVER_PORT: u16 = 8080;

/// What tells a frame from the others: session, direction, operation and seqid.
type Frame = (usize, Direction, u32, u32);

/// How often each frame is there; a push has the same numbers as the next.
type Frames = HashMap<Frame, usize>;

/// A capture with a session for each seed, and what is in it.
struct Measured {
    capture: PathBuf,
    intact: Frames,
    sent: Frames,
    /// Exchanges of which both frames are intact: session, request's operation and seqid.
    exchanges: HashSet<Exchange>,
}

type Exchange = (usize, u32, u32);

/// Frames shown of a capture.
struct Score {
    found: usize,
    invented: usize,
}

/// Exchanges linked in a capture.
struct Pairs {
    right: usize,
    wrong: usize,
}

pub fn measure(arguments: &[String]) -> Result<()> {
    let seeds = match arguments {
        [] => SEEDS,
        [number] => number.parse().with_context(|| format!("`{number}` is no number of seeds"))?,
        _ => bail!("usage: cargo xtask robustness [-- SEEDS]"),
    };
    ensure!((1..=60_000).contains(&seeds), "between 1 and 60000 seeds fit a file");
    let ours = cargo::build_plugin()?;
    let folder = cargo::target_dir()?.join("robustness");
    fs::create_dir_all(&folder)?;
    let stock = build_c("stock")?;

    println!(
        "\nIntact frames shown, of {seeds} sessions for each fault; in brackets, frames shown that nobody sent.\n"
    );
    println!(
        "| fault | intact frames | WeChat | WeChat, `-2` | pairs | `tcp_dissect_pdus` | the same, `-2` |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for fault in FAULTS {
        let measured = generate(fault, seeds, &folder)?;
        let intact = measured.intact.values().sum();
        print!("| {} | {intact} |", fault.name);
        for arguments in [&[][..], &["-2"]] {
            let Score { found, invented } = score(&measured, &ours, arguments)?;
            print_share(found, intact, invented);
        }
        let Pairs { right, wrong } = pairs(&measured, &ours)?;
        print_share(right, measured.exchanges.len(), wrong);
        for arguments in [&[][..], &["-2"]] {
            let Score { found, invented } = score(&measured, &stock, arguments)?;
            print_share(found, intact, invented);
        }
        println!();
    }
    println!(
        "\nMMTLS, of {seeds} sessions for each fault: records without a key, records and frames that a line of the key \
         log opens.\n"
    );
    println!("| fault | intact records | shown | shown, `-2` | opened | intact frames inside | shown |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for fault in mmtls::fault::FAULTS {
        let Sealed { capture, log, records, opened, frames } = generate_sealed(fault, seeds, &folder)?;
        print!("| {} | {} |", fault.name, records.intact.values().sum::<usize>());
        let fields = ["mmtls.type", "mmtls.length"];
        for arguments in [&[][..], &["-2"]] {
            records.print(&shown(&ours, &capture, arguments, "mmtls.session", fields)?);
        }
        let sandbox = Sandbox::new(&ours)?;
        let log = format!("mmtls.keylog_file:{}", sandbox.add_file(&log)?.display());
        let fields = ["mmtls.plain_len", "mmtls.plain_len"];
        opened.print(&shown_in(&sandbox, &capture, &["-o", &log], "mmtls.plain_len", fields)?);
        print!(" {} |", frames.intact.values().sum::<usize>());
        let fields = ["wechat.op", "wechat.seq"];
        frames.print(&shown_in(&sandbox, &capture, &["-o", &log], "wechat.op", fields)?);
        println!();
    }
    println!("\nFrames that were never there, in foreign bytes:\n");
    process::run(core_bench("foreign_bytes").args(["--", FOREIGN_GIGABYTES]))
}

/// A cell: how much of all, and in brackets what should not be there.
fn print_share(part: usize, all: usize, wrong: usize) {
    let percent = 100.0 * part as f64 / all as f64;
    match wrong {
        0 if all == 0 => print!(" none |"),
        0 => print!(" {percent:.2} % |"),
        wrong => print!(" {percent:.2} % ({wrong}) |"),
    }
}

/// One session for each seed, each from a client of its own.
fn generate(fault: &Fault, seeds: u64, folder: &Path) -> Result<Measured> {
    let capture = folder.join(format!("{}.pcap", fault.name));
    let mut writer = None;
    let (mut intact, mut sent) = (Frames::new(), Frames::new());
    let mut exchanges = HashSet::new();
    for seed in 1..=seeds {
        let client = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + seed as u32 * 2);
        let session = robust_between(Endpoints::v4(40_500, SERVER_PORT).from_client(client), fault, seed);
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(Writer::new(BufWriter::new(File::create(&capture)?), session.snap_len())?),
        };
        session.write_packets(writer)?;
        let rows = truth::rows(&session)?;
        let intact_requests: HashSet<(u32, u32)> = rows
            .iter()
            .filter(|row| row.intact && row.dir == Direction::ClientToServer)
            .map(|row| (row.op, row.seq))
            .collect();
        for row in rows {
            let request = (row.op.wrapping_sub(RESPONSE_OFFSET), row.seq);
            if row.intact && row.dir == Direction::ServerToClient && intact_requests.contains(&request) {
                exchanges.insert((seed as usize - 1, request.0, request.1));
            }
            let frame = (seed as usize - 1, row.dir, row.op, row.seq);
            *sent.entry(frame).or_default() += 1;
            if row.intact {
                *intact.entry(frame).or_default() += 1;
            }
        }
    }
    writer.context("no session")?.finish()?;
    Ok(Measured { capture, intact, sent, exchanges })
}

/// Sessions of MMTLS in a capture, and the key log of all their records.
struct Sealed {
    capture: PathBuf,
    log: PathBuf,
    /// By type and length.
    records: Expected,
    /// By the length of what is in them, twice.
    opened: Expected,
    /// By operation and seqid.
    frames: Expected,
}

/// What is to be shown, and what may be.
#[derive(Default)]
struct Expected {
    intact: Frames,
    sent: Frames,
}

impl Expected {
    fn add(&mut self, what: Frame, is_intact: bool) {
        *self.sent.entry(what).or_default() += 1;
        if is_intact {
            *self.intact.entry(what).or_default() += 1;
        }
    }

    fn print(&self, shown: &Frames) {
        let Score { found, invented } = overlap(&self.intact, &self.sent, shown);
        print_share(found, self.intact.values().sum(), invented);
    }
}

/// One session for each seed, each from a client of its own.
fn generate_sealed(fault: &mmtls::fault::Fault, seeds: u64, folder: &Path) -> Result<Sealed> {
    let [capture, log] = ["pcap", "log"].map(|end| folder.join(format!("mmtls-{}.{end}", fault.name)));
    let mut writer = None;
    let mut text = Vec::new();
    let (mut records, mut opened, mut frames) =
        (Expected::default(), Expected::default(), Expected::default());
    for seed in 1..=seeds {
        let client = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + seed as u32 * 2);
        let ends = Endpoints::v4(40_500, SERVER_PORT).from_client(client);
        let made = mmtls::fault::robust_between(ends, fault, seed);
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let file = BufWriter::new(File::create(&capture)?);
                writer.insert(Writer::new(file, made.capture.snap_len())?)
            }
        };
        made.capture.write_packets(writer)?;
        let keys = made.log("records").context("there is no such key log")?;
        text.extend(&keys.bytes);
        let stream = seed as usize - 1;
        for row in made.truth(&[keys])? {
            match row {
                Row::Record(row) => {
                    let what = (stream, row.dir, u32::from(row.kind), row.length as u32);
                    records.add(what, row.state != State::Broken);
                    let by = row.opened.values().next().filter(|by| **by != Opening::Tag);
                    let length = row.plain_len as u32;
                    opened.add((stream, row.dir, length, length), by.is_some() && row.state == State::Intact);
                }
                Row::Frame(row) => {
                    frames.add((stream, row.dir, row.op, row.seq), row.intact && !row.opened.is_empty());
                }
                Row::Session(_) | Row::Business(_) | Row::Call(_) => {}
            }
        }
    }
    writer.context("no session")?.finish()?;
    fs::write(&log, text)?;
    Ok(Sealed { capture, log, records, opened, frames })
}

/// The overlap of what was sent and what is shown.
fn score(measured: &Measured, plugin: &Path, arguments: &[&str]) -> Result<Score> {
    let shown = shown(plugin, &measured.capture, arguments, "wechat.op", ["wechat.op", "wechat.seq"])?;
    Ok(overlap(&measured.intact, &measured.sent, &shown))
}

fn overlap(intact: &Frames, sent: &Frames, shown: &Frames) -> Score {
    let common = |of: &Frames| -> usize {
        of.iter().map(|(frame, count)| *shown.get(frame).unwrap_or(&0).min(count)).sum()
    };
    let total: usize = shown.values().sum();
    Score { found: common(intact), invented: total - common(sent) }
}

/// What a plugin shows of a capture, by the values of two fields.
fn shown(
    plugin: &Path,
    capture: &Path,
    arguments: &[&str],
    filter: &str,
    fields: [&str; 2],
) -> Result<Frames> {
    shown_in(&Sandbox::new(plugin)?, capture, arguments, filter, fields)
}

fn shown_in(
    sandbox: &Sandbox,
    capture: &Path,
    arguments: &[&str],
    filter: &str,
    fields: [&str; 2],
) -> Result<Frames> {
    let capture = sandbox.add_file(capture)?;
    let mut tshark = sandbox.tshark(["-n", "-r"]);
    tshark.arg(capture).args(arguments).args(["-Y", filter, "-T", "fields"]);
    tshark.args(["-e", "tcp.stream", "-e", "tcp.srcport", "-e", fields[0]]);
    let [first, second] = fields;
    if first != second {
        tshark.args(["-e", second]);
        return frames(&process::stdout(&mut tshark)?);
    }
    // tshark shows a field in one column only.
    let text = process::stdout(&mut tshark)?;
    let again = |line: &str| format!("{line}\t{}\n", line.rsplit('\t').next().unwrap_or_default());
    frames(&text.lines().map(again).collect::<String>())
}

/// The links from responses to requests. A packet may hold several frames, whose columns do not line up,
/// so each is looked at by itself: the response's seqid must be that of a request in the packet named.
fn pairs(measured: &Measured, plugin: &Path) -> Result<Pairs> {
    let sandbox = Sandbox::new(plugin)?;
    let capture = sandbox.add_file(&measured.capture)?;
    let mut tshark = sandbox.tshark(["-n", "-r"]);
    tshark.arg(capture).args(["-Y", "wechat.op", "-T", "json", "--no-duplicate-keys"]);
    tshark.args(["-J", "frame tcp wechat"]);
    let packets: Vec<Value> = serde_json::from_str(&process::stdout(&mut tshark)?)?;
    let mut requests: HashMap<u64, HashSet<(u32, u32)>> = HashMap::new();
    let (mut right, mut wrong) = (HashSet::new(), 0);
    for packet in &packets {
        let layers = &packet["_source"]["layers"];
        let packet = number(&layers["frame"]["frame.number"]).context("a packet without a number")?;
        let stream = number(&layers["tcp"]["tcp.stream"]).context("a packet without a stream")? as usize;
        for frame in one_or_many(&layers["wechat"]) {
            let (Some(op), Some(seq)) = (number(&frame["wechat.op"]), number(&frame["wechat.seq"])) else {
                continue;
            };
            let (op, seq) = (op as u32, seq as u32);
            requests.entry(packet).or_default().insert((op, seq));
            if let Some(link) = number(&frame["wechat.response_to"]) {
                let request = (op.wrapping_sub(RESPONSE_OFFSET), seq);
                match requests.get(&link).is_some_and(|there| there.contains(&request)) {
                    true => drop(right.insert((stream, request.0, request.1))),
                    false => wrong += 1,
                }
            }
        }
    }
    Ok(Pairs { right: right.intersection(&measured.exchanges).count(), wrong })
}

fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn frames(fields: &str) -> Result<Frames> {
    let mut frames = Frames::new();
    for line in fields.lines() {
        let [stream, port, ops, seqs] = line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("tshark printed `{line}`");
        };
        let direction = match port.parse() {
            Ok(SERVER_PORT) => Direction::ServerToClient,
            _ => Direction::ClientToServer,
        };
        for (op, seq) in ops.split(',').zip(seqs.split(',')) {
            let frame = (stream.parse()?, direction, op.parse()?, seq.parse()?);
            *frames.entry(frame).or_default() += 1;
        }
    }
    Ok(frames)
}
