//! The canvas that the frames of an animation are drawn on, one after the other.

use super::super::packed;
use super::part::{Area, Blend, Disposal};
use crate::error::Result;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model, Sample, Size};

/// RGBA pixels of 8 or 16 bits. Clear at first, whatever background colour a file names: that is
/// what all players show.
pub struct Canvas {
    pixels: Pixels,
}

enum Pixels {
    Bytes(Surface<u8>),
    Words(Surface<u16>),
}

impl Canvas {
    /// A clear one. Depths other than 16 bits have 8.
    pub fn new(size: Size, depth: Depth) -> Self {
        let pixels = match depth {
            Depth::U16 => Pixels::Words(Surface::new(size)),
            _ => Pixels::Bytes(Surface::new(size)),
        };
        Self { pixels }
    }

    /// Disposes of the frame before and draws the next one; what lies outside is left out.
    ///
    /// # Errors
    /// Internal, if the frame's samples are not of the canvas's depth.
    pub fn draw(
        &mut self,
        frame: &Frame,
        area: Area,
        blend: Blend,
        disposal: Disposal,
    ) -> Result<()> {
        match &mut self.pixels {
            Pixels::Bytes(surface) => surface.draw(frame, area, blend, disposal),
            Pixels::Words(surface) => surface.draw(frame, area, blend, disposal),
        }
    }

    /// What it shows, as RGB or RGBA of its size and depth.
    ///
    /// # Errors
    /// Internal, if the layout is of another depth.
    pub fn shown(&self, layout: Layout, pool: &BufferPool) -> Result<Frame> {
        match &self.pixels {
            Pixels::Bytes(surface) => surface.shown(layout, pool),
            Pixels::Words(surface) => surface.shown(layout, pool),
        }
    }
}

/// A sample of 8 or 16 bits.
trait Code: Sample + Into<u64> + TryFrom<u64> {
    const MAX: Self;
}

impl Code for u8 {
    const MAX: Self = Self::MAX;
}

impl Code for u16 {
    const MAX: Self = Self::MAX;
}

struct Surface<T> {
    size: Size,
    pixels: Vec<[T; 4]>,
    /// The last frame's area, clipped, and what becomes of it.
    last: (Area, Disposal),
    /// What was in that area before, if it comes back.
    saved: Vec<[T; 4]>,
}

impl<T: Code> Surface<T> {
    fn new(size: Size) -> Self {
        let pixels = vec![[T::default(); 4]; size.pixels() as usize];
        Self { size, pixels, last: (Area::whole(size), Disposal::Keep), saved: Vec::new() }
    }

    /// The columns `area.x..` of the rows of an area that is clipped.
    fn rows(&mut self, area: Area) -> impl Iterator<Item = &mut [[T; 4]]> {
        let (x, width) = (area.x as usize, area.size.width as usize);
        self.pixels
            .chunks_exact_mut(self.size.width as usize)
            .skip(area.y as usize)
            .take(area.size.height as usize)
            .map(move |row| &mut row[x..x + width])
    }

    fn draw(&mut self, frame: &Frame, area: Area, blend: Blend, disposal: Disposal) -> Result<()> {
        self.dispose();
        let area = area.clipped(self.size);
        if disposal == Disposal::Restore {
            let mut saved = std::mem::take(&mut self.saved);
            saved.clear();
            self.rows(area).for_each(|row| saved.extend_from_slice(row));
            self.saved = saved;
        }
        self.last = (area, disposal);
        let pixel: fn(&[T]) -> [T; 4] = match frame.layout().model() {
            Model::Gray => |p| [p[0], p[0], p[0], T::MAX],
            Model::GrayAlpha => |p| [p[0], p[0], p[0], p[1]],
            Model::Rgb => |p| [p[0], p[1], p[2], T::MAX],
            Model::Rgba => |p| [p[0], p[1], p[2], p[3]],
            Model::Ycbcr(_) => return Err(packed::wrong_type(frame.layout())),
        };
        let components = frame.layout().model().components();
        for (y, row) in self.rows(area).enumerate() {
            let from = frame.row::<T>(0, y).ok_or_else(|| packed::wrong_type(frame.layout()))?;
            let new = from.chunks_exact(components).map(pixel);
            match blend {
                Blend::Replace => row.iter_mut().zip(new).for_each(|(old, new)| *old = new),
                Blend::Over => row.iter_mut().zip(new).for_each(|(old, new)| over(old, new)),
            }
        }
        Ok(())
    }

    fn dispose(&mut self) {
        let (area, disposal) = self.last;
        match disposal {
            Disposal::Keep => {}
            Disposal::Clear => self.rows(area).for_each(|row| row.fill([T::default(); 4])),
            Disposal::Restore => {
                let saved = std::mem::take(&mut self.saved);
                let width = area.size.width.max(1) as usize;
                let rows = self.rows(area).zip(saved.chunks_exact(width));
                rows.for_each(|(row, saved)| row.copy_from_slice(saved));
                self.saved = saved;
            }
        }
    }

