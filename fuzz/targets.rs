// SPDX-License-Identifier: GPL-2.0-or-later
//! What the fuzz targets do with their input. tests/corpus.rs runs the same on the committed corpus, with a
//! stable compiler.
//!
//! An input is taken apart from its front; bytes that are not there are 0.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::mem::offset_of;
use std::{ptr, slice};

use wechat_dissector::capture::Capture;
use wechat_dissector::config::Config;
use wechat_dissector::ffi;
use wechat_dissector::kernel::framing::{self, Lane, Verdict, View};
use wechat_dissector::kernel::place::{LaneId, Place};
use wechat_dissector::kernel::record::ValueKind;
use wechat_dissector::kernel::report::{Inner, Item, ItemKind, PASSED_ON, Report, Wanted};
use wechat_dissector::kernel::rows::{ROW_BITS, row_of, table_of};
use wechat_dissector::kernel::segment::{Segment, Step};
use wechat_dissector::kernel::stream::Collector;
use wechat_dissector::kernel::tick::Ticks;
use wechat_dissector::kernel::time::Time;
use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_dissector::long_link::frame;
use wechat_dissector::mmtls::fields::TABLE as MMTLS;
use wechat_dissector::mmtls::record;
use wechat_dissector::protocols::{self, PROTOCOLS};
use wechat_dissector::web::call::CALLS;
use wechat_dissector::web::fields::TABLE as WEB;
use wechat_dissector::wechat::key_log::keys::{KeyLog, Progress};
use wechat_dissector::wechat::settings::P;

/// A target's name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 11] = [
    ("framing", framing),
    ("session", session),
    ("body", body),
    ("synckey", synckey),
    ("business", business),
    ("web", web),
    ("mmtls", mmtls),
    ("handshake", handshake),
    ("keylog", keylog),
    ("collector", collector),
    ("abi", abi),
];

/// Operations with a body of a layout of their own, and some others.
pub const OPERATIONS: [u32; 18] = [
    237,
    1_000_000_237,
    121,
    1_000_000_121,
    122,
    1_000_000_190,
    1_000_000_122,
    205,
    1_000_000_205,
    24,
    12,
    1_000_000_012,
    6,
    1_000_000_006,
    120,
    241,
    157,
    4711,
];

const ALL: Wanted = Wanted::ALL;

/// A segment of the client's, with no bytes yet.
const SEGMENT: Segment<'_> = Segment {
    data: &[],
    reported: 0,
    lane: LaneId { stream: 0, side: false },
    position: 0,
    counted: true,
    packet: 1,
    time: Time::from_nanoseconds(0),
    shown_stream: 0,
    began: true,
    inside: false,
    src_address: &[192, 0, 2, 1],
    dst_address: &[192, 0, 2, 2],
    src_port: 50_000,
    dst_port: 8080,
    server_port: 8080,
    first_visit: true,
    more: false,
    wanted: ALL,
};

/// Longest stretch that the carrier keeps for a frame.
const MOST_KEPT: usize = 8192;

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// One direction of a stream of frames or of records.
pub fn framing(data: &[u8]) {
    match data.first().is_some_and(|first| first & 0x80 != 0) {
        true => lane_of::<record::Header>(data),
        false => lane_of::<frame::Header>(data),
    }
}

/// One direction of a stream, whose segments may leave holes, come again, or be cut off.
fn lane_of<Header: framing::Header>(data: &[u8]) {
    let mut input = Input(data);
    let limit = [64, 4096, 1 << 20, u32::MAX][usize::from(input.u8() % 4)];
    let mut lane = Lane::<Header>::default();
    let mut position = input.u32();
    let mut kept: Vec<u8> = Vec::new();
    while !input.is_over() {
        let flags = input.u8();
        if flags & 1 != 0 {
            position = position.wrapping_add_signed(i32::from(input.u8() as i8) * 8);
            kept.clear();
        }
        let length = usize::from(input.u16() % 2048);
        let start = position.wrapping_sub(kept.len() as u32);
        let mut bytes = std::mem::take(&mut kept);
        let segment = input.take(length);
        bytes.extend(segment);
        position = position.wrapping_add(segment.len() as u32);
        let cut_off = if flags & 2 != 0 { usize::from(input.u8()).min(bytes.len()) } else { 0 };
        let captured = bytes.len() - cut_off;
        let mut used = 0;
        while used < bytes.len() {
            let view = View {
                data: bytes[..captured].get(used..).unwrap_or_default(),
                reported: bytes.len() - used,
                position: start.wrapping_add(used as u32),
                more: flags & 6 == 0 && bytes.len() < MOST_KEPT,
            };
            let length = match lane.decide(view, limit, |_| {}) {
                Verdict::Frame(cut) => cut.extent,
                Verdict::Skip(length, _) => length,
                Verdict::Need(_) => {
                    assert!(view.more, "more is asked for where there is none");
                    kept = bytes[used..].to_vec();
                    break;
                }
            };
            assert!(length > 0 && length <= view.reported, "{length} of {}", view.reported);
            used += length;
        }
    }
}

/// A packet of a history: frames of one direction, or bytes that are none.
struct Packet {
    bytes: Vec<u8>,
    stream: u32,
    side: bool,
    position: u32,
    time: i64,
    more: bool,
}

/// Histories of a few streams. Later visits, in any order, show what the first has shown.
pub fn session(data: &[u8]) {
    let mut input = Input(data);
    let mut config = Config::default();
    config.set_number(P::SHOW_ACCOUNT, u32::from(input.u8() & 1));
    let mut dissector = Capture::new(&config);
    let mut positions = [0u32; 8];
    let mut packets = Vec::new();
    let mut time = 0i64;
    while !input.is_over() && packets.len() < 96 {
        let flags = input.u8();
        let lane = flags & 7;
        let position = &mut positions[usize::from(lane)];
        if flags & 8 != 0 {
            *position = position.wrapping_add_signed(i32::from(input.u8() as i8) * 16);
        }
        time += i64::from(input.u16()) * 100_000;
        let mut bytes = Vec::new();
        for _ in 0..=(flags >> 6) {
            put_frame(&mut bytes, &mut input);
        }
        let packet = Packet {
            stream: u32::from(lane >> 1),
            side: lane & 1 != 0,
            position: *position,
            time,
            more: flags & 16 != 0,
            bytes,
        };
        *position = position.wrapping_add(packet.bytes.len() as u32);
        packets.push(packet);
    }
    visits(
        packets.len(),
        |index, first_visit| visit(&mut dissector, &packets, index, first_visit),
        |first, later| assert!(later.starts_with(first), "a later visit shows another cut"),
    );
}

