// SPDX-License-Identifier: GPL-2.0-or-later
//! The state of one capture, and what is asked of it.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use libc::size_t;

use super::common::{bytes, guard, text, wechat_result};
use super::config::wechat_config;
use super::report::{Kept, wechat_report};
use super::segment::{WECHAT_ANY_PORT, WECHAT_INSIDE, WECHAT_STREAM, wechat_segment};
use crate::capture::Capture;
use crate::claim::{self, Offer};
use crate::config::Config;
use crate::kernel::segment::{Segment, Step};
use crate::kernel::streams::Ends;

/// The state of one capture.
///
/// The sequence of calls: `wechat_abi_version`, and go on only if it is `WECHAT_ABI_VERSION`. Then
/// `wechat_registry_new` once, and register what `wechat_tables_get` says. For each capture `wechat_config_new`, the
/// preferences into it, `wechat_dissector_new` with it, `wechat_config_free`. For each segment
/// `wechat_claim`, where others may want it too, `wechat_begun`, and `wechat_dissect` until all its bytes are
/// consumed or more are needed. Around each call of HTTP's dissector `wechat_http_begin`, and if that finds a message
/// `wechat_http_speaks`, `wechat_http_place` for each body that is passed on, `wechat_http_end` behind it and
/// `wechat_http_message` for each message. At the end of the capture `wechat_dissector_free`. A handle is used by one
/// thread at a time.
pub struct wechat_dissector {
    pub(super) capture: Capture,
    kept: Kept,
    warning: Option<CString>,
    #[cfg(feature = "provoke-panic")]
    panics: bool,
}

impl wechat_dissector {
    /// A segment with its stream's number in this capture. On a later visit of what was never seen that is one that
    /// no stream has.
    ///
    /// # Safety
    /// As for `wechat_dissect`.
    #[inline(always)] // to hand it back costs half as much again
    pub(super) unsafe fn segment<'a>(&mut self, from: &wechat_segment) -> Result<Segment<'a>, wechat_result> {
        // SAFETY: the caller's promise.
        let mut segment = unsafe { from.read() };
        // What is inside of another protocol has a number of ours.
        let is_known = from.flag(WECHAT_INSIDE) || from.flag(WECHAT_STREAM) && self.capture.counts_as_host();
        if !is_known && let Ok(segment) = &mut segment {
            segment.lane.stream = self.own_stream(from.host_stream(), segment);
        }
        segment
    }

    /// The number of a stream whose number is not the host's.
    #[cold]
    fn own_stream(&mut self, host: Option<u32>, segment: &Segment<'_>) -> u32 {
        let stream = guard(None, || self.capture.stream(host, ends(segment), segment.first_visit));
        stream.unwrap_or(u32::MAX)
    }
}

/// What `deal` makes of a segment, with the state of its capture; `otherwise` where an argument is NULL or makes no
/// sense, or the library fails.
///
/// # Safety
/// As for `wechat_dissect`.
unsafe fn with_segment<T: Copy>(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    otherwise: T,
    deal: impl FnOnce(&mut Capture, &Segment<'_>) -> T,
) -> T {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return otherwise };
    // SAFETY: the caller's promise.
    match unsafe { handle.segment(segment) } {
        Ok(segment) => guard(otherwise, || deal(&mut handle.capture, &segment)),
        Err(_) => otherwise,
    }
}

/// The stream's two ends.
pub(super) fn ends<'a>(segment: &Segment<'a>) -> Ends<'a> {
    let source = (segment.src_address, segment.src_port);
    let destination = (segment.dst_address, segment.dst_port);
    match segment.lane.side {
        false => Ends { first: source, second: destination },
        true => Ends { first: destination, second: source },
    }
}

/// A handle for one capture, with what `config` says, or with the defaults when that is NULL. Free it
/// with `wechat_dissector_free`. NULL when the library failed.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_dissector_new(config: Option<&wechat_config>) -> Option<Box<wechat_dissector>> {
    guard(None, || {
        let capture = match config {
            Some(config) => Capture::new(&config.config),
            None => Capture::new(&Config::default()),
        };
        let warning = capture.warning().and_then(|words| CString::new(words).ok());
        Some(Box::new(wechat_dissector {
            capture,
            warning,
            kept: Kept::default(),
            #[cfg(feature = "provoke-panic")]
            panics: false,
        }))
    })
}

/// What the user is to be told at the beginning of a capture, a text that lives as long as the handle; NULL for nothing.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_warning(dissector: Option<&wechat_dissector>) -> *const c_char {
    dissector.and_then(|handle| handle.warning.as_deref()).map_or(ptr::null(), CStr::as_ptr)
}

