// SPDX-License-Identifier: GPL-2.0-or-later
//! Sessions of the web client, told call by call.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::bad::{Bad, Body};
use super::client::{Client, Era, PREFIX, key, key_json, selector, synccheck};
use super::dialogue::Dialogue;
use super::http::{self, Response};
use super::json::{Json, ascii, object};
use super::news::{Contact, Later, Message, News, Profile, Recommend, changed, kind};

/// A host that is not WeChat's, where somebody replays its calls.
pub const TEST_HOST: &str = "server.example";

/// How long a server holds a poll that has nothing to say.
const IDLE: u64 = 27_000;

/// The sample of the article of 2015: a poll that is held, the message it announces, and the next poll.
/// The message moves key 2 on by one and key 201 by 27 seconds; the other keys stay.
pub fn article(rng: &mut ChaCha8Rng) -> Dialogue {
    let mut client = Client::new(rng, Era::Article);
    client.poll(25_000, 0, selector::MESSAGES);
    let message = client.message(0, kind::TEXT, "Shall we try the new place at noon?");
    client.sync(&News::of([message]));
    client.poll(IDLE, 0, selector::NOTHING);
    client.finish()
}

/// Much of what may happen, from the login to the end.
pub fn session(rng: &mut ChaCha8Rng) -> Dialogue {
    let mut client = Client::new(rng, Era::Later);
    begin(&mut client);
    client.poll(IDLE, 0, selector::NOTHING);
    media(&mut client);
    changes(&mut client);
    several_parts(&mut client);
    sending(&mut client);
    overlap(&mut client);
    faults(&mut client);
    client.poll(4_000, 1101, selector::NOTHING);
    client.log_out();
    client.finish()
}

/// Two browsers behind one address, whose calls take turns on the same connections.
pub fn two_sessions(rng: &mut ChaCha8Rng) -> Dialogue {
    let [first, second] = [0, 7_350].map(|start| {
        let mut client = Client::new(rng, Era::Later);
        client.wait(start).init();
        for text in ["one", "two", "three"] {
            client.poll(9_000, 0, selector::MESSAGES);
            let message = client.message(0, kind::TEXT, text);
            client.sync(&News::of([message]));
        }
        client.poll(IDLE, 0, selector::NOTHING);
        client.finish()
    });
    first.merge(second)
}

/// The same call in the words of other clients and on other hosts.
pub fn spellings(rng: &mut ChaCha8Rng) -> Dialogue {
    let mut client = Client::new(rng, Era::Later);
    client.init();
    let spell: [fn(&str) -> String; 8] = [
        |target| target.replace("%7C", "|"),
        |target| target.replace("%7C", "%7c").replace("%40", "@"),
        |target| target.replace('_', "%5F"),
        |target| format!("http://wx2.qq.com{target}"),
        |target| target.replace("?r=", "?callback=jsonp1&pass_ticket=abc%2B&r="),
        |target| target.replace("&_=", "&unknown&empty=&_="),
        |target| target.replace("&synckey=", "&synckey=1_1&synckey="),
        // The SyncKey comes first.
        |target| match target.split_once("&synckey=") {
            Some((before, rest)) => before.replace("?r=", &format!("?synckey={rest}&r=")),
            None => target.into(),
        },
    ];
    for spell in spell {
        let poll = client.poll(1_000, 0, selector::NOTHING);
        let request = &mut client.call_mut(poll).request;
        request.target = spell(&request.target);
    }
    client.poll(1_000, 0, selector::MESSAGES);
    let message = client.message(0, kind::TEXT, "from a test server");
    let sync = client.sync(&News::of([message]));
    let request = &mut client.call_mut(sync).request;
    request.host = TEST_HOST.into();
    request.target = format!("http://{TEST_HOST}{}", request.target);
    client.finish()
}

