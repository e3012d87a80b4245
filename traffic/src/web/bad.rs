// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers and SyncKeys that are wrong.

use super::client::{Client, key_json, synccheck};
use super::news::{News, kind};

/// One way of being wrong.
#[derive(Debug)]
pub struct Bad {
    /// As in the name of a case, without `bad-`.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What is built if nothing else is asked for.
    size: usize,
    build: fn(&Good, usize) -> Vec<Body>,
}

/// What the client sends or is sent.
#[derive(Clone, Debug)]
pub enum Body {
    /// The answer to a sync.
    Answer(Vec<u8>),
    /// The SyncKey of a sync's request, as JSON.
    Request(String),
    /// A poll.
    Poll {
        /// Its parameter, not yet percent-encoded.
        synckey: String,
        /// The whole answer.
        answer: String,
    },
}

/// What a right answer would be.
struct Good {
    text: String,
    client_key: String,
}

impl Good {
    /// With one thing changed.
    ///
    /// # Panics
    ///
    /// If it is not there.
    fn with(&self, from: &str, to: &str) -> Vec<u8> {
        assert!(self.text.contains(from), "{from:?} is in no answer");
        self.text.replacen(from, to, 1).into()
    }

    /// Each change in an answer of its own.
    fn with_each(&self, changes: &[(&str, &str)]) -> Vec<Body> {
        changes.iter().map(|(from, to)| Body::Answer(self.with(from, to))).collect()
    }
}

impl Bad {
    /// What to send and to be sent; a size of `None` is the usual one.
    pub fn bodies(&self, client: &mut Client, size: Option<usize>) -> Vec<Body> {
        let message = client.message(0, kind::TEXT, "One two three");
        let news = News::of([message]);
        let key = key_json(&client.key);
        let good =
            Good { client_key: client.key.query(), text: news.json(key.clone(), Some(key)).server_style() };
        (self.build)(&good, size.unwrap_or(self.size))
    }
}

