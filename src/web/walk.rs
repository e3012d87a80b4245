// SPDX-License-Identifier: GPL-2.0-or-later
//! One walk over a JSON body: what it says, and a report of it.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::Range;

use super::fields::{FIELDS, W, WN, message_type};
use super::json::{Next, Reader, Token};
use super::members::{self, Member, ROOT, SYNC_KEY, SYNC_KEY_ENTRY, Sense, Shape, Sort, Take};
use super::session::{Compared, Facts, Gist};
use crate::kernel::report::{Open, Report};
use crate::kernel::rows::{Field, Type, row_of};
use crate::kernel::time::{MILLISECOND, SECOND};
use crate::wechat::keys::Change;
use crate::wechat::secret::Rule;
use crate::wechat::settings::Shared;
use crate::wechat::synckey::{KEY_MESSAGES, KEY_TIME, Step, Steps, meaning};

/// Members that are shown of one body; what epan can hold is far more, but not for each packet.
const MOST_SHOWN: usize = 20_000;
/// Faults that are noted of one body.
const MOST_NOTED: usize = 100;
/// Levels that no answer of WeChat's comes near.
const DEEP: usize = 32;
/// Numbers of messages that are kept of one body.
const MOST_MESSAGES: usize = 10_000;
/// Types of messages that are told apart.
const MOST_TYPES: usize = 40;
/// Keys that are kept of one SyncKey.
const MOST_KEYS: usize = 256;
/// The end of the year 9999, in seconds.
const LAST_SECOND: i64 = 253_402_300_799;

/// The row of a field.
pub fn row(field: u16) -> Option<&'static Field> {
    FIELDS.get(row_of(field))
}

/// A value, and the words to take it from.
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(Cow<'a, str>),
    Other(&'static str),
}

impl Value<'_> {
    fn words(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Other(words) => words,
        }
    }
}

/// A member's name has been read, its value is next.
struct Pending<'a> {
    member: Option<&'static Member>,
    name: Cow<'a, str>,
    at: Range<usize>,
}

impl Pending<'_> {
    fn rule(&self) -> Rule {
        self.member.map_or(Rule::Name, |member| member.take.rule())
    }
}

/// What an object or a list has told so far.
#[derive(Default)]
struct Told {
    /// Of a message.
    id: Option<u64>,
    kind: Option<u32>,
    /// Why the server refused the call.
    refused: Option<(i32, Range<usize>)>,
    /// Of an entry of a SyncKey.
    key: Option<u64>,
    value: Option<(u64, Range<usize>)>,
}

/// An object or a list that has begun.
struct Level {
    shape: Shape,
    /// Of a list, the field of its entries.
    entries: Option<u16>,
    /// The field it is shown by.
    field: u16,
    sort: Option<Sort>,
    open: Option<Open>,
    /// Name of the member that it is the value of.
    name: &'static str,
    /// Entries of a list so far; of an object its place in the list.
    count: u64,
    /// Members that stood here, one bit each.
    stood: u64,
    told: Told,
    /// Counts that were told of lists in this object: list, number, bytes.
    counts: Vec<(u16, u64, Range<usize>)>,
}

/// What begins: an object or a list, and how it is shown.
struct Begun {
    shape: Shape,
    entries: Option<u16>,
    field: u16,
    sort: Option<Sort>,
    name: &'static str,
}

impl Begun {
    fn object(shape: Shape, field: u16) -> Self {
        Self { shape, entries: None, field, sort: None, name: "" }
    }
}

/// A list or an object that nobody knows, or knows as something else, and that is passed over as a whole.
struct Unknown {
    start: usize,
    depth: usize,
    kind: &'static str,
}

/// A walk.
struct Walk<'a, 'b> {
    config: &'b Shared,
    report: Option<(&'b mut Report, Facts<'b>)>,
    gist: &'b mut Gist,
    /// Where the body begins in the report's source.
    base: usize,
    levels: Vec<Level>,
    pending: Option<Pending<'a>>,
    unknown: Option<Unknown>,
    shown: usize,
    noted: usize,
    deep: bool,
}

