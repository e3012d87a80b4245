/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wechat.c - the long link as a plain C dissector, the way one writes it for Wireshark: frames by
 * tcp_dissect_pdus, pairs in the conversation's maps, each frame's pair with the packet. It shows what the
 * plugin shows of the frames that `wechat-traffic bench` makes, down to the letter; bodies that are not in
 * that capture are left alone. Only `cargo xtask bench` builds it, to have something to compare with.
 */
#include "../../tests/wireshark/support/plugin.h"

#include <epan/expert.h>
#include <epan/proto_data.h>
#include <epan/dissectors/packet-tcp.h>

#if !WS_AT_LEAST(4, 3)
#define tvb_get_uint8 tvb_get_guint8
#endif

#define HEADER 16
#define ANSWER 1000000000u

#define OP_NOOP 6
#define OP_HEARTBEAT 12
#define OP_PUSH 122
#define OP_SEND 237
#define OP_PUSH_ACK_OLD 1000000122u
#define OP_PUSH_ACK 1000000190u

#define SEQ_PUSH 0
#define SEQ_IDENTIFY 0xfffffffeu
#define SEQ_NOOP 0xffffffffu

#define PUSH_WANTS_ACK 1u
#define ACK_TOLERANCE 0.050

/* Seconds within which a push is news of a send, and a link is another attempt. */
#define NEWS_TIME 10
#define ATTEMPT_TIME 10
#define PATIENCE 5
#define MOST_SENDS 64
#define MOST_KEYS 64
#define KEY_MESSAGES 2
#define KEY_TIME 201

#define ZLIB 1
#define NOT_COMPRESSED 2
#define AES_CBC 5
#define LONGEST_REST 48

static int proto = -1;
static int hf_packet_len = -1, hf_head_len = -1, hf_version = -1, hf_op = -1, hf_seq = -1, hf_body = -1;
static int hf_carrier = -1;
static int hf_stream = -1, hf_body_len = -1, hf_unanswered = -1, hf_open_requests = -1, hf_heartbeat_interval = -1, hf_heartbeat_after = -1, hf_heartbeat_next = -1;
static int hf_attempt = -1, hf_attempt_after = -1, hf_attempt_next = -1, hf_delivery = -1;
static int hf_send_news_in = -1, hf_news_send = -1, hf_news_time = -1;
static int hf_synckey_delta = -1, hf_synckey_previous = -1, hf_synckey_next = -1;
static int hf_kind = -1, hf_op_base = -1, hf_op_name = -1, hf_direction = -1;
static int hf_response_in = -1, hf_response_to = -1, hf_response_time = -1;
static int hf_push_ack_in = -1, hf_ack_to = -1, hf_ack_time = -1, hf_ack_rule = -1;
static int hf_push_flags = -1, hf_push_flags_ack = -1, hf_push_len = -1;
static int hf_ack_elapsed = -1, hf_ack_len = -1;
static int hf_synckey = -1, hf_synckey_count = -1, hf_synckey_entry = -1, hf_synckey_key = -1, hf_synckey_value = -1;
static int hf_business = -1, hf_business_head_len = -1, hf_business_compression = -1, hf_business_algorithm = -1;
static int hf_business_cookie_len = -1, hf_client_version = -1, hf_account_hidden = -1, hf_business_cgi = -1;
static int hf_business_plain_len = -1, hf_business_packed_len = -1, hf_business_rest = -1;
static int hf_opened = -1, hf_why_closed = -1, hf_encrypted = -1, hf_undecoded = -1;
static int ett_frame = -1, ett_body = -1, ett_push_flags = -1, ett_synckey = -1, ett_synckey_entry = -1;
static int ett_business = -1;
static expert_field ei_no_response_yet = EI_INIT;
static dissector_handle_t handle;

static const value_string request_names[] = {
    { 6, "noop" },       { 8, "directsend" }, { 12, "heartbeat (WeChat 6.0)" }, { 34, "searchcontact" },
    { 121, "newsync" },  { 205, "identify" }, { 237, "newsendmsg" },            { 1000000122, "push ack (before 5.4)" },
    { 1000000190, "push ack" }, { 0, NULL },
};
static value_string_ext request_names_ext = VALUE_STRING_EXT_INIT(request_names);

static const value_string request_titles[] = {
    { 6, "Heartbeat" }, { 8, "Direct send" }, { 12, "Heartbeat" }, { 34, "searchcontact" },
    { 121, "Sync" },    { 205, "Identify" },  { 237, "Send message" }, { 1000000122, "Push acknowledgement" },
    { 1000000190, "Push acknowledgement" }, { 0, NULL },
};
static value_string_ext request_titles_ext = VALUE_STRING_EXT_INIT(request_titles);

static const value_string push_names[] = {
    { 12, "redirect" }, { 24, "newnotify" }, { 122, "push" }, { 0, NULL },
};
static value_string_ext push_names_ext = VALUE_STRING_EXT_INIT(push_names);

/* A number that is also pushed has the name of the request. */
static const value_string base_names[] = {
    { 6, "noop" },       { 8, "directsend" }, { 12, "heartbeat (WeChat 6.0)" }, { 24, "newnotify" },
    { 34, "searchcontact" }, { 121, "newsync" },  { 122, "push" }, { 205, "identify" }, { 237, "newsendmsg" },
    { 1000000122, "push ack (before 5.4)" }, { 1000000190, "push ack" }, { 0, NULL },
};
static value_string_ext base_names_ext = VALUE_STRING_EXT_INIT(base_names);

static const value_string push_titles[] = {
    { 12, "Redirect" }, { 24, "Notify" }, { 122, "Push" }, { 0, NULL },
};
static value_string_ext push_titles_ext = VALUE_STRING_EXT_INIT(push_titles);

/* Cgi types: the names of the calls, and those that an operation may have. */
static const value_string cgi_names[] = {
    { 106, "searchcontact" }, { 111, "directsend" }, { 138, "newsync" }, { 522, "newsendmsg" }, { 0, NULL },
};
static value_string_ext cgi_names_ext = VALUE_STRING_EXT_INIT(cgi_names);

