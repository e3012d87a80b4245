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

    /// The value of a kind; none if there is no such kind.
    pub fn get(&self, kind: u32) -> Option<u32> {
        self.0.iter().find(|entry| entry.0 == kind).map(|entry| entry.1)
    }

    /// Changes the value of a kind that is there.
    pub fn set(&mut self, kind: u32, value: u32) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.0 == kind) {
            entry.1 = value;
        }
    }

    /// The kinds whose value is another one than before, and by how much.
    pub fn growth_since(&self, before: &Self) -> Vec<(u32, i64)> {
        let delta =
            |&(kind, value): &(u32, u32)| Some((kind, i64::from(value) - i64::from(before.get(kind)?)));
        self.0.iter().filter_map(delta).filter(|(_, delta)| *delta != 0).collect()
    }

    /// As in a query of the web client: `1_5|201_300`.
    pub fn query(&self) -> String {
        let entries: Vec<_> = self.0.iter().map(|(kind, value)| format!("{kind}_{value}")).collect();
        entries.join("|")
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
    fn growth_is_by_kind() {
        let before = SyncKey(vec![(1, 5), (2, 7), (201, 300)]);
        let mut after = before.clone();
        after.set(2, 6);
        after.set(201, 327);
        after.set(1000, 1);
        assert_eq!(after.growth_since(&before), [(2, -1), (201, 27)]);
        assert_eq!(after.query(), "1_5|2_6|201_327");
    }

    #[test]
    fn recent_clients_keep_48_kinds() {
        assert_eq!(SyncKey::of_2023(0).0.len(), 48);
    }
}
