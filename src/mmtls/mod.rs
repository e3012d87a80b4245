// SPDX-License-Identifier: GPL-2.0-or-later
//! MMTLS: WeChat's own record layer, in the manner of TLS 1.3, in which the phone's links lie since about 2016.
//!
//! ```text
//! TCP's bytes ──▶ framing ──▶ way ─────▶ session ───▶ annotate ─▶ report
//! HTTP's bodies   where is    which      of which             items, and what
//!                 a record?   number?    session?             is inside, for others
//! ```
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`record`] | how a record is laid out |
//! | [`crate::kernel::framing`] | where records begin in a stream that may be cut, holed or wrong |
//! | [`claim`] | whether a stream begins with a record |
//! | [`http`] | which messages of HTTP have records in their bodies |
//! | [`count`] | which numbers a record may have |
//! | [`way`] | which number a record has in its direction |
//! | [`session`] | which records belong together, and what they tell without a key |
//! | [`schedule`] | how keys follow from secrets |
//! | [`seal`] | how a record is opened |
//! | [`keys`] | which key opens which record |
//! | [`code`] | numbers on the wire that have a meaning |
//! | [`handshake`] | messages and alerts |
//! | [`clock`] | the second from which a path is drawn |
//! | [`annotate`] | how all that becomes a report |
//! | [`statistics`] | what a tap is told of a record, and what is made of that |
//! | [`navigation`] | which filters lead from one record to others |
//! | [`settings`] | what a user may set |
//! | [`fields`] | the words a user reads or filters on |

pub mod annotate;
pub mod claim;
pub mod clock;
pub mod code;
pub mod count;
pub mod fields;
pub mod handshake;
pub mod http;
pub mod keys;
pub mod navigation;
pub mod record;
pub mod schedule;
pub mod seal;
pub mod session;
pub mod settings;
pub mod statistics;
pub mod way;

use std::cell::RefCell;
use std::ffi::CStr;
use std::rc::Rc;

use bytes::Bytes;
use foldhash::{HashMap, HashSet};

use crate::kernel::framing::{Cut, Header as _, Verdict, Why, distance};
use crate::kernel::place::{LaneId, Place};
use crate::kernel::protocol::{Begins, OfferTable, Packet, Protocol, Start, State};
use crate::kernel::report::Report;
use crate::kernel::rows::number_of;
use crate::kernel::segment::{More, Segment, Step};
use crate::wechat::key_log::ring::KeyRing;
use crate::wechat::operation::Sender;
pub use annotate::{IN_HTTP, ON_STREAMS};
use annotate::{Known, What};
use count::Count;
use handshake::Body;
use http::{InHttp, Posts};
use keys::{AboutKeys, Closed, Keys, Said, Sealed};
use record::{HEADER_LEN, Header, TAG_LEN, kind};
use session::{Begun, Content, Event, Seen, Sessions};
use settings::Settings;
use way::{Taken, Way};

/// What there is to register.
pub static MMTLS: Protocol = Protocol {
    on_streams: true,
    in_http: true,
    preferences: settings::PREFERENCES,
    values: statistics::VALUES,
    tree: Some(statistics::TREE),
    lines: Some(statistics::LINES),
    dialogue: Some(statistics::DIALOGUE),
    packet_filters: navigation::TITLES,
    offers: &[
        OfferTable::new(DATA, c"MMTLS data", c"mmtls"),
        OfferTable::new(BODIES, c"MMTLS in HTTP", c"mmtls.body"),
    ],
    ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES)
};

/// The table in which others register for data, by the carrier of the session.
pub const DATA: &CStr = c"mmtls.data";
/// The table in which this protocol itself takes the bodies of HTTP.
pub const BODIES: &CStr = c"mmtls.body";
/// Its number.
const BODY_TABLE: u16 = number_of(fields::TABLE, 1);

/// No length of a record is beyond what is accepted.
const LIMIT: u32 = u32::MAX;

