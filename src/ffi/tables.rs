// SPDX-License-Identifier: GPL-2.0-or-later
//! What there is to register.

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::ptr;

use libc::size_t;
use once_cell::sync::Lazy;

use super::common::guard;
use crate::http::MEDIA_TYPES;
use crate::kernel::protocol::OfferTable;
use crate::kernel::record::{ValueKind, ValueRow};
use crate::kernel::rows::{self, Base, Field, Group, Note, Part, PrefType, Preference, Severity, Type};
use crate::kernel::tick::Node;
use crate::protocols::{PROTOCOLS, Row};

/// Bits of a field's or a note's number that are the place of its row in a table; those above are the place of the
/// protocol whose table that is.
pub const WECHAT_ROW_BITS: u32 = 12;
/// Most protocols there may be.
pub const WECHAT_MOST_PROTOCOLS: usize = 8;

const _: () = assert!(WECHAT_ROW_BITS == rows::ROW_BITS && WECHAT_MOST_PROTOCOLS == rows::MOST_TABLES);

/// Type of a field's value; what it is called in Wireshark.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_type {
    /// The protocol itself (`FT_PROTOCOL`): a row of this type begins a protocol's fields.
    Protocol,
    /// No value (`FT_NONE`): a subtree or a marker.
    None,
    /// One bit (`FT_BOOLEAN`).
    Boolean,
    /// `FT_UINT8`.
    U8,
    /// `FT_UINT16`.
    U16,
    /// `FT_UINT32`.
    U32,
    /// `FT_UINT64`.
    U64,
    /// `FT_INT32`.
    I32,
    /// `FT_INT64`.
    I64,
    /// Bytes as they are (`FT_BYTES`).
    Bytes,
    /// Text (`FT_STRING`).
    Text,
    /// Zero-padded text (`FT_STRINGZPAD`).
    PaddedText,
    /// `FT_IPv4`.
    Ipv4,
    /// A duration; the value is in nanoseconds (`FT_RELATIVE_TIME`).
    Duration,
    /// A time; the value is in nanoseconds since 1970 (`FT_ABSOLUTE_TIME`, in UTC).
    Time,
    /// Number of a packet in the capture (`FT_FRAMENUM`).
    Packet,
    /// Number of the packet that holds a request.
    RequestPacket,
    /// Number of the packet that holds a response.
    ResponsePacket,
    /// Number of the packet that holds an acknowledgement.
    AckPacket,
}

impl From<Type> for wechat_type {
    fn from(of: Type) -> Self {
        match of {
            Type::Protocol => Self::Protocol,
            Type::None => Self::None,
            Type::Boolean => Self::Boolean,
            Type::U8 => Self::U8,
            Type::U16 => Self::U16,
            Type::U32 => Self::U32,
            Type::U64 => Self::U64,
            Type::I32 => Self::I32,
            Type::I64 => Self::I64,
            Type::Bytes => Self::Bytes,
            Type::Text => Self::Text,
            Type::PaddedText => Self::PaddedText,
            Type::Ipv4 => Self::Ipv4,
            Type::Duration => Self::Duration,
            Type::Time => Self::Time,
            Type::Packet => Self::Packet,
            Type::RequestPacket => Self::RequestPacket,
            Type::ResponsePacket => Self::ResponsePacket,
            Type::AckPacket => Self::AckPacket,
        }
    }
}

/// How a number is written.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_base {
    /// As the type wants it.
    Natural,
    /// Decimal.
    Dec,
    /// Hexadecimal.
    Hex,
    /// Decimal, then hexadecimal in brackets.
    DecHex,
}

impl From<Base> for wechat_base {
    fn from(of: Base) -> Self {
        match of {
            Base::Natural => Self::Natural,
            Base::Dec => Self::Dec,
            Base::Hex => Self::Hex,
            Base::DecHex => Self::DecHex,
        }
    }
}

/// What a note is about; the expert-info group.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_group {
    /// The order of frames.
    Sequence,
    /// The protocol's own rules.
    Protocol,
    /// Bytes that contradict themselves.
    Malformed,
    /// Bytes that are not there.
    Reassemble,
    /// Bytes nobody can read.
    Undecoded,
}

impl From<Group> for wechat_group {
    fn from(of: Group) -> Self {
        match of {
            Group::Sequence => Self::Sequence,
            Group::Protocol => Self::Protocol,
            Group::Malformed => Self::Malformed,
            Group::Reassemble => Self::Reassemble,
            Group::Undecoded => Self::Undecoded,
        }
    }
}

