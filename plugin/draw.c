/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * draw.c - a report to columns and packet tree, and the body to whoever wants it.
 */
#include "shim.h"

/* Deeper items stay at this depth; the Rust side nests less. */
#define DEEPEST 17

/* What drawing needs of a field's row. */
typedef struct {
    const header_field_info *info;
    int id;
    int subtree;
    unsigned encoding;
    unsigned width;
    wechat_type kind;
    /* Of a subtree, whether its name is all that epan would say. */
    bool is_bare;
} drawable;

static const wechat_tables *tables;
static drawable *drawables;
static dissector_table_t body_table;
static heur_dissector_list_t body_heuristics;
static bool has_heuristics;
static int tap_expert;
static const header_field_info **note_infos;
static uint64_t *referenced;
static size_t referenced_size;
static int tap_records;
static int tap_web_records;

/* A field that nobody looks up has no place in a tree that nobody sees. These are the fields of one protocol; the
 * others are not in its reports. */
static void set_referenced(wechat_segment *segment, size_t first, size_t behind)
{
    memset(referenced, 0, referenced_size);
    for (size_t i = first; i < behind; i++)
        if (drawables[i].info->ref_type != HF_REF_TYPE_NONE)
            referenced[i / 64] |= (uint64_t)1 << (i % 64);
    segment->fields = referenced;
}

static bool notes_are_referenced(void)
{
    for (size_t i = 0; i < tables->note_count; i++)
        if (note_infos[i]->ref_type != HF_REF_TYPE_NONE)
            return true;
    return false;
}

void draw_wanted(wechat_segment *segment, packet_info *pinfo, proto_tree *tree, int proto)
{
    bool is_web = proto == shim_web_proto;

    if (have_tap_listener(is_web ? tap_web_records : tap_records))
        segment->wanted |= WECHAT_WANT_RECORD;
    if (pinfo->cinfo != NULL && col_get_writable(pinfo->cinfo, COL_INFO))
        segment->wanted |= WECHAT_WANT_INFO;
    if (tree == NULL)
        return;
    if (PTREE_DATA(tree)->visible) {
        segment->wanted |= WECHAT_WANT_ITEMS | WECHAT_WANT_LABELS;
        return;
    }
    /* A tree that nobody sees is there for a filter or a tap: of ours, or of expert infos. A protocol is referenced
     * with each of its fields and notes. */
    if (proto_field_is_referenced(tree, proto_expert) || have_tap_listener(tap_expert)) {
        segment->wanted |= WECHAT_WANT_ITEMS;
        return;
    }
    size_t first = is_web ? tables->web_protocol : 0;
    size_t behind = is_web ? tables->field_count : tables->web_protocol;
    if (drawables[first].info->ref_type == HF_REF_TYPE_NONE)
        return;
    segment->wanted |= WECHAT_WANT_ITEMS;
    if (!notes_are_referenced())
        set_referenced(segment, first, behind);
}

static proto_item *draw_value(proto_tree *tree, const drawable *field, const wechat_item *item, tvbuff_t *tvb,
                              int start)
{
    int length = (int)item->length;

    switch (field->kind) {
    case WECHAT_TYPE_DURATION: {
        int64_t nanoseconds = (int64_t)item->value;
        nstime_t time = { (time_t)(nanoseconds / 1000000000), (int)(nanoseconds % 1000000000) };
        return proto_tree_add_time(tree, field->id, tvb, start, length, &time);
    }
    case WECHAT_TYPE_TIME: {
        nstime_t time = { (time_t)(item->value / 1000000000), (int)(item->value % 1000000000) };
        return proto_tree_add_time(tree, field->id, tvb, start, length, &time);
    }
    case WECHAT_TYPE_BOOLEAN:
        /* Of a masked one its mask takes the bit. */
        return proto_tree_add_boolean(tree, field->id, tvb, start, length, (uint32_t)item->value);
    case WECHAT_TYPE_I32:
        return proto_tree_add_int(tree, field->id, tvb, start, length, (int32_t)(uint32_t)item->value);
    case WECHAT_TYPE_I64:
        return proto_tree_add_int64(tree, field->id, tvb, start, length, (int64_t)item->value);
    case WECHAT_TYPE_U64:
        return proto_tree_add_uint64(tree, field->id, tvb, start, length, item->value);
    case WECHAT_TYPE_U8:
    case WECHAT_TYPE_U16:
    case WECHAT_TYPE_U32:
    case WECHAT_TYPE_PACKET:
    case WECHAT_TYPE_REQUEST_PACKET:
    case WECHAT_TYPE_RESPONSE_PACKET:
    case WECHAT_TYPE_ACK_PACKET:
        return proto_tree_add_uint(tree, field->id, tvb, start, length, (uint32_t)item->value);
    default:
        return NULL;
    }
}

