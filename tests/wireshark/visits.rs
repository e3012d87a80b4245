// SPDX-License-Identifier: GPL-2.0-or-later
//! A packet looks the same however one comes to it: clicked at random, among filters and statistics, or
//! in tshark's second pass.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::plugin::{need, plugin};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use wechat_traffic::bench::{self, Bench, Dress};
use wechat_traffic::capture::Wrapping;
use wechat_traffic::{exchanges, web};
use xtask::process;
use xtask::sandbox::Sandbox;

/// Clicks in each of two captures.
const VISITS: usize = 5000;
const FILTERS: [&str; 4] =
    ["wechat.response_in", "wechat.response_time > 0.05", "!wechat.response_to", "tcp.len == 0"];
const WEB_FILTERS: [&str; 4] =
    ["wechat_web.response_in", "wechat_web.poll.hold > 5", "!wechat_web.synckey.delta", "tcp.len == 0"];
/// After so many clicks somebody does something else.
const BETWEEN: usize = 50;

/// A capture in a home with the plugin.
struct Opened {
    home: Sandbox,
    capture: PathBuf,
}

impl Opened {
    fn new(write: impl FnOnce(BufWriter<File>)) -> Self {
        need("tshark");
        need("sharkd");
        Self::within(Sandbox::new(&plugin()).expect("a home with the plugin"), write)
    }

    fn within(home: Sandbox, write: impl FnOnce(BufWriter<File>)) -> Self {
        let capture = home.path().join("capture.pcap");
        write(BufWriter::new(File::create(&capture).expect("a file for the capture")));
        open_to_all(&capture);
        Self { home, capture }
    }

    /// The trees of WeChat's frames in tshark's second pass, by packet.
    fn second_pass(&self) -> BTreeMap<u64, String> {
        let capture = self.capture.to_str().expect("a path of text");
        let text = process::stdout(&mut self.home.tshark(["-2", "-V", "-r", capture])).expect("tshark");
        let (mut packet, mut ours, mut trees) = (0, false, BTreeMap::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("Frame ") {
                packet = rest.split(':').next().and_then(|number| number.parse().ok()).expect("a number");
            }
            if !line.starts_with(' ') {
                ours = line.starts_with("WeChat");
            }
            if ours {
                let tree: &mut String = trees.entry(packet).or_default();
                tree.push_str(line);
                tree.push('\n');
            }
        }
        trees
    }

    /// sharkd's answer to each request; it is given to `look` with the number of the process, and nothing
    /// of it is kept.
    fn ask(&self, requests: &[Value], mut look: impl FnMut(usize, &str, u32)) {
        let file = self.home.path().join("requests");
        let lines: String = requests.iter().map(|request| format!("{request}\n")).collect();
        fs::write(&file, lines).expect("the requests are written");
        open_to_all(&file);
        let mut sharkd = self.home.command("sharkd");
        sharkd.arg("-").stdin(File::open(&file).expect("the requests are there"));
        // What it says of itself goes to a file: a pipe that nobody reads would block it.
        sharkd.stderr(tempfile::tempfile().expect("a file for errors")).stdout(Stdio::piped());
        let mut sharkd = sharkd.spawn().expect("sharkd starts");
        let mut answers = BufReader::new(sharkd.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        for (index, request) in requests.iter().enumerate() {
            line.clear();
            let length = answers.read_line(&mut line).expect("sharkd answers in UTF-8");
            assert!(length > 0, "sharkd ended before it answered {request}");
            look(index, line.trim_end(), sharkd.id());
        }
        assert!(sharkd.wait().expect("sharkd ends").success());
    }

    fn load(&self) -> Value {
        request("load", &json!({ "file": self.capture }))
    }

    /// Every statistic and every way to follow that sharkd has of ours, and some of others.
    fn statistics(&self) -> Vec<Value> {
        let mut taps = vec!["expert".to_owned(), "conv:TCP".to_owned()];
        let mut follows = vec!["TCP".to_owned()];
        self.ask(&[self.load(), request("info", &json!({}))], |_, answer, _| {
            let answer: Value = serde_json::from_str(answer).expect("sharkd answers in JSON");
            let lists = answer["result"].as_object().into_iter().flat_map(serde_json::Map::values);
            let rows = lists.filter_map(Value::as_array).flatten();
            let ours = rows
                .filter_map(|row| row["tap"].as_str())
                .filter(|tap| tap.to_lowercase().contains("wechat"));
            for tap in ours {
                match tap.strip_prefix("follow:") {
                    Some(follow) => follows.push(follow.to_owned()),
                    None => taps.push(tap.to_owned()),
                }
            }
        });
        let taps = taps.iter().map(|tap| request("tap", &json!({ "tap0": tap })));
        let follows = follows
            .iter()
            .map(|follow| request("follow", &json!({ "follow": follow, "filter": "tcp.stream eq 1" })));
        taps.chain(follows).collect()
    }

    /// Clicks on random packets, with filters and statistics between.
    fn visit_at_random(&self, visits: usize, filters: &[&str]) {
        let trees = self.second_pass();
        assert!(trees.len() > 100, "{} packets show WeChat", trees.len());
        let packets: Vec<u64> = trees.keys().copied().collect();
        let mut between = self.statistics();
        for filter in filters {
            between.push(request("frames", &json!({ "filter": filter, "limit": 20 })));
            between.push(request("intervals", &json!({ "interval": 1000, "filter": filter })));
        }

        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut clicked = vec![None];
        let mut requests = vec![self.load()];
        for click in 0..visits {
            if click % BETWEEN == 0 {
                requests.push(between[click / BETWEEN % between.len()].clone());
                clicked.push(None);
            }
            let packet = packets[rng.next_u32() as usize % packets.len()];
            requests.push(request("frame", &json!({ "frame": packet, "proto": true })));
            clicked.push(Some(packet));
        }

        let mut seen: HashMap<u64, Vec<Value>> = HashMap::new();
        self.ask(&requests, |index, answer, _| {
            let Some(packet) = clicked[index] else {
                assert!(answer.contains("\"result\""), "sharkd cannot {}: {answer}", requests[index]);
                return;
            };
            let shown = ours(answer);
            match seen.get(&packet) {
                // With places and filters, which a tree printed by tshark does not have.
                Some(first) => assert_eq!(first, &shown, "packet {packet} at request {index}"),
                None => {
                    let [sharkd, tshark] = [&tree(&shown), &trees[&packet]].map(|tree| without_secrets(tree));
                    assert_eq!(sharkd, tshark, "packet {packet}: sharkd, then tshark");
                    seen.insert(packet, shown);
                }
            }
        });
        assert!(seen.len() * 10 > packets.len() * 9, "{} of {} packets", seen.len(), packets.len());
    }
}

/// Kilobytes that a process holds in memory.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory is told");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn open_to_all(file: &Path) {
    fs::set_permissions(file, Permissions::from_mode(0o644)).expect("readable for all");
}

