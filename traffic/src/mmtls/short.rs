// SPDX-License-Identifier: GPL-2.0-or-later
//! The short link: one POST, one call. Until 2016 its body is the business packet; since then it holds the
//! records of a session.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use rand::RngExt;

use super::phone::{Phone, Plan};
use super::put::{block16, block32};
use super::random::first_random;
use super::record::{MAX_LEN, TAG_LEN};
use super::session::{Handshake, Start};
use super::story::{Call, Message, Story};
use crate::body::sealed::{Algorithm, Packet, deflate};
use crate::flow::Chunk;
use crate::packet::Direction;
use crate::web::http::{Coding, Response};

use Direction::{ClientToServer, ServerToClient};

/// The host of calls.
pub const HOST: &str = "short.weixin.qq.com";
const OCTETS: &str = "application/octet-stream";

/// How POSTs and their answers are written.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// HTTP/1.0, without keep-alive.
    pub old: bool,
    /// Whether the target is a whole URI, as proxies want it.
    pub absolute: bool,
    /// Whether the request's body comes in chunks.
    pub chunked: bool,
    /// How the answer is written.
    pub coding: Coding,
    /// Whether the server keeps the connection.
    pub keep_alive: bool,
    /// Of both bodies.
    pub media_type: &'static str,
    /// Whether the path is from the client's clock, as the official client does it.
    pub official: bool,
}

impl Way {
    /// As the official client does it.
    pub const PLAIN: Self = Self {
        old: false,
        absolute: false,
        chunked: false,
        coding: Coding::PLAIN,
        keep_alive: false,
        media_type: OCTETS,
        official: true,
    };
}

/// A POST and its answer.
#[derive(Clone, Debug)]
pub struct Post {
    /// The session in both bodies.
    pub session: usize,
    request: Vec<usize>,
    answer: Vec<usize>,
}

/// What is inside the first data records of a call: URI, host and packet, each with its length.
pub fn framed(uri: &str, host: &str, packet: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    block16(&mut content, uri.as_bytes());
    block16(&mut content, host.as_bytes());
    block32(&mut content, packet);
    let mut out = Vec::new();
    block32(&mut out, &content);
    out
}

/// `/cgi-bin/micromsg-bin/` and a name.
pub fn uri(name: &str) -> String {
    format!("/cgi-bin/micromsg-bin/{name}")
}

/// The path of a POST whose client's clock says this.
pub fn path(time: u32) -> String {
    format!("/mmtls/{:08x}", first_random(time))
}

impl Story {
    /// A session's call with early data on a connection; not yet written.
    pub fn early_call(&mut self, connection: usize, start: Start, phone: &mut Phone, plan: &Plan) -> Post {
        self.early_call_of(connection, start, phone, plan, MAX_LEN - TAG_LEN)
    }

    /// As [`early_call`](Self::early_call), with so many bytes in each data record at most.
    pub fn early_call_of(
        &mut self,
        connection: usize,
        start: Start,
        phone: &mut Phone,
        plan: &Plan,
        largest: usize,
    ) -> Post {
        let session = self.begin(connection, start);
        let [request, answer] = self.seal_call(phone, plan);
        let content = framed(&uri(plan.name), HOST, &self.packets[request].bytes);
        let answered = self.packets[answer].bytes.clone();
        let call = &mut self.sessions[session];
        let mut sent = call.hello();
        content.chunks(largest).for_each(|piece| sent.extend(call.data(ClientToServer, piece)));
        sent.push(call.close(ClientToServer));
        let mut received = call.answer(Duration::ZERO, session);
        answered.chunks(largest).for_each(|piece| received.extend(call.data(ServerToClient, piece)));
        received.push(call.close(ServerToClient));
        self.calls.push(Call {
            session: Some(session),
            uri: uri(plan.name),
            host: HOST.into(),
            cgi_type: Some(plan.cgi_type),
            messages: [None, None],
            packets: [Some(request), Some(answer)],
        });
        Post { session, request: sent, answer: received }
    }

    /// The POST of an earlier call once more, with an answer of its own; not yet written.
    pub fn replay(&mut self, connection: usize, earlier: usize) -> Post {
        let replay = self.sessions[earlier].replayed(&mut self.rng);
        let request = (0..replay.records.len()).collect();
        let session = self.adopt(connection, replay);
        let call = self.calls.iter().find(|call| call.session == Some(earlier)).cloned();
        let answered = call.as_ref().and_then(|call| call.packets[1]);
        let answered = answered.map_or_else(Vec::new, |packet| self.packets[packet].bytes.clone());
        let own = &mut self.sessions[session];
        let mut answer = own.answer(Duration::ZERO, session);
        answer.extend(own.data(ServerToClient, &answered));
        answer.push(own.close(ServerToClient));
        self.calls.extend(call.map(|call| Call { session: Some(session), messages: [None, None], ..call }));
        Post { session, request, answer }
    }