/// Secrets in all places where public clients and servers put them.
pub fn secrets(rng: &mut ChaCha8Rng) -> Dialogue {
    let mut client = Client::new(rng, Era::Later);
    client.set_sid("Ab+cd/efGHij+kl=");
    client.log_in();
    let (_, uin, skey) = client.login();
    let data_ticket = client.ticket(16);
    let auth_ticket = client.ticket(60);
    let friend_ticket = client.keep_secret("v2_5ec4e7f00d5ec4e7@stranger");
    client.room.picture_key.clone_from(&skey);
    client.friends[0].picture_key.clone_from(&skey);
    client.room.owner = 3_987_654_321;
    client.keep_secret("3987654321");
    client.init();
    client.get_contacts();
    client.get_room();

    client.poll(1_000, 0, selector::ALL);
    let media_key = client.keep_secret("f63eaffcd7e1b1ef");
    let mut file = client.message(
        0,
        kind::APP,
        xml(&format!(
            "<appmsg><aeskey>{media_key}</aeskey><img tpauthkey=\"{media_key}\" encryver=\"1\"/></appmsg>"
        )),
    );
    file.file_name = "menu.pdf".into();
    file.media_id = client.media_id();
    file.ticket.clone_from(&friend_ticket);
    file.recommend = Recommend { ticket: friend_ticket, qq_num: 2_345_678_901, ..Recommend::default() };
    client.keep_secret("2345678901");
    let login = format!("me:{}", http::query(&[("", &auth_ticket)]).trim_start_matches('='));
    file.url = format!(
        "https://wx2.qq.com/cgi-bin/mmwebwx-bin/webwxcheckurl?requrl={}&{}",
        http::query(&[("u", &format!("http://{login}@x.example/?uuid={data_ticket}"))]),
        http::query(&[("skey", &skey), ("pass_ticket", &auth_ticket), ("scene", "1")]),
    );
    let mut number =
        client.message_from(&uin.to_string(), kind::TEXT, format!("{{\"Skey\":\"{skey}\", \"r\": 1}}"));
    number.to = client.me.user_name.clone();
    let profile = Profile {
        bind_uin: 2_987_654_321,
        head_img_url: format!("/webwxgeticon?seq=1&amp;skey={skey}&amp;b=2"),
        ..Profile::default()
    };
    client.keep_secret("2987654321");
    client.sync(&News { messages: vec![file.clone(), number], profile, ..News::default() });
    client.get_file(&file, &data_ticket);
    let to = client.friends[0].user_name.clone();
    let (_, id) = client.upload(&to, "menu.png", None, &data_ticket);
    client.send("webwxsendmsgimg", kind::IMAGE, &to, &format!("{id} {skey}"));

    // What no row knows, and what stands where it should not.
    let (sid, ..) = client.login();
    let odd = [
        format!("wxsid={}&WXUIN={uin}&aesKey={media_key}&x=1", sid),
        format!("skey%3D{}", http::query(&[("", &skey)]).trim_start_matches('=')),
        format!("sid={sid}&uin={uin}x&synckey=1_2%7C{}", http::query(&[("", &skey)]).trim_start_matches('=')),
        format!("u={}", http::query(&[("", &http::query(&[("token", &auth_ticket), ("lang", "en")]))])),
    ];
    for target in odd {
        let poll = client.poll(500, 0, selector::NOTHING);
        client.call_mut(poll).request.target = format!("{PREFIX}synccheck?{target}");
        client.call_mut(poll).facts.bad = Some("a query that no client has".into());
    }
    other_calls(&mut client, &auth_ticket);
    let body = format!(
        "{{\"WebwxDataTicket\":\"{data_ticket}\",\"OwnerUin\":{uin},\"SKey\":[\"{skey}\"],\"Sid\":{{\"a\":\"{sid}\"}},\
         \"{skey}\":1,\"Text\":\"see /?skey={skey}\",\"AddMsgList\":[\"{skey}\",{{\"Ticket\":{uin},\"MsgId\":\"{skey}\"}}],\
         \"wxuin\":\"{uin}\",\"BaseRequest\":{{\"Uin\":\"{uin}x\",\"sid\":\"{sid}\"}},\"Skey\\u003d\":\"{data_ticket}\"}}"
    );
    let call = client.sync_with(key_json(&client.key.clone()), body.into());
    client.call_mut(call).facts.bad = Some("an answer that no server gives".into());
    let texts = texts_with_secrets(&mut client, &data_ticket);
    let call = client.sync_with(key_json(&client.key.clone()), texts.browser_style().into());
    client.call_mut(call).facts.bad = Some("members that no server sends".into());
    let cut = format!("{{\"BaseResponse\":{{\"Ret\":0,\"ErrMsg\":\"see ?ticket={data_ticket}&skey={skey}");
    let call = client.sync_with(key_json(&client.key.clone()), cut.into());
    client.call_mut(call).facts.bad = Some("an answer that is cut".into());
    client.push_login();
    let out = client.log_out();
    let form = http::query(&[("sid", &sid), ("uin", &uin.to_string()), ("authkey", &auth_ticket)]);
    let request = &mut client.call_mut(out).request;
    request.content_type = "application/x-www-form-urlencoded".into();
    request.body = form.into();
    let mut dialogue = client.finish();
    for call in dialogue.calls.iter_mut().filter(|call| !call.request.cookie.is_empty()) {
        call.request
            .cookie
            .push_str(&format!("; webwx_data_ticket={data_ticket}; webwx_auth_ticket={auth_ticket}"));
    }
    dialogue
}

