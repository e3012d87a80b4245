/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap.c - somebody else's plugin, which listens to the taps and prints each record. It knows no more than the header:
 * a plugin does not see the functions of another one.
 */
#include "plugin.h"
#include "wechat_dissector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_known(const wechat_record *record)
{
    size_t values = record->value_count * sizeof record->values[0];

    return record->version == WECHAT_RECORD_VERSION && record->size == offsetof(wechat_record, values) + values;
}

/* A value of a record by its name, or another when it has none. */
static uint64_t value(const wechat_record *record, const char *name, uint64_t other)
{
    for (unsigned place = 0; place < record->value_count; place++)
        if (strcmp(record->rows[place].name, name) == 0)
            return record->present >> place & 1 ? record->values[place] : other;
    g_error("no value is called %s", name);
    return other;
}

static tap_packet_status print(void *data G_GNUC_UNUSED, packet_info *pinfo G_GNUC_UNUSED,
                               epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    for (const wechat_record *record = first; record != NULL; record = record->next) {
        if (!is_known(record))
            continue;
        printf("record\t%u\t%" PRIu64 "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64 "\n", record->packet,
               value(record, "operation", 0), record->texts + value(record, "name", 0), value(record, "seqid", 0),
               value(record, "partner", 0), (int64_t)value(record, "response_time", (uint64_t)-1));
    }
    return TAP_PACKET_DONT_REDRAW;
}

/* All that a record tells: each value, and each text. */
static tap_packet_status print_web(void *data G_GNUC_UNUSED, packet_info *pinfo G_GNUC_UNUSED,
                                   epan_dissect_t *edt G_GNUC_UNUSED, const void *first TAP_FLAGS)
{
    for (const wechat_record *record = first; record != NULL; record = record->next) {
        if (!is_known(record))
            continue;
        for (unsigned place = 0; place < record->value_count; place++) {
            const wechat_value_row *row = &record->rows[place];
            if ((record->present >> place & 1) == 0)
                continue;
            if (row->kind == WECHAT_VALUE_KIND_TEXT)
                printf("web\t%u\t%s\t%s\n", record->packet, row->name, record->texts + record->values[place]);
            else
                printf("web\t%u\t%s\t%" PRId64 "\n", record->packet, row->name, (int64_t)record->values[place]);
        }
        for (uint32_t i = 0; i < record->text_length; i++)
            putchar(record->texts[i] == '\0' ? '\n' : record->texts[i]);
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
