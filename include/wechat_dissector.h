/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wechat_dissector.h - the C interface of the WeChat long-link dissector.
 * Made from src/ffi/mod.rs and the modules whose types it uses; `cargo xtask header` makes it anew.
 *
 * The library turns bytes of a stream into a flat list of items. It never calls back, never
 * blocks, and keeps what it knows in the handle. The sequence of calls stands at
 * wechat_dissector. A pointer is NULL only where its description says so; an argument that is
 * NULL without leave is answered with WECHAT_RESULT_NULL.
 */

#ifndef WECHAT_DISSECTOR_H
#define WECHAT_DISSECTOR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Version of this interface. It changes whenever a layout or a meaning does.
#define WECHAT_ABI_VERSION 6

// Bit of `wechat_segment.flags`: the packet has never been dissected before. State changes only then.
#define WECHAT_FIRST_VISIT 1

// Bit of `wechat_segment.flags`: the carrier can wait for more bytes.
#define WECHAT_MORE (1 << 1)

// Bit of `wechat_segment.flags`: `position` counts the bytes of the stream (TCP sequence numbers).
#define WECHAT_COUNTED (1 << 2)

// Bit of `wechat_segment.flags`: the sender is the second of the stream's two ends. Which one is
// called second does not matter, as long as it stays the same.
#define WECHAT_SIDE (1 << 3)

// Bit of `wechat_segment.flags`: `stream` is set. Without it nothing can be remembered.
#define WECHAT_STREAM (1 << 4)

// Bit of `wechat_segment.flags`: the capture holds the beginning of the stream.
#define WECHAT_BEGAN (1 << 5)

// Bit of `wechat_segment.flags`: no port of the stream was given to WeChat.
#define WECHAT_ANY_PORT (1 << 6)

// Bit of `wechat_segment.wanted`: the words for the Info column.
#define WECHAT_WANT_INFO 1

// Bit of `wechat_segment.wanted`: the items.
#define WECHAT_WANT_ITEMS (1 << 1)

// Bit of `wechat_segment.wanted`: the items' texts.
#define WECHAT_WANT_LABELS (1 << 2)

// Bit of `wechat_segment.wanted`: the record for taps.
#define WECHAT_WANT_RECORD (1 << 3)

// Version of `wechat_record`. Members are only ever added at the end, and `size` tells how many there are.
#define WECHAT_RECORD_VERSION 1

// Bit of `wechat_record.flags`: the packet has been dissected before, so that what lies ahead of the
// frame is known too.
#define WECHAT_RECORD_LATER 1

// Bit of `wechat_record.flags`: a response to `partner`, after `elapsed`.
#define WECHAT_RECORD_RESPONDS (1 << 1)

// Bit of `wechat_record.flags`: an acknowledgement of `partner`, after `elapsed`.
#define WECHAT_RECORD_ACKNOWLEDGES (1 << 2)

// Bit of `wechat_record.flags`: an answer, or of a push an acknowledgement, is due.
#define WECHAT_RECORD_EXPECTS (1 << 3)

// Bit of `wechat_record.flags`: none was seen; known on later visits.
#define WECHAT_RECORD_MISSES (1 << 4)

// Bit of `wechat_record.flags`: the same request again.
#define WECHAT_RECORD_RETRY (1 << 5)

// Bit of `wechat_record.flags`: another response to a request that was answered.
#define WECHAT_RECORD_DUPLICATE (1 << 6)

// Bit of `wechat_record.flags`: an acknowledgement, or what is acknowledged, by inference only; known
// on later visits.
#define WECHAT_RECORD_INFERRED (1 << 7)

// Bit of `wechat_record.flags`: `heartbeat_interval` is set.
#define WECHAT_RECORD_INTERVAL (1 << 8)

// Bit of `wechat_record.flags`: news that follows a send after `news_time` (an inference).
#define WECHAT_RECORD_NEWS (1 << 9)

// Bit of `wechat_record.flags`: a key of its SyncKey went back.
#define WECHAT_RECORD_KEY_BACK (1 << 10)

// Value of `wechat_record.sender`: nobody knows.
#define WECHAT_SENDER_UNKNOWN 0

// Value of `wechat_record.sender`: the client.
#define WECHAT_SENDER_CLIENT 1

// Value of `wechat_record.sender`: the server.
#define WECHAT_SENDER_SERVER 2

// Most ticks that one record has.
#define WECHAT_MOST_TICKS 24

