// SPDX-License-Identifier: GPL-2.0-or-later
//! Words a user reads or filters on: fields, notes, preferences. The only place for them.
//!
//! Each table is a list of rows, and a row's constant ([`F`], [`N`], [`P`]) is its index. The C
//! shim registers the rows as they stand. Filter names are public API: once shipped they stay.

use std::ffi::CStr;
use std::ops::Range;

use crate::web::fields::WEB_FIELDS;

/// Type of a field's value; what it is called in Wireshark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// The protocol itself (`FT_PROTOCOL`): a row of this type begins a protocol's fields.
    Protocol,
    /// No value (`FT_NONE`): a subtree or a marker.
    None,
    /// One bit (`FT_BOOLEAN`).
    Boolean,
    /// `FT_UINT8`.
    U8,
    /// `FT_UINT16`.
    U16,
    /// `FT_UINT32`.
    U32,
    /// `FT_UINT64`.
    U64,
    /// `FT_INT32`.
    I32,
    /// `FT_INT64`.
    I64,
    /// Bytes as they are (`FT_BYTES`).
    Bytes,
    /// Text (`FT_STRING`).
    Text,
    /// Zero-padded text (`FT_STRINGZPAD`).
    PaddedText,
    /// `FT_IPv4`.
    Ipv4,
    /// A duration; the value is in nanoseconds (`FT_RELATIVE_TIME`).
    Duration,
    /// A time; the value is in nanoseconds since 1970 (`FT_ABSOLUTE_TIME`, in UTC).
    Time,
    /// Number of a packet in the capture (`FT_FRAMENUM`).
    Packet,
    /// Number of the packet that holds a request.
    RequestPacket,
    /// Number of the packet that holds a response.
    ResponsePacket,
    /// Number of the packet that holds an acknowledgement.
    AckPacket,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Base {
    /// As the type wants it.
    Natural,
    /// Decimal.
    Dec,
    /// Hexadecimal.
    Hex,
    /// Decimal, then hexadecimal in brackets.
    DecHex,
}

/// A name for a value.
pub type Value = (u32, &'static CStr);

/// A row of the field table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name in display filters.
    pub filter: &'static CStr,
    /// Name in the packet tree.
    pub label: &'static CStr,
    /// One sentence of help.
    pub help: &'static CStr,
    /// Type of the value.
    pub ty: Type,
    /// How a number is written.
    pub base: Base,
    /// The bits of the bytes that count; 0 for all.
    pub mask: u64,
    /// Of a masked boolean, the number of bits it is cut from; else 0.
    pub bits: u8,
    /// Names of values.
    pub values: &'static [Value],
}

impl Field {
    pub(crate) const fn new(
        ty: Type,
        filter: &'static CStr,
        label: &'static CStr,
        help: &'static CStr,
    ) -> Self {
        let base = match ty {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I32 | Type::I64 => Base::Dec,
            _ => Base::Natural,
        };
        let bits = if matches!(ty, Type::Boolean) { 32 } else { 0 };
        Self { filter, label, help, ty, base, mask: 0, bits, values: &[] }
    }
    pub(crate) const fn hex(self) -> Self {
        Self { base: Base::Hex, ..self }
    }
    pub(crate) const fn dec_hex(self) -> Self {
        Self { base: Base::DecHex, ..self }
    }
    pub(crate) const fn mask(self, mask: u64) -> Self {
        Self { mask, ..self }
    }
    pub(crate) const fn values(self, values: &'static [Value]) -> Self {
        Self { values, ..self }
    }
}

/// How bad a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Severity {
    /// Part of the ordinary course.
    Chat,
    /// Worth a look.
    Note,
    /// Unusual.
    Warning,
    /// Wrong.
    Error,
}

/// What a note is about; the expert-info group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Group {
    /// The order of frames.
    Sequence,
    /// The protocol's own rules.
    Protocol,
    /// Bytes that contradict themselves.
    Malformed,
    /// Bytes that are not there.
    Reassemble,
    /// Bytes nobody can read.
    Undecoded,
}

/// A row of the note table (expert info).
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// Name in display filters.
    pub filter: &'static CStr,
    /// What is wrong, without the numbers.
    pub summary: &'static CStr,
    /// What it is about.
    pub group: Group,
    /// How bad it is.
    pub severity: Severity,
}

