// SPDX-License-Identifier: GPL-2.0-or-later
//! The SyncKey of the phone: `{ 1: count, 2: [ { 1: key, 2: value } ] }` as a protobuf.

use std::fmt;
use std::ops::Range;

use crate::kernel::reader::Reader;
use crate::kernel::report::{Report, Words};
use crate::wechat::fields::{S, SN};
use crate::wechat::keys::{Change, Growth};
use crate::wechat::protobuf::{Fault, Wire, next};

/// More entries than any client has; those behind it are counted, not shown.
const MOST_SHOWN: usize = 1000;

/// Key whose value is a time.
pub(crate) const KEY_TIME: u64 = 201;
/// Key of messages.
pub(crate) const KEY_MESSAGES: u64 = 2;

fn complain(report: &mut Report, reader: &Reader<'_>, fault: Fault) {
    match fault {
        Fault::Varint(what, error) => reader.bad_varint(report, what, error),
        Fault::WireType(wire) => {
            report.note(
                SN::SYNCKEY_MALFORMED,
                reader.rest(),
                format_args!("a field has the wire type {wire}"),
            );
        }
        Fault::Short(length) => reader.short(report, "a field of the SyncKey", length),
    }
}

/// Adds the keys and values of a SyncKey to `keys`, as far as it can be read.
pub fn read(mut reader: Reader<'_>, keys: &mut Vec<(u64, u64)>) {
    while let Ok((number, wire, _)) = next(&mut reader) {
        match (number, wire) {
            (2, Wire::Bytes(length)) => match reader.sub(length).map(read_entry) {
                Some((Some(key), Some(value))) if keys.len() < MOST_SHOWN => keys.push((key, value)),
                Some(_) => {}
                None => return,
            },
            (_, Wire::Varint(_)) => {}
            (_, Wire::Bytes(length) | Wire::Fixed(length)) => {
                if reader.take(length).is_none() {
                    return;
                }
            }
        }
    }
}

/// Key and value of an entry, where it has them.
fn read_entry(mut entry: Reader<'_>) -> (Option<u64>, Option<u64>) {
    let mut found = (None, None);
    while let Ok((number, Wire::Varint(value), _)) = next(&mut entry) {
        match number {
            1 => found.0 = Some(value),
            2 => found.1 = Some(value),
            _ => {}
        }
    }
    found
}

/// How far a key has come since the SyncKey before.
#[derive(Clone, Copy)]
pub(crate) struct Step(pub u64, pub Change);

impl Words for Step {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let Self(key, change) = self;
        let sign = |by: i64| if by < 0 { "-" } else { "+" };
        let unit = if key == KEY_TIME { " s" } else { "" };
        match change {
            Change::New => out.write_str("new"),
            Change::By(0) => out.write_str("+0"),
            Change::By(by) => [sign(by), itoa::Buffer::new().format(by.unsigned_abs()), unit].write(out),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out)
    }
}

/// What a SyncKey says that the one before did not.
#[derive(Clone, Copy)]
pub(crate) struct Steps<'a>(pub Option<&'a Growth>);

impl Words for Steps<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        const MOST_NAMED: usize = 8;
        let Some(growth) = self.0 else { return Ok(()) };
        let mut changes = growth.changes();
        let named = changes.by_ref().take(MOST_NAMED).enumerate();
        for (index, (key, change)) in named {
            let comma = if index == 0 { ": " } else { ", " };
            [comma, "key ", itoa::Buffer::new().format(key), " "].write(out)?;
            Step(key, change).write(out)?;
        }
        match (changes.count(), growth.changes().next()) {
            (_, None) => out.write_str(": no key changed"),
            (0, _) => Ok(()),
            (more, _) => write!(out, " and {more} more"),
        }
    }
}

impl fmt::Display for Steps<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out)
    }
}

/// What an entry says behind its name.
#[derive(Clone, Copy)]
struct Entry(u64, u64, Option<Step>);

impl Words for Entry {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let Self(key, value, step) = self;
        [": key ", itoa::Buffer::new().format(key), " = ", itoa::Buffer::new().format(value)].write(out)?;
        let Some(step) = step else { return Ok(()) };
        out.write_str(" (")?;
        step.write(out)?;
        out.write_str(")")
    }
}

