/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * register.c - the rows of the Rust tables to fields, expert infos, preferences and UAT.
 */
#include "shim.h"

/* A table that the user fills in. */
typedef struct table table;

/* A preference, with its storage; which member counts is its row's kind. */
typedef struct {
    const wechat_preference *row;
    uint16_t number;
    union {
        ws_bool boolean;
        unsigned number;
        int choice;
        range_t *ports;
        const char *text;
        table *table;
    } value;
} preference;

static preference *preferences;
static size_t preference_count;

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
    if (row->kind == WECHAT_TYPE_BOOLEAN)
        return row->bits;
    if (row->kind == WECHAT_TYPE_TIME)
        return ABSOLUTE_TIME_UTC;
    return bases[row->base];
}

static const void *field_strings(const wechat_field *row)
{
    if (row->kind == WECHAT_TYPE_REQUEST_PACKET)
        return FRAMENUM_TYPE(FT_FRAMENUM_REQUEST);
    if (row->kind == WECHAT_TYPE_RESPONSE_PACKET)
        return FRAMENUM_TYPE(FT_FRAMENUM_RESPONSE);
    if (row->kind == WECHAT_TYPE_ACK_PACKET)
        return FRAMENUM_TYPE(FT_FRAMENUM_ACK);
    if (row->value_count == 0)
        return NULL;
    value_string *strings = wmem_alloc0_array(wmem_epan_scope(), value_string, row->value_count + 1);
    for (size_t i = 0; i < row->value_count; i++) {
        strings[i].value = row->values[i].value;
        strings[i].strptr = row->values[i].name;
    }
    return VALS(strings);
}

static void register_protocol(shim_protocol *protocol)
{
    const wechat_protocol *row = protocol->row;

    if (row->under == protocol->number)
        protocol->proto = proto_register_protocol(protocol->title, protocol->label, protocol->filter);
}

/* epan keeps what it is given here for as long as it runs. */
static void register_fields(shim_protocol *protocol)
{
    size_t count = protocol->row->field_count;
    hf_register_info *infos = wmem_alloc0_array(wmem_epan_scope(), hf_register_info, count);
    int **subtrees = wmem_alloc0_array(wmem_epan_scope(), int *, count);
    size_t used = 0;

    protocol->field_ids = wmem_alloc_array(wmem_epan_scope(), int, count);
    protocol->subtree_ids = wmem_alloc_array(wmem_epan_scope(), int, count);
    for (size_t i = 0; i < count; i++) {
        const wechat_field *row = &protocol->row->fields[i];
        protocol->field_ids[i] = -1;
        protocol->subtree_ids[i] = -1;
        subtrees[i] = &protocol->subtree_ids[i];
        if (row->kind == WECHAT_TYPE_PROTOCOL)
            protocol->field_ids[i] = protocol->proto;
        else
            infos[used++] = (hf_register_info){
                &protocol->field_ids[i],
                { row->label, row->filter, field_type(row->kind), field_display(row), field_strings(row), row->mask,
                  row->help, HFILL },
            };
    }
    proto_register_field_array(protocol->proto, infos, (int)used);
    proto_register_subtree_array(subtrees, (int)count);
}

static void register_notes(shim_protocol *protocol)
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
    size_t count = protocol->row->note_count;
    ei_register_info *infos = wmem_alloc0_array(wmem_epan_scope(), ei_register_info, count);

    protocol->note_ids = wmem_alloc_array(wmem_epan_scope(), expert_field, count);
    for (size_t i = 0; i < count; i++) {
        const wechat_note *row = &protocol->row->notes[i];
        protocol->note_ids[i] = (expert_field)EI_INIT;
        infos[i] = (ei_register_info){
            &protocol->note_ids[i],
            { row->filter, groups[row->group], severities[row->severity], row->summary, EXPFILL },
        };
    }
    expert_register_field_array(expert_register_protocol(protocol->proto), infos, (int)count);
}

/* ---- the user's tables ---- */

/* Columns that a table may have; those of the Rust side have three. */
#define MOST_COLUMNS 4

/* A row of a UAT: a text for each column. What a whole row goes through is told nothing but the row, so that this
 * says whose it is. */