static const value_string directions[] = {
    { 1, "client to server" }, { 2, "server to client" }, { 0, NULL },
};
static const value_string compressions[] = {
    { ZLIB, "zlib" }, { NOT_COMPRESSED, "none" }, { 0, NULL },
};
static const value_string algorithms[] = {
    { AES_CBC, "AES-128-CBC" }, { 7, "RSA, or RSA and AES" }, { 10, "RSA or DES variant" },
    { 12, "hybrid ECDH" },      { 13, "AES-GCM" },            { 0, NULL },
};

typedef enum {
    KIND_REQUEST,
    KIND_RESPONSE,
    KIND_PUSH,
    KIND_PUSH_ACK,
    KIND_ONE_WAY,
    KIND_HEARTBEAT_REQUEST,
    KIND_HEARTBEAT_RESPONSE,
} frame_kind;

static const char *const kind_names[] = {
    "request", "response", "push", "push acknowledgement", "one-way", "heartbeat request", "heartbeat response",
};

/* A request and its response, or a push and its acknowledgement. */
typedef struct {
    uint32_t first_frame;
    uint32_t second_frame;
    nstime_t first_time;
    bool by_time;
} pair_t;

/* A key of a SyncKey, and how it grew since the SyncKey before. */
typedef struct {
    uint64_t key, value;
    int64_t by;
    bool is_new;
} sync_key;

/* What the first pass learned of a frame. */
typedef struct {
    pair_t *pair;
    sync_key *keys;
    nstime_t time;
    nstime_t heartbeat_interval;
    uint32_t heartbeat_after, heartbeat_next;
    nstime_t news_time;
    uint32_t number, stream, open_requests, key_count;
    uint32_t attempt, attempt_after, attempt_next;
    uint32_t news_send, send_news_in;
    uint32_t synckey_previous, synckey_next;
    bool has_interval;
} frame_info;

typedef struct {
    wmem_map_t *open_requests;
    wmem_list_t *open_pushes;
    wmem_list_t *sends;
    frame_info *last_heartbeat, *last_synckey, *last;
    uint32_t stream, open, attempt;
} conversation_info;

/* By the client's address, the conversation that it began last. */
static wmem_map_t *clients;
static nstime_t last_seen;

typedef struct {
    uint32_t packet_len, op, base, seq;
    frame_kind kind;
    bool from_server;
} header_t;

static frame_kind kind_of(uint32_t op, uint32_t seq, bool from_server)
{
    if (op == OP_PUSH_ACK || op == OP_PUSH_ACK_OLD)
        return KIND_PUSH_ACK;
    if (op >= ANSWER)
        return op - ANSWER == OP_NOOP || op - ANSWER == OP_HEARTBEAT ? KIND_HEARTBEAT_RESPONSE : KIND_RESPONSE;
    if ((op == OP_NOOP || op == OP_HEARTBEAT) && !(from_server && seq == SEQ_PUSH))
        return from_server ? KIND_HEARTBEAT_RESPONSE : KIND_HEARTBEAT_REQUEST;
    if (from_server)
        return seq == SEQ_PUSH || op == OP_PUSH ? KIND_PUSH : KIND_RESPONSE;
    return op == 8 ? KIND_ONE_WAY : KIND_REQUEST;
}

static bool wants_ack(tvbuff_t *tvb)
{
    return tvb_captured_length(tvb) >= HEADER + 8 && (tvb_get_ntohl(tvb, HEADER) & PUSH_WANTS_ACK) &&
           tvb_get_ntohl(tvb, HEADER + 4) == tvb_captured_length(tvb) - HEADER - 8;
}

/* ---- pairing ---- */

static conversation_info *get_conversation_info(packet_info *pinfo)
{
    conversation_t *conversation = find_or_create_conversation(pinfo);
    conversation_info *info = (conversation_info *)conversation_get_proto_data(conversation, proto);

    if (info == NULL) {
        info = wmem_new0(wmem_file_scope(), conversation_info);
        info->open_requests = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
        info->open_pushes = wmem_list_new(wmem_file_scope());
        info->sends = wmem_list_new(wmem_file_scope());
        info->stream = get_tcp_conversation_data(conversation, pinfo)->stream;
        conversation_add_proto_data(conversation, proto, info);
    }
    return info;
}

static pair_t *new_pair(packet_info *pinfo)
{
    pair_t *pair = wmem_new0(wmem_file_scope(), pair_t);

    pair->first_frame = pinfo->num;
    pair->first_time = pinfo->abs_ts;
    return pair;
}

/* The push that was sent as long ago as the acknowledgement says, or else the oldest. Earlier ones count as
 * acknowledged with it. */
static pair_t *acknowledge(conversation_info *info, tvbuff_t *tvb, packet_info *pinfo)
{
    wmem_list_frame_t *entry;
    pair_t *best = NULL;
    double best_off = ACK_TOLERANCE;
    double elapsed = tvb_captured_length(tvb) >= HEADER + 4 ? tvb_get_ntohl(tvb, HEADER) / 1000.0 : -1;

    for (entry = wmem_list_head(info->open_pushes); entry != NULL; entry = wmem_list_frame_next(entry)) {
        pair_t *pair = (pair_t *)wmem_list_frame_data(entry);
        nstime_t delta;
        double off;

        nstime_delta(&delta, &pinfo->abs_ts, &pair->first_time);
        off = nstime_to_sec(&delta) - elapsed;
        if (off < 0)
            off = -off;
        if (elapsed >= 0 && off <= best_off) {
            best = pair;
            best_off = off;
        }
    }
    if (best != NULL)
        best->by_time = true;
    else if (wmem_list_count(info->open_pushes) > 0)
        best = (pair_t *)wmem_list_frame_data(wmem_list_head(info->open_pushes));
    while (best != NULL && wmem_list_count(info->open_pushes) > 0) {
        wmem_list_frame_t *head = wmem_list_head(info->open_pushes);
        pair_t *pair = (pair_t *)wmem_list_frame_data(head);

        pair->second_frame = pinfo->num;
        wmem_list_remove_frame(info->open_pushes, head);
        if (pair == best)
            break;
    }
    return best;
}

