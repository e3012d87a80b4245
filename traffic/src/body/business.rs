// SPDX-License-Identifier: GPL-2.0-or-later
//! The business packet: a header in clear, then an encrypted payload.
//!
//! Only the header is real here. The payload is random, which is what ciphertext looks like from
//! outside, but its length follows the rules of AES-CBC with PKCS padding. Payloads that open with a key are
//! [`sealed`](super::sealed).

use rand::Rng;

use super::put_varint;

const MAGIC: u8 = 0xBF;
const ALGORITHM_AES_CBC: u8 = 5;
const CIPHER_BLOCK: usize = 16;

/// Who writes the packet, and when; this decides the shape of the header's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A client of 2015.
    Request,
    /// A server of 2015.
    Response,
    /// A client of 2023: with the magic byte and a longer end.
    RecentRequest,
    /// A client of 2023 that logs in: it names the version of the server's RSA key.
    RecentLogin,
    /// A server of 2023.
    RecentResponse,
    /// A server of 2023, with two zero bytes more, as in some packets.
    LongRecentResponse,
}

impl Form {
    fn has_magic(self) -> bool {
        !matches!(self, Self::Request | Self::Response)
    }

    /// The bytes between the lengths and the end of the header, as captures show them.
    fn rest(self) -> &'static [u8] {
        match self {
            // RSA key version 0 and a constant.
            Self::Request => &[0x00, 0x02],
            Self::Response => &[0x00, 0x00],
            // Key version 0, constant, check value, «foreground», check value, padding.
            Self::RecentRequest => &[0x00, 0x02, 0xC1, 0xE8, 0x9B, 0x32, 0xFF, 0xA5, 0xD2, 0x4F, 0x00, 0x00],
            // The same with key version 10007.
            Self::RecentLogin => {
                &[0x97, 0x4E, 0x02, 0xC1, 0xE8, 0x9B, 0x32, 0xFF, 0xA5, 0xD2, 0x4F, 0x00, 0x00]
            }
            Self::RecentResponse => &[0x00, 0x00, 0x00, 0xFF, 0x00, 0x00, 0x00, 0x00],
            Self::LongRecentResponse => &[0x00, 0x00, 0x00, 0xFF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
        }
    }
}

/// The header of a business packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Business {
    /// Shape of the header.
    pub form: Form,
    /// Zero in answers.
    pub client_version: u32,
    /// The account's number.
    pub uin: u32,
    /// The session's cookie, at most 15 bytes.
    pub cookie: Vec<u8>,
    /// Which call this is.
    pub cgi_type: u32,
    /// Length of the message before compression; equal to `compressed_len` says «not compressed».
    pub plain_len: u32,
    /// Length of the message after compression, before encryption.
    pub compressed_len: u32,
}

impl Business {
    /// Length of the encrypted payload: always at least one byte of padding.
    pub fn payload_len(&self) -> usize {
        (self.compressed_len as usize / CIPHER_BLOCK + 1) * CIPHER_BLOCK
    }

    /// The packet with a random payload.
    pub fn encode(&self, rng: &mut impl Rng) -> Vec<u8> {
        let mut payload = vec![0; self.payload_len()];
        rng.fill_bytes(&mut payload);
        self.encode_with(&payload)
    }

    /// The packet with this payload of AES-CBC.
    pub fn encode_with(&self, payload: &[u8]) -> Vec<u8> {
        self.encode_as(ALGORITHM_AES_CBC, payload)
    }

    /// The packet with this payload of another algorithm.
    pub fn encode_as(&self, algorithm: u8, payload: &[u8]) -> Vec<u8> {
        debug_assert!(self.cookie.len() <= 15, "the length has four bits");
        let compression = if self.plain_len == self.compressed_len { 2 } else { 1 };

        let mut packet = Vec::with_capacity(64 + payload.len());
        if self.form.has_magic() {
            packet.push(MAGIC);
        }
        let length_at = packet.len();
        packet.push(0);
        packet.push(algorithm << 4 | self.cookie.len() as u8);
        packet.extend_from_slice(&self.client_version.to_be_bytes());
        packet.extend_from_slice(&self.uin.to_be_bytes());
        packet.extend_from_slice(&self.cookie);
        put_varint(&mut packet, self.cgi_type);
        put_varint(&mut packet, self.plain_len);
        put_varint(&mut packet, self.compressed_len);
        packet.extend_from_slice(self.form.rest());
        // The length counts from the magic byte and is known only now.
        packet[length_at] = (packet.len() as u8) << 2 | compression;
        packet.extend_from_slice(payload);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(form: Form) -> Business {
        Business {
            form,
            client_version: 0x2600_0036,
            uin: 0x1234_5678,
            cookie: vec![0xC0; 15],
            cgi_type: 522,
            plain_len: 412,
            compressed_len: 206,
        }
    }

    #[test]
    fn header_length_points_at_the_payload() {
        let recent = [Form::RecentRequest, Form::RecentLogin, Form::RecentResponse, Form::LongRecentResponse];
        for form in [Form::Request, Form::Response].into_iter().chain(recent) {
            let business = header(form);
            let packet = business.encode_with(&[0xEE; 208]);
            let length_at = usize::from(form.has_magic());
            let header_len = usize::from(packet[length_at] >> 2);
            assert_eq!(packet.len() - header_len, 208, "{form:?}");
            assert_eq!(packet[header_len], 0xEE, "{form:?}");
            assert_eq!(packet[header_len - 1], form.rest()[form.rest().len() - 1]);
        }
    }

    #[test]
    fn payload_is_padded_like_captures() {
        for (compressed_len, payload_len) in [(206, 208), (48, 64)] {
            let business = Business { compressed_len, ..header(Form::Request) };
            assert_eq!(business.payload_len(), payload_len);
        }
    }
}
