// SPDX-License-Identifier: GPL-2.0-or-later
//! A message of a call to a report: what a user sees of it.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::calls::{Call, Event, Facts, Part, Texts};
use super::fields::{C, CN, FAULTS, TABLE};
use super::request::{self, Request};
use super::sync::Since;
use crate::http::target;
use crate::kernel::place::Partner;
use crate::kernel::reader::Reader;
use crate::kernel::report::{CAME_IN, HandOff, Piece, Report, Words};
use crate::kernel::rows::number_of;
use crate::kernel::segment::Segment;
use crate::kernel::time::{Elapsed, LastPacket};
use crate::wechat::business::{self, Brief, ClientVersion, Of};
use crate::wechat::fields::S;
use crate::wechat::inflate::{self, Not};
use crate::wechat::opening::body::Body;
use crate::wechat::opening::show;
use crate::wechat::operation;
use crate::wechat::secret::Rule;
use crate::wechat::settings::Shared;

/// Number of the table for XML.
const XML_TABLE: u16 = number_of(TABLE, 1);

/// A message, and everything that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What was captured of it.
    pub data: &'a [u8],
    /// What the first visit decided.
    pub event: Event,
    /// Its call.
    pub call: Option<&'a Call>,
    /// What lies before and ahead.
    pub facts: Facts,
    /// Paths and hosts.
    pub texts: &'a Texts,
    /// The segment that begins with it.
    pub segment: &'a Segment<'a>,
    /// Whether what lies ahead of it is known, too.
    pub later: bool,
    /// Whether HTTP's dissector shows it as XML.
    pub shown: bool,
    /// The body of its business packet, where a key was tried.
    pub opened: Option<&'a Body>,
    /// What its SyncKey says that the one before did not.
    pub since: Option<Since<'a>>,
    /// What is set for all protocols.
    pub shared: &'a Shared,
}

/// The last part of a path.
pub fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

impl<'a> Known<'a> {
    /// The path, as it is shown.
    pub fn uri(&self) -> &'a str {
        self.call.map_or("", |call| self.texts.text(call.uri))
    }

    /// The server's name.
    pub fn host(&self) -> &'a str {
        self.call.map_or("", |call| self.texts.text(call.host))
    }

    /// The call's name.
    pub fn name(&self) -> &'a str {
        last_part(self.uri())
    }

    /// Bytes of the message, captured or not.
    pub fn extent(&self) -> usize {
        self.event.extent as usize
    }

    /// Whether the client sent it.
    pub fn asks(&self) -> bool {
        matches!(self.event.part, Part::Request | Part::Target)
    }

    /// The parts of a request with its framing.
    pub fn framed(&self) -> Option<Request> {
        let is_framed = self.event.part == Part::Request && !self.event.plain;
        is_framed.then(|| Request::read(self.data, framed_size(self.data, self.extent())))
    }

    /// Where the business packet lies, captured or not.
    pub fn body(&self) -> Option<Range<usize>> {
        match self.event.part {
            Part::Request if !self.event.plain => self.framed()?.body.map(|body| body.at),
            Part::Request | Part::Answer => Some(0..self.extent()),
            Part::Target | Part::Head | Part::Addresses | Part::Continuation => None,
        }
    }

    /// Length of the body: of the business packet or of what is in its place.
    pub fn body_len(&self) -> u32 {
        let length = match self.event.part {
            Part::Addresses => self.extent(),
            _ => self.body().map_or(0, |body| body.len()),
        };
        u32::try_from(length).unwrap_or(u32::MAX)
    }

    /// What the business packet is the body of.
    pub fn of(&self) -> Of<'a> {
        Of::Call { name: self.name(), answers: !self.asks() }
    }

    /// What the business header says.
    pub fn brief(&self) -> Option<Brief> {
        business::brief(self.data, self.body()?, self.of())
    }
}

