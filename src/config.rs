// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user has set, by the numbers of the preferences' rows. What it means is their protocol's to know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::kernel::rows::{Preference, row_of};

/// A number that a user has typed, decimal or `0x` and hexadecimal, without a sign.
pub fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // `from_str_radix` takes a sign, a number on the wire has none.
        Some(hex) if !hex.starts_with('+') => u32::from_str_radix(hex, 16).ok(),
        None if !text.starts_with('+') => text.parse().ok(),
        _ => None,
    }
}

/// What is set of one preference.
#[derive(Clone, PartialEq, Eq)]
enum Setting {
    Number(u32),
    Ports(String),
    Text(String),
    Rows(Vec<Vec<String>>),
}

/// What is set; a preference that is not has its row's default.
#[derive(Clone, Default)]
pub struct Config {
    settings: BTreeMap<u16, Setting>,
    /// Protocols that are left out, by the numbers of their tables.
    disabled: BTreeSet<u16>,
}

/// What is set, and not to what: a text may be a key.
impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.settings.keys()).finish()
    }
}

impl Config {
    /// Sets a yes/no, a number or a choice.
    pub fn set_number(&mut self, preference: u16, value: u32) {
        self.settings.insert(preference, Setting::Number(value));
    }

    /// Sets ports, as a range such as `80,8080-8090`.
    pub fn set_ports(&mut self, preference: u16, range: &str) {
        self.settings.insert(preference, Setting::Ports(range.to_owned()));
    }

    /// Sets a text.
    pub fn set_text(&mut self, preference: u16, text: &str) {
        self.settings.insert(preference, Setting::Text(text.to_owned()));
    }

    /// Adds a row to a table.
    pub fn add_row(&mut self, preference: u16, cells: &[&str]) {
        let row = cells.iter().map(|cell| (*cell).to_owned()).collect();
        match self.settings.get_mut(&preference) {
            Some(Setting::Rows(rows)) => rows.push(row),
            _ => drop(self.settings.insert(preference, Setting::Rows(vec![row]))),
        }
    }

    /// Leaves a protocol out.
    pub fn disable(&mut self, protocol: u16) {
        self.disabled.insert(protocol);
    }

    /// Whether a protocol is left out.
    pub fn is_disabled(&self, protocol: u16) -> bool {
        self.disabled.contains(&protocol)
    }

    /// A yes/no, a number or a choice of the table `of`.
    pub fn number(&self, of: &[Preference], preference: u16) -> u32 {
        match self.settings.get(&preference) {
            Some(Setting::Number(value)) => *value,
            _ => of.get(row_of(preference)).map_or(0, |row| row.number),
        }
    }

    /// Ports of the table `of`.
    pub fn ports<'a>(&'a self, of: &'a [Preference], preference: u16) -> &'a str {
        match self.settings.get(&preference) {
            Some(Setting::Ports(range)) => range,
            _ => of.get(row_of(preference)).map_or("", |row| row.ports.to_str().unwrap_or_default()),
        }
    }

    /// A text, empty where none is set.
    pub fn text(&self, preference: u16) -> &str {
        match self.settings.get(&preference) {
            Some(Setting::Text(text)) => text,
            _ => "",
        }
    }

    /// The rows of a table.
    pub fn rows(&self, preference: u16) -> impl Iterator<Item = &[String]> {
        let rows = match self.settings.get(&preference) {
            Some(Setting::Rows(rows)) => rows.as_slice(),
            _ => &[],
        };
        rows.iter().map(Vec::as_slice)
    }
}
