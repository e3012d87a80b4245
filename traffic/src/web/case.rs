// SPDX-License-Identifier: GPL-2.0-or-later
//! The captures of the web client that can be asked for by name.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::bad::{BAD, Bad};
use super::carrier::{Carrier, Connections, Cut};
use super::dialogue::Dialogue;
use super::http::{Coding, Framing};
use super::scene;

/// A dialogue and the way it is carried.
#[derive(Debug)]
pub struct Case {
    /// As on the command line.
    pub name: String,
    /// What it holds.
    pub about: String,
    /// How it is carried.
    pub carrier: Carrier,
    scene: Scene,
}

type Tell = fn(&mut ChaCha8Rng) -> Dialogue;

#[derive(Debug)]
enum Scene {
    Told(Tell),
    Bad(&'static Bad),
}

impl Case {
    /// The seed's dialogue, and what its carrier is to draw from. A size of `None` is the usual one;
    /// only some of the bad cases have any.
    pub fn dialogue(&self, seed: u64, size: Option<usize>) -> (Dialogue, ChaCha8Rng) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dialogue = match self.scene {
            Scene::Told(told) => told(&mut rng),
            Scene::Bad(bad) => scene::bad(&mut rng, bad, size),
        };
        (dialogue, rng)
    }
}

/// The case of this name.
pub fn find(name: &str) -> Option<Case> {
    cases().into_iter().find(|case| case.name == name)
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let coding = |framing, gzip| Carrier { coding: Some(Coding { framing, gzip }), ..Carrier::PLAIN };
    let carriers = [
        ("", "", Carrier::PLAIN),
        ("-chunked", ", answers in uneven chunks", coding(Framing::Chunked, false)),
        ("-gzip", ", answers compressed", coding(Framing::Length, true)),
        ("-gzip-chunked", ", answers compressed and in chunks", coding(Framing::Chunked, true)),
        ("-cut", ", cut into segments anywhere", Carrier { cut: Cut::Anywhere, ..Carrier::PLAIN }),
        (
            "-per-call",
            ", a connection for each call",
            Carrier { connections: Connections::PerCall, ..Carrier::PLAIN },
        ),
        (
            "-until-close",
            ", answers that end with their connections; Wireshark finds that end without TLS only",
            Carrier { connections: Connections::PerCall, ..coding(Framing::Close, false) },
        ),
    ];
    let case = |name: String, about: String, carrier, scene| Case { name, about, carrier, scene };
    let mut cases = Vec::new();
    for (suffix, how, carrier) in carriers {
        let about = format!("one message: poll, sync, the next poll{how}");
        cases.push(case(format!("article{suffix}"), about, carrier, Scene::Told(scene::article)));
    }
    cases.push(case(
        "article-one-connection".into(),
        "one message, polls and sync on the same connection".into(),
        Carrier { connections: Connections::One, ..Carrier::PLAIN },
        Scene::Told(scene::article),
    ));
    let mixed = (
        "-mixed",
        ", each answer coded in another way, cut anywhere",
        Carrier { coding: None, cut: Cut::Anywhere, ..Carrier::PLAIN },
    );
    for (suffix, how, carrier) in [carriers[0], mixed] {
        let about = format!("a session from the login to the end{how}");
        cases.push(case(format!("session{suffix}"), about, carrier, Scene::Told(scene::session)));
    }
    let others: [(&str, &str, Tell); 6] = [
        ("two-sessions", "two browsers at once, on the same connections", scene::two_sessions),
        ("spellings", "the calls in the words of other clients and on other hosts", scene::spellings),
        ("secrets", "secrets in all places where clients and servers put them", scene::secrets),
        ("upload", "files sent up, whole and in pieces", scene::upload),
        ("session-ids", "one session whose id is written in every way", scene::session_ids),
        ("foreign", "HTTP that is none of the web client's", scene::foreign),
    ];
    for (name, about, told) in others {
        cases.push(case(name.into(), about.into(), Carrier::PLAIN, Scene::Told(told)));
    }
    for bad in BAD {
        cases.push(case(format!("bad-{}", bad.name), bad.about.into(), Carrier::PLAIN, Scene::Bad(bad)));
    }
    cases
}
