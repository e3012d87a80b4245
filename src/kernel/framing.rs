// SPDX-License-Identifier: GPL-2.0-or-later
//! Where frames begin in a stream that may be cut, holed or wrong: the only place that decides.
//!
//! Each direction of a stream is a [`Lane`]. In step, the next header is where the last frame
//! ended. Out of step, the next frame is looked for by its signature, and a candidate is believed
//! when what follows it continues the chain:
//!
//! | situation | what is believed |
//! | --- | --- |
//! | in step | a header with a sane length |
//! | in step, the bytes behind the frame are no header | the frame, unless a chain begins inside it: then its length is wrong |
//! | waiting for much more of a frame | a chain of enough headers inside what has come ends the wait: the length is wrong |
//! | nothing seen yet | what is behind a PROXY header |
//! | where the stream has been before | a header, also behind the end of a frame, that is not that of a frame seen there: another link has begun |
//! | out of step | the first place from which headers chain to the end of the data, two of them rather than one |
//!
//! A header that is not strict never brings a lane back into step.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use super::proxy::{self, Proxy};
use super::report::Report;
use super::segment::{More, Segment};

/// A header, as far as framing has to know it: it has a length, and bytes by which it is recognised.
pub trait Header: Copy + Debug + Default {
    /// Length of the header, which is also that of the smallest PDU.
    const LENGTH: usize;
    /// So many bytes reach behind those by which it is recognised.
    const SIGNED: usize;
    /// So many headers in a row are no chance, whatever they are in.
    const SURE: usize;

    /// Reads the header; `None` when `data` is shorter.
    fn read(data: &[u8]) -> Option<Self>;

    /// Length of the whole PDU.
    fn pdu_len(&self) -> u32;

    /// Judges the header against `limit`, the largest PDU accepted.
    fn quality(&self, limit: u32) -> Quality;

    /// How many of the fields by which it is recognised are not as usual: a header with one is a damaged
    /// or a new one, with two it is garbage.
    fn strange_fields(&self) -> usize;

    /// Whether it looks like those known in the other fields, too: then it may stand alone.
    fn is_likely(&self) -> bool;

    /// Whether `data` may be the start of a strict header, judged by the bytes that are there; with none that is true.
    fn may_start(data: &[u8], limit: u32) -> bool;

    /// Whether two places have the same fields by which a header is recognised.
    fn same_kind(one: &[u8], other: &[u8]) -> bool;

    /// Where in `data` headers begin, by the bytes by which they are recognised.
    fn candidates(data: &[u8]) -> impl Iterator<Item = usize>;
}

/// What a header is worth as the start of a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// As every PDU ever seen, with a length within the limit.
    Strict,
    /// The length is possible, but another field is not the usual one.
    Odd,
    /// The length is impossible.
    Broken,
}

/// Up to this many missing bytes are asked for at once; a length that claims more is on probation.
const CREDIBLE: usize = 8192;

/// A length on probation is waited for one segment at a time until this much is there. Then the rest
/// is asked for at once, which keeps what the carrier copies linear.
const PROBATION: usize = 16384;

/// As [`PROBATION`], for a header that was found out of step.
const LONG_PROBATION: usize = 65536;

/// However small the segments are: after so many the rest is asked for at once.
const MOST_ASKS: u32 = 64;

/// So many headers in a row are evidence enough. A body would have to hold as many whole frames to
/// be taken for a stream; following more of them would make each candidate dear.
const ENOUGH: usize = 64;

/// The bytes that a lane is offered.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Captured bytes, from a place in the stream to the end of what the carrier has put together.
    pub data: &'a [u8],
    /// The same on the wire: larger than `data` when the capture cut bytes off.
    pub reported: usize,
    /// Position of the first byte in the stream; wraps.
    pub position: u32,
    /// Whether more bytes may be asked for.
    pub more: bool,
}

/// What is at the start of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A frame; its header is whole.
    Frame(Cut),
    /// Bytes in which no frame is shown.
    Skip(usize, Why),
    /// Nothing can be said before more has come.
    Need(More),
}

/// How far a frame reaches in the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes on the wire that belong to the frame and lie in the view.
    pub extent: usize,
    /// The packet length is not to be believed: the frame ends where the next header begins, or
    /// with the data.
    pub wrong_length: bool,
}

/// Why bytes are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Why {
    /// A frame begins behind them.
    Resynchronised,
    /// No frame begins in them.
    OutOfStep,
    /// They belong to a frame whose header came in an earlier packet.
    Continuation,
    /// As [`Why::Continuation`], and bytes between are missing.
    AfterHole,
    /// The stream has been here before.
    SeenBefore,
    /// The capture holds none of them, or not enough for a header.
    NotCaptured,
    /// The stream ends inside a header, or no more may be asked for.
    Truncated,
    /// A proxy says who is behind it.
    Proxy,
}

impl Why {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Resynchronised,
        Self::OutOfStep,
        Self::Continuation,
        Self::AfterHole,
        Self::SeenBefore,
        Self::NotCaptured,
        Self::Truncated,
        Self::Proxy,
    ];
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trust {
    /// Nothing has been seen.
    #[default]
    Fresh,
    /// The next header is where the last frame ended.
    InStep,
    /// A single header was found out of step; its end will tell.
    Candidate,
    /// Out of step.
    Lost,
}

