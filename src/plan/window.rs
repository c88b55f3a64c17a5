//! A step over a few frames around the current one.

use super::bands::{self, Bands};
use crate::error::{Error, Result};
use crate::filter::{Around, Blend};
use crate::frame::{BufferPool, Frame, Layout, PlaneShape};
use crate::kernel::{Codes, MeanOfFrames, PlaneMut, RankOfFrames, RowMut, View};

/// A step that makes each frame from a few around it. Frames can be made side by side.
pub struct Window {
    layout: Layout,
    around: Around,
    engine: Engine,
}

enum Engine {
    Mean(MeanOfFrames),
    Rank(RankOfFrames),
}

impl Window {
    pub(super) fn new(around: &Around, layout: Layout) -> Self {
        let model = layout.model();
        let engine = match &around.blend {
            Blend::Mean { weights, divisor } => {
                let alpha = model.has_alpha().then(|| model.components());
                Engine::Mean(MeanOfFrames::new(weights, *divisor, layout.depth(), alpha))
            }
            Blend::Rank { fraction } => Engine::Rank(RankOfFrames::new(around.count(), *fraction)),
        };
        Self { layout, around: around.clone(), engine }
    }

    /// Frames before the current one that it looks at.
    pub fn before(&self) -> usize {
        self.around.before
    }

    /// Frames after it.
    pub fn after(&self) -> usize {
        self.around.after
    }

    /// The layout of the frames that come and go.
    pub fn output(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn around(&self) -> &Around {
        &self.around
    }

    /// The frame that comes of `frames`: `before` of them, the current one, and `after`, in
    /// order. Where the clip has no such frame, its first or last one stands in its place. The
    /// bytes are the same for any `bands`. Errors: another number of frames, or one that is not
    /// of the layout that was planned for.
    pub fn apply(&self, frames: &[&Frame], bands: Bands<'_>, pool: &BufferPool) -> Result<Frame> {
        let want = self.around.count();
        if frames.len() != want {
            let message = format!("{} frames came to a step over {want}", frames.len());
            return Err(Error::internal(message));
        }
        if let Some(other) = frames.iter().find(|frame| *frame.layout() != self.layout) {
            let (got, want) = (other.layout(), &self.layout);
            return Err(Error::internal(format!("a frame of {got} came to a step over {want}")));
        }
        let views: Vec<Vec<View<'_>>> = frames.iter().map(|frame| View::all(frame)).collect();
        let shapes: Vec<PlaneShape> = self.layout.planes().collect();
        let mut output = Frame::from_pool(self.layout, pool);
        let count = bands::count(shapes[0].height, 0, bands.threads());
        let tasks = bands::split(&shapes, PlaneMut::all(&mut output), count);
        bands.map(tasks, |band| {
            let mut rows = Vec::with_capacity(views.len());
            for (plane, (first, mut band)) in band.into_iter().enumerate() {
                for y in 0..band.shape().height {
                    rows.clear();
                    rows.extend(views.iter().map(|frame| frame[plane].row(first + y)));
                    self.engine.row(&rows, band.row(y));
                }
            }
        });
        Ok(output)
    }

    /// The most bytes that are held while a frame is made: this frame as it came, the result,
    /// and what a row takes on each of `threads` threads. The other frames of the window are
    /// counted by whoever keeps them.
    pub fn peak_bytes(&self, threads: usize) -> u64 {
        let row = self.layout.plane(0).row() as u64;
        let room = match &self.engine {
            Engine::Mean(_) if self.layout.model().has_alpha() => 2 * 4 * row,
            Engine::Mean(_) => 0,
            Engine::Rank(rank) => rank.room(),
        };
        2 * self.layout.bytes() + threads as u64 * room
    }
}

impl Engine {
    fn row(&self, rows: &[Codes<'_>], out: RowMut<'_>) {
        match self {
            Self::Mean(mean) => mean.row(rows, out),
            Self::Rank(rank) => rank.row(rows, out),
        }
    }
}
