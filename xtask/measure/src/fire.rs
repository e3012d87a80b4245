// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask fire`: a real tshark on mutated captures, its C shim under the address and
//! undefined-behaviour sanitizers; then valgrind, for leaks.
//!
//! In the manner of Wireshark's own fuzz-test: editcap changes bytes at random, and nothing may crash, hang,
//! or be a dissector's bug.

use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wechat_traffic::bench::{self, Bench, Dress};
use wechat_traffic::capture::Capture;
use wechat_traffic::{adversarial, case, fault, mmtls, sample, web};
use xtask::sandbox::Sandbox;
use xtask::{cargo, process};

use crate::measure::our_taps;

/// Mutated captures, when nobody says how many.
const CAPTURES: usize = 2000;

/// Of which share of the bytes editcap changes each.
const RATES: [&str; 4] = ["0.002", "0.01", "0.02", "0.05"];

/// Headers of Ethernet, IP and TCP: every other capture keeps them, so that more reaches the dissector.
const KEPT: &str = "54";

/// No capture needs a tenth of it.
const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(5);

/// Bytes of each adversarial capture.
const ATTACK: u64 = 50_000;

/// Of the web client's cases that may be of any size: entries, levels or cuts.
const WEB_SIZE: usize = 100;

/// What a dissector's bug looks like in what tshark prints.
const BUGS: [&str; 9] = [
    "Dissector bug",
    "[Malformed Packet: WeChat",
    "[Malformed Packet: MMTLS",
    "the dissector failed on this frame",
    "the dissector failed on this record",
    "the dissector failed on this message",
    "panicked at",
    "AddressSanitizer",
    "runtime error:",
];

pub fn run(arguments: &[String]) -> Result<()> {
    let (captures, wants_leaks) = match arguments {
        [] => (CAPTURES, true),
        [number, rest @ ..] => {
            let captures = number.parse().with_context(|| format!("`{number}` is no number of captures"))?;
            match rest {
                [] => (captures, true),
                [word] if word == "no-leaks" => (captures, false),
                _ => bail!("usage: cargo xtask fire [-- CAPTURES [no-leaks]]"),
            }
        }
    };
    under_fire(captures)?;
    match process::find("valgrind") {
        _ if !wants_leaks => Ok(()),
        Some(_) => leaks(&cargo::build_plugin()?),
        None => bail!("the captures passed; for leaks this needs valgrind: install the package of that name"),
    }
}

/// Without valgrind.
fn under_fire(captures: usize) -> Result<()> {
    ensure!(process::find("editcap").is_some(), "this needs editcap; `cargo xtask test` installs it");
    let (plugin, planted) = (build("shim")?, build("planted")?);
    let preload = preload()?;
    overflow_is_seen(&planted, &preload)?;
    mutated(&plugin, &preload, captures)
}

/// The plugin with its shim under the sanitizers, in a target folder of its own.
fn build(what: &str) -> Result<PathBuf> {
    let target = cargo::target_dir()?.join("fire").join(what);
    let mut command = cargo::cargo("build");
    command.args(["--release", "--package", cargo::PLUGIN_PACKAGE, "--target-dir"]).arg(&target);
    process::run(command.env("WECHAT_SANITIZE", what))?;
    Ok(target.join("release").join(cargo::plugin_file_name()))
}

/// The sanitizers' libraries, which must be there before anything else.
fn preload() -> Result<String> {
    let library = |name: &str| -> Result<String> {
        let file = process::stdout(Command::new("cc").arg(format!("-print-file-name={name}")))?;
        let path =
            Path::new(file.trim()).canonicalize().with_context(|| format!("the C compiler has no {name}"))?;
        Ok(path.to_string_lossy().into_owned())
    };
    Ok(format!("{}:{}", library("libasan.so")?, library("libubsan.so")?))
}

/// tshark with the sanitizers. Leaks are valgrind's to find: Wireshark itself frees little at its end. The
/// programs that capture for it can hang with the sanitizers, and are not wanted: it is to look for them where none
/// are.
fn tshark(sandbox: &Sandbox, preload: &str) -> Command {
    let mut tshark = sandbox.command("tshark");
    tshark.env("LD_PRELOAD", preload).env("WIRESHARK_EXTCAP_DIR", sandbox.path());
    tshark.env("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=1").env("UBSAN_OPTIONS", "print_stacktrace=1");
    tshark
}

