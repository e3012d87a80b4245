// SPDX-License-Identifier: GPL-2.0-or-later
//! A capture that is still running: a client and a server really talk, dumpcap records them, and tshark
//! shows their frames as they come.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::plugin::{need, plugin};
use wechat_traffic::pdu::{RESPONSE_OFFSET, op};
use wechat_traffic::web::case;
use xtask::sandbox::Sandbox;
use xtask::{cargo, process};

/// It takes two seconds; behind this something hangs.
const LIMIT: Duration = Duration::from_secs(15);

/// Tells the script where; its value is a port.
const PORT: &str = "WECHAT_LIVE_PORT";

/// Writes the capture to its output until its input ends. What it runs to be captured is `"$@"`.
const RECORD: &str = r#"
set -eu
log=$(mktemp)
dumpcap -q -i lo -f "tcp port $WECHAT_LIVE_PORT" -w - 2>"$log" &
dumpcap=$!
trap 'cat "$log" >&2; rm "$log"; kill "$dumpcap" 2>/dev/null || true' EXIT
# It names its file when it has begun to capture.
until grep -q '^File:' "$log"; do kill -0 "$dumpcap"; sleep 0.02; done
"$@" >&2
cat >&2
"#;

/// What `loopback::client` sends, and what `loopback::serve` does.
const CLIENT_SENDS: [u32; 7] = [
    op::IDENTIFY,
    op::PUSH_ACK,
    op::HEARTBEAT,
    op::NEW_SEND_MSG,
    op::NEW_SEND_MSG,
    op::NEW_SEND_MSG,
    op::NEW_SEND_MSG,
];
const SERVER_SENDS: [u32; 7] = [
    op::IDENTIFY + RESPONSE_OFFSET,
    op::PUSH,
    op::HEARTBEAT + RESPONSE_OFFSET,
    op::NEW_SEND_MSG + RESPONSE_OFFSET,
    op::NEW_SEND_MSG + RESPONSE_OFFSET,
    op::NEW_SEND_MSG + RESPONSE_OFFSET,
    op::NEW_SEND_MSG + RESPONSE_OFFSET,
];

#[test]
fn frames_are_shown_while_they_are_captured() {
    ["tshark", "dumpcap", "sh"].into_iter().for_each(need);
    let network = Network::find(8080);
    let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
    let mut recorder = network.record(&["talk", &network.port.to_string()], Stdio::piped());
    // Behind what the generator's program took to build.
    let deadline = Instant::now() + LIMIT;
    let mut tshark = show(&sandbox, &network, &mut recorder);
    let lines = lines_of(&mut tshark);

    let (mut frames, mut told) = (Vec::new(), Vec::new());
    while frames.len().min(told.len().saturating_sub(1)) < CLIENT_SENDS.len() + SERVER_SENDS.len() {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.split('\t').count() > FIELDS.len() => told.push(line),
            Ok(line) => frames.extend(frames_in(&line, network.port)),
            Err(_) => panic!("only {} frames are shown: {frames:?}\n{}", frames.len(), stop(recorder)),
        }
    }
    let running = recorder.try_wait().expect("it can be asked").is_none();
    let complaints = stop(recorder);
    assert!(running, "the capture ended too early: {complaints}");
    let more: Vec<String> = lines.iter().collect();
    assert!(more.is_empty(), "more than was sent: {more:?}");
    assert!(tshark.wait().expect("tshark ends with the capture").success());

    assert_what_was_sent(&frames);
    assert_lines_say_the_same(&told, &frames);
}

/// Lines for pipelines, behind their headings, say what the fields of the same tshark say.
fn assert_lines_say_the_same(told: &[String], frames: &[Frame]) {
    let rows: Vec<Vec<&str>> = told.iter().map(|line| line.split('\t').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|other| *other == name).expect(name);
    assert_eq!(rows.len(), frames.len() + 1);
    for (row, frame) in rows[1..].iter().zip(frames) {
        let number = |name: &str| row[column(name)].parse::<u32>().ok();
        let said = [number("frame"), number("operation"), number("seqid")];
        assert_eq!(said, [frame.packet, frame.op, frame.seq].map(Some), "{row:?}");
        assert!(frame.response_to.is_none() || number("partner") == frame.response_to, "{row:?} {frame:?}");
        assert_eq!(row[column("direction")] == "server to client", frame.from_server, "{row:?}");
    }
}

