// SPDX-License-Identifier: GPL-2.0-or-later
//! What the Info column says of messages.

use std::fmt::{self, Display};
use std::ops::Range;

use super::context::Context;
use super::read::{Alert, Body, ClientHello, Message, Ticket, messages};
use crate::kernel::rows::name_of;
use crate::kernel::time::Roughly;
use crate::mmtls::code::{alert, suite, ticket};
use crate::mmtls::fields::{MESSAGES, VERSIONS};
use crate::wechat::secret::Rule;

/// More messages than any record has; those behind them are not named.
const MOST_NAMED: usize = 8;
/// Characters of a ticket's id, the sign in front included.
const ID_LEN: usize = 5;

/// The handshake messages of a record, as a person would say them.
#[derive(Clone, Copy, Debug)]
pub struct Sentence<'a> {
    bytes: &'a [u8],
    start: usize,
    end: usize,
    context: &'a Context<'a>,
}

impl<'a> Sentence<'a> {
    /// Of the content of a record: see [`messages`].
    pub fn new(bytes: &'a [u8], content: Range<usize>, context: &'a Context<'a>) -> Self {
        Self { bytes, start: content.start, end: content.end, context }
    }
}

impl Display for Sentence<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tickets = 0usize;
        let mut all = messages(self.bytes, self.start..self.end).enumerate().peekable();
        if all.peek().is_none() {
            return out.write_str("Handshake message");
        }
        for (place, message) in all {
            let between = if place == 0 { "" } else { " | " };
            if place == MOST_NAMED {
                return write!(out, "{between}…");
            }
            out.write_str(between)?;
            name(out, &message)?;
            match &message.body {
                Body::ClientHello(hello) => {
                    client_hello(out, hello, tickets, self.context)?;
                    tickets = tickets.saturating_add(hello.tickets.clone().count());
                }
                Body::ServerHello(hello) => match hello.suite {
                    suite::ECDHE => out.write_str(", full")?,
                    suite::TICKET => out.write_str(", resumed")?,
                    other => write!(out, ", cipher suite {other:04X}")?,
                },
                Body::NewSessionTicket(issued) => {
                    let issued = issued.clone().count();
                    write!(out, " ({issued})")?;
                    tickets = tickets.saturating_add(issued);
                }
                Body::Finished(_) => match self.context.verified {
                    Some(true) => out.write_str(", verified")?,
                    Some(false) => out.write_str(", HMAC wrong")?,
                    None => {}
                },
                Body::EncryptedExtensions(_) | Body::CertificateVerify(_) | Body::Unread => {}
            }
        }
        Ok(())
    }
}

fn name(out: &mut fmt::Formatter<'_>, message: &Message<'_>) -> fmt::Result {
    match name_of(MESSAGES, message.kind.into()).and_then(|name| name.to_str().ok()) {
        Some(name) => out.write_str(name),
        None => write!(out, "Handshake message {}", message.kind),
    }
}

/// Behind so many tickets of the record.
fn client_hello(
    out: &mut fmt::Formatter<'_>,
    hello: &ClientHello<'_>,
    behind: usize,
    context: &Context<'_>,
) -> fmt::Result {
    let offered = hello.tickets.clone().next();
    out.write_str(match (context.early, hello.full, hello.resumes || offered.is_some()) {
        (true, ..) => ", 0-RTT",
        (_, true, _) => ", full",
        (_, _, true) => ", resumes",
        _ => "",
    })?;
    if let Some(ticket) = offered {
        out.write_str(match ticket.kind {
            ticket::REFRESH => " with refresh ticket ",
            _ => " with ticket ",
        })?;
        id(out, &ticket, context)?;
        if let Some(age) = context.tickets.get(behind).and_then(|facts| facts.age) {
            write!(out, " ({} old)", Roughly(age))?;
        }
    }
    if hello.full {
        match name_of(VERSIONS, hello.version.into()).and_then(|name| name.to_str().ok()) {
            Some(version) => write!(out, ", {version}")?,
            None => write!(out, ", version {:04X}", hello.version)?,
        }
    }
    out.write_str(if context.replay_of.is_some() { ", again" } else { "" })
}

/// The first characters, which tell tickets of a capture apart.
fn id(out: &mut fmt::Formatter<'_>, ticket: &Ticket<'_>, context: &Context<'_>) -> fmt::Result {
    let hex = ticket.hex();
    let words = context.shared.shown(Rule::Secret, "ticket", &hex);
    write!(out, "{}…", words.get(..ID_LEN).unwrap_or(&words))
}

/// The alert that is the content of a record, if it can be read, as a person would say it.
#[derive(Clone, Copy, Debug)]
pub struct AlertSentence(pub Option<Alert>);

