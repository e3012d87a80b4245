// SPDX-License-Identifier: GPL-2.0-or-later
//! The report: what one PDU looks like, as a flat list of items, and the writer that fills it.
//!
//! A report belongs to its handle and is reused, so that the steady state allocates nothing. Texts
//! lie in one buffer, each ended by a NUL byte; an item names its text by an offset into it.
//!
//! Items lie in a source: the bytes that came in, what the carrier passed on beside them, or bytes that the
//! dissector made. What is inside and somebody else's is not called: the report ends with hand-offs.

use std::fmt::{self, Arguments, Display, Write};
use std::ops::Range;

use bytes::Bytes;

use super::place::LaneId;
use super::record::{Record, Text, View};
use super::rows::{FieldSet, Note, ROW_BITS};

/// What an item is. The set is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ItemKind {
    /// A field whose value the host reads from the bytes named.
    Wire = 1,
    /// A field whose value is in `value`, and stands in no byte as such.
    Generated = 2,
    /// A text field whose value is the item's text, made by the dissector.
    Text = 3,
    /// As [`ItemKind::Wire`], and the items behind it that are one deeper are its children.
    Subtree = 4,
    /// A note: `field` indexes the note table, the bytes named are the ones to blame.
    Note = 5,
    /// A field whose bytes were made into others, the source numbered `value`, in which its children lie.
    Derived = 6,
    /// A field whose value is in `value`, read from the bytes named in a way the host cannot (a varint). It may
    /// have children, as a subtree.
    Decoded = 7,
    /// As [`ItemKind::Text`], read from the bytes named in a way the host cannot (escapes).
    DecodedText = 8,
}

/// One line of the packet tree. C reads it where it lies, so that its layout is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Item {
    /// Value of a generated or decoded item: a number, nanoseconds, or a packet number.
    pub value: u64,
    /// First byte, from the start of the source; in the bytes that came in, from the start of the PDU.
    pub offset: u32,
    /// Number of bytes. All of them were captured, so that the host can read them unchecked.
    pub length: u32,
    /// Offset of the item's text in the report's texts; 0 for none. It stands behind the value, but
    /// is the value itself of a text item, stands for the bytes of a subtree of bytes, and is the
    /// message of a note.
    pub text: u32,
    /// The number of a field; of a note, the number of a note.
    pub field: u16,
    /// The source in which it lies.
    pub source: u16,
    /// What it is.
    pub kind: ItemKind,
    /// 0 at the top; an item is a child of the nearest subtree above it that is one less deep.
    pub depth: u8,
}

/// What of a report is asked for. What is not wanted is not computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The words for the Info column.
    pub columns: bool,
    /// Items of [`Self::fields`].
    pub items: bool,
    /// The items' texts; without them only values and notes are there.
    pub labels: bool,
    /// The record for taps.
    pub record: bool,
    /// What is for others. Mostly nobody takes any of it.
    pub inside: bool,
    /// What may be exported.
    pub objects: bool,
    /// The fields whose items are wanted, where not all are; a protocol's own always is.
    pub fields: Option<&'a FieldSet>,
}

impl Wanted<'_> {
    /// Everything.
    pub const ALL: Self = Self {
        columns: true,
        items: true,
        labels: true,
        record: true,
        inside: true,
        objects: true,
        fields: None,
    };
}

/// Bytes in which items lie.
#[derive(Clone, Debug)]
pub struct Source {
    /// How many are there.
    pub captured: u32,
    /// What they are called, a text of the report.
    pub name: Text,
    /// The bytes, where the dissector made them; else the host has them.
    pub bytes: Option<Bytes>,
}

/// The bytes that came in.
pub const CAME_IN: u16 = 0;
/// Of a message, its body as the carrier passed it on.
pub const PASSED_ON: u16 = 1;