/// What a preference holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PrefType {
    /// Ports that are registered in the dissector table of the preference's name.
    Ports,
    /// Yes or no.
    Boolean,
    /// A number.
    Number,
    /// One of the values listed.
    Choice,
    /// A table the user fills in (UAT).
    Table,
}

/// A row of the preference table.
#[derive(Clone, Copy, Debug)]
pub struct Preference {
    /// Name, behind `wechat.`; of a table also its file's name.
    pub name: &'static CStr,
    /// Title in the dialog.
    pub title: &'static CStr,
    /// Help in the dialog.
    pub help: &'static CStr,
    /// What it holds.
    pub ty: PrefType,
    /// Default of a number, a choice or a yes/no.
    pub number: u32,
    /// Default of the ports.
    pub ports: &'static CStr,
    /// The choices, or the columns of a table.
    pub parts: &'static [Part],
}

/// A choice of a preference, or a column of its table.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Name on the command line; of a column its heading.
    pub name: &'static CStr,
    /// Words in the dialog.
    pub help: &'static CStr,
}

/// Makes a table and, from the same rows, the constants that index it: from 0, or from where the
/// rows of another table end that they stand behind.
macro_rules! rows {
    ($(#[$doc:meta])* $index:ident, $table:ident: $row:ty { $($name:ident = $value:expr;)* }) => {
        rows! { $(#[$doc])* $index, $table: $row, behind (0) { $($name = $value;)* } }
    };
    ($(#[$doc:meta])* $index:ident, $table:ident: $row:ty, behind ($first:expr)
     { $($name:ident = $value:expr;)* }) => {
        $(#[$doc])*
        #[allow(non_snake_case, missing_docs)]
        pub mod $index {
            #[allow(unused_imports)]
            use super::*;
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            #[repr(u16)]
            enum Index { $($name),* }
            $(pub const $name: u16 = ($first) as u16 + Index::$name as u16;)*
        }
        #[doc = concat!("The rows that [`", stringify!($index), "`] indexes.")]
        pub static $table: &[$row] = &[$($value),*];
    };
}

pub(crate) use rows;

use Type::*;

pub(crate) const fn field(
    ty: Type,
    filter: &'static CStr,
    label: &'static CStr,
    help: &'static CStr,
) -> Field {
    Field::new(ty, filter, label, help)
}

/// A yes that follows from others, not a bit of any bytes.
pub(crate) const fn mark(filter: &'static CStr, label: &'static CStr, help: &'static CStr) -> Field {
    Field { bits: 0, ..Field::new(Boolean, filter, label, help) }
}

/// A bit of the selector, shown with it.
const fn news(mask: u64, filter: &'static CStr, label: &'static CStr) -> Field {
    Field::new(Boolean, filter, label, c"Set when there is news of this sort").mask(mask)
}

rows! {
    /// Index of a field in [`FIELDS`].
    F, FIELDS: Field {
        WECHAT = field(Protocol, c"wechat", c"WeChat", c"WeChat long link");

        // The header.
        PACKET_LEN = field(U32, c"wechat.packet_len", c"Packet length", c"Length of the whole frame, this field included");
        HEAD_LEN = field(U16, c"wechat.head_len", c"Head length", c"Length of the header; the body starts behind it");
        VERSION = field(U16, c"wechat.version", c"Version", c"Protocol version; 1 in every frame known");
        OP = field(U32, c"wechat.op", c"Operation", c"Operation as on the wire; an answer's is its request's plus 1000000000").dec_hex();
        SEQ = field(U32, c"wechat.seq", c"Seqid", c"The answer repeats its request's; 0 in a push").dec_hex();
        HEAD_EXTRA = field(Bytes, c"wechat.head_extra", c"Extra header bytes", c"Header bytes beyond the known 16");
        BODY = field(Bytes, c"wechat.body", c"Body", c"What follows the header");

        // What the frame is.
        KIND = field(Text, c"wechat.kind", c"Kind", c"request, response, push, push acknowledgement, one-way, heartbeat request, heartbeat response or unknown");
        OP_BASE = field(U32, c"wechat.op.base", c"Request operation", c"Of an answer, its request's operation").dec_hex();
        OP_NAME = field(Text, c"wechat.op.name", c"Operation name", c"By direction, cgi type and the user's table");
        DIRECTION = field(U8, c"wechat.direction", c"Direction", c"Who sent the frame").values(DIRECTIONS);

        STREAM = field(U32, c"wechat.stream", c"Stream", c"Number of the stream; tcp.stream's where TCP carries the link");
        BODY_LEN = field(U32, c"wechat.body_len", c"Body length", c"Bytes behind the header");

        // Who answers whom.
        RESPONSE_IN = field(ResponsePacket, c"wechat.response_in", c"Response in", c"The packet that holds the response");
        RESPONSE_TO = field(RequestPacket, c"wechat.response_to", c"Response to", c"The packet that holds the request");
        RESPONSE_TIME = field(Duration, c"wechat.response_time", c"Response time", c"Time from the request to its response");
        UNANSWERED = mark(c"wechat.unanswered", c"Unanswered", c"No response was seen; not known before the first pass is over");
        OPEN_REQUESTS = field(U32, c"wechat.open_requests", c"Open requests", c"Requests of this stream that wait for an answer, behind this frame");
        SUPERSEDED_IN = field(RequestPacket, c"wechat.superseded_in", c"Superseded in", c"The packet whose request took the seqid before an answer");
        SUPERSEDES = field(RequestPacket, c"wechat.supersedes", c"Supersedes the request in", c"The packet of the open request whose seqid this one takes");
        RETRY_OF = field(RequestPacket, c"wechat.retry_of", c"Again the request in", c"The packet that first had a request of this seqid and operation");
        RETRIED_IN = field(RequestPacket, c"wechat.retried_in", c"Sent again in", c"A packet with the same request again");
        DUPLICATE_OF = field(ResponsePacket, c"wechat.duplicate_of", c"Again the response in", c"The packet of the response that came first");
        DUPLICATE_IN = field(ResponsePacket, c"wechat.duplicate_in", c"Response again in", c"A packet with another response to the same request");
        PUSH_ACK_IN = field(AckPacket, c"wechat.push.ack_in", c"Acknowledged in", c"The packet that holds the push acknowledgement");
        ACK_TO = field(RequestPacket, c"wechat.ack_to", c"Acknowledges the push in", c"The packet that holds the push");
        ACK_TIME = field(Duration, c"wechat.ack.time", c"Time since the push", c"Time from the push to its acknowledgement");
        ACK_RULE = field(Text, c"wechat.ack.rule", c"Matched by", c"How the acknowledged push was found: by the elapsed time, or the oldest open one");

        PUSH_UNACKNOWLEDGED = mark(c"wechat.push.unacknowledged", c"Unacknowledged", c"No acknowledgement was seen; not known before the first pass is over");
        ACK_INFERRED_TO = field(RequestPacket, c"wechat.ack.inferred_to", c"Probably acknowledges the push in", c"Inference: an unknown request behind a push, never answered, or an acknowledgement behind a notice");
        PUSH_ACK_INFERRED_IN = field(AckPacket, c"wechat.push.ack_inferred_in", c"Probably acknowledged in", c"Inference: the packet of an unknown request behind the push, or of an acknowledgement behind the notice");
        HEARTBEAT_INTERVAL = field(Duration, c"wechat.heartbeat.interval", c"Heartbeat interval", c"Time since the stream's heartbeat before");
        ATTEMPT = field(U32, c"wechat.attempt", c"Attempt", c"Which of the client's links this is that follow each other within seconds; only links with payload count");
        ATTEMPT_AFTER = field(Packet, c"wechat.attempt.after", c"Attempt after", c"The packet of the last frame of the attempt before");
        ATTEMPT_NEXT = field(Packet, c"wechat.attempt.next_in", c"Next attempt in", c"The packet of the first frame of the client's next link");

        // How a message travels.
        DELIVERY = field(Text, c"wechat.delivery", c"Delivery", c"How news comes here: push, or notice and sync");
        NOTICE_SYNC_IN = field(RequestPacket, c"wechat.notice.sync_in", c"Fetched by the request in", c"The packet of the sync that follows the notice");
        NOTICE_MESSAGE_IN = field(ResponsePacket, c"wechat.notice.message_in", c"Message in", c"The packet of the response that brings what the notice announced");
        SYNC_NOTICE = field(Packet, c"wechat.sync.notice", c"After the notice in", c"The packet of a notice that led to this sync");
        SYNC_TIME = field(Duration, c"wechat.sync.time", c"Time since the notice", c"Time from the first notice until the message is there");
        SEND_NEWS_IN = field(Packet, c"wechat.send.news_in", c"Probably news in", c"Inference: the first notice or push within 10 s, when the account is online elsewhere");
        NEWS_SEND = field(Packet, c"wechat.news.send", c"Probably news of the send in", c"Inference: the latest send within 10 s before");
        NEWS_TIME = field(Duration, c"wechat.news.time", c"Time since the send", c"Inference: time from the send to its news");

        // Push and acknowledgement.
        PUSH_FLAGS = field(U32, c"wechat.push.flags", c"Flags", c"Flag word of a push").hex();
        PUSH_ACK_WANTED = field(Boolean, c"wechat.push.flags.ack", c"Acknowledgement wanted", c"The client must acknowledge this push").mask(1);
        PUSH_LEN = field(U32, c"wechat.push.len", c"Length of the rest", c"Length of what follows this field");
        PUSH_UNKNOWN = field(Bytes, c"wechat.push.unknown", c"Unknown header", c"First bytes of a push whose length field does not fit");
        PUSH_DATA = field(Bytes, c"wechat.push.data", c"Push data", c"What the push carries: the answer message of newsync");
        ACK_ELAPSED = field(U32, c"wechat.ack.elapsed", c"Elapsed time", c"Milliseconds since the push was received, as the client says");
        ACK_LEN = field(U32, c"wechat.ack.len", c"Length of the SyncKey", c"Length of what follows this field");

        // Selector.
        SELECTOR = field(U32, c"wechat.selector", c"Selector", c"What has news, one bit each").hex();
        SELECTOR_PROFILE = news(0x1, c"wechat.selector.profile", c"Own profile");
        SELECTOR_MESSAGES = news(0x2, c"wechat.selector.messages", c"Messages");
        SELECTOR_CONTACTS = news(0x4, c"wechat.selector.contacts", c"WeChat contacts");
        SELECTOR_MICROBLOG = news(0x8, c"wechat.selector.microblog_contacts", c"Microblog contacts");
        SELECTOR_QQ = news(0x10, c"wechat.selector.qq_contacts", c"QQ contacts");
        SELECTOR_FRIENDS = news(0x20, c"wechat.selector.friends", c"Friends");
        SELECTOR_BOTTLE = news(0x40, c"wechat.selector.bottle_contacts", c"Bottle contacts");
        SELECTOR_ALBUM = news(0x80, c"wechat.selector.album", c"Album");
        SELECTOR_MOMENTS = news(0x100, c"wechat.selector.moments", c"Moments");
        SELECTOR_VOIP_SYNC = news(0x200, c"wechat.selector.voip_sync", c"Voip sync");
        SELECTOR_VOIP_INVITE = news(0x400, c"wechat.selector.voip_invite", c"Voip invite");
        SELECTOR_SUB_ACCOUNT = news(0x800, c"wechat.selector.sub_account", c"Sub-account messages");

        // Other pushes.
        REDIRECT_ADDRESS = field(Ipv4, c"wechat.redirect.address", c"Server address", c"Where the client is to connect instead");
        VOIP_KIND = field(U8, c"wechat.voip.kind", c"Kind of call event", c"What happened to the call").values(VOIP_KINDS);
        VOIP_DATA = field(Bytes, c"wechat.voip.data", c"Call data", c"Payload of the call event");
        NOTICE_ID = field(U32, c"wechat.notice.id", c"Notice id", c"Number of the notice");
        NOTICE_SEQ = field(U32, c"wechat.notice.seq", c"Notice sequence", c"Sequence of the notice");

        // Identify.
        IDENTIFY_MASKED = field(Bytes, c"wechat.identify.masked", c"Masked words", c"Account number and SyncKey length, interleaved and masked");
        IDENTIFY_SYNCKEY_LEN = field(U32, c"wechat.identify.synckey_len", c"SyncKey length", c"From the masked words");
        UIN = field(U32, c"wechat.uin", c"Account number (uin)", c"Shown only when the preference show_account asks for it");
        ACCOUNT_HIDDEN = field(None, c"wechat.account_hidden", c"Account data not shown (preference show_account)", c"Stands where the account number or the cookie lies");
        LANGUAGE = field(PaddedText, c"wechat.identify.language", c"Language", c"Language of the client, zero-padded");
        IDENTIFY_UNKNOWN = field(U32, c"wechat.identify.unknown", c"Unknown number", c"2 in every sample of this form");
        NETWORK_TYPE = field(U32, c"wechat.identify.network_type", c"Network type", c"What network the client is on");
        NETWORK_ID = field(Text, c"wechat.identify.network_id", c"Network id", c"32 characters that name the network");
        CONTEXT_LEN = field(U32, c"wechat.identify.context_len", c"Context length", c"Length of the context");
        CONTEXT = field(Text, c"wechat.identify.context", c"Context", c"Characters of context");
        IDENTIFY_RET = field(I32, c"wechat.identify.ret", c"Return code", c"0 when the server accepts the client");
        IDENTIFY_KEY_LEN = field(U32, c"wechat.identify.key_len", c"Key length", c"Length of the key");
        IDENTIFY_KEY = field(Bytes, c"wechat.identify.key", c"Key", c"Key of the identify answer");
        IDENTIFY_MD5 = field(Bytes, c"wechat.identify.md5", c"MD5", c"16 bytes of MD5 behind the key");
        IDENTIFY_RESERVED = field(U32, c"wechat.identify.reserved", c"Reserved", c"A number that no source describes");

        // SyncKey.
        SYNCKEY = field(Bytes, c"wechat.synckey", c"SyncKey", c"How far the client has synchronised, as a protobuf");
        SYNCKEY_COUNT = field(U64, c"wechat.synckey.count", c"Count", c"How many keys the client says there are");
        SYNCKEY_ENTRY = field(None, c"wechat.synckey.entry", c"Key and value", c"One numbered key");
        SYNCKEY_KEY = field(U64, c"wechat.synckey.key", c"Key", c"Number of the key");
        SYNCKEY_VALUE = field(U64, c"wechat.synckey.value", c"Value", c"How far this key has come");
        SYNCKEY_DELTA = field(I64, c"wechat.synckey.delta", c"Growth", c"Since the SyncKey before, of this link or else of this account");
        SYNCKEY_PREVIOUS = field(Packet, c"wechat.synckey.previous", c"SyncKey before in", c"The packet of the SyncKey that this one is compared with");
        SYNCKEY_NEXT = field(Packet, c"wechat.synckey.next", c"Next SyncKey in", c"The packet of the SyncKey that is compared with this one");
        SYNCKEY_OTHER = field(Bytes, c"wechat.synckey.other", c"Unknown field", c"A protobuf field that no source describes");

        // The business packet.
        BUSINESS = field(None, c"wechat.business", c"Business packet header", c"Header of the encrypted business packet");
        BUSINESS_MAGIC = field(U8, c"wechat.business.magic", c"Magic", c"0xBF; absent in packets of 2015").hex();
        BUSINESS_HEAD_LEN = field(U8, c"wechat.business.head_len", c"Header length", c"Length of this header, the magic included").mask(0xfc);
        BUSINESS_COMPRESSION = field(U8, c"wechat.business.compression", c"Compression", c"Whether the plain body was compressed").mask(0x03).values(COMPRESSIONS);
        BUSINESS_ALGORITHM = field(U8, c"wechat.business.algorithm", c"Algorithm", c"How the body is encrypted").mask(0xf0).values(ALGORITHMS);
        BUSINESS_COOKIE_LEN = field(U8, c"wechat.business.cookie_len", c"Cookie length", c"Length of the session cookie").mask(0x0f);
        CLIENT_VERSION = field(U32, c"wechat.client_version", c"Client version", c"System, then major, minor, patch and build").hex();
        BUSINESS_COOKIE = field(Bytes, c"wechat.business.cookie", c"Cookie", c"Session cookie; shown only when the preference show_account asks for it");
        BUSINESS_CGI = field(U32, c"wechat.business.cgi", c"Cgi type", c"Number of the call in the business layer");
        BUSINESS_PLAIN_LEN = field(U32, c"wechat.business.plain_len", c"Plain length", c"Length of the plain body");
        BUSINESS_PACKED_LEN = field(U32, c"wechat.business.packed_len", c"Compressed length", c"Length after compression, before encryption");
        BUSINESS_REST = field(Bytes, c"wechat.business.rest", c"Rest of the header", c"Key version and check values; layout differs by client");
        ENCRYPTED = field(Bytes, c"wechat.encrypted", c"Encrypted data", c"Stays encrypted: its keys are not on the wire");

        UNDECODED = field(Bytes, c"wechat.undecoded", c"Undecoded data", c"Encrypted, or of a layout that no source describes");

        // Bytes that are no frame.
        SKIPPED = field(Bytes, c"wechat.skipped", c"Skipped bytes", c"Bytes in which no frame begins");
        CONTINUATION = field(Bytes, c"wechat.continuation", c"Continuation", c"More of a frame whose header is in an earlier packet");
        PROXY = field(Bytes, c"wechat.proxy", c"PROXY header", c"What a proxy puts in front of the stream to say who is behind it");
    }
}

/// The fields that only bodies have.
pub const IN_BODIES: Range<u16> = F::PUSH_FLAGS..F::SKIPPED;

/// Some of the fields of both protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSet([u64; FieldSet::WORDS]);

impl FieldSet {
    /// How many words hold a bit for each field.
    pub const WORDS: usize = (FIELDS.len() + WEB_FIELDS.len()).div_ceil(64);

    /// From bits, that of field 0 the lowest of the first word.
    pub fn from_words(words: [u64; Self::WORDS]) -> Self {
        Self(words)
    }

    /// Whether a field is one of them.
    pub fn has(&self, field: u16) -> bool {
        self.0.get(usize::from(field / 64)).is_some_and(|word| word >> (field % 64) & 1 != 0)
    }
}

rows! {
    /// Index of a note in [`NOTES`].
    N, NOTES: Note {
        PACKET_LEN_SHORT = note(Group::Malformed, Severity::Error, c"wechat.packet_len_short", c"Packet length below 16");
        PACKET_LEN_BEYOND_LIMIT = note(Group::Malformed, Severity::Error, c"wechat.packet_len_beyond_limit", c"Packet length beyond the largest frame accepted");
        HEAD_LEN_SHORT = note(Group::Malformed, Severity::Error, c"wechat.head_len_short", c"Head length below 16");
        HEAD_LEN_BEYOND = note(Group::Malformed, Severity::Error, c"wechat.head_len_beyond", c"Head length above the packet length");
        PACKET_LEN_WRONG = note(Group::Malformed, Severity::Error, c"wechat.packet_len_wrong", c"Packet length wrong: the next frame begins inside this one");
        VERSION_UNKNOWN = note(Group::Protocol, Severity::Warning, c"wechat.version_unknown", c"Version other than 1");
        TRUNCATED = note(Group::Reassemble, Severity::Warning, c"wechat.truncated", c"The rest of the frame was not seen");
        NOT_CAPTURED = note(Group::Undecoded, Severity::Note, c"wechat.not_captured", c"Bytes cut off by the snap length");
        SEGMENT_MISSING = note(Group::Sequence, Severity::Warning, c"wechat.segment_missing", c"The stream has a hole before these bytes");
        RESYNCHRONISED = note(Group::Sequence, Severity::Warning, c"wechat.resynchronised", c"Resynchronised on the next frame");
        OUT_OF_STEP = note(Group::Sequence, Severity::Warning, c"wechat.out_of_step", c"No frame begins in these bytes");
        SEEN_BEFORE = note(Group::Sequence, Severity::Note, c"wechat.seen_before", c"These stream bytes were seen before");
        PUSH_WITH_SEQ = note(Group::Protocol, Severity::Warning, c"wechat.push_with_seq", c"A push with a seqid");
        OP_MISMATCH = note(Group::Protocol, Severity::Warning, c"wechat.op_mismatch", c"The operation does not answer the request's");
        NO_RESPONSE = note(Group::Sequence, Severity::Warning, c"wechat.no_response", c"No response seen");
        NO_RESPONSE_YET = note(Group::Sequence, Severity::Chat, c"wechat.no_response_yet", c"No response seen, but the capture ends soon after");
        NO_REQUEST = note(Group::Sequence, Severity::Note, c"wechat.no_request", c"A response, but no request seen");
        SUPERSEDED = note(Group::Sequence, Severity::Note, c"wechat.superseded", c"Another request took the seqid before an answer");
        RETRY = note(Group::Sequence, Severity::Note, c"wechat.retry", c"The same request again, before an answer");
        DUPLICATE_REQUEST = note(Group::Sequence, Severity::Note, c"wechat.duplicate_request", c"The same request again, after its answer");
        SEQ_IN_USE = note(Group::Sequence, Severity::Warning, c"wechat.seq_in_use", c"An open request of another operation has this seqid");
        DUPLICATE_RESPONSE = note(Group::Sequence, Severity::Note, c"wechat.duplicate_response", c"The request was answered before");
        SEQ_GAP = note(Group::Sequence, Severity::Chat, c"wechat.seq_gap", c"Seqids left out");
        SEQ_BACK = note(Group::Sequence, Severity::Note, c"wechat.seq_back", c"The seqid went back");
        SEQ_RESTART = note(Group::Sequence, Severity::Chat, c"wechat.seq_restart", c"The client counts from 1 again");
        LATE_START = note(Group::Sequence, Severity::Chat, c"wechat.late_start", c"The first seqid seen is not 1");
        PUSH_NO_ACK = note(Group::Sequence, Severity::Warning, c"wechat.push.no_ack", c"No acknowledgement seen");
        PUSH_NO_ACK_YET = note(Group::Sequence, Severity::Chat, c"wechat.push.no_ack_yet", c"No acknowledgement seen, but the capture ends soon after");
        ACK_NO_PUSH = note(Group::Sequence, Severity::Chat, c"wechat.ack.no_push", c"An acknowledgement, but no push that waits for one");
        HEARTBEAT_IRREGULAR = note(Group::Sequence, Severity::Chat, c"wechat.heartbeat.irregular", c"The heartbeat's interval changed much");
        SYNCKEY_WENT_BACK = note(Group::Sequence, Severity::Warning, c"wechat.synckey.went_back", c"A key of the SyncKey went back");
        PUSH_LEN_MISMATCH = note(Group::Malformed, Severity::Warning, c"wechat.push_len_mismatch", c"The length in the push does not fit its body");
        BODY_SHORT = note(Group::Malformed, Severity::Error, c"wechat.body_short", c"The body is shorter than its inner lengths");
        BODY_EXCESS = note(Group::Undecoded, Severity::Note, c"wechat.body_excess", c"Bytes behind the known layout");
        VARINT_UNENDING = note(Group::Malformed, Severity::Error, c"wechat.varint_unending", c"A varint does not end");
        SYNCKEY_MALFORMED = note(Group::Malformed, Severity::Error, c"wechat.synckey_malformed", c"The SyncKey is no protobuf of keys");
        SYNCKEY_COUNT_WRONG = note(Group::Protocol, Severity::Warning, c"wechat.synckey_count_wrong", c"The SyncKey holds another number of keys");
        INTERNAL_ERROR = note(Group::Undecoded, Severity::Error, c"wechat.internal_error", c"The dissector failed on this frame");
    }
}

pub(crate) const fn note(
    group: Group,
    severity: Severity,
    filter: &'static CStr,
    summary: &'static CStr,
) -> Note {
    Note { filter, summary, group, severity }
}

const fn preference(
    ty: PrefType,
    name: &'static CStr,
    title: &'static CStr,
    help: &'static CStr,
) -> Preference {
    Preference { name, title, help, ty, number: 0, ports: c"", parts: &[] }
}

/// Table in which other dissectors register for the body of an operation; also the name of their
/// heuristic list, without the field.
pub const BODY_TABLE: &CStr = c"wechat.op";
/// Title of that table.
pub const BODY_TABLE_TITLE: &CStr = c"WeChat operation";

/// Largest frame accepted by default: the client's own limit.
pub const DEFAULT_LIMIT: u32 = 1 << 20;

rows! {
    /// Index of a preference in [`PREFERENCES`].
    P, PREFERENCES: Preference {
        TCP_PORTS = Preference {
            ports: c"80,8080,443",
            ..preference(PrefType::Ports, c"tcp.port", c"TCP ports",
                c"Server ports of the long link; an empty range frees them all")
        };
        DESEGMENT = Preference {
            number: 1,
            ..preference(PrefType::Boolean, c"desegment", c"Reassemble frames that span TCP segments",
                c"To use this, TCP itself must allow subdissectors to reassemble")
        };
        MAX_FRAME = Preference {
            number: DEFAULT_LIMIT,
            ..preference(PrefType::Number, c"max_frame", c"Largest frame accepted (bytes)",
                c"A frame that claims more is an error, and the dissector looks for the next one")
        };
        TRY_ANY_PORT = preference(PrefType::Boolean, c"try_any_port", c"Look for the long link on any port",
            c"Claims a stream only when it begins with a whole frame of a known operation");
        SERVER_SIDE = Preference {
            parts: &[
                Part { name: c"listed", help: c"The side whose port is in the list, else the one connected to, else the lower port" },
                Part { name: c"lower", help: c"The side with the lower port" },
                Part { name: c"higher", help: c"The side with the higher port" },
                Part { name: c"none", help: c"Neither: only the operation tells" },
            ],
            ..preference(PrefType::Choice, c"server_side", c"Which side is the server",
                c"Tells the direction of a frame whose operation does not tell it")
        };
        SHOW_ACCOUNT = preference(PrefType::Boolean, c"show_account", c"Show account numbers and cookies",
            c"They name a person; off, the tree says where they lie and nothing more");
        OPERATIONS = Preference {
            parts: &[
                Part { name: c"Operation", help: c"Number on the wire, decimal or 0x..., below 1000000000" },
                Part { name: c"Name", help: c"Letters, digits, space and . _ - /" },
                Part { name: c"Role", help: c"request, push, one-way, heartbeat, or empty for any" },
            ],
            ..preference(PrefType::Table, c"operations", c"Operations",
                c"Adds operations, or gives known ones another name; of two rows that fit, the upper one counts")
        };
    }
}

/// Who sent a frame; 0 is nobody known.
pub const DIRECTIONS: &[Value] = &[(1, c"client to server"), (2, c"server to client")];

const VOIP_KINDS: &[Value] = &[
    (1, c"invite"),
    (2, c"answered elsewhere"),
    (3, c"cancelled"),
    (101, c"invite from a telephone network"),
    (102, c"call of several parties"),
];

const COMPRESSIONS: &[Value] = &[(1, c"zlib"), (2, c"none")];

/// Encryption algorithms of the business packet.
pub const ALGORITHMS: &[Value] = &[
    (5, c"AES-128-CBC"),
    (7, c"RSA, or RSA and AES"),
    (10, c"RSA or DES variant"),
    (12, c"hybrid ECDH"),
    (13, c"AES-GCM"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn filter_names_are_unique_and_the_protocols_own() {
        let names = FIELDS.iter().map(|row| row.filter).chain(NOTES.iter().map(|row| row.filter));
        let mut seen = HashSet::new();
        for name in names {
            let text = name.to_str().unwrap();
            assert!(text == "wechat" || text.starts_with("wechat."), "{text}");
            assert!(seen.insert(text), "{text} twice");
        }
    }

    /// Shipped names never change: this list only grows.
    #[test]
    fn settled_filter_names_are_there() {
        let settled = [
            "packet_len",
            "head_len",
            "version",
            "op",
            "op.base",
            "op.name",
            "seq",
            "head_extra",
            "body",
            "kind",
            "response_in",
            "response_to",
            "response_time",
            "push.flags",
            "push.len",
            "push.ack_in",
            "push.unknown",
            "ack_to",
        ];
        for name in settled {
            let filter = format!("wechat.{name}");
            assert!(FIELDS.iter().any(|row| row.filter.to_str() == Ok(&filter)), "{filter}");
        }
    }

    #[test]
    fn an_index_is_its_rows_place() {
        assert_eq!(FIELDS[F::PROXY as usize].filter, c"wechat.proxy");
        assert_eq!(NOTES[N::INTERNAL_ERROR as usize].filter, c"wechat.internal_error");
        assert_eq!(PREFERENCES[P::OPERATIONS as usize].name, c"operations");
    }
}
