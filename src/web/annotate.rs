// SPDX-License-Identifier: GPL-2.0-or-later
//! A message of the web client to a report: what a user sees of it.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::Range;

use super::call::{self, ANOTHER, Answer, Call, Line, Role};
use super::escape;
use super::fields::{W, WN};
use super::form;
use super::members::{self, Member, PARAMETERS, PARTS, Sense, Shape, Sort, Take};
use super::query::{self, Part};
use super::session::{Facts, Gist};
use super::walk::{self, Entry, row, walk};
use crate::http::{Head, Kind, target};
use crate::kernel::report::{CAME_IN, PASSED_ON, Report};
use crate::kernel::rows::name_of;
use crate::kernel::time::{Elapsed, LastPacket};
use crate::wechat::secret::Rule;
use crate::wechat::settings::Shared;
use crate::wechat::synckey::Steps;

/// A message and where its parts lie.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// Its call.
    pub call: &'static Call,
    /// Its head.
    pub head: &'a Head,
    /// Of a request, its line.
    pub line: Option<Line>,
    /// The bytes in which the head lies.
    pub data: &'a [u8],
    /// The body, as HTTP's dissector passed it on.
    pub body: &'a [u8],
}

/// How a body is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Json,
    /// Parameters as in a query.
    Parameters,
    Parts,
    Poll,
    Login,
    Other,
}

/// A parameter or a part of a form, in bytes of the report.
struct Given<'a> {
    name: Cow<'a, str>,
    file: Option<Cow<'a, str>>,
    at: Range<usize>,
    value: Range<usize>,
    /// Name and value as they stand there.
    whole: &'a [u8],
    /// The value.
    raw: &'a [u8],
    /// Whether the value is escaped.
    escaped: bool,
    shape: Shape,
    /// The field that shows it where it has none of its own.
    other: u16,
}

impl<'a> Given<'a> {
    fn member(&self) -> Option<&'static Member> {
        members::find(self.shape, &self.name).map(|(_, member)| member)
    }

    fn rule(&self) -> Rule {
        self.member().map_or(Rule::Name, |member| member.take.rule())
    }

    /// The value with escapes undone. A `+` of a text stands for a blank, one of a secret for itself: clients that
    /// forget to escape it mean that.
    fn words(&self) -> Cow<'a, str> {
        match (self.escaped, self.rule()) {
            (false, _) => String::from_utf8_lossy(self.raw),
            (true, Rule::Text) => target::decoded(self.raw),
            (true, Rule::Secret | Rule::Name) => target::unescaped(self.raw),
        }
    }
}

impl Known<'_> {
    /// What the call is called, by its path if it has no row.
    fn name(&self, config: &Shared) -> String {
        let row = name(self.call);
        let line = self.line.as_ref().filter(|_| std::ptr::eq(self.call, ANOTHER));
        let path = line.and_then(|line| std::str::from_utf8(self.target().get(line.name.clone())?).ok());
        match path.filter(|path| !path.is_empty()) {
            Some(path) => format!("{row} {}", config.shown(call::name_rule(path), "", path)),
            None => row.to_owned(),
        }
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        self.head.kind == Kind::Request
    }

    fn target(&self) -> &[u8] {
        self.data.get(self.head.target.clone()).unwrap_or_default()
    }

    /// The parameters of the query.
    fn parameters(&self) -> impl Iterator<Item = Given<'_>> {
        let query = self.line.as_ref().map_or(usize::MAX, |line| line.query);
        pairs(self.target(), query.saturating_add(1), self.head.target.start, W::PARAMETER)
    }

    /// The parameters or parts of a form.
    fn form_values(&self) -> impl Iterator<Item = Given<'_>> {
        let form = self.form();
        let text = if form == Form::Parameters { self.body } else { &[] };
        let parts = if form == Form::Parts { self.body } else { &[] };
        let part = move |part: form::Part<'_>| Given {
            whole: &[],
            at: part.at,
            value: part.content.clone(),
            raw: parts.get(part.content).unwrap_or_default(),
            name: Cow::Owned(part.name.into_owned()),
            file: part.file.map(|file| Cow::Owned(file.into_owned())),
            escaped: false,
            shape: PARTS,
            other: W::FORM_PART,
        };
        pairs(text, 0, 0, W::FORM_PART).chain(form::parts(parts).map(part))
    }

    /// Bytes of the target as bytes of the report.
    fn in_report(&self, range: &Range<usize>) -> Range<usize> {
        walk::shift(range, self.head.target.start)
    }

    fn form(&self) -> Form {
        let answer = if self.is_request() { Answer::Json } else { self.call.answer };
        match (self.body.is_empty(), answer) {
            (true, _) => Form::Nothing,
            (_, Answer::Json) => self.asked_form(),
            (_, Answer::Poll) => Form::Poll,
            (_, Answer::Login) => Form::Login,
            (_, Answer::Other) => Form::Other,
            (_, Answer::Unknown) => self.unknown_form(),
        }
    }

    /// Of what nobody knows, only what looks like JSON is read.
    fn unknown_form(&self) -> Form {
        if self.body.trim_ascii_start().starts_with(b"{") { Form::Json } else { Form::Other }
    }

    /// Clients send JSON by other types too.
    fn asked_form(&self) -> Form {
        let media = self.data.get(self.head.body.media.clone()).unwrap_or_default();
        match self.body.trim_ascii_start() {
            [b'{' | b'[', ..] => Form::Json,
            _ if !self.is_request() => Form::Json,
            [b'-', b'-', ..] => Form::Parts,
            _ if media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") => Form::Parameters,
            _ if self.call.answer == Answer::Unknown => Form::Other,
            _ => Form::Json,
        }
    }
}

