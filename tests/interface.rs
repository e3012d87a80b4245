// SPDX-License-Identifier: GPL-2.0-or-later
//! The C interface as called from Rust: its tables are those of the Rust side, single fields may be asked for, and
//! what makes no sense is refused. tests/c_abi.c is the same from C.

use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use wechat_dissector::ffi::{self, wechat_result, wechat_segment};
use wechat_dissector::long_link::fields::{F, FIELDS, FieldSet, NOTES, PREFERENCES};
use wechat_dissector::long_link::navigation::PACKET_FILTERS;
use wechat_dissector::long_link::statistics::NODES;
use wechat_dissector::web::fields::{MEDIA_TYPES, WEB_FIELDS, WEB_NOTES};
use wechat_dissector::web::statistics::WEB_NODES;
use wechat_dissector::wechat::operation::OPERATIONS;

fn text(text: *const c_char) -> &'static CStr {
    assert!(!text.is_null());
    // SAFETY: texts of the tables are static, each ended by a NUL.
    unsafe { CStr::from_ptr(text) }
}

/// A row's table.
fn rows<T>(first: *const T, count: usize) -> &'static [T] {
    assert!(!first.is_null() || count == 0);
    // SAFETY: no row is looked at when the registry is freed.
    if count == 0 { &[] } else { unsafe { slice::from_raw_parts(first, count) } }
}

#[test]
fn the_tables_hold_every_row() {
    let registry = ffi::wechat_registry_new().expect("a registry");
    // SAFETY: not freed before the end.
    let tables = unsafe { ffi::wechat_tables_get(Some(&registry)).as_ref() }.expect("tables");
    let fields = rows(tables.fields, tables.field_count);
    assert_eq!(fields.len(), FIELDS.len() + WEB_FIELDS.len());
    assert_eq!(text(fields[usize::from(tables.web_protocol)].filter), c"wechat_web");
    for (row, field) in FIELDS.iter().chain(WEB_FIELDS).zip(fields) {
        assert_eq!(
            (text(field.filter), text(field.label), text(field.help)),
            (row.filter, row.label, row.help)
        );
        let values: Vec<_> = rows(field.values, field.value_count)
            .iter()
            .map(|value| (value.value, text(value.name)))
            .collect();
        assert_eq!(values, row.values);
    }
    let notes = rows(tables.notes, tables.note_count);
    let all_notes = NOTES.iter().chain(WEB_NOTES).map(|row| row.filter);
    assert!(notes.iter().map(|note| text(note.filter)).eq(all_notes));
    for (row, preference) in PREFERENCES.iter().zip(rows(tables.preferences, tables.preference_count)) {
        assert_eq!(text(preference.name), row.name);
        let parts = rows(preference.parts, preference.part_count).iter().map(|part| text(part.name));
        assert!(parts.eq(row.parts.iter().map(|part| part.name)));
    }
    assert_eq!(tables.preference_count, PREFERENCES.len());
    for (table, nodes) in [
        (NODES, rows(tables.nodes, tables.node_count)),
        (WEB_NODES, rows(tables.web_nodes, tables.web_node_count)),
    ] {
        assert_eq!(nodes.len(), table.len());
        for (row, node) in table.iter().zip(nodes) {
            assert_eq!(text(node.name), row.name);
            assert_eq!(node.parent.is_null(), row.parent.is_none());
            let ranges = rows(node.ranges, node.range_count).iter().map(|range| text(*range));
            assert!(ranges.eq(row.ranges.iter().copied()));
        }
    }
    let media = rows(tables.media_types, tables.media_type_count).iter().map(|media| text(*media));
    assert!(media.eq(MEDIA_TYPES.iter().copied()));
    let filters = rows(tables.packet_filters, tables.packet_filter_count).iter().map(|title| text(*title));
    assert!(filters.eq(PACKET_FILTERS.iter().map(|row| row.title)));
    assert!(tables.operation_rows as usize > OPERATIONS.len());
    ffi::wechat_registry_free(Some(registry));
}