// Most samples that one record has.
#define WECHAT_MOST_SAMPLES 3

// Most ticks that one message has.
#define WECHAT_MOST_WEB_TICKS 72

// Type of a field's value; what it is called in Wireshark.
enum wechat_type
#ifdef __cplusplus
  : uint8_t
#endif // __cplusplus
 {
  // The protocol itself (`FT_PROTOCOL`): a row of this type begins a protocol's fields.
  WECHAT_TYPE_PROTOCOL,
  // No value (`FT_NONE`): a subtree or a marker.
  WECHAT_TYPE_NONE,
  // One bit (`FT_BOOLEAN`).
  WECHAT_TYPE_BOOLEAN,
  // `FT_UINT8`.
  WECHAT_TYPE_U8,
  // `FT_UINT16`.
  WECHAT_TYPE_U16,
  // `FT_UINT32`.
  WECHAT_TYPE_U32,
  // `FT_UINT64`.
  WECHAT_TYPE_U64,
  // `FT_INT32`.
  WECHAT_TYPE_I32,
  // `FT_INT64`.
  WECHAT_TYPE_I64,
  // Bytes as they are (`FT_BYTES`).
  WECHAT_TYPE_BYTES,
  // Text (`FT_STRING`).
  WECHAT_TYPE_TEXT,
  // Zero-padded text (`FT_STRINGZPAD`).
  WECHAT_TYPE_PADDED_TEXT,
  // `FT_IPv4`.
  WECHAT_TYPE_IPV4,
  // A duration; the value is in nanoseconds (`FT_RELATIVE_TIME`).
  WECHAT_TYPE_DURATION,
  // A time; the value is in nanoseconds since 1970 (`FT_ABSOLUTE_TIME`, in UTC).
  WECHAT_TYPE_TIME,
  // Number of a packet in the capture (`FT_FRAMENUM`).
  WECHAT_TYPE_PACKET,
  // Number of the packet that holds a request.
  WECHAT_TYPE_REQUEST_PACKET,
  // Number of the packet that holds a response.
  WECHAT_TYPE_RESPONSE_PACKET,
  // Number of the packet that holds an acknowledgement.
  WECHAT_TYPE_ACK_PACKET,
};
#ifndef __cplusplus
typedef uint8_t wechat_type;
#endif // __cplusplus

// How a number is written.
enum wechat_base
#ifdef __cplusplus
  : uint8_t
#endif // __cplusplus
 {
  // As the type wants it.
  WECHAT_BASE_NATURAL,
  // Decimal.
  WECHAT_BASE_DEC,
  // Hexadecimal.
  WECHAT_BASE_HEX,
  // Decimal, then hexadecimal in brackets.
  WECHAT_BASE_DEC_HEX,
};
#ifndef __cplusplus
typedef uint8_t wechat_base;
#endif // __cplusplus

// What a note is about; the expert-info group.
enum wechat_group
#ifdef __cplusplus
  : uint8_t
#endif // __cplusplus
 {
  // The order of frames.
  WECHAT_GROUP_SEQUENCE,
  // The protocol's own rules.
  WECHAT_GROUP_PROTOCOL,
  // Bytes that contradict themselves.
  WECHAT_GROUP_MALFORMED,
  // Bytes that are not there.
  WECHAT_GROUP_REASSEMBLE,
  // Bytes nobody can read.
  WECHAT_GROUP_UNDECODED,
};
#ifndef __cplusplus
typedef uint8_t wechat_group;
#endif // __cplusplus

// How bad a note is.
enum wechat_severity
#ifdef __cplusplus
  : uint8_t
#endif // __cplusplus
 {
  // Part of the ordinary course.
  WECHAT_SEVERITY_CHAT,
  // Worth a look.
  WECHAT_SEVERITY_NOTE,
  // Unusual.
  WECHAT_SEVERITY_WARNING,
  // Wrong.
  WECHAT_SEVERITY_ERROR,
};
#ifndef __cplusplus
typedef uint8_t wechat_severity;
#endif // __cplusplus

// What a preference holds.
enum wechat_preference_type
#ifdef __cplusplus
  : uint8_t
