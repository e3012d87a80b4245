// SPDX-License-Identifier: GPL-2.0-or-later
//! What several of WeChat's protocols share. What lies here keeps its names, `wechat.…`, wherever it is found.
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`operation`] | what operation numbers and cgi types mean |
//! | [`business`] | the header of the business packet |
//! | [`opening`] | which key opens the body of which business packet |
//! | [`messages`] | which message types a user gave to calls |
//! | [`inflate`] | how far deflated bytes are inflated |
//! | [`selector`] | what has news |
//! | [`protobuf`] | how fields of a protobuf follow each other |
//! | [`synckey`] | the SyncKey of the phone |
//! | [`keys`] | how SyncKeys grow |
//! | [`secret`] | what stands for a secret |
//! | [`key_log`] | what a user knows of keys |
//! | [`hidden`] | bytes that must not be seen |
//! | [`common`] | what the protocols of one capture have together |
//! | [`settings`] | what a user may set for all protocols |
//! | [`fields`] | the words a user reads or filters on |

pub mod business;
pub mod common;
pub mod fields;
pub mod hidden;
pub mod inflate;
pub mod key_log;
pub mod keys;
pub mod messages;
pub mod opening;
pub mod operation;
pub mod protobuf;
pub mod secret;
pub mod selector;
pub mod settings;
pub mod synckey;

use std::ffi::CStr;

use crate::kernel::protocol::{OfferTable, Protocol};

/// Dissectors of the host's that a user may choose for bodies and messages.
pub const CHOICES: &[&CStr] = &[
    c"json",
    c"xml",
    c"protobuf",
    c"cbor",
    c"data-text-lines",
    c"image-gif",
    c"image-jfif",
    c"png",
    c"data",
];

/// What there is to register: words, tables and exported bodies under the long link's name.
pub static SHARED: Protocol = Protocol {
    under: 1,
    preferences: settings::PREFERENCES,
    offers: &[
        OfferTable {
            fallback: Some(c"protobuf"),
            choices: CHOICES,
            ..OfferTable::new(c"wechat.cgi", c"WeChat request", HEURISTICS)
        },
        OfferTable {
            fallback: Some(c"protobuf"),
            choices: CHOICES,
            ..OfferTable::new(c"wechat.cgi_answer", c"WeChat answer", HEURISTICS)
        },
    ],
    exports: true,
    ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES)
};

/// Those that are tried for opened messages for whose call nobody registered.
const HEURISTICS: &CStr = c"wechat_cgi";
