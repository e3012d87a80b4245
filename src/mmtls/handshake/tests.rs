// SPDX-License-Identifier: GPL-2.0-or-later
//! What is shown of messages, right, wrong and cut.

use std::ops::Range;

use bytes::Bytes;

use super::context::{Context, TicketFacts};
use super::read::{Body, messages};
use super::sample;
use super::show::{show, show_alert};
use super::walk::MOST_SHOWN;
use crate::config::Config;
use crate::kernel::report::{Item, ItemKind, Report, Wanted};
use crate::kernel::rows::{Type, row_of};
use crate::mmtls::fields::{FIELDS, M, NOTES, TABLE};
use crate::wechat::settings::{P, Shared};

fn shared(show_account: bool) -> Shared {
    let mut config = Config::default();
    config.set_text(P::HASH_KEY, "k");
    config.set_number(P::SHOW_ACCOUNT, show_account.into());
    Shared::of(&config)
}

/// The report of bytes behind which `reported` say that more were on the wire.
fn told(bytes: &[u8], reported: usize, context: &Context<'_>) -> Report {
    let mut report = Report::default();
    report.begin(TABLE, Wanted::ALL, bytes.len());
    show(&mut report, 0..reported, bytes, context);
    report
}

fn plainly(bytes: &[u8], reported: usize) -> Report {
    told(bytes, reported, &Context::new(&shared(false), 0xf104))
}

/// An item as a line: name without `mmtls.`, place, value, words.
fn line(report: &Report, item: &Item, bytes: &[u8]) -> String {
    let (start, end) = (item.offset as usize, item.offset as usize + item.length as usize);
    let words = report.text(item.text);
    let depth = "  ".repeat(item.depth.into());
    let name = match item.kind {
        ItemKind::Note => NOTES[row_of(item.field)].filter,
        _ => FIELDS[row_of(item.field)].filter,
    };
    let name = name.to_str().unwrap().strip_prefix("mmtls.").unwrap();
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    let value = match (item.kind, FIELDS[row_of(item.field)].ty) {
        (ItemKind::Note, _) => "!".to_owned(),
        (ItemKind::Wire | ItemKind::Subtree, Type::Bytes | Type::None) => format!("[{}]", end - start),
        (ItemKind::Wire | ItemKind::Subtree, _) => format!("{:#x}", number(&bytes[start..end])),
        (ItemKind::Generated | ItemKind::Decoded, _) => format!("{}", item.value as i64),
        _ => String::new(),
    };
    format!("{depth}{name} {start}..{end} {value}{words}")
}

fn lines(report: &Report, bytes: &[u8]) -> Vec<String> {
    report.items().iter().map(|item| line(report, item, bytes)).collect()
}

fn notes(report: &Report) -> Vec<String> {
    let notes = report.items().iter().filter(|item| item.kind == ItemKind::Note);
    let name = |item: &Item| NOTES[row_of(item.field)].filter.to_str().unwrap();
    notes
        .map(|item| {
            let (start, end) = (item.offset, item.offset + item.length);
            format!("{} {start}..{end} {}", &name(item)[6..], report.text(item.text))
        })
        .collect()
}

/// What begins and ends where, of all that has a value on the wire and nothing below it.
fn leaves(report: &Report) -> Vec<Range<usize>> {
    let items: Vec<_> = report.items().iter().filter(|item| item.kind != ItemKind::Note).collect();
    let is_leaf = |place: usize| items.get(place + 1).is_none_or(|next| next.depth <= items[place].depth);
    let own = |item: &Item| !matches!(item.kind, ItemKind::Generated | ItemKind::Text);
    let shown = items.iter().enumerate().filter(|(place, item)| own(item) && is_leaf(*place));
    shown.map(|(_, item)| item.offset as usize..(item.offset + item.length) as usize).collect()
}

fn assert_covered(report: &Report, end: usize, what: &str) {
    let mut at = 0;
    for leaf in leaves(report).into_iter().filter(|leaf| !leaf.is_empty()) {
        assert_eq!(leaf.start, at, "{what}");
        at = leaf.end;
    }
    assert_eq!(at, end, "{what}");
}