/// Bytes of a source that are for somebody else: whoever registered for a key in a table, or else that table's
/// heuristics, or else its dissector of the host's. The host calls them when it has drawn the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOff {
    /// Number of the table: its place among those that a protocol offers, and that protocol's, as fields are numbered.
    pub table: u16,
    /// The key.
    pub key: u32,
    /// The source.
    pub source: u16,
    /// First byte in the source.
    pub start: usize,
    /// Number of bytes, captured or not.
    pub length: usize,
    /// What they are of a stream inside.
    pub piece: Piece,
    /// Where they are from, if they are for a protocol of ours: the capture says.
    pub inner: Option<Inner>,
    /// What the table's dissector of the host's is told of them, a text of the report; 0 for nothing.
    pub words: Text,
    /// The item that says that nobody knows them, by its place: it is not shown if somebody does.
    pub instead: Option<usize>,
}

/// Bytes of a source that a user may export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// The source.
    pub source: u16,
    /// First byte in the source.
    pub start: usize,
    /// Number of bytes, all of them captured.
    pub length: usize,
    /// What its file is called, a text of the report.
    pub name: Text,
    /// What sort of bytes they are, a text of the report.
    pub kind: Text,
}

/// What bytes are of the stream that is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A message, or all that one side of a stream says: it ends with them. Which of the protocol's own streams.
    Whole {
        /// Its number.
        part: u32,
    },
    /// Bytes of a stream that may begin and end inside of PDUs.
    At {
        /// Which of the protocol's own streams.
        part: u32,
        /// Where they begin in it.
        position: u32,
        /// Whether more of the same side may follow.
        more: bool,
    },
}

/// Where bytes of a stream inside a stream are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Direction of the inner stream.
    pub lane: LaneId,
    /// Number of the stream as the host is to show it.
    pub shown_stream: u32,
    /// Position of the first byte in the inner stream.
    pub position: u32,
    /// Whether positions count the bytes of the stream.
    pub counted: bool,
}

/// A subtree that has begun.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Where its item is, if it is wanted.
    item: Option<usize>,
    start: usize,
    depth: u8,
}

/// What a text is made of: words that stand as they are, or `format_args!`, which takes longer.
pub trait Words: Copy {
    /// Writes them; may be called again.
    fn write(self, out: &mut impl Write) -> fmt::Result;
}

impl Words for &str {
    fn write(self, out: &mut impl Write) -> fmt::Result {
        out.write_str(self)
    }
}

impl<const COUNT: usize> Words for [&str; COUNT] {
    fn write(self, out: &mut impl Write) -> fmt::Result {
        self.into_iter().try_for_each(|word| out.write_str(word))
    }
}

impl<Rest: Words> Words for (&str, Rest) {
    fn write(self, out: &mut impl Write) -> fmt::Result {
        out.write_str(self.0)?;
        self.1.write(out)
    }
}

impl Words for Arguments<'_> {
    fn write(self, out: &mut impl Write) -> fmt::Result {
        out.write_fmt(self)
    }
}

/// How deep items may be nested; deeper ones stay at this depth.
const DEEPEST: u8 = 16;

/// Items, texts and hand-offs of one PDU.
#[derive(Debug)]
pub struct Report {
    items: Vec<Item>,
    /// Texts; the first is empty.
    texts: Vec<u8>,
    info: Text,
    /// What is asked for; of the fields, those beside it.
    wanted: Wanted<'static>,
    fields: Option<FieldSet>,
    /// The protocol's own field, which is always there.
    own: u16,
    /// Sources; the first are the bytes that came in.
    sources: Vec<Source>,
    hand_offs: Vec<HandOff>,
    objects: Vec<Object>,
    /// Where items lie now, and how many bytes are there: no item reaches beyond.
    source: u16,
    captured: u32,
    depth: u8,
    record: Option<Record>,
    /// Values of fields that its record has, too.
    told: Vec<(u16, u64)>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            texts: vec![0],
            info: 0,
            wanted: Wanted::default(),
            fields: None,
            own: 0,
            sources: vec![Source { captured: 0, name: 0, bytes: None }],
            hand_offs: Vec::new(),
            objects: Vec::new(),
            source: CAME_IN,
            captured: 0,
            depth: 0,
            record: None,
            told: Vec::new(),
        }
    }
}

