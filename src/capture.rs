// SPDX-License-Identifier: GPL-2.0-or-later
//! One capture: what the user has set, the protocols' states, and whose a stream is.

use std::ops::Range;

use foldhash::HashMap;

use crate::claim::{Beginning, Claims, Offer};
use crate::config::Config;
use crate::http::{Carried, Http};
use crate::kernel::place::Place;
use crate::kernel::protocol::{Packet, State};
use crate::kernel::report::Report;
use crate::kernel::segment::{Segment, Step};
use crate::kernel::streams::{Ends, Streams};
use crate::long_link::fields::TABLE as LONG_LINK;
use crate::long_link::settings::Settings;
use crate::protocols::PROTOCOLS;
use crate::wechat::fields::TABLE as SHARED;
use crate::wechat::settings::Shared;

/// The state of one capture.
#[derive(Debug)]
pub struct Capture {
    shared: Shared,
    settings: Settings,
    streams: Streams,
    /// By the numbers of the protocols' tables.
    states: Vec<Option<Box<dyn State>>>,
    claims: Claims,
    /// What port's owners were given of the first PDU of each side of a stream, until that is shown.
    pending: HashMap<u32, [Option<Beginning>; 2]>,
    /// The same by the places of the segments in which these PDUs go on.
    begun: HashMap<Place, Beginning>,
    http: Http,
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
            streams: Streams::default(),
            states: PROTOCOLS.iter().map(|row| row.begin.map(|begin| begin(config))).collect(),
            claims: Claims::default(),
            pending: HashMap::default(),
            begun: HashMap::default(),
            http: Http::new(carried(config)),
            report: Report::default(),
        }
    }

    /// The report of the last [`Self::step`] or [`Self::message`].
    pub fn report(&self) -> &Report {
        &self.report
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
        let claim = self.claims.decide(offer, &self.settings);
        if claim.begun != [None; 2] {
            self.pending.insert(offer.lane.stream, claim.begun);
        }
        claim.ours.then_some(LONG_LINK)
    }

    /// The bytes that belong before those of a segment: its port's owner was given them when nobody could tell
    /// whose they are. A segment that has some is to be dealt with together with them, from their position on.
    pub fn begun(&mut self, segment: &Segment<'_>) -> &[u8] {
        if segment.first_visit
            && let Some(sides) = self.pending.get(&segment.lane.stream)
            && let Some(Some(begun)) = sides.get(usize::from(segment.lane.side))
            && (!segment.counted || begun.end() == segment.position)
        {
            self.begun.insert(segment.place(), *begun);
        }
        if self.begun.is_empty() {
            return &[];
        }
        self.begun.get(&segment.place()).map_or(&[], Beginning::bytes)
    }

    /// Has a protocol deal with the PDU at the start of `segment`; the segment is skipped as a whole by one that
    /// takes none apart.
    pub fn step(&mut self, protocol: u16, segment: &Segment<'_>) -> Step {
        self.report.begin(protocol, segment.wanted, segment.data.len());
        let Some(Some(state)) = self.states.get_mut(usize::from(protocol)) else {
            return Step::Consumed(segment.reported);
        };
        let step = state.step(segment, &mut self.report);
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

    /// Reads the heads in bytes that HTTP's dissector is about to get. Returns how many messages there are;
    /// with none, nothing else is to be done.
    pub fn begin_http(&mut self, segment: &Segment<'_>) -> usize {
        self.http.begin(segment)
    }

    /// Whether the words in the Info column are to be the reports', of each message that begins in bytes that HTTP's
    /// dissector is about to get. `spoken` says that it holds words of reports already.
    pub fn speaks(&mut self, segment: &Segment<'_>, spoken: bool) -> bool {
        self.http.speaks(segment, spoken)
    }

    /// The message to which a body belongs that HTTP's dissector passes on: it begins at `at` of `segment`, unless
    /// it was coded, and has `length` bytes, and the media type `media`, unless nobody knows.
    pub fn place_body(
        &mut self,
        segment: &Segment<'_>,
        at: Option<usize>,
        length: usize,
        media: Option<&str>,
    ) -> Option<usize> {
        self.http.place(segment, at, length, media)
    }

    /// HTTP's dissector has returned, and has dealt with the first `taken` bytes. Returns how many messages are to be
    /// shown; none if nothing is to be said of any.
    pub fn end_http(&mut self, segment: &Segment<'_>, taken: usize) -> usize {
        self.http.end(segment, taken)
    }

    /// The protocol whose a message is, of those that [`Self::end_http`] took.
    pub fn owner(&self, segment: &Segment<'_>, index: usize) -> Option<u16> {
        self.http.owner(segment, index)
    }

    /// Deals with a message of those that [`Self::end_http`] took, with its body as HTTP's dissector passed it
    /// on. Where its head lies, if it is one of ours: only then there is a report.
    pub fn message(&mut self, segment: &Segment<'_>, index: usize, body: &[u8]) -> Option<Range<usize>> {
        self.begin_message(segment, index);
        self.report.passed_on(body.len());
        self.http.message(segment, index, body, self.shared.show_account, &mut self.report)
    }

    /// Reports that the dissector failed on a message.
    pub fn failed_message(&mut self, segment: &Segment<'_>, index: usize) {
        let protocol = self.begin_message(segment, index);
        self.http.failed(protocol, &mut self.report, segment.data.len());
    }

    fn begin_message(&mut self, segment: &Segment<'_>, index: usize) -> u16 {
        let protocol = self.owner(segment, index).unwrap_or(SHARED);
        self.report.begin(protocol, segment.wanted, segment.data.len());
        protocol
    }
}

/// The states of the protocols in HTTP, by the numbers of their tables.
fn carried(config: &Config) -> Vec<Option<Box<dyn Carried>>> {
    PROTOCOLS.iter().map(|row| row.in_http.map(|row| (row.begin)(config))).collect()
}
