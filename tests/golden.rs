// SPDX-License-Identifier: GPL-2.0-or-later
//! Golden tests: for each case the report as text, with every value and its bytes.
//!
//! `cargo xtask bless` writes the files anew; read the difference before you commit it.

#[path = "support/facts.rs"]
mod facts;
#[path = "support/host.rs"]
mod host;
#[path = "support/render.rs"]
mod render;
#[path = "support/shown.rs"]
mod shown;
#[path = "support/story.rs"]
mod story;
#[path = "support/webstory.rs"]
mod webstory;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use host::{Call, Host};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use shown::Shown;
use story::Story;
use webstory::{Message, WebStory, added};
use wechat_dissector::config::Config;
use wechat_dissector::kernel::rows::Type;
use wechat_dissector::long_link::settings::P;
use wechat_dissector::mmtls::fields::TABLE as MMTLS;
use wechat_dissector::mmtls::settings::P as mmtls_settings;
use wechat_dissector::protocols::{self, PROTOCOLS};
use wechat_dissector::short_link::fields::TABLE as SHORT;
use wechat_dissector::wechat::settings::P as Shared;
use wechat_traffic::body::business::{Business, Form};
use wechat_traffic::body::identify::{self, Trailer};
use wechat_traffic::body::protobuf;
use wechat_traffic::body::sealed::{self, Algorithm, Keys, Packet, seal};
use wechat_traffic::body::sync_key::SyncKey;
use wechat_traffic::body::{self};
use wechat_traffic::mmtls::key_log::{cipher_line, hex};
use wechat_traffic::mmtls::short;
use wechat_traffic::pdu::{Pdu, op, seq};
use wechat_traffic::{mmtls, web};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Compares with the golden file, or writes it when blessing.
fn golden(name: &str, about: &str, text: &str) {
    let file = folder().join(format!("{name}.txt"));
    let text = format!("# {about}\n{text}");
    if env::var_os("WECHAT_BLESS").is_some() {
        fs::write(&file, text).expect("writes the golden file");
        return;
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if expected != text {
        let differs = expected.lines().zip(text.lines()).position(|(old, new)| old != new);
        let line = differs.unwrap_or_else(|| expected.lines().count().min(text.lines().count()));
        let old = expected.lines().nth(line).unwrap_or("(end of file)");
        let new = text.lines().nth(line).unwrap_or("(end of output)");
        panic!(
            "{name}.txt, line {}:\n golden: {old}\n    now: {new}\n`cargo xtask bless` accepts it",
            line + 1
        );
    }
}

fn check(name: &str, about: &str, story: Story) {
    golden(name, about, &story.tell());
}

/// Bytes in which no header lies.
fn filler(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + 7) as u8 | 2).collect()
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn business(form: Form, client_version: u32, cgi_type: u32, plain_len: u32, compressed_len: u32) -> Vec<u8> {
    let cookie = (1..=15).collect();
    let packet =
        Business { form, client_version, uin: 0x1234_5678, cookie, cgi_type, plain_len, compressed_len };
    packet.encode_with(&filler(packet.payload_len()))
}

