// SPDX-License-Identifier: GPL-2.0-or-later
//! Lengths and bytes of messages, as real captures have them.

use wechat_traffic::mmtls::hello::{ClientHello, ServerHello};
use wechat_traffic::mmtls::key_log::hex;
use wechat_traffic::mmtls::message;
use wechat_traffic::mmtls::record::{Version, What};
use wechat_traffic::mmtls::ticket::{Ticket, TicketKind};

use super::{made, rows};

/// The lengths of records, without their headers.
fn lengths(case: &str, what: What) -> Vec<usize> {
    let mut lengths: Vec<usize> =
        rows(&made(case), &[]).records.iter().filter(|row| row.what == what).map(|row| row.length).collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

#[test]
fn lengths_are_those_of_captures() {
    for (case, client, server) in [
        ("full", 366, 137),
        ("full-first", 221, 137),
        ("full-f103", 357, 123),
        ("full-first-f103", 212, 123),
        ("resumed", 161, 46),
        ("resumed-f103", 161, 46),
        ("calls", 161, 46),
    ] {
        assert_eq!(lengths(case, What::ClientHello), [client], "{case}");
        assert_eq!(lengths(case, What::ServerHello), [server], "{case}");
        assert_eq!(lengths(case, What::Finished), [55], "{case}");
    }
    assert_eq!(lengths("full", What::NewSessionTicket), [293]);
    assert_eq!(lengths("calls", What::EncryptedExtensions), [36]);
    assert_eq!(lengths("calls", What::ClosingAlert), [23]);
    assert_eq!(lengths("refused", What::Refusal), [7]);
    // The answer of at most 15 bytes.
    assert_eq!(lengths("calls", What::Data)[0], 72);
    assert!(lengths("tickets", What::CertificateVerify).iter().all(|len| (92..=95).contains(len)));
    // Heartbeats, and the identify answer of 8.0.23.
    let data = lengths("resumed", What::Data);
    assert_eq!(data[0], 32);
    assert!(data.contains(&150));
}

#[test]
fn a_resuming_hello() {
    let ticket = Ticket {
        kind: TicketKind::Access,
        block: Vec::new(),
        constant: 0x48,
        nonce: [0x0E; 12],
        ticket: vec![0x7C; 72],
    };
    let hello = ClientHello {
        version: Version::F104,
        random: [0xAA; 32],
        time: 0x6543_2100,
        ticket: Some(ticket),
        shares: None,
    };
    let expected = [
        "0000009d",
        "01",
        "04f1",
        "01",
        "00a8",
        &"aa".repeat(32),
        "65432100",
        "0000006f",
        "01",
        "0000006a",
        "000f",
        "01",
        "00000063",
        "01",
        "00093a80",
        "0000",
        "00000048",
        "000c",
        &"0e".repeat(12),
        "0048",
        &"7c".repeat(72),
    ];
    assert_eq!(hex(&hello.encode()), expected.concat());
}

#[test]
fn hellos_with_key_shares() {
    let refresh = Ticket {
        kind: TicketKind::Refresh,
        block: vec![0xB1; 32],
        constant: 0x3D,
        nonce: [0x0E; 12],
        ticket: vec![0x7C; 105],
    };
    assert_eq!(
        hex(&refresh.encode()),
        [
            "02",
            "00278d00",
            "0020",
            &"b1".repeat(32),
            "0000003d",
            "000c",
            &"0e".repeat(12),
            "0069",
            &"7c".repeat(105)
        ]
        .concat()
    );
    let offered = hex(&refresh.offered().encode());
    let points = [[0x41; 65], [0x42; 65]];
    let hello = |version| ClientHello {
        version,
        random: [0xAA; 32],
        time: 1,
        ticket: Some(refresh.offered()),
        shares: Some(points),
    };
    let expected = [
        "0000016a",
        "01",
        "04f1",
        "02",
        "c02b00a8",
        &"aa".repeat(32),
        "00000001",
        "0000013a",
        "02",
        "0000008b",
        "000f",
        "01",
        "00000084",
        &offered,
        "000000a6",
        "0010",
        "02",
        "00000047",
        "00000005",
        "0041",
        &"41".repeat(65),
        "00000047",
        "00000006",
        "0041",
        &"42".repeat(65),
        "00000000020000000300000004",
    ];
    assert_eq!(hex(&hello(Version::F104).encode()), expected.concat());
    let older = hex(&hello(Version::F103).encode());
    assert!(older.starts_with("000001610103f1") && older.ends_with(&format!("{}00000001", "42".repeat(65))));
    assert!(older.contains(&format!("00000001{}{}", "0041", "41".repeat(65))));

    let server =
        |version, place| ServerHello { version, random: [0xBB; 32], share: Some((place, [0x43; 65])) };
    let expected = [
        "00000085",
        "02",
        "04f1",
        "c02b",
        &"bb".repeat(32),
        "0000005c",
        "02",
        "00000049",
        "0011",
        "00000006",
        "0041",
        &"43".repeat(65),
        "0000000a",
        "0013",
        "00000002",
        "00000004",
    ];
    assert_eq!(hex(&server(Version::F104, 1).encode()), expected.concat());
    assert_eq!(server(Version::F103, 0).encode().len(), 123);
}

#[test]
fn the_small_messages() {
    assert_eq!(
        hex(&message::encrypted_extensions(0x6543_2100)),
        ["00000010", "08", "0000000b", "01", "00000006", "0012", "65432100"].concat()
    );
    assert_eq!(hex(&message::alert(message::CLOSE)), "00000003000101");
    assert_eq!(hex(&message::alert(message::UNKNOWN_TICKET)), "00000003007302");
    assert_eq!(hex(&message::finished(&[0xFF; 32])), ["00000023", "14", "0020", &"ff".repeat(32)].concat());
    assert_eq!(hex(&message::certificate_verify(&[0x30, 0])), "000000050f00023000");
}
