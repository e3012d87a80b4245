// SPDX-License-Identifier: GPL-2.0-or-later
//! The long link: frames with operation and seqid on one TCP connection.
//!
//! The mobile client keeps one connection to its servers and exchanges frames on it: a header of 16 bytes, then a
//! body ([`frame`] draws it). Requests and responses share a seqid, pushes carry seqid 0, heartbeats are headers without
//! a body.
//!
//! ```text
//! segment ─▶ framing ───▶ session ─────▶ annotate ─▶ report
//!            where is     who answers    body by
//!            a frame?     whom?          body
//! ```
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`frame`] | how a frame is laid out |
//! | [`crate::kernel::framing`] | where frames begin in a stream that may be cut, holed or wrong |
//! | [`claim`] | whether a stream begins with a frame |
//! | [`session`] | which frame answers which |
//! | [`body`] | what is inside a body |
//! | [`annotate`] | how all that becomes a report |
//! | [`record`] | what a tap is told of a frame |
//! | [`statistics`] | what is made of that |
//! | [`navigation`] | which filters lead from one frame to others |
//! | [`settings`] | what a user may set |
//! | [`fields`] | the words a user reads or filters on |

pub mod annotate;
pub mod body;
pub mod claim;
pub mod fields;
pub mod frame;
pub mod navigation;
pub mod record;
pub mod session;
pub mod settings;
pub mod statistics;

use std::ffi::CStr;
use std::rc::Rc;

use foldhash::{HashMap, HashSet};

use crate::kernel::framing::{Cut, Header as _, Lane, Verdict, Why};
use crate::kernel::place::{LaneId, Place};
use crate::kernel::protocol::{Begins, OfferTable, Packet, Protocol, Start, State};
use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::kernel::segment::{More, Segment, Step};
use crate::wechat::fields::FAULTS;
use crate::wechat::opening::Bodies;
use crate::wechat::opening::body::{self as opened, Body};
use crate::wechat::operation::{self, Kind, Layout, Meaning, Sender};
use crate::wechat::{CHOICES, business, selector, synckey};
use annotate::Known;
use frame::Header;
use record::Rows;
use session::{Decision, Facts, Observed, Session};
use settings::Settings;

/// What there is to register.
pub static LONG_LINK: Protocol = Protocol {
    on_streams: true,
    preferences: settings::PREFERENCES,
    offers: &[OfferTable { choices: CHOICES, ..OfferTable::new(BODIES, c"WeChat operation", c"wechat") }],
    values: record::VALUES,
    tree: Some(statistics::TREE),
    response_times: Some(statistics::RESPONSE_TIMES),
    delays: Some(statistics::DELIVERY),
    lines: Some(statistics::LINES),
    dialogue: Some(statistics::DIALOGUE),
    packet_filters: navigation::TITLES,
    ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES)
};

/// The table in which others register for bodies, by the operation.
pub const BODIES: &CStr = c"wechat.op";

/// Values of `wechat.carrier` where that is no protocol of ours.
const TCP: &str = "tcp";
const OTHER: &str = "other";

/// One direction of a stream.
#[derive(Debug, Default)]
struct Way {
    lane: Lane<Header>,
    /// Whether a frame came this way.
    heard: bool,
    /// Whether one came that only a client sends, and one that only a server does.
    shown: [bool; 2],
}

/// One end-to-end stream.
#[derive(Debug, Default)]
struct Stream {
    ways: [Way; 2],
    /// The end that an operation showed to be the server.
    server: Option<bool>,
    /// The protocol of ours that has it inside.
    carrier: Option<&'static str>,
}

impl Stream {
    fn way(&mut self, side: bool) -> &mut Way {
        let [first, second] = &mut self.ways;
        if side { second } else { first }
    }

    /// What is known of the way that `side` sends, and of the other.
    fn both(&self, side: bool) -> (&Way, &Way) {
        let [first, second] = &self.ways;
        if side { (second, first) } else { (first, second) }
    }

    /// Learns what a frame's operation says of who sent it.
    fn heard(&mut self, side: bool, op: u32) {
        let way = self.way(side);
        way.heard = true;
        if let Some(sender) = operation::sender_of(op) {
            let [client, server] = &mut way.shown;
            *(if sender == Sender::Server { server } else { client }) = true;
            self.server = Some(side == (sender == Sender::Server));
        }
    }

