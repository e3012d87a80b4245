// SPDX-License-Identifier: GPL-2.0-or-later
//! Ports 80, 8080 and 443 are shared: what is not WeChat's goes to the dissector that had the port
//! before, and Wireshark prints the same to the byte as without the plugin. What is WeChat's is found.
//!
//! Each test runs Wireshark in two homes, one with the plugin and one without, and compares.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::compare::Stage;
use crate::support::foreign::{self, PORTS};
use crate::support::servers::Servers;
use crate::support::{longlink, sharkd};
use wechat_traffic::web;
use wechat_traffic::web::tls::{Tls, Version};
use xtask::process;

/// The formats in which nothing may change: packet list and details, in one pass and in two, and
/// what the statistics and experts have seen.
const FORMATS: [&[&str]; 6] = [
    &["-V"],
    &["-T", "pdml"],
    &["-T", "json"],
    &["-2", "-P", "-V"],
    &["-T", "fields", "-e", "frame.number", "-e", "frame.protocols"],
    &["-q", "-z", "io,phs", "-z", "http,tree", "-z", "conv,tcp", "-z", "expert"],
];

/// The format that shows the most in the least time.
const TWO_PASSES: &[&str] = &["-2", "-P", "-V"];

/// Preferences that switch reassembly off, wherever that can be done, and one that repairs TCP's order.
const REASSEMBLY: [&[&str]; 4] = [
    &["tcp.desegment_tcp_streams:FALSE"],
    &["http.desegment_headers:FALSE", "http.desegment_body:FALSE", "http.dechunk_body:FALSE"],
    &["tls.desegment_ssl_records:FALSE", "tls.desegment_ssl_application_data:FALSE"],
    &["tcp.reassemble_out_of_order:TRUE"],
];

/// A user's settings, and the shared ports on which they leave WeChat to the plugin.
type Setting = (&'static [&'static str], &'static [u16]);

const PORT_PREFERENCES: [Setting; 11] = [
    (&["-o", "http.tcp.port:8000"], &PORTS),
    (&["-o", "http.tcp.port:80,8000"], &PORTS),
    (&["-o", "http.tcp.port:80,443,8080"], &PORTS),
    (&["-o", "http.tcp.port:"], &PORTS),
    (&["-o", "http.tls.port:8443"], &PORTS),
    (&["-o", "http.tls.port:80,443"], &PORTS),
    (&["-o", "ldap.tls.port:443", "-o", "sip.tls.port:80"], &PORTS),
    (&["-o", "http.tcp.port:443", "-o", "http.tls.port:80,8080"], &PORTS),
    (&["-o", "http.desegment_body:FALSE"], &PORTS),
    (&["-o", "ssh.tcp.port:80"], &[8080, 443]),
    (&["-o", "tcp.try_heuristic_first:TRUE"], &PORTS),
];

const DECODE_AS: [Setting; 6] = [
    (&["-d", "tcp.port==80,http"], &PORTS),
    (&["-d", "tcp.port==80,tls", "-d", "tcp.port==443,http"], &PORTS),
    (&["-d", "tcp.port==80,data"], &[8080, 443]),
    (&["-d", "tcp.port==443,ssh"], &[80, 8080]),
    (&["-d", "tcp.port==80,http2", "-d", "tcp.port==8080,websocket"], &[443]),
    (&["-d", "tcp.port==8000,http"], &PORTS),
];

const DISABLED: [Setting; 4] = [
    (&["--disable-protocol", "http"], &PORTS),
    (&["--disable-protocol", "tls"], &PORTS),
    (&["--disable-protocol", "http", "--disable-protocol", "tls"], &PORTS),
    (&["--disable-protocol", "http2", "--disable-protocol", "websocket"], &PORTS),
];

/// Settings of the plugin's that leave it without its ports.
const WITHDRAWN: [&[&str]; 2] = [&["--disable-protocol", "wechat"], &["-o", "wechat.tcp.port:"]];

#[test]
fn foreign_traffic_prints_the_same_in_every_format() {
    let stage = Stage::new();
    let captures =
        [("whole", foreign::whole()), ("snapped", foreign::snapped()), ("elsewhere", foreign::elsewhere())];
    for (name, capture) in captures {
        let capture = stage.write(name, &capture);
        FORMATS.iter().for_each(|format| stage.assert_same(&capture, format));
    }
}

#[test]
fn segments_may_be_cut_at_any_byte() {
    let stage = Stage::new();
    let capture = stage.write("cut", &foreign::cut());
    FORMATS.iter().for_each(|format| stage.assert_same(&capture, format));
}

