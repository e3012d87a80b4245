// SPDX-License-Identifier: GPL-2.0-or-later
//! The captures of MMTLS and of the short link that can be asked for by name.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::bad::{BAD, Bad};
use super::fault::{self, FAULTS, Fault};
use super::key_log::{self, KeyLog};
use super::link::{self, Packing};
use super::phone::{CALLS, CALLS_OF_2015, Phone};
use super::record::Version;
use super::session::{Handshake, Start};
use super::short::{self, Post, early, plan_of_2015};
use super::story::Story;
use super::ticket::{Held, TicketKind, Wallet};
use super::truth::{self, Row};
use crate::body::sealed::Algorithm;
use crate::capture::Capture;
use crate::case::foreign_scripts;
use crate::flow::Chunk;
use crate::packet::{Direction, Endpoints};
use crate::web::http::{Coding, Framing};
use crate::{exchanges, mixed};

use Version::{F103, F104};

const LONG_LINK: u16 = 8080;
const HTTP: u16 = 80;
const FIRST_PORT: u16 = 51_000;
/// From one call to the next.
const PAUSE: Duration = Duration::from_millis(400);
/// From a call to its answer.
const HOLD: Duration = Duration::from_millis(85);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A capture with everything that belongs to it.
#[derive(Debug)]
pub struct Made {
    /// What was said.
    pub story: Story,
    /// What was captured of it.
    pub capture: Capture,
    /// What it was made from.
    pub seed: u64,
}

impl Made {
    /// The key log of this name, one of [`key_log::KINDS`].
    pub fn log(&self, name: &str) -> Option<KeyLog> {
        Some(KeyLog::of(key_log::find(name)?, &self.story, self.seed))
    }

    /// All key logs.
    pub fn logs(&self) -> Vec<KeyLog> {
        key_log::KINDS.iter().map(|kind| KeyLog::of(kind, &self.story, self.seed)).collect()
    }

    /// What a dissector should find, with each of these key logs.
    pub fn truth(&self, logs: &[KeyLog]) -> io::Result<Vec<Row>> {
        truth::rows(&self.story, &self.capture, logs)
    }
}

type Tell = fn(&mut Story) -> io::Result<()>;

/// A capture that can be asked for by name.
#[derive(Debug)]
pub struct Case {
    /// As on the command line.
    pub name: String,
    /// What it holds.
    pub about: String,
    scene: Scene,
}

