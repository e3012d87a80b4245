/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wechat_dissector.h - the C interface of the dissector of WeChat's protocols.
 * Made from src/ffi/; `cargo xtask header` makes it anew.
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
#define WECHAT_ABI_VERSION 9

// Version of `wechat_record`.
#define WECHAT_RECORD_VERSION 3

// Most values that a record of any protocol has.
#define WECHAT_MOST_VALUES 48

// Most bytes of an address in a record.
#define WECHAT_MOST_ADDRESS 16

// Most ticks that one record has.
#define WECHAT_MOST_TICKS 160

// Most samples that one record has.
#define WECHAT_MOST_SAMPLES 8

// Bit of `wechat_segment.flags`: the packet has never been dissected before. State changes only then.
#define WECHAT_FIRST_VISIT 1

// Bit of `wechat_segment.flags`: the carrier can wait for more bytes.
#define WECHAT_MORE (1 << 1)

// Bit of `wechat_segment.flags`: `position` counts the bytes of the stream (TCP sequence numbers).
#define WECHAT_COUNTED (1 << 2)

// Bit of `wechat_segment.flags`: the sender is the second of the stream's two ends. Which one is
// called second does not matter, as long as it stays the same.
#define WECHAT_SIDE (1 << 3)

// Bit of `wechat_segment.flags`: `stream` is set. Without it the stream is known by its two ends, until the host
// has a number for it; then both mean the same.
#define WECHAT_STREAM (1 << 4)

// Bit of `wechat_segment.flags`: the capture holds the beginning of the stream.
#define WECHAT_BEGAN (1 << 5)

// Bit of `wechat_segment.flags`: no port of the stream was given to WeChat.
#define WECHAT_ANY_PORT (1 << 6)

// Bit of `wechat_segment.flags`: the bytes are from inside another protocol of ours: a `wechat_hand_off` with this bit
// says whose and where.
#define WECHAT_INSIDE (1 << 7)

// Bit of `wechat_segment.wanted`: the words for the Info column.
#define WECHAT_WANT_INFO 1

// Bit of `wechat_segment.wanted`: the items.
#define WECHAT_WANT_ITEMS (1 << 1)

// Bit of `wechat_segment.wanted`: the items' texts.
#define WECHAT_WANT_LABELS (1 << 2)

// Bit of `wechat_segment.wanted`: the record for taps.
#define WECHAT_WANT_RECORD (1 << 3)

// Bit of `wechat_segment.wanted`: the hand-offs.
#define WECHAT_WANT_INSIDE (1 << 4)

// Bit of `wechat_segment.wanted`: the objects.
#define WECHAT_WANT_OBJECTS (1 << 5)

// Words in which `wechat_segment.fields` has a bit for each field of a protocol.
#define WECHAT_FIELD_WORDS 4

// Bits of a field's or a note's number that are the place of its row in a table; those above are the place of the
// protocol whose table that is.
#define WECHAT_ROW_BITS 12

// Most protocols there may be.
#define WECHAT_MOST_PROTOCOLS 8

// Most media types of HTTP's bodies that may be ours.
#define WECHAT_MOST_MEDIA_TYPES 16

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

// What a value is.
typedef enum wechat_value_kind {
  // A number.
  WECHAT_VALUE_KIND_NUMBER,
  // A number that may be below zero.
  WECHAT_VALUE_KIND_SIGNED,
  // Nanoseconds between two packets.
  WECHAT_VALUE_KIND_DURATION,
  // A yes; there is no value where it is none.
  WECHAT_VALUE_KIND_MARK,
  // A text: where it begins in the record's texts.
  WECHAT_VALUE_KIND_TEXT,
} wechat_value_kind;

// Who said something.
typedef enum wechat_side {
  // Nobody knows.
  WECHAT_SIDE_UNKNOWN = 0,
  // The client.
  WECHAT_SIDE_CLIENT = 1,
  // The server.
  WECHAT_SIDE_SERVER = 2,
} wechat_side;

