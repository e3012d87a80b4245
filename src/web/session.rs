// SPDX-License-Identifier: GPL-2.0-or-later
//! Which messages of the web client belong together: the only place that knows.
//!
//! The rules stand in docs/web.md. The first pass appends one event for each message; later visits
//! look it up. What lies ahead of a message is given out on later visits only.

use std::collections::{HashMap, HashSet};

use super::call::Role;
use super::members::Sort;
use crate::kernel::place::{Missing, Partner};
use crate::kernel::time::Time;
use crate::wechat::keys::{Growth, sorted};

/// Number of an event.
pub type Event = u32;
/// A SyncKey: numbers of keys and their values.
pub type Keys = Vec<(u64, u64)>;

/// What a message says that others may refer to.
#[derive(Clone, Debug, Default)]
pub struct Gist {
    /// Stands for the session id.
    pub sid: Option<u64>,
    /// Stands for the account.
    pub account: Option<u64>,
    /// SyncKeys, by their sort.
    pub keys: [Option<Keys>; Sort::ALL.len()],
    /// Numbers of the messages that it brings.
    pub messages: Vec<u64>,
    /// Their types, and how many there are of each.
    pub types: Vec<(u32, u32)>,
    /// Number that the client's own message gets.
    pub sent: Option<u64>,
    /// Of a poll's answer.
    pub retcode: Option<u32>,
    /// Of a poll's answer.
    pub selector: Option<u32>,
    /// Whether the call went well, as the answer says.
    pub ret: Option<i32>,
    /// Whether there is more to fetch at once.
    pub more: bool,
}

impl Gist {
    /// Whether a poll's answer announces something to fetch.
    pub fn announces(&self) -> bool {
        self.retcode == Some(0) && self.selector.is_some_and(|selector| selector != 0)
    }
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    packet: u32,
    time: Time,
    session: u32,
    call: u8,
    request: bool,
    announces: bool,
    /// The other half of the exchange.
    partner: Option<Event>,
}

#[derive(Debug, Default)]
struct Session {
    /// For each sort the newest SyncKey.
    newest: [Option<(Event, Keys)>; Sort::ALL.len()],
    /// Answers of polls that announced something and that nothing followed yet.
    waiting: Vec<Event>,
    /// Where each message came.
    messages: HashMap<u64, Vec<Event>>,
    /// Where each message was sent.
    sends: HashMap<u64, Event>,
}

/// A SyncKey and the one before.
#[derive(Debug)]
struct Step {
    before: Event,
    growth: Growth,
}

/// Sessions, and who belongs to which.
#[derive(Debug, Default)]
pub struct Sessions {
    seen: Vec<Seen>,
    sessions: Vec<Session>,
    by_sid: HashMap<u64, u32>,
    by_account: HashMap<u64, u32>,
    by_stream: HashMap<u32, u32>,
    steps: HashMap<(Event, Sort), Step>,
    next_keys: HashMap<(Event, Sort), Vec<Event>>,
    fetched: HashMap<Event, Event>,
    polls: HashMap<Event, Vec<Event>>,
    /// Answers of polls behind which the client polled again, before it fetched anything.
    passed: HashSet<Event>,
    /// When the last packet was captured that came here.
    end: Time,
}

/// How one SyncKey of a message compares.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The packet of the SyncKey before.
    pub packet: u32,
    /// What changed.
    pub growth: &'a Growth,
}

/// Where a message of the account's also is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Also {
    /// The packet that brought it first.
    pub first: Option<u32>,
    /// The next packet that brings it; on later visits only.
    pub next: Option<u32>,
    /// The packet that told the sender its number.
    pub send: Option<u32>,
}

/// Everything that is known of a message beyond its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    sessions: &'a Sessions,
    event: Event,
    later: bool,
}

impl Sessions {
    /// Notes that the first pass saw a packet of this time. The last one counts, whatever the clock did.
    pub fn saw(&mut self, time: Time) {
        self.end = time;
    }

