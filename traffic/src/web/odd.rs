// SPDX-License-Identifier: GPL-2.0-or-later
//! Exchanges whose heads are odd: such as a strict reader of HTTP refuses, and Wireshark's takes, or the
//! other way round.
//!
//! Where nobody can tell the end of a response, its connection ends with it, as it would in earnest.

use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::capture::Capture;
use crate::flow::Chunk;
use crate::packet::Endpoints;
use crate::script::Script;

const FIRST_CLIENT_PORT: u16 = 42_000;
/// Exchanges on a connection.
const MOST: usize = 8;

const METHODS: [&str; 12] =
    ["GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "M-POST", "get", "Post", "OPTIONS", "GETS"];
const PATHS: [&str; 4] = [
    "/cgi-bin/mmwebwx-bin/webwxsync",
    "/cgi-bin/mmwebwx-bin/webwxinit",
    "/cgi-bin/mmwebwx-bin/webwxgetcontact",
    "/other",
];
const VERSIONS: [&str; 8] =
    [" HTTP/1.1", " HTTP/1.1", " HTTP/1.0", " http/1.1", "", " HTTP/1.1 ", " \u{1}\u{2}", " HTTP/2.7"];
const QUERIES: [&str; 6] = ["?r=1", "?r=1&lang=zh%zz", "?x=\u{ff}\u{7f}", "", "?a b=c", "?r=\t"];

const STATUS_LINES: [&str; 22] = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 200",
    "HTTP/1.1  200  OK",
    "HTTP/1.1\t200 OK",
    "HTTP/9 200 OK",
    "HTTP/1.1 200 \u{1}\u{7f}",
    "HTTP/1.1 2",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.1",
    "HTTP/",
    "ICY 200 OK",
    "M-HTTP/1.1 200 OK",
    "HTTP/1.1 999 Odd",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 404 Not Found",
    "http/1.1 200 OK",
    "Http/1.1 200 OK",
    " HTTP/1.1 200 OK",
];

/// Lines among the headers. The last ones say what the message is, or hide it.
const LINES: [&str; 19] = [
    "X-Odd : 1",
    " folded",
    "\tfolded: with a colon",
    "no colon at all",
    "X-\u{1}: \u{7f}\u{0}\u{8}",
    ": no name",
    ":",
    "X:",
    "Content-Length : 5",
    "Content-Type text/plain",
    "Content-Type: ;;;",
    "X-Quote': '",
    "transfer-encoding:",
    "Date: Tue, 20 Jan 2015 08:00:00 GMT",
    "\u{ff}\u{fe}: \u{ff}",
    "HTTP/1.1 404 later",
    "GET /later HTTP/1.1",
    "NOTIFY * HTTP/1.1",
    "HTTP is not",
];

/// What a body says of its length, and whether others are told by it where it ends.
#[derive(Clone, Copy)]
struct Framing {
    headers: &'static str,
    body: &'static str,
    ends: bool,
}

const BODY: &str = "{\"BaseResponse\":{\"Ret\":0}}";
const CHUNKS: &str = "1a\r\n{\"BaseResponse\":{\"Ret\":0}}\r\n0\r\n\r\n";

const FRAMINGS: [Framing; 17] = [
    Framing { headers: "Content-Length: 26\r\n", body: BODY, ends: true },
    Framing { headers: "Content-Length: 26\r\n", body: BODY, ends: true },
    Framing { headers: "Content-Length: 26\r\n", body: BODY, ends: true },
    Framing { headers: "Content-Length: 26\r\n", body: BODY, ends: true },
    Framing { headers: "content-length:26\r\n", body: BODY, ends: true },
    Framing { headers: "Content-Length: 9\r\nContent-Length: 26\r\n", body: BODY, ends: true },
    Framing { headers: "Content-Length: 26 \r\n", body: BODY, ends: true },
    Framing { headers: "Content-Length: 0\r\n", body: "", ends: true },
    // The rest is no message.
    Framing { headers: "Content-Length: 20\r\n", body: BODY, ends: true },
    Framing { headers: "Transfer-Encoding: chunked\r\n", body: CHUNKS, ends: true },
    Framing { headers: "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", body: CHUNKS, ends: true },
    Framing { headers: "Transfer-Encoding: chunked\r\n", body: "0\r\nTrailer: x\r\n\r\n", ends: true },
    Framing { headers: "Transfer-Encoding: chunked\r\n", body: "no size\r\n\r\n", ends: false },
    Framing { headers: "Transfer-Encoding: Chunked\r\n", body: CHUNKS, ends: false },
    Framing { headers: "Content-Length: many\r\n", body: BODY, ends: false },
    Framing { headers: "Content-Length: 99999999999999999999\r\n", body: BODY, ends: false },
    Framing { headers: "", body: BODY, ends: false },
];

