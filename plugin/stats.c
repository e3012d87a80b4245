/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stats.c - what listens to the taps: statistics, lines, follow, flow graph. The Rust side says what a record
 * counts and how it is written; this file adds, prints and registers. And filters for a packet.
 */
#include "shim.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define NANOSECONDS 1000000000

static const shim_protocol *protocol_of(const wechat_record *record)
{
    return &shim_protocols[record->protocol];
}

/* The protocol whose tables have a name. */
static const shim_protocol *protocol_by_id(int proto)
{
    for (size_t i = 0; i < shim_protocol_count; i++)
        if (shim_protocols[i].proto == proto && shim_protocols[i].row->under == i)
            return &shim_protocols[i];
    return NULL;
}

/* ---- response times ---- */

static tap_packet_status srt_packet(void *data, packet_info *pinfo, epan_dissect_t *edt G_GNUC_UNUSED, const void *first
                                    TAP_FLAGS)
{
    srt_stat_table *table = g_array_index(((srt_data_t *)data)->srt_array, srt_stat_table *, 0);

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        wechat_response response;
        /* A clock that was set back: Wireshark's sums know no such times and would spoil the row. */
        if (!wechat_response_get(record, &response) || response.elapsed < 0)
            continue;
        int row = (int)response.row;
        if (table->procedures[row].procedure == NULL)
            init_srt_table_row(table, row, response.name);
        nstime_t elapsed = { (time_t)(response.elapsed / NANOSECONDS), (int)(response.elapsed % NANOSECONDS) };
        nstime_t asked;
        nstime_delta(&asked, &pinfo->abs_ts, &elapsed);
        add_srt_table_data(table, row, &asked, pinfo);
    }
    return TAP_PACKET_REDRAW;
}

static void srt_init(struct register_srt *srt, GArray *srt_array)
{
    const shim_protocol *protocol = protocol_by_id(get_srt_proto_id(srt));

    /* Rows are numbered by the Rust side: no number for a filter. */
    init_srt_table(protocol->row->responses_title, protocol->label, srt_array, (int)protocol->row->response_rows,
                   protocol->row->responses_column, NULL, NULL);
}

/* ---- trees of counters ---- */

/* A node of a tree: whether it is there yet, its number and its parent's in the tree, and what it counts, for the
 * tree's own counters cannot be read. None may fall below zero where a filter lets through what ends something, but
 * not what began it; and none may wrap around. */
typedef struct {
    bool made;
    int id;
    int parent;
    int count;
} tree_node;

/* The nodes of each tree. */
static wmem_map_t *tree_nodes;

/* Changes a node or, with a name, the part of it that has the name. */
static void tree_change(stats_tree *tree, tree_node *node, const char *name, const char *part, wechat_tick_kind how,
                        int amount)
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
    }
}

static void tree_forget(stats_tree *tree)
{
    wmem_free(wmem_epan_scope(), wmem_map_remove(tree_nodes, tree));
}

static void tree_begin(stats_tree *tree, const wechat_protocol *protocol)
{
    /* A tree that is reset begins again. */
    tree_forget(tree);
    wmem_map_insert(tree_nodes, tree, wmem_alloc0_array(wmem_epan_scope(), tree_node, protocol->node_count));
}

/* Whether a row is part of another one; NULL has the top ones. Names are the rows' own. */
static bool tree_is_part(const wechat_node *part, const wechat_node *row)
{
    return part->parent == (row != NULL ? row->name : NULL);
}

static void tree_make(stats_tree *tree, const wechat_protocol *protocol, tree_node *nodes, size_t place);

/* The parts of a row, or the top rows, that do not wait until they count. */
static void tree_make_parts(stats_tree *tree, const wechat_protocol *protocol, tree_node *nodes, const wechat_node *of)
{
    for (size_t i = 0; i < protocol->node_count; i++)
        if (tree_is_part(&protocol->nodes[i], of) && !protocol->nodes[i].rare)
            tree_make(tree, protocol, nodes, i);
}

/* Makes a node, what it is part of, and its own parts. */
static void tree_make(stats_tree *tree, const wechat_protocol *protocol, tree_node *nodes, size_t place)
{
    const wechat_node *row = &protocol->nodes[place];
    tree_node *node = &nodes[place];

    if (node->made)
        return;
    node->made = true;
    for (size_t i = 0; i < place; i++)
        if (tree_is_part(row, &protocol->nodes[i])) {
            tree_make(tree, protocol, nodes, i);
            node->parent = nodes[i].id;
        }
    node->id = row->range_count > 0
                   ? stats_tree_create_range_node_string(tree, row->name, node->parent, (int)row->range_count,
                                                         (char **)row->ranges)
                   : stats_tree_create_node(tree, row->name, node->parent, STAT_DT_INT, true);
    /* Windows sort by name. */
    if (place == 0)
        stat_node_set_flags(tree, row->name, 0, true, ST_FLG_SORT_TOP);
    tree_make_parts(tree, protocol, nodes, row);
}

