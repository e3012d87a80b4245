// SPDX-License-Identifier: GPL-2.0-or-later
//! Packets of several flows, ready to be damaged and written.

use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{Endianness, PcapError};

use crate::flow::{Flow, Placed, PlacedPart};
use crate::packet::{Direction, Endpoints, Packet};

/// 2015-01-20T08:00:00Z; captures begin here, so that the same seed gives the same file.
pub const BASE_TIME: Duration = Duration::from_secs(1_421_740_800);

/// Nothing is cut off.
const UNLIMITED: u32 = 262_144;

/// Writes packets in pcap format, with microseconds.
pub struct Writer<W: Write> {
    pcap: PcapWriter<W>,
    snap_len: u32,
}

impl<W: Write> Writer<W> {
    /// Begins a file in which each packet has at most `snap_len` bytes.
    pub fn new(out: W, snap_len: Option<u32>) -> io::Result<Self> {
        let snap_len = snap_len.unwrap_or(UNLIMITED);
        let header = PcapHeader { snaplen: snap_len, endianness: Endianness::Little, ..Default::default() };
        let pcap = PcapWriter::with_header(out, header).map_err(into_io)?;
        Ok(Self { pcap, snap_len })
    }

    /// Appends a packet.
    pub fn write(&mut self, packet: &Packet, endpoints: &Endpoints) -> io::Result<()> {
        let frame = packet.encode(endpoints)?;
        let captured = &frame[..frame.len().min(self.snap_len as usize)];
        let record = PcapPacket::new(BASE_TIME + packet.time, frame.len() as u32, captured);
        self.pcap.write_packet(&record).map_err(into_io)?;
        Ok(())
    }

    /// Writes out what is buffered.
    pub fn finish(self) -> io::Result<()> {
        self.pcap.into_writer().flush()
    }
}

fn into_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// A whole capture in memory.
#[derive(Clone, Debug)]
pub struct Capture {
    endpoints: Vec<Endpoints>,
    packets: Vec<Packet>,
    placed: Vec<Placed>,
    parts: Vec<PlacedPart>,
    snap_len: Option<u32>,
}

impl Capture {
    /// Merges flows by time.
    pub fn new(flows: impl IntoIterator<Item = Flow>) -> Self {
        let mut capture = Self {
            endpoints: Vec::new(),
            packets: Vec::new(),
            placed: Vec::new(),
            parts: Vec::new(),
            snap_len: None,
        };
        for (index, mut flow) in flows.into_iter().enumerate() {
            let (packets, placed) = flow.drain(index);
            capture.endpoints.push(*flow.endpoints());
            capture.packets.extend(packets);
            capture.placed.extend(placed);
            capture.parts.extend(flow.drain_parts(index));
        }
        capture.packets.sort_by_key(|packet| packet.time);
        capture
    }

    /// The packets, in the order of the file.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// The two ends of a flow.
    pub fn endpoints(&self, flow: usize) -> &Endpoints {
        &self.endpoints[flow]
    }

    /// The PDUs that were sent, flow by flow.
    pub fn placed(&self) -> &[Placed] {
        &self.placed
    }

    /// The numbered chunks that were sent, flow by flow.
    pub fn parts(&self) -> &[PlacedPart] {
        &self.parts
    }

    /// How many bytes of each packet reach the file.
    pub fn snap_len(&self) -> Option<u32> {
        self.snap_len
    }

    /// Cuts packets down to this many bytes when they are written.
    pub fn set_snap_len(&mut self, snap_len: u32) {
        self.snap_len = Some(snap_len);
    }

    /// How many bytes of a packet's payload reach the file.
    pub fn captured_payload(&self, packet: &Packet) -> io::Result<u64> {
        let len = packet.payload.len();
        let Some(snap_len) = self.snap_len else {
            return Ok(len as u64);
        };
        let frame_len = packet.encode(&self.endpoints[packet.flow])?.len();
        let cut = frame_len.saturating_sub(snap_len as usize);
        Ok(len.saturating_sub(cut) as u64)
    }

    /// Loses a packet.
    pub fn remove(&mut self, index: usize) {
        self.packets.remove(index);
    }

    /// Loses all packets of one direction.
    pub fn remove_direction(&mut self, direction: Direction) {
        self.packets.retain(|packet| packet.direction != direction);
    }

    /// Ends after this many packets.
    pub fn truncate(&mut self, len: usize) {
        self.packets.truncate(len);
    }

    /// Lets two packets change places; the times stay where they are.
    pub fn swap(&mut self, a: usize, b: usize) {
        let times = (self.packets[a].time, self.packets[b].time);
        self.packets.swap(a, b);
        (self.packets[a].time, self.packets[b].time) = times;
    }

    /// Sends a packet again, directly before the packet at index `before`.
    pub fn retransmit(&mut self, index: usize, before: usize) {
        let mut copy = self.packets[index].clone();
        copy.identification = copy.identification.wrapping_add(0x8000);
        copy.time = self.packets[before].time;
        self.packets.insert(before, copy);
    }

    /// Writes the capture in pcap format.
    pub fn write_pcap(&self, out: impl Write) -> io::Result<()> {
        let mut writer = Writer::new(out, self.snap_len)?;
        self.write_packets(&mut writer)?;
        writer.finish()
    }

    /// Appends the packets to a file that others are in, too.
    pub fn write_packets(&self, writer: &mut Writer<impl Write>) -> io::Result<()> {
        self.packets.iter().try_for_each(|packet| writer.write(packet, &self.endpoints[packet.flow]))
    }
}
