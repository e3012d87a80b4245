// SPDX-License-Identifier: GPL-2.0-or-later
//! What several of WeChat's protocols share.

pub mod business;
pub mod keys;
pub mod operation;
pub mod secret;
pub mod synckey;