/// Reads a body: adds what it says to `gist`, and shows it in `report`, in whose source it begins at `base`, with what
/// the session knows.
pub fn walk(
    data: &[u8],
    base: usize,
    config: &Shared,
    gist: &mut Gist,
    report: Option<(&mut Report, Facts<'_>)>,
) {
    let mut walk = Walk {
        config,
        report,
        gist,
        base,
        levels: Vec::new(),
        pending: None,
        unknown: None,
        shown: 0,
        noted: 0,
        deep: false,
    };
    let mut reader = Reader::new(data);
    let whole = 0..data.len();
    loop {
        match reader.read() {
            Next::Token(token, at, faults) => {
                walk.take(token, at);
                for fault in faults {
                    walk.note(WN::BAD_TEXT, fault.at, format_args!("{}", fault.words));
                }
            }
            Next::Whole => break,
            Next::Cut(from) => {
                walk.close_all(data.len());
                let length = data.len();
                let words = format_args!("the JSON ends after {length} bytes, before its end");
                walk.note(WN::CUT_SHORT, from..data.len(), words);
                break;
            }
            Next::Broken(fault) => {
                walk.close_all(fault.at.start);
                walk.note(WN::BAD_JSON, fault.at, format_args!("{}", fault.words));
                break;
            }
        }
    }
    walk.close_all(data.len());
    let shown = walk.shown;
    if shown > MOST_SHOWN {
        let words = format_args!("{MOST_SHOWN} of {shown} members are shown");
        walk.note(WN::NOT_SHOWN, whole, words);
    }
}

impl<'a> Walk<'a, '_> {
    fn take(&mut self, token: Token<'a>, at: Range<usize>) {
        if let Some(unknown) = &mut self.unknown {
            match token {
                Token::Object | Token::Array => unknown.depth = unknown.depth.saturating_add(1),
                Token::End => unknown.depth = unknown.depth.saturating_sub(1),
                _ => {}
            }
            let (depth, start) = (unknown.depth, unknown.start);
            let kind = unknown.kind;
            if depth == 0 {
                self.unknown = None;
                let pending = self.pending.take();
                let whole = start..at.end;
                self.member(pending.as_ref(), &Value::Other("{…}"), whole.clone());
                self.note_type(pending.as_ref(), kind, whole);
            }
            return self.measure(depth, at);
        }
        match token {
            Token::Name(name) => self.name(name, at),
            Token::Object => self.open(at, true),
            Token::Array => self.open(at, false),
            Token::End => self.close(at.end),
            Token::Text(text) => self.value(Value::Text(text), at),
            Token::Cut(text) => self.cut_text(text, at),
            Token::Number(digits) => self.value(Value::Number(digits), at),
            Token::Bool(true) => self.value(Value::Other("true"), at),
            Token::Bool(false) => self.value(Value::Other("false"), at),
            Token::Null => self.value(Value::Other("null"), at),
        }
    }

    /// Notes once that the body is nested as no answer is.
    fn measure(&mut self, inside: usize, at: Range<usize>) {
        if self.levels.len().saturating_add(inside) > DEEP && !std::mem::replace(&mut self.deep, true) {
            self.note(WN::DEEP, at, format_args!("nested {DEEP} deep, and deeper"));
        }
    }

    fn name(&mut self, name: Cow<'a, str>, at: Range<usize>) {
        let Some(level) = self.levels.last_mut() else { return };
        let found = members::find(level.shape, &name);
        if let Some((place, _)) = found {
            let bit = u32::try_from(place).ok().and_then(|place| 1u64.checked_shl(place)).unwrap_or(0);
            let twice = level.stood & bit != 0;
            level.stood |= bit;
            if twice {
                self.note(WN::TWICE, at.clone(), format_args!("{name} stands twice"));
            }
        }
        self.pending = Some(Pending { member: found.map(|(_, member)| member), name, at });
    }

    /// What a value is a value of: the member whose name stands before it.
    fn open(&mut self, at: Range<usize>, object: bool) {
        self.measure(0, at.clone());
        let kind = if object { "an object" } else { "a list" };
        let Some(top) = self.levels.last_mut() else {
            if object {
                return self.push(Begun::object(ROOT, W::BODY), at.start);
            }
            self.unknown = Some(Unknown { start: at.start, depth: 1, kind });
            return;
        };
        if let Some(entry) = top.entries {
            top.count = top.count.saturating_add(1);
            let (shape, count) = (top.shape, top.count);
            if object {
                self.push(Begun::object(shape, entry), at.start);
                if let Some(level) = self.levels.last_mut() {
                    level.count = count;
                }
                return;
            }
        } else if let Some(Pending { member: Some(member), .. }) = &self.pending {
            let begun = match (&member.take, object) {
                (Take::Object(field, shape), true) => Some(Begun::object(shape, *field)),
                (Take::List(field, entry, shape), false) => {
                    Some(Begun { entries: Some(*entry), ..Begun::object(shape, *field) })
                }
                (Take::SyncKey(sort), true) => {
                    let field = if *sort == Sort::Check { W::CHECK_KEY } else { W::SYNCKEY };
                    Some(Begun { sort: Some(*sort), ..Begun::object(SYNC_KEY, field) })
                }
                _ => None,
            };
            if let Some(begun) = begun {
                let name = member.name;
                self.pending = None;
                return self.push(Begun { name, ..begun }, at.start);
            }
        }
        self.unknown = Some(Unknown { start: at.start, depth: 1, kind });
    }

    fn push(&mut self, begun: Begun, start: usize) {
        let Begun { shape, entries, field, sort, name } = begun;
        let place = self.base.saturating_add(start);
        let may = self.may_show();
        let open = self.report.as_mut().filter(|_| may).map(|(report, _)| report.open(field, place));
        if let Some(Some(keys)) =
            sort.map(|sort| self.gist.keys.get_mut(sort as usize).map(|keys| keys.insert(Vec::new())))
        {
            keys.clear();
        }
        self.levels.push(Level {
            shape,
            entries,
            field,
            sort,
            open,
            name,
            count: 0,
            stood: 0,
            told: Told::default(),
            counts: Vec::new(),
        });
    }

    /// Whether one more member may be shown.
    fn may_show(&mut self) -> bool {
        self.shown = self.shown.saturating_add(1);
        self.shown <= MOST_SHOWN
    }

    fn value(&mut self, value: Value<'a>, at: Range<usize>) {
        let pending = self.pending.take();
        if let Some(top) = self.levels.last_mut().filter(|top| top.entries.is_some()) {
            top.count = top.count.saturating_add(1);
        }
        let Some(member) = pending.as_ref().and_then(|pending| pending.member) else {
            self.member(pending.as_ref(), &value, at.clone());
            return self.note_type(pending.as_ref(), kind_of(&value), at);
        };
        let inner = match value {
            // Without the quotes.
            Value::Text(_) => at.start.saturating_add(1)..at.end.saturating_sub(1).max(at.start),
            _ => at.clone(),
        };
        if !self.known(member, &value, inner.clone()) {
            self.member(pending.as_ref(), &value, at);
            // Nothing is no other type.
            if !matches!(value, Value::Other("null")) {
                self.note_type(pending.as_ref(), kind_of(&value), inner);
            }
        }
    }

    /// Shows as much as there is of a text that is cut. Part of a number is another number, and part of a secret
    /// another secret.
    fn cut_text(&mut self, text: Cow<'a, str>, at: Range<usize>) {
        let pending = self.pending.take();
        let member = pending.as_ref().and_then(|pending| pending.member);
        let inner = at.start.saturating_add(1)..at.end;
        match member.map(|member| &member.take) {
            Some(Take::Text(field)) => {
                let base = self.base;
                let may = self.may_show();
                if let Some((report, _)) = self.report.as_mut().filter(|_| may) {
                    let name = member.map_or("", |member| member.name);
                    let words = self.config.shown(Rule::Text, name, &text);
                    report.decoded_text(*field, shift(&inner, base), &*words);
                }
            }
            Some(_) => {}
            None => self.member(pending.as_ref(), &Value::Text(text), at),
        }
    }

    /// Notes a value of another type than expected: of a member, an entry of a list, or the whole body.
    fn note_type(&mut self, pending: Option<&Pending<'a>>, kind: &str, at: Range<usize>) {
        let (name, expected) = match pending {
            Some(Pending { member: Some(member), .. }) => (member.name, expected(member)),
            Some(_) => return,
            None if self.levels.is_empty() => ("the body", "an object"),
            None => ("an entry", "an object"),
        };
        self.note(WN::WRONG_TYPE, at, format_args!("{name} is {kind}, {expected} is expected"));
    }

    /// Shows a member that has no field, or whose value does not fit it.
    fn member(&mut self, pending: Option<&Pending<'a>>, value: &Value<'_>, at: Range<usize>) {
        let may = self.may_show();
        let base = self.base;
        let Some((report, _)) = self.report.as_mut().filter(|_| may) else { return };
        let whole = pending.map_or(at.start, |pending| pending.at.start)..at.end;
        let name = pending.map_or("", |pending| &pending.name);
        let colon = if pending.is_some() { ": " } else { "" };
        let rule = pending.map_or(Rule::Text, Pending::rule);
        let words = match value {
            Value::Text(text) | Value::Number(text) => self.config.shown(rule, name, text),
            Value::Other(words) => Cow::Borrowed(*words),
        };
        let name = self.config.shown(Rule::Text, "", name);
        report.decoded_text(W::MEMBER, shift(&whole, base), format_args!("{name}{colon}{words}"));
    }

    /// Takes a member that has a field; whether its value fits.
    fn known(&mut self, member: &Member, value: &Value<'_>, at: Range<usize>) -> bool {
        let number = |field: u16| match value {
            Value::Text(text) if text.is_empty() => Some(0),
            Value::Text(text) | Value::Number(text) => integer(text, field),
            Value::Other(_) => None,
        };
        match &member.take {
            Take::Text(_) | Take::Secret(_) => {
                let Value::Text(text) = value else { return false };
                self.sense(member, text, None, at.clone());
            }
            Take::Mark(_) => {
                let (Value::Text(text) | Value::Number(text)) = value else { return false };
                self.sense(member, text, None, at.clone());
            }
            Take::Number(field) | Take::Bits(field, _) | Take::Account(field) => {
                let Some(number) = number(*field) else { return false };
                self.sense(member, value.words(), Some(number), at.clone());
            }
            Take::Seconds(field) | Take::Milliseconds(field) => {
                let Some(number) = number(*field) else { return false };
                let unit = if matches!(member.take, Take::Seconds(_)) { 1 } else { 1000 };
                if number > i128::from(LAST_SECOND).saturating_mul(unit) {
                    return false;
                }
            }
            Take::Object(..) | Take::List(..) | Take::SyncKey(_) => return false,
        }
        let may = self.may_show();
        let base = self.base;
        if let Some((report, _)) = self.report.as_mut().filter(|_| may) {
            show(report, self.config, member, value.words(), shift(&at, base));
        }
        true
    }

    /// Keeps what a member means.
    fn sense(&mut self, member: &Member, words: &str, number: Option<i128>, at: Range<usize>) {
        let unsigned = number.and_then(|number| u64::try_from(number).ok());
        let Some(level) = self.levels.last_mut() else { return };
        if std::ptr::eq(level.shape, SYNC_KEY_ENTRY) {
            match member.name {
                "Key" => level.told.key = unsigned,
                _ => level.told.value = unsigned.map(|value| (value, at.clone())),
            }
        }
        let gist = &mut *self.gist;
        match member.sense {
            Sense::None => {}
            Sense::Sid if words.is_empty() => {}
            Sense::Sid => gist.sid = Some(self.config.key.secret(words).number()),
            Sense::Uin if unsigned.is_none_or(|uin| uin == 0) => {}
            Sense::Uin => gist.account = Some(self.config.key.secret(words).number()),
            Sense::Message => {
                level.told.id = unsigned;
                if let Some(id) = unsigned.filter(|_| gist.messages.len() < MOST_MESSAGES) {
                    gist.messages.push(id);
                }
            }
            Sense::MessageType => {
                let kind = unsigned.and_then(|kind| u32::try_from(kind).ok());
                level.told.kind = kind;
                if let Some(kind) = kind {
                    let room = gist.types.len() < MOST_TYPES;
                    match gist.types.iter_mut().find(|(other, _)| *other == kind) {
                        Some((_, count)) => *count = count.saturating_add(1),
                        None if room => gist.types.push((kind, 1)),
                        None => {}
                    }
                }
            }
            Sense::Sent => gist.sent = unsigned.filter(|id| *id != 0),
            Sense::Ret => {
                gist.ret = number.and_then(|ret| i32::try_from(ret).ok());
                level.told.refused = gist.ret.filter(|ret| *ret != 0).map(|ret| (ret, at));
            }
            Sense::Continue => gist.more = number != Some(0),
            Sense::CountOf(list) => {
                if let Some(count) = unsigned {
                    level.counts.push((list, count, at));
                }
            }
        }
    }

    fn close(&mut self, end: usize) {
        let Some(level) = self.levels.pop() else { return };
        if level.entries.is_some() {
            self.check_count(&level);
        }
        let Level { told, sort, field, count, open, shape, entries, name, .. } = level;
        if std::ptr::eq(shape, SYNC_KEY_ENTRY) && entries.is_none() {
            return self.close_key(told, open, end);
        }
        if let Some((ret, at)) = told.refused {
            self.note(WN::CALL_FAILED, at, format_args!("the server refused the call: {ret}"));
        }
        let place = self.base.saturating_add(end);
        let Some((report, facts)) = &mut self.report else { return };
        let Some(open) = open else { return };
        let facts = *facts;
        if let Some(sort) = sort {
            let compared = facts.compared(sort);
            show_links(report, facts, sort, place..place);
            return report.close(
                open,
                place,
                format_args!("{}", Steps(compared.map(|compared| compared.growth))),
            );
        }
        if field == W::PROFILE_PART {
            return report.close(open, place, format_args!(": {name}"));
        }
        if field != W::MESSAGE {
            let words = Entries(entries.map(|_| count));
            return report.close(open, place, format_args!("{words}"));
        }
        let also = told.id.map(|id| facts.message(id)).unwrap_or_default();
        let links = [
            (W::MESSAGE_AGAIN_OF, also.first),
            (W::MESSAGE_AGAIN_IN, also.next),
            (W::MESSAGE_SEND, also.send),
        ];
        for (field, packet) in links {
            if let Some(packet) = packet {
                report.generated(field, place..place, packet.into());
            }
        }
        let words = MessageWords { count, kind: told.kind, id: told.id };
        report.close(open, place, format_args!("{words}"));
        if let (Some(id), Some(packet)) = (told.id, also.first) {
            let words = format_args!("message {id} came before, in packet {packet}");
            self.note(WN::MESSAGE_AGAIN, end.saturating_sub(1)..end, words);
        }
    }

    /// Notes a list that has another number of entries than the object around it says.
    fn check_count(&mut self, list: &Level) {
        let Some(level) = self.levels.last_mut() else { return };
        let Some(place) = level.counts.iter().position(|(field, ..)| *field == list.field) else { return };
        let (_, told, at) = level.counts.swap_remove(place);
        if told != list.count {
            let words = format_args!("{told} entries are announced, there are {}", list.count);
            self.note(WN::COUNT_WRONG, at, words);
        }
    }

    fn close_key(&mut self, told: Told, open: Option<Open>, end: usize) {
        let sort = self.levels.iter().rev().find_map(|level| level.sort);
        let (key, value) = (told.key, told.value);
        if let (Some(sort), Some(key), Some((value, _))) = (sort, key, &value)
            && let Some(Some(keys)) = self.gist.keys.get_mut(sort as usize)
            && keys.len() < MOST_KEYS
        {
            keys.push((key, *value));
        }
        let base = self.base;
        let Some((report, facts)) = &mut self.report else { return };
        let Some(open) = open else { return };
        let compared = sort.and_then(|sort| facts.compared(sort));
        let (Some(key), Some((value, at))) = (key, value) else {
            return report.close(open, base.saturating_add(end), format_args!(""));
        };
        let entry = Entry { key, value, value_at: shift(&at, base), compared };
        entry.close(report, open, base.saturating_add(end));
    }

    fn close_all(&mut self, end: usize) {
        if let Some(unknown) = self.unknown.take() {
            let pending = self.pending.take();
            self.member(pending.as_ref(), &Value::Other("{…"), unknown.start..end);
        }
        while !self.levels.is_empty() {
            // A list that is cut short is not blamed for its count.
            if let Some(level) = self.levels.last_mut() {
                level.counts.clear();
            }
            let cut = self.levels.len();
            if let Some(around) = cut.checked_sub(2).and_then(|around| self.levels.get_mut(around)) {
                around.counts.clear();
            }
            self.close(end);
        }
    }

    fn note(&mut self, note: u16, at: Range<usize>, words: fmt::Arguments<'_>) {
        self.noted = self.noted.saturating_add(1);
        let base = self.base;
        if let Some((report, _)) = self.report.as_mut().filter(|_| self.noted <= MOST_NOTED) {
            report.note(note, shift(&at, base), words);
        }
    }
}

