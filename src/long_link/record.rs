// SPDX-License-Identifier: GPL-2.0-or-later
//! What a tap is told of a frame, and the rows that statistics have for operations.

use std::fmt;

use foldhash::HashMap;

use super::annotate::{self, Delivery, Known, Name, Sentence};
use super::fields::NOTES;
use super::session::Fact;
use super::settings::Settings;
use crate::kernel::record::{Record, ValueRow, View, duration, mark, number, signed, text};
use crate::kernel::report::{Report, Words};
use crate::kernel::rows::{Note, rows};
use crate::kernel::segment::Segment;
use crate::wechat::fields::{S, SN, note_row};
use crate::wechat::operation::{self, Kind, OPERATIONS, Sender};

rows! {
    /// Places of the values of a record.
    R, VALUES: ValueRow {
        OPERATION = number(c"operation");
        // The same; of a response, its request's.
        BASE = number(c"base");
        SEQ = number(c"seqid");
        // As the header says, and as found: the same, unless that is wrong.
        PACKET_LEN = number(c"packet_len");
        LENGTH = number(c"length");
        HEAD_LEN = number(c"head_len");
        BODY_LEN = number(c"body_len");
        // In the order of `wechat.kind`'s words.
        KIND = number(c"kind");
        // The value of `wechat.direction`; 0 is unknown.
        SENDER = number(c"sender");
        // 1 push, 2 notice and sync.
        DELIVERY = number(c"delivery");
        // The packet with the other frame of the pair. Of a request or a push it lies ahead, and is known on later
        // visits.
        PARTNER = number(c"partner");
        RESPONSE_TIME = duration(c"response_time");
        ACK_TIME = duration(c"ack_time");
        HEARTBEAT_INTERVAL = duration(c"heartbeat_interval");
        // From the first notice until the message is there.
        DELIVERY_TIME = duration(c"delivery_time");
        // Since the send (an inference).
        NEWS_TIME = duration(c"news_time");
        // Of an acknowledgement, how many pushes it stands for.
        ACKNOWLEDGED = number(c"acknowledged");
        // Row of the operation in statistics.
        ROW = number(c"row");
        // By how much the frame changes the number of requests that wait for their response, and of pushes that
        // wait for their acknowledgement.
        WAITING_REQUESTS = signed(c"waiting_requests");
        WAITING_PUSHES = signed(c"waiting_pushes");
        // The packet that first had the same request.
        RETRY_OF = number(c"retry_of");
        // What the body names.
        CGI = number(c"cgi");
        CLIENT_VERSION = number(c"client_version");
        // The packet has been dissected before, so that what lies ahead of the frame is known too.
        LATER = mark(c"later");
        // An answer, or of a push an acknowledgement, is due.
        EXPECTS = mark(c"expects");
        // None was seen; known on later visits.
        MISSES = mark(c"misses");
        RETRY = mark(c"retry");
        DUPLICATE = mark(c"duplicate");
        // An acknowledgement, or what is acknowledged, by inference only; known on later visits.
        INFERRED = mark(c"inferred");
        // A key of its SyncKey went back.
        KEY_BACK = mark(c"key_back");
        NAME = text(c"name");
        // Name of the row, with the operation's number.
        ROW_NAME = text(c"row_name");
        // The words in the Info column.
        INFO = text(c"info");
        // What carries the stream.
        CARRIER = text(c"carrier");
        // Filter names of the notes, apart by commas.
        NOTES = text(c"notes");
    }
}

/// What kind of frame a record is of.
pub fn kind(record: View<'_>) -> Kind {
    Kind::ALL.get(record.small(R::KIND) as usize).copied().unwrap_or(Kind::Unknown)
}

/// Who sent it, where that is known.
pub fn sender(record: View<'_>) -> Option<Sender> {
    match record.small(R::SENDER) {
        SENDER_CLIENT => Some(Sender::Client),
        SENDER_SERVER => Some(Sender::Server),
        _ => None,
    }
}

/// How news comes in it, if it does.
pub fn delivery(record: View<'_>) -> Option<Delivery> {
    [Delivery::Push, Delivery::NoticeAndSync].into_iter().find(|way| *way as u32 == record.small(R::DELIVERY))
}

/// Values of `wechat.direction`.
const SENDER_CLIENT: u32 = 1;
const SENDER_SERVER: u32 = 2;

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
    /// Gives an operation that the first pass sees a row.
    pub fn learn(&mut self, base: u32) {
        let next = u32::try_from(self.unlisted.len()).unwrap_or(MOST_UNLISTED);
        if next < MOST_UNLISTED && operation::place(base).is_none() {
            self.unlisted.entry(base).or_insert((OPERATIONS.len() as u32).saturating_add(next));
        }
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
        match self.name.first() {
            _ if self.row == OTHERS => out.write_str("other operations"),
            "" => ["operation ", base.format(self.base)].write(out),
            _ => {
                self.name.write(out)?;
                [" (", base.format(self.base), ")"].write(out)
            }
        }
    }
}

/// The row of a note that a report of ours may have.
fn note(number: u16) -> Option<&'static Note> {
    note_row(NOTES, number)
}

