// SPDX-License-Identifier: GPL-2.0-or-later
//! Handshake messages and alerts: their framing, and those that are no hello.

use super::hello::{extension, put_extensions};
use super::keys::Secret;
use super::put::{block16, block32, u16_be, u32_be};
use super::ticket::Ticket;

/// Type of a ClientHello.
pub const CLIENT_HELLO: u8 = 0x01;
/// Type of a ServerHello.
pub const SERVER_HELLO: u8 = 0x02;
/// Type of a NewSessionTicket.
pub const NEW_SESSION_TICKET: u8 = 0x04;
/// Type of EncryptedExtensions.
pub const ENCRYPTED_EXTENSIONS: u8 = 0x08;
/// Type of a CertificateVerify.
pub const CERTIFICATE_VERIFY: u8 = 0x0F;
/// Type of a Finished.
pub const FINISHED: u8 = 0x14;

/// Code and level of the normal end.
pub const CLOSE: (u16, u8) = (0x0001, 1);
/// Code and level of a refused ticket.
pub const UNKNOWN_TICKET: (u16, u8) = (0x0073, 2);

/// A handshake message: the length of what follows, its type, its content.
pub fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(5 + content.len());
    block32(&mut out, &[&[kind], content].concat());
    out
}

/// An alert, which has no type.
pub fn alert((code, level): (u16, u8)) -> Vec<u8> {
    let mut content = code.to_be_bytes().to_vec();
    content.push(level);
    let mut out = Vec::new();
    block32(&mut out, &content);
    out
}

/// The signature of a server whose key the client knows.
pub fn certificate_verify(signature: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    block16(&mut content, signature);
    message(CERTIFICATE_VERIFY, &content)
}

/// Tickets for the sessions to come.
pub fn new_session_ticket(tickets: &[&Ticket]) -> Vec<u8> {
    let mut content = vec![tickets.len() as u8];
    tickets.iter().for_each(|ticket| block32(&mut content, &ticket.encode()));
    message(NEW_SESSION_TICKET, &content)
}

/// The end of a side's handshake.
pub fn finished(verify_data: &Secret) -> Vec<u8> {
    let mut content = Vec::new();
    block16(&mut content, verify_data);
    message(FINISHED, &content)
}

/// The client's time once more.
pub fn encrypted_extensions(time: u32) -> Vec<u8> {
    let mut extension = Vec::new();
    u16_be(&mut extension, extension::TIME);
    u32_be(&mut extension, time);
    let mut content = Vec::new();
    put_extensions(&mut content, &[extension]);
    message(ENCRYPTED_EXTENSIONS, &content)
}
