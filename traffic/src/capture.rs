// SPDX-License-Identifier: GPL-2.0-or-later
//! Packets of several flows, ready to be damaged and written.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, Endianness, PcapError};

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

/// What stands before a payload that has no headers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// Nothing; the packets are of the first link type that users may define.
    None,
    /// What Wireshark puts before an exported PDU: whose table of dissectors it goes to, and its ends.
    ExportedPdu,
}

/// What an exported PDU says of itself.
mod tag {
    pub const END: u16 = 0;
    pub const DISSECTOR_TABLE: u16 = 14;
    pub const SOURCE_V4: u16 = 20;
    pub const DESTINATION_V4: u16 = 21;
    pub const SOURCE_V6: u16 = 22;
    pub const DESTINATION_V6: u16 = 23;
    pub const PORT_TYPE: u16 = 24;
    pub const SOURCE_PORT: u16 = 25;
    pub const DESTINATION_PORT: u16 = 26;
    pub const TABLE_VALUE: u16 = 32;
}

fn exported(packet: &Packet, endpoints: &Endpoints) -> Vec<u8> {
    const TCP: u32 = 2;
    let Endpoints { client, server } = *endpoints;
    let (source, destination) = match packet.direction {
        Direction::ClientToServer => (client, server),
        Direction::ServerToClient => (server, client),
    };
    let number = |number: u32| number.to_be_bytes().to_vec();
    let end = |end: SocketAddr, v4, v6| match end {
        SocketAddr::V4(end) => (v4, end.ip().octets().to_vec()),
        SocketAddr::V6(end) => (v6, end.ip().octets().to_vec()),
    };
    let tags = [
        (tag::DISSECTOR_TABLE, b"tcp.port".to_vec()),
        end(source, tag::SOURCE_V4, tag::SOURCE_V6),
        end(destination, tag::DESTINATION_V4, tag::DESTINATION_V6),
        (tag::PORT_TYPE, number(TCP)),
        (tag::SOURCE_PORT, number(source.port().into())),
        (tag::DESTINATION_PORT, number(destination.port().into())),
        (tag::TABLE_VALUE, number(server.port().into())),
        (tag::END, Vec::new()),
    ];
    let mut bytes = Vec::new();
    for (tag, value) in tags {
        bytes.extend(tag.to_be_bytes());
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
    }
    bytes.extend_from_slice(&packet.payload);
    bytes
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

    /// Sets the clock back before a packet: it and all behind it have earlier times. None may come to lie
    /// before [`BASE_TIME`].
    pub fn set_clock_back(&mut self, index: usize, by: Duration) {
        self.packets[index..].iter_mut().for_each(|packet| packet.time -= by);
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

    /// Writes the capture in pcapng format, with the number that `ticks` makes of each packet's time since
    /// 1970, and so many seconds that readers add to each. The file does not say what a tick is: readers take
    /// it for a microsecond.
    pub fn write_pcapng(
        &self,
        mut out: impl Write,
        seconds: i64,
        ticks: impl Fn(Duration) -> u64,
    ) -> io::Result<()> {
        const ETHERNET: u32 = 1;
        const IF_TSOFFSET: u32 = 14;
        let mut block = |kind: u32, body: &[u8]| {
            let padded = body.len().next_multiple_of(4);
            let length = (padded as u32 + 12).to_le_bytes();
            let padding = vec![0; padded - body.len()];
            [&kind.to_le_bytes(), &length[..], body, &padding, &length]
                .iter()
                .try_for_each(|part| out.write_all(part))
        };
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        // Version 1.0, a section of unknown length.
        block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]))?;
        let (high, low) = ((seconds >> 32) as u32, seconds as u32);
        block(1, &words(&[ETHERNET, UNLIMITED, 8 << 16 | IF_TSOFFSET, low, high, 0]))?;
        for packet in &self.packets {
            let frame = packet.encode(&self.endpoints[packet.flow])?;
            let (time, length) = (ticks(BASE_TIME + packet.time), frame.len() as u32);
            let mut body = words(&[0, (time >> 32) as u32, time as u32, length, length]);
            body.extend(frame);
            block(6, &body)?;
        }
        Ok(())
    }

    /// Writes the payloads that are not empty in pcap format, each as a packet.
    pub fn write_payloads(&self, out: impl Write, wrapping: Wrapping) -> io::Result<()> {
        let datalink = match wrapping {
            Wrapping::None => DataLink::USER0,
            Wrapping::ExportedPdu => DataLink::WIRESHARK_UPPER_PDU,
        };
        let header =
            PcapHeader { snaplen: UNLIMITED, endianness: Endianness::Little, datalink, ..Default::default() };
        let mut pcap = PcapWriter::with_header(out, header).map_err(into_io)?;
        for packet in self.packets.iter().filter(|packet| !packet.payload.is_empty()) {
            let bytes = match wrapping {
                Wrapping::None => packet.payload.clone(),
                Wrapping::ExportedPdu => exported(packet, &self.endpoints[packet.flow]),
            };
            let record = PcapPacket::new(BASE_TIME + packet.time, bytes.len() as u32, &bytes);
            pcap.write_packet(&record).map_err(into_io)?;
        }
        pcap.into_writer().flush()
    }

    /// Appends the packets to a file that others are in, too.
    pub fn write_packets(&self, writer: &mut Writer<impl Write>) -> io::Result<()> {
        self.packets.iter().try_for_each(|packet| writer.write(packet, &self.endpoints[packet.flow]))
    }
}
