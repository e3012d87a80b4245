// SPDX-License-Identifier: GPL-2.0-or-later
//! The short link: calls in MMTLS and in plain HTTP, against what the generator made of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use wechat_traffic::mmtls::key_log::Opening;
use wechat_traffic::mmtls::record::What;
use wechat_traffic::mmtls::truth::{CallRow, Row, State};
use wechat_traffic::packet::Direction;

use crate::support::mmtls::{make, open, open_made};
use crate::support::opened::Opened;

const LOG: &str = "records";

/// A call as the truth has it, and whether both sides of its session open.
struct Call {
    row: CallRow,
    opened: [bool; 2],
}

impl Call {
    /// The packets of request and answer, where they are to be seen.
    fn packets(&self) -> [Option<usize>; 2] {
        let [request, answer] = self.opened;
        [self.row.request.filter(|_| request), self.row.answer.filter(|_| answer)]
    }
}

/// The calls of a case, and the case opened with a key log.
fn calls(case: &str, log: &str) -> (Vec<Call>, Opened) {
    let made = make(case);
    let logs = [made.log(log).expect("a key log")];
    let rows = made.truth(&logs).expect("the truth");
    let records: Vec<_> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Record(record) if record.what == What::Data => Some(record),
            _ => None,
        })
        .collect();
    let opens = |session: Option<usize>, from: Direction| {
        let mut of_call =
            records.iter().filter(|record| Some(record.session) == session && record.dir == from).peekable();
        let opens = |opening: Option<&Opening>| !matches!(opening, None | Some(Opening::Tag));
        session.is_none()
            || of_call.peek().is_some()
                && of_call.all(|record| record.state == State::Intact && opens(record.opened.get(log)))
    };
    let calls = rows.iter().filter_map(|row| match row {
        Row::Call(row) => {
            let opened = [Direction::ClientToServer, Direction::ServerToClient];
            Some(Call { opened: opened.map(|from| opens(row.session, from)), row: row.clone() })
        }
        _ => None,
    });
    (calls.collect(), open_made(&made, Some(log)))
}

/// A message as tshark shows it: the values of its fields, the first of each name.
struct Shown {
    packet: usize,
    values: BTreeMap<String, String>,
}

impl Shown {
    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name).map(|value| value.parse().expect("a number"))
    }

    /// The expert infos of the short link.
    fn notes(&self) -> BTreeSet<&str> {
        let notes = self.values.iter().filter(|(name, value)| value.is_empty() && name.contains('.'));
        notes.filter_map(|(name, _)| name.strip_prefix("wechat_short.")).collect()
    }
}

fn flatten(fields: &Map<String, Value>, values: &mut BTreeMap<String, String>) {
    for (name, value) in fields {
        let all = match value {
            Value::Array(all) => &all[..],
            one => std::slice::from_ref(one),
        };
        for value in all {
            match value {
                Value::Object(fields) => flatten(fields, values),
                Value::String(text) => drop(values.entry(name.clone()).or_insert_with(|| text.clone())),
                other => panic!("{name} is {other}"),
            }
        }
    }
}

fn messages(opened: &Opened) -> Vec<Shown> {
    let layers = opened.layers_of("wechat_short");
    let message = |(packet, fields): (usize, Map<String, Value>)| {
        let mut values = BTreeMap::new();
        flatten(&fields, &mut values);
        Shown { packet, values }
    };
    layers.into_iter().map(message).collect()
}

/// Takes the message of a call out of those that are shown.
#[track_caller]
fn take(case: &str, shown: &mut Vec<Shown>, packet: usize, is_request: bool, name: &str) -> Shown {
    let is_it = |one: &Shown| {
        one.packet == packet && one.get("wechat_short.uri").is_some() == is_request
            // Of an answer whose request nobody saw there is no name.
            && one.get("wechat_short.name").is_none_or(|shown| shown == name)
    };
    let at = shown.iter().position(is_it).unwrap_or_else(|| panic!("{case}, packet {packet}: no {name}"));
    shown.remove(at)
}