#endif // __cplusplus
 {
  // Ports that are registered in the dissector table of the preference's name.
  WECHAT_PREFERENCE_TYPE_PORTS,
  // Yes or no.
  WECHAT_PREFERENCE_TYPE_BOOLEAN,
  // A number.
  WECHAT_PREFERENCE_TYPE_NUMBER,
  // One of the values listed.
  WECHAT_PREFERENCE_TYPE_CHOICE,
  // A table the user fills in (UAT).
  WECHAT_PREFERENCE_TYPE_TABLE,
};
#ifndef __cplusplus
typedef uint8_t wechat_preference_type;
#endif // __cplusplus

// What a function says of its call. A malformed frame is never an error: it is a report with a note.
typedef enum wechat_result {
  // The outputs are set.
  WECHAT_RESULT_OK = 0,
  // A pointer that must not be NULL is NULL; no output is set.
  WECHAT_RESULT_NULL = 1,
  // A number has no meaning, a text is no UTF-8, or a row is refused; no output is set.
  WECHAT_RESULT_INVALID = 2,
  // The library failed; where there is a report it says so in a note.
  WECHAT_RESULT_FAILED = 3,
} wechat_result;

// What became of a segment.
typedef enum wechat_verdict {
  // `length` bytes, at least 1 and at most `reported`, are dealt with; the report shows them.
  WECHAT_VERDICT_CONSUMED = 0,
  // Call again with the same bytes and the whole next segment behind them.
  WECHAT_VERDICT_NEED_SEGMENT = 1,
  // Call again with the same bytes and `length` more behind them.
  WECHAT_VERDICT_NEED_BYTES = 2,
} wechat_verdict;

// What an item is. The set is closed; 6 is reserved for bytes that the dissector made itself.
enum wechat_item_kind
#ifdef __cplusplus
  : uint8_t
#endif // __cplusplus
 {
  // A field whose value the host reads from the bytes named.
  WECHAT_ITEM_KIND_WIRE = 1,
  // A field whose value is in `value`, and stands in no byte as such.
  WECHAT_ITEM_KIND_GENERATED = 2,
  // A text field whose value is the item's text, made by the dissector.
  WECHAT_ITEM_KIND_TEXT = 3,
  // As [`ItemKind::Wire`], and the items behind it that are one deeper are its children.
  WECHAT_ITEM_KIND_SUBTREE = 4,
  // A note: `field` indexes the note table, the bytes named are the ones to blame.
  WECHAT_ITEM_KIND_NOTE = 5,
  // A field whose value is in `value`, read from the bytes named in a way the host cannot (a varint). It may
  // have children, as a subtree.
  WECHAT_ITEM_KIND_DECODED = 7,
  // As [`ItemKind::Text`], read from the bytes named in a way the host cannot (escapes).
  WECHAT_ITEM_KIND_DECODED_TEXT = 8,
};
#ifndef __cplusplus
typedef uint8_t wechat_item_kind;
#endif // __cplusplus

// How a node changes.
enum wechat_tick_kind
#ifdef __cplusplus
  : uint8_t
#endif // __cplusplus
 {
  // The amount is added to the count.
  WECHAT_TICK_KIND_COUNT = 0,
  // The amount is a value: the node shows the average, the least and the most.
  WECHAT_TICK_KIND_AVERAGE = 1,
  // As that, and each range of the node shows the same of its values.
  WECHAT_TICK_KIND_RANGE = 2,
};
#ifndef __cplusplus
typedef uint8_t wechat_tick_kind;
#endif // __cplusplus

// What of a report is asked for. What is not wanted is not computed.
typedef struct Wanted Wanted;

// What the user has set. Made by `wechat_config_new`, freed by `wechat_config_free`.
typedef struct wechat_config wechat_config;

// The state of one capture.
//
// The sequence of calls: `wechat_abi_version`, and go on only if it is `WECHAT_ABI_VERSION`. Then
// `wechat_registry_new` once, and register what `wechat_tables_get` says. For each capture `wechat_config_new`, the
// preferences into it, `wechat_dissector_new` with it, `wechat_config_free`. For each segment
// `wechat_claim`, where others may want it too, and `wechat_dissect` until all its bytes are consumed
// or more are needed. Around each call of HTTP's dissector `wechat_web_begin`, and if that finds a message
// `wechat_web_place` for each body that is passed on, `wechat_web_take` behind it and `wechat_web_message` for
// each message. At the end of the capture `wechat_dissector_free`. A handle is used by one thread at a time.
typedef struct wechat_dissector wechat_dissector;

