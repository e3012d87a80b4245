// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user may set for MMTLS.

use super::fields::TABLE;
use crate::config::Config;
use crate::kernel::rows::{PrefType, Preference, rows};
use crate::wechat::settings::Shared;

rows! {
    /// Names of the preferences.
    P, PREFERENCES: Preference, of (TABLE) {
        DESEGMENT = Preference {
            number: 1,
            ..Preference::new(PrefType::Boolean, c"desegment", c"Reassemble records that span TCP segments",
                c"To use this, TCP itself must allow subdissectors to reassemble")
        };
        TRY_ANY_PORT = Preference::new(PrefType::Boolean, c"try_any_port", c"Look for MMTLS on any port",
            c"Claims a stream only when it begins with a hello, or with a chain of records");
        KEYLOG_FILE = Preference::new(PrefType::File, c"keylog_file", c"Key log",
            c"Absolute path of a file whose lines give keys of records or secrets of sessions; docs/keys.md has the formats");
    }
}

/// What is set for MMTLS, and for all.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is set for all protocols.
    pub shared: Shared,
    /// Whether records may be collected over several segments.
    pub desegment: bool,
    /// Whether a stream on any port may be claimed.
    pub try_any_port: bool,
}

impl Settings {
    /// What the user has set.
    pub fn of(config: &Config, shared: Shared) -> Self {
        let number = |preference| config.number(PREFERENCES, preference);
        Self { shared, desegment: number(P::DESEGMENT) != 0, try_any_port: number(P::TRY_ANY_PORT) != 0 }
    }
}
