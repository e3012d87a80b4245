// SPDX-License-Identifier: GPL-2.0-or-later
//! The web client's captures hold what they say, and their messages agree with each other.

mod common;

use std::io;
use std::sync::Arc;

use common::{parse, streams, to_bytes};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use wechat_traffic::packet::Direction::{ClientToServer, ServerToClient};
use wechat_traffic::web::carrier::{Carried, HTTP, carry};
use wechat_traffic::web::case::{self, Case};
use wechat_traffic::web::dialogue::{Call, Dialogue};
use wechat_traffic::web::reader::receive;
use wechat_traffic::web::tls::{HTTPS, Tls, Version};
use wechat_traffic::web::truth::{self, Row};
use wechat_traffic::web::{bad, talk};

/// Captures and what they are made of. Lists are shorter than usual.
fn carried(case: &Case, seed: u64) -> (Dialogue, Carried) {
    let size = case.name.starts_with("bad-huge").then_some(300);
    let (dialogue, mut rng) = case.dialogue(seed, size);
    let carried = carry(&dialogue, case.carrier, HTTP, None, &mut rng).unwrap();
    (dialogue, carried)
}

fn dialogue(name: &str) -> Dialogue {
    case::find(name).unwrap().dialogue(1, None).0
}

fn rows(name: &str) -> Vec<Row> {
    let (dialogue, carried) = carried(&case::find(name).unwrap(), 1);
    truth::rows(&dialogue, &carried).unwrap()
}

fn named<'a>(dialogue: &'a Dialogue, name: &'a str) -> impl Iterator<Item = &'a Call> {
    dialogue.calls.iter().filter(move |call| call.facts.call == name)
}

/// The answer's JSON.
fn answer(call: &Call) -> Value {
    serde_json::from_slice(&call.response.body).unwrap()
}

/// The request's JSON.
fn question(call: &Call) -> Value {
    serde_json::from_slice(&call.request.body).unwrap()
}

/// Key and value of a SyncKey in JSON.
fn entries(key: &Value) -> Vec<(u32, u32)> {
    let number = |value: &Value| value.as_u64().unwrap() as u32;
    let list = key["List"].as_array().unwrap();
    assert_eq!(key["Count"], list.len());
    list.iter().map(|entry| (number(&entry["Key"]), number(&entry["Val"]))).collect()
}

/// Key and value of a SyncKey in a query.
fn query_entries(call: &Call) -> Vec<(u32, u32)> {
    let synckey = call.request.target.split('&').find_map(|part| part.strip_prefix("synckey=")).unwrap();
    let entry = |entry: &str| {
        let (key, value) = entry.split_once('_').unwrap();
        (key.parse().unwrap(), value.parse().unwrap())
    };
    synckey.split("%7C").map(entry).collect()
}

