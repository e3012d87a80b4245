// SPDX-License-Identifier: GPL-2.0-or-later
//! What the session adds to the bytes of a message.

use crate::wechat::settings::Shared;

/// What the session knows of a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TicketFacts {
    /// Of one that is offered, the packet in which it was issued.
    pub issued_in: Option<u32>,
    /// The packet of the next hello that offers it.
    pub used_in: Option<u32>,
    /// Which of the sessions that offer it this one is, from 1.
    pub use_number: Option<u32>,
    /// How many offer it.
    pub uses: Option<u32>,
    /// Nanoseconds since it was issued.
    pub age: Option<i64>,
    /// Whether it was refused.
    pub refused: Option<bool>,
}

/// What is known of the messages of a record besides their bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How secrets are shown.
    pub shared: &'a Shared,
    /// Version in the record's header.
    pub version: u16,
    /// Whether the record belongs to a hello with early data.
    pub early: bool,
    /// Of the tickets that [`messages`](super::messages) finds in the record, in their order.
    pub tickets: &'a [TicketFacts],
    /// Of a ClientHello: the client's clock less the capture's, in nanoseconds.
    pub clock_offset: Option<i64>,
    /// Of a ClientHello: the second that the POST's path tells.
    pub path_time: Option<u32>,
    /// Of a ClientHello: the packet of the session that had it before.
    pub replay_of: Option<u32>,
    /// Of EncryptedExtensions: the time in the ClientHello.
    pub hello_time: Option<u32>,
    /// Of a Finished: whether its HMAC is right.
    pub verified: Option<bool>,
}

impl<'a> Context<'a> {
    /// Nothing but what the record's header says.
    pub fn new(shared: &'a Shared, version: u16) -> Self {
        Self {
            shared,
            version,
            early: false,
            tickets: &[],
            clock_offset: None,
            path_time: None,
            replay_of: None,
            hello_time: None,
            verified: None,
        }
    }
}
