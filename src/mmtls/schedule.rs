// SPDX-License-Identifier: GPL-2.0-or-later
//! The key schedule: from a shared secret, or a ticket's, to the keys of records.
//!
//! All of it is HKDF-Expand with SHA-256, without Extract. The info is a label in ASCII and directly behind it the
//! hash of the handshake's messages so far.

use hmac::digest::Key as Block;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::wechat::hidden::Hidden;
use crate::wechat::key_log::half::{Half, Hash, Pair, Secret};

/// A row of the schedule, and how many bytes come of it.
#[derive(Clone, Copy, Debug)]
pub struct Label<const N: usize>(&'static str);

/// From the shared secret, or as a trial a ticket's, and the hash of ClientHello and ServerHello: keys of the
/// handshake's sealed records.
pub const HANDSHAKE: Label<56> = Label("handshake key expansion");
/// From the shared secret and the hash up to CertificateVerify: the secret of the access ticket.
pub const PSK_ACCESS: Label<32> = Label("PSK_ACCESS");
/// And that of the refresh ticket.
pub const PSK_REFRESH: Label<32> = Label("PSK_REFRESH");
/// From an access ticket's secret and the hash of ClientHello: the keys of early data.
pub const EARLY: Label<28> = Label("early data key expansion");
/// From the same and the hash of ClientHello, EncryptedExtensions and ServerHello: the keys of the answer.
pub const EARLY_RESPONSE: Label<28> = Label("handshake key expansion");
/// From the shared secret and the hash up to NewSessionTicket: the master secret.
const MASTER: Label<32> = Label("expanded secret");
/// From the master secret and the same hash: the keys of data.
const APPLICATION: Label<56> = Label("application data key expansion");
/// From the secret of a handshake, without a hash: the key of the client's Finished.
const CLIENT_FINISHED: Label<32> = Label("client finished");
/// And that of the server's.
const SERVER_FINISHED: Label<32> = Label("server finished");

impl<const N: usize> Label<N> {
    /// HKDF-Expand, by RFC 5869.
    fn expand(self, secret: &Secret, hash: &[u8]) -> Hidden<N> {
        let mut out = Hidden::default();
        let mac = keyed(secret);
        let mut last: Option<Secret> = None;
        for (piece, count) in out.bytes_mut().chunks_mut(size_of::<Hash>()).zip(1u8..) {
            let before = last.as_ref().map_or(&[][..], |last| last.bytes());
            let block = mac.clone().chain_update(before).chain_update(self.0).chain_update(hash);
            let block = Secret::new(block.chain_update([count]).finalize().into_bytes().into());
            for (to, from) in piece.iter_mut().zip(block.bytes()) {
                *to = *from;
            }
            last = Some(block);
        }
        out
    }
}

impl Label<56> {
    /// Keys of both directions.
    pub fn pair(self, secret: &Secret, hash: &Hash) -> Pair {
        Pair::new(&self.expand(secret, hash))
    }
}

impl Label<28> {
    /// Keys of one direction.
    pub fn half(self, secret: &Secret, hash: &Hash) -> Half {
        Half::new(&self.expand(secret, hash))
    }
}

impl Label<32> {
    /// Another secret.
    pub fn secret(self, secret: &Secret, hash: &Hash) -> Secret {
        self.expand(secret, hash)
    }
}

/// HMAC-SHA256 with a secret.
fn keyed(secret: &Secret) -> Hmac<Sha256> {
    let mut block = Block::<Hmac<Sha256>>::default();
    for (to, from) in block.iter_mut().zip(secret.bytes()) {
        *to = *from;
    }
    let mac = Hmac::new(&block);
    block.as_mut_slice().zeroize();
    mac
}

/// The keys of data, from the shared secret and the hash up to NewSessionTicket.
pub fn application_keys(shared: &Secret, hash: &Hash) -> Pair {
    APPLICATION.pair(&MASTER.secret(shared, hash), hash)
}

/// What may be the keys of data in a resumed long link, likeliest first: no source tells, so a tag has to. `psk` is
/// the access ticket's secret, `hashes` those of ClientHello and ServerHello and of as much behind them as may count.
pub fn resumed_keys<'a>(psk: &'a Secret, hashes: &'a [Hash]) -> impl Iterator<Item = Pair> + 'a {
    let as_shared = hashes.iter().map(|hash| application_keys(psk, hash));
    let as_master = hashes.iter().map(|hash| APPLICATION.pair(psk, hash));
    as_shared.chain(as_master)
}

/// What a side's Finished has to say: `secret` is the handshake's, the shared one or a ticket's, and `hash` is of
/// all messages that count, without any Finished.
pub fn finished(secret: &Secret, from_client: bool, hash: &Hash) -> [u8; 32] {
    let label = if from_client { CLIENT_FINISHED } else { SERVER_FINISHED };
    keyed(&label.expand(secret, &[])).chain_update(hash).finalize().into_bytes().into()
}

/// Bytes of EncryptedExtensions.
const EXTENSIONS_LEN: usize = 20;

/// The message EncryptedExtensions, with its length and type: it says ClientHello's time again and nothing else, so
/// that the hash of the answer to early data needs no key.
pub fn encrypted_extensions(time: u32) -> [u8; EXTENSIONS_LEN] {
    let [a, b, c, d] = time.to_be_bytes();
    [0, 0, 0, 16, 8, 0, 0, 0, 11, 1, 0, 0, 0, 6, 0, 0x12, a, b, c, d]
}

/// The handshake's messages so far.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Sha256);

impl Transcript {
    /// Adds a message, with its length and type, as it stands behind its record's header or was sealed there.
    pub fn add(&mut self, message: &[u8]) {
        self.0.update(message);
    }

    /// The hash of all that was added.
    pub fn hash(&self) -> Hash {
        self.0.clone().finalize().into()
    }
}
