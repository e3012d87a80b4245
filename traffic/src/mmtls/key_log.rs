// SPDX-License-Identifier: GPL-2.0-or-later
//! Key logs of a story: lines that name a record or a ciphertext, as hooks in the client write them, and lines that
//! name a session's secret; right, wrong, spoilt and missing.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::record::{Epoch, What};
use super::session::Handshake;
use super::story::{Part, Story};
use crate::body::sealed::{Algorithm, Packet};
use crate::packet::Direction;

/// Lowercase hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Labels of the lines that name a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// The hash of the common point's x.
    Shared,
    /// The secret of the ticket that was used.
    Psk,
    /// 56 or 28 bytes of keys and IVs.
    Keys(Epoch),
}

impl Label {
    fn text(self) -> &'static str {
        match self {
            Self::Shared => "MMTLS_SHARED_SECRET",
            Self::Psk => "MMTLS_PSK",
            Self::Keys(Epoch::Handshake) => "MMTLS_HANDSHAKE_KEYS",
            Self::Keys(Epoch::Application) => "MMTLS_APPLICATION_KEYS",
            Self::Keys(Epoch::Early) => "MMTLS_EARLY_KEYS",
            Self::Keys(Epoch::EarlyResponse) => "MMTLS_EARLY_RESPONSE_KEYS",
        }
    }
}

/// What a readable line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fact {
    Record { session: usize, record: usize },
    Cipher { packet: usize, cipher: usize },
    Secret { session: usize, label: Label, by_hash: bool },
    Account(usize),
}

/// A line, without its end.
#[derive(Clone, Debug)]
struct Line {
    text: String,
    /// None of a line that says nothing.
    fact: Option<Fact>,
    /// Whether its key is the right one.
    right: bool,
    /// Whether its key is too short or too long.
    wrong_length: bool,
}

impl Line {
    fn idle(text: impl Into<String>) -> Self {
        Self { text: text.into(), fact: None, right: false, wrong_length: false }
    }

    /// What would be a line about this.
    fn of(fact: Fact, text: String) -> Self {
        Self { text, fact: Some(fact), right: true, wrong_length: false }
    }
}

/// What opens a record or a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Opening {
    /// A line that names it.
    #[serde(rename = "line")]
    Line,
    /// The line of another record of its session and direction.
    #[serde(rename = "same direction")]
    SameDirection,
    /// A secret of its session, or an account's key.
    #[serde(rename = "secret")]
    Secret,
    /// Nothing, although a line names it.
    #[serde(rename = "tag")]
    Tag,
}

/// Which records of a capture are there: by session and place.
pub type Present<'a> = dyn Fn(usize, usize) -> bool + 'a;

/// A sort of key log.
#[derive(Debug)]
pub struct Kind {
    /// As on the command line.
    pub name: &'static str,
    /// What is special about it.
    pub about: &'static str,
    lines: fn(&Story, &mut ChaCha8Rng) -> Vec<Line>,
    /// How the file differs from its lines.
    rewrite: fn(&str) -> String,
}

/// A key log, and what it opens.
#[derive(Clone, Debug)]
pub struct KeyLog {
    /// Among those of its capture.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// How many lines have keys of a wrong length.
    pub wrong_lengths: usize,
    lines: Vec<Line>,
}

impl KeyLog {
    /// The key log of a story.
    pub fn of(kind: &Kind, story: &Story, seed: u64) -> Self {
        let lines = (kind.lines)(story, &mut ChaCha8Rng::seed_from_u64(seed));
        let text: String = lines.iter().map(|line| format!("{}\n", line.text)).collect();
        let wrong_lengths = lines.iter().filter(|line| line.wrong_length).count();
        Self { name: kind.name, bytes: (kind.rewrite)(&text).into_bytes(), wrong_lengths, lines }
    }

