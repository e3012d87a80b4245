// SPDX-License-Identifier: GPL-2.0-or-later
//! What the state of a capture costs: bytes on the heap, counted by the allocator itself, indexes and
//! spare room included.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use wechat_dissector::config::Config;
use wechat_dissector::dissector::{Dissector, Segment, Step};
use wechat_dissector::report::Wanted;
use wechat_traffic::body::{self, sync_key::SyncKey};
use wechat_traffic::pdu::{Pdu, op, seq};

/// Counts the bytes in use.
struct Counting;

thread_local! {
    /// What this thread has taken and not given back: each test has a thread of its own.
    static IN_USE: Cell<usize> = const { Cell::new(0) };
}

fn in_use() -> usize {
    IN_USE.get()
}

// SAFETY: every call is handed on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.set(in_use().wrapping_add(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        IN_USE.set(in_use().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Link {
    dissector: Dissector,
    positions: [u32; 2],
    packet: u32,
}

impl Link {
    fn new() -> Self {
        Self { dissector: Dissector::new(Config::default()), positions: [1, 1], packet: 0 }
    }

    fn send(&mut self, from_server: bool, frame: &[u8]) {
        self.packet += 1;
        let position = &mut self.positions[usize::from(from_server)];
        let ports = if from_server { (8080, 50000) } else { (50000, 8080) };
        let segment = Segment {
            data: frame,
            reported: frame.len(),
            stream: 0,
            shown_stream: 0,
            began: true,
            src_address: &[1],
            dst_address: &[1],
            side: from_server,
            position: *position,
            counted: true,
            packet: self.packet,
            time: i64::from(self.packet) * 1_000_000,
            src_port: ports.0,
            dst_port: ports.1,
            server_port: 8080,
            first_visit: true,
            more: true,
            wanted: Wanted::default(),
        };
        assert_eq!(self.dissector.step(&segment), Step::Consumed(frame.len()));
        *position = position.wrapping_add(frame.len() as u32);
    }
}

/// From so many exchanges on, what the capture as a whole costs is too little to show.
const MANY: u32 = 4096;

/// The most bytes in use for each of `count` exchanges at any moment, once there are many.
fn bytes_for_each(count: u32, exchange: impl Fn(&mut Link, u32)) -> f64 {
    let before = in_use();
    let mut link = Link::new();
    (1..=count).fold(0.0, |most: f64, seq| {
        exchange(&mut link, seq);
        let used = in_use().wrapping_sub(before) as f64;
        if seq < MANY { most } else { most.max(used / f64::from(seq)) }
    })
}

#[track_caller]
fn assert_within_64(name: &str, bytes: f64) {
    println!("{name}: {bytes:.1} bytes");
    assert!(bytes <= 64.0, "{name}: {bytes:.1} bytes");
}

#[test]
fn an_exchange_costs_at_most_64_bytes() {
    let bytes = bytes_for_each(50_000, |link, seq| {
        let request = Pdu::new(op::NEW_SEND_MSG, seq, vec![9; 20]);
        link.send(false, &request.encode());
        link.send(true, &request.response(vec![9; 8]).encode());
    });
    assert_within_64("request and response", bytes);
}

#[test]
fn many_open_requests_cost_no_more() {
    let bytes = bytes_for_each(50_000, |link, seq| {
        link.send(false, &Pdu::new(op::NEW_SEND_MSG, seq, vec![9; 20]).encode());
    });
    assert_within_64("request without response", bytes);
}

#[test]
fn a_heartbeat_costs_what_an_exchange_costs() {
    let bytes = bytes_for_each(50_000, |link, _| {
        let beat = Pdu::empty(op::NOOP, seq::NOOP);
        link.send(false, &beat.encode());
        link.send(true, &beat.response(Vec::new()).encode());
    });
    assert_within_64("heartbeat and its answer", bytes);
}

#[test]
fn a_push_and_its_acknowledgement_cost_no_more() {
    let push = Pdu::new(op::PUSH, seq::PUSH, body::push(body::PUSH_WANTS_ACK, &[9; 40])).encode();
    let bytes = bytes_for_each(50_000, |link, seq| {
        link.send(true, &push);
        // A SyncKey without keys: how keys grow is remembered besides, for each that changes.
        link.send(false, &Pdu::new(op::PUSH_ACK, seq, body::push_ack(0, &SyncKey(Vec::new()))).encode());
    });
    assert_within_64("push and acknowledgement", bytes);
}