/// One direction of a stream, as far as the first pass has come.
#[derive(Clone, Debug, Default)]
pub struct Lane<H> {
    trust: Trust,
    /// Where the next header is expected.
    next: u32,
    /// Where the newest frame began.
    start: u32,
    /// Behind the last byte seen.
    seen: u32,
    /// Where the frame that is being waited for ends.
    awaited_end: Option<u32>,
    /// Where the bytes began for which more was last asked, and where at least they were to end.
    asked: Option<(u32, u32)>,
    /// The place of the segment with which the first pass was left waiting.
    waiting: Option<u32>,
    /// Bytes that were missing when later ones came; they may come out of order.
    hole: Option<(u32, u32)>,
    /// How often in a row more was asked for.
    asks: u32,
    /// The last search for a strong chain, so that no byte is searched again for each header.
    searched: Option<Searched>,
    /// The lane before [`Self::begin_anew`].
    before: Option<Box<Lane<H>>>,
    header: PhantomData<H>,
}

/// A search for the first strong chain in data that ends at `end`: none begins from `from` on before
/// `found`, or at all.
#[derive(Clone, Copy, Debug)]
struct Searched {
    end: u32,
    from: u32,
    found: Option<u32>,
}

impl<H: Header> Lane<H> {
    /// Where the next header is expected.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// The first header in `view`, and where it is, if the stream has been there before. Unless a frame began there then,
    /// it is another link's: of the same ends, and with lower sequence numbers.
    pub fn header_behind(&self, view: &View<'_>, limit: u32) -> Option<(usize, H)> {
        let behind = |place: u32| distance(view.position, place) > 0;
        let in_hole = self.hole.is_some_and(|(from, to)| distance(from, view.position) >= 0 && behind(to));
        if self.trust == Trust::Fresh || !behind(self.next) || !behind(self.seen) || in_hole {
            return None;
        }
        let strict = |header: &H| header.quality(limit) == Quality::Strict;
        if let Some(header) = H::read(view.data).filter(strict) {
            return Some((0, header));
        }
        // Within a frame both may begin.
        let whole = |chain: Chain| chain.is_strong() || (chain.holds() && chain.ends);
        let begin = find::<H>(view.data, 1, view.data.len(), limit, whole)?;
        Some((begin, H::read(view.data.get(begin..)?)?))
    }

    /// Begins anew, as another link does. What was before comes back where it is gone on with: then the bytes
    /// only came late.
    pub fn begin_anew(&mut self) {
        let before = Self { before: None, ..std::mem::take(self) };
        self.before = Some(Box::new(before));
    }

    /// Whether the lane waits for the rest of a frame.
    pub fn awaits_frame(&self) -> bool {
        self.awaited_end.is_some()
    }

