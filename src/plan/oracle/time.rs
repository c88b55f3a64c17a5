//! The reference of operations over the frames of a clip: a sequence of frames in, one out.

use super::reals::{Reals, premultiply, unpremultiply};
use super::{load, reference};
use crate::filter::{Around, Blend, Curve, Follow};
use crate::frame::{Depth, Frame, Layout};
use crate::plan::{Carried, Step, Window};

/// What a step makes of all frames of a clip, before the last rounding: for each frame its
/// planes.
pub fn sequence(step: &Step, frames: &[Frame]) -> Vec<Vec<Reals>> {
    match step {
        Step::Frame(plan) => frames.iter().map(|f| reference(plan, f, &mut || 0.0)).collect(),
        Step::Window(window) => through_window(window, frames),
        Step::Carried(carried) => carry(carried, frames),
    }
}

fn loaded(frames: &[Frame]) -> Vec<Vec<Reals>> {
    let planes = |frame: &Frame| (0..frame.planes().len()).map(|i| load(frame, i)).collect();
    frames.iter().map(planes).collect()
}

fn clamped(layout: &Layout, mut plane: Reals) -> Reals {
    if layout.depth() != Depth::F32 {
        plane.data.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    }
    plane
}

fn through_window(window: &Window, frames: &[Frame]) -> Vec<Vec<Reals>> {
    let Around { before, after, blend } = window.around();
    let layout = window.output();
    let frames = loaded(frames);
    let last = frames.len() - 1;
    let made = |index: usize| {
        let around = |plane: usize| -> Vec<Reals> {
            let places = 0..before + 1 + after;
            let at = places.map(|k| (index + k).saturating_sub(*before).min(last));
            at.map(|frame| frames[frame][plane].clone()).collect()
        };
        let planes = 0..frames[index].len();
        planes.map(|p| clamped(layout, blended(around(p), blend, layout))).collect()
    };
    (0..frames.len()).map(made).collect()
}

fn blended(frames: Vec<Reals>, blend: &Blend, layout: &Layout) -> Reals {
    let shape = frames[0].shape;
    match blend {
        Blend::Mean { weights, divisor } => {
            let alpha = layout.model().has_alpha();
            let frames: Vec<Reals> =
                if alpha { frames.iter().map(premultiply).collect() } else { frames };
            let mean = Reals::new(shape, |x, y, c| {
                let values = frames.iter().map(|frame| frame.at(x as i64, y as i64, c));
                values.zip(weights.iter()).map(|(v, w)| v * w).sum::<f64>() / divisor
            });
            if alpha { unpremultiply(&mean) } else { mean }
        }
        Blend::Rank { fraction } => Reals::new(shape, |x, y, c| {
            let values = frames.iter().map(|frame| frame.at(x as i64, y as i64, c));
            let mut values: Vec<f64> = values.collect();
            values.sort_by(f64::total_cmp);
            values[(fraction * (values.len() - 1) as f64 + 0.5).floor() as usize]
        }),
    }
}

fn carry(carried: &Carried, frames: &[Frame]) -> Vec<Vec<Reals>> {
    let Follow { luma, chroma } = carried.follow();
    let alpha = carried.output().model().has_alpha();
    let mut last: Option<Vec<Reals>> = None;
    let mut out = Vec::new();
    for planes in loaded(frames) {
        let before = last.take().unwrap_or_else(|| planes.clone());
        let mut made = Vec::new();
        for (index, plane) in planes.iter().enumerate() {
            let pulls = if index == 0 { luma } else { chroma };
            let mut smooth = plane.clone();
            let shape = plane.shape;
            let colors = shape.components - usize::from(alpha);
            let (row, pixel) = (shape.row(), shape.components);
            for c in 0..colors {
                for y in 0..shape.height {
                    for x in 1..shape.width {
                        let at = y * row + x * pixel + c;
                        smooth.data[at] =
                            pulled(&pulls.space, smooth.data[at - pixel], smooth.data[at]);
                    }
                }
                for y in 1..shape.height {
                    for x in 0..shape.width {
                        let at = y * row + x * pixel + c;
                        smooth.data[at] =
                            pulled(&pulls.space, smooth.data[at - row], smooth.data[at]);
                    }
                }
                for at in (c..row * shape.height).step_by(pixel) {
                    smooth.data[at] = pulled(&pulls.time, before[index].data[at], smooth.data[at]);
                }
            }
            made.push(smooth);
        }
        out.push(made.iter().map(|plane| clamped(carried.output(), plane.clone())).collect());
        last = Some(made);
    }
    out
}

fn pulled(pull: &Option<Curve>, last: f64, current: f64) -> f64 {
    current + pull.as_ref().map_or(0.0, |pull| pull.eval(last - current))
}
