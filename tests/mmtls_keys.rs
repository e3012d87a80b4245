// SPDX-License-Identifier: GPL-2.0-or-later
//! Keys of MMTLS: known answers from elsewhere (`vectors/mmtls_vectors.py`), all key logs of the generator, and files
//! as they grow.

use bytes::BytesMut;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;

use allocation_counter::measure;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value;
use wechat_dissector::mmtls::schedule::{
    EARLY, EARLY_RESPONSE, HANDSHAKE, PSK_ACCESS, PSK_REFRESH, Transcript, application_keys,
    encrypted_extensions, finished, resumed_keys,
};
use wechat_dissector::mmtls::seal::{Opener, Openers};
use wechat_dissector::wechat::hidden::Hidden;
use wechat_dissector::wechat::key_log::business::CipherKey;
use wechat_dissector::wechat::key_log::file::KeyLogFile;
use wechat_dissector::wechat::key_log::half::{Half, Hash, Pair, Secret};
use wechat_dissector::wechat::key_log::keys::{Counts, KeyLog, LONGEST_LINE, Progress};
use wechat_dissector::wechat::key_log::line::{self, Given, Line, Name, Passed};
use wechat_traffic::mmtls::case::{self, Made};
use wechat_traffic::mmtls::key_log::{self, Opening, hex};
use wechat_traffic::mmtls::record::{Epoch, Record, What};
use wechat_traffic::mmtls::session::{Handshake, Session};
use wechat_traffic::packet::Direction;

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a text");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("digits")).collect()
}

fn array<const N: usize>(text: &Value) -> [u8; N] {
    unhex(text).try_into().expect("so many bytes")
}

fn secret(text: &Value) -> Secret {
    Hidden::new(array(text))
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/mmtls_vectors.json")).expect("JSON")
}

fn rows(vectors: &Value, name: &str) -> Vec<Value> {
    vectors[name].as_array().expect("a list").clone()
}

/// The header of a record, and what is behind it.
fn parts(wire: &[u8]) -> ([u8; 5], &[u8]) {
    let (header, sealed) = wire.split_first_chunk().expect("a header");
    (*header, sealed)
}

// Known answers.

