// SPDX-License-Identifier: GPL-2.0-or-later
//! Sessions: which records belong together, which number each has, what their order and length tell of those that
//! are closed, and which sessions use one ticket.
//!
//! A record of the first visit becomes an [`Event`]; later visits read it.

use std::num::NonZeroU32;

use foldhash::HashMap;

use super::clock;
use super::code::{alert, suite};
use super::count::Count;
use super::handshake::{self, Body, ClientHello, TicketFacts};
use super::keys::{Closed, Opening};
use super::record::{HEADER_LEN, Header, TAG_LEN, kind};
use crate::kernel::list::{Decided, grow};
use crate::kernel::place::{Partner, Place};
use crate::kernel::segment::Segment;
use crate::kernel::time::Time;
use crate::wechat::operation::Sender;
use crate::wechat::settings::Shared;

/// How a session begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// The capture does not have its hellos.
    #[default]
    Unknown,
    /// With key shares.
    Full,
    /// With a ticket, data after one round trip.
    Resumed,
    /// With a ticket and data at once.
    EarlyData,
    /// With a ticket that the server does not take.
    Refused,
}

impl Flow {
    /// Its words in `mmtls.flow`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::EarlyData => "0-RTT",
            Self::Refused => "refused",
        }
    }

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Full, Self::Resumed, Self::EarlyData, Self::Refused];
}

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Messages or an alert, which anybody can read.
    Clear,
    /// One message of the handshake, by the order of records and their length.
    Finished,
    /// The same.
    CertificateVerify,
    /// The same.
    NewSessionTicket,
    /// The same.
    EncryptedExtensions,
    /// The normal end.
    ClosingAlert,
    /// Frames or a call.
    Data,
    /// A frame without a body.
    Heartbeat,
    /// Nothing tells.
    Unknown,
}

impl Content {
    /// Its words in `mmtls.inferred`.
    pub fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::Clear | Self::Unknown => return None,
            Self::Finished => "Finished",
            Self::CertificateVerify => "CertificateVerify",
            Self::NewSessionTicket => "NewSessionTicket",
            Self::EncryptedExtensions => "EncryptedExtensions",
            Self::ClosingAlert => "closing alert",
            Self::Data => "data",
            Self::Heartbeat => "heartbeat",
        })
    }
}

/// A record on its first visit.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Where it is from; its data begin with the record.
    pub segment: &'a Segment<'a>,
    /// Its header.
    pub header: Header,
    /// What was captured of all its bytes.
    pub record: &'a [u8],
    /// Whether that is all of it.
    pub whole: bool,
    /// The numbers that it may have.
    pub count: Count,
}

impl<'a> Seen<'a> {
    /// What was captured behind the header.
    pub fn content(&self) -> &'a [u8] {
        self.record.get(HEADER_LEN..).unwrap_or_default()
    }
}

/// A record of the first visit.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its session.
    pub session: u32,
    /// Its number, where that is known.
    pub seq: Option<u32>,
    /// Bytes on the wire, if they are not as many as the header says.
    pub extent: Option<u32>,
    /// Whether that is because the length is not to be believed.
    pub wrong_length: bool,
    /// Who sent it.
    pub sender: Option<Sender>,
    /// What it holds.
    pub content: Content,
    /// Why it stays closed, if it does.
    pub closed: Option<Closed>,
    /// What the key logs held then: [`Keys::state`](super::keys::Keys::state).
    pub keys: u32,
    /// What has opened it.
    pub opening: Option<Opening>,
    /// Where its data stand in the stream inside.
    pub inner: u32,
    /// Of a Finished, whether its HMAC is right.
    pub verified: Option<bool>,
    /// What it seems to answer or, of a heartbeat of the client's, the one before.
    pub partner: Option<Partner>,
    /// What was known of the session's flow before, unless it is the session's first record, and with it: where that
    /// is not the same.
    pub flow: Option<(Option<Flow>, Flow)>,
}

