// SPDX-License-Identifier: GPL-2.0-or-later
//! What is counted of a message, and what it is called.

use std::ffi::CStr;
use std::fmt::{self, Display};

use super::annotate::Known;
use super::call::{self, Answer, Role};
use super::fields::{NOTES, message_type};
use super::members::Sort;
use super::session::{Facts, Gist};
use crate::kernel::line::{Cell, Column, Lines};
use crate::kernel::record::{ValueRow, View, duration, number, signed, text};
use crate::kernel::report::Report;
use crate::kernel::rows::{row_of, rows};
use crate::kernel::segment::Segment;
use crate::kernel::tick::{Node, Ticks, Tree, part, ranged, top};
use crate::kernel::time::{MILLISECOND, SECOND, Seconds};
use crate::wechat::keys::Change;

const HOLDS: &[&CStr] = &[c"0-0", c"1-4", c"5-9", c"10-19", c"20-24", c"25-27", c"28-34", c"35-"];
const DELAYS: &[&CStr] = &[c"0-9", c"10-49", c"50-99", c"100-499", c"500-999", c"1000-"];

rows! {
    /// Places of the nodes.
    T, NODES: Node {
        REQUESTS = top(c"Requests");
        POLLS = top(c"Answers of polls").rare();
        POLL_QUIET = part(T::POLLS, c"Nothing new");
        POLL_NEWS = part(T::POLLS, c"Something new");
        POLL_OVER = part(T::POLLS, c"Session over");
        POLL_BAD = part(T::POLLS, c"Not readable").rare();
        UNFETCHED = top(c"News that nothing fetched");
        HOLD = ranged(c"Poll held for (s)", HOLDS).rare();
        DELAY = ranged(c"From poll to fetch (ms)", DELAYS).rare();
        SYNCS = top(c"Answers of syncs").rare();
        SYNC_FULL = part(T::SYNCS, c"With messages");
        SYNC_EMPTY = part(T::SYNCS, c"Without a message");
        SYNC_MORE = top(c"Syncs with more to fetch").rare();
        MESSAGES = top(c"Messages").rare();
        AGAIN = top(c"Messages that came before").rare();
        SENT = top(c"Messages sent").rare();
        BACK = top(c"Sent messages that came back").rare();
        KEYS = top(c"SyncKeys").rare();
        KEYS_FIRST = part(T::KEYS, c"First of its sort");
        KEYS_GREW = part(T::KEYS, c"Grew");
        KEYS_STAYED = part(T::KEYS, c"Stayed");
        KEYS_BACK = part(T::KEYS, c"Went back");
        FAILED = top(c"Calls that the server refused").rare();
    }
}

/// What a selector announces.
fn news(selector: u32) -> &'static CStr {
    match selector {
        1 => c"selector 1: profile",
        2 => c"selector 2: messages",
        3 => c"selector 3: profile, messages",
        4 => c"selector 4: contacts",
        5 => c"selector 5: profile, contacts",
        6 => c"selector 6: messages, contacts",
        7 => c"selector 7: all of them",
        _ => c"another selector",
    }
}

/// Why a session is over.
fn end(retcode: u32) -> &'static CStr {
    match retcode {
        1100 => c"retcode 1100",
        1101 => c"retcode 1101",
        1102 => c"retcode 1102",
        1203 => c"retcode 1203",
        1205 => c"retcode 1205",
        _ => c"another retcode",
    }
}

rows! {
    /// Places of the values of a record.
    R, VALUES: ValueRow {
        CALL = number(c"call");
        // 0 of a response.
        REQUEST = number(c"request");
        SESSION = number(c"session");
        PARTNER = number(c"partner");
        RESPONSE_TIME = duration(c"response_time");
        // Of the answer of a poll.
        RETCODE = number(c"retcode");
        SELECTOR = number(c"selector");
        RET = number(c"ret");
        // By how much the message changes the number of polls' answers that nothing has fetched.
        UNFETCHED = signed(c"unfetched");
        SINCE_POLL = duration(c"since_poll");
        MESSAGES = number(c"messages");
        // There is more to fetch.
        MORE = number(c"more");
        // Messages that came before, and that the client itself had sent.
        AGAIN = number(c"again");
        BACK = number(c"back");
        SENT = number(c"sent");
        // What became of each SyncKey of the message, in the order of `Sort`: 1 first, 2 grew, 3 stayed, 4 went back.
        KEYS = number(c"synckey");
        KEYS_SECOND = number(c"synckey_2");
        KEYS_THIRD = number(c"synckey_3");
        // Types of messages, and of each how many: 1:2,49:1.
        TYPES = text(c"message_types");
        NOTES = text(c"notes");
    }
}