    /// The call of an event.
    pub fn call(&self, event: Event) -> Option<u8> {
        self.seen.get(event as usize).map(|seen| seen.call)
    }

    /// A message in a packet: a request without `request`, a response to that. Its gist is told later.
    pub fn observe(&mut self, packet: u32, time: Time, call: u8, request: Option<Event>) -> Event {
        let event = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        let session = request.and_then(|request| self.seen.get(request as usize)).map(|seen| seen.session);
        let seen = Seen {
            packet,
            time,
            session: session.unwrap_or(u32::MAX),
            call,
            request: request.is_none(),
            announces: false,
            partner: request,
        };
        self.seen.push(seen);
        if let Some(request) = request.and_then(|request| self.seen.get_mut(request as usize)) {
            request.partner = Some(event);
        }
        event
    }

    /// What a message says, and what the call does that it belongs to.
    pub fn learn(&mut self, event: Event, stream: u32, gist: &Gist, role: Role) {
        let Some(seen) = self.seen.get(event as usize) else { return };
        let (known, request) = (seen.session, seen.request);
        let number = if request { self.session_of(stream, gist) } else { known };
        let Some(session) = self.sessions.get_mut(number as usize) else { return };
        if let Some(seen) = self.seen.get_mut(event as usize) {
            seen.session = number;
            seen.announces = gist.announces();
        }
        for sort in Sort::ALL {
            let Some(Some(keys)) = gist.keys.get(sort as usize) else { continue };
            let keys = sorted(keys);
            let before = sort.before().iter().find_map(|other| {
                let newest = session.newest.get(*other as usize)?.as_ref();
                newest.filter(|(before, _)| *before != event).map(|newest| (*other, newest))
            });
            if let Some((other, (before, old))) = before {
                let growth = Growth::between(old, &keys);
                self.steps.insert((event, sort), Step { before: *before, growth });
                self.next_keys.entry((*before, other)).or_default().push(event);
            }
            if let Some(newest) = session.newest.get_mut(sort as usize) {
                *newest = Some((event, keys));
            }
        }
        if gist.announces() {
            session.waiting.push(event);
        }
        match role {
            Role::Fetch if request && !session.waiting.is_empty() => {
                let polls = std::mem::take(&mut session.waiting);
                self.fetched.extend(polls.iter().map(|poll| (*poll, event)));
                self.polls.insert(event, polls);
            }
            Role::Poll if request => self.passed.extend(session.waiting.drain(..)),
            _ => {}
        }
        for message in &gist.messages {
            let came = session.messages.entry(*message).or_default();
            if came.last() != Some(&event) {
                came.push(event);
            }
        }
        if let Some(sent) = gist.sent {
            session.sends.entry(sent).or_insert(event);
        }
    }

    /// The session of a request: by its id, else by its account, else by its connection.
    fn session_of(&mut self, stream: u32, gist: &Gist) -> u32 {
        let fresh = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        let known = match (gist.sid, gist.account) {
            (Some(sid), _) => self.by_sid.get(&sid),
            (None, Some(account)) => self.by_account.get(&account),
            (None, None) => self.by_stream.get(&stream),
        };
        let session = known.copied().unwrap_or(fresh);
        if session == fresh {
            self.sessions.push(Session::default());
        }
        self.by_stream.insert(stream, session);
        if let Some(sid) = gist.sid {
            self.by_sid.insert(sid, session);
        }
        if let Some(account) = gist.account {
            self.by_account.insert(account, session);
        }
        session
    }

    /// What is known of an event; what lies ahead of it only on a `later` visit.
    pub fn facts(&self, event: Event, later: bool) -> Facts<'_> {
        Facts { sessions: self, event, later }
    }

    fn packet(&self, event: Event) -> Option<u32> {
        self.seen.get(event as usize).map(|seen| seen.packet)
    }
}

