// SPDX-License-Identifier: GPL-2.0-or-later
//! The hybrid body: key shares and ciphertexts in a protobuf.

use std::ops::Range;

use crate::kernel::reader::Reader;
use crate::wechat::protobuf;

/// Ciphertexts that one body has at most.
pub const MOST_CIPHERS: usize = 3;
/// The one that holds the message; those before it hold random bytes.
pub const MESSAGE: usize = MOST_CIPHERS - 1;

/// What a field of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// A request's version.
    Version(u64),
    /// A key share.
    Share,
    /// An answer's number.
    Number(u64),
    /// A ciphertext.
    Cipher(usize),
    /// An answer's signature.
    Signature,
    /// What nobody describes.
    Other,
}

/// A field, where it lies, and where what it holds does.
pub type Placed = (Member, Range<usize>, Range<usize>);

/// The fields, as far as they can be read; also where that ends.
pub fn members(mut reader: Reader<'_>, from_server: bool) -> (Vec<Placed>, Range<usize>) {
    let mut members = Vec::new();
    let mut rest = reader.rest();
    while let Some(field) = protobuf::field(&mut reader).filter(|_| members.len() < MOST_MEMBERS) {
        let member = match (from_server, field.number, field.value) {
            (false, 1, Some(version)) => Member::Version(version),
            (true, 2, Some(number)) => Member::Number(number),
            (false, 2, None) | (true, 1, None) if field.is_bytes => Member::Share,
            (false, 3..=5, None) if field.is_bytes => {
                Member::Cipher(usize::try_from(field.number).unwrap_or_default().saturating_sub(3))
            }
            (true, 3, None) if field.is_bytes => Member::Cipher(MESSAGE),
            (true, 4, None) if field.is_bytes => Member::Signature,
            _ => Member::Other,
        };
        members.push((member, field.all, field.content));
        rest = reader.rest();
    }
    (members, rest)
}

/// More fields than any body has; those behind them are not taken apart.
const MOST_MEMBERS: usize = 32;

/// A part of a key share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Number of the curve.
    Curve(u64),
    /// A point on it.
    Point,
}

/// The parts of a key share, where they lie, and where what they hold does.
pub fn share(mut reader: Reader<'_>) -> Vec<(Share, Range<usize>, Range<usize>)> {
    let mut parts = Vec::new();
    while let Some(field) = protobuf::field(&mut reader).filter(|_| parts.len() < MOST_MEMBERS) {
        let part = match (field.number, field.value) {
            (1, Some(curve)) => Share::Curve(curve),
            (2, None) if field.is_bytes => Share::Point,
            _ => continue,
        };
        parts.push((part, field.all, field.content));
    }
    parts
}
