// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask bench`: speed and memory beside a plain C dissector, a Lua one, and Wireshark without any,
//! on captures from the generator.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use wechat_traffic::bench::{self, Bench, Dress};
use xtask::sandbox::Sandbox;
use xtask::{cargo, process};

use crate::cost;
use crate::measure::{self, Usage, median, spread};

/// Where the results go.
const DOCUMENT: &str = "docs/performance.md";

/// What tshark is asked to do.
const MODES: [(&str, &[&str]); 5] = [
    ("`-q -z io,stat,0`", &["-q", "-z", "io,stat,0"]),
    ("one-line list", &[]),
    (
        "`-T fields`, six of them",
        &[
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-e",
            "tcp.stream",
            "-e",
            "wechat.op",
            "-e",
            "wechat.seq",
            "-e",
            "wechat.kind",
            "-e",
            "wechat.response_time",
        ],
    ),
    ("`-V`", &["-V"]),
    ("`-2 -Y 'wechat.response_time > 0.1'`", &["-2", "-Y", "wechat.response_time > 0.1"]),
];
const STATISTICS: &[&str] = MODES[0].1;
const LIST: &[&str] = MODES[1].1;
const TREE: &[&str] = MODES[3].1;

/// Bytes taken for TCP payload and nothing more.
const AS_DATA: [&str; 2] = ["-d", "tcp.port==8080,data"];

/// A capture without packets, beside the others.
const EMPTY: &str = "empty.pcap";

const MEBIBYTE: f64 = 1_048_576.0;

/// How much is measured.
struct Scale {
    frames: u64,
    /// Frames where each takes long: with all its fields, in two passes, in Lua.
    shown: u64,
    /// Frames whose cost is compared with other dissectors'.
    priced: u64,
    connections: u16,
    /// Pairs of runs, behind one that nobody counts.
    rounds: usize,
    /// Runs under callgrind, of which the median counts: Wireshark's hash tables are seeded at random.
    counts: usize,
    /// Frames of the capture under callgrind.
    counted: u64,
    /// The growing captures, as multiples of the first.
    growth: &'static [u64],
}

const FULL: Scale = Scale {
    frames: 500_000,
    shown: 50_000,
    priced: 200_000,
    connections: 200,
    rounds: 5,
    counts: 3,
    counted: 4000,
    growth: &[1, 2, 10],
};
const QUICK: Scale = Scale {
    frames: 20_000,
    shown: 10_000,
    priced: 20_000,
    connections: 20,
    rounds: 3,
    counts: 1,
    counted: 2000,
    growth: &[1, 2],
};

/// What is promised, and what came of it.
struct Goal {
    what: String,
    /// As it is written in the table.
    limit: &'static str,
    measured: String,
    met: bool,
}

/// One that dissects, or does not.
struct Contestant {
    sandbox: Sandbox,
    /// What tshark is told on top.
    options: Vec<String>,
}

impl Contestant {
    fn new(plugin: Option<&Path>, options: &[&str]) -> Result<Self> {
        let sandbox = match plugin {
            Some(plugin) => Sandbox::new(plugin)?,
            None => Sandbox::without_plugin()?,
        };
        Ok(Self { sandbox, options: options.iter().map(ToString::to_string).collect() })
    }

    fn command(&self, capture: &Path, mode: &[&str]) -> Vec<String> {
        let mut words = ["tshark", "-n", "-r"].map(str::to_owned).to_vec();
        words.push(capture.to_string_lossy().into_owned());
        words.extend(self.options.iter().cloned());
        words.extend(mode.iter().map(ToString::to_string));
        words
    }

    fn usage(&self, capture: &Path, mode: &[&str]) -> Result<Usage> {
        measure::usage(&self.sandbox, &self.command(capture, mode))
    }

    /// Instructions without those of an empty capture, which are Wireshark's own to start.
    fn instructions(&self, capture: &Path, mode: &[&str], runs: usize) -> Result<f64> {
        let empty = &capture.with_file_name(EMPTY);
        let count = |capture: &Path, runs: usize| -> Result<f64> {
            let counts =
                (0..runs).map(|_| measure::instructions(&self.sandbox, &self.command(capture, mode)));
            Ok(median(counts.collect::<Result<Vec<_>>>()?.into_iter().map(|count| count as f64)))
        };
        Ok(count(capture, runs)? - count(empty, 1)?)
    }
}

