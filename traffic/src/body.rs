// SPDX-License-Identifier: GPL-2.0-or-later
//! What a frame carries, per kind of body.
//!
//! Most bodies are one business packet. The others are small enough to be plain functions.

pub mod business;
pub mod identify;
pub mod protobuf;
pub mod sealed;
pub mod sync_key;

use std::net::Ipv4Addr;

use sync_key::SyncKey;

/// Bit of the push flags: the client has to acknowledge.
pub const PUSH_WANTS_ACK: u32 = 1;

/// Body of a notify: which kinds of things have news, one bit each.
pub fn notify(selector: u32) -> Vec<u8> {
    selector.to_be_bytes().to_vec()
}

/// Body of a redirect: the raw addresses, nothing around them.
pub fn redirect(addresses: &[Ipv4Addr]) -> Vec<u8> {
    addresses.iter().flat_map(Ipv4Addr::octets).collect()
}

/// Body of a push: flags, then a business packet with its length in front.
pub fn push(flags: u32, business_packet: &[u8]) -> Vec<u8> {
    word_and_rest(flags, business_packet)
}

/// Body of a push acknowledgement: the time since the push came, then the key it brought.
pub fn push_ack(elapsed_ms: u32, key: &SyncKey) -> Vec<u8> {
    word_and_rest(elapsed_ms, &key.encode())
}

fn word_and_rest(word: u32, rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(8 + rest.len());
    body.extend_from_slice(&word.to_be_bytes());
    body.extend_from_slice(&(rest.len() as u32).to_be_bytes());
    body.extend_from_slice(rest);
    body
}

/// Protobuf's variable-length integer, which business packets use as well.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_takes_seven_bits_per_byte() {
        let mut out = Vec::new();
        for value in [0, 127, 128, u32::MAX] {
            put_varint(&mut out, value);
        }
        assert_eq!(
            out,
            [0, 0x7F, 0x80, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            "0, 127, 128 and the largest value, one after the other"
        );
    }

    #[test]
    fn redirect_is_raw_addresses() {
        let body = redirect(&[Ipv4Addr::new(203, 0, 113, 9), Ipv4Addr::new(198, 51, 100, 7)]);
        assert_eq!(body, [203, 0, 113, 9, 198, 51, 100, 7]);
    }
}