impl Report {
    /// Empties the report for the next PDU of a protocol, of which at most `captured` bytes are there.
    #[inline]
    pub fn begin(&mut self, protocol: u16, wanted: Wanted<'_>, captured: usize) {
        self.items.clear();
        self.texts.truncate(1);
        self.info = 0;
        self.fields = wanted.fields.copied();
        self.wanted = Wanted { fields: None, ..wanted };
        self.own = protocol << ROW_BITS;
        // Mostly there is no other.
        if self.sources.len() > 1 {
            self.sources.truncate(1);
        }
        self.hand_offs.clear();
        self.objects.clear();
        self.source = CAME_IN;
        self.captured = u32::try_from(captured).unwrap_or(u32::MAX);
        self.depth = 0;
        self.record = None;
        self.told.clear();
        if let Some(came_in) = self.sources.first_mut() {
            came_in.captured = self.captured;
        }
    }

    /// The protocol that it is of.
    pub fn protocol(&self) -> u16 {
        self.own >> ROW_BITS
    }

    /// Says how many bytes of a body the carrier passed on beside those that came in: the source [`PASSED_ON`].
    pub fn passed_on(&mut self, captured: usize) {
        self.add_source(captured, 0, None);
    }

    fn add_source(&mut self, captured: usize, name: Text, bytes: Option<Bytes>) -> u16 {
        let number = u16::try_from(self.sources.len()).unwrap_or(u16::MAX);
        let captured = u32::try_from(captured).unwrap_or(u32::MAX);
        self.sources.push(Source { captured, name, bytes });
        number
    }

    /// The sources, by their numbers.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What is for others, in the order in which they are to be called.
    pub fn hand_offs(&self) -> &[HandOff] {
        &self.hand_offs
    }

    /// Offers bytes to somebody else.
    pub fn hand_off(&mut self, hand_off: HandOff) {
        if self.wanted.inside {
            self.hand_offs.push(hand_off);
        }
    }

    /// What may be exported.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Adds what may be exported.
    pub fn object(&mut self, object: Object) {
        if self.wanted.objects {
            self.objects.push(object);
        }
    }

    /// Changes a hand-off, or takes it back.
    pub fn change_hand_off(&mut self, index: usize, to: Option<HandOff>) {
        match (self.hand_offs.get_mut(index), to) {
            (Some(one), Some(to)) => *one = to,
            (Some(_), None) => drop(self.hand_offs.remove(index)),
            (None, _) => {}
        }
    }

    /// Bytes that the dissector made, without an item: a source of their own, called `name`. Its number.
    pub fn make_source(&mut self, bytes: Bytes, name: impl Words) -> u16 {
        let name = self.put(name);
        self.add_source(bytes.len(), name, Some(bytes))
    }

    /// Notes something on bytes of a source, below the report's own item.
    pub fn note_below(&mut self, note: u16, source: u16, range: Range<usize>, words: Arguments<'_>) {
        let depth = std::mem::replace(&mut self.depth, 1);
        self.within(source, |report| report.note(note, range, words));
        self.depth = depth;
    }

    /// Lets `children` add items that lie in another source.
    pub fn within(&mut self, source: u16, children: impl FnOnce(&mut Self)) {
        let before = self.source;
        self.enter(source);
        children(self);
        self.enter(before);
    }

    /// The source in which items lie now.
    pub fn source(&self) -> u16 {
        self.source
    }

    fn enter(&mut self, source: u16) {
        self.source = source;
        self.captured = self.sources.get(usize::from(source)).map_or(0, |source| source.captured);
    }

    /// Whether there is to be an item of this field.
    pub fn wants(&self, field: u16) -> bool {
        self.wanted.items && self.fields.as_ref().is_none_or(|fields| field == self.own || fields.has(field))
    }

    /// The items, in tree order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The texts, each ended by a NUL byte; the first is empty.
    pub fn texts(&self) -> &[u8] {
        &self.texts
    }

