// SPDX-License-Identifier: GPL-2.0-or-later
//! Captures of MMTLS, carried to the dissector as TCP and HTTP's dissector would, what is inside included.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Range;

use wechat_dissector::capture::Capture;
use wechat_dissector::claim::Offer;
use wechat_dissector::config::Config;
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::report::{CAME_IN, HandOff, Inner, ItemKind, PASSED_ON, Report, Wanted};
use wechat_dissector::kernel::rows::Type;
use wechat_dissector::kernel::segment::{More, Segment, Step};
use wechat_dissector::kernel::time::Time;
use wechat_dissector::mmtls::fields::TABLE as MMTLS;
use wechat_dissector::protocols;
use wechat_traffic::capture::BASE_TIME;
use wechat_traffic::mmtls::case::Made;
use wechat_traffic::mmtls::story::Part;
use wechat_traffic::packet::{Control, Direction, Endpoints};

use crate::render::{line, name};
use crate::shown::{Shown, Value};

/// What the dissector is called with for a packet.
pub struct Call {
    pub packet: u32,
    pub lane: LaneId,
    position: u32,
    time: Time,
    data: Vec<u8>,
    pub reported: usize,
    more: bool,
    ends: ([u8; 4], u16, [u8; 4], u16),
    server_port: u16,
    began: bool,
    /// The body, of a message of HTTP's, which needs not stand in its bytes as it is.
    message: Option<Vec<u8>>,
    /// The protocol that takes it apart, and whether it is inside of another.
    protocol: u16,
    inside: bool,
}

impl Call {
    /// A message of HTTP's from one end of the only stream, with its body as HTTP's dissector passes it on.
    pub fn message(packet: u32, from_server: bool, data: Vec<u8>, body: &[u8]) -> Self {
        Self {
            packet,
            lane: LaneId::new(0, from_server),
            position: packet << 16,
            time: Time::from_nanoseconds(BASE_TIME.as_nanos() as i64 + i64::from(packet) * 1_000_000_000),
            reported: data.len(),
            data,
            more: false,
            ends: match from_server {
                false => ([10, 0, 0, 2], 40_000, [10, 0, 0, 3], 80),
                true => ([10, 0, 0, 3], 80, [10, 0, 0, 2], 40_000),
            },
            server_port: 80,
            began: true,
            message: Some(body.to_vec()),
            protocol: MMTLS,
            inside: false,
        }
    }

    /// Bytes of a stream that a protocol has inside of another.
    pub fn inside(packet: u32, protocol: u16, from_server: bool, position: u32, data: &[u8]) -> Self {
        let call = Self::message(packet, from_server, data.to_vec(), &[]);
        Self { position, message: None, protocol, inside: true, ..call }
    }

    /// The same in another stream.
    pub fn of_stream(self, stream: u32) -> Self {
        Self { lane: LaneId::new(stream, self.lane.side), ..self }
    }

