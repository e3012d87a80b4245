// SPDX-License-Identifier: GPL-2.0-or-later
//! LICENSES.txt: on which terms the crates are that are linked into the plugin.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::crates::Crate;

/// Licences that go with GPL-2.0-or-later; of several that a crate offers, the first one here is taken.
const TAKEN: [&str; 3] = ["MIT", "Zlib", "0BSD"];

/// Linked by the compiler and in no Cargo.lock.
const STANDARD_LIBRARY: &str = "\
The standard library of Rust is linked too, with crates of its own (addr2line, gimli, hashbrown, miniz_oxide,
rustc-demangle and others): copyright their contributors, MIT or Apache-2.0. They are taken on the terms of the
licence MIT, whose words are those of the crates below. The tables of Unicode in it are copyright Unicode, Inc.,
Unicode-3.0. All of it is listed in COPYRIGHT-library.html, which comes with the compiler.
";

/// The text: a line for each crate, and then the words of their licences, those that are the same once.
pub fn text(crates: &[Crate]) -> Result<String> {
    let mut list = String::new();
    let mut texts: Vec<(String, Vec<String>)> = Vec::new();
    for one in crates {
        let name = format!("{} {}", one.name, one.version);
        let taken = taken(&one.licence).with_context(|| {
            format!("{name} is {}, of which nothing is known to go with GPL-2.0-or-later", one.licence)
        })?;
        writeln!(list, "  {name:<28} {taken}, of {}", one.licence)?;
        let words = words(one, taken)?;
        match texts.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(name),
            None => texts.push((words, vec![name])),
        }
    }
    let mut text = format!(
        "The plugin is linked with these crates: name, version, the licence that was taken, and what was offered.\n\n\
         {list}\n{STANDARD_LIBRARY}"
    );
    for (words, names) in texts {
        write!(text, "\n{}\n{}\n\n{words}\n", "-".repeat(100), names.join(", "))?;
    }
    Ok(text)
}

/// The licence that is taken of an SPDX expression without AND.
fn taken(expression: &str) -> Option<&'static str> {
    let offered: Vec<&str> = expression.split(" OR ").flat_map(|words| words.split('/')).collect();
    TAKEN.into_iter().find(|taken| offered.contains(taken))
}

/// What the crate's own file says: the one that names the licence, or the only one.
fn words(one: &Crate, licence: &str) -> Result<String> {
    let mut names: Vec<String> = fs::read_dir(&one.folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            ["LICENSE", "LICENCE", "COPYING"].iter().any(|word| name.to_uppercase().starts_with(word))
        })
        .collect();
    names.sort();
    let named = names.iter().find(|name| name.to_uppercase().contains(&licence.to_uppercase()));
    let plain = || names.iter().find(|name| !name.contains('-'));
    let name = named.or_else(plain).with_context(|| format!("{} has no file with its licence", one.name))?;
    let text = fs::read_to_string(one.folder.join(name))?;
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crates;

    #[test]
    fn of_what_is_offered_the_first_known_is_taken() {
        assert_eq!(taken("Apache-2.0 OR MIT"), Some("MIT"));
        assert_eq!(taken("Unlicense/MIT"), Some("MIT"));
        assert_eq!(taken("Zlib"), Some("Zlib"));
        assert_eq!(taken("Apache-2.0"), None);
        assert_eq!(taken("MIT AND OpenSSL"), None);
    }

    #[test]
    fn every_linked_crate_is_named_with_words_of_its_own() {
        let linked = crates::linked().expect("cargo tells");
        let text = text(&linked).expect("every crate has a licence");
        for one in &linked {
            let name = format!("{} {}", one.name, one.version);
            assert_eq!(text.matches(&name).count(), 2, "{name}");
        }
        assert!(text.contains("Permission is hereby granted, free of charge"));
        assert!(text.contains("Altered source versions must be plainly marked as such"), "Zlib");
    }
}
