// SPDX-License-Identifier: GPL-2.0-or-later
//! MMTLS.

pub mod attack;
pub mod bad;
pub mod case;
pub mod fault;
pub mod hello;
pub mod key_log;
pub mod keys;
pub mod link;
pub mod loopback;
pub mod message;
pub mod phone;
pub mod put;
pub mod random;
pub mod record;
pub mod session;
pub mod short;
pub mod story;
pub mod ticket;
pub mod truth;
