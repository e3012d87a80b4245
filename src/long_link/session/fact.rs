// SPDX-License-Identifier: GPL-2.0-or-later
//! What is known of some events beyond their main partner, kept aside because most have none of it.

use foldhash::HashMap;

/// What a remark says; the comment tells what its value is. "Packet" is the number of the packet that
/// holds the other frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Packet of the request that asks the same again before an answer.
    SupersededIn,
    /// Packet of the open request that this one repeats.
    Supersedes,
    /// Packet of the first request of this seqid and operation.
    RetryOf,
    /// Packet of a later request of this seqid and operation.
    RetriedIn,
    /// The request before is still open. No value.
    Retry,
    /// The request before was answered. No value.
    DuplicateRequest,
    /// Operation of the open request that has the seqid.
    SeqInUse,
    /// Packet of the response that answered first.
    DuplicateOf,
    /// Packet of a response that came again.
    DuplicateIn,
    /// A response to nothing that was seen. No value.
    NoRequest,
    /// Packet of one more push that an acknowledgement stands for.
    AckTo,
    /// Packet of the notice that an acknowledgement probably stands for.
    AckNotice,
    /// Packet of what probably acknowledges a notice.
    NoticeAck,
    /// An inference: 1 where a request is taken for the acknowledgement of a push, so that neither waits any
    /// more; -1 where that proves wrong.
    Inference,
    /// An acknowledgement of nothing that was seen. No value.
    NoPush,
    /// The seqid behind which some were left out.
    SeqGap,
    /// The seqid before, where the client counts from 1 again.
    SeqRestart,
    /// The seqid before, where it went back.
    SeqBack,
    /// The stream's first seqid is not 1. No value.
    LateStart,
    /// Which attempt of the client's the stream is.
    Attempt,
    /// Packet of the last frame of the attempt before.
    AttemptAfter,
    /// Packet of the first frame of the next attempt.
    AttemptNext,
    /// Packet of the request that fetches what a notice announced.
    NoticeSyncIn,
    /// Packet of the response that brings it.
    NoticeMessageIn,
    /// Packet of a notice that led to this exchange.
    SyncNotice,
    /// Nanoseconds from the first notice to what it announced.
    SyncTime,
    /// Packet of the send that probably caused this news.
    NewsSend,
    /// Nanoseconds since that send.
    NewsTime,
    /// Packet of the news that a send probably caused.
    SendNews,
    /// Packet of the SyncKey before.
    KeyPrevious,
    /// Packet of the SyncKey that came next.
    KeyNext,
}

impl Fact {
    /// Whether it lies ahead of its event, so that the first pass must not know it.
    pub fn is_ahead(self) -> bool {
        matches!(
            self,
            Self::SupersededIn
                | Self::RetriedIn
                | Self::DuplicateIn
                | Self::AckNotice
                | Self::NoticeAck
                | Self::AttemptNext
                | Self::NoticeSyncIn
                | Self::NoticeMessageIn
                | Self::SendNews
                | Self::KeyNext
        )
    }
}

/// No further remark.
const END: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    value: i64,
    next: u32,
    fact: Fact,
}

/// Remarks on events, by the event's number: a list for each.
#[derive(Debug, Default)]
pub struct Remarks {
    nodes: Vec<Node>,
    /// First and last remark of an event.
    lists: HashMap<u32, (u32, u32)>,
}

impl Remarks {
    /// Adds a remark behind the event's others.
    pub fn add(&mut self, event: u32, fact: Fact, value: impl Into<i64>) {
        let Ok(node) = u32::try_from(self.nodes.len()) else { return };
        if node == END {
            return;
        }
        self.nodes.push(Node { value: value.into(), next: END, fact });
        let list = self.lists.entry(event).or_insert((node, node));
        let last = std::mem::replace(&mut list.1, node);
        if last != node
            && let Some(last) = self.nodes.get_mut(last as usize)
        {
            last.next = node;
        }
    }

    /// Whether there are any on an event.
    pub fn has(&self, event: u32) -> bool {
        self.lists.contains_key(&event)
    }

    /// The remarks on an event, oldest first.
    pub fn of(&self, event: u32) -> impl Iterator<Item = (Fact, i64)> + Clone {
        let node = |at: u32| self.nodes.get(at as usize);
        let first = self.lists.get(&event).and_then(|(first, _)| node(*first));
        std::iter::successors(first, move |last| node(last.next)).map(|node| (node.fact, node.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_come_back_in_order() {
        let mut remarks = Remarks::default();
        for value in 0..5 {
            remarks.add(7, Fact::RetriedIn, value);
            remarks.add(8, Fact::Attempt, value * 10);
        }
        assert!(remarks.of(7).eq((0..5).map(|value| (Fact::RetriedIn, value))));
        assert!(remarks.of(8).eq((0..5).map(|value| (Fact::Attempt, value * 10))));
        assert_eq!(remarks.of(9).count(), 0);
    }
}
