// SPDX-License-Identifier: GPL-2.0-or-later
//! A client and a server that really talk, for captures that a kernel made.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::account::Account;
use crate::body::identify::Trailer;
use crate::pdu::{Pdu, op};

/// No side waits longer than this for the other.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a server waits for its client.
const ACCEPT_PATIENCE: Duration = Duration::from_secs(30);
/// Pause between the bytes of the frame that is sent byte by byte.
const BYTE_PAUSE: Duration = Duration::from_millis(1);
const MESSAGE_LENS: [u32; 3] = [40, 900, 5000];
const SEED: u64 = 1;

/// What one side did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames sent.
    pub sent: usize,
    /// Frames received.
    pub received: usize,
}

/// Serves one connection, until the client has finished.
pub fn serve(listener: &TcpListener) -> io::Result<Tally> {
    let mut link = Link::new(accept(listener)?)?;
    let mut account = Account::new(&mut ChaCha8Rng::seed_from_u64(SEED));
    while let Some(request) = link.receive()? {
        match request.op {
            op::IDENTIFY => {
                link.send(&account.identified(&request, 0))?;
                link.send(&account.push(true, 200))?;
            }
            op::HEARTBEAT | op::NOOP => link.send(&request.response(Vec::new()))?,
            op::PUSH_ACK | op::PUSH_ACK_OLD | op::DIRECT_SEND => {}
            _ => link.send(&account.message_sent(&request))?,
        }
    }
    Ok(link.tally)
}

/// Runs a short session: identify, heartbeat, messages of several sizes, one of them byte by byte.
pub fn client(server: impl ToSocketAddrs) -> io::Result<Tally> {
    let mut link = Link::new(TcpStream::connect(server)?)?;
    let mut account = Account::new(&mut ChaCha8Rng::seed_from_u64(SEED));

    let identify = account.identify(Trailer::Version);
    link.send(&identify)?;
    link.await_response(&identify)?;

    let pushed = link.receive()?;
    let received = Instant::now();
    if pushed.is_none_or(|pdu| pdu.op != op::PUSH) {
        return Err(unexpected("no push after identify"));
    }
    sleep(Duration::from_millis(20));
    link.send(&account.push_ack(received.elapsed()))?;

    let heartbeat = account.heartbeat();
    link.send(&heartbeat)?;
    link.await_response(&heartbeat)?;

    let messages = MESSAGE_LENS.map(|len| account.send_message(len));
    for message in &messages {
        link.send(message)?;
    }
    for message in &messages {
        link.await_response(message)?;
    }

    let message = account.send_message(60);
    link.send_byte_by_byte(&message)?;
    link.await_response(&message)?;
    link.finish()
}

pub(crate) fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    // A listener has no time-out of its own.
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + ACCEPT_PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() > deadline {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "no client came"));
                }
                sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
}

/// One end of a connection.
struct Link {
    stream: TcpStream,
    tally: Tally,
}

impl Link {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, tally: Tally::default() })
    }

    fn send(&mut self, pdu: &Pdu) -> io::Result<()> {
        self.stream.write_all(&pdu.encode())?;
        self.tally.sent += 1;
        Ok(())
    }

    fn send_byte_by_byte(&mut self, pdu: &Pdu) -> io::Result<()> {
        for byte in pdu.encode() {
            self.stream.write_all(&[byte])?;
            sleep(BYTE_PAUSE);
        }
        self.tally.sent += 1;
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Option<Pdu>> {
        let pdu = Pdu::read_from(&mut self.stream)?;
        self.tally.received += usize::from(pdu.is_some());
        Ok(pdu)
    }

    fn await_response(&mut self, request: &Pdu) -> io::Result<()> {
        let expected = request.response(Vec::new());
        match self.receive()? {
            Some(pdu) if (pdu.op, pdu.seq) == (expected.op, expected.seq) => Ok(()),
            Some(pdu) => Err(unexpected(&format!(
                "operation {} with sequence {} instead of {} with {}",
                pdu.op, pdu.seq, expected.op, expected.seq
            ))),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Says that nothing more comes, and waits for the other side to say the same.
    fn finish(mut self) -> io::Result<Tally> {
        self.stream.shutdown(Shutdown::Write)?;
        match self.receive()? {
            None => Ok(self.tally),
            Some(_) => Err(unexpected("a frame after the last answer")),
        }
    }
}

fn unexpected(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Server and client in one process, on this port of 127.0.0.1; the client's tally.
pub fn talk(port: u16) -> io::Result<Tally> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let server = thread::spawn(move || serve(&listener));
    let tally = client((Ipv4Addr::LOCALHOST, port))?;
    server.join().map_err(|_| io::Error::other("the server panicked"))??;
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::thread;

    use super::*;

    #[test]
    fn client_and_server_agree() -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let server = thread::spawn(move || serve(&listener));
        let client = client(address)?;
        let server = server.join().expect("the server does not panic")?;
        assert_eq!((client.sent, client.received), (7, 7));
        assert_eq!((server.sent, server.received), (7, 7));
        Ok(())
    }
}
