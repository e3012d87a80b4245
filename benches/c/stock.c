/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stock.c - the frames of the long link on tcp_dissect_pdus, as most dissectors of length-prefixed
 * protocols are written. Only `cargo xtask robustness` builds it, to have something to compare with.
 */
#include "../../tests/wireshark/support/plugin.h"

#define HEADER 16

static int proto = -1, hf_packet_len = -1, hf_op = -1, hf_seq = -1, ett = -1;
static dissector_handle_t handle;

static unsigned pdu_length(packet_info *pinfo G_GNUC_UNUSED, tvbuff_t *tvb, int offset, void *data G_GNUC_UNUSED)
{
    return tvb_get_ntohl(tvb, offset);
}

static int dissect_pdu(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data G_GNUC_UNUSED)
{
    proto_item *item = proto_tree_add_item(tree, proto, tvb, 0, -1, ENC_NA);
    proto_tree *frame = proto_item_add_subtree(item, ett);

    col_set_str(pinfo->cinfo, COL_PROTOCOL, "Stock");
    proto_tree_add_item(frame, hf_packet_len, tvb, 0, 4, ENC_BIG_ENDIAN);
    proto_tree_add_item(frame, hf_op, tvb, 8, 4, ENC_BIG_ENDIAN);
    proto_tree_add_item(frame, hf_seq, tvb, 12, 4, ENC_BIG_ENDIAN);
    return (int)tvb_captured_length(tvb);
}

static int dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    tcp_dissect_pdus(tvb, pinfo, tree, true, HEADER, pdu_length, dissect_pdu, data);
    return (int)tvb_captured_length(tvb);
}

static void register_protocol(void)
{
    static hf_register_info fields[] = {
        { &hf_packet_len, { "Packet length", "wechat.packet_len", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_op, { "Operation", "wechat.op", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_seq, { "Seqid", "wechat.seq", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
    };
    static int *trees[] = { &ett };

    proto = proto_register_protocol("The long link on tcp_dissect_pdus", "Stock", "wechat");
    proto_register_field_array(proto, fields, array_length(fields));
    proto_register_subtree_array(trees, array_length(trees));
    handle = register_dissector("wechat", dissect, proto);
}

static void hand_off(void)
{
    dissector_add_uint_range_with_preference("tcp.port", "80,8080,443", handle);
}

PLUGIN(register_protocol, hand_off);
