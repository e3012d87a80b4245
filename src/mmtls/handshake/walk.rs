// SPDX-License-Identifier: GPL-2.0-or-later
//! How a message is gone through: lengths, lists, and what is wrong with them.

use std::ffi::CStr;
use std::fmt;
use std::ops::Range;

use super::context::Context;
use super::read::Block;
use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::kernel::rows::{Value, name_of};
use crate::mmtls::fields::{M, MN};

/// More messages, suites, extensions, tickets and shares than any record has; those behind them are not taken apart.
pub const MOST_SHOWN: usize = 300;

/// Words behind the name of a subtree.
#[derive(Clone, Copy)]
pub enum Label {
    None,
    Name(&'static CStr),
    Number(u32),
}

impl Label {
    /// The name of a value, else the value.
    pub fn of(values: &[Value], value: u32) -> Self {
        name_of(values, value).map_or(Self::Number(value), Self::Name)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Name(name) => write!(out, ": {}", name.to_str().unwrap_or_default()),
            Self::Number(number) => write!(out, ": {number}"),
        }
    }
}

/// A list: its number of things, and each thing with a length of four bytes.
pub struct List {
    pub count: u16,
    pub item: u16,
    pub length: u16,
    pub one: &'static str,
    pub many: &'static str,
}

/// Goes through messages. What ends too early is noted where it does, nothing is left to read behind it, and the
/// functions return `None`.
pub struct Walk<'a, 'c> {
    pub report: &'a mut Report,
    pub context: &'a Context<'c>,
    /// How many things may still be shown.
    room: usize,
    /// How many whole tickets there have been.
    pub tickets: usize,
}

impl<'a, 'c> Walk<'a, 'c> {
    /// Through the messages of a record.
    pub fn new(report: &'a mut Report, context: &'a Context<'c>) -> Self {
        Self { report, context, room: MOST_SHOWN, tickets: 0 }
    }

