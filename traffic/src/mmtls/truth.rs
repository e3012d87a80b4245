// SPDX-License-Identifier: GPL-2.0-or-later
//! What a capture of MMTLS was meant to hold: rows of sessions, records, frames, business packets and calls, to
//! compare a dissector with.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::key_log::{KeyLog, Opening, hex};
use super::record::{Epoch, Record, Version, What};
use super::session::Handshake;
use super::story::{Frame, Part, Story};
use super::ticket::TicketKind;
use crate::capture::{BASE_TIME, Capture};
use crate::packet::Direction;
use crate::pdu::{RESPONSE_OFFSET, seq};
use crate::truth::Arrivals;

/// What opens something, by the name of the key log. What is not there stays closed.
pub type Opened = BTreeMap<String, Opening>;

/// What became of a record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All are in the capture, none of them changed.
    Intact,
    /// All are in the capture, and the header is right, but others were changed.
    Changed,
    /// Some are missing, or the header is wrong.
    Broken,
}

/// One line of truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum Row {
    /// In the order of first records.
    Session(SessionRow),
    /// Session by session, in the order of writing.
    Record(RecordRow),
    /// Session by session, in the order of writing.
    Frame(FrameRow),
    /// In the order of frames and calls.
    Business(BusinessRow),
    /// In the order of asking.
    Call(CallRow),
}

/// A ticket, as a ClientHello has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRow {
    /// Access or refresh.
    pub kind: TicketKind,
    /// In seconds.
    pub lifetime: u32,
    /// The server's part of it, in hex.
    pub id: String,
    /// How many sessions of the capture offer it.
    pub uses: usize,
    /// Which of them this is, from 1.
    pub nth: usize,
    /// The session that issued it; none if the capture does not have it.
    pub issued_in: Option<usize>,
    /// The packet that brought it.
    pub issued_packet: Option<usize>,
    /// From that packet to the ClientHello's.
    pub age_us: Option<u64>,
}

/// A session. Packets are counted from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Counted from 0 by first records.
    pub session: usize,
    /// Number of the TCP connection, in the order of first packets.
    pub stream: usize,
    /// `tcp` or `http`.
    pub carrier: String,
    /// Address and port.
    pub client: String,
    /// Address and port.
    pub server: String,
    /// How it begins.
    pub flow: Handshake,
    /// In all its records.
    pub version: Version,
    /// The client's random, in hex.
    pub random: String,
    /// What the client's clock said.
    pub client_time: u32,
    /// The client's clock less the capture's, in microseconds, by the packet of the ClientHello.
    pub clock_offset_us: Option<i64>,
    /// The digits of the POST's path.
    pub path: Option<String>,
    /// The second that they follow from, if they do.
    pub path_time: Option<u32>,
    /// What the ClientHello offers.
    pub ticket: Option<TicketRow>,
    /// The session whose ClientHello this one repeats.
    pub replay_of: Option<usize>,
    /// How many of its records are in the capture, with their headers right.
    pub records: usize,
    /// Their bytes, headers included.
    pub bytes: usize,
    /// The packet of the first of them.
    pub first_packet: Option<usize>,
    /// The packet of the last of them.
    pub last_packet: Option<usize>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRow {
    /// Its session's number.
    pub session: usize,
    /// Number of the TCP connection.
    pub stream: usize,
    /// From whom.
    pub dir: Direction,
    /// In the header.
    #[serde(rename = "type")]
    pub kind: u8,
    /// In the header.
    pub version: Version,
    /// In the header: without its five bytes.
    pub length: usize,
    /// Counts the records of its direction, from 0.
    pub seq: u64,
    /// What it carries.
    pub what: What,
    /// With which keys it was sealed.
    pub epoch: Option<Epoch>,
    /// Length of its content, unsealed.
    pub plain_len: usize,
    /// What became of its bytes.
    pub state: State,
    /// The packet of its first byte, or of HTTP's message.
    pub first_packet: Option<usize>,
    /// The packet of its last byte, or that with which HTTP's message was whole.
    pub packet: Option<usize>,
    /// What opens it.
    pub opened: Opened,
}

