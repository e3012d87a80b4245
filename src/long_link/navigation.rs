// SPDX-License-Identifier: GPL-2.0-or-later
//! Filters that lead from one frame to those that belong to it.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fmt::Write;
use std::net::IpAddr;

use crate::long_link::fields::{F, FIELDS};
use crate::long_link::session::Session;

/// A filter that the host offers for the packet at hand.
#[derive(Clone, Copy, Debug)]
pub struct PacketFilter {
    /// What the menu calls it.
    pub title: &'static CStr,
    build: fn(&Session, Packet) -> Option<String>,
}

/// Where a packet stands.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Its number.
    pub number: u32,
    /// Number of its stream, unique in the capture.
    pub stream: u32,
    /// The same as the host shows it.
    pub shown_stream: u32,
}

/// The filters for a packet.
pub static PACKET_FILTERS: &[PacketFilter] = &[
    PacketFilter { title: c"WeChat: this request and its answer", build: exchange },
    PacketFilter { title: c"WeChat: this long link", build: link },
];

/// Packets that one filter names; more of them would make it unreadable.
const MOST_PACKETS: usize = 64;

/// A filter of the table for a packet, if it has anything to show.
pub fn packet_filter(session: &Session, filter: usize, packet: Packet) -> Option<String> {
    (PACKET_FILTERS.get(filter)?.build)(session, packet)
}

/// The frames of the packet, and what answers or acknowledges them, or is answered by them.
fn exchange(session: &Session, packet: Packet) -> Option<String> {
    let packets: BTreeSet<u32> = session.exchange(packet.stream, packet.number).take(MOST_PACKETS).collect();
    if packets.len() < 2 {
        return None;
    }
    let mut filter = String::new();
    for number in packets {
        let or = if filter.is_empty() { "" } else { " || " };
        write!(filter, "{or}frame.number == {number}").ok()?;
    }
    Some(filter)
}

fn link(session: &Session, packet: Packet) -> Option<String> {
    session.exchange(packet.stream, packet.number).next().map(|_| stream_filter(packet.shown_stream))
}

/// All frames of a stream.
pub fn stream_filter(stream: u32) -> String {
    let field = FIELDS.get(usize::from(F::STREAM)).and_then(|row| row.filter.to_str().ok());
    format!("{} == {stream}", field.unwrap_or_default())
}

/// All packets between two ends of TCP.
pub fn ends_filter(ends: [(IpAddr, u16); 2]) -> String {
    let name = |address: IpAddr| if address.is_ipv4() { "ip" } else { "ipv6" };
    let [(one, one_port), (other, other_port)] = ends;
    let way = |(from, from_port): (IpAddr, u16), (to, to_port): (IpAddr, u16)| {
        let ip = name(from);
        format!(
            "({ip}.src == {from} && tcp.srcport == {from_port} && {ip}.dst == {to} && tcp.dstport == {to_port})"
        )
    };
    let (one, other) = ((one, one_port), (other, other_port));
    format!("{} || {}", way(one, other), way(other, one))
}