/// A request of newsendmsg without a body, or its answer.
fn frame(answers: bool) -> [u8; 16] {
    let op: u32 = if answers { 1_000_000_237 } else { 237 };
    let mut frame = [0, 0, 0, 16, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    frame[8..12].copy_from_slice(&op.to_be_bytes());
    frame
}

fn segment(data: &[u8], packet: u32, answers: bool) -> wechat_segment {
    let side = if answers { ffi::WECHAT_SIDE } else { 0 };
    wechat_segment {
        data: data.as_ptr(),
        captured: data.len(),
        reported: data.len(),
        seconds: i64::from(packet),
        nanoseconds: 0,
        packet,
        stream: 3,
        shown_stream: 5,
        position: 1,
        src_address: [192, 0, 2, 1].as_ptr(),
        dst_address: [192, 0, 2, 2].as_ptr(),
        src_length: 4,
        dst_length: 4,
        src_port: if answers { 8080 } else { 50_000 },
        dst_port: if answers { 50_000 } else { 8080 },
        server_port: 8080,
        flags: ffi::WECHAT_FIRST_VISIT | ffi::WECHAT_COUNTED | ffi::WECHAT_STREAM | side,
        wanted: ffi::WECHAT_WANT_ITEMS,
        fields: ptr::null(),
    }
}

/// The fields shown, and what the call said.
fn dissect(dissector: &mut ffi::wechat_dissector, segment: &wechat_segment) -> (wechat_result, Vec<u16>) {
    let mut report = std::mem::MaybeUninit::uninit();
    // SAFETY: the segment's bytes are there; the report is written when the call says so.
    let result = unsafe { ffi::wechat_dissect(Some(dissector), Some(segment), report.as_mut_ptr()) };
    if result != wechat_result::Ok {
        return (result, Vec::new());
    }
    // SAFETY: written by the call, and valid until the next.
    let items = unsafe { report.assume_init_ref() };
    (result, rows(items.items, items.item_count).iter().map(|item| item.field).collect())
}

#[test]
fn single_fields_and_no_others_are_there_when_asked_for() {
    let mut dissector = ffi::wechat_dissector_new(None).expect("a dissector");
    let bytes = frame(false);
    let mut words = [0u64; FieldSet::WORDS];
    for field in [F::SEQ, F::KIND] {
        words[usize::from(field / 64)] |= 1 << (field % 64);
    }
    let some = wechat_segment { fields: words.as_ptr(), ..segment(&bytes, 1, false) };
    assert_eq!(dissect(&mut dissector, &some), (wechat_result::Ok, vec![F::WECHAT, F::SEQ, F::KIND]));
    let (_, all) = dissect(&mut dissector, &wechat_segment { position: 17, ..segment(&bytes, 2, false) });
    assert!(all.len() > 8 && all.contains(&F::OP));
    ffi::wechat_dissector_free(Some(dissector));
}

#[test]
fn filters_lead_from_a_request_to_its_answer() {
    let mut dissector = ffi::wechat_dissector_new(None).expect("a dissector");
    let (request, answer) = (frame(false), frame(true));
    for (bytes, packet, answers) in [(&request, 1, false), (&answer, 2, true)] {
        assert_eq!(dissect(&mut dissector, &segment(bytes, packet, answers)).0, wechat_result::Ok);
    }
    let here = segment(&answer, 2, true);
    let mut room = [0u8; 400];
    let filter = |number, room: &mut [u8; 400]| {
        // SAFETY: room for as many bytes.
        let length = unsafe {
            ffi::wechat_packet_filter(
                Some(&dissector),
                number,
                Some(&here),
                room.as_mut_ptr().cast(),
                room.len(),
            )
        };
        String::from_utf8_lossy(&room[..length]).into_owned()
    };
    assert_eq!(filter(0, &mut room), "frame.number == 1 || frame.number == 2");
    assert_eq!(filter(1, &mut room), "wechat.stream == 5");
    assert_eq!(filter(2, &mut room), "");
    // SAFETY: as above.
    let length = unsafe { ffi::wechat_ends_filter(Some(&here), room.as_mut_ptr().cast(), room.len()) };
    assert!(String::from_utf8_lossy(&room[..length]).contains("ip.src == 192.0.2.1 && tcp.srcport == 8080"));
    // SAFETY: no room.
    assert_eq!(unsafe { ffi::wechat_stream_filter(5, ptr::null_mut(), 0) }, "wechat.stream == 5".len());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut dissector = ffi::wechat_dissector_new(None).expect("a dissector");
    let bytes = frame(false);
    let good = || segment(&bytes, 1, false);
    let bad = [
        (wechat_segment { data: ptr::null(), ..good() }, wechat_result::Null),
        (wechat_segment { captured: usize::MAX, ..good() }, wechat_result::Invalid),
        (wechat_segment { src_address: ptr::null(), ..good() }, wechat_result::Null),
        (wechat_segment { dst_address: ptr::null(), ..good() }, wechat_result::Null),
        (wechat_segment { captured: 0, reported: 0, ..good() }, wechat_result::Invalid),
        (wechat_segment { flags: 0, ..good() }, wechat_result::Invalid),
    ];
    for (segment, result) in bad {
        assert_eq!(dissect(&mut dissector, &segment), (result, Vec::new()));
    }
    // SAFETY: NULL is allowed everywhere.
    unsafe {
        let mut report = std::mem::MaybeUninit::uninit();
        assert_eq!(ffi::wechat_dissect(None, Some(&good()), report.as_mut_ptr()), wechat_result::Null);
        assert_eq!(ffi::wechat_dissect(Some(&mut dissector), None, report.as_mut_ptr()), wechat_result::Null);
        let none = ptr::null_mut();
        assert_eq!(ffi::wechat_dissect(Some(&mut dissector), Some(&good()), none), wechat_result::Null);
        assert_eq!(ffi::wechat_claim(None, Some(&good())), 0);
        assert_eq!(ffi::wechat_ends_filter(None, ptr::null_mut(), 0), 0);
    }
}
