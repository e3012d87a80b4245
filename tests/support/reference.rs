// SPDX-License-Identifier: GPL-2.0-or-later
//! Who answers whom, once more: a model that is simple and slow, to compare the dissector with.
//!
//! It keeps every frame and looks through all of them for every question. A frame only remembers what
//! lies behind it; what lies ahead is the same link, read from its other end.

/// What kind of frame one is, as `wechat.kind` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Unknown,
    Request,
    Response,
    Push,
    PushAck,
    OneWay,
    HeartbeatRequest,
    HeartbeatResponse,
}

impl Kind {
    pub fn named(name: &str) -> Self {
        match name {
            "unknown" => Self::Unknown,
            "request" => Self::Request,
            "response" => Self::Response,
            "push" => Self::Push,
            "push acknowledgement" => Self::PushAck,
            "one-way" => Self::OneWay,
            "heartbeat request" => Self::HeartbeatRequest,
            "heartbeat response" => Self::HeartbeatResponse,
            other => panic!("no kind is called {other:?}"),
        }
    }

    fn asks(self) -> bool {
        matches!(self, Self::Request | Self::HeartbeatRequest)
    }

    fn may_ask(self) -> bool {
        self.asks() || self == Self::Unknown
    }

    fn answers(self) -> bool {
        matches!(self, Self::Response | Self::HeartbeatResponse)
    }
}

/// One frame, as its bytes and its packet tell it.
#[derive(Clone, Debug)]
pub struct Frame {
    pub packet: u32,
    /// Nanoseconds, counted from wherever one likes.
    pub time: i64,
    pub stream: u32,
    /// Which of the stream's two ends sends.
    pub side: bool,
    /// The server is known to have sent it.
    pub from_server: bool,
    /// Address of the client, where the direction is known.
    pub client: Option<Vec<u8>>,
    /// The capture holds the beginning of the stream.
    pub began: bool,
    pub kind: Kind,
    pub op: u32,
    pub seq: u32,
    pub body_len: usize,
    /// The operation has a row in the table.
    pub known: bool,
    /// Of a push.
    pub wants_ack: bool,
    /// Of an acknowledgement.
    pub elapsed_ms: Option<u32>,
    /// Of a notice.
    pub selector: Option<u32>,
    /// Of an identify request.
    pub uin: Option<u32>,
    /// Of an identify request or an acknowledgement.
    pub sync_key: Option<Vec<(u64, u64)>>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Number(i64),
    Words(String),
    /// Notes have no value.
    Note,
}

