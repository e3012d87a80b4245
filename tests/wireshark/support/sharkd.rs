// SPDX-License-Identifier: GPL-2.0-or-later
//! One run of sharkd, Wireshark without windows: captures are opened one after the other, and
//! preferences change between them.

use std::fs::{self, File};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::compare::{Run, Stage};
use crate::support::plugin::need;

/// Requests for two sharkds, one with the plugin and one without.
#[derive(Default)]
pub struct Script {
    requests: Vec<Request>,
}

struct Request {
    text: Value,
    /// Whether both sharkds must answer the same.
    shared: bool,
}

/// A place in the script whose answer is looked at later.
#[derive(Clone, Copy)]
pub struct Place(usize);

impl Script {
    /// Changes a preference.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        // Without the plugin its preferences are unknown, and the answer an error.
        let shared = !name.starts_with("wechat.");
        self.ask(shared, "setconf", json!({ "name": name, "value": value }));
        self
    }

    /// Opens a capture, of which the list of packets, and every fifth in full, must be the same with
    /// and without the plugin.
    pub fn open_foreign(&mut self, capture: &Path, packets: usize) -> &mut Self {
        self.ask(true, "load", json!({ "file": capture }));
        self.ask(true, "frames", json!({}));
        for packet in (1..=packets).step_by(5) {
            self.ask(true, "frame", json!({ "frame": packet, "proto": true, "columns": true }));
        }
        self
    }

    /// Opens a capture of WeChat's and asks for its list of packets.
    pub fn open_own(&mut self, capture: &Path) -> Place {
        self.ask(true, "load", json!({ "file": capture }));
        self.ask(false, "frames", json!({}))
    }

    fn ask(&mut self, shared: bool, method: &str, parameters: Value) -> Place {
        let id = self.requests.len() + 1;
        let text = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters });
        self.requests.push(Request { text, shared });
        Place(id)
    }

    /// Runs both, compares what must be the same, and returns the answers with the plugin.
    pub fn run(&self, stage: &Stage) -> Answers {
        need("sharkd");
        let file = stage.folder().join("requests");
        let lines: Vec<String> = self.requests.iter().map(|request| format!("{}\n", request.text)).collect();
        fs::write(&file, lines.concat()).expect("the requests are written");
        let [mut without, mut with] = [&stage.without, &stage.with].map(|home| {
            let mut sharkd = home.command("sharkd");
            sharkd.arg("-").stdin(File::open(&file).expect("the requests are there"));
            Run::start(sharkd)
        });
        let answers = self.requests.iter().map(|request| {
            let [without, with] = [&mut without, &mut with].map(answer);
            if request.shared {
                assert!(with.contains("\"result\""), "sharkd cannot {}: {with}", request.text);
                let (without, with) = (without_ids(&without), without_ids(&with));
                assert!(
                    without == with,
                    "the plugin changes sharkd's answer to {}:\n{without}\n{with}",
                    request.text
                );
            }
            with
        });
        Answers(answers.collect())
    }
}

fn answer(sharkd: &mut Run) -> String {
    let mut line = Vec::new();
    sharkd.line(&mut line).expect("sharkd answers every request");
    String::from_utf8(line).expect("sharkd answers in UTF-8")
}

/// An answer without the numbers of its subtrees, which count what all dissectors have registered, and without
/// that of a stream that has no filter, which sharkd 4.6 sets to nothing in particular.
fn without_ids(answer: &str) -> String {
    ["\"e\":", "\"filter\":null,\"stream\":"].into_iter().fold(answer.to_owned(), |answer, name| {
        let parts = answer.split(name).enumerate();
        let digit = |c: char| c.is_ascii_digit();
        parts.map(|(place, part)| if place == 0 { part } else { part.trim_start_matches(digit) }).collect()
    })
}

/// What sharkd answered, in order.
pub struct Answers(Vec<String>);

impl Answers {
    /// Whether a list of packets has one of WeChat's, by its protocol column. (A filter would be
    /// shorter, but sharkd 4.0 keeps what it found in the capture before.)
    pub fn shows_wechat(&self, place: Place) -> bool {
        let answer: Value = serde_json::from_str(&self.0[place.0 - 1]).expect("sharkd answers in JSON");
        let packets = answer["result"].as_array().expect("a list of packets");
        packets.iter().any(|packet| packet["c"][4] == "WeChat")
    }
}
