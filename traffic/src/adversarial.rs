// SPDX-License-Identifier: GPL-2.0-or-later
//! Captures that are as dear as they can be for their size, each for one part of a dissector. What they cost
//! must grow with their length and no faster.

use std::io::{self, Write};
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::body;
use crate::capture::Writer;
use crate::flow::{Chunk, Flow, Segmentation};
use crate::mmtls::attack::{self, Peer, Said};
use crate::packet::{Direction, Endpoints};
use crate::pdu::{Pdu, op, seq};

use Direction::{ClientToServer, ServerToClient};

/// A sort of capture.
#[derive(Debug)]
pub struct Attack {
    /// As on the command line.
    pub name: &'static str,
    /// What makes it dear.
    pub about: &'static str,
    /// Whether each turn has a connection of its own.
    connections: bool,
    /// Of so many data packets of a side, the last is not captured.
    hole_every: Option<usize>,
    turn: fn(&mut Maker) -> Vec<Burst>,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// Bytes of payload.
    pub payload: u64,
    /// What opens it; empty if there is nothing to open.
    pub key_log: String,
}

/// What one side writes at once, and how it is cut.
type Burst = (Direction, Vec<u8>, Segmentation);

/// The attack of this name.
pub fn find(name: &str) -> Option<&'static Attack> {
    ATTACKS.iter().find(|attack| attack.name == name)
}