/// A range that begins `by` later.
pub fn shift(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start.saturating_add(by)..range.end.saturating_add(by)
}

/// The number that a text is, if it fits the type of a field.
pub fn integer(text: &str, field: u16) -> Option<i128> {
    let number: i128 = text.parse().ok().filter(|_| !text.starts_with('+'))?;
    let fits = match row(field)?.ty {
        Type::I32 => i32::try_from(number).is_ok(),
        Type::I64 => i64::try_from(number).is_ok(),
        Type::U64 => u64::try_from(number).is_ok(),
        Type::Time => u64::try_from(number).is_ok(),
        _ => u32::try_from(number).is_ok(),
    };
    fits.then_some(number)
}

/// Shows a value that fits its member, by the words that stand for it.
pub fn show(report: &mut Report, config: &Shared, member: &Member, words: &str, at: Range<usize>) {
    let number = |field| integer(words, field).unwrap_or(0);
    let nanoseconds =
        |number: i128, unit: i64| (i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(unit)) as u64;
    match &member.take {
        Take::Text(field) | Take::Mark(field) | Take::Secret(field) => {
            let words = config.shown(member.take.rule(), member.name, words);
            report.decoded_text(*field, at, &*words);
        }
        Take::Account(field) if config.show_account || number(*field) == 0 => {
            report.decoded(*field, at, number(*field) as u64, format_args!(""));
        }
        Take::Account(_) => {
            let words = config.shown(Rule::Secret, member.name, words);
            report.decoded_text(W::ACCOUNT, at, &*words);
        }
        Take::Seconds(field) => {
            report.decoded(*field, at, nanoseconds(number(*field), SECOND), format_args!(""));
        }
        Take::Milliseconds(field) => {
            report.decoded(*field, at, nanoseconds(number(*field), MILLISECOND), format_args!(""));
        }
        Take::Bits(field, bits) => {
            let value = number(*field) as u64;
            show_bits(report, *field, bits, value, at);
        }
        Take::Number(field) => {
            let value = number(*field) as u64;
            let behind = match *field {
                _ if words.is_empty() => " (empty)",
                W::SYNCKEY_KEY => meaning(value),
                _ => "",
            };
            report.decoded(*field, at, value, format_args!("{behind}"));
        }
        Take::Object(..) | Take::List(..) | Take::SyncKey(_) => {}
    }
}

