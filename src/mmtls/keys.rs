// SPDX-License-Identifier: GPL-2.0-or-later
//! Which key opens which record: what the key logs give, what follows from it, and what has opened others.
//!
//! | tried in this order | key from |
//! | --- | --- |
//! | lines that name the record by its last 8 bytes | `line`, or `comment` |
//! | keys that have opened records of its direction | as then, or `same direction` |
//! | keys that follow from the session's secrets | `secret` |
//! | secrets of tickets and keys of other lines, so many | the same |
//!
//! The tag decides, always.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use foldhash::HashMap;

use super::count::Count;
use super::record::{HEADER_LEN, Header};
use super::schedule::{
    EARLY, EARLY_RESPONSE, HANDSHAKE, PSK_ACCESS, Transcript, application_keys, encrypted_extensions,
    finished, resumed_keys,
};
use super::seal::{Opener, Openers};
use crate::wechat::key_log::half::{Half, Hash, Pair, Secret};
use crate::wechat::key_log::keys::KeyLog;
use crate::wechat::key_log::line::Given;
use crate::wechat::key_log::ring::KeyRing;

/// Where a key is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A line that names the record.
    Line,
    /// A line that names another record of the direction.
    SameDirection,
    /// What a line gives of the session.
    Secret,
    /// A line in a packet's comment.
    Comment,
}

impl Source {
    /// Its words in `mmtls.key_source`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::SameDirection => "same direction",
            Self::Secret => "secret",
            Self::Comment => "comment",
        }
    }

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Line, Self::SameDirection, Self::Secret, Self::Comment];
}

/// Why a record stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The user has none.
    NoKeyLog,
    /// None of its lines gives a key.
    NoLine,
    /// There was none when the record came.
    KeyLater,
    /// A line names the record, and its key does not fit.
    Tag,
    /// Bytes of the record are missing.
    Cut,
    /// There is a key, but not the number of the record.
    Sequence,
}

impl Closed {
    /// Its words in `mmtls.why_closed`.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoKeyLog => "no key log",
            Self::NoLine => "no line",
            Self::KeyLater => "key came later",
            Self::Tag => "tag",
            Self::Cut => "cut",
            Self::Sequence => "sequence unknown",
        }
    }

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::NoKeyLog, Self::NoLine, Self::KeyLater, Self::Tag, Self::Cut, Self::Sequence];
}

/// Keys of a direction that are kept in mind: a session has two or three.
const MOST_CANDIDATES: usize = 64;
/// Numbers that are tried where the capture does not have the direction's beginning.
const LATE_START: u32 = 4096;
/// Numbers that are tried behind a hole.
const MOST_NUMBERS: u32 = 65_536;
/// Numbers that are tried around the one that should fit.
const NEAR: u32 = 16;
/// Secrets or keys of others that are tried.
const MOST_OTHERS: usize = 1024;
/// How often secrets are tried for a ticket.
const MOST_TRIES: u8 = 4;
/// How often they are tried for a direction.
const MOST_SEARCHES: u8 = 4;
/// Records in a row for which many numbers are tried in vain.
const MOST_MISSES: u8 = 16;

/// A record to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// Its session's number.
    pub session: u32,
    /// Its packet's.
    pub packet: u32,
    /// Its header.
    pub header: Header,
    /// All behind it.
    pub content: &'a [u8],
    /// The numbers that it may have.
    pub count: Count,
    /// Who sent it, where that is known.
    pub from_client: Option<bool>,
    /// The random of its session's ClientHello.
    pub random: Option<[u8; 32]>,
}

impl Sealed<'_> {
    /// Its last 8 bytes.
    fn tail(&self) -> Option<u64> {
        self.content.last_chunk().map(|tail| u64::from_be_bytes(*tail))
    }
}

/// What has opened a record.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Number of the key.
    pub key: u32,
    /// The record's number.
    pub seq: u32,
    /// Where the key is from.
    pub source: Source,
}