static tap_packet_status tree_packet(stats_tree *tree, packet_info *pinfo G_GNUC_UNUSED,
                                     epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    tree_node *nodes = (tree_node *)wmem_map_lookup(tree_nodes, tree);

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        const wechat_protocol *protocol = protocol_of(record)->row;
        wechat_tick ticks[WECHAT_MOST_TICKS];
        size_t count = wechat_tree_ticks(record, ticks, WECHAT_MOST_TICKS);
        if (count > 0)
            tree_make_parts(tree, protocol, nodes, NULL);
        for (size_t i = 0; i < count; i++) {
            tree_make(tree, protocol, nodes, ticks[i].node);
            tree_change(tree, &nodes[ticks[i].node], protocol->nodes[ticks[i].node].name, ticks[i].part,
                        (wechat_tick_kind)ticks[i].how, ticks[i].amount);
        }
    }
    return TAP_PACKET_REDRAW;
}

#define TREE_INIT(number)                                 \
    static void tree_init_##number(stats_tree *tree)      \
    {                                                     \
        tree_begin(tree, shim_protocols[number].row);     \
    }
EACH_PROTOCOL(TREE_INIT)

static void tree_register(const shim_protocol *protocol, void (*init)(stats_tree *))
{
    char **words = g_strsplit(protocol->row->tree_title, "/", 0);
    char *place = g_strjoinv(STATS_TREE_MENU_SEPARATOR, words);

    stats_tree_register_plugin(protocol->filter, protocol->filter, place, 0, tree_packet, init, tree_forget);
    g_free(place);
    g_strfreev(words);
}

/* ---- tables of delays ---- */

enum { COLUMN_NAME, COLUMN_COUNT, COLUMN_MIN, COLUMN_AVERAGE, COLUMN_MAX, COLUMNS };

/* The protocol whose table has a title. */
static const wechat_protocol *delays_of(const char *title)
{
    for (size_t i = 0; i < shim_protocol_count; i++) {
        const wechat_protocol *row = shim_protocols[i].row;
        if (row->delays_title != NULL && strcmp(row->delays_title, title) == 0)
            return row;
    }
    return NULL;
}

static void delays_clear_row(const wechat_protocol *protocol, stat_tap_table *table, unsigned row)
{
    stat_tap_table_item_type cells[COLUMNS] = { { 0 } };

    cells[COLUMN_NAME].type = TABLE_ITEM_STRING;
    cells[COLUMN_NAME].value.string_value = protocol->delay_rows[row];
    cells[COLUMN_COUNT].type = TABLE_ITEM_UINT;
    /* What has no delay so far shows none. */
    stat_tap_init_table_row(table, row, COLUMNS, cells);
}

static void delays_reset(stat_tap_table *table)
{
    for (unsigned i = 0; i < table->num_elements; i++)
        delays_clear_row(delays_of(table->title), table, i);
}

static void delays_init(stat_tap_table_ui *ui)
{
    const wechat_protocol *protocol = delays_of(ui->title);
    /* It may have been begun before. */
    stat_tap_table *table =
        ui->tables != NULL && ui->tables->len > 0 ? g_array_index(ui->tables, stat_tap_table *, 0) : NULL;

    if (table == NULL) {
        table = stat_tap_init_table(protocol->delays_title, COLUMNS, 0, NULL);
        stat_tap_add_table(ui, table);
    }
    for (unsigned i = 0; i < protocol->delay_row_count; i++)
        delays_clear_row(protocol, table, i);
}

static void delays_add(stat_tap_table_item_type *cells, const wechat_sample *sample)
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

static tap_packet_status delays_packet(void *data, packet_info *pinfo G_GNUC_UNUSED, epan_dissect_t *edt G_GNUC_UNUSED,
                                     const void *first TAP_FLAGS)
{
    const stat_tap_table *table = g_array_index(((stat_data_t *)data)->stat_tap_data->tables, stat_tap_table *, 0);

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        wechat_sample samples[WECHAT_MOST_SAMPLES];
        size_t count = wechat_delay_samples(record, samples, WECHAT_MOST_SAMPLES);
        for (size_t i = 0; i < count; i++)
            delays_add(table->elements[samples[i].row], &samples[i]);
    }
    return TAP_PACKET_REDRAW;
}