#[derive(Debug)]
enum Scene {
    Told(Tell),
    Long(Version, Handshake, bool, link::Way),
    Short(short::Way),
    Bad(&'static Bad),
    Fault(&'static Fault),
}

impl Case {
    /// The seed's capture.
    pub fn make(&self, seed: u64) -> io::Result<Made> {
        let mut story = Story::new(&mut ChaCha8Rng::seed_from_u64(seed));
        match self.scene {
            Scene::Told(tell) => tell(&mut story)?,
            Scene::Long(version, handshake, refresh, way) => {
                long(&mut story, version, handshake, refresh, way);
            }
            Scene::Short(way) => calls(&mut story, way)?,
            Scene::Bad(bad) => told_badly(&mut story, bad)?,
            Scene::Fault(fault) => return Ok(fault::robust(fault, seed)),
        }
        let capture = story.play();
        Ok(Made { story, capture, seed })
    }
}

/// The case of this name.
pub fn find(name: &str) -> Option<Case> {
    all().into_iter().find(|case| case.name == name)
}

/// All cases.
pub fn all() -> Vec<Case> {
    let case = |name: &str, about: &str, scene| Case { name: name.into(), about: about.into(), scene };
    let plain = link::Way::PLAIN;
    let packed = |packing| Scene::Long(F104, Handshake::Resumed, false, link::Way::packed(packing));
    let mut cases = vec![
        case(
            "full",
            "a long link, full handshake with a refresh ticket",
            Scene::Long(F104, Handshake::Full, true, plain),
        ),
        case(
            "full-first",
            "a long link, full handshake without a ticket",
            Scene::Long(F104, Handshake::Full, false, plain),
        ),
        case("full-f103", "as full, in the older version", Scene::Long(F103, Handshake::Full, true, plain)),
        case(
            "full-first-f103",
            "as full-first, in the older version",
            Scene::Long(F103, Handshake::Full, false, plain),
        ),
        case(
            "resumed",
            "a long link, resumed with an access ticket",
            Scene::Long(F104, Handshake::Resumed, false, plain),
        ),
        case(
            "resumed-f103",
            "as resumed, in the older version",
            Scene::Long(F103, Handshake::Resumed, false, plain),
        ),
        case(
            "alerts",
            "a long link that both sides end with an alert",
            Scene::Long(F104, Handshake::Resumed, false, link::Way { alerts: true, ..plain }),
        ),
        case("refused", "a ticket refused on port 80, then a full handshake on 8080", Scene::Told(refused)),
        case("together", "several frames in one record", packed(Packing::Write)),
        case("spread", "frames over several records of 100 bytes", packed(Packing::Size(100))),
        case(
            "header-cuts",
            "records that end within a frame's header, after each byte",
            packed(Packing::Header),
        ),
        case("single-bytes", "records of one byte", packed(Packing::Size(1))),
        case(
            "anywhere",
            "records and segments that end anywhere",
            Scene::Long(
                F104,
                Handshake::Resumed,
                false,
                link::Way { packing: Packing::Anywhere, cut: true, alerts: true },
            ),
        ),
        case("big-frame", "a frame over records of 32 KiB", Scene::Told(big_frame)),
        case("mixed", "an ordinary session of about 100 frames", Scene::Told(mixed_frames)),
        case(
            "exchanges",
            "who answers whom: the connections of exchanges, each resumed",
            Scene::Told(chapters),
        ),
        case(
            "tickets",
            "a handshake for tickets over HTTP, then calls with them",
            Scene::Told(|story| tickets(story, F104)),
        ),
        case("tickets-f103", "as tickets, in the older version", Scene::Told(|story| tickets(story, F103))),
        case("pipelined", "three calls at once on one connection", Scene::Told(pipelined)),
        case("connect", "a call through a proxy's tunnel", Scene::Told(tunnel)),
        case("media-types", "calls whose bodies say that they are something else", Scene::Told(media_types)),
        case("answer-only", "an answer whose request nobody saw", Scene::Told(answer_only)),
        case("dropped", "connections opened at once, all but one dropped without data", Scene::Told(dropped)),
        case("long-calls", "calls whose request and answer take several records", Scene::Told(long_calls)),
        case("given-up", "a call that nobody answers, and that is made again", Scene::Told(given_up)),
        case("misnamed", "calls whose name and type do not go together", Scene::Told(misnamed)),
        case("refused-call", "a ticket refused over HTTP", Scene::Told(refused_call)),
        case("replay", "a call whose early data is sent again", Scene::Told(replay)),
        case("ages", "a ticket used after an hour, two days and eight days", Scene::Told(ages)),
        case("clocks", "clients whose clocks are wrong", Scene::Told(clocks)),
        case("plain-2015", "the plain calls of 2015, and who asks for addresses", Scene::Told(plain_2015)),
        case(
            "phone",
            "what a phone of 2023 does: one ticket for the long link and 23 calls",
            Scene::Told(phone),
        ),
        case(
            "ipv6",
            "a long link over IPv6",
            Scene::Told(|story| somewhere(story, Endpoints::v6(FIRST_PORT, 443))),
        ),
        case(
            "other-port",
            "a long link to port 14000",
            Scene::Told(|story| somewhere(story, ends(0, 14_000))),
        ),
        case(
            "beside-others",
            "a long link and calls beside HTTP and TLS on the same ports",
            Scene::Told(beside_others),
        ),
        case("two-phones", "two accounts and both versions at once", Scene::Told(two_phones)),
    ];
    let short = short::Way::PLAIN;
    let coding = |framing, gzip| Scene::Short(short::Way { coding: Coding { framing, gzip }, ..short });
    cases.extend([
        case("calls", "ten calls, each on a connection of its own", Scene::Short(short)),
        case("chunked", "calls, answered in uneven chunks", coding(Framing::Chunked, false)),
        case("gzip", "calls, answers compressed", coding(Framing::Length, true)),
        case("gzip-chunked", "calls, answers compressed and in chunks", coding(Framing::Chunked, true)),
        case("chunked-posts", "calls, asked in chunks", Scene::Short(short::Way { chunked: true, ..short })),
        case(
            "keep-alive",
            "all calls on one connection",
            Scene::Short(short::Way { keep_alive: true, ..short }),
        ),
        case("http-1.0", "calls in HTTP/1.0", Scene::Short(short::Way { old: true, ..short })),
        case(
            "proxy",
            "calls through a proxy, with whole URIs",
            Scene::Short(short::Way { absolute: true, ..short }),
        ),
        case(
            "third-party",
            "calls of a client whose paths are from no clock",
            Scene::Short(short::Way { official: false, ..short }),
        ),
    ]);
    cases.extend(BAD.iter().map(|bad| case(&format!("bad-{}", bad.name), bad.about, Scene::Bad(bad))));
    cases.extend(
        FAULTS.iter().map(|fault| case(&format!("fault-{}", fault.name), fault.about, Scene::Fault(fault))),
    );
    cases
}

fn ends(connection: u16, server_port: u16) -> Endpoints {
    Endpoints::v4(FIRST_PORT + connection, server_port)
}

/// Where the calls' servers are.
fn short_ends(connection: u16) -> Endpoints {
    let mut ends = ends(connection, HTTP);
    ends.server.set_ip(Ipv4Addr::new(203, 0, 113, 90).into());
    ends
}

fn long(story: &mut Story, version: Version, handshake: Handshake, refresh: bool, way: link::Way) {
    let mut phone = Phone::new(&mut story.rng);
    let wallet = Wallet::from_before(&mut story.rng);
    let at = Duration::from_secs(1);
    let start = match handshake {
        Handshake::Full => Start::full(version, Story::unix(at), refresh.then_some(wallet.refresh)),
        _ => Start::with(handshake, version, Story::unix(at), wallet.access),
    };
    // Enough writes that each side's headers are cut after each byte.
    let frames = if way.packing == Packing::Header { 90 } else { 40 };
    story.phone_link(at, ends(0, LONG_LINK), start, (&mut phone, frames), way);
}

fn refused(story: &mut Story) -> io::Result<()> {
    let mut phone = Phone::new(&mut story.rng);
    let wallet = Wallet::from_before(&mut story.rng);
    let at = Duration::from_secs(1);
    let start = Start::with(Handshake::Refused, F104, Story::unix(at), wallet.access);
    story.long_link(at, ends(0, HTTP), start, &phone.session(0), link::Way::PLAIN);
    let at = Duration::from_secs(2);
    let start = Start::full(F104, Story::unix(at), Some(wallet.refresh));
    story.phone_link(at, ends(1, LONG_LINK), start, (&mut phone, 20), link::Way::PLAIN);
    Ok(())
}

fn big_frame(story: &mut Story) -> io::Result<()> {
    let mut phone = Phone::new(&mut story.rng);
    let access = Held::from_before(TicketKind::Access, &mut story.rng);
    let mut script = phone.session(4);
    let [request, answer] = phone.send(150_000, Duration::ZERO);
    script.wait(500).client([&request]).wait(900).server([&answer]);
    let [request, answer] = phone.send(80, Duration::ZERO);
    script.wait(500).client([&request]).wait(60).server([&answer]);
    let start = Start::with(Handshake::Resumed, F104, Story::unix(Duration::ZERO), access);
    story.long_link(Duration::ZERO, ends(0, LONG_LINK), start, &script, link::Way::PLAIN);
    story.take_keys(&mut phone);
    Ok(())
}

fn mixed_frames(story: &mut Story) -> io::Result<()> {
    let script = mixed::session(&mut story.rng, 100);
    let access = Held::from_before(TicketKind::Access, &mut story.rng);
    let start = Start::with(Handshake::Resumed, F104, Story::unix(Duration::ZERO), access);
    let way = link::Way { packing: Packing::Anywhere, cut: true, alerts: false };
    story.long_link(Duration::ZERO, ends(0, LONG_LINK), start, &script, way);
    Ok(())
}

fn chapters(story: &mut Story) -> io::Result<()> {
    let access = Held::from_before(TicketKind::Access, &mut story.rng);
    for (chapter, port) in exchanges::chapters(&mut story.rng).iter().zip(FIRST_PORT..) {
        let at = chapter.script.writes.first().map_or(Duration::ZERO, |write| write.at);
        let start = Start::with(Handshake::Resumed, F104, Story::unix(at), access.clone());
        story.long_link(at, chapter.endpoints(port), start, &chapter.script, link::Way::PLAIN);
    }
    Ok(())
}

/// A call on a connection that is open, or on a new one.
struct Caller {
    phone: Phone,
    version: Version,
    access: Held,
    way: short::Way,
    ports: u16,
    client: Ipv4Addr,
    /// The client's clock less the capture's, in seconds.
    offset: i64,
}

impl Caller {
    fn new(story: &mut Story, version: Version, access: Held, way: short::Way) -> Self {
        let phone = Phone::new(&mut story.rng);
        let client = Ipv4Addr::new(192, 168, 1, 23);
        Self { phone, version, access, way, ports: 0, client, offset: 0 }
    }

    fn connect(&mut self, story: &mut Story, at: Duration) -> usize {
        self.ports += 1;
        let mut ends = short_ends(self.ports).from_client(self.client);
        if self.way.absolute {
            ends.server.set_port(LONG_LINK);
        }
        story.connect(ends, at.saturating_sub(PAUSE / 4))
    }

    fn start(&self, at: Duration) -> Start {
        let time = (i64::from(Story::unix(at)) + self.offset) as u32;
        early(self.version, time, self.access.clone())
    }

    fn post(
        &mut self,
        story: &mut Story,
        connection: usize,
        at: Duration,
        call: (&'static str, u32, Algorithm, u32),
    ) -> Post {
        let plan = self.phone.plan(call);
        let start = self.start(at);
        story.early_call(connection, start, &mut self.phone, &plan)
    }

    fn call(
        &mut self,
        story: &mut Story,
        at: Duration,
        call: (&'static str, u32, Algorithm, u32),
    ) -> io::Result<Post> {
        let connection = self.connect(story, at);
        let post = self.post(story, connection, at, call);
        story.write_posts(std::slice::from_ref(&post), at, HOLD, self.way)?;
        Ok(post)
    }
}

fn from_before(story: &mut Story) -> Held {
    Held::from_before(TicketKind::Access, &mut story.rng)
}

fn calls(story: &mut Story, way: short::Way) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, way);
    let mut at = Duration::from_secs(1);
    let kept = way.keep_alive.then(|| caller.connect(story, at));
    for call in CALLS {
        match kept {
            Some(connection) => {
                let post = caller.post(story, connection, at, call);
                story.write_posts(&[post], at, HOLD, way)?;
            }
            None => {
                caller.call(story, at, call)?;
            }
        }
        at += PAUSE;
    }
    story.take_keys(&mut caller.phone);
    Ok(())
}

/// Obtains tickets; those that it got.
fn obtain(
    story: &mut Story,
    caller: &mut Caller,
    at: Duration,
    refresh: Option<Held>,
) -> io::Result<Option<Wallet>> {
    let connection = caller.connect(story, at);
    let start = Start::full(caller.version, caller.start(at).time, refresh);
    let post = story.bare_post(connection, start, at + HOLD);
    let session = post.session;
    story.write_posts(&[post], at, HOLD, caller.way)?;
    Ok(story.sessions[session].issued.clone())
}

fn tickets(story: &mut Story, version: Version) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, version, access, short::Way::PLAIN);
    let mut at = Duration::from_secs(1);
    let mut refresh = None;
    for _ in 0..2 {
        let wallet = obtain(story, &mut caller, at, refresh)?;
        refresh = wallet.as_ref().map(|wallet| wallet.refresh.clone());
        if let Some(wallet) = wallet {
            caller.access = wallet.access;
        }
        for call in &CALLS[..3] {
            at += PAUSE;
            caller.call(story, at, *call)?;
        }
        at += Duration::from_secs(20);
    }
    story.take_keys(&mut caller.phone);
    Ok(())
}

