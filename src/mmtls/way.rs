// SPDX-License-Identifier: GPL-2.0-or-later
//! One direction of a stream: where its next record is, and which number that has.

use super::count::Count;
use super::record::Header;
use crate::kernel::framing::{Lane, distance};

/// Records that were missing when later ones came.
#[derive(Clone, Copy, Debug)]
struct Hole {
    from: u32,
    to: u32,
    count: Count,
    /// Where the data of its first record stand in the stream inside.
    inner: u32,
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub struct Way {
    /// Where records begin.
    pub lane: Lane<Header>,
    /// Behind the last record, if there was one.
    end: Option<u32>,
    /// The numbers of the next record there.
    count: Count,
    hole: Option<Hole>,
    /// Where the data of the next record stand in the stream inside.
    inner: u32,
}

/// What a record takes of its direction.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Where it begins.
    pub position: u32,
    /// Bytes on the wire.
    pub length: u32,
    /// Its number, where that is known.
    pub seq: Option<u32>,
    /// The bytes of a stream inside that it holds.
    pub inner: u32,
}

impl Way {
    /// The numbers that a record at `position` may have; the first that comes has those of `start`.
    pub fn count(&self, position: u32, start: Count) -> Count {
        let Some(end) = self.end else { return start };
        match u32::try_from(distance(end, position)) {
            Ok(ahead) => self.count.behind(ahead),
            // It comes out of order.
            Err(_) => {
                self.hole.filter(|hole| hole.from == position).map_or(Count::default(), |hole| hole.count)
            }
        }
    }

    /// A record has come, which might have had the numbers of `count`. Where its data stand in the stream inside.
    pub fn take(&mut self, taken: Taken, count: Count) -> u32 {
        let Taken { position, length, seq, inner } = taken;
        let next = seq.map_or(count, Count::exactly).next();
        let behind = position.wrapping_add(length);
        match self.end.map(|end| (end, distance(end, position))) {
            Some((_, ahead)) if ahead < 0 => {
                let begins = |hole: &&mut Hole| hole.from == position;
                let Some(hole) = self.hole.as_mut().filter(begins) else {
                    // What is missing beside it is not known: it stands alone, where no other does.
                    return self.inner.wrapping_sub(ahead.unsigned_abs());
                };
                let at = hole.inner;
                (hole.from, hole.count, hole.inner) = (behind, next, at.wrapping_add(inner));
                self.hole = self.hole.filter(|hole| distance(hole.from, hole.to) > 0);
                at
            }
            before => {
                if let Some((end, ahead @ 1..)) = before {
                    let (count, inner) = (self.count, self.inner);
                    self.hole = Some(Hole { from: end, to: position, count, inner });
                    self.inner = self.inner.wrapping_add(missing(ahead.unsigned_abs(), self.count, seq));
                }
                (self.end, self.count) = (Some(behind), next);
                let at = self.inner;
                self.inner = at.wrapping_add(inner);
                at
            }
        }
    }
}

/// How many bytes of the stream inside were in so many that are missing.
fn missing(bytes: u32, before: Count, seq: Option<u32>) -> u32 {
    /// Header and tag.
    const AROUND: u32 = 21;
    let records = seq.zip(before.from).map(|(seq, from)| seq.saturating_sub(from));
    // Without the number of records that is not known; none of the bytes behind continues those before.
    records.map_or(bytes, |records| bytes.saturating_sub(records.saturating_mul(AROUND)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(position: u32, length: u32, seq: Option<u32>) -> Taken {
        Taken { position, length, seq, inner: length - 21 }
    }

    #[test]
    fn records_are_counted_and_their_data_too() {
        let mut way = Way::default();
        let first = way.count(100, Count::exactly(0));
        assert_eq!(first.exact(), Some(0));
        assert_eq!(way.take(record(100, 50, None), first), 0);
        assert_eq!(way.count(150, Count::default()).exact(), Some(1));
        assert_eq!(way.take(record(150, 31, Some(1)), Count::exactly(1)), 29);
        assert_eq!(way.take(record(181, 21, Some(2)), Count::exactly(2)), 39);
    }

    #[test]
    fn behind_a_hole_there_are_several_numbers_until_one_is_known() {
        let mut way = Way::default();
        way.take(record(0, 30, Some(0)), Count::exactly(0));
        let count = way.count(30 + 84, Count::default());
        assert_eq!(count, Count { from: Some(1), more: 5 });
        // Two records were missing, of 84 bytes: 42 of them around what was in them.
        assert_eq!(way.take(record(114, 40, Some(3)), count), 9 + 42);
        assert_eq!(way.count(154, Count::default()).exact(), Some(4));
    }

    #[test]
    fn what_comes_late_stands_where_it_was_missing() {
        let mut way = Way::default();
        way.take(record(0, 30, Some(0)), Count::exactly(0));
        let count = way.count(130, Count::default());
        assert_eq!(way.take(record(130, 40, Some(3)), count), 9 + 100 - 2 * 21);
        let late = way.count(30, Count::default());
        assert_eq!(late.exact(), Some(1));
        assert_eq!(way.take(record(30, 60, Some(1)), late), 9);
        assert_eq!(way.count(90, Count::default()).exact(), Some(2));
        assert_eq!(way.take(record(90, 40, Some(2)), Count::exactly(2)), 9 + 39);
        // The direction goes on where it was.
        assert_eq!(way.take(record(170, 25, Some(4)), Count::exactly(4)), 9 + 58 + 19);
        // Of others nobody knows where they stand; no two stand in one place.
        let places = [140, 150].map(|position| way.take(record(position, 30, None), Count::default()));
        assert_ne!(places[0], places[1]);
    }
}
