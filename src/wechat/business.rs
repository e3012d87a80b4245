// SPDX-License-Identifier: GPL-2.0-or-later
//! The header of the business packet, in which most bodies are wrapped.
//!
//! ```text
//! [0xBF] | head length:6 compression:2 | algorithm:4 cookie length:4 | client version | uin | cookie
//!        | varint cgi type | varint plain length | varint compressed length | rest | encrypted data
//! ```
//! Packets of 2015 have no magic, so the header is claimed only when everything in it agrees:
//! the cgi type is that of the operation, and the lengths fit the algorithm and the bytes there.
//! Algorithms 12 and 13 compress inside, so their packets say that they are not compressed.

use std::fmt;
use std::ops::Range;

use crate::kernel::reader::Reader;
use crate::kernel::report::{Report, Words};
use crate::wechat::fields::{ALGORITHMS, FAULTS, S};
use crate::wechat::operation::{self, Kind, Meaning};

const MAGIC: u8 = 0xbf;
const ZLIB: u8 = 1;
const NOT_COMPRESSED: u8 = 2;
const AES_CBC: u32 = 5;
const AES_BLOCK: usize = 16;
const HYBRID_ECDH: u32 = 12;
const AES_GCM: u32 = 13;

/// The longest rest of a header ever seen is a third of this.
const LONGEST_REST: usize = 48;

/// Zlib makes data larger by a few bytes at most, and by more than a thousand times smaller never.
const ZLIB_OVERHEAD: u64 = 64;
const ZLIB_RATIO: u64 = 1032;

/// Key share, signature, IV and tag of a hybrid answer, and what zlib adds.
const HYBRID_OVERHEAD: usize = 256;

/// What the algorithms are called, in their order.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // the compiler runs it
static ALGORITHM_NAMES: [&str; ALGORITHMS.len()] = {
    let mut names = [""; ALGORITHMS.len()];
    let mut place = 0;
    while place < ALGORITHMS.len() {
        if let Ok(name) = ALGORITHMS[place].1.to_str() {
            names[place] = name;
        }
        place += 1;
    }
    names
};

/// A client's version: system, then major, minor, patch and build.
#[derive(Clone, Copy)]
pub struct ClientVersion(pub u32);

impl Words for ClientVersion {
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let [top, minor, patch, build] = self.0.to_be_bytes();
        if top >> 4 != 2 {
            return Ok(());
        }
        let parts = [(", Android ", top & 0xf), (".", minor), (".", patch), (" build ", build)];
        parts.into_iter().try_for_each(|(before, part)| [before, itoa::Buffer::new().format(part)].write(out))
    }
}

/// The header, with the place of each part.
#[derive(Clone, Debug)]
pub struct Header {
    from_server: bool,
    compression: u8,
    all: Range<usize>,
    magic: Option<Range<usize>>,
    lengths: Range<usize>,
    algorithm: (u32, Range<usize>),
    version: (u32, Range<usize>),
    uin: (u32, Range<usize>),
    cookie: Range<usize>,
    cgi: (u32, Range<usize>),
    plain: (u32, Range<usize>),
    packed: (u32, Range<usize>),
    rest: Range<usize>,
    payload: Range<usize>,
}

impl Header {
    /// Whose side the packet is from.
    pub fn from_server(&self) -> bool {
        self.from_server
    }

    /// Number of the call.
    pub fn cgi(&self) -> u32 {
        self.cgi.0
    }

    /// The account's number; 0 before login.
    pub fn uin(&self) -> u32 {
        self.uin.0
    }

    /// Where the body lies.
    pub fn payload(&self) -> Range<usize> {
        self.payload.clone()
    }

    /// What its algorithm is called.
    pub(super) fn algorithm(&self) -> &'static str {
        let place = ALGORITHMS.iter().position(|(value, _)| *value == self.algorithm.0);
        place.and_then(|place| ALGORITHM_NAMES.get(place)).copied().unwrap_or_default()
    }

    /// Bytes of the message.
    pub(super) fn plain_len(&self) -> usize {
        self.plain.0 as usize
    }

    /// The same when they are compressed.
    pub(super) fn packed_len(&self) -> usize {
        self.packed.0 as usize
    }

    /// Whether the header says that the message is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        self.compression == ZLIB
    }

    pub(super) fn is_cbc(&self) -> bool {
        self.algorithm.0 == AES_CBC
    }

    pub(super) fn is_gcm(&self) -> bool {
        self.algorithm.0 == AES_GCM
    }

    pub(super) fn is_hybrid(&self) -> bool {
        self.algorithm.0 == HYBRID_ECDH
    }
}