/// Calls that public clients seldom or never make, in odd words.
fn other_calls(client: &mut Client, ticket: &str) {
    const ANOTHER: &str = "another call";
    let (sid, uin, skey) = client.login();
    let uuid = client.ticket(12);
    let query = http::query(&[
        ("fromuser", &uin.to_string()),
        ("qq", &uin.to_string()),
        ("userid", &format!(" {uin},@a")),
        ("sid[]", &sid),
        ("skey", &skey),
        ("pass_ticket", ticket),
    ]);
    let path = http::query(&[("", &uuid)]).trim_start_matches('=').to_owned();
    for (target, call) in [
        (format!("{PREFIX}webwxcheckurl"), "webwxcheckurl"),
        (format!("{PREFIX}webwxsearchcontact"), "webwxsearchcontact"),
        ("//CGI-bin//mmwebwx-bin//WebwxGetIcon/".to_owned(), "webwxgeticon"),
        (format!("{PREFIX}webwxgeticon;sid={sid};v=1"), "webwxgeticon"),
        (format!("{PREFIX}webwxfuture"), ANOTHER),
        (format!("{PREFIX}{path}"), ANOTHER),
        (format!("{PREFIX}webwxfuture/{path}"), ANOTHER),
        (format!("/l/{path}"), "l"),
        (format!("/qrcode/{path}"), "qrcode"),
    ] {
        let answer = Response {
            content_type: "text/plain",
            body: format!("{{\"BaseResponse\":{{\"Ret\":0}},\"Skey\":\"{skey}\"}}").into(),
        };
        let made = client.other("GET", &format!("{target}?{query}"), "", answer);
        let made = client.call_mut(made);
        made.facts.call = call.into();
        made.facts.bad = Some("a call that few clients make".into());
        if target.ends_with(&path) && !target.starts_with(PREFIX) {
            made.request.host = "login.weixin.qq.com".into();
        }
    }
}