/// A key that may open records of a direction.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    key: u32,
    source: Source,
    /// Which of the session's secrets it follows from.
    secret: Option<u8>,
}

/// A direction of a session.
#[derive(Clone, Debug, Default)]
struct Direction {
    /// What has opened a record last comes first.
    candidates: Vec<Candidate>,
    /// Whether any has.
    proven: bool,
    /// Searches among the keys of others.
    searches: u8,
    /// Records in a row that none of many numbers fitted.
    misses: u8,
}

/// What is known of a session's keys. A session without a hello has only those of lines.
#[derive(Clone, Debug, Default)]
struct Session {
    transcript: Transcript,
    /// Messages that are in it.
    messages: u8,
    random: Option<[u8; 32]>,
    ticket: Option<u64>,
    time: u32,
    early: bool,
    extended: bool,
    /// Of ClientHello.
    client_hello: Option<Hash>,
    /// Up to ServerHello.
    hellos: Option<Hash>,
    /// Up to CertificateVerify.
    certified: Option<Hash>,
    /// Up to NewSessionTicket.
    all: Option<Hash>,
    secrets: Vec<Secret>,
    /// The secret that a key follows from which has opened a record.
    proven: Option<u8>,
    client: Direction,
    server: Direction,
    /// The messages, and the state of the key logs, from which the candidates were made.
    made_of: Option<(u8, u32)>,
}

impl Session {
    fn direction(&mut self, from_client: bool) -> &mut Direction {
        if from_client { &mut self.client } else { &mut self.server }
    }
}

/// What a ClientHello says that matters for keys.
#[derive(Clone, Copy, Debug)]
pub struct Hello {
    /// What names the session.
    pub random: [u8; 32],
    /// What stands for its ticket.
    pub ticket: Option<u64>,
    /// The client's time.
    pub time: u32,
    /// Whether early data follow.
    pub early: bool,
}

/// A message of the handshake.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    /// The first.
    ClientHello(Hello),
    /// The second; with early data the third.
    ServerHello,
    /// The second, with early data.
    EncryptedExtensions,
    /// The third.
    CertificateVerify,
    /// The fourth, with what stands for the access ticket in it.
    NewSessionTicket(Option<u64>),
}

/// What is wrong with a key log.
#[derive(Clone, Debug)]
pub struct AboutKeys {
    /// Why it cannot be read.
    pub error: Option<String>,
    /// Lines whose keys are too short or too long.
    pub wrong_lengths: u64,
}

/// A key that stays where it is while a list grows, so that no copy of it is left behind.
type Placed = Box<Half>;

/// All that is known of keys in a capture.
#[derive(Debug, Default)]
pub struct Keys {
    /// What the user has given.
    ring: Rc<RefCell<KeyRing>>,
    /// By number.
    halves: Vec<Placed>,
    sessions: HashMap<u32, Box<Session>>,
    /// Secrets of tickets, by what stands for these.
    tickets: HashMap<u64, Box<Secret>>,
    /// Tickets without a secret: the state of the key logs, and how often they were searched then.
    failed: HashMap<u64, (u32, u8)>,
    openers: Openers,
    room: BytesMut,
}

impl Keys {
    /// What follows from what a user has given.
    pub fn new(ring: Rc<RefCell<KeyRing>>) -> Self {
        Self { ring, ..Self::default() }
    }

    /// What is to be said of the key log.
    pub fn about(&self) -> AboutKeys {
        let ring = self.ring.borrow();
        AboutKeys { error: ring.error().map(str::to_owned), wrong_lengths: ring.wrong_lengths() }
    }

