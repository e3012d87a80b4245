// SPDX-License-Identifier: GPL-2.0-or-later
//! What a tap is told of a record, and what is made of that: counters, a line for each session, a dialogue.

use super::annotate::{Known, What};
use super::fields::{NOTES, TYPES};
use super::navigation;
use super::record::kind;
use super::session::Flow;
use crate::kernel::line::{Cell, Column, Fold, Lines};
use crate::kernel::protocol::{Dialogue, Sentence, Side};
use crate::kernel::record::{End, ValueRow, View, duration, mark, number, text};
use crate::kernel::report::Report;
use crate::kernel::rows::{Note, name_of, rows};
use crate::kernel::tick::{Node, Ticks, Tree, part, top};
use crate::kernel::time::Seconds;
use crate::wechat::fields::note_row;
use crate::wechat::operation::Sender;

rows! {
    /// Places of the values of a record.
    R, VALUES: ValueRow {
        SESSION = number(c"session");
        // How its session begins, in the order of `Flow::ALL`.
        FLOW = number(c"flow");
        // By how the record changes the number of sessions of a flow: one more, and one less. A session is counted
        // with its first record. What the first pass learns behind that moves it; on later visits its flow is known.
        FLOW_IN = number(c"flow_in");
        FLOW_OUT = number(c"flow_out");
        IN_HTTP = mark(c"in_http");
        // 1 client, 2 server.
        SENDER = number(c"sender");
        TYPE = number(c"type");
        VERSION = number(c"version");
        SEQ = number(c"seq");
        // Bytes of the record, its header included.
        LENGTH = number(c"length");
        // 0 or 1; only of an encrypted record.
        OPENED = number(c"opened");
        // What opened it, or why it stays closed, in the order of their words.
        KEY_SOURCE = number(c"key_source");
        WHY_CLOSED = number(c"why_closed");
        PLAIN_LEN = number(c"plain_len");
        // Of the session's hello.
        CLOCK_OFFSET = duration(c"clock_offset");
        TICKET = text(c"ticket");
        // The words in the Info column.
        INFO = text(c"info");
        // Filter names of the notes, apart by commas.
        NOTES = text(c"notes");
    }
}

const CLIENT: u64 = 1;
const SERVER: u64 = 2;

/// Adds the record of a record to its report, where one is wanted.
///
/// `source` is that of data that a key has opened.
pub fn make(report: &mut Report, known: &Known<'_>, source: Option<u16>, what: &What<'_>) {
    if !report.wanted().record {
        return;
    }
    let (header, event, session) = (known.header, known.event, known.session());
    let texts = u32::try_from(report.texts().len().saturating_sub(1)).unwrap_or(0);
    let mut record = known.segment.record(texts);
    record.set(R::SESSION, event.session.into());
    record.set(R::FLOW, known.flow() as u64);
    let (more, less) = match (event.flow, known.later) {
        (Some((before, flow)), false) => (Some(flow), before),
        (Some((None, _)), true) => (Some(known.flow()), None),
        _ => (None, None),
    };
    record.set_if(R::FLOW_IN, more.map(|flow| flow as u64));
    record.set_if(R::FLOW_OUT, less.map(|flow| flow as u64));
    record.mark(R::IN_HTTP, session.is_some_and(|session| session.in_http));
    let sender = event.sender.map(|sender| if sender == Sender::Client { CLIENT } else { SERVER });
    record.set_if(R::SENDER, sender);
    record.set(R::TYPE, header.kind.into());
    record.set(R::VERSION, header.version.into());
    record.set_if(R::SEQ, event.seq.map(u64::from));
    record.set(R::LENGTH, known.extent as u64);
    if !known.is_clear() {
        record.set(R::OPENED, known.plain.is_some().into());
        record.set_if(R::KEY_SOURCE, event.opening.map(|opening| opening.source as u64));
        record.set_if(R::WHY_CLOSED, event.closed.map(|why| why as u64));
    }
    record.set_if(R::PLAIN_LEN, known.plain.as_ref().map(|plain| plain.len() as u64));
    record.source = source;
    let offset = session.and_then(|session| session.hello.as_ref()?.clock_offset);
    record.set_if(R::CLOCK_OFFSET, offset.map(|offset| offset as u64));
    if let Some(ticket) = known.offered() {
        record.set_text(R::TICKET, report.put(&*ticket.shown(&known.settings.shared)));
    }
    let info = report.put(format_args!("{what}"));
    record.set_text(R::INFO, report.with_briefs(info, note));
    record.set_text(R::NOTES, report.put_notes(note));
    report.set_record(record);
}

/// The row of a note that a report of ours may have.
fn note(number: u16) -> Option<&'static Note> {
    note_row(NOTES, number)
}

