// SPDX-License-Identifier: GPL-2.0-or-later
//! The messages of one capture: whose each is, and what came with it.
//!
//! The host stands around HTTP's dissector. Before it is called, the heads are read ([`Http::begin`]); each body
//! that it passes on is given to the message it belongs to ([`Http::place`]); behind it, what it did not ask to see
//! again is taken ([`Http::end`]) and shown, message by message ([`Http::message`]).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use foldhash::HashMap;

use super::body::Bodies;
use super::exchanges::{Exchanges, Mark, Origin};
use super::head::{Head, Kind, first_line, heads};
use crate::kernel::place::{LaneId, Place};
use crate::kernel::report::Report;
use crate::kernel::segment::Segment;
use crate::kernel::time::Time;
use crate::wechat::secret::Rule;
use crate::wechat::settings::Shared;

/// A message of a protocol's.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The bytes in which its head lies.
    pub segment: &'a Segment<'a>,
    /// Its head.
    pub head: &'a Head,
    /// What the protocol called it.
    pub event: u32,
    /// Its body as HTTP's dissector passed it on; the report has it as bytes of their own.
    pub body: &'a [u8],
}

/// The state of a protocol in the messages of HTTP, in one capture.
pub trait Carried: fmt::Debug {
    /// Whether bytes may hold a request of its own: quick, and right when it says no.
    fn may_be_in(&self, data: &[u8]) -> bool;

    /// The same of a response to a request that nobody saw.
    fn may_answer(&self, _: &[u8]) -> bool {
        false
    }

    /// Whether a request is its own, or a response to a request that nobody saw.
    fn claims(&self, data: &[u8], head: &Head) -> bool;

    /// The first visit has come so far.
    fn saw(&mut self, time: Time);

