// SPDX-License-Identifier: GPL-2.0-or-later
//! Which key opens the body of which business packet.
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`cipher`] | how a ciphertext is opened |
//! | [`body`] | what is known of a body |
//! | [`hybrid`] | where ciphertexts lie in the body of a login |
//! | [`show`] | how all that becomes a report |
//!
//! The tag decides; CBC has none, so that padding, length and content must all agree.
//!
//! | tried in this order | key from |
//! | --- | --- |
//! | lines that name the ciphertext | `line`, or `comment` |
//! | session keys of the account, then of any | `secret`, or `comment` |

pub mod body;
pub mod cipher;
pub mod hybrid;
pub mod show;

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use foldhash::HashMap;

use super::business::Header;
use super::fields::FAULTS;
use super::inflate::{self, Not};
use super::key_log::business::CipherKey;
use super::key_log::ring::KeyRing;
use super::protobuf;
use crate::kernel::place::Place;
use crate::kernel::reader::Reader;
use body::{Body, Closed, MOST_RANDOMS, Opened, Source, Text};
use hybrid::{MOST_CIPHERS, Member};

/// Keys that are tried for one ciphertext.
const MOST_TRIALS: usize = 1024;

/// A key in one of the ring's logs: which log, and its number there.
#[derive(Clone, Copy, Debug)]
struct KeyId(u8, u32);

/// What the first visit decided.
#[derive(Clone, Copy, Debug)]
enum Decision {
    Opened(KeyId, Source),
    Closed(Closed),
}

/// The bodies of one protocol in a capture.
#[derive(Debug, Default)]
pub struct Bodies {
    /// What the user has given.
    ring: Rc<RefCell<KeyRing>>,
    /// Of bodies that came when there was a key log.
    decisions: HashMap<Place, Decision>,
    /// Of hybrid bodies, the keys of the random bytes.
    randoms: HashMap<Place, [Option<KeyId>; MOST_RANDOMS]>,
}

/// A ciphertext, and what names its keys.
struct Sealed<'a> {
    header: &'a Header,
    bytes: &'a [u8],
}

impl Bodies {
    /// Those that the user's keys may open.
    pub fn new(ring: Rc<RefCell<KeyRing>>) -> Self {
        Self { ring, ..Self::default() }
    }

    /// Whether there may be keys.
    pub fn may_open(&self) -> bool {
        self.ring.borrow().may_have_keys()
    }

    /// Opens a body on its first visit, or finds out why not. `data` is what its header was read from.
    pub fn first(&mut self, place: Place, data: &[u8], header: &Header) -> Body {
        if !self.may_open() || body::is_cut(data, header) {
            return Body::untried(data, header);
        }
        let (ciphers, is_known) = ciphers(data, header);
        let [.., message] = &ciphers;
        let mut found = self.find(message.as_ref());
        if found.is_err() && self.ring.borrow_mut().read_for(place.packet, true) {
            found = self.find(message.as_ref());
        }
        let decided = match &found {
            Ok((key, source, _)) => Decision::Opened(*key, *source),
            Err(_) if !is_known => Decision::Closed(Closed::Algorithm),
            Err(why) => Decision::Closed(*why),
        };
        self.decisions.insert(place, decided);
        let [randoms @ .., _] = &ciphers;
        let randoms = randoms.each_ref().map(|random| self.find(random.as_ref()).ok());
        if randoms.iter().any(Option::is_some) {
            self.randoms
                .insert(place, randoms.each_ref().map(|random| random.as_ref().map(|(key, ..)| *key)));
        }
        let opened = match (found, decided) {
            (Ok((_, source, text)), _) => Ok(Opened { text, source }),
            (Err(_), Decision::Closed(why)) | (Err(why), _) => Err(why),
        };
        Body { opened, randoms: randoms.map(|random| Some(random?.2)) }
    }

    /// The same on a later visit, as was decided on the first.
    pub fn again(&self, place: Place, data: &[u8], header: &Header) -> Body {
        if body::is_cut(data, header) {
            return Body::untried(data, header);
        }
        let (ciphers, _) = ciphers(data, header);
        let [randoms @ .., message] = &ciphers;
        let opened = match self.decisions.get(&place) {
            Some(Decision::Opened(key, source)) => message
                .as_ref()
                .and_then(|sealed| self.open(*key, sealed))
                .map(|text| Opened { text, source: *source })
                .ok_or(Closed::NoLine),
            Some(Decision::Closed(why @ (Closed::Tag | Closed::Algorithm))) => Err(*why),
            Some(Decision::Closed(why)) => Err(self.came_later(place, message.as_ref()).unwrap_or(*why)),
            None => Err(self.came_later(place, message.as_ref()).unwrap_or(Closed::NoKeyLog)),
        };
        let keys = self.randoms.get(&place).copied().unwrap_or_default();
        let mut randoms = keys.into_iter().zip(randoms);
        let mut random = || {
            let (key, sealed) = randoms.next()?;
            self.open(key?, sealed.as_ref()?)
        };
        Body { opened, randoms: [random(), random()] }
    }

