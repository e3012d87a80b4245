/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wrap.c - standing in front of the owners of ports in a table of epan's, and leaving it as it was.
 */
#include "shim.h"

/* What a port had before. */
typedef struct {
    dissector_handle_t was_default;
    dissector_handle_t was_current;
} owner;

void shared_begin(shared_ports *ports, const char *table, dissector_handle_t wrapper)
{
    wmem_map_t *owners =
        wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);

    *ports = (shared_ports){ table, wrapper, owners };
}

void shared_install(shared_ports *ports, uint32_t number)
{
    dissector_handle_t current = dissector_get_uint_handle(find_dissector_table(ports->table), number);
    dissector_handle_t initial = dissector_get_default_uint_handle(ports->table, number);
    owner *was = wmem_new(wmem_file_scope(), owner);

    *was = (owner){ initial, current };
    wmem_map_insert(ports->owners, GUINT_TO_POINTER(number), was);
    /* Adding sets the default too, so that the entry does not count as changed by the user. */
    if (current == initial)
        dissector_add_uint(ports->table, number, ports->wrapper);
    else
        dissector_change_uint(ports->table, number, ports->wrapper);
}

static void remove_one(void *key, void *value, void *data)
{
    const shared_ports *ports = (const shared_ports *)data;
    uint32_t number = GPOINTER_TO_UINT(key);
    const owner *was = (const owner *)value;
    dissector_handle_t current = dissector_get_uint_handle(find_dissector_table(ports->table), number);

    if (dissector_get_default_uint_handle(ports->table, number) == ports->wrapper) {
        dissector_delete_uint(ports->table, number, ports->wrapper);
        if (was->was_default != NULL)
            dissector_add_uint(ports->table, number, was->was_default);
        if (current != ports->wrapper)
            dissector_change_uint(ports->table, number, current);
    } else if (current == ports->wrapper) {
        dissector_change_uint(ports->table, number, was->was_current);
    }
}

void shared_remove(shared_ports *ports)
{
    wmem_map_foreach(ports->owners, remove_one, ports);
}

dissector_handle_t shared_owner(const shared_ports *ports, uint32_t number)
{
    const owner *was = (const owner *)wmem_map_lookup(ports->owners, GUINT_TO_POINTER(number));

    return was != NULL ? was->was_current : NULL;
}
