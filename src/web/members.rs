// SPDX-License-Identifier: GPL-2.0-or-later
//! Members of the JSON objects: the only place that knows which there are, and of what type.
//!
//! One shape for the outermost object of all calls: a name means the same in each of them.

use super::fields::W;
use crate::wechat::secret::Rule;

/// What to take of a value.
#[derive(Debug)]
pub enum Take {
    /// A number, also as digits in quotes; an empty text counts as 0.
    Number(u16),
    /// A time in seconds since 1970.
    Seconds(u16),
    /// A time in milliseconds since 1970.
    Milliseconds(u16),
    /// A number whose bits have fields of their own.
    Bits(u16, &'static [u16]),
    /// Text.
    Text(u16),
    /// Text, or a number that is taken for one: clients write it either way.
    Mark(u16),
    /// Text that the user may not want to show.
    Secret(u16),
    /// Number of an account, which the user may not want to show.
    Account(u16),
    /// An object.
    Object(u16, Shape),
    /// A list, and the object that its entries are.
    List(u16, u16, Shape),
    /// A SyncKey of some sort.
    SyncKey(Sort),
}

impl Take {
    /// What tells whether it is secret.
    pub fn rule(&self) -> Rule {
        if matches!(self, Self::Secret(_) | Self::Account(_)) { Rule::Secret } else { Rule::Text }
    }
}

/// Sorts of SyncKeys: each is compared with the one before of its own sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The string of a poll.
    Poll,
    /// `SyncKey` of a sync, or of the beginning.
    Sync,
    /// `SyncCheckKey`.
    Check,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Poll, Self::Sync, Self::Check];

    /// The sorts to compare with, best first. A poll carries what the last sync gave for it: its
    /// `SyncCheckKey`, and in older answers, which have none, its `SyncKey`.
    pub fn before(self) -> &'static [Self] {
        match self {
            Self::Poll => &[Self::Poll, Self::Check, Self::Sync],
            Self::Check => &[Self::Check, Self::Poll],
            Self::Sync => &[Self::Sync],
        }
    }
}

/// What a member means beyond being shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// Nothing more.
    None,
    /// Session, by its id.
    Sid,
    /// Session, by its account.
    Uin,
    /// Number of a message that came.
    Message,
    /// Number that a message gets that was sent.
    Sent,
    /// Whether the call went well.
    Ret,
    /// Type of a message that came.
    MessageType,
    /// How many entries the list of this field has.
    CountOf(u16),
    /// Not 0 when there is more to fetch.
    Continue,
}

/// A row: a member of an object.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What to take of its value.
    pub take: Take,
    /// What it means beyond being shown.
    pub sense: Sense,
}

/// The members of an object.
pub type Shape = &'static [Member];

const fn member(name: &'static str, take: Take) -> Member {
    Member { name, take, sense: Sense::None }
}
const fn number(name: &'static str, field: u16) -> Member {
    member(name, Take::Number(field))
}
const fn seconds(name: &'static str, field: u16) -> Member {
    member(name, Take::Seconds(field))
}
const fn text(name: &'static str, field: u16) -> Member {
    member(name, Take::Text(field))
}
const fn mark(name: &'static str, field: u16) -> Member {
    member(name, Take::Mark(field))
}
const fn secret(name: &'static str, field: u16) -> Member {
    member(name, Take::Secret(field))
}
const fn object(name: &'static str, field: u16, shape: Shape) -> Member {
    member(name, Take::Object(field, shape))
}
const fn list(name: &'static str, field: u16, entry: u16, shape: Shape) -> Member {
    member(name, Take::List(field, entry, shape))
}
const fn count(name: &'static str, field: u16, list: u16) -> Member {
    number(name, field).means(Sense::CountOf(list))
}

impl Member {
    const fn means(self, sense: Sense) -> Self {
        // A constructor of constants: nothing here is ever dropped.
        let Self { name, take, .. } = self;
        Self { name, take, sense }
    }
}

