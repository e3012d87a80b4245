// SPDX-License-Identifier: GPL-2.0-or-later
//! What is shown of MMTLS and of the short link, compared with the generator's truth.

use std::collections::{BTreeSet, HashMap};

use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_dissector::mmtls::fields::TABLE as MMTLS;
use wechat_dissector::short_link::fields::TABLE as SHORT;
use wechat_traffic::mmtls::case::Made;
use wechat_traffic::mmtls::key_log::{KeyLog, Opening};
use wechat_traffic::mmtls::record::What;
use wechat_traffic::mmtls::session::Handshake;
use wechat_traffic::mmtls::truth::{CallRow, FrameRow, RecordRow, Row, SessionRow, State};
use wechat_traffic::packet::Direction;

use crate::shown::{Shown, Value};

impl Shown {
    /// Whether there is such a field or note.
    pub fn has(&self, name: &str) -> bool {
        self.values.iter().any(|(one, _)| *one == name)
    }

    /// The first number of this name.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.values.iter().find_map(|(one, value)| match value {
            Value::Number(number) if *one == name => Some(*number),
            _ => None,
        })
    }

    /// The first text of this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find_map(|(one, value)| match value {
            Value::Text(text) if *one == name => Some(text.as_str()),
            _ => None,
        })
    }
}

/// What a capture was meant to hold.
#[derive(Default)]
struct Truth {
    sessions: Vec<SessionRow>,
    records: Vec<RecordRow>,
    frames: Vec<FrameRow>,
    calls: Vec<CallRow>,
}

impl Truth {
    fn of(made: &Made, log: Option<&KeyLog>) -> Self {
        let mut truth = Self::default();
        for row in made.truth(log.map_or(&[], std::slice::from_ref)).expect("the truth") {
            match row {
                Row::Session(row) => truth.sessions.push(row),
                Row::Record(row) => truth.records.push(row),
                Row::Frame(row) => truth.frames.push(row),
                Row::Call(row) => truth.calls.push(row),
                Row::Business(_) => {}
            }
        }
        truth
    }
}

/// What is wrong with what is shown of a case.
pub struct Faults {
    pub name: String,
    pub all: Vec<String>,
}

impl Faults {
    pub fn expect(&mut self, is_so: bool, what: impl FnOnce() -> String) {
        if !is_so {
            self.all.push(what());
        }
    }
}

fn flow(handshake: Handshake) -> &'static str {
    match handshake {
        Handshake::Full => "full",
        Handshake::Resumed => "resumed",
        Handshake::EarlyData => "0-RTT",
        Handshake::Refused => "refused",
    }
}

fn source(opening: Opening) -> &'static str {
    match opening {
        Opening::Line => "line",
        Opening::SameDirection => "same direction",
        Opening::Secret => "secret",
        Opening::Tag => "tag",
    }
}

fn inference(what: What) -> &'static str {
    match what {
        What::CertificateVerify => "CertificateVerify",
        What::NewSessionTicket => "NewSessionTicket",
        What::Finished => "Finished",
        What::EncryptedExtensions => "EncryptedExtensions",
        What::ClosingAlert => "closing alert",
        What::Data => "data",
        What::ClientHello | What::ServerHello | What::Refusal => "(in clear)",
    }
}

/// The record that shows a row, taken out of those that were shown.
fn take(shown: &mut Vec<&Shown>, row: &RecordRow) -> Option<Shown> {
    let is_it = |one: &&Shown| {
        Some(one.packet as usize) == row.packet
            && one.number("mmtls.type") == Some(row.kind.into())
            && one.number("mmtls.length") == Some(row.length as u64)
            && one.number("mmtls.session") == Some(row.session as u64)
    };
    let exact = |one: &&Shown| is_it(one) && one.number("mmtls.seq") == Some(row.seq);
    let place = shown
        .iter()
        .position(exact)
        .or_else(|| shown.iter().position(|one| is_it(one) && !one.has("mmtls.seq")))?;
    Some(shown.remove(place).clone())
}

/// As [`take`], of what was shown later than its bytes came.
fn take_late(shown: &mut Vec<&Shown>, row: &RecordRow) -> Option<Shown> {
    let is_it = |one: &&Shown| {
        Some(one.packet as usize) > row.packet
            && one.number("mmtls.length") == Some(row.length as u64)
            && one.number("mmtls.session") == Some(row.session as u64)
            && one.number("mmtls.seq").is_none_or(|seq| seq == row.seq)
    };
    let place = shown.iter().position(is_it)?;
    Some(shown.remove(place).clone())
}

