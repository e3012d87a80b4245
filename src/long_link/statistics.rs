// SPDX-License-Identifier: GPL-2.0-or-later
//! What is made of a record: counters, response times, delays, lines, a dialogue; and what they are called.

use std::ffi::CStr;

use super::annotate::Delivery;
use super::fields::DIRECTIONS;
use super::navigation;
use super::record::{R, ROW_COUNT, delivery, kind, sender};
use crate::kernel::line::{Cell, Column, Lines};
use crate::kernel::protocol::{Dialogue, Sentence, Side};
use crate::kernel::record::View;
use crate::kernel::rows::rows;
use crate::kernel::tick::{Node, Response, ResponseTimes, Sample, Table, Ticks, Tree, part, ranged, top};
use crate::kernel::time::Seconds;
use crate::wechat::operation::{Kind, Sender};

const INTERVAL_RANGES: &[&CStr] =
    &[c"0-29", c"30-59", c"60-119", c"120-179", c"180-239", c"240-299", c"300-359", c"360-599", c"600-"];
const LENGTH_RANGES: &[&CStr] =
    &[c"0-15", c"16", c"17-63", c"64-255", c"256-1023", c"1024-4095", c"4096-16383", c"16384-"];

rows! {
    /// Index of a node in [`NODES`].
    T, NODES: Node {
        FRAMES = top(c"Frames");
        // In the order of `Kind`.
        UNKNOWN = part(T::FRAMES, c"Direction unknown").rare();
        REQUESTS = part(T::FRAMES, c"Requests");
        RESPONSES = part(T::FRAMES, c"Responses");
        PUSHES = part(T::FRAMES, c"Pushes");
        ACKS = part(T::FRAMES, c"Push acknowledgements");
        ONE_WAY = part(T::FRAMES, c"One-way");
        HEARTBEAT_REQUESTS = part(T::FRAMES, c"Heartbeat requests");
        HEARTBEAT_RESPONSES = part(T::FRAMES, c"Heartbeat responses");

        EXCHANGES = top(c"Requests that are to be answered");
        // The filter that finds them knows them after the first pass only, other than this count.
        UNANSWERED = part(T::EXCHANGES, c"Unanswered (wechat.unanswered with -2)");
        PUSHED = top(c"Pushes by acknowledgement").rare();
        ACK_NOT_WANTED = part(T::PUSHED, c"No acknowledgement wanted");
        ACK_WANTED = part(T::PUSHED, c"Acknowledgement wanted");
        UNACKNOWLEDGED = part(T::ACK_WANTED, c"Not acknowledged");

        AGAIN = top(c"Sent again").rare();
        RETRIES = part(T::AGAIN, c"Request again");
        DUPLICATES = part(T::AGAIN, c"Response again");
        INTERVALS = ranged(c"Heartbeat interval (s)", INTERVAL_RANGES).rare();

        LENGTHS = ranged(c"Frame length (bytes)", LENGTH_RANGES);
        BODY_LENGTHS = top(c"Body length (bytes)");
        BYTES = top(c"Bytes of frames");
        // In the order of `wechat.direction`.
        BYTES_UNKNOWN = part(T::BYTES, c"direction unknown").rare();
        BYTES_CLIENT = part(T::BYTES, c"client to server");
        BYTES_SERVER = part(T::BYTES, c"server to client");
    }
}

/// What a record changes in the tree of counters.
fn ticks<'a>(record: View<'a>, ticks: &mut Ticks<'a, '_>) {
    let kind = kind(record);
    let node = T::UNKNOWN.saturating_add(kind as u16);
    ticks.count_named(node, record.c_text(R::ROW_NAME), 1);

    let (is_push, expects) = (kind == Kind::Push, record.has(R::EXPECTS));
    // Afterwards it is known what waits in vain. The first pass counts what opens, and what closes it.
    let missing = i32::from(record.has(R::MISSES));
    let waiting = |place| record.signed(place).and_then(|change| i32::try_from(change).ok()).unwrap_or(0);
    let (requests, pushes) = match record.has(R::LATER) {
        true if is_push => (0, missing),
        true => (missing, 0),
        false => (waiting(R::WAITING_REQUESTS), waiting(R::WAITING_PUSHES)),
    };
    if is_push {
        ticks.count(if expects { T::ACK_WANTED } else { T::ACK_NOT_WANTED }, 1);
    } else if expects {
        ticks.count(T::EXCHANGES, 1);
    }
    ticks.add(T::UNANSWERED, requests);
    ticks.add(T::UNACKNOWLEDGED, pushes);
    if record.has(R::RETRY) {
        ticks.count(T::RETRIES, 1);
    }
    if record.has(R::DUPLICATE) {
        ticks.count(T::DUPLICATES, 1);
    }

    if let Some(interval) = record.signed(R::HEARTBEAT_INTERVAL) {
        ticks.seconds(T::INTERVALS, interval);
    }
    let length = record.small(R::LENGTH);
    ticks.value(T::LENGTHS, length.into());
    ticks.value(T::BODY_LENGTHS, record.small(R::BODY_LEN).into());
    let from = T::BYTES_UNKNOWN.saturating_add(record.small(R::SENDER).min(2) as u16);
    ticks.count(from, i32::try_from(length).unwrap_or(i32::MAX));
}

