// SPDX-License-Identifier: GPL-2.0-or-later
//! The web client: polls, syncs and sends over HTTP, and how its SyncKeys grow.
//!
//! ```text
//! HTTP's bytes ─▶ http ──▶ call ──▶ query, walk ─▶ session ────▶ annotate ─▶ report
//!                 where    which    what it says   what belongs   items
//!                 is it?   call?                   together?
//! ```
//!
//! HTTP's own dissector undoes segments, chunks and compression. The shim stands around it: before it
//! is called, the heads are read ([`Web::begin`]); each body that it passes on is given to the message
//! it belongs to ([`Web::place`]); behind it, what HTTP did not ask to see again is taken
//! ([`Web::take`]) and shown, message by message ([`Web::message`]).
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`crate::http`] | where messages lie, and which of them answers which |
//! | [`call`] | which calls there are |
//! | [`query`] | the query, and a SyncKey in it |
//! | [`json`] | JSON as tokens |
//! | [`escape`] | the escapes of a text |
//! | [`members`] | which members there are, and of what type |
//! | [`walk`] | how a JSON body is read and shown |
//! | [`session`] | which messages belong together |
//! | [`annotate`] | how all that becomes a report |
//! | [`crate::wechat::secret`] | what stands for a secret |
//! | [`statistics`] | what is counted |
//! | [`fields`] | the words a user reads or filters on |

pub mod annotate;
pub mod call;
pub mod escape;
pub mod fields;
pub mod json;
pub mod members;
pub mod query;
pub mod session;
pub mod statistics;
pub mod walk;

use std::ops::Range;

use crate::config::Config;
use crate::http::exchanges::Origin;
use crate::http::{self, Bodies, Exchanges, Head, Kind};
use crate::kernel::report::{Report, Wanted};
use annotate::Known;
use session::{Event, Gist, Place, Sessions};
use statistics::WebRecord;

/// Bytes that HTTP's dissector is given, and where they are from.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Number of the stream.
    pub stream: u32,
    /// Which of the stream's two ends sends.
    pub side: bool,
    /// Position of the first byte: what tells these bytes from others of the packet.
    pub position: u32,
    /// Whether `position` counts the bytes of the stream, so that bytes that are offered again have it again.
    /// Elsewhere it grows from one part of the packet to the next, and may be another on each visit.
    pub counted: bool,
    /// The packet's number.
    pub packet: u32,
    /// When it was captured, in nanoseconds.
    pub time: i64,
    /// Whether the packet has never been dissected before.
    pub first_visit: bool,
    /// What of a report is asked for.
    pub wanted: Wanted,
}

impl Bytes<'_> {
    /// Where the byte at an offset is from.
    fn origin(&self, offset: usize) -> Origin {
        let position = self.counted.then(|| self.position_of(offset));
        Origin { stream: self.stream, side: self.side, position, time: self.time }
    }

    fn position_of(&self, offset: usize) -> u32 {
        self.position.wrapping_add(u32::try_from(offset).unwrap_or(u32::MAX))
    }
}

/// A call's request line, found in a message.
#[derive(Clone, Debug)]
struct Line {
    call: u8,
    /// Bytes of the call's name, and the place of the query in the target.
    name: Range<usize>,
    query: usize,
}

/// A message of the bytes at hand.
#[derive(Debug)]
struct Message {
    head: Head,
    line: Option<Line>,
    event: Option<Event>,
    call: Option<u8>,
    /// Known once the message is taken.
    place: Option<Place>,
}

/// The messages in bytes that HTTP's dissector has been given and has not returned from.
#[derive(Debug)]
struct Pass {
    stream: u32,
    side: bool,
    messages: Vec<Message>,
    bodies: Bodies,
}

impl Pass {
    fn is_of(&self, bytes: &Bytes<'_>) -> bool {
        (self.stream, self.side) == (bytes.stream, bytes.side)
    }
}

