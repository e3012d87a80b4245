// SPDX-License-Identifier: GPL-2.0-or-later
//! Heads of messages, read as HTTP's dissector reads them.
//!
//! It takes a message line by line: any line may be the one that says what the message is, a line with a
//! colon is a header, an empty one ends the head, and so does any other. Lines end with CR LF, CR or LF.
//! A header counts whose name is nothing but characters of a name; where one comes twice, the last does.

use std::ops::Range;

use super::body::{self, Body, Coding};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request.
    Request,
    /// A response with its status, 0 if that is no number.
    Response(u16),
    /// Neither: HTTP's dissector shows it, and pairs it with nothing.
    Other,
}

impl Kind {
    /// Whether another response to the same request follows.
    pub fn is_interim(self) -> bool {
        matches!(self, Self::Response(100 | 102..=199))
    }

    /// Whether no body follows where no length is told.
    fn is_bodiless(self, coding: Coding) -> bool {
        match self {
            Self::Request => !coding.transfer,
            Self::Response(status) => matches!(status, 100..=199 | 204 | 304),
            Self::Other => false,
        }
    }
}

/// Where a message and its parts lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: Kind,
    /// The whole head, with the empty line behind it.
    pub at: Range<usize>,
    /// Of a request its target; of all else empty.
    pub target: Range<usize>,
    /// Value of the header Host.
    pub host: Range<usize>,
    /// The body.
    pub body: Body,
    /// End of the message, which may lie behind the bytes that are there.
    pub end: usize,
    /// Whether the bytes end in the name of a header: HTTP's dissector reads so far and gives up.
    pub is_cut: bool,
}

/// The messages in `data`, up to the first byte at which HTTP's dissector gives up.
pub fn heads(data: &[u8]) -> impl Iterator<Item = Head> + '_ {
    let mut at = Some(0usize);
    std::iter::from_fn(move || {
        let head = head(data, at?)?;
        at = Some(head.end).filter(|end| *end > head.at.start && *end < data.len());
        Some(head)
    })
}

/// What the first line of `data` says the message is; nothing where the line is not whole.
pub fn first_line(data: &[u8]) -> Option<Kind> {
    let data = data.get(blank(data, 0)..)?;
    if data.first().is_some_and(|byte| !is_printable(*byte)) {
        return Some(Kind::Other);
    }
    let end = memchr::memchr2(b'\r', b'\n', data)?;
    // Behind a CR an LF may follow.
    let whole = data.get(end) == Some(&b'\n') || end.checked_add(1)? < data.len();
    whole.then(|| kind(data.get(..end).unwrap_or_default()).unwrap_or(Kind::Other))
}

/// The empty line that may stand in front of a message.
fn blank(data: &[u8], at: usize) -> usize {
    match data.get(at..) {
        Some([b'\r', b'\n', _, _, ..]) => 2,
        _ => 0,
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// The line at `at`, without its end, and where the next one begins; the last one need not have an end.
fn line(data: &[u8], at: usize) -> (&[u8], usize) {
    body::line(data, at).unwrap_or_else(|| {
        let rest = data.get(at..).unwrap_or_default();
        (rest.strip_suffix(b"\r").unwrap_or(rest), data.len())
    })
}

/// Methods that make a request, by length; the last row has all that are longer.
const METHODS: [&[&[u8]]; 9] = [
    &[b"GET", b"PUT"],
    &[b"COPY", b"HEAD", b"LOCK", b"MOVE", b"POLL", b"POST"],
    &[b"BCOPY", b"BMOVE", b"MKCOL", b"TRACE", b"PATCH", b"LABEL", b"MERGE"],
    &[b"DELETE", b"SEARCH", b"UNLOCK", b"REPORT", b"UPDATE"],
    &[b"BDELETE", b"CONNECT", b"OPTIONS", b"CHECKIN"],
    &[b"PROPFIND", b"CHECKOUT", b"CCM_POST"],
    &[b"PROPPATCH", b"BPROPFIND"],
    &[b"BPROPPATCH", b"UNCHECKOUT", b"MKACTIVITY"],
    &[
        b"MKWORKSPACE",
        b"RPC_CONNECT",
        b"RPC_IN_DATA",
        b"RPC_OUT_DATA",
        b"VERSION-CONTROL",
        b"BASELINE-CONTROL",
        b"SSTP_DUPLEX_POST",
    ],
];
/// Methods of messages that nobody answers.
const NOTIFICATIONS: [&[u8]; 3] = [b"NOTIFY", b"SUBSCRIBE", b"UNSUBSCRIBE"];
/// Length of the methods in the first row.
const SHORTEST: usize = 3;

/// What a line says the message is, if it says so.
fn kind(line: &[u8]) -> Option<Kind> {
    // RFC 2774 puts this in front of a method.
    let bare = line.strip_prefix(b"M-").unwrap_or(line);
    if bare.starts_with(b"HTTP/") || bare.starts_with(b"ICY") {
        return Some(Kind::Response(0));
    }
    let method = bare.split(|byte| *byte == b' ').next().unwrap_or_default();
    let row = method.len().checked_sub(SHORTEST)?.min(METHODS.len().saturating_sub(1));
    if METHODS.get(row)?.contains(&method) {
        return Some(Kind::Request);
    }
    NOTIFICATIONS.contains(&method).then_some(Kind::Other)
}

/// The token behind the first of a line.
fn second_token(line: &[u8]) -> Range<usize> {
    let blank = |byte: &u8| *byte == b' ';
    let first = line.iter().position(blank).unwrap_or(line.len());
    let rest = line.get(first..).unwrap_or_default();
    let start = first.saturating_add(rest.iter().take_while(|byte| blank(byte)).count());
    let rest = line.get(start..).unwrap_or_default();
    start..start.saturating_add(rest.iter().position(blank).unwrap_or(rest.len()))
}

/// The status in the first three characters of a token; a shorter one has none.
fn status(line: &[u8]) -> Option<u16> {
    let digits = line.get(second_token(line))?.get(..3)?;
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number: u16, digit| {
        number.saturating_mul(10).saturating_add(u16::from(digit.saturating_sub(b'0')))
    }))
}