/// A frame with its header's fields set to anything.
fn raw(packet_len: u32, head_len: u16, version: u16, op: u32, seq: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = packet_len.to_be_bytes().to_vec();
    frame.extend(head_len.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(op.to_be_bytes());
    frame.extend(seq.to_be_bytes());
    frame.extend(body);
    frame
}

fn heartbeat(seq: u32) -> Vec<u8> {
    Pdu::empty(op::HEARTBEAT, seq).encode()
}

fn with_accounts(config: &mut Config) {
    config.set_number(Shared::SHOW_ACCOUNT, 1);
}

// ---- frames as they should be ----

#[test]
fn send_and_answer() {
    let request = Pdu::new(op::NEW_SEND_MSG, 12, business(Form::Request, 0x2600_0036, 522, 60, 60));
    let answer = request.response(business(Form::Response, 0, 522, 48, 48));
    let story = Story::new().client(request.encode()).server(answer.encode());
    check("send", "A message is sent and answered; account data stays hidden", story);
}

#[test]
fn send_with_account() {
    let request = Pdu::new(op::NEW_SEND_MSG, 12, business(Form::RecentRequest, 0x2800_1737, 522, 206, 206));
    let story = Story::new().client(request.encode()).configured(with_accounts);
    check("send_with_account", "The preference show_account shows account number and cookie", story);
}

#[test]
fn heartbeats() {
    let story = Story::new()
        .client(heartbeat(13))
        .server(Pdu::empty(1_000_000_012, 13).encode())
        .client(heartbeat(14))
        .server(heartbeat(14))
        .client(Pdu::empty(op::NOOP, seq::NOOP).encode())
        .server(Pdu::empty(1_000_000_006, seq::NOOP).encode());
    check("heartbeats", "Heartbeats of the 6.0 client, answered both ways, and of later clients", story);
}

#[test]
fn several_in_one_segment() {
    let message = |seq| Pdu::new(op::NEW_SEND_MSG, seq, filler(20));
    let (first, second) = (message(1), message(2));
    let story = Story::new()
        .client([first.encode(), second.encode(), heartbeat(3)].concat())
        .server([second.response(vec![1, 2, 3]).encode(), first.response(vec![]).encode()].concat());
    check("several", "Several frames in a segment, answered in another order", story);
}

#[test]
fn one_over_several_segments() {
    let frame = Pdu::new(op::NEW_SEND_MSG, 1, filler(100)).encode();
    let story = Story::new().client(&frame[..7]).client(&frame[7..60]).client(&frame[60..]);
    check("split", "One frame over three segments, its header cut", story);
}

#[test]
fn pushes() {
    let key = SyncKey(vec![(1, 637_000_001), (2, 637_000_002), (201, 1_421_740_800)]);
    let packet = business(Form::Response, 0, 138, 400, 200);
    let push = |flags| Pdu::new(op::PUSH, seq::PUSH, body::push(flags, &packet));
    assert_eq!(push(1).packet_len(), 265, "the article's example");
    let ack = |seq, elapsed| Pdu::new(op::PUSH_ACK, seq, body::push_ack(elapsed, &key)).encode();
    let story = Story::new()
        .server(push(1).encode())
        .client(ack(8, 120))
        .at(120)
        .server(push(0).encode())
        .at(200)
        .server(push(1).encode())
        .at(300)
        .server(push(1).encode())
        .at(500)
        .client(Pdu::new(op::PUSH_ACK_OLD, 9, body::push_ack(5000, &key)).encode())
        .at(900);
    check("pushes", "Pushes with and without the ack flag, acknowledged by time and by age", story);
}

#[test]
fn notices() {
    let push = |op, body: &[u8]| Pdu::new(op, seq::PUSH, body.to_vec()).encode();
    let story = Story::new()
        .server(push(op::NOTIFY, &body::notify(0x6)))
        .server(push(op::NOTIFY, &body::notify(0xfff)))
        .server(push(
            op::REDIRECT,
            &body::redirect(&[Ipv4Addr::new(203, 0, 113, 80), Ipv4Addr::new(198, 51, 100, 8)]),
        ))
        .server(push(120, &[101, 1, 2, 3]))
        .server(push(241, &[0, 0, 0, 5, 0, 0, 0, 6]))
        .server(push(39, &[]))
        .server(push(61, &[]))
        .server(push(4711, &[1]));
    check("notices", "Small pushes: selector, redirect, call, notice ids, and numbers without a body", story);
}

#[test]
fn identify_of_three_versions() {
    let key = SyncKey(vec![(2, 637_000_002), (1000, 7)]);
    let request = |trailer, version| {
        let body = identify::request(0xdead_beef, &key, version, trailer, &mut rng());
        Pdu::new(op::IDENTIFY, seq::IDENTIFY, body)
    };
    let first = request(Trailer::Version, 0x2504_0030);
    let second = request(Trailer::Network, 0x2603_1630);
    let third = request(Trailer::Context, 0x2800_1737);
    let story = Story::new()
        .client(first.encode())
        .server(first.response(identify::response(7, &key, &mut rng())).encode())
        .client(second.encode())
        .server(second.response([0, 0, 0, 2, 0xff, 0xff, 0xf4, 0x46, 0, 0, 0, 0].to_vec()).encode())
        .client(third.encode())
        .server(third.response(identify::recent_response(2, &mut rng())).encode());
    check("identify", "Identify with the trailers of 5.4, 6.3 and 8.0, and the answers' three forms", story);
}

#[test]
fn identify_with_account() {
    let key = SyncKey(vec![(2, 637_000_002)]);
    let body = identify::request(0xdead_beef, &key, 0x2504_0030, Trailer::Version, &mut rng());
    let request = Pdu::new(op::IDENTIFY, seq::IDENTIFY, body).encode();
    let story = Story::new().client(request).configured(with_accounts);
    check("identify_with_account", "The preference show_account shows the account number", story);
}

/// Two rows for one number: the last counts, and the first frame says so.
fn with_two_names(config: &mut Config) {
    for name in ["first", "second"] {
        config.add_row(P::OPERATIONS, &["4711", name, "any"]);
    }
}

#[test]
fn names_of_the_users() {
    let story = [4711, 4711, 4712].into_iter().zip(1..).fold(Story::new(), |story, (number, seqid)| {
        story.client(Pdu::new(number, seqid, filler(20)).encode())
    });
    check("names_twice", "The user's table has two rows for an operation", story.configured(with_two_names));
}

#[test]
fn names_by_cgi_type_and_direction() {
    let story = Story::new()
        .client(Pdu::new(157, 1, business(Form::Request, 0x2600_0036, 329, 60, 60)).encode())
        .client(Pdu::new(157, 2, filler(40)).encode())
        .client(Pdu::new(39, 3, filler(40)).encode())
        .client(Pdu::new(8, 4, filler(40)).encode())
        .server(Pdu::new(8, 0, filler(40)).encode());
    check("names", "One number, several calls: by cgi type and by direction", story);
}

#[test]
fn operations_of_the_user() {
    let story = Story::new()
        .client(Pdu::new(237, 1, filler(20)).encode())
        .client(Pdu::new(4711, 2, filler(20)).encode())
        .server(Pdu::new(1_000_004_711, 2, filler(20)).encode())
        .configured(|config| {
            config.add_row(P::OPERATIONS, &["237", "my send", ""]);
            config.add_row(P::OPERATIONS, &["0x1267", "experiment", "request"]);
        });
    check("user_operations", "The user's table renames and adds operations", story);
}

#[test]
fn direction_of_nobody() {
    let story = Story::new()
        .client(Pdu::new(237, 1, filler(4)).encode())
        .server(Pdu::new(1_000_000_237, 1, filler(4)).encode())
        .client(Pdu::new(237, 2, filler(4)).encode())
        .configured(|config| config.set_number(Shared::SERVER_SIDE, 3));
    check("direction", "Without a rule for ports, an answer shows who is the server", story);
}

#[test]
fn compressed_business_packets() {
    let story = Story::new()
        .client(Pdu::new(121, 1, business(Form::Request, 0x2600_0036, 138, 240, 120)).encode())
        .client(Pdu::new(121, 2, business(Form::Request, 0x2600_0036, 139, 240, 120)).encode())
        .client(Pdu::new(34, 3, filler(64)).encode());
    check("business", "A header is claimed only with its operation's cgi type", story);
}

// ---- who answers whom ----

fn request(op: u32, seq: u32) -> Vec<u8> {
    Pdu::new(op, seq, filler(20)).encode()
}

fn response(op: u32, seq: u32) -> Vec<u8> {
    Pdu::new(op, seq, filler(20)).response(filler(4)).encode()
}

fn pushed(op: u32, body: Vec<u8>) -> Vec<u8> {
    Pdu::new(op, seq::PUSH, body).encode()
}

fn acknowledgement(seq: u32, elapsed: u32, key: &SyncKey) -> Vec<u8> {
    Pdu::new(op::PUSH_ACK, seq, body::push_ack(elapsed, key)).encode()
}

#[test]
fn requests_sent_again() {
    let story = Story::new()
        .client(request(237, 1))
        .client(request(237, 2))
        .at(3_000)
        .client(request(237, 2))
        .at(6_000)
        .client(request(237, 2))
        .at(9_000)
        .server([response(237, 1), response(237, 2)].concat())
        .at(9_100)
        .server(response(237, 2))
        .at(9_200)
        .client(request(237, 2))
        .at(9_300)
        .server(response(237, 2))
        .at(9_400)
        .client(request(121, 3))
        .at(9_500)
        .client(request(34, 3))
        .at(9_600);
    check(
        "again",
        "The same request again before and after its answer, another with its seqid, an answer again",
        story,
    );
}

#[test]
fn seqids_out_of_order() {
    let story = Story::new()
        .client(request(237, 7))
        .client(request(237, 8))
        .client(request(237, 11))
        .client(request(237, 9))
        .client(request(237, 12))
        .client(request(237, 1))
        .client(request(237, 2))
        .server(response(237, 300));
    check(
        "seqids",
        "A late first seqid, a gap, a seqid that comes late, a client that counts anew, an answer to nothing",
        story,
    );
}

#[test]
fn beginning_in_the_middle() {
    let key = SyncKey(vec![(2, 637_000_002)]);
    let story = Story::new()
        .server(response(237, 40))
        .client(acknowledgement(41, 10, &key))
        .client(request(121, 42))
        .server([response(237, 39), response(121, 42), response(237, 43)].concat())
        .without_beginning();
    check(
        "middle",
        "A capture that began in the middle of the stream is silent about what came before",
        story,
    );
}

#[test]
fn what_nobody_answers() {
    let story = Story::new()
        .client([request(237, 1), request(8, 2), request(243, 3), request(312, 4), heartbeat(5)].concat())
        .client(request(121, 6))
        .at(60_000)
        .server(pushed(op::NOTIFY, body::notify(2)))
        .at(60_200);
    check(
        "unanswered",
        "Requests without an answer: early, one-way, perhaps unanswered, and just before the end",
        story,
    );
}

#[test]
fn a_clock_that_was_set_back() {
    let story = Story::new()
        .client(heartbeat(1))
        .at(3_540_000)
        .server(response(op::HEARTBEAT, 1))
        .at(3_540_040)
        .client([request(237, 2), heartbeat(3), request(34, 4)].concat())
        .at(3_600_000)
        .server([response(237, 2), response(op::HEARTBEAT, 3), pushed(op::NOTIFY, body::notify(2))].concat())
        .at(1_000)
        .client([request(121, 5), heartbeat(6)].concat())
        .at(61_000)
        .client(heartbeat(7))
        .at(121_000);
    check(
        "clock_set_back",
        "A clock that goes back by an hour: times below zero, and an end before the rest",
        story,
    );
}

#[test]
fn what_nobody_acknowledges() {
    let key = SyncKey(vec![(2, 637_000_002)]);
    let push = || pushed(op::PUSH, body::push(1, &filler(40)));
    let story = Story::new()
        .client(acknowledgement(1, 0, &key))
        .server(push())
        .at(100)
        .server(push())
        .at(1_100)
        .server(push())
        .at(2_100)
        .client(acknowledgement(2, 20, &key))
        .at(2_120)
        .server(push())
        .at(3_000)
        .client(request(4712, 3))
        .at(3_050)
        .server(push())
        .at(4_000)
        .server(push())
        .at(59_000);
    check(
        "unacknowledged",
        "An acknowledgement of nothing, of three pushes, one that is inferred, and two pushes without",
        story,
    );
}

#[test]
fn heartbeats_in_time_and_not() {
    let mut story = Story::new();
    for (index, second) in [0, 270, 540, 600, 870, 1_500].into_iter().enumerate() {
        let beat = Pdu::empty(op::NOOP, seq::NOOP);
        story = story.client(beat.encode()).at(second * 1000);
        if index != 3 {
            story = story.server(beat.response(Vec::new()).encode()).at(second * 1000 + 40);
        }
    }
    check("heartbeat_intervals", "Regular heartbeats, an early one without an answer, a late one", story);
}

#[test]
fn port_after_port() {
    let story = Story::new()
        .client(request(237, 1))
        .client(request(237, 2))
        .at(4_000)
        .on_link(1)
        .client(request(237, 3))
        .at(9_000)
        .on_link(2)
        .server(response(237, 3))
        .at(9_050)
        .on_link(2)
        .client(request(237, 4))
        .at(60_000)
        .on_link(3);
    check("attempts", "A client tries three ports within seconds, and comes back much later", story);
}

#[test]
fn how_a_message_travels() {
    let key = SyncKey(vec![(2, 637_000_002)]);
    let story = Story::new()
        .server(pushed(op::NOTIFY, body::notify(2)))
        .server(pushed(5, Vec::new()))
        .at(20)
        .client(acknowledgement(1, 0, &key))
        .at(30)
        .client(request(op::NEW_SYNC, 2))
        .at(40)
        .server(response(op::NEW_SYNC, 2))
        .at(90)
        .server(pushed(op::PUSH, body::push(0, &filler(40))))
        .at(20_000)
        .client(request(op::NEW_SEND_MSG, 3))
        .at(30_000)
        .server(response(op::NEW_SEND_MSG, 3))
        .at(30_050)
        .server(pushed(op::NOTIFY, body::notify(2)))
        .at(30_400)
        .server(pushed(op::NOTIFY, body::notify(0x100)))
        .at(31_000)
        .client(request(op::NEW_SYNC, 4))
        .at(31_010)
        .client(request(102, 5))
        .at(31_020)
        .server([response(op::NEW_SYNC, 4), response(102, 5)].concat())
        .at(31_100)
        .server(pushed(op::NOTIFY, body::notify(2)))
        .at(50_000)
        .client(request(op::NEW_SYNC, 6))
        .at(50_010)
        .client(request(op::NEW_SYNC, 6))
        .at(58_010)
        .server(response(op::NEW_SYNC, 6))
        .at(58_060);
    check(
        "delivery",
        "Notice, acknowledgement, sync, message; a push with the message; a send and its echo; a sync sent again",
        story,
    );
}

#[test]
fn synckeys_grow() {
    let identify = |key: &SyncKey| {
        let body = identify::request(0xdead_beef, key, 0x2504_0030, Trailer::Version, &mut rng());
        Pdu::new(op::IDENTIFY, seq::IDENTIFY, body).encode()
    };
    let key = |messages, time| SyncKey(vec![(1, 5), (2, messages), (201, time)]);
    let story = Story::new()
        .client(identify(&key(100, 1_421_740_800)))
        .client(acknowledgement(1, 0, &key(101, 1_421_740_827)))
        .client(acknowledgement(2, 0, &SyncKey(vec![(1, 5), (2, 99), (13, 1), (201, 1_421_740_830)])))
        .client(identify(&key(103, 1_421_740_900)))
        .on_link(1)
        .client(acknowledgement(3, 0, &key(103, 1_421_740_900)))
        .on_link(1);
    check("synckey_growth", "How keys grow on a link and on the account's next; one goes back", story);
}

// ---- frames as they should not be ----

#[test]
fn packet_length_below_16() {
    let story = Story::new()
        .client([heartbeat(1), raw(7, 16, 1, 237, 2, &filler(20)), heartbeat(3), heartbeat(4)].concat());
    check("packet_len_short", "A packet length of 7, and the frames around it", story);
}

#[test]
fn packet_length_beyond_the_limit() {
    let story = Story::new().client(
        [heartbeat(1), raw(0xffff_fff0, 16, 1, 237, 2, &filler(20)), heartbeat(3), heartbeat(4)].concat(),
    );
    check("packet_len_beyond_limit", "A packet length of nearly 4 GiB, and the frames around it", story);
}

#[test]
fn packet_length_too_large_by_five() {
    let story = Story::new()
        .client([heartbeat(1), raw(41, 16, 1, 237, 2, &filler(20)), heartbeat(3), heartbeat(4)].concat());
    check("packet_len_wrong", "A packet length that reaches into the next frame", story);
}

#[test]
fn head_length_below_16() {
    let story =
        Story::new().client([heartbeat(1), raw(36, 12, 1, 237, 2, &filler(20)), heartbeat(3)].concat());
    check("head_len_short", "A head length of 12", story);
}

#[test]
fn head_length_above_the_packet_length() {
    let story =
        Story::new().client([heartbeat(1), raw(36, 60, 1, 237, 2, &filler(20)), heartbeat(3)].concat());
    check("head_len_beyond", "A head length of 60 in a frame of 36 bytes", story);
}

#[test]
fn head_length_of_20() {
    let story =
        Story::new().client([heartbeat(1), raw(40, 20, 1, 237, 2, &filler(24)), heartbeat(3)].concat());
    check("head_extra", "Four header bytes that nobody knows", story);
}

#[test]
fn version_2() {
    let story =
        Story::new().client([heartbeat(1), raw(36, 16, 2, 237, 2, &filler(20)), heartbeat(3)].concat());
    check("version", "A version other than 1 is dissected, with a warning", story);
}

#[test]
fn truncated_at_the_end_of_the_capture() {
    let frame = Pdu::new(op::NEW_SEND_MSG, 2, filler(500)).encode();
    let story = Story::new().client([heartbeat(1), frame[..100].to_vec()].concat());
    check("truncated", "The capture ends inside a frame: known after the first pass", story);
}

#[test]
fn truncated_header() {
    let story = Story::new().client([heartbeat(1), heartbeat(2)[..9].to_vec()].concat()).without_reassembly();
    check("truncated_header", "A header that nobody may wait for", story);
}

#[test]
fn continued_without_reassembly() {
    let frame = Pdu::new(op::NEW_SEND_MSG, 2, filler(100)).encode();
    let story =
        Story::new().client(&frame[..60]).client([&frame[60..], &heartbeat(3)].concat()).without_reassembly();
    check("continuation", "With desegmentation off, the rest of a frame is marked as such", story);
}

#[test]
fn cut_by_the_snap_length() {
    let frame = Pdu::new(op::PUSH_ACK, 2, body::push_ack(5, &SyncKey::of_2015(5))).encode();
    let story =
        Story::new().client([frame.clone(), frame.clone()].concat()).cut_off(frame.len() + 30).client(frame);
    check("not_captured", "Bytes that the capture cut off are missing, not malformed", story);
}

#[test]
fn a_hole_in_the_stream() {
    let frame = Pdu::new(op::NEW_SEND_MSG, 2, filler(20_000)).encode();
    let story = Story::new()
        .client(&frame[..1400])
        .client([&frame[19_000..], &heartbeat(3)].concat())
        .after_losing(17_600);
    check("segment_missing", "A segment is missing inside a frame: the next one is found", story);
}

#[test]
fn a_late_start() {
    let story = Story::new().client([filler(143), heartbeat(3), heartbeat(4)].concat());
    check("resynchronised", "The capture starts in the middle of a frame", story);
}

#[test]
fn garbage_without_end() {
    let story =
        Story::new().client(heartbeat(1)).client(filler(300)).client([filler(50), heartbeat(2)].concat());
    check("out_of_step", "Garbage over two segments, then a frame", story);
}

#[test]
fn a_stream_that_switches() {
    let http = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody".to_vec();
    let story = Story::new().server(heartbeat(1)).server(http).server([filler(20), heartbeat(2)].concat());
    check("switched", "A stream of ours that turns to HTTP is out of step until a frame begins", story);
}

#[test]
fn bytes_seen_before() {
    let story = Story::new().client(heartbeat(1)).client(heartbeat(2)).client(heartbeat(2)).after_losing(-16);
    check("seen_before", "A retransmission that TCP let through", story);
}

#[test]
fn the_same_ends_again() {
    let lower = Story::new()
        .client(request(237, 1))
        .server(response(237, 1))
        .client(request(237, 2))
        .server(response(237, 2))
        .client(request(237, 1))
        .after_losing(-52)
        .server(response(237, 1))
        .client(request(237, 2));
    check("same_ends_again", "Another link of the same ends, with lower sequence numbers", lower);
}

#[test]
fn the_same_ends_and_sequence_numbers_again() {
    let story = Story::new()
        .client(request(237, 1))
        .server(response(237, 1))
        .client(request(237, 11))
        .after_losing(-36)
        .server(response(237, 11))
        .after_losing(-20)
        .client(request(237, 11))
        .after_losing(-36);
    check(
        "same_sequences_again",
        "Another link with the sequence numbers of the first; what is one stays one",
        story,
    );
}

#[test]
fn the_same_ends_again_in_the_middle_of_a_frame() {
    let story = Story::new()
        .client([request(237, 1), request(237, 2)].concat())
        .server([response(237, 1), response(237, 2)].concat())
        .client([&request(237, 7)[10..], &request(237, 8)].concat())
        .after_losing(-500)
        .server(response(237, 8))
        .client([&request(237, 7)[10..], &request(237, 8)].concat())
        .after_losing(-62);
    check("same_ends_late", "Another link that begins within a frame, and the same bytes once more", story);
}

#[test]
fn proxies_in_front() {
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x9c\x40\x1f\x90";
    let story = Story::new()
        .client([b"PROXY TCP4 10.0.0.1 10.0.0.2 40000 8080\r\n".as_slice(), &heartbeat(1)].concat())
        .client([binary.as_slice(), &heartbeat(1)].concat())
        .on_link(1);
    check("proxy", "What a proxy puts in front says nothing of the frames", story);
}

#[test]
fn packets_of_both_ends_that_have_one_side() {
    let story = Story::new()
        .client(request(237, 1))
        .client(response(237, 1))
        .client(request(237, 2))
        .client(response(237, 2))
        .client(acknowledgement(3, 80, &SyncKey(vec![(2, 7)])))
        .client(request(121, 4))
        .server(response(121, 4))
        .client(request(121, 5));
    check("one_side", "As long as all packets have one side, it says nothing of who sends", story);
}

#[test]
fn packets_of_both_ends_that_have_the_servers_side() {
    let story = Story::new()
        .server(response(237, 1))
        .server(request(237, 2))
        .server(response(237, 2))
        .server(request(121, 3))
        .client(request(121, 4))
        .server(response(121, 4));
    check("servers_side", "The same where the ports say that a server sends", story);
}

#[test]
fn push_with_a_seqid() {
    let packet = business(Form::Response, 0, 138, 400, 200);
    let story = Story::new().server(Pdu::new(op::PUSH, 77, body::push(0, &packet)).encode());
    check("push_with_seq", "A push with a seqid stays a push", story);
}

#[test]
fn operation_that_does_not_answer() {
    let story = Story::new()
        .client(Pdu::new(237, 5, vec![]).encode())
        .server(Pdu::new(1_000_000_121, 5, vec![]).encode())
        .client(Pdu::new(4711, 6, vec![]).encode())
        .server(Pdu::new(2_000_000_000, 6, vec![]).encode());
    check("op_mismatch", "Answers with another operation pair all the same", story);
}

#[test]
fn push_whose_length_does_not_fit() {
    let mut body = body::push(1, &filler(40));
    body[7] += 9;
    let push = |body: &[u8]| Pdu::new(op::PUSH, 0, body.to_vec()).encode();
    let story = Story::new().server(push(&body)).server(push(&[1, 2, 3, 4, 5])).server(push(&[1, 2]));
    check("push_len_mismatch", "A push whose length does not fit has an unknown header of four bytes", story);
}

#[test]
fn bodies_that_are_too_short() {
    let push = |op, body: &[u8]| Pdu::new(op, 0, body.to_vec()).encode();
    let identify = |body: &[u8]| Pdu::new(op::IDENTIFY, seq::IDENTIFY, body.to_vec());
    let key = SyncKey(vec![(2, 5)]);
    let long = identify::request(1, &key, 0x2800_1737, Trailer::Context, &mut rng());
    let answer = identify::recent_response(2, &mut rng());
    let mut story = Story::new()
        .server(push(op::NOTIFY, &[0, 0]))
        .server(push(op::REDIRECT, &[203, 0, 113]))
        .server(push(241, &[0, 0, 0, 5, 0]))
        .client(Pdu::new(op::PUSH_ACK, 1, vec![0, 0]).encode())
        .client(Pdu::new(op::PUSH_ACK, 2, vec![0, 0, 0, 9, 0]).encode())
        .client(Pdu::new(op::PUSH_ACK, 3, vec![0, 0, 0, 9, 0, 0, 0, 99, 8, 1]).encode());
    for length in [5, 12, 20, 26, 36, 60, 90] {
        story = story.client(identify(&long[..length]).encode());
    }
    for length in [6, 10, 14, 40, 50, 90] {
        story = story.server(identify(&[]).response(answer[..length].to_vec()).encode());
    }
    let key_beyond = [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 1].to_vec();
    check(
        "body_short",
        "Bodies shorter than their inner lengths",
        story.server(identify(&[]).response(key_beyond).encode()),
    );
}

#[test]
fn bytes_behind_a_body() {
    let key = SyncKey(vec![(2, 5)]).encode();
    let mut ack = vec![0, 0, 0, 9, 0, 0, 0, key.len() as u8];
    ack.extend(key);
    ack.extend([1, 2, 3]);
    let answer = [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 9, 1, 2].to_vec();
    let story = Story::new()
        .server(Pdu::new(op::NOTIFY, 0, vec![0, 0, 0, 2, 9]).encode())
        .server(Pdu::new(241, 0, vec![0; 9]).encode())
        .client(Pdu::new(op::PUSH_ACK, 1, ack).encode())
        .server(Pdu::empty(op::IDENTIFY, seq::IDENTIFY).response(answer).encode());
    check("body_excess", "Bytes behind the known layout", story);
}

#[test]
fn sync_keys_that_are_none() {
    let ack = |seq, key: &[u8]| {
        let mut body = vec![0, 0, 0, 9, 0, 0, 0, key.len() as u8];
        body.extend(key);
        Pdu::new(op::PUSH_ACK, seq, body).encode()
    };
    let story = Story::new()
        .client(ack(1, &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))
        .client(ack(2, &[0x08, 0x80]))
        .client(ack(3, &[0x0b, 1, 2, 3]))
        .client(ack(4, &[0x08, 2, 0x12, 4, 0x08, 2, 0x10, 7]))
        .client(ack(5, &[0x12, 99, 1]))
        .client(ack(6, &[0x12, 5, 0x08, 2, 0x12, 9, 1]))
        .client(ack(7, &[0x18, 5, 0x22, 2, 1, 2, 0x2d, 1, 2, 3, 4, 0x31, 1, 2, 3, 4, 5, 6, 7, 8]))
        .client(ack(8, &[0x12, 10, 0x08, 2, 0x10, 7, 0x18, 1, 0x22, 2, 1, 2]))
        .client(ack(9, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]));
    check("synckey", "SyncKeys with endless varints, wrong types, wrong counts and unknown fields", story);
}

