// SPDX-License-Identifier: GPL-2.0-or-later
//! Exported PDUs: what HTTP was given, without the layers below it. No conversation exists before the first.

use std::io::{self, Write};
use std::time::Duration;

use crate::capture::BASE_TIME;
use crate::packet::Direction;

/// Link type of exported PDUs.
const UPPER_PDU: u32 = 252;
/// What Wireshark calls TCP.
const TCP: u32 = 2;
const SERVER_PORT: u32 = 80;

/// A PDU of a connection.
#[derive(Clone, Debug)]
pub struct Pdu {
    /// When, counted from the start of the capture.
    pub at: Duration,
    /// The client's port.
    pub client_port: u32,
    /// From whom.
    pub direction: Direction,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Pdu {
    /// The tags that say where it is from and who dissects it, and its bytes.
    fn encode(&self) -> Vec<u8> {
        let client = ([10, 0, 0, 1], self.client_port);
        let server = ([10, 0, 0, 2], SERVER_PORT);
        let (from, to) = match self.direction {
            Direction::ClientToServer => (client, server),
            Direction::ServerToClient => (server, client),
        };
        let tags: [(u16, &[u8]); 8] = [
            (14, b"tcp.port"),
            (32, &SERVER_PORT.to_be_bytes()),
            (20, &from.0),
            (21, &to.0),
            (24, &TCP.to_be_bytes()),
            (25, &from.1.to_be_bytes()),
            (26, &to.1.to_be_bytes()),
            (0, b""),
        ];
        let mut bytes = Vec::new();
        for (tag, value) in tags {
            bytes.extend(tag.to_be_bytes());
            bytes.extend((value.len() as u16).to_be_bytes());
            bytes.extend(value);
        }
        bytes.extend(&self.bytes);
        bytes
    }
}

/// Writes PDUs in pcap format.
pub fn write(pdus: &[Pdu], mut out: impl Write) -> io::Result<()> {
    let head = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, UPPER_PDU];
    for word in head {
        out.write_all(&u32::to_le_bytes(word))?;
    }
    for pdu in pdus {
        let (bytes, at) = (pdu.encode(), BASE_TIME + pdu.at);
        let length = bytes.len() as u32;
        for word in [at.as_secs() as u32, at.subsec_micros(), length, length] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&bytes)?;
    }
    out.flush()
}