/// A browser and a server that really talk, with and without TLS.
#[test]
fn the_web_client_is_shown_as_it_was_captured() {
    ["tshark", "dumpcap", "sh"].into_iter().for_each(need);
    for (name, port, tls) in [("article-cut", 80, None), ("article-gzip-chunked", 443, Some("--tls"))] {
        let network = Network::find(port);
        let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
        let [capture, keys] = ["capture.pcapng", "keys.log"].map(|file| sandbox.path().join(file));
        let [out, _] = [&capture, &keys].map(|path| {
            let file = File::create(path).expect("a file");
            fs::set_permissions(path, Permissions::from_mode(0o644)).expect("readable for tshark");
            file
        });
        let port = network.port.to_string();
        let log = keys.to_str().expect("a path of text");
        let mut words = vec!["web-talk", name, &port];
        words.extend(tls.into_iter().chain(tls.is_some().then_some(["--keylog", log]).into_iter().flatten()));
        let recorder = network.record(&words, out.into());

        let (dialogue, _) = case::find(name).expect("a case").dialogue(1, None);
        let calls: Vec<&str> = dialogue.calls.iter().map(|call| &*call.facts.call).collect();
        let expected: Vec<String> = calls.iter().flat_map(|call| [*call; 2].map(str::to_owned)).collect();
        let protocol = if tls.is_some() { "tls" } else { "http" };
        let fields = ["wechat_web.call", "wechat_web.synckey.delta", "wechat_web.response_to"];
        let deadline = Instant::now() + LIMIT;
        let shown = loop {
            let mut tshark = sandbox.tshark(["-2", "-Y", "wechat_web", "-T", "fields", "-r"]);
            tshark.arg(&capture).args(fields.iter().flat_map(|field| ["-e", field]));
            tshark.args(["-d", &format!("tcp.port=={port},{protocol}")]);
            // The file grows, and may end within a packet.
            let output =
                tshark.args(["-o", &format!("tls.keylog_file:{log}")]).output().expect("tshark runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if text.lines().count() >= expected.len() || Instant::now() > deadline {
                break text;
            }
        };
        let complaints = stop(recorder);
        let columns: Vec<Vec<&str>> = shown.lines().map(|line| line.split('\t').collect()).collect();
        let shown: Vec<&str> = columns.iter().map(|columns| columns[0]).collect();
        assert_eq!(shown, expected, "{name}: {complaints}");
        assert_eq!(columns[3][1], "0,1,0,0,27,0", "{name}: the sync's answer");
        assert_eq!(columns.iter().filter(|columns| !columns[2].is_empty()).count(), calls.len(), "{name}");
    }
}

/// A long link in MMTLS that really talks, and hooks that write a line for each record before it is sent.
#[test]
fn mmtls_opens_while_it_is_captured() {
    ["tshark", "dumpcap", "sh"].into_iter().for_each(need);
    for way in [None, Some("--full")] {
        let network = Network::find(8080);
        let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
        let keys = sandbox.path().join("keys.log");
        File::create(&keys).expect("a file");
        fs::set_permissions(&keys, Permissions::from_mode(0o644)).expect("readable for tshark");
        let (port, log) = (network.port.to_string(), keys.to_str().expect("a path of text"));
        let words: Vec<&str> = ["mmtls-talk", &port, "--keylog", log].into_iter().chain(way).collect();
        let mut recorder = network.record(&words, Stdio::piped());
        let deadline = Instant::now() + LIMIT;
        let mut tshark = sandbox.tshark(["-l", "-r", "-", "-Y", "mmtls", "-T", "fields"]);
        for field in ["mmtls.type", "mmtls.opened", "mmtls.key_source", "wechat.op", "wechat.response_to"] {
            tshark.args(["-e", field]);
        }
        tshark.args(["-d", &format!("tcp.port=={port},mmtls"), "-o", &format!("mmtls.keylog_file:{log}")]);
        let capture = recorder.stdout.take().expect("a pipe");
        tshark.stdin(Stdio::from(capture)).stdout(Stdio::piped());
        let mut tshark = tshark.spawn().expect("tshark starts");
        let lines = lines_of(&mut tshark);
        let mut shown: Vec<String> = Vec::new();
        // Both sides end with an alert.
        let ends = |shown: &[String]| shown.iter().map(|line| line.matches("21").count()).sum::<usize>();
        let of = |line: &String, column: usize| line.split('\t').nth(column).unwrap_or_default().to_owned();
        while ends(&shown.iter().map(|line| of(line, 0)).collect::<Vec<_>>()) < 2 {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => shown.push(line),
                Err(_) => panic!("the end is not shown: {shown:?}\n{}", stop(recorder)),
            }
        }
        stop(recorder);
        assert!(tshark.wait().expect("tshark ends with the capture").success());
        let values = |column: usize| -> Vec<String> {
            shown
                .iter()
                .flat_map(|line| of(line, column).split(',').map(str::to_owned).collect::<Vec<_>>())
                .collect()
        };
        let opened: Vec<String> = values(1).into_iter().filter(|value| !value.is_empty()).collect();
        assert!(opened.len() > 24 && opened.iter().all(|value| value == "1" || value == "True"), "{shown:?}");
        let sources: Vec<String> = values(2).into_iter().filter(|value| !value.is_empty()).collect();
        assert!(
            sources.len() == opened.len() && sources.iter().all(|source| source == "line"),
            "{sources:?}"
        );
        let frames = values(3).iter().filter(|op| !op.is_empty()).count();
        let answers = values(4).iter().filter(|link| !link.is_empty()).count();
        assert!(frames >= 24 && answers >= 8, "{frames} frames, {answers} answers");
    }
}