/// All attacks.
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "signatures",
        about: "out of step, with a header's signature at every fourth byte",
        connections: false,
        hole_every: None,
        turn: |_| vec![(ClientToServer, [0, 16, 0, 1].repeat(16 * 1024), Segmentation::Mss)],
    },
    Attack {
        name: "broken-chains",
        about: "out of step, with rows of headers that break off at their end",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let row = |maker: &mut Maker| [maker.headers(63), vec![0xff; 16]].concat();
            let bytes = (0..64).flat_map(|_| row(maker)).collect();
            vec![(ClientToServer, bytes, Segmentation::Mss)]
        },
    },
    Attack {
        name: "lying-lengths",
        about: "frames that claim almost the limit, with frames inside",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let mut liar = Chunk::from(&maker.account.send_message(600));
            liar.set_packet_len((1 << 20) - 1);
            let inside = maker.frames(40, |maker| maker.account.send_message(600));
            vec![(ClientToServer, [liar.bytes, inside].concat(), Segmentation::Mss)]
        },
    },
    Attack {
        name: "tiny-segments",
        about: "a frame of 64 KiB in segments of 64 bytes",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let frame = maker.account.send_message(64 * 1024).encode();
            let sizes = vec![64; frame.len() / 64 + 1];
            vec![(ClientToServer, frame, Segmentation::Sizes(sizes))]
        },
    },
    Attack {
        name: "headers",
        about: "heartbeats that nobody answers, each superseding the one before",
        connections: false,
        hole_every: None,
        turn: |maker| {
            vec![(ClientToServer, maker.frames(2048, |_| Pdu::empty(op::NOOP, seq::NOOP)), Segmentation::Mss)]
        },
    },
    Attack {
        name: "open-requests",
        about: "requests with ever new seqids, none of them answered",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let frames = maker.frames(2048, |maker| Pdu::empty(op::NEW_SYNC, maker.account.take_seq()));
            vec![(ClientToServer, frames, Segmentation::Mss)]
        },
    },
    Attack {
        name: "strange-answers",
        about: "answers that nobody asked for",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let frames = maker
                .frames(2048, |maker| Pdu::empty(op::NEW_SYNC, maker.rng.next_u32()).response(Vec::new()));
            vec![(ServerToClient, frames, Segmentation::Mss)]
        },
    },
    Attack {
        name: "open-pushes",
        about: "pushes that want an acknowledgement, and acknowledgements whose time fits none of them",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let pushes = maker.frames(64, |maker| maker.account.push(true, 100));
            let ack = maker.account.push_ack(Duration::from_secs(4_000_000)).encode();
            vec![(ServerToClient, pushes, Segmentation::Mss), (ClientToServer, ack, Segmentation::Mss)]
        },
    },
    Attack {
        name: "notices",
        about: "notices of news that no sync fetches, and syncs",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let notices = maker.frames(64, |_| Pdu::new(op::NOTIFY, seq::PUSH, body::notify(0x100)));
            let syncs = maker.frames(8, |maker| maker.account.sync());
            vec![(ServerToClient, notices, Segmentation::Mss), (ClientToServer, syncs, Segmentation::Mss)]
        },
    },
    Attack {
        name: "synckeys",
        about: "acknowledgements whose SyncKey holds thousands of empty entries",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let mut body = vec![0; 4];
            let key = [0x12, 0].repeat(16 * 1024);
            body.extend((key.len() as u32).to_be_bytes());
            body.extend(key);
            let frame = Pdu::new(op::PUSH_ACK, maker.account.take_seq(), body).encode();
            vec![(ClientToServer, frame, Segmentation::Mss)]
        },
    },
    Attack {
        name: "connections",
        about: "a connection for every four exchanges",
        connections: true,
        hole_every: None,
        turn: |maker| {
            let requests: Vec<Pdu> = (0..4).map(|_| maker.account.send_message(300)).collect();
            let answers: Vec<Pdu> =
                requests.iter().map(|request| maker.account.message_sent(request)).collect();
            let bytes = |pdus: &[Pdu]| pdus.iter().flat_map(Pdu::encode).collect();
            vec![
                (ClientToServer, bytes(&requests), Segmentation::Mss),
                (ServerToClient, bytes(&answers), Segmentation::Mss),
            ]
        },
    },
    Attack {
        name: "json-nested",
        about: "answers of syncs that are lists in lists, as deep as they are long",
        connections: false,
        hole_every: None,
        turn: |maker| maker.sync("[".repeat(64 * 1024)),
    },
    Attack {
        name: "json-members",
        about: "answers of syncs with members that nobody knows",
        connections: false,
        hole_every: None,
        turn: |maker| maker.sync(format!("{{{}}}", list(4096, |n| format!("\"x{n}\":{{\"y\":[{n}]}}")))),
    },
    Attack {
        name: "json-messages",
        about: "answers of syncs with messages that never come again",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let first = maker.take_numbers(1024);
            let message = |n| format!("{{\"MsgId\":\"{}\",\"MsgType\":{}}}", first + n, n % 64);
            maker.sync(format!("{{\"AddMsgList\":[{}]}}", list(1024, message)))
        },
    },
    Attack {
        name: "json-texts",
        about: "answers of syncs with texts that JSON does not allow",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let text = "\\u00e9\\q\u{1}\\ud83d".repeat(8);
            let message = |_| format!("{{\"Content\":\"{text}\"}}");
            maker.sync(format!("{{\"AddMsgList\":[{}]}}", list(1024, message)))
        },
    },
    Attack {
        name: "json-synckeys",
        about: "answers of syncs with SyncKeys of thousands of keys that all grow",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let first = maker.take_numbers(4096);
            let entry = |n| format!("{{\"Key\":{n},\"Val\":{}}}", first + n);
            maker.sync(format!("{{\"SyncKey\":{{\"Count\":4096,\"List\":[{}]}}}}", list(4096, entry)))
        },
    },
    Attack {
        name: "polls",
        about: "polls that announce what nobody fetches, with SyncKeys that grow",
        connections: false,
        hole_every: None,
        turn: |maker| {
            let value = maker.take_numbers(1);
            let keys: Vec<String> = (1..250).map(|key| format!("{key}_{}", value + key)).collect();
            let target = format!("synccheck?sid=x&synckey={}", keys.join("%7C"));
            let answer = "window.synccheck={retcode:\"0\",selector:\"2\"}";
            maker.call("GET", &target, "", answer)
        },
    },
    Attack {
        name: "mmtls-bytes",
        about: "records of one byte, with keys",
        connections: false,
        hole_every: None,
        turn: |maker| maker.on_link(|peer| vec![(ClientToServer, peer.single_bytes())]),
    },
    Attack {
        name: "mmtls-empty",
        about: "records of length 0",
        connections: false,
        hole_every: None,
        turn: |_| whole(vec![(ClientToServer, attack::empty_records())]),
    },
    Attack {
        name: "mmtls-signatures",
        about: "the first bytes of a record at every third byte, and no record",
        connections: false,
        hole_every: None,
        turn: |_| whole(vec![(ClientToServer, attack::signatures())]),
    },
    Attack {
        name: "mmtls-lying-lengths",
        about: "records that claim the largest length, with records inside",
        connections: false,
        hole_every: None,
        turn: |maker| whole(vec![(ClientToServer, attack::lying_records(&mut maker.rng))]),
    },
    Attack {
        name: "mmtls-tickets",
        about: "hellos with as many tickets as a record holds",
        connections: false,
        hole_every: None,
        turn: |maker| whole(vec![(ClientToServer, attack::hello_of_tickets(&mut maker.rng))]),
    },
    Attack {
        name: "mmtls-sessions",
        about: "a session for every connection, all with one ticket, with keys",
        connections: true,
        hole_every: None,
        turn: |maker| {
            let mut said = maker.peer().open();
            said.extend(maker.peer().small_frames(2));
            whole(said)
        },
    },
    Attack {
        name: "mmtls-calls",
        about: "calls with early data, all with one ticket and unanswered, with its secret",
        connections: false,
        hole_every: None,
        turn: |maker| whole(vec![(ClientToServer, maker.peer().calls())]),
    },
    Attack {
        name: "mmtls-no-frame",
        about: "data that never becomes a frame, with keys",
        connections: false,
        hole_every: None,
        turn: |maker| maker.on_link(|peer| vec![(ClientToServer, peer.never_a_frame())]),
    },
    Attack {
        name: "mmtls-holes",
        about: "small records with holes between them, after which numbers have to be tried, with keys",
        connections: false,
        hole_every: Some(3),
        turn: |maker| maker.on_link(|peer| peer.small_frames(256)),
    },
    Attack {
        name: "mmtls-inflating",
        about: "messages that inflate to a thousand times their length, with keys",
        connections: false,
        hole_every: None,
        turn: |maker| maker.on_link(|peer| vec![(ClientToServer, peer.inflating())]),
    },
];

