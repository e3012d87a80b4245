// SPDX-License-Identifier: GPL-2.0-or-later
//! In the place of TLS in a build without the feature `tls`: nothing of it can be had.

use std::io;

use rand_chacha::ChaCha8Rng;

pub use super::{HTTPS, Version};
use crate::packet::Direction;

/// There is none.
#[derive(Debug)]
pub enum Tls {}

impl Tls {
    /// Always an error.
    pub fn new(_: Version, _: &mut ChaCha8Rng) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "built without the feature `tls`"))
    }

    /// Of no connection.
    pub fn key_log(&self) -> String {
        match *self {}
    }
}

/// There is none.
pub enum Pair {}

impl Pair {
    /// Of no TLS.
    pub fn new(tls: &Tls, _: &str) -> io::Result<Self> {
        match *tls {}
    }

    /// Of no connection.
    pub fn handshake(&mut self) -> io::Result<Vec<(Direction, Vec<u8>)>> {
        match *self {}
    }

    /// Of no connection.
    pub fn records(&mut self, _: Direction, _: &[&[u8]]) -> io::Result<Vec<u8>> {
        match *self {}
    }

    /// Of no connection.
    pub fn close(&mut self, _: Direction) -> io::Result<Vec<u8>> {
        match *self {}
    }
}
