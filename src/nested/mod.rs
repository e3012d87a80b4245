// SPDX-License-Identifier: GPL-2.0-or-later
//! A protocol of the tests': bytes in which others are hidden. It has what no protocol of the long link needs: bytes
//! that are made of others, and a stream inside of messages.
//!
//! A message is a key of one byte, a position of four, and bytes of a stream from there on, each XOR the key.

use std::ffi::CStr;

use crate::kernel::protocol::{self, OfferTable, Packet, State};
use crate::kernel::report::{HandOff, Piece, Report};
use crate::kernel::rows::Type::{Bytes, Protocol, U8, U32};
use crate::kernel::rows::{Field, Group, Note, Severity, field, note, number_of, rows};
use crate::kernel::segment::{Segment, Step};

/// Number of the table.
pub const TABLE: u16 = 5;
/// The operation of the long link whose bodies are such messages.
pub const OPERATION: u32 = 0x4e45;
/// The table in which others register for what is hidden.
pub const INSIDE: &CStr = c"wechat_nested.inside";

rows! {
    /// Numbers of the fields.
    N, FIELDS: Field, of (TABLE) {
        NESTED = field(Protocol, c"wechat_nested", c"WeChat Nested", c"WeChat test protocol");
        KEY = field(U8, c"wechat_nested.key", c"Key", c"By which each byte is changed");
        POSITION = field(U32, c"wechat_nested.position", c"Position", c"Of the first byte in the stream inside");
        HIDDEN = field(Bytes, c"wechat_nested.hidden", c"Hidden", c"Bytes of the stream inside");
    }
}

rows! {
    /// Numbers of the notes.
    NN, NOTES: Note, of (TABLE) {
        SHORT = note(Group::Malformed, Severity::Error, c"wechat_nested.short", c"The message is too short").brief("short");
        FAILED = note(Group::Malformed, Severity::Error, c"wechat_nested.internal_error", c"The dissector failed on this message");
    }
}

/// What there is to register.
pub static NESTED: protocol::Protocol = protocol::Protocol {
    on_streams: true,
    offers: &[OfferTable::new(INSIDE, c"WeChat Nested", c"wechat_nested")],
    ..protocol::Protocol::new(TABLE, FIELDS, NOTES)
};

/// The state of one capture: none.
#[derive(Debug)]
pub struct Nested;

impl State for Nested {
    fn step(&mut self, segment: &Segment<'_>, report: &mut Report) -> Step {
        let data = segment.data;
        report.set_info("nested");
        let [key, a, b, c, d, hidden @ ..] = data else {
            report.subtree(N::NESTED, 0..data.len(), "", |_| {});
            report.note(NN::SHORT, 0..data.len(), format_args!("{} bytes", data.len()));
            return Step::Consumed(segment.reported);
        };
        let open: Vec<u8> = hidden.iter().map(|byte| byte ^ key).collect();
        report.subtree(N::NESTED, 0..data.len(), "", |report| {
            report.wire(N::KEY, 0..1);
            report.wire(N::POSITION, 1..5);
            let length = open.len();
            report.derived(N::HIDDEN, 5..data.len(), bytes::Bytes::from(open), "Nested", |report, source| {
                report.hand_off(HandOff {
                    table: number_of(TABLE, 0),
                    key: 0,
                    source,
                    start: 0,
                    length,
                    piece: Piece::At { part: 0, position: u32::from_be_bytes([*a, *b, *c, *d]), more: true },
                    inner: None,
                    words: 0,
                    instead: None,
                });
            });
        });
        Step::Consumed(segment.reported)
    }

    fn failed(&self, report: &mut Report, length: usize) {
        report.note(NN::FAILED, 0..length, format_args!("the dissector failed on this message"));
    }

    fn packet_filter(&self, _: usize, _: Packet) -> Option<String> {
        None
    }
}
