// SPDX-License-Identifier: GPL-2.0-or-later
//! One capture: what the user has set, the protocols' states, and whose a stream is.

use std::ops::Range;

use crate::claim::{Claims, Offer};
use crate::config::Config;
use crate::kernel::place::LaneId;
use crate::kernel::protocol::{Begun, Packet, State};
use crate::kernel::report::Report;
use crate::kernel::segment::{Segment, Step};
use crate::long_link::fields::TABLE as LONG_LINK;
use crate::long_link::settings::Settings;
use crate::protocols::PROTOCOLS;
use crate::web::fields::TABLE as WEB;
use crate::web::{Bytes, Web};
use crate::wechat::settings::Shared;

/// The state of one capture.
#[derive(Debug)]
pub struct Capture {
    shared: Shared,
    settings: Settings,
    /// By the numbers of the protocols' tables.
    states: Vec<Option<Box<dyn State>>>,
    claims: Claims,
    web: Web,
    report: Report,
}

impl Default for Capture {
    fn default() -> Self {
        Self::new(&Config::default())
    }
}

impl Capture {
    /// A capture that begins.
    pub fn new(config: &Config) -> Self {
        Self {
            shared: Shared::of(config),
            settings: Settings::of(config),
            states: PROTOCOLS.iter().map(|row| row.begin.map(|begin| begin(config))).collect(),
            claims: Claims::default(),
            web: Web::default(),
            report: Report::default(),
        }
    }

    /// The report of the last [`Self::step`] or [`Self::message`].
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn state(&mut self, protocol: u16) -> Option<&mut Box<dyn State>> {
        self.states.get_mut(usize::from(protocol))?.as_mut()
    }

    /// Whether a protocol takes segments apart.
    pub fn takes_segments(&self, protocol: u16) -> bool {
        self.states.get(usize::from(protocol)).is_some_and(Option::is_some)
    }

    /// The protocol whose a segment is, on a port that others use too.
    pub fn claim(&mut self, offer: Offer<'_>) -> Option<u16> {
        let (ours, begun) = self.claims.decide(offer, &self.settings);
        if let (Some(begun), Some(stream)) = (begun, offer.stream)
            && let Some(state) = self.state(LONG_LINK)
        {
            let begun = Begun { bytes: begun.bytes(), start: begun.start(), position: offer.position };
            state.pick_up(LaneId::new(stream, offer.side), begun);
        }
        ours.then_some(LONG_LINK)
    }

    /// Has a protocol deal with the PDU at the start of `segment`; the segment is skipped as a whole by one that
    /// takes none apart.
    pub fn step(&mut self, protocol: u16, segment: &Segment<'_>) -> Step {
        self.report.begin(protocol, segment.wanted, segment.data.len());
        match self.states.get_mut(usize::from(protocol)) {
            Some(Some(state)) => state.step(segment, &mut self.report),
            _ => Step::Consumed(segment.reported),
        }
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

    /// Reads the heads in bytes that HTTP's dissector is about to get. Returns how many messages there are;
    /// with none, nothing else is to be done.
    pub fn begin_http(&mut self, segment: &Segment<'_>) -> usize {
        self.web.begin(&bytes(segment))
    }

    /// Whether the words in the Info column are to be the reports', of each message that begins in bytes that HTTP's
    /// dissector is about to get. `spoken` says that it holds words of reports already.
    pub fn speaks(&mut self, segment: &Segment<'_>, spoken: bool) -> bool {
        self.web.speaks(&bytes(segment), spoken)
    }

    /// The message to which the next body belongs that HTTP's dissector passes on.
    pub fn place_body(&mut self, segment: &Segment<'_>, media: &str) -> Option<usize> {
        self.web.place(&bytes(segment), media)
    }

    /// HTTP's dissector has returned, and has dealt with the first `taken` bytes. Returns how many messages
    /// of ours are among them at most.
    pub fn end_http(&mut self, segment: &Segment<'_>, taken: usize) -> usize {
        self.web.take(&bytes(segment), taken)
    }

    /// The protocol whose a message is, of those that [`Self::end_http`] took.
    pub fn owner(&self, segment: &Segment<'_>, index: usize) -> Option<u16> {
        self.web.is_ours(&bytes(segment), index).then_some(WEB)
    }

    /// Deals with a message of those that [`Self::end_http`] took, with its body as HTTP's dissector passed it
    /// on. Where its head lies, if it is one of ours: only then there is a report.
    pub fn message(&mut self, segment: &Segment<'_>, index: usize, body: &[u8]) -> Option<Range<usize>> {
        self.report.begin(WEB, segment.wanted, segment.data.len());
        self.report.passed_on(body.len());
        self.web.message(&bytes(segment), index, body, &self.shared, &mut self.report)
    }

    /// Reports that the dissector failed on a message.
    pub fn failed_message(&mut self, segment: &Segment<'_>) {
        self.report.begin(WEB, segment.wanted, segment.data.len());
        self.web.failed(&mut self.report, segment.data.len());
    }
}

fn bytes<'a>(segment: &Segment<'a>) -> Bytes<'a> {
    Bytes {
        data: segment.data,
        stream: segment.lane.stream,
        side: segment.lane.side,
        position: segment.position,
        counted: segment.counted,
        packet: segment.packet,
        time: segment.time,
        first_visit: segment.first_visit,
        wanted: segment.wanted,
    }
}
