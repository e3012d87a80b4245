// SPDX-License-Identifier: GPL-2.0-or-later
//! The calls of the web client: the only place that knows their paths and what answers them.

use std::ffi::CStr;
use std::ops::Range;

use crate::wechat::secret::{LOGIN_FOLDERS, Rule};

/// What a call does for the delivery of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Asks whether there is news; the server holds it.
    Poll,
    /// Fetches the news.
    Fetch,
    /// Sends a message.
    Send,
    /// Anything else.
    Other,
}

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// JSON.
    Json,
    /// `window.synccheck={retcode:"…",selector:"…"}`
    Poll,
    /// `window.code=…;`, and more of that sort.
    Login,
    /// Something that is no text of this protocol: an image, a page.
    Other,
    /// Nobody knows: JSON, if it looks like it.
    Unknown,
}

/// A row of the table of calls.
#[derive(Debug)]
pub struct Call {
    /// Last part of the path.
    pub name: &'static CStr,
    /// What it does for the delivery of messages.
    pub role: Role,
    /// How it is answered.
    pub answer: Answer,
}

const fn json(name: &'static CStr) -> Call {
    Call { name, role: Role::Other, answer: Answer::Json }
}
const fn send(name: &'static CStr) -> Call {
    Call { role: Role::Send, ..json(name) }
}
const fn media(name: &'static CStr) -> Call {
    Call { answer: Answer::Other, ..json(name) }
}

/// The folder of all calls but [`NO_FOLDER`] and those of a login, in small letters.
const FOLDER: &str = "/cgi-bin/mmwebwx-bin/";
/// A part of it that is written without escapes.
const PART: &[u8] = b"mmwebwx";
/// A call outside of it, and what its query holds: the path alone could be anybody's.
const NO_FOLDER: (&str, &str) = ("/jslogin", "appid=wx");

/// The row of all other calls in the folder.
pub static ANOTHER: &Call = &Call { answer: Answer::Unknown, ..json(c"another call") };

/// The calls that are known.
pub static CALLS: &[Call] = &[
    Call { role: Role::Poll, answer: Answer::Poll, ..json(c"synccheck") },
    Call { role: Role::Fetch, ..json(c"webwxsync") },
    send(c"webwxsendmsg"),
    send(c"webwxsendmsgimg"),
    send(c"webwxsendvideomsg"),
    send(c"webwxsendappmsg"),
    send(c"webwxsendemoticon"),
    Call { answer: Answer::Login, ..json(c"jslogin") },
    Call { answer: Answer::Login, ..json(c"login") },
    media(c"webwxnewloginpage"),
    json(c"webwxinit"),
    json(c"webwxstatusnotify"),
    json(c"webwxgetcontact"),
    json(c"webwxbatchgetcontact"),
    json(c"webwxrevokemsg"),
    json(c"webwxoplog"),
    json(c"webwxupdatechatroom"),
    json(c"webwxcreatechatroom"),
    json(c"webwxverifyuser"),
    json(c"webwxpushloginurl"),
    json(c"webwxuploadmedia"),
    media(c"webwxlogout"),
    media(c"webwxgetmsgimg"),
    media(c"webwxgetvideo"),
    media(c"webwxgetvoice"),
    media(c"webwxgeticon"),
    media(c"webwxgetheadimg"),
    media(c"webwxgetmedia"),
    media(c"webwxgetpubliclinkimg"),
    media(c"webwxcheckurl"),
    media(c"webwxpreview"),
    json(c"webwxcheckupload"),
    json(c"webwxuploadmediaparallel"),
    json(c"webwxsearchcontact"),
    json(c"webwxsendfeedback"),
    json(c"webwxstatreport"),
    // The page and the picture of a login: see `LOGIN_FOLDERS`.
    media(c"l"),
    media(c"qrcode"),
];

/// Hosts of the web client, without the prefix that tells their duty.
const HOSTS: [&str; 8] = [
    "wx.qq.com",
    "wx2.qq.com",
    "wx8.qq.com",
    "web.wechat.com",
    "web2.wechat.com",
    "login.weixin.qq.com",
    "weixin.qq.com",
    "login.wx.qq.com",
];
const DUTIES: [&str; 3] = ["webpush.", "webpush2.", "file."];

/// Whether the web client is known to use a host.
pub fn knows_host(host: &str) -> bool {
    let host = host.rsplit('@').next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let bare = DUTIES.iter().find_map(|duty| name.strip_prefix(duty)).unwrap_or(&name);
    HOSTS.contains(&bare)
}

