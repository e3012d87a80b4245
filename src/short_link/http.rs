// SPDX-License-Identifier: GPL-2.0-or-later
//! Calls in plain HTTP, as clients made them until 2016: which messages they are. A body goes on as one side of a
//! stream, a request and its answer as the two of one; of a request without a body its target does, of such an answer
//! its head.

use std::cell::RefCell;
use std::rc::Rc;

use super::calls::Texts;
use super::fields::{CN, TABLE};
use crate::http::{Carried, Head, Kind, Message, target};
use crate::kernel::report::{CAME_IN, HandOff, PASSED_ON, Piece, Report};
use crate::kernel::rows::number_of;
use crate::kernel::segment::Segment;
use crate::kernel::time::Time;
use crate::wechat::secret::Rule;
use crate::wechat::settings::Shared;

/// Number of the table for bodies.
const BODY_TABLE: u16 = number_of(TABLE, 0);
/// Where all calls are, behind which is a name.
const FOLDER: &[u8] = b"/cgi-bin/micromsg-bin/";
/// The call that is a GET, without a body.
const ADDRESSES: &[u8] = b"newgetdns";

/// A request, and what is known of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// The end that asks.
    pub client: bool,
    /// Number of its path's text.
    pub uri: u32,
    /// Number of its host's text.
    pub host: u32,
    /// Whether it asks for addresses.
    pub addresses: bool,
    /// Whether the request, and the answer, has no body: then something of its head goes on.
    pub bare: [bool; 2],
    /// Whether HTTP's dissector shows the answer as XML.
    pub shown: bool,
}

/// What both states of a capture know.
#[derive(Debug, Default)]
pub struct Known {
    /// The requests, by their numbers.
    pub posts: Vec<Post>,
    /// Paths and hosts.
    pub texts: Texts,
    /// When the last packet was captured that HTTP's dissector got.
    pub end: Time,
}

/// The calls of a capture.
#[derive(Debug)]
pub struct InHttp {
    known: Rc<RefCell<Known>>,
    shared: Shared,
}

impl InHttp {
    /// A capture that begins.
    pub fn new(known: Rc<RefCell<Known>>, shared: Shared) -> Self {
        Self { known, shared }
    }

    /// The number of a text, as it is shown.
    fn number(&self, bytes: Option<&[u8]>) -> u32 {
        let text = String::from_utf8_lossy(bytes.unwrap_or_default());
        self.known.borrow_mut().texts.number(&self.shared.shown(Rule::Text, "", &text))
    }
}

impl Carried for InHttp {
    fn may_be_in(&self, data: &[u8]) -> bool {
        memchr::memmem::find(data, FOLDER).is_some()
    }

    fn claims(&self, data: &[u8], head: &Head) -> bool {
        let method = data.get(head.at.start..head.target.start).unwrap_or_default().trim_ascii();
        head.kind == Kind::Request
            && is_request_line(method, data.get(head.target.clone()).unwrap_or_default())
    }

    fn saw(&mut self, time: Time) {
        self.known.borrow_mut().end = time;
    }

    fn observe(&mut self, segment: &Segment<'_>, head: &Head, request: Option<u32>) -> u32 {
        if let Some(request) = request {
            return request;
        }
        let line = segment.data.get(head.target.clone()).unwrap_or_default();
        let path = line.get(target::path(line));
        let post = Post {
            client: segment.lane.side,
            uri: self.number(path),
            host: self.number(segment.data.get(head.host.clone())),
            addresses: path.and_then(name) == Some(ADDRESSES),
            bare: [false; 2],
            shown: false,
        };
        let posts = &mut self.known.borrow_mut().posts;
        posts.push(post);
        u32::try_from(posts.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    fn message(&mut self, message: &Message<'_>, report: &mut Report) {
        let Message { segment, head, event, body } = *message;
        let asks = head.kind == Kind::Request;
        // In a tunnel to one of its own ports HTTP's dissector passes nothing on.
        let (source, at) = match body {
            [] => (CAME_IN, head.body.plain().unwrap_or_default()),
            body => (PASSED_ON, 0..body.len()),
        };
        let mut known = self.known.borrow_mut();
        let Some(post) = known.posts.get_mut(event as usize) else { return };
        let [request, answer] = &mut post.bare;
        *(if asks { request } else { answer }) = at.is_empty();
        if !asks {
            let media = segment.data.get(head.body.media.clone()).unwrap_or_default();
            post.shown = media.to_ascii_lowercase().ends_with(b"xml");
        }
        let (source, at) = match (at.is_empty(), asks) {
            (false, _) => (source, at),
            (true, true) => (CAME_IN, head.target.clone()),
            (true, false) => (CAME_IN, head.at.clone()),
        };
        report.hand_off(HandOff {
            table: BODY_TABLE,
            key: 0,
            source,
            start: at.start,
            length: at.len(),
            piece: Piece::Whole { part: event },
            inner: None,
            words: 0,
            instead: None,
        });
    }

    fn failed(&self, report: &mut Report, length: usize) {
        let words = format_args!("the dissector failed on this message: please report it");
        report.note(CN::FAILED, 0..length, words);
    }
}

/// The name of a call, by its path.
fn name(path: &[u8]) -> Option<&[u8]> {
    let name = path.strip_prefix(FOLDER)?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    (!name.is_empty() && name.iter().all(is_name)).then_some(name)
}

fn is_request_line(method: &[u8], line: &[u8]) -> bool {
    match line.get(target::path(line)).and_then(name) {
        Some(ADDRESSES) => matches!(method, b"GET" | b"POST"),
        Some(_) => method == b"POST",
        None => false,
    }
}

/// Whether bytes begin with the request line of a call.
pub fn is_call(data: &[u8]) -> bool {
    let mut words = data.split(|byte| b" \r\n".contains(byte));
    let (method, line) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // What is cut off may belong to the path.
    words.next().is_some() && is_request_line(method, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_its_path() {
        for call in [
            "POST /cgi-bin/micromsg-bin/newsync HTTP/1.1\r\n",
            "POST http://short.weixin.qq.com/cgi-bin/micromsg-bin/mp-geta8key?x=/ HTTP/1.0\r\n",
            "GET /cgi-bin/micromsg-bin/newgetdns?uin=1 HTTP/1.0\r\n",
        ] {
            assert!(is_call(call.as_bytes()), "{call}");
        }
        for other in [
            "GET /cgi-bin/micromsg-bin/newsync HTTP/1.1\r\n",
            "POST /cgi-bin/micromsg-bin/newsync",
            "POST /cgi-bin/micromsg-bin/ HTTP/1.1\r\n",
            "POST /cgi-bin/micromsg-bin/a/b HTTP/1.1\r\n",
            "POST /x/cgi-bin/micromsg-bin/newsync HTTP/1.1\r\n",
            "POST /cgi-bin/mmwebwx-bin/webwxsync HTTP/1.1\r\n",
            "PUT /cgi-bin/micromsg-bin/newsync HTTP/1.1\r\n",
            "",
        ] {
            assert!(!is_call(other.as_bytes()), "{other}");
        }
    }
}
