// SPDX-License-Identifier: GPL-2.0-or-later
//! The record layer: a header of five bytes, and content in clear or sealed.

use serde::{Deserialize, Serialize};

use super::keys::Half;
use crate::packet::Direction;

/// Length of a record's header.
pub const HEADER_LEN: usize = 5;
/// What sealing adds to a content.
pub const TAG_LEN: usize = 16;
/// No record says a larger length than this.
pub const MAX_LEN: usize = 0x8000;

/// Types of records.
pub mod kind {
    /// An end, or a refusal.
    pub const ALERT: u8 = 0x15;
    /// A handshake message.
    pub const HANDSHAKE: u8 = 0x16;
    /// Data.
    pub const DATA: u8 = 0x17;
    /// The handshake messages that a client sends along with early data.
    pub const EARLY: u8 = 0x19;
}

/// The two versions that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// Until about 2021, and of small clients still.
    F103,
    /// Of phones since.
    F104,
}

impl Version {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::F103, Self::F104];

    /// As in a record's header. Hellos have the bytes the other way round.
    pub fn code(self) -> u16 {
        match self {
            Self::F103 => 0xF103,
            Self::F104 => 0xF104,
        }
    }
}

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Of the client.
    ClientHello,
    /// Of the server.
    ServerHello,
    /// Of the server, in a full handshake.
    CertificateVerify,
    /// Of the server, in a full handshake.
    NewSessionTicket,
    /// The end of a side's handshake.
    Finished,
    /// Of the client, along with early data.
    EncryptedExtensions,
    /// Frames, or a call.
    Data,
    /// The normal end.
    ClosingAlert,
    /// The server does not know the ticket.
    Refusal,
}

/// Which keys a record is sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Epoch {
    /// Those of the handshake.
    Handshake,
    /// Those of data.
    Application,
    /// Those of the client's early data.
    Early,
    /// Those of the answer to early data.
    EarlyResponse,
}

/// How a record was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Of which part of the schedule.
    pub epoch: Epoch,
    /// The direction's key and IV.
    pub half: Half,
    /// Sequence number, type, version and length, which the tag covers, too.
    pub additional: [u8; 13],
}

/// A record that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From whom.
    pub direction: Direction,
    /// One of [`kind`].
    pub kind: u8,
    /// In the header.
    pub version: Version,
    /// Counts the records of a direction, from 0.
    pub seq: u64,
    /// What it carries.
    pub what: What,
    /// The content, before it was sealed.
    pub plain: Vec<u8>,
    /// How it was sealed; none if it was not.
    pub seal: Option<Seal>,
    /// All bytes, header included.
    pub wire: Vec<u8>,
    /// Which of its bytes behind the header was changed on the way, so that it does not open.
    pub changed: Option<usize>,
}

impl Record {
    /// A record in clear.
    pub fn clear(
        direction: Direction,
        kind: u8,
        version: Version,
        seq: u64,
        what: What,
        plain: Vec<u8>,
    ) -> Self {
        let wire = [&header(kind, version, plain.len())[..], &plain].concat();
        Self { direction, kind, version, seq, what, plain, seal: None, wire, changed: None }
    }

    /// A sealed record.
    pub fn sealed(
        direction: Direction,
        kind: u8,
        version: Version,
        seq: u64,
        what: What,
        plain: Vec<u8>,
        (epoch, half): (Epoch, Half),
    ) -> Self {
        let header = header(kind, version, plain.len() + TAG_LEN);
        let mut additional = [0; 13];
        additional[..8].copy_from_slice(&seq.to_be_bytes());
        additional[8..].copy_from_slice(&header);
        let wire = [&header[..], &half.seal(seq, &additional, &plain)].concat();
        let seal = Some(Seal { epoch, half, additional });
        Self { direction, kind, version, seq, what, plain, seal, wire, changed: None }
    }

    /// What the header says.
    pub fn length(&self) -> usize {
        self.wire.len() - HEADER_LEN
    }

    /// Whether a key log's line still names it.
    pub fn is_named(&self) -> bool {
        self.changed.is_none_or(|place| place < self.wire.len() - 8)
    }

    /// The end of the record, by which a key log names it.
    pub fn tail(&self) -> &[u8] {
        &self.wire[self.wire.len() - 8..]
    }
}

/// Type, version, length.
///
/// # Panics
///
/// If the length does not fit its field.
pub fn header(kind: u8, version: Version, len: usize) -> [u8; HEADER_LEN] {
    let [version_high, version_low] = version.code().to_be_bytes();
    let [len_high, len_low] = u16::try_from(len).expect("records are shorter than 64 KiB").to_be_bytes();
    [kind, version_high, version_low, len_high, len_low]
}
