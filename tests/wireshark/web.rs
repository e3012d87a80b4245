// SPDX-License-Identifier: GPL-2.0-or-later
//! The web client in a real tshark, on generated captures: what it shows is what was said.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::support::opened::{Opened, open, open_file};
use crate::support::webcalls::{PLAIN, TLS12, TLS13, Way, show};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use wechat_dissector::kernel::rows::Type;
use wechat_dissector::web::fields::{FIELDS as WEB_FIELDS, NOTES as WEB_NOTES};
use wechat_dissector::wechat::secret::Key;
use wechat_traffic::capture::{BASE_TIME, Capture};
use wechat_traffic::flow::{Chunk, Segmentation};
use wechat_traffic::packet::{Direction, Endpoints};
use wechat_traffic::sample;
use wechat_traffic::script::{Script, Write};
use wechat_traffic::web::carrier::{HTTP, carry_turns};
use wechat_traffic::web::http::query;
use wechat_traffic::web::tls::{HTTPS, Tls, Version};
use wechat_traffic::web::truth::Row;
use wechat_traffic::web::{exported, odd, together};

const TWO_PASSES: &[&str] = &["-2"];
/// All ways to carry the same calls.
const ARTICLES: [&str; 8] = [
    "article",
    "article-chunked",
    "article-gzip",
    "article-gzip-chunked",
    "article-cut",
    "article-per-call",
    "article-until-close",
    "article-one-connection",
];

/// All values of a field in a part of a layer.
fn values(part: &Value, field: &str) -> Vec<String> {
    fn find(part: &Value, field: &str, found: &mut Vec<String>) {
        match part {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if name == field => found.push(text.clone()),
                        Value::Array(texts) if name == field && texts.iter().all(Value::is_string) => {
                            found.extend(texts.iter().filter_map(Value::as_str).map(str::to_owned));
                        }
                        _ => find(value, field, found),
                    }
                }
            }
            Value::Array(parts) => parts.iter().for_each(|part| find(part, field, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    find(part, &format!("wechat_web.{field}"), &mut found);
    found
}

fn value(layer: &Map<String, Value>, field: &str) -> Option<String> {
    let mut found = values(&Value::Object(layer.clone()), field);
    assert!(found.len() < 2, "{field} is {found:?}");
    found.pop()
}

/// A part of a layer, wherever it is.
fn part<'a>(layer: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    let name = format!("wechat_web.{field}");
    layer
        .get(&name)
        .or_else(|| layer.values().filter_map(Value::as_object).find_map(|inner| part(inner, field)))
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// Seconds with nine decimals as microseconds.
fn microseconds(text: &str) -> u64 {
    number::<u64>(&text.replace('.', "")) / 1000
}

/// Key, value and growth of the entries of a SyncKey.
fn keys(synckey: Option<&Value>) -> Vec<(u32, u32, Option<i64>)> {
    let Some(Value::Object(synckey)) = synckey else { return Vec::new() };
    let entries = match part(synckey, "synckey.entry") {
        Some(Value::Array(entries)) => entries.clone(),
        Some(entry) => vec![entry.clone()],
        None => Vec::new(),
    };
    let entry = |entry: &Value| {
        let one = |field: &str| value(entry.as_object().expect("an entry"), field);
        let [key, value] =
            ["synckey.key", "synckey.value"].map(|field| number(&one(field).expect("a number")));
        (key, value, one("synckey.delta").map(|delta| number(&delta)))
    };
    entries.iter().map(entry).collect()
}

fn grown(keys: &[(u32, u32, Option<i64>)]) -> Vec<(u32, i64)> {
    keys.iter().filter_map(|(key, _, delta)| Some((*key, delta.filter(|delta| *delta != 0)?))).collect()
}

fn plain(keys: &[(u32, u32, Option<i64>)]) -> Vec<(u32, u32)> {
    keys.iter().map(|(key, value, _)| (*key, *value)).collect()
}

/// The words in the Info column, all of which are ours.
fn infos(opened: &Opened) -> Vec<(usize, String)> {
    let lines = opened.values("wechat_web", &["frame.number", "_ws.col.Protocol", "_ws.col.Info"]);
    lines
        .iter()
        .map(|line| {
            let (packet, rest) = line.split_once(' ').expect("a number");
            let (protocol, info) = rest.split_once(' ').expect("a protocol");
            // TLS names itself where it put records together, whatever is in them.
            assert!(protocol == "WeChatWeb" || protocol.starts_with("TLSv1."), "{line}");
            let info = info.replace("[TLS segment of a reassembled PDU]", "");
            (number(packet), info.trim_matches([' ', '|']).to_owned())
        })
        .collect()
}

// ---- the article ----

#[test]
fn the_articles_message_moves_key_2_by_one_and_key_201_by_27_seconds() {
    let expected = [
        "synccheck request, GET ?r=1421740801000&skey=#",
        "synccheck response, retcode 0, fine, selector 2",
        "webwxsync request, POST ?sid=#",
        "webwxsync response, a message, SyncKey: key 2 +1, key 201 +27 s",
        "synccheck request, SyncKey: key 2 +1, key 201 +27 s, GET ?r=1421740826100&skey=#",
        "synccheck response, retcode 0, fine, selector 0",
    ];
    let ways = ARTICLES.map(|name| (name, PLAIN)).into_iter().chain([
        ("article", TLS13),
        ("article", TLS12),
        ("article-gzip-chunked", TLS13),
        ("article-cut", TLS12),
    ]);
    for (name, way) in ways {
        let shown = show(name, way);
        let infos = infos(&shown.opened);
        let packets: Vec<usize> = shown.rows.iter().flat_map(|row| [row.request, row.response]).collect();
        assert_eq!(infos.iter().map(|(packet, _)| *packet).collect::<Vec<_>>(), packets, "{name}");
        for ((_, info), expected) in infos.iter().zip(expected) {
            // What a response says, and how long it took, is all that there is.
            let words = info.split(" → ").next();
            let fits =
                if expected.contains('#') { info.starts_with(expected) } else { words == Some(expected) };
            assert!(fits, "{name}: {info:?}");
        }

        let layers = shown.layers(TWO_PASSES);
        let [first, second, third] = &shown.rows[..] else { panic!("three calls") };
        let one = |packet: usize, field: &str| value(&layers[&packet], field);
        let link = |packet: usize, field: &str| one(packet, field).map(|to| number(&to));
        // The poll is held for 25 seconds, and fetched.
        assert_eq!(one(first.response, "poll.hold").map(|hold| microseconds(&hold)), Some(first.time_us));
        assert_eq!((first.time_us + 50_000) / 100_000, 250, "{name}");
        assert_eq!(link(first.response, "poll.fetch_in"), Some(second.request), "{name}");
        assert_eq!(link(second.request, "fetch.poll"), Some(first.response));
        let message = [(2, 1), (201, 27)];
        // In JSON, compared with the request's; in the polls' strings.
        let synckey = |packet: usize| keys(part(&layers[&packet], "synckey"));
        assert_eq!(plain(&synckey(second.request)), second.facts.asked_key);
        assert_eq!(plain(&synckey(second.response)), second.facts.synckey);
        assert_eq!(plain(&synckey(third.request)), third.facts.asked_key);
        assert_eq!(grown(&synckey(second.response)), message);
        assert_eq!(grown(&synckey(third.request)), message);
        // Keys that stayed say so.
        assert!(synckey(third.request).iter().all(|(.., delta)| delta.is_some()));
        for (before, after) in [(second.request, second.response), (first.request, third.request)] {
            assert_eq!(link(after, "synckey.previous"), Some(before));
            assert_eq!(link(before, "synckey.next"), Some(after));
        }
    }
}

#[test]
fn details_explain_the_growth() {
    let shown = show("article", PLAIN);
    let text = shown.opened.text(&["-V", "-Y", &format!("frame.number == {}", shown.rows[1].response)]);
    let ours = &text[text.find("\nWeChat web client").expect("a tree of ours")..];
    for line in [
        "WeChat web client, webwxsync response",
        "    [Response to: 10]",
        "    JSON",
        "        AddMsgList (1)",
        "                MsgType: text (1)",
        "                CreateTime: Jan 20, 2015 08:00:26.000000000 UTC",
        "        SyncKey: key 2 +1, key 201 +27 s",
        "                Key 1 = 651478195 (stayed)",
        "                Key 2 (messages) = 688312080 (+1: a message)",
        "                    [Growth: 1]",
        "                Key 201 (unix time) = 1421740826 (+27 s)",
        "            [Compared with the SyncKey in: 10]",
    ] {
        assert!(ours.contains(&format!("\n{line}\n")), "{line:?} is not in{ours}");
    }
}

// ---- every member ----

/// What a member is shown as.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    /// An object or a list.
    Whole,
    Number,
    Hex,
    Text,
    /// Seconds since 1970.
    Time,
    /// Hidden where it is not 0.
    Account,
    /// Hidden where it is not empty.
    Secret,
}

use Sort::{Account, Hex, Number, Secret, Text, Time, Whole};