#[test]
fn same_seed_same_bytes() {
    for case in case::cases() {
        let file = |seed| to_bytes(&carried(&case, seed).1.capture);
        assert_eq!(file(1), file(1), "{}", case.name);
        assert_ne!(file(1), file(2), "{}", case.name);
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = case::cases().into_iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn streams_hold_the_messages_of_the_dialogue() {
    for case in case::cases() {
        let (dialogue, carried) = carried(&case, 3);
        let streams = streams(&parse(&to_bytes(&carried.capture)));
        let mut requests = Vec::new();
        let mut responses = Vec::new();
        for stream in &streams {
            let mut bytes = &**stream;
            while let Some(message) = receive(&mut bytes).unwrap() {
                match message.target {
                    Some(target) => requests.push((target, message.host, message.body)),
                    None => responses.push(message.body),
                }
            }
            assert!(bytes.is_empty(), "{}", case.name);
        }
        let request =
            |call: &Call| (call.request.target.clone(), call.request.host.clone(), call.request.body.clone());
        let mut meant: Vec<_> = dialogue.calls.iter().map(request).collect();
        requests.sort_unstable();
        meant.sort_unstable();
        assert!(requests == meant, "{}", case.name);
        let mut meant: Vec<_> = dialogue.calls.iter().map(|call| call.response.body.clone()).collect();
        responses.sort_unstable();
        meant.sort_unstable();
        assert!(responses == meant, "{}", case.name);
    }
}

#[test]
fn cuts_are_many_and_chunks_uneven() {
    let packets = |name: &str| carried(&case::find(name).unwrap(), 1).1.capture.packets().len();
    assert!(packets("article-cut") > packets("article") * 3 / 2);
    let bytes = to_bytes(&carried(&case::find("article-gzip-chunked").unwrap(), 1).1.capture);
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(has(b"Transfer-Encoding: chunked\r\n"));
    assert!(has(b"Content-Encoding: gzip\r\n"));
    assert!(!has(b"window.synccheck={"));
}

#[test]
fn the_article_has_one_message_and_its_deltas() {
    let article = dialogue("article");
    let [poll, sync, next] = &article.calls[..] else {
        panic!("{} calls", article.calls.len());
    };
    assert_eq!(poll.hold.as_secs(), 25);
    assert_eq!(poll.response.body, b"window.synccheck={retcode:\"0\",selector:\"2\"}");
    assert_eq!(poll.response.content_type, "text/javascript");
    assert_eq!(sync.response.content_type, "text/plain");

    let [before, after] = [query_entries(poll), query_entries(next)];
    let keys: Vec<_> = before.iter().map(|entry| entry.0).collect();
    assert_eq!(keys, [1, 2, 3, 11, 201, 1000]);
    let deltas: Vec<_> = before.iter().zip(&after).map(|(before, after)| after.1 - before.1).collect();
    assert_eq!(deltas, [0, 1, 0, 0, 27, 0]);
    assert_eq!(entries(&question(sync)["SyncKey"]), before);
    let answer = answer(sync);
    assert_eq!(entries(&answer["SyncKey"]), after);
    assert_eq!(answer["AddMsgList"][0]["CreateTime"], after[4].1);
    assert_eq!(sync.facts.grew, [(2, 1), (201, 27)]);
}

#[test]
fn the_articles_answer_has_every_member_in_order() {
    let article = dialogue("article");
    let text = String::from_utf8(article.calls[1].response.body.clone()).unwrap();
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| {
            line.trim_start_matches(|at| "[{,".contains(at)).strip_prefix('"')?.split_once("\":")
        })
        .map(|(name, _)| name)
        .filter(|name| !["Key", "Val"].contains(name))
        .collect();
    let expected = "BaseResponse Ret ErrMsg AddMsgCount AddMsgList MsgId FromUserName ToUserName MsgType Content \
        Status ImgStatus CreateTime VoiceLength PlayLength FileName FileSize MediaId Url AppMsgType \
        StatusNotifyCode StatusNotifyUserName RecommendInfo UserName NickName QQNum Province City Content \
        Signature Alias Scene VerifyFlag AttrStatus Sex Ticket OpCode ForwardFlag AppInfo AppID Type \
        HasProductId Ticket ModContactCount ModContactList DelContactCount DelContactList \
        ModChatRoomMemberCount ModChatRoomMemberList Profile BitFlag UserName Buff NickName Buff BindUin \
        BindEmail Buff BindMobile Buff Status Sex PersonalCard Alias HeadImgUpdateFlag HeadImgUrl Signature \
        ContinueFlag SyncKey Count List SKey";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    assert!(
        text.starts_with(
            "{\n\"BaseResponse\": {\n\"Ret\": 0,\n\"ErrMsg\": \"\"\n}\n,\n\"AddMsgCount\": 1,\n"
        )
    );
    assert!(text.ends_with("}\n]\n}\n,\n\"SKey\": \"\"\n}\n"));
}

#[test]
fn lists_are_as_long_as_their_counts() {
    for seed in 0..5 {
        let (session, _) = case::find("session").unwrap().dialogue(seed, None);
        for call in named(&session, "webwxsync") {
            let answer = answer(call);
            for [count, list] in [
                ["AddMsgCount", "AddMsgList"],
                ["ModContactCount", "ModContactList"],
                ["DelContactCount", "DelContactList"],
                ["ModChatRoomMemberCount", "ModChatRoomMemberList"],
            ] {
                assert_eq!(answer[count], answer[list].as_array().unwrap().len());
            }
        }
    }
}

#[test]
fn sync_keys_follow_each_other() {
    let session = dialogue("session");
    let mut key = Vec::new();
    let mut check_key = Vec::new();
    let mut checked = 0;
    // In the order of answers: but for the overlap, that of asking.
    for call in session.calls.iter().filter(|call| call.facts.again.is_empty()) {
        match call.facts.call.as_str() {
            "webwxinit" => {
                key = entries(&answer(call)["SyncKey"]);
                check_key.clone_from(&key);
            }
            "webwxsync" => {
                assert_eq!(entries(&question(call)["SyncKey"]), key);
                let answer = answer(call);
                key = entries(&answer["SyncKey"]);
                check_key = entries(&answer["SyncCheckKey"]);
                assert_ne!(key, check_key);
                assert_eq!(call.facts.synckey, key);
                assert_eq!(call.facts.synccheckkey, check_key);
                checked += 1;
            }
            // A poll of the overlap has an older key than the latest.
            "synccheck" if call.hold.as_millis() > 50 => assert_eq!(query_entries(call), check_key),
            _ => {}
        }
    }
    assert!(checked > 10, "{checked} syncs");
}

#[test]
fn the_truth_links_calls_both_ways() {
    let rows = rows("session");
    let by_request = |packet: usize| rows.iter().find(|row| row.request == packet).unwrap();
    let mut fetched = 0;
    for row in &rows {
        assert!(row.request < row.response);
        if let Some(fetch) = row.facts.fetch {
            assert_eq!(by_request(fetch).facts.poll, Some(row.request));
            assert!(row.facts.selector.unwrap() > 0 && row.response < fetch);
            fetched += 1;
        }
        if let Some(returned_by) = row.facts.returned_by {
            let sent = row.facts.sent.as_ref().unwrap();
            assert!(by_request(returned_by).facts.messages.contains(sent));
        }
    }
    let count = |what: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| what(row)).count();
    assert!(fetched > 10, "{fetched} polls with a fetch");
    assert_eq!(count(&|row| row.facts.fetch.is_none() && row.facts.selector.is_some_and(|bits| bits > 0)), 1);
    assert_eq!(count(&|row| row.facts.returned_by.is_some()), 4);
    assert_eq!(count(&|row| !row.facts.again.is_empty()), 1);
    assert_eq!(count(&|row| row.facts.grew.contains(&(3, -5))), 1);
    assert_eq!(count(&|row| row.facts.retcode == Some(1101)), 1);
}