/* A number in steps of seven bits; its length, or 0. */
static unsigned get_varint(tvbuff_t *tvb, unsigned offset, uint64_t *value)
{
    return tvb_get_varint(tvb, (int)offset, 10, value, ENC_VARINT_PROTOBUF);
}

/* The keys of an acknowledgement, compared with those before. */
static void follow_synckey(conversation_info *info, frame_info *frame, tvbuff_t *tvb)
{
    const unsigned end = tvb_captured_length(tvb);
    const frame_info *before = info->last_synckey;
    unsigned offset = HEADER + 8;
    sync_key keys[MOST_KEYS];

    while (offset < end && frame->key_count < MOST_KEYS) {
        uint8_t tag = tvb_get_uint8(tvb, (int)offset);
        uint64_t value;
        unsigned length = get_varint(tvb, offset + 1, &value);

        offset += 1 + length;
        if (length == 0 || (tag == 0x12 && value > end - offset))
            break;
        if (tag == 0x12) {
            sync_key *key = &keys[frame->key_count++];
            unsigned at = offset + 1 + get_varint(tvb, offset + 1, &key->key);

            get_varint(tvb, at + 1, &key->value);
            key->is_new = true;
            key->by = 0;
            for (unsigned i = 0; before != NULL && i < before->key_count; i++)
                if (before->keys[i].key == key->key) {
                    key->is_new = false;
                    key->by = (int64_t)(key->value - before->keys[i].value);
                    break;
                }
            offset += (unsigned)value;
        }
    }
    if (frame->key_count == 0)
        return;
    frame->keys = (sync_key *)wmem_memdup(wmem_file_scope(), keys, frame->key_count * sizeof *keys);
    if (before != NULL) {
        frame->synckey_previous = before->number;
        info->last_synckey->synckey_next = frame->number;
    }
    info->last_synckey = frame;
}

/* A push that follows a send within seconds is probably news of it. */
static void follow_news(conversation_info *info, frame_info *frame)
{
    wmem_list_frame_t *tail = wmem_list_tail(info->sends);
    frame_info *send;
    nstime_t since;

    if (tail == NULL)
        return;
    send = (frame_info *)wmem_list_frame_data(tail);
    wmem_list_remove_frame(info->sends, tail);
    nstime_delta(&since, &frame->time, &send->time);
    if (nstime_to_sec(&since) > NEWS_TIME)
        return;
    send->send_news_in = frame->number;
    frame->news_send = send->number;
    frame->news_time = since;
}

static void follow_attempts(conversation_info *info, frame_info *frame, const address *client)
{
    conversation_info *before = (conversation_info *)wmem_map_lookup(clients, client);
    nstime_t since;

    if (before == NULL) {
        address *key = wmem_new(wmem_file_scope(), address);

        copy_address_wmem(wmem_file_scope(), key, client);
        wmem_map_insert(clients, key, info);
        return;
    }
    wmem_map_insert(clients, client, info);
    nstime_delta(&since, &frame->time, &before->last->time);
    if (nstime_to_sec(&since) > ATTEMPT_TIME)
        return;
    info->attempt = before->attempt + 1;
    frame->attempt = info->attempt + 1;
    frame->attempt_after = before->last->number;
    before->last->attempt_next = frame->number;
}

/* What belongs together is found on the first pass and kept with the packet. */
static frame_info *find_frame(tvbuff_t *tvb, packet_info *pinfo, const header_t *header)
{
    uint32_t key = (uint32_t)tvb_raw_offset(tvb);
    conversation_info *info;
    frame_info *frame;

    if (PINFO_FD_VISITED(pinfo))
        return (frame_info *)p_get_proto_data(wmem_file_scope(), pinfo, proto, key);
    info = get_conversation_info(pinfo);
    frame = wmem_new0(wmem_file_scope(), frame_info);
    frame->number = pinfo->num;
    frame->time = pinfo->abs_ts;
    frame->stream = info->stream;
    last_seen = pinfo->abs_ts;
    switch (header->kind) {
    case KIND_REQUEST:
    case KIND_HEARTBEAT_REQUEST:
        frame->pair = new_pair(pinfo);
        if (wmem_map_insert(info->open_requests, GUINT_TO_POINTER(header->seq), frame->pair) == NULL)
            info->open++;
        if (header->kind == KIND_HEARTBEAT_REQUEST) {
            if (info->last_heartbeat != NULL) {
                nstime_delta(&frame->heartbeat_interval, &frame->time, &info->last_heartbeat->time);
                frame->heartbeat_after = info->last_heartbeat->number;
                info->last_heartbeat->heartbeat_next = frame->number;
                frame->has_interval = true;
            }
            info->last_heartbeat = frame;
        } else if (header->op == OP_SEND) {
            if (wmem_list_count(info->sends) == MOST_SENDS)
                wmem_list_remove_frame(info->sends, wmem_list_head(info->sends));
            wmem_list_append(info->sends, frame);
        }
        break;
    case KIND_RESPONSE:
    case KIND_HEARTBEAT_RESPONSE:
        frame->pair = (pair_t *)wmem_map_remove(info->open_requests, GUINT_TO_POINTER(header->seq));
        if (frame->pair != NULL) {
            frame->pair->second_frame = pinfo->num;
            info->open--;
        }
        break;
    case KIND_PUSH:
        if (wants_ack(tvb)) {
            frame->pair = new_pair(pinfo);
            wmem_list_append(info->open_pushes, frame->pair);
        }
        if (header->op == OP_PUSH)
            follow_news(info, frame);
        break;
    case KIND_PUSH_ACK:
        frame->pair = acknowledge(info, tvb, pinfo);
        follow_synckey(info, frame, tvb);
        break;
    case KIND_ONE_WAY:
        break;
    }
    frame->open_requests = info->open;
    if (info->last == NULL)
        follow_attempts(info, frame, header->from_server ? &pinfo->dst : &pinfo->src);
    info->last = frame;
    p_add_proto_data(wmem_file_scope(), pinfo, proto, key, frame);
    return frame;
}

