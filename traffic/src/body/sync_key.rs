// SPDX-License-Identifier: GPL-2.0-or-later
//! The SyncKey: for each kind of thing, up to where the client has it.

use super::put_varint;

// Protobuf tags: field number, then wire type (0 varint, 2 length-delimited).
const COUNT: u8 = 1 << 3;
const ENTRY: u8 = 2 << 3 | 2;
const KEY: u8 = 1 << 3;
const VALUE: u8 = 2 << 3;

/// Pairs of kind and position, in the order of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncKey(pub Vec<(u32, u32)>);

impl SyncKey {
    /// The six kinds that a client of 2015 keeps.
    pub fn of_2015(start: u32) -> Self {
        Self::with_kinds([1, 2, 3, 11, 201, 1000], start)
    }

    /// The 48 kinds that a client of 2023 keeps.
    pub fn of_2023(start: u32) -> Self {
        let kinds = (1..=11)
            .chain([13, 14, 16, 17])
            .chain(19..=27)
            .chain(101..=109)
            .chain([111, 112, 114, 122])
            .chain(201..=207)
            .chain([1000, 1001, 2001, 2003]);
        Self::with_kinds(kinds, start)
    }

    fn with_kinds(kinds: impl IntoIterator<Item = u32>, start: u32) -> Self {
        Self(kinds.into_iter().map(|kind| (kind, start + kind)).collect())
    }

    /// What a sync or a push does: moves the positions on.
    pub fn advance(&mut self) {
        for (_, position) in &mut self.0 {
            *position += 1;
        }
    }

    /// The protobuf message.
    pub fn encode(&self) -> Vec<u8> {
        let mut message = vec![COUNT];
        put_varint(&mut message, self.0.len() as u32);
        for &(key, value) in &self.0 {
            let mut entry = vec![KEY];
            put_varint(&mut entry, key);
            entry.push(VALUE);
            put_varint(&mut entry, value);

            message.push(ENTRY);
            put_varint(&mut message, entry.len() as u32);
            message.extend_from_slice(&entry);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_count_and_entries() {
        let key = SyncKey(vec![(1, 5), (201, 300)]);
        assert_eq!(
            key.encode(),
            [0x08, 2, 0x12, 4, 0x08, 1, 0x10, 5, 0x12, 6, 0x08, 0xC9, 0x01, 0x10, 0xAC, 0x02]
        );
    }

    #[test]
    fn recent_clients_keep_48_kinds() {
        assert_eq!(SyncKey::of_2023(0).0.len(), 48);
    }
}
