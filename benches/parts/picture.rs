//! The made-up picture that all benches use: gradients with texture, so that neither the
//! codecs nor the tables see a constant.

use lumaloom::frame::{Depth, Frame, Layout, Model, Size, Subsampling, Ycbcr};

/// 1920x1080.
pub const SIZE: Size = Size::new(1920, 1080);

/// Layouts as real files have them.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// 8-bit grey.
    Gray8,
    /// A usual JPEG's planes.
    Jpeg420,
    /// 8-bit RGB.
    Rgb8,
    /// 16-bit RGB.
    Rgb16,
}

impl Kind {
    /// The layout at [`SIZE`].
    pub fn layout(self) -> Layout {
        let (model, depth) = match self {
            Self::Gray8 => (Model::Gray, Depth::U8),
            Self::Jpeg420 => (Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420)), Depth::U8),
            Self::Rgb8 => (Model::Rgb, Depth::U8),
            Self::Rgb16 => (Model::Rgb, Depth::U16),
        };
        Layout::new(SIZE, model, depth).expect("a layout that exists")
    }

    /// A frame of it.
    pub fn frame(self) -> Frame {
        let mut frame = Frame::zeroed(self.layout());
        for plane in frame.planes_mut() {
            let stride = plane.stride();
            if let Some(data) = plane.data_mut::<u8>() {
                fill(data, stride, |v| v as u8);
            } else if let Some(data) = plane.data_mut::<u16>() {
                fill(data, stride, |v| v as u16 * 257);
            }
        }
        frame
    }
}

/// A slope in both directions and a little noise, 0 to 255.
fn fill<T>(data: &mut [T], stride: usize, sample: impl Fn(u32) -> T) {
    for (i, value) in data.iter_mut().enumerate() {
        let (x, y) = ((i % stride) as u32, (i / stride) as u32);
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 28;
        *value = sample((x / 12 + y / 9 + noise) % 256);
    }
}