#[test]
fn segments_may_come_out_of_order_twice_or_not_at_all() {
    let stage = Stage::new();
    let capture = stage.write("disordered", &foreign::disordered());
    FORMATS.iter().for_each(|format| stage.assert_same(&capture, format));
}

#[test]
fn reassembly_may_be_on_or_off() {
    let stage = Stage::new();
    let captures = [("cut", foreign::cut()), ("disordered", foreign::disordered())];
    for capture in captures.map(|(name, capture)| stage.write(name, &capture)) {
        with_reassembly_on_and_off(&stage, &capture);
    }
}

#[test]
fn real_servers_and_clients_print_the_same() {
    let stage = Stage::new();
    let servers = Servers::record(stage.folder());
    let keys = format!("tls.keylog_file:{}", servers.keys.display());
    for format in FORMATS {
        stage.assert_same(&servers.capture, format);
        stage.assert_same(&servers.capture, &[format, &["-o", &keys]].concat());
    }
    with_reassembly_on_and_off(&stage, &servers.capture);
}

fn with_reassembly_on_and_off(stage: &Stage, capture: &Path) {
    for preferences in REASSEMBLY {
        let options: Vec<&str> = preferences.iter().flat_map(|preference| ["-o", preference]).collect();
        stage.assert_same(capture, &[TWO_PASSES, &options].concat());
    }
}

#[test]
fn port_preferences_of_http_and_tls_keep_their_meaning() {
    settings_keep_their_meaning(&PORT_PREFERENCES);
}

#[test]
fn decode_as_keeps_its_meaning() {
    settings_keep_their_meaning(&DECODE_AS);
}

#[test]
fn http_and_tls_may_be_disabled() {
    settings_keep_their_meaning(&DISABLED);
}

/// Foreign traffic prints the same under these settings, and WeChat is found where they leave it.
fn settings_keep_their_meaning(settings: &[Setting]) {
    let stage = Stage::new();
    let foreign = stage.write("assorted", &foreign::assorted());
    let sessions = longlink::all_beginnings();
    let own = stage.write("own", &sessions.capture);
    for (arguments, ports) in settings {
        stage.assert_same(&foreign, &[TWO_PASSES, arguments].concat());
        let shown = longlink::shown(&stage.with, &own, arguments);
        let expected = sessions.frames.iter().filter(|(port, _)| ports.contains(port));
        assert!(shown.iter().eq(expected), "WeChat is shown on {:?} with {arguments:?}", shown.keys());
    }
}

#[test]
fn without_its_ports_the_plugin_changes_nothing_at_all() {
    let stage = Stage::new();
    let foreign = stage.write("assorted", &foreign::assorted());
    let own = stage.write("own", &longlink::all_beginnings().capture);
    for withdrawn in WITHDRAWN {
        for format in FORMATS {
            stage.assert_same_if(&foreign, format, withdrawn);
            stage.assert_same_if(&own, format, withdrawn);
        }
    }
}

/// Any dissector may own the ports, not only HTTP and TLS.
#[test]
fn a_dissector_of_the_users_keeps_its_ports() {
    const OWNER: &str = r#"
        local owner = Proto("owner", "Owner")
        local length = ProtoField.uint32("owner.length")
        owner.fields = { length }
        function owner.dissector(tvb, pinfo, tree)
            if tvb:len() < 30 then
                pinfo.desegment_len = 30 - tvb:len()
                return
            end
            pinfo.cols.protocol = "OWNER"
            tree:add(owner, tvb()):add(length, tvb:len())
            return tvb:len()
        end
        for _, port in ipairs({ 80, 443, 8080 }) do
            DissectorTable.get("tcp.port"):add(port, owner)
        end"#;
    let stage = Stage::new();
    for home in [&stage.with, &stage.without] {
        home.add_lua("owner.lua", OWNER).expect("the script is written");
    }
    let foreign = stage.write("assorted", &foreign::assorted());
    stage.assert_same(&foreign, TWO_PASSES);
}

/// Preferences that are given other values, and the ports on which WeChat is found then.
type Change = (&'static [(&'static str, &'static str)], &'static [u16]);

