// SPDX-License-Identifier: GPL-2.0-or-later
//! The identify exchange (operation 205): who is at the other end of the long link.

use super::context::Context;
use crate::kernel::reader::Reader;
use crate::kernel::report::Report;
use crate::long_link::fields::F;
use crate::wechat::business::ClientVersion;
use crate::wechat::fields::S;
use crate::wechat::{selector, synckey};

/// Both masked words are XORed with it.
const MASK: u32 = 0x5601_f281;
/// The words hold 19 bits of one number and 13 of the other.
const LOW: u32 = 0x7_ffff;

/// Lengths of the trailers of 5.4.0, of 6.3.22, and the fixed part of 8.0.23.
const TRAILER_5_4: usize = 12;
const TRAILER_6_3: usize = 24;
const NETWORK_ID: usize = 32;

const LANGUAGE: usize = 8;
const MD5: usize = 16;

/// Undoes the mask: the account number and the length of the SyncKey.
fn unmask(a: u32, b: u32) -> (u32, u32) {
    let (a, b) = (a ^ MASK, b ^ MASK);
    (((a & LOW) << 13) | (b >> 19), ((b & LOW) << 13) | (a >> 19))
}

/// The keys of the SyncKey in an identify request, and the account.
pub fn read_keys(mut reader: Reader<'_>, keys: &mut Vec<(u64, u64)>) -> Option<u32> {
    let (a, _) = reader.u32()?;
    let (b, _) = reader.u32()?;
    let (uin, length) = unmask(a, b);
    synckey::read(reader.sub(length as usize)?, keys);
    Some(uin)
}

pub fn show_request(report: &mut Report, reader: &mut Reader<'_>, context: Context<'_>) {
    let (Some((a, a_at)), Some((b, b_at))) = (reader.u32(), reader.u32()) else {
        return reader.short(report, "the masked words", 8);
    };
    let masked = a_at.start..b_at.end;
    let (uin, length) = unmask(a, b);
    match context.shared.show_account {
        true => {
            report.wire(F::IDENTIFY_MASKED, masked.clone());
            report.generated(S::UIN, masked.clone(), u64::from(uin));
        }
        false => report.wire(S::ACCOUNT_HIDDEN, masked.clone()),
    }
    report.generated(F::IDENTIFY_SYNCKEY_LEN, masked, u64::from(length));
    let Some(mut key) = reader.sub(length as usize) else {
        reader.short(report, "the SyncKey", length as usize);
        return synckey::show(report, reader, None);
    };
    synckey::show(report, &mut key, context.growth);
    show_trailer(report, reader);
}

fn show_trailer(report: &mut Report, reader: &mut Reader<'_>) {
    if reader.left() == 0 {
        return;
    }
    let size = reader.left();
    let Some((version, at)) = reader.u32() else {
        return reader.short(report, "the client version", TRAILER_5_4);
    };
    report.tell(S::CLIENT_VERSION, version.into());
    report.wire_labelled(S::CLIENT_VERSION, at, ClientVersion(version));
    let Some(text) = reader.sub(LANGUAGE) else {
        return reader.short(report, "the language", LANGUAGE);
    };
    report.wire_text(F::LANGUAGE, text.rest(), text.bytes());
    if size == TRAILER_5_4 {
        return;
    }
    // 6.3.22 and later add three numbers; the one in the middle is the network type.
    for field in [F::IDENTIFY_UNKNOWN, F::NETWORK_TYPE, F::IDENTIFY_RESERVED] {
        match reader.u32() {
            Some((_, at)) => report.wire(field, at),
            None => return reader.short(report, "the trailer", TRAILER_6_3),
        }
    }
    show_network(report, reader);
}

/// The network id and its context, as both sides of 8.0.23 send them.
fn show_network(report: &mut Report, reader: &mut Reader<'_>) {
    if reader.left() == 0 {
        return;
    }
    let Some(text) = reader.sub(NETWORK_ID) else {
        return reader.short(report, "the network id", NETWORK_ID);
    };
    report.wire_text(F::NETWORK_ID, text.rest(), text.bytes());
    let Some((length, at)) = reader.u32() else {
        return reader.short(report, "the length of the context", 4);
    };
    report.wire(F::CONTEXT_LEN, at);
    match reader.sub(length as usize) {
        Some(text) => report.wire_text(F::CONTEXT, text.rest(), text.bytes()),
        None => return reader.short(report, "the context", length as usize),
    }
    reader.excess(report, "the context");
}

pub fn show_answer(report: &mut Report, reader: &mut Reader<'_>) {
    let (Some((selector, selector_at)), Some((_, ret))) = (reader.u32(), reader.u32()) else {
        return reader.short(report, "the selector and the return code", 8);
    };
    selector::show(report, selector, selector_at);
    report.wire(F::IDENTIFY_RET, ret);
    let Some((length, at)) = reader.u32() else {
        return reader.short(report, "the length of the key", 4);
    };
    report.wire(F::IDENTIFY_KEY_LEN, at);
    match reader.take(length as usize) {
        Some(key) if !key.is_empty() => report.wire(F::IDENTIFY_KEY, key),
        Some(_) => {}
        None => return reader.short(report, "the key", length as usize),
    }
    // Behind the key: nothing, an MD5, or what 8.0.23 repeats of the network.
    match reader.left() {
        0 => {}
        MD5 => report.wire(F::IDENTIFY_MD5, reader.rest()),
        _ if length == 0 => {
            match reader.u32() {
                Some((_, at)) => report.wire(F::IDENTIFY_RESERVED, at),
                None => return reader.short(report, "the reserved number", 4),
            }
            show_network(report, reader);
        }
        _ => reader.excess(report, "the key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_undone() {
        let (uin, length) = (0xdead_beefu32, 403u32);
        let a = ((uin >> 13) | (length << 19)) ^ MASK;
        let b = ((length >> 13) | (uin << 19)) ^ MASK;
        assert_eq!(unmask(a, b), (uin, length));
    }
}
