// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows: what a protocol says of itself so that a host can register it.
//!
//! Each table is a list of rows, and a row has a constant that names it. The C shim registers the rows as they
//! stand. Filter names are public API: once shipped they stay.

use std::ffi::CStr;
use std::fmt;

/// Type of a field's value; what it is called in Wireshark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// The protocol itself (`FT_PROTOCOL`): a row of this type begins a protocol's fields.
    Protocol,
    /// No value (`FT_NONE`): a subtree or a marker.
    None,
    /// One bit (`FT_BOOLEAN`).
    Boolean,
    /// `FT_UINT8`.
    U8,
    /// `FT_UINT16`.
    U16,
    /// `FT_UINT32`.
    U32,
    /// `FT_UINT64`.
    U64,
    /// `FT_INT32`.
    I32,
    /// `FT_INT64`.
    I64,
    /// Bytes as they are (`FT_BYTES`).
    Bytes,
    /// Text (`FT_STRING`).
    Text,
    /// Zero-padded text (`FT_STRINGZPAD`).
    PaddedText,
    /// `FT_IPv4`.
    Ipv4,
    /// A duration; the value is in nanoseconds (`FT_RELATIVE_TIME`).
    Duration,
    /// A time; the value is in nanoseconds since 1970 (`FT_ABSOLUTE_TIME`, in UTC).
    Time,
    /// Number of a packet in the capture (`FT_FRAMENUM`).
    Packet,
    /// Number of the packet that holds a request.
    RequestPacket,
    /// Number of the packet that holds a response.
    ResponsePacket,
    /// Number of the packet that holds an acknowledgement.
    AckPacket,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// As the type wants it.
    Natural,
    /// Decimal.
    Dec,
    /// Hexadecimal.
    Hex,
    /// Decimal, then hexadecimal in brackets.
    DecHex,
}

/// A name for a value.
pub type Value = (u32, &'static CStr);

/// The name of a value, if it has one.
pub fn name_of(values: &[Value], value: u32) -> Option<&'static CStr> {
    values.iter().find(|(other, _)| *other == value).map(|(_, name)| *name)
}

/// A row of the field table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name in display filters.
    pub filter: &'static CStr,
    /// Name in the packet tree.
    pub label: &'static CStr,
    /// One sentence of help.
    pub help: &'static CStr,
    /// Type of the value.
    pub ty: Type,
    /// How a number is written.
    pub base: Base,
    /// The bits of the bytes that count; 0 for all.
    pub mask: u64,
    /// Of a masked boolean, the number of bits it is cut from; else 0.
    pub bits: u8,
    /// Names of values.
    pub values: &'static [Value],
}

impl Field {
    pub(crate) const fn new(
        ty: Type,
        filter: &'static CStr,
        label: &'static CStr,
        help: &'static CStr,
    ) -> Self {
        let base = match ty {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I32 | Type::I64 => Base::Dec,
            _ => Base::Natural,
        };
        let bits = if matches!(ty, Type::Boolean) { 32 } else { 0 };
        Self { filter, label, help, ty, base, mask: 0, bits, values: &[] }
    }
    pub(crate) const fn hex(self) -> Self {
        Self { base: Base::Hex, ..self }
    }
    pub(crate) const fn dec_hex(self) -> Self {
        Self { base: Base::DecHex, ..self }
    }
    pub(crate) const fn mask(self, mask: u64) -> Self {
        Self { mask, ..self }
    }
    pub(crate) const fn values(self, values: &'static [Value]) -> Self {
        Self { values, ..self }
    }
}

/// How bad a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Part of the ordinary course.
    Chat,
    /// Worth a look.
    Note,
    /// Unusual.
    Warning,
    /// Wrong.
    Error,
}

/// What a note is about; the expert-info group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The order of frames.
    Sequence,
    /// The protocol's own rules.
    Protocol,
    /// Bytes that contradict themselves.
    Malformed,
    /// Bytes that are not there.
    Reassemble,
    /// Bytes nobody can read.
    Undecoded,
}

/// A row of the note table (expert info).
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// Name in display filters.
    pub filter: &'static CStr,
    /// What is wrong, without the numbers.
    pub summary: &'static CStr,
    /// What it is about.
    pub group: Group,
    /// How bad it is.
    pub severity: Severity,
    /// What the Info column says of it; nothing where it says enough already.
    pub brief: &'static str,
}

impl Note {
    pub(crate) const fn brief(self, brief: &'static str) -> Self {
        Self { brief, ..self }
    }
}

/// What a preference holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefType {
    /// Ports that are registered in the dissector table of the preference's name.
    Ports,
    /// Yes or no.
    Boolean,
    /// A number.
    Number,
    /// One of the values listed.
    Choice,
    /// A table the user fills in (UAT).
    Table,
    /// A text, at first empty.
    Text,
    /// Name of a file that is read, at first empty.
    File,
}

