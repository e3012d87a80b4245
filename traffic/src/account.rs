// SPDX-License-Identifier: GPL-2.0-or-later
//! One logged-in account: makes frames that agree with each other.

use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::body::business::{Business, Form};
use crate::body::identify::{self, Trailer};
use crate::body::sync_key::SyncKey;
use crate::body::{self, PUSH_WANTS_ACK};
use crate::pdu::{Pdu, cgi, op, seq};

const VERSION_6_0: u32 = 0x2600_0036;
const VERSION_8_0_23: u32 = 0x2800_1737;
const COOKIE_LEN: usize = 15;

/// Messages shorter than this are sent as they are.
const WORTH_COMPRESSING: u32 = 64;

/// Both ends of an account's conversation, with what they remember.
#[derive(Clone, Debug)]
pub struct Account {
    rng: ChaCha8Rng,
    uin: u32,
    cookie: Vec<u8>,
    client_version: u32,
    key: SyncKey,
    next_seq: u32,
    recent: bool,
}

impl Account {
    /// An account on WeChat 6.0.
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut rng = ChaCha8Rng::from_rng(rng);
        let mut cookie = vec![0; COOKIE_LEN];
        rng.fill_bytes(&mut cookie);
        Self {
            uin: rng.random_range(1_000_000..3_000_000_000),
            cookie,
            client_version: VERSION_6_0,
            key: SyncKey::of_2015(rng.random_range(600_000_000..700_000_000)),
            next_seq: 1,
            recent: false,
            rng,
        }
    }

    /// An account on WeChat 8.0.23.
    pub fn recent(rng: &mut impl Rng) -> Self {
        let mut account = Self::new(rng);
        account.client_version = VERSION_8_0_23;
        account.key = SyncKey::of_2023(account.rng.random_range(800_000_000..900_000_000));
        account.recent = true;
        account
    }

    /// A connection that has been up for a while: the next request has this sequence.
    pub fn resume_at(mut self, next_seq: u32) -> Self {
        self.next_seq = next_seq;
        self
    }

    /// The identify request.
    pub fn identify(&mut self, trailer: Trailer) -> Pdu {
        let body = identify::request(self.uin, &self.key, self.client_version, trailer, &mut self.rng);
        Pdu::new(op::IDENTIFY, seq::IDENTIFY, body)
    }

    /// The answer to an identify request, which says what has news.
    pub fn identified(&mut self, request: &Pdu, selector: u32) -> Pdu {
        request.response(if self.recent {
            identify::recent_response(selector, &mut self.rng)
        } else {
            identify::response(selector, &self.key, &mut self.rng)
        })
    }

    /// The heartbeat of WeChat 6.0, which has an ordinary sequence.
    pub fn heartbeat(&mut self) -> Pdu {
        Pdu::empty(op::HEARTBEAT, self.take_seq())
    }

    /// A request that carries a business packet with a message of this length.
    pub fn request(&mut self, op: u32, cgi_type: u32, message_len: u32) -> Pdu {
        let seq = self.take_seq();
        let packet = self.business(true, cgi_type, message_len);
        Pdu::new(op, seq, packet.encode(&mut self.rng))
    }

    /// A request to send a message.
    pub fn send_message(&mut self, message_len: u32) -> Pdu {
        self.request(op::NEW_SEND_MSG, cgi::NEW_SEND_MSG, message_len)
    }

    /// A request for what is new.
    pub fn sync(&mut self) -> Pdu {
        self.request(op::NEW_SYNC, cgi::NEW_SYNC, 120)
    }

    /// An answer with a business packet.
    pub fn response(&mut self, request: &Pdu, cgi_type: u32, message_len: u32) -> Pdu {
        let packet = self.business(false, cgi_type, message_len);
        request.response(packet.encode(&mut self.rng))
    }

    /// The answer to [`send_message`](Self::send_message).
    pub fn message_sent(&mut self, request: &Pdu) -> Pdu {
        self.response(request, cgi::NEW_SEND_MSG, 48)
    }

    /// The answer to [`sync`](Self::sync).
    pub fn synced(&mut self, request: &Pdu, message_len: u32) -> Pdu {
        self.key.advance();
        self.response(request, cgi::NEW_SYNC, message_len)
    }

    /// A push with news in it.
    pub fn push(&mut self, wants_ack: bool, message_len: u32) -> Pdu {
        self.key.advance();
        let flags = if wants_ack { PUSH_WANTS_ACK } else { 0 };
        let packet = self.business(false, cgi::NEW_SYNC, message_len);
        let body = body::push(flags, &packet.encode(&mut self.rng));
        Pdu::new(op::PUSH, seq::PUSH, body)
    }

    /// The acknowledgement of the latest push.
    pub fn push_ack(&mut self, elapsed: Duration) -> Pdu {
        let body = body::push_ack(elapsed.as_millis() as u32, &self.key);
        Pdu::new(op::PUSH_ACK, self.take_seq(), body)
    }

    /// The header of a business packet with a message of this length.
    pub fn business(&self, from_client: bool, cgi_type: u32, message_len: u32) -> Business {
        let form = match (from_client, self.recent) {
            (true, false) => Form::Request,
            (false, false) => Form::Response,
            (true, true) => Form::RecentRequest,
            (false, true) => Form::RecentResponse,
        };
        let plain_len = if message_len < WORTH_COMPRESSING { message_len } else { message_len * 2 };
        Business {
            form,
            client_version: if from_client { self.client_version } else { 0 },
            uin: self.uin,
            cookie: self.cookie.clone(),
            cgi_type,
            plain_len,
            compressed_len: message_len,
        }
    }

    /// The next ordinary sequence number.
    pub fn take_seq(&mut self) -> u32 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_of_265_bytes() {
        let mut account = Account::new(&mut ChaCha8Rng::seed_from_u64(1));
        let push = account.push(true, 200);
        assert_eq!(push.packet_len(), 265);
        assert_eq!(push.body[..8], [0, 0, 0, 1, 0, 0, 0, 241]);
    }
}
