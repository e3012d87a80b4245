/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * shim.h - what the files of the shim share.
 *
 * The shim registers rows and draws items as it is told. It knows no protocol, no field, no operation and no
 * rule: those are rows and decisions of the Rust side. A protocol is a number to it.
 *
 *   life.c      what epan calls in the life of the plugin: at its start, and around each capture
 *   shim.c      the tables, epan's ids for their rows, and the handle of the capture that is open
 *   register.c  rows to fields, expert infos, preferences and UAT
 *   draw.c      a report to columns and packet tree, and what it hands to others
 *   objects.c   what a user may export
 *   loop.c      the loop over the PDUs of a segment
 *   ports.c     sharing TCP ports with the dissectors that own them
 *   wrap.c      standing in front of the owners of ports, and leaving the table as it was
 *   http.c      standing around HTTP's dissector
 *   stats.c     what listens to the taps: statistics, lines, follow, flow graph; and filters for a packet
 */
#ifndef WECHAT_SHIM_H
#define WECHAT_SHIM_H

#include "compat.h"
#include "wechat_dissector.h"

/* epan gives many of its callbacks nothing to tell protocols apart by: each protocol has its own. */
#define EACH_PROTOCOL(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
_Static_assert(WECHAT_MOST_PROTOCOLS == 8, "as many as EACH_PROTOCOL has");

/* ---- shim.c ---- */

/* What drawing needs of a field's row. */
typedef struct {
    const header_field_info *info;
    int id;
    int subtree;
    unsigned encoding;
    unsigned width;
    wechat_type kind;
    /* Of a subtree, whether its name is all that epan would say. */
    bool is_bare;
} shim_field;

/* A table that a protocol offers, and who takes what nobody in it does. */
typedef struct {
    dissector_table_t table;
    heur_dissector_list_t heuristics;
    bool has_heuristics;
    /* NULL where there is none. */
    dissector_handle_t fallback;
} shim_offer;

/* A protocol, and what epan calls it and its rows. */
typedef struct {
    const wechat_protocol *row;
    uint16_t number;
    /* Its own id, or that of the protocol under whose name it stands. */
    int proto;
    const header_field_info *info;
    /* Names of that. */
    const char *filter;
    const char *label;
    const char *title;
    int *field_ids;
    int *subtree_ids;
    shim_field *fields;
    expert_field *note_ids;
    const header_field_info **note_infos;
    int tap;
    /* Takes segments, and a message of HTTP's; NULL where it lies in none. */
    dissector_handle_t handle;
    dissector_handle_t message_handle;
    /* What it offers to others, and whether anybody takes any of it. */
    shim_offer *offers;
    bool has_takers;
    /* The shared fields and its own that somebody looks up in a tree that nobody sees, a bit each. */
    uint64_t referenced[2 * WECHAT_FIELD_WORDS];
} shim_protocol;

extern shim_protocol shim_protocols[WECHAT_MOST_PROTOCOLS];
extern size_t shim_protocol_count;

/* What there is to register. */
const wechat_tables *shim_tables(void);

/* Whether a layer of a packet is one of ours. */
bool shim_is_own_layer(int proto);

/* Whether a user has not disabled it. */
bool shim_is_enabled(const shim_protocol *protocol);

/* Whether a protocol on streams, or in HTTP, is not disabled. */
bool shim_is_on_streams(void);
bool shim_is_in_http(void);

/* A text for epan, which keeps it for as long as it runs. */
#define shim_words(...) wmem_strdup_printf(wmem_epan_scope(), __VA_ARGS__)

/* Whether a call that makes a report made one: it does when the library failed, too. */
static inline bool shim_has_report(wechat_result result)
{
    return result == WECHAT_RESULT_OK || result == WECHAT_RESULT_FAILED;
}

/* Has the library's tables. False if it is not the one that the shim was built for. */
bool shim_load(void);

/* Begins and ends a capture. */
void shim_begin(const wechat_config *config);
void shim_end(void);

/* The state of the capture that is open, or NULL. */
wechat_dissector *shim_dissector(void);

