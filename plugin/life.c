/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * life.c - what epan calls in the life of the plugin: at its start, and around each capture.
 */
#include "shim.h"

/* Called once for each capture, and once for each time it is dissected anew. */
static void begin_capture(void)
{
    wechat_config *config = register_config();
    const char *warning;

    shim_begin(config);
    wechat_config_free(config);
    warning = wechat_warning(shim_dissector());
    if (warning != NULL)
        report_warning("%s", warning);
    draw_begin();
    if (shim_is_on_streams())
        ports_install();
    if (shim_is_in_http())
        http_install();
}

static void end_capture(void)
{
    http_remove();
    ports_remove();
    loop_forget();
    shim_end();
}

static void register_all(void)
{
    register_rows();
    draw_register();
    objects_register();
    loop_register();
    stats_register();
    ports_register();
    http_register();
    register_init_routine(begin_capture);
    register_cleanup_routine(end_capture);
}

static void hand_off(void)
{
    draw_handoff();
    loop_handoff();
    ports_handoff();
    http_handoff();
}

/* The shim's entry, called by the symbol that Wireshark looks up. */
void wechat_shim_register(void);
void wechat_shim_register(void)
{
    static proto_plugin plugin;

    if (!shim_load())
        return;
    plugin.register_protoinfo = register_all;
    plugin.register_handoff = hand_off;
    proto_register_plugin(&plugin);
}