    /// What a segment offers the lane. Who counts no bytes goes on where the lane is.
    pub fn view<'a>(&self, segment: &Segment<'a>, desegment: bool) -> View<'a> {
        let position = if segment.counted { segment.position } else { self.next };
        View { data: segment.data, reported: segment.reported, position, more: segment.more && desegment }
    }

    /// [`Self::decide`] on the first visit of `segment`, of which `view` is: where it waits is known to
    /// [`Self::waits_at`].
    pub fn decide_first(
        &mut self,
        segment: &Segment<'_>,
        view: View<'_>,
        limit: u32,
        abandoned: impl FnOnce(u32),
    ) -> Verdict {
        let verdict = self.decide(view, limit, abandoned);
        self.waiting = matches!(verdict, Verdict::Need(_)).then_some(segment.position);
        verdict
    }

    /// Whether the first pass was left waiting for the rest of a frame with the segment at `position`.
    pub fn waits_at(&self, position: u32) -> bool {
        self.awaits_frame() && self.waiting == Some(position)
    }

    /// Says what is at the start of `view`, and moves on. `abandoned` is told the position of a
    /// frame that will never be whole.
    pub fn decide(&mut self, view: View<'_>, limit: u32, abandoned: impl FnOnce(u32)) -> Verdict {
        if self.trust != Trust::Fresh
            && self.next != view.position
            && let Some(before) = self.before.take_if(|before| before.next == view.position)
        {
            let late = std::mem::replace(self, *before);
            self.before = Some(Box::new(late));
        }
        let mut verdict = self.locate(view, limit, abandoned);
        let end = view.position.wrapping_add(clamp(view.reported));
        if let Verdict::Need(more) = verdict {
            // TCP gave the newest segment to the PDU it was asked for. To ask again from a place that
            // may lie before that segment would let later passes see another cut than this one.
            let (start, until) = self.asked.unwrap_or((view.position, view.position));
            if distance(start, view.position) > 0 && distance(view.position, until) > 0 {
                verdict = self.at_header(View { more: false, ..view }, limit);
            } else {
                let wanted = if let More::Bytes(bytes) = more { clamp(bytes) } else { 1 };
                self.asked = Some((view.position, end.wrapping_add(wanted)));
            }
        }
        self.asks = if let Verdict::Need(_) = verdict { self.asks.saturating_add(1) } else { 0 };
        if distance(self.seen, end) > 0 {
            self.seen = end;
        }
        verdict
    }

    fn locate(&mut self, view: View<'_>, limit: u32, abandoned: impl FnOnce(u32)) -> Verdict {
        if self.trust == Trust::Fresh {
            self.next = view.position;
            self.start = view.position;
            self.seen = view.position;
            if let Some(Proxy { length, .. }) = proxy::header(view.data) {
                return self.skip(view, length, Why::Proxy);
            }
            if view.more && view.reported == view.data.len() && proxy::is_beginning(view.data) {
                return Verdict::Need(More::Segment);
            }
            return self.at_header(view, limit);
        }
        let ahead = distance(self.next, view.position);
        if ahead == 0 {
            return self.at_header(view, limit);
        }
        if ahead > 0 {
            let awaited_end = self.awaited_end.take();
            if awaited_end.is_some() {
                abandoned(self.next);
            }
            if distance(self.seen, view.position) > 0 {
                self.hole = Some((self.seen, view.position));
            }
            return match awaited_end.map(|end| (end, distance(view.position, end))) {
                Some((end, rest)) if rest >= 0 => {
                    self.start = self.next;
                    self.next = end;
                    self.inside(view, rest as usize, Why::AfterHole, limit)
                }
                _ => {
                    self.trust = Trust::Lost;
                    self.next = view.position;
                    self.at_header(view, limit)
                }
            };
        }
        let rest = distance(view.position, self.next) as usize;
        if distance(self.start, view.position) > 0 {
            return self.inside(view, rest, Why::Continuation, limit);
        }
        match self.hole {
            Some((from, to)) if distance(from, view.position) >= 0 && distance(view.position, to) > 0 => {
                self.fill_hole(view, from, to, limit)
            }
            _ => Verdict::Skip(rest.min(view.reported), Why::SeenBefore),
        }
    }

    /// The view begins `rest` bytes before the end of a frame whose header is behind.
    fn inside(&mut self, view: View<'_>, rest: usize, why: Why, limit: u32) -> Verdict {
        if rest == 0 {
            return self.at_header(view, limit);
        }
        let end = rest.min(view.data.len());
        if let Some(begin) = find::<H>(view.data, 0, end, limit, Chain::is_strong) {
            return self.resynchronise(view, begin, limit);
        }
        let behind = view.data.get(rest..).unwrap_or_default();
        if H::may_start(behind, limit) {
            return Verdict::Skip(rest.min(view.reported), why);
        }
        self.trust = Trust::Lost;
        self.next = view.position;
        self.out_of_step(view, 0, limit)
    }

    /// Bytes that come out of order. The lane is ahead of them and stays where it is.
    fn fill_hole(&mut self, view: View<'_>, from: u32, to: u32, limit: u32) -> Verdict {
        let room = distance(view.position, to) as usize;
        let mut island = Self {
            trust: if from == view.position { Trust::Candidate } else { Trust::Lost },
            next: view.position,
            start: view.position,
            ..Self::default()
        };
        // What follows has been seen already: the carrier will not offer it again.
        let verdict = island.at_header(View { more: false, ..view }, limit);
        let used = match verdict {
            Verdict::Frame(cut) => cut.extent,
            Verdict::Skip(length, _) => length,
            Verdict::Need(_) => view.reported,
        };
        self.hole = (used < room).then(|| (view.position.wrapping_add(clamp(used)), to));
        verdict
    }

    fn at_header(&mut self, view: View<'_>, limit: u32) -> Verdict {
        let trusted = self.trust == Trust::InStep;
        let Some(header) = H::read(view.data) else {
            return self.cut_header(view, limit);
        };
        let length = header.pdu_len() as usize;
        let whole = view.data.get(length..);
        let behind = whole.unwrap_or_default();
        // A header of its own kind may follow an odd one.
        let continued = H::may_start(behind, limit) || H::same_kind(view.data, behind);
        match header.quality(limit) {
            Quality::Strict => {}
            Quality::Odd if self.trust == Trust::Fresh && whole.is_some() && continued => {}
            Quality::Odd if trusted && header.strange_fields() == 1 => {}
            // Its length is the strange field.
            Quality::Broken if (trusted || self.trust == Trust::Fresh) && header.strange_fields() == 0 => {
                let begin = self.find_best(view, H::LENGTH, view.data.len(), limit);
                self.trust = if begin.is_some() { Trust::InStep } else { Trust::Lost };
                return self.frame(
                    view,
                    begin.unwrap_or_else(|| without_tail::<H>(view, H::LENGTH, limit)),
                    true,
                );
            }
            _ => return self.out_of_step(view, 0, limit),
        }
        let inside = length.min(view.data.len());
        if whole.is_some() {
            // What was waited for ends with the bytes that came, so nothing behind it speaks for its
            // length; two headers inside that lead beyond its end speak against it.
            if behind.is_empty()
                && self.awaited_end.is_some()
                && let Some(begin) = find::<H>(view.data, H::LENGTH, inside, limit, Chain::speaks_against_end)
            {
                return self.wrong_length(view, begin, limit);
            }
            if continued {
                self.trust = Trust::InStep;
                return self.frame(view, length, false);
            }
            if let Some(begin) = self.find_best(view, H::LENGTH, inside, limit) {
                return self.wrong_length(view, begin, limit);
            }
            if self.trust == Trust::Candidate || self.trust == Trust::Lost {
                return self.out_of_step(view, 1, limit);
            }
            return self.frame(view, length, false);
        }
        // A credible length is waited for: what follows the frame will speak for it or against it.
        let missing = length.saturating_sub(view.data.len());
        let begin = match self.trust {
            _ if !view.more => self.find_best(view, H::LENGTH, inside, limit),
            Trust::Lost | Trust::Candidate => {
                find::<H>(view.data, H::LENGTH, inside, limit, Chain::is_strong)
            }
            _ if missing > CREDIBLE => find::<H>(view.data, H::LENGTH, inside, limit, Chain::is_sure::<H>),
            _ => None,
        };
        if let Some(begin) = begin {
            return self.wrong_length(view, begin, limit);
        }
        if view.reported > view.data.len() || !view.more {
            self.trust = Trust::InStep;
            return self.frame(view, length, false);
        }
        self.trust = match self.trust {
            Trust::Lost | Trust::Candidate => Trust::Candidate,
            Trust::Fresh | Trust::InStep => Trust::InStep,
        };
        self.awaited_end = Some(view.position.wrapping_add(header.pdu_len()));
        let probation = match self.trust {
            Trust::Candidate => view.data.len() < LONG_PROBATION,
            _ => missing > CREDIBLE && view.data.len() < PROBATION,
        };
        let patient = self.asks < MOST_ASKS;
        Verdict::Need(if probation && patient { More::Segment } else { More::Bytes(missing) })
    }

    /// The first place in `from..to` that is surely a frame's beginning, or else the first that may be
    /// one. A header that stands alone must also have an operation like those that are numbered.
    fn find_best(&mut self, view: View<'_>, from: usize, to: usize, limit: u32) -> Option<usize> {
        let strong = self.find_strong(view, from, limit).filter(|begin| *begin < to);
        strong.or_else(|| find::<H>(view.data, from, to, limit, Chain::holds))
    }

    /// The first place behind `from` where a strong chain begins.
    fn find_strong(&mut self, view: View<'_>, from: usize, limit: u32) -> Option<usize> {
        let end = view.position.wrapping_add(clamp(view.data.len()));
        let start = view.position.wrapping_add(clamp(from));
        let known = self.searched.filter(|last| last.end == end && distance(last.from, start) >= 0);
        let known = known.filter(|last| last.found.is_none_or(|found| distance(start, found) >= 0));
        if let Some(Searched { found, .. }) = known {
            return found.map(|found| found.wrapping_sub(view.position) as usize);
        }
        let begin = find::<H>(view.data, from, view.data.len(), limit, Chain::is_strong);
        let found = begin.map(|begin| view.position.wrapping_add(clamp(begin)));
        self.searched = Some(Searched { end, from: start, found });
        begin
    }

    /// Fewer bytes than a header.
    fn cut_header(&mut self, view: View<'_>, limit: u32) -> Verdict {
        self.awaited_end = None;
        if view.reported > view.data.len() {
            self.trust = Trust::Lost;
            return self.skip(view, view.reported, Why::NotCaptured);
        }
        let sure = matches!(self.trust, Trust::InStep | Trust::Candidate);
        if !sure && !H::may_start(view.data, limit) {
            self.trust = Trust::Lost;
            return self.skip(view, view.data.len(), Why::OutOfStep);
        }
        if !view.more {
            self.trust = Trust::Lost;
            return self.skip(view, view.data.len(), Why::Truncated);
        }
        Verdict::Need(More::Segment)
    }

    /// The frame at the start of `view` ends where the next one begins.
    fn wrong_length(&mut self, view: View<'_>, begin: usize, limit: u32) -> Verdict {
        if self.trust == Trust::InStep || self.trust == Trust::Fresh {
            self.trust = Trust::InStep;
            return self.frame(view, begin, true);
        }
        self.out_of_step(view, 1, limit)
    }

    /// Looks for the next frame from `from` on.
    fn out_of_step(&mut self, view: View<'_>, from: usize, limit: u32) -> Verdict {
        self.awaited_end = None;
        self.trust = Trust::Lost;
        if let Some(begin) = self.find_best(view, from, view.data.len(), limit) {
            return self.resynchronise(view, begin, limit);
        }
        let length = without_tail::<H>(view, 0, limit);
        if length == 0 {
            return self.cut_header(view, limit);
        }
        self.skip(view, length, Why::OutOfStep)
    }

    fn resynchronise(&mut self, view: View<'_>, begin: usize, limit: u32) -> Verdict {
        self.trust = Trust::Lost;
        if begin == 0 {
            self.next = view.position;
            return self.at_header(view, limit);
        }
        self.skip(view, begin, Why::Resynchronised)
    }

    fn skip(&mut self, view: View<'_>, length: usize, why: Why) -> Verdict {
        self.next = view.position.wrapping_add(clamp(length));
        self.start = self.next;
        Verdict::Skip(length, why)
    }

    fn frame(&mut self, view: View<'_>, length: usize, wrong_length: bool) -> Verdict {
        if self.trust == Trust::Fresh {
            self.trust = Trust::InStep;
        }
        self.awaited_end = None;
        self.start = view.position;
        self.next = view.position.wrapping_add(clamp(length));
        Verdict::Frame(Cut { extent: length.min(view.reported), wrong_length })
    }
}

