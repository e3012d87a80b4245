/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ports.c - sharing TCP ports with the dissectors that own them.
 *
 * While a capture is open, each port of ours has a wrapper in "tcp.port" that asks whether a
 * segment is WeChat's and else calls the former owner, unchanged. The wrapper
 *
 *   - belongs to a helper protocol, so that it adds no layer to packets that are not ours;
 *   - passes TCP's offer to desegment on untouched: every call takes one off it;
 *   - returns what the owner returned: 0 must reach TCP, which then tries other dissectors;
 *   - is put in by the init routine, after all preferences and Decode As have been applied, and
 *     taken out by the cleanup routine.
 */
#include "shim.h"

/* A port that has our wrapper, and what it had before. */
typedef struct {
    dissector_handle_t was_default;
    dissector_handle_t was_current;
} shared_port;

static int proto_helper = -1;
static dissector_handle_t wrapper;
static dissector_table_t tcp_ports;
static GHashTable *shared;
static dissector_handle_t http, tls;

static int dissect_shared(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const shared_port *port = (const shared_port *)g_hash_table_lookup(shared, GUINT_TO_POINTER(pinfo->match_uint));

    pinfo->can_desegment = pinfo->saved_can_desegment;
    if (tcp_claims(tvb, pinfo, data, 0))
        return call_dissector_only(tcp_handle, tvb, pinfo, tree, data);
    if (port == NULL || port->was_current == NULL)
        return 0;
    return call_dissector_only(port->was_current, tvb, pinfo, tree, data);
}

static void install(uint32_t number)
{
    dissector_handle_t current = dissector_get_uint_handle(tcp_ports, number);
    dissector_handle_t initial = dissector_get_default_uint_handle("tcp.port", number);

    if (number == 0 || current == wrapper || current == tcp_handle)
        return;
    /* An entry that was changed to anything but HTTP or TLS, whose port preferences are such
     * changes, is the user's Decode As. */
    if (current != initial && current != NULL && current != http && current != tls)
        return;
    shared_port *port = g_new(shared_port, 1);
    *port = (shared_port){ initial, current };
    g_hash_table_insert(shared, GUINT_TO_POINTER(number), port);
    /* Adding sets the default too, so that the entry does not count as changed by the user. */
    if (current == initial)
        dissector_add_uint("tcp.port", number, wrapper);
    else
        dissector_change_uint("tcp.port", number, wrapper);
}

/* Puts back what was there, but keeps what others changed meanwhile. */
static void remove_one(void *key, void *value, void *unused G_GNUC_UNUSED)
{
    uint32_t number = GPOINTER_TO_UINT(key);
    const shared_port *port = (const shared_port *)value;
    dissector_handle_t current = dissector_get_uint_handle(tcp_ports, number);

    if (dissector_get_default_uint_handle("tcp.port", number) == wrapper) {
        dissector_delete_uint("tcp.port", number, wrapper);
        if (port->was_default != NULL)
            dissector_add_uint("tcp.port", number, port->was_default);
        if (current != wrapper)
            dissector_change_uint("tcp.port", number, current);
    } else if (current == wrapper) {
        dissector_change_uint("tcp.port", number, port->was_current);
    }
}

void ports_install(void)
{
    const range_t *ports = shim_ports();

    for (unsigned i = 0; ports != NULL && i < ports->nranges; i++)
        for (uint32_t number = ports->ranges[i].low; number <= ports->ranges[i].high; number++)
            install(number);
}

void ports_remove(void)
{
    g_hash_table_foreach(shared, remove_one, NULL);
    g_hash_table_remove_all(shared);
}

void ports_register(void)
{
    const wechat_field *row = shim_protocol_row();

    shared = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    proto_helper = proto_register_protocol_in_name_only(g_strdup_printf("%s (shared TCP port)", row->help),
                                                        g_strdup_printf("%s shared port", row->label),
                                                        g_strdup_printf("%s.shared_port", row->filter), shim_proto,
                                                        FT_PROTOCOL);
    wrapper = create_dissector_handle(dissect_shared, proto_helper);
}

void ports_handoff(void)
{
    tcp_ports = find_dissector_table("tcp.port");
    http = find_dissector("http-over-tcp");
    if (http == NULL)
        http = dissector_get_default_uint_handle("tcp.port", 80);
    tls = dissector_get_default_uint_handle("tcp.port", 443);
}
