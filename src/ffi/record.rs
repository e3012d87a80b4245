// SPDX-License-Identifier: GPL-2.0-or-later
//! What taps are told, and what statistics make of it.

use std::ffi::{c_char, c_int};
use std::mem::offset_of;
use std::ptr;

use libc::size_t;

use super::common::{bytes, guard, number};
use super::tables::{value_rows, wechat_value_row};
use crate::kernel::protocol::{Protocol, Side};
use crate::kernel::record::{End, MOST_ADDRESS, MOST_VALUES, Record, View};
use crate::kernel::report::Report;
use crate::kernel::tick::{Sample, Tick, TickKind, Ticks};
use crate::kernel::time::Time;
use crate::protocols;

/// Version of `wechat_record`.
pub const WECHAT_RECORD_VERSION: u32 = 3;

/// Most values that a record of any protocol has.
pub const WECHAT_MOST_VALUES: usize = 48;

/// Most bytes of an address in a record.
pub const WECHAT_MOST_ADDRESS: usize = 16;

const _: () = assert!(WECHAT_MOST_VALUES == MOST_VALUES && WECHAT_MOST_ADDRESS == MOST_ADDRESS);

/// One end of a stream.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct wechat_end {
    /// Address, `length` bytes.
    pub address: [u8; WECHAT_MOST_ADDRESS],
    /// Port.
    pub port: u16,
    /// Bytes of `address`; 0 where nobody knows it.
    pub length: u8,
}

impl From<&End> for wechat_end {
    fn from(end: &End) -> Self {
        let mut made = Self { port: end.port, length: end.bytes().len() as u8, ..Self::default() };
        for (to, from) in made.address.iter_mut().zip(end.bytes()) {
            *to = *from;
        }
        made
    }
}

impl From<&wechat_end> for End {
    fn from(end: &wechat_end) -> Self {
        Self::new(end.address.get(..end.length.into()).unwrap_or_default(), end.port)
    }
}

/// A PDU, as listeners of a protocol's tap get it, which has the protocol's name. One call hands over those of one
/// dissection: the first of them, and the others by `next`. All of it is the packet's, and goes with it.
///
/// Behind the head come the values that `rows` names, each in its place there, where bit `place` of `present` is set.
/// Times between packets are in nanoseconds, negative where a clock was set back, lengths in bytes. The value of a
/// text is its offset in `texts`, where it is NUL-terminated UTF-8 without control characters; that at 0 is empty.
#[repr(C)]
#[derive(Debug)]
pub struct wechat_record {
    /// `WECHAT_RECORD_VERSION`.
    pub version: u32,
    /// Bytes of this structure, as many values as there are counted.
    pub size: u32,
    /// The next one, or NULL. The shim sets it.
    pub next: *const wechat_record,
    /// The texts, `text_length` bytes.
    pub texts: *const c_char,
    /// What the values are called, `value_count` rows, which are there as long as the library is.
    pub rows: *const wechat_value_row,
    /// The bytes that the PDU is told by where words are not enough, `byte_count` of them; NULL where there are none.
    pub bytes: *const u8,
    /// When the packet was captured: seconds since 1970.
    pub seconds: i64,
    /// A bit for each value that there is.
    pub present: u64,
    /// And nanoseconds.
    pub nanoseconds: u32,
    /// Bytes at `texts`.
    pub text_length: u32,
    /// Bytes at `bytes`.
    pub byte_count: u32,
    /// Number of the packet in which the PDU became whole.
    pub packet: u32,
    /// Number of the stream, as the host shows it.
    pub stream: u32,
    /// The protocol, by its place among the protocols.
    pub protocol: u16,
    /// How many values the protocol has.
    pub value_count: u16,
    /// Who sent the packet.
    pub src: wechat_end,
    /// And to whom.
    pub dst: wechat_end,
    /// The values, `value_count` of them.
    pub values: [u64; WECHAT_MOST_VALUES],
}

impl Default for wechat_record {
    fn default() -> Self {
        Self {
            version: WECHAT_RECORD_VERSION,
            size: 0,
            next: ptr::null(),
            texts: ptr::null(),
            rows: ptr::null(),
            bytes: ptr::null(),
            seconds: 0,
            nanoseconds: 0,
            present: 0,
            text_length: 0,
            byte_count: 0,
            packet: 0,
            stream: 0,
            protocol: 0,
            value_count: 0,
            src: wechat_end::default(),
            dst: wechat_end::default(),
            values: [0; WECHAT_MOST_VALUES],
        }
    }
}

