/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * register.c - the rows of the Rust tables to fields, expert infos, preferences and UAT, and the
 * life of a capture's handle.
 */
#include "shim.h"

int *shim_field_ids;
int *shim_subtree_ids;
expert_field *shim_note_ids;
int shim_proto = -1;
int shim_web_proto = -1;

static wechat_registry *registry;
static const wechat_tables *tables;
static wechat_dissector *dissector;

/* Storage of a preference; which member counts is its row's kind. */
typedef union {
    ws_bool boolean;
    unsigned number;
    int choice;
    range_t *ports;
    struct table *table;
} preference;
static preference *preferences;

/* Columns that a table may have; the Rust side has three. */
#define MOST_COLUMNS 4

/* A row of a UAT: a text for each column. */
typedef struct {
    char *cells[MOST_COLUMNS];
} table_row;

/* A UAT. Its callbacks get no pointer to it, so that there can be one only. */
static struct table {
    uint16_t preference;
    size_t columns;
    table_row *rows;
    unsigned row_count;
    uat_field_t fields[MOST_COLUMNS + 1];
} table;

const wechat_field *shim_protocol_row(void)
{
    return &tables->fields[0];
}

bool shim_is_own_layer(int proto)
{
    return proto == shim_proto || proto == shim_web_proto;
}

wechat_dissector *shim_dissector(void)
{
    return dissector;
}

const range_t *shim_ports(void)
{
    for (size_t i = 0; i < tables->preference_count; i++)
        if (tables->preferences[i].kind == WECHAT_PREFERENCE_TYPE_PORTS)
            return preferences[i].ports;
    return NULL;
}

/* ---- fields and notes ---- */

static enum ftenum field_type(wechat_type type)
{
    static const enum ftenum types[] = {
        [WECHAT_TYPE_PROTOCOL] = FT_PROTOCOL,
        [WECHAT_TYPE_NONE] = FT_NONE,
        [WECHAT_TYPE_BOOLEAN] = FT_BOOLEAN,
        [WECHAT_TYPE_U8] = FT_UINT8,
        [WECHAT_TYPE_U16] = FT_UINT16,
        [WECHAT_TYPE_U32] = FT_UINT32,
        [WECHAT_TYPE_U64] = FT_UINT64,
        [WECHAT_TYPE_I32] = FT_INT32,
        [WECHAT_TYPE_I64] = FT_INT64,
        [WECHAT_TYPE_BYTES] = FT_BYTES,
        [WECHAT_TYPE_TEXT] = FT_STRING,
        [WECHAT_TYPE_PADDED_TEXT] = FT_STRINGZPAD,
        [WECHAT_TYPE_IPV4] = FT_IPv4,
        [WECHAT_TYPE_DURATION] = FT_RELATIVE_TIME,
        [WECHAT_TYPE_TIME] = FT_ABSOLUTE_TIME,
        [WECHAT_TYPE_PACKET] = FT_FRAMENUM,
        [WECHAT_TYPE_REQUEST_PACKET] = FT_FRAMENUM,
        [WECHAT_TYPE_RESPONSE_PACKET] = FT_FRAMENUM,
        [WECHAT_TYPE_ACK_PACKET] = FT_FRAMENUM,
    };
    return types[type];
}

static int field_display(const wechat_field *row)
{
    static const int bases[] = {
        [WECHAT_BASE_NATURAL] = BASE_NONE,
        [WECHAT_BASE_DEC] = BASE_DEC,
        [WECHAT_BASE_HEX] = BASE_HEX,
        [WECHAT_BASE_DEC_HEX] = BASE_DEC_HEX,
    };
    switch (row->kind) {
    case WECHAT_TYPE_BOOLEAN:
        return row->bits;
    case WECHAT_TYPE_TIME:
        return ABSOLUTE_TIME_UTC;
    default:
        return bases[row->base];
    }
}