/// The first pass over so many packets, then later visits, forward and backward: what is shown of a packet may not
/// depend on the order. `compare` is told the lengths of what the first visit and later ones show.
fn visits(
    packets: usize,
    mut visit: impl FnMut(usize, bool) -> Vec<Shown>,
    compare: impl Fn(&[usize], &[usize]),
) {
    let first: Vec<_> = (0..packets).map(|index| visit(index, true)).collect();
    let forward: Vec<_> = (0..packets).map(|index| visit(index, false)).collect();
    for index in (0..packets).rev() {
        let backward = visit(index, false);
        assert_eq!(backward, forward[index], "a later visit depends on the order");
        compare(&lengths(&first[index]), &lengths(&backward));
    }
}

type Shown = (usize, Vec<Item>, Vec<u8>);

fn lengths(shown: &[Shown]) -> Vec<usize> {
    shown.iter().map(|(length, ..)| *length).collect()
}

/// A frame whose numbers are few, so that they meet again; now and then it is damaged.
fn put_frame(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    let kind = input.u8();
    let op = OPERATIONS[usize::from(kind & 0x3f) % OPERATIONS.len()];
    let seq = match input.u8() {
        0xff => u32::MAX,
        0xfe => u32::MAX - 1,
        seq => u32::from(seq % 8),
    };
    let length = usize::from(input.u8());
    let body = input.take(length);
    let mut packet_len = 16 + body.len() as u32;
    if kind & 0xc0 == 0xc0 {
        packet_len = packet_len.wrapping_add_signed(i32::from(input.u8() as i8));
    }
    bytes.extend(packet_len.to_be_bytes());
    bytes.extend([0, 16, 0, 1]);
    bytes.extend(op.to_be_bytes());
    bytes.extend(seq.to_be_bytes());
    bytes.extend(body);
}

/// What is shown of a packet; waiting ends it.
fn visit(dissector: &mut Capture, packets: &[Packet], index: usize, first_visit: bool) -> Vec<Shown> {
    let Packet { bytes, stream, side, position, time, more } = &packets[index];
    let mut shown = Vec::new();
    let mut used = 0;
    while used < bytes.len() {
        let rest = &bytes[used..];
        let segment = Segment {
            data: rest,
            reported: rest.len(),
            lane: LaneId::new(*stream, *side),
            position: position.wrapping_add(used as u32),
            packet: index as u32 + 1,
            time: Time::from_nanoseconds(*time),
            src_port: if *side { 8080 } else { 50_000 },
            dst_port: if *side { 50_000 } else { 8080 },
            first_visit,
            more: *more,
            ..SEGMENT
        };
        let Step::Consumed(length) = dissector.step(LONG_LINK, &segment) else { break };
        assert!(length > 0 && length <= rest.len(), "{length} of {}", rest.len());
        check(dissector.report(), rest.len().min(length));
        shown.push((length, dissector.report().items().to_vec(), dissector.report().texts().to_vec()));
        used += length;
    }
    shown
}

/// One frame with any body, captured in full or in part.
pub fn body(data: &[u8]) {
    let mut input = Input(data);
    let op = OPERATIONS[usize::from(input.u8()) % OPERATIONS.len()];
    let flags = input.u8();
    let cut_off = if flags & 4 != 0 { usize::from(input.u8()) } else { 0 };
    let frame = frame_of(op, if flags & 8 != 0 { 0 } else { 7 }, input.0);
    let mut config = Config::default();
    config.set_number(P::SHOW_ACCOUNT, u32::from(flags & 1));
    let mut dissector = Capture::new(&config);
    let captured = frame.len().saturating_sub(cut_off);
    let whole = segment_of(&frame);
    step_over(
        &mut dissector,
        &Segment { data: &frame[..captured], lane: LaneId::new(0, flags & 2 != 0), ..whole },
    );
}

/// Two acknowledgements of one link, each with a SyncKey, so that the second is compared with the first.
pub fn synckey(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.u8();
    let first = usize::from(input.u16() % 2048);
    let keys = [input.take(first), input.0];
    let mut dissector = Capture::default();
    for first_visit in [true, false] {
        for (index, key) in (0u32..).zip(keys) {
            let mut body = u32::from(flags).to_be_bytes().to_vec();
            let wrong = if flags & 1 != 0 { u32::from(flags >> 4) } else { 0 };
            body.extend((key.len() as u32).wrapping_sub(wrong).to_be_bytes());
            body.extend(key);
            let frame = frame_of(1_000_000_190, index + 1, &body);
            step_over(&mut dissector, &Segment { packet: index + 1, first_visit, ..segment_of(&frame) });
        }
    }
}

/// Cgi types of operations, and some that are none's.
const CGIS: [u32; 8] = [522, 138, 106, 111, 0, 1, 127, 128];

