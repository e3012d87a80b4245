// SPDX-License-Identifier: GPL-2.0-or-later
//! Secrets: the only place that decides which words of a capture are shown, and what stands for the others.
//!
//! Equal secrets have equal words, and nobody can tell them from the words. What is secret is told by the row of a
//! value, else by its name, and inside of a text by the names in it: a text may hold a URL, a cookie, XML or JSON.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use hmac::digest::Key as Block;
use hmac::{Hmac, KeyInit as _, Mac as _};
use once_cell::sync::Lazy;
use percent_encoding::percent_decode_str;
use sha2::Sha256;

/// The key of this run of the program: the words stay the same when a capture is dissected again, and say nothing in
/// another run. Made once, by the first capture.
static OWN: Lazy<Key> = Lazy::new(|| {
    let mut block = Block::<Hmac<Sha256>>::default();
    for word in block.chunks_exact_mut(size_of::<u64>()) {
        word.copy_from_slice(&RandomState::new().hash_one(0).to_ne_bytes());
    }
    Key(Hmac::new(&block))
});

/// What secrets are hashed with, ready for use: a key itself is not kept. What is hashed with equal keys compares.
#[derive(Clone, Debug)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key that a text is; without one the run's own.
    pub fn of(text: &str) -> Self {
        let given = Hmac::new_from_slice(text.as_bytes()).ok().filter(|_| !text.is_empty());
        given.map_or_else(|| OWN.clone(), Self)
    }

    /// What stands for `text`, in whichever way that is written: with its escapes or without, a blank for a `+`, a
    /// number with leading zeros or blanks around it.
    pub fn secret(&self, text: &str) -> Secret {
        let plain = plain(text).replace(' ', "+");
        let number = plain.trim_matches(['+', '\t', '\r', '\n']);
        let words = match number.bytes().all(|byte| byte.is_ascii_digit()) {
            true => number.trim_start_matches('0'),
            false => &plain,
        };
        let hash = self.0.clone().chain_update(words).finalize().into_bytes();
        Secret(hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
    }

    /// The words that are shown of a value. Those of an empty one are empty.
    pub fn shown<'a>(&self, rule: Rule, name: &str, value: &'a str, show_account: bool) -> Cow<'a, str> {
        if show_account || value.is_empty() {
            return Cow::Borrowed(value);
        }
        match (rule, named(name)) {
            (Rule::Secret, _) | (Rule::Name, Named::Secret) => Cow::Owned(self.secret(value).to_string()),
            (_, Named::User) => self.replaced(value, value.len()),
            (Rule::Text | Rule::Name, _) => self.replaced(value, 0),
        }
    }

    /// The text with each value in it replaced whose name may be a secret's, each session key, and account numbers in
    /// place of a user's name; up to `users` all of it names users.
    fn replaced<'a>(&self, text: &'a str, mut users: usize) -> Cow<'a, str> {
        let mut out = String::new();
        let (mut done, mut at) = (0usize, 0usize);
        while let Some(secret) = next_secret(text, at, &mut users) {
            at = secret.end;
            out.push_str(text.get(done..secret.start).unwrap_or_default());
            out.push_str(&self.secret(text.get(secret).unwrap_or_default()).to_string());
            done = at;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }
}

/// What stands for a secret: the first 64 bits of its HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret(u64);

impl Secret {
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

/// Times that a text may have been escaped.
const MOST_ESCAPED: usize = 4;

/// A secret without escapes. A `+` is none: no secret holds a blank, and many are base64.
fn plain(text: &str) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text);
    for _ in 0..MOST_ESCAPED {
        if !plain.contains('%') {
            break;
        }
        plain = Cow::Owned(percent_decode_str(&plain).decode_utf8_lossy().into_owned());
    }
    plain
}

/// What tells whether a value is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Its row says that it is.
    Secret,
    /// Its row says that it is a text.
    Text,
    /// There is no row: its name.
    Name,
}