/// All ways of being wrong.
pub const BAD: &[Bad] = &[
    Bad {
        name: "cut",
        about: "sync answers that end early, each at another byte; --size of them",
        size: 24,
        build: |good, size| {
            let len = good.text.len();
            // The last one ends within the last object.
            let at = |index| len * (index + 1) / (size + 1);
            (0..size).map(|index| Body::Answer(good.text.as_bytes()[..at(index)].to_vec())).collect()
        },
    },
    Bad {
        name: "types",
        about: "sync answers with a text for a number, a number for a text, a list for an object and so on",
        size: 0,
        build: |good, _| {
            good.with_each(&[
                ("\"MsgType\": 1,", "\"MsgType\": \"1\","),
                ("\"MsgType\": 1,", "\"MsgType\": 1.5e0,"),
                ("\"MsgType\": 1,", "\"MsgType\": -1,"),
                ("\"MsgType\": 1,", "\"MsgType\": 99999999999999999999999,"),
                ("\"MsgType\": 1,", "\"MsgType\": null,"),
                ("\"MsgType\": 1,", "\"MsgType\": true,"),
                ("\"Content\": \"One two three\"", "\"Content\": 123"),
                ("\"Content\": \"One two three\"", "\"Content\": {\"a\": [1, 2]}"),
                ("\"CreateTime\": ", "\"CreateTime\": -"),
                ("\"AddMsgCount\": 1", "\"AddMsgCount\": \"one\""),
                ("\"ModContactList\": []", "\"ModContactList\": {}"),
                ("\"ModContactList\": []", "\"ModContactList\": [1, \"two\", [3], null]"),
                ("\"BaseResponse\": {\n\"Ret\": 0,\n\"ErrMsg\": \"\"\n}\n", "\"BaseResponse\": [0, \"\"]"),
                ("\"SyncKey\": {", "\"SyncKey\": [{"),
                ("\"Key\": 2,", "\"Key\": \"2\","),
                ("\"Key\": 2,", "\"Key\": [2],"),
                ("\"NickName\": {\n\"Buff\": \"\"\n}\n", "\"NickName\": \"Ada\""),
            ])
        },
    },
    Bad {
        name: "deep",
        about: "sync answers with lists and objects --size deep, closed and not",
        size: 1000,
        build: |good, size| {
            let lists = format!("{}{}", "[".repeat(size), "]".repeat(size));
            let objects = format!("{}1{}", "{\"a\":".repeat(size), "}".repeat(size));
            let open = "[{\"a\":".repeat(size);
            let content = |value: &str| {
                Body::Answer(good.with("\"Content\": \"One two three\"", &format!("\"Content\": {value}")))
            };
            let unknown = |value: &str| {
                Body::Answer(
                    good.with("\"AddMsgCount\": 1", &format!("\"Unknown\": {value},\n\"AddMsgCount\": 1")),
                )
            };
            let list = |value: &str| {
                Body::Answer(good.with("\"ModContactList\": []", &format!("\"ModContactList\": {value}")))
            };
            vec![
                content(&lists),
                content(&objects),
                content(&open),
                unknown(&lists),
                unknown(&objects),
                list(&lists),
                list(&open),
                Body::Answer(open.into_bytes()),
            ]
        },
    },
    Bad {
        name: "duplicates",
        about: "sync answers with names that come twice",
        size: 0,
        build: |good, _| {
            good.with_each(&[
                ("\"MsgType\": 1,", "\"MsgType\": 1,\n\"MsgType\": 3,"),
                ("\"FromUserName\":", "\"MsgId\": \"77\",\n\"FromUserName\":"),
                ("\"AddMsgCount\": 1,", "\"AddMsgCount\": 1,\n\"AddMsgCount\": 2,\n\"AddMsgList\": [],"),
                (
                    "\"SyncKey\": {",
                    "\"SyncKey\": {\"Count\": 1, \"List\": [{\"Key\": 1, \"Val\": 5}]},\n\"SyncKey\": {",
                ),
                ("\"Key\": 3,", "\"Key\": 2,"),
            ])
        },
    },
    Bad {
        name: "huge-list",
        about: "sync answers with lists of --size entries",
        size: 50_000,
        build: |good, size| {
            let entries = |entry: &str| vec![entry; size].join(",");
            vec![
                Body::Answer(good.with(
                    "\"ModContactList\": []",
                    &format!("\"ModContactList\": [{}]", entries("{\"UserName\":\"@a\"}")),
                )),
                Body::Answer(good.with(
                    "\"AddMsgList\": [",
                    &format!("\"AddMsgList\": [{},", entries("{\"MsgId\":\"1\"}")),
                )),
                Body::Answer(good.with(
                    "\"Key\": 1,",
                    &format!("\"Key\": 1}},{},{{\"Key\": 1,", entries("{\"Key\":7,\"Val\":8}")),
                )),
                Body::Answer(
                    good.with(
                        "\"AddMsgCount\": 1",
                        &format!("{}\"AddMsgCount\": 1", "\"x\":0,".repeat(size)),
                    ),
                ),
            ]
        },
    },
    Bad {
        name: "huge-text",
        about: "a message of --size bytes, plain and escaped",
        size: 200_000,
        build: |good, size| {
            let content = |text: String| {
                Body::Answer(good.with("\"Content\": \"One two three\"", &format!("\"Content\": \"{text}\"")))
            };
            vec![
                content("x".repeat(size)),
                content("\\u4f60".repeat(size / 6)),
                content("\\\\".repeat(size / 2)),
            ]
        },
    },
    Bad {
        name: "utf8",
        about: "sync answers that are not UTF-8, and escapes that are none",
        size: 0,
        build: |good, _| {
            let texts: [&[u8]; 20] = [
                b"a\xFF\xFEb",
                b"a\x80b",
                b"a\xC0\x80b",
                b"a\xE4\xBD",
                b"a\xED\xA0\xBDb",
                b"a\xF4\x90\x80\x80b",
                b"\\ud83d",
                b"\\ude04\\ud83d",
                b"\\ud83d\\u0041",
                b"\\u12G4",
                b"a\\x41b",
                b"a\x00\x1Fb\nc",
                b"\\u4f60\\u597d\\n\\ud83d\\ude04\\ud83d",
                b"\\ud83d\\u4f60\\\"\\n\xF0\x9F\x98\x84",
                b"\\u4f60\\u\\u1\\u597",
                b"\\u4f60\\q\\U0041\\n",
                b"\xC0\xAF\\u4f60",
                // XML does not allow these.
                b"a\xEF\xBF\xBE\xEF\xBF\xBFb\xEF\xB7\x90",
                b"a\\ufffe\\uffffb\\ufdd0\\u0085",
                b"\",\"Con\\ud83dtent\xEF\xBF\xBE\":\"\\u4f60",
            ];
            let marked = good.with("One two three", "\u{1}");
            let at = marked.iter().position(|&byte| byte == 1).unwrap_or(0);
            let body = |text: &[u8]| Body::Answer([&marked[..at], text, &marked[at + 1..]].concat());
            texts.iter().map(|text| body(text)).collect()
        },
    },
    Bad {
        name: "synckey",
        about: "polls and syncs whose SyncKey is garbage",
        size: 5_000,
        build: |good, size| {
            let long = vec!["7_8"; size.min(5_000)].join("|");
            let right = &good.client_key;
            let cut = &right[..right.len() - 3];
            let polls = [
                "1_|x_2|3",
                "99999999999999999999_1|1_99999999999999999999",
                "5_5_5",
                "",
                "|||",
                "_|_",
                "1_-5|-1_5|+1_+5",
                "1_2|1_3|1_1",
                "1_2,3_4",
                "1_2||3_4|",
                "1 _ 2",
                "１_２",
                "4294967296_4294967296",
                cut,
                &long,
            ];
            let poll = |synckey: &str| Body::Poll { synckey: synckey.into(), answer: synccheck(0, 0) };
            let requests = [
                "null",
                "{}",
                "[]",
                "\"1_2|3_4\"",
                "{\"Count\":2}",
                "{\"List\":[{\"Val\":5,\"Key\":2}]}",
                "{\"Count\":3,\"List\":[{\"Key\":1},{\"Val\":2},{\"Key\":3,\"Val\":4,\"Key\":5}]}",
                "{\"Count\":1,\"List\":[{\"Key\":99999999999,\"Val\":-1}]}",
                "{\"Count\":1,\"List\":[{\"Key\":\"2\",\"Val\":\"abc\"}]}",
            ];
            let request = |key: &str| Body::Request(key.into());
            polls.into_iter().map(poll).chain(requests.into_iter().map(request)).collect()
        },
    },
    Bad {
        name: "counts",
        about: "sync answers whose counts lie",
        size: 0,
        build: |good, _| {
            good.with_each(&[
                ("\"AddMsgCount\": 1", "\"AddMsgCount\": 5"),
                ("\"AddMsgCount\": 1", "\"AddMsgCount\": 0"),
                ("\"AddMsgCount\": 1", "\"AddMsgCount\": -1"),
                ("\"AddMsgCount\": 1", "\"AddMsgCount\": 4294967297"),
                ("\"ModContactCount\": 0", "\"ModContactCount\": 3"),
                ("\"Count\": 6", "\"Count\": 99"),
            ])
        },
    },
    Bad {
        name: "no-json",
        about: "sync answers that are empty, or something else than an object",
        size: 0,
        build: |good, _| {
            let html = "<html><head><title>502 Bad Gateway</title></head></html>";
            let texts = [
                String::new(),
                " \r\n".into(),
                "null".into(),
                "0".into(),
                "\"text\"".into(),
                "[]".into(),
                "{}".into(),
                "{".into(),
                "}".into(),
                "{\"Ret\" 5}".into(),
                "{,}".into(),
                html.into(),
                format!("\u{feff}{}", good.text),
                format!("{}trailing", good.text),
                good.text.repeat(2),
                good.text.replace(',', ",,"),
                good.text.replace('"', "'"),
            ];
            texts.into_iter().map(|text| Body::Answer(text.into_bytes())).collect()
        },
    },
    Bad {
        name: "synccheck",
        about: "answers to polls that are no assignment of two numbers",
        size: 0,
        build: |good, _| {
            let answers = [
                "",
                "window.synccheck={}",
                "window.synccheck=",
                "window.synccheck={retcode:\"0\"}",
                "window.synccheck={selector:\"2\"}",
                "window.synccheck={retcode:0,selector:2}",
                "window.synccheck={retcode:\"x\",selector:\"\"}",
                "window.synccheck={retcode:\"-1\",selector:\"2\"}",
                "window.synccheck={retcode:\"99999999999\",selector:\"4294967296\"}",
                "window.synccheck={selector:\"2\",retcode:\"0\"}",
                "window.synccheck = { retcode : \"0\" , selector : \"2\" } ;\n",
                "window.synccheck={retcode:\"0\",selector:\"2\"",
                "window.synccheck={retcode:\"0\",selector:\"2\"}window.synccheck={retcode:\"0\",selector:\"4\"}",
                "{\"retcode\":\"0\",\"selector\":\"2\"}",
                "<html></html>",
            ];
            let poll = |answer: &str| Body::Poll { synckey: good.client_key.clone(), answer: answer.into() };
            answers.into_iter().map(poll).collect()
        },
    },
];