/// Members of the calls' objects, independently of the dissector's table: path, field and sort.
const MEMBERS: &[(&str, &str, Sort)] = &[
    ("BaseResponse", "base_response", Whole),
    ("BaseResponse/Ret", "ret", Number),
    ("BaseResponse/ErrMsg", "err_msg", Text),
    ("AddMsgCount", "messages.count", Number),
    ("AddMsgList", "messages", Whole),
    ("AddMsgList/*", "message", Whole),
    ("AddMsgList/*/MsgId", "message.id", Number),
    ("AddMsgList/*/FromUserName", "message.from", Text),
    ("AddMsgList/*/ToUserName", "message.to", Text),
    ("AddMsgList/*/MsgType", "message.type", Number),
    ("AddMsgList/*/Content", "message.content", Text),
    ("AddMsgList/*/Status", "message.status", Number),
    ("AddMsgList/*/ImgStatus", "message.img_status", Number),
    ("AddMsgList/*/CreateTime", "message.create_time", Time),
    ("AddMsgList/*/VoiceLength", "message.voice_length", Number),
    ("AddMsgList/*/PlayLength", "message.play_length", Number),
    ("AddMsgList/*/FileName", "message.file_name", Text),
    ("AddMsgList/*/FileSize", "message.file_size", Number),
    ("AddMsgList/*/MediaId", "message.media_id", Secret),
    ("AddMsgList/*/Url", "message.url", Text),
    ("AddMsgList/*/AppMsgType", "message.app_type", Number),
    ("AddMsgList/*/StatusNotifyCode", "message.notify_code", Number),
    ("AddMsgList/*/StatusNotifyUserName", "message.notify_user", Text),
    ("AddMsgList/*/RecommendInfo", "recommend", Whole),
    ("AddMsgList/*/RecommendInfo/UserName", "recommend.user", Text),
    ("AddMsgList/*/RecommendInfo/NickName", "recommend.nick", Text),
    ("AddMsgList/*/RecommendInfo/QQNum", "recommend.qq", Account),
    ("AddMsgList/*/RecommendInfo/Province", "recommend.province", Text),
    ("AddMsgList/*/RecommendInfo/City", "recommend.city", Text),
    ("AddMsgList/*/RecommendInfo/Content", "recommend.content", Text),
    ("AddMsgList/*/RecommendInfo/Signature", "recommend.signature", Text),
    ("AddMsgList/*/RecommendInfo/Alias", "recommend.alias", Text),
    ("AddMsgList/*/RecommendInfo/Scene", "recommend.scene", Number),
    ("AddMsgList/*/RecommendInfo/VerifyFlag", "recommend.verify_flag", Hex),
    ("AddMsgList/*/RecommendInfo/AttrStatus", "recommend.attr_status", Number),
    ("AddMsgList/*/RecommendInfo/Sex", "recommend.sex", Number),
    ("AddMsgList/*/RecommendInfo/Ticket", "recommend.ticket", Secret),
    ("AddMsgList/*/RecommendInfo/OpCode", "recommend.op_code", Number),
    ("AddMsgList/*/ForwardFlag", "message.forward_flag", Number),
    ("AddMsgList/*/AppInfo", "app_info", Whole),
    ("AddMsgList/*/AppInfo/AppID", "app_info.id", Text),
    ("AddMsgList/*/AppInfo/Type", "app_info.type", Number),
    ("AddMsgList/*/HasProductId", "message.has_product_id", Number),
    ("AddMsgList/*/Ticket", "message.ticket", Secret),
    ("AddMsgList/*/ImgHeight", "message.img_height", Number),
    ("AddMsgList/*/ImgWidth", "message.img_width", Number),
    ("AddMsgList/*/SubMsgType", "message.sub_type", Number),
    ("AddMsgList/*/NewMsgId", "message.new_id", Number),
    ("AddMsgList/*/OriContent", "message.ori_content", Text),
    ("AddMsgList/*/EncryFileName", "message.encry_file_name", Text),
    ("ModContactCount", "mod_contacts.count", Number),
    ("ModContactList", "mod_contacts", Whole),
    ("DelContactCount", "del_contacts.count", Number),
    ("DelContactList", "del_contacts", Whole),
    ("ModChatRoomMemberCount", "mod_members.count", Number),
    ("ModChatRoomMemberList", "mod_members", Whole),
    ("Profile", "profile", Whole),
    ("Profile/BitFlag", "profile.changed", Hex),
    ("Profile/UserName", "profile.part", Whole),
    ("Profile/UserName/Buff", "profile.user", Text),
    ("Profile/NickName", "profile.part", Whole),
    ("Profile/NickName/Buff", "profile.nick", Text),
    ("Profile/BindUin", "profile.bind_uin", Account),
    ("Profile/BindEmail", "profile.part", Whole),
    ("Profile/BindEmail/Buff", "profile.email", Text),
    ("Profile/BindMobile", "profile.part", Whole),
    ("Profile/BindMobile/Buff", "profile.mobile", Text),
    ("Profile/Status", "profile.status", Number),
    ("Profile/Sex", "profile.sex", Number),
    ("Profile/PersonalCard", "profile.card", Number),
    ("Profile/Alias", "profile.alias", Text),
    ("Profile/HeadImgUpdateFlag", "profile.picture_changed", Number),
    ("Profile/HeadImgUrl", "profile.picture", Text),
    ("Profile/Signature", "profile.signature", Text),
    ("ContinueFlag", "continue_flag", Number),
    ("SyncKey", "synckey", Whole),
    ("SyncKey/Count", "synckey.count", Number),
    ("SyncKey/List", "synckey.list", Whole),
    ("SyncKey/List/*", "synckey.entry", Whole),
    ("SyncKey/List/*/Key", "synckey.key", Number),
    ("SyncKey/List/*/Val", "synckey.value", Number),
    ("SyncCheckKey", "synckey.check", Whole),
    ("SyncCheckKey/Count", "synckey.count", Number),
    ("SyncCheckKey/List", "synckey.list", Whole),
    ("SyncCheckKey/List/*", "synckey.entry", Whole),
    ("SyncCheckKey/List/*/Key", "synckey.key", Number),
    ("SyncCheckKey/List/*/Val", "synckey.value", Number),
    ("SKey", "skey", Secret),
    ("BaseRequest", "base_request", Whole),
    ("BaseRequest/Uin", "uin", Account),
    ("BaseRequest/Sid", "sid", Secret),
    ("BaseRequest/Skey", "skey", Secret),
    ("BaseRequest/DeviceID", "device_id", Text),
    ("rr", "rr", Number),
];

/// Members of a contact, below each of these lists.
const CONTACTS: [&str; 3] = ["ModContactList/*", "DelContactList/*", "ModChatRoomMemberList/*"];
const CONTACT: &[(&str, &str, Sort)] = &[
    ("", "contact", Whole),
    ("/UserName", "contact.user", Text),
    ("/NickName", "contact.nick", Text),
    ("/RemarkName", "contact.remark", Text),
    ("/Sex", "contact.sex", Number),
    ("/Signature", "contact.signature", Text),
    ("/ContactFlag", "contact.flag", Hex),
    ("/VerifyFlag", "contact.verify_flag", Hex),
    ("/HeadImgUrl", "contact.picture", Text),
    ("/Alias", "contact.alias", Text),
    ("/Province", "contact.province", Text),
    ("/City", "contact.city", Text),
    ("/MemberCount", "contact.members.count", Number),
    ("/MemberList", "contact.members", Whole),
    ("/MemberList/*", "contact", Whole),
    ("/MemberList/*/Uin", "contact.uin", Account),
    ("/MemberList/*/UserName", "contact.user", Text),
    ("/MemberList/*/NickName", "contact.nick", Text),
    ("/MemberList/*/RemarkName", "contact.remark", Text),
];

/// Members of contacts that have no field of their own.
const UNTYPED: &[&str] = &[
    "AttrStatus",
    "ChatRoomOwner",
    "ContactType",
    "DisplayName",
    "HeadImgUpdateFlag",
    "HideInputBarFlag",
    "KeyWord",
    "MemberStatus",
    "SnsFlag",
    "Statues",
];

fn member(path: &str) -> Option<(&'static str, Sort)> {
    let found = MEMBERS.iter().find(|(known, ..)| *known == path);
    let contact = || {
        let rest = CONTACTS.iter().find_map(|list| path.strip_prefix(list))?;
        CONTACT.iter().find(|(known, ..)| *known == rest)
    };
    found.or_else(contact).map(|(_, field, sort)| (*field, *sort))
}

/// An item: its field, and where its bytes are.
type Place = (String, usize, String);

/// What a body should be shown as: places, and values by field. Empty texts have no place.
#[derive(Default)]
struct Expected {
    places: Vec<Place>,
    values: BTreeMap<String, Vec<String>>,
    untyped: usize,
}

impl Expected {
    /// Walks a part of `body`.
    fn walk(&mut self, body: &str, part: &RawValue, path: &str) {
        let text = part.get();
        let at = text.as_ptr() as usize - body.as_ptr() as usize;
        if !path.is_empty() && !self.take(text, at, path) {
            return;
        }
        if text.starts_with('{') {
            let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).expect("an object");
            for (name, value) in members {
                let slash = if path.is_empty() { "" } else { "/" };
                self.walk(body, value, &format!("{path}{slash}{name}"));
            }
        } else if text.starts_with('[') {
            let entries: Vec<&RawValue> = serde_json::from_str(text).expect("a list");
            entries.into_iter().for_each(|entry| self.walk(body, entry, &format!("{path}/*")));
        }
    }

    /// Takes a member; whether to walk into it.
    fn take(&mut self, text: &str, at: usize, path: &str) -> bool {
        let Some((field, sort)) = member(path) else {
            let name = path.rsplit('/').next().unwrap_or_default();
            assert!(UNTYPED.contains(&name), "{path} has no field of its own");
            self.untyped += 1;
            return false;
        };
        let quoted = text.starts_with('"');
        let inner = if quoted { &text[1..text.len() - 1] } else { text };
        let at = at + usize::from(quoted);
        let read = if quoted { serde_json::from_str(text).expect("a text") } else { text.to_owned() };
        let is_set = !matches!(inner, "" | "0");
        let field = if sort == Account && is_set { "account" } else { field };
        if !inner.is_empty() {
            let hex = inner.bytes().map(|byte| format!("{byte:02x}")).collect();
            self.places.push((field.to_owned(), at, hex));
        }
        let value = match sort {
            Whole => return true,
            Number | Account | Hex if read.is_empty() => "0".to_owned(),
            Hex => number::<u32>(&read).to_string(),
            Number => number::<i128>(&read).to_string(),
            Time => time(number(&read)),
            Account | Secret if is_set => "#".to_owned(),
            Text | Secret | Account => read.chars().map(printable).collect(),
        };
        self.values.entry(field.to_owned()).or_default().push(value);
        true
    }
}

