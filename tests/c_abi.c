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

static wechat_registry *registry;

static const wechat_tables *tables_of(void)
{
    return wechat_tables_get(registry);
}

/* The place of the protocol whose own field has a name. */
static uint16_t place_of(const char *filter)
{
    for (uint16_t place = 0; place < tables_of()->protocol_count; place++) {
        const wechat_protocol *protocol = &tables_of()->protocols[place];
        if (protocol->under == place && strcmp(protocol->fields[0].filter, filter) == 0)
            return place;
    }
    CHECK(!"a protocol of this name");
    return 0;
}

static const wechat_protocol *protocol_of(const char *filter)
{
    return &tables_of()->protocols[place_of(filter)];
}

/* The table whose row a number names, and its place there. */
static const wechat_protocol *table_of(uint16_t number)
{
    CHECK(number >> WECHAT_ROW_BITS < (int)tables_of()->protocol_count);
    return &tables_of()->protocols[number >> WECHAT_ROW_BITS];
}

static size_t row_of(uint16_t number)
{
    return number & ((1u << WECHAT_ROW_BITS) - 1);
}

/* The table that a hand-off names. */
static const wechat_offer *offer_of(const wechat_hand_off *hand_off)
{
    CHECK(row_of(hand_off->table) < table_of(hand_off->table)->offer_count);
    return &table_of(hand_off->table)->offers[row_of(hand_off->table)];
}

static uint16_t number_of(uint16_t protocol, size_t row)
{
    return (uint16_t)(protocol << WECHAT_ROW_BITS | row);
}

/* The filter name of an item's field or note. */
static const char *filter_of(const wechat_item *item)
{
    const wechat_protocol *table = table_of(item->field);
    bool is_note = item->kind == WECHAT_ITEM_KIND_NOTE;

    CHECK(row_of(item->field) < (is_note ? table->note_count : table->field_count));
    return is_note ? table->notes[row_of(item->field)].filter : table->fields[row_of(item->field)].filter;
}

static const wechat_item *find_item(const wechat_report *report, const char *filter)
{
    for (size_t i = 0; i < report->item_count; i++)
        if (strcmp(filter_of(&report->items[i]), filter) == 0)
            return &report->items[i];
    return NULL;
}

/* The place of a value of a record, by its name. */
static size_t value_place(const wechat_record *record, const char *name)
{
    const wechat_protocol *protocol = &tables_of()->protocols[record->protocol];

    for (size_t place = 0; place < protocol->value_count; place++)
        if (strcmp(protocol->values[place].name, name) == 0)
            return place;
    CHECK(!"a value of this name");
    return 0;
}

static bool has_value(const wechat_record *record, const char *name)
{
    return record->present >> value_place(record, name) & 1;
}

static uint64_t value(const wechat_record *record, const char *name)
{
    return has_value(record, name) ? record->values[value_place(record, name)] : 0;
}

static const char *value_text(const wechat_record *record, const char *name)
{
    return record->texts + value(record, name);
}

static wechat_segment segment_of(const uint8_t *data, size_t length)
{
    wechat_segment segment = { 0 };

    segment.data = data;
    segment.captured = length;
    segment.reported = length;
    segment.packet = 1;
    segment.shown_stream = 7;
    segment.src_port = 50000;
    segment.dst_port = 8080;
    segment.flags = WECHAT_FIRST_VISIT | WECHAT_MORE | WECHAT_COUNTED | WECHAT_STREAM;
    segment.wanted = WECHAT_WANT_INFO | WECHAT_WANT_ITEMS | WECHAT_WANT_LABELS | WECHAT_WANT_RECORD | WECHAT_WANT_INSIDE;
    segment.protocol = place_of("wechat");
    return segment;
}

/* Every item within its source and its tables, every text ended, nobody handed what is not there. The first `given`
 * sources are the host's: of a PDU one, of a message two. */
static void check_items(const wechat_report *report, const wechat_segment *segment, size_t given)
{
    unsigned depth = 0;

    CHECK(report->texts[0] == '\0' && strlen(report->texts + report->info) < 4096);
    CHECK(report->protocol > 0 && report->protocol < tables_of()->protocol_count);
    CHECK(report->source_count >= given && report->sources[0].captured == segment->captured);
    for (size_t i = 0; i < report->source_count; i++) {
        const wechat_source *source = &report->sources[i];
        CHECK((source->data == NULL) == (i < given));
        CHECK((strlen(report->texts + source->name) == 0) == (i < given));
    }
    for (size_t i = 0; i < report->item_count; i++) {
        const wechat_item *item = &report->items[i];
        CHECK(filter_of(item) != NULL);
        CHECK(table_of(item->field) == tables_of()->protocols
              || table_of(item->field) == &tables_of()->protocols[report->protocol]);
        CHECK(item->kind >= WECHAT_ITEM_KIND_WIRE && item->kind <= WECHAT_ITEM_KIND_DECODED_TEXT);
        CHECK(item->depth <= depth + 1);
        CHECK(item->source < report->source_count);
        CHECK(item->offset + item->length <= report->sources[item->source].captured);
        if (item->kind == WECHAT_ITEM_KIND_DERIVED)
            CHECK(item->value >= given && item->value < report->source_count);
        CHECK(strlen(report->texts + item->text) < 4096);
        depth = item->depth;
    }
    for (size_t i = 0; i < report->hand_off_count; i++) {
        const wechat_hand_off *hand_off = &report->hand_offs[i];
        CHECK(hand_off->captured > 0 && hand_off->captured <= hand_off->length);
        CHECK(hand_off->source < report->source_count);
        CHECK(hand_off->offset + hand_off->captured <= report->sources[hand_off->source].captured);
        CHECK(offer_of(hand_off) != NULL && strlen(report->texts + hand_off->words) < 4096);
        CHECK(hand_off->flags == 0 || (hand_off->flags & WECHAT_INSIDE) != 0);
    }
}

