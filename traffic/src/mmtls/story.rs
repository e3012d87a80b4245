// SPDX-License-Identifier: GPL-2.0-or-later
//! All that is said on several connections, and what each byte of it was meant to be.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::phone::Phone;
use super::session::{Mangle, Session, Start};
use crate::body::sealed::Packet;
use crate::capture::{BASE_TIME, Capture};
use crate::flow::{Chunk, Flow, Intent, Segmentation};
use crate::packet::{Direction, Endpoints};
use crate::script::{Script, Write};

/// How long a connection that nobody uses stays open.
const IDLE: Duration = Duration::from_millis(900);

/// A TCP connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its ends.
    pub endpoints: Endpoints,
    /// What is written on it.
    pub script: Script,
    /// When it is opened, if nothing is written.
    pub idle_at: Duration,
    /// TCP's first numbers, of client and server.
    pub initial_sequences: [u32; 2],
    /// Whether the server closes first.
    pub server_closes: bool,
}

/// What a chunk of a connection is; chunks name their part by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A record, by its session and its place there.
    Record(usize, usize),
    /// An HTTP message.
    Message(usize),
}

/// An HTTP message, whose records are there when its last byte is.
#[derive(Clone, Debug)]
pub struct Message {
    /// The session of its body, and which of its records.
    pub records: Option<(usize, Vec<usize>)>,
}

/// A frame inside a session.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The session.
    pub session: usize,
    /// From whom.
    pub direction: Direction,
    /// Its bytes among the data of its direction.
    pub range: Range<u64>,
    /// What it is.
    pub intent: Intent,
    /// The business packet in it.
    pub packet: Option<usize>,
}

/// A call of the short link.
#[derive(Clone, Debug)]
pub struct Call {
    /// Inside MMTLS, the session; none in plain HTTP.
    pub session: Option<usize>,
    /// `/cgi-bin/micromsg-bin/` and a name.
    pub uri: String,
    /// To whom.
    pub host: String,
    /// In the business header; none for a call without one.
    pub cgi_type: Option<u32>,
    /// The HTTP messages of request and answer.
    pub messages: [Option<usize>; 2],
    /// The business packets of request and answer.
    pub packets: [Option<usize>; 2],
}

/// Sessions, calls and frames on their connections.
#[derive(Clone, Debug)]
pub struct Story {
    /// In the order of beginning.
    pub sessions: Vec<Session>,
    /// Of each session, its connection.
    pub carried_by: Vec<usize>,
    /// In the order of beginning.
    pub connections: Vec<Connection>,
    /// What chunks refer to.
    pub parts: Vec<Part>,
    /// What parts refer to.
    pub messages: Vec<Message>,
    /// Session by session.
    pub frames: Vec<Frame>,
    /// In the order of asking.
    pub calls: Vec<Call>,
    /// Business packets with their keys.
    pub packets: Vec<Packet>,
    /// Accounts and their keys of CBC.
    pub accounts: Vec<(u32, [u8; 16])>,
    /// Of each session that is asked by a POST, the digits of its path, and whether they follow from the client's time.
    pub paths: HashMap<usize, (String, bool)>,
    /// What changes the messages of the sessions that begin now.
    pub mangle: Option<Mangle>,
    /// For whatever else is to be drawn.
    pub rng: ChaCha8Rng,
}

impl Story {
    /// Nothing is said yet.
    pub fn new(rng: &mut impl Rng) -> Self {
        Self {
            sessions: Vec::new(),
            carried_by: Vec::new(),
            connections: Vec::new(),
            parts: Vec::new(),
            messages: Vec::new(),
            frames: Vec::new(),
            calls: Vec::new(),
            packets: Vec::new(),
            accounts: Vec::new(),
            paths: HashMap::new(),
            mangle: None,
            rng: ChaCha8Rng::from_rng(rng),
        }
    }

    /// The second at this time of the capture.
    pub fn unix(at: Duration) -> u32 {
        (BASE_TIME + at).as_secs() as u32
    }

    /// A connection that opens about now; its number.
    pub fn connect(&mut self, endpoints: Endpoints, at: Duration) -> usize {
        self.connections.push(Connection {
            endpoints,
            script: Script::starting_at(at),
            idle_at: at,
            // Far from wrapping around.
            initial_sequences: [self.rng.next_u32() >> 1, self.rng.next_u32() >> 1],
            server_closes: false,
        });
        self.connections.len() - 1
    }

    /// A session on a connection; its number.
    pub fn begin(&mut self, connection: usize, start: Start) -> usize {
        let mut session = Session::new(start, &mut self.rng);
        session.mangle = self.mangle;
        self.adopt(connection, session)
    }

    /// A session that has begun elsewhere.
    pub fn adopt(&mut self, connection: usize, session: Session) -> usize {
        self.sessions.push(session);
        self.carried_by.push(connection);
        self.sessions.len() - 1
    }

    /// A record as a chunk.
    pub fn record_chunk(&mut self, session: usize, record: usize) -> Chunk {
        let bytes = self.sessions[session].records[record].wire.clone();
        self.part(bytes, Part::Record(session, record))
    }

    /// An HTTP message as a chunk, and its number.
    pub fn message_chunk(&mut self, bytes: Vec<u8>, message: Message) -> (Chunk, usize) {
        self.messages.push(message);
        let number = self.messages.len() - 1;
        (self.part(bytes, Part::Message(number)), number)
    }

    fn part(&mut self, bytes: Vec<u8>, part: Part) -> Chunk {
        self.parts.push(part);
        Chunk { part: Some(self.parts.len() - 1), ..Chunk::raw(bytes) }
    }

    /// Writes records of a session, as one write.
    pub fn write_records(&mut self, session: usize, direction: Direction, at: Duration, records: &[usize]) {
        let chunks = records.iter().map(|&record| self.record_chunk(session, record)).collect();
        self.write(self.carried_by[session], direction, at, chunks);
    }

    /// Writes chunks.
    pub fn write(&mut self, connection: usize, direction: Direction, at: Duration, chunks: Vec<Chunk>) {
        let write = Write { at, direction, chunks, segmentation: Segmentation::Mss };
        self.connections[connection].script.writes.push(write);
    }

    /// What a phone has made, and its keys.
    pub fn take_keys(&mut self, phone: &mut Phone) {
        let account = (phone.uin, phone.keys.cbc);
        if !self.accounts.contains(&account) {
            self.accounts.push(account);
        }
        self.packets.append(&mut phone.packets);
    }

    /// Plays all connections.
    pub fn play(&self) -> Capture {
        Capture::new(self.connections.iter().map(Connection::play))
    }
}

impl Connection {
    fn play(&self) -> Flow {
        if self.script.writes.is_empty() {
            let mut flow = Flow::new(self.endpoints, self.initial_sequences);
            flow.handshake(self.idle_at);
            flow.close(self.idle_at + IDLE, Direction::ClientToServer);
            return flow;
        }
        if !(self.server_closes && self.script.close) {
            return self.script.play(self.endpoints, self.initial_sequences);
        }
        let mut script = self.script.clone();
        script.close = false;
        let mut flow = script.play(self.endpoints, self.initial_sequences);
        flow.close(Duration::ZERO, Direction::ServerToClient);
        flow
    }
}
