//! A plan in words: what `--dry-run` and `--explain` print.

use super::passes::{Kind, Pass, Path, Rep, Run};
use super::run::Fused;
use super::{Carried, Plan, Score, Step, Window};
use crate::filter::{Area, AreaKind, Around, Blend, Channels, Follow, Geometry};
use crate::frame::Layout;

impl Plan {
    /// One line for each step of the way, decoder and encoder included.
    pub fn explain(&self) -> Vec<String> {
        let mut lines = vec![self.decoding()];
        lines.extend(self.passes.iter().map(line));
        lines.push(stored(&self.output));
        lines
    }

    fn decoding(&self) -> String {
        let mut text = format!("load      {}", self.header);
        if self.hint.shrink > 1 {
            text += &format!(", decoded at 1/{} as {}", self.hint.shrink, self.input.size());
        }
        if self.hint.luma_only {
            text += ", luma only (nothing needs chroma)";
        }
        text
    }
}

impl Score {
    /// One line for each step of the way, decoder and encoder included.
    pub fn explain(&self) -> Vec<String> {
        let mut lines = vec![match self.steps().first() {
            Some(Step::Frame(plan)) => plan.decoding(),
            _ => format!("load      {}", self.input()),
        }];
        for (index, step) in self.steps().iter().enumerate() {
            lines.extend(step.explain());
            let next = self.steps().get(index + 1);
            if let (Step::Frame(plan), Some(_)) = (step, next) {
                lines.push(format!(
                    "round     to {}: filters over time take whole frames",
                    plan.output
                ));
            }
        }
        lines.push(stored(self.output()));
        lines
    }
}

impl Step {
    /// A line for each pass.
    pub fn explain(&self) -> Vec<String> {
        match self {
            Self::Frame(plan) => plan.passes.iter().map(line).collect(),
            Self::Window(window) => vec![window_line(window)],
            Self::Carried(carried) => vec![carried_line(carried)],
        }
    }
}

fn stored(output: &Layout) -> String {
    format!("store     {output}")
}

fn window_line(window: &Window) -> String {
    let Around { before, after, blend } = window.around();
    let what = match blend {
        Blend::Mean { .. } => "mean",
        Blend::Rank { fraction } if *fraction == 0.0 => "smallest",
        Blend::Rank { fraction } if *fraction == 1.0 => "largest",
        Blend::Rank { .. } => "rank",
    };
    let frames = before + 1 + after;
    format!("time      {what} of {frames} frames: {before} before, this one, {after} after")
}

fn carried_line(carried: &Carried) -> String {
    let Follow { luma, chroma } = carried.follow();
    let space = luma.space.is_some() || chroma.space.is_some();
    let time = luma.time.is_some() || chroma.time.is_some();
    let how = match (space, time) {
        (true, true) => "along rows, down columns and from frame to frame",
        (true, false) => "along rows and down columns",
        (false, _) => "from frame to frame",
    };
    format!("time      smoothed {how}, frames in order")
}

fn line(pass: &Pass) -> String {
    match pass {
        Pass::Run(run) => run_line(run),
        Pass::Area { area, rep } => {
            format!("area      {} on {}", area_text(area), place(area, rep))
        }
        Pass::Geometry { geometry, from, to } => {
            format!("geometry  {} on {}", geometry_text(geometry, from, to), kind(from))
        }
    }
}

fn run_line(run: &Run) -> String {
    let count = match run.points.len() {
        0 => "conversion".to_owned(),
        1 => "1 filter".to_owned(),
        n => format!("{n} filters"),
    };
    let how = match &run.path {
        Path::Planes(_) if run.to.kind == Kind::Gray => {
            "on the luma plane: luma depends on luma alone, and the result is neutral".to_owned()
        }
        Path::Planes(p) => {
            let mixes = p.chroma[0][1] != 0.0 || p.chroma[1][0] != 0.0;
            let chroma = if mixes { "a 2x2 matrix" } else { "a factor each" };
            format!("on the planes: luma by one table, chroma by {chroma}")
        }
        Path::Gray(_) => "on grey: one table".to_owned(),
        Path::Pixels(steps) => {
            let steps: Vec<&str> = steps.iter().map(step).collect();
            let steps = if steps.is_empty() { "as it is".to_owned() } else { steps.join(" > ") };
            let lifted = matches!(run.from.kind, Kind::Planes(_));
            let why = if lifted && !run.points.is_empty() {
                "; luma and chroma cannot be kept apart, so chroma is lifted"
            } else {
                ""
            };
            format!("{} to {}: {steps}{why}", kind(&run.from), kind(&run.to))
        }
    };
    format!("run       {count} {how}")
}

fn step(step: &Fused) -> &'static str {
    match step {
        Fused::Curves(_) => "table",
        Fused::Matrix(_) => "matrix",
        Fused::Pixel(_) => "pixel function",
    }
}

fn kind(rep: &Rep) -> String {
    match rep.kind {
        Kind::Gray => "grey".to_owned(),
        Kind::Rgb => "RGB".to_owned(),
        Kind::RgbPlanes => "RGB in planes".to_owned(),
        Kind::Full(_) => "YCbCr at full size".to_owned(),
        Kind::Planes(y) => format!("{} planes", y.subsampling),
    }
}

fn place(area: &Area, rep: &Rep) -> String {
    match area.channels {
        Channels::Luma => "luma".to_owned(),
        Channels::Each | Channels::Rgb => kind(rep),
    }
}

fn area_text(area: &Area) -> &'static str {
    match area.kind {
        AreaKind::Blur { .. } => "blur",
        AreaKind::Unsharp { .. } => "unsharp",
        AreaKind::Convolve { .. } => "convolution",
        AreaKind::Gradient { .. } => "gradient",
        AreaKind::Rank { .. } => "rank",
    }
}

fn geometry_text(geometry: &Geometry, from: &Rep, to: &Rep) -> String {
    let name = match geometry {
        Geometry::Resize { .. } => "resize",
        Geometry::Crop { .. } => "crop",
        Geometry::Pad { .. } => "pad",
        Geometry::Turn(_) => "turn",
        Geometry::Rotate { .. } => "rotate",
    };
    format!("{name} {} to {}", from.size, to.size)
}
