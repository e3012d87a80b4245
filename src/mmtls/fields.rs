// SPDX-License-Identifier: GPL-2.0-or-later
//! Words a user reads or filters on, of MMTLS: fields and notes. The only place for them.

use crate::kernel::reader::Faults;
use crate::kernel::rows::Type::*;
use crate::kernel::rows::{Field, Group, Note, Severity, Value, field, mark, note, rows};

use super::code::{alert, extension, kind, suite, ticket};

/// Number of the table.
pub const TABLE: u16 = 3;

rows! {
    /// Names of the fields.
    M, FIELDS: Field, of (TABLE) {
        MMTLS = field(Protocol, c"mmtls", c"MMTLS", c"WeChat MMTLS");

        // The record.
        TYPE = field(U8, c"mmtls.type", c"Type", c"What the record carries").values(TYPES);
        VERSION = field(U16, c"mmtls.version", c"Version", c"Version of the record layer: F104 in the client since about 2021, F103 before and in small clients").hex().values(VERSIONS);
        LENGTH = field(U16, c"mmtls.length", c"Length", c"Bytes of the record behind its header");
        SEQ = field(U64, c"mmtls.seq", c"Sequence number", c"Counts the records of a direction from 0, the hello included");
        ENCRYPTED = field(Bytes, c"mmtls.encrypted", c"Encrypted", c"What only a key opens, and its tag");
        PLAIN = field(None, c"mmtls.plain", c"Plaintext", c"Where the bytes lie that a key has opened of a record of data");
        PLAIN_LEN = field(U32, c"mmtls.plain_len", c"Plaintext length", c"Bytes that a key has opened");
        SKIPPED = field(Bytes, c"mmtls.skipped", c"Skipped bytes", c"Bytes in which no record begins");
        CONTINUATION = field(Bytes, c"mmtls.continuation", c"Continuation", c"More of a record whose header is in an earlier packet");
        PROXY = field(Bytes, c"mmtls.proxy", c"PROXY header", c"What a proxy puts in front of the stream to say who is behind it");

        // Its session.
        SESSION = field(U32, c"mmtls.session", c"Session", c"Number of the session in the capture, by first record, from 0; over HTTP each POST is one");
        FLOW = field(Text, c"mmtls.flow", c"Flow", c"How the session begins: full, resumed, 0-RTT, refused or unknown");
        OPENED = mark(c"mmtls.opened", c"Opened", c"Whether a key has opened the record");
        WHY_CLOSED = field(Text, c"mmtls.why_closed", c"Closed because", c"no key log, no line, key came later, tag, cut or sequence unknown");
        KEY_SOURCE = field(Text, c"mmtls.key_source", c"Key from", c"line, same direction, secret or comment");

        // What the order of records and their length tell of closed ones.
        INFERRED = field(Text, c"mmtls.inferred", c"Seems to be", c"Finished, CertificateVerify, NewSessionTicket, EncryptedExtensions, closing alert, heartbeat or data: an inference");
        INFERRED_FRAME_LEN = field(U32, c"mmtls.inferred.frame_len", c"Frame length (inference)", c"Of the frame of the long link that fills the record, if one does");
        INFERRED_HEARTBEAT_INTERVAL = field(Duration, c"mmtls.inferred.heartbeat_interval", c"Heartbeat interval (inference)", c"Time since the client's heartbeat before");
        INFERRED_RESPONSE_TO = field(RequestPacket, c"mmtls.inferred.response_to", c"Response to (inference)", c"The packet of the client's last record of this sort that nothing had answered");
        INFERRED_RESPONSE_TIME = field(Duration, c"mmtls.inferred.response_time", c"Response time (inference)", c"Time from there");

        // A handshake message.
        HANDSHAKE = field(None, c"mmtls.handshake", c"Handshake message", c"A message of the handshake, in clear or opened");
        HANDSHAKE_LEN = field(U32, c"mmtls.handshake.length", c"Message length", c"Bytes of the message behind this field");
        HANDSHAKE_TYPE = field(U8, c"mmtls.handshake.type", c"Message type", c"What the message is").values(MESSAGES);
        HANDSHAKE_VERSION = field(U16, c"mmtls.handshake.version", c"Version in the hello", c"On the wire its bytes are the other way round").hex().values(VERSIONS);
        SUITE_COUNT = field(U8, c"mmtls.handshake.suite_count", c"Number of cipher suites", c"How many the client offers");
        SUITE = field(U16, c"mmtls.handshake.suite", c"Cipher suite", c"One that the client offers, or the one that the server has chosen").hex().values(SUITES);
        RANDOM = field(Bytes, c"mmtls.handshake.random", c"Random", c"32 bytes; the client's name the session in a key log");
        HELLO_TIME = field(Time, c"mmtls.handshake.time", c"Client's time", c"What the client's clock says, in seconds");
        CLOCK_OFFSET = field(Duration, c"mmtls.clock_offset", c"Clock offset", c"The client's clock less the capture's");
        PATH_TIME = field(Time, c"mmtls.path_time", c"Time in the path", c"The second from which the official client draws the path of the POST");
        REPLAY_OF = field(Packet, c"mmtls.handshake.replay_of", c"Again the hello in", c"The packet of the session that had the same random before");
        EXTENSIONS_LEN = field(U32, c"mmtls.handshake.extensions_len", c"Length of all extensions", c"Their number included");
        EXTENSION_COUNT = field(U8, c"mmtls.handshake.extension_count", c"Number of extensions", c"How many there are");
        EXTENSION = field(None, c"mmtls.handshake.extension", c"Extension", c"One extension");
        EXTENSION_LEN = field(U32, c"mmtls.handshake.extension.length", c"Extension length", c"Bytes behind this field, the type included");
        EXTENSION_TYPE = field(U16, c"mmtls.handshake.extension.type", c"Extension type", c"What the extension holds").hex().values(EXTENSIONS);
        KEY_SHARE_COUNT = field(U8, c"mmtls.handshake.key_share.count", c"Number of key shares", c"How many the client offers");
        KEY_SHARE = field(None, c"mmtls.handshake.key_share", c"Key share", c"A number and a point of the client's");
        KEY_SHARE_LEN = field(U32, c"mmtls.handshake.key_share.len", c"Key share length", c"Bytes behind this field");
        KEY_SHARE_INDEX = field(U32, c"mmtls.handshake.key_share.index", c"Key share index", c"Number of a share that the client offers, or of the one that the server has chosen");
        POINT_LEN = field(U16, c"mmtls.handshake.key_share.point_len", c"Point length", c"65 in every sample");
        POINT = field(Bytes, c"mmtls.handshake.key_share.point", c"Point", c"Uncompressed point on P-256");
        KNOWN_KEY_SINGLE = field(U32, c"mmtls.handshake.known_key.single", c"Known key without a list", c"Probably the verification key that a client of F103 knows; 0 in front of a list");
        KNOWN_KEY_COUNT = field(U8, c"mmtls.handshake.known_key.count", c"Number of known keys", c"How many verification keys the client knows, as it seems");
        KNOWN_KEY = field(U32, c"mmtls.handshake.known_key", c"Known key", c"Number of a verification key that the client knows, or of the one that the server signs with, as it seems");
        KNOWN_KEY_PAIR = field(U32, c"mmtls.handshake.known_key.pair", c"Number before the key's", c"1 with key 3, 2 with key 4");
        SIGNATURE_LEN = field(U16, c"mmtls.handshake.signature_len", c"Signature length", c"Bytes of the signature");
        SIGNATURE = field(Bytes, c"mmtls.handshake.signature", c"Signature", c"ECDSA, in DER; the client's program holds the key, no certificate is sent");
        VERIFY_LEN = field(U16, c"mmtls.handshake.verify_len", c"HMAC length", c"32 in every sample");
        VERIFY_DATA = field(Bytes, c"mmtls.handshake.verify_data", c"HMAC", c"HMAC-SHA256 over the messages before");
        VERIFIED = mark(c"mmtls.handshake.verified", c"Verified", c"Whether the HMAC is right; only where secrets allow to check it");
        UNKNOWN = field(Bytes, c"mmtls.handshake.data", c"Data", c"Of an unknown layout, and may hold a ticket; shown only when the preference show_account asks for it");
        HIDDEN = field(None, c"mmtls.handshake.data_hidden", c"Data not shown (preference show_account)", c"Stands where bytes of an unknown layout lie, which may hold a ticket");

        // A ticket.
        TICKET_COUNT = field(U8, c"mmtls.ticket.count", c"Number of tickets", c"How many are offered or issued");
        TICKET = field(None, c"mmtls.ticket", c"Ticket", c"What makes the next session short");
        TICKET_LEN = field(U32, c"mmtls.ticket.all_len", c"Length of all", c"Bytes behind this field");
        TICKET_KIND = field(U8, c"mmtls.ticket.kind", c"Kind", c"What the ticket is good for").values(TICKETS);
        TICKET_LIFETIME = field(U32, c"mmtls.ticket.lifetime", c"Lifetime", c"In seconds, from when it is issued");
        TICKET_BLOCK_LEN = field(U16, c"mmtls.ticket.block_len", c"Block length", c"32 in a refresh ticket when it is issued, else 0");
        TICKET_BLOCK = field(Bytes, c"mmtls.ticket.block", c"Block", c"What only the issued form of a refresh ticket holds; shown only when the preference show_account asks for it");
        TICKET_CONSTANT = field(U32, c"mmtls.ticket.constant", c"Constant", c"One of a few small numbers, of unknown meaning").hex();
        TICKET_NONCE_LEN = field(U16, c"mmtls.ticket.nonce_len", c"Nonce length", c"12 in every sample");
        TICKET_NONCE = field(Bytes, c"mmtls.ticket.nonce", c"Nonce", c"Of the server's own cipher; as unique as the ticket, and shown only when the preference show_account asks for it");
        TICKET_OPAQUE_LEN = field(U16, c"mmtls.ticket.len", c"Ticket length", c"72 in an access ticket, 105 in a refresh ticket");
        TICKET_ID = field(Text, c"mmtls.ticket.id", c"Ticket id", c"Equal for equal tickets: a keyed hash, or the ticket's hex digits when the preference show_account asks for them");
        TICKET_ISSUED_IN = field(Packet, c"mmtls.ticket.issued_in", c"Issued in", c"The packet of the NewSessionTicket that gave the client this ticket");
        TICKET_USED_IN = field(Packet, c"mmtls.ticket.used_in", c"Used next in", c"The packet of the next ClientHello that offers this ticket");
        TICKET_USE = field(U32, c"mmtls.ticket.use", c"Use", c"Which of the capture's sessions that offer this ticket this one is, from 1");
        TICKET_USES = field(U32, c"mmtls.ticket.uses", c"Uses", c"How many of the capture's sessions offer this ticket; in the first pass so far");
        TICKET_AGE = field(Duration, c"mmtls.ticket.age", c"Age", c"Time since it was issued");
        TICKET_REFUSED = mark(c"mmtls.ticket.refused", c"Refused", c"Whether the server answered that it does not know the ticket");

        // An alert.
        ALERT = field(None, c"mmtls.alert", c"Alert", c"The end of a session, or a refusal");
        ALERT_LEN = field(U32, c"mmtls.alert.length", c"Alert length", c"Bytes of the alert behind this field");
        ALERT_CODE = field(U16, c"mmtls.alert.code", c"Code", c"What the alert says; the name of 0x73 is an inference from TLS").hex().values(ALERTS);
        ALERT_LEVEL = field(U8, c"mmtls.alert.level", c"Level", c"How bad it is; the names are an inference from TLS").values(LEVELS);
    }
}