/// All that run, and what they run on.
struct Arena {
    ours: Contestant,
    c: Contestant,
    /// Frames and three fields, and nothing that pairs.
    stock: Contestant,
    lua: Contestant,
    data: Contestant,
    /// Where the captures are: every user can read here.
    stage: Sandbox,
    scale: Scale,
    goals: RefCell<Vec<Goal>>,
}

pub fn run(arguments: &[String]) -> Result<()> {
    let scale = match arguments {
        [] => FULL,
        [word] if word == "quick" => QUICK,
        _ => bail!("usage: cargo xtask bench [-- quick]"),
    };
    let full = arguments.is_empty();
    ensure!(process::find("valgrind").is_some(), "this needs valgrind: install the package of that name");
    let plugin = cargo::build_plugin()?;
    let arena = Arena::new(&plugin, scale)?;
    let large = arena.capture("large", arena.scale.frames, Dress::LongLink)?;

    let mut text = String::from(
        "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n# Performance\n\n\
         `cargo xtask bench` wrote this page and measures all of it anew (`cargo xtask bench -- quick` takes minutes and \
         writes nothing). Times are user times; ratios are medians of the ratios of pairs of runs in alternation on the \
         same file, with the least and the most of them. Instructions are counted by callgrind, without those of tshark \
         on an empty capture; they repeat to half a percent, for Wireshark's hash tables are seeded at random, so they \
         are medians too, but for those of the cost of a frame.\n\n## The machine\n\n",
    );
    text.push_str(&measure::machine()?);
    println!("\n{text}");
    let sections: [(&str, &dyn Fn() -> Result<String>); 7] = [
        ("Beside the same dissector in plain C", &|| arena.beside_c(&large)),
        ("Beside the same dissector in Lua", &|| arena.beside_lua()),
        ("The cost of a frame", &|| arena.cost_of_a_frame()),
        ("Lines beside trees", &|| arena.lines(&plugin)),
        ("The core alone", &|| arena.core_alone()),
        ("Memory and growth", &|| arena.growth()),
        ("Other people's traffic", &|| arena.foreign(&plugin)),
    ];
    let mut body = String::new();
    for (title, section) in sections {
        let section = format!("\n## {title}\n\n{}", section()?);
        println!("{section}");
        body.push_str(&section);
        if full {
            let goals = goals(&arena.goals.borrow());
            fs::write(cargo::root()?.join(DOCUMENT), format!("{text}{goals}{body}"))?;
        }
    }
    println!("{}", goals(&arena.goals.borrow()));
    if full {
        println!("Wrote {DOCUMENT}.");
    }
    Ok(())
}

/// All goals, as a table.
fn goals(goals: &[Goal]) -> String {
    let mut text = String::from("\n## Goals\n\n| what | goal | measured | |\n| --- | ---: | ---: | --- |\n");
    for Goal { what, limit, measured, met } in goals {
        let _ =
            writeln!(text, "| {what} | {limit} | {measured} | {} |", if *met { "met" } else { "**missed**" });
    }
    text
}

impl Arena {
    fn new(plugin: &Path, scale: Scale) -> Result<Self> {
        let lua = fs::read_to_string(cargo::root()?.join("benches/lua/wechat.lua"))?;
        let arena = Self {
            ours: Contestant::new(Some(plugin), &[])?,
            c: Contestant::new(Some(&measure::build_c("wechat")?), &[])?,
            stock: Contestant::new(Some(&measure::build_c("stock")?), &[])?,
            lua: Contestant::new(None, &[])?,
            data: Contestant::new(None, &AS_DATA)?,
            stage: Sandbox::without_plugin()?,
            scale,
            goals: RefCell::default(),
        };
        arena.lua.sandbox.add_lua("wechat.lua", &lua)?;
        arena.capture(EMPTY, 0, Dress::LongLink)?;
        Ok(arena)
    }

    fn capture(&self, name: &str, frames: u64, dress: Dress) -> Result<PathBuf> {
        let path = self.stage.path().join(name).with_extension("pcap");
        let bench = Bench { frames, connections: self.scale.connections, seed: 1, dress };
        bench::write(BufWriter::new(File::create(&path)?), &bench)?;
        Ok(path)
    }

    /// Seconds of both in alternation.
    fn pairs(
        &self,
        one: &Contestant,
        other: &Contestant,
        capture: &Path,
        mode: &[&str],
    ) -> Result<Vec<(f64, f64)>> {
        let seconds = |of: &Contestant| Ok::<_, anyhow::Error>(of.usage(capture, mode)?.seconds);
        for warm_up in [one, other] {
            seconds(warm_up)?;
        }
        (0..self.scale.rounds).map(|_| Ok((seconds(one)?, seconds(other)?))).collect()
    }

