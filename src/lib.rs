// SPDX-License-Identifier: GPL-2.0-or-later
//! A Wireshark dissector for WeChat's long link.
//!
//! The mobile client keeps one TCP connection to its servers and exchanges frames on it: a header
//! of 16 bytes, then a body ([`long_link::frame`] draws it). Requests and responses share a seqid, pushes
//! carry seqid 0, heartbeats are headers without a body.
//!
//! # The flow, one direction
//!
//! ```text
//! bytes ─▶ framing ───▶ session ─────▶ annotate ─▶ report ─▶ ffi ───▶ plugin/ (C) ─▶ epan
//!          where is     who answers    body by     items     C ABI
//!          a frame?     whom?          body
//!          └─────────── frame, operation, fields, config: what they all read ───────────┘
//! ```
//!
//! C calls once for each PDU and is told how many bytes that was; everything else about it is
//! decided here. Rust returns data and never calls into Wireshark: its errors are long jumps,
//! which must not cross a Rust frame.
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`long_link::frame`] | how a frame is laid out |
//! | [`long_link::framing`] | where frames begin in a stream that may be cut, holed or wrong |
//! | [`wechat::operation`] | what operation numbers mean |
//! | [`long_link::session`] | which frame answers which |
//! | [`claim`] | whose a stream on a shared port is |
//! | [`streams`] | which number a stream has, whether or not the host has counted it |
//! | [`proxy`] | what a proxy puts in front of a stream |
//! | [`long_link::fields`] | the words a user reads or filters on |
//! | [`config`] | what a user may set |
//! | [`long_link::body`] | what is inside a body |
//! | [`long_link::annotate`] | how all that becomes a report |
//! | [`kernel::report`] | what a report is made of |
//! | [`long_link::record`] | what a tap is told of a frame |
//! | [`long_link::statistics`] | what is counted of a record, and what it is called |
//! | [`kernel::line`] | how a record is written as a line |
//! | [`long_link::navigation`] | which filters lead from one frame to others |
//! | [`long_link`] | how a capture's state is put together |
//! | [`ffi`] | the C ABI; `include/wechat_dissector.h` is made from it |
//! | [`web`] | the web client, which syncs over HTTP: a protocol of its own, with rooms of its own |
//! | `plugin` | the symbols Wireshark looks up |
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
#[cfg(any(test, feature = "nested"))]
pub mod nested;
#[cfg(all(feature = "wireshark", not(test)))]
pub mod plugin;
pub mod protocols;
pub mod web;
pub mod wechat;
