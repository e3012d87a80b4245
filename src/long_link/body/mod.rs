// SPDX-License-Identifier: GPL-2.0-or-later
//! What is inside a body: one file for each layout, one reader for all.

mod context;
mod identify;
mod notices;
mod push;

use std::fmt;
use std::ops::Range;

use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::wechat::fields::FAULTS;
use crate::wechat::operation::{Layout, Meaning};
use crate::wechat::{business, opening};

pub use context::Context;

/// What a body tells the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gist {
    /// It is a push that wants an acknowledgement.
    pub wants_ack: bool,
    /// What a notice has news of.
    pub selector: Option<u32>,
    /// Of an acknowledgement, the milliseconds since its push.
    pub elapsed_ms: Option<u32>,
    /// The account that it names.
    pub account: Option<u32>,
}

/// Reads the body that lies at `range` of a frame; keys and values of its SyncKey are added to `keys`.
pub fn read(data: &[u8], range: Range<usize>, layout: Layout, keys: &mut Vec<(u64, u64)>) -> Gist {
    let mut reader = Reader::new(data, range, FAULTS);
    let nothing = Gist::default();
    match layout {
        Layout::Push => Gist { wants_ack: push::wants_ack(reader), ..nothing },
        Layout::Selector => Gist { selector: reader.u32().map(|(selector, _)| selector), ..nothing },
        Layout::PushAck => Gist { elapsed_ms: push::read_ack(reader, keys), ..nothing },
        Layout::IdentifyRequest => Gist { account: identify::read_keys(reader, keys), ..nothing },
        Layout::Business
        | Layout::Redirect
        | Layout::IdentifyAnswer
        | Layout::VoipRequest
        | Layout::NoticeIds => nothing,
    }
}

/// The header of the business packet in a body, if there is one.
pub fn business(
    data: &[u8],
    range: Range<usize>,
    layout: Layout,
    meaning: Meaning,
) -> Option<business::Header> {
    let reader = Reader::new(data, range, FAULTS);
    match layout {
        Layout::Business => business::read(&reader, meaning),
        Layout::Push => business::read(&push::packet(reader)?, meaning),
        _ => None,
    }
}

/// Shows the body of a frame, which lies at `range` of it. `data` is what was captured of the frame.
pub fn show(report: &mut Report, data: &[u8], range: Range<usize>, layout: Layout, context: Context<'_>) {
    let mut reader = Reader::new(data, range, FAULTS);
    match layout {
        Layout::Business => opening::show::packet(report, data, &mut reader, context.business()),
        Layout::Push => push::show(report, data, &mut reader, context),
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
    let reader = Reader::new(data, range, FAULTS);
    match layout {
        Layout::Push if push::wants_ack(reader.clone()) => out.write_str(" (acknowledgement wanted)"),
        Layout::Selector => notices::summarise_selector(out, reader),
        Layout::Redirect => notices::summarise_redirect(out, reader),
        _ => Ok(()),
    }
}
