// SPDX-License-Identifier: GPL-2.0-or-later
//! A message of the web client to a report: what a user sees of it.

use std::fmt::{self, Display};
use std::ops::Range;

use super::call::{self, Answer, Call, Role};
use super::escape;
use super::fields::{W, WN};
use super::members::{self, PARAMETERS, Sense, Sort, Take};
use super::query::{self, Parameter, Part};
use super::session::{Facts, Gist};
use super::walk::{self, Entry, Look, row, walk};
use crate::config::Config;
use crate::http::{Head, Kind};
use crate::kernel::report::Report;
use crate::wechat::secret::Secret;
use crate::wechat::synckey::Steps;

/// A message and where its parts lie.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// Its call.
    pub call: &'static Call,
    /// Its head.
    pub head: &'a Head,
    /// Of a request, where in the target the call's name and the query lie.
    pub line: Option<(Range<usize>, usize)>,
    /// The bytes in which the head lies. The body follows them in the report's bytes.
    pub data: &'a [u8],
    /// The body, as HTTP's dissector passed it on.
    pub body: &'a [u8],
}

/// How a body is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Json,
    Poll,
    Login,
    Other,
}

impl Known<'_> {
    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        self.head.kind == Kind::Request
    }

    /// Bytes of the body in the report.
    fn body_at(&self) -> Range<usize> {
        self.data.len()..self.data.len().saturating_add(self.body.len())
    }

    fn target(&self) -> &[u8] {
        self.data.get(self.head.target.clone()).unwrap_or_default()
    }

    fn parameters(&self) -> impl Iterator<Item = Parameter<'_>> {
        let query = self.line.as_ref().map_or(usize::MAX, |(_, query)| *query);
        query::parameters(self.target(), query)
    }

    /// Bytes of the target as bytes of the report.
    fn in_report(&self, range: &Range<usize>) -> Range<usize> {
        walk::shift(range, self.head.target.start)
    }

    fn value(&self, parameter: &Parameter<'_>) -> &[u8] {
        self.target().get(parameter.value.clone()).unwrap_or_default()
    }

    fn form(&self) -> Form {
        let answer = if self.is_request() { Answer::Json } else { self.call.answer };
        match (self.body.is_empty(), answer) {
            (true, _) => Form::Nothing,
            (_, Answer::Json) => Form::Json,
            (_, Answer::Poll) => Form::Poll,
            (_, Answer::Login) => Form::Login,
            (_, Answer::Other) => Form::Other,
        }
    }
}

/// What a message says.
pub fn read(known: &Known<'_>, gist: &mut Gist) {
    for parameter in known.parameters() {
        let Some((_, member)) = members::find(PARAMETERS, &parameter.name) else { continue };
        let value = known.value(&parameter);
        match (member.sense, &member.take) {
            (_, Take::SyncKey(sort)) => {
                if let Some(keys) = gist.keys.get_mut(*sort as usize) {
                    *keys = Some(keys_of(value));
                }
            }
            (Sense::Sid, _) if !value.is_empty() => {
                gist.sid = Some(Secret::of(&query::decoded(value)).number());
            }
            (Sense::Uin, _) if !value.is_empty() => {
                gist.account = Some(Secret::of(&query::decoded(value)).number());
            }
            _ => {}
        }
    }
    match known.form() {
        Form::Json => walk(known.body, 0, gist, None),
        Form::Poll => {
            gist.retcode = number_after(known.body, b"retcode").map(|(number, _)| number);
            gist.selector = number_after(known.body, b"selector").map(|(number, _)| number);
        }
        Form::Nothing | Form::Login | Form::Other => {}
    }
    // Other calls get a MsgID too, for what is no message.
    if known.call.role != Role::Send {
        gist.sent = None;
    }
}

/// Keys and values of a SyncKey string.
fn keys_of(text: &[u8]) -> Vec<(u64, u64)> {
    let entries = query::sync_key(text).filter_map(|part| match part {
        Part::Entry { key, value, .. } => Some((key.0, value.0)),
        Part::Garbage(_) => None,
    });
    entries.take(MOST_ENTRIES).collect()
}

/// Entries of a SyncKey string that are kept and shown.
const MOST_ENTRIES: usize = 256;

