// SPDX-License-Identifier: GPL-2.0-or-later
//! The C ABI as a C program uses it: tests/c_abi.c against the build without Wireshark.

use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use ::wechat_dissector::ffi::{
    wechat_field, wechat_node, wechat_note, wechat_part, wechat_preference, wechat_report, wechat_result,
    wechat_segment, wechat_tables, wechat_value, wechat_verdict, wechat_web_report,
};
use ::wechat_dissector::kernel::report::Item;
use ::wechat_dissector::long_link::record::Record;
use ::wechat_dissector::long_link::statistics::{Sample, Tick};
use ::wechat_dissector::web::statistics::{WebRecord, WebTick};
use wechat_traffic::packet::Direction;
use wechat_traffic::sample;
use wechat_traffic::truth;

fn run(command: &mut Command) -> Output {
    // Cargo puts its own build of the library first there, which has no provoked panic.
    let output = command
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
    output
}

/// The C program, built once against the library without Wireshark.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-abi");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        run(Command::new(cargo)
            .args(["build", "--package", "wechat-dissector", "--no-default-features"])
            .args(["--features", "provoke-panic", "--target-dir"])
            .arg(&target)
            .current_dir(root));
        let library = target.join("debug");
        let program = target.join("c_abi");
        run(Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-I"])
            .arg(root.join("include"))
            .arg(root.join("tests/c_abi.c"))
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(&library)
            .arg(format!("-Wl,-rpath,{}", library.display()))
            .arg("-lwechat_dissector"));
        program
    })
}

#[test]
fn the_header_describes_the_rust_layout() {
    let output = run(Command::new(program()).arg("layout"));
    let mut expected = String::new();
    macro_rules! size {
        ($($type:ident $rust:ty),*) => {
            $(expected += &format!("sizeof {} {}\n", stringify!($type), size_of::<$rust>());)*
        };
    }
    macro_rules! offset {
        ($($type:ident $rust:ident $member:ident),*) => {
            $(expected += &format!("offsetof {}.{} {}\n", stringify!($type), stringify!($member), offset_of!($rust, $member));)*
        };
    }
    size!(
        wechat_value wechat_value, wechat_field wechat_field, wechat_note wechat_note, wechat_part wechat_part,
        wechat_preference wechat_preference, wechat_tables wechat_tables, wechat_segment wechat_segment,
        wechat_item Item, wechat_report wechat_report, wechat_record Record, wechat_tick Tick, wechat_sample Sample,
        wechat_node wechat_node, wechat_web_report wechat_web_report, wechat_web_record WebRecord,
        wechat_web_tick WebTick, wechat_result wechat_result, wechat_verdict wechat_verdict
    );
    offset!(
        wechat_field wechat_field kind, wechat_field wechat_field bits, wechat_preference wechat_preference kind,
        wechat_segment wechat_segment nanoseconds, wechat_segment wechat_segment wanted, wechat_item Item depth,
        wechat_item Item value, wechat_report wechat_report items, wechat_report wechat_report body_length,
        wechat_report wechat_report record, wechat_tables wechat_tables sync_columns,
        wechat_tables wechat_tables flow_title, wechat_record Record version, wechat_record Record next,
        wechat_record Record texts, wechat_record Record nanoseconds, wechat_record Record news_time,
        wechat_record Record text_length, wechat_record Record partner, wechat_record Record flags,
        wechat_record Record notes, wechat_record Record head_len, wechat_record Record delivery,
        wechat_tick Tick named, wechat_sample Sample row, wechat_tables wechat_tables web_protocol,
        wechat_tables wechat_tables web_nodes, wechat_tables wechat_tables web_tree_title,
        wechat_web_report wechat_web_report items, wechat_web_report wechat_web_report info,
        wechat_web_report wechat_web_report record, wechat_web_record WebRecord count,
        wechat_web_record WebRecord ticks, wechat_web_tick WebTick node
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn null_and_nonsense_are_answered() {
    run(Command::new(program()).arg("misuse"));
}

#[test]
fn a_panic_comes_out_as_a_note() {
    let output = run(Command::new(program()).arg("panic"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("provoked"), "the panic was real");
    let output = run(Command::new(program()).arg("web-panic"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("provoked"), "the panic was real");
}

#[test]
fn calls_of_the_web_client_come_out() {
    run(Command::new(program()).arg("web"));
}

#[test]
fn the_header_does_not_have_what_only_tests_have() {
    let header = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wechat_dissector.h"));
    assert!(!header.expect("the header").contains("provoke"));
}

#[test]
fn the_frames_of_the_sample_come_out() {
    let capture = sample::capture(1);
    let mut records = Vec::new();
    let mut next = [1u32, 1];
    for (index, packet) in capture.packets().iter().enumerate() {
        if packet.flow != 0 || packet.payload.is_empty() {
            continue;
        }
        let side = usize::from(packet.direction == Direction::ServerToClient);
        let length = packet.payload.len() as u32;
        for number in [index as u32 + 1, side as u32, next[side], length] {
            records.extend(number.to_be_bytes());
        }
        records.extend(&packet.payload);
        next[side] += length;
    }
    records.extend(0u32.to_be_bytes());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sample.segments");
    fs::write(&file, records).expect("writes the segments");
    let output = run(Command::new(program()).arg("sample").arg(&file));

    let rows = truth::rows(&capture).expect("the truth");
    let mut expected: Vec<String> = rows
        .iter()
        .filter(|row| row.stream == 0)
        .map(|row| format!("{} {} {}", row.packet.expect("no packet is missing"), row.op, row.seq))
        .collect();
    let mut shown: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    assert!(shown.len() > 40);
    expected.sort();
    shown.sort();
    assert_eq!(shown, expected);
}
