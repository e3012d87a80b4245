// SPDX-License-Identifier: GPL-2.0-or-later
//! Payloads of business packets that a key opens.

use std::io::Write;

use aes::{Aes128, Aes192};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use rand::{Rng, RngExt};
use sha2::{Digest, Sha256};

use super::business::{Business, Form};
use super::protobuf::Message;

/// The curve of a hybrid body: P-256, by its number in OpenSSL.
const CURVE: u32 = 415;
const TAG_LEN: usize = 16;

/// How a payload is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// AES-128-CBC; its key is the IV, too.
    Cbc,
    /// At login: key shares and AES-192-GCM in a protobuf.
    Hybrid,
    /// AES-192-GCM with a key of the session.
    Gcm,
}

impl Algorithm {
    /// As in the header.
    pub fn code(self) -> u8 {
        match self {
            Self::Cbc => 5,
            Self::Hybrid => 12,
            Self::Gcm => 13,
        }
    }
}

/// The keys of a logged-in session.
#[derive(Clone, Debug)]
pub struct Keys {
    /// For [`Algorithm::Cbc`].
    pub cbc: [u8; 16],
    /// For [`Algorithm::Gcm`], from the client and from the server.
    pub gcm: [[u8; 24]; 2],
}

impl Keys {
    /// Draws them.
    pub fn new(rng: &mut impl Rng) -> Self {
        Self { cbc: rng.random(), gcm: [rng.random(), rng.random()] }
    }
}

/// One ciphertext, with what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cipher {
    /// 16 or 24 bytes.
    pub key: Vec<u8>,
    /// IV or nonce.
    pub nonce: Vec<u8>,
    /// What a tag covers beside the text.
    pub additional: Vec<u8>,
    /// Of GCM.
    pub tag: Vec<u8>,
    /// The ciphertext, without nonce and tag.
    pub text: Vec<u8>,
    /// What it opens to.
    pub plain: Vec<u8>,
}

/// A whole business packet.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Header and payload.
    pub bytes: Vec<u8>,
    /// Which call.
    pub cgi_type: u32,
    /// How it is encrypted.
    pub algorithm: Algorithm,
    /// From whom.
    pub from_client: bool,
    /// What is said, as protobuf: the last of the ciphertexts, inflated.
    pub message: Vec<u8>,
    /// The ciphertexts in it, in order.
    pub ciphers: Vec<Cipher>,
}

/// Seals a message. `header` says all but the lengths; `compress` has a meaning for CBC only, the others always
/// do.
pub fn seal(
    mut header: Business,
    algorithm: Algorithm,
    compress: bool,
    message: &[u8],
    keys: &Keys,
    rng: &mut impl Rng,
) -> Packet {
    let answers = [Form::Response, Form::RecentResponse, Form::LongRecentResponse];
    let from_client = !answers.contains(&header.form);
    let (payload, ciphers, lens) = match algorithm {
        Algorithm::Cbc => {
            let plain = if compress { deflate(message) } else { message.to_vec() };
            let lens = (message.len(), plain.len());
            let cipher = cbc(&keys.cbc, plain);
            (cipher.text.clone(), vec![cipher], lens)
        }
        Algorithm::Gcm => {
            let key = keys.gcm[usize::from(!from_client)];
            let cipher = gcm(key, Vec::new(), deflate(message), rng);
            let payload = joined(&cipher);
            let len = if from_client { payload.len() } else { message.len() };
            (payload, vec![cipher], (len, len))
        }
        Algorithm::Hybrid => {
            let (payload, ciphers) = hybrid(from_client, message, rng);
            let len = if from_client { payload.len() } else { message.len() };
            (payload, ciphers, (len, len))
        }
    };
    header.plain_len = lens.0 as u32;
    header.compressed_len = lens.1 as u32;
    Packet {
        bytes: header.encode_as(algorithm.code(), &payload),
        cgi_type: header.cgi_type,
        algorithm,
        from_client,
        message: message.to_vec(),
        ciphers,
    }
}

/// The protobuf of key share and ciphertexts. How its keys are made is not known well: they are drawn.
fn hybrid(from_client: bool, message: &[u8], rng: &mut impl Rng) -> (Vec<u8>, Vec<Cipher>) {
    let point = crate::mmtls::session::fresh_point(rng);
    let share = Message::new().number(1, CURVE).bytes(2, point).done();
    let additional = |parts: &[&[u8]]| Sha256::digest(parts.concat()).to_vec();
    if from_client {
        let head = Message::new().number(1, 1).bytes(2, share);
        let random: [u8; 32] = rng.random();
        // Once with a key of the shares, once with one of an earlier login.
        let [first, second] = [0, 1].map(|_| gcm(rng.random(), additional(&[&point]), deflate(&random), rng));
        let sent = [joined(&first), joined(&second)];
        let main = gcm(rng.random(), additional(&[&point, &sent[0], &sent[1]]), deflate(message), rng);
        let payload = head.bytes(3, &sent[0]).bytes(4, &sent[1]).bytes(5, joined(&main)).done();
        (payload, vec![first, second, main])
    } else {
        let main = gcm(rng.random(), additional(&[&point]), deflate(message), rng);
        let signature: [u8; 32] = rng.random();
        let head = Message::new().bytes(1, share).number(2, 1);
        (head.bytes(3, joined(&main)).bytes(4, signature).done(), vec![main])
    }
}