/// The state of one capture.
#[derive(Debug)]
pub struct Mmtls {
    settings: Settings,
    sessions: Sessions,
    keys: Keys,
    ways: HashMap<LaneId, Way>,
    /// The body of HTTP's that is being dealt with: nothing of it goes on in another.
    body: Option<(LaneId, Way)>,
    posts: Posts,
    /// Streams in HTTP that have had no record yet.
    begun: HashMap<u32, Begun>,
    skips: HashMap<Place, (usize, Why)>,
    /// The body of HTTP's that was shown last, and where its last record with data is.
    last_data: Option<((u32, LaneId), Option<u32>)>,
    /// The first record, and what is to be said of the key log there.
    about_keys: Option<(Place, AboutKeys)>,
    /// Records that began and never became whole.
    unfinished: HashSet<(LaneId, u32)>,
}

impl Mmtls {
    /// For one capture: the states on streams and in HTTP.
    pub fn new(settings: Settings, ring: Rc<RefCell<KeyRing>>) -> (Self, InHttp) {
        let posts = Posts::default();
        let in_http = InHttp::new(BODY_TABLE, posts.clone());
        let state = Self {
            keys: Keys::new(ring),
            settings,
            posts,
            sessions: Sessions::default(),
            ways: HashMap::default(),
            body: None,
            begun: HashMap::default(),
            skips: HashMap::default(),
            about_keys: None,
            last_data: None,
            unfinished: HashSet::default(),
        };
        (state, in_http)
    }
}

impl State for Mmtls {
    fn begins(&self, start: &Start<'_>) -> Begins {
        claim::begins(start, self.settings.try_any_port)
    }

    fn tries_any_port(&self) -> bool {
        self.settings.try_any_port
    }

    fn begin_inside(&mut self, stream: u32, part: u32, _: &'static str) {
        if let Some(post) = self.posts.borrow().get(part as usize) {
            self.begun.insert(stream, *post);
        }
    }

    fn step(&mut self, segment: &Segment<'_>, report: &mut Report) -> Step {
        let place = segment.place();
        let is_decided = || self.sessions.find(place).is_some() || self.skips.contains_key(&place);
        match segment.first_visit && !(segment.inside && is_decided()) {
            true => self.first_visit(segment, place, report),
            false => self.later_visit(segment, place, report),
        }
    }

    fn failed(&self, report: &mut Report, length: usize) {
        annotate::internal_error(report, length);
    }

    fn dialogue(&self, packet: Packet) -> Option<u32> {
        self.sessions.in_packet(packet.number).min()
    }

    fn packet_filter(&self, filter: usize, packet: Packet) -> Option<String> {
        navigation::packet_filter(&self.sessions, filter, packet.number)
    }
}

/// The direction that a segment is of.
fn way<'a>(
    segment: &Segment<'_>,
    ways: &'a mut HashMap<LaneId, Way>,
    body: &'a mut Option<(LaneId, Way)>,
) -> &'a mut Way {
    if !segment.inside {
        return ways.entry(segment.lane).or_default();
    }
    if body.as_ref().is_some_and(|(lane, _)| *lane != segment.lane) {
        *body = None;
    }
    &mut body.get_or_insert_with(|| (segment.lane, Way::default())).1
}

impl Mmtls {
    fn first_visit(&mut self, segment: &Segment<'_>, place: Place, report: &mut Report) -> Step {
        let lane = &mut way(segment, &mut self.ways, &mut self.body).lane;
        let view = lane.view(segment, self.settings.desegment);
        let unfinished = &mut self.unfinished;
        let verdict = lane.decide_first(segment, view, LIMIT, |position| {
            unfinished.insert((place.lane, position));
        });
        match verdict {
            Verdict::Need(more) => Step::Need(more),
            Verdict::Skip(length, why) => {
                self.skips.insert(place, (length, why));
                annotate::skipped(report, segment.data, length, why);
                Step::Consumed(length)
            }
            Verdict::Frame(cut) => match Header::read(segment.data) {
                Some(header) => self.first_record(segment, place, view.position, cut, header, report),
                None => Step::Consumed(cut.extent),
            },
        }
    }

