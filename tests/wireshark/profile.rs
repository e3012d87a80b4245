// SPDX-License-Identifier: GPL-2.0-or-later
//! The profile in `profile/`: its filters compile and find something, its colours and columns say what they should. Only what
//! means the same in all versions of Wireshark may stand in it.

use std::fs;
use std::path::Path;

use wechat_traffic::samples::SAMPLES;
use xtask::pictures;
use xtask::process;
use xtask::sandbox::Sandbox;

use crate::samples;
use crate::support::opened::Opened;
use crate::support::plugin::{need, plugin};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profile/WeChat").join(name);
    fs::read_to_string(path).expect("a file of the profile")
}

/// The lines that say something.
fn lines(name: &str) -> Vec<String> {
    file(name).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Cells of a line of a table: `"one","two"`, a quote in a cell written as `\x22`.
fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).expect("quoted cells");
    inner.split("\",\"").map(|cell| cell.replace("\\x22", "\"")).collect()
}

/// Name and filter of each rule of colour, in their order.
fn colours() -> Vec<(String, String)> {
    let rule = |line: String| {
        let parts: Vec<&str> = line.split('@').collect();
        let ["", name, filter, colours] = parts[..] else { panic!("{line}") };
        assert!(colours.starts_with('[') && colours.ends_with(']'), "{line}");
        (name.to_owned(), filter.to_owned())
    };
    lines("colorfilters").into_iter().map(rule).collect()
}

/// Everything in the profile that is a display filter, with the name it has there.
fn filters() -> Vec<(String, String)> {
    let mut all = colours();
    for line in lines("dfilter_buttons") {
        let cells = cells(&line);
        assert_eq!(cells.len(), 4, "every version reads four columns: {line}");
        all.push((cells[1].clone(), cells[2].clone()));
    }
    for line in lines("io_graphs") {
        let cells = cells(&line);
        assert_eq!(cells.len(), 9, "every version reads nine columns: {line}");
        all.push((cells[1].clone(), cells[2].clone()));
        if !cells[6].is_empty() {
            all.push((cells[1].clone(), cells[6].clone()));
        }
    }
    for line in lines("preferences").iter().filter(|line| line.contains("%Cus:")) {
        let (_, column) = line.split_once("%Cus:").expect("a column");
        all.push((line.clone(), column.split(':').next().expect("fields").to_owned()));
    }
    all
}

/// All samples, those with a key log also without it.
fn all_samples() -> Vec<Opened> {
    let closed = ["mmtls", "short-link"].map(|name| samples::open(name, false).with(&["-2"]));
    SAMPLES.iter().map(|sample| samples::open(sample.name, true).with(&["-2"])).chain(closed).collect()
}

#[test]
fn each_filter_finds_something_and_means_the_same_in_all_versions() {
    let samples = all_samples();
    let filters = filters();
    assert!(filters.len() > 25, "{filters:?}");
    for (name, filter) in filters {
        // Lists are written in two ways, `!=` changed its meaning, and so did the words for booleans.
        for word in ["{", "!=", "True", "TRUE", "any ", "all "] {
            assert!(!filter.contains(word), "{name}: {word} in {filter}");
        }
        // What does not compile is an error of tshark's, which `packets` does not let pass. Resets and lost segments are not ours.
        let found = samples.iter().any(|sample| !sample.packets(&filter).is_empty());
        assert!(found || name.starts_with("TCP "), "{name}: nothing is found by {filter}");
    }
}

/// Pages of filters that are no generated table.
#[test]
fn pages_name_the_buttons_and_their_filters_compile() {
    let page = |name: &str| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).expect(name)
    };
    for name in ["profile.md", "zh-CN/profile.md"] {
        let page = page(name);
        for line in lines("dfilter_buttons") {
            let cells = cells(&line);
            let row = page.lines().find(|row| row.starts_with(&format!("| {} |", cells[1])));
            assert!(row.is_some_and(|row| row.contains(&format!("`{}`", cells[2]))), "{name}: {}", cells[1]);
        }
    }
    let page = page("zh-CN/filters.md");
    let code = page.split('`').skip(1).step_by(2);
    let filters: Vec<String> = code
        .filter(|code| code.starts_with(['(', 'w', 'm']) && !code.ends_with(".md"))
        .map(|filter| format!("({filter})"))
        .collect();
    assert!(filters.len() > 40, "{filters:?}");
    assert!(!samples::open("sample", true).packets(&filters.join(" or ")).is_empty());
}