/// A row of the preference table.
#[derive(Clone, Copy, Debug)]
pub struct Preference {
    /// Name, behind the protocol's and a dot; of a table also part of its file's name.
    pub name: &'static CStr,
    /// Title in the dialog.
    pub title: &'static CStr,
    /// Help in the dialog.
    pub help: &'static CStr,
    /// What it holds.
    pub ty: PrefType,
    /// Default of a number, a choice or a yes/no.
    pub number: u32,
    /// Default of the ports.
    pub ports: &'static CStr,
    /// The choices, or the columns of a table.
    pub parts: &'static [Part],
    /// Checks a row of a table; the error is a sentence for the user.
    pub check: fn(&[&str]) -> Result<(), String>,
}

impl Preference {
    pub(crate) const fn new(
        ty: PrefType,
        name: &'static CStr,
        title: &'static CStr,
        help: &'static CStr,
    ) -> Self {
        Self { name, title, help, ty, number: 0, ports: c"", parts: &[], check: |_| Ok(()) }
    }
}

/// A choice of a preference, or a column of its table.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Name on the command line; of a column its heading.
    pub name: &'static CStr,
    /// Words in the dialog.
    pub help: &'static CStr,
    /// Of a column, what its cells may say, the first where nobody has said anything; empty for any text.
    pub choices: &'static [&'static CStr],
}

impl Part {
    pub(crate) const fn new(name: &'static CStr, help: &'static CStr) -> Self {
        Self { name, help, choices: &[] }
    }
}

/// How many of a number's bits are the row's; those above are the table's.
pub const ROW_BITS: u32 = 12;
/// Most tables of fields there may be: the protocols, and what they share.
pub const MOST_TABLES: usize = 8;

/// The number that names a row of a table.
pub const fn number_of(table: u16, row: u16) -> u16 {
    table << ROW_BITS | row
}

/// The table that a number names a row of.
pub const fn table_of(number: u16) -> usize {
    (number >> ROW_BITS) as usize
}

/// The row of its table that a number names.
pub const fn row_of(number: u16) -> usize {
    (number & ((1 << ROW_BITS) - 1)) as usize
}

/// Makes a table and, from the same rows, the constants that name them: their places or, of table `of`, that
/// table's number above the place ([`ROW_BITS`]).
macro_rules! rows {
    ($(#[$doc:meta])* $index:ident, $table:ident: $row:ty { $($name:ident = $value:expr;)* }) => {
        rows! { $(#[$doc])* $index, $table: $row, of (0) { $($name = $value;)* } }
    };
    ($(#[$doc:meta])* $index:ident, $table:ident: $row:ty, of ($number:expr)
     { $($name:ident = $value:expr;)* }) => {
        $(#[$doc])*
        #[allow(non_snake_case, missing_docs)]
        pub mod $index {
            #[allow(unused_imports)]
            use super::*;
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            #[repr(u16)]
            enum Index { $($name),* }
            $(pub const $name: u16 = ($number) << $crate::kernel::rows::ROW_BITS | Index::$name as u16;)*
        }
        #[doc = concat!("The rows that [`", stringify!($index), "`] indexes.")]
        pub static $table: &[$row] = &[$($value),*];
    };
}

pub(crate) use rows;

pub(crate) const fn field(
    ty: Type,
    filter: &'static CStr,
    label: &'static CStr,
    help: &'static CStr,
) -> Field {
    Field::new(ty, filter, label, help)
}

/// A yes that follows from others, not a bit of any bytes.
pub(crate) const fn mark(filter: &'static CStr, label: &'static CStr, help: &'static CStr) -> Field {
    Field { bits: 0, ..Field::new(Type::Boolean, filter, label, help) }
}

/// A bit of a number, shown with it.
pub(crate) const fn bit(
    mask: u64,
    filter: &'static CStr,
    label: &'static CStr,
    help: &'static CStr,
) -> Field {
    Field::new(Type::Boolean, filter, label, help).mask(mask)
}

pub(crate) const fn note(
    group: Group,
    severity: Severity,
    filter: &'static CStr,
    summary: &'static CStr,
) -> Note {
    Note { filter, summary, group, severity, brief: "" }
}

/// Some of the fields that one protocol's reports may have: its own, and those that all share (table 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)] // it is read where the host has it
pub struct FieldSet([[u64; FieldSet::WORDS]; 2]);

impl FieldSet {
    /// Words that hold a bit for each row of a table.
    pub const WORDS: usize = 4;
    /// Most rows of a table of fields.
    pub const MOST_ROWS: usize = Self::WORDS * 64;

    /// From bits, that of row 0 the lowest of the first word.
    pub fn from_words(shared: [u64; Self::WORDS], own: [u64; Self::WORDS]) -> Self {
        Self([shared, own])
    }

    /// Whether a field is one of them.
    pub fn has(&self, field: u16) -> bool {
        let row = row_of(field);
        let Self([shared, own]) = self;
        let words = if table_of(field) == 0 { shared } else { own };
        words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 != 0)
    }
}

/// Labels of the bits of a number that are set, behind a colon.
#[derive(Clone, Copy, Debug)]
pub struct SetBits<Rows>(pub u64, pub Rows);

impl<Rows: Iterator<Item = &'static Field> + Clone> fmt::Display for SetBits<Rows> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set =
            self.1.clone().filter(|row| row.mask & self.0 != 0).filter_map(|row| row.label.to_str().ok());
        set.enumerate()
            .try_for_each(|(index, label)| write!(out, "{}{label}", if index == 0 { ": " } else { ", " }))
    }
}
