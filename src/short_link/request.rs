// SPDX-License-Identifier: GPL-2.0-or-later
//! The framing of a request inside of MMTLS. An answer has none.
//!
//! ```text
//! length of the rest:4 | length:2 URI | length:2 host | length:4 body
//! ```

use std::ops::Range;

use crate::kernel::reader::Reader;
use crate::short_link::fields::FAULTS;

/// Bytes of the first length.
const LENGTH_LEN: usize = 4;

/// A length, and what has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of the length.
    pub length: Range<usize>,
    /// The bytes, captured or not.
    pub at: Range<usize>,
}

/// Where the parts of a request lie; those that do not fit are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path of the call.
    pub uri: Option<Part>,
    /// The server's name.
    pub host: Option<Part>,
    /// The business packet.
    pub body: Option<Part>,
    /// Behind all that.
    pub rest: Range<usize>,
}

/// Bytes of the request at the start of `data`, if that tells.
pub fn size(data: &[u8]) -> Option<usize> {
    let length = data.first_chunk().map(|length| u32::from_be_bytes(*length) as usize)?;
    length.checked_add(LENGTH_LEN)
}

/// Whether bytes begin a request: none is of 16 MiB, and no business packet begins with zero, as an answer does.
pub fn begins(data: &[u8]) -> bool {
    data.first() == Some(&0)
}

impl Request {
    /// Reads a request of `size` bytes, of which `data` was captured.
    pub fn read(data: &[u8], size: usize) -> Self {
        let mut reader = Reader::new(data, LENGTH_LEN.min(size)..size, FAULTS);
        let mut text = || {
            let mut ahead = reader.clone();
            let (length, at) = ahead.u16()?;
            let part = Part { length: at, at: ahead.take(length.into())? };
            reader = ahead;
            Some(part)
        };
        let uri = text();
        let host = uri.as_ref().and_then(|_| text());
        let body = host.as_ref().and_then(|_| {
            let mut ahead = reader.clone();
            let (length, at) = ahead.u32()?;
            let start = at.end;
            let end = start.checked_add(length as usize).filter(|end| *end <= size)?;
            reader.part(end.saturating_sub(at.start));
            Some(Part { length: at, at: start..end })
        });
        Self { uri, host, body, rest: reader.rest() }
    }

    /// Whether all its lengths fit.
    pub fn is_whole(&self) -> bool {
        self.body.is_some() && self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(uri: &[u8], host: &[u8], body: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        for part in [uri, host] {
            content.extend((part.len() as u16).to_be_bytes());
            content.extend(part);
        }
        content.extend((body.len() as u32).to_be_bytes());
        content.extend(body);
        [&(content.len() as u32).to_be_bytes()[..], &content].concat()
    }

    #[test]
    fn parts_lie_behind_their_lengths() {
        let data = framed(b"/a/b", b"host", b"body!");
        assert_eq!(size(&data), Some(data.len()));
        let request = Request::read(&data, data.len());
        let part = |part: &Option<Part>| data[part.clone().unwrap().at].to_vec();
        assert_eq!((part(&request.uri), part(&request.host)), (b"/a/b".to_vec(), b"host".to_vec()));
        assert_eq!(part(&request.body), b"body!");
        assert!(request.is_whole() && begins(&data));
    }

    #[test]
    fn wherever_it_ends_what_fits_is_there() {
        let data = framed(b"/a/b", b"host", b"body!");
        for end in 0..data.len() {
            let request = Request::read(&data[..end], end);
            assert_eq!(request.uri.is_some(), end >= 10, "{end}");
            assert_eq!(request.host.is_some(), end >= 16, "{end}");
            assert!(request.body.is_none() && !request.is_whole(), "{end}");
            // The same bytes of a request whose end was not seen.
            let cut = Request::read(&data[..end], data.len());
            assert_eq!(cut.body.is_some(), end >= 20, "{end}");
        }
        let longer = [&data[..], b"x"].concat();
        let request = Request::read(&longer, longer.len());
        assert!(!request.is_whole() && request.rest == (data.len()..longer.len()));
        for (data, expected) in [(&b"\0\0"[..], None), (b"\0\0\0\0", Some(4))] {
            assert_eq!(size(data), expected);
        }
    }
}
