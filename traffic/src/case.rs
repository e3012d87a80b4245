// SPDX-License-Identifier: GPL-2.0-or-later
//! Small captures, each made for one question.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::body;
use crate::body::identify::Trailer;
use crate::capture::Capture;
use crate::carried;
use crate::flow::{Chunk, Segmentation};
use crate::packet::{Control, Direction, Endpoints, Packet};
use crate::pdu::{HEADER_LEN, MAX_PACKET_LEN, Pdu, op, seq};
use crate::script::Script;

/// A capture that can be asked for by name.
#[derive(Debug)]
pub struct Case {
    /// As on the command line.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
    pub(crate) build: fn(&mut ChaCha8Rng) -> Capture,
}

impl Case {
    /// Makes the capture.
    pub fn capture(&self, seed: u64) -> Capture {
        (self.build)(&mut ChaCha8Rng::seed_from_u64(seed))
    }
}

/// The case of this name.
pub fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().chain(carried::CASES).find(|case| case.name == name)
}

/// The cases of whole connections.
pub const CASES: &[Case] = &[
    Case {
        name: "ipv6",
        about: "a session over IPv6",
        build: |rng| {
            let script = greeting(&mut Account::new(rng));
            play(&script, Endpoints::v6(40_700, 8080), rng)
        },
    },
    Case {
        name: "other-port",
        about: "a session on port 14000",
        build: |rng| {
            let script = greeting(&mut Account::new(rng));
            play(&script, Endpoints::v4(40_700, 14_000), rng)
        },
    },
    Case {
        name: "second-client",
        about: "two clients at once, with equal ports and sequence numbers",
        build: second_client,
    },
    Case { name: "split-header", about: "headers cut after each of their bytes", build: split_header },
    Case {
        name: "split-first-header",
        about: "connections whose first header is cut, after each of its bytes",
        build: split_first_header,
    },
    Case { name: "byte-by-byte", about: "frames with one byte per segment", build: byte_by_byte },
    Case {
        name: "merged",
        about: "many frames in one write, so that segments begin and end anywhere",
        build: merged,
    },
    Case {
        name: "sixteen-byte-frames",
        about: "frames without a body, 87 of them in each segment",
        build: sixteen_byte_frames,
    },
    Case { name: "big-frame", about: "a frame just below 1 MiB", build: big_frame },
    Case { name: "in-flight", about: "300 requests at once, answered in another order", build: in_flight },
    Case { name: "long-header", about: "a header of 20 bytes", build: long_header },
    Case { name: "out-of-order", about: "two segments of one frame in the wrong order", build: out_of_order },
    Case { name: "retransmission", about: "a segment that comes twice", build: retransmission },
    Case {
        name: "seq-wrap",
        about: "TCP sequence numbers that wrap around within a frame",
        build: |rng| {
            let script = greeting(&mut Account::new(rng));
            let flow = script.play(client_on(8080), [0u32.wrapping_sub(150); 2]);
            Capture::new([flow])
        },
    },
    Case {
        name: "snaplen",
        about: "packets cut off after 96 bytes",
        build: |rng| {
            let script = greeting(&mut Account::new(rng));
            let mut capture = play(&script, client_on(8080), rng);
            capture.set_snap_len(96);
            capture
        },
    },
    Case { name: "mid-stream", about: "a capture that starts within a frame", build: mid_stream },
    Case { name: "truncated-end", about: "a capture that ends within a frame", build: truncated_end },
    Case {
        name: "repeated-seq",
        about: "a request whose sequence is in use, and an answer that comes twice",
        build: repeated_seq,
    },
    Case {
        name: "old-push-ack",
        about: "the push acknowledgement of clients before 5.4",
        build: old_push_ack,
    },
    Case {
        name: "clock-set-back",
        about: "a clock that goes back by an hour between a request and its answer, a request in the last packet",
        build: clock_set_back,
    },
    Case { name: "foreign", about: "HTTP and TLS on the same ports, no WeChat", build: foreign },
    Case {
        name: "open-mars",
        about: "the frames of the open-source Mars library, which are no WeChat frames",
        build: open_mars,
    },
];