/// A field or a note by the name that users filter on, and its value.
pub type Fact = (&'static str, Value);

/// Facts that are inferences and must say so.
pub const INFERENCES: &[&str] =
    &["wechat.ack.inferred_to", "wechat.push.ack_inferred_in", "wechat.news.send", "wechat.send.news_in"];

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1000 * MILLISECOND;
const ACK_TOLERANCE: i64 = 50 * MILLISECOND;
/// An end that is nearer than this explains why something is missing.
const NEAR_THE_END: i64 = 5 * SECOND;
const LATEST_INFERRED_ACK: i64 = 5 * SECOND;
const LATEST_NEWS: i64 = 10 * SECOND;
const LATEST_ATTEMPT: i64 = 10 * SECOND;

const ANSWER: u32 = 1_000_000_000;
const MAYBE_UNANSWERED: [u32; 2] = [243, 312];
const NOTICES: [u32; 3] = [5, 24, 39];
const SENDS: [u32; 2] = [2, 237];
const SYNC: u32 = 121;
const MOMENTS_SYNC: u32 = 102;
const PUSH: u32 = 122;
const MOMENTS: u32 = 0x100;

fn answers(op: u32, asked: u32) -> bool {
    op == asked || op == asked + ANSWER
}

fn ordinary(seq: u32) -> bool {
    (1..=0x7fff_fffe).contains(&seq)
}

/// Whether two frames are no further apart, in whatever order their times are.
fn near(one: &Frame, other: &Frame, most: i64) -> bool {
    (one.time - other.time).abs() <= most
}

/// A frame and what lies behind it; frames are named by their place in the list.
#[derive(Debug)]
struct Row {
    frame: Frame,
    answers: Option<usize>,
    supersedes: Option<usize>,
    /// The first of the requests that it repeats, and the note that says how.
    repeats: Option<(usize, &'static str)>,
    seq_in_use: bool,
    duplicate_of: Option<usize>,
    no_request: bool,
    open_requests: usize,
    /// It is compared with the seqid before it, and the next is compared with it.
    in_sequence: bool,
    sequence_note: Option<&'static str>,
    /// The pushes that it acknowledges, the chosen one first.
    acknowledges: Vec<usize>,
    ack_rule: &'static str,
    no_push: bool,
    /// The push that it would acknowledge in the older form, if nothing else explains the two.
    may_acknowledge: Option<usize>,
    interval: Option<i64>,
    beat_before: Option<usize>,
    irregular: bool,
    attempt: Option<(i64, usize)>,
    /// Of a fetch, the notices that it follows.
    notices: Vec<usize>,
    /// Of news, the message that may be their reason.
    send: Option<usize>,
    previous_key: Option<usize>,
}

impl Row {
    fn new(frame: Frame) -> Self {
        Self {
            frame,
            answers: None,
            supersedes: None,
            repeats: None,
            seq_in_use: false,
            duplicate_of: None,
            no_request: false,
            open_requests: 0,
            in_sequence: false,
            sequence_note: None,
            acknowledges: Vec::new(),
            ack_rule: "",
            no_push: false,
            may_acknowledge: None,
            interval: None,
            beat_before: None,
            irregular: false,
            attempt: None,
            notices: Vec::new(),
            send: None,
            previous_key: None,
        }
    }

    fn is_notice(&self) -> bool {
        self.frame.kind == Kind::Push && NOTICES.contains(&self.frame.op)
    }

    fn is_content(&self) -> bool {
        self.frame.kind == Kind::Push && self.frame.op == PUSH
    }

    fn is_news(&self) -> bool {
        self.is_notice() || self.is_content()
    }

    fn can_fetch(&self, notice: &Self) -> bool {
        let selector = notice.frame.selector;
        self.frame.kind == Kind::Request
            && match self.frame.op {
                SYNC => selector != Some(MOMENTS),
                MOMENTS_SYNC => selector.is_some_and(|selector| selector & MOMENTS != 0),
                _ => false,
            }
    }
}

/// All frames of a capture, in its order.
#[derive(Debug, Default)]
pub struct Model {
    rows: Vec<Row>,
}

// ---- what lies behind a frame ----

impl Model {
    /// Takes the next frame and returns its place.
    pub fn observe(&mut self, frame: Frame) -> usize {
        let at = self.rows.len();
        let kind = frame.kind;
        self.rows.push(Row::new(frame));
        if kind.may_ask() {
            self.ask(at);
        }
        if kind.answers() {
            self.answer(at);
        }
        self.continue_sequence(at);
        if kind == Kind::PushAck {
            self.acknowledge(at);
        }
        if kind == Kind::Request {
            self.rows[at].may_acknowledge = self.push_of_older_ack(at);
        }
        if kind == Kind::HeartbeatRequest {
            self.beat(at);
        }
        self.rows[at].attempt = self.attempt(at);
        self.rows[at].notices = self.notices_for(at);
        self.rows[at].send = self.send_behind(at);
        self.rows[at].previous_key = self.previous_key(at);
        self.rows[at].open_requests = self.open_requests(at);
        at
    }

    /// The frames before one, newest first.
    fn before(&self, at: usize) -> impl Iterator<Item = (usize, &Row)> {
        self.rows[..at].iter().enumerate().rev()
    }

    /// As [`before`](Self::before), on the same stream.
    fn earlier(&self, at: usize) -> impl Iterator<Item = (usize, &Row)> {
        let stream = self.rows[at].frame.stream;
        self.before(at).filter(move |(_, row)| row.frame.stream == stream)
    }

    /// As [`earlier`](Self::earlier), from the same end.
    fn earlier_same_way(&self, at: usize) -> impl Iterator<Item = (usize, &Row)> {
        let side = self.rows[at].frame.side;
        self.earlier(at).filter(move |(_, row)| row.frame.side == side)
    }

    /// As [`earlier`](Self::earlier), from the end that is answered: the other one, or where nothing has come from
    /// that, the only one.
    fn earlier_other_way(&self, at: usize) -> impl Iterator<Item = (usize, &Row)> {
        let side = self.rows[at].frame.side;
        let alone = self.earlier(at).all(|(_, row)| row.frame.side == side);
        self.earlier(at).filter(move |(_, row)| alone || row.frame.side != side)
    }

    fn response(&self, request: usize) -> Option<usize> {
        self.rows.iter().position(|row| row.answers == Some(request))
    }

    fn successor(&self, request: usize) -> Option<usize> {
        self.rows.iter().position(|row| row.supersedes == Some(request))
    }

    fn open(&self, request: usize) -> bool {
        self.response(request).is_none() && self.successor(request).is_none()
    }

    fn ask(&mut self, at: usize) {
        let Frame { kind, op, seq, .. } = self.rows[at].frame;
        let asked = |row: &Row| row.frame.kind.may_ask() && row.frame.seq == seq;
        let waits = |(other, row): (usize, &Row)| asked(row) && row.frame.op != op && self.open(other);
        let in_use = ordinary(seq) && self.earlier_same_way(at).any(waits);
        let newest = self.earlier_same_way(at).find(|(_, row)| asked(row) && row.frame.op == op);
        let newest = newest.map(|(older, row)| (older, row.repeats.map_or(older, |(first, _)| first)));
        self.rows[at].seq_in_use = in_use;
        let Some((older, first)) = newest else { return };
        // Heartbeats and identify repeat their seqid by design.
        let tells = ordinary(seq) && kind != Kind::HeartbeatRequest;
        if self.open(older) {
            self.rows[at].supersedes = Some(older);
            if tells {
                self.rows[at].repeats = Some((first, "wechat.retry"));
            }
        } else if tells && seq != 1 && !self.restarted_since(older, at) {
            self.rows[at].repeats = Some((first, "wechat.duplicate_request"));
        }
    }

    /// The client began again at 1, and may use all of its seqids again.
    fn restarted_since(&self, older: usize, at: usize) -> bool {
        let restart =
            self.earlier_same_way(at).find(|(_, row)| row.sequence_note == Some("wechat.seq_restart"));
        restart.is_some_and(|(restart, _)| restart > older)
    }

    fn answer(&mut self, at: usize) {
        let Frame { op, seq, began, .. } = self.rows[at].frame;
        // Newest first.
        let requests: Vec<usize> = self
            .earlier_other_way(at)
            .filter(|(_, row)| row.frame.kind.may_ask() && row.frame.seq == seq)
            .map(|(request, _)| request)
            .collect();
        let fits = |request: &&usize| answers(op, self.rows[**request].frame.op);
        let open = |request: &&usize| self.open(**request);
        let closed = |request: &usize| self.response(*request);
        let fitting = requests.iter().find(|request| fits(request) && open(request));
        let fitting_closed = requests.iter().filter(fits).find_map(closed);
        let other = requests.iter().find(open);
        let other_closed = requests.iter().find_map(closed);
        let first = self.earlier_other_way(at).filter(|(_, row)| row.in_sequence).last();
        let explained = !ordinary(seq) || first.is_none_or(|(_, first)| seq < first.frame.seq);
        let (answers, duplicate_of) = match (fitting, fitting_closed, other) {
            (Some(request), _, _) => (Some(*request), None),
            (None, Some(response), _) => (None, Some(response)),
            (None, None, Some(request)) => (Some(*request), None),
            (None, None, None) => (None, other_closed),
        };
        let row = &mut self.rows[at];
        row.answers = answers;
        row.duplicate_of = duplicate_of;
        row.no_request = requests.is_empty() && (began || !explained);
    }

    fn continue_sequence(&mut self, at: usize) {
        let Frame { kind, seq, from_server, .. } = self.rows[at].frame;
        let counts = kind.may_ask() || matches!(kind, Kind::OneWay | Kind::PushAck);
        if !counts || !ordinary(seq) || from_server || self.rows[at].repeats.is_some() {
            return;
        }
        let before = || self.earlier_same_way(at).filter(|(_, row)| row.in_sequence);
        let last = before().next().map(|(_, row)| row.frame.seq);
        // A client that begins at 1 again begins to count anew.
        let restart = before().find(|(_, row)| row.sequence_note == Some("wechat.seq_restart"));
        let begin = restart.map_or(0, |(place, _)| place);
        let highest = before().filter(|(place, _)| *place >= begin).map(|(_, row)| row.frame.seq).max();
        let note = match last.zip(highest) {
            None if seq == 1 => None,
            None => Some("wechat.late_start"),
            Some(_) if seq == 1 => Some("wechat.seq_restart"),
            Some((last, highest)) if seq == last || seq == last + 1 || seq == highest + 1 => None,
            Some((last, _)) if seq > last => Some("wechat.seq_gap"),
            Some(_) => Some("wechat.seq_back"),
        };
        self.rows[at].in_sequence = true;
        self.rows[at].sequence_note = note;
    }

    fn open_requests(&self, at: usize) -> usize {
        let stream = self.rows[at].frame.stream;
        let open = |&request: &usize| {
            let frame = &self.rows[request].frame;
            let waits = frame.kind.asks() && !MAYBE_UNANSWERED.contains(&frame.op);
            frame.stream == stream && waits && self.open(request)
        };
        (0..=at).filter(open).count()
    }

    fn acknowledged(&self, push: usize) -> Option<usize> {
        self.rows.iter().position(|row| row.acknowledges.contains(&push))
    }

    /// Pushes of the frame's stream that wait for an acknowledgement, oldest first.
    fn open_pushes(&self, at: usize) -> Vec<usize> {
        let wanting = self.earlier(at).filter(|(_, row)| row.frame.kind == Kind::Push && row.frame.wants_ack);
        let mut open: Vec<usize> =
            wanting.map(|(push, _)| push).filter(|push| self.acknowledged(*push).is_none()).collect();
        open.reverse();
        open
    }

    fn acknowledge(&mut self, at: usize) {
        let Frame { time, elapsed_ms, began, .. } = self.rows[at].frame;
        let open = self.open_pushes(at);
        let Some(&oldest) = open.first() else {
            self.rows[at].may_acknowledge = self.notice_behind(at);
            if self.rows[at].may_acknowledge.is_some() {
                return;
            }
            let push_seen = self.earlier(at).any(|(_, row)| row.frame.wants_ack);
            self.rows[at].no_push = began || push_seen;
            return;
        };
        let off =
            |push: usize, ms: u32| (time - self.rows[push].frame.time - i64::from(ms) * MILLISECOND).abs();
        // Of several that fit equally the oldest: `min_by_key` returns the first.
        let nearest = elapsed_ms.and_then(|ms| {
            let fitting = open.iter().copied().filter(|push| off(*push, ms) <= ACK_TOLERANCE);
            fitting.min_by_key(|push| off(*push, ms))
        });
        let row = &mut self.rows[at];
        match nearest {
            Some(chosen) => {
                row.ack_rule = "elapsed time";
                row.acknowledges = vec![chosen];
                row.acknowledges.extend(open.iter().filter(|push| **push < chosen));
            }
            None => {
                row.ack_rule = "oldest open push";
                row.acknowledges = vec![oldest];
            }
        }
    }

    /// The newest notice, which clients acknowledge too, if nothing stands between.
    fn notice_behind(&self, at: usize) -> Option<usize> {
        let asked = |row: &Row| row.frame.kind == Kind::PushAck && row.acknowledges.is_empty();
        let (place, row) = self.earlier(at).find(|(_, row)| row.is_notice() || asked(row))?;
        let recent = near(&self.rows[at].frame, &row.frame, LATEST_INFERRED_ACK);
        (row.is_notice() && recent).then_some(place)
    }

    fn push_of_older_ack(&self, at: usize) -> Option<usize> {
        let frame = &self.rows[at].frame;
        if frame.kind != Kind::Request || frame.known {
            return None;
        }
        let taken = |push: usize| self.rows[..at].iter().any(|row| row.may_acknowledge == Some(push));
        let recent = |push: usize| near(frame, &self.rows[push].frame, LATEST_INFERRED_ACK);
        self.open_pushes(at).into_iter().find(|push| !taken(*push) && recent(*push))
    }

    /// The inference stands when nothing else explains the request or the push.
    fn inferred_push(&self, at: usize) -> Option<usize> {
        let push = self.rows[at].may_acknowledge?;
        (self.response(at).is_none() && self.acknowledged(push).is_none()).then_some(push)
    }

    fn beat(&mut self, at: usize) {
        let last = self.earlier(at).find(|(_, row)| row.frame.kind == Kind::HeartbeatRequest);
        let Some((before, last)) = last else { return };
        let interval = self.rows[at].frame.time - last.frame.time;
        // A clock that was set back tells no rhythm.
        let usual = last.interval.filter(|usual| *usual >= 0 && interval >= 0);
        let irregular = usual.is_some_and(|usual| 2 * interval < usual || 2 * interval > 3 * usual);
        self.rows[at].interval = Some(interval);
        self.rows[at].beat_before = Some(before);
        self.rows[at].irregular = irregular;
    }

    /// Which attempt of its client a stream is, and the last frame of the one before.
    fn attempt(&self, at: usize) -> Option<(i64, usize)> {
        if self.earlier(at).next().is_some() {
            return None;
        }
        let Frame { client, .. } = &self.rows[at].frame;
        let first = |place: usize| self.earlier(place).next().is_none();
        let begins = self.before(at).filter(|(place, _)| first(*place));
        let mut same = begins.filter(|(_, row)| client.is_some() && row.frame.client == *client);
        let (_, previous) = same.next()?;
        let on_it = |(_, row): &(usize, &Row)| row.frame.stream == previous.frame.stream;
        let (last, last_row) = self.before(at).find(on_it)?;
        let number = previous.attempt.map_or(1, |(number, _)| number) + 1;
        near(&self.rows[at].frame, &last_row.frame, LATEST_ATTEMPT).then_some((number, last))
    }

    fn notices_for(&self, at: usize) -> Vec<usize> {
        let fetched = |notice: usize| self.rows[..at].iter().any(|row| row.notices.contains(&notice));
        let fits = |row: &Row| row.is_notice() && self.rows[at].can_fetch(row);
        let open = self.earlier(at).filter(|(notice, row)| fits(row) && !fetched(*notice));
        let mut open: Vec<usize> = open.map(|(notice, _)| notice).collect();
        open.reverse();
        open
    }

    /// The notices of a request and of those that it sends again.
    fn fetched(&self, request: usize) -> Vec<usize> {
        let Row { supersedes, notices, .. } = &self.rows[request];
        let mut fetched = supersedes.map_or_else(Vec::new, |older| self.fetched(older));
        fetched.extend(notices);
        fetched
    }

    fn send_behind(&self, at: usize) -> Option<usize> {
        let row = &self.rows[at];
        if !row.is_news() {
            return None;
        }
        let has_news = |send: usize| self.rows[..at].iter().any(|row| row.send == Some(send));
        let sends = |row: &Row| row.frame.kind == Kind::Request && SENDS.contains(&row.frame.op);
        let recent = |other: &Row| near(&row.frame, &other.frame, LATEST_NEWS);
        // Once news has come too late for it, no other news is its.
        let given_up = |send: usize| {
            let mut news = self.earlier(at).filter(|(place, row)| *place > send && row.is_news());
            news.any(|(_, news)| !near(&news.frame, &self.rows[send].frame, LATEST_NEWS))
        };
        let free = |send: usize| !has_news(send) && !given_up(send);
        let send = self.earlier(at).find(|(send, row)| sends(row) && recent(row) && free(*send));
        send.map(|(send, _)| send)
    }

    /// The account of a frame's link, as the latest identify request before or in it says.
    fn account(&self, at: usize) -> Option<u32> {
        let frame = &self.rows[at].frame;
        frame.uin.or_else(|| self.earlier(at).find_map(|(_, row)| row.frame.uin))
    }

    fn previous_key(&self, at: usize) -> Option<usize> {
        let Frame { uin, sync_key, .. } = &self.rows[at].frame;
        sync_key.as_ref()?;
        let on_link = self.earlier(at).find(|(_, row)| row.frame.sync_key.is_some());
        let of_account = || {
            uin.and_then(|uin| {
                let mut keys = self.before(at).filter(|(_, row)| row.frame.sync_key.is_some());
                keys.find(|(key, _)| self.account(*key) == Some(uin))
            })
        };
        on_link.or_else(of_account).map(|(key, _)| key)
    }
}

// ---- what is shown ----

/// Collects the facts of a frame.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn number(&mut self, name: &'static str, value: i64) {
        self.0.push((name, Value::Number(value)));
    }

    fn words(&mut self, name: &'static str, words: &str) {
        self.0.push((name, Value::Words(words.to_owned())));
    }

    fn note(&mut self, name: &'static str) {
        self.0.push((name, Value::Note));
    }

    fn note_if(&mut self, holds: bool, name: &'static str) {
        if holds {
            self.note(name);
        }
    }
}