    /// What opens each record, if anything does. Secrets need the messages from which keys are made.
    pub fn records(&self, story: &Story, present: &Present) -> Vec<Vec<Option<Opening>>> {
        // A line names a record by its end, whatever session that is in.
        let mut right = HashSet::new();
        let mut named = HashSet::new();
        let mut directions = HashSet::new();
        for line in &self.lines {
            if let Some(Fact::Record { session, record }) = line.fact {
                let record = &story.sessions[session].records[record];
                named.insert(record.tail());
                if let (true, Some(seal)) = (line.right, record.seal) {
                    right.insert((record.tail(), seal.half.key));
                    directions.insert((session, record.direction, seal.half.key));
                }
            }
        }
        let opening = |session: usize, record: usize| {
            let record = &story.sessions[session].records[record];
            let seal = record.seal?;
            if record.changed.is_some() {
                return (record.is_named() && named.contains(record.tail())).then_some(Opening::Tag);
            }
            if right.contains(&(record.tail(), seal.half.key)) {
                Some(Opening::Line)
            } else if directions.contains(&(session, record.direction, seal.half.key)) {
                Some(Opening::SameDirection)
            } else if self.has_secret(story, session, seal.epoch, present) {
                Some(Opening::Secret)
            } else {
                named.contains(record.tail()).then_some(Opening::Tag)
            }
        };
        (0..story.sessions.len())
            .map(|session| {
                let records = 0..story.sessions[session].records.len();
                records.map(|record| opening(session, record)).collect()
            })
            .collect()
    }

    /// Whether a secret of these lines gives a session's keys.
    fn has_secret(&self, story: &Story, session: usize, epoch: Epoch, present: &Present) -> bool {
        let own = &story.sessions[session];
        let handshake = own.start.handshake;
        let is_present = |needed: &[What]| {
            needed.iter().all(|what| {
                let place = own.records.iter().position(|record| record.what == *what);
                place.is_some_and(|place| present(session, place))
            })
        };
        let (hello, both) = ([What::ClientHello], [What::ClientHello, What::ServerHello]);
        let whole = [What::ClientHello, What::ServerHello, What::CertificateVerify, What::NewSessionTicket];
        let needed: &[What] = match (handshake, epoch) {
            (_, Epoch::Early) => &hello,
            (Handshake::Full, Epoch::Application) => &whole,
            _ => &both,
        };
        self.lines.iter().filter(|line| line.right).any(|line| match line.fact {
            Some(Fact::Secret { session: of, label: Label::Shared, .. }) => {
                of == session && is_present(needed)
            }
            Some(Fact::Secret { session: of, label: Label::Psk, .. }) => {
                // A ticket's secret serves every session that offers it.
                own.psk().is_some() && story.sessions[of].psk() == own.psk() && is_present(needed)
            }
            Some(Fact::Secret { session: of, label: Label::Keys(given), by_hash }) => {
                of == session && given == epoch && is_present(if by_hash { needed } else { &hello })
            }
            _ => false,
        })
    }

    /// What opens each business packet: its last ciphertext, which holds the message.
    pub fn packets(&self, story: &Story) -> Vec<Option<Opening>> {
        let facts: HashSet<(Fact, bool)> =
            self.lines.iter().filter_map(|line| Some((line.fact?, line.right))).collect();
        let opening = |packet: usize| {
            let sealed = &story.packets[packet];
            let cipher = sealed.ciphers.len().checked_sub(1)?;
            let line = Fact::Cipher { packet, cipher };
            if facts.contains(&(line, true)) {
                return Some(Opening::Line);
            }
            let account = story.accounts.iter().position(|(_, key)| sealed.ciphers[cipher].key == key);
            if account.is_some_and(|account| facts.contains(&(Fact::Account(account), true))) {
                return Some(Opening::Secret);
            }
            facts.contains(&(line, false)).then_some(Opening::Tag)
        };
        (0..story.packets.len()).map(opening).collect()
    }
}

