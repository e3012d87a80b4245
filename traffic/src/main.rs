// SPDX-License-Identifier: GPL-2.0-or-later
//! The command line of the traffic generator.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use lexopt::prelude::*;
use rand_chacha::ChaCha8Rng;
use wechat_traffic::bench::{self, Bench, Dress};
use wechat_traffic::capture::Capture;
use wechat_traffic::web::tls::{Tls, Version};
use wechat_traffic::{
    adversarial, carried, case, exchanges, fault, loopback, mmtls, sample, samples, truth, web,
};

const USAGE: &str = "\
wechat-traffic: seeded WeChat traffic

  sample OUT.pcap [--seed N] [--truth FILE]       the sample session
  exchanges OUT.pcap [--seed N] [--truth FILE]    who answers whom, every case of it
  samples FOLDER                                  the captures and key logs of the repository's folder samples
  cases                                           lists the cases
  case NAME OUT.pcap [--seed N] [--truth FILE]    a capture for one question
  faults                                          lists the faults
  robust FAULT SEED OUT.pcap TRUTH.jsonl          a session with one fault
  attacks                                         lists the captures that are dear for their size
  attack NAME BYTES OUT.pcap [--keylog FILE]      one of them
  web-cases                                       lists the captures of the web client
  web NAME OUT.pcap [--tls | --tls12] [--keylog FILE] [--port P] [--size N] [--seed N] [--truth FILE]
  web-talk NAME PORT [--tls | --tls12] [--keylog FILE] [--size N] [--seed N]
                                                  the same, but for real, on the loopback device
  mmtls-cases                                     lists the captures of MMTLS and of the short link
  mmtls-logs                                      lists the key logs of each of them
  mmtls NAME OUT.pcap [--keylog FILE [--log LOG]] [--seed N] [--truth FILE]
                                                  one of them, and one of its key logs
  mmtls-talk PORT --keylog FILE [--full] [--late MILLISECONDS] [--seed N]
                                                  a long link for real, on the loopback device; FILE grows
  bench OUT.pcap --frames N [--connections C] [--seed N] [--as wechat|memcache|diameter|mmtls] [--keylog FILE]
  serve PORT [--ipv6]                             serves one connection; port 0 takes a free one
  client HOST:PORT                                runs a short session with a server
  talk PORT                                       is both, for a capture on the loopback device
";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match Arguments::parse().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wechat-traffic: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The command line, not yet tied to a command.
struct Arguments {
    values: std::vec::IntoIter<OsString>,
    seed: u64,
    truth: Option<PathBuf>,
    frames: Option<u64>,
    connections: u16,
    dress: Dress,
    port: Option<u16>,
    size: Option<usize>,
    tls: Option<Version>,
    keylog: Option<PathBuf>,
    log: String,
    full: bool,
    late: Option<u64>,
    ipv6: bool,
    help: bool,
}