/// The tree of counters.
pub const TREE: Tree = Tree { title: c"WeChat/Long link", nodes: NODES, ticks };

/// Response times by operation.
pub const RESPONSE_TIMES: ResponseTimes = ResponseTimes {
    title: c"WeChat service response time by operation",
    column: c"Operation",
    rows: ROW_COUNT,
    response: |record| {
        let elapsed = record.signed(R::RESPONSE_TIME)?;
        Some(Response { row: record.small(R::ROW), name: record.c_text(R::ROW_NAME), elapsed })
    },
};

rows! {
    /// Places of the rows of the table of delivery.
    D, DELAYS: &std::ffi::CStr {
        PUSH = c"Push";
        NOTICE_AND_SYNC = c"Notice and sync";
        NEWS = c"News after a send (inference)";
        KEY_BACK = c"SyncKey that went back";
    }
}

/// A delay below zero, of a clock that was set back, says nothing.
fn forward(delay: Option<i64>) -> Option<i64> {
    delay.filter(|delay| *delay >= 0)
}

/// What a record adds to the table of delivery.
fn samples(record: View<'_>, take: &mut dyn FnMut(Sample)) {
    match delivery(record) {
        // A push is the message: there is nothing to wait for.
        Some(Delivery::Push) => take(Sample { row: D::PUSH, delay: None }),
        Some(Delivery::NoticeAndSync) => {
            take(Sample { row: D::NOTICE_AND_SYNC, delay: forward(record.signed(R::DELIVERY_TIME)) });
        }
        None => {}
    }
    if record.has(R::NEWS_TIME) {
        take(Sample { row: D::NEWS, delay: forward(record.signed(R::NEWS_TIME)) });
    }
    if record.has(R::KEY_BACK) {
        take(Sample { row: D::KEY_BACK, delay: None });
    }
}

/// How messages are delivered.
pub const DELIVERY: Table = Table {
    title: c"WeChat delivery of messages",
    command: c"sync",
    columns: [c"Delivery", c"Count", c"Min delay (s)", c"Avg delay (s)", c"Max delay (s)"],
    rows: DELAYS,
    samples,
};

/// The frames, a line each.
pub const LINES: Lines = Lines { title: c"WeChat frames", command: c"frames", columns: COLUMNS, key: None };

