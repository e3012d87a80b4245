// SPDX-License-Identifier: GPL-2.0-or-later
//! What comes in: bytes of a stream, and where they are from.

use super::place::{LaneId, Place};
use super::record::{End, Record, Text};
use super::report::Wanted;
use super::time::Time;

/// Bytes of a stream, from a place in it to the end of what the carrier has put together.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Captured bytes.
    pub data: &'a [u8],
    /// The same on the wire: larger than `data` when the capture cut bytes off.
    pub reported: usize,
    /// Direction of the stream.
    pub lane: LaneId,
    /// Position of the first byte: what tells this PDU from the others of its packet and lane.
    pub position: u32,
    /// Whether `position` counts the bytes of the stream, so that holes show.
    pub counted: bool,
    /// The packet's number in the capture.
    pub packet: u32,
    /// When the packet was captured.
    pub time: Time,
    /// The stream's number, as the host shows it.
    pub shown_stream: u32,
    /// Whether the capture holds the stream's beginning.
    pub began: bool,
    /// Address of the sender; empty when nobody knows.
    pub src_address: &'a [u8],
    /// Address of the receiver.
    pub dst_address: &'a [u8],
    /// Port of the sender.
    pub src_port: u16,
    /// Port of the receiver.
    pub dst_port: u16,
    /// Port of the side that was connected to, where the carrier knows it; else 0.
    pub server_port: u16,
    /// Whether the packet has never been dissected before.
    pub first_visit: bool,
    /// Whether another protocol of ours has it inside. Its first visit is made when that is dissected; whoever comes
    /// again on the first visit of the packet finds everything decided.
    pub inside: bool,
    /// Whether the carrier can wait for more bytes.
    pub more: bool,
    /// What of the report is asked for.
    pub wanted: Wanted<'a>,
}

impl Segment<'_> {
    /// Where its first byte is.
    pub fn place(&self) -> Place {
        Place { packet: self.packet, lane: self.lane, position: self.position }
    }

    /// A record of the PDU at its start, without values: see [`Record::new`].
    pub fn record(&self, texts: Text) -> Record {
        let ends = [End::new(self.src_address, self.src_port), End::new(self.dst_address, self.dst_port)];
        Record::new(self.packet, self.shown_stream, self.time, ends, texts)
    }
}

/// How much more is wanted. A number of bytes is final: TCP cannot be asked twice within one packet,
/// so it is used only where those bytes end the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Whatever the next segment holds.
    Segment,
    /// So many bytes behind the end of the segment.
    Bytes(usize),
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes are dealt with; the report shows them.
    Consumed(usize),
    /// Nothing can be said before more has come; the report is empty.
    Need(More),
}
