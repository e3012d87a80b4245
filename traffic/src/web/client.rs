// SPDX-License-Identifier: GPL-2.0-or-later
//! One browser and its server, with what they remember: makes calls that agree with each other.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::dialogue::{Call, Dialogue, Facts};
use super::http::{self, Request, Response, query};
use super::json::{Json, object};
use super::news::{Contact, Message, News, base_response, kind};
use crate::body::sync_key::SyncKey;
use crate::capture::BASE_TIME;

/// The path before the name of a call.
pub const PREFIX: &str = "/cgi-bin/mmwebwx-bin/";

/// When the first call is asked; leaves room for what opens a connection.
const START: Duration = Duration::from_secs(1);
/// An ordinary answer takes this long.
const ANSWER: Duration = Duration::from_millis(60);
/// The client does the next thing after this time.
const THINKING: Duration = Duration::from_millis(20);

/// The numbers of a SyncKey that mean something.
pub mod key {
    /// Own profile
    pub const PROFILE: u32 = 1;
    /// Messages
    pub const MESSAGES: u32 = 2;
    /// Contacts
    pub const CONTACTS: u32 = 3;
    /// Unix time of the latest news
    pub const TIME: u32 = 201;
}

/// What a poll says has news, one bit each.
pub mod selector {
    /// Nothing
    pub const NOTHING: u32 = 0;
    /// Messages
    pub const MESSAGES: u32 = 2;
    /// Contacts
    pub const CONTACTS: u32 = 4;
    /// Messages and contacts
    pub const MESSAGES_CONTACTS: u32 = 6;
    /// Profile, messages and contacts
    pub const ALL: u32 = 7;
}

/// Which hosts there are, and what the answers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2015: a SyncKey, six kinds.
    Article,
    /// Two years later: a SyncCheckKey as well, and more members in a message.
    Later,
}

/// A browser in front of its server.
#[derive(Debug)]
pub struct Client {
    rng: ChaCha8Rng,
    era: Era,
    /// The time of what happens next.
    pub clock: Duration,
    calls: Vec<Call>,
    /// The account's owner.
    pub me: Contact,
    /// Whom one may talk with.
    pub friends: Vec<Contact>,
    /// A chat room of the friends.
    pub room: Contact,
    uin: u32,
    sid: String,
    skey: String,
    pass_ticket: String,
    /// Up to where the client has everything.
    pub key: SyncKey,
    /// The same, for polls.
    check_key: SyncKey,
    next_message: u64,
    /// The poll whose news were not fetched yet.
    notice: Option<usize>,
    /// Messages that came, and whether they were sent from here.
    seen: Vec<u64>,
    /// The calls that sent messages, by the message's id.
    sent: HashMap<u64, usize>,
    /// All that is secret, without escapes.
    secrets: BTreeSet<String>,
}

impl Client {
    /// A browser that is logged in, or about to.
    pub fn new(rng: &mut impl Rng, era: Era) -> Self {
        let mut rng = ChaCha8Rng::from_rng(rng);
        let id_len = if era == Era::Article { 32 } else { 64 };
        let mut person = |nick_name: &str| Contact {
            user_name: format!("@{}", hex(&mut rng, id_len)),
            nick_name: nick_name.into(),
            sex: rng.random_range(1..=2),
            flag: 3,
            ..Contact::default()
        };
        let me = person("Ada Example");
        let friends: Vec<_> =
            ["Bo Sample", "Cleo Muster", "丁测试", "Edda \"E.\" Probe"].map(&mut person).into();
        let room = Contact {
            user_name: format!("@@{}", hex(&mut rng, id_len)),
            nick_name: "Lunch & more".into(),
            flag: 2,
            members: vec![me.clone(), friends[0].clone(), friends[2].clone()],
            ..Contact::default()
        };
        let key = first_key(&mut rng, (BASE_TIME + START).as_secs() as u32);
        Self {
            era,
            clock: START,
            calls: Vec::new(),
            me,
            friends,
            room,
            uin: rng.random_range(1_000_000_000..4_000_000_000),
            sid: base64ish(&mut rng, 16),
            skey: format!("@crypt_{}_{}", hex(&mut rng, 8), hex(&mut rng, 32)),
            pass_ticket: format!(
                "{}+{}/{}=",
                base64ish(&mut rng, 20),
                base64ish(&mut rng, 20),
                base64ish(&mut rng, 22)
            ),
            check_key: key.clone(),
            key,
            next_message: rng.random_range(1_000_000_000_000_000_000..8_000_000_000_000_000_000),
            notice: None,
            seen: Vec::new(),
            sent: HashMap::new(),
            secrets: BTreeSet::new(),
            rng,
        }
    }

