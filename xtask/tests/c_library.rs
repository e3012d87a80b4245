// SPDX-License-Identifier: GPL-2.0-or-later
//! The C library as it is installed, and the example that is compiled against it with pkg-config alone.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;
use xtask::{cargo, process};

const PREFIX: &str = "/opt/wechat";

/// The folder below which it is installed; built with less care for speed than the one for use.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<TempDir> = OnceLock::new();
    let folder = INSTALLED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut install = Command::new("sh");
        // Modes are not those of who builds it.
        install.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_xtask")]);
        install.args(["c-library", "--", "--prefix", PREFIX, "--destdir"]).arg(folder.path());
        install.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-library"));
        for (name, value) in [("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "16")] {
            install.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        }
        process::output(&mut install).expect("installed");
        folder
    });
    folder.path()
}

fn libraries() -> PathBuf {
    installed().join("opt/wechat/lib")
}

/// What pkg-config says of the installed library.
fn pkg_config(arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", libraries().join("pkgconfig"));
    command.env("PKG_CONFIG_SYSROOT_DIR", installed());
    let words =
        process::stdout(command.args(arguments).arg("wechat-dissector")).expect("pkg-config knows it");
    words.split_whitespace().map(str::to_owned).collect()
}

/// The example, compiled.
fn compile(compiler: &str, arguments: &[&str], libraries: &[String]) -> PathBuf {
    let example = cargo::root().expect("a root").join("examples/c/frames.c");
    let program = installed().join(format!("frames-{}", arguments.join("")));
    let mut command = Command::new(compiler);
    command.args(arguments).args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"]).arg(&example);
    command.arg("-o").arg(&program).args(pkg_config(&["--cflags"])).args(libraries);
    process::output(&mut command).expect("compiled without a warning");
    program
}

fn frame(operation: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = (16 + body.len() as u32).to_be_bytes().to_vec();
    frame.extend([0, 16, 0, 1]);
    frame.extend(operation.to_be_bytes());
    frame.extend(sequence.to_be_bytes());
    frame.extend(body);
    frame
}

/// Runs the example on two frames and the beginning of a third, and looks at what it prints.
fn run(mut command: Command) {
    let mut bytes = frame(6, u32::MAX, b"");
    bytes.extend(frame(237, 7, b"a body"));
    bytes.extend(&frame(237, 8, b"")[..11]);
    command.env("LD_LIBRARY_PATH", libraries()).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    child.stdin.take().expect("a pipe").write_all(&bytes).expect("written");
    let output = child.wait_with_output().expect("ended");
    let (text, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // The last frame is not whole.
    assert_eq!(output.status.code(), Some(1), "{text}{words}");
    let is_frame = |line: &&str| !line.starts_with(' ') && !line.starts_with("WeChat");
    let frames: Vec<&str> = text.lines().filter(is_frame).collect();
    assert_eq!(frames.len(), 2, "{text}");
    assert!(frames[0].contains("Heartbeat") && frames[1].contains("Send message request"), "{text}");
    let operations: Vec<&str> =
        text.lines().filter_map(|line| line.trim_start().strip_prefix("Operation: ")).collect();
    assert_eq!(operations, ["6, noop", "237, newsendmsg"], "{text}");
}

#[test]
fn the_example_is_sound_as_c_and_as_cpp() {
    for (compiler, arguments) in [("cc", &["-std=c11"][..]), ("c++", &["-std=c++17", "-xc++"])] {
        let program = compile(compiler, arguments, &pkg_config(&["--libs"]));
        run(Command::new(&program));
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]).arg(program);
        run(valgrind);
    }
}

#[test]
fn the_static_library_needs_nothing_else_of_ours() {
    let link = |word: String| {
        if word.starts_with("-lwechat") { "-l:libwechat_dissector.a".to_owned() } else { word }
    };
    let words: Vec<String> = pkg_config(&["--libs", "--static"]).into_iter().map(link).collect();
    let program = compile("cc", &["-std=c11", "-DSTATIC"], &words);
    let needed = process::stdout(Command::new("ldd").arg(&program)).expect("ldd");
    assert!(!needed.contains("wechat"), "{needed}");
    run(Command::new(program));
}

#[test]
fn all_may_read_it_whatever_the_umask() {
    let folder = installed().join("opt");
    let modes = process::stdout(Command::new("find").arg(folder).args(["-printf", "%y %m\n"])).expect("find");
    assert_eq!(modes.lines().filter(|mode| mode.starts_with('f')).count(), 4, "{modes}");
    assert!(modes.lines().all(|mode| ["d 755", "f 644", "l 777"].contains(&mode)), "{modes}");
}

#[test]
fn the_name_of_the_shared_library_follows_the_interface() {
    let header =
        fs::read_to_string(installed().join("opt/wechat/include/wechat_dissector.h")).expect("a header");
    let line = header.lines().find_map(|line| line.strip_prefix("#define WECHAT_ABI_VERSION "));
    let name = format!("libwechat_dissector.so.{}", line.expect("a version"));
    assert_eq!(fs::read_link(libraries().join("libwechat_dissector.so")).expect("a link"), Path::new(&name));
    let program = compile("cc", &["-std=c11", "-DSHARED"], &pkg_config(&["--libs"]));
    let dynamic = process::stdout(Command::new("ldd").env("LD_LIBRARY_PATH", libraries()).arg(program));
    assert!(dynamic.expect("ldd").contains(&format!("{name} => ")), "{name}");
    let plain = process::stdout(Command::new("ldd").arg(libraries().join(&name))).expect("ldd");
    assert!(!plain.contains("wireshark") && !plain.contains("glib"), "{plain}");
}