/// How bad a note is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_severity {
    /// Part of the ordinary course.
    Chat,
    /// Worth a look.
    Note,
    /// Unusual.
    Warning,
    /// Wrong.
    Error,
}

impl From<Severity> for wechat_severity {
    fn from(of: Severity) -> Self {
        match of {
            Severity::Chat => Self::Chat,
            Severity::Note => Self::Note,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

/// What a preference holds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_preference_type {
    /// Ports that are registered in the dissector table of the preference's name.
    Ports,
    /// Yes or no.
    Boolean,
    /// A number.
    Number,
    /// One of the values listed.
    Choice,
    /// A table the user fills in (UAT).
    Table,
    /// A text, at first empty.
    Text,
    /// Name of a file that is read, at first empty; it is set as a text.
    File,
}

impl From<PrefType> for wechat_preference_type {
    fn from(of: PrefType) -> Self {
        match of {
            PrefType::Ports => Self::Ports,
            PrefType::Boolean => Self::Boolean,
            PrefType::Number => Self::Number,
            PrefType::Choice => Self::Choice,
            PrefType::Table => Self::Table,
            PrefType::Text => Self::Text,
            PrefType::File => Self::File,
        }
    }
}

/// What a value is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_value_kind {
    /// A number.
    Number,
    /// A number that may be below zero.
    Signed,
    /// Nanoseconds between two packets.
    Duration,
    /// A yes; there is no value where it is none.
    Mark,
    /// A text: where it begins in the record's texts.
    Text,
}

impl From<ValueKind> for wechat_value_kind {
    fn from(of: ValueKind) -> Self {
        match of {
            ValueKind::Number => Self::Number,
            ValueKind::Signed => Self::Signed,
            ValueKind::Duration => Self::Duration,
            ValueKind::Mark => Self::Mark,
            ValueKind::Text => Self::Text,
        }
    }
}

/// A name for a value.
#[repr(C)]
pub struct wechat_value {
    /// The value.
    pub value: u32,
    /// Its name.
    pub name: *const c_char,
}

/// A field: a row to register with the host.
#[repr(C)]
pub struct wechat_field {
    /// Name in display filters.
    pub filter: *const c_char,
    /// Name in the packet tree; of a protocol also the Protocol column.
    pub label: *const c_char,
    /// One sentence of help; of a protocol its long name.
    pub help: *const c_char,
    /// Names of values, `value_count` of them.
    pub values: *const wechat_value,
    /// Number of `values`.
    pub value_count: size_t,
    /// The bits that count of the bytes read; 0 for all.
    pub mask: u64,
    /// Type of the value.
    pub kind: wechat_type,
    /// How a number is written.
    pub base: wechat_base,
    /// Of a masked boolean, the number of bits it is cut from; else 0.
    pub bits: u8,
}

/// A note (expert info): a row to register with the host.
#[repr(C)]
pub struct wechat_note {
    /// Name in display filters.
    pub filter: *const c_char,
    /// What is wrong, without the numbers.
    pub summary: *const c_char,
    /// What it is about.
    pub group: wechat_group,
    /// How bad it is.
    pub severity: wechat_severity,
}

/// A choice of a preference, or a column of its table.
#[repr(C)]
pub struct wechat_part {
    /// Name on the command line; of a column its heading.
    pub name: *const c_char,
    /// Words in the dialog.
    pub help: *const c_char,
    /// What the cells of a column may say, the first where nobody has said anything; none for any text.
    pub choices: *const *const c_char,
    /// Number of `choices`.
    pub choice_count: size_t,
}

/// A preference: a row to register with the host.
#[repr(C)]
pub struct wechat_preference {
    /// Name behind the protocol's and a dot; of a table also part of its file's name.
    pub name: *const c_char,
    /// Title in the dialog.
    pub title: *const c_char,
    /// Help in the dialog.
    pub help: *const c_char,
    /// Default of ports, such as "80,8080"; else empty.
    pub ports: *const c_char,
    /// Choices, or columns of a table, `part_count` of them.
    pub parts: *const wechat_part,
    /// Number of `parts`.
    pub part_count: size_t,
    /// Default of a yes/no, a number or a choice.
    pub number: u32,
    /// What it holds.
    pub kind: wechat_preference_type,
}

/// A node of the tree of counters: a row to create.
#[repr(C)]
pub struct wechat_node {
    /// What is counted; no two nodes share a name.
    pub name: *const c_char,
    /// Name of the node that it is a part of, which stands before it; NULL at the top.
    pub parent: *const c_char,
    /// Ranges into which its values fall, `range_count` of them: `10-19`, the last one `20-`.
    pub ranges: *const *const c_char,
    /// Number of `ranges`.
    pub range_count: size_t,
    /// It and what is part of it are to be created when one of them first changes; the others when anything does.
    pub rare: bool,
}

/// A table in which other dissectors register for bytes of a protocol: to be made.
#[repr(C)]
pub struct wechat_offer {
    /// Its name; keys are numbers of 32 bits.
    pub name: *const c_char,
    /// Its title.
    pub title: *const c_char,
    /// Name of the list of heuristics that are tried where nobody registered; tables may share one.
    pub heuristics: *const c_char,
    /// Name of the host's own dissector that gets what nobody else takes, and the hand-off's words; NULL for none.
    /// Columns are closed to it.
    pub fallback: *const c_char,
    /// Names of the host's own dissectors that a user may choose for a key (Decode As).
    pub choices: *const *const c_char,
    /// Number of `choices`.
    pub choice_count: size_t,
}

/// A table in which a protocol registers itself.
#[repr(C)]
pub struct wechat_join {
    /// Its name.
    pub table: *const c_char,
    /// The key.
    pub key: u32,
}

/// A value of a protocol's records.
#[repr(C)]
pub struct wechat_value_row {
    /// By which it is found.
    pub name: *const c_char,
    /// What it is.
    pub kind: wechat_value_kind,
}

/// Most media types of HTTP's bodies that may be ours.
pub const WECHAT_MOST_MEDIA_TYPES: usize = 16;

const _: () = assert!(MEDIA_TYPES.len() <= WECHAT_MOST_MEDIA_TYPES);

/// A protocol: everything to register of it. A title that is NULL says that there is no such thing.
#[repr(C)]
pub struct wechat_protocol {
    /// Fields; an item names one by the protocol's place and its own. The first is the protocol's own, but of a
    /// protocol whose fields stand under another's name.
    pub fields: *const wechat_field,
    /// Number of `fields`.
    pub field_count: size_t,
    /// Notes; a note item names one as a field is named.
    pub notes: *const wechat_note,
    /// Number of `notes`.
    pub note_count: size_t,
    /// Preferences; the functions of `wechat_config` name one as a field is named.
    pub preferences: *const wechat_preference,
    /// Number of `preferences`.
    pub preference_count: size_t,
    /// Tables to make; a hand-off names one as a field is named.
    pub offers: *const wechat_offer,
    /// Number of `offers`.
    pub offer_count: size_t,
    /// Tables in which to register the protocol's dissector.
    pub joins: *const wechat_join,
    /// Number of `joins`.
    pub join_count: size_t,
    /// Values of its records, each in its place.
    pub values: *const wechat_value_row,
    /// Number of `values`.
    pub value_count: size_t,
    /// Nodes of its tree of counters; a tick names one by its place. The first stands first, however the tree is sorted.
    pub nodes: *const wechat_node,
    /// Number of `nodes`.
    pub node_count: size_t,
    /// Title of the tree of counters: a submenu and, behind a slash, the entry.
    pub tree_title: *const c_char,
    /// Title of its table of response times.
    pub responses_title: *const c_char,
    /// Heading of the names of that table's rows.
    pub responses_column: *const c_char,
    /// How many rows it may have.
    pub response_rows: u32,
    /// Title of its table of delays.
    pub delays_title: *const c_char,
    /// The word that asks for that, behind the protocol's name and a comma.
    pub delays_command: *const c_char,
    /// Its headings: name, how many, and smallest, average and largest delay in seconds.
    pub delay_columns: [*const c_char; 5],
    /// Names of its rows; a sample names one by its place.
    pub delay_rows: *const *const c_char,
    /// Number of `delay_rows`.
    pub delay_row_count: size_t,
    /// Title of its records as lines.
    pub lines_title: *const c_char,
    /// The word that asks for them, behind the protocol's name and a comma.
    pub lines_command: *const c_char,
    /// Title of its flow graph; with one there is a dialogue to follow too.
    pub flow_title: *const c_char,
    /// Titles of its filters for a packet; `wechat_packet_filter` names one by its place.
    pub packet_filters: *const *const c_char,
    /// Number of `packet_filters`.
    pub packet_filter_count: size_t,
    /// The place of the protocol under whose name its words stand: its own, or another's.
    pub under: u16,
    /// Whether it lies in streams, whose bytes it takes apart into PDUs.
    pub on_streams: bool,
    /// Whether it lies in the messages of HTTP. What is on streams too takes no message itself: it hands the bodies on
    /// as streams.
    pub in_http: bool,
    /// Whether the objects of all reports are exported under its name. Of one protocol at most.
    pub exports: bool,
}

/// Everything to register. The rows live as long as the registry.
#[repr(C)]
pub struct wechat_tables {
    /// The protocols. The first lends its fields to the others.
    pub protocols: *const wechat_protocol,
    /// Number of `protocols`, at most `WECHAT_MOST_PROTOCOLS`.
    pub protocol_count: size_t,
    /// Media types of HTTP's bodies that may be ours, `media_type_count` of them.
    pub media_types: *const *const c_char,
    /// Number of `media_types`.
    pub media_type_count: size_t,
}

/// The rows of values, by the numbers of the protocols' tables. Listeners know no registry, and records that name
/// their values outlive it: made once, for as long as the program runs.
struct ValueRows(Vec<Vec<wechat_value_row>>);

// SAFETY: nobody writes to them, and the texts that they point to are constants.
unsafe impl Send for ValueRows {}
// SAFETY: as above.
unsafe impl Sync for ValueRows {}

static VALUE_ROWS: Lazy<ValueRows> = Lazy::new(|| {
    let value = |row: &ValueRow| wechat_value_row { name: row.name.as_ptr(), kind: row.kind.into() };
    ValueRows(PROTOCOLS.iter().map(|row| row.protocol.values.iter().map(value).collect()).collect())
});

/// The rows of the values of a protocol's records.
pub(super) fn value_rows(table: u16) -> &'static [wechat_value_row] {
    VALUE_ROWS.0.get(usize::from(table)).map_or(&[], Vec::as_slice)
}

