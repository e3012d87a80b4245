// SPDX-License-Identifier: GPL-2.0-or-later
//! What other plugins, written in C, see: the records of the taps, and packets without a tree.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::support::plugin::{need, plugin};
use serde_json::Value;
use wechat_traffic::{exchanges, web};
use xtask::sandbox::Sandbox;
use xtask::wireshark::{Folders, compile_plugin};
use xtask::{files, process};

/// A file of tests/wireshark/support.
fn support(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wireshark/support").join(name)
}

/// Another plugin.
fn build(source: &Path) -> PathBuf {
    let name = source.file_name().expect("a file");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("so");
    compile_plugin(source, &library).expect("a compiler");
    library
}

/// The one that listens to the taps, built once.
static LISTENER: LazyLock<PathBuf> = LazyLock::new(|| build(&support("tap.c")));

#[test]
fn another_plugin_gets_a_record_for_each_frame() {
    need("tshark");
    need("pkg-config");
    let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
    let folder = Folders::of_home(sandbox.path()).expect("its folders").personal;
    files::copy_readable(&LISTENER, &folder.join("listener.so")).expect("a second plugin");
    let file = tempfile::NamedTempFile::new().expect("a file for the capture");
    exchanges::capture(1).write_pcap(BufWriter::new(&file)).expect("the capture is written");
    let capture = sandbox.add_file(file.path()).expect("readable for tshark");

    for passes in [&[][..], &["-2"]] {
        let mut tshark = sandbox.tshark(["-q", "-z", "wechat,frames,json", "-r"]);
        let text = process::stdout(tshark.arg(&capture).args(passes)).expect("tshark");
        let records: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("record\t")).collect();
        let frames = text.lines().filter(|line| line.starts_with('{'));
        let frames: Vec<String> = frames
            .map(|line| {
                let frame: Value = serde_json::from_str(line).expect("an object");
                let number = |key: &str| frame[key].as_u64().unwrap_or_default();
                let name = frame["name"].as_str().unwrap_or_default();
                let time = frame["response_time"].as_f64().map_or(-1, |time| (time * 1e9).round() as i64);
                let [packet, operation, seq, partner] =
                    ["frame", "operation", "seqid", "partner"].map(number);
                format!("{packet}\t{operation}\t{name}\t{seq}\t{partner}\t{time}")
            })
            .collect();
        assert!(frames.len() > 100);
        assert_eq!(records, frames);
    }
}

/// What the web client's records tell of a capture full of secrets holds none.
#[test]
fn another_plugin_gets_no_secret_of_the_web_client() {
    need("tshark");
    need("pkg-config");
    let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
    let folder = Folders::of_home(sandbox.path()).expect("its folders").personal;
    files::copy_readable(&LISTENER, &folder.join("listener.so")).expect("a second plugin");
    let (dialogue, mut rng) = web::case::find("secrets").expect("a case").dialogue(1, None);
    let carrier = web::carrier::Carrier::PLAIN;
    let carried = web::carrier::carry(&dialogue, carrier, 80, None, &mut rng).expect("a capture");
    let file = tempfile::NamedTempFile::new().expect("a file for the capture");
    carried.capture.write_pcap(BufWriter::new(&file)).expect("the capture is written");
    let capture = sandbox.add_file(file.path()).expect("readable for tshark");
    let mut tshark = sandbox.tshark(["-q", "-2", "-z", "wechat_web,tree", "-r"]);
    let text = process::stdout(tshark.arg(&capture)).expect("tshark");
    let values: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let of =
        |name: &str| values.iter().filter(|value| value.first() == Some(&"web") && value[2] == name).count();
    // One of each message, and the packet of the request with each response.
    let calls = dialogue.calls.len();
    assert!(calls > 10 && of("call") == 2 * calls, "{} of {calls} calls\n{text}", of("call"));
    assert_eq!((of("request"), of("response_time")), (2 * calls, calls), "{text}");
    for secret in &dialogue.secrets {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// Packets get a tree where they got one without the plugin, and no other does.
#[test]
fn packets_that_nobody_looks_at_have_no_tree() {
    need("tshark");
    need("pkg-config");
    let homes = [Sandbox::new(&plugin()), Sandbox::without_plugin()].map(|home| home.expect("a home"));
    let listener = build(&support("tree.c"));
    for home in &homes {
        let folder = Folders::of_home(home.path()).expect("its folders").personal;
        files::create_open_folder(home.path(), &folder).expect("its folder for plugins");
        files::copy_readable(&listener, &folder.join("tree.so")).expect("a second plugin");
    }
    let (dialogue, mut rng) = web::case::find("session").expect("a case").dialogue(1, None);
    let carrier = web::carrier::Carrier::PLAIN;
    let carried = web::carrier::carry(&dialogue, carrier, 80, None, &mut rng).expect("a capture");
    let file = tempfile::NamedTempFile::new().expect("a file for the capture");
    carried.capture.write_pcap(BufWriter::new(&file)).expect("the capture is written");
    // Visits with a tree and without.
    let count = |home: &Sandbox, options: &[&str]| {
        let capture = home.add_file(file.path()).expect("readable for tshark");
        let text = process::stdout(home.tshark(options).arg("-r").arg(capture)).expect("tshark");
        ["tree\t", "none\t"].map(|word| text.lines().filter(|line| line.starts_with(word)).count())
    };
    let packets = carried.capture.packets().len();
    let both = |options: &[&str]| {
        let [with, without] = homes.each_ref().map(|home| count(home, options));
        assert_eq!(with, without, "with {options:?}");
        with
    };
    assert_eq!(both(&[]), [0, packets]);
    assert_eq!(both(&["-2"]), [0, 2 * packets]);
    assert_eq!(both(&["-q", "-z", "conv,tcp"]), [0, packets]);
    // This statistic wants trees, whoever is there.
    assert_eq!(both(&["-q", "-z", "io,stat,0"]), [packets, 0]);
}
