// SPDX-License-Identifier: GPL-2.0-or-later
//! Captures of any size, to measure speed and memory: made and written piece by piece.

use std::io::{self, Write};
use std::ops::Range;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::capture::{BASE_TIME, Writer};
use crate::flow::{Chunk, Flow, Segmentation};
use crate::mmtls::key_log::hex;
use crate::mmtls::record::{MAX_LEN, TAG_LEN, Version};
use crate::mmtls::session::{Handshake, Session, Start};
use crate::mmtls::ticket::{Held, TicketKind};
use crate::packet::{Direction, Endpoints};
use crate::pdu::{Pdu, RESPONSE_OFFSET, cgi, op};

/// How many messages a client sends at once, before it waits for answers.
const MESSAGES: usize = 6;
/// Messages that make bodies of about 40 to 1200 bytes.
const MESSAGE_LEN: Range<u32> = 5..1150;
const FIRST_CLIENT_PORT: u16 = 20_000;

/// Each connection in turn has this long for its requests, answers, push and acknowledgement.
const TURN: Duration = Duration::from_millis(500);
/// How long the server takes, in milliseconds: some answers are slow, most are not.
const SERVER_TIME: Range<u64> = 10..160;
/// When the server pushes, and how long the client takes to acknowledge.
const PUSH_AT: Duration = Duration::from_millis(300);
const ACK_TIME: Duration = Duration::from_millis(20);

/// The protocol in which the frames are written: others have the same sizes, times and pairs, so that their
/// dissectors can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dress {
    /// The long link itself.
    #[default]
    LongLink,
    /// The binary protocol of memcached.
    Memcache,
    /// Diameter, one AVP a message.
    Diameter,
    /// The long link in MMTLS, a frame a record, resumed with a ticket.
    Mmtls,
}

impl Dress {
    /// All of them, by name.
    pub const ALL: [(&str, Self); 4] = [
        ("wechat", Self::LongLink),
        ("memcache", Self::Memcache),
        ("diameter", Self::Diameter),
        ("mmtls", Self::Mmtls),
    ];

    fn port(self) -> u16 {
        match self {
            Self::LongLink | Self::Mmtls => 8080,
            Self::Memcache => 11_211,
            Self::Diameter => 3868,
        }
    }

    /// The frame in this protocol; that of MMTLS is sealed afterwards.
    fn encode(self, pdu: &Pdu) -> Vec<u8> {
        let answers = pdu.op >= RESPONSE_OFFSET;
        let size = pdu.body.len() as u32;
        match self {
            Self::LongLink | Self::Mmtls => pdu.encode(),
            Self::Memcache => {
                // A get: the body of a request is its key, that of a response 4 bytes of flags and the value.
                // Without a body it is a noop.
                let (magic, key, extras) = match (answers, size) {
                    (_, 0) => (0x80 | u8::from(answers), 0, 0),
                    (true, _) => (0x81, 0, 4),
                    (false, _) => (0x80, size as u16, 0),
                };
                let mut wire = vec![magic, if size == 0 { 0x0a } else { 0 }];
                wire.extend(key.to_be_bytes());
                wire.extend([extras, 0, 0, 0]);
                wire.extend(size.to_be_bytes());
                wire.extend(pdu.seq.to_be_bytes());
                wire.extend([0; 8]);
                wire.extend(&pdu.body);
                wire
            }
            Self::Diameter => {
                // A Credit-Control message with one AVP, User-Name, padded to words. Without a body it is a
                // Device-Watchdog.
                let command: u32 = if size == 0 { 280 } else { 272 };
                let avp = if size == 0 { 0 } else { 8 + size.next_multiple_of(4) };
                let mut wire = vec![1];
                wire.extend(&(20 + avp).to_be_bytes()[1..]);
                wire.push(if answers { 0x40 } else { 0xc0 });
                wire.extend(&command.to_be_bytes()[1..]);
                wire.extend(4u32.to_be_bytes());
                wire.extend(pdu.seq.to_be_bytes());
                wire.extend(pdu.seq.to_be_bytes());
                if size > 0 {
                    wire.extend(1u32.to_be_bytes());
                    wire.push(0x40);
                    wire.extend(&(8 + size).to_be_bytes()[1..]);
                    wire.extend(pdu.body.iter().map(|byte| b'a' + byte % 26));
                }
                wire.resize(20 + avp as usize, 0);
                wire
            }
        }
    }
}

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Frames in all, of both directions.
    pub frames: u64,
    /// Over how many connections, at most 45535.
    pub connections: u16,
    /// For the random bodies.
    pub seed: u64,
    /// How the frames are written.
    pub dress: Dress,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames of the long link.
    pub frames: u64,
    /// Packets in the file.
    pub packets: u64,
}

