// SPDX-License-Identifier: GPL-2.0-or-later
//! The truth against an independent reading of the bytes.

use std::collections::HashMap;

use wechat_traffic::bench::{self, Bench, Dress};
use wechat_traffic::mmtls::case;
use wechat_traffic::mmtls::fault::{self, FAULTS};
use wechat_traffic::mmtls::key_log::{KINDS, Opening};
use wechat_traffic::mmtls::random::first_random;
use wechat_traffic::mmtls::record::What;
use wechat_traffic::mmtls::session::Handshake;
use wechat_traffic::mmtls::truth::{Row, State, write_json_lines};
use wechat_traffic::packet::Direction::{ClientToServer, ServerToClient};
use wechat_traffic::pdu::Pdu;

use super::reader::{self, Found, unhex};
use super::{made, packets, rows, sound};
use crate::common::{parse, streams, to_bytes};

/// Sessions as they were read.
fn read(made: &case::Made) -> Vec<Found> {
    reader::sessions(&packets(made))
}

#[test]
fn connections_are_without_gaps() {
    // All but that which has no beginning.
    for case in sound().filter(|case| case.name != "answer-only") {
        let made = case.make(6).unwrap();
        let directions = streams(&packets(&made));
        assert_eq!(directions.len(), 2 * made.story.connections.len(), "{}", case.name);
        assert!(directions.iter().any(|bytes| !bytes.is_empty()));
    }
}

#[test]
fn same_seed_same_bytes() {
    for case in case::all() {
        let [first, again, other] = [1, 1, 2].map(|seed| case.make(seed).unwrap());
        assert!(to_bytes(&first.capture) == to_bytes(&again.capture), "{}", case.name);
        assert!(to_bytes(&first.capture) != to_bytes(&other.capture), "{}", case.name);
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<String> = case::all().into_iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(fault::find("tag").is_some());
}

#[test]
fn lines_open_every_sealed_record() {
    let mut opened = 0;
    for case in sound() {
        let made = case.make(3).unwrap();
        let truth = rows(&made, &["records"]);
        let log = &made.log("records").unwrap().bytes;
        let mut sessions = read(&made);
        assert_eq!(sessions.len(), truth.sessions.len(), "{}", case.name);
        let count: usize = sessions.iter_mut().map(|session| reader::open_by_lines(session, log)).sum();
        let expected = truth.records.iter().filter(|row| row.opened.contains_key("records"));
        let there = expected.filter(|row| row.state == State::Intact);
        assert_eq!(count, there.count(), "{}", case.name);
        opened += count;
    }
    assert!(opened > 2000, "{opened}");
}

#[test]
fn secrets_open_every_sealed_record() {
    for case in sound() {
        let made = case.make(4).unwrap();
        let truth = rows(&made, &["secrets"]);
        let log = String::from_utf8(made.log("secrets").unwrap().bytes.clone()).unwrap();
        let mut secrets: HashMap<(String, Vec<u8>), Vec<u8>> = HashMap::new();
        for line in log.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if words[0].starts_with("MMTLS_") {
                secrets.insert((words[0].into(), unhex(words[1])), unhex(words[2]));
            }
        }
        for mut session in read(&made) {
            let Some(hello) = session.of(true).next() else { continue };
            let full = hello.body[7] == 2 || hello.body[8..10] == [0xC0, 0x2B];
            let random_at = if hello.body[7] == 2 { 12 } else { 10 };
            let random = hello.body[random_at..random_at + 32].to_vec();
            let secret = |label: &str| secrets.get(&(label.to_owned(), random.clone()));
            if session.of(false).next().is_some_and(|first| first.header[0] == reader::ALERT) {
                continue;
            }
            if full {
                reader::open_by_secret(&mut session, secret("MMTLS_SHARED_SECRET").map(Vec::as_slice), None);
            } else {
                reader::open_by_secret(&mut session, None, secret("MMTLS_PSK").map(Vec::as_slice));
            }
            let closed = session.records.iter().filter(|record| record.plain.is_none());
            assert_eq!(closed.count(), 0, "{}", case.name);
        }
        let sealed = truth.records.iter().filter(|row| row.epoch.is_some() && row.state == State::Intact);
        // Of an answer whose request is missing, nothing follows from secrets.
        let opened = sealed.clone().filter(|row| row.opened.get("secrets") == Some(&Opening::Secret));
        if case.name != "answer-only" {
            assert_eq!(opened.count(), sealed.count(), "{}", case.name);
        }
    }
}

