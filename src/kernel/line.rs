// SPDX-License-Identifier: GPL-2.0-or-later
//! Records as lines: columns apart by tabs, or a JSON object. docs/frames.md describes both.
//!
//! A line is of one record, and written as it comes; or of all records with the same key, and written at the end.

use std::ffi::CStr;
use std::fmt::{self, Display, Write};
use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt as _};

use super::record::View;
use super::time::{Seconds, Time};

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns apart by tabs, behind a line of headings.
    Text,
    /// An object in each line.
    Json,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    /// A number.
    Number(fn(View<'_>) -> Option<u64>),
    /// A number that may be below zero.
    Signed(fn(View<'_>) -> Option<i64>),
    /// Written with nine decimals.
    Seconds(fn(View<'_>) -> Option<Seconds>),
    /// A yes or a no.
    Mark(fn(View<'_>) -> Option<bool>),
    /// An address.
    Address(fn(View<'_>) -> Option<IpAddr>),
    /// One of a few words; empty is none.
    Word(fn(View<'_>) -> &'static str),
    /// A text; empty is none.
    Text(for<'a> fn(View<'a>) -> &'a str),
    /// Texts apart by commas.
    List(for<'a> fn(View<'a>) -> &'a str),
    /// How many lines say the same in the column of this name, of those that say anything there.
    Alike(&'static str),
}

/// What a line of several records says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// What the first record says that says anything.
    First,
    /// What the last one says.
    Last,
    /// All of them together; of texts apart by commas, each once.
    Sum,
    /// Of seconds, the last less the first.
    Span,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// What stands in it, for the documentation.
    pub help: &'static str,
    /// The same, of a record.
    pub cell: Cell,
    /// And of several.
    pub fold: Fold,
}

impl Column {
    /// A column; of several records it has what the first says.
    pub const fn new(name: &'static str, cell: Cell, help: &'static str) -> Self {
        Self { name, help, cell, fold: Fold::First }
    }

    /// The same with what several say.
    pub const fn fold(self, fold: Fold) -> Self {
        Self { fold, ..self }
    }
}

/// Version of the columns of all lines; it rises when one goes or changes its meaning.
pub const VERSION: u32 = 1;

/// Records as lines.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// What they are called in menus.
    pub title: &'static CStr,
    /// The word that asks for them, behind the protocol's name and a comma.
    pub command: &'static CStr,
    /// The columns. Further ones come behind the last.
    pub columns: &'static [Column],
    /// Records with the same key share a line; without one each has its own.
    pub key: Option<fn(View<'_>) -> u64>,
}

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    Nothing,
    Number(u64),
    Signed(i64),
    Seconds(Time),
    Mark(bool),
    Address(IpAddr),
    Word(&'static str),
    Text(&'a str),
    List(&'a str),
}

impl Cell {
    fn value<'a>(&self, record: View<'a>) -> Value<'a> {
        let or = |value: Option<Value<'a>>| value.unwrap_or(Value::Nothing);
        match self {
            Self::Number(number) => or(number(record).map(Value::Number)),
            Self::Signed(number) => or(number(record).map(Value::Signed)),
            Self::Seconds(seconds) => or(seconds(record).map(|seconds| Value::Seconds(seconds.into()))),
            Self::Mark(mark) => or(mark(record).map(Value::Mark)),
            Self::Address(address) => or(address(record).map(Value::Address)),
            Self::Word(word) => Value::Word(word(record)),
            Self::Text(text) => Value::Text(text(record)),
            Self::List(list) => Value::List(list(record)),
            Self::Alike(_) => Value::Nothing,
        }
    }
}

/// What a cell of a line has gathered so far.
#[derive(Clone, Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    Number(u64),
    Signed(i64),
    /// In halves, which take less room.
    Seconds(i64, u64),
    Mark(bool),
    Address(IpAddr),
    Word(&'static str),
    Text(Box<str>),
    List(Box<str>),
    /// The first, and nanoseconds from there to the last.
    Span(Box<(Time, i64)>),
}

const _: () = assert!(size_of::<Kept>() <= 24, "there is one for each column of each line");

impl Kept {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Nothing | Value::Word("") | Value::Text("") => Self::Nothing,
            Value::Number(number) => Self::Number(number),
            Value::Signed(number) => Self::Signed(number),
            Value::Seconds(time) => {
                let (upper, lower) = time.halves();
                Self::Seconds(upper, lower)
            }
            Value::Mark(mark) => Self::Mark(mark),
            Value::Address(address) => Self::Address(address),
            Value::Word(word) => Self::Word(word),
            Value::Text(text) => Self::Text(text.into()),
            Value::List(list) => Self::List(list.into()),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Nothing => Value::Nothing,
            Self::Number(number) => Value::Number(*number),
            Self::Signed(number) => Value::Signed(*number),
            Self::Seconds(upper, lower) => Value::Seconds(Time::from_halves(*upper, *lower)),
            Self::Mark(mark) => Value::Mark(*mark),
            Self::Address(address) => Value::Address(*address),
            Self::Word(word) => Value::Word(word),
            Self::Text(text) => Value::Text(text),
            Self::List(list) => Value::List(list),
            Self::Span(span) => Value::Seconds(Time::from_nanoseconds(span.1)),
        }
    }

    /// Takes in what one more record says.
    fn add(&mut self, fold: Fold, value: Value<'_>) {
        match (fold, &mut *self, value) {
            (_, _, Value::Nothing | Value::Word("") | Value::Text("")) => {}
            (Fold::Sum, Self::Number(sum), Value::Number(more)) => *sum = sum.saturating_add(more),
            (Fold::Sum, Self::List(all), Value::List(more)) => {
                let has = |one: &&str| all.split(',').any(|other| other == *one);
                let new: Vec<&str> = more.split(',').filter(|one| !one.is_empty() && !has(one)).collect();
                if !new.is_empty() {
                    let before = all.split(',').filter(|one| !one.is_empty());
                    *all = before.chain(new).collect::<Vec<_>>().join(",").into();
                }
            }
            (Fold::Span, Self::Span(span), Value::Seconds(last)) => span.1 = last.since(span.0),
            (Fold::Span, Self::Nothing, Value::Seconds(first)) => *self = Self::Span(Box::new((first, 0))),
            (Fold::Last, kept, value) if kept.value() != value => *self = Self::of(value),
            (Fold::First | Fold::Sum, Self::Nothing, value) => *self = Self::of(value),
            _ => {}
        }
    }
}

/// Writes records as lines.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    lines: Lines,
    /// What lines of several records have gathered, in the order of their first ones.
    gathered: Vec<Box<[Kept]>>,
    /// By their keys.
    places: HashMap<u64, usize>,
}

impl Writer {
    /// A writer that has written nothing.
    pub fn new(format: Format, lines: Lines) -> Self {
        Self { format, lines, gathered: Vec::new(), places: HashMap::new() }
    }

    /// Adds the line in front of all others, if the format has one.
    pub fn heading(&self, out: &mut String) {
        if self.format == Format::Text {
            for (place, column) in self.lines.columns.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "\t" });
                out.push_str(column.name);
            }
            out.push('\n');
        }
    }

    /// Adds the line of a record, or gathers it.
    pub fn record(&mut self, record: View<'_>, out: &mut String) {
        let columns = self.lines.columns;
        let Some(key) = self.lines.key else {
            return line(self.format, columns, columns.iter().map(|column| column.cell.value(record)), out);
        };
        let next = self.gathered.len();
        let place = *self.places.entry(key(record)).or_insert(next);
        if place == next {
            self.gathered.push(columns.iter().map(|_| Kept::Nothing).collect());
        }
        let Some(kept) = self.gathered.get_mut(place) else { return };
        for (kept, column) in kept.iter_mut().zip(columns) {
            kept.add(column.fold, column.cell.value(record));
        }
    }

    /// Adds the lines that were gathered.
    pub fn end(&mut self, out: &mut String) {
        let columns = self.lines.columns;
        let gathered = std::mem::take(&mut self.gathered);
        self.places.clear();
        let alike: Vec<_> = columns.iter().map(|column| Alike::of(column.cell, columns, &gathered)).collect();
        for kept in &gathered {
            let values = kept.iter().zip(&alike).map(|(one, alike)| match alike {
                Some(alike) => alike.value(kept),
                None => one.value(),
            });
            line(self.format, columns, values, out);
        }
    }
}

/// How many lines say what in a column.
struct Alike<'a> {
    place: usize,
    counts: HashMap<&'a str, u64>,
}

impl<'a> Alike<'a> {
    fn of(cell: Cell, columns: &[Column], lines: &'a [Box<[Kept]>]) -> Option<Self> {
        let Cell::Alike(name) = cell else { return None };
        let place = columns.iter().position(|column| column.name == name)?;
        let mut counts = HashMap::new();
        for line in lines {
            if let Some(Kept::Text(text)) = line.get(place) {
                let count = counts.entry(&**text).or_insert(0u64);
                *count = count.saturating_add(1);
            }
        }
        Some(Self { place, counts })
    }

    fn value(&self, line: &[Kept]) -> Value<'static> {
        let Some(Kept::Text(text)) = line.get(self.place) else { return Value::Nothing };
        self.counts.get(&**text).map_or(Value::Nothing, |count| Value::Number(*count))
    }
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

fn line<'a>(format: Format, columns: &[Column], values: impl Iterator<Item = Value<'a>>, out: &mut String) {
    for (place, (column, value)) in columns.iter().zip(values).enumerate() {
        // Writing to a text does not fail.
        let _ = match format {
            Format::Text => add_text(place, value, out),
            Format::Json => add_json(place, column.name, value, out),
        };
    }
    out.push_str(if format == Format::Json { "}\n" } else { "\n" });
}

fn add_text(place: usize, value: Value<'_>, out: &mut String) -> fmt::Result {
    out.push_str(if place == 0 { "" } else { "\t" });
    match value {
        Value::Nothing => Ok(()),
        Value::Text(text) | Value::List(text) | Value::Word(text) => out.write_str(text),
        Value::Address(address) => add_address(address, out),
        value => add_plain(value, out),
    }
}

fn add_json(place: usize, name: &str, value: Value<'_>, out: &mut String) -> fmt::Result {
    out.push_str(if place == 0 { "{\"" } else { ",\"" });
    out.push_str(name);
    out.push_str("\":");
    match value {
        Value::Nothing | Value::Text("") | Value::Word("") => out.write_str("null"),
        Value::Text(text) => write!(out, "{}", Quoted(text)),
        Value::Word(word) => write!(out, "{}", Quoted(word)),
        Value::Address(address) => {
            out.push('"');
            add_address(address, out)?;
            out.write_char('"')
        }
        Value::List(texts) => {
            out.push('[');
            for (place, text) in texts.split(',').filter(|text| !text.is_empty()).enumerate() {
                write!(out, "{}{}", if place == 0 { "" } else { "," }, Quoted(text))?;
            }
            out.write_char(']')
        }
        value => add_plain(value, out),
    }
}

/// What both forms write alike.
fn add_plain(value: Value<'_>, out: &mut String) -> fmt::Result {
    match value {
        Value::Number(number) => out.write_str(itoa::Buffer::new().format(number)),
        Value::Signed(number) => out.write_str(itoa::Buffer::new().format(number)),
        Value::Seconds(time) => write!(out, "{}", Seconds::from(time)),
        Value::Mark(mark) => out.write_str(if mark { "true" } else { "false" }),
        _ => Ok(()),
    }
}

/// Numbers of four parts are nearly all, and `Display` takes its time over them.
fn add_address(address: IpAddr, out: &mut String) -> fmt::Result {
    let IpAddr::V4(four) = address else { return write!(out, "{address}") };
    for (place, part) in four.octets().into_iter().enumerate() {
        out.push_str(if place == 0 { "" } else { "." });
        out.push_str(itoa::Buffer::new().format(part));
    }
    Ok(())
}

/// Takes the words behind the command apart: `,json` asks for JSON, what follows a comma is a display filter.
/// The result is the format, and the rest from which on the filter stands, if there is one. `None` when the words do
/// not begin with a comma: they are then of another command.
pub fn arguments(words: &str) -> Option<(Format, Option<&str>)> {
    let words = if words.is_empty() { words } else { words.strip_prefix(',')? };
    let (format, rest) = match words.strip_prefix("json") {
        Some("") => (Format::Json, ""),
        Some(rest) if rest.starts_with(',') => (Format::Json, rest.trim_start_matches(',')),
        _ => (Format::Text, words),
    };
    Some((format, Some(rest).filter(|filter| !filter.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::record::End;

    #[test]
    fn quoted_texts_are_json() {
        for text in ["", "plain", "a\"b\\c", "\\", "\"", "\"\"", "größer"] {
            let read: String = serde_json::from_str(&Quoted(text).to_string()).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn json_may_be_asked_for_and_a_filter_may_follow() {
        assert_eq!(arguments(""), Some((Format::Text, None)));
        assert_eq!(arguments(","), Some((Format::Text, None)));
        assert_eq!(arguments(",json"), Some((Format::Json, None)));
        assert_eq!(arguments(",tcp"), Some((Format::Text, Some("tcp"))));
        assert_eq!(arguments(",json,tcp"), Some((Format::Json, Some("tcp"))));
        assert_eq!(arguments(",json.object"), Some((Format::Text, Some("json.object"))));
        assert_eq!(["s", "json", "s,json", " "].map(arguments), [None; 4]);
    }

    const COLUMNS: &[Column] = &[
        Column::new("key", Cell::Number(|record| Some(record.stream.into())), ""),
        Column::new("first", Cell::Number(|record| Some(record.packet.into())), ""),
        Column::new("last", Cell::Number(|record| Some(record.packet.into())), "").fold(Fold::Last),
        Column::new("sum", Cell::Number(|record| record.value(0)), "").fold(Fold::Sum),
        Column::new("since", Cell::Seconds(|record| Some(record.time.into())), "").fold(Fold::Span),
        Column::new("below", Cell::Signed(|record| record.signed(0).map(|one| -one)), "").fold(Fold::Last),
        Column::new("mark", Cell::Mark(|record| record.has(0).then_some(record.number(0) == 1)), ""),
        Column::new("from", Cell::Address(|record| record.ends[0].address()), ""),
        Column::new("name", Cell::Text(|record| record.text(1)), ""),
        Column::new("names", Cell::Alike("name"), ""),
        Column::new("odd", Cell::Word(|record| if record.packet % 2 == 0 { "" } else { "odd" }), ""),
        Column::new("list", Cell::List(|record| record.text(1)), "").fold(Fold::Last),
    ];

    /// What is written of records: stream, packet, seconds, and their two values.
    fn written(format: Format, key: Option<fn(View<'_>) -> u64>) -> String {
        let lines = Lines { title: c"", command: c"", columns: COLUMNS, key };
        let mut writer = Writer::new(format, lines);
        let mut out = String::new();
        writer.heading(&mut out);
        const SIX: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        type Told = (u32, u32, i64, Option<u64>, &'static [u8], &'static [u8]);
        let all: [Told; 5] = [
            (7, 1, 10, None, b"", b"\0"),
            (5, 2, 20, Some(1), &[192, 0, 2, 255], b"\0one\0"),
            (7, 3, 9, Some(2), &SIX, b"\0a,b\0"),
            (5, 4, 25, Some(3), b"", b"\0two\0"),
            (9, 5, 30, Some(0), b"", b"\0one\0"),
        ];
        for (stream, packet, seconds, value, address, texts) in all {
            let (has, values) = (u64::from(value.is_some()), [value.unwrap_or(0), 1]);
            let record = View {
                packet,
                stream,
                time: Time::new(seconds, 0),
                ends: [End::new(address, 80), End::default()],
                bytes: &[],
                present: has | 2,
                values: &values,
                texts,
            };
            writer.record(record, &mut out);
        }
        writer.end(&mut out);
        let end = out.len();
        writer.end(&mut out);
        assert_eq!(out.len(), end, "it ends once");
        out
    }

    #[test]
    fn each_record_has_a_line() {
        let text = written(Format::Text, None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "key\tfirst\tlast\tsum\tsince\tbelow\tmark\tfrom\tname\tnames\todd\tlist");
        assert_eq!(lines[1], "7\t1\t1\t\t10.000000000\t\t\t\t\t\todd\t");
        assert_eq!(lines[2], "5\t2\t2\t1\t20.000000000\t-1\ttrue\t192.0.2.255\tone\t\t\tone");
        assert_eq!(lines[3], "7\t3\t3\t2\t9.000000000\t-2\tfalse\t2001:db8::1\ta,b\t\todd\ta,b");
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn records_with_the_same_key_share_a_line() {
        let text = written(Format::Text, Some(|record| record.stream.into()));
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                // What is first is the first that says anything; a clock that was set back is below zero.
                "7\t1\t3\t2\t-1.000000000\t-2\tfalse\t2001:db8::1\ta,b\t1\todd\ta,b",
                "5\t2\t4\t4\t5.000000000\t-3\ttrue\t192.0.2.255\tone\t2\t\ttwo",
                "9\t5\t5\t0\t0.000000000\t0\tfalse\t\tone\t2\todd\tone",
            ]
        );
        let objects = written(Format::Json, Some(|record| record.stream.into()));
        let first: serde_json::Value = serde_json::from_str(objects.lines().next().unwrap()).unwrap();
        assert_eq!(first["from"], "2001:db8::1");
        assert_eq!(first["list"], serde_json::json!(["a", "b"]));
        assert_eq!((&first["mark"], &first["names"]), (&false.into(), &1.into()));
        assert_eq!(objects.lines().count(), 3);
    }
    #[test]
    fn lines_that_are_shared_cost_by_lines_not_by_records() {
        let key: Option<fn(View<'_>) -> u64> = Some(|record| (record.packet % 3).into());
        let mut writer = Writer::new(Format::Text, Lines { title: c"", command: c"", columns: COLUMNS, key });
        let mut out = String::new();
        for packet in 0..10_000 {
            writer.record(
                View {
                    packet,
                    stream: 0,
                    time: Time::default(),
                    ends: [End::default(); 2],
                    bytes: &[],
                    present: 2,
                    values: &[0, 1],
                    texts: b"\0name\0",
                },
                &mut out,
            );
        }
        assert_eq!((writer.gathered.len(), writer.places.len(), out.as_str()), (3, 3, ""));
    }
}
