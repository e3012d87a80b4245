// SPDX-License-Identifier: GPL-2.0-or-later
//! Key logs, in both formats.
//!
//! | file | is the only place that knows |
//! | --- | --- |
//! | [`file`](mod@file) | how a file grows |
//! | [`half`] | keys of records |
//! | [`keys`] | what key logs give, and where it is found again |
//! | [`line`](mod@line) | both formats |
//! | [`ring`] | all that a user has given in a capture |
//! | [`business`] | keys of what lies deeper than records |
//! | [`kept`] | where keys lie in memory |

pub mod business;
pub mod file;
pub mod half;
pub mod kept;
pub mod keys;
pub mod line;
pub mod ring;
