//! A step that carries something from frame to frame, so that frames are made in order.

use std::sync::Arc;

use super::bands::{Bands, PER_THREAD};
use crate::error::{Error, Result};
use crate::filter::{Curve, Follow, Pulls};
use crate::frame::{Frame, Layout, PlaneShape};
use crate::kernel::{Follower, PlaneMut, Pull, View};

/// A step that makes each frame from itself and from what the frames before it have left.
/// Inside one frame rows are independent along themselves, columns down themselves, and samples
/// against the last frame, so a frame is spread over the pool although frames follow each other.
///
/// Its reals lie within 2^-13 of the reference's, 2^-16 for frames of 16 bits: each step adds
/// 2^-20 at most, and passes on what was before it weakened as long as a pull does not rise
/// faster than its argument (strengths of `hqdn3d` up to 191).
pub struct Carried {
    layout: Layout,
    follow: Follow,
    planes: Vec<Follower>,
}

/// What a [`Carried`] step takes from one frame to the next: its last result, as reals, 4 bytes
/// for each sample, since what is rounded to the frame's codes would stop moving too soon.
#[derive(Debug)]
pub struct State {
    /// For each plane rows without padding and without alpha; `None` before the first frame.
    last: Option<Vec<Vec<f32>>>,
    /// Rows on their way; kept so that each frame need not ask for memory.
    block: Vec<f32>,
    /// The last row of the block before.
    above: Vec<f32>,
}

impl Carried {
    pub(super) fn new(follow: &Follow, layout: Layout) -> Self {
        let table = |curve: &Option<Curve>| {
            curve.as_ref().map(|curve| Arc::new(Pull::new(|d| curve.eval(d))))
        };
        let tables = |pulls: &Pulls| Follower::new(table(&pulls.space), table(&pulls.time));
        let mut planes = vec![tables(&follow.luma)];
        if layout.model().planes() == 3 {
            let chroma = tables(&follow.chroma);
            planes.extend([chroma.clone(), chroma]);
        }
        Self { layout, follow: follow.clone(), planes }
    }

    /// The layout of the frames that come and go.
    pub fn output(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn follow(&self) -> &Follow {
        &self.follow
    }

    /// The state before the first frame.
    pub fn state(&self) -> State {
        State { last: None, block: Vec::new(), above: Vec::new() }
    }

    /// The next frame, made in place. `state` is that which the frame before has left. The
    /// bytes are the same for any `bands`. Errors: the frame is not of the layout that was
    /// planned for, or the state is another step's.
    pub fn apply(&self, state: &mut State, mut frame: Frame, bands: Bands<'_>) -> Result<Frame> {
        if *frame.layout() != self.layout {
            let (got, want) = (frame.layout(), &self.layout);
            return Err(Error::internal(format!("a frame of {got} came to a step over {want}")));
        }
        let first = state.last.is_none();
        let sizes: Vec<usize> = self.rows().map(|rows| rows.len * rows.height).collect();
        let last = state
            .last
            .get_or_insert_with(|| sizes.iter().map(|samples| vec![0.0; *samples]).collect());
        if !last.iter().map(Vec::len).eq(sizes) {
            return Err(Error::internal("the state of another step came with a frame"));
        }
        let rooms = Rooms { block: &mut state.block, above: &mut state.above };
        let mut passes = Passes { frame: &mut frame, bands, first, rooms };
        for ((plane, rows), last) in self.rows().enumerate().zip(last) {
            passes.plane(plane, rows, &self.planes[plane], last);
        }
        Ok(frame)
    }

    /// The most bytes that are held while a frame is made, beside the state: the frame, and the
    /// rows on their way on `threads` threads.
    pub fn peak_bytes(&self, threads: usize) -> u64 {
        let rows = |rows: Rows| (rows.in_block(threads).min(rows.height) + 1) * rows.stride();
        self.layout.bytes() + 4 * self.rows().map(rows).max().unwrap_or(0) as u64
    }

    /// Bytes of a state after the first frame.
    pub fn state_bytes(&self) -> u64 {
        4 * self.rows().map(|rows| rows.len * rows.height).sum::<usize>() as u64
    }

    fn rows(&self) -> impl Iterator<Item = Rows> + '_ {
        let alpha = usize::from(self.layout.model().has_alpha());
        self.layout.planes().map(move |shape: PlaneShape| {
            let components = shape.components;
            let colors = components - alpha;
            Rows { len: shape.width * colors, height: shape.height, colors, components }
        })
    }
}

/// The rows of a plane without alpha.
#[derive(Clone, Copy)]
struct Rows {
    /// Values in a row.
    len: usize,
    height: usize,
    colors: usize,
    /// Of the frame, alpha among them.
    components: usize,
}

