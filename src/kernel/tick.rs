// SPDX-License-Identifier: GPL-2.0-or-later
//! What statistics count: trees of counters, tables of delays.
//!
//! Everything is a function of one record, so that a listener needs no state beyond its counters, and
//! a packet counts the same in whatever order packets are visited.

use std::ffi::CStr;

use super::record::View;
use super::time::SECOND;

/// A line of a tree of counters.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// What is counted; no two nodes of a tree share a name.
    pub name: &'static CStr,
    /// The node that it is a part of, by its place, which is before this one's.
    pub parent: Option<u16>,
    /// Ranges into which values fall, such as `10-19`; the last is open.
    pub ranges: &'static [&'static CStr],
    /// Nothing of it is shown, nor of its parts, before something of them is counted. The others stand there from
    /// the tree's first count, because 0 says something.
    pub rare: bool,
}

impl Node {
    pub(crate) const fn rare(self) -> Self {
        Self { rare: true, ..self }
    }
}

pub(crate) const fn top(name: &'static CStr) -> Node {
    Node { name, parent: None, ranges: &[], rare: false }
}
pub(crate) const fn ranged(name: &'static CStr, ranges: &'static [&'static CStr]) -> Node {
    Node { ranges, ..top(name) }
}
pub(crate) const fn part(parent: u16, name: &'static CStr) -> Node {
    Node { parent: Some(parent), ..top(name) }
}

/// How a node changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickKind {
    /// The amount is added to the count.
    Count,
    /// The amount is a value: the node shows the average, the least and the most.
    Average,
    /// As that, and each range of the node shows the same of its values.
    Range,
}

/// A change of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick<'a> {
    /// Place of the node.
    pub node: u16,
    /// It is not the node itself that changes, but its part of this name.
    pub part: Option<&'a CStr>,
    /// What is counted, or a value.
    pub amount: i32,
    /// How it changes.
    pub how: TickKind,
}

/// Takes ticks, and knows the tree they are of.
pub struct Ticks<'a, 'b> {
    nodes: &'static [Node],
    take: &'b mut dyn FnMut(Tick<'a>),
}

impl<'a, 'b> Ticks<'a, 'b> {
    /// Passes ticks of a tree on to `take`.
    pub fn new(nodes: &'static [Node], take: &'b mut dyn FnMut(Tick<'a>)) -> Self {
        Self { nodes, take }
    }

    /// Changes one node only.
    pub fn add(&mut self, node: u16, amount: i32) {
        if amount != 0 {
            (self.take)(Tick { node, part: None, amount, how: TickKind::Count });
        }
    }

    /// Changes a node and what it is a part of.
    pub fn count(&mut self, node: u16, amount: i32) {
        let nodes = self.nodes;
        let parent = |node: &u16| nodes.get(usize::from(*node)).and_then(|row| row.parent);
        std::iter::successors(Some(node), parent).for_each(|node| self.add(node, amount));
    }

    /// As that, and the part of the node with a name.
    pub fn count_named(&mut self, node: u16, name: &'a CStr, amount: i32) {
        self.count(node, amount);
        if amount != 0 {
            (self.take)(Tick { node, part: Some(name), amount, how: TickKind::Count });
        }
    }

    /// Takes a duration in nanoseconds in, in whole units of so many. One below zero, of a clock that was set back,
    /// says nothing.
    pub fn duration(&mut self, node: u16, duration: i64, unit: i64) {
        if let Some(units) = duration.checked_div(unit).filter(|_| duration >= 0) {
            self.value(node, units);
        }
    }

    /// Takes a duration in nanoseconds in, in whole seconds: what a timer was set to, whatever the network did
    /// to it. One below zero, of a clock that was set back, says nothing.
    pub fn seconds(&mut self, node: u16, duration: i64) {
        let rounded = if duration < 0 { duration } else { duration.saturating_add(SECOND / 2) };
        self.duration(node, rounded, SECOND);
    }

    /// Takes a value into the average, the least and the most of a node, and into its range.
    pub fn value(&mut self, node: u16, value: i64) {
        let amount = i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX });
        let ranged = self.nodes.get(usize::from(node)).is_some_and(|row| !row.ranges.is_empty());
        let how = if ranged { TickKind::Range } else { TickKind::Average };
        (self.take)(Tick { node, part: None, amount, how });
    }
}

/// A tree of counters.
#[derive(Clone, Copy, Debug)]
pub struct Tree {
    /// What it is called in menus: a submenu and, behind a slash, the entry.
    pub title: &'static CStr,
    /// Its nodes. A window shows the first one first, and the other top ones by their names.
    pub nodes: &'static [Node],
    /// What a record changes.
    pub ticks: for<'a> fn(View<'a>, &mut Ticks<'a, '_>),
}

/// One more of a row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Place of the row.
    pub row: u16,
    /// Its delay in nanoseconds, where it has one.
    pub delay: Option<i64>,
}

/// A table of how often something was, and after what delay: the smallest, the average and the largest.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What it is called in menus.
    pub title: &'static CStr,
    /// The word that asks for it, behind the protocol's name and a comma.
    pub command: &'static CStr,
    /// Its headings: name, how many, and smallest, average and largest delay in seconds.
    pub columns: [&'static CStr; 5],
    /// Names of its rows.
    pub rows: &'static [&'static CStr],
    /// What a record adds.
    pub samples: fn(View<'_>, &mut dyn FnMut(Sample)),
}

/// A response, as a table of response times takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// Place of the row.
    pub row: u32,
    /// The row's name.
    pub name: &'a CStr,
    /// Nanoseconds since the request.
    pub elapsed: i64,
}

/// A table of response times.
#[derive(Clone, Copy, Debug)]
pub struct ResponseTimes {
    /// What it is called in menus.
    pub title: &'static CStr,
    /// Heading of the rows' names.
    pub column: &'static CStr,
    /// How many rows there may be.
    pub rows: u32,
    /// The response that a record is, if it is one.
    pub response: for<'a> fn(View<'a>) -> Option<Response<'a>>,
}
