// SPDX-License-Identifier: GPL-2.0-or-later
//! The layout of a frame: the only place that knows it.
//!
//! ```text
//!  0              4        6        8            12           16     head_len      packet_len
//!  +--------------+--------+--------+------------+------------+---------+-----------+
//!  | packet_len   |head_len|version | operation  | seqid      | extra   | body      |
//!  +--------------+--------+--------+------------+------------+---------+-----------+
//! ```
//! All numbers are big-endian. `packet_len` counts the whole frame, itself included.

use std::ops::Range;

use memchr::memmem;

use crate::kernel::framing;
pub use crate::kernel::framing::Quality;
use crate::wechat::operation;

/// Length of the fixed header, which is also the smallest frame.
pub const HEADER_LEN: usize = 16;

/// The only version ever seen on the wire.
pub const VERSION: u16 = 1;

pub use crate::wechat::operation::SEQ_PUSH;
/// Seqid of the long-link identify exchange.
pub const SEQ_IDENTIFY: u32 = 0xffff_fffe;
/// Seqid of the heartbeat of later clients.
pub const SEQ_HEARTBEAT: u32 = 0xffff_ffff;

/// Where each header field lies; used to read it and to show it.
pub mod at {
    use std::ops::Range;
    /// Length of the whole frame.
    pub const PACKET_LEN: Range<usize> = 0..4;
    /// Length of the header.
    pub const HEAD_LEN: Range<usize> = 4..6;
    /// Protocol version.
    pub const VERSION: Range<usize> = 6..8;
    /// Operation as on the wire.
    pub const OP: Range<usize> = 8..12;
    /// Seqid.
    pub const SEQ: Range<usize> = 12..16;
    /// The two constant fields that make a header recognisable.
    pub const SIGNATURE: Range<usize> = HEAD_LEN.start..VERSION.end;
}

/// The bytes of [`at::SIGNATURE`] in every frame ever seen: head length 16, version 1.
pub const SIGNATURE: [u8; 4] = [0, 16, 0, 1];

/// The fixed header, as read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole frame in bytes, these four included.
    pub packet_len: u32,
    /// Length of the header in bytes; the body starts here.
    pub head_len: u16,
    /// Version, 1 in every frame known.
    pub version: u16,
    /// Operation as on the wire.
    pub op: u32,
    /// Seqid: 0 for a push, else what pairs a response with its request.
    pub seq: u32,
}

impl Header {
    /// Where a frame of so many bytes in the packet ends: by its length, or by them when that is wrong.
    pub fn end(&self, extent: usize, wrong_length: bool) -> usize {
        if wrong_length { extent } else { self.packet_len as usize }
    }

    /// Where the body lies in a frame that ends at `end`; empty when the head length leaves none.
    pub fn body(&self, end: usize) -> Range<usize> {
        usize::from(self.head_len).max(HEADER_LEN).min(end)..end
    }

    /// Where header bytes beyond the known 16 lie in a frame that ends at `end`.
    pub fn extra(&self, end: usize) -> Range<usize> {
        HEADER_LEN.min(end)..self.body(end).start
    }
}

impl framing::Header for Header {
    const LENGTH: usize = HEADER_LEN;
    const SIGNED: usize = at::SIGNATURE.end;
    const SURE: usize = 4;

    fn read(data: &[u8]) -> Option<Self> {
        let data: &[u8; HEADER_LEN] = data.first_chunk()?;
        Some(Self {
            packet_len: u32::from_be_bytes(part(data, at::PACKET_LEN)?),
            head_len: u16::from_be_bytes(part(data, at::HEAD_LEN)?),
            version: u16::from_be_bytes(part(data, at::VERSION)?),
            op: u32::from_be_bytes(part(data, at::OP)?),
            seq: u32::from_be_bytes(part(data, at::SEQ)?),
        })
    }

    fn pdu_len(&self) -> u32 {
        self.packet_len
    }

    fn quality(&self, limit: u32) -> Quality {
        let usual = self.version == VERSION && usize::from(self.head_len) == HEADER_LEN;
        match (HEADER_LEN as u32..=limit).contains(&self.packet_len) {
            true if usual => Quality::Strict,
            true => Quality::Odd,
            false => Quality::Broken,
        }
    }

