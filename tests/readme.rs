// SPDX-License-Identifier: GPL-2.0-or-later
//! The README's table of filters is the field table; `cargo xtask bless` writes it.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use wechat_dissector::kernel::rows::{Severity, Type};
use wechat_dissector::protocols::{PROTOCOLS, protocol};

const BEGIN: &str = "<!-- filters -->\n";
const END: &str = "<!-- end -->";

fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Protocol => "protocol",
        Type::None => "label",
        Type::Boolean => "boolean",
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => "unsigned number",
        Type::I32 | Type::I64 => "signed number",
        Type::Bytes => "bytes",
        Type::Text | Type::PaddedText => "text",
        Type::Ipv4 => "IPv4 address",
        Type::Duration => "duration",
        Type::Time => "time",
        Type::Packet | Type::RequestPacket | Type::ResponsePacket | Type::AckPacket => "packet number",
    }
}

fn tables() -> String {
    let mut text = String::from("\n| field | type | what it is |\n| --- | --- | --- |\n");
    for row in PROTOCOLS.iter().flat_map(|row| row.protocol.fields) {
        let [filter, help] = [row.filter, row.help].map(|text| text.to_str().unwrap());
        writeln!(text, "| `{filter}` | {} | {help} |", type_name(row.ty)).unwrap();
    }
    text.push_str("\n| note | severity | what is wrong |\n| --- | --- | --- |\n");
    for row in PROTOCOLS.iter().flat_map(|row| row.protocol.notes) {
        let severity = match row.severity {
            Severity::Chat => "chat",
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let [filter, summary] = [row.filter, row.summary].map(|text| text.to_str().unwrap());
        writeln!(text, "| `{filter}` | {severity} | {summary} |").unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_table_of_filters_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&file).expect("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the table's begin");
    let (table, after) = rest.split_once(END).expect("the table's end");
    if env::var_os("WECHAT_BLESS").is_some() {
        // The other test reads it at the same time: it gets the old file or the new one.
        let new = file.with_extension("new");
        fs::write(&new, format!("{before}{BEGIN}{}{END}{after}", tables())).expect("writes the README");
        fs::rename(new, &file).expect("puts it in place");
        return;
    }
    assert!(table == tables(), "the table of filters in README.md is out of date: run `cargo xtask bless`");
}

/// What the README says of preferences and files is there.
#[test]
fn what_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(name)).expect(name);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            assert!(root.join(file).exists(), "{name} links to {link}");
            let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
            let mut headings =
                headings.map(|line| line.trim_matches(['#', ' ']).to_lowercase().replace(' ', "-"));
            assert!(heading.is_empty() || headings.any(|found| found == heading), "{name} links to {link}");
        }
    }
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
    for of in PROTOCOLS.iter().map(|row| row.protocol) {
        let own = protocol(of.under.into()).expect("a protocol").fields[0].filter.to_str().unwrap();
        for row in of.preferences {
            let name = format!("| `{own}.{}` |", row.name.to_str().unwrap());
            assert!(readme.contains(&name), "the README does not list {name}");
        }
    }
}
