// SPDX-License-Identifier: GPL-2.0-or-later
//! Bodies: where they end, and to which message one belongs that HTTP's dissector passes on.
//!
//! A body that stands in the message as it is, is known by where it lies. One that was in chunks or
//! compressed lies nowhere: it is the next of its media type whose length fits. That is not always the next
//! there is: a body of an unknown coding, one that cannot be inflated, and an empty one are not passed on.

use std::ops::Range;

/// Codings of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coding {
    /// Whether there is a transfer coding of any sort: it outdoes a length.
    pub(super) transfer: bool,
    chunked: bool,
    /// Whether it is compressed, with gzip if that says how long it is without.
    packed: Option<Packing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Deflate,
    Brotli,
    /// One that HTTP's dissector does not know: it passes no such body on.
    Unknown,
}

impl Coding {
    /// Takes a header Content-Encoding.
    pub(super) fn set_content(&mut self, value: &[u8]) {
        let is = |name: &[u8]| value.eq_ignore_ascii_case(name);
        self.packed = match () {
            () if is(b"identity") => None,
            () if is(b"gzip") || is(b"x-gzip") => Some(Packing::Gzip),
            () if is(b"deflate") => Some(Packing::Deflate),
            () if is(b"br") => Some(Packing::Brotli),
            () => Some(Packing::Unknown),
        };
    }

    /// Takes a header Transfer-Encoding. (With one that HTTP's dissector does not undo it passes no body on,
    /// which does no harm: no other body is of that length.)
    pub(super) fn add_transfer(&mut self, value: &[u8]) {
        self.transfer = true;
        let mut names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        self.chunked |= names.any(|name| name.starts_with(b"chunked"));
    }
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The bytes of it that are there, as they are sent.
    pub at: Range<usize>,
    /// Its media type, without parameters.
    pub media: Range<usize>,
    /// Whether it is passed on as other bytes.
    is_coded: bool,
    /// The length that it has then, where that can be told.
    length: Option<usize>,
    packed: Option<Packing>,
}

impl Body {
    /// Where it lies as it is, if it does.
    pub fn plain(&self) -> Option<Range<usize>> {
        (!self.is_coded && !self.at.is_empty()).then(|| self.at.clone())
    }

    /// The body behind a head that ends at `start`, and where the message ends; `bodiless` says that it ends there
    /// where no length is told.
    pub(super) fn behind(
        data: &[u8],
        start: usize,
        bodiless: bool,
        coding: Coding,
        length: Option<usize>,
        media: Range<usize>,
    ) -> (Self, usize) {
        let there = data.len();
        let mut body = Self { at: start..there, media, is_coded: false, length: None, packed: coding.packed };
        let mut end = match length.filter(|_| !coding.transfer) {
            Some(length) => start.saturating_add(length),
            None if bodiless => start,
            None => there,
        };
        let mut tail = data.get(start..end.min(there)).and_then(|body| body.last_chunk().copied());
        if coding.chunked && end > start {
            let chunks = Chunks::read(data, start);
            if chunks.end > start {
                end = chunks.end;
            }
            (body.length, tail) = (Some(chunks.length), Some(chunks.tail));
        }
        if let Some(packing) = coding.packed {
            let size = tail.filter(|_| packing == Packing::Gzip).map(u32::from_le_bytes);
            body.length = size.and_then(|size| usize::try_from(size).ok());
        }
        body.is_coded = coding.chunked || coding.packed.is_some();
        body.at.end = end.min(there);
        (body, end)
    }
}

/// A body in chunks, as far as it is there.
struct Chunks {
    /// Where it ends.
    end: usize,
    /// Bytes in the chunks.
    length: usize,
    /// The last four of them.
    tail: [u8; 4],
}