/// Labels of the bits that are set.
struct Set<'a>(&'a [u16], u64);

impl Display for Set<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.0.iter().filter_map(|bit| row(*bit)).filter(|row| row.mask & self.1 != 0);
        for (index, row) in rows.enumerate() {
            let comma = if index == 0 { ": " } else { ", " };
            write!(out, "{comma}{}", row.label.to_str().unwrap_or_default())?;
        }
        Ok(())
    }
}

/// A number and its bits.
pub fn show_bits(report: &mut Report, field: u16, bits: &[u16], value: u64, at: Range<usize>) {
    report.decoded_tree(field, at.clone(), value, format_args!("{}", Set(bits, value)), |report| {
        for bit in bits {
            report.decoded(*bit, at.clone(), value, format_args!(""));
        }
    });
}

fn kind_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::Text(_) => "a text",
        Value::Number(_) => "a number",
        Value::Other(words) => words,
    }
}

fn expected(member: &Member) -> &'static str {
    match member.take {
        Take::Text(_) | Take::Mark(_) | Take::Secret(_) => "a text",
        Take::Object(..) | Take::SyncKey(_) => "an object",
        Take::List(..) => "a list",
        Take::Seconds(_) | Take::Milliseconds(_) => "a time",
        _ => "a whole number that fits",
    }
}

