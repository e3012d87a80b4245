/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wechat_dissector.h - the C interface of the WeChat long-link dissector.
 * Made from src/ffi.rs, src/report.rs and src/fields.rs; `cargo xtask header` makes it anew.
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
#define WECHAT_ABI_VERSION 2

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
  // A field whose value is in `value`, read from the bytes named in a way the host cannot (a varint).
  WECHAT_ITEM_KIND_DECODED = 7,
};
#ifndef __cplusplus
typedef uint8_t wechat_item_kind;
#endif // __cplusplus

// What the user has set. Made by `wechat_config_new`, freed by `wechat_config_free`.
typedef struct wechat_config wechat_config;

// The state of one capture.
//
// The sequence of calls: `wechat_abi_version`, and go on only if it is `WECHAT_ABI_VERSION`. Then
// `wechat_tables_get` once, and register what it says. For each capture `wechat_config_new`, the
// preferences into it, `wechat_dissector_new` with it, `wechat_config_free`. For each segment
// `wechat_claim`, where others may want it too, and `wechat_dissect` until all its bytes are consumed
// or more are needed. At the end of the capture `wechat_dissector_free`. A handle is used by one thread
// at a time.
typedef struct wechat_dissector wechat_dissector;

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

// Everything to register. The rows live as long as the library.
typedef struct wechat_tables {
  // Fields; an item names one by its index. The first is the protocol.
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
} wechat_report;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library was built with; compare it with
// `WECHAT_ABI_VERSION` before anything else.
uint32_t wechat_abi_version(void);

// What to register with the host; it lives as long as the library. NULL when the library failed.
const struct wechat_tables *wechat_tables_get(void);

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
// says, or that is 0. `report` may be uninitialised.
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WECHAT_DISSECTOR_H */
