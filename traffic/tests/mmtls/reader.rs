// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads captures of MMTLS from their bytes and a key log, with other cryptography than the generator's.

use std::collections::HashMap;
use std::net::SocketAddr;

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use ring::{digest, hkdf, hmac};
use serde_json::Value;
use wechat_traffic::mmtls::session::server_point;
use wechat_traffic::web::reader::receive;

use crate::common::Parsed;

pub const EARLY: u8 = 0x19;
pub const DATA: u8 = 0x17;
pub const ALERT: u8 = 0x15;

/// A record as it came.
#[derive(Clone, Debug)]
pub struct Raw {
    pub from_client: bool,
    pub header: [u8; 5],
    pub body: Vec<u8>,
    pub seq: u64,
    pub plain: Option<Vec<u8>>,
}

/// The records of one session, those of the client first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub records: Vec<Raw>,
}

impl Found {
    pub fn of(&self, from_client: bool) -> impl Iterator<Item = &Raw> {
        self.records.iter().filter(move |record| record.from_client == from_client)
    }

    /// The opened content of all data of one side.
    pub fn data(&self, from_client: bool) -> Vec<u8> {
        let data = self.of(from_client).filter(|record| record.header[0] == DATA);
        data.flat_map(|record| record.plain.clone().expect("opened")).collect()
    }

    fn handshake(&self, kind: u8) -> Option<Vec<u8>> {
        let plain = self.records.iter().filter_map(|record| record.plain.clone());
        plain.into_iter().find(|plain| plain.len() > 4 && plain[4] == kind)
    }
}

/// Both directions of each connection, in the order of their first packets: client, server and bytes.
pub fn connections(packets: &[Parsed]) -> Vec<[Vec<u8>; 2]> {
    let mut found: Vec<([SocketAddr; 2], [Vec<u8>; 2])> = Vec::new();
    for packet in packets {
        let ends = [packet.source, packet.destination];
        let reversed = [packet.destination, packet.source];
        if let Some((_, bytes)) = found.iter_mut().find(|(known, _)| *known == ends) {
            bytes[0].extend(&packet.payload);
        } else if let Some((_, bytes)) = found.iter_mut().find(|(known, _)| *known == reversed) {
            bytes[1].extend(&packet.payload);
        } else if packet.source.port() > packet.destination.port() {
            found.push((ends, [packet.payload.clone(), Vec::new()]));
        } else {
            found.push((reversed, [Vec::new(), packet.payload.clone()]));
        }
    }
    found.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Cuts records; they must fill the bytes.
pub fn cut(mut bytes: &[u8], from_client: bool) -> Vec<Raw> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (header, rest) = bytes.split_first_chunk::<5>().expect("a whole header");
        assert!([0x15, 0x16, 0x17, 0x19].contains(&header[0]), "{header:x?}");
        assert!(header[1] == 0xF1 && (header[2] == 3 || header[2] == 4), "{header:x?}");
        let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
        assert!(len <= 0x8000);
        let (body, rest) = rest.split_at(len);
        let (header, body) = (*header, body.to_vec());
        records.push(Raw { from_client, header, body, seq: records.len() as u64, plain: None });
        bytes = rest;
    }
    records
}

/// The sessions of a capture: one of a connection of its own, or one of each POST.
pub fn sessions(packets: &[Parsed]) -> Vec<Found> {
    let mut sessions = Vec::new();
    for [client, server] in connections(packets) {
        if client.is_empty() && server.is_empty() {
            continue;
        }
        // TLS is not read, and HTTP without MMTLS is passed over below.
        if client.starts_with(&[22, 3]) {
            continue;
        }
        if client.first().is_some_and(|byte| *byte < 0x20) {
            let records = [cut(&client, true), cut(&server, false)].concat();
            sessions.push(Found { records });
            continue;
        }
        let (mut client, mut server) = (behind_tunnel(&client), behind_tunnel(&server));
        loop {
            let [request, answer] = [&mut client, &mut server].map(|side| receive(side).expect("HTTP"));
            if request.is_none() && answer.is_none() {
                break;
            }
            let target = request.as_ref().and_then(|request| request.target.clone()).unwrap_or_default();
            if request.is_some() && !target.contains("/mmtls/") {
                continue;
            }
            let asked = request.map_or_else(Vec::new, |request| cut(&request.body, true));
            let answered = answer.map_or_else(Vec::new, |answer| cut(&answer.body, false));
            sessions.push(Found { records: [asked, answered].concat() });
        }
    }
    sessions
}

fn behind_tunnel(bytes: &[u8]) -> &[u8] {
    let opens = bytes.starts_with(b"CONNECT ") || bytes.starts_with(b"HTTP/1.1 200 Connection est");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    if opens { &bytes[end.expect("a head") + 4..] } else { bytes }
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

pub fn open(record: &Raw, key: &[u8], nonce: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).expect("16 bytes"));
    let additional = [&record.seq.to_be_bytes()[..], &record.header].concat();
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("12 bytes");
    let mut text = record.body.clone();
    let len = key.open_in_place(nonce, Aad::from(&additional), &mut text).ok()?.len();
    text.truncate(len);
    Some(text)
}

