// SPDX-License-Identifier: GPL-2.0-or-later
//! What comes out.

use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr;

use libc::size_t;

use super::common::number;
use super::record::wechat_record;
use super::segment::{WECHAT_COUNTED, WECHAT_INSIDE, WECHAT_SIDE};
use crate::kernel::report::{HandOff, Inner, Item, ItemKind, Object, Report, Source};
use crate::kernel::segment::{More, Step};

/// What an item is. The set is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_item_kind {
    /// A field whose value the host reads from the bytes named.
    Wire = 1,
    /// A field whose value is in `value`, and stands in no byte as such.
    Generated = 2,
    /// A text field whose value is the item's text, made by the dissector.
    Text = 3,
    /// As wire, and the items behind it that are one deeper are its children.
    Subtree = 4,
    /// A note: `field` names a note, the bytes named are the ones to blame.
    Note = 5,
    /// A field whose bytes were made into others: its children lie in the source `value`.
    Derived = 6,
    /// A field whose value is in `value`, read from the bytes named in a way the host cannot (a varint). It may
    /// have children, as a subtree.
    Decoded = 7,
    /// As text, read from the bytes named in a way the host cannot (escapes).
    DecodedText = 8,
}

/// One line of the packet tree.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_item {
    /// Value of a generated or decoded item: a number, nanoseconds, or a packet number; of a derived one, a source.
    pub value: u64,
    /// First byte, from the start of the source; in source 0, from the start of the PDU.
    pub offset: u32,
    /// Number of bytes. All of them were captured, so that the host can read them unchecked.
    pub length: u32,
    /// Offset of the item's text in the report's texts; 0 for none. It stands behind the value, but
    /// is the value itself of a text item, stands for the bytes of a subtree of bytes, and is the
    /// message of a note.
    pub text: u32,
    /// The number of a field; of a note, the number of a note.
    pub field: u16,
    /// The source in which it lies.
    pub source: u16,
    /// One of the item kinds.
    pub kind: u8,
    /// 0 at the top; an item is a child of the nearest subtree above it that is one less deep.
    pub depth: u8,
}

/// A report's items are many, and C reads them where they lie: both sides have the same layout.
const _: () = {
    assert!(size_of::<Item>() == size_of::<wechat_item>());
    assert!(offset_of!(Item, value) == offset_of!(wechat_item, value));
    assert!(offset_of!(Item, offset) == offset_of!(wechat_item, offset));
    assert!(offset_of!(Item, length) == offset_of!(wechat_item, length));
    assert!(offset_of!(Item, text) == offset_of!(wechat_item, text));
    assert!(offset_of!(Item, field) == offset_of!(wechat_item, field));
    assert!(offset_of!(Item, source) == offset_of!(wechat_item, source));
    assert!(offset_of!(Item, kind) == offset_of!(wechat_item, kind));
    assert!(offset_of!(Item, depth) == offset_of!(wechat_item, depth));
    assert!(ItemKind::Wire as u8 == wechat_item_kind::Wire as u8);
    assert!(ItemKind::Generated as u8 == wechat_item_kind::Generated as u8);
    assert!(ItemKind::Text as u8 == wechat_item_kind::Text as u8);
    assert!(ItemKind::Subtree as u8 == wechat_item_kind::Subtree as u8);
    assert!(ItemKind::Note as u8 == wechat_item_kind::Note as u8);
    assert!(ItemKind::Derived as u8 == wechat_item_kind::Derived as u8);
    assert!(ItemKind::Decoded as u8 == wechat_item_kind::Decoded as u8);
    assert!(ItemKind::DecodedText as u8 == wechat_item_kind::DecodedText as u8);
};

/// Bytes in which items lie. Source 0 are the bytes that came in, 1 of a message those of its body; those
/// behind them the dissector made.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_source {
    /// The bytes that the dissector made; NULL where the host has them.
    pub data: *const u8,
    /// How many there are.
    pub captured: u32,
    /// What they are called, a text.
    pub name: u32,
}

