// SPDX-License-Identifier: GPL-2.0-or-later
//! The C library's `random()`, whose first number after `srandom(second)` names a POST.

const TABLE: usize = 34;
/// Outputs that are thrown away when the generator is seeded.
const WARM_UP: usize = 310;

/// The first `random()` after `srandom(seed)`: additive feedback over 31 words, which a multiplicative
/// generator fills.
pub fn first_random(seed: u32) -> u32 {
    // Zero would stay zero.
    let mut word = i64::from(if seed == 0 { 1 } else { seed as i32 });
    let mut state = Vec::with_capacity(TABLE + WARM_UP + 1);
    state.push(word as u32);
    while state.len() < 31 {
        // 16807 * word modulo 2^31 - 1, by C's division, which rounds towards zero.
        word = 16_807 * (word % 127_773) - 2836 * (word / 127_773);
        if word < 0 {
            word += 0x7FFF_FFFF;
        }
        state.push(word as u32);
    }
    for index in 31..TABLE {
        state.push(state[index - 31]);
    }
    for index in TABLE..=TABLE + WARM_UP {
        state.push(state[index - 31].wrapping_add(state[index - 3]));
    }
    state[TABLE + WARM_UP] >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Python: `c = ctypes.CDLL("libc.so.6"); c.srandom(n); c.random()`.
    #[test]
    fn as_the_c_library_has_it() {
        let rows = [
            (0, 1_804_289_383),
            (1, 1_804_289_383),
            (2, 1_505_335_290),
            (1_421_740_800, 1_722_838_715),
            (1_421_740_923, 1_895_456_473),
            (1_764_163_558, 1_168_403_684),
            (1_700_000_000, 280_491_303),
            (2_147_483_647, 1_065_668_062),
            (4_294_967_295, 254_925_627),
            (3_000_000_000, 2_058_147_116),
        ];
        for (seed, first) in rows {
            assert_eq!(first_random(seed), first, "{seed}");
        }
    }
}
