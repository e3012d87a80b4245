// SPDX-License-Identifier: GPL-2.0-or-later
//! Streams told packet by packet, carried to the dissector as TCP would, and written down as text.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use wechat_dissector::capture::Capture;
use wechat_dissector::config::Config;
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::report::{Report, Wanted};
use wechat_dissector::kernel::segment::More;
use wechat_dissector::kernel::segment::{Segment, Step};
use wechat_dissector::kernel::time::Time;
use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_traffic::capture::{self, BASE_TIME};
use wechat_traffic::packet::{Control, Direction};

use crate::facts::FACTS;
use crate::render::{handed_on, line, name};

/// Everything a report can hold.
const ALL: Wanted = Wanted::ALL;

/// A packet with payload.
struct Packet {
    number: u32,
    stream: Stream,
    from_server: bool,
    payload: Vec<u8>,
    /// Bytes that the capture cut off its end.
    cut_off: usize,
    /// Bytes of the stream that were lost before it; negative when it repeats some.
    lost: i32,
    nanoseconds: i64,
}

/// A connection.
#[derive(Clone, Copy)]
struct Stream {
    number: u32,
    /// Address and port of client and server.
    client: ([u8; 4], u16),
    server: ([u8; 4], u16),
    /// Whether the capture holds its beginning.
    began: bool,
}

/// The stream of stories that have but one.
const ONLY: Stream =
    Stream { number: 0, client: ([192, 168, 1, 23], 50_000), server: ([203, 0, 113, 80], 8080), began: true };

impl Stream {
    /// A further one of the same client's, to the next port.
    fn further(self, link: u32) -> Self {
        let (address, port) = ONLY.server;
        Self { number: link, server: (address, port + link as u16), ..self }
    }
}

/// Packets of one client's streams to port 8080, 8081 and so on, or of a capture's.
pub struct Story {
    packets: Vec<Packet>,
    config: Config,
    more: bool,
    protocol: u16,
}

impl Story {
    pub fn new() -> Self {
        Self { packets: Vec::new(), config: Config::default(), more: true, protocol: LONG_LINK }
    }

    /// Sets preferences.
    pub fn configured(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(&mut self.config);
        self
    }

    /// What the streams are decoded as.
    pub fn decoded_as(self, protocol: u16) -> Self {
        Self { protocol, ..self }
    }

    /// The capture begins in the middle of the streams told so far.
    pub fn without_beginning(mut self) -> Self {
        self.packets.iter_mut().for_each(|packet| packet.stream.began = false);
        self
    }

    /// The carrier cannot wait for more bytes.
    pub fn without_reassembly(mut self) -> Self {
        self.more = false;
        self
    }

    pub fn client(self, payload: impl Into<Vec<u8>>) -> Self {
        self.packet(false, payload.into())
    }

    pub fn server(self, payload: impl Into<Vec<u8>>) -> Self {
        self.packet(true, payload.into())
    }

    /// The last packet lost its last bytes to the snap length.
    pub fn cut_off(mut self, bytes: usize) -> Self {
        self.packets.last_mut().expect("a packet").cut_off = bytes;
        self
    }

    /// Bytes of the stream are missing before the last packet, or are repeated by it.
    pub fn after_losing(mut self, bytes: i32) -> Self {
        self.packets.last_mut().expect("a packet").lost = bytes;
        self
    }

    /// The last packet is of another stream of the client's.
    pub fn on_link(mut self, link: u32) -> Self {
        let packet = self.packets.last_mut().expect("a packet");
        packet.stream = packet.stream.further(link);
        self
    }

    /// The last packet comes so many milliseconds after the first.
    pub fn at(mut self, milliseconds: i64) -> Self {
        self.packets.last_mut().expect("a packet").nanoseconds = milliseconds * 1_000_000;
        self
    }

    fn packet(mut self, from_server: bool, payload: Vec<u8>) -> Self {
        let number = self.packets.len() as u32 + 1;
        let nanoseconds = i64::from(number - 1) * 10_000_000;
        let packet = Packet { number, stream: ONLY, from_server, payload, cut_off: 0, lost: 0, nanoseconds };
        self.packets.push(packet);
        self
    }

