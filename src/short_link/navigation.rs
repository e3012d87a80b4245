// SPDX-License-Identifier: GPL-2.0-or-later
//! Filters that lead from one message to those that belong to it.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fmt::Write;

use super::calls::Calls;
use super::fields::{C, FIELDS};
use crate::kernel::rows::row_of;

/// What the menu calls the filters for a packet.
pub static TITLES: &[&CStr] = &[c"WeChat short link: this call and its answer"];

/// Packets that the filter names; more of them would make it unreadable.
const MOST_PACKETS: usize = 64;

/// A filter of the table for a packet, if it has anything to show.
pub fn packet_filter(calls: &Calls, filter: usize, packet: u32) -> Option<String> {
    TITLES.get(filter)?;
    let packets: BTreeSet<u32> = calls.exchange(packet).take(MOST_PACKETS).collect();
    if packets.len() < 2 {
        return None;
    }
    let mut text = String::new();
    for number in packets {
        let or = if text.is_empty() { "" } else { " || " };
        write!(text, "{or}frame.number == {number}").ok()?;
    }
    Some(text)
}

/// All messages of a stream.
pub fn stream_filter(stream: u32) -> String {
    let field = FIELDS.get(row_of(C::STREAM)).and_then(|row| row.filter.to_str().ok());
    format!("{} == {stream}", field.unwrap_or_default())
}
