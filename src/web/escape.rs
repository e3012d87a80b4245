// SPDX-License-Identifier: GPL-2.0-or-later
//! Escapes of texts, in JSON and in queries: the only place that knows them. What is none hides nothing of the rest.

use std::borrow::Cow;
use std::ops::Range;

/// A fault, and the bytes to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A sentence.
    pub words: Cow<'static, str>,
    /// Bytes of the document.
    pub at: Range<usize>,
}

impl Fault {
    fn new(words: &'static str, at: Range<usize>) -> Self {
        Self { words: words.into(), at }
    }
}

/// Stands for what cannot be read.
const MARK: char = char::REPLACEMENT_CHARACTER;
const NO_UTF_8: &str = "no UTF-8";

/// A text of JSON, without its quotes, with escapes undone. For each part that JSON does not allow it has a mark
/// and a fault; a control character stands for itself.
pub fn undone(text: &[u8]) -> (Cow<'_, str>, Vec<Fault>) {
    let plain = |byte: &u8| *byte != b'\\' && *byte >= b' ';
    if let (Ok(text), true) = (std::str::from_utf8(text), text.iter().all(plain)) {
        return (Cow::Borrowed(text), Vec::new());
    }
    let mut out = String::with_capacity(text.len());
    let mut faults = Vec::new();
    let mut at = 0usize;
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(c) = rest.chars().next() {
            let (length, value) = match c {
                '\\' => escape(rest.as_bytes()),
                '\0'..=' ' if c < ' ' => (1, Err((c, "a control character"))),
                _ => (c.len_utf8(), Ok(c)),
            };
            let end = at.saturating_add(length);
            match value {
                Ok(c) => out.push(c),
                Err((c, words)) => {
                    out.push(c);
                    faults.push(Fault::new(words, at..end));
                }
            }
            at = end;
            rest = rest.get(length..).unwrap_or_default();
        }
        if !chunk.invalid().is_empty() {
            let end = at.saturating_add(chunk.invalid().len());
            out.push(MARK);
            faults.push(Fault::new(NO_UTF_8, at..end));
            at = end;
        }
    }
    (Cow::Owned(out), faults)
}

