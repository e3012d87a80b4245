// SPDX-License-Identifier: GPL-2.0-or-later
//! One session, both ends of it: from the hellos to the closing alerts, with real keys.
//!
//! How the keys of a resumed long link are made stands in no source. Here they follow from the ticket's secret
//! as those of a full handshake follow from the shared one; with the lines of a key log that name records or
//! keys, nothing depends on it.

use std::time::Duration;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{SecretKey, ecdh};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::hello::{ClientHello, Point, ServerHello};
use super::keys::{Half, Pair, Secret, expand, label, shared_secret, transcript, verify_data};
use super::message::{self, alert};
use super::record::{Epoch, MAX_LEN, Record, TAG_LEN, Version, What, kind};
use super::ticket::{Held, Ticket, TicketKind, Wallet};
use crate::packet::Direction;

use Direction::{ClientToServer, ServerToClient};

/// The private key of the servers, whose public key clients would know.
const SERVER_KEY: [u8; 32] = *b"the made-up key of all servers..";

/// How a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Handshake {
    /// With key shares.
    #[serde(rename = "full")]
    Full,
    /// With a ticket, data after one round trip.
    #[serde(rename = "resumed")]
    Resumed,
    /// With a ticket and data at once.
    #[serde(rename = "0-RTT")]
    EarlyData,
    /// With a ticket that the server does not take.
    #[serde(rename = "refused")]
    Refused,
}

/// A change of a message.
pub type Mangle = fn(What, &mut Vec<u8>);

/// A secret, as a key log may give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// What they seal.
    pub epoch: Epoch,
    /// 56 bytes of both directions, or 28 of one.
    pub bytes: Vec<u8>,
    /// The hash that they were made with.
    pub hash: Secret,
}

/// What a session is to be.
#[derive(Clone, Debug)]
pub struct Start {
    /// In all records and hellos.
    pub version: Version,
    /// How it begins.
    pub handshake: Handshake,
    /// What the client's clock says.
    pub time: u32,
    /// An access ticket to resume with, or a refresh ticket beside key shares.
    pub ticket: Option<Held>,
}

impl Start {
    /// A full handshake, with a refresh ticket if there is one.
    pub fn full(version: Version, time: u32, refresh: Option<Held>) -> Self {
        Self { version, handshake: Handshake::Full, time, ticket: refresh }
    }

    /// A handshake with an access ticket.
    pub fn with(handshake: Handshake, version: Version, time: u32, access: Held) -> Self {
        Self { version, handshake, time, ticket: Some(access) }
    }
}

/// A session and all its records.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it is.
    pub start: Start,
    /// The client's random, which names it.
    pub random: [u8; 32],
    /// The server's.
    pub server_random: [u8; 32],
    /// Of a full handshake.
    pub shared: Option<Secret>,
    /// The keys that were made so far.
    pub keys: Vec<Keys>,
    /// The tickets that the server issued, with their secrets.
    pub issued: Option<Wallet>,
    /// In the order of writing.
    pub records: Vec<Record>,
    /// Changes messages before they are said, so that keys still fit them.
    pub mangle: Option<Mangle>,
    rng: ChaCha8Rng,
    private: [Option<SecretKey>; 2],
    /// ClientHello first, without the records' headers: what transcripts are made from.
    messages: Vec<Vec<u8>>,
    client: Side,
    server: Side,
}

/// What one end counts and seals with.
#[derive(Clone, Debug, Default)]
struct Side {
    seq: u64,
    seal: Option<(Epoch, Half)>,
}

impl Session {
    /// A session of which nothing is said yet.
    pub fn new(start: Start, rng: &mut impl Rng) -> Self {
        let mut rng = ChaCha8Rng::from_rng(rng);
        let (random, server_random) = (rng.random(), rng.random());
        Self {
            start,
            random,
            server_random,
            shared: None,
            keys: Vec::new(),
            issued: None,
            records: Vec::new(),
            mangle: None,
            private: [None, None],
            messages: Vec::new(),
            client: Side::default(),
            server: Side::default(),
            rng,
        }
    }

    /// The ticket, as the ClientHello has it.
    pub fn offered(&self) -> Option<Ticket> {
        self.start.ticket.as_ref().map(|held| held.ticket.offered())
    }

    /// The secret of the access ticket that was used.
    pub fn psk(&self) -> Option<Secret> {
        let resumes = self.start.handshake != Handshake::Full;
        self.start.ticket.as_ref().filter(|_| resumes).map(|held| held.psk)
    }

