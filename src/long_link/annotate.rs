// SPDX-License-Identifier: GPL-2.0-or-later
//! Frame and exchange to report: what a user sees of a PDU.

use std::fmt;
use std::ops::Range;

use super::body;
use super::fields::{F, N, TABLE};
use super::frame::{HEADER_LEN, Header, SEQ_HEARTBEAT, SEQ_IDENTIFY, SEQ_PUSH, VERSION, at};
use super::session::{AckRule, Fact, Facts, Interval};
use super::settings::Settings;
use crate::kernel::framing::{self, Skipped, Why};
use crate::kernel::place::Partner;
use crate::kernel::report::{CAME_IN, HandOff, Piece, Report, Wanted, Words};
use crate::kernel::rows::number_of;
use crate::kernel::time::{Elapsed, LastPacket, Seconds};
use crate::wechat::fields::{FIELDS, S};
use crate::wechat::opening::body::Body;
use crate::wechat::operation::{self, Kind, Layout, Meaning, Operation, Sender, Sync};

/// A frame and everything that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its header.
    pub header: Header,
    /// What was captured of it.
    pub data: &'a [u8],
    /// Its bytes in the packet, captured or not.
    pub extent: usize,
    /// What it is.
    pub meaning: Meaning,
    /// How its body is laid out.
    pub layout: Layout,
    /// Number of its stream, as the host shows it.
    pub stream: u32,
    /// What the session knows.
    pub facts: Facts<'a>,
    /// The body of the business packet in it, where a key was tried.
    pub opened: Option<&'a Body>,
    /// What carries the stream.
    pub carrier: &'static str,
    /// It is the first that several rows of the user's table name, of which the last counts.
    pub named_twice: bool,
    /// The packet length is not to be believed: the frame ends at `extent`.
    pub wrong_length: bool,
}

impl Known<'_> {
    /// Where the frame ends, by its length or, when that is wrong, by what was found.
    pub fn end(&self) -> usize {
        self.header.end(self.extent, self.wrong_length)
    }
}

/// The table in which others register for the body of an operation.
pub const BODY_TABLE: u16 = number_of(TABLE, 0);

/// The fields that only bodies have.
fn in_bodies() -> impl Iterator<Item = u16> {
    (0..).map_while(|row| FIELDS.get(usize::from(row)).map(|_| row)).chain(F::PUSH_FLAGS..F::SKIPPED)
}

/// Whether what is in a body is to be read, whoever looks at its items.
fn reads_body(wanted: Wanted<'_>, known: &Known<'_>) -> bool {
    let Wanted { columns, record, inside, objects, .. } = wanted;
    let is_open = known.opened.is_some_and(|body| body.opened.is_ok());
    // A note on a body is told in the record and the Info column too. A packet that nobody opened has none.
    let may_be_wrong = known.layout != Layout::Business || known.opened.is_some();
    record || columns && may_be_wrong || objects || inside && is_open
}

/// Whether there are to be items of what is in bodies.
fn wants_bodies(report: &Report) -> bool {
    let wanted = report.wanted();
    wanted.items && (wanted.fields.is_none() || in_bodies().any(|field| report.wants(field)))
}

/// Shows a frame.
pub fn frame(report: &mut Report, known: &Known<'_>, settings: &Settings) {
    let Wanted { items, columns, inside, .. } = report.wanted();
    // Notes, which are there in any case, name no operation.
    let name = if items || columns { Name::of(known, settings) } else { Name::none(known.meaning) };
    let sentence = Sentence { known, name: &name };
    report.set_info(sentence);
    let body = known.header.body(known.end());
    report.subtree(F::WECHAT, 0..known.extent, Line(sentence), |report| {
        header(report, known, &name, settings);
        if items {
            generated(report, known, &name, body.len());
        }
        links(report, known);
        missing(report, known);
        remarks(report, known);
        if items {
            sync(report, known);
        }
        let reads = reads_body(report.wanted(), known);
        if !body.is_empty() && (items || reads) {
            show_body(report, known, settings, body.clone(), reads);
        }
    });
    if inside && body.start < known.data.len() && !body.is_empty() {
        report.hand_off(HandOff {
            table: BODY_TABLE,
            key: known.header.op,
            source: CAME_IN,
            start: body.start,
            length: body.len(),
            piece: Piece::Whole { part: 0 },
            inner: None,
            words: 0,
            instead: report.place_of(S::UNDECODED, &body),
        });
    }
}

