/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stats.c - what listens to the tap: statistics, follow, flow graph. The Rust side says what a record
 * counts and how it is written; this file adds, prints and registers. And filters for a packet.
 */
#include "shim.h"

#include <limits.h>
#include <stdio.h>

static const wechat_tables *tables;

static const char *protocol_name(void)
{
    return tables->fields[0].filter;
}

static const char *record_text(const wechat_record *record, uint32_t at)
{
    return record->texts + at;
}

#define NANOSECONDS 1000000000

/* ---- response times by operation ---- */

static tap_packet_status srt_packet(void *data, packet_info *pinfo, epan_dissect_t *edt G_GNUC_UNUSED, const void *first
                                    TAP_FLAGS)
{
    srt_stat_table *table = g_array_index(((srt_data_t *)data)->srt_array, srt_stat_table *, 0);

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        int row = (int)record->row;
        if (!(record->flags & WECHAT_RECORD_RESPONDS) || record->row >= tables->operation_rows)
            continue;
        /* A clock that was set back: Wireshark's sums know no such times and would spoil the row. */
        if (record->elapsed < 0)
            continue;
        if (table->procedures[row].procedure == NULL)
            init_srt_table_row(table, row, record_text(record, record->row_name));
        nstime_t elapsed = { (time_t)(record->elapsed / NANOSECONDS), (int)(record->elapsed % NANOSECONDS) };
        nstime_t asked;
        nstime_delta(&asked, &pinfo->abs_ts, &elapsed);
        add_srt_table_data(table, row, &asked, pinfo);
    }
    return TAP_PACKET_REDRAW;
}

static void srt_init(struct register_srt *srt G_GNUC_UNUSED, GArray *srt_array)
{
    /* Rows are numbered as the table of operations has them: no number for a filter. */
    init_srt_table(tables->srt_title, tables->fields[0].label, srt_array, (int)tables->operation_rows,
                   tables->operation_column, NULL, NULL);
}

/* ---- the tree of counters ---- */

/* A node of a tree: its number and its parent's in the tree, and what it counts, for the tree's own counters
 * cannot be read. None may fall below zero where a filter lets through what ends something, but not what
 * began it; and none may wrap around. */
typedef struct {
    int id;
    int parent;
    int count;
} tree_node;

/* The nodes of each tree. */
static wmem_map_t *tree_nodes;

/* Changes a node or, with a name, the part of it that has the name. */
static void tree_change(stats_tree *tree, tree_node *node, const char *name, const char *part, int how, int amount)
{
    int parent = part != NULL ? node->id : node->parent;

    if (part != NULL)
        name = part;
    switch (how) {
    case WECHAT_TICK_KIND_COUNT:
        if (part == NULL) {
            amount = CLAMP(amount, -node->count, INT_MAX - node->count);
            node->count += amount;
        }
        increase_stat_node(tree, name, parent, false, amount);
        break;
    case WECHAT_TICK_KIND_AVERAGE:
        avg_stat_node_add_value_int(tree, name, parent, false, amount);
        break;
    case WECHAT_TICK_KIND_RANGE:
        tick_stat_node(tree, name, parent, false);
        stats_tree_tick_range(tree, name, parent, amount);
        break;
    default:
        break;
    }
}

static void tree_forget(stats_tree *tree)
{
    wmem_free(wmem_epan_scope(), wmem_map_remove(tree_nodes, tree));
}

static void tree_begin(stats_tree *tree, const wechat_node *rows, size_t count)
{
    tree_node *nodes = wmem_alloc0_array(wmem_epan_scope(), tree_node, count);

    for (size_t i = 0; i < count; i++) {
        const wechat_node *row = &rows[i];
        nodes[i].parent = row->parent != NULL ? stats_tree_parent_id_by_name(tree, row->parent) : 0;
        nodes[i].id = row->range_count > 0
                          ? stats_tree_create_range_node_string(tree, row->name, nodes[i].parent,
                                                                (int)row->range_count, (char **)row->ranges)
                          : stats_tree_create_node(tree, row->name, nodes[i].parent, STAT_DT_INT, true);
    }
    /* A tree that is reset begins again. */
    tree_forget(tree);
    wmem_map_insert(tree_nodes, tree, nodes);
}

static tap_packet_status tree_packet(stats_tree *tree, packet_info *pinfo G_GNUC_UNUSED,
                                     epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    tree_node *nodes = (tree_node *)wmem_map_lookup(tree_nodes, tree);

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        wechat_tick ticks[WECHAT_MOST_TICKS];
        size_t count = wechat_tree_ticks(record, ticks, WECHAT_MOST_TICKS);
        for (size_t i = 0; i < count; i++)
            tree_change(tree, &nodes[ticks[i].node], tables->nodes[ticks[i].node].name,
                        ticks[i].named ? record_text(record, record->row_name) : NULL, ticks[i].how, ticks[i].amount);
    }
    return TAP_PACKET_REDRAW;
}

