// SPDX-License-Identifier: GPL-2.0-or-later
//! Identify: the first exchange on a connection, after which the server pushes content.

use rand::{Rng, RngExt};

use super::sync_key::SyncKey;

/// XORed over the two words that hold account and key length.
const MASK: u32 = 0x5601_F281;
const LOW_13: u32 = (1 << 13) - 1;
const LOW_19: u32 = (1 << 19) - 1;

const LANGUAGE: &[u8; 8] = b"zh_CN\0\0\0";
const NETWORK_ID_LEN: usize = 32;
const CONTEXT_LEN: usize = 66;

/// The two words in front of an identify request: account and key length, shuffled and masked.
pub fn mask(uin: u32, key_len: u32) -> [u32; 2] {
    let a = (key_len & LOW_13) << 19 | uin >> 13;
    let b = (uin & LOW_13) << 19 | key_len >> 13;
    [a ^ MASK, b ^ MASK]
}

/// Account and key length, from the two words of [`mask`].
pub fn unmask([a, b]: [u32; 2]) -> (u32, u32) {
    let (a, b) = (a ^ MASK, b ^ MASK);
    let uin = (a & LOW_19) << 13 | b >> 19;
    let key_len = (b & LOW_19) << 13 | a >> 19;
    (uin, key_len)
}

/// What follows the key; it grew over the years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// 12 bytes, around 5.4: client version and language.
    Version,
    /// 24 bytes, around 6.3: the kind of network as well.
    Network,
    /// 126 bytes, around 8.0: the network's identifier and a context as well.
    Context,
}

/// Body of an identify request.
pub fn request(
    uin: u32,
    key: &SyncKey,
    client_version: u32,
    trailer: Trailer,
    rng: &mut impl Rng,
) -> Vec<u8> {
    let key = key.encode();
    let mut body = Vec::new();
    for word in mask(uin, key.len() as u32) {
        body.extend_from_slice(&word.to_be_bytes());
    }
    body.extend_from_slice(&key);

    body.extend_from_slice(&client_version.to_be_bytes());
    body.extend_from_slice(LANGUAGE);
    if trailer != Trailer::Version {
        for word in [2u32, 1, 0] {
            body.extend_from_slice(&word.to_be_bytes());
        }
    }
    if trailer == Trailer::Context {
        put_context(&mut body, rng);
    }
    body
}

/// Body of an identify answer of 2015: what has news, and the key with its digest.
pub fn response(selector: u32, key: &SyncKey, rng: &mut impl Rng) -> Vec<u8> {
    let key = key.encode();
    let mut digest = [0; 16];
    rng.fill_bytes(&mut digest);

    let mut body = Vec::new();
    for word in [selector, 0, key.len() as u32] {
        body.extend_from_slice(&word.to_be_bytes());
    }
    body.extend_from_slice(&key);
    body.extend_from_slice(&digest);
    body
}

/// Body of an identify answer of 2023: no key, but network and context. Always 118 bytes.
pub fn recent_response(selector: u32, rng: &mut impl Rng) -> Vec<u8> {
    let mut body = Vec::new();
    for word in [selector, 0, 0, 0] {
        body.extend_from_slice(&word.to_be_bytes());
    }
    put_context(&mut body, rng);
    body
}

fn put_context(body: &mut Vec<u8>, rng: &mut impl Rng) {
    put_hex(body, NETWORK_ID_LEN, rng);
    body.extend_from_slice(&(CONTEXT_LEN as u32).to_be_bytes());
    put_hex(body, CONTEXT_LEN, rng);
}

fn put_hex(body: &mut Vec<u8>, len: usize, rng: &mut impl Rng) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    body.extend((0..len).map(|_| DIGITS[rng.random_range(0..DIGITS.len())]));
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn mask_round_trip() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..1000 {
            let (uin, key_len) = (rng.random(), rng.random());
            assert_eq!(unmask(mask(uin, key_len)), (uin, key_len));
        }
    }

    #[test]
    fn lengths_are_those_of_captures() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let key = SyncKey::of_2015(0);
        let key_len = key.encode().len();
        for (trailer, len) in [(Trailer::Version, 12), (Trailer::Network, 24), (Trailer::Context, 126)] {
            let body = request(1, &key, 0x2600_0036, trailer, &mut rng);
            assert_eq!(body.len(), 8 + key_len + len);
        }
        assert_eq!(recent_response(2, &mut rng).len(), 118);
    }
}
