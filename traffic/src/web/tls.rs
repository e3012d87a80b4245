// SPDX-License-Identifier: GPL-2.0-or-later
//! TLS around the calls, with a key log: real handshakes whose randomness comes from the seed.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::client::Resumption;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup, ring,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::{
    ClientConfig, ClientConnection, KeyLog, NamedGroup, PeerMisbehaved, RootCertStore, ServerConfig,
    ServerConnection, SupportedProtocolVersion,
};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use super::scene::TEST_HOST;
pub use super::{HTTPS, Version};
use crate::packet::Direction;

/// An Ed25519 private key in PKCS #8 is this and 32 bytes.
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The hosts the certificate is for: all of the web client's, and a test server.
const HOSTS: [&str; 5] = ["*.qq.com", "*.weixin.qq.com", "*.wx.qq.com", "*.wx2.qq.com", TEST_HOST];

/// Both ends' settings, and the key log they write.
#[derive(Debug)]
pub struct Tls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    keys: Arc<Keys>,
}

impl Tls {
    /// A server with a certificate of its own, and a client that trusts it. Without session tickets,
    /// so that each connection's keys are in the log.
    ///
    /// The seeded randomness must outlive everything and is therefore never freed: a few hundred bytes.
    pub fn new(version: Version, rng: &mut ChaCha8Rng) -> io::Result<Self> {
        let mut private_key = PKCS8_PREFIX.to_vec();
        private_key.resize(PKCS8_PREFIX.len() + 32, 0);
        rng.fill_bytes(&mut private_key[PKCS8_PREFIX.len()..]);
        let private_key = PrivatePkcs8KeyDer::from(private_key);
        let signer = KeyPair::from_pkcs8_der_and_sign_algo(&private_key, &PKCS_ED25519).map_err(other)?;
        let parameters = CertificateParams::new(HOSTS.map(str::to_owned)).map_err(other)?;
        let certificate = parameters.self_signed(&signer).map_err(other)?;

        let random: &'static Seeded = Box::leak(Box::new(Seeded(Mutex::new(ChaCha8Rng::from_rng(rng)))));
        let provider = Arc::new(CryptoProvider {
            secure_random: random,
            kx_groups: vec![random],
            ..ring::default_provider()
        });
        let version: &'static SupportedProtocolVersion = match version {
            Version::Tls12 => &rustls::version::TLS12,
            Version::Tls13 => &rustls::version::TLS13,
        };
        let alpn = vec![b"http/1.1".to_vec()];

        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).map_err(other)?;
        let keys = Arc::new(Keys::default());
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .map_err(other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols.clone_from(&alpn);
        client.resumption = Resumption::disabled();
        client.key_log = Arc::clone(&keys) as Arc<dyn KeyLog>;

        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .map_err(other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private_key.into())
            .map_err(other)?;
        server.alpn_protocols = alpn;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self { client: Arc::new(client), server: Arc::new(server), keys })
    }

    /// The client's end of a connection to this host.
    pub fn client(&self, host: &str) -> io::Result<ClientConnection> {
        let name = ServerName::try_from(host.to_owned()).map_err(other)?;
        let mut connection = ClientConnection::new(Arc::clone(&self.client), name).map_err(other)?;
        connection.set_buffer_limit(None);
        Ok(connection)
    }

    /// The server's end of a connection.
    pub fn server(&self) -> io::Result<ServerConnection> {
        let mut connection = ServerConnection::new(Arc::clone(&self.server)).map_err(other)?;
        connection.set_buffer_limit(None);
        Ok(connection)
    }

    /// The secrets of all connections so far, in the format of `SSLKEYLOGFILE`.
    pub fn key_log(&self) -> String {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Both ends of a connection, in memory.
pub struct Pair {
    client: rustls::Connection,
    server: rustls::Connection,
}

impl Pair {
    /// A connection to this host, before its handshake.
    pub fn new(tls: &Tls, host: &str) -> io::Result<Self> {
        Ok(Self { client: tls.client(host)?.into(), server: tls.server()?.into() })
    }

    /// What both ends write before either may send data.
    pub fn handshake(&mut self) -> io::Result<Vec<(Direction, Vec<u8>)>> {
        let mut flights = Vec::new();
        let mut direction = Direction::ClientToServer;
        while self.client.is_handshaking() || self.server.is_handshaking() {
            flights.push((direction, self.transfer(direction)?));
            direction = direction.reverse();
        }
        Ok(flights)
    }

    /// The records that carry these pieces, one each unless a piece is longer than a record may be.
    pub fn records(&mut self, direction: Direction, pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        for piece in pieces {
            self.ends(direction).0.writer().write_all(piece)?;
            records.extend(self.transfer(direction)?);
        }
        Ok(records)
    }

    /// The alert that says that nothing more comes.
    pub fn close(&mut self, direction: Direction) -> io::Result<Vec<u8>> {
        self.ends(direction).0.send_close_notify();
        self.transfer(direction)
    }

    /// Hands over what the sender has to say.
    fn transfer(&mut self, direction: Direction) -> io::Result<Vec<u8>> {
        let (sender, receiver) = self.ends(direction);
        let mut bytes = Vec::new();
        while sender.wants_write() {
            sender.write_tls(&mut bytes)?;
        }
        let mut rest = &*bytes;
        while !rest.is_empty() {
            receiver.read_tls(&mut rest)?;
            let state = receiver.process_new_packets().map_err(other)?;
            let mut received = vec![0; state.plaintext_bytes_to_read()];
            receiver.reader().read_exact(&mut received)?;
        }
        Ok(bytes)
    }

    fn ends(&mut self, direction: Direction) -> (&mut rustls::Connection, &mut rustls::Connection) {
        match direction {
            Direction::ClientToServer => (&mut self.client, &mut self.server),
            Direction::ServerToClient => (&mut self.server, &mut self.client),
        }
    }
}

/// Lines of a key log.
#[derive(Debug, Default)]
struct Keys(Mutex<String>);

impl KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{label} {} {}", hex(client_random), hex(secret));
    }
}

/// All randomness of both ends, key exchange included. Not for secrets.
#[derive(Debug)]
struct Seeded(Mutex<ChaCha8Rng>);

impl SecureRandom for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
        Ok(())
    }
}

impl SupportedKxGroup for Seeded {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        let mut secret = [0; 32];
        self.fill(&mut secret)?;
        Ok(Box::new(Exchange { secret, public: x25519(secret, X25519_BASEPOINT_BYTES) }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// One side of a key exchange over X25519.
struct Exchange {
    secret: [u8; 32],
    public: [u8; 32],
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, rustls::Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        Ok(SharedSecret::from(&x25519(self.secret, peer)[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}
