// SPDX-License-Identifier: GPL-2.0-or-later
//! Records in the bodies of HTTP: which messages have them. Each body goes on as one side of a stream, a POST and its
//! answer as the two of one.

use std::cell::RefCell;
use std::rc::Rc;

use super::clock;
use super::fields::MN;
use super::record::Header;
use super::session::Begun;
use crate::http::{Carried, Head, Kind, Message, target};
use crate::kernel::framing::Header as _;
use crate::kernel::report::{CAME_IN, HandOff, PASSED_ON, Piece, Report};
use crate::kernel::segment::Segment;
use crate::kernel::time::Time;

/// Path of the POSTs, behind which is anything.
const FOLDER: &[u8] = b"/mmtls/";

/// Bytes of the line in front of a chunk.
const LONGEST_SIZE: usize = 16;

/// What is known of each POST, by its number.
pub type Posts = Rc<RefCell<Vec<Begun>>>;

/// The POSTs of a capture.
#[derive(Debug)]
pub struct InHttp {
    /// The table that the bodies are handed to.
    table: u16,
    posts: Posts,
}

impl InHttp {
    /// A capture that begins; bodies go to one of the protocol's own tables.
    pub fn new(table: u16, posts: Posts) -> Self {
        Self { table, posts }
    }
}

impl Carried for InHttp {
    fn may_be_in(&self, data: &[u8]) -> bool {
        memchr::memmem::find(data, FOLDER).is_some()
    }

    fn may_answer(&self, data: &[u8]) -> bool {
        Header::candidates(data).next().is_some()
    }

    fn claims(&self, data: &[u8], head: &Head) -> bool {
        if head.kind != Kind::Request {
            let body = data.get(head.body.at.clone()).unwrap_or_default();
            // In front of what is in chunks stands how long the first is.
            let size = memchr::memchr(b'\n', body.get(..LONGEST_SIZE.min(body.len())).unwrap_or_default());
            let chunk = size.and_then(|end| body.get(end.saturating_add(1)..)).unwrap_or_default();
            return [body, chunk].into_iter().any(|body| {
                Header::read(body).is_some_and(|header| header.is_likely() && header.strange_fields() == 0)
            });
        }
        let line = data.get(head.at.start..head.target.start).unwrap_or_default();
        line.trim_ascii_start().starts_with(b"POST")
            && in_folder(data.get(head.target.clone()).unwrap_or_default())
    }

    fn saw(&mut self, _: Time) {}

    fn observe(&mut self, segment: &Segment<'_>, head: &Head, request: Option<u32>) -> u32 {
        if let Some(request) = request {
            return request;
        }
        let asks = head.kind == Kind::Request;
        let path = data_of(segment, head).filter(|_| asks).and_then(clock::digits_of_path);
        let mut posts = self.posts.borrow_mut();
        posts.push(Begun { client: Some(segment.lane.side == asks), path });
        u32::try_from(posts.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    fn message(&mut self, message: &Message<'_>, report: &mut Report) {
        // In a tunnel to one of its own ports HTTP's dissector passes nothing on.
        let (source, body) = match message.body {
            [] => (CAME_IN, message.head.body.plain().unwrap_or_default()),
            body => (PASSED_ON, 0..body.len()),
        };
        if body.is_empty() {
            return;
        }
        report.hand_off(HandOff {
            table: self.table,
            key: 0,
            source,
            start: body.start,
            length: body.len(),
            piece: Piece::Whole { part: message.event },
            inner: None,
            words: 0,
            instead: None,
        });
    }

    fn failed(&self, report: &mut Report, length: usize) {
        report.note(
            MN::FAILED,
            0..length,
            format_args!("the dissector failed on this message: please report it"),
        );
    }
}

fn data_of<'a>(segment: &Segment<'a>, head: &Head) -> Option<&'a [u8]> {
    segment.data.get(head.target.clone())
}

/// Whether the path of a target is in the folder.
fn in_folder(target: &[u8]) -> bool {
    target.get(target::path(target)).is_some_and(|path| path.starts_with(FOLDER))
}

/// Whether bytes begin with the request line of a POST of its own.
pub fn is_post(data: &[u8]) -> bool {
    let mut words = data.split(|byte| b" \r\n".contains(byte));
    words.next() == Some(b"POST") && words.next().is_some_and(in_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_known_by_its_path() {
        for post in ["POST /mmtls/12ab34cd HTTP/1.1\r\n", "POST http://host.example/mmtls/1 HTTP/1.0\r\n"] {
            assert!(is_post(post.as_bytes()), "{post}");
        }
        for other in [
            "GET /mmtls/12ab34cd HTTP/1.1\r\n",
            "POST /mmtl HTTP/1.1",
            "POST /x?u=http://h/mmtls/1 HTTP/1.1",
            "POST",
        ] {
            assert!(!is_post(other.as_bytes()), "{other}");
        }
    }
}
