// SPDX-License-Identifier: GPL-2.0-or-later
//! What is counted of a message, and what it is called.

use std::ffi::{CStr, c_char};
use std::ptr;

use super::annotate::Known;
use super::call::{Answer, Role};
use super::fields::message_type;
use super::members::Sort;
use super::session::{Facts, Gist};
use crate::long_link::fields::rows;
use crate::long_link::session::Change;
use crate::long_link::statistics::{Node, TickKind, part, top};

const HOLDS: &[&CStr] = &[c"0-0", c"1-4", c"5-9", c"10-19", c"20-24", c"25-27", c"28-34", c"35-"];
const DELAYS: &[&CStr] = &[c"0-9", c"10-49", c"50-99", c"100-499", c"500-999", c"1000-"];

rows! {
    /// Index of a node in [`WEB_NODES`].
    WT, WEB_NODES: Node {
        REQUESTS = top(c"Requests");
        POLLS = top(c"Answers of polls");
        POLL_QUIET = part(WT::POLLS, c"Nothing new");
        POLL_NEWS = part(WT::POLLS, c"Something new");
        POLL_OVER = part(WT::POLLS, c"Session over");
        POLL_BAD = part(WT::POLLS, c"Not readable");
        UNFETCHED = top(c"News that nothing fetched");
        HOLD = Node { ranges: HOLDS, ..top(c"Poll held for (s)") };
        DELAY = Node { ranges: DELAYS, ..top(c"From poll to fetch (ms)") };
        SYNCS = top(c"Answers of syncs");
        SYNC_FULL = part(WT::SYNCS, c"With messages");
        SYNC_EMPTY = part(WT::SYNCS, c"Without a message");
        SYNC_MORE = top(c"Syncs with more to fetch");
        MESSAGES = top(c"Messages");
        AGAIN = top(c"Messages that came before");
        SENT = top(c"Messages sent");
        BACK = top(c"Sent messages that came back");
        KEYS = top(c"SyncKeys");
        KEYS_FIRST = part(WT::KEYS, c"First of its sort");
        KEYS_GREW = part(WT::KEYS, c"Grew");
        KEYS_STAYED = part(WT::KEYS, c"Stayed");
        KEYS_BACK = part(WT::KEYS, c"Went back");
        FAILED = top(c"Calls that the server refused");
    }
}

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1000 * MILLISECOND;

/// A change of one node of the web client's tree.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct WebTick {
    /// NULL, or the name of the part of the node that changes; it lives as long as the library.
    pub name: *const c_char,
    /// What is counted, or a value.
    pub amount: i32,
    /// Place of the node.
    pub node: u16,
    /// One of the tick kinds.
    pub how: u8,
}

/// Most ticks that one message has.
pub const WECHAT_MOST_WEB_TICKS: usize = 72;

/// What the tap "wechat_web" is told of a message: what it changes in the tree of counters.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct WebRecord {
    /// The next message of the packet, or NULL. The shim sets it.
    pub next: *const WebRecord,
    /// Number of `ticks`.
    pub count: u32,
    /// The changes.
    pub ticks: [WebTick; WECHAT_MOST_WEB_TICKS],
}

impl WebRecord {
    /// The changes.
    pub fn ticks(&self) -> &[WebTick] {
        self.ticks.get(..self.count as usize).unwrap_or_default()
    }

    fn push(&mut self, tick: WebTick) {
        if let Some(slot) = self.ticks.get_mut(self.count as usize) {
            *slot = tick;
            self.count = self.count.saturating_add(1);
        }
    }

    fn change(&mut self, node: u16, name: *const c_char, amount: i32, how: TickKind) {
        self.push(WebTick { name, amount, node, how: how as u8 });
    }

    /// Counts a node, and what it is a part of.
    fn count(&mut self, node: u16, amount: i32) {
        let parent = |node: &u16| WEB_NODES.get(usize::from(*node)).and_then(|row| row.parent);
        for node in std::iter::successors(Some(node), parent).filter(|_| amount != 0) {
            self.change(node, ptr::null(), amount, TickKind::Count);
        }
    }

    /// As that, and the part of the node with a name.
    fn count_named(&mut self, node: u16, name: &'static CStr, amount: i32) {
        self.count(node, amount);
        self.change(node, name.as_ptr(), amount, TickKind::Count);
    }

    /// Takes a duration in nanoseconds in, in whole units. One below zero, of a clock that was set back, says
    /// nothing.
    fn duration(&mut self, node: u16, duration: i64, unit: i64) {
        if let Some(units) = duration.checked_div(unit).filter(|_| duration >= 0) {
            self.change(node, ptr::null(), i32::try_from(units).unwrap_or(i32::MAX), TickKind::Range);
        }
    }
}

