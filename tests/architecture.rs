// SPDX-License-Identifier: GPL-2.0-or-later
//! What may know what: the paths in `src/` and the includes of `plugin/` are the arrows, and they go down only.
//!
//! A room is a folder of `src/`, or a file beside them. Test modules, which end their files, may use what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use wechat_dissector::protocols::PROTOCOLS;

/// The rooms, upper first, without the protocols' folders: those stand together where [`PROTOCOL_FOLDERS`] is.
const ORDER: &[&str] = &[
    "lib",
    "plugin",
    "ffi",
    "capture",
    "claim",
    "protocols",
    PROTOCOL_FOLDERS,
    "http",
    "wechat",
    "config",
    "kernel",
];
const PROTOCOL_FOLDERS: &str = "(protocols' folders)";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file below a folder: its name from there on, without the ending, and its text.
struct File {
    path: PathBuf,
    name: String,
    text: String,
}

impl File {
    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.strip_prefix(root()).expect("a path of ours").display())
    }
}

fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let top = root().join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![top.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|other| *other == ending)) {
                let name = path.strip_prefix(&top).expect("a path below").with_extension("");
                let name = name.to_str().expect("a name").to_owned();
                let text = fs::read_to_string(&path).expect("a text");
                found.push(File { path, name, text });
            }
        }
    }
    assert!(!found.is_empty(), "{folder} is empty");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// A piece of a program: a word, a text without its quotes, or one other character.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Other(char),
}

/// The pieces of a Rust or C source outside its comments, each with its line.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut tokens, mut place, mut line) = (Vec::new(), 0, 1);
    while place < chars.len() {
        let (start, begun) = (place, line);
        place += 1;
        match at(start) {
            '\n' => line += 1,
            '/' if at(place) == '/' => {
                while place < chars.len() && at(place) != '\n' {
                    place += 1;
                }
            }
            '/' if at(place) == '*' => {
                while place < chars.len() && (at(place), at(place + 1)) != ('*', '/') {
                    line += usize::from(at(place) == '\n');
                    place += 1;
                }
                place += 2;
            }
            '"' => {
                let mut escaped = false;
                while place < chars.len() && (escaped || at(place) != '"') {
                    line += usize::from(at(place) == '\n');
                    escaped = !escaped && at(place) == '\\';
                    place += 1;
                }
                tokens.push((begun, Token::Text(chars[start + 1..place].iter().collect())));
                place += 1;
            }
            // A character; a lifetime has no quote behind it.
            '\'' if at(place) == '\\' || at(place + 1) == '\'' => {
                place += if at(place) == '\\' { 2 } else { 1 };
                while place < chars.len() && at(place) != '\'' {
                    place += 1;
                }
                place += 1;
            }
            // A raw text.
            'r' if at(place) == '"' || (at(place) == '#' && matches!(at(place + 1), '"' | '#')) => {
                let fences = chars[place..].iter().take_while(|c| **c == '#').count();
                place += fences + 1;
                let from = place;
                while place < chars.len()
                    && !(at(place) == '"' && (1..=fences).all(|fence| at(place + fence) == '#'))
                {
                    line += usize::from(at(place) == '\n');
                    place += 1;
                }
                tokens.push((begun, Token::Text(chars[from..place.min(chars.len())].iter().collect())));
                place += fences + 1;
            }
            // With the letter in front of it a text is one all the same.
            'b' | 'c' if at(place) == '"' || (at(place) == 'r' && matches!(at(place + 1), '"' | '#')) => {}
            c if is_word(c) => {
                while is_word(at(place)) {
                    place += 1;
                }
                tokens.push((begun, Token::Word(chars[start..place].iter().collect())));
            }
            c if c.is_whitespace() => {}
            c => tokens.push((begun, Token::Other(c))),
        }
    }
    tokens
}

/// A module of `src/` uses another one.
#[derive(Debug)]
struct Arrow {
    from: String,
    to: String,
    at: String,
    path: String,
}

/// All paths in a source that begin with `crate` or `super`, in full, each with its line: `a::{b, c::d}` is two.
struct Paths<'a> {
    tokens: &'a [(usize, Token)],
    place: usize,
    found: Vec<(usize, Vec<String>)>,
}

