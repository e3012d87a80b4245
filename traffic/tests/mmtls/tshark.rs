// SPDX-License-Identifier: GPL-2.0-or-later
//! Wireshark has nothing to say against the packets.

use std::fs::File;
use std::process::Command;

use wechat_traffic::mmtls::case;

/// The lines that tshark prints for a capture.
fn tshark(name: &str, arguments: &[&str]) -> String {
    let path = std::env::temp_dir().join(format!("wechat-traffic-{}-{name}.pcap", std::process::id()));
    case::find(name).unwrap().make(1).unwrap().capture.write_pcap(File::create(&path).unwrap()).unwrap();
    let output = Command::new("tshark").arg("-r").arg(&path).args(arguments).output();
    std::fs::remove_file(&path).unwrap();
    let output = output.expect("tshark is there");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Cases whose packets are as TCP wants them: all but those that a fault does something to.
fn in_order() -> Vec<String> {
    let names = case::all().into_iter().map(|case| case.name);
    names.filter(|name| name.starts_with("fault-") == (name == "fault-none")).collect()
}

#[test]
fn every_capture_opens_and_tcp_is_sound() {
    for name in in_order() {
        let flags = tshark(
            &name,
            &["-o", "tcp.check_checksum:TRUE", "-Y", "tcp.analysis.flags || tcp.checksum.status == 0"],
        );
        assert_eq!(flags, "", "{name}");
    }
}

#[test]
fn faults_of_tcp_show_as_such() {
    for (name, filter) in [
        ("fault-out-of-order", "tcp.analysis.out_of_order || tcp.analysis.retransmission"),
        ("fault-retransmission", "tcp.analysis.retransmission"),
        ("fault-lost-segment", "tcp.analysis.lost_segment"),
    ] {
        assert_ne!(tshark(name, &["-Y", filter]), "", "{name}");
    }
}

#[test]
fn http_knows_the_messages() {
    for (name, posts) in
        [("calls", 10), ("gzip-chunked", 10), ("keep-alive", 10), ("proxy", 10), ("http-1.0", 10)]
    {
        let requests = tshark(name, &["-Y", "http.request.uri contains \"/mmtls/\""]);
        assert_eq!(requests.lines().count(), posts, "{name}");
        let answers = tshark(name, &["-Y", "http.response.code == 200"]);
        assert_eq!(answers.lines().count(), posts, "{name}");
    }
    let addresses = tshark("plain-2015", &["-Y", "xml", "-T", "fields", "-e", "xml.cdata"]);
    assert_eq!(addresses.lines().count(), 1, "the answer that says that it is deflated");
}