// ---- the table of the user ----

#[test]
fn rows_that_are_refused() {
    let rows = [
        ["", "name", ""],
        ["abc", "name", ""],
        ["-1", "name", ""],
        ["+1", "name", ""],
        ["0x", "name", ""],
        ["0x+5", "name", ""],
        ["4294967296", "name", ""],
        ["1000000237", "name", ""],
        ["237", "", ""],
        ["237", "   ", ""],
        ["237", "a\nb", ""],
        ["237", "%s%n", ""],
        ["237", &"x".repeat(65), ""],
        ["237", "name", "answer"],
        ["\u{202e}7", "name", ""],
        ["237", "good name", "one-way"],
        [" 0xED ", "新消息", ""],
    ];
    let table = protocols::preference(P::OPERATIONS).expect("the table of operations");
    let text: String = rows
        .iter()
        .map(|row| {
            let verdict = (table.check)(row).err().unwrap_or_else(|| "accepted".to_owned());
            format!("{:?}, {:?}, {:?}\n    {verdict}\n", row[0], row[1], row[2])
        })
        .collect();
    golden("user_table", "Rows of the user's table of operations, and the sentence that refuses them", &text);
}

// ---- the whole sample ----

#[test]
fn the_sample_session() {
    let capture = wechat_traffic::sample::capture(1);
    let mut story = Story::new();
    for packet in capture.packets().iter().filter(|packet| packet.flow == 0 && !packet.payload.is_empty()) {
        let milliseconds = packet.time.as_millis() as i64;
        story = match packet.direction {
            wechat_traffic::packet::Direction::ClientToServer => story.client(packet.payload.clone()),
            wechat_traffic::packet::Direction::ServerToClient => story.server(packet.payload.clone()),
        }
        .at(milliseconds);
    }
    check("sample", "The first connection of the sample capture", story);
}