#[test]
fn frames_and_calls_are_inside() {
    let (mut frames, mut calls) = (0, 0);
    for case in sound() {
        let made = case.make(5).unwrap();
        let truth = rows(&made, &["records"]);
        let log = &made.log("records").unwrap().bytes;
        let mut sessions = read(&made);
        // In the order of first packets of connections, as streams are; of one connection, in its order.
        let mut order: Vec<_> = truth.sessions.iter().collect();
        order.sort_by_key(|row| (row.stream, row.session));
        for (session, row) in sessions.iter_mut().zip(order) {
            reader::open_by_lines(session, log);
            if row.flow == Handshake::Refused {
                continue;
            }
            if row.carrier == "tcp" {
                for dir in [ClientToServer, ServerToClient] {
                    let data = session.data(dir == ClientToServer);
                    let mut data = data.as_slice();
                    let expected =
                        truth.frames.iter().filter(|frame| frame.session == row.session && frame.dir == dir);
                    for expected in expected {
                        let frame = Pdu::read_from(&mut data).unwrap().unwrap();
                        let (op, seq, len) = (expected.op, expected.seq, expected.packet_len);
                        assert_eq!(
                            (frame.op, frame.seq, frame.packet_len()),
                            (op, seq, len),
                            "{}",
                            case.name
                        );
                        assert!(expected.intact && expected.packet.is_some());
                        frames += 1;
                    }
                    assert!(data.is_empty(), "{}", case.name);
                }
                continue;
            }
            let Some(call) = truth.calls.iter().find(|call| call.session == Some(row.session)) else {
                assert_eq!(row.flow, Handshake::Full, "{}", case.name);
                continue;
            };
            let answered = session.of(false).next().is_some();
            let answer = answered.then(|| session.data(false).len());
            assert_eq!(answer, call.answer.and(call.answer_len));
            if session.of(true).next().is_none() {
                continue;
            }
            let request = session.data(true);
            let (uri, host, body) = framing(&request);
            assert_eq!((uri, host), (call.uri.clone(), call.host.clone()));
            assert_eq!(Some(body), call.request_len);
            assert!(call.uri.ends_with(&call.name) && call.time_us.is_some() == answered);
            calls += 1;
        }
    }
    assert!(frames > 700 && calls > 90, "{frames} frames, {calls} calls");
}

/// URI, host and the length of the body.
fn framing(data: &[u8]) -> (String, String, usize) {
    fn take<'a>(data: &mut &'a [u8], size: usize) -> &'a [u8] {
        let (taken, rest) = data.split_at(size);
        *data = rest;
        taken
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let mut rest = data;
    assert_eq!(number(take(&mut rest, 4)), data.len() - 4);
    let mut text = || {
        let len = number(take(&mut rest, 2));
        String::from_utf8(take(&mut rest, len).to_vec()).unwrap()
    };
    let (uri, host) = (text(), text());
    let body = number(take(&mut rest, 4));
    assert_eq!(body, rest.len());
    (uri, host, body)
}

#[test]
fn packets_carry_their_direction_and_partners_are_mutual() {
    for case in sound() {
        let made = case.make(1).unwrap();
        let truth = rows(&made, &[]);
        for row in truth.records.iter().filter(|row| row.state == State::Intact) {
            let packet = &made.capture.packets()[row.packet.unwrap() - 1];
            assert_eq!(packet.direction, row.dir, "{}", case.name);
            assert!(!packet.payload.is_empty());
            assert!(row.first_packet <= row.packet);
        }
        for frame in &truth.frames {
            let partner = |packet| {
                truth.frames.iter().find(|other| {
                    (other.packet, other.stream, other.seq) == (Some(packet), frame.stream, frame.seq)
                        && other.dir != frame.dir
                })
            };
            if let Some(packet) = frame.partner {
                assert_eq!(partner(packet).unwrap().partner, frame.packet, "{}", case.name);
            }
        }
        let paired = truth.frames.iter().filter(|frame| frame.partner.is_some()).count();
        assert_eq!(paired % 2, 0);
    }
}

