// SPDX-License-Identifier: GPL-2.0-or-later
//! Wireshark has nothing to say against the packets.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufWriter;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use wechat_traffic::capture::Writer;
use wechat_traffic::mmtls::case;

/// The lines that tshark prints for a capture.
fn tshark(name: &str, arguments: &[&str]) -> String {
    let path = std::env::temp_dir().join(format!("wechat-traffic-{}-{name}.pcap", std::process::id()));
    write(name, File::create(&path).unwrap());
    let output = Command::new("tshark").arg("-r").arg(&path).args(arguments).output();
    std::fs::remove_file(&path).unwrap();
    let output = output.expect("tshark is there");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const ALL: &str = "all";

/// A case, or all of those whose packets are as TCP wants them in one file, each with addresses of its own.
fn write(name: &str, file: File) {
    if name != ALL {
        return case::find(name).unwrap().make(1).unwrap().capture.write_pcap(file).unwrap();
    }
    let mut writer = Writer::new(BufWriter::new(file), None).unwrap();
    let cases = case::all().into_iter();
    let sound = cases.filter(|case| case.name.starts_with("fault-") == (case.name == "fault-none"));
    for (number, case) in sound.enumerate() {
        let capture = case.make(1).unwrap().capture;
        for packet in capture.packets() {
            let mut ends = *capture.endpoints(packet.flow);
            if let IpAddr::V4(client) = ends.client.ip() {
                let [.., host] = client.octets();
                ends = ends.from_client(Ipv4Addr::new(10, 0, number as u8, host));
            }
            writer.write(packet, &ends).unwrap();
        }
    }
    writer.finish().unwrap();
}

#[test]
fn every_capture_opens_and_tcp_is_sound() {
    let packets = tshark(ALL, &["-T", "fields", "-e", "tcp.stream"]);
    let streams: HashSet<&str> = packets.lines().collect();
    assert!(streams.len() > 200, "{}", streams.len());
    let check = "tcp.check_checksum:TRUE";
    assert_eq!(tshark(ALL, &["-o", check, "-Y", "tcp.analysis.flags || tcp.checksum.status == 0"]), "");
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
