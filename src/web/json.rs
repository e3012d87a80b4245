// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON as tokens, each with the bytes it was read from.
//!
//! `json-event-parser` does the parsing. It hands out one event after the other, so that what stands
//! before an error is there all the same, says how many bytes each took, keeps its stack on the heap,
//! copies a text only where an escape makes it another one, and depends on nothing. `serde_json` tells
//! no offsets and gives nothing at all of what is cut short; `struson` tells offsets, but reads through
//! a buffer of its own and stops at a text that is no UTF-8.

use std::borrow::Cow;
use std::ops::Range;

use json_event_parser::{JsonEvent, LowLevelJsonParser};

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
    /// Digits as they stand.
    Number(Cow<'a, str>),
    /// `true`, `false`
    Bool(bool),
    /// `null`
    Null,
}

/// A fault, and the bytes to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A sentence.
    pub words: String,
    /// Bytes of the document.
    pub at: Range<usize>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A token and its bytes, quotes included; a text that JSON does not allow comes with the reason, read
    /// as well as it can be.
    Token(Token<'a>, Range<usize>, Option<Fault>),
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
    /// Bytes that the parser was given and that are not the document's.
    made_up: usize,
    over: bool,
}

/// Stands in for a text that the parser refuses, so that it goes on behind it.
const STAND_IN: &[u8] = b"\"\"";
/// Length of half a pair of escapes, `\ud83d`.
const HALF: usize = 6;
/// As deep as a document may be nested; it costs a byte for each.
const DEEPEST: usize = 32_768;

impl<'a> Reader<'a> {
    /// Begins a document.
    pub fn new(data: &'a [u8]) -> Self {
        let parser = LowLevelJsonParser::new().with_max_stack_size(DEEPEST);
        Self { data, at: 0, parser, made_up: 0, over: false }
    }

    /// The next token.
    pub fn read(&mut self) -> Next<'a> {
        if self.over {
            return Next::Whole;
        }
        let rest = self.data.get(self.at..).unwrap_or_default();
        let result = self.parser.parse_next(rest, true);
        let end = self.at.saturating_add(result.consumed_bytes).min(self.data.len());
        let start = self.begin(self.at, end);
        self.at = end;
        match result.event {
            Some(Ok(event)) => match token(event) {
                Some(token) => Next::Token(token, start..end, None),
                None => self.end(Next::Whole),
            },
            // With all bytes given, the parser always has an event.
            None => self.end(Next::Whole),
            Some(Err(error)) => {
                let place = |offset: u64| {
                    let offset = usize::try_from(offset).unwrap_or(usize::MAX).saturating_sub(self.made_up);
                    offset.min(self.data.len())
                };
                let location = error.location();
                let (from, to) = (place(location.start.offset), place(location.end.offset));
                let fault = Fault { words: error.message().to_owned(), at: from..to.max(from) };
                self.recover(start..end, fault)
            }
        }
    }

    /// Behind an error: reads a text that is not as it should be, or gives up.
    fn recover(&mut self, whole: Range<usize>, fault: Fault) -> Next<'a> {
        let bytes = self.data.get(whole.clone()).unwrap_or_default();
        let mut fault = fault;
        let (whole, bytes) = match text_length(bytes) {
            // Half a pair of escapes makes the parser take what stands behind the text for the other half.
            Some(length) if length < bytes.len() => {
                self.made_up = self.made_up.saturating_add(bytes.len().saturating_sub(length));
                self.at = whole.start.saturating_add(length);
                let quote = self.at.saturating_sub(1);
                let last = quote.saturating_sub(HALF).max(whole.start.saturating_add(1));
                fault.at = fault.at.start.min(last)..fault.at.end.min(quote);
                (whole.start..self.at, bytes.get(..length).unwrap_or_default())
            }
            _ => (whole, bytes),
        };
        // An error inside of a text leaves the parser where it was; one in the order of tokens does not.
        let inside = fault.at.start > whole.start && fault.at.end < whole.end;
        if let (true, [b'"', text @ .., b'"']) = (inside, bytes) {
            let text = String::from_utf8_lossy(text);
            let stand_in = self.parser.parse_next(STAND_IN, false);
            self.made_up = self.made_up.saturating_add(stand_in.consumed_bytes);
            match stand_in.event {
                Some(Ok(JsonEvent::ObjectKey(_))) => {
                    return Next::Token(Token::Name(text), whole, Some(fault));
                }
                Some(Ok(JsonEvent::String(_))) => return Next::Token(Token::Text(text), whole, Some(fault)),
                _ => {}
            }
        }
        let rest = self.data.get(whole.end..).unwrap_or_default();
        if whole.is_empty() && is_cut(rest) {
            return self.end(Next::Cut(whole.start));
        }
        self.end(Next::Broken(Fault { at: whole.start.min(fault.at.start)..self.data.len(), ..fault }))
    }

    fn end(&mut self, next: Next<'a>) -> Next<'a> {
        self.over = true;
        next
    }

    /// Where a token begins among bytes that the parser took: behind blanks and what parts tokens.
    fn begin(&self, from: usize, end: usize) -> usize {
        let bytes = self.data.get(from..end).unwrap_or_default();
        let mark = if from == 0 && bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let blank = bytes.iter().skip(mark).take_while(|byte| b" \t\r\n,:".contains(byte)).count();
        from.saturating_add(mark).saturating_add(blank).min(end)
    }
}

/// Length of the text with which bytes begin, quotes included.
fn text_length(bytes: &[u8]) -> Option<usize> {
    let (b'"', text) = bytes.split_first()? else { return None };
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    end.checked_add(2)
}

/// Whether the bytes that the parser left at the end of a document begin a token, or are none.
fn is_cut(bytes: &[u8]) -> bool {
    match bytes.first() {
        None | Some(b'"' | b'-' | b'0'..=b'9') => true,
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
        let blamed: Vec<&[u8]> = faults.iter().map(|fault| &data[fault.at.clone()]).collect();
        assert_eq!(blamed, [&b"\xff"[..], b"\xfe", b"\\q", b"\n", b"\xf0"], "{faults:?}");
    }

    #[test]
    fn half_a_pair_of_escapes_takes_nothing_of_what_follows() {
        for half in ["\\ud83d", "\\ud83d\\u00", "x\\ud83dxyz"] {
            let data = format!("{{\"a\":\"{half}\",\"b\":\"\\q\",\"c\":1}}");
            let (tokens, faults, last) = all(data.as_bytes());
            assert_eq!((tokens.len(), last), (8, Next::Whole), "{data}: {tokens:?}");
            let blamed: Vec<&str> = faults.iter().map(|fault| &data[fault.at.clone()]).collect();
            assert!(
                matches!(blamed[..], [first, "\\q"] if !first.is_empty() && half.contains(first)),
                "{blamed:?}"
            );
        }
    }

    #[test]
    fn what_is_cut_short_is_told_from_what_is_broken() {
        for cut in ["{", "{\"a\"", "{\"a\":\"te", "{\"a\":tr", "[1,2", "[1,", "{\"a\":1.", "[\"\\u12", "[-"] {
            assert!(matches!(all(cut.as_bytes()).2, Next::Cut(_)), "{cut}: {:?}", all(cut.as_bytes()).2);
        }
        for broken in ["{]", "[1 2]", "<html>", "{\"a\":1}}", "{\"a\" 1}", "[1,]", "{a:1}"] {
            assert!(matches!(all(broken.as_bytes()).2, Next::Broken(_)), "{broken}");
        }
        assert_eq!(all(b"[1,\"cut").0.len(), 2);
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
