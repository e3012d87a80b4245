// SPDX-License-Identifier: GPL-2.0-or-later
//! The core without Wireshark: nanoseconds for each header, and gigabytes a second over frames with bodies.
//! `cargo xtask bench` runs it.
//!
//! Lines read `name<tab>frames<tab>bytes<tab>nanoseconds`, the best of several rounds.

use std::hint::black_box;
use std::time::Instant;

use wechat_dissector::capture::Capture;
use wechat_dissector::kernel::framing::{Header as _, Lane, Verdict, View};
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::report::Wanted;
use wechat_dissector::kernel::segment::{Segment, Step};
use wechat_dissector::kernel::time::Time;
use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_dissector::long_link::frame::Header;
use wechat_dissector::long_link::settings::DEFAULT_LIMIT;
use wechat_traffic::pdu::{Pdu, op};

/// A segment as large as TCP hands over.
const SEGMENT: usize = 64 * 1024;
const SEGMENTS: usize = 256;
const ROUNDS: usize = 15;
const KILOBYTE: usize = 1024;

fn main() {
    for (name, body) in [("header", 0), ("kilobyte", KILOBYTE)] {
        let stream = stream(body);
        report(&format!("framing {name}"), &stream, framing);
        let nothing = Wanted::default();
        report(&format!("state {name}"), &stream, |stream| dissect(stream, nothing));
        let info = Wanted { columns: true, ..nothing };
        report(&format!("info {name}"), &stream, |stream| dissect(stream, info));
        let all = Wanted::ALL;
        report(&format!("items {name}"), &stream, |stream| dissect(stream, all));
    }
}

/// Requests and answers with bodies of this length, in segments by turns.
fn stream(body: usize) -> Vec<Vec<u8>> {
    let (request, mut seq) = (if body == 0 { op::NOOP } else { op::NEW_SEND_MSG }, 0);
    let frames = SEGMENT / (16 + body);
    let mut segments = Vec::new();
    for _ in 0..SEGMENTS / 2 {
        let pdus: Vec<Pdu> =
            (0..frames as u32).map(|index| Pdu::new(request, seq + index + 1, vec![0xa5; body])).collect();
        seq += frames as u32;
        segments.push(pdus.iter().flat_map(Pdu::encode).collect());
        segments.push(
            pdus.iter().map(|pdu| pdu.response(vec![0x5a; body])).flat_map(|pdu| pdu.encode()).collect(),
        );
    }
    segments
}

fn report(name: &str, stream: &[Vec<u8>], run: impl Fn(&[Vec<u8>]) -> usize) {
    let bytes: usize = stream.iter().map(Vec::len).sum();
    let mut frames = 0;
    let best = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        frames = black_box(run(black_box(stream)));
        start.elapsed()
    });
    let best = best.min().unwrap_or_default();
    println!("{name}\t{frames}\t{bytes}\t{}", best.as_nanos());
}

/// Only where frames begin, and their headers.
fn framing(stream: &[Vec<u8>]) -> usize {
    let limit = DEFAULT_LIMIT;
    let mut lanes = [Lane::<Header>::default(), Lane::default()];
    let mut positions = [0u32; 2];
    let mut frames = 0;
    for (index, segment) in stream.iter().enumerate() {
        let (lane, position) = (&mut lanes[index % 2], &mut positions[index % 2]);
        let mut rest = &segment[..];
        while !rest.is_empty() {
            let view = View { data: rest, reported: rest.len(), position: *position, more: true };
            let Verdict::Frame(cut) = lane.decide(view, limit, |_| {}) else { break };
            black_box(Header::read(rest));
            frames += 1;
            *position = position.wrapping_add(cut.extent as u32);
            rest = &rest[cut.extent..];
        }
    }
    frames
}

/// The whole first pass: framing, pairing, and what is wanted of the report.
fn dissect(stream: &[Vec<u8>], wanted: Wanted) -> usize {
    let mut dissector = Capture::default();
    let mut positions = [0u32; 2];
    let mut frames = 0;
    for (index, segment) in stream.iter().enumerate() {
        let side = index % 2 == 1;
        let position = &mut positions[usize::from(side)];
        let mut rest = &segment[..];
        while !rest.is_empty() {
            let step = dissector.step(
                LONG_LINK,
                &Segment {
                    data: rest,
                    reported: rest.len(),
                    lane: LaneId::new(0, side),
                    position: *position,
                    counted: true,
                    packet: index as u32 + 1,
                    time: Time::from_nanoseconds(index as i64 * 1_000_000),
                    shown_stream: 0,
                    began: true,
                    inside: false,
                    src_address: &[192, 0, 2, 1],
                    dst_address: &[192, 0, 2, 2],
                    server_port: 8080,
                    src_port: if side { 8080 } else { 50_000 },
                    dst_port: if side { 50_000 } else { 8080 },
                    first_visit: true,
                    more: true,
                    wanted,
                },
            );
            let Step::Consumed(length) = step else { break };
            black_box(dissector.report());
            frames += 1;
            *position = position.wrapping_add(length as u32);
            rest = &rest[length..];
        }
    }
    frames
}