/// Opens what lines name, by their tails; returns how many.
pub fn open_by_lines(session: &mut Found, log: &[u8]) -> usize {
    let mut lines: HashMap<Vec<u8>, Vec<Value>> = HashMap::new();
    for line in String::from_utf8_lossy(log).lines() {
        let Ok(value @ Value::Object(_)) = serde_json::from_str(line) else { continue };
        if value["layer"] == "OUTER" && value["metadata"] != "" {
            lines.entry(unhex(value["tail"].as_str().unwrap())).or_default().push(value);
        }
    }
    let mut opened = 0;
    for record in &mut session.records {
        let Some(named) = record.body.len().checked_sub(8).and_then(|at| lines.get(&record.body[at..]))
        else {
            continue;
        };
        let bytes = |line: &Value, name: &str| unhex(line[name].as_str().unwrap());
        for line in named {
            assert_eq!(line["encrypt"], record.from_client);
            if let Some(plain) = open(record, &bytes(line, "key"), &bytes(line, "nonce")) {
                let additional = [&record.seq.to_be_bytes()[..], &record.header].concat();
                assert_eq!(bytes(line, "metadata"), additional);
                record.plain = Some(plain);
                opened += 1;
                break;
            }
        }
    }
    opened
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

pub fn expand(secret: &[u8], label: &str, messages: Option<&[&[u8]]>, len: usize) -> Vec<u8> {
    let hash = messages.map(|messages| digest::digest(&digest::SHA256, &messages.concat()));
    let info = [label.as_bytes(), hash.as_ref().map_or(&[], |hash| hash.as_ref())];
    let mut out = vec![0; len];
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
    prk.expand(&info, Len(len)).unwrap().fill(&mut out).unwrap();
    out
}

/// Key and IV of one direction, from the next record with a larger number than `from` on.
fn open_with(session: &mut Found, from_client: bool, from: u64, key: &[u8], iv: &[u8]) {
    let closed = |record: &&mut Raw| record.plain.is_none() && record.seq >= from;
    let records = session.records.iter_mut().filter(|record| record.from_client == from_client);
    for record in records.filter(closed) {
        let mut nonce = iv.to_vec();
        for (byte, number) in nonce[4..].iter_mut().zip(record.seq.to_be_bytes()) {
            *byte ^= number;
        }
        record.plain = open(record, key, &nonce);
    }
}

fn open_pair(session: &mut Found, keys: &[u8]) {
    open_with(session, true, 1, &keys[..16], &keys[32..44]);
    open_with(session, false, 1, &keys[16..32], &keys[44..]);
}

/// Opens a session from its secret alone, by the schedule.
pub fn open_by_secret(session: &mut Found, shared: Option<&[u8]>, psk: Option<&[u8]>) {
    for record in &mut session.records {
        // The hellos, in clear.
        if record.seq == 0 {
            record.plain = Some(record.body.clone());
        }
    }
    let Some(hello) = session.handshake(1) else { return };
    let early = session.of(true).any(|record| record.header[0] == EARLY);
    let secret = shared.or(psk).expect("a secret");
    if early {
        let keys = expand(secret, "early data key expansion", Some(&[&hello]), 28);
        open_with(session, true, 1, &keys[..16], &keys[16..]);
        let Some(server) = session.handshake(2) else { return };
        let extensions = session.handshake(8).expect("encrypted extensions");
        let messages = [&hello[..], &extensions, &server];
        let keys = expand(secret, "handshake key expansion", Some(&messages), 28);
        open_with(session, false, 1, &keys[..16], &keys[16..]);
        verify(session, false, secret, "server finished", &messages);
        return;
    }
    let server = session.handshake(2).expect("a ServerHello");
    let keys = expand(secret, "handshake key expansion", Some(&[&hello, &server]), 56);
    open_pair(session, &keys);
    let mut messages = vec![hello, server];
    if shared.is_some() {
        let [signed, issued] = [15, 4].map(|kind| session.handshake(kind).expect("opened"));
        // Over the hash of the messages so far, which is hashed once more.
        let hash = digest::digest(&digest::SHA256, &messages.concat());
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, server_point());
        assert_eq!(signed[5..7], (signed.len() as u16 - 7).to_be_bytes());
        key.verify(hash.as_ref(), &signed[7..]).expect("the server's signature");
        messages.extend([signed, issued]);
    }
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    verify(session, false, secret, "server finished", &messages);
    if session.of(true).count() > 1 {
        verify(session, true, secret, "client finished", &messages);
        let master = expand(secret, "expanded secret", Some(&messages), 32);
        let keys = expand(&master, "application data key expansion", Some(&messages), 56);
        open_pair(session, &keys);
    }
}

/// A side's Finished must be right.
fn verify(session: &Found, from_client: bool, secret: &[u8], label: &str, messages: &[&[u8]]) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &expand(secret, label, None, 32));
    let hash = digest::digest(&digest::SHA256, &messages.concat());
    let finished = session.of(from_client).filter_map(|record| record.plain.as_ref());
    let finished = finished.into_iter().find(|plain| plain.len() == 39 && plain[4] == 0x14);
    let finished = finished.expect("a Finished");
    assert_eq!(finished[..7], [0, 0, 0, 35, 0x14, 0, 32]);
    hmac::verify(&key, hash.as_ref(), &finished[7..]).expect("the right Finished");
}
