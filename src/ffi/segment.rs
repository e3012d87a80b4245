// SPDX-License-Identifier: GPL-2.0-or-later
//! What comes in.

use libc::size_t;

use super::common::{bytes, wechat_result};
use crate::kernel::place::LaneId;
use crate::kernel::report::Wanted;
use crate::kernel::rows::FieldSet;
use crate::kernel::segment::Segment;
use crate::kernel::time::Time;

/// Bit of `wechat_segment.flags`: the packet has never been dissected before. State changes only then.
pub const WECHAT_FIRST_VISIT: u32 = 1;
/// Bit of `wechat_segment.flags`: the carrier can wait for more bytes.
pub const WECHAT_MORE: u32 = 1 << 1;
/// Bit of `wechat_segment.flags`: `position` counts the bytes of the stream (TCP sequence numbers).
pub const WECHAT_COUNTED: u32 = 1 << 2;
/// Bit of `wechat_segment.flags`: the sender is the second of the stream's two ends. Which one is
/// called second does not matter, as long as it stays the same.
pub const WECHAT_SIDE: u32 = 1 << 3;
/// Bit of `wechat_segment.flags`: `stream` is set. Without it the stream is known by its two ends, until the host
/// has a number for it; then both mean the same.
pub const WECHAT_STREAM: u32 = 1 << 4;
/// Bit of `wechat_segment.flags`: the capture holds the beginning of the stream.
pub const WECHAT_BEGAN: u32 = 1 << 5;
/// Bit of `wechat_segment.flags`: no port of the stream was given to WeChat.
pub const WECHAT_ANY_PORT: u32 = 1 << 6;
/// Bit of `wechat_segment.flags`: the bytes are from inside another protocol of ours: a `wechat_hand_off` with this bit
/// says whose and where.
pub const WECHAT_INSIDE: u32 = 1 << 7;

/// Bit of `wechat_segment.wanted`: the words for the Info column.
pub const WECHAT_WANT_INFO: u32 = 1;
/// Bit of `wechat_segment.wanted`: the items.
pub const WECHAT_WANT_ITEMS: u32 = 1 << 1;
/// Bit of `wechat_segment.wanted`: the items' texts.
pub const WECHAT_WANT_LABELS: u32 = 1 << 2;
/// Bit of `wechat_segment.wanted`: the record for taps.
pub const WECHAT_WANT_RECORD: u32 = 1 << 3;

/// Bit of `wechat_segment.wanted`: the hand-offs.
pub const WECHAT_WANT_INSIDE: u32 = 1 << 4;

/// Bit of `wechat_segment.wanted`: the objects.
pub const WECHAT_WANT_OBJECTS: u32 = 1 << 5;

/// Words in which `wechat_segment.fields` has a bit for each field of a protocol.
pub const WECHAT_FIELD_WORDS: usize = 4;

const _: () = assert!(WECHAT_FIELD_WORDS == FieldSet::WORDS);

