// SPDX-License-Identifier: GPL-2.0-or-later
//! The client's second clock: the path of a POST, which the official client draws from the second at hand.
//!
//! It seeds the C library's `random()` with that second and writes the first number as eight hex digits.

/// Words of the generator's state, each of which grows by the one three before it.
const WORDS: usize = 31;
const BEFORE: usize = 3;
/// Numbers that seeding throws away.
const DISCARDED: usize = 310;

/// What the path of a POST begins with.
const FOLDER: &[u8] = b"/mmtls/";
/// Digits behind it.
const DIGITS: usize = 8;

/// The first `random()` after `srandom(seed)`: glibc's additive feedback generator (`TYPE_3`), of 31 bits.
pub fn first_random(seed: u32) -> u32 {
    let mut state = [0u32; WORDS];
    // Zero would stay zero.
    let mut word = if seed == 0 { 1 } else { seed as i32 };
    for place in &mut state {
        *place = word as u32;
        word = minimal_standard(word);
    }
    // The first words are used once before any of them grows.
    let [mut third, mut second, mut last, ..] = state;
    for step in BEFORE..=BEFORE.saturating_add(DISCARDED) {
        if let Some(place) = state.get_mut(step % WORDS) {
            *place = place.wrapping_add(third);
            (third, second, last) = (second, last, *place);
        }
    }
    last >> 1
}

/// `16807 * word` modulo `2^31 - 1` in 32 bits, by a division that rounds towards zero.
fn minimal_standard(word: i32) -> i32 {
    let (high, low) = (word / 127_773, word % 127_773);
    let next = low.wrapping_mul(16_807).wrapping_sub(high.wrapping_mul(2836));
    if next < 0 { next.wrapping_add(i32::MAX) } else { next }
}

/// The second whose first random number these digits are, if it is no more than `window` seconds away from `near`:
/// the nearest, and of two the earlier. It tries each second, at about a third of a microsecond.
pub fn second_of(path_digits: u32, near: u32, window: u32) -> Option<u32> {
    let fits = |second: &u32| first_random(*second) == path_digits;
    (0..=window)
        .find_map(|away| near.checked_sub(away).filter(fits).or_else(|| near.checked_add(away).filter(fits)))
}

/// The number in the path of a POST, `/mmtls/` and eight hex digits; the target may be a whole URI.
pub fn digits_of_path(target: &[u8]) -> Option<u32> {
    let path = match memchr::memmem::find(target, b"://") {
        Some(scheme) if !target.starts_with(b"/") => {
            let host = target.get(scheme.checked_add(3)?..)?;
            host.get(memchr::memchr(b'/', host)?..)?
        }
        _ => target,
    };
    let digits = path.strip_prefix(FOLDER)?;
    let digits = digits.get(..memchr::memchr2(b'?', b'#', digits).unwrap_or(digits.len()))?;
    let is_number = digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_number)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Python: `c = ctypes.CDLL("libc.so.6"); c.srandom(n); c.random()`.
    const GLIBC: &[(u32, u32)] = &[
        (0, 1_804_289_383),
        (1, 1_804_289_383),
        (2, 1_505_335_290),
        (1_421_740_800, 1_722_838_715),
        (1_700_000_000, 280_491_303),
        (2_147_483_647, 1_065_668_062),
        (2_147_483_648, 1_336_741_213),
        (4_294_967_295, 254_925_627),
    ];

    #[test]
    fn the_first_number_is_that_of_the_c_library() {
        for (seed, first) in GLIBC {
            assert_eq!(first_random(*seed), *first, "{seed}");
        }
    }

    #[test]
    fn a_second_is_found_within_its_window_only() {
        let digits = 1_722_838_715;
        assert_eq!(second_of(digits, 1_421_740_800, 0), Some(1_421_740_800));
        assert_eq!(second_of(digits, 1_421_740_860, 60), Some(1_421_740_800));
        assert_eq!(second_of(digits, 1_421_740_740, 60), Some(1_421_740_800));
        assert_eq!(second_of(digits, 1_421_740_861, 60), None);
        assert_eq!(second_of(digits, 1_421_740_739, 60), None);
        // Zero and one draw the same; at the ends of what 32 bits hold nothing is added beyond.
        assert_eq!(second_of(1_804_289_383, 0, 5), Some(0));
        assert_eq!(second_of(1_804_289_383, 3, 5), Some(1));
        assert_eq!(second_of(254_925_627, u32::MAX, 5), Some(u32::MAX));
        // More than 31 bits are no such number.
        assert_eq!(second_of(0xffff_ffff, 1_421_740_800, 60), None);
    }

    #[test]
    fn the_digits_of_a_path() {
        let digits = |target: &str| digits_of_path(target.as_bytes());
        assert_eq!(digits("/mmtls/66b041bb"), Some(0x66b0_41bb));
        assert_eq!(digits("/mmtls/66B041BB"), Some(0x66b0_41bb));
        assert_eq!(digits("http://short.weixin.qq.com/mmtls/0000000a"), Some(10));
        assert_eq!(digits("http://short.weixin.qq.com:80/mmtls/0000000a?x=1"), Some(10));
        for none in [
            "",
            "/",
            "/mmtls/",
            "/mmtls/66b041b",
            "/mmtls/66b041bb0",
            "/mmtls/66b041bg",
            "/mmtls/+6b041bb",
            "/mmtls/66b041bb/",
            "/x/mmtls/66b041bb",
            "http://short.weixin.qq.com",
            "/x://y/mmtls/66b041bb",
            "mmtls/66b041bb",
        ] {
            assert_eq!(digits(none), None, "{none}");
        }
        assert_eq!(digits_of_path(b"/mmtls/\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }
}