/// Adds the record of a frame to its report, where one is wanted.
pub fn make(report: &mut Report, segment: &Segment<'_>, known: &Known<'_>, settings: &Settings, rows: &Rows) {
    if !report.wanted().record {
        return;
    }
    let row = rows.find(known.meaning.base);
    let name = Name::of(known, settings);
    let row_name = name.without_call();
    let texts = u32::try_from(report.texts().len().saturating_sub(1)).unwrap_or(0);
    let mut record = segment.record(texts);
    record.set_text(R::NOTES, report.put_notes(note));
    let info = report.put(Sentence { known, name: &name });
    record.set_text(R::INFO, report.with_briefs(info, note));
    record.set_text(R::NAME, report.put(&name));
    record.set_text(R::ROW_NAME, report.put(RowName { row, base: known.meaning.base, name: &row_name }));
    record.set_text(R::CARRIER, report.put(known.carrier));
    record.set_if(R::CGI, report.told(S::BUSINESS_CGI));
    record.set_if(R::CLIENT_VERSION, report.told(S::CLIENT_VERSION));
    record.mark(R::KEY_BACK, report.has_note(SN::SYNCKEY_WENT_BACK));
    record.set(R::ROW, row.into());
    numbers(&mut record, known, segment.first_visit);
    report.set_record(record);
}

/// The numbers of a frame.
fn numbers(record: &mut Record, known: &Known<'_>, first_visit: bool) {
    let (facts, kind) = (&known.facts, known.meaning.kind);
    let answers = facts.back.filter(|_| kind.answers());
    let acknowledges = facts.back.filter(|_| kind == Kind::PushAck);
    record.set(R::OPERATION, known.header.op.into());
    record.set(R::BASE, known.meaning.base.into());
    record.set(R::SEQ, known.header.seq.into());
    record.set(R::PACKET_LEN, known.header.packet_len.into());
    record.set(R::LENGTH, known.end() as u64);
    record.set(R::HEAD_LEN, known.header.head_len.into());
    record.set(R::BODY_LEN, known.header.body(known.end()).len() as u64);
    record.set(R::KIND, kind as u64);
    let sender = match known.meaning.sender {
        None => 0,
        Some(Sender::Client) => SENDER_CLIENT,
        Some(Sender::Server) => SENDER_SERVER,
    };
    record.set(R::SENDER, sender.into());
    record.set_if(R::DELIVERY, annotate::delivery(known).map(|way| way as u64));
    record.set_if(R::PARTNER, facts.back.or(facts.ahead).map(|partner| partner.packet.into()));
    record.set_if(R::RESPONSE_TIME, answers.map(|partner| partner.elapsed as u64));
    record.set_if(R::ACK_TIME, acknowledges.map(|partner| partner.elapsed as u64));
    record.set_if(R::HEARTBEAT_INTERVAL, facts.interval.map(|interval| interval.now as u64));
    record.mark(R::LATER, !first_visit);
    record.mark(R::EXPECTS, facts.opens);
    record.mark(R::MISSES, facts.missing.is_some());
    record.mark(R::INFERRED, facts.inferred.is_some());

    let (mut acknowledged, mut settled) = (i64::from(acknowledges.is_some()), 0i64);
    for (fact, value) in facts.rest() {
        match fact {
            Fact::Retry | Fact::DuplicateRequest => record.mark(R::RETRY, true),
            Fact::RetryOf => record.set(R::RETRY_OF, value as u64),
            Fact::DuplicateOf => record.mark(R::DUPLICATE, true),
            Fact::AckTo => acknowledged = acknowledged.saturating_add(1),
            Fact::AckNotice | Fact::NoticeAck => record.mark(R::INFERRED, true),
            Fact::SyncTime => record.set(R::DELIVERY_TIME, value as u64),
            Fact::NewsTime => record.set(R::NEWS_TIME, value as u64),
            Fact::Inference => settled = settled.saturating_add(value),
            _ => {}
        }
    }
    let asks = matches!(kind, Kind::Request | Kind::HeartbeatRequest);
    let opened = |here: bool| i64::from(here && facts.opens);
    let closed = i64::from(facts.closes && kind.answers());
    let requests = opened(asks).saturating_sub(closed).saturating_sub(settled);
    let pushes = opened(kind == Kind::Push).saturating_sub(acknowledged).saturating_sub(settled);
    record.set(R::ACKNOWLEDGED, acknowledged as u64);
    record.set(R::WAITING_REQUESTS, requests as u64);
    record.set(R::WAITING_PUSHES, pushes as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_row_and_rows_do_not_run_out() {
        let mut rows = Rows::default();
        for row in OPERATIONS {
            rows.learn(row.number);
            assert_eq!(OPERATIONS[rows.find(row.number) as usize].number, row.number);
        }
        let first = OPERATIONS.len() as u32;
        for number in 0..if cfg!(miri) { 100 } else { 10_000 } {
            rows.learn(500_000 + number);
            assert_eq!(rows.find(500_000 + number), (first + number).min(OTHERS));
        }
        assert_eq!(rows.find(500_063), OTHERS - 1);
        assert_eq!(rows.find(500_064), OTHERS);
        assert_eq!(rows.find(499_999), OTHERS);
    }
}