/* That, and everything of source 0 within its PDU. */
static void check_report(const wechat_report *report, const wechat_segment *segment)
{
    CHECK(report->protocol == segment->protocol && report->offset == 0);
    check_items(report, segment, 1);
    for (size_t i = 0; i < report->item_count; i++) {
        const wechat_item *item = &report->items[i];
        CHECK(item->offset + item->length <= report->length || report->verdict != WECHAT_VERDICT_CONSUMED
              || item->source > 0);
    }
    for (size_t i = 0; i < report->hand_off_count; i++) {
        const wechat_hand_off *hand_off = &report->hand_offs[i];
        CHECK(hand_off->offset + hand_off->captured <= report->length || hand_off->source > 0);
    }
}

/* What statistics make of a record. */
typedef struct counted {
    wechat_tick ticks[WECHAT_MOST_TICKS];
    wechat_sample samples[WECHAT_MOST_SAMPLES];
    wechat_response response;
    wechat_sentence sentence;
    size_t tick_count, sample_count;
    int responds, speaks;
} counted;

static counted count(const wechat_record *record)
{
    counted all;

    memset(&all, 0, sizeof all);
    all.tick_count = wechat_tree_ticks(record, all.ticks, WECHAT_MOST_TICKS);
    all.sample_count = wechat_delay_samples(record, all.samples, WECHAT_MOST_SAMPLES);
    all.responds = wechat_response_get(record, &all.response);
    all.speaks = wechat_sentence_get(record, &all.sentence);
    return all;
}

/* A tap has a copy of `size` bytes, with a copy of the texts: it counts the same. */
static void check_copy(const wechat_record *record, const counted *all)
{
    wechat_record *copy = malloc(record->size);
    char *texts = malloc(record->text_length);
    uint8_t *bytes = malloc(record->byte_count + 1);
    counted again;

    CHECK(copy != NULL && texts != NULL && bytes != NULL);
    memcpy(copy, record, record->size);
    copy->texts = memcpy(texts, record->texts, record->text_length);
    CHECK((record->byte_count == 0) == (record->bytes == NULL));
    if (record->byte_count > 0)
        copy->bytes = memcpy(bytes, record->bytes, record->byte_count);
    again = count(copy);
    CHECK(again.tick_count == all->tick_count && again.sample_count == all->sample_count);
    for (size_t i = 0; i < again.tick_count; i++) {
        const wechat_tick *one = &all->ticks[i], *other = &again.ticks[i];
        CHECK(one->node == other->node && one->amount == other->amount && one->how == other->how);
        CHECK((one->part == NULL) == (other->part == NULL));
        CHECK(one->part == NULL || strcmp(one->part, other->part) == 0);
    }
    CHECK(again.responds == all->responds && again.response.row == all->response.row);
    CHECK(again.speaks == all->speaks && (!again.speaks || again.sentence.side == all->sentence.side));
    if (again.speaks)
        CHECK(again.sentence.line >= texts && again.sentence.line < texts + record->text_length);

    /* One that another library made is nobody's. */
    copy->version++;
    again = count(copy);
    CHECK(again.tick_count == 0 && again.sample_count == 0 && !again.responds && !again.speaks);
    copy->version--;
    copy->protocol = (uint16_t)tables_of()->protocol_count;
    again = count(copy);
    CHECK(again.tick_count == 0 && again.sample_count == 0 && !again.responds && !again.speaks);
    copy->protocol = record->protocol;
    copy->value_count = WECHAT_MOST_VALUES + 1;
    again = count(copy);
    CHECK(again.tick_count == 0 && again.sample_count == 0 && !again.responds && !again.speaks);
    free(copy);
    free(texts);
    free(bytes);
}

/* What a listener of any protocol's tap relies on. */
static counted check_head(const wechat_record *record, const wechat_segment *segment, uint16_t of)
{
    const wechat_protocol *protocol = &tables_of()->protocols[of];
    counted all = count(record);

    CHECK(record->version == WECHAT_RECORD_VERSION && record->next == NULL && record->protocol == of);
    CHECK(record->rows == protocol->values);
    CHECK(record->value_count == protocol->value_count && record->value_count <= WECHAT_MOST_VALUES);
    CHECK(record->size == offsetof(wechat_record, values) + record->value_count * sizeof record->values[0]);
    CHECK(record->nanoseconds < 1000000000);
    CHECK(record->packet == segment->packet && record->stream == segment->shown_stream);
    CHECK(record->src.port == segment->src_port && record->dst.port == segment->dst_port);
    CHECK(record->src.length == segment->src_length && record->dst.length == segment->dst_length);
    CHECK(memcmp(record->src.address, segment->src_address, segment->src_length) == 0);
    CHECK(record->seconds == segment->seconds && record->nanoseconds == (uint32_t)segment->nanoseconds);
    CHECK(record->present >> record->value_count == 0);
    CHECK(record->texts[0] == '\0' && record->texts[record->text_length - 1] == '\0');
    for (size_t place = 0; place < record->value_count; place++) {
        if ((record->present >> place & 1) == 0)
            continue;
        if (protocol->values[place].kind == WECHAT_VALUE_KIND_TEXT)
            CHECK(record->values[place] + strlen(record->texts + record->values[place]) < record->text_length);
        if (protocol->values[place].kind == WECHAT_VALUE_KIND_MARK)
            CHECK(record->values[place] == 1);
    }
    CHECK(all.tick_count > 0 && all.tick_count < WECHAT_MOST_TICKS);
    for (size_t i = 0; i < all.tick_count; i++) {
        CHECK(all.ticks[i].node < protocol->node_count && all.ticks[i].how <= WECHAT_TICK_KIND_RANGE);
        CHECK(all.ticks[i].part == NULL || strlen(all.ticks[i].part) > 0);
    }
    CHECK(wechat_tree_ticks(record, all.ticks, 1) == 1);
    CHECK(all.sample_count <= WECHAT_MOST_SAMPLES);
    for (size_t i = 0; i < all.sample_count; i++)
        CHECK(all.samples[i].row < protocol->delay_row_count);
    check_copy(record, &all);
    return all;
}

