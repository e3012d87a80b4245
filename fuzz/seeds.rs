// SPDX-License-Identifier: GPL-2.0-or-later
//! Seeds for the fuzz targets, from generated captures. tests/corpus.rs runs the targets on them, and writes them
//! for `cargo xtask fuzz`.

use wechat_dissector::web::call::CALLS;
use wechat_traffic::capture::Capture;
use wechat_traffic::mmtls::case::Made;
use wechat_traffic::mmtls::key_log::KeyLog;
use wechat_traffic::mmtls::record::{Record, Version, What};
use wechat_traffic::packet::{Direction, Packet};
use wechat_traffic::web::dialogue::Call;
use wechat_traffic::{case, fault, mmtls, sample, web};

use crate::targets::OPERATIONS;

/// Longer inputs are slow, and no better.
const LONGEST: usize = 4096;

/// An input to start from.
pub struct Seed {
    pub target: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// All of them, each with a name of its own among those of its target.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut put = |target, name: &str, mut bytes: Vec<u8>| {
        bytes.truncate(LONGEST);
        seeds.push(Seed { target, name: name.to_owned(), bytes });
    };
    let mut captures = vec![("sample".to_owned(), sample::capture(1))];
    captures.extend(case::CASES.iter().map(|case| (case.name.to_owned(), case.capture(1))));
    captures.extend(fault::FAULTS.iter().map(|fault| (fault.name.to_owned(), fault::robust(fault, 1))));
    for (name, capture) in &captures {
        put("framing", name, framing(capture));
        put("session", name, session(capture));
        put("abi", name, abi(capture));
        for (index, body) in bodies(capture).into_iter().enumerate() {
            put("body", &format!("{name}-{index}"), body);
        }
        for (index, pair) in sync_keys(capture).windows(2).enumerate() {
            put("synckey", &format!("{name}-{index}"), synckey(pair[0], pair[1]));
        }
    }
    for case in web::case::cases() {
        let (dialogue, _) = case.dialogue(1, Some(20));
        for (index, calls) in dialogue.calls.chunks(3).enumerate() {
            put("web", &format!("{}-{index}", case.name), web_calls(calls));
        }
    }
    for case in mmtls::case::all() {
        let made = case.make(1).expect("a capture");
        // The messages in clear, and sealed ones as they were said.
        let messages = made.story.sessions.iter().flat_map(|session| &session.records);
        for (index, record) in messages.filter(|record| record.what != What::Data).take(12).enumerate() {
            put("handshake", &format!("{}-{index}", case.name), said(record));
        }
        let log = made.log("mixed").expect("a log");
        put("mmtls", &case.name, records(&made, &log));
        put("mmtls", &format!("{}-closed", case.name), records(&made, &made.log("empty").expect("a log")));
        put("framing", &format!("mmtls-{}", case.name), {
            let mut seed = framing(&made.capture);
            seed[0] = 0x83;
            seed
        });
        for (index, run) in runs(&made).into_iter().enumerate() {
            put("collector", &format!("{}-{index}", case.name), run);
        }
    }
    let made = mmtls::case::find("tickets").and_then(|case| case.make(1).ok()).expect("a capture");
    for log in made.logs() {
        for (index, piece) in [1, 60, 255].into_iter().enumerate() {
            put("keylog", &format!("{}-{index}", log.name), [&[piece], &log.bytes[..]].concat());
        }
    }
    for choice in 0..=u8::MAX {
        for kinds in [0x50, 0x54, 0x70, 0xc0, 0xd3] {
            put("business", &format!("{choice}-{kinds}"), business(choice, kinds));
        }
    }
    seeds
}

/// What a record says, as the target for messages takes it.
fn said(record: &Record) -> Vec<u8> {
    let kind = [0x16, 0x19, 0x15].iter().position(|kind| *kind == record.kind).unwrap_or(3) as u8;
    let version = u8::from(record.version == Version::F104) << 3;
    [&[kind | version | 16], &record.plain[..]].concat()
}

/// The segments of a capture, and the lines of its key log in the comments of the first.
fn records(made: &Made, log: &KeyLog) -> Vec<u8> {
    let text = String::from_utf8_lossy(&log.bytes);
    let mut comments = text.lines().filter(|line| line.starts_with("MMTLS_") || line.contains("OUTER"));
    let mut seed = vec![0];
    for packet in made.capture.packets().iter().filter(|packet| !packet.payload.is_empty()).take(64) {
        let comment = comments.by_ref().take(4).collect::<Vec<_>>().join("\n");
        let comment = &comment[..comment.len().min(2047)];
        let lane = (packet.flow as u8 & 3) << 1 | u8::from(is_server(packet));
        let head = packet.payload.windows(4).position(|end| end == b"\r\n\r\n").map(|end| end + 4);
        let body = &packet.payload[head.unwrap_or(0)..];
        let with_comment = u8::from(!comment.is_empty()) << 4;
        seed.push(lane | with_comment | u8::from(head.is_some()) << 5 | 64);
        seed.extend([0, 20]);
        if !comment.is_empty() {
            seed.extend((comment.len() as u16).to_be_bytes());
            seed.extend(comment.bytes());
        }
        seed.extend((body.len() as u16).to_be_bytes());
        seed.extend(body);
    }
    seed
}

