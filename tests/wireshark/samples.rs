// SPDX-License-Identifier: GPL-2.0-or-later
//! What tshark shows of the captures in `samples/` stands beside them; `cargo xtask bless` writes it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use wechat_traffic::samples::SAMPLES;
use xtask::pictures::ADDED_BY_TCP;

use crate::support::opened::{Opened, open_file};

/// As the page of the samples says.
const SHOWN: &[&str] = &[
    "-2",
    "-n",
    "-o",
    "wechat.hash_key:samples",
    "-Y",
    "wechat or wechat_web or mmtls or wechat_short",
    "-T",
    "fields",
    "-e",
    "frame.number",
    "-e",
    "_ws.col.Protocol",
    "-e",
    "_ws.col.Info",
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// A capture of the folder, as it lies there, and with its key log where it has one and that is asked for.
pub fn open(name: &str, with_keys: bool) -> Opened {
    let bytes = fs::read(file(&format!("{name}.pcap"))).expect("a sample");
    let opened = open_file(|mut file| std::io::Write::write_all(&mut file, &bytes));
    match fs::read_to_string(file(&format!("{name}.keys"))) {
        Ok(keys) if with_keys => {
            let keys = opened.file("keys", &keys);
            opened.with(&["-o", &format!("mmtls.keylog_file:{}", keys.display())])
        }
        _ => opened,
    }
}

fn shown(name: &str, with_keys: bool) -> String {
    open(name, with_keys).text(SHOWN).replace(ADDED_BY_TCP, "")
}

#[track_caller]
fn check(name: &str, shown: &str) {
    let file = file(name);
    assert!(shown.lines().count() > 5, "{name}: {shown}");
    if env::var_os("WECHAT_BLESS").is_some() {
        return fs::write(&file, shown).expect(name);
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let differs = expected.lines().zip(shown.lines()).find(|(expected, shown)| expected != shown);
    assert!(
        expected == shown,
        "samples/{name} is out of date ({differs:?}): run `cargo xtask bless` and read `git diff`"
    );
}

#[test]
fn tshark_shows_what_stands_beside_the_samples() {
    let page = fs::read_to_string(file("README.md")).expect("the page");
    for sample in &SAMPLES {
        let name = sample.name;
        check(&format!("{name}.txt"), &shown(name, true));
        if file(&format!("{name}.keys")).exists() {
            check(&format!("{name}-closed.txt"), &shown(name, false));
        }
    }
    // Numbers of packets that the page names.
    for (name, filter) in [("sample", "wechat.packet_len < 16"), ("short-link", "mmtls.handshake.type == 4")]
    {
        let sample = SAMPLES.iter().find(|sample| sample.name == name).expect("a sample");
        let numbers =
            sample.look_for.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
        let named: Vec<usize> = numbers.map(|number| number.parse().expect("a number")).collect();
        assert_eq!(named, open(name, true).packets(filter), "{name}");
    }
    // The page shows the command that makes the texts.
    let told: Vec<&str> = page.split_whitespace().map(|word| word.trim_matches('"')).collect();
    for word in SHOWN.iter().flat_map(|words| words.split(' ')) {
        assert!(told.contains(&word), "samples/README.md does not say {word}");
    }
}
