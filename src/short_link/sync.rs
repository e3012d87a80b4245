// SPDX-License-Identifier: GPL-2.0-or-later
//! How the SyncKey of an account grows from call to call, where keys open those that have one.

use foldhash::HashMap;

use crate::kernel::place::Place;
use crate::kernel::reader::Reader;
use crate::wechat::business::Header;
use crate::wechat::fields::FAULTS;
use crate::wechat::keys::{Growth, Keys};
use crate::wechat::opening::body::{Body, sync_key};
use crate::wechat::synckey;

/// What a SyncKey says that the one before did not, and in which packet that was.
#[derive(Clone, Copy, Debug)]
pub struct Since<'a> {
    /// How its keys grew.
    pub growth: &'a Growth,
    /// The packet of the SyncKey before.
    pub previous: u32,
}

/// The SyncKeys of a capture's calls.
#[derive(Debug, Default)]
pub struct SyncKeys {
    keys: Keys<u32>,
    /// Of each account, its number among them.
    accounts: HashMap<u32, usize>,
    grown: HashMap<Place, (Growth, u32)>,
}

impl SyncKeys {
    /// The first visit comes to a body.
    pub fn learn(&mut self, place: Place, header: &Header, body: &Body) {
        let Some(message) = body.message() else { return };
        let Some(at) = sync_key(message, header) else { return };
        let mut keys = Vec::new();
        synckey::read(Reader::new(message, at, FAULTS), &mut keys);
        if keys.is_empty() {
            return;
        }
        let account = self.accounts.get(&header.uin()).copied();
        let (account, before) = self.keys.follow(account, None, place.packet, &keys);
        self.accounts.insert(header.uin(), account);
        if let Some((previous, growth)) = before {
            self.grown.insert(place, (growth, previous));
        }
    }

    /// What the SyncKey at a place says that the one before did not.
    pub fn since(&self, place: Place) -> Option<Since<'_>> {
        let (growth, previous) = self.grown.get(&place)?;
        Some(Since { growth, previous: *previous })
    }
}
