// SPDX-License-Identifier: GPL-2.0-or-later
//! Writes a dialogue into a capture: which connection carries which call, and how.

use std::io;
use std::ops::Range;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dialogue::{Call, Dialogue};
use super::http::{Coding, Framing};
use super::tls::{HTTPS, Pair, Tls};
use crate::capture::Capture;
use crate::flow::{Chunk, Segmentation};
use crate::packet::{Direction, Endpoints, MSS};
use crate::script::{Script, Write};

/// The client's first port; each connection has the next one.
const FIRST_CLIENT_PORT: u16 = 50_100;
/// The distance of TLS's flights.
const FLIGHT: Duration = Duration::from_millis(20);
/// The port of HTTP.
pub const HTTP: u16 = 80;

/// How connections are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// As a browser does: each host has its own, and one more if all of them are busy.
    PerHost,
    /// One for all hosts, as a proxy or a test server has it. No call may be asked before the last one
    /// is answered.
    One,
    /// A new one for each call.
    PerCall,
}

/// Where a message is cut into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Full segments, the last one shorter.
    Mss,
    /// At many places, as the seed decides.
    Anywhere,
}

/// How calls are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// How connections are used.
    pub connections: Connections,
    /// How the answers are written; none: each in its own way, as the seed decides.
    pub coding: Option<Coding>,
    /// Where messages are cut.
    pub cut: Cut,
}

impl Carrier {
    /// Lengths, full segments, a connection per host.
    pub const PLAIN: Self =
        Self { connections: Connections::PerHost, coding: Some(Coding::PLAIN), cut: Cut::Mss };
}

/// One side of a call, and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The call's id.
    pub call: usize,
    /// Number of the flow.
    pub flow: usize,
    /// A request goes to the server.
    pub direction: Direction,
    /// Its bytes among those of its direction.
    pub range: Range<u64>,
    /// Whether nothing but the end of the connection tells that it is over.
    pub until_close: bool,
}

/// A dialogue in a capture.
#[derive(Debug)]
pub struct Carried {
    /// The packets.
    pub capture: Capture,
    /// All requests and responses.
    pub messages: Vec<Message>,
}

/// Which calls share a connection: their places in the dialogue, in the order of asking.
pub fn assign(dialogue: &Dialogue, connections: Connections) -> Vec<Vec<usize>> {
    let mut assigned: Vec<Vec<usize>> = Vec::new();
    for (index, call) in dialogue.calls.iter().enumerate() {
        let free = assigned.iter_mut().find(|carried| {
            let last = &dialogue.calls[carried[carried.len() - 1]];
            match connections {
                Connections::PerHost => last.request.host == call.request.host && last.end() < call.at,
                Connections::One => true,
                Connections::PerCall => false,
            }
        });
        match free {
            Some(carried) => carried.push(index),
            None => assigned.push(vec![index]),
        }
    }
    assigned
}

/// The bytes of both messages of a call.
pub fn encode(
    call: &Call,
    carrier: Carrier,
    host_port: Option<u16>,
    rng: &mut ChaCha8Rng,
) -> io::Result<[Vec<u8>; 2]> {
    let coding = carrier.coding.unwrap_or_else(|| Coding {
        framing: if rng.random() { Framing::Length } else { Framing::Chunked },
        gzip: rng.random(),
    });
    let keep_alive = carrier.connections != Connections::PerCall;
    Ok([call.request.encode(host_port, keep_alive), call.response.encode(coding, keep_alive)?])
}

/// Where a write of this length is cut; empty if nowhere.
pub fn sizes(cut: Cut, len: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut rest = if cut == Cut::Anywhere { len } else { 0 };
    while rest > 0 {
        let largest = if rng.random() { 12 } else { MSS.into() };
        let size = rng.random_range(1..=largest).min(rest);
        sizes.push(size);
        rest -= size;
    }
    sizes
}

