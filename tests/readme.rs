// SPDX-License-Identifier: GPL-2.0-or-later
//! The tables of protocols and filters are those of the protocols, docs/web.md says what is shown by the rows that decide it,
//! docs/frames.md and its schema have the columns of lines; `cargo xtask bless` writes all of them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use serde_json::Value;
use wechat_dissector::kernel::line::{Cell, Lines, VERSION};
use wechat_dissector::kernel::rows::{Severity, Type};
use wechat_dissector::protocols::{PROTOCOLS, protocol};
use wechat_dissector::web::members::{PARAMETERS, PARTS, ROOT, SYNC_KEY, Shape, Take};
use wechat_dissector::wechat::operation::{OPERATIONS, Role};
use wechat_dissector::wechat::secret::{HARMLESS, Rule, SECRET_ENDS, SECRET_PARTS, USER_ENDS, may_be_secret};

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

fn protocols() -> String {
    let mut text =
        String::from("\n| protocol | filter | what it is | where it lies |\n| --- | --- | --- | --- |\n");
    for of in PROTOCOLS.iter().map(|row| row.protocol) {
        let lies = match (of.on_streams, of.in_http) {
            // It lends its words to others.
            (false, false) => continue,
            (true, false) => "in a stream",
            (false, true) => "in messages of HTTP",
            (true, true) => "in a stream, and in bodies of HTTP",
        };
        let own = &of.fields[0];
        let [filter, label, help] = [own.filter, own.label, own.help].map(|text| text.to_str().unwrap());
        writeln!(text, "| {label} | `{filter}` | {help} | {lies} |").unwrap();
    }
    text.push('\n');
    text
}

/// Compares what stands in a file between two marks, or writes it.
#[track_caller]
fn check(name: &str, [begin, end]: [&str; 2], expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    // A file may have several tables, each with a test of its own.
    static FILES: Mutex<()> = Mutex::new(());
    let _one = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let text = fs::read_to_string(&file).expect(name);
    let (before, rest) = text.split_once(begin).expect("the begin");
    let (found, after) = rest.split_once(end).expect("the end");
    if env::var_os("WECHAT_BLESS").is_some() {
        // Another test reads it at the same time: it gets the old file or the new one.
        let new = file.with_extension("new");
        fs::write(&new, format!("{before}{begin}{expected}{end}{after}")).expect("writes the file");
        fs::rename(new, &file).expect("puts it in place");
        return;
    }
    assert!(found == expected, "a table in {name} is out of date: run `cargo xtask bless`");
}

#[test]
fn the_table_of_protocols_is_up_to_date() {
    check("README.md", ["<!-- protocols -->\n", "<!-- end protocols -->"], &protocols());
}

#[test]
fn the_table_of_filters_is_up_to_date() {
    check("docs/filters.md", ["<!-- filters -->\n", "<!-- end -->"], &tables());
}

