/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plugin.h - what Wireshark looks up in a plugin that is not ours: one to compare with (benches/c), or one that
 * listens to ours (tests/wireshark/support).
 */
#ifndef WECHAT_OTHER_PLUGIN_H
#define WECHAT_OTHER_PLUGIN_H

#include "../../../plugin/compat.h"

#define LOOKED_UP __attribute__((visibility("default")))

/* Ends a plugin. Either of its two functions may be NULL. */
#define PLUGIN(register_protocol, hand_off)                \
    LOOKED_UP const char plugin_version[] = "0";           \
    LOOKED_UP const int plugin_want_major = WS_MAJOR;      \
    LOOKED_UP const int plugin_want_minor = WS_MINOR;      \
                                                           \
    LOOKED_UP void plugin_register(void);                  \
    LOOKED_UP void plugin_register(void)                   \
    {                                                      \
        static proto_plugin plugin;                        \
                                                           \
        plugin.register_protoinfo = register_protocol;     \
        plugin.register_handoff = hand_off;                \
        proto_register_plugin(&plugin);                    \
    }                                                      \
                                                           \
    LOOKED_UP uint32_t plugin_describe(void);              \
    LOOKED_UP uint32_t plugin_describe(void)               \
    {                                                      \
        return 1;                                          \
    }                                                      \
    extern const char plugin_version[]

#endif