impl Paths<'_> {
    fn word(&self, ahead: usize) -> Option<&str> {
        match &self.tokens.get(self.place + ahead)?.1 {
            Token::Word(word) => Some(word),
            Token::Text(_) | Token::Other(_) => None,
        }
    }

    fn is(&self, ahead: usize, other: char) -> bool {
        self.tokens.get(self.place + ahead).is_some_and(|(_, token)| *token == Token::Other(other))
    }

    /// What stands behind `before` and `::`: a word and more of the path, or several of them in braces.
    fn rest(&mut self, before: &[String]) {
        let line = self.tokens.get(self.place).map_or(0, |(line, _)| *line);
        if self.is(0, '{') {
            self.place += 1;
            while self.place < self.tokens.len() && !self.is(0, '}') {
                if self.is(0, ',') {
                    self.place += 1;
                } else {
                    self.rest(before);
                }
            }
            self.place += 1;
            return;
        }
        let mut path = before.to_vec();
        match self.word(0) {
            Some("super") => drop(path.pop()),
            Some("self") | None => {}
            Some(word) => path.push(word.to_owned()),
        }
        self.place += 1;
        if self.is(0, ':') && self.is(1, ':') {
            self.place += 2;
            return self.rest(&path);
        }
        // `… as other` names nothing of the path.
        if self.word(0) == Some("as") {
            self.place += 2;
        }
        self.found.push((line, path));
    }
}

fn paths(module: &[String], tokens: &[(usize, Token)]) -> Vec<(usize, Vec<String>)> {
    let mut paths = Paths { tokens, place: 0, found: Vec::new() };
    // Modules inside the file: `super` in them is the file. Each open brace, and whether it is one's.
    let mut braces = Vec::new();
    while paths.place < tokens.len() {
        let here = paths.place;
        if paths.is(0, '{') {
            let name_at = here.checked_sub(1).filter(|at| matches!(tokens[*at].1, Token::Word(_)));
            // The name of one in a macro begins with a dollar.
            let keyword_at = name_at.and_then(|at| match tokens.get(at.checked_sub(1)?)?.1 {
                Token::Other('$') => at.checked_sub(2),
                _ => at.checked_sub(1),
            });
            braces.push(keyword_at.is_some_and(|at| tokens[at].1 == Token::Word("mod".into())));
        } else if paths.is(0, '}') {
            braces.pop();
        } else if paths.is(1, ':') && paths.is(2, ':') {
            let inside = braces.iter().filter(|is_module| **is_module).count();
            let mut full = module.to_vec();
            full.extend((0..inside).map(|_| "(inside)".to_owned()));
            match paths.word(0) {
                Some("crate") => full.clear(),
                Some("super") => drop(full.pop()),
                _ => {
                    paths.place += 1;
                    continue;
                }
            }
            paths.place += 3;
            paths.rest(&full);
            continue;
        }
        paths.place += 1;
    }
    paths.found
}

/// The source without its test module, which ends it.
fn without_tests(file: &File) -> &str {
    let Some((program, tests)) = file.text.split_once("\n#[cfg(test)]\nmod tests {\n") else {
        assert!(!file.text.contains("mod tests {"), "{} has tests that cannot be told", file.name);
        return &file.text;
    };
    let behind = tests.split_once("\n}\n").expect("an end").1;
    assert!(behind.trim().is_empty(), "{}: something stands behind the tests", file.path.display());
    program
}

/// The arrows between the modules of the crate: a module is its file's name, one of a folder the folder's.
fn arrows() -> Vec<Arrow> {
    let files = files("src", &["rs"]);
    let module = |file: &File| file.name.strip_suffix("/mod").unwrap_or(&file.name).to_owned();
    let modules: BTreeSet<String> = files.iter().map(module).collect();
    let mut arrows = Vec::new();
    for file in &files {
        let from = module(file);
        let own: Vec<String> = from.split('/').map(str::to_owned).collect();
        for (line, path) in paths(&own, &tokens(without_tests(file))) {
            // What is in no module is the crate's own: lib.rs.
            let to = (1..=path.len()).rev().map(|length| path[..length].join("/"));
            let to = to.into_iter().find(|name| modules.contains(name)).unwrap_or_else(|| "lib".into());
            if to != from {
                arrows.push(Arrow { from: from.clone(), to, at: file.at(line), path: path.join("::") });
            }
        }
    }
    assert!(arrows.len() > 100, "arrows are not seen: {}", arrows.len());
    arrows
}

fn room(module: &str) -> &str {
    module.split('/').next().unwrap_or(module)
}