/// Each sealed record's own line, with the ciphertexts' lines before them and one of a stored ticket.
fn record_lines(story: &Story) -> Vec<Line> {
    let mut lines = cipher_lines(story);
    lines.push(Line::idle(outer(true, &[0x62; 12], &[0x37; 16], &[], &[0xA1; 8])));
    for (session, of) in story.sessions.iter().enumerate() {
        for record in 0..of.records.len() {
            lines.extend(record_line(story, session, record, |key| key));
        }
    }
    lines
}

/// A record's line with a key that may be another one; none of a record in clear.
fn record_line(
    story: &Story,
    session: usize,
    record: usize,
    change: impl Fn([u8; 16]) -> [u8; 16],
) -> Option<Line> {
    let sealed = &story.sessions[session].records[record];
    let seal = sealed.seal?;
    let key = change(seal.half.key);
    let encrypt = sealed.direction == Direction::ClientToServer;
    let nonce = seal.half.nonce(sealed.seq);
    let tail = &sealed.tail();
    let text = outer(encrypt, &nonce, &key, &seal.additional, tail);
    Some(Line { right: key == seal.half.key, ..Line::of(Fact::Record { session, record }, text) })
}

/// The line of a story's part, if that is a sealed record.
pub fn line_of_part(story: &Story, part: usize) -> Option<String> {
    match story.parts[part] {
        Part::Record(session, record) => Some(record_line(story, session, record, |key| key)?.text),
        Part::Message(_) => None,
    }
}

fn outer(encrypt: bool, nonce: &[u8], key: &[u8], metadata: &[u8], tail: &[u8]) -> String {
    format!(
        "{{\"layer\":\"OUTER\",\"encrypt\":{encrypt},\"nonce\":\"{}\",\"key\":\"{}\",\"metadata\":\"{}\",\"tail\":\"{}\"}}",
        hex(nonce),
        hex(key),
        hex(metadata),
        hex(tail)
    )
}

/// A line for each ciphertext of each business packet.
fn cipher_lines(story: &Story) -> Vec<Line> {
    let packets = story.packets.iter().enumerate();
    packets
        .flat_map(|(packet, sealed)| {
            let ciphers = 0..sealed.ciphers.len();
            ciphers.map(move |cipher| Line::of(Fact::Cipher { packet, cipher }, cipher_line(sealed, cipher)))
        })
        .collect()
}

/// The line of a ciphertext of a business packet.
///
/// # Panics
///
/// If the packet has no such ciphertext.
pub fn cipher_line(sealed: &Packet, number: usize) -> String {
    let cipher = &sealed.ciphers[number];
    let end = &cipher.text[cipher.text.len().saturating_sub(8)..];
    let (encrypt, key) = (sealed.from_client, hex(&cipher.key));
    if sealed.algorithm == Algorithm::Cbc {
        return format!(
            "{{\"layer\":\"INNER\",\"encrypt\":{encrypt},\"key\":\"{key}\",\"nonce\":\"{key}\",\"tail\":\"{}\"}}",
            hex(end)
        );
    }
    // What the client seals is named by its nonce.
    let tail = if encrypt { &cipher.nonce[..] } else { end };
    format!(
        "{{\"layer\":\"INNER\",\"encrypt\":{encrypt},\"key\":\"{key}\",\"iv\":\"{}\",\"metadata\":\"{}\",\
         \"tail\":\"{}\",\"tag\":\"{}\"}}",
        hex(&cipher.nonce),
        hex(&cipher.additional),
        hex(tail),
        hex(&cipher.tag)
    )
}

/// A line for each account.
fn account_lines(story: &Story) -> Vec<Line> {
    let line = |(number, (uin, key)): (usize, &(u32, [u8; 16]))| {
        Line::of(Fact::Account(number), format!("WECHAT_SESSION_KEY {uin} {}", hex(key)))
    };
    story.accounts.iter().enumerate().map(line).collect()
}

