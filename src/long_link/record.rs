// SPDX-License-Identifier: GPL-2.0-or-later
//! What a tap is told of a frame: one record of fixed layout, and the rows that statistics have for
//! operations.

use std::ffi::c_char;
use std::fmt;
use std::ptr;

use foldhash::HashMap;

use crate::config::Config;
use crate::kernel::report::{ItemKind, Report, Text, Words};
use crate::kernel::time::Time;
use crate::long_link::annotate::{self, Known, Name, Sentence};
use crate::long_link::fields::N;
use crate::long_link::session::Fact;
use crate::wechat::operation::{self, Kind, OPERATIONS, Sender};

/// Version of `wechat_record`. Members are only ever added at the end, and `size` tells how many there are.
pub const WECHAT_RECORD_VERSION: u32 = 2;

/// Bit of `wechat_record.flags`: the packet has been dissected before, so that what lies ahead of the
/// frame is known too.
pub const WECHAT_RECORD_LATER: u32 = 1;
/// Bit of `wechat_record.flags`: a response to `partner`, after `elapsed`.
pub const WECHAT_RECORD_RESPONDS: u32 = 1 << 1;
/// Bit of `wechat_record.flags`: an acknowledgement of `partner`, after `elapsed`.
pub const WECHAT_RECORD_ACKNOWLEDGES: u32 = 1 << 2;
/// Bit of `wechat_record.flags`: an answer, or of a push an acknowledgement, is due.
pub const WECHAT_RECORD_EXPECTS: u32 = 1 << 3;
/// Bit of `wechat_record.flags`: none was seen; known on later visits.
pub const WECHAT_RECORD_MISSES: u32 = 1 << 4;
/// Bit of `wechat_record.flags`: the same request again.
pub const WECHAT_RECORD_RETRY: u32 = 1 << 5;
/// Bit of `wechat_record.flags`: another response to a request that was answered.
pub const WECHAT_RECORD_DUPLICATE: u32 = 1 << 6;
/// Bit of `wechat_record.flags`: an acknowledgement, or what is acknowledged, by inference only; known
/// on later visits.
pub const WECHAT_RECORD_INFERRED: u32 = 1 << 7;
/// Bit of `wechat_record.flags`: `heartbeat_interval` is set.
pub const WECHAT_RECORD_INTERVAL: u32 = 1 << 8;
/// Bit of `wechat_record.flags`: news that follows a send after `news_time` (an inference).
pub const WECHAT_RECORD_NEWS: u32 = 1 << 9;
/// Bit of `wechat_record.flags`: a key of its SyncKey went back.
pub const WECHAT_RECORD_KEY_BACK: u32 = 1 << 10;

/// Value of `wechat_record.sender`: nobody knows.
pub const WECHAT_SENDER_UNKNOWN: u8 = 0;
/// Value of `wechat_record.sender`: the client.
pub const WECHAT_SENDER_CLIENT: u8 = 1;
/// Value of `wechat_record.sender`: the server.
pub const WECHAT_SENDER_SERVER: u8 = 2;