impl Rows {
    /// Values from one row of a block to the next: rows a power of two apart would all fall
    /// into the same few places of a cache.
    fn stride(self) -> usize {
        self.len.next_multiple_of(16) + 16
    }

    /// Rows that go through the passes together: several groups for each thread.
    fn in_block(self, threads: usize) -> usize {
        if threads == 1 { Follower::TOGETHER } else { Follower::TOGETHER * PER_THREAD * threads }
    }
}

struct Rooms<'a> {
    block: &'a mut Vec<f32>,
    above: &'a mut Vec<f32>,
}

/// The three passes over a frame, block after block of rows.
struct Passes<'a> {
    frame: &'a mut Frame,
    bands: Bands<'a>,
    /// True for the first frame.
    first: bool,
    rooms: Rooms<'a>,
}

impl Passes<'_> {
    fn plane(&mut self, plane: usize, rows: Rows, follower: &Follower, last: &mut [f32]) {
        let (stride, at_once) = (rows.stride(), rows.in_block(self.bands.threads()));
        self.rooms.above.resize(rows.len, 0.0);
        self.rooms.block.resize(at_once.min(rows.height) * stride, 0.0);
        for (index, last) in last.chunks_mut(at_once * rows.len).enumerate() {
            let top = index * at_once;
            self.along(plane, rows, follower, top, last);
            if follower.has_space() {
                self.down(rows, follower, top, last.len() / rows.len);
            }
            self.over_time(plane, rows, follower, top, last);
        }
    }

    /// Loads rows and smooths each along itself; groups of rows are independent.
    fn along(
        &mut self,
        plane: usize,
        rows: Rows,
        follower: &Follower,
        top: usize,
        last: &mut [f32],
    ) {
        let (stride, first) = (rows.stride(), self.first);
        let view = View::of(self.frame, plane);
        let groups = self.rooms.block.chunks_mut(stride * Follower::TOGETHER);
        let tasks = groups.zip(last.chunks_mut(rows.len * Follower::TOGETHER)).enumerate();
        self.bands.map(tasks.collect(), |(group, (block, last))| {
            let top = top + group * Follower::TOGETHER;
            let count = last.len() / rows.len;
            let pairs = block.chunks_mut(stride).zip(last.chunks_mut(rows.len));
            for (y, (row, last)) in pairs.enumerate() {
                let row = &mut row[..rows.len];
                follower.load(view.row(top + y), view.max(), rows.components, row);
                if first {
                    last.copy_from_slice(row);
                }
            }
            follower.along(&mut block[..count * stride], stride, rows.len, rows.colors);
        });
    }

    /// Smooths columns; strips of columns are independent.
    fn down(&mut self, rows: Rows, follower: &Follower, top: usize, count: usize) {
        let strip = rows.len.div_ceil(self.bands.threads()).next_multiple_of(64);
        let mut strips: Vec<(&mut [f32], Vec<&mut [f32]>)> =
            self.rooms.above.chunks_mut(strip).map(|above| (above, Vec::new())).collect();
        for row in self.rooms.block.chunks_mut(rows.stride()).take(count) {
            for ((_, strip), part) in strips.iter_mut().zip(row[..rows.len].chunks_mut(strip)) {
                strip.push(part);
            }
        }
        self.bands.map(strips, |(above, mut strip)| {
            // The first row of a plane has none above it.
            if top > 0 {
                follower.down(above, strip[0]);
            }
            for y in 1..strip.len() {
                let (done, rest) = strip.split_at_mut(y);
                follower.down(done[y - 1], rest[0]);
            }
            above.copy_from_slice(strip[strip.len() - 1]);
        });
    }

    /// Brings the last frame to this one and stores it; rows are independent.
    fn over_time(
        &mut self,
        plane: usize,
        rows: Rows,
        follower: &Follower,
        top: usize,
        last: &mut [f32],
    ) {
        let stride = rows.stride();
        let Some(out) = PlaneMut::all(self.frame).into_iter().nth(plane) else { return };
        let (_, mut rest) = out.split_at(top);
        let groups = self.rooms.block.chunks(stride * Follower::TOGETHER);
        let groups = groups.zip(last.chunks_mut(rows.len * Follower::TOGETHER));
        let mut tasks = Vec::new();
        for (block, last) in groups {
            let (band, below) = rest.split_at(last.len() / rows.len);
            tasks.push((block, last, band));
            rest = below;
        }
        self.bands.map(tasks, |(block, last, mut band)| {
            let pairs = block.chunks(stride).zip(last.chunks_mut(rows.len));
            for (y, (row, last)) in pairs.enumerate() {
                follower.next(last, &row[..rows.len]);
                follower.store(last, rows.components, band.row(y));
            }
        });
    }
}
