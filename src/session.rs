// SPDX-License-Identifier: GPL-2.0-or-later
//! Which frame answers which: the only place that knows.
//!
//! The first pass appends one event for each PDU; later visits look it up by packet, lane and
//! position. Nothing else changes state, so every later visit sees the same. A fact that lies
//! ahead of a frame (answered in, acknowledged in) is given out on later visits only.

use std::collections::{HashMap, VecDeque};

use crate::framing::Why;
use crate::operation::{self, Kind, Meaning, Sender};

/// Number of a stream, and which of its two ends sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(u32);

impl LaneId {
    /// The direction of `stream` in which end `side` (0 or 1) sends.
    pub fn new(stream: u32, side: bool) -> Self {
        Self((stream << 1) | u32::from(side))
    }
    fn opposite(self) -> Self {
        Self(self.0 ^ 1)
    }
    fn stream(self) -> u32 {
        self.0 >> 1
    }
}

/// Where a PDU was seen: enough to tell it from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the packet in which it became whole.
    pub packet: u32,
    /// Direction of the stream.
    pub lane: LaneId,
    /// Position of its first byte in the stream.
    pub position: u32,
}

/// What the first pass decided at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A frame; `extent` is kept only where it is not the packet length.
    Frame {
        /// What the frame is.
        meaning: Meaning,
        /// The packet length is not to be believed.
        wrong_length: bool,
        /// Bytes of the frame in the packet, where they are not what its header says.
        extent: Option<u32>,
    },
    /// Bytes that belong to no frame shown.
    Skip(usize, Why),
}

/// A frame on the first pass.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// What the frame is.
    pub meaning: Meaning,
    /// Operation as on the wire.
    pub op: u32,
    /// Seqid.
    pub seq: u32,
    /// When its packet was captured, in nanoseconds.
    pub time: i64,
    /// Of a push, whether it wants an acknowledgement.
    pub wants_ack: bool,
    /// Of an acknowledgement, the milliseconds since its push.
    pub elapsed_ms: Option<u32>,
    /// The packet length is not to be believed.
    pub wrong_length: bool,
    /// Bytes of the frame in the packet, where they are not what its header says.
    pub extent: Option<u32>,
}

/// The other frame of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The packet that holds it.
    pub packet: u32,
    /// Nanoseconds from the earlier to the later of the two.
    pub elapsed: i64,
    /// Its operation as on the wire.
    pub op: u32,
}

/// How an acknowledgement found its push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckRule {
    /// The elapsed time that the client states fits.
    ElapsedTime,
    /// It was the oldest one open.
    OldestOpen,
}

/// What is known of a frame beyond its own bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What it answers or acknowledges.
    pub back: Option<Partner>,
    /// What answers or acknowledges it; on later visits only.
    pub ahead: Option<Partner>,
    /// Of an acknowledgement, how its push was found.
    pub ack_rule: Option<AckRule>,
}

/// How far the stated elapsed time may be off: ± 50 ms, in nanoseconds.
const ACK_TOLERANCE: i64 = 50_000_000;

const NOBODY: u32 = u32::MAX;

/// One PDU of the first pass; two of them, 64 bytes, are an exchange.
#[derive(Clone, Copy, Debug)]
struct Event {
    time: i64,
    packet: u32,
    lane: LaneId,
    position: u32,
    /// Index of the other event of a pair.
    partner: u32,
    /// Operation; of skipped bytes, their number.
    op: u32,
    tags: Tags,
}

/// Small facts of an event, packed.
#[derive(Clone, Copy, Debug)]
struct Tags(u32);

impl Tags {
    const KIND: u32 = 0xf;
    const SKIP: u32 = 1 << 4;
    const SENDER_KNOWN: u32 = 1 << 5;
    const FROM_SERVER: u32 = 1 << 6;
    const WRONG_LENGTH: u32 = 1 << 7;
    const OWN_EXTENT: u32 = 1 << 8;
    const ACK_BY_TIME: u32 = 1 << 9;

    fn has(self, tag: u32) -> bool {
        self.0 & tag != 0
    }