static void tree_init(stats_tree *tree)
{
    tree_begin(tree, tables->nodes, tables->node_count);
}

static tap_packet_status web_tree_packet(stats_tree *tree, packet_info *pinfo G_GNUC_UNUSED,
                                         epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    tree_node *nodes = (tree_node *)wmem_map_lookup(tree_nodes, tree);

    for (const wechat_web_record *record = first; record != NULL; record = record->next) {
        for (uint32_t i = 0; i < record->count; i++) {
            const wechat_web_tick *tick = &record->ticks[i];
            tree_change(tree, &nodes[tick->node], tables->web_nodes[tick->node].name, tick->name, tick->how,
                        tick->amount);
        }
    }
    return TAP_PACKET_REDRAW;
}

static void web_tree_init(stats_tree *tree)
{
    tree_begin(tree, tables->web_nodes, tables->web_node_count);
}

static void trees_register(void)
{
    const char *web = tables->fields[tables->web_protocol].filter;

    tree_nodes = wmem_map_new(wmem_epan_scope(), g_direct_hash, g_direct_equal);
    stats_tree_register_plugin(protocol_name(), protocol_name(), tables->tree_title, 0, tree_packet, tree_init,
                               tree_forget);
    stats_tree_register_plugin(web, web, tables->web_tree_title, 0, web_tree_packet, web_tree_init, tree_forget);
}

/* ---- the table of delivery ---- */

enum { COLUMN_NAME, COLUMN_COUNT, COLUMN_MIN, COLUMN_AVERAGE, COLUMN_MAX, COLUMNS };

static void sync_clear_row(stat_tap_table *table, unsigned row)
{
    stat_tap_table_item_type cells[COLUMNS] = { { 0 } };

    cells[COLUMN_NAME].type = TABLE_ITEM_STRING;
    cells[COLUMN_NAME].value.string_value = tables->sync_rows[row];
    cells[COLUMN_COUNT].type = TABLE_ITEM_UINT;
    /* What has no delay so far shows none. */
    stat_tap_init_table_row(table, row, COLUMNS, cells);
}

static void sync_reset(stat_tap_table *table)
{
    for (unsigned i = 0; i < table->num_elements; i++)
        sync_clear_row(table, i);
}

static void sync_init(stat_tap_table_ui *ui)
{
    /* It may have been begun before. */
    stat_tap_table *table =
        ui->tables != NULL && ui->tables->len > 0 ? g_array_index(ui->tables, stat_tap_table *, 0) : NULL;

    if (table == NULL) {
        table = stat_tap_init_table(tables->sync_title, COLUMNS, 0, NULL);
        stat_tap_add_table(ui, table);
    }
    for (unsigned i = 0; i < tables->sync_row_count; i++)
        sync_clear_row(table, i);
}

static void sync_add(stat_tap_table_item_type *cells, const wechat_sample *sample)
{
    double delay = (double)sample->delay / NANOSECONDS;
    double *sum = &cells[COLUMN_AVERAGE].user_data.float_value;
    unsigned *delayed = &cells[COLUMN_COUNT].user_data.uint_value;
    double *min = &cells[COLUMN_MIN].value.float_value;
    double *max = &cells[COLUMN_MAX].value.float_value;

    cells[COLUMN_COUNT].value.uint_value++;
    if (!sample->delayed)
        return;
    *sum += delay;
    *delayed += 1;
    *min = *delayed == 1 ? delay : MIN(*min, delay);
    *max = *delayed == 1 ? delay : MAX(*max, delay);
    cells[COLUMN_AVERAGE].value.float_value = *sum / *delayed;
    for (int i = COLUMN_MIN; i <= COLUMN_MAX; i++)
        cells[i].type = TABLE_ITEM_FLOAT;
}

static tap_packet_status sync_packet(void *data, packet_info *pinfo G_GNUC_UNUSED, epan_dissect_t *edt G_GNUC_UNUSED,
                                     const void *first TAP_FLAGS)
{
    const stat_tap_table *table = g_array_index(((stat_data_t *)data)->stat_tap_data->tables, stat_tap_table *, 0);

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        wechat_sample samples[WECHAT_MOST_SAMPLES];
        size_t count = wechat_delivery_samples(record, samples, WECHAT_MOST_SAMPLES);
        for (size_t i = 0; i < count; i++)
            sync_add(table->elements[samples[i].row], &samples[i]);
    }
    return TAP_PACKET_REDRAW;
}

