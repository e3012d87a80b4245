// SPDX-License-Identifier: GPL-2.0-or-later
//! Conversations that are not WeChat's, cut and disordered in every way.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wechat_traffic::capture::Capture;
use wechat_traffic::flow::{Chunk, Flow};
use wechat_traffic::packet::{Direction, Endpoints};
use wechat_traffic::pdu::{Pdu, op};
use wechat_traffic::script::Script;

/// The ports that WeChat shares.
pub const PORTS: [u16; 3] = [80, 8080, 443];

/// Client ports begin here.
const FIRST_CLIENT_PORT: u16 = 49_152;

/// Who writes what, in order.
#[derive(Clone)]
pub struct Dialogue(Vec<(Direction, Vec<u8>)>);

impl Dialogue {
    fn client(self, bytes: impl AsRef<[u8]>) -> Self {
        self.write(Direction::ClientToServer, bytes.as_ref())
    }

    fn server(self, bytes: impl AsRef<[u8]>) -> Self {
        self.write(Direction::ServerToClient, bytes.as_ref())
    }

    fn write(mut self, direction: Direction, bytes: &[u8]) -> Self {
        self.0.push((direction, bytes.to_vec()));
        self
    }

    fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn longest_opening(&self) -> usize {
        self.0.iter().take(2).map(|(_, bytes)| bytes.len()).max().unwrap_or_default()
    }
}

/// How a dialogue is carried.
#[derive(Clone)]
struct Carriage {
    /// Whether the capture holds the SYNs.
    handshake: bool,
    /// Whether the two sides change their parts, so that the server begins.
    reversed: bool,
    /// Sizes of the first segments of each write.
    sizes: Vec<usize>,
}

/// Opened by a client that speaks first, in segments as long as they may be.
const PLAIN: Carriage = Carriage { handshake: true, reversed: false, sizes: Vec::new() };

impl Carriage {
    fn cut(sizes: impl IntoIterator<Item = usize>) -> Self {
        Self { sizes: sizes.into_iter().collect(), ..PLAIN }
    }

    fn carry(&self, dialogue: &Dialogue, endpoints: Endpoints) -> Flow {
        let mut script = Script::starting_at(Duration::ZERO);
        script.handshake = self.handshake;
        for (direction, bytes) in &dialogue.0 {
            let direction = if self.reversed { direction.reverse() } else { *direction };
            let write = Chunk::raw(bytes.clone());
            script.wait(200).write(direction, [write]).cut(self.sizes.iter().copied());
        }
        let port = u32::from(endpoints.client.port());
        script.play(endpoints, [port * 1000, port * 3000])
    }
}

/// Connections that become one capture.
#[derive(Default)]
struct Connections(Vec<Flow>);

impl Connections {
    fn add(&mut self, dialogue: &Dialogue, port: u16, carriage: &Carriage) {
        let endpoints = Endpoints::v4(FIRST_CLIENT_PORT + self.0.len() as u16, port);
        self.0.push(carriage.carry(dialogue, endpoints));
    }

    fn capture(self) -> Capture {
        Capture::new(self.0)
    }
}

/// Every dialogue on every port, either side speaking first, with and without its beginning, over
/// both IP versions, and between two ports that are both WeChat's.
pub fn whole() -> Capture {
    let mut connections = Connections::default();
    for dialogue in dialogues() {
        for port in PORTS {
            for (handshake, reversed) in [(true, false), (true, true), (false, false), (false, true)] {
                connections.add(&dialogue, port, &Carriage { handshake, reversed, ..PLAIN });
            }
        }
    }
    for (host, dialogue) in (1..).zip(dialogues()) {
        for (client, server) in [(80, 443), (443, 80), (8080, 443), (80, 8080)] {
            let endpoints = Endpoints::v4(client, server).from_client(Ipv4Addr::new(192, 168, 2, host));
            connections.0.push(PLAIN.carry(&dialogue, endpoints));
        }
        for port in PORTS {
            let client = FIRST_CLIENT_PORT + u16::from(host);
            connections.0.push(PLAIN.carry(&dialogue, Endpoints::v6(client, port)));
        }
    }
    connections.capture()
}