/* Bytes of a number on the wire; of all else, more than any item has. */
static unsigned field_width(wechat_type type)
{
    switch (type) {
    case WECHAT_TYPE_U8:
        return 1;
    case WECHAT_TYPE_U16:
        return 2;
    case WECHAT_TYPE_U32:
        return 4;
    default:
        return UINT_MAX;
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

/* Numbers are read here: epan takes three quarters more time over them. */
static proto_item *draw_wire(proto_tree *tree, const drawable *field, const wechat_item *item, tvbuff_t *tvb, int at,
                             const uint8_t *bytes)
{
    int length = (int)item->length;

    if (item->length == field->width) {
        const uint8_t *number = bytes + item->offset;
        uint32_t value = number[0];

        if (length == 2)
            value = value << 8 | number[1];
        else if (length == 4)
            value = value << 24 | (uint32_t)number[1] << 16 | (uint32_t)number[2] << 8 | number[3];
        return proto_tree_add_uint(tree, field->id, tvb, at, length, value);
    }
    return proto_tree_add_item(tree, field->id, tvb, at, length, field->encoding);
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

/* Where a report's bytes lie: `bytes`, from `start` of `tvb`, and those behind the first `captured` in `body`. */
typedef struct {
    tvbuff_t *tvb;
    unsigned start;
    const uint8_t *bytes;
    unsigned captured;
    tvbuff_t *body;
} drawn_bytes;

static void draw_items(const wechat_item *items, size_t count, const char *texts, const drawn_bytes *from,
                       packet_info *pinfo, proto_tree *tree)
{
    proto_tree *trees[DEEPEST + 1] = { tree };
    const wechat_item *blamed[DEEPEST + 1] = { NULL };

    for (size_t i = 0; i < count; i++) {
        const wechat_item *item = &items[i];
        const drawable *field = item->kind == WECHAT_ITEM_KIND_NOTE ? NULL : &drawables[item->field];
        unsigned depth = MIN(item->depth, DEEPEST - 1);
        proto_tree *parent = trees[depth];
        bool behind = from->body != NULL && item->offset >= from->captured;
        tvbuff_t *tvb = behind ? from->body : from->tvb;
        int at = (int)(behind ? item->offset - from->captured : from->start + item->offset);
        int length = (int)item->length;
        const char *text = texts + item->text;
        proto_item *drawn;

        switch (item->kind) {
        case WECHAT_ITEM_KIND_WIRE:
            drawn = draw_wire(parent, field, item, tvb, at, from->bytes);
            break;
        case WECHAT_ITEM_KIND_SUBTREE:
            drawn = draw_wire(parent, field, item, tvb, at, from->bytes);
            trees[depth + 1] = proto_item_add_subtree(drawn, field->subtree);
            blamed[depth + 1] = item;
            if (field->is_bare) {
                /* It has no value, or its children show the bytes or have a reason not to. */
                proto_item_set_text(drawn, "%s%s", field->info->name, text);
                continue;
            }
            break;
        case WECHAT_ITEM_KIND_GENERATED:
            drawn = draw_value(parent, field, item, tvb, at);
            proto_item_set_generated(drawn);
            break;
        case WECHAT_ITEM_KIND_DECODED:
            drawn = draw_value(parent, field, item, tvb, at);
            if (i + 1 < count && items[i + 1].depth > item->depth) {
                trees[depth + 1] = proto_item_add_subtree(drawn, field->subtree);
                blamed[depth + 1] = item;
            }
            break;
        case WECHAT_ITEM_KIND_TEXT:
            drawn = proto_tree_add_string(parent, field->id, tvb, at, length, text);
            proto_item_set_generated(drawn);
            continue;
        case WECHAT_ITEM_KIND_DECODED_TEXT:
            proto_tree_add_string(parent, field->id, tvb, at, length, text);
            continue;
        case WECHAT_ITEM_KIND_NOTE:
            draw_note(item, blamed[depth], text, tvb, at, pinfo, parent);
            continue;
        default:
            continue;
        }
        if (item->text != 0)
            proto_item_append_text(drawn, "%s", text);
    }
}

static void draw_body(uint32_t operation, tvbuff_t *tvb, int at, int captured, int length, packet_info *pinfo,
                      proto_tree *tree)
{
    heur_dtbl_entry_t *entry;
    tvbuff_t *body;

    /* Mostly nobody wants any. */
    if (!has_heuristics && dissector_get_uint_handle(body_table, operation) == NULL)
        return;
    body = tvb_new_subset_length_caplen(tvb, at, captured, length);
    if (dissector_try_uint(body_table, operation, body, pinfo, tree) == 0)
        dissector_try_heuristic(body_heuristics, body, pinfo, tree, &entry, NULL);
}

void draw_report(const wechat_report *report, tvbuff_t *tvb, unsigned start, const uint8_t *bytes, packet_info *pinfo,
                 proto_tree *tree)
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
    if (report->item_count > 0) {
        drawn_bytes from = { tvb, start, bytes, 0, NULL };
        draw_items(report->items, report->item_count, report->texts, &from, pinfo, tree);
    }
    if (captured != 0)
        draw_body(operation, tvb, at, captured, length, pinfo, tree);
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

void draw_web_words(const wechat_web_report *report, packet_info *pinfo)
{
    if (report->info != 0)
        col_append_sep_str(pinfo->cinfo, COL_INFO, " | ", report->texts + report->info);
}

void draw_web_report(const wechat_web_report *report, tvbuff_t *tvb, unsigned captured, tvbuff_t *body,
                     packet_info *pinfo, proto_tree *tree)
{
    drawn_bytes from = { tvb, 0, NULL, captured, body };

    col_set_str(pinfo->cinfo, COL_PROTOCOL, tables->fields[tables->web_protocol].label);
    if (tree != NULL && (report->item_count == 0 || report->items[0].kind == WECHAT_ITEM_KIND_NOTE))
        proto_tree_add_item(tree, shim_web_proto, tvb, (int)report->offset, (int)report->length, ENC_NA);
    draw_items(report->items, report->item_count, report->texts, &from, pinfo, tree);
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

static void note_heuristic(const char *table G_GNUC_UNUSED, heur_dtbl_entry_t *entry G_GNUC_UNUSED,
                           void *unused G_GNUC_UNUSED)
{
    has_heuristics = true;
}

void draw_begin(void)
{
    has_heuristics = false;
    heur_dissector_table_foreach(tables->fields[0].filter, note_heuristic, NULL);
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
    drawables = wmem_alloc_array(wmem_epan_scope(), drawable, tables->field_count);
    for (size_t i = 0; i < tables->field_count; i++) {
        wechat_type kind = tables->fields[i].kind;

        drawables[i].info = proto_registrar_get_nth((unsigned)shim_field_ids[i]);
        drawables[i].id = shim_field_ids[i];
        drawables[i].subtree = shim_subtree_ids[i];
        drawables[i].encoding = field_encoding(kind);
        drawables[i].width = field_width(kind);
        drawables[i].kind = kind;
        drawables[i].is_bare = kind == WECHAT_TYPE_PROTOCOL || kind == WECHAT_TYPE_NONE || kind == WECHAT_TYPE_BYTES;
    }
    note_infos = wmem_alloc_array(wmem_epan_scope(), const header_field_info *, tables->note_count);
    for (size_t i = 0; i < tables->note_count; i++)
        note_infos[i] = proto_registrar_get_nth((unsigned)shim_note_ids[i].hf);
    referenced_size = (tables->field_count + 63) / 64 * sizeof *referenced;
    referenced = (uint64_t *)wmem_alloc(wmem_epan_scope(), referenced_size);
}
