// SPDX-License-Identifier: GPL-2.0-or-later
//! The sample session: small enough to scroll through, with everything that a newcomer may meet.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::body;
use crate::body::identify::Trailer;
use crate::capture::Capture;
use crate::flow::Chunk;
use crate::packet::Endpoints;
use crate::pdu::{Pdu, cgi, op, seq};
use crate::script::Script;

/// An operation that no table lists.
const UNKNOWN_OP: u32 = 4660;

/// Shorter than the length field itself.
const BROKEN_LEN: u32 = 7;

const NEW_MESSAGES: u32 = 2;
const NEW_PROFILE_MESSAGES_CONTACTS: u32 = 7;

/// The session: one long connection, then the two that follow it on other ports.
pub fn capture(seed: u64) -> Capture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut account = Account::new(&mut rng);
    let flows = [
        (main_connection(&mut account), Endpoints::v4(40_123, 8080)),
        (after_redirect(&mut account), Endpoints::v4(40_124, 80)),
        (recent_client(&mut Account::recent(&mut rng)), Endpoints::v6(51_234, 443)),
    ];
    Capture::new(flows.map(|(script, endpoints)| script.play(endpoints, rng.random())))
}

/// Port 8080, WeChat 6.0: the long one.
fn main_connection(account: &mut Account) -> Script {
    let mut script = Script::starting_at(Duration::ZERO);

    let identify = account.identify(Trailer::Version);
    let identified = account.identified(&identify, NEW_PROFILE_MESSAGES_CONTACTS);
    script.client([&identify]).wait(45).server([&identified]);
    sync(&mut script, account, 2500);

    sends(&mut script, account);
    news(&mut script, account);
    awkward_segments(&mut script, account);
    rarer_operations(&mut script, account);

    let heartbeat = account.heartbeat();
    script.wait_seconds(270).client([&heartbeat]);
    script.wait(38).server([&heartbeat.response(Vec::new())]);

    broken_frame(&mut script, account);

    let redirect = body::redirect(&[Ipv4Addr::new(203, 0, 113, 80), Ipv4Addr::new(198, 51, 100, 8)]);
    script.wait_seconds(5).server([&Pdu::new(op::REDIRECT, seq::PUSH, redirect)]);
    script
}

/// Messages of several sizes, one after the other and several at once.
fn sends(script: &mut Script, account: &mut Account) {
    for message_len in [60, 5000] {
        let send = account.send_message(message_len);
        let sent = account.message_sent(&send);
        script.wait_seconds(1).client([&send]);
        script.wait(70).server([&sent]);
    }

    // Three requests in one segment; two answers in one segment, not in the order of the requests.
    let sends = [90, 110, 70].map(|message_len| account.send_message(message_len));
    let [first, second, third] = [0, 1, 2].map(|index| account.message_sent(&sends[index]));
    script.wait_seconds(2).client(&sends);
    script.wait(60).server([&second, &first]);
    script.wait(25).server([&third]);
}

/// The server speaks unasked: first without data, then with.
fn news(script: &mut Script, account: &mut Account) {
    script.wait_seconds(3).server([&Pdu::new(op::NOTIFY, seq::PUSH, body::notify(NEW_MESSAGES))]);
    script.wait(90);
    sync(script, account, 600);

    // The push of 265 bytes that descriptions of the protocol show.
    let push = account.push(true, 200);
    let ack = account.push_ack(Duration::from_millis(120));
    script.wait_seconds(3).server([&push]);
    script.wait(120).client([&ack]);

    script.wait_seconds(2).server([&account.push(false, 330)]);

    // Two pushes, acknowledged together: the key is cumulative.
    let pushes = [account.push(true, 450), account.push(true, 90)];
    let ack = account.push_ack(Duration::from_millis(150));
    script.wait_seconds(2).server([&pushes[0]]);
    script.wait(200).server([&pushes[1]]);
    script.wait(150).client([&ack]);
}

/// Frames that are cut inside the header, or begin where another ends.
fn awkward_segments(script: &mut Script, account: &mut Account) {
    let send = account.send_message(180);
    let sent = account.message_sent(&send);
    script.wait_seconds(4).client([&send]).cut([7, 5]);
    script.wait(60).server([&sent]).cut([3]);

    // The second frame begins in the segment that ends the first one.
    let sends = [account.send_message(1600), account.send_message(100)];
    let sent = [0, 1].map(|index| account.message_sent(&sends[index]));
    script.wait_seconds(1).client(&sends).cut([1400, 330]);
    script.wait(60).server(&sent);
}

/// One-way data, an unknown operation, and a request that stays open.
fn rarer_operations(script: &mut Script, account: &mut Account) {
    let typing = account.request(op::DIRECT_SEND, cgi::DIRECT_SEND, 40);
    script.wait_seconds(2).client([&typing]);

    let unknown = account.request(UNKNOWN_OP, 9999, 75);
    let answer = account.response(&unknown, 9999, 30);
    script.wait_seconds(2).client([&unknown]);
    script.wait(55).server([&answer]);

    let unanswered = account.request(op::SEARCH_CONTACT, cgi::SEARCH_CONTACT, 50);
    script.wait_seconds(1).client([&unanswered]);
}

/// A length field that cannot be right, in the middle of a write.
fn broken_frame(script: &mut Script, account: &mut Account) {
    let send = account.send_message(130);
    let sent = account.message_sent(&send);
    let notify = Pdu::new(op::NOTIFY, seq::PUSH, body::notify(NEW_MESSAGES));
    let mut broken = Chunk::from(&notify);
    broken.set_packet_len(BROKEN_LEN);

    script.wait_seconds(5).client([&send]);
    script.wait(65).server([Chunk::from(&sent), broken, Chunk::from(&notify)]);
    script.wait(80);
    sync(script, account, 300);
}

/// Port 80: the same client again, where the server sent it.
fn after_redirect(account: &mut Account) -> Script {
    let mut script = Script::starting_at(Duration::from_secs(320));

    let identify = account.identify(Trailer::Network);
    let identified = account.identified(&identify, 0);
    script.client([&identify]).wait(40).server([&identified]);

    // An answer need not have another operation.
    let heartbeat = account.heartbeat();
    script.wait_seconds(2).client([&heartbeat]);
    script.wait(35).server([&heartbeat]);

    sync(&mut script, account, 900);
    script
}

/// Port 443 and IPv6: a client of 2023, whose heartbeat is the one of Mars.
fn recent_client(account: &mut Account) -> Script {
    let mut script = Script::starting_at(Duration::from_secs(340));

    let identify = account.identify(Trailer::Context);
    let identified = account.identified(&identify, NEW_MESSAGES);
    script.client([&identify]).wait(50).server([&identified]);
    sync(&mut script, account, 1200);

    let push = account.push(true, 260);
    let ack = account.push_ack(Duration::from_millis(15));
    script.wait_seconds(3).server([&push]);
    script.wait(15).client([&ack]);

    let noop = Pdu::empty(op::NOOP, seq::NOOP);
    script.wait_seconds(210).client([&noop]);
    script.wait(35).server([&noop.response(Vec::new())]);
    script
}

fn sync(script: &mut Script, account: &mut Account, news_len: u32) {
    let sync = account.sync();
    let synced = account.synced(&sync, news_len);
    script.wait(20).client([&sync]);
    script.wait(80).server([&synced]);
}