/// Shows a body; what is in it only if it is to be read, or somebody looks.
fn show_body(report: &mut Report, known: &Known<'_>, settings: &Settings, body: Range<usize>, reads: bool) {
    let mut length = itoa::Buffer::new();
    let words = [" (", length.format(body.len()), " bytes)"];
    report.subtree(F::BODY, body.clone(), words, |report| {
        // A body whose end is not known has no layout to be held to.
        if !known.wrong_length && (reads || wants_bodies(report)) {
            let context = body::Context {
                meaning: known.meaning,
                growth: known.facts.growth,
                shared: &settings.shared,
                opened: known.opened,
            };
            body::show(report, known.data, body.clone(), known.layout, context);
        }
    });
}

fn header(report: &mut Report, known: &Known<'_>, name: &Name<'_>, settings: &Settings) {
    let Header { packet_len, head_len, version, op, seq } = known.header;
    let extent = known.extent;

    report.wire(F::PACKET_LEN, at::PACKET_LEN);
    if (packet_len as usize) < HEADER_LEN {
        let words = format_args!("packet length {packet_len} is below 16, the length of a header");
        report.note(N::PACKET_LEN_SHORT, at::PACKET_LEN, words);
    } else if packet_len > settings.limit {
        let words = format_args!(
            "packet length {packet_len} is beyond the largest frame accepted, {}",
            settings.limit
        );
        report.note(N::PACKET_LEN_BEYOND_LIMIT, at::PACKET_LEN, words);
    } else if known.wrong_length {
        let words =
            format_args!("packet length {packet_len}, but the next frame begins after {extent} bytes");
        report.note(N::PACKET_LEN_WRONG, at::PACKET_LEN, words);
    }

    report.wire(F::HEAD_LEN, at::HEAD_LEN);
    if usize::from(head_len) < HEADER_LEN {
        report.note(N::HEAD_LEN_SHORT, at::HEAD_LEN, format_args!("head length {head_len} is below 16"));
    } else if usize::from(head_len) > known.end() {
        let words = format_args!("head length {head_len} is above the packet length {packet_len}");
        report.note(N::HEAD_LEN_BEYOND, at::HEAD_LEN, words);
    }

    report.wire(F::VERSION, at::VERSION);
    if version != VERSION {
        report.note(N::VERSION_UNKNOWN, at::VERSION, format_args!("version {version}, where 1 is known"));
    }

    match name.first() {
        "" => report.wire(F::OP, at::OP),
        _ => report.wire_labelled(F::OP, at::OP, (", ", name)),
    }
    if known.named_twice {
        let words = format_args!(
            "the user's table names operation {} more than once: the last row counts",
            known.meaning.base
        );
        report.note(N::NAMED_TWICE, at::OP, words);
    }
    if let (Some(back), Some(back_op)) = (known.facts.back, known.facts.back_op)
        && known.meaning.kind.answers()
        && !operation::answers(op, back_op)
    {
        let words = format_args!("operation {op} answers operation {back_op} in packet {}", back.packet);
        report.note(N::OP_MISMATCH, at::OP, words);
    }

    let special = match seq {
        SEQ_PUSH => " (push)",
        SEQ_IDENTIFY => " (identify)",
        SEQ_HEARTBEAT => " (heartbeat)",
        _ => "",
    };
    report.wire_labelled(F::SEQ, at::SEQ, special);
    if known.meaning.kind == Kind::Push && seq != SEQ_PUSH {
        report.note(N::PUSH_WITH_SEQ, at::SEQ, format_args!("a push with seqid {seq}, where 0 is known"));
    }

    let extra = known.header.extra(known.end());
    if !extra.is_empty() {
        report.wire(F::HEAD_EXTRA, extra);
    }
    if !known.wrong_length && packet_len as usize > extent {
        let words = format_args!("the frame has {packet_len} bytes, {extent} of them are here");
        report.note(N::TRUNCATED, 0..extent, words);
    }
    if known.data.len() < extent {
        let words = format_args!("{} of {extent} bytes were captured", known.data.len());
        report.note(N::NOT_CAPTURED, 0..extent, words);
    }
}

