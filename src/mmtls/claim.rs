// SPDX-License-Identifier: GPL-2.0-or-later
//! Whether a stream on a port that others use begins with a record.

use super::record::{HEADER_LEN, Header, kind};
use crate::kernel::framing::{Header as _, begins_chain, find_chain};
use crate::kernel::protocol::{Begins, Start};

/// A whole header begins a stream, or on any port a whole hello. A stream whose beginning nobody saw may also have a
/// chain of records inside, which is what it takes on any port.
pub fn begins(start: &Start<'_>, try_any_port: bool) -> Begins {
    let Start { data, began, any_port } = *start;
    if data.is_empty() || (any_port && !try_any_port) {
        return Begins::No;
    }
    let may_start = Header::may_start(data, u32::MAX);
    match Header::read(data) {
        None if may_start => Begins::Perhaps,
        Some(header) if may_start && !any_port => match continues(data, header) {
            true => Begins::Yes,
            false => Begins::No,
        },
        Some(header) if may_start => hello(data, header),
        _ if !began && find_chain::<Header>(data, u32::MAX) => Begins::Yes,
        _ => Begins::No,
    }
}

/// Whether what follows the first record, as far as it is there, may begin another.
fn continues(data: &[u8], header: Header) -> bool {
    let behind = data.get(header.pdu_len() as usize..).unwrap_or_default();
    header.is_likely() || behind.is_empty() || Header::may_start(behind, u32::MAX)
}

/// On any port a whole hello must come, or a chain of other records.
fn hello(data: &[u8], header: Header) -> Begins {
    let content = data.get(HEADER_LEN..).unwrap_or_default();
    let is_handshake = matches!(header.kind, kind::HANDSHAKE | kind::EARLY);
    let may_be_hello = content.get(4..7).unwrap_or(&[1, 3, 0xf1]);
    let may_be_hello = matches!(may_be_hello, [1 | 2, 3 | 4, 0xf1]);
    let whole = data.len() >= header.pdu_len() as usize;
    match is_handshake && may_be_hello {
        true if whole => Begins::Yes,
        true => Begins::Perhaps,
        false if data.len() > header.pdu_len() as usize && begins_chain::<Header>(data, u32::MAX) => {
            Begins::Yes
        }
        false => Begins::No,
    }
}
