// SPDX-License-Identifier: GPL-2.0-or-later
//! The captures that lie in the repository, in `samples/`: for who wants to open one before building anything.

use std::error::Error;

use crate::capture::Capture;
use crate::{exchanges, mmtls, sample, web};

const SEED: u64 = 1;

/// A capture of the folder.
#[derive(Debug)]
pub struct Sample {
    /// Its file's name, before the ending.
    pub name: &'static str,
    /// What to look for in it, one sentence without its end.
    pub look_for: &'static str,
    make: fn() -> Result<Files, Box<dyn Error>>,
}

/// What is written of a sample.
#[derive(Debug)]
pub struct Files {
    /// The capture, in pcap format.
    pub pcap: Vec<u8>,
    /// The key log of what is encrypted in it.
    pub keys: Option<Vec<u8>>,
}

impl Sample {
    /// Its files, always the same.
    pub fn files(&self) -> Result<Files, Box<dyn Error>> {
        (self.make)()
    }
}

/// All of them.
pub const SAMPLES: [Sample; 5] = [
    Sample {
        name: "sample",
        look_for: "the long link in the clear: a login, messages, pushes and heartbeats on three connections, and in packet 75 \
                   a frame whose length is wrong",
        make: || plain(&sample::capture(SEED)),
    },
    Sample {
        name: "exchanges",
        look_for: "which answer belongs to which request: sent again, answered twice, never answered, pushes without an \
                   acknowledgement",
        make: || plain(&exchanges::capture(SEED)),
    },
    Sample {
        name: "mmtls",
        look_for: "a phone of today: the long link inside MMTLS; closed without the key log; with it, the frames of the long link",
        make: || opened("resumed"),
    },
    Sample {
        name: "short-link",
        look_for: "a phone's calls over HTTP inside MMTLS: tickets are issued in packets 6 and 42, and the calls behind use them",
        make: || opened("tickets"),
    },
    Sample {
        name: "web",
        look_for: "the web client gets one message: the poll says that there is news, the sync fetches it, and the SyncKey grows",
        make: from_web,
    },
];

fn written(capture: &Capture, keys: Option<Vec<u8>>) -> Result<Files, Box<dyn Error>> {
    let mut pcap = Vec::new();
    capture.write_pcap(&mut pcap)?;
    Ok(Files { pcap, keys })
}

fn plain(capture: &Capture) -> Result<Files, Box<dyn Error>> {
    written(capture, None)
}

fn opened(case: &str) -> Result<Files, Box<dyn Error>> {
    let made = mmtls::case::find(case).ok_or("no such case")?.make(SEED)?;
    let log = made.log("mixed").ok_or("no such key log")?;
    written(&made.capture, Some(log.bytes))
}

fn from_web() -> Result<Files, Box<dyn Error>> {
    let case = web::case::find("article").ok_or("no such case")?;
    let (dialogue, mut rng) = case.dialogue(SEED, None);
    let carried = web::carrier::carry(&dialogue, case.carrier, web::carrier::HTTP, None, &mut rng)?;
    plain(&carried.capture)
}
