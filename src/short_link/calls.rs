// SPDX-License-Identifier: GPL-2.0-or-later
//! Which messages belong to one call, and which calls are made again.
//!
//! A message of the first visit becomes an [`Event`]; later visits read it. What lies ahead of a message is given out
//! on later visits only.

use std::hash::BuildHasher as _;

use foldhash::HashMap;
use foldhash::quality::RandomState;

use crate::kernel::place::{LaneId, Missing, Partner, Place};
use crate::kernel::time::{SECOND, Time};

/// Texts that many calls share, each once.
#[derive(Debug, Default)]
pub struct Texts {
    numbers: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Texts {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        number
    }

    /// The text of a number; 0 has none.
    pub fn text(&self, number: u32) -> &str {
        let place = number.checked_sub(1).map(|place| place as usize);
        place.and_then(|place| self.texts.get(place)).map_or("", |text| text)
    }
}

/// What a message is of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request, with its framing or without.
    Request,
    /// The target of a request that has no body.
    Target,
    /// The head of an answer that has no body.
    Head,
    /// The answer.
    Answer,
    /// The answer with addresses.
    Addresses,
    /// Bytes whose beginning is missing.
    Continuation,
}

/// A message of the first visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its call.
    pub call: u32,
    /// What it is of that.
    pub part: Part,
    /// Its bytes.
    pub extent: u32,
    /// Whether its end is missing.
    pub cut: bool,
    /// Whether HTTP carries it as it is.
    pub plain: bool,
}

/// When and where a message was.
#[derive(Clone, Copy, Debug)]
struct At {
    packet: u32,
    time: Time,
}

/// What a request says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Number of its path's text.
    pub uri: u32,
    /// Number of its host's text.
    pub host: u32,
    /// The cgi type of its business packet.
    pub cgi: Option<u32>,
    /// The account's number.
    pub uin: u32,
    /// The client's address.
    pub client: &'a [u8],
    /// The encrypted body, which is another one each time.
    pub sealed: &'a [u8],
}

/// A call.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Number of its path's text.
    pub uri: u32,
    /// Number of its host's text.
    pub host: u32,
    /// The cgi type.
    pub cgi: Option<u32>,
    /// Row of its name in statistics.
    pub row: u32,
    request: Option<At>,
    answer: Option<At>,
    /// The end that asks, and whether something of an answer came from the other.
    client: bool,
    heard: bool,
    retry: Option<Retry>,
    retried_in: Option<u32>,
}

/// A call that was made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The packet with the call before.
    pub packet: u32,
    /// Whether that has an answer.
    pub answered: bool,
}

/// What is known of a message beyond its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Of an answer, its request.
    pub back: Option<Partner>,
    /// Of a request, its answer.
    pub ahead: Option<u32>,
    /// Whether nothing of an answer was seen.
    pub missing: Option<Missing>,
    /// Whether the request of an answer was not seen.
    pub unasked: bool,
    /// The call before that this one is again.
    pub retry: Option<Retry>,
    /// The packet of the call that is this one again.
    pub retried_in: Option<u32>,
}

/// Calls of one client to one host that go by one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Alike {
    client: Box<[u8]>,
    uri: u32,
    host: u32,
    uin: u32,
}

/// A client that has no answer yet does not make a call again sooner: calls of one name may be made at once.
const IMPATIENCE: i64 = 5 * SECOND;

/// Rows that statistics have for names, in the order in which the first pass saw them; the last is for all others.
pub const ROW_COUNT: u32 = 257;
/// That one.
pub const OTHERS: u32 = ROW_COUNT - 1;

/// The calls of a capture.
#[derive(Debug, Default)]
pub struct Calls {
    calls: Vec<Call>,
    events: HashMap<Place, Event>,
    /// The last call of each stream.
    current: HashMap<u32, u32>,
    /// The end of what each direction has said, and whether that is a continuation.
    ends: HashMap<LaneId, (u32, bool)>,
    latest: HashMap<Alike, u32>,
    /// Which call had a body first, by what stands for it.
    sealed: HashMap<u64, u32>,
    hasher: RandomState,
    /// Rows of paths in statistics.
    rows: HashMap<u32, u32>,
}

impl Calls {
    /// A message that the first visit has seen.
    pub fn find(&self, place: Place) -> Option<Event> {
        self.events.get(&place).copied()
    }

    /// A call by its number.
    pub fn call(&self, number: u32) -> Option<&Call> {
        self.calls.get(number as usize)
    }

    /// The last call of a stream.
    pub fn current(&self, stream: u32) -> Option<u32> {
        self.current.get(&stream).copied()
    }

