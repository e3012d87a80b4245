// SPDX-License-Identifier: GPL-2.0-or-later
//! Keys at places where they stay: what moves leaves a copy behind that nobody zeroes.
//!
//! For the same reason all keys in a place have equal lengths: a shorter one would leave bytes unset behind itself, and
//! those hold what was on the stack before.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;

use crate::wechat::hidden::Hidden;

/// Keys in one piece of memory.
const BLOCK: usize = 256;
/// Places of keys that may come again soon: a power of 2.
const RECENT: usize = 4096;

/// A key, and which sort of key it is.
pub type Key<const N: usize> = (u8, Hidden<N>);

/// Keys by number. The same key soon again is the same number.
#[derive(Debug, Default)]
pub struct Kept<const N: usize> {
    /// Full but for the last one.
    blocks: Vec<Vec<Key<N>>>,
    count: usize,
    /// By hash, the number of the last key that had it.
    recent: Vec<u32>,
    hasher: RandomState,
}

impl<const N: usize> Kept<N> {
    /// Keeps a key; none if there are more than can be counted.
    pub fn keep(&mut self, key: Key<N>) -> Option<u32> {
        let hash = self.hasher.hash_one(&key);
        let slot = usize::try_from(hash & RECENT.wrapping_sub(1) as u64).ok()?;
        let before = self.recent.get(slot).copied();
        if let Some(before) = before.filter(|before| self.get(*before) == Some(&key)) {
            return Some(before);
        }
        let number = u32::try_from(self.count).ok()?;
        if self.count.is_multiple_of(BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        self.blocks.last_mut()?.push(key);
        self.count = self.count.saturating_add(1);
        self.recent.resize(RECENT, u32::MAX);
        *self.recent.get_mut(slot)? = number;
        Some(number)
    }

    /// All keys, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Key<N>> {
        self.blocks.iter().flatten()
    }

    /// The key with this number.
    pub fn get(&self, number: u32) -> Option<&Key<N>> {
        let number = usize::try_from(number).ok()?;
        self.blocks.get(number / BLOCK)?.get(number % BLOCK)
    }
}
