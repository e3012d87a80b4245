// SPDX-License-Identifier: GPL-2.0-or-later
//! What was deflated, inflated again, and no more of it than is good.

use bytes::Bytes;
use miniz_oxide::inflate::{DecompressError, TINFLStatus};
use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};

/// Bytes that are inflated at most: 16 MiB.
const MOST: usize = 16 << 20;
/// How many times as many as there were at most.
const RATIO: usize = 1000;

/// Why bytes are not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Not {
    /// They were never deflated, or are not all there.
    Deflated,
    /// They are more than anybody wants.
    Few,
}

/// Inflates bytes in zlib's format.
pub fn zlib(data: &[u8]) -> Result<Bytes, Not> {
    said(decompress_to_vec_zlib_with_limit(data, limit(data)))
}

/// Inflates bytes without zlib's header.
pub fn raw(data: &[u8]) -> Result<Bytes, Not> {
    said(decompress_to_vec_with_limit(data, limit(data)))
}

fn limit(data: &[u8]) -> usize {
    data.len().saturating_mul(RATIO).min(MOST)
}

fn said(result: Result<Vec<u8>, DecompressError>) -> Result<Bytes, Not> {
    match result {
        Ok(bytes) => Ok(Bytes::from(bytes)),
        Err(error) if error.status == TINFLStatus::HasMoreOutput => Err(Not::Few),
        Err(_) => Err(Not::Deflated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

    #[test]
    fn what_was_deflated_is_inflated() {
        let text = b"<dns>".repeat(20);
        assert_eq!(zlib(&compress_to_vec_zlib(&text, 6)).unwrap(), text);
        assert_eq!(raw(&compress_to_vec(&text, 6)).unwrap(), text);
        let packed = compress_to_vec_zlib(&text, 6);
        for other in [&packed[..packed.len() - 6], &b"<dns/>"[..], b"", b"\x78"] {
            assert_eq!(zlib(other), Err(Not::Deflated), "{other:?}");
        }
    }

    #[test]
    fn a_bomb_stays_packed() {
        let packed = compress_to_vec_zlib(&vec![0; MOST + 1], 9);
        assert!(packed.len() * RATIO < MOST || packed.len() > MOST / RATIO);
        assert_eq!(zlib(&packed), Err(Not::Few));
        assert_eq!(zlib(&compress_to_vec_zlib(&vec![0; 1 << 20], 9)), Err(Not::Few));
    }
}
