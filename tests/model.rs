// SPDX-License-Identifier: GPL-2.0-or-later
//! Random histories: the dissector and the reference model agree on every link, time and note.
//!
//! `PROPTEST_CASES=100000 cargo test --release --test model` runs as many as the name says.

#[path = "support/facts.rs"]
mod facts;
#[path = "support/reference.rs"]
mod reference;

use std::env;
use std::ffi::CStr;
use std::fmt::Write as _;
use std::sync::LazyLock;

use facts::FACTS;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use reference::{Fact, Frame, INFERENCES, Kind, Model, Value};
use wechat_dissector::capture::Capture;
use wechat_dissector::config::Config;
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::protocol::Protocol;
use wechat_dissector::kernel::report::{Item, ItemKind, Report, Wanted};
use wechat_dissector::kernel::rows::{row_of, table_of};
use wechat_dissector::kernel::segment::{Segment, Step};
use wechat_dissector::kernel::time::Time;
use wechat_dissector::long_link::fields::F;
use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_dissector::long_link::record::{self, R};
use wechat_dissector::protocols::PROTOCOLS;
use wechat_dissector::wechat::operation;
use wechat_dissector::wechat::settings::P as Shared;
use wechat_traffic::body::identify::{self, Trailer};
use wechat_traffic::body::sync_key::SyncKey;
use wechat_traffic::body::{self, PUSH_WANTS_ACK};
use wechat_traffic::pdu::{Pdu, RESPONSE_OFFSET, op, seq};

const ALL: Wanted = Wanted::ALL;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1000 * MILLISECOND;
const STREAMS: usize = 3;
const SERVER: &[u8] = &[203, 0, 113, 80];

/// Histories of an ordinary test run.
const CASES: u32 = 2000;

// ---- histories ----

/// What one side writes in one packet.
#[derive(Clone, Debug)]
struct Packet {
    stream: usize,
    from_server: bool,
    /// Milliseconds since the packet before; negative where the clock was set back.
    gap: i64,
    /// The capture does not hold it, so that its stream has a hole.
    lost: bool,
    frames: Vec<Sent>,
}

#[derive(Clone, Debug)]
struct Sent {
    op: u32,
    seq: u32,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Empty,
    Filler,
    Push {
        flags: u32,
    },
    Selector(u32),
    /// As many milliseconds as since one of the stream's pushes, counted from the latest, and some.
    Ack {
        push: usize,
        off: i64,
        key: Vec<u32>,
    },
    Identify {
        uin: u32,
        key: Vec<u32>,
    },
}

/// A capture of a few streams.
#[derive(Clone, Debug)]
struct History {
    packets: Vec<Packet>,
    /// Of each stream, whether the capture holds its beginning.
    began: [bool; STREAMS],
    /// Of each stream, the last byte of the client's address.
    clients: [u8; STREAMS],
    /// Whether the ports tell who is the server.
    ports_tell: bool,
    /// When the capture begins, in seconds since 1970.
    clock: i64,
    /// After so many packets somebody looks at all that came before.
    pause: usize,
    /// For the order of later visits.
    seed: u64,
}

fn seqid() -> impl Strategy<Value = u32> {
    prop_oneof![
        8 => 1..5u32,
        1 => Just(9u32),
        2 => Just(seq::NOOP),
        1 => Just(seq::IDENTIFY),
        1 => select(vec![0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0]),
    ]
}

fn synckey() -> impl Strategy<Value = Vec<u32>> {
    vec(100..104u32, 1..3)
}

fn identify_request() -> impl Strategy<Value = Sent> {
    (7..9u32, synckey()).prop_map(|(uin, key)| Sent {
        op: op::IDENTIFY,
        seq: seq::IDENTIFY,
        body: Body::Identify { uin, key },
    })
}

fn from_client() -> impl Strategy<Value = Sent> {
    let asked = select(vec![237, 237, 2, 34, 121, 121, 102, 8, 243, 312, 4711, 4711, 4712]);
    let request = (asked, seqid()).prop_map(|(op, seq)| Sent { op, seq, body: Body::Filler });
    let heartbeat = (select(vec![op::NOOP, op::HEARTBEAT]), prop_oneof![seqid(), Just(seq::NOOP), Just(0)])
        .prop_map(|(op, seq)| Sent { op, seq, body: Body::Empty });
    let off = select(vec![-500, -51, -50, -1, 0, 0, 0, 1, 50, 51, 500]);
    let ack = (select(vec![op::PUSH_ACK, op::PUSH_ACK_OLD]), seqid(), 0..3usize, off, synckey())
        .prop_map(|(op, seq, push, off, key)| Sent { op, seq, body: Body::Ack { push, off, key } });
    prop_oneof![10 => request, 2 => heartbeat, 4 => ack, 1 => identify_request()]
}

fn from_server() -> impl Strategy<Value = Sent> {
    let asked = vec![237, 237, 2, 34, 121, 121, 102, 243, 312, 4711, op::NOOP, op::HEARTBEAT, op::IDENTIFY];
    let answer = (select(asked.clone()), seqid()).prop_map(|(op, seq)| Sent {
        op: op + RESPONSE_OFFSET,
        seq,
        body: Body::Empty,
    });
    let echo = (select(asked), seqid()).prop_map(|(op, seq)| Sent { op, seq, body: Body::Empty });
    let push = select(vec![0, PUSH_WANTS_ACK, PUSH_WANTS_ACK]).prop_map(|flags| Sent {
        op: op::PUSH,
        seq: seq::PUSH,
        body: Body::Push { flags },
    });
    let selector = select(vec![0, 2, 0x100, 0x102]).prop_map(Body::Selector);
    let notice = prop_oneof![
        3 => selector.prop_map(|body| Sent { op: op::NOTIFY, seq: seq::PUSH, body }),
        1 => select(vec![5, 24, 39, 61, 4711]).prop_map(|op| Sent { op, seq: seq::PUSH, body: Body::Empty }),
    ];
    prop_oneof![9 => answer, 2 => echo, 4 => push, 3 => notice]
}