/* And of the long link's. */
static void check_record(const wechat_record *record, const wechat_segment *segment)
{
    const counted all = check_head(record, segment, place_of("wechat"));

    CHECK(value(record, "row") < protocol_of("wechat")->response_rows && value(record, "kind") < 8);
    CHECK(strlen(value_text(record, "row_name")) > 0 && strlen(value_text(record, "info")) > 0);
    CHECK(!has_value(record, "later"));

    CHECK(all.responds == has_value(record, "response_time"));
    if (all.responds) {
        CHECK(all.response.row == value(record, "row"));
        CHECK(all.response.elapsed == (int64_t)value(record, "response_time"));
        CHECK(strcmp(all.response.name, value_text(record, "row_name")) == 0);
    }
    CHECK(all.speaks == 1 && strcmp(all.sentence.line, value_text(record, "info")) == 0);
    CHECK(strcmp(all.sentence.label, value_text(record, "row_name")) == 0);
    CHECK(all.sentence.side == value(record, "sender"));
}

/* The body of a frame is for whoever registered for its operation. */
static void check_hand_off(const wechat_report *report)
{
    const wechat_record *record = report->record;
    const wechat_hand_off *hand_off = report->hand_offs;

    CHECK(report->hand_off_count == (value(record, "body_len") > 0));
    if (report->hand_off_count == 0)
        return;
    CHECK(hand_off->flags == 0 && hand_off->key == value(record, "operation"));
    CHECK(strcmp(offer_of(hand_off)->name, "wechat.op") == 0);
    CHECK(hand_off->source == 0 && hand_off->offset == value(record, "head_len"));
    CHECK(hand_off->length == value(record, "body_len") && hand_off->captured == hand_off->length);
}

