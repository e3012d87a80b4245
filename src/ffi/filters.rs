// SPDX-License-Identifier: GPL-2.0-or-later
//! Display filters that belong to a packet or a stream.

use std::ffi::{c_char, c_int};
use std::net::IpAddr;

use libc::size_t;

use super::common::{bytes, guard, put_text};
use super::dissector::wechat_dissector;
use super::segment::{WECHAT_FIRST_VISIT, wechat_segment};
use crate::kernel::protocol::Packet;
use crate::kernel::record::End;
use crate::protocols;

/// A display filter of the table `packet_filters` of the segment's protocol, for the packet that `segment` names by
/// its packet, stream or ends, and shown stream. As `snprintf`: `text` gets it NUL-terminated and cut to `size` bytes, and
/// the result is its length; 0 when there is no such filter for this packet.
///
/// # Safety
/// As for `wechat_dissect`; `text` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_packet_filter(
    dissector: Option<&mut wechat_dissector>,
    filter: size_t,
    segment: Option<&wechat_segment>,
    text: *mut c_char,
    size: size_t,
) -> size_t {
    let made = guard(None, || {
        let (handle, segment) = (dissector?, segment?);
        let protocol = segment.protocol;
        // SAFETY: the caller's promise.
        let packet = unsafe { packet(handle, segment) }?;
        handle.capture.packet_filter(protocol, filter, packet)
    });
    // SAFETY: the caller's promise.
    unsafe { put_text(made.as_deref().unwrap_or_default(), text, size) }
}

/// The number of the dialogue of the segment's protocol that a packet belongs to, which `segment` names as for
/// `wechat_packet_filter`: 1, and then it is written to `number`; or 0.
///
/// # Safety
/// As for `wechat_dissect`; `number` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_dialogue(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    number: Option<&mut u32>,
) -> c_int {
    let found = guard(None, || {
        let (handle, segment) = (dissector?, segment?);
        let protocol = segment.protocol;
        // SAFETY: the caller's promise.
        let packet = unsafe { packet(handle, segment) }?;
        handle.capture.dialogue(protocol, packet)
    });
    let (Some(found), Some(number)) = (found, number) else { return 0 };
    *number = found;
    1
}

/// Where the packet of a segment stands.
///
/// # Safety
/// As for `wechat_dissect`.
unsafe fn packet(handle: &mut wechat_dissector, segment: &wechat_segment) -> Option<Packet> {
    // A packet that was never seen is not met here.
    let later = wechat_segment { flags: segment.flags & !WECHAT_FIRST_VISIT, ..*segment };
    // SAFETY: the caller's promise.
    let segment = unsafe { handle.segment(&later) }.ok()?;
    Some(Packet { number: segment.packet, stream: segment.lane.stream, shown_stream: segment.shown_stream })
}

/// A display filter for a dialogue of a protocol, by its number; as `wechat_packet_filter`.
///
/// # Safety
/// `text` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_dialogue_filter(
    protocol: u16,
    number: u32,
    text: *mut c_char,
    size: size_t,
) -> size_t {
    let made = guard(None, || {
        let dialogue = protocols::protocol(protocol.into())?.dialogue?;
        Some((dialogue.filter)(number))
    });
    // SAFETY: the caller's promise.
    unsafe { put_text(made.as_deref().unwrap_or_default(), text, size) }
}

/// A display filter for the packets between the two ends that `segment` names by addresses and ports;
/// as `wechat_packet_filter`.
///
/// # Safety
/// As for `wechat_dissect`; `text` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_ends_filter(
    segment: Option<&wechat_segment>,
    text: *mut c_char,
    size: size_t,
) -> size_t {
    let Some(segment) = segment else { return 0 };
    // SAFETY: the caller's promise.
    let addresses = unsafe {
        [
            bytes(segment.src_address, segment.src_length.into()),
            bytes(segment.dst_address, segment.dst_length.into()),
        ]
    };
    let made = guard(None, || {
        let [src, dst] = addresses.map(|bytes| End::new(bytes.ok()?, 0).address());
        Some(between([(src?, segment.src_port), (dst?, segment.dst_port)]))
    });
    // SAFETY: the caller's promise.
    unsafe { put_text(made.as_deref().unwrap_or_default(), text, size) }
}

/// All packets between two ends of TCP.
fn between(ends: [(IpAddr, u16); 2]) -> String {
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
