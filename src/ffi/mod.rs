// SPDX-License-Identifier: GPL-2.0-or-later
//! The C ABI: every `repr(C)` type, every `extern "C"` function, and the one panic guard.
//!
//! The generated header is the manual; what a C programmer must know stands in the docs here.
#![allow(non_camel_case_types, unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libc::size_t;
#[cfg(not(miri))]
use libc::strnlen;

use crate::claim::Offer;
use crate::config::Config;
use crate::kernel::line::{self as lines, Format, Frame};
use crate::kernel::report::{Item, Wanted};
use crate::long_link::fields::{
    self, Base, F, FIELDS, FieldSet, Group, NOTES, Note, PREFERENCES, PrefType, Severity, Type,
};
use crate::long_link::framing::More;
use crate::long_link::navigation::{self, PACKET_FILTERS, Packet};
use crate::long_link::record::{self, Record};
use crate::long_link::statistics::{
    self, NODES, Node, SYNC_COLUMNS, SYNC_ROWS, Sample, Tick, WECHAT_MOST_SAMPLES, WECHAT_MOST_TICKS,
};
use crate::long_link::{Dissector, Segment, Step};
use crate::web::fields::{MEDIA_TYPES, W, WEB_FIELDS, WEB_NOTES};
use crate::web::statistics::{self as web_statistics, WEB_NODES, WebRecord};
use crate::web::{self, Bytes, Web};

/// Version of this interface. It changes whenever a layout or a meaning does.
pub const WECHAT_ABI_VERSION: u32 = 6;

/// Bit of `wechat_segment.flags`: the packet has never been dissected before. State changes only then.
pub const WECHAT_FIRST_VISIT: u32 = 1;
/// Bit of `wechat_segment.flags`: the carrier can wait for more bytes.
pub const WECHAT_MORE: u32 = 1 << 1;
/// Bit of `wechat_segment.flags`: `position` counts the bytes of the stream (TCP sequence numbers).
pub const WECHAT_COUNTED: u32 = 1 << 2;
/// Bit of `wechat_segment.flags`: the sender is the second of the stream's two ends. Which one is
/// called second does not matter, as long as it stays the same.
pub const WECHAT_SIDE: u32 = 1 << 3;
/// Bit of `wechat_segment.flags`: `stream` is set. Without it nothing can be remembered.
pub const WECHAT_STREAM: u32 = 1 << 4;
/// Bit of `wechat_segment.flags`: the capture holds the beginning of the stream.
pub const WECHAT_BEGAN: u32 = 1 << 5;
/// Bit of `wechat_segment.flags`: no port of the stream was given to WeChat.
pub const WECHAT_ANY_PORT: u32 = 1 << 6;

/// Bit of `wechat_segment.wanted`: the words for the Info column.
pub const WECHAT_WANT_INFO: u32 = 1;
/// Bit of `wechat_segment.wanted`: the items.
pub const WECHAT_WANT_ITEMS: u32 = 1 << 1;
/// Bit of `wechat_segment.wanted`: the items' texts.
pub const WECHAT_WANT_LABELS: u32 = 1 << 2;
/// Bit of `wechat_segment.wanted`: the record for taps.
pub const WECHAT_WANT_RECORD: u32 = 1 << 3;

/// What a function says of its call. A malformed frame is never an error: it is a report with a note.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_result {
    /// The outputs are set.
    Ok = 0,
    /// A pointer that must not be NULL is NULL; no output is set.
    Null = 1,
    /// A number has no meaning, a text is no UTF-8, or a row is refused; no output is set.
    Invalid = 2,
    /// The library failed; where there is a report it says so in a note.
    Failed = 3,
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
    pub kind: Type,
    /// How a number is written.
    pub base: Base,
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
    pub group: Group,
    /// How bad it is.
    pub severity: Severity,
    /// The field that is its protocol.
    pub protocol: u16,
}

/// A choice of a preference, or a column of its table.
#[repr(C)]
pub struct wechat_part {
    /// Name on the command line; of a column its heading.
    pub name: *const c_char,
    /// Words in the dialog.
    pub help: *const c_char,
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
    pub kind: PrefType,
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
}

