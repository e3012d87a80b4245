// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin in a real tshark, on generated captures: what it shows is what was sent.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::support::opened;
use crate::support::opened::{
    Frame, Opened, Wireshark, assert_frames, example, open, open_file, whole, with_whole_header,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};
use wechat_dissector::kernel::protocol::Protocol;
use wechat_dissector::kernel::rows::{Base, Field, PrefType, Preference, Type};
use wechat_dissector::protocols::{PROTOCOLS, protocol};
use wechat_traffic::account::Account;
use wechat_traffic::capture::{BASE_TIME, Capture, Wrapping};
use wechat_traffic::flow::Chunk;
use wechat_traffic::packet::{Control, Direction, Endpoints, Packet};
use wechat_traffic::pdu::{HEADER_LEN, MAX_PACKET_LEN, Pdu, RESPONSE_OFFSET, op, seq};
use wechat_traffic::script::Script;
use wechat_traffic::{case, exchanges, sample};

const SEED: u64 = 1;
const TWO_PASSES: &[&str] = &["-2"];
/// No packets.
const NONE: [usize; 0] = [];

/// A filter for these packets: 3.4 has no set with commas, later ones have none without.
fn numbered(packets: &[usize]) -> String {
    let each: Vec<String> = packets.iter().map(|packet| format!("frame.number == {packet}")).collect();
    each.join(" || ")
}

fn sample() -> Capture {
    sample::capture(SEED)
}

fn case(name: &str) -> Capture {
    case::find(name).unwrap_or_else(|| panic!("no case {name}")).capture(SEED)
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(SEED)
}

fn packets_of(frames: &[Frame], wanted: impl Fn(&Frame) -> bool) -> Vec<usize> {
    let packets: BTreeSet<usize> =
        frames.iter().filter(|frame| wanted(frame)).map(|frame| frame.packet).collect();
    packets.into_iter().collect()
}

// ---- registration ----

#[test]
fn the_plugin_is_listed_as_a_dissector() {
    let text = Wireshark::shared().run(&["-G", "plugins"]).text();
    let ours: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').map(str::trim).collect())
        .filter(|columns: &Vec<&str>| columns[0] == "wechat.so")
        .collect();
    assert_eq!(ours.len(), 1, "{text}");
    assert_eq!(ours[0][1..3], [env!("CARGO_PKG_VERSION"), "dissector"]);
}

#[test]
fn every_field_and_note_of_the_tables_is_registered_as_it_stands_there() {
    let text = Wireshark::shared().run(&["-G", "fields"]).text();
    let is_ours = |line: &&str| {
        let filter = line.split('\t').nth(2).unwrap_or_default();
        PROTOCOLS.iter().any(|row| filter.split('.').next() == Some(own_name(row.protocol)))
    };
    let is_helper =
        |line: &&str| line.ends_with("\twechat.shared_port") || line.ends_with("\twechat_web.around_http");
    let registered: BTreeSet<&str> = text.lines().filter(is_ours).filter(|line| !is_helper(line)).collect();
    let mut expected = Vec::new();
    for of in PROTOCOLS.iter().map(|row| row.protocol) {
        let protocol = own_name(of);
        expected.extend(of.fields.iter().map(|row| field_line(row, protocol)));
        expected.extend(of.notes.iter().map(|row| {
            let [filter, summary] = [row.filter, row.summary].map(|text| text.to_str().unwrap());
            format!("F\t{summary}\t{filter}\tFT_NONE\t{protocol}\t\t0x0\t")
        }));
    }
    assert_eq!(registered, expected.iter().map(String::as_str).collect());
}

/// The name under which a protocol's words stand.
fn own_name(of: &Protocol) -> &'static str {
    protocol(of.under.into()).expect("a protocol").fields[0].filter.to_str().expect("text")
}

/// As `tshark -G fields` writes it.
fn field_line(row: &Field, protocol: &str) -> String {
    let [filter, label, help] = [row.filter, row.label, row.help].map(|text| text.to_str().unwrap());
    let ty = match row.ty {
        Type::Protocol => return format!("P\t{help}\t{filter}"),
        Type::None => "FT_NONE",
        Type::Boolean => "FT_BOOLEAN",
        Type::U8 => "FT_UINT8",
        Type::U16 => "FT_UINT16",
        Type::U32 => "FT_UINT32",
        Type::U64 => "FT_UINT64",
        Type::I32 => "FT_INT32",
        Type::I64 => "FT_INT64",
        Type::Bytes => "FT_BYTES",
        Type::Text => "FT_STRING",
        Type::PaddedText => "FT_STRINGZPAD",
        Type::Ipv4 => "FT_IPv4",
        Type::Duration => "FT_RELATIVE_TIME",
        Type::Time => "FT_ABSOLUTE_TIME",
        Type::Packet | Type::RequestPacket | Type::ResponsePacket | Type::AckPacket => "FT_FRAMENUM",
    };
    let base = match row.base {
        Base::Natural if row.ty == Type::Boolean => &row.bits.to_string(),
        Base::Natural => "",
        Base::Dec => "BASE_DEC",
        Base::Hex => "BASE_HEX",
        Base::DecHex => "BASE_DEC_HEX",
    };
    format!("F\t{label}\t{filter}\t{ty}\t{protocol}\t{base}\t{:#x}\t{help}", row.mask)
}

#[test]
fn every_preference_of_the_table_is_registered_with_its_default() {
    let text = Wireshark::shared().run(&["-G", "defaultprefs"]).text();
    for name in PROTOCOLS.iter().map(|row| own_name(row.protocol)).collect::<BTreeSet<_>>() {
        let begin = format!("#{name}.");
        let registered: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&begin)).collect();
        let of = PROTOCOLS.iter().map(|row| row.protocol).filter(|of| own_name(of) == name);
        let expected: Vec<String> =
            of.flat_map(|of| of.preferences.iter().filter_map(preference_line)).collect();
        assert_eq!(registered, expected);
    }
}

/// As `tshark -G defaultprefs` writes it; it leaves tables out.
fn preference_line(row: &Preference) -> Option<String> {
    let value = match row.ty {
        PrefType::Ports => row.ports.to_str().unwrap().to_owned(),
        PrefType::Boolean => if row.number == 0 { "FALSE" } else { "TRUE" }.to_owned(),
        PrefType::Number => row.number.to_string(),
        PrefType::Choice => row.parts[row.number as usize].help.to_str().unwrap().to_owned(),
        PrefType::Table => return None,
        PrefType::Text | PrefType::File => String::new(),
    };
    Some(format!("{}: {value}", row.name.to_str().unwrap()))
}

#[test]
fn bodies_have_a_dissector_table_of_numbers() {
    let text = Wireshark::shared().run(&["-G", "dissector-tables"]).text();
    // Later versions list heuristics here too.
    let ours: Vec<&str> = text.lines().filter(|line| line.starts_with("wechat.")).collect();
    let row = |name: &str| format!("wechat.{name}\tFT_UINT32\tBASE_DEC\tWeChat\tDecode As supported");
    let names = ["cgi\tWeChat request", "cgi_answer\tWeChat answer", "op\tWeChat operation"];
    assert_eq!(ours, names.map(row));
}

// ---- the sample session ----

/// What was sent, and the frame whose length was broken on purpose, as its header has it.
fn sample_frames(capture: &Capture) -> Vec<Frame> {
    let mut frames = whole(capture);
    let behind =
        frames.iter().position(|frame| (frame.packet, frame.op) == (75, op::NOTIFY)).expect("notify");
    frames.insert(behind, Frame { packet: 75, op: op::NOTIFY, seq: seq::PUSH, packet_len: 7 });
    frames
}

#[test]
fn the_sample_shows_every_frame_in_order() {
    let capture = sample();
    assert_frames(&open(&capture).frames(), &sample_frames(&capture));
}

#[test]
fn the_sample_shows_the_same_frames_in_two_passes() {
    let capture = sample();
    assert_frames(&open(&capture).with(TWO_PASSES).frames(), &sample_frames(&capture));
}

