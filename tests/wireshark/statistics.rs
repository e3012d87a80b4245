// SPDX-License-Identifier: GPL-2.0-or-later
//! Statistics and navigation in a real tshark: each number is compared with what the generator sent, or
//! with what the packet tree says of the same capture.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::samples;
use crate::support::mmtls;
use crate::support::opened;
use crate::support::opened::{
    Frame, Opened, assert_frames, example, open, open_packets, whole, with_whole_header,
};
use crate::support::plugin::plugin;
use crate::support::webcalls::{PLAIN, TLS13, show};
use serde_json::{Map, Value};
use wechat_dissector::long_link::LONG_LINK;
use wechat_dissector::long_link::record::ROW_COUNT;
use wechat_dissector::protocols::PROTOCOLS;
use wechat_dissector::wechat::operation::Kind;
use wechat_traffic::bench::{self, Bench, Dress};
use wechat_traffic::capture::Capture;
use wechat_traffic::flow::Segmentation;
use wechat_traffic::mmtls::case::Made;
use wechat_traffic::mmtls::truth::{RecordRow, Row as TruthRow};
use wechat_traffic::packet::{Control, Direction, Endpoints, Packet};
use wechat_traffic::pdu::{Pdu, op, seq};
use wechat_traffic::script::Script;
use wechat_traffic::web::truth::Row;
use wechat_traffic::{case, exchanges, sample};
use xtask::sandbox::Sandbox;

const SEED: u64 = 1;
const PASSES: [&[&str]; 2] = [&[], &["-2"]];

fn captures() -> Vec<(&'static str, Capture)> {
    let case = |name: &'static str| (name, case::find(name).expect("a case").capture(SEED));
    vec![
        ("sample", sample::capture(SEED)),
        ("exchanges", exchanges::capture(SEED)),
        case("ipv6"),
        case("second-client"),
        case("mid-stream"),
        case("sixteen-byte-frames"),
        case("repeated-seq"),
        case("snaplen"),
    ]
}

fn one_flow(script: &Script) -> Capture {
    Capture::new([script.play(Endpoints::v4(40_700, 8080), [1, 1])])
}

/// What a statistic prints.
fn statistic(opened: &Opened, passes: &[&str], words: &str) -> String {
    opened.with(passes).text(&["-q", "-z", words])
}

// ---- frames ----

fn frames_json(opened: &Opened, passes: &[&str], filter: &str) -> Vec<Map<String, Value>> {
    let text = statistic(opened, passes, &format!("wechat,frames,json{filter}"));
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

/// Whether a name is a note's.
fn is_note(name: &str) -> bool {
    PROTOCOLS.iter().flat_map(|row| row.protocol.notes).any(|row| row.filter.to_str() == Ok(name))
}

/// Every note in a part of the tree.
fn notes_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if is_note(name) {
                    found.insert(name.clone());
                }
                notes_in(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| notes_in(value, found)),
        _ => {}
    }
}

/// Of a field with several values the first.
fn field<'a>(layer: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match layer.get(name)? {
        Value::Array(values) => values[0].as_str(),
        value => value.as_str(),
    }
}

fn number(layer: &Map<String, Value>, name: &str) -> Option<u64> {
    field(layer, name).map(|text| text.parse().expect("a number"))
}

/// Seconds with nine decimals as nanoseconds.
fn nanoseconds(text: &str) -> i64 {
    text.replace('.', "").parse().expect("seconds")
}

/// The frames of the packet tree; those that never became whole are no frames that are counted.
fn tree_frames(opened: &Opened, passes: &[&str]) -> Vec<(usize, Map<String, Value>)> {
    let mut layers = opened.with(passes).layers();
    layers.retain(|(_, layer)| layer.contains_key("wechat.packet_len"));
    layers
}

#[test]
fn a_line_says_what_the_tree_says() {
    let tunnel = ("through-http", case::find("through-http").expect("a case").capture(SEED));
    let some: Vec<_> = captures().into_iter().chain([tunnel]).collect();
    // Of the rest only what is known in the end: there are many.
    let seen: BTreeSet<_> = some.iter().map(|(name, _)| *name).collect();
    let rest = case::CASES
        .iter()
        .filter(|case| !seen.contains(case.name))
        .map(|case| (case.name, case.capture(SEED)));
    let rest = rest.map(|(name, capture)| (name, open(&capture), &PASSES[1..]));
    let captures = some.iter().map(|(name, capture)| (*name, open(capture)));
    let opened = ["exchanges", "mixed"].map(|name| (name, mmtls::open(name, Some("records"))));
    let mut carriers = BTreeSet::new();
    let mut says = BTreeSet::new();
    let both = captures.chain(opened).map(|(name, opened)| (name, opened, &PASSES[..]));
    for (name, opened, all_passes) in both.chain(rest) {
        let ends = ends(&opened, "wechat");
        for passes in all_passes {
            let lines = frames_json(&opened, passes, "");
            let trees = tree_frames(&opened, passes);
            assert_eq!(lines.len(), trees.len(), "{name}");
            assert_eq!(
                lines.len() > 3,
                !["foreign", "open-mars", "other-port"].contains(&name),
                "{name}: {} lines",
                lines.len()
            );
            for (line, (packet, tree)) in lines.iter().zip(&trees) {
                assert_line(line, *packet, tree);
                assert_columns(line, tree, COLUMNS);
                // Proxies' dissectors say where a tunnel leads.
                assert!(line["carrier"] == "other" || src_and_dst(line) == ends[packet], "{line:?}");
                // What is not so on requests that have an answer is told by nothing in the tree.
                let unanswered = field(tree, "wechat.unanswered").is_some();
                assert_eq!(line["unanswered"] == true, unanswered, "{line:?}");
                assert!(unanswered || line["unanswered"].is_null() || !passes.is_empty(), "{line:?}");
                carriers.insert(line["carrier"].to_string());
                says.extend(line.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()));
            }
        }
    }
    assert_eq!(carriers.into_iter().collect::<Vec<_>>(), ["\"mmtls\"", "\"other\"", "\"tcp\""]);
    let columns = LONG_LINK.lines.expect("lines").columns;
    let silent: Vec<_> = columns.iter().filter(|column| !says.contains(column.name)).collect();
    assert!(silent.is_empty(), "no line says anything in {silent:?}");
}

/// Columns of frames, each with the field that says the same.
const COLUMNS: &[(&str, &str)] = &[
    ("stream", "wechat.stream"),
    ("operation", "wechat.op"),
    ("name", "wechat.op.name"),
    ("kind", "wechat.kind"),
    ("seqid", "wechat.seq"),
    ("packet_len", "wechat.packet_len"),
    ("head_len", "wechat.head_len"),
    ("body_len", "wechat.body_len"),
    ("carrier", "wechat.carrier"),
    ("retry_of", "wechat.retry_of"),
    ("cgi", "wechat.business.cgi"),
    ("client_version", "wechat.client_version"),
    ("delivery", "wechat.delivery"),
];

/// The first value of a field anywhere in a part of the tree.
fn anywhere<'a>(tree: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    field(tree, name).or_else(|| {
        tree.values().find_map(|value| match value {
            Value::Object(inner) => anywhere(inner, name),
            Value::Array(values) => {
                values.iter().filter_map(Value::as_object).find_map(|inner| anywhere(inner, name))
            }
            _ => None,
        })
    })
}

/// Columns say what the fields beside them say, or nothing where there is none.
#[track_caller]
fn assert_columns(line: &Map<String, Value>, tree: &Map<String, Value>, columns: &[(&str, &str)]) {
    for (column, name) in columns {
        let shown = anywhere(tree, name);
        let says = match (&line[*column], shown) {
            (Value::Null, shown) => shown.is_none(),
            (Value::Number(number), Some(shown)) => {
                let hex = shown.strip_prefix("0x").map(|digits| i64::from_str_radix(digits, 16));
                let shown = hex.unwrap_or_else(|| shown.parse()).ok();
                number.as_i64().is_some_and(|number| Some(number) == shown)
            }
            (Value::String(text), Some(shown)) => text == shown,
            _ => false,
        };
        assert!(says, "{column} in {line:?}, {name} is {shown:?}");
    }
}