/// Passes at a time: one for HTTP, one more for each tunnel in it.
const MOST_PASSES: usize = 8;
/// Messages in one pass; the smallest has three bytes.
const MOST_MESSAGES: usize = 65_536;

/// Messages that one visit of a packet has seen where positions count nothing: the number of each is the same
/// on every visit.
#[derive(Debug, Default)]
struct Turn {
    packet: u32,
    /// That of the last bytes: in a visit it only grows.
    position: u32,
    count: u32,
}

impl Turn {
    /// Number of the first of the next `count` messages.
    fn take(&mut self, bytes: &Bytes<'_>, count: usize) -> u32 {
        if self.packet != bytes.packet || bytes.position <= self.position {
            self.count = 0;
        }
        let first = self.count;
        let count = first.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        *self = Self { packet: bytes.packet, position: bytes.position, count };
        first
    }
}

/// The state of one capture.
#[derive(Debug, Default)]
pub struct Web {
    sessions: Sessions,
    exchanges: Exchanges,
    turn: Turn,
    passes: Vec<Pass>,
    gist: Gist,
    report: Report,
    record: Option<WebRecord>,
}

impl Web {
    /// The report of the last [`Self::message`].
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What taps are told of it.
    pub fn record(&self) -> Option<&WebRecord> {
        self.record.as_ref()
    }

    /// Reads the heads in bytes that HTTP's dissector is about to get. Returns how many messages there are;
    /// with none, nothing else is to be done.
    pub fn begin(&mut self, bytes: &Bytes<'_>) -> usize {
        self.passes.retain(|pass| !pass.is_of(bytes));
        if self.is_foreign(bytes) {
            return 0;
        }
        let messages: Vec<Message> = http::heads(bytes.data)
            .take(MOST_MESSAGES)
            .map(|head| {
                let line = match head.kind {
                    Kind::Request => line(bytes.data, &head),
                    Kind::Response(_) | Kind::Other => None,
                };
                Message { head, line, event: None, call: None, place: None }
            })
            .collect();
        if messages.iter().all(|message| message.head.kind == Kind::Other) {
            self.says_nothing(bytes);
            return 0;
        }
        let count = messages.len();
        // One that is left over is of a packet whose dissection ended in an error.
        if self.passes.len() >= MOST_PASSES {
            self.passes.remove(0);
        }
        let (stream, side) = (bytes.stream, bytes.side);
        self.passes.push(Pass { stream, side, messages, bodies: Bodies::default() });
        count
    }

    /// Whether bytes are other people's: most are, and they are not to wait for heads to be read.
    fn is_foreign(&mut self, bytes: &Bytes<'_>) -> bool {
        if !bytes.counted || self.exchanges.knows(bytes.stream) {
            return false;
        }
        let kind = http::head::first_line(bytes.data);
        if !matches!(kind, Some(Kind::Response(_))) && call::may_be_in(bytes.data) {
            return false;
        }
        match kind {
            _ if !bytes.first_visit => {}
            Some(Kind::Request) => self.exchanges.foreign_asks(bytes.origin(0)),
            Some(kind @ Kind::Response(_)) if !kind.is_interim() => {
                self.exchanges.foreign_answers(bytes.origin(0));
            }
            Some(Kind::Response(_)) | None => {}
            Some(Kind::Other) => self.says_nothing(bytes),
        }
        true
    }

    /// Bytes hold no message. Those that begin with half a line may be offered again with the rest of it.
    fn says_nothing(&mut self, bytes: &Bytes<'_>) {
        if bytes.first_visit && http::head::first_line(bytes.data) == Some(Kind::Other) {
            self.exchanges.says(bytes.origin(0));
        }
    }

    /// The message to which a body belongs that HTTP's dissector passes on: it begins at `at` of `bytes`, unless
    /// it was coded, and has `length` bytes, and the media type `media`, unless nobody knows.
    pub fn place(
        &mut self,
        bytes: &Bytes<'_>,
        at: Option<usize>,
        length: usize,
        media: Option<&str>,
    ) -> Option<usize> {
        let Pass { messages, bodies, .. } = self.passes.iter_mut().find(|pass| pass.is_of(bytes))?;
        bodies.place(bytes.data, messages.iter().map(|message| &message.head), at, length, media)
    }

