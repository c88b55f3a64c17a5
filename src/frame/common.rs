//! The layout that holds what frames of two layouts hold.

use super::{Depth, Layout, Model, Subsampling, Ycbcr};

impl Layout {
    /// The least layout that both fit in without a loss of colour, transparency or depth. `None`
    /// where their sizes differ, or where no layout has all of that.
    pub fn common(&self, other: &Self) -> Option<Self> {
        if self.size() != other.size() {
            return None;
        }
        let depth = deeper(self.depth(), other.depth());
        Self::new(self.size(), wider(self.model(), other.model()), depth).ok()
    }
}

fn deeper(a: Depth, b: Depth) -> Depth {
    if a.bits() < b.bits() { b } else { a }
}

fn wider(a: Model, b: Model) -> Model {
    match (a, b) {
        (a, b) if a == b => a,
        (Model::Gray, other) | (other, Model::Gray) => other,
        (Model::Ycbcr(a), Model::Ycbcr(b)) => finer(a, b).map_or(Model::Rgb, Model::Ycbcr),
        (a, b) if a.has_alpha() || b.has_alpha() => Model::Rgba,
        _ => Model::Rgb,
    }
}

/// The grid of chroma that has a sample wherever one of both has one, if they differ in nothing else.
fn finer(a: Ycbcr, b: Ycbcr) -> Option<Ycbcr> {
    let (x, y) = (a.subsampling, b.subsampling);
    let subsampling = Subsampling { h: x.h.min(y.h), v: x.v.min(y.v) };
    let both = Ycbcr { subsampling, ..a };
    (both == Ycbcr { subsampling, ..b }).then_some(both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Matrix, Size};

    #[test]
    fn nothing_is_lost_in_what_two_layouts_have_in_common() {
        let of = |model, depth| Layout::new(Size::new(8, 6), model, depth).unwrap();
        let video = |subsampling| Model::Ycbcr(Ycbcr::video(subsampling, Matrix::Bt601));
        let (s420, s444) = (video(Subsampling::S420), video(Subsampling::S444));
        for (a, b, both) in [
            (Model::Gray, Model::Rgb, Model::Rgb),
            (Model::GrayAlpha, Model::Rgb, Model::Rgba),
            (Model::Rgba, Model::Gray, Model::Rgba),
            (Model::Gray, s420, s420),
            (s444, s420, s444),
            (s420, Model::Rgb, Model::Rgb),
            (video(Subsampling::S422), video(Subsampling::S440), s444),
            (s420, Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt709)), Model::Rgb),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                let common = of(a, Depth::U8).common(&of(b, Depth::U8));
                assert_eq!(common, Some(of(both, Depth::U8)), "{a:?}, {b:?}");
            }
        }
        let deep = of(Model::Gray, Depth::U16).common(&of(Model::Rgb, Depth::U8));
        assert_eq!(deep, Some(of(Model::Rgb, Depth::U16)));
        let other = Layout::new(Size::new(8, 7), Model::Gray, Depth::U8).unwrap();
        assert_eq!(of(Model::Gray, Depth::U8).common(&other), None);
    }
}