    /// Lets milliseconds pass before what happens next.
    pub fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.clock += Duration::from_millis(milliseconds);
        self
    }

    /// Does something while a call waits for its answer: this many milliseconds after it was asked.
    pub fn during(&mut self, call: usize, milliseconds: u64, act: impl FnOnce(&mut Self)) {
        let clock = self.clock;
        self.clock = self.calls[call].at + Duration::from_millis(milliseconds);
        act(self);
        self.clock = self.clock.max(clock);
    }

    /// Everything that was said.
    pub fn finish(mut self) -> Dialogue {
        self.calls.sort_by_key(|call| call.at);
        let mut secrets = self.secrets;
        let of_login = [self.uin.to_string(), self.sid, self.skey, self.pass_ticket];
        secrets.extend(of_login.into_iter().filter(|secret| !secret.is_empty()));
        Dialogue { calls: self.calls, secrets }
    }

    /// Notes that a text is secret.
    pub fn keep_secret(&mut self, secret: &str) -> String {
        self.secrets.insert(secret.to_owned());
        secret.to_owned()
    }

    /// A ticket of so many characters, some of which are escaped in a URL.
    pub fn ticket(&mut self, len: usize) -> String {
        let ticket = format!(
            "{}+{}/{}==",
            base64ish(&mut self.rng, 4),
            base64ish(&mut self.rng, len),
            base64ish(&mut self.rng, 3)
        );
        self.keep_secret(&ticket)
    }

    /// The session's id, the account's number, and the session's key.
    pub fn login(&self) -> (String, u32, String) {
        (self.sid.clone(), self.uin, self.skey.clone())
    }

    /// A session id that has to be escaped in a URL.
    pub fn set_sid(&mut self, sid: &str) {
        let old = std::mem::replace(&mut self.sid, sid.into());
        self.secrets.insert(old);
    }

    /// A call that was made.
    pub fn call_mut(&mut self, call: usize) -> &mut Call {
        &mut self.calls[call]
    }

    /// The unix time of what happens next, in seconds.
    pub fn unix_time(&self) -> u32 {
        (BASE_TIME + self.clock).as_secs() as u32
    }

    /// The page with the QR code: its number, polls until the code is scanned and confirmed, and the
    /// account's secrets.
    pub fn log_in(&mut self) {
        let uuid = format!("{}==", base64ish(&mut self.rng, 10));
        self.keep_secret(&uuid);
        let [host, login] = [self.host(Host::Main), self.host(Host::Login)];
        let redirect = format!("https://{host}{PREFIX}webwxnewloginpage");
        let now = self.milliseconds();
        let target = query(&[
            ("appid", "wx782c26e4c19acffb"),
            ("redirect_uri", &redirect),
            ("fun", "new"),
            ("lang", "en_US"),
            ("_", &now),
        ]);
        let body = format!("window.QRLogin.code = 200; window.QRLogin.uuid = \"{uuid}\";");
        let get = |target: String, host: &str| Request {
            method: "GET",
            host: host.into(),
            target,
            cookie: String::new(),
            content_type: http::JSON.into(),
            body: Vec::new(),
        };
        self.push(get(format!("/jslogin?{target}"), &login), ANSWER, script(body), "jslogin");

        let ticket = base64ish(&mut self.rng, 24);
        self.keep_secret(&ticket);
        let scan = self.unix_time().to_string();
        let way_in = query(&[("ticket", &ticket), ("uuid", &uuid), ("lang", "en_US"), ("scan", &scan)]);
        let confirmed = format!("window.code=200;\nwindow.redirect_uri=\"{redirect}?{way_in}\";");
        for (tip, hold, answer) in [
            ("1", 25_000, "window.code=408;".to_owned()),
            ("1", 6_200, "window.code=201;window.userAvatar = 'data:img/jpg;base64,AAAA';".to_owned()),
            ("0", 3_100, confirmed),
        ] {
            let now = self.milliseconds();
            let r = self.complement();
            let target =
                query(&[("loginicon", "true"), ("uuid", &uuid), ("tip", tip), ("r", &r), ("_", &now)]);
            let request = get(format!("{PREFIX}login?{target}"), &login);
            self.push(request, Duration::from_millis(hold), script(answer), "login");
        }

        let xml = format!(
            "<error><ret>0</ret><message></message><skey>{}</skey><wxsid>{}</wxsid><wxuin>{}</wxuin>\
             <pass_ticket>{}</pass_ticket><isgrayscale>1</isgrayscale></error>",
            self.skey,
            self.sid,
            self.uin,
            query(&[("", &self.pass_ticket)]).trim_start_matches('='),
        );
        let request = get(format!("{PREFIX}webwxnewloginpage?{way_in}&fun=new&version=v2"), &host);
        self.push(
            request,
            ANSWER,
            Response { content_type: "text/plain", body: xml.into() },
            "webwxnewloginpage",
        );
    }

    /// `webwxinit`: the first SyncKey and the chats that were open.
    pub fn init(&mut self) -> usize {
        let key = first_key(&mut self.rng, (BASE_TIME + self.clock).as_secs() as u32);
        self.key = key.clone();
        self.check_key = key;
        let contacts = [&self.friends[0], &self.room];
        let body = object! {
            "BaseResponse" => base_response(),
            "Count" => contacts.len() as u32,
            "ContactList" => contacts.map(Contact::json).to_vec(),
            "SyncKey" => key_json(&self.key),
            "User" => self.user_json(),
            "ChatSet" => format!("filehelper,{},{}", self.friends[0].user_name, self.room.user_name),
            "SKey" => &self.skey,
            "ClientVersion" => 0x1600_0000u32,
            "SystemTime" => self.unix_time(),
            "GrayScale" => 1u32,
            "InviteStartCount" => 40u32,
            "MPSubscribeMsgCount" => 0u32,
            "MPSubscribeMsgList" => Vec::new(),
            "ClickReportInterval" => 600_000u32,
        };
        let parameters =
            [("r", &*self.complement()), ("lang", "en_US"), ("pass_ticket", &self.pass_ticket.clone())];
        let call = self.post("webwxinit", &parameters, Vec::new(), json(&body));
        self.calls[call].facts.synckey = self.key.0.clone();
        call
    }

    /// `webwxstatusnotify`: the client says that it is there, or that a chat was read.
    pub fn status_notify(&mut self, code: u32, to: &str) -> usize {
        let id = self.take_message_id();
        let body = object! { "BaseResponse" => base_response(), "MsgID" => id.to_string() };
        let members = vec![
            ("Code", code.into()),
            ("FromUserName", Json::from(&self.me.user_name)),
            ("ToUserName", to.into()),
            ("ClientMsgId", Json::Number(self.unix_milliseconds())),
        ];
        let parameters = [("lang", "en_US"), ("pass_ticket", &*self.pass_ticket.clone())];
        self.post("webwxstatusnotify", &parameters, members, json(&body))
    }

    /// `webwxgetcontact`: everybody.
    pub fn get_contacts(&mut self) -> usize {
        let mut members: Vec<_> = self.friends.iter().map(Contact::json).collect();
        members.push(service("filehelper", "File Transfer", 0).json());
        members.push(service("weixin", "WeChat Team", 56).json());
        let body = object! {
            "BaseResponse" => base_response(),
            "MemberCount" => members.len() as u32,
            "MemberList" => members,
            "Seq" => 0u32,
        };
        let now = self.milliseconds();
        let target = query(&[
            ("lang", "en_US"),
            ("pass_ticket", &self.pass_ticket),
            ("r", &now),
            ("seq", "0"),
            ("skey", &self.skey),
        ]);
        let request = self.get("webwxgetcontact", &target, Host::Main);
        self.push(request, ANSWER * 3, json(&body), "webwxgetcontact")
    }

    /// `webwxbatchgetcontact`: the members of the chat room.
    pub fn get_room(&mut self) -> usize {
        let body = object! {
            "BaseResponse" => base_response(),
            "Count" => 1u32,
            "ContactList" => vec![self.room.json()],
        };
        let entry = object! { "UserName" => &self.room.user_name, "EncryChatRoomId" => "" };
        let members = vec![("Count", 1u32.into()), ("List", vec![entry].into())];
        let now = self.milliseconds();
        let parameters =
            [("type", "ex"), ("r", &*now), ("lang", "en_US"), ("pass_ticket", &*self.pass_ticket.clone())];
        self.post("webwxbatchgetcontact", &parameters, members, json(&body))
    }

    /// `synccheck`: held for so many milliseconds, then answered.
    pub fn poll(&mut self, hold: u64, retcode: u32, selector: u32) -> usize {
        let key = self.check_key.clone();
        let call = self.poll_with(hold, &key.query(), &synccheck(retcode, selector));
        let facts = &mut self.calls[call].facts;
        facts.asked_key = key.0;
        facts.retcode = Some(retcode);
        facts.selector = Some(selector);
        if retcode == 0 && selector != selector::NOTHING {
            self.notice = Some(call);
        }
        call
    }

    /// `synccheck` with any SyncKey and any answer.
    pub fn poll_with(&mut self, hold: u64, synckey: &str, answer: &str) -> usize {
        let now = self.milliseconds();
        let device_id = self.device_id();
        let uin = self.uin.to_string();
        let target = query(&[
            ("r", &now),
            ("skey", &self.skey),
            ("sid", &self.sid),
            ("uin", &uin),
            ("deviceid", &device_id),
            ("synckey", synckey),
            ("_", &now),
        ]);
        let request = self.get("synccheck", &target, Host::Push);
        self.push(request, Duration::from_millis(hold), script(answer.into()), "synccheck")
    }

    /// `webwxsync`: asks with the client's SyncKey, is given these news, and keeps the new SyncKey.
    pub fn sync(&mut self, news: &News) -> usize {
        let mut key = self.key.clone();
        for (kind, by) in [
            (key::PROFILE, usize::from(news.profile.bit_flag != 0)),
            (key::MESSAGES, news.messages.len()),
            (key::CONTACTS, news.contacts.len() + news.deleted.len() + news.rooms.len()),
        ] {
            key.set(kind, key.get(kind).unwrap_or(0) + by as u32);
        }
        let newest = news.messages.iter().map(|message| message.create_time).max();
        key.set(key::TIME, newest.unwrap_or_else(|| self.unix_time()));
        self.sync_to(news, key)
    }

    /// `webwxsync` whose answer has this SyncKey, whatever the news are.
    pub fn sync_to(&mut self, news: &News, key: SyncKey) -> usize {
        let before = self.key.clone();
        let check_key = match self.era {
            Era::Article => None,
            Era::Later => Some(check_key(&key)),
        };
        let body = news.json(key_json(&key), check_key.as_ref().map(key_json));
        let call = self.sync_with(key_json(&before), body.server_style().into());

        let again = news.messages.iter().map(|message| message.id).filter(|id| self.seen.contains(id));
        let again = again.map(|id| id.to_string()).collect();
        for id in news.messages.iter().map(|message| message.id) {
            if !self.seen.contains(&id) {
                self.seen.push(id);
                if let Some(&sent) = self.sent.get(&id) {
                    self.calls[sent].facts.returned_by = Some(call);
                }
            }
        }
        let facts = &mut self.calls[call].facts;
        facts.grew = key.growth_since(&before);
        facts.asked_key = before.0;
        facts.messages = news.messages.iter().map(|message| message.id.to_string()).collect();
        facts.again = again;
        facts.synckey = key.0.clone();
        facts.synccheckkey = check_key.iter().flat_map(|key| key.0.clone()).collect();

        self.check_key = check_key.unwrap_or_else(|| key.clone());
        self.key = key;
        if !news.skey.is_empty() {
            let old = std::mem::replace(&mut self.skey, news.skey.clone());
            self.secrets.insert(old);
        }
        call
    }

    /// `webwxsync` with any SyncKey and any answer, which the client does not understand.
    pub fn sync_with(&mut self, synckey: Json, answer: Vec<u8>) -> usize {
        let complement = !(self.unix_milliseconds() as i32);
        let members = vec![("SyncKey", synckey), ("rr", Json::Number(complement.into()))];
        let parameters = [
            ("sid", &*self.sid.clone()),
            ("skey", &*self.skey.clone()),
            ("lang", "en_US"),
            ("pass_ticket", &*self.pass_ticket.clone()),
        ];
        let response = Response { content_type: "text/plain", body: answer };
        let call = self.post("webwxsync", &parameters, members, response);
        if let Some(poll) = self.notice.take() {
            self.calls[call].facts.poll = Some(poll);
            self.calls[poll].facts.fetch = Some(call);
        }
        call
    }

    /// `webwxsendmsg`: the call, and the message as a sync returns it.
    pub fn send_text(&mut self, to: &str, text: &str) -> (usize, Message) {
        self.send("webwxsendmsg", kind::TEXT, to, text)
    }

    /// A call that sends something: the call, and the message as a sync returns it.
    pub fn send(&mut self, name: &'static str, kind: u32, to: &str, content: &str) -> (usize, Message) {
        let id = self.take_message_id();
        let local = format!("{}{:04}", self.milliseconds(), self.rng.random_range(0..10_000));
        let message = object! {
            "Type" => kind,
            "Content" => content,
            "FromUserName" => &self.me.user_name,
            "ToUserName" => to,
            "LocalID" => &local,
            "ClientMsgId" => &local,
        };
        let body = object! {
            "BaseResponse" => base_response(),
            "MsgID" => id.to_string(),
            "LocalID" => &local,
        };
        let parameters = [("lang", "en_US"), ("pass_ticket", &*self.pass_ticket.clone())];
        let members = vec![("Msg", message), ("Scene", 0u32.into())];
        let mut returned = Message::new(id, &self.me.user_name, to, kind, content);
        returned.create_time = self.unix_time();
        let call = self.post(name, &parameters, members, json(&body));
        self.sent.insert(id, call);
        self.calls[call].facts.sent = Some(id.to_string());
        self.calls[call].facts.local_id = Some(local);
        (call, returned)
    }

    /// `webwxrevokemsg`: takes back a message that was sent.
    pub fn revoke(&mut self, message: &Message) -> usize {
        let body = object! { "BaseResponse" => base_response(), "Introduction" => "", "SysWording" => "" };
        let members = vec![
            ("ClientMsgId", Json::Text(self.milliseconds())),
            ("SvrMsgId", Json::Text(message.id.to_string())),
            ("ToUserName", Json::from(&message.to)),
        ];
        let parameters = [("lang", "en_US"), ("pass_ticket", &*self.pass_ticket.clone())];
        self.post("webwxrevokemsg", &parameters, members, json(&body))
    }

    /// `webwxgetmsgimg` and the like: what a message has on the server.
    pub fn get_media(&mut self, name: &str, message: &Message, content_type: &'static str) -> usize {
        let mut content = vec![0; 500];
        self.rng.fill_bytes(&mut content);
        let target = query(&[("MsgID", &message.id.to_string()), ("skey", &self.skey), ("type", "slave")]);
        let request = self.get(name, &target, Host::Main);
        self.push(request, ANSWER, Response { content_type, body: content }, name)
    }

    /// `webwxgetmedia`: a file, by all that the client knows of it.
    pub fn get_file(&mut self, message: &Message, data_ticket: &str) -> usize {
        let target = query(&[
            ("sender", &message.from),
            ("mediaid", &message.media_id),
            ("filename", &message.file_name),
            ("fromuser", &self.uin.to_string()),
            ("pass_ticket", &self.pass_ticket),
            ("webwx_data_ticket", data_ticket),
        ]);
        let request = self.get("webwxgetmedia", &target, Host::File);
        let response = Response { content_type: "application/octet-stream", body: b"all of it".into() };
        self.push(request, ANSWER, response, "webwxgetmedia")
    }

    /// `webwxpushloginurl`: asks the phone to let the account in again.
    pub fn push_login(&mut self) -> usize {
        let uuid = self.ticket(10);
        let body = object! { "ret" => "0", "msg" => "all ok", "uuid" => &uuid };
        let target = query(&[("uin", &self.uin.to_string())]);
        let request = self.get("webwxpushloginurl", &target, Host::Main);
        self.push(request, ANSWER, json(&body), "webwxpushloginurl")
    }

    /// `webwxuploadmedia`: a file, or one of several pieces of it; the call and the file's id.
    pub fn upload(
        &mut self,
        to: &str,
        name: &str,
        piece: Option<(u32, u32)>,
        data_ticket: &str,
    ) -> (usize, String) {
        let content = format!("\u{89}PNG\r\n--{name}--\r\n");
        let size = content.len() as u32 * piece.map_or(1, |(_, count)| count);
        let asked = object! {
            "UploadType" => 2u32,
            "BaseRequest" => self.base_request(),
            "ClientMediaId" => Json::Number(self.unix_milliseconds()),
            "TotalLen" => size,
            "StartPos" => 0u32,
            "DataLen" => size,
            "MediaType" => 4u32,
            "FromUserName" => &self.me.user_name,
            "ToUserName" => to,
            "FileMd5" => "0123456789abcdef0123456789abcdef",
        };
        let asked = asked.browser_style();
        let size_text = size.to_string();
        let (chunk, chunks) = piece.unwrap_or_default();
        let pieces = [chunks.to_string(), chunk.to_string()];
        let mut parts = vec![
            ("id", "WU_FILE_0"),
            ("name", name),
            ("type", "image/png"),
            ("lastModifiedDate", "Tue Jan 20 2015 16:00:00 GMT+0800 (CST)"),
            ("size", &size_text),
        ];
        if piece.is_some() {
            parts.extend([("chunks", &*pieces[0]), ("chunk", &*pieces[1])]);
        }
        parts.extend([
            ("mediatype", "pic"),
            ("uploadmediarequest", &asked),
            ("webwx_data_ticket", data_ticket),
            ("pass_ticket", &self.pass_ticket),
            ("note", "no field of its own"),
        ]);
        let boundary = "----WebKitFormBoundaryExample01";
        let body = http::form(boundary, &parts, (name, "image/png", content.as_bytes()));
        let request = Request {
            method: "POST",
            host: self.host(Host::File),
            target: format!("{PREFIX}webwxuploadmedia?f=json"),
            cookie: self.cookie(),
            content_type: format!("multipart/form-data; boundary={boundary}"),
            body,
        };
        let id = self.media_id();
        let is_last = piece.is_none_or(|(chunk, chunks)| chunk + 1 == chunks);
        let answer = object! {
            "BaseResponse" => base_response(),
            "MediaId" => if is_last { &*id } else { "" },
            "StartPos" => size,
            "CDNThumbImgHeight" => 100u32,
            "CDNThumbImgWidth" => 75u32,
            "EncryFileName" => "menu%2Epng",
        };
        (self.push(request, ANSWER * 4, json(&answer), "webwxuploadmedia"), id)
    }

    /// Anything else.
    pub fn other(&mut self, method: &'static str, target: &str, body: &str, response: Response) -> usize {
        let request = Request {
            method,
            host: self.host(Host::Main),
            target: target.into(),
            cookie: String::new(),
            content_type: http::JSON.into(),
            body: body.into(),
        };
        self.push(request, ANSWER, response, "")
    }

    /// `webwxlogout`.
    pub fn log_out(&mut self) -> usize {
        let parameters = [("redirect", "1"), ("type", "0"), ("skey", &*self.skey.clone())];
        self.post(
            "webwxlogout",
            &parameters,
            Vec::new(),
            Response { content_type: "text/plain", body: Vec::new() },
        )
    }

    /// The SyncKeys for syncs and for polls.
    pub fn keys(&self) -> (SyncKey, SyncKey) {
        (self.key.clone(), self.check_key.clone())
    }

    /// A client that has not heard of the latest answer yet.
    pub fn set_keys(&mut self, (key, check_key): (SyncKey, SyncKey)) {
        self.key = key;
        self.check_key = check_key;
    }

    /// A message that arrives now, from a friend.
    pub fn message(&mut self, friend: usize, kind: u32, content: impl Into<Json>) -> Message {
        let from = self.friends[friend].user_name.clone();
        self.message_from(&from, kind, content)
    }

    /// A message that arrives now.
    pub fn message_from(&mut self, from: &str, kind: u32, content: impl Into<Json>) -> Message {
        let id = self.take_message_id();
        let mut message = Message::new(id, from, &self.me.user_name, kind, content);
        message.create_time = self.unix_time();
        message
    }

    /// A made-up id of a file on the server.
    pub fn media_id(&mut self) -> String {
        let id = format!("@crypt_{}_{}", hex(&mut self.rng, 8), hex(&mut self.rng, 96));
        self.keep_secret(&id)
    }

    /// A secret that replaces the old one.
    pub fn new_skey(&mut self) -> String {
        format!("@crypt_{}_{}", hex(&mut self.rng, 8), hex(&mut self.rng, 32))
    }

    fn take_message_id(&mut self) -> u64 {
        self.next_message += self.rng.random_range(1..1_000_000_000);
        self.next_message
    }

    fn device_id(&mut self) -> String {
        format!("e{:015}", self.rng.random_range(0..1_000_000_000_000_000u64))
    }

    fn unix_milliseconds(&self) -> i64 {
        (BASE_TIME + self.clock).as_millis() as i64
    }

    fn milliseconds(&self) -> String {
        self.unix_milliseconds().to_string()
    }

    /// The time in milliseconds, cut to 32 bits and inverted, as the web client has it.
    fn complement(&self) -> String {
        (!(self.unix_milliseconds() as i32)).to_string()
    }

    fn host(&self, host: Host) -> String {
        match (host, self.era) {
            (Host::Login, Era::Article) => "login.weixin.qq.com",
            (Host::Main, Era::Article) => "wx.qq.com",
            (Host::Push, Era::Article) => "webpush.weixin.qq.com",
            (Host::Login, Era::Later) => "login.wx.qq.com",
            (Host::Main, Era::Later) => "wx2.qq.com",
            (Host::Push, Era::Later) => "webpush.wx2.qq.com",
            (Host::File, Era::Article) => "file.wx.qq.com",
            (Host::File, Era::Later) => "file.wx2.qq.com",
        }
        .into()
    }

    fn cookie(&self) -> String {
        format!("wxuin={}; wxsid={}; mm_lang=en_US", self.uin, self.sid)
    }

    fn user_json(&self) -> Json {
        object! {
            "Uin" => self.uin,
            "UserName" => &self.me.user_name,
            "NickName" => &self.me.nick_name,
            "HeadImgUrl" => "/cgi-bin/mmwebwx-bin/webwxgeticon?seq=1",
            "RemarkName" => "",
            "StarFriend" => 0u32,
            "Sex" => self.me.sex,
            "Signature" => "",
            "AppAccountFlag" => 0u32,
            "VerifyFlag" => 0u32,
            "ContactFlag" => 0u32,
            "WebWxPluginSwitch" => 0u32,
            "HeadImgFlag" => 1u32,
            "SnsFlag" => 1u32,
        }
    }

    fn base_request(&mut self) -> Json {
        object! {
            "Uin" => self.uin,
            "Sid" => &self.sid,
            "Skey" => &self.skey,
            "DeviceID" => self.device_id(),
        }
    }

    fn get(&self, call: &str, query: &str, host: Host) -> Request {
        Request {
            method: "GET",
            host: self.host(host),
            target: format!("{PREFIX}{call}?{query}"),
            cookie: self.cookie(),
            content_type: http::JSON.into(),
            body: Vec::new(),
        }
    }

    fn post(
        &mut self,
        call: &'static str,
        parameters: &[(&str, &str)],
        members: Vec<(&'static str, Json)>,
        response: Response,
    ) -> usize {
        let mut all = vec![("BaseRequest", self.base_request())];
        all.extend(members);
        let request = Request {
            method: "POST",
            host: self.host(Host::Main),
            target: format!("{PREFIX}{call}?{}", query(parameters)),
            cookie: self.cookie(),
            content_type: http::JSON.into(),
            body: Json::Object(all).browser_style().into(),
        };
        self.push(request, ANSWER, response, call)
    }

    fn push(&mut self, request: Request, hold: Duration, response: Response, call: &str) -> usize {
        let id = self.calls.len();
        // Nobody is logged in before there are cookies.
        let uin = (!request.cookie.is_empty()).then_some(self.uin);
        let facts = Facts { call: call.into(), uin, ..Facts::default() };
        self.calls.push(Call { id, at: self.clock, hold, request, response, facts });
        self.clock += hold + THINKING;
        id
    }
}

