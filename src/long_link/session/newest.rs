// SPDX-License-Identifier: GPL-2.0-or-later
//! The newest request of each seqid, and of each operation that shares one.

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::event::Event;
use super::observed::{NOBODY, is_ordinary};
use crate::kernel::list::grow;

/// Clients count upwards, so a table that begins at their first seqid holds nearly all of them, in four
/// bytes each. The rest goes into a map: reserved seqids, and those far from the others.
#[derive(Debug, Default)]
pub struct Newest {
    first: u32,
    table: Vec<u32>,
    others: HashMap<u32, u32>,
    /// Of seqids that several operations share, the newest request of each of them.
    shared: HashMap<(u32, u32), u32>,
    /// The requests with such seqids that wait for an answer.
    open: BTreeSet<(u32, u32)>,
}

/// So many seqids may be left out before one counts as far from the others.
const NEAR: u32 = 4;

impl Newest {
    /// The event of the newest request with this seqid.
    pub fn get(&self, seq: u32) -> Option<u32> {
        let place = seq.checked_sub(self.first).and_then(|place| self.table.get(place as usize));
        place.copied().filter(|event| *event != NOBODY).or_else(|| self.others.get(&seq).copied())
    }

    /// Makes `event` the newest request with this seqid.
    pub fn set(&mut self, seq: u32, event: u32) {
        if self.table.is_empty() && is_ordinary(seq) {
            self.first = seq;
        }
        let length = u32::try_from(self.table.len()).unwrap_or(u32::MAX);
        match seq.checked_sub(self.first) {
            Some(place) if is_ordinary(seq) && place <= length.saturating_add(NEAR) => {
                while self.table.len() <= place as usize {
                    grow(&mut self.table);
                    self.table.push(NOBODY);
                }
                // It may have been far from the others when it came first.
                self.others.remove(&seq);
                if let Some(slot) = self.table.get_mut(place as usize) {
                    *slot = event;
                }
            }
            _ => {
                self.others.insert(seq, event);
            }
        }
    }
}

impl Newest {
    /// Takes note of the operation of a request behind the `latest` with its seqid, and returns the newest
    /// before it with the same operation.
    pub fn join(&mut self, seq: u32, op: u32, event: u32, (latest, asked): (u32, Event)) -> Option<u32> {
        if asked.op == op && !self.is_shared(seq, op) {
            return Some(latest);
        }
        if !self.is_shared(seq, asked.op) {
            self.shared.insert((seq, asked.op), latest);
            if asked.is_open() {
                self.open.insert((seq, latest));
            }
        }
        self.open.insert((seq, event));
        self.shared.insert((seq, op), event)
    }

    /// Whether other operations than this one have the seqid too.
    pub fn is_shared(&self, seq: u32, op: u32) -> bool {
        self.shared.contains_key(&(seq, op))
    }

    /// Of a shared seqid, the newest request with an operation.
    pub fn of(&self, seq: u32, op: u32) -> Option<u32> {
        self.shared.get(&(seq, op)).copied()
    }

    /// Of a shared seqid, the newest request before `event` that waits for an answer.
    pub fn open_before(&self, seq: u32, event: u32) -> Option<u32> {
        self.open.range((seq, 0)..(seq, event)).next_back().map(|(_, event)| *event)
    }

    /// A request waits no more.
    pub fn close(&mut self, seq: u32, event: u32) {
        self.open.remove(&(seq, event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seqid_has_its_newest() {
        let mut newest = Newest::default();
        let seqs =
            [500, 501, 503, u32::MAX, 1, 509, 900, 504, 505, 506, 507, 508, 509, 502, 500, 1, u32::MAX, 0];
        for (event, seq) in (0..).zip(seqs) {
            newest.set(seq, event);
            assert_eq!(newest.get(seq), Some(event), "{seq}");
        }
        for seq in seqs {
            let last = seqs.iter().rposition(|other| *other == seq).unwrap();
            assert_eq!(newest.get(seq), Some(last as u32), "{seq}");
        }
        assert_eq!(newest.get(2), None);
        assert_eq!(newest.get(512), None);
    }

    #[test]
    fn seqids_in_a_row_cost_four_bytes() {
        let mut newest = Newest::default();
        for seq in 1..=1000 {
            newest.set(seq, seq);
        }
        assert!(newest.others.is_empty() && newest.table.capacity() <= 1100);
    }
}