/// Members without a row whose texts hold secrets in every way of writing.
fn texts_with_secrets(client: &mut Client, ticket: &str) -> Json {
    let (sid, uin, skey) = client.login();
    let escaped = http::query(&[("", ticket)]).trim_start_matches('=').to_owned();
    let transfer = client.keep_secret("100005030120261126");
    let cookie = client.keep_secret("c00k1eOfAnother");
    let bearer = client.keep_secret("eyJhbGciOi5.J9");
    object! {
        "QQNumber" => uin,
        "BindQQ" => uin.to_string(),
        "StatusNotifyUserName" => format!("{uin},@abc"),
        "Sender" => format!(" {uin} "),
        "Escaped" => format!("{{\\\"skey\\\":\\\"{skey}\\\",\\\"Uin\\\":{uin}}}"),
        "EscapedTwice" => format!("{{\\\\\\\"sid\\\\\\\":\\\\\\\"{sid}\\\\\\\"}}"),
        "InUrl" => format!("%7B%22ticket%22%3A%22{escaped}%22%7D"),
        "Xml" => format!(
            "<msg fromusername=\"{uin}\" qqnum='{uin}'><sender>{uin}</sender><transferid>{transfer}</transferid></msg>"
        ),
        "XmlEscaped" => format!("&lt;fromusername&gt;{uin}&lt;/fromusername&gt;&lt;skey&gt;{skey}&lt;/skey&gt;"),
        "ErrMsg" => format!("uin {uin} logged out"),
        "Url2" => format!("https://x.example/?username=%2B{uin}&userid={uin}%20&sendid={transfer}&sid[]={sid}"),
        "Header" => format!("Cookie: a=1; other={cookie}"),
        "Token2" => format!("Authorization: Bearer {bearer}"),
        "Said" => format!("sent with Bearer {bearer}"),
        "Page" => format!("see https://login.weixin.qq.com/l/{escaped}"),
    }
}

/// Files that are sent up, whole and in pieces, and a message about each.
pub fn upload(rng: &mut ChaCha8Rng) -> Dialogue {
    let mut client = Client::new(rng, Era::Later);
    client.init();
    let data_ticket = client.ticket(16);
    let to = client.friends[0].user_name.clone();
    client.upload(&to, "menu.png", None, &data_ticket);
    client.send("webwxsendmsgimg", kind::IMAGE, &to, "");
    for chunk in 0..3 {
        client.upload(&to, "Überblick.png", Some((chunk, 3)), &data_ticket);
    }
    client.send("webwxsendappmsg", 6, &to, "<appmsg><type>6</type></appmsg>");
    client.finish()
}

/// One session whose id is written in every way in which a query can hold it.
pub fn session_ids(rng: &mut ChaCha8Rng) -> Dialogue {
    let mut client = Client::new(rng, Era::Later);
    client.set_sid("Ab+cd/efGHij+kl=");
    client.init();
    let spell: [fn(&str) -> String; 7] = [
        |target| target.into(),
        |target| target.replace("%2B", "+"),
        // A form library takes it for a blank.
        |target| target.replace("%2B", "%20"),
        |target| target.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
        |target| target.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="),
        |target| target.replace("%2B", "%252B").replace("%2F", "%252F").replace("%3D", "%253D"),
        |target| target.replace("sid=Ab", "s%69d=%41%62").replace("uin=", "%75in=0"),
    ];
    for (place, spell) in spell.into_iter().enumerate() {
        let poll = client.poll(1_000, 0, selector::MESSAGES);
        let request = &mut client.call_mut(poll).request;
        request.target = spell(&request.target);
        let message = client.message(0, kind::TEXT, format!("spelled {place}"));
        client.sync(&News::of([message]));
    }
    client.finish()
}

/// HTTP that is none of the web client's, though some of it looks alike.
pub fn foreign(rng: &mut ChaCha8Rng) -> Dialogue {
    let mut client = Client::new(rng, Era::Later);
    let key = key_json(&client.key);
    let sync = News::default().json(key.clone(), None);
    let script = synccheck(0, selector::MESSAGES);
    for target in [
        "/",
        "/index.html?synckey=1_2%7C3_4",
        "/synccheck?synckey=1_2%7C3_4",
        "/cgi-bin/mmwebwx-bin",
        "/cgi-bin/mmwebwx/synccheck?synckey=1_2%7C3_4",
        "/more/cgi-bin/mmwebwx-bin/synccheck?synckey=1_2%7C3_4",
        "/qrcode/?synckey=1_2%7C3_4",
        "/search?q=/cgi-bin/mmwebwx-bin/synccheck",
    ] {
        let response = Response { content_type: "text/javascript", body: script.clone().into() };
        client.other("GET", target, "", response);
    }
    for target in ["/webwxsync", "/api/cgi-bin/webwxsync?sid=1", "/cgi-bin/mmwebwx-bin2/webwxsync"] {
        let request = Json::Object(vec![("SyncKey", key.clone())]).browser_style();
        let response = Response { content_type: "text/plain", body: sync.server_style().into() };
        client.other("POST", target, &request, response);
    }
    client.finish()
}

