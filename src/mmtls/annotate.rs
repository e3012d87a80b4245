// SPDX-License-Identifier: GPL-2.0-or-later
//! Record and session to report: what a user sees of a PDU.

use std::fmt::{self, Display};
use std::ops::Range;

use bytes::Bytes;

use super::fields::{M, MN, TABLE, TYPES};
use super::handshake::{self, AlertSentence, Body, Context, Sentence, Ticket, TicketFacts};
use super::keys::{AboutKeys, Closed};
use super::record::{HEADER_LEN, Header, LONGEST, VERSIONS, at, kind};
use super::session::{Content, Event, Flow, Session, Sessions, frame_len};
use super::settings::Settings;
use crate::kernel::framing::{self, Header as _, Skipped, Why};
use crate::kernel::report::{HandOff, Piece, Report};
use crate::kernel::rows::{name_of, number_of};
use crate::kernel::segment::Segment;
use crate::wechat::operation::Sender;

/// The table in which others register for data.
const DATA_TABLE: u16 = number_of(TABLE, 0);
/// Its key of data on streams: the long link.
pub const ON_STREAMS: u32 = 0;
/// Its key of data in HTTP: the short link.
pub const IN_HTTP: u32 = 1;

/// A record and everything that is known of it.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// Its header.
    pub header: Header,
    /// What was captured of it.
    pub data: &'a [u8],
    /// Its bytes in the packet, captured or not.
    pub extent: usize,
    /// Where it is from.
    pub segment: &'a Segment<'a>,
    /// What the first visit decided.
    pub event: Event,
    /// Whether what lies ahead of it is known, too.
    pub later: bool,
    /// Whether more data may follow from its side.
    pub more: bool,
    /// What was encrypted, if a key has opened it.
    pub plain: Option<Bytes>,
    /// What is to be said of the key log here.
    pub about_keys: Option<&'a AboutKeys>,
    /// All sessions.
    pub sessions: &'a Sessions,
    /// What is set.
    pub settings: &'a Settings,
}

impl Known<'_> {
    /// Its session.
    pub fn session(&self) -> Option<&Session> {
        self.sessions.session(self.event.session)
    }

    /// How that begins, as far as it is known.
    pub fn flow(&self) -> Flow {
        self.session().map_or(Flow::Unknown, |session| session.flow)
    }

    /// What lies behind the header, captured or not.
    fn content(&self) -> Range<usize> {
        HEADER_LEN.min(self.extent)..self.extent
    }

    /// Whether anybody can read it.
    pub fn is_clear(&self) -> bool {
        self.event.content == Content::Clear
    }

    /// The bytes in which messages lie, and where.
    fn readable(&self) -> Option<(&[u8], Range<usize>)> {
        match &self.plain {
            Some(plain) => Some((plain, 0..plain.len())),
            None => self.is_clear().then(|| (self.data, self.content())),
        }
    }

    /// The first ticket that the client offers in it.
    pub fn offered(&self) -> Option<Ticket<'_>> {
        let (bytes, content) = self.readable().filter(|_| self.header.kind != kind::DATA)?;
        let mut all = handshake::messages(bytes, content).take(MOST_MESSAGES);
        all.find_map(|message| match message.body {
            Body::ClientHello(hello) => hello.tickets.clone().next(),
            _ => None,
        })
    }
}

/// Shows a record. The source of data that a key has opened.
pub fn record(report: &mut Report, what: &What<'_>) -> Option<u16> {
    let What { known, context } = what;
    let mut opened = None;
    report.set_info(format_args!("{what}"));
    report.subtree(M::MMTLS, 0..known.extent, format_args!(", {what}"), |report| {
        header(report, known);
        session(report, known);
        about_keys(report, known);
        if known.is_clear() {
            messages(report, known, known.data, known.content(), context);
        } else {
            opened = encrypted(report, known, context);
        }
    });
    opened
}

/// What the sessions know of the tickets of a record's messages, in their order.
pub fn tickets(known: &Known<'_>) -> Vec<TicketFacts> {
    let ids = ticket_ids(known);
    let issues = known.event.sender == Some(Sender::Server);
    known.sessions.ticket_facts(&known.event, &ids, issues, known.later)
}

/// What stands for the tickets of a record's messages, in their order.
fn ticket_ids(known: &Known<'_>) -> Vec<u64> {
    let Some((bytes, content)) = known.readable().filter(|_| known.header.kind != kind::DATA) else {
        return Vec::new();
    };
    let key = &known.settings.shared.key;
    let tickets =
        handshake::messages(bytes, content).take(MOST_MESSAGES).filter_map(|message| match message.body {
            Body::ClientHello(hello) => Some(hello.tickets),
            Body::NewSessionTicket(tickets) => Some(tickets),
            _ => None,
        });
    tickets.flatten().take(MOST_MESSAGES).map(|ticket| ticket.id(key).number()).collect()
}

/// More messages or tickets than any record has.
pub const MOST_MESSAGES: usize = 8;

