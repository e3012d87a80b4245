// SPDX-License-Identifier: GPL-2.0-or-later
//! Frame and exchange to report: what a user sees of a PDU.

use std::fmt::{self, Display};
use std::ops::Range;

use crate::body;
use crate::config::Config;
use crate::fields::{F, N};
use crate::frame::{HEADER_LEN, Header, SEQ_HEARTBEAT, SEQ_IDENTIFY, SEQ_PUSH, VERSION, at};
use crate::framing::Why;
use crate::operation::{self, ANSWER, Kind, Layout, Meaning, Sender};
use crate::report::Report;
use crate::session::{AckRule, Facts, Partner};

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
    /// What the session knows.
    pub facts: Facts,
    /// The packet length is not to be believed: the frame ends at `extent`.
    pub wrong_length: bool,
}

impl Known<'_> {
    /// Where the frame ends, by its length or, when that is wrong, by what was found.
    fn end(&self) -> usize {
        if self.wrong_length { self.extent } else { self.header.packet_len as usize }
    }
}

/// Shows a frame.
pub fn frame(report: &mut Report, known: &Known<'_>, config: &Config) {
    let name = Name::of(known, config);
    report.set_info(format_args!("{}", Sentence { known, name: &name }));
    let wanted = report.wanted();
    if !wanted.items {
        return notes(report, known, config);
    }
    let words = format_args!(", {}, {} bytes", Sentence { known, name: &name }, known.extent);
    report.subtree(F::WECHAT, 0..known.extent, words, |report| {
        header(report, known, &name);
        links(report, known);
        notes(report, known, config);
        let body = known.header.body(known.end());
        if !body.is_empty() {
            show_body(report, known, config, body);
        }
    });
}

fn show_body(report: &mut Report, known: &Known<'_>, config: &Config, body: Range<usize>) {
    let words = format_args!(" ({} bytes)", body.len());
    report.subtree(F::BODY, body.clone(), words, |report| {
        // A body whose end is not known has no layout to be held to.
        if !known.wrong_length {
            let context = body::Context { meaning: known.meaning, show_account: config.show_account };
            body::show(report, known.data, body.clone(), operation::layout(known.meaning), context);
        }
    });
    let captured = body.start..body.end.min(known.data.len());
    if !captured.is_empty() {
        report.offer_body(known.header.op, captured);
    }
}

fn header(report: &mut Report, known: &Known<'_>, name: &Name<'_>) {
    let Header { seq, .. } = known.header;
    report.wire(F::PACKET_LEN, at::PACKET_LEN);
    report.wire(F::HEAD_LEN, at::HEAD_LEN);
    report.wire(F::VERSION, at::VERSION);
    match name.exact() {
        "" => report.wire(F::OP, at::OP),
        _ => report.wire_labelled(F::OP, at::OP, format_args!(", {name}")),
    }
    let special = match seq {
        SEQ_PUSH => " (push)",
        SEQ_IDENTIFY => " (identify)",
        SEQ_HEARTBEAT => " (heartbeat)",
        _ => "",
    };
    report.wire_labelled(F::SEQ, at::SEQ, format_args!("{special}"));
    let extra = known.header.extra(known.end());
    if !extra.is_empty() {
        report.wire(F::HEAD_EXTRA, extra);
    }
    report.text_value(F::KIND, at::OP, format_args!("{}", known.meaning.kind.label()));
    if known.meaning.kind.answers() {
        report.generated(F::OP_BASE, at::OP, known.meaning.base.into());
    }
    if !name.exact().is_empty() {
        report.text_value(F::OP_NAME, at::OP, format_args!("{name}"));
    }
    match known.meaning.sender {
        Some(Sender::Client) => report.generated(F::DIRECTION, at::OP, 1),
        Some(Sender::Server) => report.generated(F::DIRECTION, at::OP, 2),
        None => {}
    }
}

fn links(report: &mut Report, known: &Known<'_>) {
    let nanoseconds = |partner: Partner| partner.elapsed as u64;
    let is_ack = known.meaning.kind == Kind::PushAck;
    if let Some(back) = known.facts.back {
        let (link, time) = if is_ack { (F::ACK_TO, F::ACK_TIME) } else { (F::RESPONSE_TO, F::RESPONSE_TIME) };
        report.generated(link, at::SEQ, back.packet.into());
        report.generated(time, at::SEQ, nanoseconds(back));
    }
    if let Some(rule) = known.facts.ack_rule.filter(|_| known.facts.back.is_some()) {
        let words = match rule {
            AckRule::ElapsedTime => "elapsed time",
            AckRule::OldestOpen => "oldest open push",
        };
        report.text_value(F::ACK_RULE, at::SEQ, format_args!("{words}"));
    }
    if let Some(ahead) = known.facts.ahead {
        let (link, time) = match known.meaning.kind {
            Kind::Push => (F::PUSH_ACK_IN, F::ACK_TIME),
            _ => (F::RESPONSE_IN, F::RESPONSE_TIME),
        };
        report.generated(link, at::SEQ, ahead.packet.into());
        report.generated(time, at::SEQ, nanoseconds(ahead));
    }
}