fn printable(c: char) -> String {
    if c.is_control() { format!("\\x{:02x}", u32::from(c)) } else { c.to_string() }
}

/// A time of the captures' day, as tshark 4.6 writes it.
fn time(seconds: u64) -> String {
    const EIGHT: u64 = 8 * 3600;
    let day = seconds + EIGHT - BASE_TIME.as_secs();
    assert!(day < 24 * 3600, "{seconds}");
    format!("2015-01-20T{:02}:{:02}:{:02}.000000000Z", day / 3600, day / 60 % 60, day % 60)
}

/// As tshark 4.6 writes it, whichever wrote it.
fn iso(text: &str) -> Option<String> {
    let time = text.strip_prefix("Jan 20, 2015 ")?.strip_suffix(" UTC")?;
    Some(format!("2015-01-20T{time}Z"))
}

/// The places of all items of a layer that `-x` gave.
fn places(part: &Value, found: &mut Vec<Place>) {
    let Value::Object(members) = part else { return };
    for (name, value) in members {
        let Some(field) = name.strip_suffix("_raw").and_then(|name| name.strip_prefix("wechat_web.")) else {
            match value {
                Value::Array(parts) => parts.iter().for_each(|part| places(part, found)),
                part => places(part, found),
            }
            continue;
        };
        let all = value.as_array().expect("a list");
        let all = if all[0].is_array() { all.clone() } else { vec![value.clone()] };
        for place in all {
            let hex = place[0].as_str().expect("bytes").to_owned();
            let at = place[1].as_u64().expect("a place") as usize;
            found.push((field.to_owned(), at, hex));
        }
    }
}

/// Walks a body's JSON, and fails on any member without a typed item on exactly its bytes. `base` is
/// where the body begins among the bytes that the items are told of.
#[track_caller]
fn assert_members(layer: &Map<String, Value>, body: &[u8], base: usize) -> usize {
    let body = std::str::from_utf8(body).expect("JSON is UTF-8");
    let mut expected = Expected::default();
    expected.walk(body, serde_json::from_str(body).expect("JSON"), "");
    let fields: HashSet<&str> =
        MEMBERS.iter().chain(CONTACT).map(|(_, field, _)| *field).chain(["account"]).collect();
    let part = part(layer, "body").unwrap_or_else(|| panic!("no body: {layer:?}"));

    let mut shown = Vec::new();
    places(part, &mut shown);
    shown.retain(|(field, ..)| fields.contains(&**field));
    let mut meant: Vec<Place> =
        expected.places.into_iter().map(|(field, at, hex)| (field, at + base, hex)).collect();
    shown.sort();
    meant.sort();
    for (shown, meant) in shown.iter().zip(&meant) {
        assert_eq!(shown, meant);
    }
    assert_eq!(shown.len(), meant.len());

    for (field, mut meant) in expected.values {
        let hides = |text: &String| {
            const HASHED: [&str; 6] =
                ["account", "skey", "sid", "message.media_id", "message.ticket", "recommend.ticket"];
            text.starts_with('#') && HASHED.contains(&&*field)
        };
        let alike = |text: String| match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).expect("a number").to_string(),
            None => iso(&text).unwrap_or(text),
        };
        let mut shown: Vec<String> = values(part, &field)
            .into_iter()
            .map(|text| if hides(&text) { "#".to_owned() } else { alike(text) })
            .collect();
        shown.sort();
        meant.sort();
        assert_eq!(shown, meant, "{field}");
    }
    assert_eq!(values(part, "member").len(), expected.untyped);
    shown.len()
}

/// Where a body begins: in bytes of its own where it was coded, else behind the head.
fn base(layer: &Map<String, Value>, head: &Value, coded: bool) -> usize {
    let number = |at: usize| head[at].as_u64().expect("a number") as usize;
    assert!(!layer.is_empty());
    if coded { 0 } else { number(1) + number(2) }
}

/// Heads are told beside the layers: packet and place.
fn heads(opened: &Opened) -> HashMap<usize, Value> {
    let text = opened.text(&["-Y", "wechat_web", "-T", "json", "-x", "--no-duplicate-keys"]);
    let packets: Vec<Value> = serde_json::from_str(&text).expect("tshark writes JSON");
    packets
        .iter()
        .map(|packet| {
            let layers = &packet["_source"]["layers"];
            (
                number(layers["frame"]["frame.number"].as_str().expect("a number")),
                layers["wechat_web_raw"].clone(),
            )
        })
        .collect()
}

fn assert_syncs(name: &str, way: Way) -> usize {
    let shown = show(name, way);
    let opened = shown.opened.with(&["-x"]);
    let layers: HashMap<usize, Map<String, Value>> = opened.layers_of("wechat_web").into_iter().collect();
    let heads = heads(&shown.opened);
    let mut members = 0;
    for (call, row) in
        shown.calls().filter(|(_, row)| row.facts.call == "webwxsync" && row.facts.bad.is_none())
    {
        let (asked, answered) = (&layers[&row.request], &layers[&row.response]);
        members += assert_members(asked, &call.request.body, base(asked, &heads[&row.request], false));
        let coded = ["-chunked", "-gzip", "-gzip-chunked"].iter().any(|coding| name.ends_with(coding));
        members +=
            assert_members(answered, &call.response.body, base(answered, &heads[&row.response], coded));
    }
    members
}

#[test]
fn every_member_of_the_article_is_a_typed_item_on_its_own_bytes() {
    for name in ARTICLES {
        assert!(assert_syncs(name, PLAIN) > 80, "{name}");
    }
    for (name, way) in [("article", TLS13), ("article-gzip-chunked", TLS12), ("article-cut", TLS13)] {
        assert!(assert_syncs(name, way) > 80, "{name}");
    }
}

#[test]
fn every_member_of_later_answers_is_a_typed_item_on_its_own_bytes() {
    assert!(assert_syncs("session", PLAIN) > 1000);
}

/// In the query, whose values may be escaped: on their bytes in the request line.
#[test]
fn every_parameter_of_a_poll_is_an_item_on_its_own_bytes() {
    for (name, way) in [("article", PLAIN), ("article", TLS13), ("session", PLAIN)] {
        let shown = show(name, way);
        let layers: HashMap<usize, Map<String, Value>> =
            shown.opened.with(&["-x"]).layers_of("wechat_web").into_iter().collect();
        let heads = heads(&shown.opened);
        for (call, row) in shown.calls().filter(|(_, row)| row.facts.call == "synccheck") {
            let head = &heads[&row.request];
            let start = head[1].as_u64().expect("a place") as usize;
            let target = start + "GET ".len();
            let mut items = Vec::new();
            places(&Value::Object(layers[&row.request].clone()), &mut items);
            let mut at = target + call.request.target.find('?').expect("a query") + 1;
            for parameter in call.request.target[at - target..].split('&') {
                let (name, value) = parameter.split_once('=').expect("a value");
                let field = match name {
                    "r" => "parameter.r",
                    "_" => "parameter.time",
                    "uin" => "account",
                    "deviceid" => "device_id",
                    other => other,
                };
                let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect();
                let item = (field.to_owned(), at + name.len() + 1, hex);
                assert!(items.contains(&item), "{item:?} is not in {items:?}");
                at += parameter.len() + 1;
            }
            let layer = &layers[&row.request];
            assert_eq!(value(layer, "call").as_deref(), Some("synccheck"));
            assert_eq!(value(layer, "host").as_deref(), Some(&*call.request.host));
            assert_eq!(plain(&keys(part(layer, "synckey"))), row.facts.asked_key);
        }
    }
}

// ---- the truth ----

/// The newest SyncKeys of a session, by sort: of a poll, `SyncKey`, `SyncCheckKey`.
type Newest = [Option<(usize, Vec<(u32, u32)>)>; 3];

/// How keys compare with those before.
fn deltas(keys: &[(u32, u32)], before: &[(u32, u32)]) -> Vec<(u32, u32, Option<i64>)> {
    let delta = |key: u32, value: u32| {
        let old = before.iter().find(|(other, _)| *other == key)?;
        Some(i64::from(value) - i64::from(old.1))
    };
    keys.iter().map(|(key, value)| (*key, *value, delta(*key, *value))).collect()
}

