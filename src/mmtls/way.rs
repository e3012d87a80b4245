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
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub struct Way {
    /// Where records begin.
    pub lane: Lane<Header>,
    /// The place where the first pass waits for more.
    pub waiting: Option<u32>,
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
                if let Some(hole) = self.hole.as_mut().filter(|hole| hole.from == position) {
                    (hole.from, hole.count) = (behind, next);
                }
                self.hole = self.hole.filter(|hole| distance(hole.from, hole.to) > 0);
                // Where it stands depends on what is missing beside it.
                self.inner
            }
            before => {
                if let Some((end, ahead @ 1..)) = before {
                    self.hole = Some(Hole { from: end, to: position, count: self.count });
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
