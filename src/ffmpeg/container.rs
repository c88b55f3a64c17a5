//! Containers, as the name of an output tells them.

use std::path::Path;

/// Extensions of MPEG-TS.
pub(super) const TRANSPORT: &[&str] = &["ts", "mts", "m2ts", "m2t"];

/// Extensions of Ogg.
pub(super) const OGG: &[&str] = &["ogg", "ogv", "oga", "opus"];

/// Whether a path has one of these extensions, in any case.
pub fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    extensions.iter().any(|e| extension.eq_ignore_ascii_case(e))
}

/// Ticks per second of Matroska as ffmpeg writes it (5.1 and 9.0).
pub(super) const MATROSKA_TICKS: u32 = 1000;

/// Whether an output is Matroska or WebM.
pub(super) fn is_matroska(out: &Path) -> bool {
    has_extension(out, &["mkv", "webm", "mka"])
}

/// Whether an output of this name has a place for a picture that is attached to it. MOV drops one
/// without a word, MPEG-TS makes data of it (5.1 and 9.0).
pub fn holds_covers(out: &Path) -> bool {
    !has_extension(out, &["mov", "qt", "webm", "mpg", "mpeg", "vob", "flv", "ogv", "ogg"])
        && !has_extension(out, TRANSPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_it_is() {
        assert!(is_matroska(Path::new("a.WebM")) && is_matroska(Path::new("a.part.mkv")));
        assert!(!is_matroska(Path::new("a.mp4")) && !is_matroska(Path::new("mkv")));
    }
}
