// SPDX-License-Identifier: GPL-2.0-or-later
//! What the state of a capture costs: bytes on the heap, counted by the allocator, indexes and spare room
//! included.

use std::io::Write as _;

use allocation_counter::measure;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wechat_dissector::capture::Capture;
use wechat_dissector::config::Config;
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::report::Wanted;
use wechat_dissector::kernel::segment::{Segment, Step};
use wechat_dissector::kernel::time::Time;
use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_dissector::mmtls;
use wechat_traffic::body::{self, sync_key::SyncKey};
use wechat_traffic::mmtls::attack::Peer;
use wechat_traffic::packet::Direction;
use wechat_traffic::pdu::{Pdu, op, seq};

/// A segment with no bytes yet.
const SEGMENT: Segment<'_> = Segment {
    data: &[],
    reported: 0,
    lane: LaneId { stream: 0, side: false },
    shown_stream: 0,
    began: true,
    inside: false,
    src_address: &[1],
    dst_address: &[1],
    position: 0,
    counted: true,
    packet: 0,
    time: Time::from_nanoseconds(0),
    src_port: 0,
    dst_port: 0,
    server_port: 8080,
    first_visit: true,
    more: true,
    wanted: Wanted {
        columns: false,
        items: false,
        labels: false,
        record: false,
        inside: false,
        objects: false,
        fields: None,
    },
};

struct Link {
    dissector: Capture,
    positions: [u32; 2],
    packet: u32,
}

impl Link {
    fn new() -> Self {
        Self { dissector: Capture::default(), positions: [1, 1], packet: 0 }
    }

    fn send(&mut self, from_server: bool, frame: &[u8]) {
        self.packet += 1;
        let position = &mut self.positions[usize::from(from_server)];
        let ports = if from_server { (8080, 50000) } else { (50000, 8080) };
        let segment = Segment {
            data: frame,
            reported: frame.len(),
            lane: LaneId::new(0, from_server),
            shown_stream: 0,
            began: true,
            inside: false,
            src_address: &[1],
            dst_address: &[1],
            position: *position,
            counted: true,
            packet: self.packet,
            time: Time::from_nanoseconds(i64::from(self.packet) * 1_000_000),
            src_port: ports.0,
            dst_port: ports.1,
            server_port: 8080,
            first_visit: true,
            more: true,
            wanted: Wanted::default(),
        };
        assert_eq!(self.dissector.step(LONG_LINK, &segment), Step::Consumed(frame.len()));
        *position = position.wrapping_add(frame.len() as u32);
    }
}

/// The most bytes in use for each exchange, of captures of different lengths: lists grow in steps, and
/// have the most room to spare behind one.
fn bytes_for_each(exchange: impl Fn(&mut Link, u32)) -> f64 {
    let bytes = |count: u32| {
        let mut link = Link::new();
        let used = measure(|| (1..=count).for_each(|seq| exchange(&mut link, seq))).bytes_current;
        used as f64 / f64::from(count)
    };
    (0..8).map(|step| bytes(4_000 + 331 * step)).fold(0.0, f64::max)
}

#[track_caller]
fn assert_within_64(name: &str, bytes: f64) {
    println!("{name}: {bytes:.1} bytes");
    assert!(bytes <= 64.0, "{name}: {bytes:.1} bytes");
}

#[test]
fn an_exchange_costs_at_most_64_bytes() {
    let bytes = bytes_for_each(|link, seq| {
        let request = Pdu::new(op::NEW_SEND_MSG, seq, vec![9; 20]);
        link.send(false, &request.encode());
        link.send(true, &request.response(vec![9; 8]).encode());
    });
    assert_within_64("request and response", bytes);
}

#[test]
fn many_open_requests_cost_no_more() {
    let bytes = bytes_for_each(|link, seq| {
        link.send(false, &Pdu::new(op::NEW_SEND_MSG, seq, vec![9; 20]).encode());
    });
    assert_within_64("request without response", bytes);
}

#[test]
fn a_heartbeat_costs_what_an_exchange_costs() {
    let bytes = bytes_for_each(|link, _| {
        let beat = Pdu::empty(op::NOOP, seq::NOOP);
        link.send(false, &beat.encode());
        link.send(true, &beat.response(Vec::new()).encode());
    });
    assert_within_64("heartbeat and its answer", bytes);
}

/// Client 4.5 gives both one seqid.
#[test]
fn operations_that_share_a_seqid_cost_no_more() {
    let bytes = bytes_for_each(|link, _| {
        let beat = Pdu::empty(op::NOOP, seq::EARLY);
        let test = Pdu::new(op::SPEED_TEST, seq::EARLY, vec![9; 20]);
        link.send(false, &beat.encode());
        link.send(false, &test.encode());
        link.send(true, &test.response(vec![9; 8]).encode());
        link.send(true, &beat.response(Vec::new()).encode());
    });
    assert_within_64("heartbeat and speed test", bytes / 2.0);
}

#[test]
fn a_push_and_its_acknowledgement_cost_no_more() {
    let push = Pdu::new(op::PUSH, seq::PUSH, body::push(body::PUSH_WANTS_ACK, &[9; 40])).encode();
    let bytes = bytes_for_each(|link, seq| {
        link.send(true, &push);
        // A SyncKey without keys: how keys grow is remembered besides, for each that changes.
        link.send(false, &Pdu::new(op::PUSH_ACK, seq, body::push_ack(0, &SyncKey(Vec::new()))).encode());
    });
    assert_within_64("push and acknowledgement", bytes);
}

