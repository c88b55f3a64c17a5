//! A frame of an animated file as the file has it: a still of its own, a place on the canvas, and
//! what becomes of it. Also whether a canvas is opaque at all times.

use std::borrow::Cow;
use std::ops::Range;

use super::delay::Fraction;
use crate::error::Result;
use crate::frame::Size;

/// A rectangle on the canvas, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    pub x: u32,
    pub y: u32,
    pub size: Size,
}

impl Area {
    /// All of a canvas.
    pub const fn whole(size: Size) -> Self {
        Self { x: 0, y: 0, size }
    }

    /// The first column and row behind it. Sides are 16 bits and places 25, so nothing overflows.
    const fn end(self) -> (u32, u32) {
        (self.x + self.size.width, self.y + self.size.height)
    }

    /// True if all of it lies in `other`.
    pub const fn is_within(self, other: Self) -> bool {
        let ((right, bottom), (most_right, most_bottom)) = (self.end(), other.end());
        self.x >= other.x && self.y >= other.y && right <= most_right && bottom <= most_bottom
    }

    /// What of it lies on a canvas; it may be empty.
    pub fn clipped(self, canvas: Size) -> Self {
        let (right, bottom) = self.end();
        let (x, y) = (self.x.min(canvas.width), self.y.min(canvas.height));
        let size = Size::new(right.min(canvas.width) - x, bottom.min(canvas.height) - y);
        Self { x, y, size }
    }

    /// The least rectangle around both. Nothing is around an empty one.
    fn joined(self, other: Option<Self>) -> Option<Self> {
        if self.size.pixels() == 0 {
            return other;
        }
        let other = other.unwrap_or(self);
        let ((a, b), (c, d)) = (self.end(), other.end());
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Some(Self { x, y, size: Size::new(a.max(c) - x, b.max(d) - y) })
    }
}

/// What becomes of a frame's area before the next frame is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposal {
    /// It stays.
    Keep,
    /// It becomes clear.
    Clear,
    /// It becomes what it was before the frame.
    Restore,
}

/// How a frame meets what is on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blend {
    /// It is laid over it by its alpha.
    Over,
    /// It replaces it, alpha included.
    Replace,
}

/// One frame as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub area: Area,
    pub blend: Blend,
    pub disposal: Disposal,
    /// How long it is shown, as the file says.
    pub delay: Fraction,
    /// True if no pixel of it can be clear.
    pub opaque: bool,
    /// Where it stands in the file.
    pub content: Range<usize>,
}

/// Walks over the frames of a file in their order, without unpacking any.
pub trait Parts: Send {
    /// The next one; `None` behind the last.
    ///
    /// # Errors
    /// The file is broken or ends here. What a further call gives is then unspecified.
    fn next(&mut self, bytes: &[u8]) -> Result<Option<Part>>;

    /// Begins again.
    fn rewind(&mut self);

    /// The pixels as a still file of the same format. `part` came from `next` for these bytes.
    ///
    /// # Errors
    /// Its chunks are broken.
    fn still<'a>(&self, bytes: &'a [u8], part: &Part) -> Result<Cow<'a, [u8]>>;
}

/// A file that is a still itself: one frame, shown for no stated time.
pub struct Whole {
    part: Part,
    given: bool,
}

impl Whole {
    /// Of `length` bytes.
    pub fn new(length: usize, size: Size, opaque: bool) -> Result<Self> {
        let part = Part {
            area: Area::whole(size),
            blend: Blend::Replace,
            disposal: Disposal::Keep,
            delay: Fraction::new(0, 1)?,
            opaque,
            content: 0..length,
        };
        Ok(Self { part, given: false })
    }
}

impl Parts for Whole {
    fn next(&mut self, _: &[u8]) -> Result<Option<Part>> {
        let first = !std::mem::replace(&mut self.given, true);
        Ok(first.then(|| self.part.clone()))
    }

    fn rewind(&mut self) {
        self.given = false;
    }

    fn still<'a>(&self, bytes: &'a [u8], part: &Part) -> Result<Cow<'a, [u8]>> {
        Ok(Cow::Borrowed(bytes.get(part.content.clone()).unwrap_or_default()))
    }
}

