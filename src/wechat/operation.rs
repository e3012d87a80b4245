// SPDX-License-Identifier: GPL-2.0-or-later
//! What operation numbers mean: the only place that knows.
//!
//! One table, sorted by number. A number with two rows means different things by direction
//! (12, 39, 241) or by the cgi type in the business header (157, 176, 189). An answer carries
//! its request's number plus [`ANSWER`].

use std::ffi::CStr;
use std::ops::Range;

use crate::kernel::rows::Value;

/// Seqid of a push: nothing is being answered.
pub const SEQ_PUSH: u32 = 0;

/// What an answer adds to its request's operation.
pub const ANSWER: u32 = 1_000_000_000;

/// Who takes part in an operation, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The client asks, the server answers.
    Request,
    /// The server sends it unasked, with seqid 0.
    Push,
    /// Nothing answers it.
    OneWay,
    /// A request that keeps the connection open.
    Heartbeat,
}

/// How a body is laid out; the long link takes it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One business packet, or bytes nobody has described.
    Business,
    /// Flag word, length, business packet.
    Push,
    /// Elapsed time, length, SyncKey.
    PushAck,
    /// A selector: what has news.
    Selector,
    /// IPv4 addresses, four bytes each.
    Redirect,
    /// Masked account number, SyncKey, trailer.
    IdentifyRequest,
    /// Selector, return code, key or network id.
    IdentifyAnswer,
    /// One byte saying what kind of call, then its payload.
    VoipRequest,
    /// Two numbers: notice id and its sequence.
    NoticeIds,
}

/// What an operation does for the delivery of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Nothing.
    No,
    /// A push that says that there is news, and does not bring it.
    Notice,
    /// A request that fetches news; of the selector's bits, those that it fetches.
    Fetch(u32),
    /// A push that brings the message.
    Message,
    /// A request that sends a message.
    Send,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Number on the wire; of a request, without [`ANSWER`].
    pub number: u32,
    /// The name users filter on, as the host takes it.
    pub filter: &'static CStr,
    /// The same (`wechat.op.name`).
    pub name: &'static str,
    /// What the Info column says; the name where nobody has found better words.
    pub title: &'static str,
    /// Who sends it, and whether it is answered.
    pub role: Role,
    /// Whether the row is meant only where the frame has no body.
    pub bare: bool,
    /// Of a request, whether it is known to be answered always, so that a missing answer is a fault.
    pub answered: bool,
    /// What it does for the delivery of messages.
    pub sync: Sync,
    /// The cgi type that the business header carries for the same call; 0 when unknown.
    pub cgi: u32,
    /// Layout of the body.
    pub body: Layout,
    /// Layout of the answer's body.
    pub answer: Layout,
}

impl Operation {
    #[allow(clippy::panic)] // the compiler runs it
    const fn new(number: u32, filter: &'static CStr, role: Role) -> Self {
        let Ok(name) = filter.to_str() else { panic!("a name is text") };
        Self {
            number,
            filter,
            name,
            title: name,
            role,
            bare: false,
            answered: true,
            sync: Sync::No,
            cgi: 0,
            body: Layout::Business,
            answer: Layout::Business,
        }
    }
    const fn titled(self, title: &'static str) -> Self {
        Self { title, ..self }
    }
    const fn without_body(self) -> Self {
        Self { bare: true, ..self }
    }
    const fn perhaps_unanswered(self) -> Self {
        Self { answered: false, ..self }
    }
    const fn sync(self, sync: Sync) -> Self {
        Self { sync, ..self }
    }
    const fn cgi(self, cgi: u32) -> Self {
        Self { cgi, ..self }
    }
    const fn body(self, body: Layout) -> Self {
        Self { body, ..self }
    }
    const fn answer(self, answer: Layout) -> Self {
        Self { answer, ..self }
    }
}

