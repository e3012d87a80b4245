// SPDX-License-Identifier: GPL-2.0-or-later
//! Which frame answers which: the only place that knows.
//!
//! The first pass appends one event for each PDU; later visits look it up by packet, lane and
//! position. Nothing else changes state, so every later visit sees the same. A fact that lies
//! ahead of a frame (answered in, acknowledged in) is given out on later visits only.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `link.rs` | the pairing of one stream |
//! | `observed.rs` | what is seen of a PDU, and what is decided |
//! | `event.rs` | one PDU, packed |
//! | `newest.rs` | the newest request of each seqid |
//! | `fact.rs` | what is known of few events only |

mod event;
mod fact;
mod link;
mod newest;
mod observed;

use foldhash::HashMap;

use crate::kernel::framing::Why;
use crate::kernel::place::{LaneId, Missing, Partner, Place};
use crate::kernel::time::{SECOND, Time};
use crate::wechat::keys::{Growth, Keys};
use crate::wechat::operation::Kind;
use event::Tags;
use link::Link;

pub use fact::Fact;
pub use link::Interval;
pub use observed::{Decision, Observed};

/// How an acknowledgement found its push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckRule {
    /// The elapsed time that the client states fits.
    ElapsedTime,
    /// It was the oldest one open.
    OldestOpen,
}

/// What is known of a frame beyond its own bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// What it answers or acknowledges.
    pub back: Option<Partner>,
    /// The operation of that as on the wire.
    pub back_op: Option<u32>,
    /// What answers or acknowledges it; on later visits only.
    pub ahead: Option<Partner>,
    /// Of an acknowledgement, how its push was found.
    pub ack_rule: Option<AckRule>,
    /// Whether an answer, or of a push an acknowledgement, is due.
    pub opens: bool,
    /// Whether what it answers or acknowledges was due.
    pub closes: bool,
    /// The answer or acknowledgement that never came; on later visits only.
    pub missing: Option<Missing>,
    /// Packet of the push that it probably acknowledges, or of what probably acknowledges it; on later
    /// visits only.
    pub inferred: Option<u32>,
    /// Of a heartbeat, the time since the one before.
    pub interval: Option<Interval>,
    /// Packet of the heartbeat behind one; on later visits only.
    pub next_heartbeat: Option<u32>,
    /// Of a request or a response, the requests of its stream that are open behind it.
    pub open: Option<u16>,
    /// How the keys of its SyncKey grew.
    pub growth: Option<&'a Growth>,
    rest: Option<(&'a Link, u32, bool)>,
}

impl<'a> Facts<'a> {
    /// Everything else, with its value, in the order in which it was learned.
    pub fn rest(&self) -> impl Iterator<Item = (Fact, i64)> + Clone + use<'a> {
        let later = self.rest.is_some_and(|(_, _, later)| later);
        let all = self.rest.map(|(link, event, _)| link.remarks.of(event));
        all.into_iter().flatten().filter(move |(fact, _)| later || !fact.is_ahead())
    }

    /// The first value of one kind.
    pub fn value(&self, wanted: Fact) -> Option<i64> {
        self.rest().find(|(fact, _)| *fact == wanted).map(|(_, value)| value)
    }
}

/// The next link of a client counts as another attempt for so long: 10 s.
const NEXT_ATTEMPT: i64 = 10 * SECOND;

/// An event, and its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    stream: u32,
    event: u32,
}

/// The pairing of all streams of a capture.
#[derive(Debug, Default)]
pub struct Session {
    links: HashMap<u32, Link>,
    /// By the address of a client, the stream that it opened last.
    clients: HashMap<Box<[u8]>, u32>,
    keys: Keys<EventId>,
    /// When the last packet was captured that the first pass saw.
    end: Time,
}

impl Session {
    /// Notes that the first pass saw a packet of this time. The last one counts, whatever the clock did.
    pub fn saw(&mut self, time: Time) {
        self.end = time;
    }

