/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loop.c - the loop over the PDUs of a segment. The Rust side says how long each is; this file hands it the
 * bytes, passes requests for more on to TCP, and keeps one PDU's exceptions from the next.
 */
#include "shim.h"

static int proto_tcp = -1;

/* PDUs of one call that get a tree: a packet has room for fewer, and epan gives up on a tree of a
 * million items, which a megabyte of the smallest PDUs would fill. */
#define MOST_IN_TREE 16384

/* TCP's own record of the segment, when TCP called us: others (TLS, HTTP CONNECT, Lua) pass other
 * data, or none. Our own layers may lie on top of TCP's. */
static const struct tcpinfo *tcp_info(packet_info *pinfo, void *data)
{
    wmem_list_frame_t *layer = wmem_list_tail(pinfo->layers);

    for (; layer != NULL; layer = wmem_list_frame_prev(layer)) {
        int proto = GPOINTER_TO_INT(wmem_list_frame_data(layer));

        if (proto == proto_tcp)
            return (const struct tcpinfo *)data;
        if (!shim_is_own_layer(proto))
            break;
    }
    return NULL;
}

/* TCP's record of the stream, where TCP carries it. Read where it lies: TCP's own getter changes what
 * it returns. */
static const struct tcp_analysis *tcp_stream(const conversation_t *conversation)
{
    if (conversation == NULL)
        return NULL;
    return (const struct tcp_analysis *)conversation_get_proto_data(conversation, proto_tcp);
}

/* The conversation of a direction that was looked up last. Looking it up costs as much as the rest of a segment
 * that is not ours. */
typedef struct {
    conversation_t *conversation;
    uint8_t src[16], dst[16];
    int src_len, dst_len;
    uint32_t src_port, dst_port, vlan, interface, streams;
} recent;

static recent recents[2];

void loop_forget(void)
{
    memset(recents, 0, sizeof recents);
}

static bool same_address(const address *address, const uint8_t *bytes, int length)
{
    return address->len == length && memcmp(address->data, bytes, (size_t)length) == 0;
}

/* The conversation of a packet, or NULL: none is made for a packet that may not be ours. On the first pass, which
 * comes by in order, it is that of the packet before from the same end as long as no stream has begun since. */
static conversation_t *tcp_conversation(packet_info *pinfo, const struct tcpinfo *tcp)
{
    recent *last = &recents[pinfo->srcport > pinfo->destport];
    uint32_t interface = pinfo->rec->rec_header.packet_header.interface_id;
    bool remembers = tcp != NULL && !PINFO_FD_VISITED(pinfo) && pinfo->src.len <= 16 && pinfo->dst.len <= 16;

    if (remembers && last->conversation != NULL && last->streams == get_tcp_stream_count() &&
        last->src_port == pinfo->srcport && last->dst_port == pinfo->destport && last->vlan == pinfo->vlan_id &&
        last->interface == interface && same_address(&pinfo->src, last->src, last->src_len) &&
        same_address(&pinfo->dst, last->dst, last->dst_len))
        return last->conversation;

    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    if (remembers) {
        *last = (recent){ .conversation = conversation, .src_len = pinfo->src.len, .dst_len = pinfo->dst.len,
                          .src_port = pinfo->srcport, .dst_port = pinfo->destport, .vlan = pinfo->vlan_id,
                          .interface = interface, .streams = get_tcp_stream_count() };
        memcpy(last->src, pinfo->src.data, (size_t)pinfo->src.len);
        memcpy(last->dst, pinfo->dst.data, (size_t)pinfo->dst.len);
    }
    return conversation;
}

