// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user may set for the long link: preferences, and the table of operations of their own.

use std::ffi::CStr;

use super::fields::TABLE;
use super::frame::HEADER_LEN;
use crate::config::{self, Config};
use crate::kernel::rows::{Part, PrefType, Preference, rows};
use crate::wechat::operation::{self as operations, ANSWER, Kind, Meaning, Role, Sender};
use crate::wechat::settings::Shared;

/// Largest frame accepted by default: the client's own limit.
pub const DEFAULT_LIMIT: u32 = 1 << 20;

/// Largest value of the preference `max_frame`: what one reassembly may be asked to hold.
const LARGEST_LIMIT: u32 = 64 << 20;

rows! {
    /// Names of the preferences.
    P, PREFERENCES: Preference, of (TABLE) {
        DESEGMENT = Preference {
            number: 1,
            ..Preference::new(PrefType::Boolean, c"desegment", c"Reassemble frames that span TCP segments",
                c"To use this, TCP itself must allow subdissectors to reassemble")
        };
        MAX_FRAME = Preference {
            number: DEFAULT_LIMIT,
            ..Preference::new(PrefType::Number, c"max_frame", c"Largest frame accepted (bytes)",
                c"A frame that claims more is an error, and the dissector looks for the next one")
        };
        TRY_ANY_PORT = Preference::new(PrefType::Boolean, c"try_any_port", c"Look for the long link on any port",
            c"Claims a stream only when it begins with a whole frame of a known operation");
        OPERATIONS = Preference {
            check: |cells| operation(cells).map(|_| ()),
            parts: &[
                Part::new(c"Operation", c"Number on the wire, decimal or 0x..., below 1000000000"),
                Part::new(c"Name", c"Letters, digits, space and . _ - /"),
                Part { choices: ROLES, ..Part::new(c"Role", c"Who sends it, and whether it is answered") },
            ],
            ..Preference::new(PrefType::Table, c"operations", c"Operations",
                c"Adds operations, or gives known ones another name; of two rows for one number and role the last counts")
        };
    }
}

/// What a row may say of the role. Files hold these texts: once shipped they stay. An empty one is any too.
const ROLES: &[&CStr] = &[c"any", c"request", c"push", c"one-way", c"heartbeat"];

/// An operation of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UserOperation {
    number: u32,
    name: String,
    role: Option<Role>,
}

/// What is set for the long link, and for all.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is set for all protocols.
    pub shared: Shared,
    /// Whether frames may be collected over several segments.
    pub desegment: bool,
    /// The largest frame accepted, in bytes.
    pub limit: u32,
    /// Whether a stream on any port may be claimed.
    pub try_any_port: bool,
    operations: Vec<UserOperation>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(&Config::default(), Shared::default())
    }
}

impl Settings {
    /// What the user has set. Rows that make no sense are left out.
    pub fn of(config: &Config, shared: Shared) -> Self {
        let number = |preference| config.number(PREFERENCES, preference);
        let operations: Vec<_> =
            config.rows(P::OPERATIONS).filter_map(|cells| operation(cells).ok()).collect();
        Self {
            shared,
            desegment: number(P::DESEGMENT) != 0,
            limit: number(P::MAX_FRAME).clamp(HEADER_LEN as u32, LARGEST_LIMIT),
            try_any_port: number(P::TRY_ANY_PORT) != 0,
            operations,
        }
    }

    /// The rows of the user's table for a frame, of the same role. A row made for this role is meant more than a row
    /// for any.
    fn rows(&self, meaning: Meaning) -> impl DoubleEndedIterator<Item = &UserOperation> {
        let fits = move |row: &&UserOperation| {
            row.number == meaning.base && row.role.is_none_or(|role| meaning.kind.is(role))
        };
        let rows = move || self.operations.iter().filter(fits);
        let role = rows().rfind(|row| row.role.is_some()).and_then(|row| row.role);
        rows().filter(move |row| row.role == role)
    }

