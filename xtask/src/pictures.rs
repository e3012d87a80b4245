// SPDX-License-Identifier: GPL-2.0-or-later
//! The pictures in `docs/`: what each of them shows. `cargo xtask pictures` makes them; a test compares the text that stands
//! beside them, `docs/pictures.txt`, with what the plugin shows now.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::sandbox::Sandbox;
use crate::{files, process};

/// Where the profile lies in a home, and in the repository.
pub const PROFILE: &str = "WeChat";

/// What 3.4's TCP adds to the Info column of a segment with the begin of a frame, and no other version's.
pub const ADDED_BY_TCP: &str = " [TCP segment of a reassembled PDU]";

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The list, the tree of a packet under it, and its bytes: these keys open the tree, which has the focus.
    Tree { packet: u32, keys: &'static [&'static str] },
    /// The list alone.
    List,
    /// A window that these keys of the main window open, by a part of its title.
    Window { title: &'static str, keys: &'static [&'static str] },
}

/// A picture.
#[derive(Debug)]
pub struct Picture {
    /// Its file in `docs`.
    pub file: &'static str,
    /// The capture in `samples`, without the ending; its key log is used if it has one.
    pub sample: &'static str,
    /// The display filter in the window.
    pub filter: &'static str,
    /// Whether Wireshark runs with our profile.
    pub profile: bool,
    /// What is shown.
    pub view: View,
    /// Width and height in pixels.
    pub size: (u32, u32),
}

/// All of them.
pub const PICTURES: [Picture; 5] = [
    Picture {
        file: "packet-tree.png",
        sample: "sample",
        filter: "wechat",
        profile: false,
        view: View::Tree { packet: 12, keys: &["Home", "End", "shift+Right"] },
        size: (1100, 1000),
    },
    Picture {
        file: "mmtls-tree.png",
        sample: "mmtls",
        filter: "mmtls",
        profile: false,
        view: View::Tree { packet: 12, keys: &["Home", "End", "Right", "Up", "Right", "Up", "Right"] },
        size: (1100, 1060),
    },
    Picture {
        file: "web-tree.png",
        sample: "web",
        filter: "wechat_web",
        profile: false,
        view: View::Tree {
            packet: 14,
            keys: &["Home", "End", "shift+Right", "End", "Up", "Up", "Up", "Up", "Up", "Up"],
        },
        size: (1100, 960),
    },
    Picture {
        file: "profile.png",
        sample: "sample",
        filter: "wechat",
        profile: true,
        view: View::List,
        size: (1520, 760),
    },
    Picture {
        file: "profile-graphs.png",
        sample: "exchanges",
        filter: "",
        profile: true,
        view: View::Window { title: "I/O Graphs", keys: &["alt+s", "i"] },
        size: (1280, 960),
    },
];

/// A home with the plugin, the profile and the samples.
pub fn home(root: &Path, plugin: &Path) -> Result<Sandbox> {
    let sandbox = Sandbox::new(plugin)?;
    let profile = profile_in(&sandbox);
    files::create_open_folder(sandbox.path(), &profile)?;
    for (from, to) in
        [(root.join("profile").join(PROFILE), &*profile), (root.join("samples"), sandbox.path())]
    {
        for entry in fs::read_dir(&from).with_context(|| format!("cannot read {}", from.display()))? {
            let file = entry?.path();
            let copy = to.join(file.file_name().context("a file has a name")?);
            files::copy_readable(&file, &copy)?;
            sandbox.give(&copy)?;
        }
    }
    // Wireshark writes to its configuration, not only when somebody changes it.
    for folder in profile.ancestors().take_while(|folder| *folder != sandbox.path()) {
        sandbox.give(folder)?;
    }
    Ok(sandbox)
}

/// The profile in a home.
pub fn profile_in(home: &Sandbox) -> PathBuf {
    home.path().join(".config/wireshark/profiles").join(PROFILE)
}

impl Picture {
    /// What tshark and Wireshark are called with, in a home.
    pub fn arguments(&self, home: &Sandbox) -> Vec<String> {
        let path = |ending| home.path().join(self.sample).with_extension(ending);
        let mut words = vec!["-r".to_owned(), path("pcap").display().to_string()];
        // Hashes are the same in each run.
        words.extend(["-o".into(), "wechat.hash_key:samples".into()]);
        if path("keys").exists() {
            words.extend(["-o".into(), format!("mmtls.keylog_file:{}", path("keys").display())]);
        }
        if self.profile {
            words.extend(["-C".into(), PROFILE.into()]);
        }
        words
    }

    /// What it shows, as text: the list, and of a tree what is ours.
    pub fn shown(&self, home: &Sandbox) -> Result<String> {
        let tshark = |filter: &str, further: &[&str]| {
            let mut tshark = home.tshark(self.arguments(home));
            tshark.args(["-2", "-n", "-Y", filter]).args(further);
            process::stdout(&mut tshark)
        };
        let fields = ["-T", "fields", "-e", "frame.number", "-e", "_ws.col.Protocol", "-e", "_ws.col.Info"];
        let fields: Vec<&str> = match self.profile {
            true => fields.into_iter().chain(["--color", "-e", "frame.coloring_rule.name"]).collect(),
            false => fields.to_vec(),
        };
        let filter = if self.filter.is_empty() { "wechat" } else { self.filter };
        let mut text = tshark(filter, &fields)?;
        if let View::Tree { packet, .. } = self.view {
            writeln!(text)?;
            let tree = tshark(&format!("frame.number == {packet}"), &["-O", "wechat,mmtls,wechat_web"])?;
            // Other layers have a line each, in words that differ by version.
            for line in tree.lines().filter(|line| line.starts_with("WeChat") || line.starts_with(' ')) {
                writeln!(text, "{}", alike(line))?;
            }
        }
        Ok(text.replace(ADDED_BY_TCP, ""))
    }
}

/// A line of a tree as all versions write it: they cut long texts at different places, and 4.6 has milliseconds.
fn alike(line: &str) -> String {
    const MOST: usize = 90;
    let line = match line.strip_suffix("seconds]").and_then(|line| line.rsplit_once(": ")) {
        Some((label, _)) => format!("{label}: …"),
        None => line.to_owned(),
    };
    line.chars().take(MOST).collect()
}

/// The text that stands beside the pictures.
pub fn text(home: &Sandbox) -> Result<String> {
    let mut text = String::from(
        "What the pictures show, written by `cargo xtask pictures` together with them. A test fails when the plugin shows \
         something else.\n",
    );
    for picture in &PICTURES {
        write!(text, "\n== {}: {}.pcap\n{}", picture.file, picture.sample, picture.shown(home)?)?;
    }
    Ok(text)
}
