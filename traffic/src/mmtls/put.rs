// SPDX-License-Identifier: GPL-2.0-or-later
//! Numbers and blocks with their length in front, all big-endian.

/// Four bytes.
pub fn u32_be(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

/// Two bytes.
pub fn u16_be(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

/// Two bytes of length, and the block.
pub fn block16(out: &mut Vec<u8>, block: &[u8]) {
    u16_be(out, block.len() as u16);
    out.extend(block);
}

/// Four bytes of length, and the block.
pub fn block32(out: &mut Vec<u8>, block: &[u8]) {
    u32_be(out, block.len() as u32);
    out.extend(block);
}