#[test]
fn columns_name_the_protocol_and_every_frame_of_a_packet() {
    let filter = numbered(&[4, 8, 24, 35, 37, 62, 66, 70, 75, 81, 114]);
    let columns = open(&sample()).values(&filter, &["frame.number", "_ws.col.Protocol", "_ws.col.Info"]);
    let expected = [
        "4 WeChat Identify request seq=identify",
        "8 TCP 8080 → 40123 [ACK] Seq=109 Ack=277 Win=65535 Len=0",
        "24 WeChat Send message request seq=4 | Send message request seq=5 | Send message request seq=6",
        "35 WeChat Push (acknowledgement wanted)",
        "37 WeChat Push acknowledgement seq=8 → 120 ms",
        "62 WeChat Direct send one-way seq=13",
        "66 WeChat Operation 4660 response seq=14 → 55 ms",
        "70 WeChat Heartbeat seq=16",
        "75 WeChat Send message response seq=17 → 65 ms | Notify [bad length] | Notify: Messages",
        "81 WeChat Redirect to 203.0.113.80",
        "114 WeChat Heartbeat seq=heartbeat",
    ];
    assert_eq!(columns, expected);
}

#[test]
fn details_show_the_header_its_meaning_and_the_body() {
    let text = open(&sample()).text(&["-V", "-Y", "frame.number == 14"]);
    let ours = &text[text.find("\nWeChat long link").expect("a tree of ours")..];
    // Later versions write durations in a unit that suits them, and longer bytes.
    let ours = ours.replace("70.000000 milliseconds", "0.070000000 seconds");
    let ours = ours.replace("9816bc869eb8675adfba6bd47592fa25dae1ae6353260b54c942b28c (", "… (");
    let expected = "
WeChat long link, Send message response seq=2 → 70 ms, 111 bytes
    Packet length: 111
    Head length: 16
    Version: 1
    Operation: 1000000237 (0x3b9acaed), newsendmsg
    Seqid: 2 (0x00000002)
    [Kind: response]
    [Base operation: newsendmsg (237)]
    [Operation name: newsendmsg]
    [Stream: 0]
    [Carrier: tcp]
    [Body length: 95]
    [Direction: server to client (2)]
    [Response to: 12]
    [Response time: 0.070000000 seconds]
    [Open requests: 0]
    Body (95 bytes)
        Business packet header: newsendmsg, AES-128-CBC
            0111 11.. = Header length: 31
            .... ..10 = Compression: none (2)
            0101 .... = Algorithm: AES-128-CBC (5)
            .... 1111 = Cookie length: 15
            Client version: 0x00000000
            Account data not shown (preference show_account)
            Cgi type: 522 (newsendmsg)
            Plain length: 48
            Compressed length: 48
            Rest of the header: 0000
        [Opened: False]
        [Closed because: no key log]
        Encrypted data: 3f854298eca865796eeee1e70893897fc8cffcb2d9eb9c71a1a3c1e51758eea3bbc1a085… (AES-128-CBC)

";
    assert_eq!(ours, expected);
}

#[test]
fn json_has_a_layer_for_every_frame_of_a_packet() {
    let layers = open(&sample()).layers();
    let packet: Vec<&Map<String, Value>> =
        layers.iter().filter(|(number, _)| *number == 24).map(|(_, layer)| layer).collect();
    let seqs: Vec<&Value> = packet.iter().map(|layer| &layer["wechat.seq"]).collect();
    assert_eq!(seqs, ["4", "5", "6"]);
    let business = json!({
        "wechat.business.head_len": "32",
        "wechat.business.compression": "1",
        "wechat.business.algorithm": "5",
        "wechat.business.cookie_len": "15",
        "wechat.client_version": "0x26000036",
        "wechat.account_hidden": "",
        "wechat.business.cgi": "522",
        "wechat.business.plain_len": "180",
        "wechat.business.packed_len": "90",
        "wechat.business.rest": "00:02",
    });
    assert_eq!(packet[0]["wechat.body_tree"]["wechat.business"], business);
    assert_eq!(packet[0]["wechat.packet_len"], "144");
    assert_eq!(packet[0]["wechat.op.name"], "newsendmsg");
}

#[test]
fn bytes_that_are_highlighted_are_those_of_the_field() {
    let text = open(&sample()).text(&["-T", "pdml", "-Y", "frame.number == 26"]);
    let place = |name: &str| -> Vec<(usize, usize)> {
        let attribute = |line: &str, name: &str| -> usize {
            let (_, rest) = line.split_once(&format!(" {name}=\"")).expect("an attribute");
            rest.split('"').next().expect("its value").parse().expect("a number")
        };
        let lines = text.lines().filter(|line| line.contains(&format!(" name=\"{name}\" ")));
        lines.map(|line| (attribute(line, "pos"), attribute(line, "size"))).collect()
    };
    // Ethernet, IP and TCP take 54 bytes; two frames of 111 follow.
    assert_eq!(place("wechat"), [(54, 111), (165, 111)]);
    assert_eq!(place("wechat.packet_len"), [(54, 4), (165, 4)]);
    assert_eq!(place("wechat.op"), [(62, 4), (173, 4)]);
    assert_eq!(place("wechat.seq"), [(66, 4), (177, 4)]);
    assert_eq!(place("wechat.body"), [(70, 95), (181, 95)]);
}

#[test]
fn statistics_see_values_without_a_visible_tree() {
    let functions =
        ["COUNT(wechat.response_time)wechat.response_time", "MAX(wechat.packet_len)wechat.packet_len"];
    assert_eq!(open(&sample()).totals(&functions), ["21", "5057"]);
}

// ---- display filters ----

