//! The rows that a blur keeps, averaged along themselves.

use std::ops::Range;

use super::along::Along;
use super::words;
use crate::frame::PlaneShape;
use crate::kernel::Rows;
use crate::kernel::dispatch::Isa;
use crate::kernel::fixed::fix;
use crate::kernel::lined::Lined;
use crate::kernel::ring::{Ring, around, padded, replicated};

/// A row averaged along itself, in the one form that columns are averaged in, and as it came
/// where that is needed too.
#[derive(Default)]
pub(super) struct Line {
    pub values: Lined<f32>,
    /// In units of 2^-24.
    pub fixed: Vec<i32>,
    /// In 64ths of 8-bit codes.
    pub words: Lined<i16>,
    pub original: Vec<f32>,
}

/// How lines are made, and what they are kept as.
pub(super) enum Form {
    Values(Along),
    Fixed(Along),
    /// With these weights, of 8-bit codes; rows as they came are not kept beside them.
    Words(Vec<i16>),
}

impl Form {
    /// Pixels that it needs on each side.
    fn reach(&self) -> usize {
        match self {
            Self::Values(along) | Self::Fixed(along) => along.reach(),
            Self::Words(weights) => weights.len(),
        }
    }
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
    form: Form,
    original: Original,
    ring: Ring<Line>,
    padded: Vec<f32>,
    values: Vec<f32>,
    padded_words: Vec<i16>,
}

impl Lines {
    pub fn new(shape: PlaneShape, form: Form, original: Original) -> Self {
        let (ring, padded, values) = (Ring::new(), Vec::new(), Vec::new());
        Self { shape, form, original, ring, padded, values, padded_words: Vec::new() }
    }

    pub fn keeps_original(&self) -> bool {
        self.original == Original::Keep
    }

    /// Bytes of one line.
    pub fn bytes(&self) -> u64 {
        let row = self.shape.row();
        let original = if self.keeps_original() { 4 * row } else { 0 };
        let line = match self.form {
            Form::Values(_) => 4 * (row + Lined::<f32>::REST),
            Form::Fixed(_) => 4 * row,
            Form::Words(_) => 2 * (row + Lined::<u16>::REST),
        };
        (line + original) as u64
    }

    /// Bytes of the room that making one takes.
    pub fn room(&self) -> u64 {
        let PlaneShape { width, components, .. } = self.shape;
        match &self.form {
            Form::Values(along) => along.held(width, components),
            Form::Fixed(along) => along.held(width, components) + 4 * self.shape.row() as u64,
            Form::Words(weights) => {
                let pixels = width + 2 * weights.len();
                2 * (pixels * components) as u64
            }
        }
    }

    /// Bytes that are taken now.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        let line = |l: &Line| {
            l.values.bytes() + l.words.bytes() + 4 * (l.fixed.capacity() + l.original.capacity())
        };
        let room = 4 * (self.padded.capacity() + self.values.capacity())
            + 2 * self.padded_words.capacity();
        let along = match &self.form {
            Form::Values(along) | Form::Fixed(along) => along.taken(),
            Form::Words(_) => 0,
        };
        self.ring.all().map(line).sum::<usize>() + room + along
    }

    /// A line that is there.
    pub fn row(&self, y: usize) -> &Line {
        self.ring.row(y)
    }

    /// Makes lines and those that reach so far around them, edges replicated, one by one.
    pub fn around(
        &mut self,
        source: &mut Source<'_>,
        lines: Range<usize>,
        reach: usize,
    ) -> impl Iterator<Item = &Line> {
        let height = self.shape.height;
        let (first, last) = around(lines.clone(), reach, height);
        self.need(source, first, last);
        replicated(lines, reach, height).map(|y| self.row(y))
    }

    /// Drops the lines before `first` and makes those up to and with `last`.
    pub fn need(&mut self, source: &mut Source<'_>, first: usize, last: usize) {
        let Self { shape, form, original, ring, padded: pad, values, padded_words } = self;
        let (shape, reach) = (*shape, form.reach());
        let n = shape.components;
        let keep = *original == Original::Keep;
        let fetch = |source: &mut Source<'_>, y, line: &mut Line, pad: &mut Vec<f32>| {
            padded(source.up, source.plane, y, shape, reach, pad);
            if keep {
                line.original.clear();
                line.original.extend_from_slice(&pad[reach * n..reach * n + shape.row()]);
            }
        };
        ring.need(first, last, |y, line| match form {
            Form::Values(along) => {
                fetch(source, y, line, pad);
                along.row(source.isa, pad, n, line.values.sized(shape.row()));
            }
            Form::Fixed(along) => {
                fetch(source, y, line, pad);
                values.resize(shape.row(), 0.0);
                along.row(source.isa, pad, n, values);
                fix(source.isa, values, &mut line.fixed);
            }
            Form::Words(weights) => {
                let codes = source.up.bytes(source.plane, y).expect("`Numbers::Bytes` means codes");
                words::pad(source.isa, codes, n, reach, padded_words);
                let words = line.words.sized(shape.row());
                words::along(source.isa, padded_words, n, weights, words);
            }
        });
    }
}