fn packet() -> impl Strategy<Value = Packet> {
    let gap = select(vec![0, 0, 0, 10, 49, 50, 51, 200, 1000, 2500, 4999, 5000, 5001, 9999, 10_000, 60_000]);
    let frames = prop_oneof![
        3 => vec(from_client(), 1..4).prop_map(|frames| (false, frames)),
        3 => vec(from_server(), 1..4).prop_map(|frames| (true, frames)),
    ];
    let stream = select(vec![0, 0, 0, 1, 1, 2]);
    (stream, gap, frames).prop_map(|(stream, gap, (from_server, frames))| Packet {
        stream,
        from_server,
        gap,
        lost: false,
        frames,
    })
}

fn history(packets: impl Strategy<Value = Vec<Packet>>) -> impl Strategy<Value = History> {
    let flags = (any::<[bool; STREAMS]>(), [1..3u8, 1..3u8, 1..3u8], prop::bool::weighted(0.8));
    (packets, clock(), flags, 0..60usize, any::<u64>()).prop_map(
        |(mut packets, (clock, steps), (began, clients, ports_tell), pause, seed)| {
            for (place, step) in steps {
                let count = packets.len().max(1);
                packets.get_mut(place % count).into_iter().for_each(|packet| packet.gap += step);
            }
            History { packets, began, clients, ports_tell, clock, pause, seed }
        },
    )
}

/// When a capture begins, and the steps in milliseconds that its clock makes before some packets.
fn clock() -> impl Strategy<Value = (i64, Vec<(usize, i64)>)> {
    // Where a number of nanoseconds needs one more bit, in 2262 and 2554, what once was microseconds, and
    // before 1970.
    let ends = [i64::MAX / SECOND, (u64::MAX / SECOND as u64) as i64, 0];
    let begins = ends.map(|end| end - 10).into_iter().chain([1_421_740_800, 1_424_500_000_000]);
    let step = select(vec![-1, -60, -300, -2500, -5001, -60_000, -3_600_000, 3_600_000]);
    let steps = prop_oneof![
        2 => Just(Vec::new()),
        1 => vec((any::<usize>(), step), 1..4),
    ];
    (select(begins.collect::<Vec<i64>>()), steps)
}

// ---- dialogues, and what goes wrong with them ----

/// What the two sides of a link do together.
#[derive(Clone, Debug)]
enum Deed {
    Ask(u32),
    /// The latest seqid once more.
    AskAgain(u32),
    /// The client counts from 1 again.
    Restart,
    Beat,
    /// As client 4.5, with one seqid for a heartbeat and for a speed test.
    OldBeat,
    SpeedTest,
    Identify {
        uin: u32,
        key: Vec<u32>,
    },
    Push {
        key: Vec<u32>,
    },
    /// A notice, and what fetches it.
    Notice {
        selector: u32,
        fetch: u32,
    },
}

/// What becomes of a frame between its sender and the capture.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    /// By so many milliseconds.
    Late(i64),
}

/// A deed on a stream, so many milliseconds after the one before; each frame of it follows the one before
/// after `pause` milliseconds.
#[derive(Clone, Debug)]
struct Turn {
    stream: usize,
    gap: i64,
    pause: i64,
    deed: Deed,
    fates: [Fate; 3],
}

fn turn() -> impl Strategy<Value = Turn> {
    let asked = || select(vec![237, 237, 2, 34, 121, 8, 243, 4711]);
    let key = || vec(100..104u32, 1..3);
    let deed = prop_oneof![
        8 => asked().prop_map(Deed::Ask),
        1 => asked().prop_map(Deed::AskAgain),
        1 => Just(Deed::Restart),
        3 => Just(Deed::Beat),
        1 => Just(Deed::OldBeat),
        1 => Just(Deed::SpeedTest),
        1 => (7..9u32, key()).prop_map(|(uin, key)| Deed::Identify { uin, key }),
        3 => key().prop_map(|key| Deed::Push { key }),
        2 => select(vec![(2, 121), (2, 121), (0x100, 102), (0x102, 121)])
            .prop_map(|(selector, fetch)| Deed::Notice { selector, fetch }),
    ];
    let fate = || {
        let late = select(vec![1, 20, 300, 6000]).prop_map(Fate::Late);
        prop_oneof![8 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::Twice), 1 => late]
    };
    let stream = select(vec![0, 0, 0, 1, 1, 2]);
    let gap = select(vec![0, 0, 1, 10, 50, 200, 1000, 5000, 9999, 60_000]);
    let pause = select(vec![0, 1, 40, 51, 300, 2500, 5001]);
    (stream, gap, pause, deed, [fate(), fate(), fate()]).prop_map(|(stream, gap, pause, deed, fates)| Turn {
        stream,
        gap,
        pause,
        deed,
        fates,
    })
}

/// The frames of a deed, in order: whether the server sends it, and what.
fn frames_of(deed: &Deed, next: &mut u32) -> Vec<(bool, Sent)> {
    let sent = |op, seq, body| Sent { op, seq, body };
    let mut count = || {
        let seq = *next;
        *next += 1;
        seq
    };
    let exchange = |op, seq, body| {
        vec![(false, sent(op, seq, body)), (true, sent(op + RESPONSE_OFFSET, seq, Body::Empty))]
    };
    match deed {
        Deed::Restart => {
            *next = 1;
            Vec::new()
        }
        Deed::Ask(op) => exchange(*op, count(), Body::Filler),
        Deed::AskAgain(op) => exchange(*op, next.saturating_sub(1).max(1), Body::Filler),
        Deed::Beat => exchange(op::NOOP, seq::NOOP, Body::Empty),
        Deed::OldBeat => exchange(op::HEARTBEAT, seq::EARLY, Body::Empty),
        Deed::SpeedTest => exchange(op::SPEED_TEST, seq::EARLY, Body::Filler),
        Deed::Identify { uin, key } => {
            exchange(op::IDENTIFY, seq::IDENTIFY, Body::Identify { uin: *uin, key: key.clone() })
        }
        Deed::Push { key } => {
            let ack = Body::Ack { push: 0, off: 0, key: key.clone() };
            vec![
                (true, sent(op::PUSH, seq::PUSH, Body::Push { flags: PUSH_WANTS_ACK })),
                (false, sent(op::PUSH_ACK, count(), ack)),
            ]
        }
        Deed::Notice { selector, fetch } => {
            let notice = (true, sent(op::NOTIFY, seq::PUSH, Body::Selector(*selector)));
            [vec![notice], exchange(*fetch, count(), Body::Filler)].concat()
        }
    }
}