/// Every write of every dialogue cut once, at each of its first bytes, and cut to pieces of a few
/// bytes each. The first bytes, which say whose a stream is, are cut on all ports.
pub fn cut() -> Capture {
    const ON_ALL_PORTS: usize = 20;
    const LAST: usize = 130;
    let mut connections = Connections::default();
    for dialogue in openings() {
        for at in 1..=dialogue.longest_opening().min(LAST) {
            let ports = if at <= ON_ALL_PORTS { &PORTS } else { &PORTS[at % 3..][..1] };
            for port in ports {
                connections.add(&dialogue, *port, &Carriage::cut([at]));
            }
        }
        for (size, port) in [1, 2, 3, 5, 7, 8, 16, 60].into_iter().zip(PORTS.into_iter().cycle()) {
            connections.add(&dialogue, port, &Carriage::cut([size; 24]));
        }
    }
    connections.capture()
}

/// Every dialogue in short segments of which two change places, one comes twice, or one is lost.
pub fn disordered() -> Capture {
    let carriage = Carriage::cut([9, 30, 200]);
    let mut connections = Connections::default();
    let mut damages = Vec::new();
    for dialogue in dialogues() {
        for port in PORTS {
            for damage in [Damage::Swap, Damage::Repeat, Damage::Lose] {
                for segment in 0..4 {
                    connections.add(&dialogue, port, &carriage);
                    damages.push((damage, segment));
                }
            }
        }
    }
    let mut capture = connections.capture();
    for (flow, (damage, segment)) in damages.into_iter().enumerate() {
        damage.inflict(&mut capture, flow, segment);
    }
    capture
}

/// Packets of which the capture kept only the first bytes.
pub fn snapped() -> Capture {
    let mut capture = assorted();
    capture.set_snap_len(96);
    capture
}

/// Every dialogue on a port that nobody owns: what is HTTP is found by heuristics.
pub fn elsewhere() -> Capture {
    let mut connections = Connections::default();
    for dialogue in dialogues() {
        for sizes in [vec![], vec![40, 300]] {
            connections.add(&dialogue, 8000, &Carriage::cut(sizes));
        }
    }
    connections.capture()
}

/// A little of everything, for long lists of settings.
pub fn assorted() -> Capture {
    Capture::new(assorted_flows())
}

/// The connections of [`assorted`].
pub fn assorted_flows() -> Vec<Flow> {
    let mut connections = Connections::default();
    for dialogue in dialogues() {
        for (port, sizes) in PORTS.into_iter().zip([vec![3, 60], vec![], vec![1, 20]]) {
            connections.add(&dialogue, port, &Carriage::cut(sizes));
        }
    }
    connections.0
}

#[derive(Clone, Copy)]
enum Damage {
    Swap,
    Repeat,
    Lose,
}

impl Damage {
    /// Damages the nth data segment of a flow.
    fn inflict(self, capture: &mut Capture, flow: usize, nth: usize) {
        let mine = capture.packets().iter().enumerate().filter(|(_, packet)| packet.flow == flow);
        let data: Vec<usize> = mine.filter(|(_, p)| !p.payload.is_empty()).map(|(index, _)| index).collect();
        let (Some(&this), Some(&next)) = (data.get(nth), data.get(nth + 1)) else { return };
        match self {
            Self::Swap => capture.swap(this, next),
            Self::Repeat => capture.retransmit(this, next + 1),
            Self::Lose => capture.remove(this),
        }
    }
}

/// One of each kind.
fn dialogues() -> Vec<Dialogue> {
    openings().into_iter().chain([types(), forms(), without_bodies()]).collect()
}

