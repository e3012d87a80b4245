// SPDX-License-Identifier: GPL-2.0-or-later
//! One capture: what the user has set, the protocols' states, whose a stream is, and what is inside of what.
//!
//! A protocol that finds another one inside does not call it: its report hands the bytes off, and the host calls. State
//! does not wait for that, for a host may leave out what nobody looks at: on the first visit the capture has the inner
//! protocol deal with the bytes at once.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use foldhash::HashMap;

use crate::claim::{Beginning, Claims, Offer};
use crate::config::Config;
use crate::http::Http;
use crate::kernel::place::{LaneId, Place};
use crate::kernel::protocol::{Packet, State};
use crate::kernel::report::{CAME_IN, HandOff, Inner, PASSED_ON, Piece, Report, Wanted};
use crate::kernel::segment::{Segment, Step};
use crate::kernel::stream::{Collector, Inside, Joined};
use crate::kernel::streams::{Ends, Streams};
use crate::protocols::{self, PROTOCOLS, offer};
use crate::wechat::common::Common;
use crate::wechat::fields::{SN, TABLE as SHARED};

/// The state of one capture.
#[derive(Debug)]
pub struct Capture {
    common: Common,
    streams: Streams,
    /// By the numbers of the protocols' tables.
    states: Vec<Option<Box<dyn State>>>,
    claims: Claims,
    /// What port's owners were given of the first PDU of each side of a stream, until that is shown.
    pending: HashMap<u32, [Option<Beginning>; 2]>,
    /// The same by the places of the segments in which these PDUs go on.
    begun: HashMap<Place, Beginning>,
    http: Http,
    /// Of each protocol, whether another one takes what is inside.
    holds: Vec<bool>,
    inner: Collector,
    calls: Calls,
    report: Report,
    /// Reports that nobody uses, whose room is used again.
    spares: Vec<Report>,
}

/// How often others are called for what is inside of a packet, in one visit.
#[derive(Debug, Default)]
struct Calls {
    first: Option<Place>,
    count: usize,
}

/// The host has room for few hundred layers in a packet.
const MOST_CALLS: usize = 400;
/// Protocols inside of each other on the first visit; deeper ones nobody shows.
const DEEPEST: usize = 8;

impl Calls {
    /// A PDU that is inside of no other of ours is about to be dealt with.
    fn begin(&mut self, place: Place) {
        if self.first.is_none_or(|first| first.packet != place.packet || first == place) {
            *self = Self { first: Some(place), count: 0 };
        }
    }

    /// Whether one more is allowed.
    fn take(&mut self) -> bool {
        self.count = self.count.saturating_add(1);
        self.count <= MOST_CALLS
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new(&Config::default())
    }
}

impl Capture {
    /// A capture that begins.
    pub fn new(config: &Config) -> Self {
        let common = protocols::common(config);
        let (states, carried): (Vec<_>, Vec<_>) =
            protocols::begin(config, &common).map(|begun| (begun.on_streams, begun.in_http)).unzip();
        Self {
            common,
            streams: Streams::default(),
            claims: Claims::new(&states),
            states,
            pending: HashMap::default(),
            begun: HashMap::default(),
            http: Http::new(carried),
            holds: PROTOCOLS.iter().map(|row| protocols::holds(row.protocol)).collect(),
            inner: Collector::default(),
            calls: Calls::default(),
            report: Report::default(),
            spares: Vec::new(),
        }
    }

    /// What the user is to be told at the beginning.
    pub fn warning(&self) -> Option<String> {
        self.common.ring.borrow().warning()
    }

    /// A comment of the packet whose first visit comes next.
    pub fn add_comment(&self, comment: &str) {
        self.common.ring.borrow_mut().add_comment(comment);
    }

