// SPDX-License-Identifier: GPL-2.0-or-later
//! Filters that lead from one record to those of its session.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fmt::Write;

use super::fields::{FIELDS, M};
use super::session::Sessions;
use crate::kernel::rows::row_of;

/// What the menu calls the filters for a packet.
pub static TITLES: &[&CStr] = &[c"MMTLS: this session"];

/// Sessions that the filter names; more of them would make it unreadable.
const MOST_SESSIONS: usize = 64;

/// A filter of the table for a packet, if it has anything to show.
pub fn packet_filter(sessions: &Sessions, filter: usize, packet: u32) -> Option<String> {
    TITLES.get(filter)?;
    let numbers: BTreeSet<u32> = sessions.in_packet(packet).collect();
    let mut text = String::new();
    for number in numbers.into_iter().take(MOST_SESSIONS) {
        let or = if text.is_empty() { "" } else { " || " };
        write!(text, "{or}{}", session_filter(number)).ok()?;
    }
    Some(text).filter(|text| !text.is_empty())
}

/// All records of a session.
pub fn session_filter(number: u32) -> String {
    let field = FIELDS.get(row_of(M::SESSION)).and_then(|row| row.filter.to_str().ok());
    format!("{} == {number}", field.unwrap_or_default())
}
