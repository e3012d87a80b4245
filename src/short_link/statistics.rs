// SPDX-License-Identifier: GPL-2.0-or-later
//! What a tap is told of a message, and what is made of that: counters, response times, a line for each call, a
//! dialogue.

use std::ffi::CStr;

use super::annotate::{Known, Sentence, carrier};
use super::calls::{OTHERS, Part, ROW_COUNT};
use super::fields::{CN, NOTES};
use super::navigation;
use crate::kernel::line::{Cell, Column, Fold, Lines};
use crate::kernel::protocol::{self, Dialogue, Side};
use crate::kernel::record::{End, ValueRow, View, duration, mark, number, signed, text};
use crate::kernel::report::Report;
use crate::kernel::rows::{Note, rows};
use crate::kernel::tick::{Node, Response, ResponseTimes, Ticks, Tree, part, ranged, top};
use crate::kernel::time::{MILLISECOND, Seconds};
use crate::wechat::fields::{S, note_row};

rows! {
    /// Places of the values of a record.
    R, VALUES: ValueRow {
        CALL = number(c"call");
        // The client sent it; else the server did.
        REQUEST = mark(c"request");
        // HTTP carries it as it is, not MMTLS.
        PLAIN = mark(c"plain");
        CGI = number(c"cgi");
        CLIENT_VERSION = number(c"client_version");
        BODY_LEN = number(c"body_len");
        // 0 or 1; only of an encrypted body.
        OPENED = number(c"opened");
        // Of an answer.
        RESPONSE_TIME = duration(c"response_time");
        // The packet with the other half. Of a request it lies ahead, and is known on later visits.
        PARTNER = number(c"partner");
        // Row of the name in statistics.
        ROW = number(c"row");
        // By how much the message changes the number of calls that wait for their answer.
        WAITING = signed(c"waiting");
        // Nobody saw its request.
        UNASKED = mark(c"unasked");
        // The packet with the call that this one is again, and whether that has an answer.
        RETRY_OF = number(c"retry_of");
        DUPLICATE = mark(c"duplicate");
        DIFFERS = mark(c"differs");
        URI = text(c"uri");
        NAME = text(c"name");
        HOST = text(c"host");
        ROW_NAME = text(c"row_name");
        // The words in the Info column.
        INFO = text(c"info");
        // Filter names of the notes, apart by commas.
        NOTES = text(c"notes");
    }
}

/// Adds the record of a message to its report, where one is wanted.
pub fn make(report: &mut Report, known: &Known<'_>) {
    if !report.wanted().record || known.event.part == Part::Continuation {
        return;
    }
    let texts = u32::try_from(report.texts().len().saturating_sub(1)).unwrap_or(0);
    let mut record = known.segment.record(texts);
    let (asks, facts) = (known.asks(), known.facts);
    let row = known.call.map_or(OTHERS, |call| call.row);
    record.set(R::CALL, known.event.call.into());
    record.mark(R::REQUEST, asks);
    record.mark(R::PLAIN, known.event.plain);
    record.set_if(R::CGI, report.told(S::BUSINESS_CGI));
    record.set_if(R::CLIENT_VERSION, report.told(S::CLIENT_VERSION).filter(|_| asks));
    record.set(R::BODY_LEN, known.body_len().into());
    record.set_if(R::OPENED, report.told(S::BUSINESS_OPENED));
    record.set_if(R::RESPONSE_TIME, facts.back.map(|back| back.elapsed as u64));
    record.set_if(R::PARTNER, facts.back.map(|back| back.packet).or(facts.ahead).map(u64::from));
    record.set(R::ROW, row.into());
    // Afterwards it is known what waits in vain. The first pass counts what asks, and what answers it.
    let waiting = match (known.later, asks) {
        (true, _) => i64::from(facts.missing.is_some()),
        (false, true) => 1,
        (false, false) => i64::from(facts.back.is_some()).saturating_neg(),
    };
    record.set(R::WAITING, waiting as u64);
    record.mark(R::UNASKED, facts.unasked);
    record.set_if(R::RETRY_OF, facts.retry.map(|retry| retry.packet.into()));
    record.mark(R::DUPLICATE, facts.retry.is_some_and(|retry| retry.answered));
    record.mark(R::DIFFERS, report.has_note(CN::NAME_DIFFERS));
    record.set_text(R::URI, report.put(known.uri()));
    record.set_text(R::NAME, report.put(known.name()));
    record.set_text(R::HOST, report.put(known.host()));
    record.set_text(R::ROW_NAME, report.put(if row == OTHERS { "other calls" } else { known.name() }));
    let info = report.put(Sentence(known));
    record.set_text(R::INFO, report.with_briefs(info, note));
    record.set_text(R::NOTES, report.put_notes(note));
    report.set_record(record);
}

