// SPDX-License-Identifier: GPL-2.0-or-later
//! HTTP/1.1 requests and responses, and the codings of their bodies.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// GET or POST.
    pub method: &'static str,
    /// Host, without port.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// What the cookie header holds.
    pub cookie: String,
    /// Media type of a POST's body, with its parameters.
    pub content_type: String,
    /// What a POST holds, mostly JSON.
    pub body: Vec<u8>,
}

impl Request {
    /// The bytes on the wire, for a server on this port if that is not the scheme's own.
    pub fn encode(&self, port: Option<u16>, keep_alive: bool) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}", self.method, self.target, self.host);
        if let Some(port) = port {
            // Writing to a string cannot fail.
            let _ = write!(head, ":{port}");
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let _ = write!(head, "\r\nConnection: {connection}\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n");
        if self.method == "POST" {
            let len = self.body.len();
            let _ = write!(head, "Content-Type: {}\r\nContent-Length: {len}\r\n", self.content_type);
        }
        head.push_str("Accept-Encoding: gzip\r\n");
        if !self.cookie.is_empty() {
            let _ = write!(head, "Cookie: {}\r\n", self.cookie);
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// As a browser names JSON.
pub const JSON: &str = "application/json;charset=UTF-8";

/// A form of parts, as a browser writes it: names with their values, and in the end a file.
pub fn form(boundary: &str, parts: &[(&str, &str)], file: (&str, &str, &[u8])) -> Vec<u8> {
    let begin = format!("--{boundary}\r\nContent-Disposition: form-data; name=");
    let mut body = String::new();
    for (name, value) in parts {
        let _ = write!(body, "{begin}\"{name}\"\r\n\r\n{value}\r\n");
    }
    let (name, media, content) = file;
    let _ = write!(body, "{begin}\"filename\"; filename=\"{name}\"\r\nContent-Type: {media}\r\n\r\n");
    let mut body = body.into_bytes();
    body.extend(content);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    body
}

/// A response, before it is coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// `text/plain` for JSON, `text/javascript` for assignments to variables of a page.
    pub content_type: &'static str,
    /// The content.
    pub body: Vec<u8>,
}

/// How the end of a response's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`, in uneven chunks.
    Chunked,
    /// The connection ends.
    Close,
}

/// How a response's body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    /// How its end is known.
    pub framing: Framing,
    /// Whether it is compressed.
    pub gzip: bool,
}

impl Coding {
    /// With its length, not compressed.
    pub const PLAIN: Self = Self { framing: Framing::Length, gzip: false };
}

/// The chunks of a body are of these sizes, over and over: so small that names and numbers are cut.
const CHUNK_SIZES: [usize; 7] = [1, 16, 3, 700, 29, 2048, 7];

impl Response {
    /// The bytes on the wire.
    pub fn encode(&self, coding: Coding, keep_alive: bool) -> io::Result<Vec<u8>> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let mut head =
            format!("HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Type: {}\r\n", self.content_type);
        let content = if coding.gzip {
            head.push_str("Content-Encoding: gzip\r\n");
            gzip(&self.body)?
        } else {
            self.body.clone()
        };
        let body = match coding.framing {
            Framing::Length => {
                let _ = write!(head, "Content-Length: {}\r\n", content.len());
                content
            }
            Framing::Chunked => {
                head.push_str("Transfer-Encoding: chunked\r\n");
                chunked(&content)
            }
            Framing::Close => content,
        };
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(body);
        Ok(bytes)
    }
}

/// Without a time in its header, so that the same content gives the same bytes.
fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

fn chunked(mut content: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for &size in CHUNK_SIZES.iter().cycle() {
        let (chunk, rest) = content.split_at(size.min(content.len()));
        body.extend(format!("{:x}\r\n", chunk.len()).bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
        if chunk.is_empty() {
            break;
        }
        content = rest;
    }
    body
}

/// A query of percent-encoded values.
pub fn query(parameters: &[(&str, &str)]) -> String {
    let encoded: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    encoded.join("&")
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_with_an_empty_one() {
        assert_eq!(chunked(b"0123456789"), b"1\r\n0\r\n9\r\n123456789\r\n0\r\n\r\n");
        assert_eq!(chunked(b""), b"0\r\n\r\n");
    }

    #[test]
    fn separators_are_encoded() {
        assert_eq!(
            query(&[("synckey", "1_2|3_4"), ("skey", "@a+/=")]),
            "synckey=1_2%7C3_4&skey=%40a%2B%2F%3D"
        );
    }
}