    fn of(frame: &Observed) -> Self {
        let flag = |on: bool, tag| if on { tag } else { 0 };
        Self(
            frame.meaning.kind as u32
                | flag(frame.meaning.sender.is_some(), Self::SENDER_KNOWN)
                | flag(frame.meaning.sender == Some(Sender::Server), Self::FROM_SERVER)
                | flag(frame.wrong_length, Self::WRONG_LENGTH)
                | flag(frame.extent.is_some(), Self::OWN_EXTENT),
        )
    }

    fn sender(self) -> Option<Sender> {
        self.has(Self::SENDER_KNOWN).then(|| match self.has(Self::FROM_SERVER) {
            true => Sender::Server,
            false => Sender::Client,
        })
    }

    fn kind(self) -> Kind {
        Kind::ALL.get((self.0 & Self::KIND) as usize).copied().unwrap_or(Kind::Unknown)
    }

    fn why(self) -> Why {
        Why::ALL.get((self.0 & Self::KIND) as usize).copied().unwrap_or(Why::OutOfStep)
    }
}

const _: () = assert!(size_of::<Event>() == 32, "an exchange is two events and at most 64 bytes");

/// Index of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId(u32);

/// The pairing of all streams of a capture.
#[derive(Debug, Default)]
pub struct Session {
    /// In the order of the first pass, so packet numbers never fall.
    events: Vec<Event>,
    /// The newest open request of each lane and seqid.
    open: HashMap<(LaneId, u32), u32>,
    /// Pushes of each stream that wait for their acknowledgement, oldest first.
    pushes: HashMap<u32, VecDeque<u32>>,
    /// Extents that the header does not tell.
    extents: HashMap<u32, u32>,
    /// Where the next look-up probably hits.
    cursor: usize,
}

impl Session {
    /// Records a frame of the first pass and pairs it. `None` when packets come in falling order,
    /// which no first pass does.
    pub fn observe(&mut self, place: Place, frame: &Observed) -> Option<EventId> {
        let event = self.record(place, frame.time, frame.op, Tags::of(frame))?;
        if let Some(extent) = frame.extent {
            self.extents.insert(event, extent);
        }
        match frame.meaning.kind {
            // A frame whose direction nobody knows may be a request.
            Kind::Request | Kind::HeartbeatRequest | Kind::Unknown => {
                self.open.insert((place.lane, frame.seq), event);
            }
            Kind::Response | Kind::HeartbeatResponse => {
                if let Some(request) = self.open.remove(&(place.lane.opposite(), frame.seq)) {
                    self.pair(request, event);
                }
            }
            Kind::Push if frame.wants_ack => {
                self.pushes.entry(place.lane.stream()).or_default().push_back(event);
            }
            Kind::PushAck => self.acknowledge(event, frame),
            Kind::Push | Kind::OneWay => {}
        }
        Some(EventId(event))
    }