/// Sync answers and SyncKeys that are wrong in one way, and good ones in between.
pub fn bad(rng: &mut ChaCha8Rng, bad: &Bad, size: Option<usize>) -> Dialogue {
    let mut client = Client::new(rng, Era::Later);
    client.init();
    for body in bad.bodies(&mut client, size) {
        let key = key_json(&client.key);
        let call = match body {
            Body::Answer(answer) => {
                client.poll(1_000, 0, selector::MESSAGES);
                client.sync_with(key, answer)
            }
            Body::Request(asked) => {
                let answer = News::default().json(key, None).server_style();
                client.sync_with(Json::Verbatim(asked), answer.into())
            }
            Body::Poll { synckey, answer } => client.poll_with(1_000, &synckey, &answer),
        };
        client.call_mut(call).facts.bad = Some(bad.name.into());
    }
    // What follows is as if nothing had been.
    client.poll(1_000, 0, selector::MESSAGES);
    let message = client.message(0, kind::TEXT, "All is well again.");
    client.sync(&News::of([message]));
    client.poll(2_000, 0, selector::NOTHING);
    client.finish()
}

fn begin(client: &mut Client) {
    client.log_in();
    client.init();
    let me = client.me.user_name.clone();
    client.status_notify(3, &me);
    client.get_contacts();
    client.get_room();
    // The phone tells which chats are open.
    client.poll(900, 0, selector::MESSAGES);
    let mut opened = client.message_from(&me, kind::STATUS_NOTIFY, chats("unreadchatlist"));
    opened.status_notify_code = 4;
    opened.status_notify_user_name =
        format!("filehelper,{},{}", client.friends[0].user_name, client.room.user_name);
    opened.later = Some(Later::default());
    client.sync(&News::of([opened]));
}

