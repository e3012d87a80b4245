// SPDX-License-Identifier: GPL-2.0-or-later
//! Whether a stream on a port that others use begins with a frame.

use super::frame::{Header, at};
use super::settings::{DEFAULT_LIMIT, Settings};
use crate::kernel::framing::{Header as _, begins_chain, find_chain};
use crate::kernel::protocol::{Begins, Start};
use crate::wechat::operation;

/// Fewest bytes that make a header plausible: they end with its signature.
pub const PLAUSIBLE: usize = at::SIGNATURE.end;

/// On any port the rest of a first frame is waited for if it is no longer.
const LONGEST_WAITED: usize = 16 << 10;

/// A plausible header begins a stream, or on any port a whole frame of a known operation. A stream whose beginning
/// nobody saw may also have a chain of headers inside.
pub fn begins(start: &Start<'_>, settings: &Settings) -> Begins {
    // A stream whose frames are beyond the user's limit is still ours, to say so.
    let (data, limit) = (start.data, settings.limit.max(DEFAULT_LIMIT));
    let may_start = !data.is_empty() && Header::may_start(data, limit);
    match (may_start, start.any_port) {
        (true, true) if !settings.try_any_port => Begins::No,
        (true, true) => on_any_port(data, limit),
        (true, false) if data.len() < PLAUSIBLE => Begins::Perhaps,
        (true, false) => Begins::Yes,
        (false, false) if !start.began && find_chain::<Header>(data, limit) => Begins::Yes,
        (false, _) => Begins::No,
    }
}

/// A whole frame must come.
fn on_any_port(data: &[u8], limit: u32) -> Begins {
    let Some(header) = Header::read(data) else { return Begins::Perhaps };
    let length = header.packet_len as usize;
    if !is_known(header) {
        return Begins::No;
    }
    match begins_chain::<Header>(data, limit) {
        true => Begins::Yes,
        false if data.len() < length && length <= LONGEST_WAITED => Begins::Perhaps,
        false => Begins::No,
    }
}

/// Whether an operation is one that somebody has described.
fn is_known(header: Header) -> bool {
    [header.op, operation::base(header.op)].iter().any(|op| !operation::rows(*op).is_empty())
}