/// The bytes that a request says it has; as many as there are, if that may not be.
pub fn framed_size(data: &[u8], there: usize) -> usize {
    request::size(data).unwrap_or(there).max(there)
}

/// Shows a message.
pub fn message(report: &mut Report, known: &Known<'_>) {
    let all = 0..known.extent();
    report.set_info(Sentence(known));
    report.subtree(C::SHORT, all.clone(), Line(known), |report| {
        report.generated(C::STREAM, 0..0, known.segment.shown_stream.into());
        report.text_value(C::CARRIER, 0..0, carrier(known.event.plain));
        match known.event.part {
            Part::Request if !known.event.plain => framed(report, known),
            Part::Request => packet(report, known, all.clone()),
            Part::Target => asked(report, known),
            Part::Answer => packet(report, known, all.clone()),
            Part::Head => inherited(report, known, true),
            Part::Addresses => addresses(report, known, all.clone()),
            Part::Continuation => continuation(report, known, all.clone()),
        }
        links(report, known);
        if known.event.cut {
            report.note(CN::TRUNCATED, all, format_args!("the rest of the message was not seen"));
        }
    });
}

/// The words of `wechat_short.carrier`.
pub fn carrier(plain: bool) -> &'static str {
    if plain { "http" } else { "mmtls" }
}

/// What stands in HTTP's head or in the request, and not in these bytes.
fn inherited(report: &mut Report, known: &Known<'_>, with_len: bool) {
    let none = 0..0;
    for (field, text) in [(C::URI, known.uri()), (C::NAME, known.name()), (C::HOST, known.host())] {
        if !text.is_empty() && (field == C::NAME || known.asks()) {
            report.text_value(field, none.clone(), text);
        }
    }
    if with_len {
        report.generated(C::BODY_LEN, none, known.body_len().into());
    }
}

/// A request with its framing.
fn framed(report: &mut Report, known: &Known<'_>) {
    report.wire(C::LENGTH, 0..4.min(known.data.len()));
    let Some(request) = known.framed() else { return };
    let text = |at: &Range<usize>| {
        String::from_utf8_lossy(known.data.get(at.clone()).unwrap_or_default()).into_owned()
    };
    if let Some(uri) = &request.uri {
        report.wire(C::URI_LEN, uri.length.clone());
        report_target(report, known, uri.at.clone());
    }
    if let Some(host) = &request.host {
        report.wire(C::HOST_LEN, host.length.clone());
        report.decoded_text(C::HOST, host.at.clone(), &*known.shared.shown(Rule::Text, "", &text(&host.at)));
    }
    if let Some(body) = &request.body {
        report.wire(C::BODY_LEN, body.length.clone());
        business_packet(report, known, body.at.clone());
    }
    if !request.is_whole() && !known.event.cut {
        let rest = request.rest.clone();
        report.wire(S::UNDECODED, rest.clone());
        let left = rest.len();
        let words = format_args!("{left} bytes are left, which no length of the request fits");
        report.note(CN::LENGTH_WRONG, rest, words);
    }
}

/// A target: its path, and the parameters of its query.
fn report_target(report: &mut Report, known: &Known<'_>, at: Range<usize>) {
    let bytes = known.data.get(at.clone()).unwrap_or_default();
    let path = target::path(bytes);
    let place =
        |range: Range<usize>| range.start.saturating_add(at.start)..range.end.saturating_add(at.start);
    let text = String::from_utf8_lossy(bytes.get(path.clone()).unwrap_or_default());
    let shown = known.shared.shown(Rule::Text, "", &text);
    report.decoded_text(C::URI, place(path.clone()), &*shown);
    let name = last_part(&shown);
    // Replaced values have another length.
    let start = path.end.saturating_sub(last_part(&text).len());
    report.decoded_text(C::NAME, place(start..path.end), name);
    for parameter in target::parameters(bytes, path.end.saturating_add(1)).take(MOST_PARAMETERS) {
        let raw = bytes.get(parameter.value.clone()).unwrap_or_default();
        let value = target::unescaped(raw);
        match (&*parameter.name, value.parse::<u32>()) {
            ("uin", _) => {
                let shown = known.shared.shown(Rule::Secret, "uin", &value);
                report.decoded_text(C::UIN, place(parameter.value), &*shown);
            }
            ("clientversion", Ok(version)) => report.decoded(
                S::CLIENT_VERSION,
                place(parameter.value),
                version.into(),
                ClientVersion(version),
            ),
            (name, _) => {
                let value = target::decoded(raw);
                let shown = known.shared.shown(Rule::Name, name, &value);
                report.decoded_text(C::PARAMETER, place(parameter.at), format_args!("{name}={shown}"));
            }
        }
    }
}

