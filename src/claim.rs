// SPDX-License-Identifier: GPL-2.0-or-later
//! Whose a stream on a shared port is, decided once and remembered.
//!
//! | segment begins with | stream not decided yet |
//! | --- | --- |
//! | a TLS record, an HTTP method, `HTTP/` or other text | it is the port owner's, for good |
//! | a plausible header, 8 bytes or more | it is ours |
//! | fewer bytes | the owner's turn; what they may have begun is remembered, and the next segment of the same direction decides |
//! | anything else | the owner's turn; it is ours only when no SYN was seen and a chain of headers lies inside |
//!
//! A stream that is ours stays ours, one that is the owner's stays the owner's. Later visits repeat
//! what the first pass did with the packet.

use foldhash::HashMap;

use crate::long_link::frame::{HEADER_LEN, Header, at, may_start_header};
use crate::long_link::framing::{begins_chain, find_chain};
use crate::long_link::settings::{DEFAULT_LIMIT, Settings};
use crate::web;
use crate::wechat::operation;

/// Fewest bytes that make a header plausible: they end with its signature.
const PLAUSIBLE: usize = at::SIGNATURE.end;

/// A segment of a stream that may be somebody else's.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Captured bytes.
    pub data: &'a [u8],
    /// The stream's number, unique in the capture; `None` when nobody knows.
    pub stream: Option<u32>,
    /// Which end sends.
    pub side: bool,
    /// Position of the first byte in the stream.
    pub position: u32,
    /// The packet's number.
    pub packet: u32,
    /// Whether the packet has never been dissected before.
    pub first_visit: bool,
    /// Whether the capture holds the stream's beginning.
    pub began_in_capture: bool,
    /// Whether the port is one that nobody gave to WeChat.
    pub any_port: bool,
}

/// The length up to which a header is plausible: a stream whose frames are beyond the user's limit is
/// still ours, to say so.
fn limit(settings: &Settings) -> u32 {
    settings.limit.max(DEFAULT_LIMIT)
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Ours from this packet and position on.
    Ours(u32, u32),
    /// Somebody else's from this packet on.
    Theirs(u32),
    /// Segments too short to tell.
    Begun(Beginning),
}

/// The first bytes of what may be a header, where they begin in the stream and who sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    bytes: [u8; HEADER_LEN],
    length: usize,
    start: u32,
    side: bool,
}

impl Beginning {
    /// What these bytes and the segment behind them may begin together.
    fn of(begun: &[u8], offer: &Offer<'_>, settings: &Settings) -> Option<Self> {
        let mut bytes = [0; HEADER_LEN];
        let joined = begun.iter().chain(offer.data);
        let length = bytes.iter_mut().zip(joined).map(|(to, from)| *to = *from).count();
        let start = offer.position.wrapping_sub(begun.len() as u32);
        let plausible = may_start_header(bytes.get(..length)?, limit(settings));
        plausible.then_some(Self { bytes, length, start, side: offer.side })
    }

