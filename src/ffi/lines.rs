// SPDX-License-Identifier: GPL-2.0-or-later
//! Records as lines.

use std::ffi::c_char;
use std::ptr;

use super::common::{guard, text};
use super::record::{view, wechat_record};
use crate::kernel::line::{self, Format, Lines};
use crate::protocols;

/// Writes records as lines. Made by `wechat_lines_new`, freed by `wechat_lines_free`.
pub struct wechat_lines {
    format: Format,
    lines: Lines,
    line: Vec<u8>,
}

/// A writer of a protocol's lines, as the words behind the command say: nothing or ",json", and behind that a comma
/// and a display filter. `filter` is set to where that begins in `words`, or to NULL. NULL when an
/// argument is NULL, `words` is no UTF-8, or the protocol has no lines.
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
    let (format, rest) = guard((Format::Text, None), || line::arguments(words));
    // SAFETY: not NULL. What it is set to is the end of `words`, up to the same NUL.
    unsafe { filter.write(rest.map_or(ptr::null(), |rest| rest.as_ptr().cast())) };
    guard(None, || Some(Box::new(wechat_lines { format, lines, line: Vec::new() })))
}

/// Frees a writer and its lines; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_lines_free(lines: Option<Box<wechat_lines>>) {
    guard((), || drop(lines));
}

/// The line of a record with its newline, or the headings for NULL: a NUL-terminated text, empty where
/// there is nothing to write, and valid until the next call. NULL when `lines` is NULL.
///
/// # Safety
/// The record is NULL, one that the library made, or a copy of `size` bytes with a copy of its texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_lines_write(
    lines: Option<&mut wechat_lines>,
    record: *const wechat_record,
) -> *const c_char {
    let Some(lines) = lines else { return ptr::null() };
    // SAFETY: not NULL; the rest is the caller's promise.
    let record = (!record.is_null()).then(|| unsafe { view(record) });
    guard((), || {
        let mut line = String::from_utf8(std::mem::take(&mut lines.line)).unwrap_or_default();
        line.clear();
        match record {
            Some(Some(record)) => line::add(lines.format, lines.lines.columns, record, &mut line),
            Some(None) => {}
            None => line::heading(lines.format, lines.lines.columns, &mut line),
        }
        line.push('\0');
        lines.line = line.into_bytes();
    });
    if lines.line.is_empty() { c"".as_ptr() } else { lines.line.as_ptr().cast() }
}
