//! From ffmpeg's pixel formats to our layouts and back: one table, and colour from tags.

use serde::{Deserialize, Serialize};

use super::probe::{ColorTags, Video};
use crate::error::{Error, Result};
use crate::frame::{Depth, Layout, Matrix, Model, Range, Siting, Size, Subsampling, Ycbcr};

/// How the frames of a clip cross the pipes, and what they mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    layout: Layout,
    format: PixelFormat,
    notes: Vec<String>,
}

/// A pixel format of ffmpeg's that there is a layout for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelFormat(&'static Row);

/// What the user says against or beside the tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wishes {
    /// `--pix-fmt`: what decoder and encoder convert to.
    pub pix_fmt: Option<String>,
    /// `--colorspace`: the matrix.
    pub matrix: Option<Matrix>,
    /// `--color-range`.
    pub range: Option<Range>,
}

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

impl Pixels {
    /// How the frames of `video` are taken.
    ///
    /// # Errors
    /// `Usage` naming `--pix-fmt` for a format without a lossless layout of ours, or for a
    /// `--pix-fmt` that we lack; `Input` for a size that no frame may have.
    pub fn of(video: &Video, wishes: &Wishes) -> Result<Self> {
        let format = match (&wishes.pix_fmt, &video.pix_fmt) {
            (Some(wish), _) => wish,
            (None, Some(own)) => own,
            (None, None) => return Err(Error::input("its pixel format is not known to ffmpeg")),
        };
        let format = PixelFormat::named(format)?;
        // What ffmpeg converts to a format of ours it also converts to that format's range.
        let converted = wishes.pix_fmt.is_some() && wishes.pix_fmt != video.pix_fmt;
        let mut notes = Vec::new();
        let layout = format.layout(video.size, |shifts, always| {
            let range = always.unwrap_or_else(|| range_of(video, wishes, converted));
            planar(video, wishes, shifts, range, &mut notes)
        })?;
        Ok(Self { layout, format, notes })
    }

    /// What a frame in the pipes is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What was assumed for lack of a tag, or taken for something near it: worth saying once.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What crosses the pipes, in ffmpeg's words.
    pub fn format(&self) -> PixelFormat {
        self.format
    }
}

