// SPDX-License-Identifier: GPL-2.0-or-later
//! Long links in MMTLS with one fault each, to measure how much of the rest a dissector still reads.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::case::Made;
use super::link::{Packing, Way};
use super::record::{HEADER_LEN, TAG_LEN, Version, What};
use super::session::{Handshake, Start};
use super::story::{Part, Story};
use super::ticket::{Held, TicketKind};
use crate::capture::Capture;
use crate::fault::{
    garbage, late_start, lost_bytes, lost_segment, middle, random_direction, wrapping_sequences,
};
use crate::flow::{Chunk, Segmentation};
use crate::mixed;
use crate::packet::{Endpoints, Packet};

/// At least so many frames are inside.
const FRAMES: usize = 100;

/// One way in which a capture goes wrong.
#[derive(Debug)]
pub struct Fault {
    /// As in the name of a case, behind `fault-`.
    pub name: &'static str,
    /// What goes wrong.
    pub about: &'static str,
    damage: Damage,
}

#[derive(Debug)]
enum Damage {
    /// To what the two sides send.
    Story(fn(&mut Story, &mut ChaCha8Rng)),
    /// To what the capture holds of it.
    Capture(fn(&mut Capture, &mut ChaCha8Rng)),
}

/// All faults.
pub const FAULTS: &[Fault] = &[
    Fault { name: "none", about: "nothing goes wrong", damage: Damage::Story(|_, _| {}) },
    Fault {
        name: "segment-cuts",
        about: "each write is cut once, a byte later each time",
        damage: Damage::Story(|story, _| {
            for (count, write) in story.connections[0].script.writes.iter_mut().enumerate() {
                write.segmentation = Segmentation::Sizes(vec![count % 40 + 1]);
            }
        }),
    },
    Fault {
        name: "byte-segments",
        about: "every tenth write comes in segments of one byte",
        damage: Damage::Story(|story, _| {
            for write in story.connections[0].script.writes.iter_mut().step_by(10) {
                let len = write.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
                write.segmentation = Segmentation::Sizes(vec![1; len]);
            }
        }),
    },
    Fault {
        name: "out-of-order",
        about: "two neighbouring segments of one side change places",
        damage: Damage::Capture(|capture, rng| {
            let pairs = pairs(capture.packets(), |a, b| {
                a.direction == b.direction && !a.payload.is_empty() && !b.payload.is_empty()
            });
            if let Some(index) = choose(&pairs, rng) {
                capture.swap(index, index + 1);
            }
        }),
    },
    Fault {
        name: "retransmission",
        about: "one segment comes twice",
        damage: Damage::Capture(|capture, rng| {
            // Its acknowledgement is late.
            let pairs = pairs(capture.packets(), |a, b| !a.payload.is_empty() && b.payload.is_empty());
            if let Some(index) = choose(&pairs, rng) {
                capture.retransmit(index, index + 1);
            }
        }),
    },
    Fault {
        name: "late-start",
        about: "the capture starts within a record, in both directions",
        damage: Damage::Story(|story, rng| late_start(&mut story.connections[0].script, rng)),
    },
    Fault {
        name: "clean-late-start",
        about: "the capture starts after the handshake, between two records",
        damage: Damage::Story(|story, rng| {
            let script = &mut story.connections[0].script;
            let missed = rng.random_range(middle(script.writes.len()));
            script.writes.drain(..missed);
            script.handshake = false;
        }),
    },
    Fault {
        name: "lost-segment",
        about: "one data segment is missing, TCP shows the gap",
        damage: Damage::Capture(lost_segment),
    },
    Fault {
        name: "lost-bytes",
        about: "bytes are missing, TCP shows no gap",
        damage: Damage::Story(|story, rng| lost_bytes(&mut story.connections[0].script, rng)),
    },
    Fault {
        name: "garbage",
        about: "1 to 3000 random bytes between two records",
        damage: Damage::Story(|story, rng| garbage(&mut story.connections[0].script, rng)),
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
        damage: Damage::Story(|story, rng| {
            let connection = &mut story.connections[0];
            connection.initial_sequences = wrapping_sequences(&connection.script, rng);
        }),
    },
    Fault {
        name: "snaplen",
        about: "the capture has only the first 90 to 128 bytes of each packet",
        damage: Damage::Capture(|capture, rng| capture.set_snap_len(rng.random_range(90..=128))),
    },
    Fault {
        name: "length-zero",
        about: "one record's length says 0",
        damage: Damage::Story(|story, rng| set_length(story, rng, |_, _| 0)),
    },
    Fault {
        name: "length-65535",
        about: "one record's length says 65535",
        damage: Damage::Story(|story, rng| set_length(story, rng, |_, _| u16::MAX)),
    },
    Fault {
        name: "length-plus",
        about: "one record's length is too large by 1 to 9",
        damage: Damage::Story(|story, rng| set_length(story, rng, |len, rng| len + rng.random_range(1..10))),
    },
    Fault {
        name: "length-minus",
        about: "one record's length is too small by 1 to 9",
        damage: Damage::Story(|story, rng| set_length(story, rng, |len, rng| len - rng.random_range(1..10))),
    },
    Fault {
        name: "type",
        about: "one record has an unknown type",
        damage: Damage::Story(|story, rng| spoil_header(story, rng, |bytes| bytes[0] = 0x18)),
    },
    Fault {
        name: "version",
        about: "one record has a version that is neither",
        damage: Damage::Story(|story, rng| spoil_header(story, rng, |bytes| bytes[2] = 0x07)),
    },
    Fault {
        name: "tag",
        about: "one bit of one record's tag is another",
        damage: Damage::Story(|story, rng| {
            // Not of its last bytes, by which key logs name it.
            flip(story, rng, |len, rng| rng.random_range(len - TAG_LEN..len - TAG_LEN / 2));
        }),
    },
    Fault {
        name: "text",
        about: "one bit of one record's ciphertext is another",
        damage: Damage::Story(|story, rng| {
            flip(story, rng, |len, rng| rng.random_range(HEADER_LEN..len - TAG_LEN));
        }),
    },
    Fault {
        name: "tail",
        about: "one bit of one record's last bytes is another",
        damage: Damage::Story(|story, rng| flip(story, rng, |len, rng| rng.random_range(len - 8..len))),
    },
];