    /// Whether the last call of a stream was asked from this end; nothing if there is none, or nobody saw that.
    pub fn asks_from(&self, lane: LaneId) -> Option<bool> {
        let call = self.call(self.current(lane.stream)?)?;
        call.request.map(|_| call.client == lane.side)
    }

    /// Whether a message begins at a place in the stream inside, as far as what came before tells.
    pub fn begins(&self, place: Place) -> bool {
        let (end, continues) = self.ends.get(&place.lane).copied().unwrap_or_default();
        end == place.position && !continues
    }

    /// The first visit has dealt with a message.
    pub fn keep(&mut self, place: Place, event: Event) {
        let end = place.position.wrapping_add(event.extent);
        self.ends.insert(place.lane, (end, event.part == Part::Continuation));
        self.events.insert(place, event);
    }

    /// A request begins a call: its number.
    pub fn asks(&mut self, place: Place, time: Time, asked: &Asked<'_>) -> u32 {
        let number = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let at = At { packet: place.packet, time };
        let before = self.before(number, time, asked);
        if let Some(before) = before.and_then(|before| self.calls.get_mut(before as usize)) {
            before.retried_in = before.retried_in.or(Some(place.packet));
        }
        let retry = before.and_then(|before| self.call(before)).and_then(|before| {
            Some(Retry { packet: before.request?.packet, answered: before.answer.is_some() })
        });
        let Asked { uri, host, cgi, .. } = *asked;
        let next = u32::try_from(self.rows.len()).unwrap_or(OTHERS);
        let row = match next < OTHERS {
            true => *self.rows.entry(uri).or_insert(next),
            false => self.rows.get(&uri).copied().unwrap_or(OTHERS),
        };
        self.calls.push(Call {
            uri,
            host,
            cgi,
            row,
            request: Some(at),
            client: place.lane.side,
            retry,
            ..Call::default()
        });
        self.current.insert(place.lane.stream, number);
        number
    }

    /// The call that a new one is again: the very same request, or one of the same client and name that waits for its
    /// answer in vain.
    fn before(&mut self, number: u32, time: Time, asked: &Asked<'_>) -> Option<u32> {
        let client: Box<[u8]> = asked.client.into();
        let same = match asked.sealed {
            [] => None,
            sealed => self.sealed.insert(self.hasher.hash_one((&client, asked.uri, sealed)), number),
        };
        let alike = Alike { client, uri: asked.uri, host: asked.host, uin: asked.uin };
        let latest = self.latest.insert(alike, number);
        let waits_in_vain = |before: &u32| {
            self.call(*before).is_some_and(|call| {
                let elapsed = call.request.map_or(0, |request| time.since(request.time));
                call.answer.is_none() && elapsed >= IMPATIENCE
            })
        };
        same.or_else(|| latest.filter(waits_in_vain))
    }

    /// An answer comes in: the number of its call.
    pub fn answers(&mut self, place: Place, time: Time) -> u32 {
        let waits = |number: &u32| self.call(*number).is_some_and(|call| call.answer.is_none());
        let number = self.current(place.lane.stream).filter(waits).unwrap_or_else(|| {
            self.calls.push(Call { row: OTHERS, ..Call::default() });
            u32::try_from(self.calls.len()).unwrap_or(u32::MAX).saturating_sub(1)
        });
        self.current.insert(place.lane.stream, number);
        if let Some(call) = self.calls.get_mut(number as usize) {
            call.answer = Some(At { packet: place.packet, time });
            call.heard = true;
        }
        number
    }

    /// Something that is no whole message comes in: of an answer, if the other end asks.
    pub fn hears(&mut self, lane: LaneId) {
        let current = self.current(lane.stream);
        if let Some(call) = current.and_then(|number| self.calls.get_mut(number as usize)) {
            call.heard |= call.client != lane.side;
        }
    }

    /// What is known of a message of a call; `later` on later visits, of a capture that ends at `end`.
    pub fn facts(&self, event: Event, later: bool, end: Time) -> Facts {
        let Some(call) = self.call(event.call) else { return Facts::default() };
        match event.part {
            Part::Request | Part::Target => Facts {
                ahead: call.answer.filter(|_| later).map(|answer| answer.packet),
                missing: call.request.filter(|_| later && !call.heard).map(|request| Missing {
                    until_end: end.since(request.time),
                    superseded: call.retried_in.is_some(),
                }),
                retry: call.retry,
                retried_in: call.retried_in.filter(|_| later),
                ..Facts::default()
            },
            Part::Answer | Part::Head | Part::Addresses => Facts {
                back: call.request.zip(call.answer).map(|(request, answer)| Partner {
                    packet: request.packet,
                    elapsed: answer.time.since(request.time),
                }),
                unasked: call.request.is_none(),
                ..Facts::default()
            },
            Part::Continuation => Facts::default(),
        }
    }
}