// Type of a field's value; what it is called in Wireshark.
typedef enum wechat_type {
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
} wechat_type;

// How a number is written.
typedef enum wechat_base {
  // As the type wants it.
  WECHAT_BASE_NATURAL,
  // Decimal.
  WECHAT_BASE_DEC,
  // Hexadecimal.
  WECHAT_BASE_HEX,
  // Decimal, then hexadecimal in brackets.
  WECHAT_BASE_DEC_HEX,
} wechat_base;

// What a note is about; the expert-info group.
typedef enum wechat_group {
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
} wechat_group;

// How bad a note is.
typedef enum wechat_severity {
  // Part of the ordinary course.
  WECHAT_SEVERITY_CHAT,
  // Worth a look.
  WECHAT_SEVERITY_NOTE,
  // Unusual.
  WECHAT_SEVERITY_WARNING,
  // Wrong.
  WECHAT_SEVERITY_ERROR,
} wechat_severity;

// What a preference holds.
typedef enum wechat_preference_type {
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
  // A text, at first empty.
  WECHAT_PREFERENCE_TYPE_TEXT,
  // Name of a file that is read, at first empty; it is set as a text.
  WECHAT_PREFERENCE_TYPE_FILE,
} wechat_preference_type;

// What an item is. The set is closed.
typedef enum wechat_item_kind {
  // A field whose value the host reads from the bytes named.
  WECHAT_ITEM_KIND_WIRE = 1,
  // A field whose value is in `value`, and stands in no byte as such.
  WECHAT_ITEM_KIND_GENERATED = 2,
  // A text field whose value is the item's text, made by the dissector.
  WECHAT_ITEM_KIND_TEXT = 3,
  // As wire, and the items behind it that are one deeper are its children.
  WECHAT_ITEM_KIND_SUBTREE = 4,
  // A note: `field` names a note, the bytes named are the ones to blame.
  WECHAT_ITEM_KIND_NOTE = 5,
  // A field whose bytes were made into others: its children lie in the source `value`.
  WECHAT_ITEM_KIND_DERIVED = 6,
  // A field whose value is in `value`, read from the bytes named in a way the host cannot (a varint). It may
  // have children, as a subtree.
  WECHAT_ITEM_KIND_DECODED = 7,
  // As text, read from the bytes named in a way the host cannot (escapes).
  WECHAT_ITEM_KIND_DECODED_TEXT = 8,
} wechat_item_kind;

// How a node changes.
typedef enum wechat_tick_kind {
  // The amount is added to the count.
  WECHAT_TICK_KIND_COUNT = 0,
  // The amount is a value: the node shows the average, the least and the most.
  WECHAT_TICK_KIND_AVERAGE = 1,
  // As that, and each range of the node shows the same of its values.
  WECHAT_TICK_KIND_RANGE = 2,
} wechat_tick_kind;

// What the user has set. Made by `wechat_config_new`, freed by `wechat_config_free`.
typedef struct wechat_config wechat_config;

// The state of one capture.
//
// The sequence of calls: `wechat_abi_version`, and go on only if it is `WECHAT_ABI_VERSION`. Then
// `wechat_registry_new` once, and register what `wechat_tables_get` says. For each capture `wechat_config_new`, the
// preferences into it, `wechat_dissector_new` with it, `wechat_config_free`. For each segment
// `wechat_claim`, where others may want it too, `wechat_begun`, and `wechat_dissect` until all its bytes are
// consumed or more are needed. Around each call of HTTP's dissector `wechat_http_begin`, and if that finds a message
// `wechat_http_speaks`, `wechat_http_place` for each body that is passed on, `wechat_http_end` behind it and
// `wechat_http_message` for each message. At the end of the capture `wechat_dissector_free`. A handle is used by one
// thread at a time.
typedef struct wechat_dissector wechat_dissector;

// Writes records as lines. Made by `wechat_lines_new`, freed by `wechat_lines_free`.
typedef struct wechat_lines wechat_lines;