/// The outermost object of every call.
pub static ROOT: Shape = &[
    object("BaseRequest", W::BASE_REQUEST, BASE_REQUEST),
    object("BaseResponse", W::BASE_RESPONSE, BASE_RESPONSE),
    member("SyncKey", Take::SyncKey(Sort::Sync)),
    member("SyncCheckKey", Take::SyncKey(Sort::Check)),
    number("rr", W::RR),
    count("AddMsgCount", W::MESSAGE_COUNT, W::MESSAGES),
    list("AddMsgList", W::MESSAGES, W::MESSAGE, MESSAGE),
    count("ModContactCount", W::MOD_CONTACT_COUNT, W::MOD_CONTACTS),
    list("ModContactList", W::MOD_CONTACTS, W::CONTACT, CONTACT),
    count("DelContactCount", W::DEL_CONTACT_COUNT, W::DEL_CONTACTS),
    list("DelContactList", W::DEL_CONTACTS, W::CONTACT, CONTACT),
    count("ModChatRoomMemberCount", W::MOD_MEMBER_COUNT, W::MOD_MEMBERS),
    list("ModChatRoomMemberList", W::MOD_MEMBERS, W::CONTACT, CONTACT),
    object("Profile", W::PROFILE, PROFILE),
    number("ContinueFlag", W::CONTINUE_FLAG).means(Sense::Continue),
    secret("SKey", W::SKEY),
    secret("skey", W::SKEY),
    // A login that the phone is asked for.
    number("ret", W::RET).means(Sense::Ret),
    text("msg", W::ERR_MSG),
    secret("uuid", W::TICKET),
    // Sending.
    object("Msg", W::SEND, SEND),
    number("Scene", W::SCENE),
    number("MsgID", W::SENT_ID).means(Sense::Sent),
    mark("LocalID", W::LOCAL_ID),
    mark("ClientMsgId", W::CLIENT_MSG_ID),
    // Status of this client.
    number("Code", W::NOTIFY_CODE),
    text("FromUserName", W::SEND_FROM),
    text("ToUserName", W::SEND_TO),
    // The beginning, and contacts.
    number("Count", W::COUNT),
    list("ContactList", W::CONTACTS, W::CONTACT, CONTACT),
    list("List", W::CONTACTS, W::CONTACT, CONTACT),
    count("MemberCount", W::CONTACT_MEMBER_COUNT, W::CONTACT_MEMBERS),
    list("MemberList", W::CONTACT_MEMBERS, W::CONTACT, CONTACT),
    object("User", W::USER, CONTACT),
    number("ClientVersion", W::CLIENT_VERSION),
    seconds("SystemTime", W::SYSTEM_TIME),
    number("Seq", W::SEQ),
    // Uploading, and the answer.
    number("UploadType", W::UPLOAD_TYPE),
    mark("ClientMediaId", W::UPLOAD_CLIENT_ID),
    number("TotalLen", W::UPLOAD_SIZE),
    number("StartPos", W::UPLOAD_START),
    number("DataLen", W::UPLOAD_DATA_LEN),
    number("MediaType", W::UPLOAD_MEDIA_TYPE),
    text("FileMd5", W::UPLOAD_MD5),
    secret("MediaId", W::SEND_MEDIA_ID),
    number("CDNThumbImgHeight", W::UPLOAD_THUMB_HEIGHT),
    number("CDNThumbImgWidth", W::UPLOAD_THUMB_WIDTH),
    text("EncryFileName", W::ENCRY_FILE_NAME),
];

static BASE_REQUEST: Shape = &[
    member("Uin", Take::Account(W::UIN)).means(Sense::Uin),
    secret("Sid", W::SID).means(Sense::Sid),
    secret("Skey", W::SKEY),
    text("DeviceID", W::DEVICE_ID),
];

static BASE_RESPONSE: Shape = &[number("Ret", W::RET).means(Sense::Ret), text("ErrMsg", W::ERR_MSG)];