// Writes records as lines. Made by `wechat_lines_new`, freed by `wechat_lines_free`.
typedef struct wechat_lines wechat_lines;

// What the tables are made of. Made by `wechat_registry_new`, freed by `wechat_registry_free`, and not before
// the host has stopped looking at what it registered.
typedef struct wechat_registry wechat_registry;

// A name for a value.
typedef struct wechat_value {
  // The value.
  uint32_t value;
  // Its name.
  const char *name;
} wechat_value;

// A field: a row to register with the host.
typedef struct wechat_field {
  // Name in display filters.
  const char *filter;
  // Name in the packet tree; of a protocol also the Protocol column.
  const char *label;
  // One sentence of help; of a protocol its long name.
  const char *help;
  // Names of values, `value_count` of them.
  const struct wechat_value *values;
  // Number of `values`.
  size_t value_count;
  // The bits that count of the bytes read; 0 for all.
  uint64_t mask;
  // Type of the value.
  wechat_type kind;
  // How a number is written.
  wechat_base base;
  // Of a masked boolean, the number of bits it is cut from; else 0.
  uint8_t bits;
} wechat_field;

// A note (expert info): a row to register with the host.
typedef struct wechat_note {
  // Name in display filters.
  const char *filter;
  // What is wrong, without the numbers.
  const char *summary;
  // What it is about.
  wechat_group group;
  // How bad it is.
  wechat_severity severity;
  // The field that is its protocol.
  uint16_t protocol;
} wechat_note;

// A choice of a preference, or a column of its table.
typedef struct wechat_part {
  // Name on the command line; of a column its heading.
  const char *name;
  // Words in the dialog.
  const char *help;
} wechat_part;

// A preference: a row to register with the host.
typedef struct wechat_preference {
  // Name behind the protocol's and a dot; of a table also part of its file's name.
  const char *name;
  // Title in the dialog.
  const char *title;
  // Help in the dialog.
  const char *help;
  // Default of ports, such as "80,8080"; else empty.
  const char *ports;
  // Choices, or columns of a table, `part_count` of them.
  const struct wechat_part *parts;
  // Number of `parts`.
  size_t part_count;
  // Default of a yes/no, a number or a choice.
  uint32_t number;
  // What it holds.
  wechat_preference_type kind;
} wechat_preference;

// A node of the tree of counters: a row to create.
typedef struct wechat_node {
  // What is counted; no two nodes share a name.
  const char *name;
  // Name of the node that it is a part of, which stands before it; NULL at the top.
  const char *parent;
  // Ranges into which its values fall, `range_count` of them: `10-19`, the last one `20-`.
  const char *const *ranges;
  // Number of `ranges`.
  size_t range_count;
} wechat_node;

// Everything to register. The rows live as long as the library.
typedef struct wechat_tables {
  // Fields; an item names one by its index. A field that is a protocol begins that protocol's fields;
  // the first is the long link.
  const struct wechat_field *fields;
  // Number of `fields`.
  size_t field_count;
  // Notes; a note item names one by its index.
  const struct wechat_note *notes;
  // Number of `notes`.
  size_t note_count;
  // Preferences; the functions of `wechat_config` name one by its index.
  const struct wechat_preference *preferences;
  // Number of `preferences`.
  size_t preference_count;
  // Name of the table in which other dissectors register for the body of an operation.
  const char *body_table;
  // Its title.
  const char *body_title;
  // Rows that a table by operation needs; `wechat_record.row` is below it.
  uint32_t operation_rows;
  // Heading of their names.
  const char *operation_column;
  // Nodes of the tree of counters; a tick names one by its index.
  const struct wechat_node *nodes;
  // Number of `nodes`.
  size_t node_count;
  // Names of the rows of the table of delivery; a sample names one by its index.
  const char *const *sync_rows;
  // Number of `sync_rows`.
  size_t sync_row_count;
  // Its headings: name, how many, and smallest, average and largest delay in seconds.
  const char *sync_columns[5];
  // Titles of the filters for a packet; `wechat_packet_filter` names one by its index.
  const char *const *packet_filters;
  // Number of `packet_filters`.
  size_t packet_filter_count;
  // Title of the response times by operation.
  const char *srt_title;
  // Title of the tree of counters.
  const char *tree_title;
  // Title of the table of delivery.
  const char *sync_title;
  // The word that asks for it, behind the protocol's name and a comma.
  const char *sync_command;
  // Title of the frames as lines.
  const char *frames_title;
  // The word that asks for them.
  const char *frames_command;
  // Title of the flow graph.
  const char *flow_title;
  // The field that is the web client.
  uint16_t web_protocol;
  // Media types of bodies that may be the web client's, `media_type_count` of them.
  const char *const *media_types;
  // Number of `media_types`.
  size_t media_type_count;
  // Nodes of the web client's tree of counters; a tick of `wechat_web_record` names one by its index.
  const struct wechat_node *web_nodes;
  // Number of `web_nodes`.
  size_t web_node_count;
  // Its title.
  const char *web_tree_title;
} wechat_tables;