/// Everything to register. The rows live as long as the library.
#[repr(C)]
pub struct wechat_tables {
    /// Fields; an item names one by its index. A field that is a protocol begins that protocol's fields;
    /// the first is the long link.
    pub fields: *const wechat_field,
    /// Number of `fields`.
    pub field_count: size_t,
    /// Notes; a note item names one by its index.
    pub notes: *const wechat_note,
    /// Number of `notes`.
    pub note_count: size_t,
    /// Preferences; the functions of `wechat_config` name one by its index.
    pub preferences: *const wechat_preference,
    /// Number of `preferences`.
    pub preference_count: size_t,
    /// Name of the table in which other dissectors register for the body of an operation.
    pub body_table: *const c_char,
    /// Its title.
    pub body_title: *const c_char,
    /// Rows that a table by operation needs; `wechat_record.row` is below it.
    pub operation_rows: u32,
    /// Heading of their names.
    pub operation_column: *const c_char,
    /// Nodes of the tree of counters; a tick names one by its index.
    pub nodes: *const wechat_node,
    /// Number of `nodes`.
    pub node_count: size_t,
    /// Names of the rows of the table of delivery; a sample names one by its index.
    pub sync_rows: *const *const c_char,
    /// Number of `sync_rows`.
    pub sync_row_count: size_t,
    /// Its headings: name, how many, and smallest, average and largest delay in seconds.
    pub sync_columns: [*const c_char; 5],
    /// Titles of the filters for a packet; `wechat_packet_filter` names one by its index.
    pub packet_filters: *const *const c_char,
    /// Number of `packet_filters`.
    pub packet_filter_count: size_t,
    /// Title of the response times by operation.
    pub srt_title: *const c_char,
    /// Title of the tree of counters.
    pub tree_title: *const c_char,
    /// Title of the table of delivery.
    pub sync_title: *const c_char,
    /// The word that asks for it, behind the protocol's name and a comma.
    pub sync_command: *const c_char,
    /// Title of the frames as lines.
    pub frames_title: *const c_char,
    /// The word that asks for them.
    pub frames_command: *const c_char,
    /// Title of the flow graph.
    pub flow_title: *const c_char,
    /// The field that is the web client.
    pub web_protocol: u16,
    /// Media types of bodies that may be the web client's, `media_type_count` of them.
    pub media_types: *const *const c_char,
    /// Number of `media_types`.
    pub media_type_count: size_t,
    /// Nodes of the web client's tree of counters; a tick of `wechat_web_record` names one by its index.
    pub web_nodes: *const wechat_node,
    /// Number of `web_nodes`.
    pub web_node_count: size_t,
    /// Its title.
    pub web_tree_title: *const c_char,
}

/// What comes in: bytes of a stream, and where they are from. The caller keeps it.
#[repr(C)]
pub struct wechat_segment {
    /// Captured bytes, from a place in the stream to the end of what the carrier has put together.
    /// May be NULL when `captured` is 0.
    pub data: *const u8,
    /// Number of bytes at `data`.
    pub captured: size_t,
    /// The same on the wire: larger than `captured` when the capture cut bytes off.
    pub reported: size_t,
    /// When the packet was captured: seconds since 1970.
    pub seconds: i64,
    /// And nanoseconds.
    pub nanoseconds: i32,
    /// The packet's number in the capture. It never falls from one first visit to the next.
    pub packet: u32,
    /// The stream's number, unique in the capture.
    pub stream: u32,
    /// The same as the host shows it; it need not be unique.
    pub shown_stream: u32,
    /// Position of the first byte in the stream, or a number that tells this place from the others
    /// of the packet and is the same at each visit.
    pub position: u32,
    /// Address of the sender, `src_length` bytes; may be NULL when that is 0.
    pub src_address: *const u8,
    /// Address of the receiver, `dst_length` bytes; may be NULL when that is 0.
    pub dst_address: *const u8,
    /// Number of bytes at `src_address`.
    pub src_length: u16,
    /// Number of bytes at `dst_address`.
    pub dst_length: u16,
    /// Port of the sender.
    pub src_port: u16,
    /// Port of the receiver.
    pub dst_port: u16,
    /// Port of the side that was connected to, where the carrier knows it; else 0.
    pub server_port: u16,
    /// Bits of `WECHAT_FIRST_VISIT` and the ones behind it; others are ignored.
    pub flags: u32,
    /// Bits of `WECHAT_WANT_INFO` and the ones behind it; what is not wanted is not computed.
    pub wanted: u32,
    /// The fields whose items are wanted: a bit for each, that of field 0 the lowest of the first word, in as
    /// many words as `field_count` needs. NULL for all of them. Field 0 and notes are there in any case.
    pub fields: *const u64,
}

impl wechat_segment {
    /// In nanoseconds since 1970.
    fn time(&self) -> i64 {
        self.seconds.saturating_mul(1_000_000_000).saturating_add(self.nanoseconds.into())
    }

    /// What is wanted.
    ///
    /// # Safety
    /// `fields` is NULL or points to as many words as it says.
    unsafe fn wanted(&self) -> Wanted {
        let wanted = |bit| self.wanted & bit != 0;
        // SAFETY: the caller's promise.
        let fields = unsafe { self.fields.cast::<[u64; FieldSet::WORDS]>().as_ref() };
        Wanted {
            columns: wanted(WECHAT_WANT_INFO),
            items: wanted(WECHAT_WANT_ITEMS),
            labels: wanted(WECHAT_WANT_LABELS),
            record: wanted(WECHAT_WANT_RECORD),
            fields: fields.map(|words| FieldSet::from_words(*words)),
        }
    }

    /// The same as HTTP's dissector has it, of which `data` are the bytes.
    fn of_http<'a>(&self, data: &'a [u8], wanted: Wanted) -> Bytes<'a> {
        Bytes {
            data,
            stream: self.stream,
            side: self.flags & WECHAT_SIDE != 0,
            position: self.position,
            counted: self.flags & WECHAT_COUNTED != 0,
            packet: self.packet,
            time: self.time(),
            first_visit: self.flags & WECHAT_FIRST_VISIT != 0,
            wanted,
        }
    }
}

/// What became of a segment.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_verdict {
    /// `length` bytes, at least 1 and at most `reported`, are dealt with; the report shows them.
    Consumed = 0,
    /// Call again with the same bytes and the whole next segment behind them.
    NeedSegment = 1,
    /// Call again with the same bytes and `length` more behind them.
    NeedBytes = 2,
}