#[test]
fn one_ticket_serves_the_long_link_and_23_calls() {
    let truth = rows(&made("phone"), &[]);
    let shared: Vec<_> = truth
        .sessions
        .iter()
        .filter(|row| row.ticket.as_ref().is_some_and(|ticket| ticket.uses == 24))
        .collect();
    assert_eq!(shared.len(), 24);
    let issuer = shared[0].ticket.as_ref().unwrap().issued_in.unwrap();
    assert_eq!(truth.sessions[issuer].flow, Handshake::Full);
    for (nth, row) in shared.iter().enumerate() {
        let ticket = row.ticket.as_ref().unwrap();
        assert_eq!((ticket.nth, ticket.issued_in), (nth + 1, Some(issuer)));
        assert!(ticket.age_us.unwrap() > 0);
    }
    assert_eq!(shared.iter().filter(|row| row.flow == Handshake::EarlyData).count(), 23);
    assert_eq!(truth.sessions.iter().filter(|row| row.flow == Handshake::Refused).count(), 1);
}

#[test]
fn clocks_ages_and_replays_are_told() {
    let offsets: Vec<i64> = rows(&made("clocks"), &[])
        .sessions
        .iter()
        .map(|row| row.clock_offset_us.unwrap() / 10_000_000)
        .collect();
    assert_eq!(offsets, [0, -360, 25_919, -4, -142_174_000]);
    let hours: Vec<u64> = rows(&made("ages"), &[])
        .sessions
        .iter()
        .filter_map(|row| Some(row.ticket.as_ref()?.age_us? / 3_600_000_000))
        .collect();
    // A moment less, because the ticket came a moment later than the hello.
    assert_eq!(hours, [0, 47, 191]);
    let replay: Vec<_> = rows(&made("replay"), &[]).sessions.iter().map(|row| row.replay_of).collect();
    assert_eq!(replay, [None, None, Some(0)]);
}

#[test]
fn posts_are_named_by_the_clients_clock() {
    let third_party = made("third-party");
    let made = made("calls");
    let truth = rows(&made, &[]);
    let file = String::from_utf8_lossy(&to_bytes(&made.capture)).into_owned();
    for row in &truth.sessions {
        let path = format!("POST /mmtls/{:08x} HTTP/1.1\r\n", first_random(row.client_time));
        assert!(file.contains(&path));
        assert_eq!(row.path, Some(format!("{:08x}", first_random(row.client_time))));
        assert_eq!(row.path_time, Some(row.client_time));
    }
    assert!(rows(&third_party, &[]).sessions.iter().all(|row| row.path_time.is_none()));
}

#[test]
fn key_logs_open_what_they_say() {
    let made = made("phone");
    let logs: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let truth = rows(&made, &logs);
    let opened = |log: &str, what: What, dir| {
        let mut ways: Vec<_> = truth
            .records
            .iter()
            .filter(|row| row.what == what && row.dir == dir && row.epoch.is_some())
            .map(|row| row.opened.get(log).copied())
            .collect();
        ways.sort_unstable();
        ways.dedup();
        ways
    };
    let (line, same) = (Some(Opening::Line), Some(Opening::SameDirection));
    assert_eq!(opened("records", What::Data, ClientToServer), [line]);
    assert_eq!(opened("hashes", What::Data, ServerToClient), [Some(Opening::Secret)]);
    assert_eq!(opened("wrong-keys", What::Data, ServerToClient), [Some(Opening::Tag)]);
    assert_eq!(opened("wrong-lengths", What::Data, ServerToClient), [None]);
    assert_eq!(opened("wrong-secrets", What::Data, ServerToClient), [None]);
    assert_eq!(opened("duplicate-tails", What::Data, ServerToClient), [line]);
    assert_eq!(opened("every-second", What::Data, ServerToClient), [line, same]);
    assert_eq!(opened("client-only", What::Data, ServerToClient), [None]);
    assert_eq!(opened("client-only", What::Data, ClientToServer), [line]);
    assert_eq!(opened("one-psk", What::Data, ServerToClient), [Some(Opening::Secret)]);
    assert_eq!(opened("one-psk", What::CertificateVerify, ServerToClient), [None]);
    assert_eq!(opened("foreign", What::Data, ServerToClient), [None]);
    assert_eq!(opened("empty", What::Data, ServerToClient), [None]);
    for name in ["crlf", "upper-case", "no-final-newline", "garbage", "comments", "reversed", "mixed"] {
        assert_eq!(opened(name, What::Data, ServerToClient), [line], "{name}");
    }
    let text = |name: &str| String::from_utf8(made.log(name).unwrap().bytes.clone()).unwrap();
    assert!(text("crlf").ends_with("\r\n") && !text("no-final-newline").ends_with('\n'));
    assert!(text("upper-case").contains("\"layer\":\"OUTER\",\"encrypt\":true,\"nonce\":\""));
    assert!(text("mixed").contains("\nWECHAT_SESSION_KEY "));
    assert!(made.log("wrong-lengths").unwrap().wrong_lengths > 50);
}

