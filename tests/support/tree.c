/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tree.c - somebody else's plugin, which prints a line for each packet that has a tree. tests/tap.rs builds it.
 */
#include "compat.h"

#include <stdio.h>

extern const char plugin_version[];
extern const int plugin_want_major, plugin_want_minor;
void plugin_register(void);
uint32_t plugin_describe(void);

const char plugin_version[] = "1";
const int plugin_want_major = WS_MAJOR;
const int plugin_want_minor = WS_MINOR;

static int look(tvbuff_t *tvb G_GNUC_UNUSED, packet_info *pinfo, proto_tree *tree, void *data G_GNUC_UNUSED)
{
    printf("%s\t%u\n", tree != NULL ? "tree" : "none", pinfo->num);
    return 0;
}

/* A post-dissector that wants no field asks for no tree. */
static void listen(void)
{
    register_postdissector(create_dissector_handle(look, proto_register_protocol("Tree", "Tree", "tree_seen")));
}

void plugin_register(void)
{
    static proto_plugin plugin;

    plugin.register_protoinfo = listen;
    proto_register_plugin(&plugin);
}

uint32_t plugin_describe(void)
{
    return 1;
}
