// SPDX-License-Identifier: GPL-2.0-or-later
//! Messages that are wrong inside, in sessions whose keys still fit: what is said is what is hashed.

use super::record::What;
use super::session::{Handshake, Mangle};

/// One way of being wrong.
#[derive(Debug)]
pub struct Bad {
    /// As in the name of a case, without `bad-`.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The session in which it happens.
    pub handshake: Handshake,
    /// What it does to messages.
    pub mangle: Mangle,
}

/// Places in a message.
mod at {
    /// Type, behind the length.
    pub const KIND: usize = 4;
    pub const VERSION: usize = 5;
    /// Of a ClientHello with one suite.
    pub const SUITES: usize = 7;
    pub const EXTENSIONS_LEN: usize = 46;
    pub const EXTENSIONS: usize = 50;
    pub const FIRST_LEN: usize = 51;
    pub const FIRST_TYPE: usize = 55;
    /// Of the first ticket or key share.
    pub const ITEM_LEN: usize = 58;
    /// Behind the content's own first fields.
    pub const CONTENT: usize = 5;
}

/// Adds to a big-endian number of four bytes.
fn add32(message: &mut [u8], at: usize, by: i32) {
    let field = &mut message[at..at + 4];
    let mut bytes = [0; 4];
    bytes.copy_from_slice(field);
    field.copy_from_slice(&u32::from_be_bytes(bytes).wrapping_add_signed(by).to_be_bytes());
}

macro_rules! bad {
    ($name:literal, $about:literal, $handshake:ident, $what:ident, $change:expr) => {
        Bad {
            name: $name,
            about: $about,
            handshake: Handshake::$handshake,
            mangle: |what, message| {
                if what == What::$what {
                    let change: fn(&mut Vec<u8>) = $change;
                    change(message);
                }
            },
        }
    };
}

