// SPDX-License-Identifier: GPL-2.0-or-later
//! What key logs give, and where it is found again. Of a line its keys are kept and what names them, never its text.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read};
use std::mem;

use zeroize::Zeroizing;

use super::business::Business;
use super::kept::Kept;
use super::line::{self, Given, Line, Name, Passed};
use crate::wechat::key_log::half::{Half, Hash, Secret};

/// A longer line is passed over.
pub const LONGEST_LINE: usize = 64 * 1024;

/// All keys that are known.
#[derive(Debug, Default)]
pub struct KeyLog {
    /// The sort is 1 of the client's.
    halves: Kept<28>,
    /// Tail, sequence number, key.
    records: BTreeSet<(u64, u32, u32)>,
    given: Kept<56>,
    randoms: BTreeSet<([u8; 32], u32)>,
    hashes: BTreeSet<(Hash, u32)>,
    psks: BTreeSet<u32>,
    business: Business,
    counts: Counts,
}

/// Lines that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That name a record.
    pub records: u64,
    /// That name a session.
    pub sessions: u64,
    /// That name a ciphertext in a business packet.
    pub ciphers: u64,
    /// That name an account.
    pub accounts: u64,
    /// Whose key is too short or too long.
    pub wrong_length: u64,
    /// That are something else. Comments, empty lines and those of a file that the client opened are not counted.
    pub passed_over: u64,
}

/// A line that names a record.
#[derive(Clone, Debug)]
pub struct RecordLine {
    /// Who sealed it.
    pub from_client: bool,
    /// Key and IV of all records of its direction, until the keys change.
    pub half: Half,
    /// Its sequence number.
    pub seq: u64,
}

/// How far an input has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that need not be read again.
    pub read: u64,
    /// The next one is inside of a line that is too long.
    inside: bool,
}

impl KeyLog {
    /// Reads lines to the end of an input; whether any gave a key. A last line without an end counts if it gives one.
    /// If not, it is read again when there is more of it.
    ///
    /// # Errors
    ///
    /// Those of the input. What was read before counts, and `progress` says how far that was.
    pub fn read(&mut self, input: &mut impl Read, progress: &mut Progress) -> io::Result<bool> {
        let mut buffer = Zeroizing::new(vec![0; LONGEST_LINE]);
        let mut filled = 0usize;
        let mut gave = false;
        loop {
            match input.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            let mut done = 0usize;
            let mut rest = buffer.get(..filled).unwrap_or_default();
            while let Some((line, behind)) =
                memchr::memchr(b'\n', rest).and_then(|end| rest.split_at_checked(end))
            {
                match mem::take(&mut progress.inside) {
                    true => self.count(Err(Passed::Unknown)),
                    false => gave |= self.add(line),
                }
                rest = behind.get(1..).unwrap_or_default();
                done = filled.saturating_sub(rest.len());
            }
            if done == 0 && filled == buffer.len() {
                progress.inside = true;
                done = filled;
            }
            buffer.copy_within(done..filled, 0);
            filled = filled.saturating_sub(done);
            progress.read = progress.read.saturating_add(done as u64);
        }
        let last = buffer.get(..filled).unwrap_or_default();
        if !progress.inside && line::read(last).is_ok_and(|line| line.is_some()) {
            progress.read = progress.read.saturating_add(filled as u64);
            gave |= self.add(last);
        }
        Ok(gave)
    }

    /// Reads lines out of a text that is whole; whether any gave a key.
    pub fn add_text(&mut self, text: &[u8]) -> bool {
        text.split(|byte| *byte == b'\n').fold(false, |gave, line| gave | self.add(line))
    }

    /// What was read so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// All lines that name records with these last 8 bytes: a tag tells which is right.
    pub fn by_tail(&self, tail: u64) -> impl Iterator<Item = RecordLine> {
        let found = self.records.range((tail, 0, 0)..=(tail, u32::MAX, u32::MAX));
        found.filter_map(|&(_, seq, half)| {
            let (from_client, half) = self.halves.get(half)?;
            Some(RecordLine { from_client: *from_client == 1, half: Half::new(half), seq: seq.into() })
        })
    }

    /// The keys that lines give for records of one side, each once.
    pub fn halves(&self, from_client: bool) -> impl Iterator<Item = Half> {
        self.halves
            .iter()
            .filter(move |(sort, _)| (*sort != 0) == from_client)
            .map(|(_, half)| Half::new(half))
    }

    /// What is given of the session with this random in its ClientHello.
    pub fn by_random(&self, random: &[u8; 32]) -> impl Iterator<Item = Given> + use<'_> {
        let found = self.randoms.range((*random, 0)..=(*random, u32::MAX));
        found.filter_map(|(_, given)| self.given(*given))
    }

    /// What is given of a session in which this is the hash that the keys are made with.
    pub fn by_hash(&self, hash: &Hash) -> impl Iterator<Item = Given> + use<'_> {
        let found = self.hashes.range((*hash, 0)..=(*hash, u32::MAX));
        found.filter_map(|(_, given)| self.given(*given))
    }

    /// Secrets of tickets, in the order of lines: each may be that of any session that resumes.
    pub fn psks(&self) -> impl Iterator<Item = Secret> {
        self.psks.iter().filter_map(|given| match self.given(*given)? {
            Given::Psk(secret) => Some(secret),
            _ => None,
        })
    }

    /// Keys of what lies deeper than records.
    pub fn business(&self) -> &Business {
        &self.business
    }

    fn given(&self, number: u32) -> Option<Given> {
        self.given.get(number).and_then(Given::of)
    }

    /// Keeps what a line gives; whether that is a key.
    fn add(&mut self, line: &[u8]) -> bool {
        let line = line::read(line);
        let gives = matches!(line, Ok(Some(_)));
        self.count(line.as_ref().map(Option::as_ref).map_err(|passed| *passed));
        match line.ok().flatten() {
            None => {}
            Some(Line::Record { tail, from_client, half, seq }) => {
                let half = self.halves.keep((from_client.into(), half.joined()));
                self.records.extend(half.map(|half| (tail, seq, half)));
            }
            Some(Line::Cipher { tail, key }) => self.business.keep_cipher(tail, key),
            Some(Line::Account { account, key }) => self.business.keep_account(account, key),
            Some(Line::Session { name, row, bytes }) => {
                let number = self.given.keep((row, bytes));
                let is_psk = |number: &u32| matches!(self.given(*number), Some(Given::Psk(_)));
                let psk = number.filter(is_psk);
                self.psks.extend(psk);
                match name {
                    Name::Random(random) => self.randoms.extend(number.map(|number| (random, number))),
                    Name::Hash(hash) => self.hashes.extend(number.map(|number| (hash, number))),
                }
            }
        }
        gives
    }

    fn count(&mut self, line: Result<Option<&Line>, Passed>) {
        let counts = &mut self.counts;
        let count = match line {
            Ok(None) => return,
            Ok(Some(Line::Record { .. })) => &mut counts.records,
            Ok(Some(Line::Session { .. })) => &mut counts.sessions,
            Ok(Some(Line::Cipher { .. })) => &mut counts.ciphers,
            Ok(Some(Line::Account { .. })) => &mut counts.accounts,
            Err(Passed::WrongLength) => &mut counts.wrong_length,
            Err(Passed::Unknown) => &mut counts.passed_over,
        };
        *count = count.saturating_add(1);
    }
}