/// What ends lines, and what stands in front of a message.
const ENDS: [&str; 6] = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"];
/// The first is for responses only: a call of the web client stands in front.
const BEFORE: [&str; 9] = ["x: y\r\n", "", "", "", "", "", "\r\n", "\r\n\r\n", "\n"];

/// A text as bytes, a character each.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

fn pick<T: Copy>(from: &[T], rng: &mut ChaCha8Rng) -> T {
    *from.choose(rng).expect("a list that is not empty")
}

/// Odd lines, mostly one or two.
fn lines(rng: &mut ChaCha8Rng) -> String {
    let count = match rng.random_range(0..20) {
        0..6 => 0,
        6..14 => 1,
        14..19 => 2,
        _ => 100,
    };
    (0..count)
        .map(|_| format!("{}\r\n", pick(&LINES[..if count == 100 { 1 } else { LINES.len() }], rng)))
        .collect()
}

/// A message, with other ends of lines in its head and other things in front of it.
fn message(before: &[&str], head: &str, body: &str, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let head = format!("{}{}", pick(before, rng), head);
    // Behind a CR at the very end the LF may still come: the message would wait for the next.
    let ends = if body.is_empty() { &ENDS[..ENDS.len() - 1] } else { &ENDS };
    let mut sent = bytes(&head.replace("\r\n", pick(ends, rng)));
    sent.extend(body.bytes());
    sent
}

fn request(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let method = pick(&METHODS, rng);
    let path = pick(&PATHS, rng);
    let (query, version) = (pick(&QUERIES, rng), pick(&VERSIONS, rng));
    let body = if method.to_ascii_lowercase().ends_with("post") { "{}" } else { "" };
    let length = if body.is_empty() { "" } else { "Content-Length: 2\r\n" };
    // What says that the message is another one stays out of requests: nobody would answer.
    let odd = lines(rng);
    let odd: String = odd.split_inclusive("\r\n").filter(|line| !line.contains("HTTP")).collect();
    let head = format!("{method} {path}{query}{version}\r\nHost: wx.qq.com\r\n{length}{odd}\r\n");
    message(&BEFORE[1..], &head, body, rng)
}

/// A response, and whether the connection goes on behind it.
fn response(rng: &mut ChaCha8Rng) -> (Vec<u8>, bool) {
    let status = pick(&STATUS_LINES, rng);
    let Framing { headers, body, ends } = pick(&FRAMINGS, rng);
    let odd = lines(rng);
    // A line that ends the head hides what is behind it.
    let hides = odd.split("\r\n").any(|line| !line.is_empty() && !line.contains([':', '/']));
    let (first, second) = if rng.random() { (headers, odd.as_str()) } else { (odd.as_str(), headers) };
    let head = format!("{status}\r\nContent-Type: text/plain\r\n{first}{second}\r\n");
    let sent = message(&BEFORE, &head, body, rng);
    let coded = odd.contains("transfer-encoding");
    (sent, ends && !hides && !coded && !odd.contains("NOTIFY"))
}

/// Connections on which exchanges with odd heads follow each other, each message in a packet.
pub fn capture(seed: u64, connections: u16) -> Capture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let flows = (0..connections).map(|number| {
        let mut script = Script::starting_at(Duration::from_millis(u64::from(number) * 7));
        for _ in 0..MOST {
            script.wait(rng.random_range(20..120)).client([Chunk::raw(request(&mut rng))]);
            let (sent, goes_on) = response(&mut rng);
            script.wait(rng.random_range(20..120)).server([Chunk::raw(sent)]);
            if !goes_on {
                break;
            }
        }
        script.play(Endpoints::v4(FIRST_CLIENT_PORT + number, 80), [rng.random(), rng.random()])
    });
    Capture::new(flows.collect::<Vec<_>>())
}
