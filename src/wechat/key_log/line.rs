// SPDX-License-Identifier: GPL-2.0-or-later
//! The two formats of a key log's lines.
//!
//! Objects of JSON name a record or a ciphertext by its last bytes; hooks in the client write them. Three words,
//! `LABEL name secret`, name a session by its ClientHello's random or by the hash that keys are made with.

use std::borrow::Cow;

use json_event_parser::{JsonEvent, SliceJsonParser};

use super::business::CipherKey;
use super::kept::Key;
use crate::wechat::hidden::Hidden;
use crate::wechat::key_log::half::{Half, Hash, Pair, Secret};

/// What a line gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The key of a record.
    Record {
        /// Its last 8 bytes.
        tail: u64,
        /// Who sealed it.
        from_client: bool,
        /// Key and IV of its direction.
        half: Half,
        /// Its sequence number.
        seq: u32,
    },
    /// The key of a ciphertext.
    Cipher {
        /// Its last 8 bytes, or its IV's.
        tail: u64,
        /// The key.
        key: CipherKey,
    },
    /// A secret or keys of a session.
    Session {
        /// Which one.
        name: Name,
        /// What is given of it: the row of its label.
        row: u8,
        /// Its bytes, and zeros behind them.
        bytes: Hidden<56>,
    },
    /// The session key of an account.
    Account {
        /// Its number; none if the key is for whichever.
        account: Option<u32>,
        /// The key.
        key: Hidden<16>,
    },
}

/// What names a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The random of its ClientHello.
    Random([u8; 32]),
    /// The hash with which the keys are made.
    Hash(Hash),
}

/// What a key log gives of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// The hash of the common point's x: all keys of a full handshake follow from it.
    Shared(Secret),
    /// The secret of the access ticket that it resumes with.
    Psk(Secret),
    /// Keys of the handshake's sealed records.
    Handshake(Pair),
    /// Keys of data.
    Application(Pair),
    /// The client's keys of early data.
    Early(Half),
    /// The server's keys of the answer to that.
    EarlyResponse(Half),
}

/// Why a line gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Its key is too short or too long.
    WrongLength,
    /// It is something else.
    Unknown,
}

/// Reads a line, with or without its end. None of a comment, an empty line, and the line of a file that the client
/// opened: there is nothing to open in a capture.
pub fn read(line: &[u8]) -> Result<Option<Line>, Passed> {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii();
    match line.first() {
        None | Some(b'#') => Ok(None),
        Some(b'{') => object(line),
        Some(_) => words(line).map(Some),
    }
}

/// Text of hex digits.
fn hex<const N: usize>(text: &[u8]) -> Result<Hidden<N>, Passed> {
    let mut bytes = Hidden::default();
    hex_into(text, bytes.bytes_mut())?;
    Ok(bytes)
}

/// Fills `bytes`.
fn hex_into(text: &[u8], bytes: &mut [u8]) -> Result<(), Passed> {
    if !text.iter().all(u8::is_ascii_hexdigit) {
        return Err(Passed::Unknown);
    }
    let (pairs, odd) = text.as_chunks::<2>();
    if pairs.len() != bytes.len() || !odd.is_empty() {
        return Err(Passed::WrongLength);
    }
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => digit & 0xF,
        letter => (letter & 0xF).wrapping_add(9),
    };
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high).wrapping_shl(4) | digit(*low);
    }
    Ok(())
}

/// Text of hex digits that is no key: of a wrong length it is not what it should be.
fn exact<const N: usize>(text: &[u8]) -> Result<[u8; N], Passed> {
    hex(text).map(|bytes| *bytes.bytes()).map_err(|_| Passed::Unknown)
}

/// A label, a name and a secret. A comment may stand behind them.
fn words(line: &[u8]) -> Result<Line, Passed> {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(label), Some(name), Some(secret), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Passed::Unknown);
    };
    if label.eq_ignore_ascii_case(b"WECHAT_SESSION_KEY") {
        let number = || str::from_utf8(name).ok()?.parse().ok();
        let account = if name == b"*" { None } else { Some(number().ok_or(Passed::Unknown)?) };
        return Ok(Line::Account { account, key: hex(secret)? });
    }
    let row = GIVEN.iter().position(|row| label.eq_ignore_ascii_case(row.label.as_bytes()));
    let row = row.and_then(|row| u8::try_from(row).ok()).ok_or(Passed::Unknown)?;
    let length = GIVEN.get(usize::from(row)).map_or(0, |row| row.length);
    let name = match name.split_first_chunk() {
        Some((b"hash:" | b"HASH:", hash)) => Name::Hash(exact(hash)?),
        _ => Name::Random(exact(name)?),
    };
    let mut bytes = Hidden::default();
    hex_into(secret, bytes.bytes_mut().get_mut(..length).unwrap_or_default())?;
    Ok(Line::Session { name, row, bytes })
}

/// What may be given of a session.
struct Row {
    label: &'static str,
    length: usize,
    given: fn(&Hidden<56>) -> Given,
}

const fn row(label: &'static str, length: usize, given: fn(&Hidden<56>) -> Given) -> Row {
    Row { label, length, given }
}