impl Chunks {
    fn read(data: &[u8], start: usize) -> Self {
        let mut chunks = Self { end: start, length: 0, tail: [0; 4] };
        while let Some((line, from)) = line(data, chunks.end).filter(|(line, _)| !line.is_empty()) {
            // As much as there is, where a chunk says more.
            let left = data.len().saturating_sub(chunks.end);
            let size = size(line).min(left);
            if size == 0 {
                chunks.end = trailers_end(data, from);
                break;
            }
            let to = from.saturating_add(size);
            for byte in data.get(from..to.min(data.len())).unwrap_or_default() {
                let [_, a, b, c] = chunks.tail;
                chunks.tail = [a, b, c, *byte];
            }
            chunks.length = chunks.length.saturating_add(size);
            chunks.end = to.saturating_add(2).min(data.len());
        }
        chunks
    }
}

/// Behind the last chunk: headers, and an empty line.
fn trailers_end(data: &[u8], mut at: usize) -> usize {
    while let Some((line, next)) = line(data, at) {
        at = next;
        if line.is_empty() {
            break;
        }
    }
    at
}

/// A line that has an end, and where the next one begins.
pub(super) fn line(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = data.get(at..)?;
    let length = memchr::memchr2(b'\r', b'\n', rest)?;
    let (line, end) = rest.split_at_checked(length)?;
    let end = match end {
        [b'\r', b'\n', ..] => 2,
        [b'\r'] => return None,
        _ => 1,
    };
    Some((line, at.checked_add(length)?.checked_add(end)?))
}

/// The size of a chunk, in hexadecimal digits; 0 without any.
fn size(line: &[u8]) -> usize {
    let digits = line.trim_ascii_start();
    let digits = digits.strip_prefix(b"0x").or(digits.strip_prefix(b"0X")).unwrap_or(digits);
    let digits = digits.iter().map_while(|digit| char::from(*digit).to_digit(16));
    digits.fold(0, |size: usize, digit| size.saturating_mul(16).saturating_add(digit as usize))
}

/// The bodies that HTTP's dissector passes on of the messages in some bytes, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bodies {
    /// The first message that has not got one yet.
    next: usize,
}

/// How well a body fits a message; the better the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Length,
    Unknown,
    Media,
}

