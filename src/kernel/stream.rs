// SPDX-License-Identifier: GPL-2.0-or-later
//! Streams inside of other protocols: their numbers, and the bytes that one carrier begins and another ends.
//!
//! For a PDU inside of another protocol nobody puts segments together: what a run of bytes leaves unread is kept
//! here, and stands in front of the next run of its direction. What became of a run is decided on the first visit.

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
    /// The end of it, which began a PDU.
    kept: Bytes,
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
    pub fn begin(&mut self, place: Place) -> Option<Bytes> {
        let Some(open) = self.lanes.get_mut(&place.lane) else { return Some(Bytes::new()) };
        if open.last.packet == place.packet && (place.position.wrapping_sub(open.end) as i32) < 0 {
            return None;
        }
        let kept = std::mem::take(&mut open.kept);
        if open.end == place.position {
            return Some(kept);
        }
        // Behind a hole nothing goes on.
        self.kept = self.kept.saturating_sub(kept.len());
        Some(Bytes::new())
    }

    /// Of the bytes that begin with `before` and end with a run at `place`, so many are whole PDUs.
    pub fn end(&mut self, place: Place, before: Bytes, all: &[u8], whole: usize) {
        let run = all.len().saturating_sub(before.len());
        let rest = all.get(whole..).unwrap_or_default();
        let kept = self.kept.saturating_add(rest.len());
        let lost = kept > MOST_KEPT;
        self.kept = if lost { self.kept } else { kept };
        let open = Open {
            last: place,
            end: place.position.wrapping_add(u32::try_from(run).unwrap_or(u32::MAX)),
            kept: if lost { Bytes::new() } else { Bytes::copy_from_slice(rest) },
        };
        self.lanes.insert(place.lane, open);
        if !rest.is_empty() || !before.is_empty() {
            let whole = (!rest.is_empty()).then_some(whole);
            self.joined.insert(place, Joined { before, whole, lost });
        }
    }

    /// What became of a run. What no other run has ended is all that there is.
    pub fn joined(&self, place: Place, first_visit: bool) -> Joined {
        let mut joined = self.joined.get(&place).cloned().unwrap_or_default();
        if !first_visit && self.lanes.get(&place.lane).is_some_and(|open| open.last == place) {
            joined.whole = None;
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

    #[test]
    fn what_a_run_leaves_stands_in_front_of_the_next() {
        let mut collector = Collector::default();
        assert_eq!(collector.begin(place(1, 0)), Some(Bytes::new()));
        collector.end(place(1, 0), Bytes::new(), b"abcd", 3);
        assert_eq!(collector.begin(place(1, 0)), None);
        let before = collector.begin(place(2, 4)).unwrap();
        assert_eq!(&before[..], b"d");
        collector.end(place(2, 4), before, b"defg", 4);
        assert_eq!(collector.begin(place(3, 7)), Some(Bytes::new()));
        collector.end(place(3, 7), Bytes::new(), b"hi", 0);
        let whole = |packet, position| {
            let Joined { before, whole, lost } = collector.joined(place(packet, position), false);
            (before.to_vec(), whole, lost)
        };
        assert_eq!(whole(1, 0), (vec![], Some(3), false));
        assert_eq!(whole(2, 4), (b"d".to_vec(), None, false));
        // Nothing followed.
        assert_eq!(whole(3, 7), (vec![], None, false));
        assert_eq!(collector.joined(place(3, 7), true).whole, Some(0));
    }

    #[test]
    fn behind_a_hole_nothing_goes_on() {
        let mut collector = Collector::default();
        assert_eq!(collector.begin(place(1, 0)), Some(Bytes::new()));
        collector.end(place(1, 0), Bytes::new(), b"abcd", 0);
        assert_eq!(collector.begin(place(2, 5)), Some(Bytes::new()));
        collector.end(place(2, 5), Bytes::new(), b"f", 1);
        assert_eq!(collector.joined(place(2, 5), false), Joined::default());
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut collector = Collector::default();
        let run = vec![0; MOST_KEPT / 2 + 1];
        collector.end(place(1, 0), Bytes::new(), &run, 0);
        let before = collector.begin(place(2, run.len() as u32)).unwrap();
        let all = [&before[..], &run].concat();
        collector.end(place(2, run.len() as u32), before, &all, 0);
        assert!(collector.joined(place(2, run.len() as u32), true).lost);
        assert_eq!(collector.begin(place(3, 2 * run.len() as u32)), Some(Bytes::new()));
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