    /// The handshake has gone on by a message, with its length and type.
    pub fn said(&mut self, session: u32, said: Said, message: &[u8]) {
        if !self.ring.borrow().may_have_keys() {
            return;
        }
        let state = self.sessions.entry(session).or_default();
        match said {
            Said::ClientHello(Hello { random, ticket, time, early }) => {
                **state = Session { random: Some(random), ticket, time, early, ..Session::default() };
            }
            // A capture that begins behind the first has no use for the others.
            _ if state.client_hello.is_none() => return,
            Said::ServerHello if state.early && !state.extended => {
                state.transcript.add(&encrypted_extensions(state.time));
            }
            Said::EncryptedExtensions if state.hellos.is_some() || state.extended => return,
            Said::EncryptedExtensions => state.extended = true,
            _ => {}
        }
        state.transcript.add(message);
        state.messages = state.messages.saturating_add(1);
        let hash = Some(state.transcript.hash());
        match said {
            Said::ClientHello(_) => state.client_hello = hash,
            Said::ServerHello => state.hellos = hash,
            Said::EncryptedExtensions => {}
            Said::CertificateVerify => state.certified = hash,
            Said::NewSessionTicket(access) => {
                state.all = hash;
                let shared = state.proven.and_then(|place| state.secrets.get(usize::from(place)));
                if let (Some(access), Some(shared), Some(certified)) = (access, shared, state.certified) {
                    self.tickets.insert(access, Box::new(PSK_ACCESS.secret(shared, &certified)));
                }
            }
        }
    }

    /// Opens a record on its first visit; what was in it.
    pub fn open(&mut self, sealed: &Sealed<'_>) -> Result<(Opening, Bytes), Closed> {
        if !self.ring.borrow().may_have_keys() {
            return Err(Closed::NoKeyLog);
        }
        match self.try_all(sealed) {
            Err(why) if why != Closed::Tag && self.has_grown(sealed.packet, true) => self.try_all(sealed),
            tried => tried,
        }
    }

    /// Looks at the key log again, once for a visit of a packet.
    fn has_grown(&self, packet: u32, first_visit: bool) -> bool {
        self.ring.borrow_mut().read_for(packet, first_visit)
    }

    fn try_all(&mut self, sealed: &Sealed<'_>) -> Result<(Opening, Bytes), Closed> {
        let (lines, named) = self.by_line(sealed);
        let opening = lines.or_else(|| self.by_session(sealed)).or_else(|| self.by_others(sealed));
        let Some(opening) = opening else {
            return Err(if named { Closed::Tag } else { self.why(sealed) });
        };
        Ok((opening, self.room.split().freeze()))
    }

    /// Opens a record again.
    pub fn reopen(&mut self, opening: Opening, header: Header, content: &[u8]) -> Option<Bytes> {
        let half = self.halves.get(opening.key as usize)?;
        self.room.clear();
        let opened = self.openers.of(half).open(opening.seq.into(), &header.bytes, content, &mut self.room);
        opened.then(|| self.room.split().freeze())
    }

    /// Changes whenever the key logs have got keys.
    pub fn state(&self) -> u32 {
        self.ring.borrow().state()
    }

    /// Whether there are keys by now for a record that was closed on its first visit, when the key logs were in
    /// `state`.
    pub fn came_later(&self, sealed: &Sealed<'_>, state: u32) -> bool {
        self.has_grown(sealed.packet, false);
        let ring = self.ring.borrow();
        if ring.state() == state {
            return false;
        }
        let named = |log: &KeyLog| sealed.tail().is_some_and(|tail| log.by_tail(tail).next().is_some());
        let session = self.sessions.get(&sealed.session);
        let random = sealed.random.or(session.and_then(|session| session.random));
        let given = |log: &KeyLog| {
            let hashes =
                session.map_or([None; 3], |session| [session.client_hello, session.hellos, session.all]);
            let by_hash = hashes.iter().flatten().any(|hash| log.by_hash(hash).next().is_some());
            by_hash || random.is_some_and(|random| log.by_random(&random).next().is_some())
        };
        ring.logs().into_iter().any(|log| named(log) || given(log))
    }

    /// Whether the HMAC of a Finished is right, where a secret tells.
    pub fn verify(&self, session: u32, from_client: bool, said: &[u8]) -> Option<bool> {
        let session = self.sessions.get(&session)?;
        let secret = session.secrets.get(usize::from(session.proven?))?;
        let hash = if session.certified.is_some() { session.all? } else { session.hellos? };
        Some(finished(secret, from_client, &hash) == said)
    }

