// SPDX-License-Identifier: GPL-2.0-or-later
//! A list of calls: what was asked, what was answered, when, and what a dissector should make of it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::http::{Request, Response};

/// One request and the response to it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Number of the call, for others to refer to.
    pub id: usize,
    /// When it is asked, counted from the start of the capture.
    pub at: Duration,
    /// How long the server takes to answer.
    pub hold: Duration,
    /// The question.
    pub request: Request,
    /// The answer.
    pub response: Response,
    /// What there is to know about it.
    pub facts: Facts,
}

impl Call {
    /// When it is answered.
    pub fn end(&self) -> Duration {
        self.at + self.hold
    }
}

/// What a dissector should say of a call. Other calls are given by their [`id`](Call::id).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The last part of the path; empty if it is none of the web client's calls.
    pub call: String,
    /// Whose session it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uin: Option<u32>,
    /// Key and value, from the query or from the request's body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked_key: Vec<(u32, u32)>,
    /// Key and value of the answer's `SyncKey`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub synckey: Vec<(u32, u32)>,
    /// Key and value of the answer's `SyncCheckKey`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub synccheckkey: Vec<(u32, u32)>,
    /// Keys whose value in `synckey` is another one than in `asked_key`, and by how much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grew: Vec<(u32, i64)>,
    /// As in the answer to a poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retcode: Option<u32>,
    /// As in the answer to a poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<u32>,
    /// Ids of the messages that the answer brings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// Those of them that came before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<String>,
    /// Of a sync: the poll that announced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<usize>,
    /// Of a poll that announced something: the sync that fetched it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<usize>,
    /// Of a sent message: the id it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// Of a sent message: the client's own number for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_id: Option<String>,
    /// Of a sent message: the first sync that returns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned_by: Option<usize>,
    /// What is wrong with the call; then nothing is said here about the wrong part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad: Option<String>,
}

/// Calls in the order of asking; of one client, unless merged.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    /// The calls.
    pub calls: Vec<Call>,
    /// All that is secret in them, without escapes: account numbers, keys, tickets.
    pub secrets: BTreeSet<String>,
}

impl Dialogue {
    /// Two clients at the same time.
    pub fn merge(mut self, other: Self) -> Self {
        let first = self.calls.len();
        for mut call in other.calls {
            call.id += first;
            let facts = &mut call.facts;
            for link in [&mut facts.poll, &mut facts.fetch, &mut facts.returned_by].into_iter().flatten() {
                *link += first;
            }
            self.calls.push(call);
        }
        self.calls.sort_by_key(|call| call.at);
        self.secrets.extend(other.secrets);
        self
    }
}