/// A frame of the long link inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameRow {
    /// Its session's number.
    pub session: usize,
    /// Number of the TCP connection.
    pub stream: usize,
    /// From whom.
    pub dir: Direction,
    /// Operation.
    pub op: u32,
    /// Sequence.
    pub seq: u32,
    /// Length of the whole frame.
    pub packet_len: u32,
    /// Whether all records with bytes of it are intact.
    pub intact: bool,
    /// The packet with which it was whole.
    pub packet: Option<usize>,
    /// The packet of its request or its response, if that is intact.
    pub partner: Option<usize>,
    /// The numbers of its records.
    pub records: Vec<u64>,
    /// Which key logs open all of them.
    pub opened: Vec<String>,
}

/// A business packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessRow {
    /// The session it is in; none in plain HTTP.
    pub session: Option<usize>,
    /// Number of the TCP connection.
    pub stream: usize,
    /// From whom.
    pub dir: Direction,
    /// The packet of its frame or message.
    pub packet: Option<usize>,
    /// Which call.
    pub cgi_type: u32,
    /// In its header.
    pub algorithm: u8,
    /// Header and payload.
    pub len: usize,
    /// Length of the opened text.
    pub plain_len: usize,
    /// Length of what it inflates to; the same if it is not compressed.
    pub inflated_len: usize,
    /// The message, in hex.
    pub message: String,
    /// What opens it, once it is laid open by what it is in.
    pub opened: Opened,
}

/// A call of the short link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// The session it is in; none in plain HTTP.
    pub session: Option<usize>,
    /// Number of the TCP connection.
    pub stream: usize,
    /// `mmtls` or `http`.
    pub carrier: String,
    /// All of it.
    pub uri: String,
    /// To whom.
    pub host: String,
    /// The last part of the URI.
    pub name: String,
    /// In the business header.
    pub cgi_type: Option<u32>,
    /// Length of the business packet.
    pub request_len: Option<usize>,
    /// Length of the answer's.
    pub answer_len: Option<usize>,
    /// Packet with which the request was whole.
    pub request: Option<usize>,
    /// Packet with which the answer was whole.
    pub answer: Option<usize>,
    /// Between the two.
    pub time_us: Option<u64>,
}

/// Where a part of a story came to.
#[derive(Clone, Copy, Default)]
struct Place {
    first: Option<usize>,
    last: Option<usize>,
    intact: bool,
}

struct Finder<'a> {
    story: &'a Story,
    capture: &'a Capture,
    arrivals: Arrivals,
    /// Of each part of the story.
    places: Vec<Place>,
    /// Of each record, its part.
    parts: HashMap<(usize, usize), usize>,
    /// Of each message, its part.
    messages: Vec<Option<usize>>,
    /// Of each session, its number.
    numbers: Vec<Option<usize>>,
}

impl<'a> Finder<'a> {
    fn new(story: &'a Story, capture: &'a Capture) -> io::Result<Self> {
        let arrivals = Arrivals::of(capture)?;
        let mut places = vec![Place::default(); story.parts.len()];
        for placed in capture.parts() {
            let first = placed.range.start..(placed.range.start + 1).min(placed.range.end);
            let (first, _) = arrivals.find(placed.flow, placed.direction, &first);
            let (last, whole) = arrivals.find(placed.flow, placed.direction, &placed.range);
            let intact = placed.intact && whole && last.is_some();
            places[placed.part] = Place { first, last, intact };
        }
        let mut parts = HashMap::new();
        let mut messages = vec![None; story.messages.len()];
        for (part, what) in story.parts.iter().enumerate() {
            match *what {
                Part::Record(session, record) => {
                    parts.insert((session, record), part);
                }
                Part::Message(message) => {
                    messages[message] = Some(part);
                    let records = story.messages[message].records.iter();
                    for (session, records) in records {
                        parts.extend(records.iter().map(|&record| ((*session, record), part)));
                    }
                }
            }
        }
        let mut finder = Self { story, capture, arrivals, places, parts, messages, numbers: Vec::new() };
        finder.numbers = finder.number_sessions();
        Ok(finder)
    }

    fn place(&self, session: usize, record: usize) -> Place {
        self.parts.get(&(session, record)).map_or_else(Place::default, |&part| self.places[part])
    }

    fn state(&self, session: usize, record: usize) -> State {
        let changed = self.story.sessions[session].records[record].changed.is_some();
        match (self.place(session, record).intact, changed) {
            (false, _) => State::Broken,
            (true, true) => State::Changed,
            (true, false) => State::Intact,
        }
    }