static void add_generated_uint(proto_tree *tree, int field, tvbuff_t *tvb, int offset, uint32_t value)
{
    proto_item_set_generated(proto_tree_add_uint(tree, field, tvb, offset, 4, value));
}

static void add_generated_time(proto_tree *tree, int field, tvbuff_t *tvb, const nstime_t *value)
{
    proto_item_set_generated(proto_tree_add_time(tree, field, tvb, 12, 4, value));
}

static void add_inferred(proto_item *item)
{
    proto_item_set_generated(item);
    proto_item_append_text(item, " (inference)");
}

static void show_unanswered(proto_tree *tree, tvbuff_t *tvb, packet_info *pinfo, const frame_info *frame)
{
    nstime_t until_end;

    proto_item_set_generated(proto_tree_add_boolean(tree, hf_unanswered, tvb, 12, 4, true));
    nstime_delta(&until_end, &last_seen, &frame->time);
    if (until_end.secs < PATIENCE)
        proto_tree_add_expert_format(tree, pinfo, &ei_no_response_yet, tvb, 12, 4,
                                     "no response seen; the last packet is %d.%d s later", (int)until_end.secs,
                                     until_end.nsecs / 100000000);
}

static void show_links(proto_tree *tree, tvbuff_t *tvb, packet_info *pinfo, const header_t *header,
                       const frame_info *frame)
{
    const pair_t *pair = frame->pair;
    const bool later = PINFO_FD_VISITED(pinfo);
    nstime_t delta;

    switch (header->kind) {
    case KIND_RESPONSE:
    case KIND_HEARTBEAT_RESPONSE:
    case KIND_PUSH_ACK:
        if (pair == NULL)
            break;
        nstime_delta(&delta, &pinfo->abs_ts, &pair->first_time);
        add_generated_uint(tree, header->kind == KIND_PUSH_ACK ? hf_ack_to : hf_response_to, tvb, 12,
                           pair->first_frame);
        add_generated_time(tree, header->kind == KIND_PUSH_ACK ? hf_ack_time : hf_response_time, tvb, &delta);
        if (header->kind == KIND_PUSH_ACK)
            proto_item_set_generated(proto_tree_add_string(tree, hf_ack_rule, tvb, 12, 4,
                                                           pair->by_time ? "elapsed time" : "oldest open push"));
        break;
    default:
        if (pair != NULL && pair->second_frame != 0 && later)
            add_generated_uint(tree, header->kind == KIND_PUSH ? hf_push_ack_in : hf_response_in, tvb, 12,
                               pair->second_frame);
        break;
    }
    if (header->kind == KIND_REQUEST || header->kind == KIND_HEARTBEAT_REQUEST || header->kind == KIND_RESPONSE ||
        header->kind == KIND_HEARTBEAT_RESPONSE)
        add_generated_uint(tree, hf_open_requests, tvb, 12, frame->open_requests);
    if (frame->has_interval) {
        add_generated_time(tree, hf_heartbeat_interval, tvb, &frame->heartbeat_interval);
        add_generated_uint(tree, hf_heartbeat_after, tvb, 12, frame->heartbeat_after);
    }
    if (later && frame->heartbeat_next != 0)
        add_generated_uint(tree, hf_heartbeat_next, tvb, 12, frame->heartbeat_next);
    if (later && pair != NULL && pair->second_frame == 0 && header->kind != KIND_PUSH)
        show_unanswered(tree, tvb, pinfo, frame);
    if (frame->news_send != 0) {
        add_inferred(proto_tree_add_uint(tree, hf_news_send, tvb, 12, 4, frame->news_send));
        add_inferred(proto_tree_add_time(tree, hf_news_time, tvb, 12, 4, &frame->news_time));
    }
    if (frame->attempt != 0) {
        add_generated_uint(tree, hf_attempt, tvb, 12, frame->attempt);
        add_generated_uint(tree, hf_attempt_after, tvb, 12, frame->attempt_after);
    }
    if (frame->synckey_previous != 0)
        add_generated_uint(tree, hf_synckey_previous, tvb, 12, frame->synckey_previous);
    if (frame->attempt_next != 0 && later)
        add_generated_uint(tree, hf_attempt_next, tvb, 12, frame->attempt_next);
    if (frame->synckey_next != 0 && later)
        add_generated_uint(tree, hf_synckey_next, tvb, 12, frame->synckey_next);
    if (frame->send_news_in != 0 && later)
        add_inferred(proto_tree_add_uint(tree, hf_send_news_in, tvb, 12, 4, frame->send_news_in));
    if (header->op == OP_PUSH)
        proto_item_set_generated(proto_tree_add_string(tree, hf_delivery, tvb, 8, 4, "push"));
}

/* ---- bodies ---- */