/// A packet, and when it was captured: nanoseconds since the first record of the capture.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// From 1, so that no moment takes no room.
    packet: NonZeroU32,
    time: i64,
}

impl Moment {
    /// The way back to it.
    fn before(self, other: Self) -> Partner {
        Partner { packet: self.packet.get(), elapsed: other.time.saturating_sub(self.time) }
    }
}

/// A ticket that sessions offer or issue.
#[derive(Clone, Copy, Debug, Default)]
struct Ticket {
    /// Sessions that have offered it.
    uses: u32,
    /// The packet of the first of them.
    first: Option<u32>,
    /// The last of them.
    last: Option<u32>,
    /// The message that issued it.
    issued: Option<Moment>,
}

/// A ticket that a session offers.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    /// What stands for it.
    pub id: u64,
    /// The sessions that had offered it by then, this one included.
    pub nth: u32,
    /// The packet of the next session's hello.
    next: u32,
}

/// What a ClientHello tells of its session.
#[derive(Clone, Copy, Debug)]
pub struct Hello {
    at: Moment,
    /// The client's clock less the capture's, in nanoseconds.
    pub clock_offset: Option<i64>,
    /// What names the session.
    pub random: [u8; 32],
    /// The client's clock, in seconds.
    pub time: Option<u32>,
    /// The ticket, if it offers one.
    pub ticket: Option<Offered>,
    /// The packet of the session that had the same random before.
    pub replay_of: Option<u32>,
}

/// A session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// How it begins, as far as the first visit has come.
    pub flow: Flow,
    /// Whether it lies in HTTP.
    pub in_http: bool,
    /// Which end the client is.
    client: Option<bool>,
    /// What the path of its POST says.
    pub path: Option<u32>,
    /// What its ClientHello tells.
    pub hello: Option<Hello>,
    /// The client's last record that seems to be a heartbeat, and the last that seems to ask.
    asked: [Option<Moment>; 2],
    /// The client's heartbeat before, answered or not.
    beat: Option<Moment>,
}

const _: () = assert!(size_of::<Session>() <= 176, "what a session without keys may cost");

impl Session {
    /// Whether an alert in clear says that the server does not take the ticket: it may have another code.
    fn is_refused_by(&self, code: u16) -> bool {
        let offers = self.hello.is_some_and(|hello| hello.ticket.is_some());
        code == alert::TICKET_REFUSED || offers && code != alert::END
    }

    /// The second that the path tells, if it is near the client's time.
    pub fn path_time(&self) -> Option<u32> {
        /// Seconds that the client may take from the one to the other.
        const NEAR: u32 = 2;
        clock::second_of(self.path?, self.hello?.time?, NEAR)
    }
}

/// The sessions of a capture.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: Vec<Session>,
    /// That of each stream, the last one where there are several.
    current: HashMap<u32, u32>,
    events: Decided<Event>,
    tickets: HashMap<u64, Ticket>,
    /// By the first bytes of what names them.
    randoms: HashMap<u64, u32>,
    /// When the first record was captured.
    first: Option<Time>,
}

impl Sessions {
    /// A session by its number.
    pub fn session(&self, number: u32) -> Option<&Session> {
        self.sessions.get(number as usize)
    }

    /// A record that the first visit has seen.
    pub fn find(&self, place: Place) -> Option<Event> {
        self.events.find(place).copied()
    }

    /// The sessions of a packet's records, each as often as it has records there.
    pub fn in_packet(&self, packet: u32) -> impl Iterator<Item = u32> {
        self.events.in_packet(packet).map(|event| event.session)
    }

    /// The first visit has dealt with a record.
    pub fn keep(&mut self, place: Place, event: Event) {
        self.events.keep(place, event);
    }