typedef struct {
    const table *table;
    char *cells[MOST_COLUMNS];
} table_row;

/* A column travels as the user data of its cells' callbacks. */
typedef struct {
    const table *table;
    size_t number;
    const char *empty;
} table_column;

/* A UAT. */
struct table {
    uint16_t preference;
    size_t columns;
    table_row *rows;
    unsigned row_count;
    table_column columns_of_cells[MOST_COLUMNS];
    uat_field_t fields[MOST_COLUMNS + 1];
};

static void cell_set(void *record, const char *text, unsigned length, const void *data, const void *unused G_GNUC_UNUSED)
{
    const table_column *column = (const table_column *)data;
    table_row *row = (table_row *)record;

    row->table = column->table;
    g_free(row->cells[column->number]);
    row->cells[column->number] = g_strndup(text, length);
}

static void cell_get(void *record, char **text, unsigned *length, const void *data, const void *unused G_GNUC_UNUSED)
{
    const table_column *column = (const table_column *)data;
    const char *cell = ((table_row *)record)->cells[column->number];
    *text = g_strdup(cell != NULL && *cell != '\0' ? cell : column->empty);
    *length = (unsigned)strlen(*text);
}

static void *row_copy(void *to, const void *from, size_t size G_GNUC_UNUSED)
{
    ((table_row *)to)->table = ((const table_row *)from)->table;
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
    const table_row *row = (const table_row *)record;
    const char *const *cells = (const char *const *)row->cells;

    *error = NULL;
    /* Nobody has written into it yet. */
    if (row->table == NULL)
        return true;
    if (wechat_row_check(row->table->preference, cells, row->table->columns, message, sizeof message) ==
        WECHAT_RESULT_OK)
        return true;
    *error = g_strdup(message);
    return false;
}

/* What the dialog offers for a cell; the number is of no meaning. */
static const value_string *cell_choices(const wechat_part *part)
{
    value_string *values = wmem_alloc0_array(wmem_epan_scope(), value_string, part->choice_count + 1);
    for (size_t i = 0; i < part->choice_count; i++)
        values[i] = (value_string){ (uint32_t)i, part->choices[i] };
    return values;
}

