// SPDX-License-Identifier: GPL-2.0-or-later
//! Whose a stream on a shared port is, decided once and remembered.
//!
//! | segment begins with | stream not decided yet |
//! | --- | --- |
//! | a TLS record, an HTTP method, `HTTP/` or other text | it is the port owner's, for good |
//! | a plausible header, 8 bytes or more | it is ours |
//! | fewer bytes | the owner's turn; what they may have begun is remembered, and the next segment of the same direction decides. When that completes a header, our frames are shown from the first of these bytes on |
//! | a PROXY header, or several | what is behind decides; when nothing is, the next segment |
//! | the first bytes of a PROXY header | as with fewer bytes of a header of ours |
//! | anything else | the owner's turn; it is ours only when no SYN was seen and a chain of headers lies inside |
//!
//! A stream that is ours stays ours, one that is the owner's stays the owner's. Later visits repeat
//! what the first pass did with the packet. On a port that nobody gave to WeChat only a whole frame of a known operation
//! is ours; until it has come, its bytes are fewer.

use std::borrow::Cow;

use bytes::Bytes;
use foldhash::HashMap;

use crate::kernel::place::LaneId;
use crate::kernel::protocol::{Begins, Start, State};
use crate::kernel::proxy;
use crate::protocols::PROTOCOLS;

/// A segment of a stream that may be somebody else's.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Captured bytes.
    pub data: &'a [u8],
    /// Direction of the stream.
    pub lane: LaneId,
    /// Position of the first byte in the stream.
    pub position: u32,
    /// Whether `position` counts the bytes of the stream; else a segment follows the one before.
    pub counted: bool,
    /// The packet's number.
    pub packet: u32,
    /// Whether the packet has never been dissected before.
    pub first_visit: bool,
    /// Whether the capture holds the stream's beginning.
    pub began_in_capture: bool,
    /// Whether the port is one that nobody gave to WeChat.
    pub any_port: bool,
}

/// The protocols' states, by the numbers of their tables.
pub type States = [Option<Box<dyn State>>];

/// The protocol whose a stream is that begins like this, if it is one's; else whether more bytes may tell.
fn owner(states: &States, start: &Start<'_>) -> (Option<u16>, bool) {
    let mut may_be = false;
    for (table, state) in (0..).zip(states) {
        match state.as_ref().map_or(Begins::No, |state| state.begins(start)) {
            Begins::Yes => return (Some(table), true),
            Begins::Perhaps => may_be = true,
            Begins::No => {}
        }
    }
    (None, may_be)
}

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    /// Ours, this protocol's, from this packet and position on.
    Ours(u16, u32, u32),
    /// Somebody else's from this packet on.
    Theirs(u32),
    /// Segments too short to tell, of each side.
    Begun(Box<[Option<Beginning>; 2]>),
}

/// The first bytes of what may be ours, which the owner of the port has been given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    bytes: Bytes,
    /// Where they begin in the stream.
    start: u32,
    /// Whether that is counted.
    counted: bool,
}

impl Beginning {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the stream goes on behind them.
    pub fn end(&self) -> u32 {
        self.start.wrapping_add(clamp(self.bytes.len()))
    }

    /// As many of the bytes as lie before a segment that goes on with them. Its first bytes may be known already: the
    /// owner of the port may have asked for more, and is then offered all of them once again.
    fn before(&self, offer: &Offer<'_>, states: &States) -> Option<Self> {
        if self.counted != offer.counted {
            return None;
        }
        let length = self.bytes.len();
        let known = if offer.counted { offer.position.wrapping_sub(self.start) as usize } else { length };
        let front = (known > 0 && known <= length).then(|| self.bytes.slice(..known))?;
        let joined = [&front[..], offer.data].concat();
        let goes_on = proxy::headers(&joined) > 0
            || proxy::is_beginning(&joined)
            || owner(states, &Start { data: &joined, began: true, any_port: false }) != (None, false);
        goes_on.then(|| Self { bytes: front, ..self.clone() })
    }

