// SPDX-License-Identifier: GPL-2.0-or-later
//! MMTLS and the short link: what is sealed opens by another reading, and the truth says what is there.

#[path = "../common/mod.rs"]
mod common;
mod layout;
mod reader;
mod schedule;
mod truth;
mod tshark;

use common::{Parsed, parse, to_bytes};
use wechat_traffic::mmtls::case::{self, Case, Made};
use wechat_traffic::mmtls::truth::{CallRow, FrameRow, RecordRow, Row, SessionRow};

/// The rows of a truth, by sort.
#[derive(Default)]
struct Rows {
    sessions: Vec<SessionRow>,
    records: Vec<RecordRow>,
    frames: Vec<FrameRow>,
    calls: Vec<CallRow>,
    business: usize,
}

/// By the key logs of these names.
fn rows(made: &Made, logs: &[&str]) -> Rows {
    let logs: Vec<_> = logs.iter().map(|name| made.log(name).unwrap()).collect();
    let mut rows = Rows::default();
    for row in made.truth(&logs).unwrap() {
        match row {
            Row::Session(row) => rows.sessions.push(row),
            Row::Record(row) => rows.records.push(row),
            Row::Frame(row) => rows.frames.push(row),
            Row::Call(row) => rows.calls.push(row),
            Row::Business(_) => rows.business += 1,
        }
    }
    rows
}

fn made(name: &str) -> Made {
    case::find(name).unwrap_or_else(|| panic!("no case {name}")).make(1).unwrap()
}

/// Cases in which nothing is wrong.
fn sound() -> impl Iterator<Item = Case> {
    let is_sound = |case: &Case| !case.name.starts_with("bad-") && !case.name.starts_with("fault-");
    case::all().into_iter().filter(is_sound)
}

fn packets(made: &Made) -> Vec<Parsed> {
    parse(&to_bytes(&made.capture))
}
