/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * draw.c - a report to columns and packet tree, and the body to whoever wants it.
 */
#include "shim.h"

/* Deeper items stay at this depth; the Rust side nests less. */
#define DEEPEST 32

static const wechat_tables *tables;
static dissector_table_t body_table;
static heur_dissector_list_t body_heuristics;
static int tap_expert;
static int tap_records;
static int tap_web_records;

uint32_t draw_wanted(packet_info *pinfo, proto_tree *tree, int proto)
{
    int tap = proto == shim_web_proto ? tap_web_records : tap_records;
    uint32_t wanted = have_tap_listener(tap) ? WECHAT_WANT_RECORD : 0;

    if (pinfo->cinfo != NULL && col_get_writable(pinfo->cinfo, COL_INFO))
        wanted |= WECHAT_WANT_INFO;
    if (tree == NULL)
        return wanted;
    if (PTREE_DATA(tree)->visible)
        return wanted | WECHAT_WANT_ITEMS | WECHAT_WANT_LABELS;
    /* A tree that nobody sees is there for a filter or a tap: of ours, or of expert infos. */
    if (proto_field_is_referenced(tree, proto) || proto_field_is_referenced(tree, proto_expert) ||
        have_tap_listener(tap_expert))
        wanted |= WECHAT_WANT_ITEMS;
    return wanted;
}

static proto_item *draw_value(proto_tree *tree, const wechat_item *item, tvbuff_t *tvb, int start)
{
    int id = shim_field_ids[item->field];
    int length = (int)item->length;

    switch (tables->fields[item->field].kind) {
    case WECHAT_TYPE_DURATION: {
        int64_t nanoseconds = (int64_t)item->value;
        nstime_t time = { (time_t)(nanoseconds / 1000000000), (int)(nanoseconds % 1000000000) };
        return proto_tree_add_time(tree, id, tvb, start, length, &time);
    }
    case WECHAT_TYPE_TIME: {
        nstime_t time = { (time_t)(item->value / 1000000000), (int)(item->value % 1000000000) };
        return proto_tree_add_time(tree, id, tvb, start, length, &time);
    }
    case WECHAT_TYPE_BOOLEAN:
        /* Of a masked one its mask takes the bit. */
        return proto_tree_add_boolean(tree, id, tvb, start, length, (uint32_t)item->value);
    case WECHAT_TYPE_I32:
        return proto_tree_add_int(tree, id, tvb, start, length, (int32_t)(uint32_t)item->value);
    case WECHAT_TYPE_I64:
        return proto_tree_add_int64(tree, id, tvb, start, length, (int64_t)item->value);
    case WECHAT_TYPE_U64:
        return proto_tree_add_uint64(tree, id, tvb, start, length, item->value);
    case WECHAT_TYPE_U8:
    case WECHAT_TYPE_U16:
    case WECHAT_TYPE_U32:
    case WECHAT_TYPE_PACKET:
    case WECHAT_TYPE_REQUEST_PACKET:
    case WECHAT_TYPE_RESPONSE_PACKET:
    case WECHAT_TYPE_ACK_PACKET:
        return proto_tree_add_uint(tree, id, tvb, start, length, (uint32_t)item->value);
    default:
        return NULL;
    }
}

static unsigned field_encoding(wechat_type type)
{
    switch (type) {
    case WECHAT_TYPE_TEXT:
    case WECHAT_TYPE_PADDED_TEXT:
        return ENC_UTF_8 | ENC_NA;
    case WECHAT_TYPE_PROTOCOL:
    case WECHAT_TYPE_NONE:
    case WECHAT_TYPE_BYTES:
        return ENC_NA;
    default:
        return ENC_BIG_ENDIAN;
    }
}

/* A note on the very bytes of the subtree it is in belongs to that subtree's item; any other gets an
 * item of its own. */
static void draw_note(const wechat_item *note, const wechat_item *above, const char *text, tvbuff_t *tvb, int at,
                      packet_info *pinfo, proto_tree *tree)
{
    expert_field *id = &shim_note_ids[note->field];

    if (above != NULL && above->offset == note->offset && above->length == note->length)
        expert_add_info_format(pinfo, proto_tree_get_parent(tree), id, "%s", text);
    else
        proto_tree_add_expert_format(tree, pinfo, id, tvb, at, (int)note->length, "%s", text);
}

/* Where a report's bytes lie: from `start` of `tvb`, and those behind the first `captured` in `body`. */
typedef struct {
    tvbuff_t *tvb;
    unsigned start;
    unsigned captured;
    tvbuff_t *body;
} drawn_bytes;

