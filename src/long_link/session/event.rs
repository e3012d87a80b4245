// SPDX-License-Identifier: GPL-2.0-or-later
//! One PDU of the first pass, packed.

use super::observed::{NOBODY, Observed};
use crate::kernel::framing::Why;
use crate::kernel::place::Place;
use crate::kernel::time::Time;
use crate::wechat::operation::{Kind, Sender};

/// One PDU of the first pass. Two of them are an exchange: 56 bytes, which leaves 8 for indexes.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Lower half of the time, as two words so that nothing is padded. Its link has the upper half.
    time: [u32; 2],
    /// Number of the packet.
    pub packet: u32,
    /// Position in the stream.
    pub position: u32,
    /// The other event of a pair.
    pub partner: u32,
    /// Operation; of skipped bytes, their number.
    pub op: u32,
    /// Small facts.
    pub tags: Tags,
}

const _: () =
    assert!(size_of::<Event>() == 28, "an exchange is two events and at most 64 bytes with indexes");

impl Event {
    pub fn new(place: Place, time: Time, op: u32, tags: Tags) -> Self {
        let (_, time) = time.halves();
        let time = [(time >> 32) as u32, time as u32];
        let side = if place.lane.side { Tags::SIDE } else { 0 };
        let Place { packet, position, .. } = place;
        Self { time, packet, position, partner: NOBODY, op, tags: Tags(tags.0 | side) }
    }

    /// When it was, with the upper half of the time.
    pub fn time(&self, upper: i64) -> Time {
        let [high, low] = self.time;
        Time::from_halves(upper, u64::from(high) << 32 | u64::from(low))
    }

    /// Whether it waits for its other half.
    pub fn is_open(&self) -> bool {
        self.partner == NOBODY && !self.tags.has(Tags::SUPERSEDED)
    }
}

/// Small facts of an event: flags in the lower half, the number of open requests in the upper.
#[derive(Clone, Copy, Debug)]
pub struct Tags(u32);

impl Tags {
    const KIND: u32 = 0xf;
    const SENDER_KNOWN: u32 = 1 << 4;
    const FROM_SERVER: u32 = 1 << 5;
    pub const SKIP: u32 = 1 << 6;
    pub const WRONG_LENGTH: u32 = 1 << 7;
    pub const OWN_EXTENT: u32 = 1 << 8;
    /// An acknowledgement that the elapsed time matched.
    pub const BY_TIME: u32 = 1 << 9;
    /// Sent by the second end of the stream.
    pub const SIDE: u32 = 1 << 10;
    /// The same was asked again before an answer.
    pub const SUPERSEDED: u32 = 1 << 11;
    /// An answer, or of a push an acknowledgement, is due.
    pub const EXPECTS: u32 = 1 << 12;
    /// Three bits of the seqid, for which there is no room.
    const SUM: u32 = 13;
    const OPEN: u32 = 16;

    fn sum(seq: u32) -> u32 {
        seq.wrapping_mul(0x9e37_79b9) >> 29 << Self::SUM
    }

    /// Whether a frame's seqid may be this one: of others seven in eight are told apart.
    pub fn has_sum_of(self, seq: u32) -> bool {
        self.0 & (7 << Self::SUM) == Self::sum(seq)
    }

    pub fn of(frame: &Observed<'_>) -> Self {
        let flag = |on: bool, tag| if on { tag } else { 0 };
        Self(
            frame.meaning.kind as u32
                | Self::sum(frame.seq)
                | flag(frame.meaning.sender.is_some(), Self::SENDER_KNOWN)
                | flag(frame.meaning.sender == Some(Sender::Server), Self::FROM_SERVER)
                | flag(frame.wrong_length, Self::WRONG_LENGTH)
                | flag(frame.extent.is_some(), Self::OWN_EXTENT)
                | flag(frame.expects, Self::EXPECTS),
        )
    }

    pub fn of_skip(why: Why) -> Self {
        Self(why as u32 | Self::SKIP)
    }

    pub fn has(self, tag: u32) -> bool {
        self.0 & tag != 0
    }

    pub fn set(&mut self, tag: u32) {
        self.0 |= tag;
    }

    pub fn sender(self) -> Option<Sender> {
        self.has(Self::SENDER_KNOWN).then(|| match self.has(Self::FROM_SERVER) {
            true => Sender::Server,
            false => Sender::Client,
        })
    }

    pub fn kind(self) -> Kind {
        Kind::ALL.get((self.0 & Self::KIND) as usize).copied().unwrap_or(Kind::Unknown)
    }

    pub fn why(self) -> Why {
        Why::ALL.get((self.0 & Self::KIND) as usize).copied().unwrap_or(Why::OutOfStep)
    }

    /// Requests open behind the event; more than 65535 count as so many.
    pub fn open(self) -> u16 {
        (self.0 >> Self::OPEN) as u16
    }

    pub fn set_open(&mut self, open: u32) {
        self.0 = (self.0 & 0xffff) | open.min(0xffff) << Self::OPEN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::place::LaneId;

    #[test]
    fn a_time_comes_back() {
        let times = [0, 1, -1, 1_424_500_000_123_456_789, i64::MIN, i64::MAX, 1 << 31, 1 << 32];
        for time in times.map(Time::from_nanoseconds) {
            let place = Place { packet: 1, lane: LaneId::new(0, true), position: 2 };
            let event = Event::new(place, time, 3, Tags::of_skip(Why::OutOfStep));
            assert_eq!(event.time(time.halves().0), time);
            assert!(event.tags.has(Tags::SIDE) && event.tags.why() == Why::OutOfStep);
        }
    }
}
