/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * c_abi.c - the library as a C program sees it, without Wireshark. tests/c_abi.rs builds and runs it:
 *
 *   c_abi layout            prints the sizes and offsets that the Rust side must agree with
 *   c_abi misuse            checks what the header says of NULL and nonsense
 *   c_abi panic             checks that a panic inside comes out as a note
 *   c_abi sample FILE       feeds the segments of FILE and prints each frame's operation and seqid
 *   c_abi web-panic         checks that a panic there comes out as a note
 *   c_abi web               has calls of the web client dissected, and misuses their functions
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wechat_dissector.h"

/* Only in the build that tests make; the header does not have it. */
void wechat_provoke_panic(wechat_dissector *dissector);

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

static const uint8_t heartbeat[16] = { 0, 0, 0, 16, 0, 16, 0, 1, 0, 0, 0, 6, 0, 0, 0, 15 };

static wechat_segment segment_of(const uint8_t *data, size_t length)
{
    wechat_segment segment = { 0 };

    segment.data = data;
    segment.captured = length;
    segment.reported = length;
    segment.packet = 1;
    segment.src_port = 50000;
    segment.dst_port = 8080;
    segment.flags = WECHAT_FIRST_VISIT | WECHAT_MORE | WECHAT_COUNTED | WECHAT_STREAM;
    segment.wanted = WECHAT_WANT_INFO | WECHAT_WANT_ITEMS | WECHAT_WANT_LABELS | WECHAT_WANT_RECORD;
    return segment;
}

static wechat_registry *registry;

static const char *field_name(const wechat_report *report, size_t item)
{
    return wechat_tables_get(registry)->fields[report->items[item].field].filter;
}

/* Every item within its PDU and its tables, every text ended. */
static void check_report(const wechat_report *report)
{
    const wechat_tables *tables = wechat_tables_get(registry);
    unsigned depth = 0;

    CHECK(report->texts[0] == '\0');
    for (size_t i = 0; i < report->item_count; i++) {
        const wechat_item *item = &report->items[i];
        bool is_note = item->kind == WECHAT_ITEM_KIND_NOTE;
        CHECK(item->field < (is_note ? tables->note_count : tables->field_count));
        CHECK(item->depth <= depth + 1);
        CHECK(item->offset + item->length <= report->length || report->verdict != WECHAT_VERDICT_CONSUMED);
        CHECK(strlen(report->texts + item->text) < 4096);
        depth = item->depth;
    }
    CHECK(report->body_captured <= report->body_length);
    CHECK(report->body_offset + report->body_captured <= report->length);
}

/* What a listener of the tap relies on. */
static void check_record(const wechat_record *record, const wechat_segment *segment)
{
    const uint32_t texts[] = { record->name, record->row_name, record->info, record->notes };
    wechat_tick ticks[WECHAT_MOST_TICKS];
    wechat_sample samples[WECHAT_MOST_SAMPLES];
    size_t count = wechat_tree_ticks(record, ticks, WECHAT_MOST_TICKS);

    CHECK(record->size == sizeof *record && record->version == WECHAT_RECORD_VERSION && record->next == NULL);
    CHECK(record->packet == segment->packet && record->stream == segment->shown_stream);
    CHECK(record->row < wechat_tables_get(registry)->operation_rows && record->kind < 8);
    CHECK(record->texts[0] == '\0' && record->texts[record->text_length - 1] == '\0');
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(texts[i] + strlen(record->texts + texts[i]) < record->text_length);
    CHECK(strlen(record->texts + record->row_name) > 0 && strlen(record->texts + record->info) > 0);
    CHECK(count > 0 && count < WECHAT_MOST_TICKS);
    for (size_t i = 0; i < count; i++)
        CHECK(ticks[i].node < wechat_tables_get(registry)->node_count && ticks[i].how <= WECHAT_TICK_KIND_RANGE);
    CHECK(wechat_tree_ticks(record, ticks, 1) == 1);
    CHECK(wechat_delivery_samples(record, samples, WECHAT_MOST_SAMPLES) <= WECHAT_MOST_SAMPLES);
}