/// A frame, as listeners of the tap "wechat" get it. One call hands over the frames of one dissection:
/// the first of them, and the others by `next`. All of it is the packet's, and goes with it. Durations are
/// in nanoseconds and negative where a clock was set back, lengths in bytes; a text is at `texts` plus its offset, NUL-terminated UTF-8 without
/// control characters, and empty where there is nothing to say.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Record {
    /// Bytes of this structure.
    pub size: u32,
    /// `WECHAT_RECORD_VERSION`.
    pub version: u32,
    /// The next frame, or NULL. The shim sets it.
    pub next: *const Record,
    /// The texts, `text_length` bytes.
    pub texts: *const c_char,
    /// When the packet was captured: seconds since 1970.
    pub seconds: i64,
    /// Since the partner, if `flags` has `WECHAT_RECORD_RESPONDS` or `WECHAT_RECORD_ACKNOWLEDGES`.
    pub elapsed: i64,
    /// Since the stream's heartbeat before, if `flags` has `WECHAT_RECORD_INTERVAL`.
    pub heartbeat_interval: i64,
    /// From the first notice until the message is there, if `delivery` is 2.
    pub delivery_time: i64,
    /// Since the send, if `flags` has `WECHAT_RECORD_NEWS`.
    pub news_time: i64,
    /// And nanoseconds.
    pub nanoseconds: u32,
    /// Bytes at `texts`.
    pub text_length: u32,
    /// Number of the packet in which the frame became whole.
    pub packet: u32,
    /// Number of the stream, `wechat.stream`.
    pub stream: u32,
    /// Operation as on the wire.
    pub operation: u32,
    /// The same; of a response, its request's.
    pub base: u32,
    /// Seqid.
    pub seq: u32,
    /// Length of the frame, as its header says.
    pub packet_len: u32,
    /// Its length as found: the same, unless that is wrong.
    pub length: u32,
    /// Length of the body.
    pub body_len: u32,
    /// The packet with the other frame of the pair, or 0. Of a request or a push it lies ahead, and is
    /// known on later visits.
    pub partner: u32,
    /// Of an acknowledgement, how many pushes it stands for.
    pub acknowledged: u32,
    /// Row of the operation: below `operation_rows` of `wechat_tables`.
    pub row: u32,
    /// By how much this frame changes the number of requests that wait for their response.
    pub waiting_requests: i32,
    /// By how much it changes the number of pushes that wait for their acknowledgement.
    pub waiting_pushes: i32,
    /// Bits of `WECHAT_RECORD_LATER` and the ones behind it.
    pub flags: u32,
    /// Offset of the operation's name, `wechat.op.name`.
    pub name: u32,
    /// Offset of the name of `row`, with the operation's number.
    pub row_name: u32,
    /// Offset of the words in the Info column.
    pub info: u32,
    /// Offset of the filter names of the notes on this frame, apart by commas.
    pub notes: u32,
    /// Length of the header.
    pub head_len: u16,
    /// Kind of frame, in the order of `wechat.kind`'s words: 0 unknown, 1 request, 2 response, 3 push,
    /// 4 push acknowledgement, 5 one-way, 6 heartbeat request, 7 heartbeat response.
    pub kind: u8,
    /// Who sent it: `WECHAT_SENDER_UNKNOWN` and the ones behind it, the values of `wechat.direction`.
    pub sender: u8,
    /// How news comes in it: 0 none, 1 push, 2 notice and sync.
    pub delivery: u8,
}

impl Record {
    /// Whether a bit of the flags is set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// When the packet was captured.
    pub fn time(&self) -> Time {
        // Fewer than fit.
        Time::new(self.seconds, self.nanoseconds as i32)
    }

    /// What kind of frame it is.
    pub fn kind(&self) -> Kind {
        Kind::ALL.get(usize::from(self.kind)).copied().unwrap_or(Kind::Unknown)
    }
}

/// Operations that no table lists and that get a row of their own; later ones share one.
const MOST_UNLISTED: u32 = 64;

/// Number of rows, the last one for all that have none of their own.
pub const ROW_COUNT: u32 = OPERATIONS.len() as u32 + MOST_UNLISTED + 1;

const OTHERS: u32 = ROW_COUNT - 1;

/// Which row of a statistic is an operation's: its place in the table of operations, and behind them
/// the others in the order in which the first pass saw them.
#[derive(Debug, Default)]
pub struct Rows {
    unlisted: HashMap<u32, u32>,
}

impl Rows {
    /// The row of an operation that the first pass sees.
    pub fn learn(&mut self, base: u32) -> u32 {
        let next = u32::try_from(self.unlisted.len()).unwrap_or(MOST_UNLISTED);
        if next < MOST_UNLISTED && operation::place(base).is_none() {
            self.unlisted.entry(base).or_insert((OPERATIONS.len() as u32).saturating_add(next));
        }
        self.find(base)
    }

    /// The row of an operation that the first pass has seen.
    pub fn find(&self, base: u32) -> u32 {
        let listed = operation::place(base).and_then(|place| u32::try_from(place).ok());
        listed.or_else(|| self.unlisted.get(&base).copied()).unwrap_or(OTHERS)
    }
}

/// What a row is called.
#[derive(Clone, Copy)]
struct RowName<'a> {
    row: u32,
    base: u32,
    name: &'a Name<'a>,
}

impl Words for RowName<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut base = itoa::Buffer::new();
        match self.name.exact() {
            _ if self.row == OTHERS => out.write_str("other operations"),
            "" => ["operation ", base.format(self.base)].write(out),
            _ => {
                self.name.write(out)?;
                [" (", base.format(self.base), ")"].write(out)
            }
        }
    }
}

/// Adds the record of a frame to its report, where one is wanted.
pub fn make(report: &mut Report, known: &Known<'_>, config: &Config, row: u32, first_visit: bool) {
    if !report.wanted().record {
        return;
    }
    let name = Name::of(known, config);
    let row_name = name.without_call();
    let start = report.texts().len().saturating_sub(1);
    let here = |at: Text| u32::try_from((at as usize).saturating_sub(start)).unwrap_or(0);
    let notes = here(report.put_notes());
    let info = here(report.put(Sentence { known, name: &name }));
    let record = Record {
        name: here(report.put(&name)),
        row_name: here(report.put(RowName { row, base: known.meaning.base, name: &row_name })),
        info,
        notes,
        ..of(known, row, first_visit)
    };
    let text_length = u32::try_from(report.texts().len().saturating_sub(start)).unwrap_or(0);
    let key_back = report
        .items()
        .iter()
        .any(|item| item.kind == ItemKind::Note as u8 && item.field == N::SYNCKEY_WENT_BACK);
    let flags = record.flags | if key_back { WECHAT_RECORD_KEY_BACK } else { 0 };
    report.set_record(Record { text_length, flags, ..record });
}

