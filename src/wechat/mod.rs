// SPDX-License-Identifier: GPL-2.0-or-later
//! What several of WeChat's protocols share. What lies here keeps its names, `wechat.…`, wherever it is found.
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`operation`] | what operation numbers and cgi types mean |
//! | [`business`] | the header of the business packet |
//! | [`inflate`] | how far deflated bytes are inflated |
//! | [`selector`] | what has news |
//! | [`synckey`] | the SyncKey of the phone |
//! | [`keys`] | how SyncKeys grow |
//! | [`secret`] | what stands for a secret |
//! | [`key_log`] | what a user knows of keys |
//! | [`hidden`] | bytes that must not be seen |
//! | [`common`] | what the protocols of one capture have together |
//! | [`settings`] | what a user may set for all protocols |
//! | [`fields`] | the words a user reads or filters on |

pub mod business;
pub mod common;
pub mod fields;
pub mod hidden;
pub mod inflate;
pub mod key_log;
pub mod keys;
pub mod operation;
pub mod secret;
pub mod selector;
pub mod settings;
pub mod synckey;

use crate::kernel::protocol::Protocol;

/// What there is to register: words under the long link's name.
pub static SHARED: Protocol = Protocol {
    under: 1,
    preferences: settings::PREFERENCES,
    ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES)
};
