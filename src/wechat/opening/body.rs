// SPDX-License-Identifier: GPL-2.0-or-later
//! The body of a business packet, open or closed.

use std::ops::Range;

use bytes::Bytes;

use super::hybrid::MESSAGE;
use crate::kernel::reader::Reader;
use crate::wechat::business::Header;
use crate::wechat::fields::FAULTS;
use crate::wechat::inflate::Not;
use crate::wechat::protobuf;

/// Ciphertexts of random bytes that stand before the message's.
pub const MOST_RANDOMS: usize = MESSAGE;

/// Why a body stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The user has no key log.
    NoKeyLog,
    /// None of its lines gives a key.
    NoLine,
    /// There was none when the body came.
    KeyLater,
    /// A line names the body, and its key does not fit.
    Tag,
    /// Bytes of the body are missing.
    Cut,
    /// Nobody knows how to open what is sealed like this.
    Algorithm,
}

impl Closed {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::NoKeyLog, Self::NoLine, Self::KeyLater, Self::Tag, Self::Cut, Self::Algorithm];

    /// Its words in `wechat.business.why_closed`.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoKeyLog => "no key log",
            Self::NoLine => "no line",
            Self::KeyLater => "key came later",
            Self::Tag => "tag",
            Self::Cut => "cut",
            Self::Algorithm => "algorithm",
        }
    }
}

/// Where a key is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A line that names the ciphertext.
    Line,
    /// A line that gives an account's session key.
    Secret,
    /// Either, in a packet's comment.
    Comment,
}

impl Source {
    /// Its words in `wechat.business.key_source`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Secret => "secret",
            Self::Comment => "comment",
        }
    }
}

/// What a key has opened.
#[derive(Clone, Debug)]
pub struct Text {
    /// As it was sealed.
    pub plain: Bytes,
    /// What that inflates to.
    pub inflated: Result<Bytes, Not>,
}

impl Text {
    /// What is said; `None` if that is too much.
    pub fn message(&self) -> Option<&Bytes> {
        match &self.inflated {
            Ok(inflated) => Some(inflated),
            Err(Not::Deflated) => Some(&self.plain),
            Err(Not::Few) => None,
        }
    }
}

/// A body that is open.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The message.
    pub text: Text,
    /// Where its key is from.
    pub source: Source,
}

/// A body, open or not.
#[derive(Clone, Debug)]
pub struct Body {
    /// The message, or why there is none.
    pub opened: Result<Opened, Closed>,
    /// Of a hybrid body, the random bytes beside it, where they are open.
    pub randoms: [Option<Text>; MOST_RANDOMS],
}

impl Body {
    /// A body for which no key was tried.
    pub fn untried(data: &[u8], header: &Header) -> Self {
        let why = if is_cut(data, header) { Closed::Cut } else { Closed::NoKeyLog };
        Self { opened: Err(why), randoms: Default::default() }
    }

    /// What is said, if a key has opened it.
    pub fn message(&self) -> Option<&Bytes> {
        self.opened.as_ref().ok()?.text.message()
    }
}

/// Whether bytes of a body were not captured.
pub fn is_cut(data: &[u8], header: &Header) -> bool {
    header.payload().end > data.len()
}

/// Where a SyncKey lies in an opened message, if its call has one: in a request for news, or in what answers it.
pub fn sync_key(message: &[u8], header: &Header) -> Option<Range<usize>> {
    if header.cgi() != NEWSYNC {
        return None;
    }
    let number = if header.from_server() { 4 } else { 3 };
    let mut reader = Reader::new(message, 0..message.len(), FAULTS);
    let at = loop {
        let field = protobuf::field(&mut reader)?;
        if field.number == number && field.is_bytes {
            break field.content;
        }
    };
    Some(buffer(message, at.clone()).unwrap_or(at))
}

/// Cgi type of the calls that sync.
const NEWSYNC: u32 = 138;

/// Where bytes lie that stand behind their length in a message of their own, as clients often send them.
fn buffer(message: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let mut reader = Reader::new(message, at, FAULTS);
    let length = protobuf::field(&mut reader).filter(|field| field.number == 1)?.value?;
    let bytes = protobuf::field(&mut reader).filter(|field| field.number == 2 && field.is_bytes)?;
    let fits = reader.left() == 0 && usize::try_from(length) == Ok(bytes.content.len());
    fits.then_some(bytes.content)
}