impl Bodies {
    /// The message whose body is passed on now; `bodies` are those of all messages of `data`. It lies at `at` of
    /// `data` or, where it was coded, nowhere; it has `length` bytes, and the media type `media`, unless nobody knows.
    pub fn place<'a>(
        &mut self,
        data: &[u8],
        bodies: impl Iterator<Item = &'a Body>,
        at: Option<usize>,
        length: usize,
        media: Option<&str>,
    ) -> Option<usize> {
        let is_of = |body: &Body| {
            let of = data.get(body.media.clone()).unwrap_or_default();
            media.is_none_or(|media| of.eq_ignore_ascii_case(media.as_bytes()))
        };
        let found = bodies.enumerate().skip(self.next).filter_map(|(index, body)| {
            let fit = match (at, body.is_coded) {
                (Some(at), false) if at == body.at.start => Fit::Length,
                (None, true) if !body.at.is_empty() && is_of(body) => match (body.packed, body.length) {
                    (Some(Packing::Unknown), _) => return None,
                    // It is always undone, to whatever length.
                    (Some(Packing::Deflate), _) => Fit::Length,
                    (_, Some(other)) if other == length => Fit::Length,
                    (_, None) => Fit::Unknown,
                    (_, Some(_)) => Fit::Media,
                },
                _ => return None,
            };
            Some((fit, index))
        });
        let (_, index) = found.min()?;
        self.next = index.checked_add(1)?;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::{Head, heads};
    use super::*;

    fn ends(data: &str) -> Vec<usize> {
        heads(data.as_bytes()).map(|head| head.end - head.at.end).collect()
    }

    #[test]
    fn a_body_ends_where_http_ends_it() {
        let response = |status: u16, headers: &str, body: &str| {
            ends(&format!("HTTP/1.1 {status} x\r\n{headers}\r\n{body}"))
        };
        assert_eq!(response(200, "", "rest"), [4]);
        assert_eq!(response(204, "", ""), [0]);
        assert_eq!(response(304, "Transfer-Encoding: chunked\r\n", ""), [0]);
        // A length counts wherever there is one.
        assert_eq!(response(304, "Content-Length: 2\r\n", "ab"), [2]);
        assert_eq!(response(200, "Content-Length: 9\r\n", "ab"), [9]);
        let chunked = "Transfer-Encoding: chunked\r\n";
        assert_eq!(response(200, chunked, "2\r\nab\r\n0\r\n\r\nHTTP/1.1 304 x\r\n\r\n"), [12, 0]);
        assert_eq!(
            response(200, "Transfer-Encoding: gzip, chunked\r\nContent-Length: 1\r\n", "0\r\n\r\n"),
            [5]
        );
        assert_eq!(response(200, chunked, "0\r\nA: b\r\n\r\n"), [11]);
        assert_eq!(response(200, chunked, "ffffffffffffffff\r\nabc"), [21]);
        // What is no size ends the chunks too.
        assert_eq!(response(200, chunked, "none\r\n\r\nHTTP/1.1 304 x\r\n\r\n"), [8, 0]);
        assert_eq!(response(200, "Transfer-Encoding: Chunked\r\n", "2\r\nab\r\n0\r\n\r\n"), [12]);
    }

    fn of(heads: &[Head]) -> impl Iterator<Item = &Body> {
        heads.iter().map(|head| &head.body)
    }

    #[test]
    fn a_deflated_body_comes_in_its_turn_and_an_unknown_coding_never() {
        let message = |headers: &str| {
            format!(
                "HTTP/1.1 200 x\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n{headers}\r\n2\r\nab\r\n0\r\n\r\n"
            )
        };
        let codings = ["Content-Encoding: x-new\r\n", "Content-Encoding: deflate\r\n", ""];
        let data = codings.map(message).concat();
        let heads: Vec<Head> = heads(data.as_bytes()).collect();
        let mut bodies = Bodies::default();
        let mut place = || bodies.place(data.as_bytes(), of(&heads), None, 2, Some("a/b"));
        assert_eq!([place(), place(), place()], [Some(1), Some(2), None]);
    }

    #[test]
    fn a_body_is_given_to_the_message_that_it_fits() {
        let message = |headers: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 200 x\r\nContent-Type: a/b\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
        };
        let data = [
            message("", "plain"),
            message("Content-Encoding: br\r\n", "????"),
            message("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n"),
            message("Content-Encoding: gzip\r\n", "....\x07\0\0\0"),
            message("", ""),
            message("", "plain"),
        ]
        .concat();
        let heads: Vec<Head> = heads(data.as_bytes()).collect();
        assert_eq!(heads.len(), 6);
        let places = |passed: &[(Option<usize>, usize)]| {
            let mut bodies = Bodies::default();
            let mut place = |(at, length): &(Option<usize>, usize)| {
                bodies.place(data.as_bytes(), of(&heads), *at, *length, Some("A/B"))
            };
            passed.iter().map(&mut place).collect::<Vec<_>>()
        };
        let [first, last] = [0, 5].map(|index: usize| (Some(heads[index].body.at.start), 5));
        let all = [first, (None, 9), (None, 2), (None, 7), last];
        assert_eq!(places(&all), [0, 1, 2, 3, 5].map(Some));
        assert_eq!(places(&[first, (None, 2), (None, 7), last]), [0, 2, 3, 5].map(Some));
        assert_eq!(places(&[(None, 7), last]), [3, 5].map(Some));
        // Where a length lies, the next of its sort.
        assert_eq!(places(&[first, (None, 9), (None, 3), (None, 3), last]), [0, 1, 2, 3, 5].map(Some));
        assert_eq!(places(&[last, first]), [Some(5), None]);
        let mut bodies = Bodies::default();
        assert_eq!(bodies.place(data.as_bytes(), of(&heads), None, 2, Some("c/d")), None);
        assert_eq!(bodies.place(data.as_bytes(), of(&heads), None, 2, None), Some(2));
    }
}
