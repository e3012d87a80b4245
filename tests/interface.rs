// SPDX-License-Identifier: GPL-2.0-or-later
//! The C interface as called from Rust: its tables are those of the Rust side, single fields may be asked for, and
//! what makes no sense is refused. tests/c_abi.c is the same from C.

use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use bytes::Bytes;
use wechat_dissector::ffi::{self, wechat_result, wechat_segment};
use wechat_dissector::http::MEDIA_TYPES;
use wechat_dissector::kernel::protocol::Protocol;
use wechat_dissector::kernel::report::{Item, Report, Wanted};
use wechat_dissector::kernel::rows::{row_of, table_of};
use wechat_dissector::long_link::fields::{F, TABLE as LONG_LINK};
use wechat_dissector::long_link::record::ROW_COUNT;
use wechat_dissector::mmtls::fields::TABLE as MMTLS;
use wechat_dissector::protocols::{self, PROTOCOLS, Row};
use wechat_dissector::web::fields::TABLE as WEB;
use wechat_dissector::wechat::fields::S;
use wechat_dissector::wechat::operation::OPERATIONS;
use wechat_traffic::packet::Direction;

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

/// A text that may be missing.
fn title(title: *const c_char) -> Option<&'static CStr> {
    (!title.is_null()).then(|| text(title))
}

#[test]
fn the_tables_hold_every_row() {
    let registry = ffi::wechat_registry_new().expect("a registry");
    // SAFETY: not freed before the end.
    let tables = unsafe { ffi::wechat_tables_get(Some(&registry)).as_ref() }.expect("tables");
    let protocols = rows(tables.protocols, tables.protocol_count);
    assert_eq!(protocols.len(), PROTOCOLS.len());
    assert!(protocols.len() <= ffi::WECHAT_MOST_PROTOCOLS);
    for (protocol, row) in protocols.iter().zip(PROTOCOLS) {
        inside(protocol, row);
        let row = row.protocol;
        words(protocol, row);
        statistics(protocol, row);
        assert_eq!(
            (protocol.under, protocol.on_streams, protocol.in_http),
            (row.under, row.on_streams, row.in_http)
        );
    }
    let own = |protocol: u16| text(rows(protocols[usize::from(protocol)].fields, 1)[0].filter);
    assert_eq!((own(LONG_LINK), own(WEB)), (c"wechat", c"wechat_web"));
    assert_eq!(protocols[0].under, LONG_LINK);
    let media = rows(tables.media_types, tables.media_type_count).iter().map(|media| text(*media));
    assert!(media.eq(MEDIA_TYPES.iter().copied()));
    ffi::wechat_registry_free(Some(registry));
}

/// Fields, notes and preferences.
fn words(protocol: &ffi::wechat_protocol, row: &Protocol) {
    let fields = rows(protocol.fields, protocol.field_count);
    assert_eq!(fields.len(), row.fields.len());
    assert!(fields.len() <= 64 * ffi::WECHAT_FIELD_WORDS);
    for (row, field) in row.fields.iter().zip(fields) {
        assert_eq!(
            (text(field.filter), text(field.label), text(field.help)),
            (row.filter, row.label, row.help)
        );
        assert_eq!((field.kind, field.base), (row.ty.into(), row.base.into()));
        assert_eq!((field.mask, field.bits), (row.mask, row.bits));
        let values: Vec<_> = rows(field.values, field.value_count)
            .iter()
            .map(|value| (value.value, text(value.name)))
            .collect();
        assert_eq!(values, row.values);
    }
    let notes = rows(protocol.notes, protocol.note_count);
    assert_eq!(notes.len(), row.notes.len());
    for (row, note) in row.notes.iter().zip(notes) {
        assert_eq!((text(note.filter), text(note.summary)), (row.filter, row.summary));
        assert_eq!((note.group, note.severity), (row.group.into(), row.severity.into()));
    }
    let preferences = rows(protocol.preferences, protocol.preference_count);
    assert_eq!(preferences.len(), row.preferences.len());
    for (row, preference) in row.preferences.iter().zip(preferences) {
        assert_eq!((text(preference.name), text(preference.ports)), (row.name, row.ports));
        assert_eq!((preference.kind, preference.number), (row.ty.into(), row.number));
        let parts = rows(preference.parts, preference.part_count).iter().map(|part| text(part.name));
        assert!(parts.eq(row.parts.iter().map(|part| part.name)));
    }
}

