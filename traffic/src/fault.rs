// SPDX-License-Identifier: GPL-2.0-or-later
//! Sessions with one fault each, to measure how much of the rest a dissector still reads.

use std::ops::Range;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::capture::Capture;
use crate::flow::Chunk;
use crate::mixed;
use crate::packet::{Direction, Endpoints};
use crate::pdu::{HEADER_LEN, Pdu, RESPONSE_OFFSET, op};
use crate::script::Script;

const PDUS: usize = 100;

/// One way in which a capture goes wrong.
#[derive(Debug)]
pub struct Fault {
    /// As on the command line.
    pub name: &'static str,
    /// What goes wrong.
    pub about: &'static str,
    damage: Damage,
}

/// Where the damage is done.
#[derive(Debug)]
enum Damage {
    Nothing,
    /// To what the two sides send; TCP itself looks healthy.
    Script(fn(&mut Script, &mut ChaCha8Rng)),
    /// To the sequence numbers that TCP starts with.
    InitialSequences(fn(&Script, &mut ChaCha8Rng) -> [u32; 2]),
    /// To what the capture holds of it.
    Capture(fn(&mut Capture, &mut ChaCha8Rng)),
}

/// All faults.
pub const FAULTS: &[Fault] = &[
    Fault { name: "none", about: "nothing goes wrong", damage: Damage::Nothing },
    Fault {
        name: "late-start",
        about: "the capture starts within a frame, in both directions",
        damage: Damage::Script(late_start),
    },
    Fault {
        name: "lost-segment",
        about: "one data segment is missing, TCP shows the gap",
        damage: Damage::Capture(lost_segment),
    },
    Fault {
        name: "lost-bytes",
        about: "bytes are missing, TCP shows no gap",
        damage: Damage::Script(lost_bytes),
    },
    Fault {
        name: "length-small",
        about: "one length field is too small, but holds the header",
        damage: Damage::Script(|script, rng| {
            let chunk = pick(script, rng, |chunk| chunk.bytes.len() > HEADER_LEN);
            let packet_len = rng.random_range(HEADER_LEN..chunk.bytes.len());
            chunk.set_packet_len(packet_len as u32);
        }),
    },
    Fault {
        name: "length-tiny",
        about: "one length field is smaller than the header",
        damage: Damage::Script(|script, rng| {
            let packet_len = rng.random_range(0..HEADER_LEN);
            pick(script, rng, is_pdu).set_packet_len(packet_len as u32);
        }),
    },
    Fault {
        name: "length-plus",
        about: "one length field is too large by 1 to 2000",
        damage: Damage::Script(|script, rng| {
            let excess = rng.random_range(1..=2000);
            enlarge(pick(script, rng, is_pdu), excess);
        }),
    },
    Fault {
        name: "length-900000",
        about: "one length field says 900000",
        damage: Damage::Script(|script, rng| pick(script, rng, is_pdu).set_packet_len(900_000)),
    },
    Fault {
        name: "length-huge",
        about: "one length field is close to the largest number",
        damage: Damage::Script(|script, rng| {
            let packet_len = rng.random_range(0xFFFF_FFF0..=u32::MAX);
            pick(script, rng, is_pdu).set_packet_len(packet_len);
        }),
    },
    Fault {
        name: "garbage",
        about: "1 to 3000 random bytes between two frames",
        damage: Damage::Script(garbage),
    },
    Fault {
        name: "one-direction",
        about: "one direction is not in the capture",
        damage: Damage::Capture(|capture, rng| {
            let direction = random_direction(rng);
            capture.remove_direction(direction);
        }),
    },
    Fault {
        name: "seq-wrap",
        about: "TCP sequence numbers wrap around, in both directions",
        damage: Damage::InitialSequences(wrapping_sequences),
    },
    Fault {
        name: "snaplen",
        about: "the capture has only the first 90 to 128 bytes of each packet",
        damage: Damage::Capture(|capture, rng| capture.set_snap_len(rng.random_range(90..=128))),
    },
    Fault {
        name: "fake-headers",
        about: "bodies hold whole frames, and one length field among them is too large",
        damage: Damage::Script(fake_headers),
    },
];

/// The fault of this name.
pub fn find(name: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.name == name)
}

/// A session of about a hundred PDUs with this fault.
pub fn robust(fault: &Fault, seed: u64) -> Capture {
    robust_between(Endpoints::v4(40_500, 8080), fault, seed)
}

/// As [`robust`], between these endpoints: several sessions then fit one file.
pub fn robust_between(endpoints: Endpoints, fault: &Fault, seed: u64) -> Capture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut script = mixed::session(&mut rng, PDUS);
    let mut initial_sequences = [rng.next_u32() >> 1, rng.next_u32() >> 1];
    match fault.damage {
        Damage::Script(damage) => damage(&mut script, &mut rng),
        Damage::InitialSequences(choose) => initial_sequences = choose(&script, &mut rng),
        Damage::Nothing | Damage::Capture(_) => {}
    }

    let flow = script.play(endpoints, initial_sequences);
    let mut capture = Capture::new([flow]);
    if let Damage::Capture(damage) = fault.damage {
        damage(&mut capture, &mut rng);
    }
    capture
}