/// Length of `view` without a tail behind `from` that may be the start of a header.
fn without_tail<H: Header>(view: View<'_>, from: usize, limit: u32) -> usize {
    let length = view.data.len();
    if view.reported > length {
        return view.reported;
    }
    let longest = H::LENGTH.saturating_sub(1).min(length.saturating_sub(from));
    let tails = (length.saturating_sub(longest)..length).filter(|_| view.more);
    let mut tails =
        tails.filter(|start| view.data.get(*start..).is_some_and(|tail| H::may_start(tail, limit)));
    tails.next().unwrap_or(length)
}

/// What follows from taking a place for a header.
#[derive(Clone, Copy)]
struct Chain {
    /// Headers in a row.
    headers: usize,
    /// Whether the first header's operation is in the range of those numbered.
    numbered: bool,
    /// Whether the row broke off before the end of the data.
    broken: bool,
    /// Whether the last frame ends with the data.
    ends: bool,
}

impl Chain {
    fn holds(self) -> bool {
        self.headers >= 1 && self.numbered && !self.broken
    }
    fn is_strong(self) -> bool {
        self.headers >= 2 && !self.broken
    }
    /// The data ends inside a frame of the chain, so that nothing else ends with the data.
    fn speaks_against_end(self) -> bool {
        self.is_strong() && !self.ends
    }
    fn is_sure<H: Header>(self) -> bool {
        self.headers >= H::SURE && !self.broken
    }
}

