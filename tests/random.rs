// SPDX-License-Identifier: GPL-2.0-or-later
//! Random bytes: nothing panics, every call makes progress, and nothing is claimed that is not there.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use wechat_dissector::capture::Capture;
use wechat_dissector::config::Config;
use wechat_dissector::kernel::place::LaneId;
use wechat_dissector::kernel::report::{CAME_IN, ItemKind, Report, Wanted};
use wechat_dissector::kernel::segment::{Segment, Step};
use wechat_dissector::kernel::time::Time;
use wechat_dissector::long_link::fields::TABLE as LONG_LINK;
use wechat_dissector::long_link::settings::P;
use wechat_dissector::protocols;
use wechat_dissector::web::call::CALLS;
use wechat_dissector::wechat::fields::S;
use wechat_dissector::wechat::settings::P as Shared;
use wechat_traffic::pdu::Pdu;

const ALL: Wanted = Wanted::ALL;

fn segment(data: &[u8], packet: u32) -> Segment<'_> {
    Segment {
        data,
        reported: data.len(),
        lane: LaneId::new(0, false),
        position: 0,
        counted: true,
        packet,
        time: Time::default(),
        shown_stream: 0,
        began: true,
        inside: false,
        src_address: &[],
        dst_address: &[],
        src_port: 50000,
        dst_port: 8080,
        server_port: 0,
        first_visit: true,
        more: true,
        wanted: ALL,
    }
}

fn random(rng: &mut ChaCha8Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn shows(report: &Report, field: u16) -> bool {
    report.items().iter().any(|item| item.kind != ItemKind::Note && item.field == field)
}

/// The business header of 2015 has no magic; random bodies must not be taken for one.
#[test]
fn no_random_body_of_100_000_is_claimed_as_a_business_packet() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut claimed = 0;
    for index in 0..100_000u32 {
        let length = 16 + rng.next_u32() as usize % 400;
        let op = [237, 121, 4711, 1_000_000_237, 1_000_000_121][index as usize % 5];
        let frame = Pdu::new(op, index + 1, random(&mut rng, length)).encode();
        let mut dissector = Capture::default();
        assert_eq!(dissector.step(LONG_LINK, &segment(&frame, 1)), Step::Consumed(frame.len()));
        claimed += u32::from(shows(dissector.report(), S::BUSINESS));
    }
    assert_eq!(claimed, 0, "of 100 000");
}

/// As above for bytes that come close: everything is right but the lengths.
#[test]
fn a_business_header_whose_lengths_disagree_is_not_claimed() {
    let mut body = vec![0x7e, 0x5f, 0x26, 0, 0, 0x36];
    body.extend([1; 19]);
    body.extend([0x8a, 4, 60, 60, 0, 2]);
    let with_payload = |length| Pdu::new(237, 1, [body.clone(), vec![9; length]].concat()).encode();
    for (length, claimed) in [(64, true), (63, false), (80, false), (48, false), (0, false)] {
        let frame = with_payload(length);
        let mut dissector = Capture::default();
        dissector.step(LONG_LINK, &segment(&frame, 1));
        assert_eq!(shows(dissector.report(), S::BUSINESS), claimed, "payload of {length}");
    }
}

/// Every item lies within the PDU and the captured bytes and names a row, every text is ended.
fn check(report: &Report, segment: &Segment<'_>, length: usize) {
    for item in report.items() {
        match item.kind == ItemKind::Note {
            true => assert!(protocols::note(item.field).is_some()),
            false => assert!(protocols::field(item.field).is_some()),
        }
        assert_eq!(item.source, CAME_IN);
        assert!(item.offset as usize + item.length as usize <= segment.data.len().min(length));
        assert!((item.text as usize) < report.texts().len());
    }
    assert_eq!(report.texts().last(), Some(&0));
}

/// Pieces from which streams are made: frames, headers with any numbers, and garbage.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let op = prop_oneof![
        Just(237),
        Just(122),
        Just(205),
        Just(24),
        Just(12),
        Just(120),
        Just(241),
        Just(1_000_000_205),
        Just(1_000_000_190),
        any::<u32>()
    ];
    let seq = prop_oneof![Just(0), Just(u32::MAX), 1..9u32];
    let body = proptest::collection::vec(prop_oneof![Just(0), Just(8), Just(0x12), any::<u8>()], 0..200);
    let frame = (op, seq, body).prop_map(|(op, seq, body)| Pdu::new(op, seq, body).encode());
    let header =
        (0..400u32, 0..40u16, 0..3u16, any::<u32>(), 0..5u32).prop_map(|(length, head, version, op, seq)| {
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.extend(head.to_be_bytes());
            bytes.extend(version.to_be_bytes());
            bytes.extend(op.to_be_bytes());
            bytes.extend(seq.to_be_bytes());
            bytes
        });
    let garbage = proptest::collection::vec(any::<u8>(), 0..100);
    prop_oneof![4 => frame, 1 => header, 1 => garbage]
}

