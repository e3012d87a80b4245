// SPDX-License-Identifier: GPL-2.0-or-later
//! WeChat traffic, made to measure: the long link, the web client in [`web`], and in [`mmtls`] what wraps both
//! links of today's phones, the short link included.
//!
//! Captures are made from the outside in: an [`account`] makes PDUs that agree with each other, a
//! [`script`] says who writes them when, a [`flow`] turns writes into TCP segments, and a
//! [`capture`] merges flows and writes them as pcap. The same seed always gives the same bytes.
//!
//! ```text
//! account ─▶ pdu, body ─▶ script ─▶ flow ─▶ capture ─▶ pcap
//!                           ▲                  ▲    └─▶ truth
//!                           └───── fault ──────┘
//! ```
//!
//! The web client's calls come to a capture the same way, from a model of their own, and so do the sessions of MMTLS,
//! which carry scripts.
//!
//! The crate shares no code with the dissector, because each is there to check the other.

pub mod account;
pub mod adversarial;
pub mod bench;
pub mod body;
pub mod capture;
pub mod carried;
pub mod case;
pub mod exchanges;
pub mod fault;
pub mod flow;
pub mod loopback;
pub mod mixed;
pub mod mmtls;
pub mod packet;
pub mod pdu;
pub mod sample;
pub mod samples;
pub mod script;
pub mod truth;
pub mod web;