/// Follows headers from `begin` on.
fn follow<H: Header>(data: &[u8], begin: usize, limit: u32) -> Chain {
    let mut place = begin;
    let mut chain = Chain { headers: 0, numbered: false, broken: false, ends: false };
    while chain.headers < ENOUGH {
        let rest = data.get(place..).unwrap_or_default();
        let Some(header) = H::read(rest) else {
            chain.broken = !H::may_start(rest, limit);
            chain.ends = place == data.len();
            // Eight bytes reach behind the signature.
            let seen = usize::from(!chain.broken && rest.len() >= H::SIGNED);
            return Chain { headers: chain.headers.saturating_add(seen), ..chain };
        };
        if header.quality(limit) != Quality::Strict {
            return Chain { broken: true, ..chain };
        }
        chain.numbered |= chain.headers == 0 && header.is_likely();
        chain.headers = chain.headers.saturating_add(1);
        place = place.saturating_add(header.pdu_len() as usize);
    }
    // Where so long a chain ends is not known: it may well be with the data.
    Chain { ends: true, ..chain }
}

/// The first place in `from..to` where a whole header begins and its chain is believed.
fn find<H: Header>(
    data: &[u8],
    from: usize,
    to: usize,
    limit: u32,
    believed: impl Fn(Chain) -> bool,
) -> Option<usize> {
    H::candidates(data.get(from..)?)
        .map(|place| place.saturating_add(from))
        .take_while(|begin| *begin < to)
        .find(|begin| {
            let whole = data.get(*begin..).is_some_and(|rest| rest.len() >= H::LENGTH);
            whole && believed(follow::<H>(data, *begin, limit))
        })
}

/// Whether a chain of at least two headers lies in `data`.
pub fn find_chain<H: Header>(data: &[u8], limit: u32) -> bool {
    find::<H>(data, 0, data.len(), limit, Chain::is_strong).is_some()
}

/// Whether `data` begins with a whole frame, behind which it ends or a header follows.
pub fn begins_chain<H: Header>(data: &[u8], limit: u32) -> bool {
    let whole = H::read(data).is_some_and(|header| header.pdu_len() as usize <= data.len());
    whole && follow::<H>(data, 0, limit).holds()
}

/// How a protocol calls bytes in which no PDU is shown.
#[derive(Clone, Copy, Debug)]
pub struct Skipped {
    /// Its own field.
    pub own: u16,
    /// What it calls its PDUs.
    pub pdu: &'static str,
    /// The field of bytes in which no PDU begins.
    pub skipped: u16,
    /// The field of bytes that belong to an earlier PDU.
    pub continuation: u16,
    /// The field of a proxy's header.
    pub proxy: u16,
    /// The note of [`Why::Resynchronised`].
    pub resynchronised: u16,
    /// The note of [`Why::OutOfStep`].
    pub out_of_step: u16,
    /// The note of [`Why::Continuation`] and [`Why::Truncated`].
    pub truncated: u16,
    /// The note of [`Why::AfterHole`].
    pub segment_missing: u16,
    /// The note of [`Why::SeenBefore`].
    pub seen_before: u16,
    /// The note of [`Why::NotCaptured`].
    pub not_captured: u16,
}