fn pipelined(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let way = short::Way { keep_alive: true, ..short::Way::PLAIN };
    let mut caller = Caller::new(story, F104, access, way);
    let at = Duration::from_secs(1);
    let connection = caller.connect(story, at);
    for (turn, calls) in CALLS.chunks(3).take(2).enumerate() {
        let at = at + PAUSE * turn as u32;
        let posts: Vec<Post> = calls.iter().map(|call| caller.post(story, connection, at, *call)).collect();
        story.write_posts(&posts, at, HOLD, way)?;
    }
    Ok(())
}

fn tunnel(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way { absolute: true, ..short::Way::PLAIN });
    let mut at = Duration::from_secs(1);
    let connection = caller.connect(story, at);
    caller.way.absolute = false;
    let host = format!("{}:80", short::HOST);
    let ask = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    story.write(connection, Direction::ClientToServer, at, vec![Chunk::raw(ask.into())]);
    at += HOLD;
    let granted = "HTTP/1.1 200 Connection established\r\n\r\n";
    story.write(connection, Direction::ServerToClient, at, vec![Chunk::raw(granted.into())]);
    at += HOLD;
    let post = caller.post(story, connection, at, CALLS[0]);
    story.write_posts(&[post], at, HOLD, caller.way)
}

fn media_types(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let types = [
        "text/plain",
        "text/html; charset=utf-8",
        "application/json",
        "image/jpeg",
        "application/x-protobuf",
    ];
    for (turn, media_type) in types.into_iter().enumerate() {
        caller.way.media_type = media_type;
        caller.call(story, Duration::from_secs(1) + PAUSE * turn as u32, CALLS[turn])?;
    }
    Ok(())
}