// What the tables are made of. Made by `wechat_registry_new`, freed by `wechat_registry_free`, and not before
// the host has stopped looking at what it registered.
typedef struct wechat_registry wechat_registry;

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
  // The fields whose items are wanted: a bit for each, that of row 0 the lowest of the first word; first
  // `WECHAT_FIELD_WORDS` words for the fields of protocol 0, which all share, then as many for those of the
  // segment's protocol. NULL for all of them. A protocol's own field and notes are there in any case.
  const uint64_t *fields;
  // The protocol whose the bytes are, by its place among the protocols.
  uint16_t protocol;
} wechat_segment;

// One line of the packet tree.
typedef struct wechat_item {
  // Value of a generated or decoded item: a number, nanoseconds, or a packet number; of a derived one, a source.
  uint64_t value;
  // First byte, from the start of the source; in source 0, from the start of the PDU.
  uint32_t offset;
  // Number of bytes. All of them were captured, so that the host can read them unchecked.
  uint32_t length;
  // Offset of the item's text in the report's texts; 0 for none. It stands behind the value, but
  // is the value itself of a text item, stands for the bytes of a subtree of bytes, and is the
  // message of a note.
  uint32_t text;
  // The number of a field; of a note, the number of a note.
  uint16_t field;
  // The source in which it lies.
  uint16_t source;
  // One of the item kinds.
  uint8_t kind;
  // 0 at the top; an item is a child of the nearest subtree above it that is one less deep.
  uint8_t depth;
} wechat_item;

// Bytes in which items lie. Source 0 are the bytes that came in, 1 of a message those of its body; those
// behind them the dissector made.
typedef struct wechat_source {
  // The bytes that the dissector made; NULL where the host has them.
  const uint8_t *data;
  // How many there are.
  uint32_t captured;
  // What they are called, a text.
  uint32_t name;
} wechat_source;

// Bytes that are for somebody else: whoever registered for `key` in table `table`, or else that table's heuristics,
// or else its fallback. When the host has drawn the items, it calls them. If that is a protocol of ours, its segment
// has the stream, the position and the flags that stand here.
typedef struct wechat_hand_off {
  // First byte, from the start of the source; in source 0, from the start of the PDU.
  uint32_t offset;
  // How many bytes were captured; at least one.
  uint32_t captured;
  // How many there are, captured or not.
  uint32_t length;
  // Key in the table.
  uint32_t key;
  // Number of the inner stream, unique in the capture.
  uint32_t stream;
  // The same as the host is to show it.
  uint32_t shown_stream;
  // Position of the first byte in the inner stream.
  uint32_t position;
  // Bits of `wechat_segment.flags`: `WECHAT_INSIDE` if the bytes are for a protocol of ours, and then perhaps
  // `WECHAT_SIDE` and `WECHAT_COUNTED`.
  uint32_t flags;
  // What the table's fallback is told of them, a text; 0 for nothing.
  uint32_t words;
  // The item that is not to be shown if somebody takes the bytes: its place in the report's items plus 1; 0 for none.
  uint32_t instead;
  // The source.
  uint16_t source;
  // The table: by its place among those that a protocol offers, and that protocol's.
  uint16_t table;
} wechat_hand_off;

// Bytes that a user may export, all of them captured.
typedef struct wechat_object {
  // First byte, from the start of the source; in source 0, from the start of the PDU.
  uint32_t offset;
  // How many there are.
  uint32_t length;
  // What its file is called in its packet, a text.
  uint32_t name;
  // What sort of bytes they are, a text.
  uint32_t kind;
  // The source.
  uint16_t source;
} wechat_object;

// A value of a protocol's records.
typedef struct wechat_value_row {
  // By which it is found.
  const char *name;
  // What it is.
  enum wechat_value_kind kind;
} wechat_value_row;

// One end of a stream.
typedef struct wechat_end {
  // Address, `length` bytes.
  uint8_t address[WECHAT_MOST_ADDRESS];
  // Port.
  uint16_t port;
  // Bytes of `address`; 0 where nobody knows it.
  uint8_t length;
} wechat_end;

