// SPDX-License-Identifier: GPL-2.0-or-later
//! Bodies of business packets that keys open, and who gets them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Map, Value};
use wechat_traffic::body::protobuf::Message;
use wechat_traffic::body::sealed::{Algorithm, Packet};
use wechat_traffic::capture::Capture;
use wechat_traffic::mmtls::case;
use wechat_traffic::mmtls::key_log::{Opening, cipher_line, hex};
use wechat_traffic::mmtls::phone::Phone;
use wechat_traffic::mmtls::truth::Row;
use wechat_traffic::packet::{self, Control, Direction, Endpoints};
use wechat_traffic::pdu::{Pdu, op};
use wechat_traffic::script::Script;

use crate::support::opened::{Opened, open, open_packets};

/// The first value of a field anywhere in a layer.
fn find<'a>(layer: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    layer.iter().find_map(|(field, value)| match value {
        Value::String(text) if field == name => Some(text.as_str()),
        // Bytes, and where they lie.
        Value::Array(raw) if field == name => raw.first().and_then(Value::as_str),
        Value::Object(inner) => find(inner, name),
        _ => None,
    })
}

/// What is shown or known of a body: cgi type, and its message in hex and where the key is from, or why it is closed.
type Shown = (u32, Result<(String, String), String>);

fn shown(opened: &Opened) -> BTreeMap<usize, Vec<Shown>> {
    let mut bodies: BTreeMap<usize, Vec<Shown>> = BTreeMap::new();
    let opened = opened.with(&["-x"]);
    let calls = opened.layers_of("wechat_short");
    for (packet, layer) in opened.layers().into_iter().chain(calls) {
        let Some(cgi) = find(&layer, "wechat.business.cgi") else { continue };
        let text =
            |name: &str| find(&layer, name).unwrap_or_else(|| panic!("{packet} has no {name}")).to_owned();
        let is_open = text("wechat.business.opened");
        let body = match is_open.as_str() {
            // 3.4 and 4.0 write 1 and 0.
            "1" | "True" => Ok((text("wechat.business.message_raw"), text("wechat.business.key_source"))),
            _ => Err(text("wechat.business.why_closed")),
        };
        bodies.entry(packet).or_default().push((cgi.parse().expect("a number"), body));
    }
    bodies.values_mut().for_each(|bodies| bodies.sort());
    bodies
}

/// Key logs that open all records of the calls.
const OPEN_CALLS: [&str; 3] = ["records", "secrets", "mixed"];

/// The bodies that a key log lets see, as the truth has them.
fn expected(rows: &[Row], seen_by: &str, opened_by: &str) -> BTreeMap<usize, Vec<Shown>> {
    let frames = rows.iter().filter_map(|row| match row {
        Row::Frame(frame) => Some(frame),
        _ => None,
    });
    let frames: Vec<_> = frames.collect();
    let is_seen = |packet: usize, in_mmtls: bool| {
        let mut here = frames.iter().filter(|frame| frame.packet == Some(packet)).peekable();
        match here.peek() {
            Some(_) => here.any(|frame| frame.opened.iter().any(|log| log == seen_by)),
            None => !in_mmtls || OPEN_CALLS.contains(&seen_by),
        }
    };
    let mut bodies: BTreeMap<usize, Vec<Shown>> = BTreeMap::new();
    for row in rows {
        let Row::Business(row) = row else { continue };
        let Some(packet) = row.packet.filter(|packet| is_seen(*packet, row.session.is_some())) else {
            continue;
        };
        // Lines count whichever of the two they are from.
        let body = match [seen_by, opened_by].iter().filter_map(|log| row.opened.get(*log)).min() {
            Some(Opening::Line) => Ok((row.message.clone(), "line".to_owned())),
            Some(Opening::Secret) => Ok((row.message.clone(), "secret".to_owned())),
            Some(Opening::Tag) => Err("tag".to_owned()),
            Some(Opening::SameDirection) | None => Err("no line".to_owned()),
        };
        bodies.entry(packet).or_default().push((row.cgi_type, body));
    }
    bodies.values_mut().for_each(|bodies| bodies.sort());
    bodies
}