#[test]
fn the_protocol_is_counted_when_nobody_looks_at_its_fields() {
    let opened = open(&sample());
    let hierarchy = opened.text(&["-q", "-z", "io,phs"]);
    let counts = |line: &str| line.split_whitespace().take(2).eq(["wechat", "frames:42"]);
    assert!(hierarchy.lines().any(counts), "{hierarchy}");
    let found = opened.text(&["-Y", r#"frame.protocols contains "wechat""#]);
    assert_eq!(found.lines().count(), opened.text(&["-Y", "wechat"]).lines().count());
}

/// A router complains of a segment and quotes it: what it quotes was not sent a second time.
#[test]
fn a_quoted_segment_is_none_of_the_stream() {
    let capture = case("second-client");
    let mut pcap = Vec::new();
    capture.write_pcap(&mut pcap).expect("written");
    let (header, mut records) = pcap.split_at(24);
    let mut quoting = header.to_vec();
    let mut quotes = 0;
    while !records.is_empty() {
        let length = u32::from_le_bytes(records[8..12].try_into().expect("four bytes")) as usize;
        let (record, rest) = records.split_at(16 + length);
        quoting.extend(record);
        // Ethernet, IP and TCP headers have 54 bytes: there is payload to quote.
        if length > 70 {
            let (ethernet, ip) = record[16..].split_at(14);
            let mut error = ip[..20].to_vec();
            error[2..4].copy_from_slice(&(28 + ip.len() as u16).to_be_bytes());
            error[9] = 1; // ICMP
            error.extend([11, 0, 0, 0, 0, 0, 0, 0]); // the time to live exceeded
            let length = (14 + error.len() + ip.len()) as u32;
            quoting.extend(&record[..8]);
            quoting.extend([length.to_le_bytes(), length.to_le_bytes()].concat());
            quoting.extend([ethernet, &error, ip].concat());
            quotes += 1;
        }
        records = rest;
    }
    assert!(quotes > 3);
    let shown = |opened: &Opened| {
        opened.text(&["-Y", "wechat", "-T", "fields", "-e", "wechat.op", "-e", "wechat.seq"])
    };
    let quoted = open_file(|mut file| file.write_all(&quoting));
    assert_eq!(shown(&quoted), shown(&open(&capture)));
}

#[test]
fn filters_find_operations_by_number_and_by_name() {
    let (opened, frames) = (open(&sample()), sample_frames(&sample()));
    let number = packets_of(&frames, |frame| frame.op == 0xed);
    assert_eq!(opened.packets("wechat.op == 0xed"), number);
    let either = |frame: &Frame| [237, 237 + RESPONSE_OFFSET].contains(&frame.op);
    assert_eq!(opened.packets("wechat.op.name == \"newsendmsg\""), packets_of(&frames, either));
    for base in ["237", "newsendmsg", "\"newsendmsg\""] {
        assert_eq!(
            opened.packets(&format!("wechat.op.base == {base}")),
            packets_of(&frames, either),
            "{base}"
        );
    }
}

#[test]
fn filters_find_kinds() {
    let (opened, frames) = (open(&sample()), sample_frames(&sample()));
    let pushes = packets_of(&frames, |frame| frame.seq == seq::PUSH);
    assert_eq!(opened.packets("wechat.kind == \"push\""), pushes);
    let acks = packets_of(&frames, |frame| frame.op == op::PUSH_ACK);
    assert_eq!(opened.packets("wechat.kind == \"push acknowledgement\""), acks);
    assert_eq!(opened.packets("wechat.kind contains \"heartbeat\""), [70, 71, 92, 93, 114, 115]);
    assert_eq!(opened.packets("wechat.kind == \"one-way\""), [62]);
    assert_eq!(opened.packets("wechat.kind == \"unknown\""), NONE);
}

#[test]
fn filters_compare_numbers_and_times_by_value() {
    let (opened, frames) = (open(&sample()), sample_frames(&sample()));
    assert_eq!(
        opened.packets("wechat.packet_len > 600"),
        packets_of(&frames, |frame| frame.packet_len > 600)
    );
    assert_eq!(
        opened.packets("wechat.seq >= 0xfffffffe"),
        packets_of(&frames, |frame| frame.seq >= 0xffff_fffe)
    );
    assert_eq!(opened.packets("wechat.response_time < 0.05"), [6, 71, 90, 93, 115]);
    assert_eq!(opened.packets("wechat.response_time == 0.07"), [14]);
    assert_eq!(opened.packets("wechat.response_time >= 0.085 || wechat.ack.time > 0.14"), [27, 45]);
}

#[test]
fn filters_follow_responses_to_their_requests() {
    let opened = open(&sample());
    assert_eq!(opened.packets("wechat.response_to == 24"), [26, 27]);
    let answers = packets_of(&sample_frames(&sample()), |frame| {
        frame.op >= RESPONSE_OFFSET && frame.op != op::PUSH_ACK
            || (frame.op, frame.packet) == (op::HEARTBEAT, 93)
    });
    assert_eq!(opened.packets("wechat.response_to"), answers);
}

#[test]
fn filters_see_inside_bodies() {
    let opened = open(&sample());
    assert_eq!(opened.packets("wechat.push.flags.ack == 1"), [35, 41, 43, 111]);
    assert_eq!(opened.packets("wechat.push.flags.ack == 0"), [39]);
    assert_eq!(opened.packets("wechat.synckey.key == 201"), [4, 37, 45, 89, 104, 112]);
    assert_eq!(opened.packets("wechat.selector.messages == 1"), [6, 29, 75, 106]);
    assert_eq!(opened.packets("wechat.redirect.address == 198.51.100.8"), [81]);
    assert_eq!(opened.packets("wechat.identify.language == \"zh_CN\""), [4, 89, 104]);
    assert_eq!(opened.packets("wechat.business.cgi == 106"), [68]);
}

#[test]
fn filters_find_notes_by_name_and_severity() {
    let opened = open(&sample());
    let notes = opened.values("wechat.packet_len_short", &["frame.number", "_ws.expert.message"]);
    assert_eq!(notes, ["75 packet length 7 is below 16, the length of a header"]);
    assert_eq!(opened.packets("_ws.expert.severity == \"Error\" && wechat"), [75]);
    assert_eq!(opened.packets("_ws.expert.group == \"Malformed\" && wechat"), [75]);
}

// ---- two passes ----

#[test]
fn facts_that_lie_ahead_are_shown_once_they_are_known() {
    let opened = open(&sample());
    assert_eq!(opened.packets("wechat.response_in || wechat.push.ack_in"), NONE, "in one pass");

    let opened = opened.with(TWO_PASSES);
    let answered = [
        "4 6",
        "7 10",
        "12 14",
        "20 22",
        "24 26,26,27",
        "31 33",
        "50 53",
        "56 60",
        "58 60",
        "64 66",
        "70 71",
        "73 75",
        "77 79",
        "89 90",
        "92 93",
        "94 96",
        "104 106",
        "107 109",
        "114 115",
    ];
    assert_eq!(opened.values("wechat.response_in", &["frame.number", "wechat.response_in"]), answered);
    let acknowledged = ["35 37", "41 45", "43 45", "111 112"];
    assert_eq!(opened.values("wechat.push.ack_in", &["frame.number", "wechat.push.ack_in"]), acknowledged);
}

/// Fields that name a packet further on, and those that name the packet back.
const LINKS: &[(&[&str], &str)] = &[
    (&["wechat.response_in"], "wechat.response_to"),
    (&["wechat.superseded_in"], "wechat.supersedes"),
    (&["wechat.retried_in"], "wechat.retry_of"),
    (&["wechat.duplicate_in"], "wechat.duplicate_of"),
    (&["wechat.push.ack_in"], "wechat.ack_to"),
    (&["wechat.push.ack_inferred_in"], "wechat.ack.inferred_to"),
    (&["wechat.heartbeat.next_in"], "wechat.heartbeat.after"),
    (&["wechat.attempt.next_in"], "wechat.attempt.after"),
    (&["wechat.notice.sync_in", "wechat.notice.message_in"], "wechat.sync.notice"),
    (&["wechat.send.news_in"], "wechat.news.send"),
    (&["wechat.synckey.next"], "wechat.synckey.previous"),
];

/// What else is known only when all packets have been seen.
const AHEAD: [&str; 8] = [
    "wechat.superseded",
    "wechat.unanswered",
    "wechat.no_response",
    "wechat.no_response_yet",
    "wechat.push.unacknowledged",
    "wechat.push.no_ack",
    "wechat.push.no_ack_yet",
    // It takes both frames of the pair to stay alone until the end.
    "wechat.ack.inferred_to",
];

fn is_ahead(field: &str) -> bool {
    AHEAD.contains(&field) || LINKS.iter().any(|(ahead, _)| ahead.contains(&field))
}

/// Every value of a layer with its field's name, at any depth. A note is an empty value.
fn values(layer: &Map<String, Value>) -> Vec<(String, String)> {
    fn add(name: &str, value: &Value, values: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| add(name, value, values)),
            Value::Array(several) => several.iter().for_each(|value| add(name, value, values)),
            Value::String(text) => values.push((name.to_owned(), text.clone())),
            other => panic!("{name} is {other}"),
        }
    }
    let mut values = Vec::new();
    layer.iter().for_each(|(name, value)| add(name, value, &mut values));
    // Words of notes, whose names stand beside them.
    values.retain(|(name, _)| !name.starts_with("_ws."));
    values.sort();
    values
}

/// Links from stream and packet to packet, each as often as it is shown.
fn links(layers: &[(usize, Map<String, Value>)], fields: &[&str]) -> Vec<(usize, usize)> {
    let mut links = Vec::new();
    for (packet, layer) in layers {
        let linked = values(layer).into_iter().filter(|(name, _)| fields.contains(&name.as_str()));
        links.extend(linked.map(|(_, other)| (*packet, other.parse().expect("a packet"))));
    }
    links.sort_unstable();
    links
}

#[test]
fn every_link_has_its_counterpart() {
    let captures =
        [exchanges::capture(SEED), sample(), case("merged"), case("second-client"), case("in-flight")];
    let mut linked = BTreeSet::new();
    for capture in captures {
        let layers = open(&capture).with(TWO_PASSES).layers();
        for (ahead, back) in LINKS {
            let mut turned: Vec<(usize, usize)> =
                links(&layers, &[back]).into_iter().map(|(packet, other)| (other, packet)).collect();
            turned.sort_unstable();
            assert_eq!(links(&layers, ahead), turned, "{ahead:?} and {back}");
            linked.extend(if turned.is_empty() { None } else { Some(*back) });
        }
    }
    let all: BTreeSet<&str> = LINKS.iter().map(|(_, back)| *back).collect();
    assert_eq!(linked, all, "every link is made by some capture");
}

#[test]
fn every_field_that_names_a_packet_has_a_counterpart() {
    let names_packet = |row: &&Field| {
        [Type::Packet, Type::RequestPacket, Type::ResponsePacket, Type::AckPacket].contains(&row.ty)
    };
    let fields = PROTOCOLS.iter().flat_map(|row| row.protocol.fields);
    let fields = fields.filter(|row| row.filter.to_bytes().starts_with(b"wechat."));
    let fields: BTreeSet<&str> =
        fields.filter(names_packet).map(|row| row.filter.to_str().expect("text")).collect();
    let linked = LINKS.iter().flat_map(|(ahead, back)| ahead.iter().chain([back])).copied();
    assert_eq!(fields, linked.collect());
}