    /// The report of the last [`Self::step`] or [`Self::message`].
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What a report is asked for: state needs what is inside, even if nobody looks.
    fn wanted<'a>(&self, protocol: u16, segment: &Segment<'a>) -> Wanted<'a> {
        Wanted { inside: segment.wanted.inside || self.holds(protocol), ..segment.wanted }
    }

    /// Whether somebody is called for what a report hands off, for certain.
    fn calls_others(&self, protocol: u16) -> bool {
        self.holds(protocol) || self.report.hand_offs().iter().any(has_fallback)
    }

    /// Whether a protocol of ours takes what is inside of another.
    fn holds(&self, protocol: u16) -> bool {
        self.holds.get(usize::from(protocol)).copied().unwrap_or_default()
    }

    /// Whether the numbers of streams are the host's, of all those that it has counted. Nearly always they are.
    #[inline]
    pub fn counts_as_host(&self) -> bool {
        self.streams.are_counted()
    }

    /// The number of a stream: the host's, if it has one, or else our own for its two ends. `None` on a later visit
    /// of what was never seen.
    pub fn stream(&mut self, host: Option<u32>, ends: Ends<'_>, first_visit: bool) -> Option<u32> {
        match first_visit {
            true => Some(self.streams.meet(host, ends)),
            false => self.streams.find(host, ends),
        }
    }

    /// Whether a protocol takes segments apart.
    pub fn takes_segments(&self, protocol: u16) -> bool {
        self.states.get(usize::from(protocol)).is_some_and(Option::is_some)
    }

    /// The protocol whose a segment is, on a port that others use too.
    pub fn claim(&mut self, offer: Offer<'_>) -> Option<u16> {
        let claim = self.claims.decide(offer, &self.states);
        if claim.begun != [None, None] {
            self.pending.insert(offer.lane.stream, claim.begun);
        }
        claim.ours
    }

    /// Whether any segment may have bytes that belong before it.
    #[inline]
    pub fn has_begun(&self) -> bool {
        !self.pending.is_empty() || !self.begun.is_empty()
    }

    /// The bytes that belong before those of a segment: its port's owner was given them when nobody could tell
    /// whose they are. A segment that has some is to be dealt with together with them, from their position on.
    pub fn begun(&mut self, segment: &Segment<'_>) -> &[u8] {
        if segment.first_visit
            && let Some(sides) = self.pending.get(&segment.lane.stream)
            && let Some(Some(begun)) = sides.get(usize::from(segment.lane.side))
            && (!segment.counted || begun.end() == segment.position)
        {
            self.begun.insert(segment.place(), begun.clone());
        }
        if self.begun.is_empty() {
            return &[];
        }
        self.begun.get(&segment.place()).map_or(&[], Beginning::bytes)
    }

    /// Has a protocol deal with the PDU at the start of `segment`; the segment is skipped as a whole by one that
    /// takes none apart.
    #[inline]
    pub fn step(&mut self, protocol: u16, segment: &Segment<'_>) -> Step {
        self.report.begin(protocol, self.wanted(protocol, segment), segment.data.len());
        let Some(Some(state)) = self.states.get_mut(usize::from(protocol)) else {
            return Step::Consumed(segment.reported);
        };
        let step = state.step(segment, &mut self.report);
        if self.calls_others(protocol) {
            if !segment.inside {
                self.calls.begin(segment.place());
            }
            self.reach(segment, &[]);
        }
        self.report.put_briefs(protocols::note);
        if segment.first_visit
            && !self.pending.is_empty()
            && matches!(step, Step::Consumed(_))
            && let Some(sides) = self.pending.get_mut(&segment.lane.stream)
            && let Some(begun) = sides.get_mut(usize::from(segment.lane.side))
        {
            *begun = None;
        }
        step
    }

    /// Reports that a protocol failed on a segment.
    pub fn failed(&mut self, protocol: u16, segment: &Segment<'_>) {
        self.report.begin(protocol, segment.wanted, segment.data.len());
        if let Some(Some(state)) = self.states.get(usize::from(protocol)) {
            state.failed(&mut self.report, segment.reported);
        }
    }

    /// A display filter that belongs to a packet.
    pub fn packet_filter(&self, protocol: u16, filter: usize, packet: Packet) -> Option<String> {
        self.states.get(usize::from(protocol))?.as_ref()?.packet_filter(filter, packet)
    }

    /// Number of the dialogue of a protocol that a packet belongs to.
    pub fn dialogue(&self, protocol: u16, packet: Packet) -> Option<u32> {
        self.states.get(usize::from(protocol))?.as_ref()?.dialogue(packet)
    }

    /// What stands around HTTP's dissector: all but [`Self::message`].
    pub fn http(&mut self) -> &mut Http {
        &mut self.http
    }

    /// Deals with a message of those that [`Http::end`] took, with its body as HTTP's dissector passed it
    /// on. Where its head lies, if it is one of ours: only then there is a report.
    pub fn message(&mut self, segment: &Segment<'_>, index: usize, body: &[u8]) -> Option<Range<usize>> {
        let protocol = self.begin_message(segment, index);
        self.report.passed_on(body.len());
        let head = self.http.message(segment, index, body, &self.common.shared, &mut self.report);
        if self.calls_others(protocol) {
            self.calls.begin(segment.place());
            self.reach(segment, body);
        }
        self.report.put_briefs(protocols::note);
        head
    }

    /// Deals with what the report hands to protocols of ours: says where it is from, puts together what several
    /// carriers hold, and on the first visit has it dealt with.
    fn reach(&mut self, segment: &Segment<'_>, body: &[u8]) {
        if self.report.hand_offs().is_empty() {
            return;
        }
        let spare = self.spares.pop().unwrap_or_default();
        let mut report = std::mem::replace(&mut self.report, spare);
        self.reach_from(&mut report, segment, body, DEEPEST, true);
        // What a protocol of ours shows has words of its own.
        if report.hand_offs().iter().any(|one| one.inner.is_some()) {
            report.leave_info();
        }
        let spare = std::mem::replace(&mut self.report, report);
        self.spares.push(spare);
    }

    /// The same with any report, some levels deep. What is `shown` counts.
    fn reach_from(
        &mut self,
        report: &mut Report,
        segment: &Segment<'_>,
        body: &[u8],
        levels: usize,
        shown: bool,
    ) {
        let mut index = 0;
        while let Some(one) = report.hand_offs().get(index).copied() {
            let to = joined(&one).filter(|to| self.takes_segments(*to));
            let changed = match to {
                Some(to) => self.reach_one(report, &one, to, segment, body, levels),
                None => Some(one),
            };
            // Those of others are mostly for nobody.
            let is_ours = changed.is_some_and(|changed| changed.inner.is_some());
            let is_called = is_ours || has_fallback(&one);
            let changed = changed.filter(|_| !shown || !is_called || self.calls.take());
            if is_called && changed.is_none() && !report.has_note(SN::TOO_MANY_INSIDE) {
                let words = format_args!("the packet holds more than {MOST_CALLS} PDUs inside of others");
                report.note_below(SN::TOO_MANY_INSIDE, one.source, range(&one), words);
            }
            report.change_hand_off(index, changed);
            index = index.saturating_add(usize::from(changed.is_some()));
        }
    }

    /// A hand-off with what is known of it; `None` when nothing is to be handed over.
    fn reach_one(
        &mut self,
        report: &mut Report,
        one: &HandOff,
        to: u16,
        segment: &Segment<'_>,
        body: &[u8],
        levels: usize,
    ) -> Option<HandOff> {
        let (position, part, counted, more) = match one.piece {
            Piece::Whole { part } => (segment.position, part, false, false),
            Piece::At { part, position, more } => (position, part, true, more),
        };
        let one_of = Inside { outer: segment.lane.stream, protocol: to, part };
        let stream = match self.inner.find(one_of) {
            Some(stream) => stream,
            None if !segment.first_visit => return None,
            None => self.begin_inside(one_of, report.protocol()),
        };
        let lane = LaneId::new(stream, segment.lane.side);
        let place = Place { packet: segment.packet, lane, position };
        let made = made(report, one);
        let data = bytes_of(one, made.as_ref(), segment, body);
        let run = Segment { data, more, ..*segment };
        if segment.first_visit && levels > 0 {
            match counted {
                false => drop(self.drive_all(to, &inside(&run, run.data, place, false), levels)),
                true => self.collect(to, place, &run, levels),
            }
        }
        let known = Inner { lane, shown_stream: segment.shown_stream, position, counted };
        if !counted {
            return Some(HandOff { inner: Some(known), ..*one });
        }
        let Joined { before, whole, lost } = self.inner.joined(place, segment.first_visit);
        if lost {
            let words = format_args!("the PDU that begins at the end of these bytes is not put together");
            report.note_below(SN::TOO_MUCH_KEPT, one.source, range(one), words);
        }
        let length = whole.unwrap_or_else(|| before.len().saturating_add(run.data.len()));
        let position = position.wrapping_sub(u32::try_from(before.len()).unwrap_or(u32::MAX));
        let known = Inner { position, ..known };
        let mut changed = HandOff { length, inner: Some(known), ..*one };
        if !before.is_empty() && length > 0 {
            let all = [&before[..], run.data].concat();
            changed.source = report.make_source(Bytes::from(all), "Put together");
            changed.start = 0;
        }
        (length > 0).then_some(changed)
    }

    /// On the first visit has a protocol deal with the whole PDUs in a run of bytes, and keeps the rest.
    fn collect(&mut self, to: u16, place: Place, run: &Segment<'_>, levels: usize) {
        let Some(mut before) = self.inner.begin(place) else { return };
        let length = before.len();
        let all = match length {
            0 => Cow::Borrowed(run.data),
            _ => {
                before.extend_from_slice(run.data);
                Cow::Owned(before)
            }
        };
        let start = place.position.wrapping_sub(u32::try_from(length).unwrap_or(u32::MAX));
        let from = Place { position: start, ..place };
        let whole = self.drive_all(to, &inside(run, &all, from, true), levels);
        self.inner.end(place, length, all, whole);
    }

    /// A stream inside of others begins: its number.
    fn begin_inside(&mut self, one_of: Inside, carrier: u16) -> u32 {
        let stream = self.inner.meet(one_of);
        if let Some(Some(state)) = self.states.get_mut(usize::from(one_of.protocol)) {
            state.begin_inside(stream, one_of.part, protocols::name(carrier));
        }
        stream
    }

    /// On the first visit has a protocol deal with the whole PDUs in a segment: how many bytes they are.
    fn drive_all(&mut self, to: u16, all: &Segment<'_>, levels: usize) -> usize {
        let mut whole = 0usize;
        while let Some(data) = all.data.get(whole..).filter(|data| !data.is_empty()) {
            let position = all.position.wrapping_add(u32::try_from(whole).unwrap_or(u32::MAX));
            match self.drive(to, &Segment { data, reported: data.len(), position, ..*all }, levels) {
                Step::Consumed(length) => whole = whole.saturating_add(length.max(1)),
                Step::Need(_) => break,
            }
        }
        whole.min(all.data.len())
    }

    /// On the first visit has a protocol deal with the PDU at the start of a segment.
    fn drive(&mut self, to: u16, segment: &Segment<'_>, levels: usize) -> Step {
        let Some(Some(state)) = self.states.get_mut(usize::from(to)) else {
            return Step::Consumed(segment.data.len());
        };
        let mut report = self.spares.pop().unwrap_or_default();
        report.begin(to, segment.wanted, segment.data.len());
        let step = state.step(segment, &mut report);
        self.reach_from(&mut report, segment, &[], levels.saturating_sub(1), false);
        // What it holds of bytes is given up.
        report.begin(to, Wanted::default(), 0);
        self.spares.push(report);
        step
    }

    /// Reports that the dissector failed on a message.
    pub fn failed_message(&mut self, segment: &Segment<'_>, index: usize) {
        let protocol = self.begin_message(segment, index);
        self.http.failed(protocol, &mut self.report, segment.data.len());
    }

    fn begin_message(&mut self, segment: &Segment<'_>, index: usize) -> u16 {
        let protocol = self.http.owner(segment, index).unwrap_or(SHARED);
        self.report.begin(protocol, self.wanted(protocol, segment), segment.data.len());
        protocol
    }
}

