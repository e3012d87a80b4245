// SPDX-License-Identifier: GPL-2.0-or-later
//! Bodies of business packets and the keys that open them: every algorithm, every sort of line, and what must stay
//! closed.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use wechat_dissector::kernel::place::{LaneId, Place};
use wechat_dissector::kernel::reader::Reader;
use wechat_dissector::wechat::business::{self, Header};
use wechat_dissector::wechat::fields::FAULTS;
use wechat_dissector::wechat::inflate::Not;
use wechat_dissector::wechat::key_log::ring::KeyRing;
use wechat_dissector::wechat::opening::Bodies;
use wechat_dissector::wechat::opening::body::{Body, Closed, Source, sync_key};
use wechat_dissector::wechat::operation::{ANSWER, Meaning, Sender, classify};
use wechat_traffic::body::business::{Business, Form};
use wechat_traffic::body::protobuf::Message;
use wechat_traffic::body::sealed::{Algorithm, Keys, Packet, deflate, seal};
use wechat_traffic::mmtls::key_log::{cipher_line, hex};

const UIN: u32 = 0x1234_5678;
/// Of sends, of syncs and of a login: the operation and its cgi type.
const SEND: (u32, u32) = (237, 522);
const SYNC: (u32, u32) = (121, 138);
const LOGIN: (u32, u32) = (434, 763);

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn message() -> Vec<u8> {
    Message::new().number(1, 7).bytes(2, "many words, many words, many words").done()
}

fn header(form: Form, cgi_type: u32) -> Business {
    let cookie = vec![3; 15];
    Business { form, client_version: 0, uin: UIN, cookie, cgi_type, plain_len: 0, compressed_len: 0 }
}

/// A packet, and what the frame is that it is in.
fn packet(algorithm: Algorithm, from_client: bool, compress: bool, message: &[u8]) -> (Packet, Meaning) {
    let (op, cgi) = match algorithm {
        Algorithm::Cbc => SEND,
        Algorithm::Gcm => SYNC,
        Algorithm::Hybrid => LOGIN,
    };
    let header = match from_client {
        true => Business { client_version: 0x2800_1737, ..header(Form::RecentRequest, cgi) },
        false => header(Form::RecentResponse, cgi),
    };
    let packet = seal(header, algorithm, compress, message, &Keys::new(&mut rng()), &mut rng());
    (packet, meaning(op, from_client))
}

fn meaning(op: u32, from_client: bool) -> Meaning {
    match from_client {
        true => classify(op, 1, 100, Some(Sender::Client)),
        false => classify(op + ANSWER, 1, 100, None),
    }
}

fn every_sort() -> Vec<(Packet, Meaning)> {
    let mut packets = Vec::new();
    for algorithm in [Algorithm::Cbc, Algorithm::Gcm, Algorithm::Hybrid] {
        for from_client in [true, false] {
            packets.push(packet(algorithm, from_client, true, &message()));
        }
    }
    packets.push(packet(Algorithm::Cbc, true, false, &message()));
    packets.push(packet(Algorithm::Cbc, false, false, b""));
    packets
}

fn read(bytes: &[u8], meaning: Meaning) -> Header {
    business::read(&Reader::new(bytes, 0..bytes.len(), FAULTS), meaning).expect("a header")
}

fn place(number: u32) -> Place {
    Place { packet: number, lane: LaneId::new(0, false), position: 0 }
}

/// Keys that come in packets' comments.
fn ring(lines: &[String]) -> Rc<RefCell<KeyRing>> {
    let ring = KeyRing::default();
    let ring = Rc::new(RefCell::new(ring));
    add(&ring, lines);
    ring
}

fn add(ring: &Rc<RefCell<KeyRing>>, lines: &[String]) {
    ring.borrow_mut().add_comment(&lines.join("\n"));
}

fn lines(packet: &Packet) -> Vec<String> {
    (0..packet.ciphers.len()).map(|number| cipher_line(packet, number)).collect()
}

fn account_line(packet: &Packet, account: &str) -> String {
    format!("WECHAT_SESSION_KEY {account} {}", hex(&packet.ciphers[0].key))
}

/// A line with a key in which one bit is another.
fn with_wrong_key(packet: &Packet) -> Vec<String> {
    let wrong = |number: usize| {
        let mut key = packet.ciphers[number].key.clone();
        key[3] ^= 1;
        cipher_line(packet, number).replace(&hex(&packet.ciphers[number].key), &hex(&key))
    };
    (0..packet.ciphers.len()).map(wrong).collect()
}

fn outcome(body: &Body) -> Result<(Source, Vec<u8>), Closed> {
    let message = |opened| (opened, body.message().expect("a message").to_vec());
    body.opened.as_ref().map(|opened| message(opened.source)).map_err(|why| *why)
}

