// SPDX-License-Identifier: GPL-2.0-or-later
//! What is counted of a record, and what it is called.
//!
//! Everything is a function of one record, so that a listener needs no state beyond its counters, and
//! a packet counts the same in whatever order packets are visited.

use std::ffi::CStr;

use crate::long_link::annotate::Delivery;
use crate::long_link::fields::rows;
use crate::long_link::record::*;
use crate::wechat::operation::Kind;

/// A line of the tree of counters.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// What is counted; no two nodes share a name.
    pub name: &'static CStr,
    /// The node that it is a part of, a place in [`NODES`].
    pub parent: Option<u16>,
    /// Ranges into which values fall, such as `10-19`; the last is open.
    pub ranges: &'static [&'static CStr],
}

pub(crate) const fn top(name: &'static CStr) -> Node {
    Node { name, parent: None, ranges: &[] }
}
pub(crate) const fn part(parent: u16, name: &'static CStr) -> Node {
    Node { name, parent: Some(parent), ranges: &[] }
}

const INTERVAL_RANGES: &[&CStr] =
    &[c"0-29", c"30-59", c"60-119", c"120-179", c"180-239", c"240-299", c"300-359", c"360-599", c"600-"];
const LENGTH_RANGES: &[&CStr] =
    &[c"0-15", c"16", c"17-63", c"64-255", c"256-1023", c"1024-4095", c"4096-16383", c"16384-"];

rows! {
    /// Index of a node in [`NODES`].
    T, NODES: Node {
        FRAMES = top(c"Frames");
        // In the order of `Kind`.
        UNKNOWN = part(T::FRAMES, c"Direction unknown");
        REQUESTS = part(T::FRAMES, c"Requests");
        RESPONSES = part(T::FRAMES, c"Responses");
        PUSHES = part(T::FRAMES, c"Pushes");
        ACKS = part(T::FRAMES, c"Push acknowledgements");
        ONE_WAY = part(T::FRAMES, c"One-way");
        HEARTBEAT_REQUESTS = part(T::FRAMES, c"Heartbeat requests");
        HEARTBEAT_RESPONSES = part(T::FRAMES, c"Heartbeat responses");

        EXCHANGES = top(c"Requests that are to be answered");
        UNANSWERED = part(T::EXCHANGES, c"Unanswered");
        AGAIN = top(c"Sent again");
        RETRIES = part(T::AGAIN, c"Request again");
        DUPLICATES = part(T::AGAIN, c"Response again");
        PUSHED = top(c"Pushes by acknowledgement");
        ACK_NOT_WANTED = part(T::PUSHED, c"No acknowledgement wanted");
        ACK_WANTED = part(T::PUSHED, c"Acknowledgement wanted");
        UNACKNOWLEDGED = part(T::ACK_WANTED, c"Not acknowledged");

        INTERVALS = Node { ranges: INTERVAL_RANGES, ..top(c"Heartbeat interval (s)") };
        LENGTHS = Node { ranges: LENGTH_RANGES, ..top(c"Frame length (bytes)") };
        BODY_LENGTHS = top(c"Body length (bytes)");

        BYTES = top(c"Bytes of frames");
        // In the order of `wechat.direction`.
        BYTES_UNKNOWN = part(T::BYTES, c"direction unknown");
        BYTES_CLIENT = part(T::BYTES, c"client to server");
        BYTES_SERVER = part(T::BYTES, c"server to client");
    }
}

/// A change of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Tick {
    /// What is counted, or a value.
    pub amount: i32,
    /// Place of the node.
    pub node: u16,
    /// One of the tick kinds.
    pub how: u8,
    /// Not 0: it is not the node itself that changes, but its part with the name of the record's row.
    pub named: u8,
}

/// How a node changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TickKind {
    /// The amount is added to the count.
    Count = 0,
    /// The amount is a value: the node shows the average, the least and the most.
    Average = 1,
    /// As that, and each range of the node shows the same of its values.
    Range = 2,
}

/// Most ticks that one record has.
pub const WECHAT_MOST_TICKS: usize = 24;

/// Ticks, as many as there is room for.
struct Ticks<'a>(std::slice::IterMut<'a, Tick>);

impl Ticks<'_> {
    fn push(&mut self, tick: Tick) {
        if let Some(slot) = self.0.next() {
            *slot = tick;
        }
    }

    /// Changes one node only.
    fn add(&mut self, node: u16, amount: i32) {
        if amount != 0 {
            self.push(Tick { amount, node, how: TickKind::Count as u8, named: 0 });
        }
    }

    /// Changes a node and what it is a part of.
    fn count(&mut self, node: u16, amount: i32) {
        let parent = |node: &u16| NODES.get(usize::from(*node)).and_then(|row| row.parent);
        std::iter::successors(Some(node), parent).for_each(|node| self.add(node, amount));
    }

    /// Takes a duration in nanoseconds in, in whole seconds: what a timer was set to, whatever the network did
    /// to it. One below zero, of a clock that was set back, says nothing.
    fn seconds(&mut self, node: u16, duration: i64) {
        if duration >= 0 {
            self.value(node, duration.saturating_add(500_000_000).div_euclid(1_000_000_000));
        }
    }

    /// Takes a value into the average, the least and the most of a node, and into its range.
    fn value(&mut self, node: u16, value: i64) {
        let amount = i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX });
        let ranged = NODES.get(usize::from(node)).is_some_and(|row| !row.ranges.is_empty());
        let how = if ranged { TickKind::Range } else { TickKind::Average };
        self.push(Tick { amount, node, how: how as u8, named: 0 });
    }
}

