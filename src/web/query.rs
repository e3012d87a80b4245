// SPDX-License-Identifier: GPL-2.0-or-later
//! The query of a request, and the form of a SyncKey that it carries.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode;

/// A parameter: its name with escapes undone, and where name and value lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Name.
    pub name: Cow<'a, str>,
    /// Bytes of name and value.
    pub at: Range<usize>,
    /// Bytes of the value.
    pub value: Range<usize>,
}

/// The parameters of `target`, whose query begins at `start`, behind the `?`.
pub fn parameters(target: &[u8], start: usize) -> impl Iterator<Item = Parameter<'_>> {
    let mut at = start;
    let end = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
    std::iter::from_fn(move || {
        let rest = target.get(at..end).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'&').unwrap_or(rest.len());
        let whole = at..at.saturating_add(length);
        at = whole.end.saturating_add(1);
        let text = target.get(whole.clone())?;
        let name = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
        let value = whole.start.saturating_add(name).saturating_add(1).min(whole.end)..whole.end;
        Some(Parameter { name: decoded(text.get(..name)?), at: whole, value })
    })
    .filter(|parameter| !parameter.at.is_empty())
}

/// The text with escapes undone, but for a `+`; what is no UTF-8 then is replaced.
pub fn unescaped(text: &[u8]) -> Cow<'_, str> {
    percent_decode(text).decode_utf8_lossy()
}

/// As [`unescaped`], with blanks for `+`.
pub fn decoded(text: &[u8]) -> Cow<'_, str> {
    if text.contains(&b'+') {
        let blanks: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        return Cow::Owned(percent_decode(&blanks).decode_utf8_lossy().into_owned());
    }
    unescaped(text)
}

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
    fn parameters_know_their_bytes() {
        let target = b"/x?sid=a%2Fb&&r&lang=zh+CN&%73key=@1=2#frag&x=y";
        let found: Vec<_> = parameters(target, 3)
            .map(|parameter| (parameter.name.into_owned(), decoded(&target[parameter.value]).into_owned()))
            .collect();
        let expected = [("sid", "a/b"), ("r", ""), ("lang", "zh CN"), ("skey", "@1=2")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(parameters(b"/x", 3).count(), 0);
        assert_eq!(parameters(b"/x?", 3).count(), 0);
    }

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