/// Each case with key logs that open what the long link is in, and others that open bodies.
#[test]
fn bodies_are_what_the_truth_says() {
    for (case, logs) in [
        (
            "full",
            &[["records", "records"], ["secrets", "secrets"], ["keys", "any-account"], ["keys", "foreign"]][..],
        ),
        ("phone", &[["records", "records"], ["secrets", "secrets"], ["mixed", "reversed"]]),
        ("two-phones", &[["secrets", "secrets"], ["keys", "any-account"], ["keys", "wrong-lengths"]]),
        ("together", &[["records", "every-second"]]),
        ("calls", &[["records", "records"], ["secrets", "secrets"], ["mixed", "client-only"]]),
        ("gzip-chunked", &[["records", "server-only"]]),
        ("pipelined", &[["secrets", "records"]]),
        ("plain-2015", &[["records", "records"], ["secrets", "secrets"], ["keys", "foreign"]]),
    ] {
        let made = case::find(case).expect("a case").make(3).expect("a capture");
        let rows = made.truth(&made.logs()).expect("the truth");
        let opened = open(&made.capture);
        for [seen_by, opened_by] in logs {
            let mut bytes = Vec::new();
            for name in [seen_by, opened_by] {
                bytes.extend(made.log(name).expect("a key log").bytes);
                bytes.push(b'\n');
            }
            let path = opened.file("log", &String::from_utf8(bytes).expect("text"));
            let expected = expected(&rows, seen_by, opened_by);
            assert!(!expected.is_empty(), "{case}");
            let option = format!("mmtls.keylog_file:{}", path.display());
            for passes in [&[][..], &["-2"]] {
                let shown = shown(&opened.with(&["-o", &option]).with(passes));
                let seen: BTreeMap<_, _> =
                    shown.into_iter().filter(|(packet, _)| expected.contains_key(packet)).collect();
                let differs = expected.iter().find(|(packet, bodies)| seen.get(packet) != Some(*bodies));
                let shown = differs.and_then(|(packet, _)| seen.get(packet));
                assert!(
                    differs.is_none(),
                    "{case} {seen_by} {opened_by} {passes:?}: {differs:?}, shown {shown:?}"
                );
            }
        }
    }
}

/// Packets of a phone, each in a frame of its own on a plain long link.
struct Link {
    phone: Phone,
    script: Script,
    seq: u32,
}

impl Link {
    fn new() -> Self {
        let phone = Phone::new(&mut ChaCha8Rng::seed_from_u64(5));
        Self { phone, script: Script::starting_at(Duration::ZERO), seq: 0 }
    }

