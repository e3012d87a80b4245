// SPDX-License-Identifier: GPL-2.0-or-later
//! A fault hits what it says and leaves the rest alone.

use std::ops::RangeInclusive;

use wechat_traffic::fault::{self, FAULTS};
use wechat_traffic::truth::{self, Row};

const SEEDS: std::ops::Range<u64> = 0..20;

fn rows(name: &str, seed: u64) -> Vec<Row> {
    truth::rows(&fault::robust(fault::find(name).unwrap(), seed)).unwrap()
}

/// How many PDUs a fault may break.
fn expected(name: &str) -> RangeInclusive<usize> {
    match name {
        "none" | "garbage" | "seq-wrap" => 0..=0,
        "late-start" => 2..=2,
        // Up to as many as begin within 2000 bytes or a segment.
        "lost-segment" | "lost-bytes" => 1..=60,
        "one-direction" => 45..=60,
        "snaplen" => 50..=104,
        _ => 1..=1,
    }
}

#[test]
fn breaks_as_many_pdus_as_it_says() {
    for fault in FAULTS {
        for seed in SEEDS {
            let rows = rows(fault.name, seed);
            let broken = rows.iter().filter(|row| !row.intact).count();
            let name = fault.name;
            assert!(expected(name).contains(&broken), "{name} {seed}: {broken}");
        }
    }
}

#[test]
fn leaves_something_before_and_after() {
    // A late start leaves nothing before; a snap length leaves only frames without a body.
    let exempt = ["late-start", "snaplen"];
    for fault in FAULTS.iter().filter(|fault| !exempt.contains(&fault.name)) {
        for seed in SEEDS {
            let rows = rows(fault.name, seed);
            assert!(rows.len() >= 100, "{} {seed}", fault.name);
            assert!(rows[..20].iter().any(|row| row.intact), "{}", fault.name);
            assert!(rows[80..].iter().any(|row| row.intact), "{}", fault.name);
        }
    }
}

#[test]
fn late_start_hits_the_first_frame_of_each_direction() {
    for seed in SEEDS {
        let rows = rows("late-start", seed);
        for broken in rows.iter().filter(|row| !row.intact) {
            let first = rows.iter().find(|row| row.dir == broken.dir).unwrap();
            assert_eq!(first, broken);
        }
    }
}

#[test]
fn sequence_numbers_wrap_in_both_directions() {
    let fault = fault::find("seq-wrap").unwrap();
    for seed in SEEDS {
        let capture = fault::robust(fault, seed);
        let wrapped = |direction| {
            let mut packets = capture.packets().iter();
            packets.any(|packet| packet.direction == direction && packet.sequence < 1 << 31)
        };
        assert!(wechat_traffic::packet::Direction::BOTH.into_iter().all(wrapped));
        assert!(capture.packets()[0].sequence > 1 << 31);
    }
}
