// SPDX-License-Identifier: GPL-2.0-or-later
//! What every protocol is built on: knows none of them.

pub mod line;
pub mod reader;
pub mod report;
pub mod time;