impl<'a> Facts<'a> {
    fn seen(&self) -> Option<&'a Seen> {
        self.sessions.seen.get(self.event as usize)
    }

    /// Whether what lies ahead is known.
    pub fn is_later(&self) -> bool {
        self.later
    }

    /// Number of the session.
    pub fn session(&self) -> Option<u32> {
        self.seen().map(|seen| seen.session).filter(|session| *session != u32::MAX)
    }

    /// The other half of the exchange.
    pub fn partner(&self) -> Option<Partner> {
        let seen = self.seen()?;
        let other = self.sessions.seen.get(seen.partner? as usize)?;
        let (asked, answered) = if seen.request { (seen, other) } else { (other, seen) };
        let elapsed = answered.time.since(asked.time);
        (self.later || !seen.request).then_some(Partner { packet: other.packet, elapsed })
    }

    /// How a SyncKey of the message compares with the one before.
    pub fn compared(&self, sort: Sort) -> Option<Compared<'a>> {
        let step = self.sessions.steps.get(&(self.event, sort))?;
        Some(Compared { packet: self.sessions.packet(step.before)?, growth: &step.growth })
    }

    /// The packets of the SyncKeys that are compared with one of this message.
    pub fn compared_in(&self, sort: Sort) -> impl Iterator<Item = u32> + use<'a> {
        let sessions = self.sessions;
        let next = sessions.next_keys.get(&(self.event, sort)).filter(|_| self.later);
        next.map_or(&[][..], Vec::as_slice).iter().filter_map(|next| sessions.packet(*next))
    }

    /// The packet of the request that fetched what this poll announced.
    pub fn fetch(&self) -> Option<u32> {
        self.sessions.packet(*self.sessions.fetched.get(&self.event).filter(|_| self.later)?)
    }

    /// Whether nothing fetched what this poll announced; superseded where the client polled again instead.
    pub fn unfetched(&self) -> Option<Missing> {
        let seen = self.seen().filter(|seen| self.later && seen.announces)?;
        let missing = !self.sessions.fetched.contains_key(&self.event);
        let until_end = self.sessions.end.since(seen.time);
        let superseded = self.sessions.passed.contains(&self.event);
        missing.then_some(Missing { until_end, superseded })
    }

    /// Whether this poll's answer announces something.
    pub fn announces(&self) -> bool {
        self.seen().is_some_and(|seen| seen.announces)
    }

    /// Packets of the polls that announced what this request fetches.
    pub fn polls(&self) -> impl Iterator<Item = u32> + use<'a> {
        let sessions = self.sessions;
        let polls = sessions.polls.get(&self.event).map_or(&[][..], Vec::as_slice);
        polls.iter().filter_map(|poll| sessions.packet(*poll))
    }

    /// Nanoseconds since the first of them.
    pub fn since_poll(&self) -> Option<i64> {
        let first = self.sessions.polls.get(&self.event)?.first()?;
        let then = self.sessions.seen.get(*first as usize)?.time;
        Some(self.seen()?.time.since(then))
    }

    /// Where a message that this one brings also is.
    pub fn message(&self, id: u64) -> Also {
        let Some(session) = self.in_session() else { return Also::default() };
        let came = session.messages.get(&id).map_or(&[][..], Vec::as_slice);
        let visible = |event: &&Event| self.later || **event < self.event;
        let packet = |event: Option<&Event>| self.sessions.packet(*event?);
        Also {
            first: packet(came.first().filter(|event| **event < self.event)),
            next: packet(came.iter().find(|event| **event > self.event).filter(|_| self.later)),
            send: packet(session.sends.get(&id).filter(visible)),
        }
    }

    /// The packet of the sync that returns the message which this one sent. It may lie behind.
    pub fn sent(&self, id: u64) -> Option<u32> {
        let came = self.in_session()?.messages.get(&id)?.first()?;
        (self.later || *came < self.event).then(|| self.sessions.packet(*came))?
    }

    fn in_session(&self) -> Option<&'a Session> {
        self.sessions.sessions.get(self.seen()?.session as usize)
    }
}
