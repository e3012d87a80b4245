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

static int proto_helper = -1;
static shared_ports shared;
static dissector_handle_t http, tls;

static int dissect_shared(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    dissector_handle_t owner;
    int result;

    pinfo->can_desegment = pinfo->saved_can_desegment;
    if (loop_claimed(tvb, pinfo, tree, data, &result))
        return result;
    pinfo->can_desegment = pinfo->saved_can_desegment;
    owner = shared_owner(&shared, pinfo->match_uint);
    return owner != NULL ? http_call(owner, tvb, pinfo, tree, data) : 0;
}

static bool is_ours(dissector_handle_t handle)
{
    for (size_t i = 0; handle != NULL && i < shim_protocol_count; i++)
        if (shim_protocols[i].handle == handle)
            return true;
    return false;
}

static void install(uint32_t number)
{
    dissector_handle_t current = dissector_get_uint_handle(find_dissector_table(shared.table), number);
    dissector_handle_t initial = dissector_get_default_uint_handle(shared.table, number);

    if (number == 0 || current == shared.wrapper || is_ours(current))
        return;
    /* An entry that was changed to anything but HTTP or TLS, whose port preferences are such
     * changes, is the user's Decode As. */
    if (current != initial && current != NULL && current != http && current != tls)
        return;
    shared_install(&shared, number);
}

void ports_install(void)
{
    const range_t *ports = register_ports();

    for (unsigned i = 0; ports != NULL && i < ports->nranges; i++)
        for (uint32_t number = ports->ranges[i].low; number <= ports->ranges[i].high; number++)
            install(number);
}

void ports_remove(void)
{
    shared_remove(&shared);
}

void ports_register(void)
{
    const shim_protocol *first = &shim_protocols[0];

    /* Enabled as TCP is: it stands for whoever owns the port. */
    proto_helper = proto_register_protocol_in_name_only(shim_words("%s (shared TCP port)", first->title),
                                                        shim_words("%s shared port", first->label),
                                                        shim_words("%s.shared_port", first->filter),
                                                        proto_get_id_by_filter_name("tcp"), FT_PROTOCOL);
    shared_begin(&shared, "tcp.port", create_dissector_handle(dissect_shared, proto_helper));
}

void ports_handoff(void)
{
    http = find_dissector("http-over-tcp");
    if (http == NULL)
        http = dissector_get_default_uint_handle(shared.table, 80);
    tls = dissector_get_default_uint_handle(shared.table, 443);
}