/// A business packet put together part by part, so that its lengths mostly agree; some are then wrong.
pub fn business(data: &[u8]) {
    let mut input = Input(data);
    let (choice, wrong, kinds) = (input.u8(), input.u8(), input.u8());
    let op = [237, 121, 122, 34, 1_000_000_237, 1_000_000_121, 157, 4711][usize::from(choice & 7)];
    let cgi = CGIS[usize::from(choice >> 3 & 7)];
    let from_server = choice & 0x40 != 0;
    let version = if wrong & 1 != 0 { input.u32() } else { 0x2700_0000 | u32::from(input.u16()) };
    let cookie = input.take(usize::from(kinds & 0xf));
    let plain = input.u16();
    let packed = if wrong & 2 != 0 { input.u16() } else { plain };
    let length = usize::from(input.u8() % 52);
    let rest = input.take(length);

    let mut head = vec![kinds];
    head.extend(version.to_be_bytes());
    head.extend([0, 0, 0, 9]);
    head.extend(cookie);
    for number in [cgi, u32::from(plain), u32::from(packed)] {
        put_varint(&mut head, number);
    }
    head.extend(rest);
    let magic = choice & 0x80 != 0;
    let mut head_len = head.len() + 1 + usize::from(magic);
    if wrong & 4 != 0 {
        head_len += usize::from(input.u8());
    }
    let compression = if wrong & 8 != 0 { input.u8() & 3 } else { 1 + u8::from(plain == packed) };
    let mut body = if op == 122 { vec![0, 0, 0, 1, 0, 0, 0, 0] } else { Vec::new() };
    if magic {
        body.push(0xbf);
    }
    body.push((head_len as u8) << 2 | compression);
    body.extend(head);
    let payload = match kinds >> 4 {
        _ if wrong & 16 != 0 => usize::from(input.u16()),
        5 => (usize::from(packed) / 16 + 1) * 16,
        12 | 13 => usize::from(packed),
        _ => 128,
    };
    body.resize(body.len() + payload, 0);
    if let Some(length) =
        u32::try_from(body.len()).ok().filter(|_| op == 122).and_then(|all| all.checked_sub(8))
    {
        body[4..8].copy_from_slice(&length.to_be_bytes());
    }

    let frame = frame_of(op, if op == 122 { 0 } else { 7 }, &body);
    let cut_off = if wrong & 32 != 0 { usize::from(input.u8()) } else { 0 };
    let captured = frame.len().saturating_sub(cut_off);
    let mut config = Config::default();
    config.set_number(P::SHOW_ACCOUNT, u32::from(wrong >> 6 & 1));
    let mut dissector = Capture::new(&config);
    for first_visit in [true, false] {
        let whole = segment_of(&frame);
        step_over(
            &mut dissector,
            &Segment { data: &frame[..captured], lane: LaneId::new(0, from_server), first_visit, ..whole },
        );
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn frame_of(op: u32, seq: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = (16 + body.len() as u32).to_be_bytes().to_vec();
    frame.extend([0, 16, 0, 1]);
    frame.extend(op.to_be_bytes());
    frame.extend(seq.to_be_bytes());
    frame.extend(body);
    frame
}

/// All of a frame, captured.
fn segment_of(frame: &[u8]) -> Segment<'_> {
    Segment { data: frame, reported: frame.len(), counted: false, ..SEGMENT }
}

/// One frame, or bytes cut off from one, which nothing waits for.
fn step_over(dissector: &mut Capture, segment: &Segment<'_>) {
    let step = dissector.step(LONG_LINK, segment);
    assert!(matches!(step, Step::Consumed(length) if length > 0 && length <= segment.reported), "{step:?}");
    check(dissector.report(), segment.data.len());
}

/// What HTTP's dissector is given at once: bytes, and of each body its place and its media type.
struct Given {
    data: Vec<u8>,
    bodies: Vec<(Option<usize>, Vec<u8>, &'static str)>,
    stream: u32,
    side: bool,
    position: u32,
    time: i64,
    /// Of the bytes, what HTTP does not ask to see again.
    taken: usize,
}

const MEDIA: [&str; 4] = ["", "application/json", "text/javascript", "image/png"];

/// Messages of HTTP, of the web client's calls or of any bytes, on a few connections. Later visits show the
/// same in any order.
pub fn web(data: &[u8]) {
    let mut input = Input(data);
    let mut config = Config::default();
    config.set_number(P::SHOW_ACCOUNT, u32::from(input.u8() & 1));
    let mut web = Capture::new(&config);
    let mut packets: Vec<Given> = Vec::new();
    let mut time = 0;
    while !input.is_over() && packets.len() < 64 {
        let flags = input.u8();
        time += i64::from(input.u16()) * 1_000_000;
        let mut given = Given {
            data: Vec::new(),
            bodies: Vec::new(),
            stream: u32::from(flags & 1),
            side: flags & 2 != 0,
            position: packets.len() as u32,
            time,
            taken: usize::MAX,
        };
        for _ in 0..=(flags >> 2 & 1) {
            put_message(&mut given, &mut input);
        }
        if flags & 8 != 0 {
            given.taken = usize::from(input.u16());
        }
        packets.push(given);
    }
    visits(
        packets.len(),
        |index, first_visit| message(&mut web, &packets, index, first_visit),
        |first, later| assert_eq!(later, first, "a later visit shows other messages"),
    );
}

/// A request of a call, an answer, or any bytes.
fn put_message(given: &mut Given, input: &mut Input<'_>) {
    let kind = input.u8();
    let body = match kind >> 5 & 3 {
        0 => &[],
        _ => {
            let length = usize::from(input.u16() % 2048);
            input.take(length)
        }
    };
    let media = MEDIA[usize::from(kind >> 3 & 3)];
    let head = match kind & 7 {
        0 => {
            given.data.extend(body);
            return;
        }
        1..4 => {
            let call = CALLS[usize::from(input.u8()) % CALLS.len()].name.to_str().unwrap_or_default();
            let length = usize::from(input.u8());
            let query = input.take(length).iter().copied().filter(|byte| !b" \r\n".contains(byte));
            let query = query.map(|byte| char::from(byte & 0x7f)).collect::<String>();
            let method = if body.is_empty() { "GET" } else { "POST" };
            format!("{method} /cgi-bin/mmwebwx-bin/{call}?{query} HTTP/1.1\r\nHost: wx.qq.com\r\n")
        }
        4 => format!("GET /{} HTTP/1.1\r\n", input.u8()),
        5 => "HTTP/1.1 100 Continue\r\n".to_owned(),
        _ => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    let length = body.len();
    let headers = if kind & 0x80 != 0 {
        format!("Content-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n")
    } else {
        format!("Content-Type: {media}\r\nContent-Length: {length}\r\n\r\n")
    };
    given.data.extend(head.bytes().chain(headers.bytes()));
    let at = (kind & 0x80 == 0).then_some(given.data.len());
    given.data.extend(body);
    if kind & 0x80 != 0 {
        given.data.extend(b"\r\n0\r\n\r\n");
    }
    given.bodies.push((at, body.to_vec(), media));
}

/// What is shown of the messages of a packet.
fn message(web: &mut Capture, packets: &[Given], index: usize, first_visit: bool) -> Vec<Shown> {
    let Given { data, bodies, stream, side, position, time, taken } = &packets[index];
    let segment = Segment {
        data,
        reported: data.len(),
        lane: LaneId::new(*stream, *side),
        position: *position,
        packet: index as u32 + 1,
        time: Time::from_nanoseconds(*time),
        first_visit,
        ..SEGMENT
    };
    let count = web.http().begin(&segment);
    web.http().speaks(&segment, index & 1 == 0);
    let mut kept = vec![&[][..]; count];
    for (at, body, media) in bodies.iter().filter(|(_, body, _)| !body.is_empty()) {
        if let Some(place) = web.http().place(&segment, *at, body.len(), Some(media)) {
            kept[place] = body;
        }
    }
    let mut shown = Vec::new();
    let messages = web.http().end(&segment, (*taken).min(data.len()));
    assert!(messages <= count);
    for (index, body) in kept.into_iter().enumerate().take(messages) {
        let owner = web.http().owner(&segment, index);
        let head = web.message(&segment, index, body);
        assert_eq!(owner, head.is_some().then_some(WEB));
        let Some(head) = head else { continue };
        assert!(head.start < head.end && head.end <= data.len(), "{head:?} of {}", data.len());
        let report = web.report();
        assert_eq!(report.protocol(), WEB);
        assert_eq!(report.sources()[usize::from(PASSED_ON)].captured as usize, body.len());
        check(report, data.len());
        let ticks = ticks(report);
        assert!(ticks < ffi::WECHAT_MOST_TICKS, "{ticks} ticks");
        shown.push((head.end, report.items().to_vec(), report.texts().to_vec()));
    }
    shown
}

/// What MMTLS is given at once.
struct Carried {
    bytes: Vec<u8>,
    stream: u32,
    side: bool,
    position: u32,
    time: i64,
    more: bool,
    /// Of a message of HTTP's, where its body begins.
    body: Option<usize>,
    /// Lines of a key log, which come with the packet.
    comment: String,
}

/// Records on a few streams and in messages of HTTP, and the keys of some of them. Later visits show the same in any
/// order.
pub fn mmtls(data: &[u8]) {
    let mut input = Input(data);
    let mut config = Config::default();
    config.set_number(P::SHOW_ACCOUNT, u32::from(input.u8() & 1));
    let mut dissector = Capture::new(&config);
    let mut positions = [0u32; 8];
    let mut packets: Vec<Carried> = Vec::new();
    let mut time = 0i64;
    while !input.is_over() && packets.len() < 64 {
        let flags = input.u8();
        let lane = flags & 7;
        let position = &mut positions[usize::from(lane)];
        if flags & 8 != 0 {
            *position = position.wrapping_add_signed(i32::from(input.u8() as i8) * 16);
        }
        time += i64::from(input.u16()) * 1_000_000;
        let length = if flags & 16 != 0 { usize::from(input.u16() % 2048) } else { 0 };
        let comment = String::from_utf8_lossy(input.take(length)).into_owned();
        let length = usize::from(input.u16() % 2048);
        let records = input.take(length);
        let head = match (flags & 32 != 0, lane & 1 != 0) {
            (false, _) => String::new(),
            (true, false) => {
                format!("POST /mmtls/{time:08x} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", records.len())
            }
            (true, true) => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", records.len()),
        };
        let bytes = [head.as_bytes(), records].concat();
        let start = *position;
        *position = position.wrapping_add(bytes.len() as u32);
        packets.push(Carried {
            bytes,
            stream: u32::from(lane >> 1),
            side: lane & 1 != 0,
            position: start,
            time,
            more: flags & 64 != 0,
            body: (flags & 32 != 0).then_some(head.len()),
            comment,
        });
    }
    visits(
        packets.len(),
        |index, first_visit| carried(&mut dissector, &packets, index, first_visit),
        |first, later| {
            assert!(first.len() <= later.len(), "a later visit shows less: {first:?}, {later:?}");
        },
    );
}

/// What is shown of a packet, with what is inside of it.
fn carried(dissector: &mut Capture, packets: &[Carried], index: usize, first_visit: bool) -> Vec<Shown> {
    let Carried { bytes, stream, side, position, time, more, body, comment } = &packets[index];
    if first_visit && !comment.is_empty() {
        dissector.add_comment(comment);
    }
    let segment = Segment {
        data: bytes,
        reported: bytes.len(),
        lane: LaneId::new(*stream, *side),
        position: *position,
        packet: index as u32 + 1,
        time: Time::from_nanoseconds(*time),
        src_port: if *side { 8080 } else { 50_000 },
        dst_port: if *side { 50_000 } else { 8080 },
        first_visit,
        more: *more && body.is_none(),
        ..SEGMENT
    };
    let mut shown = Vec::new();
    let Some(start) = *body else {
        pdus(dissector, MMTLS, &segment, &mut shown);
        return shown;
    };
    let count = dissector.http().begin(&segment);
    let body = &bytes[start..];
    let place = dissector.http().place(&segment, Some(start), body.len(), None).filter(|_| !body.is_empty());
    assert!(place.is_none_or(|place| place < count));
    for message in 0..dissector.http().end(&segment, bytes.len()) {
        let body = if place == Some(message) { body } else { &[] };
        if dissector.message(&segment, message, body).is_some() {
            check(dissector.report(), bytes.len());
            inside(dissector, &segment, body, &mut shown);
        }
    }
    shown
}

/// The PDUs of a segment, each followed by what is inside of it.
fn pdus(dissector: &mut Capture, protocol: u16, segment: &Segment<'_>, shown: &mut Vec<Shown>) {
    let mut used = 0;
    while used < segment.data.len() {
        let data = &segment.data[used..];
        let position = segment.position.wrapping_add(used as u32);
        let here = Segment { data, reported: data.len(), position, ..*segment };
        let Step::Consumed(length) = dissector.step(protocol, &here) else { return };
        assert!(length > 0 && length <= data.len(), "{length} of {}", data.len());
        let report = dissector.report();
        check(report, length);
        shown.push((length, report.items().to_vec(), report.texts().to_vec()));
        inside(dissector, &here, &[], shown);
        used += length;
    }
}

/// What the last report hands to protocols of ours.
fn inside(dissector: &mut Capture, segment: &Segment<'_>, body: &[u8], shown: &mut Vec<Shown>) {
    let report = dissector.report();
    let mut runs = Vec::new();
    for one in report.hand_offs() {
        let to = protocols::offer(one.table).and_then(|table| protocols::joined(table.name, one.key));
        let source = match (&report.sources()[usize::from(one.source)].bytes, one.source) {
            (Some(made), _) => &made[..],
            (None, PASSED_ON) => body,
            (None, _) => segment.data,
        };
        let end = (one.start + one.length).min(source.len());
        if let (Some(to), Some(inner)) = (to, one.inner) {
            runs.push((to, inner, source[one.start.min(end)..end].to_vec()));
        }
    }
    for (to, inner, data) in runs {
        let Inner { lane, position, counted, shown_stream } = inner;
        let reported = data.len();
        let inner = Segment {
            data: &data,
            reported,
            lane,
            position,
            counted,
            shown_stream,
            inside: true,
            more: false,
            ..*segment
        };
        pdus(dissector, to, &inner, shown);
    }
}

/// One record in clear with any content, captured in full or in part.
pub fn handshake(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.u8();
    let kind = [0x16, 0x19, 0x15, 0x16][usize::from(flags & 3)];
    let cut_off = if flags & 4 != 0 { usize::from(input.u8()) } else { 0 };
    let content = input.take(usize::from(u16::MAX));
    let mut record = vec![kind, 0xf1, 3 + (flags >> 3 & 1)];
    record.extend((content.len() as u16).to_be_bytes());
    record.extend(content);
    let mut config = Config::default();
    config.set_number(P::SHOW_ACCOUNT, u32::from(flags >> 4 & 1));
    let mut dissector = Capture::new(&config);
    let captured = record.len().saturating_sub(cut_off);
    for first_visit in [true, false] {
        let whole = segment_of(&record);
        let segment = Segment { data: &record[..captured], first_visit, ..whole };
        let step = dissector.step(MMTLS, &segment);
        assert!(matches!(step, Step::Consumed(length) if length > 0), "{step:?}");
        check(dissector.report(), captured);
    }
}

/// A key log, at once and in pieces: it holds the same.
pub fn keylog(data: &[u8]) {
    let mut input = Input(data);
    // Each read has a buffer of its own.
    let piece = 64 + usize::from(input.u8());
    let text = input.0;
    let (mut whole, mut pieces) = (KeyLog::default(), KeyLog::default());
    let mut progress = [Progress::default(); 2];
    whole.read(&mut &text[..], &mut progress[0]).expect("a slice can be read");
    // A file that grows is read from where all was read.
    let mut end = 0;
    while end < text.len() {
        end = (end + piece).min(text.len());
        let from = (progress[1].read as usize).min(end);
        pieces.read(&mut &text[from..end], &mut progress[1]).expect("a slice can be read");
    }
    // A line that is cut may give a key of its own, and is another then.
    assert!(progress[1].read <= text.len() as u64 && progress[0].read <= text.len() as u64);
    for tail in text.windows(8).step_by(piece) {
        let tail = tail.try_into().map_or(0, u64::from_be_bytes);
        assert!(whole.by_tail(tail).count() <= text.len());
    }
    assert!(whole.psks().count() + whole.halves(true).count() + whole.halves(false).count() <= text.len());
    let mut text_only = KeyLog::default();
    text_only.add_text(text);
    std::hint::black_box((whole.counts(), pieces.counts(), text_only.counts()));
}

/// Runs of a few inner streams: what is put together is what stands there.
pub fn collector(data: &[u8]) {
    let mut input = Input(data);
    let mut collector = Collector::default();
    // Of each lane, where it ends, and what began a PDU there.
    let mut open: HashMap<LaneId, (u32, Vec<u8>)> = HashMap::new();
    let mut runs = Vec::new();
    let mut packet = 1;
    while !input.is_over() && runs.len() < 256 {
        let flags = input.u8();
        packet += u32::from(flags >> 4 & 1);
        let lane = LaneId::new(u32::from(flags & 3), flags & 4 != 0);
        let (end, kept) = open.get(&lane).cloned().unwrap_or_default();
        let hole = if flags & 8 != 0 { u32::from(input.u8()) } else { 0 };
        let length = usize::from(input.u8());
        let run = input.take(length);
        if run.is_empty() {
            continue;
        }
        let place = Place { packet, lane, position: end.wrapping_add(hole) };
        let Some(before) = collector.begin(place) else { panic!("a run ahead of all others is known") };
        assert_eq!(before, if hole == 0 { kept } else { Vec::new() }, "what stands in front of it");
        let (front, all) = (before.len(), [&before[..], run].concat());
        let whole = usize::from(input.u8()).min(all.len());
        // A PDU that began before ends in this run, or goes on.
        let whole = if whole < front { 0 } else { whole };
        collector.end(place, front, Cow::Borrowed(&all), whole);
        let behind = place.position.wrapping_add(run.len() as u32);
        open.insert(lane, (behind, all[whole..].to_vec()));
        runs.push((place, run.len()));
        assert_eq!(collector.begin(place), None, "the first visit comes once");
    }
    for (place, length) in runs {
        let joined = collector.joined(place, false);
        assert!(joined.whole.is_none_or(|whole| whole <= joined.before.len() + length), "{joined:?}");
        assert!(!joined.lost);
        assert_eq!(collector.joined(place, false), joined);
    }
}

/// How many ticks there are of a report's record.
fn ticks(report: &Report) -> usize {
    let view = report.view().expect("a record");
    let tree = PROTOCOLS[usize::from(report.protocol())].protocol.tree.expect("a tree");
    let mut count = 0;
    (tree.ticks)(
        view,
        &mut Ticks::new(tree.nodes, &mut |tick| {
            assert!(usize::from(tick.node) < tree.nodes.len());
            count += 1;
        }),
    );
    count
}

/// Every item lies in the captured bytes of its source and names a row, every text is ended and is UTF-8, and
/// nobody is handed what is not there.
fn check(report: &Report, captured: usize) {
    let sources = report.sources();
    let there = |source: u16| match source {
        0 => captured.min(sources[0].captured as usize),
        _ => sources[usize::from(source)].captured as usize,
    };
    for item in report.items() {
        let table = table_of(item.field);
        assert!(table == 0 || table == usize::from(report.protocol()));
        match item.kind {
            ItemKind::Note => assert!(protocols::note(item.field).is_some()),
            _ => assert!(protocols::field(item.field).is_some()),
        }
        assert!(item.offset as usize + item.length as usize <= there(item.source));
        assert!((item.text as usize) < report.texts().len());
        if item.kind == ItemKind::Derived {
            let made = &sources[usize::try_from(item.value).expect("a source")];
            assert_eq!(made.bytes.as_ref().map(|bytes| bytes.len()), Some(made.captured as usize));
        }
    }
    for source in sources {
        assert!((source.name as usize) < report.texts().len());
    }
    for hand_off in report.hand_offs() {
        assert!(hand_off.length > 0 && hand_off.start <= there(hand_off.source));
        assert!(protocols::offer(hand_off.table).is_some());
        assert!((hand_off.words as usize) < report.texts().len());
    }
    for object in report.objects() {
        assert!(object.start + object.length <= there(object.source));
        assert!(![object.name, object.kind].map(|text| report.text(text)).contains(&""));
    }
    assert_eq!(report.texts().last(), Some(&0));
    assert!(std::str::from_utf8(report.texts()).is_ok());
}

/// Numbers of all preferences, and one that is none's.
fn preferences() -> Vec<u16> {
    let rows = PROTOCOLS.iter().map(|row| row.protocol);
    let numbers =
        rows.flat_map(|row| (0..row.preferences.len() as u16).map(|place| row.table << ROW_BITS | place));
    numbers.chain([u16::MAX]).collect()
}

/// The C functions, in any order, with any arguments that their descriptions allow.
pub fn abi(data: &[u8]) {
    let mut input = Input(data);
    let mut config = None;
    let mut handle = None;
    let mut lines = None;
    let mut report = std::mem::MaybeUninit::uninit();
    let preferences = preferences();
    while !input.is_over() {
        let call = input.u8();
        let choice = input.u8();
        let filter = usize::from(choice) % preferences.len();
        let preference = preferences[filter];
        match call % 12 {
            _ if call >= HTTP => http(handle.as_deref_mut(), call, &mut input),
            0 => {
                ffi::wechat_config_free(config.take());
                config = ffi::wechat_config_new();
            }
            1 => {
                ffi::wechat_config_set_number(config.as_deref_mut(), preference, input.u32());
            }
            2 => {
                let text = text(&mut input);
                // SAFETY: NULL or ended by a NUL.
                unsafe {
                    ffi::wechat_config_set_ports(config.as_deref_mut(), preference, pointer(&text));
                    ffi::wechat_config_set_text(config.as_deref_mut(), preference, pointer(&text));
                }
            }
            3 => {
                let texts = [text(&mut input), text(&mut input), text(&mut input)];
                let cells = texts.each_ref().map(pointer);
                let count = usize::from(input.u8() % 4);
                let mut room = Room::new(&mut input);
                // SAFETY: at most three texts, each NULL or ended by a NUL, and room for `size` bytes.
                unsafe {
                    ffi::wechat_config_add_row(config.as_deref_mut(), preference, cells.as_ptr(), count);
                    ffi::wechat_row_check(preference, cells.as_ptr(), count, room.text(), room.size);
                }
                room.check();
            }
            4 => {
                ffi::wechat_lines_free(lines.take());
                let words = text(&mut input);
                let mut filter = ptr::null();
                // SAFETY: NULL or ended by a NUL.
                lines =
                    unsafe { ffi::wechat_lines_new(protocol_of(choice), pointer(&words), &raw mut filter) };
                // SAFETY: no record.
                unsafe { ffi::wechat_lines_write(lines.as_deref_mut(), ptr::null()) };
                ffi::wechat_lines_end(lines.as_deref_mut());
            }
            5 => {
                ffi::wechat_dissector_free(handle.take());
                handle = ffi::wechat_dissector_new(config.as_deref());
            }
            6 => {
                let segment = segment(&mut input);
                // SAFETY: the bytes are there.
                let owner = unsafe { ffi::wechat_claim(handle.as_deref_mut(), Some(&segment)) };
                assert!(usize::from(owner) < PROTOCOLS.len());
                let mut begun = ptr::null();
                // SAFETY: as above.
                let length =
                    unsafe { ffi::wechat_begun(handle.as_deref_mut(), Some(&segment), Some(&mut begun)) };
                assert!(length < 8 && (length == 0 || !begun.is_null()), "{length} bytes from before");
                if length > 0 {
                    // SAFETY: as many as it says, until the next call with the handle.
                    std::hint::black_box(unsafe { slice::from_raw_parts(begun, length) }.to_vec());
                }
            }
            7 => {
                let segment = segment(&mut input);
                let mut room = Room::new(&mut input);
                // SAFETY: the addresses are there, and room for `size` bytes.
                unsafe {
                    ffi::wechat_packet_filter(
                        handle.as_deref_mut(),
                        filter,
                        Some(&segment),
                        room.text(),
                        room.size,
                    );
                    ffi::wechat_dialogue_filter(segment.protocol, segment.stream, room.text(), room.size);
                    ffi::wechat_ends_filter(Some(&segment), room.text(), room.size);
                }
                room.check();
            }
            _ => {
                let segment = segment(&mut input);
                // SAFETY: the bytes are there; the report is written before it is read.
                let result = unsafe {
                    ffi::wechat_dissect(handle.as_deref_mut(), Some(&segment), report.as_mut_ptr())
                };
                assert!(result != ffi::wechat_result::Failed, "the library failed");
                if result == ffi::wechat_result::Ok {
                    // SAFETY: written by the call.
                    let report = unsafe { report.assume_init_ref() };
                    assert_eq!(report.protocol, segment.protocol);
                    look_at(report, &segment, None);
                    count(report, lines.as_deref_mut());
                }
            }
        }
    }
    ffi::wechat_config_free(config);
    ffi::wechat_lines_free(lines);
    ffi::wechat_dissector_free(handle);
}

/// Room for a text, of which only the first `size` bytes may be written.
struct Room {
    bytes: [u8; 80],
    size: usize,
}

impl Room {
    const UNTOUCHED: u8 = 0x55;

    fn new(input: &mut Input<'_>) -> Self {
        Self { bytes: [Self::UNTOUCHED; 80], size: usize::from(input.u8()) % 80 }
    }

    fn text(&mut self) -> *mut c_char {
        if self.size == 0 { ptr::null_mut() } else { self.bytes.as_mut_ptr().cast() }
    }

    fn check(&self) {
        let rest = &self.bytes[self.size..];
        assert!(rest.iter().all(|byte| *byte == Self::UNTOUCHED), "written beyond the room given");
    }
}

/// From here on a call is one of HTTP's functions.
const HTTP: u8 = 0xf0;

/// The functions around HTTP's dissector; bits of `call` leave some out.
fn http(mut handle: Option<&mut ffi::wechat_dissector>, call: u8, input: &mut Input<'_>) {
    let segment = segment(input);
    let media = text(input);
    let length = usize::from(input.u8());
    let body = input.take(length);
    // The largest stands for a body that was coded.
    let at = Some(input.u16()).filter(|at| *at < u16::MAX).map_or(usize::MAX, usize::from);
    let taken = usize::from(input.u16());
    let mut report = std::mem::MaybeUninit::uninit();
    // SAFETY: the bytes are there; texts are NULL or ended by a NUL.
    let (begun, place) = unsafe {
        ffi::wechat_http_claim(Some(&segment));
        let begun = match call & 1 {
            0 => ffi::wechat_http_begin(handle.as_deref_mut(), Some(&segment)),
            _ => usize::MAX,
        };
        if call & 2 != 0 {
            ffi::wechat_http_speaks(handle.as_deref_mut(), Some(&segment), (call & 4).into());
        }
        let handle = handle.as_deref_mut();
        (begun, ffi::wechat_http_place(handle, Some(&segment), at, body.len(), pointer(&media)))
    };
    assert!(place == -1 || (place as usize) < begun);
    // SAFETY: as above.
    let messages = match call & 8 {
        0 => unsafe { ffi::wechat_http_end(handle.as_deref_mut(), Some(&segment), taken) },
        _ => 0,
    };
    assert!(messages <= begun);
    // One more than there are.
    for index in 0..=messages {
        // SAFETY: as above; the report is written before it is read.
        let (owner, result) = unsafe {
            (
                ffi::wechat_http_owner(handle.as_deref_mut(), Some(&segment), index),
                ffi::wechat_http_message(
                    handle.as_deref_mut(),
                    Some(&segment),
                    index,
                    body.as_ptr(),
                    body.len(),
                    report.as_mut_ptr(),
                ),
            )
        };
        assert!(result != ffi::wechat_result::Failed, "the library failed");
        if result == ffi::wechat_result::Ok {
            // SAFETY: written by the call.
            let report = unsafe { report.assume_init_ref() };
            assert_eq!(owner, if report.length > 0 { report.protocol } else { 0 });
            look_at(report, &segment, Some(body.len()));
            count(report, None);
        }
    }
}

/// A copy of a record and its texts, of just as many bytes, so that reading beyond them is seen.
struct Copied {
    words: Box<[u64]>,
    _texts: Box<[u8]>,
    _bytes: Box<[u8]>,
}

impl Copied {
    fn of(record: *const ffi::wechat_record) -> Self {
        // SAFETY: the library's, and valid until the next call with the handle.
        let (size, texts, bytes) = unsafe {
            let texts = slice::from_raw_parts((*record).texts.cast::<u8>(), (*record).text_length as usize);
            let bytes = match (*record).byte_count as usize {
                0 => &[],
                count => slice::from_raw_parts((*record).bytes, count),
            };
            ((*record).size as usize, Box::<[u8]>::from(texts), Box::<[u8]>::from(bytes))
        };
        let mut words = vec![0u64; size / size_of::<u64>()].into_boxed_slice();
        assert_eq!(size_of_val(&*words), size);
        let copy = words.as_mut_ptr().cast::<ffi::wechat_record>();
        // SAFETY: as many bytes on both sides, aligned as the record is; `texts` is in the head.
        unsafe {
            ptr::copy_nonoverlapping(record.cast::<u8>(), copy.cast::<u8>(), size);
            (&raw mut (*copy).texts).write(texts.as_ptr().cast());
            (&raw mut (*copy).bytes).write(if bytes.is_empty() { ptr::null() } else { bytes.as_ptr() });
        }
        Self { words, _texts: texts, _bytes: bytes }
    }

    fn record(&self) -> *const ffi::wechat_record {
        self.words.as_ptr().cast()
    }
}

/// What the statistics make of a record, and of a copy of it.
fn count(report: &ffi::wechat_report, lines: Option<&mut ffi::wechat_lines>) {
    // SAFETY: NULL, or a record that is valid until the next call with the handle.
    let Some(record) = (unsafe { report.record.as_ref() }) else { return };
    look_at_record(record, report.protocol);
    let copied = Copied::of(record);
    assert_eq!(statistics(record), statistics(copied.record()));
    // SAFETY: the record's texts are the report's.
    unsafe { read(ffi::wechat_lines_write(lines, record)) };
}

/// The head and the values.
fn look_at_record(record: &ffi::wechat_record, protocol: u16) {
    let rows = PROTOCOLS[usize::from(protocol)].protocol.values;
    assert_eq!((record.protocol, record.version), (protocol, ffi::WECHAT_RECORD_VERSION));
    assert_eq!(usize::from(record.value_count), rows.len());
    assert_eq!(record.size as usize, offset_of!(ffi::wechat_record, values) + size_of::<u64>() * rows.len());
    assert!(record.present >> rows.len() == 0 && record.next.is_null());
    // SAFETY: as many as the record says.
    let texts = unsafe { slice::from_raw_parts(record.texts.cast::<u8>(), record.text_length as usize) };
    assert_eq!((texts.first(), texts.last()), (Some(&0), Some(&0)));
    for (place, (row, value)) in rows.iter().zip(record.values).enumerate() {
        match row.kind {
            _ if record.present >> place & 1 == 0 => assert_eq!(value, 0),
            ValueKind::Mark => assert_eq!(value, 1),
            ValueKind::Text => {
                let text = CStr::from_bytes_until_nul(&texts[value as usize..]).expect("an end");
                assert!(!text.to_str().expect("UTF-8").contains(char::is_control));
            }
            ValueKind::Number | ValueKind::Signed | ValueKind::Duration => {}
        }
    }
}

type Counted = (Vec<(u16, i32, u8, String)>, Vec<(u16, i64, u8)>, String, String);

fn statistics(record: *const ffi::wechat_record) -> Counted {
    let tick = ffi::wechat_tick { part: ptr::null(), amount: 0, node: 0, how: 0 };
    let mut ticks = [tick; ffi::WECHAT_MOST_TICKS + 1];
    let mut samples = [ffi::wechat_sample { delay: 0, row: 0, delayed: 0 }; ffi::WECHAT_MOST_SAMPLES + 1];
    let mut response = std::mem::MaybeUninit::uninit();
    let mut sentence = std::mem::MaybeUninit::uninit();
    // SAFETY: room for as many; what is read was written.
    unsafe {
        let count = ffi::wechat_tree_ticks(record, ticks.as_mut_ptr(), ticks.len());
        assert!(count <= ffi::WECHAT_MOST_TICKS, "{count} ticks");
        let tick = |tick: &ffi::wechat_tick| {
            let part = if tick.part.is_null() { String::new() } else { read(tick.part) };
            (tick.node, tick.amount, tick.how, part)
        };
        let ticks = ticks[..count].iter().map(tick).collect();
        let count = ffi::wechat_delay_samples(record, samples.as_mut_ptr(), samples.len());
        assert!(count <= ffi::WECHAT_MOST_SAMPLES, "{count} samples");
        let samples =
            samples[..count].iter().map(|sample| (sample.row, sample.delay, sample.delayed)).collect();
        let response = match ffi::wechat_response_get(record, response.as_mut_ptr()) {
            0 => String::new(),
            _ => {
                let ffi::wechat_response { name, elapsed, row } = response.assume_init();
                format!("{row} {} {elapsed}", read(name))
            }
        };
        let sentence = match ffi::wechat_sentence_get(record, sentence.as_mut_ptr()) {
            0 => String::new(),
            _ => {
                let ffi::wechat_sentence { line, label, side, raw } = sentence.assume_init();
                format!("{} {} {side:?} {raw}", read(line), read(label))
            }
        };
        (ticks, samples, response, sentence)
    }
}

/// A text of the library's; empty for NULL.
///
/// # Safety
/// NULL or ended by a NUL.
unsafe fn read(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8").to_owned()
}

/// A text, now and then none.
fn text(input: &mut Input<'_>) -> Option<Vec<u8>> {
    let length = usize::from(input.u8());
    (length != 0xff).then(|| {
        let mut text: Vec<u8> = input.take(length % 64).iter().copied().filter(|byte| *byte != 0).collect();
        text.push(0);
        text
    })
}

fn pointer(text: &Option<Vec<u8>>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr().cast())
}

const ADDRESSES: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Every other field, of those that all share and of the protocol's own.
static SOME_FIELDS: [u64; 2 * ffi::WECHAT_FIELD_WORDS] = [0x5555_5555_5555_5555; 2 * ffi::WECHAT_FIELD_WORDS];

/// The long link, but now and then another protocol, or none.
fn protocol_of(choice: u8) -> u16 {
    if choice < 0xf0 { LONG_LINK } else { u16::from(choice & 7) }
}

/// A segment whose bytes are those of the input, so that reading beyond them is seen.
fn segment(input: &mut Input<'_>) -> ffi::wechat_segment {
    let (flags, wanted) = (u32::from(input.u8()), u32::from(input.u8()));
    let (packet, position) = (u32::from(input.u8()), u32::from(input.u16()));
    let choice = input.u8();
    let (stream, longer) = (u32::from(choice % 3), usize::from(input.u8() % 4) * 5);
    let length = usize::from(input.u16() % 512);
    let data = input.take(length);
    ffi::wechat_segment {
        data: if data.is_empty() { ptr::null() } else { data.as_ptr() },
        captured: data.len(),
        reported: data.len() + longer,
        seconds: i64::from(packet),
        nanoseconds: 0,
        packet,
        stream,
        shown_stream: stream,
        position,
        src_address: ADDRESSES.as_ptr(),
        dst_address: ADDRESSES.as_ptr(),
        src_length: [0, 4, 16, 7][usize::from(packet as u8 % 4)],
        dst_length: 4,
        server_port: 8080,
        src_port: if flags & ffi::WECHAT_SIDE != 0 { 8080 } else { 50_000 },
        dst_port: if flags & ffi::WECHAT_SIDE != 0 { 50_000 } else { 8080 },
        flags,
        wanted,
        fields: if (flags ^ wanted) & 0x80 != 0 { SOME_FIELDS.as_ptr() } else { ptr::null() },
        protocol: protocol_of(choice),
    }
}

/// A table that a report points to.
fn rows<T>(first: &*const T, count: usize) -> &[T] {
    // SAFETY: valid until the next call with the handle, and never NULL.
    unsafe { slice::from_raw_parts(*first, count) }
}

/// Reads all that a report points to. Of a message there is a body of so many bytes.
fn look_at(report: &ffi::wechat_report, segment: &ffi::wechat_segment, body: Option<usize>) {
    let consumed = report.verdict == ffi::wechat_verdict::Consumed;
    let end = report.offset as usize + report.length as usize;
    match body {
        None if consumed => assert!(report.length > 0 && end <= segment.reported && report.offset == 0),
        None => assert_eq!((report.offset, report.item_count, report.hand_off_count), (0, 0, 0)),
        Some(_) => assert!(consumed && end <= segment.captured),
    }
    // SAFETY: a report's texts are there, each ended by a NUL, up to where it says.
    let text = |text: u32| unsafe { read(report.texts.add(text as usize)) };
    assert_eq!(text(0), "");
    assert!(!text(report.info).contains(char::is_control));

    let sources = rows(&report.sources, report.source_count);
    assert_eq!(sources[0].captured as usize, segment.captured);
    let given = match body {
        None => 1,
        Some(body) => {
            assert_eq!(sources[1].captured as usize, body);
            2
        }
    };
    assert!(sources[..given].iter().all(|source| source.data.is_null()));
    for source in &sources[given..] {
        assert!(!source.data.is_null() && !text(source.name).is_empty());
        // SAFETY: as many as it says; read, so that too many are seen.
        let bytes = unsafe { slice::from_raw_parts(source.data, source.captured as usize) };
        std::hint::black_box(bytes.iter().fold(0, |all, byte| all ^ byte));
    }

    for item in rows(&report.items, report.item_count) {
        let table = table_of(item.field);
        assert!(table == 0 || table == usize::from(report.protocol));
        let rows = protocols::protocol(table).expect("a protocol");
        let note = item.kind == ffi::wechat_item_kind::Note as u8;
        assert!(row_of(item.field) < if note { rows.notes.len() } else { rows.fields.len() });
        let source = &sources[usize::from(item.source)];
        assert!(item.offset as usize + item.length as usize <= source.captured as usize);
        assert!(!text(item.text).contains(char::is_control));
        if item.kind == ffi::wechat_item_kind::Derived as u8 {
            assert!(usize::try_from(item.value).is_ok_and(|made| (given..sources.len()).contains(&made)));
        }
    }
    for hand_off in rows(&report.hand_offs, report.hand_off_count) {
        let source = &sources[usize::from(hand_off.source)];
        assert!(hand_off.captured > 0 && hand_off.captured <= hand_off.length);
        assert!(hand_off.offset as usize + hand_off.captured as usize <= source.captured as usize);
        if hand_off.source == 0 && body.is_none() {
            assert!(hand_off.offset as usize + hand_off.captured as usize <= report.length as usize);
        }
        assert!(protocols::offer(hand_off.table).is_some());
        assert!(!text(hand_off.words).contains(char::is_control));
        let known = ffi::WECHAT_INSIDE | ffi::WECHAT_SIDE | ffi::WECHAT_COUNTED;
        assert!(
            hand_off.flags & !known == 0 && (hand_off.flags == 0 || hand_off.flags & ffi::WECHAT_INSIDE != 0)
        );
    }
}
