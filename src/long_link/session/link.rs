// SPDX-License-Identifier: GPL-2.0-or-later
//! The pairing of one stream: a long link.

use std::collections::{BTreeSet, VecDeque};

use foldhash::HashMap;

use super::event::{Event, Tags};
use super::fact::{Fact, Remarks};
use super::newest::Newest;
use super::observed::{Decision, NOBODY, Observed, is_ordinary};
use crate::kernel::framing::Why;
use crate::kernel::list::grow;
use crate::kernel::place::Place;
use crate::kernel::time::{MILLISECOND, SECOND, Time};
use crate::wechat::keys::Growth;
use crate::wechat::operation::{self, Kind, Meaning, Sender, Sync};

/// Time between two heartbeats, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The packet of the heartbeat before.
    pub after: u32,
    /// Since the heartbeat before.
    pub now: i64,
    /// Between that and the one before it.
    pub before: Option<i64>,
}

impl Interval {
    /// Whether the heartbeat comes much earlier or later than the ones before let expect.
    pub fn is_irregular(&self) -> bool {
        // A clock that was set back tells no rhythm.
        let (now, before) = (self.now, self.before.filter(|before| *before >= 0 && self.now >= 0));
        let twice = now.saturating_mul(2);
        before.is_some_and(|before| twice < before || twice > before.saturating_mul(3))
    }
}

/// How far the stated elapsed time may be off either way: 50 ms.
const ACK_TOLERANCE: i64 = 50 * MILLISECOND;

/// What is acknowledged by inference is not older.
const INFERRED_ACK: i64 = 5 * SECOND;

/// News may be the echo of a send that is not older.
const ECHO: i64 = 10 * SECOND;

/// Notices that wait for their fetch; older ones are not linked.
const MOST_NOTICES: usize = 512;

/// A retransmission is looked for among so many of the newest frames: more than a window holds of the smallest.
const RETRANSMITTED: usize = 8192;

/// Sends that wait for their echo; older ones are not linked.
const MOST_SENDS: usize = 64;

/// Pushes that a request of an unlisted operation may acknowledge; older ones are not taken for it.
const MOST_WAITING: usize = 512;

/// What is under way when a fetch asks for what notices announced.
#[derive(Debug)]
struct Fetch {
    /// When the first of them came.
    since: Time,
    notices: Vec<u32>,
}

/// The seqids that one end counts up.
#[derive(Clone, Copy, Debug)]
struct Counted {
    first: u32,
    last: u32,
    /// The highest since it began, or began at 1 again.
    highest: u32,
    /// The event with which it began at 1 again.
    restart: u32,
}

/// Everything that the first pass learned of a stream.
#[derive(Debug, Default)]
pub struct Link {
    /// In the order of the first pass, so packet numbers never fall.
    events: Vec<Event>,
    /// Upper halves of their times, each with the first event that has it; without one it is 0, as from 1970
    /// to 2554.
    uppers: Vec<(u32, i64)>,
    /// Where the next look-up probably hits.
    cursor: usize,
    /// Of each end, its newest request of every seqid.
    newest: [Newest; 2],
    /// Requests that wait for an answer.
    open: u32,
    /// Of each end, the seqids that it counts up.
    counted: [Option<Counted>; 2],
    last_frame: Option<u32>,
    /// Pushes that wait for their acknowledgement, oldest first.
    pushes: VecDeque<u32>,
    /// The same by their times, while a clock that was set back has these in another order.
    pushes_by_time: Option<BTreeSet<(Time, u32)>>,
    /// Those of them that no request of an unlisted operation has been taken to acknowledge.
    waiting: VecDeque<u32>,
    push_seen: bool,
    /// The newest notice, until something acknowledges it.
    notice: Option<u32>,
    heartbeats: Vec<u32>,
    /// Of a request sent again, the first of its kind.
    firsts: HashMap<u32, u32>,
    /// Pushes and requests that may acknowledge them, both ways.
    inferred: HashMap<u32, u32>,
    /// Notices that nothing has fetched yet, with their selectors.
    notices: VecDeque<(u32, u32)>,
    fetches: HashMap<u32, Fetch>,
    /// Sends without an echo so far.
    sends: VecDeque<u32>,
    /// How keys grew, by event.
    growth: HashMap<u32, Growth>,
    /// Extents that the header does not tell.
    extents: HashMap<u32, u32>,
    pub(super) remarks: Remarks,
    /// Whether the capture holds the stream's beginning.
    pub(super) began: bool,
    /// The SyncKey that the stream's next one is compared with.
    pub(super) keys: Option<usize>,
    /// How many attempts of the same client it follows within seconds.
    pub(super) attempt: u32,
}

