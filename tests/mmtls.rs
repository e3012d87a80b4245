// SPDX-License-Identifier: GPL-2.0-or-later
//! MMTLS against the generator's truth: every case, closed and with each sort of key log; what is shown of each session,
//! record and frame.

#[path = "support/host.rs"]
mod host;
#[path = "support/mmtls_truth.rs"]
mod mmtls_truth;
#[path = "support/render.rs"]
mod render;
#[path = "support/shown.rs"]
mod shown;

use std::collections::BTreeMap;
use std::io::Write as _;

use host::{Call, Host};
use mmtls_truth::{Faults, all_is_as_meant, compare};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use shown::Shown;
use wechat_dissector::config::Config;
use wechat_dissector::mmtls::settings::P;
use wechat_dissector::short_link::fields::TABLE as SHORT;
use wechat_traffic::mmtls::case::{self, Made};
use wechat_traffic::mmtls::key_log::{KINDS, KeyLog};
use wechat_traffic::mmtls::short;

/// A capture with a key log that was there from the start, looked at twice.
struct Looked {
    first: Vec<Shown>,
    later: Vec<Shown>,
}

fn look(made: &Made, log: Option<&KeyLog>) -> Looked {
    let mut config = Config::default();
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    if let Some(log) = log {
        file.write_all(&log.bytes).expect("written");
        config.set_text(P::KEYLOG_FILE, file.path().to_str().expect("a path"));
    }
    let mut host = Host::open(made, &config);
    let first = host.first.concat();
    Looked { first, later: host.again(|order| order.reverse()).concat() }
}

/// Compares what both visits show of a case with its truth.
fn check(name: &str, made: &Made, log: Option<&KeyLog>) -> (Faults, [usize; 4]) {
    let Looked { first, later } = look(made, log);
    let (mut faults, counts) = compare(name, made, log, &later);
    let pdus = |shown: &[Shown]| -> Vec<_> {
        shown.iter().filter(|one| one.has("mmtls.session")).map(|one| (one.packet, one.protocol)).collect()
    };
    let (first, later) = (pdus(&first), pdus(&later));
    faults.expect(first == later, || format!("{} records, then {}", first.len(), later.len()));
    (faults, counts)
}

fn cases(wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Made> {
    let cases = case::all().into_iter().filter(|case| wanted(&case.name));
    cases.map(|case| (case.name.clone(), case.make(1).expect("a capture"))).collect()
}

fn is_whole(name: &str) -> bool {
    !name.starts_with("fault-") && !name.starts_with("bad-")
}

#[test]
fn closed_captures_are_as_meant() {
    let told = cases(is_whole);
    assert!(told.len() > 40, "{}", told.len());
    all_is_as_meant(told.iter().map(|(name, made)| check(name, made, None).0).collect());
}

#[test]
fn captures_with_a_key_log_are_as_meant() {
    let mut faults = Vec::new();
    for (name, made) in cases(is_whole) {
        for kind in ["records", "secrets"] {
            let log = made.log(kind).expect("a log");
            let mut found = check(&name, &made, Some(&log)).0;
            // There an answer of another operation comes first; golden files have all of that case.
            found.all.retain(|fault| name != "exchanges" || !fault.contains("in packet 48"));
            faults.push(found);
        }
    }
    all_is_as_meant(faults);
}

#[test]
fn each_sort_of_key_log_opens_what_it_should() {
    let mut faults = Vec::new();
    for name in ["full", "resumed-f103", "tickets", "refused", "replay", "pipelined"] {
        let made = case::find(name).expect("a case").make(1).expect("a capture");
        assert!(made.logs().len() == KINDS.len());
        faults.extend(made.logs().iter().map(|log| check(name, &made, Some(log)).0));
    }
    all_is_as_meant(faults);
}

/// Of what is intact at least 99 of 100 are shown, and nothing else.
#[test]
fn what_is_intact_is_shown_after_each_fault() {
    let mut faults = Vec::new();
    let mut sums = [0; 4];
    for (name, made) in cases(|name| name.starts_with("fault-")) {
        for kind in [None, Some("records"), Some("secrets")] {
            let log = kind.map(|kind| made.log(kind).expect("a log"));
            let (mut found, counts) = check(&name, &made, log.as_ref());
            // What waited for the bytes of a length that lies is shown in a later packet, and so are its partners.
            found.all.retain(|fault| !fault.starts_with("missing") && !fault.contains("belongs to"));
            (0..4).for_each(|place| sums[place] += counts[place]);
            faults.push(found);
        }
    }
    all_is_as_meant(faults);
    let [records, found, frames, inside] = sums;
    assert!(records > 5000 && frames > 3000, "{sums:?}");
    assert!(found * 100 >= records * 99 && inside * 100 >= frames * 99, "{sums:?}");
}

#[test]
fn bad_messages_do_not_hide_good_records() {
    let mut faults = Vec::new();
    for (name, made) in cases(|name| name.starts_with("bad-")) {
        let log = made.log("records").expect("a log");
        for log in [None, Some(&log)] {
            let mut found = check(&name, &made, log).0;
            // The truth is that of the messages as they were before.
            found.all.retain(|fault| !fault.contains(": ticket [") && !fault.starts_with("seems to be"));
            faults.push(found);
        }
    }
    all_is_as_meant(faults);
}

/// What lies ahead of a record, and what its words say of that.
const AHEAD: [&str; 6] = [
    "mmtls.flow",
    "mmtls.ticket.used_in",
    "mmtls.ticket.uses",
    "mmtls.ticket.refused",
    "mmtls.ticket",
    "mmtls",
];

/// State changes on the first visit: each later one shows the same, in any order, and adds what lies ahead.
#[test]
fn later_visits_come_in_any_order() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for name in ["phone", "two-phones", "anywhere", "single-bytes", "replay", "fault-lost-segment"] {
        let made = case::find(name).expect("a case").make(1).expect("a capture");
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&made.log("every-second").expect("a log").bytes).expect("written");
        let mut config = Config::default();
        config.set_text(P::KEYLOG_FILE, file.path().to_str().expect("a path"));
        let mut host = Host::open(&made, &config);
        let expected = host.again(|_| {});
        for _ in 0..5 {
            let later = host.again(|order| {
                for place in (1..order.len()).rev() {
                    order.swap(place, rng.next_u32() as usize % (place + 1));
                }
            });
            assert!(later == expected, "{name}: what is shown depends on the order");
        }
        let own = |shown: &[Vec<Shown>]| -> Vec<Shown> {
            shown.concat().into_iter().filter(|one| one.has("mmtls.session")).collect()
        };
        let (first, later) = (own(&host.first), own(&expected));
        assert!(first.len() == later.len() && first.len() > 20, "{name}: {} {}", first.len(), later.len());
        for (first, later) in first.iter().zip(&later) {
            let of = |one: &Shown| -> Vec<_> {
                one.values.iter().filter(|(name, _)| !AHEAD.contains(name)).cloned().collect()
            };
            assert_eq!(of(first), of(later), "{name}: {}", first.text);
        }
    }
}