#[test]
fn two_passes_add_the_facts_ahead_and_change_nothing_else() {
    for capture in [exchanges::capture(SEED), sample(), case("repeated-seq"), case("mid-stream")] {
        let opened = open(&capture);
        let [once, mut twice] = [opened.layers(), opened.with(TWO_PASSES).layers()].map(|layers| {
            let layers = layers.iter().map(|(packet, layer)| (*packet, values(layer)));
            layers.collect::<Vec<(usize, Vec<(String, String)>)>>()
        });
        for (packet, layer) in &once {
            let early = layer.iter().find(|(name, _)| is_ahead(name));
            assert!(early.is_none(), "packet {packet} in one pass: {early:?}");
        }
        twice.iter_mut().for_each(|(_, layer)| layer.retain(|(name, _)| !is_ahead(name)));
        assert_eq!(once, twice);
    }
}

/// Links, times and notes as a golden file has them: packet, name, value.
fn golden_facts(file: &str) -> Vec<(usize, String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let text = fs::read_to_string(path).expect("the golden file");
    let (mut packet, mut facts) = (0, Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("packet ") {
            packet = rest.split(',').next().and_then(|number| number.parse().ok()).expect("a number");
        }
        let Some((_, fact)) = line.strip_prefix("    ").and_then(|line| line.trim_start().split_once(' '))
        else {
            continue;
        };
        let (name, value) = match fact.strip_prefix("! ") {
            Some(note) => (note.split(':').next().unwrap_or(note), String::new()),
            None => {
                let (name, value) = fact.split_once([' ']).expect("a value");
                (name, value.trim_start_matches(['=', '~', ' ']).to_owned())
            }
        };
        facts.push((packet, name.to_owned(), value));
    }
    facts
}

/// A value as the golden files write it, without the words behind it.
fn as_golden(field: &Field, value: &str) -> String {
    match field.ty {
        Type::Duration => format!("{:.6} s", value.parse::<f64>().expect("seconds")),
        Type::Boolean => (["1", "True"].contains(&value)).to_string(),
        Type::Text => format!("{value:?}"),
        _ => value.to_owned(),
    }
}

/// The golden files are made without Wireshark: addresses, streams and where they begin come from the
/// shim when tshark reads the same capture.
#[test]
fn tshark_shows_the_exchanges_of_the_golden_files() {
    let opened = open(&exchanges::capture(SEED));
    let passes =
        [(opened.clone(), "exchanges_one_pass.txt"), (opened.with(TWO_PASSES), "exchanges_two_passes.txt")];
    for (opened, file) in passes {
        let mut expected = golden_facts(file);
        let names: BTreeSet<&str> = expected.iter().map(|(_, name, _)| name.as_str()).collect();
        let mut shown = Vec::new();
        for (packet, layer) in opened.layers() {
            for (name, value) in values(&layer).into_iter().filter(|(name, _)| names.contains(name.as_str()))
            {
                let field = PROTOCOLS
                    .iter()
                    .flat_map(|row| row.protocol.fields)
                    .find(|row| row.filter.to_str() == Ok(&name));
                let value = field.map_or(String::new(), |field| as_golden(field, &value));
                shown.push((packet, name, value));
            }
        }
        // Words behind a value are tshark's label, not its value.
        for (_, _, value) in &mut expected {
            if !value.starts_with('"') && !value.ends_with(" s") {
                value.truncate(value.find(' ').unwrap_or(value.len()));
            }
        }
        shown.sort();
        expected.sort();
        let differs = shown.iter().zip(&expected).find(|(shown, expected)| shown != expected);
        assert!(shown == expected, "{file}: shown and expected differ: {differs:?}");
        assert!(expected.len() > 200, "{} facts", expected.len());
    }
}

#[test]
fn two_passes_print_the_same_every_time() {
    let opened = open(&sample()).with(TWO_PASSES);
    let [first, second] = [(); 2].map(|()| opened.text(&["-T", "pdml"]));
    let body = |text: &str| text[text.find("<packet>").expect("a packet")..].to_owned();
    assert_eq!(body(&first), body(&second));
}

/// Both ports are listed: the SYN tells who is the server, before any operation does.
#[test]
fn a_client_may_use_a_listed_port() {
    let account = &mut Account::new(&mut rng());
    let mut script = Script::starting_at(Duration::ZERO);
    let message = account.send_message(80);
    script.client([&message]).wait(30).server([&message.response(Vec::new())]);
    let capture = Capture::new([script.play(Endpoints::v4(443, 8080), [1, 2])]);
    let fields = ["wechat.direction", "wechat.kind"];
    assert_eq!(open(&capture).values("wechat", &fields), ["1 request", "2 response"]);
}

// ---- streams that TCP cuts, joins, repeats and disorders ----

/// Every frame that came whole is shown, and nothing else, in one pass and in two.
#[track_caller]
fn assert_shows_what_was_sent(opened: &Opened, capture: &Capture) {
    assert_frames(&opened.frames(), &whole(capture));
    assert_frames(&opened.with(TWO_PASSES).frames(), &whole(capture));
}

#[track_caller]
fn assert_case(name: &str) {
    let capture = case(name);
    assert_shows_what_was_sent(&open(&capture), &capture);
}

#[test]
fn ipv6_is_the_same() {
    assert_case("ipv6");
}

#[test]
fn clients_with_equal_ports_and_sequence_numbers_are_told_apart() {
    assert_case("second-client");
}

#[test]
fn headers_may_be_cut_after_any_byte() {
    assert_case("split-header");
}

#[test]
fn frames_may_come_byte_by_byte() {
    assert_case("byte-by-byte");
}

#[test]
fn frames_may_begin_and_end_anywhere_in_a_segment() {
    assert_case("merged");
}

#[test]
fn segments_may_be_full_of_sixteen_byte_frames() {
    assert_case("sixteen-byte-frames");
}

#[test]
fn a_frame_may_have_almost_a_mebibyte() {
    assert_case("big-frame");
}

#[test]
fn sequence_numbers_may_wrap_within_a_frame() {
    assert_case("seq-wrap");
}

#[test]
fn a_capture_may_begin_within_a_frame() {
    assert_case("mid-stream");
}

#[test]
fn a_repeated_segment_repeats_no_frame() {
    assert_case("retransmission");
}

#[test]
fn a_request_that_repeats_a_seqid_takes_the_response() {
    assert_case("repeated-seq");
    let opened = open(&case("repeated-seq")).with(TWO_PASSES);
    let links = ["frame.number", "wechat.response_in", "wechat.response_to"];
    // Two requests, the second answered; the answer once more; the next exchange.
    assert_eq!(
        opened.values("wechat && frame.number >= 20", &links),
        ["20  ", "22 24 ", "24  22", "26  ", "28 30 ", "30  28"]
    );
}

#[test]
fn the_old_push_acknowledgement_acknowledges() {
    assert_case("old-push-ack");
    let opened = open(&case("old-push-ack")).with(TWO_PASSES);
    let links =
        opened.values("wechat.push.ack_in || wechat.ack_to", &["wechat.push.ack_in", "wechat.ack_to"]);
    assert_eq!(links, ["22 ", " 20"]);
}

#[test]
fn header_bytes_beyond_sixteen_are_shown_and_not_taken_for_the_body() {
    assert_case("long-header");
    let opened = open(&case("long-header"));
    let fields = ["frame.number", "wechat.head_len", "wechat.head_extra", "wechat.packet_len"];
    assert_eq!(opened.values("wechat.head_extra", &fields), ["20 20 e0e1e2e3 164"]);
    assert_eq!(opened.packets("wechat.head_extra && wechat.body[0:2] == 81:5f"), [20]);
}

/// A first segment of fewer than 8 bytes is the port owner's. The frame is whole in the packet of the next one, from
/// bytes that are put together for it.
#[test]
fn a_first_header_may_be_cut() {
    assert_case("split-first-header");
    let opened = open(&case("split-first-header"));
    for passes in [&[][..], TWO_PASSES] {
        assert_eq!(opened.with(passes).packets("wechat.continuation || wechat.no_request"), NONE);
        let bytes =
            opened.text(&[passes, &["-Y", "frame.number == 61 || frame.number == 68", "-x"]].concat());
        let sources: Vec<&str> = bytes.lines().filter(|line| line.ends_with("bytes):")).collect();
        // The first was cut behind one byte, the last behind eight, so that it is TCP's to put together.
        assert_eq!(
            sources,
            [
                "Frame (153 bytes):",
                "Reassembled WeChat (100 bytes):",
                "Frame (146 bytes):",
                "Reassembled TCP (100 bytes):"
            ]
        );
    }
}

