// SPDX-License-Identifier: GPL-2.0-or-later
//! Sessions that come to a capture in another way than on a connection of their own, seen from its SYN on.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::capture::Capture;
use crate::case::Case;
use crate::flow::{Chunk, Flow};
use crate::packet::{Direction, Endpoints};
use crate::pdu::{HEADER_LEN, Pdu};
use crate::script::Script;

/// All of them.
pub const CASES: &[Case] = &[
    Case { name: "behind-proxy", about: "connections that begin with a PROXY header", build: behind_proxy },
    Case {
        name: "behind-cut-proxy",
        about: "as behind-proxy, and the header is cut",
        build: behind_cut_proxy,
    },
    Case { name: "through-http", about: "a session in a tunnel of an HTTP proxy", build: through_http },
    Case { name: "through-socks", about: "sessions in tunnels of a SOCKS proxy", build: through_socks },
    Case {
        name: "same-ends-lower",
        about: "two links of the same ends without SYN, the second with lower sequence numbers",
        build: |rng| same_ends([[5000, 9000], [500, 700]], rng),
    },
    Case {
        name: "same-ends-within",
        about: "as same-ends-lower, and they lie among those of the first",
        build: |rng| same_ends([[5000, 9000], [5040, 9010]], rng),
    },
    Case {
        name: "same-ends-wrapped",
        about: "as same-ends-lower, and they wrap around between the two",
        build: |rng| same_ends([[40, 50], [u32::MAX - 100, u32::MAX - 30]], rng),
    },
    Case {
        name: "same-ends-one-way",
        about: "as same-ends-lower, of the client's direction only",
        build: |rng| same_ends([[5000, 9000], [500, 12_000]], rng),
    },
    Case {
        name: "same-ends-same",
        about: "as same-ends-lower, and they are those of the first",
        build: |rng| same_ends([[5000, 9000], [5000, 9000]], rng),
    },
    Case {
        name: "same-ends-late",
        about: "as same-ends-lower, and the second begins within a frame",
        build: same_ends_late,
    },
    Case {
        name: "one-side",
        about: "all packets from the client, as made of a hex dump",
        build: |rng| one_side([40_700, 8080], rng),
    },
    Case {
        name: "servers-side",
        about: "as one-side, from the server's port, and it begins with an answer",
        build: |rng| one_side([8080, 40_700], rng),
    },
];

fn exchange(script: &mut Script, account: &mut Account, message_len: u32) {
    let send = account.send_message(message_len);
    script.wait(300).client([&send]).wait(60).server([&account.message_sent(&send)]);
}

const LINE: &[u8] = b"PROXY TCP4 192.168.1.23 203.0.113.80 40700 8080\r\n";
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\xa8\x01\x17\xcb\0\x71\x50\x9e\xfc\x1f\x90";

fn behind_proxy(rng: &mut ChaCha8Rng) -> Capture {
    let cuts = [LINE, BINARY].map(|proxy| {
        // The header alone, with a frame, with a frame's first bytes, and cut within the frame.
        let whole = proxy.len();
        (proxy, vec![vec![whole], vec![], vec![whole + 3], vec![whole + HEADER_LEN + 4]])
    });
    behind(cuts.into(), rng)
}

fn behind_cut_proxy(rng: &mut ChaCha8Rng) -> Capture {
    let both = [LINE, BINARY].concat();
    let cuts = [LINE, BINARY, &both].map(|proxy| {
        let all = [vec![1], vec![5], vec![14], vec![proxy.len() - 1], vec![5; 5], vec![5, proxy.len() + 6]];
        (proxy, all.into())
    });
    behind(cuts.into(), rng)
}

/// Connections that begin with such bytes, in segments of such sizes and the rest.
fn behind(cuts: Vec<(&[u8], Vec<Vec<usize>>)>, rng: &mut ChaCha8Rng) -> Capture {
    let mut flows = Vec::new();
    for (proxy, cuts) in cuts {
        for cut in cuts {
            let mut account = Account::new(rng);
            let mut script = Script::starting_at(Duration::from_secs(flows.len() as u64));
            let send = account.send_message(80);
            script.client([Chunk::raw(proxy.to_vec()), Chunk::from(&send)]).cut(cut);
            script.wait(60).server([&account.message_sent(&send)]);
            exchange(&mut script, &mut account, 1900);
            let client_port = 40_700 + flows.len() as u16;
            flows.push(script.play(Endpoints::v4(client_port, 8080), rng.random()));
        }
    }
    Capture::new(flows)
}