/// Without this a quiet run would prove nothing.
fn overflow_is_seen(planted: &Path, preload: &str) -> Result<()> {
    let sandbox = Sandbox::new(planted)?;
    let ended = Ended::of(tshark(&sandbox, preload).args(["-G", "plugins"]))?;
    ensure!(
        ended.text.contains("AddressSanitizer: heap-buffer-overflow"),
        "the sanitizer does not see a planted overflow; tshark ended with {:?} and said: {}",
        ended.status,
        ended.text
    );
    println!("The sanitizer sees a planted overflow of one byte.");
    Ok(())
}

/// How a program ended, and all it printed.
struct Ended {
    /// None when it hung.
    status: Option<ExitStatus>,
    text: String,
}

impl Ended {
    fn of(command: &mut Command) -> Result<Self> {
        // A file takes everything: a pipe that nobody reads would block the program.
        let mut output = tempfile::tempfile()?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
        let mut child =
            command.spawn().with_context(|| format!("cannot start `{}`", process::display(command)))?;
        let end = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if Instant::now() > end {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::sleep(POLL);
        };
        let mut bytes = Vec::new();
        output.rewind()?;
        output.read_to_end(&mut bytes)?;
        Ok(Self { status, text: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// What is wrong with how it ended.
    fn fault(&self) -> Option<String> {
        let Some(status) = self.status else {
            return Some(format!("still running after {LIMIT:?}"));
        };
        if let Some(line) = self.text.lines().find(|line| BUGS.iter().any(|bug| line.contains(bug))) {
            return Some(line.trim().to_owned());
        }
        (!status.success()).then(|| {
            let last = self.text.lines().last().unwrap_or_default();
            format!("tshark ended with {status}, its last line: {last}")
        })
    }
}

/// Mutates, runs, and keeps what fails.
fn mutated(plugin: &Path, preload: &str, captures: usize) -> Result<()> {
    let sandbox = Sandbox::new(plugin)?;
    let originals = originals(&sandbox)?;
    let taps = our_taps(&mut tshark(&sandbox, preload))?;
    ensure!(taps.len() > 3, "tshark with the sanitizers has these statistics of ours: {taps:?}");
    let modes = modes(&taps, &key_log(&sandbox)?);
    let failures = cargo::target_dir()?.join("fire/failures");
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let start = Instant::now();
    let worker = |name: usize| -> Result<()> {
        let mutant = sandbox.path().join(format!("mutant-{name}.pcap"));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= captures {
                return Ok(());
            }
            let mutation = Mutation::of(number, &originals);
            process::output(&mut mutation.editcap(&sandbox, &mutant))?;
            for mode in &modes {
                let ended = Ended::of(tshark(&sandbox, preload).arg("-nr").arg(&mutant).args(mode))?;
                if let Some(fault) = ended.fault() {
                    fs::create_dir_all(&failures)?;
                    let kept = failures.join(format!("{number}.pcap"));
                    fs::copy(&mutant, &kept)?;
                    let line =
                        format!("{}: tshark -nr {} {}: {fault}", mutation, kept.display(), mode.join(" "));
                    println!("{line}");
                    failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
                }
            }
            if (number + 1).is_multiple_of(100) {
                println!("{} captures, {:.0?}", number + 1, start.elapsed());
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|name| scope.spawn(move || worker(name))).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => bail!("a thread failed"),
        })
    })?;
    let failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    ensure!(failed.is_empty(), "{} of {} runs failed", failed.len(), captures * modes.len());
    println!(
        "{captures} mutated captures of {} originals, {} runs of tshark each (statistics: {}): no crash, no hang, no \
         dissector's bug, nothing from the sanitizers, in {:.0?}.",
        originals.len(),
        modes.len(),
        taps.join(" "),
        start.elapsed()
    );
    Ok(())
}