/// How many entries a list has.
struct Entries(Option<u64>);

impl Display for Entries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |count| write!(out, " ({count})"))
    }
}

struct MessageWords {
    count: u64,
    kind: Option<u32>,
    id: Option<u64>,
}

impl Display for MessageWords {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, " {}", self.count)?;
        if let Some(kind) = self.kind {
            let name = message_type(kind).and_then(|name| name.to_str().ok());
            write!(out, ": {}", name.unwrap_or("unknown type"))?;
        }
        self.id.map_or(Ok(()), |id| write!(out, ", MsgId {id}"))
    }
}

/// Shows which SyncKey this one is compared with, and which is compared with it.
pub fn show_links(report: &mut Report, facts: Facts<'_>, sort: Sort, at: Range<usize>) {
    if let Some(compared) = facts.compared(sort) {
        report.generated(W::SYNCKEY_PREVIOUS, at.clone(), compared.packet.into());
    }
    for next in facts.compared_in(sort) {
        report.generated(W::SYNCKEY_NEXT, at.clone(), next.into());
    }
}

/// A key of a SyncKey, its value, and how it compares.
pub struct Entry<'a> {
    /// Number of the key.
    pub key: u64,
    /// Its value.
    pub value: u64,
    /// Bytes of the value.
    pub value_at: Range<usize>,
    /// The SyncKey before.
    pub compared: Option<Compared<'a>>,
}