impl From<&Source> for wechat_source {
    fn from(source: &Source) -> Self {
        let data = source.bytes.as_ref().map_or(ptr::null(), |bytes| bytes.as_ptr());
        Self { data, captured: source.captured, name: source.name }
    }
}

/// Bytes that are for somebody else: whoever registered for `key` in table `table`, or else that table's heuristics,
/// or else its fallback. When the host has drawn the items, it calls them. If that is a protocol of ours, its segment
/// has the stream, the position and the flags that stand here.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_hand_off {
    /// First byte, from the start of the source; in source 0, from the start of the PDU.
    pub offset: u32,
    /// How many bytes were captured; at least one.
    pub captured: u32,
    /// How many there are, captured or not.
    pub length: u32,
    /// Key in the table.
    pub key: u32,
    /// Number of the inner stream, unique in the capture.
    pub stream: u32,
    /// The same as the host is to show it.
    pub shown_stream: u32,
    /// Position of the first byte in the inner stream.
    pub position: u32,
    /// Bits of `wechat_segment.flags`: `WECHAT_INSIDE` if the bytes are for a protocol of ours, and then perhaps
    /// `WECHAT_SIDE` and `WECHAT_COUNTED`.
    pub flags: u32,
    /// What the table's fallback is told of them, a text; 0 for nothing.
    pub words: u32,
    /// The item that is not to be shown if somebody takes the bytes: its place in the report's items plus 1; 0 for none.
    pub instead: u32,
    /// The source.
    pub source: u16,
    /// The table: by its place among those that a protocol offers, and that protocol's.
    pub table: u16,
}

impl wechat_hand_off {
    /// A hand-off of a report whose sources are these; none where no byte was captured.
    fn of(hand_off: &HandOff, sources: &[Source]) -> Option<Self> {
        let HandOff { table, key, source, start, length, inner, words, instead, .. } = *hand_off;
        let there = sources.get(usize::from(source))?.captured as usize;
        let captured = there.checked_sub(start)?.min(length);
        let set = |is_set: Option<bool>, flag| if is_set == Some(true) { flag } else { 0 };
        let side = set(inner.map(|inner: Inner| inner.lane.side), WECHAT_SIDE);
        let counted = set(inner.map(|inner| inner.counted), WECHAT_COUNTED);
        (captured > 0).then_some(Self {
            offset: number(start),
            captured: number(captured),
            length: number(length),
            key,
            stream: inner.map_or(0, |inner| inner.lane.stream),
            shown_stream: inner.map_or(0, |inner| inner.shown_stream),
            position: inner.map_or(0, |inner| inner.position),
            flags: set(Some(inner.is_some()), WECHAT_INSIDE) | side | counted,
            words,
            instead: instead.map_or(0, |place| number(place.saturating_add(1))),
            source,
            table,
        })
    }
}

/// Bytes that a user may export, all of them captured.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_object {
    /// First byte, from the start of the source; in source 0, from the start of the PDU.
    pub offset: u32,
    /// How many there are.
    pub length: u32,
    /// What its file is called in its packet, a text.
    pub name: u32,
    /// What sort of bytes they are, a text.
    pub kind: u32,
    /// The source.
    pub source: u16,
}

impl wechat_object {
    /// An object of a report whose sources are these; none where bytes of it were not captured.
    fn of(object: &Object, sources: &[Source]) -> Option<Self> {
        let Object { source, start, length, name, kind } = *object;
        let there = sources.get(usize::from(source))?.captured as usize;
        let fits = start.checked_add(length).is_some_and(|end| end <= there);
        fits.then_some(Self { offset: number(start), length: number(length), name, kind, source })
    }
}

