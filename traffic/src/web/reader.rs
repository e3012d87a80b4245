// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads HTTP/1.1 messages, to check what the generator writes and to serve it for real.

use std::io::{self, BufRead, Read};

use flate2::read::GzDecoder;

/// More than any message here has.
const MAX_HEADERS: usize = 16;

/// A message whose body is decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Of a request: path and query.
    pub target: Option<String>,
    /// `Host` of a request.
    pub host: String,
    /// The content.
    pub body: Vec<u8>,
}

/// The next message; none if the stream ends before it.
///
/// # Errors
///
/// The stream's, or `InvalidData` if it holds something else than a whole message.
pub fn receive(stream: &mut impl BufRead) -> io::Result<Option<Received>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let target = if head.starts_with(b"HTTP/") {
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&head).map_err(invalid)?;
        None
    } else {
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&head).map_err(invalid)?;
        request.path.map(str::to_owned)
    };
    let header = |name: &str| {
        let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };

    let mut body = Vec::new();
    if header("Transfer-Encoding") == Some("chunked") {
        while let Some(chunk) = receive_chunk(stream)? {
            body.extend(chunk);
        }
    } else if let Some(len) = header("Content-Length") {
        body.resize(len.parse().map_err(invalid)?, 0);
        stream.read_exact(&mut body)?;
    } else if target.is_none() {
        stream.read_to_end(&mut body)?;
    }
    if header("Content-Encoding") == Some("gzip") {
        let mut content = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut content)?;
        body = content;
    }
    Ok(Some(Received { target, host: header("Host").unwrap_or_default().into(), body }))
}

/// One chunk; none for the last, which is empty.
fn receive_chunk(stream: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    let size = match httparse::parse_chunk_size(&line) {
        Ok(httparse::Status::Complete((_, size))) => size,
        _ => return Err(invalid("a chunk without a size")),
    };
    let mut chunk = vec![0; size as usize];
    stream.read_exact(&mut chunk)?;
    let mut end = [0; 2];
    stream.read_exact(&mut end)?;
    if end != *b"\r\n" {
        return Err(invalid("a chunk that is longer than its size"));
    }
    Ok((size > 0).then_some(chunk))
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_are_noticed() {
        let mut chunks: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n";
        assert!(receive(&mut chunks).is_err());
        let mut short: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc";
        assert!(receive(&mut short).is_err());
        let mut head: &[u8] = b"HTTP/1.1 200 OK\r\n";
        assert!(receive(&mut head).is_err());
    }
}