    /// HTTP's dissector has returned, and has dealt with the first `taken` bytes. Returns how many messages
    /// of ours are among them at most.
    pub fn take(&mut self, bytes: &Bytes<'_>, taken: usize) -> usize {
        let Some(place) = self.passes.iter().position(|pass| pass.is_of(bytes)) else { return 0 };
        let mut pass = self.passes.swap_remove(place);
        pass.messages.retain(|message| message.head.at.start < taken);
        self.number(bytes, &mut pass.messages);
        match bytes.first_visit {
            true => pass.messages.iter_mut().for_each(|message| self.first_visit(bytes, message)),
            false => self.later_visit(&mut pass.messages),
        }
        let ours = pass.messages.iter().any(|message| message.call.is_some());
        let count = if ours { pass.messages.len() } else { 0 };
        if ours {
            self.passes.push(pass);
        }
        count
    }

    /// Says where each message is: by the position of its first byte, or by its number in the packet.
    fn number(&mut self, bytes: &Bytes<'_>, messages: &mut [Message]) {
        let first = if bytes.counted { 0 } else { self.turn.take(bytes, messages.len()) };
        for (number, message) in (first..).zip(messages) {
            let position = if bytes.counted { bytes.position_of(message.head.at.start) } else { number };
            let Bytes { packet, stream, side, .. } = *bytes;
            message.place = Some(Place { packet, stream, side, position });
        }
    }

    fn first_visit(&mut self, bytes: &Bytes<'_>, message: &mut Message) {
        self.sessions.saw(bytes.time);
        let Some(at) = message.place else { return };
        let origin = bytes.origin(message.head.at.start);
        match message.head.kind {
            Kind::Request => {
                message.call = message.line.as_ref().map(|line| line.call);
                message.event = message.call.map(|call| self.sessions.observe(at, bytes.time, call, None));
                self.exchanges.asks(bytes.origin(0), message.event);
            }
            kind @ Kind::Response(_) if kind.is_interim() => {}
            Kind::Other => self.exchanges.says(origin),
            Kind::Response(_) => {
                let length = Some(message.head.end).filter(|end| *end <= bytes.data.len());
                let length =
                    length.and_then(|end| u32::try_from(end.saturating_sub(message.head.at.start)).ok());
                let Some(request) = self.exchanges.answers(origin, length) else { return };
                message.call = self.sessions.call(request);
                message.event =
                    message.call.map(|call| self.sessions.observe(at, bytes.time, call, Some(request)));
            }
        }
    }

    /// Finds the messages that the first visit has seen.
    fn later_visit(&self, messages: &mut [Message]) {
        for message in messages {
            message.event = message.place.and_then(|place| self.sessions.find(place));
            message.call = message.event.and_then(|event| self.sessions.call(event));
        }
    }

    /// Deals with a message of those that [`Self::take`] took, with its body as HTTP's dissector passed it
    /// on. Where its head lies, if it is one of ours: only then there is a report, in whose bytes the body
    /// stands behind `bytes`.
    pub fn message(
        &mut self,
        bytes: &Bytes<'_>,
        index: usize,
        body: &[u8],
        config: &Config,
    ) -> Option<Range<usize>> {
        self.record = None;
        let captured = bytes.data.len().saturating_add(body.len());
        self.report.begin(bytes.wanted, captured);
        let pass = self.passes.iter().find(|pass| pass.is_of(bytes));
        let message = pass?.messages.get(index)?;
        let (event, call) = (message.event?, message.call?);
        let row = call::row(call);
        let known = Known {
            call: row,
            head: &message.head,
            line: message.line.as_ref().map(|line| (line.name.clone(), line.query)),
            data: bytes.data,
            body,
        };
        let Wanted { columns, items, record, .. } = bytes.wanted;
        if bytes.first_visit || columns || items || record {
            self.gist = Gist::default();
            annotate::read(&known, &mut self.gist);
        }
        if bytes.first_visit {
            self.sessions.learn(event, bytes.stream, &self.gist, row.role);
        }
        let facts = self.sessions.facts(event, !bytes.first_visit);
        if columns || items {
            annotate::show(&mut self.report, &known, &self.gist, facts, config);
        }
        if record {
            self.record = Some(statistics::record(&known, &self.gist, facts));
        }
        Some(message.head.at.clone())
    }