/// What the session knows of a record's messages.
fn context<'a>(known: &'a Known<'_>, tickets: &'a [TicketFacts]) -> Context<'a> {
    let session = known.session();
    let hello = session.and_then(|session| session.hello.as_ref());
    Context {
        early: known.header.kind == kind::EARLY,
        tickets,
        clock_offset: hello.and_then(|hello| hello.clock_offset),
        path_time: session.and_then(Session::path_time),
        replay_of: hello.and_then(|hello| hello.replay_of),
        hello_time: hello.and_then(|hello| hello.time),
        verified: known.event.verified,
        ..Context::new(&known.settings.shared, known.header.version)
    }
}

fn header(report: &mut Report, known: &Known<'_>) {
    let header = known.header;
    report.wire(M::TYPE, at::TYPE);
    if name_of(TYPES, header.kind.into()).is_none() {
        let words = format_args!("records of type {:#04x} are unknown", header.kind);
        report.note(MN::TYPE_UNKNOWN, at::TYPE, words);
    }
    report.wire(M::VERSION, at::VERSION);
    if !VERSIONS.contains(&header.version) {
        let words = format_args!("version {:04X} is neither F103 nor F104", header.version);
        report.note(MN::VERSION_UNKNOWN, at::VERSION, words);
    }
    report.wire(M::LENGTH, at::LENGTH);
    let (length, missing) = (header.length, (header.pdu_len() as usize).saturating_sub(known.extent));
    if length == 0 {
        report.note(MN::EMPTY, at::LENGTH, format_args!("a record without content"));
    } else if known.event.wrong_length {
        let there = known.extent;
        let words =
            format_args!("length {length}, but the next record begins after {there} bytes of this one");
        report.note(MN::LENGTH_WRONG, at::LENGTH, words);
    } else if missing > 0 {
        let all = header.pdu_len();
        let words = format_args!("the record has {all} bytes, {} of them are here", known.extent);
        report.note(MN::TRUNCATED, 0..known.extent, words);
    } else if length > LONGEST {
        let words = format_args!("length {length} is beyond {LONGEST}, the longest known");
        report.note(MN::LENGTH_BEYOND_KNOWN, at::LENGTH, words);
    }
    if known.data.len() < known.extent {
        let words =
            format_args!("{} of {} bytes of the record were captured", known.data.len(), known.extent);
        report.note(MN::NOT_CAPTURED, 0..known.data.len(), words);
    }
    if let Some(seq) = known.event.seq {
        report.generated(M::SEQ, 0..HEADER_LEN, seq.into());
    }
}

fn session(report: &mut Report, known: &Known<'_>) {
    let all = 0..0;
    report.generated(M::SESSION, all.clone(), known.event.session.into());
    report.text_value(M::FLOW, all.clone(), known.flow().words());
    if known.is_clear() {
        return;
    }
    report.generated(M::OPENED, all.clone(), known.plain.is_some().into());
    match (known.event.opening, known.event.closed) {
        (Some(opening), _) => report.text_value(M::KEY_SOURCE, all, opening.source.words()),
        (None, Some(why)) => report.text_value(M::WHY_CLOSED, all, why.words()),
        (None, None) => {}
    }
}

/// What is wrong with the key log, once in a capture.
fn about_keys(report: &mut Report, known: &Known<'_>) {
    let Some(about) = known.about_keys else { return };
    if let Some(error) = &about.error {
        report.note(MN::KEYLOG_UNREADABLE, 0..0, format_args!("the key log cannot be read: {error}"));
    }
    if about.wrong_lengths > 0 {
        let words = format_args!("{} lines of the key log have keys of a wrong length", about.wrong_lengths);
        report.note(MN::KEYLOG_WRONG_LENGTH, 0..0, words);
    }
}

/// What the order of records and their length tell.
fn inferred(report: &mut Report, known: &Known<'_>) {
    let Some(words) = known.event.content.words() else { return };
    let all = 0..0;
    report.text_value(M::INFERRED, all.clone(), words);
    let in_http = known.session().is_some_and(|session| session.in_http);
    let is_frame = matches!(known.event.content, Content::Data | Content::Heartbeat) && !in_http;
    if let Some(length) = frame_len(known.header).filter(|_| is_frame) {
        report.generated(M::INFERRED_FRAME_LEN, all.clone(), length.into());
    }
    let Some(partner) = known.event.partner else { return };
    let time = match known.event.sender {
        Some(Sender::Client) => M::INFERRED_HEARTBEAT_INTERVAL,
        _ => {
            report.generated(M::INFERRED_RESPONSE_TO, all.clone(), partner.packet.into());
            M::INFERRED_RESPONSE_TIME
        }
    };
    report.generated(time, all, partner.elapsed as u64);
}

