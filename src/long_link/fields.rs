// SPDX-License-Identifier: GPL-2.0-or-later
//! Words a user reads or filters on, of the long link: fields and notes. The only place for them.

use crate::kernel::rows::Type::*;
use crate::kernel::rows::{Field, Group, Note, Severity, Value, field, mark, note, rows};
use crate::wechat::operation;

/// Number of the table.
pub const TABLE: u16 = 1;

rows! {
    /// Names of the fields.
    F, FIELDS: Field, of (TABLE) {
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
        OP_BASE = field(U32, c"wechat.op.base", c"Base operation", c"Number or name of the operation; of an answer, its request's").dec_hex().values(operation::NAMES);
        OP_NAME = field(Text, c"wechat.op.name", c"Operation name", c"By direction, cgi type and the user's table");
        DIRECTION = field(U8, c"wechat.direction", c"Direction", c"Who sent the frame").values(DIRECTIONS);

        STREAM = field(U32, c"wechat.stream", c"Stream", c"Number of the stream; tcp.stream's where TCP carries the link");
        CARRIER = field(Text, c"wechat.carrier", c"Carrier", c"What carries the stream: tcp, mmtls or other");
        BODY_LEN = field(U32, c"wechat.body_len", c"Body length", c"Bytes behind the header");

        // Who answers whom.
        RESPONSE_IN = field(ResponsePacket, c"wechat.response_in", c"Response in", c"The packet that holds the response");
        RESPONSE_TO = field(RequestPacket, c"wechat.response_to", c"Response to", c"The packet that holds the request");
        RESPONSE_TIME = field(Duration, c"wechat.response_time", c"Response time", c"Time from the request to its response");
        UNANSWERED = mark(c"wechat.unanswered", c"Unanswered", c"No response was seen; not known before the first pass is over");
        OPEN_REQUESTS = field(U32, c"wechat.open_requests", c"Open requests", c"Requests of this stream that wait for an answer, behind this frame");
        SUPERSEDED_IN = field(RequestPacket, c"wechat.superseded_in", c"Superseded in", c"The packet with the same request again, before an answer");
        SUPERSEDES = field(RequestPacket, c"wechat.supersedes", c"Supersedes the request in", c"The packet of the open request that this one repeats");
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
        HEARTBEAT_INTERVAL = field(Duration, c"wechat.heartbeat.interval", c"Heartbeat interval", c"Time since the previous heartbeat in the stream");
        HEARTBEAT_AFTER = field(RequestPacket, c"wechat.heartbeat.after", c"Heartbeat after the one in", c"The packet of the previous heartbeat in the stream");
        HEARTBEAT_NEXT = field(RequestPacket, c"wechat.heartbeat.next_in", c"Next heartbeat in", c"The packet of the next heartbeat in the stream");
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

        // Other pushes.
        REDIRECT_ADDRESS = field(Ipv4, c"wechat.redirect.address", c"Server address", c"Where the client is to connect instead");
        VOIP_KIND = field(U8, c"wechat.voip.kind", c"Kind of call event", c"What happened to the call").values(VOIP_KINDS);
        VOIP_DATA = field(Bytes, c"wechat.voip.data", c"Call data", c"Payload of the call event");
        NOTICE_ID = field(U32, c"wechat.notice.id", c"Notice id", c"Number of the notice");
        NOTICE_SEQ = field(U32, c"wechat.notice.seq", c"Notice sequence", c"Sequence of the notice");

        // Identify.
        IDENTIFY_MASKED = field(Bytes, c"wechat.identify.masked", c"Masked words", c"Account number and SyncKey length, interleaved and masked");
        IDENTIFY_SYNCKEY_LEN = field(U32, c"wechat.identify.synckey_len", c"SyncKey length", c"From the masked words");
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

        // Bytes that are no frame.
        SKIPPED = field(Bytes, c"wechat.skipped", c"Skipped bytes", c"Bytes in which no frame begins");
        CONTINUATION = field(Bytes, c"wechat.continuation", c"Continuation", c"More of a frame whose header is in an earlier packet");
        PROXY = field(Bytes, c"wechat.proxy", c"PROXY header", c"What a proxy puts in front of the stream to say who is behind it");
    }
}