static const void *field_strings(const wechat_field *row)
{
    switch (row->kind) {
    case WECHAT_TYPE_REQUEST_PACKET:
        return FRAMENUM_TYPE(FT_FRAMENUM_REQUEST);
    case WECHAT_TYPE_RESPONSE_PACKET:
        return FRAMENUM_TYPE(FT_FRAMENUM_RESPONSE);
    case WECHAT_TYPE_ACK_PACKET:
        return FRAMENUM_TYPE(FT_FRAMENUM_ACK);
    default:
        break;
    }
    if (row->value_count == 0)
        return NULL;
    value_string *strings = wmem_alloc0_array(wmem_epan_scope(), value_string, row->value_count + 1);
    for (size_t i = 0; i < row->value_count; i++) {
        strings[i].value = row->values[i].value;
        strings[i].strptr = row->values[i].name;
    }
    return VALS(strings);
}

/* epan keeps what it is given here for as long as it runs. A row that is a protocol begins its fields. */
static void register_fields(void)
{
    size_t count = tables->field_count;
    hf_register_info *infos = wmem_alloc0_array(wmem_epan_scope(), hf_register_info, count);
    int **subtrees = wmem_alloc0_array(wmem_epan_scope(), int *, count);
    size_t first = 0;

    shim_field_ids = wmem_alloc_array(wmem_epan_scope(), int, count);
    shim_subtree_ids = wmem_alloc_array(wmem_epan_scope(), int, count);
    for (size_t i = 0; i < count; i++) {
        const wechat_field *row = &tables->fields[i];
        bool last = i + 1 == count || tables->fields[i + 1].kind == WECHAT_TYPE_PROTOCOL;
        shim_field_ids[i] = -1;
        shim_subtree_ids[i] = -1;
        subtrees[i] = &shim_subtree_ids[i];
        if (row->kind == WECHAT_TYPE_PROTOCOL) {
            shim_field_ids[i] = proto_register_protocol(row->help, row->label, row->filter);
            first = i;
        } else {
            infos[i] = (hf_register_info){
                &shim_field_ids[i],
                { row->label, row->filter, field_type(row->kind), field_display(row), field_strings(row), row->mask,
                  row->help, HFILL },
            };
        }
        if (last && i > first)
            proto_register_field_array(shim_field_ids[first], &infos[first + 1], (int)(i - first));
    }
    shim_proto = shim_field_ids[0];
    shim_web_proto = shim_field_ids[tables->web_protocol];
    proto_register_subtree_array(subtrees, (int)count);
}

static void register_notes(void)
{
    static const int groups[] = {
        [WECHAT_GROUP_SEQUENCE] = PI_SEQUENCE,     [WECHAT_GROUP_PROTOCOL] = PI_PROTOCOL,
        [WECHAT_GROUP_MALFORMED] = PI_MALFORMED,   [WECHAT_GROUP_REASSEMBLE] = PI_REASSEMBLE,
        [WECHAT_GROUP_UNDECODED] = PI_UNDECODED,
    };
    static const int severities[] = {
        [WECHAT_SEVERITY_CHAT] = PI_CHAT,
        [WECHAT_SEVERITY_NOTE] = PI_NOTE,
        [WECHAT_SEVERITY_WARNING] = PI_WARN,
        [WECHAT_SEVERITY_ERROR] = PI_ERROR,
    };
    size_t count = tables->note_count;
    ei_register_info *infos = wmem_alloc0_array(wmem_epan_scope(), ei_register_info, count);
    size_t first = 0;

    shim_note_ids = wmem_alloc_array(wmem_epan_scope(), expert_field, count);
    for (size_t i = 0; i < count; i++) {
        const wechat_note *row = &tables->notes[i];
        shim_note_ids[i] = (expert_field)EI_INIT;
        infos[i] = (ei_register_info){
            &shim_note_ids[i],
            { row->filter, groups[row->group], severities[row->severity], row->summary, EXPFILL },
        };
        if (i + 1 == count || tables->notes[i + 1].protocol != row->protocol) {
            expert_register_field_array(expert_register_protocol(shim_field_ids[row->protocol]), &infos[first],
                                        (int)(i + 1 - first));
            first = i + 1;
        }
    }
}

