// SPDX-License-Identifier: GPL-2.0-or-later
//! Tickets: what a server gives a client so that the next session is short.

use std::time::Duration;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::keys::Secret;
use super::put::{block16, u32_be};

const DAY: u32 = 24 * 60 * 60;
/// Constants that were seen in tickets; what they mean is not known.
const CONSTANTS: [u32; 3] = [0x48, 0x3D, 0x3A];
/// What a refresh ticket holds when it is issued, and not when it is sent back.
const BLOCK_LEN: usize = 32;

/// The two kinds of tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketKind {
    /// For the calls and links of a week.
    Access,
    /// For another access ticket, within a month.
    Refresh,
}

impl TicketKind {
    fn code(self) -> u8 {
        match self {
            Self::Access => 1,
            Self::Refresh => 2,
        }
    }

    /// In seconds.
    pub fn lifetime(self) -> u32 {
        match self {
            Self::Access => 7 * DAY,
            Self::Refresh => 30 * DAY,
        }
    }

    fn ticket_len(self) -> usize {
        match self {
            Self::Access => 72,
            Self::Refresh => 105,
        }
    }
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Access or refresh.
    pub kind: TicketKind,
    /// Only the issued form of a refresh ticket has any.
    pub block: Vec<u8>,
    /// Of unknown meaning.
    pub constant: u32,
    /// Of the server's own cipher.
    pub nonce: [u8; 12],
    /// What the server sealed for itself.
    pub ticket: Vec<u8>,
}

impl Ticket {
    /// As a server issues it.
    pub fn issue(kind: TicketKind, rng: &mut impl Rng) -> Self {
        let mut bytes = |len| {
            let mut bytes = vec![0; len];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        let block = if kind == TicketKind::Refresh { bytes(BLOCK_LEN) } else { Vec::new() };
        let ticket = bytes(kind.ticket_len());
        let constant = CONSTANTS[rng.random_range(0..CONSTANTS.len())];
        Self { kind, block, constant, nonce: rng.random(), ticket }
    }

    /// As a client sends it back.
    pub fn offered(&self) -> Self {
        Self { block: Vec::new(), ..self.clone() }
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.kind.code()];
        u32_be(&mut out, self.kind.lifetime());
        block16(&mut out, &self.block);
        u32_be(&mut out, self.constant);
        block16(&mut out, &self.nonce);
        block16(&mut out, &self.ticket);
        out
    }
}

/// A ticket in a client's hands.
#[derive(Clone, Debug)]
pub struct Held {
    /// As issued.
    pub ticket: Ticket,
    /// The secret that belongs to it.
    pub psk: Secret,
    /// The session of this story in which it was issued.
    pub issued_in: Option<usize>,
    /// When, counted from the capture's start; before it if none.
    pub issued_at: Option<Duration>,
}

impl Held {
    /// A ticket of a session that no capture has.
    pub fn from_before(kind: TicketKind, rng: &mut impl Rng) -> Self {
        let ticket = Ticket::issue(kind, rng);
        Self { ticket, psk: rng.random(), issued_in: None, issued_at: None }
    }
}

/// What a full handshake gives.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// For calls and links.
    pub access: Held,
    /// For another one.
    pub refresh: Held,
}

impl Wallet {
    /// Tickets of a session that no capture has.
    pub fn from_before(rng: &mut impl Rng) -> Self {
        Self {
            access: Held::from_before(TicketKind::Access, rng),
            refresh: Held::from_before(TicketKind::Refresh, rng),
        }
    }
}
