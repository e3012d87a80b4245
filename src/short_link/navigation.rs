// SPDX-License-Identifier: GPL-2.0-or-later
//! Filters that lead from one message to those that belong to it.

use std::ffi::CStr;

use super::calls::Calls;
use super::fields::{C, FIELDS};
use crate::kernel::protocol::packets_filter;
use crate::kernel::rows::row_of;

/// What the menu calls the filters for a packet.
pub static TITLES: &[&CStr] = &[c"WeChat short link: this call and its answer"];

/// A filter of the table for a packet, if it has anything to show.
pub fn packet_filter(calls: &Calls, filter: usize, packet: u32) -> Option<String> {
    TITLES.get(filter)?;
    packets_filter(calls.exchange(packet))
}

/// All messages of a stream.
pub fn stream_filter(stream: u32) -> String {
    let field = FIELDS.get(row_of(C::STREAM)).and_then(|row| row.filter.to_str().ok());
    format!("{} == {stream}", field.unwrap_or_default())
}
