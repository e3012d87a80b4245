// SPDX-License-Identifier: GPL-2.0-or-later
//! What the fuzz targets do with their input. tests/corpus.rs runs the same on the committed corpus, with a
//! stable compiler.
//!
//! An input is taken apart from its front; bytes that are not there are 0.

use std::ffi::c_char;
use std::ptr;

use wechat_dissector::config::Config;
use wechat_dissector::ffi;
use wechat_dissector::kernel::report::{Item, ItemKind, Report, Wanted};
use wechat_dissector::long_link::fields::{FIELDS, FieldSet, NOTES, P, PREFERENCES};
use wechat_dissector::long_link::framing::{Lane, Verdict, View};
use wechat_dissector::long_link::statistics::{Sample, Tick, WECHAT_MOST_SAMPLES, WECHAT_MOST_TICKS};
use wechat_dissector::long_link::{Dissector, Segment, Step};
use wechat_dissector::web::call::CALLS;
use wechat_dissector::web::fields::{WEB_FIELDS, WEB_NOTES};
use wechat_dissector::web::{Bytes, Web};

/// A target's name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 7] = [
    ("framing", framing),
    ("session", session),
    ("body", body),
    ("synckey", synckey),
    ("business", business),
    ("web", web),
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
    stream: 0,
    side: false,
    position: 0,
    counted: true,
    packet: 1,
    time: 0,
    shown_stream: 0,
    began: true,
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