    /// The client's first words: its hello, and with early data its encrypted extensions.
    pub fn hello(&mut self) -> Vec<usize> {
        let full = self.start.handshake == Handshake::Full;
        let shares = full.then(|| {
            let keys = [private_key(&mut self.rng), private_key(&mut self.rng)];
            let points = [0, 1].map(|place| point(&keys[place]));
            self.private = keys.map(Some);
            points
        });
        let hello = ClientHello {
            version: self.start.version,
            random: self.random,
            time: self.start.time,
            ticket: self.offered(),
            shares,
        };
        let early = self.start.handshake == Handshake::EarlyData;
        let kind = if early { kind::EARLY } else { kind::HANDSHAKE };
        let mut said = vec![self.say(ClientToServer, kind, What::ClientHello, hello.encode())];
        if early {
            let hash = self.hash(1);
            let bytes: [u8; 28] = expand(&self.ticket_secret(), label::EARLY, Some(&hash));
            self.keys.push(Keys { epoch: Epoch::Early, bytes: bytes.to_vec(), hash });
            self.client.seal = Some((Epoch::Early, Half::of(&bytes)));
            let extensions = message::encrypted_extensions(self.start.time);
            said.push(self.say(ClientToServer, kind::EARLY, What::EncryptedExtensions, extensions));
        }
        said
    }

    /// The server's answer, up to its Finished; or its refusal. `now` is when tickets are issued, in the
    /// session with this number.
    pub fn answer(&mut self, now: Duration, number: usize) -> Vec<usize> {
        match self.start.handshake {
            Handshake::Full => self.answer_in_full(now, number),
            Handshake::Resumed => self.answer_resumed(),
            Handshake::EarlyData => self.answer_early(),
            Handshake::Refused => {
                let refusal = alert(message::UNKNOWN_TICKET);
                vec![self.say(ServerToClient, kind::ALERT, What::Refusal, refusal)]
            }
        }
    }

    fn answer_in_full(&mut self, now: Duration, number: usize) -> Vec<usize> {
        let place = self.rng.random_range(0..2);
        let own = private_key(&mut self.rng);
        let mut said = vec![self.server_hello(Some((place, point(&own))))];
        let client = self.private[place].clone().unwrap_or_else(|| own.clone());
        let common = ecdh::diffie_hellman(own.to_nonzero_scalar(), client.public_key().as_affine());
        let shared = shared_secret(common.raw_secret_bytes());
        self.shared = Some(shared);
        let pair = self.both_ways(&shared, Epoch::Handshake, label::HANDSHAKE);

        let signature: Signature = SigningKey::from(server_key()).sign(&self.hash(2));
        let verify = message::certificate_verify(signature.to_der().as_bytes());
        said.push(self.say(ServerToClient, kind::HANDSHAKE, What::CertificateVerify, verify));

        let hash = self.hash(3);
        let mut issue = |kind, label| Held {
            ticket: Ticket::issue(kind, &mut self.rng),
            psk: expand(&shared, label, Some(&hash)),
            issued_in: Some(number),
            issued_at: Some(now),
        };
        let issued = Wallet {
            access: issue(TicketKind::Access, label::PSK_ACCESS),
            refresh: issue(TicketKind::Refresh, label::PSK_REFRESH),
        };
        let tickets = message::new_session_ticket(&[&issued.access.ticket, &issued.refresh.ticket]);
        self.issued = Some(issued);
        said.push(self.say(ServerToClient, kind::HANDSHAKE, What::NewSessionTicket, tickets));

        said.push(self.finished(ServerToClient, &shared, label::SERVER_FINISHED));
        self.client.seal = Some((Epoch::Handshake, pair.client()));
        said
    }

    fn answer_resumed(&mut self) -> Vec<usize> {
        let mut said = vec![self.server_hello(None)];
        let secret = self.ticket_secret();
        let pair = self.both_ways(&secret, Epoch::Handshake, label::HANDSHAKE);
        said.push(self.finished(ServerToClient, &secret, label::SERVER_FINISHED));
        self.client.seal = Some((Epoch::Handshake, pair.client()));
        said
    }

    fn answer_early(&mut self) -> Vec<usize> {
        let mut said = vec![self.server_hello(None)];
        let secret = self.ticket_secret();
        let hash = self.hash(3);
        let bytes: [u8; 28] = expand(&secret, label::HANDSHAKE, Some(&hash));
        self.keys.push(Keys { epoch: Epoch::EarlyResponse, bytes: bytes.to_vec(), hash });
        self.server.seal = Some((Epoch::EarlyResponse, Half::of(&bytes)));
        said.push(self.finished(ServerToClient, &secret, label::SERVER_FINISHED));
        said
    }

    /// The client's Finished; from here on both sides use the keys of data.
    pub fn finish(&mut self) -> Vec<usize> {
        let secret = self.shared.unwrap_or_else(|| self.ticket_secret());
        let said = self.finished(ClientToServer, &secret, label::CLIENT_FINISHED);
        let hash = self.hash(self.messages.len());
        let master: Secret = expand(&secret, label::MASTER, Some(&hash));
        let pair = self.both_ways(&master, Epoch::Application, label::APPLICATION);
        self.client.seal = Some((Epoch::Application, pair.client()));
        vec![said]
    }

    /// Data, in as many records as it takes.
    pub fn data(&mut self, direction: Direction, bytes: &[u8]) -> Vec<usize> {
        let pieces = bytes.chunks(MAX_LEN - TAG_LEN);
        pieces.map(|piece| self.say(direction, kind::DATA, What::Data, piece.to_vec())).collect()
    }

