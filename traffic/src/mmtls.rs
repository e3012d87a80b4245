// SPDX-License-Identifier: GPL-2.0-or-later
//! MMTLS and the short link: what phones send since about 2016, with real keys.
//!
//! ```text
//! ticket ─▶ hello, message ─▶ session ◀─ keys
//!                               │
//!              record ──────────┤      phone ─▶ frames, calls
//!                               ▼               │
//!            bad ───────────▶ story ◀─ link, short
//!                               │
//!            fault ───────────▶ case ─▶ capture, key_log, truth
//! ```
//!
//! A [`session`] holds both ends, so that its records, its secrets and what is in them are known together. A
//! [`phone`] makes frames and calls whose bodies open as well. A [`story`] puts them on connections: [`link`]
//! writes a script's frames as records on TCP, [`short`] writes calls as POSTs. What comes of it, its key logs and
//! its truth, is a [`case::Made`].
//!
//! ```
//! use wechat_traffic::mmtls::case;
//!
//! let made = case::find("resumed").unwrap().make(1)?;
//! let log = made.log("secrets").unwrap();
//! let truth = made.truth(std::slice::from_ref(&log))?;
//! let mut pcap = Vec::new();
//! made.capture.write_pcap(&mut pcap)?;
//! assert!(log.bytes.starts_with(b"MMTLS_PSK ") && truth.len() > 40);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What no source tells is made up in the likeliest way, and said where it is done: the keys of a resumed long link
//! ([`session`]) and those of a hybrid body ([`body::sealed`](crate::body::sealed)).

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