/// Those that begin in another way than the others.
fn openings() -> Vec<Dialogue> {
    let http = [
        keep_alive(),
        pipelined(),
        posts(),
        calls_of_the_web_clients_kind(),
        looks_like_ours(),
        websocket(),
        tunnel(tls()),
        tunnel(keep_alive()),
        behind_proxy(PROXY_LINE, keep_alive(), true),
        behind_proxy(PROXY_BINARY, keep_alive(), false),
    ];
    let http2 = [http2(), http2_upgrade()];
    let tls = [
        tls(),
        long_handshake(),
        behind_proxy(PROXY_LINE, tls(), false),
        behind_proxy(PROXY_BINARY, tls(), true),
    ];
    http.into_iter().chain(http2).chain(tls).chain(strangers()).collect()
}

fn begin() -> Dialogue {
    Dialogue(Vec::new())
}

/// `length` bytes that look like nothing, the same each time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

// ---- HTTP ----

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nUser-Agent: test\r\n\r\n";

fn response(fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes(), body].concat()
}

fn text(length: usize) -> Vec<u8> {
    let fields = format!("Content-Type: text/plain\r\nContent-Length: {length}");
    response(&fields, &b"0123456789".repeat(length / 10))
}

fn chunked() -> Vec<u8> {
    let binary = [b"80\r\n".as_slice(), &noise(1, 0x80), b"\r\n0\r\n\r\n"].concat();
    let body = [b"5\r\nhello\r\n".as_slice(), &binary].concat();
    response("Transfer-Encoding: chunked\r\nContent-Type: application/octet-stream", &body)
}

fn gzipped() -> Vec<u8> {
    // "hello hello hello hello\n"
    const BODY: [u8; 29] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0xb9, 0, 0,
        0x88, 0x59, 0x0b, 0x18, 0, 0, 0,
    ];
    let fields =
        format!("Content-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Length: {}", BODY.len());
    response(&fields, &BODY)
}

fn keep_alive() -> Dialogue {
    begin().client(GET).server(text(3000)).client(GET).server(chunked()).client(GET).server(gzipped())
}

fn pipelined() -> Dialogue {
    begin().client(GET.repeat(3)).server([text(50), chunked(), text(2000)].concat())
}

fn posts() -> Dialogue {
    let head = "POST /b HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n";
    let chunked =
        "PUT /c HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    let created = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    begin().client(head).client("{\"key\":12345}").server(created).client(chunked).server(created)
}

/// Bodies of many types, of none, and of types that nobody knows.
fn types() -> Dialogue {
    let bodies: [(&str, &[u8]); 9] = [
        ("text/html; charset=utf-8", b"<html><body>text</body></html>"),
        ("application/json", b"{\"SyncKey\":{\"Count\":1,\"List\":[{\"Key\":1,\"Val\":2}]}}"),
        ("application/json", b"{\"cut\": [1, 2"),
        ("text/javascript", b"window.synccheck={retcode:\"0\",selector:\"2\"}"),
        ("application/xml", b"<a><b/></a>"),
        ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0"),
        ("image/gif", b"GIF89a\x01\0\x01\0\0\0\0;"),
        ("application/x-nobody-knows", b"anything"),
        ("", b"{\"without\": \"a type\"}"),
    ];
    let mut dialogue = begin();
    for (media, body) in bodies {
        let head = if media.is_empty() { String::new() } else { format!("Content-Type: {media}\r\n") };
        dialogue =
            dialogue.client(GET).server(response(&format!("{head}Content-Length: {}", body.len()), body));
    }
    dialogue
}