/// Addresses and ports of each packet with a protocol, as Wireshark's own protocols say.
fn ends(opened: &Opened, protocol: &str) -> BTreeMap<usize, String> {
    let fields = ["frame.number", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport"];
    let lines = opened.values(protocol, &fields);
    let each = |line: &String| {
        let (packet, rest) = line.split_once(' ').expect("a number and more");
        let ends: Vec<&str> = rest.split(' ').filter(|part| !part.is_empty()).collect();
        (packet.parse().expect("a number"), ends.join(" "))
    };
    lines.iter().map(each).collect()
}

/// The same of a line.
fn src_and_dst(line: &Map<String, Value>) -> String {
    let text = |name: &str| line[name].as_str().expect("an address");
    format!("{} {} {} {}", text("src"), line["src_port"], text("dst"), line["dst_port"])
}

#[test]
fn a_line_of_a_call_says_what_the_tree_says() {
    const COLUMNS: &[(&str, &str)] = &[
        ("session", "wechat_web.session"),
        ("call", "wechat_web.call"),
        ("kind", "wechat_web.kind"),
        ("retcode", "wechat_web.retcode"),
        ("selector", "wechat_web.selector"),
        ("ret", "wechat_web.ret"),
    ];
    let mut says = BTreeSet::new();
    for (name, way) in [("session", PLAIN), ("two-sessions", PLAIN), ("session", TLS13), ("bad-types", PLAIN)]
    {
        let shown = show(name, way);
        let ends = ends(&shown.opened, "wechat_web");
        for passes in PASSES {
            let text = statistic(&shown.opened, passes, "wechat_web,calls,json");
            let lines = text.lines().map(|line| serde_json::from_str::<Map<_, _>>(line).expect("an object"));
            let layers = shown.layers(passes);
            let lines: Vec<_> = lines.collect();
            assert!(lines.len() > 5 && lines.len() == layers.len(), "{name}: {} lines", lines.len());
            for line in &lines {
                let packet = line["frame"].as_u64().expect("a number") as usize;
                let tree = &layers[&packet];
                assert_columns(line, tree, COLUMNS);
                assert_eq!(src_and_dst(line), ends[&packet]);
                let partner = ["response_in", "response_to"]
                    .iter()
                    .find_map(|name| number(tree, &format!("wechat_web.{name}")));
                assert_eq!(line["partner"].as_u64(), partner, "{line:?}");
                let time = line["response_time"].as_f64().map(|time| (time * 1e9).round() as i64);
                assert_eq!(time, field(tree, "wechat_web.response_time").map(nanoseconds), "{line:?}");
                let mut notes = BTreeSet::new();
                notes_in(&Value::Object(tree.clone()), &mut notes);
                let listed = line["notes"].as_array().expect("a list");
                let listed: BTreeSet<_> =
                    listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                assert_eq!(listed, notes, "{line:?}");
                says.extend(line.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()));
            }
        }
    }
    assert_eq!(says.len(), 17, "{says:?}");
}

#[track_caller]
fn assert_line(line: &Map<String, Value>, packet: usize, tree: &Map<String, Value>) {
    let is = |key: &str, value: Value| assert_eq!(line[key], value, "{key} in {line:?} and {tree:?}");
    let optional = |value: Option<u64>| value.map_or(Value::Null, Value::from);
    is("frame", packet.into());
    for (key, filter) in [
        ("stream", "wechat.stream"),
        ("operation", "wechat.op"),
        ("seqid", "wechat.seq"),
        ("packet_len", "wechat.packet_len"),
        ("head_len", "wechat.head_len"),
        ("body_len", "wechat.body_len"),
    ] {
        is(key, number(tree, filter).into());
    }
    is("kind", field(tree, "wechat.kind").into());
    is("name", field(tree, "wechat.op.name").map_or(Value::Null, Value::from));
    let direction = match number(tree, "wechat.direction") {
        Some(1) => "client to server",
        Some(2) => "server to client",
        _ => "unknown",
    };
    is("direction", direction.into());
    let partner = ["response_to", "response_in", "ack_to", "push.ack_in"]
        .iter()
        .find_map(|name| number(tree, &format!("wechat.{name}")));
    is(
        "partner",
        match tree.get("wechat.ack_to") {
            // The chosen one is named first, and then the others that it stands for.
            Some(Value::Array(_)) => line["partner"].clone(),
            _ => optional(partner),
        },
    );
    for (key, filter) in [("response_time", "wechat.response_time"), ("ack_time", "wechat.ack.time")] {
        let time = line[key].as_f64().map(|time| (time * 1e9).round() as i64);
        assert_eq!(time, field(tree, filter).map(nanoseconds), "{key} in {line:?}");
    }
    let mut notes = BTreeSet::new();
    tree.values().for_each(|value| notes_in(value, &mut notes));
    notes.extend(tree.keys().filter(|key| is_note(key)).cloned());
    let listed: Vec<&str> =
        line["notes"].as_array().expect("a list").iter().map(|note| note.as_str().expect("a text")).collect();
    let distinct: BTreeSet<String> = listed.iter().map(ToString::to_string).collect();
    assert!(distinct == notes && listed.len() == notes.len(), "packet {packet}: {listed:?}, {notes:?}");
}

#[test]
fn the_lines_are_the_frames_that_were_sent() {
    for (name, capture) in captures() {
        let opened = open(&capture);
        let lines = frames_json(&opened, &[], "");
        let shown: Vec<Frame> = lines
            .iter()
            .map(|line| {
                let number = |key: &str| line[key].as_u64().expect("a number") as u32;
                let packet = number("frame") as usize;
                Frame {
                    packet,
                    op: number("operation"),
                    seq: number("seqid"),
                    packet_len: number("packet_len"),
                }
            })
            .collect();
        assert_frames(&shown, &opened.frames());
        // One frame of the sample has a length that is wrong on purpose.
        let shown: Vec<Frame> =
            shown.into_iter().filter(|frame| name != "sample" || frame.packet_len != 7).collect();
        match name {
            "snaplen" => assert_frames(&shown, &with_whole_header(&capture)),
            _ => assert_frames(&shown, &whole(&capture)),
        }
    }
}

#[test]
fn columns_and_objects_say_the_same() {
    let opened = open(&exchanges::capture(SEED));
    let text = statistic(&opened, &["-2"], "wechat,frames");
    let mut lines = text.lines();
    let headings: Vec<&str> = lines.next().expect("a line of headings").split('\t').collect();
    let objects = frames_json(&opened, &["-2"], "");
    assert_eq!(text.lines().count(), objects.len() + 1);
    for (line, object) in lines.zip(&objects) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!((cells.len(), object.len()), (headings.len(), headings.len()));
        for (heading, cell) in headings.iter().zip(cells) {
            match &object[*heading] {
                Value::Null => assert_eq!(cell, ""),
                Value::String(text) => assert_eq!(cell, text),
                Value::Array(texts) => {
                    let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
                    assert_eq!(cell, texts.join(","));
                }
                Value::Number(number) => {
                    let [cell, number] =
                        [cell.parse().ok(), number.as_f64()].map(|value| value.expect("a number"));
                    assert!(f64::abs(cell - number) < 1e-6, "{heading}: {cell}, {number}");
                }
                Value::Bool(mark) => assert_eq!(cell, mark.to_string()),
                other @ Value::Object(_) => panic!("{heading} is {other}"),
            }
        }
    }
}

#[test]
fn a_display_filter_chooses_frames_and_a_wrong_one_is_refused() {
    let capture = sample::capture(SEED);
    let opened = open(&capture);
    let chosen = frames_json(&opened, &[], ",wechat.stream == 1");
    let all = frames_json(&opened, &[], "");
    let expected: Vec<_> = all.into_iter().filter(|line| line["stream"] == 1).collect();
    assert!(!expected.is_empty());
    assert_eq!(chosen, expected);
    let packets: BTreeSet<u64> =
        chosen.iter().map(|line| line["frame"].as_u64().expect("a number")).collect();
    assert!(
        opened
            .packets("wechat.stream == 1")
            .into_iter()
            .eq(packets.into_iter().map(|number| number as usize))
    );
    let refused = opened.with(&["-q", "-z", "wechat,frames,nonsense =="]).run();
    assert!(!refused.status.success() && refused.stderr.contains("nonsense"), "{refused:?}");
}