/// All ways of being wrong.
pub const BAD: &[Bad] = &[
    bad!("type", "a ticket message of an unknown type", Full, NewSessionTicket, |m| m[at::KIND] = 0x30),
    bad!("hello-type", "a first message of an unknown type", Full, ClientHello, |m| m[at::KIND] = 0x63),
    bad!("hello-version", "a hello of a version that is neither", Full, ClientHello, |m| {
        m[at::VERSION..at::VERSION + 2].copy_from_slice(&[0x05, 0xF2]);
    }),
    bad!(
        "length-plus",
        "a ClientHello that claims 7 bytes more than its record has",
        Full,
        ClientHello,
        |m| {
            add32(m, 0, 7);
        }
    ),
    bad!(
        "length-minus",
        "a ClientHello that claims 7 bytes less than its record has",
        Full,
        ClientHello,
        |m| {
            add32(m, 0, -7);
        }
    ),
    bad!("length-zero", "a ClientHello that claims no bytes", Resumed, ClientHello, |m| {
        m[..4].fill(0);
    }),
    bad!("length-huge", "a ClientHello that claims four gigabytes", Resumed, ClientHello, |m| m[..4]
        .fill(0xFF)),
    bad!(
        "suites",
        "a ClientHello with 200 cipher suites, which it does not have",
        Resumed,
        ClientHello,
        |m| {
            m[at::SUITES] = 200;
        }
    ),
    bad!("extensions-plus", "extensions of 9 bytes more than there are", Full, ClientHello, |m| {
        add32(m, at::EXTENSIONS_LEN, 9);
    }),
    bad!("extensions-minus", "extensions of 9 bytes less than there are", Full, ClientHello, |m| {
        add32(m, at::EXTENSIONS_LEN, -9);
    }),
    bad!("extensions-none", "no extensions, says their number", Full, ClientHello, |m| m[at::EXTENSIONS] = 0),
    bad!("extensions-many", "255 extensions, says their number", Full, ClientHello, |m| {
        m[at::EXTENSIONS] = 255;
    }),
    bad!("extension-overlap", "a first extension that reaches beyond the hello", Resumed, ClientHello, |m| {
        add32(m, at::FIRST_LEN, 20);
    }),
    bad!("extension-short", "a first extension that ends within its ticket", Resumed, ClientHello, |m| {
        add32(m, at::FIRST_LEN, -20);
    }),
    bad!("extension-empty", "a first extension too short for its type", Resumed, ClientHello, |m| {
        m[at::FIRST_LEN..at::FIRST_LEN + 4].copy_from_slice(&[0, 0, 0, 1]);
    }),
    bad!("extension-type", "an extension of an unknown type", Resumed, ClientHello, |m| {
        m[at::FIRST_TYPE..at::FIRST_TYPE + 2].copy_from_slice(&[0x7A, 0x7A]);
    }),
    bad!("ticket-plus", "a ticket longer than its extension", Resumed, ClientHello, |m| {
        add32(m, at::ITEM_LEN, 50);
    }),
    bad!("ticket-minus", "a ticket whose blocks do not fit its length", Resumed, ClientHello, |m| {
        add32(m, at::ITEM_LEN, -30);
    }),
    bad!("ticket-kind", "a ticket of an unknown kind", Resumed, ClientHello, |m| m[at::ITEM_LEN + 4] = 9),
    bad!("ticket-block", "a ticket whose first block is longer than it", Resumed, ClientHello, |m| {
        m[at::ITEM_LEN + 9..at::ITEM_LEN + 11].copy_from_slice(&[0xFF, 0xFF]);
    }),
    bad!("share-point", "a key share whose point is longer than it", Full, ClientHello, |m| {
        m[at::ITEM_LEN + 8..at::ITEM_LEN + 10].copy_from_slice(&[0xFF, 0xFF]);
    }),
    bad!("hello-cut", "a ServerHello that ends within its random", Resumed, ServerHello, |m| {
        m.truncate(20);
        m[..4].copy_from_slice(&[0, 0, 0, 16]);
    }),
    bad!("hello-trailing", "a ServerHello with 40 bytes behind it", Resumed, ServerHello, |m| {
        m.extend([0xEE; 40]);
    }),
    bad!("signature", "a signature longer than its message", Full, CertificateVerify, |m| {
        m[at::CONTENT..at::CONTENT + 2].copy_from_slice(&[0x12, 0x34]);
    }),
    bad!("tickets", "a ticket message of 255 tickets, says their number", Full, NewSessionTicket, |m| {
        m[at::CONTENT] = 255;
    }),
    bad!("issued-ticket", "an issued ticket longer than its message", Full, NewSessionTicket, |m| {
        add32(m, at::CONTENT + 1, 0x7000_0000);
    }),
    bad!("finished", "a Finished that claims 31 bytes", Resumed, Finished, |m| m[at::CONTENT + 1] = 31),
    bad!("verify", "a Finished with one bit changed", Resumed, Finished, |m| {
        m[at::CONTENT + 2] ^= 1;
    }),
    bad!(
        "early-extensions",
        "encrypted extensions longer than their message",
        EarlyData,
        EncryptedExtensions,
        |m| {
            add32(m, at::CONTENT, 100);
        }
    ),
    bad!(
        "early-time",
        "encrypted extensions with another time than the hello's",
        EarlyData,
        EncryptedExtensions,
        |m| {
            let end = m.len();
            m[end - 1] ^= 0x40;
        }
    ),
    bad!("alert", "an end of unknown code and level", EarlyData, ClosingAlert, |m| {
        m[at::KIND..].copy_from_slice(&[0x12, 0x34, 0x56]);
    }),
    bad!("alert-length", "an end whose length is not its own", EarlyData, ClosingAlert, |m| add32(m, 0, 9)),
    bad!("alert-empty", "an end without a byte", EarlyData, ClosingAlert, Vec::clear),
    bad!("refusal", "a refusal of an unknown code", Refused, Refusal, |m| m[at::KIND + 1] = 0x99),
];