    /// One text of the report.
    pub fn text(&self, text: u32) -> &str {
        let bytes = self.texts.get(text as usize..).unwrap_or_default();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        std::str::from_utf8(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
    }

    /// The words for the Info column, a text of the report.
    pub fn info(&self) -> u32 {
        self.info
    }

    /// What taps are told, if the PDU is a frame.
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The same as listeners have it.
    pub fn view(&self) -> Option<View<'_>> {
        let record = self.record.as_ref()?;
        Some(View {
            packet: record.packet,
            stream: record.stream,
            time: record.time,
            ends: record.ends,
            bytes: self.told_by(record),
            present: record.present(),
            values: record.values(),
            texts: self.texts.get(record.texts as usize..).unwrap_or_default(),
        })
    }

    /// Keeps the value of a field for the record: who shows it need not know whose report it is.
    pub fn tell(&mut self, field: u16, value: u64) {
        if self.wanted.record {
            self.told.push((field, value));
        }
    }

    /// The first value of a field that was kept.
    pub fn told(&self, field: u16) -> Option<u64> {
        self.told.iter().find(|(other, _)| *other == field).map(|(_, value)| *value)
    }

    /// The bytes that a record of the report's is told by.
    pub fn told_by(&self, record: &Record) -> &[u8] {
        let source = record.source.and_then(|source| self.sources.get(usize::from(source)));
        source.and_then(|source| source.bytes.as_deref()).unwrap_or_default()
    }

    /// Says what taps are told.
    pub fn set_record(&mut self, record: Record) {
        self.record = Some(record);
    }

