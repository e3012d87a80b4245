// SPDX-License-Identifier: GPL-2.0-or-later
//! WeChat on the shared ports, and the frames of it that Wireshark shows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wechat_traffic::account::Account;
use wechat_traffic::body::identify::Trailer;
use wechat_traffic::capture::Capture;
use wechat_traffic::flow::Flow;
use wechat_traffic::packet::{Direction, Endpoints};
use wechat_traffic::script::Script;
use xtask::process;
use xtask::sandbox::Sandbox;

use crate::support::foreign::{self, PORTS};

/// The host on which WeChat runs; foreign traffic comes from others.
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 3, 1);

/// Finds what is not from or to that host.
pub const OTHERS: &str = "!(ip.addr == 192.168.3.1)";

/// Client ports begin here.
const FIRST_CLIENT_PORT: u16 = 49_152;

/// A frame: the client's port, whether the server sent it, operation, sequence and length.
pub type Frame = (u16, bool, u32, u32, u32);

/// Frames by the shared port they are on.
pub type Frames = BTreeMap<u16, BTreeSet<Frame>>;

/// A capture, and the frames in it.
pub struct Sessions {
    pub capture: Capture,
    pub frames: Frames,
}

/// How a session begins.
#[derive(Clone, Default)]
struct Beginning {
    /// Whether the capture misses it.
    missed: bool,
    server_first: bool,
    /// Sizes of the first segments.
    sizes: Vec<usize>,
    /// Whether the first two frames are written at once.
    at_once: bool,
}

impl Beginning {
    fn script(&self) -> Script {
        let account = &mut Account::new(&mut ChaCha8Rng::seed_from_u64(1));
        let mut script = Script::starting_at(Duration::ZERO);
        script.handshake = !self.missed;
        // Two frames of the same side, before the other has said anything.
        let (side, frames) = if self.server_first {
            (Direction::ServerToClient, [account.push(false, 300), account.push(true, 20)])
        } else {
            (Direction::ClientToServer, [account.identify(Trailer::Version), account.heartbeat()])
        };
        let together = if self.at_once { 2 } else { 1 };
        script.write(side, &frames[..together]).cut(self.sizes.iter().copied());
        script.wait(90).write(side, &frames[together..]);
        for message_len in [80, 2900] {
            let send = account.send_message(message_len);
            script.wait(300).client([&send]).wait(60).server([&account.message_sent(&send)]);
        }
        script
    }

    fn play(&self, client_port: u16, port: u16) -> Flow {
        self.script().play(Endpoints::v4(client_port, port).from_client(CLIENT), [1000, 2000])
    }
}

/// A session on each of these ports, for each of these ways to begin.
fn sessions(ports: &[u16], beginnings: &[Beginning]) -> Sessions {
    let clients = FIRST_CLIENT_PORT..;
    let ways = ports.iter().flat_map(|port| beginnings.iter().map(move |beginning| (*port, beginning)));
    let flows: Vec<Flow> =
        clients.zip(ways).map(|(client, (port, beginning))| beginning.play(client, port)).collect();
    let ends: Vec<Endpoints> = flows.iter().map(|flow| *flow.endpoints()).collect();
    let capture = Capture::new(flows);
    let mut frames = Frames::new();
    for placed in capture.placed() {
        let Endpoints { client, server } = ends[placed.flow];
        let from_server = placed.direction == Direction::ServerToClient;
        let frame =
            (client.port(), from_server, placed.intent.op, placed.intent.seq, placed.intent.packet_len);
        assert!(frames.entry(server.port()).or_default().insert(frame), "no two frames are alike");
    }
    Sessions { capture, frames }
}

fn all_ways() -> [Beginning; 4] {
    [(false, false), (false, true), (true, false), (true, true)].map(|(missed, server_first)| Beginning {
        missed,
        server_first,
        ..Beginning::default()
    })
}

/// Either side speaks first, and the capture holds the beginning or misses it.
pub fn all_beginnings() -> Sessions {
    sessions(&PORTS, &all_ways())
}

/// The same on one port only.
pub fn all_beginnings_on(port: u16) -> Sessions {
    sessions(&[port], &all_ways())
}

/// The first segments hold a few bytes each, either side's.
pub fn short_beginnings(ports: &[u16]) -> Sessions {
    let once = (1..16).map(|size| vec![size]);
    let often = [1, 2, 3, 5, 7].map(|size| vec![size; 20]);
    let mut beginnings = Vec::new();
    for sizes in once.chain(often) {
        for (server_first, at_once) in [(false, false), (false, true), (true, false), (true, true)] {
            beginnings.push(Beginning { server_first, at_once, sizes: sizes.clone(), missed: false });
        }
    }
    sessions(ports, &beginnings)
}

/// WeChat's connections and others' at the same time.
pub fn in_company() -> Capture {
    let flows = PORTS.map(|port| {
        Beginning { server_first: port == 80, ..Beginning::default() }.play(FIRST_CLIENT_PORT, port)
    });
    Capture::new(flows.into_iter().chain(foreign::assorted_flows()))
}

/// The frames that tshark shows.
pub fn shown(home: &Sandbox, capture: &Path, settings: &[&str]) -> Frames {
    let mut tshark = home.tshark(["-Y", "wechat.op", "-T", "fields", "-E", "occurrence=a"]);
    for field in ["tcp.srcport", "tcp.dstport", "wechat.op", "wechat.seq", "wechat.packet_len"] {
        tshark.args(["-e", field]);
    }
    let text =
        process::stdout(tshark.arg("-r").arg(capture).args(settings)).expect("tshark reads the capture");
    let mut frames = Frames::new();
    for line in text.lines() {
        let columns: Vec<Vec<u32>> = line.split('\t').map(numbers).collect();
        let [source, destination, operations, sequences, lengths] = columns.as_slice() else {
            panic!("unexpected line from tshark: {line}");
        };
        let (source, destination) = (source[0] as u16, destination[0] as u16);
        let from_server = source < destination;
        let (server, client) = if from_server { (source, destination) } else { (destination, source) };
        for (index, operation) in operations.iter().enumerate() {
            let frame = (client, from_server, *operation, sequences[index], lengths[index]);
            frames.entry(server).or_default().insert(frame);
        }
    }
    frames
}

/// Values of a column; those of operation and sequence are decimal or hexadecimal.
fn numbers(column: &str) -> Vec<u32> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    column.split(',').filter(|text| !text.is_empty()).map(|text| number(text).expect("a number")).collect()
}