    fn shown(&self, layout: Layout, pool: &BufferPool) -> Result<Frame> {
        let mut frame = Frame::from_pool(layout, pool);
        let components = layout.model().components();
        let samples = packed::samples_mut::<T>(&mut frame)?;
        if components > 4 || samples.len() != self.pixels.len() * components {
            return Err(packed::wrong_type(&layout));
        }
        for (to, from) in samples.chunks_exact_mut(components).zip(&self.pixels) {
            to.copy_from_slice(&from[..components]);
        }
        Ok(frame)
    }
}

/// `new` over `old`, neither premultiplied, by the formula of the APNG specification, rounded to
/// the nearest code once. Players with coarser arithmetic differ by 1.
fn over<T: Code>(old: &mut [T; 4], new: [T; 4]) {
    let max: u64 = T::MAX.into();
    let (above, below): (u64, u64) = (new[3].into(), old[3].into());
    if above == max || below == 0 {
        *old = if above == 0 { *old } else { new };
        return;
    }
    if above == 0 {
        return;
    }
    let (above, below) = (above * max, (max - above) * below);
    let alpha = above + below;
    let code = |value: u64| T::try_from(value).unwrap_or(T::MAX);
    for (old, new) in old.iter_mut().zip(new).take(3) {
        let sum = new.into() * above + (*old).into() * below;
        *old = code((sum + alpha / 2) / alpha);
    }
    old[3] = code((alpha + max / 2) / max);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled<T: Code>(size: Size, depth: Depth, pixel: [T; 4]) -> Frame {
        let layout = Layout::new(size, Model::Rgba, depth).unwrap();
        packed::wrap(layout, pixel.repeat(size.pixels() as usize)).unwrap()
    }

    #[test]
    fn blending_is_exact_at_both_depths() {
        let size = Size::new(1, 1);
        let area = Area::whole(size);
        let pool = BufferPool::new(1);
        // By the formula in f64: (new, old, result).
        let cases: [[[u8; 4]; 3]; 6] = [
            [[200, 100, 50, 255], [1, 2, 3, 77], [200, 100, 50, 255]],
            [[200, 100, 50, 0], [1, 2, 3, 77], [1, 2, 3, 77]],
            [[200, 100, 50, 9], [1, 2, 3, 0], [200, 100, 50, 9]],
            [[200, 100, 50, 0], [1, 2, 3, 0], [1, 2, 3, 0]],
            [[255, 0, 100, 128], [0, 255, 100, 255], [128, 127, 100, 255]],
            [[255, 0, 100, 128], [0, 255, 100, 128], [170, 85, 100, 192]],
        ];
        for [new, old, result] in cases {
            let mut canvas = Canvas::new(size, Depth::U8);
            for (pixel, blend) in [(old, Blend::Replace), (new, Blend::Over)] {
                let frame = filled(size, Depth::U8, pixel);
                canvas.draw(&frame, area, blend, Disposal::Keep).unwrap();
            }
            let layout = Layout::new(size, Model::Rgba, Depth::U8).unwrap();
            let shown = canvas.shown(layout, &pool).unwrap();
            assert_eq!(shown.row::<u8>(0, 0).unwrap(), result, "{new:?} over {old:?}");
        }
        let mut canvas = Canvas::new(size, Depth::U16);
        for (pixel, blend) in
            [([0u16, 65_535, 1, 65_535], Blend::Replace), ([65_535, 0, 1, 32_768], Blend::Over)]
        {
            canvas.draw(&filled(size, Depth::U16, pixel), area, blend, Disposal::Keep).unwrap();
        }
        let layout = Layout::new(size, Model::Rgba, Depth::U16).unwrap();
        let shown = canvas.shown(layout, &pool).unwrap();
        assert_eq!(shown.row::<u16>(0, 0).unwrap(), [32_768, 32_767, 1, 65_535]);
    }

    #[test]
    fn a_frame_partly_outside_is_drawn_as_far_as_it_lies_inside() {
        let size = Size::new(3, 2);
        let mut canvas = Canvas::new(size, Depth::U8);
        let frame = filled(Size::new(4, 4), Depth::U8, [9u8, 8, 7, 255]);
        for x in [1, 3] {
            let area = Area { x, y: 1, size: Size::new(4, 4) };
            canvas.draw(&frame, area, Blend::Over, Disposal::Restore).unwrap();
            let layout = Layout::new(size, Model::Rgba, Depth::U8).unwrap();
            let shown = canvas.shown(layout, &BufferPool::new(1)).unwrap();
            let alpha = |y| shown.row::<u8>(0, y).unwrap().chunks(4).map(|p| p[3]).collect();
            let rows: [Vec<u8>; 2] = [alpha(0), alpha(1)];
            let drawn = if x == 1 { vec![0, 255, 255] } else { vec![0; 3] };
            assert_eq!(rows, [vec![0; 3], drawn], "at {x}");
        }
    }
}
