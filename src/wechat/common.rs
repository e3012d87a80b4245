// SPDX-License-Identifier: GPL-2.0-or-later
//! What the protocols of one capture have together.

use std::cell::RefCell;
use std::rc::Rc;

use super::key_log::ring::KeyRing;
use super::settings::Shared;

/// What is set for all of them, and the keys that the user has given.
#[derive(Clone, Debug, Default)]
pub struct Common {
    /// What is set.
    pub shared: Shared,
    /// The keys.
    pub ring: Rc<RefCell<KeyRing>>,
}
