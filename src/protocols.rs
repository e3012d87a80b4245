// SPDX-License-Identifier: GPL-2.0-or-later
//! The protocols: one row each. A new one is its folder and a row here.

use std::cell::RefCell;
use std::ffi::CStr;
use std::rc::Rc;

use crate::config::Config;
use crate::http::Carried;
use crate::kernel::protocol::{OfferTable, Protocol, State};
use crate::kernel::rows::{Field, FieldSet, MOST_TABLES, Note, Preference, row_of, table_of};
use crate::long_link::settings::Settings;
use crate::long_link::{LONG_LINK, LongLink};
use crate::mmtls::{self, MMTLS, Mmtls};
#[cfg(any(test, feature = "nested"))]
use crate::nested;
use crate::short_link::{self, SHORT_LINK, ShortLink};
use crate::web::{self, WEB, Web};
use crate::wechat::SHARED;
use crate::wechat::common::Common;
use crate::wechat::key_log::ring::KeyRing;
use crate::wechat::opening::Bodies;
use crate::wechat::settings::Shared;

/// Makes the states of a capture that begins.
pub type Begin = fn(&Config, &Common) -> Begun;

/// The states of a protocol in one capture, where it lies.
#[derive(Debug, Default)]
pub struct Begun {
    /// In streams.
    pub on_streams: Option<Box<dyn State>>,
    /// In the messages of HTTP.
    pub in_http: Option<Box<dyn Carried>>,
}

impl Begun {
    fn on_streams(state: impl State + 'static) -> Self {
        Self { on_streams: Some(Box::new(state)), in_http: None }
    }

    fn in_http(state: impl Carried + 'static) -> Self {
        Self { on_streams: None, in_http: Some(Box::new(state)) }
    }
}

/// A protocol, and how a capture begins with it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What there is to register.
    pub protocol: &'static Protocol,
    /// Its states in a capture that begins, unless it only lends its words.
    pub begin: Option<Begin>,
    /// Whether bytes begin with the first line of a request of its own, if it lies in the messages of HTTP.
    pub is_request: Option<fn(&[u8]) -> bool>,
    /// Tables that others offer, and the keys for which it takes what is inside of them.
    pub joins: &'static [(&'static CStr, u32)],
}

/// All of them, by the numbers of their tables.
pub static PROTOCOLS: &[Row] = &[
    Row { protocol: &SHARED, begin: None, is_request: None, joins: &[] },
    Row {
        protocol: &LONG_LINK,
        begin: Some(|config, common| {
            let settings = Settings::of(config, common.shared.clone());
            Begun::on_streams(LongLink::new(Rc::new(settings), Bodies::new(common.ring.clone())))
        }),
        is_request: None,
        joins: LONG_LINK_JOINS,
    },
    Row {
        protocol: &WEB,
        begin: Some(|_, common| Begun::in_http(Web::new(common.shared.clone()))),
        is_request: Some(web::is_call),
        joins: &[],
    },
    Row {
        protocol: &MMTLS,
        begin: Some(|config, common| {
            let settings = mmtls::settings::Settings::of(config, common.shared.clone());
            let (streams, messages) = Mmtls::new(settings, common.ring.clone());
            Begun { on_streams: Some(Box::new(streams)), in_http: Some(Box::new(messages)) }
        }),
        is_request: Some(mmtls::http::is_post),
        joins: &[(mmtls::BODIES, 0)],
    },
    Row {
        protocol: &SHORT_LINK,
        begin: Some(|_, common| {
            let bodies = Bodies::new(common.ring.clone());
            let (streams, messages) = ShortLink::new(common.shared.clone(), bodies);
            Begun { on_streams: Some(Box::new(streams)), in_http: Some(Box::new(messages)) }
        }),
        is_request: Some(short_link::http::is_call),
        joins: &[(mmtls::DATA, mmtls::IN_HTTP), (short_link::BODIES, 0)],
    },
    #[cfg(any(test, feature = "nested"))]
    Row {
        protocol: &nested::NESTED,
        begin: Some(|_, _| Begun::on_streams(nested::Nested)),
        is_request: None,
        joins: &[(crate::long_link::BODIES, nested::OPERATION)],
    },
];

/// Where the long link is inside of others.
#[cfg(not(any(test, feature = "nested")))]
const LONG_LINK_JOINS: &[(&CStr, u32)] = &[(mmtls::DATA, mmtls::ON_STREAMS)];
#[cfg(any(test, feature = "nested"))]
const LONG_LINK_JOINS: &[(&CStr, u32)] = &[(nested::INSIDE, 0), (mmtls::DATA, mmtls::ON_STREAMS)];

/// A number names a row of its table, so that the tables must be where their numbers say.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // the compiler runs it
const _: () = {
    assert!(PROTOCOLS.len() <= MOST_TABLES);
    let mut place = 0;
    while place < PROTOCOLS.len() {
        assert!(PROTOCOLS[place].protocol.table as usize == place);
        assert!(PROTOCOLS[place].protocol.fields.len() <= FieldSet::MOST_ROWS);
        // What is inside of others comes as segments.
        assert!(PROTOCOLS[place].joins.is_empty() || PROTOCOLS[place].protocol.on_streams);
        assert!(PROTOCOLS[place].protocol.in_http == PROTOCOLS[place].is_request.is_some());
        place += 1;
    }
};

/// The protocol that takes what is inside of another, by the table that this offers.
pub fn joined(table: &CStr, key: u32) -> Option<u16> {
    let joins = |row: &Row| row.joins.iter().any(|(name, one)| *name == table && *one == key);
    PROTOCOLS.iter().find(|row| joins(row)).map(|row| row.protocol.table)
}

