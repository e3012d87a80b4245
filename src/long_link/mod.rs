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

use crate::claim::{Claims, Offer};
use crate::config::Config;
use crate::kernel::report::{Report, Wanted};
use crate::kernel::time::Time;
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
    /// When the packet was captured.
    pub time: Time,
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

/// One end-to-end stream.
#[derive(Debug, Default)]
struct Stream {
    /// For each direction its lane, and the place where the first pass waits for more.
    lanes: [(Lane, Option<u32>); 2],
    /// The end that an operation showed to be the server.
    server: Option<bool>,
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
        let (ours, lane) = self.claims.decide(offer, &self.config);
        if let (Some(lane), Some(stream)) = (lane, offer.stream) {
            let lanes = &mut self.streams.entry(stream).or_default().lanes;
            if let Some(slot) = lanes.get_mut(usize::from(offer.side)) {
                slot.0 = lane;
            }
        }
        ours
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
        let stream = self.streams.entry(segment.stream).or_default();
        let [first, second] = &mut stream.lanes;
        let (lane, waiting) = if segment.side { second } else { first };
        *waiting = None;
        let position = if segment.counted { segment.position } else { lane.next() };
        let view = View { data: segment.data, reported: segment.reported, position, more };
        let verdict = lane.decide(view, limit, |position| {
            unfinished.insert((place.lane, position));
        });
        match verdict {
            Verdict::Need(more) => {
                *waiting = Some(segment.position);
                Step::Need(more)
            }
            Verdict::Skip(length, why) => {
                self.session.skip(place, length, why);
                annotate::skipped(&mut self.report, segment.data, length, why);
                Step::Consumed(length)
            }
            Verdict::Frame(cut) => {
                let Some(header) = Header::read(segment.data) else {
                    return Step::Consumed(cut.extent);
                };
                // An operation may show which end is the server.
                if let Some(sender) = operation::sender_of(header.op) {
                    stream.server = Some(segment.side == (sender == Sender::Server));
                }
                let server = stream.server;
                self.first_frame(segment, place, cut, header, server)
            }
        }
    }

    fn first_frame(
        &mut self,
        segment: &Segment<'_>,
        place: Place,
        cut: Cut,
        header: Header,
        server: Option<bool>,
    ) -> Step {
        let data = segment.data.get(..cut.extent).unwrap_or(segment.data);
        let own_extent = cut.extent != header.packet_len as usize;
        let end = if cut.wrong_length { cut.extent } else { header.packet_len as usize };
        let body = header.body(end);
        let meaning = self.meaning(segment, &header, body.len(), server);
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
    fn meaning(
        &self,
        segment: &Segment<'_>,
        header: &Header,
        body_len: usize,
        server: Option<bool>,
    ) -> Meaning {
        let shown = server.map(|server| match server == segment.side {
            true => Sender::Server,
            false => Sender::Client,
        });
        let hint =
            shown.or_else(|| self.config.sender(segment.src_port, segment.dst_port, segment.server_port));
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
        let stream = self.streams.get(&segment.stream);
        let waits = stream
            .map(|stream| &stream.lanes)
            .and_then(|lanes| lanes.get(usize::from(segment.side)))
            .is_some_and(|(lane, place)| lane.awaits_frame() && *place == Some(segment.position));
        if !waits && !self.unfinished.contains(&(place.lane, segment.position)) {
            return Step::Need(More::Segment);
        }
        let length = segment.reported;
        let Some(header) = Header::read(segment.data) else {
            annotate::skipped(&mut self.report, segment.data, length, Why::Truncated);
            return Step::Consumed(length);
        };
        let body_len = header.body(header.packet_len as usize).len();
        let server = stream.and_then(|stream| stream.server);
        let meaning = self.meaning(segment, &header, body_len, server);
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