/// What the name of a secret may hold, in small letters and without signs.
pub const SECRET_PARTS: &[&str] = &[
    "key",
    "ticket",
    "token",
    "pass",
    "pwd",
    "auth",
    "sign",
    "cookie",
    "session",
    "crypt",
    "secret",
    "credential",
    "uuid",
    "uvid",
    "uin",
    "openid",
    "unionid",
    "account",
    "qqnum",
    "mediaid",
    "sendid",
    "transferid",
    "transcationid",
    "transactionid",
];
/// How it may end.
pub const SECRET_ENDS: &[&str] = &["sid", "qq", "fromuser"];
/// What holds one of these and is none.
pub const HARMLESS: &[&str] = &["keyword", "synckey", "synccheckkey", "appaccountflag", "clientmediaid"];
/// How the name of a user's name may end.
pub const USER_ENDS: &[&str] = &["user", "username", "userid", "sender", "alias"];

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// It may be a secret.
    Secret,
    /// It is the name of a user, or of several. It is made anew in each session; an account number in its place is not.
    User,
    /// Anything else.
    Other,
}

fn named(name: &str) -> Named {
    let name: String = plain(name).chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match HARMLESS.contains(&&*name) {
        true => Named::Other,
        false if SECRET_PARTS.iter().any(|part| name.contains(part)) || ends(SECRET_ENDS) => Named::Secret,
        false if ends(USER_ENDS) => Named::User,
        false => Named::Other,
    }
}

/// Whether a value of this name may be a secret.
pub fn may_be_secret(name: &str) -> bool {
    named(name) == Named::Secret
}

/// Begins a session key, behind a sign that may be escaped.
const SESSION_KEY: &str = "crypt_";
/// Digits of a session key at least.
const SESSION_KEY_DIGITS: usize = 8;
/// No name of a secret is longer.
const LONGEST_NAME: usize = 64;
/// Nor is a tag with its attributes.
const LONGEST_TAG: usize = 256;
/// Digits of an account's number at least.
const ACCOUNT_DIGITS: usize = 5;
/// Backslashes that stand in front of a quote at most, in JSON inside of JSON.
const MOST_BACKSLASHES: usize = 15;
/// Quotes around a value, as they stand in XML, URLs and JavaScript, but for those with backslashes.
const ESCAPED_QUOTES: [&str; 7] = ["&quot;", "&#34;", "&apos;", "&amp;quot;", "%22", "%2522", "\\u0022"];
/// What ends a value without quotes.
const ENDS: &[u8] = b"&#\"'<>;,)}]|\\`";
/// What ends a header's.
const LINE_ENDS: &[u8] = b"\"<>\\\r\n";
/// The headers whose values have several parts, which are all secret.
const HEADERS: [&str; 3] = ["cookie", "cookies", "authorization"];

/// The next place at or behind `from` that is to be replaced. Up to `users` the text names users.
fn next_secret(text: &str, from: usize, users: &mut usize) -> Option<Range<usize>> {
    (from..text.len()).find_map(|at| {
        // All that leads to a value or a key begins with a byte of ASCII.
        let rest = text.get(at..)?;
        let found = match rest.as_bytes().first()? {
            b'=' => assigned(text, at, 1, None, users),
            b'%' => match (escape(rest, "3d"), escape(rest, "3a")) {
                (Some((length, level)), _) => assigned(text, at, length, Some(level), users),
                (_, Some((length, level))) => {
                    user_of_url(text, at).or_else(|| paired(text, at, length, Some(level), users))
                }
                _ => login_path(text, at),
            },
            b':' => user_of_url(text, at).or_else(|| paired(text, at, 1, None, users)),
            b'/' => login_path(text, at),
            b'>' => element(text, at, 1, "<", users),
            b'&' if rest.starts_with("&gt;") => element(text, at, 4, "&lt;", users),
            b'&' if rest.starts_with("&amp;gt;") => element(text, at, 8, "&amp;lt;", users),
            b'c' if rest.starts_with(SESSION_KEY) => session_key(text, at),
            b' ' => said(text, at),
            b'0'..=b'9' if at < *users => account(text, at),
            _ => None,
        };
        found.filter(|found| found.start >= from && !found.is_empty())
    })
}

/// The length of an escaped character with which a text begins, and how often it is escaped beyond once.
fn escape(text: &str, code: &str) -> Option<(usize, usize)> {
    let mut rest = text.strip_prefix('%')?;
    let mut level = 0usize;
    while let Some(inner) = rest.strip_prefix("25") {
        (rest, level) = (inner, level.saturating_add(1));
    }
    rest.get(..code.len()).filter(|digits| digits.eq_ignore_ascii_case(code))?;
    Some((text.len().saturating_sub(rest.len()).saturating_add(code.len()), level))
}