static void print_layout(void)
{
#define SIZE(type) printf("sizeof " #type " %zu\n", sizeof(type))
#define OFFSET(type, member) printf("offsetof " #type "." #member " %zu\n", offsetof(type, member))
    SIZE(wechat_value);
    OFFSET(wechat_value, value);
    OFFSET(wechat_value, name);
    SIZE(wechat_field);
    OFFSET(wechat_field, filter);
    OFFSET(wechat_field, label);
    OFFSET(wechat_field, help);
    OFFSET(wechat_field, values);
    OFFSET(wechat_field, value_count);
    OFFSET(wechat_field, mask);
    OFFSET(wechat_field, kind);
    OFFSET(wechat_field, base);
    OFFSET(wechat_field, bits);
    SIZE(wechat_note);
    OFFSET(wechat_note, filter);
    OFFSET(wechat_note, summary);
    OFFSET(wechat_note, group);
    OFFSET(wechat_note, severity);
    SIZE(wechat_part);
    OFFSET(wechat_part, name);
    OFFSET(wechat_part, help);
    SIZE(wechat_preference);
    OFFSET(wechat_preference, name);
    OFFSET(wechat_preference, title);
    OFFSET(wechat_preference, help);
    OFFSET(wechat_preference, ports);
    OFFSET(wechat_preference, parts);
    OFFSET(wechat_preference, part_count);
    OFFSET(wechat_preference, number);
    OFFSET(wechat_preference, kind);
    SIZE(wechat_offer);
    OFFSET(wechat_offer, name);
    OFFSET(wechat_offer, title);
    OFFSET(wechat_offer, heuristics);
    OFFSET(wechat_offer, fallback);
    SIZE(wechat_join);
    OFFSET(wechat_join, table);
    OFFSET(wechat_join, key);
    SIZE(wechat_value_row);
    OFFSET(wechat_value_row, name);
    OFFSET(wechat_value_row, kind);
    SIZE(wechat_node);
    OFFSET(wechat_node, name);
    OFFSET(wechat_node, parent);
    OFFSET(wechat_node, ranges);
    OFFSET(wechat_node, range_count);
    SIZE(wechat_protocol);
    OFFSET(wechat_protocol, fields);
    OFFSET(wechat_protocol, field_count);
    OFFSET(wechat_protocol, notes);
    OFFSET(wechat_protocol, note_count);
    OFFSET(wechat_protocol, preferences);
    OFFSET(wechat_protocol, preference_count);
    OFFSET(wechat_protocol, offers);
    OFFSET(wechat_protocol, offer_count);
    OFFSET(wechat_protocol, joins);
    OFFSET(wechat_protocol, join_count);
    OFFSET(wechat_protocol, values);
    OFFSET(wechat_protocol, value_count);
    OFFSET(wechat_protocol, nodes);
    OFFSET(wechat_protocol, node_count);
    OFFSET(wechat_protocol, tree_title);
    OFFSET(wechat_protocol, responses_title);
    OFFSET(wechat_protocol, responses_column);
    OFFSET(wechat_protocol, response_rows);
    OFFSET(wechat_protocol, delays_title);
    OFFSET(wechat_protocol, delays_command);
    OFFSET(wechat_protocol, delay_columns);
    OFFSET(wechat_protocol, delay_rows);
    OFFSET(wechat_protocol, delay_row_count);
    OFFSET(wechat_protocol, lines_title);
    OFFSET(wechat_protocol, lines_command);
    OFFSET(wechat_protocol, flow_title);
    OFFSET(wechat_protocol, packet_filters);
    OFFSET(wechat_protocol, packet_filter_count);
    OFFSET(wechat_protocol, under);
    OFFSET(wechat_protocol, on_streams);
    OFFSET(wechat_protocol, in_http);
    OFFSET(wechat_protocol, exports);
    SIZE(wechat_tables);
    OFFSET(wechat_tables, protocols);
    OFFSET(wechat_tables, protocol_count);
    OFFSET(wechat_tables, media_types);
    OFFSET(wechat_tables, media_type_count);
    SIZE(wechat_segment);
    OFFSET(wechat_segment, data);
    OFFSET(wechat_segment, captured);
    OFFSET(wechat_segment, reported);
    OFFSET(wechat_segment, seconds);
    OFFSET(wechat_segment, nanoseconds);
    OFFSET(wechat_segment, packet);
    OFFSET(wechat_segment, stream);
    OFFSET(wechat_segment, shown_stream);
    OFFSET(wechat_segment, position);
    OFFSET(wechat_segment, src_address);
    OFFSET(wechat_segment, dst_address);
    OFFSET(wechat_segment, src_length);
    OFFSET(wechat_segment, dst_length);
    OFFSET(wechat_segment, src_port);
    OFFSET(wechat_segment, dst_port);
    OFFSET(wechat_segment, server_port);
    OFFSET(wechat_segment, flags);
    OFFSET(wechat_segment, wanted);
    OFFSET(wechat_segment, fields);
    OFFSET(wechat_segment, protocol);
    SIZE(wechat_item);
    OFFSET(wechat_item, value);
    OFFSET(wechat_item, offset);
    OFFSET(wechat_item, length);
    OFFSET(wechat_item, text);
    OFFSET(wechat_item, field);
    OFFSET(wechat_item, source);
    OFFSET(wechat_item, kind);
    OFFSET(wechat_item, depth);
    SIZE(wechat_source);
    OFFSET(wechat_source, data);
    OFFSET(wechat_source, captured);
    OFFSET(wechat_source, name);
    SIZE(wechat_hand_off);
    OFFSET(wechat_hand_off, offset);
    OFFSET(wechat_hand_off, captured);
    OFFSET(wechat_hand_off, length);
    OFFSET(wechat_hand_off, key);
    OFFSET(wechat_hand_off, stream);
    OFFSET(wechat_hand_off, shown_stream);
    OFFSET(wechat_hand_off, position);
    OFFSET(wechat_hand_off, flags);
    OFFSET(wechat_hand_off, words);
    OFFSET(wechat_hand_off, source);
    OFFSET(wechat_hand_off, table);
    SIZE(wechat_object);
    OFFSET(wechat_object, offset);
    OFFSET(wechat_object, length);
    OFFSET(wechat_object, name);
    OFFSET(wechat_object, kind);
    OFFSET(wechat_object, source);
    SIZE(wechat_report);
    OFFSET(wechat_report, verdict);
    OFFSET(wechat_report, length);
    OFFSET(wechat_report, offset);
    OFFSET(wechat_report, info);
    OFFSET(wechat_report, items);
    OFFSET(wechat_report, item_count);
    OFFSET(wechat_report, texts);
    OFFSET(wechat_report, sources);
    OFFSET(wechat_report, source_count);
    OFFSET(wechat_report, hand_offs);
    OFFSET(wechat_report, hand_off_count);
    OFFSET(wechat_report, objects);
    OFFSET(wechat_report, object_count);
    OFFSET(wechat_report, record);
    OFFSET(wechat_report, protocol);
    SIZE(wechat_record);
    OFFSET(wechat_record, version);
    OFFSET(wechat_record, size);
    OFFSET(wechat_record, next);
    OFFSET(wechat_record, texts);
    OFFSET(wechat_record, rows);
    OFFSET(wechat_record, seconds);
    OFFSET(wechat_record, present);
    OFFSET(wechat_record, nanoseconds);
    OFFSET(wechat_record, text_length);
    OFFSET(wechat_record, packet);
    OFFSET(wechat_record, stream);
    OFFSET(wechat_record, protocol);
    OFFSET(wechat_record, value_count);
    OFFSET(wechat_record, values);
    SIZE(wechat_tick);
    OFFSET(wechat_tick, part);
    OFFSET(wechat_tick, amount);
    OFFSET(wechat_tick, node);
    OFFSET(wechat_tick, how);
    SIZE(wechat_sample);
    OFFSET(wechat_sample, delay);
    OFFSET(wechat_sample, row);
    OFFSET(wechat_sample, delayed);
    SIZE(wechat_response);
    OFFSET(wechat_response, name);
    OFFSET(wechat_response, elapsed);
    OFFSET(wechat_response, row);
    SIZE(wechat_sentence);
    OFFSET(wechat_sentence, line);
    OFFSET(wechat_sentence, label);
    OFFSET(wechat_sentence, side);
    SIZE(wechat_result);
    SIZE(wechat_verdict);
    SIZE(wechat_side);
    SIZE(wechat_type);
    SIZE(wechat_base);
    SIZE(wechat_group);
    SIZE(wechat_severity);
    SIZE(wechat_preference_type);
    SIZE(wechat_value_kind);
}