/// More parameters than any call has.
const MOST_PARAMETERS: usize = 64;

/// A request that is a target and no more.
fn asked(report: &mut Report, known: &Known<'_>) {
    report_target(report, known, 0..known.extent());
    if !known.host().is_empty() {
        report.text_value(C::HOST, 0..0, known.host());
    }
    report.generated(C::BODY_LEN, 0..0, 0);
}

/// A business packet that is all of the message.
fn packet(report: &mut Report, known: &Known<'_>, at: Range<usize>) {
    inherited(report, known, true);
    business_packet(report, known, at);
}

fn business_packet(report: &mut Report, known: &Known<'_>, at: Range<usize>) {
    if at.is_empty() || at.start >= known.data.len() {
        return;
    }
    let mut reader = Reader::new(known.data, at.clone(), FAULTS);
    if let Some(since) = known.since {
        report.generated(S::SYNCKEY_PREVIOUS, 0..0, since.previous.into());
    }
    let growth = known.since.map(|since| since.growth);
    let context = show::Context { of: known.of(), shared: known.shared, body: known.opened, growth };
    show::packet(report, known.data, &mut reader, context);
    let (Some(brief), Some(call)) = (known.brief(), known.call) else {
        if !known.event.cut {
            let words = format_args!("no header of a business packet agrees with these bytes");
            report.note(CN::UNDECODED, at, words);
        }
        return;
    };
    let (name, cgi) = (known.name(), brief.cgi);
    if known.asks() && !operation::is_call(name, cgi) {
        let of = operation::cgi_name(cgi).unwrap_or("no call of this name");
        let words = format_args!("the cgi type {cgi} is known as that of {of}");
        report.note(CN::NAME_DIFFERS, at, words);
    } else if let Some(asked) = call.cgi.filter(|asked| !known.asks() && *asked != cgi) {
        let words = format_args!("the request has the cgi type {asked}, the answer {cgi}");
        report.note(CN::CGI_DIFFERS, at, words);
    }
}

/// A list of addresses, inflated and for others.
fn addresses(report: &mut Report, known: &Known<'_>, at: Range<usize>) {
    inherited(report, known, true);
    let hand_off = |source, length| HandOff {
        table: XML_TABLE,
        key: 0,
        source,
        start: 0,
        length,
        piece: Piece::Whole { part: 0 },
        inner: None,
        words: 0,
        instead: None,
    };
    match inflated(known.data) {
        Ok(None) => {
            report.wire(C::ADDRESSES, at.clone());
            if !known.shown {
                report.hand_off(hand_off(CAME_IN, at.len()));
            }
        }
        Ok(Some(xml)) => {
            let length = xml.len();
            report.derived(C::ADDRESSES, at, xml, "Inflated addresses", |report, source| {
                report.hand_off(hand_off(source, length));
            });
        }
        Err(why) => {
            report.wire(C::ADDRESSES, at.clone());
            match why {
                Not::Few => {
                    let words = format_args!("the list inflates to more than is read");
                    report.note(CN::INFLATED_TOO_MUCH, at, words);
                }
                Not::Deflated => {
                    let words = format_args!("the list is neither XML nor deflated XML");
                    report.note(CN::NO_ADDRESSES, at, words);
                }
            }
        }
    }
}