static void delays_register(const shim_protocol *protocol)
{
    static tap_param filter = { PARAM_FILTER, "filter", "Filter", NULL, true };
    stat_tap_table_item *columns = wmem_alloc0_array(wmem_epan_scope(), stat_tap_table_item, COLUMNS);
    stat_tap_table_ui *ui = wmem_new0(wmem_epan_scope(), stat_tap_table_ui);

    for (int i = 0; i < COLUMNS; i++)
        columns[i] =
            (stat_tap_table_item){ TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, protocol->row->delay_columns[i], "%.6f" };
    columns[COLUMN_NAME].type = TABLE_ITEM_STRING;
    columns[COLUMN_NAME].align = TAP_ALIGN_LEFT;
    columns[COLUMN_NAME].field_format = "%-30s";
    columns[COLUMN_COUNT].type = TABLE_ITEM_UINT;
    columns[COLUMN_COUNT].field_format = "%u";
    ui->group = REGISTER_PACKET_STAT_GROUP_UNSORTED;
    ui->title = protocol->row->delays_title;
    ui->tap_name = protocol->filter;
    ui->cli_string = shim_words("%s,%s", protocol->filter, protocol->row->delays_command);
    ui->stat_tap_init_cb = delays_init;
    ui->packet_func = delays_packet;
    ui->stat_tap_reset_table_cb = delays_reset;
    ui->nfields = COLUMNS;
    ui->fields = columns;
    ui->nparams = 1;
    ui->params = &filter;
    register_stat_tap_table_ui(ui);
}

/* ---- records, a line each ---- */

/* What a command asks for. */
typedef struct {
    const shim_protocol *protocol;
    const char *words;
} command;

typedef struct {
    const command *asked;
    wechat_lines *lines;
    bool begun;
} writer;

/* What the program calls itself: neither epan nor glib says it in all versions. */
static const char *program_name(void)
{
#ifdef __linux__
    extern char *program_invocation_short_name;

    return program_invocation_short_name;
#else
    return getprogname();
#endif
}

/* Who reads lines learns that some are missing: tshark ends, as when it cannot write its own. Others go on. */
static void lines_failed(const writer *writer)
{
    fprintf(stderr, "\"-z %s\": the lines cannot be written: %s\n", writer->asked->words, g_strerror(errno));
    if (strcmp(program_name(), "tshark") == 0)
        exit(2);
}

static void lines_put(const writer *writer, const char *text)
{
    if (fputs(text, stdout) == EOF)
        lines_failed(writer);
}

static void lines_begin(writer *writer)
{
    if (!writer->begun)
        lines_put(writer, wechat_lines_write(writer->lines, NULL));
    writer->begun = true;
}

/* Packets may come as they are captured, and somebody may wait for their lines. */
static void lines_flush(const writer *writer)
{
    if (fflush(stdout) == EOF)
        lines_failed(writer);
}

static tap_packet_status lines_packet(void *data, packet_info *pinfo G_GNUC_UNUSED,
                                      epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    writer *all = (writer *)data;

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        const char *text = wechat_lines_write(all->lines, record);
        /* What is gathered for the end gets its headings there, so that they stand above their lines. */
        if (*text == '\0')
            continue;
        if (!all->begun) {
            lines_begin(all);
            text = wechat_lines_write(all->lines, record); /* the headings took its place */
        }
        lines_put(all, text);
    }
    lines_flush(all);
    return TAP_PACKET_DONT_REDRAW;
}

static void lines_draw(void *data)
{
    writer *all = (writer *)data;

    lines_begin(all);
    lines_put(all, wechat_lines_end(all->lines));
    lines_flush(all);
}

static void lines_finish(void *data)
{
    wechat_lines_free(((writer *)data)->lines);
    g_free(data);
}

static bool lines_start(const char *argument, void *data)
{
    const command *asked = (const command *)data;
    writer *all = g_new0(writer, 1);
    const char *filter = NULL;
    GString *error;

    all->asked = asked;
    all->lines = wechat_lines_new(asked->protocol->number, argument + strlen(asked->words), &filter);
    if (all->lines == NULL) {
        fprintf(stderr, "\"-z %s\" is unknown: behind \"%s\" may come \",json\", a comma and a display filter, or both\n",
                argument, asked->words);
        lines_finish(all);
        return false;
    }
    error = register_tap_listener(asked->protocol->filter, all, filter, 0, NULL, lines_packet, lines_draw, lines_finish);
    if (error != NULL) {
        fprintf(stderr, "\"-z %s\": \"%s\" is neither \"json\" nor a display filter: %s\n", argument,
                filter != NULL ? filter : "", error->str);
        g_string_free(error, true);
        lines_finish(all);
        return false;
    }
    return true;
}