#[test]
fn calls_are_those_that_were_made() {
    let cases = [
        ("calls", LOG),
        ("long-calls", "secrets"),
        ("given-up", LOG),
        ("misnamed", LOG),
        ("pipelined", LOG),
        ("keep-alive", LOG),
        ("plain-2015", LOG),
        ("media-types", LOG),
        ("phone", "secrets"),
        ("http-1.0", LOG),
        ("proxy", LOG),
        ("connect", LOG),
        ("answer-only", LOG),
        ("replay", "secrets"),
        ("gzip-chunked", LOG),
        ("chunked-posts", LOG),
        ("calls", "every-second"),
    ];
    for (case, log) in cases {
        let (calls, opened) = calls(case, log);
        let mut shown = messages(&opened.with(&["-2"]));
        assert!(!calls.is_empty() && !shown.is_empty(), "{case}");
        for call in &calls {
            let row = &call.row;
            let [request, answer] = call.packets();
            let cgi = row.cgi_type.map(|cgi| cgi as usize);
            if let Some(packet) = request {
                let asked = take(case, &mut shown, packet, true, &row.name);
                let text = |name| asked.get(name);
                assert_eq!(text("wechat_short.uri"), Some(&*row.uri), "{case}");
                assert_eq!(text("wechat_short.host"), Some(&*row.host), "{case}");
                assert_eq!(text("wechat_short.carrier"), Some(&*row.carrier), "{case}");
                assert_eq!(asked.number("wechat_short.stream"), Some(row.stream), "{case}");
                assert_eq!(asked.number("wechat_short.body_len"), row.request_len.or(Some(0)), "{case}");
                assert_eq!(asked.number("wechat.business.cgi"), cgi, "{case}");
                if row.answer == answer {
                    assert_eq!(asked.number("wechat_short.response_in"), answer, "{case}");
                    assert_eq!(asked.get("wechat_short.unanswered").is_some(), answer.is_none(), "{case}");
                }
            }
            let Some(packet) = answer else { continue };
            let answered = take(case, &mut shown, packet, false, &row.name);
            assert_eq!(answered.number("wechat_short.stream"), Some(row.stream), "{case}");
            if row.answer_len.is_some() {
                assert_eq!(answered.number("wechat_short.body_len"), row.answer_len, "{case}");
            }
            assert_eq!(answered.number("wechat.business.cgi"), cgi, "{case}");
            assert_eq!(answered.number("wechat_short.response_to"), request, "{case}");
            let time = answered.get("wechat_short.response_time").map(|time| time.replace('.', ""));
            let time = time.map(|digits| digits.parse::<u64>().expect("digits") / 1000);
            assert_eq!(time, row.time_us.filter(|_| request.is_some()), "{case}");
            assert_eq!(answered.notes().contains("no_request"), request.is_none(), "{case}");
        }
        let all_open = calls.iter().all(|call| call.opened == [true, true] || call.row.request.is_none());
        assert!(!all_open || shown.is_empty(), "{case}: {} messages more", shown.len());
    }
}

#[test]
fn calls_that_are_odd_are_noted() {
    let noted = |case: &str| -> Vec<(usize, String)> {
        let shown = messages(&open(case, Some(LOG)).with(&["-2"]));
        let notes = shown.iter().flat_map(|one| {
            one.notes().into_iter().map(|note| (one.packet, note.to_owned())).collect::<Vec<_>>()
        });
        notes.collect()
    };
    let note = |packet, note: &str| (packet, note.to_owned());
    assert_eq!(noted("given-up"), [note(4, "no_response"), note(12, "retry")]);
    assert_eq!(noted("misnamed"), [note(4, "name_differs"), note(13, "name_differs")]);
    assert_eq!(noted("replay"), [note(22, "duplicate_request")]);
    assert_eq!(noted("calls"), []);
    let opened = open("given-up", Some(LOG)).with(&["-2"]);
    let fields = ["frame.number", "wechat_short.retry_of", "wechat_short.retried_in", "_ws.col.Info"];
    let lines = opened.values("wechat_short.retry_of or wechat_short.retried_in", &fields);
    assert!(lines[0].starts_with("4  12 ") && lines[0].contains("getcdndns request [no response seen]"));
    assert!(lines[1].starts_with("12 4  ") && lines[1].contains("getcdndns request [again]"));
}

#[test]
fn addresses_go_to_the_dissector_of_xml_once() {
    let opened = open("plain-2015", None);
    let answers = "wechat_short.addresses";
    // HTTP itself shows the first, which it has inflated.
    assert_eq!(
        opened.values(answers, &["frame.protocols"]),
        ["eth:ethertype:ip:tcp:http:xml:wechat_short", "eth:ethertype:ip:tcp:http:data:wechat_short:xml"]
    );
    let fields = ["xml.tag", "wechat_short.response_time"];
    let shown = opened.values("wechat_short.addresses and xml.tag contains \"domain\"", &fields);
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|line| line.ends_with(" 0.030000000")), "{shown:?}");
    let queries = opened.values("wechat_short.parameter", &["wechat.client_version", "wechat_short.uin"]);
    assert_eq!(queries.len(), 2);
    assert!(queries.iter().all(|line| line.starts_with("0x28001737 #")), "{queries:?}");
    let shown = opened.with(&["-o", "wechat.show_account:TRUE"]);
    let number = shown.values("wechat_short.parameter", &["wechat_short.uin"]);
    assert!(number[0].parse::<u32>().is_ok(), "{number:?}");
    // The dissector of XML may be off.
    let without = opened.with(&["--disable-protocol", "xml"]);
    assert_eq!(without.packets(answers), [5, 13]);
    assert!(without.packets("xml").is_empty());
}

