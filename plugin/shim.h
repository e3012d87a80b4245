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
 *   ports.c     sharing ports with the dissectors that own them
 *   web.c       standing around HTTP's dissector
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
extern int shim_web_proto;

/* Names of the first field. */
const wechat_field *shim_protocol_row(void);

/* Whether a layer of a packet is one of ours. */
bool shim_is_own_layer(int proto);

/* A text for epan, which keeps it for as long as it runs. */
#define shim_words(...) wmem_strdup_printf(wmem_epan_scope(), __VA_ARGS__)

/* The state of the capture that is open, or NULL. */
wechat_dissector *shim_dissector(void);

/* Ports the user gave; the range lives until the preference changes. */
const range_t *shim_ports(void);

/* ---- draw.c ---- */

/* Says in the segment what the host will look at of a protocol of ours; good until the next call. */
void draw_wanted(wechat_segment *segment, packet_info *pinfo, proto_tree *tree, int proto);

/* Puts a report on a PDU that begins at `start` of `tvb`, where `bytes` are, into columns and tree, and offers
 * its body to other dissectors. May throw. */
void draw_report(const wechat_report *report, tvbuff_t *tvb, unsigned start, const uint8_t *bytes, packet_info *pinfo,
                 proto_tree *tree);

/* Hands the record of a report, if it has one, to the tap: as the first of a dissection, or behind the
 * `last` of it. (The tap's queue has room for few thousand entries, a packet for more frames.) Returns
 * the last one now. */
wechat_record *draw_record(const wechat_report *report, wechat_record *last, packet_info *pinfo);

/* Puts the words of a report on a message into the Info column, whoever's message it is. */
void draw_web_words(const wechat_web_report *report, packet_info *pinfo);

/* Puts a report on a message of the web client into the Protocol column and the tree: its head lies in `tvb`, of which it
 * has seen `captured` bytes, its body in `body`. */
void draw_web_report(const wechat_web_report *report, tvbuff_t *tvb, unsigned captured, tvbuff_t *body,
                     packet_info *pinfo, proto_tree *tree);

/* As `draw_record`. */
wechat_web_record *draw_web_record(const wechat_web_report *report, wechat_web_record *last, packet_info *pinfo);

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

/* The bytes of a segment that TCP or another carrier hands over with `data`, and where they are from. */
wechat_segment tcp_segment(tvbuff_t *tvb, packet_info *pinfo, void *data);

/* ---- stats.c ---- */

void stats_register(const wechat_tables *tables);

/* ---- ports.c ---- */

/* A table of ports, and a handle of ours that stands in front of owners in it while a capture is open. */
typedef struct {
    const char *table;
    dissector_handle_t wrapper;
    wmem_map_t *owners;
} shared_ports;

/* Begins with no port. */
void shared_begin(shared_ports *shared, const char *table, dissector_handle_t wrapper);

/* Puts the wrapper in front of the owner of a port, of which there may be none. */
void shared_install(shared_ports *shared, uint32_t number);

/* Puts all owners back, but keeps what others changed meanwhile. For the end of a capture, which forgets them. */
void shared_remove(shared_ports *shared);

/* Calls the former owner of the port by which the wrapper was called. */
int shared_call_owner(const shared_ports *shared, uint32_t number, tvbuff_t *tvb, packet_info *pinfo,
                      proto_tree *tree, void *data);

void ports_register(void);
void ports_handoff(void);
void ports_install(void);
void ports_remove(void);

/* ---- web.c ---- */

/* Calls a dissector that owns a port and stands around it, if it is HTTP's. */
int web_call(dissector_handle_t owner, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

void web_register(const wechat_tables *tables);
void web_handoff(void);
void web_install(void);
void web_remove(void);

#endif