/// The escape with which bytes begin: its length, and what stands for it, with words if it is none.
fn escape(bytes: &[u8]) -> (usize, Result<char, (char, &'static str)>) {
    let plain = |c| (2, Ok(c));
    match bytes.get(1) {
        Some(byte @ (b'"' | b'\\' | b'/')) => plain(char::from(*byte)),
        Some(b'b') => plain('\u{8}'),
        Some(b'f') => plain('\u{c}'),
        Some(b'n') => plain('\n'),
        Some(b'r') => plain('\r'),
        Some(b't') => plain('\t'),
        Some(b'u') => unit_escape(bytes),
        None => (1, Err((MARK, "an escape is cut short"))),
        Some(byte) => {
            let length = if byte.is_ascii() { 2 } else { 1 };
            (length, Err((MARK, "no escape of JSON")))
        }
    }
}

/// `\uXXXX`, or two of them that are a pair.
fn unit_escape(bytes: &[u8]) -> (usize, Result<char, (char, &'static str)>) {
    const UNIT: usize = 6;
    let first = match unit(bytes) {
        Ok(unit) => unit,
        Err(length) => return (length, Err((MARK, "\\u wants four hexadecimal digits"))),
    };
    let second = bytes.get(UNIT..).and_then(|rest| unit(rest).ok());
    let mut units = std::iter::once(first).chain(second);
    match char::decode_utf16(&mut units).next() {
        Some(Ok(c)) if c.len_utf16() == 2 => (UNIT.saturating_mul(2), Ok(c)),
        Some(Ok(c)) => (UNIT, Ok(c)),
        Some(Err(_)) | None => (UNIT, Err((MARK, "half a pair of surrogates"))),
    }
}

/// The number behind `\u`, or the length of what stands in its place.
fn unit(bytes: &[u8]) -> Result<u16, usize> {
    const DIGITS: usize = 4;
    let digits = bytes.strip_prefix(b"\\u").ok_or(0usize)?;
    let digits = digits.iter().take(DIGITS).map_while(|digit| char::from(*digit).to_digit(16));
    let (count, number) =
        digits.fold((0usize, 0u32), |(count, number), digit| (count.saturating_add(1), number << 4 | digit));
    u16::try_from(number).ok().filter(|_| count == DIGITS).ok_or(count.saturating_add(2))
}

/// What is wrong with the escapes of a part of a query; they stay as they stand, or have a mark.
pub fn query_faults(text: &[u8]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut plain = Vec::with_capacity(text.len());
    // Where each byte stands.
    let mut places = Vec::with_capacity(text.len());
    let mut at = 0usize;
    while let Some(byte) = text.get(at) {
        let hex = |behind: usize| {
            let digit = text.get(at.checked_add(behind)?)?;
            char::from(*digit).to_digit(16)
        };
        let (value, length) = match (*byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => ((high << 4 | low) as u8, 3),
            (b'%', ..) => {
                faults.push(Fault::new("% wants two hexadecimal digits", at..at.saturating_add(1)));
                (b'%', 1)
            }
            (byte, ..) => (byte, 1),
        };
        let end = at.saturating_add(length);
        plain.push(value);
        places.push(at..end);
        at = end;
    }
    let mut done = 0usize;
    for chunk in plain.utf8_chunks() {
        done = done.saturating_add(chunk.valid().len());
        let end = done.saturating_add(chunk.invalid().len());
        if let Some([first, .., last]) | Some([first @ last]) = places.get(done..end) {
            faults.push(Fault::new(NO_UTF_8, first.start..last.end));
        }
        done = end;
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(text: &[u8], faults: &[Fault]) -> Vec<Vec<u8>> {
        faults.iter().map(|fault| text[fault.at.clone()].to_vec()).collect()
    }

    #[test]
    fn a_bad_part_has_a_mark_and_the_rest_is_right() {
        for (text, expected, bad) in [
            (&b"plain \xe4\xbd\xa0"[..], "plain 你", &[][..]),
            (br#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t", &[]),
            (br"\u4F60\u597d\uD83D\uDE04", "你好😄", &[]),
            (br"\ud83d\u4f60", "\u{fffd}你", &[&br"\ud83d"[..]]),
            (br"\ude04\ud83d", "\u{fffd}\u{fffd}", &[br"\ude04", br"\ud83d"]),
            (br"\ud83d\ud83d\ude04", "\u{fffd}😄", &[br"\ud83d"]),
            (br"\ud83d\n", "\u{fffd}\n", &[br"\ud83d"]),
            (
                br"\u\u1\u12\u123\u1234",
                "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{1234}",
                &[br"\u", br"\u1", br"\u12", br"\u123"],
            ),
            (br"\u12G4", "\u{fffd}G4", &[br"\u12"]),
            (br"\U0041", "\u{fffd}0041", &[br"\U"]),
            (br"a\x41b", "a\u{fffd}41b", &[br"\x"]),
            (b"\\\xe4\xbd\xa0", "\u{fffd}你", &[b"\\"]),
            (br"a\", "a\u{fffd}", &[br"\"]),
            (b"a\nb\0", "a\nb\0", &[b"\n", b"\0"]),
            (b"\xff\\n\xc0\x80\\t", "\u{fffd}\n\u{fffd}\u{fffd}\t", &[b"\xff", b"\xc0", b"\x80"]),
            (b"\xe4\xbd\\n", "\u{fffd}\n", &[b"\xe4\xbd"]),
            (b"\xed\xa0\xbd", "\u{fffd}\u{fffd}\u{fffd}", &[b"\xed", b"\xa0", b"\xbd"]),
            (br"\ufffe\uffff\u0000", "\u{fffe}\u{ffff}\0", &[]),
        ] {
            let (undone, faults) = undone(text);
            assert_eq!(undone, expected, "{text:?}");
            assert_eq!(blamed(text, &faults), bad, "{text:?}");
        }
    }

    #[test]
    fn faults_of_a_query_are_on_the_bytes_that_stand_there() {
        for (text, bad) in [
            (&b"a%20b%e4%BD%a0+"[..], &[][..]),
            (b"%zz%4", &[&b"%"[..], b"%"]),
            (b"%u4f60", &[b"%"]),
            (b"%ffa%e4%bd", &[b"%ff", b"%e4%bd"]),
            (b"\xfe%41%", &[b"%", b"\xfe"]),
        ] {
            assert_eq!(blamed(text, &query_faults(text)), bad, "{text:?}");
        }
    }
}