    /// What is known of the tickets that a ClientHello offers, or a NewSessionTicket issues: in their order.
    pub fn ticket_facts(&self, event: &Event, ids: &[u64], issues: bool, later: bool) -> Vec<TicketFacts> {
        let hello = self.session(event.session).and_then(|session| session.hello);
        let refused = self.session(event.session).is_some_and(|session| session.flow == Flow::Refused);
        let facts = |id: &u64| {
            let ticket = self.tickets.get(id).copied().unwrap_or_default();
            let offered =
                hello.as_ref().and_then(|hello| hello.ticket).filter(|offered| offered.id == *id && !issues);
            // A later visit must not know of one that the hello came before.
            let came_before = |at: &Moment| hello.is_some_and(|hello| at.packet <= hello.at.packet);
            let issued = ticket.issued.filter(|at| !issues && came_before(at));
            let age = issued.zip(hello.as_ref()).map(|(at, hello)| at.before(hello.at).elapsed);
            TicketFacts {
                issued_in: issued.map(|at| at.packet.get()),
                used_in: if issues { ticket.first } else { offered.map(|offered| offered.next) }
                    .filter(|next| later && *next != 0),
                use_number: offered.map(|offered| offered.nth),
                uses: (!issues).then_some(if later {
                    ticket.uses
                } else {
                    offered.map_or(0, |offered| offered.nth)
                }),
                age: age.filter(|age| *age >= 0),
                refused: (later && refused && !issues).then_some(true),
            }
        };
        ids.iter().map(facts).collect()
    }

    /// The first visit comes to a record: what is known of it before anybody has tried a key. The numbers that records
    /// behind it may have follow from [`Event::seq`] or, without that, from [`Seen::count`].
    pub fn observe(&mut self, seen: &Seen<'_>, begun: Option<Begun>, shared: &Shared) -> Event {
        let segment = seen.segment;
        let first = first_message(seen);
        let known = self.sessions.len();
        let session = self.session_of(seen, begun, first.as_ref());
        let Some(state) = self.sessions.get_mut(session as usize) else { return Event::nothing(session) };
        let flow_before = ((session as usize) < known).then_some(state.flow);
        let side = segment.lane.side;
        match first {
            Some(First::ClientHello(_)) => state.client = Some(side),
            Some(First::ServerHello(_)) => state.client = Some(!side),
            Some(First::Alert(alert::TICKET_REFUSED)) => state.client = state.client.or(Some(!side)),
            None | Some(First::Other | First::Alert(_)) if seen.header.kind == kind::EARLY => {
                state.client = Some(side)
            }
            None | Some(First::Other | First::Alert(_)) => {}
        }
        let by_ports = || shared.sender(segment.src_port, segment.dst_port, segment.server_port);
        let sender = match state.client {
            Some(client) if client == side => Some(Sender::Client),
            Some(_) => Some(Sender::Server),
            None => by_ports(),
        };
        let mut event = Event { sender, seq: seen.count.exact(), ..Event::nothing(session) };
        match first {
            Some(First::ClientHello(hello)) => {
                event.seq = Some(0);
                self.begins(session, seen, &hello, shared);
            }
            Some(First::ServerHello(chosen)) => {
                event.seq = Some(0);
                // A hello may offer both: the server decides.
                state.flow = match (chosen, state.flow) {
                    (suite::ECDHE, _) => Flow::Full,
                    (suite::TICKET, Flow::Unknown) if state.in_http => Flow::EarlyData,
                    (suite::TICKET, Flow::Unknown | Flow::Full) => Flow::Resumed,
                    (_, flow) => flow,
                };
            }
            Some(First::Alert(code)) => {
                event.seq = event.seq.or(Some(0));
                if state.is_refused_by(code) {
                    state.flow = Flow::Refused;
                }
            }
            Some(First::Other) => {}
            None => {
                // The first record is in clear, so that this is none.
                event.seq = event.seq.filter(|seq| *seq > 0);
                event.content = content(seen.header, event, state);
            }
        }
        let flow = self.session(session).map_or(Flow::Unknown, |session| session.flow);
        event.flow = (flow_before != Some(flow)).then_some((flow_before, flow));
        event
    }