/// No conversation exists when the first packet is offered.
#[test]
fn exported_packets_are_decided_on_the_first_visit() {
    let capture = case("byte-by-byte");
    for name in ["ipv6", "second-client", "same-ends-lower"] {
        let capture = case(name);
        let payloads = || capture.packets().iter().zip(1..).filter(|(packet, _)| !packet.payload.is_empty());
        let number = |packet| payloads().take_while(|(_, number)| *number < packet).count() + 1;
        let mut expected = with_whole_header(&capture);
        expected.iter_mut().for_each(|frame| frame.packet = number(frame.packet));
        let opened = open_file(|file| capture.write_payloads(file, Wrapping::ExportedPdu));
        assert_shows(&opened, &expected);
    }
    // What is HTTP's stays HTTP's.
    let foreign = open_file(|file| case("foreign").write_payloads(file, Wrapping::ExportedPdu));
    for passes in [&[][..], TWO_PASSES] {
        assert_eq!(foreign.with(passes).packets("wechat"), NONE);
        assert_ne!(foreign.with(passes).packets("http"), NONE);
    }
    let short = open_file(|file| capture.write_payloads(file, Wrapping::ExportedPdu));
    assert_eq!(short.frames(), short.with(TWO_PASSES).frames());
}

#[test]
fn tunnels_carry_whole_sessions() {
    assert_case("through-http");
    assert_case("through-socks");
}

#[test]
fn what_a_proxy_puts_in_front_is_shown_as_that() {
    assert_case("behind-proxy");
    let opened = open(&case("behind-proxy"));
    for passes in [&[][..], TWO_PASSES] {
        let opened = opened.with(passes);
        // Where the header has a segment of its own, or one without a whole signature, its port's owner shows it.
        let shown = opened.values("wechat.proxy", &["tcp.stream", "wechat.proxy", "_ws.expert"]);
        let line = "50524f585920544350342031";
        let binary = "0d0a0d0a000d0a515549540a2111";
        let begins = [("1 ", line), ("3 ", line), ("5 ", binary), ("7 ", binary)];
        assert_eq!(shown.len(), begins.len(), "{shown:?}");
        for (shown, (stream, header)) in shown.iter().zip(begins) {
            assert!(shown.starts_with(&format!("{stream}{header}")), "{shown}");
        }
        assert_eq!(opened.packets("wechat.skipped || wechat.resynchronised || wechat.out_of_step"), NONE);
    }
}

/// Its port's owner is given the first bytes; the header is shown where it becomes whole.
#[test]
fn what_a_proxy_puts_in_front_may_be_cut() {
    assert_case("behind-cut-proxy");
    let opened = open(&case("behind-cut-proxy"));
    for passes in [&[][..], TWO_PASSES] {
        let opened = opened.with(passes);
        let shown = opened.values("wechat.proxy", &["tcp.stream"]);
        let streams: Vec<String> = (0..18).map(|stream| stream.to_string()).collect();
        assert_eq!(shown, streams);
        let notes = "wechat.skipped || wechat.resynchronised || wechat.out_of_step || wechat.no_request";
        assert_eq!(opened.packets(notes), NONE);
    }
}

/// Without TCP's analysis nobody else tells them from retransmissions, and with it TCP keeps them.
#[test]
fn the_same_ends_may_have_another_link_with_lower_sequence_numbers() {
    const UNANALYSED: [&str; 2] = ["-o", "tcp.analyze_sequence_numbers:FALSE"];
    for name in
        ["same-ends-lower", "same-ends-within", "same-ends-wrapped", "same-ends-one-way", "same-ends-same"]
    {
        let capture = case(name);
        let opened = open(&capture).with(&UNANALYSED);
        assert_shows_what_was_sent(&opened, &capture);
        assert_eq!(opened.packets("wechat.seen_before || wechat.duplicate_request"), NONE, "{name}");
        let answered = opened.packets("wechat.response_to");
        assert_eq!(answered.len(), 6, "{name}");
    }
    // The second link may begin within a frame, of which nothing is shown.
    let capture = case("same-ends-late");
    let opened = open(&capture).with(&UNANALYSED);
    let late = opened.packets("wechat.resynchronised");
    assert_eq!(late.len(), 1);
    assert_eq!(opened.packets("wechat.seen_before"), NONE);
    assert_shows(&opened, &with_whole_header(&capture));
    assert_eq!(opened.packets("wechat.no_request"), NONE);
    // What is one stays one.
    let capture = case("retransmission");
    let opened = open(&capture).with(&UNANALYSED);
    assert_shows_what_was_sent(&opened, &capture);
    assert_eq!(opened.packets("wechat.seen_before").len(), 1);
}

/// All packets have one side: nothing tells the two ends apart.
#[test]
fn a_request_of_a_hex_dump_is_no_response() {
    let capture = case("one-side");
    let user = "uat:user_dlts:\"User 0 (DLT=147)\",\"wechat\",\"0\",\"\",\"0\",\"\"";
    let bare = open_file(|file| capture.write_payloads(file, Wrapping::None)).with(&["-o", user]);
    let dump = open(&capture).with(&[]);
    for (opened, first, answered) in [(&bare, "unknown", [1, 3, 5]), (&dump, "request", [1, 5, 9])] {
        for passes in [&[][..], TWO_PASSES] {
            let opened = opened.with(passes);
            let kinds = opened.values("wechat", &["wechat.kind", "wechat.response_to"]);
            let pairs = [first, "unknown", "unknown"].into_iter().zip(answered);
            let expected = pairs.flat_map(|(asks, to)| [format!("{asks} "), format!("response {to}")]);
            assert_eq!(kinds, expected.collect::<Vec<_>>());
            let notes = "wechat.no_request || wechat.late_start || wechat.seq_gap";
            assert_eq!(opened.packets(notes).len(), 0);
        }
    }
}

/// The same where all have the server's port: behind an answer ports make none of a request.
#[test]
fn a_request_from_the_servers_port_is_no_response() {
    let opened = open(&case("servers-side"));
    for passes in [&[][..], TWO_PASSES] {
        let values = ["wechat.kind", "wechat.direction", "wechat.response_to"];
        let kinds = opened.with(passes).values("wechat", &values);
        assert_eq!(kinds, ["response 2 ", "unknown  ", "response 2 3", "unknown  ", "response 2 7"]);
    }
}

#[test]
fn disordered_segments_cost_at_most_their_frame() {
    let capture = case("out-of-order");
    let mut expected = whole(&capture);
    let disordered = expected.iter().position(|frame| frame.packet_len > 5000).expect("the long frame");
    expected.remove(disordered);
    assert_shows(&open(&capture), &expected);

    let ordered = open(&capture).with(&["-o", "tcp.reassemble_out_of_order:TRUE"]);
    assert_shows_what_was_sent(&ordered, &capture);
}

#[track_caller]
fn assert_shows(opened: &Opened, expected: &[Frame]) {
    assert_frames(&opened.frames(), expected);
    assert_frames(&opened.with(TWO_PASSES).frames(), expected);
}

#[test]
fn packets_cut_off_by_the_snap_length_show_their_headers_and_say_so() {
    let mut capture = case("snaplen");
    let opened = open(&capture);
    assert_eq!(opened.packets("wechat.not_captured"), [4, 6, 8, 10, 12, 15]);
    assert_eq!(opened.packets("_ws.malformed"), NONE);
    capture.set_snap_len(u32::MAX);
    assert_shows(&opened, &with_whole_header(&capture));
}

#[test]
fn a_frame_that_the_captures_end_cuts_off_is_not_taken_for_whole() {
    assert_case("truncated-end");
}

/// TCP holds the segment back for the rest of the frame and never offers it again, so that nobody but
/// TCP can say so.
#[test]
fn a_segment_that_waits_for_more_until_the_end_stays_tcps() {
    let opened = open(&case("truncated-end")).with(TWO_PASSES);
    let columns = opened.values("frame.number == 20", &["_ws.col.Protocol", "_ws.col.Info"]);
    let info = "40700 → 8080 [ACK] Seq=2214 Ack=347 Win=65535 Len=1400";
    // Later versions say no more than that of it.
    let columns: Vec<&str> =
        columns.iter().map(|column| column.trim_end_matches(" [TCP segment of a reassembled PDU]")).collect();
    assert_eq!(columns, [format!("TCP {info}")]);
}