static void sync_register(void)
{
    static stat_tap_table_item columns[COLUMNS];
    static tap_param filter = { PARAM_FILTER, "filter", "Filter", NULL, true };
    static stat_tap_table_ui ui;

    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (stat_tap_table_item){ TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, tables->sync_columns[i], "%.6f" };
    columns[COLUMN_NAME].type = TABLE_ITEM_STRING;
    columns[COLUMN_NAME].align = TAP_ALIGN_LEFT;
    columns[COLUMN_NAME].field_format = "%-30s";
    columns[COLUMN_COUNT].type = TABLE_ITEM_UINT;
    columns[COLUMN_COUNT].field_format = "%u";
    ui.group = REGISTER_PACKET_STAT_GROUP_UNSORTED;
    ui.title = tables->sync_title;
    ui.tap_name = protocol_name();
    ui.cli_string = shim_words("%s,%s", protocol_name(), tables->sync_command);
    ui.stat_tap_init_cb = sync_init;
    ui.packet_func = sync_packet;
    ui.stat_tap_reset_table_cb = sync_reset;
    ui.nfields = COLUMNS;
    ui.fields = columns;
    ui.nparams = 1;
    ui.params = &filter;
    register_stat_tap_table_ui(&ui);
}

/* ---- frames, a line each ---- */

typedef struct {
    wechat_lines *lines;
    bool begun;
} frames;

static void frames_write(frames *all, const wechat_record *record)
{
    fputs(wechat_lines_write(all->lines, record), stdout);
}

static void frames_begin(frames *all)
{
    if (!all->begun)
        frames_write(all, NULL);
    all->begun = true;
}

static tap_packet_status frames_packet(void *data, packet_info *pinfo G_GNUC_UNUSED,
                                       epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    frames_begin((frames *)data);
    for (const wechat_record *record = first; record != NULL; record = record->next)
        frames_write((frames *)data, record);
    /* Packets may come as they are captured, and somebody may wait for their lines. */
    fflush(stdout);
    return TAP_PACKET_DONT_REDRAW;
}

static void frames_draw(void *data)
{
    frames_begin((frames *)data);
}

static void frames_finish(void *data)
{
    wechat_lines_free(((frames *)data)->lines);
    g_free(data);
}

static bool frames_start(const char *argument, void *command)
{
    frames *all = g_new0(frames, 1);
    const char *filter = NULL;
    const char *words = argument + strlen((const char *)command);
    GString *error;

    all->lines = wechat_lines_new(words, &filter);
    if (all->lines == NULL) {
        fprintf(stderr, "\"-z %s\" is no UTF-8\n", argument);
        frames_finish(all);
        return false;
    }
    error = register_tap_listener(protocol_name(), all, filter, 0, NULL, frames_packet, frames_draw, frames_finish);
    if (error != NULL) {
        fprintf(stderr, "Couldn't register the tap for \"-z %s\": %s\n", argument, error->str);
        g_string_free(error, true);
        frames_finish(all);
        return false;
    }
    return true;
}

STAT_INIT(frames_init, frames_start)

static void frames_register(void)
{
    char *command = shim_words("%s,%s", protocol_name(), tables->frames_command);
    stat_tap_ui ui = { 0 };

    ui.group = REGISTER_STAT_GROUP_GENERIC;
    ui.title = tables->frames_title;
    ui.cli_string = command;
    ui.tap_init_cb = frames_init;
    register_stat_tap_ui(&ui, command);
}

/* ---- follow ---- */

#define LONGEST_FILTER 4096

static char *stream_filter(unsigned stream)
{
    char filter[LONGEST_FILTER];

    wechat_stream_filter(stream, filter, sizeof filter);
    return g_strdup(filter);
}

static char *follow_index(unsigned stream, unsigned sub_stream G_GNUC_UNUSED)
{
    return stream_filter(stream);
}

static char *follow_conversation(FOLLOW_DISSECTION packet_info *pinfo, unsigned *stream,
                                 unsigned *sub_stream G_GNUC_UNUSED)
{
    wechat_segment segment = tcp_describe(pinfo);

    if (!(segment.flags & WECHAT_STREAM) || !proto_is_frame_protocol(pinfo->layers, protocol_name()))
        return NULL;
    *stream = segment.shown_stream;
    return stream_filter(segment.shown_stream);
}

static char *follow_ends(address *src, address *dst, int src_port, int dst_port)
{
    char filter[LONGEST_FILTER];
    wechat_segment segment = { 0 };

    segment.src_address = (const uint8_t *)src->data;
    segment.dst_address = (const uint8_t *)dst->data;
    segment.src_length = (uint16_t)src->len;
    segment.dst_length = (uint16_t)dst->len;
    segment.src_port = (uint16_t)src_port;
    segment.dst_port = (uint16_t)dst_port;
    return wechat_ends_filter(&segment, filter, sizeof filter) != 0 ? g_strdup(filter) : NULL;
}

