// SPDX-License-Identifier: GPL-2.0-or-later
//! All tests that drive Wireshark's programs with the plugin: one program, so that it is linked once.

mod business;
mod live;
mod mmtls;
#[path = "../support/mmtls_truth.rs"]
mod mmtls_truth;
mod nested;
mod pictures;
mod profile;
mod samples;
mod shared_ports;
mod shim;
mod short;
#[path = "../support/shown.rs"]
mod shown;
mod statistics;
mod support;
mod tap;
mod tshark;
mod visits;
mod web;