const fn request(number: u32, name: &'static CStr) -> Operation {
    Operation::new(number, name, Role::Request)
}
const fn push(number: u32, name: &'static CStr) -> Operation {
    Operation::new(number, name, Role::Push)
}
const fn one_way(number: u32, name: &'static CStr) -> Operation {
    Operation::new(number, name, Role::OneWay)
}
const fn heartbeat(number: u32, name: &'static CStr) -> Operation {
    Operation::new(number, name, Role::Heartbeat)
}

/// Who sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What kind of frame one is (`wechat.kind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Neither direction nor operation tell.
    Unknown,
    /// The client asks.
    Request,
    /// The server answers.
    Response,
    /// The server sends unasked.
    Push,
    /// The client has received a push.
    PushAck,
    /// Nothing answers it.
    OneWay,
    /// The client keeps the connection open.
    HeartbeatRequest,
    /// The server agrees.
    HeartbeatResponse,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Request,
        Self::Response,
        Self::Push,
        Self::PushAck,
        Self::OneWay,
        Self::HeartbeatRequest,
        Self::HeartbeatResponse,
    ];

    /// The value of `wechat.kind`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Request => "request",
            Self::Response => "response",
            Self::Push => "push",
            Self::PushAck => "push acknowledgement",
            Self::OneWay => "one-way",
            Self::HeartbeatRequest => "heartbeat request",
            Self::HeartbeatResponse => "heartbeat response",
        }
    }

    /// Whether it answers something.
    pub fn answers(self) -> bool {
        matches!(self, Self::Response | Self::HeartbeatResponse)
    }

    /// Whether a row of this role may be meant.
    pub fn is(self, role: Role) -> bool {
        match self {
            Self::Unknown => true,
            Self::Request | Self::Response => role == Role::Request,
            // A direct send goes either way.
            Self::Push => role == Role::Push || role == Role::OneWay,
            Self::PushAck | Self::OneWay => role == Role::OneWay,
            Self::HeartbeatRequest | Self::HeartbeatResponse => role == Role::Heartbeat,
        }
    }
}

/// What is known of a frame from its header, its direction and the size of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What kind of frame it is.
    pub kind: Kind,
    /// Who sent it, where that is known.
    pub sender: Option<Sender>,
    /// The operation, of an answer its request's.
    pub base: u32,
}

/// The operation without what an answer adds.
pub fn base(op: u32) -> u32 {
    op.checked_sub(ANSWER).unwrap_or(op)
}

/// Whether `op` answers `request`: by the rule, or by repeating it as the article's text allows.
pub fn answers(op: u32, request: u32) -> bool {
    op == request || request.checked_add(ANSWER) == Some(op)
}

/// Classifies a frame. `hint` is what its stream or its ports say of its sender; the operation
/// overrules it.
pub fn classify(op: u32, seq: u32, body_len: usize, hint: Option<Sender>) -> Meaning {
    let known = rows(op);
    let has = |role| known.iter().any(|row| row.role == role);
    let beats = |rows: &[Operation]| {
        rows.iter().any(|row| row.role == Role::Heartbeat && (body_len == 0 || !row.bare))
    };
    // Nothing but a heartbeat has seqid 0 from a client.
    let unasked = (seq == SEQ_PUSH && !beats(known)).then_some(Sender::Server);
    let sender = proven_sender(op, known).or(unasked).or(hint);
    let from_server = sender == Some(Sender::Server);
    if is_ack(known) {
        return Meaning { kind: Kind::PushAck, sender, base: op };
    }
    if op >= ANSWER {
        let base = base(op);
        let kind = if beats(rows(base)) { Kind::HeartbeatResponse } else { Kind::Response };
        return Meaning { kind, sender, base };
    }
    // A number that is also pushed is a push when nothing is asked.
    let kind = if beats(known) && !(from_server && seq == SEQ_PUSH && has(Role::Push)) {
        if from_server { Kind::HeartbeatResponse } else { Kind::HeartbeatRequest }
    } else if has(Role::OneWay) && seq != SEQ_PUSH {
        Kind::OneWay
    } else {
        match sender {
            Some(Sender::Server) if seq == SEQ_PUSH || only_pushed(known) => Kind::Push,
            // The article's text allows an answer that repeats its request's number.
            Some(Sender::Server) => Kind::Response,
            Some(Sender::Client) => Kind::Request,
            None => Kind::Unknown,
        }
    };
    Meaning { kind, sender, base: op }
}