/// The secrets of a session: first those that others are made from, then the keys themselves.
fn secrets(story: &Story, session: usize) -> Vec<(Label, Vec<u8>, [u8; 32])> {
    let of = &story.sessions[session];
    let shared = of.shared.map(|secret| (Label::Shared, secret.to_vec(), [0; 32]));
    let psk = of.psk().map(|secret| (Label::Psk, secret.to_vec(), [0; 32]));
    let keys = of.keys.iter().map(|keys| (Label::Keys(keys.epoch), keys.bytes.clone(), keys.hash));
    shared.into_iter().chain(psk).chain(keys).collect()
}

/// How the sessions' secrets are chosen and named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// Secrets that keys are made from, by the client's random.
    Roots,
    /// Keys, by the client's random.
    Keys,
    /// Keys, by the hash that they are made with.
    Hashes,
}

fn secret_lines(story: &Story, naming: Naming) -> Vec<Line> {
    let mut lines = Vec::new();
    for (session, of) in story.sessions.iter().enumerate() {
        for (label, secret, hash) in secrets(story, session) {
            let is_root = matches!(label, Label::Shared | Label::Psk);
            if is_root != (naming == Naming::Roots) {
                continue;
            }
            let by_hash = naming == Naming::Hashes;
            let name = if by_hash { format!("hash:{}", hex(&hash)) } else { hex(&of.random) };
            let text = format!("{} {name} {}", label.text(), hex(&secret));
            lines.push(Line::of(Fact::Secret { session, label, by_hash }, text));
        }
    }
    lines
}

/// All that there is to know, in both formats.
fn everything(story: &Story) -> Vec<Line> {
    [record_lines(story), account_lines(story), secret_lines(story, Naming::Roots)].concat()
}

type Lines = fn(&Story, &mut ChaCha8Rng) -> Vec<Line>;

const fn kind(name: &'static str, about: &'static str, lines: Lines) -> Kind {
    Kind { name, about, lines, rewrite: str::to_owned }
}

/// Each key log that a story can have.
pub const KINDS: &[Kind] = &[
    kind("records", "a line for each record and each ciphertext", |story, _| record_lines(story)),
    kind(
        "secrets",
        "shared secrets and tickets' secrets, by the client's random, and accounts' keys",
        |story, _| [secret_lines(story, Naming::Roots), account_lines(story)].concat(),
    ),
    kind("keys", "keys by the client's random", |story, _| secret_lines(story, Naming::Keys)),
    kind("hashes", "keys by the hash they are made with", |story, _| secret_lines(story, Naming::Hashes)),
    kind("mixed", "all that there is, in both formats", |story, _| everything(story)),
    Kind {
        rewrite: |text| text.replace('\n', "\r\n"),
        ..kind("crlf", "mixed, with CRLF at the ends of lines", |story, _| everything(story))
    },
    Kind {
        rewrite: upper_hex,
        ..kind("upper-case", "mixed, with hex digits in upper case", |story, _| everything(story))
    },
    Kind {
        rewrite: |text| text.trim_end().into(),
        ..kind("no-final-newline", "mixed, without an end of the last line", |story, _| everything(story))
    },
    kind("garbage", "mixed, with lines that say nothing", |story, rng| garbage(everything(story), rng)),
    kind("comments", "mixed, with comments and empty lines", |story, _| comments(everything(story))),
    kind("reversed", "mixed, the last line first", |story, _| everything(story).into_iter().rev().collect()),
    kind("wrong-lengths", "keys and secrets that are too short or too long", |story, _| wrong_lengths(story)),
    kind("wrong-keys", "a line for each record, all with a wrong key", |story, _| wrong_keys(story)),
    kind("wrong-secrets", "secrets with one bit changed", |story, _| {
        secret_lines(story, Naming::Roots).into_iter().map(with_wrong_end).collect()
    }),
    kind(
        "duplicate-tails",
        "before the line of each record another one with its tail and a wrong key",
        |story, _| [wrong_keys(story), record_lines(story)].concat(),
    ),
    kind("every-second", "every second record has no line; others of its direction cover it", |story, _| {
        every_second(story)
    }),
    kind("first-of-direction", "a line for the first record with each key only", |story, _| {
        first_with_each_key(story)
    }),
    kind("client-only", "no line for what the server sent", |story, _| {
        of_direction(story, Direction::ClientToServer)
    }),
    kind("server-only", "no line for what the client sent", |story, _| {
        of_direction(story, Direction::ServerToClient)
    }),
    kind(
        "one-psk",
        "of each ticket the secret once, with the random of the first session that offers it",
        |story, _| one_psk(story),
    ),
    kind("any-account", "the first account's key, for whatever account", |story, _| any_account(story)),
    kind("foreign", "a key log of other sessions", |_, rng| foreign(rng)),
    kind("empty", "nothing", |_, _| Vec::new()),
];