    fn message(&self, message: Option<usize>) -> Place {
        let part = message.and_then(|message| self.messages[message]);
        part.map_or_else(Place::default, |part| self.places[part])
    }

    /// By the packet of the first record that is there, and in a packet by the order of the story.
    fn number_sessions(&self) -> Vec<Option<usize>> {
        let first = |session: usize| {
            let records = 0..self.story.sessions[session].records.len();
            let there = records.filter(|&record| self.state(session, record) != State::Broken);
            there.filter_map(|record| self.place(session, record).last).min()
        };
        let sessions = 0..self.story.sessions.len();
        let mut order: Vec<(usize, usize)> =
            sessions.clone().filter_map(|session| Some((first(session)?, session))).collect();
        order.sort_unstable();
        sessions.map(|session| order.iter().position(|&(_, ordered)| ordered == session)).collect()
    }

    fn stream(&self, session: usize) -> usize {
        self.arrivals.stream(self.story.carried_by[session]).unwrap_or_default()
    }

    fn time(&self, packet: usize) -> Duration {
        self.capture.packets()[packet - 1].time
    }

    fn between(&self, from: Option<usize>, to: Option<usize>) -> Option<u64> {
        Some(self.time(to?).saturating_sub(self.time(from?)).as_micros() as u64)
    }
}

/// The rows of a capture.
pub fn rows(story: &Story, capture: &Capture, logs: &[KeyLog]) -> io::Result<Vec<Row>> {
    let finder = Finder::new(story, capture)?;
    let present = |session, record| finder.state(session, record) == State::Intact;
    let opened: Vec<_> = logs.iter().map(|log| log.records(story, &present)).collect();
    let opens = |session: usize, record: usize| -> Opened {
        let by = logs.iter().zip(&opened);
        by.filter_map(|(log, opened)| Some((log.name.to_owned(), opened[session][record]?))).collect()
    };
    let mut ordered: Vec<(usize, usize)> =
        (0..story.sessions.len()).filter_map(|session| Some((finder.numbers[session]?, session))).collect();
    ordered.sort_unstable();

    let mut rows: Vec<Row> =
        ordered.iter().map(|&(_, session)| Row::Session(session_row(&finder, session))).collect();
    for &(number, session) in &ordered {
        for (record, sealed) in story.sessions[session].records.iter().enumerate() {
            let row = record_row(&finder, (session, number), record, sealed, opens(session, record));
            rows.push(Row::Record(row));
        }
    }
    let frames = frame_rows(&finder, &opens);
    rows.extend(frames.iter().flatten().cloned().map(Row::Frame));
    rows.extend(business_rows(&finder, &frames, logs).into_iter().map(Row::Business));
    rows.extend(story.calls.iter().map(|call| {
        let [request, answer] = call.messages.map(|message| finder.message(message));
        let [request_len, answer_len] =
            call.packets.map(|packet| packet.map(|packet| story.packets[packet].bytes.len()));
        let flow = call_connection(&finder, call.messages);
        Row::Call(CallRow {
            session: call.session.and_then(|session| finder.numbers[session]),
            stream: flow.and_then(|flow| finder.arrivals.stream(flow)).unwrap_or_default(),
            carrier: if call.session.is_some() { "mmtls" } else { "http" }.into(),
            uri: call.uri.clone(),
            host: call.host.clone(),
            name: call.uri.rsplit('/').next().unwrap_or_default().into(),
            cgi_type: call.cgi_type,
            request_len,
            answer_len,
            request: request.last,
            answer: answer.last,
            time_us: finder.between(request.last, answer.last),
        })
    }));
    Ok(rows)
}

/// The flow of a call's messages.
fn call_connection(finder: &Finder, messages: [Option<usize>; 2]) -> Option<usize> {
    let part = messages.into_iter().flatten().find_map(|message| finder.messages[message])?;
    finder.capture.parts().iter().find(|placed| placed.part == part).map(|placed| placed.flow)
}

