//! Whether a chain may run on interlaced frames without bringing their two fields together.

use super::{Chain, Decoder, Input, Media, compile};
use crate::error::Result;
use crate::filter::{Area, AreaKind, Dihedral, Geometry, Op, Window};
use crate::frame::Layout;

impl Chain {
    /// True if a row of the result depends on rows of both fields, or comes into the other field:
    /// the fields of an interlaced frame were taken at two times.
    ///
    /// # Errors
    /// A filter that cannot work on this size.
    pub fn mixes_fields(&self, layout: Layout) -> Result<bool> {
        let (orientation, decoder) = (Dihedral::IDENTITY, Decoder::Whole);
        let input = Input { layout, orientation, icc: None, finish: None, decoder };
        let ops = compile(self, &input, Media::Video)?.ops;
        let mut height = layout.size().height;
        Ok(ops.iter().any(|op| match op {
            Op::Point(_) => false,
            // In one place the fields of all frames are the same; with a direction it looks around.
            Op::Time(time) => !time.has_no_direction(),
            Op::Area(area) => across_rows(area),
            Op::Geometry(geometry) => {
                let moves = moves_rows(geometry, height);
                height = height_after(geometry, height);
                moves
            }
        }))
    }
}

fn across_rows(area: &Area) -> bool {
    match &area.kind {
        AreaKind::Blur { y, .. } | AreaKind::Unsharp { y, .. } => *y != Window::Point,
        AreaKind::Convolve { height, .. } => *height > 1,
        AreaKind::Gradient { .. } => true,
        AreaKind::Rank { ry, .. } => *ry > 0,
    }
}

fn moves_rows(geometry: &Geometry, height: u32) -> bool {
    match geometry {
        Geometry::Resize { to, .. } => to.height != height,
        // By an even number of rows a field stays the field that it is.
        Geometry::Crop { y, .. } | Geometry::Pad { y, .. } => y % 2 == 1,
        Geometry::Turn(turn) => turn.transpose || turn.flip_y,
        Geometry::Rotate { .. } => true,
    }
}

fn height_after(geometry: &Geometry, height: u32) -> u32 {
    match geometry {
        Geometry::Resize { to, .. } => to.height,
        Geometry::Crop { size, .. }
        | Geometry::Pad { size, .. }
        | Geometry::Rotate { size, .. } => size.height,
        // One that changes the height has been found by then.
        Geometry::Turn(_) => height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Depth, Matrix, Model, Size, Subsampling, Ycbcr};

    #[test]
    fn chains_that_keep_rows_apart_keep_fields_apart() {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt601));
        let layout = Layout::new(Size::new(64, 48), model, Depth::U8).unwrap();
        for (chain, mixes) in [
            ("", false),
            ("eq=contrast=1.2,curves=preset=vintage,hflip", false),
            ("crop=32:32:1:2,pad=64:48:0:4", false),
            ("crop=32:32:0:1", true),
            ("pad=64:64:0:3", true),
            ("resize=32:48:fit=fill", false),
            ("resize=64:24:fit=fill", true),
            ("gblur=2", true),
            ("boxblur=2", true),
            ("median=radius=1", true),
            ("convolution=m='0 -1 0 -1 8 -1 0 -1 0':div=4", true),
            ("sobel", true),
            ("vflip", true),
            ("rotate=3", true),
        ] {
            let chain = Chain::parse(chain).unwrap();
            assert_eq!(chain.mixes_fields(layout).unwrap(), mixes, "{chain}");
        }
    }
}