/// The packets of a dialogue, as the capture has them: by time, and what one side writes at one time is
/// one packet.
fn packets_of(turns: &[Turn]) -> Vec<Packet> {
    let mut next = [1; STREAMS];
    let mut now = 0;
    let mut frames: Vec<(i64, usize, bool, bool, Sent)> = Vec::new();
    for Turn { stream, gap, pause, deed, fates } in turns {
        now += gap;
        let times = (0..).map(|place| now + place * pause);
        for (((from_server, sent), time), fate) in
            frames_of(deed, &mut next[*stream]).into_iter().zip(times).zip(fates)
        {
            let mut add = |time, lost| frames.push((time, *stream, from_server, lost, sent.clone()));
            match fate {
                Fate::Arrives => add(time, false),
                Fate::Lost => add(time, true),
                Fate::Late(by) => add(time + by, false),
                Fate::Twice => {
                    add(time, false);
                    add(time + pause, false);
                }
            }
        }
    }
    frames.sort_by_key(|(time, ..)| *time);
    let mut packets: Vec<Packet> = Vec::new();
    let mut last = 0;
    for (time, stream, from_server, lost, sent) in frames {
        let gap = time - std::mem::replace(&mut last, time);
        match packets.last_mut() {
            Some(packet)
                if gap == 0
                    && (packet.stream, packet.from_server, packet.lost) == (stream, from_server, lost) =>
            {
                packet.frames.push(sent);
            }
            _ => packets.push(Packet { stream, from_server, gap, lost, frames: vec![sent] }),
        }
    }
    packets
}

/// A packet as the carrier hands it over, and its frames' places in the model.
struct Offer {
    data: Vec<u8>,
    lengths: Vec<usize>,
    stream: usize,
    from_server: bool,
    /// Address of the client.
    client: [u8; 4],
    position: u32,
    number: u32,
    time: i64,
    frames: Vec<usize>,
}

/// A history that is being dissected and modelled.
struct Told<'a> {
    history: &'a History,
    dissector: Capture,
    model: Model,
    offers: Vec<Offer>,
    /// Requests and pushes that wait, as the records of the first pass count them.
    waiting: [i64; 2],
    rng: ChaCha8Rng,
}

impl<'a> Told<'a> {
    fn new(history: &'a History) -> Self {
        let mut config = Config::default();
        if !history.ports_tell {
            config.set_number(Shared::SERVER_SIDE, 3);
        }
        Self {
            history,
            dissector: Capture::new(&config),
            model: Model::default(),
            offers: Vec::new(),
            waiting: [0; 2],
            rng: ChaCha8Rng::seed_from_u64(history.seed),
        }
    }

    /// The first pass, then every packet again, some of them twice.
    fn check(mut self) -> Result<(), TestCaseError> {
        let mut positions = [[1u32; 2]; STREAMS];
        let mut time = 0;
        for (index, packet) in self.history.packets.iter().enumerate() {
            time += packet.gap * MILLISECOND;
            let position = &mut positions[packet.stream][usize::from(packet.from_server)];
            let pdus: Vec<Pdu> = packet.frames.iter().map(|sent| self.pdu(packet, sent, time)).collect();
            let offer = Offer {
                data: pdus.iter().flat_map(Pdu::encode).collect(),
                lengths: pdus.iter().map(|pdu| pdu.packet_len() as usize).collect(),
                stream: packet.stream,
                from_server: packet.from_server,
                client: address_of_client(self.history, packet.stream),
                position: *position,
                number: index as u32 + 1,
                time,
                frames: Vec::new(),
            };
            *position += offer.data.len() as u32;
            if packet.lost {
                continue;
            }
            self.first_visit(packet, offer)?;
            if self.history.pause == index {
                self.later_visits()?;
            }
        }
        self.later_visits()
    }

    /// The frame, with a body that fits what came before.
    fn pdu(&self, packet: &Packet, sent: &Sent, now: i64) -> Pdu {
        let body = match &sent.body {
            Body::Empty => Vec::new(),
            Body::Filler => vec![0xa5; 20],
            Body::Push { flags } => body::push(*flags, &[0xa5; 30]),
            Body::Selector(selector) => body::notify(*selector),
            Body::Ack { push, off, key } => {
                body::push_ack(self.elapsed(packet.stream, *push, *off, now), &sync_key(key))
            }
            Body::Identify { uin, key } => {
                let mut rng = ChaCha8Rng::seed_from_u64(0);
                identify::request(*uin, &sync_key(key), 0x2600_0036, Trailer::Version, &mut rng)
            }
        };
        Pdu::new(sent.op, sent.seq, body)
    }

    fn elapsed(&self, stream: usize, push: usize, off: i64, now: i64) -> u32 {
        let seen: Vec<&Packet> = self.history.packets.iter().filter(|packet| !packet.lost).collect();
        let packets = self.offers.iter().zip(seen).rev();
        let pushes = packets.filter(|(offer, packet)| {
            offer.stream == stream && packet.frames.iter().any(|sent| matches!(sent.body, Body::Push { .. }))
        });
        let since = pushes.map(|(offer, _)| now - offer.time).nth(push).unwrap_or_default();
        (since / MILLISECOND + off).max(0) as u32
    }