    fn strange_fields(&self) -> usize {
        let odd = [self.version != VERSION, usize::from(self.head_len) != HEADER_LEN];
        odd.into_iter().filter(|odd| *odd).count()
    }

    /// Its operation is one like those that are numbered.
    fn is_likely(&self) -> bool {
        operation::in_range(self.op)
    }

    /// With fewer than 8 bytes this is weak evidence.
    fn may_start(data: &[u8], limit: u32) -> bool {
        if let Some(header) = Header::read(data) {
            return header.quality(limit) == Quality::Strict;
        }
        let signature = data.iter().skip(at::SIGNATURE.start).zip(SIGNATURE);
        if !signature.into_iter().all(|(have, want)| *have == want) {
            return false;
        }
        // The length with its missing bytes at their smallest and at their largest.
        let length = |missing: u8| {
            let known = data.iter().copied().chain(std::iter::repeat(missing));
            known.take(at::PACKET_LEN.len()).fold(0u32, |length, byte| (length << 8) | u32::from(byte))
        };
        length(0) <= limit && length(0xff) >= HEADER_LEN as u32
    }

    fn same_kind(one: &[u8], other: &[u8]) -> bool {
        let theirs = other.get(at::SIGNATURE);
        theirs.is_some() && theirs == one.get(at::SIGNATURE)
    }

    fn candidates(data: &[u8]) -> impl Iterator<Item = usize> {
        memmem::find_iter(data.get(at::SIGNATURE.start..).unwrap_or_default(), &SIGNATURE)
    }
}

/// The bytes of a field.
fn part<const LENGTH: usize>(header: &[u8; HEADER_LEN], at: Range<usize>) -> Option<[u8; LENGTH]> {
    header.get(at)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::framing::Header as _;

    const HEARTBEAT: [u8; 16] = [0, 0, 0, 16, 0, 16, 0, 1, 0, 0, 0, 6, 0, 0, 0, 15];

    #[test]
    fn reads_the_oldest_public_sample() {
        let header = Header::read(&HEARTBEAT).unwrap();
        assert_eq!((header.packet_len, header.op, header.seq), (16, 6, 15));
        assert_eq!(header.quality(1 << 20), Quality::Strict);
        assert!(header.body(16).is_empty() && header.extra(16).is_empty());
    }

    #[test]
    fn fifteen_bytes_are_no_header() {
        assert_eq!(Header::read(&HEARTBEAT[..15]), None);
    }

    #[test]
    fn every_prefix_of_a_header_may_start_one() {
        for end in 0..=HEARTBEAT.len() {
            assert!(Header::may_start(&HEARTBEAT[..end], 1 << 20), "{end} bytes");
        }
    }

    #[test]
    fn a_prefix_that_cannot_be_a_length_or_a_signature_is_refused() {
        let limit = 1 << 20;
        assert!(!Header::may_start(&[1], limit));
        assert!(!Header::may_start(&[0, 0x11], limit));
        assert!(Header::may_start(&[0, 0x10, 0, 0], limit));
        assert!(!Header::may_start(&[0, 0x10, 0, 1], limit));
        assert!(!Header::may_start(&[0, 0, 0, 15], limit));
        assert!(!Header::may_start(&[0, 0, 0, 16, 1], limit));
        assert!(!Header::may_start(&[0, 0, 0, 16, 0, 16, 0, 2], limit));
    }

    #[test]
    fn headers_are_judged() {
        let with = |packet_len, head_len, version| {
            Header { packet_len, head_len, version, op: 6, seq: 1 }.quality(1000)
        };
        assert_eq!(with(1000, 16, 1), Quality::Strict);
        assert_eq!(with(1001, 16, 1), Quality::Broken);
        assert_eq!(with(15, 16, 1), Quality::Broken);
        assert_eq!(with(16, 17, 1), Quality::Odd);
        assert_eq!(with(16, 15, 1), Quality::Odd);
        assert_eq!(with(20, 20, 1), Quality::Odd);
        assert_eq!(with(20, 16, 2), Quality::Odd);
    }
}