/// The sort of key log of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The digits of every word or value that is nothing but hex digits.
fn upper_hex(text: &str) -> String {
    let is_hex = |word: &str| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut out = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
            continue;
        }
        out.push_str(&if is_hex(&word) { word.to_uppercase() } else { word.clone() });
        word.clear();
        out.push(character);
    }
    out.pop();
    out
}

fn garbage(lines: Vec<Line>, rng: &mut ChaCha8Rng) -> Vec<Line> {
    let long = "x".repeat(70_000);
    let random: String = (0..40).map(|_| char::from(rng.random_range(b' '..=b'~'))).collect();
    let garbage = [
        "[*] Hooked AesGcmEncrypt at 0x7a12b4".to_owned(),
        "{\"layer\":\"OUTER\",\"encrypt\":true,\"key\":\"".into(),
        "{\"layer\":\"MIDDLE\",\"encrypt\":true,\"key\":\"00\",\"nonce\":\"00\",\"metadata\":\"\",\"tail\":\"00\"}".into(),
        "{\"layer\":\"OUTER\"}".into(),
        json!({"layer": "OUTER", "encrypt": 1, "key": [], "nonce": null, "metadata": {}, "tail": 7}).to_string(),
        "[1, 2, 3]".into(),
        "MMTLS_PSK".into(),
        "MMTLS_PSK zz zz".into(),
        "MMTLS_SHARED_SECRET hash: 00".into(),
        "CLIENT_RANDOM 00 11".into(),
        "MMTLS_UNHEARD_OF 0000000000000000000000000000000000000000000000000000000000000000 00".into(),
        "WECHAT_SESSION_KEY".into(),
        "WECHAT_SESSION_KEY me 00112233445566778899aabbccddeeff".into(),
        "\u{feff}\u{0}\u{1b}[31m\u{e9}".into(),
        long,
        random,
    ];
    let mut mixed = Vec::new();
    let mut garbage = garbage.into_iter().cycle().take(lines.len().max(16));
    for line in lines {
        mixed.extend(garbage.next().map(Line::idle));
        mixed.push(line);
    }
    mixed.extend(garbage.map(Line::idle));
    mixed
}

fn comments(lines: Vec<Line>) -> Vec<Line> {
    let commented = lines.iter().map(|line| Line::idle(format!("# {}", line.text)));
    let head = [Line::idle("# keys of a story"), Line::idle("")];
    let mut mixed: Vec<Line> = head.into_iter().chain(commented).collect();
    for line in lines {
        mixed.extend([Line::idle(""), Line::idle("#"), line]);
    }
    mixed
}

/// Each secret with a byte too few and with far too many, each record's key with a byte too few.
fn wrong_lengths(story: &Story) -> Vec<Line> {
    let mut texts = Vec::new();
    for line in secret_lines(story, Naming::Roots).into_iter().chain(account_lines(story)) {
        texts.push(line.text[..line.text.len() - 2].to_owned());
        texts.push(format!("{}{}", line.text, "00".repeat(100)));
    }
    for (session, of) in story.sessions.iter().enumerate() {
        for (record, sealed) in of.records.iter().enumerate() {
            if let (Some(line), Some(seal)) = (record_line(story, session, record, |key| key), sealed.seal) {
                let key = hex(&seal.half.key);
                texts.push(line.text.replace(&key, &key[..30]));
            }
        }
    }
    texts.into_iter().map(|text| Line { wrong_length: true, ..Line::idle(text) }).collect()
}