/// Writes the capture.
pub fn write(out: impl Write, bench: &Bench) -> io::Result<Totals> {
    if bench.connections == 0 || bench.connections > u16::MAX - FIRST_CLIENT_PORT {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a capture has 1 to 45535 connections"));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(bench.seed);
    let mut clients = clients(bench, &mut rng);
    let mut writer = Writer::new(out, None)?;
    let mut totals = Totals::default();
    let mut now = Duration::ZERO;

    for client in &mut clients {
        client.flow.handshake(now);
        client.open(now);
        totals.packets += client.write_packets(&mut writer)?;
        now += TURN;
    }
    for index in (0..clients.len()).cycle() {
        if totals.frames >= bench.frames {
            break;
        }
        let client = &mut clients[index];
        totals.frames += client.take_turn(now, bench.frames - totals.frames, &mut rng);
        totals.packets += client.write_packets(&mut writer)?;
        now += TURN;
    }
    for client in &mut clients {
        client.flow.close(now, Direction::ClientToServer);
        totals.packets += client.write_packets(&mut writer)?;
        now += TURN;
    }
    writer.finish()?;
    Ok(totals)
}

/// The secrets of [`Dress::Mmtls`], a line for each connection.
pub fn key_log(bench: &Bench) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(bench.seed);
    let sessions = clients(bench, &mut rng).into_iter().filter_map(|client| client.session);
    let line =
        |session: Session| Some(format!("MMTLS_PSK {} {}\n", hex(&session.random), hex(&session.psk()?)));
    sessions.filter_map(line).collect()
}

fn clients(bench: &Bench, rng: &mut ChaCha8Rng) -> Vec<Client> {
    let clients = 0..bench.connections;
    clients.map(|index| Client::new(FIRST_CLIENT_PORT + index, bench.dress, rng)).collect()
}

struct Client {
    dress: Dress,
    account: Account,
    flow: Flow,
    /// Of MMTLS.
    session: Option<Session>,
}

impl Client {
    fn new(port: u16, dress: Dress, rng: &mut ChaCha8Rng) -> Self {
        Self {
            dress,
            account: Account::new(rng),
            flow: Flow::new(Endpoints::v4(port, dress.port()), [rng.next_u32(), rng.next_u32()]),
            session: (dress == Dress::Mmtls).then(|| {
                let access = Held::from_before(TicketKind::Access, rng);
                let time = BASE_TIME.as_secs() as u32;
                Session::new(Start::with(Handshake::Resumed, Version::F104, time, access), rng)
            }),
        }
    }

    /// The handshake of MMTLS.
    fn open(&mut self, now: Duration) {
        let flights = self.session.iter_mut().flat_map(Session::flights);
        for (direction, bytes) in flights {
            self.flow.send(now, direction, &[Chunk::raw(bytes)], &Segmentation::Mss);
        }
    }

    fn chunk(&mut self, direction: Direction, pdu: &Pdu) -> Chunk {
        let frame = self.dress.encode(pdu);
        Chunk::raw(match &mut self.session {
            Some(session) => session.stream(direction, &frame, MAX_LEN - TAG_LEN),
            None => frame,
        })
    }

    /// Requests in one write, their answers in another, a push and its acknowledgement: at most `limit`
    /// frames; returns how many.
    fn take_turn(&mut self, now: Duration, limit: u64, rng: &mut ChaCha8Rng) -> u64 {
        let mut requests: Vec<Pdu> =
            (0..MESSAGES).map(|_| self.account.send_message(rng.random_range(MESSAGE_LEN))).collect();
        requests.push(self.account.sync());
        let mut answers: Vec<Pdu> = Vec::new();
        for request in &requests {
            let cgi = if request.op == op::NEW_SYNC { cgi::NEW_SYNC } else { cgi::NEW_SEND_MSG };
            answers.push(self.account.response(request, cgi, rng.random_range(MESSAGE_LEN)));
        }
        let heartbeat = self.account.heartbeat();
        answers.push(heartbeat.response(Vec::new()));
        requests.push(heartbeat);
        let push = self.account.push(true, rng.random_range(MESSAGE_LEN));
        let ack = self.account.push_ack(ACK_TIME);

        let server_time = Duration::from_millis(rng.random_range(SERVER_TIME));
        let mut left = limit;
        for (at, direction, pdus) in [
            (now, Direction::ClientToServer, requests),
            (now + server_time, Direction::ServerToClient, answers),
            (now + PUSH_AT, Direction::ServerToClient, vec![push]),
            (now + PUSH_AT + ACK_TIME, Direction::ClientToServer, vec![ack]),
        ] {
            let pdus = pdus.iter().take(left as usize);
            let chunks: Vec<Chunk> = pdus.map(|pdu| self.chunk(direction, pdu)).collect();
            left -= chunks.len() as u64;
            self.flow.send(at, direction, &chunks, &Segmentation::Mss);
        }
        // The last acknowledgement falls into this turn, so that the file is in order of time.
        self.flow.idle_until(now + TURN - Duration::from_millis(1));
        limit - left
    }

    fn write_packets<W: Write>(&mut self, writer: &mut Writer<W>) -> io::Result<u64> {
        let (packets, _) = self.flow.drain(0);
        for packet in &packets {
            writer.write(packet, self.flow.endpoints())?;
        }
        Ok(packets.len() as u64)
    }
}