/// What follows from header and direction.
fn generated(report: &mut Report, known: &Known<'_>, name: &Name<'_>, body_len: usize) {
    report.text_value(F::KIND, at::OP, known.meaning.kind.label());
    report.generated_labelled(F::OP_BASE, at::OP, known.meaning.base.into(), Here(name));
    if !name.first().is_empty() {
        report.text_value(F::OP_NAME, at::OP, name);
    }
    report.generated(F::STREAM, at::OP, known.stream.into());
    report.text_value(F::CARRIER, at::OP, known.carrier);
    report.generated(F::BODY_LEN, at::PACKET_LEN, body_len as u64);
    match known.meaning.sender {
        Some(Sender::Client) => report.generated(F::DIRECTION, at::OP, 1),
        Some(Sender::Server) => report.generated(F::DIRECTION, at::OP, 2),
        None => {}
    }
}

/// The other frame of a pair. The time stands with the later frame only, so that one exchange is
/// one value in a filter or a plot.
fn links(report: &mut Report, known: &Known<'_>) {
    let Facts { back, ahead, ack_rule, open, interval, .. } = known.facts;
    let (is_ack, is_push) = (known.meaning.kind == Kind::PushAck, known.meaning.kind == Kind::Push);
    if let Some(Partner { packet, elapsed }) = back {
        let (link, time) = if is_ack { (F::ACK_TO, F::ACK_TIME) } else { (F::RESPONSE_TO, F::RESPONSE_TIME) };
        report.generated(link, at::SEQ, packet.into());
        report.generated(time, at::SEQ, elapsed as u64);
    }
    if let Some(rule) = ack_rule {
        let words = match rule {
            AckRule::ElapsedTime => "elapsed time",
            AckRule::OldestOpen => "oldest open push",
        };
        report.text_value(F::ACK_RULE, at::SEQ, words);
    }
    if let Some(Partner { packet, .. }) = ahead {
        report.generated(if is_push { F::PUSH_ACK_IN } else { F::RESPONSE_IN }, at::SEQ, packet.into());
    }
    if let Some(open) = open {
        report.generated(F::OPEN_REQUESTS, at::SEQ, open.into());
    }
    if let Some(interval) = interval {
        report.generated(F::HEARTBEAT_INTERVAL, at::SEQ, interval.now as u64);
        report.generated(F::HEARTBEAT_AFTER, at::SEQ, interval.after.into());
        if let Interval { now, before: Some(before), .. } = interval
            && interval.is_irregular()
        {
            let (now, before) = (Seconds::from(now), Seconds::from(before));
            let words = format_args!("heartbeat after {now:.1} s, the one before after {before:.1} s");
            report.note(N::HEARTBEAT_IRREGULAR, at::SEQ, words);
        }
    }
    if let Some(next) = known.facts.next_heartbeat {
        report.generated(F::HEARTBEAT_NEXT, at::SEQ, next.into());
    }
}

