/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * draw.c - a report to columns and packet tree, and what it hands to others.
 */
#include "shim.h"

/* Deeper items stay at this depth; the Rust side nests less. */
#define DEEPEST 17

static int tap_expert;

/* A field that nobody looks up has no place in a tree that nobody sees. */
static void set_referenced(const shim_protocol *protocol, uint64_t *words)
{
    for (size_t i = 0; i < protocol->row->field_count; i++)
        if (protocol->fields[i].info->ref_type != HF_REF_TYPE_NONE)
            words[i / 64] |= (uint64_t)1 << (i % 64);
}

static bool notes_are_referenced(const shim_protocol *protocol)
{
    for (size_t i = 0; i < protocol->row->note_count; i++)
        if (protocol->note_infos[i]->ref_type != HF_REF_TYPE_NONE)
            return true;
    return false;
}

/* Fields that a report of the protocol may have: its own, and those of the first, which all share. */
static bool is_referenced(const shim_protocol *protocol)
{
    return protocol->info->ref_type != HF_REF_TYPE_NONE || shim_protocols[0].info->ref_type != HF_REF_TYPE_NONE;
}

void draw_wanted(wechat_segment *segment, packet_info *pinfo, proto_tree *tree)
{
    shim_protocol *protocol = &shim_protocols[segment->protocol];

    segment->wanted = 0;
    segment->fields = NULL;
    if (have_tap_listener(protocol->tap))
        segment->wanted |= WECHAT_WANT_RECORD;
    /* What the first protocol offers all share. */
    if (protocol->has_takers || shim_protocols[0].has_takers)
        segment->wanted |= WECHAT_WANT_INSIDE;
    if (objects_are_wanted())
        segment->wanted |= WECHAT_WANT_OBJECTS;
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
    if (!is_referenced(protocol))
        return;
    segment->wanted |= WECHAT_WANT_ITEMS;
    if (notes_are_referenced(protocol) || notes_are_referenced(&shim_protocols[0]))
        return;
    /* Each protocol has its own: another's segment may lie within this one. */
    memset(protocol->referenced, 0, sizeof protocol->referenced);
    set_referenced(&shim_protocols[0], protocol->referenced);
    set_referenced(protocol, protocol->referenced + WECHAT_FIELD_WORDS);
    segment->fields = protocol->referenced;
}

/* The protocol of whose table a number names a row. */
static const shim_protocol *protocol_of(uint16_t number)
{
    return &shim_protocols[number >> WECHAT_ROW_BITS];
}

static size_t row_of(uint16_t number)
{
    return number & ((1u << WECHAT_ROW_BITS) - 1);
}

static proto_item *draw_value(proto_tree *tree, const shim_field *field, const wechat_item *item,
                              const drawn_source *source)
{
    tvbuff_t *tvb = source->tvb;
    int start = (int)(source->start + item->offset);
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
    case WECHAT_TYPE_PROTOCOL:
    case WECHAT_TYPE_NONE:
    case WECHAT_TYPE_BYTES:
    case WECHAT_TYPE_TEXT:
    case WECHAT_TYPE_PADDED_TEXT:
    case WECHAT_TYPE_IPV4:
        break;
    }
    return NULL;
}

/* Bytes of a number on the wire; of all else, more than any item has. */
static unsigned field_width(wechat_type type)
{
    static const unsigned widths[] = { [WECHAT_TYPE_U8] = 1, [WECHAT_TYPE_U16] = 2, [WECHAT_TYPE_U32] = 4 };
    unsigned width = (size_t)type < G_N_ELEMENTS(widths) ? widths[type] : 0;

    return width != 0 ? width : UINT_MAX;
}

static bool is_bare(wechat_type type)
{
    return type == WECHAT_TYPE_PROTOCOL || type == WECHAT_TYPE_NONE || type == WECHAT_TYPE_BYTES;
}

static unsigned field_encoding(wechat_type type)
{
    if (type == WECHAT_TYPE_TEXT || type == WECHAT_TYPE_PADDED_TEXT)
        return ENC_UTF_8 | ENC_NA;
    return is_bare(type) ? ENC_NA : ENC_BIG_ENDIAN;
}