/// What comes out: what one PDU looks like. It points into the handle and is valid until the next
/// call with it.
#[repr(C)]
pub struct wechat_report {
    /// What became of the segment.
    pub verdict: wechat_verdict,
    /// Bytes consumed or needed.
    pub length: u32,
    /// The items, in tree order.
    pub items: *const Item,
    /// Number of `items`.
    pub item_count: size_t,
    /// The texts; an item's is at `texts + item.text`, NUL-terminated UTF-8 without control
    /// characters. `texts` itself is an empty text.
    pub texts: *const c_char,
    /// The words for the Info column, a text; 0 for none.
    pub info: u32,
    /// The operation by which other dissectors may take the body.
    pub body_operation: u32,
    /// Where the body starts, from the start of the PDU.
    pub body_offset: u32,
    /// How many bytes of it were captured; 0 when there is no body to offer.
    pub body_captured: u32,
    /// How many bytes it has on the wire.
    pub body_length: u32,
    /// What taps are told; NULL when that is not wanted, or the PDU is no frame. A tap outlives the report:
    /// copy the record, and the texts that it points to.
    pub record: *const Record,
}

/// What the user has set. Made by `wechat_config_new`, freed by `wechat_config_free`.
pub struct wechat_config {
    config: Config,
}

/// The state of one capture.
///
/// The sequence of calls: `wechat_abi_version`, and go on only if it is `WECHAT_ABI_VERSION`. Then
/// `wechat_registry_new` once, and register what `wechat_tables_get` says. For each capture `wechat_config_new`, the
/// preferences into it, `wechat_dissector_new` with it, `wechat_config_free`. For each segment
/// `wechat_claim`, where others may want it too, and `wechat_dissect` until all its bytes are consumed
/// or more are needed. Around each call of HTTP's dissector `wechat_web_begin`, and if that finds a message
/// `wechat_web_place` for each body that is passed on, `wechat_web_take` behind it and `wechat_web_message` for
/// each message. At the end of the capture `wechat_dissector_free`. A handle is used by one thread at a time.
pub struct wechat_dissector {
    dissector: Dissector,
    record: Option<Record>,
    web: Web,
    config: Config,
    #[cfg(feature = "provoke-panic")]
    panics: bool,
}

/// What the tables are made of. Made by `wechat_registry_new`, freed by `wechat_registry_free`, and not before
/// the host has stopped looking at what it registered.
pub struct wechat_registry {
    tables: wechat_tables,
    _fields: Vec<wechat_field>,
    _notes: Vec<wechat_note>,
    _preferences: Vec<wechat_preference>,
    _nodes: [Nodes; 2],
    _names: [Vec<*const c_char>; 3],
    _values: Vec<Vec<wechat_value>>,
    _parts: Vec<Vec<wechat_part>>,
}

/// Nodes, and the ranges that they point to.
struct Nodes {
    nodes: Vec<wechat_node>,
    _ranges: Vec<Vec<*const c_char>>,
}

impl Nodes {
    fn of(rows: &'static [Node]) -> Self {
        let ranges: Vec<Vec<_>> =
            rows.iter().map(|row| row.ranges.iter().map(|range| range.as_ptr()).collect()).collect();
        let node = |(row, ranges): (&Node, &Vec<*const c_char>)| wechat_node {
            name: row.name.as_ptr(),
            parent: row
                .parent
                .and_then(|parent| rows.get(usize::from(parent)))
                .map_or(ptr::null(), |parent| parent.name.as_ptr()),
            ranges: ranges.as_ptr(),
            range_count: ranges.len(),
        };
        let nodes = rows.iter().zip(&ranges).map(node).collect();
        Self { nodes, _ranges: ranges }
    }
}

