// SPDX-License-Identifier: GPL-2.0-or-later
//! A stream told packet by packet, carried to the dissector as TCP would, and written down as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use wechat_dissector::config::Config;
use wechat_dissector::dissector::{Dissector, Segment, Step};
use wechat_dissector::fields::{Base, FIELDS, Field, NOTES, Type};
use wechat_dissector::framing::More;
use wechat_dissector::report::{Item, ItemKind, Report, Wanted};

/// Everything a report can hold.
const ALL: Wanted = Wanted { columns: true, items: true, labels: true };

/// A packet with payload.
struct Packet {
    /// Which of the client's streams.
    link: u32,
    from_server: bool,
    payload: Vec<u8>,
    /// Bytes that the capture cut off its end.
    cut_off: usize,
    /// Bytes of the stream that were lost before it; negative when it repeats some.
    lost: i32,
    milliseconds: i64,
}

/// Packets of one client's streams to port 8080, or of further ones to 8081 and so on.
pub struct Story {
    packets: Vec<Packet>,
    config: Config,
    more: bool,
    began: bool,
}

impl Story {
    pub fn new() -> Self {
        Self { packets: Vec::new(), config: Config::default(), more: true, began: true }
    }

    /// Sets preferences.
    pub fn configured(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(&mut self.config);
        self
    }

    /// The carrier cannot wait for more bytes.
    pub fn without_reassembly(mut self) -> Self {
        self.more = false;
        self
    }

    /// The capture began in the middle of the stream.
    pub fn without_beginning(mut self) -> Self {
        self.began = false;
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
        self.packets.last_mut().expect("a packet").link = link;
        self
    }

    /// The last packet comes so many milliseconds after the first.
    pub fn at(mut self, milliseconds: i64) -> Self {
        self.packets.last_mut().expect("a packet").milliseconds = milliseconds;
        self
    }

    fn packet(mut self, from_server: bool, payload: Vec<u8>) -> Self {
        let milliseconds = self.packets.len() as i64 * 10;
        self.packets.push(Packet { link: 0, from_server, payload, cut_off: 0, lost: 0, milliseconds });
        self
    }

    /// What a user sees: each PDU on the first visit, and what differs on a later one.
    pub fn tell(&self) -> String {
        let mut dissector = Dissector::new(self.config.clone());
        let offers = self.carry(&mut dissector);
        let mut out = String::new();
        // Last packet first: a later visit may come in any order.
        let mut later: Vec<(usize, Vec<String>)> = Vec::new();
        for (index, offer) in offers.iter().enumerate().rev() {
            later.push((index, self.visit(&mut dissector, offer, false)));
        }
        for (index, offer) in offers.iter().enumerate() {
            let first = &offer.first;
            let (_, again) = later.iter().find(|(of, _)| *of == index).expect("visited");
            let sender = if offer.from_server { "server" } else { "client" };
            let link = if offer.link == 0 { String::new() } else { format!(" on link {}", offer.link) };
            writeln!(out, "packet {} from the {sender}{link}, {} bytes", offer.number, offer.reported)
                .unwrap();
            first.iter().for_each(|text| out.push_str(text));
            if first != again {
                out.push_str("  on a later visit\n");
                again.iter().for_each(|text| out.push_str(text));
            }
        }
        out
    }

    /// The first pass: what the carrier put together for each call, as later passes see it again.
    fn carry(&self, dissector: &mut Dissector) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::new();
        // Of each stream and side: bytes in hand, the position of the first, and how many are waited for.
        let mut lanes = BTreeMap::new();
        for (index, packet) in self.packets.iter().enumerate() {
            let lane = lanes.entry((packet.link, packet.from_server)).or_insert((Vec::new(), 1u32, 0));
            let (held, position, wanted) = lane;
            if packet.lost != 0 {
                *position = (*position + held.len() as u32).wrapping_add_signed(packet.lost);
                held.clear();
                *wanted = 0;
            }
            held.extend(&packet.payload);
            let number = index as u32 + 1;
            let mut offer = Offer {
                number,
                link: packet.link,
                began: self.began,
                from_server: packet.from_server,
                time: packet.milliseconds * 1_000_000,
                reported: held.len(),
                data: held[..held.len() - packet.cut_off].to_vec(),
                position: *position,
                more: self.more && packet.cut_off == 0,
                first: Vec::new(),
            };
            if held.len() >= *wanted {
                let (used, more) = self.first_visit(dissector, &mut offer);
                *wanted = more.map_or(0, |more| held.len() - used + more);
                held.drain(..used);
                *position += used as u32;
            } else {
                offer.first.push("  waits\n".to_owned());
            }
            offers.push(offer);
        }
        offers
    }

    fn first_visit(&self, dissector: &mut Dissector, offer: &mut Offer) -> (usize, Option<usize>) {
        let mut used = 0;
        while used < offer.reported {
            let step = dissector.step(&offer.segment(used, true));
            offer.first.push(render(&offer.segment(used, true), step, dissector.report()));
            match step {
                Step::Consumed(length) => used += length,
                Step::Need(More::Segment) => return (used, Some(1)),
                Step::Need(More::Bytes(bytes)) => return (used, Some(bytes)),
            }
        }
        (used, None)
    }

    fn visit(&self, dissector: &mut Dissector, offer: &Offer, first_visit: bool) -> Vec<String> {
        if offer.first == ["  waits\n"] {
            return offer.first.clone();
        }
        let mut texts = Vec::new();
        let mut used = 0;
        while used < offer.reported {
            let segment = offer.segment(used, first_visit);
            let step = dissector.step(&segment);
            texts.push(render(&segment, step, dissector.report()));
            match step {
                Step::Consumed(length) => used += length,
                Step::Need(_) => break,
            }
        }
        texts
    }
}