// What comes in: bytes of a stream, and where they are from. The caller keeps it.
typedef struct wechat_segment {
  // Captured bytes, from a place in the stream to the end of what the carrier has put together.
  // May be NULL when `captured` is 0.
  const uint8_t *data;
  // Number of bytes at `data`.
  size_t captured;
  // The same on the wire: larger than `captured` when the capture cut bytes off.
  size_t reported;
  // When the packet was captured: seconds since 1970.
  int64_t seconds;
  // And nanoseconds.
  int32_t nanoseconds;
  // The packet's number in the capture. It never falls from one first visit to the next.
  uint32_t packet;
  // The stream's number, unique in the capture.
  uint32_t stream;
  // The same as the host shows it; it need not be unique.
  uint32_t shown_stream;
  // Position of the first byte in the stream, or a number that tells this place from the others
  // of the packet and is the same at each visit.
  uint32_t position;
  // Address of the sender, `src_length` bytes; may be NULL when that is 0.
  const uint8_t *src_address;
  // Address of the receiver, `dst_length` bytes; may be NULL when that is 0.
  const uint8_t *dst_address;
  // Number of bytes at `src_address`.
  uint16_t src_length;
  // Number of bytes at `dst_address`.
  uint16_t dst_length;
  // Port of the sender.
  uint16_t src_port;
  // Port of the receiver.
  uint16_t dst_port;
  // Port of the side that was connected to, where the carrier knows it; else 0.
  uint16_t server_port;
  // Bits of `WECHAT_FIRST_VISIT` and the ones behind it; others are ignored.
  uint32_t flags;
  // Bits of `WECHAT_WANT_INFO` and the ones behind it; what is not wanted is not computed.
  uint32_t wanted;
  // The fields whose items are wanted: a bit for each, that of field 0 the lowest of the first word, in as
  // many words as `field_count` needs. NULL for all of them. Field 0 and notes are there in any case.
  const uint64_t *fields;
} wechat_segment;

// One line of the packet tree.
typedef struct wechat_item {
  // The number of a field; of a note, the number of a note.
  uint16_t field;
  // One of the item kinds.
  uint8_t kind;
  // 0 at the top; an item is a child of the nearest subtree above it that is one less deep.
  uint8_t depth;
  // First byte, from the start of the PDU.
  uint32_t offset;
  // Number of bytes. All of them were captured, so that the host can read them unchecked.
  uint32_t length;
  // Offset of the item's text in the report's texts; 0 for none. It stands behind the value, but
  // is the value itself of a text item, stands for the bytes of a subtree of bytes, and is the
  // message of a note.
  uint32_t text;
  // Value of a generated or decoded item: a number, nanoseconds, or a packet number.
  uint64_t value;
} wechat_item;

