//! Output names: the template, and what it makes of an input.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, shown};
use crate::journal::FOLDER;
use crate::link::Item;

/// How an output is named after its input. Text with fields in braces; `{{` and `}}` are braces.
///
/// | field | what it becomes |
/// |---|---|
/// | `{dir}` | the folder of the input, relative to the base; empty at the top |
/// | `{stem}` | the input's name without its extension |
/// | `{ext}` | the input's extension, as it is |
/// | `{format}` | the extension that goes with what is written: `jpg`, `png`, ... |
/// | `{n}` | the input's number in the sorted list, from 1 |
/// | `{width}` `{height}` | the output's size in pixels |
///
/// Numbers can be padded with zeros: `{n:05}`. Empty folders in the result are dropped, and so
/// is the dot in front of an `{ext}` that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A field and the least number of its digits.
    Field(Field, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Dir,
    Stem,
    Ext,
    Format,
    Number,
    Width,
    Height,
}

const FIELDS: [(&str, Field); 7] = [
    ("dir", Field::Dir),
    ("stem", Field::Stem),
    ("ext", Field::Ext),
    ("format", Field::Format),
    ("n", Field::Number),
    ("width", Field::Width),
    ("height", Field::Height),
];

/// Digits that a number can be padded to.
const MOST_DIGITS: usize = 20;

/// What is known of an output. Names that need more wait until it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known<'a> {
    /// The extension of the output's format.
    pub format: Option<&'a str>,
    /// Columns and rows of the output.
    pub size: Option<(u32, u32)>,
}

impl Template {
    /// The default.
    pub const MIRROR: &'static str = "{dir}/{stem}.{ext}";
    /// The default where a format was asked for.
    pub const REFORMAT: &'static str = "{dir}/{stem}.{format}";

    /// Reads a template.
    ///
    /// # Errors
    /// `Usage`, on three lines, with a caret under the character: an unknown field, a brace
    /// without its partner, a path that leaves the output folder or names none.
    pub fn parse(text: &str) -> Result<Self> {
        let template = Self { text: text.to_owned(), pieces: pieces(text)? };
        if text.starts_with('/') {
            return Err(mistake(text, 0, "a name is relative to the output folder"));
        }
        // What is wrong with every name is wrong with the template.
        let rel = PathBuf::from("dir/stem.ext");
        let item = Item { rel, number: 1, ..Item::default() };
        let known = Known { format: Some("format"), size: Some((1, 1)) };
        template.name(&item, known).map_err(|e| mistake(text, 0, &e.to_string()))?;
        Ok(template)
    }