/// What is for others, and where the protocol lies in others.
fn inside(protocol: &ffi::wechat_protocol, of: &Row) {
    let row = of.protocol;
    let offers = rows(protocol.offers, protocol.offer_count);
    assert_eq!(offers.len(), row.offers.len());
    for (row, offer) in row.offers.iter().zip(offers) {
        assert_eq!(
            (text(offer.name), text(offer.title), text(offer.heuristics)),
            (row.name, row.title, row.heuristics)
        );
    }
    let joins = rows(protocol.joins, protocol.join_count).iter().map(|join| (text(join.table), join.key));
    assert!(joins.eq(of.joins.iter().copied()));
}

/// Values of records, and what is made of them.
fn statistics(protocol: &ffi::wechat_protocol, row: &Protocol) {
    let values = rows(protocol.values, protocol.value_count);
    assert_eq!(values.len(), row.values.len());
    assert!(values.len() <= ffi::WECHAT_MOST_VALUES);
    for (place, (row, value)) in row.values.iter().zip(values).enumerate() {
        assert_eq!((text(value.name), value.kind), (row.name, row.kind.into()));
        assert!(values[..place].iter().all(|before| text(before.name) != row.name), "{:?} twice", row.name);
    }
    let nodes = rows(protocol.nodes, protocol.node_count);
    let tree = row.tree.map_or(&[][..], |tree| tree.nodes);
    assert_eq!(title(protocol.tree_title), row.tree.map(|tree| tree.title));
    assert_eq!(nodes.len(), tree.len());
    for (row, node) in tree.iter().zip(nodes) {
        assert_eq!(text(node.name), row.name);
        assert_eq!(title(node.parent), row.parent.map(|parent| tree[usize::from(parent)].name));
        let ranges = rows(node.ranges, node.range_count).iter().map(|range| text(*range));
        assert!(ranges.eq(row.ranges.iter().copied()));
    }
    assert_eq!(title(protocol.responses_title), row.response_times.map(|times| times.title));
    assert_eq!(title(protocol.responses_column), row.response_times.map(|times| times.column));
    assert_eq!(protocol.response_rows, row.response_times.map_or(0, |times| times.rows));
    assert_eq!(title(protocol.delays_title), row.delays.map(|table| table.title));
    assert_eq!(title(protocol.delays_command), row.delays.map(|table| table.command));
    for (place, column) in protocol.delay_columns.into_iter().enumerate() {
        assert_eq!(title(column), row.delays.map(|table| table.columns[place]));
    }
    let delay_rows = rows(protocol.delay_rows, protocol.delay_row_count).iter().map(|name| text(*name));
    assert!(delay_rows.eq(row.delays.map_or(&[][..], |table| table.rows).iter().copied()));
    assert_eq!(title(protocol.lines_title), row.lines.map(|lines| lines.title));
    assert_eq!(title(protocol.lines_command), row.lines.map(|lines| lines.command));
    assert_eq!(title(protocol.flow_title), row.dialogue.map(|dialogue| dialogue.flow_title));
    let filters =
        rows(protocol.packet_filters, protocol.packet_filter_count).iter().map(|title| text(*title));
    assert!(filters.eq(row.packet_filters.iter().copied()));
}

#[test]
fn there_is_a_row_for_every_operation_and_more() {
    let long_link = protocols::protocol(LONG_LINK.into()).expect("the long link");
    assert_eq!(long_link.response_times.expect("response times").rows, ROW_COUNT);
    assert!(ROW_COUNT as usize > OPERATIONS.len());
}

#[test]
fn a_number_is_a_protocols_place_and_a_rows() {
    assert_eq!(ffi::WECHAT_ROW_BITS, 12);
    assert_eq!((F::WECHAT, F::SEQ >> 12, S::SELECTOR), (LONG_LINK << 12, LONG_LINK, 0));
    for (place, row) in (0u16..).zip(PROTOCOLS) {
        for (index, field) in (0u16..).zip(row.protocol.fields) {
            let number = place << ffi::WECHAT_ROW_BITS | index;
            assert_eq!((table_of(number), row_of(number)), (place.into(), index.into()));
            assert_eq!(protocols::field(number).map(|row| row.filter), Some(field.filter));
        }
    }
}

