// SPDX-License-Identifier: GPL-2.0-or-later
//! What a proxy puts in front of a stream to say who is behind it: the PROXY protocol, versions 1 and 2.

/// With its line end the longest first version has this many bytes.
const LONGEST_LINE: usize = 107;

/// How the second version begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Length of the second version's part that is always there.
const FIXED: usize = 16;

/// The rest of a second version is waited for if it is no longer. Proxies write a few hundred bytes.
const LONGEST_WAITED: usize = 4096;

/// A header at the beginning of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// 1 or 2.
    pub version: u8,
    /// Its bytes, line end included.
    pub length: usize,
}

/// The whole header with which `data` begins.
pub fn header(data: &[u8]) -> Option<Proxy> {
    line(data).or_else(|| binary(data))
}

/// How many bytes the whole headers have with which `data` begins: each proxy on the way may put one in front.
pub fn headers(data: &[u8]) -> usize {
    let mut length = 0usize;
    while let Some(one) = data.get(length..).and_then(header) {
        length = length.saturating_add(one.length);
    }
    length
}

/// Whether `data` is the beginning of a header, of which more is to come; no bytes are none.
pub fn is_beginning(data: &[u8]) -> bool {
    let [first, ..] = data else { return false };
    if *first == b'P' { is_lines_beginning(data) } else { is_binarys_beginning(data) }
}

/// How the first version begins.
const BEGINNINGS: [&[u8]; 3] = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN"];

fn is_lines_beginning(data: &[u8]) -> bool {
    let text = data.strip_suffix(b"\r").unwrap_or(data);
    data.len() < LONGEST_LINE
        && BEGINNINGS.iter().any(|whole| whole.starts_with(data) || text.starts_with(whole))
        && text.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_binarys_beginning(data: &[u8]) -> bool {
    let Some(rest) = data.strip_prefix(SIGNATURE) else { return SIGNATURE.starts_with(data) };
    let length = match *rest {
        [] => return true,
        [0x20 | 0x21, _, high, low, ..] => u16::from_be_bytes([high, low]).into(),
        [0x20 | 0x21, ..] => return true,
        _ => return false,
    };
    length <= LONGEST_WAITED && data.len() < FIXED.saturating_add(length)
}

fn line(data: &[u8]) -> Option<Proxy> {
    if !BEGINNINGS.iter().any(|beginning| data.starts_with(beginning)) {
        return None;
    }
    let line = data.get(..LONGEST_LINE.min(data.len()))?;
    let end = line.windows(2).position(|pair| pair == b"\r\n")?;
    Some(Proxy { version: 1, length: end.saturating_add(2) })
}

fn binary(data: &[u8]) -> Option<Proxy> {
    // Behind the signature: version and command, family, length of the addresses and of what follows them.
    let [0x20 | 0x21, _, high, low] = *data.strip_prefix(SIGNATURE)?.first_chunk::<4>()? else { return None };
    let length = FIXED.saturating_add(u16::from_be_bytes([high, low]).into());
    (length <= data.len()).then_some(Proxy { version: 2, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_its_line_end() {
        for line in ["PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP6 ::1 ::2 3 4\r\n", "PROXY UNKNOWN\r\n"]
        {
            let whole = Some(Proxy { version: 1, length: line.len() });
            assert_eq!(header(line.as_bytes()), whole);
            assert_eq!(header(&[line.as_bytes(), &[0, 0, 0, 16]].concat()), whole);
            for cut in 0..line.len() {
                assert_eq!(header(&line.as_bytes()[..cut]), None, "{cut}");
            }
        }
        assert_eq!(header(b"PROXY mail\r\n"), None);
        assert_eq!(header(format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).as_bytes()), None);
    }

    #[test]
    fn a_header_may_be_cut_anywhere_and_follow_another() {
        let line = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".as_slice();
        let binary = [SIGNATURE.as_slice(), &[0x21, 0x11, 0, 14], &[9; 14]].concat();
        for whole in [line, &binary, b"PROXY UNKNOWN\r\n"] {
            assert!((1..whole.len()).all(|cut| is_beginning(&whole[..cut])));
            assert!(!is_beginning(whole) && !is_beginning(&[whole, &[0]].concat()));
            assert_eq!(headers(&[whole, &[0, 0, 0, 16]].concat()), whole.len());
        }
        assert_eq!(headers(&[line, &binary, &line[..9]].concat()), line.len() + binary.len());
        let long = format!("PROXY UNKNOWN {}", "x".repeat(100));
        let far = [SIGNATURE.as_slice(), &[0x21, 0x11, 0xff, 0]].concat();
        for other in
            [b"", b"POST".as_slice(), b"PROXY mail", b"\r\n\r\nGET", b"PROXY TCP4 \0", long.as_bytes(), &far]
        {
            assert!(!is_beginning(other), "{other:?}");
        }
    }

    #[test]
    fn the_binary_header_says_how_long_it_is() {
        let addresses = [[0x21, 0x11, 0, 14].as_slice(), &[9; 14]].concat();
        let bytes = [SIGNATURE.as_slice(), &addresses].concat();
        assert_eq!(header(&bytes), Some(Proxy { version: 2, length: 30 }));
        for cut in 0..bytes.len() {
            assert_eq!(header(&bytes[..cut]), None, "{cut}");
        }
        let local = [SIGNATURE.as_slice(), &[0x20, 0, 0, 0]].concat();
        assert_eq!(header(&local), Some(Proxy { version: 2, length: 16 }));
        let other = [SIGNATURE.as_slice(), &[0x31, 0, 0, 0]].concat();
        assert_eq!(header(&other), None);
    }
}