/* ---- the user's table ---- */

/* The column's number travels as the callbacks' user data. */
static void cell_set(void *record, const char *text, unsigned length, const void *column, const void *unused G_GNUC_UNUSED)
{
    char **cell = &((table_row *)record)->cells[GPOINTER_TO_SIZE(column)];
    g_free(*cell);
    *cell = g_strndup(text, length);
}

static void cell_get(void *record, char **text, unsigned *length, const void *column, const void *unused G_GNUC_UNUSED)
{
    const char *cell = ((table_row *)record)->cells[GPOINTER_TO_SIZE(column)];
    *text = g_strdup(cell ? cell : "");
    *length = (unsigned)strlen(*text);
}

static void *row_copy(void *to, const void *from, size_t size G_GNUC_UNUSED)
{
    for (size_t i = 0; i < MOST_COLUMNS; i++)
        ((table_row *)to)->cells[i] = g_strdup(((const table_row *)from)->cells[i]);
    return to;
}

static void row_free(void *record)
{
    for (size_t i = 0; i < MOST_COLUMNS; i++)
        g_free(((table_row *)record)->cells[i]);
}

static ws_bool row_check(void *record, char **error)
{
    char message[256] = "";
    const char *const *cells = (const char *const *)((table_row *)record)->cells;

    *error = NULL;
    if (wechat_row_check(table.preference, cells, table.columns, message, sizeof message) == WECHAT_RESULT_OK)
        return true;
    *error = g_strdup(message);
    return false;
}

static void register_table(module_t *module, const wechat_preference *row, uint16_t index)
{
    const char *protocol = tables->fields[0].filter;

    table.preference = index;
    table.columns = MIN(row->part_count, MOST_COLUMNS);
    for (size_t i = 0; i < table.columns; i++) {
        void *column = GSIZE_TO_POINTER(i);
        table.fields[i] = (uat_field_t){
            row->parts[i].name, row->parts[i].name, PT_TXTMOD_STRING, { NULL, cell_set, cell_get },
            { column, column, column }, NULL, row->parts[i].help, FLDFILL,
        };
    }
    uat_t *uat = uat_new(shim_words("%s %s", tables->fields[0].label, row->title), sizeof(table_row),
                         shim_words("%s_%s", protocol, row->name), true, &table.rows, &table.row_count,
                         UAT_AFFECTS_DISSECTION, NULL, row_copy, row_check, row_free, NULL, NULL, table.fields);
    prefs_register_uat_preference(module, row->name, row->title, row->help, uat);
}

/* ---- preferences ---- */

static const enum_val_t *choices(const wechat_preference *row)
{
    enum_val_t *values = wmem_alloc0_array(wmem_epan_scope(), enum_val_t, row->part_count + 1);
    for (size_t i = 0; i < row->part_count; i++)
        values[i] = (enum_val_t){ row->parts[i].name, row->parts[i].help, (int)i };
    return values;
}