    /// The only place that knows how a segment is made.
    fn segment<'b>(&self, offer: &'b Offer, used: usize, first_visit: bool) -> Segment<'b> {
        let stream = offer.stream as u32;
        let ports = (50_000 + offer.stream as u16, 8080);
        let (src_port, dst_port) = if offer.from_server { (ports.1, ports.0) } else { ports };
        let client: &[u8] = &offer.client;
        let (src_address, dst_address) = if offer.from_server { (SERVER, client) } else { (client, SERVER) };
        Segment {
            data: &offer.data[used..],
            reported: offer.data.len() - used,
            lane: LaneId::new(stream, offer.from_server),
            position: offer.position + used as u32,
            counted: true,
            packet: offer.number,
            time: Time::new(
                self.history.clock + offer.time.div_euclid(SECOND),
                offer.time.rem_euclid(SECOND) as i32,
            ),
            shown_stream: shown_stream(offer.stream),
            began: self.history.began[offer.stream],
            inside: false,
            src_address,
            dst_address,
            src_port,
            dst_port,
            server_port: 0,
            first_visit,
            more: true,
            wanted: ALL,
        }
    }

    fn first_visit(&mut self, packet: &Packet, mut offer: Offer) -> Result<(), TestCaseError> {
        let mut used = 0;
        for (sent, length) in packet.frames.iter().zip(offer.lengths.clone()) {
            let step = self.dissector.step(LONG_LINK, &self.segment(&offer, used, true));
            prop_assert_eq!(step, Step::Consumed(length));
            let record = self.dissector.report().view().expect("every frame has a record");
            self.waiting[0] += record.signed(R::WAITING_REQUESTS).expect("a number");
            self.waiting[1] += record.signed(R::WAITING_PUSHES).expect("a number");
            let frame = self.observed(packet, sent, &offer);
            let at = self.model.observe(frame);
            self.compare(at, self.model.backward(at), "on the first visit")?;
            offer.frames.push(at);
            used += length;
        }
        self.offers.push(offer);
        Ok(())
    }

    /// What the model is told of a frame. Its kind is the dissector's word: where the model begins, that
    /// is settled, and has tests of its own.
    fn observed(&self, packet: &Packet, sent: &Sent, offer: &Offer) -> Frame {
        let report = self.dissector.report();
        let kind = Kind::named(report.text(item(report, F::KIND).expect("every frame has a kind").text));
        let direction = item(report, F::DIRECTION).map(|item| item.value);
        let elapsed_ms = match sent.body {
            Body::Ack { push, off, .. } => Some(self.elapsed(packet.stream, push, off, offer.time)),
            _ => None,
        };
        Frame {
            packet: offer.number,
            time: offer.time,
            stream: shown_stream(packet.stream),
            side: packet.from_server,
            from_server: direction == Some(2),
            client: direction.map(|_| offer.client.to_vec()),
            began: self.history.began[packet.stream],
            kind,
            op: sent.op,
            seq: sent.seq,
            body_len: offer.lengths[offer.frames.len()] - 16,
            known: !operation::rows(sent.op).is_empty(),
            wants_ack: matches!(sent.body, Body::Push { flags } if flags & PUSH_WANTS_ACK != 0),
            elapsed_ms,
            selector: match sent.body {
                Body::Selector(selector) => Some(selector),
                _ => None,
            },
            uin: match sent.body {
                Body::Identify { uin, .. } => Some(uin),
                _ => None,
            },
            sync_key: match &sent.body {
                Body::Ack { key, .. } | Body::Identify { key, .. } => {
                    let entries = sync_key(key).0.into_iter();
                    Some(entries.map(|(key, value)| (key.into(), value.into())).collect())
                }
                _ => None,
            },
        }
    }

    /// All packets so far, in any order.
    fn later_visits(&mut self) -> Result<(), TestCaseError> {
        let known = self.offers.len();
        let mut order: Vec<usize> = (0..known).chain((0..known).step_by(3)).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, self.rng.next_u32() as usize % (place + 1));
        }
        let mut missing = [0; 2];
        let mut counted = vec![false; known];
        for index in order {
            let mut used = 0;
            let again = std::mem::replace(&mut counted[index], true);
            for (place, length) in self.offers[index].lengths.clone().into_iter().enumerate() {
                let offer = &self.offers[index];
                let step = self.dissector.step(LONG_LINK, &self.segment(offer, used, false));
                prop_assert_eq!(step, Step::Consumed(length));
                let at = offer.frames[place];
                let expected = [self.model.backward(at), self.model.forward(at)].concat();
                self.compare(at, expected, "on a later visit")?;
                let record = self.dissector.report().view().expect("every frame has a record");
                if !again && record.has(R::MISSES) {
                    missing[usize::from(record::kind(record) == operation::Kind::Push)] += 1;
                }
                used += length;
            }
        }
        // What the first pass counts as it goes is what is known afterwards.
        prop_assert_eq!(self.waiting, missing, "waiting requests and pushes\n{}", self.model.tell());
        Ok(())
    }

    fn compare(&self, at: usize, mut expected: Vec<Fact>, when: &str) -> Result<(), TestCaseError> {
        let mut shown = shown(self.dissector.report());
        // Values of one field keep their order; where a field stands is not the model's business.
        shown.sort_by_key(|(name, _)| *name);
        expected.sort_by_key(|(name, _)| *name);
        if shown == expected {
            return Ok(());
        }
        let only = |these: &[Fact], those: &[Fact]| -> Vec<Fact> {
            these.iter().filter(|fact| !those.contains(fact)).cloned().collect()
        };
        Err(TestCaseError::fail(format!(
            "frame {at} {when}:\n  shown, not expected: {:?}\n  expected, not shown: {:?}\n  shown: {shown:?}\n{}",
            only(&shown, &expected),
            only(&expected, &shown),
            self.model.tell()
        )))
    }
}

fn sync_key(values: &[u32]) -> SyncKey {
    SyncKey(values.iter().enumerate().map(|(kind, value)| (kind as u32 + 1, *value)).collect())
}

/// Numbers of streams as a user sees them need not be those that tell streams apart.
fn shown_stream(stream: usize) -> u32 {
    40 + stream as u32
}

