//! Running a plan on a frame: segment after segment, each in bands of rows.

use super::Plan;
use super::bands::{self, Band, Bands};
use super::lower::{Head, Segment};
use crate::error::{Error, Result};
use crate::frame::{BufferPool, Frame, Siting};
use crate::kernel::{BoxRows, Load, PlaneMut, RotateRows, Slab, TurnRows, View, fill, fill_over};

impl Plan {
    /// The chain's result for one frame. The bytes are the same for any `bands`. Errors: the
    /// frame is not of the layout that was planned for.
    pub fn apply(&self, frame: Frame, bands: Bands<'_>, pool: &BufferPool) -> Result<Frame> {
        if *frame.layout() != self.input {
            let (got, want) = (frame.layout(), &self.input);
            return Err(Error::internal(format!("a frame of {got} came to a plan for {want}")));
        }
        if self.changes_nothing() {
            return Ok(frame);
        }
        if let Some(direct) = &self.program.direct {
            return direct.apply(frame, self.output, bands, pool);
        }
        // Once: others may come into the pool or leave it meanwhile.
        let threads = bands.threads();
        let mut between: Option<Slab> = None;
        let (last, first) = self.program.segments.split_last().expect("there is always one");
        if self.program.in_place && last.bands(threads) == 1 {
            let mut frame = frame;
            fill_over(PlaneMut::all(&mut frame), |load| last.chain(load));
            return Ok(frame);
        }
        let mut input = Some(frame);
        for segment in first {
            let mut slab = Slab::new(&segment.shapes, self.program.wide);
            let views = views(input.as_ref(), between.as_ref());
            run(segment, slab.planes_mut(), (bands, threads), &|band| {
                compute(segment, &views, band)
            });
            between = Some(slab);
            if let Some(frame) = input.take() {
                frame.recycle(pool);
            }
        }
        let mut output = Frame::from_pool(self.output, pool);
        let views = views(input.as_ref(), between.as_ref());
        run(last, PlaneMut::all(&mut output), (bands, threads), &|band| {
            compute(last, &views, band)
        });
        if let Some(frame) = input.take() {
            frame.recycle(pool);
        }
        Ok(output)
    }
}

fn views<'a>(frame: Option<&'a Frame>, slab: Option<&'a Slab>) -> Vec<View<'a>> {
    match (frame, slab) {
        (Some(frame), _) => View::all(frame),
        (None, Some(slab)) => slab.views(),
        (None, None) => Vec::new(),
    }
}

fn run(
    segment: &Segment,
    out: Vec<PlaneMut<'_>>,
    (bands, threads): (Bands<'_>, usize),
    compute: &(dyn Fn(Band<'_>) + Sync),
) {
    let tasks = bands::split(&segment.shapes, out, segment.bands(threads));
    bands.map(tasks, compute);
}

/// Computes one band with a chain of row producers of its own.
fn compute(segment: &Segment, views: &[View<'_>], mut band: Band<'_>) {
    let head: BoxRows<'_> = match &segment.head {
        Head::Rows => Box::new(Load::new(views.to_vec())),
        Head::Turn(turn) => Box::new(TurnRows::new(views.to_vec(), *turn)),
        Head::Rotate { degrees, fill, kernel } => {
            let (views, shapes) = (views.to_vec(), &segment.head_shapes);
            // Chroma that is not subsampled lies on luma, whatever the siting.
            Box::new(RotateRows::new(views, *degrees, shapes, Siting::Center, fill, *kernel))
        }
    };
    fill(&mut *segment.chain(head), &mut band);
}
