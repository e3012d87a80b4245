// SPDX-License-Identifier: GPL-2.0-or-later
//! The web client: polls, syncs and sends over HTTP, and how its SyncKeys grow.
//!
//! ```text
//! HTTP's bytes ─▶ http ──▶ call ──▶ query, walk ─▶ session ────▶ annotate ─▶ report
//!                 where    which    what it says   what belongs   items
//!                 is it?   call?                   together?
//! ```
//!
//! HTTP's own dissector undoes segments, chunks and compression; [`crate::http`] stands around it, and gives each
//! message of ours to [`Web`] with its body.
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`crate::http`] | where messages lie, and which of them answers which |
//! | [`call`] | which calls there are |
//! | [`query`] | a SyncKey in a query |
//! | [`crate::http::target`] | the query |
//! | [`form`] | bodies in parts |
//! | [`json`] | JSON as tokens |
//! | [`escape`] | the escapes of a text |
//! | [`members`] | which members there are, and of what type |
//! | [`walk`] | how a JSON body is read and shown |
//! | [`session`] | which messages belong together |
//! | [`annotate`] | how all that becomes a report |
//! | [`crate::wechat::secret`] | what is secret, and what stands for it |
//! | [`statistics`] | what is counted |
//! | [`fields`] | the words a user reads or filters on |

pub mod annotate;
pub mod call;
pub mod escape;
pub mod fields;
pub mod form;
pub mod json;
pub mod members;
pub mod query;
pub mod session;
pub mod statistics;
pub mod walk;

use std::ops::Range;

use crate::http::{Carried, Head, Kind, Message};
use crate::kernel::protocol::Protocol;
use crate::kernel::report::{Report, Wanted};
use crate::kernel::segment::Segment;
use crate::kernel::time::Time;
use crate::wechat::settings::Shared;
use annotate::Known;
use call::Line;
use session::{Gist, Sessions};

/// What there is to register.
pub static WEB: Protocol = Protocol {
    in_http: true,
    values: statistics::VALUES,
    tree: Some(statistics::TREE),
    lines: Some(statistics::LINES),
    ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES)
};

/// The state of one capture.
#[derive(Debug)]
pub struct Web {
    config: Shared,
    sessions: Sessions,
    gist: Gist,
}

impl Web {
    /// A capture that begins.
    pub fn new(config: Shared) -> Self {
        Self { config, sessions: Sessions::default(), gist: Gist::default() }
    }
}

impl Carried for Web {
    fn may_be_in(&self, data: &[u8]) -> bool {
        call::may_be_in(data)
    }

    fn claims(&self, data: &[u8], head: &Head) -> bool {
        line(data, head).is_some()
    }

    fn saw(&mut self, time: Time) {
        self.sessions.saw(time);
    }

    fn observe(&mut self, segment: &Segment<'_>, head: &Head, request: Option<u32>) -> u32 {
        let call = match request {
            Some(request) => self.sessions.call(request),
            None => line(segment.data, head).map(|line| line.call),
        };
        self.sessions.observe(segment.packet, segment.time, call.unwrap_or(u8::MAX), request)
    }

    fn message(&mut self, message: &Message<'_>, report: &mut Report) {
        let Message { segment, head, event, body } = *message;
        let Some(call) = self.sessions.call(event) else { return };
        let row = call::row(call);
        let line = if head.kind == Kind::Request { line(segment.data, head) } else { None };
        let known = Known { call: row, head, line, data: segment.data, body };
        let Wanted { columns, items, record, .. } = segment.wanted;
        if segment.first_visit || columns || items || record {
            self.gist = Gist::default();
            annotate::read(&known, &mut self.gist, &self.config);
        }
        if segment.first_visit {
            self.sessions.learn(event, segment.lane.stream, &self.gist, row.role);
        }
        let facts = self.sessions.facts(event, !segment.first_visit);
        // Notes are told in the record too.
        if columns || items || record {
            annotate::show(report, &known, &self.gist, facts, &self.config);
        }
        if record {
            statistics::make(report, segment, call, &known, &self.gist, facts);
        }
    }

    fn failed(&self, report: &mut Report, length: usize) {
        annotate::internal_error(report, length);
    }
}

/// Whether bytes begin with the request line of a call, as far as they go.
pub fn is_call(data: &[u8]) -> bool {
    let mut words = data.split(|byte| b" \r\n".contains(byte));
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    // What is cut off may belong to the path.
    let cut = words.next().is_none() && !target.contains(&b'?');
    let target = path(target).unwrap_or_default();
    matches!(method, Some(b"GET" | b"POST")) && !cut && call::find(target, "").is_some()
}

/// The request line of a call, which stands in front and is whole. HTTP's dissector takes it behind other lines too,
/// where it is mostly in the middle of somebody's body, and one that is cut, whose path may go on.
fn line(data: &[u8], head: &Head) -> Option<Line> {
    let ends = |part: Range<usize>| Some(memchr::memchr2(b'\r', b'\n', data.get(part)?).is_some());
    if ends(head.at.start..head.target.start)? || !ends(head.target.end..head.at.end)? {
        return None;
    }
    let host = std::str::from_utf8(data.get(head.host.clone())?).unwrap_or_default();
    call::find(path(data.get(head.target.clone())?)?, host)
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
        let lines = |data: &[u8]| crate::http::heads(data).filter(|head| line(data, head).is_some()).count();
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
            "GET /l/abc== HTTP/1.1\r\nHost: login.weixin.qq.com\r\n",
            "PUT /cgi-bin/mmwebwx-bin/webwxsync HTTP/1.1",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(!is_call(other.as_bytes()), "{other}");
        }
    }
}
