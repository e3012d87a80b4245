// SPDX-License-Identifier: GPL-2.0-or-later
//! An ordinary session, different for every seed: the ground on which faults are measured.

use std::ops::Range;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::body::identify::Trailer;
use crate::pdu::Pdu;
use crate::script::Script;

/// Messages that make bodies of about 40 to 1200 bytes.
const USUAL_LEN: Range<u32> = 5..1150;
/// Messages that need two to five segments.
const LONG_LEN: Range<u32> = 1500..6000;

/// A session of at least this many PDUs, both directions together.
pub fn session(rng: &mut ChaCha8Rng, pdus: usize) -> Script {
    let mut account = Account::new(rng);
    let mut script = Script::starting_at(Duration::ZERO);
    let identify = account.identify(Trailer::Version);
    let identified = account.identified(&identify, 0);
    script.client([&identify]).wait(40).server([&identified]);

    while script.pdu_count() < pdus {
        script.wait(rng.random_range(100..5000));
        match rng.random_range(0..10) {
            0..5 => exchange(&mut script, &mut account, rng),
            5..7 => pipeline(&mut script, &mut account, rng),
            7 => heartbeat(&mut script, &mut account),
            _ => push(&mut script, &mut account, rng),
        }
    }
    script
}

/// One request and its answer.
fn exchange(script: &mut Script, account: &mut Account, rng: &mut ChaCha8Rng) {
    let request = account.send_message(message_len(rng));
    let response = account.synced(&request, message_len(rng));
    script.client([&request]);
    sometimes_cut(script, &[request], rng);
    script.wait(rng.random_range(20..300)).server([&response]);
    sometimes_cut(script, &[response], rng);
}

/// Several requests in one write; the answers, in another order, in another write.
fn pipeline(script: &mut Script, account: &mut Account, rng: &mut ChaCha8Rng) {
    let requests: Vec<Pdu> =
        (0..rng.random_range(2..=4)).map(|_| account.send_message(message_len(rng))).collect();
    let mut responses: Vec<Pdu> = requests.iter().map(|request| account.message_sent(request)).collect();
    responses.rotate_left(1);
    script.client(&requests);
    sometimes_cut(script, &requests, rng);
    script.wait(rng.random_range(20..300)).server(&responses);
    sometimes_cut(script, &responses, rng);
}

fn heartbeat(script: &mut Script, account: &mut Account) {
    let heartbeat = account.heartbeat();
    script.client([&heartbeat]);
    script.wait(40).server([&heartbeat.response(Vec::new())]);
}

fn push(script: &mut Script, account: &mut Account, rng: &mut ChaCha8Rng) {
    let elapsed = rng.random_range(5..200);
    let push = account.push(true, message_len(rng));
    let ack = account.push_ack(Duration::from_millis(elapsed));
    script.server([&push]);
    sometimes_cut(script, &[push], rng);
    script.wait(elapsed).client([&ack]);
}

fn message_len(rng: &mut ChaCha8Rng) -> u32 {
    let long = rng.random_ratio(1, 8);
    rng.random_range(if long { LONG_LEN } else { USUAL_LEN })
}

/// Cuts a third of the writes into two to six segments, anywhere.
fn sometimes_cut(script: &mut Script, written: &[Pdu], rng: &mut ChaCha8Rng) {
    if rng.random_ratio(1, 3) {
        let len: u32 = written.iter().map(Pdu::packet_len).sum();
        let segments = rng.random_range(2..=6);
        let largest = (len * 2 / segments).max(2) as usize;
        script.cut((1..segments).map(|_| rng.random_range(1..largest)));
    }
}
