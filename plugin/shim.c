/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * shim.c - the tables, epan's ids for their rows, and the handle of the capture that is open.
 */
#include "shim.h"

shim_protocol shim_protocols[WECHAT_MOST_PROTOCOLS];
size_t shim_protocol_count;

static wechat_registry *registry;
static const wechat_tables *tables;
static wechat_dissector *dissector;

const wechat_tables *shim_tables(void)
{
    return tables;
}

bool shim_is_own_layer(int proto)
{
    for (size_t i = 0; i < shim_protocol_count; i++)
        if (shim_protocols[i].proto == proto)
            return true;
    return false;
}

bool shim_is_enabled(const shim_protocol *protocol)
{
    return proto_is_protocol_enabled(find_protocol_by_id(protocol->proto));
}

bool shim_is_on_streams(void)
{
    for (size_t i = 0; i < shim_protocol_count; i++)
        if (shim_protocols[i].row->on_streams && shim_is_enabled(&shim_protocols[i]))
            return true;
    return false;
}

bool shim_is_in_http(void)
{
    for (size_t i = 0; i < shim_protocol_count; i++)
        if (shim_protocols[i].row->in_http && shim_is_enabled(&shim_protocols[i]))
            return true;
    return false;
}

wechat_dissector *shim_dissector(void)
{
    return dissector;
}

void shim_begin(const wechat_config *config)
{
    dissector = wechat_dissector_new(config);
}

void shim_end(void)
{
    wechat_dissector_free(dissector);
    dissector = NULL;
}

/* When the library is unloaded, epan is done with all rows. (With epan's own memory it would be too late: some
 * versions free that only when the library is gone.) */
static void __attribute__((destructor)) end_registry(void)
{
    wechat_registry_free(registry);
}

bool shim_load(void)
{
    if (wechat_abi_version() != WECHAT_ABI_VERSION) {
        g_warning("WeChat dissector: the shim and the library are of different versions; rebuild both");
        return false;
    }
    registry = wechat_registry_new();
    tables = wechat_tables_get(registry);
    if (tables == NULL)
        return false;
    shim_protocol_count = MIN(tables->protocol_count, WECHAT_MOST_PROTOCOLS);
    for (size_t i = 0; i < shim_protocol_count; i++) {
        const wechat_protocol *row = &tables->protocols[i];
        const wechat_field *named = &tables->protocols[row->under].fields[0];
        shim_protocols[i] = (shim_protocol){ .row = row, .number = (uint16_t)i, .proto = -1,
                                             .filter = named->filter, .label = named->label, .title = named->help };
    }
    return true;
}
