// SPDX-License-Identifier: GPL-2.0-or-later
//! Calls of the web client, passed on as HTTP's dissector would, and written down as text.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use wechat_dissector::capture::Capture;
use wechat_dissector::config::Config;
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::report::Wanted;
use wechat_dissector::kernel::segment::Segment;
use wechat_dissector::kernel::time::Time;
use wechat_traffic::capture::BASE_TIME;
use wechat_traffic::web::carrier::{self, Carrier};
use wechat_traffic::web::dialogue::Dialogue;

use crate::render::line;

/// Everything a report can hold.
const ALL: Wanted = Wanted::ALL;

/// A message: its bytes on the wire, and its body as HTTP's dissector passes it on.
#[derive(Clone, Debug)]
pub struct Message {
    pub bytes: Vec<u8>,
    pub body: Vec<u8>,
    pub media: String,
}

impl Message {
    /// A message whose body stands as it is behind the head, to which its type and length are added.
    pub fn new(first_lines: &str, media: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref().to_vec();
        let mut bytes = first_lines.as_bytes().to_vec();
        if !media.is_empty() {
            bytes.extend(format!("Content-Type: {media}\r\nContent-Length: {}\r\n", body.len()).bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&body);
        Self { bytes, body, media: media.to_owned() }
    }
}

/// What HTTP's dissector is given at once.
struct Packet {
    number: u32,
    stream: u32,
    from_server: bool,
    position: u32,
    time: i64,
    messages: Vec<Message>,
}

/// Messages of the web client's and of others.
pub struct WebStory {
    packets: Vec<Packet>,
    positions: HashMap<(u32, bool), u32>,
    config: Config,
}

impl WebStory {
    pub fn new() -> Self {
        Self { packets: Vec::new(), positions: HashMap::new(), config: Config::default() }
    }

    /// A dialogue, each message in a packet of its own.
    pub fn of(dialogue: &Dialogue, carrier: Carrier, rng: &mut ChaCha8Rng) -> Self {
        let mut events = Vec::new();
        for (stream, calls) in (0u32..).zip(carrier::assign(dialogue, carrier.connections)) {
            for call in calls.into_iter().map(|index| &dialogue.calls[index]) {
                let [request, response] =
                    carrier::encode(call, carrier, None, rng).expect("the call is encoded");
                let media = call.request.content_type.split(';').next().unwrap_or_default().to_owned();
                let asked = if call.request.body.is_empty() { String::new() } else { media };
                let asked = Message { bytes: request, body: call.request.body.clone(), media: asked };
                let answered = Message {
                    bytes: response,
                    body: call.response.body.clone(),
                    media: call.response.content_type.to_owned(),
                };
                events.push((call.at, stream, false, asked));
                events.push((call.end(), stream, true, answered));
            }
        }
        events.sort_by_key(|(at, ..)| *at);
        let mut story = Self::new();
        for (at, stream, from_server, message) in events {
            story.packet(BASE_TIME + at, stream, from_server, vec![message]);
        }
        story
    }

    /// Sets preferences.
    pub fn configured(mut self, set: impl FnOnce(&mut Config)) -> Self {
        set(&mut self.config);
        self
    }

    /// The client sends messages at once, so many milliseconds after the start of the capture.
    pub fn client(self, milliseconds: u64, messages: impl Into<Vec<Message>>) -> Self {
        self.side(milliseconds, false, messages.into())
    }

    /// The server does.
    pub fn server(self, milliseconds: u64, messages: impl Into<Vec<Message>>) -> Self {
        self.side(milliseconds, true, messages.into())
    }

    fn side(mut self, milliseconds: u64, from_server: bool, messages: Vec<Message>) -> Self {
        self.packet(BASE_TIME + Duration::from_millis(milliseconds), 0, from_server, messages);
        self
    }

    fn packet(&mut self, time: Duration, stream: u32, from_server: bool, messages: Vec<Message>) {
        let position = self.positions.entry((stream, from_server)).or_insert(1);
        self.packets.push(Packet {
            number: self.packets.len() as u32 + 1,
            stream,
            from_server,
            position: *position,
            time: time.as_nanos() as i64,
            messages,
        });
        let last = self.packets.last().expect("a packet");
        *position += last.messages.iter().map(|message| message.bytes.len() as u32).sum::<u32>();
    }

    /// What a user sees: each message on the first visit, and what differs on a later one.
    pub fn tell(&self) -> String {
        let [first, later] = self.visits(|order| order.reverse());
        let mut out = String::new();
        for ((packet, first), later) in self.packets.iter().zip(first).zip(later) {
            let sender = if packet.from_server { "server" } else { "client" };
            let seconds = (packet.time - BASE_TIME.as_nanos() as i64) as f64 / 1e9;
            writeln!(out, "packet {}, {seconds:.3} s, stream {}, {sender}", packet.number, packet.stream)
                .unwrap();
            if first.is_empty() {
                writeln!(out, "  nothing of ours").unwrap();
            }
            first.iter().for_each(|text| out.push_str(text));
            if first != later {
                assert_eq!(first.len(), later.len(), "packet {}", packet.number);
                for (first, later) in first.iter().zip(&later).filter(|(first, later)| first != later) {
                    writeln!(out, "  on a later visit also").unwrap();
                    added(first, later).iter().for_each(|line| writeln!(out, "{line}").unwrap());
                }
            }
        }
        numbered_secrets(&out)
    }