/// The name that ends at `end`.
fn name_before(text: &str, end: usize, escaped: bool) -> &str {
    let is_of_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte) || *byte == b'%' && escaped;
    let before = text.as_bytes().get(..end).unwrap_or_default();
    let length = before.iter().rev().take(LONGEST_NAME).take_while(|byte| is_of_name(byte)).count();
    text.get(end.saturating_sub(length)..end).unwrap_or_default()
}

/// `text` up to `end` without blanks.
fn trimmed(text: &str, end: usize) -> usize {
    text.get(..end).map_or(0, |before| before.trim_end_matches([' ', '\t']).len())
}

/// The value behind a quote that stands at `at`, without its quotes.
fn quoted(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    if let Some(quote) = ESCAPED_QUOTES.iter().find(|quote| rest.starts_with(**quote)) {
        let start = at.checked_add(quote.len())?;
        let length = text.get(start..)?.find(quote).unwrap_or(text.len().saturating_sub(start));
        return Some(start..start.saturating_add(length));
    }
    let depth = rest.bytes().take(MOST_BACKSLASHES).take_while(|byte| *byte == b'\\').count();
    let quote = *rest.as_bytes().get(depth).filter(|byte| b"\"'".contains(byte))?;
    let start = at.checked_add(depth)?.checked_add(1)?;
    // One with more backslashes is part of the value.
    let mut backslashes = 0usize;
    for (place, byte) in text.bytes().enumerate().skip(start) {
        if byte == quote && backslashes <= depth {
            return Some(start..place.saturating_sub(backslashes));
        }
        backslashes = if byte == b'\\' { backslashes.saturating_add(1) } else { 0 };
    }
    Some(start..text.len())
}

/// The value at `at`, to the next of the signs that end it, which may be escaped `level` times beyond once.
fn unquoted(text: &str, at: usize, signs: &[u8], level: Option<usize>) -> Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    let ends = |(place, c): (usize, char)| {
        let is_blank = c.is_whitespace() && signs == ENDS;
        let is_end = is_blank || u8::try_from(c).is_ok_and(|byte| signs.contains(&byte));
        let is_escaped = |level| {
            let behind = rest.get(place..).unwrap_or_default();
            ["26", "23"].iter().any(|code| escape(behind, code).is_some_and(|(_, deep)| deep <= level))
        };
        (is_end || c == '%' && level.is_some_and(is_escaped)).then_some(place)
    };
    let length = rest.char_indices().find_map(ends).unwrap_or(rest.len());
    at..at.saturating_add(length)
}

/// What is to be replaced of the value of a name: all of it, or nothing before the numbers in it are looked at.
fn of_name(
    text: &str,
    name: &str,
    start: usize,
    users: &mut usize,
    value: impl FnOnce() -> Option<Range<usize>>,
) -> Option<Range<usize>> {
    match named(name) {
        Named::Secret => value(),
        // No place is looked at twice.
        Named::User if start >= *users => {
            *users = value().map_or(start, |value| value.end.min(text.len()));
            None
        }
        Named::User | Named::Other => None,
    }
}

/// The value at `start`, behind blanks and with or without quotes. A header's has several parts.
fn value(text: &str, start: usize, level: Option<usize>, is_header: bool) -> Option<Range<usize>> {
    let blanks = text.get(start..)?.bytes().take_while(|byte| *byte == b' ').count();
    let at = start.checked_add(blanks)?;
    let signs = if is_header { LINE_ENDS } else { ENDS };
    Some(quoted(text, at).unwrap_or_else(|| unquoted(text, at, signs, level)))
}

/// The value behind an equals sign of `length` bytes: of a URL's parameter, a cookie, an attribute, a variable.
fn assigned(
    text: &str,
    at: usize,
    length: usize,
    level: Option<usize>,
    users: &mut usize,
) -> Option<Range<usize>> {
    let before = text.get(..trimmed(text, at))?;
    // A list's name has its place behind it.
    let list = before.strip_suffix(']').and_then(|before| {
        let near = before.len().saturating_sub(LONGEST_NAME);
        near.checked_add(memchr::memrchr(b'[', before.as_bytes().get(near..)?)?)
    });
    let name = name_before(text, list.unwrap_or(before.len()), level.is_none());
    let start = at.checked_add(length)?;
    of_name(text, name.rsplit("%26").next()?, start, users, || value(text, start, level, false))
}

