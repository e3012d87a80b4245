// SPDX-License-Identifier: GPL-2.0-or-later
//! A browser and a server that really talk, for captures that a kernel made.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::carrier::{self, Carrier, Connections};
use super::dialogue::{Call, Dialogue};
use super::reader::{Received, receive};
use super::tls::Tls;

/// No side waits longer than this for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer is held longer than this.
const LONGEST_HOLD: Duration = Duration::from_millis(200);
/// All holds are shortened by this factor.
const HASTE: u32 = 5;

/// Has a dialogue over real connections, server and client in one process, on this port of 127.0.0.1.
/// Holds are shortened, to 0.2 s at most; calls that overlap in the dialogue still do. Returns the
/// number of calls.
///
/// # Errors
///
/// Those of the connections, and `InvalidData` if an answer is another one than the dialogue's.
pub fn talk(
    dialogue: &Arc<Dialogue>,
    carrier: Carrier,
    port: u16,
    tls: Option<&Arc<Tls>>,
    rng: &mut ChaCha8Rng,
) -> io::Result<usize> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = listener.local_addr()?.port();
    let connections = carrier::assign(dialogue, carrier.connections);
    let server =
        Server { dialogue: Arc::clone(dialogue), carrier, tls: tls.cloned(), rng: ChaCha8Rng::from_rng(rng) };
    let count = connections.len();
    let server = thread::spawn(move || server.run(&listener, count));
    // After an error the server may wait for connections that do not come: it is left alone.
    let calls = Client { dialogue, carrier, port, tls, rng }.run(&connections)?;
    server.join().map_err(|_| io::Error::other("the server panicked"))??;
    Ok(calls)
}

struct Server {
    dialogue: Arc<Dialogue>,
    carrier: Carrier,
    tls: Option<Arc<Tls>>,
    rng: ChaCha8Rng,
}

impl Server {
    /// Serves so many connections, each in a thread.
    fn run(mut self, listener: &TcpListener, connections: usize) -> io::Result<()> {
        let mut workers = Vec::new();
        for _ in 0..connections {
            let (stream, _) = listener.accept()?;
            let dialogue = Arc::clone(&self.dialogue);
            let tls = self.tls.clone();
            let rng = ChaCha8Rng::from_rng(&mut self.rng);
            let carrier = self.carrier;
            workers.push(thread::spawn(move || {
                let channel = Channel::server(stream, tls.as_deref())?;
                serve(BufReader::new(channel), &dialogue, carrier, rng)
            }));
        }
        for worker in workers {
            worker.join().map_err(|_| io::Error::other("the server panicked"))??;
        }
        Ok(())
    }
}

/// Answers requests as the dialogue has it, until the client has finished.
fn serve(
    mut channel: BufReader<Channel>,
    dialogue: &Dialogue,
    carrier: Carrier,
    mut rng: ChaCha8Rng,
) -> io::Result<()> {
    while let Some(request) = receive(&mut channel)? {
        let call = dialogue.calls.iter().find(|call| is_asked(call, &request));
        let call = call.ok_or_else(|| unexpected("a request that is in no call"))?;
        let [_, response] = carrier::encode(call, carrier, None, &mut rng)?;
        sleep((call.hold / HASTE).min(LONGEST_HOLD));
        channel.get_mut().send(&response, carrier, &mut rng)?;
        if carrier.connections == Connections::PerCall {
            break;
        }
    }
    channel.into_inner().finish()
}

fn is_asked(call: &Call, request: &Received) -> bool {
    request.target.as_ref() == Some(&call.request.target) && request.body == call.request.body
}

struct Client<'a> {
    dialogue: &'a Dialogue,
    carrier: Carrier,
    port: u16,
    tls: Option<&'a Arc<Tls>>,
    rng: &'a mut ChaCha8Rng,
}

impl Client<'_> {
    /// Asks and hears the answers in the order of the dialogue's times.
    fn run(self, connections: &[Vec<usize>]) -> io::Result<usize> {
        let calls = &self.dialogue.calls;
        let mut events: Vec<_> = (0..calls.len())
            .flat_map(|index| [(calls[index].at, index, true), (calls[index].end(), index, false)])
            .collect();
        events.sort_by_key(|&(at, ..)| at);

        let mut channels: Vec<Option<BufReader<Channel>>> = connections.iter().map(|_| None).collect();
        for (_, index, asks) in events {
            let call = &calls[index];
            let number = connections.iter().position(|carried| carried.contains(&index));
            let number = number.ok_or_else(|| unexpected("a call without a connection"))?;
            let channel = match &mut channels[number] {
                Some(channel) => channel,
                none => none.insert(BufReader::new(self.connect(&call.request.host)?)),
            };
            if asks {
                let host_port = carrier::host_port(self.port, self.tls.map(Arc::as_ref));
                let [request, _] = carrier::encode(call, self.carrier, host_port, self.rng)?;
                channel.get_mut().send(&request, self.carrier, self.rng)?;
            } else {
                let response = receive(channel)?.ok_or(io::ErrorKind::UnexpectedEof)?;
                if response.body != call.response.body {
                    return Err(unexpected("an answer to another call"));
                }
            }
        }
        for channel in channels.into_iter().flatten() {
            channel.into_inner().finish()?;
        }
        Ok(calls.len())
    }

    fn connect(&self, host: &str) -> io::Result<Channel> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        Channel::client(stream, self.tls.map(Arc::as_ref), host)
    }
}

/// One end of a connection.
struct Channel {
    stream: TcpStream,
    tls: Option<rustls::Connection>,
}

impl Channel {
    fn client(stream: TcpStream, tls: Option<&Tls>, host: &str) -> io::Result<Self> {
        let tls = tls.map(|tls| tls.client(host)).transpose()?;
        Self::new(stream, tls.map(Into::into))
    }

    fn server(stream: TcpStream, tls: Option<&Tls>) -> io::Result<Self> {
        let tls = tls.map(Tls::server).transpose()?;
        Self::new(stream, tls.map(Into::into))
    }

    fn new(stream: TcpStream, tls: Option<rustls::Connection>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, tls })
    }

    /// Writes a message, piece by piece.
    fn send(&mut self, message: &[u8], carrier: Carrier, rng: &mut ChaCha8Rng) -> io::Result<()> {
        let sizes = carrier::sizes(carrier.cut, message.len(), rng);
        for piece in carrier::pieces(message, &sizes) {
            match &mut self.tls {
                None => self.stream.write_all(piece)?,
                Some(tls) => {
                    while tls.is_handshaking() {
                        tls.complete_io(&mut self.stream)?;
                    }
                    tls.writer().write_all(piece)?;
                    while tls.wants_write() {
                        tls.write_tls(&mut self.stream)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Says that nothing more comes, and waits for the other side to say the same.
    fn finish(mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut self.stream)?;
            }
        }
        self.stream.shutdown(Shutdown::Write)?;
        io::copy(&mut self.stream, &mut io::sink())?;
        Ok(())
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.stream.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tls.complete_io(&mut self.stream)?;
                }
                read => return read,
            }
        }
    }
}

fn unexpected(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