// A PDU, as listeners of a protocol's tap get it, which has the protocol's name. One call hands over those of one
// dissection: the first of them, and the others by `next`. All of it is the packet's, and goes with it.
//
// Behind the head come the values that `rows` names, each in its place there, where bit `place` of `present` is set.
// Times between packets are in nanoseconds, negative where a clock was set back, lengths in bytes. The value of a
// text is its offset in `texts`, where it is NUL-terminated UTF-8 without control characters; that at 0 is empty.
typedef struct wechat_record {
  // `WECHAT_RECORD_VERSION`.
  uint32_t version;
  // Bytes of this structure, as many values as there are counted.
  uint32_t size;
  // The next one, or NULL. The shim sets it.
  const struct wechat_record *next;
  // The texts, `text_length` bytes.
  const char *texts;
  // What the values are called, `value_count` rows, which are there as long as the library is.
  const struct wechat_value_row *rows;
  // The bytes that the PDU is told by where words are not enough, `byte_count` of them; NULL where there are none.
  const uint8_t *bytes;
  // When the packet was captured: seconds since 1970.
  int64_t seconds;
  // A bit for each value that there is.
  uint64_t present;
  // And nanoseconds.
  uint32_t nanoseconds;
  // Bytes at `texts`.
  uint32_t text_length;
  // Bytes at `bytes`.
  uint32_t byte_count;
  // Number of the packet in which the PDU became whole.
  uint32_t packet;
  // Number of the stream, as the host shows it.
  uint32_t stream;
  // The protocol, by its place among the protocols.
  uint16_t protocol;
  // How many values the protocol has.
  uint16_t value_count;
  // Who sent the packet.
  struct wechat_end src;
  // And to whom.
  struct wechat_end dst;
  // The values, `value_count` of them.
  uint64_t values[WECHAT_MOST_VALUES];
} wechat_record;

// What comes out: what one PDU looks like. It points into the handle and is valid until the next
// call with it.
typedef struct wechat_report {
  // What became of the segment.
  enum wechat_verdict verdict;
  // Bytes consumed or needed; of a message, those of its head, and 0 when it is nobody's of ours.
  uint32_t length;
  // Of a message, where its head begins in the segment; else 0.
  uint32_t offset;
  // The words for the Info column, a text; 0 for none.
  uint32_t info;
  // The items, in tree order.
  const struct wechat_item *items;
  // Number of `items`.
  size_t item_count;
  // The texts; an item's is at `texts + item.text`, NUL-terminated UTF-8 without control
  // characters. `texts` itself is an empty text.
  const char *texts;
  // The sources in which items lie.
  const struct wechat_source *sources;
  // Number of `sources`.
  size_t source_count;
  // What is for others, in the order in which they are to be called. Whoever is called may call the library
  // again, which takes the report away: copy these, and the sources that they name.
  const struct wechat_hand_off *hand_offs;
  // Number of `hand_offs`.
  size_t hand_off_count;
  // What may be exported.
  const struct wechat_object *objects;
  // Number of `objects`.
  size_t object_count;
  // What taps are told; NULL when that is not wanted, or the PDU is nothing that they are told of. A tap
  // outlives the report: copy `size` bytes of the record, and its texts.
  const struct wechat_record *record;
  // The protocol whose report it is.
  uint16_t protocol;
} wechat_report;

// A change of one node of a tree of counters.
typedef struct wechat_tick {
  // NULL, or the name of the part of the node that changes; it lives as long as the record.
  const char *part;
  // What is counted, or a value.
  int32_t amount;
  // Place of the node.
  uint16_t node;
  // One of the tick kinds.
  uint8_t how;
} wechat_tick;

// One more of a row of a table of delays.
typedef struct wechat_sample {
  // Its delay in nanoseconds.
  int64_t delay;
  // Place of the row.
  uint16_t row;
  // Not 0: it has a delay.
  uint8_t delayed;
} wechat_sample;