impl PixelFormat {
    /// The format that ffmpeg calls so.
    ///
    /// # Errors
    /// `Usage` naming a `--pix-fmt` that would do, if there is no lossless layout of ours for it.
    pub fn named(name: &str) -> Result<Self> {
        ROWS.iter().find(|row| row.source == name).map(Self).ok_or_else(|| lacking(name))
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
    fn layout(
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

impl ColorTags {
    /// The tags that say what a layout's samples mean. Formats that are not YCbCr need none.
    pub fn of(layout: &Layout) -> Self {
        let Model::Ycbcr(ycbcr) = layout.model() else { return Self::default() };
        let word = |words: &[(&str, u8)], number: u8| {
            words.iter().find(|(_, n)| *n == number).map(|(word, _)| (*word).to_owned())
        };
        let range = match ycbcr.range {
            Range::Full => "pc",
            Range::Limited => "tv",
        };
        let matrix = match ycbcr.matrix {
            Matrix::Bt601 => "smpte170m",
            Matrix::Bt709 => "bt709",
            Matrix::Bt2020 => "bt2020nc",
        };
        let siting = match ycbcr.siting {
            Siting::Center => "center",
            Siting::Left => "left",
            Siting::TopLeft => "topleft",
        };
        let subsampled = ycbcr.subsampling != S444;
        Self {
            range: Some(range.into()),
            matrix: Some(matrix.into()),
            primaries: word(PRIMARIES, ycbcr.primaries),
            transfer: word(TRANSFERS, ycbcr.transfer),
            siting: subsampled.then(|| siting.into()),
        }
    }
}

/// The error for a pixel format without a row.
fn lacking(format: &str) -> Error {
    // The nearest that loses little, so that there is something to type.
    let advice = match format {
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

fn range_of(video: &Video, wishes: &Wishes, converted: bool) -> Range {
    let tagged = match video.color.range.as_deref() {
        Some("pc") => Range::Full,
        // Limited range is video's default, tagged or not.
        _ => Range::Limited,
    };
    let own = video.pix_fmt.as_deref().is_some_and(|f| f.starts_with("yuvj"));
    if converted && own { Range::Limited } else { wishes.range.unwrap_or(tagged) }
}

fn planar(
    video: &Video,
    wishes: &Wishes,
    subsampling: Subsampling,
    range: Range,
    notes: &mut Vec<String>,
) -> Model {
    let color = &video.color;
    let matrix = wishes.matrix.unwrap_or_else(|| matrix_of(color, video.size, notes));
    let siting = siting_of(color, subsampling, notes);
    let primaries = number(PRIMARIES, color.primaries.as_deref());
    let transfer = number(TRANSFERS, color.transfer.as_deref());
    Model::Ycbcr(Ycbcr { subsampling, matrix, range, siting, primaries, transfer })
}

fn matrix_of(color: &ColorTags, size: Size, notes: &mut Vec<String>) -> Matrix {
    let assumed = if size.height >= 720 { Matrix::Bt709 } else { Matrix::Bt601 };
    let name = assumed.name();
    match color.matrix.as_deref() {
        Some("bt709") => Matrix::Bt709,
        Some("smpte170m" | "bt470bg") => Matrix::Bt601,
        Some("bt2020nc") => Matrix::Bt2020,
        Some(other) => {
            notes
                .push(format!("the matrix {other} is taken as {name} (--colorspace says another)"));
            assumed
        }
        None => {
            let range = match color.range.as_deref() {
                Some("pc") => "full range as tagged",
                Some(_) => "limited range as tagged",
                None => "limited range",
            };
            notes.push(format!(
                "the clip does not say its matrix: {name}, {range} (--colorspace, --color-range)"
            ));
            assumed
        }
    }
}

fn siting_of(color: &ColorTags, subsampling: Subsampling, notes: &mut Vec<String>) -> Siting {
    match color.siting.as_deref() {
        Some("center") => Siting::Center,
        Some("topleft") => Siting::TopLeft,
        Some("left") | None => Siting::Left,
        Some(_) if subsampling == S444 => Siting::Left,
        Some(other) => {
            notes.push(format!("the chroma position {other} is taken as left"));
            Siting::Left
        }
    }
}

/// ITU-T H.273's number of a word of ffmpeg's; 2 is "unspecified".
fn number(words: &[(&str, u8)], word: Option<&str>) -> u8 {
    let found = word.and_then(|word| words.iter().find(|(name, _)| *name == word));
    found.map_or(2, |(_, number)| *number)
}

const PRIMARIES: &[(&str, u8)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("film", 8),
    ("bt2020", 9),
    ("smpte428", 10),
    ("smpte431", 11),
    ("smpte432", 12),
    ("ebu3213", 22),
];

const TRANSFERS: &[(&str, u8)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("linear", 8),
    ("log100", 9),
    ("log316", 10),
    ("iec61966-2-4", 11),
    ("bt1361e", 12),
    ("iec61966-2-1", 13),
    ("bt2020-10", 14),
    ("bt2020-12", 15),
    ("smpte2084", 16),
    ("smpte428", 17),
    ("arib-std-b67", 18),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn video(pix_fmt: &str, height: u32, color: ColorTags) -> Video {
        Video {
            size: Size::new(35, height),
            pix_fmt: Some(pix_fmt.into()),
            aspect: None,
            color,
            field_order: None,
            average_rate: None,
            base_rate: None,
            display: None,
            side_data: vec![],
        }
    }

    fn ycbcr(pixels: &Pixels) -> Ycbcr {
        match pixels.layout().model() {
            Model::Ycbcr(y) => y,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_format_has_one_row_and_a_layout() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..i].iter().all(|r| r.source != row.source), "{} twice", row.source);
            let taken =
                Pixels::of(&video(row.source, 21, ColorTags::default()), &Wishes::default());
            assert!(taken.is_ok(), "{}", row.source);
            let pipe = ROWS.iter().find(|r| r.source == row.pipe).expect("pipes carry ours");
            assert_eq!((pipe.tag, pipe.kind), (row.tag, row.kind), "{}", row.source);
        }
    }

    #[test]
    fn untagged_colour_is_assumed_and_said() {
        let of = |height, color| Pixels::of(&video("yuv420p", height, color), &Wishes::default());
        let high = of(720, ColorTags::default()).unwrap();
        let low = of(719, ColorTags::default()).unwrap();
        assert_eq!(ycbcr(&high).matrix, Matrix::Bt709);
        assert_eq!((ycbcr(&low).matrix, ycbcr(&low).range), (Matrix::Bt601, Range::Limited));
        assert!(high.notes()[0].contains("BT.709") && low.notes()[0].contains("--colorspace"));
        let word = |w: &str| Some(w.to_owned());
        let tagged = of(
            100,
            ColorTags {
                range: word("pc"),
                matrix: word("bt2020nc"),
                primaries: word("bt2020"),
                transfer: word("smpte2084"),
                siting: word("topleft"),
            },
        );
        let tagged = tagged.unwrap();
        assert!(tagged.notes().is_empty());
        let expected = Ycbcr {
            subsampling: S420,
            matrix: Matrix::Bt2020,
            range: Range::Full,
            siting: Siting::TopLeft,
            primaries: 9,
            transfer: 16,
        };
        assert_eq!(ycbcr(&tagged), expected);
    }

    #[test]
    fn a_wish_outweighs_the_tags() {
        let wishes = Wishes {
            pix_fmt: Some("yuv444p".into()),
            matrix: Some(Matrix::Bt709),
            range: Some(Range::Full),
        };
        let pixels = Pixels::of(&video("yuv420p12le", 21, ColorTags::default()), &wishes).unwrap();
        let format = pixels.format();
        assert_eq!((format.pipe(), format.encoder()), ("yuv444p", Some("yuv444p")));
        assert_eq!((ycbcr(&pixels).matrix, ycbcr(&pixels).range), (Matrix::Bt709, Range::Full));
        assert!(pixels.notes().is_empty());
    }

    #[test]
    fn what_we_lack_names_the_flag() {
        for format in ["yuv420p12le", "yuva420p", "yuv444p16le", "gbrpf32le", "bayer_bggr8"] {
            let of = Pixels::of(&video(format, 21, ColorTags::default()), &Wishes::default());
            let error = of.unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage);
            let text = error.to_string();
            assert!(text.contains(format) && text.contains("--pix-fmt"), "{text}");
        }
    }
}