rows! {
    /// Names of the notes.
    N, NOTES: Note, of (TABLE) {
        PACKET_LEN_SHORT = note(Group::Malformed, Severity::Error, c"wechat.packet_len_short", c"Packet length below 16").brief("bad length");
        PACKET_LEN_BEYOND_LIMIT = note(Group::Malformed, Severity::Error, c"wechat.packet_len_beyond_limit", c"Packet length beyond the largest frame accepted").brief("bad length");
        HEAD_LEN_SHORT = note(Group::Malformed, Severity::Error, c"wechat.head_len_short", c"Head length below 16").brief("bad head length");
        HEAD_LEN_BEYOND = note(Group::Malformed, Severity::Error, c"wechat.head_len_beyond", c"Head length above the packet length").brief("bad head length");
        PACKET_LEN_WRONG = note(Group::Malformed, Severity::Error, c"wechat.packet_len_wrong", c"Packet length wrong: the next frame begins inside this one").brief("wrong length");
        VERSION_UNKNOWN = note(Group::Protocol, Severity::Warning, c"wechat.version_unknown", c"Version other than 1").brief("unknown version");
        TRUNCATED = note(Group::Reassemble, Severity::Warning, c"wechat.truncated", c"The rest of the frame was not seen").brief("cut");
        NOT_CAPTURED = note(Group::Undecoded, Severity::Note, c"wechat.not_captured", c"Bytes cut off by the snap length");
        SEGMENT_MISSING = note(Group::Sequence, Severity::Warning, c"wechat.segment_missing", c"The stream has a hole before these bytes");
        RESYNCHRONISED = note(Group::Sequence, Severity::Warning, c"wechat.resynchronised", c"Resynchronised on the next frame");
        OUT_OF_STEP = note(Group::Sequence, Severity::Warning, c"wechat.out_of_step", c"No frame begins in these bytes");
        SEEN_BEFORE = note(Group::Sequence, Severity::Note, c"wechat.seen_before", c"These stream bytes were seen before");
        PUSH_WITH_SEQ = note(Group::Protocol, Severity::Warning, c"wechat.push_with_seq", c"A push with a seqid").brief("push with a seqid");
        OP_MISMATCH = note(Group::Protocol, Severity::Warning, c"wechat.op_mismatch", c"The operation does not answer the request's").brief("not the answer");
        NO_RESPONSE = note(Group::Sequence, Severity::Warning, c"wechat.no_response", c"No response seen").brief("no response seen");
        NO_RESPONSE_YET = note(Group::Sequence, Severity::Chat, c"wechat.no_response_yet", c"No response seen, but the capture ends soon after");
        NO_REQUEST = note(Group::Sequence, Severity::Note, c"wechat.no_request", c"A response, but no request seen").brief("no request seen");
        SUPERSEDED = note(Group::Sequence, Severity::Note, c"wechat.superseded", c"The same was asked again before an answer");
        RETRY = note(Group::Sequence, Severity::Note, c"wechat.retry", c"The same request again, before an answer").brief("again");
        DUPLICATE_REQUEST = note(Group::Sequence, Severity::Note, c"wechat.duplicate_request", c"The same request again, after its answer").brief("again");
        SEQ_IN_USE = note(Group::Sequence, Severity::Warning, c"wechat.seq_in_use", c"An open request of another operation has this seqid").brief("seqid in use");
        DUPLICATE_RESPONSE = note(Group::Sequence, Severity::Note, c"wechat.duplicate_response", c"The request was answered before").brief("again");
        SEQ_GAP = note(Group::Sequence, Severity::Chat, c"wechat.seq_gap", c"Seqids left out");
        SEQ_BACK = note(Group::Sequence, Severity::Note, c"wechat.seq_back", c"The seqid went back").brief("seqid goes back");
        SEQ_RESTART = note(Group::Sequence, Severity::Chat, c"wechat.seq_restart", c"The client counts from 1 again");
        LATE_START = note(Group::Sequence, Severity::Chat, c"wechat.late_start", c"The first seqid seen is not 1");
        PUSH_NO_ACK = note(Group::Sequence, Severity::Warning, c"wechat.push.no_ack", c"No acknowledgement seen").brief("no acknowledgement seen");
        PUSH_NO_ACK_YET = note(Group::Sequence, Severity::Chat, c"wechat.push.no_ack_yet", c"No acknowledgement seen, but the capture ends soon after");
        ACK_NO_PUSH = note(Group::Sequence, Severity::Chat, c"wechat.ack.no_push", c"An acknowledgement, but no push that waits for one");
        HEARTBEAT_IRREGULAR = note(Group::Sequence, Severity::Chat, c"wechat.heartbeat.irregular", c"The heartbeat's interval changed much");
        PUSH_LEN_MISMATCH = note(Group::Malformed, Severity::Warning, c"wechat.push_len_mismatch", c"The length in the push does not fit its body").brief("bad push length");
        NAMED_TWICE = note(Group::Protocol, Severity::Note, c"wechat.op.named_twice", c"Several rows of the user's table name this operation");
        INTERNAL_ERROR = note(Group::Undecoded, Severity::Error, c"wechat.internal_error", c"The dissector failed on this frame");
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