    /// The packets of a call; their numbers.
    fn seal_call(&mut self, phone: &mut Phone, plan: &Plan) -> [usize; 2] {
        let request = phone.packet(true, plan.cgi_type, plan.algorithm, &plan.request);
        let answer = phone.packet(false, plan.cgi_type, plan.algorithm, &plan.answer);
        // They are kept here, so that frames find only their own.
        phone.packets.truncate(phone.packets.len() - 2);
        [request, answer].map(|packet: Packet| {
            self.packets.push(packet);
            self.packets.len() - 1
        })
    }

    /// A session without a call: a handshake for tickets, or one whose ticket is refused.
    pub fn bare_post(&mut self, connection: usize, start: Start, at: Duration) -> Post {
        let session = self.begin(connection, start);
        let request = self.sessions[session].hello();
        let answer = self.sessions[session].answer(at, session);
        Post { session, request, answer }
    }

    /// Writes POSTs at once, and after a while the answers at once.
    pub fn write_posts(&mut self, posts: &[Post], at: Duration, hold: Duration, way: Way) -> io::Result<()> {
        let Some(first) = posts.first() else { return Ok(()) };
        let connection = self.carried_by[first.session];
        let mut chunks = Vec::new();
        for post in posts {
            let bytes = self.post_bytes(post, way);
            chunks.push(self.message(bytes, post.session, post.request.clone(), 0));
        }
        self.write(connection, ClientToServer, at, chunks);
        let mut chunks = Vec::new();
        for post in posts {
            let bytes = self.answer_bytes(post, way)?;
            chunks.push(self.message(bytes, post.session, post.answer.clone(), 1));
        }
        self.write(connection, ServerToClient, at + hold, chunks);
        self.connections[connection].server_closes = !way.keep_alive;
        Ok(())
    }

    /// Writes a POST that nobody answers; the client gives up.
    pub fn write_request(&mut self, post: &Post, at: Duration, way: Way) {
        let bytes = self.post_bytes(post, way);
        let chunk = self.message(bytes, post.session, post.request.clone(), 0);
        self.write(self.carried_by[post.session], ClientToServer, at, vec![chunk]);
    }

    /// Writes the answer of a POST that nobody saw.
    pub fn write_answer(&mut self, post: &Post, at: Duration, way: Way) -> io::Result<()> {
        let bytes = self.answer_bytes(post, way)?;
        let chunk = self.message(bytes, post.session, post.answer.clone(), 1);
        self.write(self.carried_by[post.session], ServerToClient, at, vec![chunk]);
        Ok(())
    }

    /// The chunk of a session's message; its call learns of it.
    fn message(&mut self, bytes: Vec<u8>, session: usize, records: Vec<usize>, side: usize) -> Chunk {
        let (chunk, number) = self.message_chunk(bytes, Message { records: Some((session, records)) });
        if let Some(call) = self.calls.iter_mut().find(|call| call.session == Some(session)) {
            call.messages[side] = Some(number);
        }
        chunk
    }

    fn body(&self, session: usize, records: &[usize]) -> Vec<u8> {
        records.iter().flat_map(|&record| self.sessions[session].records[record].wire.clone()).collect()
    }

    fn post_bytes(&mut self, post: &Post, way: Way) -> Vec<u8> {
        let number = if way.official {
            first_random(self.sessions[post.session].start.time)
        } else {
            self.rng.random()
        };
        let digits = format!("{number:08x}");
        let path = format!("/mmtls/{digits}");
        self.paths.insert(post.session, (digits, way.official));
        request(&path, HOST, &[("Upgrade", "mmtls")], &self.body(post.session, &post.request), way)
    }

    fn answer_bytes(&self, post: &Post, way: Way) -> io::Result<Vec<u8>> {
        answer(self.body(post.session, &post.answer), way)
    }

    /// A call of before 2016: the packet is the body.
    pub fn plain_call(
        &mut self,
        connection: usize,
        phone: &mut Phone,
        plan: &Plan,
        at: Duration,
        hold: Duration,
        way: Way,
    ) -> io::Result<()> {
        let packets = self.seal_call(phone, plan);
        let uri = uri(plan.name);
        let sent = request(&uri, HOST, &[], &self.packets[packets[0]].bytes, way);
        let received = answer(self.packets[packets[1]].bytes.clone(), way)?;
        let mut messages = [None, None];
        for (side, (direction, at, bytes)) in
            [(ClientToServer, at, sent), (ServerToClient, at + hold, received)].into_iter().enumerate()
        {
            let (chunk, number) = self.message_chunk(bytes, Message { records: None });
            self.write(connection, direction, at, vec![chunk]);
            messages[side] = Some(number);
        }
        self.connections[connection].server_closes = !way.keep_alive;
        self.calls.push(Call {
            session: None,
            uri,
            host: HOST.into(),
            cgi_type: Some(plan.cgi_type),
            messages,
            packets: packets.map(Some),
        });
        Ok(())
    }

