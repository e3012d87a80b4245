// SPDX-License-Identifier: GPL-2.0-or-later
//! What is dear in MMTLS: the material of [`adversarial`](crate::adversarial) captures.

use std::fmt::Write as _;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::hello::{put_extensions, tickets};
use super::key_log::hex;
use super::message::{CLIENT_HELLO, message};
use super::phone::Phone;
use super::put::{u16_be, u32_be};
use super::record::{Version, header, kind};
use super::session::{Handshake, Session, Start};
use super::short;
use super::ticket::{Held, TicketKind};
use crate::body::sealed::Algorithm;
use crate::packet::Direction;
use crate::pdu::{Pdu, VERSION, op, seq};

use Direction::ClientToServer;

/// The longest content of a record that a length can say.
const LONGEST: usize = u16::MAX as usize;

/// A client and its server, whose keys are known.
#[derive(Debug)]
pub struct Peer {
    rng: ChaCha8Rng,
    phone: Phone,
    access: Held,
    session: Session,
    /// The packet that inflates, which is made once.
    inflating: Option<Vec<u8>>,
    /// What opens it all.
    pub key_log: String,
}

/// What one side writes at once.
pub type Said = (Direction, Vec<u8>);

impl Peer {
    /// A client that has a ticket.
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut rng = ChaCha8Rng::from_rng(rng);
        let access = Held::from_before(TicketKind::Access, &mut rng);
        let phone = Phone::new(&mut rng);
        let session = Session::new(start(Handshake::Resumed, &access), &mut rng);
        let key_log = format!("WECHAT_SESSION_KEY {} {}\n", phone.uin, hex(&phone.keys.cbc));
        Self { phone, access, session, inflating: None, key_log, rng }
    }

    /// The first flights of a resumed long link, and its keys into the log.
    pub fn open(&mut self) -> Vec<Said> {
        self.session = Session::new(start(Handshake::Resumed, &self.access), &mut self.rng);
        let said = self.session.flights();
        self.log_psk();
        said.into()
    }

    fn log_psk(&mut self) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.key_log, "MMTLS_PSK {} {}", hex(&self.session.random), hex(&self.access.psk));
    }

    /// Heartbeats, a byte a record.
    pub fn single_bytes(&mut self) -> Vec<u8> {
        let frames: Vec<u8> = (0..128).flat_map(|_| Pdu::empty(op::NOOP, seq::NOOP).encode()).collect();
        self.session.stream(ClientToServer, &frames, 1)
    }

    /// The header of a frame just below the limit, then what is none of it, again and again.
    pub fn never_a_frame(&mut self) -> Vec<u8> {
        let mut plain = Vec::new();
        while plain.len() < 32 * 1024 {
            u32_be(&mut plain, (1 << 20) - 1);
            u16_be(&mut plain, 16);
            u16_be(&mut plain, VERSION);
            plain.extend(self.rng.random::<[u8; 24]>());
        }
        self.session.stream(ClientToServer, &plain, 16 * 1024)
    }

    /// So many small records of each side.
    pub fn small_frames(&mut self, count: usize) -> Vec<Said> {
        let frames = Pdu::empty(op::NOOP, seq::NOOP).encode().repeat(count);
        let said = |peer: &mut Self, direction| (direction, peer.session.stream(direction, &frames, 16));
        Direction::BOTH.map(|direction| said(self, direction)).into()
    }

    /// A message that inflates to a thousand times its length.
    pub fn inflating(&mut self) -> Vec<u8> {
        let phone = &mut self.phone;
        let packet = self
            .inflating
            .get_or_insert_with(|| phone.packet(true, 522, Algorithm::Cbc, &vec![0x20; 1 << 21]).bytes);
        let seq = self.rng.random_range(1..1 << 20);
        let frame = Pdu::new(op::NEW_SEND_MSG, seq, packet.clone()).encode();
        self.session.stream(ClientToServer, &frame, 16 * 1024)
    }

    /// Calls with early data, whose answers nobody gives.
    pub fn calls(&mut self) -> Vec<u8> {
        let mut posts = Vec::new();
        for _ in 0..16 {
            self.session = Session::new(start(Handshake::EarlyData, &self.access), &mut self.rng);
            let plan = self.phone.plan(("statusnotify", 251, Algorithm::Cbc, 0));
            let packet = self.phone.packet(true, plan.cgi_type, plan.algorithm, &plan.request);
            self.phone.packets.clear();
            let content = short::framed(&short::uri(plan.name), short::HOST, &packet.bytes);
            self.session.hello();
            self.session.data(ClientToServer, &content);
            self.session.close(ClientToServer);
            let body: Vec<u8> = self.session.records.iter().flat_map(|record| record.wire.clone()).collect();
            let path = short::path(self.session.start.time);
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: mmtls\r\nContent-Type: application/octet-stream\r\n\
                 Content-Length: {}\r\n\r\n",
                short::HOST,
                body.len()
            );
            posts.extend(head.into_bytes());
            posts.extend(body);
            if self.key_log.lines().count() < 2 {
                self.log_psk();
            }
        }
        posts
    }
}

fn start(handshake: Handshake, access: &Held) -> Start {
    Start::with(handshake, Version::F104, 1_421_740_800, access.clone())
}

/// Headers without a content.
pub fn empty_records() -> Vec<u8> {
    header(kind::DATA, Version::F104, 0).repeat(4096)
}

/// The first three bytes of records, and no record.
pub fn signatures() -> Vec<u8> {
    [0x17, 0xF1, 0x04].repeat(16 * 1024)
}

/// Records of the largest length, with records inside.
pub fn lying_records(rng: &mut impl Rng) -> Vec<u8> {
    let mut out = header(kind::DATA, Version::F104, LONGEST).to_vec();
    while out.len() < 40_000 {
        let mut body = vec![0; 600];
        rng.fill_bytes(&mut body);
        out.extend(header(kind::DATA, Version::F104, body.len()));
        out.extend(body);
    }
    out
}

/// A hello full of tickets of no length: as many as a record holds.
pub fn hello_of_tickets(rng: &mut impl Rng) -> Vec<u8> {
    let extension = tickets(&vec![Vec::new(); 255]);
    let mut content = Version::F104.code().to_le_bytes().to_vec();
    content.extend([1, 0x00, 0xA8]);
    content.extend(rng.random::<[u8; 32]>());
    u32_be(&mut content, 1_421_740_800);
    let room = LONGEST - content.len() - 10;
    put_extensions(&mut content, &vec![extension.clone(); (room / (extension.len() + 4)).min(255)]);
    let hello = message(CLIENT_HELLO, &content);
    [&header(kind::HANDSHAKE, Version::F104, hello.len())[..], &hello].concat()
}