#[test]
fn a_hello_with_all_that_is_known_of_it() {
    let shared = shared(false);
    let facts = [TicketFacts {
        issued_in: Some(3),
        used_in: Some(99),
        use_number: Some(4),
        uses: Some(5),
        age: Some(-5),
        refused: Some(true),
    }];
    let context = Context {
        tickets: &facts,
        clock_offset: Some(-1_500_000_000),
        path_time: Some(sample::TIME),
        replay_of: Some(12),
        ..Context::new(&shared, 0xf104)
    };
    let bytes = sample::resumes();
    let expected = [
        "handshake 0..161 [161]: ClientHello",
        "  handshake.length 0..4 0x9d",
        "  handshake.type 4..5 0x1",
        "  handshake.version 5..7 61700",
        "  handshake.suite_count 7..8 0x1",
        "  handshake.suite 8..10 0xa8",
        "  handshake.random 10..42 [32]",
        "  handshake.replay_of 10..42 12",
        "  replayed 10..42 !packet 12 has the same hello: this one is sent again",
        "  handshake.time 42..46 1421740800000000000",
        "  clock_offset 42..46 -1500000000",
        "  path_time 42..46 1421740800000000000",
        "  handshake.extensions_len 46..50 0x6f",
        "  handshake.extension_count 50..51 0x1",
        "  handshake.extension 51..161 [110]: tickets",
        "    handshake.extension.length 51..55 0x6a",
        "    handshake.extension.type 55..57 0xf",
        "    ticket.count 57..58 0x1",
        "    ticket 58..161 [103]: access",
        "      ticket.all_len 58..62 0x63",
        "      ticket.kind 62..63 0x1",
        "      ticket.lifetime 63..67 0x93a80 s",
        "      ticket.block_len 67..69 0x0",
        "      ticket.constant 69..73 0x48",
        "      ticket.nonce_len 73..75 0xc",
        "      handshake.data_hidden 75..87 [12]",
        "      ticket.len 87..89 0x48",
        "      ticket.id 89..161 #d6ef8b57c2556457",
        "      ticket.issued_in 62..161 3",
        "      ticket.used_in 62..161 99",
        "      ticket.use 62..161 4",
        "      ticket.uses 62..161 5",
        "      ticket.age 62..161 -5",
        "      ticket.refused 62..161 1",
    ];
    assert_eq!(lines(&told(&bytes, bytes.len(), &context), &bytes), expected);
}

#[test]
fn key_shares_known_keys_and_what_is_chosen() {
    let bytes = sample::full();
    let full = lines(&plainly(&bytes, bytes.len()), &bytes);
    let expected = [
        "  handshake.extension 196..366 [170]: key shares",
        "    handshake.extension.length 196..200 0xa6",
        "    handshake.extension.type 200..202 0x10",
        "    handshake.key_share.count 202..203 0x2",
        "    handshake.key_share 203..278 [75]: 5",
        "      handshake.key_share.len 203..207 0x47",
        "      handshake.key_share.index 207..211 0x5",
        "      handshake.key_share.point_len 211..213 0x41",
        "      handshake.key_share.point 213..278 [65]",
        "    handshake.key_share 278..353 [75]: 6",
        "      handshake.key_share.len 278..282 0x47",
        "      handshake.key_share.index 282..286 0x6",
        "      handshake.key_share.point_len 286..288 0x41",
        "      handshake.key_share.point 288..353 [65]",
        "    handshake.known_key.single 353..357 0x0",
        "    handshake.known_key.count 357..358 0x2",
        "    handshake.known_key 358..362 0x3",
        "    handshake.known_key 362..366 0x4",
    ];
    let at = full.iter().position(|line| line.ends_with("key shares")).unwrap();
    assert_eq!(full.len(), 43);
    assert_eq!(full[at..], expected);

    let bytes = sample::answer();
    let expected = [
        "handshake 0..137 [137]: ServerHello",
        "  handshake.length 0..4 0x85",
        "  handshake.type 4..5 0x2",
        "  handshake.version 5..7 61700",
        "  handshake.suite 7..9 0xc02b",
        "  handshake.random 9..41 [32]",
        "  handshake.extensions_len 41..45 0x5c",
        "  handshake.extension_count 45..46 0x2",
        "  handshake.extension 46..123 [77]: chosen key share",
        "    handshake.extension.length 46..50 0x49",
        "    handshake.extension.type 50..52 0x11",
        "    handshake.key_share.index 52..56 0x5",
        "    handshake.key_share.point_len 56..58 0x41",
        "    handshake.key_share.point 58..123 [65]",
        "  handshake.extension 123..137 [14]: chosen known key",
        "    handshake.extension.length 123..127 0xa",
        "    handshake.extension.type 127..129 0x13",
        "    handshake.known_key.pair 129..133 0x1",
        "    handshake.known_key 133..137 0x3",
    ];
    assert_eq!(lines(&plainly(&bytes, bytes.len()), &bytes), expected);
}

