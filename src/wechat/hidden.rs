// SPDX-License-Identifier: GPL-2.0-or-later
//! Bytes that must not be seen: keys, and what they are made from.
//!
//! They have no words, and are zeroed when they are dropped. What the compiler leaves of them on the stack is not.

use std::fmt;

use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// So many bytes of a key or a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hidden<const N: usize>([u8; N]);

impl<const N: usize> Hidden<N> {
    /// Hides bytes. The caller's own copy stays as it is.
    pub fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// For those who compute with them.
    pub fn bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// To be filled in place.
    pub fn bytes_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }

    /// Takes the first bytes off `rest`; zeros if it has fewer.
    pub fn take(rest: &mut &[u8]) -> Self {
        let mut taken = Self::default();
        if let Some((first, behind)) = rest.split_first_chunk::<N>() {
            taken.0.copy_from_slice(first);
            *rest = behind;
        }
        taken
    }
}

impl<const N: usize> Default for Hidden<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Drop for Hidden<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Hidden<N> {}

impl<const N: usize> fmt::Debug for Hidden<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Hidden(..)")
    }
}
