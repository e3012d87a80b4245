// SPDX-License-Identifier: GPL-2.0-or-later
//! The two hellos.

use super::message::{self, message};
use super::put::{block16, block32, u16_be, u32_be};
use super::record::Version;
use super::ticket::Ticket;

/// Cipher suites.
pub mod suite {
    /// `ECDHE_ECDSA_AES_128_GCM_SHA256`: a full handshake.
    pub const FULL: u16 = 0xC02B;
    /// `PSK_AES_128_GCM_SHA256`: with a ticket.
    pub const TICKET: u16 = 0x00A8;
}

/// Types of extensions.
pub mod extension {
    /// Tickets of the client.
    pub const TICKET: u16 = 0x000F;
    /// Key shares of the client.
    pub const KEY_SHARES: u16 = 0x0010;
    /// The key share of the server.
    pub const KEY_SHARE: u16 = 0x0011;
    /// The client's time, in encrypted extensions.
    pub const TIME: u16 = 0x0012;
    /// Which keys of the client's program the server uses.
    pub const KNOWN_KEYS: u16 = 0x0013;
}

/// An uncompressed P-256 point.
pub type Point = [u8; 65];

/// The numbers of the client's two key shares.
pub fn share_indexes(version: Version) -> [u32; 2] {
    match version {
        Version::F103 => [1, 2],
        Version::F104 => [5, 6],
    }
}

/// What a client opens a session with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// In the record's header, and here with its bytes swapped.
    pub version: Version,
    /// Names the session.
    pub random: [u8; 32],
    /// Unix seconds.
    pub time: u32,
    /// An access ticket to resume with, or a refresh ticket beside key shares.
    pub ticket: Option<Ticket>,
    /// Of a full handshake.
    pub shares: Option<[Point; 2]>,
}

impl ClientHello {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        let mut suites = Vec::new();
        let mut extensions = Vec::new();
        if let Some(ticket) = &self.ticket {
            extensions.push(tickets(&[ticket.encode()]));
        }
        if let Some(shares) = &self.shares {
            suites.push(suite::FULL);
            extensions.push(self.key_shares(shares));
        }
        if self.ticket.is_some() {
            suites.push(suite::TICKET);
        }
        let mut content = self.version.code().to_le_bytes().to_vec();
        content.push(suites.len() as u8);
        suites.into_iter().for_each(|suite| u16_be(&mut content, suite));
        content.extend(self.random);
        u32_be(&mut content, self.time);
        put_extensions(&mut content, &extensions);
        message(message::CLIENT_HELLO, &content)
    }

    fn key_shares(&self, shares: &[Point; 2]) -> Vec<u8> {
        let mut content = extension::KEY_SHARES.to_be_bytes().to_vec();
        content.push(shares.len() as u8);
        for (index, point) in share_indexes(self.version).into_iter().zip(shares) {
            block32(&mut content, &key_share(index, point));
        }
        // The keys that the client's program knows, as it seems.
        match self.version {
            Version::F103 => u32_be(&mut content, 1),
            Version::F104 => {
                u32_be(&mut content, 0);
                content.push(2);
                u32_be(&mut content, 3);
                u32_be(&mut content, 4);
            }
        }
        content
    }
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// Swapped, like the client's.
    pub version: Version,
    /// The server's own.
    pub random: [u8; 32],
    /// The place of the chosen share among the client's two, and the server's point; none with a ticket.
    pub share: Option<(usize, Point)>,
}

impl ServerHello {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        if let Some((place, point)) = &self.share {
            let mut share = extension::KEY_SHARE.to_be_bytes().to_vec();
            share.extend(key_share(share_indexes(self.version)[*place], point));
            extensions.push(share);
            if self.version == Version::F104 {
                let numbers = [[1, 3], [2, 4]][*place];
                let mut known = extension::KNOWN_KEYS.to_be_bytes().to_vec();
                numbers.into_iter().for_each(|number| u32_be(&mut known, number));
                extensions.push(known);
            }
        }
        let mut content = self.version.code().to_le_bytes().to_vec();
        u16_be(&mut content, if self.share.is_some() { suite::FULL } else { suite::TICKET });
        content.extend(self.random);
        put_extensions(&mut content, &extensions);
        message(message::SERVER_HELLO, &content)
    }
}

/// The extension that offers tickets, its type in front.
pub fn tickets(tickets: &[Vec<u8>]) -> Vec<u8> {
    let mut content = extension::TICKET.to_be_bytes().to_vec();
    content.push(tickets.len() as u8);
    tickets.iter().for_each(|ticket| block32(&mut content, ticket));
    content
}

/// Number and point.
fn key_share(index: u32, point: &Point) -> Vec<u8> {
    let mut share = Vec::new();
    u32_be(&mut share, index);
    block16(&mut share, point);
    share
}

/// Length of all, number of them, then each with its own length.
pub fn put_extensions(out: &mut Vec<u8>, extensions: &[Vec<u8>]) {
    let mut all = vec![extensions.len() as u8];
    extensions.iter().for_each(|extension| block32(&mut all, extension));
    block32(out, &all);
}