impl Model {
    /// What every visit shows.
    pub fn backward(&self, at: usize) -> Vec<Fact> {
        let mut facts = Facts::default();
        let Row { frame, .. } = &self.rows[at];
        facts.number("wechat.stream", frame.stream.into());
        facts.number("wechat.body_len", frame.body_len as i64);
        self.exchange_behind(at, &mut facts);
        self.acknowledgement_behind(at, &mut facts);
        self.sync_behind(at, &mut facts);
        let Row { interval, beat_before, irregular, attempt, .. } = &self.rows[at];
        if let Some(interval) = interval {
            facts.number("wechat.heartbeat.interval", *interval);
        }
        if let Some(before) = beat_before {
            facts.number("wechat.heartbeat.after", self.packet(*before));
        }
        facts.note_if(*irregular, "wechat.heartbeat.irregular");
        if let Some((number, after)) = attempt {
            facts.number("wechat.attempt", *number);
            facts.number("wechat.attempt.after", self.packet(*after));
        }
        facts.0
    }

    /// What visits after the first add to it: what lies ahead of the frame.
    pub fn forward(&self, at: usize) -> Vec<Fact> {
        let mut facts = Facts::default();
        self.exchange_ahead(at, &mut facts);
        self.acknowledgement_ahead(at, &mut facts);
        self.sync_ahead(at, &mut facts);
        for (later, row) in self.rows.iter().enumerate() {
            if row.beat_before == Some(at) {
                facts.number("wechat.heartbeat.next_in", self.packet(later));
            }
            if row.attempt.is_some_and(|(_, after)| after == at) {
                facts.number("wechat.attempt.next_in", self.packet(later));
            }
        }
        facts.0
    }