/// One pass with columns, the whole tree, all bytes and every statistic of ours; and two passes, as JSON.
fn modes(taps: &[String], log: &Path) -> Vec<Vec<String>> {
    let log = format!("mmtls.keylog_file:{}", log.display());
    let words =
        |words: &[&str]| words.iter().chain(&["-o", &log]).map(ToString::to_string).collect::<Vec<_>>();
    let mut one_pass = words(&["-P", "-V", "-x", "-z", "expert", "-z", "io,phs"]);
    one_pass.extend(taps.iter().flat_map(|tap| ["-z".to_owned(), tap.clone()]));
    vec![one_pass, words(&["-2", "-T", "json"])]
}

/// What becomes of an original.
struct Mutation<'a> {
    original: &'a Path,
    rate: &'static str,
    keeps_headers: bool,
    seed: usize,
}

impl<'a> Mutation<'a> {
    /// Every rate of every original, with and without headers, before any comes again with another seed.
    fn of(number: usize, originals: &'a [PathBuf]) -> Self {
        let rate = RATES[number % RATES.len()];
        let rest = number / RATES.len();
        let original = &originals[rest % originals.len()];
        Self { original, rate, keeps_headers: (rest / originals.len()).is_multiple_of(2), seed: number + 1 }
    }

    fn editcap(&self, sandbox: &Sandbox, mutant: &Path) -> Command {
        let mut editcap = sandbox.command("editcap");
        editcap.args(["-F", "pcap", "-E", self.rate, "--seed", &self.seed.to_string()]);
        if self.keeps_headers {
            editcap.args(["-o", KEPT]);
        }
        editcap.arg(self.original).arg(mutant);
        editcap
    }
}

impl std::fmt::Display for Mutation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.original.file_stem().unwrap_or_default().to_string_lossy();
        let headers = if self.keeps_headers { "headers kept" } else { "headers too" };
        write!(f, "{name}, rate {}, {headers}, seed {}", self.rate, self.seed)
    }
}

/// The keys of all cases of MMTLS, in one file.
fn key_log(sandbox: &Sandbox) -> Result<PathBuf> {
    let path = sandbox.path().join("keys.log");
    let mut text = Vec::new();
    for case in mmtls::case::all() {
        text.extend(case.make(1)?.log("mixed").context("a log")?.bytes);
    }
    fs::write(&path, text)?;
    fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    Ok(path)
}

/// The sample, every case, fault and attack of the generator, the web client's cases and those of MMTLS, and a piece
/// of the large capture.
fn originals(sandbox: &Sandbox) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut add = |name: &str, capture: &Capture| -> Result<()> {
        let path = sandbox.path().join(format!("{name}.pcap"));
        capture.write_pcap(BufWriter::new(File::create(&path)?))?;
        paths.push(path);
        Ok(())
    };
    add("sample", &sample::capture(1))?;
    for case in case::CASES {
        add(&format!("case-{}", case.name), &case.capture(1))?;
    }
    for fault in fault::FAULTS {
        add(&format!("fault-{}", fault.name), &fault::robust(fault, 1))?;
    }
    for case in mmtls::case::all() {
        add(&format!("mmtls-{}", case.name), &case.make(1)?.capture)?;
    }
    for attack in adversarial::ATTACKS {
        let path = sandbox.path().join(format!("attack-{}.pcap", attack.name));
        adversarial::write(BufWriter::new(File::create(&path)?), attack, ATTACK, 1)?;
        paths.push(path);
    }
    for case in web::case::cases() {
        let (dialogue, mut rng) = case.dialogue(1, Some(WEB_SIZE));
        let carried = web::carrier::carry(&dialogue, case.carrier, web::carrier::HTTP, None, &mut rng)?;
        let path = sandbox.path().join(format!("web-{}.pcap", case.name));
        carried.capture.write_pcap(BufWriter::new(File::create(&path)?))?;
        paths.push(path);
    }
    let path = sandbox.path().join("bench.pcap");
    let bench = Bench { frames: 500, connections: 10, seed: 1, dress: Dress::LongLink };
    bench::write(BufWriter::new(File::create(&path)?), &bench)?;
    paths.push(path);
    Ok(paths)
}

