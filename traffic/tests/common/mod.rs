// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads captures back with the parsers of other crates.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use etherparse::{NetSlice, SlicedPacket, TcpHeader, TransportSlice};
use pcap_file::pcap::PcapReader;
use wechat_traffic::capture::Capture;

pub fn to_bytes(capture: &Capture) -> Vec<u8> {
    let mut file = Vec::new();
    capture.write_pcap(&mut file).unwrap();
    file
}

/// One packet of a file, with correct checksums.
pub struct Parsed {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub tcp: TcpHeader,
    pub payload: Vec<u8>,
}

/// The packets of a file that has all bytes of all packets.
pub fn parse(file: &[u8]) -> Vec<Parsed> {
    let mut reader = PcapReader::new(file).unwrap();
    let mut packets = Vec::new();
    while let Some(record) = reader.next_packet() {
        let record = record.unwrap();
        assert_eq!(record.orig_len as usize, record.data.len());
        packets.push(parse_packet(&record.data));
    }
    packets
}

fn parse_packet(frame: &[u8]) -> Parsed {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(TransportSlice::Tcp(segment)) = packet.transport else {
        panic!("not TCP");
    };
    let tcp = segment.to_header();
    let payload = segment.payload();
    let (source, destination, checksum) = match packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            let ip = ip.header();
            let checksum = tcp.calc_checksum_ipv4(&ip.to_header(), payload).unwrap();
            assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
            (ip.source_addr().into(), ip.destination_addr().into(), checksum)
        }
        Some(NetSlice::Ipv6(ip)) => {
            let ip = ip.header();
            let checksum = tcp.calc_checksum_ipv6(&ip.to_header(), payload).unwrap();
            (ip.source_addr().into(), ip.destination_addr().into(), checksum)
        }
        _ => panic!("not IP"),
    };
    assert_eq!(tcp.checksum, checksum);
    Parsed {
        source: SocketAddr::new(source, tcp.source_port),
        destination: SocketAddr::new(destination, tcp.destination_port),
        tcp,
        payload: payload.to_vec(),
    }
}

/// The bytes from one end to the other, in the order of the first packets.
pub fn streams(packets: &[Parsed]) -> Vec<Vec<u8>> {
    struct Stream {
        ends: (SocketAddr, SocketAddr),
        first_sequence: u32,
        segments: BTreeMap<u32, Vec<u8>>,
    }
    let mut streams: Vec<Stream> = Vec::new();
    for packet in packets {
        let ends = (packet.source, packet.destination);
        if packet.tcp.syn {
            streams.push(Stream {
                ends,
                first_sequence: packet.tcp.sequence_number.wrapping_add(1),
                segments: BTreeMap::new(),
            });
        } else if !packet.payload.is_empty() {
            let stream = streams.iter_mut().find(|stream| stream.ends == ends);
            let stream = stream.expect("a SYN comes first");
            let offset = packet.tcp.sequence_number.wrapping_sub(stream.first_sequence);
            stream.segments.insert(offset, packet.payload.clone());
        }
    }

    let join = |stream: Stream| {
        stream.segments.into_iter().fold(Vec::new(), |mut bytes, (offset, payload)| {
            assert_eq!(bytes.len(), offset as usize, "no gap and no overlap");
            bytes.extend(payload);
            bytes
        })
    };
    streams.into_iter().map(join).collect()
}
