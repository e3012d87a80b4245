// SPDX-License-Identifier: GPL-2.0-or-later
//! One capture's dissector: framing, session and annotation put together.

pub mod annotate;
pub mod body;
pub mod fields;
pub mod frame;
pub mod framing;
pub mod navigation;
pub mod record;
pub mod session;
pub mod statistics;

use foldhash::{HashMap, HashSet};

use crate::claim::{Beginning, Claims, Offer};
use crate::config::Config;
use crate::kernel::report::{Report, Wanted};
use crate::long_link::annotate::Known;
use crate::long_link::frame::Header;
use crate::long_link::framing::{Cut, Lane, More, Verdict, View, Why};
use crate::long_link::navigation::Packet;
use crate::long_link::record::Rows;
use crate::long_link::session::{Decision, Facts, LaneId, Observed, Place, Session};
use crate::wechat::operation::{self, Kind, Layout, Meaning, Sender};

/// Bytes of a stream, from a place in it to the end of what the carrier has put together.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Captured bytes.
    pub data: &'a [u8],
    /// The same on the wire: larger than `data` when the capture cut bytes off.
    pub reported: usize,
    /// The stream's number, unique in the capture.
    pub stream: u32,
    /// Which of the stream's two ends sends.
    pub side: bool,
    /// Position of the first byte: what tells this PDU from the others of its packet and lane.
    pub position: u32,
    /// Whether `position` counts the bytes of the stream, so that holes show.
    pub counted: bool,
    /// The packet's number in the capture.
    pub packet: u32,
    /// When the packet was captured, in nanoseconds.
    pub time: i64,
    /// The stream's number, as the host shows it.
    pub shown_stream: u32,
    /// Whether the capture holds the stream's beginning.
    pub began: bool,
    /// Address of the sender; empty when nobody knows.
    pub src_address: &'a [u8],
    /// Address of the receiver.
    pub dst_address: &'a [u8],
    /// Port of the sender.
    pub src_port: u16,
    /// Port of the receiver.
    pub dst_port: u16,
    /// Port of the side that was connected to, where the carrier knows it; else 0.
    pub server_port: u16,
    /// Whether the packet has never been dissected before.
    pub first_visit: bool,
    /// Whether the carrier can wait for more bytes.
    pub more: bool,
    /// What of the report is asked for.
    pub wanted: Wanted,
}

/// What a notice that names nothing has news of: profile, messages, contacts.
const DEFAULT_SELECTOR: u32 = 7;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes are dealt with; the report shows them.
    Consumed(usize),
    /// Nothing can be said before more has come; the report is empty.
    Need(More),
}

/// One direction of a stream.
#[derive(Debug, Default)]
struct Way {
    lane: Lane,
    /// The place where the first pass waits for more.
    waiting: Option<u32>,
    /// What the port's owner was given of the first frame, until that is shown.
    begun: Option<Beginning>,
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
    fn sender(&self, side: bool, by_ports: Option<Sender>) -> Option<Sender> {
        let by_operation = self.server.map(|server| match server == side {
            true => Sender::Server,
            false => Sender::Client,
        });
        match (by_operation, self.both(side).0.shown == [true, true]) {
            (None, _) => by_ports,
            // Packets of both ends have this side, or whoever made them gave all of them the same.
            (Some(shown), both) if self.is_alone(side) => {
                by_ports.filter(|by_ports| *by_ports == shown && !both)
            }
            (_, true) => by_ports,
            (shown, false) => shown,
        }
    }
}

/// The state of one capture.
#[derive(Debug, Default)]
pub struct Dissector {
    config: Config,
    streams: HashMap<u32, Stream>,
    claims: Claims,
    session: Session,
    /// Frames that began and never became whole.
    unfinished: HashSet<(LaneId, u32)>,
    /// By the places of segments, what the port's owner was given of the frame that goes on there.
    begun: HashMap<(LaneId, u32, u32), Beginning>,
    report: Report,
    /// Rows of the operations in statistics.
    rows: Rows,
    /// Keys and values of the SyncKey in hand.
    keys: Vec<(u64, u64)>,
}

impl Dissector {
    /// A dissector for one capture.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// The report of the last [`Self::step`].
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// A display filter that belongs to a packet.
    pub fn packet_filter(&self, filter: usize, packet: Packet) -> Option<String> {
        navigation::packet_filter(&self.session, filter, packet)
    }