/* ---- register.c ---- */

/* Registers the rows of all protocols. */
void register_rows(void);

/* What the user has set; free it. */
wechat_config *register_config(void);

/* Ports the user gave; the range lives until the preference changes. */
const range_t *register_ports(void);

/* ---- draw.c ---- */

/* Says in the segment what the host will look at of its protocol; good until the next call. */
void draw_wanted(wechat_segment *segment, packet_info *pinfo, proto_tree *tree);

/* Bytes in which items lie: `bytes`, from `start` of `tvb`. */
typedef struct {
    tvbuff_t *tvb;
    unsigned start;
    const uint8_t *bytes;
} drawn_source;

/* What a report hands to others, what it says of that, or NULL, and the item that goes if somebody takes it. */
typedef struct {
    wechat_hand_off to;
    const char *words;
    proto_item *instead;
} drawn_hand_off;

/* A report's sources, and what it hands to others: both outlive it. */
typedef struct drawing {
    const shim_protocol *protocol;
    drawn_source few[2];
    drawn_source *sources;
    drawn_hand_off *hand_offs;
    size_t hand_off_count;
} drawing;

/* Takes from a report what outlives it. It is of a PDU at `pdu`; of a message, whose body was passed on, at
 * `body`. */
void draw_take(drawing *drawing, const wechat_report *report, drawn_source pdu, drawn_source body, packet_info *pinfo);

/* Puts a report into the tree; `length` bytes of its PDU are there. May throw. */
void draw_report(drawing *drawing, const wechat_report *report, unsigned length, packet_info *pinfo,
                 proto_tree *tree);

/* Calls those for whom bytes are. What one of them runs into hides no other. The report is gone behind it. */
void draw_hand_offs(const drawing *drawing, packet_info *pinfo, proto_tree *tree);

/* The hand-off of ours by which these very bytes came to a dissector of ours, or NULL. */
const wechat_hand_off *draw_handed(const tvbuff_t *tvb);

/* Hands the record of a report, if it has one, to the tap: as the first of a dissection, or behind the
 * `last` of it. (The tap's queue has room for few thousand entries, a packet for more PDUs.) Returns
 * the last one now. */
wechat_record *draw_record(const wechat_report *report, wechat_record *last, packet_info *pinfo);

void draw_register(void);
void draw_handoff(void);

/* Call it at the beginning of a capture. */
void draw_begin(void);

/* ---- objects.c ---- */

/* Whether somebody exports objects. */
bool objects_are_wanted(void);

/* Hands the objects of a report, which lie in these sources, to those who export them. */
void objects_queue(const wechat_report *report, const drawn_source *sources, packet_info *pinfo);

void objects_register(void);

/* ---- loop.c ---- */

void loop_register(void);
void loop_handoff(void);

/* Call it at the end of a capture. */
void loop_forget(void);

/* Has the protocol take the segment whose it is, where others may want it too; returns whether there is one. */
bool loop_claimed(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data, int *result);

/* Has the comments of a packet of ours read, on its first visit: they may hold keys. */
void loop_comments(packet_info *pinfo);

/* Where the packet stands: what filters go by. */
wechat_segment loop_describe(packet_info *pinfo);

/* The bytes of a segment that TCP or another carrier hands over with `data`, and where they are from. */
wechat_segment loop_segment(tvbuff_t *tvb, packet_info *pinfo, void *data);

/* ---- wrap.c ---- */

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

/* The former owner of a port, or NULL. */
dissector_handle_t shared_owner(const shared_ports *shared, uint32_t number);

/* ---- ports.c ---- */

void ports_register(void);
void ports_handoff(void);
void ports_install(void);
void ports_remove(void);

/* ---- http.c ---- */

/* Calls a dissector that owns a port and stands around it, if it is HTTP's. */
int http_call(dissector_handle_t owner, tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

void http_register(void);
void http_handoff(void);
void http_install(void);
void http_remove(void);

/* ---- stats.c ---- */

void stats_register(void);

#endif
