// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user sees of a message, and what is wrong with it, on the bytes to blame.
//!
//! Bytes whose layout is not known may hold a ticket, in which ever way they came there: they show only where the user
//! asks for account data.

use std::ffi::CStr;
use std::fmt;
use std::ops::Range;

use super::context::Context;
use super::read::{Block, RANDOM_LEN, VERIFY_LEN, another, ticket};
use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::kernel::rows::{Value, name_of};
use crate::kernel::time::SECOND;
use crate::mmtls::code::{extension, kind};
use crate::mmtls::fields::{ALERTS, EXTENSIONS, FAULTS, M, MESSAGES, MN, TICKETS, VERSIONS};
use crate::wechat::secret::Rule;

/// More messages, suites, extensions, tickets and shares than any record has; those behind them are not taken apart.
const MOST_SHOWN: usize = 300;
/// Length of an uncompressed point.
const POINT_LEN: usize = 65;
/// Length of a ticket's nonce.
const NONCE_LEN: usize = 12;

/// Shows the handshake messages that are the content of a record, which lies at `content` of the report's source at
/// hand; `bytes` are those of the source that were captured.
pub fn show(report: &mut Report, content: Range<usize>, bytes: &[u8], context: &Context<'_>) {
    let mut reader = Reader::new(bytes, content, FAULTS);
    let mut walk = Walk { report, context, room: MOST_SHOWN, tickets: 0 };
    walk.message(&mut reader);
    while another(&reader) && walk.has_room(&mut reader, "messages") {
        walk.message(&mut reader);
    }
    walk.left_over(&mut reader, "the message");
}

/// Shows the alert that is the content of a record: see [`show`].
pub fn show_alert(report: &mut Report, content: Range<usize>, bytes: &[u8], context: &Context<'_>) {
    let mut reader = Reader::new(bytes, content, FAULTS);
    let mut walk = Walk { report, context, room: MOST_SHOWN, tickets: 0 };
    walk.tree(&mut reader, M::ALERT, |walk, reader| {
        let mut inside = walk.long_block(reader, M::ALERT_LEN, "the alert")?;
        let code = walk.u16(&mut inside, M::ALERT_CODE, "the code")?;
        walk.u8(&mut inside, M::ALERT_LEVEL, "the level")?;
        walk.left_over(&mut inside, "the alert");
        Some(Label::of(ALERTS, code.into()))
    });
    walk.left_over(&mut reader, "the alert");
}