fn request(method: &str, parameters: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters })
}

/// WeChat's frames in sharkd's answer. Others tell when a packet was displayed before, which may change.
fn ours(answer: &str) -> Vec<Value> {
    let mut answer: Value = serde_json::from_str(answer).expect("sharkd answers in JSON");
    let Value::Array(mut nodes) = answer["result"]["tree"].take() else { panic!("no tree: {answer}") };
    nodes.retain(|node| node["f"] == "wechat" || node["f"] == "wechat_web");
    nodes
}

/// The same as tshark prints it.
fn tree(nodes: &[Value]) -> String {
    let mut out = String::new();
    nodes.iter().for_each(|node| print(node, 0, &mut out));
    out
}

/// Words that stand for secrets are others in each process.
fn without_secrets(tree: &str) -> String {
    let mut parts = tree.split('#');
    let first = parts.next().unwrap_or_default().to_owned();
    let is_digit = |c: char| c.is_ascii_hexdigit();
    parts.fold(first, |text, part| text + "#" + part.trim_start_matches(is_digit))
}

fn print(node: &Value, depth: usize, out: &mut String) {
    let label = node["l"].as_str().expect("a label");
    let label = if node["g"] == true { format!("[{label}]") } else { label.to_owned() };
    out.push_str(&format!("{:1$}{label}\n", "", 4 * depth));
    for child in node["n"].as_array().into_iter().flatten() {
        print(child, depth + 1, out);
    }
}

#[test]
fn the_exchanges_look_the_same_at_every_visit() {
    let capture = exchanges::capture(1);
    Opened::new(|file| capture.write_pcap(file).expect("the capture is written"))
        .visit_at_random(VISITS, &FILTERS);
}

/// Their first packets were offered before any conversation existed.
#[test]
fn exported_packets_look_the_same_at_every_visit() {
    let capture = exchanges::capture(1);
    let write = |file| capture.write_payloads(file, Wrapping::ExportedPdu).expect("the capture is written");
    Opened::new(write).visit_at_random(1500, &FILTERS);
}

#[test]
fn many_frames_on_many_streams_look_the_same_at_every_visit() {
    let bench = Bench { frames: 4000, connections: 20, seed: 1, dress: Dress::LongLink };
    let write = |file| {
        bench::write(file, &bench).expect("the capture is written");
    };
    Opened::new(write).visit_at_random(VISITS, &FILTERS);
}

#[test]
fn the_web_clients_messages_look_the_same_at_every_visit() {
    let (dialogue, mut rng) = web::case::find("session-mixed").expect("a case").dialogue(1, None);
    let carrier = web::carrier::Carrier { cut: web::carrier::Cut::Anywhere, ..web::carrier::Carrier::PLAIN };
    let carried = web::carrier::carry(&dialogue, carrier, 80, None, &mut rng).expect("a capture");
    let opened = Opened::new(|file| carried.capture.write_pcap(file).expect("the capture is written"));
    opened.visit_at_random(1500, &WEB_FILTERS);
}

