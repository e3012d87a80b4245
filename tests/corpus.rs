// SPDX-License-Identifier: GPL-2.0-or-later
//! Every input of the fuzz targets' corpus, and everything they ever found.

#[path = "../fuzz/targets.rs"]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod targets;

use std::fs;
use std::path::Path;

use targets::TARGETS;

#[test]
fn the_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let folder = corpus.join(name);
        let mut inputs: Vec<_> =
            fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
        inputs.sort();
        assert!(inputs.len() >= 10, "{} holds {} inputs", folder.display(), inputs.len());
        // Miri takes a thousand times as long.
        for input in inputs.into_iter().step_by(if cfg!(miri) { 10 } else { 1 }) {
            eprintln!("{}", input.display());
            target(&fs::read(&input).expect("an input"));
        }
    }
}