/// Compares everything that is shown of a capture with what was said.
fn assert_truth(name: &str, way: Way) {
    let shown = show(name, way);
    let [first, layers] = [&[], TWO_PASSES].map(|passes| shown.layers(passes));
    let rows: Vec<&Row> = shown.ours().collect();
    let responses: HashMap<usize, usize> = rows.iter().map(|row| (row.request, row.response)).collect();
    let packets: BTreeSet<usize> = rows.iter().flat_map(|row| [row.request, row.response]).collect();
    assert!(layers.keys().eq(&packets), "{name}: {:?} are shown, not {packets:?}", layers.keys());
    // One pass shows the same messages, and of them what does not lie ahead.
    assert!(first.keys().eq(&packets), "{name}");

    let mut sessions: HashMap<u32, String> = HashMap::new();
    let mut newest: HashMap<u32, Newest> = HashMap::new();
    let mut events: Vec<(usize, &Row, bool)> =
        rows.iter().flat_map(|row| [(row.request, *row, true), (row.response, *row, false)]).collect();
    events.sort_by_key(|(packet, ..)| *packet);
    for (packet, row, is_request) in events {
        let (layer, facts) = (&layers[&packet], &row.facts);
        let one = |field: &str| value(layer, field);
        let link = |field: &str| one(field).map(|packet| number::<usize>(&packet));
        let words = |field: &str| values(&Value::Object(layer.clone()), field);
        assert_eq!(one("call").as_deref(), Some(&*facts.call), "{name}, packet {packet}");
        assert_eq!(one("kind").as_deref(), Some(if is_request { "request" } else { "response" }));
        if let Some(uin) = facts.uin {
            let session = one("session").expect("a session");
            assert_eq!(sessions.entry(uin).or_insert_with(|| session.clone()), &session, "packet {packet}");
        }
        let poll = facts.call == "synccheck";
        if is_request {
            assert_eq!(link("response_in"), Some(row.response));
            assert_eq!(
                link("fetch.poll"),
                facts.poll.map(|poll| responses[&poll]),
                "{name}, packet {packet}"
            );
        } else {
            assert_eq!(link("response_to"), Some(row.request));
            assert_eq!(one("response_time").map(|time| microseconds(&time)), Some(row.time_us));
            assert_eq!(one("poll.hold").map(|time| microseconds(&time)), poll.then_some(row.time_us));
            if facts.bad.is_none() {
                assert_eq!(one("retcode").map(|number| number.parse().unwrap()), facts.retcode);
                let selector =
                    one("selector").map(|hex| u32::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap());
                assert_eq!(selector, facts.selector, "{name}, packet {packet}");
                assert_eq!(words("message.id"), facts.messages, "{name}, packet {packet}");
            }
            assert_eq!(link("poll.fetch_in"), facts.fetch);
            if facts.bad.is_none() {
                let announces =
                    facts.retcode == Some(0) && facts.selector.is_some_and(|selector| selector != 0);
                assert_eq!(
                    one("poll.unfetched").is_some(),
                    announces && facts.fetch.is_none(),
                    "packet {packet}"
                );
                let missing = words("no_fetch").len() + words("no_fetch_yet").len();
                assert_eq!(missing, usize::from(announces && facts.fetch.is_none()));
            }
            if !name.starts_with("bad-") {
                assert_eq!(words("message.again_of").len(), facts.again.len(), "{name}, packet {packet}");
            }
            if facts.sent.is_some() {
                assert_eq!(one("send.id"), facts.sent, "{name}, packet {packet}");
            }
            assert_eq!(link("send.sync_in"), facts.returned_by.map(|sync| responses[&sync]));
        }
        if facts.sent.is_some() {
            assert!(words("send.local_id").iter().all(|id| Some(id) == facts.local_id.as_ref()));
            assert!(!words("send.local_id").is_empty());
        }
        // What is wrong of the others' SyncKeys nobody has written down.
        if let (Some(uin), false) = (facts.uin, name.starts_with("bad-")) {
            let newest = newest.entry(uin).or_default();
            // Sort of a SyncKey, sorts to compare it with, where it is shown, and what was sent.
            type Compared<'a> = (usize, &'a [usize], &'a str, &'a [(u32, u32)]);
            let compared: Vec<Compared<'_>> = match is_request {
                true if poll => vec![(0, &[0, 2, 1], "synckey", &facts.asked_key)],
                true => vec![(1, &[1], "synckey", &facts.asked_key)],
                false => vec![
                    (1, &[1], "synckey", &facts.synckey),
                    (2, &[2, 0], "synckey.check", &facts.synccheckkey),
                ],
            };
            for (sort, before, field, meant) in compared {
                let shown_keys = keys(part(layer, field));
                assert_eq!(plain(&shown_keys), *meant, "{name}, packet {packet}, {field}");
                if meant.is_empty() {
                    continue;
                }
                let before = before.iter().find_map(|sort| newest[*sort].as_ref());
                let expected = match before {
                    Some((_, before)) => deltas(meant, before),
                    None => meant.iter().map(|(key, value)| (*key, *value, None)).collect(),
                };
                assert_eq!(shown_keys, expected, "{name}, packet {packet}, {field}");
                let previous = part(layer, field).and_then(Value::as_object);
                let previous = previous.and_then(|part| value(part, "synckey.previous"));
                assert_eq!(previous.map(|packet| number(&packet)), before.map(|(packet, _)| *packet));
                newest[sort] = Some((packet, meant.to_vec()));
            }
            // Of two syncs at once the second one's SyncKey is compared with the first one's.
            let previous = part(layer, "synckey").and_then(Value::as_object);
            let previous = previous.and_then(|part| value(part, "synckey.previous"));
            if !is_request && previous.is_some_and(|packet| number::<usize>(&packet) == row.request) {
                assert_eq!(grown(&keys(part(layer, "synckey"))), facts.grew, "{name}, packet {packet}");
            }
        }
    }
    // Each account has a session of its own.
    let distinct: HashSet<&String> = sessions.values().collect();
    assert_eq!(distinct.len(), sessions.len(), "{name}");
}

#[test]
fn what_is_shown_of_every_session_is_what_was_said() {
    for name in ARTICLES.into_iter().chain(["session", "session-mixed", "two-sessions"]) {
        assert_truth(name, PLAIN);
    }
    for (name, way) in [("session", TLS13), ("session-mixed", TLS12), ("two-sessions", TLS13)] {
        assert_truth(name, way);
    }
}

// ---- ways to HTTP ----

#[test]
fn every_way_to_http_leads_to_the_web_client() {
    let on = |port, options| Way { port, options, ..PLAIN };
    let inside = |port, options| Way { port, options, ..TLS13 };
    for way in [
        // Nobody owns these ports: heuristics.
        on(8000, &[]),
        inside(8443, &[]),
        on(8000, &["-d", "tcp.port==8000,http"]),
        on(8000, &["-o", "http.tcp.port:8000"]),
        inside(8443, &["-o", "http.tls.port:8443"]),
        inside(8443, &["-d", "tls.port==8443,http"]),
        // The long link's ports.
        on(8080, &[]),
        on(443, &[]),
        on(8080, &["-o", "wechat.tcp.port:9"]),
        on(80, &["--disable-protocol", "wechat"]),
        inside(443, &["--disable-protocol", "wechat"]),
        on(80, &["-o", "http.tcp.port:80,8000"]),
        on(80, &["-o", "tcp.try_heuristic_first:TRUE"]),
        on(80, &["-o", "wechat.try_any_port:TRUE"]),
    ] {
        assert_truth("two-sessions", way);
    }
}

#[test]
fn without_keys_and_without_http_there_is_nothing_to_see() {
    let shown = show("article", TLS13);
    let without = |options: &[&str]| shown.opened.with(options).packets("wechat_web").len();
    assert_eq!(without(&[]), 6);
    assert_eq!(without(&["-o", "tls.keylog_file:/dev/null"]), 0);
    assert_eq!(without(&["--disable-protocol", "http"]), 0);
    assert_eq!(without(&["--disable-protocol", "wechat_web"]), 0);
    assert_eq!(
        show("article", PLAIN).opened.with(&["-d", "tcp.port==80,ssh"]).packets("wechat_web").len(),
        0
    );
}

#[test]
fn without_the_web_client_the_long_link_is_as_it_was() {
    let opened = open(&sample::capture(1));
    let frames = opened.frames();
    assert!(frames.len() > 50);
    assert_eq!(opened.with(&["--disable-protocol", "wechat_web"]).frames(), frames);
}

#[test]
fn http_that_is_somebody_elses_is_not_claimed() {
    for way in [PLAIN, TLS13, Way { port: 8000, ..PLAIN }, Way { port: 8443, ..TLS12 }] {
        let shown = show("foreign", way);
        assert!(shown.opened.packets("http").len() >= 20);
        for passes in [&[][..], TWO_PASSES] {
            assert!(shown.layers(passes).is_empty());
        }
    }
}

#[test]
fn calls_in_other_words_are_known() {
    for way in [PLAIN, TLS13] {
        let shown = show("spellings", way);
        let layers = shown.layers(TWO_PASSES);
        assert!(
            shown.ours().all(|row| layers.contains_key(&row.request) && layers.contains_key(&row.response))
        );
        // Another host is known, and said to be another.
        let sync = shown.calls().find(|(_, row)| row.facts.call == "webwxsync").expect("a sync");
        assert_eq!(value(&layers[&sync.1.request], "host.known").as_deref(), Some("0"));
    }
}

// ---- one pass, two passes, links ----

/// Fields that lie ahead of a message.
const AHEAD: [&str; 9] = [
    "response_in",
    "poll.fetch_in",
    "poll.unfetched",
    "message.again_in",
    "message.send",
    "send.sync_in",
    "synckey.next",
    "no_fetch",
    "no_fetch_yet",
];

/// A text with `#` for each word that stands for a secret.
fn without_hashes(text: &str) -> String {
    const DIGITS: usize = 16;
    let mut parts = text.split('#');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let hash = part.get(..DIGITS).filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit()));
        format!("{all}#{}", hash.map_or(part, |_| &part[DIGITS..]))
    })
}

/// All fields of a layer and their values, without words that stand for secrets: those differ between runs.
fn all_values(part: &Value, found: &mut Vec<(String, String)>) {
    let Value::Object(members) = part else { return };
    for (name, value) in members {
        for value in value.as_array().unwrap_or(&vec![value.clone()]) {
            match value {
                Value::String(text) => found.push((name.clone(), without_hashes(text))),
                part => all_values(part, found),
            }
        }
    }
}

#[test]
fn two_passes_add_what_lies_ahead_and_change_nothing_else() {
    for (name, way) in
        [("session", PLAIN), ("two-sessions", PLAIN), ("session", TLS13), ("bad-duplicates", PLAIN)]
    {
        let shown = show(name, way);
        let [first, second] = [&[], TWO_PASSES].map(|passes| {
            let layers = shown.layers(passes);
            layers
                .into_iter()
                .map(|(packet, layer)| {
                    let mut found = Vec::new();
                    all_values(&Value::Object(layer), &mut found);
                    (packet, found)
                })
                .collect::<BTreeMap<_, _>>()
        });
        let is_ahead = |name: &str| {
            let name = name.trim_start_matches("wechat_web.");
            AHEAD.contains(&name) || name.starts_with("_ws.expert")
        };
        let mut added = 0;
        for (packet, later) in second {
            let mut rest = first[&packet].clone();
            for (field, value) in later {
                match rest.iter().position(|known| *known == (field.clone(), value.clone())) {
                    Some(place) => drop(rest.remove(place)),
                    None => {
                        assert!(is_ahead(&field), "{name}, packet {packet}: {field} = {value}");
                        added += 1;
                    }
                }
            }
            rest.retain(|(field, _)| !is_ahead(field));
            assert!(rest.is_empty(), "{name}, packet {packet}: {rest:?} only in the first pass");
        }
        assert!(added > 10, "{name}");
    }
}

