// SPDX-License-Identifier: GPL-2.0-or-later
//! The push (operation 122) and its acknowledgement.

use std::ops::Range;

use super::context::Context;
use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::long_link::fields::{F, N};
use crate::wechat::{opening, synckey};

/// Flag bit 0: the client must acknowledge.
const ACK_WANTED: u32 = 1;

/// What the article calls an unknown header: the first four bytes of a push.
const UNKNOWN_HEADER: usize = 4;

/// Whether a push wants an acknowledgement.
pub fn wants_ack(mut reader: Reader<'_>) -> bool {
    let flags = reader.u32();
    let length = reader.u32();
    let fits = length.is_some_and(|(length, _)| length as usize == reader.left());
    fits && flags.is_some_and(|(flags, _)| flags & ACK_WANTED != 0)
}

/// A reader of the business packet in a push.
pub fn packet(mut reader: Reader<'_>) -> Option<Reader<'_>> {
    reader.u32()?;
    let (length, _) = reader.u32()?;
    (length as usize == reader.left()).then_some(reader)
}

pub fn show(report: &mut Report, data: &[u8], reader: &mut Reader<'_>, context: Context<'_>) {
    let whole = reader.clone();
    let (Some((flags, flags_at)), Some((length, length_at))) = (reader.u32(), reader.u32()) else {
        return show_unknown(report, whole, None);
    };
    if length as usize != reader.left() {
        return show_unknown(report, whole, Some((length, length_at)));
    }
    let words = if flags & ACK_WANTED != 0 { ": acknowledgement wanted" } else { "" };
    report.subtree(F::PUSH_FLAGS, flags_at.clone(), words, |report| {
        report.wire(F::PUSH_ACK_WANTED, flags_at);
    });
    report.wire(F::PUSH_LEN, length_at);
    opening::show::packet(report, data, reader, context.business());
}

/// A push whose length does not fit: the first bytes are unknown, the rest is data.
fn show_unknown(report: &mut Report, mut reader: Reader<'_>, length: Option<(u32, Range<usize>)>) {
    let Some(unknown) = reader.take(UNKNOWN_HEADER) else {
        return reader.short(report, "the header of a push", UNKNOWN_HEADER);
    };
    report.wire(F::PUSH_UNKNOWN, unknown);
    match length {
        Some((length, at)) => {
            let left = reader.left().saturating_sub(at.len());
            let words = format_args!("the push says {length} bytes follow its length, there are {left}");
            report.note(N::PUSH_LEN_MISMATCH, at, words);
        }
        None => reader.short(report, "the length of a push", 4),
    }
    if reader.left() > 0 {
        report.wire(F::PUSH_DATA, reader.rest());
    }
}

/// The elapsed time of an acknowledgement, in milliseconds; the keys of its SyncKey are added to `keys`.
pub fn read_ack(mut reader: Reader<'_>, keys: &mut Vec<(u64, u64)>) -> Option<u32> {
    let (elapsed, _) = reader.u32()?;
    if let Some((length, _)) = reader.u32()
        && let Some(key) = reader.sub(length as usize)
    {
        synckey::read(key, keys);
    }
    Some(elapsed)
}

pub fn show_ack(report: &mut Report, reader: &mut Reader<'_>, context: Context<'_>) {
    let Some((_, elapsed_at)) = reader.u32() else {
        return reader.short(report, "the elapsed time", 4);
    };
    report.wire_labelled(F::ACK_ELAPSED, elapsed_at, " ms");
    let Some((length, length_at)) = reader.u32() else {
        return reader.short(report, "the length of the SyncKey", 4);
    };
    report.wire(F::ACK_LEN, length_at);
    match reader.sub(length as usize) {
        Some(mut key) => synckey::show(report, &mut key, context.growth),
        None => {
            reader.short(report, "the SyncKey", length as usize);
            return synckey::show(report, reader, None);
        }
    }
    reader.excess(report, "the SyncKey");
}
