/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * http.c - standing around HTTP's dissector: before it is called, the Rust side reads the heads of the
 * messages; the bodies that it passes on are kept; behind it, each message that is ours is drawn.
 *
 * HTTP is called by whatever calls it, unchanged, so that its own dissection, and that of its bodies,
 * stay as they are. Ways that lead to it, and what stands in them while a capture is open:
 *
 *   a TCP port, or a TLS port           a wrapper in front of the port's owner
 *   TLS, by ALPN                        a wrapper in front of the protocol name's owner
 *   TCP or TLS, by heuristics           a heuristic of ours, asked before HTTP's, that takes only
 *                                       streams that begin with one of our calls
 *   a body, by its media type           a wrapper in front of the type's owner
 *   a body of a type that nobody owns   a heuristic of ours that keeps it and never takes it
 *
 * All wrappers belong to a helper protocol with HTTP's name, so that they add no layer and TLS shows the
 * name that it would show.
 */
#include "shim.h"

static int proto_helper = -1;
static int proto_http = -1;
static dissector_handle_t http_tcp, http_tls, tcp_wrapper, tls_wrapper;
static shared_ports tcp_ports, tls_ports;
static dissector_table_t alpn_table, media_table;
static bool installed;

/* A call of HTTP's dissector, and the bodies that it has passed on, by message. */
typedef struct pass {
    struct pass *outer;
    wechat_segment segment;
    tvbuff_t *tvb;
    tvbuff_t **bodies;
    size_t count;
    /* Whether the words in the Info column are ours, and HTTP is kept from writing any. */
    bool speaks;
    bool silent;
    /* Whether HTTP handed all its bytes on to another call of itself, as it does with those of a tunnel. */
    bool handed_on;
} pass;
static pass *current;

/* ---- around HTTP ---- */

/* What is known of a message: its head, and its body as HTTP passed it on. */
typedef struct message {
    const pass *around;
    size_t index;
    drawn_source head, body;
    wechat_record **last;
} message;

static wechat_result report_message(const message *message, wechat_report *report)
{
    const unsigned captured = message->body.tvb != NULL ? tvb_captured_length(message->body.tvb) : 0;

    return wechat_http_message(shim_dissector(), &message->around->segment, message->index, message->body.bytes, captured,
                               report);
}

static void add_words(const wechat_report *report, packet_info *pinfo)
{
    if (report->info != 0)
        col_append_sep_str(pinfo->cinfo, COL_INFO, " | ", report->texts + report->info);
}

/* The layer of a message that is ours. */
static int dissect_message(tvbuff_t *tvb G_GNUC_UNUSED, packet_info *pinfo, proto_tree *tree, void *data)
{
    const message *message = (const struct message *)data;
    wechat_report report;
    drawing drawing;

    if (message == NULL || !shim_has_report(report_message(message, &report)) || report.length == 0)
        return 0;
    *message->last = draw_record(&report, *message->last, pinfo);
    col_set_str(pinfo->cinfo, COL_PROTOCOL, shim_protocols[report.protocol].label);
    add_words(&report, pinfo);
    draw_take(&drawing, &report, message->head, message->body, pinfo);
    draw_report(&drawing, &report, report.length, pinfo, tree);
    draw_hand_offs(&drawing, pinfo, tree);
    return (int)report.length;
}

/* Whether the Info column of this packet holds words of ours. */
static bool has_spoken(packet_info *pinfo)
{
    return p_get_proto_data(pinfo->pool, pinfo, proto_helper, 0) != NULL;
}

/* Of a message that no layer of ours is for there may be words, in place of HTTP's, and bytes for others. */
static void pass_on(const message *message, packet_info *pinfo, proto_tree *tree)
{
    wechat_report report;
    drawing drawing;

    if (report_message(message, &report) != WECHAT_RESULT_OK)
        return;
    add_words(&report, pinfo);
    if (report.length == 0)
        return;
    draw_take(&drawing, &report, message->head, message->body, pinfo);
    draw_hand_offs(&drawing, pinfo, tree);
}

