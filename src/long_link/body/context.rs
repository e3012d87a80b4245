// SPDX-License-Identifier: GPL-2.0-or-later
//! What the layouts need besides the bytes.

use crate::wechat::keys::Growth;
use crate::wechat::operation::Meaning;

/// What a body is read with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the frame is.
    pub meaning: Meaning,
    /// How the keys of its SyncKey grew since the one before.
    pub growth: Option<&'a Growth>,
    /// Whether account numbers and cookies are shown.
    pub show_account: bool,
}
