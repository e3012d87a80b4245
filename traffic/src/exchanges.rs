// SPDX-License-Identifier: GPL-2.0-or-later
//! Who answers whom: every way in which frames belong together, or fail to, each once.
//!
//! Each chapter is a connection of its own, with a client of its own where no other rule is meant.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::body;
use crate::body::identify::Trailer;
use crate::capture::Capture;
use crate::packet::{Direction, Endpoints};
use crate::pdu::{Pdu, RESPONSE_OFFSET, cgi, op, seq};
use crate::script::Script;

/// An operation that no table lists.
const UNKNOWN_OP: u32 = 4660;

const NEW_MESSAGES: u32 = 0x2;
const NEW_MOMENTS: u32 = 0x100;

const FIRST_CLIENT_PORT: u16 = 42_000;

/// The clients of chapters that are about one client's several connections.
const FALLING_BACK: u8 = 80;
const COMING_BACK: u8 = 81;

/// A connection of the story.
#[derive(Debug)]
pub struct Chapter {
    /// What is written.
    pub script: Script,
    /// Last byte of the client's address.
    client: u8,
    server_port: u16,
}

impl Chapter {
    /// The ends of the chapter's connection, which differ by this port.
    pub fn endpoints(&self, client_port: u16) -> Endpoints {
        let client = Ipv4Addr::new(192, 168, 1, self.client);
        Endpoints::v4(client_port, self.server_port).from_client(client)
    }
}

/// The story, of about 200 frames.
pub fn capture(seed: u64) -> Capture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let flows: Vec<_> = chapters(&mut rng)
        .iter()
        .zip(FIRST_CLIENT_PORT..)
        .map(|(chapter, port)| chapter.script.play(chapter.endpoints(port), rng.random()))
        .collect();
    let mut capture = Capture::new(flows);
    for direction in Direction::BOTH {
        retransmit_last(&mut capture, 0, direction);
    }
    capture
}

/// The story's connections.
pub fn chapters(rng: &mut ChaCha8Rng) -> Vec<Chapter> {
    let alone: [fn(&mut Account) -> Script; 11] = [
        segments,
        seqids,
        faults,
        middle_of_a_stream,
        pushes,
        older_acknowledgement,
        heartbeats,
        deliveries,
        sends,
        end_of_the_capture,
        shared_seqids,
    ];
    let mut chapters: Vec<Chapter> = alone
        .iter()
        .zip(30..)
        .map(|(tell, client)| Chapter { script: tell(&mut Account::new(rng)), client, server_port: 8080 })
        .collect();
    chapters.extend(port_fallback(&mut Account::new(rng)));
    chapters.extend(links_of_one_account(&mut Account::new(rng)));
    chapters
}

/// The last write of a side of a flow comes again: TCP's business, and no second frame.
fn retransmit_last(capture: &mut Capture, flow: usize, direction: Direction) {
    let sent = capture.packets().iter().rposition(|packet| {
        (packet.flow, packet.direction) == (flow, direction) && !packet.payload.is_empty()
    });
    if let Some(index) = sent {
        capture.retransmit(index, index + 1);
    }
}

fn starting_at(seconds: u64) -> Script {
    Script::starting_at(Duration::from_secs(seconds))
}

fn identify(script: &mut Script, account: &mut Account) {
    let identify = account.identify(Trailer::Version);
    let identified = account.identified(&identify, 0);
    script.client([&identify]).wait(45).server([&identified]).wait(500);
}

fn exchange(script: &mut Script, request: &Pdu, answer: &Pdu) {
    script.client([request]).wait(60).server([answer]).wait(500);
}

fn send(script: &mut Script, account: &mut Account) {
    let send = account.send_message(60);
    let sent = account.message_sent(&send);
    exchange(script, &send, &sent);
}

fn sync(script: &mut Script, account: &mut Account) {
    let sync = account.sync();
    let synced = account.synced(&sync, 200);
    exchange(script, &sync, &synced);
}

fn notice(op: u32, body: Vec<u8>) -> Pdu {
    Pdu::new(op, seq::PUSH, body)
}