    /// A list with what is in each thing, which `one` shows.
    pub fn list(
        &mut self,
        reader: &mut Reader<'_>,
        list: &List,
        one: fn(&mut Self, &mut Reader<'_>) -> Option<Label>,
    ) -> Option<()> {
        let (count, at) = self.count(reader, list.count)?;
        for shown in 0..count {
            if self.is_used_up(reader, (count, at.clone()), shown, list.many) {
                break;
            }
            if !self.has_room(reader, list.many) {
                return None;
            }
            self.tree(reader, list.item, |walk, reader| {
                let mut inside = walk.long_block(reader, list.length, list.one)?;
                let label = one(walk, &mut inside).unwrap_or(Label::None);
                walk.left_over(&mut inside, list.one);
                Some(label)
            })?;
        }
        Some(())
    }

    /// Whether a list ends although its number, which lies at `count`, says that it goes on.
    pub fn is_used_up(
        &mut self,
        reader: &Reader<'_>,
        (count, at): (u8, Range<usize>),
        shown: u8,
        many: &str,
    ) -> bool {
        let is_used_up = reader.left() == 0;
        if is_used_up {
            let words = format_args!("there are {count} {many}, says this number; there are {shown}");
            self.report.note(MN::COUNT_WRONG, at, words);
        }
        is_used_up
    }

    /// Whether more may be shown; if not, that is said, and the rest is passed over.
    pub fn has_room(&mut self, reader: &mut Reader<'_>, many: &str) -> bool {
        if let Some(room) = self.room.checked_sub(1) {
            self.room = room;
            return true;
        }
        let rest = reader.rest();
        self.unknown(reader);
        let words = format_args!("{} bytes with more {many} are not taken apart", rest.len());
        self.report.note(MN::TOO_MANY, rest, words);
        false
    }

    /// A subtree that ends where reading does; `children` adds to it, and names it.
    pub fn tree<'r>(
        &mut self,
        reader: &mut Reader<'r>,
        field: u16,
        children: impl FnOnce(&mut Self, &mut Reader<'r>) -> Option<Label>,
    ) -> Option<()> {
        let open = self.report.open(field, reader.rest().start);
        let label = children(self, reader);
        self.report.close(open, reader.rest().start, format_args!("{}", label.unwrap_or(Label::None)));
        label.map(drop)
    }

    /// The number of things in a list, and where it lies.
    pub fn count(&mut self, reader: &mut Reader<'_>, field: u16) -> Option<(u8, Range<usize>)> {
        let at = reader.rest().start;
        let count = self.u8(reader, field, "a number")?;
        Some((count, at..reader.rest().start))
    }

    /// A field of one byte; `what` it is, for the note when it is not there.
    pub fn u8(&mut self, reader: &mut Reader<'_>, field: u16, what: &str) -> Option<u8> {
        let Some((value, at)) = reader.u8() else { return self.short(reader, what, 1) };
        self.report.wire(field, at);
        Some(value)
    }

    /// A field of two bytes.
    pub fn u16(&mut self, reader: &mut Reader<'_>, field: u16, what: &str) -> Option<u16> {
        let Some((value, at)) = reader.u16() else { return self.short(reader, what, 2) };
        self.report.wire(field, at);
        Some(value)
    }

    /// A field of four bytes.
    pub fn u32(&mut self, reader: &mut Reader<'_>, field: u16, what: &str) -> Option<u32> {
        let Some((value, at)) = reader.u32() else { return self.short(reader, what, 4) };
        self.report.wire(field, at);
        Some(value)
    }

    /// What a length of four bytes counts.
    pub fn long_block<'r>(&mut self, reader: &mut Reader<'r>, field: u16, what: &str) -> Option<Reader<'r>> {
        let Some(block) = Block::long(reader) else { return self.short(reader, "a length", 4) };
        Some(self.block(block, field, what))
    }

    /// What a length of two bytes counts.
    pub fn short_block<'r>(&mut self, reader: &mut Reader<'r>, field: u16, what: &str) -> Option<Reader<'r>> {
        let Some(block) = Block::short(reader) else { return self.short(reader, "a length", 2) };
        Some(self.block(block, field, what))
    }

    /// The length of a block; what it counts is the caller's to show.
    fn block<'r>(&mut self, block: Block<'r>, field: u16, what: &str) -> Reader<'r> {
        self.report.wire(field, block.length_at.clone());
        if !block.fits() {
            let (length, left) = (block.length, block.content.left());
            let words = format_args!("{what} claims {length} bytes, there are {left}");
            self.report.note(MN::LENGTH_BEYOND, block.length_at, words);
        }
        block.content
    }

    /// Bytes with a length of two bytes in front, and where they lie, if anything is known of them: of another length
    /// than `known` they may be anything.
    pub fn bytes(
        &mut self,
        reader: &mut Reader<'_>,
        (length, field): (u16, u16),
        known: Option<usize>,
        what: &str,
    ) -> Option<Option<Range<usize>>> {
        let mut content = self.short_block(reader, length, what)?;
        let at = content.rest();
        if content.bytes().len() == at.len() && known.is_none_or(|known| known == at.len()) {
            self.report.wire(field, at.clone());
            return Some(Some(at));
        }
        self.unknown(&mut content);
        Some(None)
    }

    /// Bytes behind the known layout, if any.
    pub fn left_over(&mut self, reader: &mut Reader<'_>, what: &str) {
        let rest = reader.clone();
        self.unknown(reader);
        rest.excess(self.report, what);
    }

    /// Says that something is not there, and passes over what is.
    pub fn short<T>(&mut self, reader: &mut Reader<'_>, what: &str, needed: usize) -> Option<T> {
        let rest = reader.clone();
        self.unknown(reader);
        rest.short(self.report, what, needed);
        None
    }

    /// What is left, of an unknown layout.
    pub fn unknown(&mut self, reader: &mut Reader<'_>) {
        self.account(reader, M::UNKNOWN);
    }

    /// What is left, which shows as this field where the user asks for account data.
    pub fn account(&mut self, reader: &mut Reader<'_>, field: u16) {
        let at = reader.rest();
        if !reader.bytes().is_empty() {
            self.report.wire(if self.context.shared.show_account { field } else { M::HIDDEN }, at);
        }
        reader.part(usize::MAX);
    }
}