    /// Records a frame of the first pass and pairs it. `None` when packets come in falling order,
    /// which no first pass does.
    pub fn observe(&mut self, place: Place, frame: &Observed<'_>) -> Option<EventId> {
        let stream = place.lane.stream;
        let link = self.links.entry(stream).or_default();
        let begins = link.last_frame().is_none();
        let id = EventId { stream, event: link.observe(place, frame)? };
        if begins && let Some(client) = frame.client {
            self.open_link(id, client, frame.time);
        }
        if !frame.keys.is_empty() {
            self.compare_keys(id, frame);
        }
        Some(id)
    }

    /// Records bytes that the first pass skipped.
    pub fn skip(&mut self, place: Place, length: usize, why: Why) {
        self.links.entry(place.lane.stream).or_default().skip(place, length, why);
    }

    /// Whether a frame of this operation, and as far as is known of this seqid, began at a position not long ago.
    pub fn began_frame(&self, lane: LaneId, position: u32, op: u32, seq: u32) -> bool {
        self.links.get(&lane.stream).is_some_and(|link| link.began_frame(lane.side, position, op, seq))
    }

    /// What the first pass decided at `place`; `None` where it waited for more.
    pub fn find(&mut self, place: Place) -> Option<(EventId, Decision)> {
        let stream = place.lane.stream;
        let (event, decision) = self.links.get_mut(&stream)?.find(place)?;
        Some((EventId { stream, event }, decision))
    }

