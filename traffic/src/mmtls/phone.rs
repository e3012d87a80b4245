// SPDX-License-Identifier: GPL-2.0-or-later
//! A phone and its server: frames and calls whose bodies open with the session's keys.

use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::body::business::{Business, Form};
use crate::body::identify::{self, Trailer};
use crate::body::protobuf::{self, Text};
use crate::body::sealed::{Algorithm, Keys, Packet, seal};
use crate::body::sync_key::SyncKey;
use crate::body::{self, PUSH_WANTS_ACK};
use crate::capture::BASE_TIME;
use crate::pdu::{Pdu, cgi, op, seq};
use crate::script::Script;

const VERSION_6_1: u32 = 0x2601_0041;
const VERSION_8_0_23: u32 = 0x2800_1737;
const COOKIE_LEN: usize = 15;
/// Cgi type of the login.
const AUTO_AUTH: u32 = 763;

/// Messages of at least this length are compressed.
const WORTH_COMPRESSING: usize = 64;

/// A call of the short link, before it is sealed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Last part of the URI.
    pub name: &'static str,
    /// In the business header.
    pub cgi_type: u32,
    /// Of request and answer.
    pub algorithm: Algorithm,
    /// The request.
    pub request: Vec<u8>,
    /// The answer.
    pub answer: Vec<u8>,
}

/// Calls of 2023, by name and cgi type, with the scale of their answers.
pub const CALLS: [(&str, u32, Algorithm, u32); 10] = [
    ("getcdndns", 379, Algorithm::Cbc, 12),
    ("newsync", 138, Algorithm::Gcm, 0),
    ("statusnotify", 251, Algorithm::Cbc, 0),
    ("androidfcmreg", 216, Algorithm::Cbc, 0),
    ("checkresupdate", 721, Algorithm::Cbc, 40),
    ("secautoauth", AUTO_AUTH, Algorithm::Hybrid, 200),
    ("findersync", 3565, Algorithm::Cbc, 3),
    ("bypsync", 3673, Algorithm::Cbc, 2),
    ("finderinit", 3930, Algorithm::Cbc, 90),
    ("getnetworkinfo", 6238, Algorithm::Cbc, 5),
];

/// The plain calls of 2015. One of them is made twice.
pub const CALLS_OF_2015: [(&str, u32, u32); 6] = [
    ("mmsnssync", 214, 3),
    ("androidgcmreg", 623, 0),
    ("getcontactlabellist", 639, 1),
    ("mmbatchemojidownload", 697, 20),
    ("rtkvreport", 716, 0),
    ("rtkvreport", 716, 0),
];

/// Both ends of an account's conversation.
#[derive(Clone, Debug)]
pub struct Phone {
    rng: ChaCha8Rng,
    /// The account's number.
    pub uin: u32,
    cookie: Vec<u8>,
    recent: bool,
    /// What its bodies are sealed with.
    pub keys: Keys,
    key: SyncKey,
    next_seq: u32,
    next_message: u32,
    /// Every business packet that was made.
    pub packets: Vec<Packet>,
}