/// Who sends this operation, where its number alone is proof; what one frame shows so holds for its
/// stream.
pub fn sender_of(op: u32) -> Option<Sender> {
    proven_sender(op, rows(op))
}

/// The same with the rows of the operation at hand.
fn proven_sender(op: u32, rows: &[Operation]) -> Option<Sender> {
    if is_ack(rows) {
        Some(Sender::Client)
    } else {
        (op >= ANSWER || only_pushed(rows)).then_some(Sender::Server)
    }
}

fn is_ack(rows: &[Operation]) -> bool {
    rows.iter().any(|row| row.body == Layout::PushAck)
}

fn only_pushed(rows: &[Operation]) -> bool {
    !rows.is_empty() && rows.iter().all(|row| row.role == Role::Push)
}

/// Whether a number is in the range in which operations and their answers are numbered.
pub fn in_range(op: u32) -> bool {
    op / ANSWER < 2 && op % ANSWER <= u32::from(u16::MAX)
}

/// Numbers below this have their place in [`STARTS`]; few are above.
const INDEXED: usize = 1024;

/// For each small number, how many rows are of smaller ones.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // the compiler runs it
static STARTS: [u16; INDEXED + 1] = {
    let mut starts = [0; INDEXED + 1];
    let (mut number, mut row) = (0, 0);
    while number <= INDEXED {
        while row < OPERATIONS.len() && (OPERATIONS[row].number as usize) < number {
            row += 1;
        }
        starts[number] = row as u16;
        number += 1;
    }
    starts
};

/// Where the rows of a number stand in the table.
fn span(number: u32) -> Range<usize> {
    let small = number as usize;
    if let Some([start, end]) = STARTS.get(small..small.saturating_add(2)) {
        return usize::from(*start)..usize::from(*end);
    }
    let above = STARTS.last().map_or(0, |start| usize::from(*start));
    let behind = |count: usize| count.saturating_add(above);
    let rows = OPERATIONS.get(above..).unwrap_or_default();
    behind(rows.partition_point(|row| row.number < number))
        ..behind(rows.partition_point(|row| row.number <= number))
}

/// Where the first row of a number stands in the table.
pub fn place(number: u32) -> Option<usize> {
    Some(span(number)).filter(|span| !span.is_empty()).map(|span| span.start)
}

/// The rows of one number.
pub fn rows(number: u32) -> &'static [Operation] {
    OPERATIONS.get(span(number)).unwrap_or_default()
}

/// The name of a number alone, the first of several.
pub fn name(number: u32) -> Option<&'static str> {
    rows(number).first().map(|row| row.name)
}

/// The names of all numbers, for filters: each finds the first number that has it, and a number shows the first of
/// its names.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // the compiler runs it
pub static NAMES: &[Value] = &{
    let mut names = [(0, c""); OPERATIONS.len()];
    let mut row = 0;
    while row < names.len() {
        names[row] = (OPERATIONS[row].number, OPERATIONS[row].filter);
        row += 1;
    }
    names
};

/// The rows that a frame may be: those whose role fits, narrowed by the cgi type when there is one.
pub fn candidates(meaning: Meaning, cgi: Option<u32>) -> impl Iterator<Item = &'static Operation> + Clone {
    let rows = rows(meaning.base);
    let fits = move |row: &&Operation| meaning.kind.is(row.role);
    let by_cgi = move |row: &&Operation| cgi == Some(row.cgi);
    let told = cgi.is_some() && rows.iter().filter(fits).any(|row| by_cgi(&row));
    rows.iter().filter(fits).filter(move |row| !told || by_cgi(row))
}