/* Numbers are read here: epan takes three quarters more time over them. */
static proto_item *draw_wire(proto_tree *tree, const shim_field *field, const wechat_item *item,
                             const drawn_source *source)
{
    tvbuff_t *tvb = source->tvb;
    int at = (int)(source->start + item->offset);
    int length = (int)item->length;

    if (item->length == field->width && source->bytes != NULL) {
        const uint8_t *number = source->bytes + item->offset;
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
static void draw_note(const wechat_item *note, const wechat_item *above, const char *text, const drawn_source *source,
                      packet_info *pinfo, proto_tree *tree)
{
    expert_field *id = &protocol_of(note->field)->note_ids[row_of(note->field)];

    if (above != NULL && above->source == note->source && above->offset == note->offset && above->length == note->length)
        expert_add_info_format(pinfo, proto_tree_get_parent(tree), id, "%s", text);
    else
        proto_tree_add_expert_format(tree, pinfo, id, source->tvb, (int)(source->start + note->offset),
                                     (int)note->length, "%s", text);
}

static proto_item *draw_text(proto_tree *tree, const shim_field *field, const wechat_item *item,
                             const drawn_source *source, const char *text)
{
    return proto_tree_add_string(tree, field->id, source->tvb, (int)(source->start + item->offset), (int)item->length,
                                 text);
}

/* Finds the item that goes if somebody takes the bytes that it is of. */
static void keep_instead(drawing *drawing, size_t place, proto_item *drawn)
{
    for (size_t i = 0; i < drawing->hand_off_count; i++)
        if (drawing->hand_offs[i].to.instead == place + 1)
            drawing->hand_offs[i].instead = drawn;
}

static void draw_items(drawing *drawing, const wechat_report *report, packet_info *pinfo, proto_tree *tree)
{
    const drawn_source *const sources = drawing->sources;
    const char *const texts = report->texts;
    const wechat_item *const end = report->items + report->item_count;
    /* Subtrees and the items they are of, as far as they are there: items lie at most so deep. */
    proto_tree *trees[DEEPEST + 1];
    const wechat_item *blamed[DEEPEST + 1];
    unsigned deepest = 0;

    trees[0] = tree;
    blamed[0] = NULL;

    for (const wechat_item *item = report->items; item < end; item++) {
        const wechat_item_kind kind = (wechat_item_kind)item->kind;
        const drawn_source *source = &sources[item->source];
        unsigned depth = MIN(item->depth, deepest);
        proto_tree *parent = trees[depth];
        const shim_field *field =
            kind == WECHAT_ITEM_KIND_NOTE ? NULL : &protocol_of(item->field)->fields[row_of(item->field)];
        proto_item *drawn = NULL;
        bool has_children = false;

        switch (kind) {
        case WECHAT_ITEM_KIND_WIRE:
        case WECHAT_ITEM_KIND_SUBTREE:
        case WECHAT_ITEM_KIND_DERIVED:
            drawn = draw_wire(parent, field, item, source);
            has_children = kind != WECHAT_ITEM_KIND_WIRE;
            if (drawing->hand_off_count > 0)
                keep_instead(drawing, (size_t)(item - report->items), drawn);
            break;
        case WECHAT_ITEM_KIND_GENERATED:
        case WECHAT_ITEM_KIND_DECODED:
            drawn = draw_value(parent, field, item, source);
            if (kind == WECHAT_ITEM_KIND_GENERATED)
                proto_item_set_generated(drawn);
            else
                has_children = item + 1 < end && item[1].depth > item->depth;
            break;
        case WECHAT_ITEM_KIND_TEXT:
            drawn = draw_text(parent, field, item, source, texts + item->text);
            proto_item_set_generated(drawn);
            continue;
        case WECHAT_ITEM_KIND_DECODED_TEXT:
            draw_text(parent, field, item, source, texts + item->text);
            continue;
        case WECHAT_ITEM_KIND_NOTE:
            draw_note(item, blamed[depth], texts + item->text, source, pinfo, parent);
            continue;
        }
        if (has_children) {
            trees[depth + 1] = proto_item_add_subtree(drawn, field->subtree);
            blamed[depth + 1] = item;
            deepest = MIN(depth + 1, DEEPEST - 1);
        }
        if (has_children && field->is_bare)
            /* It has no value, or its children show the bytes or have a reason not to. */
            proto_item_set_text(drawn, "%s%s", field->info->name, texts + item->text);
        else if (item->text != 0)
            proto_item_append_text(drawn, "%s", texts + item->text);
    }
}

void draw_report(drawing *drawing, const wechat_report *report, unsigned length, packet_info *pinfo,
                 proto_tree *tree)
{
    const drawn_source *pdu = &drawing->sources[0];

    if (tree != NULL && (report->item_count == 0 || report->items[0].kind == WECHAT_ITEM_KIND_NOTE))
        /* Nobody asked for items, but the protocol hierarchy counts protocols and their bytes. Notes are
         * there in any case. */
        proto_tree_add_item(tree, drawing->protocol->proto, pdu->tvb, (int)(pdu->start + report->offset), (int)length,
                            ENC_NA);
    if (report->item_count > 0)
        draw_items(drawing, report, pinfo, tree);
}

/* ---- what outlives a report ---- */

/* The table of a hand-off. */
static const shim_offer *offer_of(const wechat_hand_off *hand_off)
{
    return &protocol_of(hand_off->table)->offers[row_of(hand_off->table)];
}

/* Whether somebody may take what is handed over. Mostly nobody wants any. */
static bool is_wanted(const wechat_hand_off *hand_off)
{
    const shim_offer *offer = offer_of(hand_off);

    if (!protocol_of(hand_off->table)->has_takers)
        return false;
    return offer->has_heuristics || offer->fallback != NULL ||
           dissector_get_uint_handle(offer->table, hand_off->key) != NULL;
}

/* Bytes that the Rust side made are the packet's from now on, with a tab of their own. */
static drawn_source take_source(const wechat_source *source, const char *texts, tvbuff_t *parent, packet_info *pinfo)
{
    drawn_source taken = { parent, 0, NULL };

    if (source->captured == 0)
        return taken;
    taken.bytes = (const uint8_t *)wmem_memdup(pinfo->pool, source->data, source->captured);
    taken.tvb = tvb_new_child_real_data(parent, taken.bytes, source->captured, (int)source->captured);
    add_new_data_source(pinfo, taken.tvb, texts + source->name);
    return taken;
}

void draw_take(drawing *drawing, const wechat_report *report, drawn_source pdu, drawn_source body, packet_info *pinfo)
{
    const shim_protocol *protocol = &shim_protocols[report->protocol];
    size_t made = 2;

    drawing->protocol = protocol;
    drawing->few[0] = pdu;
    drawing->few[1] = body;
    drawing->sources = drawing->few;
    drawing->hand_offs = NULL;
    drawing->hand_off_count = 0;
    if (report->source_count > 1 && report->sources[1].data != NULL)
        made = 1;
    if (report->source_count > made) {
        drawing->sources = wmem_alloc_array(pinfo->pool, drawn_source, report->source_count);
        memcpy(drawing->sources, drawing->few, made * sizeof *drawing->sources);
        for (size_t i = made; i < report->source_count; i++)
            drawing->sources[i] = take_source(&report->sources[i], report->texts, pdu.tvb, pinfo);
    }
    for (size_t i = 0; i < report->hand_off_count; i++) {
        const wechat_hand_off *one = &report->hand_offs[i];

        if (!is_wanted(one))
            continue;
        if (drawing->hand_offs == NULL)
            drawing->hand_offs = wmem_alloc_array(pinfo->pool, drawn_hand_off, report->hand_off_count);
        drawing->hand_offs[drawing->hand_off_count++] = (drawn_hand_off){
            *one, one->words != 0 ? wmem_strdup(pinfo->pool, report->texts + one->words) : NULL, NULL,
        };
    }
    if (report->object_count > 0)
        objects_queue(report, drawing->sources, pinfo);
}

/* Whose bytes are handed to a dissector of ours now, and by what. */
static const tvbuff_t *handed_bytes;
static const wechat_hand_off *handed;

const wechat_hand_off *draw_handed(const tvbuff_t *tvb)
{
    return tvb == handed_bytes ? handed : NULL;
}

/* Calls a dissector of epan's own that is to write into no column: it would write what it finds. */
static void call_quietly(dissector_handle_t handle, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree,
                         const char *words)
{
    static const int columns[] = { COL_PROTOCOL, COL_INFO };
    volatile bool writable[G_N_ELEMENTS(columns)];

    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        writable[i] = col_get_writable(pinfo->cinfo, columns[i]);
        col_set_writable(pinfo->cinfo, columns[i], false);
    }
    TRY {
        call_dissector_only(handle, tvb, pinfo, tree, (void *)words);
    }
    CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
        show_exception(tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
    }
    ENDTRY;
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
        col_set_writable(pinfo->cinfo, columns[i], writable[i]);
}

static void hand_off(const drawn_hand_off *one, const drawn_source *source, packet_info *pinfo, proto_tree *tree)
{
    const wechat_hand_off *to = &one->to;
    const shim_offer *offer = offer_of(to);
    tvbuff_t *tvb = tvb_new_subset_length_caplen(source->tvb, (int)(source->start + to->offset), (int)to->captured,
                                                 (int)to->length);
    heur_dtbl_entry_t *entry;

    if (to->flags & WECHAT_INSIDE) {
        handed_bytes = tvb;
        handed = to;
    }
    if (dissector_try_uint(offer->table, to->key, tvb, pinfo, tree) != 0 ||
        dissector_try_heuristic(offer->heuristics, tvb, pinfo, tree, &entry, NULL)) {
        if (one->instead != NULL)
            proto_item_set_hidden(one->instead);
    } else if (offer->fallback != NULL) {
        call_quietly(offer->fallback, tvb, pinfo, tree, one->words);
    }
}

void draw_hand_offs(const drawing *drawing, packet_info *pinfo, proto_tree *tree)
{
    const char *const saved_proto = pinfo->current_proto;
    const uint16_t saved_can_desegment = pinfo->can_desegment;
    const int saved_offset = pinfo->desegment_offset;
    const uint32_t saved_length = pinfo->desegment_len;
    volatile size_t i;

    for (i = 0; i < drawing->hand_off_count; i++) {
        const drawn_hand_off *one = &drawing->hand_offs[i];
        const drawn_source *source = &drawing->sources[one->to.source];

        /* What somebody waits for is not the carrier's to give. */
        pinfo->can_desegment = 0;
        TRY {
            hand_off(one, source, pinfo, tree);
        }
        CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
            show_exception(source->tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
        }
        ENDTRY;
        handed_bytes = NULL;
        pinfo->current_proto = saved_proto;
    }
    pinfo->can_desegment = saved_can_desegment;
    pinfo->desegment_offset = saved_offset;
    pinfo->desegment_len = saved_length;
}

wechat_record *draw_record(const wechat_report *report, wechat_record *last, packet_info *pinfo)
{
    wechat_record *record;

    if (report->record == NULL)
        return last;
    record = (wechat_record *)wmem_memdup(pinfo->pool, report->record, report->record->size);
    record->texts = (const char *)wmem_memdup(pinfo->pool, record->texts, record->text_length);
    if (record->bytes != NULL)
        record->bytes = (const uint8_t *)wmem_memdup(pinfo->pool, record->bytes, record->byte_count);
    if (last == NULL)
        tap_queue_packet(shim_protocols[report->protocol].tap, pinfo, record);
    else
        last->next = record;
    return record;
}

/* ---- registration ---- */

static void note_entry(const char *table G_GNUC_UNUSED, ftenum_t type G_GNUC_UNUSED, void *key G_GNUC_UNUSED,
                       void *value, void *data)
{
    /* One that Decode As has taken out stays, without a handle. */
    if (dtbl_entry_get_handle((dtbl_entry_t *)value) != NULL)
        *(bool *)data = true;
}

static void note_heuristic(const char *table G_GNUC_UNUSED, heur_dtbl_entry_t *entry G_GNUC_UNUSED, void *has)
{
    *(bool *)has = true;
}

void draw_begin(void)
{
    for (size_t i = 0; i < shim_protocol_count; i++) {
        shim_protocol *protocol = &shim_protocols[i];
        protocol->has_takers = false;
        for (size_t j = 0; j < protocol->row->offer_count; j++) {
            shim_offer *offer = &protocol->offers[j];

            offer->has_heuristics = false;
            heur_dissector_table_foreach(protocol->row->offers[j].heuristics, note_heuristic, &offer->has_heuristics);
            dissector_table_foreach(protocol->row->offers[j].name, note_entry, &protocol->has_takers);
            protocol->has_takers |= offer->has_heuristics || offer->fallback != NULL;
        }
    }
}

void draw_register(void)
{
    for (size_t i = 0; i < shim_protocol_count; i++) {
        shim_protocol *protocol = &shim_protocols[i];
        size_t count = protocol->row->offer_count;

        if (protocol->row->under == protocol->number)
            protocol->tap = register_tap(protocol->filter);
        protocol->offers = wmem_alloc0_array(wmem_epan_scope(), shim_offer, count);
        for (size_t j = 0; j < count; j++) {
            const wechat_offer *row = &protocol->row->offers[j];
            shim_offer *offer = &protocol->offers[j];

            offer->table = register_dissector_table(row->name, row->title, protocol->proto, FT_UINT32, BASE_DEC);
            if (row->choice_count > 0)
                dissector_table_allow_decode_as(offer->table);
            offer->heuristics = find_heur_dissector_list(row->heuristics);
            if (offer->heuristics == NULL)
                offer->heuristics = register_heur_dissector_list(row->heuristics, protocol->proto);
        }
    }
}

static void find_infos(shim_protocol *protocol)
{
    size_t fields = protocol->row->field_count, notes = protocol->row->note_count;

    protocol->info = proto_registrar_get_nth((unsigned)protocol->proto);
    protocol->fields = wmem_alloc_array(wmem_epan_scope(), shim_field, fields);
    for (size_t i = 0; i < fields; i++) {
        wechat_type kind = protocol->row->fields[i].kind;
        int id = protocol->field_ids[i];

        protocol->fields[i] = (shim_field){ proto_registrar_get_nth((unsigned)id), id, protocol->subtree_ids[i],
                                            field_encoding(kind), field_width(kind), kind, is_bare(kind) };
    }
    protocol->note_infos = wmem_alloc_array(wmem_epan_scope(), const header_field_info *, notes);
    for (size_t i = 0; i < notes; i++)
        protocol->note_infos[i] = proto_registrar_get_nth((unsigned)protocol->note_ids[i].hf);
}

/* Lets a user choose dissectors for the keys of a table (Decode As). */
static void add_choices(const wechat_offer *offer)
{
    for (size_t i = 0; i < offer->choice_count; i++) {
        dissector_handle_t handle = find_dissector(offer->choices[i]);

        /* Not every version has each of them. */
        if (handle != NULL)
            dissector_add_for_decode_as(offer->name, handle);
    }
}

void draw_handoff(void)
{
    tap_expert = find_tap_id("expert");
    for (size_t i = 0; i < shim_protocol_count; i++) {
        const wechat_protocol *row = shim_protocols[i].row;

        find_infos(&shim_protocols[i]);
        for (size_t j = 0; j < row->offer_count; j++)
            if (row->offers[j].fallback != NULL)
                shim_protocols[i].offers[j].fallback = find_dissector(row->offers[j].fallback);
        for (size_t j = 0; j < row->offer_count; j++)
            add_choices(&row->offers[j]);
        for (size_t j = 0; j < row->join_count; j++) {
            const wechat_join *join = &row->joins[j];
            dissector_add_uint(join->table, join->key, shim_protocols[i].handle);
        }
    }
}