STAT_INIT(lines_init, lines_start)

static void lines_register(const shim_protocol *protocol)
{
    command *asked = wmem_new(wmem_epan_scope(), command);
    stat_tap_ui ui = { 0 };

    *asked = (command){ protocol, shim_words("%s,%s", protocol->filter, protocol->row->lines_command) };
    ui.group = REGISTER_STAT_GROUP_GENERIC;
    ui.title = protocol->row->lines_title;
    ui.cli_string = asked->words;
    ui.tap_init_cb = lines_init;
    register_stat_tap_ui(&ui, asked);
}

/* ---- follow ---- */

#define LONGEST_FILTER 4096

static char *dialogue_filter(const shim_protocol *protocol, unsigned number)
{
    char filter[LONGEST_FILTER];

    wechat_dialogue_filter(protocol->number, number, filter, sizeof filter);
    return g_strdup(filter);
}

static char *follow_conversation(const shim_protocol *protocol, packet_info *pinfo, unsigned *stream)
{
    wechat_segment segment = loop_describe(pinfo);

    segment.protocol = protocol->number;
    if (!(segment.flags & WECHAT_STREAM) || !proto_is_frame_protocol(pinfo->layers, protocol->filter) ||
        !wechat_dialogue(shim_dissector(), &segment, stream))
        return NULL;
    return dialogue_filter(protocol, *stream);
}

#define FOLLOW(number)                                                                                   \
    static char *follow_index_##number(unsigned stream, unsigned sub_stream G_GNUC_UNUSED)                \
    {                                                                                                    \
        return dialogue_filter(&shim_protocols[number], stream);                                         \
    }                                                                                                    \
    static char *follow_conversation_##number(FOLLOW_DISSECTION packet_info *pinfo, unsigned *stream,     \
                                              unsigned *sub_stream G_GNUC_UNUSED)                         \
    {                                                                                                    \
        return follow_conversation(&shim_protocols[number], pinfo, stream);                              \
    }
EACH_PROTOCOL(FOLLOW)

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

/* A line for each record, or its bytes. The side that asks is the client, as far as the records tell. */
static tap_packet_status follow_packet(void *data, packet_info *pinfo, epan_dissect_t *edt G_GNUC_UNUSED, const void *first
                                       TAP_FLAGS)
{
    follow_info_t *info = (follow_info_t *)data;

    for (const wechat_record *record = first; record != NULL; record = record->next) {
        wechat_sentence sentence;
        if (!wechat_sentence_get(record, &sentence))
            continue;
        if (info->client_port == 0) {
            bool backwards = sentence.side == WECHAT_SIDE_SERVER;
            info->client_port = backwards ? pinfo->destport : pinfo->srcport;
            info->server_port = backwards ? pinfo->srcport : pinfo->destport;
            copy_address(&info->client_ip, backwards ? &pinfo->dst : &pinfo->src);
            copy_address(&info->server_ip, backwards ? &pinfo->src : &pinfo->dst);
        }
        if (sentence.raw && record->byte_count == 0)
            continue;
        follow_record_t *line = g_new0(follow_record_t, 1);
        line->is_server = !addresses_equal(&info->client_ip, &pinfo->src) || info->client_port != pinfo->srcport;
        line->packet_num = record->packet;
        FOLLOW_SET_TIME(line, pinfo->abs_ts);
        line->data = g_byte_array_new();
        if (sentence.raw) {
            g_byte_array_append(line->data, record->bytes, record->byte_count);
        } else {
            /* Followed text is ASCII to epan. */
            char **parts = g_strsplit(sentence.line, "\u2192", -1);
            char *words = g_strjoinv("->", parts);
            char *text = g_strdup_printf("%u  %.6f  %s\n", record->packet, nstime_to_sec(&pinfo->rel_ts), words);
            g_byte_array_append(line->data, (const uint8_t *)text, (unsigned)strlen(text));
            g_free(text);
            g_free(words);
            g_strfreev(parts);
        }
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
        wechat_sentence sentence;
        if (!wechat_sentence_get(record, &sentence))
            continue;
        seq_analysis_item_t *item = sequence_analysis_create_sai_with_addresses(pinfo, info);
        if (item == NULL)
            break;
        item->frame_number = record->packet;
        item->port_src = (uint16_t)pinfo->srcport;
        item->port_dst = (uint16_t)pinfo->destport;
        item->frame_label = g_strdup(sentence.label);
        item->comment = g_strdup(sentence.line);
        item->conv_num = (uint16_t)record->stream;
        item->line_style = 1;
        item->display = true;
        sequence_analysis_use_color_filter(pinfo, item);
        g_queue_push_tail(info->items, item);
    }
    return TAP_PACKET_REDRAW;
}

