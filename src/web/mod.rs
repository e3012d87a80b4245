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
//! | [`crate::http`] | where messages lie |
//! | [`call`] | which calls there are |
//! | [`query`] | the query, and a SyncKey in it |
//! | [`form`] | bodies in parts |
//! | [`json`] | JSON as tokens |
//! | [`members`] | which members there are, and of what type |
//! | [`walk`] | how a JSON body is read and shown |
//! | [`session`] | which messages belong together |
//! | [`annotate`] | how all that becomes a report |
//! | [`crate::wechat::secret`] | what is secret, and what stands for it |
//! | [`statistics`] | what is counted |
//! | [`fields`] | the words a user reads or filters on |

pub mod annotate;
pub mod call;
pub mod fields;
pub mod form;
pub mod json;
pub mod members;
pub mod query;
pub mod session;
pub mod statistics;
pub mod walk;

use std::ops::Range;

use crate::http::{self, Head, Kind};
use crate::kernel::protocol::{Carrier, Protocol};
use crate::kernel::report::{Report, Wanted};
use crate::kernel::time::Time;
use crate::wechat::settings::Shared;
use annotate::Known;
use session::{Event, Gist, Place, Sessions};

/// What there is to register.
pub static WEB: Protocol = Protocol {
    carrier: Carrier::Http,
    values: statistics::VALUES,
    tree: Some(statistics::TREE),
    ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES)
};

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
    pub counted: bool,
    /// The packet's number.
    pub packet: u32,
    /// When it was captured.
    pub time: Time,
    /// Whether the packet has never been dissected before.
    pub first_visit: bool,
    /// What of a report is asked for.
    pub wanted: Wanted,
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
}

/// The messages in bytes that HTTP's dissector has been given and has not returned from.
#[derive(Debug)]
struct Pass {
    stream: u32,
    side: bool,
    messages: Vec<Message>,
    /// The first message that has not got a body yet.
    next_body: usize,
    /// Whether the words in the Info column are ours, of every message.
    speaks: bool,
}

impl Pass {
    fn is_of(&self, bytes: &Bytes<'_>) -> bool {
        (self.stream, self.side) == (bytes.stream, bytes.side)
    }
}

/// Passes at a time: one for HTTP, one more for each tunnel in it.
const MOST_PASSES: usize = 8;

/// The state of one capture.
#[derive(Debug, Default)]
pub struct Web {
    sessions: Sessions,
    passes: Vec<Pass>,
    gist: Gist,
}

impl Web {
    /// Reads the heads in bytes that HTTP's dissector is about to get. Returns how many messages there are;
    /// with none, nothing else is to be done.
    pub fn begin(&mut self, bytes: &Bytes<'_>) -> usize {
        self.passes.retain(|pass| !pass.is_of(bytes));
        if bytes.first_visit {
            self.sessions.saw(bytes.time);
        }
        if self.is_foreign(bytes) {
            return 0;
        }
        let messages: Vec<Message> = http::heads(bytes.data)
            .map(|head| {
                let line = match head.kind {
                    Kind::Request => line(bytes.data, &head),
                    Kind::Response(_) => None,
                };
                Message { head, line, event: None, call: None }
            })
            .collect();
        let count = messages.len();
        if count > 0 {
            // One that is left over is of a packet whose dissection ended in an error.
            if self.passes.len() >= MOST_PASSES {
                self.passes.remove(0);
            }
            self.passes.push(Pass {
                stream: bytes.stream,
                side: bytes.side,
                messages,
                next_body: 0,
                speaks: false,
            });
        }
        count
    }

    /// Whether bytes are other people's: most are, and they are not to wait for heads to be read.
    fn is_foreign(&mut self, bytes: &Bytes<'_>) -> bool {
        let data = bytes.data.trim_ascii_start();
        // Methods and versions begin so; most bytes that come here begin otherwise.
        if !data.first().is_some_and(u8::is_ascii_uppercase) {
            return true;
        }
        if !bytes.counted || self.sessions.knows(bytes.stream) {
            return false;
        }
        let response = data.strip_prefix(b"HTTP/1.");
        if response.is_none() && call::may_be_in(data) {
            return false;
        }
        match response {
            _ if !bytes.first_visit => {}
            // Another response follows.
            Some([_, b' ', b'1', ..]) => {}
            Some(_) => self.sessions.foreign_answers(bytes.stream, bytes.position),
            None => self.sessions.foreign_asks(bytes.stream, bytes.position),
        }
        true
    }

    /// The message to which the next body belongs that HTTP's dissector passes on, by its media type or,
    /// where none has that, by its turn.
    pub fn place(&mut self, bytes: &Bytes<'_>, media: &str) -> Option<usize> {
        let pass = self.passes.iter_mut().find(|pass| pass.is_of(bytes))?;
        let rest = pass.messages.iter().enumerate().skip(pass.next_body);
        let mut with_body = rest.filter(|(_, message)| message.head.has_body);
        let first = with_body.clone().next();
        let is = |head: &Head| {
            bytes.data.get(head.media.clone()).is_some_and(|of| of.eq_ignore_ascii_case(media.as_bytes()))
        };
        let found = with_body.find(|(_, message)| is(&message.head)).or(first);
        let index = found.map(|(index, _)| index)?;
        pass.next_body = index.checked_add(1)?;
        Some(index)
    }