#[derive(Clone, Copy)]
enum Host {
    Login,
    Main,
    Push,
    File,
}

/// The answer to a poll.
pub fn synccheck(retcode: u32, selector: u32) -> String {
    format!("window.synccheck={{retcode:\"{retcode}\",selector:\"{selector}\"}}")
}

/// A SyncKey in JSON.
pub fn key_json(key: &SyncKey) -> Json {
    let entry = |&(key, value): &(u32, u32)| object! { "Key" => key, "Val" => value };
    object! { "Count" => key.0.len() as u32, "List" => key.0.iter().map(entry).collect::<Vec<_>>() }
}

/// The kinds of 2015. Times lie just before the given one.
fn first_key(rng: &mut ChaCha8Rng, now: u32) -> SyncKey {
    let mut position = || rng.random_range(600_000_000..700_000_000);
    let [profile, messages, contacts, eleven] = [(); 4].map(|()| position());
    let thousand = now - rng.random_range(1000..9000);
    SyncKey(vec![
        (key::PROFILE, profile),
        (key::MESSAGES, messages),
        (key::CONTACTS, contacts),
        (11, eleven),
        (key::TIME, now - 2),
        (1000, thousand),
    ])
}

/// What later servers send besides a SyncKey: the same and more.
fn check_key(key: &SyncKey) -> SyncKey {
    let mut check = key.clone();
    let time = key.get(key::TIME).unwrap_or(0);
    check.0.insert(5.min(check.0.len()), (203, time - 3600));
    check.0.push((1001, time - 7200));
    check
}

fn service(user_name: &str, nick_name: &str, verify_flag: u32) -> Contact {
    Contact { user_name: user_name.into(), nick_name: nick_name.into(), verify_flag, ..Contact::default() }
}

fn json(body: &Json) -> Response {
    Response { content_type: "text/plain", body: body.server_style().into() }
}

fn script(body: String) -> Response {
    Response { content_type: "text/javascript", body: body.into() }
}

fn hex(rng: &mut ChaCha8Rng, len: usize) -> String {
    (0..len).map(|_| char::from(b"0123456789abcdef"[rng.random_range(0..16)])).collect()
}

fn base64ish(rng: &mut ChaCha8Rng, len: usize) -> String {
    const DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..len).map(|_| char::from(DIGITS[rng.random_range(0..DIGITS.len())])).collect()
}