/// The plaintext of data records, a run each, of which the frames that end in it are whole.
fn runs(made: &Made) -> Option<Vec<u8>> {
    let session = made.story.sessions.first()?;
    let mut seed = Vec::new();
    let data = session.records.iter().filter(|record| record.what == What::Data);
    for (index, record) in data.enumerate() {
        let run = &record.plain[..record.plain.len().min(200)];
        let side = u8::from(record.direction == Direction::ServerToClient) << 2;
        let whole = if index % 3 == 0 { run.len() / 2 } else { 255 };
        seed.extend([side | 16, run.len() as u8]);
        seed.extend(run);
        seed.push(whole as u8);
    }
    (!seed.is_empty()).then_some(seed)
}

/// The segments of the first flow.
fn segments(capture: &Capture) -> impl Iterator<Item = &Packet> {
    capture.packets().iter().filter(|packet| packet.flow == 0 && !packet.payload.is_empty())
}

fn is_server(packet: &Packet) -> bool {
    packet.direction == Direction::ServerToClient
}

/// The frames that begin a segment of their own: operation, seqid, body and packet.
fn frames(capture: &Capture) -> Vec<(u8, u8, &[u8], &Packet)> {
    let mut frames = Vec::new();
    for packet in segments(capture) {
        let mut rest = &packet.payload[..];
        while let Some((header, behind)) = rest.split_at_checked(16) {
            let number =
                |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let length = (number(0) as usize).saturating_sub(16);
            let op = OPERATIONS.iter().position(|op| *op == number(8));
            if let (Some(op), [0, 16, 0, 1]) = (op, &header[4..8]) {
                frames.push((op as u8, header[15], &behind[..length.min(behind.len())], packet));
            }
            rest = behind.get(length..).unwrap_or_default();
        }
    }
    frames
}

fn framing(capture: &Capture) -> Vec<u8> {
    let mut seed = vec![2, 0, 0, 0, 0];
    for packet in segments(capture).filter(|packet| !is_server(packet)) {
        seed.push(0);
        seed.extend((packet.payload.len() as u16).to_be_bytes());
        seed.extend(&packet.payload);
    }
    seed
}

fn session(capture: &Capture) -> Vec<u8> {
    let mut seed = vec![0];
    let mut last = None;
    for (op, seq, body, packet) in frames(capture) {
        let since = last.map_or(0, |last| packet.time.saturating_sub(last).as_micros() / 100);
        last = Some(packet.time);
        seed.push(u8::from(is_server(packet)) | 16);
        seed.extend(u16::try_from(since).unwrap_or(u16::MAX).to_be_bytes());
        let body = &body[..body.len().min(80)];
        seed.extend([op, seq, body.len() as u8]);
        seed.extend(body);
    }
    seed
}

fn abi(capture: &Capture) -> Vec<u8> {
    let mut seed = vec![4, 0, 4, b'j', b's', b'o', b'n', 0, 0, 5, 0];
    let mut positions = [0u16; 2];
    for (index, packet) in segments(capture).take(200).enumerate() {
        let side = is_server(packet);
        let position = &mut positions[usize::from(side)];
        let bytes = &packet.payload[..packet.payload.len().min(500)];
        for call in [6, 8] {
            // First visit, more, counted, with a stream; all wanted.
            seed.extend([call, 0, 0b1_0111 | u8::from(side) << 3, 15, index as u8 + 1]);
            seed.extend(position.to_be_bytes());
            seed.extend([0, 0]);
            seed.extend((bytes.len() as u16).to_be_bytes());
            seed.extend(bytes);
        }
        *position = position.wrapping_add(bytes.len() as u16);
    }
    seed
}

/// The SyncKeys of acknowledgements, behind the elapsed time and their length.
fn sync_keys(capture: &Capture) -> Vec<&[u8]> {
    let acks = [1_000_000_190, 1_000_000_122];
    let frames = frames(capture).into_iter().filter(|(op, ..)| acks.contains(&OPERATIONS[usize::from(*op)]));
    frames.filter_map(|(_, _, body, _)| body.get(8..)).collect()
}

fn synckey(first: &[u8], second: &[u8]) -> Vec<u8> {
    let length = first.len() as u16;
    [&[0], &length.to_be_bytes()[..], first, second].concat()
}

/// A packet of which all agrees.
fn business(choice: u8, kinds: u8) -> Vec<u8> {
    let cookie = vec![7; usize::from(kinds & 0xf)];
    [&[choice, 0, kinds, 0, 33], &cookie[..], &[0, 100, 8], &[1; 8]].concat()
}

/// Calls of the web client one after the other.
fn web_calls(calls: &[Call]) -> Vec<u8> {
    let mut seed = vec![0];
    for Call { request, response, hold, facts, .. } in calls {
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let query = &query[..query.len().min(255)];
        let name = CALLS.iter().position(|row| row.name.to_bytes() == facts.call.as_bytes());
        for (side, wait, kind, body) in
            [(0, 20, 1, &request.body), (2, hold.as_millis().min(60_000) as u16, 6, &response.body)]
        {
            let body = &body[..body.len().min(1500)];
            seed.push(side);
            seed.extend(wait.to_be_bytes());
            seed.push(kind | if side == 0 { 1 << 3 } else { 2 << 3 } | u8::from(!body.is_empty()) << 5);
            if !body.is_empty() {
                seed.extend((body.len() as u16).to_be_bytes());
                seed.extend(body);
            }
            if side == 0 {
                seed.extend([name.unwrap_or_default() as u8, query.len() as u8]);
                seed.extend(query.bytes());
            }
        }
    }
    seed
}

fn bodies(capture: &Capture) -> Vec<Vec<u8>> {
    let body = |(op, seq, body, packet): (u8, u8, &[u8], &Packet)| {
        let flags = 1 | u8::from(is_server(packet)) << 1 | u8::from(seq == 0) << 3;
        [&[op, flags], body].concat()
    };
    frames(capture).into_iter().map(body).collect()
}