/// The columns. Further ones come behind the last.
const COLUMNS: &[Column] = &[
    Column::new(
        "frame",
        Cell::Number(|record| Some(record.packet.into())),
        "number of the packet (Wireshark's frame) in which the frame became whole; several lines may share it",
    ),
    Column::new(
        "stream",
        Cell::Number(|record| Some(record.stream.into())),
        "number of the stream, `wechat.stream`",
    ),
    Column::new("direction", Cell::Word(direction), "`client to server`, `server to client` or `unknown`"),
    Column::new(
        "time",
        Cell::Seconds(|record| Some(record.time.into())),
        "when the packet was captured: seconds since 1970; of any year, negative before 1970",
    ),
    Column::new(
        "operation",
        Cell::Number(|record| record.value(R::OPERATION)),
        "as on the wire; of a response, its request's plus 1000000000",
    ),
    Column::new(
        "name",
        Cell::Text(|record| record.text(R::NAME)),
        "name of the operation, `wechat.op.name`; `a or b` where the number stands for several",
    ),
    Column::new(
        "kind",
        Cell::Word(|record| kind(record).label()),
        "`request`, `response`, `push`, `push acknowledgement`, `one-way`, `heartbeat request`, `heartbeat response` or `unknown`",
    ),
    Column::new("seqid", Cell::Number(|record| record.value(R::SEQ)), "the seqid, `wechat.seq`"),
    Column::new(
        "packet_len",
        Cell::Number(|record| record.value(R::PACKET_LEN)),
        "length of the frame in bytes, as its header says; a note tells where that is wrong",
    ),
    Column::new(
        "head_len",
        Cell::Number(|record| record.value(R::HEAD_LEN)),
        "length of the header in bytes",
    ),
    Column::new("body_len", Cell::Number(|record| record.value(R::BODY_LEN)), "length of the body in bytes"),
    Column::new(
        "partner",
        Cell::Number(|record| record.value(R::PARTNER)),
        "packet with the other frame of the pair; of a request or a push only with `-2`, because it lies ahead",
    ),
    Column::new(
        "response_time",
        Cell::Seconds(|record| time(record, R::RESPONSE_TIME)),
        "on a response: seconds since its request; negative where the clock was set back between",
    ),
    Column::new(
        "ack_time",
        Cell::Seconds(|record| time(record, R::ACK_TIME)),
        "on a push acknowledgement: seconds since the push",
    ),
    Column::new(
        "notes",
        Cell::List(|record| record.text(R::NOTES)),
        "filter names of the notes (expert infos) on the frame",
    ),
    Column::new(
        "src",
        Cell::Address(|record| record.ends[0].address()),
        "address of the packet's sender; `direction` says who is the client",
    ),
    Column::new(
        "src_port",
        Cell::Number(|record| Some(record.ends[0].port.into())),
        "its port; in a proxy's tunnel that of the tunnel's end",
    ),
    Column::new("dst", Cell::Address(|record| record.ends[1].address()), "address of the receiver"),
    Column::new("dst_port", Cell::Number(|record| Some(record.ends[1].port.into())), "its port"),
    Column::new(
        "base_operation",
        Cell::Number(|record| record.value(R::BASE)),
        "the request's operation, on both sides, `wechat.op.base`",
    ),
    Column::new(
        "carrier",
        Cell::Text(|record| record.text(R::CARRIER)),
        "what carries the stream, `wechat.carrier`: `tcp`, `mmtls` or `other`",
    ),
    Column::new(
        "unanswered",
        Cell::Mark(unanswered),
        "only with `-2`, on a request that is to be answered: whether no response was seen, `wechat.unanswered`",
    ),
    Column::new(
        "retry_of",
        Cell::Number(|record| record.value(R::RETRY_OF)),
        "packet that first had the same request, `wechat.retry_of`",
    ),
    Column::new(
        "cgi",
        Cell::Number(|record| record.value(R::CGI)),
        "cgi type in the business header of the body, `wechat.business.cgi`",
    ),
    Column::new(
        "client_version",
        Cell::Number(|record| record.value(R::CLIENT_VERSION)),
        "version of the client that the body names, `wechat.client_version`; 0 in answers",
    ),
    Column::new(
        "delivery",
        Cell::Word(|record| delivery(record).map_or("", Delivery::label)),
        "how news comes in the frame, `wechat.delivery`: `push` or `notice and sync`",
    ),
];

/// Whether a request that is to be answered was not. The first pass does not know.
fn unanswered(record: View<'_>) -> Option<bool> {
    let asks = record.has(R::EXPECTS) || record.has(R::MISSES);
    let known = record.has(R::LATER) && asks && kind(record) != Kind::Push;
    known.then(|| record.has(R::MISSES))
}

fn direction(record: View<'_>) -> &'static str {
    let known = DIRECTIONS.iter().find(|(sender, _)| *sender == record.small(R::SENDER));
    known.and_then(|(_, words)| words.to_str().ok()).unwrap_or("unknown")
}

fn time(record: View<'_>, place: u16) -> Option<Seconds> {
    record.signed(place).map(Seconds::from)
}

/// The frames as a dialogue.
pub const DIALOGUE: Dialogue = Dialogue {
    flow_title: c"WeChat Flows",
    sentence: |record| Sentence {
        line: record.c_text(R::INFO),
        label: record.c_text(R::ROW_NAME),
        side: match sender(record) {
            None => Side::Unknown,
            Some(Sender::Client) => Side::Client,
            Some(Sender::Server) => Side::Server,
        },
        raw: false,
    },
    filter: navigation::stream_filter,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn nodes_stand_behind_what_they_are_a_part_of_and_have_a_name_of_their_own() {
        let names: HashSet<&CStr> = NODES.iter().map(|node| node.name).collect();
        assert_eq!(names.len(), NODES.len());
        for (place, node) in NODES.iter().enumerate() {
            assert!(node.parent.is_none_or(|parent| usize::from(parent) < place), "{node:?}");
        }
        let part_of = |parent| NODES.iter().filter(move |node| node.parent == Some(parent)).count();
        assert_eq!(part_of(T::FRAMES), Kind::ALL.len());
    }
}
