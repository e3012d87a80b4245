// SPDX-License-Identifier: GPL-2.0-or-later
//! MMTLS in Wireshark: what is shown of the generator's cases, compared with their truth; what stands in no output.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};
use wechat_dissector::kernel::rows::Type;
use wechat_dissector::protocols::PROTOCOLS;
use wechat_traffic::mmtls::case::{self, Made};
use wechat_traffic::mmtls::key_log::{KeyLog, hex};

use crate::mmtls_truth::{all_is_as_meant, compare};
use crate::shown::{Shown, Value};
use crate::support::compare::Stage;
use crate::support::opened::{Opened, open};

/// A capture, with its key log if there is one.
pub fn opened(made: &Made, log: Option<&KeyLog>) -> Opened {
    let opened = open(&made.capture).with(&["-o", "tcp.desegment_tcp_streams:TRUE"]);
    // What is not on WeChat's ports.
    let opened = opened.with(&["-d", "tcp.port==14000,mmtls"]);
    match log {
        Some(log) => {
            let file = opened.file("log", &String::from_utf8_lossy(&log.bytes));
            opened.with(&["-o", &format!("mmtls.keylog_file:{}", file.display())])
        }
        None => opened,
    }
}

/// The PDUs of ours that tshark shows.
pub fn shown(pdml: &str) -> Vec<Shown> {
    let document = Document::parse(pdml).expect("tshark writes XML");
    let mut shown = Vec::new();
    let is = |node: &Node<'_, '_>, name: &str| node.attribute("name") == Some(name);
    for packet in document.descendants().filter(|node| node.has_tag_name("packet")) {
        let number =
            packet.descendants().find(|node| is(node, "num")).and_then(|node| node.attribute("show"));
        let number = number.and_then(|number| number.parse().ok()).expect("a packet has a number");
        for (protocol, row) in (0..).zip(PROTOCOLS) {
            let own =
                row.protocol.fields.first().and_then(|field| field.filter.to_str().ok()).expect("a name");
            let layers = packet.descendants().filter(|node| node.has_tag_name("proto") && is(node, own));
            shown.extend(layers.map(|layer| Shown {
                packet: number,
                protocol,
                depth: 0,
                text: layer.attribute("showname").unwrap_or_default().to_owned(),
                values: layer.descendants().filter_map(value).collect(),
            }));
        }
    }
    shown
}

/// A field or note of ours, and what is said of it.
fn value(node: Node<'_, '_>) -> Option<(&'static str, Value)> {
    let name = node.attribute("name")?;
    let rows = || PROTOCOLS.iter().map(|row| row.protocol);
    let field = rows().flat_map(|row| row.fields).find(|field| field.filter.to_str() == Ok(name));
    let note = rows().flat_map(|row| row.notes).find(|note| note.filter.to_str() == Ok(name));
    let name = field.map(|field| field.filter).or(note.map(|note| note.filter))?.to_str().ok()?;
    let (show, wire) = (node.attribute("show").unwrap_or_default(), node.attribute("value"));
    let value = match field.map(|field| field.ty) {
        None | Some(Type::Text | Type::None | Type::Protocol) => Value::Text(show.to_owned()),
        Some(Type::Bytes) => Value::Text(wire.unwrap_or_default().to_owned()),
        Some(Type::Time) => Value::Number(u64::from_str_radix(wire?, 16).ok()? * 1_000_000_000),
        Some(Type::Duration) => Value::Number((show.parse::<f64>().ok()? * 1e9).round() as i64 as u64),
        Some(Type::Boolean) => Value::Number(u64::from(["1", "True"].contains(&show))),
        Some(_) => Value::Number(match show.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => show.parse().ok()?,
        }),
    };
    Some((name, value))
}

pub fn made(name: &str) -> Made {
    case::find(name).unwrap_or_else(|| panic!("no case {name}")).make(1).expect("a capture")
}

/// tests/mmtls.rs has all cases and key logs without Wireshark.
#[test]
fn closed_captures_are_shown_as_meant() {
    let faults = [
        "full",
        "refused",
        "anywhere",
        "phone",
        "keep-alive",
        "gzip-chunked",
        "chunked-posts",
        "http-1.0",
        "proxy",
        "connect",
        "pipelined",
        "media-types",
        "answer-only",
        "ipv6",
        "other-port",
        "beside-others",
    ];
    let faults = faults.map(|name| {
        let made = made(name);
        compare(name, &made, None, &shown(&opened(&made, None).text(&["-2", "-T", "pdml"]))).0
    });
    all_is_as_meant(faults.into());
}

