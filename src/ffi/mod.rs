// SPDX-License-Identifier: GPL-2.0-or-later
//! The C ABI. Each noun has a file of its own.
//!
//! The generated header is the manual; what a C programmer must know stands in the docs of these files.
//!
//! | file | is about |
//! | --- | --- |
//! | `common.rs` | what functions say of a call, and the one panic guard |
//! | `tables.rs` | what there is to register |
//! | `config.rs` | what the user has set |
//! | `segment.rs` | what comes in |
//! | `dissector.rs` | the state of one capture, and what is asked of it |
//! | `report.rs` | what comes out |
//! | `record.rs` | what taps are told, and what statistics make of it |
//! | `lines.rs` | records as lines |
//! | `filters.rs` | display filters that belong to a packet or a stream |
#![allow(non_camel_case_types, unsafe_code)]

mod common;
mod config;
mod dissector;
mod filters;
mod lines;
mod record;
mod report;
mod segment;
mod tables;

pub use common::*;
pub use config::*;
pub use dissector::*;
pub use filters::*;
pub use lines::*;
pub use record::*;
pub use report::*;
pub use segment::*;
pub use tables::*;