impl Link {
    /// Records a frame and pairs it.
    pub fn observe(&mut self, place: Place, frame: &Observed<'_>) -> Option<u32> {
        self.began |= frame.began;
        let event = self.record(Event::new(place, frame.time, frame.op, Tags::of(frame)))?;
        let (upper, _) = frame.time.halves();
        if self.upper(event) != upper {
            self.uppers.push((event, upper));
        }
        self.last_frame = Some(event);
        if let Some(extent) = frame.extent {
            self.extents.insert(event, extent);
        }
        let side = usize::from(place.lane.side);
        let mut again = false;
        match frame.meaning.kind {
            // A frame whose direction nobody knows may be a request.
            Kind::Request | Kind::HeartbeatRequest | Kind::Unknown => {
                again = self.request(event, frame, side)
            }
            // Where all has one side, whom it answers has it too.
            Kind::Response | Kind::HeartbeatResponse => {
                self.response(event, frame, if frame.alone { side } else { side ^ 1 })
            }
            Kind::Push if frame.expects => {
                self.push_seen = true;
                self.push(event, frame.time);
            }
            Kind::PushAck => self.acknowledge(event, frame),
            Kind::Push | Kind::OneWay => {}
        }
        let counts = matches!(
            frame.meaning.kind,
            Kind::Unknown | Kind::Request | Kind::HeartbeatRequest | Kind::OneWay | Kind::PushAck
        );
        if counts && is_ordinary(frame.seq) && frame.meaning.sender != Some(Sender::Server) && !again {
            self.count(event, frame.seq, side);
        }
        self.sync(event, frame);
        let open = self.open;
        if let Some(event) = self.events.get_mut(event as usize) {
            event.tags.set_open(open);
        }
        Some(event)
    }

