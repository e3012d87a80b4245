// SPDX-License-Identifier: GPL-2.0-or-later
//! The pictures in `docs/` show what the plugin shows.

use std::fs;
use std::path::Path;

use xtask::pictures;

use crate::support::plugin::{need, plugin};

#[test]
fn pictures_show_what_the_plugin_shows() {
    need("tshark");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = pictures::home(root, &plugin()).expect("a home");
    let expected = fs::read_to_string(root.join("docs/pictures.txt")).expect("docs/pictures.txt");
    let shown = pictures::text(&home).expect("tshark shows it");
    let mut file = "";
    for (line, (old, now)) in expected.lines().zip(shown.lines()).enumerate() {
        file = old.strip_prefix("== ").unwrap_or(file);
        assert!(
            old == now,
            "a picture is stale, {file}, line {} of docs/pictures.txt:\n picture: {old}\n     now: {now}\nrun `cargo xtask \
             pictures` and look at the pictures",
            line + 1
        );
    }
    assert_eq!(
        expected.lines().count(),
        shown.lines().count(),
        "a picture is stale: run `cargo xtask pictures`"
    );
    for picture in &pictures::PICTURES {
        assert!(root.join("docs").join(picture.file).is_file(), "{} is missing", picture.file);
    }
}