fn answer_only(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let at = Duration::from_secs(1);
    let connection = caller.connect(story, at);
    let post = caller.post(story, connection, at, CALLS[0]);
    story.write_answer(&post, at, caller.way)?;
    story.connections[connection].script.handshake = false;
    caller.call(story, at + PAUSE, CALLS[2])?;
    Ok(())
}

fn dropped(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let at = Duration::from_secs(1);
    for _ in 0..3 {
        caller.connect(story, at);
    }
    caller.call(story, at, CALLS[0])?;
    Ok(())
}

fn long_calls(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    for (turn, largest) in [1, 3, 40, 250, 0x7FF0].into_iter().enumerate() {
        let at = Duration::from_secs(1 + turn as u64);
        let connection = caller.connect(story, at);
        let scale = if largest == 0x7FF0 { 6000 } else { 20 };
        let plan = caller.phone.plan(("finderinit", 3930, Algorithm::Cbc, scale));
        let start = caller.start(at);
        let post = story.early_call_of(connection, start, &mut caller.phone, &plan, largest);
        story.write_posts(&[post], at, HOLD, caller.way)?;
    }
    Ok(())
}

fn given_up(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let at = Duration::from_secs(1);
    let connection = caller.connect(story, at);
    let post = caller.post(story, connection, at, CALLS[0]);
    story.write_request(&post, at, caller.way);
    caller.call(story, at + Duration::from_secs(15), CALLS[0])?;
    Ok(())
}

