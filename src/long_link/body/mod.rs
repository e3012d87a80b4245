// SPDX-License-Identifier: GPL-2.0-or-later
//! What is inside a body: one file for each layout, one reader for all.

mod identify;
mod notices;
mod push;

use std::fmt;
use std::ops::Range;

use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::long_link::session::Growth;
use crate::wechat::operation::{Layout, Meaning};

use crate::wechat::business;
pub use crate::wechat::business::cgi;
pub use push::wants_ack;

/// The selector of a notice that has one.
pub fn selector(data: &[u8], range: Range<usize>, layout: Layout) -> Option<u32> {
    (layout == Layout::Selector).then(|| Reader::new(data, range).u32())?.map(|(selector, _)| selector)
}

/// The elapsed time, in milliseconds, that an acknowledgement states.
pub fn ack_elapsed_ms(data: &[u8], range: Range<usize>, layout: Layout) -> Option<u32> {
    (layout == Layout::PushAck).then(|| Reader::new(data, range).u32())?.map(|(elapsed, _)| elapsed)
}

/// Adds the keys and values of the SyncKey that a body carries to `keys`, and returns the account that it
/// names.
pub fn sync_keys(
    data: &[u8],
    range: Range<usize>,
    layout: Layout,
    keys: &mut Vec<(u64, u64)>,
) -> Option<u32> {
    let reader = Reader::new(data, range);
    match layout {
        Layout::IdentifyRequest => identify::read_keys(reader, keys),
        Layout::PushAck => {
            push::read_keys(reader, keys);
            None
        }
        _ => None,
    }
}

/// What a body is read with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the frame is.
    pub meaning: Meaning,
    /// How the keys of its SyncKey grew since the one before.
    pub growth: Option<&'a Growth>,
    /// Whether account numbers and cookies are shown.
    pub show_account: bool,
}

/// Shows the body of a frame, which lies at `range` of it. `data` is what was captured of the frame.
pub fn show(report: &mut Report, data: &[u8], range: Range<usize>, layout: Layout, context: Context<'_>) {
    let mut reader = Reader::new(data, range);
    match layout {
        Layout::Business => business::show(report, &mut reader, context),
        Layout::Push => push::show(report, &mut reader, context),
        Layout::PushAck => push::show_ack(report, &mut reader, context),
        Layout::Selector => notices::show_selector_push(report, &mut reader),
        Layout::Redirect => notices::show_redirect(report, &mut reader),
        Layout::VoipRequest => notices::show_voip(report, &mut reader),
        Layout::NoticeIds => notices::show_ids(report, &mut reader),
        Layout::IdentifyRequest => identify::show_request(report, &mut reader, context),
        Layout::IdentifyAnswer => identify::show_answer(report, &mut reader),
    }
}

/// What a body adds to the sentence in the Info column.
pub fn summarise(out: &mut impl fmt::Write, data: &[u8], range: Range<usize>, layout: Layout) -> fmt::Result {
    match layout {
        Layout::Push if wants_ack(data, range.clone()) => out.write_str(" (acknowledgement wanted)"),
        Layout::Selector => notices::summarise_selector(out, Reader::new(data, range)),
        Layout::Redirect => notices::summarise_redirect(out, Reader::new(data, range)),
        _ => Ok(()),
    }
}