#[test]
fn what_follows_the_hellos() {
    let shared = shared(false);
    let known = Context {
        verified: Some(false),
        hello_time: Some(sample::TIME + 1),
        ..Context::new(&shared, 0xf104)
    };
    let record = [sample::signature(), sample::extensions(), sample::finished()].concat();
    let expected = [
        "handshake 0..77 [77]: CertificateVerify",
        "  handshake.length 0..4 0x49",
        "  handshake.type 4..5 0xf",
        "  handshake.signature_len 5..7 0x46",
        "  handshake.signature 7..77 [70]",
        "handshake 77..97 [20]: EncryptedExtensions",
        "  handshake.length 77..81 0x10",
        "  handshake.type 81..82 0x8",
        "  handshake.extensions_len 82..86 0xb",
        "  handshake.extension_count 86..87 0x1",
        "  handshake.extension 87..97 [10]: client's time",
        "    handshake.extension.length 87..91 0x6",
        "    handshake.extension.type 91..93 0x12",
        "    handshake.time 93..97 1421740800000000000",
        "    time_differs 93..97 !this says 1421740800 s since 1970, the ClientHello 1421740801",
        "handshake 97..136 [39]: Finished",
        "  handshake.length 97..101 0x23",
        "  handshake.type 101..102 0x14",
        "  handshake.verify_len 102..104 0x20",
        "  handshake.verify_data 104..136 [32]",
        "  handshake.verified 104..136 0",
        "  not_verified 104..136 !the HMAC is not that of the messages before",
    ];
    assert_eq!(lines(&told(&record, record.len(), &known), &record), expected);
    let right = Context { verified: Some(true), hello_time: Some(sample::TIME), ..known };
    assert_eq!(notes(&told(&record, record.len(), &right)), [""; 0]);
}

#[test]
fn alerts() {
    let tell = |bytes: &[u8]| {
        let mut report = Report::default();
        report.begin(TABLE, Wanted::ALL, bytes.len());
        show_alert(&mut report, 0..bytes.len(), bytes, &Context::new(&shared(false), 0xf104));
        lines(&report, bytes)
    };
    let expected = [
        "alert 0..7 [7]: ticket refused",
        "  alert.length 0..4 0x3",
        "  alert.code 4..6 0x73",
        "  alert.level 6..7 0x2",
    ];
    assert_eq!(tell(&sample::alert(0x73, 2)), expected);
    assert_eq!(tell(&sample::alert(1, 1))[0], "alert 0..7 [7]: end");
    assert_eq!(tell(&sample::alert(0x1234, 9))[0], "alert 0..7 [7]: 4660");
    let mut long = sample::alert(1, 1);
    long[3] = 12;
    assert_eq!(tell(&long)[2], "    length_beyond 0..4 !the alert claims 12 bytes, there are 3");
    assert_eq!(tell(&[]), ["alert 0..0 [0]", "  message_short 0..0 !a length needs 4 bytes, the body has 0"]);
    let behind = [sample::alert(1, 1), vec![9; 2]].concat();
    let expected = ["handshake.data_hidden 7..9 [2]", "  message_excess 7..9 !2 bytes behind the alert"];
    assert_eq!(tell(&behind)[4..], expected);
}

