// SPDX-License-Identifier: GPL-2.0-or-later
//! The layout of a record: the only place that knows it.
//!
//! ```text
//!  0      1         3        5            5 + length
//!  +------+---------+--------+------------+
//!  | type | version | length | content    |
//!  +------+---------+--------+------------+
//! ```
//! All numbers are big-endian. A content that is encrypted ends with a tag of 16 bytes.

use crate::kernel::framing::{self, Quality};

/// Length of the header.
pub const HEADER_LEN: usize = 5;
/// What encryption adds to a content.
pub const TAG_LEN: usize = 16;
/// Bytes of the smallest encrypted record.
pub const SMALLEST: u32 = 21;
/// No record known has a longer content.
pub const LONGEST: u16 = 0x8000;

/// Where each field of the header lies; used to read it and to show it.
pub mod at {
    use std::ops::Range;
    /// What the record carries.
    pub const TYPE: Range<usize> = 0..1;
    /// Version of the record layer.
    pub const VERSION: Range<usize> = 1..3;
    /// Bytes behind the header.
    pub const LENGTH: Range<usize> = 3..5;
}

/// Types of records.
pub mod kind {
    /// An end, or a refusal.
    pub const ALERT: u8 = 0x15;
    /// A handshake message.
    pub const HANDSHAKE: u8 = 0x16;
    /// What the layer is for.
    pub const DATA: u8 = 0x17;
    /// The handshake messages that a client sends along with early data.
    pub const EARLY: u8 = 0x19;
}

/// Versions of the record layer.
pub const VERSIONS: [u16; 2] = [0xf103, 0xf104];

/// The header, as read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What the record carries: one of [`kind`].
    pub kind: u8,
    /// Version, one of [`VERSIONS`].
    pub version: u16,
    /// Bytes behind the header.
    pub length: u16,
    /// The header itself, which the tag covers.
    pub bytes: [u8; HEADER_LEN],
}

impl Header {
    fn knows_type(self) -> bool {
        matches!(self.kind, kind::ALERT | kind::HANDSHAKE | kind::DATA | kind::EARLY)
    }

    fn knows_version(self) -> bool {
        VERSIONS.contains(&self.version)
    }
}

impl framing::Header for Header {
    const LENGTH: usize = HEADER_LEN;
    const SIGNED: usize = at::VERSION.end;
    // Contents are encrypted: nothing in them looks like a header but by chance.
    const SURE: usize = 2;

    fn read(data: &[u8]) -> Option<Self> {
        let bytes @ [kind, high, low, long, short] = *data.first_chunk()?;
        let (version, length) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([long, short]));
        Some(Self { kind, version, length, bytes })
    }

    fn pdu_len(&self) -> u32 {
        u32::from(self.length).saturating_add(HEADER_LEN as u32)
    }

    /// Any length is possible; an empty record has never been seen.
    fn quality(&self, _: u32) -> Quality {
        if self.strange_fields() == 0 { Quality::Strict } else { Quality::Odd }
    }

    fn strange_fields(&self) -> usize {
        let odd = [!self.knows_type(), !self.knows_version(), self.length == 0];
        odd.into_iter().filter(|odd| *odd).count()
    }

    /// Its length is one that its type may have.
    fn is_likely(&self) -> bool {
        match self.kind {
            kind::ALERT => matches!(self.length, 7 | 23),
            kind::DATA => self.length > TAG_LEN as u16 && self.length <= LONGEST,
            _ => (20..=400).contains(&self.length),
        }
    }

    fn may_start(data: &[u8], limit: u32) -> bool {
        if let Some(header) = Self::read(data) {
            return header.quality(limit) == Quality::Strict;
        }
        let byte = |place: usize| data.get(place).copied();
        byte(0).is_none_or(|kind| Self { kind, ..Self::default() }.knows_type())
            && byte(1).is_none_or(|high| high == 0xf1)
            && byte(2).is_none_or(|low| VERSIONS.contains(&u16::from_be_bytes([0xf1, low])))
    }

    fn same_kind(one: &[u8], other: &[u8]) -> bool {
        let theirs = other.get(at::VERSION);
        theirs.is_some() && theirs == one.get(at::VERSION)
    }

    fn candidates(data: &[u8]) -> impl Iterator<Item = usize> {
        let is_signed = |place: &usize| {
            data.get(*place..).is_some_and(|rest| {
                rest.len() >= Self::SIGNED && Self::may_start(rest.get(..Self::SIGNED).unwrap_or_default(), 0)
            })
        };
        memchr::memchr_iter(0xf1, data.get(at::VERSION.start..).unwrap_or_default()).filter(is_signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::framing::Header as _;

    #[test]
    fn a_header_is_read_and_judged() {
        let header = Header::read(&[0x17, 0xf1, 0x04, 0, 32, 9]).unwrap();
        assert_eq!((header.kind, header.version, header.length, header.pdu_len()), (0x17, 0xf104, 32, 37));
        assert_eq!((header.quality(0), header.is_likely()), (Quality::Strict, true));
        for (bytes, strange) in
            [([0x17, 0xf1, 5, 0, 1], 1), ([0x18, 0xf1, 3, 0, 1], 1), ([0x16, 0xf1, 3, 0, 0], 1), ([0; 5], 3)]
        {
            let header = Header::read(&bytes).unwrap();
            assert_eq!((header.strange_fields(), header.quality(0)), (strange, Quality::Odd), "{bytes:02x?}");
        }
        assert_eq!(Header::read(&[0x17, 0xf1, 4, 0]), None);
    }

    #[test]
    fn each_beginning_of_a_header_may_start_one() {
        let header = [0x19, 0xf1, 0x03, 1, 0];
        assert!((0..=5).all(|end| Header::may_start(&header[..end], 0)));
        for other in [&[0x14][..], &[0x16, 3], &[0x16, 0xf1, 1], &[0x16, 0xf1, 3, 0, 0]] {
            assert!(!Header::may_start(other, 0), "{other:02x?}");
        }
    }

    #[test]
    fn candidates_are_found_by_type_and_version() {
        let data = [0xf1, 4, 0x17, 0xf1, 4, 0, 1, 0x16, 0xf1, 0x16, 0xf1, 3, 0xf1];
        assert_eq!(Header::candidates(&data).collect::<Vec<_>>(), [2, 9]);
    }
}
