// SPDX-License-Identifier: GPL-2.0-or-later
//! The long-link frame: a header of 16 bytes, all fields big-endian, and a body.

use std::io::{self, Read};

/// Length of the header that every known client sends.
pub const HEADER_LEN: usize = 16;

/// The only version ever seen in a header.
pub const VERSION: u16 = 1;

/// Readers refuse a frame that is longer than this; nothing on the wire states the limit.
pub const MAX_PACKET_LEN: usize = 1 << 20;

/// What a response adds to the operation of its request.
pub const RESPONSE_OFFSET: u32 = 1_000_000_000;

/// The operations that the generator speaks.
pub mod op {
    /// Push without data, older than [`NOTIFY`] and without a selector.
    pub const NOTIFY_OLD: u32 = 5;
    /// Heartbeat of clients built on Mars.
    pub const NOOP: u32 = 6;
    /// One-way data, such as «the other side is typing».
    pub const DIRECT_SEND: u32 = 8;
    /// Heartbeat of WeChat 6.0; the same number with sequence 0 from the server is [`REDIRECT`].
    pub const HEARTBEAT: u32 = 12;
    /// Push: connect to these addresses from now on.
    pub const REDIRECT: u32 = 12;
    /// Push without data: there is news, fetch it.
    pub const NOTIFY: u32 = 24;
    /// Search for a contact.
    pub const SEARCH_CONTACT: u32 = 34;
    /// Push without data: there is news, ask for it.
    pub const SYNC_CHECK_NOTICE: u32 = 39;
    /// Measures the network.
    pub const SPEED_TEST: u32 = 89;
    /// Fetches what is new among Moments.
    pub const MOMENTS_SYNC: u32 = 102;
    /// Fetches what is new.
    pub const NEW_SYNC: u32 = 121;
    /// Push with the news in it.
    pub const PUSH: u32 = 122;
    /// Tells the server whose connection this is.
    pub const IDENTIFY: u32 = 205;
    /// Sends a message.
    pub const NEW_SEND_MSG: u32 = 237;
    /// Keeps a signalling channel open; whether it is answered is not documented.
    pub const SIGNAL_KEEP: u32 = 243;
    /// Tells the server that the client is in the foreground; whether it is answered is not documented.
    pub const FOREGROUND_REPORT: u32 = 312;
    /// Acknowledgement of a push, clients before 5.4. From the client, and itself not answered.
    pub const PUSH_ACK_OLD: u32 = 1_000_000_122;
    /// Acknowledgement of a push. From the client, and itself not answered.
    pub const PUSH_ACK: u32 = 1_000_000_190;
}

/// Sequence numbers with a meaning of their own.
pub mod seq {
    /// The server speaks unasked.
    pub const PUSH: u32 = 0;
    /// Identify request and answer.
    pub const IDENTIFY: u32 = 0xFFFF_FFFE;
    /// [`op::NOOP`](super::op::NOOP) and its answer.
    pub const NOOP: u32 = 0xFFFF_FFFF;
    /// Heartbeat and speed test of client 4.5, and their answers.
    pub const EARLY: u32 = 0x7FFF_FFFF;
}

/// The type number that a business packet carries for the call of a frame.
pub mod cgi {
    /// For [`op::DIRECT_SEND`](super::op::DIRECT_SEND).
    pub const DIRECT_SEND: u32 = 111;
    /// For [`op::SEARCH_CONTACT`](super::op::SEARCH_CONTACT).
    pub const SEARCH_CONTACT: u32 = 106;
    /// For [`op::MOMENTS_SYNC`](super::op::MOMENTS_SYNC).
    pub const MOMENTS_SYNC: u32 = 214;
    /// For [`op::NEW_SYNC`](super::op::NEW_SYNC) and [`op::PUSH`](super::op::PUSH).
    pub const NEW_SYNC: u32 = 138;
    /// For [`op::NEW_SEND_MSG`](super::op::NEW_SEND_MSG).
    pub const NEW_SEND_MSG: u32 = 522;
}

/// One frame of the long link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// What is asked, answered or pushed.
    pub op: u32,
    /// Ties a response to its request.
    pub seq: u32,
    /// Bytes between the fixed header and the body; empty in all known traffic.
    pub header_extra: Vec<u8>,
    /// Everything after the header.
    pub body: Vec<u8>,
}

impl Pdu {
    /// A frame with the usual header.
    pub fn new(op: u32, seq: u32, body: Vec<u8>) -> Self {
        Self { op, seq, header_extra: Vec::new(), body }
    }

    /// A frame that ends with its header.
    pub fn empty(op: u32, seq: u32) -> Self {
        Self::new(op, seq, Vec::new())
    }

    /// An answer to this frame.
    pub fn response(&self, body: Vec<u8>) -> Self {
        Self::new(self.op.wrapping_add(RESPONSE_OFFSET), self.seq, body)
    }

    /// The value of the length field: the whole frame.
    pub fn packet_len(&self) -> u32 {
        (HEADER_LEN + self.header_extra.len() + self.body.len()) as u32
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let head_len = (HEADER_LEN + self.header_extra.len()) as u16;
        let mut wire = Vec::with_capacity(self.packet_len() as usize);
        wire.extend_from_slice(&self.packet_len().to_be_bytes());
        wire.extend_from_slice(&head_len.to_be_bytes());
        wire.extend_from_slice(&VERSION.to_be_bytes());
        wire.extend_from_slice(&self.op.to_be_bytes());
        wire.extend_from_slice(&self.seq.to_be_bytes());
        wire.extend_from_slice(&self.header_extra);
        wire.extend_from_slice(&self.body);
        wire
    }

    /// Reads one frame; `None` when the stream ends between two frames.
    pub fn read_from(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER_LEN];
        if reader.read(&mut header[..1])? == 0 {
            return Ok(None);
        }
        reader.read_exact(&mut header[1..])?;

        let u16_at = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let u32_at =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (packet_len, head_len, version) = (u32_at(0) as usize, u16_at(4) as usize, u16_at(6));
        if version != VERSION || !(HEADER_LEN..=packet_len).contains(&head_len) || packet_len > MAX_PACKET_LEN
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("not a frame: length {packet_len}, head {head_len}, version {version}"),
            ));
        }

        let mut header_extra = vec![0; head_len - HEADER_LEN];
        reader.read_exact(&mut header_extra)?;
        let mut body = vec![0; packet_len - head_len];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { op: u32_at(8), seq: u32_at(12), header_extra, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_known_sample() {
        let wire = Pdu::empty(op::NOOP, 15).encode();
        assert_eq!(wire, [0, 0, 0, 16, 0, 16, 0, 1, 0, 0, 0, 6, 0, 0, 0, 15]);
    }

    #[test]
    fn reads_back_what_it_writes() -> io::Result<()> {
        let mut long_header = Pdu::new(op::NEW_SYNC, 26, vec![1, 2, 3]);
        long_header.header_extra = vec![9; 4];
        let sent = [Pdu::empty(op::HEARTBEAT, 1), long_header.response(vec![7]), long_header];
        let wire: Vec<u8> = sent.iter().flat_map(Pdu::encode).collect();

        let mut reader = wire.as_slice();
        for pdu in sent {
            assert_eq!(Pdu::read_from(&mut reader)?, Some(pdu));
        }
        assert_eq!(Pdu::read_from(&mut reader)?, None);
        Ok(())
    }

    #[test]
    fn refuses_impossible_lengths() {
        let mut wire = Pdu::empty(op::NOOP, 1).encode();
        wire[3] = 7;
        assert!(Pdu::read_from(&mut wire.as_slice()).is_err());
    }
}
