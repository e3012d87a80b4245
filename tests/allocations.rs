// SPDX-License-Identifier: GPL-2.0-or-later
//! Heap allocations for each frame, once a capture is under way. What the first pass remembers grows a
//! thirty-second at a time, so a few frames in a thousand bring an allocation; a SyncKey is kept in a block of
//! its own, so each frame with one does. No later visit allocates.

use allocation_counter::measure as count;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wechat_dissector::capture::Capture;
use wechat_dissector::config::Config;
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::report::Wanted;
use wechat_dissector::kernel::segment::{Segment, Step};
use wechat_dissector::kernel::time::Time;
use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_dissector::mmtls::fields::TABLE as MMTLS;
use wechat_dissector::mmtls::settings::P;
use wechat_traffic::account::Account;
use wechat_traffic::mmtls::attack::Peer;
use wechat_traffic::packet::Direction;
use wechat_traffic::pdu::Pdu;

const ALL: Wanted = Wanted::ALL;

/// Frames before it counts, and while it counts.
const WARM_UP: usize = 5000;
const MEASURED: usize = 20_000;

/// Of the frames measured, this many may bring an allocation because a list has grown.
const GROWTHS: usize = MEASURED / 100;

/// A frame, or bytes that are none, from one of the two sides.
type Sent = (bool, Vec<u8>);

/// Repeats a story with the same bytes but new seqids, so that everything is met again.
struct Run {
    dissector: Capture,
    protocol: u16,
    positions: [u32; 2],
    packet: u32,
    visited: Vec<(bool, u32, u32, usize)>,
}

impl Run {
    fn new(protocol: u16, config: &Config) -> Self {
        Self {
            dissector: Capture::new(config),
            protocol,
            positions: [1, 1],
            packet: 0,
            visited: Vec::with_capacity(400_000),
        }
    }

    /// Every PDU of a segment; returns how many steps allocated, and how many steps there were.
    fn send(&mut self, side: bool, bytes: &[u8], index: usize) -> (usize, usize) {
        self.packet += 1;
        let position = self.positions[usize::from(side)];
        self.positions[usize::from(side)] = position.wrapping_add(bytes.len() as u32);
        self.visited.push((side, position, self.packet, index));
        self.visit(side, bytes, position, self.packet, true)
    }

    fn visit(
        &mut self,
        side: bool,
        bytes: &[u8],
        position: u32,
        packet: u32,
        first_visit: bool,
    ) -> (usize, usize) {
        let (mut allocating, mut steps, mut used) = (0, 0, 0);
        while used < bytes.len() {
            let segment = Segment {
                data: &bytes[used..],
                reported: bytes.len() - used,
                lane: LaneId::new(3, side),
                position: position.wrapping_add(used as u32),
                counted: true,
                packet,
                time: Time::from_nanoseconds(i64::from(packet) * 1_000_000),
                shown_stream: 3,
                began: true,
                inside: false,
                src_address: &[192, 0, 2, 1],
                dst_address: &[192, 0, 2, 2],
                server_port: 8080,
                src_port: if side { 8080 } else { 50_000 },
                dst_port: if side { 50_000 } else { 8080 },
                first_visit,
                more: false,
                wanted: ALL,
            };
            let mut step = None;
            let made = count(|| step = Some(self.dissector.step(self.protocol, &segment))).count_total;
            let Some(Step::Consumed(length)) = step else { panic!("it waits for more") };
            allocating += usize::from(made != 0);
            steps += 1;
            used += length;
        }
        (allocating, steps)
    }
}

/// Plays the story until enough steps are measured; returns those that allocated, first and later visits.
fn measure(story: &[Sent]) -> (usize, usize) {
    let mut run = Run::new(LONG_LINK, &Config::default());
    let mut steps = 0;
    while steps < WARM_UP {
        for (index, (side, bytes)) in story.iter().enumerate() {
            steps += run.send(*side, bytes, index).1;
        }
    }
    let (mut allocating, mut steps) = (0, 0);
    while steps < MEASURED {
        for (index, (side, bytes)) in story.iter().enumerate() {
            let (some, all) = run.send(*side, bytes, index);
            allocating += some;
            steps += all;
        }
    }
    let visited = std::mem::take(&mut run.visited);
    let mut later = 0;
    // The first time round, what lies ahead of a frame makes the report longer than it has been.
    for round in 0..2 {
        for &(side, position, packet, index) in &visited {
            later += round * run.visit(side, &story[index].1, position, packet, false).0;
        }
    }
    (allocating, later)
}