/// Shows all that is left in `reader` as a SyncKey, and how it grew since the one before.
pub fn show(report: &mut Report, reader: &mut Reader<'_>, growth: Option<&Growth>) {
    if reader.left() == 0 {
        return;
    }
    let mut left = itoa::Buffer::new();
    let words = (" (", (left.format(reader.left()), (" bytes)", Steps(growth))));
    report.subtree(S::SYNCKEY, reader.rest(), words, |report| {
        let mut count = None;
        let mut entries = 0u64;
        while reader.left() > 0 {
            match member(report, reader, &mut count, &mut entries, growth) {
                Ok(()) => {}
                Err(fault) => return complain(report, reader, fault),
            }
        }
        if let Some((count, at)) = count
            && count != entries
        {
            let words = format_args!("the SyncKey says it holds {count} keys, it holds {entries}");
            report.note(SN::SYNCKEY_COUNT_WRONG, at, words);
        }
    });
}

type Count = Option<(u64, Range<usize>)>;

fn member(
    report: &mut Report,
    reader: &mut Reader<'_>,
    count: &mut Count,
    entries: &mut u64,
    growth: Option<&Growth>,
) -> Result<(), Fault> {
    let (number, wire, at) = next(reader)?;
    match (number, wire) {
        (1, Wire::Varint(value)) => {
            report.decoded(S::SYNCKEY_COUNT, at.clone(), value, "");
            *count = Some((value, at));
        }
        (2, Wire::Bytes(length)) => {
            let entry = reader.sub(length).ok_or(Fault::Short(length))?;
            *entries = entries.saturating_add(1);
            if *entries <= MOST_SHOWN as u64 {
                show_entry(report, entry, at.start, growth);
            }
        }
        (_, Wire::Varint(_)) => report.wire(S::SYNCKEY_OTHER, at),
        (_, Wire::Bytes(length) | Wire::Fixed(length)) => {
            let body = reader.take(length).ok_or(Fault::Short(length))?;
            report.wire(S::SYNCKEY_OTHER, at.start..body.end);
        }
    }
    Ok(())
}

/// What a key is known to count.
pub(crate) fn meaning(key: u64) -> &'static str {
    match key {
        KEY_MESSAGES => " (messages)",
        KEY_TIME => " (unix time)",
        _ => "",
    }
}

fn show_entry(report: &mut Report, entry: Reader<'_>, start: usize, growth: Option<&Growth>) {
    let all = start..entry.rest().end;
    // A first reading finds the label, so that a closed entry shows its key and value.
    let found = read_entry(entry.clone());
    let change = found.0.zip(growth).map(|(key, growth)| Step(key, growth.of(key)));
    let children = |report: &mut Report| {
        let mut entry = entry;
        while entry.left() > 0 {
            let (number, wire, at) = match next(&mut entry) {
                Ok(member) => member,
                Err(fault) => return complain(report, &entry, fault),
            };
            match (number, wire) {
                (1, Wire::Varint(key)) => report.decoded(S::SYNCKEY_KEY, at, key, meaning(key)),
                (2, Wire::Varint(value)) => report.decoded(S::SYNCKEY_VALUE, at, value, ""),
                (_, Wire::Varint(_)) => report.wire(S::SYNCKEY_OTHER, at),
                (_, Wire::Bytes(length) | Wire::Fixed(length)) => match entry.take(length) {
                    Some(body) => report.wire(S::SYNCKEY_OTHER, at.start..body.end),
                    None => return complain(report, &entry, Fault::Short(length)),
                },
            }
        }
    };
    let (Some(key), Some(value)) = found else {
        return report.subtree(S::SYNCKEY_ENTRY, all, "", children);
    };
    report.subtree(S::SYNCKEY_ENTRY, all.clone(), Entry(key, value, change), |report| {
        children(report);
        let Some(Step(_, Change::By(by))) = change else { return };
        report.generated(S::SYNCKEY_DELTA, all.clone(), by as u64);
        if by < 0 {
            let words = format_args!("key {key} went back by {}", by.unsigned_abs());
            report.note(SN::SYNCKEY_WENT_BACK, all.clone(), words);
        }
    });
}
