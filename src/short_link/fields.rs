// SPDX-License-Identifier: GPL-2.0-or-later
//! Words of the short link that a user reads or filters on. The only place for them.

use crate::kernel::reader::Faults;
use crate::kernel::rows::Type::*;
use crate::kernel::rows::{Field, Group, Note, Severity, field, mark, note, rows};

/// Number of the table.
pub const TABLE: u16 = 4;

rows! {
    /// Numbers of the fields.
    C, FIELDS: Field, of (TABLE) {
        SHORT = field(Protocol, c"wechat_short", c"WeChatSL", c"WeChat Short Link");
        STREAM = field(U32, c"wechat_short.stream", c"TCP stream", c"Number of the TCP stream, as tcp.stream");
        CARRIER = field(Text, c"wechat_short.carrier", c"Carrier", c"mmtls, or http where the call is the body of HTTP's message itself");

        // A call.
        LENGTH = field(U32, c"wechat_short.length", c"Length", c"Bytes of the request behind this field");
        URI_LEN = field(U16, c"wechat_short.uri_len", c"URI length", c"Length of the URI");
        URI = field(Text, c"wechat_short.uri", c"URI", c"Path of the call");
        NAME = field(Text, c"wechat_short.name", c"Name", c"Last part of the URI; of an answer, its request's");
        HOST_LEN = field(U16, c"wechat_short.host_len", c"Host length", c"Length of the host's name");
        HOST = field(Text, c"wechat_short.host", c"Host", c"The server's name");
        BODY_LEN = field(U32, c"wechat_short.body_len", c"Body length", c"Length of the business packet");
        PARAMETER = field(Text, c"wechat_short.parameter", c"Parameter", c"A parameter of the query that has no field of its own; the value of one that may be secret is replaced");
        UIN = field(Text, c"wechat_short.uin", c"Account number (uin)", c"Equal for equal accounts: a keyed hash, or the number when the preference show_account asks for it");
        ADDRESSES = field(Bytes, c"wechat_short.addresses", c"Addresses", c"XML that tells the addresses of WeChat's hosts, mostly deflated");
        CONTINUATION = field(Bytes, c"wechat_short.continuation", c"Continuation", c"Bytes of a message whose beginning was not seen or not opened");

        // What belongs together.
        RESPONSE_IN = field(ResponsePacket, c"wechat_short.response_in", c"Response in", c"The packet that answers this request");
        RESPONSE_TO = field(RequestPacket, c"wechat_short.response_to", c"Request in", c"The packet with the request that this answers");
        RESPONSE_TIME = field(Duration, c"wechat_short.response_time", c"Response time", c"Time from the request to this answer");
        UNANSWERED = mark(c"wechat_short.unanswered", c"Unanswered", c"No answer was seen");
        RETRY_OF = field(RequestPacket, c"wechat_short.retry_of", c"Again the call in", c"The packet in which the same call was made before");
        RETRIED_IN = field(RequestPacket, c"wechat_short.retried_in", c"Made again in", c"The packet in which the same call is made again");
    }
}

/// What a reader notes. Business headers that do not agree are none.
pub const FAULTS: Faults =
    Faults { short: CN::LENGTH_WRONG, unending: CN::LENGTH_WRONG, excess: CN::LENGTH_WRONG };

rows! {
    /// Numbers of the notes.
    CN, NOTES: Note, of (TABLE) {
        LENGTH_WRONG = note(Group::Malformed, Severity::Error, c"wechat_short.length_wrong", c"The lengths in a request do not fit each other").brief("bad lengths");
        TRUNCATED = note(Group::Reassemble, Severity::Warning, c"wechat_short.truncated", c"The rest of the message was not seen").brief("cut");
        NO_BEGINNING = note(Group::Sequence, Severity::Warning, c"wechat_short.no_beginning", c"The beginning of the message was not seen or not opened").brief("beginning not seen");
        UNDECODED = note(Group::Undecoded, Severity::Chat, c"wechat_short.undecoded", c"The body is no business packet that agrees with itself");
        NO_RESPONSE = note(Group::Sequence, Severity::Warning, c"wechat_short.no_response", c"No response seen").brief("no response seen");
        NO_RESPONSE_YET = note(Group::Sequence, Severity::Chat, c"wechat_short.no_response_yet", c"No response seen, but the capture ends soon after");
        NO_REQUEST = note(Group::Sequence, Severity::Note, c"wechat_short.no_request", c"A response, but no request seen").brief("no request seen");
        RETRY = note(Group::Sequence, Severity::Note, c"wechat_short.retry", c"The same call again, before an answer").brief("again");
        DUPLICATE_REQUEST = note(Group::Sequence, Severity::Chat, c"wechat_short.duplicate_request", c"The very same request again, after its answer").brief("again");
        NAME_DIFFERS = note(Group::Protocol, Severity::Note, c"wechat_short.name_differs", c"The cgi type is known as another call's");
        CGI_DIFFERS = note(Group::Protocol, Severity::Warning, c"wechat_short.cgi_differs", c"The answer's cgi type is not the request's").brief("another cgi type");
        NO_ADDRESSES = note(Group::Undecoded, Severity::Warning, c"wechat_short.no_addresses", c"The list of addresses is neither XML nor deflated XML").brief("no addresses");
        INFLATED_TOO_MUCH = note(Group::Malformed, Severity::Warning, c"wechat_short.inflated_too_much", c"The list of addresses inflates to more than is read").brief("inflates too much");
        FAILED = note(Group::Malformed, Severity::Error, c"wechat_short.internal_error", c"The dissector failed on this message");
    }
}