// ---- who answers whom ----

#[test]
fn the_exchanges_in_one_pass_in_two_and_in_any_order() {
    let story = Story::of(&wechat_traffic::exchanges::capture(1));
    let [one_pass, two_passes] = story.tell_exchanges(|_| {});
    golden("exchanges_one_pass", "Who answers whom, as one pass shows it", &one_pass);
    golden("exchanges_two_passes", "Who answers whom, as the second pass shows it", &two_passes);
    let mut rng = rng();
    for _ in 0..20 {
        let [first, random_order] = story.tell_exchanges(|order| {
            for place in (1..order.len()).rev() {
                order.swap(place, rng.next_u32() as usize % (place + 1));
            }
        });
        assert!(first == one_pass && random_order == two_passes, "what is shown depends on the order");
    }
}

// ---- the web client ----

fn web_story(name: &str, size: Option<usize>) -> WebStory {
    let case = web::case::find(name).unwrap_or_else(|| panic!("no case {name}"));
    let (dialogue, mut rng) = case.dialogue(1, size);
    WebStory::of(&dialogue, case.carrier, &mut rng)
}

fn check_web(name: &str, about: &str, story: &WebStory) {
    golden(name, about, &story.tell());
}

#[test]
fn the_article_of_the_web_client() {
    check_web(
        "web_article",
        "One message: a poll, the sync that fetches it, the next poll",
        &web_story("article", None),
    );
}

