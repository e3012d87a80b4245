// SPDX-License-Identifier: GPL-2.0-or-later
//! What the user has set.

use std::ffi::c_char;

use libc::size_t;

use super::common::{guard, put_text, text, wechat_result};
use crate::config::Config;
use crate::kernel::rows::{PrefType, Preference};
use crate::protocols;

/// What the user has set. Made by `wechat_config_new`, freed by `wechat_config_free`.
pub struct wechat_config {
    pub(super) config: Config,
}

/// A configuration with the defaults. Free it with `wechat_config_free`. NULL when the library failed.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_config_new() -> Option<Box<wechat_config>> {
    guard(None, || Some(Box::new(wechat_config { config: Config::default() })))
}

/// Frees a configuration; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_config_free(config: Option<Box<wechat_config>>) {
    guard((), || drop(config));
}

/// Sets a yes/no, a number or a choice.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_config_set_number(
    config: Option<&mut wechat_config>,
    preference: u16,
    value: u32,
) -> wechat_result {
    let Some(config) = config else { return wechat_result::Null };
    let known = protocols::preference(preference);
    if !known.is_some_and(|row| matches!(row.ty, PrefType::Boolean | PrefType::Number | PrefType::Choice)) {
        return wechat_result::Invalid;
    }
    guard(wechat_result::Failed, || {
        config.config.set_number(preference, value);
        wechat_result::Ok
    })
}

/// Leaves a protocol out of the capture: the user has disabled it.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_config_disable(config: Option<&mut wechat_config>, protocol: u16) -> wechat_result {
    let Some(config) = config else { return wechat_result::Null };
    if protocols::protocol(protocol.into()).is_none() {
        return wechat_result::Invalid;
    }
    guard(wechat_result::Failed, || {
        config.config.disable(protocol);
        wechat_result::Ok
    })
}

/// Sets ports from a range such as "80,8080-8090".
///
/// # Safety
/// `range` is NULL or a NUL-terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_config_set_ports(
    config: Option<&mut wechat_config>,
    preference: u16,
    range: *const c_char,
) -> wechat_result {
    // SAFETY: the caller's promise.
    unsafe { set(config, preference, &[PrefType::Ports], range, Config::set_ports) }
}

/// Sets a text, or the name of a file.
///
/// # Safety
/// `value` is NULL or a NUL-terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_config_set_text(
    config: Option<&mut wechat_config>,
    preference: u16,
    value: *const c_char,
) -> wechat_result {
    // SAFETY: the caller's promise.
    unsafe { set(config, preference, &[PrefType::Text, PrefType::File], value, Config::set_text) }
}

/// Sets a preference of a type that is written as a text.
///
/// # Safety
/// `value` is NULL or a NUL-terminated text.
unsafe fn set(
    config: Option<&mut wechat_config>,
    preference: u16,
    types: &[PrefType],
    value: *const c_char,
    set: fn(&mut Config, u16, &str),
) -> wechat_result {
    let Some(config) = config else { return wechat_result::Null };
    // SAFETY: the caller's promise.
    let value = match unsafe { text(value) } {
        Ok(value) => value,
        Err(result) => return result,
    };
    if protocols::preference(preference).is_none_or(|row| !types.contains(&row.ty)) {
        return wechat_result::Invalid;
    }
    guard(wechat_result::Failed, || {
        set(&mut config.config, preference, value);
        wechat_result::Ok
    })
}

/// Adds a row to a table preference. `cells` has as many texts as the table has columns.
///
/// # Safety
/// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_config_add_row(
    config: Option<&mut wechat_config>,
    preference: u16,
    cells: *const *const c_char,
    count: size_t,
) -> wechat_result {
    let Some(config) = config else { return wechat_result::Null };
    // SAFETY: the caller's promise.
    match unsafe { row(preference, cells, count) } {
        Err(result) => result,
        Ok((row, cells)) => guard(wechat_result::Failed, || match (row.check)(&cells) {
            Ok(()) => {
                config.config.add_row(preference, &cells);
                wechat_result::Ok
            }
            Err(_) => wechat_result::Invalid,
        }),
    }
}

/// Checks a row of a table preference. When it is refused (`WECHAT_RESULT_INVALID`), `message` holds a
/// sentence for the user, NUL-terminated and cut to `size` bytes.
///
/// # Safety
/// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated; `message` is NULL or has
/// room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_row_check(
    preference: u16,
    cells: *const *const c_char,
    count: size_t,
    message: *mut c_char,
    size: size_t,
) -> wechat_result {
    // SAFETY: the caller's promise.
    let checked = match unsafe { row(preference, cells, count) } {
        Ok((row, cells)) => guard(Err(String::from("the dissector failed")), || (row.check)(&cells)),
        Err(wechat_result::Invalid) => {
            Err(String::from("the row is no UTF-8 text, or has not as many cells as the table has columns"))
        }
        Err(result) => return result,
    };
    let Err(sentence) = checked else { return wechat_result::Ok };
    // SAFETY: the caller's promise.
    unsafe { put_text(&sentence, message, size) };
    wechat_result::Invalid
}

/// The row of the table `preference`, and the cells of one of its rows.
///
/// # Safety
/// `cells` is NULL or points to `count` texts, each NULL or NUL-terminated.
unsafe fn row<'a>(
    preference: u16,
    cells: *const *const c_char,
    count: size_t,
) -> Result<(&'static Preference, Vec<&'a str>), wechat_result> {
    if cells.is_null() {
        return Err(wechat_result::Null);
    }
    let table = protocols::preference(preference).filter(|row| row.ty == PrefType::Table);
    let Some(table) = table.filter(|row| row.parts.len() == count) else {
        return Err(wechat_result::Invalid);
    };
    // SAFETY: `place` is below `count`, and the text is as the caller promised.
    let cells = (0..count).map(|place| unsafe { text(*cells.add(place)) }).collect::<Result<_, _>>()?;
    Ok((table, cells))
}