/// What comes in: bytes of a stream, and where they are from. The caller keeps it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wechat_segment {
    /// Captured bytes, from a place in the stream to the end of what the carrier has put together.
    /// May be NULL when `captured` is 0.
    pub data: *const u8,
    /// Number of bytes at `data`.
    pub captured: size_t,
    /// The same on the wire: larger than `captured` when the capture cut bytes off.
    pub reported: size_t,
    /// When the packet was captured: seconds since 1970.
    pub seconds: i64,
    /// And nanoseconds.
    pub nanoseconds: i32,
    /// The packet's number in the capture. It never falls from one first visit to the next.
    pub packet: u32,
    /// The stream's number, unique in the capture.
    pub stream: u32,
    /// The same as the host shows it; it need not be unique.
    pub shown_stream: u32,
    /// Position of the first byte in the stream, or a number that tells this place from the others
    /// of the packet and is the same at each visit.
    pub position: u32,
    /// Address of the sender, `src_length` bytes; may be NULL when that is 0.
    pub src_address: *const u8,
    /// Address of the receiver, `dst_length` bytes; may be NULL when that is 0.
    pub dst_address: *const u8,
    /// Number of bytes at `src_address`.
    pub src_length: u16,
    /// Number of bytes at `dst_address`.
    pub dst_length: u16,
    /// Port of the sender.
    pub src_port: u16,
    /// Port of the receiver.
    pub dst_port: u16,
    /// Port of the side that was connected to, where the carrier knows it; else 0.
    pub server_port: u16,
    /// Bits of `WECHAT_FIRST_VISIT` and the ones behind it; others are ignored.
    pub flags: u32,
    /// Bits of `WECHAT_WANT_INFO` and the ones behind it; what is not wanted is not computed.
    pub wanted: u32,
    /// The fields whose items are wanted: a bit for each, that of row 0 the lowest of the first word; first
    /// `WECHAT_FIELD_WORDS` words for the fields of protocol 0, which all share, then as many for those of the
    /// segment's protocol. NULL for all of them. A protocol's own field and notes are there in any case.
    pub fields: *const u64,
    /// The protocol whose the bytes are, by its place among the protocols.
    pub protocol: u16,
}

impl wechat_segment {
    /// Whether a bit of `flags` is set.
    pub(super) fn flag(&self, bit: u32) -> bool {
        self.flags & bit != 0
    }

    fn time(&self) -> Time {
        Time::new(self.seconds, self.nanoseconds)
    }

    /// What is wanted.
    ///
    /// # Safety
    /// `fields` is NULL or points to as many words as it says, which live as long as the result.
    unsafe fn wanted<'a>(&self) -> Wanted<'a> {
        let wanted = |bit| self.wanted & bit != 0;
        // SAFETY: the caller's promise; a set is twice as many words, and nothing else.
        let fields = unsafe { self.fields.cast::<FieldSet>().as_ref() };
        Wanted {
            columns: wanted(WECHAT_WANT_INFO),
            items: wanted(WECHAT_WANT_ITEMS),
            labels: wanted(WECHAT_WANT_LABELS),
            record: wanted(WECHAT_WANT_RECORD),
            inside: wanted(WECHAT_WANT_INSIDE),
            objects: wanted(WECHAT_WANT_OBJECTS),
            fields,
        }
    }

    /// The number that the host has for the stream.
    pub(super) fn host_stream(&self) -> Option<u32> {
        self.flag(WECHAT_STREAM).then_some(self.stream)
    }

    /// The segment, as the safe side has it; its stream is the host's.
    ///
    /// # Safety
    /// `data`, `src_address` and `dst_address` point to as many bytes as the segment says, or that is 0; `fields` is
    /// NULL or points to as many words as it says; all of it lives as long as the result.
    #[inline]
    pub(super) unsafe fn read<'a>(&self) -> Result<Segment<'a>, wechat_result> {
        // SAFETY: the caller's promise.
        let (data, src_address, dst_address, wanted) = unsafe {
            (
                bytes(self.data, self.captured)?,
                bytes(self.src_address, self.src_length.into())?,
                bytes(self.dst_address, self.dst_length.into())?,
                self.wanted(),
            )
        };
        Ok(Segment {
            data,
            reported: self.reported.max(data.len()),
            lane: LaneId::new(self.stream, self.flag(WECHAT_SIDE)),
            shown_stream: self.shown_stream,
            began: self.flag(WECHAT_BEGAN),
            src_address,
            dst_address,
            position: self.position,
            counted: self.flag(WECHAT_COUNTED),
            packet: self.packet,
            time: self.time(),
            src_port: self.src_port,
            dst_port: self.dst_port,
            server_port: self.server_port,
            first_visit: self.flag(WECHAT_FIRST_VISIT),
            inside: self.flag(WECHAT_INSIDE),
            more: self.flag(WECHAT_MORE),
            wanted,
        })
    }
}
