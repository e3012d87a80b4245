// SPDX-License-Identifier: GPL-2.0-or-later
//! Keys of business packets, which key logs give beside those of records.

use std::collections::BTreeSet;

use super::kept::Kept;
use crate::mmtls::hidden::Hidden;

/// What seals a ciphertext in a business packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// The keys, by what names them.
#[derive(Debug, Default)]
pub struct Business {
    keys: Kept<CipherKey>,
    /// Tail, key.
    ciphers: BTreeSet<(u64, u32)>,
    /// Account, key.
    accounts: BTreeSet<(Option<u32>, u32)>,
}

impl Business {
    /// Keeps the key of a ciphertext.
    pub(super) fn keep_cipher(&mut self, tail: u64, key: CipherKey) {
        self.ciphers.extend(self.keys.keep(key).map(|key| (tail, key)));
    }

    /// Keeps the key of an account, or of whichever.
    pub(super) fn keep_account(&mut self, account: Option<u32>, key: Hidden<16>) {
        self.accounts.extend(self.keys.keep(CipherKey::Cbc(key)).map(|key| (account, key)));
    }

    /// Keys of the ciphertext with these last 8 bytes: its own, or of what a client sealed with GCM its IV's.
    pub fn by_tail(&self, tail: u64) -> impl Iterator<Item = &CipherKey> {
        let found = self.ciphers.range((tail, 0)..=(tail, u32::MAX));
        found.filter_map(|(_, key)| self.keys.get(*key))
    }

    /// Session keys of an account, and those for whatever account.
    pub fn by_account(&self, account: u32) -> impl Iterator<Item = &CipherKey> {
        let of = |account| self.accounts.range((account, 0)..=(account, u32::MAX));
        of(Some(account)).chain(of(None)).filter_map(|(_, key)| self.keys.get(*key))
    }
}
