// SPDX-License-Identifier: GPL-2.0-or-later
//! Lists of what the first pass has seen: they only grow, and with little to spare.

use super::place::Place;

/// Makes room for one more with little to spare: doubling would cost twice the bytes.
pub fn grow<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 32).max(4));
    }
}

/// What was decided at places of the first pass, which comes to them nearly in their order.
#[derive(Clone, Debug)]
pub struct Decided<T>(Vec<(Place, T)>);

impl<T> Default for Decided<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Decided<T> {
    /// What was decided at a place.
    pub fn find(&self, place: Place) -> Option<&T> {
        let at = self.0.binary_search_by_key(&place, |(known, _)| *known).ok()?;
        self.0.get(at).map(|(_, decided)| decided)
    }

    /// What was decided in a packet.
    pub fn in_packet(&self, packet: u32) -> impl Iterator<Item = &T> {
        let from = self.0.partition_point(|(known, _)| known.packet < packet);
        let rest = self.0.get(from..).unwrap_or_default().iter();
        rest.take_while(move |(known, _)| known.packet == packet).map(|(_, decided)| decided)
    }

    /// The first pass has decided at a place.
    pub fn keep(&mut self, place: Place, decided: T) {
        let is_last = self.0.last().is_none_or(|(last, _)| *last < place);
        let at = if is_last { self.0.len() } else { self.0.partition_point(|(known, _)| *known < place) };
        match self.0.get_mut(at) {
            Some(known) if known.0 == place => known.1 = decided,
            _ => {
                grow(&mut self.0);
                self.0.insert(at, (place, decided));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::place::LaneId;

    #[test]
    fn what_was_decided_is_found_in_whatever_order_it_came() {
        let place = |packet, stream, position| Place { packet, lane: LaneId::new(stream, false), position };
        let mut decided = Decided::default();
        for (value, place) in [place(1, 0, 9), place(2, 7, 5), place(2, 3, 5), place(2, 3, 1), place(3, 0, 0)]
            .into_iter()
            .enumerate()
        {
            decided.keep(place, value);
        }
        decided.keep(place(2, 3, 5), 9);
        let of = |packet| decided.in_packet(packet).copied().collect::<Vec<_>>();
        assert_eq!([of(0), of(1), of(2), of(3), of(4)], [vec![], vec![0], vec![3, 9, 1], vec![4], vec![]]);
        assert_eq!(decided.find(place(2, 3, 1)), Some(&3));
        assert_eq!((decided.find(place(2, 3, 2)), decided.find(place(4, 0, 0))), (None, None));
    }

    #[test]
    fn a_list_has_little_to_spare() {
        let mut list = Vec::new();
        for value in 0..10_000 {
            grow(&mut list);
            list.push(value);
            assert!(list.capacity() <= list.len() + (list.len() / 32).max(4));
        }
    }
}
