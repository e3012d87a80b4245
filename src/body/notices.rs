// SPDX-License-Identifier: GPL-2.0-or-later
//! Small pushes whose layout is known.

use std::ops::Range;

use super::reader::Reader;
use crate::fields::F;
use crate::report::Report;

/// The fields that show one bit of the selector each.
const SELECTOR_BITS: std::ops::RangeInclusive<u16> = F::SELECTOR_PROFILE..=F::SELECTOR_SUB_ACCOUNT;

/// The selector and its bits, for every body that has one.
pub fn show_selector(report: &mut Report, at: Range<usize>) {
    report.subtree(F::SELECTOR, at.clone(), format_args!(""), |report| {
        SELECTOR_BITS.for_each(|bit| report.wire(bit, at.clone()));
    });
}

pub fn show_selector_push(report: &mut Report, reader: &mut Reader<'_>) {
    match reader.u32() {
        Some((_, at)) => show_selector(report, at),
        None => return reader.short(report, "the selector", 4),
    }
    reader.excess(report, "the selector");
}

pub fn show_redirect(report: &mut Report, reader: &mut Reader<'_>) {
    while let Some(at) = reader.take(4) {
        report.wire(F::REDIRECT_ADDRESS, at);
    }
    if reader.left() > 0 {
        reader.short(report, "an address", 4);
    }
}

pub fn show_voip(report: &mut Report, reader: &mut Reader<'_>) {
    match reader.u8() {
        Some((_, at)) => report.wire(F::VOIP_KIND, at),
        None => return reader.short(report, "the kind of call event", 1),
    }
    if reader.left() > 0 {
        report.wire(F::VOIP_DATA, reader.rest());
    }
}

pub fn show_ids(report: &mut Report, reader: &mut Reader<'_>) {
    for field in [F::NOTICE_ID, F::NOTICE_SEQ] {
        match reader.u32() {
            Some((_, at)) => report.wire(field, at),
            None => return reader.short(report, "a notice's number", 4),
        }
    }
    reader.excess(report, "the notice");
}