/// What a packet is the body of.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// A frame of the long link.
    Frame(Meaning),
    /// A call of the short link of this name, or its answer.
    Call {
        /// The name; empty when nobody knows it.
        name: &'a str,
        /// Whether it is the answer.
        answers: bool,
    },
}

impl From<Meaning> for Of<'_> {
    fn from(meaning: Meaning) -> Self {
        Self::Frame(meaning)
    }
}

impl Of<'_> {
    fn is_from_server(self) -> bool {
        match self {
            Self::Frame(meaning) => meaning.kind.answers() || meaning.kind == Kind::Push,
            Self::Call { answers, .. } => answers,
        }
    }

    /// The name of the call with a cgi type; of several the one that the short link says.
    fn call_name(self, cgi: u32) -> Option<&'static str> {
        let said = match self {
            Self::Frame(_) => None,
            Self::Call { name, .. } => operation::cgi_names(cgi).find(|other| *other == name),
        };
        said.or_else(|| operation::cgi_name(cgi))
    }
}

/// What a header says of its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The cgi type.
    pub cgi: u32,
    /// The account's number.
    pub uin: u32,
}

/// What the business header of a body says, where one is claimed.
pub fn brief<'a>(data: &[u8], range: Range<usize>, of: impl Into<Of<'a>>) -> Option<Brief> {
    let header = read(&Reader::new(data, range, FAULTS), of)?;
    Some(Brief { cgi: header.cgi.0, uin: header.uin.0 })
}

/// Shows a header, which is of what it was read as.
pub fn show<'a>(report: &mut Report, header: &Header, of: impl Into<Of<'a>>, show_account: bool) {
    let call = of.into().call_name(header.cgi.0);
    report.tell(S::CLIENT_VERSION, header.version.0.into());
    report.tell(S::BUSINESS_CGI, header.cgi.0.into());
    let words = [": ", call.unwrap_or("cgi type unknown"), ", ", header.algorithm()];
    report.subtree(S::BUSINESS, header.all.clone(), words, |report| {
        if let Some(magic) = header.magic.clone() {
            report.wire(S::BUSINESS_MAGIC, magic);
        }
        report.wire(S::BUSINESS_HEAD_LEN, header.lengths.clone());
        report.wire(S::BUSINESS_COMPRESSION, header.lengths.clone());
        report.wire(S::BUSINESS_ALGORITHM, header.algorithm.1.clone());
        report.wire(S::BUSINESS_COOKIE_LEN, header.algorithm.1.clone());
        report.wire_labelled(S::CLIENT_VERSION, header.version.1.clone(), ClientVersion(header.version.0));
        match show_account {
            true => {
                report.wire(S::UIN, header.uin.1.clone());
                if !header.cookie.is_empty() {
                    report.wire(S::BUSINESS_COOKIE, header.cookie.clone());
                }
            }
            false => report.wire(S::ACCOUNT_HIDDEN, header.uin.1.start..header.cookie.end),
        }
        let (open, name, close) = call.map_or(("", "", ""), |name| (" (", name, ")"));
        report.decoded(S::BUSINESS_CGI, header.cgi.1.clone(), header.cgi.0.into(), [open, name, close]);
        report.decoded(S::BUSINESS_PLAIN_LEN, header.plain.1.clone(), header.plain.0.into(), "");
        report.decoded(S::BUSINESS_PACKED_LEN, header.packed.1.clone(), header.packed.0.into(), "");
        if !header.rest.is_empty() {
            report.wire(S::BUSINESS_REST, header.rest.clone());
        }
    });
}

