// SPDX-License-Identifier: GPL-2.0-or-later
//! Where the parts of a message lie: read without a word said, as far as it makes sense.

use std::fmt::Write as _;
use std::ops::Range;

use crate::kernel::reader::Reader;
use crate::mmtls::code::{extension, kind, suite};
use crate::mmtls::fields::FAULTS;
use crate::wechat::secret::{Key, Rule, Secret};
use crate::wechat::settings::Shared;

/// Length of a random.
pub(super) const RANDOM_LEN: usize = 32;
/// Length of a Finished's HMAC.
pub(super) const VERIFY_LEN: usize = 32;

/// A length, and the bytes that it counts.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    pub length: usize,
    pub length_at: Range<usize>,
    /// What is there of them.
    pub content: Reader<'a>,
}

impl<'a> Block<'a> {
    fn new(reader: &mut Reader<'a>, length: usize, length_at: Range<usize>) -> Self {
        Self { length, length_at, content: reader.part(length) }
    }

    /// One with a length of two bytes.
    pub fn short(reader: &mut Reader<'a>) -> Option<Self> {
        let (length, at) = reader.u16()?;
        Some(Self::new(reader, length.into(), at))
    }

    /// One with a length of four bytes.
    pub fn long(reader: &mut Reader<'a>) -> Option<Self> {
        let (length, at) = reader.u32()?;
        Some(Self::new(reader, length as usize, at))
    }

    /// Whether what holds it has room for it.
    pub fn fits(&self) -> bool {
        self.content.left() == self.length
    }

    /// The bytes of one of which all were captured, and where they lie.
    fn whole(&self) -> Option<(&'a [u8], Range<usize>)> {
        let bytes = self.content.bytes();
        (bytes.len() == self.length).then(|| (bytes, self.content.rest()))
    }
}

/// Whether another message begins behind one: its length has to fit, or the bytes are no message.
pub(super) fn another(reader: &Reader<'_>) -> bool {
    Block::long(&mut reader.clone()).is_some_and(|block| block.length > 0 && block.fits())
}

/// A handshake message.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Where it lies, its length included: what a transcript hash covers. Ends with the record at the latest.
    pub all: Range<usize>,
    /// Whether all of it is there and was captured.
    pub whole: bool,
    /// Its type, one of [`kind`](crate::mmtls::code::kind) or any other.
    pub kind: u8,
    /// What it says.
    pub body: Body<'a>,
}

/// What a message says.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// How the client begins.
    ClientHello(ClientHello<'a>),
    /// How the server answers.
    ServerHello(ServerHello),
    /// Tickets that the server issues.
    NewSessionTicket(Tickets<'a>),
    /// The client's time once more.
    EncryptedExtensions(Option<u32>),
    /// Where the signature lies.
    CertificateVerify(Range<usize>),
    /// Where the 32 bytes of the HMAC lie.
    Finished(Range<usize>),
    /// Nobody knows: an unknown type, or too little is there.
    Unread,
}

/// How a client begins.
#[derive(Clone, Debug)]
pub struct ClientHello<'a> {
    /// As it is written in words: `0xf104`.
    pub version: u16,
    /// Whether it offers a full handshake.
    pub full: bool,
    /// Whether it offers to resume with a ticket.
    pub resumes: bool,
    /// Names the session.
    pub random: [u8; RANDOM_LEN],
    /// The client's clock, in seconds.
    pub time: Option<u32>,
    /// The tickets that it offers.
    pub tickets: Tickets<'a>,
}

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// As it is written in words: `0xf104`.
    pub version: u16,
    /// The suite that it has chosen, one of [`suite`](crate::mmtls::code::suite) or any other.
    pub suite: u16,
    /// Number of the key share that it has chosen.
    pub key_share: Option<u32>,
}

/// A ticket of which all is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket<'a> {
    /// One of [`ticket`](crate::mmtls::code::ticket) or any other.
    pub kind: u8,
    /// In seconds.
    pub lifetime: u32,
    /// What the server sealed for itself.
    pub bytes: &'a [u8],
    /// Where that lies.
    pub at: Range<usize>,
}

impl Ticket<'_> {
    /// What stands for it: equal for equal tickets.
    pub fn id(&self, key: &Key) -> Secret {
        key.secret(&self.hex())
    }

    /// The words that are shown of it.
    pub fn shown(&self, shared: &Shared) -> String {
        shared.shown(Rule::Secret, "ticket", &self.hex()).into_owned()
    }

    /// Its bytes in lower-case hex digits.
    pub(super) fn hex(&self) -> String {
        let mut out = String::with_capacity(self.bytes.len().saturating_mul(2));
        // Writing to a string does not fail.
        let _ = self.bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"));
        out
    }
}