fn protocol_folders() -> BTreeSet<String> {
    let files = files("src", &["rs"]);
    let folders = files.iter().filter(|file| file.name.contains('/')).map(|file| room(&file.name).to_owned());
    folders.filter(|folder| !ORDER.contains(&folder.as_str())).collect()
}

#[test]
fn arrows_go_down_only() {
    let folders = protocol_folders();
    let level = |name: &str| {
        let row = if folders.contains(name) { PROTOCOL_FOLDERS } else { name };
        ORDER
            .iter()
            .position(|other| *other == row)
            .unwrap_or_else(|| panic!("src/{name}.rs has no place in the order"))
    };
    for file in files("src", &["rs"]) {
        level(room(&file.name));
    }
    let is_wrong = |arrow: &&Arrow| {
        let (from, to) = (room(&arrow.from), room(&arrow.to));
        from != to && level(from) >= level(to)
    };
    let arrows = arrows();
    let wrong: Vec<_> = arrows
        .iter()
        .filter(is_wrong)
        .map(|Arrow { from, to, at, path }| {
            let how = if level(room(from)) == level(room(to)) { "sideways" } else { "up" };
            format!("{at}: {from} -> {to} goes {how} ({path})")
        })
        .collect();
    assert!(wrong.is_empty(), "arrows against the order:\n{}", wrong.join("\n"));
}

/// What of a folder a module is: a file, a folder in it, or its `mod.rs`, which is the folder's name.
fn part<'a>(folder: &str, module: &'a str) -> Option<&'a str> {
    let rest = module.strip_prefix(folder)?;
    let Some(rest) = rest.strip_prefix('/') else { return rest.is_empty().then_some(module) };
    let length = folder.len() + 1 + rest.find('/').unwrap_or(rest.len());
    module.get(..length)
}

#[test]
fn no_file_of_a_folder_knows_itself_through_others() {
    let arrows = arrows();
    let is_folder = |file: &File| file.name.strip_suffix("/mod").map(str::to_owned);
    let folders: Vec<String> = files("src", &["rs"]).iter().filter_map(is_folder).collect();
    let mut circles = BTreeSet::new();
    for folder in &folders {
        let mut uses: BTreeMap<&str, BTreeMap<&str, &Arrow>> = BTreeMap::new();
        for arrow in &arrows {
            let (Some(from), Some(to)) = (part(folder, &arrow.from), part(folder, &arrow.to)) else {
                continue;
            };
            if from != to {
                uses.entry(from).or_default().insert(to, arrow);
            }
            // A mod.rs stands above its files, and names them without a path that is seen here.
            assert!(
                to != folder || from == to,
                "{}: {from} uses what stands in its own mod.rs ({})",
                arrow.at,
                arrow.path
            );
        }
        for start in uses.keys() {
            // What is reached from a file, by which arrows.
            let mut reached: BTreeMap<&str, Vec<&Arrow>> = BTreeMap::new();
            let mut open = vec![(*start, Vec::new())];
            while let Some((here, way)) = open.pop() {
                for (next, arrow) in uses.get(here).into_iter().flatten() {
                    if !reached.contains_key(next) {
                        let way: Vec<&Arrow> = way.iter().copied().chain([*arrow]).collect();
                        reached.insert(next, way.clone());
                        open.push((next, way));
                    }
                }
            }
            if let Some(way) = reached.get(start) {
                let mut files: Vec<&str> = way.iter().filter_map(|arrow| part(folder, &arrow.to)).collect();
                files.sort_unstable();
                let told: Vec<_> =
                    way.iter().map(|arrow| format!("  {}: {}", arrow.at, arrow.path)).collect();
                circles.insert((files.join(" - "), told.join("\n")));
            }
        }
    }
    let told: Vec<_> = circles.iter().map(|(files, way)| format!("{files}\n{way}")).collect();
    assert!(circles.is_empty(), "circles:\n{}", told.join("\n"));
}