    /// What is known of an event beyond its own bytes.
    pub fn facts(&self, id: EventId, first_visit: bool) -> Facts<'_> {
        let Some(link) = self.links.get(&id.stream) else { return Facts::default() };
        let Some(event) = link.event(id.event) else { return Facts::default() };
        let kind = event.tags.kind();
        let beats = kind == Kind::HeartbeatRequest;
        let asks = beats || kind == Kind::Request;
        let mut facts = Facts {
            interval: if beats { link.interval(id.event) } else { None },
            open: (asks || kind.answers()).then(|| event.tags.open()),
            growth: link.growth(id.event),
            opens: event.tags.has(Tags::EXPECTS),
            rest: link.remarks.has(id.event).then_some((link, id.event, !first_visit)),
            ..Facts::default()
        };
        let partner = link.event(event.partner);
        let time = || link.time(id.event);
        let elapsed = || time().since(link.time(event.partner));
        let answers = kind.answers() || kind == Kind::PushAck;
        if let Some(other) = partner.filter(|_| answers) {
            facts.back = Some(Partner { packet: other.packet, elapsed: elapsed() });
            facts.back_op = Some(other.op);
            facts.closes = other.tags.has(Tags::EXPECTS);
            facts.ack_rule = (kind == Kind::PushAck).then(|| match event.tags.has(Tags::BY_TIME) {
                true => AckRule::ElapsedTime,
                false => AckRule::OldestOpen,
            });
        }
        if first_visit || answers {
            return facts;
        }
        facts.next_heartbeat = if beats { link.next_heartbeat(id.event) } else { None };
        facts.inferred = link.inferred(id.event).map(|other| link.packet(other));
        facts.ahead =
            partner.map(|other| Partner { packet: other.packet, elapsed: elapsed().saturating_neg() });
        let missing = event.tags.has(Tags::EXPECTS) && facts.ahead.is_none() && facts.inferred.is_none();
        facts.missing = missing.then(|| Missing {
            until_end: self.end.since(time()),
            superseded: event.tags.has(Tags::SUPERSEDED),
        });
        facts
    }

    /// Says of two events of any links where the other is.
    fn relate(&mut self, later: EventId, back: Fact, earlier: EventId, ahead: Fact) {
        let packet = |id: EventId| self.links.get(&id.stream).map_or(0, |link| link.packet(id.event));
        let ends = [(later, back, packet(earlier)), (earlier, ahead, packet(later))];
        for (id, fact, packet) in ends {
            if let Some(link) = self.links.get_mut(&id.stream) {
                link.remarks.add(id.event, fact, packet);
            }
        }
    }

    /// The packets with the frames of `packet`, and with what they answer or what answers them.
    pub fn exchange(&self, stream: u32, packet: u32) -> impl Iterator<Item = u32> + '_ {
        let link = self.links.get(&stream);
        link.into_iter().flat_map(move |link| link.frames_of(packet)).flat_map(|(link, id, event)| {
            let more = link.remarks.of(id).filter(|(fact, _)| *fact == Fact::AckTo);
            let more = more.filter_map(|(_, packet)| u32::try_from(packet).ok());
            let partner = link.event(event.partner).map(|partner| partner.packet);
            std::iter::once(event.packet).chain(partner).chain(more)
        })
    }

    /// Finds out whose link begins with an event, and whether it follows one that has just ended.
    fn open_link(&mut self, id: EventId, address: &[u8], time: Time) {
        let before = self.clients.insert(address.into(), id.stream);
        let before = before.and_then(|stream| {
            let link = self.links.get(&stream)?;
            let last = EventId { stream, event: link.last_frame()? };
            time.is_near(link.time(last.event), NEXT_ATTEMPT).then_some((last, link.attempt))
        });
        let Some((last, attempt)) = before else { return };
        if let Some(link) = self.links.get_mut(&id.stream) {
            link.attempt = attempt.saturating_add(1);
            // The first attempt is counted as none.
            link.remarks.add(id.event, Fact::Attempt, link.attempt.saturating_add(1));
        }
        self.relate(id, Fact::AttemptAfter, last, Fact::AttemptNext);
    }

    fn compare_keys(&mut self, id: EventId, frame: &Observed<'_>) {
        let Some(link) = self.links.get_mut(&id.stream) else { return };
        let (state, before) = self.keys.follow(link.keys, frame.account, id, frame.keys);
        link.keys = Some(state);
        let Some((before, growth)) = before else { return };
        link.set_growth(id.event, growth);
        self.relate(id, Fact::KeyPrevious, before, Fact::KeyNext);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::MILLISECOND as MS;
    use crate::wechat::operation::{self, Sender, classify};

    struct Story {
        session: Session,
        packet: u32,
    }

    impl Story {
        fn new() -> Self {
            Self { session: Session::default(), packet: 0 }
        }
        fn place(&self, packet: u32, server: bool) -> Place {
            Place { packet, lane: LaneId::new(3, server), position: packet * 100 }
        }
        fn frame(&mut self, server: bool, op: u32, seq: u32, time: i64, elapsed_ms: Option<u32>) -> u32 {
            self.packet += 1;
            let hint = Some(if server { Sender::Server } else { Sender::Client });
            let meaning = classify(op, seq, 4, hint);
            let frame = Observed {
                meaning,
                op,
                seq,
                time: Time::from_nanoseconds(time),
                expects: op == 122 || matches!(meaning.kind, Kind::Request | Kind::HeartbeatRequest),
                unlisted: false,
                sync: operation::sync(meaning),
                selector: 7,
                elapsed_ms,
                keys: &[],
                account: None,
                client: None,
                began: true,
                alone: false,
                wrong_length: false,
                extent: None,
            };
            let place = self.place(self.packet, server);
            self.session.observe(place, &frame).unwrap();
            self.packet
        }
        fn facts(&mut self, packet: u32, server: bool, first_visit: bool) -> Facts<'_> {
            let (id, _) = self.session.find(self.place(packet, server)).unwrap();
            self.session.facts(id, first_visit)
        }
        fn back(&mut self, packet: u32, server: bool) -> Option<u32> {
            self.facts(packet, server, false).back.map(|partner| partner.packet)
        }
    }

    #[test]
    fn a_response_pairs_with_the_open_request_of_its_seqid() {
        let mut story = Story::new();
        let first = story.frame(false, 237, 1, 0, None);
        let second = story.frame(false, 121, 2, 10 * MS, None);
        let answer = story.frame(true, 1_000_000_237, 1, 30 * MS, None);
        assert_eq!(story.back(answer, true), Some(first));
        assert_eq!(story.facts(answer, true, true).back.unwrap().elapsed, 30 * MS);
        assert_eq!(story.facts(first, false, false).ahead.unwrap().packet, answer);
        assert_eq!(story.facts(first, false, true).ahead, None);
        assert_eq!(story.facts(second, false, true).missing, None);
        assert!(story.facts(second, false, false).missing.is_some());
        assert_eq!(story.facts(second, false, false).ahead, None);
    }

    #[test]
    fn a_second_response_pairs_with_nothing() {
        let mut story = Story::new();
        story.frame(false, 237, 1, 0, None);
        story.frame(true, 1_000_000_237, 1, MS, None);
        let again = story.frame(true, 1_000_000_237, 1, 2 * MS, None);
        assert_eq!(story.back(again, true), None);
        assert_eq!(story.facts(again, true, true).value(Fact::DuplicateOf), Some(2));
        assert_eq!(story.facts(2, true, false).value(Fact::DuplicateIn), Some(again.into()));
        assert_eq!(story.facts(2, true, true).value(Fact::DuplicateIn), None);
    }

    #[test]
    fn a_newer_request_supersedes_an_open_one() {
        let mut story = Story::new();
        let old = story.frame(false, 6, u32::MAX, 0, None);
        let new = story.frame(false, 6, u32::MAX, MS, None);
        let answer = story.frame(true, 1_000_000_006, u32::MAX, 2 * MS, None);
        assert_eq!(story.back(answer, true), Some(new));
        assert_eq!(story.facts(old, false, false).ahead, None);
    }

    #[test]
    fn heartbeats_repeat_their_seqid_for_ever() {
        let mut story = Story::new();
        for beat in 0..if cfg!(miri) { 100 } else { 10_000 } {
            let time = beat * 270_000 * MS;
            let request = story.frame(false, 6, u32::MAX, time, None);
            let answer = story.frame(true, 1_000_000_006, u32::MAX, time + 40 * MS, None);
            let facts = story.facts(answer, true, true);
            let back = facts.back.unwrap();
            assert_eq!((back.packet, back.elapsed, facts.back_op), (request, 40 * MS, Some(6)));
            assert_eq!(facts.rest().count(), 0);
            let interval = story.facts(request, false, false).interval;
            assert_eq!(interval.map(|interval| interval.now), (beat > 0).then_some(270_000 * MS));
        }
    }

    #[test]
    fn an_acknowledgement_goes_by_time_then_by_age() {
        let mut story = Story::new();
        let first = story.frame(true, 122, 0, 0, None);
        let second = story.frame(true, 122, 0, 1000 * MS, None);
        let third = story.frame(true, 122, 0, 2000 * MS, None);
        let ack = story.frame(false, 1_000_000_190, 9, 1300 * MS, Some(290));
        assert_eq!(
            (story.back(ack, false), story.facts(ack, false, false).ack_rule),
            (Some(second), Some(AckRule::ElapsedTime))
        );
        assert_eq!(story.facts(ack, false, true).value(Fact::AckTo), Some(first.into()));
        assert_eq!(story.facts(first, true, false).ahead.unwrap().packet, ack);
        let late = story.frame(false, 1_000_000_190, 10, 9000 * MS, Some(1));
        assert_eq!(
            (story.back(late, false), story.facts(late, false, false).ack_rule),
            (Some(third), Some(AckRule::OldestOpen))
        );
        let none = story.frame(false, 1_000_000_190, 11, 9000 * MS, None);
        assert_eq!(story.back(none, false), None);
    }

    #[test]
    fn a_decision_is_found_again_in_any_order() {
        let mut story = Story::new();
        for seq in 1..50 {
            story.frame(false, 237, seq, 0, None);
        }
        let skipped = Place { packet: 50, lane: LaneId::new(3, true), position: 7 };
        story.session.skip(skipped, 143, Why::Resynchronised);
        for packet in [7, 50, 49, 1, 30] {
            let place = if packet == 50 { skipped } else { story.place(packet, false) };
            let (_, decision) = story.session.find(place).unwrap();
            assert_eq!(packet == 50, decision == Decision::Skip(143, Why::Resynchronised));
        }
        assert_eq!(story.session.find(Place { packet: 51, ..skipped }), None);
    }
}