/// In its own bytes and within bytes that were made of others, each byte has one field, and nothing is wrong.
#[test]
fn every_byte_has_a_field() {
    for (name, bytes) in sample::all() {
        let version = if name.starts_with("old") { 0xf103 } else { 0xf104 };
        for show_account in [false, true] {
            let shared = shared(show_account);
            let report = told(&bytes, bytes.len(), &Context::new(&shared, version));
            assert_covered(&report, bytes.len(), name);
            assert_eq!(notes(&report), [""; 0], "{name}");
        }
    }
    let shared = shared(false);
    let bytes = [vec![9; 7], sample::finished()].concat();
    let mut report = Report::default();
    report.begin(TABLE, Wanted::ALL, 20);
    report.derived(M::ENCRYPTED, 5..20, Bytes::from(bytes.clone()), "opened", |report, _| {
        show(report, 7..bytes.len(), &bytes, &Context::new(&shared, 0xf104));
    });
    let inner = &report.items()[1..];
    assert!(inner.iter().all(|item| item.source == 1 && item.depth > 0));
    let last = inner.last().map(|item| line(&report, item, &bytes));
    assert_eq!(last.as_deref(), Some("    handshake.verify_data 14..46 [32]"));
}

/// A capture that ends within a message makes nothing wrong; a record that does, does.
#[test]
fn what_is_cut_is_shown_as_far_as_it_goes() {
    for (name, bytes) in sample::all() {
        let shared = shared(false);
        let version = if name.starts_with("old") { 0xf103 } else { 0xf104 };
        let context = Context::new(&shared, version);
        for cut in 0..bytes.len() {
            let report = told(&bytes[..cut], bytes.len(), &context);
            assert_eq!(notes(&report), [""; 0], "{name} {cut}");
            assert_covered(&report, cut, name);
            let report = told(&bytes[..cut], cut, &context);
            assert_ne!(notes(&report), [""; 0], "{name} {cut}");
            assert_covered(&report, cut, name);
        }
    }
}

#[test]
fn tickets_show_where_account_data_does() {
    let hex = |byte: &str, count: usize| byte.repeat(count);
    let bytes = sample::tickets();
    let tell = |show_account| {
        let shared = shared(show_account);
        lines(&told(&bytes, bytes.len(), &Context::new(&shared, 0xf104)), &bytes)
    };
    let shown = tell(true);
    assert_eq!(shown[13], format!("    ticket.id 37..109 {}", hex("aa", 72)));
    assert_eq!(shown[19], "    ticket.block 120..152 [32]");
    assert_eq!(shown[24], format!("    ticket.id 172..277 {}", hex("bb", 105)));
    let hidden = tell(false);
    assert_eq!(hidden[19], "    handshake.data_hidden 120..152 [32]");
    assert_eq!((hidden[13].as_str(), hidden.len()), ("    ticket.id 37..109 #d6ef8b57c2556457", 25));
}

/// A nonce of another length than is known hides itself, not the ticket.
#[test]
fn a_ticket_with_another_nonce_is_a_ticket() {
    let ticket = sample::ticket_with(1, &[], &[0xcc; 16]);
    let bytes = sample::client_hello(0xf104, &[0x00a8], &[sample::offer(&[ticket])]);
    let report = plainly(&bytes, bytes.len());
    let shown = lines(&report, &bytes);
    assert_eq!(notes(&report), [""; 0]);
    let expected = [
        "      ticket.nonce_len 73..75 0x10",
        "      handshake.data_hidden 75..91 [16]",
        "      ticket.len 91..93 0x48",
        "      ticket.id 93..165 #d6ef8b57c2556457",
    ];
    assert_eq!(shown[shown.len() - 4..], expected);
}

