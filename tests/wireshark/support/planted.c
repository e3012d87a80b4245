/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * planted.c - an overflow of one byte on the heap, when the plugin is loaded. `cargo xtask fire` builds it
 * into a plugin of its own, to see that the sanitizers see it.
 */
#include <stdlib.h>

static void plant(void) __attribute__((constructor));
static void plant(void)
{
    /* What is volatile the compiler may not leave out. */
    volatile size_t size = 16;
    volatile char *block = malloc(size);

    if (block != NULL)
        block[size] = 1;
    free((void *)block);
}