fn notes(report: &mut Report, known: &Known<'_>, config: &Config) {
    let Header { packet_len, head_len, version, op, seq } = known.header;
    let extent = known.extent;
    if (packet_len as usize) < HEADER_LEN {
        let words = format_args!("packet length {packet_len} is below 16, the length of a header");
        report.note(N::PACKET_LEN_SHORT, at::PACKET_LEN, words);
    } else if packet_len > config.limit {
        let words =
            format_args!("packet length {packet_len} is beyond the largest frame accepted, {}", config.limit);
        report.note(N::PACKET_LEN_BEYOND_LIMIT, at::PACKET_LEN, words);
    } else if known.wrong_length {
        let words =
            format_args!("packet length {packet_len}, but the next frame begins after {extent} bytes");
        report.note(N::PACKET_LEN_WRONG, at::PACKET_LEN, words);
    } else if (packet_len as usize) > extent {
        let words = format_args!("the frame has {packet_len} bytes, {extent} of them are here");
        report.note(N::TRUNCATED, 0..extent, words);
    }
    if usize::from(head_len) < HEADER_LEN {
        report.note(N::HEAD_LEN_SHORT, at::HEAD_LEN, format_args!("head length {head_len} is below 16"));
    } else if u32::from(head_len) > packet_len {
        let words = format_args!("head length {head_len} is above the packet length {packet_len}");
        report.note(N::HEAD_LEN_BEYOND, at::HEAD_LEN, words);
    }
    if version != VERSION {
        report.note(N::VERSION_UNKNOWN, at::VERSION, format_args!("version {version}, where 1 is known"));
    }
    if known.data.len() < extent {
        let words = format_args!("{} of {extent} bytes were captured", known.data.len());
        report.note(N::NOT_CAPTURED, known.data.len()..extent, words);
    }
    if known.meaning.kind == Kind::Push && seq != SEQ_PUSH {
        report.note(N::PUSH_WITH_SEQ, at::SEQ, format_args!("a push with seqid {seq}, where 0 is known"));
    }
    if let Some(back) = known.facts.back.filter(|_| known.meaning.kind.answers()) {
        let fits = op == back.op || back.op.checked_add(ANSWER) == Some(op);
        if !fits {
            let words =
                format_args!("operation {op} answers operation {} in packet {}", back.op, back.packet);
            report.note(N::OP_MISMATCH, at::OP, words);
        }
    }
}

/// Shows bytes in which no frame is shown; `data` is what was captured of `length`.
pub fn skipped(report: &mut Report, data: &[u8], length: usize, why: Why) {
    let (note, field, words): (_, _, &dyn Display) = match why {
        Why::Resynchronised => {
            (N::RESYNCHRONISED, F::SKIPPED, &format_args!("resynchronised, {length} bytes skipped"))
        }
        Why::OutOfStep => {
            (N::OUT_OF_STEP, F::SKIPPED, &format_args!("no frame begins in these {length} bytes"))
        }
        Why::Continuation => (
            N::TRUNCATED,
            F::CONTINUATION,
            &format_args!("{length} more bytes of a frame of an earlier packet"),
        ),
        Why::AfterHole => (
            N::SEGMENT_MISSING,
            F::CONTINUATION,
            &format_args!("{length} more bytes of a frame, behind a hole in the stream"),
        ),
        Why::SeenBefore => (N::SEEN_BEFORE, F::SKIPPED, &format_args!("{length} bytes seen before")),
        Why::NotCaptured => (N::NOT_CAPTURED, F::SKIPPED, &format_args!("{length} bytes not captured")),
        Why::Truncated => (
            N::TRUNCATED,
            F::SKIPPED,
            &format_args!("a header of 16 bytes begins here, {length} of them are here"),
        ),
    };
    report.set_info(format_args!("[{words}]"));
    report.subtree(F::WECHAT, 0..length, format_args!(", {words}"), |report| {
        if !data.is_empty() {
            report.wire(field, 0..length.min(data.len()));
        }
        report.note(note, 0..length, format_args!("{words}"));
    });
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
struct Name<'a> {
    user: Option<&'a str>,
    meaning: Meaning,
    cgi: Option<u32>,
}

impl<'a> Name<'a> {
    fn of(known: &Known<'_>, config: &'a Config) -> Self {
        let meaning = known.meaning;
        let user = config.operation_name(meaning);
        // Only a number with several calls needs a look into the body.
        let ambiguous = user.is_none() && operation::candidates(meaning, None).nth(1).is_some();
        let cgi = match ambiguous && operation::layout(meaning) == Layout::Business {
            true => body::cgi(known.data, known.header.body(known.end()), meaning),
            false => None,
        };
        Self { user, meaning, cgi }
    }

    /// The name, or "" when there is none; of several only the first.
    fn exact(&self) -> &str {
        let row = || operation::candidates(self.meaning, self.cgi).next().map(|row| row.name);
        self.user.or_else(row).unwrap_or_default()
    }
}

/// The user's name, or every name that the table has for the number.
impl Display for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = self.user {
            return out.write_str(user);
        }
        operation::candidates(self.meaning, self.cgi)
            .enumerate()
            .try_for_each(|(index, row)| write!(out, "{}{}", if index == 0 { "" } else { " or " }, row.name))
    }
}

/// What the Info column says of a frame.
struct Sentence<'a> {
    known: &'a Known<'a>,
    name: &'a Name<'a>,
}

impl Display for Sentence<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known { header, meaning, .. } = self.known;
        let row = operation::candidates(*meaning, self.name.cgi).next();
        match (self.name.user, row) {
            (None, None) => write!(out, "Operation {}", meaning.base)?,
            // A title that is one of several would claim too much.
            (None, Some(row)) if operation::candidates(*meaning, self.name.cgi).nth(1).is_none() => {
                out.write_str(row.title)?;
            }
            _ => write!(out, "{}", self.name)?,
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
            seq => write!(out, " seq={seq}"),
        }?;
        if self.known.wrong_length {
            write!(out, " [packet length {} is wrong]", header.packet_len)?;
        }
        Ok(())
    }
}
