//! Scores: a chain for the frames of a clip, cut at its filters over time.
//!
//! A filter over time takes whole frames: what stands before it is clamped and rounded to the
//! clip's layout once, and what follows begins from those codes. A frame waits for its
//! neighbours meanwhile, and at 16 bits it would take twice the memory of an 8-bit clip's.

use super::carried::Carried;
use super::window::Window;
use super::{Chain, Compiled, Decoder, Hint, Input, Media, Plan, Shrink, compile};
use crate::error::Result;
use crate::filter::{Op, ProfileChange, Time};
use crate::frame::Layout;

/// How a chain is put on the frames of one clip: steps, each of which takes whole frames. Made
/// once, used for each frame. A chain without filters over time is one step.
pub struct Score {
    input: Layout,
    output: Layout,
    profile: ProfileChange,
    steps: Vec<Step>,
}

/// One step.
pub enum Step {
    /// Each frame by itself.
    Frame(Box<Plan>),
    /// Each frame from a few around it.
    Window(Window),
    /// Frames in order, with something carried from one to the next.
    Carried(Carried),
}

impl Score {
    /// Plans `chain` for frames like `source`; arguments are those of [`Plan::new`]. Errors: a
    /// filter that cannot work on this size, a result that is no frame, or a filter over time
    /// for a still.
    pub fn new(
        chain: &Chain,
        source: &Input<'_>,
        fit: &dyn Fn(Layout) -> Layout,
        media: Media,
        shrink: Shrink,
    ) -> Result<Self> {
        let Compiled { ops, profile } = compile(chain, source, media)?;
        let (parts, times) = cut(ops);
        let mut input = *source;
        let mut steps = Vec::new();
        let mut times = times.into_iter();
        for ops in parts {
            let time = times.next();
            let fit = if time.is_some() { &|layout| layout } else { fit };
            let compiled = Compiled { ops, profile };
            let plan = Plan::of(compiled, &input, fit, media, shrink)?;
            // Only the first part reads what a decoder gives.
            input = Input { layout: *plan.output(), decoder: Decoder::Whole, ..input };
            if !plan.changes_nothing() || (steps.is_empty() && time.is_none()) {
                steps.push(Step::Frame(Box::new(plan)));
            }
            match time {
                Some(Time::Around(around)) => {
                    steps.push(Step::Window(Window::new(&around, input.layout)));
                }
                Some(Time::Follow(follow)) => {
                    steps.push(Step::Carried(Carried::new(&follow, input.layout)));
                }
                None => {}
            }
        }
        Ok(Self { input: source.layout, output: input.layout, profile, steps })
    }

    /// The steps, first to last; at least one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What the decoder is to give.
    pub fn hint(&self) -> Hint {
        match self.steps.first() {
            Some(Step::Frame(plan)) => plan.hint(),
            _ => Hint::WHOLE,
        }
    }

    /// The layout of the frames that the first step takes.
    pub fn input(&self) -> &Layout {
        match self.steps.first() {
            Some(Step::Frame(plan)) => plan.input(),
            _ => &self.input,
        }
    }

    /// The layout of the frames that the last step gives.
    pub fn output(&self) -> &Layout {
        &self.output
    }

    /// What becomes of the embedded colour profile.
    pub fn profile(&self) -> ProfileChange {
        self.profile
    }

    /// Whether rows of the output run along columns of the stored picture, as
    /// [`Plan::swaps_axes`] has it.
    pub fn swaps_axes(&self) -> bool {
        let swaps = |step: &&Step| matches!(step, Step::Frame(plan) if plan.swaps_axes());
        self.steps.iter().filter(swaps).count() % 2 == 1
    }

    /// The shape of an output pixel where the input's is `before`, as [`Plan::pixel_aspect`]
    /// has it.
    pub fn pixel_aspect(&self, before: (u32, u32)) -> (u32, u32) {
        self.steps.iter().fold(before, |shape, step| match step {
            Step::Frame(plan) => plan.pixel_aspect(shape),
            Step::Window(_) | Step::Carried(_) => shape,
        })
    }

    /// The most bytes that one frame takes on its way: in one step its input, intermediates
    /// and output, on `threads` threads (1 for [`Bands::One`](super::Bands::One)), and as many frames as windows
    /// behind it may still look at. Frames that wait for others are counted by their own peaks.
    pub fn peak_bytes(&self, threads: usize) -> u64 {
        let mut waiting = 0;
        let mut peak = 0;
        for step in &self.steps {
            peak = peak.max(waiting + step.peak_bytes(threads));
            if let Step::Window(window) = step {
                waiting += window.output().bytes();
            }
        }
        peak
    }

    /// Bytes of the states of all steps, once for the clip.
    pub fn state_bytes(&self) -> u64 {
        self.steps.iter().map(Step::state_bytes).sum()
    }
}

impl Step {
    /// The layout of the frames that it gives.
    pub fn output(&self) -> &Layout {
        match self {
            Self::Frame(plan) => plan.output(),
            Self::Window(window) => window.output(),
            Self::Carried(carried) => carried.output(),
        }
    }

    /// The most bytes that it holds for one frame, state apart; `threads` is 1 for
    /// [`Bands::One`](super::Bands::One).
    pub fn peak_bytes(&self, threads: usize) -> u64 {
        match self {
            Self::Frame(plan) => plan.peak_bytes(threads),
            Self::Window(window) => window.peak_bytes(threads),
            Self::Carried(carried) => carried.peak_bytes(threads),
        }
    }

    /// Bytes that it carries from frame to frame.
    pub fn state_bytes(&self) -> u64 {
        if let Self::Carried(carried) = self { carried.state_bytes() } else { 0 }
    }
}

/// The operations before, between and after those over time, one list more than there are of
/// these.
fn cut(ops: Vec<Op>) -> (Vec<Vec<Op>>, Vec<Time>) {
    let (mut parts, mut times, mut part) = (Vec::new(), Vec::new(), Vec::new());
    for op in ops {
        if let Op::Time(time) = op {
            parts.push(std::mem::take(&mut part));
            times.push(time);
        } else {
            part.push(op);
        }
    }
    parts.push(part);
    (parts, times)
}