#[derive(Debug, Clone)]
struct Offered {
    bytes: Vec<u8>,
    cut_off: usize,
    side: bool,
    jump: i32,
    more: bool,
    counted: bool,
}

fn offered() -> impl Strategy<Value = Offered> {
    let jump = prop_oneof![8 => Just(0), 1 => -300..300i32, 1 => any::<i32>()];
    let pieces = proptest::collection::vec(piece(), 1..5);
    (pieces, 0..20usize, any::<bool>(), jump, any::<bool>(), prop::bool::weighted(0.9)).prop_map(
        |(pieces, cut_off, side, jump, more, counted)| {
            let bytes = pieces.concat();
            let cut_off = if cut_off > 10 { cut_off.min(bytes.len()) } else { 0 };
            Offered { bytes, cut_off, side, jump, more, counted }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_is_dissected_twice_with_the_same_result(stream in proptest::collection::vec(offered(), 1..12), any_port: bool) {
        let mut config = Config::default();
        config.set_number(Shared::SHOW_ACCOUNT, 1);
        config.set_number(P::TRY_ANY_PORT, u32::from(any_port));
        let mut dissector = Capture::new(&config);
        let mut position = [0u32; 2];
        let mut first = Vec::new();
        for (index, offered) in stream.iter().enumerate() {
            let lane = &mut position[usize::from(offered.side)];
            *lane = lane.wrapping_add_signed(offered.jump);
            first.push((*lane, visit(&mut dissector, offered, index as u32 + 1, *lane, true)));
            *lane = lane.wrapping_add(offered.bytes.len() as u32);
        }
        let again = |dissector: &mut Capture, index: usize| {
            visit(dissector, &stream[index], index as u32 + 1, first[index].0, false)
        };
        let forward: Vec<_> = (0..stream.len()).map(|index| again(&mut dissector, index)).collect();
        for index in (0..stream.len()).rev() {
            let backward = again(&mut dissector, index);
            prop_assert_eq!(&backward, &forward[index], "a later visit depends on the order");
            let shown = &first[index].1;
            prop_assert!(forward[index].starts_with(shown), "{:?} became {:?}", shown, forward[index]);
        }
    }
}

/// The lengths of the PDUs at the start of an offer that are shown; waiting ends them.
fn visit(
    dissector: &mut Capture,
    offered: &Offered,
    packet: u32,
    position: u32,
    first_visit: bool,
) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut used = 0;
    let captured = offered.bytes.len() - offered.cut_off;
    while used < offered.bytes.len() {
        let segment = Segment {
            reported: offered.bytes.len() - used,
            lane: LaneId::new(0, offered.side),
            position: position.wrapping_add(used as u32),
            counted: offered.counted,
            more: offered.more && offered.cut_off == 0,
            first_visit,
            ..segment(offered.bytes[..captured].get(used..).unwrap_or_default(), packet)
        };
        match dissector.step(LONG_LINK, &segment) {
            Step::Consumed(length) => {
                assert!(length > 0 && length <= segment.reported, "{length} of {}", segment.reported);
                check(dissector.report(), &segment, length);
                lengths.push(length);
                used += length;
            }
            Step::Need(_) => break,
        }
    }
    lengths
}

// ---- the web client ----

/// JSON with members that the web client knows, of any type and in any order, cut anywhere or not.
fn json() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec![
        "SyncKey",
        "SyncCheckKey",
        "List",
        "Count",
        "Key",
        "Val",
        "AddMsgList",
        "AddMsgCount",
        "MsgId",
        "MsgType",
        "Content",
        "RecommendInfo",
        "BaseRequest",
        "Sid",
        "Uin",
        "BaseResponse",
        "Ret",
        "Profile",
        "BitFlag",
        "UserName",
        "Buff",
        "MemberList",
        "ModContactList",
        "CreateTime",
        "other",
        "\\ud83d",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("-1.5e400".to_owned()),
        Just("\"\\ud83d\"".to_owned()),
        Just("\"\\q\"".to_owned()),
        "[ -~]{0,12}".prop_map(|text| format!("\"{}\"", text.replace(['"', '\\'], ""))),
    ];
    let value = leaf.prop_recursive(5, 60, 6, move |inner| {
        let name = name.clone();
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", members.join(",\n"))
            }),
        ]
    });
    let bytes = prop::collection::vec(any::<u8>(), 0..60);
    let damage = prop_oneof![
        4 => Just(None),
        1 => (0.0..1.0f64, bytes).prop_map(Some),
    ];
    (value, damage).prop_map(|(text, damage)| {
        let mut bytes = text.into_bytes();
        if let Some((place, garbage)) = damage {
            let place = (bytes.len() as f64 * place) as usize;
            bytes.splice(place..(place + 3).min(bytes.len()), garbage);
        }
        bytes
    })
}

