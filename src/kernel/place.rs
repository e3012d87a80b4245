// SPDX-License-Identifier: GPL-2.0-or-later
//! Where something was seen, and what is due there.

use super::time::SECOND;

/// Number of a stream, and which of its two ends sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId {
    /// The stream's number, unique in the capture.
    pub stream: u32,
    /// Which of the stream's two ends sends.
    pub side: bool,
}

impl LaneId {
    /// The direction of `stream` in which end `side` sends.
    pub fn new(stream: u32, side: bool) -> Self {
        Self { stream, side }
    }
}

/// Where a PDU was seen: enough to tell it from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Number of the packet in which it became whole.
    pub packet: u32,
    /// Direction of the stream.
    pub lane: LaneId,
    /// Position of its first byte in the stream.
    pub position: u32,
}

/// The other half of a pair, such as a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The packet that holds it.
    pub packet: u32,
    /// Nanoseconds from the earlier half to the later; negative where the clock was set back between.
    pub elapsed: i64,
}

/// What is due and never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Nanoseconds from there to the last packet seen; negative where the clock was set back between.
    pub until_end: i64,
    /// Something else took its place, so that nothing is due any more.
    pub superseded: bool,
}

/// An answer is due for so long before its absence is a fault: 5 s.
const PATIENCE: i64 = 5 * SECOND;

impl Missing {
    /// Whether the capture ends so soon that the answer may have come behind it.
    pub fn is_soon(&self) -> bool {
        self.until_end < PATIENCE
    }
}