/// A comment of the packet whose first visit comes next: it may hold lines of a key log.
///
/// # Safety
/// `comment` is NULL or a NUL-terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_comment(dissector: Option<&mut wechat_dissector>, comment: *const c_char) {
    let Some(handle) = dissector else { return };
    // SAFETY: the caller's promise.
    if let Ok(comment) = unsafe { text(comment) } {
        guard((), || handle.capture.add_comment(comment));
    }
}

/// Frees a handle and all reports with it; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn wechat_dissector_free(dissector: Option<Box<wechat_dissector>>) {
    guard((), || drop(dissector));
}

/// Has the segment's protocol deal with the PDU at its start; it needs `WECHAT_STREAM`. On `WECHAT_RESULT_FAILED` the
/// report has consumed the whole segment and says so in a note.
///
/// # Safety
/// `segment.data`, `segment.src_address` and `segment.dst_address` point to as many bytes as the segment
/// says, or that is 0; `segment.fields` is NULL or points to as many words as it says. `report` may be
/// uninitialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_dissect(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    report: *mut wechat_report,
) -> wechat_result {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return wechat_result::Null };
    if report.is_null() {
        return wechat_result::Null;
    }
    let (protocol, reported) = (segment.protocol, segment.reported);
    let sized = reported > 0 && u32::try_from(reported).is_ok();
    if !sized || !segment.flag(WECHAT_STREAM) || !handle.capture.takes_segments(protocol) {
        return wechat_result::Invalid;
    }
    // SAFETY: the caller's promise.
    let segment = match unsafe { handle.segment(segment) } {
        Ok(segment) => segment,
        Err(result) => return result,
    };
    let step = guard(None, || {
        #[cfg(feature = "provoke-panic")]
        provoked(handle);
        Some(handle.capture.step(protocol, &segment))
    });
    if step.is_none() {
        guard((), || handle.capture.failed(protocol, &segment));
    }
    let done = match step {
        Some(Step::Consumed(length)) => Step::Consumed(length.clamp(1, reported)),
        Some(need) => need,
        None => Step::Consumed(reported),
    };
    let out = handle.kept.report(handle.capture.report(), done, 0);
    // SAFETY: not NULL, and the caller's to write.
    unsafe { report.write(out) };
    if step.is_some() { wechat_result::Ok } else { wechat_result::Failed }
}

/// The protocol whose a segment is, on a port that others use too: its place, or 0 when it is none of ours. Call it
/// for every segment of such a stream, in order, and hand over to `wechat_dissect` what is ours. On any port it is
/// the segment's protocol that asks, for itself alone. Also 0 when an argument is NULL or makes no sense.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_claim(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
) -> u16 {
    let asks = segment.filter(|segment| segment.flag(WECHAT_ANY_PORT)).map(|segment| segment.protocol);
    let claim = |capture: &mut Capture, segment: &Segment<'_>| {
        let offer = Offer {
            data: segment.data,
            lane: segment.lane,
            position: segment.position,
            counted: segment.counted,
            packet: segment.packet,
            first_visit: segment.first_visit,
            began_in_capture: segment.began,
            any_port: asks.is_some(),
        };
        capture.claim(offer).filter(|owner| asks.is_none_or(|asks| asks == *owner)).unwrap_or(0)
    };
    // SAFETY: the caller's promise.
    unsafe { with_segment(dissector, segment, 0, claim) }
}

/// The bytes that belong before those of a segment that is ours: the owner of its port was given them, when they
/// were too few to tell whose they are. Returns how many there are, and sets `begun` to them unless that is 0; it
/// is valid until the next call with the handle. Then give `wechat_dissect` those bytes and the segment's behind
/// them, with the position so much lower.
///
/// # Safety
/// As for `wechat_dissect`; `begun` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_begun(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    begun: Option<&mut *const u8>,
) -> size_t {
    let Some(begun) = begun else { return 0 };
    if dissector.as_ref().is_some_and(|handle| !handle.capture.has_begun()) {
        return 0;
    }
    let find = |capture: &mut Capture, segment: &Segment<'_>| {
        let bytes = capture.begun(segment);
        if !bytes.is_empty() {
            *begun = bytes.as_ptr();
        }
        bytes.len()
    };
    // SAFETY: the caller's promise.
    unsafe { with_segment(dissector, segment, 0, find) }
}

/// Whether the bytes of `segment` begin with a message of HTTP's that is ours: 1 or 0. For streams of which nobody
/// knows that they carry HTTP.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_http_claim(segment: Option<&wechat_segment>) -> c_int {
    let Some(segment) = segment else { return 0 };
    // SAFETY: the caller's promise.
    let Ok(data) = (unsafe { bytes(segment.data, segment.captured) }) else { return 0 };
    guard(0, || claim::is_http_of_ours(data).into())
}

