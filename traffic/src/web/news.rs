// SPDX-License-Identifier: GPL-2.0-or-later
//! What a sync brings: messages, contacts, members of chat rooms, the own profile.

use super::json::{Json, object};

/// `MsgType`.
pub mod kind {
    /// Text
    pub const TEXT: u32 = 1;
    /// Image
    pub const IMAGE: u32 = 3;
    /// Voice
    pub const VOICE: u32 = 34;
    /// Friend request
    pub const FRIEND_REQUEST: u32 = 37;
    /// Card
    pub const CARD: u32 = 42;
    /// Video
    pub const VIDEO: u32 = 43;
    /// Custom emoticon
    pub const EMOTICON: u32 = 47;
    /// App message
    pub const APP: u32 = 49;
    /// Status notify
    pub const STATUS_NOTIFY: u32 = 51;
    /// System line in the chat
    pub const SYSTEM: u32 = 10_000;
    /// System command, revoke among others
    pub const SYSTEM_COMMAND: u32 = 10_002;
}

/// Somebody with whom one may talk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// `@…` for persons, `@@…` for chat rooms, plain words for services.
    pub user_name: String,
    /// Shown name.
    pub nick_name: String,
    /// Name that the owner gave.
    pub remark_name: String,
    /// 1 male, 2 female
    pub sex: u32,
    /// `ContactFlag`
    pub flag: u32,
    /// `VerifyFlag`
    pub verify_flag: u32,
    /// Line about oneself
    pub signature: String,
    /// Of a chat room.
    pub members: Vec<Contact>,
    /// The session key that stands in the picture's URL, where one does.
    pub picture_key: String,
    /// Account number of the owner of a chat room.
    pub owner: u32,
}

impl Contact {
    /// An entry of `ModContactList` and of contact lists.
    pub fn json(&self) -> Json {
        let members: Vec<_> = self.members.iter().map(Self::member_json).collect();
        let mut picture = format!("/cgi-bin/mmwebwx-bin/webwxgeticon?seq=1&username={}", self.user_name);
        if !self.picture_key.is_empty() {
            picture.push_str("&skey=");
            picture.push_str(&self.picture_key);
        }
        let mut json = object! {
            "UserName" => &self.user_name,
            "NickName" => &self.nick_name,
            "Sex" => self.sex,
            "HeadImgUpdateFlag" => 1u32,
            "ContactType" => 0u32,
            "Alias" => "",
            "ChatRoomOwner" => "",
            "HeadImgUrl" => picture,
            "ContactFlag" => self.flag,
            "MemberCount" => members.len() as u32,
            "MemberList" => members,
            "HideInputBarFlag" => 0u32,
            "Signature" => &self.signature,
            "VerifyFlag" => self.verify_flag,
            "RemarkName" => &self.remark_name,
            "Statues" => 0u32,
            "AttrStatus" => 0u32,
            "Province" => "",
            "City" => "",
            "SnsFlag" => 0u32,
            "KeyWord" => "",
        };
        if let (Json::Object(members), true) = (&mut json, self.owner != 0) {
            members.push(("OwnerUin", self.owner.into()));
        }
        json
    }

    /// An entry of a chat room's `MemberList`.
    pub fn member_json(&self) -> Json {
        object! {
            "Uin" => 0u32,
            "UserName" => &self.user_name,
            "NickName" => &self.nick_name,
            "AttrStatus" => 0u32,
            "MemberStatus" => 0u32,
            "DisplayName" => "",
            "KeyWord" => "",
        }
    }
}

/// `RecommendInfo`: the person on a card or behind a friend request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recommend {
    /// User name
    pub user_name: String,
    /// Shown name
    pub nick_name: String,
    /// QQ number
    pub qq_num: u32,
    /// Province
    pub province: String,
    /// City
    pub city: String,
    /// What was said with the request
    pub content: String,
    /// Line about oneself
    pub signature: String,
    /// Chosen account name
    pub alias: String,
    /// From where the request came
    pub scene: u32,
    /// As in contacts
    pub verify_flag: u32,
    /// Attributes, one bit each
    pub attr_status: u32,
    /// 1 male, 2 female
    pub sex: u32,
    /// What accepting needs
    pub ticket: String,
    /// What to do
    pub op_code: u32,
}