/// Whether a dissector of the host's takes what nobody else does.
fn has_fallback(one: &HandOff) -> bool {
    offer(one.table).is_some_and(|table| table.fallback.is_some())
}

/// The protocol of ours that takes what a report hands off, if one does.
fn joined(one: &HandOff) -> Option<u16> {
    protocols::joined(offer(one.table)?.name, one.key)
}

/// Bytes inside of a segment, for a protocol whose report nobody sees.
fn inside<'a>(outer: &Segment<'a>, data: &'a [u8], place: Place, counted: bool) -> Segment<'a> {
    Segment {
        data,
        reported: data.len(),
        lane: place.lane,
        position: place.position,
        counted,
        inside: true,
        wanted: Wanted { inside: true, ..Wanted::default() },
        ..*outer
    }
}

/// The bytes of a hand-off's source, where the dissector made them.
fn made(report: &Report, one: &HandOff) -> Option<Bytes> {
    report.sources().get(usize::from(one.source))?.bytes.clone()
}

/// The captured bytes of a hand-off.
fn bytes_of<'a>(one: &HandOff, made: Option<&'a Bytes>, segment: &Segment<'a>, body: &'a [u8]) -> &'a [u8] {
    let all = match (made, one.source) {
        (Some(made), _) => &made[..],
        (None, CAME_IN) => segment.data,
        (None, PASSED_ON) => body,
        (None, _) => &[],
    };
    let Range { start, end } = range(one);
    let end = end.min(all.len());
    all.get(start.min(end)..end).unwrap_or_default()
}