/// Messages of all kinds.
fn media(client: &mut Client) {
    client.poll(5_300, 0, selector::MESSAGES);
    let mut text = client.message(0, kind::TEXT, "你好 — \"quoted\", a \\ and\na second line");
    text.later = Some(Later::default());
    client.sync(&News::of([text]));

    client.poll(8_100, 0, selector::MESSAGES);
    // The same kind of text, with everything beyond ASCII escaped.
    let emoji = client.message(2, kind::TEXT, ascii("你好 😄 \"quoted\"\n🎉"));
    let mut image = client.message(0, kind::IMAGE, xml("<img length=\"20480\" hdlength=\"0\" />"));
    image.img_status = 2;
    image.later = Some(Later { img_height: 120, img_width: 90, ..Later::default() });
    let mut voice =
        client.message(1, kind::VOICE, xml("<voicemsg voicelength=\"4380\" voiceformat=\"4\" />"));
    voice.voice_length = 4_380;
    client.sync(&News::of([emoji, image.clone(), voice.clone()]));
    client.get_media("webwxgetmsgimg", &image, "image/jpeg");
    client.get_media("webwxgetvoice", &voice, "audio/mp3");

    client.poll(12_000, 0, selector::MESSAGES);
    let mut video = client.message(1, kind::VIDEO, xml("<videomsg length=\"250000\" playlength=\"12\" />"));
    video.img_status = 2;
    video.play_length = 12;
    video.later = Some(Later { img_height: 240, img_width: 320, ..Later::default() });
    let mut emoticon = client.message(2, kind::EMOTICON, xml("<emoji len=\"4096\" type=\"2\" />"));
    emoticon.has_product_id = 1;
    let mut file =
        client.message(0, kind::APP, xml("<appmsg><title>menu, week 4.pdf</title><type>6</type></appmsg>"));
    file.app_msg_type = 6;
    file.file_name = "menu, week 4.pdf".into();
    file.file_size = "48213".into();
    file.media_id = client.media_id();
    file.app_id = "wx0000000000000001".into();
    file.later = Some(Later { encry_file_name: "menu%2C%20week%204%2Epdf".into(), ..Later::default() });
    // Other servers write the size as a number.
    let mut other_file = Message { id: file.id + 1, file_size: 1_048_577u32.into(), ..file.clone() };
    other_file.file_name = "Überblick.txt".into();
    client.sync(&News::of([video, emoticon, file, other_file]));

    client.poll(3_000, 0, selector::MESSAGES);
    let mut card = client.message(3, kind::CARD, xml("<msg nickname=\"Fred Beispiel\" />"));
    card.recommend = Recommend {
        user_name: "@0123456789abcdef0123456789abcdef".into(),
        nick_name: "Fred Beispiel".into(),
        qq_num: 1_234_567,
        province: "Example Province".into(),
        city: "Sampleton".into(),
        content: "Fred, whom I told you of".into(),
        signature: "one line \"about\" me".into(),
        alias: "fred-beispiel".into(),
        scene: 17,
        verify_flag: 8,
        attr_status: 0x21,
        sex: 1,
        ticket: client.keep_secret("v2_0123456789abcdef@stranger"),
        op_code: 2,
    };
    client.keep_secret("1234567");
    let mut link = client.message(3, kind::APP, xml("<appmsg><title>A page</title><type>5</type></appmsg>"));
    link.app_msg_type = 5;
    link.url = "http://example.org/page?a=1&b=2".into();
    link.file_name = "A page".into();
    link.app_id = "wx0000000000000002".into();
    link.app_type = 1;
    link.forward_flag = 1;
    let mut request = client.message_from("fmessage", kind::FRIEND_REQUEST, xml("<msg content=\"Hello\" />"));
    request.recommend = Recommend { content: "Hello".into(), scene: 6, op_code: 2, ..card.recommend.clone() };
    request.ticket.clone_from(&request.recommend.ticket);
    let room = client.room.user_name.clone();
    let line = client.message_from(&room, kind::SYSTEM, "Ada Example added you to the group chat");
    let mut revoke = client.message(3, kind::SYSTEM_COMMAND, revoke(card.id));
    revoke.later = Some(Later { sub_msg_type: 1, ori_content: "<sysmsg>".into(), ..Later::default() });
    client.sync(&News::of([card, link, request, line, revoke]));
}

/// Contacts, a chat room and the own profile.
fn changes(client: &mut Client) {
    client.poll(7_000, 0, selector::CONTACTS);
    let renamed = Contact {
        remark_name: "Bo (work)".into(),
        signature: "off to the mountains".into(),
        ..client.friends[0].clone()
    };
    client.sync(&News { contacts: vec![renamed], ..News::default() });

    client.poll(2_500, 0, selector::MESSAGES_CONTACTS);
    let hello = client.message(1, kind::TEXT, "I am new here");
    let gone = client.friends[3].user_name.clone();
    let contacts = vec![client.friends[1].clone(), client.room.clone()];
    client.sync(&News { messages: vec![hello], contacts, deleted: vec![gone], ..News::default() });

    client.poll(2_000, 0, selector::ALL);
    let profile = Profile {
        bit_flag: changed::NICK_NAME | changed::PICTURE | changed::PERSONAL_CARD,
        user_name: client.me.user_name.clone(),
        nick_name: "Ada E.".into(),
        bind_uin: 0,
        bind_email: "ada@example.org".into(),
        bind_mobile: "+49 30 0000000".into(),
        status: 0x21,
        sex: 2,
        personal_card: 1,
        alias: "ada-example".into(),
        head_img_update_flag: 1,
        head_img_url: "http://example.org/ada.jpg".into(),
        signature: "says \"hi\"".into(),
    };
    let me = client.me.user_name.clone();
    let mut read = client.message_from(&me, kind::STATUS_NOTIFY, chats("lastMessage"));
    read.to = client.friends[0].user_name.clone();
    read.status_notify_code = 1;
    read.status_notify_user_name = read.to.clone();
    let contacts = vec![client.friends[0].clone()];
    let rooms = vec![client.room.clone()];
    let skey = client.new_skey();
    client.sync(&News { messages: vec![read], contacts, rooms, profile, skey, ..News::default() });
}