/// How the body of a frame is laid out.
pub fn layout(meaning: Meaning) -> Layout {
    let row = candidates(meaning, None).next();
    row.map_or(Layout::Business, |row| if meaning.kind.answers() { row.answer } else { row.body })
}

/// What a frame does for the delivery of messages.
pub fn sync(meaning: Meaning) -> Sync {
    candidates(meaning, None).next().map_or(Sync::No, |row| row.sync)
}

/// Whether a request is known to be answered always, or not known at all.
pub fn is_answered(meaning: Meaning) -> bool {
    candidates(meaning, None).all(|row| row.answered)
}

/// For each cgi type below [`INDEXED`], where its first row stands; 0 is no type.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // the compiler runs it
static CALLS: [u16; INDEXED] = {
    let mut calls = [u16::MAX; INDEXED];
    let mut row = OPERATIONS.len();
    while row > 0 {
        row -= 1;
        let cgi = OPERATIONS[row].cgi as usize;
        if cgi != 0 && cgi < INDEXED {
            calls[cgi] = row as u16;
        }
    }
    calls
};

/// The name of the call with this cgi type.
pub fn cgi_name(cgi: u32) -> Option<&'static str> {
    let row = match CALLS.get(cgi as usize) {
        Some(place) => OPERATIONS.get(usize::from(*place)),
        None => OPERATIONS.iter().find(|row| row.cgi == cgi),
    };
    row.map(|row| row.name).or_else(|| short_names(cgi).next())
}

/// All names of calls with this cgi type: other clients use a number for other calls.
pub fn cgi_names(cgi: u32) -> impl Iterator<Item = &'static str> {
    let rows = OPERATIONS.iter().filter(move |row| cgi != 0 && row.cgi == cgi);
    rows.map(|row| row.name).chain(short_names(cgi))
}

fn short_names(cgi: u32) -> impl Iterator<Item = &'static str> {
    SHORT_CALLS.iter().filter(move |(number, _)| *number == cgi).map(|(_, name)| *name)
}

/// Whether a call of the short link may have this name and this cgi type. What no table has may be so.
pub fn is_call(name: &str, cgi: u32) -> bool {
    // The words of some operations are no names of calls.
    let has_name = cgi_names(cgi).any(|name| !name.contains(' '));
    let has_cgi = OPERATIONS.iter().any(|row| row.cgi != 0 && row.name == name)
        || SHORT_CALLS.iter().any(|(_, other)| *other == name);
    cgi_names(cgi).any(|other| other == name) || !has_name && !has_cgi
}

/// Calls that go over the short link, by cgi type: those without an operation, or with another name there.
const SHORT_CALLS: &[(u32, &str)] = &[
    (216, "androidfcmreg"),
    (251, "statusnotify"),
    (379, "getcdndns"),
    (623, "androidgcmreg"),
    (639, "getcontactlabellist"),
    (684, "querymid"),
    (697, "mmbatchemojidownload"),
    (716, "rtkvreport"),
    (721, "checkresupdate"),
    (722, "getkvidkeystrategyrsa"),
    (836, "fpfresh"),
    (3565, "findersync"),
    (3673, "bypsync"),
    (3789, "fpinitnl"),
    (3930, "finderinit"),
    (6238, "getnetworkinfo"),
];

/// The bit of the selector whose news a sync of its own fetches.
const MOMENTS: u32 = 0x100;