/// The beginning of any session: identify, two messages, a heartbeat.
fn greeting(account: &mut Account) -> Script {
    let mut script = Script::starting_at(Duration::ZERO);
    let identify = account.identify(Trailer::Version);
    let identified = account.identified(&identify, 0);
    script.client([&identify]).wait(45).server([&identified]);
    for message_len in [80, 1900] {
        exchange(&mut script, account, message_len);
    }
    let heartbeat = account.heartbeat();
    script.wait_seconds(60).client([&heartbeat]);
    script.wait(40).server([&heartbeat.response(Vec::new())]);
    script
}

fn exchange(script: &mut Script, account: &mut Account, message_len: u32) {
    let send = account.send_message(message_len);
    let sent = account.message_sent(&send);
    script.wait_seconds(1).client([&send]);
    script.wait(60).server([&sent]);
}

fn client_on(server_port: u16) -> Endpoints {
    Endpoints::v4(40_700, server_port)
}

fn play(script: &Script, endpoints: Endpoints, rng: &mut ChaCha8Rng) -> Capture {
    Capture::new([script.play(endpoints, rng.random())])
}

fn second_client(rng: &mut ChaCha8Rng) -> Capture {
    let initial_sequences = rng.random();
    let clients = [Ipv4Addr::new(192, 168, 1, 23), Ipv4Addr::new(192, 168, 1, 24)];
    let flows = clients.map(|client| {
        let script = greeting(&mut Account::new(rng));
        script.play(client_on(8080).from_client(client), initial_sequences)
    });
    Capture::new(flows)
}

fn split_header(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    for cut in 1..HEADER_LEN {
        let send = account.send_message(100);
        let notify = Pdu::new(op::NOTIFY, seq::PUSH, body::notify(2));
        let sent = account.message_sent(&send);
        script.wait_seconds(1).client([&send]).cut([cut]);
        // The same, but with a whole frame in front of the cut header.
        let before = notify.packet_len() as usize;
        script.wait(60).server([&notify, &sent]).cut([before + cut]);
    }
    play(&script, client_on(8080), rng)
}

fn split_first_header(rng: &mut ChaCha8Rng) -> Capture {
    let flows = (1..HEADER_LEN).map(|cut| {
        let mut script = greeting(&mut Account::new(rng));
        script.writes[0].segmentation = Segmentation::Sizes(vec![cut]);
        script.play(Endpoints::v4(40_700 + cut as u16, 8080), rng.random())
    });
    let flows: Vec<_> = flows.collect();
    Capture::new(flows)
}

fn byte_by_byte(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let send = account.send_message(60);
    let sent = account.message_sent(&send);
    let bytes = |pdu: &Pdu| vec![1; pdu.packet_len() as usize];
    script.wait_seconds(1).client([&send]).cut(bytes(&send));
    script.wait(60).server([&sent]).cut(bytes(&sent));
    exchange(&mut script, &mut account, 200);
    play(&script, client_on(8080), rng)
}

fn merged(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let sends: Vec<Pdu> = (0..40).map(|_| account.send_message(rng.random_range(5..400))).collect();
    let sent: Vec<Pdu> = sends.iter().map(|send| account.message_sent(send)).collect();
    script.wait_seconds(1).client(&sends);
    script.wait(60).server(&sent);
    play(&script, client_on(8080), rng)
}

fn sixteen_byte_frames(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let heartbeats: Vec<Pdu> = (0..200).map(|_| account.heartbeat()).collect();
    let answers = heartbeats.iter().map(|pdu| Chunk::from(&pdu.response(Vec::new())));
    script.wait_seconds(1).client(&heartbeats);
    script.wait(40).server(answers);
    play(&script, client_on(8080), rng)
}

fn in_flight(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let sends: Vec<Pdu> = (0..300).map(|_| account.send_message(rng.random_range(5..60))).collect();
    let mut sent: Vec<Pdu> = sends.iter().map(|send| account.message_sent(send)).collect();
    for place in (1..sent.len()).rev() {
        sent.swap(place, rng.random_range(0..=place));
    }
    script.wait_seconds(1).client(&sends);
    for answers in sent.chunks(7) {
        script.wait(15).server(answers);
    }
    play(&script, client_on(8080), rng)
}