/// Compares all records; how many there are, and how many were found.
fn records(faults: &mut Faults, truth: &Truth, shown: &[Shown], log: Option<&KeyLog>) -> (usize, usize) {
    let is_record = |one: &&Shown| one.protocol == MMTLS && one.has("mmtls.session");
    let mut left: Vec<&Shown> = shown.iter().filter(is_record).collect();
    let there = truth.records.iter().filter(|row| row.state != State::Broken && row.packet.is_some());
    let (mut all, mut found) = (0, 0);
    let mut missing = Vec::new();
    for row in there {
        all += 1;
        let at =
            || format!("{:?} {} of session {} in packet {:?}", row.what, row.seq, row.session, row.packet);
        let Some(one) = take(&mut left, row) else {
            missing.push(row);
            continue;
        };
        found += 1;
        let sealed = row.epoch.is_some();
        faults.expect(sealed == one.has("mmtls.opened"), || format!("sealed is {sealed}: {}", at()));
        if !sealed {
            continue;
        }
        let by = log.and_then(|log| row.opened.get(log.name)).copied();
        let (opened, why) = (one.number("mmtls.opened") == Some(1), one.text("mmtls.why_closed"));
        match by {
            Some(by) if by != Opening::Tag => {
                let from = one.text("mmtls.key_source");
                faults.expect(opened && from == Some(source(by)), || {
                    format!("{} by {}: {} {from:?} {why:?}", opened, source(by), at())
                });
                let length = one.number("mmtls.plain_len");
                faults.expect(!opened || length == Some(row.plain_len as u64), || {
                    format!("{length:?}: {}", at())
                });
            }
            _ => {
                faults.expect(!opened, || format!("opened: {}", at()));
                let named = by == Some(Opening::Tag);
                faults.expect(named == (why == Some("tag")), || format!("closed by {why:?}: {}", at()));
                let has_note = one.has("mmtls.tag");
                faults.expect(has_note == named, || format!("a note is {has_note}: {}", at()));
                faults.expect(log.is_some() || why == Some("no key log"), || format!("{why:?}: {}", at()));
                let (seems, is) = (one.text("mmtls.inferred"), inference(row.what));
                faults.expect(seems == Some(is) || is == "data" && seems == Some("heartbeat"), || {
                    format!("seems to be {seems:?}: {}", at())
                });
                let shows = one.values.iter().any(|(name, _)| name.starts_with("mmtls.plain"));
                faults.expect(!shows, || format!("shows what was not authenticated: {}", at()));
            }
        }
    }
    let mut cut = 0;
    for row in missing {
        match take_late(&mut left, row) {
            Some(_) => found += 1,
            None => {
                cut += 1;
                faults.all.push(format!("missing: {:?} {} in packet {:?}", row.what, row.seq, row.packet));
            }
        }
    }
    // One that is broken is shown as what it says it is, and stays closed; so is one that ends where nobody can wait.
    let broken = cut + truth.records.iter().filter(|row| row.state == State::Broken).count();
    let opened = left.iter().filter(|one| one.number("mmtls.opened") == Some(1));
    for one in opened.chain(left.iter().skip(broken)) {
        let words = one.text.lines().next().unwrap_or_default();
        faults.all.push(format!("invented: packet {} {words}", one.packet));
    }
    (all, found)
}