/// Words behind the name of a subtree.
#[derive(Clone, Copy)]
enum Label {
    None,
    Name(&'static CStr),
    Number(u32),
}

impl Label {
    /// The name of a value, else the value.
    fn of(values: &[Value], value: u32) -> Self {
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
struct List {
    count: u16,
    item: u16,
    length: u16,
    one: &'static str,
    many: &'static str,
}

const EXTENSION_LIST: List = List {
    count: M::EXTENSION_COUNT,
    item: M::EXTENSION,
    length: M::EXTENSION_LEN,
    one: "the extension",
    many: "extensions",
};
const TICKET_LIST: List = List {
    count: M::TICKET_COUNT,
    item: M::TICKET,
    length: M::TICKET_LEN,
    one: "the ticket",
    many: "tickets",
};
const KEY_SHARE_LIST: List = List {
    count: M::KEY_SHARE_COUNT,
    item: M::KEY_SHARE,
    length: M::KEY_SHARE_LEN,
    one: "the key share",
    many: "key shares",
};

/// Goes through messages. What ends too early is noted where it does, nothing is left to read behind it, and the
/// functions return `None`.
struct Walk<'a, 'c> {
    report: &'a mut Report,
    context: &'a Context<'c>,
    /// How many things may still be shown.
    room: usize,
    /// How many whole tickets there have been.
    tickets: usize,
}

impl Walk<'_, '_> {
    fn message(&mut self, reader: &mut Reader<'_>) {
        self.tree(reader, M::HANDSHAKE, |walk, reader| {
            let mut inside = walk.long_block(reader, M::HANDSHAKE_LEN, "the message")?;
            let kind = walk.u8(&mut inside, M::HANDSHAKE_TYPE, "the type")?;
            // What it has shown stays; what is missing was said.
            let _ = walk.content(kind, &mut inside);
            walk.left_over(&mut inside, "the message");
            Some(Label::of(MESSAGES, kind.into()))
        });
    }

    fn content(&mut self, kind: u8, reader: &mut Reader<'_>) -> Option<()> {
        match kind {
            kind::CLIENT_HELLO => self.client_hello(reader),
            kind::SERVER_HELLO => self.server_hello(reader),
            kind::NEW_SESSION_TICKET => self.list(reader, &TICKET_LIST, Self::ticket),
            kind::ENCRYPTED_EXTENSIONS => self.extensions(reader),
            kind::CERTIFICATE_VERIFY => {
                self.bytes(reader, (M::SIGNATURE_LEN, M::SIGNATURE), None, "the signature").map(drop)
            }
            kind::FINISHED => self.finished(reader),
            _ => {
                self.unknown(reader);
                Some(())
            }
        }
    }

    fn client_hello(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.version(reader)?;
        self.suites(reader)?;
        let random = self.random(reader)?;
        if let Some(packet) = self.context.replay_of {
            self.report.generated(M::REPLAY_OF, random.clone(), packet.into());
            let words = format_args!("packet {packet} has the same hello: this one is sent again");
            self.report.note(MN::REPLAYED, random, words);
        }
        let (_, at) = self.time(reader)?;
        if let Some(offset) = self.context.clock_offset {
            self.report.generated(M::CLOCK_OFFSET, at.clone(), offset as u64);
        }
        if let Some(second) = self.context.path_time {
            self.report.generated(M::PATH_TIME, at, nanoseconds(second));
        }
        self.extensions(reader)
    }

    fn server_hello(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.version(reader)?;
        self.u16(reader, M::SUITE, "the cipher suite")?;
        self.random(reader)?;
        self.extensions(reader)
    }

    fn finished(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let fields = (M::VERIFY_LEN, M::VERIFY_DATA);
        let at = self.bytes(reader, fields, Some(VERIFY_LEN), "the HMAC")?;
        let verified = self.context.verified?;
        self.report.generated(M::VERIFIED, at.clone(), verified.into());
        if !verified {
            self.report.note(
                MN::NOT_VERIFIED,
                at,
                format_args!("the HMAC is not that of the messages before"),
            );
        }
        Some(())
    }

    fn version(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let Some((swapped, at)) = reader.u16() else { return self.short(reader, "the version", 2) };
        let version = swapped.swap_bytes();
        self.report.decoded(M::HANDSHAKE_VERSION, at.clone(), version.into(), "");
        let record = self.context.version;
        if name_of(VERSIONS, version.into()).is_none() {
            let words = format_args!("{version:04X} is no version that is known");
            self.report.note(MN::HELLO_VERSION_UNKNOWN, at, words);
        } else if version != record {
            let words = format_args!("the hello says {version:04X}, its record {record:04X}");
            self.report.note(MN::HELLO_VERSION_DIFFERS, at, words);
        }
        Some(())
    }

    fn suites(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (count, at) = self.count(reader, M::SUITE_COUNT)?;
        let needed = usize::from(count).saturating_mul(2);
        if needed > reader.left() {
            let words =
                format_args!("{count} cipher suites need {needed} bytes, there are {}", reader.left());
            self.report.note(MN::COUNT_WRONG, at, words);
            self.unknown(reader);
            return None;
        }
        for _ in 0..count {
            if !self.has_room(reader, "cipher suites") {
                return None;
            }
            self.u16(reader, M::SUITE, "a cipher suite")?;
        }
        Some(())
    }

    fn random(&mut self, reader: &mut Reader<'_>) -> Option<Range<usize>> {
        let Some(at) = reader.take(RANDOM_LEN) else { return self.short(reader, "the random", RANDOM_LEN) };
        self.report.wire(M::RANDOM, at.clone());
        Some(at)
    }

    fn time(&mut self, reader: &mut Reader<'_>) -> Option<(u32, Range<usize>)> {
        let Some((time, at)) = reader.u32() else { return self.short(reader, "the time", 4) };
        self.report.decoded(M::HELLO_TIME, at.clone(), nanoseconds(time), "");
        Some((time, at))
    }

    fn extensions(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let mut all = self.long_block(reader, M::EXTENSIONS_LEN, "all extensions")?;
        self.list(&mut all, &EXTENSION_LIST, Self::extension)?;
        self.left_over(&mut all, "the extensions");
        Some(())
    }

    fn extension(&mut self, reader: &mut Reader<'_>) -> Option<Label> {
        let kind = self.u16(reader, M::EXTENSION_TYPE, "the type")?;
        let label = Label::of(EXTENSIONS, kind.into());
        // The extension keeps its name whatever is missing in it.
        let _ = match kind {
            extension::TICKETS => self.list(reader, &TICKET_LIST, Self::ticket),
            extension::KEY_SHARES => self.key_shares(reader),
            extension::KEY_SHARE => self.key_share(reader).map(drop),
            extension::TIME => self.time_again(reader),
            extension::KNOWN_KEY => self.known_key(reader),
            _ => {
                self.unknown(reader);
                Some(())
            }
        };
        Some(label)
    }

    fn key_shares(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.list(reader, &KEY_SHARE_LIST, Self::key_share)?;
        self.u32(reader, M::KNOWN_KEY_SINGLE, "the known key")?;
        if reader.left() == 0 {
            return Some(());
        }
        let (count, at) = self.count(reader, M::KNOWN_KEY_COUNT)?;
        for shown in 0..count {
            if self.is_used_up(reader, (count, at.clone()), shown, "known keys") {
                break;
            }
            if !self.has_room(reader, "known keys") {
                return None;
            }
            self.u32(reader, M::KNOWN_KEY, "a known key")?;
        }
        Some(())
    }

    fn key_share(&mut self, reader: &mut Reader<'_>) -> Option<Label> {
        let index = self.u32(reader, M::KEY_SHARE_INDEX, "the index")?;
        self.bytes(reader, (M::POINT_LEN, M::POINT), Some(POINT_LEN), "the point")?;
        Some(Label::Number(index))
    }

    fn known_key(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.u32(reader, M::KNOWN_KEY_PAIR, "the number before the key's")?;
        self.u32(reader, M::KNOWN_KEY, "the known key")?;
        Some(())
    }

    fn time_again(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (time, at) = self.time(reader)?;
        if let Some(hello) = self.context.hello_time.filter(|hello| *hello != time) {
            let words = format_args!("this says {time} s since 1970, the ClientHello {hello}");
            self.report.note(MN::TIME_DIFFERS, at, words);
        }
        Some(())
    }

    fn ticket(&mut self, reader: &mut Reader<'_>) -> Option<Label> {
        let whole = ticket(reader.clone());
        let all = reader.rest();
        let kind = self.u8(reader, M::TICKET_KIND, "the kind")?;
        match reader.u32() {
            Some((_, at)) => self.report.wire_labelled(M::TICKET_LIFETIME, at, " s"),
            None => return self.short(reader, "the lifetime", 4),
        }
        let mut block = self.short_block(reader, M::TICKET_BLOCK_LEN, "the block")?;
        self.account(&mut block, M::TICKET_BLOCK);
        self.u32(reader, M::TICKET_CONSTANT, "the constant")?;
        self.bytes(reader, (M::TICKET_NONCE_LEN, M::TICKET_NONCE), Some(NONCE_LEN), "the nonce")?;
        let mut sealed = self.short_block(reader, M::TICKET_OPAQUE_LEN, "the ticket")?;
        match whole {
            None => self.unknown(&mut sealed),
            Some(ticket) => {
                if self.report.wants(M::TICKET_ID) {
                    let hex = ticket.hex();
                    let id = self.context.shared.shown(Rule::Secret, "ticket", &hex);
                    self.report.decoded_text(M::TICKET_ID, ticket.at, &*id);
                }
                self.ticket_facts(all);
            }
        }
        Some(Label::of(TICKETS, kind.into()))
    }

    fn ticket_facts(&mut self, at: Range<usize>) {
        let facts = self.context.tickets.get(self.tickets).copied().unwrap_or_default();
        self.tickets = self.tickets.saturating_add(1);
        let values = [
            (M::TICKET_ISSUED_IN, facts.issued_in.map(u64::from)),
            (M::TICKET_USED_IN, facts.used_in.map(u64::from)),
            (M::TICKET_USE, facts.use_number.map(u64::from)),
            (M::TICKET_USES, facts.uses.map(u64::from)),
            (M::TICKET_AGE, facts.age.map(|age| age as u64)),
            (M::TICKET_REFUSED, facts.refused.map(u64::from)),
        ];
        for (field, value) in values {
            if let Some(value) = value {
                self.report.generated(field, at.clone(), value);
            }
        }
    }

    /// A list with what is in each thing, which `one` shows.
    fn list(
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
    fn is_used_up(
        &mut self,
        reader: &Reader<'_>,
        (count, at): (u8, Range<usize>),
        shown: u8,
        many: &str,
    ) -> bool {
        let is_used_up = reader.left() == 0;
        if is_used_up && reader.is_captured() {
            let words = format_args!("there are {count} {many}, says this number; there are {shown}");
            self.report.note(MN::COUNT_WRONG, at, words);
        }
        is_used_up
    }

    /// Whether more may be shown; if not, that is said, and the rest is passed over.
    fn has_room(&mut self, reader: &mut Reader<'_>, many: &str) -> bool {
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
    fn tree<'r>(
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

    fn count(&mut self, reader: &mut Reader<'_>, field: u16) -> Option<(u8, Range<usize>)> {
        let at = reader.rest().start;
        let count = self.u8(reader, field, "a number")?;
        Some((count, at..reader.rest().start))
    }

    fn u8(&mut self, reader: &mut Reader<'_>, field: u16, what: &str) -> Option<u8> {
        let Some((value, at)) = reader.u8() else { return self.short(reader, what, 1) };
        self.report.wire(field, at);
        Some(value)
    }

    fn u16(&mut self, reader: &mut Reader<'_>, field: u16, what: &str) -> Option<u16> {
        let Some((value, at)) = reader.u16() else { return self.short(reader, what, 2) };
        self.report.wire(field, at);
        Some(value)
    }

    fn u32(&mut self, reader: &mut Reader<'_>, field: u16, what: &str) -> Option<u32> {
        let Some((value, at)) = reader.u32() else { return self.short(reader, what, 4) };
        self.report.wire(field, at);
        Some(value)
    }

    fn long_block<'r>(&mut self, reader: &mut Reader<'r>, field: u16, what: &str) -> Option<Reader<'r>> {
        let Some(block) = Block::long(reader) else { return self.short(reader, "a length", 4) };
        Some(self.block(block, field, what))
    }

    fn short_block<'r>(&mut self, reader: &mut Reader<'r>, field: u16, what: &str) -> Option<Reader<'r>> {
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

    /// Bytes with a length of two bytes in front, and where they lie. Of another length than is known, they may be
    /// anything.
    fn bytes(
        &mut self,
        reader: &mut Reader<'_>,
        (length, field): (u16, u16),
        known: Option<usize>,
        what: &str,
    ) -> Option<Range<usize>> {
        let mut content = self.short_block(reader, length, what)?;
        let needed = known.unwrap_or(content.left());
        match content.bytes().len() == content.left() && content.left() == needed {
            true => {
                self.report.wire(field, content.rest());
                Some(content.rest())
            }
            false => {
                self.unknown(&mut content);
                None
            }
        }
    }

    /// Bytes behind the known layout, if any.
    fn left_over(&mut self, reader: &mut Reader<'_>, what: &str) {
        let rest = reader.clone();
        self.unknown(reader);
        rest.excess(self.report, what);
    }

    /// Says that something is not there, and passes over what is.
    fn short<T>(&mut self, reader: &mut Reader<'_>, what: &str, needed: usize) -> Option<T> {
        let rest = reader.clone();
        self.unknown(reader);
        rest.short(self.report, what, needed);
        None
    }

    /// What is left, of an unknown layout.
    fn unknown(&mut self, reader: &mut Reader<'_>) {
        self.account(reader, M::UNKNOWN);
    }

    /// What is left, which shows as this field where the user asks for account data.
    fn account(&mut self, reader: &mut Reader<'_>, field: u16) {
        let at = reader.rest();
        if !reader.bytes().is_empty() {
            self.report.wire(if self.context.shared.show_account { field } else { M::HIDDEN }, at);
        }
        reader.part(usize::MAX);
    }
}

/// Of a second since 1970.
fn nanoseconds(second: u32) -> u64 {
    u64::from(second).saturating_mul(SECOND.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::config::Config;
    use crate::kernel::report::{Item, ItemKind, Wanted};
    use crate::kernel::rows::{Type, row_of};
    use crate::mmtls::fields::{FIELDS, NOTES, TABLE};
    use crate::mmtls::handshake::{TicketFacts, messages, sample};
    use crate::wechat::settings::{P, Shared};

    fn shared(show_account: bool) -> Shared {
        let mut config = Config::default();
        config.set_text(P::HASH_KEY, "k");
        config.set_number(P::SHOW_ACCOUNT, show_account.into());
        Shared::of(&config)
    }

    /// The report of bytes behind which `reported` say that more were on the wire.
    fn told(bytes: &[u8], reported: usize, context: &Context<'_>) -> Report {
        let mut report = Report::default();
        report.begin(TABLE, Wanted::ALL, bytes.len());
        show(&mut report, 0..reported, bytes, context);
        report
    }

    fn plainly(bytes: &[u8], reported: usize) -> Report {
        told(bytes, reported, &Context::new(&shared(false), 0xf104))
    }

    /// An item as a line: name without `mmtls.`, place, value, words.
    fn line(report: &Report, item: &Item, bytes: &[u8]) -> String {
        let (start, end) = (item.offset as usize, item.offset as usize + item.length as usize);
        let words = report.text(item.text);
        let depth = "  ".repeat(item.depth.into());
        let name = match item.kind {
            ItemKind::Note => NOTES[row_of(item.field)].filter,
            _ => FIELDS[row_of(item.field)].filter,
        };
        let name = name.to_str().unwrap().strip_prefix("mmtls.").unwrap();
        let number = |bytes: &[u8]| bytes.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        let value = match (item.kind, FIELDS[row_of(item.field)].ty) {
            (ItemKind::Note, _) => "!".to_owned(),
            (ItemKind::Wire | ItemKind::Subtree, Type::Bytes | Type::None) => format!("[{}]", end - start),
            (ItemKind::Wire | ItemKind::Subtree, _) => format!("{:#x}", number(&bytes[start..end])),
            (ItemKind::Generated | ItemKind::Decoded, _) => format!("{}", item.value as i64),
            _ => String::new(),
        };
        format!("{depth}{name} {start}..{end} {value}{words}")
    }

    fn lines(report: &Report, bytes: &[u8]) -> Vec<String> {
        report.items().iter().map(|item| line(report, item, bytes)).collect()
    }

    fn notes(report: &Report) -> Vec<String> {
        let notes = report.items().iter().filter(|item| item.kind == ItemKind::Note);
        let name = |item: &Item| NOTES[row_of(item.field)].filter.to_str().unwrap();
        notes
            .map(|item| {
                let (start, end) = (item.offset, item.offset + item.length);
                format!("{} {start}..{end} {}", &name(item)[6..], report.text(item.text))
            })
            .collect()
    }

    /// What begins and ends where, of all that has a value on the wire and nothing below it.
    fn leaves(report: &Report) -> Vec<Range<usize>> {
        let items: Vec<_> = report.items().iter().filter(|item| item.kind != ItemKind::Note).collect();
        let is_leaf = |place: usize| items.get(place + 1).is_none_or(|next| next.depth <= items[place].depth);
        let own = |item: &Item| !matches!(item.kind, ItemKind::Generated | ItemKind::Text);
        let shown = items.iter().enumerate().filter(|(place, item)| own(item) && is_leaf(*place));
        shown.map(|(_, item)| item.offset as usize..(item.offset + item.length) as usize).collect()
    }

    fn assert_covered(report: &Report, end: usize, what: &str) {
        let mut at = 0;
        for leaf in leaves(report).into_iter().filter(|leaf| !leaf.is_empty()) {
            assert_eq!(leaf.start, at, "{what}");
            at = leaf.end;
        }
        assert_eq!(at, end, "{what}");
    }

    #[test]
    fn a_hello_with_all_that_is_known_of_it() {
        let shared = shared(false);
        let facts = [TicketFacts {
            issued_in: Some(3),
            used_in: Some(99),
            uses: Some(4),
            age: Some(-5),
            refused: Some(true),
        }];
        let context = Context {
            tickets: &facts,
            clock_offset: Some(-1_500_000_000),
            path_time: Some(sample::TIME),
            replay_of: Some(12),
            ..Context::new(&shared, 0xf104)
        };
        let bytes = sample::resumes();
        let expected = [
            "handshake 0..161 [161]: ClientHello",
            "  handshake.length 0..4 0x9d",
            "  handshake.type 4..5 0x1",
            "  handshake.version 5..7 61700",
            "  handshake.suite_count 7..8 0x1",
            "  handshake.suite 8..10 0xa8",
            "  handshake.random 10..42 [32]",
            "  handshake.replay_of 10..42 12",
            "  replayed 10..42 !packet 12 has the same hello: this one is sent again",
            "  handshake.time 42..46 1421740800000000000",
            "  clock_offset 42..46 -1500000000",
            "  path_time 42..46 1421740800000000000",
            "  handshake.extensions_len 46..50 0x6f",
            "  handshake.extension_count 50..51 0x1",
            "  handshake.extension 51..161 [110]: tickets",
            "    handshake.extension.length 51..55 0x6a",
            "    handshake.extension.type 55..57 0xf",
            "    ticket.count 57..58 0x1",
            "    ticket 58..161 [103]: access",
            "      ticket.all_len 58..62 0x63",
            "      ticket.kind 62..63 0x1",
            "      ticket.lifetime 63..67 0x93a80 s",
            "      ticket.block_len 67..69 0x0",
            "      ticket.constant 69..73 0x48",
            "      ticket.nonce_len 73..75 0xc",
            "      ticket.nonce 75..87 [12]",
            "      ticket.len 87..89 0x48",
            "      ticket.id 89..161 #d6ef8b57c2556457",
            "      ticket.issued_in 62..161 3",
            "      ticket.used_in 62..161 99",
            "      ticket.use 62..161 4",
            "      ticket.uses 62..161 5",
            "      ticket.age 62..161 -5",
            "      ticket.refused 62..161 1",
        ];
        assert_eq!(lines(&told(&bytes, bytes.len(), &context), &bytes), expected);
    }

    #[test]
    fn key_shares_known_keys_and_what_is_chosen() {
        let bytes = sample::full();
        let full = lines(&plainly(&bytes, bytes.len()), &bytes);
        let expected = [
            "  handshake.extension 196..366 [170]: key shares",
            "    handshake.extension.length 196..200 0xa6",
            "    handshake.extension.type 200..202 0x10",
            "    handshake.key_share.count 202..203 0x2",
            "    handshake.key_share 203..278 [75]: 5",
            "      handshake.key_share.len 203..207 0x47",
            "      handshake.key_share.index 207..211 0x5",
            "      handshake.key_share.point_len 211..213 0x41",
            "      handshake.key_share.point 213..278 [65]",
            "    handshake.key_share 278..353 [75]: 6",
            "      handshake.key_share.len 278..282 0x47",
            "      handshake.key_share.index 282..286 0x6",
            "      handshake.key_share.point_len 286..288 0x41",
            "      handshake.key_share.point 288..353 [65]",
            "    handshake.known_key.single 353..357 0x0",
            "    handshake.known_key.count 357..358 0x2",
            "    handshake.known_key 358..362 0x3",
            "    handshake.known_key 362..366 0x4",
        ];
        let at = full.iter().position(|line| line.ends_with("key shares")).unwrap();
        assert_eq!(full.len(), 43);
        assert_eq!(full[at..], expected);

        let bytes = sample::answer();
        let expected = [
            "handshake 0..137 [137]: ServerHello",
            "  handshake.length 0..4 0x85",
            "  handshake.type 4..5 0x2",
            "  handshake.version 5..7 61700",
            "  handshake.suite 7..9 0xc02b",
            "  handshake.random 9..41 [32]",
            "  handshake.extensions_len 41..45 0x5c",
            "  handshake.extension_count 45..46 0x2",
            "  handshake.extension 46..123 [77]: chosen key share",
            "    handshake.extension.length 46..50 0x49",
            "    handshake.extension.type 50..52 0x11",
            "    handshake.key_share.index 52..56 0x5",
            "    handshake.key_share.point_len 56..58 0x41",
            "    handshake.key_share.point 58..123 [65]",
            "  handshake.extension 123..137 [14]: chosen known key",
            "    handshake.extension.length 123..127 0xa",
            "    handshake.extension.type 127..129 0x13",
            "    handshake.known_key.pair 129..133 0x1",
            "    handshake.known_key 133..137 0x3",
        ];
        assert_eq!(lines(&plainly(&bytes, bytes.len()), &bytes), expected);
    }

    #[test]
    fn what_follows_the_hellos() {
        let shared = shared(false);
        let known = Context {
            verified: Some(false),
            hello_time: Some(sample::TIME + 1),
            ..Context::new(&shared, 0xf104)
        };
        let record = [sample::signature(), sample::extensions(), sample::finished()].concat();
        let expected = [
            "handshake 0..77 [77]: CertificateVerify",
            "  handshake.length 0..4 0x49",
            "  handshake.type 4..5 0xf",
            "  handshake.signature_len 5..7 0x46",
            "  handshake.signature 7..77 [70]",
            "handshake 77..97 [20]: EncryptedExtensions",
            "  handshake.length 77..81 0x10",
            "  handshake.type 81..82 0x8",
            "  handshake.extensions_len 82..86 0xb",
            "  handshake.extension_count 86..87 0x1",
            "  handshake.extension 87..97 [10]: client's time",
            "    handshake.extension.length 87..91 0x6",
            "    handshake.extension.type 91..93 0x12",
            "    handshake.time 93..97 1421740800000000000",
            "    time_differs 93..97 !this says 1421740800 s since 1970, the ClientHello 1421740801",
            "handshake 97..136 [39]: Finished",
            "  handshake.length 97..101 0x23",
            "  handshake.type 101..102 0x14",
            "  handshake.verify_len 102..104 0x20",
            "  handshake.verify_data 104..136 [32]",
            "  handshake.verified 104..136 0",
            "  not_verified 104..136 !the HMAC is not that of the messages before",
        ];
        assert_eq!(lines(&told(&record, record.len(), &known), &record), expected);
        let right = Context { verified: Some(true), hello_time: Some(sample::TIME), ..known };
        assert_eq!(notes(&told(&record, record.len(), &right)), [""; 0]);
    }

    #[test]
    fn alerts() {
        let tell = |bytes: &[u8]| {
            let mut report = Report::default();
            report.begin(TABLE, Wanted::ALL, bytes.len());
            show_alert(&mut report, 0..bytes.len(), bytes, &Context::new(&shared(false), 0xf104));
            lines(&report, bytes)
        };
        let expected = [
            "alert 0..7 [7]: ticket refused",
            "  alert.length 0..4 0x3",
            "  alert.code 4..6 0x73",
            "  alert.level 6..7 0x2",
        ];
        assert_eq!(tell(&sample::alert(0x73, 2)), expected);
        assert_eq!(tell(&sample::alert(1, 1))[0], "alert 0..7 [7]: end");
        assert_eq!(tell(&sample::alert(0x1234, 9))[0], "alert 0..7 [7]: 4660");
        let mut long = sample::alert(1, 1);
        long[3] = 12;
        assert_eq!(tell(&long)[2], "    length_beyond 0..4 !the alert claims 12 bytes, there are 3");
        assert_eq!(
            tell(&[]),
            ["alert 0..0 [0]", "  message_short 0..0 !a length needs 4 bytes, the body has 0"]
        );
        let behind = [sample::alert(1, 1), vec![9; 2]].concat();
        let expected = ["handshake.data_hidden 7..9 [2]", "  message_excess 7..9 !2 bytes behind the alert"];
        assert_eq!(tell(&behind)[4..], expected);
    }

    /// In its own bytes and within bytes that were made of others, each byte has one field, and nothing is wrong.
    #[test]
    fn every_byte_has_a_field() {
        for (name, bytes) in sample::all() {
            let version = if name.starts_with("old") { 0xf103 } else { 0xf104 };
            for show_account in [false, true] {
                let shared = shared(show_account);
                let report = told(&bytes, bytes.len(), &Context::new(&shared, version));
                assert_covered(&report, bytes.len(), name);
                assert_eq!(notes(&report), [""; 0], "{name}");
            }
        }
        let shared = shared(false);
        let bytes = [vec![9; 7], sample::finished()].concat();
        let mut report = Report::default();
        report.begin(TABLE, Wanted::ALL, 20);
        report.derived(M::ENCRYPTED, 5..20, Bytes::from(bytes.clone()), "opened", |report, _| {
            show(report, 7..bytes.len(), &bytes, &Context::new(&shared, 0xf104));
        });
        let inner = &report.items()[1..];
        assert!(inner.iter().all(|item| item.source == 1 && item.depth > 0));
        let last = inner.last().map(|item| line(&report, item, &bytes));
        assert_eq!(last.as_deref(), Some("    handshake.verify_data 14..46 [32]"));
    }

    /// A capture that ends within a message makes nothing wrong; a record that does, does.
    #[test]
    fn what_is_cut_is_shown_as_far_as_it_goes() {
        for (name, bytes) in sample::all() {
            let shared = shared(false);
            let version = if name.starts_with("old") { 0xf103 } else { 0xf104 };
            let context = Context::new(&shared, version);
            for cut in 0..bytes.len() {
                let report = told(&bytes[..cut], bytes.len(), &context);
                assert_eq!(notes(&report), [""; 0], "{name} {cut}");
                assert_covered(&report, cut, name);
                let report = told(&bytes[..cut], cut, &context);
                assert_ne!(notes(&report), [""; 0], "{name} {cut}");
                assert_covered(&report, cut, name);
            }
        }
    }

    #[test]
    fn tickets_show_where_account_data_does() {
        let hex = |byte: &str, count: usize| byte.repeat(count);
        let bytes = sample::tickets();
        let tell = |show_account| {
            let shared = shared(show_account);
            lines(&told(&bytes, bytes.len(), &Context::new(&shared, 0xf104)), &bytes)
        };
        let shown = tell(true);
        assert_eq!(shown[13], format!("    ticket.id 37..109 {}", hex("aa", 72)));
        assert_eq!(shown[19], "    ticket.block 120..152 [32]");
        assert_eq!(shown[24], format!("    ticket.id 172..277 {}", hex("bb", 105)));
        let hidden = tell(false);
        assert_eq!(hidden[19], "    handshake.data_hidden 120..152 [32]");
        assert_eq!((hidden[13].as_str(), hidden.len()), ("    ticket.id 37..109 #d6ef8b57c2556457", 25));
    }

    /// What is changed in a message, and the notes on it.
    fn lie(bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> (Report, Vec<String>) {
        let mut bytes = bytes;
        change(&mut bytes);
        let report = plainly(&bytes, bytes.len());
        assert_covered(&report, bytes.len(), "a lie");
        let notes = notes(&report);
        (report, notes)
    }

    #[test]
    fn what_is_wrong_is_noted_on_the_bytes_to_blame() {
        let noted = |bytes, change: fn(&mut Vec<u8>)| lie(bytes, change).1;
        let hello = sample::resumes;
        let beyond = noted(hello(), |bytes| bytes[3] += 7);
        assert_eq!(beyond, ["length_beyond 0..4 the message claims 164 bytes, there are 157"]);
        let huge = noted(hello(), |bytes| bytes[..4].fill(0xff));
        assert_eq!(huge, ["length_beyond 0..4 the message claims 4294967295 bytes, there are 157"]);
        let none = noted(hello(), |bytes| bytes[..4].fill(0));
        let expected = [
            "message_short 4..4 the type needs 1 bytes, the body has 0",
            "message_excess 4..161 157 bytes behind the message",
        ];
        assert_eq!(none, expected);
        let unknown = noted(hello(), |bytes| bytes[4] = 0x63);
        assert_eq!(unknown, [""; 0]);
        let version = noted(hello(), |bytes| bytes[5..7].copy_from_slice(&[5, 0xf2]));
        assert_eq!(version, ["hello_version_unknown 5..7 F205 is no version that is known"]);
        let other = noted(hello(), |bytes| bytes[5] = 3);
        assert_eq!(other, ["hello_version_differs 5..7 the hello says F103, its record F104"]);
        let suites = noted(hello(), |bytes| bytes[7] = 200);
        assert_eq!(suites, ["count_wrong 7..8 200 cipher suites need 400 bytes, there are 153"]);
        let extensions = noted(hello(), |bytes| bytes[49] += 9);
        assert_eq!(extensions, ["length_beyond 46..50 all extensions claims 120 bytes, there are 111"]);
        let count = noted(hello(), |bytes| bytes[50] = 255);
        let words = "there are 255 extensions, says this number; there are 1";
        assert_eq!(count, [format!("count_wrong 50..51 {words}")]);
        let uncounted = noted(hello(), |bytes| bytes[50] = 0);
        assert_eq!(uncounted, ["message_excess 51..161 110 bytes behind the extensions"]);
        let overlap = noted(hello(), |bytes| bytes[54] += 20);
        assert_eq!(overlap, ["length_beyond 51..55 the extension claims 126 bytes, there are 106"]);
        let empty = noted(hello(), |bytes| bytes[54] = 1);
        let expected = [
            "message_short 55..56 the type needs 2 bytes, the body has 1",
            "message_excess 56..161 105 bytes behind the extensions",
        ];
        assert_eq!(empty, expected);
        let kind = noted(hello(), |bytes| bytes[55..57].fill(0x7a));
        assert_eq!(kind, [""; 0]);
        let ticket = noted(hello(), |bytes| bytes[61] += 50);
        assert_eq!(ticket, ["length_beyond 58..62 the ticket claims 149 bytes, there are 99"]);
        let inner = noted(hello(), |bytes| bytes[88] += 1);
        assert_eq!(inner, ["length_beyond 87..89 the ticket claims 73 bytes, there are 72"]);
        let tickets = noted(sample::tickets(), |bytes| bytes[5] = 255);
        let words = "there are 255 tickets, says this number; there are 2";
        assert_eq!(tickets, [format!("count_wrong 5..6 {words}")]);
        let point = noted(sample::answer(), |bytes| bytes[56..58].fill(0xff));
        assert_eq!(point, ["length_beyond 56..58 the point claims 65535 bytes, there are 65"]);
        let signature = noted(sample::signature(), |bytes| bytes[6] += 1);
        assert_eq!(signature, ["length_beyond 5..7 the signature claims 71 bytes, there are 70"]);
        let finished = noted(sample::finished(), |bytes| bytes[6] = 31);
        assert_eq!(finished, ["message_excess 38..39 1 bytes behind the message"]);
        let behind = noted(sample::resumed(), |bytes| bytes.extend([0xee; 40]));
        assert_eq!(behind, ["message_excess 46..86 40 bytes behind the message"]);
    }

    /// In whichever way a message lies, a ticket's bytes stand in no text, and in no field of bytes where a byte
    /// was changed that says how long or what something is.
    #[test]
    fn lies_do_not_bring_tickets_out() {
        let shows = |report: &Report, bytes: &[u8]| {
            let items = report.items().iter().filter(|item| item.kind != ItemKind::Note);
            let raw = items.filter(|item| matches!(FIELDS[row_of(item.field)].ty, Type::Bytes));
            raw.map(|item| &bytes[item.offset as usize..(item.offset + item.length) as usize])
                .any(|shown| shown.windows(33).any(|part| part == [0xaa; 33] || part == [0xbb; 33]))
        };
        for bytes in [sample::resumes(), sample::full(), sample::tickets()] {
            for place in 0..bytes.len() {
                for change in [1, 0x10, 0x7f, 0x80, 0xff] {
                    let mut lies = bytes.clone();
                    lies[place] ^= change;
                    let report = plainly(&lies, lies.len());
                    assert!(!shows(&report, &lies), "{place} {change}");
                    let texts = String::from_utf8_lossy(report.texts()).into_owned();
                    assert!(!texts.contains("aaaaaaaa") && !texts.contains("bbbbbbbb"), "{place} {change}");
                }
            }
        }
    }

    #[test]
    fn a_hello_full_of_tickets_is_shown_in_part() {
        let extension = sample::offer(&vec![Vec::new(); 255]);
        let (report, _) = lie(sample::client_hello(0xf104, &[0x00a8], &vec![extension; 60]), |bytes| {
            assert!(bytes.len() > 61_000)
        });
        assert!(report.items().len() < 4 * MOST_SHOWN, "{}", report.items().len());
        let more = notes(&report).into_iter().filter(|note| note.starts_with("too_many"));
        let expected = [
            "too_many 1253..2105 852 bytes with more tickets are not taken apart",
            "too_many 2105..61671 59566 bytes with more extensions are not taken apart",
        ];
        assert_eq!(more.collect::<Vec<_>>(), expected);
        let (report, noted) = lie(sample::message(0x30, &[]).repeat(13_000), |_| {});
        assert!(report.items().len() < 4 * MOST_SHOWN, "{}", report.items().len());
        assert_eq!(noted, ["too_many 1505..65000 63495 bytes with more messages are not taken apart"]);
    }

    /// Nothing panics, lies beyond the bytes, or is missing; and reading finds as many tickets as facts are for.
    #[test]
    fn any_bytes_are_shown() {
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let facts = [TicketFacts { uses: Some(1), ..TicketFacts::default() }; 600];
        let shared = shared(false);
        let context = Context { tickets: &facts, ..Context::new(&shared, 0xf104) };
        let samples = sample::all();
        for round in 0..20_000 {
            let mut bytes = samples[random() as usize % samples.len()].1.clone();
            if round % 4 == 0 {
                bytes.extend(&samples[random() as usize % samples.len()].1);
            }
            if round % 7 == 0 {
                bytes.iter_mut().for_each(|byte| *byte = random() as u8);
            }
            for _ in 0..random() % 5 {
                let place = random() as usize % bytes.len();
                bytes[place] = random() as u8 >> (random() % 8);
            }
            bytes.truncate(random() as usize % (2 * bytes.len()) + 1);
            let reported = bytes.len() + (random() % 3) as usize;
            let report = told(&bytes, reported, &context);
            assert_covered(&report, bytes.len(), "any bytes");
            let known = report.items().iter().filter(|item| item.field == M::TICKET_USES);
            let read: usize = messages(&bytes, 0..reported)
                .map(|message| match message.body {
                    super::super::Body::ClientHello(hello) => hello.tickets.count(),
                    super::super::Body::NewSessionTicket(tickets) => tickets.count(),
                    _ => 0,
                })
                .sum();
            assert!(known.count() >= read, "{bytes:02x?}");
            let mut report = Report::default();
            report.begin(TABLE, Wanted::ALL, bytes.len());
            show_alert(&mut report, 0..reported, &bytes, &context);
            assert_covered(&report, bytes.len(), "any bytes");
        }
    }
}