/// The bytes of a hand-off in its source.
fn range(one: &HandOff) -> Range<usize> {
    one.start..one.start.saturating_add(one.length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::Time;
    use crate::long_link::fields::TABLE as LONG_LINK;
    use crate::nested::{self, OPERATION};

    fn frame(op: u32, seq: u32, body: &[u8]) -> Vec<u8> {
        let length = 16 + body.len() as u32;
        let numbers = [&length.to_be_bytes()[..], &16_u16.to_be_bytes(), &1_u16.to_be_bytes()].concat();
        [&numbers, &op.to_be_bytes()[..], &seq.to_be_bytes(), body].concat()
    }

    /// A message in which bytes are hidden.
    fn nested(seq: u32, key: u8, position: usize, hidden: &[u8]) -> Vec<u8> {
        let hidden: Vec<u8> = hidden.iter().map(|byte| byte ^ key).collect();
        frame(OPERATION, seq, &[&[key][..], &(position as u32).to_be_bytes(), &hidden].concat())
    }

    /// What a host does: it calls for each PDU, and for what is inside of it.
    struct Host {
        capture: Capture,
        /// Whether it calls for what is inside.
        looks_inside: bool,
    }

    /// A PDU as it is shown: its depth, its protocol, where it lies, and its words.
    type Shown = (usize, u16, LaneId, u32, String);

    impl Host {
        fn visit(&mut self, packet: u32, data: &[u8], position: u32, first_visit: bool) -> Vec<Shown> {
            let segment = Segment {
                data,
                reported: data.len(),
                lane: LaneId::new(7, false),
                position,
                counted: true,
                packet,
                time: Time::new(packet.into(), 0),
                shown_stream: 7,
                began: true,
                src_address: &[10, 0, 0, 2],
                dst_address: &[10, 0, 0, 3],
                src_port: 40_000,
                dst_port: 8080,
                server_port: 8080,
                first_visit,
                inside: false,
                more: false,
                wanted: Wanted::ALL,
            };
            let mut shown = Vec::new();
            self.pdus(LONG_LINK, &segment, 0, &mut shown);
            shown
        }

        fn pdus(&mut self, protocol: u16, segment: &Segment<'_>, depth: usize, shown: &mut Vec<Shown>) {
            let (mut at, looks_inside) = (0, self.looks_inside);
            while at < segment.data.len() {
                let position = segment.position.wrapping_add(at as u32);
                let data = &segment.data[at..];
                let here = Segment { data, reported: data.len(), position, ..*segment };
                let Step::Consumed(length) = self.capture.step(protocol, &here) else { return };
                at += length;
                let report = self.capture.report();
                let words = report.text(report.info()).to_owned();
                shown.push((depth, protocol, segment.lane, position, words));
                if report.items().iter().any(|item| item.field == SN::TOO_MANY_INSIDE) {
                    shown.push((depth, protocol, segment.lane, position, "too many".into()));
                }
                let inside = report.hand_offs().iter().filter_map(|one| {
                    let made = made(report, one);
                    let bytes = bytes_of(one, made.as_ref(), &here, &[]).to_vec();
                    Some((joined(one)?, one.inner?, bytes))
                });
                for (to, inner, data) in inside.collect::<Vec<_>>().iter().filter(|_| looks_inside) {
                    let Inner { lane, position, counted, shown_stream } = *inner;
                    let reported = data.len();
                    let inner = Segment {
                        data,
                        reported,
                        lane,
                        position,
                        counted,
                        shown_stream,
                        inside: true,
                        ..here
                    };
                    self.pdus(*to, &inner, depth + 1, shown);
                }
            }
        }
    }

    /// A heartbeat and a frame that holds another one, cut in the middle, in two messages.
    fn story() -> [Vec<u8>; 2] {
        let innermost = nested(3, 9, 0, &frame(24, 5, b"abc"));
        let stream = [frame(6, u32::MAX, b""), innermost].concat();
        let (first, second) = stream.split_at(40);
        [nested(1, 7, 0, first), nested(2, 8, 40, second)]
    }

    fn names(shown: &[Shown]) -> Vec<(usize, u16, u32, &str)> {
        let name = |words: &'static str, text: &str| text.contains(words).then_some(words);
        shown
            .iter()
            .map(|(depth, protocol, _, position, words)| {
                let word = name("heartbeat", words).or(name("too many", words)).unwrap_or("");
                (*depth, *protocol, *position, word)
            })
            .collect()
    }

    #[test]
    fn what_is_inside_is_the_same_on_every_visit() {
        let packets = story();
        let starts = [100, 100 + packets[0].len() as u32];
        let visit = |host: &mut Host, packet: usize, first_visit| {
            host.visit(packet as u32 + 1, &packets[packet], starts[packet], first_visit)
        };
        let mut host = Host { capture: Capture::default(), looks_inside: true };
        let first: Vec<_> = (0..2).map(|packet| visit(&mut host, packet, true)).collect();
        const NESTED: u16 = nested::TABLE;
        assert_eq!(
            names(&first[0]),
            [(0, LONG_LINK, 100, ""), (1, NESTED, 100, ""), (2, LONG_LINK, 0, "heartbeat")]
        );
        let second = starts[1];
        // The frame that both hold begins where the first message cut it.
        assert_eq!(
            names(&first[1]),
            [
                (0, LONG_LINK, second, ""),
                (1, NESTED, second, ""),
                (2, LONG_LINK, 16, ""),
                (3, NESTED, 16, ""),
                (4, LONG_LINK, 0, "")
            ]
        );
        let lanes: Vec<LaneId> = first[1].iter().map(|(_, _, lane, ..)| *lane).collect();
        assert!((1..lanes.len()).all(|place| !lanes[..place].contains(&lanes[place])), "{lanes:?}");
        assert_eq!(first[0][2].2, first[1][2].2);

        // A host that left out what is inside sees the same later, in any order.
        let mut blind = Host { capture: Capture::default(), looks_inside: false };
        for packet in 0..2 {
            assert_eq!(visit(&mut blind, packet, true).len(), 1);
        }
        blind.looks_inside = true;
        for packet in [1, 0, 0, 1] {
            let later = visit(&mut host, packet, false);
            assert_eq!(names(&later), names(&first[packet]));
            assert_eq!(visit(&mut blind, packet, false), later);
        }
    }

    #[test]
    fn what_never_becomes_whole_is_shown_once_all_is_seen() {
        let [packet, _] = story();
        let mut host = Host { capture: Capture::default(), looks_inside: true };
        assert_eq!(host.visit(1, &packet, 100, true).len(), 3);
        let later = host.visit(1, &packet, 100, false);
        assert_eq!(names(&later)[3], (2, LONG_LINK, 16, ""));
        assert_eq!(host.visit(1, &packet, 100, false), later);
    }

    #[test]
    fn a_packet_shows_so_many_and_says_so() {
        let message = nested(1, 7, 0, &frame(6, u32::MAX, b""));
        let packet = message.repeat(MOST_CALLS);
        let mut host = Host { capture: Capture::default(), looks_inside: true };
        for first_visit in [true, false, false] {
            let shown = host.visit(1, &packet, 100, first_visit);
            let count = |depth| shown.iter().filter(|one| one.0 == depth && one.4 != "too many").count();
            assert_eq!((count(0), count(1) + count(2)), (MOST_CALLS, MOST_CALLS));
            assert!(shown.iter().any(|one| one.4 == "too many"));
        }
    }
}