/* The header of the business packet, claimed when everything in it agrees. */
static bool dissect_business(tvbuff_t *tvb, unsigned offset, proto_tree *tree, const header_t *header)
{
    const unsigned end = tvb_captured_length(tvb);
    const unsigned start = offset;
    uint8_t lengths, kinds;
    uint32_t version;
    uint64_t cgi, plain, packed;
    unsigned head_end, cgi_at, cgi_len, plain_len, packed_len, cookie_len, rest;
    const char *call, *algorithm;
    proto_tree *business;
    proto_item *item;

    if (end < offset + 10)
        return false;
    lengths = tvb_get_uint8(tvb, (int)offset);
    kinds = tvb_get_uint8(tvb, (int)offset + 1);
    version = tvb_get_ntohl(tvb, (int)offset + 2);
    cookie_len = kinds & 0x0f;
    head_end = start + (lengths >> 2);
    cgi_at = offset + 10 + cookie_len;
    if (head_end > end || cgi_at + 3 > head_end || kinds >> 4 != AES_CBC)
        return false;
    cgi_len = get_varint(tvb, cgi_at, &cgi);
    plain_len = get_varint(tvb, cgi_at + cgi_len, &plain);
    packed_len = get_varint(tvb, cgi_at + cgi_len + plain_len, &packed);
    rest = cgi_at + cgi_len + plain_len + packed_len;
    if (cgi_len == 0 || plain_len == 0 || packed_len == 0 || rest > head_end || head_end - rest > LONGEST_REST)
        return false;
    if (version == 0 ? !header->from_server : (version >> 28) == 0 || (version >> 28) > 3)
        return false;
    call = try_val_to_str_ext((uint32_t)cgi, &cgi_names_ext);
    if (header->kind == KIND_PUSH ? cgi != 138
                                  : g_strcmp0(call, try_val_to_str_ext(header->base, &request_names_ext)) != 0)
        return false;
    if ((lengths & 3) == ZLIB ? packed > plain + 64 || plain > packed * 1032
                              : (lengths & 3) != NOT_COMPRESSED || packed != plain)
        return false;
    if (end - head_end != (packed / 16 + 1) * 16)
        return false;

    algorithm = try_val_to_str(kinds >> 4, algorithms);
    item = proto_tree_add_item(tree, hf_business, tvb, (int)start, (int)(head_end - start), ENC_NA);
    proto_item_append_text(item, ": %s, %s", call, algorithm);
    business = proto_item_add_subtree(item, ett_business);
    proto_tree_add_item(business, hf_business_head_len, tvb, (int)start, 1, ENC_BIG_ENDIAN);
    proto_tree_add_item(business, hf_business_compression, tvb, (int)start, 1, ENC_BIG_ENDIAN);
    proto_tree_add_item(business, hf_business_algorithm, tvb, (int)start + 1, 1, ENC_BIG_ENDIAN);
    proto_tree_add_item(business, hf_business_cookie_len, tvb, (int)start + 1, 1, ENC_BIG_ENDIAN);
    item = proto_tree_add_item(business, hf_client_version, tvb, (int)start + 2, 4, ENC_BIG_ENDIAN);
    if (version >> 28 == 2)
        proto_item_append_text(item, ", Android %u.%u.%u build %u", (version >> 24) & 0xf, (version >> 16) & 0xff,
                               (version >> 8) & 0xff, version & 0xff);
    proto_tree_add_item(business, hf_account_hidden, tvb, (int)start + 6, (int)(4 + cookie_len), ENC_NA);
    item = proto_tree_add_uint(business, hf_business_cgi, tvb, (int)cgi_at, (int)cgi_len, (uint32_t)cgi);
    proto_item_append_text(item, " (%s)", call);
    proto_tree_add_uint(business, hf_business_plain_len, tvb, (int)(cgi_at + cgi_len), (int)plain_len, (uint32_t)plain);
    proto_tree_add_uint(business, hf_business_packed_len, tvb, (int)(rest - packed_len), (int)packed_len,
                        (uint32_t)packed);
    if (rest < head_end)
        proto_tree_add_item(business, hf_business_rest, tvb, (int)rest, (int)(head_end - rest), ENC_NA);
    proto_item_set_generated(proto_tree_add_boolean(tree, hf_opened, tvb, (int)head_end, (int)(end - head_end), false));
    proto_item_set_generated(
        proto_tree_add_string(tree, hf_why_closed, tvb, (int)head_end, (int)(end - head_end), "no key log"));
    item = proto_tree_add_item(tree, hf_encrypted, tvb, (int)head_end, (int)(end - head_end), ENC_NA);
    proto_item_append_text(item, " (%s)", algorithm);
    return true;
}

static void dissect_push(tvbuff_t *tvb, proto_tree *tree, const header_t *header)
{
    proto_item *item;
    proto_tree *flags;

    item = proto_tree_add_item(tree, hf_push_flags, tvb, HEADER, 4, ENC_BIG_ENDIAN);
    if (tvb_get_ntohl(tvb, HEADER) & PUSH_WANTS_ACK)
        proto_item_append_text(item, ": acknowledgement wanted");
    flags = proto_item_add_subtree(item, ett_push_flags);
    proto_tree_add_item(flags, hf_push_flags_ack, tvb, HEADER, 4, ENC_BIG_ENDIAN);
    proto_tree_add_item(tree, hf_push_len, tvb, HEADER + 4, 4, ENC_BIG_ENDIAN);
    if (!dissect_business(tvb, HEADER + 8, tree, header))
        proto_tree_add_item(tree, hf_undecoded, tvb, HEADER + 8, -1, ENC_NA);
}

static void dissect_synckey_entry(tvbuff_t *tvb, unsigned start, unsigned at, unsigned end, proto_tree *tree,
                                  const sync_key *growth)
{
    uint64_t numbers[2] = { 0, 0 };
    unsigned places[2] = { 0, 0 }, lengths[2] = { 0, 0 };
    proto_item *item, *key;
    proto_tree *entry;

    for (unsigned i = 0; i < 2 && at < end; i++) {
        unsigned length = get_varint(tvb, at + 1, &numbers[i]);

        places[i] = at;
        lengths[i] = 1 + length;
        at += 1 + length;
    }
    item = proto_tree_add_item(tree, hf_synckey_entry, tvb, (int)start, (int)(end - start), ENC_NA);
    proto_item_append_text(item, ": key %" PRIu64 " = %" PRIu64, numbers[0], numbers[1]);
    if (growth != NULL && growth->is_new)
        proto_item_append_text(item, " (new)");
    else if (growth != NULL)
        proto_item_append_text(item, " (%+" PRId64 "%s)", growth->by,
                               growth->key == KEY_TIME && growth->by != 0 ? " s" : "");
    entry = proto_item_add_subtree(item, ett_synckey_entry);
    key = proto_tree_add_uint64(entry, hf_synckey_key, tvb, (int)places[0], (int)lengths[0], numbers[0]);
    if (numbers[0] == KEY_MESSAGES || numbers[0] == KEY_TIME)
        proto_item_append_text(key, numbers[0] == KEY_MESSAGES ? " (messages)" : " (unix time)");
    proto_tree_add_uint64(entry, hf_synckey_value, tvb, (int)places[1], (int)lengths[1], numbers[1]);
    if (growth != NULL && !growth->is_new)
        proto_item_set_generated(
            proto_tree_add_int64(entry, hf_synckey_delta, tvb, (int)start, (int)(end - start), growth->by));
}