#[test]
fn a_frame_that_begins_behind_another_and_never_ends_is_noted_on_later_visits() {
    let account = &mut Account::new(&mut rng());
    let mut script = Script::starting_at(Duration::ZERO);
    script.client([&account.send_message(80), &account.send_message(5000)]);
    script.close = false;
    let mut capture = Capture::new([script.play(Endpoints::v4(40_700, 8080), [1, 2])]);
    let end = capture.packets().iter().rposition(|packet| packet.control == Control::PshAck);
    capture.truncate(end.expect("the write ends"));

    let fields = ["frame.number", "wechat.seq", "wechat.packet_len", "_ws.expert.message"];
    let notes = open(&capture).with(TWO_PASSES).values("wechat.truncated", &fields);
    let unanswered = "no response seen; the last packet is 0.0 s later";
    let cut_off = "the frame has 5057 bytes, 1256 of them are here";
    assert_eq!(notes, [format!("4 1,2 144,5057 {unanswered},{cut_off}")]);
}

// ---- who answers whom, and when ----

#[test]
fn the_operation_says_whom_a_response_answers() {
    let fields =
        ["frame.number", "wechat.op", "wechat.response_in", "wechat.response_to", "wechat.response_time"];
    let shared = format!("wechat.seq == {}", seq::EARLY);
    let lines = open(&exchanges::capture(SEED)).with(TWO_PASSES).values(&shared, &fields);
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    assert_eq!(
        lines,
        [
            "408 6 411",
            "409 89 413",
            "411 1000000006  408 0.060000000",
            "413 1000000089  409 0.540000000",
            "415 89 420",
            "416 6 418",
            "418 1000000006  416 0.040000000",
            "420 1000000089  415 0.560000000",
            "422 89 429",
            "423 6",
            "425 6 426",
            "426 1000000006  425 0.040000000",
            "427 1000000006",
            "429 1000000089  422 0.770000000",
            "431 89",
            "433 6 435",
            "435 1000000006  433 0.060000000",
        ]
    );
}

/// In nanoseconds, of seconds with nine decimals.
fn nanoseconds(seconds: &str) -> i128 {
    seconds.replace('.', "").parse().unwrap_or_else(|_| panic!("not seconds: {seconds:?}"))
}

/// A capture whose clock showed any year.
struct AnyYear {
    name: &'static str,
    /// Its first second, counted from 1970.
    begin: i128,
    /// Times in it are longer by this factor than they were.
    unit: i128,
    opened: Opened,
}

fn any_year(capture: &Capture) -> Vec<AnyYear> {
    let base = BASE_TIME.as_secs() as i64;
    let last_of_64_bits = i64::MAX / 1_000_000_000;
    let years = [
        ("2015", base),
        ("2300", 10_413_792_000),
        ("while 64 bits of nanoseconds run out", last_of_64_bits - 30),
        ("before 1970", -1_000_000),
        ("over 1970", -30),
    ];
    let micros = |time: Duration| time.as_micros() as u64;
    let in_year = years.map(|(name, begin)| AnyYear {
        name,
        begin: begin.into(),
        unit: 1,
        opened: open_file(|file| capture.write_pcapng(file, begin - base, micros)),
    });
    let nanos = |time: Duration| time.as_nanos() as u64;
    let wrong_unit = AnyYear {
        name: "46968, nanoseconds taken for microseconds",
        begin: i128::from(base) * 1000,
        unit: 1000,
        opened: open_file(|file| capture.write_pcapng(file, 0, nanos)),
    };
    in_year.into_iter().chain([wrong_unit]).collect()
}

/// Three requests whose answers come before TCP's own acknowledgement, two heartbeats, a push, and requests
/// that nobody answers.
fn in_quick_succession() -> Capture {
    let account = &mut Account::new(&mut rng());
    let mut script = Script::starting_at(Duration::ZERO);
    for wait in [35, 1, 21] {
        let send = account.send_message(60);
        script.client([&send]).wait(wait).server([&account.message_sent(&send)]).wait_seconds(20);
    }
    let heartbeat = account.heartbeat();
    for _ in 0..2 {
        script.client([&heartbeat]).wait(30).server([&heartbeat.response(Vec::new())]).wait_seconds(60);
    }
    let push = account.push(true, 60);
    script.server([&push]).wait(25).client([&account.push_ack(Duration::from_millis(25))]).wait_seconds(1);
    script.client([&account.send_message(60)]).wait_seconds(9).client([&account.heartbeat()]);
    script.close = false;
    Capture::new([script.play(Endpoints::v4(40_700, 8080), [1, 2])])
}

#[test]
fn times_between_packets_hold_in_any_year() {
    for AnyYear { name, unit, opened, .. } in any_year(&in_quick_succession()) {
        let opened = opened.with(TWO_PASSES);
        let scaled = |milliseconds: i128| milliseconds * 1_000_000 * unit;
        let lines = opened.values("wechat.response_time", &["wechat.response_time", "tcp.time_delta"]);
        let times = lines.iter().map(|line| line.split_once(' ').expect("two times"));
        let times: Vec<[i128; 2]> = times.map(|(ours, tcps)| [ours, tcps].map(nanoseconds)).collect();
        assert_eq!(times, [35, 1, 21, 30, 30].map(|time| [scaled(time); 2]), "{name}");

        let values = |field| opened.values(field, &[field]);
        let times = |field| values(field).iter().map(|text| nanoseconds(text)).collect::<Vec<i128>>();
        assert_eq!(times("wechat.heartbeat.interval"), [60_030, 70_055].map(scaled), "{name}");
        assert_eq!(times("wechat.ack.time"), [scaled(25)], "{name}");
        // In the wrong unit, the time that the client states does not fit.
        let rule = if unit == 1 { "elapsed time" } else { "oldest open push" };
        assert_eq!(values("wechat.ack.rule"), [rule], "{name}");
        let notes = opened.values("wechat.no_response", &["_ws.expert.message"]);
        assert_eq!(notes, [format!("no response seen; the last packet is {}.0 s later", 9 * unit)], "{name}");
    }
}

#[test]
fn lines_and_tables_know_any_year() {
    for AnyYear { name, begin, unit, opened } in any_year(&in_quick_succession()) {
        let scaled = |milliseconds: i128| milliseconds * 1_000_000 * unit;
        let text = opened.text(&["-q", "-z", "wechat,frames"]);
        let column = |line: &str, at: usize| line.split('\t').nth(at).unwrap_or_default().to_owned();
        let shown: Vec<String> = text.lines().skip(1).map(|line| column(line, 3)).collect();
        let times: Vec<i128> = shown.iter().map(|text| nanoseconds(text)).collect();
        // The handshake takes 50 ms, and packets that follow each other directly are 20 µs apart.
        let first = begin * 1_000_000_000 + scaled(50) + scaled(20) / 1000;
        assert_eq!(times[..2], [first, first + scaled(35)], "{name}");
        // epan writes times before 1970 as if their fraction counted backwards.
        if begin >= 0 {
            assert_eq!(shown, opened.values("wechat", &["frame.time_epoch"]), "{name}");
        }
        assert_eq!(nanoseconds(&column(text.lines().nth(2).expect("an answer"), 12)), scaled(35), "{name}");

        let srt = opened.text(&["-q", "-z", "wechat,srt"]);
        let row = srt.lines().find(|line| line.contains("newsendmsg")).expect("a row");
        let cells: Vec<&str> = row.split_whitespace().collect();
        let micro = |time: i128| format!("{}.{:06}", time / 1_000_000_000, time % 1_000_000_000 / 1000);
        let [least, most, average] = [1, 35, 19].map(|time| micro(scaled(time)));
        assert_eq!(cells[3..7], ["3", &least, &most, &average], "{name}: {srt}");
    }
}

#[test]
fn the_last_packet_is_the_end_though_the_clock_was_set_back() {
    let opened = open(&case("clock-set-back")).with(TWO_PASSES);
    let fields = ["frame.number", "wechat.unanswered", "_ws.expert.message"];
    let ago = "no response seen; the last packet is 3595.9 s earlier, by a clock that was set back";
    let now = "no response seen; the last packet is 0.0 s later";
    assert_eq!(
        opened.values("wechat.no_response_yet", &fields),
        [format!("7 1 {ago}"), format!("13 1 {now}")]
    );
    assert_eq!(opened.packets("wechat.no_response"), NONE);
    let times = ["frame.number", "wechat.response_to", "wechat.response_time"];
    assert_eq!(opened.values("wechat.response_time < 0", &times), ["11 9 -3599.940000000"]);
}

// ---- ports and preferences ----

