// SPDX-License-Identifier: GPL-2.0-or-later
//! Bodies to report: what a key has opened, and why others stay closed.

use std::ops::Range;

use super::body::{Body, Closed, Text, is_cut, sync_key};
use super::hybrid::{self, MESSAGE, Member, Share};
use crate::kernel::reader::Reader;
use crate::kernel::report::{HandOff, Object, Piece, Report};
use crate::kernel::rows::number_of;
use crate::wechat::business::{self, Header, Of};
use crate::wechat::fields::{FAULTS, S, SN, TABLE};
use crate::wechat::inflate::Not;
use crate::wechat::keys::Growth;
use crate::wechat::operation;
use crate::wechat::settings::Shared;
use crate::wechat::synckey;

/// The tables in which others register for messages, by the cgi type.
const CGI: u16 = number_of(TABLE, 0);
const CGI_ANSWER: u16 = number_of(TABLE, 1);

/// What a tab of opened bytes is called.
const DECRYPTED: &str = "Decrypted business packet";

/// What a packet is shown with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What it is in.
    pub of: Of<'a>,
    /// What is set.
    pub shared: &'a Shared,
    /// Its body, where a key was tried.
    pub body: Option<&'a Body>,
    /// How the keys of a SyncKey in it grew since the one before.
    pub growth: Option<&'a Growth>,
}

/// Shows what is left in `reader`, of bytes that begin with `data`: a business packet, or bytes that nobody can read.
pub fn packet(report: &mut Report, data: &[u8], reader: &mut Reader<'_>, context: Context<'_>) {
    if reader.left() == 0 {
        return;
    }
    let Some(header) = business::read(reader, context.of) else {
        return report.wire(S::UNDECODED, reader.rest());
    };
    business::show(report, &header, context.of, context.shared.show_account);
    if header.payload().is_empty() {
        return;
    }
    match context.body {
        Some(opened) => body(report, data, &header, opened, context),
        None => body(report, data, &header, &Body::untried(data, &header), context),
    }
}

fn body(report: &mut Report, data: &[u8], header: &Header, body: &Body, context: Context<'_>) {
    let (at, algorithm) = (header.payload(), header.algorithm());
    report.tell(S::BUSINESS_OPENED, body.opened.is_ok().into());
    report.generated(S::BUSINESS_OPENED, at.clone(), body.opened.is_ok().into());
    match &body.opened {
        Ok(opened) => report.text_value(S::BUSINESS_KEY_SOURCE, at.clone(), opened.source.words()),
        Err(why) => report.text_value(S::BUSINESS_WHY_CLOSED, at.clone(), why.words()),
    }
    if header.is_hybrid() {
        report.subtree(S::ENCRYPTED, at.clone(), [" (", algorithm, ")"], |report| {
            members(report, data, header, body, context);
        });
    } else {
        sealed(
            report,
            S::ENCRYPTED,
            at.clone(),
            text(body),
            [" (", algorithm, ")"],
            |report, text, source| {
                message(report, text, source, header, context);
            },
        );
    }
    if matches!(body.opened, Err(Closed::Tag)) {
        let words = format_args!("a line of the key log names the body, and its key does not fit");
        report.note(SN::BUSINESS_WRONG_KEY, at.clone(), words);
    }
    if body.message().is_none() && !is_cut(data, header) {
        object(report, header, report.source(), at, "encrypted");
    }
}

fn text(body: &Body) -> Option<&Text> {
    body.opened.as_ref().ok().map(|opened| &opened.text)
}

/// A ciphertext, and what came out of it: `children` is told the source in which its message lies.
fn sealed(
    report: &mut Report,
    field: u16,
    at: Range<usize>,
    text: Option<&Text>,
    words: [&str; 3],
    children: impl FnOnce(&mut Report, &Text, u16),
) {
    let Some(text) = text else { return report.wire_labelled(field, at, words) };
    let (plain, all) = (text.plain.clone(), 0..text.plain.len());
    report.derived(field, at, plain, DECRYPTED, |report, source| match &text.inflated {
        Err(Not::Deflated) => children(report, text, source),
        Ok(inflated) => {
            report.generated(S::BUSINESS_INFLATED_LEN, all.clone(), inflated.len() as u64);
            let name = "Inflated business packet";
            report.derived(S::BUSINESS_COMPRESSED, all, inflated.clone(), name, |report, source| {
                children(report, text, source);
            });
        }
        Err(Not::Few) => {
            report.wire(S::BUSINESS_COMPRESSED, all.clone());
            let length = all.len();
            let words = format_args!("{length} bytes inflate to more than is read");
            report.note(SN::BUSINESS_INFLATED_TOO_MUCH, all, words);
        }
    });
}