    /// Whether a segment begins with the same bytes, as far as both go.
    fn comes_again(&self, data: &[u8]) -> bool {
        self.bytes.iter().zip(data).all(|(known, byte)| known == byte)
    }
}

/// What becomes of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The protocol whose it is, if it is ours.
    pub ours: Option<u16>,
    /// Of each side, the bytes that the owner was given before the stream became ours. They begin our
    /// frames; the next segment is that of [`Beginning::end`].
    pub begun: [Option<Beginning>; 2],
}

/// The owners of all streams that were offered.
#[derive(Debug, Default)]
pub struct Claims {
    /// Whether a protocol wants streams on any port.
    any_port: bool,
    owners: HashMap<u32, Owner>,
}

impl Claims {
    /// The same for the protocols of a capture.
    pub fn new(states: &States) -> Self {
        let any_port = states.iter().flatten().any(|state| state.tries_any_port());
        Self { any_port, owners: HashMap::default() }
    }

    /// Whose the segment is, and what of our first PDUs lies before it.
    pub fn decide(&mut self, offer: Offer<'_>, states: &States) -> Claim {
        if offer.any_port && !self.any_port {
            return Claim::default();
        }
        let mut begun = match self.owners.get(&offer.lane.stream) {
            Some(Owner::Ours(protocol, packet, position)) => {
                // One packet may be offered in parts.
                let before = offer.packet == *packet && (offer.position.wrapping_sub(*position) as i32) < 0;
                let ours = (offer.packet >= *packet && !before).then_some(*protocol);
                return Claim { ours, ..Claim::default() };
            }
            Some(Owner::Theirs(since)) if offer.packet >= *since => return Claim::default(),
            _ if !offer.first_visit => return Claim::default(),
            Some(Owner::Begun(begun)) => (**begun).clone(),
            _ => [None, None],
        };
        let [first, second] = &mut begun;
        let own = if offer.lane.side { second } else { first };
        let front = own.as_ref().and_then(|begun| begun.before(&offer, states));
        // Text that was waited for is the owner's, unless a proxy wrote it.
        let was_text = front.is_none()
            && own.as_ref().is_some_and(|begun| {
                !begun.comes_again(offer.data) && is_text(&Offer { data: begun.bytes(), ..offer })
            });
        // Where nothing counts, what does not follow at once does not follow. Another layer of the same packet may
        // offer it once more without counting.
        let repeated = own.is_some() && front.is_none() && !offer.counted;
        *own = front.clone().or(own.take().filter(|begun| begun.counted));
        let joined = match &front {
            Some(front) => Cow::Owned([front.bytes(), offer.data].concat()),
            None => Cow::Borrowed(offer.data),
        };
        let length = proxy::headers(&joined);
        let behind = Offer { data: joined.get(length..).unwrap_or_default(), ..offer };
        // What begins as somebody else's is not looked into.
        let began = offer.began_in_capture || begins_theirs(&behind);
        let start = Start { data: behind.data, began, any_port: offer.any_port };
        let (ours, may_be) = owner(states, &start);
        let is_waited_for = may_be || proxy::is_beginning(behind.data);
        let owner = if was_text {
            Owner::Theirs(offer.packet)
        } else if let Some(protocol) = ours {
            self.owners.insert(offer.lane.stream, Owner::Ours(protocol, offer.packet, offer.position));
            return Claim { ours, begun };
        } else if is_waited_for && !repeated {
            let start = front.map_or(offer.position, |front| front.start).wrapping_add(clamp(length));
            let bytes = Bytes::copy_from_slice(behind.data);
            *own = Some(Beginning { bytes, start, counted: offer.counted });
            Owner::Begun(Box::new(begun))
        } else if begins_theirs(&behind) || (length > 0 && !behind.data.is_empty()) {
            Owner::Theirs(offer.packet)
        } else {
            return Claim::default();
        };
        self.owners.insert(offer.lane.stream, owner);
        Claim::default()
    }
}

