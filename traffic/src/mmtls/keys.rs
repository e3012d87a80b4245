// SPDX-License-Identifier: GPL-2.0-or-later
//! The key schedule: from a shared or a pre-shared secret to the keys of records.
//!
//! HKDF-Expand alone, without Extract; the info is a label in ASCII, and where the schedule has one, directly
//! behind it the hash of the handshake messages so far.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// What keys are made from, and hashes.
pub type Secret = [u8; 32];

/// Labels of the schedule.
pub mod label {
    /// Keys of the handshake's encrypted records, and of a server's answer to early data.
    pub const HANDSHAKE: &str = "handshake key expansion";
    /// Keys of early data.
    pub const EARLY: &str = "early data key expansion";
    /// Keys of data.
    pub const APPLICATION: &str = "application data key expansion";
    /// The secret that keys of data are made from.
    pub const MASTER: &str = "expanded secret";
    /// The secret of an access ticket.
    pub const PSK_ACCESS: &str = "PSK_ACCESS";
    /// The secret of a refresh ticket.
    pub const PSK_REFRESH: &str = "PSK_REFRESH";
    /// The key of the server's Finished.
    pub const SERVER_FINISHED: &str = "server finished";
    /// The key of the client's Finished.
    pub const CLIENT_FINISHED: &str = "client finished";
}

/// Key and IV of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Half {
    /// AES-128.
    pub key: [u8; 16],
    /// Xored with the sequence number.
    pub iv: [u8; 12],
}

impl Half {
    /// Key, then IV.
    pub fn of(bytes: &[u8; 28]) -> Self {
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        key.copy_from_slice(&bytes[..16]);
        iv.copy_from_slice(&bytes[16..]);
        Self { key, iv }
    }

    /// The nonce of the record with this number.
    pub fn nonce(&self, seq: u64) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(seq.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    /// Ciphertext and tag.
    ///
    /// # Panics
    ///
    /// If the text is longer than AES-GCM takes.
    pub fn seal(&self, seq: u64, additional: &[u8], plain: &[u8]) -> Vec<u8> {
        let cipher = Aes128Gcm::new(&self.key.into());
        let nonce: Nonce<_> = self.nonce(seq).into();
        cipher.encrypt(&nonce, Payload { msg: plain, aad: additional }).expect("short enough for AES-GCM")
    }
}

/// Keys of both directions, as the schedule puts them out: client's key, server's, client's IV, server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub [u8; 56]);

impl Pair {
    /// What the client seals with.
    pub fn client(&self) -> Half {
        self.half(0, 32)
    }

    /// What the server seals with.
    pub fn server(&self) -> Half {
        self.half(16, 44)
    }

    fn half(&self, key_at: usize, iv_at: usize) -> Half {
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        key.copy_from_slice(&self.0[key_at..key_at + 16]);
        iv.copy_from_slice(&self.0[iv_at..iv_at + 12]);
        Half { key, iv }
    }
}

/// The hash of handshake messages, one behind the other.
pub fn transcript(messages: &[&[u8]]) -> Secret {
    let mut hash = Sha256::new();
    for message in messages {
        hash.update(message);
    }
    hash.finalize().into()
}

/// HKDF-Expand with a label and, where the schedule has one, a hash.
///
/// # Panics
///
/// If more is asked for than HKDF gives.
pub fn expand<const N: usize>(secret: &Secret, label: &str, hash: Option<&Secret>) -> [u8; N] {
    let info = [label.as_bytes(), hash.map_or(&[], |hash| &hash[..])].concat();
    let mut out = [0; N];
    let hkdf = Hkdf::<Sha256>::from_prk(secret).expect("a secret is as long as a hash");
    hkdf.expand(&info, &mut out).expect("a few bytes");
    out
}

/// What a Finished says: HMAC over the hash of the messages before it.
///
/// # Panics
///
/// Never: HMAC takes keys of any length.
pub fn verify_data(secret: &Secret, label: &str, hash: &Secret) -> Secret {
    let key: Secret = expand(secret, label, None);
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("any length is allowed");
    mac.update(hash);
    mac.finalize().into_bytes().into()
}

/// The secret that two key shares give: the hash of the common point's x.
pub fn shared_secret(x: &[u8]) -> Secret {
    Sha256::digest(x).into()
}