/// What the tables are made of. Made by `wechat_registry_new`, freed by `wechat_registry_free`, and not before
/// the host has stopped looking at what it registered.
pub struct wechat_registry {
    tables: wechat_tables,
    _rows: Rows,
}

/// Rows for C, kept where they are for as long as the registry lives.
#[derive(Default)]
struct Rows(Vec<Box<dyn Any>>);

impl Rows {
    fn keep<T: 'static>(&mut self, rows: impl Iterator<Item = T>) -> (*const T, size_t) {
        let rows: Box<[T]> = rows.collect();
        let kept = (rows.as_ptr(), rows.len());
        self.0.push(Box::new(rows));
        kept
    }

    fn texts(&mut self, texts: &[&'static CStr]) -> (*const *const c_char, size_t) {
        self.keep(texts.iter().map(|text| text.as_ptr()))
    }

    fn field(&mut self, row: &Field) -> wechat_field {
        let name = |(value, name): &(u32, &CStr)| wechat_value { value: *value, name: name.as_ptr() };
        let (values, value_count) = self.keep(row.values.iter().map(name));
        wechat_field {
            filter: row.filter.as_ptr(),
            label: row.label.as_ptr(),
            help: row.help.as_ptr(),
            values,
            value_count,
            mask: row.mask,
            kind: row.ty.into(),
            base: row.base.into(),
            bits: row.bits,
        }
    }

    fn preference(&mut self, row: &Preference) -> wechat_preference {
        let part = |part: &Part| {
            let (choices, choice_count) = self.texts(part.choices);
            wechat_part { name: part.name.as_ptr(), help: part.help.as_ptr(), choices, choice_count }
        };
        let parts: Vec<_> = row.parts.iter().map(part).collect();
        let (parts, part_count) = self.keep(parts.into_iter());
        wechat_preference {
            name: row.name.as_ptr(),
            title: row.title.as_ptr(),
            help: row.help.as_ptr(),
            ports: row.ports.as_ptr(),
            parts,
            part_count,
            number: row.number,
            kind: row.ty.into(),
        }
    }

    fn node(&mut self, nodes: &[Node], row: &Node) -> wechat_node {
        let (ranges, range_count) = self.texts(row.ranges);
        let parent = row.parent.and_then(|parent| nodes.get(usize::from(parent)));
        let parent = parent.map_or(ptr::null(), |parent| parent.name.as_ptr());
        wechat_node { name: row.name.as_ptr(), parent, ranges, range_count, rare: row.rare }
    }

    fn protocol(&mut self, row: &Row) -> wechat_protocol {
        let of = row.protocol;
        let note = |row: &Note| wechat_note {
            filter: row.filter.as_ptr(),
            summary: row.summary.as_ptr(),
            group: row.group.into(),
            severity: row.severity.into(),
        };
        let words = |words: Option<&CStr>| words.map_or(ptr::null(), CStr::as_ptr);
        let mut offer = |row: &OfferTable| {
            let (choices, choice_count) = self.texts(row.choices);
            wechat_offer {
                name: row.name.as_ptr(),
                title: row.title.as_ptr(),
                heuristics: row.heuristics.as_ptr(),
                fallback: words(row.fallback),
                choices,
                choice_count,
            }
        };
        let offers: Vec<_> = of.offers.iter().map(&mut offer).collect();
        let join = |(table, key): &(&CStr, u32)| wechat_join { table: table.as_ptr(), key: *key };
        let fields: Vec<_> = of.fields.iter().map(|row| self.field(row)).collect();
        let preferences: Vec<_> = of.preferences.iter().map(|row| self.preference(row)).collect();
        let tree = of.tree.map_or(&[][..], |tree| tree.nodes);
        let nodes: Vec<_> = tree.iter().map(|row| self.node(tree, row)).collect();
        let (fields, field_count) = self.keep(fields.into_iter());
        let (notes, note_count) = self.keep(of.notes.iter().map(note));
        let (preferences, preference_count) = self.keep(preferences.into_iter());
        let (offers, offer_count) = self.keep(offers.into_iter());
        let (joins, join_count) = self.keep(row.joins.iter().map(join));
        let values = value_rows(of.table);
        let (nodes, node_count) = self.keep(nodes.into_iter());
        let (delay_rows, delay_row_count) = self.texts(of.delays.map_or(&[], |table| table.rows));
        let (packet_filters, packet_filter_count) = self.texts(of.packet_filters);
        wechat_protocol {
            fields,
            field_count,
            notes,
            note_count,
            preferences,
            preference_count,
            offers,
            offer_count,
            joins,
            join_count,
            values: values.as_ptr(),
            value_count: values.len(),
            nodes,
            node_count,
            tree_title: words(of.tree.map(|tree| tree.title)),
            responses_title: words(of.response_times.map(|times| times.title)),
            responses_column: words(of.response_times.map(|times| times.column)),
            response_rows: of.response_times.map_or(0, |times| times.rows),
            delays_title: words(of.delays.map(|table| table.title)),
            delays_command: words(of.delays.map(|table| table.command)),
            delay_columns: of.delays.map_or([ptr::null(); 5], |table| table.columns.map(CStr::as_ptr)),
            delay_rows,
            delay_row_count,
            lines_title: words(of.lines.map(|lines| lines.title)),
            lines_command: words(of.lines.map(|lines| lines.command)),
            flow_title: words(of.dialogue.map(|dialogue| dialogue.flow_title)),
            packet_filters,
            packet_filter_count,
            under: of.under,
            on_streams: of.on_streams,
            in_http: of.in_http,
            exports: of.exports,
        }
    }
}

/// All rows for C: their pointers are to buffers of the registry's own, and to static texts.
fn registry() -> wechat_registry {
    let mut rows = Rows::default();
    let protocols: Vec<_> = PROTOCOLS.iter().map(|row| rows.protocol(row)).collect();
    let (protocols, protocol_count) = rows.keep(protocols.into_iter());
    let (media_types, media_type_count) = rows.texts(MEDIA_TYPES);
    let tables = wechat_tables { protocols, protocol_count, media_types, media_type_count };
    wechat_registry { tables, _rows: rows }
}

/// All that there is to register. Free it with `wechat_registry_free`. NULL when the library failed.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_registry_new() -> Option<Box<wechat_registry>> {
    guard(None, || Some(Box::new(registry())))
}

/// Frees a registry, and with it its tables; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_registry_free(registry: Option<Box<wechat_registry>>) {
    guard((), || drop(registry));
}

/// What to register with the host; it lives as long as the registry. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_tables_get(registry: Option<&wechat_registry>) -> *const wechat_tables {
    registry.map_or(ptr::null(), |registry| &raw const registry.tables)
}
