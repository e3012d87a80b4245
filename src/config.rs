// SPDX-License-Identifier: GPL-2.0-or-later
//! What the user may set: preferences, and the table of operations of their own.

use std::ops::RangeInclusive;

use crate::long_link::fields::{DEFAULT_LIMIT, P, PREFERENCES};
use crate::long_link::frame::HEADER_LEN;
use crate::wechat::operation::{self, ANSWER, Kind, Meaning, Role, Sender};

/// Largest value of the preference `max_frame`: what one reassembly may be asked to hold.
const LARGEST_LIMIT: u32 = 64 << 20;

/// Which side is the server, where the operation does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerSide {
    Listed,
    Lower,
    Higher,
    Nobody,
}

/// An operation of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UserOperation {
    number: u32,
    name: String,
    role: Option<Role>,
}

/// Everything that is set from outside; a capture's handle takes a copy.
#[derive(Clone, Debug)]
pub struct Config {
    ports: Vec<RangeInclusive<u16>>,
    /// Whether frames may be collected over several segments.
    pub desegment: bool,
    /// The largest frame accepted, in bytes.
    pub limit: u32,
    /// Whether a stream on any port may be claimed.
    pub try_any_port: bool,
    server_side: ServerSide,
    /// Whether account numbers and cookies are shown.
    pub show_account: bool,
    operations: Vec<UserOperation>,
}

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            ports: Vec::new(),
            desegment: true,
            limit: DEFAULT_LIMIT,
            try_any_port: false,
            server_side: ServerSide::Listed,
            show_account: false,
            operations: Vec::new(),
        };
        for (id, row) in (0..).zip(PREFERENCES) {
            config.set_number(id, row.number);
            config.set_ports(id, row.ports.to_str().unwrap_or_default());
        }
        config
    }
}

impl Config {
    /// Sets a yes/no, a number or a choice; other preferences are left alone.
    pub fn set_number(&mut self, preference: u16, value: u32) {
        match preference {
            P::DESEGMENT => self.desegment = value != 0,
            P::MAX_FRAME => self.limit = value.clamp(HEADER_LEN as u32, LARGEST_LIMIT),
            P::TRY_ANY_PORT => self.try_any_port = value != 0,
            P::SERVER_SIDE => {
                self.server_side = match value {
                    0 => ServerSide::Listed,
                    1 => ServerSide::Lower,
                    2 => ServerSide::Higher,
                    _ => ServerSide::Nobody,
                }
            }
            P::SHOW_ACCOUNT => self.show_account = value != 0,
            _ => {}
        }
    }

    /// Sets the ports from a range such as `80,8080-8090`; parts that are no ports are left out.
    pub fn set_ports(&mut self, preference: u16, range: &str) {
        if preference == P::TCP_PORTS {
            self.ports = range.split(',').filter_map(ports).collect();
        }
    }

    /// Adds a row to the user's table of operations; the error is a sentence for the user.
    pub fn add_operation(&mut self, cells: [&str; 3]) -> Result<(), String> {
        // The row above speaks first, so that the user can put an exception before a rule.
        self.operations.push(user_operation(cells)?);
        Ok(())
    }

    /// Checks a row of the user's table; the error is a sentence for the user.
    pub fn check_operation(cells: [&str; 3]) -> Result<(), String> {
        user_operation(cells).map(|_| ())
    }

    /// The user's name for a frame.
    pub fn operation_name(&self, meaning: Meaning) -> Option<&str> {
        let fits = |row: &&UserOperation| {
            row.number == meaning.base && row.role.is_none_or(|role| meaning.kind.is(role))
        };
        // A row made for this role is meant more than a row for any.
        let rows = || self.operations.iter().filter(fits);
        rows().find(|row| row.role.is_some()).or_else(|| rows().next()).map(|row| row.name.as_str())
    }

    /// Whether a table lists the operation of a frame: ours or the user's.
    pub fn lists(&self, meaning: Meaning) -> bool {
        !operation::rows(meaning.base).is_empty() || self.operation_name(meaning).is_some()
    }