/// Every operation known, sorted by number.
#[rustfmt::skip] // one row, one line
pub static OPERATIONS: &[Operation] = &[
    request(2, c"sendmsg").titled("Send message (old)").cgi(104).sync(Sync::Send),
    push(5, c"notify").titled("Notify").sync(Sync::Notice),
    heartbeat(6, c"noop").titled("Heartbeat"),
    one_way(8, c"directsend").titled("Direct send").cgi(111),
    request(9, c"uploadmsgimg").titled("Upload image").cgi(110),
    request(10, c"getmsgimg").titled("Download image").cgi(109),
    push(11, c"connection control"),
    heartbeat(12, c"heartbeat (WeChat 6.0)").without_body().titled("Heartbeat"),
    push(12, c"redirect").titled("Redirect").body(Layout::Redirect),
    request(15, c"batchgetheadimg").cgi(123),
    request(19, c"uploadvoice").titled("Upload voice").cgi(127),
    request(20, c"downloadvoice").titled("Download voice").cgi(128),
    request(23, c"newgetinvitefriend").cgi(135),
    push(24, c"newnotify").titled("Notify").body(Layout::Selector).sync(Sync::Notice),
    request(25, c"newsynccheck").titled("Sync check").cgi(247),
    request(27, c"newinit").titled("Initialise").cgi(139),
    request(28, c"batchgetcontactprofile").cgi(140),
    request(29, c"getpsmimg").cgi(141),
    request(32, c"newreg").cgi(126),
    request(34, c"searchcontact").cgi(106),
    request(35, c"getupdateinfo").cgi(113),
    request(36, c"addchatroommember").cgi(120),
    request(37, c"createchatroom").cgi(119),
    request(38, c"getqqgroup").cgi(143),
    push(39, c"synccheck notice").titled("Sync-check notice").sync(Sync::Notice),
    request(39, c"uploadvideo").titled("Upload video").cgi(149),
    request(40, c"downloadvideo").titled("Download video").cgi(150),
    request(41, c"sendinviteemail").cgi(116),
    request(43, c"sendverifyemail").cgi(108),
    request(44, c"verifyuser").cgi(137),
    request(45, c"bindopmobile").cgi(132),
    request(46, c"uploadhdheadimg").cgi(157),
    request(47, c"gethdheadimg").cgi(158),
    request(49, c"getbottlecount").cgi(152),
    request(51, c"getpackagelist").cgi(159),
    request(53, c"throwbottle").cgi(154),
    request(54, c"pickbottle").cgi(155),
    request(55, c"openbottle").cgi(156),
    request(56, c"shakereport").cgi(161),
    request(57, c"shakeget").cgi(162),
    request(59, c"expose").cgi(166),
    request(60, c"getvuserinfo").cgi(167),
    push(61, c"voip notify").titled("Voip notify"),
    request(62, c"voipsync").titled("Voip sync").cgi(174),
    request(63, c"voipinvite").cgi(170),
    request(64, c"voipcancelinvite").cgi(171),
    request(65, c"voipanswer").cgi(172),
    request(66, c"voipshutdown").cgi(173),
    request(67, c"getqrcode").cgi(168),
    request(68, c"sendemoji").titled("Send emoticon").cgi(175),
    request(71, c"getcontact").cgi(182),
    push(72, c"bulletin").titled("Bulletin"),
    request(84, c"masssend").cgi(193),
    push(88, c"speedtest notice"),
    request(89, c"speedtest"),
    request(90, c"speedtest report"),
    request(91, c"querydns"),
    request(94, c"voiceaddr").cgi(206),
    request(95, c"mmsnsupload").cgi(207),
    request(96, c"mmsnsdownload").cgi(208),
    request(97, c"mmsnspost").cgi(209),
    request(98, c"mmsnstimeline").cgi(211),
    request(99, c"mmsnsuserpage").cgi(212),
    request(100, c"mmsnscomment").cgi(213),
    request(101, c"mmsnsobjectdetail").cgi(210),
    request(102, c"mmsnssync").titled("Moments sync").cgi(214).sync(Sync::Fetch(MOMENTS)),
    request(103, c"mmsnslbs").cgi(216),
    request(104, c"mmsnsobjectop").cgi(218),
    request(105, c"uploadappattach").titled("Upload attachment").cgi(220),
    request(106, c"downloadappattach").titled("Download attachment").cgi(221),
    request(107, c"sendappmsg").titled("Send app message").cgi(222),
    request(111, c"mmuploadmedia").cgi(240),
    request(113, c"mmsnsgetcity").cgi(301),
    request(114, c"mmsnstagoption").cgi(290),
    request(115, c"mmsnstagmemberoption").cgi(291),
    request(116, c"mmsnstaglist").cgi(292),
    request(117, c"mmsnstagmemmutilset").cgi(293),
    request(118, c"getprofile").titled("Get profile").cgi(302),
    request(119, c"voipgetroominfo").cgi(303),
    push(120, c"voip request").titled("Voip request").body(Layout::VoipRequest),
    request(121, c"newsync").titled("Sync").cgi(138).sync(Sync::Fetch(!MOMENTS)),
    push(122, c"push").titled("Push").cgi(138).body(Layout::Push).sync(Sync::Message),
    request(123, c"voipack").cgi(305),
    request(127, c"shaketranimgreport").cgi(316),
    request(128, c"shaketranimgget").cgi(317),
    request(129, c"batchgetshaketranimg").cgi(318),
    request(130, c"shaketranimgunbind").cgi(319),
    request(131, c"checkunbind").cgi(254),
    request(132, c"queryhaspasswd").cgi(255),
    request(134, c"bakchatuploadhead").cgi(321),
    request(135, c"bakchatuploadend").cgi(322),
    request(136, c"bakchatuploadmsg").cgi(323),
    request(137, c"bakchatuploadmedia").cgi(324),
    request(138, c"bakchatrecovergetlist").cgi(325),
    request(139, c"bakchatrecoverhead").cgi(326),
    request(140, c"bakchatrecoverdata").cgi(327),
    request(141, c"bakchatdelete").cgi(328),
    request(146, c"talkmicaction").cgi(334),
    request(147, c"entertalkroom").cgi(332),
    request(148, c"exittalkroom").cgi(333),
    request(149, c"talknoop").cgi(335),
    request(150, c"opvoicereminder").cgi(331),
    request(155, c"geta8key").cgi(233),
    request(157, c"opvoicereminder").cgi(331),
    request(157, c"uploadvoicerecognize").cgi(329),
    request(158, c"uploadinputvoice").cgi(349),
    request(173, c"getbrandlist").cgi(363),
    request(176, c"clickcommand").cgi(359),
    request(176, c"reportcommand").cgi(2592),
    request(176, c"reportshow").cgi(2645),
    request(177, c"shakemusic").cgi(367),
    request(178, c"newauth").titled("Log in").cgi(380),
    request(179, c"getcert").cgi(381),
    request(180, c"newsetpasswd").cgi(383),
    request(181, c"newsetemailpwd").cgi(382),
    request(182, c"newverifypasswd").cgi(384),
    request(183, c"joinlbsroom").cgi(376),
    request(184, c"getroommember").cgi(377),
    request(185, c"tenpay/realnameauthen").cgi(1616),
    request(187, c"paydeluserroll").cgi(389),
    request(188, c"payauthapp").cgi(397),
    request(189, c"genmallprepay").cgi(2755),
    request(189, c"genprepay").cgi(398),
    push(192, c"favourites notice"),
    request(193, c"addfavitem").cgi(401),
    request(194, c"batchdelfavitem").cgi(403),
    request(195, c"favsync").cgi(400),
    request(196, c"checkfavitem").cgi(405),
    request(197, c"checkcdn").cgi(404),
    request(198, c"cancelqrpay").cgi(410),
    request(199, c"ocrtranslation").cgi(392),
    request(200, c"rcptinfoadd").cgi(415),
    request(201, c"rcptinforemove").cgi(416),
    request(202, c"rcptinfoquery").cgi(417),
    request(203, c"rcptinfoupdate").cgi(418),
    request(204, c"rcptinfotouch").cgi(419),
    request(205, c"identify").titled("Identify").body(Layout::IdentifyRequest).answer(Layout::IdentifyAnswer),
    request(209, c"mmradarsearch").cgi(425),
    request(210, c"getemotionlist").cgi(411),
    request(211, c"getemotiondetail").cgi(412),
    request(212, c"modemotionpack").cgi(413),
    request(213, c"exchangeemotionpack").cgi(423),
    request(214, c"preparepurchase").cgi(422),
    request(215, c"verifypurchase").cgi(414),
    request(216, c"modfavitem").cgi(426),
    request(217, c"getfavinfo").cgi(438),
    request(218, c"kvreportrsa"),
    request(227, c"getpayfunctionlist").cgi(495),
    request(228, c"getpayfunctionproductlist").cgi(496),
    request(229, c"getlatestpayproductinfo").cgi(497),
    request(230, c"submitpayproductbuyinfo").cgi(498),
    request(232, c"getloginqrcode").cgi(502),
    request(233, c"checkloginqrcode").cgi(503),
    request(237, c"newsendmsg").titled("Send message").cgi(522).sync(Sync::Send),
    request(240, c"voipRedirect").cgi(678),
    push(241, c"voice transcription notice").titled("Voice transcription notice").cgi(624).body(Layout::NoticeIds),
    request(243, c"signalkeep").titled("Signalling keep-alive").perhaps_unanswered(),
    push(244, c"gamesync notice"),
    request(246, c"sharefav").cgi(608),
    request(249, c"voipDoubleLinkSwitch").cgi(249),
    request(253, c"manualauth").titled("Log in").cgi(701),
    request(254, c"autoauth").titled("Log in again").cgi(702),
    request(289, c"gcm register").cgi(623),
    push(311, c"face-to-face data"),
    request(312, c"foreground report").perhaps_unanswered(),
    push(318, c"silence notice"),
    push(319, c"new-year shake").cgi(428),
    request(345, c"mp-geta8key").cgi(238),
    request(346, c"pay-geta8key").cgi(835),
    request(381, c"voicetrans").cgi(235),
    request(387, c"minor-geta8key").cgi(812),
    request(388, c"3rd-geta8key").cgi(226),
    request(400, c"mmstoryuserpage").cgi(273),
    request(433, c"secmanualauth").cgi(252),
    request(434, c"secautoauth").cgi(763),
    request(765, c"voipspeedtest").cgi(765),
    request(901, c"voipspeedresult").cgi(901),
    one_way(1000000122, c"push ack (before 5.4)").titled("Push acknowledgement").body(Layout::PushAck),
    one_way(1000000190, c"push ack").titled("Push acknowledgement").body(Layout::PushAck),
];

