//! What the samples of a frame mean: size, depth, colour model, chroma subsampling and range.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Width and height in luma pixels, both 1..=65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size; the layout's constructor checks it.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Pixels, as a count that cannot overflow.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Rows and columns exchanged.
    pub const fn transposed(self) -> Self {
        Self { width: self.height, height: self.width }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// How a component is coded: unsigned integers of 8, 10 or 16 bits, or 32-bit floats whose
/// nominal black and white are 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Depth {
    /// 0..=255 in a `u8`.
    U8,
    /// 0..=1023 in a `u16`.
    U10,
    /// 0..=65,535 in a `u16`.
    U16,
    /// Reals; nothing is clamped.
    F32,
}

impl Depth {
    /// The largest code: 2^n - 1, and 1 for floats.
    pub const fn max(self) -> f64 {
        match self {
            Self::U8 => 255.0,
            Self::U10 => 1023.0,
            Self::U16 => 65_535.0,
            Self::F32 => 1.0,
        }
    }

    /// Bits of a code: 8, 10, 16 or 32.
    pub const fn bits(self) -> u32 {
        match self {
            Self::U8 => 8,
            Self::U10 => 10,
            Self::U16 => 16,
            Self::F32 => 32,
        }
    }

    /// Bytes that a sample takes in memory.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U10 | Self::U16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Chroma subsampling as shifts, 0..=2 each: a chroma sample covers `1 << h` by `1 << v` pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subsampling {
    /// Horizontal shift.
    pub h: u8,
    /// Vertical shift.
    pub v: u8,
}

impl Subsampling {
    /// 4:4:4.
    pub const S444: Self = Self { h: 0, v: 0 };
    /// 4:2:2.
    pub const S422: Self = Self { h: 1, v: 0 };
    /// 4:4:0.
    pub const S440: Self = Self { h: 0, v: 1 };
    /// 4:2:0.
    pub const S420: Self = Self { h: 1, v: 1 };
    /// 4:1:1.
    pub const S411: Self = Self { h: 2, v: 0 };
    /// 4:1:0.
    pub const S410: Self = Self { h: 2, v: 2 };

    /// The chroma plane's size for a frame of `size`: rounded up, so that no pixel lacks chroma.
    pub const fn chroma(self, size: Size) -> Size {
        Size { width: size.width.div_ceil(1 << self.h), height: size.height.div_ceil(1 << self.v) }
    }
}

impl fmt::Display for Subsampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (self.h, self.v) {
            (0, 0) => "4:4:4",
            (1, 0) => "4:2:2",
            (0, 1) => "4:4:0",
            (1, 1) => "4:2:0",
            (2, 0) => "4:1:1",
            (0, 2) => "4:4:1/4",
            (1, 2) => "4:2:1/4",
            (2, 1) => "4:1:1/2",
            _ => "4:1:0",
        };
        f.write_str(name)
    }
}

/// The luma weights of a YCbCr model, by the standard that defines them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Matrix {
    /// ITU-R BT.601, also JPEG's.
    Bt601,
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

impl Matrix {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bt601 => "BT.601",
            Self::Bt709 => "BT.709",
            Self::Bt2020 => "BT.2020",
        }
    }

    /// What frames of this size are taken for where nobody says it: BT.709 from 720 lines up, else
    /// BT.601.
    pub const fn usual(size: Size) -> Self {
        if size.height >= 720 { Self::Bt709 } else { Self::Bt601 }
    }

    /// `(Kr, Kb)`; Kg is what is left to 1.
    pub const fn weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// Which codes are nominal black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Range {
    /// 0..2^n-1.
    Full,
    /// Luma 16..235, chroma 16..240, times 2^(n-8).
    Limited,
}

/// Where chroma samples lie: centred between the luma samples they cover, or on the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Siting {
    /// Centred on both axes: JPEG and MPEG-1.
    Center,
    /// Co-sited horizontally, centred vertically: MPEG-2, H.264.
    Left,
    /// Co-sited on both axes: BT.2020, DV.
    TopLeft,
}

impl Siting {
    /// True where the horizontal axis is co-sited.
    pub const fn cosited_x(self) -> bool {
        matches!(self, Self::Left | Self::TopLeft)
    }

    /// True where the vertical axis is co-sited.
    pub const fn cosited_y(self) -> bool {
        matches!(self, Self::TopLeft)
    }
}

/// Everything that a planar YCbCr layout says beside size and depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ycbcr {
    /// Chroma shifts.
    pub subsampling: Subsampling,
    /// Luma weights.
    pub matrix: Matrix,
    /// Nominal range.
    pub range: Range,
    /// Chroma position.
    pub siting: Siting,
    /// Colour primaries as ITU-T H.273 numbers them; 2 is unspecified. Carried, not used.
    pub primaries: u8,
    /// Transfer characteristics as ITU-T H.273 numbers them; 2 is unspecified. Carried, not used.
    pub transfer: u8,
}

impl Ycbcr {
    /// JPEG's: BT.601, full range, centred.
    pub const fn jpeg(subsampling: Subsampling) -> Self {
        Self {
            subsampling,
            matrix: Matrix::Bt601,
            range: Range::Full,
            siting: Siting::Center,
            primaries: 2,
            transfer: 2,
        }
    }

    /// Video's usual: the given matrix, limited range, left-sited, nothing else specified.
    pub const fn video(subsampling: Subsampling, matrix: Matrix) -> Self {
        Self { matrix, range: Range::Limited, siting: Siting::Left, ..Self::jpeg(subsampling) }
    }
}

