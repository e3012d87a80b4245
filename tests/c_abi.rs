// SPDX-License-Identifier: GPL-2.0-or-later
//! The C ABI as a C program uses it: tests/c_abi.c against the build without Wireshark.

use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use ::wechat_dissector::ffi::*;
use wechat_traffic::packet::Direction;
use wechat_traffic::sample;
use wechat_traffic::truth;
use xtask::cargo;

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
        run(cargo::cargo("build")
            .args(["--package", cargo::PLUGIN_PACKAGE, "--no-default-features"])
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
    macro_rules! layout {
        ($($type:ident { $($member:ident)* })*) => {
            $(
                expected += &format!("sizeof {} {}\n", stringify!($type), size_of::<$type>());
                $(
                    let offset = offset_of!($type, $member);
                    expected += &format!("offsetof {}.{} {offset}\n", stringify!($type), stringify!($member));
                )*
            )*
        };
    }
    layout! {
        wechat_value { value name }
        wechat_field { filter label help values value_count mask kind base bits }
        wechat_note { filter summary group severity }
        wechat_part { name help }
        wechat_preference { name title help ports parts part_count number kind }
        wechat_offer { name title heuristics fallback }
        wechat_join { table key }
        wechat_value_row { name kind }
        wechat_node { name parent ranges range_count }
        wechat_protocol {
            fields field_count notes note_count preferences preference_count offers offer_count joins
            join_count values value_count nodes node_count tree_title responses_title responses_column
            response_rows delays_title delays_command delay_columns delay_rows delay_row_count lines_title
            lines_command flow_title packet_filters packet_filter_count under on_streams in_http exports
        }
        wechat_tables { protocols protocol_count media_types media_type_count }
        wechat_segment {
            data captured reported seconds nanoseconds packet stream shown_stream position src_address
            dst_address src_length dst_length src_port dst_port server_port flags wanted fields protocol
        }
        wechat_item { value offset length text field source kind depth }
        wechat_source { data captured name }
        wechat_hand_off { offset captured length key stream shown_stream position flags words source table }
        wechat_object { offset length name kind source }
        wechat_report {
            verdict length offset info items item_count texts sources source_count hand_offs hand_off_count
            objects object_count record protocol
        }
        wechat_record {
            version size next texts rows seconds present nanoseconds text_length packet stream protocol
            value_count values
        }
        wechat_tick { part amount node how }
        wechat_sample { delay row delayed }
        wechat_response { name elapsed row }
        wechat_sentence { line label side }
        wechat_result {}
        wechat_verdict {}
        wechat_side {}
        wechat_type {}
        wechat_base {}
        wechat_group {}
        wechat_severity {}
        wechat_preference_type {}
        wechat_value_kind {}
    }
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