/// The numbers of a frame.
fn of(known: &Known<'_>, row: u32, first_visit: bool) -> Record {
    let (facts, kind) = (&known.facts, known.meaning.kind);
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let mut flags = 0;
    let mut set = |on: bool, flag: u32| flags |= if on { flag } else { 0 };
    set(!first_visit, WECHAT_RECORD_LATER);
    set(facts.back.is_some() && kind.answers(), WECHAT_RECORD_RESPONDS);
    set(facts.back.is_some() && kind == Kind::PushAck, WECHAT_RECORD_ACKNOWLEDGES);
    set(facts.opens, WECHAT_RECORD_EXPECTS);
    set(facts.missing.is_some(), WECHAT_RECORD_MISSES);
    set(facts.inferred.is_some(), WECHAT_RECORD_INFERRED);
    set(facts.interval.is_some(), WECHAT_RECORD_INTERVAL);

    let (mut acknowledged, mut settled) = (u32::from(facts.back.is_some() && kind == Kind::PushAck), 0);
    let (mut delivery_time, mut news_time) = (0, 0);
    for (fact, value) in facts.rest() {
        match fact {
            Fact::Retry | Fact::DuplicateRequest => set(true, WECHAT_RECORD_RETRY),
            Fact::DuplicateOf => set(true, WECHAT_RECORD_DUPLICATE),
            Fact::AckTo => acknowledged = acknowledged.saturating_add(1),
            Fact::AckNotice | Fact::NoticeAck => set(true, WECHAT_RECORD_INFERRED),
            Fact::SyncTime => delivery_time = value,
            Fact::NewsTime => {
                set(true, WECHAT_RECORD_NEWS);
                news_time = value;
            }
            Fact::Inference => settled = i32::try_from(value).unwrap_or(0).saturating_add(settled),
            _ => {}
        }
    }
    let asks = matches!(kind, Kind::Request | Kind::HeartbeatRequest);
    let opened = |here: bool| i32::from(here && facts.opens);
    let closed = i32::from(facts.closes && kind.answers());
    let (seconds, nanoseconds) = known.time.parts();
    let acks = i32::try_from(acknowledged).unwrap_or(i32::MAX);
    Record {
        size: number(size_of::<Record>()),
        version: WECHAT_RECORD_VERSION,
        next: ptr::null(),
        texts: ptr::null(),
        seconds,
        nanoseconds,
        elapsed: facts.back.map_or(0, |partner| partner.elapsed),
        heartbeat_interval: facts.interval.map_or(0, |interval| interval.now),
        delivery_time,
        news_time,
        text_length: 0,
        packet: known.packet,
        stream: known.stream,
        operation: known.header.op,
        base: known.meaning.base,
        seq: known.header.seq,
        packet_len: known.header.packet_len,
        length: number(known.end()),
        body_len: number(known.header.body(known.end()).len()),
        partner: facts.back.or(facts.ahead).map_or(0, |partner| partner.packet),
        acknowledged,
        row,
        waiting_requests: opened(asks).saturating_sub(closed).saturating_sub(settled),
        waiting_pushes: opened(kind == Kind::Push).saturating_sub(acks).saturating_sub(settled),
        flags,
        name: 0,
        row_name: 0,
        info: 0,
        notes: 0,
        head_len: known.header.head_len,
        kind: kind as u8,
        sender: match known.meaning.sender {
            None => WECHAT_SENDER_UNKNOWN,
            Some(Sender::Client) => WECHAT_SENDER_CLIENT,
            Some(Sender::Server) => WECHAT_SENDER_SERVER,
        },
        delivery: annotate::delivery(known).map_or(0, |way| way as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_row_and_rows_do_not_run_out() {
        let mut rows = Rows::default();
        for row in OPERATIONS {
            assert_eq!(OPERATIONS[rows.learn(row.number) as usize].number, row.number);
        }
        let first = OPERATIONS.len() as u32;
        for number in 0..if cfg!(miri) { 100 } else { 10_000 } {
            let row = rows.learn(500_000 + number);
            assert_eq!(row, (first + number).min(OTHERS));
        }
        assert_eq!(rows.find(500_063), OTHERS - 1);
        assert_eq!(rows.find(500_064), OTHERS);
        assert_eq!(rows.find(499_999), OTHERS);
    }
}