/// Shows a message.
pub fn show(report: &mut Report, known: &Known<'_>, gist: &Gist, facts: Facts<'_>, config: &Config) {
    let sentence = Sentence { known, gist, facts };
    report.set_info(format_args!("{sentence}"));
    if !report.wanted().items {
        return;
    }
    let name = name(known.call);
    let kind = kind(known);
    let words = format_args!(", {name} {kind}");
    report.subtree(W::WEB, known.head.at.clone(), words, |report| {
        head(report, known);
        links(report, known, gist, facts);
        parameters(report, known, facts, config);
        body(report, known, facts, config);
    });
}

fn name(call: &Call) -> &'static str {
    call.name.to_str().unwrap_or_default()
}

fn kind(known: &Known<'_>) -> &'static str {
    if known.is_request() { "request" } else { "response" }
}

fn head(report: &mut Report, known: &Known<'_>) {
    let at = match &known.line {
        Some((name, _)) => known.in_report(name),
        None => known.head.at.start..known.head.at.start,
    };
    match known.is_request() {
        true => report.decoded_text(W::CALL, at.clone(), format_args!("{}", name(known.call))),
        false => report.text_value(W::CALL, at.clone(), format_args!("{}", name(known.call))),
    }
    report.text_value(W::KIND, at.start..at.start, format_args!("{}", kind(known)));
    let host = &known.head.host;
    if known.is_request() && !host.is_empty() {
        let text = String::from_utf8_lossy(known.data.get(host.clone()).unwrap_or_default());
        report.decoded_text(W::HOST, host.clone(), format_args!("{text}"));
        report.generated(W::HOST_KNOWN, host.clone(), call::knows_host(&text).into());
    }
}

fn links(report: &mut Report, known: &Known<'_>, gist: &Gist, facts: Facts<'_>) {
    let at = known.head.at.start..known.head.at.start;
    if let Some(session) = facts.session() {
        report.generated(W::SESSION, at.clone(), session.into());
    }
    if let Some(partner) = facts.partner() {
        if known.is_request() {
            report.generated(W::RESPONSE_IN, at.clone(), partner.packet.into());
        } else {
            report.generated(W::RESPONSE_TO, at.clone(), partner.packet.into());
            report.generated(W::RESPONSE_TIME, at.clone(), partner.elapsed as u64);
            if known.call.role == Role::Poll {
                report.generated(W::POLL_HOLD, at.clone(), partner.elapsed as u64);
            }
        }
    }
    for poll in facts.polls() {
        report.generated(W::FETCH_POLL, at.clone(), poll.into());
    }
    if let Some(elapsed) = facts.since_poll() {
        report.generated(W::FETCH_TIME, at.clone(), elapsed as u64);
    }
    if let Some(packet) = gist.sent.and_then(|id| facts.sent(id)) {
        report.generated(W::SEND_SYNC_IN, at.clone(), packet.into());
    }
    if let Some(packet) = facts.fetch() {
        report.generated(W::POLL_FETCH_IN, at.clone(), packet.into());
    }
    if let Some(missing) = facts.unfetched() {
        report.generated(W::POLL_UNFETCHED, at, 1);
        let at = known.head.at.clone();
        let seconds = Seconds(missing.until_end);
        if missing.superseded {
            let words = format_args!("the client polls again without fetching what was announced");
            report.note(WN::NO_FETCH, at, words);
        } else {
            let soon = missing.until_end < SOON;
            let words = format_args!("nothing fetches what was announced; the capture ends {seconds} later");
            report.note(if soon { WN::NO_FETCH_YET } else { WN::NO_FETCH }, at, words);
        }
    }
}

/// A capture that ends sooner than this behind a poll, in nanoseconds, proves nothing.
const SOON: i64 = 5_000_000_000;

struct Seconds(i64);

impl Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.max(0) / 1_000_000;
        write!(out, "{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
    }
}