/// Reads the header and claims it only when everything in it agrees. With the magic byte first;
/// a first byte of 0xBF is no length of a packet without, since both its low bits are set.
pub fn read<'a>(reader: &Reader<'_>, of: impl Into<Of<'a>>) -> Option<Header> {
    let of = of.into();
    let mut reader = reader.clone();
    let start = reader.rest().start;
    let magic = (reader.bytes().first() == Some(&MAGIC)).then(|| reader.take(1)).flatten();

    let (lengths, lengths_at) = reader.u8()?;
    let head_len = usize::from(lengths >> 2);
    let compression = lengths & 3;
    let (kinds, kinds_at) = reader.u8()?;
    let algorithm = u32::from(kinds >> 4);
    let (version, version_at) = reader.u32()?;
    let uin = reader.u32()?;
    let cookie = reader.take(usize::from(kinds & 0xf))?;
    let cgi = varint32(&mut reader)?;
    let plain = varint32(&mut reader)?;
    let packed = varint32(&mut reader)?;

    let head_end = start.checked_add(head_len)?;
    let rest = reader.take(head_end.checked_sub(reader.rest().start)?)?;
    let payload = reader.rest();

    let known = ALGORITHMS.iter().any(|(value, _)| *value == algorithm);
    let agrees = known
        && (compression == ZLIB || compression == NOT_COMPRESSED)
        && rest.len() <= LONGEST_REST
        && version_fits(version, of)
        && cgi_fits(cgi.0, of)
        && compression_fits(compression, plain.0.into(), packed.0.into())
        && (compression == NOT_COMPRESSED || algorithm != HYBRID_ECDH && algorithm != AES_GCM)
        && payload_fits(algorithm, plain.0, packed.0, payload.len(), of);
    agrees.then_some(Header {
        from_server: of.is_from_server(),
        compression,
        all: start..head_end,
        magic,
        lengths: lengths_at,
        algorithm: (algorithm, kinds_at),
        version: (version, version_at),
        uin,
        cookie,
        cgi,
        plain,
        packed,
        rest,
        payload,
    })
}

/// A varint of at most 32 bits, and where it lies.
fn varint32(reader: &mut Reader<'_>) -> Option<(u32, Range<usize>)> {
    let (value, at) = reader.varint().ok()?;
    Some((u32::try_from(value).ok()?, at))
}

/// Answers carry 0; a client's top nibble is its system, and a version has a major number.
fn version_fits(version: u32, of: Of<'_>) -> bool {
    (version == 0 && of.is_from_server())
        || (version >> 28 != 0 && version >> 28 < 4 && (version >> 24) & 0xf != 0)
}

/// The cgi type is the operation's; of an operation without one, a known call's. Calls of the short link are known to
/// be calls.
fn cgi_fits(cgi: u32, of: Of<'_>) -> bool {
    let Of::Frame(meaning) = of else { return cgi != 0 && cgi <= u16::MAX.into() };
    let mut known = operation::candidates(meaning, None).filter(|row| row.cgi != 0).peekable();
    match known.peek() {
        Some(_) => known.any(|row| row.cgi == cgi),
        None => operation::cgi_name(cgi).is_some(),
    }
}

fn compression_fits(compression: u8, plain: u64, packed: u64) -> bool {
    match compression {
        ZLIB => packed <= plain.saturating_add(ZLIB_OVERHEAD) && plain <= packed.saturating_mul(ZLIB_RATIO),
        _ => packed == plain,
    }
}

/// CBC pads to the next multiple of 16. With 12 and 13 a request's lengths are those on the wire,
/// an answer's are those before an inner zlib.
fn payload_fits(algorithm: u32, plain: u32, packed: u32, payload: usize, of: Of<'_>) -> bool {
    let packed = packed as usize;
    match algorithm {
        AES_CBC => payload == (packed / AES_BLOCK).saturating_add(1).saturating_mul(AES_BLOCK),
        HYBRID_ECDH | AES_GCM if of.is_from_server() => {
            let overhead = if algorithm == HYBRID_ECDH { HYBRID_OVERHEAD } else { ZLIB_OVERHEAD as usize };
            plain as usize == packed && payload > 0 && payload <= packed.saturating_add(overhead)
        }
        HYBRID_ECDH | AES_GCM => plain as usize == packed && payload == packed,
        // RSA works on blocks of 1024 bits and more.
        _ => payload > 0 && payload.is_multiple_of(128),
    }
}