    /// Whether only this side has been heard: then nobody knows whether it is only one end.
    fn is_alone(&self, side: bool) -> bool {
        !self.both(side).1.heard
    }

    /// Who sends from this side, by what operations have shown and by what the ports say.
    fn sender(&self, side: bool, by_ports: impl FnOnce() -> Option<Sender>) -> Option<Sender> {
        let by_operation = self.server.map(|server| match server == side {
            true => Sender::Server,
            false => Sender::Client,
        });
        match (by_operation, self.both(side).0.shown == [true, true]) {
            (None, _) => by_ports(),
            // Packets of both ends have this side, or whoever made them gave all of them the same: behind an answer
            // ports make no other of a request.
            (Some(Sender::Server), _) if self.is_alone(side) => None,
            (Some(Sender::Client), both) if self.is_alone(side) => {
                by_ports().filter(|by_ports| *by_ports == Sender::Client && !both)
            }
            (_, true) => by_ports(),
            (shown, false) => shown,
        }
    }
}

/// The state of one capture.
#[derive(Debug, Default)]
pub struct LongLink {
    settings: Rc<Settings>,
    streams: HashMap<u32, Stream>,
    session: Session,
    /// Frames that began and never became whole.
    unfinished: HashSet<(LaneId, u32)>,
    /// Rows of the operations in statistics.
    rows: Rows,
    /// Keys and values of the SyncKey in hand.
    keys: Vec<(u64, u64)>,
    /// What keys open of the frames' bodies.
    bodies: Bodies,
    /// The first frame of each operation for which the user's table has two rows.
    named_twice: HashMap<u32, Place>,
}

/// What of a frame is on record: as decided on the first visit.
#[derive(Clone, Copy)]
struct Decided {
    header: Header,
    extent: usize,
    meaning: Meaning,
    wrong_length: bool,
}

impl State for LongLink {
    fn begins(&self, start: &Start<'_>) -> Begins {
        claim::begins(start, &self.settings)
    }

    fn tries_any_port(&self) -> bool {
        self.settings.try_any_port
    }

    fn begin_inside(&mut self, stream: u32, _: u32, carrier: &'static str) {
        self.streams.entry(stream).or_default().carrier = Some(carrier);
    }

    fn step(&mut self, segment: &Segment<'_>, report: &mut Report) -> Step {
        let place = segment.place();
        match segment.first_visit && !(segment.inside && self.session.find(place).is_some()) {
            true => self.first_visit(segment, place, report),
            false => self.later_visit(segment, place, report),
        }
    }

    fn failed(&self, report: &mut Report, length: usize) {
        annotate::internal_error(report, length);
    }

    fn packet_filter(&self, filter: usize, packet: Packet) -> Option<String> {
        navigation::packet_filter(&self.session, filter, packet)
    }
}

impl LongLink {
    /// For one capture.
    pub fn new(settings: Rc<Settings>, bodies: Bodies) -> Self {
        Self { settings, bodies, ..Self::default() }
    }

    fn first_visit(&mut self, segment: &Segment<'_>, place: Place, report: &mut Report) -> Step {
        self.session.saw(segment.time);
        let (limit, unfinished) = (self.settings.limit, &mut self.unfinished);
        let stream = self.streams.entry(place.lane.stream).or_default();
        let way = stream.way(place.lane.side);
        let view = way.lane.view(segment, self.settings.desegment);
        // Nearly always.
        let in_step = view.position == way.lane.next();
        if !in_step && let Some((begin, header)) = way.lane.header_behind(&view, limit) {
            let start = view.position.wrapping_add(u32::try_from(begin).unwrap_or(u32::MAX));
            if !self.session.began_frame(place.lane, start, header.op, header.seq) {
                if way.lane.awaits_frame() {
                    unfinished.insert((place.lane, way.lane.next()));
                }
                way.lane.begin_anew();
            }
        }
        let verdict = way.lane.decide_first(segment, view, limit, |position| {
            unfinished.insert((place.lane, position));
        });
        match verdict {
            Verdict::Need(more) => Step::Need(more),
            Verdict::Skip(length, why) => {
                self.session.skip(place, length, why);
                annotate::skipped(report, segment.data, length, why);
                Step::Consumed(length)
            }
            Verdict::Frame(Cut { extent, wrong_length }) => {
                let Some(header) = Header::read(segment.data) else { return Step::Consumed(extent) };
                let body_len = header.body(header.end(extent, wrong_length)).len();
                stream.heard(place.lane.side, header.op);
                let meaning = meaning(&self.settings, Some(stream), segment, &header, body_len);
                let alone = stream.is_alone(place.lane.side);
                let decided = Decided { header, extent, meaning, wrong_length };
                self.first_frame(segment, place, decided, alone, report)
            }
        }
    }

