// SPDX-License-Identifier: GPL-2.0-or-later
//! Protobufs, without knowing what their fields mean.

use std::ops::Range;

use crate::kernel::reader::{Reader, VarintError};

/// What a field holds.
pub(super) enum Wire {
    /// A number.
    Varint(u64),
    /// So many bytes, not taken yet.
    Bytes(usize),
    /// So many bytes, not taken yet, that are a number.
    Fixed(usize),
}

/// Why a protobuf cannot be read on.
pub(super) enum Fault {
    /// A number of this name does not end.
    Varint(&'static str, VarintError),
    /// Nobody knows how long a field of this type is.
    WireType(u64),
    /// A field has more bytes than are left.
    Short(usize),
}

/// A field's number, what it holds, and where that stands; bytes themselves are not taken yet.
pub(super) fn next(reader: &mut Reader<'_>) -> Result<(u64, Wire, Range<usize>), Fault> {
    let (tag, tag_at) = reader.varint().map_err(|error| Fault::Varint("a field number", error))?;
    let (wire, end) = match tag & 7 {
        0 => {
            let (value, at) = reader.varint().map_err(|error| Fault::Varint("a value", error))?;
            (Wire::Varint(value), at.end)
        }
        1 => (Wire::Fixed(8), tag_at.end),
        2 => {
            let (length, at) = reader.varint().map_err(|error| Fault::Varint("a length", error))?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            (Wire::Bytes(length), at.end)
        }
        5 => (Wire::Fixed(4), tag_at.end),
        other => return Err(Fault::WireType(other)),
    };
    Ok((tag >> 3, wire, tag_at.start..end))
}

/// A field with all its bytes.
pub(super) struct Field {
    /// Its number.
    pub number: u64,
    /// What it holds, if that is a varint.
    pub value: Option<u64>,
    /// Where it lies.
    pub all: Range<usize>,
    /// The same without number and length; of a number the whole.
    pub content: Range<usize>,
    /// Whether it holds bytes.
    pub is_bytes: bool,
}

/// The next field; `None` at the end, and where nothing can be read on.
pub(super) fn field(reader: &mut Reader<'_>) -> Option<Field> {
    let (number, wire, at) = next(reader).ok()?;
    let (value, length, is_bytes) = match wire {
        Wire::Varint(value) => {
            return Some(Field { number, value: Some(value), all: at.clone(), content: at, is_bytes: false });
        }
        Wire::Bytes(length) => (None, length, true),
        Wire::Fixed(length) => (None, length, false),
    };
    let content = reader.take(length)?;
    Some(Field { number, value, all: at.start..content.end, content, is_bytes })
}

/// Numbers of fields end here.
const LARGEST_NUMBER: u64 = (1 << 29) - 1;

/// Whether all that is left are fields, one behind the other.
pub(super) fn is_message(mut reader: Reader<'_>) -> bool {
    while reader.left() > 0 {
        if !field(&mut reader).is_some_and(|field| (1..=LARGEST_NUMBER).contains(&field.number)) {
            return false;
        }
    }
    true
}