/* One message does not hide the next, nor what HTTP itself ran into. */
static void draw_messages(pass *around, packet_info *pinfo, proto_tree *tree, size_t taken)
{
    wechat_record *last[WECHAT_MOST_PROTOCOLS] = { NULL };
    const size_t count = wechat_http_end(shim_dissector(), &around->segment, taken);
    volatile size_t i;

    if (count == 0)
        return;
    /* What HTTP's first words would have taken the place of. */
    if (around->speaks)
        col_clear(pinfo->cinfo, COL_INFO);
    for (i = 0; i < count; i++) {
        const shim_protocol *owner = &shim_protocols[wechat_http_owner(shim_dissector(), &around->segment, i)];
        message message = { .around = around, .index = i, .head = { around->tvb, 0, around->segment.data },
                            .last = &last[owner->number] };

        if (i < around->count && around->bodies[i] != NULL && tvb_captured_length(around->bodies[i]) > 0) {
            message.body.tvb = around->bodies[i];
            message.body.bytes = tvb_get_ptr(message.body.tvb, 0, (int)tvb_captured_length(message.body.tvb));
        }
        around->segment.protocol = owner->number;
        draw_wanted(&around->segment, pinfo, tree);
        if (owner->message_handle == NULL) {
            pass_on(&message, pinfo, tree);
            continue;
        }
        TRY {
            call_dissector_only(owner->message_handle, around->tvb, pinfo, tree, &message);
        }
        CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
            show_exception(around->tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
        }
        ENDTRY;
    }
    /* As HTTP does, so that its next call leaves them. */
    col_set_fence(pinfo->cinfo, COL_INFO);
    if (!has_spoken(pinfo))
        p_add_proto_data(pinfo->pool, pinfo, proto_helper, 0, GUINT_TO_POINTER(1));
}

/* HTTP puts a fence behind its words in the Info column, which nothing can take back: where the words are to be ours
 * it gets none to write. */
static void silence(pass *around, packet_info *pinfo)
{
    around->speaks = wechat_http_speaks(shim_dissector(), &around->segment, has_spoken(pinfo)) != 0;
    around->silent = around->speaks && pinfo->cinfo != NULL && col_get_writable(pinfo->cinfo, COL_INFO);
    if (around->silent)
        col_set_writable(pinfo->cinfo, COL_INFO, false);
}

/* Whether HTTP is kept from writing by a call of it that this one is inside of, as in a tunnel. */
static bool is_silent(const pass *around)
{
    for (; around != NULL; around = around->outer)
        if (around->silent)
            return true;
    return false;
}

/* HTTP has returned: what is to be said is said here, whoever is silent. */
static void finish(pass *around, packet_info *pinfo, proto_tree *tree, size_t taken)
{
    const bool outer = is_silent(around->outer);

    if (around->silent || outer)
        col_set_writable(pinfo->cinfo, COL_INFO, true);
    draw_messages(around, pinfo, tree, taken);
    if (outer)
        col_set_writable(pinfo->cinfo, COL_INFO, false);
}

static int around_http(dissector_handle_t http, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    pass around = { 0 };
    volatile int result = 0;
    size_t taken;

    if (!installed || pinfo->flags.in_error_pkt)
        return call_dissector_only(http, tvb, pinfo, tree, data);
    around.segment = loop_segment(tvb, pinfo, data);
    /* A stream without a conversation gets one from HTTP, before it does anything else. Messages belong together by
     * it from the first on. */
    if (!(around.segment.flags & WECHAT_STREAM) && proto_is_protocol_enabled(find_protocol_by_id(proto_http))) {
        find_or_create_conversation(pinfo);
        around.segment = loop_segment(tvb, pinfo, data);
    }
    taken = around.segment.captured;
    around.count = wechat_http_begin(shim_dissector(), &around.segment);
    /* HTTP in a tunnel through HTTP has bodies of its own. */
    if (around.count == 0 && current == NULL)
        return call_dissector_only(http, tvb, pinfo, tree, data);
    if (current != NULL && current->segment.data == around.segment.data)
        current->handed_on = true;
    around.outer = current;
    around.tvb = tvb;
    around.bodies = wmem_alloc0_array(pinfo->pool, tvbuff_t *, around.count);
    if (around.count > 0) {
        loop_comments(pinfo);
        silence(&around, pinfo);
    }
    current = &around;
    TRY {
        result = call_dissector_only(http, tvb, pinfo, tree, data);
    }
    CATCH_ALL {
        /* A message that was cut off has a head all the same. */
        current = around.outer;
        finish(&around, pinfo, tree, around.handed_on ? 0 : around.segment.captured);
        RETHROW;
    }
    ENDTRY;
    current = around.outer;
    /* HTTP that takes nothing is disabled. */
    if (result == 0 || around.handed_on)
        taken = 0;
    else if (pinfo->desegment_len != 0)
        taken = (size_t)MAX(pinfo->desegment_offset, 0);
    finish(&around, pinfo, tree, taken);
    return result;
}