/// More than fits into one answer: the rest is fetched at once, without a poll.
fn several_parts(client: &mut Client) {
    client.poll(15_000, 0, selector::MESSAGES);
    let first: Vec<_> =
        (1..=3).map(|number| client.message(0, kind::TEXT, format!("part one, {number}"))).collect();
    client.sync(&News { messages: first, more: true, ..News::default() });
    let second: Vec<_> =
        (1..=2).map(|number| client.message(2, kind::TEXT, format!("part two, {number}"))).collect();
    client.sync(&News::of(second));
}

/// What the client sends while a poll is held comes back with the next sync.
fn sending(client: &mut Client) {
    let to = client.friends[0].user_name.clone();
    for text in ["On my way, 10 minutes", "好的 \"ok\""] {
        let poll = client.poll(10_400, 0, selector::MESSAGES);
        let mut returned = None;
        client.during(poll, 10_000, |client| returned = Some(client.send_text(&to, text).1));
        client.sync(&News::of(returned));
    }

    // Two at once, one of them a file; then the text is taken back.
    let poll = client.poll(5_400, 0, selector::MESSAGES);
    let mut returned = Vec::new();
    client.during(poll, 5_000, |client| {
        let file = "<appmsg><title>notes.txt</title><type>6</type></appmsg>";
        let mut sent = client.send("webwxsendappmsg", 6, &to, file).1;
        sent.kind = kind::APP;
        sent.app_msg_type = 6;
        sent.file_name = "notes.txt".into();
        returned = vec![sent, client.send_text(&to, "Never mind").1];
    });
    client.sync(&News::of(returned.clone()));
    let poll = client.poll(3_400, 0, selector::MESSAGES);
    let mut revoked = None;
    client.during(poll, 3_000, |client| {
        client.revoke(&returned[1]);
        revoked = Some(client.message(0, kind::SYSTEM_COMMAND, revoke(returned[1].id)));
    });
    client.sync(&News::of(revoked));
}

/// Two notices for one message: the second poll still has the old SyncKey, because the answer to the
/// first sync is slow; both syncs bring the message.
fn overlap(client: &mut Client) {
    client.poll(6_000, 0, selector::MESSAGES);
    let message = client.message(1, kind::TEXT, "Did you get this twice?");
    let before = client.keys();
    let first = client.sync(&News::of([message.clone()]));
    let after = client.key.clone();
    client.call_mut(first).hold = Duration::from_millis(300);
    client.during(first, 30, |client| {
        client.set_keys(before);
        client.poll(50, 0, selector::MESSAGES);
        let second = client.sync_to(&News::of([message]), after);
        client.call_mut(second).hold = Duration::from_millis(400);
        client.wait(400);
    });
}

/// A poll whose news nobody fetches, and an answer whose key for contacts goes back.
fn faults(client: &mut Client) {
    client.poll(3_000, 0, selector::CONTACTS);
    client.wait(1_000).poll(3_000, 0, selector::MESSAGES);
    let message = client.message(0, kind::TEXT, "This one has an old key");
    let mut key = client.key.clone();
    for (kind, by) in [(key::MESSAGES, 1), (key::CONTACTS, -5)] {
        key.set(kind, key.get(kind).unwrap_or(0).saturating_add_signed(by));
    }
    key.set(key::TIME, message.create_time);
    client.sync_to(&News::of([message]), key);
}

/// A message was taken back.
fn revoke(id: u64) -> String {
    format!(
        "<sysmsg type=\"revokemsg\"><revokemsg><msgid>{id}</msgid>\
         <replacemsg><![CDATA[A message was recalled]]></replacemsg></revokemsg></sysmsg>"
    )
}

/// XML inside a message is written with entities, and a line break that is none.
fn xml(content: &str) -> String {
    let escaped = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("&lt;msg&gt;<br/>{escaped}<br/>&lt;/msg&gt;")
}

fn chats(operation: &str) -> String {
    xml(&format!("<op id='4'><name>{operation}</name></op>"))
}
