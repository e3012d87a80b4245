// SPDX-License-Identifier: GPL-2.0-or-later
//! A PDU as a user sees it, however it came to be shown.

/// What is said of a field, or the words of a note.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(u64),
    Text(String),
}

/// A PDU as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub packet: u32,
    pub protocol: u16,
    /// How many of our protocols it is inside of.
    pub depth: usize,
    /// Its words in the Info column, and its items.
    pub text: String,
    /// Fields and notes by their names, in the order of the tree.
    pub values: Vec<(&'static str, Value)>,
}