/* What a SyncKey says that the one before did not. */
static void append_growth(proto_item *item, const frame_info *frame)
{
    const char *comma = ": ";

    for (unsigned i = 0; i < frame->key_count; i++) {
        const sync_key *key = &frame->keys[i];

        if (key->is_new)
            proto_item_append_text(item, "%skey %" PRIu64 " new", comma, key->key);
        else if (key->by != 0)
            proto_item_append_text(item, "%skey %" PRIu64 " %+" PRId64 "%s", comma, key->key, key->by,
                                   key->key == KEY_TIME ? " s" : "");
        else
            continue;
        comma = ", ";
    }
    if (comma[0] == ':')
        proto_item_append_text(item, ": no key changed");
}

static void dissect_push_ack(tvbuff_t *tvb, proto_tree *tree, const frame_info *frame)
{
    const unsigned end = tvb_captured_length(tvb);
    const bool grows = frame->synckey_previous != 0;
    unsigned offset = HEADER + 8, entry = 0;
    proto_item *item;
    proto_tree *synckey;

    item = proto_tree_add_item(tree, hf_ack_elapsed, tvb, HEADER, 4, ENC_BIG_ENDIAN);
    proto_item_append_text(item, " ms");
    proto_tree_add_item(tree, hf_ack_len, tvb, HEADER + 4, 4, ENC_BIG_ENDIAN);
    item = proto_tree_add_bytes_format(tree, hf_synckey, tvb, (int)offset, (int)(end - offset), NULL,
                                       "SyncKey (%u bytes)", end - offset);
    if (grows)
        append_growth(item, frame);
    synckey = proto_item_add_subtree(item, ett_synckey);
    while (offset < end) {
        uint64_t value;
        unsigned start = offset, length;
        uint8_t tag = tvb_get_uint8(tvb, (int)offset);

        length = get_varint(tvb, offset + 1, &value);
        offset += 1 + length;
        if (length == 0)
            return;
        if (tag == 0x08) {
            proto_tree_add_uint64(synckey, hf_synckey_count, tvb, (int)start, (int)(1 + length), value);
        } else if (tag == 0x12 && value <= end - offset) {
            dissect_synckey_entry(tvb, start, offset, offset + (unsigned)value, synckey,
                                  grows && entry < frame->key_count ? &frame->keys[entry] : NULL);
            entry++;
            offset += (unsigned)value;
        } else {
            return;
        }
    }
}

static void dissect_body(tvbuff_t *tvb, proto_tree *tree, const header_t *header, const frame_info *info)
{
    unsigned length = tvb_reported_length(tvb) - HEADER;
    proto_item *item;
    proto_tree *body;

    if (length == 0)
        return;
    item = proto_tree_add_bytes_format(tree, hf_body, tvb, HEADER, (int)length, NULL, "Body (%u bytes)", length);
    body = proto_item_add_subtree(item, ett_body);
    if (header->kind == KIND_PUSH_ACK && length >= 8)
        dissect_push_ack(tvb, body, info);
    else if (header->op == OP_PUSH && length >= 8)
        dissect_push(tvb, body, header);
    else if (!dissect_business(tvb, HEADER, body, header))
        proto_tree_add_item(body, hf_undecoded, tvb, HEADER, -1, ENC_NA);
}

/* ---- frames ---- */

/* How long an answer took, behind an arrow. */
static size_t elapsed(char *out, size_t size, const nstime_t *time)
{
    const uint64_t whole = (uint64_t)time->secs * 1000000000 + (uint64_t)time->nsecs;
    const uint64_t tenths = (whole + 50000) / 100000, milliseconds = (whole + 500000) / 1000000;

    if (tenths < 100)
        return (size_t)snprintf(out, size, " \u2192 %" PRIu64 ".%" PRIu64 " ms", tenths / 10, tenths % 10);
    if (milliseconds < 1000)
        return (size_t)snprintf(out, size, " \u2192 %" PRIu64 " ms", milliseconds);
    return (size_t)snprintf(out, size, " \u2192 %" PRIu64 ".%" PRIu64 " s", (whole + 50000000) / 1000000000,
                            (whole + 50000000) / 100000000 % 10);
}