/// The value behind a colon of `length` bytes: of a member in JSON or JavaScript, of a header.
fn paired(
    text: &str,
    at: usize,
    length: usize,
    level: Option<usize>,
    users: &mut usize,
) -> Option<Range<usize>> {
    let before = text.get(..trimmed(text, at))?;
    let bare = ESCAPED_QUOTES.iter().find_map(|quote| before.strip_suffix(quote)).unwrap_or_else(|| {
        before.strip_suffix(['"', '\'']).map_or(before, |bare| bare.trim_end_matches('\\'))
    });
    let name = name_before(text, bare.len(), false);
    let start = at.checked_add(length)?;
    // A host in front of its port is no name.
    if text.get(start..)?.starts_with("//") || bare.len() == before.len() && name.contains('.') {
        return None;
    }
    let is_header = || HEADERS.iter().any(|header| name.to_ascii_lowercase().ends_with(header));
    of_name(text, name, start, users, || value(text, start, level, is_header()))
}

/// The value behind a blank: an account's number behind a name of it, the token of a bearer.
fn said(text: &str, at: usize) -> Option<Range<usize>> {
    let start = at.checked_add(1)?;
    let name = name_before(text, at, false);
    if text.as_bytes().get(start).is_some_and(u8::is_ascii_digit) {
        let is_account = match named(name) {
            Named::Secret => ["uin", "qq"].iter().any(|end| name.to_ascii_lowercase().ends_with(end)),
            named => named == Named::User,
        };
        return is_account.then(|| account(text, start)).flatten();
    }
    let token = name.eq_ignore_ascii_case("bearer").then(|| unquoted(text, start, ENDS, None))?;
    let has_digit = text.get(token.clone())?.bytes().any(|byte| byte.is_ascii_digit());
    has_digit.then_some(token)
}

/// The number of an account that begins with the digit at `at`, or with the escape whose digit that is, and stands
/// alone.
fn account(text: &str, at: usize) -> Option<Range<usize>> {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@".contains(byte);
    let before = text.as_bytes().get(..at)?;
    let mut start = at;
    if before.last() == Some(&b'%') {
        while text.get(start..)?.starts_with("25") {
            start = start.checked_add(2)?;
        }
        start = start.checked_add(2)?;
    } else if before.strip_suffix(b"qq").unwrap_or(before).last().is_some_and(is_of_word) {
        // Names that the server made of an account's number begin with these letters.
        return None;
    }
    let rest = text.as_bytes().get(start..)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits < ACCOUNT_DIGITS || rest.get(digits).is_some_and(is_of_word) {
        return None;
    }
    Some(start..start.saturating_add(digits))
}

/// Hosts whose paths below [`LOGIN_FOLDERS`] are the uuids of logins.
const LOGIN_HOSTS: [&str; 2] = ["qq.com", "wechat.com"];
/// Folders of the pages and pictures of a login.
pub const LOGIN_FOLDERS: [&str; 2] = ["l", "qrcode"];

/// The uuid in the path of a login's URL, whose slash behind the host is at `at`.
fn login_path(text: &str, at: usize) -> Option<Range<usize>> {
    let (rest, level) = behind(text.get(at..)?, '/', "2f")?;
    let rest = LOGIN_FOLDERS.iter().find_map(|folder| behind(rest.strip_prefix(folder)?, '/', "2f"))?.0;
    let host = text.get(..at)?;
    LOGIN_HOSTS.iter().find(|end| host.ends_with(**end))?;
    Some(unquoted(text, text.len().saturating_sub(rest.len()), ENDS, level))
}

/// The value behind the end of an element's tag, which begins with `open`.
fn element(text: &str, at: usize, length: usize, open: &str, users: &mut usize) -> Option<Range<usize>> {
    let nearest = (at.saturating_sub(LONGEST_TAG)..at).find(|from| text.is_char_boundary(*from))?;
    let before = text.get(nearest..at)?;
    let tag = before.get(before.rfind(open)?.checked_add(open.len())?..)?;
    let name = tag.split([' ', '\t', '\n']).next().unwrap_or_default();
    if name.starts_with(['/', '!', '?']) || name.len() > LONGEST_NAME {
        return None;
    }
    let start = at.checked_add(length)?;
    of_name(text, name, start, users, || {
        let rest = text.get(start..)?;
        let wrapped = rest.strip_prefix(open).and_then(|rest| rest.strip_prefix("![CDATA["));
        let (start, rest, end) = match wrapped {
            Some(inner) => (text.len().saturating_sub(inner.len()), inner, "]]"),
            None => (start, rest, open),
        };
        let length = rest.find(end).unwrap_or(rest.len());
        Some(start..start.saturating_add(length))
    })
}