/// One direction of a stream, whose segments may leave holes, come again, or be cut off.
pub fn framing(data: &[u8]) {
    let mut input = Input(data);
    let limit = [64, 4096, 1 << 20, u32::MAX][usize::from(input.u8() % 4)];
    let mut lane = Lane::default();
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
    let mut dissector = Dissector::new(config);
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
    let first: Vec<_> =
        (0..packets.len()).map(|index| visit(&mut dissector, &packets, index, true)).collect();
    let forward: Vec<_> =
        (0..packets.len()).map(|index| visit(&mut dissector, &packets, index, false)).collect();
    for index in (0..packets.len()).rev() {
        let backward = visit(&mut dissector, &packets, index, false);
        assert_eq!(backward, forward[index], "a later visit depends on the order");
        assert!(lengths(&backward).starts_with(&lengths(&first[index])), "a later visit shows another cut");
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
fn visit(dissector: &mut Dissector, packets: &[Packet], index: usize, first_visit: bool) -> Vec<Shown> {
    let Packet { bytes, stream, side, position, time, more } = &packets[index];
    let mut shown = Vec::new();
    let mut used = 0;
    while used < bytes.len() {
        let rest = &bytes[used..];
        let segment = Segment {
            data: rest,
            reported: rest.len(),
            stream: *stream,
            side: *side,
            position: position.wrapping_add(used as u32),
            packet: index as u32 + 1,
            time: *time,
            src_port: if *side { 8080 } else { 50_000 },
            dst_port: if *side { 50_000 } else { 8080 },
            first_visit,
            more: *more,
            ..SEGMENT
        };
        let Step::Consumed(length) = dissector.step(&segment) else { break };
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
    let mut dissector = Dissector::new(config);
    let captured = frame.len().saturating_sub(cut_off);
    let whole = segment_of(&frame);
    step_over(&mut dissector, &Segment { data: &frame[..captured], side: flags & 2 != 0, ..whole });
}

/// Two acknowledgements of one link, each with a SyncKey, so that the second is compared with the first.
pub fn synckey(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.u8();
    let first = usize::from(input.u16() % 2048);
    let keys = [input.take(first), input.0];
    let mut dissector = Dissector::new(Config::default());
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
    let mut dissector = Dissector::new(config);
    for first_visit in [true, false] {
        let whole = segment_of(&frame);
        step_over(
            &mut dissector,
            &Segment { data: &frame[..captured], side: from_server, first_visit, ..whole },
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
fn step_over(dissector: &mut Dissector, segment: &Segment<'_>) {
    let step = dissector.step(segment);
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
    let mut web = Web::default();
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
    let first: Vec<_> =
        (0..packets.len()).map(|index| message(&mut web, &packets, index, true, &config)).collect();
    let forward: Vec<_> =
        (0..packets.len()).map(|index| message(&mut web, &packets, index, false, &config)).collect();
    for index in (0..packets.len()).rev() {
        let backward = message(&mut web, &packets, index, false, &config);
        assert_eq!(backward, forward[index], "a later visit depends on the order");
        assert_eq!(lengths(&backward), lengths(&first[index]), "a later visit shows other messages");
    }
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
fn message(web: &mut Web, packets: &[Given], index: usize, first_visit: bool, config: &Config) -> Vec<Shown> {
    let Given { data, bodies, stream, side, position, time, taken } = &packets[index];
    let bytes = Bytes {
        data,
        stream: *stream,
        side: *side,
        position: *position,
        counted: true,
        packet: index as u32 + 1,
        time: *time,
        first_visit,
        wanted: ALL,
    };
    let count = web.begin(&bytes);
    let mut kept = vec![&[][..]; count];
    for (at, body, media) in bodies.iter().filter(|(_, body, _)| !body.is_empty()) {
        if let Some(place) = web.place(&bytes, *at, body.len(), Some(media)) {
            kept[place] = body;
        }
    }
    let mut shown = Vec::new();
    let messages = web.take(&bytes, (*taken).min(data.len()));
    assert!(messages <= count);
    for (index, body) in kept.into_iter().enumerate().take(messages) {
        let Some(head) = web.message(&bytes, index, body, config) else { continue };
        assert!(head.start < head.end && head.end <= data.len(), "{head:?} of {}", data.len());
        let report = web.report();
        let rows = [FIELDS.len() + WEB_FIELDS.len(), NOTES.len() + WEB_NOTES.len()];
        check_rows(report, data.len() + body.len(), rows);
        assert!(web.record().is_some_and(|record| record.ticks().len() < record.ticks.len()));
        shown.push((head.end, report.items().to_vec(), report.texts().to_vec()));
    }
    shown
}

/// Every item lies in the captured bytes and names a row, every text is ended and is UTF-8.
fn check(report: &Report, captured: usize) {
    check_rows(report, captured, [FIELDS.len(), NOTES.len()]);
}

fn check_rows(report: &Report, captured: usize, [fields, notes]: [usize; 2]) {
    for item in report.items() {
        let rows = if item.kind == ItemKind::Note as u8 { notes } else { fields };
        assert!(usize::from(item.field) < rows);
        assert!(item.offset as usize + item.length as usize <= captured);
        assert!((item.text as usize) < report.texts().len());
    }
    assert_eq!(report.texts().last(), Some(&0));
    assert!(std::str::from_utf8(report.texts()).is_ok());
}

/// The C functions, in any order, with any arguments that their descriptions allow.
pub fn abi(data: &[u8]) {
    let mut input = Input(data);
    let mut config = None;
    let mut handle = None;
    let mut lines = None;
    let mut report = std::mem::MaybeUninit::uninit();
    while !input.is_over() {
        let call = input.u8();
        let preference = u16::from(input.u8()) % (PREFERENCES.len() as u16 + 1);
        match call % 12 {
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
                unsafe { ffi::wechat_config_set_ports(config.as_deref_mut(), preference, pointer(&text)) };
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
                lines = unsafe { ffi::wechat_lines_new(pointer(&words), &raw mut filter) };
                // SAFETY: no record.
                unsafe { ffi::wechat_lines_write(lines.as_deref_mut(), None) };
            }
            5 => {
                ffi::wechat_dissector_free(handle.take());
                handle = ffi::wechat_dissector_new(config.as_deref());
            }
            6 => {
                let segment = segment(&mut input);
                // SAFETY: the bytes are there.
                unsafe { ffi::wechat_claim(handle.as_deref_mut(), Some(&segment)) };
            }
            7 => {
                let segment = segment(&mut input);
                let mut room = Room::new(&mut input);
                let filter = usize::from(preference);
                // SAFETY: the addresses are there, and room for `size` bytes.
                unsafe {
                    ffi::wechat_packet_filter(
                        handle.as_deref(),
                        filter,
                        Some(&segment),
                        room.text(),
                        room.size,
                    );
                    ffi::wechat_stream_filter(segment.stream, room.text(), room.size);
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
                    look_at(report, &segment);
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

/// What the statistics make of a record.
fn count(report: &ffi::wechat_report, lines: Option<&mut ffi::wechat_lines>) {
    // SAFETY: NULL, or a record that is valid until the next call with the handle.
    let Some(record) = (unsafe { report.record.as_ref() }) else { return };
    let mut ticks = [Tick::default(); WECHAT_MOST_TICKS];
    let mut samples = [Sample::default(); WECHAT_MOST_SAMPLES];
    // SAFETY: room for as many; the record's texts are the report's.
    unsafe {
        assert!(ffi::wechat_tree_ticks(Some(record), ticks.as_mut_ptr(), ticks.len()) <= ticks.len());
        assert!(
            ffi::wechat_delivery_samples(Some(record), samples.as_mut_ptr(), samples.len()) <= samples.len()
        );
        ffi::wechat_lines_write(lines, Some(record));
    }
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

/// Every other field.
static SOME_FIELDS: [u64; FieldSet::WORDS] = [0x5555_5555_5555_5555; FieldSet::WORDS];

/// A segment whose bytes are those of the input, so that reading beyond them is seen.
fn segment(input: &mut Input<'_>) -> ffi::wechat_segment {
    let (flags, wanted) = (u32::from(input.u8()), u32::from(input.u8()));
    let (packet, position) = (u32::from(input.u8()), u32::from(input.u16()));
    let (stream, longer) = (u32::from(input.u8() % 3), usize::from(input.u8() % 4) * 5);
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
        fields: if flags & 0x80 != 0 { &raw const SOME_FIELDS as *const u64 } else { ptr::null() },
    }
}

/// Reads all that a report points to.
fn look_at(report: &ffi::wechat_report, segment: &ffi::wechat_segment) {
    if report.verdict == ffi::wechat_verdict::Consumed {
        assert!(report.length > 0 && report.length as usize <= segment.reported);
    }
    // SAFETY: valid until the next call with the handle.
    let items = unsafe { std::slice::from_raw_parts(report.items, report.item_count) };
    for item in items {
        assert!(item.offset as usize + item.length as usize <= segment.captured);
        // SAFETY: an item's text is in the report's texts, which are ended by a NUL.
        unsafe { std::ffi::CStr::from_ptr(report.texts.add(item.text as usize)) }.to_str().expect("UTF-8");
    }
    // SAFETY: as above.
    unsafe { std::ffi::CStr::from_ptr(report.texts.add(report.info as usize)) }.to_str().expect("UTF-8");
}