    fn packet(&self, at: usize) -> i64 {
        self.rows[at].frame.packet.into()
    }

    fn time_since(&self, earlier: usize, at: usize) -> i64 {
        self.rows[at].frame.time - self.rows[earlier].frame.time
    }

    fn near_the_end(&self, at: usize) -> bool {
        let end = self.rows.last().map_or(0, |row| row.frame.time);
        end - self.rows[at].frame.time < NEAR_THE_END
    }

    fn exchange_behind(&self, at: usize, facts: &mut Facts) {
        let row = &self.rows[at];
        if let Some(request) = row.answers {
            facts.number("wechat.response_to", self.packet(request));
            facts.number("wechat.response_time", self.time_since(request, at));
            let fits = answers(row.frame.op, self.rows[request].frame.op);
            facts.note_if(!fits, "wechat.op_mismatch");
        }
        if let Some(older) = row.supersedes {
            facts.number("wechat.supersedes", self.packet(older));
        }
        if let Some((first, note)) = row.repeats {
            facts.number("wechat.retry_of", self.packet(first));
            facts.note(note);
        }
        facts.note_if(row.seq_in_use, "wechat.seq_in_use");
        if let Some(first) = row.duplicate_of {
            facts.number("wechat.duplicate_of", self.packet(first));
            facts.note("wechat.duplicate_response");
        }
        facts.note_if(row.no_request, "wechat.no_request");
        if row.frame.kind.asks() || row.frame.kind.answers() {
            facts.number("wechat.open_requests", row.open_requests as i64);
        }
        if let Some(note) = row.sequence_note {
            facts.note(note);
        }
    }