    /// Lines that name the record; also whether there are any.
    fn by_line(&mut self, sealed: &Sealed<'_>) -> (Option<Opening>, bool) {
        let Some(tail) = sealed.tail() else { return (None, false) };
        let ring = self.ring.borrow();
        let [log, comments] = ring.logs();
        let lines = log.by_tail(tail).map(|line| (line, Source::Line, Source::SameDirection));
        let comments = comments.by_tail(tail).map(|line| (line, Source::Comment, Source::Comment));
        let mut named = false;
        let (openers, room) = (&mut self.openers, &mut self.room);
        let found = lines.chain(comments).take(MOST_OTHERS).find(|(line, ..)| {
            named = true;
            room.clear();
            openers.of(&line.half).open(line.seq, &sealed.header.bytes, sealed.content, room)
        });
        drop(ring);
        let Some((line, source, for_others)) = found else { return (None, named) };
        let session = self.sessions.entry(sealed.session).or_default();
        let direction = session.direction(sealed.from_client.unwrap_or_default());
        let key = number(&mut self.halves, &direction.candidates, &line.half);
        let opening = Opening { key, seq: u32::try_from(line.seq).unwrap_or(u32::MAX), source };
        self.opened(sealed, opening, for_others);
        (Some(opening), true)
    }

    /// A key has opened a record, and may open others of its direction.
    fn opened(&mut self, sealed: &Sealed<'_>, opening: Opening, source: Source) {
        let session = self.sessions.entry(sealed.session).or_default();
        let direction = session.direction(sealed.from_client.unwrap_or_default());
        (direction.proven, direction.misses) = (true, 0);
        let place = direction.candidates.iter().position(|candidate| candidate.key == opening.key);
        match place {
            Some(0) => {}
            Some(place) => {
                let found = direction.candidates.remove(place);
                direction.candidates.insert(0, found);
            }
            None => direction.candidates.insert(0, Candidate { key: opening.key, source, secret: None }),
        }
        direction.candidates.truncate(MOST_CANDIDATES);
        let secret = direction.candidates.first().and_then(|candidate| candidate.secret);
        session.proven = session.proven.or(secret);
    }

    /// Keys of the session.
    fn by_session(&mut self, sealed: &Sealed<'_>) -> Option<Opening> {
        let session = self.sessions.entry(sealed.session).or_default();
        // Keys may have come behind the hello.
        session.random = session.random.or(sealed.random);
        self.make_candidates(sealed.session);
        let direction =
            self.sessions.get_mut(&sealed.session)?.direction(sealed.from_client.unwrap_or_default());
        let (halves, openers, room) = (&self.halves, &mut self.openers, &mut self.room);
        let opening = (0usize..).zip(&direction.candidates).find_map(|(place, candidate)| {
            let opener = openers.of(halves.get(candidate.key as usize)?);
            room.clear();
            let all = numbers(sealed.count, place == 0 && direction.proven);
            let numbers = all.take(if direction.misses < MOST_MISSES { usize::MAX } else { 1 });
            let seq = find(opener, sealed, numbers, room)?;
            Some(Opening { key: candidate.key, seq, source: candidate.source })
        });
        let Some(opening) = opening else {
            direction.misses = direction.misses.saturating_add(u8::from(sealed.count.exact().is_none()));
            return None;
        };
        self.opened(sealed, opening, opening.source);
        Some(opening)
    }