fn account() -> Account {
    Account::new(&mut ChaCha8Rng::seed_from_u64(1))
}

fn sent(side: bool, pdus: &[&Pdu]) -> Sent {
    (side, pdus.iter().flat_map(|pdu| pdu.encode()).collect())
}

#[track_caller]
fn assert_steady(story: &[Sent], with_synckey: usize) {
    let (first, later) = measure(story);
    assert!(first <= with_synckey + GROWTHS, "{first} of {MEASURED} frames allocated");
    assert_eq!(later, 0, "frames allocated on a later visit");
}

#[test]
fn the_counter_counts() {
    assert_eq!(count(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn exchanges_with_bodies_and_info() {
    let mut account = account();
    let requests = [account.send_message(300), account.sync(), account.heartbeat()];
    let answers =
        [account.message_sent(&requests[0]), account.synced(&requests[1], 700), requests[2].response(vec![])];
    assert_steady(
        &[
            sent(false, &[&requests[0], &requests[1], &requests[2]]),
            sent(true, &[&answers[0], &answers[1], &answers[2]]),
        ],
        0,
    );
}

#[test]
fn pushes_and_acknowledgements() {
    let mut account = account();
    let push = account.push(true, 200);
    let ack = account.push_ack(std::time::Duration::from_millis(1));
    assert_steady(&[sent(true, &[&push]), sent(false, &[&ack])], MEASURED / 2);
}

#[test]
fn resynchronisation() {
    let mut account = account();
    let requests = [account.send_message(80), account.send_message(90), account.send_message(100)];
    let mut broken = sent(false, &[&requests[0]]).1;
    broken.extend([0xa5; 64]);
    broken.extend(sent(false, &[&requests[1], &requests[2]]).1);
    assert_steady(&[(false, broken)], 0);
}

/// Records of one session, which no story can repeat: each has a number of its own.
fn assert_records_are_steady(log: impl FnOnce(&Peer) -> String) {
    const RECORDS: usize = 400;
    let mut peer = Peer::new(&mut ChaCha8Rng::seed_from_u64(1));
    let mut sent: Vec<(Direction, Vec<u8>)> = peer.open();
    sent.extend((0..20).flat_map(|_| peer.small_frames(RECORDS)));
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut file, log(&peer).as_bytes()).expect("written");
    let mut config = Config::default();
    config.set_text(P::KEYLOG_FILE, file.path().to_str().expect("a path"));
    let mut run = Run::new(MMTLS, &config);
    let (mut allocating, mut steps) = (0, 0);
    for (index, (direction, bytes)) in sent.iter().enumerate() {
        let (some, all) = run.send(*direction == Direction::ServerToClient, bytes, index);
        // The first half is the warm-up.
        if index * 2 > sent.len() {
            allocating += some;
            steps += all;
        }
    }
    assert!(steps > 15 * RECORDS, "{steps}");
    assert!(allocating <= steps / 100, "{allocating} of {steps} records allocated");
    let visited = std::mem::take(&mut run.visited);
    let mut later = 0;
    for round in 0..2 {
        for &(side, position, packet, index) in &visited {
            // The handshake comes first, and is short.
            later +=
                round * usize::from(index > 2) * run.visit(side, &sent[index].1, position, packet, false).0;
        }
    }
    assert_eq!(later, 0, "records allocated on a later visit");
}

#[test]
fn records_that_stay_closed() {
    assert_records_are_steady(|_| String::new());
}

#[test]
fn records_that_open_with_frames_inside() {
    assert_records_are_steady(|peer| peer.key_log.clone());
}
