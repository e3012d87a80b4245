// SPDX-License-Identifier: GPL-2.0-or-later
//! The short link: the phone's other calls, each one request and its answer. Until 2016 a body of HTTP is the business
//! packet itself; since then a session of MMTLS in HTTP holds it.
//!
//! ```text
//! MMTLS's data ───▶ request ──▶ calls ──────▶ annotate ─▶ report
//! HTTP's bodies     where is    which belong
//!                   what?       together?
//! ```
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`request`] | how a request inside of MMTLS is framed |
//! | [`http`] | which messages of HTTP are calls |
//! | [`calls`] | which messages belong to one call, and which calls are made again |
//! | [`sync`] | how SyncKeys grow from call to call |
//! | [`annotate`] | how all that becomes a report |
//! | [`statistics`] | what a tap is told of a message, and what is made of that |
//! | [`navigation`] | which filters lead from one message to others |
//! | [`fields`] | the words a user reads or filters on |

pub mod annotate;
pub mod calls;
pub mod fields;
pub mod http;
pub mod navigation;
pub mod request;
pub mod statistics;
pub mod sync;

use std::cell::RefCell;
use std::ffi::CStr;
use std::rc::Rc;

use foldhash::HashMap;

use crate::http::target;
use crate::kernel::place::Place;
use crate::kernel::protocol::{OfferTable, Packet, Protocol, State};
use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::kernel::segment::{More, Segment, Step};
use crate::wechat::business::{self, Of};
use crate::wechat::fields::FAULTS;
use crate::wechat::opening::Bodies;
use crate::wechat::secret::Rule;
use crate::wechat::settings::Shared;
use annotate::{Known, framed_size, last_part};
use calls::{Asked, Calls, Event, Part};
use http::{InHttp, Post};
use request::Request;
use sync::SyncKeys;

/// What there is to register.
pub static SHORT_LINK: Protocol = Protocol {
    on_streams: true,
    in_http: true,
    offers: &[
        OfferTable::new(BODIES, c"WeChat short link in HTTP", c"wechat_short.body"),
        OfferTable {
            fallback: Some(c"xml"),
            ..OfferTable::new(c"wechat_short.xml", c"WeChat addresses", c"wechat_short.xml")
        },
    ],
    values: statistics::VALUES,
    tree: Some(statistics::TREE),
    response_times: Some(statistics::RESPONSE_TIMES),
    lines: Some(statistics::LINES),
    dialogue: Some(statistics::DIALOGUE),
    packet_filters: navigation::TITLES,
    ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES)
};

/// The table in which this protocol itself takes the bodies of HTTP.
pub const BODIES: &CStr = c"wechat_short.body";

/// The state of one capture.
#[derive(Debug)]
pub struct ShortLink {
    shared: Shared,
    calls: Calls,
    known: Rc<RefCell<http::Known>>,
    /// Of each stream in HTTP, the number of its request.
    posts: HashMap<u32, u32>,
    /// What keys open of the messages' bodies.
    bodies: Bodies,
    /// The SyncKeys in those that are open.
    sync: SyncKeys,
}

impl ShortLink {
    /// For one capture: the states on streams and in HTTP.
    pub fn new(shared: Shared, bodies: Bodies) -> (Self, InHttp) {
        let known = Rc::default();
        let in_http = InHttp::new(Rc::clone(&known), shared.clone());
        let (calls, posts) = Default::default();
        (Self { shared, calls, known, posts, bodies, sync: SyncKeys::default() }, in_http)
    }
}

impl State for ShortLink {
    fn begin_inside(&mut self, stream: u32, part: u32, _: &'static str) {
        self.posts.insert(stream, part);
    }

    fn step(&mut self, segment: &Segment<'_>, report: &mut Report) -> Step {
        let place = segment.place();
        if let Some(event) = self.calls.find(place) {
            return self.show(segment, event, report, false);
        }
        if segment.first_visit {
            return self.first_visit(segment, place, report);
        }
        // What waited in vain is shown as far as it came.
        if !segment.inside {
            return Step::Need(More::Segment);
        }
        let part = if request::begins(segment.data) { Part::Request } else { Part::Answer };
        let call = self.calls.current(segment.lane.stream).unwrap_or(u32::MAX);
        self.show(segment, Event { call, cut: true, ..event(part, segment, segment.reported) }, report, false)
    }

    fn failed(&self, report: &mut Report, length: usize) {
        annotate::internal_error(report, length);
    }

    fn packet_filter(&self, filter: usize, packet: Packet) -> Option<String> {
        navigation::packet_filter(&self.calls, filter, packet.number)
    }
}