    /// The user's name for a frame.
    pub fn operation_name(&self, meaning: Meaning) -> Option<&str> {
        self.rows(meaning).next_back().map(|row| row.name.as_str())
    }

    /// Whether several rows of the user's table name a frame; the last counts.
    pub fn names_twice(&self, meaning: Meaning) -> bool {
        self.rows(meaning).nth(1).is_some()
    }

    /// Whether a table lists the operation of a frame: ours or the user's.
    pub fn lists(&self, meaning: Meaning) -> bool {
        !operations::rows(meaning.base).is_empty() || self.operation_name(meaning).is_some()
    }

    /// The kind of frame by the user's table: a row's role says what an operation is that `op` is, or
    /// answers.
    pub fn kind(&self, meaning: Meaning, op: u32) -> Kind {
        let Meaning { kind, sender, base } = meaning;
        let role = self.operations.iter().rev().filter(|row| row.number == base).find_map(|row| row.role);
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
}

/// Longest name of an operation, in characters.
const LONGEST_NAME: usize = 64;

/// An operation of the user's, from a row of the table; the error is a sentence for the user.
fn operation(cells: &[impl AsRef<str>]) -> Result<UserOperation, String> {
    let [number, name, role] = cells else {
        return Err(String::from("a row has a number, a name and a role"));
    };
    let (number, name, role) = (number.as_ref(), name.as_ref(), role.as_ref());
    let digits = number.trim();
    let Some(number) = config::number(digits) else {
        return Err(format!(
            "\"{}\" is no operation number: decimal, or 0x and hexadecimal",
            digits.escape_debug()
        ));
    };
    if number >= ANSWER && operations::rows(number).is_empty() {
        return Err(format!(
            "{number} is the number of an answer: name its request, {}",
            operations::base(number)
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
        "any" | "" => None,
        "request" => Some(Role::Request),
        "push" => Some(Role::Push),
        "one-way" => Some(Role::OneWay),
        "heartbeat" => Some(Role::Heartbeat),
        other => {
            let other = other.escape_debug();
            return Err(format!("\"{other}\" is no role: request, push, one-way, heartbeat or any"));
        }
    };
    Ok(UserOperation { number, name: name.to_owned(), role })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::operation::classify;

    #[test]
    fn a_users_row_renames_by_role() {
        let mut config = Config::default();
        let add = |config: &mut Config, cells: [&str; 3]| {
            assert_eq!(operation(&cells).map(|_| ()), Ok(()));
            config.add_row(P::OPERATIONS, &cells);
        };
        add(&mut config, ["237", "my send", ""]);
        add(&mut config, ["0x1267", "my own", "one-way"]);
        let send = classify(237, 4, 10, Some(Sender::Client));
        assert_eq!(Settings::of(&config, Shared::default()).operation_name(send), Some("my send"));
        let own = classify(4711, 4, 10, Some(Sender::Client));
        assert_eq!(Settings::of(&config, Shared::default()).kind(own, 4711), Kind::OneWay);
        let answer = classify(1_000_004_711, 4, 10, None);
        assert_eq!(Settings::of(&config, Shared::default()).kind(answer, 1_000_004_711), Kind::Response);
        add(&mut config, ["237", "again", ""]);
        let settings = Settings::of(&config, Shared::default());
        assert_eq!(settings.operation_name(send), Some("again"));
        assert!(settings.names_twice(send) && !settings.names_twice(own));
        add(&mut config, ["237", "request", "request"]);
        assert!(!Settings::of(&config, Shared::default()).names_twice(send));
        add(&mut config, ["4712", "pushed", ""]);
        add(&mut config, ["4712", "pushed too", "push"]);
        let pushed = classify(4712, 4, 10, Some(Sender::Server));
        assert_eq!(Settings::of(&config, Shared::default()).kind(pushed, 4712), Kind::Push);
        add(&mut config, ["1000000190", "my ack", ""]);
    }
}