    /// What was asked for.
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted { fields: self.fields.as_ref(), ..self.wanted }
    }

    /// What is inside has the words for the Info column.
    pub fn leave_info(&mut self) {
        self.info = 0;
    }

    /// Says what the Info column shows.
    pub fn set_info(&mut self, words: impl Words) {
        if self.wanted.columns {
            self.info = self.put(words);
        }
    }

    /// A field that the host reads from `range`.
    pub fn wire(&mut self, field: u16, range: Range<usize>) {
        self.add_plain(ItemKind::Wire, field, range, 0);
    }

    /// A text that the host reads from `range`, where `bytes` are. What may not be written stands for itself there:
    /// such a text is made here.
    pub fn wire_text(&mut self, field: u16, range: Range<usize>, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if text.chars().all(|c| is_printable(c) || c.is_control()) {
            return self.wire(field, range);
        }
        self.decoded_text(field, range, format_args!("{}", text.trim_end_matches('\0')));
    }

    /// A field that the host reads from `range`, with words behind its value.
    pub fn wire_labelled(&mut self, field: u16, range: Range<usize>, words: impl Words) {
        self.add(ItemKind::Wire, field, range, 0, words);
    }

    /// A value that follows from others, not from bytes of its own.
    pub fn generated(&mut self, field: u16, range: Range<usize>, value: u64) {
        self.add_plain(ItemKind::Generated, field, range, value);
    }

    /// As [`Self::generated`], with words behind the value.
    pub fn generated_labelled(&mut self, field: u16, range: Range<usize>, value: u64, words: impl Words) {
        self.add(ItemKind::Generated, field, range, value, words);
    }

    /// As [`Self::generated`], and labelled as what probably, not certainly, is so.
    pub fn inferred(&mut self, field: u16, range: Range<usize>, value: u64) {
        self.generated_labelled(field, range, value, " (inference)");
    }

    /// A value read from `range`, with words behind it.
    pub fn decoded(&mut self, field: u16, range: Range<usize>, value: u64, words: impl Words) {
        self.add(ItemKind::Decoded, field, range, value, words);
    }

    /// As [`Self::decoded`], with children, which `children` adds.
    pub fn decoded_tree(
        &mut self,
        field: u16,
        range: Range<usize>,
        value: u64,
        words: impl Words,
        children: impl FnOnce(&mut Self),
    ) {
        self.decoded(field, range, value, words);
        self.inside(field, children);
    }

    /// Lets `children` add what is below the item of a field that was added last.
    fn inside(&mut self, field: u16, children: impl FnOnce(&mut Self)) {
        let depth = self.depth;
        if self.wants(field) {
            self.depth = depth.saturating_add(1).min(DEEPEST);
        }
        children(self);
        self.depth = depth;
    }

    /// A text value that the dissector made; a value is computed even when labels are not wanted.
    pub fn text_value(&mut self, field: u16, range: Range<usize>, words: impl Words) {
        if self.wants(field) {
            let text = self.put(words);
            self.push(ItemKind::Text, field, range, 0, text);
        }
    }

    /// A text read from `range`, as the dissector understands it.
    pub fn decoded_text(&mut self, field: u16, range: Range<usize>, words: impl Words) {
        if self.wants(field) {
            let text = self.put(words);
            self.push(ItemKind::DecodedText, field, range, 0, text);
        }
    }

    /// Begins a subtree whose end is not known yet; all that is added before [`Self::close`] is its child.
    pub fn open(&mut self, field: u16, start: usize) -> Open {
        let depth = self.depth;
        let item = self.wants(field).then_some(self.items.len());
        self.add(ItemKind::Subtree, field, start..start, 0, "");
        if item.is_some() {
            self.depth = depth.saturating_add(1).min(DEEPEST);
        }
        Open { item, start, depth }
    }

    /// Ends a subtree, which is when its words are known.
    pub fn close(&mut self, open: Open, end: usize, words: impl Words) {
        self.depth = open.depth;
        let Some(place) = open.item else { return };
        let text = if self.wanted.labels { self.put(words) } else { 0 };
        let length = self.clamp(end).saturating_sub(self.clamp(open.start));
        if let Some(item) = self.items.get_mut(place) {
            (item.length, item.text) = (length, text);
        }
    }

    /// A field with children, which `children` adds.
    pub fn subtree(
        &mut self,
        field: u16,
        range: Range<usize>,
        words: impl Words,
        children: impl FnOnce(&mut Self),
    ) {
        self.add(ItemKind::Subtree, field, range, 0, words);
        self.inside(field, children);
    }

    /// Bytes made out of those of a field, a source of its own, called `name`; `children` adds what lies in it,
    /// and hand-offs of it, and is told its number.
    pub fn derived(
        &mut self,
        field: u16,
        range: Range<usize>,
        bytes: Bytes,
        name: impl Words,
        children: impl FnOnce(&mut Self, u16),
    ) {
        let source = self.make_source(bytes, name);
        if self.wants(field) {
            self.push(ItemKind::Derived, field, range, source.into(), 0);
        }
        self.inside(field, |report| report.within(source, |report| children(report, source)));
    }

    /// A note on the bytes to blame. Right behind the field on the same bytes it becomes its child.
    pub fn note(&mut self, note: u16, range: Range<usize>, words: Arguments<'_>) {
        let text = self.put(words);
        let (start, end) = (self.clamp(range.start), self.clamp(range.end));
        let depth = self.depth;
        let blamed =
            self.items.iter_mut().rev().find(|item| item.depth == depth && item.kind != ItemKind::Note);
        let source = self.source;
        let blamed = blamed.filter(|item| {
            item.source == source && item.offset == start && item.offset.saturating_add(item.length) == end
        });
        match blamed.filter(|item| matches!(item.kind, ItemKind::Wire | ItemKind::Subtree)) {
            Some(item) => {
                item.kind = ItemKind::Subtree;
                self.depth = depth.saturating_add(1).min(DEEPEST);
                self.push(ItemKind::Note, note, range, 0, text);
                self.depth = depth;
            }
            None => self.push(ItemKind::Note, note, range, 0, text),
        }
    }

    /// An item without words.
    fn add_plain(&mut self, kind: ItemKind, field: u16, range: Range<usize>, value: u64) {
        if self.wants(field) {
            self.push(kind, field, range, value, 0);
        }
    }

    fn add(&mut self, kind: ItemKind, field: u16, range: Range<usize>, value: u64, words: impl Words) {
        if self.wants(field) {
            let text = if self.wanted.labels { self.put(words) } else { 0 };
            self.push(kind, field, range, value, text);
        }
    }

    fn push(&mut self, kind: ItemKind, field: u16, range: Range<usize>, value: u64, text: Text) {
        let (start, end) = (self.clamp(range.start), self.clamp(range.end));
        self.items.push(Item {
            field,
            source: self.source,
            kind,
            depth: self.depth,
            offset: start,
            length: end.saturating_sub(start),
            text,
            value,
        });
    }

    fn clamp(&self, place: usize) -> u32 {
        place.min(self.captured as usize) as u32
    }

    /// Adds a text, if it says anything, and returns where it is.
    pub fn put(&mut self, words: impl Words) -> Text {
        put(&mut self.texts, words)
    }

    /// Adds the filter names of the notes, whose rows `row` finds, and returns where they are.
    pub fn put_notes(&mut self, row: fn(u16) -> Option<&'static Note>) -> Text {
        put(&mut self.texts, format_args!("{}", NoteNames(&self.items, row)))
    }

    /// Adds what the rows of the notes have for the Info column, behind its words and those of the report's own item.
    pub fn put_briefs(&mut self, row: fn(u16) -> Option<&'static Note>) {
        if self.wanted.columns {
            self.info = self.with_briefs(self.info, row);
        }
        if let Some(&Item { kind: ItemKind::Subtree, text, .. }) = self.items.first()
            && self.wanted.labels
        {
            let text = self.with_briefs(text, row);
            self.items.iter_mut().take(1).for_each(|own| own.text = text);
        }
    }

    /// A text with the briefs of all notes behind it, each once; the text itself if there are none.
    pub fn with_briefs(&mut self, text: Text, row: fn(u16) -> Option<&'static Note>) -> Text {
        let Self { items, texts, .. } = self;
        let start = texts.len();
        let from = start.min(text as usize);
        let briefs = items
            .iter()
            .filter(|item| item.kind == ItemKind::Note)
            .filter_map(|note| row(note.field))
            .map(|row| row.brief)
            .filter(|brief| !brief.is_empty())
            .enumerate();
        if briefs.clone().next().is_none() {
            return text;
        }
        let length = texts.iter().skip(from).take_while(|byte| **byte != 0).count();
        texts.extend_from_within(from..from.saturating_add(length));
        if length > 0 {
            texts.push(b' ');
        }
        for (place, brief) in briefs.clone() {
            // There are few.
            if briefs.clone().take(place).any(|(_, said)| said == brief) {
                continue;
            }
            texts.extend_from_slice(if place == 0 { b"[" } else { b", " });
            texts.extend_from_slice(brief.as_bytes());
        }
        texts.extend_from_slice(b"]\0");
        u32::try_from(start).unwrap_or(0)
    }

    /// The place of the last item of a field.
    pub fn place_of(&self, field: u16) -> Option<usize> {
        self.items.iter().rposition(|item| item.field == field && item.kind != ItemKind::Note)
    }

    /// Whether there is such a note.
    pub fn has_note(&self, note: u16) -> bool {
        self.items.iter().any(|item| item.kind == ItemKind::Note && item.field == note)
    }
}