/// Without ports nobody knows who the client is before an operation tells: then no two share an address.
fn address_of_client(history: &History, stream: usize) -> [u8; 4] {
    let own = if history.ports_tell { history.clients[stream] } else { 10 + stream as u8 };
    [192, 168, 1, own]
}

fn item(report: &Report, field: u16) -> Option<&Item> {
    report.items().iter().find(|item| item.kind != ItemKind::Note && item.field == field)
}

// ---- facts in a report ----

/// For each row of a protocol's table its name, where the model knows something of it.
type Names = Vec<Vec<Option<&'static str>>>;

fn known(names: fn(&Protocol) -> Vec<&'static CStr>) -> Names {
    let name = |name: &'static CStr| name.to_str().expect("text");
    let known = |name: &'static str| FACTS.contains(&name).then_some(name);
    PROTOCOLS.iter().map(|row| names(row.protocol).into_iter().map(name).map(known).collect()).collect()
}

fn fact_of(names: &Names, number: u16) -> Option<&'static str> {
    names[table_of(number)][row_of(number)]
}

static FIELD_FACTS: LazyLock<Names> =
    LazyLock::new(|| known(|protocol| protocol.fields.iter().map(|row| row.filter).collect()));
static NOTE_FACTS: LazyLock<Names> =
    LazyLock::new(|| known(|protocol| protocol.notes.iter().map(|row| row.filter).collect()));

fn shown(report: &Report) -> Vec<Fact> {
    let fact = |item: &Item| {
        let is = |kind: ItemKind| item.kind == kind;
        if is(ItemKind::Note) {
            assert!(item.text != 0, "a note says what is wrong");
            return fact_of(&NOTE_FACTS, item.field).map(|name| (name, Value::Note));
        }
        let name = fact_of(&FIELD_FACTS, item.field)?;
        let words = report.text(item.text);
        if INFERENCES.contains(&name) {
            assert!(words.contains("(inference)"), "{name} does not say that it is one: {words:?}");
        }
        Some(match is(ItemKind::Text) {
            true => (name, Value::Words(words.to_owned())),
            false => (name, Value::Number(item.value as i64)),
        })
    };
    report.items().iter().filter_map(fact).collect()
}

#[test]
fn every_fact_of_the_model_is_in_the_tables() {
    let known: Vec<&str> = FIELD_FACTS.iter().chain(NOTE_FACTS.iter()).flatten().copied().flatten().collect();
    let missing: Vec<&&str> = FACTS.iter().filter(|name| !known.contains(name)).collect();
    assert!(missing.is_empty(), "no field and no note is called {missing:?}");
}

fn cases() -> u32 {
    match env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default().cases,
        None => CASES,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_told_as_the_model_tells_it(history in history(vec(packet(), 1..30))) {
        Told::new(&history).check()?;
    }

    #[test]
    fn any_dialogue_with_losses_delays_and_repeats_is_told_as_the_model_tells_it(
        history in history(vec(turn(), 1..20).prop_map(|turns| packets_of(&turns)))
    ) {
        Told::new(&history).check()?;
    }
}

/// The model has room for any number of notices; the dissector forgets the oldest, not the newest.
#[test]
fn notices_that_nobody_fetches_hold_up_no_others() {
    let packet = |from_server, op, seq, body| Packet {
        stream: 0,
        from_server,
        gap: 60_000,
        lost: false,
        frames: vec![Sent { op, seq, body }],
    };
    let notice = |selector| packet(true, op::NOTIFY, seq::PUSH, Body::Selector(selector));
    let mut packets = vec![notice(0x100); 600];
    packets.push(notice(2));
    packets.push(packet(false, op::NEW_SYNC, 1, Body::Filler));
    packets.push(packet(true, op::NEW_SYNC + RESPONSE_OFFSET, 1, Body::Empty));
    let history = History {
        packets,
        began: [true; STREAMS],
        clients: [1; STREAMS],
        ports_tell: true,
        clock: 0,
        pause: 0,
        seed: 0,
    };
    Told::new(&history).check().expect("as the model tells it");
}

// ---- the model itself, on histories that a person has read ----

/// A capture written by hand: milliseconds, then a frame; each frame is a packet of its own.
struct Hand {
    model: Model,
    packet: u32,
    began: bool,
}

impl Hand {
    fn new() -> Self {
        Self { model: Model::default(), packet: 0, began: true }
    }

    fn mid_stream() -> Self {
        Self { began: false, ..Self::new() }
    }

    fn frame(&self, at: i64, kind: Kind, op: u32, seq: u32) -> Frame {
        let from_server = matches!(kind, Kind::Response | Kind::HeartbeatResponse | Kind::Push);
        Frame {
            packet: self.packet + 1,
            time: at * MILLISECOND,
            stream: 0,
            side: from_server,
            from_server,
            client: Some(vec![1]),
            began: self.began,
            kind,
            op,
            seq,
            body_len: 0,
            known: !operation::rows(op).is_empty(),
            wants_ack: false,
            elapsed_ms: None,
            selector: None,
            uin: None,
            sync_key: None,
        }
    }

    fn add(&mut self, at: i64, kind: Kind, op: u32, seq: u32) -> usize {
        self.add_with(at, kind, op, seq, |_| {})
    }

    fn add_with(&mut self, at: i64, kind: Kind, op: u32, seq: u32, set: impl FnOnce(&mut Frame)) -> usize {
        let mut frame = self.frame(at, kind, op, seq);
        set(&mut frame);
        self.packet += 1;
        self.model.observe(frame)
    }

    fn ask(&mut self, at: i64, op: u32, seq: u32) -> usize {
        self.add(at, Kind::Request, op, seq)
    }

    fn answer(&mut self, at: i64, op: u32, seq: u32) -> usize {
        self.add(at, Kind::Response, op + RESPONSE_OFFSET, seq)
    }

    fn push(&mut self, at: i64) -> usize {
        self.add_with(at, Kind::Push, op::PUSH, 0, |frame| frame.wants_ack = true)
    }

    fn ack(&mut self, at: i64, seq: u32, elapsed_ms: u32) -> usize {
        self.add_with(at, Kind::PushAck, op::PUSH_ACK, seq, |frame| frame.elapsed_ms = Some(elapsed_ms))
    }