static bool is_http(dissector_handle_t handle)
{
    return handle != NULL && dissector_handle_get_protocol_index(handle) == proto_http;
}

int http_call(dissector_handle_t owner, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (is_http(owner))
        return around_http(owner, tvb, pinfo, tree, data);
    return call_dissector_only(owner, tvb, pinfo, tree, data);
}

/* ---- ways to HTTP ---- */

static int dissect_tcp_port(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    dissector_handle_t owner = shared_owner(&tcp_ports, pinfo->match_uint);

    pinfo->can_desegment = pinfo->saved_can_desegment;
    /* Without an owner the stream was taken by our heuristic. */
    return owner != NULL ? http_call(owner, tvb, pinfo, tree, data) : around_http(http_tcp, tvb, pinfo, tree, data);
}

static int dissect_tls(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    pinfo->can_desegment = pinfo->saved_can_desegment;
    return around_http(http_tls, tvb, pinfo, tree, data);
}

static bool begins_with_call(tvbuff_t *tvb)
{
    const unsigned captured = tvb_captured_length(tvb);
    wechat_segment segment = { 0 };

    segment.data = captured > 0 ? tvb_get_ptr(tvb, 0, (int)captured) : NULL;
    segment.captured = captured;
    return wechat_http_claim(&segment) != 0;
}

/* A stream that begins with a call is HTTP's, through us, for good. */
static ws_bool try_tcp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (!installed || pinfo->flags.in_error_pkt || PINFO_FD_VISITED(pinfo) || !begins_with_call(tvb))
        return false;
    conversation_set_dissector_from_frame_number(find_or_create_conversation(pinfo), pinfo->num, tcp_wrapper);
    return around_http(http_tcp, tvb, pinfo, tree, data) > 0;
}

/* TLS asks for each record anew: what a stream is is remembered from the first call on. */
static ws_bool try_tls(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    uint32_t first;

    if (!installed || conversation == NULL)
        return false;
    first = GPOINTER_TO_UINT(conversation_get_proto_data(conversation, proto_helper));
    if (first == 0 && !PINFO_FD_VISITED(pinfo) && begins_with_call(tvb)) {
        first = pinfo->num;
        conversation_add_proto_data(conversation, proto_helper, GUINT_TO_POINTER(first));
    }
    return first != 0 && pinfo->num >= first && around_http(http_tls, tvb, pinfo, tree, data) > 0;
}

/* ---- bodies ---- */

/* Whether HTTP itself passes a body on: others look up media types too, for parts of a body. The layers do not tell:
 * those of the body before stay there. */
static bool is_from_http(packet_info *pinfo)
{
    return pinfo->current_proto != NULL &&
           strcmp(pinfo->current_proto, proto_get_protocol_short_name(find_protocol_by_id(proto_http))) == 0;
}

/* Where a body lies in HTTP's bytes; one that was in chunks or compressed lies elsewhere. */
static size_t body_offset(tvbuff_t *tvb)
{
    int offset = tvb_raw_offset(tvb) - tvb_raw_offset(current->tvb);

    return tvb_get_ds_tvb(tvb) == tvb_get_ds_tvb(current->tvb) && offset >= 0 ? (size_t)offset : SIZE_MAX;
}