/* Everything about a segment but its bytes. A stream without conversation is known by its two ends. */
static wechat_segment describe(packet_info *pinfo, conversation_t *conversation, const struct tcpinfo *tcp)
{
    const struct tcp_analysis *analysis = tcp_stream(conversation);
    wechat_segment segment = { 0 };
    int side = (int)pinfo->srcport - (int)pinfo->destport;

    if (side == 0)
        side = cmp_address(&pinfo->src, &pinfo->dst);
    segment.seconds = pinfo->abs_ts.secs;
    segment.nanoseconds = pinfo->abs_ts.nsecs;
    segment.packet = pinfo->num;
    segment.src_address = (const uint8_t *)pinfo->src.data;
    segment.dst_address = (const uint8_t *)pinfo->dst.data;
    segment.src_length = (uint16_t)pinfo->src.len;
    segment.dst_length = (uint16_t)pinfo->dst.len;
    segment.src_port = (uint16_t)pinfo->srcport;
    segment.dst_port = (uint16_t)pinfo->destport;
    segment.flags = side > 0 ? WECHAT_SIDE : 0;
    if (!PINFO_FD_VISITED(pinfo))
        segment.flags |= WECHAT_FIRST_VISIT;
    if (conversation != NULL) {
        segment.stream = conversation->conv_index;
        segment.shown_stream = analysis != NULL ? analysis->stream : conversation->conv_index;
        segment.flags |= WECHAT_STREAM;
    }
    if (analysis != NULL)
        segment.server_port = (uint16_t)analysis->server_port;
    /* TCP knows the server's port from the SYN. Who is no TCP has no beginning to miss. */
    if (tcp == NULL || (analysis != NULL && analysis->server_port != 0))
        segment.flags |= WECHAT_BEGAN;
    if (tcp != NULL) {
        segment.position = tcp->seq;
        segment.flags |= WECHAT_COUNTED;
    } else {
        /* The layer's number tells the records of one packet apart, and stays the same. */
        segment.position = (uint32_t)pinfo->curr_layer_num << 24;
    }
    return segment;
}

wechat_segment loop_describe(packet_info *pinfo)
{
    return describe(pinfo, find_conversation_pinfo(pinfo, 0), NULL);
}

static void set_bytes(wechat_segment *segment, tvbuff_t *tvb)
{
    const unsigned captured = tvb_captured_length(tvb);

    segment->data = captured > 0 ? tvb_get_ptr(tvb, 0, (int)captured) : NULL;
    segment->captured = captured;
    segment->reported = tvb_reported_length(tvb);
}

wechat_segment loop_segment(tvbuff_t *tvb, packet_info *pinfo, void *data)
{
    const struct tcpinfo *tcp = tcp_info(pinfo, data);
    wechat_segment segment = describe(pinfo, tcp_conversation(pinfo, tcp), tcp);

    set_bytes(&segment, tvb);
    return segment;
}

/* Bytes that another protocol of ours hands over are from where it says. */
static void move_inside(wechat_segment *segment, const wechat_hand_off *handed)
{
    segment->stream = handed->stream;
    segment->shown_stream = handed->shown_stream;
    segment->position = handed->position;
    segment->flags &= ~(uint32_t)(WECHAT_SIDE | WECHAT_COUNTED);
    segment->flags |= WECHAT_STREAM | handed->flags;
}

/* The segment with the bytes that belong before it, of which there are `length`. */
static tvbuff_t *behind_begun(const shim_protocol *protocol, const uint8_t *begun, size_t length, tvbuff_t *tvb,
                              packet_info *pinfo)
{
    const unsigned captured = tvb_captured_length(tvb);
    uint8_t *bytes = (uint8_t *)wmem_alloc(pinfo->pool, length + captured);
    tvbuff_t *whole;

    memcpy(bytes, begun, length);
    tvb_memcpy(tvb, bytes + length, 0, captured);
    whole = tvb_new_child_real_data(tvb, bytes, (unsigned)length + captured,
                                    (int)((unsigned)length + tvb_reported_length(tvb)));
    add_new_data_source(pinfo, whole, wmem_strdup_printf(pinfo->pool, "Reassembled %s", protocol->label));
    return whole;
}