    fn first_frame(
        &mut self,
        segment: &Segment<'_>,
        place: Place,
        decided: Decided,
        alone: bool,
        report: &mut Report,
    ) -> Step {
        let Decided { header, extent, meaning, wrong_length } = decided;
        let data = segment.data.get(..extent).unwrap_or(segment.data);
        let own_extent = extent != header.packet_len as usize;
        let body = header.body(header.end(extent, wrong_length));
        let layout = operation::layout(meaning);
        self.keys.clear();
        let mut gist = body::read(data, body.clone(), layout, &mut self.keys);
        let opened = self.open(decided, data, layout, |bodies, header| bodies.first(place, data, header));
        if let Some((header, opened)) = &opened
            && let Some(message) = opened.message()
            && let Some(key) = opened::sync_key(message, header)
        {
            synckey::read(Reader::new(message, key, FAULTS), &mut self.keys);
            gist.account = Some(header.uin()).filter(|uin| *uin != 0);
        }
        let opened = opened.map(|(_, body)| body);
        let expects = match meaning.kind {
            Kind::Request | Kind::HeartbeatRequest => operation::is_answered(meaning),
            Kind::Push => gist.wants_ack,
            _ => false,
        };
        let client = match meaning.sender {
            Some(Sender::Client) => Some(segment.src_address),
            Some(Sender::Server) => Some(segment.dst_address),
            None => None,
        };
        let observed = Observed {
            meaning,
            op: header.op,
            seq: header.seq,
            time: segment.time,
            expects,
            unlisted: meaning.kind == Kind::Request && !self.settings.lists(meaning),
            sync: operation::sync(meaning),
            selector: gist.selector.filter(|selector| *selector != 0).unwrap_or(selector::DEFAULT),
            elapsed_ms: gist.elapsed_ms,
            account: gist.account,
            keys: &self.keys,
            client: client.filter(|address| !address.is_empty()),
            began: segment.began,
            alone,
            wrong_length,
            extent: own_extent.then_some(u32::try_from(extent).unwrap_or(u32::MAX)),
        };
        let event = self.session.observe(place, &observed);
        let facts = event.map_or(Facts::default(), |event| self.session.facts(event, true));
        self.rows.learn(meaning.base);
        let known = known(segment, decided, layout, facts, self.carrier(segment));
        let named_twice = self.settings.names_twice(meaning)
            && *self.named_twice.entry(meaning.base).or_insert(place) == place;
        let known = Known { opened: opened.as_ref(), named_twice, ..known };
        annotate::frame(report, &known, &self.settings);
        record::make(report, segment, &known, &self.settings, &self.rows);
        Step::Consumed(extent)
    }

    /// The business packet of a frame that may be open, and its body as `open` says.
    fn open(
        &mut self,
        decided: Decided,
        data: &[u8],
        layout: Layout,
        open: impl FnOnce(&mut Bodies, &business::Header) -> Body,
    ) -> Option<(business::Header, Body)> {
        let Decided { header, extent, meaning, wrong_length } = decided;
        if wrong_length || !self.bodies.may_open() {
            return None;
        }
        let header = body::business(data, header.body(header.end(extent, wrong_length)), layout, meaning)?;
        let body = open(&mut self.bodies, &header);
        Some((header, body))
    }

