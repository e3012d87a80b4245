// SPDX-License-Identifier: GPL-2.0-or-later
//! Every input of the fuzz targets' corpus, everything they ever found, and what they start from.

#[path = "../fuzz/seeds.rs"]
mod seeds;
#[path = "../fuzz/targets.rs"]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod targets;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use targets::{TARGETS, abi};

fn fuzz(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder)
}

/// The inputs of an archive, with their names.
fn inputs(archive: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut archive = tar::Archive::new(File::open(archive).expect("an archive"));
    let mut input = |entry: std::io::Result<tar::Entry<'_, File>>| {
        let mut entry = entry.expect("an entry");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("an input");
        (entry.path().expect("a name").into_owned(), bytes)
    };
    archive.entries().expect("entries").map(&mut input).collect()
}

#[test]
fn the_corpus_passes() {
    for (name, target) in TARGETS {
        let archive = fuzz("corpus").join(name).with_extension("tar");
        let inputs = inputs(&archive);
        assert!(inputs.len() >= 10, "{} holds {} inputs", archive.display(), inputs.len());
        assert!(inputs.is_sorted_by(|one, other| one.0 < other.0), "{} is not sorted", archive.display());
        // Miri takes a thousand times as long.
        for (input, bytes) in inputs.iter().step_by(if cfg!(miri) { 5 } else { 1 }) {
            eprintln!("{name} {}", input.display());
            target(bytes);
        }
    }
}

/// What once found a fault, named after the fault, in a folder named after its target.
#[test]
fn what_found_a_fault_passes() {
    let mut passed = 0;
    for folder in fs::read_dir(fuzz("found")).expect("a folder") {
        let folder = folder.expect("a folder").path();
        let target = TARGETS.iter().find(|(name, _)| folder.ends_with(name));
        let (_, target) = target.unwrap_or_else(|| panic!("{} is no target", folder.display()));
        for input in fs::read_dir(&folder).expect("a folder") {
            target(&fs::read(input.expect("a file").path()).expect("an input"));
            passed += 1;
        }
    }
    assert!(passed > 0);
}

/// Those that fuzzing starts from; `WECHAT_SEEDS` names a folder to write them to.
#[test]
#[cfg_attr(miri, ignore = "the generator takes hours in an interpreter")]
fn the_seeds_pass() {
    let folder = std::env::var_os("WECHAT_SEEDS").map(PathBuf::from);
    let mut counts = BTreeMap::new();
    for seed in seeds::seeds() {
        let (name, target) =
            TARGETS.into_iter().find(|(name, _)| *name == seed.target).expect("a target of this name");
        eprintln!("{name} {}", seed.name);
        target(&seed.bytes);
        *counts.entry(name).or_insert(0) += 1;
        if let Some(folder) = &folder {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).expect("created");
            fs::write(folder.join(seed.name), seed.bytes).expect("written");
        }
    }
    assert!(counts.len() == TARGETS.len() && counts.values().all(|count| *count >= 10), "{counts:?}");
}

/// What no seed holds: the functions around HTTP's dissector, with a poll of the web client and its answer.
#[test]
fn the_functions_around_http_pass() {
    let ask = b"GET /cgi-bin/mmwebwx-bin/synccheck?synckey=1_2 HTTP/1.1\r\nHost: wx.qq.com\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nContent-Length: 43\r\n\r\n";
    let body = b"window.synccheck={retcode:\"0\",selector:\"2\"}";
    let media = b"text/javascript";
    // First visits, counted, with a stream, the answer the other side's; then later ones.
    let given = [
        (0x15, 1, &ask[..], &b""[..]),
        (0x1d, 2, answer, body),
        (0x14, 1, ask, b""),
        (0x1c, 2, answer, body),
    ];
    for call in 0xf0..=0xff {
        // A handle with the defaults.
        let mut input = vec![5, 0];
        for (flags, packet, head, body) in given {
            // All is wanted.
            input.extend([call, 0, flags, 15, packet, 0, 1, 0, 0]);
            input.extend((head.len() as u16).to_be_bytes());
            input.extend(head);
            for text in [&media[..], body] {
                input.push(text.len() as u8);
                input.extend(text);
            }
            // The body lies behind the head, and HTTP wants to see nothing again.
            input.extend((head.len() as u16).to_be_bytes());
            input.extend(u16::MAX.to_be_bytes());
        }
        abi(&input);
    }
}