#[test]
fn preferences_may_change_between_captures() {
    let stage = Stage::new();
    let foreign = foreign::assorted();
    let packets = foreign.packets().len();
    let foreign = stage.write("assorted", &foreign);
    let own =
        PORTS.map(|port| stage.write(&format!("own-{port}"), &longlink::all_beginnings_on(port).capture));

    let changes: [Change; 9] = [
        (&[], &PORTS),
        (&[("http.tls.port", "8443")], &PORTS),
        (&[("http.tcp.port", "8000"), ("http.tls.port", "443")], &PORTS),
        (&[("http.tcp.port", "80,8080"), ("sip.tls.port", "8080")], &PORTS),
        (&[("wechat.tcp.port", "443")], &[443]),
        (&[("tcp.desegment_tcp_streams", "FALSE")], &[443]),
        (&[("wechat.tcp.port", ""), ("sip.tls.port", "5061")], &[]),
        (&[("wechat.tcp.port", "80,8080,443"), ("tcp.desegment_tcp_streams", "TRUE")], &PORTS),
        (&[("http.tcp.port", "443"), ("http.tls.port", "80")], &PORTS),
    ];
    let mut script = sharkd::Script::default();
    let mut places = Vec::new();
    for (preferences, ports) in changes {
        for (name, value) in preferences {
            script.set(name, value);
        }
        script.open_foreign(&foreign, packets);
        for (port, own) in PORTS.iter().zip(&own) {
            places.push((preferences, port, ports.contains(port), script.open_own(own)));
        }
    }
    let answers = script.run(&stage);
    for (preferences, port, expected, place) in places {
        assert_eq!(answers.shows_wechat(place), expected, "WeChat on port {port} after {preferences:?}");
    }
}

#[test]
fn wechat_is_found_on_every_port_whoever_speaks_first() {
    let stage = Stage::new();
    let sessions = longlink::all_beginnings();
    let capture = stage.write("own", &sessions.capture);
    assert_eq!(longlink::shown(&stage.with, &capture, &[]), sessions.frames);
    assert_eq!(longlink::shown(&stage.with, &capture, &["-2"]), sessions.frames);
    // The user may also ask for WeChat by name.
    assert_eq!(longlink::shown(&stage.with, &capture, &["-d", "tcp.port==80,wechat"]), sessions.frames);
}

/// The owner of the port sees it, and the frame is whole all the same; so on a port that nobody owns.
#[test]
fn a_short_first_segment_costs_nothing() {
    let stage = Stage::new();
    let sessions = longlink::short_beginnings(&[80, 8080, 443, 14_000]);
    let capture = stage.write("short", &sessions.capture);
    let ports = "wechat.tcp.port:80,8080,443,14000";
    for (passes, any_port) in
        [(&[][..], &[][..]), (&["-2"], &[]), (&["-2"], &["-o", "wechat.try_any_port:TRUE"])]
    {
        let listed = if any_port.is_empty() { ports } else { "wechat.tcp.port:80,8080,443" };
        let shown = longlink::shown(&stage.with, &capture, &[passes, any_port, &["-o", listed]].concat());
        for (port, frames) in &sessions.frames {
            assert_eq!(&shown[port], frames, "port {port}, {passes:?}");
        }
        let notes = ["-Y", "wechat.no_request || wechat.continuation || wechat.skipped"];
        let mut tshark = stage.with.tshark([passes, &["-o", listed], &notes].concat());
        let noted = process::stdout(tshark.arg("-r").arg(&capture)).expect("tshark");
        assert_eq!(noted, "", "{passes:?}");
    }
}

/// Foreign packets print the same in company of WeChat's.
#[test]
fn wechat_beside_it_changes_nothing_for_others() {
    let stage = Stage::new();
    let capture = stage.write("company", &longlink::in_company());
    for format in FORMATS.iter().filter(|format| !format.contains(&"-z")) {
        stage.assert_same(&capture, &[format, ["-Y", longlink::OTHERS].as_slice()].concat());
    }
}

// ---- the web client ----

/// Captures of the web client's and of others', with their keys.
fn web(stage: &Stage, name: &str, tls: Option<Version>, port: u16) -> (PathBuf, Option<String>) {
    let case = web::case::find(name).expect("a case");
    let (dialogue, mut rng) = case.dialogue(1, Some(100));
    let tls = tls.map(|version| Tls::new(version, &mut rng).expect("TLS"));
    let carried =
        web::carrier::carry(&dialogue, case.carrier, port, tls.as_ref(), &mut rng).expect("a capture");
    let capture = stage.write(&format!("{name}-{port}"), &carried.capture);
    let keys = tls.map(|tls| {
        let file = capture.with_extension("keys");
        fs::write(&file, tls.key_log()).expect("the keys are written");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("readable for all");
        format!("tls.keylog_file:{}", file.display())
    });
    (capture, keys)
}

