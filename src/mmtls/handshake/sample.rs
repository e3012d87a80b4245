// SPDX-License-Identifier: GPL-2.0-or-later
//! Messages for tests, made by hand.

use crate::mmtls::code::{extension, kind, suite, ticket};

/// The random of all hellos.
pub const RANDOM: [u8; 32] = [0x5a; 32];
/// The time of all hellos.
pub const TIME: u32 = 1_421_740_800;

fn long(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes(), content].concat()
}

fn short(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes(), content].concat()
}

pub fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    long(&[&[kind], content].concat())
}

pub fn alert(code: u16, level: u8) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    vec![0, 0, 0, 3, high, low, level]
}

/// All extensions, each with its type in front.
fn all_extensions(extensions: &[Vec<u8>]) -> Vec<u8> {
    let each = extensions.iter().flat_map(|extension| long(extension));
    long(&[extensions.len() as u8].into_iter().chain(each).collect::<Vec<_>>())
}

/// One with the bytes `aa` or `bb`, by its kind.
pub fn ticket(kind: u8, block: &[u8]) -> Vec<u8> {
    ticket_with(kind, block, &[0xcc; 12])
}

pub fn ticket_with(kind: u8, block: &[u8], nonce: &[u8]) -> Vec<u8> {
    let (lifetime, bytes) = match kind {
        ticket::REFRESH => (2_592_000u32, vec![0xbb; 105]),
        _ => (604_800, vec![0xaa; 72]),
    };
    let head = [&[kind][..], &lifetime.to_be_bytes(), &short(block), &[0, 0, 0, 0x48]].concat();
    [head, short(nonce), short(&bytes)].concat()
}

pub fn offer(tickets: &[Vec<u8>]) -> Vec<u8> {
    let each = tickets.iter().flat_map(|ticket| long(ticket));
    extension::TICKETS.to_be_bytes().into_iter().chain([tickets.len() as u8]).chain(each).collect()
}

fn key_share(index: u32) -> Vec<u8> {
    [&index.to_be_bytes()[..], &short(&[0x04; 65])].concat()
}

pub fn client_hello(version: u16, suites: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut content = version.to_le_bytes().to_vec();
    content.push(suites.len() as u8);
    content.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    content.extend(RANDOM);
    content.extend(TIME.to_be_bytes());
    content.extend(all_extensions(extensions));
    message(kind::CLIENT_HELLO, &content)
}

fn server_hello(version: u16, suite: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let hello = [&version.to_le_bytes()[..], &suite.to_be_bytes(), &RANDOM, &all_extensions(extensions)];
    message(kind::SERVER_HELLO, &hello.concat())
}

fn key_shares(indexes: [u32; 2], known: &[u8]) -> Vec<u8> {
    let shares = indexes.into_iter().flat_map(|index| long(&key_share(index)));
    extension::KEY_SHARES.to_be_bytes().into_iter().chain([2]).chain(shares).chain(known.to_vec()).collect()
}

const KNOWN: &[u8] = &[0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];

/// A full handshake with a refresh ticket.
pub fn full() -> Vec<u8> {
    let extensions = [offer(&[ticket(ticket::REFRESH, &[])]), key_shares([5, 6], KNOWN)];
    client_hello(0xf104, &[suite::ECDHE, suite::TICKET], &extensions)
}

/// A full handshake of a client without any ticket.
fn first() -> Vec<u8> {
    client_hello(0xf104, &[suite::ECDHE], &[key_shares([5, 6], KNOWN)])
}

/// The same until about 2021.
pub fn old() -> Vec<u8> {
    client_hello(0xf103, &[suite::ECDHE], &[key_shares([1, 2], &[0, 0, 0, 1])])
}

/// With an access ticket.
pub fn resumes() -> Vec<u8> {
    client_hello(0xf104, &[suite::TICKET], &[offer(&[ticket(ticket::ACCESS, &[])])])
}

fn chosen(index: u32) -> Vec<u8> {
    [&extension::KEY_SHARE.to_be_bytes()[..], &key_share(index)].concat()
}

/// A full handshake's.
pub fn answer() -> Vec<u8> {
    server_hello(0xf104, suite::ECDHE, &[chosen(5), vec![0, 0x13, 0, 0, 0, 1, 0, 0, 0, 3]])
}

/// The same until about 2021.
pub fn old_answer() -> Vec<u8> {
    server_hello(0xf103, suite::ECDHE, &[chosen(2)])
}

/// With a ticket.
pub fn resumed() -> Vec<u8> {
    server_hello(0xf104, suite::TICKET, &[])
}

/// Of both kinds.
pub fn tickets() -> Vec<u8> {
    let tickets = [ticket(ticket::ACCESS, &[]), ticket(ticket::REFRESH, &[0xdd; 32])];
    let each = tickets.iter().flat_map(|ticket| long(ticket));
    message(kind::NEW_SESSION_TICKET, &[2].into_iter().chain(each).collect::<Vec<_>>())
}

pub fn extensions() -> Vec<u8> {
    let time = [&extension::TIME.to_be_bytes()[..], &TIME.to_be_bytes()].concat();
    message(kind::ENCRYPTED_EXTENSIONS, &all_extensions(&[time]))
}

pub fn signature() -> Vec<u8> {
    message(kind::CERTIFICATE_VERIFY, &short(&[0x30; 70]))
}

pub fn finished() -> Vec<u8> {
    message(kind::FINISHED, &short(&[0xee; 32]))
}

/// Each, and what it is called here.
pub fn all() -> [(&'static str, Vec<u8>); 11] {
    [
        ("full", full()),
        ("first", first()),
        ("old", old()),
        ("resumes", resumes()),
        ("answer", answer()),
        ("old answer", old_answer()),
        ("resumed", resumed()),
        ("tickets", tickets()),
        ("extensions", extensions()),
        ("signature", signature()),
        ("finished", finished()),
    ]
}