/// Each in full segments.
fn whole(said: Vec<Said>) -> Vec<Burst> {
    said.into_iter().map(|(direction, bytes)| (direction, bytes, Segmentation::Mss)).collect()
}

/// Entries of a list, apart by commas.
fn list(count: u64, entry: impl Fn(u64) -> String) -> String {
    (0..count).map(entry).collect::<Vec<_>>().join(",")
}

/// What attacks are made from.
struct Maker {
    account: Account,
    rng: ChaCha8Rng,
    /// Numbers that were given out.
    numbers: u64,
    /// Who speaks MMTLS, once somebody does.
    peer: Option<Peer>,
}

impl Maker {
    fn peer(&mut self) -> &mut Peer {
        self.peer.get_or_insert_with(|| Peer::new(&mut self.rng))
    }

    /// What is said on a long link, which opens the first time.
    fn on_link(&mut self, say: fn(&mut Peer) -> Vec<Said>) -> Vec<Burst> {
        let mut said = if self.peer.is_none() { self.peer().open() } else { Vec::new() };
        said.extend(say(self.peer()));
        whole(said)
    }

    fn frames(&mut self, count: usize, frame: impl Fn(&mut Self) -> Pdu) -> Vec<u8> {
        (0..count).flat_map(|_| frame(self).encode()).collect()
    }

    fn take_numbers(&mut self, count: u64) -> u64 {
        self.numbers += count;
        self.numbers - count
    }