fn wrong_keys(story: &Story) -> Vec<Line> {
    let mut lines = Vec::new();
    for (session, of) in story.sessions.iter().enumerate() {
        for record in 0..of.records.len() {
            lines.extend(record_line(story, session, record, |mut key| {
                key[7] ^= 0x10;
                key
            }));
        }
    }
    lines
}

/// The line with another last digit.
fn with_wrong_end(mut line: Line) -> Line {
    let last = line.text.pop();
    line.text.push(if last == Some('0') { '1' } else { '0' });
    line.right = false;
    line
}

fn every_second(story: &Story) -> Vec<Line> {
    let mut lines = cipher_lines(story);
    let mut count = 0;
    for (session, of) in story.sessions.iter().enumerate() {
        for record in 0..of.records.len() {
            if let Some(line) = record_line(story, session, record, |key| key) {
                if count % 2 == 0 {
                    lines.push(line);
                }
                count += 1;
            }
        }
    }
    lines
}

fn first_with_each_key(story: &Story) -> Vec<Line> {
    let mut seen = HashSet::new();
    let mut lines = cipher_lines(story);
    for (session, of) in story.sessions.iter().enumerate() {
        for (record, sealed) in of.records.iter().enumerate() {
            if sealed.seal.is_some_and(|seal| seen.insert((session, seal.half.key))) {
                lines.extend(record_line(story, session, record, |key| key));
            }
        }
    }
    lines
}

fn of_direction(story: &Story, direction: Direction) -> Vec<Line> {
    let is_kept = |line: &Line| match line.fact {
        Some(Fact::Record { session, record }) => {
            story.sessions[session].records[record].direction == direction
        }
        Some(Fact::Cipher { packet, .. }) => {
            story.packets[packet].from_client == (direction == Direction::ClientToServer)
        }
        _ => false,
    };
    record_lines(story).into_iter().filter(is_kept).collect()
}

fn one_psk(story: &Story) -> Vec<Line> {
    let mut seen = BTreeSet::new();
    let first = |line: &Line| match line.fact {
        Some(Fact::Secret { session, label: Label::Psk, .. }) => seen.insert(story.sessions[session].psk()),
        _ => false,
    };
    secret_lines(story, Naming::Roots).into_iter().filter(first).collect()
}

/// With one account its key is right for whatever packet; with several only the first one's is given.
fn any_account(story: &Story) -> Vec<Line> {
    let line = |mut line: Line| {
        let key = line.text.rsplit(' ').next().unwrap_or_default();
        line.text = format!("WECHAT_SESSION_KEY * {key}");
        line
    };
    account_lines(story).into_iter().take(1).map(line).collect()
}

fn foreign(rng: &mut ChaCha8Rng) -> Vec<Line> {
    let mut lines = Vec::new();
    for _ in 0..50 {
        let (random, secret): ([u8; 32], [u8; 32]) = (rng.random(), rng.random());
        lines.push(Line::idle(format!("MMTLS_PSK {} {}", hex(&random), hex(&secret))));
        let (nonce, key, tail): ([u8; 12], [u8; 16], [u8; 8]) = (rng.random(), rng.random(), rng.random());
        let mut metadata = [0, 0, 0, 0, 0, 0, 0, 2, 0x17, 0xF1, 0x04, 0, 0];
        metadata[11..].copy_from_slice(&rng.random::<[u8; 2]>());
        lines.push(Line::idle(outer(true, &nonce, &key, &metadata, &tail)));
    }
    lines
}