/// A request's target and body, and the answer to it.
#[derive(Debug, Clone)]
struct Exchange {
    call: &'static str,
    query: String,
    asked: Vec<u8>,
    answered: Vec<u8>,
    stream: u32,
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let names: Vec<&'static str> = CALLS.iter().map(|call| call.name.to_str().expect("a name")).collect();
    let query = "(synckey=[0-9_|%7Cx]{0,20}&)?(sid=[a-c]&)?(uin=[0-9a]{0,11}&)?[a-z]{0,3}=[!-~]{0,9}";
    let poll = "window\\.synccheck=\\{retcode:\"[0-9x]{0,5}\",selector:\"[0-7]?\"\\}";
    let answer = prop_oneof![3 => json(), 1 => poll.prop_map(String::into_bytes)];
    (prop::sample::select(names), query, prop_oneof![Just(Vec::new()), json()], answer, 0..3u32)
        .prop_map(|(call, query, asked, answered, stream)| Exchange { call, query, asked, answered, stream })
}

/// What is shown of a message: its items and its texts.
type Message = (Vec<wechat_dissector::kernel::report::Item>, Vec<u8>);

fn message(web: &mut Capture, bytes: &Segment<'_>, body: &[u8]) -> Option<Message> {
    let count = web.http().begin(bytes);
    let place = web.http().place(bytes, None, body.len(), Some("application/json"));
    assert!(count <= 1 && place.is_none_or(|place| place == 0));
    if web.http().end(bytes, bytes.data.len()) == 0 {
        return None;
    }
    let head = web.message(bytes, 0, body)?;
    assert!(head.end <= bytes.data.len());
    let report = web.report();
    for item in report.items() {
        match item.kind == ItemKind::Note {
            true => assert!(protocols::note(item.field).is_some()),
            false => assert!(protocols::field(item.field).is_some()),
        }
        let source = [bytes.data.len(), body.len()][usize::from(item.source)];
        assert!(item.offset as usize + item.length as usize <= source);
    }
    // A value each, what belongs to it, and twelve bits at most.
    assert!(report.items().len() < 200 + 16 * (bytes.data.len() + body.len()));
    assert_eq!(report.texts().last(), Some(&0));
    Some((report.items().to_vec(), report.texts().to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_of_the_web_client_are_shown_alike_in_any_order(exchanges in prop::collection::vec(exchange(), 1..8), show_account: bool) {
        let mut config = Config::default();
        config.set_number(Shared::SHOW_ACCOUNT, u32::from(show_account));
        let mut web = Capture::new(&config);
        let messages: Vec<(Vec<u8>, &[u8], u32, bool)> = exchanges
            .iter()
            .flat_map(|Exchange { call, query, asked, answered, stream }| {
                let head = |first: String, body: &[u8]| {
                    format!("{first}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes()
                };
                let request = head(format!("POST /cgi-bin/mmwebwx-bin/{call}?{query} HTTP/1.1"), asked);
                let response = head("HTTP/1.1 200 OK".to_owned(), answered);
                [(request, &asked[..], *stream, false), (response, &answered[..], *stream, true)]
            })
            .collect();
        let mut visit = |index: usize, first_visit: bool| {
            let (data, body, stream, side) = &messages[index];
            let bytes = Segment {
                lane: LaneId::new(*stream, *side),
                position: index as u32,
                time: Time::from_nanoseconds(index as i64 * 100_000_000),
                first_visit,
                ..segment(data, index as u32 + 1)
            };
            message(&mut web, &bytes, body)
        };
        for index in 0..messages.len() {
            prop_assert!(visit(index, true).is_some(), "message {}", index);
        }
        let forward: Vec<_> = (0..messages.len()).map(|index| visit(index, false)).collect();
        for index in (0..messages.len()).rev() {
            prop_assert_eq!(&visit(index, false), &forward[index]);
        }
    }

    #[test]
    fn any_bytes_may_be_given_for_http(data in prop::collection::vec(any::<u8>(), 0..300), body in prop::collection::vec(any::<u8>(), 0..200), text in "(GET|POST|HTTP/1\\.1) ?[ -~]{0,40}(\r\n[ -~]{0,30}){0,4}(\r\n\r\n)?") {
        for data in [&data[..], text.as_bytes(), &[text.as_bytes(), &data].concat()] {
            let mut web = Capture::default();
            for first_visit in [true, false] {
                let bytes = Segment { counted: false, first_visit, ..segment(data, 1) };
                let count = web.http().begin(&bytes);
                prop_assert!(count <= data.len() / 3);
                web.http().place(&bytes, None, body.len(), Some("text/plain"));
                for index in 0..web.http().end(&bytes, data.len()) {
                    web.message(&bytes, index, &body);
                }
            }
        }
    }
}