#[test]
fn what_is_no_command_is_an_error_in_a_sentence() {
    let opened = open(&sample::capture(SEED));
    for (words, sentence) in [
        ("wechat,frames,csv", "\"csv\" is neither \"json\" nor a display filter"),
        ("wechat,frames,JSON", "\"JSON\" is neither \"json\" nor a display filter"),
        ("wechat,frames,json,csv", "\"csv\" is neither \"json\" nor a display filter"),
        ("wechat,framesjson", "behind \"wechat,frames\" may come \",json\""),
        ("mmtls,sessions;json", "behind \"mmtls,sessions\" may come \",json\""),
        ("wechat_web,calls,csv", "\"csv\" is neither \"json\" nor a display filter"),
    ] {
        let refused = opened.with(&["-q", "-z", words]).run();
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
        assert!(refused.stderr.contains(sentence), "{words}: {}", refused.stderr);
        assert!(refused.stderr.contains(&format!("\"-z {words}\"")), "{words}: {}", refused.stderr);
    }
}

/// Nobody takes a file for whole that is not.
#[test]
fn lines_that_cannot_be_written_end_tshark() {
    let capture = sample::capture(SEED);
    let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
    let file = sandbox.path().join("sample.pcap");
    capture.write_pcap(std::fs::File::create(&file).expect("a file")).expect("the capture is written");
    let file = file.to_str().expect("a path of text");
    for command in ["wechat,frames", "wechat,frames,json", "mmtls,sessions"] {
        let mut tshark = sandbox.tshark(["-q", "-z", command, "-r", file]);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is full");
        let output = tshark.stdout(full).stderr(Stdio::piped()).output().expect("tshark ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("the lines cannot be written: No space left on device"), "{command}: {said}");

        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut tshark = sandbox.tshark(["-q", "-z", command, "-r", file]);
        let output = tshark.stdout(writer).stderr(Stdio::piped()).output().expect("tshark ends");
        assert!(!output.status.success(), "{command}: {output:?}");
    }
}

#[test]
fn no_packet_has_too_many_frames() {
    // A tap's queue has room for 5000 entries of a packet, and each note takes one too.
    const FRAMES: usize = 4000;
    let packet = Packet {
        time: Duration::ZERO,
        flow: 0,
        direction: Direction::ClientToServer,
        identification: 1,
        sequence: 1,
        acknowledgement: 1,
        control: Control::PshAck,
        offset: 0,
        payload: Pdu::empty(op::NOOP, seq::NOOP).encode().repeat(FRAMES),
    };
    let opened = open_packets([packet].into_iter(), &Endpoints::v4(40_700, 8080));
    for passes in PASSES {
        let text = opened.with(passes).text(&["-q", "-z", "expert", "-z", "wechat,frames"]);
        let lines = text.lines().filter(|line| line.starts_with("1\t")).count();
        assert_eq!(lines, FRAMES);
    }
}

#[test]
fn lines_come_while_packets_do() {
    let capture = sample::capture(SEED);
    let expected = statistic(&open(&capture), &[], "wechat,frames");
    let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
    let mut tshark = sandbox.tshark(["-q", "-z", "wechat,frames", "-r", "-"]);
    let mut tshark = tshark.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tshark starts");
    let mut packets = tshark.stdin.take().expect("its input is piped");
    capture.write_pcap(&mut packets).expect("tshark takes the packets");
    let lines = BufReader::new(tshark.stdout.take().expect("its output is piped")).lines();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    for line in expected.lines() {
        // More packets may follow: nothing has told tshark that these are all.
        let shown = receiver.recv_timeout(Duration::from_secs(30));
        assert_eq!(shown.as_deref(), Ok(line), "not before the capture ends");
    }
    drop(packets);
    assert!(tshark.wait().expect("tshark ends").success());
}

/// Half the time of the whole tree in JSON at most, even without optimisation. `cargo xtask bench` says how much less it is.
#[test]
fn lines_are_much_faster_than_trees() {
    let bench = Bench { frames: 20_000, connections: 20, seed: SEED, dress: Dress::LongLink };
    let opened = opened::open_file(|file| bench::write(file, &bench).map(|_| ()));
    let time = |options: &[&str]| {
        let start = Instant::now();
        let text = opened.text(options);
        assert!(text.lines().count() > 10_000);
        start.elapsed()
    };
    // Others use the machine too: of two runs the better one.
    let better = |options: &[&str]| time(options).min(time(options));
    for lines in ["wechat,frames", "wechat,frames,json"] {
        let (lines, trees) = (better(&["-q", "-z", lines]), time(&["-T", "ek"]));
        assert!(trees > 2 * lines, "{lines:?}, {trees:?} for the trees");
    }
}

// ---- tables ----

/// The lines of the tree of counters: depth, name, then count, average, least and most.
fn tree_lines(text: &str) -> Vec<(usize, String, [String; 4])> {
    let heading = text.lines().find(|line| line.starts_with("Topic / Item")).expect("a heading");
    let columns =
        ["Count", "Average", "Min Val", "Max Val", "Rate"].map(|name| heading.find(name).expect(name));
    let body = text.lines().skip_while(|line| !line.starts_with("---")).skip(1);
    body.take_while(|line| !line.is_empty())
        .map(|line| {
            let name = line[..columns[0]].trim_end();
            let depth = name.len() - name.trim_start().len();
            let cell = |at: usize| line[columns[at]..columns[at + 1]].trim().to_owned();
            (depth, name.trim_start().to_owned(), [cell(0), cell(1), cell(2), cell(3)])
        })
        .collect()
}

/// The counts, by the names on the way from the top.
fn tree_counts(text: &str) -> BTreeMap<Vec<String>, u64> {
    let mut path: Vec<String> = Vec::new();
    let mut counts = BTreeMap::new();
    for (depth, name, [count, ..]) in tree_lines(text) {
        path.truncate(depth);
        path.push(name);
        counts.insert(path.clone(), count.parse().expect("a count"));
    }
    counts
}

fn path(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn the_tree_counts_what_the_packet_tree_shows() {
    for (name, capture) in captures() {
        let opened = open(&capture);
        let text = statistic(&opened, &[], "wechat,tree");
        let counts = tree_counts(&text);
        let frames = tree_frames(&opened, &["-2"]);
        let count = |wanted: &dyn Fn(&Map<String, Value>) -> bool| {
            frames.iter().filter(|(_, tree)| wanted(tree)).count() as u64
        };
        let has = |tree: &Map<String, Value>, field: &str| tree.contains_key(field);
        let is = |names: &[&str], expected: u64| {
            assert_eq!(counts.get(&path(names)), Some(&expected), "{name}: {names:?}");
        };
        // A section of which nothing was seen is not there.
        let is_or_absent = |names: &[&str], section: u64, expected: u64| match section {
            0 => assert!(!counts.contains_key(&path(&names[..1])), "{name}: {names:?}"),
            _ => is(names, expected),
        };
        is(&["Frames"], frames.len() as u64);
        let kinds = ["Direction unknown", "Requests", "Responses", "Pushes", "Push acknowledgements"];
        let kinds = kinds.into_iter().chain(["One-way", "Heartbeat requests", "Heartbeat responses"]);
        for (node, kind) in kinds.zip(Kind::ALL) {
            let frames = count(&|tree| field(tree, "wechat.kind") == Some(kind.label()));
            if frames == 0 && node == "Direction unknown" {
                assert!(!counts.contains_key(&path(&["Frames", node])), "{name}: {node}");
                continue;
            }
            is(&["Frames", node], frames);
            let below: u64 = counts
                .iter()
                .filter(|(path, _)| path.len() == 3 && path[..2] == ["Frames", node])
                .map(|(_, count)| count)
                .sum();
            assert_eq!(Some(&below), counts.get(&path(&["Frames", node])), "{name}: {node}");
        }
        let sends = count(&|tree| {
            field(tree, "wechat.kind") == Some("request") && number(tree, "wechat.op") == Some(237)
        });
        if sends > 0 {
            is(&["Frames", "Requests", "newsendmsg (237)"], sends);
        }
        let unanswered = count(&|tree| has(tree, "wechat.unanswered"));
        is(&["Requests that are to be answered", "Unanswered (wechat.unanswered with -2)"], unanswered);
        let unacknowledged = count(&|tree| has(tree, "wechat.push.unacknowledged"));
        let pushes = "Pushes by acknowledgement";
        let pushed = count(&|tree| field(tree, "wechat.kind") == Some("push"));
        is_or_absent(&[pushes], pushed, pushed);
        is_or_absent(&[pushes, "Acknowledgement wanted", "Not acknowledged"], pushed, unacknowledged);
        let again = |note: &'static str| {
            count(&|tree| {
                let mut notes = BTreeSet::new();
                notes_in(&Value::Object(tree.clone()), &mut notes);
                notes.contains(note)
            })
        };
        let (requests, responses) =
            (again("wechat.retry") + again("wechat.duplicate_request"), again("wechat.duplicate_response"));
        is_or_absent(&["Sent again", "Request again"], requests + responses, requests);
        is_or_absent(&["Sent again", "Response again"], requests + responses, responses);
        let intervals = count(&|tree| has(tree, "wechat.heartbeat.interval"));
        is_or_absent(&["Heartbeat interval (s)"], intervals, intervals);
        let bytes = |direction: u64| -> u64 {
            let sent = frames.iter().filter(|(_, tree)| number(tree, "wechat.direction") == Some(direction));
            sent.filter_map(|(_, tree)| match has(tree, "wechat.packet_len_short") {
                true => None,
                false => number(tree, "wechat.packet_len"),
            })
            .sum()
        };
        if name != "sample" {
            is(&["Bytes of frames", "client to server"], bytes(1));
            is(&["Bytes of frames", "server to client"], bytes(2));
        }
    }
}

#[test]
fn the_tree_is_the_same_in_one_pass_and_in_two() {
    for (name, capture) in captures() {
        let opened = open(&capture);
        let [one, two] = PASSES.map(|passes| tree_lines(&statistic(&opened, passes, "wechat,tree")));
        assert_eq!(one, two, "{name}");
    }
}

/// What people look for first stands first, and nothing stands there empty but what says something by it.
#[test]
fn trees_have_no_empty_sections() {
    for (name, tree, first, may_be_none) in [
        ("sample", "wechat", "Frames", "Requests that are to be answered"),
        ("exchanges", "wechat", "Frames", "Requests that are to be answered"),
        ("mmtls", "mmtls", "Sessions", "Encrypted records"),
        ("short-link", "wechat_short", "Calls", "Calls without a response"),
        ("web", "wechat_web", "Requests", "News that nothing fetched"),
    ] {
        let lines = tree_lines(&statistic(&samples::open(name, true), &[], &format!("{tree},tree")));
        assert_eq!(lines[0].1, first, "{name}");
        let sections: Vec<_> = lines.iter().filter(|(depth, ..)| *depth == 0).collect();
        assert!(sections.len() > 3, "{name}: {sections:?}");
        let empty = sections.iter().find(|(_, section, [count, ..])| section != may_be_none && count == "0");
        assert!(empty.is_none(), "{name}: {empty:?}");
    }
}

#[test]
fn averages_and_ranges_of_lengths_are_right() {
    let opened = open(&exchanges::capture(SEED));
    let lines = tree_lines(&statistic(&opened, &[], "wechat,tree"));
    let lengths: Vec<u64> = tree_frames(&opened, &[])
        .iter()
        .map(|(_, tree)| number(tree, "wechat.packet_len").expect("a length"))
        .collect();
    let row = |name: &str| lines.iter().find(|line| line.1 == name).expect("a row").2.clone();
    let average = lengths.iter().sum::<u64>() as f64 / lengths.len() as f64;
    let [count, shown, least, most] = row("Frame length (bytes)");
    assert_eq!(count, lengths.len().to_string());
    assert!((shown.parse::<f64>().expect("an average") - average).abs() < 0.01);
    let extreme = |value: Option<&u64>| value.expect("a frame").to_string();
    assert_eq!((least, most), (extreme(lengths.iter().min()), extreme(lengths.iter().max())));
    for (name, range) in [("16", 16u64..17), ("17-63", 17..64), ("64-255", 64..256), ("256-1023", 256..1024)]
    {
        let within = lengths.iter().filter(|length| range.contains(*length)).count();
        assert_eq!(row(name)[0], within.to_string(), "{name}");
    }
}

#[test]
fn a_filter_that_parts_exchanges_does_no_harm() {
    let opened = open(&exchanges::capture(SEED));
    let unanswered = |passes: &[&str], filter: &str| {
        let counts = tree_counts(&statistic(&opened, passes, &format!("wechat,tree,{filter}")));
        counts[&path(&["Requests that are to be answered", "Unanswered (wechat.unanswered with -2)"])]
    };
    // The first pass sees responses only, and the second knows that theirs is all there is.
    for passes in PASSES {
        assert_eq!(unanswered(passes, "wechat.response_time && !(wechat.kind == \"request\")"), 0);
    }
    let frames = tree_frames(&opened, &["-2"]);
    let missing = frames.iter().filter(|(_, tree)| tree.contains_key("wechat.unanswered")).count();
    assert_eq!(
        unanswered(&["-2"], "wechat.kind == \"request\" || wechat.kind == \"heartbeat request\""),
        missing as u64
    );
}

/// The rows of a table of response times: name, calls, then least, most and average in microseconds.
fn srt_rows(text: &str) -> BTreeMap<String, [i64; 4]> {
    let rows = text.lines().skip_while(|line| !line.starts_with("Index")).skip(1);
    rows.take_while(|line| !line.starts_with("==="))
        .map(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let (name, numbers) = cells[1..].split_at(cells.len() - 6);
            let time = |at: usize| nanoseconds(numbers[at]);
            let calls = numbers[0].parse().expect("a number");
            (name.join(" "), [calls, time(1), time(2), time(3)])
        })
        .collect()
}