static MESSAGE: Shape = &[
    number("MsgId", W::MSG_ID).means(Sense::Message),
    text("FromUserName", W::FROM),
    text("ToUserName", W::TO),
    number("MsgType", W::MSG_TYPE).means(Sense::MessageType),
    text("Content", W::CONTENT),
    number("Status", W::STATUS),
    number("ImgStatus", W::IMG_STATUS),
    seconds("CreateTime", W::CREATE_TIME),
    number("VoiceLength", W::VOICE_LENGTH),
    number("PlayLength", W::PLAY_LENGTH),
    text("FileName", W::FILE_NAME),
    number("FileSize", W::FILE_SIZE),
    secret("MediaId", W::MEDIA_ID),
    text("Url", W::URL),
    number("AppMsgType", W::APP_MSG_TYPE),
    number("StatusNotifyCode", W::NOTIFY_CODE),
    text("StatusNotifyUserName", W::NOTIFY_USER),
    object("RecommendInfo", W::RECOMMEND, RECOMMEND),
    number("ForwardFlag", W::FORWARD_FLAG),
    object("AppInfo", W::APP_INFO, APP_INFO),
    number("HasProductId", W::HAS_PRODUCT_ID),
    secret("Ticket", W::MESSAGE_TICKET),
    number("ImgHeight", W::IMG_HEIGHT),
    number("ImgWidth", W::IMG_WIDTH),
    number("SubMsgType", W::SUB_MSG_TYPE),
    number("NewMsgId", W::NEW_MSG_ID),
    text("OriContent", W::ORI_CONTENT),
    text("EncryFileName", W::ENCRY_FILE_NAME),
];

static RECOMMEND: Shape = &[
    text("UserName", W::RECOMMEND_USER),
    text("NickName", W::RECOMMEND_NICK),
    member("QQNum", Take::Account(W::RECOMMEND_QQ)),
    text("Province", W::RECOMMEND_PROVINCE),
    text("City", W::RECOMMEND_CITY),
    text("Content", W::RECOMMEND_CONTENT),
    text("Signature", W::RECOMMEND_SIGNATURE),
    text("Alias", W::RECOMMEND_ALIAS),
    number("Scene", W::RECOMMEND_SCENE),
    number("VerifyFlag", W::RECOMMEND_VERIFY),
    number("AttrStatus", W::RECOMMEND_ATTR),
    number("Sex", W::RECOMMEND_SEX),
    secret("Ticket", W::RECOMMEND_TICKET),
    number("OpCode", W::RECOMMEND_OP_CODE),
];

static APP_INFO: Shape = &[text("AppID", W::APP_INFO_ID), number("Type", W::APP_INFO_TYPE)];

static CONTACT: Shape = &[
    text("UserName", W::CONTACT_USER),
    text("NickName", W::CONTACT_NICK),
    text("RemarkName", W::CONTACT_REMARK),
    text("Alias", W::CONTACT_ALIAS),
    member("Uin", Take::Account(W::CONTACT_UIN)),
    number("Sex", W::CONTACT_SEX),
    member(
        "ContactFlag",
        Take::Bits(
            W::CONTACT_FLAG,
            &[
                W::CONTACT_FLAG_CONTACT,
                W::CONTACT_FLAG_CHAT,
                W::CONTACT_FLAG_ROOM,
                W::CONTACT_FLAG_BLOCKED,
                W::CONTACT_FLAG_DOMAIN,
                W::CONTACT_FLAG_HIDDEN,
                W::CONTACT_FLAG_FAVOURITE,
                W::CONTACT_FLAG_THIRD_PARTY,
                W::CONTACT_FLAG_NO_MOMENTS,
                W::CONTACT_FLAG_MUTED,
            ],
        ),
    ),
    number("VerifyFlag", W::CONTACT_VERIFY),
    text("Signature", W::CONTACT_SIGNATURE),
    text("Province", W::CONTACT_PROVINCE),
    text("City", W::CONTACT_CITY),
    text("HeadImgUrl", W::CONTACT_PICTURE),
    count("MemberCount", W::CONTACT_MEMBER_COUNT, W::CONTACT_MEMBERS),
    list("MemberList", W::CONTACT_MEMBERS, W::CONTACT, PERSON),
];

/// A member of a chat room: a contact that has no members itself.
static PERSON: Shape = &[
    text("UserName", W::CONTACT_USER),
    text("NickName", W::CONTACT_NICK),
    text("RemarkName", W::CONTACT_REMARK),
    member("Uin", Take::Account(W::CONTACT_UIN)),
];