#[test]
fn every_link_has_its_counterpart() {
    const PAIRS: [(&str, &str); 5] = [
        ("response_in", "response_to"),
        ("poll.fetch_in", "fetch.poll"),
        ("send.sync_in", "message.send"),
        ("message.again_in", "message.again_of"),
        ("synckey.next", "synckey.previous"),
    ];
    let named: BTreeSet<&str> = PAIRS.iter().flat_map(|(ahead, behind)| [*ahead, *behind]).collect();
    let is_link = |ty| matches!(ty, Type::Packet | Type::RequestPacket | Type::ResponsePacket);
    let links = WEB_FIELDS.iter().filter(|row| is_link(row.ty)).map(|row| row.filter.to_str().unwrap());
    assert!(links.map(|name| name.trim_start_matches("wechat_web.")).collect::<BTreeSet<_>>() == named);

    for (name, way) in [("session", PLAIN), ("two-sessions", TLS13), ("bad-counts", PLAIN)] {
        let layers = show(name, way).layers(TWO_PASSES);
        let links = |field: &str| -> BTreeSet<(usize, usize)> {
            let of = |(packet, layer): (&usize, &Map<String, Value>)| {
                let found = values(&Value::Object(layer.clone()), field);
                found.into_iter().map(|to| (*packet, number(&to))).collect::<Vec<_>>()
            };
            layers.iter().flat_map(of).collect()
        };
        for (ahead, behind) in PAIRS {
            let (forward, backward) = (links(ahead), links(behind));
            assert!(!forward.is_empty() || name != "session", "{name}: no {ahead}");
            let back: BTreeSet<(usize, usize)> = backward.iter().map(|(from, to)| (*to, *from)).collect();
            if ahead == "message.again_in" {
                // From one to the next; back always to the first.
                assert_eq!(forward.len(), backward.len(), "{name}");
                let first = back.iter().map(|(first, _)| first).collect::<BTreeSet<_>>();
                assert!(first.iter().all(|first| forward.iter().any(|(from, _)| from == *first)), "{name}");
            } else {
                assert_eq!(forward, back, "{name}: {ahead} and {behind}");
            }
        }
    }
}

// ---- secrets ----

/// A secret in the ways in which a text may hold it.
fn spellings(secret: &str) -> BTreeSet<String> {
    let encoded = query(&[("", secret)]).trim_start_matches('=').to_owned();
    let lower = encoded.split('%').enumerate().fold(String::new(), |all, (place, part)| match place {
        0 => part.to_owned(),
        _ => format!("{all}%{}{}", part[..2].to_lowercase(), &part[2..]),
    });
    let json = secret.replace('/', "\\/");
    let unicode = secret.replace('+', "\\u002b").replace('/', "\\u002f").replace('=', "\\u003d");
    let double = encoded.replace('%', "%25");
    [secret.to_owned(), encoded, lower, json, unicode, double].into()
}

/// Every text and every value of ours in a capture, each way in which it can be asked for.
fn own_words(opened: &Opened) -> String {
    let fields = WEB_FIELDS.iter().map(|row| row.filter).chain(WEB_NOTES.iter().map(|row| row.filter));
    let fields: Vec<&str> = fields.map(|filter| filter.to_str().unwrap()).collect();
    let mut words = opened.values("wechat_web", &fields).join("\n");
    for (_, info) in infos(opened) {
        words.push_str(&info);
        words.push('\n');
    }
    let mut ours = false;
    for line in opened.text(&["-2", "-V", "-Y", "wechat_web"]).lines() {
        if !line.starts_with(' ') {
            ours = line.starts_with("WeChat web client");
        }
        if ours {
            words.push_str(line);
            words.push('\n');
        }
    }
    words
}

/// What of ours is in other formats and in statistics.
fn other_words(opened: &Opened) -> String {
    let mut words = String::new();
    for (_, layer) in opened.with(TWO_PASSES).layers_of("wechat_web") {
        words.push_str(&Value::Object(layer).to_string());
    }
    // Of an item PDML also tells the bytes.
    let mut ours = false;
    for line in opened.text(&["-2", "-T", "pdml", "-Y", "wechat_web"]).lines() {
        if line.contains("<proto ") {
            ours = line.contains("<proto name=\"wechat_web\"");
        }
        if ours {
            let attributes = line.split("\" ").filter(|part| !part.contains("value=\""));
            attributes.for_each(|part| words.push_str(part));
        }
    }
    let statistics = [
        "wechat_web,tree",
        "wechat,tree",
        "wechat,srt",
        "wechat,sync",
        "wechat,frames",
        "wechat,frames,json",
        "follow,wechat,ascii,0",
        "flow,wechat,standard",
    ];
    let options = statistics.iter().flat_map(|statistic| ["-z", statistic]);
    words.push_str(&opened.text(&["-2", "-q"].into_iter().chain(options).collect::<Vec<_>>()));
    let experts = opened.text(&["-2", "-q", "-z", "expert"]);
    experts.lines().filter(|line| line.contains("WeChatWeb")).for_each(|line| words.push_str(line));
    assert!(words.contains("SyncKeys") && words.contains("wechat_web.host"), "{words}");
    words
}

/// Where a text has a secret; a number only where it stands alone.
fn find_secret(text: &str, secret: &str) -> Option<usize> {
    let is_number = secret.bytes().all(|byte| byte.is_ascii_digit());
    let alone = |at: usize| {
        let near = [text[..at].chars().next_back(), text[at + secret.len()..].chars().next()];
        !near.into_iter().flatten().any(|c| c.is_ascii_alphanumeric())
    };
    text.match_indices(secret).map(|(at, _)| at).find(|at| !is_number || alone(*at))
}

#[test]
fn secrets_are_in_no_word_of_ours_unless_asked_for() {
    for (name, way, least) in [
        ("secrets", PLAIN, 10),
        ("secrets", TLS13, 10),
        ("session", PLAIN, 6),
        ("session", TLS13, 6),
        ("spellings", PLAIN, 3),
        ("upload", PLAIN, 5),
        ("session-ids", PLAIN, 3),
        ("article-gzip-chunked", PLAIN, 3),
    ] {
        let shown = show(name, way);
        let mut hidden = own_words(&shown.opened);
        if name == "secrets" {
            hidden += &other_words(&shown.opened);
        }
        assert!(hidden.contains("WeChat web client"));
        let open = own_words(&shown.opened.with(&["-o", "wechat.show_account:TRUE"]));
        let mut seen = 0;
        for secret in &shown.dialogue.secrets {
            for spelling in spellings(secret) {
                let found = find_secret(&hidden, &spelling);
                let around = found.map(|at| hidden[..at + spelling.len()].lines().last());
                assert!(found.is_none(), "{name} shows {spelling}: {around:?}");
            }
            seen +=
                usize::from(spellings(secret).iter().any(|spelling| find_secret(&open, spelling).is_some()));
        }
        assert!(seen >= least, "{name}: show_account shows {seen} secrets");
    }
}

/// The three places of which people have complained.
#[test]
fn secrets_of_urls_accounts_and_logins_are_hashed() {
    let shown = show("secrets", PLAIN);
    let layers = shown.layers(TWO_PASSES);
    let hash = |text: &str| {
        text.len() == 17 && text.starts_with('#') && text[1..].bytes().all(|b| b.is_ascii_hexdigit())
    };
    let find = |call: &str| shown.calls().find(|(_, row)| row.facts.call == call).expect("a call").1;
    let init = &layers[&find("webwxinit").response];
    let key = value(init, "skey").expect("the session key");
    let pictures = values(&Value::Object(init.clone()), "contact.picture");
    let with_key = pictures.iter().filter_map(|picture| picture.split_once("&skey="));
    assert_eq!(with_key.map(|(_, word)| word).collect::<Vec<_>>(), [&key, &key]);
    assert!(hash(&key) && pictures[0].starts_with("/cgi-bin/mmwebwx-bin/webwxgeticon?seq=1&username=@"));
    let media = &layers[&find("webwxgetmedia").request];
    assert_eq!(value(media, "account"), value(&layers[&find("webwxpushloginurl").request], "account"));
    assert!(hash(&value(media, "message.media_id").expect("the media")));
    let login = &layers[&find("webwxpushloginurl").response];
    assert!(hash(&value(login, "ticket").expect("the login's uuid")));
    assert_eq!(value(login, "err_msg").as_deref(), Some("all ok"));
}

/// Whatever its escapes, a session id is the same session's: what is announced is fetched.
#[test]
fn a_session_id_parts_nothing_however_it_is_written() {
    let shown = show("session-ids", PLAIN);
    let layers = shown.layers(TWO_PASSES);
    let one = |field: &str| -> BTreeSet<String> {
        layers.values().flat_map(|layer| values(&Value::Object(layer.clone()), field)).collect()
    };
    assert_eq!(one("session"), ["0".to_owned()].into());
    assert_eq!(one("sid").len(), 1);
    assert_eq!(one("account").len(), 1);
    assert!(one("poll.unfetched").is_empty() && one("synckey_garbage").is_empty());
    assert_eq!(one("fetch.poll").len(), 7);
    assert_truth("session-ids", PLAIN);
}