/// Cipher, IV, tag: in this order.
fn joined(cipher: &Cipher) -> Vec<u8> {
    [&cipher.text[..], &cipher.nonce, &cipher.tag].concat()
}

fn cbc(key: &[u8; 16], plain: Vec<u8>) -> Cipher {
    let text = cbc::Encryptor::<Aes128>::new(key.into(), key.into()).encrypt_padded_vec::<Pkcs7>(&plain);
    Cipher { key: key.to_vec(), nonce: key.to_vec(), additional: Vec::new(), tag: Vec::new(), text, plain }
}

fn gcm(key: [u8; 24], additional: Vec<u8>, plain: Vec<u8>, rng: &mut impl Rng) -> Cipher {
    let nonce: [u8; 12] = rng.random();
    let payload = Payload { msg: &plain, aad: &additional };
    let sealed = AesGcm::<Aes192, U12>::new(&key.into()).encrypt(&nonce.into(), payload);
    let mut text = sealed.expect("short enough for AES-GCM");
    let tag = text.split_off(text.len() - TAG_LEN);
    Cipher { key: key.to_vec(), nonce: nonce.to_vec(), additional, tag, text, plain }
}

/// In zlib's format.
///
/// # Panics
///
/// Never: memory takes it all.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("written to memory")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::mmtls::key_log::hex;

    /// `printf 'twenty bytes of text' | openssl enc -aes-128-cbc -K $K -iv $K | xxd -p`
    #[test]
    fn cbc_as_openssl_has_it() {
        let key = std::array::from_fn(|index| index as u8);
        let cipher = cbc(&key, b"twenty bytes of text".to_vec());
        assert_eq!(hex(&cipher.text), "90823c4b38d4a3a6e30ad3312ed666928650b59e25bc076c5d5c3394f4568219");
    }

    /// Python: `AESGCM(bytes(range(24))).encrypt(nonce, b"twenty bytes of text", b"additional")`.
    #[test]
    fn gcm_as_openssl_has_it() {
        let key = std::array::from_fn(|index| index as u8);
        let plain = b"twenty bytes of text".to_vec();
        let cipher = gcm(key, b"additional".to_vec(), plain, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(hex(&cipher.nonce), "b1ea6bd8650342dce5535836");
        assert_eq!(hex(&cipher.text), "3c6f0cf4dcf5e6f6424f825a673d0f0f776f4cb3");
        assert_eq!(hex(&cipher.tag), "4aef808f831da4b01ec009f6a2c3eba7");
    }

    #[test]
    fn lengths_are_those_of_the_wire_or_of_the_message() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let keys = Keys::new(&mut rng);
        let message = b"many words, many words, many words, many words, many words".repeat(4);
        for (form, algorithm) in [
            (Form::RecentRequest, Algorithm::Cbc),
            (Form::RecentRequest, Algorithm::Gcm),
            (Form::RecentLogin, Algorithm::Hybrid),
            (Form::RecentResponse, Algorithm::Gcm),
            (Form::RecentResponse, Algorithm::Hybrid),
        ] {
            let header = Business {
                form,
                client_version: 1,
                uin: 2,
                cookie: vec![3; 15],
                cgi_type: 4,
                plain_len: 0,
                compressed_len: 0,
            };
            let packet = seal(header, algorithm, true, &message, &keys, &mut rng);
            assert_eq!(packet.bytes[2] >> 4, algorithm.code());
            let payload = &packet.bytes[usize::from(packet.bytes[1] >> 2)..];
            let main = &packet.ciphers[packet.ciphers.len() - 1];
            let mut inflated = Vec::new();
            ZlibDecoder::new(&main.plain[..]).read_to_end(&mut inflated).unwrap();
            assert_eq!(inflated, message);

            let mut lens = &packet.bytes[27..];
            let mut varint = || {
                let mut value = 0;
                for shift in (0..).step_by(7) {
                    let (byte, rest) = lens.split_first().unwrap();
                    lens = rest;
                    value |= usize::from(byte & 0x7F) << shift;
                    if byte & 0x80 == 0 {
                        break;
                    }
                }
                value
            };
            let lens = [varint(), varint()];
            let expected = match (algorithm, packet.from_client) {
                (Algorithm::Cbc, _) => [message.len(), main.plain.len()],
                (_, true) => [payload.len(); 2],
                (_, false) => [message.len(); 2],
            };
            assert_eq!(lens, expected, "{form:?} {algorithm:?}");
            assert_eq!(packet.bytes[1] & 3, if algorithm == Algorithm::Cbc { 1 } else { 2 });
            let sealed = [&main.text[..], &main.nonce, &main.tag].concat();
            match algorithm {
                Algorithm::Cbc => assert_eq!(payload, main.text),
                Algorithm::Gcm => assert_eq!(payload, sealed),
                Algorithm::Hybrid => assert!(payload.windows(sealed.len()).any(|window| window == sealed)),
            }
        }
    }
}