fn parameters(report: &mut Report, known: &Known<'_>, facts: Facts<'_>, config: &Config) {
    for parameter in known.parameters() {
        let whole = known.in_report(&parameter.at);
        let at = known.in_report(&parameter.value);
        let raw = known.value(&parameter);
        let words = query::decoded(raw);
        match members::find(PARAMETERS, &parameter.name).map(|(_, member)| member) {
            Some(members::Member { take: Take::SyncKey(sort), .. }) => {
                sync_key(report, facts, *sort, raw, at);
            }
            Some(member) if fits(&member.take, &words) => {
                walk::show(report, config.show_account, member, &words, at);
            }
            Some(member) => {
                let words = match member.take.is_secret() && !config.show_account {
                    true => Secret::of(&words).to_string(),
                    false => words.into_owned(),
                };
                report.decoded_text(W::PARAMETER, whole.clone(), format_args!("{}: {words}", parameter.name));
                report.note(WN::NO_NUMBER, at, format_args!("{} is no number that fits", member.name));
            }
            None => {
                report.decoded_text(W::PARAMETER, whole.clone(), format_args!("{}: {words}", parameter.name))
            }
        }
        let text = known.target().get(parameter.at.clone()).unwrap_or_default();
        for fault in escape::query_faults(text).into_iter().take(MOST_FAULTS) {
            report.note(WN::BAD_ESCAPE, walk::shift(&fault.at, whole.start), format_args!("{}", fault.words));
        }
    }
}

/// Faults that are noted of one parameter.
const MOST_FAULTS: usize = 16;

/// Whether words are a number, where one is wanted.
fn fits(take: &Take, words: &str) -> bool {
    let (Take::Number(field) | Take::Account(field) | Take::Milliseconds(field)) = take else { return true };
    walk::integer(words, *field).is_some()
}

/// Shows a SyncKey string.
fn sync_key(report: &mut Report, facts: Facts<'_>, sort: Sort, text: &[u8], at: Range<usize>) {
    let compared = facts.compared(sort);
    let shift = |range: Range<usize>| walk::shift(&range, at.start);
    let open = report.open(W::SYNCKEY, at.start);
    for part in query::sync_key(text).take(MOST_ENTRIES) {
        match part {
            Part::Garbage(range) => {
                let garbage = String::from_utf8_lossy(text.get(range.clone()).unwrap_or_default());
                report.note(
                    WN::SYNCKEY_GARBAGE,
                    shift(range),
                    format_args!("\"{garbage}\" is no key and value"),
                );
            }
            Part::Entry { at, key, value } => {
                let (whole, value_at) = (shift(at), shift(value.1));
                let entry = report.open(W::SYNCKEY_ENTRY, whole.start);
                report.decoded(
                    W::SYNCKEY_KEY,
                    shift(key.1),
                    key.0,
                    format_args!("{}", crate::wechat::synckey::meaning(key.0)),
                );
                report.decoded(W::SYNCKEY_VALUE, value_at.clone(), value.0, format_args!(""));
                Entry { key: key.0, value: value.0, value_at, compared }.close(report, entry, whole.end);
            }
        }
    }
    walk::show_links(report, facts, sort, at.clone());
    let steps = Steps(compared.map(|compared| compared.growth));
    report.close(open, at.end, format_args!("{steps}"));
}

fn body(report: &mut Report, known: &Known<'_>, facts: Facts<'_>, config: &Config) {
    let at = known.body_at();
    match known.form() {
        Form::Nothing => {
            if !known.is_request() && known.call.answer != Answer::Other {
                let words = format_args!("HTTP passed no body on: it is empty, or was not put together");
                report.note(WN::NO_BODY, known.head.at.clone(), words);
            }
        }
        Form::Json => {
            let look = Look { show_account: config.show_account, facts };
            walk(known.body, at.start, &mut Gist::default(), Some((report, look)));
        }
        Form::Poll => poll_answer(report, known, at),
        Form::Login => login_answer(report, known, at, config),
        Form::Other => {
            let words = format_args!("the answer to {} is no JSON", name(known.call));
            report.note(WN::UNDECODED, at, words);
        }
    }
}

/// `window.synccheck={retcode:"0",selector:"2"}`
fn poll_answer(report: &mut Report, known: &Known<'_>, at: Range<usize>) {
    let found = [&b"retcode"[..], b"selector"].map(|name| number_after(known.body, name));
    let place = |range: Range<usize>| walk::shift(&range, at.start);
    if let [Some((retcode, range)), _] = &found {
        report.decoded(W::RETCODE, place(range.clone()), (*retcode).into(), format_args!(""));
        if *retcode != 0 {
            let words =
                format_args!("the session does not go on: {retcode}{}", Meaning(W::RETCODE, *retcode));
            report.note(WN::SESSION_OVER, place(range.clone()), words);
        }
    }
    if let [_, Some((selector, range))] = &found {
        let bits = [W::SELECTOR_PROFILE, W::SELECTOR_MESSAGES, W::SELECTOR_CONTACTS];
        walk::show_bits(report, W::SELECTOR, &bits, (*selector).into(), place(range.clone()));
    }
    if found.iter().any(Option::is_none) {
        report.note(WN::BAD_POLL, at, format_args!("retcode and selector are expected, each with a number"));
    }
}