/// What is remembered of a capture goes with it. sharkd itself keeps something of every file, so that
/// only the difference to one without the plugin tells.
#[test]
fn two_hundred_files_leave_no_more_behind_than_without_the_plugin() {
    const FILES: usize = 200;
    const WARM: usize = 20;
    let bench = Bench { frames: 2000, connections: 20, seed: 1, dress: Dress::LongLink };
    let write = |file| {
        bench::write(file, &bench).expect("the capture is written");
    };
    let homes = [
        Opened::new(write),
        Opened::within(Sandbox::without_plugin().expect("a home without the plugin"), write),
    ];
    let [with, without] = homes.map(|opened| {
        // One more, because sharkd ends with its last answer.
        let requests = vec![opened.load(); FILES + 1];
        let mut memory = Vec::new();
        opened.ask(&requests, |index, answer, process| {
            assert!(answer.contains("\"result\""), "{answer}");
            if index < FILES {
                memory.push(resident(process));
            }
        });
        memory[FILES - 1].saturating_sub(memory[WARM - 1])
    });
    println!("left behind by {} files: {with} kB, without the plugin {without} kB", FILES - WARM);
    // One capture's state is some 90 kB: 180 of them would be 16 MB. sharkd's own leaks scatter the heap, and
    // the difference by 2 or 3 MB.
    assert!(with < without + 8192, "{with} kB, without the plugin {without} kB");
}

/// Preferences that change at random, each time with the capture dissected anew. Whenever they are all back at
/// their defaults, every packet is what it was.
#[test]
fn a_storm_of_preferences_leaves_nothing_behind() {
    const CHANGES: usize = 1000;
    /// Changes, of which the last is back to the defaults.
    const ROUND: usize = 10;
    const PREFERENCES: [(&str, &[&str]); 12] = [
        ("wechat.tcp.port", &["80,8080,443", "80", "443,14000", ""]),
        ("wechat.desegment", &["TRUE", "FALSE"]),
        ("wechat.max_frame", &["1048576", "64", "4096"]),
        ("wechat.try_any_port", &["FALSE", "TRUE"]),
        ("wechat.server_side", &["listed", "lower", "higher", "none"]),
        ("wechat.show_account", &["FALSE", "TRUE"]),
        ("wechat.hash_key", &["", "abc", "another key"]),
        ("tcp.desegment_tcp_streams", &["TRUE", "FALSE"]),
        ("tcp.reassemble_out_of_order", &["FALSE", "TRUE"]),
        ("tcp.relative_sequence_numbers", &["TRUE", "FALSE"]),
        ("http.tcp.port", &["80,3128,3132,5985,8080,8088,11371,1900,2869,2710", "8000", "443"]),
        ("http.tls.port", &["443", "80,8080", "8443"]),
    ];
    let capture = exchanges::capture(1);
    let opened = Opened::new(|file| capture.write_pcap(file).expect("the capture is written"));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut below = |limit: usize| rng.next_u32() as usize % limit;
    let set = |name: &str, value: &str| request("setconf", &json!({ "name": name, "value": value }));
    let shown = |packet: usize| request("frame", &json!({ "frame": packet, "proto": true, "columns": true }));

    let mut requests = vec![opened.load(), request("frames", &json!({}))];
    // Where the default answers are to be the same again.
    let mut same: HashMap<usize, usize> = HashMap::new();
    let packets = [11, 119, 248];
    let first = requests.len();
    requests.extend(packets.map(shown));
    for change in 1..=CHANGES {
        if change % ROUND == 0 {
            requests.extend(PREFERENCES.map(|(name, values)| set(name, values[0])));
        } else {
            let (name, values) = PREFERENCES[below(PREFERENCES.len())];
            requests.push(set(name, values[below(values.len())]));
        }
        requests.push(opened.load());
        if change % ROUND == 0 {
            same.insert(requests.len(), 1);
        }
        requests.push(request("frames", &json!({})));
        for (place, packet) in packets.into_iter().enumerate() {
            if change % ROUND == 0 {
                same.insert(requests.len(), first + place);
            }
            requests.push(shown(packet));
        }
    }
    assert_eq!(same.len(), CHANGES / ROUND * (1 + packets.len()));
    let result = |answer: &str| answer.split_once("\"result\"").map(|(_, result)| result.to_owned());
    let mut before = Vec::new();
    opened.ask(&requests, |index, answer, _| {
        let result = result(answer).unwrap_or_else(|| panic!("{}: {answer}", requests[index]));
        if index < first + packets.len() {
            before.push(result);
        } else if let Some(earlier) = same.get(&index) {
            assert!(before[*earlier] == result, "after request {index}, {}: {answer}", requests[index]);
        }
    });
}
