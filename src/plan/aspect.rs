//! What a plan does to the shape of a pixel.

use super::Plan;
use super::passes::Pass;
use crate::filter::Geometry;

impl Plan {
    /// The shape of an output pixel, width to height, where the input's is `before`: a resize
    /// that keeps the picture's shape on the screen changes that of its pixels, as ffmpeg's
    /// `scale` does; a quarter turn lays them on their side.
    pub fn pixel_aspect(&self, before: (u32, u32)) -> (u32, u32) {
        let mut shape = (u128::from(before.0), u128::from(before.1));
        for pass in &self.passes {
            let Pass::Geometry { geometry, from, to } = pass else { continue };
            match geometry {
                Geometry::Resize { .. } => {
                    let [fw, fh, tw, th] =
                        [from.size.width, from.size.height, to.size.width, to.size.height]
                            .map(u128::from);
                    shape = (shape.0 * fw * th, shape.1 * fh * tw);
                }
                Geometry::Turn(turn) if turn.transpose => shape = (shape.1, shape.0),
                _ => {}
            }
            shape = reduced(shape);
        }
        (shape.0 as u32, shape.1 as u32)
    }
}

/// The fraction in lowest terms, halved until both parts fit 31 bits, which is what containers
/// hold.
fn reduced((mut a, mut b): (u128, u128)) -> (u128, u128) {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    (a, b) = (a / x.max(1), b / x.max(1));
    while a.max(b) > 0x7fff_ffff {
        (a, b) = (a.div_ceil(2), b.div_ceil(2));
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::super::{Chain, Decoder, Input, Media, Shrink};
    use super::*;
    use crate::filter::Dihedral;
    use crate::frame::{Depth, Layout, Matrix, Model, Size, Subsampling, Ycbcr};

    fn aspect(chain: &str, before: (u32, u32)) -> (u32, u32) {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt601));
        let layout = Layout::new(Size::new(720, 576), model, Depth::U8).unwrap();
        let (orientation, decoder) = (Dihedral::IDENTITY, Decoder::Whole);
        let input = Input { layout, orientation, icc: None, finish: None, decoder };
        let chain = Chain::parse(chain).unwrap();
        let plan = Plan::new(&chain, &input, &|l| l, Media::Video, Shrink::Off).unwrap();
        plan.pixel_aspect(before)
    }

    #[test]
    fn the_picture_keeps_its_shape() {
        // PAL at 16:9 made square: 1024x576.
        assert_eq!(aspect("resize=1024:576", (64, 45)), (1, 1));
        assert_eq!(aspect("resize=360:288,eq=contrast=1.1", (16, 15)), (16, 15));
        assert_eq!(aspect("resize=720:288", (1, 1)), (1, 2));
        assert_eq!(aspect("crop=100:100", (64, 45)), (64, 45));
        assert_eq!(aspect("rotate=90", (64, 45)), (45, 64));
        assert_eq!(aspect("gray", (64, 45)), (64, 45));
    }

    #[test]
    fn fractions_stay_within_what_containers_hold() {
        let (a, b) = reduced((u128::from(u32::MAX) * 7, u128::from(u32::MAX) * 7 + 2));
        assert!(a <= 0x7fff_ffff && b <= 0x7fff_ffff && a > 0);
        assert_eq!(reduced((0, 0)), (0, 0));
    }
}