#[test]
fn a_file_that_is_sent_up_is_shown_part_by_part() {
    for way in [PLAIN, TLS13] {
        let shown = show("upload", way);
        assert_truth("upload", way);
        let layers = shown.layers(TWO_PASSES);
        let uploads: Vec<&Row> = shown.ours().filter(|row| row.facts.call == "webwxuploadmedia").collect();
        let all = |field: &str| -> Vec<Option<String>> {
            uploads.iter().map(|row| value(&layers[&row.request], field)).collect()
        };
        let texts = |texts: [&str; 4]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned())).to_vec();
        assert_eq!(
            all("upload.file"),
            texts(["menu.png", "Überblick.png", "Überblick.png", "Überblick.png"])
        );
        assert_eq!(all("upload.file_len"), texts(["21", "27", "27", "27"]));
        assert_eq!(all("upload.chunk"), texts(["", "0", "1", "2"]));
        assert_eq!(all("upload.chunks"), texts(["", "3", "3", "3"]));
        assert_eq!(all("upload.kind"), texts(["pic"; 4]));
        // The form, and the JSON in it.
        let sizes =
            uploads.iter().map(|row| values(&Value::Object(layers[&row.request].clone()), "upload.size"));
        assert_eq!(sizes.collect::<Vec<_>>(), [["21"; 2], ["81"; 2], ["81"; 2], ["81"; 2]]);
        assert_eq!(all("upload.md5"), texts(["0123456789abcdef0123456789abcdef"; 4]));
        assert_eq!(all("session"), texts(["0"; 4]));
        // Its bytes are those of the file.
        let raw: HashMap<usize, Map<String, Value>> =
            shown.opened.with(&["-x"]).layers_of("wechat_web").into_iter().collect();
        let mut items = Vec::new();
        places(&Value::Object(raw[&uploads[0].request].clone()), &mut items);
        let file = items.iter().find(|(field, ..)| field == "upload.file").expect("the file");
        let content = "\u{89}PNG\r\n--menu.png--\r\n";
        assert_eq!(file.2, content.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
}

// ---- the Info column ----

/// Writes of both sides, each in a packet of its own.
fn conversation(writes: &[(Direction, String)]) -> Capture {
    let mut script = Script::starting_at(Duration::from_secs(1));
    for (number, (direction, text)) in writes.iter().enumerate() {
        script.writes.push(Write {
            at: Duration::from_millis(1000 + 100 * number as u64),
            direction: *direction,
            chunks: vec![Chunk::raw(text.clone().into())],
            segmentation: Segmentation::Mss,
        });
    }
    Capture::new(vec![script.play(Endpoints::v4(50_100, 80), [1, 1])])
}

/// A call of ours, a request of somebody else's, and an answer.
const OWN: &str =
    "GET /cgi-bin/mmwebwx-bin/synccheck?sid=SidSecret1&uin=3123456789 HTTP/1.1\r\nHost: wx.qq.com\r\n\r\n";
const OTHER: &str = "GET /other?a=1 HTTP/1.1\r\nHost: wx.qq.com\r\n\r\n";

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: text/javascript\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Protocol and Info of each packet with HTTP in it, hashes as `#`.
fn columns(opened: &Opened) -> Vec<String> {
    let lines = opened.values("http", &["_ws.col.Protocol", "_ws.col.Info"]);
    lines.iter().map(|line| without_hashes(line)).collect()
}

#[test]
fn info_is_ours_for_every_message_of_a_packet_with_one_of_ours() {
    use Direction::{ClientToServer as Client, ServerToClient as Server};
    let poll = "window.synccheck={retcode:\"0\",selector:\"2\"}";
    let [fine, bad] = [answer("200 OK", poll), answer("502 Bad Gateway", "")];
    let capture = conversation(&[
        (Client, OTHER.into()),
        (Server, answer("404 Not Found", "no")),
        (Client, format!("{OWN}{OTHER}")),
        (Server, format!("{fine}{}", answer("200 OK", "x"))),
        (Client, format!("{OTHER}{OWN}")),
        (Server, format!("{}{fine}", answer("304 Not Modified", ""))),
        (Client, format!("{OTHER}{OTHER}")),
        (Server, format!("{bad}{bad}")),
        (Client, format!("{OWN}{OWN}")),
        (Server, format!("{bad}{fine}")),
        (Client, OTHER.into()),
        (Server, answer("200 OK", "x")),
    ]);
    let opened = open(&capture);
    let own = "synccheck request, GET ?sid=#&uin=#";
    let other = "GET /other?a=1 HTTP/1.1";
    let expected = [
        "HTTP GET /other?a=1 HTTP/1.1 ".to_owned(),
        "HTTP HTTP/1.1 404 Not Found  (text/javascript)".to_owned(),
        format!("WeChatWeb {own} | {other}"),
        "WeChatWeb synccheck response, retcode 0, fine, selector 2 → 100 ms | HTTP/1.1 200 OK".to_owned(),
        format!("WeChatWeb {other} | {own}"),
        "WeChatWeb HTTP/1.1 304 Not Modified | synccheck response, retcode 0, fine, selector 2 → 100 ms".to_owned(),
        "HTTP GET /other?a=1 HTTP/1.1 GET /other?a=1 HTTP/1.1 ".to_owned(),
        "HTTP HTTP/1.1 502 Bad Gateway HTTP/1.1 502 Bad Gateway ".to_owned(),
        format!("WeChatWeb {own} | {own}"),
        "WeChatWeb synccheck response, status 502 → 100 ms | synccheck response, retcode 0, fine, selector 2 → 100 ms"
            .to_owned(),
        "HTTP GET /other?a=1 HTTP/1.1 ".to_owned(),
        "HTTP HTTP/1.1 200 OK  (text/javascript)".to_owned(),
    ];
    for passes in [&[][..], TWO_PASSES] {
        let shown = columns(&opened.with(passes));
        // What lies ahead is known to the second pass only.
        let told = shown.iter().map(|line| line.replace(" [nothing fetched]", ""));
        assert_eq!(told.collect::<Vec<_>>(), expected, "{passes:?}");
        let unfetched = shown.iter().filter(|line| line.contains("[nothing fetched]")).count();
        assert_eq!(unfetched, if passes.is_empty() { 0 } else { 2 }, "{shown:?}");
        // Without us: the same for packets without a message of ours.
        let without = columns(&opened.with(passes).with(&["--disable-protocol", "wechat_web"]));
        for (shown, without) in shown.iter().zip(&without).filter(|(shown, _)| shown.starts_with("HTTP ")) {
            assert_eq!(shown, without);
        }
        assert!(without.iter().all(|line| !line.contains("synccheck re")), "{without:?}");
        assert!(without[2].contains("SidSecret1"), "disabled, nothing of ours is in the column");
    }
}

/// HTTP's dissector ends in an error where the capture cut bytes off: the column is written all the same.
#[test]
fn info_is_ours_where_the_capture_cut_bytes_off() {
    use Direction::{ClientToServer as Client, ServerToClient as Server};
    let body = format!("window.synccheck={{retcode:\"0\",selector:\"2\"}}{}", " ".repeat(400));
    let mut bytes = Vec::new();
    let capture = conversation(&[
        (Client, format!("{OTHER}{OWN}")),
        (Server, answer("200 OK", "x") + &answer("200 OK", &body)),
    ]);
    capture.write_pcap(&mut bytes).expect("a capture");
    // Cuts each packet behind this many bytes.
    const SNAPPED: usize = 340;
    let mut cut = bytes[..24].to_vec();
    let mut rest = &bytes[24..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().expect("a length")) as usize;
        let kept = length.min(SNAPPED);
        cut.extend(&rest[..8]);
        cut.extend((kept as u32).to_le_bytes());
        cut.extend(&rest[12..16 + kept]);
        rest = &rest[16 + length..];
    }
    let opened = open_file(|mut file| file.write_all(&cut));
    let shown = columns(&opened);
    assert_eq!(shown[0], "WeChatWeb GET /other?a=1 HTTP/1.1 | synccheck request, GET ?sid=#&uin=#");
    assert!(shown[1].starts_with("WeChatWeb HTTP/1.1 200 OK | synccheck response"), "{shown:?}");
    assert!(!opened.text(&[]).contains("SidSecret1"));
}

/// What stands in Info of somebody else's message beside ours, and of calls without a row.
#[test]
fn info_shows_no_secret_of_a_neighbour_or_of_an_unknown_call() {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a:pa5s@login.weixin.qq.com\r\n\r\n");
    let capture = conversation(&[
        (
            Direction::ClientToServer,
            [OWN, &get("/other?fromuser=3123456789&mediaid=M3d1a&qq=12345&n=12345")].concat(),
        ),
        (Direction::ClientToServer, get("/cgi-bin/mmwebwx-bin/webwxfuture?skey=S1&username=3123456789&r=1")),
        (Direction::ClientToServer, get("/l/Uu1d==")),
        (Direction::ClientToServer, get("/cgi-bin/MMwebwx-bin//WebwxGetIcon;v=1?skey=S1")),
    ]);
    let opened = open(&capture);
    let expected = [
        "WeChatWeb synccheck request, GET ?sid=#&uin=# | GET /other?fromuser=#&mediaid=#&qq=#&n=12345 HTTP/1.1",
        "WeChatWeb another call webwxfuture request, GET ?skey=#&username=#&r=1",
        "WeChatWeb l request, GET",
        "WeChatWeb webwxgeticon request, GET ?skey=#",
    ];
    let paths = [(1, "webwxfuture"), (3, ";v=1")];
    for passes in [&[][..], TWO_PASSES] {
        let opened = opened.with(passes);
        assert_eq!(columns(&opened), expected);
        let shown = opened.values("wechat_web", &["wechat_web.path", "wechat_web.ticket", "wechat_web.host"]);
        for (place, path) in paths {
            assert!(shown[place].starts_with(path), "{shown:?}");
        }
        assert!(shown[2].contains('#') && shown.iter().all(|line| !line.contains("Uu1d")), "{shown:?}");
        assert!(
            shown.iter().all(|line| !line.contains("pa5s") && line.contains("@login.weixin.qq.com")
                || line.contains("wx.qq.com")),
            "{shown:?}"
        );
    }
}

