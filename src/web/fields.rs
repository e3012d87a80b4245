// SPDX-License-Identifier: GPL-2.0-or-later
//! Words a user reads or filters on, of the web client: fields and notes. The only place for them.

use std::ffi::CStr;

use crate::kernel::rows::Type::*;
use crate::kernel::rows::{Field, Group, Note, Severity, Value, bit, field, mark, name_of, note, rows};

/// Number of the table.
pub const TABLE: u16 = 2;

rows! {
    /// Names of the fields.
    W, FIELDS: Field, of (TABLE) {
        WEB = field(Protocol, c"wechat_web", c"WeChatWeb", c"WeChat web client");

        // What the message is.
        CALL = field(Text, c"wechat_web.call", c"Call", c"Last part of the path, as the table of calls has it");
        KIND = field(Text, c"wechat_web.kind", c"Kind", c"request or response");
        PATH = field(Text, c"wechat_web.path", c"Path", c"What the path of a request has where no call that is known has its name, or behind that name; what may be a secret is replaced, as wechat_web.sid");
        HOST = field(Text, c"wechat_web.host", c"Host", c"As the request names it; calls are known by their path, on any host");
        HOST_KNOWN = mark(c"wechat_web.host.known", c"Host of WeChat's", c"Whether the host is one of those that WeChat's web client is known to use");
        SESSION = field(U32, c"wechat_web.session", c"Session", c"Number of the session in the capture, from 0: messages with the same sid or, where they name none, the same account or connection");

        // Who answers whom.
        RESPONSE_IN = field(ResponsePacket, c"wechat_web.response_in", c"Response in", c"The packet that holds the response");
        RESPONSE_TO = field(RequestPacket, c"wechat_web.response_to", c"Response to", c"The packet that holds the request");
        RESPONSE_TIME = field(Duration, c"wechat_web.response_time", c"Response time", c"Time from the request to its response");
        POLL_HOLD = field(Duration, c"wechat_web.poll.hold", c"Held for", c"How long the server held the poll: from the request to its response");
        POLL_FETCH_IN = field(RequestPacket, c"wechat_web.poll.fetch_in", c"Fetched by the request in", c"The packet of the webwxsync request that follows what the poll announced");
        POLL_UNFETCHED = mark(c"wechat_web.poll.unfetched", c"Not fetched", c"No webwxsync followed what the poll announced; not known before the first pass is over");
        FETCH_POLL = field(Packet, c"wechat_web.fetch.poll", c"After the poll in", c"The packet of a poll's response that announced what this request fetches");
        FETCH_TIME = field(Duration, c"wechat_web.fetch.time", c"Time since the poll", c"Time from the first of these responses to this request");
        MESSAGE_AGAIN_OF = field(Packet, c"wechat_web.message.again_of", c"Came before in", c"The packet that first brought the message with this MsgId");
        MESSAGE_AGAIN_IN = field(Packet, c"wechat_web.message.again_in", c"Comes again in", c"A later packet with the message of this MsgId");
        MESSAGE_SEND = field(Packet, c"wechat_web.message.send", c"Sent by", c"The packet in which the server gave the client's own message this MsgId");
        SEND_SYNC_IN = field(Packet, c"wechat_web.send.sync_in", c"Comes back in", c"The packet of the sync that returns the message that was sent");

        // Parameters of the query.
        PARAMETER = field(Text, c"wechat_web.parameter", c"Parameter", c"A parameter of the query that has no field of its own");
        PARAMETER_R = field(I64, c"wechat_web.parameter.r", c"r", c"A number made from the time, against caches");
        PARAMETER_TIME = field(Time, c"wechat_web.parameter.time", c"_", c"The client's time in milliseconds, against caches");
        LANG = field(Text, c"wechat_web.lang", c"Language", c"Language of the client");
        APP_ID = field(Text, c"wechat_web.app_id", c"App id", c"Which client logs in");
        MSG_PARAMETER = field(U64, c"wechat_web.parameter.msg_id", c"MsgID", c"The message whose media is asked for");

        // Who.
        UIN = field(U64, c"wechat_web.uin", c"Uin", c"Account number; shown only when the preference show_account asks for it");
        ACCOUNT = field(Text, c"wechat_web.account", c"Account", c"Stands for the account number: equal numbers have equal words within a run");
        SID = field(Text, c"wechat_web.sid", c"Session id", c"A secret: words stand for it, equal where it is equal, unless show_account asks for it");
        SKEY = field(Text, c"wechat_web.skey", c"Skey", c"A secret, as wechat_web.sid; empty in answers that do not change it");
        PASS_TICKET = field(Text, c"wechat_web.pass_ticket", c"Pass ticket", c"A secret, as wechat_web.sid");
        TICKET = field(Text, c"wechat_web.ticket", c"Login ticket", c"A secret, as wechat_web.sid: a ticket, or the uuid of a login");
        DEVICE_ID = field(Text, c"wechat_web.device_id", c"Device id", c"e and 15 digits, made up by the client");

        // SyncKeys.
        SYNCKEY = field(None, c"wechat_web.synckey", c"SyncKey", c"How far the client has synchronised, for the next webwxsync and in older clients for synccheck");
        CHECK_KEY = field(None, c"wechat_web.synckey.check", c"SyncCheckKey", c"How far the client has synchronised, for the next synccheck");
        SYNCKEY_COUNT = field(U32, c"wechat_web.synckey.count", c"Count", c"How many keys there are, as the message says");
        SYNCKEY_LIST = field(None, c"wechat_web.synckey.list", c"Keys", c"The numbered keys");
        SYNCKEY_ENTRY = field(None, c"wechat_web.synckey.entry", c"Key", c"One numbered key");
        SYNCKEY_KEY = field(U64, c"wechat_web.synckey.key", c"Key", c"Number of the key");
        SYNCKEY_VALUE = field(U64, c"wechat_web.synckey.value", c"Value", c"How far this key has come");
        SYNCKEY_TIME = field(Time, c"wechat_web.synckey.time", c"Value as a time", c"Of key 201");
        SYNCKEY_DELTA = field(I64, c"wechat_web.synckey.delta", c"Growth", c"Since the SyncKey before, of this session and of the same sort where there is one");
        SYNCKEY_PREVIOUS = field(Packet, c"wechat_web.synckey.previous", c"Compared with the SyncKey in", c"The packet of the SyncKey before");
        SYNCKEY_NEXT = field(Packet, c"wechat_web.synckey.next", c"SyncKey compared with this in", c"The packet of the SyncKey that is compared with this one");

        // The answer to a poll.
        RETCODE = field(U32, c"wechat_web.retcode", c"Retcode", c"Whether the session goes on").values(RETCODES);
        SELECTOR = field(U32, c"wechat_web.selector", c"Selector", c"What has news, one bit each").hex();
        SELECTOR_PROFILE = bit(1, c"wechat_web.selector.profile", c"Own profile", c"Set when there is news of this sort");
        SELECTOR_MESSAGES = bit(2, c"wechat_web.selector.messages", c"Messages", c"Set when there is news of this sort");
        SELECTOR_CONTACTS = bit(4, c"wechat_web.selector.contacts", c"Contacts", c"Set when there is news of this sort");
        LOGIN_CODE = field(U32, c"wechat_web.login.code", c"Login code", c"How far a login has come").values(LOGIN_CODES);

        // JSON of any call.
        BODY = field(None, c"wechat_web.body", c"JSON", c"The body as members with their values");
        BASE_REQUEST = field(None, c"wechat_web.base_request", c"BaseRequest", c"Who asks");
        BASE_RESPONSE = field(None, c"wechat_web.base_response", c"BaseResponse", c"Whether the call went well");
        RET = field(I32, c"wechat_web.ret", c"Ret", c"0 when the call went well").values(RETS);
        ERR_MSG = field(Text, c"wechat_web.err_msg", c"ErrMsg", c"What went wrong");
        MEMBER = field(Text, c"wechat_web.member", c"Member", c"A member that has no field of its own");
        RR = field(I64, c"wechat_web.rr", c"rr", c"A number made from the time");
        CONTINUE_FLAG = field(U32, c"wechat_web.continue_flag", c"ContinueFlag", c"Not 0 when there is more to fetch at once");
        SCENE = field(U32, c"wechat_web.scene", c"Scene", c"Why the client asks");
        COUNT = field(U32, c"wechat_web.count", c"Count", c"How many entries the list has, as the message says");
        CLIENT_VERSION = field(U32, c"wechat_web.client_version", c"ClientVersion", c"Version that the server takes the client for").hex();
        SYSTEM_TIME = field(Time, c"wechat_web.system_time", c"SystemTime", c"The server's time");
        SEQ = field(U64, c"wechat_web.seq", c"Seq", c"Where a list of contacts goes on");

        // Messages.
        MESSAGE_COUNT = field(U32, c"wechat_web.messages.count", c"AddMsgCount", c"How many messages there are, as the answer says");
        MESSAGES = field(None, c"wechat_web.messages", c"AddMsgList", c"Messages that are new");
        MESSAGE = field(None, c"wechat_web.message", c"Message", c"One message");
        MSG_ID = field(U64, c"wechat_web.message.id", c"MsgId", c"Number of the message");
        NEW_MSG_ID = field(U64, c"wechat_web.message.new_id", c"NewMsgId", c"Number of the message, in later answers");
        FROM = field(Text, c"wechat_web.message.from", c"FromUserName", c"Sender: @ a person, @@ a chat room, plain words a service");
        TO = field(Text, c"wechat_web.message.to", c"ToUserName", c"Receiver, as the sender");
        MSG_TYPE = field(U32, c"wechat_web.message.type", c"MsgType", c"What sort of message it is").values(MSG_TYPES);
        CONTENT = field(Text, c"wechat_web.message.content", c"Content", c"Text, or XML of the other types");
        ORI_CONTENT = field(Text, c"wechat_web.message.ori_content", c"OriContent", c"Content as it was sent");
        STATUS = field(U32, c"wechat_web.message.status", c"Status", c"Status of the message");
        IMG_STATUS = field(U32, c"wechat_web.message.img_status", c"ImgStatus", c"Whether there is an image").values(IMG_STATUSES);
        CREATE_TIME = field(Time, c"wechat_web.message.create_time", c"CreateTime", c"When the message was made");
        VOICE_LENGTH = field(U32, c"wechat_web.message.voice_length", c"VoiceLength", c"Milliseconds of speech");
        PLAY_LENGTH = field(U32, c"wechat_web.message.play_length", c"PlayLength", c"Seconds of video");
        FILE_NAME = field(Text, c"wechat_web.message.file_name", c"FileName", c"Name of a file, or title of a link");
        FILE_SIZE = field(U64, c"wechat_web.message.file_size", c"FileSize", c"Bytes of the file");
        ENCRY_FILE_NAME = field(Text, c"wechat_web.message.encry_file_name", c"EncryFileName", c"Name of the file, encoded");
        MEDIA_ID = field(Text, c"wechat_web.message.media_id", c"MediaId", c"Where the media lies: a secret, as wechat_web.sid");
        URL = field(Text, c"wechat_web.message.url", c"Url", c"Where a link or a place leads");
        APP_MSG_TYPE = field(U32, c"wechat_web.message.app_type", c"AppMsgType", c"What sort of app message it is").values(APP_MSG_TYPES);
        NOTIFY_CODE = field(U32, c"wechat_web.message.notify_code", c"StatusNotifyCode", c"What another client of the account does").values(NOTIFY_CODES);
        NOTIFY_USER = field(Text, c"wechat_web.message.notify_user", c"StatusNotifyUserName", c"The chats it is about, separated by commas");
        FORWARD_FLAG = field(U32, c"wechat_web.message.forward_flag", c"ForwardFlag", c"Whether the message was forwarded");
        HAS_PRODUCT_ID = field(U32, c"wechat_web.message.has_product_id", c"HasProductId", c"Whether it belongs to a product");
        MESSAGE_TICKET = field(Text, c"wechat_web.message.ticket", c"Ticket", c"Ticket of a friend request: a secret, as wechat_web.sid");
        IMG_HEIGHT = field(U32, c"wechat_web.message.img_height", c"ImgHeight", c"Height of the image in pixels");
        IMG_WIDTH = field(U32, c"wechat_web.message.img_width", c"ImgWidth", c"Width of the image in pixels");
        SUB_MSG_TYPE = field(U32, c"wechat_web.message.sub_type", c"SubMsgType", c"What sort of message it is among those of its type");

        // Whom a card or a friend request recommends.
        RECOMMEND = field(None, c"wechat_web.recommend", c"RecommendInfo", c"Whom a card or a friend request is about");
        RECOMMEND_USER = field(Text, c"wechat_web.recommend.user", c"UserName", c"Name of the account");
        RECOMMEND_NICK = field(Text, c"wechat_web.recommend.nick", c"NickName", c"Name that is shown");
        RECOMMEND_QQ = field(U64, c"wechat_web.recommend.qq", c"QQNum", c"QQ number; shown only when the preference show_account asks for it");
        RECOMMEND_PROVINCE = field(Text, c"wechat_web.recommend.province", c"Province", c"Province");
        RECOMMEND_CITY = field(Text, c"wechat_web.recommend.city", c"City", c"City");
        RECOMMEND_CONTENT = field(Text, c"wechat_web.recommend.content", c"Content", c"Words of the request");
        RECOMMEND_SIGNATURE = field(Text, c"wechat_web.recommend.signature", c"Signature", c"What the account says of itself");
        RECOMMEND_ALIAS = field(Text, c"wechat_web.recommend.alias", c"Alias", c"WeChat id");
        RECOMMEND_SCENE = field(U32, c"wechat_web.recommend.scene", c"Scene", c"How the account was found");
        RECOMMEND_VERIFY = field(U32, c"wechat_web.recommend.verify_flag", c"VerifyFlag", c"Sort of a service account, one bit each").hex();
        RECOMMEND_ATTR = field(U64, c"wechat_web.recommend.attr_status", c"AttrStatus", c"A number that no source describes");
        RECOMMEND_SEX = field(U32, c"wechat_web.recommend.sex", c"Sex", c"Sex").values(SEXES);
        RECOMMEND_TICKET = field(Text, c"wechat_web.recommend.ticket", c"Ticket", c"Ticket of a friend request: a secret, as wechat_web.sid");
        RECOMMEND_OP_CODE = field(U32, c"wechat_web.recommend.op_code", c"OpCode", c"What is asked for");
        APP_INFO = field(None, c"wechat_web.app_info", c"AppInfo", c"The app of an app message");
        APP_INFO_ID = field(Text, c"wechat_web.app_info.id", c"AppID", c"Its id");
        APP_INFO_TYPE = field(U32, c"wechat_web.app_info.type", c"Type", c"Its sort");

        // Contacts.
        MOD_CONTACT_COUNT = field(U32, c"wechat_web.mod_contacts.count", c"ModContactCount", c"How many contacts changed, as the answer says");
        MOD_CONTACTS = field(None, c"wechat_web.mod_contacts", c"ModContactList", c"Contacts that changed");
        DEL_CONTACT_COUNT = field(U32, c"wechat_web.del_contacts.count", c"DelContactCount", c"How many contacts are gone, as the answer says");
        DEL_CONTACTS = field(None, c"wechat_web.del_contacts", c"DelContactList", c"Contacts that are gone");
        MOD_MEMBER_COUNT = field(U32, c"wechat_web.mod_members.count", c"ModChatRoomMemberCount", c"How many members of chat rooms changed, as the answer says");
        MOD_MEMBERS = field(None, c"wechat_web.mod_members", c"ModChatRoomMemberList", c"Members of chat rooms that changed");
        CONTACTS = field(None, c"wechat_web.contacts", c"Contacts", c"Contacts");
        CONTACT = field(None, c"wechat_web.contact", c"Contact", c"One contact");
        CONTACT_USER = field(Text, c"wechat_web.contact.user", c"UserName", c"Name of the account in this session");
        CONTACT_NICK = field(Text, c"wechat_web.contact.nick", c"NickName", c"Name that is shown");
        CONTACT_REMARK = field(Text, c"wechat_web.contact.remark", c"RemarkName", c"Name that the user gave");
        CONTACT_ALIAS = field(Text, c"wechat_web.contact.alias", c"Alias", c"WeChat id");
        CONTACT_UIN = field(U64, c"wechat_web.contact.uin", c"Uin", c"Account number, mostly 0; shown only when the preference show_account asks for it");
        CONTACT_SEX = field(U32, c"wechat_web.contact.sex", c"Sex", c"Sex").values(SEXES);
        CONTACT_FLAG = field(U32, c"wechat_web.contact.flag", c"ContactFlag", c"What the contact is to the user, one bit each").hex();
        CONTACT_FLAG_CONTACT = bit(0x1, c"wechat_web.contact.flag.contact", c"Contact", c"In the address book");
        CONTACT_FLAG_CHAT = bit(0x2, c"wechat_web.contact.flag.chat", c"Chat", c"In the list of chats");
        CONTACT_FLAG_ROOM = bit(0x4, c"wechat_web.contact.flag.chat_room", c"Chat room", c"A chat room");
        CONTACT_FLAG_BLOCKED = bit(0x8, c"wechat_web.contact.flag.blocked", c"Blocked", c"On the black list");
        CONTACT_FLAG_DOMAIN = bit(0x10, c"wechat_web.contact.flag.domain", c"Domain", c"A contact of a domain");
        CONTACT_FLAG_HIDDEN = bit(0x20, c"wechat_web.contact.flag.hidden", c"Hidden", c"Hidden");
        CONTACT_FLAG_FAVOURITE = bit(0x40, c"wechat_web.contact.flag.favourite", c"Favourite", c"A favourite");
        CONTACT_FLAG_THIRD_PARTY = bit(0x80, c"wechat_web.contact.flag.third_party", c"Third party", c"From a third party");
        CONTACT_FLAG_NO_MOMENTS = bit(0x100, c"wechat_web.contact.flag.moments_blocked", c"Moments blocked", c"Sees no Moments of the user");
        CONTACT_FLAG_MUTED = bit(0x200, c"wechat_web.contact.flag.muted", c"Muted", c"No sound");
        CONTACT_VERIFY = field(U32, c"wechat_web.contact.verify_flag", c"VerifyFlag", c"Sort of a service account, one bit each").hex();
        CONTACT_SIGNATURE = field(Text, c"wechat_web.contact.signature", c"Signature", c"What the account says of itself");
        CONTACT_PROVINCE = field(Text, c"wechat_web.contact.province", c"Province", c"Province");
        CONTACT_CITY = field(Text, c"wechat_web.contact.city", c"City", c"City");
        CONTACT_PICTURE = field(Text, c"wechat_web.contact.picture", c"HeadImgUrl", c"Where the picture lies");
        CONTACT_MEMBERS = field(None, c"wechat_web.contact.members", c"MemberList", c"Members of a chat room");
        CONTACT_MEMBER_COUNT = field(U32, c"wechat_web.contact.members.count", c"MemberCount", c"How many members a chat room has, as the answer says");
        USER = field(None, c"wechat_web.user", c"User", c"The account itself");

        // The account's own profile.
        PROFILE = field(None, c"wechat_web.profile", c"Profile", c"What changed in the account's own profile");
        PROFILE_PART = field(None, c"wechat_web.profile.part", c"Text of the profile", c"Wraps a text of the profile");
        BIT_FLAG = field(U32, c"wechat_web.profile.changed", c"BitFlag", c"Which parts of the profile changed, one bit each").hex();
        BIT_USER = bit(0x1, c"wechat_web.profile.changed.user", c"User name", c"Set when this part changed");
        BIT_NICK = bit(0x2, c"wechat_web.profile.changed.nick", c"Nick name", c"Set when this part changed");
        BIT_UIN = bit(0x4, c"wechat_web.profile.changed.bind_uin", c"Bound number", c"Set when this part changed");
        BIT_EMAIL = bit(0x8, c"wechat_web.profile.changed.email", c"Mail", c"Set when this part changed");
        BIT_MOBILE = bit(0x10, c"wechat_web.profile.changed.mobile", c"Mobile", c"Set when this part changed");
        BIT_STATUS = bit(0x20, c"wechat_web.profile.changed.status", c"Status", c"Set when this part changed");
        BIT_PICTURE = bit(0x40, c"wechat_web.profile.changed.picture", c"Picture", c"Set when this part changed");
        BIT_CARD = bit(0x80, c"wechat_web.profile.changed.card", c"Personal card", c"Set when this part changed");
        BIT_BOTTLE = bit(0x100, c"wechat_web.profile.changed.bottle_picture", c"Bottle picture", c"Set when this part changed");
        BIT_SUM = bit(0x200, c"wechat_web.profile.changed.picture_sum", c"Checksum of the picture", c"Set when this part changed");
        BIT_SUM_2 = bit(0x400, c"wechat_web.profile.changed.picture_sum_2", c"Second checksum of the picture", c"Set when this part changed");
        BIT_PLUGINS = bit(0x800, c"wechat_web.profile.changed.plugins", c"Plug-ins", c"Set when this part changed");
        PROFILE_USER = field(Text, c"wechat_web.profile.user", c"UserName", c"Name of the account");
        PROFILE_NICK = field(Text, c"wechat_web.profile.nick", c"NickName", c"Name that is shown");
        PROFILE_BIND_UIN = field(U64, c"wechat_web.profile.bind_uin", c"BindUin", c"Bound number; shown only when the preference show_account asks for it");
        PROFILE_EMAIL = field(Text, c"wechat_web.profile.email", c"BindEmail", c"Bound mail address");
        PROFILE_MOBILE = field(Text, c"wechat_web.profile.mobile", c"BindMobile", c"Bound telephone number");
        PROFILE_STATUS = field(U64, c"wechat_web.profile.status", c"Status", c"Status of the account");
        PROFILE_SEX = field(U32, c"wechat_web.profile.sex", c"Sex", c"Sex").values(SEXES);
        PROFILE_CARD = field(U32, c"wechat_web.profile.card", c"PersonalCard", c"Whether there is a personal card");
        PROFILE_ALIAS = field(Text, c"wechat_web.profile.alias", c"Alias", c"WeChat id");
        PROFILE_PICTURE_FLAG = field(U32, c"wechat_web.profile.picture_changed", c"HeadImgUpdateFlag", c"Whether the picture changed");
        PROFILE_PICTURE = field(Text, c"wechat_web.profile.picture", c"HeadImgUrl", c"Where the picture lies");
        PROFILE_SIGNATURE = field(Text, c"wechat_web.profile.signature", c"Signature", c"What the account says of itself");

        // Sending.
        SEND = field(None, c"wechat_web.send", c"Msg", c"The message to send");
        SEND_TYPE = field(U32, c"wechat_web.send.type", c"Type", c"What sort of message it is").values(MSG_TYPES);
        SEND_CONTENT = field(Text, c"wechat_web.send.content", c"Content", c"Text, or XML of the other types");
        SEND_FROM = field(Text, c"wechat_web.send.from", c"FromUserName", c"Sender");
        SEND_TO = field(Text, c"wechat_web.send.to", c"ToUserName", c"Receiver");
        SEND_MEDIA_ID = field(Text, c"wechat_web.send.media_id", c"MediaId", c"Where the media lies, as the answer to its upload says: a secret, as wechat_web.sid");
        LOCAL_ID = field(Text, c"wechat_web.send.local_id", c"LocalID", c"The client's own number for the message; the answer repeats it");
        CLIENT_MSG_ID = field(Text, c"wechat_web.send.client_id", c"ClientMsgId", c"The client's own number for the message");
        // Uploading a file, or a piece of one.
        FORM = field(None, c"wechat_web.form", c"Form", c"The body as parts with their names");
        FORM_PART = field(Text, c"wechat_web.form.part", c"Part", c"A part of the form, or a parameter in the body, that has no field of its own");
        UPLOAD_ID = field(Text, c"wechat_web.upload.id", c"id", c"The client's own name for the file");
        UPLOAD_NAME = field(Text, c"wechat_web.upload.name", c"name", c"Name of the file");
        UPLOAD_CONTENT_TYPE = field(Text, c"wechat_web.upload.content_type", c"type", c"Media type of the file");
        UPLOAD_MODIFIED = field(Text, c"wechat_web.upload.modified", c"lastModifiedDate", c"When the file was changed, as the browser writes it");
        UPLOAD_SIZE = field(U64, c"wechat_web.upload.size", c"Size", c"Bytes of the whole file");
        UPLOAD_CHUNKS = field(U32, c"wechat_web.upload.chunks", c"chunks", c"Pieces in which the file is sent");
        UPLOAD_CHUNK = field(U32, c"wechat_web.upload.chunk", c"chunk", c"Which of them this is, from 0");
        UPLOAD_KIND = field(Text, c"wechat_web.upload.kind", c"mediatype", c"pic, video or doc");
        UPLOAD_FILE = field(Text, c"wechat_web.upload.file", c"File", c"Name of the file whose bytes, or piece of it, lie here");
        UPLOAD_FILE_LEN = field(U32, c"wechat_web.upload.file_len", c"Bytes of the file here", c"How many bytes of the file this request brings");
        UPLOAD_TYPE = field(U32, c"wechat_web.upload.type", c"UploadType", c"What sort of upload it is; 2 in all sources");
        UPLOAD_CLIENT_ID = field(Text, c"wechat_web.upload.client_id", c"ClientMediaId", c"The client's own number for the file, from the time");
        UPLOAD_START = field(U64, c"wechat_web.upload.start", c"StartPos", c"Where in the file this begins; in the answer, how far it has come");
        UPLOAD_DATA_LEN = field(U64, c"wechat_web.upload.data_len", c"DataLen", c"Bytes of data, as the request says");
        UPLOAD_MEDIA_TYPE = field(U32, c"wechat_web.upload.media_type", c"MediaType", c"What sort of media it is; 4 in all sources");
        UPLOAD_MD5 = field(Text, c"wechat_web.upload.md5", c"FileMd5", c"Checksum of the whole file");
        UPLOAD_THUMB_HEIGHT = field(U32, c"wechat_web.upload.thumb_height", c"CDNThumbImgHeight", c"Height of the small picture that the server made");
        UPLOAD_THUMB_WIDTH = field(U32, c"wechat_web.upload.thumb_width", c"CDNThumbImgWidth", c"Its width");
        // The answer that leads on from a login.
        REDIRECT = field(Text, c"wechat_web.login.redirect", c"redirect_uri", c"Where a login goes on; the values of its secret parameters are replaced, as wechat_web.sid");
        SENT_ID = field(U64, c"wechat_web.send.id", c"MsgID", c"Number that the server gives the message");
    }
}