/// Types of records.
pub const TYPES: &[Value] =
    &[(0x15, c"Alert"), (0x16, c"Handshake"), (0x17, c"Data"), (0x19, c"Handshake with early data")];

/// Versions of the record layer.
pub const VERSIONS: &[Value] = &[(0xf103, c"F103"), (0xf104, c"F104")];

/// Types of handshake messages.
pub const MESSAGES: &[Value] = &[
    (kind::CLIENT_HELLO as u32, c"ClientHello"),
    (kind::SERVER_HELLO as u32, c"ServerHello"),
    (kind::NEW_SESSION_TICKET as u32, c"NewSessionTicket"),
    (kind::ENCRYPTED_EXTENSIONS as u32, c"EncryptedExtensions"),
    (kind::CERTIFICATE_VERIFY as u32, c"CertificateVerify"),
    (kind::FINISHED as u32, c"Finished"),
];

/// Cipher suites.
pub const SUITES: &[Value] = &[
    (suite::ECDHE as u32, c"ECDHE_ECDSA_AES_128_GCM_SHA256"),
    (suite::TICKET as u32, c"PSK_AES_128_GCM_SHA256"),
];

/// Types of extensions.
pub const EXTENSIONS: &[Value] = &[
    (extension::TICKETS as u32, c"tickets"),
    (extension::KEY_SHARES as u32, c"key shares"),
    (extension::KEY_SHARE as u32, c"chosen key share"),
    (extension::TIME as u32, c"client's time"),
    (extension::KNOWN_KEY as u32, c"chosen known key"),
];