static void keep_body(tvbuff_t *tvb, const char *media)
{
    int32_t message;

    if (current == NULL)
        return;
    /* What its dissector did not take comes once more. */
    for (size_t i = 0; i < current->count; i++)
        if (current->bodies[i] == tvb)
            return;
    message = wechat_http_place(shim_dissector(), &current->segment, body_offset(tvb), tvb_captured_length(tvb), media);
    if (message >= 0 && (size_t)message < current->count)
        current->bodies[message] = tvb;
}

/* Types that have a wrapper, and what they had before. */
static dissector_handle_t media_wrappers[WECHAT_MOST_MEDIA_TYPES], media_owners[WECHAT_MOST_MEDIA_TYPES];

static int dissect_media(size_t type, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (is_from_http(pinfo))
        keep_body(tvb, shim_tables()->media_types[type]);
    pinfo->can_desegment = pinfo->saved_can_desegment;
    return media_owners[type] != NULL ? call_dissector_only(media_owners[type], tvb, pinfo, tree, data) : 0;
}

/* Whoever looks up a type may not say by which name: each has its own wrapper. */
#define MEDIA_WRAPPER(type)                                                                                  \
    static int dissect_media_##type(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)          \
    {                                                                                                        \
        return dissect_media(type, tvb, pinfo, tree, data);                                                  \
    }
#define MEDIA_DISSECTOR(type) dissect_media_##type,
#define EACH_MEDIA_TYPE(DO)                                                                                  \
    DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
EACH_MEDIA_TYPE(MEDIA_WRAPPER)
static const dissector_t media_dissectors[] = { EACH_MEDIA_TYPE(MEDIA_DISSECTOR) };
_Static_assert(G_N_ELEMENTS(media_dissectors) == WECHAT_MOST_MEDIA_TYPES, "as many as EACH_MEDIA_TYPE has");

/* A body of a type that nobody owns, or of none. HTTP shows it as it would without us. */
static ws_bool keep_untyped(tvbuff_t *tvb, packet_info *pinfo G_GNUC_UNUSED, proto_tree *tree G_GNUC_UNUSED,
                            void *data G_GNUC_UNUSED)
{
    keep_body(tvb, NULL);
    return false;
}

/* ---- the life of a capture ---- */

static void change_string(const char *table, const char *name, dissector_handle_t from, dissector_handle_t to)
{
    dissector_delete_string(table, name, from);
    dissector_add_string(table, name, to);
}

static bool is_unchanged(dissector_table_t table, const char *table_name, const char *name, dissector_handle_t *handle)
{
    *handle = dissector_get_string_handle(table, name);
    return *handle != NULL && *handle == dissector_get_default_string_handle(table_name, name);
}

static void add_port(const char *table G_GNUC_UNUSED, ftenum_t type G_GNUC_UNUSED, void *key, void *value,
                     void *data)
{
    GArray *numbers = (GArray *)data;
    uint32_t number = GPOINTER_TO_UINT(key);

    if (is_http(dtbl_entry_get_handle((dtbl_entry_t *)value)))
        g_array_append_val(numbers, number);
}

/* Which ports are HTTP's is not known before all preferences have been applied. */
static void install_ports(shared_ports *ports)
{
    GArray *numbers = g_array_new(false, false, sizeof(uint32_t));

    dissector_table_foreach(ports->table, add_port, numbers);
    for (unsigned i = 0; i < numbers->len; i++)
        shared_install(ports, g_array_index(numbers, uint32_t, i));
    g_array_free(numbers, true);
}

#define HTTP_1_1 "http/1.1"

