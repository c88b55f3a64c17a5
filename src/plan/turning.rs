//! Whether a chain may run on frames as they are stored although a tag turns them for display.

use super::{Chain, Decoder, Input, Media, compile};
use crate::error::Result;
use crate::filter::{Area, AreaKind, Dihedral, Op};
use crate::frame::Layout;

impl Chain {
    /// True if turning a frame and then filtering it gives the same as filtering and then
    /// turning it, so that stored frames can stay as they are, and their tag with them.
    /// `layout` is the frame as stored.
    ///
    /// # Errors
    /// A filter that cannot work on this size.
    pub fn commutes_with(&self, turn: Dihedral, layout: Layout) -> Result<bool> {
        let (orientation, decoder) = (Dihedral::IDENTITY, Decoder::Whole);
        let input = Input { layout, orientation, icc: None, finish: None, decoder };
        let ops = compile(self, &input, Media::Video)?.ops;
        Ok(ops.iter().all(|op| match op {
            Op::Point(_) => true,
            Op::Area(area) => same_when_turned(area, turn),
            // A crop takes another corner, a size other sides.
            Op::Geometry(_) => false,
            Op::Time(time) => time.has_no_direction(),
        }))
    }
}

fn same_when_turned(area: &Area, turn: Dihedral) -> bool {
    // Windows are symmetric, so flips never matter to them.
    match &area.kind {
        AreaKind::Blur { x, y } | AreaKind::Unsharp { x, y, .. } => !turn.transpose || x == y,
        AreaKind::Rank { rx, ry, .. } => !turn.transpose || rx == ry,
        AreaKind::Gradient { .. } => true,
        AreaKind::Convolve { width, height, weights, .. } => {
            let (width, height) = (*width, *height);
            let turned = |x: usize, y: usize| {
                let x = if turn.flip_x { width - 1 - x } else { x };
                let y = if turn.flip_y { height - 1 - y } else { y };
                weights[y * width + x]
            };
            let place = |i: usize| match turn.transpose {
                true => (i / width, i % width),
                false => (i % width, i / width),
            };
            (!turn.transpose || width == height)
                && (0..weights.len()).all(|i| {
                    let (x, y) = place(i);
                    turned(x, y) == weights[i]
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Depth, Matrix, Model, Size, Subsampling, Ycbcr};

    #[test]
    fn chains_without_a_direction_commute() {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt709));
        let layout = Layout::new(Size::new(64, 48), model, Depth::U8).unwrap();
        let quarter = Dihedral::from_exif(6);
        let half = Dihedral::from_exif(3);
        let corner = "convolution=m='1 0 0 0 1 0 0 0 0'";
        // Columns: the chain, with a quarter turn, with a half turn.
        for (chain, by_quarter, by_half) in [
            ("", true, true),
            ("eq=contrast=1.2,gblur=2,sobel,median=radius=2", true, true),
            ("unsharp=5:3:1", false, true),
            ("convolution=m='0 -1 0 -1 8 -1 0 -1 0':div=4", true, true),
            (corner, false, false),
            ("convolution=m='1 0 0 0 1 0 0 0 1'", false, true),
            ("convolution=m='1 2 1 0 0 0 1 2 1'", false, true),
            ("hflip", false, false),
            ("resize=32:32", false, false),
            ("tmix=3,tblend=median,gblur=1", true, true),
            ("hqdn3d", false, false),
            ("hqdn3d=0:luma_tmp=3", true, true),
        ] {
            let chain = Chain::parse(chain).unwrap();
            let commutes = |turn| chain.commutes_with(turn, layout).unwrap();
            assert_eq!((commutes(quarter), commutes(half)), (by_quarter, by_half), "{chain}");
        }
    }
}
