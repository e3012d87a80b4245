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

pub mod body;
pub mod exchanges;
pub mod head;

pub use body::Bodies;
pub use exchanges::Exchanges;
pub use head::{Head, Kind, heads};