    /// The same with more that may follow.
    pub fn goes_on(self) -> Self {
        Self { more: true, ..self }
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Lane {
    held: Vec<u8>,
    /// Bytes of the stream before those that are held.
    position: u64,
    wanted: usize,
    /// What TCP has handed on.
    seen: Vec<Range<u64>>,
    /// What HTTP has not dealt with, from its place.
    unread: Vec<u8>,
    read: u64,
}

/// A host with one capture open.
pub struct Host {
    capture: Capture,
    pub calls: Vec<Call>,
    /// By calls, of the first visit.
    pub first: Vec<Vec<Shown>>,
}

impl Host {
    /// The first pass over a capture.
    pub fn open(made: &Made, config: &Config) -> Self {
        let mut host = Self { capture: Capture::new(config), calls: Vec::new(), first: Vec::new() };
        host.carry(made);
        host
    }

    /// The first pass over calls.
    pub fn of(calls: Vec<Call>, config: &Config) -> Self {
        let mut capture = Capture::new(config);
        let first = calls.iter().map(|call| visit(&mut capture, call, true).0).collect();
        Self { capture, calls, first }
    }

    /// What one more visit of each packet shows, by calls, in the order that `reorder` makes of these.
    pub fn again(&mut self, reorder: impl FnOnce(&mut [usize])) -> Vec<Vec<Shown>> {
        let mut order: Vec<usize> = (0..self.calls.len()).collect();
        reorder(&mut order);
        let mut later = vec![Vec::new(); self.calls.len()];
        for index in order {
            let call = &self.calls[index];
            later[index] = visit(&mut self.capture, call, false).0;
        }
        later
    }

    fn carry(&mut self, made: &Made) {
        let mut lanes: HashMap<(usize, Direction), Lane> = HashMap::new();
        let mut streams: Vec<usize> = Vec::new();
        let began: BTreeSet<usize> = made
            .capture
            .packets()
            .iter()
            .filter(|one| one.control == Control::Syn)
            .map(|one| one.flow)
            .collect();
        for (index, packet) in made.capture.packets().iter().enumerate() {
            if !streams.contains(&packet.flow) {
                streams.push(packet.flow);
            }
            if packet.payload.is_empty() {
                continue;
            }
            let stream = streams.iter().position(|flow| *flow == packet.flow).expect("listed above") as u32;
            let ends = made.capture.endpoints(packet.flow);
            let from_server = packet.direction == Direction::ServerToClient;
            let lane = lanes.entry((packet.flow, packet.direction)).or_default();
            let Some(new) = unseen(&lane.seen, packet.range()) else { continue };
            lane.seen.push(new.clone());
            let captured = made.capture.captured_payload(packet).expect("it can be encoded");
            let cut = packet.offset + captured;
            let bytes =
                &packet.payload[(new.start - packet.offset) as usize..(new.end - packet.offset) as usize];
            let call = Call {
                packet: index as u32 + 1,
                lane: LaneId::new(stream, from_server),
                position: 0,
                time: Time::from_nanoseconds((BASE_TIME + packet.time).as_nanos() as i64),
                data: Vec::new(),
                reported: 0,
                more: cut >= new.end,
                ends: ends_of(ends, from_server),
                server_port: if began.contains(&packet.flow) { ends.server.port() } else { 0 },
                began: began.contains(&packet.flow),
                message: None,
                protocol: MMTLS,
                inside: false,
            };
            let sequence = first_sequence(packet.sequence, packet.offset);
            if self.is_ours(&call, bytes, sequence.wrapping_add(new.start as u32)) {
                let lost = (new.end.saturating_sub(cut)).min(bytes.len() as u64) as usize;
                self.segment(lane, call, bytes, lost, new.start, sequence);
            } else {
                lane.unread.extend(bytes);
                self.messages(made, (packet.flow, packet.direction), lane, &call, sequence);
            }
        }
    }

    /// Whether a segment is MMTLS's. Ports that are not WeChat's are decoded as such.
    fn is_ours(&mut self, call: &Call, bytes: &[u8], position: u32) -> bool {
        let port = if call.lane.side { call.ends.1 } else { call.ends.3 };
        let offer = Offer {
            data: bytes,
            lane: call.lane,
            position,
            counted: true,
            packet: call.packet,
            first_visit: true,
            began_in_capture: call.began,
            any_port: false,
        };
        ![80, 443, 8080].contains(&port) || self.capture.claim(offer) == Some(MMTLS)
    }

    /// TCP hands on a segment behind what it holds.
    fn segment(&mut self, lane: &mut Lane, call: Call, bytes: &[u8], lost: usize, start: u64, sequence: u32) {
        if lane.position + lane.held.len() as u64 != start {
            (lane.position, lane.wanted) = (start, 0);
            lane.held.clear();
        }
        lane.held.extend(bytes);
        if lane.held.len() < lane.wanted {
            return;
        }
        let position = sequence.wrapping_add(lane.position as u32);
        let reported = lane.held.len();
        let mut call = Call { data: lane.held[..reported - lost].to_vec(), reported, position, ..call };
        // What the port's owner was given.
        let begun = self.capture.begun(&segment(&call, true)).to_vec();
        call.data.splice(0..0, begun.iter().copied());
        call.reported += begun.len();
        call.position = call.position.wrapping_sub(begun.len() as u32);
        let (shown, used, more) = visit(&mut self.capture, &call, true);
        let used = used.saturating_sub(begun.len());
        lane.wanted = more.map_or(0, |more| lane.held.len() - used + more);
        lane.held.drain(..used);
        lane.position += used as u64;
        self.calls.push(call);
        self.first.push(shown);
    }

    /// HTTP's dissector takes each message that is whole.
    fn messages(&mut self, made: &Made, of: (usize, Direction), lane: &mut Lane, call: &Call, sequence: u32) {
        loop {
            let there = lane.read..lane.read + lane.unread.len() as u64;
            let mut parts = made.capture.parts().iter().filter(|part| (part.flow, part.direction) == of);
            let next = parts.find(|part| part.range.end > there.start);
            let (end, body) = match next {
                Some(part) if part.range.start > there.start => (part.range.start.min(there.end), None),
                Some(part) if part.range.end <= there.end => (part.range.end, body_of(made, part.part)),
                Some(_) => return,
                None => (there.end, None),
            };
            let length = (end - there.start) as usize;
            if length == 0 {
                return;
            }
            let data: Vec<u8> = lane.unread.drain(..length).collect();
            let position = sequence.wrapping_add(lane.read as u32);
            lane.read = end;
            let call = Call {
                data,
                reported: length,
                position,
                message: Some(body.unwrap_or_default()),
                more: false,
                ..*call
            };
            let (shown, ..) = visit(&mut self.capture, &call, true);
            self.calls.push(call);
            self.first.push(shown);
        }
    }
}

/// The part of a range that lies behind, or in front of, all that was seen.
fn unseen(seen: &[Range<u64>], mut range: Range<u64>) -> Option<Range<u64>> {
    for one in seen {
        if one.contains(&range.start) {
            range.start = one.end;
        }
        if range.start < one.start && one.start < range.end {
            range.end = one.start;
        }
    }
    (range.start < range.end).then_some(range)
}

/// TCP's number of the first byte of a stream.
fn first_sequence(sequence: u32, offset: u64) -> u32 {
    sequence.wrapping_sub(offset as u32)
}

fn ends_of(ends: &Endpoints, from_server: bool) -> ([u8; 4], u16, [u8; 4], u16) {
    // No test asks for the addresses of IPv6.
    let address = |ip| match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => [0; 4],
    };
    let end = |end: std::net::SocketAddr| (address(end.ip()), end.port());
    let (client, server) = (end(ends.client), end(ends.server));
    let (from, to) = if from_server { (server, client) } else { (client, server) };
    (from.0, from.1, to.0, to.1)
}

/// The records of a message, as HTTP's dissector passes them on.
fn body_of(made: &Made, part: usize) -> Option<Vec<u8>> {
    let Part::Message(message) = made.story.parts[part] else { return None };
    let (session, records) = made.story.messages[message].records.as_ref()?;
    let records = records.iter().map(|record| &made.story.sessions[*session].records[*record].wire);
    Some(records.flatten().copied().collect())
}

fn segment(call: &Call, first_visit: bool) -> Segment<'_> {
    let (src_address, src_port, dst_address, dst_port) = &call.ends;
    Segment {
        data: &call.data,
        reported: call.reported,
        lane: call.lane,
        position: call.position,
        counted: true,
        packet: call.packet,
        time: call.time,
        shown_stream: call.lane.stream,
        began: call.began,
        inside: call.inside,
        src_address,
        dst_address,
        src_port: *src_port,
        dst_port: *dst_port,
        server_port: call.server_port,
        first_visit,
        more: call.more,
        wanted: Wanted::ALL,
    }
}

