// SPDX-License-Identifier: GPL-2.0-or-later
//! Which numbers a record may have in its direction.

use super::record::SMALLEST;

/// Which number the next record of a direction has: one of a few, or nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The least.
    pub from: Option<u32>,
    /// How many more come into question.
    pub more: u32,
}

impl Count {
    /// This one and no other.
    pub fn exactly(number: u32) -> Self {
        Self { from: Some(number), more: 0 }
    }

    /// Behind so many bytes in which no record was seen.
    pub fn behind(self, bytes: u32) -> Self {
        let records = bytes.checked_div(SMALLEST).unwrap_or(0).saturating_add(u32::from(bytes > 0));
        Self { more: self.more.saturating_add(records), ..self }
    }

    /// Behind one more record.
    pub fn next(self) -> Self {
        Self { from: self.from.map(|from| from.saturating_add(1)), ..self }
    }

    /// The number, if there is only one.
    pub fn exact(self) -> Option<u32> {
        self.from.filter(|_| self.more == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_hole_of_n_bytes_there_are_so_many_numbers() {
        let three = Count::exactly(3);
        assert_eq!((three.exact(), three.next().exact()), (Some(3), Some(4)));
        assert_eq!(three.behind(0), three);
        // Any number of bytes is at least one record.
        for (bytes, more) in [(1, 1), (20, 1), (21, 2), (2100, 101)] {
            assert_eq!(three.behind(bytes), Count { from: Some(3), more }, "{bytes}");
        }
        assert_eq!(three.behind(21).behind(21).next(), Count { from: Some(4), more: 4 });
        assert_eq!(three.behind(1).exact(), None);
        assert_eq!(Count::exactly(u32::MAX).next().exact(), Some(u32::MAX));
    }

    #[test]
    fn what_nobody_knows_stays_unknown() {
        assert_eq!((Count::default().exact(), Count::default().next().from), (None, None));
        assert_eq!(Count::default().behind(u32::MAX).from, None);
    }
}