    /// HTTP's dissector has returned, and has dealt with the first `taken` bytes. Returns how many messages
    /// of ours are among them at most.
    pub fn take(&mut self, bytes: &Bytes<'_>, taken: usize) -> usize {
        let Some(place) = self.passes.iter().position(|pass| pass.is_of(bytes)) else { return 0 };
        let mut pass = self.passes.swap_remove(place);
        pass.messages.retain(|message| message.head.at.start < taken);
        match bytes.first_visit {
            true => pass.messages.iter_mut().for_each(|message| self.first_visit(bytes, message)),
            false => self.later_visit(bytes, &mut pass.messages),
        }
        let ours = pass.speaks || pass.messages.iter().any(|message| message.call.is_some());
        let count = if ours { pass.messages.len() } else { 0 };
        if ours {
            self.passes.push(pass);
        }
        count
    }

    /// Whether a message of those that [`Self::take`] took is ours.
    pub fn is_ours(&self, bytes: &Bytes<'_>, index: usize) -> bool {
        let pass = self.passes.iter().find(|pass| pass.is_of(bytes));
        pass.and_then(|pass| pass.messages.get(index)).is_some_and(|message| message.call.is_some())
    }

    /// Whether the words in the Info column are to be ours, of every message in bytes that HTTP's dissector is about
    /// to get: if one of them is ours, or the column holds words of ours already.
    pub fn speaks(&mut self, bytes: &Bytes<'_>, spoken: bool) -> bool {
        let Some(place) = self.passes.iter().position(|pass| pass.is_of(bytes)) else { return false };
        let Some(pass) = self.passes.get_mut(place) else { return false };
        let mut awaited = self.sessions.awaited(bytes.stream);
        let single = pass.messages.len() == 1;
        let is_own = |message: &Message| match message.head.kind {
            _ if !bytes.first_visit => {
                let place = place_of(bytes, &message.head);
                self.sessions.find(place).or_else(|| self.sessions.only(place).filter(|_| single)).is_some()
            }
            Kind::Request => message.line.is_some(),
            Kind::Response(..200) => false,
            Kind::Response(_) => awaited.next() == Some(true),
        };
        pass.speaks = spoken || pass.messages.iter().any(is_own);
        pass.speaks
    }

    fn first_visit(&mut self, bytes: &Bytes<'_>, message: &mut Message) {
        let at = place_of(bytes, &message.head);
        match message.head.kind {
            Kind::Request => {
                message.call = message.line.as_ref().map(|line| line.call);
                message.event = message.call.map(|call| self.sessions.observe(at, bytes.time, call, None));
                self.sessions.asks(bytes.stream, bytes.position, bytes.time, message.event);
            }
            // Another response follows.
            Kind::Response(..200) => {}
            Kind::Response(_) => {
                let Some(request) = self.sessions.answers(bytes.stream) else { return };
                message.call = self.sessions.call(request);
                message.event =
                    message.call.map(|call| self.sessions.observe(at, bytes.time, call, Some(request)));
            }
        }
    }

    /// Finds the messages that the first visit has seen.
    fn later_visit(&self, bytes: &Bytes<'_>, messages: &mut [Message]) {
        let mut found = false;
        for message in &mut *messages {
            message.event = self.sessions.find(place_of(bytes, &message.head));
            found |= message.event.is_some();
        }
        // Positions inside of TLS may change: there, one message can only be the one that was.
        if let ([message], false) = (&mut *messages, found) {
            message.event = self.sessions.only(place_of(bytes, &message.head));
        }
        for message in messages {
            message.call = message.event.and_then(|event| self.sessions.call(event));
        }
    }

    /// Deals with a message of those that [`Self::take`] took, with its body as HTTP's dissector passed it
    /// on. Where its head lies, if it is one of ours: only then there is a report, in whose bytes the body
    /// stands behind `bytes`. Of another message there may be words for the Info column.
    pub fn message(
        &mut self,
        bytes: &Bytes<'_>,
        index: usize,
        body: &[u8],
        config: &Shared,
        report: &mut Report,
    ) -> Option<Range<usize>> {
        let pass = self.passes.iter().find(|pass| pass.is_of(bytes));
        let pass = pass?;
        let message = pass.messages.get(index)?;
        let (Some(event), Some(call)) = (message.event, message.call) else {
            if pass.speaks {
                let head = bytes.data.get(message.head.at.clone()).unwrap_or_default();
                annotate::show_other(report, head, config);
            }
            return None;
        };
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
            annotate::show(report, &known, &self.gist, facts, config);
        }
        if record {
            statistics::make(report, bytes, call, &known, &self.gist, facts);
        }
        Some(message.head.at.clone())
    }

    /// Says in a report that the dissector failed on a message.
    pub fn failed(&self, report: &mut Report, length: usize) {
        annotate::internal_error(report, length);
    }
}

/// Whether bytes begin with the request line of a call, as far as they go.
pub fn is_call(data: &[u8]) -> bool {
    let mut words = data.split(|byte| b" \r\n".contains(byte));
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    // What is cut off may belong to the path.
    let cut = words.next().is_none() && !target.contains(&b'?');
    let target = std::str::from_utf8(target).unwrap_or_default();
    matches!(method, Some(b"GET" | b"POST")) && !cut && call::find(target).is_some()
}

fn line(data: &[u8], head: &Head) -> Option<Line> {
    let target = std::str::from_utf8(data.get(head.target.clone())?).ok()?;
    let (call, name, query) = call::find(target)?;
    Some(Line { call, name, query })
}

/// Where a message is: by the position of its first byte.
fn place_of(bytes: &Bytes<'_>, head: &Head) -> Place {
    let offset = u32::try_from(head.at.start).unwrap_or(u32::MAX);
    Place {
        packet: bytes.packet,
        stream: bytes.stream,
        side: bytes.side,
        position: bytes.position.wrapping_add(offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
