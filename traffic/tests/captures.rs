// SPDX-License-Identifier: GPL-2.0-or-later
//! What holds for every capture.

mod common;

use common::{parse, streams, to_bytes};
use pcap_file::pcap::PcapReader;
use wechat_traffic::bench::{self, Bench, Dress, Totals};
use wechat_traffic::capture::{Capture, Wrapping};
use wechat_traffic::packet::Direction;
use wechat_traffic::pdu::Pdu;
use wechat_traffic::truth::{self, Row};
use wechat_traffic::{carried, case, exchanges, fault, sample};

#[test]
fn same_seed_same_bytes() {
    type Make = Box<dyn Fn(u64) -> Capture>;
    let mut makers: Vec<(&str, Make)> =
        vec![("sample", Box::new(sample::capture)), ("exchanges", Box::new(exchanges::capture))];
    for case in case::CASES.iter().chain(carried::CASES) {
        makers.push((case.name, Box::new(|seed| case.capture(seed))));
    }
    for fault in fault::FAULTS {
        makers.push((fault.name, Box::new(|seed| fault::robust(fault, seed))));
    }
    for (name, make) in makers {
        let file = to_bytes(&make(1));
        assert_eq!(file, to_bytes(&make(1)), "{name}");
        assert_ne!(file, to_bytes(&make(2)), "{name}");
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = case::CASES.iter().chain(carried::CASES).map(|case| case.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(case::find("merged").is_some());
    assert!(fault::find("garbage").is_some());
}

#[test]
fn streams_hold_the_pdus_of_the_truth() {
    let whole = |capture: &Capture| {
        let rows = truth::rows(capture).unwrap();
        !rows.is_empty() && rows.iter().all(|row| row.intact)
    };
    let cases = case::CASES.iter().map(|case| (case.name, case.capture(7)));
    let faults = ["none", "seq-wrap"].map(|name| (name, fault::robust(fault::find(name).unwrap(), 7)));
    let mut compared = 0;
    for (name, capture) in cases.chain(faults).filter(|(_, capture)| whole(capture)) {
        let rows = truth::rows(&capture).unwrap();
        let streams = streams(&parse(&to_bytes(&capture)));
        let found: usize = streams.iter().map(|stream| compare(name, stream, &rows)).sum();
        assert_eq!(found, rows.len(), "{name}");
        compared += 1;
    }
    assert!(compared >= 16, "{compared} captures");
}

/// Reads a stream's frames and finds them in the truth; returns how many there are.
fn compare(name: &str, mut stream: &[u8], rows: &[Row]) -> usize {
    let mut found = 0;
    while let Some(pdu) = Pdu::read_from(&mut stream).unwrap() {
        let known =
            rows.iter().any(|row| (row.op, row.seq, row.packet_len) == (pdu.op, pdu.seq, pdu.packet_len()));
        assert!(known, "{name}: {} {}", pdu.op, pdu.seq);
        found += 1;
    }
    found
}

#[test]
fn what_is_carried_otherwise_is_whole() {
    for case in carried::CASES {
        let rows = truth::rows(&case.capture(7)).unwrap();
        // The second link of one begins within a frame.
        let cut = usize::from(case.name == "same-ends-late");
        let intact = rows.iter().filter(|row| row.intact).count();
        assert!(rows.len() >= 5 && intact + cut == rows.len(), "{}: {intact} of {}", case.name, rows.len());
    }
}

#[test]
fn payloads_may_be_written_alone() {
    let capture = case::find("other-port").unwrap().capture(1);
    let payloads: Vec<_> = capture.packets().iter().map(|packet| &packet.payload).collect();
    let payloads: Vec<_> = payloads.into_iter().filter(|payload| !payload.is_empty()).collect();
    for wrapping in [Wrapping::None, Wrapping::ExportedPdu] {
        let mut file = Vec::new();
        capture.write_payloads(&mut file, wrapping).unwrap();
        let mut reader = PcapReader::new(file.as_slice()).unwrap();
        let mut written = Vec::new();
        while let Some(record) = reader.next_packet() {
            written.push(record.unwrap().data.into_owned());
        }
        assert_eq!(written.len(), payloads.len());
        let ends = |(written, payload): (&Vec<u8>, &&Vec<u8>)| written.ends_with(payload);
        assert!(written.iter().zip(&payloads).all(ends), "{wrapping:?}");
    }
}

#[test]
fn the_exchanges_are_few_enough_to_read_and_all_whole() {
    let rows = truth::rows(&exchanges::capture(1)).unwrap();
    assert!((150..250).contains(&rows.len()), "{} frames", rows.len());
    assert!(rows.iter().all(|row| row.intact));
}

#[test]
fn packets_of_the_truth_carry_their_direction() {
    let capture = sample::capture(1);
    for row in truth::rows(&capture).unwrap() {
        let packet = &capture.packets()[row.packet.unwrap() - 1];
        assert_eq!(packet.direction, row.dir);
        assert!(!packet.payload.is_empty());
    }
}

#[test]
fn truth_is_json_lines() {
    let capture = sample::capture(1);
    let mut file = Vec::new();
    truth::write_json_lines(&capture, &mut file).unwrap();
    let read: Vec<Row> =
        serde_json::Deserializer::from_slice(&file).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(read, truth::rows(&capture).unwrap());

    let first = file.split(|&byte| byte == b'\n').next().unwrap();
    let expected =
        r#"{"stream":0,"dir":"c2s","op":205,"seq":4294967294,"packet_len":100,"intact":true,"packet":4}"#;
    assert_eq!(std::str::from_utf8(first).unwrap(), expected);
}

#[test]
fn bench_writes_as_many_frames_as_told() {
    let bench = Bench { frames: 101, connections: 3, seed: 1, dress: Dress::LongLink };
    let mut file = Vec::new();
    let totals = bench::write(&mut file, &bench).unwrap();
    let packets = parse(&file);
    let frames: usize = streams(&packets)
        .iter()
        .map(|stream| {
            let mut stream = stream.as_slice();
            std::iter::from_fn(|| Pdu::read_from(&mut stream).unwrap()).count()
        })
        .sum();
    assert_eq!(frames, 101);
    let expected = Totals { frames: 101, packets: packets.len() as u64 };
    assert_eq!(totals, expected);
}

#[test]
fn cases_do_what_they_say() {
    let capture = |name: &str| case::find(name).unwrap().capture(1);
    let broken = |name: &str| {
        let rows = truth::rows(&capture(name)).unwrap();
        rows.iter().filter(|row| !row.intact).count()
    };
    assert_eq!(broken("truncated-end"), 1);
    assert_eq!(broken("mid-stream"), Direction::BOTH.len());
    assert!(broken("snaplen") > 0);

    let behind = |name: &str| {
        let capture = capture(name);
        let mut end = std::collections::HashMap::new();
        let packets = capture.packets().iter().filter(|packet| !packet.payload.is_empty());
        packets
            .filter(|packet| {
                let end = end.entry((packet.flow, packet.direction)).or_insert(0);
                let behind = packet.range().start < *end;
                *end = packet.range().end.max(*end);
                behind
            })
            .count()
    };
    assert_eq!(behind("merged"), 0);
    assert_eq!(behind("out-of-order"), 1);
    assert_eq!(behind("retransmission"), 1);

    for name in ["foreign", "open-mars"] {
        assert!(truth::rows(&capture(name)).unwrap().is_empty());
        assert!(!capture(name).packets().is_empty());
    }
}