#[test]
fn the_truth_is_of_what_was_sent() {
    let session = dialogue("session");
    let mut seen = Vec::new();
    for call in named(&session, "webwxsync") {
        let answer = answer(call);
        let list = answer["AddMsgList"].as_array().unwrap();
        let ids: Vec<_> = list.iter().map(|message| message["MsgId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, call.facts.messages);
        let again: Vec<_> = ids.iter().filter(|id| seen.contains(*id)).cloned().collect();
        assert_eq!(again, call.facts.again);
        seen.extend(ids);
    }
    for call in named(&session, "webwxsendmsg") {
        let answer = answer(call);
        assert_eq!(answer["MsgID"].as_str(), call.facts.sent.as_deref());
        assert_eq!(answer["LocalID"].as_str(), call.facts.local_id.as_deref());
        assert_eq!(answer["LocalID"], question(call)["Msg"]["LocalID"]);
    }
}

#[test]
fn the_session_has_what_a_dissector_may_meet() {
    let session = dialogue("session");
    let messages: Vec<Value> = named(&session, "webwxsync")
        .flat_map(|call| answer(call)["AddMsgList"].as_array().unwrap().clone())
        .collect();
    for kind in [1, 3, 34, 37, 42, 43, 47, 49, 51, 10_000, 10_002] {
        assert!(messages.iter().any(|message| message["MsgType"] == kind), "{kind}");
    }
    let any = |what: &dyn Fn(&Value) -> bool| messages.iter().any(what);
    assert!(any(&|message| message["FileSize"].as_u64() > Some(0)));
    assert!(any(&|message| message["FileSize"].as_str() == Some("48213")));
    let number = |message: &Value| message["MsgId"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(any(&|message| message["NewMsgId"] == number(message)));
    let selectors: Vec<_> = session
        .calls
        .iter()
        .filter(|call| call.facts.retcode == Some(0))
        .map(|call| call.facts.selector)
        .collect();
    for selector in [0, 2, 4, 6, 7] {
        assert!(selectors.contains(&Some(selector)), "{selector}");
    }
    let text: Vec<u8> = named(&session, "webwxsync").flat_map(|call| call.response.body.clone()).collect();
    let text = std::str::from_utf8(&text).unwrap();
    for part in ["\\u4f60", "\\ud83d\\ude04", "你好", "\\\"", "\\\\", "\\n", "\"ContinueFlag\": 1"] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn two_sessions_share_a_connection_and_nothing_else() {
    let rows = rows("two-sessions");
    let mut owners: Vec<_> = rows.iter().map(|row| row.facts.uin.unwrap()).collect();
    owners.sort_unstable();
    owners.dedup();
    assert_eq!(owners.len(), 2);
    let streams = |uin| {
        let rows = rows.iter().filter(move |row| row.facts.uin == Some(uin));
        rows.map(|row| row.stream).collect::<Vec<_>>()
    };
    let other = streams(owners[1]);
    assert!(streams(owners[0]).iter().any(|stream| other.contains(stream)));
    for row in rows.iter().filter(|row| row.facts.fetch.is_some()) {
        let fetch = rows.iter().find(|fetch| Some(fetch.request) == row.facts.fetch).unwrap();
        assert_eq!(fetch.facts.poll, Some(row.request));
        assert_eq!(fetch.facts.uin, row.facts.uin);
    }
}

#[test]
fn spellings_differ_and_mean_the_same() {
    let spellings = dialogue("spellings");
    for poll in named(&spellings, "synccheck") {
        let (_, asked) = poll.request.target.rsplit_once("synckey=").unwrap();
        let asked =
            asked.split('&').next().unwrap().replace("%7c", "|").replace("%7C", "|").replace("%5F", "_");
        let meant: Vec<_> =
            poll.facts.asked_key.iter().map(|(key, value)| format!("{key}_{value}")).collect();
        assert_eq!(asked, meant.join("|"));
    }
    let targets: Vec<_> = spellings.calls.iter().map(|call| call.request.target.as_str()).collect();
    for part in ["|", "%7c", "%5F", "?synckey=", "http://server.example/", "callback=", "&empty=&"] {
        assert!(targets.iter().any(|target| target.contains(part)), "{part}");
    }
}

#[test]
fn foreign_calls_are_none() {
    let foreign = dialogue("foreign");
    assert_eq!(named(&foreign, "").count(), foreign.calls.len());
    assert!(foreign.calls.len() >= 10);
}

#[test]
fn bad_answers_are_bad() {
    let parses = |name: &str| {
        let dialogue = dialogue(name);
        let bad: Vec<_> = dialogue.calls.iter().filter(|call| call.facts.bad.is_some()).collect();
        let parsed = bad.iter().filter(|call| serde_json::from_slice::<Value>(&call.response.body).is_ok());
        (parsed.count(), bad.len())
    };
    // Out of how many serde_json reads how many. It reads names that come twice and no depth beyond 128.
    assert_eq!(parses("bad-cut"), (0, 24));
    assert_eq!(parses("bad-deep"), (0, 8));
    // Two hold characters that XML does not allow and JSON does.
    assert_eq!(parses("bad-utf8"), (2, 20));
    assert_eq!(parses("bad-synccheck"), (1, 15));
    for (name, calls) in
        [("bad-duplicates", 5), ("bad-counts", 6), ("bad-huge-list", 4), ("bad-huge-text", 3)]
    {
        assert_eq!(parses(name), (calls, calls), "{name}");
    }
    // One has a list around half an object.
    assert_eq!(parses("bad-types"), (16, 17));
    assert_eq!(parses("bad-no-json"), (5, 17));
    for bad in bad::BAD {
        let dialogue = dialogue(&format!("bad-{}", bad.name));
        let last = named(&dialogue, "webwxsync").last().unwrap();
        assert_eq!(answer(last)["AddMsgList"][0]["Content"], "All is well again.");
        assert_eq!(last.facts.grew[0], (2, 1));
    }
}

#[test]
fn sizes_are_obeyed() {
    let len = |name: &str, size| {
        let (dialogue, _) = case::find(name).unwrap().dialogue(1, Some(size));
        dialogue.calls.iter().map(|call| call.response.body.len()).max().unwrap()
    };
    for name in ["bad-huge-list", "bad-huge-text", "bad-deep"] {
        assert!(len(name, 20_000) >= len(name, 10_000) + 10_000, "{name}");
    }
}

#[test]
fn tls_hides_the_calls_and_logs_its_keys() {
    for (version, labels) in [
        (Version::Tls12, ["CLIENT_RANDOM"; 2]),
        (Version::Tls13, ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"]),
    ] {
        let make = || {
            let case = case::find("session-mixed").unwrap();
            let (dialogue, mut rng) = case.dialogue(1, None);
            let tls = Tls::new(version, &mut rng).unwrap();
            let carried = carry(&dialogue, case.carrier, HTTPS, Some(&tls), &mut rng).unwrap();
            (dialogue, carried, tls.key_log())
        };
        let (dialogue, carried, keys) = make();
        let file = to_bytes(&carried.capture);
        let (_, again, same_keys) = make();
        assert!(file == to_bytes(&again.capture) && keys == same_keys, "{version:?}");

        assert!(!file.windows(9).any(|window| window == b"synccheck"));
        let opened = parse(&file).iter().filter(|packet| packet.tcp.syn && !packet.tcp.ack).count();
        for label in labels {
            let lines = keys.lines().filter(|line| line.starts_with(&format!("{label} ")));
            assert_eq!(lines.count(), opened, "{label}");
        }
        // Records lie where the truth says: each begins with its type and version.
        let rows = truth::rows(&dialogue, &carried).unwrap();
        assert_eq!(rows.len(), dialogue.calls.len());
        for message in carried.messages.iter().filter(|message| message.direction == ServerToClient) {
            let packets = carried.capture.packets().iter();
            let bytes: Vec<u8> = packets
                .filter(|packet| (packet.flow, packet.direction) == (message.flow, message.direction))
                .flat_map(|packet| packet.payload.clone())
                .collect();
            assert_eq!(bytes[message.range.start as usize..][..3], [23, 3, 3]);
        }
        let client = carried.capture.packets().iter().find(|packet| !packet.payload.is_empty()).unwrap();
        assert_eq!((client.direction, client.payload[0]), (ClientToServer, 22));
    }
}

/// Has a dialogue for real; how many lines the key log has.
fn talk(name: &str, version: Option<Version>) -> usize {
    let case = case::find(name).unwrap();
    let (dialogue, mut rng) = case.dialogue(1, None);
    let calls = dialogue.calls.len();
    let tls = version.map(|version| Arc::new(Tls::new(version, &mut rng).unwrap()));
    let talked = talk::talk(&Arc::new(dialogue), case.carrier, 0, tls.as_ref(), &mut rng).unwrap();
    assert_eq!(talked, calls, "{name}");
    tls.map_or(0, |tls| tls.key_log().lines().count())
}

#[test]
fn client_and_server_really_talk() {
    assert_eq!(talk("article", None), 0);
    assert_eq!(talk("article-cut", Some(Version::Tls12)), 2);
    assert_eq!(talk("article-gzip-chunked", Some(Version::Tls13)), 2 * 5);
    assert_eq!(talk("article-until-close", Some(Version::Tls13)), 3 * 5);
}

#[test]
fn calls_really_overlap() {
    talk("session-mixed", None);
}

#[test]
fn all_cases_fit_into_tls() {
    for case in case::cases() {
        let (dialogue, mut rng) = case.dialogue(1, Some(100));
        let tls = Tls::new(Version::Tls13, &mut rng).unwrap();
        let carried = carry(&dialogue, case.carrier, 8443, Some(&tls), &mut rng).unwrap();
        assert_eq!(truth::rows(&dialogue, &carried).unwrap().len(), dialogue.calls.len(), "{}", case.name);
    }
}

#[test]
fn a_client_notices_another_certificate() -> io::Result<()> {
    let [tls, other] = [1, 2].map(|seed| Tls::new(Version::Tls13, &mut ChaCha8Rng::seed_from_u64(seed)));
    let mut client = tls?.client("wx.qq.com")?;
    let mut server = other?.server()?;
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes)?;
    server.read_tls(&mut &*bytes)?;
    server.process_new_packets().unwrap();
    bytes.clear();
    while server.wants_write() {
        server.write_tls(&mut bytes)?;
    }
    client.read_tls(&mut &*bytes)?;
    assert!(client.process_new_packets().is_err());
    Ok(())
}