impl Recommend {
    fn json(&self) -> Json {
        object! {
            "UserName" => &self.user_name,
            "NickName" => &self.nick_name,
            "QQNum" => self.qq_num,
            "Province" => &self.province,
            "City" => &self.city,
            "Content" => &self.content,
            "Signature" => &self.signature,
            "Alias" => &self.alias,
            "Scene" => self.scene,
            "VerifyFlag" => self.verify_flag,
            "AttrStatus" => self.attr_status,
            "Sex" => self.sex,
            "Ticket" => &self.ticket,
            "OpCode" => self.op_code,
        }
    }
}

/// Members that later servers add to a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Later {
    /// `ImgHeight`, pixels
    pub img_height: u32,
    /// `ImgWidth`, pixels
    pub img_width: u32,
    /// `SubMsgType`
    pub sub_msg_type: u32,
    /// `OriContent`
    pub ori_content: String,
    /// `EncryFileName`
    pub encry_file_name: String,
}

/// An entry of `AddMsgList`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `MsgId`, a number written as text; later servers also write it as a number (`NewMsgId`).
    pub id: u64,
    /// User name of who wrote it.
    pub from: String,
    /// User name of whom it is for.
    pub to: String,
    /// `MsgType`, one of [`kind`].
    pub kind: u32,
    /// The text, or XML.
    pub content: Json,
    /// `Status`
    pub status: u32,
    /// `ImgStatus`: 1 none, 2 image present
    pub img_status: u32,
    /// `CreateTime`, unix time
    pub create_time: u32,
    /// `VoiceLength`, milliseconds
    pub voice_length: u32,
    /// `PlayLength`, seconds
    pub play_length: u32,
    /// `FileName`
    pub file_name: String,
    /// `FileSize`, a number or a text
    pub file_size: Json,
    /// `MediaId`
    pub media_id: String,
    /// `Url`
    pub url: String,
    /// `AppMsgType`
    pub app_msg_type: u32,
    /// `StatusNotifyCode`
    pub status_notify_code: u32,
    /// `StatusNotifyUserName`
    pub status_notify_user_name: String,
    /// `RecommendInfo`
    pub recommend: Recommend,
    /// `ForwardFlag`
    pub forward_flag: u32,
    /// `AppInfo.AppID`
    pub app_id: String,
    /// `AppInfo.Type`
    pub app_type: u32,
    /// `HasProductId`
    pub has_product_id: u32,
    /// `Ticket`
    pub ticket: String,
    /// Of later servers.
    pub later: Option<Later>,
}

impl Message {
    /// A message with everything but these left empty.
    pub fn new(id: u64, from: &str, to: &str, kind: u32, content: impl Into<Json>) -> Self {
        Self {
            id,
            from: from.into(),
            to: to.into(),
            kind,
            content: content.into(),
            status: 3,
            img_status: 1,
            create_time: 0,
            voice_length: 0,
            play_length: 0,
            file_name: String::new(),
            file_size: "".into(),
            media_id: String::new(),
            url: String::new(),
            app_msg_type: 0,
            status_notify_code: 0,
            status_notify_user_name: String::new(),
            recommend: Recommend::default(),
            forward_flag: 0,
            app_id: String::new(),
            app_type: 0,
            has_product_id: 0,
            ticket: String::new(),
            later: None,
        }
    }

    /// The entry.
    pub fn json(&self) -> Json {
        let mut json = object! {
            "MsgId" => self.id.to_string(),
            "FromUserName" => &self.from,
            "ToUserName" => &self.to,
            "MsgType" => self.kind,
            "Content" => self.content.clone(),
            "Status" => self.status,
            "ImgStatus" => self.img_status,
            "CreateTime" => self.create_time,
            "VoiceLength" => self.voice_length,
            "PlayLength" => self.play_length,
            "FileName" => &self.file_name,
            "FileSize" => self.file_size.clone(),
            "MediaId" => &self.media_id,
            "Url" => &self.url,
            "AppMsgType" => self.app_msg_type,
            "StatusNotifyCode" => self.status_notify_code,
            "StatusNotifyUserName" => &self.status_notify_user_name,
            "RecommendInfo" => self.recommend.json(),
            "ForwardFlag" => self.forward_flag,
            "AppInfo" => object! { "AppID" => &self.app_id, "Type" => self.app_type },
            "HasProductId" => self.has_product_id,
            "Ticket" => &self.ticket,
        };
        if let (Json::Object(members), Some(later)) = (&mut json, &self.later) {
            members.extend([
                ("ImgHeight", later.img_height.into()),
                ("ImgWidth", later.img_width.into()),
                ("SubMsgType", later.sub_msg_type.into()),
                ("NewMsgId", Json::Number(self.id as i64)),
                ("OriContent", Json::from(&later.ori_content)),
                ("EncryFileName", Json::from(&later.encry_file_name)),
            ]);
        }
        json
    }
}

