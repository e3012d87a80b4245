// SPDX-License-Identifier: GPL-2.0-or-later
//! Zlib, with an end to how much comes out.

use bytes::Bytes;
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

/// Most bytes that are made of a body.
pub const MOST: usize = 16 << 20;
/// The same for each byte of what is compressed.
pub const MOST_TIMES: usize = 1000;

/// What becomes of bytes that may be compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inflated {
    /// They are not, or not whole.
    No,
    /// So they are.
    Whole(Bytes),
    /// More comes out than anybody wants.
    TooMuch,
}

/// Inflates all of some bytes.
pub fn inflate(packed: &[u8]) -> Inflated {
    let most = packed.len().saturating_mul(MOST_TIMES).min(MOST);
    match decompress_to_vec_zlib_with_limit(packed, most) {
        Ok(whole) => Inflated::Whole(whole.into()),
        Err(error) if error.status == TINFLStatus::HasMoreOutput => Inflated::TooMuch,
        Err(_) => Inflated::No,
    }
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    #[test]
    fn what_was_compressed_comes_out() {
        for text in [&b""[..], b"x", &[7; 5000], b"many words, many words"] {
            let packed = compress_to_vec_zlib(text, 6);
            assert_eq!(inflate(&packed), Inflated::Whole(Bytes::copy_from_slice(text)));
            for cut in 0..packed.len() {
                assert_eq!(inflate(&packed[..cut]), Inflated::No, "{cut}");
            }
            let mut changed = packed.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(inflate(&changed), Inflated::No);
        }
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        // A thousand times as much just fits, 16 MiB as well.
        let packed = compress_to_vec_zlib(&vec![0; 4 << 20], 9);
        assert!(packed.len() * MOST_TIMES < 4 << 20, "{}", packed.len());
        assert_eq!(inflate(&packed), Inflated::TooMuch);
        let mut mixed: Vec<u8> = vec![0; MOST + 1];
        mixed.iter_mut().zip(0..200_000_u32).for_each(|(to, number)| *to = (number * 31 >> 3) as u8);
        let packed = compress_to_vec_zlib(&mixed, 1);
        assert!(packed.len() * MOST_TIMES > mixed.len(), "{}", packed.len());
        assert_eq!(inflate(&packed), Inflated::TooMuch);
        let packed = compress_to_vec_zlib(&mixed[..MOST], 1);
        assert_eq!(inflate(&packed), Inflated::Whole(Bytes::copy_from_slice(&mixed[..MOST])));
    }
}
