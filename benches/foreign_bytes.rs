// SPDX-License-Identifier: GPL-2.0-or-later
//! How often bytes that hold no frame are taken for one: `foreign_bytes GIGABYTES [FILE ...]`.
//!
//! Random bytes, or those of the files over and over, go through the two doors that a foreign stream
//! could come in by: the claim of a stream whose beginning was not captured, and the search for the next
//! frame in a stream that is out of step. `cargo xtask robustness` runs it.

use std::{env, error::Error, fs};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use wechat_dissector::claim::{Claims, Offer};
use wechat_dissector::config::Config;
use wechat_dissector::kernel::framing::{Header, Lane, Verdict, View};
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::protocol::State;
use wechat_dissector::long_link::frame::Header as Frame;
use wechat_dissector::long_link::settings::DEFAULT_LIMIT;
use wechat_dissector::protocols;

const SEGMENT: usize = 1400;
const CHUNK: usize = SEGMENT * 4096;

/// Frames found in bytes that hold none.
#[derive(Default)]
struct Found {
    claimed: u64,
    resynchronised: u64,
    /// Headers that looked plausible until more had come.
    candidates: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo's own word to each benchmark.
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let gigabytes: u64 = arguments.next().ok_or("usage: foreign_bytes GIGABYTES [FILE ...]")?.parse()?;
    let files: Vec<u8> = arguments.map(fs::read).collect::<Result<Vec<_>, _>>()?.concat();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut chunk = vec![0; CHUNK];
    let mut found = Found::default();
    let states: Vec<_> = {
        let config = Config::default();
        protocols::begin(&config, &protocols::common(&config)).map(|begun| begun.on_streams).collect()
    };
    let mut lane = Lane::<Frame>::default();
    let mut position = 0u32;
    let chunks = (gigabytes * 1_000_000_000).div_ceil(CHUNK as u64);
    for number in 0..chunks as usize {
        match files.len() {
            0 => rng.fill_bytes(&mut chunk),
            length => chunk
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte = files[(number * CHUNK + at) % length]),
        }
        search(&chunk, &states, &mut lane, &mut position, &mut found);
    }
    let kind = if files.is_empty() { "random bytes" } else { "bytes of files" };
    println!(
        "{gigabytes} GB of {kind}: {} streams claimed, {} frames shown out of step, {} candidates dropped",
        found.claimed, found.resynchronised, found.candidates
    );
    Ok(())
}

fn search(
    chunk: &[u8],
    states: &[Option<Box<dyn State>>],
    lane: &mut Lane<impl Header>,
    position: &mut u32,
    found: &mut Found,
) {
    for segment in chunk.chunks(SEGMENT) {
        let offer = Offer {
            data: segment,
            lane: LaneId::new(0, false),
            position: 0,
            counted: false,
            packet: 1,
            first_visit: true,
            began_in_capture: false,
            any_port: false,
        };
        found.claimed += u64::from(Claims::new(states).decide(offer, states).ours.is_some());
    }
    // The whole chunk is what the carrier has put together; a request for more is dropped with it.
    let mut rest = chunk;
    while !rest.is_empty() {
        let view = View { data: rest, reported: rest.len(), position: *position, more: true };
        let length = match lane.decide(view, DEFAULT_LIMIT, |_| {}) {
            Verdict::Frame(cut) => {
                found.resynchronised += 1;
                cut.extent
            }
            Verdict::Skip(length, _) => length,
            Verdict::Need(_) => {
                found.candidates += u64::from(lane.awaits_frame());
                *lane = Lane::default();
                rest.len()
            }
        };
        *position = position.wrapping_add(length as u32);
        rest = &rest[length..];
    }
}