/// What a selector announces.
fn news(selector: u32) -> &'static CStr {
    match selector {
        1 => c"selector 1: profile",
        2 => c"selector 2: messages",
        3 => c"selector 3: profile, messages",
        4 => c"selector 4: contacts",
        5 => c"selector 5: profile, contacts",
        6 => c"selector 6: messages, contacts",
        7 => c"selector 7: all of them",
        _ => c"another selector",
    }
}

/// Why a session is over.
fn end(retcode: u32) -> &'static CStr {
    match retcode {
        1100 => c"retcode 1100",
        1101 => c"retcode 1101",
        1102 => c"retcode 1102",
        1203 => c"retcode 1203",
        1205 => c"retcode 1205",
        _ => c"another retcode",
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// What a message changes in the tree of counters.
pub fn record(known: &Known<'_>, gist: &Gist, facts: Facts<'_>) -> WebRecord {
    let none = WebTick { name: ptr::null(), amount: 0, node: 0, how: 0 };
    let mut record = WebRecord { next: ptr::null(), count: 0, ticks: [none; WECHAT_MOST_WEB_TICKS] };
    let out = &mut record;
    let request = known.is_request();
    if request {
        out.count_named(WT::REQUESTS, known.call.name, 1);
    }
    if !request && known.call.answer == Answer::Poll {
        match (gist.retcode, gist.selector) {
            (Some(0), Some(0)) => out.count(WT::POLL_QUIET, 1),
            (Some(0), Some(selector)) => out.count_named(WT::POLL_NEWS, news(selector), 1),
            (Some(retcode), _) if retcode != 0 => out.count_named(WT::POLL_OVER, end(retcode), 1),
            _ => out.count(WT::POLL_BAD, 1),
        }
        if let Some(partner) = facts.partner() {
            out.duration(WT::HOLD, partner.elapsed, SECOND);
        }
    }
    // Afterwards it is known what nothing fetched. The first pass counts what waits, and what fetches it.
    let waiting = match facts.is_later() {
        true => i32::from(facts.unfetched().is_some()),
        false => i32::from(facts.announces()).saturating_sub(number(facts.polls().count())),
    };
    out.count(WT::UNFETCHED, waiting);
    if let Some(elapsed) = facts.since_poll() {
        out.duration(WT::DELAY, elapsed, MILLISECOND);
    }
    if !request && known.call.role == Role::Fetch {
        out.count(if gist.messages.is_empty() { WT::SYNC_EMPTY } else { WT::SYNC_FULL }, 1);
        out.count(WT::SYNC_MORE, gist.more.into());
    }
    for (kind, count) in &gist.types {
        let count = i32::try_from(*count).unwrap_or(i32::MAX);
        out.count_named(WT::MESSAGES, message_type(*kind).unwrap_or(c"another type"), count);
    }
    let also = || gist.messages.iter().map(|id| facts.message(*id));
    out.count(WT::AGAIN, number(also().filter(|also| also.first.is_some()).count()));
    out.count(WT::BACK, number(also().filter(|also| also.send.is_some() && also.first.is_none()).count()));
    out.count(WT::SENT, gist.sent.is_some().into());
    for sort in Sort::ALL {
        if gist.keys.get(sort as usize).is_none_or(Option::is_none) {
            continue;
        }
        let node = match facts.compared(sort) {
            None => WT::KEYS_FIRST,
            Some(compared) => {
                let mut changes = compared.growth.changes().peekable();
                match (changes.peek().is_some(), changes.any(|(_, by)| matches!(by, Change::By(..0)))) {
                    (_, true) => WT::KEYS_BACK,
                    (true, _) => WT::KEYS_GREW,
                    (false, _) => WT::KEYS_STAYED,
                }
            }
        };
        out.count(node, 1);
    }
    out.count(WT::FAILED, gist.ret.is_some_and(|ret| ret != 0).into());
    record
}

/// What the tree is called in menus.
pub const WEB_TREE_TITLE: &CStr = c"WeChat-Web";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn nodes_stand_behind_what_they_are_a_part_of_and_have_a_name_of_their_own() {
        let names: HashSet<&CStr> = WEB_NODES.iter().map(|node| node.name).collect();
        assert_eq!(names.len(), WEB_NODES.len());
        for (place, node) in WEB_NODES.iter().enumerate() {
            assert!(node.parent.is_none_or(|parent| usize::from(parent) < place), "{node:?}");
        }
    }
}