impl ShortLink {
    fn first_visit(&mut self, segment: &Segment<'_>, place: Place, report: &mut Report) -> Step {
        self.known.borrow_mut().end = segment.time;
        let (part, mut extent, mut cut) = (self.part(segment, place), segment.reported, false);
        match part {
            Part::Request if segment.counted => match request::size(segment.data) {
                Some(size) if size <= segment.reported => extent = size,
                _ if segment.more => return Step::Need(More::Segment),
                _ => cut = true,
            },
            // Nothing tells how long it is but its end.
            Part::Answer if segment.counted && segment.more => {
                self.calls.hears(segment.lane);
                return Step::Need(More::Segment);
            }
            Part::Continuation => self.calls.hears(segment.lane),
            _ => {}
        }
        let mut event = event(part, segment, extent);
        event.cut |= cut;
        event.call = match part {
            Part::Request | Part::Target => self.asks(segment, place, event),
            Part::Answer | Part::Head | Part::Addresses => self.calls.answers(place, segment.time),
            Part::Continuation => self.calls.current(segment.lane.stream).unwrap_or(u32::MAX),
        };
        self.calls.keep(place, event);
        self.show(segment, event, report, true)
    }

    /// What a message is of its call.
    fn part(&self, segment: &Segment<'_>, place: Place) -> Part {
        if let Some(post) = self.post(segment) {
            let [no_request_body, no_answer_body] = post.bare;
            return match segment.lane.side == post.client {
                true if no_request_body => Part::Target,
                true => Part::Request,
                false if no_answer_body => Part::Head,
                false if post.addresses => Part::Addresses,
                false => Part::Answer,
            };
        }
        if segment.inside && !self.calls.begins(place) {
            return Part::Continuation;
        }
        match (self.calls.asks_from(place.lane), request::begins(segment.data)) {
            (Some(true) | None, true) => Part::Request,
            (Some(true), false) => Part::Continuation,
            (Some(false), _) | (None, false) => Part::Answer,
        }
    }

    /// The request in HTTP that a segment is of, or answers.
    fn post(&self, segment: &Segment<'_>) -> Option<Post> {
        let number = self.posts.get(&segment.lane.stream).filter(|_| !segment.counted)?;
        self.known.borrow().posts.get(*number as usize).copied()
    }

    /// The first visit comes to a request: the number of its call.
    fn asks(&mut self, segment: &Segment<'_>, place: Place, event: Event) -> u32 {
        let data = message(segment, event);
        let extent = event.extent as usize;
        let (uri, host, body) = match self.post(segment) {
            Some(post) => (post.uri, post.host, 0..if event.part == Part::Target { 0 } else { extent }),
            None => {
                let request = Request::read(data, framed_size(data, extent));
                let part = |part: &Option<request::Part>| {
                    part.as_ref().and_then(|part| data.get(part.at.clone())).unwrap_or_default()
                };
                let mut known = self.known.borrow_mut();
                let mut number = |bytes: &[u8]| {
                    let text = String::from_utf8_lossy(bytes);
                    known.texts.number(&self.shared.shown(Rule::Text, "", &text))
                };
                let uri = part(&request.uri);
                let uri = number(uri.get(target::path(uri)).unwrap_or_default());
                let body = request.body.as_ref().map_or(0..0, |body| body.at.clone());
                (uri, number(part(&request.host)), body)
            }
        };
        let known = self.known.borrow();
        let of = Of::Call { name: last_part(known.texts.text(uri)), answers: false };
        let brief = business::brief(data, body.clone(), of);
        let asked = Asked {
            uri,
            host,
            cgi: brief.map(|brief| brief.cgi),
            uin: brief.map_or(0, |brief| brief.uin),
            client: segment.src_address,
            sealed: data.get(body).unwrap_or_default(),
        };
        self.calls.asks(place, segment.time, &asked)
    }

    /// Shows a message; `is_new` on its own first visit, when it is decided what opens it.
    fn show(&mut self, segment: &Segment<'_>, event: Event, report: &mut Report, is_new: bool) -> Step {
        let shown = self.post(segment).is_some_and(|post| post.shown);
        let known = self.known.borrow();
        let facts = self.calls.facts(event, !segment.first_visit, known.end);
        let mut message = Known {
            data: message(segment, event),
            event,
            call: self.calls.call(event.call),
            facts,
            texts: &known.texts,
            segment,
            later: !segment.first_visit,
            shown,
            opened: None,
            since: None,
            shared: &self.shared,
        };
        let opened = self.bodies.may_open().then(|| {
            let (place, data, at) = (segment.place(), message.data, message.body()?);
            let header = business::read(&Reader::new(data, at, FAULTS), message.of())?;
            if !is_new {
                return Some(self.bodies.again(place, data, &header));
            }
            let body = self.bodies.first(place, data, &header);
            self.sync.learn(place, &header, &body);
            Some(body)
        });
        let opened = opened.flatten();
        message.opened = opened.as_ref();
        message.since = self.sync.since(segment.place());
        annotate::message(report, &message);
        statistics::make(report, &message);
        Step::Consumed(event.extent as usize)
    }
}

/// What was captured of a message at the start of a segment.
fn message<'a>(segment: &Segment<'a>, event: Event) -> &'a [u8] {
    segment.data.get(..event.extent as usize).unwrap_or(segment.data)
}

/// A message of so many bytes; its call is not known yet.
fn event(part: Part, segment: &Segment<'_>, extent: usize) -> Event {
    let extent = u32::try_from(extent).unwrap_or(u32::MAX);
    let cut = segment.data.len() < extent as usize;
    Event { call: u32::MAX, part, extent, cut, plain: !segment.counted }
}
