// SPDX-License-Identifier: GPL-2.0-or-later
//! Records as lines.

use std::ffi::c_char;
use std::ptr;

use super::common::{guard, text};
use super::record::{view, wechat_record};
use crate::kernel::line::{self, Writer};
use crate::protocols;

/// Writes records as lines. Made by `wechat_lines_new`, freed by `wechat_lines_free`.
pub struct wechat_lines {
    writer: Writer,
    text: Vec<u8>,
}

impl wechat_lines {
    /// A text that is made in the same room each time, and valid until the next one.
    fn say(&mut self, words: impl FnOnce(&mut Writer, &mut String)) -> *const c_char {
        guard((), || {
            let mut text = String::from_utf8(std::mem::take(&mut self.text)).unwrap_or_default();
            text.clear();
            words(&mut self.writer, &mut text);
            text.push('\0');
            self.text = text.into_bytes();
        });
        if self.text.is_empty() { c"".as_ptr() } else { self.text.as_ptr().cast() }
    }
}

/// A writer of a protocol's lines, as the words behind the command say: nothing or ",json", and behind that a comma
/// and a display filter. `filter` is set to where that begins in `words`, or to NULL. NULL when an
/// argument is NULL, `words` are other ones or no UTF-8, or the protocol has no lines.
///
/// # Safety
/// `words` is NULL or a NUL-terminated text; `filter` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_lines_new(
    protocol: u16,
    words: *const c_char,
    filter: *mut *const c_char,
) -> Option<Box<wechat_lines>> {
    let lines = protocols::protocol(protocol.into())?.lines?;
    // SAFETY: the caller's promise.
    let words = unsafe { text(words) }.ok().filter(|_| !filter.is_null())?;
    let (format, rest) = guard(None, || line::arguments(words))?;
    // SAFETY: not NULL. What it is set to is the end of `words`, up to the same NUL.
    unsafe { filter.write(rest.map_or(ptr::null(), |rest| rest.as_ptr().cast())) };
    guard(None, || Some(Box::new(wechat_lines { writer: Writer::new(format, lines), text: Vec::new() })))
}

/// Frees a writer and its lines; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_lines_free(lines: Option<Box<wechat_lines>>) {
    guard((), || drop(lines));
}

/// What is to be written for a record, its line with a newline, or the headings for NULL: a NUL-terminated text, empty
/// where there is nothing to write, and valid until the next call. Records that share a line have it written by
/// `wechat_lines_end`. NULL when `lines` is NULL.
///
/// # Safety
/// The record is NULL, one that the library made, or a copy of `size` bytes with copies of its texts and bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_lines_write(
    lines: Option<&mut wechat_lines>,
    record: *const wechat_record,
) -> *const c_char {
    let Some(lines) = lines else { return ptr::null() };
    // SAFETY: not NULL; the rest is the caller's promise.
    let record = (!record.is_null()).then(|| unsafe { view(record) });
    lines.say(|writer, text| match record {
        Some(Some(record)) => writer.record(record, text),
        Some(None) => {}
        None => writer.heading(text),
    })
}

/// The lines that records share, behind the last of them: as `wechat_lines_write`. Then the writer begins anew.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_lines_end(lines: Option<&mut wechat_lines>) -> *const c_char {
    lines.map_or(ptr::null(), |lines| lines.say(Writer::end))
}