    /// What a closed record seems to answer. Opened ones have frames that say so.
    pub fn infer(&mut self, event: &mut Event, seen: &Seen<'_>) {
        let now = self.moment(seen.segment);
        let Some(session) = self.sessions.get_mut(event.session as usize) else { return };
        let place = match event.content {
            Content::Heartbeat => 0usize,
            // What HTTP carries it pairs itself.
            Content::Data if !session.in_http => 1,
            _ => return,
        };
        let since = |before: Moment| before.before(now);
        let Some(asked) = session.asked.get_mut(place) else { return };
        match event.sender {
            Some(Sender::Client) => {
                *asked = Some(now);
                if event.content == Content::Heartbeat {
                    event.partner = session.beat.replace(now).map(since);
                }
            }
            Some(Sender::Server) => event.partner = asked.take().map(since),
            None => {}
        }
    }

    /// A server has issued a ticket.
    pub fn issued(&mut self, id: u64, segment: &Segment<'_>) {
        let now = self.moment(segment);
        self.tickets.entry(id).or_default().issued.get_or_insert(now);
    }

    fn moment(&mut self, segment: &Segment<'_>) -> Moment {
        let first = *self.first.get_or_insert(segment.time);
        let packet = NonZeroU32::new(segment.packet).unwrap_or(NonZeroU32::MIN);
        Moment { packet, time: segment.time.since(first) }
    }

    /// The session that a record belongs to.
    fn session_of(&mut self, seen: &Seen<'_>, begun: Option<Begun>, first: Option<&First<'_>>) -> u32 {
        let stream = seen.segment.lane.stream;
        let known = self.current.get(&stream).copied();
        // A link may begin anew on its connection.
        let anew = matches!(first, Some(First::ClientHello(_)))
            && known.and_then(|known| self.session(known)).is_some_and(|session| session.hello.is_some());
        if let Some(known) = known.filter(|_| !anew) {
            return known;
        }
        let number = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        let Begun { client, path } = begun.unwrap_or_default();
        grow(&mut self.sessions);
        self.sessions.push(Session { in_http: begun.is_some(), client, path, ..Session::default() });
        self.current.insert(stream, number);
        number
    }

    /// A ClientHello begins a session.
    fn begins(&mut self, number: u32, seen: &Seen<'_>, hello: &ClientHello<'_>, shared: &Shared) {
        let segment = seen.segment;
        let flow = match (hello.full, seen.header.kind) {
            (true, _) => Flow::Full,
            (false, kind::EARLY) => Flow::EarlyData,
            (false, _) => Flow::Resumed,
        };
        let ticket = hello.tickets.clone().next().map(|ticket| {
            let id = ticket.id(&shared.key).number();
            let ticket = self.tickets.entry(id).or_default();
            ticket.uses = ticket.uses.saturating_add(1);
            ticket.first.get_or_insert(segment.packet);
            let before = ticket.last.replace(number);
            if let Some(offered) = before
                .and_then(|before| self.sessions.get_mut(before as usize)?.hello.as_mut()?.ticket.as_mut())
            {
                offered.next = segment.packet;
            }
            Offered { id, nth: ticket.uses, next: 0 }
        });
        let name = hello.random.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        let before = self.randoms.insert(name, number);
        let before = before
            .and_then(|before| self.session(before)?.hello)
            .filter(|hello_before| hello_before.random == hello.random);
        let at = self.moment(segment);
        let clock_offset = hello.time.map(|time| Time::new(time.into(), 0).since(segment.time));
        let Some(session) = self.sessions.get_mut(number as usize) else { return };
        session.flow = flow;
        session.hello = Some(Hello {
            at,
            clock_offset,
            random: hello.random,
            time: hello.time,
            ticket,
            replay_of: before.map(|before| before.at.packet.get()),
        });
    }
}

impl Event {
    fn nothing(session: u32) -> Self {
        Self {
            session,
            seq: None,
            extent: None,
            wrong_length: false,
            sender: None,
            content: Content::Clear,
            closed: None,
            keys: 0,
            opening: None,
            inner: 0,
            verified: None,
            partner: None,
            flow: None,
        }
    }
}