fn put(texts: &mut Vec<u8>, words: impl Words) -> Text {
    let start = texts.len();
    // Writing to a growing buffer does not fail.
    let _ = words.write(&mut Plain(texts));
    let text = texts.get(start..).unwrap_or_default();
    if text.is_empty() {
        return 0;
    }
    // Almost all texts are plain; others are looked at character by character.
    if !is_plain(text) && !is_harmless(text) {
        texts.truncate(start);
        let _ = words.write(&mut Printable(texts));
    }
    texts.push(0);
    u32::try_from(start).unwrap_or(0)
}

/// Whether all of a text is printable ASCII. Eight bytes at a time: the top bit of a byte shows that it is above
/// `0x7f`, or else below a space, or `0x7f`.
fn is_plain(text: &[u8]) -> bool {
    const TOP: u64 = 0x8080_8080_8080_8080;
    const SPACE: u64 = 0x2020_2020_2020_2020;
    const ONE: u64 = 0x0101_0101_0101_0101;
    let odd = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        word | word.wrapping_sub(SPACE) | word.wrapping_add(ONE)
    };
    // The last eight bytes may overlap those before.
    let Some(last) = text.last_chunk() else {
        return text.iter().all(|byte| (b' '..=b'~').contains(byte));
    };
    let (words, _) = text.as_chunks();
    words.iter().fold(odd(last), |all, word| all | odd(word)) & TOP == 0
}

