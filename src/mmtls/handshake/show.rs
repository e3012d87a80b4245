// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user sees of a message, and what is wrong with it, on the bytes to blame.
//!
//! Bytes whose layout is not known may hold a ticket, in whichever way they came there: they show only where the user
//! asks for account data.

use std::ops::Range;

use super::context::Context;
use super::read::{RANDOM_LEN, VERIFY_LEN, another, ticket};
use super::walk::{Label, List, Walk};
use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::kernel::rows::name_of;
use crate::kernel::time::SECOND;
use crate::mmtls::code::{extension, kind};
use crate::mmtls::fields::{ALERTS, EXTENSIONS, FAULTS, M, MESSAGES, MN, TICKETS, VERSIONS};

/// Length of an uncompressed point.
const POINT_LEN: usize = 65;

/// Shows the handshake messages that are the content of a record, which lies at `content` of the report's source at
/// hand; `bytes` are those of the source that were captured.
pub fn show(report: &mut Report, content: Range<usize>, bytes: &[u8], context: &Context<'_>) {
    let mut reader = Reader::new(bytes, content, FAULTS);
    let mut walk = Walk::new(report, context);
    walk.message(&mut reader);
    while another(&reader) && walk.has_room(&mut reader, "messages") {
        walk.message(&mut reader);
    }
    walk.left_over(&mut reader, "the message");
}

/// Shows the alert that is the content of a record: see [`show`].
pub fn show_alert(report: &mut Report, content: Range<usize>, bytes: &[u8], context: &Context<'_>) {
    let mut reader = Reader::new(bytes, content, FAULTS);
    let mut walk = Walk::new(report, context);
    walk.tree(&mut reader, M::ALERT, |walk, reader| {
        let mut inside = walk.long_block(reader, M::ALERT_LEN, "the alert")?;
        let code = walk.u16(&mut inside, M::ALERT_CODE, "the code")?;
        walk.u8(&mut inside, M::ALERT_LEVEL, "the level")?;
        walk.left_over(&mut inside, "the alert");
        Some(Label::of(ALERTS, code.into()))
    });
    walk.left_over(&mut reader, "the alert");
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
        let (Some(at), Some(verified)) = (at, self.context.verified) else { return Some(()) };
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
        let mut all = self.long_block(reader, M::EXTENSIONS_LEN, "the list of extensions")?;
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
        // It names the ticket as well as its own bytes do.
        let mut nonce = self.short_block(reader, M::TICKET_NONCE_LEN, "the nonce")?;
        self.account(&mut nonce, M::TICKET_NONCE);
        let mut sealed = self.short_block(reader, M::TICKET_OPAQUE_LEN, "the ticket")?;
        match whole {
            None => self.unknown(&mut sealed),
            Some(ticket) => {
                if self.report.wants(M::TICKET_ID) {
                    let id = ticket.shown(self.context.shared);
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
}

/// Of a second since 1970.
fn nanoseconds(second: u32) -> u64 {
    u64::from(second).saturating_mul(SECOND.unsigned_abs())
}
