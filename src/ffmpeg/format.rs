//! ffmpeg's pixel formats and our layouts: one table.

use crate::error::{Error, Result};
use crate::frame::{Depth, Layout, Matrix, Model, Range, Size, Subsampling, Ycbcr};

/// A pixel format of ffmpeg's that there is a layout for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelFormat(&'static Row);

/// One pixel format of ffmpeg's.
#[derive(Debug, PartialEq)]
struct Row {
    /// What the clip has.
    source: &'static str,
    /// What the decoder is asked for: the source's own, or the nearest that loses nothing.
    pipe: &'static str,
    /// What the encoder is asked for; `None` where ffmpeg cannot convert to the source's.
    encoder: Option<&'static str>,
    /// What frames in the pipe are.
    kind: Kind,
    /// The tag under which ffmpeg's NUT demuxer knows `pipe`.
    tag: [u8; 4],
}

/// A model without what tags say of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Gray(Depth),
    GrayAlpha,
    Rgb(Depth),
    Rgba(Depth),
    /// Shifts and depth.
    Planar(Subsampling, Depth),
    /// The formats whose name says full range.
    PlanarFull(Subsampling),
}

use Depth::{U8, U10, U16};
use Kind::{Gray, GrayAlpha, Planar, PlanarFull, Rgb, Rgba};

const S420: Subsampling = Subsampling::S420;
const S422: Subsampling = Subsampling::S422;
const S444: Subsampling = Subsampling::S444;

/// A format that we have.
const fn same(name: &'static str, kind: Kind, tag: &[u8; 4]) -> Row {
    Row { source: name, pipe: name, encoder: Some(name), kind, tag: *tag }
}

/// A format that ffmpeg converts to one of ours and back without loss.
const fn packed(source: &'static str, pipe: &'static str, kind: Kind, tag: &[u8; 4]) -> Row {
    Row { source, pipe, encoder: Some(source), kind, tag: *tag }
}

/// A format whose samples lie in another order; the planar form is what is encoded, too.
const fn kin(source: &'static str, pipe: &'static str, kind: Kind, tag: &[u8; 4]) -> Row {
    Row { source, pipe, encoder: Some(pipe), kind, tag: *tag }
}

