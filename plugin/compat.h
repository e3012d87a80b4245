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
#include <string.h>

#include <glib.h>
#if WS_AT_LEAST(3, 5)
#include <wireshark.h>
#endif

#include <epan/conversation.h>
#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/packet.h>
#include <epan/prefs.h>
#include <epan/proto.h>
#include <epan/show_exception.h>
#include <epan/tap.h>
#include <epan/uat.h>

#include <epan/dissectors/packet-tcp.h>

/* Four bytes became one: a wrong size would overwrite a preference's neighbour. */
#if WS_AT_LEAST(4, 3)
typedef bool ws_bool;
#else
typedef gboolean ws_bool;
#endif

#endif