/// Whether bytes are the name of a header.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&\\:*+-.^_`|~".contains(byte))
}

/// What the headers say so far.
#[derive(Default)]
struct Told {
    host: Range<usize>,
    media: Range<usize>,
    length: Option<u64>,
    coding: Coding,
}

impl Told {
    /// Takes a header, whose value lies at `at`.
    fn take(&mut self, name: &[u8], value: &[u8], at: Range<usize>) {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("Host") {
            self.host = at;
        } else if is("Content-Type") {
            let ends = |byte: &u8| *byte == b';' || byte.is_ascii_whitespace() || *byte == 0x0b;
            let length = value.iter().position(ends).unwrap_or(value.len());
            self.media = at.start..at.start.saturating_add(length);
        } else if is("Content-Length") {
            self.length = length(value);
        } else if is("Content-Encoding") {
            self.coding.set_content(value);
        } else if is("Transfer-Encoding") {
            self.coding.add_transfer(value);
        }
    }
}

/// The number in a header Content-Length.
fn length(value: &[u8]) -> Option<u64> {
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let blank = value.iter().take_while(|byte| is_blank(byte)).count();
    let value = value.get(blank..)?;
    let value = value.strip_prefix(b"+").unwrap_or(value);
    let count = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = value.split_at_checked(count)?;
    let number: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    rest.first().is_none_or(is_blank).then_some(number.unsigned_abs())
}