rows! {
    /// Places of the nodes.
    T, NODES: Node {
        SESSIONS = top(c"Sessions");
        // In the order of `Flow::ALL`.
        FLOW_UNKNOWN = part(T::SESSIONS, c"unknown");
        FLOW_FULL = part(T::SESSIONS, c"full");
        FLOW_RESUMED = part(T::SESSIONS, c"resumed");
        FLOW_EARLY = part(T::SESSIONS, c"0-RTT");
        FLOW_REFUSED = part(T::SESSIONS, c"refused");

        RECORDS = top(c"Records");
        HANDSHAKES = part(T::RECORDS, c"Handshake");
        EARLY = part(T::RECORDS, c"Handshake with early data");
        DATA = part(T::RECORDS, c"Data");
        ALERTS = part(T::RECORDS, c"Alert");
        OTHERS = part(T::RECORDS, c"Another type").rare();

        ENCRYPTED = top(c"Encrypted records");
        OPENED = part(T::ENCRYPTED, c"Opened");
        // In the order of `Source::ALL`.
        LINE = part(T::OPENED, c"line").rare();
        SAME_DIRECTION = part(T::OPENED, c"same direction").rare();
        SECRET = part(T::OPENED, c"secret").rare();
        COMMENT = part(T::OPENED, c"comment").rare();
        CLOSED = part(T::ENCRYPTED, c"Closed");
        // In the order of `Closed::ALL`.
        NO_KEY_LOG = part(T::CLOSED, c"no key log").rare();
        NO_LINE = part(T::CLOSED, c"no line").rare();
        KEY_LATER = part(T::CLOSED, c"key came later").rare();
        TAG = part(T::CLOSED, c"tag").rare();
        CUT = part(T::CLOSED, c"cut").rare();
        SEQUENCE = part(T::CLOSED, c"sequence unknown").rare();

        BYTES = top(c"Bytes of records");
        // In the order of `R::SENDER`.
        BYTES_UNKNOWN = part(T::BYTES, c"direction unknown").rare();
        BYTES_CLIENT = part(T::BYTES, c"client to server");
        BYTES_SERVER = part(T::BYTES, c"server to client");
        PLAIN_BYTES = top(c"Bytes opened").rare();
    }
}

/// The node that a value says, behind the first of several.
fn node(first: u16, last: u16, value: u64) -> u16 {
    first.saturating_add(u16::try_from(value).unwrap_or(u16::MAX)).min(last)
}

/// What a record changes in the tree of counters.
fn ticks<'a>(record: View<'a>, ticks: &mut Ticks<'a, '_>) {
    let amount = |place| i32::try_from(record.number(place)).unwrap_or(i32::MAX);
    let flow = |flow| node(T::FLOW_UNKNOWN, T::FLOW_REFUSED, flow);
    if let Some(more) = record.value(R::FLOW_IN) {
        ticks.count(flow(more), 1);
    }
    if let Some(less) = record.value(R::FLOW_OUT) {
        ticks.count(flow(less), -1);
    }
    let of_type = match u8::try_from(record.number(R::TYPE)) {
        Ok(kind::HANDSHAKE) => T::HANDSHAKES,
        Ok(kind::EARLY) => T::EARLY,
        Ok(kind::DATA) => T::DATA,
        Ok(kind::ALERT) => T::ALERTS,
        _ => T::OTHERS,
    };
    ticks.count(of_type, 1);
    let opened = record.value(R::KEY_SOURCE).map(|source| node(T::LINE, T::COMMENT, source));
    let closed = record.value(R::WHY_CLOSED).map(|why| node(T::NO_KEY_LOG, T::SEQUENCE, why));
    match record.value(R::OPENED) {
        None => {}
        Some(0) => ticks.count(closed.unwrap_or(T::CLOSED), 1),
        Some(_) => ticks.count(opened.unwrap_or(T::OPENED), 1),
    }
    ticks.count(node(T::BYTES_UNKNOWN, T::BYTES_SERVER, record.number(R::SENDER)), amount(R::LENGTH));
    ticks.count(T::PLAIN_BYTES, amount(R::PLAIN_LEN));
}

/// The tree of counters.
pub const TREE: Tree = Tree { title: c"WeChat/MMTLS", nodes: NODES, ticks };

/// The sessions, a line each.
pub const LINES: Lines = Lines {
    title: c"MMTLS sessions",
    command: c"sessions",
    columns: COLUMNS,
    key: Some(|record| record.number(R::SESSION)),
};

