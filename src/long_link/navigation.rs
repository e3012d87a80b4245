// SPDX-License-Identifier: GPL-2.0-or-later
//! Filters that lead from one frame to those that belong to it.

use std::ffi::CStr;

use super::fields::{F, FIELDS};
use super::session::Session;
use crate::kernel::protocol::{Packet, packets_filter};
use crate::kernel::rows::row_of;

type Build = fn(&Session, Packet) -> Option<String>;

/// What the menu calls the filters for a packet.
pub static TITLES: &[&CStr] = &[c"WeChat: this request and its answer", c"WeChat: this long link"];
/// The filters, in the order of their titles.
const FILTERS: [Build; 2] = [exchange, link];

/// A filter of the table for a packet, if it has anything to show.
pub fn packet_filter(session: &Session, filter: usize, packet: Packet) -> Option<String> {
    (FILTERS.get(filter)?)(session, packet)
}

/// The frames of the packet, and what answers or acknowledges them, or is answered by them.
fn exchange(session: &Session, packet: Packet) -> Option<String> {
    packets_filter(session.exchange(packet.stream, packet.number))
}

fn link(session: &Session, packet: Packet) -> Option<String> {
    session.exchange(packet.stream, packet.number).next().map(|_| stream_filter(packet.shown_stream))
}

/// All frames of a stream.
pub fn stream_filter(stream: u32) -> String {
    let field = FIELDS.get(row_of(F::STREAM)).and_then(|row| row.filter.to_str().ok());
    format!("{} == {stream}", field.unwrap_or_default())
}