/// Shows what is encrypted. The source of data that a key has opened.
fn encrypted(report: &mut Report, known: &Known<'_>, context: &Context<'_>) -> Option<u16> {
    let content = known.content();
    let Some(plain) = &known.plain else {
        inferred(report, known);
        if !content.is_empty() {
            let length = content.len();
            let words = format_args!(" ({length} bytes)");
            report.wire_labelled(M::ENCRYPTED, content.start..content.end.min(known.data.len()), words);
        }
        if known.event.closed == Some(Closed::Tag) {
            let words = format_args!("a line of the key log names the record, and its key does not fit");
            report.note(MN::TAG, content, words);
        }
        return None;
    };
    let length = plain.len();
    report.generated(M::PLAIN_LEN, 0..0, length as u64);
    let in_http = known.session().is_some_and(|session| session.in_http);
    let mut data = None;
    report.derived(M::ENCRYPTED, content, plain.clone(), "Decrypted MMTLS", |report, source| {
        if known.header.kind != kind::DATA {
            return messages(report, known, plain, 0..length, context);
        }
        data = Some(source);
        report.wire_labelled(M::PLAIN, 0..length, format_args!(" ({length} bytes)"));
        if length > 0 {
            report.hand_off(HandOff {
                table: DATA_TABLE,
                key: if in_http { IN_HTTP } else { ON_STREAMS },
                source,
                start: 0,
                length,
                piece: Piece::At { part: known.event.session, position: known.event.inner, more: known.more },
                inner: None,
                words: 0,
                instead: None,
            });
        }
    });
    data
}

/// The messages or the alert of a record.
fn messages(
    report: &mut Report,
    known: &Known<'_>,
    bytes: &[u8],
    content: Range<usize>,
    context: &Context<'_>,
) {
    match known.header.kind {
        kind::ALERT => handshake::show_alert(report, content, bytes, context),
        _ => handshake::show(report, content, bytes, context),
    }
}

/// A record in words.
#[derive(Debug)]
pub struct What<'a> {
    known: &'a Known<'a>,
    context: Context<'a>,
}

impl<'a> What<'a> {
    /// Of a record and what is known of its tickets: see [`tickets`].
    pub fn new(known: &'a Known<'a>, tickets: &'a [TicketFacts]) -> Self {
        Self { known, context: context(known, tickets) }
    }
}

impl Display for What<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known { header, event, .. } = self.known;
        let readable = self.known.readable();
        match (header.kind, readable) {
            (kind::ALERT, Some((bytes, content))) => {
                write!(out, "{}", AlertSentence(handshake::alert(bytes, content)))
            }
            (kind::HANDSHAKE | kind::EARLY, Some((bytes, content))) => {
                write!(out, "{}", Sentence::new(bytes, content, &self.context))
            }
            (kind::DATA, Some((bytes, _))) => write!(out, "Data, {} bytes", bytes.len()),
            (kind, _) => {
                let name =
                    name_of(TYPES, kind.into()).and_then(|name| name.to_str().ok()).unwrap_or("Record");
                let in_http = self.known.session().is_some_and(|session| session.in_http);
                match (event.content, frame_len(*header)) {
                    (Content::Data, Some(length)) if !in_http => write!(out, "Data, {length}-byte frame"),
                    (Content::Data, Some(length)) => write!(out, "Data, {length} bytes"),
                    (Content::Heartbeat, _) => out.write_str("Data, heartbeat"),
                    (Content::ClosingAlert, _) => out.write_str("Alert, end"),
                    (content, _) => out.write_str(content.words().unwrap_or(name)),
                }
            }
        }
    }
}

/// The words of bytes in which no record is shown.
const SKIPPED: Skipped = Skipped {
    own: M::MMTLS,
    pdu: "record",
    skipped: M::SKIPPED,
    continuation: M::CONTINUATION,
    proxy: M::PROXY,
    resynchronised: MN::RESYNCHRONISED,
    out_of_step: MN::OUT_OF_STEP,
    truncated: MN::TRUNCATED,
    segment_missing: MN::SEGMENT_MISSING,
    seen_before: MN::SEEN_BEFORE,
    not_captured: MN::NOT_CAPTURED,
};

/// Shows bytes in which no record is shown; `data` is what was captured of `length`.
pub fn skipped(report: &mut Report, data: &[u8], length: usize, why: Why) {
    framing::skipped::<Header>(report, &SKIPPED, data, length, why);
}

/// Shows a record that never became whole, as far as it came.
pub fn unfinished(report: &mut Report, data: &[u8], extent: usize, header: Header) {
    let name = name_of(TYPES, header.kind.into()).and_then(|name| name.to_str().ok()).unwrap_or("Record");
    let words = format_args!("{name}, {extent} of {} bytes", header.pdu_len());
    report.set_info(words);
    report.subtree(M::MMTLS, 0..extent, format_args!(", {words}"), |report| {
        report.wire(M::TYPE, at::TYPE);
        report.wire(M::VERSION, at::VERSION);
        report.wire(M::LENGTH, at::LENGTH);
        report.wire(M::ENCRYPTED, HEADER_LEN.min(data.len())..data.len());
        report.note(MN::TRUNCATED, 0..extent, format_args!("the rest of the record was not seen"));
    });
}

/// Says that the dissector failed on `length` bytes.
pub fn internal_error(report: &mut Report, length: usize) {
    report.set_info(format_args!("[dissector failed]"));
    report.note(MN::FAILED, 0..length, format_args!("the dissector failed on this record: please report it"));
}