// Runs in the compiler, where an index beyond the end is an error and not a panic.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
const _: () = {
    let mut i = 1;
    while i < OPERATIONS.len() {
        assert!(OPERATIONS[i - 1].number <= OPERATIONS[i].number, "the table is sorted by number");
        i += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Option<Sender> = Some(Sender::Client);
    const SERVER: Option<Sender> = Some(Sender::Server);

    fn kind(op: u32, seq: u32, body_len: usize, hint: Option<Sender>) -> Kind {
        classify(op, seq, body_len, hint).kind
    }

    #[test]
    fn heartbeats_of_both_clients() {
        assert_eq!(kind(6, 15, 0, CLIENT), Kind::HeartbeatRequest);
        assert_eq!(kind(6, 15, 0, SERVER), Kind::HeartbeatResponse);
        assert_eq!(kind(1_000_000_006, 15, 0, CLIENT), Kind::HeartbeatResponse);
        assert_eq!(kind(12, 3, 0, CLIENT), Kind::HeartbeatRequest);
        assert_eq!(kind(12, 3, 0, SERVER), Kind::HeartbeatResponse);
        assert_eq!(kind(1_000_000_012, 3, 0, None), Kind::HeartbeatResponse);
    }

    #[test]
    fn twelve_from_the_server_is_a_redirect() {
        assert_eq!(kind(12, 0, 4, SERVER), Kind::Push);
        assert_eq!(kind(12, 0, 0, SERVER), Kind::Push);
        assert_eq!(layout(classify(12, 0, 4, CLIENT)), Layout::Redirect);
    }

    #[test]
    fn answers_and_acknowledgements_share_a_range_of_numbers() {
        assert_eq!(classify(1_000_000_237, 7, 4, CLIENT).base, 237);
        assert_eq!(kind(1_000_000_237, 7, 4, CLIENT), Kind::Response);
        assert_eq!(kind(1_000_000_122, 7, 4, SERVER), Kind::PushAck);
        assert_eq!(kind(1_000_000_190, 7, 4, None), Kind::PushAck);
        assert_eq!(classify(u32::MAX, 7, 4, None).base, u32::MAX - ANSWER);
    }

    #[test]
    fn one_number_two_meanings() {
        let name = |op, seq, hint| {
            let names: Vec<_> = candidates(classify(op, seq, 4, hint), None).map(|row| row.name).collect();
            names.join(" or ")
        };
        assert_eq!(name(39, 0, SERVER), "synccheck notice");
        assert_eq!(name(39, 5, CLIENT), "uploadvideo");
        assert_eq!(name(157, 5, CLIENT), "opvoicereminder or uploadvoicerecognize");
        let told: Vec<_> = candidates(classify(157, 5, 4, CLIENT), Some(329)).map(|row| row.name).collect();
        assert_eq!(told, ["uploadvoicerecognize"]);
    }

    #[test]
    fn a_push_stays_a_push_with_a_seqid() {
        assert_eq!(kind(122, 9, 40, CLIENT), Kind::Push);
        assert_eq!(kind(4711, 0, 40, None), Kind::Push);
    }

    #[test]
    fn what_is_indexed_is_what_a_search_finds() {
        for number in (0..2000).chain(OPERATIONS.iter().map(|row| row.number)).chain([u32::MAX]) {
            let found: Vec<_> = OPERATIONS.iter().filter(|row| row.number == number).collect();
            let same = |(row, found): (&Operation, &&Operation)| std::ptr::eq(row, *found);
            assert!(
                rows(number).len() == found.len() && rows(number).iter().zip(&found).all(same),
                "{number}"
            );
            assert_eq!(place(number), OPERATIONS.iter().position(|row| row.number == number));
            assert_eq!(cgi_name(number), cgi_names(number).next(), "cgi type {number}");
        }
    }

    #[test]
    fn a_call_has_the_name_of_its_type() {
        for (name, cgi) in [("newsync", 138), ("getcdndns", 379), ("androidfcmreg", 216), ("mmsnslbs", 216)] {
            assert!(is_call(name, cgi), "{name} {cgi}");
        }
        // Nobody knows either, or no name of a call.
        assert!(is_call("unheardof", 4711) && is_call("uploadvoicetrans", 624));
        for (name, cgi) in [("newsync", 379), ("unheardof", 138), ("newsync", 4711), ("getcdndns", 4711)] {
            assert!(!is_call(name, cgi), "{name} {cgi}");
        }
        assert!(SHORT_CALLS.iter().all(|(cgi, name)| is_call(name, *cgi)));
    }

    #[test]
    fn a_kinds_number_is_its_place() {
        assert!(Kind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }

    #[test]
    fn unknown_numbers_stay_numbers() {
        assert_eq!(kind(4711, 1, 40, CLIENT), Kind::Request);
        assert_eq!(kind(4711, 1, 40, SERVER), Kind::Response);
        assert_eq!(kind(4711, 1, 40, None), Kind::Unknown);
        assert_eq!(candidates(classify(4711, 1, 40, CLIENT), None).count(), 0);
    }
}
