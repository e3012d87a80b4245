// SPDX-License-Identifier: GPL-2.0-or-later
//! Heads of HTTP/1 messages in the bytes that HTTP's dissector gets.
//!
//! HTTP is dissected by its own dissector, which also undoes chunks and compression. Heads are read
//! here for three things that it does not pass on: where the request line lies, how many messages
//! there are, and which request a response answers. `httparse` reads them.

use std::ffi::CStr;
use std::ops::Range;

use httparse::{EMPTY_HEADER, Header, ParserConfig, Request, Response, Status};

/// More header lines than any message has that WeChat's client or server sends.
const MOST_HEADERS: usize = 64;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request.
    Request,
    /// A response with its status; below 200 another one follows.
    Response(u16),
}

/// Where a message and its parts lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: Kind,
    /// The whole head, with the empty line behind it.
    pub at: Range<usize>,
    /// Of a request its target; of a response empty.
    pub target: Range<usize>,
    /// Value of the header Host.
    pub host: Range<usize>,
    /// Media type of the body, without parameters.
    pub media: Range<usize>,
    /// Whether a body follows, as far as the head tells.
    pub has_body: bool,
    /// End of the message, which may lie behind the bytes that are there.
    pub end: usize,
}

/// The heads in `data`, up to the first that is not whole or no head.
pub fn heads(data: &[u8]) -> impl Iterator<Item = Head> + '_ {
    let mut at = Some(0usize);
    std::iter::from_fn(move || {
        let head = head(data, at?)?;
        at = Some(head.end).filter(|end| *end > head.at.start && *end < data.len());
        Some(head)
    })
}

fn head(data: &[u8], start: usize) -> Option<Head> {
    let rest = data.get(start..)?;
    // Empty lines before a message are allowed, and HTTP's dissector skips them.
    let blank = rest.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let start = start.checked_add(blank)?;
    let rest = rest.get(blank..)?;
    // Methods and versions begin so; most bytes that come here begin otherwise.
    if !rest.first()?.is_ascii_uppercase() {
        return None;
    }
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    if rest.starts_with(b"HTTP/") {
        let mut response = Response::new(&mut headers);
        let parsed = ParserConfig::default().parse_response(&mut response, rest).ok()?;
        let status = response.code?;
        let place = Place { data, length: whole(parsed)?, start };
        let bodiless = status < 200 || status == 204 || status == 304;
        let known = if bodiless { Some(0) } else { None };
        return place.head(Kind::Response(status), "", response.headers, known, data.len());
    }
    let mut request = Request::new(&mut headers);
    let parsed = request.parse(rest).ok()?;
    let place = Place { data, length: whole(parsed)?, start };
    place.head(Kind::Request, request.path?, request.headers, None, place.end())
}

fn whole(parsed: Status<usize>) -> Option<usize> {
    match parsed {
        Status::Complete(length) => Some(length),
        Status::Partial => None,
    }
}

#[derive(Clone, Copy)]
struct Place<'a> {
    data: &'a [u8],
    start: usize,
    length: usize,
}

impl Place<'_> {
    fn end(self) -> usize {
        self.start.saturating_add(self.length)
    }

    /// Where a part of the head lies, which the parser gives as a part of the same bytes.
    fn range(self, part: &[u8]) -> Range<usize> {
        let start = (part.as_ptr() as usize).saturating_sub(self.data.as_ptr() as usize).min(self.end());
        start..start.saturating_add(part.len()).min(self.end())
    }

    /// `known` is the length of the body, where the first line tells it; without any length it reaches to
    /// `unknown_end`.
    fn head(
        self,
        kind: Kind,
        target: &str,
        headers: &[Header<'_>],
        known: Option<usize>,
        unknown_end: usize,
    ) -> Option<Head> {
        let value = |name: &str| {
            let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.map_or(&b""[..], |header| header.value)
        };
        let at = self.start..self.end();
        let range = |part: &[u8]| if part.is_empty() { at.end..at.end } else { self.range(part) };
        let media = value("content-type").split(|byte| *byte == b';').next().unwrap_or_default();
        let length = || std::str::from_utf8(value("content-length")).ok()?.trim().parse::<usize>().ok();
        let chunked = value("transfer-encoding").to_ascii_lowercase().ends_with(b"chunked");
        let end = match (known, chunked) {
            (Some(length), _) => at.end.saturating_add(length),
            (None, true) => chunks_end(self.data, at.end).unwrap_or(self.data.len()),
            (None, false) => length().map_or(unknown_end, |length| at.end.saturating_add(length)),
        };
        Some(Head {
            kind,
            target: range(target.as_bytes()),
            host: range(value("host")),
            media: range(media.trim_ascii()),
            has_body: end > at.end,
            end,
            at,
        })
    }
}

/// Where a body in chunks ends, if it does.
fn chunks_end(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let rest = data.get(at..)?;
        let Ok(Status::Complete((line, size))) = httparse::parse_chunk_size(rest) else { return None };
        at = at.checked_add(line)?;
        if size == 0 {
            // Trailers, and an empty line.
            let rest = data.get(at..)?;
            if rest.starts_with(b"\r\n") {
                return at.checked_add(2);
            }
            let trailers = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
            return at.checked_add(trailers)?.checked_add(4);
        }
        at = at.checked_add(usize::try_from(size).ok()?)?.checked_add(2)?;
    }
}

/// Media types of bodies that may be ours. What counts is the request; these are the types by which HTTP's
/// dissector passes bodies on.
pub const MEDIA_TYPES: &[&CStr] = &[
    c"application/json",
    c"text/plain",
    c"text/javascript",
    c"application/javascript",
    c"application/x-javascript",
    c"text/json",
    c"text/html",
    c"text/xml",
    c"application/xml",
    c"application/octet-stream",
    c"application/x-www-form-urlencoded",
    c"multipart/form-data",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other() {
        let data: &[u8] = b"\r\nPOST /a?b=c HTTP/1.1\r\nHost: x.example\r\nContent-Type: application/json; charset=x\r\n\
            content-length: 3\r\n\r\n{ }GET /d HTTP/1.1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
            Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end";
        let heads: Vec<_> = heads(data).collect();
        let kinds: Vec<_> = heads.iter().map(|head| (head.kind, head.has_body)).collect();
        let (request, response) = (Kind::Request, Kind::Response(200));
        assert_eq!(
            kinds,
            [
                (request, true),
                (request, false),
                (Kind::Response(100), false),
                (response, true),
                (response, true)
            ]
        );
        let part = |range: &Range<usize>| std::str::from_utf8(&data[range.clone()]).unwrap();
        assert_eq!(part(&heads[0].target), "/a?b=c");
        assert_eq!((part(&heads[0].host), part(&heads[0].media)), ("x.example", "application/json"));
        assert_eq!(part(&heads[1].target), "/d");
        assert_eq!(heads[4].end, data.len());
    }

    #[test]
    fn what_is_no_whole_head_is_none() {
        for data in [
            "",
            "\r\n",
            "GET / HTTP/1.1\r\nHost: x",
            "{\"a\":1}",
            "HTTP/",
            "GET",
            "\x16\x03\x01",
            "HTTP/1.1 2",
        ] {
            assert_eq!(heads(data.as_bytes()).count(), 0, "{data}");
        }
        let far = b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nabc";
        assert_eq!(heads(far).next().unwrap().end, usize::MAX);
        let open = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc";
        assert_eq!(heads(open).next().unwrap().end, open.len());
    }
}