/// docs/exchanges.md tells these.
#[test]
fn what_is_known_beyond_an_exchange_costs_more() {
    let again = bytes_for_each(|link, seq| {
        link.send(false, &Pdu::new(op::NEW_SEND_MSG, 1 + seq / 2, vec![9; 20]).encode());
    });
    let push = Pdu::new(op::PUSH, seq::PUSH, body::push(body::PUSH_WANTS_ACK, &[9; 40])).encode();
    let grown = bytes_for_each(|link, seq| {
        link.send(true, &push);
        let key = SyncKey(vec![(1, seq), (2, seq), (3, 7)]);
        link.send(false, &Pdu::new(op::PUSH_ACK, seq, body::push_ack(0, &key)).encode());
    });
    let noticed = bytes_for_each(|link, seq| {
        link.send(true, &Pdu::new(op::NOTIFY, seq::PUSH, body::notify(2)).encode());
        let sync = Pdu::new(op::NEW_SYNC, seq, vec![9; 20]);
        link.send(false, &sync.encode());
        link.send(true, &sync.response(vec![9; 20]).encode());
    });
    println!(
        "request that is sent again every other time {again:.1}, grown SyncKey {grown:.1}, notice and sync {noticed:.1}"
    );
    assert!(again <= 140.0 && grown <= 240.0 && noticed <= 280.0);
}

/// The state of one capture of MMTLS.
struct Records {
    dissector: Capture,
    packet: u32,
}

impl Records {
    fn new(log: &str) -> Self {
        let mut config = Config::default();
        config.set_text(mmtls::settings::P::KEYLOG_FILE, log);
        Self { dissector: Capture::new(&config), packet: 0 }
    }

    fn send(&mut self, stream: u32, position: u32, from_server: bool, bytes: &[u8]) {
        self.packet += 1;
        let mut used = 0;
        while used < bytes.len() {
            let ports = if from_server { (8080, 50000) } else { (50000, 8080) };
            let segment = Segment {
                data: &bytes[used..],
                reported: bytes.len() - used,
                lane: LaneId::new(stream, from_server),
                shown_stream: stream,
                position: position.wrapping_add(used as u32),
                packet: self.packet,
                time: Time::from_nanoseconds(i64::from(self.packet) * 1_000_000),
                src_port: ports.0,
                dst_port: ports.1,
                ..SEGMENT
            };
            match self.dissector.step(mmtls::fields::TABLE, &segment) {
                Step::Consumed(length) => used += length,
                Step::Need(more) => panic!("{more:?}"),
            }
        }
    }
}

/// What each more of these costs, a sort of record or of sessions, between two numbers of them.
fn bytes_for_one_more(counts: [usize; 2], send: impl Fn(&mut Records, usize), log: &str) -> f64 {
    let [few, many] = counts.map(|count| {
        let used = measure(|| {
            let mut records = Records::new(log);
            (0..count).for_each(|index| send(&mut records, index));
            std::mem::forget(records);
        });
        used.bytes_current as f64
    });
    (many - few) / (counts[1] - counts[0]) as f64
}

#[test]
fn what_a_session_of_mmtls_costs() {
    let mut peer = Peer::new(&mut ChaCha8Rng::seed_from_u64(1));
    let flights: Vec<_> = (0..2500).map(|_| peer.open()).collect();
    let data = peer.small_frames(1).remove(0).1;
    // A record on one link, without the room that lists have to spare.
    let record = |records: &mut Records, index: usize| records.send(0, index as u32 * 37, false, &data);
    let record = bytes_for_one_more([4000, 8000], record, "");
    // Links that begin anew on their connection, which has its own cost.
    let end = |index: usize| flights[..index].iter().map(|said| said[0].1.len() as u32).sum::<u32>();
    let hello = |records: &mut Records, index: usize| {
        records.send(0, end(index), false, &flights[index][0].1);
    };
    let closed = bytes_for_one_more([1000, 2500], hello, "") - record;
    let whole = |records: &mut Records, index: usize| {
        for (direction, bytes) in &flights[index] {
            records.send(index as u32, 0, *direction == Direction::ServerToClient, bytes);
        }
    };
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(peer.key_log.as_bytes()).expect("written");
    let log = file.path().to_str().expect("a path");
    let [without, with] = ["", log].map(|log| bytes_for_one_more([1000, 2500], whole, log));
    let opened = closed + with - without;
    println!("a record {record:.1}, a session {closed:.1}, with keys {opened:.1}");
    assert!(record <= 96.0, "a record costs {record:.1} bytes");
    assert!(closed <= 200.0, "a session costs {closed:.1} bytes, with what finds it");
    assert!(opened <= 1024.0, "a session with keys costs {opened:.1} bytes");
}

#[test]
fn two_hundred_captures_leave_nothing_behind() {
    let open_and_close = || {
        let mut link = Link::new();
        for seq in 1..=100 {
            let request = Pdu::new(op::NEW_SEND_MSG, seq, vec![9; 20]);
            link.send(false, &request.encode());
            // The second answer is one too many, and the heartbeat has none.
            link.send(true, &request.response(vec![9; 8]).encode());
            link.send(true, &request.response(vec![9; 8]).encode());
            link.send(false, &Pdu::empty(op::NOOP, seq::NOOP).encode());
            link.send(true, &Pdu::new(op::NOTIFY, seq::PUSH, body::notify(2)).encode());
            let key = SyncKey(vec![(1, seq), (2, seq)]);
            link.send(false, &Pdu::new(op::PUSH_ACK, seq, body::push_ack(0, &key)).encode());
        }
    };
    // What is made once and kept, such as tables, is made here.
    open_and_close();
    assert!(measure(open_and_close).bytes_max > 10_000);
    assert_eq!(measure(|| (0..200).for_each(|_| open_and_close())).bytes_current, 0);
}