fn sessions(faults: &mut Faults, truth: &Truth, shown: &[Shown], log: Option<&KeyLog>) {
    for row in &truth.sessions {
        let number = row.session as u64;
        let mut own = shown.iter().filter(|one| one.number("mmtls.session") == Some(number)).peekable();
        faults.expect(own.peek().is_some(), || format!("session {number} is missing"));
        let records: Vec<&Shown> = own.collect();
        let flows: BTreeSet<_> = records.iter().filter_map(|one| one.text("mmtls.flow")).collect();
        let hello = records.iter().find(|one| one.has("mmtls.handshake.time"));
        if hello.is_some() {
            faults.expect(flows.iter().eq([&flow(row.flow)]), || format!("session {number}: {flows:?}"));
        }
        let Some(hello) = hello.filter(|_| row.clock_offset_us.is_some()) else { continue };
        let random = hello.text("mmtls.handshake.random");
        faults.expect(random == Some(&row.random), || format!("session {number}: random {random:?}"));
        let offset = hello.number("mmtls.clock_offset").map(|offset| offset as i64 / 1000);
        faults.expect(offset == row.clock_offset_us, || format!("session {number}: clock {offset:?}"));
        let path = hello.number("mmtls.path_time").map(|time| (time / 1_000_000_000) as u32);
        faults
            .expect(path == row.path_time, || format!("session {number}: {path:?}, not {:?}", row.path_time));
        let replay = hello.has("mmtls.handshake.replay_of");
        faults.expect(replay == row.replay_of.is_some(), || format!("session {number}: replay {replay}"));
        let Some(ticket) = &row.ticket else { continue };
        let seen =
            ["kind", "lifetime", "uses", "use"].map(|name| hello.number(&format!("mmtls.ticket.{name}")));
        let meant = [ticket.kind as u64 + 1, ticket.lifetime.into(), ticket.uses as u64, ticket.nth as u64];
        faults
            .expect(seen == meant.map(Some), || format!("session {number}: ticket {seen:?}, not {meant:?}"));
        let refused = hello.number("mmtls.ticket.refused") == Some(1);
        faults.expect(refused == (row.flow == Handshake::Refused), || format!("session {number}: {refused}"));
        // Where it was issued is known when that record was opened.
        let opens = |issuer: usize| {
            let is_it = |one: &&RecordRow| one.session == issuer && one.what == What::NewSessionTicket;
            let by = truth.records.iter().find(is_it).and_then(|one| one.opened.get(log?.name));
            by.is_some_and(|by| *by != Opening::Tag)
        };
        let issued = ticket.issued_packet.filter(|_| ticket.issued_in.is_some_and(opens)).map(|at| at as u64);
        let seen = hello.number("mmtls.ticket.issued_in");
        faults.expect(seen == issued, || format!("session {number}: issued in {seen:?}, not {issued:?}"));
        let age = hello.number("mmtls.ticket.age").map(|age| age / 1000);
        let meant = issued.and(ticket.age_us);
        faults.expect(age == meant, || format!("session {number}: age {age:?}, not {meant:?}"));
    }
}

/// Compares all frames; how many there are, and how many were found.
fn frames(faults: &mut Faults, truth: &Truth, shown: &[Shown], log: Option<&KeyLog>) -> (usize, usize) {
    let Some(log) = log else { return (0, 0) };
    let number = |one: &Shown, name: &str| one.number(name).unwrap_or(u64::MAX);
    let mut left: HashMap<_, Vec<&Shown>> = HashMap::new();
    for one in shown.iter().filter(|one| one.protocol == LONG_LINK && one.has("wechat.op")) {
        let name = (u64::from(one.packet), number(one, "wechat.op"), number(one, "wechat.seq"));
        left.entry((name, number(one, "wechat.packet_len"))).or_default().push(one);
    }
    let (mut all, mut found) = (0, 0);
    for row in truth.frames.iter().filter(|row| row.intact && row.opened.iter().any(|name| name == log.name))
    {
        let Some(packet) = row.packet else { continue };
        all += 1;
        let at = || format!("frame {} {} in packet {packet}", row.op, row.seq);
        let name = ((packet as u64, row.op.into(), row.seq.into()), row.packet_len.into());
        let Some(one) = left.get_mut(&name).and_then(|same| (!same.is_empty()).then(|| same.remove(0)))
        else {
            faults.all.push(format!("missing: {}", at()));
            continue;
        };
        found += 1;
        let is_partner = |other: &&FrameRow| {
            (other.session, other.seq, other.packet) == (row.session, row.seq, row.partner)
        };
        let partner = truth.frames.iter().find(is_partner).filter(|other| other.opened == row.opened);
        if let Some(partner) = partner.and_then(|partner| partner.packet) {
            let seen = number(one, "wechat.response_in").min(number(one, "wechat.response_to"));
            faults.expect(seen == partner as u64, || format!("{seen}, not {partner}, belongs to {}", at()));
        }
    }
    // What is not intact may show as far as it is there.
    let intact = truth.frames.iter().all(|row| row.intact);
    for one in left.into_values().flatten().filter(|_| intact) {
        faults.all.push(format!(
            "invented: packet {} {}",
            one.packet,
            one.text.lines().next().unwrap_or_default()
        ));
    }
    (all, found)
}

