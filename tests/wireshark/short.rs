// SPDX-License-Identifier: GPL-2.0-or-later
//! The short link: calls in MMTLS and in plain HTTP, against what the generator made of them.

use serde_json::Value;
use wechat_dissector::short_link::fields::{NOTES, TABLE as SHORT};
use wechat_traffic::mmtls::key_log::Opening;
use wechat_traffic::mmtls::truth::Row;

use crate::mmtls::{made, opened, shown};
use crate::mmtls_truth::{all_is_as_meant, compare};
use crate::support::opened::Opened;

const LOG: &str = "records";

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
    let faults = cases.map(|(case, log)| {
        let made = made(case);
        let log = made.log(log).expect("a key log");
        compare(case, &made, Some(&log), &shown(&opened(&made, Some(&log)).text(&["-2", "-T", "pdml"]))).0
    });
    all_is_as_meant(faults.into());
}

/// A case opened with a key log, if there is one.
fn open(case: &str, log: Option<&str>) -> Opened {
    let made = made(case);
    let log = log.map(|log| made.log(log).expect("a key log"));
    opened(&made, log.as_ref())
}

#[test]
fn calls_that_are_odd_are_noted() {
    let noted = |case: &str| -> Vec<(u32, &str)> {
        let shown = shown(&open(case, Some(LOG)).text(&["-2", "-T", "pdml"]));
        let ours = shown.iter().filter(|one| one.protocol == SHORT);
        let notes = ours.flat_map(|one| one.values.iter().map(|(name, _)| (one.packet, *name)));
        let is_note = |name: &str| NOTES.iter().any(|note| note.filter.to_str() == Ok(name));
        notes.filter(|(_, name)| is_note(name)).collect()
    };
    assert_eq!(noted("given-up"), [(4, "wechat_short.no_response"), (12, "wechat_short.retry")]);
    assert_eq!(noted("misnamed"), [(4, "wechat_short.name_differs"), (13, "wechat_short.name_differs")]);
    assert_eq!(noted("replay"), [(22, "wechat_short.duplicate_request")]);
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
        let opened = open(case, Some(log));
        let made = made(case);
        let rows = made.truth(&[made.log(log).expect("a key log")]).expect("the truth");
        let opens = |packet: Option<usize>| {
            let is_open = |row: &Row| {
                matches!(row, Row::Business(row) if packet.is_some() && row.packet == packet
                    && row.opened.get(log).is_some_and(|opening| *opening != Opening::Tag))
            };
            usize::from(rows.iter().any(is_open))
        };
        let calls = rows.iter().filter_map(|row| if let Row::Call(row) = row { Some(row) } else { None });
        let [once, twice] = [&[][..], &["-2"]].map(|passes| {
            let text = statistic(&opened.with(passes), "wechat_short,calls,json");
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            lines.collect::<Vec<_>>()
        });
        assert_eq!(once.len(), twice.len(), "{case}");
        let mut once = once.iter();
        for (line, row) in twice.iter().zip(calls) {
            let (request, answer) = (row.request, row.answer);
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
            let opened = row.cgi_type.map(|_| opens(request) + opens(answer));
            assert_eq!(line["opened"], number(opened), "{case}");
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
    assert_eq!((lines[0][0], lines[0].last()), ("call", Some(&"opened")));
    assert!(lines[1].contains(&"wechat_short.no_response"));
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
        assert_eq!(count("Calls without a response"), 0);
        assert!(!tree.contains("Responses without a request"), "{tree}");
    }
    let talk = statistic(&opened, "follow,wechat_short,ascii,0");
    assert!(talk.contains("Filter: wechat_short.stream == 0"), "{talk}");
    let lines: Vec<&str> = talk.lines().filter(|line| line.contains("getcdndns")).collect();
    let ends: Vec<_> = lines.iter().map(|line| line.splitn(3, "  ").nth(2)).collect();
    assert!(
        matches!(ends[..], [Some("getcdndns request"), Some(answer)] if answer.starts_with("getcdndns response")),
        "{lines:?}"
    );
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