/// Shows bytes in which no PDU is shown; `data` is what was captured of `length`.
pub fn skipped<H: Header>(report: &mut Report, words: &Skipped, data: &[u8], length: usize, why: Why) {
    let Skipped { own, pdu, .. } = *words;
    let proxy = proxy::header(data).map_or(0, |proxy| proxy.version);
    let (note, field, words): (Option<u16>, _, &dyn Display) = match why {
        Why::Resynchronised => (
            Some(words.resynchronised),
            words.skipped,
            &format_args!("resynchronised, {length} bytes skipped"),
        ),
        Why::OutOfStep => {
            (Some(words.out_of_step), words.skipped, &format_args!("no {pdu} begins in these {length} bytes"))
        }
        Why::Continuation => (
            Some(words.truncated),
            words.continuation,
            &format_args!("{length} more bytes of a {pdu} of an earlier packet"),
        ),
        Why::AfterHole => (
            Some(words.segment_missing),
            words.continuation,
            &format_args!("{length} more bytes of a {pdu}, behind a hole in the stream"),
        ),
        Why::SeenBefore => {
            (Some(words.seen_before), words.skipped, &format_args!("{length} bytes seen before"))
        }
        Why::NotCaptured => {
            (Some(words.not_captured), words.skipped, &format_args!("{length} bytes not captured"))
        }
        Why::Truncated => (
            Some(words.truncated),
            words.skipped,
            &format_args!("a header of {} bytes begins here, {length} of them are here", H::LENGTH),
        ),
        Why::Proxy => (None, words.proxy, &format_args!("PROXY header, version {proxy}")),
    };
    report.set_info(format_args!("[{words}]"));
    report.subtree(own, 0..length, format_args!(", {words}"), |report| {
        if !data.is_empty() {
            report.wire_labelled(field, 0..length.min(data.len()), format_args!(" ({length} bytes)"));
        }
        if let Some(note) = note {
            report.note(note, 0..length, format_args!("{words}"));
        }
    });
}

/// How far `to` lies behind `from` in a stream whose positions wrap.
pub fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