/// The pieces of these sizes, then the rest.
pub fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &size in sizes {
        let (piece, rest) = bytes.split_at(size.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// What `Host` says of a port: nothing of the scheme's own.
pub fn host_port(port: u16, tls: Option<&Tls>) -> Option<u16> {
    let own = if tls.is_some() { HTTPS } else { HTTP };
    (port != own).then_some(port)
}

/// Carries a dialogue to a server on this port.
pub fn carry(
    dialogue: &Dialogue,
    carrier: Carrier,
    port: u16,
    tls: Option<&Tls>,
    rng: &mut ChaCha8Rng,
) -> io::Result<Carried> {
    let until_close = carrier.coding.is_some_and(|coding| coding.framing == Framing::Close);
    let mut flows = Vec::new();
    let mut messages = Vec::new();
    for (flow, calls) in assign(dialogue, carrier.connections).into_iter().enumerate() {
        let first = &dialogue.calls[calls[0]];
        let mut link = Link::open(first.at, &first.request.host, tls)?;
        for call in calls.into_iter().map(|index| &dialogue.calls[index]) {
            let [request, response] = encode(call, carrier, host_port(port, tls), rng)?;
            for (direction, at, bytes) in [
                (Direction::ClientToServer, call.at, request),
                (Direction::ServerToClient, call.end(), response),
            ] {
                let range = link.send(at, direction, &bytes, carrier.cut, rng)?;
                let until_close = until_close && direction == Direction::ServerToClient;
                messages.push(Message { call: call.id, flow, direction, range, until_close });
            }
        }
        let mut script = link.close()?;
        // Who asked for no more than one answer leaves the end to the server.
        script.close = carrier.connections != Connections::PerCall;
        let endpoints = Endpoints::v4(FIRST_CLIENT_PORT + flow as u16, port);
        let mut played = script.play(endpoints, rng.random());
        if !script.close {
            played.close(Duration::ZERO, Direction::ServerToClient);
        }
        flows.push(played);
    }
    Ok(Carried { capture: Capture::new(flows), messages })
}

/// What one side says at once: messages in one packet, if they fit, each in a TLS record of its own.
pub type Turn = (Direction, Vec<Vec<u8>>);

/// How long after each other turns and connections begin.
const TURN: Duration = Duration::from_millis(100);

/// Carries turns, each list on a connection of its own to a server on this port.
pub fn carry_turns(
    connections: &[Vec<Turn>],
    port: u16,
    tls: Option<&Tls>,
    rng: &mut ChaCha8Rng,
) -> io::Result<Capture> {
    let mut flows = Vec::new();
    for (turns, number) in connections.iter().zip(0u16..) {
        let mut at = Duration::from_secs(1) + TURN * number.into();
        let mut link = Link::open(at, "wx.qq.com", tls)?;
        for (direction, messages) in turns {
            let bytes = match &mut link.tls {
                None => messages.concat(),
                Some(pair) => {
                    pair.records(*direction, &messages.iter().map(Vec::as_slice).collect::<Vec<_>>())?
                }
            };
            link.write(at, *direction, bytes, Segmentation::Mss);
            at += TURN;
        }
        flows.push(link.close()?.play(Endpoints::v4(FIRST_CLIENT_PORT + number, port), rng.random()));
    }
    Ok(Capture::new(flows))
}

/// The writes of one connection so far.
struct Link {
    script: Script,
    tls: Option<Pair>,
    sent: [u64; 2],
}

impl Link {
    /// A connection that is ready when its first call is asked.
    fn open(at: Duration, host: &str, tls: Option<&Tls>) -> io::Result<Self> {
        let Some(tls) = tls else {
            return Ok(Self { script: Script::starting_at(at), tls: None, sent: [0; 2] });
        };
        let mut pair = Pair::new(tls, host)?;
        let flights = pair.handshake()?;
        let start = at.saturating_sub(FLIGHT * (flights.len() as u32 + 1));
        let mut link = Self { script: Script::starting_at(start), tls: None, sent: [0; 2] };
        for (index, (direction, bytes)) in flights.into_iter().enumerate() {
            link.write(start + FLIGHT * index as u32, direction, bytes, Segmentation::Mss);
        }
        link.tls = Some(pair);
        Ok(link)
    }

    /// Appends a message; where its bytes are, or those of its records.
    fn send(
        &mut self,
        at: Duration,
        direction: Direction,
        message: &[u8],
        cut: Cut,
        rng: &mut ChaCha8Rng,
    ) -> io::Result<Range<u64>> {
        let bytes = match &mut self.tls {
            None => message.to_vec(),
            Some(pair) => {
                let sizes = sizes(cut, message.len(), rng);
                pair.records(direction, &pieces(message, &sizes))?
            }
        };
        let sizes = sizes(cut, bytes.len(), rng);
        Ok(self.write(at, direction, bytes, Segmentation::Sizes(sizes)))
    }

    /// Nothing more comes: of TLS, the last words.
    fn close(mut self) -> io::Result<Script> {
        if let Some(mut pair) = self.tls.take() {
            let mut at = self.script.writes.last().map_or(Duration::ZERO, |write| write.at);
            for direction in [Direction::ServerToClient, Direction::ClientToServer] {
                at += FLIGHT;
                let alert = pair.close(direction)?;
                self.write(at, direction, alert, Segmentation::Mss);
            }
        }
        Ok(self.script)
    }

    /// Appends a write; where its bytes are.
    fn write(
        &mut self,
        at: Duration,
        direction: Direction,
        bytes: Vec<u8>,
        segmentation: Segmentation,
    ) -> Range<u64> {
        let sent = &mut self.sent[usize::from(direction == Direction::ServerToClient)];
        let range = *sent..*sent + bytes.len() as u64;
        *sent = range.end;
        self.script.writes.push(Write { at, direction, chunks: vec![Chunk::raw(bytes)], segmentation });
        range
    }
}
