// SPDX-License-Identifier: GPL-2.0-or-later
//! Small pushes whose layout is known.

use std::fmt;
use std::net::Ipv4Addr;

use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::long_link::fields::F;
use crate::wechat::selector;

/// More addresses than any redirect has; those behind them are not shown one by one.
const MOST_ADDRESSES: usize = 256;

pub fn summarise_selector(out: &mut impl fmt::Write, mut reader: Reader<'_>) -> fmt::Result {
    reader.u32().map_or(Ok(()), |(value, _)| write!(out, "{}", selector::news(value)))
}

pub fn summarise_redirect(out: &mut impl fmt::Write, mut reader: Reader<'_>) -> fmt::Result {
    reader.u32().map_or(Ok(()), |(address, _)| write!(out, " to {}", Ipv4Addr::from(address)))
}

pub fn show_selector_push(report: &mut Report, reader: &mut Reader<'_>) {
    match reader.u32() {
        Some((value, at)) => selector::show(report, value, at),
        None => return reader.short(report, "the selector", 4),
    }
    reader.excess(report, "the selector");
}

pub fn show_redirect(report: &mut Report, reader: &mut Reader<'_>) {
    for _ in 0..MOST_ADDRESSES {
        match reader.take(4) {
            Some(at) => report.wire(F::REDIRECT_ADDRESS, at),
            None if reader.left() > 0 => return reader.short(report, "an address", 4),
            None => return,
        }
    }
    reader.excess(report, "the first addresses");
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