/// All rows for C: their pointers are to buffers of the registry's own, and to static texts.
fn registry() -> wechat_registry {
    let all_fields = || FIELDS.iter().chain(WEB_FIELDS);
    let values: Vec<Vec<wechat_value>> = all_fields()
        .map(|row| {
            row.values
                .iter()
                .map(|(value, name)| wechat_value { value: *value, name: name.as_ptr() })
                .collect()
        })
        .collect();
    let parts: Vec<Vec<wechat_part>> = PREFERENCES
        .iter()
        .map(|row| {
            row.parts
                .iter()
                .map(|part| wechat_part { name: part.name.as_ptr(), help: part.help.as_ptr() })
                .collect()
        })
        .collect();
    let fields: Vec<wechat_field> = all_fields()
        .zip(&values)
        .map(|(row, values)| wechat_field {
            filter: row.filter.as_ptr(),
            label: row.label.as_ptr(),
            help: row.help.as_ptr(),
            values: values.as_ptr(),
            value_count: values.len(),
            mask: row.mask,
            kind: row.ty,
            base: row.base,
            bits: row.bits,
        })
        .collect();
    let notes_of = |protocol| move |row: &'static Note| (protocol, row);
    let notes: Vec<wechat_note> = NOTES
        .iter()
        .map(notes_of(F::WECHAT))
        .chain(WEB_NOTES.iter().map(notes_of(W::WEB)))
        .map(|(protocol, row)| wechat_note {
            filter: row.filter.as_ptr(),
            summary: row.summary.as_ptr(),
            group: row.group,
            severity: row.severity,
            protocol,
        })
        .collect();
    let preferences: Vec<wechat_preference> = PREFERENCES
        .iter()
        .zip(&parts)
        .map(|(row, parts)| wechat_preference {
            name: row.name.as_ptr(),
            title: row.title.as_ptr(),
            help: row.help.as_ptr(),
            ports: row.ports.as_ptr(),
            parts: parts.as_ptr(),
            part_count: parts.len(),
            number: row.number,
            kind: row.ty,
        })
        .collect();
    let nodes = [NODES, WEB_NODES].map(Nodes::of);
    let [tree, web_tree] = &nodes;
    let media_types: Vec<_> = MEDIA_TYPES.iter().map(|name| name.as_ptr()).collect();
    let sync_rows: Vec<_> = SYNC_ROWS.iter().map(|row| row.name.as_ptr()).collect();
    let packet_filters: Vec<_> = PACKET_FILTERS.iter().map(|row| row.title.as_ptr()).collect();
    let tables = wechat_tables {
        fields: fields.as_ptr(),
        field_count: fields.len(),
        notes: notes.as_ptr(),
        note_count: notes.len(),
        preferences: preferences.as_ptr(),
        preference_count: preferences.len(),
        body_table: fields::BODY_TABLE.as_ptr(),
        body_title: fields::BODY_TABLE_TITLE.as_ptr(),
        operation_rows: record::ROW_COUNT,
        operation_column: statistics::SRT_COLUMN.as_ptr(),
        nodes: tree.nodes.as_ptr(),
        node_count: tree.nodes.len(),
        sync_rows: sync_rows.as_ptr(),
        sync_row_count: sync_rows.len(),
        sync_columns: SYNC_COLUMNS.map(CStr::as_ptr),
        packet_filters: packet_filters.as_ptr(),
        packet_filter_count: packet_filters.len(),
        srt_title: statistics::SRT_TITLE.as_ptr(),
        tree_title: statistics::TREE_TITLE.as_ptr(),
        sync_title: statistics::SYNC_TITLE.as_ptr(),
        sync_command: statistics::SYNC_COMMAND.as_ptr(),
        frames_title: statistics::FRAMES_TITLE.as_ptr(),
        frames_command: statistics::FRAMES_COMMAND.as_ptr(),
        flow_title: statistics::FLOW_TITLE.as_ptr(),
        web_protocol: W::WEB,
        media_types: media_types.as_ptr(),
        media_type_count: media_types.len(),
        web_nodes: web_tree.nodes.as_ptr(),
        web_node_count: web_tree.nodes.len(),
        web_tree_title: web_statistics::WEB_TREE_TITLE.as_ptr(),
    };
    wechat_registry {
        tables,
        _fields: fields,
        _notes: notes,
        _preferences: preferences,
        _nodes: nodes,
        _names: [sync_rows, packet_filters, media_types],
        _values: values,
        _parts: parts,
    }
}

/// Runs `body`; a panic ends here and becomes `failed`. No panic crosses into C.
fn guard<T>(failed: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(failed)
}

/// The version of the interface that the library was built with; compare it with
/// `WECHAT_ABI_VERSION` before anything else.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_abi_version() -> u32 {
    WECHAT_ABI_VERSION
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

/// A configuration with the defaults. Free it with `wechat_config_free`. NULL when the library failed.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_config_new() -> Option<Box<wechat_config>> {
    guard(None, || Some(Box::new(wechat_config { config: Config::default() })))
}

/// Frees a configuration; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_config_free(config: Option<Box<wechat_config>>) {
    guard((), || drop(config));
}

/// Sets a yes/no, a number or a choice.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_config_set_number(
    config: Option<&mut wechat_config>,
    preference: u16,
    value: u32,
) -> wechat_result {
    let Some(config) = config else { return wechat_result::Null };
    let known = PREFERENCES.get(usize::from(preference));
    if !known.is_some_and(|row| matches!(row.ty, PrefType::Boolean | PrefType::Number | PrefType::Choice)) {
        return wechat_result::Invalid;
    }
    guard(wechat_result::Failed, || {
        config.config.set_number(preference, value);
        wechat_result::Ok
    })
}

/// Sets ports from a range such as "80,8080-8090".
///
/// # Safety
/// `range` is NULL or a NUL-terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_config_set_ports(
    config: Option<&mut wechat_config>,
    preference: u16,
    range: *const c_char,
) -> wechat_result {
    let Some(config) = config else { return wechat_result::Null };
    // SAFETY: the caller's promise.
    let range = match unsafe { text(range) } {
        Ok(range) => range,
        Err(result) => return result,
    };
    if PREFERENCES.get(usize::from(preference)).is_none_or(|row| row.ty != PrefType::Ports) {
        return wechat_result::Invalid;
    }
    guard(wechat_result::Failed, || {
        config.config.set_ports(preference, range);
        wechat_result::Ok
    })
}

/// Adds a row to a table preference. `cells` has as many texts as the table has columns.
///
/// # Safety
/// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_config_add_row(
    config: Option<&mut wechat_config>,
    preference: u16,
    cells: *const *const c_char,
    count: size_t,
) -> wechat_result {
    let Some(config) = config else { return wechat_result::Null };
    // SAFETY: the caller's promise.
    match unsafe { row(preference, cells, count) } {
        Err(result) => result,
        Ok(cells) => guard(wechat_result::Failed, || match config.config.add_operation(cells) {
            Ok(()) => wechat_result::Ok,
            Err(_) => wechat_result::Invalid,
        }),
    }
}