    /// The first visit has come to a request of its own, or to what answers such a one. A number for it.
    fn observe(&mut self, segment: &Segment<'_>, head: &Head, request: Option<u32>) -> u32;

    /// Deals with a message of its own.
    fn message(&mut self, message: &Message<'_>, report: &mut Report);

    /// Says in a report that it failed on a message in so many bytes.
    fn failed(&self, report: &mut Report, length: usize);
}

/// A message of the bytes at hand.
#[derive(Debug)]
struct Seen {
    head: Head,
    /// The protocol whose request it is, or whose response if nobody saw its request.
    claim: Option<u16>,
    mark: Option<Mark>,
}

/// The messages in bytes that HTTP's dissector has been given and has not returned from.
#[derive(Debug)]
struct Pass {
    lane: LaneId,
    messages: Vec<Seen>,
    bodies: Bodies,
    /// Whether the words in the Info column are ours, of every message.
    speaks: bool,
}

/// The passes that are open, the oldest first.
#[derive(Debug, Default)]
struct Passes(Vec<Pass>);

/// Passes at a time: one for HTTP, one more for each tunnel in it.
const MOST_PASSES: usize = 8;

impl Passes {
    fn of(&self, lane: LaneId) -> Option<&Pass> {
        self.0.iter().find(|pass| pass.lane == lane)
    }

    fn of_mut(&mut self, lane: LaneId) -> Option<&mut Pass> {
        self.0.iter_mut().find(|pass| pass.lane == lane)
    }

    fn take(&mut self, lane: LaneId) -> Option<Pass> {
        let at = self.0.iter().position(|pass| pass.lane == lane)?;
        Some(self.0.remove(at))
    }

    /// Opens a pass, the only one of its lane.
    fn put(&mut self, pass: Pass) {
        // One that is left over is of a packet whose dissection ended in an error.
        if self.0.len() >= MOST_PASSES {
            self.0.remove(0);
        }
        self.0.push(pass);
    }
}

/// Messages in one pass; the smallest has three bytes.
const MOST_MESSAGES: usize = 65_536;

/// Messages that one visit of a packet has seen where positions count nothing: the number of each is the same
/// on every visit.
#[derive(Debug, Default)]
struct Turn {
    packet: u32,
    /// That of the last bytes: in a visit it only grows.
    position: u32,
    count: u32,
}

impl Turn {
    /// Number of the first message of the next bytes.
    fn next(&self, segment: &Segment<'_>) -> u32 {
        let same = self.packet == segment.packet && segment.position > self.position;
        if same { self.count } else { 0 }
    }

    /// Takes `count` messages of these bytes, and gives the number of the first.
    fn take(&mut self, segment: &Segment<'_>, count: usize) -> u32 {
        let first = self.next(segment);
        let count = first.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        *self = Self { packet: segment.packet, position: segment.position, count };
        first
    }
}

/// The messages of one capture.
#[derive(Debug)]
pub struct Http {
    /// By the numbers of the protocols' tables.
    protocols: Vec<Option<Box<dyn Carried>>>,
    exchanges: Exchanges,
    /// Where the messages are that are somebody's.
    places: HashMap<Place, Mark>,
    turn: Turn,
    passes: Passes,
}

impl Http {
    /// A capture that begins, with the protocols that lie in HTTP.
    pub fn new(protocols: Vec<Option<Box<dyn Carried>>>) -> Self {
        let (exchanges, places, turn, passes) = Default::default();
        Self { protocols, exchanges, places, turn, passes }
    }

    /// Reads the heads in bytes that HTTP's dissector is about to get. Returns how many messages there are;
    /// with none, nothing else is to be done.
    pub fn begin(&mut self, segment: &Segment<'_>) -> usize {
        drop(self.passes.take(segment.lane));
        if segment.first_visit {
            self.protocols.iter_mut().flatten().for_each(|protocol| protocol.saw(segment.time));
        }
        if self.is_foreign(segment) {
            return 0;
        }
        let mut messages = Vec::new();
        for head in heads(segment.data).take(MOST_MESSAGES) {
            let claim = match head.kind {
                Kind::Request => self.claimant(segment.data, &head),
                Kind::Response(_) if self.exchanges.waits_for_none(segment.lane.stream) => {
                    self.claimant(segment.data, &head)
                }
                Kind::Response(_) | Kind::Other => None,
            };
            messages.push(Seen { head, claim, mark: None });
        }
        if messages.iter().all(|message| message.head.kind == Kind::Other) {
            let kind = messages.first().map(|message| message.head.kind).or(first_line(segment.data));
            self.says_nothing(segment, kind);
            return 0;
        }
        let count = messages.len();
        self.passes.put(Pass { lane: segment.lane, messages, bodies: Bodies::default(), speaks: false });
        count
    }

    /// The protocol whose a request is.
    fn claimant(&self, data: &[u8], head: &Head) -> Option<u16> {
        let claims = |protocol: &Option<Box<dyn Carried>>| {
            protocol.as_ref().is_some_and(|protocol| protocol.claims(data, head))
        };
        self.protocols.iter().position(claims).and_then(|number| u16::try_from(number).ok())
    }

    /// Whether bytes are other people's: most are, and they are not to wait for heads to be read.
    fn is_foreign(&mut self, segment: &Segment<'_>) -> bool {
        if !segment.counted || self.exchanges.knows(segment.lane.stream) {
            return false;
        }
        let kind = first_line(segment.data);
        let mut protocols = self.protocols.iter().flatten();
        let may_be_ours = match kind {
            Some(Kind::Response(_)) => {
                self.exchanges.waits_for_none(segment.lane.stream)
                    && protocols.any(|protocol| protocol.may_answer(segment.data))
            }
            _ => protocols.any(|protocol| protocol.may_be_in(segment.data)),
        };
        if may_be_ours {
            return false;
        }
        match kind {
            _ if !segment.first_visit => {}
            Some(Kind::Request) => self.exchanges.foreign_asks(origin(segment, 0)),
            Some(kind @ Kind::Response(_)) if !kind.is_interim() => {
                self.exchanges.foreign_answers(origin(segment, 0));
            }
            Some(Kind::Response(_)) | None => {}
            Some(Kind::Other) => self.says_nothing(segment, kind),
        }
        true
    }

    /// Bytes hold no message. Those that begin with half a line may be offered again with the rest of it.
    fn says_nothing(&mut self, segment: &Segment<'_>, kind: Option<Kind>) {
        if segment.first_visit && kind == Some(Kind::Other) && first_line(segment.data).is_some() {
            self.exchanges.says(origin(segment, 0));
        }
    }

    /// Whether the words in the Info column are to be ours, of every message in bytes that HTTP's dissector is about
    /// to get: if one of them is somebody's, or the column holds words of ours already.
    pub fn speaks(&mut self, segment: &Segment<'_>, spoken: bool) -> bool {
        let Some(pass) = self.passes.of(segment.lane) else { return false };
        let is_own = |(number, message): (u32, &Seen)| {
            self.places.contains_key(&place(segment, number, message.head.at.start))
        };
        let mut awaited = self.exchanges.awaited(segment.lane.stream);
        let is_due = |message: &Seen| match message.head.kind {
            Kind::Request => message.claim.is_some(),
            kind @ Kind::Response(_) if !kind.is_interim() => {
                awaited.next().unwrap_or(message.claim.is_some())
            }
            Kind::Response(_) | Kind::Other => false,
        };
        let speaks = spoken
            || match segment.first_visit {
                true => pass.messages.iter().any(is_due),
                false => (self.turn.next(segment)..).zip(&pass.messages).any(is_own),
            };
        if let Some(pass) = self.passes.of_mut(segment.lane) {
            pass.speaks = speaks;
        }
        speaks
    }

    /// The message to which a body belongs that HTTP's dissector passes on: it begins at `at` of `segment`, unless
    /// it was coded, and has `length` bytes, and the media type `media`, unless nobody knows.
    pub fn place(
        &mut self,
        segment: &Segment<'_>,
        at: Option<usize>,
        length: usize,
        media: Option<&str>,
    ) -> Option<usize> {
        let Pass { messages, bodies, .. } = self.passes.of_mut(segment.lane)?;
        bodies.place(segment.data, messages.iter().map(|message| &message.head.body), at, length, media)
    }

    /// HTTP's dissector has returned, and has dealt with the first `taken` bytes. Returns how many messages are to be
    /// shown; none if nothing is to be said of any.
    pub fn end(&mut self, segment: &Segment<'_>, taken: usize) -> usize {
        let Some(mut pass) = self.passes.take(segment.lane) else { return 0 };
        pass.messages.retain(|message| message.head.at.start < taken && !message.head.is_cut);
        let first = if segment.counted { 0 } else { self.turn.take(segment, pass.messages.len()) };
        for (number, message) in (first..).zip(&mut pass.messages) {
            let place = place(segment, number, message.head.at.start);
            message.mark = match segment.first_visit {
                true => self.observe(segment, message, place),
                false => self.places.get(&place).copied(),
            };
        }
        if !pass.speaks && pass.messages.iter().all(|message| message.mark.is_none()) {
            return 0;
        }
        let count = pass.messages.len();
        self.passes.put(pass);
        count
    }

    /// The first visit has come to a message.
    fn observe(&mut self, segment: &Segment<'_>, message: &Seen, place: Place) -> Option<Mark> {
        let Head { kind, at, end, .. } = &message.head;
        let from = origin(segment, at.start);
        let (owner, request) = match *kind {
            Kind::Request => (message.claim, None),
            kind @ Kind::Response(_) if kind.is_interim() => return None,
            Kind::Response(_) => {
                let whole = *end <= segment.data.len();
                let length = u32::try_from(end.saturating_sub(at.start)).ok().filter(|_| whole);
                let unasked = self.exchanges.waits_for_none(from.lane.stream);
                match self.exchanges.answers(from, length) {
                    Some(mark) => (Some(mark.owner), Some(mark.event)),
                    None => (message.claim.filter(|_| unasked), None),
                }
            }
            Kind::Other => {
                self.exchanges.says(from);
                return None;
            }
        };
        let mark = owner.and_then(|owner| {
            let protocol = self.protocols.get_mut(usize::from(owner))?.as_mut()?;
            Some(Mark { owner, event: protocol.observe(segment, &message.head, request) })
        });
        if *kind == Kind::Request {
            self.exchanges.asks(origin(segment, 0), mark);
        }
        if let Some(mark) = mark {
            self.places.insert(place, mark);
        }
        mark
    }

    /// The protocol whose a message is, of those that [`Self::end`] took.
    pub fn owner(&self, segment: &Segment<'_>, index: usize) -> Option<u16> {
        Some(self.passes.of(segment.lane)?.messages.get(index)?.mark?.owner)
    }

    /// Deals with a message of those that [`Self::end`] took, with its body as HTTP's dissector passed it on. Where
    /// its head lies, if it is somebody's: only then there is a report. Of another message there may be words for the
    /// Info column.
    pub fn message(
        &mut self,
        segment: &Segment<'_>,
        index: usize,
        body: &[u8],
        config: &Shared,
        report: &mut Report,
    ) -> Option<Range<usize>> {
        let pass = self.passes.of(segment.lane)?;
        let Seen { head, mark, .. } = pass.messages.get(index)?;
        let owner = mark.and_then(|mark| self.protocols.get_mut(usize::from(mark.owner))?.as_mut());
        let (Some(protocol), Some(mark)) = (owner, mark) else {
            if pass.speaks {
                let line = first_words(segment.data, head);
                report.set_info(&*config.shown(Rule::Text, "", &line));
            }
            return None;
        };
        protocol.message(&Message { segment, head, event: mark.event, body }, report);
        Some(head.at.clone())
    }

    /// Says in a report that a protocol failed on a message.
    pub fn failed(&self, protocol: u16, report: &mut Report, length: usize) {
        if let Some(Some(protocol)) = self.protocols.get(usize::from(protocol)) {
            protocol.failed(report, length);
        }
    }
}

/// Position of a byte in the stream.
fn position(segment: &Segment<'_>, offset: usize) -> u32 {
    segment.position.wrapping_add(u32::try_from(offset).unwrap_or(u32::MAX))
}

/// Where a message is: by the position of its first byte, or by its number in the packet where positions count
/// nothing.
fn place(segment: &Segment<'_>, number: u32, offset: usize) -> Place {
    Place { position: if segment.counted { position(segment, offset) } else { number }, ..segment.place() }
}

/// Where the byte at an offset is from.
fn origin(segment: &Segment<'_>, offset: usize) -> Origin {
    let position = segment.counted.then(|| position(segment, offset));
    Origin { lane: segment.lane, position, time: segment.time }
}

/// What HTTP's dissector says of a message in the Info column: its first line.
fn first_words<'a>(data: &'a [u8], head: &Head) -> Cow<'a, str> {
    let head = data.get(head.at.clone()).unwrap_or_default();
    let line = head.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
    String::from_utf8_lossy(line)
}
