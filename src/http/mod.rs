// SPDX-License-Identifier: GPL-2.0-or-later
//! HTTP/1 as its own dissector takes it: for protocols that lie in it, and that it does not tell enough.
//!
//! HTTP is dissected by its own dissector, which also puts segments together and undoes chunks and
//! compression. Three things it does not pass on: where the parts of a head lie, which request a response
//! answers where a packet holds several, and to which message a body belongs. They are found out here by its
//! own rules, not by those of the RFCs: a head that one side takes and the other refuses would shift every
//! pair behind it.
//!
//! | module | is the only place that knows |
//! | --- | --- |
//! | [`head`] | what HTTP's dissector takes for a message, and where its parts lie |
//! | [`body`] | where a body ends, and to which message one belongs that was passed on |
//! | [`exchanges`] | which request a response answers |
//! | [`messages`] | whose a message is |
//! | [`target`] | what the target of a request holds |

use std::ffi::CStr;

pub mod body;
pub mod exchanges;
pub mod head;
pub mod messages;
pub mod target;

pub use head::{Head, Kind, heads};
pub use messages::{Carried, Http, Message};

/// Media types of bodies that may be ours. What counts is the request; these are the types by which HTTP's
/// dissector passes bodies on.
pub const MEDIA_TYPES: &[&CStr] = &[
    c"application/json",
    c"text/plain",
    c"text/javascript",
    c"application/javascript",
    c"application/x-javascript",
    c"text/json",
    c"text/html",
    c"text/xml",
    c"application/xml",
    c"application/octet-stream",
    c"application/x-www-form-urlencoded",
    c"multipart/form-data",
];