    /// Asks for the addresses of WeChat's hosts; the answer is XML, in zlib's format, and says so or not.
    pub fn addresses(&mut self, connection: usize, phone: &Phone, at: Duration, says: bool) {
        const DNS: &str = "dns.weixin.qq.com";
        let query = format!(
            "uin={}&clientversion={}&scene=0&net=1&md5=&devicetype=android-30&lan=en&sigver=2\
             &lasteffecttime=0&networkid=&networkidctx=&mccmnc=26201",
            phone.uin, 0x2800_1737
        );
        let uri = uri("newgetdns");
        let sent = format!(
            "GET {uri}?{query} HTTP/1.0\r\nAccept: */*\r\nHost: {DNS}\r\nUser-Agent: MicroMessenger Client\r\n\r\n"
        );
        let xml = "<dns><retcode>0</retcode><clientip>198.51.100.9</clientip>\
                   <domainlist><domain name=\"long.weixin.qq.com\" timeout=\"1800\"><ip>203.0.113.80</ip>\
                   <ip>203.0.113.81</ip></domain><domain name=\"short.weixin.qq.com\" timeout=\"1800\">\
                   <ip>203.0.113.90</ip></domain></domainlist></dns>";
        let body = deflate(xml.as_bytes());
        let coding = if says { "text/xml\r\nContent-Encoding: deflate" } else { "application/octet-stream" };
        let head = format!(
            "HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: {coding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let received = [head.as_bytes(), &body].concat();
        let hold = Duration::from_millis(30);
        let mut messages = [None, None];
        for (side, (direction, at, bytes)) in
            [(ClientToServer, at, sent.into_bytes()), (ServerToClient, at + hold, received)]
                .into_iter()
                .enumerate()
        {
            let (chunk, number) = self.message_chunk(bytes, Message { records: None });
            self.write(connection, direction, at, vec![chunk]);
            messages[side] = Some(number);
        }
        self.connections[connection].server_closes = true;
        let call =
            Call { session: None, uri, host: DNS.into(), cgi_type: None, messages, packets: [None, None] };
        self.calls.push(call);
    }
}

/// A POST, with the headers of the official client.
fn request(path: &str, host: &str, more: &[(&str, &str)], body: &[u8], way: Way) -> Vec<u8> {
    let version = if way.old { "1.0" } else { "1.1" };
    let target = if way.absolute { format!("http://{host}{path}") } else { path.into() };
    let connection = if way.old { "close" } else { "Keep-Alive" };
    let mut head = format!(
        "POST {target} HTTP/{version}\r\nAccept: */*\r\nCache-Control: no-cache\r\nConnection: {connection}\r\n"
    );
    // Writing to a string cannot fail.
    let _ = if way.chunked {
        write!(head, "Transfer-Encoding: chunked\r\n")
    } else {
        write!(head, "Content-Length: {}\r\n", body.len())
    };
    let _ = write!(head, "Content-Type: {}\r\nHost: {host}\r\n", way.media_type);
    for (name, value) in more {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("User-Agent: MicroMessenger Client\r\n\r\n");
    let mut bytes = head.into_bytes();
    if way.chunked {
        // The first chunk ends within the first record's header.
        let (first, rest) = body.split_at(body.len().min(3));
        for chunk in [first, rest] {
            bytes.extend(format!("{:X}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
    } else {
        bytes.extend(body);
    }
    bytes
}

/// An answer.
fn answer(body: Vec<u8>, way: Way) -> io::Result<Vec<u8>> {
    let response = Response { content_type: way.media_type, body };
    let mut bytes = response.encode(way.coding, way.keep_alive)?;
    if way.old {
        bytes[7] = b'0';
    }
    Ok(bytes)
}

/// What most sessions of calls start with.
pub fn early(version: super::record::Version, time: u32, access: super::ticket::Held) -> Start {
    Start::with(Handshake::EarlyData, version, time, access)
}

/// The plan of a plain call of 2015.
pub fn plan_of_2015(phone: &mut Phone, (name, cgi_type, scale): (&'static str, u32, u32)) -> Plan {
    phone.plan((name, cgi_type, Algorithm::Cbc, scale))
}