/// The colour model and, with it, how components are spread over planes. Grey and RGB kinds
/// have one plane of interleaved components; YCbCr has three planes of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Model {
    /// One component.
    Gray,
    /// Grey and alpha, not premultiplied.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and alpha, not premultiplied.
    Rgba,
    /// Luma and chroma in planes of their own.
    Ycbcr(Ycbcr),
}

impl Model {
    /// Planes: 3 for YCbCr, else 1.
    pub const fn planes(self) -> usize {
        if matches!(self, Self::Ycbcr(_)) { 3 } else { 1 }
    }

    /// Components that lie side by side in a plane: 1 to 4.
    pub const fn components(self) -> usize {
        match self {
            Self::Gray | Self::Ycbcr(_) => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// True if the last component is alpha.
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    /// True if it can hold a colour that is not neutral.
    pub const fn has_color(self) -> bool {
        matches!(self, Self::Rgb | Self::Rgba | Self::Ycbcr(_))
    }
}

/// The size and make-up of one plane, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneShape {
    /// Columns of pixels.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Components side by side in each pixel.
    pub components: usize,
    /// Horizontal shift against luma, 0..=2.
    pub shift_x: u8,
    /// Vertical shift against luma, 0..=2.
    pub shift_y: u8,
}

impl PlaneShape {
    /// Samples in a row: width times components.
    pub const fn row(self) -> usize {
        self.width * self.components
    }
}

/// What a frame's buffers mean. Two frames with equal layouts differ in their samples only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    size: Size,
    model: Model,
    depth: Depth,
}

impl Layout {
    /// The longest side a frame may have.
    pub const MAX_SIDE: u32 = 65_535;

    /// A layout, if its sides are 1..=65,535, its shifts 0..=2, and depth and model go together:
    /// YCbCr has 8 or 10 bits, the others 8, 16 or float.
    pub fn new(size: Size, model: Model, depth: Depth) -> Result<Self> {
        let side = 1..=Self::MAX_SIDE;
        if !side.contains(&size.width) || !side.contains(&size.height) {
            return Err(Error::input(format!(
                "a frame of {size} pixels is outside 1x1 to {0}x{0}",
                Self::MAX_SIDE
            )));
        }
        if let Model::Ycbcr(y) = model
            && (y.subsampling.h > 2 || y.subsampling.v > 2)
        {
            return Err(Error::input(format!(
                "chroma shifts {} and {} are outside 0 to 2",
                y.subsampling.h, y.subsampling.v
            )));
        }
        let planar = matches!(model, Model::Ycbcr(_));
        let fits = match depth {
            Depth::U8 => true,
            Depth::U10 => planar,
            Depth::U16 | Depth::F32 => !planar,
        };
        if !fits {
            return Err(Error::input(format!("{model:?} is not kept at depth {depth:?}")));
        }
        Ok(Self { size, model, depth })
    }

    /// Width and height.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Colour model.
    pub const fn model(&self) -> Model {
        self.model
    }

    /// Sample coding.
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// The same with another size.
    pub fn with_size(&self, size: Size) -> Result<Self> {
        Self::new(size, self.model, self.depth)
    }

    /// The same with another model.
    pub fn with_model(&self, model: Model) -> Result<Self> {
        Self::new(self.size, model, self.depth)
    }

    /// The shape of plane `index`, 0..planes.
    pub fn plane(&self, index: usize) -> PlaneShape {
        let (size, shift) = match self.model {
            Model::Ycbcr(y) if index > 0 => (y.subsampling.chroma(self.size), y.subsampling),
            _ => (self.size, Subsampling::S444),
        };
        PlaneShape {
            width: size.width as usize,
            height: size.height as usize,
            components: self.model.components(),
            shift_x: shift.h,
            shift_y: shift.v,
        }
    }

    /// The shapes of all planes, first to last.
    pub fn planes(&self) -> impl Iterator<Item = PlaneShape> + '_ {
        (0..self.model.planes()).map(|i| self.plane(i))
    }

    /// Bytes of all samples, without padding.
    pub fn bytes(&self) -> u64 {
        let samples: u64 = self.planes().map(|p| p.row() as u64 * p.height as u64).sum();
        samples * self.depth.bytes() as u64
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = match self.depth {
            Depth::F32 => "float".to_owned(),
            d => format!("{} bit", d.bits()),
        };
        match self.model {
            Model::Gray => write!(f, "{} grey {depth}", self.size),
            Model::GrayAlpha => write!(f, "{} grey+alpha {depth}", self.size),
            Model::Rgb => write!(f, "{} RGB {depth}", self.size),
            Model::Rgba => write!(f, "{} RGBA {depth}", self.size),
            Model::Ycbcr(y) => {
                let range = if y.range == Range::Full { "full" } else { "limited" };
                write!(f, "{} YCbCr {} {range} {depth}", self.size, y.subsampling)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let y = Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420));
        let layout = Layout::new(Size::new(321, 421), y, Depth::U8).unwrap();
        let chroma = layout.plane(1);
        assert_eq!((chroma.width, chroma.height), (161, 211));
        assert_eq!(layout.bytes(), 321 * 421 + 2 * 161 * 211);
    }

    #[test]
    fn impossible_layouts_are_refused() {
        let y = Model::Ycbcr(Ycbcr::jpeg(Subsampling { h: 3, v: 0 }));
        for (size, model, depth) in [
            (Size::new(0, 1), Model::Gray, Depth::U8),
            (Size::new(1, 65_536), Model::Gray, Depth::U8),
            (Size::new(1, 1), Model::Rgb, Depth::U10),
            (Size::new(1, 1), y, Depth::U8),
        ] {
            assert!(Layout::new(size, model, depth).is_err(), "{size} {model:?} {depth:?}");
        }
    }
}
