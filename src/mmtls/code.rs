// SPDX-License-Identifier: GPL-2.0-or-later
//! Numbers on the wire that have a meaning.

/// Types of messages.
#[allow(missing_docs)]
pub mod kind {
    pub const CLIENT_HELLO: u8 = 0x01;
    pub const SERVER_HELLO: u8 = 0x02;
    pub const NEW_SESSION_TICKET: u8 = 0x04;
    pub const ENCRYPTED_EXTENSIONS: u8 = 0x08;
    pub const CERTIFICATE_VERIFY: u8 = 0x0f;
    pub const FINISHED: u8 = 0x14;
}

/// Cipher suites.
pub mod suite {
    /// A full handshake.
    pub const ECDHE: u16 = 0xc02b;
    /// One with a ticket.
    pub const TICKET: u16 = 0x00a8;
}

/// Types of extensions.
pub mod extension {
    /// The client's tickets.
    pub const TICKETS: u16 = 0x000f;
    /// The client's key shares.
    pub const KEY_SHARES: u16 = 0x0010;
    /// The key share of the server.
    pub const KEY_SHARE: u16 = 0x0011;
    /// The client's time once more.
    pub const TIME: u16 = 0x0012;
    /// The key that the server signs with, as it seems.
    pub const KNOWN_KEY: u16 = 0x0013;
}

/// Kinds of tickets.
pub mod ticket {
    /// For the calls and links of a week.
    pub const ACCESS: u8 = 1;
    /// For another access ticket, within a month.
    pub const REFRESH: u8 = 2;
}

/// Codes of alerts.
pub mod alert {
    /// The normal end of a session.
    pub const END: u16 = 0x0001;
    /// The server does not know the ticket; an inference, from TLS.
    pub const TICKET_REFUSED: u16 = 0x0073;
}
