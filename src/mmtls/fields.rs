// SPDX-License-Identifier: GPL-2.0-or-later
//! Words a user reads or filters on, of MMTLS: fields and notes. The only place for them.

use crate::kernel::rows::Type::*;
use crate::kernel::rows::{Field, Group, Note, Severity, Value, field, mark, note, rows};

/// Number of the table.
pub const TABLE: u16 = 3;

rows! {
    /// Names of the fields.
    M, FIELDS: Field, of (TABLE) {
        MMTLS = field(Protocol, c"mmtls", c"MMTLS", c"WeChat MMTLS");

        // The record.
        TYPE = field(U8, c"mmtls.type", c"Type", c"What the record carries").values(TYPES);
        VERSION = field(U16, c"mmtls.version", c"Version", c"Version of the record layer: F104 in the client since about 2021, F103 before and in small clients").hex().values(VERSIONS);
        LENGTH = field(U16, c"mmtls.length", c"Length", c"Bytes of the record behind its header");
        SEQ = field(U64, c"mmtls.seq", c"Sequence number", c"Counts the records of a direction from 0, the hello included");
        ENCRYPTED = field(Bytes, c"mmtls.encrypted", c"Encrypted", c"What only a key opens, and its tag");
        SKIPPED = field(None, c"mmtls.skipped", c"Bytes between records", c"Bytes in which no record is shown");

        // Its session.
        SESSION = field(U32, c"mmtls.session", c"Session", c"Number of the session in the capture, by first record, from 0; over HTTP each POST is one");
        FLOW = field(Text, c"mmtls.flow", c"Flow", c"How the session begins: full, resumed, 0-RTT, refused or unknown");
        OPENED = mark(c"mmtls.opened", c"Opened", c"Whether a key has opened the record");
        WHY_CLOSED = field(Text, c"mmtls.why_closed", c"Closed because", c"no key log, no line, key came later, tag, cut or sequence unknown");
    }
}

/// Types of records.
pub const TYPES: &[Value] =
    &[(0x15, c"Alert"), (0x16, c"Handshake"), (0x17, c"Data"), (0x19, c"Handshake with early data")];

/// Versions of the record layer.
pub const VERSIONS: &[Value] = &[(0xf103, c"F103"), (0xf104, c"F104")];

rows! {
    /// Names of the notes.
    MN, NOTES: Note, of (TABLE) {
        FAILED = note(Group::Malformed, Severity::Error, c"mmtls.internal_error", c"The dissector failed on these bytes");
    }
}