    /// The output of an input, relative to the output folder and inside it; `None` if that
    /// depends on something that is not known yet.
    ///
    /// # Errors
    /// `Input`: there is no such name inside the output folder, or it is one of ours.
    pub fn name(&self, item: &Item, known: Known<'_>) -> Result<Option<PathBuf>> {
        let Some(raw) = self.fill(item, known) else { return Ok(None) };
        let refused = |why: &str| {
            let name = shown(Path::new(OsStr::from_bytes(&raw)));
            Error::input(format!("{}: the output name \"{name}\" {why}", shown(&item.rel)))
        };
        let mut name = PathBuf::new();
        for part in raw.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b".")) {
            match part {
                b".." => return Err(refused("leaves the output folder")),
                part if part == FOLDER.as_bytes() => {
                    return Err(refused("lies in the folder of the journal"));
                }
                part => name.push(OsString::from_vec(part.to_vec())),
            }
        }
        if name.as_os_str().is_empty() || raw.ends_with(b"/") {
            return Err(refused("names no file"));
        }
        Ok(Some(name))
    }

    /// The extension that every name ends with, without the dot: of text at the template's end,
    /// as in `{n}.png`. `None` where a field ends it, or text without a dot.
    pub fn extension(&self) -> Option<&str> {
        match self.pieces.last()? {
            Piece::Text(text) => {
                let (_, extension) = text.rsplit_once('.')?;
                Some(extension).filter(|e| !e.is_empty() && !e.contains('/'))
            }
            Piece::Field(..) => None,
        }
    }

    /// Whether names can only be made once the output's size is known.
    pub fn needs_size(&self) -> bool {
        self.has(Field::Width) || self.has(Field::Height)
    }

    /// Whether names depend on the output's format.
    pub fn needs_format(&self) -> bool {
        self.has(Field::Format)
    }

    /// Whether names hold the input's number.
    pub fn needs_number(&self) -> bool {
        self.has(Field::Number)
    }

    fn has(&self, field: Field) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Field(f, _) if *f == field))
    }

    fn fill(&self, item: &Item, known: Known<'_>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Field(Field::Ext, _) => match item.rel.extension() {
                    Some(extension) => out.extend_from_slice(extension.as_bytes()),
                    None if out.last() == Some(&b'.') => drop(out.pop()),
                    None => {}
                },
                Piece::Field(field, digits) => out.extend(field.value(*digits, item, known)?),
            }
        }
        Some(out)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Field {
    fn value(self, digits: usize, item: &Item, known: Known<'_>) -> Option<Vec<u8>> {
        let path = |part: Option<&OsStr>| part.unwrap_or_default().as_bytes().to_vec();
        let number = |n: u64| format!("{n:0digits$}").into_bytes();
        Some(match self {
            Self::Dir => path(item.rel.parent().map(Path::as_os_str)),
            Self::Stem => path(item.rel.file_stem()),
            Self::Ext => path(item.rel.extension()),
            Self::Format => known.format?.as_bytes().to_vec(),
            Self::Number => number(item.number),
            Self::Width => number(known.size?.0.into()),
            Self::Height => number(known.size?.1.into()),
        })
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Width | Self::Height)
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '{' | '}' if rest.next_if(|(_, next)| *next == c).is_some() => literal.push(c),
            '{' => {
                let Some(length) = text[at..].find('}') else {
                    return Err(mistake(text, at, "this brace is not closed"));
                };
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(field(text, at, &text[at + 1..at + length])?);
                while rest.next_if(|(i, _)| *i <= at + length).is_some() {}
            }
            '}' => return Err(mistake(text, at, "this brace closes nothing; }} is a brace")),
            '\0' => return Err(mistake(text, at, "a name cannot hold the zero character")),
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// The field whose brace stands `at` this byte.
fn field(text: &str, at: usize, inside: &str) -> Result<Piece> {
    let (name, pad) = inside.split_once(':').map_or((inside, None), |(n, p)| (n, Some(p)));
    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<String> = FIELDS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
        let what = format!("{{{name}}} is no field; there are {}", known.join(" "));
        return Err(mistake(text, at, &what));
    };
    let digits = match pad {
        None => Some(1),
        Some(pad) if field.is_number() => {
            let digits = pad.strip_prefix('0').and_then(|digits| digits.parse().ok());
            digits.filter(|digits| (1..=MOST_DIGITS).contains(digits))
        }
        Some(_) => None,
    };
    let what = "only numbers are padded, like {n:05}, to 20 digits at most";
    digits.map(|digits| Piece::Field(*field, digits)).ok_or_else(|| mistake(text, at, what))
}