/// The shim's files: a source sees `shim.h`, and that the rest.
#[test]
fn c_includes_go_down_only() {
    let level = |name: &str| match name {
        "wechat_dissector.h" | "compat.h" => 0,
        "shim.h" => 1,
        _ if name.ends_with(".c") => 2,
        _ => panic!("{name} has no place in the order"),
    };
    let mut wrong = Vec::new();
    for file in files("plugin", &["c", "h"]).into_iter().chain(files("include", &["h"])) {
        let name = file.path.file_name().and_then(|name| name.to_str()).expect("a name");
        for (number, line) in (1..).zip(file.text.lines()) {
            let Some(what) = line.trim_start().strip_prefix('#').map(str::trim_start) else { continue };
            let Some(what) = what.strip_prefix("include").map(str::trim) else { continue };
            let quoted = what.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(other, _)| other);
            let is_wrong = match quoted {
                Some(other) => level(name) <= level(other),
                None => !what.starts_with('<') || what.trim_end_matches('>').ends_with(".c"),
            };
            if is_wrong {
                wrong.push(format!("{}: {name} must not include {what}", file.at(number)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The shim's sources, upper first: `shim.h` says of each which functions it has.
const C_ORDER: [&str; 10] =
    ["life", "stats", "ports", "http", "loop", "draw", "objects", "register", "wrap", "shim"];

#[test]
fn c_calls_go_down_only() {
    let level = |name: &str| C_ORDER.iter().position(|other| *other == name);
    let sources = files("plugin", &["c"]);
    let names: BTreeSet<&str> = sources.iter().filter_map(|file| file.path.file_stem()?.to_str()).collect();
    assert_eq!(names, BTreeSet::from(C_ORDER), "each source has its place in the order");
    let header = fs::read_to_string(root().join("plugin/shim.h")).expect("the header");
    let mut functions = Vec::new();
    let mut of = None;
    for line in header.lines() {
        if let Some(name) = line.strip_prefix("/* ---- ").and_then(|rest| rest.strip_suffix(".c ---- */")) {
            of = Some(level(name).expect("a source"));
        }
        let declared =
            line.split_once('(').map(|(before, _)| before).filter(|_| !line.starts_with([' ', '/', '#']));
        let name = declared.and_then(|before| before.rsplit([' ', '*']).next());
        if let (Some(of), Some(name)) = (of, name.filter(|name| name.contains('_'))) {
            functions.push((format!("{name}("), of));
        }
    }
    assert!(functions.len() > 30, "{functions:?}");
    let mut wrong = Vec::new();
    for file in &sources {
        let from = file.path.file_stem().and_then(|name| level(name.to_str()?)).expect("a place");
        for (number, line) in (1..).zip(file.text.lines()) {
            for (name, to) in &functions {
                let is_call = line.match_indices(name.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
                });
                if is_call && *to < from {
                    wrong.push(format!("{}: {} must not call {name})", file.at(number), C_ORDER[from]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `words` stand next to each other in a name, whose words are parted by `_`, or in a text.
fn names(text: &str, words: &str) -> bool {
    let parts: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    let words: Vec<&str> = words.split('_').collect();
    parts.windows(words.len()).any(|window| window == words)
}

#[test]
fn c_names_no_protocol() {
    let filters: Vec<&str> = PROTOCOLS
        .iter()
        .map(|row| row.protocol)
        .filter(|protocol| protocol.under == protocol.table)
        .map(|protocol| protocol.fields[0].filter.to_str().expect("a name"))
        .collect();
    let folders = protocol_folders();
    assert!(filters.contains(&"wechat_web") && folders.contains("web"), "{filters:?} {folders:?}");
    let mut wrong = Vec::new();
    for file in files("plugin", &["c", "h"]) {
        for (line, token) in tokens(&file.text) {
            let (Token::Word(text) | Token::Text(text)) = token else { continue };
            // The first protocol is named as the whole project, with which all that is ours begins.
            let is_filter = |filter: &&&str| text.split('.').any(|word| word == **filter);
            let named = folders.iter().find(|folder| names(&text, folder)).map(String::as_str);
            if let Some(named) = named.or_else(|| filters.iter().find(is_filter).copied()) {
                wrong.push(format!("{}: `{text}` names {named}", file.at(line)));
            }
        }
    }
    assert!(wrong.is_empty(), "the shim knows no protocol:\n{}", wrong.join("\n"));
}

/// Without one the compiler says which variant of an enum is missing.
#[test]
fn c_switches_have_no_default() {
    let (mut wrong, mut switches) = (Vec::new(), 0);
    for file in files("plugin", &["c", "h"]) {
        let tokens = tokens(&file.text);
        for pair in tokens.windows(2) {
            let [(line, Token::Word(word)), (_, next)] = pair else { continue };
            switches += usize::from(word == "switch");
            if word == "default" && *next == Token::Other(':') {
                wrong.push(file.at(*line));
            }
        }
    }
    assert!(switches > 0 && wrong.is_empty(), "a switch with a default: {}", wrong.join(", "));
}