    fn first_record(
        &mut self,
        segment: &Segment<'_>,
        place: Place,
        position: u32,
        cut: Cut,
        header: Header,
        report: &mut Report,
    ) -> Step {
        let record = segment.data.get(..cut.extent).unwrap_or(segment.data);
        let whole = record.len() == header.pdu_len() as usize;
        // Bodies begin with the first record. So do streams whose beginning was captured, if it looks like one.
        let is_first = segment.inside || segment.began && header.kind != kind::DATA;
        let start = if is_first { Count::exactly(0) } else { Count::default() };
        let count = way(segment, &mut self.ways, &mut self.body).count(position, start);
        let seen = Seen { segment, header, record, whole, count };
        let begun = self.begun.remove(&place.lane.stream);
        let mut event = self.sessions.observe(&seen, begun, &self.settings.shared);
        event.extent =
            (cut.extent != header.pdu_len() as usize).then(|| u32::try_from(cut.extent).unwrap_or(u32::MAX));
        event.wrong_length = cut.wrong_length;
        // The first record is in clear.
        let count = if event.seq.is_none() && count.exact() == Some(0) { Count::default() } else { count };
        let plain = self.open(&Seen { count, ..seen }, &mut event);
        let content = seen.content();
        self.learn(segment, &mut event, header, plain.as_deref().unwrap_or(content), plain.is_some());
        let inner =
            if header.kind == kind::DATA { usize::from(header.length).saturating_sub(TAG_LEN) } else { 0 };
        let length = u32::try_from(cut.extent).unwrap_or(u32::MAX);
        let taken =
            Taken { position, length, seq: event.seq, inner: u32::try_from(inner).unwrap_or(u32::MAX) };
        event.inner = way(segment, &mut self.ways, &mut self.body).take(taken, count);
        self.sessions.keep(place, event);
        if self.about_keys.is_none() {
            self.about_keys = Some((place, self.keys.about()));
        }
        self.show(segment, event, header, plain, report);
        Step::Consumed(cut.extent)
    }

    /// Opens a record on its first visit, or says why not.
    fn open(&mut self, seen: &Seen<'_>, event: &mut Event) -> Option<Bytes> {
        if event.content == Content::Clear {
            return None;
        }
        let opened = match seen.whole {
            true => self.keys.open(&sealed(
                seen.segment,
                event,
                seen.header,
                seen.content(),
                seen.count,
                self.random(event),
            )),
            false => Err(Closed::Cut),
        };
        match opened {
            Ok((opening, bytes)) => {
                (event.opening, event.seq) = (Some(opening), Some(opening.seq));
                Some(bytes)
            }
            Err(why) => {
                (event.closed, event.keys) = (Some(why), self.keys.state());
                self.sessions.infer(event, seen);
                None
            }
        }
    }

    /// What names the session of a record, if the capture has its hello.
    fn random(&self, event: &Event) -> Option<[u8; 32]> {
        Some(self.sessions.session(event.session)?.hello?.random)
    }

    /// Learns what messages say, in clear or opened.
    fn learn(
        &mut self,
        segment: &Segment<'_>,
        event: &mut Event,
        header: Header,
        content: &[u8],
        opened: bool,
    ) {
        let in_clear = event.content == Content::Clear;
        if !matches!(header.kind, kind::HANDSHAKE | kind::EARLY) || !(in_clear || opened) {
            return;
        }
        let key = &self.settings.shared.key;
        for message in handshake::messages(content, 0..content.len()).take(annotate::MOST_MESSAGES) {
            let Some(bytes) = content.get(message.all.clone()).filter(|_| message.whole) else { continue };
            let said = match message.body {
                Body::ClientHello(hello) => Said::ClientHello(keys::Hello {
                    random: hello.random,
                    ticket: hello.tickets.clone().next().map(|ticket| ticket.id(key).number()),
                    time: hello.time.unwrap_or_default(),
                    early: header.kind == kind::EARLY,
                }),
                Body::ServerHello(_) => Said::ServerHello,
                Body::EncryptedExtensions(_) => Said::EncryptedExtensions,
                Body::CertificateVerify(_) => Said::CertificateVerify,
                Body::NewSessionTicket(tickets) => {
                    let mut access = None;
                    for ticket in tickets.take(annotate::MOST_MESSAGES) {
                        let id = ticket.id(key).number();
                        self.sessions.issued(id, segment);
                        access = access.or((ticket.kind == code::ticket::ACCESS).then_some(id));
                    }
                    Said::NewSessionTicket(access)
                }
                Body::Finished(at) => {
                    let said = content.get(at).unwrap_or_default();
                    let from_client = event.sender == Some(Sender::Client);
                    event.verified = self.keys.verify(event.session, from_client, said);
                    continue;
                }
                Body::Unread => continue,
            };
            self.keys.said(event.session, said, bytes);
        }
    }