    fn notice(&mut self, at: i64, selector: Option<u32>) -> usize {
        self.add_with(at, Kind::Push, op::NOTIFY, 0, |frame| frame.selector = selector)
    }

    /// The facts of one frame but for those that every frame has, as one line.
    fn facts(&self, at: usize) -> String {
        let all = self.model.backward(at).into_iter().chain(self.model.forward(at));
        let own = all
            .filter(|(name, _)| !["wechat.stream", "wechat.body_len", "wechat.open_requests"].contains(name));
        let words = own.map(|(name, value)| {
            let name = name.trim_start_matches("wechat.");
            match value {
                Value::Number(number) if number >= MILLISECOND => {
                    format!("{name} {} ms", number / MILLISECOND)
                }
                Value::Number(number) => format!("{name} {number}"),
                Value::Words(words) => format!("{name} {words:?}"),
                Value::Note => format!("!{name}"),
            }
        });
        words.collect::<Vec<String>>().join(", ")
    }
}

#[test]
fn a_response_closes_the_newest_open_request() {
    let mut hand = Hand::new();
    let first = hand.ask(0, 237, 1);
    let second = hand.ask(10, 121, 2);
    let sync = hand.answer(30, 121, 2);
    let sent = hand.answer(40, 237, 1);
    hand.add(9000, Kind::Push, 61, 0);
    assert_eq!(hand.facts(first), "response_in 4");
    assert_eq!(hand.facts(second), "response_in 3");
    assert_eq!(hand.facts(sync), "response_to 2, response_time 20 ms");
    assert_eq!(hand.facts(sent), "response_to 1, response_time 40 ms");
}

#[test]
fn a_chain_of_retries_leads_to_its_first() {
    let mut hand = Hand::new();
    let first = hand.ask(0, 237, 1);
    let second = hand.ask(1000, 237, 1);
    let third = hand.ask(2000, 237, 1);
    let answer = hand.answer(3010, 237, 1);
    assert_eq!(hand.facts(first), "superseded_in 2, !superseded, retried_in 2, retried_in 3, unanswered 1");
    assert_eq!(
        hand.facts(second),
        "supersedes 1, retry_of 1, !retry, superseded_in 3, !superseded, unanswered 1"
    );
    assert_eq!(hand.facts(third), "supersedes 2, retry_of 1, !retry, response_in 4");
    assert_eq!(hand.facts(answer), "response_to 3, response_time 1010 ms");
}

#[test]
fn the_operation_says_whom_a_response_answers() {
    let mut hand = Hand::new();
    let heartbeat = hand.ask(0, 6, 0x7fff_ffff);
    let speed_test = hand.ask(10, 89, 0x7fff_ffff);
    let beaten = hand.answer(60, 6, 0x7fff_ffff);
    let beaten_again = hand.answer(70, 6, 0x7fff_ffff);
    let tested = hand.answer(550, 89, 0x7fff_ffff);
    assert_eq!(hand.facts(heartbeat), "response_in 3");
    assert_eq!(hand.facts(speed_test), "response_in 5");
    assert_eq!(hand.facts(beaten), "response_to 1, response_time 60 ms, duplicate_in 4");
    assert_eq!(hand.facts(beaten_again), "duplicate_of 3, !duplicate_response");
    assert_eq!(hand.facts(tested), "response_to 2, response_time 540 ms");
}

#[test]
fn an_operation_that_nobody_asked_for_takes_the_newest_open_request() {
    let mut hand = Hand::new();
    let send = hand.ask(0, 237, 1);
    let sync = hand.ask(10, 121, 1);
    let again = hand.ask(20, 237, 1);
    let odd = hand.answer(30, 34, 1);
    let synced = hand.answer(40, 121, 1);
    let none_left = hand.answer(50, 34, 1);
    assert_eq!(hand.facts(send), "superseded_in 3, !superseded, retried_in 3, unanswered 1");
    assert_eq!(hand.facts(sync), "!seq_in_use, !seq_restart, response_in 5");
    assert_eq!(hand.facts(again), "supersedes 1, retry_of 1, !retry, !seq_in_use, response_in 4");
    assert_eq!(hand.facts(odd), "response_to 3, response_time 10 ms, !op_mismatch, duplicate_in 6");
    assert_eq!(hand.facts(synced), "response_to 2, response_time 30 ms");
    assert_eq!(hand.facts(none_left), "duplicate_of 4, !duplicate_response");
}

#[test]
fn the_last_packet_is_the_end_of_a_capture_whose_clock_was_set_back() {
    let mut hand = Hand::new();
    let first = hand.ask(3_600_000, 121, 1);
    let last = hand.ask(0, 237, 2);
    assert_eq!(hand.facts(first), "unanswered 1, !no_response_yet");
    assert_eq!(hand.facts(last), "unanswered 1, !no_response_yet");
    hand.answer(6000, 237, 2);
    assert_eq!(hand.facts(first), "unanswered 1, !no_response_yet");
    hand.add(3_606_000, Kind::Push, 61, 0);
    assert_eq!(hand.facts(first), "unanswered 1, !no_response");
}

#[test]
fn what_comes_twice_is_a_duplicate() {
    let mut hand = Hand::new();
    hand.ask(0, 121, 1);
    hand.answer(1, 121, 1);
    let first = hand.ask(10, 237, 2);
    let answer = hand.answer(20, 237, 2);
    let again = hand.answer(30, 237, 2);
    let twice = hand.ask(40, 237, 2);
    let own = hand.answer(50, 237, 2);
    assert_eq!(hand.facts(first), "response_in 4, retried_in 6");
    assert_eq!(hand.facts(answer), "response_to 3, response_time 10 ms, duplicate_in 5");
    assert_eq!(hand.facts(again), "duplicate_of 4, !duplicate_response");
    assert_eq!(hand.facts(twice), "retry_of 3, !duplicate_request, response_in 7");
    assert_eq!(hand.facts(own), "response_to 6, response_time 10 ms");
}