/// What is known of a session in HTTP before its first record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begun {
    /// Which end asks.
    pub client: Option<bool>,
    /// The digits of the path.
    pub path: Option<u32>,
}

/// What a record in clear says first.
enum First<'a> {
    ClientHello(ClientHello<'a>),
    /// With the suite that was chosen.
    ServerHello(u16),
    /// With its code.
    Alert(u16),
    /// Something unknown.
    Other,
}

/// What a record says that is in clear: the first of its direction, or one that begins as those do. What is encrypted
/// does so by chance once in thousands of millions of times; as the first record that was captured, once in 65,536.
fn first_message<'a>(seen: &Seen<'a>) -> Option<First<'a>> {
    let content = seen.content();
    let reported = usize::from(seen.header.length);
    let is_first = seen.count.exact() == Some(0);
    match seen.header.kind {
        kind::HANDSHAKE | kind::EARLY => {
            let is_hello = matches!(content, [_, _, _, _, 1 | 2, 3 | 4, 0xf1, ..]);
            if !(is_first && content.starts_with(&[0, 0]) || is_hello) {
                return None;
            }
            let message = handshake::messages(content, 0..reported).next();
            match message
                .filter(|message| is_first || message.all.len() == reported)
                .map(|message| message.body)
            {
                Some(Body::ClientHello(hello)) => Some(First::ClientHello(hello)),
                Some(Body::ServerHello(hello)) => Some(First::ServerHello(hello.suite)),
                _ => is_first.then_some(First::Other),
            }
        }
        kind::ALERT => {
            let said = handshake::alert(content, 0..reported).filter(|_| reported == CLEAR_ALERT)?;
            (said.code == alert::TICKET_REFUSED || is_first).then_some(First::Alert(said.code))
        }
        _ => None,
    }
}

/// Length of an alert in clear.
const CLEAR_ALERT: usize = 7;

/// Lengths that a record has with one content only, or nearly so.
mod length {
    use std::ops::RangeInclusive;
    pub const FINISHED: u16 = 55;
    pub const CLOSING_ALERT: u16 = 23;
    pub const HEARTBEAT: u16 = 32;
    pub const EXTENSIONS: u16 = 36;
    /// A signature in DER is of varying length.
    pub const CERTIFICATE_VERIFY: RangeInclusive<u16> = 85..=96;
    pub const NEW_SESSION_TICKET: RangeInclusive<u16> = 140..=400;
}

/// What an encrypted record holds, by its length and its place in the handshake.
fn content(header: Header, event: Event, session: &Session) -> Content {
    let by_length = match header.length {
        length::FINISHED => Content::Finished,
        length if length::CERTIFICATE_VERIFY.contains(&length) => Content::CertificateVerify,
        length if length::NEW_SESSION_TICKET.contains(&length) => Content::NewSessionTicket,
        _ => Content::Unknown,
    };
    match header.kind {
        kind::DATA if header.length == length::HEARTBEAT && !session.in_http => Content::Heartbeat,
        kind::DATA => Content::Data,
        kind::ALERT if header.length == length::CLOSING_ALERT => Content::ClosingAlert,
        kind::EARLY if header.length == length::EXTENSIONS || event.seq == Some(1) => {
            Content::EncryptedExtensions
        }
        kind::HANDSHAKE if by_length == Content::Unknown => match (event.sender, session.flow, event.seq) {
            (Some(Sender::Server), Flow::Full, Some(1)) => Content::CertificateVerify,
            (Some(Sender::Server), Flow::Full, Some(2)) => Content::NewSessionTicket,
            _ => Content::Unknown,
        },
        kind::HANDSHAKE => by_length,
        _ => Content::Unknown,
    }
}

/// What a frame has that fills a record, by the record's length.
pub fn frame_len(header: Header) -> Option<u32> {
    u32::from(header.length).checked_sub(TAG_LEN as u32).filter(|length| *length > 0)
}