#[test]
fn opened_captures_are_shown_as_meant() {
    let faults = [
        ("full", "secrets"),
        ("resumed", "records"),
        ("spread", "keys"),
        ("big-frame", "records"),
        ("tickets", "secrets"),
        ("phone", "every-second"),
        ("replay", "one-psk"),
        ("pipelined", "hashes"),
        ("two-phones", "crlf"),
        ("full-f103", "wrong-keys"),
        ("fault-tag", "records"),
        ("beside-others", "mixed"),
    ];
    let faults = faults.map(|(name, log)| {
        let made = made(name);
        let log = made.log(log).expect("a log");
        compare(name, &made, Some(&log), &shown(&opened(&made, Some(&log)).text(&["-2", "-T", "pdml"]))).0
    });
    all_is_as_meant(faults.into());
}

/// What lies ahead of a record is there in the second pass only; all else is the same.
#[test]
fn frames_inside_are_the_same_in_one_pass() {
    let made = made("resumed");
    let log = made.log("secrets").expect("a log");
    let opened = opened(&made, Some(&log));
    let fields = ["frame.number", "wechat.op", "wechat.seq", "wechat.response_to", "wechat.response_time"];
    let values = opened.values("wechat", &fields);
    assert!(values.len() > 30, "{}", values.len());
    assert_eq!(values, opened.with(&["-2"]).values("wechat", &fields));
    let ahead = opened.with(&["-2"]).values("wechat.response_in", &["frame.number"]);
    assert!(
        ahead.len() > 8 && opened.values("wechat.response_in", &["frame.number"]).is_empty(),
        "{}",
        ahead.len()
    );
}

/// A record that holds another protocol's frames has its own fields looked up, and so have the records after it.
#[test]
fn records_around_frames_are_counted_without_a_visible_tree() {
    let fields = ["mmtls.type", "wechat.op", "wechat_short.name"];
    for name in ["spread", "phone"] {
        let made = made(name);
        let log = made.log("keys").expect("a log");
        let opened = opened(&made, Some(&log));
        let seen = opened.text(&["-T", "pdml"]);
        let seen = fields.map(|field| seen.matches(&format!("<field name=\"{field}\"")).count().to_string());
        let counts = fields.map(|field| format!("COUNT({field}){field}"));
        assert_eq!(opened.totals(&counts.each_ref().map(String::as_str)), seen, "{name}");
        assert_ne!(seen[0], "0", "{name}");
    }
}

/// HTTP and TLS beside MMTLS, on the same ports, are what they are without the plugin.
#[test]
fn others_beside_mmtls_stay_as_they_are() {
    let compare = Stage::new();
    let capture = compare.write("beside-others", &made("beside-others").capture);
    // Their connections have the highest ports.
    let theirs = "tcp.srcport >= 51960 || tcp.dstport >= 51960";
    for arguments in [&["-V", "-Y", theirs][..], &["-2", "-T", "json", "-Y", theirs]] {
        compare.assert_same(&capture, arguments);
    }
}

/// All that opens anything, in hex: of records, tickets and business packets, and what they follow from.
fn secrets(made: &Made) -> BTreeSet<String> {
    let story = &made.story;
    let mut secrets = BTreeSet::new();
    for session in &story.sessions {
        secrets.extend(session.shared.iter().map(|secret| hex(secret)));
        secrets.extend(session.psk().iter().map(|secret| hex(&secret[..])));
        // Client's key, server's, both IVs: or one key and one IV.
        secrets.extend(session.keys.iter().flat_map(|keys| keys.bytes.chunks(16).map(hex)));
        secrets.extend(session.records.iter().filter_map(|record| Some(hex(&record.seal?.half.key))));
    }
    secrets.extend(story.accounts.iter().map(|(_, key)| hex(key)));
    secrets.retain(|secret| secret.len() >= 24);
    secrets
}

#[test]
fn keys_and_secrets_stand_in_no_output() {
    for name in ["full", "phone"] {
        let made = made(name);
        let secrets = secrets(&made);
        assert!(secrets.len() >= 8, "{name}: {}", secrets.len());
        let log = made.log("mixed").expect("a log");
        let text = String::from_utf8_lossy(&log.bytes);
        let given = secrets.iter().filter(|secret| text.contains(secret.as_str()));
        assert!(given.count() > 4, "{name}: the log does not have them");
        let opened = opened(&made, Some(&log));
        let ways: [&[&str]; 6] = [
            &["-2", "-V", "-x"],
            &["-2", "-T", "pdml"],
            &["-T", "json", "-x"],
            &["-o", "wechat.show_account:TRUE", "-V"],
            &["-q", "-z", "wechat,tree", "-z", "wechat,frames", "-z", "expert"],
            &["-q", "-z", "follow,wechat,raw,0"],
        ];
        for way in ways {
            let output = opened.with(way).run();
            assert!(output.stdout.len() > 100, "{name} {way:?}: {output:?}");
            let text = (output.stdout + &output.stderr).to_lowercase();
            // Bytes are also written apart.
            let together: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
            for secret in &secrets {
                assert!(
                    !text.contains(secret.as_str()) && !together.contains(secret.as_str()),
                    "{name} {way:?}"
                );
            }
        }
    }
}