rows! {
    /// Names of the notes.
    WN, NOTES: Note, of (TABLE) {
        NO_FETCH = note(Group::Sequence, Severity::Warning, c"wechat_web.no_fetch", c"Nothing fetched what the poll announced").brief("nothing fetched");
        NO_FETCH_YET = note(Group::Sequence, Severity::Chat, c"wechat_web.no_fetch_yet", c"Nothing fetched what the poll announced, but the capture ends soon after");
        MESSAGE_AGAIN = note(Group::Sequence, Severity::Note, c"wechat_web.message_again", c"The message came before");
        WENT_BACK = note(Group::Sequence, Severity::Warning, c"wechat_web.synckey.went_back", c"A key of the SyncKey went back").brief("SyncKey goes back");
        SESSION_OVER = note(Group::Protocol, Severity::Note, c"wechat_web.session_over", c"The session does not go on");
        CALL_FAILED = note(Group::Protocol, Severity::Warning, c"wechat_web.call_failed", c"The server refused the call").brief("refused");
        COUNT_WRONG = note(Group::Protocol, Severity::Warning, c"wechat_web.count_wrong", c"A list holds another number of entries").brief("bad count");
        SYNCKEY_GARBAGE = note(Group::Malformed, Severity::Error, c"wechat_web.synckey_garbage", c"Part of a SyncKey is no key and value").brief("bad SyncKey");
        NO_NUMBER = note(Group::Malformed, Severity::Error, c"wechat_web.no_number", c"A parameter is no number").brief("bad parameter");
        WRONG_TYPE = note(Group::Malformed, Severity::Warning, c"wechat_web.wrong_type", c"A member is of another type").brief("member of another type");
        TWICE = note(Group::Malformed, Severity::Warning, c"wechat_web.member_twice", c"A member stands twice in an object").brief("member twice");
        BAD_TEXT = note(Group::Malformed, Severity::Error, c"wechat_web.bad_text", c"A text that JSON does not allow").brief("bad text");
        BAD_ESCAPE = note(Group::Malformed, Severity::Warning, c"wechat_web.bad_escape", c"A parameter whose escapes are none").brief("bad escape");
        BAD_JSON = note(Group::Malformed, Severity::Error, c"wechat_web.bad_json", c"Not JSON from here on").brief("bad JSON");
        CUT_SHORT = note(Group::Malformed, Severity::Error, c"wechat_web.cut_short", c"The JSON ends before its end").brief("JSON cut");
        DEEP = note(Group::Malformed, Severity::Warning, c"wechat_web.deep", c"Nested deeper than any answer of WeChat's").brief("nested too deep");
        NOT_SHOWN = note(Group::Undecoded, Severity::Note, c"wechat_web.not_shown", c"More members than are shown");
        BAD_POLL = note(Group::Malformed, Severity::Error, c"wechat_web.bad_poll_answer", c"Not the answer of a poll").brief("bad answer");
        UNDECODED = note(Group::Undecoded, Severity::Chat, c"wechat_web.undecoded", c"A body of another sort than JSON");
        NO_BODY = note(Group::Undecoded, Severity::Chat, c"wechat_web.no_body", c"An answer without a body");
        WEB_FAILED = note(Group::Malformed, Severity::Error, c"wechat_web.internal_error", c"The dissector failed on this message");
    }
}