/// Frames and packets: several in one, one over several, answers in another order, TCP's repeats.
fn segments(account: &mut Account) -> Script {
    let mut script = starting_at(0);
    identify(&mut script, account);

    let sends = [90, 110, 70].map(|message_len| account.send_message(message_len));
    let [first, second, third] = [0, 1, 2].map(|index| account.message_sent(&sends[index]));
    script.client(&sends).wait(60).server([&second, &first]).wait(25).server([&third]);

    let long = account.send_message(3500);
    let answer = account.response(&long, cgi::NEW_SEND_MSG, 3000);
    script.wait(500);
    exchange(&mut script, &long, &answer);

    let cut = account.send_message(40);
    let sent = account.message_sent(&cut);
    script.client([&cut]).cut([16, 20]).wait(60).server([&sent]).cut([9]).wait(500);

    send(&mut script, account);
    script
}

/// Seqids: reuse that is meant, a new start at 1, a gap and a step back.
fn seqids(account: &mut Account) -> Script {
    let mut script = starting_at(20);
    for _ in 0..2 {
        identify(&mut script, account);
    }
    let noop = Pdu::empty(op::NOOP, seq::NOOP);
    for _ in 0..4 {
        exchange(&mut script, &noop, &noop.response(Vec::new()));
        script.wait_seconds(1);
    }
    for seq in [1, 2, 3, 1, 2, 7, 8, 5] {
        let mut sync = account.sync();
        sync.seq = seq;
        let synced = account.synced(&sync, 60);
        exchange(&mut script, &sync, &synced);
    }
    script
}

/// Requests without a response, responses without a request, and everything twice.
fn faults(account: &mut Account) -> Script {
    let mut script = starting_at(60);
    identify(&mut script, account);
    script.client([&account.request(op::SEARCH_CONTACT, cgi::SEARCH_CONTACT, 50)]).wait(300);

    // Nobody expects an answer to these.
    script.client([&Pdu::empty(op::SIGNAL_KEEP, account.take_seq())]).wait(100);
    script.client([&Pdu::new(op::FOREGROUND_REPORT, account.take_seq(), vec![1])]).wait(100);
    script.client([&account.request(op::DIRECT_SEND, cgi::DIRECT_SEND, 40)]).wait(100);

    // An answer to nothing.
    script.server([&Pdu::empty(op::NEW_SYNC + RESPONSE_OFFSET, 77)]).wait(500);

    // Two answers to one request, then the request once more, with an answer of its own.
    let send = account.send_message(60);
    let sent = account.message_sent(&send);
    exchange(&mut script, &send, &sent);
    script.server([&sent]).wait(500);
    exchange(&mut script, &send, &sent);

    // Asked three times, answered once.
    let send = account.send_message(80);
    let sent = account.message_sent(&send);
    for _ in 0..2 {
        script.client([&send]).wait_seconds(2);
    }
    exchange(&mut script, &send, &sent);

    // Another operation takes the seqid of a request that is open.
    let send = account.send_message(70);
    let sync = account.clone().resume_at(send.seq).sync();
    let synced = account.synced(&sync, 100);
    script.client([&send]).wait(400);
    exchange(&mut script, &sync, &synced);

    // An answer with another request's operation, and one that repeats its own request's.
    let send = account.send_message(70);
    let mut sent = account.message_sent(&send);
    sent.op = op::NEW_SYNC + RESPONSE_OFFSET;
    exchange(&mut script, &send, &sent);
    let heartbeat = account.heartbeat();
    exchange(&mut script, &heartbeat, &heartbeat);
    script
}

/// The capture begins later than the connection: what is answered here was asked before.
fn middle_of_a_stream(account: &mut Account) -> Script {
    let mut account = account.clone().resume_at(1000);
    let mut script = starting_at(90);
    script.handshake = false;
    let answer = |op, seq| Pdu::new(op + RESPONSE_OFFSET, seq, vec![0xa5; 24]);
    script.server([&answer(op::NEW_SEND_MSG, 998)]).wait(100);
    script.server([&Pdu::empty(op::NOOP + RESPONSE_OFFSET, seq::NOOP)]).wait(100);
    let push_ack = account.push_ack(Duration::from_millis(200));
    script.client([&push_ack]).wait(100);
    send(&mut script, &mut account);
    script.server([&answer(op::NEW_SEND_MSG, 999)]).wait(100);
    // Nothing explains this one.
    script.server([&answer(op::NEW_SEND_MSG, 1500)]).wait(100);
    send(&mut script, &mut account);
    script
}