    /// The flights of a long link's handshake, as bytes.
    pub fn flights(&mut self) -> [(Direction, Vec<u8>); 3] {
        let hello = self.hello();
        let answer = self.answer(Duration::ZERO, 0);
        let finished = self.finish();
        [(ClientToServer, hello), (ServerToClient, answer), (ClientToServer, finished)]
            .map(|(direction, records)| (direction, self.bytes(&records)))
    }

    /// Data as bytes, so many of it in a record at most. What was said before is forgotten: a session may go on
    /// without end.
    pub fn stream(&mut self, direction: Direction, data: &[u8], size: usize) -> Vec<u8> {
        self.records.clear();
        for piece in data.chunks(size) {
            self.data(direction, piece);
        }
        self.records.iter().flat_map(|record| record.wire.iter().copied()).collect()
    }

    fn bytes(&self, records: &[usize]) -> Vec<u8> {
        records.iter().flat_map(|&record| self.records[record].wire.iter().copied()).collect()
    }

    /// The normal end.
    pub fn close(&mut self, direction: Direction) -> usize {
        self.say(direction, kind::ALERT, What::ClosingAlert, alert(message::CLOSE))
    }

    /// What comes of it if somebody sends the client's early data again: another answer, with other keys.
    pub fn replayed(&self, rng: &mut impl Rng) -> Self {
        let mut replay = self.clone();
        replay.server_random = rng.random();
        replay.records.retain(|record| record.direction == ClientToServer);
        replay.keys.retain(|keys| keys.epoch == Epoch::Early);
        replay.messages.truncate(2);
        replay.server = Side::default();
        replay
    }

    /// Appends a record.
    pub fn say(&mut self, direction: Direction, kind: u8, what: What, mut content: Vec<u8>) -> usize {
        if let Some(mangle) = self.mangle {
            mangle(what, &mut content);
        }
        let known = [
            What::ClientHello,
            What::EncryptedExtensions,
            What::ServerHello,
            What::CertificateVerify,
            What::NewSessionTicket,
        ];
        if known.contains(&what) {
            self.messages.push(content.clone());
        }
        let version = self.start.version;
        let side = match direction {
            ClientToServer => &mut self.client,
            ServerToClient => &mut self.server,
        };
        let seq = side.seq;
        side.seq += 1;
        self.records.push(match side.seal {
            None => Record::clear(direction, kind, version, seq, what, content),
            Some(seal) => Record::sealed(direction, kind, version, seq, what, content, seal),
        });
        self.records.len() - 1
    }

    fn server_hello(&mut self, share: Option<(usize, Point)>) -> usize {
        let hello = ServerHello { version: self.start.version, random: self.server_random, share };
        self.say(ServerToClient, kind::HANDSHAKE, What::ServerHello, hello.encode())
    }

    fn finished(&mut self, direction: Direction, secret: &Secret, label: &str) -> usize {
        let hash = self.hash(self.messages.len());
        let finished = message::finished(&verify_data(secret, label, &hash));
        self.say(direction, kind::HANDSHAKE, What::Finished, finished)
    }

    /// Keys of both directions; the server uses its own at once.
    fn both_ways(&mut self, secret: &Secret, epoch: Epoch, label: &str) -> Pair {
        let hash = self.hash(self.messages.len());
        let bytes: [u8; 56] = expand(secret, label, Some(&hash));
        self.keys.push(Keys { epoch, bytes: bytes.to_vec(), hash });
        let pair = Pair(bytes);
        self.server.seal = Some((epoch, pair.server()));
        pair
    }

    /// The hash of the first messages.
    fn hash(&self, count: usize) -> Secret {
        let messages: Vec<&[u8]> = self.messages[..count].iter().map(Vec::as_slice).collect();
        transcript(&messages)
    }

    /// The secret of the ticket.
    ///
    /// # Panics
    ///
    /// If the session was started without one, which only a full handshake is.
    fn ticket_secret(&self) -> Secret {
        self.psk().expect("a short handshake has a ticket")
    }
}

/// Draws until a number is one of the curve's: almost all are.
fn private_key(rng: &mut impl Rng) -> SecretKey {
    loop {
        let bytes: [u8; 32] = rng.random();
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return key;
        }
    }
}

fn server_key() -> SecretKey {
    SecretKey::from_slice(&SERVER_KEY).expect("a number of the curve")
}

/// The servers' public key.
pub fn server_point() -> Point {
    point(&server_key())
}

/// The uncompressed public key.
fn point(key: &SecretKey) -> Point {
    let point = key.public_key().to_sec1_point(false);
    let mut bytes = [0; 65];
    bytes.copy_from_slice(point.as_bytes());
    bytes
}

/// A point of a fresh key, for messages that hold one.
pub fn fresh_point(rng: &mut impl Rng) -> Point {
    point(&private_key(rng))
}
