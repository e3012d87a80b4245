/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * compat.h - every difference between the Wireshark versions that the shim builds on. Include it
 * first; nothing else in plugin/ looks at a version.
 */
#ifndef WECHAT_COMPAT_H
#define WECHAT_COMPAT_H

/* 3.5 and later have ws_version.h; config.h is 3.4's only, and 4.0's packages lack it. */
#if __has_include(<ws_version.h>)
#include <ws_version.h>
#define WS_MAJOR WIRESHARK_VERSION_MAJOR
#define WS_MINOR WIRESHARK_VERSION_MINOR
#else
#include <config.h>
#define WS_MAJOR VERSION_MAJOR
#define WS_MINOR VERSION_MINOR
#endif
#define WS_AT_LEAST(major, minor) (WS_MAJOR > (major) || (WS_MAJOR == (major) && WS_MINOR >= (minor)))

/* 3.4 hides proto_plugin behind it. */
#ifndef HAVE_PLUGINS
#define HAVE_PLUGINS 1
#endif

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#if WS_AT_LEAST(3, 5)
#include <wireshark.h>
#endif

#include <epan/addr_resolv.h>
#include <epan/conversation.h>
#include <epan/conversation_filter.h>
#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/export_object.h>
#include <epan/follow.h>
#include <epan/packet.h>
#include <epan/prefs.h>
#include <epan/proto.h>
#include <epan/proto_data.h>
#include <epan/show_exception.h>
#include <epan/srt_table.h>
#include <epan/stat_tap_ui.h>
#include <epan/stats_tree.h>
#include <epan/tap.h>
#include <epan/uat.h>

#include <epan/dissectors/packet-tcp.h>

#include <wsutil/report_message.h>

/* Four bytes became one: a wrong size would overwrite a preference's neighbour. */
#if WS_AT_LEAST(4, 3)
typedef bool ws_bool;
#else
typedef gboolean ws_bool;
#endif

/* Entries in menus had a slash in front that became two. */
#ifndef STATS_TREE_MENU_SEPARATOR
#define STATS_TREE_MENU_SEPARATOR "/"
#endif

/* Handles of one protocol got descriptions of their own, by which tables tell them apart. */
#if WS_AT_LEAST(3, 5)
#define described_handle(dissector, proto, description) \
    create_dissector_handle_with_name_and_description(dissector, proto, NULL, description)
#else
#define described_handle(dissector, proto, description) create_dissector_handle(dissector, proto)
#endif

/* Tap callbacks got a last parameter, follow's filters a first one, its records a time; a group of
 * statistics another name. */
#if WS_AT_LEAST(3, 5)
#define TAP_FLAGS , tap_flags_t tap_flags G_GNUC_UNUSED
#define FOLLOW_DISSECTION epan_dissect_t *edt G_GNUC_UNUSED,
#define FOLLOW_SET_TIME(record, time) ((record)->abs_ts = (time))
#else
#define TAP_FLAGS
#define FOLLOW_DISSECTION
#define FOLLOW_SET_TIME(record, time) ((void)0)
#define REGISTER_PACKET_STAT_GROUP_UNSORTED REGISTER_STAT_GROUP_UNSORTED
#endif

/* What begins a statistic came to say whether that worked; before, it ends the program itself. */
#if WS_AT_LEAST(4, 5)
#define STAT_INIT(name, begin)                                    \
    static bool name(const char *argument, void *data)            \
    {                                                             \
        return begin(argument, data);                             \
    }
#else
#define STAT_INIT(name, begin)                                    \
    static void name(const char *argument, void *data)            \
    {                                                             \
        if (!begin(argument, data))                               \
            exit(1);                                              \
    }
#endif

/* Conversation filters got user data; ours need none. */
#if WS_AT_LEAST(4, 3)
#define FILTER_DATA , void *filter_data G_GNUC_UNUSED
#define FILTER_NO_DATA , NULL
#else
#define FILTER_DATA
#define FILTER_NO_DATA
#endif

/* A packet came to have several comments. NULL behind the last. */
static inline const char *packet_comment(const packet_info *pinfo, unsigned number)
{
#if WS_AT_LEAST(3, 5)
    char *comment = NULL;

    if (pinfo->rec->block == NULL ||
        wtap_block_get_nth_string_option_value(pinfo->rec->block, OPT_COMMENT, number, &comment) !=
            WTAP_OPTTYPE_SUCCESS)
        return NULL;
    return comment;
#else
    return number == 0 ? pinfo->rec->opt_comment : NULL;
#endif
}

/* Follow got callbacks for the number of streams, and of streams within streams. */
#if WS_AT_LEAST(4, 3)
#define FOLLOW_COUNTS , get_tcp_stream_count, NULL
#else
#define FOLLOW_COUNTS
#endif

/* The packages of 4.0 lack the header of the flow graph, not the functions. */
#if __has_include(<epan/sequence_analysis.h>)
#include <epan/sequence_analysis.h>
#else
typedef struct {
    uint32_t frame_number;
    address src_addr;
    uint16_t port_src;
    address dst_addr;
    uint16_t port_dst;
    char *frame_label;
    char *time_str;
    char *comment;
    uint16_t conv_num;
    unsigned fg_color;
    unsigned bg_color;
    ws_bool has_color_filter;
    ws_bool display;
    unsigned src_node;
    unsigned dst_node;
    uint16_t line_style;
    uint32_t info_type;
    void *info_ptr;
} seq_analysis_item_t;

/* Behind `items` come members that nobody here needs. */
typedef struct {
    const char *name;
    ws_bool any_addr;
    int nconv;
    GQueue *items;
} seq_analysis_info_t;

WS_DLL_PUBLIC void register_seq_analysis(const char *name, const char *ui_name, const int proto_id,
                                         const char *tap_listener, unsigned tap_flags, tap_packet_cb tap_func);
WS_DLL_PUBLIC seq_analysis_item_t *sequence_analysis_create_sai_with_addresses(packet_info *pinfo,
                                                                              seq_analysis_info_t *sainfo);
WS_DLL_PUBLIC void sequence_analysis_use_color_filter(packet_info *pinfo, seq_analysis_item_t *sai);
#endif

#endif