static void print_layout(void)
{
#define SIZE(type) printf("sizeof " #type " %zu\n", sizeof(type))
#define OFFSET(type, member) printf("offsetof " #type "." #member " %zu\n", offsetof(type, member))
    SIZE(wechat_value);
    SIZE(wechat_field);
    SIZE(wechat_note);
    SIZE(wechat_part);
    SIZE(wechat_preference);
    SIZE(wechat_tables);
    SIZE(wechat_segment);
    SIZE(wechat_item);
    SIZE(wechat_report);
    SIZE(wechat_record);
    SIZE(wechat_tick);
    SIZE(wechat_sample);
    SIZE(wechat_node);
    SIZE(wechat_web_report);
    SIZE(wechat_web_record);
    SIZE(wechat_web_tick);
    SIZE(wechat_result);
    SIZE(wechat_verdict);
    OFFSET(wechat_field, kind);
    OFFSET(wechat_field, bits);
    OFFSET(wechat_preference, kind);
    OFFSET(wechat_segment, nanoseconds);
    OFFSET(wechat_segment, wanted);
    OFFSET(wechat_item, depth);
    OFFSET(wechat_item, value);
    OFFSET(wechat_report, items);
    OFFSET(wechat_report, body_length);
    OFFSET(wechat_report, record);
    OFFSET(wechat_tables, sync_columns);
    OFFSET(wechat_tables, flow_title);
    OFFSET(wechat_record, version);
    OFFSET(wechat_record, next);
    OFFSET(wechat_record, texts);
    OFFSET(wechat_record, time);
    OFFSET(wechat_record, news_time);
    OFFSET(wechat_record, text_length);
    OFFSET(wechat_record, partner);
    OFFSET(wechat_record, flags);
    OFFSET(wechat_record, notes);
    OFFSET(wechat_record, head_len);
    OFFSET(wechat_record, delivery);
    OFFSET(wechat_tick, named);
    OFFSET(wechat_sample, row);
    OFFSET(wechat_tables, web_protocol);
    OFFSET(wechat_tables, web_nodes);
    OFFSET(wechat_tables, web_tree_title);
    OFFSET(wechat_web_report, items);
    OFFSET(wechat_web_report, info);
    OFFSET(wechat_web_report, record);
    OFFSET(wechat_web_record, count);
    OFFSET(wechat_web_record, ticks);
    OFFSET(wechat_web_tick, node);
}