/// Views are far below 4 GiB; a caller's larger claim is cut.
fn clamp(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::long_link::frame::{HEADER_LEN, Header as Frame};
    use crate::long_link::settings::DEFAULT_LIMIT;

    fn frame(op: u32, body: &[u8]) -> Vec<u8> {
        let mut frame = (16 + body.len() as u32).to_be_bytes().to_vec();
        frame.extend([0, 16, 0, 1]);
        frame.extend(op.to_be_bytes());
        frame.extend(7u32.to_be_bytes());
        frame.extend(body);
        frame
    }

    /// Bytes of a body in which no signature occurs.
    fn body(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 + 7) as u8 | 2).collect()
    }

    /// A carrier that hands over segments as TCP does, and the verdicts in terms of positions.
    struct Carrier {
        lane: Lane<Frame>,
        more: bool,
        held: Vec<u8>,
        position: u32,
        wanted: usize,
        seen: Vec<(u32, Verdict)>,
    }

    impl Carrier {
        fn new() -> Self {
            Self {
                lane: Lane::default(),
                more: true,
                held: Vec::new(),
                position: 1000,
                wanted: 0,
                seen: Vec::new(),
            }
        }

        fn hole(&mut self, length: u32) {
            self.position = self.position.wrapping_add(self.held.len() as u32 + length);
            self.held.clear();
            self.wanted = 0;
        }

        fn segment(&mut self, bytes: &[u8]) {
            self.held.extend(bytes);
            if self.held.len() < self.wanted {
                return;
            }
            while !self.held.is_empty() {
                let (data, position) = (self.held.as_slice(), self.position);
                let view = View { data, reported: data.len(), position, more: self.more };
                let verdict = self.lane.decide(view, DEFAULT_LIMIT, |_| {});
                let length = match verdict {
                    Verdict::Frame(cut) => cut.extent,
                    Verdict::Skip(length, _) => length,
                    Verdict::Need(more) => {
                        self.wanted = data.len() + if let More::Bytes(bytes) = more { bytes } else { 1 };
                        return;
                    }
                };
                assert!(length > 0 && length <= data.len(), "{verdict:?}");
                self.seen.push((self.position, verdict));
                self.held.drain(..length);
                self.position = self.position.wrapping_add(length as u32);
                self.wanted = 0;
            }
        }

        fn frames(&self) -> Vec<usize> {
            let extent = |(_, verdict): &(u32, Verdict)| match verdict {
                Verdict::Frame(cut) => Some(cut.extent),
                _ => None,
            };
            self.seen.iter().filter_map(extent).collect()
        }

        fn skipped(&self) -> Vec<(usize, Why)> {
            let skip = |(_, verdict): &(u32, Verdict)| match verdict {
                Verdict::Skip(length, why) => Some((*length, *why)),
                _ => None,
            };
            self.seen.iter().filter_map(skip).collect()
        }
    }

    #[test]
    fn frames_are_cut_wherever_segments_end() {
        let stream: Vec<u8> = [frame(6, &[]), frame(237, &body(100)), frame(121, &body(40))].concat();
        for cut in 1..stream.len() {
            let mut carrier = Carrier::new();
            carrier.segment(&stream[..cut]);
            carrier.segment(&stream[cut..]);
            assert_eq!(carrier.frames(), [16, 116, 56], "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_byte_by_byte() {
        let mut carrier = Carrier::new();
        let stream: Vec<u8> = [frame(6, &[]), frame(237, &body(10)), frame(121, &body(40))].concat();
        stream.iter().for_each(|byte| carrier.segment(&[*byte]));
        assert_eq!(carrier.frames(), [16, 26, 56]);
    }

    #[test]
    fn a_late_start_finds_the_next_frame() {
        let mut carrier = Carrier::new();
        carrier.segment(&[body(143), frame(237, &body(50)), frame(6, &[])].concat());
        assert_eq!(carrier.skipped(), [(143, Why::Resynchronised)]);
        assert_eq!(carrier.frames(), [66, 16]);
    }

    #[test]
    fn a_length_too_large_by_a_little_costs_one_frame_only() {
        let mut broken = frame(237, &body(100));
        broken[3] += 5;
        let mut carrier = Carrier::new();
        carrier.segment(&[broken, frame(121, &body(50)), frame(6, &[])].concat());
        assert_eq!(carrier.frames(), [116, 66, 16]);
        assert_eq!(carrier.seen[0].1, Verdict::Frame(Cut { extent: 116, wrong_length: true }));
    }

    #[test]
    fn a_length_of_900_000_is_broken_off() {
        let mut broken = frame(237, &body(100));
        broken[..4].copy_from_slice(&900_000u32.to_be_bytes());
        let mut carrier = Carrier::new();
        carrier.segment(&broken);
        for _ in 0..5 {
            carrier.segment(&frame(121, &body(50)));
        }
        assert_eq!(carrier.frames(), [116, 66, 66, 66, 66, 66]);
    }

    #[test]
    fn a_length_too_small_or_impossible() {
        for length in [50u32, 7, 0, u32::MAX] {
            let mut broken = frame(237, &body(100));
            broken[..4].copy_from_slice(&length.to_be_bytes());
            let mut carrier = Carrier::new();
            carrier.segment(&[frame(6, &[]), broken, frame(121, &body(50)), frame(6, &[])].concat());
            assert_eq!(carrier.frames()[2..], [66, 16], "{length}");
        }
    }

    #[test]
    fn garbage_between_frames_is_skipped() {
        let mut carrier = Carrier::new();
        carrier.segment(&[frame(6, &[]), body(333), frame(121, &body(50)), frame(6, &[])].concat());
        assert_eq!(
            (carrier.frames(), carrier.skipped()),
            (vec![16, 66, 16], vec![(333, Why::Resynchronised)])
        );
    }

    #[test]
    fn a_hole_costs_the_frames_it_hits() {
        let long = frame(237, &body(3000));
        let mut carrier = Carrier::new();
        carrier.segment(&frame(6, &[]));
        carrier.segment(&long[..1400]);
        carrier.hole(1000);
        carrier.segment(&[&long[2400..], &frame(121, &body(50))].concat());
        assert_eq!((carrier.frames(), carrier.skipped()), (vec![16, 66], vec![(616, Why::AfterHole)]));
    }

    #[test]
    fn what_comes_out_of_order_fills_its_hole() {
        let mut carrier = Carrier::new();
        carrier.segment(&frame(6, &[]));
        carrier.hole(66);
        carrier.segment(&frame(237, &body(10)));
        carrier.position = 1016;
        carrier.segment(&frame(121, &body(50)));
        assert_eq!(carrier.frames(), [16, 26, 66]);
        carrier.position = 1016;
        carrier.segment(&frame(121, &body(50)));
        assert_eq!(carrier.skipped(), [(66, Why::SeenBefore)]);
    }

    #[test]
    fn a_header_where_the_stream_has_been_is_told_from_what_is_no_header() {
        let mut carrier = Carrier::new();
        carrier.segment(&[frame(6, &[]), frame(237, &body(50)), frame(121, &body(9))].concat());
        let behind = |data: &[u8], position| {
            let view = View { data, reported: data.len(), position, more: true };
            carrier.lane.header_behind(&view, DEFAULT_LIMIT).map(|(begin, header)| (begin, header.op))
        };
        let again = frame(24, &body(4));
        for position in [1_u32.wrapping_neg(), 500, 1000, 1040, 1106] {
            assert_eq!(behind(&again, position), Some((0, 24)), "{position}");
            let late = [&body(30), &again[..]].concat();
            assert_eq!(behind(&late, position), Some((30, 24)), "{position}");
            assert_eq!(behind(&[&late, &body(30)[..]].concat(), position), None, "{position}");
            // A keep-alive has one old byte; other pieces have no header at their beginning.
            for piece in [&again[..1], &again[..15], &again[1..], &body(40)] {
                assert_eq!(behind(piece, position), None, "{position}");
            }
        }
        for position in [1107, 1108, 1 << 31] {
            assert_eq!(behind(&again, position), None, "{position}");
        }
    }

    #[test]
    fn another_link_goes_on_where_it_began() {
        let mut carrier = Carrier::new();
        carrier.segment(&[frame(6, &[]), frame(237, &body(50))].concat());
        carrier.lane.begin_anew();
        carrier.position = 500;
        let long = frame(121, &body(1000));
        carrier.segment(&long[..400]);
        carrier.segment(&[&long[400..], &frame(6, &[])].concat());
        assert_eq!(carrier.frames(), [16, 66, 1016, 16]);
        assert_eq!(carrier.skipped(), []);
    }

    #[test]
    fn what_comes_late_is_no_other_link() {
        let long = frame(121, &body(1000));
        let mut carrier = Carrier::new();
        carrier.segment(&[&frame(6, &[]), &long[..400]].concat());
        let (waiting, held) = (carrier.position, std::mem::take(&mut carrier.held));
        carrier.wanted = 0;
        carrier.lane.begin_anew();
        carrier.position = 900;
        carrier.segment(&frame(237, &body(50)));
        (carrier.position, carrier.held) = (waiting, held);
        carrier.segment(&[&long[400..], &frame(6, &[])].concat());
        assert_eq!((carrier.frames(), carrier.skipped()), (vec![16, 66, 1016, 16], vec![]));
    }

    #[test]
    fn a_proxys_header_is_skipped_once_the_stream_begins() {
        const LINE: &[u8] = b"PROXY TCP4 10.0.0.1 10.0.0.2 40000 8080\r\n";
        let mut carrier = Carrier::new();
        carrier.segment(&[LINE, &frame(6, &[])].concat());
        carrier.segment(&[LINE, &frame(6, &[])].concat());
        let proxy = (LINE.len(), Why::Proxy);
        assert_eq!(carrier.skipped(), [proxy, (LINE.len(), Why::Resynchronised)]);
        assert_eq!(carrier.frames(), [16, 16]);
        for cut in 1..LINE.len() + 20 {
            let mut carrier = Carrier::new();
            let stream = [LINE, &frame(237, &body(9))].concat();
            carrier.segment(&stream[..cut]);
            carrier.segment(&stream[cut..]);
            assert_eq!((carrier.skipped(), carrier.frames()), (vec![proxy], vec![25]), "{cut}");
        }
    }

    #[test]
    fn a_body_that_holds_a_frame_is_one_body() {
        let nested = [body(20), frame(237, &body(30)), frame(6, &[]), body(20)].concat();
        let mut carrier = Carrier::new();
        let stream = [frame(121, &nested), frame(6, &[]), frame(121, &body(9))].concat();
        stream.chunks(50).for_each(|segment| carrier.segment(segment));
        assert_eq!(carrier.frames(), [118, 16, 25]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "a megabyte takes Miri an hour")]
    fn headers_that_each_claim_a_mebibyte_are_searched_once() {
        // Quadratic work on this much would take minutes.
        let stream = frame(237, &body((1 << 20) - HEADER_LEN))[..HEADER_LEN].repeat(60_000);
        let mut lane = Lane::<Frame>::default();
        let frames = stream.chunks(HEADER_LEN).enumerate().map(|(index, _)| {
            let position = index * HEADER_LEN;
            let data = &stream[position..];
            let view = View { data, reported: data.len(), position: position as u32, more: false };
            lane.decide(view, DEFAULT_LIMIT, |_| {})
        });
        let short = Verdict::Frame(Cut { extent: HEADER_LEN, wrong_length: true });
        assert_eq!(frames.filter(|verdict| *verdict == short).count(), 59_999);
    }

    #[test]
    fn a_claim_in_tiny_segments_is_not_asked_for_each_time() {
        let mut carrier = Carrier::new();
        let stream = frame(237, &body(100_000));
        let mut asks = 0;
        for byte in &stream[..20_000] {
            let waited = carrier.wanted;
            carrier.segment(&[*byte]);
            asks += u32::from(carrier.wanted != waited);
        }
        assert!(asks <= MOST_ASKS + 1, "{asks}");
    }

    #[test]
    fn positions_wrap() {
        let mut carrier = Carrier::new();
        carrier.position = u32::MAX - 30;
        let stream = [frame(6, &[]), frame(237, &body(100)), frame(121, &body(40))].concat();
        stream.chunks(20).for_each(|segment| carrier.segment(segment));
        assert_eq!(carrier.frames(), [16, 116, 56]);
    }

    #[test]
    fn another_version_is_dissected_in_step_and_never_resynchronises() {
        let mut other = frame(237, &body(100));
        other[7] = 2;
        let mut carrier = Carrier::new();
        carrier.segment(&[frame(6, &[]), other.clone(), frame(6, &[])].concat());
        assert_eq!(carrier.frames(), [16, 116, 16]);
        let mut carrier = Carrier::new();
        carrier.segment(&[body(40), other.clone(), other].concat());
        assert!(carrier.frames().is_empty());
    }

    #[test]
    fn without_reassembly_a_long_frame_is_continued() {
        let stream = [frame(237, &body(100)), frame(6, &[])].concat();
        let mut carrier = Carrier::new();
        carrier.more = false;
        stream.chunks(58).for_each(|segment| carrier.segment(segment));
        assert_eq!((carrier.frames(), carrier.skipped()), (vec![58, 16], vec![(58, Why::Continuation)]));
    }

    #[test]
    fn a_snapped_segment_knows_where_the_next_frame_is() {
        let mut lane = Lane::<Frame>::default();
        let mut offer = |data: &[u8], reported, position| {
            lane.decide(View { data, reported, position, more: false }, DEFAULT_LIMIT, |_| {})
        };
        let bytes = frame(237, &body(100));
        let cut = Verdict::Frame(Cut { extent: 116, wrong_length: false });
        assert_eq!(offer(&bytes[..60], 132, 0), cut);
        assert_eq!(offer(&[], 16, 116), Verdict::Skip(16, Why::NotCaptured));
        assert_eq!(offer(&bytes[..60], 116, 132), cut);
    }
}
