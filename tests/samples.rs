// SPDX-License-Identifier: GPL-2.0-or-later
//! The captures in `samples/` are what the generator makes, and their page says of each what to look for; `cargo xtask bless`
//! writes both. What tshark shows of them is compared in `tests/wireshark/samples.rs`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use wechat_traffic::samples::SAMPLES;

/// All of them together, in bytes: who clones the repository gets them.
const MOST: u64 = 300_000;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples")
}

#[track_caller]
fn check(name: &str, expected: &[u8]) {
    let file = folder().join(name);
    if env::var_os("WECHAT_BLESS").is_some() {
        return fs::write(&file, expected).expect(name);
    }
    let found = fs::read(&file).unwrap_or_default();
    assert!(found == expected, "samples/{name} is out of date: run `cargo xtask bless`");
}

#[test]
fn the_samples_are_what_the_generator_makes() {
    for sample in &SAMPLES {
        let files = sample.files().expect(sample.name);
        check(&format!("{}.pcap", sample.name), &files.pcap);
        if let Some(keys) = files.keys {
            check(&format!("{}.keys", sample.name), &keys);
        }
    }
}

#[test]
fn their_page_says_what_to_look_for() {
    let mut table =
        String::from("| capture | keys | look for | what tshark shows |\n| --- | --- | --- | --- |\n");
    for sample in &SAMPLES {
        let name = sample.name;
        let (keys, shown) = match sample.files().expect(name).keys {
            None => (String::new(), format!("[{name}.txt]({name}.txt)")),
            Some(_) => (
                format!("[{name}.keys]({name}.keys)"),
                format!("[{name}.txt]({name}.txt), without keys [{name}-closed.txt]({name}-closed.txt)"),
            ),
        };
        writeln!(table, "| [{name}.pcap]({name}.pcap) | {keys} | {} | {shown} |", sample.look_for).unwrap();
    }
    let page = fs::read_to_string(folder().join("README.md")).expect("a page");
    let (before, rest) = page.split_once("<!-- samples -->\n").expect("the begin");
    let (_, after) = rest.split_once("<!-- end samples -->").expect("the end");
    let expected = format!("{before}<!-- samples -->\n{table}<!-- end samples -->{after}");
    check("README.md", expected.as_bytes());
}

/// Nothing else lies there, and all of it is small.
#[test]
fn the_folder_has_nothing_else_and_is_small() {
    let mut names = BTreeSet::from(["README.md".to_owned()]);
    for sample in &SAMPLES {
        names.extend(["pcap", "txt"].map(|ending| format!("{}.{ending}", sample.name)));
        if sample.files().expect(sample.name).keys.is_some() {
            names.extend([".keys", "-closed.txt"].map(|ending| format!("{}{ending}", sample.name)));
        }
    }
    let entries = fs::read_dir(folder()).expect("the folder").map(|entry| entry.expect("an entry"));
    let (mut found, mut bytes) = (BTreeSet::new(), 0);
    for entry in entries {
        bytes += entry.metadata().expect("its size").len();
        found.insert(entry.file_name().into_string().expect("a text"));
    }
    assert_eq!(found, names);
    assert!(bytes < MOST, "{bytes} bytes");
}