const FINE: Value = (0, c"fine");
// Why a session does not go on: a poll says it as its retcode, other calls as Ret.
const LOGGED_OUT: Value = (1100, c"logged out, or the session failed");
const ELSEWHERE: Value = (1101, c"logged in elsewhere, or logged out");
const BAD_COOKIE: Value = (1102, c"cookie not valid");
const REFUSED: Value = (1203, c"login environment refused");
const TOO_MANY: Value = (1205, c"too many requests");

const RETCODES: &[Value] = &[FINE, LOGGED_OUT, ELSEWHERE, BAD_COOKIE, REFUSED, TOO_MANY];

const LOGIN_CODES: &[Value] =
    &[(200, c"confirmed"), (201, c"scanned"), (400, c"expired"), (408, c"waits for a scan")];

/// Numbers below 0 stand in two's complement.
const RETS: &[Value] = &[
    FINE,
    (1, c"parameter"),
    (-1i32 as u32, c"system"),
    (-2i32 as u32, c"logic"),
    (-14i32 as u32, c"ticket"),
    LOGGED_OUT,
    ELSEWHERE,
    BAD_COOKIE,
    REFUSED,
    TOO_MANY,
];

/// Types of messages.
const MSG_TYPES: &[Value] = &[
    (1, c"text"),
    (3, c"image"),
    (11, c"private text (microblog)"),
    (13, c"private image (microblog)"),
    (21, c"chat-room text, old"),
    (23, c"chat-room image, old"),
    (34, c"voice"),
    (35, c"mail push"),
    (36, c"QQ offline text"),
    (37, c"friend request"),
    (38, c"broadcast"),
    (39, c"QQ offline image"),
    (40, c"possible friend"),
    (41, c"software recommendation"),
    (42, c"card"),
    (43, c"video"),
    (44, c"forwarded video"),
    (47, c"custom emoticon"),
    (48, c"location"),
    (49, c"app message"),
    (50, c"voip message"),
    (51, c"status notify"),
    (52, c"voip notify"),
    (53, c"voip invite"),
    (55, c"brand question"),
    (56, c"talk-room system message"),
    (57, c"brand answer"),
    (62, c"short video"),
    (9998, c"log request"),
    (9999, c"system notice"),
    (10000, c"system line"),
    (10001, c"system command"),
    (10002, c"system command, such as revoke"),
];

/// The name of a type of messages.
pub fn message_type(kind: u32) -> Option<&'static CStr> {
    name_of(MSG_TYPES, kind)
}

const APP_MSG_TYPES: &[Value] = &[
    (0, c"none"),
    (1, c"text"),
    (2, c"image"),
    (3, c"music"),
    (4, c"video"),
    (5, c"link"),
    (6, c"file"),
    (7, c"open"),
    (8, c"emoticon"),
    (9, c"voice reminder"),
    (10, c"scanned goods"),
    (13, c"goods"),
    (15, c"emotion"),
    (16, c"card ticket"),
    (17, c"real-time location"),
    (2000, c"transfer"),
    (2001, c"red packet"),
    (100_001, c"reader type"),
];

const NOTIFY_CODES: &[Value] = &[
    (0, c"none"),
    (1, c"read"),
    (2, c"enters the chat"),
    (3, c"asks for the list of chats"),
    (4, c"list of chats"),
    (5, c"leaves the chat"),
];

const IMG_STATUSES: &[Value] = &[(1, c"none"), (2, c"there is one")];
const SEXES: &[Value] = &[(0, c"not said"), (1, c"male"), (2, c"female")];
