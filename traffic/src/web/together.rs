// SPDX-License-Identifier: GPL-2.0-or-later
//! Several messages with bodies in one packet, theirs among ours, each body in a coding of its own.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::carrier::Turn;
use super::http::{Coding, Framing, JSON, Request, Response};
use crate::packet::Direction;

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In a coding that Wireshark undoes.
    Coded(Coding),
    /// Of a coding that nobody knows: no dissector gets it.
    Unknown,
    /// It has no bytes.
    Empty,
}

/// Whose a message is, and what its body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The call, `None` for other people's.
    pub call: Option<&'static str>,
    /// The number in the body, if any dissector gets that.
    pub number: Option<u32>,
}

const CALLS: [&str; 4] = ["webwxsync", "webwxinit", "webwxgetcontact", "webwxstatusnotify"];
const TYPES: [&str; 6] = [
    "text/plain",
    "text/plain",
    "application/json",
    "text/javascript",
    "image/odd",
    "application/octet-stream",
];
const FORMS: [Form; 7] = [
    Form::Coded(Coding::PLAIN),
    Form::Coded(Coding::PLAIN),
    Form::Coded(Coding { framing: Framing::Chunked, gzip: false }),
    Form::Coded(Coding { framing: Framing::Length, gzip: true }),
    Form::Coded(Coding { framing: Framing::Chunked, gzip: true }),
    Form::Unknown,
    Form::Empty,
];

/// Requests in one packet and the responses to them in the next, and what each of them says.
pub fn exchange(first: u32, rng: &mut ChaCha8Rng) -> ([Turn; 2], [Vec<Said>; 2]) {
    let mut sent = [Vec::new(), Vec::new()];
    let mut said = [Vec::new(), Vec::new()];
    for number in first..first + rng.random_range(2..=4) {
        let call = (number % 4 != 3).then(|| *CALLS.choose(rng).expect("a call"));
        let path = call.map_or("/other".to_owned(), |call| format!("/cgi-bin/mmwebwx-bin/{call}"));
        let has_body = rng.random_range(0..4) > 0;
        let body = if has_body {
            format!("{{\"BaseRequest\":{{\"DeviceID\":\"{number}\"}}}}")
        } else {
            String::new()
        };
        let request = Request {
            method: "POST",
            host: "wx.qq.com".into(),
            target: format!("{path}?r={number}"),
            cookie: String::new(),
            content_type: JSON.into(),
            body: body.into(),
        };
        sent[0].push(request.encode(None, true));
        said[0].push(Said { call, number: has_body.then_some(number) });

        let form = *FORMS.choose(rng).expect("a form");
        let response = Response {
            content_type: TYPES.choose(rng).expect("a type"),
            body: match form {
                Form::Empty => Vec::new(),
                _ => format!("{{\"AddMsgList\":[{{\"MsgId\":\"{number}\"}}]}}").into(),
            },
        };
        let coding = if let Form::Coded(coding) = form { coding } else { Coding::PLAIN };
        let mut bytes = response.encode(coding, true).expect("a response in memory");
        if form == Form::Unknown {
            let length = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("the end of the head");
            bytes.splice(length..length, *b"\r\nContent-Encoding: x-unknown");
        }
        sent[1].push(bytes);
        said[1].push(Said { call, number: matches!(form, Form::Coded(_)).then_some(number) });
    }
    let [requests, responses] = sent;
    ([(Direction::ClientToServer, requests), (Direction::ServerToClient, responses)], said)
}
