// SPDX-License-Identifier: GPL-2.0-or-later
//! Message types that a user gives to calls, so that protobuf's fields get the names that the user's files have.

/// A row of the user's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    cgi: u32,
    request: String,
    answer: String,
}

/// Longest name of a message type, in characters.
const LONGEST_NAME: usize = 256;

impl Messages {
    /// A row from its cells; the error is a sentence for the user.
    pub fn of(cells: &[impl AsRef<str>]) -> Result<Self, String> {
        let [cgi, request, answer] = cells else {
            return Err(String::from("a row has a cgi type, a request's message type and an answer's"));
        };
        let cgi = cgi.as_ref().trim();
        let Some(number) = crate::config::number(cgi) else {
            let cgi = cgi.escape_debug();
            return Err(format!("\"{cgi}\" is no cgi type: decimal, or 0x and hexadecimal"));
        };
        let [request, answer] = [request.as_ref(), answer.as_ref()].map(str::trim);
        if request.is_empty() && answer.is_empty() {
            return Err(format!(
                "cgi type {number} needs a message type: the request's, the answer's or both"
            ));
        }
        for name in [request, answer].into_iter().filter(|name| !name.is_empty()) {
            if name.len() > LONGEST_NAME || !is_type(name) {
                let name = name.escape_debug();
                return Err(format!(
                    "\"{name}\" is no message type: names of letters, digits and _, apart by dots"
                ));
            }
        }
        Ok(Self { cgi: number, request: request.to_owned(), answer: answer.to_owned() })
    }

    /// The message type of one side's, if the row is of this call and has one.
    pub fn message_type(&self, cgi: u32, from_server: bool) -> Option<&str> {
        let name = if from_server { &self.answer } else { &self.request };
        (self.cgi == cgi && !name.is_empty()).then_some(name)
    }
}

/// Whether a text is the full name of a message type.
fn is_type(name: &str) -> bool {
    name.split('.').all(|part| {
        part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && part.chars().next().is_some_and(|first| !first.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_types_or_says_what_is_wrong() {
        let row = Messages::of(&["138", " pkg.NewSyncRequest ", ""]).unwrap();
        assert_eq!(row.message_type(138, false), Some("pkg.NewSyncRequest"));
        assert_eq!((row.message_type(138, true), row.message_type(139, false)), (None, None));
        assert_eq!(Messages::of(&["0x8a", "", "_a"]).unwrap().message_type(138, true), Some("_a"));
        for (cells, expected) in [
            (["", "a", "b"], "\"\" is no cgi type"),
            (["newsync", "a", "b"], "\"newsync\" is no cgi type"),
            (["+1", "a", "b"], "\"+1\" is no cgi type"),
            (["138", " ", ""], "cgi type 138 needs a message type"),
            (["138", "a.", ""], "\"a.\" is no message type"),
            (["138", "a", "b c"], "\"b c\" is no message type"),
            (["138", "a,b", ""], "\"a,b\" is no message type"),
            (["138", "1a", ""], "\"1a\" is no message type"),
        ] {
            let error = Messages::of(&cells).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(Messages::of(&["138", "a"]).is_err());
        assert!(Messages::of(&["138", &"a".repeat(257), ""]).is_err());
    }
}
