// SPDX-License-Identifier: GPL-2.0-or-later
//! A TCP connection: turns writes into segments, acknowledgements included.

use std::ops::Range;
use std::time::Duration;

use crate::packet::{Control, Direction, Endpoints, MSS, Packet};
use crate::pdu::Pdu;

/// How long a receiver waits for something to carry its acknowledgement.
const DELAYED_ACK: Duration = Duration::from_millis(40);
/// A receiver acknowledges every second segment at once.
const SEGMENTS_PER_ACK: u32 = 2;
/// Distance of packets that follow each other directly.
const SPACING: Duration = Duration::from_micros(20);
const ROUND_TRIP: Duration = Duration::from_millis(30);

/// What a PDU was meant to be, whatever happens to its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Operation.
    pub op: u32,
    /// Sequence.
    pub seq: u32,
    /// Length of the whole frame.
    pub packet_len: u32,
}

/// Bytes that one side hands to TCP: a PDU, possibly damaged, or something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes to send.
    pub bytes: Vec<u8>,
    /// The PDU they were made from, if any.
    pub intent: Option<Intent>,
    /// A number by which their maker finds them again.
    pub part: Option<usize>,
    /// Whether they still are that PDU's bytes.
    pub intact: bool,
}

impl Chunk {
    /// Bytes that are no PDU.
    pub fn raw(bytes: Vec<u8>) -> Self {
        Self { bytes, intent: None, part: None, intact: true }
    }

    /// Overwrites the length field, which breaks the frame.
    pub fn set_packet_len(&mut self, packet_len: u32) {
        self.bytes[..4].copy_from_slice(&packet_len.to_be_bytes());
        self.intact = false;
    }

    /// Takes bytes out, which breaks the frame.
    pub fn remove(&mut self, range: Range<usize>) {
        self.bytes.drain(range);
        self.intact = false;
    }
}

impl From<&Pdu> for Chunk {
    fn from(pdu: &Pdu) -> Self {
        Self {
            bytes: pdu.encode(),
            intent: Some(Intent { op: pdu.op, seq: pdu.seq, packet_len: pdu.packet_len() }),
            part: None,
            intact: true,
        }
    }
}

/// Where a write is cut into segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segmentation {
    /// Full segments, the last one shorter.
    Mss,
    /// Segments of these sizes first, then full ones. Sizes above [`MSS`] are cut down to it.
    Sizes(Vec<usize>),
}

impl Segmentation {
    fn split<'a>(&self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let sizes: &[usize] = match self {
            Self::Mss => &[],
            Self::Sizes(sizes) => sizes,
        };
        let mut sizes = sizes.iter();
        let mut segments = Vec::new();
        while !bytes.is_empty() {
            let size = sizes.next().map_or(MSS.into(), |&size| size);
            let (segment, rest) = bytes.split_at(size.clamp(1, MSS.into()).min(bytes.len()));
            segments.push(segment);
            bytes = rest;
        }
        segments
    }
}

/// A PDU and the place of its bytes in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The flow it was sent on.
    pub flow: usize,
    /// From whom.
    pub direction: Direction,
    /// What it was meant to be.
    pub intent: Intent,
    /// Its bytes among those of its direction.
    pub range: Range<u64>,
    /// Whether its bytes were sent unharmed.
    pub intact: bool,
}

/// A numbered chunk and the place of its bytes in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedPart {
    /// The flow it was sent on.
    pub flow: usize,
    /// From whom.
    pub direction: Direction,
    /// Its maker's number.
    pub part: usize,
    /// Its bytes among those of its direction.
    pub range: Range<u64>,
    /// Whether its bytes were sent unharmed.
    pub intact: bool,
}

/// What one side of a connection has sent and received.
#[derive(Debug)]
struct Side {
    first_sequence: u32,
    /// Bytes of payload sent.
    sent: u64,
    finished: bool,
    identification: u16,
    /// Segments received and not acknowledged.
    unacknowledged: u32,
    ack_due: Duration,
}

impl Side {
    fn new(initial_sequence: u32) -> Self {
        Self {
            first_sequence: initial_sequence.wrapping_add(1),
            sent: 0,
            finished: false,
            identification: initial_sequence as u16,
            unacknowledged: 0,
            ack_due: Duration::ZERO,
        }
    }