    /// Keys and secrets that nothing but the tag ties to the session.
    fn by_others(&mut self, sealed: &Sealed<'_>) -> Option<Opening> {
        let from_client = sealed.from_client?;
        let session = self.sessions.entry(sealed.session).or_default();
        let direction = session.direction(from_client);
        let is_near = sealed.count.from.is_some() && sealed.count.more <= NEAR;
        if direction.searches >= MOST_SEARCHES || !is_near {
            return None;
        }
        direction.searches = direction.searches.saturating_add(1);
        let ring = self.ring.clone();
        let ring = ring.borrow();
        let logs = ring.logs();
        let ticket = session.ticket;
        // Without a secret for one session there is none for the others with its ticket.
        let state = ring.state();
        let tries = |ticket| {
            self.failed.get(&ticket).filter(|(then, _)| *then == state).map_or(0, |(_, tries)| *tries)
        };
        let is_hopeful = ticket.is_some_and(|ticket| tries(ticket) < MOST_TRIES);
        let psks: Vec<Secret> = match ticket.filter(|_| is_hopeful) {
            Some(_) => logs.into_iter().flat_map(KeyLog::psks).take(MOST_OTHERS).collect(),
            None => Vec::new(),
        };
        let room = &mut self.room;
        let mut find = |half: &Half| {
            room.clear();
            find(&Opener::new(half), sealed, numbers(sealed.count, false), room)
        };
        let fits = |psk: &Secret| of_ticket(session, psk, from_client).any(|half| find(&half).is_some());
        if let (Some(psk), Some(ticket)) = (psks.into_iter().find(fits), ticket) {
            session.made_of = None;
            self.tickets.insert(ticket, Box::new(psk));
            return self.by_session(sealed);
        }
        if let Some(ticket) = ticket.filter(|_| is_hopeful) {
            let tries = tries(ticket).saturating_add(1);
            self.failed.insert(ticket, (state, tries));
        }
        let halves = logs.into_iter().flat_map(|log| log.halves(from_client)).take(MOST_OTHERS);
        let halves: Vec<Half> = halves.collect();
        let (seq, half) = halves.into_iter().find_map(|half| Some((find(&half)?, half)))?;
        let key = number(&mut self.halves, &session.direction(from_client).candidates, &half);
        let opening = Opening { key, seq, source: Source::SameDirection };
        self.opened(sealed, opening, Source::SameDirection);
        Some(opening)
    }

    /// What follows from what is known of the session.
    fn make_candidates(&mut self, number_of_session: u32) {
        let session = self.sessions.entry(number_of_session).or_default();
        let ring = self.ring.borrow();
        let made_of = (session.messages, ring.state());
        if session.made_of.replace(made_of) == Some(made_of) {
            return;
        }
        let [log, comments] = ring.logs();
        let logs = [(log, Source::Secret), (comments, Source::Comment)];
        let hashes = [session.client_hello, session.hellos, session.all];
        let mut given: Vec<(Given, Source)> = Vec::new();
        for (log, source) in logs {
            let by_random = session.random.iter().flat_map(|random| log.by_random(random));
            let by_hash = hashes.iter().flatten().flat_map(|hash| log.by_hash(hash));
            given.extend(by_random.chain(by_hash).map(|given| (given, source)));
        }
        let known = session.ticket.and_then(|ticket| self.tickets.get(&ticket));
        given.extend(known.map(|secret| (Given::Psk(Secret::clone(secret)), Source::Secret)));
        for (given, source) in given {
            for (from_client, half, secret) in made_of_given(session, given) {
                let candidates = &mut session.direction(from_client).candidates;
                let key = number(&mut self.halves, candidates, &half);
                match candidates.iter_mut().find(|candidate| candidate.key == key) {
                    Some(known) => known.secret = known.secret.or(secret),
                    None => candidates.push(Candidate { key, source, secret }),
                }
            }
        }
    }

    /// Why nothing has opened a record of which no line speaks.
    fn why(&self, sealed: &Sealed<'_>) -> Closed {
        let session = self.sessions.get(&sealed.session);
        let direction = session.map(|session| match sealed.from_client {
            Some(true) => &session.client,
            _ => &session.server,
        });
        let has_key = direction.is_some_and(|direction| !direction.candidates.is_empty());
        if has_key && sealed.count.exact().is_none() { Closed::Sequence } else { Closed::NoLine }
    }
}

/// Keys of a direction, true for the client's, and the place of the secret that they follow from.
type Made = (bool, Half, Option<u8>);