static void register_table(const shim_protocol *protocol, module_t *module, preference *preference)
{
    const wechat_preference *row = preference->row;
    table *table = wmem_new0(wmem_epan_scope(), struct table);

    preference->value.table = table;
    table->preference = preference->number;
    table->columns = MIN(row->part_count, MOST_COLUMNS);
    for (size_t i = 0; i < table->columns; i++) {
        table_column *column = &table->columns_of_cells[i];
        const wechat_part *part = &row->parts[i];
        const bool chosen = part->choice_count > 0;
        *column = (table_column){ table, i, chosen ? part->choices[0] : "" };
        table->fields[i] = (uat_field_t){
            part->name, part->name, chosen ? PT_TXTMOD_ENUM : PT_TXTMOD_STRING, { NULL, cell_set, cell_get },
            { column, column, column }, chosen ? cell_choices(part) : NULL, part->help, FLDFILL,
        };
    }
    uat_t *uat = uat_new(shim_words("%s %s", protocol->label, row->title), sizeof(table_row),
                         shim_words("%s_%s", protocol->filter, row->name), true, &table->rows, &table->row_count,
                         UAT_AFFECTS_DISSECTION, NULL, row_copy, row_check, row_free, NULL, NULL, table->fields);
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

static void register_preference(const shim_protocol *protocol, module_t *module, preference *preference)
{
    const wechat_preference *row = preference->row;

    switch (row->kind) {
    case WECHAT_PREFERENCE_TYPE_PORTS:
        range_convert_str(wmem_epan_scope(), &preference->value.ports, row->ports, UINT16_MAX);
        prefs_register_range_preference(module, row->name, row->title, row->help, &preference->value.ports, UINT16_MAX);
        break;
    case WECHAT_PREFERENCE_TYPE_BOOLEAN:
        preference->value.boolean = row->number != 0;
        prefs_register_bool_preference(module, row->name, row->title, row->help, &preference->value.boolean);
        break;
    case WECHAT_PREFERENCE_TYPE_NUMBER:
        preference->value.number = row->number;
        prefs_register_uint_preference(module, row->name, row->title, row->help, 10, &preference->value.number);
        break;
    case WECHAT_PREFERENCE_TYPE_CHOICE:
        preference->value.choice = (int)row->number;
        prefs_register_enum_preference(module, row->name, row->title, row->help, &preference->value.choice,
                                       choices(row), false);
        break;
    case WECHAT_PREFERENCE_TYPE_TABLE:
        register_table(protocol, module, preference);
        break;
    case WECHAT_PREFERENCE_TYPE_TEXT:
        preference->value.text = "";
        prefs_register_string_preference(module, row->name, row->title, row->help, &preference->value.text);
        break;
    case WECHAT_PREFERENCE_TYPE_FILE:
        preference->value.text = "";
        prefs_register_filename_preference(module, row->name, row->title, row->help, &preference->value.text, false);
        break;
    }
}

static void register_preferences(void)
{
    module_t *modules[WECHAT_MOST_PROTOCOLS] = { NULL };
    size_t place = 0;

    for (size_t i = 0; i < shim_protocol_count; i++)
        preference_count += shim_protocols[i].row->preference_count;
    preferences = wmem_alloc0_array(wmem_epan_scope(), preference, preference_count);
    for (size_t i = 0; i < shim_protocol_count; i++) {
        const shim_protocol *protocol = &shim_protocols[i];
        module_t **module = &modules[protocol->row->under];

        for (size_t j = 0; j < protocol->row->preference_count; j++) {
            preference *here = &preferences[place++];
            if (*module == NULL)
                *module = prefs_register_protocol(protocol->proto, NULL);
            here->row = &protocol->row->preferences[j];
            here->number = (uint16_t)(protocol->number << WECHAT_ROW_BITS | j);
            register_preference(protocol, *module, here);
        }
    }
}

const range_t *register_ports(void)
{
    for (size_t i = 0; i < preference_count; i++)
        if (preferences[i].row->kind == WECHAT_PREFERENCE_TYPE_PORTS)
            return preferences[i].value.ports;
    return NULL;
}

static void configure(wechat_config *config, const preference *preference)
{
    uint16_t number = preference->number;

    switch (preference->row->kind) {
    case WECHAT_PREFERENCE_TYPE_PORTS: {
        char *ports = range_convert_range(NULL, preference->value.ports);
        wechat_config_set_ports(config, number, ports);
        wmem_free(NULL, ports);
        break;
    }
    case WECHAT_PREFERENCE_TYPE_BOOLEAN:
        wechat_config_set_number(config, number, preference->value.boolean);
        break;
    case WECHAT_PREFERENCE_TYPE_NUMBER:
        wechat_config_set_number(config, number, preference->value.number);
        break;
    case WECHAT_PREFERENCE_TYPE_CHOICE:
        wechat_config_set_number(config, number, (uint32_t)preference->value.choice);
        break;
    case WECHAT_PREFERENCE_TYPE_TABLE:
        for (unsigned i = 0; i < preference->value.table->row_count; i++)
            wechat_config_add_row(config, number, (const char *const *)preference->value.table->rows[i].cells,
                                  preference->value.table->columns);
        break;
    case WECHAT_PREFERENCE_TYPE_TEXT:
    case WECHAT_PREFERENCE_TYPE_FILE:
        wechat_config_set_text(config, number, preference->value.text);
        break;
    }
}

wechat_config *register_config(void)
{
    wechat_config *config = wechat_config_new();

    for (size_t i = 0; config != NULL && i < preference_count; i++)
        configure(config, &preferences[i]);
    for (size_t i = 0; config != NULL && i < shim_protocol_count; i++)
        if (!shim_is_enabled(&shim_protocols[i]))
            wechat_config_disable(config, shim_protocols[i].number);
    return config;
}

void register_rows(void)
{
    for (size_t i = 0; i < shim_protocol_count; i++)
        register_protocol(&shim_protocols[i]);
    for (size_t i = 0; i < shim_protocol_count; i++) {
        shim_protocol *protocol = &shim_protocols[i];
        protocol->proto = shim_protocols[protocol->row->under].proto;
        register_fields(protocol);
        register_notes(protocol);
    }
    register_preferences();
}