/// Segments are far below 4 GiB.
fn clamp(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Whether bytes begin with a message of HTTP's that is ours.
pub fn is_http_of_ours(data: &[u8]) -> bool {
    PROTOCOLS.iter().filter_map(|row| row.is_request).any(|is_request| is_request(data))
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
    use crate::long_link::claim::PLAUSIBLE;
    use crate::long_link::fields::TABLE as LONG_LINK;
    use crate::long_link::settings::P;
    use crate::protocols;

    const HEARTBEAT: [u8; 16] = [0, 0, 0, 16, 0, 16, 0, 1, 0, 0, 0, 6, 0, 0, 0, 15];

    fn offer(data: &[u8], packet: u32) -> Offer<'_> {
        Offer {
            data,
            lane: LaneId::new(1, false),
            position: 1,
            counted: true,
            packet,
            first_visit: true,
            began_in_capture: true,
            any_port: false,
        }
    }

    fn states(config: &Config) -> Vec<Option<Box<dyn State>>> {
        protocols::begin(config, &protocols::common(config)).map(|begun| begun.on_streams).collect()
    }

    fn claim(claims: &mut Claims, offer: Offer<'_>) -> Claim {
        claims.decide(offer, &states(&Config::default()))
    }

    fn decide(claims: &mut Claims, offer: Offer<'_>) -> bool {
        let ours = claim(claims, offer).ours;
        assert!(ours.is_none_or(|owner| owner == LONG_LINK));
        ours.is_some()
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
    fn a_short_first_segment_begins_the_frame() {
        for length in 1..PLAUSIBLE {
            for counted in [true, false] {
                let mut claims = Claims::default();
                let short = Offer { counted, ..offer(&HEARTBEAT[..length], 1) };
                assert!(!decide(&mut claims, short));
                let position = if counted { 1 + length as u32 } else { 1 };
                let rest = Offer { position, data: &HEARTBEAT[length..], packet: 2, ..short };
                let Claim { ours, begun: [begun, None] } = claim(&mut claims, rest) else {
                    panic!("the other side has begun nothing");
                };
                assert!(ours.is_some(), "{length}");
                let begun = begun.expect("a beginning");
                assert_eq!((begun.bytes(), begun.end()), (&HEARTBEAT[..length], 1 + length as u32));
            }
        }
    }

    #[test]
    fn short_segments_add_up() {
        let mut claims = Claims::default();
        let frame: Vec<u8> = HEARTBEAT.iter().copied().chain(*b"a body").collect();
        for (packet, byte) in (1..).zip(&frame) {
            let offer = Offer { position: packet, ..offer(std::slice::from_ref(byte), packet) };
            let claim = claim(&mut claims, offer);
            assert_eq!(claim.ours.is_some(), packet >= 8, "{packet}");
            let begun = claim.begun[0].as_ref().map_or(&[][..], Beginning::bytes);
            assert_eq!(begun, if packet == 8 { &HEARTBEAT[..7] } else { &[] });
        }
    }

    #[test]
    fn a_short_segment_that_comes_again_or_grows_is_no_second_one() {
        let mut claims = Claims::default();
        for (length, packet) in [(3, 1), (3, 2), (5, 3)] {
            assert!(!decide(&mut claims, offer(&HEARTBEAT[..length], packet)));
        }
        let rest = Offer { position: 6, ..offer(&HEARTBEAT[5..], 4) };
        let begun = claim(&mut claims, rest).begun[0].clone();
        assert_eq!(begun.expect("a beginning").bytes(), &HEARTBEAT[..5]);
    }

    #[test]
    fn another_layer_that_offers_the_same_bytes_forgets_nothing() {
        let mut claims = Claims::default();
        assert!(!decide(&mut claims, offer(&HEARTBEAT[..4], 1)));
        assert!(!decide(
            &mut claims,
            Offer { counted: false, position: 4 << 24, ..offer(&HEARTBEAT[..4], 1) }
        ));
        let rest = Offer { position: 5, ..offer(&HEARTBEAT[4..], 2) };
        let begun = claim(&mut claims, rest).begun[0].clone();
        assert_eq!(begun.expect("a beginning").bytes(), &HEARTBEAT[..4]);
    }

    #[test]
    fn both_sides_may_begin_with_a_short_segment() {
        let mut claims = Claims::default();
        let server =
            |data, packet, position| Offer { lane: LaneId::new(1, true), position, ..offer(data, packet) };
        assert!(!decide(&mut claims, offer(&HEARTBEAT[..4], 1)));
        assert!(!decide(&mut claims, server(&HEARTBEAT[..2], 2, 900)));
        let rest = Offer { position: 5, ..offer(&HEARTBEAT[4..], 3) };
        let claim = claim(&mut claims, rest);
        let begun = claim.begun.map(|begun| begun.map(|begun| (begun.bytes().len(), begun.end())));
        assert_eq!((claim.ours, begun), (Some(LONG_LINK), [Some((4, 5)), Some((2, 902))]));
        assert!(decide(&mut claims, server(&HEARTBEAT[2..], 4, 902)));
    }

    #[test]
    fn a_short_segment_of_others_is_forgotten() {
        let mut claims = Claims::default();
        assert!(!decide(&mut claims, offer(&[0, 0], 1)));
        assert!(!decide(&mut claims, Offer { position: 3, ..offer(b"\0\x01rest of theirs", 2) }));
        assert!(!decide(&mut claims, Offer { position: 3, ..offer(b"GET / HTTP/1.1\r\n\r\n", 3) }));
        assert!(!decide(&mut claims, Offer { position: 30, ..offer(&HEARTBEAT, 4) }));
    }

    const LINE: &[u8] = b"PROXY TCP4 10.0.0.1 10.0.0.2 40000 8080\r\n";
    const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x9c\x40\x1f\x90";

    #[test]
    fn behind_a_proxy_header_begins_the_stream() {
        for proxy in [LINE, BINARY] {
            let both = |behind: &[u8]| [proxy, behind].concat();
            assert!(decide(&mut Claims::default(), offer(&both(&HEARTBEAT), 1)));
            for theirs in [b"GET / HTTP/1.1\r\n".as_slice(), &[22, 3, 1, 0, 5], &[7; 30]] {
                let mut claims = Claims::default();
                assert!(!decide(&mut claims, offer(&both(theirs), 1)));
                assert!(!decide(&mut claims, offer(&HEARTBEAT, 2)));
                let mut claims = Claims::default();
                assert!(!decide(&mut claims, offer(proxy, 1)));
                assert!(!decide(&mut claims, offer(theirs, 2)));
                assert_eq!(decide(&mut claims, offer(&HEARTBEAT, 3)), theirs[0] == 7);
            }
            let mut claims = Claims::default();
            assert!(!decide(&mut claims, offer(proxy, 1)));
            assert!(decide(&mut claims, offer(&HEARTBEAT, 2)));
            // A header that is cut behind it.
            let mut claims = Claims::default();
            assert!(!decide(&mut claims, offer(&both(&HEARTBEAT[..3]), 1)));
            let position = 1 + proxy.len() as u32 + 3;
            let claim = claim(&mut claims, Offer { position, ..offer(&HEARTBEAT[3..], 2) });
            assert!(
                claim.ours.is_some()
                    && claim.begun[0].as_ref().is_some_and(|begun| begun.bytes() == &HEARTBEAT[..3])
            );
        }
    }

    #[test]
    fn a_proxys_header_may_be_cut_anywhere() {
        for proxy in [LINE, BINARY, &[LINE, BINARY].concat()] {
            let whole = [proxy, &HEARTBEAT].concat();
            for (cut, counted, began_in_capture) in
                (1..whole.len()).flat_map(|cut| [(cut, true, true), (cut, false, true), (cut, true, false)])
            {
                let mut claims = Claims::default();
                let first = Offer { counted, began_in_capture, ..offer(&whole[..cut], 1) };
                let at_once = cut >= proxy.len() + PLAUSIBLE;
                assert_eq!(decide(&mut claims, first), at_once, "{cut}");
                let position = if counted { 1 + cut as u32 } else { 1 };
                let rest = Offer { position, packet: 2, data: &whole[cut..], ..first };
                let Claim { ours, begun: [begun, None] } = claim(&mut claims, rest) else {
                    panic!("the other side has begun nothing");
                };
                assert!(ours.is_some(), "{cut}");
                // Of several headers the last that is not whole.
                let front = begun.as_ref().map_or(&[][..], Beginning::bytes);
                let gone = [0, LINE.len(), proxy.len()].into_iter().filter(|end| *end <= cut).max();
                let gone = gone.filter(|gone| *gone == 0 || proxy::headers(&whole[..*gone]) == *gone);
                let expected = if at_once { &[][..] } else { &whole[gone.unwrap_or(0)..cut] };
                assert_eq!(front, expected, "{cut}");
            }
        }
    }

    #[test]
    fn what_was_to_be_a_proxys_header_and_is_text_stays_theirs() {
        for (first, rest) in
            [("P", "OST / HTTP/1.1\r\n"), ("PROXY TCP4 ", "\0\0"), ("\r\n", "\0\x10"), ("PROXY", "\r\n")]
        {
            let mut claims = Claims::default();
            assert!(!decide(&mut claims, offer(first.as_bytes(), 1)));
            assert!(!decide(&mut claims, offer(first.as_bytes(), 2)));
            let position = 1 + first.len() as u32;
            assert!(!decide(&mut claims, Offer { position, ..offer(rest.as_bytes(), 3) }));
            let position = position + rest.len() as u32;
            assert!(!decide(&mut claims, Offer { position, ..offer(&HEARTBEAT, 4) }), "{first}{rest}");
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
        assert!(!decide(&mut Claims::default(), any(&HEARTBEAT)));
        config.set_number(P::TRY_ANY_PORT, 1);
        let states = states(&config);
        assert!(Claims::new(&states).decide(any(&HEARTBEAT), &states).ours.is_some());
        let mut unknown = HEARTBEAT;
        unknown[8] = 9;
        assert!(Claims::new(&states).decide(any(&unknown), &states).ours.is_none());
        let frame = [[0, 0, 0, 20].as_slice(), &HEARTBEAT[4..], b"body"].concat();
        for cut in 1..frame.len() {
            let mut claims = Claims::new(&states);
            assert!(claims.decide(any(&frame[..cut]), &states).ours.is_none(), "{cut}");
            let rest = Offer { position: 1 + cut as u32, packet: 2, ..any(&frame[cut..]) };
            let claim = claims.decide(rest, &states);
            let begun = claim.begun[0].as_ref().map(Beginning::bytes);
            assert_eq!((claim.ours, begun), (Some(LONG_LINK), Some(&frame[..cut])), "{cut}");
        }
        // What is too long to wait for, or goes on as no frame does.
        for (first, rest) in [([0, 1, 0, 0], &[5; 0xfff0][..]), ([0, 0, 0, 20], b"bodyGET / HTTP/1.1")] {
            let mut claims = Claims::new(&states);
            let header = [first.as_slice(), &HEARTBEAT[4..]].concat();
            assert!(claims.decide(Offer { any_port: true, ..offer(&header, 1) }, &states).ours.is_none());
            let rest = Offer { position: 17, packet: 2, any_port: true, ..offer(rest, 2) };
            assert!(claims.decide(rest, &states).ours.is_none());
        }
    }

    #[test]
    fn another_version_never_claims() {
        let mut other = HEARTBEAT;
        other[7] = 2;
        assert!(!decide(&mut Claims::default(), offer(&other, 1)));
    }
}