#[test]
fn the_article_with_accounts_and_secrets() {
    let story = web_story("article", None).configured(with_accounts);
    check_web("web_article_with_account", "The preference show_account shows accounts and secrets", &story);
}

#[test]
fn a_session_of_the_web_client() {
    check_web(
        "web_session",
        "A session of the web client, from the login to the end",
        &web_story("session", None),
    );
}

#[test]
fn spellings_of_the_web_client() {
    check_web("web_spellings", "The same calls in the words of other clients", &web_story("spellings", None));
}

#[test]
fn secrets_of_the_web_client() {
    check_web("web_secrets", "Secrets in all places where clients put them", &web_story("secrets", None));
}

#[test]
fn uploads_of_the_web_client() {
    check_web("web_upload", "Files sent up, whole and in pieces", &web_story("upload", None));
}

#[test]
fn what_is_noted_of_the_web_clients_bad_input() {
    for (name, about, size) in [
        ("web_bad_cut", "Sync answers that end early", Some(12)),
        ("web_bad_types", "Members of other types than expected", None),
        ("web_bad_deep", "Lists and objects in each other", None),
        ("web_bad_duplicates", "Names that come twice", None),
        ("web_bad_huge_list", "Lists that nobody reads to their end", Some(21_000)),
        ("web_bad_utf8", "Texts that are none", None),
        ("web_bad_synckey", "SyncKeys that are garbage", Some(300)),
        ("web_bad_counts", "Counts that lie", None),
        ("web_bad_no_json", "Answers that are no JSON", None),
        ("web_bad_synccheck", "Answers to polls that are none", None),
    ] {
        let case = name.strip_prefix("web_").expect("a name").replace('_', "-");
        golden(name, about, &web_story(&case, size).tell_notes());
    }
}

