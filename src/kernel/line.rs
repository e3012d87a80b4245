// SPDX-License-Identifier: GPL-2.0-or-later
//! A record as one line: columns apart by tabs, or a JSON object. docs/frames.md describes both.

use std::fmt::{self, Display, Write};

use crate::kernel::time::Seconds;
use crate::long_link::fields::DIRECTIONS;
use crate::long_link::record::*;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns apart by tabs, behind a line of headings.
    Text,
    /// An object in each line.
    Json,
}

/// A value of a line.
enum Value<'a> {
    Nothing,
    Number(u32),
    /// Written with nine decimals.
    Seconds(Seconds),
    Text(&'a str),
    /// Texts apart by commas.
    List(&'a str),
}

/// A record and its texts.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The record.
    pub record: &'a Record,
    /// What lies at its `texts`.
    pub texts: &'a [u8],
}

impl<'a> Frame<'a> {
    fn text(&self, at: u32) -> &'a str {
        let bytes = self.texts.get(at as usize..).unwrap_or_default();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        std::str::from_utf8(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
    }
}

/// A column: its heading, and what stands in it.
type Column = (&'static str, for<'a> fn(Frame<'a>) -> Value<'a>);

/// The columns. Further ones come behind the last.
const COLUMNS: &[Column] = &[
    ("frame", |frame| Value::Number(frame.record.packet)),
    ("stream", |frame| Value::Number(frame.record.stream)),
    ("direction", |frame| Value::Text(direction(frame.record))),
    ("time", |frame| Value::Seconds(frame.record.time().into())),
    ("operation", |frame| Value::Number(frame.record.operation)),
    ("name", |frame| text(frame.text(frame.record.name))),
    ("kind", |frame| Value::Text(frame.record.kind().label())),
    ("seqid", |frame| Value::Number(frame.record.seq)),
    ("packet_len", |frame| Value::Number(frame.record.packet_len)),
    ("head_len", |frame| Value::Number(frame.record.head_len.into())),
    ("body_len", |frame| Value::Number(frame.record.body_len)),
    ("partner", |frame| match frame.record.partner {
        0 => Value::Nothing,
        packet => Value::Number(packet),
    }),
    ("response_time", |frame| elapsed(frame.record, WECHAT_RECORD_RESPONDS)),
    ("ack_time", |frame| elapsed(frame.record, WECHAT_RECORD_ACKNOWLEDGES)),
    ("notes", |frame| Value::List(frame.text(frame.record.notes))),
];

fn direction(record: &Record) -> &'static str {
    let known = DIRECTIONS.iter().find(|(sender, _)| *sender == u32::from(record.sender));
    known.and_then(|(_, words)| words.to_str().ok()).unwrap_or("unknown")
}

fn text(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Nothing } else { Value::Text(text) }
}

fn elapsed(record: &Record, flag: u32) -> Value<'static> {
    if record.has(flag) { Value::Seconds(record.elapsed.into()) } else { Value::Nothing }
}

/// A text in JSON's quotes. Texts hold no control characters.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_char('"')?;
        let mut parts = self.0.split_inclusive(['"', '\\']);
        parts.try_for_each(|part| match part.strip_suffix(['"', '\\']) {
            None => out.write_str(part),
            Some(before) => write!(out, "{before}\\{}", part.get(before.len()..).unwrap_or_default()),
        })?;
        out.write_char('"')
    }
}

/// The line in front of all others, if the format has one.
pub fn heading(format: Format, line: &mut String) {
    if format == Format::Text {
        for (place, (heading, _)) in COLUMNS.iter().enumerate() {
            line.push_str(if place == 0 { "" } else { "\t" });
            line.push_str(heading);
        }
        line.push('\n');
    }
}

/// Adds the line of a frame.
pub fn add(format: Format, frame: Frame<'_>, line: &mut String) {
    // Writing to a text does not fail.
    let _ = match format {
        Format::Text => add_text(frame, line),
        Format::Json => add_json(frame, line),
    };
}

fn add_text(frame: Frame<'_>, line: &mut String) -> fmt::Result {
    for (place, (_, value)) in COLUMNS.iter().enumerate() {
        line.push_str(if place == 0 { "" } else { "\t" });
        match value(frame) {
            Value::Nothing => {}
            Value::Number(number) => write!(line, "{number}")?,
            Value::Seconds(seconds) => write!(line, "{seconds}")?,
            Value::Text(text) | Value::List(text) => line.push_str(text),
        }
    }
    line.push('\n');
    Ok(())
}

fn add_json(frame: Frame<'_>, line: &mut String) -> fmt::Result {
    for (place, (heading, value)) in COLUMNS.iter().enumerate() {
        write!(line, "{}\"{heading}\":", if place == 0 { '{' } else { ',' })?;
        match value(frame) {
            Value::Nothing => line.push_str("null"),
            Value::Number(number) => write!(line, "{number}")?,
            Value::Seconds(seconds) => write!(line, "{seconds}")?,
            Value::Text(text) => write!(line, "{}", Quoted(text))?,
            Value::List(texts) => {
                line.push('[');
                for (place, text) in texts.split(',').filter(|text| !text.is_empty()).enumerate() {
                    write!(line, "{}{}", if place == 0 { "" } else { "," }, Quoted(text))?;
                }
                line.push(']');
            }
        }
    }
    line.push_str("}\n");
    Ok(())
}

/// Takes the words behind the command apart: `,json` asks for JSON, what follows is a display filter.
/// The result is the format, and the rest from which on the filter stands, if there is one.
pub fn arguments(words: &str) -> (Format, Option<&str>) {
    let words = words.strip_prefix(',').unwrap_or(words);
    let (format, rest) = match words.strip_prefix("json") {
        Some("") => (Format::Json, ""),
        Some(rest) if rest.starts_with(',') => (Format::Json, rest.trim_start_matches(',')),
        _ => (Format::Text, words),
    };
    (format, Some(rest).filter(|filter| !filter.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_json() {
        for text in ["", "plain", "a\"b\\c", "\\", "\"", "\"\"", "größer"] {
            let read: String = serde_json::from_str(&Quoted(text).to_string()).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn json_may_be_asked_for_and_a_filter_may_follow() {
        assert_eq!(arguments(""), (Format::Text, None));
        assert_eq!(arguments(",json"), (Format::Json, None));
        assert_eq!(arguments(",tcp"), (Format::Text, Some("tcp")));
        assert_eq!(arguments(",json,tcp"), (Format::Json, Some("tcp")));
        assert_eq!(arguments(",json.object"), (Format::Text, Some("json.object")));
    }
}
