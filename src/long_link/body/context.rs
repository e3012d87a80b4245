// SPDX-License-Identifier: GPL-2.0-or-later
//! What the layouts need besides the bytes.

use crate::wechat::keys::Growth;
use crate::wechat::opening::body::Body;
use crate::wechat::opening::show;
use crate::wechat::operation::Meaning;
use crate::wechat::settings::Shared;

/// What a body is read with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the frame is.
    pub meaning: Meaning,
    /// How the keys of its SyncKey grew since the one before.
    pub growth: Option<&'a Growth>,
    /// What is set for all protocols.
    pub shared: &'a Shared,
    /// The body of the business packet in it, where a key was tried.
    pub opened: Option<&'a Body>,
}

impl<'a> Context<'a> {
    /// What the business packet in it is shown with.
    pub fn business(self) -> show::Context<'a> {
        let Self { meaning, growth, shared, opened } = self;
        show::Context { of: meaning.into(), shared, body: opened, growth }
    }
}