fn operations() -> String {
    let mut text = String::from(
        "\n| number | name | in the Info column | what it is | cgi type |\n| ---: | --- | --- | --- | ---: |\n",
    );
    for row in OPERATIONS {
        let role = match row.role {
            Role::Request => "request",
            Role::Push => "push",
            Role::OneWay => "one-way",
            Role::Heartbeat => "heartbeat",
        };
        let cgi = if row.cgi == 0 { String::new() } else { row.cgi.to_string() };
        writeln!(text, "| {} | `{}` | {} | {role} | {cgi} |", row.number, row.name, row.title).unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_table_of_operations_is_up_to_date() {
    check("docs/operations.md", ["<!-- operations -->\n", "<!-- end -->"], &operations());
}

/// Names of values and what is done with them, of a shape and all shapes in it.
#[derive(Default)]
struct Names {
    hashed: BTreeSet<&'static str>,
    texts: BTreeSet<&'static str>,
    others: BTreeSet<&'static str>,
}

impl Names {
    fn add(mut self, shape: Shape) -> Self {
        for member in shape {
            match (member.take.rule(), &member.take) {
                (_, Take::Object(_, inner) | Take::List(_, _, inner)) => {
                    // The form's JSON has a line of its own.
                    if !std::ptr::eq(*inner, ROOT) {
                        self = self.add(inner);
                    }
                    continue;
                }
                (Rule::Secret, _) => &mut self.hashed,
                (_, Take::Text(_) | Take::Mark(_)) => &mut self.texts,
                _ => &mut self.others,
            }
            .insert(member.name);
        }
        self
    }
}

fn what_is_shown() -> String {
    let list = |names: &mut dyn Iterator<Item = &'static str>| {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::from(
        "\n| where | replaced by its hash | text, shown but for secrets in it | shown |\n| --- | --- | --- | --- |\n",
    );
    for (place, names) in [
        ("parameters of a query, or of a form in a body", Names::default().add(PARAMETERS)),
        ("parts of a form", Names::default().add(PARTS)),
        ("members of JSON", Names::default().add(ROOT).add(SYNC_KEY)),
    ] {
        // The same names in a text are no row's.
        assert!(names.hashed.iter().all(|name| may_be_secret(name)), "{:?}", names.hashed);
        let columns = [names.hashed, names.texts, names.others].map(|names| list(&mut names.into_iter()));
        writeln!(text, "| {place} | {} |", columns.join(" | ")).unwrap();
    }
    let parts = list(&mut SECRET_PARTS.iter().copied());
    let ends = list(&mut SECRET_ENDS.iter().copied());
    let harmless = list(&mut HARMLESS.iter().copied());
    let users = list(&mut USER_ENDS.iter().copied());
    writeln!(
        text,
        "| all others | where the name has {parts} in it, or ends with {ends}; but not {harmless}. Account numbers where it ends with {users} | the rest | |\n"
    )
    .unwrap();
    text
}

#[test]
fn the_table_of_secrets_is_up_to_date() {
    check("docs/web.md", ["<!-- secrets -->\n", "<!-- end secrets -->"], &what_is_shown());
}

/// What each protocol writes lines of, by the command that asks for them.
fn lines() -> impl Iterator<Item = (String, Lines)> {
    PROTOCOLS.iter().filter_map(|row| {
        let lines = row.protocol.lines?;
        let filter = row.protocol.fields[0].filter.to_str().unwrap();
        Some((format!("{filter},{}", lines.command.to_str().unwrap()), lines))
    })
}

/// What a column is called in the schema, in JSON and in words.
fn column_types(cell: Cell) -> (&'static str, &'static str, &'static str) {
    match cell {
        Cell::Number(_) | Cell::Alike(_) => ("uint64", "integer", "number"),
        Cell::Signed(_) => ("int64", "integer", "number, may be below zero"),
        Cell::Seconds(_) => ("decimal9", "number", "seconds, nine decimals"),
        Cell::Mark(_) => ("boolean", "boolean", "yes or no"),
        Cell::Address(_) => ("address", "string", "address"),
        Cell::Word(_) | Cell::Text(_) => ("text", "string", "text"),
        Cell::List(_) => ("texts", "array", "list of texts"),
    }
}

#[test]
fn the_tables_of_columns_are_up_to_date() {
    for (command, lines) in lines() {
        let mut text = String::from("| column | what it is | |\n| --- | --- | --- |\n");
        for column in lines.columns {
            assert!(!column.help.is_empty() && !column.help.contains('|'), "{}", column.name);
            writeln!(text, "| `{}` | {} | {} |", column.name, column_types(column.cell).2, column.help)
                .unwrap();
        }
        let marks = [format!("<!-- {command} -->\n"), format!("<!-- end {command} -->")];
        check("docs/frames.md", marks.each_ref().map(String::as_str), &text);
    }
}

/// The schema of all lines. Members stand in the order of columns.
fn schema() -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let table = |(command, lines): (String, Lines)| {
        let columns = lines.columns.iter().map(|column| {
            let (own, json, _) = column_types(column.cell);
            let items = if json == "array" { ", \"items\": {\"type\": \"string\"}" } else { "" };
            let (null, help) = (if json == "array" { "" } else { ", \"null\"" }, quoted(column.help));
            format!(
                "        {}: {{\"type\": [\"{json}\"{null}]{items}, \"x-type\": \"{own}\", \"description\": {help}}}",
                quoted(column.name)
            )
        });
        let columns = columns.collect::<Vec<_>>().join(",\n");
        let names: Vec<String> = lines.columns.iter().map(|column| quoted(column.name)).collect();
        let title = quoted(lines.title.to_str().unwrap());
        format!(
            "    {}: {{\n      \"title\": {title},\n      \"type\": \"object\",\n      \"required\": [{}],\n      \
             \"properties\": {{\n{columns}\n      }}\n    }}",
            quoted(&command),
            names.join(", ")
        )
    };
    let tables = lines().map(table).collect::<Vec<_>>().join(",\n");
    format!(
        "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \
         \"title\": \"Lines that tshark prints of WeChat's protocols, by the command behind -z\",\n  \
         \"version\": {VERSION},\n  \"$defs\": {{\n{tables}\n  }}\n}}\n"
    )
}

/// Columns of a table of a schema: names and types, in their order.
fn columns_of(schema: &str, command: &str) -> Vec<(String, String)> {
    let all: Value = serde_json::from_str(schema).expect("JSON");
    let table = &all["$defs"][command];
    let names = table["required"].as_array().into_iter().flatten();
    names
        .map(|name| {
            let name = name.as_str().expect("a name");
            let kind = table["properties"][name]["x-type"].as_str().expect("a type");
            (name.to_owned(), kind.to_owned())
        })
        .collect()
}

/// Columns only come, and only behind the others, unless the version says that it is not so.
#[test]
fn the_schema_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/frames.schema.json");
    let (found, expected) = (fs::read_to_string(&file).unwrap_or_default(), schema());
    let version = |text: &str| serde_json::from_str::<Value>(text).ok()?["version"].as_u64();
    assert_eq!(version(&expected), Some(VERSION.into()));
    if version(&found) == version(&expected) {
        for (command, _) in lines() {
            let [before, now] = [&found, &expected].map(|text| columns_of(text, &command));
            assert!(
                now.starts_with(&before),
                "columns of {command} are no longer there: raise line::VERSION"
            );
        }
    }
    if env::var_os("WECHAT_BLESS").is_some() {
        return fs::write(&file, expected).expect("writes the schema");
    }
    assert!(found == expected, "docs/frames.schema.json is out of date: run `cargo xtask bless`");
}