static void check_misuse(void)
{
    const wechat_tables *tables = wechat_tables_get(registry);
    const char *good[] = { "4711", "experiment", "request" };
    const char *bad[] = { "x", "experiment", "" };
    const char *no_utf8[] = { "4711", "\xff\xfe", "" };
    char message[200];
    wechat_segment segment = segment_of(heartbeat, sizeof heartbeat);
    wechat_report report;
    uint16_t ports = 0, table = 0, number = 0;

    CHECK(wechat_abi_version() == WECHAT_ABI_VERSION);
    CHECK(tables != NULL && wechat_tables_get(NULL) == NULL);
    wechat_registry_free(NULL);
    CHECK(tables->fields[0].kind == WECHAT_TYPE_PROTOCOL);
    for (uint16_t i = 0; i < tables->preference_count; i++) {
        wechat_preference_type kind = tables->preferences[i].kind;
        if (kind == WECHAT_PREFERENCE_TYPE_PORTS)
            ports = i;
        else if (kind == WECHAT_PREFERENCE_TYPE_TABLE)
            table = i;
        else if (kind == WECHAT_PREFERENCE_TYPE_NUMBER)
            number = i;
    }

    wechat_config *config = wechat_config_new();
    CHECK(config != NULL);
    CHECK(wechat_config_set_number(NULL, number, 1) == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_number(config, ports, 1) == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_number(config, 999, 1) == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_number(config, number, 0) == WECHAT_RESULT_OK);
    CHECK(wechat_config_set_number(config, number, UINT32_MAX) == WECHAT_RESULT_OK);
    CHECK(wechat_config_set_ports(config, ports, NULL) == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_ports(NULL, ports, "80") == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_ports(config, number, "80") == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_ports(config, ports, "\xff") == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_ports(config, ports, "80,,x,99999,5-,8080-8090") == WECHAT_RESULT_OK);
    CHECK(wechat_config_add_row(config, table, good, 3) == WECHAT_RESULT_OK);
    CHECK(wechat_config_add_row(config, table, bad, 3) == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_add_row(config, table, good, 2) == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_add_row(config, table, NULL, 3) == WECHAT_RESULT_NULL);
    CHECK(wechat_config_add_row(config, ports, good, 3) == WECHAT_RESULT_INVALID);
    CHECK(wechat_row_check(table, good, 3, message, sizeof message) == WECHAT_RESULT_OK);
    CHECK(wechat_row_check(table, bad, 3, message, sizeof message) == WECHAT_RESULT_INVALID);
    CHECK(strstr(message, "\"x\" is no operation number") == message);
    memset(message, '#', sizeof message);
    CHECK(wechat_row_check(table, bad, 3, message, 5) == WECHAT_RESULT_INVALID);
    CHECK(strcmp(message, "\"x\" ") == 0 && message[5] == '#');
    CHECK(wechat_row_check(table, bad, 3, message, 1) == WECHAT_RESULT_INVALID && message[0] == '\0');
    CHECK(wechat_row_check(table, bad, 3, NULL, 0) == WECHAT_RESULT_INVALID);
    CHECK(wechat_row_check(table, no_utf8, 3, message, sizeof message) == WECHAT_RESULT_INVALID);

    wechat_dissector *dissector = wechat_dissector_new(config);
    CHECK(dissector != NULL);
    wechat_config_free(config);
    CHECK(wechat_dissect(NULL, &segment, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_dissect(dissector, NULL, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_dissect(dissector, &segment, NULL) == WECHAT_RESULT_NULL);
    segment.data = NULL;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_NULL);
    segment.captured = segment.reported = 0;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_INVALID);
    segment = segment_of(heartbeat, sizeof heartbeat);
    segment.reported = SIZE_MAX;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_INVALID);
    segment.captured = SIZE_MAX;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_INVALID);
    segment = segment_of(heartbeat, sizeof heartbeat);
    segment.flags &= ~(uint32_t)WECHAT_STREAM;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_INVALID);
    segment = segment_of(heartbeat, sizeof heartbeat);
    segment.seconds = INT64_MAX;
    segment.nanoseconds = INT32_MIN;
    segment.flags |= 0xffff0000;
    segment.wanted |= 0xffff0000;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
    CHECK(report.verdict == WECHAT_VERDICT_CONSUMED && report.length == 16);
    check_report(&report);

    /* A packet that comes after a later one, and a visit to one that never was. */
    segment.packet = 0;
    segment.position = 16;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
    segment.flags &= ~(uint32_t)WECHAT_FIRST_VISIT;
    segment.packet = 77;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);

    wechat_tick tick;
    wechat_sample sample;
    const char *rest = "untouched";
    CHECK(wechat_tree_ticks(NULL, &tick, 1) == 0 && wechat_tree_ticks(report.record, NULL, 9) == 0);
    CHECK(wechat_delivery_samples(NULL, &sample, 1) == 0);
    CHECK(wechat_lines_new(NULL, &rest) == NULL && wechat_lines_new("", NULL) == NULL);
    CHECK(wechat_lines_new("\xff", &rest) == NULL && strcmp(rest, "untouched") == 0);
    CHECK(wechat_lines_write(NULL, NULL) == NULL);
    wechat_lines_free(NULL);
    const char *words = ",json,tcp.port == 80";
    wechat_lines *lines = wechat_lines_new(words, &rest);
    CHECK(lines != NULL && rest == words + 6 && strcmp(wechat_lines_write(lines, NULL), "") == 0);
    wechat_lines_free(lines);
    lines = wechat_lines_new("", &rest);
    CHECK(lines != NULL && rest == NULL && strncmp(wechat_lines_write(lines, NULL), "frame\tstream\t", 13) == 0);
    wechat_lines_free(lines);
    memset(message, '#', sizeof message);
    CHECK(wechat_packet_filter(NULL, 0, &segment, message, 5) == 0 && message[0] == '\0');
    CHECK(wechat_packet_filter(dissector, 99, &segment, message, 5) == 0);
    CHECK(wechat_packet_filter(dissector, 0, NULL, NULL, 0) == 0);
    CHECK(wechat_stream_filter(7, message, 8) == 18 && strcmp(message, "wechat.") == 0);
    CHECK(wechat_ends_filter(NULL, message, 5) == 0 && wechat_ends_filter(&segment, message, 5) == 0);

    CHECK(wechat_claim(NULL, &segment) == 0);
    CHECK(wechat_claim(dissector, NULL) == 0);
    segment = segment_of(heartbeat, sizeof heartbeat);
    segment.stream = 5;
    CHECK(wechat_claim(dissector, &segment) == 1);
    segment.data = NULL;
    CHECK(wechat_claim(dissector, &segment) == 0);
    wechat_dissector_free(dissector);
    wechat_dissector_free(NULL);
    wechat_config_free(NULL);

    dissector = wechat_dissector_new(NULL);
    CHECK(dissector != NULL);
    wechat_dissector_free(dissector);
}