#[test]
fn response_times_are_those_of_the_packet_tree() {
    for (name, capture) in captures() {
        let opened = open(&capture);
        let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (_, tree) in tree_frames(&opened, &[]) {
            let Some(time) = field(&tree, "wechat.response_time").map(nanoseconds) else { continue };
            let base = field(&tree, "wechat.op.base").expect("an operation");
            let row = match field(&tree, "wechat.op.name") {
                Some(name) => format!("{name} ({base})"),
                None => format!("operation {base}"),
            };
            expected.entry(row).or_default().push(time);
        }
        let micro = |time: i64| (time + 500) / 1000;
        let expected: BTreeMap<String, [i64; 4]> = expected
            .into_iter()
            .map(|(row, times)| {
                let [count, sum] = [times.len() as i64, times.iter().sum()];
                let extreme = |time: Option<&i64>| micro(*time.expect("a time"));
                (row, [count, extreme(times.iter().min()), extreme(times.iter().max()), micro(sum / count)])
            })
            .collect();
        for passes in PASSES {
            assert_eq!(srt_rows(&statistic(&opened, passes, "wechat,srt")), expected, "{name}");
        }
    }
}

#[test]
fn a_clock_that_was_set_back_spoils_no_times() {
    let ends = Endpoints::v4(40_700, 8080);
    let request = |seq| Pdu::new(op::NEW_SEND_MSG, seq, vec![7; 20]);
    let frames = [(5, request(1)), (2, request(1).response(Vec::new()))];
    let frames = frames.into_iter().chain([(8, request(2)), (9, request(2).response(Vec::new()))]);
    // A heartbeat, news of which the message comes before its notice, and a heartbeat before the first.
    let beat = Pdu::empty(op::NOOP, seq::NOOP);
    let (notice, sync) = (Pdu::empty(op::NOTIFY_OLD, seq::PUSH), Pdu::new(op::NEW_SYNC, 3, vec![7; 20]));
    let synced = sync.response(Vec::new());
    let frames = frames.chain([(30, beat.clone()), (31, notice), (32, sync), (21, synced), (22, beat)]);
    let mut next = [1u32; 2];
    let packets = frames.map(|(second, pdu)| {
        let direction = match pdu.op {
            op::NEW_SEND_MSG | op::NEW_SYNC | op::NOOP => Direction::ClientToServer,
            _ => Direction::ServerToClient,
        };
        let payload = pdu.encode();
        let sequence = next[direction as usize];
        next[direction as usize] += payload.len() as u32;
        Packet {
            time: Duration::from_secs(second),
            flow: 0,
            direction,
            identification: 1,
            sequence,
            acknowledgement: next[direction.reverse() as usize],
            control: Control::PshAck,
            offset: 0,
            payload,
        }
    });
    let opened = open_packets(packets, &ends);
    for passes in PASSES {
        let rows = srt_rows(&statistic(&opened, passes, "wechat,srt"));
        let second = 1_000_000;
        assert_eq!(rows, BTreeMap::from([("newsendmsg (237)".to_owned(), [1, second, second, second])]));
        let lines = frames_json(&opened, passes, "");
        let times: Vec<f64> = lines.iter().filter_map(|line| line["response_time"].as_f64()).collect();
        assert_eq!(times, [-3.0, 1.0, -11.0]);
        let tree = tree_counts(&statistic(&opened, passes, "wechat,tree"));
        assert!(tree.len() > 5 && !tree.contains_key(&path(&["Heartbeat interval (s)"])), "{tree:?}");
        let sync = sync_rows(&statistic(&opened, passes, "wechat,sync"));
        assert_eq!(sync["Notice and sync"], [1.0], "how many, and no times");
    }
}