fn big_frame(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let mut picture = vec![0; MAX_PACKET_LEN - 2 * HEADER_LEN];
    rng.fill_bytes(&mut picture);
    let send = Pdu::new(op::NEW_SEND_MSG, account.take_seq(), picture);
    let sent = account.message_sent(&send);
    script.wait_seconds(1).client([&send]);
    script.wait(600).server([&sent]);
    exchange(&mut script, &mut account, 100);
    play(&script, client_on(8080), rng)
}

fn long_header(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let mut send = account.send_message(100);
    send.header_extra = vec![0xE0, 0xE1, 0xE2, 0xE3];
    let sent = account.message_sent(&send);
    script.wait_seconds(1).client([&send]);
    script.wait(60).server([&sent]);
    exchange(&mut script, &mut account, 100);
    play(&script, client_on(8080), rng)
}

fn out_of_order(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    exchange(&mut script, &mut account, 5000);
    exchange(&mut script, &mut account, 100);
    let mut capture = play(&script, client_on(8080), rng);

    let full = |packet: &Packet| packet.control == Control::Ack && !packet.payload.is_empty();
    let neighbours = capture.packets().windows(2);
    if let Some(index) = neighbours.clone().position(|pair| pair.iter().all(full)) {
        capture.swap(index, index + 1);
    }
    capture
}

fn retransmission(rng: &mut ChaCha8Rng) -> Capture {
    let script = greeting(&mut Account::new(rng));
    let mut capture = play(&script, client_on(8080), rng);

    // A message whose acknowledgement is late: the sender gave up waiting for it.
    let requests = capture
        .packets()
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| !pair[0].payload.is_empty() && pair[1].payload.is_empty());
    let message = requests.map(|(index, _)| index).nth(2);
    if let Some(index) = message {
        capture.retransmit(index, index + 1);
    }
    capture
}

fn mid_stream(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng).resume_at(1000);
    let mut script = Script::starting_at(Duration::ZERO);
    for message_len in [300, 80, 600] {
        exchange(&mut script, &mut account, message_len);
    }
    script.handshake = false;
    for write in &mut script.writes[..2] {
        write.chunks[0].remove(0..50);
    }
    play(&script, client_on(8080), rng)
}

fn truncated_end(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    script.wait_seconds(1).client([&account.send_message(5000)]);
    script.close = false;
    let mut capture = play(&script, client_on(8080), rng);
    let end = capture.packets().iter().rposition(|packet| packet.control == Control::PshAck);
    if let Some(end) = end {
        capture.truncate(end);
    }
    capture
}

fn repeated_seq(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let first = account.send_message(100);
    let mut second = account.send_message(120);
    second.seq = first.seq;
    let sent = account.message_sent(&second);
    script.wait_seconds(1).client([&first]);
    script.wait_seconds(5).client([&second]);
    script.wait(60).server([&sent]);
    script.wait(200).server([&sent]);
    exchange(&mut script, &mut account, 100);
    play(&script, client_on(8080), rng)
}

fn old_push_ack(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = greeting(&mut account);
    let push = account.push(true, 200);
    let mut ack = account.push_ack(Duration::from_millis(80));
    ack.op = op::PUSH_ACK_OLD;
    script.wait_seconds(1).server([&push]);
    script.wait(80).client([&ack]);
    play(&script, client_on(8080), rng)
}

fn clock_set_back(rng: &mut ChaCha8Rng) -> Capture {
    let mut account = Account::new(rng);
    let mut script = Script::starting_at(Duration::from_secs(3600));
    script.close = false;
    exchange(&mut script, &mut account, 80);
    script.client([&account.send_message(60)]).wait_seconds(2);
    exchange(&mut script, &mut account, 90);
    script.wait_seconds(1).client([&account.send_message(50)]);
    let mut capture = play(&script, client_on(8080), rng);
    let answers =
        |packet: &Packet| packet.direction == Direction::ServerToClient && !packet.payload.is_empty();
    if let Some(last) = capture.packets().iter().rposition(answers) {
        capture.set_clock_back(last, Duration::from_secs(3600));
    }
    capture
}