/// All that we take. Each conversion was checked there and back on random samples and odd
/// sizes, with 5.1 and 9.0. `yuv440p10le` and `ya16le` are missing since NUT has no tag for
/// them in 5.1, 9, 12, 14 and 16 bit planar and planar with alpha since we have no layout.
const ROWS: &[Row] = &[
    same("yuv420p", Planar(S420, U8), b"I420"),
    same("yuv422p", Planar(S422, U8), b"Y42B"),
    same("yuv444p", Planar(S444, U8), b"444P"),
    same("yuv440p", Planar(Subsampling::S440, U8), b"440P"),
    same("yuv411p", Planar(Subsampling::S411, U8), b"Y41B"),
    same("yuv410p", Planar(Subsampling::S410, U8), b"YUV9"),
    same("yuvj420p", PlanarFull(S420), b"I420"),
    same("yuvj422p", PlanarFull(S422), b"Y42B"),
    same("yuvj444p", PlanarFull(S444), b"444P"),
    same("yuvj440p", PlanarFull(Subsampling::S440), b"440P"),
    same("yuvj411p", PlanarFull(Subsampling::S411), b"Y41B"),
    same("yuv420p10le", Planar(S420, U10), b"Y3\x0b\x0a"),
    same("yuv422p10le", Planar(S422, U10), b"Y3\x0a\x0a"),
    same("yuv444p10le", Planar(S444, U10), b"Y3\x00\x0a"),
    kin("nv12", "yuv420p", Planar(S420, U8), b"I420"),
    kin("nv21", "yuv420p", Planar(S420, U8), b"I420"),
    kin("nv16", "yuv422p", Planar(S422, U8), b"Y42B"),
    kin("nv24", "yuv444p", Planar(S444, U8), b"444P"),
    kin("yuyv422", "yuv422p", Planar(S422, U8), b"Y42B"),
    kin("uyvy422", "yuv422p", Planar(S422, U8), b"Y42B"),
    kin("p010le", "yuv420p10le", Planar(S420, U10), b"Y3\x0b\x0a"),
    kin("p210le", "yuv422p10le", Planar(S422, U10), b"Y3\x0a\x0a"),
    kin("p410le", "yuv444p10le", Planar(S444, U10), b"Y3\x00\x0a"),
    same("gray", Gray(U8), b"Y800"),
    same("gray16le", Gray(U16), b"Y1\x00\x10"),
    packed("gray10le", "gray16le", Gray(U16), b"Y1\x00\x10"),
    packed("gray12le", "gray16le", Gray(U16), b"Y1\x00\x10"),
    same("ya8", GrayAlpha, b"Y2\x00\x08"),
    same("rgb24", Rgb(U8), b"RGB\x18"),
    packed("bgr24", "rgb24", Rgb(U8), b"RGB\x18"),
    packed("rgb0", "rgb24", Rgb(U8), b"RGB\x18"),
    packed("bgr0", "rgb24", Rgb(U8), b"RGB\x18"),
    packed("gbrp", "rgb24", Rgb(U8), b"RGB\x18"),
    same("rgba", Rgba(U8), b"RGBA"),
    packed("bgra", "rgba", Rgba(U8), b"RGBA"),
    packed("argb", "rgba", Rgba(U8), b"RGBA"),
    packed("abgr", "rgba", Rgba(U8), b"RGBA"),
    packed("gbrap", "rgba", Rgba(U8), b"RGBA"),
    Row { source: "pal8", pipe: "rgba", encoder: None, kind: Rgba(U8), tag: *b"RGBA" },
    same("rgb48le", Rgb(U16), b"RGB\x30"),
    packed("bgr48le", "rgb48le", Rgb(U16), b"RGB\x30"),
    packed("gbrp10le", "rgb48le", Rgb(U16), b"RGB\x30"),
    packed("gbrp12le", "rgb48le", Rgb(U16), b"RGB\x30"),
    packed("gbrp16le", "rgb48le", Rgb(U16), b"RGB\x30"),
    same("rgba64le", Rgba(U16), b"RBA\x40"),
    packed("gbrap16le", "rgba64le", Rgba(U16), b"RBA\x40"),
];

impl PixelFormat {
    /// The format that ffmpeg calls so.
    ///
    /// # Errors
    /// `Usage` naming a `--pix-fmt` that would do, if there is no lossless layout of ours for it.
    pub fn named(name: &str) -> Result<Self> {
        ROWS.iter().find(|row| row.source == name).map(Self).ok_or_else(|| lacking(name))
    }

    /// The format of this name that a `--pix-fmt` asks for.
    ///
    /// # Errors
    /// `Usage` with what there is.
    pub fn wished(name: &str) -> Result<Self> {
        ROWS.iter().find(|row| row.source == name).map(Self).ok_or_else(|| {
            let names: Vec<&str> = ROWS.iter().map(|row| row.source).collect();
            let names = names.join(", ");
            let alpha =
                if name.starts_with("yuva") { " (rgba keeps the transparency)" } else { "" };
            Error::usage(format!("--pix-fmt {name}: frames can be made {names}{alpha}"))
        })
    }

    /// The format of frames that no clip has given a name to.
    ///
    /// # Errors
    /// `Usage`: ffmpeg has none for floats and for some depths.
    pub fn of(layout: &Layout) -> Result<Self> {
        let kind = match (layout.model(), layout.depth()) {
            (Model::Gray, depth) => Gray(depth),
            (Model::GrayAlpha, U8) => GrayAlpha,
            (Model::Rgb, depth) => Rgb(depth),
            (Model::Rgba, depth) => Rgba(depth),
            (Model::Ycbcr(ycbcr), depth) => Planar(ycbcr.subsampling, depth),
            (Model::GrayAlpha, _) => return Err(nameless(layout)),
        };
        let found = ROWS.iter().find(|row| row.source == row.pipe && row.kind == kind);
        found.map(Self).ok_or_else(|| nameless(layout))
    }