/// Checks a row of a table preference. When it is refused (`WECHAT_RESULT_INVALID`), `message` holds a
/// sentence for the user, NUL-terminated and cut to `size` bytes.
///
/// # Safety
/// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated; `message` is NULL or has
/// room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_row_check(
    preference: u16,
    cells: *const *const c_char,
    count: size_t,
    message: *mut c_char,
    size: size_t,
) -> wechat_result {
    // SAFETY: the caller's promise.
    let checked = match unsafe { row(preference, cells, count) } {
        Ok(cells) => guard(Err(String::from("the dissector failed")), || Config::check_operation(cells)),
        Err(wechat_result::Invalid) => {
            Err(String::from("the row is no UTF-8 text, or has not as many cells as the table has columns"))
        }
        Err(result) => return result,
    };
    let Err(sentence) = checked else { return wechat_result::Ok };
    // SAFETY: the caller's promise.
    unsafe { put_text(&sentence, message, size) };
    wechat_result::Invalid
}

/// A handle for one capture, with a copy of `config`, or with the defaults when that is NULL. Free it
/// with `wechat_dissector_free`. NULL when the library failed.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_dissector_new(config: Option<&wechat_config>) -> Option<Box<wechat_dissector>> {
    guard(None, || {
        let config = config.map_or_else(Config::default, |config| config.config.clone());
        Some(Box::new(wechat_dissector {
            dissector: Dissector::new(config.clone()),
            record: None,
            web: Web::default(),
            config,
            #[cfg(feature = "provoke-panic")]
            panics: false,
        }))
    })
}

/// Frees a handle and all reports with it; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_dissector_free(dissector: Option<Box<wechat_dissector>>) {
    guard((), || drop(dissector));
}

/// Deals with the PDU at the start of `segment`, which needs `WECHAT_STREAM`. On `WECHAT_RESULT_FAILED` the
/// report has consumed the whole segment and says so in a note.
///
/// # Safety
/// `segment.data`, `segment.src_address` and `segment.dst_address` point to as many bytes as the segment
/// says, or that is 0; `segment.fields` is NULL or points to as many words as it says. `report` may be
/// uninitialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_dissect(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    report: *mut wechat_report,
) -> wechat_result {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return wechat_result::Null };
    if report.is_null() {
        return wechat_result::Null;
    }
    // SAFETY: the caller's promise.
    let (data, src_address, dst_address) = match unsafe {
        (
            bytes(segment.data, segment.captured),
            bytes(segment.src_address, segment.src_length.into()),
            bytes(segment.dst_address, segment.dst_length.into()),
        )
    } {
        (Ok(data), Ok(src), Ok(dst)) => (data, src, dst),
        (Err(result), _, _) | (_, Err(result), _) | (_, _, Err(result)) => return result,
    };
    let flag = |bit| segment.flags & bit != 0;
    let reported = segment.reported.max(data.len());
    if reported == 0 || u32::try_from(reported).is_err() || !flag(WECHAT_STREAM) {
        return wechat_result::Invalid;
    }
    // SAFETY: the caller's promise.
    let wanted = unsafe { segment.wanted() };
    let segment = Segment {
        data,
        reported,
        stream: segment.stream,
        shown_stream: segment.shown_stream,
        began: flag(WECHAT_BEGAN),
        src_address,
        dst_address,
        side: flag(WECHAT_SIDE),
        position: segment.position,
        counted: flag(WECHAT_COUNTED),
        packet: segment.packet,
        time: segment.time(),
        src_port: segment.src_port,
        dst_port: segment.dst_port,
        server_port: segment.server_port,
        first_visit: flag(WECHAT_FIRST_VISIT),
        more: flag(WECHAT_MORE),
        wanted,
    };
    let step = guard(None, || {
        #[cfg(feature = "provoke-panic")]
        provoked(handle);
        Some(handle.dissector.step(&segment))
    });
    if step.is_none() {
        guard((), || handle.dissector.failed(&segment));
    }
    let (verdict, length) = match step {
        Some(Step::Consumed(length)) => (wechat_verdict::Consumed, length.clamp(1, reported)),
        Some(Step::Need(More::Segment)) => (wechat_verdict::NeedSegment, 0),
        Some(Step::Need(More::Bytes(length))) => (wechat_verdict::NeedBytes, length),
        None => (wechat_verdict::Consumed, reported),
    };
    let made = handle.dissector.report();
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let body = made.body();
    let texts = made.texts();
    handle.record = made.record().map(|record| {
        // A record's texts are the last that were added.
        let start = texts.len().saturating_sub(record.text_length as usize);
        Record { texts: texts.get(start..).unwrap_or_default().as_ptr().cast(), ..*record }
    });
    let out = wechat_report {
        verdict,
        length: number(length),
        items: made.items().as_ptr(),
        item_count: made.items().len(),
        texts: made.texts().as_ptr().cast(),
        info: made.info(),
        body_operation: body.map_or(0, |(operation, _)| *operation),
        body_offset: body.map_or(0, |(_, range)| number(range.start)),
        body_captured: body
            .map_or(0, |(_, range)| number(range.end.min(data.len()).saturating_sub(range.start))),
        body_length: body.map_or(0, |(_, range)| number(range.len())),
        record: handle.record.as_ref().map_or(ptr::null(), ptr::from_ref),
    };
    // SAFETY: not NULL, and the caller's to write.
    unsafe { report.write(out) };
    if step.is_some() { wechat_result::Ok } else { wechat_result::Failed }
}