    fn later_visit(&mut self, segment: &Segment<'_>, place: Place, report: &mut Report) -> Step {
        if let Some((length, why)) = self.skips.get(&place) {
            annotate::skipped(report, segment.data, *length, *why);
            return Step::Consumed(*length);
        }
        match (self.sessions.find(place), Header::read(segment.data)) {
            (Some(mut event), Some(header)) => {
                let extent = event.extent.unwrap_or(header.pdu_len()) as usize;
                let content = segment.data.get(HEADER_LEN..extent).unwrap_or_default();
                let plain = event.opening.and_then(|opening| self.keys.reopen(opening, header, content));
                let may_open = matches!(event.closed, Some(Closed::NoKeyLog | Closed::NoLine));
                let count = Count::default();
                let sealed = sealed(segment, &event, header, content, count, self.random(&event));
                if may_open && self.keys.came_later(&sealed, event.keys) {
                    event.closed = Some(Closed::KeyLater);
                }
                self.show(segment, event, header, plain, report);
                Step::Consumed(extent)
            }
            _ => self.nothing_known(segment, place, report),
        }
    }

    /// The first pass waited here. What never became whole is shown as far as it came.
    fn nothing_known(&mut self, segment: &Segment<'_>, place: Place, report: &mut Report) -> Step {
        let waits = self.ways.get(&place.lane).is_some_and(|way| way.lane.waits_at(segment.position));
        if !waits && !self.unfinished.contains(&(place.lane, segment.position)) {
            return Step::Need(More::Segment);
        }
        let extent = segment.reported;
        let Some(header) = Header::read(segment.data) else {
            annotate::skipped(report, segment.data, extent, Why::Truncated);
            return Step::Consumed(extent);
        };
        annotate::unfinished(report, segment.data, extent, header);
        Step::Consumed(extent)
    }

    /// Whether a record with data follows in a body.
    fn holds_more_data(&mut self, segment: &Segment<'_>) -> bool {
        let body = (segment.packet, segment.lane);
        let last = match self.last_data {
            Some((known, last)) if known == body => last,
            // The first record of the body that is asked about sees all that follow.
            _ => {
                let last = last_data(segment.data).map(|at| u32::try_from(at).unwrap_or(u32::MAX));
                let last = last.map(|at| segment.position.wrapping_add(at));
                self.last_data = Some((body, last));
                last
            }
        };
        last.is_some_and(|last| distance(segment.position, last) > 0)
    }

    fn show(
        &mut self,
        segment: &Segment<'_>,
        event: Event,
        header: Header,
        plain: Option<Bytes>,
        report: &mut Report,
    ) {
        let extent = event.extent.unwrap_or(header.pdu_len()) as usize;
        let more = !segment.inside || header.kind == kind::DATA && self.holds_more_data(segment);
        let place = segment.place();
        let about = self.about_keys.as_ref().filter(|(first, _)| *first == place);
        let known = Known {
            header,
            data: segment.data.get(..extent).unwrap_or(segment.data),
            extent,
            segment,
            event,
            later: !segment.first_visit,
            more,
            plain,
            about_keys: about.map(|(_, about)| about),
            sessions: &self.sessions,
            settings: &self.settings,
        };
        let tickets = annotate::tickets(&known);
        let what = What::new(&known, &tickets);
        let source = annotate::record(report, &what);
        statistics::make(report, &known, source, &what);
    }
}

/// Where the last whole record with data begins in a body.
fn last_data(body: &[u8]) -> Option<usize> {
    let (mut at, mut last) = (0usize, None);
    while let Some(header) = body.get(at..).and_then(Header::read) {
        let end = at.saturating_add(header.pdu_len() as usize);
        if header.kind == kind::DATA && usize::from(header.length) > TAG_LEN && end <= body.len() {
            last = Some(at);
        }
        at = end;
    }
    last
}

/// A record for those who open it.
fn sealed<'a>(
    segment: &Segment<'_>,
    event: &Event,
    header: Header,
    content: &'a [u8],
    count: Count,
    random: Option<[u8; 32]>,
) -> Sealed<'a> {
    let from_client = event.sender.map(|sender| sender == Sender::Client);
    Sealed { session: event.session, packet: segment.packet, header, content, count, from_client, random }
}