#[test]
fn every_sort_of_body_opens_and_is_the_same_on_later_visits() {
    for (number, (packet, meaning)) in every_sort().into_iter().enumerate() {
        let header = read(&packet.bytes, meaning);
        let mut bodies = Bodies::new(ring(&lines(&packet)));
        let first = bodies.first(place(1), &packet.bytes, &header);
        assert_eq!(outcome(&first), Ok((Source::Comment, packet.message.clone())), "{number}");
        let again = bodies.again(place(1), &packet.bytes, &header);
        assert_eq!(outcome(&again), outcome(&first), "{number}");
        let randoms =
            |body: &Body| body.randoms.iter().flatten().map(|text| text.plain.to_vec()).collect::<Vec<_>>();
        let expected = packet.ciphers.split_last().expect("one").1;
        assert_eq!(randoms(&first), expected.iter().map(|cipher| cipher.plain.clone()).collect::<Vec<_>>());
        assert_eq!(randoms(&again), randoms(&first));
    }
}

#[test]
fn a_session_key_opens_what_is_of_its_account() {
    for compress in [true, false] {
        let (packet, meaning) = packet(Algorithm::Cbc, true, compress, &message());
        let header = read(&packet.bytes, meaning);
        let open =
            |lines: &[String]| outcome(&Bodies::new(ring(lines)).first(place(1), &packet.bytes, &header));
        let uin = UIN.to_string();
        for account in [uin.as_str(), "*"] {
            assert_eq!(
                open(&[account_line(&packet, account)]),
                Ok((Source::Comment, packet.message.clone()))
            );
        }
        assert_eq!(open(&[account_line(&packet, "7")]), Err(Closed::NoLine));
        let mut wrong = account_line(&packet, &uin);
        wrong.replace_range(wrong.len() - 1.., if wrong.ends_with('0') { "1" } else { "0" });
        assert_eq!(open(std::slice::from_ref(&wrong)), Err(Closed::NoLine));
        // One that names the body and does not fit hides none that fits.
        let all = [with_wrong_key(&packet), vec![wrong, account_line(&packet, "*")]].concat();
        assert_eq!(open(&all), Ok((Source::Comment, packet.message.clone())));
    }
}

#[test]
fn a_wrong_key_says_so_and_nothing_comes_out() {
    for (packet, meaning) in every_sort() {
        let header = read(&packet.bytes, meaning);
        let mut bodies = Bodies::new(ring(&with_wrong_key(&packet)));
        assert_eq!(outcome(&bodies.first(place(1), &packet.bytes, &header)), Err(Closed::Tag));
        assert_eq!(outcome(&bodies.again(place(1), &packet.bytes, &header)), Err(Closed::Tag));
    }
}

#[test]
fn a_key_that_comes_later_is_told_and_not_used() {
    for (packet, meaning) in every_sort() {
        let header = read(&packet.bytes, meaning);
        for before in [vec![], vec!["WECHAT_SESSION_KEY 7 000102030405060708090a0b0c0d0e0f".to_owned()]] {
            let keys = ring(&before);
            let mut bodies = Bodies::new(keys.clone());
            let why = if before.is_empty() { Closed::NoKeyLog } else { Closed::NoLine };
            assert_eq!(outcome(&bodies.first(place(1), &packet.bytes, &header)), Err(why));
            assert_eq!(outcome(&bodies.again(place(1), &packet.bytes, &header)), Err(why));
            add(&keys, &with_wrong_key(&packet));
            assert_eq!(outcome(&bodies.again(place(1), &packet.bytes, &header)), Err(why));
            add(&keys, &lines(&packet));
            for _ in 0..2 {
                let again = bodies.again(place(1), &packet.bytes, &header);
                assert_eq!(outcome(&again), Err(Closed::KeyLater));
                assert!(again.randoms.iter().all(Option::is_none));
            }
        }
    }
}

#[test]
fn a_changed_body_stays_closed() {
    for (packet, meaning) in every_sort() {
        // What is in CBC's first blocks is told by what it inflates to alone.
        if packet.algorithm == Algorithm::Cbc && packet.message.len() == packet.ciphers[0].plain.len() {
            continue;
        }
        let header = read(&packet.bytes, meaning);
        let message = packet.ciphers.last().expect("one");
        let text =
            packet.bytes.windows(message.text.len()).position(|bytes| bytes == message.text).expect("it");
        let mut bodies = Bodies::new(ring(&[lines(&packet), vec![account_line(&packet, "*")]].concat()));
        for at in text..text + message.text.len() {
            let mut changed = packet.bytes.clone();
            changed[at] ^= 0x20;
            let body = bodies.first(place(at as u32), &changed, &header);
            assert!(body.opened.is_err(), "{at}");
        }
    }
}