/// The text behind a sign with which it begins, and how often the sign is escaped.
fn behind<'a>(text: &'a str, sign: char, code: &str) -> Option<(&'a str, Option<usize>)> {
    if let Some(rest) = text.strip_prefix(sign) {
        return Some((rest, None));
    }
    let (length, level) = escape(text, code)?;
    Some((text.get(length..)?, Some(level)))
}

/// Name and password in front of a URL's host, of the URL whose colon is at `at`. All of it may be escaped; what is
/// escaped more often than the colon belongs to the name.
fn user_of_url(text: &str, at: usize) -> Option<Range<usize>> {
    let (rest, level) = behind(text.get(at..)?, ':', "3a")?;
    let (rest, _) = behind(behind(rest, '/', "2f")?.0, '/', "2f")?;
    let start = text.len().saturating_sub(rest.len());
    let mut user = None;
    for (place, c) in rest.char_indices() {
        let here = rest.get(place..)?;
        let is = |sign, code| behind(here, sign, code).is_some_and(|(_, deep)| deep <= level);
        if is('@', "40") {
            user = Some(place);
        }
        if c.is_whitespace() || "\"'<>".contains(c) || is('/', "2f") || is('?', "3f") || is('#', "23") {
            break;
        }
    }
    Some(start..start.saturating_add(user?))
}