/* A line for each frame. The side that asks is the client, as far as the frames tell. */
static tap_packet_status follow_packet(void *data, packet_info *pinfo, epan_dissect_t *edt G_GNUC_UNUSED, const void *first
                                       TAP_FLAGS)
{
    follow_info_t *info = (follow_info_t *)data;

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        follow_record_t *line = g_new0(follow_record_t, 1);
        const char *words = record_text(record, record->info);
        if (info->client_port == 0) {
            bool backwards = record->sender == WECHAT_SENDER_SERVER;
            info->client_port = backwards ? pinfo->destport : pinfo->srcport;
            info->server_port = backwards ? pinfo->srcport : pinfo->destport;
            copy_address(&info->client_ip, backwards ? &pinfo->dst : &pinfo->src);
            copy_address(&info->server_ip, backwards ? &pinfo->src : &pinfo->dst);
        }
        line->is_server = !addresses_equal(&info->client_ip, &pinfo->src) || info->client_port != pinfo->srcport;
        line->packet_num = record->packet;
        FOLLOW_SET_TIME(line, pinfo->abs_ts);
        line->data = g_byte_array_new();
        g_byte_array_append(line->data, (const uint8_t *)words, (unsigned)strlen(words));
        g_byte_array_append(line->data, (const uint8_t *)"\n", 1);
        info->bytes_written[line->is_server] += line->data->len;
        info->payload = g_list_prepend(info->payload, line);
    }
    return TAP_PACKET_DONT_REDRAW;
}

/* ---- flow graph ---- */

static tap_packet_status flow_packet(void *data, packet_info *pinfo, epan_dissect_t *edt G_GNUC_UNUSED, const void *first
                                     TAP_FLAGS)
{
    seq_analysis_info_t *info = (seq_analysis_info_t *)data;

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        seq_analysis_item_t *item = sequence_analysis_create_sai_with_addresses(pinfo, info);
        if (item == NULL)
            break;
        item->frame_number = record->packet;
        item->port_src = (uint16_t)pinfo->srcport;
        item->port_dst = (uint16_t)pinfo->destport;
        item->frame_label = g_strdup(record_text(record, record->row_name));
        item->comment = g_strdup(record_text(record, record->info));
        item->conv_num = (uint16_t)record->stream;
        item->line_style = 1;
        item->display = true;
        sequence_analysis_use_color_filter(pinfo, item);
        g_queue_push_tail(info->items, item);
    }
    return TAP_PACKET_REDRAW;
}

/* ---- filters for a packet ---- */

static size_t packet_filter(packet_info *pinfo, size_t filter, char *text, size_t size)
{
    wechat_segment segment = tcp_describe(pinfo);

    return wechat_packet_filter(shim_dissector(), filter, &segment, text, size);
}

static char *packet_filter_text(packet_info *pinfo, size_t filter)
{
    char text[LONGEST_FILTER];

    return packet_filter(pinfo, filter, text, sizeof text) != 0 ? g_strdup(text) : NULL;
}

/* Older versions give callbacks nothing to tell filters apart by: each has its own. */
#define PACKET_FILTER(number)                                                     \
    static ws_bool packet_filter_valid_##number(packet_info *pinfo FILTER_DATA)   \
    {                                                                             \
        return packet_filter(pinfo, number, NULL, 0) != 0;                        \
    }                                                                             \
    static char *packet_filter_build_##number(packet_info *pinfo FILTER_DATA)     \
    {                                                                             \
        return packet_filter_text(pinfo, number);                                 \
    }
PACKET_FILTER(0)
PACKET_FILTER(1)

static void packet_filters_register(void)
{
    static const struct {
        ws_bool (*valid)(packet_info *pinfo FILTER_DATA);
        char *(*build)(packet_info *pinfo FILTER_DATA);
    } filters[] = {
        { packet_filter_valid_0, packet_filter_build_0 },
        { packet_filter_valid_1, packet_filter_build_1 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(filters) && i < tables->packet_filter_count; i++)
        register_conversation_filter(protocol_name(), tables->packet_filters[i], filters[i].valid,
                                     filters[i].build FILTER_NO_DATA);
}

void stats_register(const wechat_tables *rows)
{
    tables = rows;
    register_srt_table(shim_proto, protocol_name(), 1, srt_packet, srt_init, NULL);
    trees_register();
    sync_register();
    frames_register();
    register_follow_stream(shim_proto, protocol_name(), follow_conversation, follow_index, follow_ends,
                           tcp_port_to_display, follow_packet FOLLOW_COUNTS);
    register_seq_analysis(protocol_name(), tables->flow_title, shim_proto, protocol_name(), 0, flow_packet);
    packet_filters_register();
}