#[test]
fn bytes_that_the_dissector_made_come_out_as_a_source() {
    let mut report = Report::default();
    report.begin(LONG_LINK, Wanted::ALL, 9);
    report.derived(F::BODY, 1..9, Bytes::from_static(b"made"), "What was inside", |report, source| {
        assert_eq!(source, 1);
        report.wire(F::SEQ, 0..99);
    });
    let items = report.items();
    let lie = |item: &Item| (item.field, item.source, item.offset, item.length, item.depth);
    assert_eq!(items.iter().map(lie).collect::<Vec<_>>(), [(F::BODY, 0, 1, 8, 0), (F::SEQ, 1, 0, 4, 1)]);
    assert_eq!((items[0].kind as u8, items[0].value), (6, 1));
    assert_eq!((items[1].kind as u8, items[1].value), (1, 0));
    let sources: Vec<_> = report.sources().iter().map(ffi::wechat_source::from).collect();
    assert_eq!((sources[0].captured, sources[0].name, sources[1].captured), (9, 0, 4));
    assert!(sources[0].data.is_null());
    // SAFETY: the report's, which lives.
    assert_eq!(unsafe { slice::from_raw_parts(sources[1].data, 4) }, b"made");
    assert_eq!(report.text(sources[1].name), "What was inside");
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
        wanted: ffi::WECHAT_WANT_ITEMS | ffi::WECHAT_WANT_INSIDE,
        fields: ptr::null(),
        protocol: LONG_LINK,
    }
}

/// A push that says what has news.
fn notice() -> [u8; 20] {
    [0, 0, 0, 20, 0, 16, 0, 1, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 3]
}

/// Bits for fields, as a segment has them: first those of the table that all share, then those of the long link.
fn words_for(fields: &[u16]) -> [u64; 2 * ffi::WECHAT_FIELD_WORDS] {
    let mut words = [0; 2 * ffi::WECHAT_FIELD_WORDS];
    for field in fields {
        words[table_of(*field) * ffi::WECHAT_FIELD_WORDS + row_of(*field) / 64] |= 1 << (row_of(*field) % 64);
    }
    words
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
    let words = words_for(&[F::SEQ, F::KIND]);
    let some = wechat_segment { fields: words.as_ptr(), ..segment(&bytes, 1, false) };
    assert_eq!(dissect(&mut dissector, &some), (wechat_result::Ok, vec![F::WECHAT, F::SEQ, F::KIND]));
    let (_, all) = dissect(&mut dissector, &wechat_segment { position: 17, ..segment(&bytes, 2, false) });
    assert!(all.len() > 8 && all.contains(&F::OP));
    ffi::wechat_dissector_free(Some(dissector));
}

#[test]
fn fields_that_all_share_are_asked_for_in_words_of_their_own() {
    let mut dissector = ffi::wechat_dissector_new(None).expect("a dissector");
    let bytes = notice();
    for (packet, fields) in [(1, &[S::SELECTOR][..]), (2, &[F::SEQ, S::SELECTOR]), (3, &[F::SEQ]), (4, &[])] {
        let words = words_for(fields);
        let position = 1 + 20 * packet;
        let some = wechat_segment { fields: words.as_ptr(), position, ..segment(&bytes, packet, true) };
        let shown = [&[F::WECHAT], fields].concat();
        assert_eq!(dissect(&mut dissector, &some), (wechat_result::Ok, shown));
    }
    ffi::wechat_dissector_free(Some(dissector));
}

#[test]
fn a_body_is_for_whoever_registered_for_its_operation() {
    let mut dissector = ffi::wechat_dissector_new(None).expect("a dissector");
    let bytes = notice();
    // A byte of the body is cut off, and in the last case all of it.
    for (packet, captured, there) in [(1, 20, 4), (2, 19, 3), (3, 16, 0)] {
        let position = 1 + 20 * packet;
        let cut = wechat_segment { captured, reported: 20, position, ..segment(&bytes, packet, true) };
        let mut report = std::mem::MaybeUninit::uninit();
        // SAFETY: the segment's bytes are there; the report is written when the call says so.
        let result = unsafe { ffi::wechat_dissect(Some(&mut dissector), Some(&cut), report.as_mut_ptr()) };
        assert_eq!(result, wechat_result::Ok);
        // SAFETY: written by the call, and valid until the next.
        let report = unsafe { report.assume_init_ref() };
        assert_eq!((report.protocol, report.offset, report.length), (LONG_LINK, 0, 20));
        let [source] = rows(report.sources, report.source_count) else { panic!("one source") };
        assert!(source.data.is_null() && source.captured as usize == captured);
        let hand_offs = rows(report.hand_offs, report.hand_off_count);
        let [hand_off] = hand_offs else {
            assert_eq!((hand_offs.len(), there), (0, 0));
            continue;
        };
        assert_eq!((hand_off.table, hand_off.key, hand_off.words), (1 << ffi::WECHAT_ROW_BITS, 24, 0));
        assert_eq!((hand_off.source, hand_off.offset, hand_off.captured, hand_off.length), (0, 16, there, 4));
        assert_eq!((hand_off.stream, hand_off.shown_stream, hand_off.position, hand_off.flags), (0, 0, 0, 0));
    }
    ffi::wechat_dissector_free(Some(dissector));
}