/// Parameters in a text from a place on; the text begins at `base` of the report.
fn pairs(text: &[u8], from: usize, base: usize, other: u16) -> impl Iterator<Item = Given<'_>> {
    target::parameters(text, from).map(move |parameter| Given {
        whole: text.get(parameter.at.clone()).unwrap_or_default(),
        at: walk::shift(&parameter.at, base),
        value: walk::shift(&parameter.value, base),
        raw: text.get(parameter.value).unwrap_or_default(),
        name: parameter.name,
        file: None,
        escaped: true,
        shape: PARAMETERS,
        other,
    })
}

/// What a message says.
pub fn read(known: &Known<'_>, gist: &mut Gist, config: &Shared) {
    let stands_for = |words: &str| Some(config.key.secret(words).number());
    for given in known.parameters().chain(known.form_values()) {
        let Some(member) = given.member() else { continue };
        match (member.sense, &member.take) {
            (_, Take::SyncKey(sort)) => {
                if let Some(keys) = gist.keys.get_mut(*sort as usize) {
                    *keys = Some(keys_of(given.raw));
                }
            }
            (_, Take::Object(..)) => walk(given.raw, 0, config, gist, None),
            (Sense::Sid, _) if !given.raw.is_empty() => {
                gist.sid = stands_for(&given.words());
            }
            (Sense::Uin, Take::Account(field))
                if walk::integer(&given.words(), *field).is_some_and(|uin| uin != 0) =>
            {
                gist.account = stands_for(&given.words());
            }
            _ => {}
        }
    }
    match known.form() {
        Form::Json => walk(known.body, 0, config, gist, None),
        Form::Poll => {
            gist.retcode = number_after(known.body, b"retcode").map(|(number, _)| number);
            gist.selector = number_after(known.body, b"selector").map(|(number, _)| number);
        }
        Form::Nothing | Form::Parameters | Form::Parts | Form::Login | Form::Other => {}
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
pub fn show(report: &mut Report, known: &Known<'_>, gist: &Gist, facts: Facts<'_>, config: &Shared) {
    let sentence = Sentence { known, gist, facts, config };
    report.set_info(format_args!("{sentence}"));
    // Notes are told in the record and the Info column too.
    if !(report.wanted().items || report.wanted().columns || report.wanted().record) {
        return;
    }
    let (name, kind) = (known.name(config), kind(known));
    let words = format_args!(", {name} {kind}");
    report.subtree(W::WEB, known.head.at.clone(), words, |report| {
        head(report, known, config);
        links(report, known, gist, facts);
        known.parameters().for_each(|given| show_given(report, &given, facts, config));
        body(report, known, facts, config);
    });
}

fn name(call: &Call) -> &'static str {
    call.name.to_str().unwrap_or_default()
}

fn kind(known: &Known<'_>) -> &'static str {
    if known.is_request() { "request" } else { "response" }
}

fn head(report: &mut Report, known: &Known<'_>, config: &Shared) {
    let at = match &known.line {
        Some(line) => known.in_report(&line.name),
        None => known.head.at.start..known.head.at.start,
    };
    match known.is_request() {
        true => report.decoded_text(W::CALL, at.clone(), format_args!("{}", name(known.call))),
        false => report.text_value(W::CALL, at.clone(), format_args!("{}", name(known.call))),
    }
    if let Some(line) = &known.line {
        path(report, known, line, config);
    }
    report.text_value(W::KIND, at.start..at.start, format_args!("{}", kind(known)));
    let host = &known.head.host;
    if known.is_request() && !host.is_empty() {
        let text = String::from_utf8_lossy(known.data.get(host.clone()).unwrap_or_default());
        // Clients that take it from a URL may leave a name and a password in front.
        let (user, sign, bare) = match text.rsplit_once('@') {
            Some((user, bare)) => (config.shown(Rule::Secret, "", user), "@", bare),
            None => (Cow::Borrowed(""), "", &*text),
        };
        report.decoded_text(W::HOST, host.clone(), format_args!("{user}{sign}{bare}"));
        report.generated(W::HOST_KNOWN, host.clone(), call::knows_host(&text).into());
    }
}

/// What of a path the row of its call does not say.
fn path(report: &mut Report, known: &Known<'_>, line: &Line, config: &Shared) {
    let text = |range: &Range<usize>| {
        String::from_utf8_lossy(known.target().get(range.clone()).unwrap_or_default()).into_owned()
    };
    if std::ptr::eq(known.call, ANOTHER) && !line.name.is_empty() {
        let name = text(&line.name);
        let words = config.shown(call::name_rule(&name), "", &name);
        report.decoded_text(W::PATH, known.in_report(&line.name), &*words);
    }
    let rest = text(&line.rest);
    if rest.starts_with(';') {
        let words = config.shown(Rule::Text, "", &rest);
        report.decoded_text(W::PATH, known.in_report(&line.rest), &*words);
    } else if let Some((_, member)) = members::find(PARAMETERS, "uuid")
        && let Some(ticket) = rest.get(1..).filter(|ticket| !ticket.is_empty())
    {
        let at = known.in_report(&line.rest);
        walk::show(report, config, member, ticket, at.start.saturating_add(1)..at.end);
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
        if missing.superseded {
            let words = format_args!("the client polls again without fetching what was announced");
            report.note(WN::NO_FETCH, at, words);
        } else {
            let soon = missing.is_soon();
            let last = LastPacket(missing.until_end);
            let words = format_args!("nothing fetches what was announced; {last}");
            report.note(if soon { WN::NO_FETCH_YET } else { WN::NO_FETCH }, at, words);
        }
    }
}

/// Faults that are noted of one parameter.
const MOST_FAULTS: usize = 16;

/// Shows a parameter or a part, and what is wrong with its escapes.
fn show_given(report: &mut Report, given: &Given<'_>, facts: Facts<'_>, config: &Shared) {
    show_value(report, given, facts, config);
    for fault in escape::query_faults(given.whole).into_iter().take(MOST_FAULTS) {
        report.note(WN::BAD_ESCAPE, walk::shift(&fault.at, given.at.start), format_args!("{}", fault.words));
    }
}

fn show_value(report: &mut Report, given: &Given<'_>, facts: Facts<'_>, config: &Shared) {
    let (whole, at) = (given.at.clone(), given.value.clone());
    let words = given.words();
    if let Some(file) = &given.file {
        let file = config.shown(Rule::Text, "filename", file);
        report.decoded_text(W::UPLOAD_FILE, at.clone(), &*file);
        return report.generated(W::UPLOAD_FILE_LEN, at.clone(), at.len() as u64);
    }
    let member = given.member();
    match member {
        Some(Member { take: Take::SyncKey(sort), .. }) => {
            return sync_key(report, facts, *sort, given.raw, at, config);
        }
        Some(Member { take: Take::Object(..), .. }) => {
            return walk(given.raw, at.start, config, &mut Gist::default(), Some((report, facts)));
        }
        Some(member) if fits(&member.take, &words) => {
            return walk::show(report, config, member, &words, at);
        }
        _ => {}
    }
    let words = config.shown(given.rule(), &given.name, &words);
    // Without a value, all of it is the name.
    let name = config.shown(Rule::Text, "", &given.name);
    report.decoded_text(given.other, whole, format_args!("{name}: {words}"));
    if let Some(member) = member {
        report.note(WN::NO_NUMBER, at, format_args!("{} is no number that fits", member.name));
    }
}

/// Whether words are a number, where one is wanted.
fn fits(take: &Take, words: &str) -> bool {
    let (Take::Number(field) | Take::Account(field) | Take::Milliseconds(field)) = take else { return true };
    walk::integer(words, *field).is_some()
}

/// Shows a SyncKey string.
fn sync_key(
    report: &mut Report,
    facts: Facts<'_>,
    sort: Sort,
    text: &[u8],
    at: Range<usize>,
    config: &Shared,
) {
    let compared = facts.compared(sort);
    let shift = |range: Range<usize>| walk::shift(&range, at.start);
    let open = report.open(W::SYNCKEY, at.start);
    for part in query::sync_key(text).take(MOST_ENTRIES) {
        match part {
            Part::Garbage(range) => {
                let garbage = String::from_utf8_lossy(text.get(range.clone()).unwrap_or_default());
                let garbage = config.shown(Rule::Text, "", &garbage);
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

fn body(report: &mut Report, known: &Known<'_>, facts: Facts<'_>, config: &Shared) {
    let at = 0..known.body.len();
    report.within(PASSED_ON, |report| match known.form() {
        Form::Nothing => {
            let is_text = !matches!(known.call.answer, Answer::Other | Answer::Unknown);
            if !known.is_request() && is_text {
                let words = format_args!("HTTP passed no body on: it is empty, or was not put together");
                report.within(CAME_IN, |report| report.note(WN::NO_BODY, known.head.at.clone(), words));
            }
        }
        Form::Json => {
            walk(known.body, 0, config, &mut Gist::default(), Some((report, facts)));
        }
        Form::Parameters | Form::Parts => {
            report.subtree(W::FORM, at, "", |report| {
                known.form_values().for_each(|given| show_given(report, &given, facts, config));
            });
        }
        Form::Poll => poll_answer(report, known, at),
        Form::Login => login_answer(report, known, config),
        Form::Other => {
            let what = if known.is_request() { "the body of" } else { "the answer to" };
            report.note(WN::UNDECODED, at, format_args!("{what} {} is no JSON", name(known.call)));
        }
    });
}

/// `window.synccheck={retcode:"0",selector:"2"}`
fn poll_answer(report: &mut Report, known: &Known<'_>, at: Range<usize>) {
    let found = [&b"retcode"[..], b"selector"].map(|name| number_after(known.body, name));
    if let [Some((retcode, range)), _] = &found {
        report.decoded(W::RETCODE, range.clone(), (*retcode).into(), format_args!(""));
        if *retcode != 0 {
            let words =
                format_args!("the session does not go on: {retcode}{}", Meaning(W::RETCODE, *retcode));
            report.note(WN::SESSION_OVER, range.clone(), words);
        }
    }
    if let [_, Some((selector, range))] = &found {
        let bits = [W::SELECTOR_PROFILE, W::SELECTOR_MESSAGES, W::SELECTOR_CONTACTS];
        walk::show_bits(report, W::SELECTOR, &bits, (*selector).into(), range.clone());
    }
    if found.iter().any(Option::is_none) {
        report.note(WN::BAD_POLL, at, format_args!("retcode and selector are expected, each with a number"));
    }
}

/// `window.code=201;`, `window.QRLogin.code = 200; window.QRLogin.uuid = "…";`
fn login_answer(report: &mut Report, known: &Known<'_>, config: &Shared) {
    if let Some((code, range)) = number_after(known.body, b"code") {
        report.decoded(W::LOGIN_CODE, range, code.into(), format_args!(""));
    }
    let text =
        |range: &Range<usize>| String::from_utf8_lossy(known.body.get(range.clone()).unwrap_or_default());
    if let Some(range) = value_after(known.body, b"redirect_uri") {
        let words = text(&range);
        let words = config.shown(Rule::Text, "redirect_uri", &words);
        report.decoded_text(W::REDIRECT, range.clone(), &*words);
        let url = known.body.get(range.clone()).unwrap_or_default();
        let query =
            url.iter().position(|byte| *byte == b'?').map_or(url.len(), |place| place.saturating_add(1));
        for given in pairs(url, query, range.start, W::PARAMETER) {
            if let Some(member) = given.member().filter(|_| given.rule() == Rule::Secret) {
                walk::show(report, config, member, &given.words(), given.value);
            }
        }
    } else if let Some(range) = value_after(known.body, b"uuid")
        && let Some((_, member)) = members::find(PARAMETERS, "uuid")
    {
        walk::show(report, config, member, &text(&range), range);
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
        let name = name_of(values, self.1).and_then(|name| name.to_str().ok());
        name.map_or(Ok(()), |name| write!(out, ", {name}"))
    }
}

/// The words in the Info column.
struct Sentence<'a> {
    known: &'a Known<'a>,
    gist: &'a Gist,
    facts: Facts<'a>,
    config: &'a Shared,
}

impl Display for Sentence<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { known, gist, facts, config } = self;
        write!(out, "{} {}", known.name(config), kind(known))?;
        if let Kind::Response(status) = known.head.kind
            && status != 200
        {
            write!(out, ", status {status}")?;
        }
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
        if !known.is_request() {
            return match facts.partner() {
                Some(partner) => Elapsed(partner.elapsed).write(out),
                None => Ok(()),
            };
        }
        let method = known.data.get(known.head.at.start..known.head.target.start).unwrap_or_default();
        write!(out, ", {}", String::from_utf8_lossy(method.trim_ascii()))?;
        for (place, given) in known.parameters().enumerate() {
            let sign = if place == 0 { " ?" } else { "&" };
            let words = given.words();
            let words = config.shown(given.rule(), &given.name, &words);
            write!(out, "{sign}{}={words}", config.shown(Rule::Text, "", &given.name))?;
        }
        Ok(())
    }
}

/// Says that the dissector failed on a message.
pub fn internal_error(report: &mut Report, length: usize) {
    report.set_info("the dissector failed on this message");
    report.note(WN::WEB_FAILED, 0..length, format_args!("the dissector failed on this message"));
}