/// The answer or acknowledgement that never came, or what probably was one.
fn missing(report: &mut Report, known: &Known<'_>) {
    let is_push = known.meaning.kind == Kind::Push;
    if let Some(packet) = known.facts.inferred {
        let link = if is_push { F::PUSH_ACK_INFERRED_IN } else { F::ACK_INFERRED_TO };
        report.inferred(link, at::SEQ, packet.into());
    }
    let Some(missing) = known.facts.missing else { return };
    report.generated(if is_push { F::PUSH_UNACKNOWLEDGED } else { F::UNANSWERED }, at::SEQ, 1);
    // Then the note that says so is enough.
    if missing.superseded {
        return;
    }
    let (soon, what) = (missing.is_soon(), if is_push { "acknowledgement" } else { "response" });
    let note = match (is_push, soon) {
        (true, true) => N::PUSH_NO_ACK_YET,
        (true, false) => N::PUSH_NO_ACK,
        (false, true) => N::NO_RESPONSE_YET,
        (false, false) => N::NO_RESPONSE,
    };
    report.note(note, at::SEQ, format_args!("no {what} seen; {}", LastPacket(missing.until_end)));
}

/// More of one kind than anybody wants to read; those behind them are not shown.
const MOST_REMARKS: usize = 1000;

/// What is known of few frames only.
fn remarks(report: &mut Report, known: &Known<'_>) {
    let seq = known.header.seq;
    for (fact, value) in known.facts.rest().take(MOST_REMARKS) {
        let note = |report: &mut Report, note, words: fmt::Arguments<'_>| report.note(note, at::SEQ, words);
        let number = value as u64;
        match fact {
            Fact::SupersededIn => {
                report.generated(F::SUPERSEDED_IN, at::SEQ, number);
                let words = format_args!("packet {value} asks the same again before an answer was seen");
                note(report, N::SUPERSEDED, words);
            }
            Fact::Retry => note(report, N::RETRY, format_args!("the same request again, before an answer")),
            Fact::DuplicateRequest => {
                note(report, N::DUPLICATE_REQUEST, format_args!("the same request again, after its answer"));
            }
            Fact::SeqInUse => {
                note(
                    report,
                    N::SEQ_IN_USE,
                    format_args!("a request of operation {value} has seqid {seq} and is open"),
                );
            }
            Fact::DuplicateOf => {
                report.generated(F::DUPLICATE_OF, at::SEQ, number);
                note(report, N::DUPLICATE_RESPONSE, format_args!("packet {value} has answered the request"));
            }
            Fact::NoRequest => {
                note(report, N::NO_REQUEST, format_args!("no open request with seqid {seq} was seen"));
            }
            Fact::NoPush => {
                note(
                    report,
                    N::ACK_NO_PUSH,
                    format_args!("no push was seen that waits for an acknowledgement"),
                );
            }
            Fact::SeqGap => {
                let between = i64::from(seq).saturating_sub(value).saturating_sub(1);
                note(report, N::SEQ_GAP, format_args!("seqid {seq} after {value}: {between} left out"));
            }
            Fact::SeqRestart => {
                note(report, N::SEQ_RESTART, format_args!("seqid 1 after {value}: the client counts anew"));
            }
            Fact::SeqBack => {
                note(report, N::SEQ_BACK, format_args!("seqid goes back: {seq} comes after {value}"))
            }
            Fact::LateStart => {
                note(
                    report,
                    N::LATE_START,
                    format_args!("the first seqid seen is {seq}: earlier requests are not in this stream"),
                );
            }
            Fact::AckNotice => report.inferred(F::ACK_INFERRED_TO, at::SEQ, number),
            Fact::NoticeAck => report.inferred(F::PUSH_ACK_INFERRED_IN, at::SEQ, number),
            Fact::NewsSend => report.inferred(F::NEWS_SEND, at::SEQ, number),
            Fact::NewsTime => report.inferred(F::NEWS_TIME, at::SEQ, number),
            Fact::SendNews => report.inferred(F::SEND_NEWS_IN, at::SEQ, number),
            // It is for statistics: what comes of it is shown where it is known for good.
            Fact::Inference => {}
            Fact::Supersedes => report.generated(F::SUPERSEDES, at::SEQ, number),
            Fact::RetryOf => report.generated(F::RETRY_OF, at::SEQ, number),
            Fact::RetriedIn => report.generated(F::RETRIED_IN, at::SEQ, number),
            Fact::DuplicateIn => report.generated(F::DUPLICATE_IN, at::SEQ, number),
            Fact::AckTo => report.generated(F::ACK_TO, at::SEQ, number),
            Fact::Attempt => report.generated(F::ATTEMPT, at::SEQ, number),
            Fact::AttemptAfter => report.generated(F::ATTEMPT_AFTER, at::SEQ, number),
            Fact::AttemptNext => report.generated(F::ATTEMPT_NEXT, at::SEQ, number),
            Fact::NoticeSyncIn => report.generated(F::NOTICE_SYNC_IN, at::SEQ, number),
            Fact::NoticeMessageIn => report.generated(F::NOTICE_MESSAGE_IN, at::SEQ, number),
            Fact::SyncNotice => report.generated(F::SYNC_NOTICE, at::SEQ, number),
            Fact::SyncTime => report.generated(F::SYNC_TIME, at::SEQ, number),
            Fact::KeyPrevious => report.generated(S::SYNCKEY_PREVIOUS, at::SEQ, number),
            Fact::KeyNext => report.generated(S::SYNCKEY_NEXT, at::SEQ, number),
        }
    }
}