/// Blocks that nobody points to at the end, and that one of ours has made.
fn leaks(plugin: &Path) -> Result<()> {
    let sandbox = Sandbox::new(plugin)?;
    let capture = sandbox.path().join("sample.pcap");
    sample::capture(1).write_pcap(BufWriter::new(File::create(&capture)?))?;
    let mut valgrind = sandbox.command("valgrind");
    valgrind.args([
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--keep-debuginfo=yes",
        "--num-callers=30",
    ]);
    valgrind.args(["tshark", "-2", "-n", "-V", "-r"]).arg(&capture);
    let output = process::output(valgrind.stdout(Stdio::null()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        text.contains("LEAK SUMMARY") || text.contains("no leaks are possible"),
        "valgrind says nothing of leaks: {text}"
    );
    let records = records(&text);
    let ours: Vec<&str> = records.iter().filter(|record| is_ours(record)).map(String::as_str).collect();
    ensure!(ours.is_empty(), "definitely lost, and ours:\n{}", ours.concat());
    println!(
        "Nothing of ours is definitely lost. (Of Wireshark and its libraries: {} records.)",
        records.len()
    );
    Ok(())
}

/// What is definitely lost, each with its stack.
fn records(text: &str) -> Vec<String> {
    let line = |line: &str| line.split_once("== ").map_or("", |(_, rest)| rest).trim().to_owned();
    let mut records = Vec::new();
    let mut lines = text.lines().map(line);
    while let Some(first) = lines.next() {
        if first.contains("definitely lost in loss record") {
            let stack = lines.by_ref().take_while(|line| !line.is_empty());
            records.push(std::iter::once(first).chain(stack).map(|line| line + "\n").collect());
        }
    }
    records
}

/// Our file has few symbols but its name; of a file that was unloaded there is not even that.
fn is_ours(record: &str) -> bool {
    record.contains("wechat")
        || record.contains("by 0x") && record.lines().skip(1).all(|line| line.contains("???"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_original_is_mutated_at_every_rate() {
        let originals = [PathBuf::from("a.pcap"), PathBuf::from("b.pcap")];
        let all: Vec<String> = (0..16).map(|number| Mutation::of(number, &originals).to_string()).collect();
        assert_eq!(all[0], "a, rate 0.002, headers kept, seed 1");
        assert_eq!(all[7], "b, rate 0.05, headers kept, seed 8");
        assert_eq!(all[8], "a, rate 0.002, headers too, seed 9");
    }

    #[test]
    fn faults_are_told_from_good_ends() {
        let ended =
            |script: &str| Ended::of(Command::new("sh").args(["-c", script])).expect("sh ran").fault();
        assert_eq!(ended("echo '[Malformed Packet: HTTP]'"), None);
        assert_eq!(
            ended("echo ' [Malformed Packet: WeChat]'"),
            Some("[Malformed Packet: WeChat]".to_owned())
        );
        assert_eq!(
            ended("echo '[Dissector bug, protocol X: y]' >&2"),
            Some("[Dissector bug, protocol X: y]".to_owned())
        );
        assert!(ended("kill -SEGV $$").expect("a fault").contains("signal"));
        assert!(ended("echo oops; exit 2").expect("a fault").contains("oops"));
    }

    #[test]
    fn leaks_are_ours_by_their_stack() {
        let text = "==7== 8 bytes in 1 blocks are definitely lost in loss record 1 of 9\n\
                    ==7==    at 0x1: malloc (in /usr/lib/vg.so)\n\
                    ==7==    by 0x2: g_malloc (in /usr/lib/libglib.so)\n\
                    ==7== \n\
                    ==7== 16 bytes in 1 blocks are definitely lost in loss record 2 of 9\n\
                    ==7==    by 0x3: wechat_dissector_new (in /tmp/wechat.so)\n\
                    ==7== \n\
                    ==7== LEAK SUMMARY:\n";
        let records = records(text);
        assert_eq!(records.iter().map(|record| is_ours(record)).collect::<Vec<_>>(), [false, true]);
    }
}