/// What a browser posts: a form, parts of a form, bytes, and a request that waits for leave to go on.
fn forms() -> Dialogue {
    let post = |media: &str, body: &[u8]| {
        let length = body.len();
        let head = format!(
            "POST /f HTTP/1.1\r\nHost: a\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    };
    let parts = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Type: application/json\r\n\
                 Content-Disposition: form-data; name=\"b\"; filename=\"b.json\"\r\n\r\n{\"b\": 2}\r\n--x--\r\n";
    let waits = "PUT /g HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let created = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    begin()
        .client(post("application/x-www-form-urlencoded", b"a=1&b=%20two&sid=3"))
        .server(created)
        .client(post("multipart/form-data; boundary=x", parts.as_bytes()))
        .server(created)
        .client(post("application/octet-stream", &noise(20, 700)))
        .server(created)
        .client(waits)
        .server("HTTP/1.1 100 Continue\r\n\r\n")
        .client("hello")
        .server(created)
}

/// Answers to HEAD, without a body by their status, with trailers, and until the end of the connection.
fn without_bodies() -> Dialogue {
    let head = "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n";
    let trailers = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n\
                    4;name=value\r\nabcd\r\n3\r\nefg\r\n0\r\nX-Sum: 7\r\n\r\n";
    begin()
        .client(head)
        .server("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3000\r\n\r\n")
        .client(GET)
        .server("HTTP/1.1 204 No Content\r\n\r\n")
        .client(GET)
        .server("HTTP/1.1 304 Not Modified\r\nContent-Length: 3000\r\n\r\n")
        .client(GET)
        .server("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .client(GET)
        .server(trailers)
        .client([head, GET].concat())
        .server(
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n\
             no length",
        )
}

/// Paths, queries and bodies like the web client's, that are none of its calls.
fn calls_of_the_web_clients_kind() -> Dialogue {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: wx.qq.com\r\n\r\n");
    let body = b"window.synccheck={retcode:\"0\",selector:\"2\"}";
    let answer = response(&format!("Content-Type: text/javascript\r\nContent-Length: {}", body.len()), body);
    begin()
        .client(get("/synccheck?synckey=1_2%7C3_4&sid=a"))
        .server(&answer)
        .client(get("/cgi-bin/mmwebwx/synccheck?synckey=1_2"))
        .server(&answer)
        .client(get("/cgi-bin/mmwebwx-bin?synccheck"))
        .server(&answer)
}

/// HTTP that carries WeChat's frames, as its short link might, in segments of their own.
fn looks_like_ours() -> Dialogue {
    let frames = [Pdu::new(op::NEW_SYNC, 7, noise(2, 100)), Pdu::empty(op::HEARTBEAT, 8)]
        .map(|pdu| pdu.encode())
        .concat();
    let fields = format!("Content-Type: application/octet-stream\r\nContent-Length: {}", frames.len());
    let post = format!("POST /mmtl/ HTTP/1.1\r\nHost: example.org\r\n{fields}\r\n\r\n");
    begin().client(post).client(&frames).server(response(&fields, &[])).server(&frames)
}

fn websocket() -> Dialogue {
    let request = "GET /ws HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let masked = [0x81, 0x85, 1, 2, 3, 4, b'h' ^ 1, b'e' ^ 2, b'l' ^ 3, b'l' ^ 4, b'o' ^ 1];
    let long = [[0x82, 0x7e, 0x0b, 0xb8].as_slice(), &noise(3, 3000)].concat();
    begin().client(request).server(response).server(b"\x81\x05hello").client(masked).server(long)
}

fn tunnel(inside: Dialogue) -> Dialogue {
    let connect = "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n";
    begin().client(connect).server("HTTP/1.1 200 Connection established\r\n\r\n").then(inside)
}

const PROXY_LINE: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n";
const PROXY_BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x9c\x40\x01\xbb";

/// The header in a segment of its own, or in one with the first write.
fn behind_proxy(header: &[u8], mut dialogue: Dialogue, together: bool) -> Dialogue {
    if !together {
        return begin().client(header).then(dialogue);
    }
    if let Some((_, first)) = dialogue.0.first_mut() {
        first.splice(..0, header.iter().copied());
    }
    dialogue
}

// ---- HTTP/2 ----

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn http2_frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// What follows the preface: settings, a request, its answer.
fn http2_talk(dialogue: Dialogue) -> Dialogue {
    let settings = [http2_frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]), http2_frame(4, 1, 0, &[])].concat();
    // :method GET, :scheme http, :path /, :authority a
    let request = http2_frame(1, 5, 3, &[0x82, 0x86, 0x84, 0x41, 1, b'a']);
    let answer = [http2_frame(1, 4, 3, &[0x88]), http2_frame(0, 1, 3, &noise(4, 2000))].concat();
    dialogue.server(settings).client(request).server(answer)
}

fn http2() -> Dialogue {
    http2_talk(begin().client(PREFACE))
}

fn http2_upgrade() -> Dialogue {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    http2_talk(begin().client(request).server(switched).client(PREFACE))
}

// ---- TLS ----

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], (content.len() as u16).to_be_bytes().as_slice(), content].concat()
}