#[test]
fn business_packets_have_their_truth() {
    for (name, count) in [("calls", 20), ("plain-2015", 12), ("tickets", 12)] {
        let made = made(name);
        let truth = made.truth(&[made.log("mixed").unwrap()]).unwrap();
        let business: Vec<_> = truth
            .iter()
            .filter_map(|row| if let Row::Business(row) = row { Some(row) } else { None })
            .collect();
        assert_eq!(business.len(), count, "{name}");
        assert_eq!(rows(&made, &[]).business, count);
        for row in business {
            assert!(row.opened.get("mixed") == Some(&Opening::Line) && row.packet.is_some(), "{name}");
            assert_eq!(row.message.len(), 2 * row.inflated_len);
        }
    }
    let plain = rows(&made("plain-2015"), &[]);
    let types: Vec<_> = plain.calls.iter().map(|call| (call.name.as_str(), call.cgi_type)).collect();
    let expected = [
        ("newgetdns", None),
        ("newgetdns", None),
        ("mmsnssync", Some(214)),
        ("androidgcmreg", Some(623)),
        ("getcontactlabellist", Some(639)),
        ("mmbatchemojidownload", Some(697)),
        ("rtkvreport", Some(716)),
        ("rtkvreport", Some(716)),
    ];
    assert_eq!(types, expected);
}

#[test]
fn bench_opens_with_its_key_log() {
    let bench = Bench { frames: 200, connections: 3, seed: 1, dress: Dress::Mmtls };
    let mut file = Vec::new();
    bench::write(&mut file, &bench).unwrap();
    let log = bench::key_log(&bench);
    let secrets: Vec<Vec<&str>> = log.lines().map(|line| line.split(' ').collect()).collect();
    let mut frames = 0;
    let mut sessions = reader::sessions(&parse(&file));
    assert_eq!(sessions.len(), 3);
    for session in &mut sessions {
        let hello = &session.of(true).next().unwrap().body;
        let named = |words: &&Vec<&str>| unhex(words[1]) == hello[10..42];
        let psk = unhex(secrets.iter().find(named).unwrap()[2]);
        reader::open_by_secret(session, None, Some(&psk));
        for from_client in [true, false] {
            let data = session.data(from_client);
            let mut data = data.as_slice();
            frames += std::iter::from_fn(|| Pdu::read_from(&mut data).unwrap()).count();
        }
    }
    assert_eq!(frames, 200);
}

#[test]
fn truth_is_json_lines() {
    let made = made("replay");
    let truth = made.truth(&made.logs()).unwrap();
    let mut file = Vec::new();
    write_json_lines(&truth, &mut file).unwrap();
    let read: Vec<Row> =
        serde_json::Deserializer::from_slice(&file).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(read, truth);
}

#[test]
fn faults_hit_what_they_say() {
    for fault in FAULTS {
        for seed in 0..4 {
            let made = fault::robust(fault, seed);
            let truth = rows(&made, &[]);
            let count = |state| truth.records.iter().filter(|row| row.state == state).count();
            let (broken, changed) = (count(State::Broken), count(State::Changed));
            let total = truth.records.len();
            let name = fault.name;
            let expected = match name {
                "none" | "segment-cuts" | "byte-segments" | "out-of-order" | "retransmission" | "garbage"
                | "seq-wrap" | "tag" | "text" | "tail" => 0..=0,
                "late-start" | "clean-late-start" => 5..=total * 4 / 5,
                "lost-segment" | "lost-bytes" => 1..=200,
                "one-direction" => total / 4..=total * 3 / 4 + 1,
                "snaplen" => 1..=total,
                _ => 1..=1,
            };
            assert!(expected.contains(&broken), "{name} {seed}: {broken} of {total}");
            assert_eq!(changed, usize::from(["tag", "text", "tail"].contains(&name)), "{name}");
            if changed > 0 {
                // A line names it, as long as its last bytes are its own; secrets name nothing.
                let with = rows(&made, &["records", "secrets"]);
                let row = with.records.iter().find(|row| row.state == State::Changed).unwrap();
                let expected = if name == "tail" { None } else { Some(&Opening::Tag) };
                assert_eq!((row.opened.get("records"), row.opened.get("secrets")), (expected, None));
            }
            let lost = truth.frames.iter().filter(|frame| !frame.intact).count();
            assert_eq!(lost > 0, broken + changed > 0, "{name} {seed}");
        }
    }
}
