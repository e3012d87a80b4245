// SPDX-License-Identifier: GPL-2.0-or-later
//! Protocols inside of others: bytes that the dissector makes, and frames that lie in them. The protocol that has
//! them is the tests' own, so that the plugin is built once more, with it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::support::opened::{Opened, Wireshark};
use wechat_traffic::capture::Capture;
use wechat_traffic::flow::Chunk;
use wechat_traffic::packet::Endpoints;
use wechat_traffic::script::Script;
use xtask::{cargo, process};

/// `wechat_dissector::nested::OPERATION`, which only that build has.
const OPERATION: u32 = 0x4e45;

/// The plugin with the tests' protocol, built once.
static PLUGIN: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nested");
    let mut build = cargo::cargo("build");
    build.args(["--features", "nested", "--target-dir"]).arg(&folder);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    process::run(&mut build).expect("the plugin is built");
    folder.join("debug").join(cargo::plugin_file_name())
});

fn frame(op: u32, seq: u32, body: &[u8]) -> Vec<u8> {
    let length = 16 + u32::try_from(body.len()).expect("a short body");
    let head = [&length.to_be_bytes()[..], &[0, 16, 0, 1], &op.to_be_bytes(), &seq.to_be_bytes()].concat();
    [&head, body].concat()
}

/// A message in which bytes of a stream are hidden.
fn nested(seq: u32, key: u8, position: usize, hidden: &[u8]) -> Vec<u8> {
    let position = u32::try_from(position).expect("a short stream").to_be_bytes();
    let hidden: Vec<u8> = hidden.iter().map(|byte| byte ^ key).collect();
    frame(OPERATION, seq, &[&[key], &position[..], &hidden].concat())
}

fn open(wireshark: &Arc<Wireshark>, writes: &[Vec<u8>]) -> Opened {
    let mut script = Script::starting_at(Duration::ZERO);
    for bytes in writes {
        script.wait(10).client([Chunk::raw(bytes.clone())]);
    }
    let capture = Capture::new([script.play(Endpoints::v4(40_700, 8080), [1, 2])]);
    Arc::clone(wireshark).open(|file| capture.write_pcap(file))
}

#[test]
fn what_is_inside_is_shown_as_if_it_came_alone() {
    let wireshark = Arc::new(Wireshark::of(&PLUGIN));
    // A heartbeat, and a frame that holds another one, cut in the middle.
    let stream = [frame(6, u32::MAX, b""), nested(3, 9, 0, &frame(24, 5, b"abc"))].concat();
    let (first, second) = stream.split_at(40);
    let opened = open(&wireshark, &[nested(1, 7, 0, first), nested(2, 8, 40, second)]);
    let fields = ["frame.protocols", "wechat.op", "wechat.stream", "wechat_nested.position", "_ws.col.Info"];
    let first = "eth:ethertype:ip:tcp:wechat:wechat_nested:wechat\t20037,6\t0,0\t0";
    let second =
        "eth:ethertype:ip:tcp:wechat:wechat_nested:wechat:wechat_nested:wechat\t20037,20037,24\t0,0,0\t40,0";
    // What is inside has the words.
    let words = "Notify seq=5 [push with a seqid, body too short]";
    for passes in [&[][..], &["-2"]] {
        let opened = opened.with(passes);
        let mut options = vec!["-Y", "wechat", "-T", "fields"];
        options.extend(fields.iter().flat_map(|field| ["-e", field]));
        let text = opened.text(&options);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("{first}\tHeartbeat seq=heartbeat"));
        assert_eq!(lines[1..], [format!("{second}\t{words}")]);
        assert_eq!(opened.packets("wechat.op == 24 && wechat_nested.key == 9"), [5]);
        assert_eq!(opened.packets("wechat.body == 61:62:63"), [5]);
        // Of each stream inside there are all frames, once.
        let frames = opened.text(&["-q", "-z", "wechat,frames"]);
        let operations: Vec<_> = frames.lines().skip(1).map(|line| line.split('\t').nth(4)).collect();
        assert_eq!(operations, ["20037", "6", "20037", "20037", "24"].map(Some));
        let dialogue = opened.text(&["-q", "-z", "follow,wechat,ascii,0"]);
        let said = dialogue.lines().filter(|line| line.contains("seq="));
        let said: Vec<_> = said.filter_map(|line| line.splitn(3, "  ").nth(2)).collect();
        let inner =
            ["Heartbeat seq=heartbeat", "Operation 20037 request seq=2", "Operation 20037 request seq=3"];
        assert_eq!((said.len(), &said[1..4], said[4]), (5, &inner[..], words));
    }
    // Bytes that were made have tabs of their own; the layers stand side by side.
    let text = opened.text(&["-V", "-x", "-Y", "frame.number == 5"]);
    let tabs: Vec<_> = text.lines().filter(|line| line.ends_with(" bytes):")).collect();
    // Wireshark's own tab has another name from 4.6 on.
    assert!(["Frame (91 bytes):", "Packet (91 bytes):"].contains(&tabs[0]), "{tabs:?}");
    assert_eq!(tabs[1..], ["Nested (16 bytes):", "Put together (40 bytes):", "Nested (19 bytes):"]);
    let layers = text.lines().filter(|line| line.starts_with("WeChat")).count();
    assert_eq!(layers, 5);
}

#[test]
fn what_is_inside_can_be_left_out() {
    let wireshark = Arc::new(Wireshark::of(&PLUGIN));
    let opened = open(&wireshark, &[nested(1, 7, 0, &frame(6, u32::MAX, b"")), frame(6, u32::MAX, b"")]);
    let protocols = |options: &[&str]| opened.with(options).values("wechat", &["frame.protocols"]);
    let [inside, alone] =
        ["wechat:wechat_nested:wechat", "wechat"].map(|ours| format!("eth:ethertype:ip:tcp:{ours}"));
    assert_eq!(protocols(&[]), [&inside[..], &alone]);
    assert_eq!(protocols(&["--disable-protocol", "wechat_nested"]), [&alone[..], &alone]);
    assert!(opened.text(&["--disable-protocol", "wechat"]).lines().all(|line| !line.contains("WeChat")));
}

#[test]
fn a_packet_with_very_much_inside_says_so() {
    let wireshark = Arc::new(Wireshark::of(&PLUGIN));
    let heartbeat = frame(6, u32::MAX, b"");
    let messages = (0..300).flat_map(|number| nested(1, 7, 16 * number, &heartbeat)).collect::<Vec<_>>();
    let opened = open(&wireshark, &[nested(1, 9, 0, &messages), heartbeat]);
    for passes in [&[][..], &["-2"]] {
        let opened = opened.with(passes);
        let packets = opened.packets("wechat.too_many_inside");
        assert_eq!(packets.len(), 1, "{packets:?}");
        let text = opened.text(&["-V"]);
        let count = |line: &str| text.lines().filter(|one| one.starts_with(line)).count();
        // One and its 300, of which 199 are shown, each with one inside.
        assert_eq!(count("WeChat test protocol"), 1 + 199);
        assert_eq!(count("WeChat long link"), 1 + 300 + 199 + 1);
        assert!(!text.contains("Dissector bug"));
    }
}