/// The row of a note that a report of ours may have.
fn note(number: u16) -> Option<&'static Note> {
    note_row(NOTES, number)
}

const TIMES: &[&CStr] =
    &[c"0-49", c"50-99", c"100-199", c"200-499", c"500-999", c"1000-4999", c"5000-9999", c"10000-"];
const LENGTHS: &[&CStr] =
    &[c"0-63", c"64-127", c"128-255", c"256-1023", c"1024-4095", c"4096-16383", c"16384-"];

rows! {
    /// Places of the nodes.
    T, NODES: Node {
        CALLS = top(c"Calls");
        IN_MMTLS = part(T::CALLS, c"in MMTLS");
        IN_HTTP = part(T::CALLS, c"in HTTP");
        UNANSWERED = top(c"Calls without a response");
        UNASKED = top(c"Responses without a request").rare();
        AGAIN = top(c"Calls made again").rare();
        RETRIES = part(T::AGAIN, c"before a response");
        DUPLICATES = part(T::AGAIN, c"after a response");
        DIFFERS = top(c"Names of other calls than the cgi type's").rare();
        TIME = ranged(c"Response time (ms)", TIMES).rare();
        REQUESTS = ranged(c"Body of a request (bytes)", LENGTHS).rare();
        RESPONSES = ranged(c"Body of a response (bytes)", LENGTHS).rare();
    }
}

/// What a record changes in the tree of counters.
fn ticks<'a>(record: View<'a>, ticks: &mut Ticks<'a, '_>) {
    let asks = record.has(R::REQUEST);
    if asks {
        let carrier = if record.has(R::PLAIN) { T::IN_HTTP } else { T::IN_MMTLS };
        ticks.count_named(carrier, record.c_text(R::ROW_NAME), 1);
    }
    let waiting = record.signed(R::WAITING).and_then(|waiting| i32::try_from(waiting).ok());
    ticks.count(T::UNANSWERED, waiting.unwrap_or(0));
    ticks.count(T::UNASKED, i32::from(record.has(R::UNASKED)));
    if record.has(R::RETRY_OF) {
        ticks.count(if record.has(R::DUPLICATE) { T::DUPLICATES } else { T::RETRIES }, 1);
    }
    ticks.count(T::DIFFERS, i32::from(record.has(R::DIFFERS)));
    if let Some(elapsed) = record.signed(R::RESPONSE_TIME) {
        ticks.duration(T::TIME, elapsed, MILLISECOND);
    }
    ticks.value(if asks { T::REQUESTS } else { T::RESPONSES }, record.small(R::BODY_LEN).into());
}

/// The tree of counters.
pub const TREE: Tree = Tree { title: c"WeChat/Short link", nodes: NODES, ticks };

/// Response times by call.
pub const RESPONSE_TIMES: ResponseTimes = ResponseTimes {
    title: c"WeChat short link service response time by call",
    column: c"Call",
    rows: ROW_COUNT,
    response: |record| {
        let elapsed = record.signed(R::RESPONSE_TIME)?;
        Some(Response { row: record.small(R::ROW), name: record.c_text(R::ROW_NAME), elapsed })
    },
};

/// The calls, a line each.
pub const LINES: Lines = Lines {
    title: c"WeChat calls of the short link",
    command: c"calls",
    columns: COLUMNS,
    key: Some(|record| record.number(R::CALL)),
};

