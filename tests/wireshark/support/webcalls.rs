// SPDX-License-Identifier: GPL-2.0-or-later
//! Captures of the web client's calls, opened, and the truth about them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Map, Value};
use tempfile::NamedTempFile;
use wechat_traffic::web::carrier::{HTTP, carry};
use wechat_traffic::web::case;
use wechat_traffic::web::dialogue::{Call, Dialogue};
use wechat_traffic::web::tls::{HTTPS, Tls, Version};
use wechat_traffic::web::truth::{self, Row};

use crate::support::opened::{Opened, open};

/// A capture of the web client's, and what is in it.
pub struct Shown {
    pub dialogue: Dialogue,
    pub rows: Vec<Row>,
    pub opened: Opened,
    /// Keys of TLS: the file goes with this value.
    _keys: Option<NamedTempFile>,
}

/// How a case is written.
#[derive(Clone, Copy)]
pub struct Way {
    pub port: u16,
    pub tls: Option<Version>,
    pub size: Option<usize>,
    pub options: &'static [&'static str],
}

pub const PLAIN: Way = Way { port: HTTP, tls: None, size: None, options: &[] };
pub const TLS13: Way = Way { port: HTTPS, tls: Some(Version::Tls13), ..PLAIN };
pub const TLS12: Way = Way { port: HTTPS, tls: Some(Version::Tls12), ..PLAIN };

pub fn show(name: &str, way: Way) -> Shown {
    let case = case::find(name).unwrap_or_else(|| panic!("no case {name}"));
    let (dialogue, mut rng) = case.dialogue(1, way.size);
    let tls = way.tls.map(|version| Tls::new(version, &mut rng).expect("TLS"));
    let carried = carry(&dialogue, case.carrier, way.port, tls.as_ref(), &mut rng).expect("a capture");
    let rows = truth::rows(&dialogue, &carried).expect("the truth");
    let mut opened = open(&carried.capture).with(way.options);
    let keys = tls.map(|tls| {
        let file = NamedTempFile::new().expect("a file for the keys");
        fs::write(file.path(), tls.key_log()).expect("the keys are written");
        fs::set_permissions(file.path(), Permissions::from_mode(0o644)).expect("readable for tshark");
        file
    });
    if let Some(file) = &keys {
        opened = opened.with(&["-o", &format!("tls.keylog_file:{}", file.path().display())]);
    }
    Shown { dialogue, rows, opened, _keys: keys }
}

impl Shown {
    /// The layers of ours, by packet; no packet here has two.
    pub fn layers(&self, options: &[&str]) -> BTreeMap<usize, Map<String, Value>> {
        let layers = self.opened.with(options).layers_of("wechat_web");
        let count = layers.len();
        let layers: BTreeMap<_, _> = layers.into_iter().collect();
        assert_eq!(layers.len(), count, "two messages end in one packet");
        layers
    }

    /// The rows of the web client's calls.
    pub fn ours(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.facts.call.is_empty())
    }

    /// Calls with their rows.
    pub fn calls(&self) -> impl Iterator<Item = (&Call, &Row)> {
        self.dialogue.calls.iter().zip(&self.rows)
    }
}
