// SPDX-License-Identifier: GPL-2.0-or-later
//! What all functions have in common: the version, what they say of a call, the panic guard, and bytes and texts of the
//! caller's.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

// C's word for a length, and a search for a NUL that does not go on for ever: `std` has neither.
use libc::size_t;
#[cfg(not(miri))]
use libc::strnlen;

/// Version of this interface. It changes whenever a layout or a meaning does.
pub const WECHAT_ABI_VERSION: u32 = 9;

/// What a function says of its call. A malformed frame is never an error: it is a report with a note.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wechat_result {
    /// The outputs are set.
    Ok = 0,
    /// A pointer that must not be NULL is NULL; no output is set.
    Null = 1,
    /// A number has no meaning, a text is no UTF-8, or a row is refused; no output is set.
    Invalid = 2,
    /// The library failed; where there is a report it says so in a note.
    Failed = 3,
}

/// Runs `body`; a panic ends here and becomes `failed`. No panic crosses into C.
pub(super) fn guard<T>(failed: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(failed)
}

/// The version of the interface that the library was built with; compare it with
/// `WECHAT_ABI_VERSION` before anything else.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_abi_version() -> u32 {
    WECHAT_ABI_VERSION
}

/// Bytes of the caller's.
///
/// # Safety
/// `data` points to `length` bytes, or that is 0; they live as long as the result.
pub(super) unsafe fn bytes<'a>(data: *const u8, length: size_t) -> Result<&'a [u8], wechat_result> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(wechat_result::Null);
    }
    if isize::try_from(length).is_err() {
        return Err(wechat_result::Invalid);
    }
    // SAFETY: not NULL, of a length that a slice may have; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// Writes a text for C, NUL-terminated and cut to `size` bytes; returns its length.
///
/// # Safety
/// `room` is NULL or has room for `size` bytes.
pub(super) unsafe fn put_text(text: &str, room: *mut c_char, size: size_t) -> size_t {
    if !room.is_null() && size > 0 {
        // Cut between characters, so that what is left is UTF-8.
        let most = size.saturating_sub(1);
        let ends = text.char_indices().map(|(at, c)| at.saturating_add(c.len_utf8()));
        let length = ends.take_while(|end| *end <= most).last().unwrap_or(0);
        // SAFETY: `length < size` bytes fit the caller's buffer, and `text` is at least as long.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr().cast::<c_char>(), room, length);
            room.add(length).write(0);
        }
    }
    text.len()
}

/// As libc's, which Miri does not know.
///
/// # Safety
/// `text` is NUL-terminated, or has `most` bytes.
#[cfg(miri)]
unsafe fn strnlen(text: *const c_char, most: size_t) -> size_t {
    // SAFETY: no byte behind a NUL is looked at.
    (0..most).take_while(|place| unsafe { *text.add(*place) } != 0).count()
}

/// Longest text that is taken from C.
const LONGEST_TEXT: usize = 65536;

/// A text of the caller's.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and lives as long as the result.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, wechat_result> {
    if text.is_null() {
        return Err(wechat_result::Null);
    }
    // SAFETY: NUL-terminated by the caller's promise; no more than LONGEST_TEXT bytes are looked at.
    if unsafe { strnlen(text, LONGEST_TEXT) } == LONGEST_TEXT {
        return Err(wechat_result::Invalid);
    }
    // SAFETY: a NUL was found.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| wechat_result::Invalid)
}

/// A number for C, which has room for less.
pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