    /// Records bytes that the first pass skipped.
    pub fn skip(&mut self, place: Place, length: usize, why: Why) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.record(place, 0, length, Tags(why as u32 | Tags::SKIP));
    }

    /// What the first pass decided at `place`; `None` where it waited for more.
    pub fn find(&mut self, place: Place) -> Option<(EventId, Decision)> {
        let here = |event: &Event| {
            event.packet == place.packet && event.lane == place.lane && event.position == place.position
        };
        let index = match self.events.get(self.cursor).is_some_and(here) {
            true => self.cursor,
            false => {
                let first = self.events.partition_point(|event| event.packet < place.packet);
                let same = self.events.iter().skip(first).take_while(|event| event.packet == place.packet);
                first.checked_add(same.into_iter().position(here)?)?
            }
        };
        self.cursor = index.saturating_add(1);
        let event = self.events.get(index)?;
        let id = u32::try_from(index).ok()?;
        if event.tags.has(Tags::SKIP) {
            return Some((EventId(id), Decision::Skip(event.op as usize, event.tags.why())));
        }
        let kind = event.tags.kind();
        let base = if kind.answers() { operation::base(event.op) } else { event.op };
        let extent = event.tags.has(Tags::OWN_EXTENT).then(|| self.extents.get(&id).copied()).flatten();
        let wrong_length = event.tags.has(Tags::WRONG_LENGTH);
        let meaning = Meaning { kind, sender: event.tags.sender(), base };
        Some((EventId(id), Decision::Frame { meaning, wrong_length, extent }))
    }

    /// What is known of an event beyond its own bytes.
    pub fn facts(&self, id: EventId, first_visit: bool) -> Facts {
        let Some(event) = self.event(id.0) else { return Facts::default() };
        let Some(other) = self.event(event.partner) else { return Facts::default() };
        let elapsed = event.time.saturating_sub(other.time);
        let partner = |elapsed| Some(Partner { packet: other.packet, elapsed, op: other.op });
        let kind = event.tags.kind();
        let ack_rule = (kind == Kind::PushAck).then(|| match event.tags.has(Tags::ACK_BY_TIME) {
            true => AckRule::ElapsedTime,
            false => AckRule::OldestOpen,
        });
        match kind.answers() || kind == Kind::PushAck {
            true => Facts { back: partner(elapsed), ahead: None, ack_rule },
            false if first_visit => Facts::default(),
            false => Facts { back: None, ahead: partner(elapsed.saturating_neg()), ack_rule },
        }
    }

    fn record(&mut self, place: Place, time: i64, op: u32, tags: Tags) -> Option<u32> {
        if self.events.last().is_some_and(|last| last.packet > place.packet) {
            return None;
        }
        let id = u32::try_from(self.events.len()).ok().filter(|id| *id != NOBODY)?;
        let Place { packet, lane, position } = place;
        self.events.push(Event { time, packet, lane, position, partner: NOBODY, op, tags });
        Some(id)
    }

    fn event(&self, id: u32) -> Option<&Event> {
        self.events.get(id as usize)
    }

    /// Makes `later` the partner of `earlier`, and the other way round if it has none yet.
    fn pair(&mut self, earlier: u32, later: u32) {
        if let Some(event) = self.events.get_mut(earlier as usize) {
            event.partner = later;
        }
        if let Some(event) = self.events.get_mut(later as usize) {
            event.partner = earlier;
        }
    }

    fn acknowledge(&mut self, ack: u32, frame: &Observed) {
        let Some(lane) = self.event(ack).map(|event| event.lane) else { return };
        let Some(mut open) = self.pushes.remove(&lane.stream()) else { return };
        let time = |push: u32| self.event(push).map_or(i64::MIN, |event| event.time);
        let by_time = frame.elapsed_ms.and_then(|ms| {
            let sent = frame.time.saturating_sub(i64::from(ms).saturating_mul(1_000_000));
            let off = |index: usize| {
                open.get(index).map(|push| (time(*push).saturating_sub(sent).saturating_abs(), index))
            };
            let behind = open.partition_point(|push| time(*push) < sent);
            let nearest = [behind.checked_sub(1).and_then(off), off(behind)].into_iter().flatten().min();
            nearest.filter(|(off, _)| *off <= ACK_TOLERANCE).map(|(_, index)| index)
        });
        let chosen = by_time.unwrap_or(0);
        // The SyncKey is cumulative: earlier ones count as acknowledged with it.
        let acknowledged: Vec<u32> = open.drain(..=chosen.min(open.len().saturating_sub(1))).collect();
        for push in acknowledged {
            self.pair(push, ack);
        }
        if by_time.is_some()
            && let Some(event) = self.events.get_mut(ack as usize)
        {
            event.tags.0 |= Tags::ACK_BY_TIME;
        }
        if !open.is_empty() {
            self.pushes.insert(lane.stream(), open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::classify;

    const MS: i64 = 1_000_000;

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
            let frame = Observed {
                meaning: classify(op, seq, 4, hint),
                op,
                seq,
                time,
                wants_ack: op == 122,
                elapsed_ms,
                wrong_length: false,
                extent: None,
            };
            let place = self.place(self.packet, server);
            self.session.observe(place, &frame).unwrap();
            self.packet
        }
        fn facts(&mut self, packet: u32, server: bool, first_visit: bool) -> Facts {
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
        assert_eq!(story.facts(first, false, true), Facts::default());
        assert_eq!(story.facts(second, false, false), Facts::default());
    }

    #[test]
    fn a_second_response_pairs_with_nothing() {
        let mut story = Story::new();
        story.frame(false, 237, 1, 0, None);
        story.frame(true, 1_000_000_237, 1, MS, None);
        let again = story.frame(true, 1_000_000_237, 1, 2 * MS, None);
        assert_eq!(story.back(again, true), None);
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