impl wechat_record {
    /// Makes it the record of a report.
    pub(super) fn fill(&mut self, record: &Record, report: &Report) {
        let texts = report.texts().get(record.texts as usize..).unwrap_or_default();
        let rows = value_rows(report.protocol());
        let count = rows.len().min(MOST_VALUES);
        let values = offset_of!(Self, values).saturating_add(count.saturating_mul(size_of::<u64>()));
        self.size = number(values);
        self.texts = texts.as_ptr().cast();
        self.rows = rows.as_ptr();
        (self.seconds, self.nanoseconds) = record.time.parts();
        self.present = record.present();
        self.text_length = number(texts.len());
        self.packet = record.packet;
        self.stream = record.stream;
        self.protocol = report.protocol();
        self.value_count = count as u16;
        let [src, dst] = &record.ends;
        (self.src, self.dst) = (src.into(), dst.into());
        let bytes = report.told_by(record);
        self.bytes = if bytes.is_empty() { ptr::null() } else { bytes.as_ptr() };
        self.byte_count = number(bytes.len());
        for (to, from) in self.values.iter_mut().zip(record.values()).take(count) {
            *to = *from;
        }
    }
}

/// A record, as the safe side has it; `None` for one of another version.
///
/// # Safety
/// The record is one that the library made, or a copy of `size` bytes with copies of its texts and bytes; they live as
/// long as the result.
pub(super) unsafe fn view<'a>(record: *const wechat_record) -> Option<View<'a>> {
    // A copy ends behind the last value that counts, so that there is no whole structure to refer to.
    // SAFETY: the caller's promise; the head is there in any case.
    let [version, count, text_length] =
        unsafe { [(*record).version, u32::from((*record).value_count), (*record).text_length] };
    if version != WECHAT_RECORD_VERSION || count as usize > WECHAT_MOST_VALUES {
        return None;
    }
    // SAFETY: as above; so many values are there.
    let values =
        unsafe { std::slice::from_raw_parts((&raw const (*record).values).cast::<u64>(), count as usize) };
    // SAFETY: as above.
    let texts = unsafe { bytes((*record).texts.cast(), text_length as size_t) }.ok()?;
    // SAFETY: as above.
    let told_by = unsafe { bytes((*record).bytes, (*record).byte_count as size_t) }.ok()?;
    // SAFETY: as above.
    let ends = unsafe { [End::from(&(*record).src), End::from(&(*record).dst)] };
    // SAFETY: as above.
    let (packet, stream, present) = unsafe { ((*record).packet, (*record).stream, (*record).present) };
    // SAFETY: as above. The nanoseconds are fewer than fit.
    let time = unsafe { Time::new((*record).seconds, (*record).nanoseconds as i32) };
    Some(View { packet, stream, time, ends, bytes: told_by, present, values, texts })
}

/// A record's protocol and view; `None` for NULL and for one of another version.
///
/// # Safety
/// As for [`view`], or NULL.
unsafe fn read<'a>(record: *const wechat_record) -> Option<(&'static Protocol, View<'a>)> {
    if record.is_null() {
        return None;
    }
    // SAFETY: not NULL; the rest is the caller's promise.
    let (protocol, view) = unsafe { (protocols::protocol((*record).protocol.into())?, view(record)?) };
    (view.values.len() == protocol.values.len()).then_some((protocol, view))
}

/// How a node changes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_tick_kind {
    /// The amount is added to the count.
    Count = 0,
    /// The amount is a value: the node shows the average, the least and the most.
    Average = 1,
    /// As that, and each range of the node shows the same of its values.
    Range = 2,
}

impl From<TickKind> for wechat_tick_kind {
    fn from(kind: TickKind) -> Self {
        match kind {
            TickKind::Count => Self::Count,
            TickKind::Average => Self::Average,
            TickKind::Range => Self::Range,
        }
    }
}

/// A change of one node of a tree of counters.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_tick {
    /// NULL, or the name of the part of the node that changes; it lives as long as the record.
    pub part: *const c_char,
    /// What is counted, or a value.
    pub amount: i32,
    /// Place of the node.
    pub node: u16,
    /// One of the tick kinds.
    pub how: u8,
}

impl From<Tick<'_>> for wechat_tick {
    fn from(tick: Tick<'_>) -> Self {
        let Tick { node, part, amount, how } = tick;
        let part = part.map_or(ptr::null(), |part| part.as_ptr());
        Self { part, amount, node, how: wechat_tick_kind::from(how) as u8 }
    }
}

/// Most ticks that one record has.
pub const WECHAT_MOST_TICKS: usize = 160;

