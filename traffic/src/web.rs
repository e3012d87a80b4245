// SPDX-License-Identifier: GPL-2.0-or-later
//! Web WeChat traffic: a browser's calls over HTTP, and the answers to them.
//!
//! ```text
//! json, news ─▶ client ─▶ scene ─▶ dialogue ─▶ carrier ─▶ capture ─▶ pcap
//!                           ▲          │          ▲ └─▶ truth
//!               bad ────────┘          ▼          │
//!                                    talk ─────▶ tls
//! ```
//!
//! A [`client`] makes calls that agree with each other, a [`scene`] says which, and the result is a
//! [`dialogue`]. A [`carrier`] writes it into a capture; [`case`](mod@case) lists what can be asked for by name.
//!
//! All names, texts and numbers are made up.

pub mod bad;
pub mod carrier;
pub mod case;
pub mod client;
pub mod dialogue;
pub mod exported;
pub mod http;
pub mod json;
pub mod news;
pub mod odd;
pub mod reader;
pub mod scene;
#[cfg(feature = "tls")]
pub mod talk;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "web/no_tls.rs"]
pub mod tls;
pub mod together;
pub mod truth;

/// The port of HTTP inside TLS.
pub const HTTPS: u16 = 443;

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}