/// The columns. Further ones come behind the last.
const COLUMNS: &[Column] = &[
    Column::new(
        "session",
        Cell::Number(|record| record.value(R::SESSION)),
        "number of the session, `mmtls.session`",
    ),
    Column::new("first_frame", Cell::Number(packet), "number of the packet with its first record"),
    Column::new("last_frame", Cell::Number(packet), "and with its last").fold(Fold::Last),
    Column::new(
        "stream",
        Cell::Number(|record| Some(record.stream.into())),
        "number of the stream that carries it, `tcp.stream` of TCP's; several sessions may share it",
    ),
    Column::new(
        "carrier",
        Cell::Word(|record| if record.has(R::IN_HTTP) { "http" } else { "tcp" }),
        "`tcp`, or `http` where it lies in the bodies of a POST and its answer",
    ),
    Column::new(
        "client",
        Cell::Address(|record| end(record, CLIENT)?.address()),
        "address of the client; nothing where nobody knows which end that is",
    )
    .fold(Fold::Last),
    Column::new(
        "client_port",
        Cell::Number(|record| end(record, CLIENT).map(|end| end.port.into())),
        "its port",
    )
    .fold(Fold::Last),
    Column::new("server", Cell::Address(|record| end(record, SERVER)?.address()), "address of the server")
        .fold(Fold::Last),
    Column::new(
        "server_port",
        Cell::Number(|record| end(record, SERVER).map(|end| end.port.into())),
        "its port",
    )
    .fold(Fold::Last),
    Column::new(
        "flow",
        Cell::Word(flow),
        "how it begins, `mmtls.flow`: `full`, `resumed`, `0-RTT`, `refused` or `unknown`",
    )
    .fold(Fold::Last),
    Column::new(
        "version",
        Cell::Number(|record| record.value(R::VERSION)),
        "version of its first record, `mmtls.version`: 61699 is F103, 61700 F104",
    ),
    Column::new(
        "ticket",
        Cell::Text(|record| record.text(R::TICKET)),
        "the first ticket that the client offers, `mmtls.ticket.id`: a hash, the same in every run with `wechat.hash_key`",
    ),
    Column::new("ticket_uses", Cell::Alike("ticket"), "how many of the lines have this ticket"),
    Column::new("records", Cell::Number(|_| Some(1)), "number of its records").fold(Fold::Sum),
    Column::new(
        "opened",
        Cell::Number(|record| Some(record.number(R::OPENED))),
        "number of those that a key has opened, `mmtls.opened`",
    )
    .fold(Fold::Sum),
    Column::new(
        "bytes",
        Cell::Number(|record| record.value(R::LENGTH)),
        "bytes of its records, their headers included",
    )
    .fold(Fold::Sum),
    Column::new(
        "clock_offset",
        Cell::Seconds(|record| record.signed(R::CLOCK_OFFSET).map(Seconds::from)),
        "the client's clock less the capture's, `mmtls.clock_offset`",
    ),
    Column::new(
        "duration",
        Cell::Seconds(|record| Some(record.time.into())),
        "seconds from the first record to the last; negative where the clock was set back between",
    )
    .fold(Fold::Span),
    Column::new(
        "time",
        Cell::Seconds(|record| Some(record.time.into())),
        "when the packet of the first record was captured: seconds since 1970",
    ),
    Column::new(
        "closed",
        Cell::Number(|record| Some((record.value(R::OPENED) == Some(0)).into())),
        "number of its records that stay closed",
    )
    .fold(Fold::Sum),
    Column::new(
        "plain_bytes",
        Cell::Number(|record| Some(record.number(R::PLAIN_LEN))),
        "bytes that keys have opened, `mmtls.plain_len`",
    )
    .fold(Fold::Sum),
];

fn packet(record: View<'_>) -> Option<u64> {
    Some(record.packet.into())
}

fn flow(record: View<'_>) -> &'static str {
    Flow::ALL.get(record.number(R::FLOW) as usize).map_or("", |flow| flow.words())
}

/// The end that the client is, or the server.
fn end(record: View<'_>, of: u64) -> Option<End> {
    let [src, dst] = record.ends;
    let sender = record.value(R::SENDER)?;
    Some(if sender == of { src } else { dst })
}

/// The records as a dialogue, a session each.
pub const DIALOGUE: Dialogue = Dialogue {
    flow_title: c"MMTLS Flows",
    sentence: |record| Sentence {
        line: record.c_text(R::INFO),
        label: name_of(TYPES, record.small(R::TYPE)).unwrap_or(c"Record"),
        side: match record.number(R::SENDER) {
            CLIENT => Side::Client,
            SERVER => Side::Server,
            _ => Side::Unknown,
        },
        raw: true,
    },
    filter: navigation::session_filter,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmtls::keys::Closed;
    use crate::mmtls::keys::Source;

    #[test]
    fn nodes_are_called_as_the_fields_say() {
        let names = |first: u16| NODES[usize::from(first)..].iter().map(|node| node.name.to_str().unwrap());
        assert!(names(T::FLOW_UNKNOWN).zip(Flow::ALL).all(|(name, flow)| name == flow.words()));
        assert!(names(T::LINE).zip(Source::ALL).all(|(name, source)| name == source.words()));
        assert!(names(T::NO_KEY_LOG).zip(Closed::ALL).all(|(name, why)| name == why.words()));
        assert_eq!(T::FLOW_REFUSED - T::FLOW_UNKNOWN, Flow::ALL.len() as u16 - 1);
        assert_eq!(T::COMMENT - T::LINE, Source::ALL.len() as u16 - 1);
        assert_eq!(T::SEQUENCE - T::NO_KEY_LOG, Closed::ALL.len() as u16 - 1);
        assert_eq!(
            [0, 3, 4, u64::MAX].map(|value| node(T::LINE, T::COMMENT, value)),
            [T::LINE, T::COMMENT, T::COMMENT, T::COMMENT]
        );
    }
}