/// `window.code=201;`, `window.QRLogin.code = 200; window.QRLogin.uuid = "…";`
fn login_answer(report: &mut Report, known: &Known<'_>, at: Range<usize>, config: &Config) {
    let place = |range: Range<usize>| walk::shift(&range, at.start);
    if let Some((code, range)) = number_after(known.body, b"code") {
        report.decoded(W::LOGIN_CODE, place(range), code.into(), format_args!(""));
    }
    if let Some(range) = value_after(known.body, b"uuid")
        && let Some((_, member)) = members::find(PARAMETERS, "uuid")
    {
        let words = String::from_utf8_lossy(known.body.get(range.clone()).unwrap_or_default());
        walk::show(report, config.show_account, member, &words, place(range));
    }
}

/// The value behind a name and `:` or `=`, without quotes.
fn value_after(text: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let found = memchr::memmem::find(text, name)?.checked_add(name.len())?;
    let skip = |from: usize, of: &[u8]| {
        let rest = text.get(from..).unwrap_or_default();
        from.saturating_add(rest.iter().take_while(|byte| of.contains(byte)).count())
    };
    let start = skip(skip(found, b" \t"), b":=");
    if start == skip(found, b" \t") {
        return None;
    }
    let start = skip(skip(start, b" \t"), b"\"'");
    let rest = text.get(start..)?;
    let length = rest.iter().take_while(|byte| !b"\"',;}\r\n".contains(byte)).count();
    Some(start..start.saturating_add(length))
}

/// As [`value_after`], a number.
fn number_after(text: &[u8], name: &[u8]) -> Option<(u32, Range<usize>)> {
    let range = value_after(text, name)?;
    let digits = std::str::from_utf8(text.get(range.clone())?).ok()?.trim_end();
    let number = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    Some((number, range.start..range.start.saturating_add(digits.len())))
}

/// The name of a field's value, behind a comma.
struct Meaning(u16, u32);

impl Display for Meaning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = row(self.0).map_or(&[][..], |row| row.values);
        let name = values.iter().find(|(value, _)| *value == self.1).and_then(|(_, name)| name.to_str().ok());
        name.map_or(Ok(()), |name| write!(out, ", {name}"))
    }
}

/// The words in the Info column.
struct Sentence<'a> {
    known: &'a Known<'a>,
    gist: &'a Gist,
    facts: Facts<'a>,
}

impl Display for Sentence<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { known, gist, facts } = self;
        write!(out, "{} {}", name(known.call), kind(known))?;
        if let Some(retcode) = gist.retcode {
            write!(out, ", retcode {retcode}{}", Meaning(W::RETCODE, retcode))?;
        }
        if let Some(selector) = gist.selector {
            write!(out, ", selector {selector}")?;
        }
        if let Some(ret) = gist.ret.filter(|ret| *ret != 0) {
            write!(out, ", ret {ret}")?;
        }
        match gist.messages.len() {
            0 => {}
            1 => write!(out, ", a message")?,
            count => write!(out, ", {count} messages")?,
        }
        if let Some(sent) = gist.sent {
            write!(out, ", MsgID {sent}")?;
        }
        if gist.more {
            write!(out, ", more to fetch")?;
        }
        for sort in Sort::ALL {
            let compared =
                facts.compared(sort).filter(|_| gist.keys.get(sort as usize).is_some_and(Option::is_some));
            let what = if sort == Sort::Check { "SyncCheckKey" } else { "SyncKey" };
            if let Some(compared) = compared {
                write!(out, ", {what}{}", Steps(Some(compared.growth)))?;
            }
        }
        Ok(())
    }
}

/// Says that the dissector failed on a message.
pub fn internal_error(report: &mut Report, length: usize) {
    report.note(WN::WEB_FAILED, 0..length, format_args!("the dissector failed on this message"));
}