    /// The same with a segment that follows. Its first bytes may be known already: the owner of the
    /// port may have asked for more, and is then offered all of them once again.
    fn joined(self, offer: &Offer<'_>, settings: &Settings) -> Option<Self> {
        if self.side != offer.side || offer.any_port {
            return None;
        }
        let known = offer.position.wrapping_sub(self.start) as usize;
        Self::of(self.bytes.get(..self.length)?.get(..known)?, offer, settings)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Position of the first of them.
    pub fn start(&self) -> u32 {
        self.start
    }
}

/// The owners of all streams that were offered.
#[derive(Debug, Default)]
pub struct Claims {
    owners: HashMap<u32, Owner>,
}

impl Claims {
    /// Whether the segment is ours, and, where its frame began in the segment before, what was there.
    pub fn decide(&mut self, offer: Offer<'_>, settings: &Settings) -> (bool, Option<Beginning>) {
        if offer.any_port && !settings.try_any_port {
            return (false, None);
        }
        let Some(stream) = offer.stream else {
            return (begins_ours(&offer, settings), None);
        };
        let known = self.owners.get(&stream).copied();
        match known {
            Some(Owner::Ours(packet, position)) => {
                // One packet may be offered in parts.
                let before = offer.packet == packet && (offer.position.wrapping_sub(position) as i32) < 0;
                return (offer.packet >= packet && !before, None);
            }
            Some(Owner::Theirs(since)) if offer.packet >= since => return (false, None),
            _ if !offer.first_visit => return (false, None),
            _ => {}
        }
        let joined = match known {
            Some(Owner::Begun(begun)) => begun.joined(&offer, settings),
            _ => None,
        };
        if joined.is_none() && begins_theirs(&offer) {
            self.owners.insert(stream, Owner::Theirs(offer.packet));
            return (false, None);
        }
        let begun =
            joined.filter(|joined| joined.start != offer.position && joined.bytes().len() == HEADER_LEN);
        let ours = begun.is_some() || begins_ours(&offer, settings);
        if ours {
            self.owners.insert(stream, Owner::Ours(offer.packet, offer.position));
        } else if let Some(begun) = joined.or_else(|| Beginning::of(&[], &offer, settings)) {
            self.owners.insert(stream, Owner::Begun(begun));
        }
        (ours, begun)
    }
}

/// Whether bytes begin with a message of HTTP's that is ours.
pub fn is_http_of_ours(data: &[u8]) -> bool {
    web::is_call(data)
}

fn begins_ours(offer: &Offer<'_>, settings: &Settings) -> bool {
    let Offer { data, .. } = *offer;
    if offer.any_port {
        let known = |header: Header| {
            [header.op, operation::base(header.op)].iter().any(|op| !operation::rows(*op).is_empty())
        };
        return Header::read(data).is_some_and(known) && begins_chain(data, limit(settings));
    }
    let plausible = data.len() >= PLAUSIBLE && may_start_header(data, limit(settings));
    plausible || (!offer.began_in_capture && find_chain(data, limit(settings)))
}

/// Whether a segment begins as a TLS record or an HTTP message does, or is text, as the pieces of
/// HTTP are when they come out of order.
fn begins_theirs(offer: &Offer<'_>) -> bool {
    let data = offer.data;
    const WORDS: [&[u8]; 12] = [
        b"HTTP/",
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"CONNECT ",
        b"OPTIONS ",
        b"DELETE ",
        b"PATCH ",
        b"TRACE ",
        b"PRI * ",
        b"NOTIFY ",
    ];
    let tls = matches!(data, [20..=24, 3, 0..=4, ..]);
    tls || WORDS.iter().any(|word| data.starts_with(word)) || is_text(offer)
}

/// Whether a segment is text. Ours never begin so; but in the middle of a stream, a short piece of a
/// frame may look like it.
fn is_text(offer: &Offer<'_>) -> bool {
    const SURE: usize = 16;
    let head = offer.data.get(..SURE).unwrap_or(if offer.began_in_capture { offer.data } else { &[] });
    !head.is_empty() && head.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::long_link::settings::P;

    const HEARTBEAT: [u8; 16] = [0, 0, 0, 16, 0, 16, 0, 1, 0, 0, 0, 6, 0, 0, 0, 15];

    fn offer(data: &[u8], packet: u32) -> Offer<'_> {
        let (position, side) = (1, false);
        Offer {
            data,
            stream: Some(1),
            side,
            position,
            packet,
            first_visit: true,
            began_in_capture: true,
            any_port: false,
        }
    }

    fn decide(claims: &mut Claims, offer: Offer<'_>) -> bool {
        claims.decide(offer, &Settings::default()).0
    }