fn head(data: &[u8], start: usize) -> Option<Head> {
    let start = start.saturating_add(blank(data, start));
    if !is_printable(*data.get(start)?) {
        return None;
    }
    let mut message = Kind::Other;
    let mut target = None;
    let mut told = Told::default();
    let (mut at, mut is_cut) = (start, false);
    while at < data.len() {
        let (words, next) = line(data, at);
        if let Some(kind) = kind(words) {
            message = match (kind, message) {
                (Kind::Response(_), Kind::Response(before)) => {
                    Kind::Response(status(words).unwrap_or(before))
                }
                (Kind::Response(_), _) => Kind::Response(status(words).unwrap_or(0)),
                (other, _) => other,
            };
            if kind == Kind::Request {
                let token = second_token(words);
                target = Some(at.saturating_add(token.start)..at.saturating_add(token.end));
            }
        } else if words.is_empty() {
            at = next;
            break;
        } else if let Some(colon) = memchr::memchr(b':', words) {
            let (name, value) = words.split_at_checked(colon)?;
            let blank = value.iter().skip(1).take_while(|byte| b" \t".contains(byte)).count();
            let behind = blank.saturating_add(1);
            if is_name(name) {
                let from = at.saturating_add(colon).saturating_add(behind);
                let range = from..at.saturating_add(words.len());
                told.take(name, value.get(behind..).unwrap_or_default(), range);
            }
        } else {
            // At the end of all bytes HTTP's dissector takes it for a header that is cut short, and gives up.
            is_cut = at > start && at.saturating_add(words.len()) >= data.len();
            at = if is_cut { data.len() } else { at };
            break;
        }
        at = next;
    }
    let length = told.length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let bodiless = message.is_bodiless(told.coding);
    let (body, end) = Body::behind(data, at, bodiless, told.coding, length, told.media);
    let target = target.filter(|_| message == Kind::Request).unwrap_or(at..at);
    let host = if told.host.is_empty() { at..at } else { told.host };
    Some(Head { kind: message, at: start..at, target, host, body, end, is_cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(data: &[u8]) -> Vec<Kind> {
        heads(data).map(|head| head.kind).collect()
    }

    #[test]
    fn messages_follow_each_other() {
        let data: &[u8] = b"\r\nPOST /a?b=c HTTP/1.1\r\nHost: x.example\r\nContent-Type: application/json; charset=x\r\n\
            content-length: 3\r\n\r\n{ }GET /d HTTP/1.1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
            Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end";
        let heads: Vec<_> = heads(data).collect();
        let kinds: Vec<_> = heads.iter().map(|head| (head.kind, !head.body.at.is_empty())).collect();
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
        assert_eq!((part(&heads[0].host), part(&heads[0].body.media)), ("x.example", "application/json"));
        assert_eq!(part(&heads[1].target), "/d");
        assert_eq!(heads[4].end, data.len());
    }

    #[test]
    fn what_http_takes_is_taken() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(100));
        for response in [
            "HTTP/1.1 200 OK\r\nX-Odd : 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\x01\x7f\0b\r\n\r\n",
            "HTTP/1.1 200\r\n\r\n",
            "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 OK\r\r",
            "HTTP/1.1  200  OK\r\n\r\n",
            "HTTP/9 200 OK\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "M-HTTP/1.1 200 OK\r\n\r\n",
            "x: y\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: no name\r\nX",
            &many,
        ] {
            let head = heads(response.as_bytes()).next().unwrap();
            assert_eq!(
                (head.kind, head.is_cut),
                (Kind::Response(200), response.ends_with('X')),
                "{response:?}"
            );
        }
        for status in ["HTTP/1.1\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"] {
            assert_eq!(kinds(status.as_bytes()), [Kind::Response(0)], "{status:?}");
        }
        for request in
            ["GET /a http/1.1\r\n\r\n", "GET /a\r\n\r\n", "GET\r\n\r\n", "M-POST /a HTTP/1.0\r\n\r\n"]
        {
            assert_eq!(kinds(request.as_bytes()), [Kind::Request], "{request:?}");
        }
        for other in
            ["get /a HTTP/1.1\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "NOTIFY * HTTP/1.1\r\n\r\n", "{\"a\":1}"]
        {
            assert_eq!(kinds(other.as_bytes()), [Kind::Other], "{other:?}");
        }
        // The line that comes last says what it is.
        assert_eq!(kinds(b"HTTP/1.1 200 OK\r\nGET /a\r\n\r\n"), [Kind::Request]);
    }

    #[test]
    fn where_http_gives_up_nothing_is_read() {
        for data in ["", "\r\n", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "\nGET / HTTP/1.1\r\n\r\n", "\x16\x03\x01"]
        {
            assert_eq!(heads(data.as_bytes()).count(), 0, "{data:?}");
        }
    }

    #[test]
    fn the_first_line_tells_once_it_is_whole() {
        for (data, expected) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], Some(Kind::Response(0))),
            (b"\r\nGET / HTTP/1.1\n", Some(Kind::Request)),
            (b"{}\r\n", Some(Kind::Other)),
            (b"\x80\x81", Some(Kind::Other)),
            (b"HTTP/1.1 200 OK\r", None),
            (b"HTT", None),
            (b"", None),
        ] {
            assert_eq!(first_line(data), expected, "{data:?}");
        }
    }

    #[test]
    fn the_last_header_of_a_name_counts_if_its_name_is_one() {
        let length = |headers: &str| {
            let data = format!("POST / HTTP/1.1\r\n{headers}\r\n0123456789");
            let head = heads(data.as_bytes()).next().unwrap();
            head.end - head.at.end
        };
        assert_eq!(length("Content-Length: 3\r\n"), 3);
        assert_eq!(length("Content-Length: 3\r\nContent-Length: 4\r\n"), 4);
        assert_eq!(length("Content-Length: 3\r\nContent-Length: x\r\n"), 0);
        assert_eq!(length("Content-Length : 3\r\n"), 0);
        assert_eq!(length("Content-Length: +3 \r\n"), 3);
        assert_eq!(length("Content-Length: 3x\r\n"), 0);
        assert_eq!(length("Content-Length: -3\r\n"), 0);
        assert_eq!(length("Content-Length: 99999999999999999999\r\n"), 0);
        assert_eq!(length("Content-Length: 9223372036854775807\r\n"), usize::try_from(i64::MAX).unwrap());
        // A request with a transfer coding that is unknown reaches to the end.
        assert_eq!(length("Content-Length: 3\r\nTransfer-Encoding: x\r\n"), 10);
    }
}