    fn packet(
        &mut self,
        from_client: bool,
        op: u32,
        cgi: u32,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Packet {
        let packet = self.phone.packet(from_client, cgi, algorithm, message);
        self.seq += 1;
        let op = if from_client { op } else { op + 1_000_000_000 };
        let pdu = Pdu::new(op, self.seq, packet.bytes.clone());
        let direction = if from_client { Direction::ClientToServer } else { Direction::ServerToClient };
        self.script.wait(10).write(direction, [&pdu]);
        packet
    }

    fn open(&self) -> Opened {
        open(&Capture::new([self.script.play(Endpoints::v4(40_900, 8080), [1, 2])]))
    }
}

fn send(text: &str) -> Vec<u8> {
    let entry = Message::new().text(1, "wxid_bob").bytes(2, text).number(3, 1).done();
    Message::new().number(1, 1).bytes(2, entry).done()
}

/// The session key, for whatever account.
fn with_session_key(opened: &Opened, link: &Link) -> Opened {
    let path = opened.file("log", &format!("WECHAT_SESSION_KEY * {}\n", hex(&link.phone.keys.cbc)));
    opened.with(&["-o", &format!("mmtls.keylog_file:{}", path.display())])
}

const PROTO: &str = r#"
syntax = "proto3";
package chat;
message Name { string text = 1; }
message Entry { Name to = 1; string content = 2; uint32 type = 3; }
message SendRequest { uint32 count = 1; repeated Entry list = 2; }
message SendAnswer { uint32 ret = 1; }
"#;

#[test]
fn protobuf_gets_the_message_and_its_type_and_writes_into_no_column() {
    let mut link = Link::new();
    link.packet(true, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &send("hidden words"));
    link.packet(false, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &Message::new().number(1, 77).done());
    let opened = with_session_key(&link.open(), &link);
    let lines = opened
        .values("wechat.business.opened == 1", &["frame.protocols", "_ws.col.Protocol", "_ws.col.Info"]);
    let protocols = "eth:ethertype:ip:tcp:wechat:protobuf WeChat";
    assert_eq!(
        lines,
        [
            format!("{protocols} Send message request seq=1"),
            format!("{protocols} Send message response seq=2 [no request seen]"),
        ]
    );
    // By number without a file of the user's.
    assert_eq!(opened.values("protobuf", &["protobuf.field.number"]), ["1,2", "1"]);
    let file = opened.file("proto", PROTO);
    let folder = file.parent().expect("a folder").display().to_string();
    let named = opened.with(&[
        "-o",
        &format!("uat:protobuf_search_paths:\"{folder}\",\"TRUE\""),
        "-o",
        "uat:wechat_messages:\"522\",\"chat.SendRequest\",\"chat.SendAnswer\"",
    ]);
    let fields = ["protobuf.message.name", "protobuf.field.name", "protobuf.field.value.string"];
    assert_eq!(
        named.values("protobuf", &fields),
        [
            "chat.SendRequest,chat.Entry,chat.Name count,list,to,text,content,type wxid_bob,hidden words",
            "chat.SendAnswer ret ",
        ]
    );
    let info = named.with(&["-o", "protobuf.show_details:TRUE"]).values("protobuf", &["_ws.col.Info"]);
    assert_eq!(info, ["Send message request seq=1", "Send message response seq=2 [no request seen]"]);
}

#[test]
fn two_tables_of_the_users_know_whose_a_row_is() {
    let mut link = Link::new();
    link.packet(true, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &send("x"));
    let opened = link.open();
    let complaint = |option: &str| opened.with(&["-o", option]).run().stderr;
    let text = complaint("uat:wechat_messages:\"newsync\",\"a\",\"\"");
    assert!(text.contains("\"newsync\" is no cgi type: decimal, or 0x and hexadecimal"), "{text}");
    let text = complaint("uat:wechat_operations:\"newsync\",\"a\",\"\"");
    assert!(text.contains("\"newsync\" is no operation number"), "{text}");
    let both = opened.with(&[
        "-o",
        "uat:wechat_messages:\"522\",\"a\",\"\"",
        "-o",
        "uat:wechat_operations:\"237\",\"my send\",\"\"",
    ]);
    assert_eq!(both.values("wechat", &["wechat.op.name"]), ["my send"]);
}

#[test]
fn who_registers_gets_the_message_before_protobuf() {
    let mut link = Link::new();
    link.packet(true, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &send("one"));
    link.packet(false, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &send("two"));
    link.packet(true, op::SEARCH_CONTACT, 106, Algorithm::Cbc, &send("three"));
    link.packet(true, op::MOMENTS_SYNC, 214, Algorithm::Cbc, &send("four"));
    let opened = with_session_key(&link.open(), &link).with_lua(
        r#"
        local taker = Proto("taker", "Taker")
        local words = ProtoField.string("taker.words", "Words")
        taker.fields = { words }
        function taker.dissector(buffer, pinfo, tree)
            tree:add(taker, buffer()):add(words, "table " .. buffer:len())
            pinfo.cols.info:append(" taken")
            return buffer:len()
        end
        DissectorTable.get("wechat.cgi"):add(522, taker)
        local guesser = Proto("guesser", "Guesser")
        local guess = ProtoField.string("guesser.words", "Words")
        guesser.fields = { guess }
        guesser:register_heuristic("wechat_cgi", function(buffer, pinfo, tree)
            if not buffer:raw():find("three") then return false end
            tree:add(guesser, buffer()):add(guess, "guessed " .. buffer:len())
            return true
        end)
        "#,
    );
    let fields = ["frame.protocols", "taker.words", "guesser.words", "_ws.col.Info"];
    let start = "eth:ethertype:ip:tcp:wechat";
    assert_eq!(
        opened.values("wechat.business.opened == 1", &fields),
        [
            format!("{start}:taker table {}  Send message request seq=1 taken", send("one").len()),
            format!("{start}:protobuf   Send message response seq=2 [no request seen]"),
            format!("{start}:guesser  guessed {} searchcontact request seq=3", send("three").len()),
            format!("{start}:protobuf   Moments sync request seq=4"),
        ]
    );
}

#[test]
fn a_message_that_is_no_protobuf_hides_nothing() {
    let mut link = Link::new();
    // A field of which more is promised than there is.
    let odd = link.packet(true, op::NEW_SYNC, 138, Algorithm::Gcm, &[0x0a, 0x7f, 1]);
    link.packet(true, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &send("one"));
    let opened = link.open();
    let lines = format!("WECHAT_SESSION_KEY * {}\n{}\n", hex(&link.phone.keys.cbc), cipher_line(&odd, 0));
    let path = opened.file("log", &lines);
    let opened = opened.with(&["-o", &format!("mmtls.keylog_file:{}", path.display())]);
    let fields = ["wechat.seq", "wechat.business.opened", "_ws.col.Info"];
    assert_eq!(
        opened.values("wechat", &fields),
        ["1 1 Sync request seq=1", "2 1 Send message request seq=2",]
            .map(|line| line.replace(" 1 S", if old_booleans(&opened) { " 1 S" } else { " True S" }))
    );
}

/// Booleans became words in the output of fields.
fn old_booleans(opened: &Opened) -> bool {
    opened.values("wechat", &["wechat.business.opened"]).first().is_some_and(|value| value == "1")
}

#[test]
fn a_packet_with_more_bodies_than_epan_has_room_for_shows_all_frames() {
    let mut phone = Phone::new(&mut ChaCha8Rng::seed_from_u64(5));
    let mut frames = Vec::new();
    for seq in 1..=600 {
        let packet = phone.packet(true, 522, Algorithm::Cbc, &[0x08, 1]);
        frames.extend(Pdu::new(op::NEW_SEND_MSG, seq, packet.bytes).encode());
    }
    let packet = packet::Packet {
        time: Duration::ZERO,
        flow: 0,
        direction: Direction::ClientToServer,
        identification: 1,
        sequence: 1,
        acknowledgement: 1,
        control: Control::PshAck,
        offset: 0,
        payload: frames,
    };
    let opened = open_packets([packet].into_iter(), &Endpoints::v4(40_900, 8080));
    let path = opened.file("log", &format!("WECHAT_SESSION_KEY * {}\n", hex(&phone.keys.cbc)));
    let opened = opened.with(&["-o", &format!("mmtls.keylog_file:{}", path.display())]);
    for passes in [&[][..], &["-2"]] {
        let opened = opened.with(passes);
        let count = |field: &str| {
            let lines = opened.values(field, &[field]);
            lines.iter().map(|line| line.split(',').count()).sum::<usize>()
        };
        assert_eq!((count("wechat.seq"), count("wechat.business.message")), (600, 600));
        assert_eq!(count("protobuf.field.number"), 400);
        assert_eq!(opened.packets("wechat.too_many_inside").len(), 1);
        assert!(opened.packets("_ws.malformed").is_empty());
    }
}

#[test]
fn opened_bodies_and_closed_ones_are_exported() {
    let mut link = Link::new();
    let request = send("one, and again one, and again one, and again one, and again one, and again");
    link.packet(true, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &request);
    link.packet(false, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &send("two"));
    let closed = link.packet(true, op::NEW_SYNC, 138, Algorithm::Gcm, &send("three"));
    let opened = with_session_key(&link.open(), &link);
    for passes in [&[][..], &["-2"]] {
        let mark = opened.file("mark", "");
        let folder = mark.with_extension("exported");
        fs::create_dir(&folder).expect("a folder");
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("for tshark to write to");
        let option = format!("wechat,{}", folder.display());
        opened.with(passes).text(&["-q", "--export-objects", &option]);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .expect("the folder")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let name = entry.file_name().into_string().expect("a name");
                (name, fs::read(entry.path()).expect("the object"))
            })
            .collect();
        files.sort();
        let payload = closed.ciphers[0].text.len() + 28;
        let sealed = closed.bytes[closed.bytes.len() - payload..].to_vec();
        assert_eq!(
            files,
            [
                ("4-newsendmsg-request.pb".to_owned(), request.clone()),
                ("5-newsendmsg-answer.pb".to_owned(), send("two")),
                ("6-newsync-request.encrypted".to_owned(), sealed),
            ]
        );
    }
}

