// SPDX-License-Identifier: GPL-2.0-or-later
//! Streams inside of other protocols: their numbers, and the bytes that one carrier begins and another ends.
//!
//! For a PDU inside of another protocol nobody puts segments together: what a run of bytes leaves unread is kept
//! here, and stands in front of the next run of its direction. What became of a run is decided on the first visit.

use std::borrow::Cow;

use bytes::Bytes;
use foldhash::HashMap;

use super::place::{LaneId, Place};

/// Bytes that are kept in a capture: 64 MiB.
const MOST_KEPT: usize = 64 << 20;
/// The first number of an inner stream. Those of the host and of streams without a number are far from there.
const FIRST_NUMBER: u32 = 1 << 30;

/// What tells an inner stream from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inside {
    /// Number of the outer stream.
    pub outer: u32,
    /// Number of the inner protocol's table.
    pub protocol: u16,
    /// Which of the outer protocol's own streams it is.
    pub part: u32,
}

/// One direction of an inner stream.
#[derive(Debug)]
struct Open {
    /// The last run.
    last: Place,
    /// Position behind it.
    end: u32,
    /// What began a PDU: the end of it, behind what stands in front of it.
    kept: Vec<u8>,
}

impl Open {
    /// What of the bytes that are kept stands in front of the last run.
    fn before(&self) -> &[u8] {
        let run = self.end.wrapping_sub(self.last.position) as usize;
        self.kept.get(..self.kept.len().saturating_sub(run)).unwrap_or_default()
    }
}

/// What became of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// What stands in front of it, from runs before.
    pub before: Bytes,
    /// How many bytes of both are whole PDUs; `None` for all.
    pub whole: Option<usize>,
    /// Whether bytes were lost, for there were too many to keep.
    pub lost: bool,
}

/// Whether a run begins before the end of the last.
fn is_behind(place: Place, open: &Open) -> bool {
    (place.position.wrapping_sub(open.end) as i32) < 0
}

/// The inner streams of a capture.
#[derive(Debug, Default)]
pub struct Collector {
    numbers: HashMap<Inside, u32>,
    lanes: HashMap<LaneId, Open>,
    /// Runs that did not begin and end where PDUs do.
    joined: HashMap<Place, Joined>,
    /// Bytes that are kept in all.
    kept: usize,
}