    fn next_sequence(&self) -> u32 {
        self.first_sequence.wrapping_add(self.sent as u32).wrapping_add(self.finished.into())
    }
}

/// A connection that is being written. Time never runs backwards: a write that comes too early
/// follows the previous packet directly.
#[derive(Debug)]
pub struct Flow {
    endpoints: Endpoints,
    client: Side,
    server: Side,
    now: Duration,
    packets: Vec<Packet>,
    placed: Vec<Placed>,
    parts: Vec<PlacedPart>,
}

impl Flow {
    /// A connection with these initial sequence numbers, of client and server.
    pub fn new(endpoints: Endpoints, initial_sequences: [u32; 2]) -> Self {
        let [client, server] = initial_sequences;
        Self {
            endpoints,
            client: Side::new(client),
            server: Side::new(server),
            now: Duration::ZERO,
            packets: Vec::new(),
            placed: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// The two ends.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The time of the latest packet.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Opens the connection. Without it the flow begins mid-stream.
    pub fn handshake(&mut self, at: Duration) {
        use Direction::{ClientToServer, ServerToClient};
        self.now = self.now.max(at);
        for (direction, control) in [(ClientToServer, Control::Syn), (ServerToClient, Control::SynAck)] {
            self.emit(direction, control, Vec::new());
            // A SYN takes the sequence number before the first byte.
            if let Some(packet) = self.packets.last_mut() {
                packet.sequence = packet.sequence.wrapping_sub(1);
                if control == Control::Syn {
                    packet.acknowledgement = 0;
                }
            }
            self.now += ROUND_TRIP / 2;
        }
        self.emit(ClientToServer, Control::Ack, Vec::new());
    }

    /// Sends these chunks as one write.
    pub fn send(
        &mut self,
        at: Duration,
        direction: Direction,
        chunks: &[Chunk],
        segmentation: &Segmentation,
    ) {
        self.idle_until(at);
        let mut bytes = Vec::new();
        for chunk in chunks {
            let start = self.side(direction).sent + bytes.len() as u64;
            bytes.extend_from_slice(&chunk.bytes);
            let range = start..start + chunk.bytes.len() as u64;
            let intact = chunk.intact;
            if let Some(part) = chunk.part {
                self.parts.push(PlacedPart { flow: 0, direction, part, range: range.clone(), intact });
            }
            if let Some(intent) = chunk.intent {
                self.placed.push(Placed { flow: 0, direction, intent, range, intact });
            }
        }

        let segments = segmentation.split(&bytes);
        let last = segments.len().saturating_sub(1);
        for (index, segment) in segments.into_iter().enumerate() {
            let control = if index == last { Control::PshAck } else { Control::Ack };
            self.segment(direction, control, segment.to_vec());
        }
    }

    /// Lets time pass: acknowledgements that are due by then are sent.
    pub fn idle_until(&mut self, at: Duration) {
        let mut due: Vec<_> = Direction::BOTH
            .into_iter()
            .filter(|&receiver| {
                let side = self.side(receiver);
                side.unacknowledged > 0 && side.ack_due <= at
            })
            .collect();
        due.sort_by_key(|&receiver| self.side(receiver).ack_due);
        for receiver in due {
            self.now = self.now.max(self.side(receiver).ack_due);
            self.emit(receiver, Control::Ack, Vec::new());
        }
        self.now = self.now.max(at);
    }

    /// Closes the connection, the given side first.
    pub fn close(&mut self, at: Duration, first: Direction) {
        self.idle_until(at);
        for direction in [first, first.reverse()] {
            self.emit(direction, Control::FinAck, Vec::new());
            self.side_mut(direction).finished = true;
            self.now += ROUND_TRIP / 2;
        }
        self.emit(first, Control::Ack, Vec::new());
    }

    /// Takes the packets and PDUs made so far, marked as those of this flow.
    pub fn drain(&mut self, flow: usize) -> (Vec<Packet>, Vec<Placed>) {
        let mut packets = std::mem::take(&mut self.packets);
        let mut placed = std::mem::take(&mut self.placed);
        packets.iter_mut().for_each(|packet| packet.flow = flow);
        placed.iter_mut().for_each(|placed| placed.flow = flow);
        (packets, placed)
    }

    /// Takes the numbered chunks sent so far, marked as those of this flow.
    pub fn drain_parts(&mut self, flow: usize) -> Vec<PlacedPart> {
        let mut parts = std::mem::take(&mut self.parts);
        parts.iter_mut().for_each(|part| part.flow = flow);
        parts
    }

    /// A data segment, and the acknowledgement if it is the second in a row.
    fn segment(&mut self, direction: Direction, control: Control, payload: Vec<u8>) {
        let len = payload.len() as u64;
        self.emit(direction, control, payload);
        self.side_mut(direction).sent += len;

        let due = self.now + DELAYED_ACK;
        let receiver = self.side_mut(direction.reverse());
        if receiver.unacknowledged == 0 {
            receiver.ack_due = due;
        }
        receiver.unacknowledged += 1;
        if receiver.unacknowledged >= SEGMENTS_PER_ACK {
            self.emit(direction.reverse(), Control::Ack, Vec::new());
        }
    }

    /// Appends a packet. Whatever it is, it acknowledges all that its sender has received.
    fn emit(&mut self, direction: Direction, control: Control, payload: Vec<u8>) {
        self.now += SPACING;
        let acknowledgement = self.side(direction.reverse()).next_sequence();
        let time = self.now;
        let side = self.side_mut(direction);
        side.unacknowledged = 0;
        side.identification = side.identification.wrapping_add(1);
        let packet = Packet {
            time,
            flow: 0,
            direction,
            identification: side.identification,
            sequence: side.next_sequence(),
            acknowledgement,
            control,
            offset: side.sent,
            payload,
        };
        self.packets.push(packet);
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::ClientToServer => &self.client,
            Direction::ServerToClient => &self.server,
        }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    fn flow(initial_sequences: [u32; 2]) -> Flow {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Flow::new(Endpoints { client: address(40_000), server: address(8080) }, initial_sequences)
    }

    fn chunk(len: usize) -> Chunk {
        Chunk::from(&Pdu::new(1, 1, vec![0; len - 16]))
    }

    #[test]
    fn cuts_where_told_then_at_the_mss() {
        let sizes = |segmentation: Segmentation, len: usize| -> Vec<usize> {
            let bytes = vec![0; len];
            segmentation.split(&bytes).iter().map(|s| s.len()).collect()
        };
        assert_eq!(sizes(Segmentation::Mss, 3000), [1400, 1400, 200]);
        assert_eq!(sizes(Segmentation::Sizes(vec![7, 5000]), 2000), [7, 1400, 593]);
        assert!(sizes(Segmentation::Mss, 0).is_empty());
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut flow = flow([u32::MAX - 10, 0]);
        flow.handshake(Duration::ZERO);
        for _ in 0..2 {
            flow.send(Duration::from_secs(1), Direction::ClientToServer, &[chunk(16)], &Segmentation::Mss);
        }
        let (packets, placed) = flow.drain(3);
        let sequences: Vec<u32> = packets
            .iter()
            .filter(|packet| !packet.payload.is_empty())
            .map(|packet| packet.sequence)
            .collect();
        assert_eq!(sequences, [u32::MAX - 9, 6]);
        assert_eq!(placed[1].range, 16..32);
        assert!(packets.iter().all(|packet| packet.flow == 3));
    }

    #[test]
    fn acknowledgement_rides_on_data_or_comes_late() {
        let mut flow = flow([0, 0]);
        let at = Duration::from_millis;
        let mss = Segmentation::Mss;
        flow.send(at(0), Direction::ClientToServer, &[chunk(16)], &mss);
        flow.send(at(10), Direction::ServerToClient, &[chunk(16)], &mss);
        flow.close(at(1000), Direction::ClientToServer);
        let (packets, _) = flow.drain(0);
        let pure_acks = packets.iter().filter(|packet| packet.control == Control::Ack).count();
        assert_eq!(pure_acks, 2, "one for the answer, one for the last FIN");
        assert_eq!(packets[1].acknowledgement, 17);
    }
}
