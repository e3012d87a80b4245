// SPDX-License-Identifier: GPL-2.0-or-later
//! Keys of records, and what they are made from.

use crate::wechat::hidden::Hidden;

/// A secret that keys are made from.
pub type Secret = Hidden<32>;

/// A transcript's hash. It is no secret.
pub type Hash = [u8; 32];

/// Key and IV of one direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Half {
    /// AES-128.
    pub key: Hidden<16>,
    /// A record's nonce is this, xored with its sequence number.
    pub iv: Hidden<12>,
}

impl Half {
    /// Key, then IV.
    pub fn new(bytes: &Hidden<28>) -> Self {
        let mut rest = &bytes.bytes()[..];
        Self { key: Hidden::take(&mut rest), iv: Hidden::take(&mut rest) }
    }

    /// The same bytes again.
    pub fn joined(&self) -> Hidden<28> {
        let mut bytes = Hidden::default();
        for (to, from) in bytes.bytes_mut().iter_mut().zip(self.key.bytes().iter().chain(self.iv.bytes())) {
            *to = *from;
        }
        bytes
    }

    /// From the nonce of the record with this sequence number.
    pub fn of_record(key: Hidden<16>, nonce: &Hidden<12>, seq: u64) -> Self {
        Self { key, iv: xored(nonce, seq) }
    }

    /// The nonce of the record with this sequence number.
    pub fn nonce(&self, seq: u64) -> Hidden<12> {
        xored(&self.iv, seq)
    }
}

/// Xored with a number at its end.
fn xored(iv: &Hidden<12>, number: u64) -> Hidden<12> {
    let mut nonce = iv.clone();
    for (byte, number) in nonce.bytes_mut().iter_mut().rev().zip(number.to_le_bytes()) {
        *byte ^= number;
    }
    nonce
}

/// Keys of both directions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// What the client seals with.
    pub client: Half,
    /// What the server seals with.
    pub server: Half,
}

impl Pair {
    /// As the schedule puts them out: client's key, server's, client's IV, server's.
    pub fn new(bytes: &Hidden<56>) -> Self {
        let mut rest = &bytes.bytes()[..];
        let (client, server) = (Hidden::take(&mut rest), Hidden::take(&mut rest));
        let (client_iv, server_iv) = (Hidden::take(&mut rest), Hidden::take(&mut rest));
        Self { client: Half { key: client, iv: client_iv }, server: Half { key: server, iv: server_iv } }
    }

    /// Those of a direction.
    pub fn half(&self, from_client: bool) -> &Half {
        if from_client { &self.client } else { &self.server }
    }
}
