// SPDX-License-Identifier: GPL-2.0-or-later
//! What the first pass sees of a PDU, and what it decides.

use crate::kernel::framing::Why;
use crate::kernel::time::Time;
use crate::wechat::operation::{Meaning, Sync};

/// Stands for no event.
pub(super) const NOBODY: u32 = u32::MAX;

/// Whether a client counts such seqids up; the others are reserved, or mean that nothing is asked.
pub(super) fn is_ordinary(seq: u32) -> bool {
    (1..0x7fff_ffff).contains(&seq)
}

/// What the first pass decided at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A frame; `extent` is kept only where it is not the packet length.
    Frame {
        /// What the frame is.
        meaning: Meaning,
        /// The packet length is not to be believed.
        wrong_length: bool,
        /// Bytes of the frame in the packet, where they are not what its header says.
        extent: Option<u32>,
    },
    /// Bytes that belong to no frame shown.
    Skip(usize, Why),
}

/// A frame on the first pass.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// What the frame is.
    pub meaning: Meaning,
    /// Operation as on the wire.
    pub op: u32,
    /// Seqid.
    pub seq: u32,
    /// When its packet was captured.
    pub time: Time,
    /// Whether an answer, or of a push an acknowledgement, is due.
    pub expects: bool,
    /// Whether no table lists the operation.
    pub unlisted: bool,
    /// What it does for the delivery of messages.
    pub sync: Sync,
    /// Of a notice, what has news.
    pub selector: u32,
    /// Of an acknowledgement, the milliseconds since its push.
    pub elapsed_ms: Option<u32>,
    /// The SyncKey that it carries: keys and values.
    pub keys: &'a [(u64, u64)],
    /// The account that it names.
    pub account: Option<u32>,
    /// Address of the client.
    pub client: Option<&'a [u8]>,
    /// Whether the capture holds the stream's beginning.
    pub began: bool,
    /// Whether all frames of the stream so far came from this side.
    pub alone: bool,
    /// The packet length is not to be believed.
    pub wrong_length: bool,
    /// Bytes of the frame in the packet, where they are not what its header says.
    pub extent: Option<u32>,
}
