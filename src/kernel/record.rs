// SPDX-License-Identifier: GPL-2.0-or-later
//! What a tap is told of one PDU: a head that all protocols share, and the values of one, each in its place.

use std::ffi::CStr;
use std::net::IpAddr;

use super::time::Time;

/// Where a text is in the texts of a report; 0 is none.
pub type Text = u32;

/// Most values of a record.
pub const MOST_VALUES: usize = 48;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A number.
    Number,
    /// A number that may be below zero.
    Signed,
    /// Nanoseconds between two packets.
    Duration,
    /// A yes; there is no value where it is none.
    Mark,
    /// A text: where it begins in the record's texts.
    Text,
}

/// A row of a protocol's table of values.
#[derive(Clone, Copy, Debug)]
pub struct ValueRow {
    /// By which C finds it.
    pub name: &'static CStr,
    /// What it is.
    pub kind: ValueKind,
}

impl ValueRow {
    const fn new(name: &'static CStr, kind: ValueKind) -> Self {
        Self { name, kind }
    }
}

pub(crate) const fn number(name: &'static CStr) -> ValueRow {
    ValueRow::new(name, ValueKind::Number)
}
pub(crate) const fn signed(name: &'static CStr) -> ValueRow {
    ValueRow::new(name, ValueKind::Signed)
}
pub(crate) const fn duration(name: &'static CStr) -> ValueRow {
    ValueRow::new(name, ValueKind::Duration)
}
pub(crate) const fn mark(name: &'static CStr) -> ValueRow {
    ValueRow::new(name, ValueKind::Mark)
}
pub(crate) const fn text(name: &'static CStr) -> ValueRow {
    ValueRow::new(name, ValueKind::Text)
}

/// Most bytes of an address.
pub const MOST_ADDRESS: usize = 16;

/// One end of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    address: [u8; MOST_ADDRESS],
    length: u8,
    /// The port.
    pub port: u16,
}

impl End {
    /// An end; an address with more bytes than any has counts as none.
    pub fn new(address: &[u8], port: u16) -> Self {
        let mut end = Self { port, ..Self::default() };
        if let Some(room) = end.address.get_mut(..address.len()) {
            room.copy_from_slice(address);
            end.length = address.len() as u8;
        }
        end
    }

    /// Bytes of the address; none where nobody knows it.
    pub fn bytes(&self) -> &[u8] {
        self.address.get(..self.length.into()).unwrap_or_default()
    }

    /// The address, if it is one of IP's.
    pub fn address(&self) -> Option<IpAddr> {
        let four = <[u8; 4]>::try_from(self.bytes()).map(IpAddr::from);
        four.or_else(|_| <[u8; 16]>::try_from(self.bytes()).map(IpAddr::from)).ok()
    }
}

/// What a tap is told of a PDU.
#[derive(Clone, Debug)]
pub struct Record {
    /// Number of the packet in which it became whole.
    pub packet: u32,
    /// Number of its stream, as the host shows it.
    pub stream: u32,
    /// When the packet was captured.
    pub time: Time,
    /// Who sent the packet, and to whom.
    pub ends: [End; 2],
    /// The report's source that the PDU is told by, where words are not enough.
    pub source: Option<u16>,
    /// Where its texts begin in the report's: at an empty one, and they are the last.
    pub texts: Text,
    present: u64,
    values: [u64; MOST_VALUES],
}

impl Record {
    /// A record without values; texts are put behind where the report's end, at `texts`.
    pub fn new(packet: u32, stream: u32, time: Time, ends: [End; 2], texts: Text) -> Self {
        Self { packet, stream, time, ends, source: None, texts, present: 0, values: [0; MOST_VALUES] }
    }

    /// Sets a value.
    pub fn set(&mut self, place: u16, value: u64) {
        if let Some(slot) = self.values.get_mut(usize::from(place)) {
            *slot = value;
            self.present |= 1 << place;
        }
    }

    /// Sets a value that may be missing.
    pub fn set_if(&mut self, place: u16, value: Option<u64>) {
        if let Some(value) = value {
            self.set(place, value);
        }
    }

    /// Sets a yes.
    pub fn mark(&mut self, place: u16, yes: bool) {
        self.set_if(place, yes.then_some(1));
    }

    /// Sets a text, as the report gave it.
    pub fn set_text(&mut self, place: u16, text: Text) {
        self.set(place, text.saturating_sub(self.texts).into());
    }

    /// A bit for each value that is set.
    pub fn present(&self) -> u64 {
        self.present
    }

    /// The values.
    pub fn values(&self) -> &[u64; MOST_VALUES] {
        &self.values
    }
}

/// A record as listeners have it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Number of the packet.
    pub packet: u32,
    /// Number of the stream.
    pub stream: u32,
    /// When the packet was captured.
    pub time: Time,
    /// Who sent the packet, and to whom.
    pub ends: [End; 2],
    /// The bytes that the PDU is told by, where words are not enough.
    pub bytes: &'a [u8],
    /// A bit for each value that is set.
    pub present: u64,
    /// The values.
    pub values: &'a [u64],
    /// The texts, each ended by a NUL byte; the first is empty.
    pub texts: &'a [u8],
}

impl<'a> View<'a> {
    /// Whether a value is set.
    pub fn has(&self, place: u16) -> bool {
        1u64.checked_shl(place.into()).is_some_and(|bit| self.present & bit != 0)
    }

    /// A value.
    pub fn value(&self, place: u16) -> Option<u64> {
        self.values.get(usize::from(place)).copied().filter(|_| self.has(place))
    }

    /// A value, or 0.
    pub fn number(&self, place: u16) -> u64 {
        self.value(place).unwrap_or(0)
    }

    /// A value of 32 bits, or 0.
    pub fn small(&self, place: u16) -> u32 {
        u32::try_from(self.number(place)).unwrap_or(u32::MAX)
    }

    /// A value that may be below zero.
    pub fn signed(&self, place: u16) -> Option<i64> {
        self.value(place).map(|value| value as i64)
    }

    /// A text as C has it; empty where there is none.
    pub fn c_text(&self, place: u16) -> &'a CStr {
        let texts = self.texts.get(self.small(place) as usize..).unwrap_or_default();
        CStr::from_bytes_until_nul(texts).unwrap_or_default()
    }

    /// A text; empty where there is none.
    pub fn text(&self, place: u16) -> &'a str {
        self.c_text(place).to_str().unwrap_or_default()
    }
}