/// A call's request line and what a browser says behind it.
fn call(method: &str, target: &str) -> String {
    format!("{method} /cgi-bin/mmwebwx-bin/{target} HTTP/1.1\r\nHost: wx.qq.com\r\n")
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const JSON: &str = "application/json";

#[test]
fn what_the_generator_does_not_do() {
    let refused = "{\"BaseResponse\":{\"Ret\":-14,\"ErrMsg\":\"ticket error\"}}";
    let contact = "{\"UserName\":\"@a\",\"Alias\":\"a\",\"Uin\":12345,\"ContactFlag\":1023,\"Province\":\"P\",\
                   \"City\":\"C\",\"MemberList\":[{\"UserName\":\"@b\",\"RemarkName\":\"b\",\"Uin\":0}]}";
    let profile = "{\"BitFlag\":4095,\"BindUin\":54321,\"UserName\":{\"Buff\":\"@a\"}}";
    let answer = format!(
        "{{\"BaseResponse\":{{\"Ret\":0}},\"ModContactList\":[{contact}],\"Profile\":{profile},\"SKey\":\"new\"}}"
    );
    let image = "{\"Msg\":{\"Type\":3,\"MediaId\":\"@crypt_1\",\"ClientMsgId\":\"7\"},\"Scene\":0}";
    let get = |target: &str| Message::new(&call("GET", target), "", "");
    let post = |target: &str, body: &str| Message::new(&call("POST", target), JSON, body);
    let answered = |body: &str| Message::new(OK, "text/plain", body);
    let poll = "window.synccheck={retcode:\"0\",selector:\"2\"}";
    let story = WebStory::new()
        .client(0, [get("webwxgetcontact?r=soon&seq=-1&uin=x&_=99999999999999999999&lang=zh+CN&what=1")])
        .server(50, [answered(refused)])
        // Pipelined: answers are told apart by their order.
        .client(
            1000,
            [post("webwxsendmsgimg?fun=async", image), post("webwxsync?sid=a", "{}"), get("webwxlogout?")],
        )
        .server(
            1100,
            [answered("{\"MsgID\":\"9\"}"), answered(&answer), Message::new(OK, "text/html", "<html>")],
        )
        .client(3000, [get("webwxgetmsgimg?MsgID=9&skey=b")])
        .server(
            3100,
            [Message::new("HTTP/1.1 100 Continue\r\n", "", ""), Message::new(OK, "image/png", "\u{89}PNG")],
        )
        // Others on the same connection.
        .client(4000, [Message::new("GET /other HTTP/1.1\r\n", "", ""), get("synccheck?sid=a&synckey=1_2")])
        .server(4100, [answered("{\"MsgID\":\"77\"}"), answered(poll)])
        .server(4200, [answered("an answer to nothing")])
        // Escapes that are none.
        .client(4500, [get("webwxsync?lang=%zz%e4%bd%a0%&%u4f60=a%ffb&pass_ticket=%ef%bf%be%4")])
        .server(4600, [answered("{}")])
        // The capture ends before anybody could fetch.
        .client(5000, [get("synccheck?sid=c&synckey=1_2%7c201_7")])
        .server(5100, [answered(poll)]);
    check_web("web_by_hand", "Refusals, pipelining, strangers on the same connection, an early end", &story);
}

#[test]
fn web_clock_set_back() {
    let get = |call: &str| {
        Message::new(&format!("GET /cgi-bin/mmwebwx-bin/{call} HTTP/1.1\r\nHost: wx.qq.com\r\n"), "", "")
    };
    let answered = |body: &str| Message::new("HTTP/1.1 200 OK\r\n", "text/javascript", body);
    let news = "window.synccheck={retcode:\"0\",selector:\"2\"}";
    let story = WebStory::new()
        .client(3_600_000, [get("synccheck?sid=a&synckey=1_2")])
        .server(3_625_000, [answered(news)])
        .client(3_626_000, [get("synccheck?sid=a&synckey=1_2")])
        .server(27_000, [answered(news)])
        // Its answer is missing: an hour back is no pipelining.
        .client(3_628_000, [get("synccheck?sid=a&synckey=1_2")])
        .client(30_000, [get("synccheck?sid=b&synckey=1_2")])
        .server(31_000, [answered(news)]);
    check_web("web_clock_set_back", "A clock that goes back by an hour, twice", &story);
}

/// Later visits come in any order, and add what lies ahead to what the first has shown.
#[test]
fn later_visits_of_the_web_client_add_only_what_lies_ahead() {
    const AHEAD: [&str; 9] = [
        "wechat_web.response_in",
        "wechat_web.poll.fetch_in",
        "wechat_web.poll.unfetched",
        "wechat_web.message.again_in",
        "wechat_web.message.send",
        "wechat_web.send.sync_in",
        "wechat_web.synckey.next",
        "wechat_web.no_fetch",
        "wechat_web.no_fetch_yet",
    ];
    let mut rng = rng();
    for name in
        ["article", "session", "two-sessions", "spellings", "foreign", "bad-synckey", "bad-duplicates"]
    {
        let story = web_story(name, None);
        let [_, expected] = story.visits(|_| {});
        let mut ahead = 0;
        for _ in 0..10 {
            let [first, later] = story.visits(|order| {
                for place in (1..order.len()).rev() {
                    order.swap(place, rng.next_u32() as usize % (place + 1));
                }
            });
            assert!(later == expected, "{name}: what is shown depends on the order");
            for (first, later) in first.iter().flatten().zip(later.iter().flatten()) {
                for line in added(first, later) {
                    let rest = line.trim_start().split_once(' ').map_or("", |(_, rest)| rest);
                    let field = rest.trim_start_matches("! ").split([' ', ':']).next().unwrap_or_default();
                    assert!(AHEAD.contains(&field), "{name}: {line}");
                    ahead += 1;
                }
            }
        }
        assert_eq!(ahead > 0, name != "foreign", "{name}");
    }
}

// ---- MMTLS ----

/// A case of MMTLS with one of its key logs, as far as this packet.
fn mmtls_story(case: &str, log: Option<&str>, until: usize, set: impl FnOnce(&mut Config)) -> Vec<Told> {
    let made =
        mmtls::case::find(case).unwrap_or_else(|| panic!("no case {case}")).make(1).expect("a capture");
    let mut config = Config::default();
    // What stands for a ticket is then the same in every run.
    config.set_text(Shared::HASH_KEY, "golden");
    set(&mut config);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    if let Some(log) = log {
        file.write_all(&made.log(log).expect("a log").bytes).expect("written");
        config.set_text(mmtls_settings::KEYLOG_FILE, file.path().to_str().expect("a path"));
    }
    let mut host = Host::open(&made, &config);
    let later = host.again(|order| order.reverse());
    let told = host.calls.iter().map(head).zip(host.first.iter().cloned()).zip(later);
    told.map(|((head, first), later)| Told { head, first, later }).take(until).collect()
}

fn head(call: &Call) -> String {
    let sender = if call.lane.side { "server" } else { "client" };
    format!("packet {} from the {sender}, {} bytes", call.packet, call.reported)
}

/// What is shown of a segment or of a message of HTTP's.
struct Told {
    head: String,
    first: Vec<Shown>,
    later: Vec<Shown>,
}

/// The PDU as text, and how deep it lies.
fn lines_of(shown: &Shown) -> Vec<String> {
    let indent = "    ".repeat(shown.depth);
    shown.text.lines().map(|line| format!("{indent}{line}")).collect()
}

fn check_mmtls(name: &str, about: &str, told: &[Told]) {
    let mut out = String::new();
    for Told { head, first, later } in told {
        writeln!(out, "{head}").unwrap();
        for (index, one) in first.iter().enumerate() {
            lines_of(one).iter().for_each(|line| writeln!(out, "{line}").unwrap());
            let later = later.get(index).map(lines_of).unwrap_or_default();
            let known = lines_of(one);
            if later != known {
                writeln!(out, "  on a later visit also").unwrap();
                let new = later.iter().filter(|line| !known.contains(line));
                new.for_each(|line| writeln!(out, "{line}").unwrap());
            }
        }
        for one in later.iter().skip(first.len()) {
            writeln!(out, "  on a later visit").unwrap();
            lines_of(one).iter().for_each(|line| writeln!(out, "{line}").unwrap());
        }
    }
    golden(name, about, &out);
}

#[test]
fn mmtls_closed() {
    let case = |case, until| mmtls_story(case, None, until, |_| {});
    check_mmtls("mmtls_full", "A long link that begins with key shares, closed", &case("full", 12));
    check_mmtls("mmtls_resumed", "A long link that begins with a ticket, closed", &case("resumed", 12));
    check_mmtls("mmtls_calls", "Calls of the short link with early data, closed", &case("calls", 4));
    check_mmtls("mmtls_refused", "A ticket refused, then a full handshake", &case("refused", 4));
    check_mmtls("mmtls_f103", "The older version", &case("full-f103", 4));
}

#[test]
fn mmtls_opened() {
    let case = |case, log, until| mmtls_story(case, Some(log), until, |_| {});
    check_mmtls("mmtls_full_opened", "By the shared secret: verified", &case("full", "secrets", 9));
    check_mmtls("mmtls_resumed_opened", "By the ticket's secret", &case("resumed", "secrets", 9));
    check_mmtls("mmtls_lines", "By lines of half of the records", &case("resumed", "every-second", 9));
    check_mmtls("mmtls_calls_opened", "Calls, opened", &case("calls", "records", 4));
    check_mmtls(
        "mmtls_tickets",
        "Tickets: where issued, how old, how often used",
        &case("tickets", "secrets", 6),
    );
    check_mmtls("mmtls_replay", "A hello that comes again", &case("replay", "secrets", 8));
    check_mmtls(
        "mmtls_wrong_keys",
        "Lines that name records, with keys of others",
        &case("full", "wrong-keys", 6),
    );
    check_mmtls("mmtls_spread", "Frames over several records", &case("spread", "secrets", 8));
}

/// A key log that cannot be used is told once a capture.
#[test]
fn mmtls_key_logs_that_are_none() {
    let set = |config: &mut Config| config.set_text(mmtls_settings::KEYLOG_FILE, "/no/such/file");
    check_mmtls("mmtls_keylog_unreadable", "No such file", &mmtls_story("resumed", None, 3, set));
    let told = mmtls_story("resumed", Some("wrong-lengths"), 3, |_| {});
    check_mmtls("mmtls_keylog_lengths", "Keys that are too short or too long", &told);
}

#[test]
fn mmtls_with_account() {
    let told = mmtls_story("tickets", Some("secrets"), 3, with_accounts);
    check_mmtls("mmtls_with_account", "The preference show_account shows tickets", &told);
    let told = mmtls_story("bad-extension-type", None, 1, with_accounts);
    check_mmtls("mmtls_unknown_with_account", "And bytes of an unknown layout", &told);
}

/// Of each PDU with notes these, each behind the item above it.
fn notes_of(told: &[Told]) -> String {
    let mut out = String::new();
    for Told { head, later, .. } in told {
        for one in later.iter().filter(|one| one.protocol == MMTLS && one.text.contains(" ! ")) {
            let lines = lines_of(one);
            writeln!(out, "{head}\n{}", lines[0]).unwrap();
            for place in (1..lines.len()).filter(|place| lines[*place].contains(" ! ")) {
                if place > 1 && !lines[place - 1].contains(" ! ") {
                    writeln!(out, "{}", lines[place - 1]).unwrap();
                }
                writeln!(out, "{}", lines[place]).unwrap();
            }
        }
    }
    out
}

#[test]
fn what_is_noted_of_bad_messages_of_mmtls() {
    let mut out = String::new();
    for bad in mmtls::bad::BAD {
        writeln!(out, "# {}: {}", bad.name, bad.about).unwrap();
        out.push_str(&notes_of(&mmtls_story(
            &format!("bad-{}", bad.name),
            Some("secrets"),
            usize::MAX,
            |_| {},
        )));
    }
    golden("mmtls_bad", "What is noted of messages that are wrong inside", &out);
}

#[test]
fn what_is_noted_of_faults_of_mmtls() {
    let mut out = String::new();
    for fault in mmtls::fault::FAULTS {
        writeln!(out, "# {}: {}", fault.name, fault.about).unwrap();
        let told = mmtls_story(&format!("fault-{}", fault.name), Some("records"), usize::MAX, |_| {});
        let mut notes: BTreeMap<&str, (usize, &Shown)> = BTreeMap::new();
        for one in told.iter().flat_map(|told| &told.later) {
            for (name, _) in one.values.iter().filter(|(name, _)| is_note(name)) {
                notes.entry(name).or_insert((0, one)).0 += 1;
            }
        }
        for (name, (count, first)) in notes {
            writeln!(out, "{count} {name}, the first in packet {}\n{}", first.packet, first.text).unwrap();
        }
    }
    golden("mmtls_faults", "How often what is noted after each fault", &out);
}

/// Records of these types and versions, whose contents say nothing.
fn records(records: &[(u8, u16, usize)]) -> Vec<u8> {
    let record = |(kind, version, length): &(u8, u16, usize)| {
        let mut record = vec![*kind];
        record.extend(version.to_be_bytes());
        record.extend((*length as u16).to_be_bytes());
        record.extend(filler(*length));
        record
    };
    records.iter().flat_map(record).collect()
}

const DATA: (u8, u16, usize) = (0x17, 0xf104, 40);

fn mmtls_by_hand() -> Story {
    Story::new().decoded_as(MMTLS).configured(|config| config.set_text(Shared::HASH_KEY, "golden"))
}

#[test]
fn headers_of_mmtls_that_are_wrong() {
    let one = |record| records(&[DATA, record, DATA]);
    let mut unlike = mmtls::attack::hello_of_tickets(&mut rng());
    unlike[2] = 0x03;
    let story = mmtls_by_hand()
        .client([b"PROXY TCP4 10.0.0.1 10.0.0.2 40000 8080\r\n".as_slice(), &records(&[DATA])].concat())
        .client(one((0x18, 0xf104, 40)))
        .client(one((0x17, 0xf107, 40)))
        .client(one((0x17, 0xf104, 0)))
        .client(one((0x17, 0xf104, 0xffff)))
        .server(mmtls::attack::hello_of_tickets(&mut rng()))
        .on_link(1)
        .server(unlike)
        .on_link(2);
    check(
        "mmtls_headers",
        "A PROXY header, unknown types and versions, lengths of 0 and 65,535, too many tickets",
        story,
    );
}

#[test]
fn streams_of_mmtls_with_holes() {
    let three = records(&[DATA, (0x17, 0xf104, 600), DATA]);
    let story = mmtls_by_hand()
        .client(records(&[DATA, DATA]))
        .client(records(&[DATA]))
        .after_losing(-45)
        .client(&three[..300])
        .client(&three[500..])
        .after_losing(200)
        .client([filler(300), records(&[DATA, DATA])].concat())
        .client(filler(100))
        .client(records(&[DATA, DATA]))
        .cut_off(60)
        .client(&records(&[DATA])[..20]);
    check("mmtls_holes", "Bytes lost, repeated, cut off, and what is no record", story);
    let story =
        mmtls_by_hand().client(&three[..300]).client(&three[300..]).client(&three[..3]).without_reassembly();
    check("mmtls_continuation", "With desegmentation off", story);
}

#[test]
fn heartbeats_and_exchanges_of_closed_mmtls() {
    let beat = || records(&[(0x17, 0xf104, 32)]);
    let story = mmtls_by_hand()
        .client(records(&[DATA]))
        .at(1_000)
        .server(records(&[(0x17, 0xf104, 530)]))
        .at(1_180)
        .client(beat())
        .at(10_000)
        .server(beat())
        .at(10_040)
        .client(beat())
        .at(280_000)
        .client(beat())
        .at(550_000)
        .server([beat(), records(&[DATA])].concat())
        .at(550_035);
    check("mmtls_heartbeats", "What the lengths tell: an exchange, heartbeats and their interval", story);
}

fn is_note(name: &str) -> bool {
    let rows = PROTOCOLS.iter().filter(|row| row.protocol.table == MMTLS);
    rows.flat_map(|row| row.protocol.notes).any(|row| row.filter.to_str() == Ok(name))
}

// ---- the short link ----

/// Calls whose messages are shown without what carries them.
fn short_link_of(case: &str) -> Vec<Told> {
    let mut told = mmtls_story(case, Some("records"), usize::MAX, |_| {});
    for one in &mut told {
        one.first.retain(|shown| shown.protocol == SHORT);
        one.later.retain(|shown| shown.protocol == SHORT);
    }
    told.retain(|one| !one.later.is_empty());
    told
}

#[test]
fn calls_of_the_short_link() {
    for (name, case, about) in [
        ("short_misnamed", "misnamed", "Calls in MMTLS whose names and types do not go together"),
        ("short_given_up", "given-up", "A call that nobody answers, and that is made again"),
        ("short_answer_only", "answer-only", "A response whose request nobody saw"),
        ("short_pipelined", "pipelined", "Three calls at once"),
        ("short_plain", "plain-2015", "Calls of 2015, in plain HTTP"),
    ] {
        check_mmtls(name, about, &short_link_of(case));
    }
}

fn told_of(calls: Vec<Call>, set: impl FnOnce(&mut Config)) -> Vec<Told> {
    let mut config = Config::default();
    config.set_text(Shared::HASH_KEY, "golden");
    set(&mut config);
    let mut host = Host::of(calls, &config);
    let later = host.again(|order| order.reverse());
    let told = host.calls.iter().map(head).zip(host.first.iter().cloned()).zip(later);
    told.map(|((head, first), later)| Told { head, first, later }).collect()
}

/// A message of HTTP's whose body HTTP's dissector passes on.
fn passed_on(packet: u32, from_server: bool, first_lines: &str, media: &str, body: &[u8]) -> Call {
    let message = Message::new(first_lines, media, body);
    Call::message(packet, from_server, message.bytes, &message.body)
}

const OCTETS: &str = "application/octet-stream";
const VERSION: u32 = 0x2601_0041;

fn posted(packet: u32, name: &str, body: &[u8]) -> Call {
    let line = format!("POST /cgi-bin/micromsg-bin/{name} HTTP/1.1\r\nHost: short.weixin.qq.com\r\n");
    passed_on(packet, false, &line, OCTETS, body)
}

#[test]
fn calls_in_plain_http_by_hand() {
    let request = |cgi| business(Form::Request, VERSION, cgi, 60, 48);
    let answer = |cgi| business(Form::Response, 0, cgi, 40, 32);
    let calls = vec![
        posted(1, "mmsnssync", &request(214)),
        passed_on(2, true, OK, OCTETS, &answer(639)),
        posted(3, "mmsnssync?uin=3123456789&skey=abc", &request(214)),
        passed_on(4, true, OK, OCTETS, b"<html>503</html>"),
        posted(5, "empty", b""),
        passed_on(6, true, OK, "", b""),
        posted(7, "foreign", b"a=b&c=d"),
    ];
    check_mmtls("short_by_hand", "Calls in plain HTTP as no client makes them", &told_of(calls, |_| {}));
    let calls = vec![posted(1, "mmsnssync", &request(214))];
    let told = told_of(calls, with_accounts);
    check_mmtls("short_with_account", "The preference show_account shows account and cookie", &told);
}

#[test]
fn lists_of_addresses_by_hand() {
    let xml = "<dns><retcode>0</retcode></dns>".repeat(3);
    let ask = "GET /cgi-bin/micromsg-bin/newgetdns?uin=3123456789&clientversion=671094583&net=%31&lan=z+h \
        HTTP/1.0\r\nHost: dns.weixin.qq.com\r\n";
    let bomb = sealed::deflate(&vec![0; 1 << 20]);
    let packed = sealed::deflate(xml.as_bytes());
    let bodies: [(&str, &[u8]); 5] = [
        (OCTETS, &packed),
        (OCTETS, xml.as_bytes()),
        ("text/xml", xml.as_bytes()),
        (OCTETS, b"no list"),
        (OCTETS, &bomb),
    ];
    let calls = bodies.iter().zip((1..).step_by(2)).flat_map(|((media, body), packet)| {
        [passed_on(packet, false, ask, "", b""), passed_on(packet + 1, true, OK, media, body)]
    });
    let told = told_of(calls.collect(), |_| {});
    check_mmtls("short_addresses", "Who asks for addresses, and what the list is", &told);
}

/// A request of MMTLS's with its framing; `rest` is behind it, and counts.
fn framed(name: &str, body: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut framed = short::framed(&short::uri(name), short::HOST, body);
    framed.extend(rest);
    let length = (framed.len() - 4) as u32;
    framed[..4].copy_from_slice(&length.to_be_bytes());
    framed
}

#[test]
fn calls_in_mmtls_by_hand() {
    let request = framed("newsync", &business(Form::RecentRequest, 0x2800_1737, 138, 60, 48), b"");
    let answer = business(Form::RecentResponse, 0, 138, 40, 32);
    let inside =
        |packet, from_server, position, data: &[u8]| Call::inside(packet, SHORT, from_server, position, data);
    let calls = vec![
        // In pieces.
        inside(1, false, 0, &request[..9]).goes_on(),
        inside(2, false, 0, &request),
        inside(3, true, 0, &answer[..20]).goes_on(),
        inside(4, true, 0, &answer),
        // The rest never comes, whether or not anybody knows.
        inside(5, false, 0, &request[..60]).of_stream(1),
        inside(6, true, 0, &answer[..30]).goes_on().of_stream(1),
        inside(7, false, 0, &request[..9]).goes_on().of_stream(2),
        // The beginning is missing.
        inside(8, true, 30, &answer[30..]).of_stream(3),
        inside(9, false, 9, &request[9..]).of_stream(3),
        // Lengths that do not fit.
        inside(10, false, 0, &framed("newsync", b"", b"more")).of_stream(4),
        inside(11, false, 0, b"\0\0\0\x04\xff\xff/x").of_stream(5),
    ];
    check_mmtls("short_cut", "Calls in MMTLS that are cut or wrong", &told_of(calls, |_| {}));
}

// ---- opened bodies ----

/// A frame with a sealed body, and the packet in it.
fn sealed(
    algorithm: Algorithm,
    from_client: bool,
    op: u32,
    seq: u32,
    cgi: u32,
    message: &[u8],
) -> (Vec<u8>, Packet) {
    let header = Business {
        form: if from_client { Form::RecentRequest } else { Form::RecentResponse },
        client_version: if from_client { 0x2800_1737 } else { 0 },
        uin: 0x1234_5678,
        cookie: (1..=15).collect(),
        cgi_type: cgi,
        plain_len: 0,
        compressed_len: 0,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(op + seq));
    let packet = seal(header, algorithm, message.len() > 64, message, &Keys::new(&mut rng), &mut rng);
    let body = if op == op::PUSH { body::push(1, &packet.bytes) } else { packet.bytes.clone() };
    (
        Pdu::new(if from_client || op == op::PUSH { op } else { op + 1_000_000_000 }, seq, body).encode(),
        packet,
    )
}

/// Lets a story's capture have a key log.
fn with_key_log(story: Story, lines: &[String]) -> (Story, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&file, lines.join("\n")).expect("the key log is written");
    let path = file.path().to_str().expect("a path of text").to_owned();
    let story =
        story.configured(|config| config.set_text(wechat_dissector::mmtls::settings::P::KEYLOG_FILE, &path));
    (story, file)
}