/// What is wrong, the template, and a caret under byte `at`.
fn mistake(text: &str, at: usize, what: &str) -> Error {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let column = text[..at].chars().count() + 1;
    Error::usage(format!("--name: {what}\n  {line}\n  {:>column$}", "^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(rel: impl Into<PathBuf>) -> Item {
        Item { rel: rel.into(), number: 7, ..Item::default() }
    }

    const KNOWN: Known<'_> = Known { format: Some("webp"), size: Some((640, 48)) };

    fn name(template: &str, rel: &str) -> String {
        let name = Template::parse(template).unwrap().name(&item(rel), KNOWN).unwrap().unwrap();
        name.into_os_string().into_string().unwrap()
    }

    #[test]
    fn fields() {
        assert_eq!(name(Template::MIRROR, "a/b/c.d.JPG"), "a/b/c.d.JPG");
        assert_eq!(name(Template::MIRROR, "c.jpg"), "c.jpg");
        assert_eq!(name(Template::REFORMAT, "a/c.JPG"), "a/c.webp");
        assert_eq!(name("{n:05}_{width}x{height:04}.{format}", "a/c.jpg"), "00007_640x0048.webp");
        assert_eq!(name("x/{dir}/{stem}", "a/c.jpg"), "x/a/c");
        assert_eq!(name("{{{stem}}}", "a/c.jpg"), "{c}");
        assert_eq!(name("ä{stem}ö{ext}", "c.jpg"), "äcöjpg");
    }

    #[test]
    fn an_extension_is_text_at_the_end() {
        for (text, expected) in [
            ("{n}.png", Some("png")),
            ("a.b/{stem}.tar.PNG", Some("PNG")),
            ("{n}.{ext}", None),
            ("{stem}.{format}", None),
            ("a.b/{stem}", None),
            ("{stem}x", None),
            ("v1.5/x", None),
            ("x.", None),
        ] {
            assert_eq!(Template::parse(text).unwrap().extension(), expected, "{text}");
        }
    }

    #[test]
    fn a_mirrored_name_is_the_inputs_own() {
        let odd: [&[u8]; 8] =
            [b"photo", b".hidden", b"a.", b"a..jpg", b"-rf.jpg", b"\xff\n.p\xfe", b" ", b"..jpg"];
        let template = Template::parse(Template::MIRROR).unwrap();
        for bytes in odd {
            let rel = Path::new("sub").join(OsString::from_vec(bytes.to_vec()));
            let name = template.name(&item(rel.clone()), Known::default()).unwrap();
            assert_eq!(name.as_deref(), Some(&*rel), "{}", shown(&rel));
        }
    }

    #[test]
    fn names_wait_for_what_they_need() {
        let wait = |text: &str, known| {
            Template::parse(text).unwrap().name(&item("a.jpg"), known).unwrap().is_none()
        };
        assert!(wait("{width}", Known { format: Some("png"), size: None }));
        assert!(wait("{format}", Known { format: None, size: Some((1, 1)) }));
        assert!(!wait("{stem}{n}", Known::default()));
        assert!(Template::parse("{height}").unwrap().needs_size());
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        for (text, column, said) in [
            ("ä{sten}.jpg", 1, "{sten} is no field"),
            ("{stem}{dir", 6, "not closed"),
            ("{stem}}", 6, "closes nothing"),
            ("{stem:03}", 0, "only numbers"),
            ("{n:5}", 0, "{n:05}"),
            ("{n:099}", 0, "20 digits"),
            ("/{stem}", 0, "relative"),
            ("../{stem}", 0, "leaves"),
            ("{dir}/../{stem}", 0, "leaves"),
            ("{stem}/", 0, "names no file"),
            ("", 0, "names no file"),
            (".lumaloom/{stem}", 0, "journal"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            let lines: Vec<&str> = error.lines().collect();
            assert!(lines[0].contains(said), "{text}: {error}");
            let caret = lines[2].chars().position(|c| c == '^');
            assert_eq!(caret, Some(2 + column), "{text}: {error}");
        }
    }

    #[test]
    fn an_input_cannot_lead_its_output_out_of_the_folder() {
        let template = Template::parse("{dir}/{stem}").unwrap();
        for rel in ["../a.jpg", "a/../../b.jpg", "...jpg"] {
            assert!(template.name(&item(rel), Known::default()).is_err(), "{rel}");
        }
        assert_eq!(name("{dir}/{stem}", "/etc/a.jpg"), "etc/a");
    }
}