fn session_row(finder: &Finder, session: usize) -> SessionRow {
    let of = &finder.story.sessions[session];
    let connection = &finder.story.connections[finder.story.carried_by[session]];
    let there: Vec<usize> =
        (0..of.records.len()).filter(|&record| finder.state(session, record) != State::Broken).collect();
    let packets = there.iter().filter_map(|&record| finder.place(session, record).last);
    let hello = finder.place(session, 0);
    let hello_packet = hello.last.filter(|_| hello.intact);
    let in_http = finder
        .story
        .messages
        .iter()
        .any(|message| message.records.as_ref().is_some_and(|(carried, _)| *carried == session));
    let clock_offset_us = hello_packet.map(|packet| {
        let capture = (BASE_TIME + finder.time(packet)).as_micros() as i64;
        i64::from(of.start.time) * 1_000_000 - capture
    });
    let path = finder.story.paths.get(&session);
    let sessions = &finder.story.sessions;
    let replay_of = (0..session).find(|&earlier| sessions[earlier].random == of.random);
    SessionRow {
        session: finder.numbers[session].unwrap_or_default(),
        stream: finder.stream(session),
        carrier: if in_http { "http" } else { "tcp" }.into(),
        client: connection.endpoints.client.to_string(),
        server: connection.endpoints.server.to_string(),
        flow: of.start.handshake,
        version: of.start.version,
        random: hex(&of.random),
        client_time: of.start.time,
        clock_offset_us,
        path: path.map(|(digits, _)| digits.clone()),
        path_time: path.and_then(|(_, official)| official.then_some(of.start.time)),
        ticket: ticket_row(finder, session, hello_packet),
        replay_of: replay_of.and_then(|earlier| finder.numbers[earlier]),
        records: there.len(),
        bytes: there.iter().map(|&record| of.records[record].wire.len()).sum(),
        first_packet: packets.clone().min(),
        last_packet: packets.max(),
    }
}

fn ticket_row(finder: &Finder, session: usize, hello: Option<usize>) -> Option<TicketRow> {
    let held = finder.story.sessions[session].start.ticket.as_ref()?;
    let ticket = &held.ticket;
    let offers = |other: &usize| {
        let other = &finder.story.sessions[*other];
        other.start.ticket.as_ref().is_some_and(|held| held.ticket.ticket == ticket.ticket)
    };
    let hello_seen = |other: &usize| finder.state(*other, 0) == State::Intact;
    let users: Vec<usize> = (0..finder.story.sessions.len()).filter(offers).filter(hello_seen).collect();
    let own = finder.numbers[session];
    let nth = users.iter().filter(|&&user| finder.numbers[user] <= own).count();
    let issued = held.issued_in.and_then(|issuer| {
        let records = &finder.story.sessions[issuer].records;
        let record = records.iter().position(|record| record.what == What::NewSessionTicket)?;
        let place = finder.place(issuer, record);
        (finder.state(issuer, record) == State::Intact).then_some((finder.numbers[issuer]?, place.last?))
    });
    Some(TicketRow {
        kind: ticket.kind,
        lifetime: ticket.kind.lifetime(),
        id: hex(&ticket.ticket),
        uses: users.len(),
        nth,
        issued_in: issued.map(|(issuer, _)| issuer),
        issued_packet: issued.map(|(_, packet)| packet),
        age_us: finder.between(issued.map(|(_, packet)| packet), hello),
    })
}

fn record_row(
    finder: &Finder,
    (session, number): (usize, usize),
    record: usize,
    sealed: &Record,
    opened: Opened,
) -> RecordRow {
    let place = finder.place(session, record);
    RecordRow {
        session: number,
        stream: finder.stream(session),
        dir: sealed.direction,
        kind: sealed.kind,
        version: sealed.version,
        length: sealed.length(),
        seq: sealed.seq,
        what: sealed.what,
        epoch: sealed.seal.map(|seal| seal.epoch),
        plain_len: sealed.plain.len(),
        state: finder.state(session, record),
        first_packet: place.first,
        packet: place.last,
        opened,
    }
}

/// The records of a session's direction that hold some of these bytes of its data.
fn covering(story: &Story, frame: &Frame) -> Vec<usize> {
    let mut at = 0;
    let mut covering = Vec::new();
    for (place, record) in story.sessions[frame.session].records.iter().enumerate() {
        if record.direction != frame.direction || record.what != What::Data {
            continue;
        }
        let range = at..at + record.plain.len() as u64;
        at = range.end;
        if range.start < frame.range.end && frame.range.start < range.end {
            covering.push(place);
        }
    }
    covering
}