#[test]
fn another_port_is_read_when_the_user_says_so() {
    let capture = case("other-port");
    assert_eq!(open(&capture).packets("wechat"), NONE, "nobody said so");
    let ways: [&[&str]; 3] = [
        &["-d", "tcp.port==14000,wechat"],
        &["-o", "wechat.tcp.port:14000"],
        &["-o", "wechat.try_any_port:TRUE"],
    ];
    for way in ways {
        assert_shows_what_was_sent(&open(&capture).with(way), &capture);
    }
}

/// Of each packet the protocols, such as `eth:ethertype:ip:tcp:http`.
fn protocols(opened: &Opened) -> Vec<String> {
    opened.values("frame", &["frame.protocols"])
}

#[test]
fn an_empty_port_range_frees_every_port() {
    let freed = open(&sample()).with(&["-o", "wechat.tcp.port:"]);
    let disabled = open(&sample()).with(&["--disable-protocol", "wechat"]);
    assert_eq!(freed.packets("wechat"), NONE);
    assert_eq!(disabled.packets("wechat"), NONE);
    // Their owners get the segments: this one is TLS's, whatever it makes of it.
    assert!(protocols(&freed)[103].ends_with(":tcp:tls"));
    assert_eq!(protocols(&freed), protocols(&disabled));

    let foreign = open(&case("foreign")).with(&["-o", "wechat.tcp.port:"]);
    assert_eq!(foreign.packets("http.request && tcp.port == 80").len(), 3);
}

#[test]
fn a_port_range_without_443_leaves_it_to_tls() {
    let opened = open(&sample()).with(&["-o", "wechat.tcp.port:80,8000-8100"]);
    let mut expected = sample_frames(&sample());
    expected.retain(|frame| frame.packet <= 100);
    assert_frames(&opened.frames(), &expected);
}

#[test]
fn without_reassembly_a_frame_is_shown_where_its_header_is() {
    for capture in [case("big-frame"), case("byte-by-byte"), case("long-header")] {
        let expected = with_whole_header(&capture);
        for preference in ["wechat.desegment:FALSE", "tcp.desegment_tcp_streams:FALSE"] {
            assert_shows(&open(&capture).with(&["-o", preference]), &expected);
        }
    }
}

#[test]
fn a_frame_beyond_the_limit_is_an_error_and_costs_no_other() {
    let capture = sample();
    let opened = open(&capture).with(&["-o", "wechat.max_frame:2000"]);
    let fields = ["frame.number", "wechat.packet_len", "_ws.expert.message"];
    assert_eq!(
        opened.values("wechat.packet_len_beyond_limit && _ws.expert.severity == \"Error\"", &fields),
        [
            "9 2561 packet length 2561 is beyond the largest frame accepted, 2000",
            "16 5057 packet length 5057 is beyond the largest frame accepted, 2000",
        ]
    );
    let mut shown = opened.frames();
    shown.retain(|frame| frame.packet_len <= 2000);
    let mut expected = sample_frames(&capture);
    expected.retain(|frame| frame.packet_len <= 2000);
    assert_frames(&shown, &expected);
}

#[test]
fn account_data_is_shown_only_on_request() {
    let hidden = open(&sample());
    assert_eq!(hidden.packets("wechat.uin || wechat.business.cookie"), NONE);

    let shown = hidden.with(&["-o", "wechat.show_account:TRUE"]);
    assert_eq!(shown.packets("wechat.account_hidden"), NONE);
    assert_eq!(shown.packets("wechat.uin"), hidden.packets("wechat.account_hidden"));
    let fields = ["wechat.uin", "wechat.business.cookie"];
    assert_eq!(
        shown.values(&numbered(&[4, 7, 107]), &fields),
        [
            "475459749 ",
            "475459749 df6ff8eff6eabe39fd243a2e5780a0",
            "327558108 3d73572bb2992eec738a943bd9259b",
        ]
    );
}

#[test]
fn the_account_number_is_in_no_text_unless_asked_for() {
    let number = "475459749";
    let opened = open(&sample());
    assert!(!opened.text(&["-V", "-P"]).contains(number));
    assert!(opened.text(&["-V", "-P", "-o", "wechat.show_account:TRUE"]).contains(number));
}

#[test]
fn the_ports_need_not_tell_who_is_the_server() {
    let opened = open(&sample()).with(&["-o", "wechat.server_side:none"]);
    // Before the first operation that tells, nothing does; behind it everything is told.
    assert_eq!(opened.packets("wechat.kind == \"unknown\""), [4, 89, 104]);
    assert_eq!(opened.packets("wechat.op && !wechat.direction"), [4, 89, 104]);
    let turned = open(&sample()).with(&["-o", "wechat.server_side:higher"]);
    assert_eq!(turned.packets("wechat.direction == 2 && frame.number == 4"), [4]);
}

// ---- the user's table of operations ----

fn operation_row(cells: &str) -> String {
    format!("uat:wechat_operations:{cells}")
}

