// SPDX-License-Identifier: GPL-2.0-or-later
//! The target of a request: its path, and the parameters of its query.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode;

/// Where the path of a target lies: behind the host, if it is a whole URI, as a proxy is asked for it.
pub fn path(target: &[u8]) -> Range<usize> {
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    let before_query = target.get(..end).unwrap_or_default();
    let scheme = memchr::memmem::find(before_query, b"://").filter(|_| !target.starts_with(b"/"));
    let Some(host) = scheme.map(|at| at.saturating_add(3)) else { return 0..end };
    let slash = memchr::memchr(b'/', target.get(host..end).unwrap_or_default());
    slash.map_or(end, |slash| host.saturating_add(slash))..end
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_behind_the_host_of_a_whole_uri() {
        for (target, expected) in [
            ("/mmtls/1?x=://y/z", "/mmtls/1"),
            ("http://host.example/mmtls/1?x", "/mmtls/1"),
            ("http://host.example:80", ""),
            ("http://host.example?/x", ""),
            ("/x://y/z#f", "/x://y/z"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(&target[path(target.as_bytes())], expected, "{target}");
        }
    }

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
}