/// What a statistic prints, without the lines around it.
fn statistic(opened: &Opened, command: &str) -> String {
    opened.text(&["-q", "-z", command])
}

#[test]
fn a_line_for_each_call() {
    for (case, log) in [("phone", "secrets"), ("plain-2015", LOG), ("given-up", LOG)] {
        let (calls, opened) = calls(case, log);
        let [once, twice] = [&[][..], &["-2"]].map(|passes| {
            let text = statistic(&opened.with(passes), "wechat_short,calls,json");
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            lines.collect::<Vec<_>>()
        });
        let seen: Vec<&Call> = calls.iter().filter(|call| call.packets() != [None, None]).collect();
        assert_eq!((once.len(), twice.len()), (seen.len(), seen.len()), "{case}");
        let mut once = once.iter();
        for (line, call) in twice.iter().zip(seen) {
            let row = &call.row;
            let [request, answer] = call.packets();
            let number = |value: Option<usize>| value.map_or(Value::Null, Value::from);
            assert_eq!(
                (&line["frame"], &line["response_frame"]),
                (&number(request), &number(answer)),
                "{case}"
            );
            for (name, expected) in [("carrier", &row.carrier), ("host", &row.host), ("uri", &row.uri)] {
                assert_eq!(line[name], **expected, "{case}");
            }
            assert_eq!(line["cgi"], number(row.cgi_type.map(|cgi| cgi as usize)), "{case}");
            assert_eq!(line["stream"], row.stream, "{case}");
            assert_eq!(line["request_len"], number(row.request_len.or(Some(0))), "{case}");
            let time = line["response_time"].as_f64().map(|time| (time * 1e6).round() as u64);
            assert_eq!(time, row.time_us, "{case}");
            assert!(is_client(&line["client"]), "{case}");
            // What lies ahead is known in the second pass only.
            let mut before = once.next().expect("as many").clone();
            before["notes"] = line["notes"].clone();
            assert_eq!(before, *line, "{case}");
        }
    }
    let text = statistic(&open("given-up", Some(LOG)).with(&["-2"]), "wechat_short,calls");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((lines[0][0], lines[0].last()), ("call", Some(&"notes")));
    assert_eq!(lines[1].last(), Some(&"wechat_short.no_response"));
    assert!(lines.len() == 3 && lines.iter().all(|line| line.len() == lines[0].len()));
    // Other words are an error, and frames of the long link are other lines.
    assert!(!open("calls", None).with(&["-q", "-z", "wechat_short,calls,csv"]).run().status.success());
    assert_eq!(statistic(&open("calls", Some(LOG)), "wechat,frames").lines().count(), 1);
}

/// Whether it is an address of a client's.
fn is_client(address: &Value) -> bool {
    address.as_str().is_some_and(|address| address.starts_with("192.168.") || address.starts_with("10."))
}

#[test]
fn calls_are_counted_and_timed() {
    let opened = open("calls", Some(LOG));
    for passes in [&[][..], &["-2"]] {
        let opened = opened.with(passes);
        let times = statistic(&opened, "wechat_short,srt");
        let newsync = times.lines().find(|line| line.contains("newsync")).expect("a row");
        let columns: Vec<&str> = newsync.split_whitespace().collect();
        assert_eq!(columns[1..6], ["newsync", "1", "0.085000", "0.085000", "0.085000"]);
        let tree = statistic(&opened, "wechat_short,tree");
        let count = |name: &str| {
            let line = tree.lines().find(|line| line.trim_start().starts_with(name)).expect("a node");
            line[name.len()..].split_whitespace().find_map(|word| word.parse::<u32>().ok()).expect("a count")
        };
        assert_eq!(count("Calls  "), 10);
        assert_eq!((count("Calls without a response"), count("Responses without a request")), (0, 0));
    }
    let talk = statistic(&opened, "follow,wechat_short,ascii,0");
    assert!(talk.contains("Filter: wechat_short.stream == 0"), "{talk}");
    let lines: Vec<&str> = talk.lines().filter(|line| line.contains("getcdndns")).collect();
    assert_eq!(lines, ["getcdndns request", "getcdndns response"]);
}

#[test]
fn each_protocol_can_be_off() {
    let calls = open("calls", Some(LOG));
    let without = calls.with(&["--disable-protocol", "wechat_short"]);
    assert!(without.packets("wechat_short").is_empty());
    assert_eq!(without.packets("mmtls.plain_len"), calls.packets("mmtls.plain_len"));
    let plain = open("plain-2015", None);
    let without = plain.with(&["--disable-protocol", "mmtls", "--disable-protocol", "wechat_web"]);
    assert_eq!(without.packets("wechat_short"), plain.packets("wechat_short"));
    assert_eq!(plain.packets("wechat_short").len(), 16);
}