    /// What is wrong: of each message with notes these, each behind the item above it.
    pub fn tell_notes(&self) -> String {
        let [_, later] = self.visits(|order| order.reverse());
        let mut out = String::new();
        for (packet, texts) in self.packets.iter().zip(&later) {
            for text in texts.iter().filter(|text| text.lines().any(is_note)) {
                let lines: Vec<&str> = text.lines().collect();
                writeln!(out, "packet {}\n{}", packet.number, lines[0]).unwrap();
                for place in (1..lines.len()).filter(|place| is_note(lines[*place])) {
                    let above = lines[place - 1];
                    if place > 1 && !is_note(above) {
                        writeln!(out, "{above}").unwrap();
                    }
                    writeln!(out, "{}", lines[place]).unwrap();
                }
            }
        }
        numbered_secrets(&out)
    }

    /// Of each packet its messages as text, on the first visit and on later ones, in the order that
    /// `reorder` makes of the packets'.
    pub fn visits(&self, reorder: impl FnOnce(&mut [usize])) -> [Vec<Vec<String>>; 2] {
        let mut web = Capture::new(&self.config);
        let first: Vec<Vec<String>> =
            self.packets.iter().map(|packet| self.visit(&mut web, packet, true)).collect();
        let mut order: Vec<usize> = (0..self.packets.len()).collect();
        reorder(&mut order);
        let mut later = vec![Vec::new(); self.packets.len()];
        for index in order {
            later[index] = self.visit(&mut web, &self.packets[index], false);
        }
        [first, later]
    }

    fn visit(&self, web: &mut Capture, packet: &Packet, first_visit: bool) -> Vec<String> {
        let data: Vec<u8> = packet.messages.iter().flat_map(|message| message.bytes.clone()).collect();
        let bytes = Segment {
            data: &data,
            reported: data.len(),
            lane: LaneId::new(packet.stream, packet.from_server),
            position: packet.position,
            counted: true,
            packet: packet.number,
            time: Time::from_nanoseconds(packet.time),
            shown_stream: packet.stream,
            began: true,
            inside: false,
            src_address: &[],
            dst_address: &[],
            src_port: 0,
            dst_port: 0,
            server_port: 0,
            first_visit,
            more: false,
            wanted: ALL,
        };
        let count = web.http().begin(&bytes);
        if count == 0 {
            // Other people's, on a stream without any call.
            assert!(!data.windows(10).any(|part| part == b"/mmwebwx-b"), "packet {}", packet.number);
            return Vec::new();
        }
        assert_eq!(
            count,
            packet.messages.len(),
            "packet {} {}",
            packet.number,
            String::from_utf8_lossy(&data)
        );
        let mut bodies = vec![&[][..]; count];
        let mut end = 0;
        for message in &packet.messages {
            let Message { bytes: sent, body, media } = message;
            end += sent.len();
            if !body.is_empty() {
                let at = sent.ends_with(body).then(|| end - body.len());
                let place = web.http().place(&bytes, at, body.len(), Some(media));
                bodies[place.expect("a message for the body")] = body;
            }
        }
        let mut texts = Vec::new();
        let count = web.http().end(&bytes, data.len());
        for (index, body) in bodies.into_iter().enumerate().take(count) {
            let Some(head) = web.message(&bytes, index, body) else { continue };
            let report = web.report();
            let mut text = format!("  {}..{} {}\n", head.start, head.end, report.text(report.info()));
            report.items().iter().for_each(|item| text.push_str(&line(&[&data, body], report, item)));
            texts.push(text);
        }
        texts
    }
}

fn is_note(line: &str) -> bool {
    line.trim_start().split_once(' ').is_some_and(|(_, rest)| rest.starts_with("! "))
}

/// The lines of `later` that are not in `first`, whose lines must all be there, in the same order. What is wrong
/// stands in brackets behind the words for the Info column, and may be known later.
pub fn added<'a>(first: &str, later: &'a str) -> Vec<&'a str> {
    let mut old = first.lines().peekable();
    let mut added = Vec::new();
    for line in later.lines() {
        let is_told =
            |old: &&str| *old == line || line.strip_prefix(old).is_some_and(|rest| rest.starts_with(" ["));
        if old.next_if(is_told).is_none() {
            added.push(line);
        }
    }
    assert_eq!(old.next(), None, "a later visit does not show what the first has shown");
    added
}

/// The words that stand for secrets differ from run to run: numbered in the order in which they come.
fn numbered_secrets(text: &str) -> String {
    const DIGITS: usize = 16;
    let mut seen: Vec<&str> = Vec::new();
    let mut parts = text.split('#');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push('#');
        match part.get(..DIGITS).filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some(word) => {
                let place = seen.iter().position(|other| *other == word).unwrap_or_else(|| {
                    seen.push(word);
                    seen.len() - 1
                });
                out.push_str(&(place + 1).to_string());
                out.push_str(&part[DIGITS..]);
            }
            None => out.push_str(part),
        }
    }
    out
}