/// Whatever bytes are inside, nothing fails, and each later visit shows the same, in any order.
#[test]
fn calls_may_be_any_bytes() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut shown = 0;
    for _ in 0..400 {
        let calls = (1..=12).map(|packet| {
            let from_server = rng.next_u32() % 2 == 0;
            let mut bytes = match rng.next_u32() % 3 {
                0 => short::framed(&short::uri("newsync"), short::HOST, b"\xbf\x99\x5f\0\0\0\0\x124Vx"),
                1 => b"\xbf\x9a\x50\0\0\0\0\0\0\0\0\x8a\x01\x05\x05rest of it".to_vec(),
                _ => (0..rng.next_u32() % 40).map(|_| rng.next_u32() as u8).collect(),
            };
            for _ in 0..rng.next_u32() % 3 {
                if let Some(place) = (rng.next_u32() as usize).checked_rem(bytes.len()) {
                    bytes[place] = rng.next_u32() as u8;
                }
            }
            bytes.truncate(1 + rng.next_u32() as usize % 80);
            bytes.push(0);
            if rng.next_u32() % 4 == 0 {
                let name = ["newsync", "newgetdns"][rng.next_u32() as usize % 2];
                let line = match from_server {
                    true => "HTTP/1.1 200 OK".to_owned(),
                    false => format!("POST {}?uin=%3{} HTTP/1.1", short::uri(name), rng.next_u32() % 10),
                };
                let head = format!("{line}\r\nContent-Length: {}\r\n\r\n", bytes.len());
                return Call::message(packet, from_server, [head.as_bytes(), &bytes].concat(), &bytes);
            }
            let position = [0, 0, 0, rng.next_u32() % 90][rng.next_u32() as usize % 4];
            let call = Call::inside(packet, SHORT, from_server, position, &bytes);
            let call = call.of_stream((1 << 30) + rng.next_u32() % 3);
            if rng.next_u32() % 2 == 0 { call.goes_on() } else { call }
        });
        let mut host = Host::of(calls.collect(), &Config::default());
        let expected = host.again(|_| {});
        let later = host.again(|order| order.reverse());
        assert!(later == expected, "what is shown depends on the order");
        shown += expected.concat().iter().filter(|one| one.has("wechat_short.name")).count();
    }
    assert!(shown > 1000, "{shown}");
}

/// State changes on the first visit only: a record stays closed, and says that there is a key by now. Who reads the
/// capture anew sees it opened.
#[test]
fn a_key_that_comes_later_is_told() {
    let made = case::find("resumed").expect("a case").make(1).expect("a capture");
    let folder = tempfile::tempdir().expect("a folder");
    for (kind, is_there) in [("records", true), ("secrets", true), ("records", false)] {
        let path = folder.path().join(format!("{kind}-{is_there}.log"));
        if is_there {
            std::fs::write(&path, "# nothing yet\n").expect("written");
        }
        let mut config = Config::default();
        config.set_text(P::KEYLOG_FILE, path.to_str().expect("a path"));
        let mut host = Host::open(&made, &config);
        let closed = |shown: &[Vec<Shown>], why: &str| {
            shown.iter().flatten().filter(|one| one.text("mmtls.why_closed") == Some(why)).count()
        };
        let sealed = closed(&host.first, "no line");
        assert!(sealed > 30, "{kind}: {sealed}");
        assert_eq!(closed(&host.again(|order| order.reverse()), "no line"), sealed);

        std::fs::write(&path, &made.log(kind).expect("a log").bytes).expect("written");
        let later = host.again(|order| order.reverse());
        assert_eq!(closed(&later, "key came later"), sealed, "{kind}");
        assert!(later.iter().flatten().all(|one| one.number("mmtls.opened") != Some(1)), "{kind}");

        let anew = Host::open(&made, &config).first.concat();
        let opened = anew.iter().filter(|one| one.number("mmtls.opened") == Some(1)).count();
        assert_eq!(opened, sealed, "{kind}");
    }
}