#[test]
fn a_client_that_begins_again_repeats_nothing() {
    let mut hand = Hand::new();
    for seq in 1..4 {
        hand.ask(0, 121, seq);
        hand.answer(1, 121, seq);
    }
    let restart = hand.ask(10, 121, 1);
    hand.answer(11, 121, 1);
    let second = hand.ask(12, 121, 2);
    hand.answer(13, 121, 2);
    let gap = hand.ask(14, 121, 9);
    let back = hand.ask(15, 237, 5);
    assert_eq!(hand.facts(restart), "!seq_restart, response_in 8");
    assert_eq!(hand.facts(second), "response_in 10");
    assert_eq!(hand.facts(gap), "!seq_gap, unanswered 1, !no_response_yet");
    assert_eq!(hand.facts(back), "!seq_back, unanswered 1, !no_response_yet");
}

#[test]
fn a_seqid_that_comes_late_makes_one_gap() {
    let mut hand = Hand::new();
    let notes = [1, 2, 5, 3, 6, 4, 7, 9, 8, 10].map(|seq| {
        let at = hand.ask(0, 121, seq);
        hand.answer(0, 121, seq);
        let facts = hand.facts(at);
        facts.split(", ").find(|fact| fact.starts_with('!')).unwrap_or_default().to_owned()
    });
    assert_eq!(notes, ["", "", "!seq_gap", "!seq_back", "", "!seq_back", "", "!seq_gap", "!seq_back", ""]);
}

#[test]
fn heartbeats_repeat_their_seqid_and_have_a_rhythm() {
    let mut hand = Hand::new();
    let beat = |hand: &mut Hand, at| hand.add(at, Kind::HeartbeatRequest, op::NOOP, seq::NOOP);
    let answer =
        |hand: &mut Hand, at| hand.add(at, Kind::HeartbeatResponse, op::NOOP + RESPONSE_OFFSET, seq::NOOP);
    let places = [0, 60_000, 120_000].map(|at| {
        let place = beat(&mut hand, at);
        answer(&mut hand, at + 5);
        place
    });
    let early = beat(&mut hand, 149_999);
    let unanswered = beat(&mut hand, 150_000);
    assert_eq!(
        hand.facts(places[2]),
        "heartbeat.interval 60000 ms, heartbeat.after 3, response_in 6, heartbeat.next_in 7"
    );
    let lost = "superseded_in 8, !superseded, unanswered 1";
    assert_eq!(
        hand.facts(early),
        format!(
            "heartbeat.interval 29999 ms, heartbeat.after 5, !heartbeat.irregular, {lost}, heartbeat.next_in 8"
        )
    );
    assert_eq!(
        hand.facts(unanswered),
        "supersedes 7, heartbeat.interval 1 ms, heartbeat.after 7, !heartbeat.irregular, unanswered 1, !no_response_yet"
    );
}

#[test]
fn the_end_of_the_capture_explains_what_is_missing() {
    let mut hand = Hand::new();
    let early = hand.ask(0, 237, 1);
    let keeper = hand.ask(0, 243, 2);
    let push = hand.push(0);
    let late = hand.ask(4001, 237, 3);
    let late_push = hand.push(4001);
    hand.add(9000, Kind::Push, 61, 0);
    assert_eq!(hand.facts(early), "unanswered 1, !no_response, send.news_in 3");
    assert_eq!(hand.facts(keeper), "");
    assert_eq!(hand.facts(late), "unanswered 1, !no_response_yet, send.news_in 5");
    let delivery = "delivery \"push\", news.send 1, news.time 0";
    assert_eq!(hand.facts(push), format!("{delivery}, push.unacknowledged 1, !push.no_ack"));
    assert!(hand.facts(late_push).ends_with("push.unacknowledged 1, !push.no_ack_yet"));
}

#[test]
fn a_response_to_nothing_is_noted_unless_the_beginning_explains_it() {
    let mut hand = Hand::new();
    let nothing = hand.answer(0, 237, 7);
    assert_eq!(hand.facts(nothing), "!no_request");

    let mut hand = Hand::mid_stream();
    let before_all = hand.answer(0, 237, 7);
    let first = hand.ask(1, 237, 9);
    let before_first = hand.answer(2, 237, 8);
    let beyond = hand.answer(3, 237, 10);
    let heartbeat = hand.answer(4, op::NOOP, seq::NOOP);
    assert_eq!(hand.facts(first), "!late_start, unanswered 1, !no_response_yet");
    assert_eq!([before_all, before_first, heartbeat].map(|at| hand.facts(at)), ["", "", ""]);
    assert_eq!(hand.facts(beyond), "!no_request");
}

#[test]
fn an_acknowledgement_goes_by_time_then_by_age() {
    let mut hand = Hand::new();
    let pushes = [0, 1000, 2000].map(|at| hand.push(at));
    let ack = hand.ack(1300, 1, 250);
    let late = hand.ack(9000, 2, 1);
    let none = hand.ack(9000, 3, 1);
    assert_eq!(hand.facts(ack), "ack_to 2, ack_to 1, ack.time 300 ms, ack.rule \"elapsed time\"");
    assert_eq!(hand.facts(late), "ack_to 3, ack.time 7000 ms, ack.rule \"oldest open push\"");
    assert_eq!(hand.facts(none), "!ack.no_push");
    assert_eq!(
        pushes.map(|at| hand.facts(at)),
        [4, 4, 5].map(|ack| { format!("delivery \"push\", push.ack_in {ack}") })
    );
    let mut hand = Hand::mid_stream();
    let unexplained = hand.ack(0, 5, 1);
    assert_eq!(hand.facts(unexplained), "!late_start");
}

#[test]
fn an_unknown_request_after_a_push_may_be_its_acknowledgement() {
    let mut hand = Hand::new();
    let push = hand.push(0);
    let ack = hand.ask(5000, 4711, 1);
    assert_eq!(hand.facts(push), "delivery \"push\", push.ack_inferred_in 2");
    assert_eq!(hand.facts(ack), "ack.inferred_to 1");
    hand.answer(5001, 4711, 1);
    assert_eq!(hand.facts(push), "delivery \"push\", push.unacknowledged 1, !push.no_ack");
    assert_eq!(hand.facts(ack), "response_in 3");
}

