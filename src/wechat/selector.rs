// SPDX-License-Identifier: GPL-2.0-or-later
//! The selector: what has news, one bit each.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use super::fields::{FIELDS, S};
use crate::kernel::report::Report;
use crate::kernel::rows::{SetBits, row_of};

/// What a notice that names nothing has news of: profile, messages, contacts.
pub const DEFAULT: u32 = 7;

/// The fields that show one bit each.
const BITS: RangeInclusive<u16> = S::SELECTOR_PROFILE..=S::SELECTOR_SUB_ACCOUNT;

/// Labels of the bits that are set.
pub fn news(selector: u32) -> impl Display {
    SetBits(selector.into(), BITS.filter_map(|bit| FIELDS.get(row_of(bit))))
}

/// Shows a selector and its bits.
pub fn show(report: &mut Report, selector: u32, at: Range<usize>) {
    report.subtree(S::SELECTOR, at.clone(), format_args!("{}", news(selector)), |report| {
        BITS.for_each(|bit| report.wire(bit, at.clone()));
    });
}