/// Whether a request of a call may be among bytes, of which the first are looked at.
pub fn may_be_in(data: &[u8]) -> bool {
    const LOOKED_AT: usize = 65_536;
    let data = data.get(..LOOKED_AT).unwrap_or(data);
    // The last letter of the part is a rare one.
    let holds_part = |at: usize| {
        let end = at.saturating_add(1);
        let part = data.get(end.saturating_sub(PART.len())..end);
        part.is_some_and(|part| part.eq_ignore_ascii_case(PART))
    };
    memchr::memchr2_iter(b'x', b'X', data).any(holds_part)
        || ["/jslogin", "/l/", "/qrcode/"]
            .iter()
            .any(|part| memchr::memmem::find(data, part.as_bytes()).is_some())
}

/// Where in the target of a request its parts lie.
#[derive(Clone, Debug)]
pub struct Line {
    /// Place of the call in [`CALLS`], or behind all of them for [`ANOTHER`].
    pub call: u8,
    /// Bytes of its name.
    pub name: Range<usize>,
    /// Bytes of what the path has behind it.
    pub rest: Range<usize>,
    /// Where the query begins.
    pub query: usize,
}

/// The call of a request to a host by its target. Any host will do: researchers replay calls to servers of their own;
/// but what all servers have in a path is only WeChat's on hosts of WeChat.
pub fn find(target: &str, host: &str) -> Option<Line> {
    let path_end = target.find(['?', '#']).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(path_end)?;
    // A proxy is asked with the whole URI.
    let (host, host_end) = match path.find("://") {
        Some(scheme) => {
            let host = scheme.checked_add(3)?;
            let end = host.checked_add(path.get(host..)?.find('/')?)?;
            (path.get(host..end)?, end)
        }
        None => (host, 0),
    };
    let local = path.get(host_end..)?;
    let in_folder = behind_folder(local);
    let start = host_end.checked_add(in_folder.unwrap_or(1))?;
    let behind = path.get(start..)?;
    let name = behind.split(['/', ';']).next()?;
    let rest = behind.get(name.len()..)?;
    let is_call = |row: &Call| row.name.to_bytes().eq_ignore_ascii_case(name.as_bytes());
    let of_login = LOGIN_FOLDERS.contains(&name);
    let is_known = match in_folder {
        Some(_) => !of_login && (rest.starts_with(';') || rest.bytes().all(|byte| byte == b'/')),
        None if of_login => rest.len() > 1 && knows_host(host),
        None => local == NO_FOLDER.0 && query.contains(NO_FOLDER.1),
    };
    let known = CALLS.iter().position(is_call).filter(|_| is_known);
    let call = known.or(in_folder.map(|_| CALLS.len()))?;
    let name_end = start.checked_add(name.len())?;
    Some(Line {
        call: u8::try_from(call).ok()?,
        name: start..name_end,
        rest: name_end..path_end,
        query: path_end,
    })
}

/// Where in a path the folder of the calls ends, if it begins with it. Case, doubled slashes and escaped signs do not
/// matter.
fn behind_folder(path: &str) -> Option<usize> {
    let sign = |at: usize| match path.as_bytes().get(at..)? {
        [b'%', b'2', b'd' | b'D', ..] => Some((b'-', 3)),
        [b'%', b'2', b'f' | b'F', ..] => Some((b'/', 3)),
        [byte, ..] => Some((byte.to_ascii_lowercase(), 1usize)),
        [] => None,
    };
    let mut at = 0usize;
    for expected in FOLDER.bytes() {
        let (byte, length) = sign(at)?;
        if byte != expected {
            return None;
        }
        at = at.checked_add(length)?;
        while let Some((_, length)) = sign(at).filter(|(byte, _)| expected == b'/' && *byte == b'/') {
            at = at.checked_add(length)?;
        }
    }
    Some(at)
}

/// What tells whether the name of a call in a path is secret: where no row has it, it may be a ticket.
pub fn name_rule(name: &str) -> Rule {
    const LONGEST: usize = 40;
    let prefix = name.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("webwx"));
    let is_of_name = |byte: u8| byte.is_ascii_lowercase() || prefix && byte.is_ascii_alphanumeric();
    match name.len() <= LONGEST && name.bytes().all(is_of_name) {
        true => Rule::Text,
        false => Rule::Secret,
    }
}

