// SPDX-License-Identifier: GPL-2.0-or-later
//! The numbers of streams: the host's, or our own where the host has none yet.
//!
//! Exported PDUs and what lies in a tunnel are offered before the host has a conversation for them. Such a
//! stream is known by its two ends, and keeps its number when the host begins to count it: what was decided of
//! its first packet holds for the others, and on every later visit.

use foldhash::HashMap;

/// The two ends of a stream, in an order that does not depend on who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends<'a> {
    /// Address and port of the first end.
    pub first: (&'a [u8], u16),
    /// Address and port of the second end.
    pub second: (&'a [u8], u16),
}

impl Ends<'_> {
    fn key(self) -> Box<[u8]> {
        let (first, second) = (self.first, self.second);
        let ports = [first.1.to_be_bytes(), second.1.to_be_bytes()].concat();
        [ports.as_slice(), first.0, second.0].concat().into()
    }
}

/// A stream that was met without a number of the host's.
#[derive(Clone, Copy, Debug)]
struct Unnumbered {
    number: u32,
    /// The number that the host gave it since.
    host: Option<u32>,
}

/// The numbers of a capture's streams.
#[derive(Debug, Default)]
pub struct Streams {
    by_ends: HashMap<Box<[u8]>, Unnumbered>,
    /// By the host's number, our own of streams that were met without it.
    by_host: HashMap<u32, u32>,
}

impl Streams {
    /// Whether the host has counted every stream that was met: then its numbers are those of the streams.
    #[inline]
    pub fn are_counted(&self) -> bool {
        self.by_ends.is_empty()
    }

    /// The number of a stream on a first visit; `host` is the host's, if it has one.
    pub fn meet(&mut self, host: Option<u32>, ends: Ends<'_>) -> u32 {
        if let Some(host) = host.filter(|_| self.are_counted()) {
            return host;
        }
        let Some(host) = host else {
            let number = u32::try_from(self.by_ends.len()).map_or(0, |count| u32::MAX.wrapping_sub(count));
            return self.by_ends.entry(ends.key()).or_insert(Unnumbered { number, host: None }).number;
        };
        if let Some(number) = self.by_host.get(&host) {
            return *number;
        }
        match self.by_ends.get_mut(&ends.key()) {
            Some(met) if met.host.is_none() => {
                met.host = Some(host);
                self.by_host.insert(host, met.number);
                met.number
            }
            _ => host,
        }
    }

    /// The number of a stream that has been met; `None` when it has not.
    pub fn find(&self, host: Option<u32>, ends: Ends<'_>) -> Option<u32> {
        match host {
            Some(host) => Some(self.by_host.get(&host).copied().unwrap_or(host)),
            None => self.by_ends.get(&ends.key()).map(|met| met.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Ends<'_> = Ends { first: (&[10, 0, 0, 2], 40_001), second: (&[10, 0, 0, 3], 8080) };

    #[test]
    fn a_stream_of_the_hosts_has_the_hosts_number() {
        let mut streams = Streams::default();
        assert_eq!(streams.meet(Some(7), ENDS), 7);
        assert_eq!(streams.find(Some(7), ENDS), Some(7));
        assert_eq!(streams.find(None, ENDS), None);
    }

    #[test]
    fn a_stream_keeps_its_number_when_the_host_begins_to_count_it() {
        let mut streams = Streams::default();
        let number = streams.meet(None, ENDS);
        assert_ne!(number, 0);
        assert_eq!(streams.meet(None, ENDS), number);
        assert_eq!(streams.meet(Some(0), ENDS), number);
        assert_eq!((streams.find(Some(0), ENDS), streams.find(None, ENDS)), (Some(number), Some(number)));
        // Another conversation of the same ends is another stream.
        assert_eq!(streams.meet(Some(1), ENDS), 1);
        assert_eq!(streams.meet(Some(0), ENDS), number);
    }

    #[test]
    fn other_ends_are_another_stream() {
        let mut streams = Streams::default();
        let number = streams.meet(None, ENDS);
        for other in [
            Ends { first: (ENDS.first.0, 40_002), ..ENDS },
            Ends { second: (ENDS.second.0, 80), ..ENDS },
            Ends { first: (&[10, 0, 0, 4], 40_001), ..ENDS },
            Ends { first: (&[], 0), second: (&[], 0) },
        ] {
            assert_ne!(streams.meet(None, other), number);
            assert_eq!(streams.meet(None, ENDS), number);
        }
        assert_eq!(streams.meet(Some(3), Ends { second: (ENDS.second.0, 443), ..ENDS }), 3);
    }
}