void http_install(void)
{
    dissector_handle_t handle;

    if (proto_helper == -1 || http_tcp == NULL || http_tls == NULL)
        return;
    installed = true;
    install_ports(&tcp_ports);
    install_ports(&tls_ports);
    if (alpn_table != NULL && is_unchanged(alpn_table, "tls.alpn", HTTP_1_1, &handle) && handle == http_tls)
        change_string("tls.alpn", HTTP_1_1, http_tls, tls_wrapper);
    for (size_t i = 0; i < shim_tables()->media_type_count; i++)
        if (is_unchanged(media_table, "media_type", shim_tables()->media_types[i], &handle)) {
            media_owners[i] = handle;
            change_string("media_type", shim_tables()->media_types[i], handle, media_wrappers[i]);
        }
}

void http_remove(void)
{
    if (!installed)
        return;
    installed = false;
    current = NULL;
    shared_remove(&tls_ports);
    shared_remove(&tcp_ports);
    if (alpn_table != NULL && dissector_get_default_string_handle("tls.alpn", HTTP_1_1) == tls_wrapper)
        change_string("tls.alpn", HTTP_1_1, tls_wrapper, http_tls);
    for (size_t i = 0; i < shim_tables()->media_type_count; i++) {
        if (media_owners[i] != NULL)
            change_string("media_type", shim_tables()->media_types[i], media_wrappers[i], media_owners[i]);
        media_owners[i] = NULL;
    }
}

#define HTTP_OVER_TCP "http-over-tcp"
#define HTTP_OVER_TLS "http-over-tls"

void http_register(void)
{
    const shim_protocol *first = NULL;

    proto_http = proto_get_id_by_filter_name("http");
    for (size_t i = shim_protocol_count; i-- > 0;) {
        shim_protocol *protocol = &shim_protocols[i];
        if (!protocol->row->in_http)
            continue;
        if (!protocol->row->on_streams)
            protocol->message_handle = create_dissector_handle(dissect_message, protocol->proto);
        first = protocol;
    }
    if (first == NULL || proto_http == -1)
        return;
    /* Enabled as HTTP is: it stands for that. */
    proto_helper = proto_register_protocol_in_name_only(
        proto_get_protocol_long_name(find_protocol_by_id(proto_http)), shim_words("HTTP and %s", first->label),
        shim_words("%s.around_http", first->filter), proto_http, FT_PROTOCOL);
    /* TLS (3.4) shows the name, and TCP's export of PDUs does not go without. */
    tcp_wrapper = create_dissector_handle_with_name(dissect_tcp_port, proto_helper, HTTP_OVER_TCP);
    tls_wrapper = create_dissector_handle_with_name(dissect_tls, proto_helper, HTTP_OVER_TLS);
    for (size_t i = 0; i < shim_tables()->media_type_count; i++)
        media_wrappers[i] = described_handle(media_dissectors[i], proto_helper,
                                             shim_words("%s and %s", shim_tables()->media_types[i], first->label));
    shared_begin(&tcp_ports, "tcp.port", tcp_wrapper);
    shared_begin(&tls_ports, "tls.port", tls_wrapper);
}

void http_handoff(void)
{
    http_tcp = find_dissector(HTTP_OVER_TCP);
    http_tls = find_dissector(HTTP_OVER_TLS);
    alpn_table = find_dissector_table("tls.alpn");
    media_table = find_dissector_table("media_type");
    for (size_t i = 0; proto_helper != -1 && i < shim_protocol_count; i++) {
        const shim_protocol *protocol = &shim_protocols[i];
        const char *way = protocol->row->on_streams ? "_http" : "";

        if (!protocol->row->in_http)
            continue;
        heur_dissector_add("tcp", try_tcp, shim_words("%s over HTTP", protocol->label),
                           shim_words("%s%s_tcp", protocol->filter, way), protocol->proto, HEURISTIC_ENABLE);
        heur_dissector_add("tls", try_tls, shim_words("%s over HTTP in TLS", protocol->label),
                           shim_words("%s%s_tls", protocol->filter, way), protocol->proto, HEURISTIC_ENABLE);
        heur_dissector_add("http", keep_untyped, shim_words("%s body", protocol->label),
                           shim_words("%s_body", protocol->filter), protocol->proto, HEURISTIC_ENABLE);
    }
}