/// What is shown of a call, how many of its bytes were dealt with, and how many more are wanted.
fn visit(capture: &mut Capture, call: &Call, first_visit: bool) -> (Vec<Shown>, usize, Option<usize>) {
    let segment = segment(call, first_visit);
    let mut shown = Vec::new();
    let Some(body) = &call.message else {
        let (used, more) = pdus(capture, call.protocol, &segment, 0, &mut shown);
        return (shown, used, more);
    };
    let count = capture.http().begin(&segment);
    if count > 0 && !body.is_empty() {
        let at = segment.data.ends_with(body).then(|| segment.data.len() - body.len());
        let place = capture.http().place(&segment, at, body.len(), media(segment.data));
        assert_eq!(place, Some(0), "packet {}", call.packet);
    }
    for index in 0..capture.http().end(&segment, segment.data.len()) {
        let body = if index == 0 { &body[..] } else { &[] };
        if capture.message(&segment, index, body).is_some() {
            let report = capture.report();
            if !report.items().is_empty() {
                shown.push(as_shown(report, &segment, Some(body), 0));
            }
            let handed = handed(capture.report(), segment.data, body);
            for (to, inner, bytes) in handed {
                inside(capture, &segment, to, inner, &bytes, 0, &mut shown);
            }
        }
    }
    (shown, segment.data.len(), None)
}