#[test]
fn opened_bytes_have_tabs_of_their_own() {
    let mut link = Link::new();
    let text = "one, and again one, and again one, and again one, and again one, and again";
    link.packet(true, op::NEW_SEND_MSG, 522, Algorithm::Cbc, &send(text));
    let opened = with_session_key(&link.open(), &link);
    let text = opened.text(&["-Y", "wechat", "-x"]);
    let tabs: Vec<_> = text.lines().filter(|line| line.ends_with("):")).collect();
    assert!(
        matches!(
            tabs[..],
            [_, "Decrypted business packet (56 bytes):", "Inflated business packet (94 bytes):"]
        ),
        "{tabs:?}"
    );
}

/// Keys are made of them.
#[test]
fn random_bytes_of_a_login_are_in_no_field() {
    let mut link = Link::new();
    let login = link.packet(true, 434, 763, Algorithm::Hybrid, &send("one"));
    let opened = link.open();
    let lines: Vec<_> = (0..login.ciphers.len()).map(|number| cipher_line(&login, number)).collect();
    let path = opened.file("log", &lines.join("\n"));
    let opened = opened.with(&["-o", &format!("mmtls.keylog_file:{}", path.display())]);
    assert_eq!(
        opened.values("wechat", &["wechat.business.ecdh.curve", "protobuf.field.number"]),
        ["415 1,2"]
    );
    let tabs = opened.text(&["-Y", "wechat", "-x"]);
    assert_eq!(tabs.lines().filter(|line| line.starts_with("Decrypted business packet")).count(), 3);
    let tree = opened.text(&["-Y", "wechat", "-T", "pdml"]);
    let [first, second, message] = &login.ciphers[..] else { panic!("three ciphertexts") };
    assert!(tree.contains(&hex(&message.plain)));
    for secret in [&first.plain, &second.plain, &first.key, &second.key, &message.key] {
        let inner = hex(&secret[8..secret.len() - 6]);
        let leak = tree.lines().find(|line| line.contains(&inner));
        assert_eq!(leak, None);
    }
}