/// What a record changes in its protocol's tree of counters. Writes at most `room` ticks, of which there are never
/// more than `WECHAT_MOST_TICKS`, and returns how many.
///
/// # Safety
/// `record` is NULL, or one that the library made, or a copy of `size` bytes with copies of its texts and bytes. `ticks` is
/// NULL or has room for `room` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_tree_ticks(
    record: *const wechat_record,
    ticks: *mut wechat_tick,
    room: size_t,
) -> size_t {
    if ticks.is_null() {
        return 0;
    }
    let mut count = 0;
    // SAFETY: the caller's promise.
    let Some((protocol, record)) = (unsafe { read(record) }) else { return 0 };
    guard((), || {
        let Some(tree) = protocol.tree else { return };
        let mut write = |tick: Tick<'_>| {
            if count < room {
                // SAFETY: not NULL, with room for more than `count`.
                unsafe { ticks.add(count).write(tick.into()) };
                count = count.saturating_add(1);
            }
        };
        (tree.ticks)(record, &mut Ticks::new(tree.nodes, &mut write));
    });
    count
}

/// One more of a row of a table of delays.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_sample {
    /// Its delay in nanoseconds.
    pub delay: i64,
    /// Place of the row.
    pub row: u16,
    /// Not 0: it has a delay.
    pub delayed: u8,
}

/// Most samples that one record has.
pub const WECHAT_MOST_SAMPLES: usize = 8;

/// What a record adds to its protocol's table of delays. Writes at most `room` samples, of which there are never
/// more than `WECHAT_MOST_SAMPLES`, and returns how many.
///
/// # Safety
/// As for `wechat_tree_ticks`; `samples` is NULL or has room for `room` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_delay_samples(
    record: *const wechat_record,
    samples: *mut wechat_sample,
    room: size_t,
) -> size_t {
    if samples.is_null() {
        return 0;
    }
    let mut count = 0;
    // SAFETY: the caller's promise.
    let Some((protocol, record)) = (unsafe { read(record) }) else { return 0 };
    guard((), || {
        let Some(table) = protocol.delays else { return };
        (table.samples)(record, &mut |Sample { row, delay }| {
            if count < room {
                let sample =
                    wechat_sample { delay: delay.unwrap_or(0), row, delayed: u8::from(delay.is_some()) };
                // SAFETY: not NULL, with room for more than `count`.
                unsafe { samples.add(count).write(sample) };
                count = count.saturating_add(1);
            }
        });
    });
    count
}

/// A response, as a table of response times takes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_response {
    /// The row's name; it lives as long as the record.
    pub name: *const c_char,
    /// Nanoseconds since the request.
    pub elapsed: i64,
    /// Place of the row, below `response_rows`.
    pub row: u32,
}

/// Whether a record is a response that its protocol's table of response times takes: 1, and then it is written to
/// `response`; or 0.
///
/// # Safety
/// As for `wechat_tree_ticks`; `response` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_response_get(
    record: *const wechat_record,
    response: *mut wechat_response,
) -> c_int {
    if response.is_null() {
        return 0;
    }
    // SAFETY: the caller's promise.
    let Some((protocol, record)) = (unsafe { read(record) }) else { return 0 };
    let found = guard(None, || {
        let times = protocol.response_times?;
        (times.response)(record).filter(|response| response.row < times.rows)
    });
    let Some(found) = found else { return 0 };
    let out = wechat_response { name: found.name.as_ptr(), elapsed: found.elapsed, row: found.row };
    // SAFETY: not NULL, and the caller's to write.
    unsafe { response.write(out) };
    1
}

/// Who said something.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_side {
    /// Nobody knows.
    Unknown = 0,
    /// The client.
    Client = 1,
    /// The server.
    Server = 2,
}

/// A record in words. The texts live as long as the record.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wechat_sentence {
    /// One line.
    pub line: *const c_char,
    /// A name that many share.
    pub label: *const c_char,
    /// Who said it.
    pub side: wechat_side,
    /// Whether a dialogue has the record's bytes, of which there may be none, and not the line.
    pub raw: bool,
}

/// Says a record in words: 1, and then they are written to `sentence`; or 0, when its protocol has no dialogue.
///
/// # Safety
/// As for `wechat_tree_ticks`; `sentence` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_sentence_get(
    record: *const wechat_record,
    sentence: *mut wechat_sentence,
) -> c_int {
    if sentence.is_null() {
        return 0;
    }
    // SAFETY: the caller's promise.
    let Some((protocol, record)) = (unsafe { read(record) }) else { return 0 };
    let Some(made) = guard(None, || Some((protocol.dialogue?.sentence)(record))) else { return 0 };
    let side = match made.side {
        Side::Unknown => wechat_side::Unknown,
        Side::Client => wechat_side::Client,
        Side::Server => wechat_side::Server,
    };
    let out = wechat_sentence { line: made.line.as_ptr(), label: made.label.as_ptr(), side, raw: made.raw };
    // SAFETY: not NULL, and the caller's to write.
    unsafe { sentence.write(out) };
    1
}
