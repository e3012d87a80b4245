// SPDX-License-Identifier: GPL-2.0-or-later
//! Links in packed documents. One to a file that is not packed leads nowhere, so its text alone stays.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::tree;

/// Takes dead links out of every Markdown file below `folder`.
pub fn keep_those_that_lead(folder: &Path) -> Result<()> {
    for name in tree::files(folder)? {
        let file = folder.join(&name);
        if file.extension().is_some_and(|extension| extension == "md") {
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", name.display()))?;
            let beside = file.parent().unwrap_or(folder);
            tree::write(&file, &mend(&text, |target| beside.join(target).exists()))?;
        }
    }
    Ok(())
}

/// The text, in which links to files that are not there are plain text. What is in fences is no link.
fn mend(text: &str, is_there: impl Fn(&str) -> bool) -> String {
    let mut mended = String::new();
    let (mut prose, mut fenced) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```");
        if fence && !fenced {
            mended += &mend_prose(&prose, &is_there);
            prose.clear();
        }
        if fence || fenced {
            mended += line
        } else {
            prose += line
        }
        fenced ^= fence;
    }
    mended + &mend_prose(&prose, &is_there)
}

fn mend_prose(text: &str, is_there: &impl Fn(&str) -> bool) -> String {
    let mut mended = String::new();
    let mut rest = text;
    while let Some(middle) = rest.find("](") {
        let (before, after) = (&rest[..middle], &rest[middle + 2..]);
        mended += before;
        let link = after.find(')').zip(opening(&mended)).filter(|(end, _)| is_dead(&after[..*end], is_there));
        rest = match link {
            Some((end, start)) => {
                mended.remove(start);
                // Of a picture, too.
                if mended[..start].ends_with('!') {
                    mended.remove(start - 1);
                }
                &after[end + 1..]
            }
            None => {
                mended += "](";
                after
            }
        };
    }
    mended + rest
}

/// Where the bracket is that a link's text begins with, which ends with `text`.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, bracket) in text.rmatch_indices(['[', ']']) {
        match bracket {
            "]" => depth += 1,
            _ if depth == 0 => return Some(at),
            _ => depth -= 1,
        }
    }
    None
}

fn is_dead(target: &str, is_there: &impl Fn(&str) -> bool) -> bool {
    let (file, _) = target.split_once('#').unwrap_or((target, ""));
    !file.is_empty() && !file.contains(':') && !is_there(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_become_plain_text() {
        let mended = |text: &str| mend(text, |target| target == "here.md");
        for (text, expected) in [
            ("see [a](gone.md), [b](here.md).\n", "see a, [b](here.md).\n"),
            ("[`src`](../src) | [c](here.md#part)", "`src` | [c](here.md#part)"),
            ("[over\ntwo lines](gone.md#x)", "over\ntwo lines"),
            ("[[1] x](gone) and [#](#here)", "[1] x and [#](#here)"),
            ("[net](https://example.org/gone.md)", "[net](https://example.org/gone.md)"),
            ("[![a](gone.svg)](gone)\n", "a\n"),
            ("```c\ncall[i](gone)\n```\n[a](gone)\n", "```c\ncall[i](gone)\n```\na\n"),
            ("a](gone) [", "a](gone) ["),
        ] {
            assert_eq!(mended(text), expected);
        }
    }
}