    /// A sync of the web client with this answer.
    fn sync(&mut self, answer: String) -> Vec<Burst> {
        self.call("POST", "webwxsync?sid=x", "{\"BaseRequest\":{\"Sid\":\"x\"}}", &answer)
    }

    /// A call of the web client.
    fn call(&mut self, method: &str, target: &str, body: &str, answer: &str) -> Vec<Burst> {
        let request = format!(
            "{method} /cgi-bin/mmwebwx-bin/{target} HTTP/1.1\r\nHost: wx.qq.com\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let response = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        vec![
            (ClientToServer, request.into_bytes(), Segmentation::Mss),
            (ServerToClient, response.into_bytes(), Segmentation::Mss),
        ]
    }

    fn headers(&mut self, count: usize) -> Vec<u8> {
        self.frames(count, |maker| Pdu::empty(op::NEW_SYNC, maker.account.take_seq()))
    }
}

/// Each burst begins this long after the one before.
const PAUSE: Duration = Duration::from_millis(1);

/// Writes an attack with at least this many bytes of payload; returns how many there are.
pub fn write(out: impl Write, attack: &Attack, bytes: u64, seed: u64) -> io::Result<u64> {
    Ok(write_with_keys(out, attack, bytes, seed)?.payload)
}

/// As [`write()`], with the key log.
pub fn write_with_keys(out: impl Write, attack: &Attack, bytes: u64, seed: u64) -> io::Result<Written> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut maker = Maker { account: Account::new(&mut rng), rng, numbers: 1, peer: None };
    let mut writer = Writer::new(out, None)?;
    let (mut now, mut payload, mut port) = (Duration::ZERO, 0, 20_000);
    let mut data = [0; 2];
    let mut flow = begin(port, &mut maker.rng, now);
    while payload < bytes {
        if attack.connections && payload > 0 {
            port = if port == u16::MAX { 20_000 } else { port + 1 };
            flow = begin(port, &mut maker.rng, now);
        }
        for (direction, burst, segmentation) in (attack.turn)(&mut maker) {
            now = flow.now().max(now) + PAUSE;
            payload += burst.len() as u64;
            flow.send(now, direction, &[Chunk::raw(burst)], &segmentation);
        }
        now = flow.now() + PAUSE;
        let (packets, _) = flow.drain(0);
        for packet in &packets {
            let count = &mut data[usize::from(packet.direction == ServerToClient)];
            *count += usize::from(!packet.payload.is_empty());
            let is_lost = attack.hole_every.is_some_and(|every| *count % every == 0);
            if packet.payload.is_empty() || !is_lost {
                writer.write(packet, flow.endpoints())?;
            }
        }
    }
    writer.finish()?;
    Ok(Written { payload, key_log: maker.peer.map_or_else(String::new, |peer| peer.key_log) })
}

/// A connection, opened.
fn begin(port: u16, rng: &mut ChaCha8Rng, now: Duration) -> Flow {
    let mut flow = Flow::new(Endpoints::v4(port, 8080), [rng.random(), rng.random()]);
    flow.handshake(now);
    flow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_is_as_long_as_told_and_grows_with_it() {
        for attack in ATTACKS {
            let [mut small, mut large] = [Vec::new(), Vec::new()];
            let payload = write(&mut small, attack, 100_000, 1).expect("written");
            assert!(payload >= 100_000, "{}", attack.name);
            assert_eq!(small.len() as u64 > payload, attack.hole_every.is_none(), "{}", attack.name);
            let payload = write(&mut large, attack, 1_000_000, 1).expect("written");
            assert!((1_000_000..1_200_000).contains(&payload), "{}: {payload}", attack.name);
            assert!(large.starts_with(&small[..small.len() / 2]), "{}", attack.name);
            let written = write_with_keys(Vec::new(), attack, 1000, 1).expect("written");
            let says_keys = attack.about.ends_with("with keys") || attack.about.ends_with("its secret");
            assert_eq!(written.key_log.is_empty(), !says_keys, "{}", attack.name);
        }
    }
}