impl Arguments {
    fn parse() -> Result<Self> {
        let mut values = Vec::new();
        let mut arguments = Self {
            values: Vec::new().into_iter(),
            seed: 1,
            truth: None,
            frames: None,
            connections: 1,
            dress: Dress::default(),
            port: None,
            size: None,
            tls: None,
            keylog: None,
            log: "mixed".into(),
            full: false,
            late: None,
            ipv6: false,
            help: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(value) => values.push(value),
                Long("seed") => arguments.seed = parser.value()?.parse()?,
                Long("truth") => arguments.truth = Some(parser.value()?.into()),
                Long("frames") => arguments.frames = Some(parser.value()?.parse()?),
                Long("connections") => arguments.connections = parser.value()?.parse()?,
                Long("as") => {
                    let name = parser.value()?.string()?;
                    let dress = Dress::ALL.into_iter().find(|(known, _)| *known == name);
                    arguments.dress = dress.ok_or_else(|| format!("{name:?} is no protocol; see --help"))?.1;
                }
                Long("port") => arguments.port = Some(parser.value()?.parse()?),
                Long("size") => arguments.size = Some(parser.value()?.parse()?),
                Long("tls") => arguments.tls = Some(Version::Tls13),
                Long("tls12") => arguments.tls = Some(Version::Tls12),
                Long("keylog") => arguments.keylog = Some(parser.value()?.into()),
                Long("log") => arguments.log = parser.value()?.string()?,
                Long("full") => arguments.full = true,
                Long("late") => arguments.late = Some(parser.value()?.parse()?),
                Long("ipv6") => arguments.ipv6 = true,
                Long("help") | Short('h') => arguments.help = true,
                other => return Err(other.unexpected().into()),
            }
        }
        arguments.values = values.into_iter();
        Ok(arguments)
    }

    fn next(&mut self, what: &str) -> Result<OsString> {
        let value = self.values.next();
        value.ok_or_else(|| format!("{what} is missing; see --help").into())
    }

    /// TLS, if asked for.
    fn tls(&self, rng: &mut ChaCha8Rng) -> Result<Option<Tls>> {
        let tls = self.tls.map(|version| Tls::new(version, rng)).transpose()?;
        if tls.is_none() && self.keylog.is_some() {
            return Err("a key log without --tls".into());
        }
        Ok(tls)
    }

    /// Writes the key log, if asked for.
    fn write_keys(&self, tls: Option<&Tls>) -> Result<()> {
        if let (Some(tls), Some(path)) = (tls, &self.keylog) {
            create(path.clone())?.write_all(tls.key_log().as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        match self.values.next() {
            None => Ok(()),
            Some(value) => Err(format!("{value:?} is one argument too many").into()),
        }
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    if arguments.help {
        print!("{USAGE}");
        return Ok(());
    }
    match arguments.next("a command")?.string()?.as_str() {
        "sample" => {
            let out = arguments.next("OUT.pcap")?.into();
            arguments.finish()?;
            save(&sample::capture(arguments.seed), out, arguments.truth)
        }
        "exchanges" => {
            let out = arguments.next("OUT.pcap")?.into();
            arguments.finish()?;
            save(&exchanges::capture(arguments.seed), out, arguments.truth)
        }
        "samples" => {
            let folder = PathBuf::from(arguments.next("FOLDER")?);
            arguments.finish()?;
            for sample in &samples::SAMPLES {
                let files = sample.files()?;
                let path = folder.join(sample.name);
                create(path.with_extension("pcap"))?.write_all(&files.pcap)?;
                if let Some(keys) = files.keys {
                    create(path.with_extension("keys"))?.write_all(&keys)?;
                }
            }
            Ok(())
        }
        "case" => {
            let name = arguments.next("NAME")?.string()?;
            let out = arguments.next("OUT.pcap")?.into();
            arguments.finish()?;
            let case = case::find(&name).ok_or_else(|| format!("no case is called {name}"))?;
            save(&case.capture(arguments.seed), out, arguments.truth)
        }
        "robust" => {
            let name = arguments.next("FAULT")?.string()?;
            let seed = arguments.next("SEED")?.parse()?;
            let out = arguments.next("OUT.pcap")?.into();
            let truth = arguments.next("TRUTH.jsonl")?.into();
            arguments.finish()?;
            let fault = fault::find(&name).ok_or_else(|| format!("no fault is called {name}"))?;
            save(&fault::robust(fault, seed), out, Some(truth))
        }
        "cases" => list(case::CASES.iter().chain(carried::CASES).map(|case| (case.name, case.about))),
        "faults" => list(fault::FAULTS.iter().map(|fault| (fault.name, fault.about))),
        "attacks" => list(adversarial::ATTACKS.iter().map(|attack| (attack.name, attack.about))),
        "attack" => {
            let name = arguments.next("NAME")?.string()?;
            let bytes = arguments.next("BYTES")?.parse()?;
            let out = arguments.next("OUT.pcap")?.into();
            arguments.finish()?;
            let attack = adversarial::find(&name).ok_or_else(|| format!("no attack is called {name}"))?;
            let written = adversarial::write_with_keys(create(out)?, attack, bytes, arguments.seed)?;
            if let Some(path) = arguments.keylog {
                create(path)?.write_all(written.key_log.as_bytes())?;
            }
            Ok(())
        }
        "web-cases" => {
            let cases = web::case::cases();
            list(cases.iter().map(|case| (case.name.as_str(), case.about.as_str())))
        }
        "web" => write_web(arguments),
        "web-talk" => web_talk(arguments),
        "mmtls-cases" => {
            let cases = mmtls::case::all();
            list(cases.iter().map(|case| (case.name.as_str(), case.about.as_str())))
        }
        "mmtls-logs" => {
            let kinds = mmtls::key_log::KINDS;
            list(kinds.iter().map(|kind| (kind.name, kind.about)))
        }
        "mmtls" => write_mmtls(arguments),
        "mmtls-talk" => {
            let port = arguments.next("PORT")?.parse()?;
            arguments.finish()?;
            let late_keys = arguments.late.map(Duration::from_millis);
            let talk = mmtls::loopback::Talk { seed: arguments.seed, full: arguments.full, late_keys };
            let key_log = arguments.keylog.ok_or("--keylog is missing; see --help")?;
            report(mmtls::loopback::talk(port, &key_log, talk)?)
        }
        "bench" => write_bench(arguments),
        "serve" => serve(arguments),
        "talk" => {
            let port: u16 = arguments.next("PORT")?.parse()?;
            arguments.finish()?;
            report(loopback::talk(port)?)
        }
        "client" => {
            let server = arguments.next("HOST:PORT")?.string()?;
            arguments.finish()?;
            report(loopback::client(server.as_str())?)
        }
        command => Err(format!("{command:?} is no command; see --help").into()),
    }
}

fn save(capture: &Capture, out: PathBuf, truth: Option<PathBuf>) -> Result<()> {
    capture.write_pcap(create(out)?)?;
    if let Some(path) = truth {
        truth::write_json_lines(capture, create(path)?)?;
    }
    Ok(())
}

fn create(path: PathBuf) -> Result<BufWriter<File>> {
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(BufWriter::new(file))
}

/// Names first, so that `cut -f1` gives the list.
fn list<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, about) in rows {
        writeln!(out, "{name}\t{about}")?;
    }
    Ok(())
}

