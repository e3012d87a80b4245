// SPDX-License-Identifier: GPL-2.0-or-later
//! What seals bodies: AES-128-CBC, whose key is the IV too, and AES-192-GCM.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::consts::U12;
use aes::cipher::{BlockModeDecrypt as _, KeyInit as _, KeyIvInit as _};
use aes::{Aes128Dec, Aes192Enc};
use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInOut as _;

use crate::wechat::hidden::Hidden;

const BLOCK: usize = 16;
/// Of GCM, behind the ciphertext.
pub const IV_LEN: usize = 12;
/// Behind that.
pub const TAG_LEN: usize = 16;

/// Opens a ciphertext of CBC whose padding leaves `length` bytes. Nothing else tells a wrong key: what comes out is
/// to be looked at.
pub fn cbc(key: &Hidden<16>, sealed: &[u8], length: usize) -> Option<Vec<u8>> {
    let open = |iv: &[u8; BLOCK], sealed: &[u8]| {
        let mut out = sealed.to_vec();
        let decryptor = cbc::Decryptor::<Aes128Dec>::new(key.bytes().into(), iv.into());
        let opened = decryptor.decrypt_padded::<Pkcs7>(&mut out).ok()?.len();
        out.truncate(opened);
        Some(out)
    };
    // The last block alone mostly tells that a key is wrong.
    let (before, last) = sealed.split_last_chunk::<BLOCK>()?;
    let left = length.checked_sub(before.len())?;
    let ending = open(before.last_chunk().unwrap_or(key.bytes()), last)?;
    if ending.len() != left {
        return None;
    }
    if before.is_empty() {
        return Some(ending);
    }
    open(key.bytes(), sealed)
}

/// The parts of what GCM has sealed: ciphertext, IV, tag.
pub fn gcm_parts(sealed: &[u8]) -> Option<(&[u8], &[u8; IV_LEN], &[u8; TAG_LEN])> {
    let (rest, tag) = sealed.split_last_chunk()?;
    let (text, iv) = rest.split_last_chunk()?;
    Some((text, iv, tag))
}

/// Opens what GCM has sealed; the tag covers `additional` besides.
pub fn gcm(key: &Hidden<24>, additional: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (text, iv, tag) = gcm_parts(sealed)?;
    let mut out = text.to_vec();
    let cipher = AesGcm::<Aes192Enc, U12>::new(key.bytes().into());
    // It checks the tag first.
    cipher.decrypt_inout_detached(iv.into(), additional, out.as_mut_slice().into(), tag.into()).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    fn key<const N: usize>() -> Hidden<N> {
        Hidden::new(std::array::from_fn(|index| index as u8))
    }

    /// `printf TEXT | openssl enc -aes-128-cbc -K $K -iv $K | xxd -p`, the key 000102...
    #[test]
    fn cbc_as_openssl_has_it() {
        let twenty = hex("90823c4b38d4a3a6e30ad3312ed666928650b59e25bc076c5d5c3394f4568219");
        assert_eq!(cbc(&key(), &twenty, 20).as_deref(), Some(&b"twenty bytes of text"[..]));
        for length in (0..64).filter(|length| *length != 20) {
            assert_eq!(cbc(&key(), &twenty, length), None, "{length}");
        }
        assert_eq!(cbc(&Hidden::new([7; 16]), &twenty, 20), None);
        let empty = hex("07feef74e1d5036e900eee118e949293");
        assert_eq!(cbc(&key(), &empty, 0).as_deref(), Some(&b""[..]));
        for cut in [0, 1, 15, 17, 31] {
            assert_eq!(cbc(&key(), &twenty[..cut], 20), None, "{cut}");
        }
    }

    /// Python: `AESGCM(bytes(range(24))).encrypt(nonce, b"twenty bytes of text", b"additional")`.
    #[test]
    fn gcm_as_openssl_has_it() {
        let parts = [
            "3c6f0cf4dcf5e6f6424f825a673d0f0f776f4cb3",
            "b1ea6bd8650342dce5535836",
            "4aef808f831da4b01ec009f6a2c3eba7",
        ];
        let sealed = hex(&parts.concat());
        let opened = gcm(&key(), b"additional", &sealed);
        assert_eq!(opened.as_deref(), Some(&b"twenty bytes of text"[..]));
        assert_eq!(gcm(&key(), b"", &sealed), None);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(gcm(&key(), b"additional", &changed), None, "{bit}");
        }
        for cut in 0..sealed.len() {
            assert_eq!(gcm(&key(), b"additional", &sealed[..cut]), None, "{cut}");
        }
    }
}