/// A session key in which `crypt_` stands at `at`, with its sign.
fn session_key(text: &str, at: usize) -> Option<Range<usize>> {
    let behind = at.checked_add(SESSION_KEY.len())?;
    let digits =
        text.get(behind..)?.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if digits < SESSION_KEY_DIGITS {
        return None;
    }
    let before = text.get(..at)?;
    let start =
        ["@", "%40", "%2540"].iter().find_map(|sign| Some(before.strip_suffix(sign)?.len())).unwrap_or(at);
    Some(start..behind.saturating_add(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_have_equal_words_that_do_not_show_them() {
        let words = |text| Key::of("").secret(text).to_string();
        assert_eq!(words("secret"), words("secret"));
        assert_ne!(words("secret"), words("secreu"));
        assert!(!words("secret").contains("secret"));
        // Without a key, anybody could try all account numbers.
        let keyless = Hmac::<Sha256>::new(&Block::<Hmac<Sha256>>::default());
        assert_ne!(Key::of("").secret("secret"), Key(keyless).secret("secret"));
    }

    /// Of another program: `printf 3123456789 | openssl dgst -sha256 -hmac abc`, and Python's `hmac`, the first 16
    /// digits. The last key is longer than a block of the hash.
    #[test]
    fn with_a_key_given_the_words_are_those_of_hmac_sha256() {
        let long = "k".repeat(100);
        for (key, text, words) in [
            ("abc", "3123456789", "#2d0fd87ca1fa400d"),
            ("abc", "@crypt_1_2", "#c1e409897bfee7e0"),
            ("schlüssel", "secret", "#ef87ba614fddb215"),
            (&*long, "secret", "#7612b26e1ef2c48b"),
        ] {
            assert_eq!(Key::of(key).secret(text).to_string(), words, "{text}");
            assert_ne!(Key::of(key).secret(text), Key::of("").secret(text), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_kept() {
        assert!(!format!("{:?}", Key::of("abcxyz")).contains("abcxyz"));
        assert!(!format!("{:?}", Key::of("abcxyz")).contains("97, 98, 99"));
    }

    #[test]
    fn a_secret_has_one_word_however_it_is_written() {
        let of = |text: &str| Key::of("").secret(text).to_string();
        for (one, other) in [
            ("a+b/c==", "a%2Bb%2fc%3D%3D"),
            ("a+b/c==", "a%252Bb%252Fc%253d%253D"),
            ("@crypt_1_2", "%40crypt_1_2"),
            ("3123456789", "03123456789"),
            ("3123456789", "%33123456789"),
            ("3123456789", "%2B3123456789%20"),
            ("3123456789", " +3123456789\n"),
            ("a+b/c==", "a%20b/c=="),
            ("a+b", "a b"),
        ] {
            assert_eq!(of(one), of(other), "{one} and {other}");
        }
        assert_ne!(of("a+b"), of("ab"));
        assert_ne!(of("0a"), of("a"));
    }

    #[test]
    fn names_tell_what_may_be_secret() {
        for name in [
            "sid",
            "wxsid",
            "Sid",
            "%73id",
            "skey",
            "SKey",
            "aeskey",
            "cdnthumbaeskey",
            "pass_ticket",
            "webwx_data_ticket",
            "uuid",
            "webwxuvid",
            "wxuin",
            "OwnerUin",
            "authkey",
            "Set-Cookie",
            "access_token",
            "signature",
            "s-key",
            "qq",
            "BindQQ",
            "QQNumber",
            "account",
            "fromuser",
            "mediaid",
            "transferid",
        ] {
            assert!(may_be_secret(name), "{name}");
        }
        for name in [
            "",
            "side",
            "r",
            "_",
            "lang",
            "KeyWord",
            "synckey",
            "NickName",
            "seq",
            "FileName",
            "AppAccountFlag",
        ] {
            assert!(!may_be_secret(name), "{name}");
        }
    }

    /// Each text with its secrets in braces.
    #[test]
    fn secrets_inside_of_a_text_are_replaced_and_nothing_else() {
        let key = Key::of("");
        for marked in [
            "/cgi-bin/mmwebwx-bin/webwxgeticon?seq=1&username=@ab&skey={@crypt_5ec4_00}",
            "https://wx.example/p?ticket={A@qrticket_0}&uuid={Qe==}&lang=en&scan=1#top",
            "http://x.example/?a=1&amp;skey={abc}&amp;b=2",
            "http://x.example/?%73key={abc}&s%6bey={d}&b=2",
            "http://{me:word}@x.example/a@b?c=@d",
            "u=http%3A%2F%2F{me%3Aw%252Fo%2540}%40x.example%2Fa%40b, http://x.example/@a, x://{a:b%2Fc%40}@y",
            "next=https%3A%2F%2Fx.example%2F%3Fskey%3D{abc%252Bd}%26lang%3Den&b=2",
            "next=https%253A%252F%252Fx%253Fsid%253d{abc}%2526lang%253Den&b=2",
            "pass_ticket={abc%26def+g/h==}&x=1",
            "wxuin={312345}; wxsid={a+/=}; mm_lang=en_US",
            "<msg><img aeskey=\"{f63e}\" encryver = \"1\" tpauthkey='{a b}' length=\"3\"/></msg>",
            "&lt;emoji aeskey=&quot;{f63e}&quot; len=\"4\"&gt;<br/>",
            "<a>1</a><skey>{x y}</skey><pass_ticket type=\"1\"><![CDATA[{ab]c}]]></pass_ticket><wxuin></wxuin>",
            "&lt;wxsid&gt;{x}&lt;/wxsid&gt;&lt;side&gt;x&lt;/side&gt;",
            "{\"Sid\":\"{ab}\",\"Uin\": {3123456789},\"r\":1,'skey' : '{d}'}",
            "window.redirect_uri=\"https://x.example/?uuid={ab==}\";window.code=200;",
            "look at {@crypt_5ec45ec4_0123} and {%40crypt_5ec45ec4_01}, @crypt_, crypt_abc",
            "uin={1}&uin={2}&sid=&skey=",
            "plain: text = here, https://x.example/a?b=c, 12:30, 你好 = 再见",
            "sid={你好} 再见",
            r#"Esc: [\"skey\":\"{abc}\",\"r\":\"1\"] [\\\"sid\\\":\\\"{ab}\\\"] \u0022skey\u0022:\u0022{d}\u0022"#,
            r#"skey="{a\"b}" skey='{c\\\'d}' n=1"#,
            "%7B%22skey%22%3A%22{abc}%22%2C%22r%22%3A1%7D, %257B%2522sid%2522%253A%2522{d}%2522",
            "<msg fromusername=\"{3123456789}\" qqnum=\"{312345}\" touser='@3123456789' length=\"3123456789\"/>",
            "&lt;fromusername&gt;{3123456789}&lt;/fromusername&gt;&lt;len&gt;3123456789&lt;/len&gt; 3123456789",
            "&amp;lt;sender&amp;gt;{3123456789}&amp;lt;/sender&amp;gt; <username><![CDATA[{312345}]]></username>",
            "username={3123456789}%20&username=%2B{3123456789}&seq=3123456789&userid={312345}&user=1234",
            "username%3D{3123456789}%26seq%3D3123456789, user=%2520{312345}",
            r#"{"UserName":"@a,{3123456789},{312345},wxid_312345","t":"3123456789",\"Sender\":{312345}}"#,
            "3123456789@chatroom user=3123456789@chatroom",
            "username=qq{3123456789}&user=wxqq3123456789&alias=q3123456789",
            "uin {3123456789} logged out at 1234567 by user {312345}, key 201000, count 12345",
            "sid[]={abc}&sid[0]={d}&x[]=1",
            "Cookie: {a=b; c=d}\r\nAuthorization: {Bearer ab.c1}\r\nHost: wx2.qq.com:443",
            "sent with Bearer {eyJ0.e1}, the bearer of news",
            "see http://login.weixin.qq.com/l/{abc==} and login.wx.qq.com%2Fqrcode%2F{d%3D}%26x, http://x.example/l/a",
            "<wcpayinfo><transferid>{1000}</transferid><url>wxpay://x?sendid={1}&amp;channelid=1</url></wcpayinfo>",
            "https://wx2.qq.com:443/a, qq.com:8080, 12:30:15, MsgId 3123456789, a.b/2026-11-26/3123456789.png",
        ] {
            // A brace that begins a line or stands in front of a quote is JSON's own.
            let (mut expected, mut given) = (String::new(), String::new());
            let mut rest = marked;
            let is_json = marked.starts_with('{');
            if is_json {
                rest = &rest[1..];
            }
            while let Some((before, behind)) = rest.split_once('{') {
                let (secret, behind) = behind.split_once('}').unwrap();
                given.push_str(&format!("{before}{secret}"));
                expected.push_str(&format!("{before}{}", key.secret(secret)));
                rest = behind;
            }
            given.push_str(rest);
            expected.push_str(rest);
            assert_eq!(key.replaced(&given, 0), expected, "{given}");
        }
    }

    /// With a look at all that follows at each sign, this would take half a minute or more.
    #[test]
    fn a_long_text_is_read_once() {
        let key = Key::of("");
        for part in [
            "user=",
            "user:",
            "<username><![CDATA[",
            "user='user=\"",
            "skey=&",
            "user %2512345",
            "uin 1",
            "a[]=",
            "Bearer ",
            "http://qq.com/l/",
            "[[[[=",
        ] {
            let text = part.repeat(30_000);
            let begin = part.get(..3).unwrap();
            assert!(key.replaced(&text, 0).starts_with(begin), "{part}");
        }
        let list = format!("[{}]", "312345 ".repeat(30_000));
        let hash = key.secret("312345");
        assert_eq!(
            key.shown(Rule::Text, "UserName", &list, false),
            list.replace("312345", &hash.to_string())
        );
    }

    #[test]
    fn a_value_is_shown_by_its_row_or_by_its_name() {
        let key = Key::of("");
        let hashed = |text: &str| key.secret(text).to_string();
        let of = |rule, name: &str, value: &str| key.shown(rule, name, value, false).into_owned();
        assert_eq!(of(Rule::Secret, "x", "abc"), hashed("abc"));
        assert_eq!(of(Rule::Secret, "x", ""), "");
        assert_eq!(of(Rule::Name, "wxsid", "abc"), hashed("abc"));
        assert_eq!(of(Rule::Text, "Signature", "abc"), "abc");
        assert_eq!(of(Rule::Name, "what", "/?skey=abc"), format!("/?skey={}", hashed("abc")));
        assert_eq!(of(Rule::Text, "FromUserName", "3123456789"), hashed("3123456789"));
        assert_eq!(of(Rule::Text, "FromUserName", "@3123456789"), "@3123456789");
        assert_eq!(of(Rule::Text, "FileName", "3123456789"), "3123456789");
        assert_eq!(of(Rule::Text, "Alias", " 3123456789"), format!(" {}", hashed("3123456789")));
        let list = of(Rule::Text, "StatusNotifyUserName", "03123456789,@abc");
        assert_eq!(list, format!("{},@abc", hashed("3123456789")));
        assert_eq!(key.shown(Rule::Secret, "x", "abc", true), "abc");
    }
}