/// The row of a call.
pub fn row(call: u8) -> &'static Call {
    CALLS.get(usize::from(call)).unwrap_or(ANOTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Call, name and the rest of the path.
    fn found<'a>(target: &'a str, host: &str) -> Option<(&'static str, &'a str, &'a str)> {
        let line = find(target, host)?;
        assert!(target[line.query..].is_empty() || target[line.query..].starts_with(['?', '#']));
        assert!(may_be_in(target.as_bytes()), "{target}");
        Some((row(line.call).name.to_str().unwrap(), &target[line.name], &target[line.rest]))
    }

    #[test]
    fn calls_on_any_host_are_found() {
        for (target, call, name, rest) in [
            ("/cgi-bin/mmwebwx-bin/synccheck?r=1", "synccheck", "synccheck", ""),
            ("/cgi-bin/mmwebwx-bin/webwxsync", "webwxsync", "webwxsync", ""),
            ("http://wx.example/cgi-bin/mmwebwx-bin/webwxinit?r=1", "webwxinit", "webwxinit", ""),
            ("/jslogin?appid=wx782c26e4c19acffb", "jslogin", "jslogin", ""),
            ("/cgi-bin/mmwebwx-bin/webwxcheckurl?u=1", "webwxcheckurl", "webwxcheckurl", ""),
            ("//CGI-bin/mmWebwx%2dbin//WebwxSync/", "webwxsync", "WebwxSync", "/"),
            ("/cgi%2Dbin%2Fmmwebwx-bin/webwxsync;v=1?r=1", "webwxsync", "webwxsync", ";v=1"),
            ("/cgi-bin/mmwebwx-bin/webwxfuture?skey=1", "another call", "webwxfuture", ""),
            ("/cgi-bin/mmwebwx-bin/synccheck/x", "another call", "synccheck", "/x"),
            ("/cgi-bin/mmwebwx-bin/l/x", "another call", "l", "/x"),
            ("/cgi-bin/mmwebwx-bin/", "another call", "", ""),
            ("http://login.weixin.qq.com:80/l/abc==", "l", "l", "/abc=="),
        ] {
            assert_eq!(found(target, ""), Some((call, name, rest)), "{target}");
        }
        for other in [
            "",
            "/",
            "*",
            "example.com:443",
            "/jslogin",
            "/jslogin?appid=my",
            "/cgi-bin/mmwebwx-bin",
            "/x/cgi-bin/mmwebwx-bin/synccheck",
            "/l/abc==",
            "http://",
            "://",
            "http://a?/cgi-bin/mmwebwx-bin/synccheck",
        ] {
            assert_eq!(found(other, ""), None, "{other}");
        }
    }

    #[test]
    fn pages_of_a_login_are_found_on_hosts_of_wechat() {
        for (target, name) in [("/l/abc==", "l"), ("/qrcode/abc==?t=webwx", "qrcode")] {
            assert_eq!(found(target, "login.weixin.qq.com"), Some((name, name, "/abc==")));
            assert_eq!(found(target, "a:b@login.weixin.qq.com:443"), Some((name, name, "/abc==")));
            assert_eq!(found(target, "server.example"), None);
            assert_eq!(found(&format!("http://server.example{target}"), "login.weixin.qq.com"), None);
        }
        for target in ["/l/", "/l", "/qrcode?x", "/login/abc"] {
            assert_eq!(found(target, "login.weixin.qq.com"), None, "{target}");
        }
    }

    #[test]
    fn what_may_be_a_ticket_is_no_name() {
        for name in ["", "login", "webwxFuture2", "WEBWXSYNC"] {
            assert_eq!(name_rule(name), Rule::Text, "{name}");
        }
        for name in ["gZx1aQ==", "4cXy90aBcd", "@crypt_1", "webwx_a", &"a".repeat(41), "webwx=1"] {
            assert_eq!(name_rule(name), Rule::Secret, "{name}");
        }
    }

    #[test]
    fn hosts_are_a_hint() {
        for host in ["wx.qq.com", "webpush.wx2.qq.com", "FILE.web.wechat.com:443", "webpush2.weixin.qq.com"] {
            assert!(knows_host(host), "{host}");
        }
        for host in ["", "127.0.0.1:8000", "wx.qq.com.example", "notwx.qq.com"] {
            assert!(!knows_host(host), "{host}");
        }
    }
}
