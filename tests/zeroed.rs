// SPDX-License-Identifier: GPL-2.0-or-later
//! No memory that is given back to the allocator holds a key any more: not those of a key log, its text, or what
//! follows from it.

use bytes::BytesMut;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use wechat_dissector::mmtls::schedule::{HANDSHAKE, application_keys};
use wechat_dissector::mmtls::seal::Openers;
use wechat_dissector::wechat::key_log::file::KeyLogFile;
use wechat_dissector::wechat::key_log::keys::KeyLog;

/// Stands in every key here, and in the text of each.
const KEY: [u8; 8] = [0xC1, 0x5E, 0xC2, 0xE7, 0xC3, 0x4B, 0xC4, 0x9D];
const TEXT: &[u8; 16] = b"c15ec2e7c34bc49d";

static LEFT_BEHIND: AtomicUsize = AtomicUsize::new(0);

struct Watching;

// SAFETY: all of it is the system's allocator, which is asked with the same words; a block is read before it is
// given back, while it is the caller's still.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the promises of this function, which are the same.
        // What was never written holds zeros, so that it may be read.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block has this size, and every byte of it was set when it was made.
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        if holds(&KEY) || holds(TEXT) {
            LEFT_BEHIND.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// All sorts of lines, number after number: enough to make what holds them grow.
fn text(lines: usize) -> Vec<u8> {
    let key =
        |size: usize| str::from_utf8(TEXT).expect("digits").repeat(size.div_ceil(8))[..2 * size].to_owned();
    let mut text = Vec::new();
    for number in 0..lines {
        let end = format!("{number:08x}");
        let [short, long] = [16, 24].map(|size| key(size - 4) + &end);
        writeln!(
            text,
            "{{\"layer\":\"OUTER\",\"encrypt\":true,\"nonce\":\"{}\",\"key\":\"{short}\",\
             \"metadata\":\"000000000000000117f1040020\",\"tail\":\"{number:016x}\"}}\n\
             {{\"layer\":\"INNER\",\"encrypt\":false,\"key\":\"{short}\",\"nonce\":\"{short}\",\"tail\":\"{number:016x}\"}}\n\
             {{\"layer\":\"INNER\",\"encrypt\":false,\"key\":\"{long}\",\"iv\":\"{}\",\"metadata\":\"\",\"tag\":\"{}\",\
             \"tail\":\"{number:016x}\"}}\n\
             WECHAT_SESSION_KEY {number} {short}\n\
             MMTLS_SHARED_SECRET {number:064x} {}{end}\n\
             MMTLS_APPLICATION_KEYS {number:064x} {}{end}\n\
             MMTLS_EARLY_KEYS {number:064x} {}{end}",
            "00".repeat(12),
            "00".repeat(12),
            "00".repeat(16),
            key(28),
            key(52),
            key(24),
        )
        .expect("a vector grows");
    }
    text
}

#[test]
fn no_key_is_left_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.log");
    let text = text(3000);
    std::fs::write(&path, &text).expect("written");
    LEFT_BEHIND.store(0, Ordering::Relaxed);

    let mut log = KeyLog::default();
    let mut file = KeyLogFile::new(&path);
    assert!(file.refresh(&mut log));
    assert_eq!(log.counts().records + log.counts().sessions, 4 * 3000);
    let mut openers = Openers::default();
    let mut out = BytesMut::with_capacity(64);
    for tail in 0..40 {
        let half = log.by_tail(tail).next().expect("a line").half;
        assert!(!openers.of(&half).open(1, &[0; 5], &[0; 20], &mut out));
        assert_eq!(openers.of(&half).find(0..9, &[0; 5], &[0; 20], &mut out), None);
    }
    let secret =
        wechat_dissector::wechat::hidden::Hidden::new(*KEY.repeat(4).first_chunk().expect("32 bytes"));
    let boxed = Box::new((HANDSHAKE.pair(&secret, &[0; 32]), application_keys(&secret, &[0; 32]), secret));
    // The line above makes a list of its own.
    let own = LEFT_BEHIND.swap(0, Ordering::Relaxed);
    drop((boxed, openers, file, log));
    assert_eq!((own, LEFT_BEHIND.load(Ordering::Relaxed)), (1, 0));

    // It would be seen.
    drop(text);
    assert_eq!(LEFT_BEHIND.load(Ordering::Relaxed), 1);
}