// A frame, as listeners of the tap "wechat" get it. One call hands over the frames of one dissection:
// the first of them, and the others by `next`. All of it is the packet's, and goes with it. Times are
// in nanoseconds, lengths in bytes; a text is at `texts` plus its offset, NUL-terminated UTF-8 without
// control characters, and empty where there is nothing to say.
typedef struct wechat_record {
  // Bytes of this structure.
  uint32_t size;
  // `WECHAT_RECORD_VERSION`.
  uint32_t version;
  // The next frame, or NULL. The shim sets it.
  const struct wechat_record *next;
  // The texts, `text_length` bytes.
  const char *texts;
  // When the packet was captured, since 1970.
  int64_t time;
  // Since the partner, if `flags` has `WECHAT_RECORD_RESPONDS` or `WECHAT_RECORD_ACKNOWLEDGES`.
  int64_t elapsed;
  // Since the stream's heartbeat before, if `flags` has `WECHAT_RECORD_INTERVAL`.
  int64_t heartbeat_interval;
  // From the first notice until the message is there, if `delivery` is 2.
  int64_t delivery_time;
  // Since the send, if `flags` has `WECHAT_RECORD_NEWS`.
  int64_t news_time;
  // Bytes at `texts`.
  uint32_t text_length;
  // Number of the packet in which the frame became whole.
  uint32_t packet;
  // Number of the stream, `wechat.stream`.
  uint32_t stream;
  // Operation as on the wire.
  uint32_t operation;
  // The same; of a response, its request's.
  uint32_t base;
  // Seqid.
  uint32_t seq;
  // Length of the frame, as its header says.
  uint32_t packet_len;
  // Its length as found: the same, unless that is wrong.
  uint32_t length;
  // Length of the body.
  uint32_t body_len;
  // The packet with the other frame of the pair, or 0. Of a request or a push it lies ahead, and is
  // known on later visits.
  uint32_t partner;
  // Of an acknowledgement, how many pushes it stands for.
  uint32_t acknowledged;
  // Row of the operation: below `operation_rows` of `wechat_tables`.
  uint32_t row;
  // By how much this frame changes the number of requests that wait for their response.
  int32_t waiting_requests;
  // By how much it changes the number of pushes that wait for their acknowledgement.
  int32_t waiting_pushes;
  // Bits of `WECHAT_RECORD_LATER` and the ones behind it.
  uint32_t flags;
  // Offset of the operation's name, `wechat.op.name`.
  uint32_t name;
  // Offset of the name of `row`, with the operation's number.
  uint32_t row_name;
  // Offset of the words in the Info column.
  uint32_t info;
  // Offset of the filter names of the notes on this frame, apart by commas.
  uint32_t notes;
  // Length of the header.
  uint16_t head_len;
  // Kind of frame, in the order of `wechat.kind`'s words: 0 unknown, 1 request, 2 response, 3 push,
  // 4 push acknowledgement, 5 one-way, 6 heartbeat request, 7 heartbeat response.
  uint8_t kind;
  // Who sent it: `WECHAT_SENDER_UNKNOWN` and the ones behind it, the values of `wechat.direction`.
  uint8_t sender;
  // How news comes in it: 0 none, 1 push, 2 notice and sync.
  uint8_t delivery;
} wechat_record;

// What comes out: what one PDU looks like. It points into the handle and is valid until the next
// call with it.
typedef struct wechat_report {
  // What became of the segment.
  enum wechat_verdict verdict;
  // Bytes consumed or needed.
  uint32_t length;
  // The items, in tree order.
  const struct wechat_item *items;
  // Number of `items`.
  size_t item_count;
  // The texts; an item's is at `texts + item.text`, NUL-terminated UTF-8 without control
  // characters. `texts` itself is an empty text.
  const char *texts;
  // The words for the Info column, a text; 0 for none.
  uint32_t info;
  // The operation by which other dissectors may take the body.
  uint32_t body_operation;
  // Where the body starts, from the start of the PDU.
  uint32_t body_offset;
  // How many bytes of it were captured; 0 when there is no body to offer.
  uint32_t body_captured;
  // How many bytes it has on the wire.
  uint32_t body_length;
  // What taps are told; NULL when that is not wanted, or the PDU is no frame. A tap outlives the report:
  // copy the record, and the texts that it points to.
  const struct wechat_record *record;
} wechat_report;

// A change of one node of the web client's tree.
typedef struct wechat_web_tick {
  // NULL, or the name of the part of the node that changes; it lives as long as the library.
  const char *name;
  // What is counted, or a value.
  int32_t amount;
  // Place of the node.
  uint16_t node;
  // One of the tick kinds.
  uint8_t how;
} wechat_web_tick;

// What the tap "wechat_web" is told of a message: what it changes in the tree of counters.
typedef struct wechat_web_record {
  // The next message of the packet, or NULL. The shim sets it.
  const struct wechat_web_record *next;
  // Number of `ticks`.
  uint32_t count;
  // The changes.
  struct wechat_web_tick ticks[WECHAT_MOST_WEB_TICKS];
} wechat_web_record;

