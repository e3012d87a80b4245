// SPDX-License-Identifier: GPL-2.0-or-later
//! What a protocol is to the rest: a row of what it offers, and the state of one capture.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fmt::{self, Write as _};

use super::line::Lines;
use super::record::{ValueRow, View};
use super::report::Report;
use super::rows::{Field, Note, Preference};
use super::segment::{Segment, Step};
use super::tick::{ResponseTimes, Table, Tree};

/// Who sent what a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nobody knows.
    Unknown,
    /// The client.
    Client,
    /// The server.
    Server,
}

/// A record in words, for a dialogue or a graph.
#[derive(Clone, Copy, Debug)]
pub struct Sentence<'a> {
    /// One line.
    pub line: &'a CStr,
    /// A name that many share.
    pub label: &'a CStr,
    /// Who said it.
    pub side: Side,
    /// Whether a dialogue has the record's bytes, of which there may be none, and not the line.
    pub raw: bool,
}

/// Records as a dialogue and as a graph.
#[derive(Clone, Copy, Debug)]
pub struct Dialogue {
    /// What the graph is called in menus.
    pub flow_title: &'static CStr,
    /// What a record says.
    pub sentence: for<'a> fn(View<'a>) -> Sentence<'a>,
    /// A display filter for all that belongs to one dialogue, by its number ([`State::dialogue`]).
    pub filter: fn(u32) -> String,
}

/// A table in which other dissectors register for bytes of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct OfferTable {
    /// Its name.
    pub name: &'static CStr,
    /// Its title.
    pub title: &'static CStr,
    /// Name of the list of heuristics that are tried where nobody registered; tables may share one.
    pub heuristics: &'static CStr,
    /// Name of the host's own dissector that gets what nobody else takes, and a hand-off's words. What it would
    /// write into columns stays out of them.
    pub fallback: Option<&'static CStr>,
    /// Names of dissectors of the host's that a user may choose for a key (Decode As).
    pub choices: &'static [&'static CStr],
}

impl OfferTable {
    /// One that nobody of the host's takes anything from.
    pub const fn new(name: &'static CStr, title: &'static CStr, heuristics: &'static CStr) -> Self {
        Self { name, title, heuristics, fallback: None, choices: &[] }
    }
}

/// A protocol: everything that a host registers of it.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Number of its table of fields, and of notes.
    pub table: u16,
    /// The table whose protocol its words stand under: its own, except of what several share.
    pub under: u16,
    /// Whether it lies in streams, whose bytes it takes apart into PDUs.
    pub on_streams: bool,
    /// Whether it lies in the messages of HTTP.
    pub in_http: bool,
    /// Its fields; the first is the protocol's own.
    pub fields: &'static [Field],
    /// Its notes.
    pub notes: &'static [Note],
    /// Its preferences.
    pub preferences: &'static [Preference],
    /// Tables in which others register for what is inside; a hand-off names one by its number, as fields are named.
    pub offers: &'static [OfferTable],
    /// Whether objects that reports have are exported under its name. Of one protocol at most.
    pub exports: bool,
    /// Values of its records.
    pub values: &'static [ValueRow],
    /// Its tree of counters.
    pub tree: Option<Tree>,
    /// Its response times.
    pub response_times: Option<ResponseTimes>,
    /// Its table of delays.
    pub delays: Option<Table>,
    /// Its records as lines.
    pub lines: Option<Lines>,
    /// Its records as a dialogue.
    pub dialogue: Option<Dialogue>,
    /// Titles of its filters for a packet.
    pub packet_filters: &'static [&'static CStr],
}

impl Protocol {
    /// One that has words only.
    pub const fn new(table: u16, fields: &'static [Field], notes: &'static [Note]) -> Self {
        Self {
            table,
            under: table,
            on_streams: false,
            in_http: false,
            fields,
            notes,
            preferences: &[],
            offers: &[],
            exports: false,
            values: &[],
            tree: None,
            response_times: None,
            delays: None,
            lines: None,
            dialogue: None,
            packet_filters: &[],
        }
    }
}

/// Where a packet stands.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Its number.
    pub number: u32,
    /// Number of its stream, unique in the capture.
    pub stream: u32,
    /// The same as the host shows it.
    pub shown_stream: u32,
}

/// Packets that one filter names; more of them would make it unreadable.
const MOST_PACKETS: usize = 64;

/// A display filter for packets that belong to each other; none for one that is alone.
pub fn packets_filter(packets: impl Iterator<Item = u32>) -> Option<String> {
    let packets: BTreeSet<u32> = packets.take(MOST_PACKETS).collect();
    if packets.len() < 2 {
        return None;
    }
    let mut filter = String::new();
    for number in packets {
        let or = if filter.is_empty() { "" } else { " || " };
        write!(filter, "{or}frame.number == {number}").ok()?;
    }
    Some(filter)
}

/// The first bytes of a stream that may be somebody else's, or the first that the capture has of it.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// Captured bytes.
    pub data: &'a [u8],
    /// Whether the capture holds the stream's beginning.
    pub began: bool,
    /// Whether the port is one that nobody gave to WeChat.
    pub any_port: bool,
}

/// Whether a stream is a protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// It is not, by what has come so far.
    No,
    /// There are too few bytes to tell.
    Perhaps,
    /// It is.
    Yes,
}

/// A protocol's state in one capture.
pub trait State: fmt::Debug {
    /// Whether a stream of its own begins like this.
    fn begins(&self, _: &Start<'_>) -> Begins {
        Begins::No
    }

    /// Whether it wants streams on any port.
    fn tries_any_port(&self) -> bool {
        false
    }

    /// The first visit comes to a stream that another protocol has inside, its carrier: that one's part of this number.
    fn begin_inside(&mut self, _stream: u32, _part: u32, _carrier: &'static str) {}

    /// Deals with the PDU at the start of a segment.
    fn step(&mut self, segment: &Segment<'_>, report: &mut Report) -> Step;

    /// Says in a report that it failed on so many bytes.
    fn failed(&self, report: &mut Report, length: usize);

    /// Number of the dialogue that a packet belongs to; mostly that of its stream, as the host shows it.
    fn dialogue(&self, packet: Packet) -> Option<u32> {
        Some(packet.shown_stream)
    }

    /// A filter of the table for a packet, if it has anything to show.
    fn packet_filter(&self, filter: usize, packet: Packet) -> Option<String>;
}