    /// The packets of a capture over IPv4 that TCP hands on: those with bytes not seen before.
    pub fn of(capture: &capture::Capture) -> Self {
        let mut story = Self::new();
        let mut seen: HashMap<(usize, Direction), u64> = HashMap::new();
        let mut numbers: Vec<usize> = Vec::new();
        for (index, packet) in capture.packets().iter().enumerate() {
            if !numbers.contains(&packet.flow) {
                numbers.push(packet.flow);
            }
            let seen = seen.entry((packet.flow, packet.direction)).or_default();
            if packet.range().end <= *seen {
                continue;
            }
            assert_eq!(packet.range().start, *seen, "packet {}: bytes are missing", index + 1);
            *seen = packet.range().end;
            let number = numbers.iter().position(|flow| *flow == packet.flow).expect("listed above");
            story.packets.push(Packet {
                number: index as u32 + 1,
                stream: stream(capture, packet.flow, number as u32),
                from_server: packet.direction == Direction::ServerToClient,
                payload: packet.payload.clone(),
                cut_off: 0,
                lost: 0,
                nanoseconds: (BASE_TIME + packet.time).as_micros() as i64 * 1000,
            });
        }
        story
    }

    /// What a user sees: each PDU on the first visit, and what differs on a later one.
    pub fn tell(&self) -> String {
        // Last packet first: a later visit may come in any order.
        let visits = self.visit_all(render, |order| order.reverse());
        let mut out = String::new();
        for Visits { offer, first, later } in visits {
            let sender = offer.sender();
            let link = match offer.stream.number {
                0 => String::new(),
                link => format!(" on link {link}"),
            };
            writeln!(out, "packet {} from the {sender}{link}, {} bytes", offer.number, offer.reported)
                .unwrap();
            first.iter().for_each(|text| out.push_str(text));
            if first != later {
                out.push_str("  on a later visit\n");
                later.iter().for_each(|text| out.push_str(text));
            }
        }
        out
    }

    /// Who answers whom: each frame with its links, times and notes, on the first visit and on later
    /// ones, which come in the order that `reorder` makes of the packets'.
    pub fn tell_exchanges(&self, reorder: impl FnOnce(&mut [usize])) -> [String; 2] {
        let visits = self.visit_all(render_exchange, reorder);
        [|visits: &Visits| visits.first.concat(), |visits: &Visits| visits.later.concat()].map(|texts| {
            let mut out = String::new();
            let shows = |visits: &&Visits| !texts(visits).is_empty() && texts(visits) != WAITS;
            for visits in visits.iter().filter(shows) {
                let Offer { number, stream, time, .. } = &visits.offer;
                let (sender, start) = (visits.offer.sender(), self.packets[0].nanoseconds);
                let seconds = (time - start) as f64 / 1e9;
                writeln!(out, "packet {number}, {seconds:.6} s, stream {}, {sender}", stream.number).unwrap();
                out.push_str(&texts(visits));
            }
            out
        })
    }

    /// The first pass, then each packet once more.
    fn visit_all(&self, render: Render, reorder: impl FnOnce(&mut [usize])) -> Vec<Visits> {
        let mut dissector = Capture::new(&self.config);
        let mut visits = self.carry(&mut dissector, render);
        let mut order: Vec<usize> = (0..visits.len()).collect();
        reorder(&mut order);
        for index in order {
            visits[index].later = self.visit(&mut dissector, &visits[index], render);
        }
        visits
    }

    /// The first pass: what the carrier put together for each call, as later passes see it again.
    fn carry(&self, dissector: &mut Capture, render: Render) -> Vec<Visits> {
        let mut visits: Vec<Visits> = Vec::new();
        let mut lanes: HashMap<(u32, bool), Lane> = HashMap::new();
        for packet in &self.packets {
            let Lane { held, position, wanted } =
                lanes.entry((packet.stream.number, packet.from_server)).or_default();
            if packet.lost != 0 {
                *position = (*position + held.len() as u32).wrapping_add_signed(packet.lost);
                held.clear();
                *wanted = 0;
            }
            held.extend(&packet.payload);
            let offer = Offer {
                number: packet.number,
                stream: packet.stream,
                from_server: packet.from_server,
                time: packet.nanoseconds,
                reported: held.len(),
                data: held[..held.len() - packet.cut_off].to_vec(),
                position: 1 + *position,
                more: self.more && packet.cut_off == 0,
            };
            let mut first = Vec::new();
            if held.len() >= *wanted {
                let (used, more) = first_visit(dissector, self.protocol, &offer, &mut first, render);
                *wanted = more.map_or(0, |more| held.len() - used + more);
                held.drain(..used);
                *position += used as u32;
            } else {
                first.push(WAITS.to_owned());
            }
            visits.push(Visits { offer, first, later: Vec::new() });
        }
        visits
    }