/* ---- filters for a packet ---- */

static size_t packet_filter(size_t protocol, packet_info *pinfo, size_t filter, char *text, size_t size)
{
    wechat_segment segment = loop_describe(pinfo);

    segment.protocol = (uint16_t)protocol;
    return wechat_packet_filter(shim_dissector(), filter, &segment, text, size);
}

static char *packet_filter_text(size_t protocol, packet_info *pinfo, size_t filter)
{
    char text[LONGEST_FILTER];

    return packet_filter(protocol, pinfo, filter, text, sizeof text) != 0 ? g_strdup(text) : NULL;
}

/* Older versions give callbacks nothing to tell filters apart by: each has its own. */
#define MOST_PACKET_FILTERS 2
#define PACKET_FILTER(protocol, number)                                                       \
    static ws_bool packet_filter_valid_##protocol##_##number(packet_info *pinfo FILTER_DATA)  \
    {                                                                                         \
        return packet_filter(protocol, pinfo, number, NULL, 0) != 0;                          \
    }                                                                                         \
    static char *packet_filter_build_##protocol##_##number(packet_info *pinfo FILTER_DATA)    \
    {                                                                                         \
        return packet_filter_text(protocol, pinfo, number);                                   \
    }
#define PACKET_FILTERS(protocol) PACKET_FILTER(protocol, 0) PACKET_FILTER(protocol, 1)
EACH_PROTOCOL(PACKET_FILTERS)

static void packet_filters_register(const shim_protocol *protocol)
{
#define PACKET_FILTER_ROW(protocol)                                               \
    { { packet_filter_valid_##protocol##_0, packet_filter_build_##protocol##_0 }, \
      { packet_filter_valid_##protocol##_1, packet_filter_build_##protocol##_1 } },
    static const struct {
        ws_bool (*valid)(packet_info *pinfo FILTER_DATA);
        char *(*build)(packet_info *pinfo FILTER_DATA);
    } filters[][MOST_PACKET_FILTERS] = { EACH_PROTOCOL(PACKET_FILTER_ROW) };

    for (size_t i = 0; i < MOST_PACKET_FILTERS && i < protocol->row->packet_filter_count; i++)
        register_conversation_filter(protocol->filter, protocol->row->packet_filters[i],
                                     filters[protocol->number][i].valid,
                                     filters[protocol->number][i].build FILTER_NO_DATA);
}

void stats_register(void)
{
#define TREE_INITIALISER(number) tree_init_##number,
#define FOLLOWER(number) { follow_conversation_##number, follow_index_##number },
    static void (*const tree_inits[])(stats_tree *) = { EACH_PROTOCOL(TREE_INITIALISER) };
    static const struct {
        follow_conv_filter_func conversation;
        follow_index_filter_func index;
    } followers[] = { EACH_PROTOCOL(FOLLOWER) };

    tree_nodes = wmem_map_new(wmem_epan_scope(), g_direct_hash, g_direct_equal);
    for (size_t i = 0; i < shim_protocol_count; i++) {
        const shim_protocol *protocol = &shim_protocols[i];
        const wechat_protocol *row = protocol->row;

        if (row->responses_title != NULL)
            register_srt_table(protocol->proto, protocol->filter, 1, srt_packet, srt_init, NULL);
        if (row->tree_title != NULL)
            tree_register(protocol, tree_inits[i]);
        if (row->delays_title != NULL)
            delays_register(protocol);
        if (row->lines_title != NULL)
            lines_register(protocol);
        if (row->flow_title != NULL) {
            register_follow_stream(protocol->proto, protocol->filter, followers[i].conversation, followers[i].index,
                                   follow_ends, tcp_port_to_display, follow_packet FOLLOW_COUNTS);
            register_seq_analysis(protocol->filter, row->flow_title, protocol->proto, protocol->filter, 0, flow_packet);
        }
        packet_filters_register(protocol);
    }
}
