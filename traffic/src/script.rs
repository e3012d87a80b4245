// SPDX-License-Identifier: GPL-2.0-or-later
//! A conversation as a list of writes: first told, then perhaps damaged, then played on a flow.

use std::time::Duration;

use crate::flow::{Chunk, Flow, Segmentation};
use crate::packet::{Direction, Endpoints};

/// How long before the first write the connection is opened.
const HANDSHAKE: Duration = Duration::from_millis(50);

/// What one side hands to TCP at once.
#[derive(Clone, Debug)]
pub struct Write {
    /// When.
    pub at: Duration,
    /// From whom.
    pub direction: Direction,
    /// What, in order.
    pub chunks: Vec<Chunk>,
    /// How it becomes segments.
    pub segmentation: Segmentation,
}

/// The writes of one connection.
#[derive(Clone, Debug)]
pub struct Script {
    /// In order of time.
    pub writes: Vec<Write>,
    /// Whether the connection is seen to open.
    pub handshake: bool,
    /// Whether the connection is seen to close.
    pub close: bool,
    clock: Duration,
}

impl Script {
    /// A connection that opens at this time, counted from the start of the capture.
    pub fn starting_at(start: Duration) -> Self {
        Self { writes: Vec::new(), handshake: true, close: true, clock: start + HANDSHAKE }
    }

    /// Lets milliseconds pass before the next write.
    pub fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.clock += Duration::from_millis(milliseconds);
        self
    }

    /// Lets seconds pass before the next write.
    pub fn wait_seconds(&mut self, seconds: u64) -> &mut Self {
        self.wait(seconds * 1000)
    }

    /// The client writes.
    pub fn client<C: Into<Chunk>>(&mut self, chunks: impl IntoIterator<Item = C>) -> &mut Self {
        self.write(Direction::ClientToServer, chunks)
    }

    /// The server writes.
    pub fn server<C: Into<Chunk>>(&mut self, chunks: impl IntoIterator<Item = C>) -> &mut Self {
        self.write(Direction::ServerToClient, chunks)
    }

    /// One side writes.
    pub fn write<C: Into<Chunk>>(
        &mut self,
        direction: Direction,
        chunks: impl IntoIterator<Item = C>,
    ) -> &mut Self {
        self.writes.push(Write {
            at: self.clock,
            direction,
            chunks: chunks.into_iter().map(Into::into).collect(),
            segmentation: Segmentation::Mss,
        });
        self
    }

    /// Cuts the latest write into segments of these sizes, as far as they go.
    pub fn cut(&mut self, sizes: impl IntoIterator<Item = usize>) -> &mut Self {
        if let Some(write) = self.writes.last_mut() {
            write.segmentation = Segmentation::Sizes(sizes.into_iter().collect());
        }
        self
    }

    /// How many PDUs are written.
    pub fn pdu_count(&self) -> usize {
        let chunks = self.writes.iter().flat_map(|write| &write.chunks);
        chunks.filter(|chunk| chunk.intent.is_some()).count()
    }

    /// How many bytes one side writes.
    pub fn byte_count(&self, direction: Direction) -> usize {
        let writes = self.writes.iter().filter(|w| w.direction == direction);
        let chunks = writes.flat_map(|write| &write.chunks);
        chunks.map(|chunk| chunk.bytes.len()).sum()
    }

    /// The connection with these ends and initial sequence numbers, of client and server.
    pub fn play(&self, endpoints: Endpoints, initial_sequences: [u32; 2]) -> Flow {
        let mut flow = Flow::new(endpoints, initial_sequences);
        if let (true, Some(first)) = (self.handshake, self.writes.first()) {
            flow.handshake(first.at.saturating_sub(HANDSHAKE));
        }
        for write in &self.writes {
            flow.send(write.at, write.direction, &write.chunks, &write.segmentation);
        }
        if self.close {
            let end = flow.now().max(self.clock) + Duration::from_secs(1);
            flow.close(end, Direction::ClientToServer);
        }
        flow
    }
}
