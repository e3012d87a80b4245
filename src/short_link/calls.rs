// SPDX-License-Identifier: GPL-2.0-or-later
//! Which messages belong to one call, and which calls are made again.
//!
//! A message of the first visit becomes an [`Event`]; later visits read it. What lies ahead of a message is given out
//! on later visits only.

use std::hash::BuildHasher as _;

use foldhash::HashMap;
use foldhash::quality::RandomState;

use crate::kernel::list::Decided;
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
    events: Decided<Event>,
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
        self.events.find(place).copied()
    }

    /// A call by its number.
    pub fn call(&self, number: u32) -> Option<&Call> {
        self.calls.get(number as usize)
    }

    /// The packets of all calls that a packet has a message of.
    pub fn exchange(&self, packet: u32) -> impl Iterator<Item = u32> {
        let calls = self.events.in_packet(packet).filter_map(|event| self.call(event.call));
        calls.flat_map(|call| [call.request, call.answer]).flatten().map(|at| at.packet)
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
        self.events.keep(place, event);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::short_link::navigation;

    fn place(packet: u32, stream: u32, side: bool) -> Place {
        Place { packet, lane: LaneId::new(stream, side), position: 0 }
    }

    fn at(seconds: i64) -> Time {
        Time::new(seconds, 0)
    }

    /// A request of one of two clients, in a packet and a stream of its own.
    fn ask(calls: &mut Calls, packet: u32, seconds: i64, asked: &Asked<'_>) -> Event {
        let place = place(packet, packet, false);
        let call = calls.asks(place, at(seconds), asked);
        let event = Event { call, part: Part::Request, extent: 1, cut: false, plain: false };
        calls.keep(place, event);
        event
    }

    fn answer(calls: &mut Calls, packet: u32, stream: u32, seconds: i64) -> Event {
        let place = place(packet, stream, true);
        let call = calls.answers(place, at(seconds));
        Event { call, part: Part::Answer, extent: 1, cut: false, plain: false }
    }

    const ASKED: Asked<'_> =
        Asked { uri: 1, host: 2, cgi: Some(138), uin: 7, client: &[10, 0, 0, 1], sealed: b"a" };

    #[test]
    fn an_answer_belongs_to_the_request_of_its_stream() {
        let mut calls = Calls::default();
        let first = ask(&mut calls, 1, 0, &ASKED);
        let second = ask(&mut calls, 2, 1, &Asked { uri: 3, ..ASKED });
        let answered = answer(&mut calls, 3, 1, 4);
        assert_eq!(answered.call, first.call);
        let facts = |event, later| calls.facts(event, later, at(9));
        assert_eq!(facts(answered, false).back, Some(Partner { packet: 1, elapsed: 4 * SECOND }));
        assert_eq!((facts(first, false).ahead, facts(first, true).ahead), (None, Some(3)));
        assert_eq!(facts(first, true).missing, None);
        assert_eq!(facts(second, false).missing, None);
        let missing = facts(second, true).missing.unwrap();
        assert_eq!((missing.until_end, missing.superseded), (8 * SECOND, false));
        let filter = |packet| navigation::packet_filter(&calls, 0, packet);
        assert_eq!(filter(1).as_deref(), Some("frame.number == 1 || frame.number == 3"));
        assert_eq!((filter(2), navigation::packet_filter(&calls, 1, 1)), (None, None));
        // Another answer in the stream is to something that nobody saw.
        let alone = answer(&mut calls, 4, 1, 5);
        let facts = calls.facts(alone, true, at(9));
        assert!(alone.call != first.call && facts.unasked && facts.back.is_none());
    }

    #[test]
    fn a_call_is_made_again_when_its_answer_does_not_come() {
        let again = |seconds, asked: &Asked<'_>, is_answered: bool| {
            let mut calls = Calls::default();
            let first = ask(&mut calls, 1, 0, &ASKED);
            if is_answered {
                answer(&mut calls, 2, 1, 1);
            }
            let second = ask(&mut calls, 3, seconds, asked);
            let ahead = calls.facts(first, true, at(99)).retried_in;
            let retry = calls.facts(second, false, at(99)).retry;
            assert_eq!(ahead, retry.map(|_| 3));
            retry.map(|retry| (retry.packet, retry.answered))
        };
        let other = Asked { sealed: b"b", ..ASKED };
        assert_eq!(again(5, &other, false), Some((1, false)));
        // Sooner it is another call, and so it is behind an answer, of another client, name or account.
        assert_eq!(again(4, &other, false), None);
        assert_eq!(again(60, &other, true), None);
        for other in [
            Asked { client: &[10, 0, 0, 2], ..other },
            Asked { uri: 9, ..other },
            Asked { host: 9, ..other },
            Asked { uin: 9, ..other },
        ] {
            assert_eq!(again(60, &other, false), None, "{other:?}");
        }
        // The very same request is the same call at any time.
        assert_eq!(again(1, &ASKED, false), Some((1, false)));
        assert_eq!(again(60, &ASKED, true), Some((1, true)));
        assert_eq!(again(60, &Asked { client: &[10, 0, 0, 2], ..ASKED }, true), None);
    }

    #[test]
    fn something_of_an_answer_is_no_silence() {
        let mut calls = Calls::default();
        let asked = ask(&mut calls, 1, 0, &ASKED);
        calls.hears(LaneId::new(1, false));
        assert!(calls.facts(asked, true, at(9)).missing.is_some());
        calls.hears(LaneId::new(1, true));
        assert!(calls.facts(asked, true, at(9)).missing.is_none());
    }

    #[test]
    fn names_have_rows_until_they_run_out() {
        let mut calls = Calls::default();
        for uri in 0..300 {
            let event = ask(&mut calls, uri, 0, &Asked { uri, ..ASKED });
            assert_eq!(calls.call(event.call).unwrap().row, uri.min(OTHERS));
        }
        let event = ask(&mut calls, 300, 0, &Asked { uri: 7, ..ASKED });
        assert_eq!(calls.call(event.call).unwrap().row, 7);
    }

    #[test]
    fn equal_texts_have_one_number() {
        let mut texts = Texts::default();
        let [a, b] = ["a", "b"].map(|text| texts.number(text));
        assert_eq!((texts.number("a"), texts.text(a), texts.text(b), texts.text(0)), (a, "a", "b", ""));
    }

    #[test]
    fn a_message_begins_where_the_one_before_ended() {
        let mut calls = Calls::default();
        let at = |position| Place { position, ..place(1, 1, false) };
        assert!(calls.begins(at(0)) && !calls.begins(at(4)));
        let event = Event { call: 0, part: Part::Request, extent: 4, cut: false, plain: false };
        calls.keep(at(0), event);
        assert!(calls.begins(at(4)) && !calls.begins(at(5)));
        calls.keep(at(6), Event { part: Part::Continuation, ..event });
        assert!(!calls.begins(at(10)));
    }
}
