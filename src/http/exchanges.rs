// SPDX-License-Identifier: GPL-2.0-or-later
//! Which request a response answers: by their order on the connection.
//!
//! Requests wait in a queue, and each response takes the first of them. What breaks the order is told by
//! two signs: a request that goes out more than a second behind one that waits (the response in between
//! is missing), and bytes of the server's that HTTP's dissector takes for no response, while a request
//! waits (its response is not to be read).
//!
//! A connection on which nobody has seen a request of his own is only counted.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::kernel::place::LaneId;
use crate::kernel::time::{SECOND, Time};

/// What stands for a message of somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Number of the protocol's table.
    pub owner: u16,
    /// What the protocol calls the message.
    pub event: u32,
}

/// A message that comes later on the same connection, while another waits for its response, is pipelined
/// within this time; behind it, the response is missing from the capture.
const PIPELINED: i64 = SECOND;
/// Requests that wait on one connection; more never get a response.
const MOST_OPEN: usize = 256;

/// Where bytes of a connection are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Direction of the connection.
    pub lane: LaneId,
    /// Position of the first byte, where positions count bytes.
    pub position: Option<u32>,
    /// When it was captured.
    pub time: Time,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    time: Time,
    side: bool,
    mark: Option<Mark>,
    /// Whether the other end said something behind it that is no response.
    unread: bool,
}

/// Where the last response ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    /// Wherever that is, what comes now is not its body.
    #[default]
    Passed,
    /// At this position.
    At(u32),
    /// Nobody knows.
    Open,
}

/// A connection that has had a request of somebody's.
#[derive(Debug, Default)]
struct Connection {
    waiting: VecDeque<Waiting>,
    end: End,
}

/// A connection that has had none.
#[derive(Debug, Default)]
struct Foreign {
    waiting: u32,
    /// Positions of the last request and the last response: what is there once more is offered again.
    asked: Option<u32>,
    answered: Option<u32>,
    time: Time,
    side: bool,
    unread: bool,
}

/// The exchanges of a capture.
#[derive(Debug, Default)]
pub struct Exchanges {
    connections: HashMap<u32, Connection, RandomState>,
    foreign: HashMap<u32, Foreign, RandomState>,
}

impl Exchanges {
    /// Whether a connection ever had a request of somebody's.
    pub fn knows(&self, stream: u32) -> bool {
        self.connections.contains_key(&stream)
    }

    /// A request goes out on a connection that nobody has anything on.
    pub fn foreign_asks(&mut self, origin: Origin) {
        let foreign = self.foreign.entry(origin.lane.stream).or_default();
        if foreign.asked.is_some() && foreign.asked == origin.position {
            return;
        }
        if foreign.unread || !origin.time.is_near(foreign.time, PIPELINED) {
            foreign.waiting = 0;
        }
        let waiting = foreign.waiting.saturating_add(1);
        let answered = foreign.answered;
        let Origin { position: asked, time, lane: LaneId { side, .. } } = origin;
        *foreign = Foreign { waiting, asked, answered, time, side, unread: false };
    }

    /// A response comes in on such a connection.
    pub fn foreign_answers(&mut self, origin: Origin) {
        let Some(foreign) = self.foreign.get_mut(&origin.lane.stream) else { return };
        if foreign.answered != origin.position {
            foreign.answered = origin.position;
            foreign.waiting = foreign.waiting.saturating_sub(1);
        }
    }

    /// On any connection one end says something that is no message.
    pub fn says(&mut self, origin: Origin) {
        if let Some(foreign) = self.foreign.get_mut(&origin.lane.stream) {
            foreign.unread |= foreign.waiting > 0 && foreign.side != origin.lane.side;
        }
        let Some(connection) = self.connections.get_mut(&origin.lane.stream) else { return };
        let is_body = match (connection.end, origin.position) {
            (End::Passed, _) | (End::At(_), None) => false,
            (End::At(end), Some(position)) => (position.wrapping_sub(end) as i32) < 0,
            (End::Open, _) => true,
        };
        if let Some(first) = connection.waiting.front_mut().filter(|first| first.side != origin.lane.side) {
            first.unread |= !is_body;
        }
    }

    /// A request goes out on a connection that has one of somebody's, now or before; `origin` is that of the
    /// bytes in which it begins.
    pub fn asks(&mut self, origin: Origin, mark: Option<Mark>) {
        let foreign = &mut self.foreign;
        let connection = self.connections.entry(origin.lane.stream).or_insert_with(|| {
            let waiting = foreign.remove(&origin.lane.stream).filter(|foreign| !foreign.unread);
            let waiting = waiting.map_or_else(VecDeque::new, |foreign| {
                let Foreign { time, side, .. } = foreign;
                // The beginning of a request may have been taken for somebody else's.
                let again = foreign.asked.is_some() && foreign.asked == origin.position;
                let count = foreign.waiting.saturating_sub(u32::from(again)) as usize;
                let one = Waiting { time, side, mark: None, unread: false };
                std::iter::repeat_n(one, count.min(MOST_OPEN)).collect()
            });
            Connection { waiting, end: End::Passed }
        });
        let open = &mut connection.waiting;
        if open.back().is_some_and(|before| !origin.time.is_near(before.time, PIPELINED))
            || open.len() >= MOST_OPEN
        {
            open.clear();
        }
        // An end that asks does not answer any more.
        open.retain(|before| !before.unread && before.side == origin.lane.side);
        open.push_back(Waiting { time: origin.time, side: origin.lane.side, mark, unread: false });
    }