    fn exchange_ahead(&self, at: usize, facts: &mut Facts) {
        let frame = &self.rows[at].frame;
        let response = self.response(at);
        if let Some(response) = response {
            facts.number("wechat.response_in", self.packet(response));
        }
        let successor = self.successor(at);
        if let Some(newer) = successor {
            facts.number("wechat.superseded_in", self.packet(newer));
            facts.note("wechat.superseded");
        }
        for (later, row) in self.rows.iter().enumerate() {
            if row.repeats.is_some_and(|(first, _)| first == at) {
                facts.number("wechat.retried_in", self.packet(later));
            }
            if row.duplicate_of == Some(at) {
                facts.number("wechat.duplicate_in", self.packet(later));
            }
        }
        let wants = frame.kind.asks() && !MAYBE_UNANSWERED.contains(&frame.op);
        if wants && response.is_none() && self.inferred_push(at).is_none() {
            facts.number("wechat.unanswered", 1);
            if successor.is_none() {
                let near = self.near_the_end(at);
                facts.note(if near { "wechat.no_response_yet" } else { "wechat.no_response" });
            }
        }
    }

    fn acknowledgement_behind(&self, at: usize, facts: &mut Facts) {
        let row = &self.rows[at];
        for push in &row.acknowledges {
            facts.number("wechat.ack_to", self.packet(*push));
        }
        if let Some(chosen) = row.acknowledges.first() {
            facts.number("wechat.ack.time", self.time_since(*chosen, at));
            facts.words("wechat.ack.rule", row.ack_rule);
        }
        facts.note_if(row.no_push, "wechat.ack.no_push");
    }