/// Whether a segment on a port that other protocols use too is WeChat's: 1 or 0. Call it for every
/// segment of such a stream, in order, and hand over to `wechat_dissect` what is. Also 0 when an
/// argument is NULL or makes no sense.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_claim(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
) -> c_int {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return 0 };
    // SAFETY: the caller's promise.
    let Ok(data) = (unsafe { bytes(segment.data, segment.captured) }) else { return 0 };
    let flag = |bit| segment.flags & bit != 0;
    let offer = Offer {
        data,
        stream: flag(WECHAT_STREAM).then_some(segment.stream),
        side: flag(WECHAT_SIDE),
        position: segment.position,
        packet: segment.packet,
        first_visit: flag(WECHAT_FIRST_VISIT),
        began_in_capture: flag(WECHAT_BEGAN),
        any_port: flag(WECHAT_ANY_PORT),
    };
    guard(0, || c_int::from(handle.dissector.claim(offer)))
}

/// A message of the web client: what it looks like. It points into the handle and is valid until the next
/// call with it.
#[repr(C)]
pub struct wechat_web_report {
    /// Where the head of the message begins in the segment.
    pub offset: u32,
    /// Its length; 0 when the message is not the web client's.
    pub length: u32,
    /// The items, in tree order. One that begins behind the bytes of HTTP's dissector, `captured` of the
    /// segment, lies in the body, so many bytes from its start.
    pub items: *const Item,
    /// Number of `items`.
    pub item_count: size_t,
    /// The texts, as `wechat_report` has them.
    pub texts: *const c_char,
    /// The words for the Info column, a text; 0 for none.
    pub info: u32,
    /// What taps are told; NULL when that is not wanted. A tap outlives the report: copy it.
    pub record: *const WebRecord,
}

/// Whether the bytes of `segment` begin with a call of the web client: 1 or 0. For streams of which nobody
/// knows that they carry HTTP.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_web_claim(segment: Option<&wechat_segment>) -> c_int {
    let Some(segment) = segment else { return 0 };
    // SAFETY: the caller's promise.
    let Ok(data) = (unsafe { bytes(segment.data, segment.captured) }) else { return 0 };
    guard(0, || web::is_call(data).into())
}

/// HTTP's dissector is about to get the bytes of `segment`. Returns how many messages begin in them, which
/// may be anybody's; with 0, nothing else is to be done.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_web_begin(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
) -> size_t {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return 0 };
    // SAFETY: the caller's promise.
    let Ok(data) = (unsafe { bytes(segment.data, segment.captured) }) else { return 0 };
    if segment.flags & WECHAT_STREAM == 0 {
        return 0;
    }
    guard(0, || handle.web.begin(&segment.of_http(data, Wanted::default())))
}

/// HTTP's dissector, which was given the bytes of `segment`, passes on a body of `length` bytes: as it lies at
/// `offset` of them or, where it was in chunks or compressed, with `SIZE_MAX` in place of that. Its media type is
/// `media`, NULL when nobody knows. Returns the index of the message to which the body belongs, or -1.
///
/// # Safety
/// As for `wechat_dissect`; `media` is NULL or a NUL-terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_web_place(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    offset: size_t,
    length: size_t,
    media: *const c_char,
) -> i32 {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return -1 };
    // SAFETY: the caller's promise.
    let (Ok(data), media) = (unsafe { (bytes(segment.data, segment.captured), text(media)) }) else {
        return -1;
    };
    let at = Some(offset).filter(|offset| *offset != size_t::MAX);
    let place =
        guard(None, || handle.web.place(&segment.of_http(data, Wanted::default()), at, length, media.ok()));
    place.and_then(|place| i32::try_from(place).ok()).unwrap_or(-1)
}

/// HTTP's dissector has returned, and has dealt with the first `taken` bytes of `segment`; the rest it wants
/// to see again. Returns how many messages are now to be given to `wechat_web_message`.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_web_take(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    taken: size_t,
) -> size_t {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return 0 };
    // SAFETY: the caller's promise.
    let Ok(data) = (unsafe { bytes(segment.data, segment.captured) }) else { return 0 };
    guard(0, || handle.web.take(&segment.of_http(data, Wanted::default()), taken))
}

