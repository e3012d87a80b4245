// SPDX-License-Identifier: GPL-2.0-or-later
//! Items of a report as text, each with its value and its bytes.

use wechat_dissector::kernel::report::{Item, ItemKind, Report};
use wechat_dissector::kernel::rows::{Base, Field, Type};
use wechat_dissector::protocols;

/// What a user calls an item in a filter.
pub fn name(item: &Item) -> &'static str {
    let filter = match item.kind == ItemKind::Note {
        true => protocols::note(item.field).expect("a note").filter,
        false => protocols::field(item.field).expect("a field").filter,
    };
    filter.to_str().unwrap()
}

/// An item of a report on these sources; places in the second are counted on from the first. Those in bytes that the
/// dissector made end with the number of that source.
pub fn line(sources: &[&[u8]], report: &Report, item: &Item) -> String {
    let indent = 4 + 2 * usize::from(item.depth);
    let source = usize::from(item.source);
    let made = report.sources()[source].bytes.as_deref();
    let before: usize = match made {
        Some(_) => 0,
        None => sources[..source].iter().map(|source| source.len()).sum(),
    };
    let range = item.offset as usize..(item.offset + item.length) as usize;
    let bytes = &made.unwrap_or_else(|| sources[source])[range.clone()];
    let lies_in = if made.is_some() { format!(" [{source}]") } else { String::new() };
    let range = range.start + before..range.end + before;
    let (name, text) = (name(item), report.text(item.text));
    let words = match item.kind == ItemKind::Note {
        true => format!("! {name}: {text}"),
        false => {
            let field = protocols::field(item.field).expect("a field");
            format!("{name}{}", value(field, item, bytes, text))
        }
    };
    let becomes = match item.kind == ItemKind::Derived {
        true => {
            let made = &report.sources()[item.value as usize];
            format!(" -> [{}] {:?}, {} bytes", item.value, report.text(made.name), made.captured)
        }
        false => String::new(),
    };
    format!("{:indent$}{}..{} {words}{lies_in}{becomes}\n", "", range.start, range.end)
}

/// The value as the host would read it, and the item's text behind it.
fn value(field: &Field, item: &Item, bytes: &[u8], text: &str) -> String {
    let made = [ItemKind::Generated, ItemKind::Decoded].contains(&item.kind);
    let number = || match made {
        true => item.value,
        false => bytes.iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte)),
    };
    let masked = || match field.mask {
        0 => number(),
        mask => (number() & mask) >> mask.trailing_zeros(),
    };
    let mark = if item.kind == ItemKind::Generated || item.kind == ItemKind::Text { "~" } else { "=" };
    match field.ty {
        Type::Protocol | Type::None => text.to_owned(),
        Type::Text if [ItemKind::Text, ItemKind::DecodedText].contains(&item.kind) => {
            format!(" {mark} {text:?}")
        }
        Type::Text | Type::PaddedText => {
            let read = String::from_utf8_lossy(bytes);
            format!(" {mark} {:?}{text}", read.trim_end_matches('\0'))
        }
        Type::Bytes => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            match hex.len() {
                0..=64 => format!(" {mark} {hex}{text}"),
                length => format!(" {mark} {}... {} bytes{text}", &hex[..48], length / 2),
            }
        }
        Type::Boolean => format!(" {mark} {}", masked() != 0),
        Type::Ipv4 => {
            let parts: Vec<String> = bytes.iter().map(u8::to_string).collect();
            format!(" {mark} {}", parts.join("."))
        }
        Type::I32 => format!(" {mark} {}{text}", number() as u32 as i32),
        Type::I64 => format!(" {mark} {}{text}", number() as i64),
        Type::Duration => format!(" {mark} {:.6} s", item.value as i64 as f64 / 1e9),
        Type::Time => format!(" {mark} {:.3} s since 1970", item.value as f64 / 1e9),
        _ => {
            let name = field.values.iter().find(|(value, _)| u64::from(*value) == masked());
            let name = name.map(|(_, name)| format!(" ({})", name.to_str().unwrap())).unwrap_or_default();
            match field.base {
                Base::Hex => format!(" {mark} {:#x}{name}{text}", masked()),
                _ => format!(" {mark} {}{name}{text}", masked()),
            }
        }
    }
}

/// What of a report goes to a dissector of the host's if nobody registered for it.
#[allow(dead_code)] // not everybody tells it
pub fn handed_on(report: &Report) -> String {
    let told = report.hand_offs().iter().filter_map(|one| {
        let table = protocols::offer(one.table).expect("a table");
        let fallback = table.fallback?.to_str().unwrap();
        let (name, words) = (table.name.to_str().unwrap(), report.text(one.words));
        let range = one.start..one.start + one.length;
        Some(format!("    {range:?} [{}] goes to {name} {}, or {fallback} {words:?}\n", one.source, one.key))
    });
    told.collect()
}