    /// Whether a segment on a port that others use too is ours.
    pub fn claim(&mut self, offer: Offer<'_>) -> bool {
        let claim = self.claims.decide(offer, &self.config);
        if claim.begun != [None; 2] {
            let ways = &mut self.streams.entry(offer.stream).or_default().ways;
            ways.iter_mut().zip(claim.begun).for_each(|(way, begun)| way.begun = begun);
        }
        claim.ours
    }

    /// The bytes that belong before those of a segment: its port's owner was given them when nobody could tell
    /// whose they are. A segment that has some is to be dealt with together with them, from their position on.
    pub fn begun(&mut self, segment: &Segment<'_>) -> &[u8] {
        let place = (LaneId::new(segment.stream, segment.side), segment.packet, segment.position);
        if segment.first_visit
            && let Some(stream) = self.streams.get_mut(&segment.stream)
            && let Some(begun) = stream.way(segment.side).begun
            && (!segment.counted || begun.end() == segment.position)
        {
            self.begun.insert(place, begun);
        }
        if self.begun.is_empty() {
            return &[];
        }
        self.begun.get(&place).map_or(&[], Beginning::bytes)
    }

    /// Deals with the PDU at the start of `segment`.
    pub fn step(&mut self, segment: &Segment<'_>) -> Step {
        self.report.begin(segment.wanted, segment.data.len());
        let lane = LaneId::new(segment.stream, segment.side);
        let place = Place { packet: segment.packet, lane, position: segment.position };
        match segment.first_visit {
            true => self.first_visit(segment, place),
            false => self.later_visit(segment, place),
        }
    }

    /// Reports that the dissector failed on this segment.
    pub fn failed(&mut self, segment: &Segment<'_>) {
        self.report.begin(segment.wanted, segment.data.len());
        annotate::internal_error(&mut self.report, segment.reported);
    }

    fn first_visit(&mut self, segment: &Segment<'_>, place: Place) -> Step {
        self.session.saw(segment.time);
        let more = segment.more && self.config.desegment;
        let (limit, unfinished) = (self.config.limit, &mut self.unfinished);
        let way = self.streams.entry(segment.stream).or_default().way(segment.side);
        way.waiting = None;
        let position = if segment.counted { segment.position } else { way.lane.next() };
        let view = View { data: segment.data, reported: segment.reported, position, more };
        if let Some(header) = way.lane.header_behind(&view, limit)
            && !self.session.began_frame(place.lane, position, header.op)
        {
            if way.lane.awaits_frame() {
                unfinished.insert((place.lane, way.lane.next()));
            }
            way.lane.begin_anew();
        }
        let verdict = way.lane.decide(view, limit, |position| {
            unfinished.insert((place.lane, position));
        });
        match verdict {
            Verdict::Need(more) => {
                way.waiting = Some(segment.position);
                Step::Need(more)
            }
            Verdict::Skip(length, why) => {
                way.begun = None;
                self.session.skip(place, length, why);
                annotate::skipped(&mut self.report, segment.data, length, why);
                Step::Consumed(length)
            }
            Verdict::Frame(cut) => {
                let Some(header) = Header::read(segment.data) else {
                    return Step::Consumed(cut.extent);
                };
                way.begun = None;
                self.first_frame(segment, place, cut, header)
            }
        }
    }