/// How news comes to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Delivery {
    /// The server sends it unasked.
    Push = 1,
    /// The server says that there is some, and the client fetches it.
    NoticeAndSync,
}

impl Delivery {
    /// The value of `wechat.delivery`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::NoticeAndSync => "notice and sync",
        }
    }
}

/// How news comes in this frame, if it does.
pub fn delivery(known: &Known<'_>) -> Option<Delivery> {
    match known.meaning.kind {
        Kind::Push if operation::sync(known.meaning) == Sync::Message => Some(Delivery::Push),
        _ if known.facts.value(Fact::SyncTime).is_some() => Some(Delivery::NoticeAndSync),
        _ => None,
    }
}

fn sync(report: &mut Report, known: &Known<'_>) {
    if let Some(way) = delivery(known) {
        report.text_value(F::DELIVERY, at::OP, way.label());
    }
}

/// The words of bytes in which no frame is shown.
const SKIPPED: Skipped = Skipped {
    own: F::WECHAT,
    pdu: "frame",
    skipped: F::SKIPPED,
    continuation: F::CONTINUATION,
    proxy: F::PROXY,
    resynchronised: N::RESYNCHRONISED,
    out_of_step: N::OUT_OF_STEP,
    truncated: N::TRUNCATED,
    segment_missing: N::SEGMENT_MISSING,
    seen_before: N::SEEN_BEFORE,
    not_captured: N::NOT_CAPTURED,
};

/// Shows bytes in which no frame is shown; `data` is what was captured of `length`.
pub fn skipped(report: &mut Report, data: &[u8], length: usize, why: Why) {
    framing::skipped::<Header>(report, &SKIPPED, data, length, why);
}

/// Says that the dissector failed on `length` bytes.
pub fn internal_error(report: &mut Report, length: usize) {
    report.set_info(format_args!("[dissector failed]"));
    report.note(
        N::INTERNAL_ERROR,
        0..length,
        format_args!("the dissector failed on this frame: please report it"),
    );
}

/// The names of a frame's operation.
pub struct Name<'a> {
    user: Option<&'a str>,
    meaning: Meaning,
    cgi: Option<u32>,
    /// The first row of the table that fits, and whether others do and no name of the user's decides.
    row: Option<&'static Operation>,
    several: bool,
}