/// Deals with message `index` of `segment`, whose body HTTP's dissector has passed on as `captured` bytes at
/// `body`. On `WECHAT_RESULT_FAILED` the report says so in a note.
///
/// # Safety
/// As for `wechat_dissect`; `body` points to `captured` bytes, or that is 0. `report` may be uninitialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_web_message(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    index: size_t,
    body: *const u8,
    captured: size_t,
    report: *mut wechat_web_report,
) -> wechat_result {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return wechat_result::Null };
    if report.is_null() {
        return wechat_result::Null;
    }
    // SAFETY: the caller's promise.
    let (data, body) = match unsafe { (bytes(segment.data, segment.captured), bytes(body, captured)) } {
        (Ok(data), Ok(body)) => (data, body),
        (Err(result), _) | (_, Err(result)) => return result,
    };
    // SAFETY: the caller's promise.
    let message = segment.of_http(data, unsafe { segment.wanted() });
    let done = guard(None, || {
        #[cfg(feature = "provoke-panic")]
        provoked(handle);
        Some(handle.web.message(&message, index, body, &handle.config))
    });
    if done.is_none() {
        guard((), || handle.web.failed(&message));
    }
    let made = handle.web.report();
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    // What failed is blamed on all bytes.
    let head = done.clone().unwrap_or(Some(0..data.len())).unwrap_or(0..0);
    let out = wechat_web_report {
        offset: number(head.start),
        length: number(head.len()),
        items: made.items().as_ptr(),
        item_count: made.items().len(),
        texts: made.texts().as_ptr().cast(),
        info: made.info(),
        record: handle.web.record().map_or(ptr::null(), ptr::from_ref),
    };
    // SAFETY: not NULL, and the caller's to write.
    unsafe { report.write(out) };
    if done.is_some() { wechat_result::Ok } else { wechat_result::Failed }
}

/// What a record changes in the tree of counters. Writes at most `room` ticks, of which there are never
/// more than `WECHAT_MOST_TICKS`, and returns how many.
///
/// # Safety
/// `ticks` is NULL or has room for `room` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_tree_ticks(
    record: Option<&Record>,
    ticks: *mut Tick,
    room: size_t,
) -> size_t {
    let (Some(record), false) = (record, ticks.is_null()) else { return 0 };
    let mut made = [Tick::default(); WECHAT_MOST_TICKS];
    let count = guard(0, || statistics::tree(record, &mut made)).min(room);
    // SAFETY: not NULL, with room for `count`; what is copied is ours and does not overlap.
    unsafe { ptr::copy_nonoverlapping(made.as_ptr(), ticks, count) };
    count
}

/// What a record adds to the table of delivery. Writes at most `room` samples, of which there are never
/// more than `WECHAT_MOST_SAMPLES`, and returns how many.
///
/// # Safety
/// `samples` is NULL or has room for `room` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_delivery_samples(
    record: Option<&Record>,
    samples: *mut Sample,
    room: size_t,
) -> size_t {
    let (Some(record), false) = (record, samples.is_null()) else { return 0 };
    let mut made = [Sample::default(); WECHAT_MOST_SAMPLES];
    let count = guard(0, || statistics::delivery(record, &mut made)).min(room);
    // SAFETY: as above.
    unsafe { ptr::copy_nonoverlapping(made.as_ptr(), samples, count) };
    count
}

/// Writes records as lines. Made by `wechat_lines_new`, freed by `wechat_lines_free`.
pub struct wechat_lines {
    format: Format,
    line: Vec<u8>,
}

/// A writer of lines, as the words behind the command say: nothing or ",json", and behind that a comma
/// and a display filter. `filter` is set to where that begins in `words`, or to NULL. NULL when an
/// argument is NULL, or `words` is no UTF-8.
///
/// # Safety
/// `words` is NULL or a NUL-terminated text; `filter` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_lines_new(
    words: *const c_char,
    filter: *mut *const c_char,
) -> Option<Box<wechat_lines>> {
    // SAFETY: the caller's promise.
    let words = unsafe { text(words) }.ok().filter(|_| !filter.is_null())?;
    let (format, rest) = guard((Format::Text, None), || lines::arguments(words));
    // SAFETY: not NULL. What it is set to is the end of `words`, up to the same NUL.
    unsafe { filter.write(rest.map_or(ptr::null(), |rest| rest.as_ptr().cast())) };
    guard(None, || Some(Box::new(wechat_lines { format, line: Vec::new() })))
}

/// Frees a writer and its lines; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_lines_free(lines: Option<Box<wechat_lines>>) {
    guard((), || drop(lines));
}

/// The line of a record with its newline, or the headings for NULL: a NUL-terminated text, empty where
/// there is nothing to write, and valid until the next call. NULL when `lines` is NULL.
///
/// # Safety
/// The record's `texts` point to as many bytes as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_lines_write(
    lines: Option<&mut wechat_lines>,
    record: Option<&Record>,
) -> *const c_char {
    let Some(lines) = lines else { return ptr::null() };
    // SAFETY: the caller's promise.
    let texts = record.map(|record| unsafe { bytes(record.texts.cast(), record.text_length as size_t) });
    guard((), || {
        let mut line = String::from_utf8(std::mem::take(&mut lines.line)).unwrap_or_default();
        line.clear();
        match (record, texts) {
            (Some(record), Some(Ok(texts))) => lines::add(lines.format, Frame { record, texts }, &mut line),
            (None, _) => lines::heading(lines.format, &mut line),
            _ => {}
        }
        line.push('\0');
        lines.line = line.into_bytes();
    });
    if lines.line.is_empty() { c"".as_ptr() } else { lines.line.as_ptr().cast() }
}

/// A display filter of the table `packet_filters` for the packet that `segment` names by its packet,
/// stream and shown stream. As `snprintf`: `text` gets it NUL-terminated and cut to `size` bytes, and
/// the result is its length; 0 when there is no such filter for this packet.
///
/// # Safety
/// `text` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_packet_filter(
    dissector: Option<&wechat_dissector>,
    filter: size_t,
    segment: Option<&wechat_segment>,
    text: *mut c_char,
    size: size_t,
) -> size_t {
    let made = guard(None, || {
        let (handle, segment) = (dissector?, segment?);
        let packet =
            Packet { number: segment.packet, stream: segment.stream, shown_stream: segment.shown_stream };
        handle.dissector.packet_filter(filter, packet)
    });
    // SAFETY: the caller's promise.
    unsafe { put_text(made.as_deref().unwrap_or_default(), text, size) }
}