    /// Records bytes that the first pass skipped.
    pub fn skip(&mut self, place: Place, length: usize, why: Why) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.record(Event::new(place, Time::default(), length, Tags::of_skip(why)));
    }

    /// Whether a frame of this operation, and of a seqid with this one's sum, began at a position, among the newest.
    pub fn began_frame(&self, side: bool, position: u32, op: u32, seq: u32) -> bool {
        let here = |event: &Event| event.position == position && event.op == op && event.tags.has_sum_of(seq);
        let frame = |event: &Event| event.tags.has(Tags::SIDE) == side && !event.tags.has(Tags::SKIP);
        self.events.iter().rev().take(RETRANSMITTED).any(|event| here(event) && frame(event))
    }

    /// What the first pass decided at `place`; `None` where it waited for more.
    pub fn find(&mut self, place: Place) -> Option<(u32, Decision)> {
        let here = |event: &Event| {
            event.packet == place.packet
                && event.tags.has(Tags::SIDE) == place.lane.side
                && event.position == place.position
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
            return Some((id, Decision::Skip(event.op as usize, event.tags.why())));
        }
        let kind = event.tags.kind();
        let base = if kind.answers() { operation::base(event.op) } else { event.op };
        let extent = event.tags.has(Tags::OWN_EXTENT).then(|| self.extents.get(&id).copied()).flatten();
        let wrong_length = event.tags.has(Tags::WRONG_LENGTH);
        let meaning = Meaning { kind, sender: event.tags.sender(), base };
        Some((id, Decision::Frame { meaning, wrong_length, extent }))
    }

    pub fn event(&self, id: u32) -> Option<&Event> {
        self.events.get(id as usize)
    }

    /// The frames of a packet.
    pub fn frames_of(&self, packet: u32) -> impl Iterator<Item = (&Self, u32, &Event)> {
        let first = self.events.partition_point(|event| event.packet < packet);
        let behind = self.events.get(first..).unwrap_or_default();
        let same = behind.iter().take_while(move |event| event.packet == packet);
        let numbered = (u32::try_from(first).unwrap_or(NOBODY)..NOBODY).zip(same);
        numbered.filter(|(_, event)| !event.tags.has(Tags::SKIP)).map(move |(id, event)| (self, id, event))
    }

    /// The newest frame.
    pub fn last_frame(&self) -> Option<u32> {
        self.last_frame
    }

    pub fn packet(&self, id: u32) -> u32 {
        self.event(id).map_or(0, |event| event.packet)
    }

    /// When a frame was captured.
    pub fn time(&self, id: u32) -> Time {
        self.event(id).map_or(Time::default(), |event| event.time(self.upper(id)))
    }

    /// The upper half of an event's time.
    fn upper(&self, id: u32) -> i64 {
        let behind = self.uppers.partition_point(|(first, _)| *first <= id);
        behind.checked_sub(1).and_then(|place| self.uppers.get(place)).map_or(0, |(_, upper)| *upper)
    }

    /// The other half of an inferred acknowledgement.
    pub fn inferred(&self, id: u32) -> Option<u32> {
        self.inferred.get(&id).copied()
    }

    /// The packet of the heartbeat behind one.
    pub fn next_heartbeat(&self, id: u32) -> Option<u32> {
        let place = self.heartbeats.binary_search(&id).ok()?;
        self.heartbeats.get(place.saturating_add(1)).map(|next| self.packet(*next))
    }

    /// What lies between a heartbeat and the one before.
    pub fn interval(&self, id: u32) -> Option<Interval> {
        let place = self.heartbeats.binary_search(&id).ok()?;
        let beat = |back: usize| self.heartbeats.get(place.checked_sub(back)?).copied();
        let (now, after) = (self.time(id), beat(1)?);
        let before = self.time(after);
        Some(Interval {
            after: self.packet(after),
            now: now.since(before),
            before: beat(2).map(|first| before.since(self.time(first))),
        })
    }

    pub fn growth(&self, id: u32) -> Option<&Growth> {
        self.growth.get(&id)
    }

    pub(super) fn set_growth(&mut self, id: u32, growth: Growth) {
        self.growth.insert(id, growth);
    }

    fn record(&mut self, event: Event) -> Option<u32> {
        if self.events.last().is_some_and(|last| last.packet > event.packet) {
            return None;
        }
        let id = u32::try_from(self.events.len()).ok().filter(|id| *id != NOBODY)?;
        grow(&mut self.events);
        self.events.push(event);
        Some(id)
    }

    /// Says of each of two frames where the other is.
    fn relate(&mut self, later: u32, back: Fact, earlier: u32, ahead: Fact) {
        let (later_packet, earlier_packet) = (self.packet(later), self.packet(earlier));
        self.remarks.add(later, back, earlier_packet);
        self.remarks.add(earlier, ahead, later_packet);
    }

    /// Opens a request. Returns whether it was sent before.
    fn request(&mut self, event: u32, frame: &Observed<'_>, side: usize) -> bool {
        let beats = frame.meaning.kind == Kind::HeartbeatRequest;
        if beats {
            grow(&mut self.heartbeats);
            self.heartbeats.push(event);
        }
        if frame.expects {
            self.open = self.open.saturating_add(1);
        }
        if frame.unlisted {
            self.infer(event, frame.time);
        }
        let Some(newest) = self.newest.get_mut(side) else { return false };
        let latest = newest.get(frame.seq);
        newest.set(frame.seq, event);
        let latest = latest.and_then(|latest| Some((latest, *self.events.get(latest as usize)?)));
        let Some(latest) = latest else { return false };
        let before = newest.join(frame.seq, frame.op, event, latest);
        let before = before.and_then(|before| Some((before, *self.events.get(before as usize)?)));
        let superseded = before.filter(|(_, older)| older.is_open());
        if let Some((older, _)) = superseded {
            newest.close(frame.seq, older);
        }
        let other = newest.open_before(frame.seq, event).filter(|_| is_ordinary(frame.seq));
        if let Some((older, _)) = superseded {
            self.supersede(older, event);
            if let Some(fetch) = self.fetches.remove(&older) {
                self.fetches.insert(event, fetch);
            }
        }
        if let Some(op) = other.and_then(|other| Some(self.event(other)?.op)) {
            self.remarks.add(event, Fact::SeqInUse, op);
        }
        // A client that counts anew begins at 1; heartbeats and identify repeat their seqids.
        let Some((before, older)) = before.filter(|_| is_ordinary(frame.seq) && !beats) else { return false };
        if older.is_open() {
            self.again(event, before, Fact::Retry);
        } else if frame.seq != 1 && !self.restarted_since(before, side) {
            self.again(event, before, Fact::DuplicateRequest);
        } else {
            return false;
        }
        true
    }

    /// Whether the client began at 1 again, so that it may use all of its seqids again.
    fn restarted_since(&self, event: u32, side: usize) -> bool {
        let counted = self.counted.get(side).copied().flatten();
        counted.is_some_and(|counted| counted.restart > event)
    }

    fn supersede(&mut self, older: u32, newer: u32) {
        self.relate(newer, Fact::Supersedes, older, Fact::SupersededIn);
        let Some(event) = self.events.get_mut(older as usize) else { return };
        event.tags.set(Tags::SUPERSEDED);
        if event.tags.has(Tags::EXPECTS) {
            self.open = self.open.saturating_sub(1);
        }
    }

    fn again(&mut self, event: u32, before: u32, how: Fact) {
        let first = self.firsts.get(&before).copied().unwrap_or(before);
        self.firsts.insert(event, first);
        self.relate(event, Fact::RetryOf, first, Fact::RetriedIn);
        self.remarks.add(event, how, 0);
    }

    fn response(&mut self, event: u32, frame: &Observed<'_>, asker: usize) {
        let request = self.asked(asker, frame.seq, frame.op);
        let Some((request, asked)) = request.and_then(|request| Some((request, *self.event(request)?)))
        else {
            let counted = self.counted.get(asker).copied().flatten();
            let after_first =
                counted.is_some_and(|counted| is_ordinary(frame.seq) && frame.seq >= counted.first);
            if self.began || after_first {
                self.remarks.add(event, Fact::NoRequest, 0);
            }
            return;
        };
        if !asked.is_open() {
            self.relate(event, Fact::DuplicateOf, asked.partner, Fact::DuplicateIn);
            return;
        }
        self.pair(request, event);
        if let Some(newest) = self.newest.get_mut(asker) {
            newest.close(frame.seq, request);
        }
        if asked.tags.has(Tags::EXPECTS) {
            self.open = self.open.saturating_sub(1);
        }
        if let Some(fetch) = self.fetches.remove(&request) {
            for notice in &fetch.notices {
                self.relate(event, Fact::SyncNotice, *notice, Fact::NoticeMessageIn);
            }
            self.remarks.add(event, Fact::SyncTime, frame.time.since(fetch.since));
        }
    }

    /// The request that a response belongs to, answered before or not: the open one that its operation
    /// answers, else the answered one of such an operation, else the newest open one, else the newest.
    fn asked(&self, asker: usize, seq: u32, op: u32) -> Option<u32> {
        let newest = self.newest.get(asker)?;
        let latest = newest.get(seq)?;
        let asked = self.event(latest)?;
        // Nearly always.
        if asked.is_open() && operation::answers(op, asked.op) || !newest.is_shared(seq, asked.op) {
            return Some(latest);
        }
        let base = Some(operation::base(op)).filter(|base| *base != op);
        let fitting = [Some(op), base].into_iter().flatten().filter_map(|op| newest.of(seq, op));
        let is_open = |request: u32| self.event(request).is_some_and(Event::is_open);
        let best = fitting.max_by_key(|request| (is_open(*request), *request));
        best.or_else(|| newest.open_before(seq, NOBODY)).or(Some(latest))
    }

    /// Makes `later` the partner of `earlier`, and the other way round.
    fn pair(&mut self, earlier: u32, later: u32) {
        for (one, other) in [(earlier, later), (later, earlier)] {
            if let Some(event) = self.events.get_mut(one as usize) {
                event.partner = other;
            }
        }
        if let Some(other) = self.inferred.remove(&earlier) {
            self.inferred.remove(&other);
            self.remarks.add(later, Fact::Inference, -1);
        }
    }

    /// Follows the seqids that a client counts up.
    fn count(&mut self, event: u32, seq: u32, side: usize) {
        let Some(counted) = self.counted.get_mut(side) else { return };
        let Some(before) = *counted else {
            *counted = Some(Counted { first: seq, last: seq, highest: seq, restart: 0 });
            if seq != 1 {
                self.remarks.add(event, Fact::LateStart, 0);
            }
            return;
        };
        let Counted { last, highest, .. } = before;
        *counted = Some(match seq {
            1 => Counted { last: 1, highest: 1, restart: event, ..before },
            _ => Counted { last: seq, highest: highest.max(seq), ..before },
        });
        let follows = |other: u32| other.checked_add(1) == Some(seq);
        let (fact, than) = match seq {
            1 => (Fact::SeqRestart, last),
            // What was left out may come late, and then the client goes on where it was.
            _ if seq == last || follows(last) || follows(highest) => return,
            _ if seq > highest => (Fact::SeqGap, highest),
            _ if seq > last => (Fact::SeqGap, last),
            _ => (Fact::SeqBack, last),
        };
        self.remarks.add(event, fact, than);
    }

    /// A push wants an acknowledgement.
    fn push(&mut self, event: u32, time: Time) {
        let in_order = self.pushes.back().is_none_or(|last| self.time(*last) <= time);
        if !in_order && self.pushes_by_time.is_none() {
            self.pushes_by_time = Some(self.pushes.iter().map(|push| (self.time(*push), *push)).collect());
        }
        if let Some(by_time) = &mut self.pushes_by_time {
            by_time.insert((time, event));
        }
        self.pushes.push_back(event);
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(event);
    }

    /// The oldest push that waits for its acknowledgement, which is this one.
    fn pop_push(&mut self, ack: u32) -> Option<u32> {
        let push = self.pushes.pop_front()?;
        let time = self.time(push);
        if let Some(by_time) = &mut self.pushes_by_time {
            by_time.remove(&(time, push));
        }
        self.pair(push, ack);
        Some(push)
    }

    /// Of the pushes that wait, the place of the one that was sent then, as near as can be told.
    fn push_sent(&self, sent: Time) -> Option<usize> {
        let off =
            |index: usize| Some((self.time(*self.pushes.get(index)?).since(sent).saturating_abs(), index));
        let nearest = |places: [Option<usize>; 2]| {
            let (off, index) = places.into_iter().flatten().filter_map(off).min()?;
            (off <= ACK_TOLERANCE).then_some(index)
        };
        // Of pushes of the same moment the oldest: the next acknowledgement is the next one's.
        let Some(by_time) = &self.pushes_by_time else {
            let behind = self.pushes.partition_point(|push| self.time(*push) < sent);
            let moment = self.time(*self.pushes.get(nearest([behind.checked_sub(1), Some(behind)])?)?);
            return Some(self.pushes.partition_point(|push| self.time(*push) < moment));
        };
        let place = |(_, push): &(Time, u32)| self.pushes.binary_search(push).ok();
        let before = by_time.range(..(sent, 0)).next_back();
        let before = before.and_then(|(moment, _)| by_time.range((*moment, 0)..).next());
        nearest([before.and_then(place), by_time.range((sent, 0)..).next().and_then(place)])
    }

    fn acknowledge(&mut self, ack: u32, frame: &Observed<'_>) {
        if self.pushes.is_empty() {
            return self.acknowledge_notice(ack, frame.time);
        }
        let by_time = frame.elapsed_ms.and_then(|ms| self.push_sent(frame.time.before(ms)));
        if by_time.is_some()
            && let Some(event) = self.events.get_mut(ack as usize)
        {
            event.tags.set(Tags::BY_TIME);
        }
        // The SyncKey is cumulative: earlier ones count as acknowledged with it.
        for _ in 0..by_time.unwrap_or(0) {
            if let Some(push) = self.pop_push(ack) {
                let packet = self.packet(push);
                self.remarks.add(ack, Fact::AckTo, packet);
            }
        }
        self.pop_push(ack);
        if self.pushes.is_empty() {
            self.waiting.clear();
            self.pushes_by_time = None;
        }
    }

    /// Clients also acknowledge notices, which do not ask for it.
    fn acknowledge_notice(&mut self, ack: u32, time: Time) {
        match self.notice.take() {
            Some(notice) if time.is_near(self.time(notice), INFERRED_ACK) => {
                self.relate(ack, Fact::AckNotice, notice, Fact::NoticeAck);
            }
            _ if self.began || self.push_seen => self.remarks.add(ack, Fact::NoPush, 0),
            _ => {}
        }
    }

    /// Remembers that a request of an unlisted operation may acknowledge the oldest push that nothing
    /// does yet.
    fn infer(&mut self, request: u32, time: Time) {
        let fits = |push: &u32| {
            time.is_near(self.time(*push), INFERRED_ACK) && self.event(*push).is_some_and(Event::is_open)
        };
        let place = self.waiting.iter().position(fits);
        let Some(push) = place.and_then(|place| self.waiting.remove(place)) else { return };
        self.inferred.insert(push, request);
        self.inferred.insert(request, push);
        self.remarks.add(request, Fact::Inference, 1);
    }

    /// Follows how messages travel.
    fn sync(&mut self, event: u32, frame: &Observed<'_>) {
        match (frame.sync, frame.meaning.kind) {
            (Sync::Notice, Kind::Push) => {
                self.notice = Some(event);
                self.news(event, frame.time);
                if self.notices.len() == MOST_NOTICES {
                    self.notices.pop_front();
                }
                self.notices.push_back((event, frame.selector));
            }
            (Sync::Message, Kind::Push) => self.news(event, frame.time),
            (Sync::Send, Kind::Request) => {
                if self.sends.len() == MOST_SENDS {
                    self.sends.pop_front();
                }
                self.sends.push_back(event);
            }
            (Sync::Fetch(news), Kind::Request) => self.fetch(event, news),
            _ => {}
        }
    }

    /// News that follows a send is probably its echo.
    fn news(&mut self, event: u32, time: Time) {
        let mut sends = std::mem::take(&mut self.sends);
        sends.retain(|send| time.is_near(self.time(*send), ECHO));
        let send = sends.pop_back();
        self.sends = sends;
        let Some(send) = send else { return };
        self.relate(event, Fact::NewsSend, send, Fact::SendNews);
        self.remarks.add(event, Fact::NewsTime, time.since(self.time(send)));
    }

    fn fetch(&mut self, event: u32, news: u32) {
        let mut notices = Vec::new();
        self.notices.retain(|(notice, selector)| {
            let fetched = selector & news != 0;
            if fetched {
                notices.push(*notice);
            }
            !fetched
        });
        let Some(first) = notices.first() else { return };
        let since = self.time(*first);
        for notice in &notices {
            self.relate(event, Fact::SyncNotice, *notice, Fact::NoticeSyncIn);
        }
        // A fetch that is sent again fetches for the first one too.
        let fetch = self.fetches.entry(event).or_insert(Fetch { since, notices: Vec::new() });
        fetch.notices.append(&mut notices);
    }
}