fn misnamed(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let at = Duration::from_secs(1);
    caller.call(story, at, ("newsync", 379, Algorithm::Cbc, 2))?;
    caller.call(story, at + PAUSE, ("unheardof", 138, Algorithm::Gcm, 0))?;
    Ok(())
}

fn refused_call(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let at = Duration::from_secs(1);
    let connection = caller.connect(story, at);
    let start = Start::with(Handshake::Refused, F104, Story::unix(at), caller.access.clone());
    let post = story.bare_post(connection, start, at);
    story.write_posts(&[post], at, HOLD, caller.way)?;
    obtain(story, &mut caller, at + PAUSE, None)?;
    Ok(())
}

fn replay(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let at = Duration::from_secs(1);
    let first = caller.call(story, at, CALLS[0])?;
    caller.call(story, at + PAUSE, CALLS[2])?;
    let at = at + Duration::from_secs(30);
    let connection = caller.connect(story, at);
    let again = story.replay(connection, first.session);
    story.write_posts(&[again], at, HOLD, caller.way)
}

fn ages(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let at = Duration::from_secs(1);
    if let Some(wallet) = obtain(story, &mut caller, at, None)? {
        caller.access = wallet.access;
    }
    for age in [Duration::from_secs(60 * 60), 2 * DAY, 8 * DAY] {
        caller.call(story, at + age, CALLS[3])?;
    }
    Ok(())
}

fn clocks(story: &mut Story) -> io::Result<()> {
    for (turn, offset) in [0, -3600, 3 * 24 * 60 * 60, -40, -1_421_740_000].into_iter().enumerate() {
        let access = from_before(story);
        let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
        caller.client = Ipv4Addr::new(192, 168, 1, 30 + turn as u8);
        caller.offset = offset;
        caller.call(story, Duration::from_secs(1) + PAUSE * turn as u32, CALLS[turn])?;
    }
    Ok(())
}

fn plain_2015(story: &mut Story) -> io::Result<()> {
    let mut phone = Phone::of_2015(&mut story.rng);
    let mut at = Duration::from_secs(1);
    for (turn, says) in [(0, true), (1, false)] {
        let connection = story.connect(ends(turn, LONG_LINK), at);
        story.addresses(connection, &phone, at + PAUSE / 4, says);
        at += PAUSE;
    }
    for (call, turn) in CALLS_OF_2015.into_iter().zip(2..) {
        let connection = story.connect(short_ends(turn), at);
        let plan = plan_of_2015(&mut phone, call);
        story.plain_call(connection, &mut phone, &plan, at + PAUSE / 4, HOLD, short::Way::PLAIN)?;
        at += PAUSE;
    }
    story.take_keys(&mut phone);
    Ok(())
}