/// Bits of `Profile.BitFlag`: what changed.
pub mod changed {
    /// Nick name
    pub const NICK_NAME: u32 = 0x2;
    /// Picture
    pub const PICTURE: u32 = 0x40;
    /// Personal card
    pub const PERSONAL_CARD: u32 = 0x80;
}

/// `Profile`: what changed of the own account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Which of the others are to be taken over.
    pub bit_flag: u32,
    /// User name
    pub user_name: String,
    /// Shown name
    pub nick_name: String,
    /// Number that is bound to the account
    pub bind_uin: u32,
    /// Mail address that is bound to the account
    pub bind_email: String,
    /// Phone number that is bound to the account
    pub bind_mobile: String,
    /// Status
    pub status: u32,
    /// 1 male, 2 female
    pub sex: u32,
    /// Personal card
    pub personal_card: u32,
    /// Chosen account name
    pub alias: String,
    /// Whether there is a new picture
    pub head_img_update_flag: u32,
    /// Where it is
    pub head_img_url: String,
    /// Line about oneself
    pub signature: String,
}

impl Profile {
    fn json(&self) -> Json {
        let buffer = |text: &String| object! { "Buff" => text };
        object! {
            "BitFlag" => self.bit_flag,
            "UserName" => buffer(&self.user_name),
            "NickName" => buffer(&self.nick_name),
            "BindUin" => self.bind_uin,
            "BindEmail" => buffer(&self.bind_email),
            "BindMobile" => buffer(&self.bind_mobile),
            "Status" => self.status,
            "Sex" => self.sex,
            "PersonalCard" => self.personal_card,
            "Alias" => &self.alias,
            "HeadImgUpdateFlag" => self.head_img_update_flag,
            "HeadImgUrl" => &self.head_img_url,
            "Signature" => &self.signature,
        }
    }
}

/// All of what one sync brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// `AddMsgList`
    pub messages: Vec<Message>,
    /// `ModContactList`
    pub contacts: Vec<Contact>,
    /// User names of `DelContactList`
    pub deleted: Vec<String>,
    /// Chat rooms of `ModChatRoomMemberList`
    pub rooms: Vec<Contact>,
    /// `Profile`
    pub profile: Profile,
    /// `ContinueFlag`: there is more.
    pub more: bool,
    /// `SKey`, empty unless it changes
    pub skey: String,
}

impl News {
    /// Nothing but messages.
    pub fn of(messages: impl IntoIterator<Item = Message>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }

    /// The answer to a sync, with the new SyncKey, and the new SyncCheckKey of later servers.
    pub fn json(&self, key: Json, check_key: Option<Json>) -> Json {
        let deleted = |name| object! { "UserName" => name, "ContactFlag" => 0u32 };
        let room = |room: &Contact| {
            object! {
                "UserName" => &room.user_name,
                "MemberCount" => room.members.len() as u32,
                "MemberList" => room.members.iter().map(Contact::member_json).collect::<Vec<_>>(),
            }
        };
        let mut json = object! {
            "BaseResponse" => base_response(),
            "AddMsgCount" => self.messages.len() as u32,
            "AddMsgList" => self.messages.iter().map(Message::json).collect::<Vec<_>>(),
            "ModContactCount" => self.contacts.len() as u32,
            "ModContactList" => self.contacts.iter().map(Contact::json).collect::<Vec<_>>(),
            "DelContactCount" => self.deleted.len() as u32,
            "DelContactList" => self.deleted.iter().map(deleted).collect::<Vec<_>>(),
            "ModChatRoomMemberCount" => self.rooms.len() as u32,
            "ModChatRoomMemberList" => self.rooms.iter().map(room).collect::<Vec<_>>(),
            "Profile" => self.profile.json(),
            "ContinueFlag" => u32::from(self.more),
            "SyncKey" => key,
            "SKey" => &self.skey,
        };
        if let (Json::Object(members), Some(check_key)) = (&mut json, check_key) {
            members.push(("SyncCheckKey", check_key));
        }
        json
    }
}

/// `BaseResponse` of a call that went well.
pub fn base_response() -> Json {
    object! { "Ret" => 0u32, "ErrMsg" => "" }
}
