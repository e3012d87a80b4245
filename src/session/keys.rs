// SPDX-License-Identifier: GPL-2.0-or-later
//! How SyncKeys grow from one to the next, on a link and from link to link of an account.

use std::collections::HashMap;

use super::EventId;

/// More keys than any client has; those behind them are not compared.
const MOST_KEYS: usize = 256;

/// What became of a key since the SyncKey before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The SyncKey before did not have it.
    New,
    /// By how much it grew; below zero it went back.
    By(i64),
}

/// The keys that changed, sorted.
#[derive(Debug, Default)]
pub struct Growth(Box<[(u64, Change)]>);

impl Growth {
    /// What became of a key; one that is not listed stayed.
    pub fn of(&self, key: u64) -> Change {
        let place = self.0.binary_search_by_key(&key, |(key, _)| *key);
        place.ok().and_then(|place| self.0.get(place)).map_or(Change::By(0), |(_, change)| *change)
    }

    /// The keys that changed, in rising order.
    pub fn changes(&self) -> impl Iterator<Item = (u64, Change)> + Clone + '_ {
        self.0.iter().copied()
    }
}

/// The newest SyncKey of a link, which is its account's too.
#[derive(Debug)]
struct State {
    newest: EventId,
    keys: Vec<(u64, u64)>,
}

/// The newest SyncKeys of all links and accounts.
#[derive(Debug, Default)]
pub struct Keys {
    states: Vec<State>,
    accounts: HashMap<u32, usize>,
}

impl Keys {
    /// The state that the SyncKey in `event` belongs to, and the event of the SyncKey before. A link that
    /// has none yet goes on where its account stopped.
    pub fn follow(
        &mut self,
        link: Option<usize>,
        account: Option<u32>,
        event: EventId,
    ) -> (usize, Option<EventId>) {
        let known = link.or_else(|| self.accounts.get(&account?).copied());
        let number = known.unwrap_or(self.states.len());
        if let Some(account) = account {
            self.accounts.insert(account, number);
        }
        match self.states.get_mut(number) {
            Some(state) => (number, Some(std::mem::replace(&mut state.newest, event))),
            None => {
                self.states.push(State { newest: event, keys: Vec::new() });
                (number, None)
            }
        }
    }

    /// How `keys` differ from the ones before.
    pub fn growth(&self, state: usize, keys: &[(u64, u64)]) -> Growth {
        let before = self.states.get(state).map_or(&[][..], |state| &state.keys);
        let change = |(key, value): &(u64, u64)| {
            let Ok(place) = before.binary_search_by_key(key, |(key, _)| *key) else {
                return Some((*key, Change::New));
            };
            let old = before.get(place).map_or(0, |(_, old)| *old);
            let by = i128::from(*value) - i128::from(old);
            let by = i64::try_from(by).unwrap_or(if by < 0 { i64::MIN } else { i64::MAX });
            (by != 0).then_some((*key, Change::By(by)))
        };
        Growth(sorted(keys).iter().filter_map(change).collect())
    }

    /// Makes `keys` the newest.
    pub fn replace(&mut self, state: usize, keys: &[(u64, u64)]) {
        if let Some(state) = self.states.get_mut(state) {
            state.keys = sorted(keys);
        }
    }
}

/// In rising order, each key once: its first value counts.
fn sorted(keys: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut keys: Vec<_> = keys.iter().copied().take(MOST_KEYS).collect();
    keys.sort_by_key(|(key, _)| *key);
    keys.dedup_by_key(|(key, _)| *key);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: u32) -> EventId {
        EventId { stream: 1, event }
    }

    #[test]
    fn keys_grow_stay_go_back_and_come_new() {
        let mut keys = Keys::default();
        let (state, before) = keys.follow(None, None, event(0));
        assert_eq!(before, None);
        keys.replace(state, &[(201, 1000), (2, 7), (1, 5), (3, u64::MAX)]);
        let (state, before) = keys.follow(Some(state), None, event(1));
        assert_eq!(before, Some(event(0)));
        let growth = keys.growth(state, &[(1, 5), (2, 8), (3, 0), (201, 973), (999, 1)]);
        let changes: Vec<_> = growth.changes().collect();
        let by = Change::By;
        assert_eq!(changes, [(2, by(1)), (3, by(i64::MIN)), (201, by(-27)), (999, Change::New)]);
        assert_eq!((growth.of(1), growth.of(201)), (by(0), by(-27)));
    }

    #[test]
    fn a_new_link_goes_on_where_its_account_stopped() {
        let mut keys = Keys::default();
        let (state, _) = keys.follow(None, Some(77), event(0));
        assert_eq!(keys.follow(None, Some(77), event(5)), (state, Some(event(0))));
        assert_eq!(keys.follow(None, Some(78), event(6)).1, None);
    }
}