impl Entry<'_> {
    /// Ends a subtree in which key and value stand already.
    pub fn close(self, report: &mut Report, open: Open, end: usize) {
        let Self { key, value, value_at, compared } = self;
        let change = compared.map(|compared| compared.growth.of(key));
        if key == KEY_TIME && value <= LAST_SECOND as u64 {
            let nanoseconds = value.saturating_mul(SECOND as u64);
            report.decoded(W::SYNCKEY_TIME, value_at.clone(), nanoseconds, format_args!(""));
        }
        if let Some(Change::By(by)) = change {
            report.generated(W::SYNCKEY_DELTA, value_at.clone(), by as u64);
        }
        if let Some(Change::By(by @ ..0)) = change {
            let words = format_args!("key {key} went back by {}", by.unsigned_abs());
            report.note(WN::WENT_BACK, value_at, words);
        }
        let words = EntryWords { key, value, change };
        report.close(open, end, format_args!("{words}"));
    }
}

struct EntryWords {
    key: u64,
    value: u64,
    change: Option<Change>,
}

impl Display for EntryWords {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, change } = *self;
        write!(out, " {key}{} = {value}", meaning(key))?;
        match change {
            None => Ok(()),
            Some(Change::By(0)) => out.write_str(" (stayed)"),
            Some(change @ Change::By(1)) if key == KEY_MESSAGES => {
                write!(out, " ({}: a message)", Step(key, change))
            }
            Some(change) => write!(out, " ({})", Step(key, change)),
        }
    }
}