    /// Reports that the dissector failed on a message.
    pub fn failed(&mut self, bytes: &Bytes<'_>) {
        self.record = None;
        self.report.begin(bytes.wanted, bytes.data.len());
        annotate::internal_error(&mut self.report, bytes.data.len());
    }
}

/// Whether bytes begin with the request line of a call, as far as they go.
pub fn is_call(data: &[u8]) -> bool {
    let mut words = data.split(|byte| b" \r\n".contains(byte));
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    // What is cut off may belong to the path.
    let cut = words.next().is_none() && !target.contains(&b'?');
    let target = path(target).unwrap_or_default();
    matches!(method, Some(b"GET" | b"POST")) && !cut && call::find(target).is_some()
}

/// The request line of a call, which stands in front and is whole. HTTP's dissector takes it behind other lines too,
/// where it is mostly in the middle of somebody's body, and one that is cut, whose path may go on.
fn line(data: &[u8], head: &Head) -> Option<Line> {
    let ends = |part: Range<usize>| Some(memchr::memchr2(b'\r', b'\n', data.get(part)?).is_some());
    if ends(head.at.start..head.target.start)? || !ends(head.target.end..head.at.end)? {
        return None;
    }
    let (call, name, query) = call::find(path(data.get(head.target.clone())?)?)?;
    Some(Line { call, name, query })
}

/// A target, or as much of it as is text. What is none may stand in the query, behind the path.
fn path(target: &[u8]) -> Option<&str> {
    std::str::from_utf8(target).ok().or_else(|| {
        let text = target.utf8_chunks().next()?.valid();
        text.contains(['?', '#']).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stands_in_front_and_is_whole() {
        let lines = |data: &[u8]| http::heads(data).filter(|head| line(data, head).is_some()).count();
        assert_eq!(lines(b"\r\nGET /cgi-bin/mmwebwx-bin/webwxsync HTTP/1.1\r\n\r\n"), 1);
        assert_eq!(lines(b"GET /cgi-bin/mmwebwx-bin/webwxsync"), 0);
        assert_eq!(lines(b"x: y\r\nGET /cgi-bin/mmwebwx-bin/webwxsync HTTP/1.1\r\n\r\n"), 0);
    }

    #[test]
    fn a_query_may_hold_any_bytes() {
        assert!(is_call(b"GET /cgi-bin/mmwebwx-bin/webwxsync?x=\xff\xfe HTTP/1.1\r\n"));
        assert!(!is_call(b"GET /cgi-bin/mmwebwx-bin/webwxsync\xff?x=1 HTTP/1.1\r\n"));
    }

    #[test]
    fn a_call_is_known_by_its_request_line() {
        for call in [
            "GET /cgi-bin/mmwebwx-bin/synccheck?r=1",
            "POST /cgi-bin/mmwebwx-bin/webwxsync HTTP/1.1\r\nHost: x",
            "GET http://wx.example/cgi-bin/mmwebwx-bin/login?x HTTP/1.1",
        ] {
            assert!(is_call(call.as_bytes()), "{call}");
        }
        for other in [
            "",
            "GET /",
            "GET /cgi-bin/mmwebwx-bin/synccheck",
            "GET /cgi-bin/mmwebwx-bin/webwxsyn",
            "PUT /cgi-bin/mmwebwx-bin/webwxsync HTTP/1.1",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(!is_call(other.as_bytes()), "{other}");
        }
    }
}