    fn later_visit(&mut self, segment: &Segment<'_>, place: Place, report: &mut Report) -> Step {
        match self.session.find(place) {
            Some((_, Decision::Skip(length, why))) => {
                annotate::skipped(report, segment.data, length, why);
                Step::Consumed(length)
            }
            Some((event, Decision::Frame { meaning, wrong_length, extent })) => {
                let Some(header) = Header::read(segment.data) else {
                    return self.nothing_known(segment, place, report);
                };
                let extent = extent.unwrap_or(header.packet_len) as usize;
                let decided = Decided { header, extent, meaning, wrong_length };
                let layout = operation::layout(meaning);
                let data = segment.data.get(..extent).unwrap_or(segment.data);
                let opened =
                    self.open(decided, data, layout, |bodies, header| bodies.again(place, data, header));
                let opened = opened.map(|(_, body)| body);
                let facts = self.session.facts(event, segment.first_visit);
                let known = known(segment, decided, layout, facts, self.carrier(segment));
                let named_twice = self.named_twice.get(&meaning.base) == Some(&place);
                let known = Known { opened: opened.as_ref(), named_twice, ..known };
                annotate::frame(report, &known, &self.settings);
                record::make(report, segment, &known, &self.settings, &self.rows);
                Step::Consumed(extent)
            }
            None => self.nothing_known(segment, place, report),
        }
    }

    /// What carries the stream of a segment.
    fn carrier(&self, segment: &Segment<'_>) -> &'static str {
        let of_ours = || self.streams.get(&segment.lane.stream).and_then(|stream| stream.carrier);
        match segment.inside {
            true => of_ours().unwrap_or(OTHER),
            // TCP counts its bytes. In a tunnel, and in what was exported, nobody does.
            false if segment.counted => TCP,
            false => OTHER,
        }
    }

    /// The first pass waited here. What never became whole is shown as far as it came.
    fn nothing_known(&mut self, segment: &Segment<'_>, place: Place, report: &mut Report) -> Step {
        let way = self.streams.get(&place.lane.stream).map(|stream| stream.both(place.lane.side).0);
        let waits = way.is_some_and(|way| way.lane.waits_at(segment.position));
        if !waits && !self.unfinished.contains(&(place.lane, segment.position)) {
            return Step::Need(More::Segment);
        }
        let extent = segment.reported;
        let Some(header) = Header::read(segment.data) else {
            annotate::skipped(report, segment.data, extent, Why::Truncated);
            return Step::Consumed(extent);
        };
        let body_len = header.body(header.packet_len as usize).len();
        let stream = self.streams.get(&place.lane.stream);
        let meaning = meaning(&self.settings, stream, segment, &header, body_len);
        let decided = Decided { header, extent, meaning, wrong_length: false };
        // What never became whole is no frame that statistics could count.
        let known =
            known(segment, decided, operation::layout(meaning), Facts::default(), self.carrier(segment));
        annotate::frame(report, &known, &self.settings);
        Step::Consumed(extent)
    }
}

/// What a frame is: by its operation, else by what the stream has shown, else by its ports.
fn meaning(
    settings: &Settings,
    stream: Option<&Stream>,
    segment: &Segment<'_>,
    header: &Header,
    body_len: usize,
) -> Meaning {
    let Segment { lane, src_port, dst_port, server_port, .. } = *segment;
    let by_ports = || settings.shared.sender(src_port, dst_port, server_port);
    let hint = match stream {
        Some(stream) => stream.sender(lane.side, by_ports),
        None => by_ports(),
    };
    let meaning = operation::classify(header.op, header.seq, body_len, hint);
    Meaning { kind: settings.kind(meaning, header.op), ..meaning }
}

/// A frame at the start of a segment, with all that is known of it.
fn known<'a>(
    segment: &Segment<'a>,
    decided: Decided,
    layout: Layout,
    facts: Facts<'a>,
    carrier: &'static str,
) -> Known<'a> {
    let Decided { header, extent, meaning, wrong_length } = decided;
    Known {
        header,
        data: segment.data.get(..extent).unwrap_or(segment.data),
        extent,
        meaning,
        layout,
        stream: segment.shown_stream,
        facts,
        opened: None,
        carrier,
        named_twice: false,
        wrong_length,
    }
}
