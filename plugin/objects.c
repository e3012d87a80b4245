/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * objects.c - what a user may export: objects of reports to epan's list of them. Nothing in them is hidden.
 */
#include "shim.h"

/* An object on its way to those who export. */
typedef struct {
    const char *name;
    const char *kind;
    const uint8_t *bytes;
    unsigned length;
} queued_object;

static int tap_objects = -1;

bool objects_are_wanted(void)
{
    return tap_objects != -1 && have_tap_listener(tap_objects);
}

void objects_queue(const wechat_report *report, const drawn_source *sources, packet_info *pinfo)
{
    for (size_t i = 0; i < report->object_count; i++) {
        const wechat_object *object = &report->objects[i];
        const drawn_source *source = &sources[object->source];
        queued_object *queued = wmem_new(pinfo->pool, queued_object);

        queued->name = wmem_strdup_printf(pinfo->pool, "%u-%s", pinfo->num, report->texts + object->name);
        queued->kind = wmem_strdup(pinfo->pool, report->texts + object->kind);
        queued->length = object->length;
        queued->bytes = (const uint8_t *)tvb_memdup(pinfo->pool, source->tvb, (int)(source->start + object->offset),
                                                    object->length);
        tap_queue_packet(tap_objects, pinfo, queued);
    }
}

/* The list takes what it is given. */
static tap_packet_status list_object(void *data, packet_info *pinfo, epan_dissect_t *edt G_GNUC_UNUSED,
                                     const void *object TAP_FLAGS)
{
    const export_object_list_t *list = (const export_object_list_t *)data;
    const queued_object *queued = (const queued_object *)object;
    export_object_entry_t *entry = g_new0(export_object_entry_t, 1);

    entry->pkt_num = pinfo->num;
    entry->hostname = g_strdup("");
    entry->content_type = g_strdup(queued->kind);
    entry->filename = g_strdup(queued->name);
    entry->payload_len = queued->length;
    entry->payload_data = (uint8_t *)g_malloc(queued->length);
    memcpy(entry->payload_data, queued->bytes, queued->length);
    list->add_entry(list->gui_data, entry);
    return TAP_PACKET_REDRAW;
}

void objects_register(void)
{
    for (size_t i = 0; i < shim_protocol_count; i++)
        if (shim_protocols[i].row->exports)
            tap_objects = register_export_object(shim_protocols[i].proto, list_object, NULL);
}