static void sentence(const header_t *header, const frame_info *info, const nstime_t *now, tvbuff_t *tvb, char *out,
                     size_t size)
{
    const char *title = try_val_to_str_ext(header->kind == KIND_PUSH ? header->op : header->base,
                                           header->kind == KIND_PUSH ? &push_titles_ext : &request_titles_ext);
    const char *what = "";
    size_t used;

    if (header->kind == KIND_REQUEST)
        what = " request";
    else if (header->kind == KIND_RESPONSE || header->kind == KIND_HEARTBEAT_RESPONSE)
        what = " response";
    else if (header->kind == KIND_ONE_WAY)
        what = " one-way";
    if (title != NULL)
        used = (size_t)snprintf(out, size, "%s%s", title, what);
    else
        used = (size_t)snprintf(out, size, "Operation %u%s", header->base, header->kind == KIND_PUSH ? " push" : what);
    switch (header->seq) {
    case SEQ_PUSH:
        break;
    case SEQ_IDENTIFY:
        used += (size_t)snprintf(out + used, size - used, " seq=identify");
        break;
    case SEQ_NOOP:
        used += (size_t)snprintf(out + used, size - used, " seq=heartbeat");
        break;
    default:
        used += (size_t)snprintf(out + used, size - used, " seq=%u", header->seq);
        break;
    }
    if (info != NULL && info->pair != NULL &&
        (header->kind == KIND_RESPONSE || header->kind == KIND_HEARTBEAT_RESPONSE || header->kind == KIND_PUSH_ACK)) {
        nstime_t time;

        nstime_delta(&time, now, &info->pair->first_time);
        used += elapsed(out + used, size - used, &time);
    }
    if (header->kind == KIND_PUSH && wants_ack(tvb))
        snprintf(out + used, size - used, " (acknowledgement wanted)");
}

static void show_header(proto_tree *tree, tvbuff_t *tvb, const header_t *header, const frame_info *frame)
{
    const char *name = header->kind == KIND_PUSH ? try_val_to_str_ext(header->op, &push_names_ext)
                                                 : try_val_to_str_ext(header->base, &request_names_ext);
    proto_item *item;

    proto_tree_add_item(tree, hf_packet_len, tvb, 0, 4, ENC_BIG_ENDIAN);
    proto_tree_add_item(tree, hf_head_len, tvb, 4, 2, ENC_BIG_ENDIAN);
    proto_tree_add_item(tree, hf_version, tvb, 6, 2, ENC_BIG_ENDIAN);
    item = proto_tree_add_item(tree, hf_op, tvb, 8, 4, ENC_BIG_ENDIAN);
    if (name != NULL)
        proto_item_append_text(item, ", %s", name);
    item = proto_tree_add_item(tree, hf_seq, tvb, 12, 4, ENC_BIG_ENDIAN);
    if (header->seq == SEQ_PUSH)
        proto_item_append_text(item, " (push)");
    else if (header->seq == SEQ_IDENTIFY)
        proto_item_append_text(item, " (identify)");
    else if (header->seq == SEQ_NOOP)
        proto_item_append_text(item, " (heartbeat)");
    item = proto_tree_add_string(tree, hf_kind, tvb, 8, 4, kind_names[header->kind]);
    proto_item_set_generated(item);
    item = proto_tree_add_uint(tree, hf_op_base, tvb, 8, 4, header->base);
    proto_item_set_generated(item);
    if (name != NULL && strcmp(name, val_to_str_ext_const(header->base, &base_names_ext, "")) != 0)
        proto_item_append_text(item, ", here %s", name);
    if (name != NULL) {
        item = proto_tree_add_string(tree, hf_op_name, tvb, 8, 4, name);
        proto_item_set_generated(item);
    }
    add_generated_uint(tree, hf_stream, tvb, 8, frame->stream);
    item = proto_tree_add_string(tree, hf_carrier, tvb, 8, 4, "tcp");
    proto_item_set_generated(item);
    add_generated_uint(tree, hf_body_len, tvb, 0, header->packet_len - HEADER);
    add_generated_uint(tree, hf_direction, tvb, 8, header->from_server ? 2 : 1);
}

static int dissect_frame(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data G_GNUC_UNUSED)
{
    header_t header;
    frame_info *info;
    char words[128];

    header.packet_len = tvb_get_ntohl(tvb, 0);
    header.op = tvb_get_ntohl(tvb, 8);
    header.seq = tvb_get_ntohl(tvb, 12);
    header.from_server = header.op != OP_PUSH_ACK && header.op != OP_PUSH_ACK_OLD &&
                         (header.op >= ANSWER || header.op == OP_PUSH || pinfo->match_uint == pinfo->srcport);
    header.kind = kind_of(header.op, header.seq, header.from_server);
    header.base = header.kind != KIND_PUSH_ACK && header.op >= ANSWER ? header.op - ANSWER : header.op;
    info = find_frame(tvb, pinfo, &header);
    sentence(&header, info, &pinfo->abs_ts, tvb, words, sizeof words);
    col_append_sep_str(pinfo->cinfo, COL_INFO, " | ", words);
    if (tree != NULL && info != NULL) {
        proto_item *item = proto_tree_add_item(tree, proto, tvb, 0, -1, ENC_NA);
        proto_tree *frame = proto_item_add_subtree(item, ett_frame);

        proto_item_append_text(item, ", %s, %u bytes", words, header.packet_len);
        show_header(frame, tvb, &header, info);
        show_links(frame, tvb, pinfo, &header, info);
        dissect_body(tvb, frame, &header, info);
    }
    return (int)tvb_captured_length(tvb);
}

static unsigned frame_length(packet_info *pinfo G_GNUC_UNUSED, tvbuff_t *tvb, int offset, void *data G_GNUC_UNUSED)
{
    return tvb_get_ntohl(tvb, offset);
}

static int dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    col_set_str(pinfo->cinfo, COL_PROTOCOL, "WeChat");
    col_clear(pinfo->cinfo, COL_INFO);
    tcp_dissect_pdus(tvb, pinfo, tree, true, HEADER, frame_length, dissect_frame, data);
    return (int)tvb_captured_length(tvb);
}

static unsigned hash_address(const void *key)
{
    return add_address_to_hash(0, (const address *)key);
}

static gboolean equal_addresses(const void *one, const void *other)
{
    return addresses_equal((const address *)one, (const address *)other);
}

