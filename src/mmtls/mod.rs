// SPDX-License-Identifier: GPL-2.0-or-later
//! MMTLS: WeChat's own record layer, in the manner of TLS 1.3, in which the phone's links lie since about 2016.

pub mod fields;
pub mod hidden;
pub mod key_log;
pub mod schedule;
pub mod seal;

use crate::kernel::protocol::{Carrier, Packet, Protocol, State};
use crate::kernel::report::Report;
use crate::kernel::segment::{Segment, Step};
use fields::{M, MN};

/// What there is to register.
pub static MMTLS: Protocol =
    Protocol { carrier: Carrier::Stream, ..Protocol::new(fields::TABLE, fields::FIELDS, fields::NOTES) };

/// The state of one capture.
#[derive(Debug, Default)]
pub struct Mmtls;

impl State for Mmtls {
    fn step(&mut self, segment: &Segment<'_>, report: &mut Report) -> Step {
        report.subtree(M::MMTLS, 0..segment.data.len(), "", |_| {});
        Step::Consumed(segment.reported)
    }

    fn failed(&self, report: &mut Report, length: usize) {
        report.note(MN::FAILED, 0..length, format_args!("the dissector failed on these bytes"));
    }

    fn packet_filter(&self, _: usize, _: Packet) -> Option<String> {
        None
    }
}