    #[test]
    fn a_decision_stays_and_later_visits_repeat_it() {
        let mut claims = Claims::default();
        assert!(!decide(&mut claims, offer(&[7; 4], 1)));
        assert!(decide(&mut claims, offer(&HEARTBEAT, 2)));
        assert!(decide(&mut claims, offer(b"GET / HTTP/1.1", 3)));
        let again = |data, packet| Offer { first_visit: false, ..offer(data, packet) };
        assert!(!decide(&mut claims, again(&HEARTBEAT, 1)));
        assert!(decide(&mut claims, again(b"anything", 3)));
    }

    #[test]
    fn http_and_tls_stay_theirs_whatever_they_carry() {
        for first in [b"GET / HTTP/1.1\r\n".as_slice(), &[22, 3, 1, 0, 5], b"HTTP/1.1 200 OK"] {
            let mut claims = Claims::default();
            assert!(!decide(&mut claims, offer(first, 1)));
            assert!(!decide(&mut claims, offer(&HEARTBEAT, 2)));
        }
    }

    #[test]
    fn a_short_first_segment_costs_its_frame_only() {
        for length in 1..PLAUSIBLE {
            let mut claims = Claims::default();
            assert!(!decide(&mut claims, offer(&HEARTBEAT[..length], 1)));
            let rest = Offer { position: 1 + length as u32, ..offer(&HEARTBEAT[length..], 2) };
            let (ours, begun) = claims.decide(rest, &Settings::default());
            assert!(ours && begun.is_some_and(|begun| begun.bytes() == HEARTBEAT), "{length}");
        }
    }

    #[test]
    fn short_segments_add_up() {
        let mut claims = Claims::default();
        let frame: Vec<u8> = HEARTBEAT.iter().copied().chain(*b"a body").collect();
        for (packet, byte) in (1..).zip(&frame) {
            let offer = Offer { position: packet, ..offer(std::slice::from_ref(byte), packet) };
            assert_eq!(decide(&mut claims, offer), packet >= 16, "{packet}");
        }
    }

    #[test]
    fn text_is_theirs() {
        for first in [b"P".as_slice(), b"ls/ HTTP/1.1\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"] {
            let mut claims = Claims::default();
            assert!(!decide(&mut claims, offer(first, 1)));
            assert!(!decide(&mut claims, offer(&HEARTBEAT, 2)));
        }
        // In the middle of a stream a frame may end like this.
        let mut claims = Claims::default();
        let middle = |data, packet| Offer { began_in_capture: false, ..offer(data, packet) };
        assert!(!decide(&mut claims, middle(b"P", 1)));
        assert!(decide(&mut claims, middle(&HEARTBEAT, 2)));
    }

    #[test]
    fn inside_is_looked_only_when_no_syn_was_seen() {
        let late = [[7; 20].as_slice(), &HEARTBEAT, &HEARTBEAT].concat();
        assert!(!decide(&mut Claims::default(), offer(&late, 1)));
        let no_syn = Offer { began_in_capture: false, ..offer(&late, 1) };
        assert!(decide(&mut Claims::default(), no_syn));
        let single = Offer { began_in_capture: false, ..offer(&late[..36], 1) };
        assert!(!decide(&mut Claims::default(), single));
    }

    #[test]
    fn any_port_wants_a_whole_known_frame_and_the_preference() {
        let mut config = Config::default();
        let any = |data| Offer { any_port: true, ..offer(data, 1) };
        assert!(!Claims::default().decide(any(&HEARTBEAT), &Settings::of(&config)).0);
        config.set_number(P::TRY_ANY_PORT, 1);
        assert!(Claims::default().decide(any(&HEARTBEAT), &Settings::of(&config)).0);
        assert!(!Claims::default().decide(any(&HEARTBEAT[..15]), &Settings::of(&config)).0);
        let mut unknown = HEARTBEAT;
        unknown[8] = 9;
        assert!(!Claims::default().decide(any(&unknown), &Settings::of(&config)).0);
    }

    #[test]
    fn another_version_never_claims() {
        let mut other = HEARTBEAT;
        other[7] = 2;
        assert!(!decide(&mut Claims::default(), offer(&other, 1)));
    }
}
