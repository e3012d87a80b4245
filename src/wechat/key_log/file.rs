// SPDX-License-Identifier: GPL-2.0-or-later
//! The key log's file, which grows while a capture is live.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::keys::{KeyLog, Progress};

/// So many bytes in front of what is new tell whether it is still the same file.
const MARK_LEN: usize = 256;

/// A file and how far it has been read.
#[derive(Debug)]
pub struct KeyLogFile {
    path: PathBuf,
    progress: Progress,
    /// The hash of the last bytes that were read.
    mark: [u8; 32],
    seen: Option<Seen>,
    error: Option<String>,
}

/// What tells that a file has not changed.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    len: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self { len: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl KeyLogFile {
    /// A file of which nothing was read. A path that is not absolute begins where the program was started.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { path, progress: Progress::default(), mark: [0; 32], seen: None, error: None }
    }

    /// Reads into `log` what the file has got since; whether that gave any key. Asks the system once if nothing
    /// has changed. What has been replaced is read from its start; what it gave before stays.
    pub fn refresh(&mut self, log: &mut KeyLog) -> bool {
        let read = self.read(log);
        self.error = read.as_ref().err().map(ToString::to_string);
        read.unwrap_or_default()
    }

    /// Why it could not be read the last time.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self, log: &mut KeyLog) -> io::Result<bool> {
        let metadata = fs::metadata(&self.path)?;
        // Others may wait for ever for somebody who writes.
        if !metadata.is_file() {
            return Err(io::Error::other("not a file"));
        }
        if self.seen.as_ref() == Some(&Seen::of(&metadata)) {
            return Ok(false);
        }
        let mut file = File::open(&self.path)?;
        let seen = Seen::of(&file.metadata()?);
        if seen.len < self.progress.read || self.mark != mark(&mut file, self.progress.read)? {
            self.progress = Progress::default();
        }
        file.seek(SeekFrom::Start(self.progress.read))?;
        // What comes meanwhile is read the next time, so that what was seen is what was read.
        let rest = seen.len.saturating_sub(self.progress.read);
        let found = log.read(&mut (&file).take(rest), &mut self.progress);
        self.mark = mark(&mut file, self.progress.read)?;
        self.seen = found.is_ok().then_some(seen);
        found
    }
}

/// The hash of the last bytes in front of `end`.
fn mark(file: &mut File, end: u64) -> io::Result<[u8; 32]> {
    let start = end.saturating_sub(MARK_LEN as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MARK_LEN));
    file.take(end.saturating_sub(start)).read_to_end(&mut bytes)?;
    Ok(Sha256::digest(&bytes).into())
}