fn write_web(mut arguments: Arguments) -> Result<()> {
    let name = arguments.next("NAME")?.string()?;
    let out = arguments.next("OUT.pcap")?.into();
    arguments.finish()?;
    let case = web_case(&name)?;
    let (dialogue, mut rng) = case.dialogue(arguments.seed, arguments.size);
    let tls = arguments.tls(&mut rng)?;
    let own_port = if tls.is_some() { web::tls::HTTPS } else { web::carrier::HTTP };
    let port = arguments.port.unwrap_or(own_port);
    let carried = web::carrier::carry(&dialogue, case.carrier, port, tls.as_ref(), &mut rng)?;
    arguments.write_keys(tls.as_ref())?;
    carried.capture.write_pcap(create(out)?)?;
    if let Some(path) = arguments.truth {
        web::truth::write_json_lines(&web::truth::rows(&dialogue, &carried)?, create(path)?)?;
    }
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn web_talk(_: Arguments) -> Result<()> {
    Err("built without the feature `tls`".into())
}

#[cfg(feature = "tls")]
fn web_talk(mut arguments: Arguments) -> Result<()> {
    let name = arguments.next("NAME")?.string()?;
    let port = arguments.next("PORT")?.parse()?;
    arguments.finish()?;
    let case = web_case(&name)?;
    let (dialogue, mut rng) = case.dialogue(arguments.seed, arguments.size);
    let tls = arguments.tls(&mut rng)?.map(Arc::new);
    let talked = web::talk::talk(&Arc::new(dialogue), case.carrier, port, tls.as_ref(), &mut rng);
    // What was said so far can be read, however it ended.
    arguments.write_keys(tls.as_deref())?;
    println!("{} calls", talked?);
    Ok(())
}

fn web_case(name: &str) -> Result<web::case::Case> {
    web::case::find(name).ok_or_else(|| format!("no case of the web client is called {name}").into())
}

fn write_mmtls(mut arguments: Arguments) -> Result<()> {
    let name = arguments.next("NAME")?.string()?;
    let out = arguments.next("OUT.pcap")?.into();
    arguments.finish()?;
    let made = mmtls_case(&name)?.make(arguments.seed)?;
    made.capture.write_pcap(create(out)?)?;
    if let Some(path) = arguments.keylog {
        let log = &arguments.log;
        let log = made.log(log).ok_or_else(|| format!("no key log is called {log}; see mmtls-logs"))?;
        create(path)?.write_all(&log.bytes)?;
    }
    if let Some(path) = arguments.truth {
        mmtls::truth::write_json_lines(&made.truth(&made.logs())?, create(path)?)?;
    }
    Ok(())
}

fn mmtls_case(name: &str) -> Result<mmtls::case::Case> {
    mmtls::case::find(name).ok_or_else(|| format!("no case of MMTLS is called {name}").into())
}

fn write_bench(mut arguments: Arguments) -> Result<()> {
    let out = arguments.next("OUT.pcap")?.into();
    arguments.finish()?;
    let bench = Bench {
        frames: arguments.frames.ok_or("--frames is missing; see --help")?,
        connections: arguments.connections,
        seed: arguments.seed,
        dress: arguments.dress,
    };
    let totals = bench::write(create(out)?, &bench)?;
    if let Some(path) = arguments.keylog {
        create(path)?.write_all(bench::key_log(&bench).as_bytes())?;
    }
    println!("{} frames in {} packets", totals.frames, totals.packets);
    Ok(())
}

fn serve(mut arguments: Arguments) -> Result<()> {
    let port: u16 = arguments.next("PORT")?.parse()?;
    arguments.finish()?;
    let address: IpAddr =
        if arguments.ipv6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    let listener = TcpListener::bind((address, port))?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    report(loopback::serve(&listener)?)
}

fn report(tally: loopback::Tally) -> Result<()> {
    println!("{} frames sent, {} received", tally.sent, tally.received);
    Ok(())
}