/// Labels of lines that name a session, bytes that stand behind each, and what those are.
const GIVEN: &[Row] = &[
    row("MMTLS_SHARED_SECRET", 32, |bytes| Given::Shared(start(bytes))),
    row("MMTLS_PSK", 32, |bytes| Given::Psk(start(bytes))),
    row("MMTLS_HANDSHAKE_KEYS", 56, |bytes| Given::Handshake(Pair::new(bytes))),
    row("MMTLS_APPLICATION_KEYS", 56, |bytes| Given::Application(Pair::new(bytes))),
    row("MMTLS_EARLY_KEYS", 28, |bytes| Given::Early(Half::new(&start(bytes)))),
    row("MMTLS_EARLY_RESPONSE_KEYS", 28, |bytes| Given::EarlyResponse(Half::new(&start(bytes)))),
];

fn start<const N: usize>(bytes: &Hidden<56>) -> Hidden<N> {
    Hidden::take(&mut &bytes.bytes()[..])
}

impl Given {
    /// By its row.
    pub(super) fn of((row, bytes): &Key<56>) -> Option<Self> {
        GIVEN.get(usize::from(*row)).map(|row| (row.given)(bytes))
    }
}

/// The members that count, in whatever order they stand.
#[derive(Default)]
struct Members<'a> {
    texts: [Option<Cow<'a, str>>; NAMES.len()],
    encrypt: Option<bool>,
}

/// Names of members that are texts.
const NAMES: [&str; 7] = ["layer", "key", "nonce", "metadata", "tail", "iv", "tag"];

impl<'a> Members<'a> {
    /// Of a whole object; what else it holds is passed over.
    fn of(line: &'a [u8]) -> Option<Self> {
        let mut members = Self::default();
        let mut parser = SliceJsonParser::new(line);
        let mut depth = 0usize;
        let mut name = Cow::Borrowed("");
        loop {
            match (depth, parser.parse_next().ok()?) {
                (_, JsonEvent::Eof) => return Some(members),
                (_, JsonEvent::StartObject | JsonEvent::StartArray) => depth = depth.saturating_add(1),
                (_, JsonEvent::EndObject | JsonEvent::EndArray) => depth = depth.saturating_sub(1),
                (1, JsonEvent::ObjectKey(key)) => name = key,
                (1, JsonEvent::Boolean(value)) if name == "encrypt" => members.encrypt = Some(value),
                (1, JsonEvent::String(value)) => {
                    let mut places = NAMES.iter().zip(&mut members.texts);
                    if let Some((_, place)) = places.find(|(known, _)| **known == name) {
                        *place = Some(value);
                    }
                }
                _ => {}
            }
        }
    }
}

/// A line that names a record or a ciphertext.
fn object(line: &[u8]) -> Result<Option<Line>, Passed> {
    let members = Members::of(line).ok_or(Passed::Unknown)?;
    let [layer, key, nonce, metadata, tail, iv, tag] =
        members.texts.each_ref().map(|text| text.as_ref().map(|text| text.as_bytes()));
    let (Some(layer), Some(from_client), Some(key), Some(tail)) = (layer, members.encrypt, key, tail) else {
        return Err(Passed::Unknown);
    };
    let is_outer = layer.eq_ignore_ascii_case(b"OUTER");
    if !is_outer && !layer.eq_ignore_ascii_case(b"INNER") {
        return Err(Passed::Unknown);
    }
    match (is_outer, nonce, metadata, iv, tag) {
        (true, Some(_), Some([]), ..) => Ok(None),
        (true, Some(nonce), Some(metadata), ..) => {
            let tail = u64::from_be_bytes(exact(tail)?);
            let nonce = Hidden::new(exact(nonce)?);
            // Sequence number and the record's header, which is at hand wherever this is used.
            let covered: [u8; 13] = exact(metadata)?;
            let seq = covered.first_chunk().map_or(u64::MAX, |seq| u64::from_be_bytes(*seq));
            let seq = u32::try_from(seq).map_err(|_| Passed::Unknown)?;
            let half = Half::of_record(hex(key)?, &nonce, seq.into());
            Ok(Some(Line::Record { tail, from_client, half, seq }))
        }
        (false, Some(nonce), _, None, None) => {
            let tail = u64::from_be_bytes(exact(tail)?);
            let key = hex(key)?;
            // Only then is it the client's way to use CBC.
            match hex(nonce) == Ok(key.clone()) {
                true => Ok(Some(Line::Cipher { tail, key: CipherKey::Cbc(key) })),
                false => Err(Passed::Unknown),
            }
        }
        (false, None, Some(metadata), Some(iv), Some(tag)) => {
            let (_, _): ([u8; 12], [u8; 16]) = (exact(iv)?, exact(tag)?);
            let additional = if metadata.is_empty() { None } else { Some(exact(metadata)?) };
            // What the client seals is named by its IV: the last bytes of that.
            let tail = match exact::<12>(tail) {
                Ok([_, _, _, _, end @ ..]) => end,
                Err(_) => exact(tail)?,
            };
            let key = CipherKey::Gcm { key: hex(key)?, additional };
            Ok(Some(Line::Cipher { tail: u64::from_be_bytes(tail), key }))
        }
        _ => Err(Passed::Unknown),
    }
}