    fn visit(&self, dissector: &mut Capture, visits: &Visits, render: Render) -> Vec<String> {
        if visits.first == [WAITS] {
            return visits.first.clone();
        }
        let offer = &visits.offer;
        let mut texts = Vec::new();
        let mut used = 0;
        while used < offer.reported {
            let segment = offer.segment(used, false);
            let step = dissector.step(self.protocol, &segment);
            texts.push(render(&segment, step, dissector.report()));
            match step {
                Step::Consumed(length) => used += length,
                Step::Need(_) => break,
            }
        }
        texts
    }
}

fn first_visit(
    dissector: &mut Capture,
    protocol: u16,
    offer: &Offer,
    texts: &mut Vec<String>,
    render: Render,
) -> (usize, Option<usize>) {
    let mut used = 0;
    while used < offer.reported {
        let segment = offer.segment(used, true);
        let step = dissector.step(protocol, &segment);
        texts.push(render(&segment, step, dissector.report()));
        match step {
            Step::Consumed(length) => used += length,
            Step::Need(More::Segment) => return (used, Some(1)),
            Step::Need(More::Bytes(bytes)) => return (used, Some(bytes)),
        }
    }
    (used, None)
}

fn stream(capture: &capture::Capture, flow: usize, number: u32) -> Stream {
    let ends = capture.endpoints(flow);
    let end = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => (ip.octets(), address.port()),
        IpAddr::V6(ip) => panic!("{ip} is no address of IPv4"),
    };
    let first = capture.packets().iter().find(|packet| packet.flow == flow);
    let began = first.is_some_and(|packet| packet.control == Control::Syn);
    Stream { number, client: end(ends.client), server: end(ends.server), began }
}

/// What a user sees of a PDU, as text.
type Render = fn(&Segment<'_>, Step, &Report) -> String;

/// Instead of a report: the carrier holds the packet's bytes back.
const WAITS: &str = "  waits\n";

/// What the carrier holds of one direction of a stream.
#[derive(Default)]
struct Lane {
    held: Vec<u8>,
    /// Bytes of the stream before those that are held.
    position: u32,
    /// It has promised so many before it calls again.
    wanted: usize,
}

/// A packet's reports.
struct Visits {
    offer: Offer,
    first: Vec<String>,
    later: Vec<String>,
}

/// What the carrier hands over with one packet.
struct Offer {
    number: u32,
    stream: Stream,
    from_server: bool,
    time: i64,
    data: Vec<u8>,
    reported: usize,
    position: u32,
    more: bool,
}

impl Offer {
    fn sender(&self) -> &'static str {
        if self.from_server { "server" } else { "client" }
    }

    fn segment(&self, used: usize, first_visit: bool) -> Segment<'_> {
        let Stream { number, client, server, began } = &self.stream;
        let (source, destination) = if self.from_server { (server, client) } else { (client, server) };
        Segment {
            data: self.data.get(used..).unwrap_or_default(),
            reported: self.reported - used,
            lane: LaneId::new(*number, self.from_server),
            position: self.position + used as u32,
            counted: true,
            packet: self.number,
            time: Time::from_nanoseconds(self.time),
            shown_stream: *number,
            began: *began,
            inside: false,
            src_address: &source.0,
            dst_address: &destination.0,
            src_port: source.1,
            dst_port: destination.1,
            // TCP learns it from the SYN.
            server_port: if *began { server.1 } else { 0 },
            first_visit,
            more: self.more,
            wanted: ALL,
        }
    }
}

fn render(segment: &Segment<'_>, step: Step, report: &Report) -> String {
    let mut out = String::new();
    match step {
        Step::Consumed(length) => writeln!(out, "  {length} bytes: {}", report.text(report.info())),
        Step::Need(More::Segment) => writeln!(out, "  needs the next segment"),
        Step::Need(More::Bytes(bytes)) => writeln!(out, "  needs {bytes} bytes"),
    }
    .unwrap();
    report.items().iter().for_each(|item| out.push_str(&line(&[segment.data], report, item)));
    out.push_str(&handed_on(report));
    out
}

/// The same without what stands in the frame's own bytes; nothing when no frame is shown.
fn render_exchange(segment: &Segment<'_>, step: Step, report: &Report) -> String {
    let Step::Consumed(_) = step else { return String::new() };
    let mut out = format!("  {}\n", report.text(report.info()));
    // Every frame has these two.
    let common = ["wechat.stream", "wechat.body_len"];
    let shown = |name: &str| FACTS.contains(&name) && !common.contains(&name);
    let items = report.items().iter().filter(|item| shown(name(item)));
    items.for_each(|item| out.push_str(&line(&[segment.data], report, item)));
    out
}