fn somewhere(story: &mut Story, ends: Endpoints) -> io::Result<()> {
    let mut phone = Phone::new(&mut story.rng);
    let access = from_before(story);
    let start = Start::with(Handshake::Resumed, F104, Story::unix(Duration::ZERO), access);
    story.phone_link(Duration::ZERO, ends, start, (&mut phone, 12), link::Way::PLAIN);
    Ok(())
}

fn beside_others(story: &mut Story) -> io::Result<()> {
    for ((port, script), connection) in foreign_scripts(1, &mut story.rng).into_iter().zip(960..) {
        let connection = story.connect(ends(connection, port), Duration::ZERO);
        story.connections[connection].script = script;
    }
    somewhere(story, ends(0, 443))?;
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    for (turn, call) in CALLS[..3].iter().enumerate() {
        caller.call(story, Duration::from_secs(1) + PAUSE * turn as u32, *call)?;
    }
    Ok(())
}

/// A day of one ticket.
fn phone(story: &mut Story) -> io::Result<()> {
    let access = from_before(story);
    let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
    let mut at = Duration::from_secs(1);
    let asked = story.connect(ends(900, LONG_LINK), at);
    story.addresses(asked, &caller.phone, at + PAUSE / 4, true);

    at += PAUSE;
    let old = Start::with(Handshake::Refused, F104, Story::unix(at), caller.access.clone());
    let none = caller.phone.session(0);
    story.long_link(at, ends(901, HTTP), old, &none, link::Way::PLAIN);

    at += PAUSE;
    if let Some(wallet) = obtain(story, &mut caller, at, None)? {
        caller.access = wallet.access;
    }
    at += PAUSE;
    let start = Start::with(Handshake::Resumed, F104, Story::unix(at), caller.access.clone());
    story.phone_link(at, ends(902, LONG_LINK), start, (&mut caller.phone, 30), link::Way::PLAIN);
    for call in CALLS.into_iter().cycle().take(23) {
        at += PAUSE;
        caller.call(story, at, call)?;
    }
    for _ in 0..2 {
        caller.connect(story, at);
    }
    story.take_keys(&mut caller.phone);
    Ok(())
}

fn two_phones(story: &mut Story) -> io::Result<()> {
    for (version, client) in [(F104, 40), (F103, 41)] {
        let access = from_before(story);
        let mut caller = Caller::new(story, version, access, short::Way::PLAIN);
        caller.client = Ipv4Addr::new(192, 168, 1, client);
        let mut at = Duration::from_secs(1);
        let start = Start::full(version, Story::unix(at), None);
        let ends = ends(950, LONG_LINK).from_client(caller.client);
        let session = story.phone_link(at, ends, start, (&mut caller.phone, 25), link::Way::PLAIN);
        if let Some(wallet) = story.sessions[session].issued.clone() {
            caller.access = wallet.access;
        }
        for call in &CALLS[..4] {
            at += PAUSE;
            caller.call(story, at, *call)?;
        }
        story.take_keys(&mut caller.phone);
    }
    Ok(())
}

/// A session with a wrong message, and a good one beside it.
fn told_badly(story: &mut Story, bad: &Bad) -> io::Result<()> {
    let at = Duration::from_secs(1);
    let time = Story::unix(at);
    let access = from_before(story);
    match bad.handshake {
        Handshake::EarlyData => {
            let mut caller = Caller::new(story, F104, access, short::Way::PLAIN);
            story.mangle = Some(bad.mangle);
            caller.call(story, at, CALLS[0])?;
            story.mangle = None;
            caller.call(story, at + PAUSE, CALLS[2])?;
        }
        handshake => {
            let mut phone = Phone::new(&mut story.rng);
            let start = match handshake {
                Handshake::Full => Start::full(F104, time, None),
                _ => Start::with(handshake, F104, time, access),
            };
            story.mangle = Some(bad.mangle);
            story.phone_link(at, ends(0, LONG_LINK), start.clone(), (&mut phone, 4), link::Way::PLAIN);
            story.mangle = None;
            story.phone_link(at + PAUSE, ends(1, LONG_LINK), start, (&mut phone, 4), link::Way::PLAIN);
        }
    }
    Ok(())
}
