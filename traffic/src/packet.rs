// SPDX-License-Identifier: GPL-2.0-or-later
//! A TCP segment with its IP and Ethernet headers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder, TcpHeader, TcpOptionElement,
};
use serde::{Deserialize, Serialize};

/// Largest payload of a segment, as announced in the handshake. Leaves room for IPv6.
pub const MSS: u16 = 1400;

const WINDOW: u16 = u16::MAX;
const TTL: u8 = 64;
// Locally administered addresses.
const CLIENT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const SERVER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];
// Private and documentation addresses.
const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 23);
const SERVER_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x23);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0x80);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// From the client.
    #[serde(rename = "c2s")]
    ClientToServer,
    /// From the server.
    #[serde(rename = "s2c")]
    ServerToClient,
}

impl Direction {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::ClientToServer, Self::ServerToClient];

    /// The opposite.
    pub fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Who connects.
    pub client: SocketAddr,
    /// Who listens; of the same IP version.
    pub server: SocketAddr,
}

impl Endpoints {
    /// A connection over IPv4.
    pub fn v4(client_port: u16, server_port: u16) -> Self {
        Self { client: (CLIENT_V4, client_port).into(), server: (SERVER_V4, server_port).into() }
    }

    /// A connection over IPv6.
    pub fn v6(client_port: u16, server_port: u16) -> Self {
        Self { client: (CLIENT_V6, client_port).into(), server: (SERVER_V6, server_port).into() }
    }

    /// The same connection from another host.
    pub fn from_client(mut self, client: impl Into<IpAddr>) -> Self {
        self.client.set_ip(client.into());
        self
    }
}

/// The control bits of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// SYN
    Syn,
    /// SYN and ACK
    SynAck,
    /// ACK
    Ack,
    /// PSH and ACK: the end of a write
    PshAck,
    /// FIN and ACK
    FinAck,
}

/// One captured segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When, counted from [`BASE_TIME`](crate::capture::BASE_TIME).
    pub time: Duration,
    /// Which flow of the capture it belongs to.
    pub flow: usize,
    /// From whom.
    pub direction: Direction,
    /// IPv4 identification.
    pub identification: u16,
    /// TCP sequence number.
    pub sequence: u32,
    /// TCP acknowledgement number.
    pub acknowledgement: u32,
    /// TCP control bits.
    pub control: Control,
    /// Where the payload begins in the bytes of its direction.
    pub offset: u64,
    /// TCP payload.
    pub payload: Vec<u8>,
}

impl Packet {
    /// Where the payload lies in the bytes of its direction.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.payload.len() as u64
    }

    /// The Ethernet frame, with correct lengths and checksums.
    pub fn encode(&self, endpoints: &Endpoints) -> io::Result<Vec<u8>> {
        let (source, destination, macs) = match self.direction {
            Direction::ClientToServer => (endpoints.client, endpoints.server, (CLIENT_MAC, SERVER_MAC)),
            Direction::ServerToClient => (endpoints.server, endpoints.client, (SERVER_MAC, CLIENT_MAC)),
        };
        let builder = PacketBuilder::ethernet2(macs.0, macs.1)
            .ip(self.ip_header(source.ip(), destination.ip())?)
            .tcp_header(self.tcp_header(source.port(), destination.port())?);
        let mut frame = Vec::with_capacity(builder.size(self.payload.len()));
        builder.write(&mut frame, &self.payload).map_err(io::Error::other)?;
        Ok(frame)
    }

    fn ip_header(&self, source: IpAddr, destination: IpAddr) -> io::Result<IpHeaders> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = Ipv4Header {
                    identification: self.identification,
                    dont_fragment: true,
                    fragment_offset: IpFragOffset::ZERO,
                    time_to_live: TTL,
                    protocol: IpNumber::TCP,
                    source: source.octets(),
                    destination: destination.octets(),
                    ..Default::default()
                };
                Ok(IpHeaders::Ipv4(header, Default::default()))
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let header = Ipv6Header {
                    next_header: IpNumber::TCP,
                    hop_limit: TTL,
                    source: source.octets(),
                    destination: destination.octets(),
                    ..Default::default()
                };
                Ok(IpHeaders::Ipv6(header, Default::default()))
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "client and server differ in IP version")),
        }
    }

    fn tcp_header(&self, source: u16, destination: u16) -> io::Result<TcpHeader> {
        let mut header = TcpHeader::new(source, destination, self.sequence, WINDOW);
        header.syn = matches!(self.control, Control::Syn | Control::SynAck);
        header.ack = self.control != Control::Syn;
        header.psh = self.control == Control::PshAck;
        header.fin = self.control == Control::FinAck;
        header.acknowledgment_number = self.acknowledgement;
        if header.syn {
            header.set_options(&[TcpOptionElement::MaximumSegmentSize(MSS)]).map_err(io::Error::other)?;
        }
        Ok(header)
    }
}
