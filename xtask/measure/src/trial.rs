// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask trial`: what takes too long for the tests. It tries packages in fresh roots, and builds them twice,
//! from vendored sources without a net, and with the oldest compiler.

mod builds;
mod roots;

use anyhow::{Result, bail};

type Step = fn(&[&str]) -> Result<()>;

#[rustfmt::skip]
const STEPS: [(&str, Step); 4] = [
    ("roots", roots::run),
    ("twice", builds::twice),
    ("offline", builds::offline),
    ("oldest", builds::oldest),
];

/// Runs the step that is named, with the words behind it, or all.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((name, rest)) = words.split_first() else {
        return STEPS.iter().try_for_each(|(name, step)| one(name, *step, &[]));
    };
    match STEPS.iter().find(|(known, _)| known == name) {
        Some((name, step)) => one(name, *step, rest),
        None => bail!("there is no step `{name}`, but {}", STEPS.map(|(name, _)| name).join(", ")),
    }
}

fn one(name: &str, step: Step, words: &[&str]) -> Result<()> {
    println!("\n== {name} ==");
    let start = std::time::Instant::now();
    step(words)?;
    println!("-- {name}: passed in {:.0?}", start.elapsed());
    Ok(())
}
