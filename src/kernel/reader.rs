// SPDX-License-Identifier: GPL-2.0-or-later
//! A cursor over a body that knows where each value lies, and says what is missing.

use std::ops::Range;

// Reads a number of so many bytes off a slice, or says that they are not there.
use bytes::Buf;

use super::report::Report;

/// Longest varint: ten bytes hold 64 bits.
const LONGEST_VARINT: usize = 10;

/// The notes of a protocol on bytes that are not as they should be.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// The bytes end before what is to be read.
    pub short: u16,
    /// A varint does not end.
    pub unending: u16,
    /// Bytes are left over.
    pub excess: u16,
}

/// Reads a range of a frame from its start to its end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The frame, as far as it was captured.
    data: &'a [u8],
    at: usize,
    end: usize,
    faults: Faults,
}

/// A varint cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarintError {
    /// The bytes end before it does.
    Short,
    /// It goes on beyond 64 bits.
    Unending,
}

impl<'a> Reader<'a> {
    /// A reader of `range` of a frame, of which `data` was captured, that notes what is wrong as `faults`.
    pub fn new(data: &'a [u8], range: Range<usize>, faults: Faults) -> Self {
        Self { data, at: range.start, end: range.end.max(range.start), faults }
    }

    /// Bytes not read yet; some may not be captured.
    pub fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// Where the unread bytes lie.
    pub fn rest(&self) -> Range<usize> {
        self.at..self.end
    }

    /// The unread bytes that were captured.
    pub fn bytes(&self) -> &'a [u8] {
        self.data.get(self.at..self.end.min(self.data.len())).unwrap_or_default()
    }

    /// Whether all unread bytes were captured.
    pub fn is_captured(&self) -> bool {
        self.end <= self.data.len()
    }

    /// Goes on behind the next `length` bytes; `None`, and stays, when they are not there.
    pub fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end && *end <= self.data.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    /// A reader of the next `length` bytes.
    pub fn sub(&mut self, length: usize) -> Option<Self> {
        self.take(length).map(|range| Self::new(self.data, range, self.faults))
    }

    /// A big-endian number of one byte, and where it lies.
    pub fn u8(&mut self) -> Option<(u8, Range<usize>)> {
        let value = self.bytes().try_get_u8().ok()?;
        Some((value, self.take(1)?))
    }

    /// A reader of the next `length` bytes, captured or not; of all that are left when there are fewer.
    pub fn part(&mut self, length: usize) -> Self {
        let end = self.at.saturating_add(length).min(self.end);
        let start = std::mem::replace(&mut self.at, end);
        Self::new(self.data, start..end, self.faults)
    }

    /// A big-endian number of two bytes, and where it lies.
    pub fn u16(&mut self) -> Option<(u16, Range<usize>)> {
        let value = self.bytes().try_get_u16().ok()?;
        Some((value, self.take(2)?))
    }

    /// A big-endian number of four bytes, and where it lies.
    pub fn u32(&mut self) -> Option<(u32, Range<usize>)> {
        let value = self.bytes().try_get_u32().ok()?;
        Some((value, self.take(4)?))
    }

    /// A protobuf varint, and where it lies.
    pub fn varint(&mut self) -> Result<(u64, Range<usize>), VarintError> {
        let (mut value, mut shift, mut end) = (0u64, 0u32, self.at);
        for byte in self.bytes() {
            // The tenth byte has room for one bit.
            if shift == 63 && *byte > 1 {
                return Err(VarintError::Unending);
            }
            value |= u64::from(byte & 0x7f) << shift;
            shift = shift.wrapping_add(7);
            end = end.saturating_add(1);
            if *byte < 0x80 {
                let range = self.at..end;
                self.at = end;
                return Ok((value, range));
            }
        }
        Err(VarintError::Short)
    }

    /// Notes that `needed` bytes of `what` are not there. Silent where the capture, not the body,
    /// ends too early: the frame has a note of its own then.
    pub fn short(&self, report: &mut Report, what: &str, needed: usize) {
        if self.is_captured() {
            let words = format_args!("{what} needs {needed} bytes, the body has {}", self.left());
            report.note(self.faults.short, self.rest(), words);
        }
    }

    /// Notes a varint that cannot be read.
    pub fn bad_varint(&self, report: &mut Report, what: &str, error: VarintError) {
        let words = match error {
            VarintError::Unending => format_args!("the varint of {what} goes on beyond 64 bits"),
            VarintError::Short if self.is_captured() => {
                format_args!("the varint of {what} does not end in the body")
            }
            VarintError::Short => return,
        };
        let end = self.rest().end.min(self.rest().start.saturating_add(LONGEST_VARINT));
        report.note(self.faults.unending, self.rest().start..end, words);
    }

    /// Notes bytes behind the known layout, if any.
    pub fn excess(&self, report: &mut Report, what: &str) {
        if self.left() > 0 && self.is_captured() {
            let words = format_args!("{} bytes behind {what}", self.left());
            report.note(self.faults.excess, self.rest(), words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Faults = Faults { short: 0, unending: 0, excess: 0 };

    fn varint(bytes: &[u8]) -> Result<(u64, Range<usize>), VarintError> {
        Reader::new(bytes, 0..bytes.len(), NONE).varint()
    }

    #[test]
    fn varints_of_every_length() {
        for shift in 0..64 {
            let value = u64::MAX >> shift;
            let mut bytes = Vec::new();
            let mut left = value;
            while left >= 0x80 {
                bytes.push(left as u8 | 0x80);
                left >>= 7;
            }
            bytes.push(left as u8);
            assert_eq!(varint(&bytes), Ok((value, 0..bytes.len())));
        }
    }

    #[test]
    fn varints_that_do_not_end() {
        assert_eq!(varint(&[]), Err(VarintError::Short));
        assert_eq!(varint(&[0x80; 9]), Err(VarintError::Short));
        assert_eq!(varint(&[0x80; 10]), Err(VarintError::Unending));
        assert_eq!(
            varint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
            Err(VarintError::Unending)
        );
    }

    #[test]
    fn nothing_is_read_beyond_the_captured_bytes() {
        let mut reader = Reader::new(&[0, 0, 0, 5, 9], 0..8, NONE);
        assert_eq!(reader.u32(), Some((5, 0..4)));
        assert_eq!((reader.u32(), reader.left(), reader.bytes().len()), (None, 4, 1));
    }

    #[test]
    fn a_part_may_end_behind_what_was_captured_but_not_behind_the_whole() {
        let mut reader = Reader::new(&[0, 1, 2, 3, 9], 0..8, NONE);
        assert_eq!(reader.part(2).u16(), Some((1, 0..2)));
        let mut part = reader.part(4);
        assert_eq!(
            (part.rest(), part.is_captured(), part.u16(), part.u16()),
            (2..6, false, Some((0x203, 2..4)), None)
        );
        assert_eq!((reader.part(9).rest(), reader.left()), (6..8, 0));
    }
}
