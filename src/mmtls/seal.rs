// SPDX-License-Identifier: GPL-2.0-or-later
//! What seals records: AES-128-GCM over a record's content, its header and its sequence number.
//!
//! What fails its tag is given to nobody.

use std::fmt;
use std::mem;

use aes::cipher::consts::U12;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128Enc, Block};
use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInOut as _;
use bytes::BytesMut;
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;
use zeroize::Zeroize as _;

use super::record::{HEADER_LEN, TAG_LEN};
use crate::wechat::key_log::half::Half;

/// What the tag covers besides the content: sequence number and header.
fn additional(seq: u64, header: &[u8; HEADER_LEN]) -> [u8; 13] {
    let mut additional = [0; 13];
    for (to, from) in additional.iter_mut().zip(seq.to_be_bytes().iter().chain(header)) {
        *to = *from;
    }
    additional
}

/// A direction's keys, expanded: ready to open its records. 880 bytes.
pub struct Opener {
    half: Half,
    cipher: AesGcm<Aes128Enc, U12>,
}

impl fmt::Debug for Opener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Opener(..)")
    }
}

impl Opener {
    /// Expands a key: as much work as opening a record of a few bytes.
    pub fn new(half: &Half) -> Self {
        Self { half: half.clone(), cipher: AesGcm::new(half.key.bytes().into()) }
    }

    /// Opens a record. `sealed` is all behind its header, the tag at its end; the content is put behind what
    /// `out` holds, where nothing is left if the tag does not fit. Allocates only where `out` has no room.
    pub fn open(&self, seq: u64, header: &[u8; HEADER_LEN], sealed: &[u8], out: &mut BytesMut) -> bool {
        let Some((text, tag)) = sealed.split_last_chunk::<TAG_LEN>() else { return false };
        let start = out.len();
        out.extend_from_slice(text);
        let nonce = self.half.nonce(seq);
        let content = out.get_mut(start..).unwrap_or_default();
        // It checks the tag first, and leaves the content sealed if that does not fit.
        let opened = self.cipher.decrypt_inout_detached(
            nonce.bytes().into(),
            &additional(seq, header),
            content.into(),
            tag.into(),
        );
        if opened.is_err() {
            out.truncate(start);
        }
        opened.is_ok()
    }

    /// Opens a record whose sequence number is one of `candidates`; which it was. A trial costs as much as two
    /// blocks, however long the record is. How many there may be is the caller's to say.
    pub fn find(
        &self,
        mut candidates: impl Iterator<Item = u64>,
        header: &[u8; HEADER_LEN],
        sealed: &[u8],
        out: &mut BytesMut,
    ) -> Option<u64> {
        let trials = Trials::new(&self.half, header, sealed)?;
        candidates.find(|seq| trials.fits(*seq) && self.open(*seq, header, sealed, out))
    }
}

/// One record's tag with many sequence numbers.
///
/// GHASH is a polynomial in H whose coefficients are the blocks, and only its first block holds the sequence number: the
/// sum of the others and the power of H that the first one is multiplied with are the same for all.
struct Trials<'a> {
    half: &'a Half,
    header: &'a [u8; HEADER_LEN],
    cipher: Aes128Enc,
    /// Has that power in H's place.
    first: GHash,
    /// The tag without what the first block adds and without what hides it.
    rest: u128,
}

impl<'a> Trials<'a> {
    fn new(half: &'a Half, header: &'a [u8; HEADER_LEN], sealed: &[u8]) -> Option<Self> {
        let (text, tag) = sealed.split_last_chunk::<TAG_LEN>()?;
        let cipher = Aes128Enc::new(half.key.bytes().into());
        let mut h = Block::default();
        cipher.encrypt_block(&mut h);
        let ghash = GHash::new(&h);
        h.as_mut_slice().zeroize();

        let mut others = ghash.clone();
        others.update(&[Block::default()]);
        others.update_padded(text);
        let bits = |bytes: usize| u128::try_from(bytes).unwrap_or_default().wrapping_shl(3);
        let lengths = bits(additional(0, header).len()).wrapping_shl(64) | bits(text.len());
        others.update(&[lengths.to_be_bytes().into()]);
        let rest = u128::from_be_bytes(others.finalize().into()) ^ u128::from_be_bytes(*tag);

        // A first block of 1 gives the power itself. In GHASH the first bit is that of x to the 0.
        let mut power = ghash;
        power.update(&[(1u128.wrapping_shl(127)).to_be_bytes().into()]);
        let mut blocks = text.len().div_ceil(size_of::<u128>()).saturating_add(1);
        let zeros = [Block::default(); 64];
        while let Some(some) = zeros.get(..blocks.min(zeros.len())).filter(|some| !some.is_empty()) {
            power.update(some);
            blocks = blocks.saturating_sub(some.len());
        }
        let mut power = power.finalize();
        let first = GHash::new(&power);
        power.as_mut_slice().zeroize();
        Some(Self { half, header, cipher, first, rest })
    }

    /// Whether the tag fits this number.
    fn fits(&self, seq: u64) -> bool {
        let mut first = self.first.clone();
        first.update_padded(&additional(seq, self.header));
        let mut hides = Block::default();
        let counter = [0, 0, 0, 1];
        for (to, from) in hides.iter_mut().zip(self.half.nonce(seq).bytes().iter().chain(&counter)) {
            *to = *from;
        }
        self.cipher.encrypt_block(&mut hides);
        u128::from_be_bytes(first.finalize().into()) ^ u128::from_be_bytes(hides.into()) == self.rest
    }
}

/// So many expanded keys are kept.
const MOST_KEPT: usize = 16;

/// Expanded keys of the directions that were opened last, so that a session need not keep them: an AES key expanded
/// for whichever processor takes 40 times its bytes.
#[derive(Debug, Default)]
pub struct Openers {
    latest: Kept,
    /// Latest last.
    others: Vec<Kept>,
}

/// Where an expanded key stays while its place in the list changes.
type Kept = Option<Box<Opener>>;

impl Openers {
    /// What opens a direction's records. Allocates for the first keys only.
    pub fn of(&mut self, half: &Half) -> &Opener {
        let is_its = |opener: &Kept| opener.as_ref().is_some_and(|opener| opener.half == *half);
        if !is_its(&self.latest) {
            let found = self.others.iter().rposition(is_its).map(|place| self.others.remove(place));
            let oldest = || if self.others.len() < MOST_KEPT { None } else { self.others.remove(0) };
            let next = found.unwrap_or_else(oldest);
            self.others.push(mem::replace(&mut self.latest, next));
        }
        let opener = self.latest.get_or_insert_with(|| Box::new(Opener::new(half)));
        if opener.half != *half {
            **opener = Opener::new(half);
        }
        opener
    }
}
