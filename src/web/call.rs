// SPDX-License-Identifier: GPL-2.0-or-later
//! The calls of the web client: the only place that knows their paths and what answers them.

use std::ffi::CStr;

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

/// The folder of all calls but [`NO_FOLDER`].
const FOLDER: &str = "/cgi-bin/mmwebwx-bin/";
/// The one call outside of it, and what its query holds: the path alone could be anybody's.
const NO_FOLDER: (&str, &str) = ("/jslogin", "appid=wx");

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
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let bare = DUTIES.iter().find_map(|duty| name.strip_prefix(duty)).unwrap_or(&name);
    HOSTS.contains(&bare)
}

/// Whether a request of a call may be among bytes, of which the first are looked at.
pub fn may_be_in(data: &[u8]) -> bool {
    const LOOKED_AT: usize = 65_536;
    let data = data.get(..LOOKED_AT).unwrap_or(data);
    [FOLDER, NO_FOLDER.0].iter().any(|part| memchr::memmem::find(data, part.as_bytes()).is_some())
}

/// Place of a call in [`CALLS`], and of its name and its query in the target of a request. Any host
/// will do: researchers replay calls to servers of their own.
pub fn find(target: &str) -> Option<(u8, std::ops::Range<usize>, usize)> {
    let path_end = target.find(['?', '#']).unwrap_or(target.len());
    let (path, rest) = target.split_at_checked(path_end)?;
    // A proxy is asked with the whole URI.
    let host_end = match path.find("://") {
        Some(scheme) => {
            let host = scheme.checked_add(3)?;
            host.checked_add(path.get(host..)?.find('/')?)?
        }
        None => 0,
    };
    let local = path.get(host_end..)?;
    let (folder, call) = match local.strip_prefix(FOLDER) {
        Some(call) => (FOLDER.len(), call),
        None if local == NO_FOLDER.0 && rest.contains(NO_FOLDER.1) => (1, local.get(1..)?),
        None => return None,
    };
    let place = CALLS.iter().position(|row| row.name.to_bytes() == call.as_bytes())?;
    let start = host_end.checked_add(folder)?;
    Some((u8::try_from(place).ok()?, start..path_end, path_end))
}

/// The row of a call.
pub fn row(call: u8) -> &'static Call {
    static NONE: Call = json(c"");
    CALLS.get(usize::from(call)).unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_calls_on_any_host_are_found() {
        let name = |target: &str| {
            find(target).map(|(call, name, _)| {
                assert_eq!(&target[name], row(call).name.to_str().unwrap());
                row(call).name.to_str().unwrap()
            })
        };
        assert_eq!(name("/cgi-bin/mmwebwx-bin/synccheck?r=1"), Some("synccheck"));
        assert_eq!(name("/cgi-bin/mmwebwx-bin/webwxsync"), Some("webwxsync"));
        assert_eq!(name("http://wx.example/cgi-bin/mmwebwx-bin/webwxinit?r=1"), Some("webwxinit"));
        assert_eq!(name("/jslogin?appid=wx782c26e4c19acffb"), Some("jslogin"));
        for other in [
            "",
            "/",
            "*",
            "example.com:443",
            "/jslogin",
            "/jslogin?appid=my",
            "/cgi-bin/mmwebwx-bin/",
            "/cgi-bin/mmwebwx-bin/x",
            "/x/cgi-bin/mmwebwx-bin/synccheck",
            "/cgi-bin/mmwebwx-bin/synccheck/x",
            "http://",
            "://",
            "http://a?/cgi-bin/mmwebwx-bin/synccheck",
        ] {
            assert_eq!(name(other), None, "{other}");
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