fn with_keys<'a>(arguments: &[&'a str], keys: &'a Option<String>) -> Vec<&'a str> {
    let keys = keys.iter().flat_map(|keys| ["-o", keys]);
    arguments.iter().copied().chain(keys).collect()
}

#[test]
fn http_that_is_not_the_web_clients_prints_the_same() {
    let stage = Stage::new();
    for (tls, port) in [
        (None, 80),
        (None, 8000),
        (Some(Version::Tls12), 443),
        (Some(Version::Tls13), 443),
        (Some(Version::Tls13), 8443),
    ] {
        let (capture, keys) = web(&stage, "foreign", tls, port);
        FORMATS.iter().for_each(|format| stage.assert_same(&capture, &with_keys(format, &keys)));
    }
}

/// Of the web client's own packets everything stays but our tree, our columns, and our layer's name.
#[test]
fn the_web_clients_packets_keep_the_trees_of_http_and_of_the_bodies() {
    let stage = Stage::new();
    for (name, tls, port) in [
        ("session", None, 80),
        ("session-mixed", None, 8080),
        ("session-mixed", Some(Version::Tls12), 443),
        ("article-until-close", None, 80),
        ("upload", None, 80),
        ("bad-no-json", None, 80),
        ("bad-synccheck", Some(Version::Tls13), 443),
    ] {
        let (capture, keys) = web(&stage, name, tls, port);
        for format in [&["-V"][..], &["-2", "-V"]] {
            let arguments = with_keys(format, &keys);
            let [without, with] = [&stage.without, &stage.with].map(|home| {
                let mut tshark = home.tshark(&arguments);
                process::stdout(tshark.arg("-r").arg(&capture)).expect("tshark")
            });
            let theirs = without_ours(&with);
            assert!(theirs.len() < with.len(), "{name}: nothing of ours is shown");
            for (line, (without, with)) in (1..).zip(without.lines().zip(theirs.lines())) {
                assert_eq!(without, with, "{name}, line {line}");
            }
            assert_eq!(theirs.lines().count(), without.lines().count(), "{name}");
        }
    }
    // Withdrawn, it changes nothing at all.
    let (capture, keys) = web(&stage, "session-mixed", Some(Version::Tls13), 443);
    for format in FORMATS {
        stage.assert_same_if(&capture, &with_keys(format, &keys), &["--disable-protocol", "wechat_web"]);
    }
}

/// TCP's export of PDUs asks for the name of the dissector that a conversation was given to. Only the heuristic that
/// found the first packet may be ours.
#[test]
fn the_web_clients_packets_are_exported_as_without_the_plugin() {
    let stage = Stage::new();
    for port in [80, 8080, 8000, 12_345] {
        let (capture, _) = web(&stage, "article", None, port);
        let [without, with] = [&stage.without, &stage.with].map(|home| {
            let exported = stage.folder().join("exported.pcapng");
            let mut tshark = home.tshark(["-U", "OSI layer 4", "-w", "-"]);
            let output = process::output(tshark.arg("-r").arg(&capture)).expect("tshark").stdout;
            fs::write(&exported, output).expect("written");
            let mut tshark = stage.without.tshark(["-T", "fields", "-e", "exported_pdu.orig_fno"]);
            process::stdout(tshark.arg("-r").arg(&exported)).expect("tshark")
        });
        assert!(without.lines().count() >= 4, "port {port}: {without}");
        assert_eq!(with, without, "port {port}");
    }
}

/// Details without our trees, and without our layer in the list of protocols.
fn without_ours(details: &str) -> String {
    let mut ours = false;
    let mut rest = String::new();
    for line in details.lines() {
        if !line.starts_with(' ') {
            ours = line.starts_with("WeChat web client");
        }
        if !ours {
            rest.push_str(&line.replace(":wechat_web", ""));
            rest.push('\n');
        }
    }
    rest
}

// ---- the comparison itself ----

#[test]
fn the_comparison_sees_the_plugin_at_work() {
    let stage = Stage::new();
    let capture = stage.write("own", &longlink::all_beginnings().capture);
    for format in FORMATS {
        assert!(stage.difference(&capture, format, &[]).is_some(), "{format:?} shows nothing of WeChat");
    }
}

#[test]
fn the_comparison_catches_a_planted_difference() {
    let stage = Stage::new();
    let capture = stage.write("assorted", &foreign::assorted());
    stage.assert_same(&capture, TWO_PASSES);
    // One connection of many goes to another dissector.
    let planted = ["-d", "tcp.port==49157,data"];
    for format in FORMATS {
        assert!(stage.difference(&capture, format, &planted).is_some(), "{format:?} hides the difference");
    }
}
