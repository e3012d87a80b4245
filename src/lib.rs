// SPDX-License-Identifier: GPL-2.0-or-later
//! A Wireshark dissector for what WeChat's clients speak: the map.
//!
//! The crate turns bytes of a stream into a report, a flat list of what they say. It is a C library
//! (`include/wechat_dissector.h`); with the feature `wireshark` it is also the plugin, whose C side, `plugin/`, registers
//! with Wireshark what the tables here list, and draws the reports.
//!
//! # The flow, one direction
//!
//! ```text
//! bytes ─▶ segment ─▶ capture ─▶ protocol: framing ─▶ session ─▶ annotate ─▶ report ─▶ ffi ─▶ plugin/ (C) ─▶ epan
//!                     whose is             where is   who answers what does                                  │
//!                     it?                  a PDU?     whom?       it say?                                    │
//!    ▲                                                                                                       │
//!    └──────────────── what is inside, handed to the next dissector: ours, or anybody's ─────────────────────┘
//! ```
//!
//! C calls once for each PDU and is told how many bytes that was; everything else about it is
//! decided here. Rust returns data and never calls into Wireshark: its errors are long jumps,
//! which must not cross a Rust frame. State changes on the first visit of a packet only; every later visit, in
//! any order, reads it. `docs/architecture.md` tells the life of one segment.
//!
//! # The rooms
//!
//! An upper room knows lower ones, never the other way, and protocols never know each other; `tests/architecture.rs`
//! fails on any other arrow. A folder's own table says what each of its files is about.
//!
//! | room | is the only place that knows |
//! | --- | --- |
//! | `plugin` | the symbols Wireshark looks up |
//! | [`ffi`] | the C ABI; `include/wechat_dissector.h` is made from it |
//! | [`capture`] | how a capture's state is put together |
//! | [`claim`] | whose a stream on a shared port is |
//! | [`protocols`] | which protocols there are: a row each |
//! | [`long_link`] | a protocol: frames on one TCP connection |
//! | [`mmtls`] | a protocol: the record layer in which the phone's links lie |
//! | [`short_link`] | a protocol: calls of the phone, a request and an answer each |
//! | [`web`] | a protocol: the web client, which syncs over HTTP |
//! | [`http`] | where messages of HTTP lie, which answers which, and whose each is |
//! | [`wechat`] | what several protocols share: operations, business packet, SyncKey, secrets |
//! | [`config`] | what a user has set |
//! | [`kernel`] | what every protocol is built on; knows none |
//!
//! A new protocol is a folder beside [`web`] and a row in [`protocols`]: CONTRIBUTING.md has the tour.
#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]
#![deny(unsafe_code)]

pub mod capture;
pub mod claim;
pub mod config;
pub mod ffi;
pub mod http;
pub mod kernel;
pub mod long_link;
pub mod mmtls;
#[cfg(any(test, feature = "nested"))]
pub mod nested;
#[cfg(all(feature = "wireshark", not(test)))]
pub mod plugin;
pub mod protocols;
pub mod short_link;
pub mod web;
pub mod wechat;
