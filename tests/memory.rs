// SPDX-License-Identifier: GPL-2.0-or-later
//! What the state of a capture costs: bytes on the heap, counted by the allocator, indexes and spare room
//! included.

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

#[test]
fn what_a_session_of_mmtls_costs() {
    let mut peer = Peer::new(&mut ChaCha8Rng::seed_from_u64(1));
    let flights: Vec<_> = (0..2000).map(|_| peer.open()).collect();
    let data = peer.small_frames(1).remove(0).1.repeat(2000);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("a path");
    let first = |log: &str, count: usize| {
        let used = measure(|| {
            let mut records = Records::new(log);
            for (stream, flights) in (0..).zip(&flights[..count]) {
                for (direction, bytes) in flights {
                    records.send(stream, 0, *direction == Direction::ServerToClient, bytes);
                }
            }
            std::mem::forget(records);
        });
        used.bytes_current as f64
    };
    let record = measure(|| {
        let mut records = Records::new("");
        records.send(0, 0, false, &data);
        std::mem::forget(records);
    });
    println!("record {:.1}", record.bytes_current as f64 / 2000.0);
    let closed = (first("", 2000) - first("", 1000)) / 1000.0;
    std::fs::write(path, &peer.key_log).expect("written");
    let opened = (first(path, 2000) - first(path, 1000)) / 1000.0;
    println!("session {closed:.1} {opened:.1}");
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
