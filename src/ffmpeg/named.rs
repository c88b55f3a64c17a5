//! What a pixel format is, as far as ffmpeg's name of it tells: there are many that we have no layout
//! for, and that can be converted all the same.

use crate::frame::Subsampling;

/// What the samples of a pixel format are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Luma and chroma.
    Ycbcr,
    /// Red, green and blue, or a palette of them.
    Rgb,
    /// One value, with alpha or without.
    Gray,
}

impl Family {
    /// Of the format of this name.
    pub(super) fn of(format: &str) -> Self {
        const RGB: &[&str] =
            &["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2", "pal8", "bayer"];
        // `ya8` and its kin, but not `yuv`.
        const GRAY: &[&str] = &["gray", "ya8", "ya16", "mono"];
        let is = |names: &[&str]| names.iter().any(|name| format.starts_with(name));
        match () {
            () if is(RGB) => Self::Rgb,
            () if is(GRAY) => Self::Gray,
            () => Self::Ycbcr,
        }
    }
}

/// Whether a format is full range by its name.
pub(super) fn is_named_full(format: &str) -> bool {
    format.starts_with("yuvj")
}

/// How a format subsamples chroma, by ffmpeg's name.
pub(super) fn grid(format: &str) -> Subsampling {
    let has = |signs: &[&str]| signs.iter().any(|sign| format.contains(sign));
    match () {
        () if Family::of(format) != Family::Ycbcr => Subsampling::S444,
        () if has(&["420", "nv12", "nv21", "p01"]) => Subsampling::S420,
        () if has(&["422", "nv16", "nv20", "p21"]) => Subsampling::S422,
        () if has(&["440"]) => Subsampling::S440,
        () if has(&["411"]) => Subsampling::S411,
        () if has(&["410"]) => Subsampling::S410,
        () => Subsampling::S444,
    }
}

/// Whether a format has alpha, by ffmpeg's name.
pub(super) fn has_alpha(format: &str) -> bool {
    let begins = |starts: &[&str]| starts.iter().any(|start| format.starts_with(start));
    begins(&[
        "yuva", "ya8", "ya16", "rgba", "bgra", "argb", "abgr", "gbrap", "ayuv", "vuya", "pal8",
    ])
}

/// The format that is the same without alpha, by ffmpeg's name.
pub(super) fn opaque(format: &str) -> String {
    const PAIRS: &[(&str, &str)] = &[("yuva", "yuv"), ("gbrap", "gbrp"), ("ya16", "gray16")];
    match format {
        "ya8" => "gray".to_owned(),
        "rgba" | "argb" => "rgb24".to_owned(),
        "bgra" | "abgr" => "bgr24".to_owned(),
        "rgba64le" | "bgra64le" => "rgb48le".to_owned(),
        _ => {
            let pair = PAIRS.iter().find(|(with, _)| format.starts_with(with));
            pair.map_or_else(|| format.to_owned(), |(with, bare)| format.replacen(with, bare, 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opaque_has_no_alpha_and_is_of_the_same_kind() {
        for format in ["yuva420p", "yuva444p10le", "gbrap", "gbrap12le", "ya8", "ya16le", "rgba"] {
            let bare = opaque(format);
            assert!(has_alpha(format) && !has_alpha(&bare), "{format} {bare}");
            assert_eq!((Family::of(&bare), grid(&bare)), (Family::of(format), grid(format)));
        }
        assert_eq!(opaque("yuv420p"), "yuv420p");
    }
}