#[test]
fn the_users_table_names_an_operation() {
    let row = operation_row(r#""4660","experiment","request""#);
    let opened = open(&sample()).with(&["-o", &row]);
    let fields = ["frame.number", "wechat.op.name", "_ws.col.Info"];
    assert_eq!(
        opened.values("wechat.op.name == \"experiment\"", &fields),
        ["64 experiment experiment request seq=14", "66 experiment experiment response seq=14 → 55 ms",]
    );
}

#[test]
fn the_users_table_renames_a_known_operation_in_one_role() {
    let row = operation_row(r#""0x18","news","push""#);
    let opened = open(&sample()).with(&["-o", &row]);
    assert_eq!(opened.packets("wechat.op.name == \"news\""), [29, 75]);
    assert_eq!(opened.packets("wechat.op.name == \"newnotify\""), NONE);
}

#[test]
fn a_bad_row_of_the_users_table_stops_tshark_with_a_reason() {
    let long = format!(r#""5","{}","""#, "x".repeat(65));
    let rows = [
        (r#""abc","x","""#, r#""abc" is no operation number: decimal, or 0x and hexadecimal"#),
        (r#""4294967296","x","""#, r#""4294967296" is no operation number: decimal, or 0x and hexadecimal"#),
        (r#""+5","x","""#, r#""+5" is no operation number: decimal, or 0x and hexadecimal"#),
        (r#""1000000237","x","""#, "1000000237 is the number of an answer: name its request, 237"),
        (r#""5","","""#, "operation 5 needs a name"),
        (r#""5","a$b","""#, r#"the name of operation 5 holds "$""#),
        (long.as_str(), "the name of operation 5 is longer than 64 characters"),
        (r#""5","x","boss""#, r#""boss" is no role: request, push, one-way, heartbeat or any"#),
    ];
    let opened = open(&sample());
    for (cells, reason) in rows {
        let output = opened.with(&["-o", &operation_row(cells)]).run();
        assert!(!output.status.success() && output.stdout.is_empty(), "{cells}: {output:?}");
        assert!(output.stderr.trim_end().ends_with(reason), "{cells}: {}", output.stderr);
    }
}

// ---- other dissectors for bodies ----

/// The digits of a byte in hexadecimal; 3.4 puts zeros before it.
fn last_two(number: &str) -> &str {
    &number[number.len() - 2..]
}

#[test]
fn a_lua_script_takes_over_the_body_of_an_operation() {
    let opened = open(&sample()).with_lua(&example("take_over.lua"));
    let requests = packets_of(&sample_frames(&sample()), |frame| frame.op == 237);
    assert_eq!(opened.packets("message"), requests);
    assert_eq!(opened.packets("message && wechat.op == 237 && wechat.body"), requests, "our tree stays");
    // The three frames of this packet: its first byte and the rest are exactly the body.
    let fields = ["message.first", "message.rest", "wechat.body"];
    let values = opened.values("frame.number == 24", &fields);
    let columns: Vec<Vec<&str>> = values[0].split(' ').map(|column| column.split(',').collect()).collect();
    let bodies: Vec<String> = columns[0]
        .iter()
        .zip(&columns[1])
        .map(|(first, rest)| format!("{}{rest}", last_two(first)))
        .collect();
    assert_eq!(bodies, columns[2]);
    assert_eq!(bodies.len(), 3);
}

#[test]
fn a_lua_script_takes_bodies_that_begin_with_certain_bytes() {
    let opened = open(&sample()).with_lua(&example("heuristic.lua"));
    let begin = opened.packets("wechat.body[0:2] == 7e:5f");
    assert!(begin.len() > 5, "{begin:?}");
    assert_eq!(opened.packets("packed"), begin);
    let versions = opened.values(&numbered(&[12, 14]), &["packed.version", "wechat.client_version"]);
    assert_eq!(versions, ["0x26000036 0x26000036", "0x00000000 0x00000000"]);
}

/// The rest of a script whose dissector for operation 237 is `body`.
fn taken_over_by(body: &str) -> String {
    format!(
        "local mine = Proto('mine', 'Mine')\n\
         function mine.dissector(body, pinfo, tree)\n{body}\nend\n\
         DissectorTable.get('wechat.op'):add(237, mine)\n"
    )
}

#[test]
fn a_script_that_fails_hides_no_frame() {
    let script = taken_over_by("error('no luck')");
    let capture = sample();
    let opened = open(&capture).with_lua(&script);
    assert_frames(&opened.frames(), &sample_frames(&capture));
    let errors = opened.values("frame.number == 24", &["wechat.seq", "_ws.lua.error"]);
    assert_eq!(errors, ["4,5,6 1,1,1"]);
}

#[test]
fn a_body_dissector_that_throws_hides_no_frame() {
    let capture = sample();
    // Wireshark's own dissectors, given bytes that are not theirs. They throw past the script, of the second kind
    // from 3.6 on.
    for (name, exception) in [("arp", "_ws.malformed"), ("dns", "(_ws.malformed || _ws.unreassembled)")] {
        let script = format!("DissectorTable.get('wechat.op'):add(237, Dissector.get('{name}'))");
        let opened = open(&capture).with_lua(&script);
        assert_eq!(opened.packets(&format!("{exception} && frame.number == 24")), [24], "it throws");
        assert_frames(&opened.frames(), &sample_frames(&capture));
    }
}

#[test]
fn a_body_dissector_cannot_hold_up_the_stream() {
    let script = taken_over_by("pinfo.desegment_offset = 0\npinfo.desegment_len = 100");
    let capture = sample();
    assert_frames(&open(&capture).with_lua(&script).frames(), &sample_frames(&capture));
}

// ---- hostile captures ----

/// tshark survives it, and nothing is said to be a dissector's fault.
#[track_caller]
fn assert_survives(opened: &Opened) {
    for options in [&["-V", "-P"][..], &["-2", "-V", "-P"]] {
        let text = opened.text(options);
        for complaint in
            ["Dissector bug", "Malformed Packet: WeChat", "wechat.internal_error", "dissector failed"]
        {
            assert!(!text.contains(complaint), "{complaint}");
        }
    }
}

fn client_writes(port: u16, writes: &[Vec<u8>]) -> Capture {
    let mut script = Script::starting_at(Duration::ZERO);
    for bytes in writes {
        script.wait(10).client([Chunk::raw(bytes.clone())]);
    }
    Capture::new([script.play(Endpoints::v4(40_700, port), [1, 2])])
}

/// A header whose frame has this length.
fn header(packet_len: u32, op: u32, seq: u32) -> Vec<u8> {
    let mut bytes = Pdu::empty(op, seq).encode();
    bytes[..4].copy_from_slice(&packet_len.to_be_bytes());
    bytes
}

#[test]
fn connections_that_claim_a_mebibyte_and_fall_silent_cost_nothing() {
    let flows = (0..500).map(|index| {
        let mut script = Script::starting_at(Duration::from_millis(index));
        script.client([Chunk::raw(header(MAX_PACKET_LEN as u32, op::NEW_SEND_MSG, 1))]);
        script.close = index % 2 == 0;
        script.play(Endpoints::v4(10_000 + index as u16, 8080), [1, 2])
    });
    let opened = open(&Capture::new(flows));
    assert_survives(&opened);
    assert_eq!(opened.packets("wechat.op"), NONE);
}

#[test]
fn a_length_that_lies_is_found_out_by_the_frames_inside_it() {
    let account = &mut Account::new(&mut rng());
    let frames: Vec<Pdu> = (0..10).map(|_| account.send_message(300)).collect();
    let mut writes = vec![header(MAX_PACKET_LEN as u32, op::NEW_SEND_MSG, 77)];
    writes.extend(frames.iter().map(Pdu::encode));
    let opened = open(&client_writes(8080, &writes));
    let shown: Vec<u32> = opened.frames().iter().map(|frame| frame.seq).collect();
    let sent: Vec<u32> = [77].into_iter().chain(frames.iter().map(|frame| frame.seq)).collect();
    assert_eq!(shown, sent);
    assert_eq!(opened.packets("wechat.packet_len_wrong").len(), 1);
}

/// Requests and responses whose bodies are whole frames, this many times over.
fn nested(depths: impl Iterator<Item = usize>) -> Capture {
    let inside: Vec<u8> = (1..20).flat_map(|seq| Pdu::new(op::NEW_SYNC, seq, vec![7; 30]).encode()).collect();
    let mut script = Script::starting_at(Duration::ZERO);
    for (depth, seq) in depths.zip(1..) {
        let frame = Pdu::new(op::NEW_SEND_MSG, seq, inside.repeat(depth));
        script.wait(10).client([&frame]);
        script.wait(10).server([&frame.response(inside.clone())]);
    }
    Capture::new([script.play(Endpoints::v4(40_700, 8080), [1, 2])])
}

#[test]
fn frames_inside_a_body_of_one_segment_are_its_body() {
    let capture = nested([1; 20].into_iter());
    assert_shows_what_was_sent(&open(&capture), &capture);
}

#[test]
fn frames_inside_a_long_body_hide_no_frame_around_it() {
    let capture = nested(1..20);
    let shown: BTreeSet<(u32, u32)> =
        open(&capture).frames().iter().map(|frame| (frame.op, frame.seq)).collect();
    let hidden: Vec<Frame> =
        whole(&capture).into_iter().filter(|frame| !shown.contains(&(frame.op, frame.seq))).collect();
    assert_eq!(hidden, []);
    assert_survives(&open(&capture));
}

#[test]
fn garbage_on_every_port_does_no_harm() {
    let rng = &mut rng();
    let mut flows = Vec::new();
    for (index, port) in [80, 8080, 443].into_iter().cycle().take(60).enumerate() {
        let mut script = Script::starting_at(Duration::from_millis(index as u64));
        script.handshake = index % 2 == 0;
        for write in 0..6 {
            let mut bytes = vec![0; 1 + rng.next_u32() as usize % 3000];
            rng.fill_bytes(&mut bytes);
            // Of some the beginning is all right, of some it is only plausible.
            if index % 3 == 0 && bytes.len() > HEADER_LEN {
                let packet_len = [7, 16, 2000, MAX_PACKET_LEN as u32, u32::MAX][(index / 3 + write) % 5];
                bytes[..8].copy_from_slice(&header(packet_len, 0, 0)[..8]);
            }
            script.wait(5).write(Direction::BOTH[write % 2], [Chunk::raw(bytes)]);
        }
        flows.push(script.play(Endpoints::v4(20_000 + index as u16, port), [rng.next_u32(), rng.next_u32()]));
    }
    let opened = open(&Capture::new(flows));
    assert_survives(&opened);
    assert_survives(&opened.with(&["-o", "wechat.try_any_port:TRUE", "-o", "wechat.desegment:FALSE"]));
    assert!(!opened.packets("wechat").is_empty(), "some of it looks like WeChat's");
}

#[test]
fn two_hundred_thousand_frames_in_the_largest_packets_are_all_shown() {
    const FRAMES: u32 = 200_000;
    /// An IP packet has at most 65535 bytes, 40 of them headers.
    const IN_A_PACKET: u32 = (65_535 - 40) / HEADER_LEN as u32;
    let seqs: Vec<u32> = (1..=FRAMES).collect();
    let packets = seqs.chunks(IN_A_PACKET as usize).enumerate().map(|(index, seqs)| {
        let offset = index as u64 * u64::from(IN_A_PACKET) * HEADER_LEN as u64;
        Packet {
            time: Duration::from_millis(index as u64),
            flow: 0,
            direction: Direction::ClientToServer,
            identification: index as u16,
            sequence: offset as u32,
            acknowledgement: 1,
            control: Control::PshAck,
            offset,
            payload: seqs.iter().flat_map(|&seq| Pdu::empty(op::NOOP, seq).encode()).collect(),
        }
    });
    let opened = opened::open_packets(packets, &Endpoints::v4(40_700, 8080));
    let shown: Vec<u32> = opened.frames().iter().map(|frame| frame.seq).collect();
    assert!(shown == seqs, "{} frames are shown, not all that were sent, in order", shown.len());
}