/// A row for each frame of the story; none for those of sessions that the capture does not have.
fn frame_rows(finder: &Finder, opens: &dyn Fn(usize, usize) -> Opened) -> Vec<Option<FrameRow>> {
    let story = finder.story;
    let mut rows: Vec<Option<FrameRow>> = story
        .frames
        .iter()
        .map(|frame| {
            let covering = covering(story, frame);
            let places = covering.iter().map(|&record| finder.place(frame.session, record));
            let intact = covering.iter().all(|&record| finder.state(frame.session, record) == State::Intact);
            let packet = places.filter_map(|place| place.last).max();
            let by = covering.iter().map(|&record| opens(frame.session, record));
            let opened = by
                .map(|opened| {
                    let opened = opened.into_iter().filter(|(_, by)| *by != Opening::Tag);
                    opened.map(|(name, _)| name).collect::<Vec<_>>()
                })
                .reduce(|all, opened| all.into_iter().filter(|name| opened.contains(name)).collect());
            let records = &story.sessions[frame.session].records;
            Some(FrameRow {
                session: finder.numbers[frame.session]?,
                stream: finder.stream(frame.session),
                dir: frame.direction,
                op: frame.intent.op,
                seq: frame.intent.seq,
                packet_len: frame.intent.packet_len,
                intact,
                packet,
                partner: None,
                records: covering.iter().map(|&record| records[record].seq).collect(),
                opened: opened.unwrap_or_default(),
            })
        })
        .collect();
    for index in 0..rows.len() {
        if let Some(request) = request_of(&rows, index) {
            let packet = |row: &Option<FrameRow>| row.as_ref().and_then(|row| row.packet);
            let (asked, answered) = (packet(&rows[request]), packet(&rows[index]));
            if let Some(row) = &mut rows[request] {
                row.partner = answered;
            }
            if let Some(row) = &mut rows[index] {
                row.partner = asked;
            }
        }
    }
    rows
}

/// The latest intact request before an intact response, with its sequence and without an answer.
fn request_of(rows: &[Option<FrameRow>], index: usize) -> Option<usize> {
    let response = rows[index].as_ref()?;
    if !response.intact || response.seq == seq::PUSH || response.op < RESPONSE_OFFSET {
        return None;
    }
    rows[..index].iter().rposition(|row| {
        row.as_ref().is_some_and(|row| {
            row.intact
                && row.session == response.session
                && row.dir != response.dir
                && row.seq == response.seq
                && row.op + RESPONSE_OFFSET == response.op
                && row.partner.is_none()
        })
    })
}

fn business_rows(finder: &Finder, frames: &[Option<FrameRow>], logs: &[KeyLog]) -> Vec<BusinessRow> {
    let story = finder.story;
    let opened: Vec<_> = logs.iter().map(|log| log.packets(story)).collect();
    let row = |packet: usize, session: Option<usize>, stream: usize, seen: Option<usize>| {
        let sealed = &story.packets[packet];
        let by = logs.iter().zip(&opened);
        BusinessRow {
            session,
            stream,
            dir: if sealed.from_client { Direction::ClientToServer } else { Direction::ServerToClient },
            packet: seen,
            cgi_type: sealed.cgi_type,
            algorithm: sealed.algorithm.code(),
            len: sealed.bytes.len(),
            plain_len: sealed.ciphers.last().map_or(0, |cipher| cipher.plain.len()),
            inflated_len: sealed.message.len(),
            message: hex(&sealed.message),
            opened: by.filter_map(|(log, opened)| Some((log.name.to_owned(), opened[packet]?))).collect(),
        }
    };
    let mut rows = Vec::new();
    for (frame, framed) in story.frames.iter().zip(frames) {
        if let (Some(packet), Some(framed)) = (frame.packet, framed) {
            let seen = framed.packet.filter(|_| framed.intact);
            rows.push(row(packet, Some(framed.session), framed.stream, seen));
        }
    }
    for call in &story.calls {
        let session = call.session.and_then(|session| finder.numbers[session]);
        let flow = call_connection(finder, call.messages);
        let stream = flow.and_then(|flow| finder.arrivals.stream(flow)).unwrap_or_default();
        for (packet, message) in call.packets.into_iter().zip(call.messages) {
            if let (Some(packet), Some(_)) = (packet, message) {
                let place = finder.message(message);
                rows.push(row(packet, session, stream, place.last.filter(|_| place.intact)));
            }
        }
    }
    rows
}

/// Writes rows as JSON, one line each.
pub fn write_json_lines(rows: &[Row], mut out: impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut out, row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