// A response, as a table of response times takes it.
typedef struct wechat_response {
  // The row's name; it lives as long as the record.
  const char *name;
  // Nanoseconds since the request.
  int64_t elapsed;
  // Place of the row, below `response_rows`.
  uint32_t row;
} wechat_response;

// A record in words. The texts live as long as the record.
typedef struct wechat_sentence {
  // One line.
  const char *line;
  // A name that many share.
  const char *label;
  // Who said it.
  enum wechat_side side;
  // Whether a dialogue has the record's bytes, of which there may be none, and not the line.
  bool raw;
} wechat_sentence;

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
  enum wechat_type kind;
  // How a number is written.
  enum wechat_base base;
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
  enum wechat_group group;
  // How bad it is.
  enum wechat_severity severity;
} wechat_note;

// A choice of a preference, or a column of its table.
typedef struct wechat_part {
  // Name on the command line; of a column its heading.
  const char *name;
  // Words in the dialog.
  const char *help;
  // What the cells of a column may say, the first where nobody has said anything; none for any text.
  const char *const *choices;
  // Number of `choices`.
  size_t choice_count;
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
  enum wechat_preference_type kind;
} wechat_preference;

// A table in which other dissectors register for bytes of a protocol: to be made.
typedef struct wechat_offer {
  // Its name; keys are numbers of 32 bits.
  const char *name;
  // Its title.
  const char *title;
  // Name of the list of heuristics that are tried where nobody registered; tables may share one.
  const char *heuristics;
  // Name of the host's own dissector that gets what nobody else takes, and the hand-off's words; NULL for none.
  // Columns are closed to it.
  const char *fallback;
  // Names of the host's own dissectors that a user may choose for a key (Decode As).
  const char *const *choices;
  // Number of `choices`.
  size_t choice_count;
} wechat_offer;

// A table in which a protocol registers itself.
typedef struct wechat_join {
  // Its name.
  const char *table;
  // The key.
  uint32_t key;
} wechat_join;

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
  // It and what is part of it are to be created when one of them first changes; the others when anything does.
  bool rare;
} wechat_node;

// A protocol: everything to register of it. A title that is NULL says that there is no such thing.
typedef struct wechat_protocol {
  // Fields; an item names one by the protocol's place and its own. The first is the protocol's own, but of a
  // protocol whose fields stand under another's name.
  const struct wechat_field *fields;
  // Number of `fields`.
  size_t field_count;
  // Notes; a note item names one as a field is named.
  const struct wechat_note *notes;
  // Number of `notes`.
  size_t note_count;
  // Preferences; the functions of `wechat_config` name one as a field is named.
  const struct wechat_preference *preferences;
  // Number of `preferences`.
  size_t preference_count;
  // Tables to make; a hand-off names one as a field is named.
  const struct wechat_offer *offers;
  // Number of `offers`.
  size_t offer_count;
  // Tables in which to register the protocol's dissector.
  const struct wechat_join *joins;
  // Number of `joins`.
  size_t join_count;
  // Values of its records, each in its place.
  const struct wechat_value_row *values;
  // Number of `values`.
  size_t value_count;
  // Nodes of its tree of counters; a tick names one by its place. The first stands first, however the tree is sorted.
  const struct wechat_node *nodes;
  // Number of `nodes`.
  size_t node_count;
  // Title of the tree of counters: a submenu and, behind a slash, the entry.
  const char *tree_title;
  // Title of its table of response times.
  const char *responses_title;
  // Heading of the names of that table's rows.
  const char *responses_column;
  // How many rows it may have.
  uint32_t response_rows;
  // Title of its table of delays.
  const char *delays_title;
  // The word that asks for that, behind the protocol's name and a comma.
  const char *delays_command;
  // Its headings: name, how many, and smallest, average and largest delay in seconds.
  const char *delay_columns[5];
  // Names of its rows; a sample names one by its place.
  const char *const *delay_rows;
  // Number of `delay_rows`.
  size_t delay_row_count;
  // Title of its records as lines.
  const char *lines_title;
  // The word that asks for them, behind the protocol's name and a comma.
  const char *lines_command;
  // Title of its flow graph; with one there is a dialogue to follow too.
  const char *flow_title;
  // Titles of its filters for a packet; `wechat_packet_filter` names one by its place.
  const char *const *packet_filters;
  // Number of `packet_filters`.
  size_t packet_filter_count;
  // The place of the protocol under whose name its words stand: its own, or another's.
  uint16_t under;
  // Whether it lies in streams, whose bytes it takes apart into PDUs.
  bool on_streams;
  // Whether it lies in the messages of HTTP. What is on streams too takes no message itself: it hands the bodies on
  // as streams.
  bool in_http;
  // Whether the objects of all reports are exported under its name. Of one protocol at most.
  bool exports;
} wechat_protocol;

