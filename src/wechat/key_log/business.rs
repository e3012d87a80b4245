// SPDX-License-Identifier: GPL-2.0-or-later
//! Keys of business packets, which key logs give beside those of records.

use std::collections::BTreeSet;

use super::kept::{Kept, Key};
use crate::wechat::hidden::Hidden;

/// What seals a ciphertext in a business packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CipherKey {
    /// AES-128-CBC, the key as IV.
    Cbc(Hidden<16>),
    /// AES-192-GCM; IV and tag stand behind the ciphertext.
    Gcm {
        /// The key.
        key: Hidden<24>,
        /// What the tag covers besides.
        additional: Option<[u8; 32]>,
    },
}

impl CipherKey {
    /// As it is kept: the key and what the tag covers besides.
    fn packed(&self) -> Key<56> {
        let (sort, key, additional): (u8, &[u8], &[u8]) = match self {
            Self::Cbc(key) => (0, key.bytes(), &[]),
            Self::Gcm { key, additional: None } => (1, key.bytes(), &[]),
            Self::Gcm { key, additional: Some(additional) } => (2, key.bytes(), additional),
        };
        let mut bytes = Hidden::default();
        for (to, from) in bytes.bytes_mut().iter_mut().zip(key.iter().chain(additional)) {
            *to = *from;
        }
        (sort, bytes)
    }

    fn unpacked((sort, bytes): &Key<56>) -> Self {
        let mut rest = &bytes.bytes()[..];
        if *sort == 0 {
            return Self::Cbc(Hidden::take(&mut rest));
        }
        let key = Hidden::take(&mut rest);
        Self::Gcm { key, additional: rest.first_chunk().copied().filter(|_| *sort == 2) }
    }
}

/// The keys, by what names them.
#[derive(Debug, Default)]
pub struct Business {
    keys: Kept<56>,
    /// Tail, key.
    ciphers: BTreeSet<(u64, u32)>,
    /// Account, key.
    accounts: BTreeSet<(Option<u32>, u32)>,
}

impl Business {
    /// Keeps the key of a ciphertext.
    pub(super) fn keep_cipher(&mut self, tail: u64, key: CipherKey) {
        self.ciphers.extend(self.keys.keep(key.packed()).map(|key| (tail, key)));
    }

    /// Keeps the key of an account, or of whichever.
    pub(super) fn keep_account(&mut self, account: Option<u32>, key: Hidden<16>) {
        self.accounts.extend(self.keys.keep(CipherKey::Cbc(key).packed()).map(|key| (account, key)));
    }

    /// Keys of the ciphertext with these last 8 bytes: its own, or of what a client sealed with GCM its IV's. Each
    /// with its number.
    pub fn by_tail(&self, tail: u64) -> impl Iterator<Item = (u32, CipherKey)> {
        let found = self.ciphers.range((tail, 0)..=(tail, u32::MAX));
        found.filter_map(|(_, key)| Some((*key, self.key(*key)?)))
    }

    /// Session keys of an account, and those for whatever account. Each with its number.
    pub fn by_account(&self, account: u32) -> impl Iterator<Item = (u32, CipherKey)> {
        let of = |account| self.accounts.range((account, 0)..=(account, u32::MAX));
        of(Some(account)).chain(of(None)).filter_map(|(_, key)| Some((*key, self.key(*key)?)))
    }

    /// The key of this number, which stays its own.
    pub fn key(&self, number: u32) -> Option<CipherKey> {
        self.keys.get(number).map(CipherKey::unpacked)
    }
}
