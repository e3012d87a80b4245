// SPDX-License-Identifier: GPL-2.0-or-later
//! Handshake messages and alerts: what is in a record that is no data, in clear or opened.
//!
//! | file | is the only place that knows |
//! | --- | --- |
//! | `context` | what the session adds to the bytes |
//! | `read` | where the parts of a message lie |
//! | `show` | what a user sees of a message, and what is wrong with it |
//! | `words` | what the Info column says |

mod context;
mod read;
#[cfg(test)]
mod sample;
mod show;
mod words;

pub use context::{Context, TicketFacts};
pub use read::{Alert, Body, ClientHello, Message, Messages, ServerHello, Ticket, Tickets, alert, messages};
pub use show::{show, show_alert};
pub use words::{AlertSentence, Sentence};
