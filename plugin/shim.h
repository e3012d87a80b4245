/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * shim.h - what the files of the shim share.
 *
 * The shim registers rows and draws items as it is told. It knows no field, no operation and no
 * rule of the protocol: those are rows and decisions of the Rust side.
 *
 *   register.c  rows to hf, expert, preferences and UAT; the capture's handle
 *   draw.c      a report to the packet tree
 *   tcp.c       the loop over a segment
 *   ports.c     sharing TCP ports with the dissectors that own them
 *   stats.c     what listens to the tap: statistics, follow, flow graph; and filters for a packet
 */
#ifndef WECHAT_SHIM_H
#define WECHAT_SHIM_H

#include "compat.h"
#include "wechat_dissector.h"

/* ---- register.c ---- */

/* Ids that registration gave to the rows; the protocol's own is that of the first field. */
extern int *shim_field_ids;
extern int *shim_subtree_ids;
extern expert_field *shim_note_ids;
extern int shim_proto;

/* Names of the first field. */
const wechat_field *shim_protocol_row(void);

/* The state of the capture that is open, or NULL. */
wechat_dissector *shim_dissector(void);

/* Ports the user gave; the range lives until the preference changes. */
const range_t *shim_ports(void);

/* ---- draw.c ---- */

/* Says in the segment what the host will look at; good until the next call. */
void draw_wanted(wechat_segment *segment, packet_info *pinfo, proto_tree *tree);

/* Puts a report on a PDU that begins at `start` of `tvb`, where `bytes` are, into columns and tree, and offers
 * its body to other dissectors. May throw. */
void draw_report(const wechat_report *report, tvbuff_t *tvb, unsigned start, const uint8_t *bytes, packet_info *pinfo,
                 proto_tree *tree);

/* Hands the record of a report, if it has one, to the tap: as the first of a dissection, or behind the
 * `last` of it. (The tap's queue has room for few thousand entries, a packet for more frames.) Returns
 * the last one now. */
wechat_record *draw_record(const wechat_report *report, wechat_record *last, packet_info *pinfo);

void draw_register(const wechat_tables *tables);
void draw_handoff(void);

/* Call it at the beginning of a capture. */
void draw_begin(void);

/* ---- tcp.c ---- */

extern dissector_handle_t tcp_handle;

void tcp_register(void);
void tcp_handoff(void);

/* Call it at the end of a capture. */
void tcp_forget(void);

/* Whether the segment belongs to WeChat, where others may want it too. `flags` are added. */
bool tcp_claims(tvbuff_t *tvb, packet_info *pinfo, void *data, uint32_t flags);

/* Where the packet stands: what filters go by. */
wechat_segment tcp_describe(packet_info *pinfo);

/* ---- stats.c ---- */

void stats_register(const wechat_tables *tables);

/* ---- ports.c ---- */

void ports_register(void);
void ports_handoff(void);
void ports_install(void);
void ports_remove(void);

#endif