/// Equal secrets have equal words, and different ones have different words.
#[test]
fn words_for_secrets_tell_them_apart() {
    let shown = show("two-sessions", PLAIN);
    let layers = shown.layers(&[]);
    for (parameter, field) in [("sid", "sid"), ("skey", "skey"), ("uin", "account")] {
        let mut words: HashMap<String, String> = HashMap::new();
        for (call, row) in shown.calls().filter(|(_, row)| row.facts.call == "synccheck") {
            let given = call
                .request
                .target
                .split(['?', '&'])
                .find_map(|part| part.strip_prefix(parameter)?.strip_prefix('='));
            let given = given.expect("a parameter").to_owned();
            let word = value(&layers[&row.request], field).expect("a word");
            assert_eq!(words.entry(given).or_insert_with(|| word.clone()), &word);
        }
        let distinct: HashSet<&String> = words.values().collect();
        assert_eq!((words.len(), distinct.len()), (2, 2), "{parameter}");
    }
}

/// With the preference for it, whoever has the key gets the same words in another run. Without, nobody does, and no run
/// tells the key.
#[test]
fn with_a_key_given_secrets_have_the_same_words_in_every_run() {
    const KEY: &str = "WhatNobodyReads";
    let shown = show("secrets", PLAIN);
    let keyed = |key: &str| shown.opened.with(&["-o", &format!("wechat.hash_key:{key}")]);
    let words = |of: &Opened| {
        of.values("wechat_web.account or wechat_web.sid", &["wechat_web.account", "wechat_web.sid"])
    };
    let own = words(&shown.opened);
    let given = words(&keyed(KEY));
    assert!(given.len() >= 3 && given.iter().all(|words| words.contains('#')), "{given:?}");
    assert_eq!(words(&keyed(KEY)), given);
    let others = [own.clone(), words(&shown.opened), words(&keyed("")), words(&keyed("another"))];
    for (place, other) in others.iter().enumerate() {
        assert_eq!(other.len(), given.len());
        for once in others[..place].iter().chain([&given]) {
            assert!(once.iter().zip(other).all(|(one, other)| one != other), "{once:?} and {other:?}");
        }
    }
    let uin = shown.rows.iter().find_map(|row| row.facts.uin).expect("an account").to_string();
    let word = Key::of(KEY).secret(&uin).to_string();
    assert!(given.iter().any(|words| words.contains(&word)), "{word} is not in {given:?}");
    let all = own_words(&keyed(KEY)) + &other_words(&keyed(KEY)) + &keyed(KEY).text(&["-2", "-V", "-x"]);
    assert!(all.contains(&word) && !all.contains(KEY));
}

#[test]
fn filters_find_secrets_only_by_their_words() {
    let shown = show("article", PLAIN);
    let secrets = &shown.dialogue.secrets;
    for field in ["sid", "skey", "pass_ticket", "account"] {
        for secret in secrets {
            let filter = format!("wechat_web.{field} == \"{secret}\"");
            assert!(shown.opened.packets(&filter).is_empty(), "{filter}");
        }
    }
    let open = shown.opened.with(&["-o", "wechat.show_account:TRUE"]);
    let uin = shown.rows[0].facts.uin.expect("an account");
    assert_eq!(open.packets(&format!("wechat_web.uin == {uin}")).len(), 3);
    assert!(shown.opened.packets("wechat_web.uin").is_empty());
}

// ---- bad input ----

/// How often each note of ours stands in a golden file.
fn golden_notes(name: &str) -> BTreeMap<String, usize> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    let mut notes = BTreeMap::new();
    for line in fs::read_to_string(file).expect("a golden file").lines() {
        if let Some((_, note)) = line.split_once(" ! ") {
            let name = note.split(':').next().expect("a name").to_owned();
            *notes.entry(name).or_default() += 1;
        }
    }
    assert!(!notes.is_empty(), "{name}");
    notes
}

/// The golden files name the bytes to blame; tshark shows the same notes, and what is good around them.
#[test]
fn bad_input_is_noted_and_the_rest_stays_visible() {
    for (name, size) in [
        ("bad-cut", Some(12)),
        ("bad-types", None),
        ("bad-deep", None),
        ("bad-duplicates", None),
        ("bad-utf8", None),
        ("bad-synckey", Some(300)),
        ("bad-counts", None),
        ("bad-no-json", None),
        ("bad-synccheck", None),
        ("bad-huge-text", None),
    ] {
        let way = Way { size, ..PLAIN };
        assert_truth(name, way);
        let shown = show(name, way);
        let layers = shown.layers(TWO_PASSES);
        let mut notes: BTreeMap<String, usize> = BTreeMap::new();
        for row in WEB_NOTES {
            let filter = row.filter.to_str().unwrap();
            let field = filter.trim_start_matches("wechat_web.");
            let count = layers.values().map(|layer| values(&Value::Object(layer.clone()), field).len()).sum();
            if count > 0 {
                notes.insert(filter.to_owned(), count);
            }
        }
        if name != "bad-huge-text" {
            assert_eq!(notes, golden_notes(&format!("web_{}", name.replace('-', "_"))), "{name}");
        }
        // The poll and the sync behind all that are whole.
        let rows: Vec<&Row> = shown.rows.iter().filter(|row| row.facts.bad.is_none()).collect();
        let [.., poll, sync, last] = &rows[..] else { panic!("{name}: too few calls") };
        assert_eq!(poll.facts.fetch, Some(sync.request));
        let message = value(&layers[&sync.response], "message.content");
        assert_eq!(message.as_deref(), Some("All is well again."), "{name}");
        assert_eq!(value(&layers[&last.response], "selector").as_deref(), Some("0x00000000"));

        let text = shown.opened.text(&["-2", "-V"]);
        assert!(!text.contains("Dissector bug") && !text.contains("Malformed Packet"), "{name}");
    }
}

/// Lists that are twice as long are shown no longer, and cost no more items.
#[test]
fn huge_lists_are_shown_in_part() {
    let items = |size| {
        let shown = show("bad-huge-list", Way { size: Some(size), ..PLAIN });
        let text = shown.opened.text(&["-V", "-Y", "wechat_web.not_shown"]);
        let mut counts = Vec::new();
        let mut ours = false;
        for line in text.lines() {
            if !line.starts_with(' ') {
                ours = line.starts_with("WeChat web client");
                if ours {
                    counts.push(0);
                }
            }
            if ours {
                *counts.last_mut().expect("a layer") += 1;
            }
        }
        counts
    };
    let (some, twice) = (items(30_000), items(60_000));
    // Bits and notes of members come on top.
    assert!(some.iter().all(|count| (20_000..30_000).contains(count)), "{some:?}");
    assert!(some.len() >= 3 && some == twice, "{some:?}, {twice:?}");
}

// ---- the page ----

/// A part of docs/web.md between two marks.
fn page(begin: &str, end: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/web.md");
    let text = fs::read_to_string(file).expect("docs/web.md");
    let (_, rest) = text.split_once(begin).expect("the part's begin");
    rest.split_once(end).expect("the part's end").0.to_owned()
}

#[test]
fn the_pages_example_is_real() {
    let fields = ["frame.number", "call", "kind", "poll.hold", "synckey.delta"];
    let fields = fields.map(|field| match field {
        "frame.number" => field.to_owned(),
        _ => format!("wechat_web.{field}"),
    });
    let lines = show("article", PLAIN).opened.values("wechat_web", &fields.each_ref().map(String::as_str));
    let expected = page("<!-- web -->\n```\n", "```");
    assert_eq!(lines, expected.lines().map(|line| line.replace('\t', " ")).collect::<Vec<_>>());
}

#[test]
fn the_pages_filters_find_what_it_says() {
    let opened = show("session", PLAIN).opened.with(TWO_PASSES);
    let table = page("<!-- web finds -->", "<!-- end web finds -->");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.contains('`'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 5, "{table}");
    for row in rows {
        let [_, _, filter, packets, _] = row[..] else { panic!("{row:?}") };
        let found: Vec<String> =
            opened.packets(filter.trim_matches('`')).iter().map(ToString::to_string).collect();
        assert_eq!(found.join(", "), packets, "{filter}");
    }
}

// ---- without a conversation ----

/// Where no conversation exists at the first offer, the first exchange belongs together all the same.
#[test]
fn the_first_exchange_of_exported_pdus_is_shown() {
    let pdu = |milliseconds, client_port, direction, bytes: String| exported::Pdu {
        at: Duration::from_millis(milliseconds),
        client_port,
        direction,
        bytes: bytes.into_bytes(),
    };
    let asks = |milliseconds, port, call: &str| {
        let head = format!("GET /cgi-bin/mmwebwx-bin/{call}?r=1 HTTP/1.1\r\nHost: wx.qq.com\r\n\r\n");
        pdu(milliseconds, port, Direction::ClientToServer, head)
    };
    let answers = |milliseconds, port| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
        pdu(milliseconds, port, Direction::ServerToClient, head.to_owned())
    };
    let pdus = [
        asks(0, 5001, "webwxsync"),
        asks(10, 5002, "webwxinit"),
        asks(20, 5003, "webwxgetcontact"),
        answers(30, 5003),
        answers(40, 5001),
        answers(50, 5002),
    ];
    let opened = open_file(|file| exported::write(&pdus, file));
    let fields = ["frame.number", "wechat_web.call", "wechat_web.response_to", "wechat_web.response_in"];
    let shown = opened.values("wechat_web", &fields);
    let one_pass = [
        "1 webwxsync  ",
        "2 webwxinit  ",
        "3 webwxgetcontact  ",
        "4 webwxgetcontact 3 ",
        "5 webwxsync 1 ",
        "6 webwxinit 2 ",
    ];
    assert_eq!(shown, one_pass);
    let shown = opened.with(TWO_PASSES).values("wechat_web", &fields);
    let two_passes = [
        "1 webwxsync  5",
        "2 webwxinit  6",
        "3 webwxgetcontact  4",
        "4 webwxgetcontact 3 ",
        "5 webwxsync 1 ",
        "6 webwxinit 2 ",
    ];
    assert_eq!(shown, two_passes);
}