impl<'a> Name<'a> {
    /// What the operation of a frame is called.
    pub fn of(known: &Known<'_>, settings: &'a Settings) -> Self {
        let meaning = known.meaning;
        let name = Self::by_call(settings.operation_name(meaning), meaning, None);
        // Only a number with several calls needs a look into the body.
        if !name.several || known.layout != Layout::Business {
            return name;
        }
        match body::business(known.data, known.header.body(known.end()), known.layout, meaning) {
            None => name,
            Some(header) => Self::by_call(name.user, meaning, Some(header.cgi())),
        }
    }

    fn none(meaning: Meaning) -> Self {
        Self { user: None, meaning, cgi: None, row: None, several: false }
    }

    fn by_call(user: Option<&'a str>, meaning: Meaning, cgi: Option<u32>) -> Self {
        let mut rows = operation::candidates(meaning, cgi);
        let row = rows.next();
        Self { user, meaning, cgi, row, several: user.is_none() && rows.next().is_some() }
    }

    /// What all frames of the operation are called, whatever call their bodies name.
    pub fn without_call(&self) -> Self {
        Self::by_call(self.user, self.meaning, None)
    }

    /// The name, or "" when there is none; of several only the first.
    pub fn first(&self) -> &str {
        self.user.or(self.row.map(|row| row.name)).unwrap_or_default()
    }
}

/// The user's name, or every name that the table has for the number.
impl Words for &Name<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        if !self.several {
            return out.write_str(self.first());
        }
        let mut rows = operation::candidates(self.meaning, self.cgi).enumerate();
        rows.try_for_each(|(index, row)| [if index == 0 { "" } else { " or " }, row.name].write(out))
    }
}

/// The name behind the one that the table has for the number alone, if that is another's.
#[derive(Clone, Copy)]
struct Here<'a>(&'a Name<'a>);

impl Words for Here<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let Self(name) = self;
        match operation::name(name.meaning.base) {
            Some(_) if name.several => (", here ", name).write(out),
            Some(other) if !name.first().is_empty() && other != name.first() => {
                [", here ", name.first()].write(out)
            }
            _ => Ok(()),
        }
    }
}

/// What the tree says of a frame behind the protocol's name.
#[derive(Clone, Copy)]
struct Line<'a>(Sentence<'a>);

impl Words for Line<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(", ")?;
        self.0.write(out)?;
        [", ", itoa::Buffer::new().format(self.0.known.extent), " bytes"].write(out)
    }
}

/// What the Info column says of a frame.
#[derive(Clone, Copy)]
pub struct Sentence<'a> {
    /// The frame.
    pub known: &'a Known<'a>,
    /// Its operation's name.
    pub name: &'a Name<'a>,
}

impl Words for Sentence<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let Known { header, meaning, .. } = self.known;
        let row = self.name.row;
        match (self.name.user, row) {
            (None, None) => write!(out, "Operation {}", meaning.base)?,
            // A title that is one of several would claim too much.
            (None, Some(row)) if !self.name.several => out.write_str(row.title)?,
            _ => self.name.write(out)?,
        }
        match meaning.kind {
            Kind::Unknown => out.write_str(" (direction unknown)")?,
            Kind::Request => out.write_str(" request")?,
            Kind::Response | Kind::HeartbeatResponse => out.write_str(" response")?,
            Kind::OneWay => out.write_str(" one-way")?,
            Kind::Push if row.is_none() => out.write_str(" push")?,
            Kind::Push | Kind::PushAck | Kind::HeartbeatRequest => {}
        }
        match header.seq {
            SEQ_PUSH => Ok(()),
            SEQ_IDENTIFY => out.write_str(" seq=identify"),
            SEQ_HEARTBEAT => out.write_str(" seq=heartbeat"),
            seq => [" seq=", itoa::Buffer::new().format(seq)].write(out),
        }?;
        if let Some(Partner { elapsed, .. }) = self.known.facts.back {
            Elapsed(elapsed).write(out)?;
        }
        if self.known.wrong_length {
            return Ok(());
        }
        let body = header.body(self.known.end());
        body::summarise(out, self.known.data, body, self.known.layout)
    }
}
