// SPDX-License-Identifier: GPL-2.0-or-later
//! What a capture was meant to hold: one row per PDU, to compare a dissector with.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::capture::Capture;
use crate::packet::Direction;

/// One PDU that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Number of the TCP connection, in the order of first packets.
    pub stream: usize,
    /// From whom.
    pub dir: Direction,
    /// Operation.
    pub op: u32,
    /// Sequence.
    pub seq: u32,
    /// Length of the whole frame, as intended.
    pub packet_len: u32,
    /// Whether all bytes of the frame are in the capture, none of them changed.
    pub intact: bool,
    /// The packet, counted from 1, that brought the last of its bytes. For an incomplete frame the
    /// last of those that came; none if none came.
    pub packet: Option<usize>,
}

/// The rows of a capture, flow by flow, each flow in the order of sending.
pub fn rows(capture: &Capture) -> io::Result<Vec<Row>> {
    let arrivals = Arrivals::of(capture)?;
    let rows = capture.placed().iter().filter_map(|pdu| {
        let stream = arrivals.stream(pdu.flow)?;
        let (packet, complete) = arrivals.find(pdu.flow, pdu.direction, &pdu.range);
        Some(Row {
            stream,
            dir: pdu.direction,
            op: pdu.intent.op,
            seq: pdu.intent.seq,
            packet_len: pdu.intent.packet_len,
            intact: pdu.intact && complete,
            packet,
        })
    });
    Ok(rows.collect())
}

/// Writes the rows of a capture as JSON, one line each.
pub fn write_json_lines(capture: &Capture, mut out: impl Write) -> io::Result<()> {
    for row in rows(capture)? {
        serde_json::to_writer(&mut out, &row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Which packet of a capture brought which bytes.
pub(crate) struct Arrivals {
    streams: HashMap<usize, usize>,
    payloads: HashMap<(usize, Direction), Vec<Arrival>>,
}

impl Arrivals {
    /// Looks through a capture.
    pub fn of(capture: &Capture) -> io::Result<Self> {
        let mut payloads: HashMap<_, Vec<_>> = HashMap::new();
        for (index, packet) in capture.packets().iter().enumerate() {
            if !packet.payload.is_empty() {
                let captured = capture.captured_payload(packet)?;
                payloads.entry((packet.flow, packet.direction)).or_default().push(Arrival {
                    number: index + 1,
                    sent: packet.range(),
                    captured: packet.offset..packet.offset + captured,
                });
            }
        }
        Ok(Self { streams: number_streams(capture), payloads })
    }

    /// The number of a flow's TCP connection, if any of its packets is there.
    pub fn stream(&self, flow: usize) -> Option<usize> {
        self.streams.get(&flow).copied()
    }

    /// The packet that brought the last of these bytes, and whether all of them were captured.
    pub fn find(&self, flow: usize, direction: Direction, range: &Range<u64>) -> (Option<usize>, bool) {
        follow(range, self.payloads.get(&(flow, direction)).map_or(&[], Vec::as_slice))
    }
}

/// The payload of one packet.
struct Arrival {
    number: usize,
    sent: Range<u64>,
    captured: Range<u64>,
}

fn number_streams(capture: &Capture) -> HashMap<usize, usize> {
    let mut streams = HashMap::new();
    for packet in capture.packets() {
        let next = streams.len();
        streams.entry(packet.flow).or_insert(next);
    }
    streams
}

/// The packet that brought the last new byte of a range, and whether all of it was captured.
fn follow(range: &Range<u64>, arrivals: &[Arrival]) -> (Option<usize>, bool) {
    let mut unsent = vec![range.clone()];
    let mut uncaptured = vec![range.clone()];
    let mut last = None;
    for arrival in arrivals {
        if subtract(&mut unsent, &arrival.sent) {
            last = Some(arrival.number);
        }
        subtract(&mut uncaptured, &arrival.captured);
    }
    (last, uncaptured.is_empty())
}

/// Takes a range out of a set of ranges; whether that changed anything.
fn subtract(set: &mut Vec<Range<u64>>, taken: &Range<u64>) -> bool {
    let before = std::mem::take(set);
    let mut changed = false;
    for range in before {
        let overlap = range.start.max(taken.start)..range.end.min(taken.end);
        if overlap.is_empty() {
            set.push(range);
            continue;
        }
        changed = true;
        let rest = [range.start..overlap.start, overlap.end..range.end];
        set.extend(rest.into_iter().filter(|part| !part.is_empty()));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtract_leaves_both_ends() {
        let mut set = vec![Range { start: 0, end: 10 }];
        assert!(subtract(&mut set, &(3..5)));
        assert_eq!(set, [0..3, 5..10]);
        assert!(!subtract(&mut set, &(3..5)));
        assert!(subtract(&mut set, &(0..3)));
        assert!(subtract(&mut set, &(4..12)));
        assert!(set.is_empty());
    }

    #[test]
    fn last_byte_counts_not_last_packet() {
        let arrival = |number, sent: Range<u64>| Arrival { number, captured: sent.clone(), sent };
        // The second half first, then the first half, then the second half again.
        let arrivals = [arrival(1, 8..16), arrival(2, 0..8), arrival(3, 8..16)];
        assert_eq!(follow(&(0..16), &arrivals), (Some(2), true));
        assert_eq!(follow(&(0..20), &arrivals), (Some(2), false));
        assert_eq!(follow(&(20..30), &arrivals), (None, false));
    }
}