/// Follows the parts of a file to see whether the canvas is opaque whenever it is shown.
pub struct Cover {
    canvas: Size,
    /// Around all pixels that may be clear; `None` if none may.
    clear: Option<Area>,
    /// What `clear` is once the last frame is disposed of.
    disposed: Option<Area>,
    opaque: bool,
}

impl Cover {
    /// Of a canvas that is clear.
    pub const fn new(canvas: Size) -> Self {
        let clear = Some(Area::whole(canvas));
        Self { canvas, clear, disposed: clear, opaque: true }
    }

    /// Takes the next frame in.
    pub fn add(&mut self, part: &Part) {
        let area = part.area.clipped(self.canvas);
        let before = self.disposed;
        self.clear = match (part.opaque, part.blend) {
            (true, _) => before.filter(|clear| !clear.is_within(area)),
            (false, Blend::Over) => before,
            (false, Blend::Replace) => area.joined(before),
        };
        self.opaque &= self.clear.is_none();
        self.disposed = match part.disposal {
            Disposal::Keep => self.clear,
            Disposal::Clear => area.joined(self.clear),
            Disposal::Restore => before,
        };
    }

    /// True if all frames so far left no pixel clear.
    pub const fn is_opaque(&self) -> bool {
        self.opaque
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Size = Size::new(10, 8);
    const ALL: Area = Area::whole(CANVAS);
    const SMALL: Area = Area { x: 2, y: 2, size: Size::new(3, 3) };

    /// Where, whether opaque, and how.
    type Step = (Area, bool, Blend, Disposal);

    fn part(area: Area, opaque: bool, blend: Blend, disposal: Disposal) -> Part {
        let delay = Fraction::new(1, 10).unwrap();
        Part { area, blend, disposal, delay, opaque, content: 0..0 }
    }

    #[test]
    fn a_canvas_is_opaque_only_if_every_shown_frame_is() {
        use Blend::{Over, Replace};
        use Disposal::{Clear, Keep, Restore};
        let cases: [(&[Step], bool); 9] = [
            (&[(ALL, true, Over, Keep), (SMALL, false, Over, Keep)], true),
            (&[(ALL, true, Over, Keep), (SMALL, false, Replace, Keep)], false),
            (&[(SMALL, true, Over, Keep), (ALL, true, Over, Keep)], false),
            (&[(ALL, true, Over, Clear), (ALL, true, Over, Clear)], true),
            (&[(ALL, true, Over, Clear), (ALL, false, Over, Clear)], false),
            (
                &[(ALL, true, Over, Keep), (SMALL, true, Over, Clear), (SMALL, true, Over, Keep)],
                true,
            ),
            (
                &[(ALL, true, Over, Keep), (SMALL, true, Over, Clear), (SMALL, false, Over, Keep)],
                false,
            ),
            (&[(ALL, true, Over, Restore), (SMALL, true, Over, Keep)], false),
            (
                &[(ALL, true, Over, Keep), (ALL, true, Over, Restore), (SMALL, false, Over, Keep)],
                true,
            ),
        ];
        for (parts, opaque) in cases {
            let mut cover = Cover::new(CANVAS);
            parts.iter().for_each(|(a, o, b, d)| cover.add(&part(*a, *o, *b, *d)));
            assert_eq!(cover.is_opaque(), opaque, "{parts:?}");
        }
    }

    #[test]
    fn what_lies_outside_the_canvas_is_clipped() {
        let area = Area { x: 8, y: 20, size: Size::new(9, 9) };
        assert_eq!(area.clipped(CANVAS), Area { x: 8, y: 8, size: Size::new(2, 0) });
        let mut cover = Cover::new(CANVAS);
        cover.add(&part(Area::whole(Size::new(50, 50)), true, Blend::Over, Disposal::Keep));
        assert!(cover.is_opaque());
        cover.add(&part(area, false, Blend::Replace, Disposal::Clear));
        cover.add(&part(SMALL, false, Blend::Over, Disposal::Keep));
        assert!(cover.is_opaque(), "nothing of the canvas was cleared");
    }
}
