// SPDX-License-Identifier: GPL-2.0-or-later
//! Words a user reads or filters on, of what several protocols share: fields and notes. The only place for them.

use crate::kernel::reader::Faults;
use crate::kernel::rows::Type::*;
use crate::kernel::rows::{
    Field, Group, Note, Severity, Value, bit, field, mark, note, row_of, rows, table_of,
};
use std::ffi::CStr;

/// Number of the table: the rows stand under the long link's name, wherever they lie.
pub const TABLE: u16 = 0;

/// The row of a note that a report of a protocol may have: one of its `own`, or of those that all share.
pub fn note_row(own: &'static [Note], number: u16) -> Option<&'static Note> {
    let rows = if table_of(number) == usize::from(TABLE) { NOTES } else { own };
    rows.get(row_of(number))
}

/// A bit of the selector.
const fn news(mask: u64, filter: &'static CStr, label: &'static CStr) -> Field {
    bit(mask, filter, label, c"Set when there is news of this sort")
}

rows! {
    /// Names of the fields.
    S, FIELDS: Field, of (TABLE) {
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
        UIN = field(U32, c"wechat.uin", c"Account number (uin)", c"Shown only when the preference show_account asks for it");
        ACCOUNT_HIDDEN = field(None, c"wechat.account_hidden", c"Account data not shown (preference show_account)", c"Stands where the account number or the cookie lies");

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
        BUSINESS_OPENED = mark(c"wechat.business.opened", c"Opened", c"Whether a key has opened the body");
        BUSINESS_WHY_CLOSED = field(Text, c"wechat.business.why_closed", c"Closed because", c"no key log, no line, key came later, tag, cut or algorithm");
        BUSINESS_KEY_SOURCE = field(Text, c"wechat.business.key_source", c"Key from", c"line, secret or comment");
        BUSINESS_INFLATED_LEN = field(U32, c"wechat.business.inflated_len", c"Inflated length", c"Bytes to which an opened text inflates");
        BUSINESS_COMPRESSED = field(None, c"wechat.business.compressed", c"Compressed text", c"Where the bytes lie that a key has opened, when they inflate");
        BUSINESS_MESSAGE = field(None, c"wechat.business.message", c"Message", c"Where the bytes lie of what is said: opened and inflated, a protobuf");
        ECDH_VERSION = field(U64, c"wechat.business.ecdh.version", c"Version", c"In a login's body");
        ECDH_SHARE = field(None, c"wechat.business.ecdh.share", c"Key share", c"Curve and point of a login's body");
        ECDH_CURVE = field(U64, c"wechat.business.ecdh.curve", c"Curve", c"415 is P-256");
        ECDH_POINT = field(Bytes, c"wechat.business.ecdh.point", c"Point", c"Uncompressed point on the curve");
        ECDH_NUMBER = field(U64, c"wechat.business.ecdh.number", c"Number", c"In the answer to a login, of unknown meaning");
        ECDH_RANDOM = field(Bytes, c"wechat.business.ecdh.random", c"Encrypted random", c"Ciphertext of random bytes, IV and tag");
        ECDH_CIPHER = field(Bytes, c"wechat.business.ecdh.cipher", c"Encrypted message", c"Ciphertext of the message, IV and tag");
        ECDH_SIGNATURE = field(Bytes, c"wechat.business.ecdh.signature", c"Signature", c"In the answer to a login");
        ENCRYPTED = field(Bytes, c"wechat.encrypted", c"Encrypted data", c"Only a key opens it, which is not on the wire");
        UNDECODED = field(Bytes, c"wechat.undecoded", c"Undecoded data", c"Encrypted, or of a layout that no source describes");
    }
}

rows! {
    /// Names of the notes.
    SN, NOTES: Note, of (TABLE) {
        SYNCKEY_WENT_BACK = note(Group::Sequence, Severity::Warning, c"wechat.synckey.went_back", c"A key of the SyncKey went back").brief("SyncKey goes back");
        BODY_SHORT = note(Group::Malformed, Severity::Error, c"wechat.body_short", c"The body is shorter than its inner lengths").brief("body too short");
        BODY_EXCESS = note(Group::Undecoded, Severity::Note, c"wechat.body_excess", c"Bytes behind the known layout");
        VARINT_UNENDING = note(Group::Malformed, Severity::Error, c"wechat.varint_unending", c"A varint does not end").brief("endless varint");
        SYNCKEY_MALFORMED = note(Group::Malformed, Severity::Error, c"wechat.synckey_malformed", c"The SyncKey is no protobuf of keys").brief("bad SyncKey");
        TOO_MANY_INSIDE = note(Group::Undecoded, Severity::Warning, c"wechat.too_many_inside", c"More is inside the packet than is shown").brief("too much inside");
        TOO_MUCH_KEPT = note(Group::Reassemble, Severity::Warning, c"wechat.too_much_kept", c"A PDU that goes on elsewhere is not put together: too many bytes wait").brief("not put together");
        BUSINESS_WRONG_KEY = note(Group::Protocol, Severity::Warning, c"wechat.business.wrong_key", c"A line of the key log names the body, and its key does not fit").brief("key does not fit");
        BUSINESS_INFLATED_TOO_MUCH = note(Group::Undecoded, Severity::Warning, c"wechat.business.inflated_too_much", c"An opened text inflates to more than is accepted").brief("inflates too much");
        SYNCKEY_COUNT_WRONG = note(Group::Protocol, Severity::Warning, c"wechat.synckey_count_wrong", c"The SyncKey holds another number of keys").brief("bad count");
    }
}

/// What a reader notes.
pub const FAULTS: Faults =
    Faults { short: SN::BODY_SHORT, unending: SN::VARINT_UNENDING, excess: SN::BODY_EXCESS };

const COMPRESSIONS: &[Value] = &[(1, c"zlib"), (2, c"none")];

/// Encryption algorithms of the business packet.
pub const ALGORITHMS: &[Value] = &[
    (5, c"AES-128-CBC"),
    (7, c"RSA, or RSA and AES"),
    (10, c"RSA or DES variant"),
    (12, c"hybrid ECDH"),
    (13, c"AES-GCM"),
];
