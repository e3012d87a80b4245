// SPDX-License-Identifier: GPL-2.0-or-later
//! How SyncKeys grow from one to the next, on a link and from link to link of an account.

use foldhash::HashMap;

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
    /// How `keys` differ from the ones `before`; both as [`sorted`] gives them.
    pub(crate) fn between(before: &[(u64, u64)], keys: &[(u64, u64)]) -> Self {
        let change = |(key, value): &(u64, u64)| {
            let Ok(place) = before.binary_search_by_key(key, |(key, _)| *key) else {
                return Some((*key, Change::New));
            };
            let old = before.get(place).map_or(0, |(_, old)| *old);
            let by = i128::from(*value).saturating_sub(old.into());
            let by = i64::try_from(by).unwrap_or(if by < 0 { i64::MIN } else { i64::MAX });
            (by != 0).then_some((*key, Change::By(by)))
        };
        Self(keys.iter().filter_map(change).collect())
    }

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

/// The newest SyncKey of a link or an account.
#[derive(Clone, Debug)]
struct State<Event> {
    newest: Event,
    keys: Vec<(u64, u64)>,
}

/// The newest SyncKeys of all links and accounts, each with the event that brought it.
#[derive(Debug)]
pub struct Keys<Event> {
    /// Of links, each with the account that it named last.
    links: Vec<(State<Event>, Option<u32>)>,
    accounts: HashMap<u32, State<Event>>,
}

impl<Event> Default for Keys<Event> {
    fn default() -> Self {
        Self { links: Vec::new(), accounts: HashMap::default() }
    }
}

impl<Event: Copy> Keys<Event> {
    /// Takes the SyncKey of `event`, on the link of number `link` if it had any before, and of `account`
    /// if the frame names it. Returns the link's number, and the SyncKey before: the link's, or where that
    /// had none its account's.
    pub fn follow(
        &mut self,
        link: Option<usize>,
        account: Option<u32>,
        event: Event,
        keys: &[(u64, u64)],
    ) -> (usize, Option<(Event, Growth)>) {
        let number = link.unwrap_or(self.links.len());
        let known = self.links.get(number);
        let account_of_link = account.or_else(|| known.and_then(|(_, account)| *account));
        let before = known.map(|(state, _)| state).or_else(|| self.accounts.get(&account?));
        let state = State { newest: event, keys: sorted(keys) };
        let before = before.map(|before| (before.newest, Growth::between(&before.keys, &state.keys)));
        if let Some(account) = account_of_link {
            self.accounts.insert(account, state.clone());
        }
        match self.links.get_mut(number) {
            Some(link) => *link = (state, account_of_link),
            None => self.links.push((state, account_of_link)),
        }
        (number, before)
    }
}

/// In rising order, each key once: its first value counts.
pub(crate) fn sorted(keys: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut keys: Vec<_> = keys.iter().copied().take(MOST_KEYS).collect();
    keys.sort_by_key(|(key, _)| *key);
    keys.dedup_by_key(|(key, _)| *key);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_grow_stay_go_back_and_come_new() {
        let mut keys = Keys::default();
        let (state, before) = keys.follow(None, None, 0, &[(201, 1000), (2, 7), (1, 5), (3, u64::MAX)]);
        assert!(before.is_none());
        let (_, before) = keys.follow(Some(state), None, 1, &[(1, 5), (2, 8), (3, 0), (201, 973), (999, 1)]);
        let (newest, growth) = before.unwrap();
        assert_eq!(newest, 0);
        let changes: Vec<_> = growth.changes().collect();
        let by = Change::By;
        assert_eq!(changes, [(2, by(1)), (3, by(i64::MIN)), (201, by(-27)), (999, Change::New)]);
        assert_eq!((growth.of(1), growth.of(201)), (by(0), by(-27)));
    }

    #[test]
    fn a_new_link_goes_on_where_its_account_stopped() {
        let mut keys = Keys::default();
        let mut follow = |link, account, number| {
            let (state, before) = keys.follow(link, account, number, &[(2, 7)]);
            (state, before.map(|(before, _)| before))
        };
        let (first, _) = follow(None, Some(77), 0);
        let (second, before) = follow(None, Some(77), 5);
        assert_eq!(before, Some(0));
        // Each link goes on by itself.
        assert_eq!(follow(Some(first), None, 6).1, Some(0));
        assert_eq!(follow(Some(second), None, 7).1, Some(5));
        assert_eq!(follow(None, Some(78), 8).1, None);
        assert_eq!(follow(None, Some(77), 9).1, Some(7));
    }
}