static PROFILE: Shape = &[
    member(
        "BitFlag",
        Take::Bits(
            W::BIT_FLAG,
            &[
                W::BIT_USER,
                W::BIT_NICK,
                W::BIT_UIN,
                W::BIT_EMAIL,
                W::BIT_MOBILE,
                W::BIT_STATUS,
                W::BIT_PICTURE,
                W::BIT_CARD,
                W::BIT_BOTTLE,
                W::BIT_SUM,
                W::BIT_SUM_2,
                W::BIT_PLUGINS,
            ],
        ),
    ),
    object("UserName", W::PROFILE_PART, &[text("Buff", W::PROFILE_USER)]),
    object("NickName", W::PROFILE_PART, &[text("Buff", W::PROFILE_NICK)]),
    member("BindUin", Take::Account(W::PROFILE_BIND_UIN)),
    object("BindEmail", W::PROFILE_PART, &[text("Buff", W::PROFILE_EMAIL)]),
    object("BindMobile", W::PROFILE_PART, &[text("Buff", W::PROFILE_MOBILE)]),
    number("Status", W::PROFILE_STATUS),
    number("Sex", W::PROFILE_SEX),
    number("PersonalCard", W::PROFILE_CARD),
    text("Alias", W::PROFILE_ALIAS),
    number("HeadImgUpdateFlag", W::PROFILE_PICTURE_FLAG),
    text("HeadImgUrl", W::PROFILE_PICTURE),
    text("Signature", W::PROFILE_SIGNATURE),
];

static SEND: Shape = &[
    number("Type", W::SEND_TYPE),
    text("Content", W::SEND_CONTENT),
    text("FromUserName", W::SEND_FROM),
    text("ToUserName", W::SEND_TO),
    mark("LocalID", W::LOCAL_ID),
    mark("ClientMsgId", W::CLIENT_MSG_ID),
    secret("MediaId", W::SEND_MEDIA_ID),
];

/// Count and list of a SyncKey.
pub static SYNC_KEY: Shape = &[
    count("Count", W::SYNCKEY_COUNT, W::SYNCKEY_LIST),
    list("List", W::SYNCKEY_LIST, W::SYNCKEY_ENTRY, SYNC_KEY_ENTRY),
];

/// An entry of a SyncKey.
pub static SYNC_KEY_ENTRY: Shape = &[number("Key", W::SYNCKEY_KEY), number("Val", W::SYNCKEY_VALUE)];

/// Parameters of the query.
pub static PARAMETERS: Shape = &[
    member("synckey", Take::SyncKey(Sort::Poll)),
    member("uin", Take::Account(W::UIN)).means(Sense::Uin),
    member("fromuser", Take::Account(W::UIN)).means(Sense::Uin),
    secret("sid", W::SID).means(Sense::Sid),
    secret("skey", W::SKEY),
    secret("pass_ticket", W::PASS_TICKET),
    secret("ticket", W::TICKET),
    secret("uuid", W::TICKET),
    secret("webwx_data_ticket", W::TICKET),
    secret("webwx_auth_ticket", W::TICKET),
    secret("mediaid", W::MEDIA_ID),
    text("deviceid", W::DEVICE_ID),
    text("lang", W::LANG),
    text("appid", W::APP_ID),
    number("r", W::PARAMETER_R),
    number("rr", W::RR),
    member("_", Take::Milliseconds(W::PARAMETER_TIME)),
    number("MsgID", W::MSG_PARAMETER),
    number("msgid", W::MSG_PARAMETER),
    number("seq", W::SEQ),
];

/// Parts of a form that uploads a file, or a piece of one.
pub static PARTS: Shape = &[
    text("id", W::UPLOAD_ID),
    text("name", W::UPLOAD_NAME),
    text("type", W::UPLOAD_CONTENT_TYPE),
    text("lastModifiedDate", W::UPLOAD_MODIFIED),
    number("size", W::UPLOAD_SIZE),
    number("chunks", W::UPLOAD_CHUNKS),
    number("chunk", W::UPLOAD_CHUNK),
    text("mediatype", W::UPLOAD_KIND),
    object("uploadmediarequest", W::BODY, ROOT),
    secret("webwx_data_ticket", W::TICKET),
    secret("pass_ticket", W::PASS_TICKET),
];

/// The row of a member.
pub fn find(shape: Shape, name: &str) -> Option<(usize, &'static Member)> {
    shape.iter().enumerate().find(|(_, member)| member.name == name)
}