    /// The layout of frames of this format that nothing was said of: as `matrix` says, limited
    /// range unless the format or `range` says full, chroma on the left.
    ///
    /// # Errors
    /// `Input`: no frame may have that size.
    pub fn plain(self, size: Size, matrix: Matrix, range: Option<Range>) -> Result<Layout> {
        self.layout(size, |shifts, always| {
            let range = always.or(range).unwrap_or(Range::Limited);
            Model::Ycbcr(Ycbcr { range, ..Ycbcr::video(shifts, matrix) })
        })
    }

    /// `planar` is asked for the colour of YCbCr: by its shifts, and the range if the format's
    /// name says one.
    pub(super) fn layout(
        self,
        size: Size,
        planar: impl FnOnce(Subsampling, Option<Range>) -> Model,
    ) -> Result<Layout> {
        let (model, depth) = match self.0.kind {
            Gray(depth) => (Model::Gray, depth),
            GrayAlpha => (Model::GrayAlpha, U8),
            Rgb(depth) => (Model::Rgb, depth),
            Rgba(depth) => (Model::Rgba, depth),
            Planar(shifts, depth) => (planar(shifts, None), depth),
            PlanarFull(shifts) => (planar(shifts, Some(Range::Full)), U8),
        };
        Layout::new(size, model, depth)
    }

    /// ffmpeg's name.
    pub fn name(self) -> &'static str {
        self.0.source
    }

    /// ffmpeg's name of what crosses the pipes.
    pub fn pipe(self) -> &'static str {
        self.0.pipe
    }

    /// ffmpeg's name of what the encoder is to make of it; `None` leaves it to ffmpeg.
    pub fn encoder(self) -> Option<&'static str> {
        self.0.encoder
    }

    /// NUT's tag of what crosses the pipes.
    pub(super) fn tag(self) -> [u8; 4] {
        self.0.tag
    }

    /// Whether frames of a format of this name are made of the same samples.
    pub(super) fn is_kin_of(self, name: &str) -> bool {
        ROWS.iter().any(|row| row.source == name && row.kind == self.0.kind)
    }

    /// Whether the decoder puts YCbCr samples in another order. 5.1 then also changes their
    /// range if they are tagged as full (measured with nv12), unless the tag is hidden from it.
    pub(super) fn reorders(self) -> bool {
        self.0.source != self.0.pipe && matches!(self.0.kind, Planar(..))
    }
}

/// The error for a layout without a row.
fn nameless(layout: &Layout) -> Error {
    Error::usage(format!(
        "ffmpeg has no pixel format for {layout}; --pix-fmt says what to make of it"
    ))
}

/// The error for a pixel format without a row.
fn lacking(format: &str) -> Error {
    // The nearest that loses little, so that there is something to type.
    let advice = match format {
        f if f.starts_with("yuva") && ["10", "12", "16"].iter().any(|bits| f.contains(bits)) => {
            "rgba64le, which goes through RGB,"
        }
        f if f.starts_with("yuva") => "rgba, which goes through RGB,",
        f if f.starts_with("yuv422") => "yuv422p10le",
        f if f.starts_with("yuv444") || f.starts_with("yuv440") => "yuv444p10le",
        f if f.starts_with("gb") || f.starts_with("rgb") || f.starts_with("bgr") => "rgb48le",
        f if f.starts_with("mono") => "gray",
        f if f.starts_with("ya16") => "rgba64le",
        _ => "yuv420p10le",
    };
    Error::usage(format!(
        "frames of pixel format {format} cannot be taken without loss; \
         --pix-fmt says what to make of them, --pix-fmt {advice} is nearest"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_one_row_and_a_layout() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..i].iter().all(|r| r.source != row.source), "{} twice", row.source);
            let layout = PixelFormat(row).plain(Size::new(35, 21), Matrix::Bt601, None).unwrap();
            let pipe = ROWS.iter().find(|r| r.source == row.pipe).expect("pipes carry ours");
            assert_eq!((pipe.tag, pipe.kind), (row.tag, row.kind), "{}", row.source);
            // The layout alone leads to what crosses the pipes, but for the name of full range.
            let named = PixelFormat::of(&layout).unwrap();
            assert_eq!((named.tag(), row.tag), (row.tag, pipe.tag), "{}", row.source);
        }
        assert!(PixelFormat::named("yuva420p").unwrap_err().to_string().contains("--pix-fmt rgba"));
    }
}