fn through_http(rng: &mut ChaCha8Rng) -> Capture {
    let mut script = Script::starting_at(Duration::ZERO);
    // HTTP keeps tunnels to ports of its own to itself.
    let connect = "CONNECT long.example:443 HTTP/1.1\r\nHost: long.example\r\n\r\n";
    script.client([Chunk::raw(connect.into())]);
    script.wait(60).server([Chunk::raw("HTTP/1.1 200 Connection established\r\n\r\n".into())]);
    for message_len in [80, 20, 1900] {
        exchange(&mut script, &mut Account::new(rng), message_len);
    }
    Capture::new([script.play(Endpoints::v4(40_700, 3128), rng.random())])
}

fn through_socks(rng: &mut ChaCha8Rng) -> Capture {
    // The first frame in one segment, and with a short one in front.
    let flows = [None, Some(3)].map(|cut| {
        let mut account = Account::new(rng);
        let mut script = Script::starting_at(Duration::ZERO);
        let [hello, welcome] = [&[5, 1, 0][..], &[5, 0]];
        let connect = [5, 1, 0, 1, 203, 0, 113, 80, 0x1f, 0x90];
        let connected = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        script.client([Chunk::raw(hello.into())]).wait(20).server([Chunk::raw(welcome.into())]);
        script.wait(20).client([Chunk::raw(connect.into())]).wait(20).server([Chunk::raw(connected.into())]);
        let send = account.send_message(80);
        script.wait(20).client([&send]).cut(cut);
        script.wait(60).server([&account.message_sent(&send)]);
        exchange(&mut script, &mut account, 1900);
        script.play(Endpoints::v4(40_700 + cut.unwrap_or(0) as u16, 1080), rng.random())
    });
    Capture::new(flows)
}

/// Links one after the other, with these sequence numbers before the first bytes of client and server.
fn same_ends(sequences: [[u32; 2]; 2], rng: &mut ChaCha8Rng) -> Capture {
    let flows = [0, 7].map(Duration::from_secs).into_iter().zip(sequences).map(|(start, sequences)| {
        let mut account = Account::new(rng);
        // Its seqids are not those of the other link.
        (0..start.as_secs()).for_each(|_| drop(account.send_message(1)));
        let mut script = Script::starting_at(start);
        script.handshake = false;
        script.close = false;
        for message_len in [80, 20, 300] {
            exchange(&mut script, &mut account, message_len);
        }
        script.play(Endpoints::v4(40_700, 8080), sequences)
    });
    let flows: Vec<Flow> = flows.collect();
    Capture::new(flows)
}

fn same_ends_late(rng: &mut ChaCha8Rng) -> Capture {
    let flows = [(0, [5000, 9000]), (7, [500, 700])].map(|(start, sequences)| {
        let mut account = Account::new(rng);
        let mut script = Script::starting_at(Duration::from_secs(start));
        script.handshake = false;
        script.close = false;
        let sends = [80, 20].map(|message_len| account.send_message(message_len));
        script.client(&sends).cut((start > 0).then_some(10));
        script.wait(60).server([&account.message_sent(&sends[1])]);
        exchange(&mut script, &mut account, 300);
        script.play(Endpoints::v4(40_700, 8080), sequences)
    });
    let mut capture = Capture::new(flows);
    // Its first ten bytes.
    let first = capture.packets().iter().position(|packet| packet.flow == 1 && !packet.payload.is_empty());
    first.into_iter().for_each(|first| capture.remove(first));
    capture
}

/// All packets from the first of these ports to the second.
fn one_side([from, to]: [u16; 2], rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = Script::starting_at(Duration::ZERO);
    script.handshake = false;
    script.close = false;
    for message_len in [80, 20, 300] {
        let send = account.send_message(message_len);
        let frames: [Pdu; 2] = [send.clone(), account.message_sent(&send)];
        // Whoever began late has seen an answer only.
        let missed = usize::from(from < to && message_len == 80);
        for frame in &frames[missed..] {
            script.wait(60).write(Direction::ClientToServer, [frame]);
        }
    }
    Capture::new([script.play(Endpoints::v4(from, to), rng.random())])
}
