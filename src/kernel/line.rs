// SPDX-License-Identifier: GPL-2.0-or-later
//! A record as one line: columns apart by tabs, or a JSON object. docs/frames.md describes both.

use std::ffi::CStr;
use std::fmt::{self, Display, Write};

use super::record::View;
use super::time::Seconds;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns apart by tabs, behind a line of headings.
    Text,
    /// An object in each line.
    Json,
}

/// A value of a line.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// There is none.
    Nothing,
    /// A number.
    Number(u64),
    /// Written with nine decimals.
    Seconds(Seconds),
    /// A text; empty is none.
    Text(&'a str),
    /// Texts apart by commas.
    List(&'a str),
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// What stands in it.
    pub value: for<'a> fn(View<'a>) -> Value<'a>,
}

/// Records as lines.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// What they are called in menus.
    pub title: &'static CStr,
    /// The word that asks for them, behind the protocol's name and a comma.
    pub command: &'static CStr,
    /// The columns. Further ones come behind the last.
    pub columns: &'static [Column],
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
pub fn heading(format: Format, columns: &[Column], line: &mut String) {
    if format == Format::Text {
        for (place, column) in columns.iter().enumerate() {
            line.push_str(if place == 0 { "" } else { "\t" });
            line.push_str(column.name);
        }
        line.push('\n');
    }
}

/// Adds the line of a record.
pub fn add(format: Format, columns: &[Column], record: View<'_>, line: &mut String) {
    // Writing to a text does not fail.
    let _ = match format {
        Format::Text => add_text(columns, record, line),
        Format::Json => add_json(columns, record, line),
    };
}

fn add_text(columns: &[Column], record: View<'_>, line: &mut String) -> fmt::Result {
    for (place, column) in columns.iter().enumerate() {
        line.push_str(if place == 0 { "" } else { "\t" });
        match (column.value)(record) {
            Value::Nothing => {}
            Value::Number(number) => line.push_str(itoa::Buffer::new().format(number)),
            Value::Seconds(seconds) => write!(line, "{seconds}")?,
            Value::Text(text) | Value::List(text) => line.push_str(text),
        }
    }
    line.push('\n');
    Ok(())
}

fn add_json(columns: &[Column], record: View<'_>, line: &mut String) -> fmt::Result {
    for (place, column) in columns.iter().enumerate() {
        write!(line, "{}\"{}\":", if place == 0 { '{' } else { ',' }, column.name)?;
        match (column.value)(record) {
            Value::Nothing | Value::Text("") => line.push_str("null"),
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