// A message of the web client: what it looks like. It points into the handle and is valid until the next
// call with it.
typedef struct wechat_web_report {
  // Where the head of the message begins in the segment.
  uint32_t offset;
  // Its length; 0 when the message is not the web client's.
  uint32_t length;
  // The items, in tree order. One that begins behind the bytes of HTTP's dissector, `captured` of the
  // segment, lies in the body, so many bytes from its start.
  const struct wechat_item *items;
  // Number of `items`.
  size_t item_count;
  // The texts, as `wechat_report` has them.
  const char *texts;
  // The words for the Info column, a text; 0 for none.
  uint32_t info;
  // What taps are told; NULL when that is not wanted. A tap outlives the report: copy it.
  const struct wechat_web_record *record;
} wechat_web_report;

// A change of one node.
typedef struct wechat_tick {
  // What is counted, or a value.
  int32_t amount;
  // Place of the node.
  uint16_t node;
  // One of the tick kinds.
  uint8_t how;
  // Not 0: it is not the node itself that changes, but its part with the name of the record's row.
  uint8_t named;
} wechat_tick;

// One more of a row of the table of delivery.
typedef struct wechat_sample {
  // Its delay in nanoseconds.
  int64_t delay;
  // Place of the row.
  uint16_t row;
  // Not 0: it has a delay.
  uint8_t delayed;
} wechat_sample;



#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library was built with; compare it with
// `WECHAT_ABI_VERSION` before anything else.
uint32_t wechat_abi_version(void);

// All that there is to register. Free it with `wechat_registry_free`. NULL when the library failed.
struct wechat_registry *wechat_registry_new(void);

// Frees a registry, and with it its tables; NULL is fine.
void wechat_registry_free(struct wechat_registry *registry);

// What to register with the host; it lives as long as the registry. NULL for NULL.
const struct wechat_tables *wechat_tables_get(const struct wechat_registry *registry);

// A configuration with the defaults. Free it with `wechat_config_free`. NULL when the library failed.
struct wechat_config *wechat_config_new(void);

// Frees a configuration; NULL is fine.
void wechat_config_free(struct wechat_config *config);

// Sets a yes/no, a number or a choice.
enum wechat_result wechat_config_set_number(struct wechat_config *config,
                                            uint16_t preference,
                                            uint32_t value);

// Sets ports from a range such as "80,8080-8090".
//
// # Safety
// `range` is NULL or a NUL-terminated text.
enum wechat_result wechat_config_set_ports(struct wechat_config *config,
                                           uint16_t preference,
                                           const char *range);

// Adds a row to a table preference. `cells` has as many texts as the table has columns.
//
// # Safety
// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated.
enum wechat_result wechat_config_add_row(struct wechat_config *config,
                                         uint16_t preference,
                                         const char *const *cells,
                                         size_t count);

// Checks a row of a table preference. When it is refused (`WECHAT_RESULT_INVALID`), `message` holds a
// sentence for the user, NUL-terminated and cut to `size` bytes.
//
// # Safety
// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated; `message` is NULL or has
// room for `size` bytes.
enum wechat_result wechat_row_check(uint16_t preference,
                                    const char *const *cells,
                                    size_t count,
                                    char *message,
                                    size_t size);

// A handle for one capture, with a copy of `config`, or with the defaults when that is NULL. Free it
// with `wechat_dissector_free`. NULL when the library failed.
struct wechat_dissector *wechat_dissector_new(const struct wechat_config *config);

// Frees a handle and all reports with it; NULL is fine.
void wechat_dissector_free(struct wechat_dissector *dissector);

// Deals with the PDU at the start of `segment`, which needs `WECHAT_STREAM`. On `WECHAT_RESULT_FAILED` the
// report has consumed the whole segment and says so in a note.
//
// # Safety
// `segment.data`, `segment.src_address` and `segment.dst_address` point to as many bytes as the segment
// says, or that is 0; `segment.fields` is NULL or points to as many words as it says. `report` may be
// uninitialised.
enum wechat_result wechat_dissect(struct wechat_dissector *dissector,
                                  const struct wechat_segment *segment,
                                  struct wechat_report *report);

// Whether a segment on a port that other protocols use too is WeChat's: 1 or 0. Call it for every
// segment of such a stream, in order, and hand over to `wechat_dissect` what is. Also 0 when an
// argument is NULL or makes no sense.
//
// # Safety
// As for `wechat_dissect`.
int wechat_claim(struct wechat_dissector *dissector, const struct wechat_segment *segment);

// Whether the bytes of `segment` begin with a call of the web client: 1 or 0. For streams of which nobody
// knows that they carry HTTP.
//
// # Safety
// As for `wechat_dissect`.
int wechat_web_claim(const struct wechat_segment *segment);