static void check_panic(void)
{
    wechat_dissector *dissector = wechat_dissector_new(NULL);
    wechat_segment segment = segment_of(heartbeat, sizeof heartbeat);
    wechat_report report;

    wechat_provoke_panic(dissector);
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_FAILED);
    CHECK(report.verdict == WECHAT_VERDICT_CONSUMED && report.length == 16 && report.item_count == 1);
    CHECK(report.items[0].kind == WECHAT_ITEM_KIND_NOTE);
    CHECK(strcmp(wechat_tables_get(registry)->notes[report.items[0].field].filter, "wechat.internal_error") == 0);
    CHECK(report.items[0].offset == 0 && report.items[0].length == 16);
    CHECK(strstr(report.texts + report.items[0].text, "please report it") != NULL);

    /* The handle is good for more. */
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
    check_report(&report);
    wechat_dissector_free(dissector);
}

/* ---- the web client ---- */

#define POLL_TARGET "/cgi-bin/mmwebwx-bin/synccheck?sid=secret&synckey=1_2%7C2_3"
static const char poll[] = "GET " POLL_TARGET " HTTP/1.1\r\nHost: wx.example\r\n\r\n";
static const char answer_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nContent-Length: 44\r\n\r\n";
static const char answer_body[] = "window.synccheck={retcode:\"0\",selector:\"2\"} ";

static wechat_segment http_of(const char *bytes, size_t length, uint32_t packet, uint32_t side)
{
    wechat_segment segment = segment_of((const uint8_t *)bytes, length);

    segment.packet = packet;
    segment.flags |= side;
    segment.seconds = packet;
    return segment;
}

/* Every item within the head's bytes or the body's, and within the tables. */
static void check_web_report(const wechat_web_report *report, const wechat_segment *segment, size_t body)
{
    const wechat_tables *tables = wechat_tables_get(registry);
    unsigned depth = 0;

    CHECK(report->texts[0] == '\0' && report->info != 0 && strlen(report->texts + report->info) > 0);
    CHECK(report->offset + report->length <= segment->captured && report->item_count > 0);
    for (size_t i = 0; i < report->item_count; i++) {
        const wechat_item *item = &report->items[i];
        bool is_note = item->kind == WECHAT_ITEM_KIND_NOTE;
        CHECK(item->field < (is_note ? tables->note_count : tables->field_count));
        CHECK(item->depth <= depth + 1);
        CHECK(item->offset + item->length <= segment->captured + body);
        CHECK(strlen(report->texts + item->text) < 4096);
        depth = item->depth;
    }
    CHECK(report->items[0].field == tables->web_protocol);
    CHECK(report->record != NULL && report->record->next == NULL);
    CHECK(report->record->count > 0 && report->record->count <= WECHAT_MOST_WEB_TICKS);
    for (size_t i = 0; i < report->record->count; i++)
        CHECK(report->record->ticks[i].node < tables->web_node_count);
}

