//! Names and texts from outside as people see them: one line, and nothing that a terminal obeys.

use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path for people: printable characters as they are; control characters, those that turn the
/// direction of writing, and bytes that are not UTF-8 escaped, as `\n`, `\x1b`, `\u{202e}` and
/// `\xff`. Not to be read back: a backslash in a name stays one.
pub fn shown(path: &Path) -> Shown<'_> {
    Shown(path.as_os_str().as_bytes())
}

/// Lines that were put together of our words and of others': what a terminal would obey is
/// escaped as in [`shown`]; line breaks and tabs stay.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            // Writing to a String cannot fail.
            c => drop(character(c, &mut out)),
        }
    }
    out
}

/// See [`shown`].
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            chunk.valid().chars().try_for_each(|c| character(c, f))?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

fn character(c: char, to: &mut impl Write) -> fmt::Result {
    match c {
        '\n' | '\r' | '\t' => write!(to, "{}", c.escape_default()),
        c if c.is_ascii_control() => write!(to, "\\x{:02x}", u32::from(c)),
        c if c.is_control() || is_layout(c) => write!(to, "{}", c.escape_unicode()),
        c => to.write_char(c),
    }
}

/// Line and paragraph separators, and what turns the direction of writing: with it a name can
/// be made to look like another. U+206A to U+206F are its deprecated relatives.
fn is_layout(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
    )
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn paths_are_one_line_without_orders_to_a_terminal() {
        let table: [(&[u8], &str); 10] = [
            (b"a b/c.jpg", "a b/c.jpg"),
            ("ä/写真.jpg".as_bytes(), "ä/写真.jpg"),
            (b"a\nb\r\t.jpg", "a\\nb\\r\\t.jpg"),
            (b"a\x1b[31mb.jpg", "a\\x1b[31mb.jpg"),
            (b"\x7f\0", "\\x7f\\x00"),
            (b"\xff\xfe.jpg", "\\xff\\xfe.jpg"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("gpj.\u{202e}exe".as_bytes(), "gpj.\\u{202e}exe"),
            ("a\u{61c}\u{2066}b".as_bytes(), "a\\u{61c}\\u{2066}b"),
            ("\u{206a}\u{206f}\u{2070}".as_bytes(), "\\u{206a}\\u{206f}\u{2070}"),
        ];
        for (bytes, expected) in table {
            assert_eq!(shown(Path::new(OsStr::from_bytes(bytes))).to_string(), expected);
        }
    }

    #[test]
    fn texts_keep_their_lines() {
        assert_eq!(harmless("a\x1b[2J\n\t^\u{85}"), "a\\x1b[2J\n\t^\\u{85}");
    }
}