/// A home with the plugin, the profile and the samples.
fn home() -> Sandbox {
    need("tshark");
    pictures::home(Path::new(env!("CARGO_MANIFEST_DIR")), &plugin()).expect("a home")
}

/// What tshark prints with the profile; it has nothing to complain of.
fn with_profile(home: &Sandbox, arguments: &[&str]) -> String {
    let mut tshark = home.tshark(["-C", "WeChat", "-2", "-n"]);
    let output = process::output(tshark.args(arguments)).expect("tshark reads the profile");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn colours_are_those_of_what_is_in_a_packet() {
    let home = home();
    let names: Vec<String> = colours().into_iter().map(|(name, _)| name).collect();
    let mut used = Vec::new();
    for (sample, keys, expected) in [
        (
            "sample.pcap",
            None,
            &[
                (12, "WeChat request"),
                (14, "WeChat response"),
                (35, "WeChat push"),
                (37, "WeChat push acknowledgement"),
                (70, "WeChat heartbeat"),
                (75, "WeChat trouble"),
            ][..],
        ),
        ("exchanges.pcap", None, &[]),
        ("mmtls.pcap", None, &[(8, "MMTLS closed"), (16, "WeChat heartbeat")]),
        (
            "mmtls.pcap",
            Some("mmtls.keys"),
            &[(4, "MMTLS open"), (8, "WeChat request"), (10, "WeChat response")],
        ),
        ("short-link.pcap", Some("short-link.keys"), &[(13, "WeChat request"), (15, "WeChat response")]),
        ("web.pcap", None, &[(10, "WeChat request"), (14, "WeChat response")]),
    ] {
        let keys = keys.map(|keys| format!("mmtls.keylog_file:{}", home.path().join(keys).display()));
        let capture = home.path().join(sample);
        let mut arguments = vec!["--color", "-r", capture.to_str().expect("a text"), "-T", "fields"];
        arguments.extend(["-e", "frame.number", "-e", "frame.coloring_rule.name"]);
        arguments.extend(keys.iter().flat_map(|keys| ["-o", keys.as_str()]));
        let text = with_profile(&home, &arguments);
        let shown: Vec<(&str, &str)> = text.lines().map(|line| line.split_once('\t').expect("two")).collect();
        for (packet, rule) in expected {
            assert!(
                shown.contains(&(packet.to_string().as_str(), rule)),
                "{sample}: {packet}, {rule}: {shown:?}"
            );
        }
        assert!(shown.iter().all(|(_, rule)| names.iter().any(|name| name == rule)), "{shown:?}");
        used.extend(shown.into_iter().map(|(_, rule)| rule.to_owned()));
    }
    let unused = |name: &&String| !used.contains(name) && !name.starts_with("TCP ") && *name != "WeChat";
    assert_eq!(names.iter().filter(unused).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn columns_say_operation_seqid_partner_and_time() {
    let home = home();
    let capture = home.path().join("sample.pcap");
    let text = with_profile(&home, &["-r", capture.to_str().expect("a text"), "-Y", "frame.number == 14"]);
    let words: Vec<&str> = text.split_whitespace().collect();
    // 3.4 knows no number without its other form.
    let rest =
        words.iter().skip_while(|word| **word != "WeChat").skip(1).filter(|word| !word.starts_with("(0x"));
    assert_eq!(rest.take(4).copied().collect::<Vec<_>>(), ["newsendmsg", "2", "12", "0.070000000"], "{text}");
}
