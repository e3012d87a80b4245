/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap.c - somebody else's plugin, which listens to the tap and prints each record. tests/tap.rs builds it.
 */
#include "plugin.h"
#include "wechat_dissector.h"

#include <inttypes.h>
#include <stdio.h>

static tap_packet_status print(void *data G_GNUC_UNUSED, packet_info *pinfo G_GNUC_UNUSED,
                               epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    for (const wechat_record *record = first; record != NULL; record = record->next) {
        if (record->size != sizeof *record || record->version != WECHAT_RECORD_VERSION)
            continue;
        printf("record\t%u\t%u\t%s\t%u\t%u\t%" PRId64 "\n", record->packet, record->operation,
               record->texts + record->name, record->seq, record->partner,
               record->flags & WECHAT_RECORD_RESPONDS ? record->elapsed : -1);
    }
    return TAP_PACKET_DONT_REDRAW;
}

static tap_packet_status print_web(void *data G_GNUC_UNUSED, packet_info *pinfo G_GNUC_UNUSED,
                                   epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    for (const wechat_web_record *record = first; record != NULL; record = record->next)
        for (uint32_t i = 0; i < record->count; i++) {
            const wechat_web_tick *tick = &record->ticks[i];
            printf("web\t%u\t%s\t%d\n", tick->node, tick->name != NULL ? tick->name : "", tick->amount);
        }
    return TAP_PACKET_DONT_REDRAW;
}

static void listen_to(const char *tap, void *listener, tap_packet_cb packet)
{
    GString *error = register_tap_listener(tap, listener, NULL, 0, NULL, packet, NULL, NULL);

    if (error != NULL)
        g_error("%s", error->str);
}

static void listen(void)
{
    static int frames, messages;

    listen_to("wechat", &frames, print);
    listen_to("wechat_web", &messages, print_web);
}

PLUGIN(NULL, listen);
