// SPDX-License-Identifier: GPL-2.0-or-later
//! What the project's commands and its tests share: running programs, finding what cargo built, and
//! a [`sandbox::Sandbox`] in which Wireshark's programs load the plugin without it being installed.

pub mod cargo;
pub mod crates;
pub mod files;
pub mod home;
pub mod library;
pub mod owner;
pub mod package;
pub mod packages;
pub mod pictures;
pub mod process;
pub mod root;
pub mod sandbox;
pub mod wireshark;