/// What became of a SyncKey, in the order of the tree's nodes.
const FIRST: u64 = 1;
const GREW: u64 = 2;
const STAYED: u64 = 3;
const WENT_BACK: u64 = 4;

/// Types of messages, and of each how many.
struct Types<'a>(&'a Gist);

impl Display for Types<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut types = self.0.types.iter().enumerate();
        types.try_for_each(|(place, (kind, count))| {
            write!(out, "{}{kind}:{count}", if place == 0 { "" } else { "," })
        })
    }
}

/// Adds the record of a message to its report.
pub fn make(
    report: &mut Report,
    segment: &Segment<'_>,
    call: u8,
    known: &Known<'_>,
    gist: &Gist,
    facts: Facts<'_>,
) {
    let texts = u32::try_from(report.texts().len().saturating_sub(1)).unwrap_or(0);
    let mut record = segment.record(texts);
    let request = known.is_request();
    record.set(R::CALL, call.into());
    record.set(R::REQUEST, request.into());
    record.set_if(R::SESSION, facts.session().map(u64::from));
    if let Some(partner) = facts.partner() {
        record.set(R::PARTNER, partner.packet.into());
        record.set_if(R::RESPONSE_TIME, (!request).then_some(partner.elapsed as u64));
    }
    if !request && known.call.answer == Answer::Poll {
        record.set_if(R::RETCODE, gist.retcode.map(u64::from));
        record.set_if(R::SELECTOR, gist.selector.map(u64::from));
    }
    record.set_if(R::RET, gist.ret.map(|ret| i64::from(ret) as u64));
    // Afterwards it is known what nothing fetched. The first pass counts what waits, and what fetches it.
    let waiting = match facts.is_later() {
        true => i64::from(facts.unfetched().is_some()),
        false => i64::from(facts.announces())
            .saturating_sub(i64::try_from(facts.polls().count()).unwrap_or(i64::MAX)),
    };
    record.set(R::UNFETCHED, waiting as u64);
    record.set_if(R::SINCE_POLL, facts.since_poll().map(|elapsed| elapsed as u64));
    record.set(R::MESSAGES, gist.messages.len() as u64);
    record.set(R::MORE, gist.more.into());
    let also = || gist.messages.iter().map(|id| facts.message(*id));
    record.set(R::AGAIN, also().filter(|also| also.first.is_some()).count() as u64);
    record.set(R::BACK, also().filter(|also| also.send.is_some() && also.first.is_none()).count() as u64);
    record.set(R::SENT, gist.sent.is_some().into());
    for (sort, place) in Sort::ALL.into_iter().zip(R::KEYS..) {
        if gist.keys.get(sort as usize).is_none_or(Option::is_none) {
            continue;
        }
        let became = facts.compared(sort).map_or(FIRST, |compared| {
            let mut changes = compared.growth.changes().peekable();
            match (changes.peek().is_some(), changes.any(|(_, by)| matches!(by, Change::By(..0)))) {
                (_, true) => WENT_BACK,
                (true, _) => GREW,
                (false, _) => STAYED,
            }
        });
        record.set(place, became);
    }
    record.set_text(R::TYPES, report.put(format_args!("{}", Types(gist))));
    record.set_text(R::NOTES, report.put_notes(|note| NOTES.get(row_of(note))));
    report.set_record(record);
}