fn lines(packet: &Packet) -> impl Iterator<Item = String> + '_ {
    (0..packet.ciphers.len()).map(|number| cipher_line(packet, number))
}

#[test]
fn bodies_are_opened() {
    let mut key = SyncKey::of_2015(1000);
    let text = protobuf::Text {
        id: 77,
        from: "wxid_ada".into(),
        to: "wxid_bob".into(),
        content: "words, words, words, words, words, words".into(),
        time: 1_421_740_800,
    };
    let send = sealed(Algorithm::Cbc, true, op::NEW_SEND_MSG, 1, 522, &protobuf::send_message(&text));
    let sent = sealed(
        Algorithm::Cbc,
        false,
        op::NEW_SEND_MSG,
        1,
        522,
        &protobuf::Message::new().number(1, 0).done(),
    );
    let sync = sealed(Algorithm::Gcm, true, op::NEW_SYNC, 2, 138, &protobuf::new_sync(&key, 1));
    key.advance();
    let news = protobuf::new_sync_answer(std::slice::from_ref(&text), &key, text.time);
    let synced = sealed(Algorithm::Gcm, false, op::NEW_SYNC, 2, 138, &news);
    key.advance();
    let news = protobuf::new_sync_answer(&[text], &key, 1_421_740_801);
    let push = sealed(Algorithm::Cbc, false, op::PUSH, 0, 138, &news);
    let login = sealed(Algorithm::Hybrid, true, 434, 3, 763, &protobuf::Message::new().number(1, 5).done());
    let mut answer = protobuf::Message::new().number(1, 0);
    for part in 0..20 {
        answer = answer.bytes(2, format!("part {part}"));
    }
    let logged_in = sealed(Algorithm::Hybrid, false, 434, 3, 763, &answer.done());
    let empty = sealed(Algorithm::Cbc, false, op::NEW_SEND_MSG, 4, 522, b"");
    let all = [&send, &sync, &synced, &push, &login, &logged_in, &empty];
    let mut keys: Vec<String> =
        all.into_iter().flat_map(|(_, packet)| lines(packet).collect::<Vec<_>>()).collect();
    keys.push(format!("WECHAT_SESSION_KEY 305419896 {}", hex(&sent.1.ciphers[0].key)));
    let story = Story::new().client(send.0).server(sent.0).client(sync.0).server(synced.0).server(push.0);
    let story = story.client(login.0).server(logged_in.0).server(empty.0);
    let (story, _file) = with_key_log(story, &keys);
    let story = story.configured(|config| {
        config.add_row(Shared::MESSAGES, &["138", "chat.NewSyncRequest", "chat.NewSyncResponse"]);
        config.add_row(Shared::MESSAGES, &["0x20A", "chat.SendRequest", ""]);
    });
    check(
        "opened",
        "Bodies are opened with lines of the key log, and messages have the types that the user names",
        story,
    );
}