    fn beside_c(&self, large: &Path) -> Result<String> {
        let small = self.capture("small", self.scale.counted, Dress::LongLink)?;
        let mut text = format!(
            "[`benches/c/wechat.c`](../benches/c/wechat.c) has the same fields and pairs on tcp_dissect_pdus. {}\n\n\
             {} connections, bodies of 40 to 1200 bytes; instructions for each of {} frames.\n\n\
             | tshark | frames | plugin | C | plugin / C | of the pairs | instructions, plugin | C | plugin / C |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
            self.difference(&small)?,
            self.scale.connections,
            self.scale.counted,
        );
        let shown = self.capture("shown", self.scale.shown, Dress::LongLink)?;
        for (name, mode) in MODES {
            let (frames, capture) = match mode {
                STATISTICS | LIST => (self.scale.frames, large),
                _ => (self.scale.shown, shown.as_path()),
            };
            let pairs = self.pairs(&self.ours, &self.c, capture, mode)?;
            let [ours, c] = [&self.ours, &self.c].map(|of| of.instructions(&small, mode, self.scale.counts));
            let (ours, c) = (ours?, c?);
            let each = self.scale.counted as f64;
            let _ = writeln!(
                text,
                "| {name} | {frames} | {} | {:.0} | {:.0} | {:.3} |",
                ratio(&pairs),
                ours / each,
                c / each,
                ours / c
            );
            let times = median(pairs.iter().map(|pair| pair.0 / pair.1));
            self.goal(
                format!("instructions beside plain C (user time), {name}"),
                "≤ 1.00",
                format!("{:.3} ({times:.3})", ours / c),
                ours / c <= 1.0,
            );
        }
        Ok(text)
    }

    fn goal(&self, what: impl Into<String>, limit: &'static str, measured: String, met: bool) {
        self.goals.borrow_mut().push(Goal { what: what.into(), limit, measured, met });
    }

    fn beside_lua(&self) -> Result<String> {
        let small = self.capture("small", self.scale.counted, Dress::LongLink)?;
        let mut text = format!(
            "[`benches/lua/wechat.lua`](../benches/lua/wechat.lua) has the same pairs. {}\n\n\
             | tshark | Lua | plugin | Lua / plugin | of the pairs |\n| --- | ---: | ---: | ---: | ---: |\n",
            self.same_as_lua(&small)?
        );
        let capture = self.capture("shown", self.scale.shown, Dress::LongLink)?;
        let pairs = self.pairs(&self.lua, &self.ours, &capture, LIST)?;
        let _ = writeln!(text, "| one-line list of {} frames | {} |", self.scale.shown, ratio(&pairs));
        let times = median(pairs.iter().map(|pair| pair.0 / pair.1));
        self.goal("user time of Lua beside ours, one-line list", "≥ 8", format!("{times:.1}"), times >= 8.0);
        Ok(text)
    }

    /// What a pipeline gets in lines, and what it would have to take from the packet tree.
    fn lines(&self, plugin: &Path) -> Result<String> {
        let capture = self.capture("shown", self.scale.shown, Dress::LongLink)?;
        let trees = Contestant::new(Some(plugin), &["-T", "ek"])?;
        let mut text = format!(
            "All columns ([frames.md](frames.md)) of {} frames, and the whole tree as JSON.\n\n\
             | tshark | `-T ek` | lines | `-T ek` / lines | of the pairs |\n| --- | ---: | ---: | ---: | ---: |\n",
            self.scale.shown
        );
        for words in ["wechat,frames", "wechat,frames,json"] {
            let lines = Contestant::new(Some(plugin), &["-q", "-z", words])?;
            let pairs = self.pairs(&trees, &lines, &capture, &[])?;
            let _ = writeln!(text, "| `-q -z {words}` | {} |", ratio(&pairs));
            let times = median(pairs.iter().map(|pair| pair.0 / pair.1));
            let what = format!("user time of `-T ek` beside `-z {words}`");
            self.goal(what, "≥ 20", format!("{times:.1}"), times >= 20.0);
        }
        Ok(text)
    }