    fn first_frame(&mut self, segment: &Segment<'_>, place: Place, cut: Cut, header: Header) -> Step {
        let stream = self.streams.entry(segment.stream).or_default();
        stream.heard(segment.side, header.op);
        let alone = stream.is_alone(segment.side);
        let data = segment.data.get(..cut.extent).unwrap_or(segment.data);
        let own_extent = cut.extent != header.packet_len as usize;
        let end = if cut.wrong_length { cut.extent } else { header.packet_len as usize };
        let body = header.body(end);
        let meaning = self.meaning(segment, &header, body.len());
        let layout = operation::layout(meaning);
        let expects = match meaning.kind {
            Kind::Request | Kind::HeartbeatRequest => operation::is_answered(meaning),
            Kind::Push => layout == Layout::Push && body::wants_ack(data, body.clone()),
            _ => false,
        };
        let sync = operation::sync(meaning);
        self.keys.clear();
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
            unlisted: meaning.kind == Kind::Request && !self.config.lists(meaning),
            sync,
            selector: body::selector(data, body.clone(), layout)
                .filter(|selector| *selector != 0)
                .unwrap_or(DEFAULT_SELECTOR),
            elapsed_ms: body::ack_elapsed_ms(data, body.clone(), layout),
            account: body::sync_keys(data, body, layout, &mut self.keys),
            keys: &self.keys,
            client: client.filter(|address| !address.is_empty()),
            began: segment.began,
            alone,
            wrong_length: cut.wrong_length,
            extent: own_extent.then_some(u32::try_from(cut.extent).unwrap_or(u32::MAX)),
        };
        let event = self.session.observe(place, &observed);
        let facts = event.map_or(Facts::default(), |event| self.session.facts(event, true));
        let wrong_length = cut.wrong_length;
        let Segment { shown_stream: stream, packet, time, .. } = *segment;
        let extent = cut.extent;
        let known =
            Known { header, data, extent, meaning, layout, stream, packet, time, facts, wrong_length };
        let row = self.rows.learn(meaning.base);
        annotate::frame(&mut self.report, &known, &self.config);
        record::make(&mut self.report, &known, &self.config, row, true);
        Step::Consumed(extent)
    }

    /// What a frame is: by its operation, else by what the stream has shown, else by its ports.
    fn meaning(&self, segment: &Segment<'_>, header: &Header, body_len: usize) -> Meaning {
        let Segment { src_port, dst_port, server_port, .. } = *segment;
        let by_ports = self.config.sender(src_port, dst_port, server_port);
        let stream = self.streams.get(&segment.stream);
        let hint = stream.map_or(by_ports, |stream| stream.sender(segment.side, by_ports));
        let meaning = operation::classify(header.op, header.seq, body_len, hint);
        Meaning { kind: self.config.kind(meaning, header.op), ..meaning }
    }

    fn later_visit(&mut self, segment: &Segment<'_>, place: Place) -> Step {
        match self.session.find(place) {
            Some((_, Decision::Skip(length, why))) => {
                annotate::skipped(&mut self.report, segment.data, length, why);
                Step::Consumed(length)
            }
            Some((event, Decision::Frame { meaning, wrong_length, extent })) => {
                let facts = self.session.facts(event, false);
                let Some(header) = Header::read(segment.data) else {
                    return self.nothing_known(segment, place);
                };
                let extent = extent.unwrap_or(header.packet_len) as usize;
                let data = segment.data.get(..extent).unwrap_or(segment.data);
                let Segment { shown_stream: stream, packet, time, .. } = *segment;
                let layout = operation::layout(meaning);
                let known = Known {
                    header,
                    data,
                    extent,
                    meaning,
                    layout,
                    stream,
                    packet,
                    time,
                    facts,
                    wrong_length,
                };
                annotate::frame(&mut self.report, &known, &self.config);
                let row = self.rows.find(meaning.base);
                record::make(&mut self.report, &known, &self.config, row, false);
                Step::Consumed(extent)
            }
            None => self.nothing_known(segment, place),
        }
    }

    /// The first pass waited here. What never became whole is shown as far as it came.
    fn nothing_known(&mut self, segment: &Segment<'_>, place: Place) -> Step {
        let way = self.streams.get(&segment.stream).map(|stream| stream.both(segment.side).0);
        let waits = way.is_some_and(|way| way.lane.awaits_frame() && way.waiting == Some(segment.position));
        if !waits && !self.unfinished.contains(&(place.lane, segment.position)) {
            return Step::Need(More::Segment);
        }
        let length = segment.reported;
        let Some(header) = Header::read(segment.data) else {
            annotate::skipped(&mut self.report, segment.data, length, Why::Truncated);
            return Step::Consumed(length);
        };
        let body_len = header.body(header.packet_len as usize).len();
        let meaning = self.meaning(segment, &header, body_len);
        let (data, facts, extent) = (segment.data, Facts::default(), length);
        let Segment { shown_stream: stream, packet, time, .. } = *segment;
        let (layout, wrong_length) = (operation::layout(meaning), false);
        let known =
            Known { header, data, extent, meaning, layout, stream, packet, time, facts, wrong_length };
        // What never became whole is no frame that statistics could count.
        annotate::frame(&mut self.report, &known, &self.config);
        Step::Consumed(extent)
    }
}