    fn acknowledgement_ahead(&self, at: usize, facts: &mut Facts) {
        if let Some(push) = self.inferred_push(at) {
            facts.number("wechat.ack.inferred_to", self.packet(push));
        }
        let frame = &self.rows[at].frame;
        if let Some(ack) = self.acknowledged(at) {
            facts.number("wechat.push.ack_in", self.packet(ack));
            return;
        }
        let inferred = (0..self.rows.len()).find(|later| self.inferred_push(*later) == Some(at));
        if let Some(ack) = inferred {
            facts.number("wechat.push.ack_inferred_in", self.packet(ack));
            return;
        }
        if frame.kind != Kind::Push || !frame.wants_ack {
            return;
        }
        facts.number("wechat.push.unacknowledged", 1);
        let near = self.near_the_end(at);
        facts.note(if near { "wechat.push.no_ack_yet" } else { "wechat.push.no_ack" });
    }

    fn sync_behind(&self, at: usize, facts: &mut Facts) {
        let row = &self.rows[at];
        for notice in &row.notices {
            facts.number("wechat.sync.notice", self.packet(*notice));
        }
        let fetched = row.answers.map_or_else(Vec::new, |request| self.fetched(request));
        for notice in &fetched {
            facts.number("wechat.sync.notice", self.packet(*notice));
        }
        if let Some(first) = fetched.first() {
            facts.number("wechat.sync.time", self.time_since(*first, at));
            facts.words("wechat.delivery", "notice and sync");
        }
        if row.is_content() {
            facts.words("wechat.delivery", "push");
        }
        if let Some(send) = row.send {
            facts.number("wechat.news.send", self.packet(send));
            facts.number("wechat.news.time", self.time_since(send, at));
        }
        let Some(previous) = row.previous_key else { return };
        facts.number("wechat.synckey.previous", self.packet(previous));
        let keys = |at: usize| self.rows[at].frame.sync_key.as_deref().unwrap_or_default();
        for (key, value) in keys(at) {
            let Some((_, before)) = keys(previous).iter().find(|(other, _)| other == key) else { continue };
            facts.number("wechat.synckey.delta", *value as i64 - *before as i64);
            facts.note_if(value < before, "wechat.synckey.went_back");
        }
    }

    fn sync_ahead(&self, at: usize, facts: &mut Facts) {
        for (later, row) in self.rows.iter().enumerate() {
            if row.notices.contains(&at) {
                facts.number("wechat.notice.sync_in", self.packet(later));
            }
            if row.answers.is_some_and(|request| self.fetched(request).contains(&at)) {
                facts.number("wechat.notice.message_in", self.packet(later));
            }
            if row.send == Some(at) {
                facts.number("wechat.send.news_in", self.packet(later));
            }
            if row.previous_key == Some(at) {
                facts.number("wechat.synckey.next", self.packet(later));
            }
        }
    }
}

impl Model {
    /// The frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.rows.iter().map(|row| &row.frame)
    }
}
