// SPDX-License-Identifier: GPL-2.0-or-later
//! What a capture of the web client holds: one row per call, to compare a dissector with.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::carrier::{Carried, Message};
use super::dialogue::{Call, Dialogue, Facts};
use crate::capture::Capture;
use crate::packet::{Control, Direction, Packet};
use crate::truth::Arrivals;

/// One call. Packets are counted from 1, and are those that brought the last byte of a message, or ended
/// the connection if nothing else ends the message; other calls are given by their request's packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Number of the TCP connection, in the order of first packets.
    pub stream: usize,
    /// The packet of the request.
    pub request: usize,
    /// The packet of the response.
    pub response: usize,
    /// Microseconds between them.
    pub time_us: u64,
    /// What there is to know about the call.
    #[serde(flatten)]
    pub facts: Facts,
}

/// The rows of a capture, in the order of asking.
pub fn rows(dialogue: &Dialogue, carried: &Carried) -> io::Result<Vec<Row>> {
    let arrivals = Arrivals::of(&carried.capture)?;
    // Of each call and direction: its stream and its packet.
    let mut places = HashMap::new();
    for message in &carried.messages {
        let packet = if message.until_close {
            last_packet(&carried.capture, message)
        } else {
            arrivals.find(message.flow, message.direction, &message.range).0
        };
        if let (Some(stream), Some(packet)) = (arrivals.stream(message.flow), packet) {
            places.insert((message.call, message.direction), (stream, packet));
        }
    }
    let place = |call, direction| {
        places.get(&(call, direction)).copied().ok_or_else(|| io::Error::other("a message without a packet"))
    };
    let time = |packet: usize| carried.capture.packets()[packet - 1].time;
    let row = |call: &Call| {
        let (stream, request) = place(call.id, Direction::ClientToServer)?;
        let (_, response) = place(call.id, Direction::ServerToClient)?;
        let mut facts = call.facts.clone();
        for link in [&mut facts.poll, &mut facts.fetch, &mut facts.returned_by] {
            if let Some(call) = *link {
                *link = Some(place(call, Direction::ClientToServer)?.1);
            }
        }
        let time_us = (time(response) - time(request)).as_micros() as u64;
        Ok(Row { stream, request, response, time_us, facts })
    };
    dialogue.calls.iter().map(row).collect()
}

/// The packet that ends the connection.
fn last_packet(capture: &Capture, message: &Message) -> Option<usize> {
    let ends = |packet: &Packet| {
        (packet.flow, packet.direction, packet.control) == (message.flow, message.direction, Control::FinAck)
    };
    Some(capture.packets().iter().position(ends)? + 1)
}

/// Writes rows as JSON, one line each.
pub fn write_json_lines(rows: &[Row], mut out: impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut out, row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