/// The media type in a head.
fn media(data: &[u8]) -> Option<&str> {
    let head = data.windows(4).position(|end| end == b"\r\n\r\n").map(|end| &data[..end])?;
    let head = std::str::from_utf8(head).ok()?;
    let line = head.lines().find_map(|line| line.strip_prefix("Content-Type: "))?;
    line.split(';').next()
}

/// A run of bytes for one of our protocols.
type Handed = (u16, Inner, Vec<u8>);

fn handed(report: &Report, data: &[u8], body: &[u8]) -> Vec<Handed> {
    let run = |one: &HandOff| {
        let to = protocols::joined(protocols::offer(one.table)?.name, one.key)?;
        let source = match (&report.sources()[usize::from(one.source)].bytes, one.source) {
            (Some(bytes), _) => &bytes[..],
            (None, CAME_IN) => data,
            (None, PASSED_ON) => body,
            (None, other) => panic!("source {other} has no bytes"),
        };
        Some((to, one.inner?, source[one.start..one.start + one.length].to_vec()))
    };
    report.hand_offs().iter().filter_map(run).collect()
}

fn inside(
    capture: &mut Capture,
    outer: &Segment<'_>,
    to: u16,
    inner: Inner,
    data: &[u8],
    depth: usize,
    shown: &mut Vec<Shown>,
) {
    let Inner { lane, position, counted, shown_stream } = inner;
    let (reported, more) = (data.len(), false);
    let segment =
        Segment { data, reported, lane, position, counted, shown_stream, inside: true, more, ..*outer };
    pdus(capture, to, &segment, depth, shown);
}

/// The PDUs of a segment, each with what is inside of it.
fn pdus(
    capture: &mut Capture,
    protocol: u16,
    segment: &Segment<'_>,
    depth: usize,
    shown: &mut Vec<Shown>,
) -> (usize, Option<usize>) {
    let mut used = 0;
    while used < segment.reported {
        let data = segment.data.get(used..).unwrap_or_default();
        let position = segment.position.wrapping_add(used as u32);
        let here = Segment { data, reported: segment.reported - used, position, ..*segment };
        let length = match capture.step(protocol, &here) {
            Step::Consumed(length) => length,
            Step::Need(More::Segment) => return (used, Some(1)),
            Step::Need(More::Bytes(bytes)) => return (used, Some(bytes)),
        };
        assert!(length > 0 && length <= here.reported, "{length} of {}", here.reported);
        let report = capture.report();
        shown.push(as_shown(report, &here, None, depth));
        for (to, inner, bytes) in handed(report, here.data, &[]) {
            inside(capture, &here, to, inner, &bytes, depth + 1, shown);
        }
        used += length;
    }
    (used, None)
}

/// A report on bytes, and of a message of HTTP's on its body.
fn as_shown(report: &Report, segment: &Segment<'_>, body: Option<&[u8]>, depth: usize) -> Shown {
    let given = [Some(segment.data), body].into_iter().flatten();
    let made = report.sources().iter().filter_map(|source| source.bytes.as_deref());
    let sources: Vec<&[u8]> = given.chain(made).collect();
    let mut text = format!("  {}\n", report.text(report.info()));
    let mut values = Vec::new();
    for item in report.items() {
        text.push_str(&line(&sources, report, item));
        let bytes = &sources[usize::from(item.source)][item.offset as usize..][..item.length as usize];
        let words = || Value::Text(report.text(item.text).to_owned());
        let value = match (item.kind, protocols::field(item.field).map(|field| field.ty)) {
            (ItemKind::Note | ItemKind::Text | ItemKind::DecodedText, _) => words(),
            (ItemKind::Generated | ItemKind::Decoded, _) => Value::Number(item.value),
            (_, Some(Type::Bytes)) => Value::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            (_, None | Some(Type::None | Type::Protocol | Type::Text)) => words(),
            _ => Value::Number(bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))),
        };
        values.push((name(item), value));
    }
    Shown { packet: segment.packet, protocol: report.protocol(), depth, text, values }
}