/// Pushes and their acknowledgements, each way of finding the push, and one that never comes.
fn pushes(account: &mut Account) -> Script {
    let mut script = starting_at(110);
    let to_nothing = account.push_ack(Duration::from_millis(30));
    script.client([&to_nothing]).wait(500);

    // The elapsed time fits the second push.
    let pushes = [account.push(true, 200), account.push(true, 90)];
    let ack = account.push_ack(Duration::from_millis(120));
    script.server([&pushes[0]]).wait(700).server([&pushes[1]]).wait(120).client([&ack]).wait_seconds(1);

    // It fits none: the oldest, then the other.
    let pushes = [account.push(true, 60), account.push(true, 70)];
    script.server([&pushes[0]]).wait(400).server([&pushes[1]]).wait(300);
    for _ in 0..2 {
        let ack = account.push_ack(Duration::from_secs(40));
        script.client([&ack]).wait(200);
    }

    // One for three.
    for wait in [300, 300, 150] {
        let push = account.push(true, 50);
        script.server([&push]).wait(wait);
    }
    let ack = account.push_ack(Duration::from_millis(150));
    script.client([&ack]).wait_seconds(1);

    // One that wants none, and one that gets none.
    let (quiet, lost) = (account.push(false, 60), account.push(true, 60));
    script.server([&quiet]).wait_seconds(1).server([&lost]).wait_seconds(8);
    send(&mut script, account);
    script
}

/// The article's form: a request without an answer, of a number that nobody has named, after a push.
fn older_acknowledgement(account: &mut Account) -> Script {
    let mut script = starting_at(140);
    identify(&mut script, account);
    let push = account.push(true, 200);
    let ack = account.request(UNKNOWN_OP, 0, 24);
    script.server([&push]).wait(80).client([&ack]).wait_seconds(2);

    // Answered, so no acknowledgement, and this push has none.
    let push = account.push(true, 90);
    let unknown = account.request(UNKNOWN_OP, 0, 24);
    let answer = account.response(&unknown, 0, 24);
    script.server([&push]).wait(80);
    exchange(&mut script, &unknown, &answer);
    script
}

/// Heartbeats in step, one out of step, and one that nobody answers.
fn heartbeats(account: &mut Account) -> Script {
    let mut script = starting_at(160);
    for seconds in [60, 60, 60, 10] {
        let heartbeat = account.heartbeat();
        script.client([&heartbeat]).wait(40).server([&heartbeat.response(Vec::new())]);
        script.wait(seconds * 1000 - 40);
    }
    script.client([&account.heartbeat()]).wait_seconds(20);
    send(&mut script, account);
    script
}

/// How messages come: announced and fetched, or pushed at once.
fn deliveries(account: &mut Account) -> Script {
    let mut script = starting_at(400);
    identify(&mut script, account);

    // Notice, one-way acknowledgement, sync, message.
    script.server([&notice(op::NOTIFY, body::notify(NEW_MESSAGES))]).wait(30);
    script.client([&account.push_ack(Duration::from_millis(30))]).wait(30);
    sync(&mut script, account);
    script.wait_seconds(2);

    // Two notices, one sync; the one for Moments stays for its own.
    script.server([&notice(op::NOTIFY, body::notify(NEW_MOMENTS))]).wait(30);
    script.server([&notice(op::NOTIFY_OLD, Vec::new())]).wait(30);
    script.server([&notice(op::SYNC_CHECK_NOTICE, Vec::new())]).wait(200);
    sync(&mut script, account);
    let fetch = account.request(op::MOMENTS_SYNC, cgi::MOMENTS_SYNC, 60);
    let moments = account.response(&fetch, cgi::MOMENTS_SYNC, 300);
    exchange(&mut script, &fetch, &moments);

    // The message itself.
    let push = account.push(true, 200);
    let ack = account.push_ack(Duration::from_millis(15));
    script.server([&push]).wait(15).client([&ack]).wait_seconds(1);

    // A sync of the client's own accord.
    sync(&mut script, account);
    script
}

/// Messages sent from here, and the news of them for the account's other devices.
fn sends(account: &mut Account) -> Script {
    let mut script = starting_at(430);
    identify(&mut script, account);
    send(&mut script, account);
    script.wait_seconds(1).server([&notice(op::NOTIFY, body::notify(NEW_MESSAGES))]).wait(40);
    sync(&mut script, account);

    send(&mut script, account);
    let push = account.push(false, 120);
    script.wait_seconds(2).server([&push]).wait_seconds(1);

    // Too late to be its news.
    send(&mut script, account);
    script.wait_seconds(11).server([&notice(op::NOTIFY, body::notify(NEW_MESSAGES))]).wait(40);
    sync(&mut script, account);
    script
}

