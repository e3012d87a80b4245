// SPDX-License-Identifier: GPL-2.0-or-later
//! What every protocol is built on: knows none of them.
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`rows`] | what fields, notes and preferences are made of |
//! | [`protocol`] | what a protocol offers, and what is asked of it |
//! | [`framing`] | where PDUs begin in a stream that may be cut, holed or wrong |
//! | [`stream`] | streams inside of other protocols, and what goes on from one carrier to the next |
//! | [`streams`] | which number a stream has, whether or not the host has counted it |
//! | [`proxy`] | what a proxy puts in front of a stream |
//! | [`segment`] | what comes in |
//! | [`place`] | where it was seen |
//! | [`list`] | lists of what was seen, and how they grow |
//! | [`reader`] | how bytes are read without reading beyond |
//! | [`report`] | what comes out |
//! | [`record`] | what a tap is told |
//! | [`time`] | when something was, and how that is written |
//! | [`tick`] | what statistics count of it |
//! | [`mod@line`] | how it is written as a line |

pub mod framing;
pub mod line;
pub mod list;
pub mod place;
pub mod protocol;
pub mod proxy;
pub mod reader;
pub mod record;
pub mod report;
pub mod rows;
pub mod segment;
pub mod stream;
pub mod streams;
pub mod tick;
pub mod time;
