// SPDX-License-Identifier: GPL-2.0-or-later
//! The long link inside: how frames become records.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::phone::Phone;
use super::session::{Handshake, Start};
use super::story::{Frame, Story};
use crate::flow::Segmentation;
use crate::packet::{Direction, Endpoints, MSS};
use crate::pdu::HEADER_LEN;
use crate::script::Script;

use Direction::{ClientToServer, ServerToClient};

/// From the connection's opening to the ClientHello.
const TO_HELLO: Duration = Duration::from_millis(50);
/// From the ClientHello to the answer.
const TO_ANSWER: Duration = Duration::from_millis(40);
/// From the ClientHello to the client's Finished.
const TO_FINISHED: Duration = Duration::from_millis(45);
/// From the ClientHello to the first frame.
const TO_FRAMES: Duration = Duration::from_millis(100);

/// How frames become records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// One frame in each record.
    Frame,
    /// Everything that is written at once in one record: several frames, if there are several.
    Write,
    /// Records of so many bytes: frames over several of them.
    Size(usize),
    /// Two records a write, cut within the first header, a byte later each time.
    Header,
    /// Anywhere.
    Anywhere,
}

impl Packing {
    /// What each record of a write holds; `count` says which write of the session it is.
    pub fn pieces(self, frames: &[Vec<u8>], count: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
        let whole = frames.concat();
        match self {
            Self::Frame => frames.to_vec(),
            Self::Write => vec![whole],
            Self::Size(size) => whole.chunks(size).map(<[u8]>::to_vec).collect(),
            Self::Header => {
                let (first, rest) = whole.split_at((count % (HEADER_LEN - 1) + 1).min(whole.len()));
                vec![first.to_vec(), rest.to_vec()]
            }
            Self::Anywhere => {
                let mut pieces = Vec::new();
                let mut rest = &whole[..];
                while !rest.is_empty() {
                    let largest = if rng.random_ratio(1, 4) { 20 } else { rest.len() };
                    let (piece, behind) = rest.split_at(rng.random_range(1..=largest.min(rest.len())));
                    pieces.push(piece.to_vec());
                    rest = behind;
                }
                pieces
            }
        }
    }
}

/// How a long link is carried.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// How frames become records.
    pub packing: Packing,
    /// Whether writes are cut into segments anywhere.
    pub cut: bool,
    /// Whether both sides end it with an alert.
    pub alerts: bool,
}

impl Way {
    /// A frame a record, full segments, no alert at the end: as phones do it.
    pub const PLAIN: Self = Self { packing: Packing::Frame, cut: false, alerts: false };

    /// As phones do it, but with this packing.
    pub fn packed(packing: Packing) -> Self {
        Self { packing, ..Self::PLAIN }
    }
}

impl Story {
    /// A long link that opens at this time; its session's number. The script's times count from the first
    /// frame on.
    pub fn long_link(
        &mut self,
        at: Duration,
        endpoints: Endpoints,
        start: Start,
        script: &Script,
        way: Way,
    ) -> usize {
        let connection = self.connect(endpoints, at);
        let session = self.begin(connection, start);
        let hello_at = at + TO_HELLO;
        let hello = self.sessions[session].hello();
        self.write_records(session, ClientToServer, hello_at, &hello);
        let answer = self.sessions[session].answer(hello_at + TO_ANSWER, session);
        self.write_records(session, ServerToClient, hello_at + TO_ANSWER, &answer);
        if self.sessions[session].start.handshake == Handshake::Refused {
            self.connections[connection].server_closes = true;
            return session;
        }
        let finished = self.sessions[session].finish();
        self.write_records(session, ClientToServer, hello_at + TO_FINISHED, &finished);
        self.frames(session, hello_at + TO_FRAMES, script, way);
        if way.alerts {
            let end = self.connections[connection].script.writes.last().map_or(at, |write| write.at);
            for direction in Direction::BOTH {
                let alert = self.sessions[session].close(direction);
                self.write_records(session, direction, end + TO_ANSWER, &[alert]);
            }
        }
        session
    }

    /// Writes a script's frames as data of a session.
    pub fn frames(&mut self, session: usize, at: Duration, script: &Script, way: Way) {
        let connection = self.carried_by[session];
        let first = script.writes.first().map_or(Duration::ZERO, |write| write.at);
        let mut sent = [0, 0];
        for (count, write) in script.writes.iter().enumerate() {
            let place = &mut sent[usize::from(write.direction == ServerToClient)];
            for chunk in &write.chunks {
                let range = *place..*place + chunk.bytes.len() as u64;
                *place = range.end;
                if let Some(intent) = chunk.intent {
                    let (direction, packet) = (write.direction, None);
                    self.frames.push(Frame { session, direction, range, intent, packet });
                }
            }
            let frames: Vec<Vec<u8>> = write.chunks.iter().map(|chunk| chunk.bytes.clone()).collect();
            let pieces = way.packing.pieces(&frames, count, &mut self.rng);
            let mut records = Vec::new();
            for piece in pieces {
                records.extend(self.sessions[session].data(write.direction, &piece));
            }
            self.write_records(session, write.direction, at + (write.at - first), &records);
            if way.cut {
                let segmentation = self.anywhere(connection);
                if let Some(write) = self.connections[connection].script.writes.last_mut() {
                    write.segmentation = segmentation;
                }
            }
        }
    }

    /// Cuts for the latest write of a connection.
    fn anywhere(&mut self, connection: usize) -> Segmentation {
        let writes = &self.connections[connection].script.writes;
        let len: usize =
            writes.last().map_or(0, |write| write.chunks.iter().map(|chunk| chunk.bytes.len()).sum());
        let mut sizes = Vec::new();
        let mut left = len;
        while left > 0 {
            let largest = if self.rng.random_ratio(1, 5) { 8 } else { MSS.into() };
            let size = self.rng.random_range(1..=largest).min(left);
            sizes.push(size);
            left -= size;
        }
        Segmentation::Sizes(sizes)
    }

    /// A long link of a phone, of at least so many frames.
    pub fn phone_link(
        &mut self,
        at: Duration,
        endpoints: Endpoints,
        start: Start,
        (phone, frames): (&mut Phone, usize),
        way: Way,
    ) -> usize {
        let script = phone.session(frames);
        let first = self.frames.len();
        let session = self.long_link(at, endpoints, start, &script, way);
        self.take_keys(phone);
        let sent = script.writes.iter().flat_map(|write| &write.chunks);
        for (frame, chunk) in self.frames[first..].iter_mut().zip(sent) {
            frame.packet = self.packets.iter().position(|packet| chunk.bytes.ends_with(&packet.bytes));
        }
        session
    }
}