static void check_misuse(void)
{
    const wechat_tables *tables = tables_of();
    const char *good[] = { "4711", "experiment", "request" };
    const char *bad[] = { "x", "experiment", "" };
    const char *no_utf8[] = { "4711", "\xff\xfe", "" };
    char message[200];
    wechat_segment segment = segment_of(heartbeat, sizeof heartbeat);
    wechat_report report;
    uint16_t ports = 0, table = 0, number = 0, text = 0, any_port = 0;
    const uint16_t link = place_of("wechat"), web = place_of("wechat_web"), no_protocol = (uint16_t)tables->protocol_count;

    CHECK(wechat_abi_version() == WECHAT_ABI_VERSION);
    CHECK(tables != NULL && wechat_tables_get(NULL) == NULL);
    wechat_registry_free(NULL);
    CHECK(tables->protocol_count <= WECHAT_MOST_PROTOCOLS && !tables->protocols[0].on_streams);
    CHECK(!tables->protocols[0].in_http);
    for (uint16_t of = 0; of < tables->protocol_count; of++) {
        const wechat_protocol *protocol = &tables->protocols[of];
        CHECK(protocol->under < tables->protocol_count);
        CHECK((protocol->fields[0].kind == WECHAT_TYPE_PROTOCOL) == (protocol->under == of));
        for (size_t i = 0; i < protocol->preference_count; i++) {
            enum wechat_preference_type kind = protocol->preferences[i].kind;
            if (kind == WECHAT_PREFERENCE_TYPE_PORTS)
                ports = number_of(of, i);
            else if (kind == WECHAT_PREFERENCE_TYPE_TABLE)
                table = number_of(of, i);
            else if (kind == WECHAT_PREFERENCE_TYPE_NUMBER)
                number = number_of(of, i);
            else if (kind == WECHAT_PREFERENCE_TYPE_TEXT)
                text = number_of(of, i);
            else if (of == link && strcmp(protocol->preferences[i].name, "try_any_port") == 0)
                any_port = number_of(of, i);
        }
    }

    wechat_config *config = wechat_config_new();
    CHECK(config != NULL);
    CHECK(wechat_config_set_number(NULL, number, 1) == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_number(config, ports, 1) == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_number(config, 999, 1) == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_number(config, number_of(no_protocol, 0), 1) == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_number(config, any_port, 1) == WECHAT_RESULT_OK);
    CHECK(wechat_config_set_number(config, number, 0) == WECHAT_RESULT_OK);
    CHECK(wechat_config_set_number(config, number, UINT32_MAX) == WECHAT_RESULT_OK);
    CHECK(wechat_config_set_ports(config, ports, NULL) == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_ports(NULL, ports, "80") == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_ports(config, number, "80") == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_ports(config, ports, "\xff") == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_ports(config, ports, "80,,x,99999,5-,8080-8090") == WECHAT_RESULT_OK);
    CHECK(wechat_config_set_text(NULL, text, "abc") == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_text(config, text, NULL) == WECHAT_RESULT_NULL);
    CHECK(wechat_config_set_text(config, ports, "80") == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_text(config, text, "\xff") == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_ports(config, text, "80") == WECHAT_RESULT_INVALID);
    CHECK(wechat_config_set_text(config, text, "") == WECHAT_RESULT_OK);
    CHECK(wechat_config_set_text(config, text, "abc") == WECHAT_RESULT_OK);
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
    /* Protocols that take no segments apart, and none at all. */
    const uint16_t without[] = { 0, web, no_protocol, UINT16_MAX };
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        segment = segment_of(heartbeat, sizeof heartbeat);
        segment.protocol = without[i];
        CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_INVALID);
    }
    segment = segment_of(heartbeat, sizeof heartbeat);
    segment.seconds = INT64_MAX;
    segment.nanoseconds = INT32_MIN;
    segment.flags |= 0xffff0000;
    segment.wanted |= 0xffff0000;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
    CHECK(report.verdict == WECHAT_VERDICT_CONSUMED && report.length == 16);
    check_report(&report, &segment);

    /* A packet that comes after a later one, and a visit to one that never was. */
    segment.packet = 0;
    segment.position = 16;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
    segment.flags &= ~(uint32_t)WECHAT_FIRST_VISIT;
    segment.packet = 77;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
    CHECK(report.record == NULL);
    segment.flags |= WECHAT_FIRST_VISIT;
    segment.position = 32;
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK && report.record != NULL);

    wechat_tick tick;
    wechat_sample sample;
    wechat_response response;
    wechat_sentence sentence;
    const char *rest = "untouched";
    CHECK(wechat_tree_ticks(NULL, &tick, 1) == 0 && wechat_tree_ticks(report.record, NULL, 9) == 0);
    CHECK(wechat_delay_samples(NULL, &sample, 1) == 0 && wechat_delay_samples(report.record, NULL, 9) == 0);
    CHECK(wechat_response_get(NULL, &response) == 0 && wechat_response_get(report.record, NULL) == 0);
    CHECK(wechat_sentence_get(NULL, &sentence) == 0 && wechat_sentence_get(report.record, NULL) == 0);
    CHECK(wechat_tree_ticks(report.record, &tick, 0) == 0);
    CHECK(wechat_lines_new(link, NULL, &rest) == NULL && wechat_lines_new(link, "", NULL) == NULL);
    CHECK(wechat_lines_new(link, "\xff", &rest) == NULL && wechat_lines_new(no_protocol, "", &rest) == NULL);
    CHECK(tables->protocols[0].lines_title == NULL && wechat_lines_new(0, "", &rest) == NULL);
    CHECK(wechat_lines_new(link, "s", &rest) == NULL && wechat_lines_new(link, "json", &rest) == NULL);
    CHECK(strcmp(rest, "untouched") == 0);
    CHECK(wechat_lines_write(NULL, NULL) == NULL && wechat_lines_end(NULL) == NULL);
    wechat_lines_free(NULL);
    const char *words = ",json,tcp.port == 80";
    wechat_lines *lines = wechat_lines_new(link, words, &rest);
    CHECK(lines != NULL && rest == words + 6 && strcmp(wechat_lines_write(lines, NULL), "") == 0);
    CHECK(strncmp(wechat_lines_write(lines, report.record), "{\"frame\":77,", 12) == 0);
    CHECK(strcmp(wechat_lines_end(lines), "") == 0);
    wechat_lines_free(lines);
    lines = wechat_lines_new(link, "", &rest);
    CHECK(lines != NULL && rest == NULL && strncmp(wechat_lines_write(lines, NULL), "frame\tstream\t", 13) == 0);
    wechat_lines_free(lines);
    memset(message, '#', sizeof message);
    CHECK(wechat_packet_filter(NULL, 0, &segment, message, 5) == 0 && message[0] == '\0');
    CHECK(wechat_packet_filter(dissector, 99, &segment, message, 5) == 0);
    CHECK(wechat_packet_filter(dissector, 0, NULL, NULL, 0) == 0);
    segment.protocol = no_protocol;
    CHECK(wechat_packet_filter(dissector, 0, &segment, message, 5) == 0);
    segment.protocol = link;
    CHECK(wechat_dialogue_filter(no_protocol, 7, message, 8) == 0 && wechat_dialogue_filter(0, 7, message, 8) == 0);
    CHECK(wechat_dialogue_filter(link, 7, message, 8) == 18 && strcmp(message, "wechat.") == 0);
    CHECK(wechat_ends_filter(NULL, message, 5) == 0 && wechat_ends_filter(&segment, message, 5) == 0);

    CHECK(wechat_claim(NULL, &segment) == 0);
    CHECK(wechat_claim(dissector, NULL) == 0);
    segment = segment_of(heartbeat, sizeof heartbeat);
    segment.stream = 5;
    CHECK(wechat_claim(dissector, &segment) == link);
    segment.data = NULL;
    CHECK(wechat_claim(dissector, &segment) == 0);
    /* On any port a protocol asks for itself alone. */
    segment = segment_of(heartbeat, sizeof heartbeat);
    segment.flags |= WECHAT_BEGAN | WECHAT_ANY_PORT;
    segment.stream = 8;
    CHECK(wechat_claim(dissector, &segment) == link);
    segment.stream = 9;
    segment.protocol = web;
    CHECK(wechat_claim(dissector, &segment) == 0);

    /* A first segment of four bytes is the owner's, and begins the frame all the same. */
    const uint8_t *begun = heartbeat;
    CHECK(wechat_begun(NULL, &segment, &begun) == 0 && wechat_begun(dissector, NULL, &begun) == 0);
    CHECK(wechat_begun(dissector, &segment, NULL) == 0);
    segment = segment_of(heartbeat, 4);
    segment.flags &= ~(uint32_t)WECHAT_STREAM;
    segment.src_port = 40001;
    segment.dst_port = 8080;
    CHECK(wechat_claim(dissector, &segment) == 0 && wechat_begun(dissector, &segment, &begun) == 0);
    segment.data = heartbeat + 4;
    segment.captured = segment.reported = sizeof heartbeat - 4;
    segment.position += 4;
    segment.packet += 1;
    CHECK(wechat_claim(dissector, &segment) == link && begun == heartbeat);
    CHECK(wechat_begun(dissector, &segment, &begun) == 4 && memcmp(begun, heartbeat, 4) == 0);
    /* The host has a number for the stream now. */
    segment.flags = (segment.flags | WECHAT_STREAM) & ~(uint32_t)WECHAT_FIRST_VISIT;
    segment.stream = 6;
    CHECK(wechat_claim(dissector, &segment) == 0 && wechat_begun(dissector, &segment, &begun) == 0);
    segment.flags |= WECHAT_FIRST_VISIT;
    CHECK(wechat_claim(dissector, &segment) == link && wechat_begun(dissector, &segment, &begun) == 4);
    segment.flags &= ~(uint32_t)WECHAT_FIRST_VISIT;
    CHECK(wechat_claim(dissector, &segment) == link && wechat_begun(dissector, &segment, &begun) == 4);
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
    CHECK(strcmp(filter_of(report.items), "wechat.internal_error") == 0 && report.protocol == segment.protocol);
    CHECK(report.record == NULL && report.hand_off_count == 0);
    CHECK(report.items[0].offset == 0 && report.items[0].length == 16);
    CHECK(strstr(report.texts + report.items[0].text, "please report it") != NULL);

    /* The handle is good for more. */
    CHECK(wechat_dissect(dissector, &segment, &report) == WECHAT_RESULT_OK);
    check_report(&report, &segment);
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
static void check_web_report(const wechat_report *report, const wechat_segment *segment, size_t body)
{
    CHECK(report->protocol == place_of("wechat_web") && report->verdict == WECHAT_VERDICT_CONSUMED);
    CHECK(report->info != 0 && strlen(report->texts + report->info) > 0);
    CHECK(report->length > 0 && report->offset + report->length <= segment->captured && report->item_count > 0);
    CHECK(report->source_count == 2 && report->sources[1].captured == body && report->hand_off_count == 0);
    check_items(report, segment, 2);
    CHECK(report->items[0].field == number_of(report->protocol, 0) && report->items[0].source == 0);
    CHECK(report->record != NULL);
    counted all = check_head(report->record, segment, report->protocol);
    CHECK(all.sample_count == 0 && !all.responds && !all.speaks);
}