/// A value of the long link's records, by its name.
fn value(record: &ffi::wechat_record, name: &CStr) -> Option<u64> {
    let values = PROTOCOLS[usize::from(record.protocol)].protocol.values;
    let place = values.iter().position(|row| row.name == name).expect("a value of this name");
    (record.present >> place & 1 != 0).then_some(record.values[place])
}

#[test]
fn a_record_is_a_head_and_values_and_statistics_are_made_of_it() {
    let mut dissector = ffi::wechat_dissector_new(None).expect("a dissector");
    let (request, answer) = (frame(false), frame(true));
    for (bytes, packet, answers) in [(&request, 1, false), (&answer, 2, true)] {
        let whole = wechat_segment {
            wanted: ffi::WECHAT_WANT_RECORD,
            nanoseconds: 7,
            ..segment(bytes, packet, answers)
        };
        let mut report = std::mem::MaybeUninit::<ffi::wechat_report>::uninit();
        // SAFETY: the segment's bytes are there, and the report is written; its record is valid until the next call.
        let record = unsafe {
            ffi::wechat_dissect(Some(&mut dissector), Some(&whole), report.as_mut_ptr());
            report.assume_init_ref().record.as_ref()
        };
        let record = record.expect("a record");
        assert_eq!((record.packet, record.stream, record.protocol), (packet, 5, LONG_LINK));
        assert_eq!((record.seconds, record.nanoseconds), (i64::from(packet), 7));
        let numbers = [c"operation", c"base", c"seqid", c"length", c"body_len", c"kind", c"sender"];
        let numbers = numbers.map(|name| value(record, name));
        let (op, kind, sender) = if answers { (1_000_000_237, 2, 2) } else { (237, 1, 1) };
        assert_eq!(numbers, [op, 237, 1, 16, 0, kind, sender].map(Some));
        assert_eq!(value(record, c"partner"), answers.then_some(1));
        assert_eq!(value(record, c"response_time"), answers.then_some(1_000_000_000));
        assert_eq!(value(record, c"expects"), (!answers).then_some(1));
        assert_eq!(
            value(record, c"waiting_requests").map(|by| by as i64),
            Some(if answers { -1 } else { 1 })
        );
        assert_eq!(value(record, c"later"), None);

        let name = record.texts.wrapping_add(value(record, c"row_name").unwrap_or_default() as usize);
        let mut response = std::mem::MaybeUninit::<ffi::wechat_response>::uninit();
        // SAFETY: the library's record, and room for a response.
        let responds = unsafe { ffi::wechat_response_get(record, response.as_mut_ptr()) };
        assert_eq!(responds, i32::from(answers));
        if answers {
            // SAFETY: written by the call.
            let response = unsafe { response.assume_init_ref() };
            assert_eq!((response.name, response.elapsed), (name, 1_000_000_000));
            assert_eq!(Some(u64::from(response.row)), value(record, c"row"));
        }
        let mut sentence = std::mem::MaybeUninit::<ffi::wechat_sentence>::uninit();
        // SAFETY: the library's record, and room for a sentence, which is written.
        let sentence = unsafe {
            assert_eq!(ffi::wechat_sentence_get(record, sentence.as_mut_ptr()), 1);
            sentence.assume_init_ref()
        };
        let side = if answers { ffi::wechat_side::Server } else { ffi::wechat_side::Client };
        assert_eq!((sentence.side, sentence.label), (side, name));
        let line =
            if answers { c"Send message response seq=1 → 1.0 s" } else { c"Send message request seq=1" };
        assert_eq!(text(sentence.line), line);
        let mut ticks = [ffi::wechat_tick { part: ptr::null(), amount: 0, node: 0, how: 0 }; 2];
        // SAFETY: the library's record, and room for two ticks.
        assert_eq!(unsafe { ffi::wechat_tree_ticks(record, ticks.as_mut_ptr(), 2) }, 2);
        let nodes = PROTOCOLS[usize::from(LONG_LINK)].protocol.tree.expect("a tree").nodes;
        let counted = ticks.map(|tick| (nodes[usize::from(tick.node)].name, tick.amount, tick.how));
        let kind = if answers { c"Responses" } else { c"Requests" };
        assert_eq!(counted, [(kind, 1, 0), (c"Frames", 1, 0)]);
    }
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
    let mut filter = |number, room: &mut [u8; 400]| {
        // SAFETY: room for as many bytes.
        let length = unsafe {
            ffi::wechat_packet_filter(
                Some(&mut dissector),
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
    assert_eq!(
        unsafe { ffi::wechat_dialogue_filter(LONG_LINK, 5, ptr::null_mut(), 0) },
        "wechat.stream == 5".len()
    );
    // SAFETY: no room.
    assert_eq!(unsafe { ffi::wechat_dialogue_filter(WEB, 5, ptr::null_mut(), 0) }, 0);
}

/// A session of MMTLS: a filter for its packets, its number, and its line.
#[test]
fn a_session_of_mmtls_has_a_filter_and_a_line() {
    let made = wechat_traffic::mmtls::case::find("resumed").expect("a case").make(1).expect("a capture");
    let mut dissector = ffi::wechat_dissector_new(None).expect("a dissector");
    let mut rest = ptr::null();
    // SAFETY: a text, and room for where the filter begins.
    let mut lines = unsafe { ffi::wechat_lines_new(MMTLS, c",json".as_ptr(), &raw mut rest) }.expect("lines");
    let mut positions = [1u32; 2];
    let mut bytes = 0;
    for (packet, record) in (1..).zip(&made.story.sessions[0].records) {
        let from_server = record.direction == Direction::ServerToClient;
        let position = &mut positions[usize::from(from_server)];
        let flags = ffi::WECHAT_COUNTED | ffi::WECHAT_BEGAN | ffi::WECHAT_STREAM;
        let segment = segment(&record.wire, packet, from_server);
        let ends: [*const u8; 2] = [[192, 0, 2, 7].as_ptr(), [192, 0, 2, 8].as_ptr()];
        let segment = wechat_segment {
            position: *position,
            protocol: MMTLS,
            flags: segment.flags | flags,
            wanted: ffi::WECHAT_WANT_RECORD,
            src_address: ends[usize::from(from_server)],
            dst_address: ends[usize::from(!from_server)],
            ..segment
        };
        let mut report = std::mem::MaybeUninit::uninit();
        // SAFETY: the bytes are there; the report is written before it is read.
        let report = unsafe {
            let result = ffi::wechat_dissect(Some(&mut dissector), Some(&segment), report.as_mut_ptr());
            assert_eq!(result, wechat_result::Ok);
            report.assume_init()
        };
        // SAFETY: the library's record. It is gathered, not written.
        assert_eq!(text(unsafe { ffi::wechat_lines_write(Some(&mut lines), report.record) }), c"");
        *position = position.wrapping_add(record.wire.len() as u32);
        bytes += record.wire.len();
    }
    let line: serde_json::Value =
        serde_json::from_slice(text(ffi::wechat_lines_end(Some(&mut lines))).to_bytes()).expect("an object");
    assert_eq!(
        (&line["session"], &line["flow"], &line["bytes"]),
        (&0.into(), &"resumed".into(), &bytes.into())
    );
    assert_eq!((&line["client"], &line["server_port"]), (&"192.0.2.7".into(), &8080.into()));
    assert_eq!(text(ffi::wechat_lines_end(Some(&mut lines))), c"");
    ffi::wechat_lines_free(Some(lines));

    let mut room = [0u8; 100];
    for (packet, filter) in [(1, "mmtls.session == 0"), (9999, "")] {
        let here = wechat_segment { protocol: MMTLS, ..segment(&[], packet, false) };
        let mut number = u32::MAX;
        // SAFETY: room for as many bytes, and for a number.
        let (length, found) = unsafe {
            let text = room.as_mut_ptr().cast();
            let length = ffi::wechat_packet_filter(Some(&mut dissector), 0, Some(&here), text, room.len());
            (length, ffi::wechat_dialogue(Some(&mut dissector), Some(&here), Some(&mut number)))
        };
        assert_eq!(std::str::from_utf8(&room[..length]), Ok(filter));
        assert_eq!((found, number), if filter.is_empty() { (0, u32::MAX) } else { (1, 0) });
    }
    // SAFETY: no room.
    let length = unsafe { ffi::wechat_dialogue_filter(MMTLS, 17, ptr::null_mut(), 0) };
    assert_eq!(length, "mmtls.session == 17".len());
    ffi::wechat_dissector_free(Some(dissector));
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
        (wechat_segment { protocol: 0, ..good() }, wechat_result::Invalid),
        (wechat_segment { protocol: WEB, ..good() }, wechat_result::Invalid),
        (wechat_segment { protocol: PROTOCOLS.len() as u16, ..good() }, wechat_result::Invalid),
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