    /// The kind of frame by the user's table: a row's role says what an operation is that `op` is, or
    /// answers.
    pub fn kind(&self, meaning: Meaning, op: u32) -> Kind {
        let Meaning { kind, sender, base } = meaning;
        let role = self.operations.iter().filter(|row| row.number == base).find_map(|row| row.role);
        let from_server = sender == Some(Sender::Server);
        match (kind, role) {
            (Kind::PushAck | Kind::Push, _) | (_, None) => kind,
            (_, Some(Role::Heartbeat)) if from_server => Kind::HeartbeatResponse,
            (_, Some(Role::Heartbeat)) => Kind::HeartbeatRequest,
            // An answer to it is one all the same.
            _ if op != base => kind,
            (_, Some(Role::OneWay)) => Kind::OneWay,
            (_, Some(Role::Push)) if from_server => Kind::Push,
            (Kind::Unknown, Some(Role::Request)) => Kind::Request,
            _ => kind,
        }
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

/// Longest name of an operation, in characters.
const LONGEST_NAME: usize = 64;

fn user_operation([number, name, role]: [&str; 3]) -> Result<UserOperation, String> {
    let digits = number.trim();
    let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        // `from_str_radix` takes a sign, a number on the wire has none.
        Some(hex) if !hex.starts_with('+') => u32::from_str_radix(hex, 16).ok(),
        None if !digits.starts_with('+') => digits.parse().ok(),
        _ => None,
    };
    let Some(number) = parsed else {
        return Err(format!(
            "\"{}\" is no operation number: decimal, or 0x and hexadecimal",
            digits.escape_debug()
        ));
    };
    if number >= ANSWER && operation::rows(number).is_empty() {
        return Err(format!(
            "{number} is the number of an answer: name its request, {}",
            operation::base(number)
        ));
    }
    let name = name.trim();
    if name.is_empty() {
        return Err(format!("operation {number} needs a name"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(format!("the name of operation {number} is longer than {LONGEST_NAME} characters"));
    }
    if let Some(odd) = name.chars().find(|c| !c.is_alphanumeric() && !" ._-/".contains(*c)) {
        return Err(format!("the name of operation {number} holds \"{}\"", odd.escape_debug()));
    }
    let role = match role.trim() {
        "" => None,
        "request" => Some(Role::Request),
        "push" => Some(Role::Push),
        "one-way" => Some(Role::OneWay),
        "heartbeat" => Some(Role::Heartbeat),
        other => {
            let other = other.escape_debug();
            return Err(format!("\"{other}\" is no role: request, push, one-way, heartbeat, or nothing"));
        }
    };
    Ok(UserOperation { number, name: name.to_owned(), role })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::operation::classify;

    #[test]
    fn the_server_is_the_listed_port() {
        let config = Config::default();
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
        let mut config = Config::default();
        config.set_number(P::SERVER_SIDE, 1);
        assert_eq!(config.sender(1024, 8080, 0), Some(Sender::Server));
        config.set_number(P::SERVER_SIDE, 2);
        assert_eq!(config.sender(1024, 8080, 0), Some(Sender::Client));
        config.set_number(P::SERVER_SIDE, 3);
        assert_eq!(config.sender(1024, 8080, 0), None);
    }

    #[test]
    fn a_range_of_ports_is_read_and_may_be_empty() {
        let mut config = Config::default();
        config.set_ports(P::TCP_PORTS, "14000-14010, 80");
        assert_eq!(config.sender(14005, 81, 0), Some(Sender::Server));
        config.set_ports(P::TCP_PORTS, "");
        assert_eq!(config.sender(14005, 81, 0), Some(Sender::Client));
    }

    #[test]
    fn a_users_row_renames_by_role() {
        let mut config = Config::default();
        config.add_operation(["237", "my send", ""]).unwrap();
        config.add_operation(["0x1267", "my own", "one-way"]).unwrap();
        let send = classify(237, 4, 10, Some(Sender::Client));
        assert_eq!(config.operation_name(send), Some("my send"));
        let own = classify(4711, 4, 10, Some(Sender::Client));
        assert_eq!(config.kind(own, 4711), Kind::OneWay);
        let answer = classify(1_000_004_711, 4, 10, None);
        assert_eq!(config.kind(answer, 1_000_004_711), Kind::Response);
        config.add_operation(["237", "again", ""]).unwrap();
        assert_eq!(config.operation_name(send), Some("my send"));
        config.add_operation(["4712", "pushed", ""]).unwrap();
        config.add_operation(["4712", "pushed too", "push"]).unwrap();
        let pushed = classify(4712, 4, 10, Some(Sender::Server));
        assert_eq!(config.kind(pushed, 4712), Kind::Push);
        config.add_operation(["1000000190", "my ack", ""]).unwrap();
    }
}