pub(crate) fn late_start(script: &mut Script, rng: &mut ChaCha8Rng) {
    let missed = rng.random_range(script.writes.len() / 10..script.writes.len() * 2 / 5);
    script.writes.drain(..missed);
    script.handshake = false;
    for direction in Direction::BOTH {
        let mut writes = script.writes.iter_mut();
        let first = writes.find(|write| write.direction == direction);
        if let Some(chunk) = first.and_then(|write| write.chunks.first_mut()) {
            chunk.remove(0..rng.random_range(1..chunk.bytes.len()));
        }
    }
}

pub(crate) fn lost_segment(capture: &mut Capture, rng: &mut ChaCha8Rng) {
    let data: Vec<usize> =
        (0..capture.packets().len()).filter(|&index| !capture.packets()[index].payload.is_empty()).collect();
    capture.remove(data[rng.random_range(middle(data.len()))]);
}

/// Takes out up to 2000 bytes, which may begin within one frame and end within a later one.
pub(crate) fn lost_bytes(script: &mut Script, rng: &mut ChaCha8Rng) {
    let direction = random_direction(rng);
    let mut chunks: Vec<&mut Chunk> = script
        .writes
        .iter_mut()
        .filter(|write| write.direction == direction)
        .flat_map(|write| &mut write.chunks)
        .collect();

    let first = rng.random_range(middle(chunks.len()));
    let mut start = rng.random_range(0..chunks[first].bytes.len());
    let mut left = rng.random_range(1..=2000);
    for chunk in &mut chunks[first..] {
        let end = chunk.bytes.len().min(start + left);
        chunk.remove(start..end);
        left -= end - start;
        start = 0;
        if left == 0 {
            break;
        }
    }
}

pub(crate) fn garbage(script: &mut Script, rng: &mut ChaCha8Rng) {
    let mut bytes = vec![0; rng.random_range(1..=3000)];
    rng.fill_bytes(&mut bytes);
    let index = rng.random_range(middle(script.writes.len()));
    let chunks = &mut script.writes[index].chunks;
    chunks.insert(rng.random_range(0..chunks.len()), Chunk::raw(bytes));
}

pub(crate) fn wrapping_sequences(script: &Script, rng: &mut ChaCha8Rng) -> [u32; 2] {
    Direction::BOTH.map(|direction| {
        let bytes = script.byte_count(direction);
        let before_wrap = rng.random_range(middle(bytes)) as u32;
        // The first byte comes one after the initial number.
        0u32.wrapping_sub(before_wrap + 1)
    })
}

/// Puts whole frames into every third body, then breaks one length among them.
fn fake_headers(script: &mut Script, rng: &mut ChaCha8Rng) {
    // A business packet's header stays as it is.
    const KEEP: usize = HEADER_LEN + 64;
    for chunk in script.writes.iter_mut().flat_map(|write| &mut write.chunks) {
        if chunk.bytes.len() > KEEP + HEADER_LEN && rng.random_ratio(1, 3) {
            let start = rng.random_range(KEEP..chunk.bytes.len() - HEADER_LEN);
            let fakes = fake_frames(chunk.bytes.len() - start, rng);
            chunk.bytes[start..start + fakes.len()].copy_from_slice(&fakes);
        }
    }
    let excess = rng.random_range(1..=2000);
    enlarge(pick(script, rng, is_pdu), excess);
}

/// Frames back to back, in at most this many bytes.
fn fake_frames(room: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    const OPS: [u32; 4] = [op::NEW_SEND_MSG, op::NEW_SYNC, op::HEARTBEAT, op::NEW_SYNC + RESPONSE_OFFSET];
    let mut frames = Vec::new();
    while frames.len() + HEADER_LEN <= room {
        let body_room = room - frames.len() - HEADER_LEN;
        let mut body = vec![0; rng.random_range(0..=body_room.min(200))];
        rng.fill_bytes(&mut body);
        let op = OPS[rng.random_range(0..OPS.len())];
        frames.extend(Pdu::new(op, rng.random_range(1..500), body).encode());
    }
    frames
}

/// A PDU from the middle of the session.
fn pick<'a>(script: &'a mut Script, rng: &mut ChaCha8Rng, wanted: fn(&Chunk) -> bool) -> &'a mut Chunk {
    let mut chunks: Vec<&mut Chunk> =
        script.writes.iter_mut().flat_map(|write| &mut write.chunks).filter(|chunk| wanted(chunk)).collect();
    let index = rng.random_range(middle(chunks.len()));
    chunks.swap_remove(index)
}

fn is_pdu(chunk: &Chunk) -> bool {
    chunk.intent.is_some()
}

fn enlarge(chunk: &mut Chunk, excess: u32) {
    let packet_len = chunk.bytes.len() as u32 + excess;
    chunk.set_packet_len(packet_len);
}

/// From a fifth to three fifths: there is something to lose before a fault and after it.
pub(crate) fn middle(len: usize) -> Range<usize> {
    len / 5..(len * 3 / 5).max(len / 5 + 1)
}

pub(crate) fn random_direction(rng: &mut ChaCha8Rng) -> Direction {
    Direction::BOTH[rng.random_range(0..2)]
}