static void register_preferences(void)
{
    module_t *module = prefs_register_protocol(shim_proto, NULL);

    preferences = wmem_alloc0_array(wmem_epan_scope(), preference, tables->preference_count);
    for (size_t i = 0; i < tables->preference_count; i++) {
        const wechat_preference *row = &tables->preferences[i];
        preference *value = &preferences[i];
        switch (row->kind) {
        case WECHAT_PREFERENCE_TYPE_PORTS:
            range_convert_str(wmem_epan_scope(), &value->ports, row->ports, UINT16_MAX);
            prefs_register_range_preference(module, row->name, row->title, row->help, &value->ports, UINT16_MAX);
            break;
        case WECHAT_PREFERENCE_TYPE_BOOLEAN:
            value->boolean = row->number != 0;
            prefs_register_bool_preference(module, row->name, row->title, row->help, &value->boolean);
            break;
        case WECHAT_PREFERENCE_TYPE_NUMBER:
            value->number = row->number;
            prefs_register_uint_preference(module, row->name, row->title, row->help, 10, &value->number);
            break;
        case WECHAT_PREFERENCE_TYPE_CHOICE:
            value->choice = (int)row->number;
            prefs_register_enum_preference(module, row->name, row->title, row->help, &value->choice, choices(row), false);
            break;
        case WECHAT_PREFERENCE_TYPE_TABLE:
            register_table(module, row, (uint16_t)i);
            break;
        default:
            break;
        }
    }
}

static void configure(wechat_config *config, uint16_t index)
{
    const preference *value = &preferences[index];

    switch (tables->preferences[index].kind) {
    case WECHAT_PREFERENCE_TYPE_PORTS: {
        char *ports = range_convert_range(NULL, value->ports);
        wechat_config_set_ports(config, index, ports);
        wmem_free(NULL, ports);
        break;
    }
    case WECHAT_PREFERENCE_TYPE_BOOLEAN:
        wechat_config_set_number(config, index, value->boolean);
        break;
    case WECHAT_PREFERENCE_TYPE_NUMBER:
        wechat_config_set_number(config, index, value->number);
        break;
    case WECHAT_PREFERENCE_TYPE_CHOICE:
        wechat_config_set_number(config, index, (uint32_t)value->choice);
        break;
    case WECHAT_PREFERENCE_TYPE_TABLE:
        for (unsigned i = 0; i < table.row_count; i++)
            wechat_config_add_row(config, index, (const char *const *)table.rows[i].cells, table.columns);
        break;
    default:
        break;
    }
}

/* ---- the life of a capture ---- */

/* Called once for each capture, and once for each time it is dissected anew. */
static void begin_capture(void)
{
    wechat_config *config = wechat_config_new();

    for (size_t i = 0; config != NULL && i < tables->preference_count; i++)
        configure(config, (uint16_t)i);
    dissector = wechat_dissector_new(config);
    wechat_config_free(config);
    draw_begin();
    if (proto_is_protocol_enabled(find_protocol_by_id(shim_proto)))
        ports_install();
    if (proto_is_protocol_enabled(find_protocol_by_id(shim_web_proto)))
        web_install();
}

static void end_capture(void)
{
    web_remove();
    ports_remove();
    tcp_forget();
    wechat_dissector_free(dissector);
    dissector = NULL;
}

/* When the library is unloaded, epan is done with all rows. (With epan's own memory it would be too late: some
 * versions free that only when the library is gone.) */
static void __attribute__((destructor)) end_registry(void)
{
    wechat_registry_free(registry);
}

static void register_protocol(void)
{
    register_fields();
    register_notes();
    register_preferences();
    draw_register(tables);
    tcp_register();
    stats_register(tables);
    ports_register();
    web_register(tables);
    register_init_routine(begin_capture);
    register_cleanup_routine(end_capture);
}

static void hand_off(void)
{
    draw_handoff();
    tcp_handoff();
    ports_handoff();
    web_handoff();
}

/* The shim's entry, called by the symbol that Wireshark looks up. */
void wechat_shim_register(void);
void wechat_shim_register(void)
{
    static proto_plugin plugin;

    if (wechat_abi_version() != WECHAT_ABI_VERSION) {
        g_warning("WeChat dissector: the shim and the library are of different versions; rebuild both");
        return;
    }
    registry = wechat_registry_new();
    tables = wechat_tables_get(registry);
    if (tables == NULL)
        return;
    plugin.register_protoinfo = register_protocol;
    plugin.register_handoff = hand_off;
    proto_register_plugin(&plugin);
}