/// The tickets of a message, one after the other; those of which a part is missing are left out.
#[derive(Clone, Debug)]
pub struct Tickets<'a> {
    reader: Reader<'a>,
    left: u8,
}

impl<'a> Tickets<'a> {
    /// Those behind their number.
    fn of(mut reader: Reader<'a>) -> Self {
        let left = reader.u8().map_or(0, |(count, _)| count);
        Self { reader, left }
    }

    fn none() -> Self {
        Self { reader: Reader::new(&[], 0..0, FAULTS), left: 0 }
    }
}

impl<'a> Iterator for Tickets<'a> {
    type Item = Ticket<'a>;

    fn next(&mut self) -> Option<Ticket<'a>> {
        loop {
            self.left = self.left.checked_sub(1)?;
            let block = Block::long(&mut self.reader)?;
            if let Some(ticket) = ticket(block.content) {
                return Some(ticket);
            }
        }
    }
}

/// The ticket in a block, if all of it is there.
pub(super) fn ticket(mut reader: Reader<'_>) -> Option<Ticket<'_>> {
    let (kind, _) = reader.u8()?;
    let (lifetime, _) = reader.u32()?;
    let _block = Block::short(&mut reader)?;
    let _constant = reader.u32()?;
    let _nonce = Block::short(&mut reader)?;
    let (bytes, at) = Block::short(&mut reader)?.whole().filter(|(bytes, _)| !bytes.is_empty())?;
    Some(Ticket { kind, lifetime, bytes, at })
}

/// The handshake messages of a record, whose content lies at `content` of a source; `bytes` are those of the source
/// that were captured. Ranges in messages are of the source, too.
pub fn messages(bytes: &[u8], content: Range<usize>) -> Messages<'_> {
    Messages { reader: Reader::new(bytes, content, FAULTS), behind: false }
}

/// Messages back to back.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    reader: Reader<'a>,
    /// Whether there has been one.
    behind: bool,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        if std::mem::replace(&mut self.behind, true) && !another(&self.reader) {
            return None;
        }
        let mut block = Block::long(&mut self.reader)?;
        let all = block.length_at.start..block.content.rest().end;
        let whole = block.fits() && block.content.is_captured();
        let (kind, _) = block.content.u8()?;
        Some(Message { all, whole, kind, body: body(kind, block.content).unwrap_or(Body::Unread) })
    }
}