static const wechat_item *find_item(const wechat_web_report *report, const char *filter)
{
    const wechat_tables *tables = wechat_tables_get(registry);

    for (size_t i = 0; i < report->item_count; i++) {
        const wechat_item *item = &report->items[i];
        bool is_note = item->kind == WECHAT_ITEM_KIND_NOTE;
        if (strcmp(is_note ? tables->notes[item->field].filter : tables->fields[item->field].filter, filter) == 0)
            return item;
    }
    return NULL;
}

static void check_web_misuse(wechat_dissector *dissector)
{
    wechat_segment segment = http_of(poll, sizeof poll - 1, 1, 0);
    wechat_segment nothing = segment;
    wechat_web_report report;

    nothing.data = NULL;
    CHECK(wechat_web_claim(NULL) == 0 && wechat_web_claim(&nothing) == 0);
    CHECK(wechat_web_begin(NULL, &segment) == 0 && wechat_web_begin(dissector, NULL) == 0);
    CHECK(wechat_web_begin(dissector, &nothing) == 0);
    CHECK(wechat_web_place(NULL, &segment, 0, 1, NULL) == -1 && wechat_web_place(dissector, NULL, 0, 1, NULL) == -1);
    CHECK(wechat_web_place(dissector, &segment, 0, 1, "text/plain") == -1);
    CHECK(wechat_web_place(dissector, &segment, SIZE_MAX, SIZE_MAX, "\xff") == -1);
    CHECK(wechat_web_take(NULL, &segment, 9) == 0 && wechat_web_take(dissector, NULL, 9) == 0);
    CHECK(wechat_web_take(dissector, &nothing, 9) == 0 && wechat_web_take(dissector, &segment, SIZE_MAX) == 0);
    CHECK(wechat_web_message(NULL, &segment, 0, NULL, 0, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_web_message(dissector, NULL, 0, NULL, 0, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_web_message(dissector, &segment, 0, NULL, 0, NULL) == WECHAT_RESULT_NULL);
    CHECK(wechat_web_message(dissector, &segment, 0, NULL, 5, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_web_message(dissector, &nothing, 0, NULL, 0, &report) == WECHAT_RESULT_NULL);
    nothing.captured = SIZE_MAX;
    CHECK(wechat_web_claim(&nothing) == 0 && wechat_web_begin(dissector, &nothing) == 0);
    /* Nothing was begun, and no message has such a number: nothing of ours. */
    memset(&report, 0xa5, sizeof report);
    CHECK(wechat_web_message(dissector, &segment, SIZE_MAX, NULL, 0, &report) == WECHAT_RESULT_OK);
    CHECK(report.length == 0 && report.item_count == 0 && report.record == NULL);
    /* Without a stream nothing is remembered. */
    nothing = segment;
    nothing.flags &= ~(uint32_t)WECHAT_STREAM;
    CHECK(wechat_web_begin(dissector, &nothing) == 0);
    CHECK(wechat_web_claim(&segment) == 1);
    segment = http_of(answer_head, sizeof answer_head - 1, 1, WECHAT_SIDE);
    CHECK(wechat_web_claim(&segment) == 0);
}

static void check_web(void)
{
    wechat_dissector *dissector = wechat_dissector_new(NULL);
    wechat_segment asked = http_of(poll, sizeof poll - 1, 1, 0);
    wechat_segment answered = http_of(answer_head, sizeof answer_head - 1, 2, WECHAT_SIDE);
    const uint8_t *body = (const uint8_t *)answer_body;
    const size_t length = sizeof answer_body - 1;
    wechat_web_report report;
    const wechat_item *item;

    CHECK(dissector != NULL && length == 44);
    check_web_misuse(dissector);

    CHECK(wechat_web_begin(dissector, &asked) == 1);
    CHECK(wechat_web_take(dissector, &asked, asked.captured) == 1);
    memset(&report, 0xa5, sizeof report);
    CHECK(wechat_web_message(dissector, &asked, 0, NULL, 0, &report) == WECHAT_RESULT_OK);
    CHECK(report.offset == 0 && report.length == asked.captured);
    check_web_report(&report, &asked, 0);
    item = find_item(&report, "wechat_web.sid");
    CHECK(item != NULL && item->length == 6 && memcmp(poll + item->offset, "secret", 6) == 0);
    CHECK(report.texts[item->text] == '#' && strstr(report.texts + item->text, "secret") == NULL);

    CHECK(wechat_web_begin(dissector, &answered) == 1);
    CHECK(wechat_web_place(dissector, &answered, 0, length, "text/javascript") == -1);
    CHECK(wechat_web_place(dissector, &answered, sizeof answer_head - 1, length, "text/javascript") == 0);
    CHECK(wechat_web_place(dissector, &answered, sizeof answer_head - 1, length, "text/javascript") == -1);
    CHECK(wechat_web_take(dissector, &answered, answered.captured) == 1);
    CHECK(wechat_web_message(dissector, &answered, 1, NULL, 0, &report) == WECHAT_RESULT_OK && report.length == 0);
    CHECK(wechat_web_message(dissector, &answered, 0, body, length, &report) == WECHAT_RESULT_OK);
    check_web_report(&report, &answered, length);
    item = find_item(&report, "wechat_web.response_to");
    CHECK(item != NULL && item->value == 1);
    item = find_item(&report, "wechat_web.selector");
    CHECK(item != NULL && item->value == 2 && item->offset >= answered.captured);
    CHECK(answer_body[item->offset - answered.captured] == '2' && item->length == 1);

    /* What HTTP wants to see again is not taken. */
    answered.packet = 3;
    CHECK(wechat_web_begin(dissector, &answered) == 1 && wechat_web_take(dissector, &answered, 0) == 0);
    wechat_dissector_free(dissector);
}

static void check_web_panic(void)
{
    wechat_dissector *dissector = wechat_dissector_new(NULL);
    wechat_segment asked = http_of(poll, sizeof poll - 1, 1, 0);
    wechat_web_report report;

    CHECK(wechat_web_begin(dissector, &asked) == 1);
    CHECK(wechat_web_take(dissector, &asked, asked.captured) == 1);
    wechat_provoke_panic(dissector);
    CHECK(wechat_web_message(dissector, &asked, 0, NULL, 0, &report) == WECHAT_RESULT_FAILED);
    CHECK(report.offset == 0 && report.length == asked.captured && report.item_count == 1);
    CHECK(report.items[0].kind == WECHAT_ITEM_KIND_NOTE && report.record == NULL);
    CHECK(find_item(&report, "wechat_web.internal_error") == report.items);
    CHECK(report.items[0].offset == 0 && report.items[0].length == asked.captured);

    /* The handle is good for more. */
    CHECK(wechat_web_message(dissector, &asked, 0, NULL, 0, &report) == WECHAT_RESULT_OK);
    check_web_report(&report, &asked, 0);
    wechat_dissector_free(dissector);
}

static uint32_t read_u32(FILE *file)
{
    uint8_t bytes[4];

    CHECK(fread(bytes, 1, 4, file) == 4);
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The value of a wire field, as a host reads it. */
static uint32_t wire_u32(const wechat_report *report, const wechat_segment *segment, const char *filter)
{
    for (size_t i = 0; i < report->item_count; i++) {
        const wechat_item *item = &report->items[i];
        if (item->kind == WECHAT_ITEM_KIND_NOTE || strcmp(field_name(report, i), filter) != 0)
            continue;
        CHECK(item->length == 4 && item->offset + 4 <= segment->captured);
        const uint8_t *bytes = segment->data + item->offset;
        return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    }
    return UINT32_MAX;
}

/* The filters for the packet of a response: with its request, and all of the stream. */
static void check_exchange(const wechat_dissector *dissector, const wechat_segment *segment, uint32_t request)
{
    char filter[4096], part[40];

    CHECK(wechat_tables_get(registry)->packet_filter_count == 2);
    CHECK(wechat_packet_filter(dissector, 0, segment, filter, sizeof filter) == strlen(filter));
    snprintf(part, sizeof part, "frame.number == %" PRIu32, request);
    CHECK(strstr(filter, part) != NULL);
    snprintf(part, sizeof part, " || frame.number == %" PRIu32, segment->packet);
    CHECK(strstr(filter, part) != NULL);
    CHECK(wechat_packet_filter(dissector, 1, segment, filter, sizeof filter) == strlen(filter));
    CHECK(strcmp(filter, "wechat.stream == 0") == 0);
}

/* Records of packet, side, position, length and bytes, the numbers big-endian. Each lane's bytes
 * are put together here as TCP would. */
static void feed_sample(const char *name)
{
    FILE *file = fopen(name, "rb");
    wechat_dissector *dissector = wechat_dissector_new(NULL);
    uint8_t *held[2] = { NULL, NULL };
    size_t length[2] = { 0, 0 };
    uint32_t position[2] = { 0, 0 };

    CHECK(file != NULL && dissector != NULL);
    for (uint32_t packet; (packet = read_u32(file)) != 0;) {
        uint32_t side = read_u32(file) & 1;
        uint32_t start = read_u32(file);
        size_t more = read_u32(file);

        if (length[side] == 0)
            position[side] = start;
        held[side] = realloc(held[side], length[side] + more + 1);
        CHECK(held[side] != NULL && fread(held[side] + length[side], 1, more, file) == more);
        length[side] += more;
        while (length[side] > 0) {
            wechat_segment segment = segment_of(held[side], length[side]);
            wechat_report report;

            segment.packet = packet;
            segment.position = position[side];
            if (side == 1) {
                segment.flags |= WECHAT_SIDE;
                segment.src_port = 8080;
                segment.dst_port = 50000;
            }
            CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
            check_report(&report);
            if (report.verdict != WECHAT_VERDICT_CONSUMED) {
                CHECK(report.item_count == 0);
                break;
            }
            CHECK(report.length > 0 && report.length <= length[side]);
            CHECK(report.record != NULL);
            check_record(report.record, &segment);
            CHECK(report.record->operation == wire_u32(&report, &segment, "wechat.op"));
            CHECK(report.record->seq == wire_u32(&report, &segment, "wechat.seq"));
            if (report.record->flags & WECHAT_RECORD_RESPONDS)
                check_exchange(dissector, &segment, report.record->partner);
            printf("%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", packet, wire_u32(&report, &segment, "wechat.op"),
                   wire_u32(&report, &segment, "wechat.seq"));
            memmove(held[side], held[side] + report.length, length[side] - report.length);
            length[side] -= report.length;
            position[side] += report.length;
        }
    }
    fclose(file);
    free(held[0]);
    free(held[1]);
    wechat_dissector_free(dissector);
}

int main(int argc, char **argv)
{
    registry = wechat_registry_new();
    if (argc == 2 && strcmp(argv[1], "layout") == 0)
        print_layout();
    else if (argc == 2 && strcmp(argv[1], "misuse") == 0)
        check_misuse();
    else if (argc == 2 && strcmp(argv[1], "panic") == 0)
        check_panic();
    else if (argc == 2 && strcmp(argv[1], "web") == 0)
        check_web();
    else if (argc == 2 && strcmp(argv[1], "web-panic") == 0)
        check_web_panic();
    else if (argc == 3 && strcmp(argv[1], "sample") == 0)
        feed_sample(argv[2]);
    else
        return 2;
    wechat_registry_free(registry);
    return 0;
}