fn handshake(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&[kind], &length[1..], content].concat()
}

fn hello(kind: u8) -> Vec<u8> {
    let name = b"\0\0\0\x10\0\x0e\0\0\x0bexample.org";
    let versions = b"\0\x2b\0\x03\x02\x03\x04";
    let choices: &[u8] = if kind == 1 { b"\0\0\x04\x13\x01\xc0\x2f\x01\0" } else { b"\0\x13\x01\0" };
    let extensions =
        if kind == 1 { [name.as_slice(), versions].concat() } else { b"\0\x2b\0\x02\x03\x04".to_vec() };
    let length = (extensions.len() as u16).to_be_bytes();
    handshake(kind, &[b"\x03\x03", noise(kind.into(), 32).as_slice(), choices, &length, &extensions].concat())
}

fn tls() -> Dialogue {
    let change = record(20, &[1]);
    let answer = [record(22, &hello(2)), change.clone(), record(23, &noise(5, 900))].concat();
    begin()
        .client(record(22, &hello(1)))
        .server(answer)
        .client([change, record(23, &noise(6, 60))].concat())
        .server([record(23, &noise(7, 5000)), record(23, &noise(8, 30))].concat())
        .client(record(21, &noise(9, 22)))
}

/// A certificate that fills several records and segments, as before TLS 1.3.
fn long_handshake() -> Dialogue {
    let flight = [
        hello(2),
        handshake(11, &[b"\0\x0b\xb5\0\x0b\xb2".as_slice(), &noise(10, 2994)].concat()),
        handshake(14, &[]),
    ];
    let records: Vec<u8> = flight.concat().chunks(1000).flat_map(|part| record(22, part)).collect();
    begin().client(record(22, &hello(1))).server(records).client(record(21, &[2, 42]))
}

// ---- others ----

/// Traffic that neither HTTP nor TLS knows, some of it nearly ours.
fn strangers() -> Vec<Dialogue> {
    let like_header = |length: u32, head: u16, version: u16| {
        [
            length.to_be_bytes().as_slice(),
            &head.to_be_bytes(),
            &version.to_be_bytes(),
            &[0, 0, 0, 6, 0, 0, 0, 15],
        ]
        .concat()
    };
    let nearly =
        [like_header(16, 16, 2), like_header(20, 20, 1), like_header(15, 16, 1), like_header(1 << 21, 16, 1)];
    let mars: Vec<u8> = [20u32, 200, 6, 1, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    // Of a version that no record has.
    let mmtls = [[0x16, 0xf1, 5, 0, 100].as_slice(), &noise(11, 100)].concat();
    let banner =
        begin().server("SSH-2.0-OpenSSH_9.2\r\n").client("SSH-2.0-OpenSSH_9.2\r\n").server(noise(12, 700));
    let mail = begin()
        .server("220 mail.example.org ESMTP\r\n")
        .client("EHLO a\r\n")
        .server("250 a\r\n")
        .client("QUIT\r\n");
    let mut all = vec![
        banner,
        mail,
        begin().client(noise(13, 300)).server(noise(14, 3000)).client([7]).server(noise(15, 5)),
        begin()
            .client([0])
            .server([0, 0])
            .client([0; 40])
            .server([0xff; 40])
            .client([0, 0, 0])
            .server([0, 0x10]),
        begin().client(&mars).server(&mars).client(&mars),
        begin().client(&mmtls).server(mmtls),
        begin().client("hello\r\n").server(noise(16, 40)).client("HELP / HTTP\r\n\r\n"),
    ];
    all.extend(nearly.map(|bytes| begin().client(&bytes).server(&bytes).client(bytes.repeat(3))));
    all
}
