// SPDX-License-Identifier: GPL-2.0-or-later
//! Writes a dialogue into a capture: which connection carries which call, and how.

use std::io;
use std::ops::Range;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dialogue::{Call, Dialogue};
use super::http::{Coding, Framing};
use crate::capture::Capture;
use crate::flow::{Chunk, Segmentation};
use crate::packet::{Direction, Endpoints, MSS};
use crate::script::{Script, Write};

/// The client's first port; each connection has the next one.
const FIRST_CLIENT_PORT: u16 = 50_100;
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

/// Carries a dialogue to a server on this port.
pub fn carry(dialogue: &Dialogue, carrier: Carrier, port: u16, rng: &mut ChaCha8Rng) -> io::Result<Carried> {
    let host_port = (port != HTTP).then_some(port);
    let mut flows = Vec::new();
    let mut messages = Vec::new();
    for (flow, calls) in assign(dialogue, carrier.connections).into_iter().enumerate() {
        let mut link = Link::new(dialogue.calls[calls[0]].at);
        for call in calls.into_iter().map(|index| &dialogue.calls[index]) {
            let [request, response] = encode(call, carrier, host_port, rng)?;
            for (direction, at, bytes) in [
                (Direction::ClientToServer, call.at, request),
                (Direction::ServerToClient, call.end(), response),
            ] {
                let segmentation = segmentation(carrier.cut, bytes.len(), rng);
                let range = link.write(at, direction, bytes, segmentation);
                messages.push(Message { call: call.id, flow, direction, range });
            }
        }
        let endpoints = Endpoints::v4(FIRST_CLIENT_PORT + flow as u16, port);
        flows.push(link.script.play(endpoints, rng.random()));
    }
    Ok(Carried { capture: Capture::new(flows), messages })
}

fn segmentation(cut: Cut, len: usize, rng: &mut ChaCha8Rng) -> Segmentation {
    match cut {
        Cut::Mss => Segmentation::Mss,
        Cut::Anywhere => {
            let mut sizes = Vec::new();
            let mut rest = len;
            while rest > 0 {
                let largest = if rng.random() { 12 } else { MSS.into() };
                let size = rng.random_range(1..=largest).min(rest);
                sizes.push(size);
                rest -= size;
            }
            Segmentation::Sizes(sizes)
        }
    }
}

/// The writes of one connection so far.
struct Link {
    script: Script,
    sent: [u64; 2],
}

impl Link {
    fn new(first: Duration) -> Self {
        Self { script: Script::starting_at(first), sent: [0; 2] }
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
