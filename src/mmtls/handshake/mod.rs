// SPDX-License-Identifier: GPL-2.0-or-later
//! Handshake messages and alerts: what is in a record that is no data, in clear or opened.
//!
//! | file | is the only place that knows |
//! | --- | --- |
//! | `context` | what the session adds to the bytes |
//! | `read` | where the parts of a message lie |
//! | `show` | which field is which part of a message |
//! | `walk` | how lengths and lists are shown, and what is said when they lie |
//! | `words` | what the Info column says |

mod context;
mod read;
#[cfg(test)]
mod sample;
mod show;
#[cfg(test)]
mod tests;
mod walk;
mod words;

pub use context::{Context, TicketFacts};
pub use read::{Alert, Body, ClientHello, Message, Messages, ServerHello, Ticket, Tickets, alert, messages};
pub use show::{show, show_alert};
pub use words::{AlertSentence, Sentence};
