// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user may set for all protocols.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::fields::TABLE;
use super::messages::Messages;
use super::operation::Sender;
use super::secret::{Key, Rule};
use crate::config::Config;
use crate::kernel::rows::{Part, PrefType, Preference, rows};

rows! {
    /// Names of the preferences.
    P, PREFERENCES: Preference, of (TABLE) {
        TCP_PORTS = Preference {
            ports: c"80,8080,443",
            ..Preference::new(PrefType::Ports, c"tcp.port", c"TCP ports",
                c"Server ports of the long link; an empty range frees them all")
        };
        SERVER_SIDE = Preference {
            parts: &[
                Part::new(c"listed", c"By the list of ports, else by who connected"),
                Part::new(c"lower", c"The side with the lower port"),
                Part::new(c"higher", c"The side with the higher port"),
                Part::new(c"none", c"Neither: only the operation tells"),
            ],
            ..Preference::new(PrefType::Choice, c"server_side", c"Which side is the server",
                c"Tells the direction of a frame whose operation does not tell it")
        };
        SHOW_ACCOUNT = Preference::new(PrefType::Boolean, c"show_account", c"Show account numbers and cookies",
            c"They name a person; off, the tree says where they lie and nothing more");
        HASH_KEY = Preference::new(PrefType::Text, c"hash_key", c"Key of the hashes that stand for secrets",
            c"With the same key the hashes of several runs compare; empty, each run has a key of its own. Whoever knows it can find out account numbers by trying");
        MESSAGES = Preference {
            check: |cells| Messages::of(cells).map(|_| ()),
            parts: &[
                Part::new(c"Cgi type", c"Number of the call in the business header, decimal or 0x..."),
                Part::new(c"Request", c"Full name of its message type in a .proto file, such as pkg.NewSyncRequest"),
                Part::new(c"Answer", c"The same of the answer"),
            ],
            ..Preference::new(PrefType::Table, c"messages", c"Messages",
                c"Tells the protobuf dissector what opened messages are; of two rows for one call the last counts")
        };
    }
}

/// Which side is the server, where the operation does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerSide {
    Listed,
    Lower,
    Higher,
    Nobody,
}

/// What is set for all protocols.
#[derive(Clone, Debug)]
pub struct Shared {
    ports: Vec<RangeInclusive<u16>>,
    server_side: ServerSide,
    /// Whether account numbers and cookies are shown.
    pub show_account: bool,
    /// What secrets are hashed with.
    pub key: Key,
    messages: Vec<Messages>,
}

impl Default for Shared {
    fn default() -> Self {
        Self::of(&Config::default())
    }
}

impl Shared {
    /// What the user has set. Parts of a range that are no ports are left out.
    pub fn of(config: &Config) -> Self {
        Self {
            ports: config.ports(PREFERENCES, P::TCP_PORTS).split(',').filter_map(ports).collect(),
            server_side: match config.number(PREFERENCES, P::SERVER_SIDE) {
                0 => ServerSide::Listed,
                1 => ServerSide::Lower,
                2 => ServerSide::Higher,
                _ => ServerSide::Nobody,
            },
            show_account: config.number(PREFERENCES, P::SHOW_ACCOUNT) != 0,
            key: Key::of(config.text(P::HASH_KEY)),
            messages: config.rows(P::MESSAGES).filter_map(|cells| Messages::of(cells).ok()).collect(),
        }
    }

    /// The message type that the user gives to a call's request or answer.
    pub fn message_type(&self, cgi: u32, from_server: bool) -> Option<&str> {
        self.messages.iter().rev().find_map(|row| row.message_type(cgi, from_server))
    }

    /// The words that are shown of a value: see [`Key::shown`].
    pub fn shown<'a>(&self, rule: Rule, name: &str, value: &'a str) -> Cow<'a, str> {
        self.key.shown(rule, name, value, self.show_account)
    }

    /// Who sent a segment, by its ports and the one that was connected to, 0 when nobody knows.
    pub fn sender(&self, src_port: u16, dst_port: u16, server_port: u16) -> Option<Sender> {
        let listed = |port: u16| self.ports.iter().any(|range| range.contains(&port));
        let connected = |port: u16| port == server_port;
        let lower = src_port.cmp(&dst_port).reverse();
        let order = match self.server_side {
            ServerSide::Listed => listed(src_port)
                .cmp(&listed(dst_port))
                .then(connected(src_port).cmp(&connected(dst_port)))
                .then(lower),
            ServerSide::Lower => lower,
            ServerSide::Higher => lower.reverse(),
            ServerSide::Nobody => return None,
        };
        match order {
            std::cmp::Ordering::Greater => Some(Sender::Server),
            std::cmp::Ordering::Less => Some(Sender::Client),
            std::cmp::Ordering::Equal => None,
        }
    }
}

fn ports(part: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = part.split_once('-').unwrap_or((part, part));
    Some(low.trim().parse().ok()?..=high.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_the_listed_port() {
        let config = Shared::default();
        assert_eq!(config.sender(8080, 50000, 0), Some(Sender::Server));
        assert_eq!(config.sender(1024, 8080, 0), Some(Sender::Client));
        assert_eq!(config.sender(1024, 1025, 0), Some(Sender::Server));
        assert_eq!(config.sender(443, 443, 0), None);
        // Both listed, or neither: the one that was connected to, where somebody saw that.
        assert_eq!(config.sender(443, 8080, 8080), Some(Sender::Client));
        assert_eq!(config.sender(1025, 1024, 1025), Some(Sender::Server));
        assert_eq!(config.sender(1024, 8080, 1024), Some(Sender::Client));
    }

    #[test]
    fn the_other_rules_go_by_number_or_not_at_all() {
        let by = |rule| {
            let mut config = Config::default();
            config.set_number(P::SERVER_SIDE, rule);
            Shared::of(&config)
        };
        let config = by(1);
        assert_eq!(config.sender(1024, 8080, 0), Some(Sender::Server));
        let config = by(2);
        assert_eq!(config.sender(1024, 8080, 0), Some(Sender::Client));
        let config = by(3);
        assert_eq!(config.sender(1024, 8080, 0), None);
    }

    #[test]
    fn a_key_given_makes_the_words_of_a_secret_and_is_nowhere() {
        let mut config = Config::default();
        config.set_text(P::HASH_KEY, "abcxyz");
        let shared = Shared::of(&config);
        let words = |of: &Shared| of.shown(Rule::Secret, "uin", "3123456789").into_owned();
        // The first 16 digits of HMAC-SHA256, as Python's `hmac` says.
        assert_eq!(words(&shared), "#9aa00ee536893111");
        assert_ne!(words(&Shared::default()), words(&shared));
        assert_eq!(words(&Shared::default()), words(&Shared::of(&Config::default())));
        let told = format!("{config:?} {shared:?}");
        assert!(!told.contains("abcxyz"), "{told}");
    }

    #[test]
    fn a_range_of_ports_is_read_and_may_be_empty() {
        let with = |ports| {
            let mut config = Config::default();
            config.set_ports(P::TCP_PORTS, ports);
            Shared::of(&config)
        };
        let config = with("14000-14010, 80");
        assert_eq!(config.sender(14005, 81, 0), Some(Sender::Server));
        let config = with("");
        assert_eq!(config.sender(14005, 81, 0), Some(Sender::Client));
    }
}