/// What a record changes in the tree of counters.
fn ticks<'a>(record: View<'a>, ticks: &mut Ticks<'a, '_>) {
    let amount = |place| i32::try_from(record.number(place)).unwrap_or(i32::MAX);
    let request = record.number(R::REQUEST) != 0;
    let call = record.value(R::CALL).and_then(|call| u8::try_from(call).ok()).map(call::row);
    if request && let Some(call) = call {
        ticks.count_named(T::REQUESTS, call.name, 1);
    }
    let poll = !request && call.is_some_and(|call| call.answer == Answer::Poll);
    if poll {
        let small = |place| record.value(place).and_then(|value| u32::try_from(value).ok());
        match (small(R::RETCODE), small(R::SELECTOR)) {
            (Some(0), Some(0)) => ticks.count(T::POLL_QUIET, 1),
            (Some(0), Some(selector)) => ticks.count_named(T::POLL_NEWS, news(selector), 1),
            (Some(retcode), _) if retcode != 0 => ticks.count_named(T::POLL_OVER, end(retcode), 1),
            _ => ticks.count(T::POLL_BAD, 1),
        }
        if let Some(hold) = record.signed(R::RESPONSE_TIME) {
            ticks.duration(T::HOLD, hold, SECOND);
        }
    }
    let waiting = record.signed(R::UNFETCHED).and_then(|waiting| i32::try_from(waiting).ok());
    ticks.count(T::UNFETCHED, waiting.unwrap_or(0));
    if let Some(elapsed) = record.signed(R::SINCE_POLL) {
        ticks.duration(T::DELAY, elapsed, MILLISECOND);
    }
    if !request && call.is_some_and(|call| call.role == Role::Fetch) {
        ticks.count(if record.number(R::MESSAGES) == 0 { T::SYNC_EMPTY } else { T::SYNC_FULL }, 1);
        ticks.count(T::SYNC_MORE, amount(R::MORE));
    }
    for (kind, count) in record.text(R::TYPES).split(',').filter_map(|part| part.split_once(':')) {
        let name = kind.parse().ok().and_then(message_type).unwrap_or(c"another type");
        ticks.count_named(T::MESSAGES, name, count.parse().unwrap_or(i32::MAX));
    }
    ticks.count(T::AGAIN, amount(R::AGAIN));
    ticks.count(T::BACK, amount(R::BACK));
    ticks.count(T::SENT, amount(R::SENT));
    for became in [R::KEYS, R::KEYS_SECOND, R::KEYS_THIRD].map(|place| record.number(place)) {
        match became {
            FIRST => ticks.count(T::KEYS_FIRST, 1),
            GREW => ticks.count(T::KEYS_GREW, 1),
            STAYED => ticks.count(T::KEYS_STAYED, 1),
            WENT_BACK => ticks.count(T::KEYS_BACK, 1),
            _ => {}
        }
    }
    ticks.count(T::FAILED, i32::from(record.number(R::RET) != 0));
}

/// The tree of counters.
pub const TREE: Tree = Tree { title: c"WeChat/Web client", nodes: NODES, ticks };

/// The messages of calls, a line each.
pub const LINES: Lines = Lines { title: c"WeChatWeb calls", command: c"calls", columns: COLUMNS, key: None };

/// The columns. Further ones come behind the last.
const COLUMNS: &[Column] = &[
    Column::new(
        "frame",
        Cell::Number(|record| Some(record.packet.into())),
        "number of the packet (Wireshark's frame) in which the message became whole; several lines may share it",
    ),
    Column::new(
        "stream",
        Cell::Number(|record| Some(record.stream.into())),
        "number of the stream that carries it, `tcp.stream` of TCP's",
    ),
    Column::new(
        "time",
        Cell::Seconds(|record| Some(record.time.into())),
        "when the packet was captured: seconds since 1970; of any year, negative before 1970",
    ),
    Column::new(
        "src",
        Cell::Address(|record| record.ends[0].address()),
        "address of the packet's sender; of a request that is the client",
    ),
    Column::new("src_port", Cell::Number(|record| Some(record.ends[0].port.into())), "its port"),
    Column::new("dst", Cell::Address(|record| record.ends[1].address()), "address of the receiver"),
    Column::new("dst_port", Cell::Number(|record| Some(record.ends[1].port.into())), "its port"),
    Column::new(
        "session",
        Cell::Number(|record| record.value(R::SESSION)),
        "number of the session, `wechat_web.session`",
    ),
    Column::new("call", Cell::Word(call), "the call, `wechat_web.call`; a response has its request's"),
    Column::new("kind", Cell::Word(kind), "`request` or `response`"),
    Column::new(
        "partner",
        Cell::Number(|record| record.value(R::PARTNER)),
        "packet with the other message of the call; of a request only with `-2`, because it lies ahead",
    ),
    Column::new(
        "response_time",
        Cell::Seconds(|record| record.signed(R::RESPONSE_TIME).map(Seconds::from)),
        "on a response: seconds since its request; negative where the clock was set back between",
    ),
    Column::new(
        "retcode",
        Cell::Number(|record| record.value(R::RETCODE)),
        "on the response of a poll, `wechat_web.retcode`",
    ),
    Column::new(
        "selector",
        Cell::Number(|record| record.value(R::SELECTOR)),
        "on the response of a poll: what has news, `wechat_web.selector`",
    ),
    Column::new(
        "ret",
        Cell::Signed(|record| record.signed(R::RET)),
        "on a response: 0 when the call went well, `wechat_web.ret`",
    ),
    Column::new(
        "messages",
        Cell::Number(|record| record.value(R::MESSAGES)),
        "number of the messages that it brings",
    ),
    Column::new(
        "notes",
        Cell::List(|record| record.text(R::NOTES)),
        "filter names of the notes (expert infos) on the message",
    ),
];

fn call(record: View<'_>) -> &'static str {
    let number = u8::try_from(record.number(R::CALL)).unwrap_or(u8::MAX);
    call::row(number).name.to_str().unwrap_or_default()
}

fn kind(record: View<'_>) -> &'static str {
    if record.number(R::REQUEST) != 0 { "request" } else { "response" }
}