/// Whether a text has neither a control character nor what may begin one beyond ASCII, or U+FFFE and U+FFFF.
fn is_harmless(text: &[u8]) -> bool {
    !text.iter().fold(false, |odd, byte| odd | matches!(byte, 0..0x20 | 0x7f | 0xc2 | 0xef))
}

/// Takes any text.
struct Plain<'a>(&'a mut Vec<u8>);

impl Write for Plain<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// The filter names of the notes among items, each once, apart by commas.
struct NoteNames<'a>(&'a [Item], fn(u16) -> Option<&'static Note>);

impl Display for NoteNames<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(items, row) = self;
        let notes = || items.iter().filter(|item| item.kind == ItemKind::Note).map(|item| item.field);
        for (place, note) in notes().enumerate() {
            // There are few.
            if let Some(row) = row(note).filter(|_| !notes().take(place).any(|before| before == note)) {
                write!(
                    out,
                    "{}{}",
                    if place == 0 { "" } else { "," },
                    row.filter.to_str().unwrap_or_default()
                )?;
            }
        }
        Ok(())
    }
}

/// Keeps out of texts that hold captured bytes what would end them or break what is written of them: control
/// characters, NUL among them, and the two others that XML 1.0 does not allow.
struct Printable<'a>(&'a mut Vec<u8>);

fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