/// What the README says of preferences and files is there.
#[test]
fn what_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["docs", "docs/zh-CN", "samples"].map(|name| root.join(name));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let pages = files
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    for page in pages.chain(["README.md", "README.zh-CN.md", "CONTRIBUTING.md"].map(|name| root.join(name))) {
        let (name, folder) = (page.display(), page.parent().expect("a folder"));
        let text = fs::read_to_string(&page).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") {
                continue;
            }
            assert!(folder.join(file).exists(), "{name} links to {link}");
            let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
            let mut headings =
                headings.map(|line| line.trim_matches(['#', ' ']).to_lowercase().replace(' ', "-"));
            assert!(heading.is_empty() || headings.any(|found| found == heading), "{name} links to {link}");
        }
    }
    let page = fs::read_to_string(root.join("docs/preferences.md")).expect("docs/preferences.md");
    for of in PROTOCOLS.iter().map(|row| row.protocol) {
        let own = protocol(of.under.into()).expect("a protocol").fields[0].filter.to_str().unwrap();
        for row in of.preferences {
            let name = format!("| `{own}.{}` |", row.name.to_str().unwrap());
            assert!(page.contains(&name), "docs/preferences.md does not list {name}");
        }
    }
}

/// Commands, filters and numbers of a page: what stands in code, and the table of packets.
fn code(name: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name);
    let mut found = Vec::new();
    for (number, block) in text.split("```").enumerate() {
        match number % 2 {
            // What is said of a command is in words.
            1 => found
                .extend(block.lines().skip(1).map(|line| line.split('#').next().unwrap().trim().to_owned())),
            _ => found.extend(block.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    found
}

#[test]
fn both_languages_name_the_same_commands_and_filters() {
    let of = |name: &str| -> BTreeSet<String> { code(name).into_iter().collect() };
    let (english, chinese) = (of("README.md"), of("README.zh-CN.md"));
    let missing: Vec<_> = english
        .difference(&chinese)
        .filter(|code| code.contains("wechat") || code.contains("cargo"))
        .collect();
    // What is for those who change it is in English only.
    let for_developers = ["cargo xtask test", "wechat_dissector.h"];
    let missing: Vec<_> =
        missing.into_iter().filter(|code| !for_developers.contains(&code.as_str())).collect();
    assert!(missing.is_empty(), "README.zh-CN.md lacks {missing:?}");
    let strange: Vec<_> = chinese
        .difference(&english)
        .filter(|code| !code.starts_with("wechat") && !code.starts_with("mmtls"))
        .collect();
    assert!(strange.is_empty(), "README.zh-CN.md has {strange:?} alone");
    let packets = |name: &str| {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name);
        let table = text
            .split("<!-- finds -->")
            .nth(1)
            .expect("a table")
            .split("<!-- end finds -->")
            .next()
            .unwrap()
            .to_owned();
        table
            .lines()
            .filter_map(|line| line.split_once('`'))
            .map(|(_, rest)| rest.to_owned())
            .collect::<Vec<_>>()
    };
    assert!(packets("README.md").len() > 5);
    assert_eq!(packets("README.md"), packets("README.zh-CN.md"));
    assert!(of("docs/profile.md").len() > 10);
    assert_eq!(of("docs/profile.md"), of("docs/zh-CN/profile.md"));
    let rows = PROTOCOLS.iter().map(|row| row.protocol);
    let fields = rows.clone().flat_map(|of| of.fields).map(|row| row.filter);
    let names: BTreeSet<&str> = fields
        .chain(rows.flat_map(|of| of.notes).map(|row| row.filter))
        .map(|name| name.to_str().unwrap())
        .collect();
    let filters = of("docs/zh-CN/filters.md");
    let words =
        filters.iter().flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || "._".contains(c))));
    let named: Vec<&str> =
        words.filter(|word| word.starts_with("wechat") || word.starts_with("mmtls")).collect();
    assert!(named.len() > 40);
    for name in named {
        assert!(names.contains(name), "docs/zh-CN/filters.md: there is no {name}");
    }
    let (english, chinese) = (of("docs/mmtls.md"), of("docs/zh-CN/keys.md"));
    let labels = |of: &BTreeSet<String>| {
        of.iter().filter(|code| code.starts_with("MMTLS_")).cloned().collect::<Vec<_>>()
    };
    assert!(labels(&english).len() > 5);
    assert_eq!(labels(&english), labels(&chinese));
    for (filter, _) in
        chinese.iter().filter_map(|code| code.split_once(" ")).filter(|(word, _)| word.starts_with("mmtls."))
    {
        assert!(english.contains(filter), "{filter}");
    }
}