impl Phone {
    /// A phone of 2023, with version 8.0.23.
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut rng = ChaCha8Rng::from_rng(rng);
        let mut cookie = vec![0; COOKIE_LEN];
        rng.fill_bytes(&mut cookie);
        Self {
            uin: rng.random_range(1_000_000..3_000_000_000),
            cookie,
            recent: true,
            keys: Keys::new(&mut rng),
            key: SyncKey::of_2023(rng.random_range(800_000_000..900_000_000)),
            next_seq: 1,
            next_message: rng.random_range(1_000_000..2_000_000),
            packets: Vec::new(),
            rng,
        }
    }

    /// A phone of 2015, with version 6.1.
    pub fn of_2015(rng: &mut impl Rng) -> Self {
        let mut phone = Self::new(rng);
        phone.recent = false;
        phone.key = SyncKey::of_2015(phone.rng.random_range(600_000_000..700_000_000));
        phone
    }

    fn take_seq(&mut self) -> u32 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    fn client_version(&self) -> u32 {
        if self.recent { VERSION_8_0_23 } else { VERSION_6_1 }
    }

    /// A message of about this many characters, some of them repeated.
    fn text(&mut self, len: usize, at: Duration) -> Text {
        self.next_message += 1;
        let mut content = String::new();
        while content.len() < len {
            let word: [u8; 4] = self.rng.random();
            content.extend(word.iter().map(|byte| char::from(b'a' + byte % 26)));
            content.push(' ');
        }
        content.truncate(len);
        let time = (BASE_TIME + at).as_secs() as u32;
        Text { id: self.next_message, from: "wxid_ada".into(), to: "wxid_bob".into(), content, time }
    }

    /// A business packet.
    pub fn packet(
        &mut self,
        from_client: bool,
        cgi_type: u32,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Packet {
        let form = match (from_client, self.recent) {
            (true, false) => Form::Request,
            (false, false) => Form::Response,
            (true, true) if algorithm == Algorithm::Hybrid => Form::RecentLogin,
            (true, true) => Form::RecentRequest,
            // Short answers of the short link are known by their length.
            (false, true) if message.len() < 16 => Form::LongRecentResponse,
            (false, true) => Form::RecentResponse,
        };
        let login = algorithm == Algorithm::Hybrid && from_client;
        let header = Business {
            form,
            client_version: if from_client { self.client_version() } else { 0 },
            uin: self.uin,
            // Who logs in has none yet.
            cookie: if login { Vec::new() } else { self.cookie.clone() },
            cgi_type,
            plain_len: 0,
            compressed_len: 0,
        };
        let compress = message.len() >= WORTH_COMPRESSING;
        let packet = seal(header, algorithm, compress, message, &self.keys, &mut self.rng);
        self.packets.push(packet.clone());
        packet
    }

    /// What a call says and is told.
    pub fn plan(&mut self, (name, cgi_type, algorithm, scale): (&'static str, u32, Algorithm, u32)) -> Plan {
        let (request, answer) = if cgi_type == cgi::NEW_SYNC {
            let texts = [self.text(60, Duration::ZERO), self.text(400, Duration::ZERO)];
            let request = protobuf::new_sync(&self.key, 1);
            self.key.advance();
            (request, protobuf::new_sync_answer(&texts, &self.key, texts[0].time))
        } else {
            let request = protobuf::call(self.uin, self.client_version(), scale);
            (request, protobuf::call_answer(scale))
        };
        Plan { name, cgi_type, algorithm, request, answer }
    }

    /// The identify request.
    pub fn identify(&mut self) -> Pdu {
        let trailer = if self.recent { Trailer::Context } else { Trailer::Version };
        let version = self.client_version();
        let body = identify::request(self.uin, &self.key, version, trailer, &mut self.rng);
        Pdu::new(op::IDENTIFY, seq::IDENTIFY, body)
    }

    /// Its answer.
    pub fn identified(&mut self, request: &Pdu) -> Pdu {
        request.response(if self.recent {
            identify::recent_response(2, &mut self.rng)
        } else {
            identify::response(2, &self.key, &mut self.rng)
        })
    }

    /// A message is sent, and that it was.
    pub fn send(&mut self, len: usize, at: Duration) -> [Pdu; 2] {
        let text = self.text(len, at);
        let seq = self.take_seq();
        let request = protobuf::send_message(&text);
        let request = self.packet(true, cgi::NEW_SEND_MSG, Algorithm::Cbc, &request);
        let answer = protobuf::message_sent(&text);
        let answer = self.packet(false, cgi::NEW_SEND_MSG, Algorithm::Cbc, &answer);
        let request = Pdu::new(op::NEW_SEND_MSG, seq, request.bytes);
        let answer = request.response(answer.bytes);
        [request, answer]
    }

    /// A sync, with so many messages in its answer.
    pub fn sync(&mut self, messages: usize, at: Duration) -> [Pdu; 2] {
        let algorithm = if self.recent { Algorithm::Gcm } else { Algorithm::Cbc };
        let seq = self.take_seq();
        let request = protobuf::new_sync(&self.key, 2);
        let request = self.packet(true, cgi::NEW_SYNC, algorithm, &request);
        let answer = self.news(messages, at);
        let answer = self.packet(false, cgi::NEW_SYNC, algorithm, &answer);
        let request = Pdu::new(op::NEW_SYNC, seq, request.bytes);
        let answer = request.response(answer.bytes);
        [request, answer]
    }

    /// A push with a message, and its acknowledgement after so long.
    pub fn push(&mut self, elapsed: Duration, at: Duration) -> [Pdu; 2] {
        let news = self.news(1, at);
        let packet = self.packet(false, cgi::NEW_SYNC, Algorithm::Cbc, &news);
        let push = Pdu::new(op::PUSH, seq::PUSH, body::push(PUSH_WANTS_ACK, &packet.bytes));
        let ack = body::push_ack(elapsed.as_millis() as u32, &self.key);
        [push, Pdu::new(op::PUSH_ACK, self.take_seq(), ack)]
    }

    fn news(&mut self, messages: usize, at: Duration) -> Vec<u8> {
        let texts: Vec<Text> = (0..messages)
            .map(|_| {
                let len = self.rng.random_range(10..600);
                self.text(len, at)
            })
            .collect();
        self.key.advance();
        protobuf::new_sync_answer(&texts, &self.key, (BASE_TIME + at).as_secs() as u32)
    }

    /// A session of at least so many frames, from identify on: what a long link carries.
    pub fn session(&mut self, frames: usize) -> Script {
        let mut script = Script::starting_at(Duration::ZERO);
        let identify = self.identify();
        let identified = self.identified(&identify);
        script.client([&identify]).wait(45).server([&identified]).wait(300);
        let mut turn = 0;
        while script.pdu_count() < frames {
            let at = script.writes.last().map_or(Duration::ZERO, |write| write.at);
            match turn % 5 {
                0 => {
                    let [request, answer] = self.send(40 + 300 * (turn % 3), at);
                    script.client([&request]).wait(60).server([&answer]);
                }
                1 => {
                    let noop = Pdu::empty(op::NOOP, seq::NOOP);
                    script.wait_seconds(240).client([&noop]).wait(40).server([&noop.response(Vec::new())]);
                }
                2 => {
                    let [push, ack] = self.push(Duration::from_millis(25), at);
                    script.server([&push]).wait(25).client([&ack]);
                }
                3 => {
                    let [request, answer] = self.sync(1 + turn % 4, at);
                    script.client([&request]).wait(110).server([&answer]);
                }
                _ => {
                    let [first, second, third] = [20, 900, 90].map(|len| self.send(len, at));
                    script.client([&first[0], &second[0], &third[0]]);
                    script.wait(70).server([&second[1], &first[1]]).wait(20).server([&third[1]]);
                }
            }
            script.wait(700);
            turn += 1;
        }
        script
    }
}