#[test]
fn bodies_that_stay_closed() {
    let message = protobuf::Message::new().number(1, 5).bytes(2, "some words").done();
    let no_line = sealed(Algorithm::Cbc, true, op::NEW_SEND_MSG, 1, 522, &message);
    let wrong = sealed(Algorithm::Gcm, true, op::NEW_SYNC, 2, 138, &message);
    let rsa = Business {
        form: Form::Response,
        client_version: 0,
        uin: 0x1234_5678,
        cookie: Vec::new(),
        cgi_type: 701,
        plain_len: 100,
        compressed_len: 100,
    };
    let rsa = Pdu::new(1_000_000_253, 3, rsa.encode_as(7, &filler(256)));
    let bomb = sealed(Algorithm::Cbc, false, op::NEW_SEND_MSG, 1, 522, &vec![0; 1_000_000]);
    let line = |packet: &Packet| cipher_line(packet, 0);
    let wrong_line = line(&wrong.1).replace(&hex(&wrong.1.ciphers[0].key), &"5a".repeat(24));
    let cut = sealed(Algorithm::Cbc, true, op::NEW_SEND_MSG, 4, 522, &message);
    let story = Story::new().client(no_line.0).client(wrong.0).server(rsa.encode()).server(bomb.0);
    let story = story.client(cut.0).cut_off(5);
    let (story, _file) = with_key_log(story, &[wrong_line, line(&bomb.1)]);
    check("closed", "Bodies that no line opens, one that inflates to too much, and one that was cut", story);
}

// ---- nothing is forgotten ----

/// Each field with a value and each note stands in some golden file, with its bytes.
#[test]
fn every_field_and_every_note_is_shown_somewhere() {
    if env::var_os("WECHAT_BLESS").is_some() {
        return; // The files are being written.
    }
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder()).expect("the golden files") {
        let path = entry.expect("a file").path();
        let case = format!("\"{}\"", path.file_stem().expect("a name").to_string_lossy());
        assert!(include_str!("golden.rs").contains(&case), "{} belongs to no case", path.display());
        let text = fs::read_to_string(path).expect("text");
        for line in text.lines().map(str::trim_start) {
            let Some((range, rest)) = line.split_once(' ') else { continue };
            let Some((start, end)) = range.split_once("..") else { continue };
            if start.parse::<u32>().is_err() || end.parse::<u32>().is_err() {
                continue;
            }
            let note = rest.strip_prefix("! ").and_then(|rest| rest.split_once(": "));
            let (name, behind) = rest.split_at(rest.find([' ', ',', ':']).unwrap_or(rest.len()));
            let value = behind.strip_prefix(" = ").or_else(|| behind.strip_prefix(" ~ "));
            match (note, value) {
                (Some((name, words)), _) => seen.insert((name.to_owned(), !words.is_empty())),
                (_, Some(value)) => seen.insert((name.to_owned(), !value.is_empty())),
                _ => seen.insert((name.to_owned(), false)),
            };
        }
    }
    let fields = PROTOCOLS.iter().flat_map(|row| row.protocol.fields);
    let notes = PROTOCOLS.iter().flat_map(|row| row.protocol.notes);
    let unshown: Vec<&str> = fields
        .map(|row| (row.filter, !matches!(row.ty, Type::Protocol | Type::None)))
        .chain(notes.map(|row| (row.filter, true)))
        .map(|(filter, valued)| (filter.to_str().unwrap(), valued))
        .filter(|(filter, valued)| !seen.contains(&((*filter).to_owned(), *valued)))
        .map(|(filter, _)| filter)
        // Only a failing dissector says it: tests/c_abi.rs provokes that.
        .filter(|filter| !filter.ends_with(".internal_error"))
        // Only of what is inside of other protocols of ours: capture.rs and tests/wireshark/nested.rs show it.
        .filter(|filter| !["wechat.too_many_inside", "wechat.too_much_kept"].contains(filter))
        .collect();
    assert!(unshown.is_empty(), "in no golden file: {unshown:?}");
}