    /// Every field that the Lua script has, but for times, which it rounds, must be the same.
    fn same_as_lua(&self, capture: &Path) -> Result<String> {
        let script = fs::read_to_string(cargo::root()?.join("benches/lua/wechat.lua"))?;
        let fields = lua_fields(&script);
        ensure!(fields.len() > 20, "the Lua script has {} fields", fields.len());
        let mut mode = vec!["-2", "-T", "fields"];
        mode.extend(fields.iter().flat_map(|field| ["-e", field]));
        let [ours, lua] = [&self.ours, &self.lua].map(|of| {
            let words = of.command(capture, &mode);
            process::stdout(of.sandbox.command(&words[0]).args(&words[1..]))
        });
        let (ours, lua) = (ours?, lua?);
        ensure!(ours.contains("newsync"), "tshark shows no frame");
        ensure!(ours == lua, "the Lua script shows other values than the plugin");
        Ok(format!(
            "Its {} fields hold the same values in `-2 -T fields` (checked by the command); the rest of what the plugin \
             shows it leaves out, so the ratio is rather too small.",
            fields.len()
        ))
    }

    /// Over a Wireshark that takes the bytes for payload.
    fn cost_of_a_frame(&self) -> Result<String> {
        let large = &self.capture("priced", self.scale.priced, Dress::LongLink)?;
        let counted = &self.capture("counted", self.scale.counted, Dress::LongLink)?;
        let mut text = format!(
            "User time and instructions over those of a tshark that takes TCP's payload for data, for each of {} and \
             {} frames. memcache and Diameter are dissectors that come with Wireshark, on frames of the same sizes, \
             times and pairs. \"Frames only\" is [`benches/c/stock.c`](../benches/c/stock.c): tcp_dissect_pdus, three \
             fields, no pairs. What it costs is nearly all Wireshark's own work on frames that begin and end anywhere \
             in a segment.\n\n\
             | dissector | tshark | µs a frame | of the pairs | instructions a frame |\n\
             | --- | --- | ---: | ---: | ---: |\n",
            self.scale.priced, self.scale.counted
        );
        let mut row = |name: &str, mode: &[&str], pairs: &[(f64, f64)], (with, without): (f64, f64)| {
            let frames = self.scale.priced as f64;
            let each = || pairs.iter().map(|(with, without)| (with - without) / frames * 1e6);
            let (middle, (least, most)) = (median(each()), spread(each()));
            let counts = (with - without) / self.scale.counted as f64;
            let asked =
                if mode.is_empty() { "one-line list".to_owned() } else { format!("`{}`", mode.join(" ")) };
            let _ =
                writeln!(text, "| {name} | {asked} | {middle:.2} | {least:.2} to {most:.2} | {counts:.0} |");
            middle
        };
        for (name, dress, port) in
            [("memcache", Dress::Memcache, 11_211), ("Diameter", Dress::Diameter, 3868)]
        {
            let capture = self.capture(name, self.scale.priced, dress)?;
            let small = self.capture("other", self.scale.counted, dress)?;
            let with = Contestant::new(None, &[])?;
            let without = Contestant::new(None, &["-d", &format!("tcp.port=={port},data")])?;
            for mode in [STATISTICS, LIST] {
                let pairs = self.pairs(&with, &without, &capture, mode)?;
                let counts = (with.instructions(&small, mode, 1)?, without.instructions(&small, mode, 1)?);
                row(name, mode, &pairs, counts);
            }
            fs::remove_file(capture)?;
        }
        let payload = |mode| self.data.instructions(counted, mode, 1);
        let (statistics, list) = (payload(STATISTICS)?, payload(LIST)?);
        let mut least = 0.0;
        for (mode, payload) in [(STATISTICS, statistics), (LIST, list)] {
            for (name, of) in [("frames only", &self.stock), ("plain C", &self.c), ("WeChat", &self.ours)] {
                let pairs = self.pairs(of, &self.data, large, mode)?;
                let cost = row(name, mode, &pairs, (of.instructions(counted, mode, 1)?, payload));
                match (name, mode) {
                    ("frames only", STATISTICS) => least = cost,
                    ("WeChat", STATISTICS) => self.goal(
                        "µs a frame over payload as data, with pairing, no statistic (frames only)",
                        "≤ 0.5",
                        format!("{cost:.2} ({least:.2})"),
                        cost <= 0.5,
                    ),
                    _ => {}
                }
            }
        }
        for tap in ["wechat,tree", "wechat,srt"] {
            ensure!(
                measure::our_taps(&mut self.ours.sandbox.command("tshark"))?.iter().any(|ours| ours == tap),
                "there is no statistic {tap}"
            );
            let mode = ["-q", "-z", tap];
            let with = self.ours.usage(large, &mode)?.seconds;
            let pairs = (0..self.scale.rounds).map(|_| {
                Ok((self.ours.usage(large, &mode)?.seconds, self.data.usage(large, STATISTICS)?.seconds))
            });
            ensure!(with > 0.0, "tshark {mode:?} took no time");
            let pairs = pairs.collect::<Result<Vec<_>>>()?;
            let counts = (self.ours.instructions(counted, &mode, 1)?, statistics);
            let cost = row("WeChat", &mode, &pairs, counts);
            if tap == "wechat,tree" {
                let what = "the same with the statistics tap, `wechat,tree`";
                self.goal(what, "≤ 1.3", format!("{cost:.2}"), cost <= 1.3);
            }
        }
        Ok(text)
    }

