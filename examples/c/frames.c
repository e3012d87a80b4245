/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * frames.c - prints the tree of each frame that one side of a connection sent; its bytes come in on stdin.
 *
 *   cc frames.c -o frames $(pkg-config --cflags --libs wechat-dissector)
 *   ./frames < bytes-from-a-client
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <wechat_dissector.h>

static uint8_t bytes[1 << 20];

static void print_item(const wechat_tables *tables, const wechat_report *report, const wechat_item *item,
                       const uint8_t *frame)
{
    const wechat_protocol *protocol = &tables->protocols[item->field >> WECHAT_ROW_BITS];
    unsigned row = item->field & ((1u << WECHAT_ROW_BITS) - 1);
    const char *text = report->texts + item->text;

    printf("%*s", 2 * item->depth, "");
    if (item->kind == WECHAT_ITEM_KIND_NOTE) {
        printf("! %s: %s\n", protocol->notes[row].summary, text);
        return;
    }
    printf("%s", protocol->fields[row].label);
    if (item->kind == WECHAT_ITEM_KIND_TEXT || item->kind == WECHAT_ITEM_KIND_DECODED_TEXT)
        printf(": ");
    else if (item->kind == WECHAT_ITEM_KIND_GENERATED || item->kind == WECHAT_ITEM_KIND_DECODED)
        printf(": %" PRIu64, item->value);
    else if (item->kind == WECHAT_ITEM_KIND_WIRE && item->source == 0 && item->length <= 8) {
        uint64_t number = 0;
        for (uint32_t i = 0; i < item->length; i++)
            number = number << 8 | frame[item->offset + i];
        printf(": %" PRIu64, number);
    }
    printf("%s\n", text); /* what stands behind the value, or is the value */
}

int main(void)
{
    size_t length = fread(bytes, 1, sizeof bytes, stdin), at = 0;
    uint16_t link = 0; /* the protocol, by its place in the tables */

    if (wechat_abi_version() != WECHAT_ABI_VERSION)
        return 1; /* another library than the header that this was compiled with */
    wechat_registry *registry = wechat_registry_new();
    const wechat_tables *tables = wechat_tables_get(registry);
    wechat_dissector *dissector = wechat_dissector_new(NULL);

    if (tables == NULL || dissector == NULL)
        return 1;
    while (link < tables->protocol_count && !(tables->protocols[link].on_streams &&
                                              strcmp(tables->protocols[link].fields[0].filter, "wechat") == 0))
        link++;
    for (uint32_t packet = 1; at < length; packet++) {
        wechat_segment segment;
        wechat_report report;

        memset(&segment, 0, sizeof segment);
        segment.data = bytes + at;
        segment.protocol = link;
        segment.captured = segment.reported = length - at;
        segment.packet = packet;
        segment.position = (uint32_t)at + 1;
        segment.src_port = 50000;
        segment.dst_port = segment.server_port = 8080;
        segment.flags = WECHAT_FIRST_VISIT | WECHAT_MORE | WECHAT_COUNTED | WECHAT_STREAM | WECHAT_BEGAN;
        segment.wanted = WECHAT_WANT_INFO | WECHAT_WANT_ITEMS | WECHAT_WANT_LABELS;
        if (wechat_dissect(dissector, &segment, &report) != WECHAT_RESULT_OK ||
            report.verdict != WECHAT_VERDICT_CONSUMED)
            break; /* the last frame is not whole */
        printf("%s\n", report.texts + report.info);
        for (size_t i = 0; i < report.item_count; i++)
            print_item(tables, &report, &report.items[i], segment.data);
        at += report.length;
    }
    wechat_dissector_free(dissector);
    wechat_registry_free(registry);
    return at < length ? 1 : 0;
}
