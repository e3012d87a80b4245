// SPDX-License-Identifier: GPL-2.0-or-later
//! The tap `wechat` as another plugin, written in C, listens to it.

#[path = "support/plugin.rs"]
mod plugin;

use std::env;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use plugin::{need, plugin};
use serde_json::Value;
use wechat_traffic::exchanges;
use xtask::sandbox::Sandbox;
use xtask::wireshark::Folders;
use xtask::{files, process};

/// The other plugin.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tap.so");
    let flags =
        process::stdout(Command::new("pkg-config").args(["--cflags", "wireshark"])).expect("pkg-config");
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-shared", "-fPIC", "-std=gnu11", "-Wall", "-Wextra", "-Werror"]);
    // Wireshark's own headers are not ours to warn about.
    for flag in flags.split_whitespace() {
        match flag.strip_prefix("-I") {
            Some(folder) => compiler.args(["-isystem", folder]),
            None => compiler.arg(flag),
        };
    }
    compiler.arg("-I").arg(root.join("include")).arg("-I").arg(root.join("plugin"));
    process::stdout(compiler.arg("-o").arg(&library).arg(root.join("tests/support/tap.c")))
        .expect("a compiler");
    library
}

#[test]
fn another_plugin_gets_a_record_for_each_frame() {
    need("tshark");
    need("pkg-config");
    let sandbox = Sandbox::new(&plugin()).expect("a home with the plugin");
    let folder = Folders::of_home(sandbox.path()).expect("its folders").personal;
    files::copy_readable(&build(), &folder.join("listener.so")).expect("a second plugin");
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