/// With CBC nothing but padding, length and content tells.
#[test]
fn a_wrong_key_of_cbc_is_not_believed() {
    let trials = 20_000;
    for (compress, length) in [(true, 600), (false, 14), (false, 30), (false, 62), (false, 200)] {
        let message = Message::new().bytes(1, vec![b'x'; length - 3]).done();
        let (packet, meaning) = packet(Algorithm::Cbc, false, compress, &message);
        let header = read(&packet.bytes, meaning);
        let mut rng = rng();
        let mut believed = 0;
        for _ in 0..trials / 1000 {
            let mut key = [0; 16];
            let line = |_| {
                rng.fill_bytes(&mut key);
                format!("WECHAT_SESSION_KEY * {}", hex(&key))
            };
            let mut bodies = Bodies::new(ring(&(0..1000).map(line).collect::<Vec<_>>()));
            believed += usize::from(bodies.first(place(1), &packet.bytes, &header).opened.is_ok());
        }
        println!("{compress} {length}: {believed} of {trials}");
        assert_eq!(believed, 0, "{compress} {length}");
    }
}

#[test]
fn what_nobody_can_open_says_so() {
    let mut bytes = header(Form::Response, SEND.1);
    (bytes.plain_len, bytes.compressed_len) = (100, 100);
    let bytes = bytes.encode_as(7, &[5; 256]);
    let header = read(&bytes, meaning(SEND.0, false));
    let mut bodies = Bodies::new(ring(&["WECHAT_SESSION_KEY * 000102030405060708090a0b0c0d0e0f".to_owned()]));
    assert_eq!(outcome(&bodies.first(place(1), &bytes, &header)), Err(Closed::Algorithm));
    assert_eq!(outcome(&bodies.again(place(1), &bytes, &header)), Err(Closed::Algorithm));
    assert_eq!(outcome(&Bodies::default().first(place(1), &bytes, &header)), Err(Closed::NoKeyLog));
}

#[test]
fn a_bomb_is_opened_and_not_inflated() {
    let (packet, meaning) = packet(Algorithm::Cbc, false, true, &vec![0; 3 << 20]);
    let header = read(&packet.bytes, meaning);
    let mut bodies = Bodies::new(ring(&lines(&packet)));
    let body = bodies.first(place(1), &packet.bytes, &header);
    let opened = body.opened.as_ref().expect("open");
    assert_eq!((&opened.text.inflated, body.message()), (&Err(Not::Few), None));
    assert_eq!(opened.text.plain, deflate(&vec![0; 3 << 20]));
}

#[test]
fn the_sync_key_is_found_in_requests_and_answers_of_syncs_alone() {
    let key = Message::new().number(1, 1).bytes(2, Message::new().number(1, 2).number(2, 9).done()).done();
    let buffer = Message::new().number(1, key.len() as u32).bytes(2, &key).done();
    let at = |algorithm, from_client, field: u32, key: &[u8]| -> Option<Range<usize>> {
        let message = Message::new().number(1, 0).bytes(field, key).number(9, 1).done();
        let (packet, meaning) = packet(algorithm, from_client, true, &message);
        sync_key(&message, &read(&packet.bytes, meaning))
    };
    let (n, gcm) = (key.len(), Algorithm::Gcm);
    assert_eq!(at(gcm, true, 3, &key), Some(4..4 + n));
    assert_eq!(at(gcm, false, 4, &key), Some(4..4 + n));
    assert_eq!(at(gcm, false, 4, &buffer), Some(8..8 + n));
    assert_eq!((at(gcm, true, 4, &key), at(gcm, false, 3, &key)), (None, None));
    assert_eq!(at(Algorithm::Cbc, false, 4, &key), None);
}

/// Bytes of any kind, with keys that may fit.
#[test]
fn nothing_that_comes_in_is_too_odd() {
    let mut rng = rng();
    let packets = every_sort();
    let all: Vec<String> = packets.iter().flat_map(|(packet, _)| lines(packet)).collect();
    let mut bodies = Bodies::new(ring(&all));
    for round in 0..3_000_u32 {
        let (packet, meaning) = &packets[round as usize % packets.len()];
        let mut bytes = packet.bytes.clone();
        for _ in 0..rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] = rng.next_u32() as u8;
        }
        if rng.next_u32().is_multiple_of(4) {
            bytes.truncate(rng.next_u32() as usize % (bytes.len() + 1));
        }
        let Some(header) = business::read(&Reader::new(&bytes, 0..bytes.len(), FAULTS), *meaning) else {
            continue;
        };
        let first = bodies.first(place(round), &bytes, &header);
        let again = bodies.again(place(round), &bytes, &header);
        assert_eq!(first.opened.is_ok(), again.opened.is_ok());
        assert_eq!(first.message(), again.message());
    }
}