/// Packets of which the headers were captured, each with a frame of a mebibyte.
fn mebibytes(count: u32) -> Opened {
    const MEBIBYTE: u32 = 1 << 20;
    opened::open_file(|mut file| {
        for word in [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 1 << 18, 1] {
            file.write_all(&u32::to_le_bytes(word))?;
        }
        for number in 0..count {
            let mut packet = [0; 70];
            packet[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6]);
            packet[26..34].copy_from_slice(&[192, 168, 1, 23, 203, 0, 113, 80]);
            packet[34..38].copy_from_slice(&[0x9c, 0x40, 8080u16.to_be_bytes()[0], 8080u16.to_be_bytes()[1]]);
            packet[38..42].copy_from_slice(&(1 + number * MEBIBYTE).to_be_bytes());
            packet[46..50].copy_from_slice(&[0x50, 0x18, 0xff, 0xff]);
            let header = Pdu::new(op::NEW_SEND_MSG, number + 1, Vec::new()).encode();
            packet[54..].copy_from_slice(&header);
            packet[54..58].copy_from_slice(&MEBIBYTE.to_be_bytes());
            for word in [number, 0, packet.len() as u32, 54 + MEBIBYTE] {
                file.write_all(&u32::to_le_bytes(word))?;
            }
            file.write_all(&packet)?;
        }
        file.flush()
    })
}

#[test]
fn a_counter_that_is_full_stays_full() {
    let opened = mebibytes(2100);
    for passes in PASSES {
        let counts = tree_counts(&statistic(&opened, passes, "wechat,tree"));
        assert_eq!(counts[&path(&["Frames"])], 2100);
        assert_eq!(counts[&path(&["Bytes of frames", "client to server"])], i32::MAX as u64);
    }
}

#[test]
fn a_filter_chooses_what_a_table_counts() {
    let opened = open(&exchanges::capture(SEED));
    let all = srt_rows(&statistic(&opened, &[], "wechat,srt"));
    let some = srt_rows(&statistic(&opened, &[], "wechat,srt,wechat.op.base == 237"));
    assert!(all.len() > 3);
    assert_eq!(
        some.into_iter().collect::<Vec<_>>(),
        [("newsendmsg (237)".to_owned(), all["newsendmsg (237)"])]
    );
    let streams = opened.values("wechat", &["wechat.stream"]);
    let streams: BTreeSet<&str> = streams.iter().flat_map(|line| line.split(',')).collect();
    let frames = |words: &str| tree_counts(&statistic(&opened, &[], words))[&path(&["Frames"])];
    let parts = streams.iter().map(|stream| frames(&format!("wechat,tree,wechat.stream == {stream}")));
    assert!(streams.len() > 3);
    assert_eq!(parts.sum::<u64>(), frames("wechat,tree"));
}

/// The rows of the table of delivery.
fn sync_rows(text: &str) -> BTreeMap<String, Vec<f64>> {
    let rows = text.lines().filter(|line| line.ends_with('|')).skip(1);
    rows.map(|line| {
        let mut cells = line.split('|').map(str::trim);
        let name = cells.next().expect("a name").to_owned();
        (name, cells.filter_map(|cell| cell.parse().ok()).collect())
    })
    .collect()
}

#[test]
fn both_ways_of_delivery_are_counted_with_their_delays() {
    for (name, capture) in captures() {
        let opened = open(&capture);
        let frames = tree_frames(&opened, &[]);
        let summary = |times: &[i64]| {
            let seconds = |time: i64| time as f64 / 1e9;
            let mut row = vec![times.len() as f64];
            if let (Some(least), Some(most)) = (times.iter().min(), times.iter().max()) {
                let average = seconds(times.iter().sum()) / times.len() as f64;
                row.extend([seconds(*least), average, seconds(*most)]);
            }
            row
        };
        let by = |way: &'static str| {
            frames.iter().filter(move |(_, tree)| field(tree, "wechat.delivery") == Some(way))
        };
        let times = |name: &'static str| {
            let all = frames.iter().filter_map(|(_, tree)| field(tree, name).map(nanoseconds));
            all.collect::<Vec<_>>()
        };
        let back = frames.iter().filter(|(_, tree)| {
            let mut notes = BTreeSet::new();
            notes_in(&Value::Object(tree.clone()), &mut notes);
            notes.contains("wechat.synckey.went_back")
        });
        let expected = BTreeMap::from([
            // A push is the message itself.
            ("Push".to_owned(), vec![by("push").count() as f64]),
            ("Notice and sync".to_owned(), summary(&times("wechat.sync.time"))),
            ("News after a send (inference)".to_owned(), summary(&times("wechat.news.time"))),
            ("SyncKey that went back".to_owned(), vec![back.count() as f64]),
        ]);
        assert_eq!(by("notice and sync").count(), times("wechat.sync.time").len());
        for passes in PASSES {
            let rows = sync_rows(&statistic(&opened, passes, "wechat,sync"));
            assert_eq!(rows.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            for (row, numbers) in rows {
                let expected = &expected[&row];
                assert_eq!(numbers.len(), expected.len(), "{name}: {row}");
                let close = numbers.iter().zip(expected).all(|(shown, value)| (shown - value).abs() < 1e-6);
                assert!(close, "{name}: {row}: {numbers:?}, {expected:?}");
            }
        }
    }
}

#[test]
fn a_capture_without_wechat_has_empty_tables() {
    let opened = open(&case::find("foreign").expect("a case").capture(SEED));
    assert!(srt_rows(&statistic(&opened, &[], "wechat,srt")).is_empty());
    let counts = tree_counts(&statistic(&opened, &[], "wechat,tree"));
    assert!(counts.is_empty(), "{counts:?}");
    let rows = sync_rows(&statistic(&opened, &[], "wechat,sync"));
    assert!(rows.len() == 4 && rows.values().all(|row| row[..] == [0.0]), "{rows:?}");
    assert_eq!(statistic(&opened, &[], "wechat,frames,json"), "");
    assert_eq!(statistic(&opened, &[], "wechat,frames").lines().count(), 1);
    assert_eq!(statistic(&opened, &[], "flow,wechat,standard"), "");
}

#[test]
fn unknown_operations_do_not_fill_a_table() {
    const OPERATIONS: u32 = 10_000;
    let mut script = Script::starting_at(Duration::ZERO);
    for first in (0..OPERATIONS).step_by(50) {
        let requests: Vec<Pdu> =
            (first..first + 50).map(|number| Pdu::new(20_000 + number, number + 1, vec![7; 8])).collect();
        let answers: Vec<Pdu> = requests.iter().map(|request| request.response(vec![8; 8])).collect();
        script.wait(10).client(&requests).wait(10).server(&answers);
    }
    let opened = open(&one_flow(&script));
    for passes in PASSES {
        let rows = srt_rows(&statistic(&opened, passes, "wechat,srt"));
        assert_eq!(rows.len(), 65);
        assert_eq!(rows["operation 20000"][0], 1);
        assert_eq!(rows["other operations"][0], i64::from(OPERATIONS - 64));
        let counts = tree_counts(&statistic(&opened, passes, "wechat,tree"));
        assert!(counts.len() < ROW_COUNT as usize);
        assert_eq!(counts[&path(&["Frames", "Requests"])], u64::from(OPERATIONS));
        assert_eq!(counts[&path(&["Frames", "Requests", "other operations"])], u64::from(OPERATIONS - 64));
        assert_eq!(
            counts[&path(&["Requests that are to be answered", "Unanswered (wechat.unanswered with -2)"])],
            0
        );
    }
    // Beyond the rows, each frame still has its own name and number.
    let frames = frames_json(&opened, &[], ",wechat.op == 29999");
    assert!(frames.iter().any(|frame| frame["operation"] == 29_999), "{frames:?}");
}