/// Whether a protocol of ours takes what is inside of another.
pub fn holds(protocol: &Protocol) -> bool {
    let joins =
        |row: &Row| row.joins.iter().any(|(name, _)| protocol.offers.iter().any(|table| table.name == *name));
    PROTOCOLS.iter().any(joins)
}

/// What all protocols of a capture that begins have together.
pub fn common(config: &Config) -> Common {
    let ring = KeyRing::new(config.text(mmtls::settings::P::KEYLOG_FILE));
    Common { shared: Shared::of(config), ring: Rc::new(RefCell::new(ring)) }
}

/// The states of all protocols in a capture that begins, by the numbers of their tables.
pub fn begin(config: &Config, common: &Common) -> impl Iterator<Item = Begun> {
    let begin = |row: &Row| row.begin.filter(|_| !config.is_disabled(row.protocol.table));
    PROTOCOLS.iter().map(move |row| begin(row).map_or_else(Begun::default, |begin| begin(config, common)))
}

/// The protocol of a table.
pub fn protocol(table: usize) -> Option<&'static Protocol> {
    PROTOCOLS.get(table).map(|row| row.protocol)
}

/// What the words of the protocol of a table stand under.
pub fn name(table: u16) -> &'static str {
    let own = protocol(table.into()).and_then(|of| protocol(of.under.into())?.fields.first());
    own.and_then(|own| own.filter.to_str().ok()).unwrap_or_default()
}

/// The row of a field.
pub fn field(number: u16) -> Option<&'static Field> {
    protocol(table_of(number))?.fields.get(row_of(number))
}

/// The row of a note.
pub fn note(number: u16) -> Option<&'static Note> {
    protocol(table_of(number))?.notes.get(row_of(number))
}

/// A table that a protocol offers.
pub fn offer(number: u16) -> Option<&'static OfferTable> {
    protocol(table_of(number))?.offers.get(row_of(number))
}

/// The row of a preference.
pub fn preference(number: u16) -> Option<&'static Preference> {
    protocol(table_of(number))?.preferences.get(row_of(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::rows::Severity;
    use std::collections::HashSet;

    /// Of bytes that are no PDU, and of what failed, the words for the Info column say nothing else.
    #[test]
    fn trouble_has_a_brief_for_the_info_column() {
        const SAID: [&str; 4] = [".segment_missing", ".resynchronised", ".out_of_step", ".internal_error"];
        for row in PROTOCOLS.iter().flat_map(|row| row.protocol.notes) {
            let name = row.filter.to_str().unwrap();
            let wants = matches!(row.severity, Severity::Warning | Severity::Error);
            let is_said = SAID.iter().any(|said| name.ends_with(said));
            assert!(
                !wants || row.brief.is_empty() == is_said,
                "{name}: give its row in fields.rs a .brief(…)"
            );
            assert!(row.brief.len() <= 24 && row.brief.is_ascii(), "{name}");
        }
    }

    #[test]
    fn filter_names_are_unique_and_their_protocols_own() {
        let mut seen = HashSet::new();
        for row in PROTOCOLS {
            let own = protocol(row.protocol.under.into()).unwrap().fields[0].filter.to_str().unwrap();
            let fields = row.protocol.fields.iter().map(|row| row.filter);
            for name in fields.chain(row.protocol.notes.iter().map(|row| row.filter)) {
                let text = name.to_str().unwrap();
                assert!(text == own || text.starts_with(&format!("{own}.")), "{text}");
                assert!(seen.insert(text), "{text} twice");
            }
        }
    }

    #[test]
    fn nodes_stand_behind_what_they_are_a_part_of_and_have_a_name_of_their_own() {
        for tree in PROTOCOLS.iter().filter_map(|row| row.protocol.tree) {
            let names: HashSet<_> = tree.nodes.iter().map(|node| node.name).collect();
            assert_eq!(names.len(), tree.nodes.len());
            for (place, node) in tree.nodes.iter().enumerate() {
                assert!(node.parent.is_none_or(|parent| usize::from(parent) < place), "{node:?}");
            }
        }
    }

    /// Shipped names never change: this list only grows.
    #[test]
    fn settled_filter_names_are_there() {
        let settled = [
            "packet_len",
            "head_len",
            "version",
            "op",
            "op.base",
            "op.name",
            "seq",
            "head_extra",
            "body",
            "kind",
            "response_in",
            "response_to",
            "response_time",
            "push.flags",
            "push.len",
            "push.ack_in",
            "push.unknown",
            "ack_to",
        ];
        for name in settled {
            let filter = format!("wechat.{name}");
            let mut fields = PROTOCOLS.iter().flat_map(|row| row.protocol.fields);
            assert!(fields.any(|row| row.filter.to_str() == Ok(&filter)), "{filter}");
        }
    }

    #[test]
    fn a_number_names_its_row() {
        use crate::{long_link, web, wechat};
        let filter = |number| field(number).map(|row| row.filter);
        assert_eq!(filter(long_link::fields::F::CONTINUATION), Some(c"wechat.continuation"));
        assert_eq!(filter(wechat::fields::S::UNDECODED), Some(c"wechat.undecoded"));
        assert_eq!(filter(web::fields::W::SENT_ID), Some(c"wechat_web.send.id"));
        assert_eq!(
            note(web::fields::WN::WEB_FAILED).map(|row| row.filter),
            Some(c"wechat_web.internal_error")
        );
        let operations = preference(long_link::settings::P::OPERATIONS);
        assert_eq!(operations.map(|row| row.name), Some(c"operations"));
        assert_eq!((filter(0xffff), filter(0x0fff)), (None, None));
    }
}