impl Collector {
    /// The number of an inner stream on a first visit.
    pub fn meet(&mut self, inside: Inside) -> u32 {
        let next = FIRST_NUMBER.saturating_add(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        *self.numbers.entry(inside).or_insert(next)
    }

    /// The number of one that has been met.
    pub fn find(&self, inside: Inside) -> Option<u32> {
        self.numbers.get(&inside).copied()
    }

    /// The first visit comes to a run: what stands in front of it. `None` if it has come there before.
    pub fn begin(&mut self, place: Place) -> Option<Vec<u8>> {
        let Some(open) = self.lanes.get_mut(&place.lane) else { return Some(Vec::new()) };
        match is_behind(place, open) {
            true if open.last.packet == place.packet => return None,
            // It comes late, and stands alone. What is open goes on.
            true => return Some(Vec::new()),
            false => {}
        }
        if open.end == place.position {
            return Some(std::mem::take(&mut open.kept));
        }
        // Behind a hole nothing goes on: what is kept is all that there is.
        if !open.kept.is_empty() {
            let joined = self.joined.entry(open.last).or_default();
            if joined.whole.take() == Some(0) {
                joined.before = Bytes::copy_from_slice(open.before());
            }
            let again = open.kept.len().saturating_sub(open.before().len());
            self.kept = self.kept.saturating_sub(again);
            open.kept = Vec::new();
        }
        Some(Vec::new())
    }

    /// Of the bytes that begin with so many from before and end with a run at `place`, so many are whole PDUs.
    pub fn end(&mut self, place: Place, before: usize, all: Cow<'_, [u8]>, whole: usize) {
        let run = all.len().saturating_sub(before);
        let rest = all.len().saturating_sub(whole);
        // What goes on to be kept counts once.
        let kept = self.kept.saturating_add(if whole == 0 { run } else { rest });
        let lost = kept > MOST_KEPT;
        let front = all.get(..before).filter(|_| lost || whole > 0).unwrap_or_default();
        if rest > 0 || before > 0 {
            let before = Bytes::copy_from_slice(front);
            self.joined.insert(place, Joined { before, whole: (rest > 0).then_some(whole), lost });
        }
        if self.lanes.get(&place.lane).is_some_and(|open| is_behind(place, open)) {
            return;
        }
        self.kept = if lost { self.kept } else { kept };
        let kept = match all {
            _ if lost => Vec::new(),
            // It grows without being copied each time.
            Cow::Owned(all) if whole == 0 => all,
            all => all.get(whole..).unwrap_or_default().to_vec(),
        };
        let end = place.position.wrapping_add(u32::try_from(run).unwrap_or(u32::MAX));
        self.lanes.insert(place.lane, Open { last: place, end, kept });
    }

    /// What became of a run. What no other run has ended is all that there is.
    pub fn joined(&self, place: Place, first_visit: bool) -> Joined {
        let mut joined = self.joined.get(&place).cloned().unwrap_or_default();
        if !first_visit
            && let Some(open) = self.lanes.get(&place.lane).filter(|open| open.last == place)
            && joined.whole.take() == Some(0)
            && !joined.lost
        {
            joined.before = Bytes::copy_from_slice(open.before());
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(packet: u32, position: u32) -> Place {
        Place { packet, lane: LaneId::new(FIRST_NUMBER, true), position }
    }

    /// A run comes of which, with what stands in front of it, so many bytes are whole PDUs.
    fn run(collector: &mut Collector, place: Place, bytes: &[u8], whole: usize) -> Vec<u8> {
        let before = collector.begin(place).expect("for the first time");
        let all = [&before[..], bytes].concat();
        let all = if before.is_empty() { Cow::Borrowed(bytes) } else { Cow::Owned(all) };
        collector.end(place, before.len(), all, whole);
        before
    }

    fn joined(collector: &Collector, place: Place) -> (Vec<u8>, Option<usize>, bool) {
        let Joined { before, whole, lost } = collector.joined(place, false);
        (before.to_vec(), whole, lost)
    }

    #[test]
    fn what_a_run_leaves_stands_in_front_of_the_next() {
        let mut collector = Collector::default();
        assert_eq!(run(&mut collector, place(1, 0), b"abcd", 3), b"");
        assert_eq!(collector.begin(place(1, 0)), None);
        assert_eq!(run(&mut collector, place(2, 4), b"efg", 4), b"d");
        assert_eq!(run(&mut collector, place(3, 7), b"hi", 0), b"");
        assert_eq!(joined(&collector, place(1, 0)), (vec![], Some(3), false));
        assert_eq!(joined(&collector, place(2, 4)), (b"d".to_vec(), None, false));
        // Nothing followed.
        assert_eq!(joined(&collector, place(3, 7)), (vec![], None, false));
        assert_eq!(collector.joined(place(3, 7), true).whole, Some(0));
        // More did.
        assert_eq!(run(&mut collector, place(4, 9), b"jk", 0), b"hi");
        assert_eq!(joined(&collector, place(3, 7)), (vec![], Some(0), false));
        assert_eq!(joined(&collector, place(4, 9)), (b"hi".to_vec(), None, false));
        assert_eq!(run(&mut collector, place(5, 11), b"lm", 5), b"hijk");
        assert_eq!(joined(&collector, place(4, 9)), (vec![], Some(0), false));
        assert_eq!(joined(&collector, place(5, 11)), (b"hijk".to_vec(), None, false));
    }

    #[test]
    fn behind_a_hole_nothing_goes_on() {
        let mut collector = Collector::default();
        run(&mut collector, place(1, 0), b"abcd", 0);
        run(&mut collector, place(2, 4), b"ef", 0);
        assert_eq!(run(&mut collector, place(3, 7), b"f", 1), b"");
        assert_eq!(collector.joined(place(3, 7), false), Joined::default());
        // What waited in front of it is all that there is.
        assert_eq!(joined(&collector, place(1, 0)), (vec![], Some(0), false));
        assert_eq!(joined(&collector, place(2, 4)), (b"abcd".to_vec(), None, false));
        run(&mut collector, place(4, 8), b"ghij", 3);
        run(&mut collector, place(5, 20), b"x", 1);
        assert_eq!(joined(&collector, place(4, 8)), (vec![], None, false));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut collector = Collector::default();
        let half = vec![0; MOST_KEPT / 2 + 1];
        let second = place(2, half.len() as u32);
        run(&mut collector, place(1, 0), &half, 0);
        run(&mut collector, second, &half, 0);
        let Joined { before, whole, lost } = collector.joined(second, true);
        assert_eq!((before.len(), whole, lost), (half.len(), Some(0), true));
        assert_eq!(collector.joined(second, false).whole, None);
        assert_eq!(collector.begin(place(3, 2 * half.len() as u32)), Some(Vec::new()));
    }

    #[test]
    fn many_small_runs_are_kept_once() {
        let mut collector = Collector::default();
        for at in 0..10_000 {
            run(&mut collector, place(at, at), b"a", 0);
        }
        assert_eq!(collector.kept, 10_000);
        assert_eq!(run(&mut collector, place(10_000, 10_000), b"a", 10_001).len(), 10_000);
    }

    #[test]
    fn inner_streams_have_numbers_of_their_own() {
        let mut collector = Collector::default();
        let inside = Inside { outer: 7, protocol: 1, part: 0 };
        let number = collector.meet(inside);
        assert_eq!((collector.meet(inside), collector.find(inside)), (number, Some(number)));
        for other in
            [Inside { outer: 8, ..inside }, Inside { protocol: 2, ..inside }, Inside { part: 1, ..inside }]
        {
            assert_eq!(collector.find(other), None);
            assert_ne!(collector.meet(other), number);
        }
    }
}