/// HTTP's dissector is about to get the bytes of `segment`. Returns how many messages begin in them, which
/// may be anybody's; with 0, nothing else is to be done.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_http_begin(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
) -> size_t {
    // SAFETY: the caller's promise.
    unsafe { with_segment(dissector, segment, 0, |capture, segment| capture.http().begin(segment)) }
}

/// Whether the words in the Info column are to be the reports', for each message that begins in the bytes of
/// `segment`, which HTTP's dissector is about to get; then it is to write none. `spoken` says that the column holds
/// words of reports already.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_http_speaks(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    spoken: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        with_segment(dissector, segment, 0, |capture, segment| {
            capture.http().speaks(segment, spoken != 0).into()
        })
    }
}

/// HTTP's dissector, which was given the bytes of `segment`, passes on a body of `length` bytes: as it lies at
/// `offset` of them or, where it was in chunks or compressed, with `SIZE_MAX` in place of that. Its media type is
/// `media`, NULL when nobody knows. Returns the index of the message to which the body belongs, or -1.
///
/// # Safety
/// As for `wechat_dissect`; `media` is NULL or a NUL-terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_http_place(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    offset: size_t,
    length: size_t,
    media: *const c_char,
) -> i32 {
    let at = Some(offset).filter(|offset| *offset != size_t::MAX);
    // SAFETY: the caller's promise.
    let media = unsafe { text(media) }.ok();
    let place = |capture: &mut Capture, segment: &Segment<'_>| {
        let place = capture.http().place(segment, at, length, media);
        place.and_then(|place| i32::try_from(place).ok()).unwrap_or(-1)
    };
    // SAFETY: the caller's promise.
    unsafe { with_segment(dissector, segment, -1, place) }
}

/// HTTP's dissector has returned, and has dealt with the first `taken` bytes of `segment`; the rest it wants
/// to see again. Returns how many messages are now to be given to `wechat_http_message`.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_http_end(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    taken: size_t,
) -> size_t {
    // SAFETY: the caller's promise.
    unsafe { with_segment(dissector, segment, 0, |capture, segment| capture.http().end(segment, taken)) }
}

/// The protocol whose message `index` of `segment` is, behind `wechat_http_end`: its place, or 0 when it is none of
/// ours.
///
/// # Safety
/// As for `wechat_dissect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_http_owner(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    index: size_t,
) -> u16 {
    // SAFETY: the caller's promise.
    unsafe {
        with_segment(dissector, segment, 0, |capture, segment| {
            capture.http().owner(segment, index).unwrap_or(0)
        })
    }
}

/// Deals with message `index` of `segment`, whose body HTTP's dissector has passed on as `captured` bytes at
/// `body`. The report says whose it is, where its head lies, and has a length of 0 when it is nobody's of ours; then
/// it may have words for the Info column all the same. On
/// `WECHAT_RESULT_FAILED` the report says so in a note.
///
/// # Safety
/// As for `wechat_dissect`; `body` points to `captured` bytes, or that is 0. `report` may be uninitialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wechat_http_message(
    dissector: Option<&mut wechat_dissector>,
    segment: Option<&wechat_segment>,
    index: size_t,
    body: *const u8,
    captured: size_t,
    report: *mut wechat_report,
) -> wechat_result {
    let (Some(handle), Some(segment)) = (dissector, segment) else { return wechat_result::Null };
    if report.is_null() {
        return wechat_result::Null;
    }
    // SAFETY: the caller's promise.
    let (segment, body) = match unsafe { (handle.segment(segment), bytes(body, captured)) } {
        (Ok(segment), Ok(body)) => (segment, body),
        (Err(result), _) | (_, Err(result)) => return result,
    };
    let done = guard(None, || {
        #[cfg(feature = "provoke-panic")]
        provoked(handle);
        Some(handle.capture.message(&segment, index, body))
    });
    if done.is_none() {
        guard((), || handle.capture.failed_message(&segment, index));
    }
    // What failed is blamed on all bytes.
    let head = done.clone().unwrap_or(Some(0..segment.data.len())).unwrap_or(0..0);
    let out = handle.kept.report(handle.capture.report(), Step::Consumed(head.len()), head.start);
    // SAFETY: not NULL, and the caller's to write.
    unsafe { report.write(out) };
    if done.is_some() { wechat_result::Ok } else { wechat_result::Failed }
}

/// Makes the next `wechat_dissect` panic, to show that it does not get out.
#[cfg(feature = "provoke-panic")]
#[unsafe(no_mangle)]
pub extern "C" fn wechat_provoke_panic(dissector: Option<&mut wechat_dissector>) {
    if let Some(handle) = dissector {
        handle.panics = true;
    }
}

#[cfg(feature = "provoke-panic")]
#[allow(clippy::panic)]
fn provoked(handle: &mut wechat_dissector) {
    if std::mem::take(&mut handle.panics) {
        panic!("provoked");
    }
}