/// Whether all data of one side of a session are there and open, or it is in no session.
fn opens(truth: &Truth, session: Option<usize>, from: Direction, log: Option<&KeyLog>) -> bool {
    let Some(session) = session else { return true };
    let is_data = |row: &&RecordRow| row.session == session && row.dir == from && row.what == What::Data;
    let opens = |row: &RecordRow| {
        let opening = log.and_then(|log| row.opened.get(log.name));
        row.state == State::Intact && !matches!(opening, None | Some(Opening::Tag))
    };
    let mut data = truth.records.iter().filter(is_data).peekable();
    data.peek().is_some() && data.all(opens)
}

/// Compares all calls of the short link.
fn calls(faults: &mut Faults, truth: &Truth, shown: &[Shown], log: Option<&KeyLog>) {
    let mut left: Vec<&Shown> = shown.iter().filter(|one| one.protocol == SHORT).collect();
    let mut all_open = true;
    for row in &truth.calls {
        let mut side = |from, packet: Option<usize>| {
            let opens = opens(truth, row.session, from, log);
            all_open &= opens;
            packet.filter(|_| opens)
        };
        let request = side(Direction::ClientToServer, row.request);
        let answer = side(Direction::ServerToClient, row.answer);
        for (packet, is_request) in [(request, true), (answer, false)] {
            let Some(packet) = packet else { continue };
            let at = || {
                format!(
                    "{} of {} in packet {packet}",
                    if is_request { "request" } else { "answer" },
                    row.name
                )
            };
            let is_it = |one: &&Shown| {
                let name = one.text("wechat_short.name");
                one.packet as usize == packet
                    && one.has("wechat_short.uri") == is_request
                    // Nobody knows the name of an answer whose request was not seen.
                    && if is_request || request.is_some() { name == Some(&row.name) } else { name.is_none() }
            };
            let Some(place) = left.iter().position(is_it) else {
                faults.all.push(format!("missing: {}", at()));
                continue;
            };
            let one = left.remove(place);
            let mut same = |name: &str, expected: Option<u64>| {
                let seen = one.number(name);
                faults.expect(seen == expected, || {
                    format!("{name} is {seen:?}, not {expected:?}, of {}", at())
                });
            };
            same("wechat_short.stream", Some(row.stream as u64));
            same("wechat.business.cgi", row.cgi_type.map(u64::from));
            let length = if is_request { row.request_len.or(Some(0)) } else { row.answer_len };
            // The length of a list of addresses is no business packet's.
            if length.is_some() {
                same("wechat_short.body_len", length.map(|length| length as u64));
            }
            if is_request && answer == row.answer {
                same("wechat_short.response_in", answer.map(|packet| packet as u64));
                same("wechat_short.unanswered", answer.is_none().then_some(1));
            }
            if !is_request {
                same("wechat_short.response_to", request.map(|packet| packet as u64));
                let time = row.time_us.filter(|_| request.is_some());
                same("wechat_short.response_time", time.map(|time| time * 1000));
            }
            let texts = [("uri", &row.uri), ("host", &row.host), ("carrier", &row.carrier)];
            for (name, expected) in texts.into_iter().filter(|(name, _)| is_request || *name == "carrier") {
                let seen = one.text(&format!("wechat_short.{name}"));
                faults.expect(seen == Some(expected), || format!("{name} is {seen:?} of {}", at()));
            }
        }
    }
    // What is not intact may show as far as it is there.
    for one in left.into_iter().filter(|_| all_open) {
        faults.all.push(format!(
            "invented: packet {} {}",
            one.packet,
            one.text.lines().next().unwrap_or_default()
        ));
    }
}

/// Compares all that is shown of a case in a later visit: what is wrong, and how many records and frames there are, each
/// with how many of them were found.
pub fn compare(name: &str, made: &Made, log: Option<&KeyLog>, shown: &[Shown]) -> (Faults, [usize; 4]) {
    let truth = Truth::of(made, log);
    let name = format!("{name} {}", log.map_or("closed", |log| log.name));
    let mut faults = Faults { name, all: Vec::new() };
    let (records, found) = records(&mut faults, &truth, shown, log);
    sessions(&mut faults, &truth, shown, log);
    let (frames, inside) = frames(&mut faults, &truth, shown, log);
    calls(&mut faults, &truth, shown, log);
    (faults, [records, found, frames, inside])
}

/// Fails with the first faults of each case.
#[track_caller]
pub fn all_is_as_meant(faults: Vec<Faults>) {
    let told: Vec<String> = faults
        .iter()
        .filter(|faults| !faults.all.is_empty())
        .map(|Faults { name, all }| {
            format!("{name}: {}\n  {}", all.len(), all[..all.len().min(4)].join("\n  "))
        })
        .collect();
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}