// HTTP's dissector is about to get the bytes of `segment`. Returns how many messages begin in them, which
// may be anybody's; with 0, nothing else is to be done.
//
// # Safety
// As for `wechat_dissect`.
size_t wechat_web_begin(struct wechat_dissector *dissector, const struct wechat_segment *segment);

// HTTP's dissector, which was given the bytes of `segment`, passes on a body of `length` bytes: as it lies at
// `offset` of them or, where it was in chunks or compressed, with `SIZE_MAX` in place of that. Its media type is
// `media`, NULL when nobody knows. Returns the index of the message to which the body belongs, or -1.
//
// # Safety
// As for `wechat_dissect`; `media` is NULL or a NUL-terminated text.
int32_t wechat_web_place(struct wechat_dissector *dissector,
                         const struct wechat_segment *segment,
                         size_t offset,
                         size_t length,
                         const char *media);

// HTTP's dissector has returned, and has dealt with the first `taken` bytes of `segment`; the rest it wants
// to see again. Returns how many messages are now to be given to `wechat_web_message`.
//
// # Safety
// As for `wechat_dissect`.
size_t wechat_web_take(struct wechat_dissector *dissector,
                       const struct wechat_segment *segment,
                       size_t taken);

// Deals with message `index` of `segment`, whose body HTTP's dissector has passed on as `captured` bytes at
// `body`. On `WECHAT_RESULT_FAILED` the report says so in a note.
//
// # Safety
// As for `wechat_dissect`; `body` points to `captured` bytes, or that is 0. `report` may be uninitialised.
enum wechat_result wechat_web_message(struct wechat_dissector *dissector,
                                      const struct wechat_segment *segment,
                                      size_t index,
                                      const uint8_t *body,
                                      size_t captured,
                                      struct wechat_web_report *report);

// What a record changes in the tree of counters. Writes at most `room` ticks, of which there are never
// more than `WECHAT_MOST_TICKS`, and returns how many.
//
// # Safety
// `ticks` is NULL or has room for `room` of them.
size_t wechat_tree_ticks(const struct wechat_record *record, struct wechat_tick *ticks, size_t room);

// What a record adds to the table of delivery. Writes at most `room` samples, of which there are never
// more than `WECHAT_MOST_SAMPLES`, and returns how many.
//
// # Safety
// `samples` is NULL or has room for `room` of them.
size_t wechat_delivery_samples(const struct wechat_record *record,
                               struct wechat_sample *samples,
                               size_t room);

// A writer of lines, as the words behind the command say: nothing or ",json", and behind that a comma
// and a display filter. `filter` is set to where that begins in `words`, or to NULL. NULL when an
// argument is NULL, or `words` is no UTF-8.
//
// # Safety
// `words` is NULL or a NUL-terminated text; `filter` is NULL or may be written.
struct wechat_lines *wechat_lines_new(const char *words, const char **filter);

// Frees a writer and its lines; NULL is fine.
void wechat_lines_free(struct wechat_lines *lines);

// The line of a record with its newline, or the headings for NULL: a NUL-terminated text, empty where
// there is nothing to write, and valid until the next call. NULL when `lines` is NULL.
//
// # Safety
// The record's `texts` point to as many bytes as it says.
const char *wechat_lines_write(struct wechat_lines *lines, const struct wechat_record *record);

// A display filter of the table `packet_filters` for the packet that `segment` names by its packet,
// stream and shown stream. As `snprintf`: `text` gets it NUL-terminated and cut to `size` bytes, and
// the result is its length; 0 when there is no such filter for this packet.
//
// # Safety
// `text` is NULL or has room for `size` bytes.
size_t wechat_packet_filter(const struct wechat_dissector *dissector,
                            size_t filter,
                            const struct wechat_segment *segment,
                            char *text,
                            size_t size);

// A display filter for a stream as the host shows it; as `wechat_packet_filter`.
//
// # Safety
// `text` is NULL or has room for `size` bytes.
size_t wechat_stream_filter(uint32_t stream, char *text, size_t size);

// A display filter for the packets between the two ends that `segment` names by addresses and ports;
// as `wechat_packet_filter`.
//
// # Safety
// As for `wechat_dissect`; `text` is NULL or has room for `size` bytes.
size_t wechat_ends_filter(const struct wechat_segment *segment, char *text, size_t size);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WECHAT_DISSECTOR_H */