/// What a record changes in the tree of counters; returns how many of `room` are used.
pub fn tree(record: &Record, room: &mut [Tick]) -> usize {
    let size = room.len();
    let mut ticks = Ticks(room.iter_mut());
    let count = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let kind = T::UNKNOWN.saturating_add(record.kind() as u16);
    ticks.count(kind, 1);
    ticks.push(Tick { amount: 1, node: kind, how: TickKind::Count as u8, named: 1 });

    let (is_push, expects) = (record.kind() == Kind::Push, record.has(WECHAT_RECORD_EXPECTS));
    // Afterwards it is known what waits in vain. The first pass counts what opens, and what closes it.
    let missing = i32::from(record.has(WECHAT_RECORD_MISSES));
    let (requests, pushes) = match record.has(WECHAT_RECORD_LATER) {
        true if is_push => (0, missing),
        true => (missing, 0),
        false => (record.waiting_requests, record.waiting_pushes),
    };
    if is_push {
        ticks.count(if expects { T::ACK_WANTED } else { T::ACK_NOT_WANTED }, 1);
    } else if expects {
        ticks.count(T::EXCHANGES, 1);
    }
    ticks.add(T::UNANSWERED, requests);
    ticks.add(T::UNACKNOWLEDGED, pushes);
    if record.has(WECHAT_RECORD_RETRY) {
        ticks.count(T::RETRIES, 1);
    }
    if record.has(WECHAT_RECORD_DUPLICATE) {
        ticks.count(T::DUPLICATES, 1);
    }

    if record.has(WECHAT_RECORD_INTERVAL) {
        ticks.seconds(T::INTERVALS, record.heartbeat_interval);
    }
    ticks.value(T::LENGTHS, record.length.into());
    ticks.value(T::BODY_LENGTHS, record.body_len.into());
    let from = T::BYTES_UNKNOWN.saturating_add(u16::from(record.sender).min(2));
    ticks.count(from, count(record.length));
    size.saturating_sub(ticks.0.len())
}

rows! {
    /// Index of a row of the table of delivery in [`SYNC_ROWS`].
    S, SYNC_ROWS: SyncRow {
        PUSH = SyncRow::named(c"Push");
        NOTICE_AND_SYNC = SyncRow::named(c"Notice and sync");
        NEWS = SyncRow::named(c"News after a send (inference)");
        KEY_BACK = SyncRow::named(c"SyncKey that went back");
    }
}

/// A row of the table of delivery.
#[derive(Clone, Copy, Debug)]
pub struct SyncRow {
    /// What it is about.
    pub name: &'static CStr,
}

impl SyncRow {
    const fn named(name: &'static CStr) -> Self {
        Self { name }
    }
}

/// Headings of the table of delivery: name of the row, how many, and of their delays the smallest, the
/// average and the largest, in seconds.
pub const SYNC_COLUMNS: [&CStr; 5] =
    [c"Delivery", c"Count", c"Min delay (s)", c"Avg delay (s)", c"Max delay (s)"];

/// One more of a row of the table of delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Sample {
    /// Its delay in nanoseconds.
    pub delay: i64,
    /// Place of the row.
    pub row: u16,
    /// Not 0: it has a delay.
    pub delayed: u8,
}

/// Most samples that one record has.
pub const WECHAT_MOST_SAMPLES: usize = 3;

/// What a record adds to the table of delivery; returns how many of `room` are used.
pub fn delivery(record: &Record, room: &mut [Sample]) -> usize {
    let by = |way: Delivery| record.delivery == way as u8;
    // A delay below zero, of a clock that was set back, says nothing.
    let after = |row, delay: i64| Sample { row, delay, delayed: u8::from(delay >= 0) };
    let samples = [
        // A push is the message: there is nothing to wait for.
        by(Delivery::Push).then_some(after(S::PUSH, 0)),
        by(Delivery::NoticeAndSync).then_some(after(S::NOTICE_AND_SYNC, record.delivery_time)),
        record.has(WECHAT_RECORD_NEWS).then_some(after(S::NEWS, record.news_time)),
        record.has(WECHAT_RECORD_KEY_BACK).then_some(Sample { row: S::KEY_BACK, delay: 0, delayed: 0 }),
    ];
    room.iter_mut().zip(samples.into_iter().flatten()).map(|(slot, sample)| *slot = sample).count()
}

/// What the statistics are called in menus, and the words behind the protocol's name that ask for them
/// on the command line.
pub const SRT_TITLE: &CStr = c"WeChat service response time by operation";
/// Heading of its first column.
pub const SRT_COLUMN: &CStr = c"Operation";
/// The tree of counters.
pub const TREE_TITLE: &CStr = c"WeChat";
/// The table of delivery.
pub const SYNC_TITLE: &CStr = c"WeChat delivery of messages";
/// What asks for it.
pub const SYNC_COMMAND: &CStr = c"sync";
/// The frames, a line each.
pub const FRAMES_TITLE: &CStr = c"WeChat frames";
/// What asks for them.
pub const FRAMES_COMMAND: &CStr = c"frames";
/// Flow graph.
pub const FLOW_TITLE: &CStr = c"WeChat Flows";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn nodes_stand_behind_what_they_are_a_part_of_and_have_a_name_of_their_own() {
        let names: HashSet<&CStr> = NODES.iter().map(|node| node.name).collect();
        assert_eq!(names.len(), NODES.len());
        for (place, node) in NODES.iter().enumerate() {
            assert!(node.parent.is_none_or(|parent| usize::from(parent) < place), "{node:?}");
        }
        let part_of = |parent| NODES.iter().filter(move |node| node.parent == Some(parent)).count();
        assert_eq!(part_of(T::FRAMES), Kind::ALL.len());
    }
}
