// SPDX-License-Identifier: GPL-2.0-or-later
//! The sample session holds everything that it promises.

mod common;

use common::{parse, streams, to_bytes};
use wechat_traffic::packet::Direction::{self, ClientToServer, ServerToClient};
use wechat_traffic::pdu::{RESPONSE_OFFSET, op, seq};
use wechat_traffic::sample;
use wechat_traffic::truth::{self, Row};

fn rows() -> Vec<Row> {
    truth::rows(&sample::capture(1)).unwrap()
}

fn of(rows: &[Row], dir: Direction, op: u32) -> Vec<&Row> {
    let wanted = |row: &&Row| row.dir == dir && row.op == op;
    rows.iter().filter(wanted).collect()
}

#[test]
fn is_small_and_uses_the_three_ports() {
    let packets = parse(&to_bytes(&sample::capture(1)));
    assert!(packets.len() < 200);
    let opened: Vec<_> = packets
        .iter()
        .filter(|packet| packet.tcp.syn && !packet.tcp.ack)
        .map(|packet| (packet.tcp.destination_port, packet.source.is_ipv6()))
        .collect();
    assert_eq!(opened, [(8080, false), (80, false), (443, true)]);
    assert_eq!(streams(&packets).len(), 6);
}

#[test]
fn has_the_frames_with_special_sequences() {
    let rows = rows();
    for (dir, op, seq, count) in [
        (ClientToServer, op::IDENTIFY, seq::IDENTIFY, 3),
        (ServerToClient, op::IDENTIFY + RESPONSE_OFFSET, seq::IDENTIFY, 3),
        (ClientToServer, op::NOOP, seq::NOOP, 1),
        (ServerToClient, op::NOOP + RESPONSE_OFFSET, seq::NOOP, 1),
        (ServerToClient, op::NOTIFY, seq::PUSH, 3),
        (ServerToClient, op::PUSH, seq::PUSH, 5),
    ] {
        let found = of(&rows, dir, op);
        assert_eq!(found.len(), count, "{op}");
        assert!(found.iter().all(|row| row.seq == seq), "{op}");
    }
}

#[test]
fn answers_heartbeats_in_both_ways() {
    let rows = rows();
    let heartbeats = of(&rows, ClientToServer, op::HEARTBEAT);
    let with_offset = of(&rows, ServerToClient, op::HEARTBEAT + RESPONSE_OFFSET);
    let from_server = of(&rows, ServerToClient, op::HEARTBEAT);
    let (redirects, same_op): (Vec<_>, Vec<_>) =
        from_server.into_iter().partition(|row| row.seq == seq::PUSH);

    assert_eq!(heartbeats.len(), 2);
    assert!(heartbeats.iter().all(|row| row.packet_len == 16));
    assert_eq!(with_offset[0].seq, heartbeats[0].seq);
    assert_eq!(same_op[0].seq, heartbeats[1].seq);
    assert_eq!(redirects.len(), 1);
    assert_eq!(redirects[0].packet_len, 16 + 2 * 4);
}

#[test]
fn has_messages_merged_and_cut() {
    let rows = rows();
    let sends = of(&rows, ClientToServer, op::NEW_SEND_MSG);
    assert!(sends.iter().any(|row| row.packet_len > 5000));
    let merged = sends.windows(3).find(|rows| rows.iter().all(|row| row.packet == rows[0].packet));
    let requested: Vec<u32> = merged.unwrap().iter().map(|row| row.seq).collect();

    let sent = of(&rows, ServerToClient, op::NEW_SEND_MSG + RESPONSE_OFFSET);
    let mut answered: Vec<u32> = sent.iter().map(|row| row.seq).collect();
    answered.retain(|seq| requested.contains(seq));
    assert_eq!(answered, [requested[1], requested[0], requested[2]]);

    let capture = sample::capture(1);
    let sizes = capture.packets().iter().map(|packet| packet.payload.len());
    assert!(sizes.filter(|len| (1..16).contains(len)).count() >= 3);
}

#[test]
fn has_pushes_and_acknowledgements() {
    let capture = sample::capture(1);
    let rows = rows();
    let pushes = of(&rows, ServerToClient, op::PUSH);
    assert!(pushes.iter().any(|row| row.packet_len == 265));

    // The elapsed time in an acknowledgement is the distance to one of the pushes before it.
    let acks = of(&rows, ClientToServer, op::PUSH_ACK);
    assert_eq!(acks.len(), 3);
    for ack in acks {
        let packet = |row: &Row| &capture.packets()[row.packet.unwrap() - 1];
        let elapsed = &packet(ack).payload[16..20];
        let elapsed = u32::from_be_bytes(elapsed.try_into().unwrap());
        let distance = |push: &Row| packet(ack).time.checked_sub(packet(push).time);
        let matching = pushes.iter().filter_map(|push| distance(push));
        assert!(matching.into_iter().any(|time| time.as_millis() == elapsed.into()));
    }
}

#[test]
fn has_one_broken_frame_and_one_open_request() {
    let rows = rows();
    let broken: Vec<_> = rows.iter().filter(|row| !row.intact).collect();
    assert_eq!(broken.len(), 1);
    assert!(rows.iter().any(|row| row.intact && row.packet > broken[0].packet));

    assert_eq!(of(&rows, ClientToServer, op::DIRECT_SEND).len(), 1);
    assert_eq!(of(&rows, ClientToServer, op::SEARCH_CONTACT).len(), 1);
    let answers = of(&rows, ServerToClient, op::SEARCH_CONTACT + RESPONSE_OFFSET);
    assert!(answers.is_empty());
    assert_eq!(of(&rows, ClientToServer, 4660).len(), 1);
    assert_eq!(of(&rows, ServerToClient, 4660 + RESPONSE_OFFSET).len(), 1);
}
