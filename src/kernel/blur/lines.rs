//! The rows that a blur keeps, averaged along themselves.

use super::along::Along;
use crate::frame::PlaneShape;
use crate::kernel::Rows;
use crate::kernel::dispatch::Isa;
use crate::kernel::fixed::fix;
use crate::kernel::lined::Lined;
use crate::kernel::ring::{Ring, padded};

/// A row averaged along itself, in the one form that columns are averaged in, and as it came
/// where that is needed too.
#[derive(Default)]
pub(super) struct Line {
    pub values: Lined,
    /// In units of 2^-24.
    pub fixed: Vec<i32>,
    pub original: Vec<f32>,
}

/// What lines are kept as.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    Values,
    Fixed,
}

/// Whether rows are needed as they came, too.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Original {
    Keep,
    Drop,
}

/// Where a plane's rows come from.
pub(super) struct Source<'s> {
    pub up: &'s mut dyn Rows,
    pub plane: usize,
    pub isa: Isa,
}

/// Rows of one plane.
pub(super) struct Lines {
    pub shape: PlaneShape,
    along: Along,
    form: Form,
    original: Original,
    ring: Ring<Line>,
    padded: Vec<f32>,
    values: Vec<f32>,
}

impl Lines {
    pub fn new(shape: PlaneShape, along: Along, form: Form, original: Original) -> Self {
        let (ring, padded, values) = (Ring::new(), Vec::new(), Vec::new());
        Self { shape, along, form, original, ring, padded, values }
    }

    pub fn keeps_original(&self) -> bool {
        self.original == Original::Keep
    }

    /// Bytes of one line.
    pub fn bytes(&self) -> u64 {
        let original = if self.keeps_original() { self.shape.row() } else { 0 };
        let rest = if self.form == Form::Values { Lined::REST } else { 0 };
        4 * (self.shape.row() + rest + original) as u64
    }

    /// Bytes of the room that making one takes.
    pub fn room(&self) -> u64 {
        let PlaneShape { width, components, .. } = self.shape;
        let values = if self.form == Form::Fixed { 4 * self.shape.row() as u64 } else { 0 };
        self.along.held(width, components) + values
    }

    /// Bytes that are taken now.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        let line = |l: &Line| l.values.bytes() + 4 * (l.fixed.capacity() + l.original.capacity());
        let room = 4 * (self.padded.capacity() + self.values.capacity());
        self.ring.all().map(line).sum::<usize>() + room + self.along.taken()
    }

    /// A line that is there.
    pub fn row(&self, y: usize) -> &Line {
        self.ring.row(y)
    }

    /// Drops the lines before `first` and makes those up to and with `last`.
    pub fn need(&mut self, source: &mut Source<'_>, first: usize, last: usize) {
        let Self { shape, along, form, original, ring, padded: pad, values } = self;
        let (shape, reach) = (*shape, along.reach());
        let n = shape.components;
        ring.need(first, last, |y, line| {
            padded(source.up, source.plane, y, shape, reach, pad);
            if *original == Original::Keep {
                line.original.clear();
                line.original.extend_from_slice(&pad[reach * n..reach * n + shape.row()]);
            }
            if *form == Form::Values {
                return along.row(source.isa, pad, n, line.values.sized(shape.row()));
            }
            values.resize(shape.row(), 0.0);
            along.row(source.isa, pad, n, values);
            fix(source.isa, values, &mut line.fixed);
        });
    }
}
