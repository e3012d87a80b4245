// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON as the server writes it, and as a browser does.

use std::fmt::Write;

/// A value whose members keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// A whole number.
    Number(i64),
    /// A text; only what must be escaped is.
    Text(String),
    /// A text that is escaped already.
    Escaped(String),
    /// Anything, as it is.
    Verbatim(String),
    /// A list.
    List(Vec<Json>),
    /// Members with their names.
    Object(Vec<(&'static str, Json)>),
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Json {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Vec<Json>> for Json {
    fn from(list: Vec<Json>) -> Self {
        Self::List(list)
    }
}

/// An object: `object! { "Ret" => 0, "ErrMsg" => "" }`.
macro_rules! object {
    ($($name:literal => $value:expr),* $(,)?) => {
        $crate::web::json::Json::Object(vec![$(($name, $crate::web::json::Json::from($value))),*])
    };
}
pub(crate) use object;

impl Json {
    /// As the server writes it: each member on a line of its own, nothing indented, and a line break
    /// after each object.
    pub fn server_style(&self) -> String {
        let mut out = String::new();
        self.write_server_style(&mut out);
        out
    }

    /// As a browser writes it: without white space.
    pub fn browser_style(&self) -> String {
        let mut out = String::new();
        self.write_browser_style(&mut out);
        out
    }

    fn write_server_style(&self, out: &mut String) {
        match self {
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_server_style(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push_str("{\n");
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(",\n");
                    }
                    write_text(out, name);
                    out.push_str(": ");
                    value.write_server_style(out);
                }
                if !out.ends_with('\n') {
                    out.push('\n');
                }
                out.push_str("}\n");
            }
            scalar => scalar.write_browser_style(out),
        }
    }

    fn write_browser_style(&self, out: &mut String) {
        match self {
            Self::Number(number) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "{number}");
            }
            Self::Text(text) => write_text(out, text),
            Self::Escaped(text) => {
                let _ = write!(out, "\"{text}\"");
            }
            Self::Verbatim(json) => out.push_str(json),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_browser_style(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_text(out, name);
                    out.push(':');
                    value.write_browser_style(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A text with everything beyond ASCII as `\u`, in pairs where one does not suffice.
pub fn ascii(text: &str) -> Json {
    let mut quoted = String::new();
    write_text(&mut quoted, text);
    let mut escaped = String::new();
    for character in quoted[1..quoted.len() - 1].chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    Json::Escaped(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Json {
        object! {
            "Base" => object! { "Ret" => 0u32, "ErrMsg" => "" },
            "List" => vec![object! { "Key" => 1u32 }, object! { "Key" => 2u32 }],
            "None" => Vec::new(),
            "Last" => object! { "Text" => "a\"\\\n\u{1}你" },
        }
    }

    #[test]
    fn servers_write_a_line_for_each_member() {
        let lines = [
            "{",
            "\"Base\": {",
            "\"Ret\": 0,",
            "\"ErrMsg\": \"\"",
            "}",
            ",",
            "\"List\": [{",
            "\"Key\": 1",
            "}",
            ",{",
            "\"Key\": 2",
            "}",
            "],",
            "\"None\": [],",
            "\"Last\": {",
            r#""Text": "a\"\\\n\u0001你""#,
            "}",
            "}",
            "",
        ];
        assert_eq!(sample().server_style(), lines.join("\n"));
    }

    #[test]
    fn both_styles_say_the_same() {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&sample().server_style()), parse(&sample().browser_style()));
        assert_eq!(parse(&ascii("你\"😄").browser_style()), "你\"😄");
        assert_eq!(ascii("你\"😄").browser_style(), r#""\u4f60\"\ud83d\ude04""#);
    }
}
