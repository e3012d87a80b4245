// SPDX-License-Identifier: GPL-2.0-or-later
//! All that a user has given in a capture: a file that may grow, and lines in the comments of packets.

use super::file::KeyLogFile;
use super::keys::KeyLog;

/// The keys of a capture.
#[derive(Debug, Default)]
pub struct KeyRing {
    log: KeyLog,
    comments: KeyLog,
    file: Option<KeyLogFile>,
    /// The packet for which the file was looked at last, and whether that was its first visit.
    looked: Option<(u32, bool)>,
    /// Counts what the key logs got.
    state: u32,
    has_comments: bool,
}

impl KeyRing {
    /// The keys in a file; an empty path names none.
    pub fn new(path: &str) -> Self {
        let file = (!path.is_empty()).then(|| KeyLogFile::new(path));
        let mut ring = Self { file, ..Self::default() };
        ring.read();
        ring
    }

    /// Whether there may be any.
    pub fn may_have_keys(&self) -> bool {
        self.file.is_some() || self.has_comments
    }

    /// The lines of the file, then those of comments.
    pub fn logs(&self) -> [&KeyLog; 2] {
        [&self.log, &self.comments]
    }

    /// Changes whenever there are more keys.
    pub fn state(&self) -> u32 {
        self.state
    }

    /// Why the file could not be read.
    pub fn error(&self) -> Option<&str> {
        self.file.as_ref()?.error()
    }

    /// The same for who does not know which file that is.
    pub fn warning(&self) -> Option<String> {
        let file = self.file.as_ref()?;
        Some(format!("The key log {} cannot be read: {}", file.path().display(), file.error()?))
    }

    /// Lines whose keys are too short or too long.
    pub fn wrong_lengths(&self) -> u64 {
        self.logs().into_iter().fold(0, |sum, log| sum.saturating_add(log.counts().wrong_length))
    }

    /// The lines in a packet's comment count from that packet on.
    pub fn add_comment(&mut self, comment: &str) {
        if self.comments.add_text(comment.as_bytes()) {
            self.has_comments = true;
            self.state = self.state.wrapping_add(1);
        }
    }

    /// Reads what the file has got, once for a visit of a packet; whether that gave any key.
    pub fn read_for(&mut self, packet: u32, first_visit: bool) -> bool {
        let visit = Some((packet, first_visit));
        std::mem::replace(&mut self.looked, visit) != visit && self.read()
    }

    fn read(&mut self) -> bool {
        let gave = self.file.as_mut().is_some_and(|file| file.refresh(&mut self.log));
        self.state = self.state.wrapping_add(u32::from(gave));
        gave
    }
}
