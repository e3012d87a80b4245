// SPDX-License-Identifier: GPL-2.0-or-later
//! Bodies in parts (`multipart/form-data`): the only place that knows how they are laid out.
//!
//! The first line is the boundary, so that the head need not tell it:
//!
//! ```text
//! --boundary
//! Content-Disposition: form-data; name="size"
//!
//! 1024
//! --boundary
//! Content-Disposition: form-data; name="filename"; filename="a.png"
//! Content-Type: image/png
//!
//! …
//! --boundary--
//! ```

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

/// A part: where it and its content lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Name of the file that it is.
    pub file: Option<Cow<'a, str>>,
    /// Bytes of head and content.
    pub at: Range<usize>,
    /// Bytes of the content.
    pub content: Range<usize>,
}

/// More than any form of the client's has.
const MOST_PARTS: usize = 64;
/// Longest boundary (RFC 2046), with the dashes in front of it.
const LONGEST_BOUNDARY: usize = 72;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// The parts of a body; of one that is cut short the last part reaches to its end.
pub fn parts(body: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let line = body.iter().take(LONGEST_BOUNDARY.saturating_add(1)).position(|byte| *byte == b'\r');
    let boundary = body.get(..line.unwrap_or(0)).filter(|line| line.starts_with(b"--")).unwrap_or_default();
    let finder = memmem::Finder::new(boundary).into_owned();
    let mut next = Some(boundary.len()).filter(|length| *length > 0);
    std::iter::from_fn(move || {
        let start = next?.checked_add(2)?;
        let rest = body.get(start..)?;
        let head = memmem::find(rest, END_OF_HEAD)?;
        let content = head.checked_add(END_OF_HEAD.len())?;
        let behind = rest.get(content..)?;
        let (length, end) = match finder.find(behind) {
            // The line end in front of a boundary is the boundary's.
            Some(found) => (found.saturating_sub(2), Some(found)),
            None => (behind.len(), None),
        };
        let at = start.checked_add(content)?;
        next = end.and_then(|end| at.checked_add(end)?.checked_add(boundary.len()));
        let head = rest.get(..head)?;
        let whole = start..at.saturating_add(length);
        Some(Part {
            name: attribute(head, b" name=\"").unwrap_or_default(),
            file: attribute(head, b" filename=\""),
            content: at..whole.end,
            at: whole,
        })
    })
    .take(MOST_PARTS)
}

/// The value of an attribute in the head of a part.
fn attribute<'a>(head: &'a [u8], begin: &[u8]) -> Option<Cow<'a, str>> {
    let value = head.get(memmem::find(head, begin)?.checked_add(begin.len())?..)?;
    let length = value.iter().position(|byte| *byte == b'"')?;
    Some(String::from_utf8_lossy(value.get(..length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_know_their_bytes() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n12\r\n--x\r\n\
            Content-Disposition: form-data; name=\"filename\"; filename=\"a b.png\"\r\nContent-Type: image/png\r\n\r\n\
            \x89\r\n--\r\n--x\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--x--\r\n";
        let found: Vec<_> =
            parts(body).map(|part| (part.name.into_owned(), part.file, &body[part.content])).collect();
        let expected = [
            ("size".to_owned(), None, &b"12"[..]),
            ("filename".to_owned(), Some("a b.png".into()), b"\x89\r\n--"),
            (String::new(), None, b""),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_form_has_no_parts() {
        for body in
            ["", "{}", "--", "--x", "--x\r\n", "--x--\r\n", "--x\r\nA: b", "a=b&c=d\r\n\r\n", "-\r\n\r\n"]
        {
            assert_eq!(parts(body.as_bytes()).count(), 0, "{body:?}");
        }
        let cut = b"--x\r\nA: b\r\n\r\nnot the en";
        let part = parts(cut).next().unwrap();
        assert_eq!((&*part.name, &cut[part.content]), ("", &b"not the en"[..]));
    }
}