/// What HTTP wants to see again is put together: a message of ours in front of it takes nothing of that away.
#[test]
fn a_message_behind_one_of_ours_may_go_on_in_the_next_packet() {
    use Direction::{ClientToServer as Client, ServerToClient as Server};
    let poll = "window.synccheck={retcode:\"0\",selector:\"2\"}";
    let (first, second) =
        (answer("200 OK", poll), answer("200 OK", "window.synccheck={retcode:\"0\",selector:\"4\"}"));
    for cut in [5, 17, 30, second.len() - 20, second.len() - 1] {
        let (begin, rest) = second.split_at(cut);
        let capture = conversation(&[
            (Client, format!("{OWN}{OWN}")),
            (Server, format!("{first}{begin}")),
            (Server, rest.into()),
        ]);
        for passes in [&[][..], TWO_PASSES] {
            let opened = open(&capture).with(passes);
            let shown = opened.values("wechat_web.selector", &["frame.number", "wechat_web.selector"]);
            let [first, second] =
                [6, 8].map(|packet| format!("{packet} 0x0000000{}", if packet == 6 { 2 } else { 4 }));
            assert_eq!(shown, [first, second], "cut at {cut}, {passes:?}");
        }
    }
}

/// HTTP writes what it has read of a head before it asks for the rest.
#[test]
fn info_holds_no_secret_wherever_a_head_is_cut() {
    use Direction::ClientToServer as Client;
    let request = OWN.replace("Host", "Accept: */*\r\nHost");
    for cut in 1..request.len() {
        let (begin, rest) = request.split_at(cut);
        let opened = open(&conversation(&[(Client, begin.into()), (Client, rest.into())]));
        let words = opened.values("tcp", &["_ws.col.Info"]).join("\n");
        assert!(!words.contains("SidSecret1") && !words.contains("3123456789"), "cut at {cut}: {words}");
    }
}

/// In a tunnel too, whose conversation HTTP makes when it is first asked.
#[test]
fn the_first_exchange_in_a_tunnel_is_shown() {
    let asks = |text: &str| (Direction::ClientToServer, vec![text.as_bytes().to_vec()]);
    let answers = |text: &str| (Direction::ServerToClient, vec![text.as_bytes().to_vec()]);
    let turns = |port: u16| {
        vec![
            asks(&format!("CONNECT wx.qq.com:{port} HTTP/1.1\r\n\r\n")),
            answers("HTTP/1.1 200 OK\r\n\r\n"),
            asks("GET /cgi-bin/mmwebwx-bin/webwxsync?r=1 HTTP/1.1\r\nHost: wx.qq.com\r\n\r\n"),
            answers("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"),
            asks("GET /cgi-bin/mmwebwx-bin/webwxinit?r=1 HTTP/1.1\r\nHost: wx.qq.com\r\n\r\n"),
            answers("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"),
        ]
    };
    let capture = carry_turns(&[turns(8001), turns(443)], 3128, None, &mut ChaCha8Rng::seed_from_u64(2));
    let opened = open(&capture.expect("a capture"));
    for options in [&[][..], TWO_PASSES] {
        let opened = opened.with(options);
        let kinds = opened.values("wechat_web", &["tcp.stream", "wechat_web.call", "wechat_web.kind"]);
        let of = |stream: &str| kinds.iter().filter_map(|line| line.strip_prefix(stream)).collect::<Vec<_>>();
        let expected =
            [" webwxsync request", " webwxsync response", " webwxinit request", " webwxinit response"];
        assert_eq!((of("0"), of("1")), (expected.to_vec(), expected.to_vec()), "{options:?}");
        for stream in 0..2 {
            let words = opened.values(&format!("wechat_web && tcp.stream == {stream}"), &["_ws.col.Info"]);
            let heads: Vec<_> =
                words.iter().map(|words| words.split([',', '→']).next().expect("words").trim_end()).collect();
            assert_eq!(heads, expected.map(str::trim_start), "{options:?}, stream {stream}");
        }
    }
}

// ---- PDML ----

/// What XML forbids is in no text of ours, wherever that comes from.
#[test]
fn pdml_is_well_formed_whatever_texts_hold() {
    let odd = "\u{fffe}\u{ffff}\u{fdd0}\u{85}\u{1}";
    let coded: String = odd.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = "/cgi-bin/mmwebwx-bin/webwxsync";
    let head = format!(
        "POST {path}?lang={coded}&{coded}={coded}&sid={coded}&r={coded} HTTP/1.1\r\nHost: wx.qq.com\r\nContent-Type: text/plain\r\n"
    );
    let asked = format!(
        "{{\"{odd}\":\"{odd}\",\"\\ufffe\":\"\\uffff\\ud800\",\"BaseRequest\":{{\"Skey\":\"{odd}\"}}}}"
    );
    let answered =
        format!("{{\"BaseResponse\":{{\"ErrMsg\":\"{odd}\\ufffe\"}},\"SyncKey\":\"{odd}\",\"x\":[\"{odd}");
    let request = format!("{head}Content-Length: {}\r\n\r\n{asked}", asked.len());
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{answered}",
        answered.len()
    );
    let turns = vec![
        (Direction::ClientToServer, vec![request.into_bytes()]),
        (Direction::ServerToClient, vec![response.into_bytes()]),
    ];
    let capture = carry_turns(&[turns], HTTP, None, &mut ChaCha8Rng::seed_from_u64(13)).expect("a capture");
    for opened in [open(&capture), show("bad-utf8", PLAIN).opened] {
        for options in [&["-2"][..], &["-2", "-o", "wechat.show_account:TRUE"]] {
            let text = opened.text(&[options, &["-T", "pdml"]].concat());
            let document = roxmltree::Document::parse(&text).expect("XML that is well-formed");
            let ours = document.descendants().filter(|node| node.attribute("name") == Some("wechat_web"));
            assert!(ours.count() >= 2);
        }
    }
    for field in ["wechat_web.lang", "wechat_web.err_msg"] {
        let [shown] = &open(&capture).values(field, &[field])[..] else { panic!("one packet") };
        assert!(shown.starts_with("\\xfffe\\xffff\u{fdd0}\\x85\\x01"), "{field} is {shown}");
    }
}

// ---- several messages in a packet ----

/// Each body belongs to its message, whatever is sent along with it.
#[test]
fn every_message_of_a_packet_has_its_own_body() {
    for version in [None, Some(Version::Tls12), Some(Version::Tls13)] {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let tls = version.map(|version| Tls::new(version, &mut rng).expect("TLS"));
        let (mut connections, mut said) = (Vec::new(), Vec::new());
        for number in 0..60 {
            let (turns, says) = together::exchange(1000 + number * 10, &mut rng);
            connections.push(turns.to_vec());
            said.extend(says);
        }
        let port = if tls.is_some() { HTTPS } else { HTTP };
        let capture = carry_turns(&connections, port, tls.as_ref(), &mut rng).expect("a capture");
        let opened = open(&capture);
        let keys = tls.map(|tls| opened.file("keys", &tls.key_log()));
        let keys = keys.map(|path| format!("tls.keylog_file:{}", path.display()));
        let options: Vec<&str> = keys.iter().flat_map(|keys| ["-o", keys]).collect();
        for pass in [&[][..], TWO_PASSES] {
            let mut shown: BTreeMap<usize, Vec<(String, Option<u32>)>> = BTreeMap::new();
            for (packet, layer) in opened.with(&options).with(pass).layers_of("wechat_web") {
                let field = match value(&layer, "kind").as_deref() {
                    Some("request") => "device_id",
                    _ => "message.id",
                };
                let id = value(&layer, field).map(|id| number(&id));
                shown.entry(packet).or_default().push((value(&layer, "call").expect("a call"), id));
            }
            let ours = said.iter().map(|says| {
                let ours = says.iter().filter_map(|said| Some((said.call?.to_owned(), said.number)));
                ours.collect::<Vec<_>>()
            });
            let mut ours: Vec<_> = ours.filter(|says| !says.is_empty()).collect();
            let mut shown: Vec<_> = shown.into_values().collect();
            ours.sort();
            shown.sort();
            assert_eq!(shown, ours, "{version:?} {pass:?}");
        }
    }
}

// ---- odd heads ----

/// The numbers that a field has in each packet.
fn column(opened: &Opened, field: &str) -> BTreeMap<usize, Vec<usize>> {
    let lines = opened.values(field, &["frame.number", field]);
    let line = |line: &String| {
        let (packet, values) = line.split_once(' ').expect("two columns");
        (number(packet), values.split(',').map(number).collect())
    };
    lines.iter().map(line).collect()
}

/// Whatever HTTP's dissector takes for a response is one, and answers the request that it says. (Of a packet with
/// two responses it says nothing: it keeps one pair a packet.)
#[test]
fn pairs_are_those_of_http_whatever_heads_look_like() {
    let mut pairs = 0;
    for seed in 0..3 {
        let opened = open(&odd::capture(seed, 150)).with(TWO_PASSES);
        let set = |filter: &str| opened.packets(filter).into_iter().collect::<BTreeSet<usize>>();
        let requests = set("wechat_web.kind == \"request\"");
        assert_eq!(set("http.request.uri contains \"/cgi-bin/mmwebwx-bin/webwx\""), requests, "seed {seed}");
        let several = column(&opened, "http.response.code");
        let several = |packet: &usize| several.get(packet).is_some_and(|codes| codes.len() > 1);
        let mut expected = column(&opened, "http.request_in");
        expected.retain(|packet, to| to.iter().all(|to| requests.contains(to)) && !several(packet));
        let mut shown = column(&opened, "wechat_web.response_to");
        shown.retain(|packet, _| !several(packet));
        let different = shown.iter().filter(|(packet, to)| expected.get(packet) != Some(to));
        assert_eq!(different.collect::<Vec<_>>(), [], "seed {seed}");
        assert_eq!(shown.len(), expected.len(), "seed {seed}");
        pairs += shown.len();
    }
    assert!(pairs > 200, "{pairs} pairs");
}