    /// Whether no request waits for a response on a connection.
    pub fn waits_for_none(&self, stream: u32) -> bool {
        let foreign = self.foreign.get(&stream).is_none_or(|foreign| foreign.waiting == 0);
        foreign && self.connections.get(&stream).is_none_or(|connection| connection.waiting.is_empty())
    }

    /// A response comes in, which begins at `origin` and ends so many bytes behind, if all of them are there:
    /// what it answers, if that is somebody's.
    pub fn answers(&mut self, origin: Origin, length: Option<u32>) -> Option<Mark> {
        let connection = self.connections.get_mut(&origin.lane.stream)?;
        connection.end = match (length, origin.position) {
            (Some(length), Some(position)) => End::At(position.wrapping_add(length)),
            (Some(_), None) => End::Passed,
            (None, _) => End::Open,
        };
        let open = &mut connection.waiting;
        while open.len() > 1 && open.front().is_some_and(|first| first.unread) {
            open.pop_front();
        }
        open.pop_front()?.mark
    }

    /// Of the requests that wait on a connection, in order, whether they are somebody's.
    pub fn awaited(&self, stream: u32) -> impl Iterator<Item = bool> + use<'_> {
        let waiting = self.connections.get(&stream).map(|connection| connection.waiting.iter());
        waiting.into_iter().flatten().map(|waiting| waiting.mark.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(time: i64) -> Origin {
        let lane = LaneId::new(1, false);
        Origin { lane, position: Some(time as u32), time: Time::from_nanoseconds(time) }
    }

    fn server(time: i64, position: u32) -> Origin {
        Origin { lane: LaneId::new(1, true), position: Some(position), ..client(time) }
    }

    fn mark(event: u32) -> Option<Mark> {
        Some(Mark { owner: 7, event })
    }

    #[test]
    fn responses_come_in_the_order_of_requests() {
        let mut exchanges = Exchanges::default();
        assert_eq!(exchanges.answers(server(1, 1), Some(1)), None);
        for event in 0..3 {
            exchanges.asks(client(2 + i64::from(event)), mark(event));
        }
        for event in 0..3 {
            assert_eq!(exchanges.answers(server(9, 1 + event), Some(1)), mark(event));
        }
        assert_eq!(exchanges.answers(server(9, 9), Some(1)), None);
    }

    #[test]
    fn a_response_that_is_missing_or_not_read_shifts_nothing() {
        let mut exchanges = Exchanges::default();
        exchanges.asks(client(1), mark(1));
        exchanges.asks(client(2 * SECOND), mark(2));
        assert_eq!(exchanges.answers(server(2 * SECOND, 1), Some(10)), mark(2));
        exchanges.asks(client(2 * SECOND + 1), mark(3));
        // A piece of the response that is being read says nothing.
        exchanges.says(server(2 * SECOND + 2, 5));
        exchanges.asks(client(2 * SECOND + 3), mark(4));
        assert_eq!(exchanges.answers(server(2 * SECOND + 4, 11), Some(10)), mark(3));
        exchanges.says(server(2 * SECOND + 5, 21));
        exchanges.asks(client(2 * SECOND + 6), mark(5));
        assert_eq!(exchanges.answers(server(2 * SECOND + 7, 31), Some(10)), mark(5));
        // One that comes after all, behind a piece of it, is read.
        exchanges.asks(client(2 * SECOND + 8), mark(6));
        exchanges.says(server(2 * SECOND + 9, 91));
        assert_eq!(exchanges.answers(server(2 * SECOND + 10, 41), None), mark(6));
        // Nobody knows where that one ends.
        exchanges.asks(client(2 * SECOND + 11), mark(7));
        exchanges.says(server(2 * SECOND + 12, 99));
        exchanges.asks(client(2 * SECOND + 13), mark(8));
        assert_eq!(exchanges.answers(server(2 * SECOND + 14, 200), Some(1)), mark(7));
        exchanges.says(server(2 * SECOND + 15, 300));
        exchanges.asks(client(2 * SECOND + 16), mark(9));
        assert_eq!(exchanges.answers(server(2 * SECOND + 17, 400), Some(1)), mark(9));
    }

    #[test]
    fn foreign_requests_wait_too() {
        let mut exchanges = Exchanges::default();
        exchanges.foreign_asks(client(1));
        exchanges.foreign_asks(client(1));
        exchanges.foreign_asks(client(2));
        exchanges.foreign_answers(server(3, 7));
        exchanges.foreign_answers(server(3, 7));
        assert!(!exchanges.knows(1));
        exchanges.asks(client(4), mark(1));
        assert!(exchanges.knows(1));
        assert_eq!(exchanges.answers(server(5, 8), Some(1)), None);
        assert_eq!(exchanges.answers(server(6, 9), Some(1)), mark(1));
    }

    #[test]
    fn foreign_requests_without_a_response_wait_no_longer() {
        let after = |say: bool, time: i64| {
            let mut exchanges = Exchanges::default();
            exchanges.foreign_asks(client(1));
            if say {
                exchanges.says(server(2, 1));
            }
            exchanges.asks(client(time), mark(1));
            exchanges.answers(server(time + 1, 9), Some(1))
        };
        assert_eq!(after(false, 3), None);
        assert_eq!(after(true, 3), mark(1));
        assert_eq!(after(false, 2 * SECOND), mark(1));
    }
}