/// A display filter for a stream as the host shows it; as `wechat_packet_filter`.
///
/// # Safety
/// `text` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_stream_filter(stream: u32, text: *mut c_char, size: size_t) -> size_t {
    let made = guard(String::new(), || navigation::stream_filter(stream));
    // SAFETY: the caller's promise.
    unsafe { put_text(&made, text, size) }
}

/// A display filter for the packets between the two ends that `segment` names by addresses and ports;
/// as `wechat_packet_filter`.
///
/// # Safety
/// As for `wechat_dissect`; `text` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_ends_filter(
    segment: Option<&wechat_segment>,
    text: *mut c_char,
    size: size_t,
) -> size_t {
    let Some(segment) = segment else { return 0 };
    // SAFETY: the caller's promise.
    let addresses = unsafe {
        [
            bytes(segment.src_address, segment.src_length.into()),
            bytes(segment.dst_address, segment.dst_length.into()),
        ]
    };
    let made = guard(None, || {
        let address = |bytes: &[u8]| {
            let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
        };
        let [src, dst] = addresses.map(|bytes| address(bytes.ok()?));
        Some(navigation::ends_filter([(src?, segment.src_port), (dst?, segment.dst_port)]))
    });
    // SAFETY: the caller's promise.
    unsafe { put_text(made.as_deref().unwrap_or_default(), text, size) }
}

/// Makes the next `wechat_dissect` panic, to show that it does not get out.
#[cfg(feature = "provoke-panic")]
#[unsafe(no_mangle)]
pub extern "C" fn wechat_provoke_panic(dissector: Option<&mut wechat_dissector>) {
    if let Some(handle) = dissector {
        handle.panics = true;
    }
}

#[cfg(feature = "provoke-panic")]
#[allow(clippy::panic)]
fn provoked(handle: &mut wechat_dissector) {
    if std::mem::take(&mut handle.panics) {
        panic!("provoked");
    }
}

/// Bytes of the caller's.
///
/// # Safety
/// `data` points to `length` bytes, or that is 0; they live as long as the result.
unsafe fn bytes<'a>(data: *const u8, length: size_t) -> Result<&'a [u8], wechat_result> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(wechat_result::Null);
    }
    if isize::try_from(length).is_err() {
        return Err(wechat_result::Invalid);
    }
    // SAFETY: not NULL, of a length that a slice may have; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// Writes a text for C, NUL-terminated and cut to `size` bytes; returns its length.
///
/// # Safety
/// `room` is NULL or has room for `size` bytes.
unsafe fn put_text(text: &str, room: *mut c_char, size: size_t) -> size_t {
    if !room.is_null() && size > 0 {
        // Cut between characters, so that what is left is UTF-8.
        let most = size.saturating_sub(1);
        let ends = text.char_indices().map(|(at, c)| at.saturating_add(c.len_utf8()));
        let length = ends.take_while(|end| *end <= most).last().unwrap_or(0);
        // SAFETY: `length < size` bytes fit the caller's buffer, and `text` is at least as long.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr().cast::<c_char>(), room, length);
            room.add(length).write(0);
        }
    }
    text.len()
}

/// As libc's, which Miri does not know.
///
/// # Safety
/// `text` is NUL-terminated, or has `most` bytes.
#[cfg(miri)]
unsafe fn strnlen(text: *const c_char, most: size_t) -> size_t {
    // SAFETY: no byte behind a NUL is looked at.
    (0..most).take_while(|place| unsafe { *text.add(*place) } != 0).count()
}

/// Longest text that is taken from C.
const LONGEST_TEXT: usize = 65536;

/// A text of the caller's.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and lives as long as the result.
unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, wechat_result> {
    if text.is_null() {
        return Err(wechat_result::Null);
    }
    // SAFETY: NUL-terminated by the caller's promise; no more than LONGEST_TEXT bytes are looked at.
    if unsafe { strnlen(text, LONGEST_TEXT) } == LONGEST_TEXT {
        return Err(wechat_result::Invalid);
    }
    // SAFETY: a NUL was found.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| wechat_result::Invalid)
}

/// The cells of a row of the table `preference`.
///
/// # Safety
/// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated.
unsafe fn row<'a>(
    preference: u16,
    cells: *const *const c_char,
    count: size_t,
) -> Result<[&'a str; 3], wechat_result> {
    if cells.is_null() {
        return Err(wechat_result::Null);
    }
    let table = PREFERENCES.get(usize::from(preference)).filter(|row| row.ty == PrefType::Table);
    if table.is_none_or(|row| row.parts.len() != count) || count != 3 {
        return Err(wechat_result::Invalid);
    }
    let mut texts = [""; 3];
    for (index, cell) in texts.iter_mut().enumerate() {
        // SAFETY: `index` is below `count`, and the text is as the caller promised.
        *cell = unsafe { text(*cells.add(index)) }?;
    }
    Ok(texts)
}