#[test]
fn a_notice_leads_to_the_fetch_and_to_the_message() {
    let mut hand = Hand::new();
    let notice = hand.notice(0, Some(0x2));
    let moments = hand.notice(10, Some(0x100));
    hand.add(20, Kind::OneWay, 8, 1);
    let sync = hand.ask(100, 121, 2);
    let message = hand.answer(150, 121, 2);
    let fetch = hand.ask(200, 102, 3);
    let fetched = hand.answer(300, 102, 3);
    assert_eq!(hand.facts(notice), "notice.sync_in 4, notice.message_in 5");
    assert_eq!(hand.facts(moments), "notice.sync_in 6, notice.message_in 7");
    assert_eq!(hand.facts(sync), "sync.notice 1, response_in 5");
    let exchange = "response_to 4, response_time 50 ms";
    let delivery = "delivery \"notice and sync\"";
    assert_eq!(hand.facts(message), format!("{exchange}, sync.notice 1, sync.time 150 ms, {delivery}"));
    assert_eq!(hand.facts(fetch), "sync.notice 2, response_in 7");
    assert!(hand.facts(fetched).ends_with(&format!("sync.notice 2, sync.time 290 ms, {delivery}")));
}

#[test]
fn a_fetch_that_is_sent_again_brings_what_the_first_was_to_bring() {
    let mut hand = Hand::new();
    let notice = hand.notice(0, Some(0x2));
    hand.ask(100, 121, 1);
    let late = hand.notice(200, Some(0x2));
    let again = hand.ask(5100, 121, 1);
    let message = hand.answer(5150, 121, 1);
    assert_eq!(hand.facts(notice), "notice.sync_in 2, notice.message_in 5");
    assert_eq!(hand.facts(late), "notice.sync_in 4, notice.message_in 5");
    assert!(hand.facts(again).contains("sync.notice 3"));
    assert!(hand.facts(message).contains("sync.notice 1, sync.notice 3, sync.time 5150 ms"));
}

#[test]
fn news_within_ten_seconds_may_come_of_a_send() {
    let mut hand = Hand::new();
    let send = hand.ask(0, 237, 1);
    hand.answer(50, 237, 1);
    let late = hand.notice(10_001, Some(2));
    assert_eq!(hand.facts(late), "");
    let send_again = hand.ask(10_002, 237, 2);
    let news = hand.notice(20_002, None);
    assert_eq!(hand.facts(send), "response_in 2");
    assert!(hand.facts(send_again).starts_with("unanswered 1, !no_response, send.news_in 5"));
    assert_eq!(hand.facts(news), "news.send 4, news.time 10000 ms");
}

#[test]
fn keys_are_compared_on_the_link_then_with_the_account() {
    let mut hand = Hand::new();
    let identify = |hand: &mut Hand, stream, uin, key: &[(u64, u64)]| {
        hand.add_with(0, Kind::Request, op::IDENTIFY, seq::IDENTIFY, |frame| {
            (frame.stream, frame.uin, frame.sync_key) = (stream, Some(uin), Some(key.to_vec()));
            frame.client = Some(vec![stream as u8]);
        })
    };
    let first = identify(&mut hand, 0, 7, &[(1, 100), (2, 100)]);
    let ack = hand.add_with(1, Kind::PushAck, op::PUSH_ACK, 1, |frame| {
        frame.sync_key = Some(vec![(1, 103), (3, 5)]);
        frame.client = Some(vec![0]);
    });
    let stranger = identify(&mut hand, 1, 8, &[(1, 50)]);
    let second = identify(&mut hand, 2, 7, &[(1, 101)]);
    assert!(hand.facts(first).ends_with("synckey.next 2"));
    assert!(hand.facts(ack).contains("synckey.previous 1, synckey.delta 3, synckey.next 4"));
    assert!(!hand.facts(stranger).contains("synckey"));
    assert!(hand.facts(second).contains("synckey.previous 2, synckey.delta -2, !synckey.went_back"));
}

#[test]
fn a_stream_soon_after_another_is_the_next_attempt() {
    let mut hand = Hand::new();
    let on =
        |hand: &mut Hand, at, stream| hand.add_with(at, Kind::Request, 243, 1, |frame| frame.stream = stream);
    let first = on(&mut hand, 0, 0);
    let second = on(&mut hand, 10_000, 1);
    let third = on(&mut hand, 12_000, 2);
    let late = on(&mut hand, 22_001, 3);
    assert_eq!(hand.facts(first), "attempt.next_in 2");
    assert_eq!(hand.facts(second), "attempt 2, attempt.after 1, attempt.next_in 3");
    assert_eq!(hand.facts(third), "attempt 3, attempt.after 2");
    assert_eq!(hand.facts(late), "");
}

impl Model {
    /// The frames, for a person who looks for a difference.
    fn tell(&self) -> String {
        let mut out = String::new();
        for (at, frame) in self.frames().enumerate() {
            let Frame { packet, time, stream, kind, op, seq, .. } = frame;
            let (sender, ms) = (if frame.side { "server" } else { "client" }, time / MILLISECOND);
            let own = [
                frame.wants_ack.then(|| "wants ack".to_owned()),
                frame.elapsed_ms.map(|ms| format!("elapsed {ms} ms")),
                frame.selector.map(|selector| format!("selector {selector:#x}")),
                frame.uin.map(|uin| format!("uin {uin}")),
                frame.sync_key.as_ref().map(|key| format!("key {key:?}")),
                (!frame.began).then(|| "mid-stream".to_owned()),
            ];
            let own: Vec<String> = own.into_iter().flatten().collect();
            writeln!(
                out,
                "  frame {at}, packet {packet}, {ms} ms, stream {stream}, {sender}: {kind:?} {op} seq={seq} {}",
                own.join(", ")
            )
            .expect("writes to a string");
        }
        out
    }
}
