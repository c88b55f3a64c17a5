//! Names with a number in them: `shot_%05d.png`, as ffmpeg's `image2` and `printf` have it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, shown};

/// The names of a sequence: one folder, one place for the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    folder: PathBuf,
    before: Vec<u8>,
    after: Vec<u8>,
    /// Digits at least, filled up with zeros.
    width: usize,
}

/// Names with more digits than this are of another kind.
const MAX_WIDTH: usize = 18;

impl Pattern {
    /// The pattern in a path; `None` if its last part has no number in it, and then each percent
    /// sign is one. In a pattern `%%` is.
    ///
    /// # Errors
    /// `Usage`: two numbers, or a percent sign beside a number that is neither.
    pub fn parse(path: &Path) -> Result<Option<Self>> {
        let Some(name) = path.file_name().map(OsStr::as_bytes) else { return Ok(None) };
        let mut parts = [Vec::new(), Vec::new()];
        let (mut width, mut wrong) = (None, false);
        let mut rest = name;
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            let part = &mut parts[usize::from(width.is_some())];
            if byte != b'%' {
                part.push(byte);
                continue;
            }
            if let Some(tail) = rest.strip_prefix(b"%") {
                part.push(b'%');
                rest = tail;
                continue;
            }
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, tail) = rest.split_at(digits);
            match tail.strip_prefix(b"d") {
                Some(tail) if width.is_none() => {
                    width = Some(width_of(number).ok_or_else(|| no_pattern(path))?);
                    rest = tail;
                }
                _ => wrong = true,
            }
        }
        if width.is_some() && wrong {
            return Err(no_pattern(path));
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let [before, after] = parts;
        Ok(width.map(|width| Self { folder, before, after, width }))
    }

    /// The path of picture `number`.
    pub fn path(&self, number: u64) -> PathBuf {
        let mut name = self.before.clone();
        name.extend(format!("{number:0width$}", width = self.width).bytes());
        name.extend(&self.after);
        self.folder.join(OsString::from_vec(name))
    }

    /// The folder of all of them; empty for the current one.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The numbers of the files that are there, in order.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn present(&self) -> Result<Vec<u64>> {
        let here = Path::new(".");
        let folder = if self.folder.as_os_str().is_empty() { here } else { &self.folder };
        let failed = |e| Error::usage(format!("failed to list {}: {e}", shown(folder)));
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            numbers.extend(self.number(entry.map_err(failed)?.file_name().as_bytes()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number in a name of this pattern.
    fn number(&self, name: &[u8]) -> Option<u64> {
        let digits = name.strip_prefix(&self.before[..])?.strip_suffix(&self.after[..])?;
        let plain =
            (1..=MAX_WIDTH).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        let number = plain.then(|| str::from_utf8(digits).ok()?.parse::<u64>().ok()).flatten()?;
        // `7` and `007` are two names, of which a pattern makes one.
        (format!("{number:0width$}", width = self.width).as_bytes() == digits).then_some(number)
    }
}

/// The width in `%05d` and `%d`.
fn width_of(digits: &[u8]) -> Option<usize> {
    match digits {
        [] => Some(1),
        // `%5d` fills with spaces, which no name has.
        [b'0', digits @ ..] => {
            let width = str::from_utf8(digits).ok()?.parse().ok()?;
            (1..=MAX_WIDTH).contains(&width).then_some(width)
        }
        _ => None,
    }
}

fn no_pattern(path: &Path) -> Error {
    Error::usage(format!(
        "{} is no pattern: one number as %d or %05d, and %% for a percent sign",
        shown(path)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(Path::new(text)).unwrap().unwrap()
    }

    #[test]
    fn names_go_both_ways() {
        for (text, number, name) in [
            ("a/shot_%05d.png", 7, "a/shot_00007.png"),
            ("a/shot_%05d.png", 123_456, "a/shot_123456.png"),
            ("%d", 0, "0"),
            ("50%%_%03d_%%.jpg", 12, "50%_012_%.jpg"),
        ] {
            let pattern = pattern(text);
            assert_eq!(pattern.path(number), Path::new(name));
            let name = Path::new(name).file_name().unwrap();
            assert_eq!(pattern.number(name.as_bytes()), Some(number), "{text}");
        }
        let five = pattern("x%05d.png");
        for other in ["x007.png", "x000007.png", "x00007.jpg", "y00007.png", "x.png", "x-0007.png"]
        {
            assert_eq!(five.number(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        for plain in ["a/b.mp4", "%d/b.png", "100%%.mp4", "50% off.mp4", "%s.png", "a%"] {
            assert_eq!(Pattern::parse(Path::new(plain)).unwrap(), None, "{plain}");
        }
        for wrong in ["%d_%s.png", "%d%", "%5d.png", "%03d_%03d.png", "%00d", "%099d.png"] {
            assert!(Pattern::parse(Path::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_there_is_found_in_order() {
        let room = tempfile::tempdir().unwrap();
        for name in ["f10.png", "f9.png", "f11.png", "f09.png", "other.png"] {
            fs::write(room.path().join(name), []).unwrap();
        }
        let pattern = Pattern::parse(&room.path().join("f%d.png")).unwrap().unwrap();
        assert_eq!(pattern.present().unwrap(), [9, 10, 11]);
    }
}