    fn growth(&self) -> Result<String> {
        let mut text = String::from(
            "One run of `-q -z io,stat,0` for each. Beside a tshark that takes the payload for data, all dissectors \
             also keep the frames that Wireshark puts together from several segments, for as long as the capture is \
             open: \"frames only\" keeps nothing else. With `wechat.desegment` off, none is put together. `cargo test \
             --test memory` counts the plugin's own bytes: at most 64 an exchange.\n\n\
             | frames | data | frames only | plain C | plugin | plugin / data | frames only / data | \
             plugin, nothing put together / data | user time, data | plugin |\n\
             | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        let mut before: Option<(u64, f64, f64)> = None;
        for times in self.scale.growth {
            let frames = self.scale.frames * times;
            let capture = self.capture("growth", frames, Dress::LongLink)?;
            let alone = [STATISTICS, &["-o", "wechat.desegment:FALSE"]].concat();
            let [payload, stock, c, ours] =
                [&self.data, &self.stock, &self.c, &self.ours].map(|of| of.usage(&capture, STATISTICS));
            let (payload, ours) = (payload?, ours?);
            let (stock, c) = (stock?.bytes as f64, c?.bytes as f64);
            let alone = self.ours.usage(&capture, &alone)?.bytes as f64;
            let (data, memory) = (payload.bytes as f64, ours.bytes as f64);
            let _ = writeln!(
                text,
                "| {frames} | {:.0} MiB | {:.0} MiB | {:.0} MiB | {:.0} MiB | {:.3} | {:.3} | {:.3} | {:.2} s | {:.2} s |",
                data / MEBIBYTE,
                stock / MEBIBYTE,
                c / MEBIBYTE,
                memory / MEBIBYTE,
                memory / data,
                stock / data,
                alone / data,
                payload.seconds,
                ours.seconds
            );
            fs::remove_file(&capture)?;
            if let Some((1, seconds, bytes)) = before
                && *times == 2
            {
                let (time, space) = (ours.seconds / seconds, memory / bytes);
                self.goal("time for twice the capture", "≤ 2.2", format!("{time:.2}"), time <= 2.2);
                self.goal("memory for twice the capture", "≤ 2.2", format!("{space:.2}"), space <= 2.2);
            }
            before = Some((*times, ours.seconds, memory));
            if *times == 1 {
                self.goal(
                    format!(
                        "memory beside payload as data, {frames} frames (frames only; nothing put together)"
                    ),
                    "≤ 1.15",
                    format!("{:.3} ({:.3}; {:.3})", memory / data, stock / data, alone / data),
                    memory / data <= 1.15,
                );
            }
        }
        Ok(text)
    }

    fn core_alone(&self) -> Result<String> {
        let text = process::stdout(&mut measure::core_bench("core_speed"))?;
        let mut table = String::from(
            "Without Wireshark, the best of 15 rounds over segments of 64 KiB; requests and answers that pair. \
             \"framing\" finds where frames begin and reads their headers; \"state\" is the whole first pass, with pairing; \
             \"info\" adds the words of the Info column, \"items\" the whole tree.\n\n\
             | what | ns a frame | GB/s |\n| --- | ---: | ---: |\n",
        );
        for line in text.lines() {
            let [name, frames, bytes, nanoseconds] = line.split('\t').collect::<Vec<_>>()[..] else {
                bail!("the benchmark printed `{line}`");
            };
            let [frames, bytes, nanoseconds] = [frames, bytes, nanoseconds].map(str::parse::<f64>);
            let (frames, bytes, nanoseconds) = (frames?, bytes?, nanoseconds?);
            let (each, speed) = (nanoseconds / frames, bytes / nanoseconds);
            let _ = writeln!(table, "| {name} | {each:.1} | {speed:.2} |");
            match name {
                "framing header" => {
                    self.goal(
                        "ns for each 16-byte header, core alone",
                        "≤ 15",
                        format!("{each:.1}"),
                        each <= 15.0,
                    );
                }
                "state kilobyte" => {
                    let speed = format!("{speed:.2}");
                    self.goal(
                        "GB/s over bodies of 1 KB, core alone",
                        "≥ 1.5",
                        speed,
                        bytes / nanoseconds >= 1.5,
                    );
                }
                _ => {}
            }
        }
        Ok(table)
    }

    fn foreign(&self, plugin: &Path) -> Result<String> {
        let (mut text, dearer) = cost::table(plugin, self.scale.rounds, self.scale.counts)?;
        let _ = writeln!(
            text,
            "\nIn instructions its first {} packets cost {:.2} % more with the plugin.",
            cost::COUNTED,
            dearer * 100.0
        );
        let measured = format!("{:.2} %", dearer * 100.0);
        self.goal("instructions more for other people's traffic", "≤ 1 %", measured, dearer <= 0.01);
        Ok(text)
    }

    /// The trees of the two must be the same.
    fn difference(&self, capture: &Path) -> Result<String> {
        let mode: Vec<&str> = TREE.iter().copied().chain(["-2"]).collect();
        let lines = |of: &Contestant| -> Result<_> {
            let words = of.command(capture, &mode);
            let mut child = of.sandbox.command(&words[0]).args(&words[1..]).stdout(Stdio::piped()).spawn()?;
            let output = child.stdout.take().context("tshark's output is piped")?;
            // tcp_dissect_pdus puts this one into TCP's tree.
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            Ok((child, lines.filter(|line| !line.contains("[PDU Size: "))))
        };
        let ((mut ours_child, mut ours), (mut c_child, mut c)) = (lines(&self.ours)?, lines(&self.c)?);
        let mut same = 0u64;
        let difference = loop {
            match (ours.next(), c.next()) {
                (None, None) => break None,
                (ours, c) if ours == c => same += 1,
                (ours, c) => {
                    break Some(format!(
                        "`{}` and `{}`",
                        ours.unwrap_or_default().trim(),
                        c.unwrap_or_default().trim()
                    ));
                }
            }
        };
        for child in [&mut ours_child, &mut c_child] {
            // Fails when it has ended by itself.
            let _ = child.kill();
            child.wait()?;
        }
        ensure!(same > 0, "tshark printed nothing");
        if let Some(lines) = difference {
            bail!("the C dissector's `-2 -V` differs from the plugin's, first in {lines}");
        }
        Ok(format!(
            "Both print the same {same} lines in `-2 -V` of {} frames (checked by the command), but for what \
             tcp_dissect_pdus adds to TCP's tree.",
            self.scale.counted
        ))
    }
}

/// Cells: seconds of both, the ratio and its spread.
fn ratio(pairs: &[(f64, f64)]) -> String {
    let ratios = || pairs.iter().map(|(one, other)| one / other);
    let (least, most) = spread(ratios());
    let [one, other] = [median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1))];
    format!("{one:.2} s | {other:.2} s | {:.3} | {least:.3} to {most:.3}", median(ratios()))
}

/// The names of a Lua script's fields, but for times.
fn lua_fields(script: &str) -> Vec<String> {
    let fields =
        script.lines().filter(|line| line.contains("ProtoField.") && !line.contains("relative_time"));
    fields.filter_map(|line| Some(line.split('"').nth(1)?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_lua_script_are_found_but_times_are_not() {
        let script = "op = ProtoField.uint32(\"x.op\", \"Op\"),\n t = ProtoField.relative_time(\"x.time\", \"T\"),\n y";
        assert_eq!(lua_fields(script), ["x.op"]);
    }

    #[test]
    fn a_missed_goal_stands_out() {
        let goal = |met| Goal { what: "x".to_owned(), limit: "≤ 1", measured: "2".to_owned(), met };
        let text = goals(&[goal(true), goal(false)]);
        assert!(text.ends_with("| x | ≤ 1 | 2 | met |\n| x | ≤ 1 | 2 | **missed** |\n"), "{text}");
    }

    #[test]
    fn a_ratio_is_that_of_pairs() {
        assert_eq!(ratio(&[(1.0, 2.0), (3.0, 3.0), (2.0, 1.0)]), "2.00 s | 2.00 s | 1.000 | 0.500 to 2.000");
    }
}