static void check_web_misuse(wechat_dissector *dissector)
{
    wechat_segment segment = http_of(poll, sizeof poll - 1, 1, 0);
    wechat_segment nothing = segment;
    wechat_report report;

    nothing.data = NULL;
    CHECK(wechat_http_claim(NULL) == 0 && wechat_http_claim(&nothing) == 0);
    CHECK(wechat_http_begin(NULL, &segment) == 0 && wechat_http_begin(dissector, NULL) == 0);
    CHECK(wechat_http_begin(dissector, &nothing) == 0);
    CHECK(wechat_http_place(NULL, &segment, 0, 1, NULL) == -1 && wechat_http_place(dissector, NULL, 0, 1, NULL) == -1);
    CHECK(wechat_http_place(dissector, &segment, 0, 1, "text/plain") == -1);
    CHECK(wechat_http_place(dissector, &segment, SIZE_MAX, SIZE_MAX, "\xff") == -1);
    CHECK(wechat_http_speaks(NULL, &segment, 1) == 0 && wechat_http_speaks(dissector, NULL, 1) == 0);
    CHECK(wechat_http_speaks(dissector, &nothing, 1) == 0 && wechat_http_speaks(dissector, &segment, 1) == 0);
    CHECK(wechat_http_end(NULL, &segment, 9) == 0 && wechat_http_end(dissector, NULL, 9) == 0);
    CHECK(wechat_http_end(dissector, &nothing, 9) == 0 && wechat_http_end(dissector, &segment, SIZE_MAX) == 0);
    CHECK(wechat_http_message(NULL, &segment, 0, NULL, 0, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_http_message(dissector, NULL, 0, NULL, 0, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_http_message(dissector, &segment, 0, NULL, 0, NULL) == WECHAT_RESULT_NULL);
    CHECK(wechat_http_message(dissector, &segment, 0, NULL, 5, &report) == WECHAT_RESULT_NULL);
    CHECK(wechat_http_message(dissector, &nothing, 0, NULL, 0, &report) == WECHAT_RESULT_NULL);
    nothing.captured = SIZE_MAX;
    CHECK(wechat_http_claim(&nothing) == 0 && wechat_http_begin(dissector, &nothing) == 0);
    /* Nothing was begun, and no message has such a number: nothing of ours. */
    memset(&report, 0xa5, sizeof report);
    CHECK(wechat_http_message(dissector, &segment, SIZE_MAX, NULL, 0, &report) == WECHAT_RESULT_OK);
    CHECK(report.length == 0 && report.item_count == 0 && report.record == NULL && report.hand_off_count == 0);
    CHECK(wechat_http_owner(NULL, &segment, 0) == 0 && wechat_http_owner(dissector, NULL, 0) == 0);
    CHECK(wechat_http_owner(dissector, &segment, 0) == 0 && wechat_http_owner(dissector, &segment, SIZE_MAX) == 0);
    /* Without a number of the host's the two ends are the stream. */
    nothing = segment;
    nothing.flags &= ~(uint32_t)WECHAT_STREAM;
    CHECK(wechat_http_begin(dissector, &nothing) == 1);
    CHECK(wechat_http_claim(&segment) == 1);
    segment = http_of(answer_head, sizeof answer_head - 1, 1, WECHAT_SIDE);
    CHECK(wechat_http_claim(&segment) == 0);
}

static void check_web(void)
{
    wechat_dissector *dissector = wechat_dissector_new(NULL);
    wechat_segment asked = http_of(poll, sizeof poll - 1, 1, 0);
    wechat_segment answered = http_of(answer_head, sizeof answer_head - 1, 2, WECHAT_SIDE);
    const uint8_t *body = (const uint8_t *)answer_body;
    const size_t length = sizeof answer_body - 1;
    wechat_report report;
    const wechat_item *item;

    CHECK(dissector != NULL && length == 44);
    check_web_misuse(dissector);

    CHECK(wechat_http_begin(dissector, &asked) == 1);
    CHECK(wechat_http_speaks(dissector, &asked, 0) == 1);
    CHECK(wechat_http_end(dissector, &asked, asked.captured) == 1);
    CHECK(wechat_http_owner(dissector, &asked, 0) == place_of("wechat_web"));
    CHECK(wechat_http_owner(dissector, &asked, 1) == 0 && wechat_http_owner(dissector, &answered, 0) == 0);
    memset(&report, 0xa5, sizeof report);
    CHECK(wechat_http_message(dissector, &asked, 0, NULL, 0, &report) == WECHAT_RESULT_OK);
    CHECK(report.offset == 0 && report.length == asked.captured);
    check_web_report(&report, &asked, 0);
    CHECK(value(report.record, "request") == 1 && !has_value(report.record, "partner"));
    item = find_item(&report, "wechat_web.sid");
    CHECK(item != NULL && item->source == 0 && item->length == 6 && memcmp(poll + item->offset, "secret", 6) == 0);
    CHECK(report.texts[item->text] == '#' && strstr(report.texts + item->text, "secret") == NULL);

    CHECK(wechat_http_begin(dissector, &answered) == 1);
    CHECK(wechat_http_place(dissector, &answered, 0, length, "text/javascript") == -1);
    CHECK(wechat_http_place(dissector, &answered, sizeof answer_head - 1, length, "text/javascript") == 0);
    CHECK(wechat_http_place(dissector, &answered, sizeof answer_head - 1, length, "text/javascript") == -1);
    CHECK(wechat_http_end(dissector, &answered, answered.captured) == 1);
    CHECK(wechat_http_owner(dissector, &answered, 0) == place_of("wechat_web"));
    CHECK(wechat_http_message(dissector, &answered, 1, NULL, 0, &report) == WECHAT_RESULT_OK && report.length == 0);
    CHECK(wechat_http_message(dissector, &answered, 0, body, length, &report) == WECHAT_RESULT_OK);
    check_web_report(&report, &answered, length);
    item = find_item(&report, "wechat_web.response_to");
    CHECK(item != NULL && item->value == 1);
    item = find_item(&report, "wechat_web.selector");
    CHECK(item != NULL && item->value == 2 && item->source == 1);
    CHECK(answer_body[item->offset] == '2' && item->length == 1);
    CHECK(has_value(report.record, "request") && value(report.record, "request") == 0);
    CHECK(value(report.record, "partner") == 1 && value(report.record, "response_time") == 1000000000);
    CHECK(value(report.record, "selector") == 2 && has_value(report.record, "retcode"));

    /* What HTTP wants to see again is not taken. */
    answered.packet = 3;
    CHECK(wechat_http_begin(dissector, &answered) == 1 && wechat_http_end(dissector, &answered, 0) == 0);
    wechat_dissector_free(dissector);
}

static void check_web_panic(void)
{
    wechat_dissector *dissector = wechat_dissector_new(NULL);
    wechat_segment asked = http_of(poll, sizeof poll - 1, 1, 0);
    wechat_report report;

    CHECK(wechat_http_begin(dissector, &asked) == 1);
    CHECK(wechat_http_end(dissector, &asked, asked.captured) == 1);
    wechat_provoke_panic(dissector);
    CHECK(wechat_http_message(dissector, &asked, 0, NULL, 0, &report) == WECHAT_RESULT_FAILED);
    CHECK(report.offset == 0 && report.length == asked.captured && report.item_count == 1);
    CHECK(report.items[0].kind == WECHAT_ITEM_KIND_NOTE && report.record == NULL);
    CHECK(find_item(&report, "wechat_web.internal_error") == report.items);
    CHECK(report.items[0].offset == 0 && report.items[0].length == asked.captured);
    CHECK(report.protocol == place_of("wechat_web"));

    /* The handle is good for more. */
    CHECK(wechat_http_message(dissector, &asked, 0, NULL, 0, &report) == WECHAT_RESULT_OK);
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
    const wechat_item *item = find_item(report, filter);

    if (item == NULL)
        return UINT32_MAX;
    CHECK(item->kind == WECHAT_ITEM_KIND_WIRE || item->kind == WECHAT_ITEM_KIND_SUBTREE);
    CHECK(item->source == 0 && item->length == 4 && item->offset + 4 <= segment->captured);
    const uint8_t *bytes = segment->data + item->offset;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The filters for the packet of a response: with its request, and all of the stream. */
static void check_exchange(wechat_dissector *dissector, const wechat_segment *segment, uint32_t request)
{
    char filter[4096], part[40];

    CHECK(protocol_of("wechat")->packet_filter_count == 2);
    CHECK(wechat_packet_filter(dissector, 0, segment, filter, sizeof filter) == strlen(filter));
    snprintf(part, sizeof part, "frame.number == %" PRIu32, request);
    CHECK(strstr(filter, part) != NULL);
    snprintf(part, sizeof part, " || frame.number == %" PRIu32, segment->packet);
    CHECK(strstr(filter, part) != NULL);
    CHECK(wechat_packet_filter(dissector, 1, segment, filter, sizeof filter) == strlen(filter));
    CHECK(strcmp(filter, "wechat.stream == 7") == 0);
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
    size_t bodies = 0, responses = 0;

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
            check_report(&report, &segment);
            if (report.verdict != WECHAT_VERDICT_CONSUMED) {
                CHECK(report.item_count == 0);
                break;
            }
            CHECK(report.length > 0 && report.length <= length[side]);
            CHECK(report.record != NULL);
            check_record(report.record, &segment);
            check_hand_off(&report);
            CHECK(value(report.record, "operation") == wire_u32(&report, &segment, "wechat.op"));
            CHECK(value(report.record, "seqid") == wire_u32(&report, &segment, "wechat.seq"));
            CHECK(value(report.record, "length") == report.length);
            bodies += report.hand_off_count;
            if (has_value(report.record, "response_time")) {
                check_exchange(dissector, &segment, (uint32_t)value(report.record, "partner"));
                responses++;
            }
            printf("%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", packet, wire_u32(&report, &segment, "wechat.op"),
                   wire_u32(&report, &segment, "wechat.seq"));
            memmove(held[side], held[side] + report.length, length[side] - report.length);
            length[side] -= report.length;
            position[side] += report.length;
        }
    }
    CHECK(bodies > 10 && responses > 10);
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