/// Nobody answers on 80, nor on 8080; 443 works.
fn port_fallback(account: &mut Account) -> Vec<Chapter> {
    let ports = [(80, 460), (8080, 464), (443, 469)];
    let attempts = ports.into_iter().map(|(server_port, start)| {
        let mut script = starting_at(start);
        match server_port {
            443 => {
                identify(&mut script, account);
                sync(&mut script, account);
            }
            _ => {
                script.client([&account.identify(Trailer::Version)]).wait_seconds(2);
            }
        }
        Chapter { script, client: FALLING_BACK, server_port }
    });
    attempts.collect()
}

/// An account on three connections: its SyncKey grows, is carried over, and once goes back.
fn links_of_one_account(account: &mut Account) -> Vec<Chapter> {
    let mut outdated = account.clone();
    let mut first = starting_at(490);
    identify(&mut first, account);
    for elapsed in [30, 45] {
        let push = account.push(true, 80);
        let ack = account.push_ack(Duration::from_millis(elapsed));
        first.server([&push]).wait(elapsed).client([&ack]).wait(500);
    }
    sync(&mut first, account);

    let mut second = starting_at(520);
    let mut account = account.clone().resume_at(1);
    identify(&mut second, &mut account);
    let push = account.push(true, 80);
    let ack = account.push_ack(Duration::from_millis(25));
    second.server([&push]).wait(25).client([&ack]).wait(500);

    let mut third = starting_at(550);
    identify(&mut third, &mut outdated);
    send(&mut third, &mut outdated);
    let chapter = |script| Chapter { script, client: COMING_BACK, server_port: 8080 };
    [first, second, third].map(chapter).into()
}

/// Two operations have one seqid: client 4.5 on purpose, a client that is wrong in spite of counting.
fn shared_seqids(account: &mut Account) -> Script {
    let mut script = starting_at(575);
    let beat = Pdu::empty(op::NOOP, seq::EARLY);
    let test = Pdu::new(op::SPEED_TEST, seq::EARLY, vec![0x5a; 40]);
    let (beaten, tested) = (beat.response(Vec::new()), test.response(vec![0x5a; 8]));
    // Answered in the order in which they were asked, and in the other.
    script.client([&beat]).wait(20).client([&test]).wait(40);
    script.server([&beaten]).wait(500).server([&tested]).wait(500);
    script.client([&test]).wait(20).client([&beat]).wait(40);
    script.server([&beaten]).wait(500).server([&tested]).wait(500);
    // An answer that comes twice is none to the other, and one heartbeat takes another's place.
    script.client([&test]).wait(20).client([&beat]).wait(200).client([&beat]).wait(40);
    script.server([&beaten]).wait(10).server([&beaten]).wait(500).server([&tested]).wait(500);
    // One that nobody answers waits on while the other goes on.
    script.client([&test]).wait(200);
    exchange(&mut script, &beat, &beaten);

    send(&mut script, account);

    // Counted up, the same is wrong, but no less clear.
    let (send, sync) = (account.send_message(60), account.clone().sync());
    let sync = Pdu { seq: send.seq, ..sync };
    let (sent, synced) = (account.message_sent(&send), account.synced(&sync, 100));
    script.client([&send]).wait(20).client([&sync]).wait(40).server([&sent]).wait(100).server([&synced]);
    script.wait(500);

    // Of what nobody asked for, the newest that waits is the likeliest to be meant.
    let (send, sync) = (account.send_message(60), account.clone().sync());
    let sync = Pdu { seq: send.seq, ..sync };
    let odd = Pdu::new(op::SEARCH_CONTACT + RESPONSE_OFFSET, send.seq, vec![0xa5; 24]);
    let sent = account.message_sent(&send);
    script.client([&send]).wait(20).client([&sync]).wait(40).server([&odd]).wait(100).server([&sent]);
    script
}

/// What is missing here may have come after the capture's end.
fn end_of_the_capture(account: &mut Account) -> Script {
    let mut script = starting_at(600);
    script.close = false;
    identify(&mut script, account);
    script.client([&account.request(op::SEARCH_CONTACT, cgi::SEARCH_CONTACT, 50)]).wait_seconds(6);

    let push = account.push(true, 60);
    script.server([&push]).wait(300).client([&account.send_message(60)]);
    let heartbeat = account.heartbeat();
    script.wait(140).client([&heartbeat]);
    script.wait(60).server([&heartbeat.response(Vec::new())]);
    script
}