static void register_protocol(void)
{
    static hf_register_info fields[] = {
        { &hf_packet_len, { "Packet length", "wechat.packet_len", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_head_len, { "Head length", "wechat.head_len", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_version, { "Version", "wechat.version", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_op, { "Operation", "wechat.op", FT_UINT32, BASE_DEC_HEX, NULL, 0, NULL, HFILL } },
        { &hf_seq, { "Seqid", "wechat.seq", FT_UINT32, BASE_DEC_HEX, NULL, 0, NULL, HFILL } },
        { &hf_body, { "Body", "wechat.body", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_kind, { "Kind", "wechat.kind", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_op_base, { "Base operation", "wechat.op.base", FT_UINT32, BASE_DEC_HEX | BASE_EXT_STRING, &base_names_ext, 0, NULL, HFILL } },
        { &hf_op_name, { "Operation name", "wechat.op.name", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_direction, { "Direction", "wechat.direction", FT_UINT8, BASE_DEC, VALS(directions), 0, NULL, HFILL } },
        { &hf_stream, { "Stream", "wechat.stream", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_carrier, { "Carrier", "wechat.carrier", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_body_len, { "Body length", "wechat.body_len", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_unanswered, { "Unanswered", "wechat.unanswered", FT_BOOLEAN, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_open_requests, { "Open requests", "wechat.open_requests", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_heartbeat_after, { "Heartbeat after the one in", "wechat.heartbeat.after", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL, HFILL } },
        { &hf_heartbeat_next, { "Next heartbeat in", "wechat.heartbeat.next_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL, HFILL } },
        { &hf_opened, { "Opened", "wechat.business.opened", FT_BOOLEAN, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_why_closed, { "Closed because", "wechat.business.why_closed", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_heartbeat_interval, { "Heartbeat interval", "wechat.heartbeat.interval", FT_RELATIVE_TIME, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_attempt, { "Attempt", "wechat.attempt", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_attempt_after, { "Attempt after", "wechat.attempt.after", FT_FRAMENUM, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_attempt_next, { "Next attempt in", "wechat.attempt.next_in", FT_FRAMENUM, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_delivery, { "Delivery", "wechat.delivery", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_send_news_in, { "Probably news in", "wechat.send.news_in", FT_FRAMENUM, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_news_send, { "Probably news of the send in", "wechat.news.send", FT_FRAMENUM, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_news_time, { "Time since the send", "wechat.news.time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_response_in, { "Response in", "wechat.response_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_RESPONSE), 0, NULL, HFILL } },
        { &hf_response_to, { "Response to", "wechat.response_to", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL, HFILL } },
        { &hf_response_time, { "Response time", "wechat.response_time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_push_ack_in, { "Acknowledged in", "wechat.push.ack_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_ACK), 0, NULL, HFILL } },
        { &hf_ack_to, { "Acknowledges the push in", "wechat.ack_to", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL, HFILL } },
        { &hf_ack_time, { "Time since the push", "wechat.ack.time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_ack_rule, { "Matched by", "wechat.ack.rule", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_push_flags, { "Flags", "wechat.push.flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_push_flags_ack, { "Acknowledgement wanted", "wechat.push.flags.ack", FT_BOOLEAN, 32, NULL, PUSH_WANTS_ACK, NULL, HFILL } },
        { &hf_push_len, { "Length of the rest", "wechat.push.len", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_ack_elapsed, { "Elapsed time", "wechat.ack.elapsed", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_ack_len, { "Length of the SyncKey", "wechat.ack.len", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_synckey, { "SyncKey", "wechat.synckey", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_synckey_count, { "Count", "wechat.synckey.count", FT_UINT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_synckey_entry, { "Key and value", "wechat.synckey.entry", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_synckey_key, { "Key", "wechat.synckey.key", FT_UINT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_synckey_value, { "Value", "wechat.synckey.value", FT_UINT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_synckey_delta, { "Growth", "wechat.synckey.delta", FT_INT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_synckey_previous, { "SyncKey before in", "wechat.synckey.previous", FT_FRAMENUM, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_synckey_next, { "Next SyncKey in", "wechat.synckey.next", FT_FRAMENUM, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_business, { "Business packet header", "wechat.business", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_business_head_len, { "Header length", "wechat.business.head_len", FT_UINT8, BASE_DEC, NULL, 0xfc, NULL, HFILL } },
        { &hf_business_compression, { "Compression", "wechat.business.compression", FT_UINT8, BASE_DEC, VALS(compressions), 0x03, NULL, HFILL } },
        { &hf_business_algorithm, { "Algorithm", "wechat.business.algorithm", FT_UINT8, BASE_DEC, VALS(algorithms), 0xf0, NULL, HFILL } },
        { &hf_business_cookie_len, { "Cookie length", "wechat.business.cookie_len", FT_UINT8, BASE_DEC, NULL, 0x0f, NULL, HFILL } },
        { &hf_client_version, { "Client version", "wechat.client_version", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_account_hidden, { "Account data not shown (preference show_account)", "wechat.account_hidden", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_business_cgi, { "Cgi type", "wechat.business.cgi", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_business_plain_len, { "Plain length", "wechat.business.plain_len", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_business_packed_len, { "Compressed length", "wechat.business.packed_len", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_business_rest, { "Rest of the header", "wechat.business.rest", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_encrypted, { "Encrypted data", "wechat.encrypted", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_undecoded, { "Undecoded data", "wechat.undecoded", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static ei_register_info notes[] = {
        { &ei_no_response_yet, { "wechat.no_response_yet", PI_SEQUENCE, PI_CHAT, "No response seen, but the capture ends soon after", EXPFILL } },
    };
    static int *trees[] = {
        &ett_frame, &ett_body, &ett_push_flags, &ett_synckey, &ett_synckey_entry, &ett_business,
    };

    proto = proto_register_protocol("WeChat long link", "WeChat", "wechat");
    proto_register_field_array(proto, fields, array_length(fields));
    proto_register_subtree_array(trees, array_length(trees));
    expert_register_field_array(expert_register_protocol(proto), notes, array_length(notes));
    clients = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), hash_address, equal_addresses);
    handle = register_dissector("wechat", dissect, proto);
}

static void hand_off(void)
{
    dissector_add_uint_range_with_preference("tcp.port", "80,8080,443", handle);
}

PLUGIN(register_protocol, hand_off);