/// What is said, which others take apart.
fn message(report: &mut Report, text: &Text, source: u16, header: &Header, context: Context<'_>) {
    let Some(message) = text.message() else { return };
    let length = message.len();
    let mut digits = itoa::Buffer::new();
    let words = [" (", digits.format(length), " bytes)"];
    report.subtree(S::BUSINESS_MESSAGE, 0..length, words, |report| {
        if let Some(at) = sync_key(message, header) {
            synckey::show(report, &mut Reader::new(message, at, FAULTS), context.growth);
        }
    });
    object(report, header, source, 0..length, "protobuf");
    if length == 0 {
        return;
    }
    let from_server = header.from_server();
    let words = match context.shared.message_type(header.cgi(), from_server) {
        Some(name) => report.put(["message,", name]),
        None => 0,
    };
    report.hand_off(HandOff {
        table: if from_server { CGI_ANSWER } else { CGI },
        key: header.cgi(),
        source,
        start: 0,
        length,
        piece: Piece::Whole { part: 0 },
        inner: None,
        words,
        instead: None,
    });
}

/// A body for those who want to keep it.
fn object(report: &mut Report, header: &Header, source: u16, at: Range<usize>, kind: &str) {
    if !report.wanted().objects || at.is_empty() {
        return;
    }
    let mut digits = itoa::Buffer::new();
    let call = operation::cgi_name(header.cgi()).unwrap_or_else(|| digits.format(header.cgi()));
    let direction = if header.from_server() { "-answer" } else { "-request" };
    let ending = if kind == "protobuf" { ".pb" } else { ".encrypted" };
    let name = report.put([call, direction, ending]);
    let kind = report.put(kind);
    report.object(Object { source, start: at.start, length: at.len(), name, kind });
}

/// The fields of a hybrid body.
fn members(report: &mut Report, data: &[u8], header: &Header, body: &Body, context: Context<'_>) {
    let reader = Reader::new(data, header.payload(), FAULTS);
    let (members, rest) = hybrid::members(reader, header.from_server());
    for (member, all, at) in members {
        match member {
            Member::Version(value) => report.decoded(S::ECDH_VERSION, all, value, ""),
            Member::Number(value) => report.decoded(S::ECDH_NUMBER, all, value, ""),
            Member::Signature => report.wire(S::ECDH_SIGNATURE, at),
            Member::Share => report.subtree(S::ECDH_SHARE, all, "", |report| {
                for (part, all, at) in hybrid::share(Reader::new(data, at, FAULTS)) {
                    match part {
                        Share::Curve(value) => report.decoded(S::ECDH_CURVE, all, value, ""),
                        Share::Point => report.wire(S::ECDH_POINT, at),
                    }
                }
            }),
            Member::Cipher(MESSAGE) => {
                sealed(report, S::ECDH_CIPHER, at, text(body), [""; 3], |report, text, source| {
                    message(report, text, source, header, context);
                });
            }
            Member::Cipher(number) => random(report, at, body.randoms.get(number).and_then(Option::as_ref)),
            Member::Other => report.wire(S::UNDECODED, all),
        }
    }
    if !rest.is_empty() {
        report.wire(S::UNDECODED, rest);
    }
}

/// A ciphertext of random bytes. Keys are made of these: no item has them, compressed or not.
fn random(report: &mut Report, at: Range<usize>, text: Option<&Text>) {
    let Some(text) = text else { return report.wire(S::ECDH_RANDOM, at) };
    report.derived(S::ECDH_RANDOM, at, text.plain.clone(), DECRYPTED, |report, _| {
        if let Ok(inflated) = &text.inflated {
            report.generated(S::BUSINESS_INFLATED_LEN, 0..0, inflated.len() as u64);
        }
    });
}
