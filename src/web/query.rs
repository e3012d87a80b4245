// SPDX-License-Identifier: GPL-2.0-or-later
//! The form of a SyncKey in a query.

use std::ops::Range;

use crate::http::target::unescaped;

/// A part of a SyncKey string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `k_v`: both numbers, and where they lie.
    Entry {
        /// Bytes of the whole part.
        at: Range<usize>,
        /// Number of the key, and its bytes.
        key: (u64, Range<usize>),
        /// Its value, and its bytes.
        value: (u64, Range<usize>),
    },
    /// Something else.
    Garbage(Range<usize>),
}

/// The parts of a SyncKey string such as `1_654|2_655`, of which all may be escaped.
pub fn sync_key(text: &[u8]) -> impl Iterator<Item = Part> + '_ {
    let mut at = 0usize;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|_| at < text.len())?;
        let (length, bar) = sign(rest, b'|').unwrap_or((rest.len(), 0));
        let whole = at..at.saturating_add(length);
        at = whole.end.saturating_add(bar);
        Some(entry(text, whole.clone()).unwrap_or(Part::Garbage(whole)))
    })
    .filter(|part| !matches!(part, Part::Garbage(at) if at.is_empty()))
}

/// Where the next such sign is, escaped or not, and its length.
fn sign(text: &[u8], sign: u8) -> Option<(usize, usize)> {
    text.iter().enumerate().find_map(|(at, byte)| {
        let escaped = || {
            let digits = text.get(at..)?.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok())?;
            u8::from_str_radix(digits, 16).ok().filter(|code| *code == sign)
        };
        match byte {
            _ if *byte == sign => Some((at, 1)),
            b'%' => escaped().map(|_| (at, 3)),
            _ => None,
        }
    })
}

fn entry(text: &[u8], at: Range<usize>) -> Option<Part> {
    let part = text.get(at.clone())?;
    let (middle, length) = sign(part, b'_')?;
    let middle = at.start.checked_add(middle)?;
    let number = |range: Range<usize>| {
        let digits = unescaped(text.get(range.clone())?);
        // `parse` would take a sign.
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        Some((digits.parse().ok()?, range))
    };
    let key = number(at.start..middle)?;
    let value = number(middle.checked_add(length)?..at.end)?;
    Some(Part::Entry { at, key, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synckey_is_numbers_by_number() {
        let text = b"1_654|2_655%7C201_1421740827%7c3";
        let parts: Vec<_> = sync_key(text).collect();
        let Part::Entry { key, value, .. } = &parts[1] else { panic!("{parts:?}") };
        assert_eq!((key.0, value.0, &text[value.1.clone()]), (2, 655, &b"655"[..]));
        assert_eq!(parts[3], Part::Garbage(31..32));
        let escaped = sync_key(b"1%5F654%7c%32%5f6%355").map(|part| match part {
            Part::Entry { key, value, .. } => (key.0, value.0),
            Part::Garbage(at) => panic!("{at:?}"),
        });
        assert_eq!(escaped.collect::<Vec<_>>(), [(1, 654), (2, 655)]);
        for garbage in
            ["1_", "_1", "x_2", "5_5_5", "+1_2", "1_-2", "99999999999999999999_1", "1-2", "%7", "\u{fffd}"]
        {
            assert_eq!(sync_key(garbage.as_bytes()).collect::<Vec<_>>(), [Part::Garbage(0..garbage.len())]);
        }
        assert_eq!(sync_key(b"").count(), 0);
        assert_eq!(sync_key(b"|||").count(), 0);
    }
}
