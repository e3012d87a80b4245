// SPDX-License-Identifier: GPL-2.0-or-later
//! What several of the tests share.

pub mod compare;
pub mod foreign;
pub mod longlink;
pub mod mmtls;
pub mod opened;
pub mod plugin;
pub mod servers;
pub mod sharkd;
pub mod webcalls;