/// What the carrier hands over with one packet.
struct Offer {
    number: u32,
    link: u32,
    began: bool,
    from_server: bool,
    time: i64,
    data: Vec<u8>,
    reported: usize,
    position: u32,
    more: bool,
    first: Vec<String>,
}

impl Offer {
    fn segment(&self, used: usize, first_visit: bool) -> Segment<'_> {
        let server = 8080 + self.link as u16;
        let ports = if self.from_server { (server, 50000) } else { (50000, server) };
        let addresses: [&[u8]; 2] = if self.from_server { [&[1], &[2]] } else { [&[2], &[1]] };
        Segment {
            data: self.data.get(used..).unwrap_or_default(),
            reported: self.reported - used,
            stream: self.link,
            side: self.from_server,
            position: self.position + used as u32,
            counted: true,
            packet: self.number,
            time: self.time,
            shown_stream: self.link,
            began: self.began,
            src_address: addresses[0],
            dst_address: addresses[1],
            src_port: ports.0,
            dst_port: ports.1,
            server_port: 0,
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
    for item in report.items() {
        let indent = 4 + 2 * usize::from(item.depth);
        let range = item.offset as usize..(item.offset + item.length) as usize;
        let text = report.text(item.text);
        let line = if item.kind == ItemKind::Note as u8 {
            format!("! {}: {text}", NOTES[item.field as usize].filter.to_str().unwrap())
        } else {
            let field = &FIELDS[item.field as usize];
            format!(
                "{}{}",
                field.filter.to_str().unwrap(),
                value(field, item, &segment.data[range.clone()], text)
            )
        };
        writeln!(out, "{:indent$}{}..{} {line}", "", range.start, range.end).unwrap();
    }
    out
}

/// The value as the host would read it, and the item's text behind it.
fn value(field: &Field, item: &Item, bytes: &[u8], text: &str) -> String {
    let made = [ItemKind::Generated as u8, ItemKind::Decoded as u8].contains(&item.kind);
    let number = || match made {
        true => item.value,
        false => bytes.iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte)),
    };
    let masked = || match field.mask {
        0 => number(),
        mask => (number() & mask) >> mask.trailing_zeros(),
    };
    let mark =
        if item.kind == ItemKind::Generated as u8 || item.kind == ItemKind::Text as u8 { "~" } else { "=" };
    match field.ty {
        Type::Protocol | Type::None => text.to_owned(),
        Type::Text if item.kind == ItemKind::Text as u8 => format!(" {mark} {text:?}"),
        Type::Text | Type::PaddedText => {
            let read = String::from_utf8_lossy(bytes);
            format!(" {mark} {:?}{text}", read.trim_end_matches('\0'))
        }
        Type::Bytes => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            match hex.len() {
                0..=64 => format!(" {mark} {hex}{text}"),
                length => format!(" {mark} {}... {} bytes{text}", &hex[..48], length / 2),
            }
        }
        Type::Boolean => format!(" {mark} {}", masked() != 0),
        Type::Ipv4 => {
            let parts: Vec<String> = bytes.iter().map(u8::to_string).collect();
            format!(" {mark} {}", parts.join("."))
        }
        Type::I32 => format!(" {mark} {}{text}", number() as u32 as i32),
        Type::I64 => format!(" {mark} {}{text}", number() as i64),
        Type::Duration => format!(" {mark} {:.6} s", item.value as i64 as f64 / 1e9),
        _ => {
            let name = field.values.iter().find(|(value, _)| u64::from(*value) == masked());
            let name = name.map(|(_, name)| format!(" ({})", name.to_str().unwrap())).unwrap_or_default();
            match field.base {
                Base::Hex => format!(" {mark} {:#x}{name}{text}", masked()),
                _ => format!(" {mark} {}{name}{text}", masked()),
            }
        }
    }
}