static void draw_items(const wechat_item *items, size_t count, const char *texts, const drawn_bytes *bytes,
                       packet_info *pinfo, proto_tree *tree)
{
    proto_tree *trees[DEEPEST + 1] = { tree };
    const wechat_item *blamed[DEEPEST + 1] = { NULL };

    for (size_t i = 0; i < count; i++) {
        const wechat_item *item = &items[i];
        unsigned depth = MIN(item->depth, DEEPEST - 1);
        proto_tree *parent = trees[depth];
        bool behind = bytes->body != NULL && item->offset >= bytes->captured;
        tvbuff_t *tvb = behind ? bytes->body : bytes->tvb;
        int at = (int)(behind ? item->offset - bytes->captured : bytes->start + item->offset);
        int length = (int)item->length;
        const char *text = texts + item->text;
        proto_item *drawn = NULL;

        switch (item->kind) {
        case WECHAT_ITEM_KIND_WIRE:
        case WECHAT_ITEM_KIND_SUBTREE:
            drawn = proto_tree_add_item(parent, shim_field_ids[item->field], tvb, at, length,
                                        field_encoding(tables->fields[item->field].kind));
            break;
        case WECHAT_ITEM_KIND_GENERATED:
        case WECHAT_ITEM_KIND_DECODED:
            drawn = draw_value(parent, item, tvb, at);
            break;
        case WECHAT_ITEM_KIND_TEXT:
        case WECHAT_ITEM_KIND_DECODED_TEXT:
            drawn = proto_tree_add_string(parent, shim_field_ids[item->field], tvb, at, length, text);
            break;
        case WECHAT_ITEM_KIND_NOTE:
            draw_note(item, blamed[depth], text, tvb, at, pinfo, parent);
            continue;
        default:
            continue;
        }
        if (item->kind == WECHAT_ITEM_KIND_GENERATED || item->kind == WECHAT_ITEM_KIND_TEXT)
            proto_item_set_generated(drawn);
        if (item->kind == WECHAT_ITEM_KIND_SUBTREE && tables->fields[item->field].kind == WECHAT_TYPE_BYTES)
            /* Its children show the bytes, or have a reason not to. */
            proto_item_set_text(drawn, "%s%s", tables->fields[item->field].label, text);
        else if (item->text != 0 && item->kind != WECHAT_ITEM_KIND_TEXT && item->kind != WECHAT_ITEM_KIND_DECODED_TEXT)
            proto_item_append_text(drawn, "%s", text);
        if (item->kind == WECHAT_ITEM_KIND_SUBTREE || (i + 1 < count && items[i + 1].depth > item->depth)) {
            trees[depth + 1] = proto_item_add_subtree(drawn, shim_subtree_ids[item->field]);
            blamed[depth + 1] = item;
        }
    }
}

static void draw_body(uint32_t operation, tvbuff_t *body, packet_info *pinfo, proto_tree *tree)
{
    heur_dtbl_entry_t *entry;

    if (dissector_try_uint(body_table, operation, body, pinfo, tree) == 0)
        dissector_try_heuristic(body_heuristics, body, pinfo, tree, &entry, NULL);
}

void draw_report(const wechat_report *report, tvbuff_t *tvb, unsigned start, packet_info *pinfo, proto_tree *tree)
{
    /* A body dissector may call us again, which takes the report away. */
    uint32_t operation = report->body_operation;
    int captured = (int)report->body_captured;
    int length = (int)report->body_length;
    int at = (int)(start + report->body_offset);

    if (report->info != 0)
        col_append_sep_str(pinfo->cinfo, COL_INFO, " | ", report->texts + report->info);
    if (tree != NULL && (report->item_count == 0 || report->items[0].kind == WECHAT_ITEM_KIND_NOTE))
        /* Nobody asked for items, but the protocol hierarchy counts protocols and their bytes. Notes are
         * there in any case. */
        proto_tree_add_item(tree, shim_proto, tvb, (int)start,
                            (int)MIN(report->length, tvb_captured_length(tvb) - start), ENC_NA);
    drawn_bytes bytes = { tvb, start, 0, NULL };
    draw_items(report->items, report->item_count, report->texts, &bytes, pinfo, tree);
    if (captured != 0)
        draw_body(operation, tvb_new_subset_length_caplen(tvb, at, captured, length), pinfo, tree);
}

wechat_record *draw_record(const wechat_report *report, wechat_record *last, packet_info *pinfo)
{
    wechat_record *record;

    if (report->record == NULL)
        return last;
    record = (wechat_record *)wmem_memdup(pinfo->pool, report->record, sizeof *record);
    record->texts = (const char *)wmem_memdup(pinfo->pool, record->texts, record->text_length);
    if (last == NULL)
        tap_queue_packet(tap_records, pinfo, record);
    else
        last->next = record;
    return record;
}

void draw_web_report(const wechat_web_report *report, tvbuff_t *tvb, unsigned captured, tvbuff_t *body,
                     packet_info *pinfo, proto_tree *tree)
{
    drawn_bytes bytes = { tvb, 0, captured, body };

    col_set_str(pinfo->cinfo, COL_PROTOCOL, tables->fields[tables->web_protocol].label);
    /* HTTP has put a fence behind its own words. */
    if (report->info != 0)
        col_prepend_fstr(pinfo->cinfo, COL_INFO, "%s | ", report->texts + report->info);
    if (tree != NULL && (report->item_count == 0 || report->items[0].kind == WECHAT_ITEM_KIND_NOTE))
        proto_tree_add_item(tree, shim_web_proto, tvb, (int)report->offset, (int)report->length, ENC_NA);
    draw_items(report->items, report->item_count, report->texts, &bytes, pinfo, tree);
}

wechat_web_record *draw_web_record(const wechat_web_report *report, wechat_web_record *last, packet_info *pinfo)
{
    wechat_web_record *record;

    if (report->record == NULL)
        return last;
    record = (wechat_web_record *)wmem_memdup(pinfo->pool, report->record, sizeof *record);
    if (last == NULL)
        tap_queue_packet(tap_web_records, pinfo, record);
    else
        last->next = record;
    return record;
}

void draw_register(const wechat_tables *rows)
{
    tables = rows;
    tap_records = register_tap(rows->fields[0].filter);
    tap_web_records = register_tap(rows->fields[rows->web_protocol].filter);
    body_table = register_dissector_table(rows->body_table, rows->body_title, shim_proto, FT_UINT32, BASE_DEC);
    body_heuristics = register_heur_dissector_list(rows->fields[0].filter, shim_proto);
}

void draw_handoff(void)
{
    tap_expert = find_tap_id("expert");
}