/// What became of a segment.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_verdict {
    /// `length` bytes, at least 1 and at most `reported`, are dealt with; the report shows them.
    Consumed = 0,
    /// Call again with the same bytes and the whole next segment behind them.
    NeedSegment = 1,
    /// Call again with the same bytes and `length` more behind them.
    NeedBytes = 2,
}

/// What comes out: what one PDU looks like. It points into the handle and is valid until the next
/// call with it.
#[repr(C)]
pub struct wechat_report {
    /// What became of the segment.
    pub verdict: wechat_verdict,
    /// Bytes consumed or needed; of a message, those of its head, and 0 when it is nobody's of ours.
    pub length: u32,
    /// Of a message, where its head begins in the segment; else 0.
    pub offset: u32,
    /// The words for the Info column, a text; 0 for none.
    pub info: u32,
    /// The items, in tree order.
    pub items: *const wechat_item,
    /// Number of `items`.
    pub item_count: size_t,
    /// The texts; an item's is at `texts + item.text`, NUL-terminated UTF-8 without control
    /// characters. `texts` itself is an empty text.
    pub texts: *const c_char,
    /// The sources in which items lie.
    pub sources: *const wechat_source,
    /// Number of `sources`.
    pub source_count: size_t,
    /// What is for others, in the order in which they are to be called. Whoever is called may call the library
    /// again, which takes the report away: copy these, and the sources that they name.
    pub hand_offs: *const wechat_hand_off,
    /// Number of `hand_offs`.
    pub hand_off_count: size_t,
    /// What may be exported.
    pub objects: *const wechat_object,
    /// Number of `objects`.
    pub object_count: size_t,
    /// What taps are told; NULL when that is not wanted, or the PDU is nothing that they are told of. A tap
    /// outlives the report: copy `size` bytes of the record, and its texts.
    pub record: *const wechat_record,
    /// The protocol whose report it is.
    pub protocol: u16,
}

/// What of a report the handle keeps for C.
#[derive(Debug, Default)]
pub(super) struct Kept {
    sources: Vec<wechat_source>,
    hand_offs: Vec<wechat_hand_off>,
    objects: Vec<wechat_object>,
    record: Option<Box<wechat_record>>,
}

impl Kept {
    /// A report for C, good until the next one. `offset` and `length` are those of a message's head.
    #[inline]
    pub(super) fn report(&mut self, made: &Report, step: Step, offset: usize) -> wechat_report {
        let (verdict, length) = match step {
            Step::Consumed(length) => (wechat_verdict::Consumed, length),
            Step::Need(More::Segment) => (wechat_verdict::NeedSegment, 0),
            Step::Need(More::Bytes(length)) => (wechat_verdict::NeedBytes, length),
        };
        refill(&mut self.sources, made.sources().iter().map(wechat_source::from));
        let hand_offs = made.hand_offs().iter();
        refill(&mut self.hand_offs, hand_offs.filter_map(|one| wechat_hand_off::of(one, made.sources())));
        let objects = made.objects().iter();
        refill(&mut self.objects, objects.filter_map(|one| wechat_object::of(one, made.sources())));
        let record = made.record().map(|record| {
            let kept = self.record.get_or_insert_default();
            kept.fill(record, made);
            ptr::from_ref::<wechat_record>(kept)
        });
        wechat_report {
            verdict,
            length: number(length),
            offset: number(offset),
            info: made.info(),
            items: made.items().as_ptr().cast(),
            item_count: made.items().len(),
            texts: made.texts().as_ptr().cast(),
            sources: self.sources.as_ptr(),
            source_count: self.sources.len(),
            hand_offs: self.hand_offs.as_ptr(),
            hand_off_count: self.hand_offs.len(),
            objects: self.objects.as_ptr(),
            object_count: self.objects.len(),
            record: record.unwrap_or(ptr::null()),
            protocol: made.protocol(),
        }
    }
}

fn refill<T>(rows: &mut Vec<T>, with: impl Iterator<Item = T>) {
    rows.clear();
    rows.extend(with);
}