fn foreign(rng: &mut ChaCha8Rng) -> Capture {
    foreign_between(client_on, 1, rng)
}

/// HTTP on 80 and 8080 and TLS on 443; `endpoints` are asked for by the server's port, and the larger
/// `scale`, the longer the answers.
pub fn foreign_between(endpoints: impl Fn(u16) -> Endpoints, scale: usize, rng: &mut ChaCha8Rng) -> Capture {
    let scripts = foreign_scripts(scale, rng);
    Capture::new(scripts.map(|(port, script)| script.play(endpoints(port), rng.random())))
}

/// The same, not yet played, with the servers' ports.
pub fn foreign_scripts(scale: usize, rng: &mut ChaCha8Rng) -> [(u16, Script); 3] {
    let mut http = Script::starting_at(Duration::ZERO);
    for page in 0..3 {
        let content = format!("page {page}: ").repeat(300 * scale);
        let request = format!("GET /{page} HTTP/1.1\r\nHost: example.org\r\n\r\n");
        let response = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        );
        http.wait_seconds(1).client([Chunk::raw(request.into())]);
        http.wait(50).server([Chunk::raw(response.into())]);
    }

    let mut tls = Script::starting_at(Duration::ZERO);
    tls.client([Chunk::raw(tls_hello(1, rng))]);
    tls.wait(40).server([Chunk::raw(tls_hello(2, rng))]);
    for len in [200, 3000] {
        for _ in 0..scale {
            tls.wait(40).client([Chunk::raw(tls_data(150, rng))]);
            tls.wait(40).server([Chunk::raw(tls_data(len, rng))]);
        }
    }
    [(80, http.clone()), (8080, http), (443, tls)]
}

/// A record with the smallest ClientHello (1) or ServerHello (2).
fn tls_hello(handshake_type: u8, rng: &mut ChaCha8Rng) -> Vec<u8> {
    const CIPHER_SUITE: [u8; 2] = [0xC0, 0x2F];
    let mut hello = vec![3, 3];
    hello.extend(rng.random::<[u8; 32]>());
    hello.push(0); // no session
    if handshake_type == 1 {
        hello.extend([0, 2]);
        hello.extend(CIPHER_SUITE);
        hello.extend([1, 0]);
    } else {
        hello.extend(CIPHER_SUITE);
        hello.push(0);
    }
    let mut handshake = vec![handshake_type, 0, 0, hello.len() as u8];
    handshake.extend(hello);
    tls_record(22, &handshake)
}

fn tls_data(len: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut data = vec![0; len];
    rng.fill_bytes(&mut data);
    tls_record(23, &data)
}

fn tls_record(content_type: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 3, 3];
    record.extend((content.len() as u16).to_be_bytes());
    record.extend(content);
    record
}

fn open_mars(rng: &mut ChaCha8Rng) -> Capture {
    let mut script = Script::starting_at(Duration::ZERO);
    let noop = mars_frame(op::NOOP, seq::NOOP, &[]);
    script.client([Chunk::raw(noop.clone())]);
    script.wait(40).server([Chunk::raw(noop)]);
    for task in 1..4 {
        let mut body = vec![0; rng.random_range(20..300)];
        rng.fill_bytes(&mut body);
        let frame = mars_frame(3, task, &body);
        script.wait_seconds(1).client([Chunk::raw(frame.clone())]);
        script.wait(50).server([Chunk::raw(frame)]);
    }
    play(&script, client_on(8080), rng)
}

/// Header length, client version, command, task, body length; all of 32 bits.
fn mars_frame(command: u32, task: u32, body: &[u8]) -> Vec<u8> {
    let header = [20, 200, command, task, body.len() as u32];
    let mut frame: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
    frame.extend_from_slice(body);
    frame
}
