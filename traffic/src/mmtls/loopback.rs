// SPDX-License-Identifier: GPL-2.0-or-later
//! A client and a server that really talk MMTLS, for captures that a kernel made, and a key log that grows.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::key_log;
use super::link::Packing;
use super::phone::Phone;
use super::record::{HEADER_LEN, Version};
use super::session::{Handshake, Start};
use super::story::Story;
use super::ticket::Held;
use super::ticket::TicketKind;
use crate::loopback::{Tally, accept};
use crate::packet::{Direction, Endpoints};

/// No side waits longer than this for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// From a write to the next.
const PAUSE: Duration = Duration::from_millis(15);
const FRAMES: usize = 24;

/// How a talk is had.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// What it is drawn from.
    pub seed: u64,
    /// A full handshake, or a resumed one.
    pub full: bool,
    /// Whether a record's line is written before the record is sent, or only this long after it.
    pub late_keys: Option<Duration>,
}

/// Both ends of a long link in one process, on this port of 127.0.0.1. Lines are appended to the key log as the
/// hooks in a client do it: one for each record, when it is sealed. Returns how many frames were sent and came.
///
/// # Errors
///
/// Those of the connections and of the file, and `InvalidData` if other bytes come than were sent.
pub fn talk(port: u16, key_log: &Path, talk: Talk) -> io::Result<Tally> {
    let story = tell(talk)?;
    let writes = writes(&story);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    let expected: Vec<(Direction, Vec<u8>)> =
        writes.iter().map(|write| (write.direction, write.bytes.clone())).collect();
    let server = thread::spawn(move || serve(&listener, &expected));
    let client = TcpStream::connect(address)?;
    let mut log = OpenOptions::new().create(true).append(true).open(key_log)?;
    let mut end = End::new(client)?;
    for write in &writes {
        if talk.late_keys.is_none() {
            append(&mut log, &write.lines)?;
        }
        end.take_turn(Direction::ClientToServer, write.direction, &write.bytes)?;
        if let Some(late) = talk.late_keys {
            sleep(late);
            append(&mut log, &write.lines)?;
        }
    }
    drop(end);
    server.join().map_err(|_| io::Error::other("the server panicked"))??;
    let frames = story.frames.iter();
    let sent = frames.filter(|frame| frame.direction == Direction::ClientToServer).count();
    Ok(Tally { sent, received: story.frames.len() - sent })
}

/// The session, with the time of now.
fn tell(talk: Talk) -> io::Result<Story> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let mut story = Story::new(&mut ChaCha8Rng::seed_from_u64(talk.seed));
    let mut phone = Phone::new(&mut story.rng);
    let time = now.as_secs() as u32;
    let start = if talk.full {
        Start::full(Version::F104, time, None)
    } else {
        let access = Held::from_before(TicketKind::Access, &mut story.rng);
        Start::with(Handshake::Resumed, Version::F104, time, access)
    };
    let way = super::link::Way { packing: Packing::Anywhere, cut: false, alerts: true };
    // The ends of a capture that nobody makes.
    let ends = Endpoints::v4(0, 0);
    story.phone_link(Duration::ZERO, ends, start, (&mut phone, FRAMES), way);
    Ok(story)
}

/// What one side writes at once, and the key log's lines of it.
struct Turn {
    direction: Direction,
    bytes: Vec<u8>,
    lines: String,
}

fn writes(story: &Story) -> Vec<Turn> {
    let writes = &story.connections[0].script.writes;
    let writes = writes.iter().map(|write| Turn {
        direction: write.direction,
        bytes: write.chunks.iter().flat_map(|chunk| chunk.bytes.clone()).collect(),
        lines: write
            .chunks
            .iter()
            .filter_map(|chunk| key_log::line_of_part(story, chunk.part?))
            .map(|line| format!("{line}\n"))
            .collect(),
    });
    writes.collect()
}

fn append(log: &mut File, lines: &str) -> io::Result<()> {
    log.write_all(lines.as_bytes())?;
    log.flush()
}

fn serve(listener: &TcpListener, writes: &[(Direction, Vec<u8>)]) -> io::Result<()> {
    let mut end = End::new(accept(listener)?)?;
    writes
        .iter()
        .try_for_each(|(direction, bytes)| end.take_turn(Direction::ServerToClient, *direction, bytes))
}

/// One end of the connection.
struct End(TcpStream);

impl End {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Writes what this end says, or reads what the other one says.
    fn take_turn(&mut self, own: Direction, from: Direction, bytes: &[u8]) -> io::Result<()> {
        if own == from {
            sleep(PAUSE);
            return self.0.write_all(bytes);
        }
        let mut came = Vec::new();
        while came.len() < bytes.len() {
            let mut header = [0; HEADER_LEN];
            self.0.read_exact(&mut header)?;
            let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
            self.0.read_exact(&mut body)?;
            came.extend(header);
            came.extend(body);
        }
        if came == bytes {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "other records than were sent"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_agree_and_the_log_grows() -> io::Result<()> {
        for (full, late_keys) in [(true, None), (false, Some(Duration::from_millis(1)))] {
            let path = std::env::temp_dir().join(format!("wechat-traffic-{}-{full}.log", std::process::id()));
            let tally = talk(0, &path, Talk { seed: 1, full, late_keys })?;
            let lines = std::fs::read_to_string(&path)?.lines().count();
            std::fs::remove_file(&path)?;
            assert!(tally.sent + tally.received >= FRAMES);
            assert!(lines > FRAMES, "{lines}");
        }
        Ok(())
    }
}