// Everything to register. The rows live as long as the registry.
typedef struct wechat_tables {
  // The protocols. The first lends its fields to the others.
  const struct wechat_protocol *protocols;
  // Number of `protocols`, at most `WECHAT_MOST_PROTOCOLS`.
  size_t protocol_count;
  // Media types of HTTP's bodies that may be ours, `media_type_count` of them.
  const char *const *media_types;
  // Number of `media_types`.
  size_t media_type_count;
} wechat_tables;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library was built with; compare it with
// `WECHAT_ABI_VERSION` before anything else.
uint32_t wechat_abi_version(void);

// A configuration with the defaults. Free it with `wechat_config_free`. NULL when the library failed.
struct wechat_config *wechat_config_new(void);

// Frees a configuration; NULL is fine.
void wechat_config_free(struct wechat_config *config);

// Sets a yes/no, a number or a choice.
enum wechat_result wechat_config_set_number(struct wechat_config *config,
                                            uint16_t preference,
                                            uint32_t value);

// Leaves a protocol out of the capture: the user has disabled it.
enum wechat_result wechat_config_disable(struct wechat_config *config, uint16_t protocol);

// Sets ports from a range such as "80,8080-8090".
//
// # Safety
// `range` is NULL or a NUL-terminated text.
enum wechat_result wechat_config_set_ports(struct wechat_config *config,
                                           uint16_t preference,
                                           const char *range);

// Sets a text, or the name of a file.
//
// # Safety
// `value` is NULL or a NUL-terminated text.
enum wechat_result wechat_config_set_text(struct wechat_config *config,
                                          uint16_t preference,
                                          const char *value);

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

// A handle for one capture, with what `config` says, or with the defaults when that is NULL. Free it
// with `wechat_dissector_free`. NULL when the library failed.
struct wechat_dissector *wechat_dissector_new(const struct wechat_config *config);

// What the user is to be told at the beginning of a capture, a text that lives as long as the handle; NULL for nothing.
const char *wechat_warning(const struct wechat_dissector *dissector);

// A comment of the packet whose first visit comes next: it may hold lines of a key log.
//
// # Safety
// `comment` is NULL or a NUL-terminated text.
void wechat_comment(struct wechat_dissector *dissector, const char *comment);

// Frees a handle and all reports with it; NULL is fine.
void wechat_dissector_free(struct wechat_dissector *dissector);

// Has the segment's protocol deal with the PDU at its start; it needs `WECHAT_STREAM`. On `WECHAT_RESULT_FAILED` the
// report has consumed the whole segment and says so in a note.
//
// # Safety
// `segment.data`, `segment.src_address` and `segment.dst_address` point to as many bytes as the segment
// says, or that is 0; `segment.fields` is NULL or points to as many words as it says. `report` may be
// uninitialised.
enum wechat_result wechat_dissect(struct wechat_dissector *dissector,
                                  const struct wechat_segment *segment,
                                  struct wechat_report *report);

// The protocol whose a segment is, on a port that others use too: its place, or 0 when it is none of ours. Call it
// for every segment of such a stream, in order, and hand over to `wechat_dissect` what is ours. On any port it is
// the segment's protocol that asks, for itself alone. Also 0 when an argument is NULL or makes no sense.
//
// # Safety
// As for `wechat_dissect`.
uint16_t wechat_claim(struct wechat_dissector *dissector,
                      const struct wechat_segment *segment);