#[test]
fn the_users_own_operations_have_their_names() {
    let mut script = Script::starting_at(Duration::ZERO);
    let request = Pdu::new(4711, 1, vec![7; 8]);
    script.client([&request]).wait(20).server([&request.response(vec![8; 8])]);
    let opened = open(&one_flow(&script)).with(&["-o", r#"uat:wechat_operations:"4711","my \"own\"","""#]);
    assert!(!opened.with(&["-q", "-z", "wechat,frames"]).run().status.success(), "a quote is refused");
    let opened = open(&one_flow(&script)).with(&["-o", r#"uat:wechat_operations:"4711","größer","""#]);
    assert_eq!(srt_rows(&statistic(&opened, &[], "wechat,srt"))["größer (4711)"][0], 1);
    assert_eq!(frames_json(&opened, &[], "")[1]["name"], "größer");
}

// ---- follow, flow graph, Lua ----

#[test]
fn follow_has_a_line_for_each_frame_of_both_sides() {
    let capture = sample::capture(SEED);
    let opened = open(&capture);
    let rows: Vec<_> = tree_frames(&opened, &[]);
    let expected = rows.iter().filter(|(_, tree)| number(tree, "wechat.stream") == Some(0)).count();
    let text = statistic(&opened, &[], "follow,wechat,ascii,0");
    assert!(
        text.contains("Filter: wechat.stream == 0\nNode 0: 192.168.1.23:40123\nNode 1: 203.0.113.80:8080\n")
    );
    // A line with the length, which is indented for the server, packet, time and words, and an empty line.
    let body: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Node 1")).skip(1).collect();
    let frames: Vec<&[&str]> = body[..body.len() - 1].chunks(3).collect();
    assert_eq!(frames.len(), expected);
    assert_eq!(frames[0], ["43", "4  0.050000  Identify request seq=identify", ""]);
    assert_eq!(frames[1], ["\t53", "6  0.095000  Identify response seq=identify -> 45 ms", ""]);
    let infos: Vec<String> = opened
        .values("wechat.stream == 0", &["frame.number", "frame.time_relative", "_ws.col.Info"])
        .iter()
        .flat_map(|line| {
            let [packet, time, info] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            // 3.4 leaves TCP's words behind ours.
            // Followed text is ASCII.
            let info = info.replace(" [TCP segment of a reassembled PDU]", "").replace('→', "->");
            let frames = info.split(" | ").filter(|info| !info.starts_with('['));
            let time = &time[..time.len() - 3];
            frames.map(|info| format!("{packet}  {time}  {info}")).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(frames.iter().map(|frame| frame[1]).collect::<Vec<_>>(), infos);
    let ends = statistic(&opened, &[], "follow,wechat,ascii,192.168.1.23:40123,203.0.113.80:8080");
    assert_eq!(ends.lines().skip(4).collect::<Vec<_>>(), text.lines().skip(4).collect::<Vec<_>>());
}

#[test]
fn the_flow_graph_names_operations() {
    let opened = open(&sample::capture(SEED));
    for way in ["standard", "network"] {
        let text = statistic(&opened, &[], &format!("flow,wechat,{way}"));
        let arrows = text.lines().filter(|line| line.contains("--->") || line.contains("<---")).count();
        assert_eq!(arrows, tree_frames(&opened, &[]).len());
        assert!(text.contains("newsendmsg (237)") && text.contains("Send message request seq=2"), "{text}");
    }
}

#[test]
fn the_lua_example_prints_percentiles() {
    for capture in [sample::capture(SEED), exchanges::capture(SEED)] {
        let opened = open(&capture);
        let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (_, tree) in tree_frames(&opened, &[]) {
            let Some(time) = field(&tree, "wechat.response_time") else { continue };
            let name = match field(&tree, "wechat.op.name") {
                Some(name) => name.to_owned(),
                None => format!("operation {}", field(&tree, "wechat.op.base").expect("an operation")),
            };
            times.entry(name).or_default().push(nanoseconds(time));
        }
        let expected: Vec<Vec<String>> = times
            .into_iter()
            .map(|(name, mut times)| {
                times.sort_unstable();
                let at = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
                let numbers =
                    [at(50), at(90), at(99), at(100)].map(|time| format!("{:.6}", time as f64 / 1e9));
                [vec![name, times.len().to_string()], numbers.to_vec()].concat()
            })
            .collect();
        let text = opened.with_lua(&example("percentiles.lua")).text(&["-q"]);
        let shown: Vec<Vec<String>> = text
            .lines()
            .skip(1)
            .map(|line| {
                let (name, numbers) = line.split_at(30);
                let numbers = numbers.split_whitespace().map(str::to_owned);
                std::iter::once(name.trim_end().to_owned()).chain(numbers).collect()
            })
            .collect();
        assert!(expected.len() > 3);
        assert_eq!(shown, expected);
    }
}

/// What `tshark -z help` lists.
#[test]
fn every_statistic_is_listed() {
    let help = opened::Wireshark::shared().run(&["-z", "help"]);
    let listed: BTreeSet<&str> = help.stderr.lines().chain(help.stdout.lines()).map(str::trim).collect();
    for name in [
        "wechat,srt",
        "wechat,tree",
        "wechat,sync",
        "wechat,frames",
        "follow,wechat",
        "flow,wechat",
        "wechat_web,tree",
    ] {
        assert!(listed.contains(name), "{name} in {listed:?}");
    }
}

/// Nothing is printed for a segmentation that tears frames apart but what they are.
#[test]
fn frames_in_pieces_are_counted_once() {
    let mut script = Script::starting_at(Duration::ZERO);
    let request = Pdu::new(op::NEW_SEND_MSG, 1, vec![7; 300]);
    script.client([&request]).wait(20).server([&request.response(vec![8; 300])]);
    for write in &mut script.writes {
        write.segmentation = Segmentation::Sizes(vec![10; 40]);
    }
    let opened = open(&one_flow(&script));
    for passes in PASSES {
        assert_eq!(tree_counts(&statistic(&opened, passes, "wechat,tree"))[&path(&["Frames"])], 2);
    }
}

// ---- the web client ----

#[test]
fn the_web_clients_tree_counts_what_was_said() {
    for (name, way) in
        [("article", PLAIN), ("session", PLAIN), ("session-mixed", TLS13), ("two-sessions", PLAIN)]
    {
        let shown = show(name, way);
        let [one, two] =
            PASSES.map(|passes| tree_lines(&statistic(&shown.opened, passes, "wechat_web,tree")));
        assert_eq!(one, two, "{name}");
        let counts = tree_counts(&statistic(&shown.opened, &[], "wechat_web,tree"));
        let is = |names: &[&str], expected: usize| {
            let count = counts.get(&path(names)).copied().unwrap_or_default();
            assert_eq!(count, expected as u64, "{name}: {names:?}");
        };
        let rows: Vec<_> = shown.ours().collect();
        let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).count();
        let sum = |of: &dyn Fn(&Row) -> usize| rows.iter().map(|row| of(row)).sum::<usize>();

        is(&["Requests"], rows.len());
        for call in rows.iter().map(|row| &*row.facts.call).collect::<BTreeSet<_>>() {
            is(&["Requests", call], count(&|row| row.facts.call == call));
        }
        let poll = |row: &Row, retcode: u32, selector: u32| {
            (row.facts.retcode, row.facts.selector) == (Some(retcode), Some(selector))
        };
        let news = |row: &Row| row.facts.retcode == Some(0) && !poll(row, 0, 0);
        is(&["Answers of polls"], count(&|row| row.facts.call == "synccheck"));
        is(&["Answers of polls", "Nothing new"], count(&|row| poll(row, 0, 0)));
        is(&["Answers of polls", "Something new"], count(&news));
        let messages = ["Answers of polls", "Something new", "selector 2: messages"];
        is(&messages, count(&|row| poll(row, 0, 2)));
        is(
            &["Answers of polls", "Session over"],
            count(&|row| row.facts.retcode.is_some_and(|code| code != 0)),
        );
        is(&["Answers of polls", "Session over", "retcode 1101"], count(&|row| poll(row, 1101, 0)));
        is(&["News that nothing fetched"], count(&|row| news(row) && row.facts.fetch.is_none()));
        is(&["From poll to fetch (ms)"], count(&|row| row.facts.poll.is_some()));

        // How long polls were held, by whole seconds.
        is(&["Poll held for (s)"], count(&|row| row.facts.call == "synccheck"));
        for (range, seconds) in
            [("1-4", 1..5), ("5-9", 5..10), ("20-24", 20..25), ("25-27", 25..28), ("35-", 35..999)]
        {
            let held =
                |row: &Row| row.facts.call == "synccheck" && seconds.contains(&(row.time_us / 1_000_000));
            is(&["Poll held for (s)", range], count(&held));
        }

        let sync = |row: &Row| row.facts.call == "webwxsync";
        is(&["Answers of syncs"], count(&sync));
        is(&["Answers of syncs", "With messages"], count(&|row| sync(row) && !row.facts.messages.is_empty()));
        is(
            &["Answers of syncs", "Without a message"],
            count(&|row| sync(row) && row.facts.messages.is_empty()),
        );
        is(&["Messages"], sum(&|row| row.facts.messages.len()));
        let by_type = counts.iter().filter(|(path, _)| path.len() == 2 && path[0] == "Messages");
        assert_eq!(
            by_type.map(|(_, count)| *count as usize).sum::<usize>(),
            sum(&|row| row.facts.messages.len())
        );
        is(&["Messages that came before"], sum(&|row| row.facts.again.len()));
        is(&["Messages sent"], count(&|row| row.facts.sent.is_some()));
        is(&["Sent messages that came back"], count(&|row| row.facts.returned_by.is_some()));
        let keys = |row: &Row| {
            let keys = [&row.facts.asked_key, &row.facts.synckey, &row.facts.synccheckkey];
            keys.iter().filter(|keys| !keys.is_empty()).count()
        };
        is(&["SyncKeys"], sum(&keys));
        let parts = ["First of its sort", "Grew", "Stayed", "Went back"]
            .map(|part| counts.get(&path(&["SyncKeys", part])).copied().unwrap_or_default());
        assert_eq!(parts.iter().sum::<u64>() as usize, sum(&keys), "{name}");
        // A key goes back in the session's last sync and its SyncCheckKey.
        assert_eq!(parts[3] > 0, name.starts_with("session"), "{name}: {parts:?}");
    }
}

#[test]
fn a_filter_chooses_what_the_web_clients_tree_counts() {
    let shown = show("two-sessions", PLAIN);
    let requests = |words: &str| tree_counts(&statistic(&shown.opened, &["-2"], words))[&path(&["Requests"])];
    let all = requests("wechat_web,tree");
    let each =
        ["0", "1"].map(|session| requests(&format!("wechat_web,tree,wechat_web.session == {session}")));
    assert!(each[0] > 0 && each[1] > 0 && each[0] + each[1] == all, "{each:?} of {all}");
}

// ---- sessions of MMTLS ----

fn sessions_json(opened: &Opened, passes: &[&str], filter: &str) -> Vec<Map<String, Value>> {
    let text = statistic(opened, passes, &format!("mmtls,sessions,json{filter}"));
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

/// Microseconds of seconds in a line.
fn microseconds(value: &Value) -> Option<i64> {
    value.as_f64().map(|seconds| (seconds * 1e6).round() as i64)
}

/// Where sessions are opened, closed, refused, sent again, side by side on a connection, and of which only a half is there.
const MMTLS_CASES: [&str; 14] = [
    "full",
    "resumed-f103",
    "alerts",
    "refused",
    "refused-call",
    "replay",
    "pipelined",
    "keep-alive",
    "phone",
    "two-phones",
    "clocks",
    "ipv6",
    "given-up",
    "connect",
];

#[test]
fn the_lines_of_sessions_are_the_sessions_that_were() {
    for name in MMTLS_CASES {
        let made = mmtls::make(name);
        let truth = made.truth(&[made.log("records").expect("a key log")]).expect("the truth");
        let rows: Vec<_> = truth
            .iter()
            .filter_map(|row| if let TruthRow::Session(row) = row { Some(row) } else { None })
            .collect();
        let records: Vec<_> = truth
            .iter()
            .filter_map(|row| if let TruthRow::Record(row) = row { Some(row) } else { None })
            .collect();
        let times: Vec<i64> =
            made.capture.packets().iter().map(|packet| packet.time.as_micros() as i64).collect();
        for log in [None, Some("records")] {
            let opened = mmtls::open_made(&made, log).with(&["-o", "wechat.show_account:TRUE"]);
            let lines = sessions_json(&opened, &[], "");
            assert_eq!(lines, sessions_json(&opened, &["-2"], ""), "{name}: two passes say something else");
            assert_eq!(lines.len(), rows.len(), "{name}");
            for (line, row) in lines.iter().zip(&rows) {
                let is = |column: &str, value: Value| {
                    assert_eq!(line[column], value, "{name}: {column} in {line:?}")
                };
                is("session", row.session.into());
                is("first_frame", row.first_packet.into());
                is("last_frame", row.last_packet.into());
                is("stream", row.stream.into());
                is("carrier", row.carrier.clone().into());
                let end = |end: &str| -> String {
                    let (address, port) =
                        (line[end].as_str().expect("an address"), &line[&format!("{end}_port")]);
                    if address.contains(':') {
                        format!("[{address}]:{port}")
                    } else {
                        format!("{address}:{port}")
                    }
                };
                assert_eq!(
                    (end("client"), end("server")),
                    (row.client.clone(), row.server.clone()),
                    "{name}"
                );
                is("flow", serde_json::to_value(row.flow).expect("a word"));
                let version = serde_json::to_value(row.version).expect("a word");
                is(
                    "version",
                    u64::from_str_radix(version.as_str().expect("a text"), 16).expect("digits").into(),
                );
                is("ticket", row.ticket.as_ref().map(|ticket| ticket.id.clone()).into());
                is("ticket_uses", row.ticket.as_ref().map(|ticket| ticket.uses).into());
                is("records", row.records.into());
                is("bytes", row.bytes.into());
                assert_eq!(microseconds(&line["clock_offset"]), row.clock_offset_us, "{name}: {line:?}");
                let time = |packet: Option<usize>| times[packet.expect("a packet") - 1];
                let duration = time(row.last_packet) - time(row.first_packet);
                assert_eq!(microseconds(&line["duration"]), Some(duration), "{name}: {line:?}");
                let of = |wanted: &dyn Fn(&RecordRow) -> bool| {
                    records
                        .iter()
                        .filter(|one| one.session == row.session && wanted(one))
                        .map(|one| one.plain_len)
                        .collect::<Vec<_>>()
                };
                let sealed = |one: &RecordRow| one.epoch.is_some() && one.packet.is_some();
                let opens = |one: &RecordRow| log.is_some() && sealed(one);
                is("opened", of(&opens).len().into());
                is("closed", of(&|one| sealed(one) && !opens(one)).len().into());
                is("plain_bytes", of(&opens).iter().sum::<usize>().into());
            }
        }
    }
}

#[test]
fn a_filter_chooses_records_of_sessions_and_columns_say_what_objects_say() {
    let opened = mmtls::open("phone", Some("records"));
    let all = sessions_json(&opened, &[], "");
    let some = sessions_json(&opened, &[], ",mmtls.flow == \"0-RTT\"");
    let expected: Vec<_> = all.iter().filter(|line| line["flow"] == "0-RTT").collect();
    assert_eq!(some.len(), expected.len());
    // The ticket is the long link's too, of which there is no line.
    assert!(some.iter().all(|line| line["ticket_uses"] == expected.len()), "{some:?}");
    let text = statistic(&opened, &["-2"], "mmtls,sessions");
    let names: Vec<&str> = text.lines().next().expect("headings").split('\t').collect();
    assert_eq!(
        names[..18],
        [
            "session",
            "first_frame",
            "last_frame",
            "stream",
            "carrier",
            "client",
            "client_port",
            "server",
            "server_port",
            "flow",
            "version",
            "ticket",
            "ticket_uses",
            "records",
            "opened",
            "bytes",
            "clock_offset",
            "duration",
        ]
    );
    assert_eq!(text.lines().count(), all.len() + 1);
    for (line, object) in text.lines().skip(1).zip(&all) {
        for (name, cell) in names.iter().zip(line.split('\t')) {
            match &object[*name] {
                Value::Null => assert_eq!(cell, ""),
                // Equal tickets have equal words in a run, and others in the next.
                Value::String(_) if *name == "ticket" => assert!(cell.starts_with('#'), "{cell}"),
                Value::String(text) => assert_eq!(cell, text),
                number => assert_eq!(cell.parse().ok(), number.as_f64(), "{name}: {cell}, {number}"),
            }
        }
    }
}

#[test]
fn the_tree_of_mmtls_counts_what_the_lines_and_the_packet_tree_say() {
    for (name, log) in [
        ("phone", None),
        ("phone", Some("every-second")),
        ("refused", Some("wrong-keys")),
        ("two-phones", Some("secrets")),
    ] {
        let opened = mmtls::open(name, log);
        let lines = sessions_json(&opened, &[], "");
        let sum =
            |column: &str| lines.iter().map(|line| line[column].as_u64().expect("a number")).sum::<u64>();
        let fields = ["mmtls.type", "mmtls.why_closed", "mmtls.key_source"];
        let shown = opened
            .with(&["-2"])
            .text(&["-Y", "mmtls", "-T", "fields", "-e", fields[0], "-e", fields[1], "-e", fields[2]]);
        for passes in PASSES {
            let counts = tree_counts(&statistic(&opened, passes, "mmtls,tree"));
            let count = |names: &[&str]| counts.get(&path(names)).copied().unwrap_or_default();
            assert_eq!(count(&["Sessions"]), lines.len() as u64, "{name}");
            for flow in ["full", "resumed", "0-RTT", "refused", "unknown"] {
                let expected = lines.iter().filter(|line| line["flow"] == flow).count() as u64;
                assert_eq!(count(&["Sessions", flow]), expected, "{name}: {flow}");
            }
            assert_eq!(count(&["Records"]), sum("records"), "{name}");
            assert_eq!(count(&["Encrypted records"]), sum("opened") + sum("closed"), "{name}");
            assert_eq!(count(&["Encrypted records", "Opened"]), sum("opened"), "{name}");
            assert_eq!(count(&["Bytes of records"]), sum("bytes"), "{name}");
            assert_eq!(count(&["Bytes opened"]), sum("plain_bytes"), "{name}");
            let cells = |column: usize| {
                let of = move |line: &'_ str| line.split('\t').nth(column).unwrap_or_default().to_owned();
                shown.lines().map(of).collect::<Vec<String>>()
            };
            let times = |column: usize, value: &str| {
                cells(column).iter().flat_map(|cell| cell.split(',')).filter(|one| *one == value).count()
                    as u64
            };
            for (node, kind) in
                [("Alert", "21"), ("Handshake", "22"), ("Data", "23"), ("Handshake with early data", "25")]
            {
                assert_eq!(count(&["Records", node]), times(0, kind), "{name}: {node}");
            }
            for why in ["no key log", "no line", "key came later", "tag", "cut", "sequence unknown"] {
                assert_eq!(count(&["Encrypted records", "Closed", why]), times(1, why), "{name}: {why}");
            }
            for source in ["line", "same direction", "secret", "comment"] {
                assert_eq!(
                    count(&["Encrypted records", "Opened", source]),
                    times(2, source),
                    "{name}: {source}"
                );
            }
        }
    }
}

/// What a side of a session said inside of it, in hex.
fn said(made: &Made, session: usize, direction: Direction) -> String {
    const DATA: u8 = 0x17;
    let records = made.story.sessions[session].records.iter();
    let data = records.filter(|record| record.kind == DATA && record.direction == direction);
    data.flat_map(|record| &record.plain).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_followed_session_is_what_its_sides_said() {
    let made = mmtls::make("phone");
    let opened = mmtls::open_made(&made, Some("records"));
    let mut bytes = 0;
    for (session, line) in sessions_json(&opened, &[], "").iter().enumerate() {
        let text = statistic(&opened, &[], &format!("follow,mmtls,raw,{session}"));
        assert!(text.contains(&format!("Filter: mmtls.session == {session}")), "{text}");
        // The server's lines are behind a tab.
        let both = text.lines().filter(|line| line.trim().bytes().all(|byte| byte.is_ascii_hexdigit()));
        let (server, client): (Vec<&str>, Vec<&str>) = both.partition(|line| line.starts_with('\t'));
        let client = client.concat();
        assert_eq!(client, said(&made, session, Direction::ClientToServer), "{session}");
        assert_eq!(
            server.concat().replace('\t', ""),
            said(&made, session, Direction::ServerToClient),
            "{session}"
        );
        let ends =
            format!("Node 0: {}:{}", line["client"].as_str().expect("an address"), line["client_port"]);
        assert!(client.is_empty() || text.contains(&ends), "{text}");
        bytes += client.len();
    }
    assert!(bytes > 10_000, "{bytes}");
    // Without a key nothing was said.
    let closed = statistic(&mmtls::open_made(&made, None), &[], "follow,mmtls,raw,2");
    assert!(
        !closed.lines().any(|line| line.len() > 20 && line.bytes().all(|byte| byte.is_ascii_hexdigit())),
        "{closed}"
    );
}

#[test]
fn the_flow_graph_of_mmtls_has_the_words_of_records() {
    let text = statistic(&mmtls::open("refused", None), &[], "flow,mmtls,standard");
    assert!(text.contains("Handshake") && text.contains("Alert, ticket refused"), "{text}");
}

// ---- the pages ----

fn page(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

#[test]
fn the_readmes_filters_find_what_it_says() {
    let readme = page("README.md");
    let (_, rest) = readme.split_once("<!-- finds -->").expect("the table's begin");
    let (table, _) = rest.split_once("<!-- end finds -->").expect("the table's end");
    let captures = [open(&sample::capture(SEED)), open(&exchanges::capture(SEED))];
    let mut found = 0;
    let mut made = String::new();
    for row in table.split_inclusive('\n') {
        let parts = row.split_once('`').and_then(|(before, rest)| Some((before, rest.split_once('`')?)));
        let Some((before, (filter, rest))) = parts else {
            made.push_str(row);
            continue;
        };
        assert!(before.starts_with("| "), "{row}");
        let _ = write!(made, "{before}`{filter}` |");
        for (cell, opened) in rest.split('|').skip(1).map(str::trim).zip(&captures) {
            // Where a filter finds very many the page lists none.
            let listed = if cell.is_empty() { Vec::new() } else { opened.with(&["-2"]).packets(filter) };
            let packets = listed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let _ = write!(made, " {packets}{}|", if packets.is_empty() { "" } else { " " });
            found += usize::from(!cell.is_empty());
        }
        made.push('\n');
    }
    assert!(found > 10, "{found}");
    same_or_blessed("README.md", table, &made);
}

/// Compares a part of a page with what tshark shows, or writes it.
#[track_caller]
fn same_or_blessed(name: &str, part: &str, made: &str) {
    if std::env::var_os("WECHAT_BLESS").is_some() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        std::fs::write(file, page(name).replacen(part, made, 1)).expect("writes the page");
        return;
    }
    assert!(part == made, "{name} is out of date: run `cargo xtask bless`\n{made}");
}

#[test]
fn the_pages_response_times_are_real() {
    let page = page("docs/statistics.md");
    let (_, rest) = page.split_once("<!-- srt -->\n```\n").expect("the table's begin");
    let (table, _) = rest.split_once("```").expect("the table's end");
    let text = statistic(&open(&sample::capture(SEED)), &[], "wechat,srt");
    let (_, rows) = text.split_once("Index ").expect("the headings");
    let (rows, _) = rows.split_once("=====").expect("the end");
    same_or_blessed("docs/statistics.md", table, &format!("Index {rows}"));
}