/// The XML in bytes; nothing where they are it.
fn inflated(data: &[u8]) -> Result<Option<Bytes>, Not> {
    let is_xml = |data: &[u8]| data.trim_ascii_start().starts_with(b"<");
    if is_xml(data) {
        return Ok(None);
    }
    let said = match inflate::zlib(data) {
        Err(Not::Deflated) => inflate::raw(data),
        said => said,
    };
    said.and_then(|xml| if is_xml(&xml) { Ok(Some(xml)) } else { Err(Not::Deflated) })
}

fn continuation(report: &mut Report, known: &Known<'_>, at: Range<usize>) {
    inherited(report, known, false);
    report.wire(C::CONTINUATION, at.clone());
    let words = format_args!("the beginning of the message was not seen or not opened");
    report.note(CN::NO_BEGINNING, at, words);
}

/// The other half of the call, and calls that are this one again.
fn links(report: &mut Report, known: &Known<'_>) {
    let (none, facts) = (0..0, known.facts);
    let all = 0..known.extent();
    if let Some(back) = facts.back {
        report.generated(C::RESPONSE_TO, none.clone(), back.packet.into());
        report.generated(C::RESPONSE_TIME, none.clone(), back.elapsed as u64);
    }
    if let Some(packet) = facts.ahead {
        report.generated(C::RESPONSE_IN, none.clone(), packet.into());
    }
    if let Some(retry) = facts.retry {
        report.generated(C::RETRY_OF, none.clone(), retry.packet.into());
        match retry.answered {
            true => {
                let words = format_args!("packet {} has the very same request", retry.packet);
                report.note(CN::DUPLICATE_REQUEST, all.clone(), words);
            }
            false => {
                let words =
                    format_args!("packet {} makes the same call, and has no answer yet", retry.packet);
                report.note(CN::RETRY, all.clone(), words);
            }
        }
    }
    if let Some(packet) = facts.retried_in {
        report.generated(C::RETRIED_IN, none.clone(), packet.into());
    }
    if let Some(missing) = facts.missing {
        report.generated(C::UNANSWERED, none, 1);
        let note = if missing.is_soon() { CN::NO_RESPONSE_YET } else { CN::NO_RESPONSE };
        report.note(note, all.clone(), format_args!("no response seen; {}", LastPacket(missing.until_end)));
    }
    if facts.unasked {
        report.note(CN::NO_REQUEST, all, format_args!("the request was not seen"));
    }
}

/// Says that the dissector failed on `length` bytes.
pub fn internal_error(report: &mut Report, length: usize) {
    report.set_info("[dissector failed]");
    let words = format_args!("the dissector failed on this message: please report it");
    report.note(CN::FAILED, 0..length, words);
}

/// What the Info column says of a message.
#[derive(Clone, Copy)]
pub struct Sentence<'a>(pub &'a Known<'a>);

impl Words for Sentence<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let Known { event, facts, .. } = self.0;
        let name = self.0.name();
        out.write_str(if name.is_empty() { "Short link" } else { name })?;
        out.write_str(match event.part {
            Part::Request | Part::Target => " request",
            Part::Answer | Part::Head | Part::Addresses => " response",
            Part::Continuation => " continuation",
        })?;
        match facts.back {
            Some(Partner { elapsed, .. }) => Elapsed(elapsed).write(out),
            None => Ok(()),
        }
    }
}

/// What the tree says of a message behind the protocol's name.
#[derive(Clone, Copy)]
struct Line<'a>(&'a Known<'a>);

impl Words for Line<'_> {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(", ")?;
        Sentence(self.0).write(out)?;
        [", ", itoa::Buffer::new().format(self.0.extent()), " bytes"].write(out)
    }
}