impl Display for AlertSentence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Alert")?;
        match self.0.map(|alert| alert.code) {
            Some(alert::END) => out.write_str(", end"),
            Some(alert::TICKET_REFUSED) => out.write_str(", ticket refused"),
            Some(code) => write!(out, ", code {code}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::mmtls::code::kind;
    use crate::mmtls::handshake::{TicketFacts, sample};
    use crate::wechat::settings::{P, Shared};

    fn shared(show_account: bool) -> Shared {
        let mut config = Config::default();
        config.set_text(P::HASH_KEY, "k");
        config.set_number(P::SHOW_ACCOUNT, show_account.into());
        Shared::of(&config)
    }

    #[test]
    fn messages_are_said_as_a_person_would() {
        let shared = shared(false);
        let plain = Context::new(&shared, 0xf104);
        let say =
            |bytes: &[u8], context: &Context<'_>| Sentence::new(bytes, 0..bytes.len(), context).to_string();
        let all = sample::all().map(|(_, bytes)| say(&bytes, &plain));
        let expected = [
            "ClientHello, full with refresh ticket #1ea2…, F104",
            "ClientHello, full, F104",
            "ClientHello, full, F103",
            "ClientHello, resumes with ticket #d6ef…",
            "ServerHello, full",
            "ServerHello, full",
            "ServerHello, resumed",
            "NewSessionTicket (2)",
            "EncryptedExtensions",
            "CertificateVerify",
            "Finished",
        ];
        assert_eq!(all, expected);

        let facts = [TicketFacts { age: Some(200_000_000_000_000), ..TicketFacts::default() }];
        let known = Context { tickets: &facts, ..plain };
        assert_eq!(say(&sample::resumes(), &known), "ClientHello, resumes with ticket #d6ef… (2 d old)");
        let facts =
            [60, 7200].map(|age| TicketFacts { age: Some(age * 1_000_000_000), ..TicketFacts::default() });
        let two = say(&sample::resumes().repeat(2), &Context { tickets: &facts, ..plain });
        let one = "ClientHello, resumes with ticket #d6ef…";
        assert_eq!(two, format!("{one} (1 min old) | {one} (2 h old)"));
        let early = Context { early: true, replay_of: Some(7), ..known };
        let words = "ClientHello, 0-RTT with ticket #d6ef… (2 d old), again";
        assert_eq!(say(&sample::resumes(), &early), words);
        let verified = |verified| Context { verified: Some(verified), ..plain };
        assert_eq!(say(&sample::finished(), &verified(true)), "Finished, verified");
        assert_eq!(say(&sample::finished(), &verified(false)), "Finished, HMAC wrong");
    }

    #[test]
    fn what_is_unknown_or_cut_has_words_too() {
        let shared = shared(false);
        let context = Context::new(&shared, 0xf104);
        let say = |bytes: &[u8]| Sentence::new(bytes, 0..bytes.len(), &context).to_string();
        assert_eq!(say(&sample::message(0x30, &[])), "Handshake message 48");
        assert_eq!(say(&sample::client_hello(0xf205, &[0xc02b], &[])), "ClientHello, full, version F205");
        assert_eq!(say(&sample::client_hello(0xf104, &[0x1301], &[])), "ClientHello");
        assert_eq!(
            say(&sample::message(kind::SERVER_HELLO, &[4, 0xf1, 0x13, 1])),
            "ServerHello, cipher suite 1301"
        );
        assert_eq!(say(&sample::resumes()[..100]), "ClientHello, resumes");
        assert_eq!([&[][..], &[0; 9]].map(say), ["Handshake message"; 2]);
        let two = [sample::resumed(), sample::finished()].concat();
        assert_eq!(say(&two), "ServerHello, resumed | Finished");
        let many = say(&sample::message(0x14, &[]).repeat(13_000));
        assert_eq!(many, ["Finished | "; 8].concat() + "…");
    }

    #[test]
    fn a_ticket_shows_where_account_data_does() {
        let shared = shared(true);
        let context = Context::new(&shared, 0xf104);
        let bytes = sample::resumes();
        let words = Sentence::new(&bytes, 0..bytes.len(), &context).to_string();
        assert_eq!(words, "ClientHello, resumes with ticket aaaaa…");
    }

    #[test]
    fn alerts_say_what_they_mean() {
        let say = |code| AlertSentence(Some(Alert { code, level: 1 })).to_string();
        assert_eq!([1, 0x73, 0x1234].map(say), ["Alert, end", "Alert, ticket refused", "Alert, code 4660"]);
        assert_eq!(AlertSentence(None).to_string(), "Alert");
    }
}