// The bytes that belong before those of a segment that is ours: the owner of its port was given them, when they
// were too few to tell whose they are. Returns how many there are, and sets `begun` to them unless that is 0; it
// is valid until the next call with the handle. Then give `wechat_dissect` those bytes and the segment's behind
// them, with the position so much lower.
//
// # Safety
// As for `wechat_dissect`; `begun` is NULL or may be written.
size_t wechat_begun(struct wechat_dissector *dissector,
                    const struct wechat_segment *segment,
                    const uint8_t **begun);

// Whether the bytes of `segment` begin with a message of HTTP's that is ours: 1 or 0. For streams of which nobody
// knows that they carry HTTP.
//
// # Safety
// As for `wechat_dissect`.
int wechat_http_claim(const struct wechat_segment *segment);

// HTTP's dissector is about to get the bytes of `segment`. Returns how many messages begin in them, which
// may be anybody's; with 0, nothing else is to be done.
//
// # Safety
// As for `wechat_dissect`.
size_t wechat_http_begin(struct wechat_dissector *dissector, const struct wechat_segment *segment);

// Whether the words in the Info column are to be the reports', for each message that begins in the bytes of
// `segment`, which HTTP's dissector is about to get; then it is to write none. `spoken` says that the column holds
// words of reports already.
//
// # Safety
// As for `wechat_dissect`.
int wechat_http_speaks(struct wechat_dissector *dissector,
                       const struct wechat_segment *segment,
                       int spoken);

// HTTP's dissector, which was given the bytes of `segment`, passes on a body of `length` bytes: as it lies at
// `offset` of them or, where it was in chunks or compressed, with `SIZE_MAX` in place of that. Its media type is
// `media`, NULL when nobody knows. Returns the index of the message to which the body belongs, or -1.
//
// # Safety
// As for `wechat_dissect`; `media` is NULL or a NUL-terminated text.
int32_t wechat_http_place(struct wechat_dissector *dissector,
                          const struct wechat_segment *segment,
                          size_t offset,
                          size_t length,
                          const char *media);

// HTTP's dissector has returned, and has dealt with the first `taken` bytes of `segment`; the rest it wants
// to see again. Returns how many messages are now to be given to `wechat_http_message`.
//
// # Safety
// As for `wechat_dissect`.
size_t wechat_http_end(struct wechat_dissector *dissector,
                       const struct wechat_segment *segment,
                       size_t taken);

// The protocol whose message `index` of `segment` is, behind `wechat_http_end`: its place, or 0 when it is none of
// ours.
//
// # Safety
// As for `wechat_dissect`.
uint16_t wechat_http_owner(struct wechat_dissector *dissector,
                           const struct wechat_segment *segment,
                           size_t index);

// Deals with message `index` of `segment`, whose body HTTP's dissector has passed on as `captured` bytes at
// `body`. The report says whose it is, where its head lies, and has a length of 0 when it is nobody's of ours; then
// it may have words for the Info column all the same. On
// `WECHAT_RESULT_FAILED` the report says so in a note.
//
// # Safety
// As for `wechat_dissect`; `body` points to `captured` bytes, or that is 0. `report` may be uninitialised.
enum wechat_result wechat_http_message(struct wechat_dissector *dissector,
                                       const struct wechat_segment *segment,
                                       size_t index,
                                       const uint8_t *body,
                                       size_t captured,
                                       struct wechat_report *report);

// A display filter of the table `packet_filters` of the segment's protocol, for the packet that `segment` names by
// its packet, stream or ends, and shown stream. As `snprintf`: `text` gets it NUL-terminated and cut to `size` bytes, and
// the result is its length; 0 when there is no such filter for this packet.
//
// # Safety
// As for `wechat_dissect`; `text` is NULL or has room for `size` bytes.
size_t wechat_packet_filter(struct wechat_dissector *dissector,
                            size_t filter,
                            const struct wechat_segment *segment,
                            char *text,
                            size_t size);