#[test]
fn the_schedule_gives_known_answers() {
    let vectors = vectors();
    let schedule = rows(&vectors, "schedule");
    assert_eq!(schedule.len(), 8);
    for row in schedule {
        let (secret, hash): (Secret, Hash) = (secret(&row["secret"]), array(&row["hash"]));
        let bytes = &row["bytes"];
        let pair = |pair: Pair| assert_eq!(pair, Pair::new(&Hidden::new(array(bytes))), "{row}");
        match row["output"].as_str().expect("a name") {
            "handshake" => pair(HANDSHAKE.pair(&secret, &hash)),
            "application" => pair(application_keys(&secret, &hash)),
            "resumed" => pair(resumed_keys(&secret, &[hash]).next().expect("a first")),
            "resumed directly" => pair(resumed_keys(&secret, &[hash]).nth(1).expect("a second")),
            "access psk" => assert_eq!(PSK_ACCESS.secret(&secret, &hash).bytes(), &array(bytes)),
            "refresh psk" => assert_eq!(PSK_REFRESH.secret(&secret, &hash).bytes(), &array(bytes)),
            "early" => assert_eq!(EARLY.half(&secret, &hash), Half::new(&Hidden::new(array(bytes)))),
            "early response" => {
                assert_eq!(EARLY_RESPONSE.half(&secret, &hash), Half::new(&Hidden::new(array(bytes))));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn keys_stand_where_the_schedule_puts_them_out() {
    let bytes: [u8; 56] = std::array::from_fn(|at| at as u8);
    let pair = Pair::new(&Hidden::new(bytes));
    assert_eq!(pair.client.key.bytes()[..], bytes[..16]);
    assert_eq!(pair.server.key.bytes()[..], bytes[16..32]);
    assert_eq!(pair.client.iv.bytes()[..], bytes[32..44]);
    assert_eq!(pair.server.iv.bytes()[..], bytes[44..]);
    assert_eq!((pair.half(true), pair.half(false)), (&pair.client, &pair.server));
}

#[test]
fn a_transcript_hashes_what_was_added_so_far() {
    let vectors = vectors();
    let schedule = rows(&vectors, "schedule");
    let hash_of = |name: &str| -> Hash {
        array(&schedule.iter().find(|row| row["output"] == name).expect("a row")["hash"])
    };
    let extensions = encrypted_extensions(vectors["time"].as_u64().expect("a number") as u32);
    assert_eq!(extensions[..], unhex(&vectors["extensions"]));
    let [hello, server_hello, verify, tickets] =
        ["hello", "server hello", "verify", "tickets"].map(|name| unhex(&vectors["messages"][name]));

    let mut transcript = Transcript::default();
    transcript.add(&hello);
    assert_eq!(transcript.hash(), hash_of("early"));
    let mut answer = transcript.clone();
    answer.add(&extensions);
    answer.add(&server_hello);
    assert_eq!(answer.hash(), hash_of("early response"));
    transcript.add(&server_hello);
    assert_eq!(transcript.hash(), hash_of("handshake"));
    transcript.add(&verify);
    assert_eq!(transcript.hash(), hash_of("access psk"));
    transcript.add(&tickets);
    assert_eq!(transcript.hash(), hash_of("application"));
    assert!(size_of::<Transcript>() <= 112, "{}", size_of::<Transcript>());
}

#[test]
fn a_finished_has_a_known_answer() {
    let rows = rows(&vectors(), "finished");
    assert_eq!(rows.len(), 2);
    for row in rows {
        let from_client = row["from_client"].as_bool().expect("a boolean");
        assert_eq!(
            finished(&secret(&row["secret"]), from_client, &array(&row["hash"])),
            array(&row["bytes"])
        );
    }
}

#[test]
fn records_have_known_answers_and_open_no_other_way() {
    for row in rows(&vectors(), "records") {
        let (key, nonce) = (Hidden::new(array(&row["key"])), Hidden::new(array(&row["nonce"])));
        let half = Half { key: key.clone(), iv: Hidden::new(array(&row["iv"])) };
        let seq: u64 = row["seq"].as_str().expect("digits").parse().expect("a number");
        assert_eq!(half.nonce(seq), nonce);
        assert_eq!(Half::of_record(key, &nonce, seq), half);

        let (header, sealed, plain) = (array(&row["header"]), unhex(&row["sealed"]), unhex(&row["plain"]));
        let opener = Opener::new(&half);
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(opener.open(seq, &header, &sealed, &mut out), "{row}");
        assert_eq!(out, [b"before", &plain[..]].concat());

        let mut out = BytesMut::from(&b"before"[..]);
        let mut opens = |seq, header: &[u8; 5], sealed: &[u8]| {
            let opened = opener.open(seq, header, sealed, &mut out);
            assert_eq!(&out[..], b"before");
            opened
        };
        assert!(!opens(seq.wrapping_add(1), &header, &sealed));
        for place in 0..5 {
            let mut header = header;
            header[place] ^= 1;
            assert!(!opens(seq, &header, &sealed));
        }
        for place in [0, sealed.len() / 2, sealed.len() - 16, sealed.len() - 1] {
            let mut sealed = sealed.clone();
            sealed[place] ^= 0x80;
            assert!(!opens(seq, &header, &sealed));
        }
        for length in 0..sealed.len() {
            assert!(!opens(seq, &header, &sealed[..length]));
        }
    }
}

// Trials, expanded keys.

/// A half, header and sealed content made by the generator.
fn sealed(seq: u64, size: usize) -> (Half, [u8; 5], Vec<u8>, Vec<u8>) {
    let mut rng = ChaCha8Rng::seed_from_u64(size as u64);
    let mut bytes = [0; 28];
    rng.fill_bytes(&mut bytes);
    let mut plain = vec![0; size];
    rng.fill_bytes(&mut plain);
    let their = wechat_traffic::mmtls::keys::Half::of(&bytes);
    let [high, low] = (size as u16 + 16).to_be_bytes();
    let header = [0x17, 0xF1, 0x04, high, low];
    let additional = [&seq.to_be_bytes()[..], &header].concat();
    let sealed = their.seal(seq, &additional, &plain);
    (Half::new(&Hidden::new(bytes)), header, sealed, plain)
}

#[test]
fn a_trial_finds_the_sequence_number_whatever_the_length() {
    for size in (0..70).chain([255, 256, 257, 1000, 0x7FF0]) {
        for seq in [0, 1, 4095, u64::from(u32::MAX) + 7] {
            let (half, header, sealed, plain) = sealed(seq, size);
            let opener = Opener::new(&half);
            let mut out = BytesMut::from(&b"before"[..]);
            let range = seq.saturating_sub(40)..seq + 3;
            assert_eq!(opener.find(range, &header, &sealed, &mut out), Some(seq), "{size} bytes");
            assert_eq!(out, [b"before", &plain[..]].concat());
            let mut out = BytesMut::from(&b"before"[..]);
            assert_eq!(opener.find(seq + 1..seq + 100, &header, &sealed, &mut out), None);
            let mut changed = sealed.clone();
            changed[size / 2] ^= 1;
            assert_eq!(opener.find(seq..=seq, &header, &changed, &mut out), None);
            assert_eq!(opener.find(seq..=seq, &header, &sealed[..15], &mut out), None);
            assert_eq!(&out[..], b"before");
        }
    }
}

#[test]
fn openers_open_with_more_keys_than_they_keep_and_then_allocate_nothing() {
    let made: Vec<_> = (0..40).map(|size| sealed(3, size)).collect();
    let mut openers = Openers::default();
    let mut out = BytesMut::with_capacity(64);
    let mut round = |order: &mut dyn Iterator<Item = usize>| {
        for place in order {
            let (half, header, sealed, plain) = &made[place];
            out.clear();
            assert!(openers.of(half).open(3, header, sealed, &mut out));
            assert_eq!(&out, plain);
            // Equal keys with another IV are other keys.
            let other = Half { key: half.key.clone(), iv: Hidden::new([7; 12]) };
            assert!(!openers.of(&other).open(3, header, sealed, &mut out));
        }
    };
    round(&mut (0..40));
    let steady = measure(|| {
        round(&mut (0..40).rev());
        round(&mut (0..40).map(|turn| turn % 2));
        round(&mut (0..40).map(|turn| turn * 7 % 40));
    });
    assert_eq!(steady.count_total, 0);
}

// Key logs of the generator.

fn read(bytes: &[u8]) -> KeyLog {
    let mut log = KeyLog::default();
    let mut progress = Progress::default();
    log.read(&mut &bytes[..], &mut progress).expect("no file");
    log
}

fn tail(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(*bytes.last_chunk().expect("eight bytes"))
}

fn opens(half: &Half, record: &Record) -> bool {
    let (header, sealed) = parts(&record.wire);
    let mut out = BytesMut::new();
    Opener::new(half).open(record.seq, &header, sealed, &mut out) && out == record.plain
}

/// Keys that follow from what is given of a session.
fn keys_of(log: &KeyLog, session: &Session) -> Vec<(Epoch, Direction, Half)> {
    let message = |what: What| session.records.iter().find(|record| record.what == what);
    let hash = |whats: &[What]| -> Option<Hash> {
        let mut transcript = Transcript::default();
        for what in whats {
            transcript.add(&message(*what)?.plain);
        }
        Some(transcript.hash())
    };
    let hello = hash(&[What::ClientHello]);
    let both = hash(&[What::ClientHello, What::ServerHello]);
    let whole = [What::ClientHello, What::ServerHello, What::CertificateVerify, What::NewSessionTicket];
    let whole = hash(&whole);
    let answer = message(What::ServerHello).and_then(|server_hello| {
        let mut transcript = Transcript::default();
        transcript.add(&message(What::ClientHello)?.plain);
        transcript.add(&encrypted_extensions(session.start.time));
        transcript.add(&server_hello.plain);
        Some(transcript.hash())
    });

    let mut keys = Vec::new();
    let mut both_ways = |epoch, pair: Pair| {
        keys.push((epoch, Direction::ClientToServer, pair.client.clone()));
        keys.push((epoch, Direction::ServerToClient, pair.server.clone()));
    };
    let named = [hello, both, whole, answer].into_iter().flatten().flat_map(|hash| log.by_hash(&hash));
    let given: Vec<Given> = log.by_random(&session.random).chain(named).collect();
    let mut psks: Vec<Secret> = Vec::new();
    let mut halves = Vec::new();
    for given in given {
        match given {
            Given::Shared(shared) => {
                both_ways(Epoch::Handshake, HANDSHAKE.pair(&shared, &both.expect("hellos")));
                both_ways(Epoch::Application, application_keys(&shared, &whole.expect("a whole handshake")));
            }
            Given::Psk(psk) => psks.push(psk),
            Given::Handshake(pair) => both_ways(Epoch::Handshake, pair),
            Given::Application(pair) => both_ways(Epoch::Application, pair),
            Given::Early(half) => halves.push((Epoch::Early, Direction::ClientToServer, half)),
            Given::EarlyResponse(half) => {
                halves.push((Epoch::EarlyResponse, Direction::ServerToClient, half))
            }
        }
    }
    psks.extend(log.psks());
    for psk in psks.iter().filter(|_| session.start.handshake == Handshake::Resumed) {
        both_ways(Epoch::Handshake, HANDSHAKE.pair(psk, &both.expect("hellos")));
        both_ways(Epoch::Application, resumed_keys(psk, &[both.expect("hellos")]).next().expect("a trial"));
    }
    for psk in psks.iter().filter(|_| session.start.handshake == Handshake::EarlyData) {
        halves.push((Epoch::Early, Direction::ClientToServer, EARLY.half(psk, &hello.expect("a hello"))));
        let answer = EARLY_RESPONSE.half(psk, &answer.expect("hellos"));
        halves.push((Epoch::EarlyResponse, Direction::ServerToClient, answer));
    }
    keys.extend(halves);
    keys
}

/// What opens a record, tried in the generator's order.
fn opening(log: &KeyLog, session: &Session, record: &Record) -> Option<Opening> {
    let seal = record.seal?;
    let from_client = record.direction == Direction::ClientToServer;
    let lines: Vec<_> = log.by_tail(tail(&record.wire)).collect();
    assert!(lines.iter().all(|line| line.from_client == from_client && line.seq == record.seq));
    if lines.iter().any(|line| opens(&line.half, record)) {
        return Some(Opening::Line);
    }
    let mut others = session.records.iter().filter(|other| other.direction == record.direction);
    if others.any(|other| log.by_tail(tail(&other.wire)).any(|line| opens(&line.half, record))) {
        return Some(Opening::SameDirection);
    }
    let keys = keys_of(log, session);
    let mut fitting =
        keys.iter().filter(|(epoch, direction, _)| (*epoch, *direction) == (seal.epoch, record.direction));
    if fitting.any(|(_, _, half)| opens(half, record)) {
        return Some(Opening::Secret);
    }
    (!lines.is_empty()).then_some(Opening::Tag)
}

#[test]
fn each_record_opens_by_what_the_generator_says_and_by_nothing_else() {
    let mut seen = BTreeSet::new();
    for name in ["full", "full-f103", "resumed", "resumed-f103", "calls", "tickets", "replay", "long-calls"] {
        let made = case::find(name).expect("a case").make(1).expect("a capture");
        for log in made.logs() {
            let (ours, theirs) = (read(&log.bytes), log.records(&made.story, &|_, _| true));
            for (session, theirs) in made.story.sessions.iter().zip(theirs) {
                assert_eq!(session.records.len(), theirs.len());
                for (record, theirs) in session.records.iter().zip(theirs) {
                    let ours = opening(&ours, session, record);
                    assert_eq!(ours, theirs, "{name}, {}: {:?} {}", log.name, record.what, record.seq);
                    seen.insert(ours);
                }
            }
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn lines_of_each_sort_are_counted_in_each_key_log() {
    for name in ["full", "calls", "two-phones"] {
        let made = case::find(name).expect("a case").make(1).expect("a capture");
        let logs = made.logs();
        assert_eq!(logs.len(), key_log::KINDS.len());
        for log in logs {
            let expected = expected(&made, log.name, log.wrong_lengths, &log.bytes);
            assert_eq!(read(&log.bytes).counts(), expected, "{name}, {}", log.name);
        }
    }
}

/// What is in a key log, from the story that it is about.
fn expected(made: &Made, name: &str, wrong_lengths: usize, bytes: &[u8]) -> Counts {
    let story = &made.story;
    let all: Vec<(usize, &Record)> = (story.sessions.iter().enumerate())
        .flat_map(|(session, of)| of.records.iter().map(move |record| (session, record)))
        .filter(|(_, record)| record.seal.is_some())
        .collect();
    let of = |direction| all.iter().filter(|(_, record)| record.direction == direction).count() as u64;
    let sent = |from_client| -> u64 {
        let packets = story.packets.iter().filter(|packet| packet.from_client == from_client);
        packets.map(|packet| packet.ciphers.len() as u64).sum()
    };
    let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
    let (records, ciphers) = (of(client) + of(server), sent(true) + sent(false));
    let accounts = story.accounts.len() as u64;
    let roots = |session: &Session| u64::from(session.shared.is_some()) + u64::from(session.psk().is_some());
    let roots: u64 = story.sessions.iter().map(roots).sum();
    let keys: u64 = story.sessions.iter().map(|session| session.keys.len() as u64).sum();
    let by_record = Counts { records, ciphers, ..Counts::default() };
    let mixed = Counts { sessions: roots, accounts, ..by_record };
    match name {
        "records" => by_record,
        "secrets" => Counts { sessions: roots, accounts, ..Counts::default() },
        "keys" | "hashes" => Counts { sessions: keys, ..Counts::default() },
        "mixed" | "crlf" | "upper-case" | "no-final-newline" | "comments" | "reversed" => mixed,
        "garbage" => {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            // The stored ticket's line says nothing of a capture, and is no garbage.
            let passed_over = lines - records - ciphers - roots - accounts - 1;
            assert!(passed_over >= 16);
            Counts { passed_over, ..mixed }
        }
        "wrong-lengths" => Counts { wrong_length: wrong_lengths as u64, ..Counts::default() },
        "wrong-keys" => Counts { records, ..Counts::default() },
        "wrong-secrets" => Counts { sessions: roots, ..Counts::default() },
        "duplicate-tails" => Counts { records: 2 * records, ciphers, ..Counts::default() },
        "every-second" => Counts { records: records.div_ceil(2), ..by_record },
        "first-of-direction" => {
            let keys: HashSet<_> =
                all.iter().filter_map(|(session, record)| Some((session, record.seal?.half.key))).collect();
            Counts { records: keys.len() as u64, ..by_record }
        }
        "client-only" => Counts { records: of(client), ciphers: sent(true), ..Counts::default() },
        "server-only" => Counts { records: of(server), ciphers: sent(false), ..Counts::default() },
        "one-psk" => {
            let psks: HashSet<_> = story.sessions.iter().filter_map(Session::psk).collect();
            Counts { sessions: psks.len() as u64, ..Counts::default() }
        }
        "any-account" => Counts { accounts: accounts.min(1), ..Counts::default() },
        "foreign" => Counts { records: 50, sessions: 50, ..Counts::default() },
        "empty" => Counts::default(),
        other => panic!("{other} is new"),
    }
}

#[test]
fn keys_of_business_packets_are_found_by_tail_and_by_account() {
    let made = case::find("two-phones").expect("a case").make(1).expect("a capture");
    let log = read(&made.log("mixed").expect("a key log").bytes);
    let mut sorts = [0; 3];
    for packet in &made.story.packets {
        for cipher in &packet.ciphers {
            let is_gcm = !cipher.tag.is_empty();
            let named = if is_gcm && packet.from_client { &cipher.nonce } else { &cipher.text };
            let fits = |key: &CipherKey| match key {
                CipherKey::Cbc(key) => !is_gcm && key.bytes()[..] == cipher.key,
                CipherKey::Gcm { key, additional } => {
                    let additional = additional.as_ref().map_or(&[][..], |additional| additional);
                    is_gcm && key.bytes()[..] == cipher.key && additional == cipher.additional
                }
            };
            assert_eq!(log.business().by_tail(tail(named)).filter(|(_, key)| fits(key)).count(), 1);
            sorts[if is_gcm { 1 + usize::from(packet.from_client) } else { 0 }] += 1;
        }
    }
    assert!(sorts.iter().all(|count| *count > 0), "{sorts:?}");

    assert_eq!(made.story.accounts.len(), 2);
    for (account, key) in &made.story.accounts {
        let found: Vec<_> = log.business().by_account(*account).map(|(_, key)| key).collect();
        assert_eq!(found, [CipherKey::Cbc(Hidden::new(*key))]);
    }
    let log = read(&made.log("any-account").expect("a key log").bytes);
    let found: Vec<_> = log.business().by_account(7).map(|(_, key)| key).collect();
    assert_eq!(found, [CipherKey::Cbc(Hidden::new(made.story.accounts[0].1))]);
}

// Lines.

const OUTER: &str = r#"{"layer":"OUTER","encrypt":true,"key":"000102030405060708090a0b0c0d0e0f","nonce":"a0a1a2a3a4a5a6a7a8a9aaab","metadata":"000000000000000317f1040020","tail":"f0f1f2f3f4f5f6f7"}"#;

/// The same line, changed.
fn outer(from: &str, to: &str) -> String {
    assert!(OUTER.contains(from), "{from}");
    OUTER.replace(from, to)
}

fn read_line(text: &str) -> Result<Option<Line>, Passed> {
    line::read(text.as_bytes())
}

#[test]
fn a_line_of_a_record_is_read_in_whichever_way_it_is_written() {
    let half = Half {
        key: Hidden::new(std::array::from_fn(|at| at as u8)),
        iv: Hidden::new([0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB ^ 3]),
    };
    let line = Line::Record { tail: 0xF0F1_F2F3_F4F5_F6F7, from_client: true, half, seq: 3 };
    for text in [
        OUTER.to_owned(),
        format!("\u{feff}  {OUTER}\t\r\n"),
        outer("{\"layer\":\"OUTER\",", "{ \"more\": {\"key\": [\"00\", null]}, \"layer\" : \"OUTER\" , "),
        outer("\"}", "\",\"time\":1.5e3,\"note\":null,\"ok\":false,\"iv\":\"\"}"),
        outer("0a0b0c0d0e0f", "0A0B0c0D0e0F"),
        outer("\"key\"", "\"k\\u0065y\""),
        outer("\"layer\":\"OUTER\",", "").replace('}', ",\"layer\":\"OUTER\"}"),
    ] {
        assert_eq!(read_line(&text), Ok(Some(line.clone())), "{text}");
    }
    let server = read_line(&outer("true", "false"));
    assert!(matches!(server, Ok(Some(Line::Record { from_client: false, .. }))));
}

#[test]
fn a_line_that_is_none_says_why() {
    use Passed::{Unknown, WrongLength};
    let name = "00".repeat(32);
    for (text, why) in [
        (outer("0c0d0e0f", "0c0d0e"), WrongLength),
        (outer("0c0d0e0f", "0c0d0e0f10"), WrongLength),
        (outer("0c0d0e0f", "0c0d0e0"), WrongLength),
        (outer("000102030405060708090a0b0c0d0e0f", ""), WrongLength),
        (outer("0c0d0e0f", "0c0d0e0g"), Unknown),
        (outer("a8a9aaab", "a8a9aa"), Unknown),
        (outer("1040020", "10400"), Unknown),
        (outer("f5f6f7", "f5f6"), Unknown),
        (outer("0000000000000003", "0000000100000000"), Unknown),
        (outer("true", "1"), Unknown),
        (outer("OUTER", "MIDDLE"), Unknown),
        (outer("\"tail\"", "\"tale\""), Unknown),
        (format!("{OUTER}{OUTER}"), Unknown),
        (format!("{OUTER} trailing"), Unknown),
        (format!("MMTLS_PSK {name} {}", "11".repeat(31)), WrongLength),
        (format!("MMTLS_PSK {name} {}", "11".repeat(3000)), WrongLength),
        (format!("MMTLS_EARLY_KEYS {name} {}", "11".repeat(56)), WrongLength),
        (format!("MMTLS_APPLICATION_KEYS {name} {}", "11".repeat(28)), WrongLength),
        (format!("MMTLS_PSK {name}0 {name}"), Unknown),
        (format!("MMTLS_PSK hash: {name}"), Unknown),
        (format!("MMTLS_PSK {name} {name} {name}"), Unknown),
        (format!("MMTLS_PSK_2 {name} {name}"), Unknown),
        (format!("MMTLS_PSK {name}"), Unknown),
        (format!("WECHAT_SESSION_KEY 7 {}", "22".repeat(15)), WrongLength),
        (format!("WECHAT_SESSION_KEY 4294967296 {}", "22".repeat(16)), Unknown),
        (format!("WECHAT_SESSION_KEY me {}", "22".repeat(16)), Unknown),
        ("[1]".into(), Unknown),
        ("\u{0}".into(), Unknown),
    ] {
        assert_eq!(read_line(&text), Err(why), "{text}");
    }
    let stored = outer("000000000000000317f1040020", "");
    for text in ["", " \t\r", "# MMTLS_PSK", "  # {", "\u{feff}", &stored] {
        assert_eq!(read_line(text), Ok(None), "{text}");
    }
}

#[test]
fn a_line_of_a_ciphertext_is_read_in_whichever_way_it_is_written() {
    let cbc = format!(
        r#"{{"layer":"INNER","encrypt":true,"key":"{0}","nonce":"{0}","tail":"00000000000000a1"}}"#,
        "1f".repeat(16)
    );
    let gcm = format!(
        r#"{{"layer":"INNER","encrypt":false,"key":"{}","iv":"{}","metadata":"","tag":"{}","tail":"00000000000000a1"}}"#,
        "2f".repeat(24),
        "3f".repeat(12),
        "4f".repeat(16)
    );
    let sealed = |additional| CipherKey::Gcm { key: Hidden::new([0x2F; 24]), additional };
    for (text, key) in [
        (cbc.clone(), CipherKey::Cbc(Hidden::new([0x1F; 16]))),
        (cbc.replace('}', ",\"metadata\":\"\"}"), CipherKey::Cbc(Hidden::new([0x1F; 16]))),
        (gcm.clone(), sealed(None)),
        (
            gcm.replace("\"metadata\":\"", &format!("\"metadata\":\"{}", "5f".repeat(32))),
            sealed(Some([0x5F; 32])),
        ),
        // Of what the client seals the IV is the tail.
        (gcm.replace("\"tail\":\"", "\"tail\":\"ffffffff"), sealed(None)),
    ] {
        assert_eq!(read_line(&text), Ok(Some(Line::Cipher { tail: 0xA1, key: key.clone() })), "{text}");
        let log = read(text.as_bytes());
        let [(number, found)] = log.business().by_tail(0xA1).collect::<Vec<_>>().try_into().expect("one key");
        assert_eq!((&found, log.business().key(number).as_ref()), (&key, Some(&key)), "{text}");
    }
    for (text, why) in [
        (cbc.replacen("1f1f", "1f", 1), Passed::WrongLength),
        (gcm.replacen("2f2f", "2f", 1), Passed::WrongLength),
        // What is no key, or one of another way.
        (cbc.replacen("1f1f", "1f1e", 1), Passed::Unknown),
        (gcm.replacen("3f3f", "3f", 1), Passed::Unknown),
        (gcm.replacen("4f4f", "4f", 1), Passed::Unknown),
        (gcm.replace("\"metadata\":\"", "\"metadata\":\"00"), Passed::Unknown),
        (gcm.replace("\"tail\":\"", "\"tail\":\"ff"), Passed::Unknown),
    ] {
        assert_eq!(read_line(&text), Err(why), "{text}");
    }
}

#[test]
fn a_line_of_a_session_is_read_in_whichever_way_it_is_written() {
    let (name, key) = ("aB".repeat(32), "cD".repeat(32));
    let psk = Given::Psk(Hidden::new([0xCD; 32]));
    for (text, name) in [
        (format!("MMTLS_PSK {name} {key}"), Name::Random([0xAB; 32])),
        (format!("  mmtls_psk\t{name}   {key} # mine\r"), Name::Random([0xAB; 32])),
        (format!("MMTLS_PSK hash:{name} {key}"), Name::Hash([0xAB; 32])),
        (format!("MMTLS_PSK HASH:{name} {key}"), Name::Hash([0xAB; 32])),
    ] {
        let log = read(text.as_bytes());
        let found: Vec<_> = match name {
            Name::Random(random) => log.by_random(&random).collect(),
            Name::Hash(hash) => log.by_hash(&hash).collect(),
        };
        assert_eq!(found, std::slice::from_ref(&psk), "{text}");
        assert_eq!(log.by_random(&[0xAC; 32]).count() + log.by_hash(&[0xAC; 32]).count(), 0);
    }
    let log = read(format!("MMTLS_PSK {name} {key}\nMMTLS_SHARED_SECRET hash:{name} {key}\n").as_bytes());
    let shared = Given::Shared(Hidden::new([0xCD; 32]));
    assert_eq!(log.by_random(&[0xAB; 32]).collect::<Vec<_>>(), [psk]);
    assert_eq!(log.by_hash(&[0xAB; 32]).collect::<Vec<_>>(), [shared]);
    assert_eq!(log.psks().collect::<Vec<_>>(), [Hidden::new([0xCD; 32])]);
}

#[test]
fn equal_lines_are_one_and_other_keys_of_a_tail_are_candidates() {
    let other = outer("0c0d0e0f", "0c0d0eff");
    let log = read([OUTER, &other, OUTER, OUTER].join("\n").as_bytes());
    assert_eq!(log.by_tail(0xF0F1_F2F3_F4F5_F6F7).count(), 2);
    assert_eq!(log.by_tail(0xF0F1_F2F3_F4F5_F6F8).count(), 0);
    assert_eq!(log.counts().records, 4);
}

/// Gives at most so many bytes at once.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(into.len());
        self.0.read(&mut into[..length])
    }
}

#[test]
fn it_does_not_matter_how_an_input_comes() {
    let made = case::find("full").expect("a case").make(2).expect("a capture");
    let bytes = made.log("garbage").expect("a key log").bytes;
    let whole = read(&bytes);
    let mut text = KeyLog::default();
    assert!(text.add_text(&bytes));
    for size in [211, 4096, LONGEST_LINE - 1] {
        let mut slow = KeyLog::default();
        let mut progress = Progress::default();
        assert!(slow.read(&mut Slow(&bytes, size), &mut progress).expect("no file"));
        assert_eq!((slow.counts(), progress.read), (whole.counts(), bytes.len() as u64), "{size} at once");
    }
    assert_eq!(text.counts(), whole.counts());
}

#[test]
fn long_lines_are_passed_over_without_being_kept() {
    let long = vec![b'x'; 40 * LONGEST_LINE];
    let bytes = [OUTER.as_bytes(), b"\n", &long, b"\n", OUTER.as_bytes(), b"\n"].concat();
    let mut log = KeyLog::default();
    let mut progress = Progress::default();
    let cost = measure(|| {
        log.read(&mut &bytes[..], &mut progress).expect("no file");
    });
    assert_eq!(log.counts(), Counts { records: 2, passed_over: 1, ..Counts::default() });
    assert_eq!(progress.read, bytes.len() as u64);
    assert!(cost.bytes_max < 3 * LONGEST_LINE as u64, "{}", cost.bytes_max);

    // One that has no end yet, and one that just fits.
    let (mut log, mut progress) = (KeyLog::default(), Progress::default());
    let start = [OUTER.as_bytes(), b"\n", &long[..LONGEST_LINE + 1]].concat();
    log.read(&mut &start[..], &mut progress).expect("no file");
    let fitting = vec![b' '; LONGEST_LINE - 1 - OUTER.len()];
    let more = [&long[..9], b"\n", &fitting, OUTER.as_bytes(), b"\n"].concat();
    log.read(&mut &[&start[progress.read as usize..], &more].concat()[..], &mut progress).expect("no file");
    assert_eq!(log.counts(), Counts { records: 2, passed_over: 1, ..Counts::default() });
}

#[test]
fn each_truncation_gives_the_lines_that_are_whole() {
    let made = case::find("full").expect("a case").make(1).expect("a capture");
    let bytes = made.log("mixed").expect("a key log").bytes;
    let bytes = [&bytes[..900], &bytes[bytes.len() - 400..]].concat();
    let sum = |counts: Counts| counts.records + counts.sessions + counts.ciphers + counts.accounts;
    let mut before = 0;
    for length in 0..=bytes.len() {
        let (mut log, mut progress) = (KeyLog::default(), Progress::default());
        log.read(&mut &bytes[..length], &mut progress).expect("no file");
        let now = log.counts();
        assert!(sum(now) == before || sum(now) == before + 1, "{length}");
        before = sum(now);
        // The rest afterwards is the same as all at once.
        log.read(&mut &bytes[progress.read as usize..], &mut progress).expect("no file");
        assert_eq!(log.counts(), read(&bytes).counts(), "{length}");
    }
}

#[test]
fn random_bytes_give_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(15);
    let words: [&[u8]; 10] =
        [b"{", b"}", b"\"", b"MMTLS_PSK ", b"hash:", b"\n", OUTER.as_bytes(), b"\\u00", b"[[[", b"00112233"];
    for round in 0..1000 {
        let mut bytes = vec![0; round % 300];
        rng.fill_bytes(&mut bytes);
        for _ in 0..round % 7 {
            let at = rng.next_u32() as usize % (bytes.len() + 1);
            let word = words[rng.next_u32() as usize % words.len()];
            let end = (at + word.len() / 2).min(bytes.len());
            bytes.splice(at..end, word.iter().copied());
        }
        let log = read(&bytes);
        assert_eq!(log.counts().sessions + log.counts().accounts + log.counts().ciphers, 0);
    }
    let long: Vec<u8> = (0..1_000_000).map(|_| (rng.next_u32() >> 13) as u8).collect();
    assert_eq!(read(&long).counts().wrong_length, 0);
}

#[test]
fn a_key_log_costs_what_it_holds() {
    const LINES: usize = 200_000;
    let mut text = Vec::new();
    for number in 0..LINES {
        // A key for each fifth record, as in calls.
        let (key, tail) = (number / 5, (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut nonce = [0x5A; 12];
        nonce[..8].copy_from_slice(&key.to_be_bytes());
        nonce[11] ^= (number % 5) as u8;
        let line = format!(
            r#"{{"layer":"OUTER","encrypt":true,"nonce":"{}","key":"{key:032x}","metadata":"{:016x}17f1040020","tail":"{tail:016x}"}}"#,
            hex(&nonce),
            number % 5
        );
        text.extend(line.as_bytes());
        text.push(b'\n');
    }
    let mut log = KeyLog::default();
    let cost = measure(|| log = read(&text));
    assert_eq!(log.counts().records, LINES as u64);
    let each = cost.bytes_current as f64 / LINES as f64;
    println!("{each:.1} bytes a line");
    assert!(each < 40.0, "{each:.1} bytes a line");
}

// Files.

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}

#[test]
fn a_file_is_read_as_it_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.log");
    let mut file = KeyLogFile::new(&path);
    let mut log = KeyLog::default();
    assert!(!file.refresh(&mut log));
    let missing = fs::metadata(&path).expect_err("no file").to_string();
    assert_eq!(file.error(), Some(&*missing));

    append(&path, "# nothing yet\n");
    assert!(!file.refresh(&mut log));
    assert_eq!(file.error(), None);
    append(&path, &format!("{OUTER}\n{}", &OUTER[..50]));
    assert!(file.refresh(&mut log));
    assert!(!file.refresh(&mut log));
    assert_eq!(log.counts(), Counts { records: 1, ..Counts::default() });
    append(&path, &OUTER[50..]);
    assert!(file.refresh(&mut log));
    append(&path, "\n");
    assert!(!file.refresh(&mut log));
    append(&path, &format!("MMTLS_PSK {} {}", "00".repeat(32), "11".repeat(31)));
    assert!(!file.refresh(&mut log));
    assert_eq!(log.counts(), Counts { records: 2, ..Counts::default() });
    append(&path, "11\r\nrubbish\n");
    assert!(file.refresh(&mut log));
    assert_eq!(log.counts(), Counts { records: 2, sessions: 1, passed_over: 1, ..Counts::default() });
}

#[test]
fn a_file_that_was_replaced_is_read_from_its_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.log");
    let lines = |count: usize| -> String {
        (0..count).map(|number| outer("f0f1f2f3", &format!("{number:08x}")) + "\n").collect()
    };
    let mut file = KeyLogFile::new(&path);
    let mut log = KeyLog::default();
    let mut records = 0;
    let mut refresh = |text: &str, added: u64| {
        fs::write(&path, text).expect("written");
        assert_eq!(file.refresh(&mut log), added > 0, "{text}");
        records += added;
        assert_eq!((log.counts().records, file.error()), (records, None));
    };
    refresh(&lines(10), 10);
    // Shorter, longer, as long.
    refresh(&lines(3), 3);
    refresh("", 0);
    refresh(&lines(2), 2);
    refresh(&format!("# begins with something else\n{}", lines(4)), 4);
    refresh(&lines(1).replace("f4f5f6f7", "e4e5e6e7").repeat(4), 4);
    let turned = lines(1).replace("f4f5f6f7", "d4d5d6d7").repeat(4);
    // So that the time of change differs even where clocks are coarse.
    std::thread::sleep(std::time::Duration::from_millis(20));
    refresh(&turned, 4);
    // What it gave before stays.
    assert_eq!(log.by_tail(0x0000_0009_F4F5_F6F7).count(), 1);
    fs::remove_file(&path).expect("removed");
    assert!(!file.refresh(&mut log) && file.error().is_some());
    assert_eq!(log.by_tail(0xD4D5_D6D7).count(), 1);
}

#[test]
fn what_is_no_file_is_an_error_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = KeyLog::default();
    let mut file = KeyLogFile::new(folder.path());
    assert!(!file.refresh(&mut log));
    assert_eq!((file.error(), file.path()), (Some("not a file"), folder.path()));
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let mut file = KeyLogFile::new(&pipe);
        assert!(!file.refresh(&mut log));
        assert_eq!(file.error(), Some("not a file"));
    }
}

// Nothing is shown.

#[test]
fn keys_have_no_words() {
    let mut log = read(OUTER.as_bytes());
    log.add_text(format!("MMTLS_PSK {} {}", "07".repeat(32), "c9".repeat(32)).as_bytes());
    log.add_text(format!("WECHAT_SESSION_KEY 7 {}", "c9".repeat(16)).as_bytes());
    let line = read_line(OUTER);
    let half = log.by_tail(0xF0F1_F2F3_F4F5_F6F7).next().expect("a line").half;
    let opener = Opener::new(&half);
    let shown = format!("{log:?} {log:#?} {line:?} {half:?} {opener:?} {:?}", Secret::new([0xC9; 32]));
    for word in ["0, 1, 2, 3", "201, 201", "c9c9", "C9, C9", "000102", "160, 161"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }
    assert!(shown.contains("Hidden(..)") && shown.contains("Opener(..)"));
}