fn assert_what_was_sent(frames: &[Frame]) {
    let (server, client): (Vec<&Frame>, Vec<&Frame>) = frames.iter().partition(|frame| frame.from_server);
    assert_eq!(client.iter().map(|frame| frame.op).collect::<Vec<_>>(), CLIENT_SENDS);
    assert_eq!(server.iter().map(|frame| frame.op).collect::<Vec<_>>(), SERVER_SENDS);

    let requests: BTreeMap<u32, &Frame> = client.iter().map(|frame| (frame.seq, *frame)).collect();
    for response in server.iter().filter(|frame| frame.op != op::PUSH) {
        let request = requests[&response.seq];
        assert_eq!(request.op + RESPONSE_OFFSET, response.op);
        assert_eq!(Some(request.packet), response.response_to, "{response:?}");
    }

    let byte_by_byte = client.last().expect("the last request");
    assert!(byte_by_byte.segments > 50, "it was sent byte by byte: {byte_by_byte:?}");
}

/// Where client, server and dumpcap run.
struct Network {
    /// A command that runs another one there.
    enter: Vec<&'static str>,
    port: u16,
}

impl Network {
    /// A namespace of its own, in which ports are free and everybody may capture, where the system gives
    /// one; else this machine's own loopback device, on which not everybody may.
    fn find(port: u16) -> Self {
        let root: &[&str] = if process::is_root() { &[] } else { &["--map-root-user"] };
        let unshare = [&["unshare", "--net"], root].concat();
        let up = ["sh", "-c", r#"ip link set lo up && exec "$@""#, "sh"];
        let enter = [&unshare[..], &up].concat();
        if process::output(Command::new(enter[0]).args(&enter[1..]).arg("true")).is_ok() {
            return Self { enter, port };
        }
        let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|free| free.local_addr());
        let port = free(port).or_else(|_| free(0)).expect("a free port").port();
        Self { enter: Vec::new(), port }
    }

    /// Starts the capture, which goes to `out`, and, when it runs, the generator with these words.
    fn record(&self, words: &[&str], out: Stdio) -> Child {
        // In which client and server talk.
        let talk = cargo::build_program("wechat-traffic").expect("cargo builds the generator");
        let script = ["sh", "-c", RECORD, "sh"];
        let enter = [&self.enter[..], &script].concat();
        let mut command = Command::new(enter[0]);
        command.args(&enter[1..]).arg(talk).args(words);
        command.env(PORT, self.port.to_string());
        command.stdin(Stdio::piped()).stdout(out).stderr(Stdio::piped());
        command.spawn().expect("sh starts")
    }
}

/// Lets tshark read what the recorder writes, while it does.
fn show(sandbox: &Sandbox, network: &Network, recorder: &mut Child) -> Child {
    let mut command =
        sandbox.tshark(["-l", "-r", "-", "-z", "wechat,frames", "-Y", "wechat.op", "-T", "fields"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    if network.port != 8080 {
        command.args(["-d", &format!("tcp.port=={},wechat", network.port)]);
    }
    let capture = recorder.stdout.take().expect("a pipe");
    command.stdin(Stdio::from(capture)).stdout(Stdio::piped()).spawn().expect("tshark starts")
}

/// The lines of its output, as they come.
fn lines_of(tshark: &mut Child) -> Receiver<String> {
    let output = BufReader::new(tshark.stdout.take().expect("a pipe"));
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

/// Ends the capture, and returns what was said of it.
fn stop(mut recorder: Child) -> String {
    drop(recorder.stdin.take());
    let mut complaints = String::new();
    let mut errors = recorder.stderr.take().expect("a pipe");
    errors.read_to_string(&mut complaints).expect("text");
    recorder.wait().expect("it ends with its input");
    complaints
}

const FIELDS: [&str; 6] =
    ["frame.number", "tcp.srcport", "tcp.segment.count", "wechat.op", "wechat.seq", "wechat.response_to"];

/// A frame that is shown.
#[derive(Debug)]
struct Frame {
    packet: u32,
    from_server: bool,
    /// Into how many segments it was cut.
    segments: u32,
    op: u32,
    seq: u32,
    response_to: Option<u32>,
}

/// The frames of one packet; its responses all have a link, as the client waits for each.
fn frames_in(line: &str, server_port: u16) -> Vec<Frame> {
    let columns: Vec<Vec<u32>> = line.split('\t').map(numbers).collect();
    let [packet, source, segments, ops, seqs, links] = &columns[..] else { panic!("unexpected: {line}") };
    let mut links = links.iter().copied();
    let frame = |(&op, &seq): (&u32, &u32)| Frame {
        packet: packet[0],
        from_server: source[0] == u32::from(server_port),
        segments: segments.iter().copied().max().unwrap_or(1),
        op,
        seq,
        response_to: if op > RESPONSE_OFFSET && op != op::PUSH_ACK { links.next() } else { None },
    };
    ops.iter().zip(seqs).map(frame).collect()
}

fn numbers(column: &str) -> Vec<u32> {
    let values = column.split(',').filter(|value| !value.is_empty());
    values.map(|value| value.parse().expect("a number")).collect()
}