// The number of the dialogue of the segment's protocol that a packet belongs to, which `segment` names as for
// `wechat_packet_filter`: 1, and then it is written to `number`; or 0.
//
// # Safety
// As for `wechat_dissect`; `number` is NULL or may be written.
int wechat_dialogue(struct wechat_dissector *dissector,
                    const struct wechat_segment *segment,
                    uint32_t *number);

// A display filter for a dialogue of a protocol, by its number; as `wechat_packet_filter`.
//
// # Safety
// `text` is NULL or has room for `size` bytes.
size_t wechat_dialogue_filter(uint16_t protocol, uint32_t number, char *text, size_t size);

// A display filter for the packets between the two ends that `segment` names by addresses and ports;
// as `wechat_packet_filter`.
//
// # Safety
// As for `wechat_dissect`; `text` is NULL or has room for `size` bytes.
size_t wechat_ends_filter(const struct wechat_segment *segment, char *text, size_t size);

// A writer of a protocol's lines, as the words behind the command say: nothing or ",json", and behind that a comma
// and a display filter. `filter` is set to where that begins in `words`, or to NULL. NULL when an
// argument is NULL, `words` are other ones or no UTF-8, or the protocol has no lines.
//
// # Safety
// `words` is NULL or a NUL-terminated text; `filter` is NULL or may be written.
struct wechat_lines *wechat_lines_new(uint16_t protocol,
                                      const char *words,
                                      const char **filter);

// Frees a writer and its lines; NULL is fine.
void wechat_lines_free(struct wechat_lines *lines);

// What is to be written for a record, its line with a newline, or the headings for NULL: a NUL-terminated text, empty
// where there is nothing to write, and valid until the next call. Records that share a line have it written by
// `wechat_lines_end`. NULL when `lines` is NULL.
//
// # Safety
// The record is NULL, one that the library made, or a copy of `size` bytes with copies of its texts and bytes.
const char *wechat_lines_write(struct wechat_lines *lines,
                               const struct wechat_record *record);

// The lines that records share, behind the last of them: as `wechat_lines_write`. Then the writer begins anew.
const char *wechat_lines_end(struct wechat_lines *lines);

// What a record changes in its protocol's tree of counters. Writes at most `room` ticks, of which there are never
// more than `WECHAT_MOST_TICKS`, and returns how many.
//
// # Safety
// `record` is NULL, or one that the library made, or a copy of `size` bytes with copies of its texts and bytes. `ticks` is
// NULL or has room for `room` of them.
size_t wechat_tree_ticks(const struct wechat_record *record,
                         struct wechat_tick *ticks,
                         size_t room);

// What a record adds to its protocol's table of delays. Writes at most `room` samples, of which there are never
// more than `WECHAT_MOST_SAMPLES`, and returns how many.
//
// # Safety
// As for `wechat_tree_ticks`; `samples` is NULL or has room for `room` of them.
size_t wechat_delay_samples(const struct wechat_record *record,
                            struct wechat_sample *samples,
                            size_t room);

// Whether a record is a response that its protocol's table of response times takes: 1, and then it is written to
// `response`; or 0.
//
// # Safety
// As for `wechat_tree_ticks`; `response` is NULL or may be written.
int wechat_response_get(const struct wechat_record *record,
                        struct wechat_response *response);

// Says a record in words: 1, and then they are written to `sentence`; or 0, when its protocol has no dialogue.
//
// # Safety
// As for `wechat_tree_ticks`; `sentence` is NULL or may be written.
int wechat_sentence_get(const struct wechat_record *record,
                        struct wechat_sentence *sentence);

// All that there is to register. Free it with `wechat_registry_free`. NULL when the library failed.
struct wechat_registry *wechat_registry_new(void);

// Frees a registry, and with it its tables; NULL is fine.
void wechat_registry_free(struct wechat_registry *registry);

// What to register with the host; it lives as long as the registry. NULL for NULL.
const struct wechat_tables *wechat_tables_get(const struct wechat_registry *registry);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WECHAT_DISSECTOR_H */