impl Write for Printable<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut out = Plain(self.0);
        text.chars().try_for_each(|c| match is_printable(c) {
            true => out.write_char(c),
            false => write!(out, "\\x{:02x}", u32::from(c)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::rows::{Group, Severity};

    #[test]
    fn what_is_wrong_stands_once_behind_the_words() {
        fn row(note: u16) -> Option<&'static Note> {
            const fn one(brief: &'static str) -> Note {
                Note { filter: c"", summary: c"", group: Group::Protocol, severity: Severity::Warning, brief }
            }
            static ROWS: [Note; 3] = [one("JSON cut"), one("cut"), one("")];
            ROWS.get(usize::from(note))
        }
        let mut report = Report::default();
        report.begin(0, Wanted { columns: true, ..Wanted::default() }, 8);
        report.set_info("a → b");
        report.put_briefs(row);
        assert_eq!(report.text(report.info()), "a → b");
        for note in [0, 1, 2, 0] {
            report.note(note, 0..1, format_args!("words"));
        }
        report.put_briefs(row);
        assert_eq!(report.text(report.info()), "a → b [JSON cut, cut]");
        report.leave_info();
        report.put_briefs(row);
        assert_eq!(report.text(report.info()), "[JSON cut, cut]");
    }

    #[test]
    fn texts_hold_no_control_characters() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut text = [b' '; 20];
                text[place] = byte;
                assert_eq!(is_plain(&text), (b' '..=b'~').contains(&byte), "{byte} at {place}");
                let short = &text[..=place % 8];
                assert_eq!(is_plain(short), place >= 8 || (b' '..=b'~').contains(&byte), "{short:?}");
            }
        }
        let mut report = Report::default();
        report.begin(1, Wanted::ALL, 4);
        report.set_info(format_args!("a{}b", "\0\n"));
        assert_eq!(report.text(report.info()), "a\\x00\\x0ab");
    }

    /// The production `Char` of XML 1.0, without what is printable there only in part: control characters.
    #[test]
    fn texts_hold_what_xml_allows() {
        let mut report = Report::default();
        for c in '\0'..=char::MAX {
            let allowed =
                matches!(c, ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..) && !c.is_control();
            report.begin(1, Wanted::ALL, 4);
            report.set_info(format_args!("ä{c}"));
            let shown = report.text(report.info());
            assert_eq!(shown == format!("ä{c}"), allowed, "{shown}");
            assert!(allowed || shown.starts_with("ä\\x"), "{shown}");
        }
        report.begin(1, Wanted::ALL, 12);
        report.wire_text(1 << ROW_BITS, 0..3, "a\u{1}ä".as_bytes());
        report.wire_text(1 << ROW_BITS, 0..5, b"a\xef\xbf\xbe\0");
        let [wire, made] = report.items() else { panic!("two items") };
        assert_eq!((wire.kind, made.kind), (ItemKind::Wire, ItemKind::DecodedText));
        assert_eq!(report.text(made.text), "a\\xfffe");
    }

    #[test]
    fn what_is_not_wanted_is_not_there() {
        const OWN: u16 = 1 << ROW_BITS;
        const FIRST: u16 = OWN + 1;
        const SECOND: u16 = OWN + 2;
        const SHARED: u16 = 2;
        let mut report = Report::default();
        report.begin(1, Wanted { items: true, ..Wanted::default() }, 4);
        report.set_info(format_args!("info"));
        report.subtree(OWN, 0..4, format_args!("label"), |report| report.wire(FIRST, 1..3));
        let items = report.items();
        assert_eq!((items.len(), items[0].text, items[1].depth, report.info()), (2, 0, 1, 0));
        let (mut shared, mut own) = ([0; FieldSet::WORDS], [0; FieldSet::WORDS]);
        (shared[0], own[0]) = (1 << SHARED, 1 << 2);
        report.begin(1, Wanted { fields: Some(&FieldSet::from_words(shared, own)), ..Wanted::ALL }, 4);
        report.subtree(OWN, 0..4, format_args!("always"), |report| {
            report.wire(FIRST, 0..1);
            report.subtree(FIRST, 0..4, format_args!("no"), |report| report.wire(SECOND, 1..3));
            report.wire(SHARED, 0..1);
            report.wire(1, 0..1);
        });
        let shown: Vec<_> = report.items().iter().map(|item| (item.field, item.depth)).collect();
        assert_eq!(shown, [(OWN, 0), (SECOND, 1), (SHARED, 1)]);
        report.begin(1, Wanted::default(), 4);
        report.wire(FIRST, 0..4);
        report.note(1, 0..4, format_args!("notes are always there"));
        assert_eq!(report.items().len(), 1);
    }

    #[test]
    fn items_lie_in_their_source_and_do_not_reach_beyond() {
        let mut report = Report::default();
        report.begin(1, Wanted::ALL, 4);
        report.passed_on(10);
        report.within(PASSED_ON, |report| report.wire(1, 8..20));
        report.derived(2, 1..9, Bytes::from_static(b"derived"), "what was inside", |report, source| {
            report.wire(3, 5..9);
            report.hand_off(HandOff {
                table: 1,
                key: 2,
                source,
                start: 0,
                length: 7,
                piece: Piece::At { part: 0, position: 5, more: true },
                inner: None,
                words: 0,
                instead: None,
            });
        });
        report.wire(4, 0..9);
        let lie = |item: &Item| (item.field, item.source, item.offset, item.length, item.depth);
        let lying: Vec<_> = report.items().iter().map(lie).collect();
        assert_eq!(lying, [(1, 1, 8, 2, 0), (2, 0, 1, 3, 0), (3, 2, 5, 2, 1), (4, 0, 0, 4, 0)]);
        assert_eq!((report.items()[1].value, report.hand_offs()[0].source), (2, 2));
        assert_eq!(report.text(report.sources()[2].name), "what was inside");
        // The next one has nothing of it.
        report.begin(1, Wanted::ALL, 5);
        let [came_in] = report.sources() else { panic!("one source") };
        assert_eq!((came_in.captured, came_in.name, &came_in.bytes), (5, 0, &None));
        assert_eq!((report.items(), report.hand_offs(), report.texts()), (&[][..], &[][..], &[0][..]));
        report.wire(1, 2..9);
        assert_eq!(lie(&report.items()[0]), (1, 0, 2, 3, 0));
    }
}