fn body(kind: u8, mut reader: Reader<'_>) -> Option<Body<'_>> {
    Some(match kind {
        kind::CLIENT_HELLO => Body::ClientHello(client_hello(reader)?),
        kind::SERVER_HELLO => Body::ServerHello(server_hello(reader)?),
        kind::NEW_SESSION_TICKET => Body::NewSessionTicket(Tickets::of(reader)),
        kind::ENCRYPTED_EXTENSIONS => {
            let time = find(reader, extension::TIME).and_then(|mut time| time.u32());
            Body::EncryptedExtensions(time.map(|(time, _)| time))
        }
        kind::CERTIFICATE_VERIFY => Body::CertificateVerify(Block::short(&mut reader)?.whole()?.1),
        kind::FINISHED => {
            let (_, at) =
                Block::short(&mut reader)?.whole().filter(|(bytes, _)| bytes.len() == VERIFY_LEN)?;
            Body::Finished(at)
        }
        _ => return None,
    })
}

fn client_hello(mut reader: Reader<'_>) -> Option<ClientHello<'_>> {
    let (version, _) = reader.u16()?;
    let (count, _) = reader.u8()?;
    let mut suites = reader.sub(usize::from(count).saturating_mul(2))?;
    let (mut full, mut resumes) = (false, false);
    while let Some((suite, _)) = suites.u16() {
        full |= suite == suite::ECDHE;
        resumes |= suite == suite::TICKET;
    }
    let random = *reader.sub(RANDOM_LEN)?.bytes().first_chunk()?;
    let time = reader.u32().map(|(time, _)| time);
    let tickets = find(reader, extension::TICKETS).map_or_else(Tickets::none, Tickets::of);
    Some(ClientHello { version: version.swap_bytes(), full, resumes, random, time, tickets })
}

fn server_hello(mut reader: Reader<'_>) -> Option<ServerHello> {
    let (version, _) = reader.u16()?;
    let (suite, _) = reader.u16()?;
    let share = reader.take(RANDOM_LEN).and_then(|_| find(reader, extension::KEY_SHARE));
    let key_share = share.and_then(|mut share| share.u32()).map(|(index, _)| index);
    Some(ServerHello { version: version.swap_bytes(), suite, key_share })
}

/// The content of the first extension of a type.
fn find(mut reader: Reader<'_>, wanted: u16) -> Option<Reader<'_>> {
    let mut all = Block::long(&mut reader)?.content;
    let (count, _) = all.u8()?;
    let mut extensions = (0..count).map_while(|_| Block::long(&mut all));
    extensions.find_map(|mut one| {
        let (kind, _) = one.content.u16()?;
        (kind == wanted).then_some(one.content)
    })
}

/// An alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it says, one of [`alert`](crate::mmtls::code::alert) or any other.
    pub code: u16,
    /// How bad it is.
    pub level: u8,
}

/// The alert that is the content of a record, where it is one: see [`messages`].
pub fn alert(bytes: &[u8], content: Range<usize>) -> Option<Alert> {
    let mut inside = Block::long(&mut Reader::new(bytes, content, FAULTS))?.content;
    let (code, _) = inside.u16()?;
    let (level, _) = inside.u8()?;
    Some(Alert { code, level })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmtls::code::ticket;
    use crate::mmtls::handshake::sample;

    fn first(bytes: &[u8]) -> Message<'_> {
        messages(bytes, 0..bytes.len()).next().expect("a message")
    }

    fn hello(bytes: &[u8]) -> ClientHello<'_> {
        let Body::ClientHello(hello) = first(bytes).body else { panic!("no hello") };
        hello
    }

    /// The lengths of real records, less the tags of those that are encrypted.
    #[test]
    fn samples_are_as_long_as_real_messages() {
        let lengths = sample::all().map(|(name, bytes)| (name, bytes.len()));
        let real = [
            ("full", 366),
            ("first", 221),
            ("old", 212),
            ("resumes", 161),
            ("answer", 137),
            ("old answer", 123),
            ("resumed", 46),
            ("tickets", 293 - 16),
            ("extensions", 36 - 16),
            ("signature", 93 - 16),
            ("finished", 55 - 16),
        ];
        assert_eq!(lengths, real);
        assert_eq!(sample::alert(1, 1).len(), 23 - 16);
    }

    #[test]
    fn hellos_say_who_begins_how() {
        let full = sample::full();
        let read = hello(&full);
        assert_eq!(
            (read.version, read.full, read.resumes, read.time),
            (0xf104, true, true, Some(sample::TIME))
        );
        assert_eq!(read.random, sample::RANDOM);
        let tickets: Vec<_> = read.tickets.collect();
        let [one] = &tickets[..] else { panic!("{tickets:?}") };
        assert_eq!((one.kind, one.lifetime, one.bytes.len()), (ticket::REFRESH, 2_592_000, 105));
        assert_eq!((one.bytes, &full[one.at.clone()]), (&[0xbb; 105][..], &[0xbb; 105][..]));

        let resumes = sample::resumes();
        let read = hello(&resumes);
        assert_eq!((read.version, read.full, read.resumes), (0xf104, false, true));
        let tickets: Vec<_> = read.tickets.collect();
        assert_eq!(
            (tickets[0].kind, tickets[0].lifetime, tickets[0].at.clone()),
            (ticket::ACCESS, 604_800, 89..161)
        );

        let old = sample::old();
        let read = hello(&old);
        assert_eq!((read.version, read.full, read.resumes, read.tickets.count()), (0xf103, true, false, 0));
    }

    #[test]
    fn answers_say_what_was_chosen() {
        let answer = |bytes: &[u8]| match first(bytes).body {
            Body::ServerHello(hello) => hello,
            other => panic!("{other:?}"),
        };
        let said = |version, suite, key_share| ServerHello { version, suite, key_share };
        assert_eq!(answer(&sample::answer()), said(0xf104, suite::ECDHE, Some(5)));
        assert_eq!(answer(&sample::old_answer()), said(0xf103, suite::ECDHE, Some(2)));
        assert_eq!(answer(&sample::resumed()), said(0xf104, suite::TICKET, None));
        // The suite stands in front of the random, in which this one ends.
        let cut = sample::message(kind::SERVER_HELLO, &[0x04, 0xf1, 0x00, 0xa8, 1, 2, 3]);
        assert_eq!(answer(&cut), said(0xf104, suite::TICKET, None));
    }

    #[test]
    fn what_follows_the_hellos() {
        let tickets = sample::tickets();
        let Body::NewSessionTicket(issued) = first(&tickets).body else { panic!("no tickets") };
        let issued: Vec<_> = issued.map(|one| (one.kind, one.at)).collect();
        assert_eq!(issued, [(ticket::ACCESS, 37..109), (ticket::REFRESH, 172..277)]);
        let extensions = sample::extensions();
        assert!(matches!(first(&extensions).body, Body::EncryptedExtensions(Some(sample::TIME))));
        let signature = sample::signature();
        assert!(matches!(first(&signature).body, Body::CertificateVerify(at) if at == (7..77)));
        let finished = sample::finished();
        assert!(matches!(first(&finished).body, Body::Finished(at) if at == (7..39)));
        assert_eq!(alert(&sample::alert(0x73, 2), 0..7), Some(Alert { code: 0x73, level: 2 }));
        assert_eq!(alert(&sample::alert(0x73, 2), 0..6), None);
        let unknown = sample::message(0x30, &[1, 2, 3]);
        let read = first(&unknown);
        assert_eq!(
            (read.kind, read.all, read.whole, matches!(read.body, Body::Unread)),
            (0x30, 0..8, true, true)
        );
    }

    #[test]
    fn messages_may_lie_back_to_back_behind_something_else() {
        let record = [vec![9; 5], sample::signature(), sample::tickets(), sample::finished()].concat();
        let read: Vec<_> =
            messages(&record, 5..record.len()).map(|read| (read.kind, read.all, read.whole)).collect();
        let expected = [
            (kind::CERTIFICATE_VERIFY, 5..82, true),
            (kind::NEW_SESSION_TICKET, 82..359, true),
            (kind::FINISHED, 359..398, true),
        ];
        assert_eq!(read, expected);
        // What does not fit as a message is none, except at the start.
        for behind in [&[0, 0, 0][..], &[0, 0, 0, 0], &[0, 0, 0, 2, 1], &[0xff; 40]] {
            let record = [&sample::finished()[..], behind].concat();
            assert_eq!(messages(&record, 0..record.len()).count(), 1, "{behind:?}");
        }
        let mut lies = sample::resumes();
        lies[..4].fill(0xff);
        assert_eq!(
            (first(&lies).all, first(&lies).whole, hello(&lies).random),
            (0..161, false, sample::RANDOM)
        );
        assert_eq!((messages(&[0; 4], 0..4).count(), messages(&[], 0..0).count()), (0, 0));
    }

    /// Cut by the capture, or by a record that ends there.
    #[test]
    fn what_is_cut_is_read_as_far_as_it_goes() {
        for (name, bytes) in sample::all() {
            for cut in 0..bytes.len() {
                for reported in [cut, bytes.len()] {
                    let read = messages(&bytes[..cut], 0..reported).next();
                    assert_eq!(read.is_some(), cut > 4, "{name} {cut}");
                    let Some(read) = read else { continue };
                    assert_eq!((read.all.clone(), read.whole), (0..reported, false), "{name} {cut}");
                    match read.body {
                        Body::ClientHello(hello) => {
                            let suites = usize::from(bytes[7]) * 2;
                            assert!(cut >= 40 + suites && hello.random == sample::RANDOM, "{name} {cut}");
                            assert_eq!(hello.time.is_some(), cut >= 44 + suites, "{name} {cut}");
                            assert!(hello.tickets.clone().all(|ticket| ticket.at.end <= cut), "{name} {cut}");
                        }
                        Body::ServerHello(hello) => {
                            assert!(cut >= 9, "{name} {cut}");
                            assert!(hello.key_share.is_none() || cut >= 56, "{name} {cut}");
                        }
                        Body::NewSessionTicket(tickets) => {
                            assert_eq!(tickets.count(), usize::from(cut >= 109), "{name} {cut}");
                        }
                        Body::EncryptedExtensions(time) => assert_eq!(time, None, "{name} {cut}"),
                        Body::CertificateVerify(_) | Body::Finished(_) => panic!("{name} {cut}"),
                        Body::Unread => {}
                    }
                }
            }
        }
    }

    #[test]
    fn equal_tickets_have_equal_ids() {
        let key = Key::of("k");
        let (issued, offered) = (sample::tickets(), sample::resumes());
        let Body::NewSessionTicket(issued) = first(&issued).body else { panic!("no tickets") };
        let ids: Vec<_> = issued.map(|one| one.id(&key)).collect();
        assert_eq!(hello(&offered).tickets.next().map(|one| one.id(&key)), Some(ids[0]));
        assert_ne!(ids[0], ids[1]);
        // As Python's `hmac` says of 144 times `a`.
        assert_eq!(ids[0].to_string(), "#d6ef8b57c2556457");
    }
}
