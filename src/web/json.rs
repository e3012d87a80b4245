// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON as tokens, each with the bytes it was read from.
//!
//! `json-event-parser` knows the order of tokens. It hands out one event after the other, so that what stands
//! before an error is there all the same, says how many bytes each took, keeps its stack on the heap, and depends
//! on nothing. `serde_json` tells no offsets and gives nothing at all of what is cut short; `struson` tells offsets,
//! but reads through a buffer of its own and stops at a text that is no UTF-8.
//!
//! Texts are read here, because each parser gives one up as a whole for an escape that is none. The parser is given
//! an empty text in place of each.

use std::borrow::Cow;
use std::ops::Range;

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use super::escape::{self, Fault};

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `}` or `]`
    End,
    /// Name of a member, escapes undone.
    Name(Cow<'a, str>),
    /// Text, escapes undone.
    Text(Cow<'a, str>),
    /// As much as there is of a text without an end, the last token of a document that is cut.
    Cut(Cow<'a, str>),
    /// Digits as they stand.
    Number(Cow<'a, str>),
    /// `true`, `false`
    Bool(bool),
    /// `null`
    Null,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A token and its bytes, quotes included. Of a text also what JSON does not allow in it: there a mark
    /// stands in it, [`char::REPLACEMENT_CHARACTER`].
    Token(Token<'a>, Range<usize>, Vec<Fault>),
    /// The document is whole.
    Whole,
    /// The document ends before its end, in bytes from there on.
    Cut(usize),
    /// Nothing behind can be read.
    Broken(Fault),
}

/// Reads a document token by token.
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    parser: LowLevelJsonParser,
    /// Where the text without an end begins, once that has been read.
    cut: Option<usize>,
    over: bool,
}

/// Stands in for a text.
const STAND_IN: &[u8] = b"\"\"";
/// As deep as a document may be nested; it costs a byte for each.
const DEEPEST: usize = 32_768;

impl<'a> Reader<'a> {
    /// Begins a document.
    pub fn new(data: &'a [u8]) -> Self {
        let parser = LowLevelJsonParser::new().with_max_stack_size(DEEPEST);
        Self { data, at: 0, parser, cut: None, over: false }
    }

    /// The next token.
    pub fn read(&mut self) -> Next<'a> {
        if self.over {
            return Next::Whole;
        }
        if let Some(cut) = self.cut {
            return self.end(Next::Cut(cut));
        }
        let start = self.begin();
        let rest = self.data.get(start..).unwrap_or_default();
        if rest.first() == Some(&b'"') {
            return self.text(start, rest);
        }
        let rest = self.data.get(self.at..).unwrap_or_default();
        let result = self.parser.parse_next(rest, true);
        let end = self.at.saturating_add(result.consumed_bytes).min(self.data.len());
        self.at = end;
        match result.event.map(|event| event.map(token)) {
            Some(Ok(Some(token))) => Next::Token(token, start.min(end)..end, Vec::new()),
            Some(Err(error)) => self.broken(start, end, error.message()),
            // With all bytes given, the parser always has an event.
            Some(Ok(None)) | None => self.end(Next::Whole),
        }
    }

    /// Reads the text with which `rest` begins, at `start`.
    fn text(&mut self, start: usize, rest: &'a [u8]) -> Next<'a> {
        let length = text_length(rest);
        let end = start.saturating_add(length.unwrap_or(rest.len()));
        // What parts it from the token before, then the text.
        let parting = self.data.get(self.at..start).unwrap_or_default();
        let parted = self.parser.parse_next(parting, false);
        if let Some(Err(error)) = parted.event {
            let end = self.at.saturating_add(parted.consumed_bytes);
            return self.broken(start, end, error.message());
        }
        self.at = end;
        let is_name = match self.parser.parse_next(STAND_IN, true).event {
            Some(Ok(JsonEvent::ObjectKey(_))) => true,
            Some(Ok(JsonEvent::String(_))) => false,
            Some(Err(error)) => return self.broken(start, end, error.message()),
            Some(Ok(_)) | None => return self.end(Next::Whole),
        };
        let quotes = if length.is_some() { 2 } else { 1 };
        let inner = start.saturating_add(1);
        let bytes =
            rest.get(1..).and_then(|rest| rest.get(..end.saturating_sub(start).saturating_sub(quotes)));
        let (text, mut faults) = escape::undone(bytes.unwrap_or_default());
        for fault in &mut faults {
            fault.at = fault.at.start.saturating_add(inner)..fault.at.end.saturating_add(inner);
        }
        let token = match (length, is_name) {
            (Some(_), true) => Token::Name(text),
            (Some(_), false) => Token::Text(text),
            // Half a name says nothing.
            (None, true) => return self.end(Next::Cut(start)),
            (None, false) => {
                self.cut = Some(start);
                Token::Cut(text)
            }
        };
        Next::Token(token, start..end, faults)
    }

    /// Behind an error in the order of tokens, or in one that is no text: the token would begin at `start`, the
    /// parser stopped at `end`.
    fn broken(&mut self, start: usize, end: usize, words: &str) -> Next<'a> {
        let rest = self.data.get(end..).unwrap_or_default();
        if start >= end && is_cut(rest) {
            return self.end(Next::Cut(end));
        }
        // Where the token was not reached, what parts it from the one before is one too many.
        let start = start.min(end.saturating_sub(1));
        self.end(Next::Broken(Fault { words: words.to_owned().into(), at: start..self.data.len() }))
    }

    fn end(&mut self, next: Next<'a>) -> Next<'a> {
        self.over = true;
        next
    }

    /// Where the next token begins: behind blanks and what parts tokens.
    fn begin(&self) -> usize {
        let bytes = self.data.get(self.at..).unwrap_or_default();
        let mark = if self.at == 0 && bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let blank = bytes.iter().skip(mark).take_while(|byte| b" \t\r\n,:".contains(byte)).count();
        self.at.saturating_add(mark).saturating_add(blank)
    }
}

/// Length of the text with which bytes begin, quotes included.
fn text_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1usize;
    loop {
        let rest = bytes.get(at..)?;
        let found = memchr::memchr2(b'"', b'\\', rest)?;
        at = at.checked_add(found)?.checked_add(1)?;
        if rest.get(found) == Some(&b'"') {
            return Some(at);
        }
        at = at.checked_add(1)?;
    }
}

/// Whether the bytes that the parser left at the end of a document begin a token, or are none.
fn is_cut(bytes: &[u8]) -> bool {
    match bytes.first() {
        None | Some(b'-' | b'0'..=b'9') => true,
        Some(_) => [&b"true"[..], b"false", b"null"].iter().any(|constant| constant.starts_with(bytes)),
    }
}

fn token(event: JsonEvent<'_>) -> Option<Token<'_>> {
    Some(match event {
        JsonEvent::StartObject => Token::Object,
        JsonEvent::StartArray => Token::Array,
        JsonEvent::EndObject | JsonEvent::EndArray => Token::End,
        JsonEvent::ObjectKey(name) => Token::Name(name),
        JsonEvent::String(text) => Token::Text(text),
        JsonEvent::Number(digits) => Token::Number(digits),
        JsonEvent::Boolean(value) => Token::Bool(value),
        JsonEvent::Null => Token::Null,
        JsonEvent::Eof => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token and its bytes.
    type Seen<'a> = (Token<'a>, &'a [u8]);

    fn all(data: &[u8]) -> (Vec<Seen<'_>>, Vec<Fault>, Next<'_>) {
        let mut reader = Reader::new(data);
        let (mut tokens, mut faults) = (Vec::new(), Vec::new());
        loop {
            match reader.read() {
                Next::Token(token, at, fault) => {
                    tokens.push((token, &data[at]));
                    faults.extend(fault);
                }
                last => return (tokens, faults, last),
            }
        }
    }

    #[test]
    fn each_token_knows_its_bytes() {
        let (tokens, _, last) =
            all(b"\xef\xbb\xbf {\"a\" : [1,-2.5e3 , true,null],\n\"b\\u0063\":\"x\\ny\"}\n");
        let bytes: Vec<_> = tokens.iter().map(|(_, bytes)| std::str::from_utf8(bytes).unwrap()).collect();
        assert_eq!(
            bytes,
            ["{", "\"a\"", "[", "1", "-2.5e3", "true", "null", "]", "\"b\\u0063\"", "\"x\\ny\"", "}"]
        );
        assert_eq!(tokens[8].0, Token::Name("bc".into()));
        assert_eq!(tokens[9].0, Token::Text("x\ny".into()));
        assert_eq!(last, Next::Whole);
    }

    #[test]
    fn a_text_that_is_not_allowed_stops_nothing() {
        let data = b"{\"a\":\"x\xffy\",\"b\xfe\":1,\"c\":\"\\q\",\"d\":\"line\nline\",\"e\":[\"\xf0\",2]}";
        let (tokens, faults, last) = all(data);
        assert_eq!(last, Next::Whole);
        assert_eq!(tokens.len(), 15, "{tokens:?}");
        assert_eq!(tokens[2].0, Token::Text("x\u{fffd}y".into()));
        assert_eq!(tokens[6].0, Token::Text("\u{fffd}".into()));
        assert_eq!(tokens[8].0, Token::Text("line\nline".into()));
        let blamed: Vec<&[u8]> = faults.iter().map(|fault| &data[fault.at.clone()]).collect();
        assert_eq!(blamed, [&b"\xff"[..], b"\xfe", b"\\q", b"\n", b"\xf0"], "{faults:?}");
    }

    #[test]
    fn a_bad_escape_takes_nothing_of_what_follows() {
        for (bad, text, blamed) in [
            ("\\u4f60\\ud83d", "你\u{fffd}", &["\\ud83d"][..]),
            ("\\ud83d\\u00\\u597d", "\u{fffd}\u{fffd}好", &["\\ud83d", "\\u00"]),
            ("x\\ud83dxyz\\n", "x\u{fffd}xyz\n", &["\\ud83d"]),
            ("\\ud83d\\\"\\u4f60", "\u{fffd}\"你", &["\\ud83d"]),
        ] {
            for data in [
                format!("{{\"a\":\"{bad}\",\"b\":\"\\q\",\"c\":1}}"),
                format!("{{\"{bad}\":\"\\q\",\"c\":1}}"),
            ] {
                let (tokens, faults, last) = all(data.as_bytes());
                assert_eq!(last, Next::Whole, "{data}: {tokens:?}");
                let found = |token: &&Seen| matches!(&token.0, Token::Name(found) | Token::Text(found) if found == text);
                assert_eq!(tokens.iter().filter(found).count(), 1, "{data}: {tokens:?}");
                let found: Vec<&str> = faults.iter().map(|fault| &data[fault.at.clone()]).collect();
                assert_eq!(found, [blamed, &["\\q"]].concat(), "{data}");
            }
        }
    }

    #[test]
    fn a_text_that_is_cut_is_there_as_far_as_it_goes() {
        for (cut, text) in [
            ("\"", ""),
            ("\"te", "te"),
            ("\"\\u4f60\\", "你\u{fffd}"),
            ("\"\\u4f60\\u59", "你\u{fffd}"),
            ("\"\\\"", "\""),
        ] {
            let data = format!("{{\"a\":{cut}");
            let (tokens, _, last) = all(data.as_bytes());
            assert_eq!(tokens.last().unwrap().0, Token::Cut(text.into()), "{data}");
            assert_eq!(last, Next::Cut(5), "{data}");
        }
        assert_eq!(all(b"{\"a\":1,\"b").2, Next::Cut(7));
    }

    #[test]
    fn what_is_cut_short_is_told_from_what_is_broken() {
        for cut in ["{", "{\"a\"", "{\"a\":\"te", "{\"a\":tr", "[1,2", "[1,", "{\"a\":1.", "[\"\\u12", "[-"] {
            assert!(matches!(all(cut.as_bytes()).2, Next::Cut(_)), "{cut}: {:?}", all(cut.as_bytes()).2);
        }
        for broken in ["{]", "[1 2]", "<html>", "{\"a\":1}}", "{\"a\" 1}", "[1,]", "{a:1}"] {
            assert!(matches!(all(broken.as_bytes()).2, Next::Broken(_)), "{broken}");
        }
        assert_eq!(all(b"[1,\"cut").0.len(), 3);
        let broken = |data: &'static [u8]| match all(data).2 {
            Next::Broken(fault) => &data[fault.at],
            other => panic!("{other:?}"),
        };
        assert_eq!(broken(b"[1, , \"a\"]"), b", \"a\"]");
        assert_eq!(broken(b"[1 \"a\"]"), b"\"a\"]");
        assert_eq!(broken(b"[1, , 2]"), b", 2]");
        assert_eq!(all(b"\"a\"").0, [(Token::Text("a".into()), &b"\"a\""[..])]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "a million brackets take Miri hours")]
    fn nesting_costs_no_stack() {
        let deep = "[".repeat(10_000);
        assert_eq!(all(deep.as_bytes()).0.len(), 10_000);
        let deepest = "[".repeat(1_000_000);
        assert!(all(deepest.as_bytes()).0.len() < 70_000);
    }
}