/// The keys that follow from what a key log gives of a session.
fn made_of_given(session: &mut Session, given: Given) -> Vec<Made> {
    match given {
        Given::Handshake(pair) | Given::Application(pair) => both(&pair, None).into(),
        Given::Early(half) => vec![(true, half, None)],
        Given::EarlyResponse(half) => vec![(false, half, None)],
        Given::Shared(secret) => {
            let place = place_of(&mut session.secrets, &secret);
            let handshake = session.hellos.map(|hash| HANDSHAKE.pair(&secret, &hash));
            let data = session.all.map(|hash| application_keys(&secret, &hash));
            handshake.iter().chain(&data).flat_map(|pair| both(pair, place)).collect()
        }
        Given::Psk(secret) => {
            let place = place_of(&mut session.secrets, &secret);
            let of = |from_client| {
                of_ticket(session, &secret, from_client).map(move |half| (from_client, half, place))
            };
            of(true).chain(of(false)).collect()
        }
    }
}

/// The keys of both directions.
fn both(pair: &Pair, secret: Option<u8>) -> [Made; 2] {
    [true, false].map(|from_client| (from_client, pair.half(from_client).clone(), secret))
}

/// The keys of a direction that follow from a ticket's secret.
fn of_ticket(session: &Session, psk: &Secret, from_client: bool) -> impl Iterator<Item = Half> {
    let early = match (session.early, from_client) {
        (true, true) => session.client_hello.map(|hash| EARLY.half(psk, &hash)),
        (true, false) => session.hellos.map(|hash| EARLY_RESPONSE.half(psk, &hash)),
        (false, _) => None,
    };
    let hellos = session.hellos.filter(|_| !session.early);
    let handshake = hellos.map(|hash| HANDSHAKE.pair(psk, &hash));
    let data: Vec<Pair> =
        hellos.iter().flat_map(|hash| resumed_keys(psk, std::slice::from_ref(hash))).collect();
    early.into_iter().chain(handshake.into_iter().chain(data).map(move |pair| pair.half(from_client).clone()))
}

/// The place of a secret among a session's.
fn place_of(secrets: &mut Vec<Secret>, secret: &Secret) -> Option<u8> {
    let place = secrets.iter().position(|known| known == secret).unwrap_or(secrets.len());
    if place == secrets.len() {
        secrets.reserve_exact(1);
        secrets.push(secret.clone());
    }
    u8::try_from(place).ok()
}

/// The number of a key: that of an equal one among the candidates of its direction, or the next.
fn number(halves: &mut Vec<Placed>, candidates: &[Candidate], half: &Half) -> u32 {
    let is_it =
        |candidate: &&Candidate| halves.get(candidate.key as usize).is_some_and(|known| **known == *half);
    if let Some(known) = candidates.iter().find(is_it) {
        return known.key;
    }
    let number = u32::try_from(halves.len()).unwrap_or(u32::MAX);
    halves.push(Box::new(half.clone()));
    number
}

/// The numbers that a record may have; `near` adds those around the likeliest.
fn numbers(count: Count, near: bool) -> impl Iterator<Item = u32> {
    let (from, more) = count.from.map_or((0, LATE_START), |from| (from, count.more.min(MOST_NUMBERS)));
    let likely = from..=from.saturating_add(more);
    let around = near.then(|| from.saturating_sub(NEAR)..=from.saturating_add(NEAR));
    likely.clone().chain(around.into_iter().flatten().filter(move |number| !likely.contains(number)))
}

/// Opens a record with one of the numbers that it may have.
fn find(
    opener: &Opener,
    sealed: &Sealed<'_>,
    mut numbers: impl Iterator<Item = u32>,
    out: &mut BytesMut,
) -> Option<u32> {
    let header: &[u8; HEADER_LEN] = &sealed.header.bytes;
    let first = numbers.next()?;
    if opener.open(first.into(), header, sealed.content, out) {
        return Some(first);
    }
    let found = opener.find(numbers.map(u64::from), header, sealed.content, out)?;
    u32::try_from(found).ok()
}
