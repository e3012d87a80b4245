/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tree.c - somebody else's plugin, which prints a line for each packet that has a tree. tests/tap.rs builds it.
 */
#include "plugin.h"

#include <stdio.h>

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

PLUGIN(listen, NULL);
