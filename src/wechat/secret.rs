// SPDX-License-Identifier: GPL-2.0-or-later
//! Words that stand for secrets: equal secrets have equal words, and nobody can tell them from the words.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use once_cell::sync::Lazy;
use siphasher::sip::SipHasher24;

/// A random key, one for a run of the program: the words stay the same when a capture is dissected
/// again, and say nothing in another run.
static KEY: Lazy<(u64, u64)> = Lazy::new(|| {
    let random = || RandomState::new().hash_one(0);
    (random(), random())
});

/// What stands for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret(u64);

impl Secret {
    /// What stands for `text`.
    pub fn of(text: &str) -> Self {
        let mut hasher = SipHasher24::new_with_keys(KEY.0, KEY.1);
        hasher.write(text.as_bytes());
        Self(hasher.finish())
    }

    /// The number behind the words.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_have_equal_words_that_do_not_show_them() {
        let words = |text| Secret::of(text).to_string();
        assert_eq!(words("secret"), words("secret"));
        assert_ne!(words("secret"), words("secreu"));
        assert!(!words("secret").contains("secret"));
        // Without a key, anybody could try all account numbers.
        let mut keyless = SipHasher24::new_with_keys(0, 0);
        keyless.write(b"secret");
        assert_ne!(Secret::of("secret").number(), keyless.finish());
    }
}