/// Kinds of tickets.
pub const TICKETS: &[Value] = &[(ticket::ACCESS as u32, c"access"), (ticket::REFRESH as u32, c"refresh")];

/// Codes of alerts.
pub const ALERTS: &[Value] =
    &[(alert::END as u32, c"end"), (alert::TICKET_REFUSED as u32, c"ticket refused")];

/// Levels of alerts.
pub const LEVELS: &[Value] = &[(1, c"warning"), (2, c"fatal")];

/// What a reader notes. No varint is in any message.
pub const FAULTS: Faults =
    Faults { short: MN::MESSAGE_SHORT, unending: MN::MESSAGE_SHORT, excess: MN::MESSAGE_EXCESS };

rows! {
    /// Names of the notes.
    MN, NOTES: Note, of (TABLE) {
        TYPE_UNKNOWN = note(Group::Protocol, Severity::Warning, c"mmtls.type_unknown", c"A record of an unknown type").brief("unknown type");
        VERSION_UNKNOWN = note(Group::Protocol, Severity::Warning, c"mmtls.version_unknown", c"A record of an unknown version").brief("unknown version");
        EMPTY = note(Group::Malformed, Severity::Warning, c"mmtls.empty", c"A record without content").brief("empty");
        LENGTH_WRONG = note(Group::Malformed, Severity::Error, c"mmtls.length_wrong", c"Record length wrong: the next record begins inside this one").brief("wrong length");
        LENGTH_BEYOND_KNOWN = note(Group::Protocol, Severity::Warning, c"mmtls.length_beyond_known", c"A record longer than any known").brief("very long");
        TAG = note(Group::Protocol, Severity::Warning, c"mmtls.tag", c"A line of the key log names the record, and its key does not fit").brief("key does not fit");
        KEYLOG_UNREADABLE = note(Group::Undecoded, Severity::Warning, c"mmtls.keylog_unreadable", c"The key log cannot be read").brief("key log unreadable");
        KEYLOG_WRONG_LENGTH = note(Group::Undecoded, Severity::Note, c"mmtls.keylog_wrong_length", c"Lines of the key log have keys of a wrong length");
        NOT_CAPTURED = note(Group::Undecoded, Severity::Note, c"mmtls.not_captured", c"Bytes cut off by the snap length");
        TRUNCATED = note(Group::Reassemble, Severity::Warning, c"mmtls.truncated", c"The rest of the record was not seen").brief("cut");
        SEGMENT_MISSING = note(Group::Sequence, Severity::Warning, c"mmtls.segment_missing", c"The stream has a hole before these bytes");
        RESYNCHRONISED = note(Group::Sequence, Severity::Warning, c"mmtls.resynchronised", c"Resynchronised on the next record");
        OUT_OF_STEP = note(Group::Sequence, Severity::Warning, c"mmtls.out_of_step", c"No record begins in these bytes");
        SEEN_BEFORE = note(Group::Sequence, Severity::Note, c"mmtls.seen_before", c"These stream bytes were seen before");
        MESSAGE_SHORT = note(Group::Malformed, Severity::Error, c"mmtls.message_short", c"A message is shorter than its fields").brief("message too short");
        MESSAGE_EXCESS = note(Group::Malformed, Severity::Warning, c"mmtls.message_excess", c"Bytes behind the known layout").brief("bytes left over");
        LENGTH_BEYOND = note(Group::Malformed, Severity::Error, c"mmtls.length_beyond", c"An inner length reaches beyond what it is in").brief("bad inner length");
        COUNT_WRONG = note(Group::Malformed, Severity::Error, c"mmtls.count_wrong", c"A number says more than there are").brief("bad count");
        TOO_MANY = note(Group::Undecoded, Severity::Warning, c"mmtls.too_many", c"More is in the message than is shown").brief("too many to show");
        HELLO_VERSION_UNKNOWN = note(Group::Protocol, Severity::Warning, c"mmtls.hello_version_unknown", c"A hello of an unknown version").brief("unknown hello version");
        HELLO_VERSION_DIFFERS = note(Group::Protocol, Severity::Warning, c"mmtls.hello_version_differs", c"A hello of another version than its record").brief("hello of another version");
        TIME_DIFFERS = note(Group::Protocol, Severity::Warning, c"mmtls.time_differs", c"The extensions' time is not the hello's").brief("times differ");
        REPLAYED = note(Group::Sequence, Severity::Warning, c"mmtls.replayed", c"A hello that another session had before").brief("replayed");
        NOT_VERIFIED = note(Group::Protocol, Severity::Warning, c"mmtls.not_verified", c"The HMAC of a Finished is wrong").brief("HMAC wrong");
        FAILED = note(Group::Malformed, Severity::Error, c"mmtls.internal_error", c"The dissector failed on these bytes");
    }
}