/// What is changed in a message, and the notes on it.
fn lie(bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> (Report, Vec<String>) {
    let mut bytes = bytes;
    change(&mut bytes);
    let report = plainly(&bytes, bytes.len());
    assert_covered(&report, bytes.len(), "a lie");
    let notes = notes(&report);
    (report, notes)
}

#[test]
fn what_is_wrong_is_noted_on_the_bytes_to_blame() {
    let noted = |bytes, change: fn(&mut Vec<u8>)| lie(bytes, change).1;
    let hello = sample::resumes;
    let beyond = noted(hello(), |bytes| bytes[3] += 7);
    assert_eq!(beyond, ["length_beyond 0..4 the message claims 164 bytes, there are 157"]);
    let huge = noted(hello(), |bytes| bytes[..4].fill(0xff));
    assert_eq!(huge, ["length_beyond 0..4 the message claims 4294967295 bytes, there are 157"]);
    let none = noted(hello(), |bytes| bytes[..4].fill(0));
    let expected = [
        "message_short 4..4 the type needs 1 bytes, the body has 0",
        "message_excess 4..161 157 bytes behind the message",
    ];
    assert_eq!(none, expected);
    let unknown = noted(hello(), |bytes| bytes[4] = 0x63);
    assert_eq!(unknown, [""; 0]);
    let version = noted(hello(), |bytes| bytes[5..7].copy_from_slice(&[5, 0xf2]));
    assert_eq!(version, ["hello_version_unknown 5..7 F205 is no version that is known"]);
    let other = noted(hello(), |bytes| bytes[5] = 3);
    assert_eq!(other, ["hello_version_differs 5..7 the hello says F103, its record F104"]);
    let suites = noted(hello(), |bytes| bytes[7] = 200);
    assert_eq!(suites, ["count_wrong 7..8 200 cipher suites need 400 bytes, there are 153"]);
    let extensions = noted(hello(), |bytes| bytes[49] += 9);
    assert_eq!(extensions, ["length_beyond 46..50 the list of extensions claims 120 bytes, there are 111"]);
    let count = noted(hello(), |bytes| bytes[50] = 255);
    let words = "there are 255 extensions, says this number; there are 1";
    assert_eq!(count, [format!("count_wrong 50..51 {words}")]);
    let uncounted = noted(hello(), |bytes| bytes[50] = 0);
    assert_eq!(uncounted, ["message_excess 51..161 110 bytes behind the extensions"]);
    let overlap = noted(hello(), |bytes| bytes[54] += 20);
    assert_eq!(overlap, ["length_beyond 51..55 the extension claims 126 bytes, there are 106"]);
    let empty = noted(hello(), |bytes| bytes[54] = 1);
    let expected = [
        "message_short 55..56 the type needs 2 bytes, the body has 1",
        "message_excess 56..161 105 bytes behind the extensions",
    ];
    assert_eq!(empty, expected);
    let kind = noted(hello(), |bytes| bytes[55..57].fill(0x7a));
    assert_eq!(kind, [""; 0]);
    let ticket = noted(hello(), |bytes| bytes[61] += 50);
    assert_eq!(ticket, ["length_beyond 58..62 the ticket claims 149 bytes, there are 99"]);
    let inner = noted(hello(), |bytes| bytes[88] += 1);
    assert_eq!(inner, ["length_beyond 87..89 the ticket claims 73 bytes, there are 72"]);
    let tickets = noted(sample::tickets(), |bytes| bytes[5] = 255);
    let words = "there are 255 tickets, says this number; there are 2";
    assert_eq!(tickets, [format!("count_wrong 5..6 {words}")]);
    let point = noted(sample::answer(), |bytes| bytes[56..58].fill(0xff));
    assert_eq!(point, ["length_beyond 56..58 the point claims 65535 bytes, there are 65"]);
    let signature = noted(sample::signature(), |bytes| bytes[6] += 1);
    assert_eq!(signature, ["length_beyond 5..7 the signature claims 71 bytes, there are 70"]);
    let finished = noted(sample::finished(), |bytes| bytes[6] = 31);
    assert_eq!(finished, ["message_excess 38..39 1 bytes behind the message"]);
    let behind = noted(sample::resumed(), |bytes| bytes.extend([0xee; 40]));
    assert_eq!(behind, ["message_excess 46..86 40 bytes behind the message"]);
    let nothing = noted(sample::resumed(), |bytes| bytes.extend([0; 4]));
    assert_eq!(nothing, ["message_excess 46..50 4 bytes behind the message"]);
    // What is no point is not shown as one.
    let (report, _) = lie(sample::answer(), |bytes| bytes[57] = 64);
    assert!(report.items().iter().all(|item| item.field != M::POINT));
    // Lengths tell that a number lies where not all was captured, too.
    let mut cut = sample::tickets();
    cut[5] = 3;
    let report = plainly(&cut[..200], cut.len());
    assert_eq!(notes(&report), ["count_wrong 5..6 there are 3 tickets, says this number; there are 2"]);
}

/// In whichever way a message lies, a ticket's bytes stand in no text, and in no field of bytes where a byte
/// was changed that says how long or what something is.
#[test]
fn lies_do_not_bring_tickets_out() {
    let shows = |report: &Report, bytes: &[u8]| {
        let items = report.items().iter().filter(|item| item.kind != ItemKind::Note);
        let raw = items.filter(|item| matches!(FIELDS[row_of(item.field)].ty, Type::Bytes));
        raw.map(|item| &bytes[item.offset as usize..(item.offset + item.length) as usize])
            .any(|shown| shown.windows(33).any(|part| part == [0xaa; 33] || part == [0xbb; 33]))
    };
    for bytes in [sample::resumes(), sample::full(), sample::tickets()] {
        for place in 0..bytes.len() {
            for change in [1, 0x10, 0x7f, 0x80, 0xff] {
                let mut lies = bytes.clone();
                lies[place] ^= change;
                let report = plainly(&lies, lies.len());
                assert!(!shows(&report, &lies), "{place} {change}");
                let texts = String::from_utf8_lossy(report.texts()).into_owned();
                assert!(!texts.contains("aaaaaaaa") && !texts.contains("bbbbbbbb"), "{place} {change}");
            }
        }
    }
}

#[test]
fn a_hello_full_of_tickets_is_shown_in_part() {
    let extension = sample::offer(&vec![Vec::new(); 255]);
    let (report, _) = lie(sample::client_hello(0xf104, &[0x00a8], &vec![extension; 60]), |bytes| {
        assert!(bytes.len() > 61_000)
    });
    assert!(report.items().len() < 4 * MOST_SHOWN, "{}", report.items().len());
    let more = notes(&report).into_iter().filter(|note| note.starts_with("too_many"));
    let expected = [
        "too_many 1253..2105 852 bytes with more tickets are not taken apart",
        "too_many 2105..61671 59566 bytes with more extensions are not taken apart",
    ];
    assert_eq!(more.collect::<Vec<_>>(), expected);
    let (report, noted) = lie(sample::message(0x30, &[]).repeat(13_000), |_| {});
    assert!(report.items().len() < 4 * MOST_SHOWN, "{}", report.items().len());
    assert_eq!(noted, ["too_many 1505..65000 63495 bytes with more messages are not taken apart"]);
}

/// Nothing panics, lies beyond the bytes, or is missing; and reading finds as many tickets as facts are for.
#[test]
fn any_bytes_are_shown() {
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let facts = [TicketFacts { uses: Some(1), ..TicketFacts::default() }; 600];
    let shared = shared(false);
    let context = Context { tickets: &facts, ..Context::new(&shared, 0xf104) };
    let samples = sample::all();
    for round in 0..20_000 {
        let mut bytes = samples[random() as usize % samples.len()].1.clone();
        if round % 4 == 0 {
            bytes.extend(&samples[random() as usize % samples.len()].1);
        }
        if round % 7 == 0 {
            bytes.iter_mut().for_each(|byte| *byte = random() as u8);
        }
        for _ in 0..random() % 5 {
            let place = random() as usize % bytes.len();
            bytes[place] = random() as u8 >> (random() % 8);
        }
        bytes.truncate(random() as usize % (2 * bytes.len()) + 1);
        let reported = bytes.len() + (random() % 3) as usize;
        let report = told(&bytes, reported, &context);
        assert_covered(&report, bytes.len(), "any bytes");
        let known = report.items().iter().filter(|item| item.field == M::TICKET_USES);
        let read: usize = messages(&bytes, 0..reported)
            .map(|message| match message.body {
                Body::ClientHello(hello) => hello.tickets.count(),
                Body::NewSessionTicket(tickets) => tickets.count(),
                _ => 0,
            })
            .sum();
        assert_eq!(known.count(), read, "{bytes:02x?}");
        let mut report = Report::default();
        report.begin(TABLE, Wanted::ALL, bytes.len());
        show_alert(&mut report, 0..reported, &bytes, &context);
        assert_covered(&report, bytes.len(), "any bytes");
    }
}