/// The fault of this name.
pub fn find(name: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.name == name)
}

/// A session of about a hundred frames with this fault.
pub fn robust(fault: &Fault, seed: u64) -> Made {
    robust_between(Endpoints::v4(40_500, 8080), fault, seed)
}

/// As [`robust`], between these endpoints: several sessions then fit one file.
pub fn robust_between(endpoints: Endpoints, fault: &Fault, seed: u64) -> Made {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut story = Story::new(&mut rng);
    let script = mixed::session(&mut rng, FRAMES);
    let at = Duration::ZERO;
    let start = if rng.random() {
        let access = Held::from_before(TicketKind::Access, &mut rng);
        Start::with(Handshake::Resumed, Version::F104, Story::unix(at), access)
    } else {
        Start::full(Version::F104, Story::unix(at), None)
    };
    let packings = [Packing::Frame, Packing::Write, Packing::Anywhere, Packing::Size(200)];
    let packing = packings[rng.random_range(0..packings.len())];
    story.long_link(at, endpoints, start, &script, Way { packing, cut: rng.random(), alerts: false });
    if let Damage::Story(damage) = fault.damage {
        damage(&mut story, &mut rng);
    }
    let mut capture = story.play();
    if let Damage::Capture(damage) = fault.damage {
        damage(&mut capture, &mut rng);
    }
    Made { story, capture, seed }
}

/// Where two packets stand side by side.
fn pairs(packets: &[Packet], wanted: fn(&Packet, &Packet) -> bool) -> Vec<usize> {
    let neighbours = packets.windows(2).enumerate();
    neighbours.filter(|(_, pair)| wanted(&pair[0], &pair[1])).map(|(index, _)| index).collect()
}

fn choose(places: &[usize], rng: &mut ChaCha8Rng) -> Option<usize> {
    (!places.is_empty()).then(|| places[rng.random_range(middle(places.len()))])
}

/// A data record from the middle of the first connection, as session, record and chunk.
fn pick<'a>(story: &'a mut Story, rng: &mut ChaCha8Rng) -> (usize, usize, &'a mut Chunk) {
    let (parts, sessions) = (&story.parts, &story.sessions);
    let data = |chunk: &Chunk| match chunk.part.map(|part| parts[part]) {
        Some(Part::Record(session, record))
            if sessions[session].records[record].what == What::Data
                // Room for a length that is too small.
                && chunk.bytes.len() > HEADER_LEN + TAG_LEN + 10 =>
        {
            Some((session, record))
        }
        _ => None,
    };
    let writes = &mut story.connections[0].script.writes;
    let chunks = writes.iter_mut().flat_map(|write| &mut write.chunks);
    let mut records: Vec<_> =
        chunks.filter_map(|chunk| data(chunk).map(|(session, record)| (session, record, chunk))).collect();
    let index = rng.random_range(middle(records.len()));
    records.swap_remove(index)
}

fn spoil_header(story: &mut Story, rng: &mut ChaCha8Rng, spoil: fn(&mut [u8])) {
    let (_, _, chunk) = pick(story, rng);
    spoil(&mut chunk.bytes);
    chunk.intact = false;
}

fn set_length(story: &mut Story, rng: &mut ChaCha8Rng, length: fn(u16, &mut ChaCha8Rng) -> u16) {
    let (_, _, chunk) = pick(story, rng);
    let said = (chunk.bytes.len() - HEADER_LEN) as u16;
    chunk.bytes[3..HEADER_LEN].copy_from_slice(&length(said, rng).to_be_bytes());
    chunk.intact = false;
}

fn flip(story: &mut Story, rng: &mut ChaCha8Rng, place: fn(usize, &mut ChaCha8Rng) -> usize) {
    let (session, record, chunk) = pick(story, rng);
    let place = place(chunk.bytes.len(), rng);
    chunk.bytes[place] ^= 1 << rng.random_range(0..8);
    story.sessions[session].records[record].changed = Some(place);
}