    /// Says so if a body that was closed on its first visit has a key by now.
    fn came_later(&self, place: Place, sealed: Option<&Sealed<'_>>) -> Option<Closed> {
        self.ring.borrow_mut().read_for(place.packet, false);
        self.find(sealed).is_ok().then_some(Closed::KeyLater)
    }

    /// Opens a ciphertext with a key that has opened it before.
    fn open(&self, KeyId(log, number): KeyId, sealed: &Sealed<'_>) -> Option<Text> {
        let ring = self.ring.borrow();
        let log = ring.logs().get(usize::from(log)).copied()?;
        sealed.open(&log.business().key(number)?)
    }

    /// Tries all keys that may be a ciphertext's.
    fn find(&self, sealed: Option<&Sealed<'_>>) -> Result<(KeyId, Source, Text), Closed> {
        let sealed = sealed.ok_or(Closed::NoLine)?;
        let ring = self.ring.borrow();
        let logs = || (0u8..).zip(ring.logs());
        let source = |log, source| if log == 0 { source } else { Source::Comment };
        let lines = logs().flat_map(|(log, keys)| {
            let tails = sealed.tails().into_iter().flatten();
            let keys = tails.flat_map(|tail| keys.business().by_tail(tail));
            keys.map(move |(number, key)| (KeyId(log, number), source(log, Source::Line), key))
        });
        let open = |(id, source, key): (KeyId, Source, CipherKey)| Some((id, source, sealed.open(&key)?));
        let mut why = Closed::NoLine;
        let lines = lines.take(MOST_TRIALS).inspect(|_| why = Closed::Tag);
        if let Some(found) = lines.filter_map(open).next() {
            return Ok(found);
        }
        let accounts = logs().flat_map(|(log, keys)| {
            let keys = keys.business().by_account(sealed.header.uin());
            keys.map(move |(number, key)| (KeyId(log, number), source(log, Source::Secret), key))
        });
        accounts.take(MOST_TRIALS).find_map(open).ok_or(why)
    }
}

/// The ciphertexts of a body, the message's last, and whether its algorithm is one of those that can be opened.
fn ciphers<'a>(data: &'a [u8], header: &'a Header) -> ([Option<Sealed<'a>>; MOST_CIPHERS], bool) {
    let mut ciphers = [const { None }; MOST_CIPHERS];
    let sealed = |at: Range<usize>| Some(Sealed { header, bytes: data.get(at)? });
    if header.is_hybrid() {
        let reader = Reader::new(data, header.payload(), FAULTS);
        for (member, _, at) in hybrid::members(reader, header.from_server()).0 {
            if let Member::Cipher(number) = member
                && let Some(cipher) = ciphers.get_mut(number)
            {
                *cipher = sealed(at);
            }
        }
        return (ciphers, true);
    }
    let is_known = header.is_cbc() || header.is_gcm();
    if let Some(message) = ciphers.last_mut().filter(|_| is_known) {
        *message = sealed(header.payload());
    }
    (ciphers, is_known)
}

impl Sealed<'_> {
    /// What lines may name it by: its last 8 bytes, or its IV's.
    fn tails(&self) -> [Option<u64>; 2] {
        let tail = |bytes: &[u8]| bytes.last_chunk().map(|tail| u64::from_be_bytes(*tail));
        if self.header.is_cbc() {
            return [tail(self.bytes), None];
        }
        match cipher::gcm_parts(self.bytes) {
            Some((text, iv, _)) => [tail(iv), tail(text)],
            None => [None, None],
        }
    }

    /// What a key makes of it, if that is to be believed.
    fn open(&self, key: &CipherKey) -> Option<Text> {
        match key {
            CipherKey::Cbc(key) if self.header.is_cbc() => {
                let plain = cipher::cbc(key, self.bytes, self.header.packed_len())?;
                let inflated = inflate::zlib(&plain);
                let agrees = match (&inflated, self.header.is_compressed()) {
                    (Ok(whole), true) => whole.len() == self.header.plain_len(),
                    (Ok(_), false) | (Err(Not::Few), _) => true,
                    (Err(Not::Deflated), true) => false,
                    (Err(Not::Deflated), false) => {
                        protobuf::is_message(Reader::new(&plain, 0..plain.len(), FAULTS))
                    }
                };
                agrees.then(|| Text { plain: plain.into(), inflated })
            }
            CipherKey::Gcm { key, additional } if !self.header.is_cbc() => {
                let additional = additional.as_ref().map_or(&[][..], |additional| additional);
                let plain = cipher::gcm(key, additional, self.bytes)?;
                let inflated = inflate::zlib(&plain);
                Some(Text { plain: plain.into(), inflated })
            }
            CipherKey::Cbc(_) | CipherKey::Gcm { .. } => None,
        }
    }
}
