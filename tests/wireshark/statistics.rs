// SPDX-License-Identifier: GPL-2.0-or-later
//! Statistics and navigation in a real tshark: each number is compared with what the generator sent, or
//! with what the packet tree says of the same capture.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::opened;
use crate::support::opened::{
    Frame, Opened, assert_frames, example, open, open_packets, whole, with_whole_header,
};
use crate::support::plugin::plugin;
use crate::support::webcalls::{PLAIN, TLS13, show};
use serde_json::{Map, Value};
use wechat_dissector::long_link::record::ROW_COUNT;
use wechat_dissector::protocols::PROTOCOLS;
use wechat_dissector::wechat::operation::Kind;
use wechat_traffic::bench::{self, Bench, Dress};
use wechat_traffic::capture::Capture;
use wechat_traffic::flow::Segmentation;
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
    for (name, capture) in captures() {
        let opened = open(&capture);
        for passes in PASSES {
            let lines = frames_json(&opened, passes, "");
            let trees = tree_frames(&opened, passes);
            assert!(lines.len() > 3 && lines.len() == trees.len(), "{name}: {} lines", lines.len());
            for (line, (packet, tree)) in lines.iter().zip(&trees) {
                assert_line(line, *packet, tree);
            }
        }
    }
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
                other => panic!("{heading} is {other}"),
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

/// The README says so: a third of the time of the whole tree in JSON at most. How much less is the machine's matter, and
/// that of who else uses it.
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
        assert!(trees > 3 * lines, "{lines:?}, {trees:?} for the trees");
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
        is(&["Frames"], frames.len() as u64);
        let kinds = ["Direction unknown", "Requests", "Responses", "Pushes", "Push acknowledgements"];
        let kinds = kinds.into_iter().chain(["One-way", "Heartbeat requests", "Heartbeat responses"]);
        for (node, kind) in kinds.zip(Kind::ALL) {
            is(&["Frames", node], count(&|tree| field(tree, "wechat.kind") == Some(kind.label())));
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
        is(&["Requests that are to be answered", "Unanswered"], unanswered);
        let unacknowledged = count(&|tree| has(tree, "wechat.push.unacknowledged"));
        let pushes = "Pushes by acknowledgement";
        is(&[pushes, "Acknowledgement wanted", "Not acknowledged"], unacknowledged);
        is(&[pushes], count(&|tree| field(tree, "wechat.kind") == Some("push")));
        let again = |note: &'static str| {
            count(&|tree| {
                let mut notes = BTreeSet::new();
                notes_in(&Value::Object(tree.clone()), &mut notes);
                notes.contains(note)
            })
        };
        is(&["Sent again", "Request again"], again("wechat.retry") + again("wechat.duplicate_request"));
        is(&["Sent again", "Response again"], again("wechat.duplicate_response"));
        is(&["Heartbeat interval (s)"], count(&|tree| has(tree, "wechat.heartbeat.interval")));
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
        counts[&path(&["Requests that are to be answered", "Unanswered"])]
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
        assert_eq!(tree[&path(&["Heartbeat interval (s)"])], 0);
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
            ("Push".to_owned(), summary(&by("push").map(|_| 0).collect::<Vec<_>>())),
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
    assert!(counts.len() > 20 && counts.values().all(|count| *count == 0), "{counts:?}");
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
        assert_eq!(counts[&path(&["Requests that are to be answered", "Unanswered"])], 0);
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
    // A line with the length, which is indented for the server, the words, and an empty line.
    let body: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Node 1")).skip(1).collect();
    let frames: Vec<&[&str]> = body[..body.len() - 1].chunks(3).collect();
    assert_eq!(frames.len(), expected);
    assert_eq!(frames[0], ["30", "Identify request seq=identify", ""]);
    assert_eq!(frames[1], ["\t31", "Identify response seq=identify", ""]);
    let infos: Vec<String> = opened
        .values("wechat.stream == 0", &["_ws.col.Info"])
        .iter()
        .flat_map(|line| line.split(" | ").map(str::to_owned).collect::<Vec<_>>())
        // 3.4 leaves TCP's words behind ours.
        .map(|info| info.replace(" [TCP segment of a reassembled PDU]", ""))
        .filter(|info| !info.starts_with('['))
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
    for row in table.lines().filter(|line| line.contains('`')) {
        let (before, rest) = row.split_once('`').expect("a filter");
        let (filter, rest) = rest.split_once('`').expect("a filter");
        assert!(before.starts_with("| "), "{row}");
        let cells = rest.split('|').skip(1).map(str::trim);
        for (cell, opened) in cells.zip(&captures).filter(|(cell, _)| !cell.is_empty()) {
            let packets = opened.with(&["-2"]).packets(filter);
            let packets: Vec<String> = packets.iter().map(ToString::to_string).collect();
            assert_eq!(packets.join(", "), cell, "{filter}");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn the_pages_response_times_are_real() {
    let page = page("docs/statistics.md");
    let (_, rest) = page.split_once("<!-- srt -->\n```\n").expect("the table's begin");
    let (table, _) = rest.split_once("```").expect("the table's end");
    let text = statistic(&open(&sample::capture(SEED)), &[], "wechat,srt");
    assert!(text.contains(table), "{text}");
}

#[test]
fn the_columns_are_those_of_the_documentation() {
    let text = page("docs/frames.md");
    let described: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let lines = statistic(&open(&sample::capture(SEED)), &[], "wechat,frames");
    assert_eq!(lines.lines().next().expect("headings").split('\t').collect::<Vec<_>>(), described);
}