/* Shows the PDUs of a segment, which lies in `tvb` behind so many bytes from before, and moves it on. */
static void dissect_pdus(wechat_segment *segment, unsigned before, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    const unsigned captured = (unsigned)segment->captured;
    const unsigned reported = (unsigned)segment->reported;
    const uint8_t *bytes = segment->data;
    const uint32_t first = segment->position;
    const char *const saved_proto = pinfo->current_proto;
    const uint16_t saved_can_desegment = pinfo->can_desegment;
    volatile unsigned offset = 0;
    volatile unsigned count = 0;
    wechat_record *volatile last = NULL;

    draw_wanted(segment, pinfo, tree);
    while (offset < reported) {
        wechat_report report;
        drawing drawing;
        unsigned here = MIN(offset, captured);
        drawn_source pdu = { tvb, here, here < captured ? bytes + here : NULL };

        segment->data = pdu.bytes;
        segment->captured = captured - here;
        segment->reported = reported - offset;
        segment->position = first + offset;
        if (!shim_has_report(wechat_dissect(shim_dissector(), segment, &report)))
            return;
        if (report.verdict != WECHAT_VERDICT_CONSUMED) {
            /* What is from before comes with the same segment again. */
            pinfo->desegment_offset = (int)(MAX(offset, before) - before);
            pinfo->desegment_len =
                report.verdict == WECHAT_VERDICT_NEED_BYTES ? report.length : DESEGMENT_ONE_MORE_SEGMENT;
            return;
        }
        /* Not before there is something to show: a segment that only waits stays TCP's. The outermost of our
         * protocols clears what TCP wrote, those inside add to it. */
        if (offset == 0) {
            col_set_str(pinfo->cinfo, COL_PROTOCOL, shim_protocols[segment->protocol].label);
            if (!(segment->flags & WECHAT_INSIDE))
                col_clear(pinfo->cinfo, COL_INFO);
        }
        if (report.info != 0)
            col_append_sep_str(pinfo->cinfo, COL_INFO, " | ", report.texts + report.info);
        last = draw_record(&report, last, pinfo);
        offset += report.length;
        draw_take(&drawing, &report, pdu, (drawn_source){ tvb, captured, NULL }, pinfo);
        /* Whatever drawing runs into, the next PDU is seen. */
        TRY {
            draw_report(&drawing, &report, MIN(report.length, captured - here), pinfo, tree);
        }
        CATCH_BOUNDS_AND_DISSECTOR_ERRORS {
            show_exception(tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
        }
        ENDTRY;
        if (drawing.hand_off_count > 0)
            draw_hand_offs(&drawing, pinfo, tree);
        pinfo->can_desegment = saved_can_desegment;
        pinfo->current_proto = saved_proto;
        if (++count == MOST_IN_TREE)
            segment->wanted &= ~(uint32_t)(WECHAT_WANT_ITEMS | WECHAT_WANT_LABELS);
    }
}

void loop_comments(packet_info *pinfo)
{
    const char *comment;

    if (PINFO_FD_VISITED(pinfo))
        return;
    for (unsigned i = 0; (comment = packet_comment(pinfo, i)) != NULL; i++)
        wechat_comment(shim_dissector(), comment);
}

static int dissect(const shim_protocol *protocol, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const wechat_hand_off *handed = draw_handed(tvb);
    const struct tcpinfo *tcp = handed == NULL ? tcp_info(pinfo, data) : NULL;
    const uint8_t *begun = NULL;
    conversation_t *conversation;
    size_t before;

    if (shim_dissector() == NULL || pinfo->flags.in_error_pkt)
        return 0;
    conversation = tcp_conversation(pinfo, tcp);
    if (conversation == NULL)
        conversation = find_or_create_conversation(pinfo);
    wechat_segment segment = describe(pinfo, conversation, tcp);
    if (handed != NULL)
        move_inside(&segment, handed);
    else
        loop_comments(pinfo);
    segment.protocol = protocol->number;
    /* Behind a FIN nothing more can come. */
    if (pinfo->can_desegment && !(tcp != NULL && (tcp->flags & TH_FIN)))
        segment.flags |= WECHAT_MORE;
    set_bytes(&segment, tvb);
    before = wechat_begun(shim_dissector(), &segment, &begun);
    if (before > 0) {
        tvbuff_t *whole = behind_begun(protocol, begun, before, tvb, pinfo);

        set_bytes(&segment, whole);
        segment.position -= (uint32_t)before;
        dissect_pdus(&segment, (unsigned)before, whole, pinfo, tree);
    } else {
        dissect_pdus(&segment, 0, tvb, pinfo, tree);
    }
    return (int)tvb_captured_length(tvb);
}

#define DISSECT(number)                                                                                      \
    static int dissect_##number(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)              \
    {                                                                                                        \
        return dissect(&shim_protocols[number], tvb, pinfo, tree, data);                                     \
    }
EACH_PROTOCOL(DISSECT)

/* The protocol whose a segment is, where others may want it too; NULL when it is none of ours. `flags` are added to
 * the segment's; `asks` is the protocol that asks, if it does so for itself. */
static const shim_protocol *claim(tvbuff_t *tvb, packet_info *pinfo, void *data, uint32_t flags, uint16_t asks)
{
    const struct tcpinfo *tcp = tcp_info(pinfo, data);
    conversation_t *conversation = tcp_conversation(pinfo, tcp);
    wechat_segment segment = describe(pinfo, conversation, tcp);
    const shim_protocol *protocol;

    /* An ICMP error quotes the start of a segment: it is none of the stream. */
    if (pinfo->flags.in_error_pkt)
        return NULL;
    set_bytes(&segment, tvb);
    segment.flags |= flags;
    segment.protocol = asks;
    protocol = &shim_protocols[wechat_claim(shim_dissector(), &segment)];
    if (protocol->handle == NULL)
        return NULL;
    /* A stream that is ours stays ours: TCP need not ask anybody about its later packets. */
    if (conversation != NULL && tcp != NULL && !PINFO_FD_VISITED(pinfo))
        conversation_set_dissector_from_frame_number(conversation, pinfo->num + 1, protocol->handle);
    return protocol;
}

bool loop_claimed(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data, int *result)
{
    const shim_protocol *protocol = claim(tvb, pinfo, data, 0, 0);

    if (protocol != NULL)
        *result = call_dissector_only(protocol->handle, tvb, pinfo, tree, data);
    return protocol != NULL;
}

/* On any port each protocol asks for itself, for epan has given it a layer. */
static ws_bool try_any_port(const shim_protocol *protocol, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree,
                            void *data)
{
    if (claim(tvb, pinfo, data, WECHAT_ANY_PORT, protocol->number) != protocol)
        return false;
    dissect(protocol, tvb, pinfo, tree, data);
    return true;
}

#define TRY_ANY_PORT(number)                                                                                 \
    static ws_bool try_any_port_##number(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)     \
    {                                                                                                        \
        return try_any_port(&shim_protocols[number], tvb, pinfo, tree, data);                                \
    }
EACH_PROTOCOL(TRY_ANY_PORT)

void loop_register(void)
{
#define DISSECTOR(number) dissect_##number,
    static const dissector_t dissectors[] = { EACH_PROTOCOL(DISSECTOR) };

    for (size_t i = 0; i < shim_protocol_count; i++)
        if (shim_protocols[i].row->on_streams)
            shim_protocols[i].handle =
                register_dissector(shim_protocols[i].filter, dissectors[i], shim_protocols[i].proto);
}

void loop_handoff(void)
{
#define HEURISTIC(number) try_any_port_##number,
    static const heur_dissector_t heuristics[] = { EACH_PROTOCOL(HEURISTIC) };

    proto_tcp = proto_get_id_by_filter_name("tcp");
    for (size_t i = 0; i < shim_protocol_count; i++) {
        const shim_protocol *protocol = &shim_protocols[i];
        if (protocol->handle == NULL)
            continue;
        dissector_add_for_decode_as("tcp.port", protocol->handle);
        heur_dissector_add("tcp", heuristics[i], shim_words("%s over TCP", protocol->label),
                           shim_words("%s_tcp", protocol->filter), protocol->proto, HEURISTIC_ENABLE);
    }
}