/// The columns. Further ones come behind the last.
const COLUMNS: &[Column] = &[
    Column::new(
        "call",
        Cell::Number(|record| record.value(R::CALL)),
        "number of the call in the capture, from 0",
    ),
    Column::new(
        "frame",
        Cell::Number(|record| record.has(R::REQUEST).then_some(record.packet.into())),
        "number of the packet with the request; nothing where nobody saw it",
    ),
    Column::new(
        "response_frame",
        Cell::Number(|record| (!record.has(R::REQUEST)).then_some(record.packet.into())),
        "number of the packet with the response; nothing where none was seen",
    ),
    Column::new(
        "stream",
        Cell::Number(|record| Some(record.stream.into())),
        "number of the stream, `wechat_short.stream`",
    ),
    Column::new(
        "carrier",
        Cell::Word(|record| carrier(record.has(R::PLAIN))),
        "`mmtls`, or `http` where the call is the body of HTTP's message itself, `wechat_short.carrier`",
    ),
    Column::new(
        "time",
        Cell::Seconds(|record| Some(record.time.into())),
        "when the packet of the call's first message was captured: seconds since 1970",
    ),
    Column::new("client", Cell::Address(|record| end(record, true).address()), "address of the client"),
    Column::new("client_port", Cell::Number(|record| Some(end(record, true).port.into())), "its port"),
    Column::new("server", Cell::Address(|record| end(record, false).address()), "address of the server"),
    Column::new("server_port", Cell::Number(|record| Some(end(record, false).port.into())), "its port"),
    Column::new("host", Cell::Text(|record| record.text(R::HOST)), "the server's name, `wechat_short.host`"),
    Column::new("uri", Cell::Text(|record| record.text(R::URI)), "path of the call, `wechat_short.uri`"),
    Column::new("name", Cell::Text(|record| record.text(R::NAME)), "last part of that, `wechat_short.name`"),
    Column::new(
        "cgi",
        Cell::Number(|record| record.value(R::CGI)),
        "cgi type in the business header, `wechat.business.cgi`",
    ),
    Column::new(
        "client_version",
        Cell::Number(|record| record.value(R::CLIENT_VERSION)),
        "version of the client, `wechat.client_version`",
    ),
    Column::new(
        "request_len",
        Cell::Number(|record| record.value(R::BODY_LEN).filter(|_| record.has(R::REQUEST))),
        "bytes of the request's body, `wechat_short.body_len`",
    ),
    Column::new(
        "response_len",
        Cell::Number(|record| record.value(R::BODY_LEN).filter(|_| !record.has(R::REQUEST))),
        "bytes of the response's body",
    ),
    Column::new(
        "response_time",
        Cell::Seconds(|record| record.signed(R::RESPONSE_TIME).map(Seconds::from)),
        "seconds from the request to the response, `wechat_short.response_time`",
    ),
    Column::new(
        "retry_of",
        Cell::Number(|record| record.value(R::RETRY_OF)),
        "number of the packet with the same call before, `wechat_short.retry_of`",
    ),
    Column::new(
        "notes",
        Cell::List(|record| record.text(R::NOTES)),
        "filter names of the notes of both; those of what never came need `-2`",
    )
    .fold(Fold::Sum),
    Column::new(
        "opened",
        Cell::Number(|record| record.value(R::OPENED)),
        "how many of the two bodies a key has opened, `wechat.business.opened`; nothing where none is encrypted",
    )
    .fold(Fold::Sum),
];

/// The end that the client is, or the server.
fn end(record: View<'_>, client: bool) -> End {
    let [src, dst] = record.ends;
    if record.has(R::REQUEST) == client { src } else { dst }
}

/// The calls as a dialogue, a stream each.
pub const DIALOGUE: Dialogue = Dialogue {
    flow_title: c"WeChat Short Link Flows",
    sentence: |record| protocol::Sentence {
        line: record.c_text(R::INFO),
        label: record.c_text(R::ROW_NAME),
        side: if record.has(R::REQUEST) { Side::Client } else { Side::Server },
        raw: false,
    },
    filter: navigation::stream_filter,
};
