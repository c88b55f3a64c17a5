//! A chain over the picture that it reads: each row that was read is the place of a row of the
//! result, so no second picture is touched for the first time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::dispatch::Isa;
use super::load::{in_step, store_on, unit};
use super::view::{Codes, PlaneMut, RowMut};
use super::{BoxRows, Rows};

/// Rows of each plane that were read and not yet written, in order.
type Places<'a> = Rc<RefCell<Vec<VecDeque<RowMut<'a>>>>>;

/// Rows of planes as unit codes, which become places as they are read.
struct Vacating<'a> {
    planes: Vec<Reading<'a>>,
    places: Places<'a>,
    isa: Isa,
}

/// A plane that is read.
struct Reading<'a> {
    /// The rows that are not read yet.
    rest: PlaneMut<'a>,
    /// The number of the first of them.
    next: usize,
    /// The one before, if somebody looks at it where it lies.
    lent: Option<RowMut<'a>>,
}

impl<'a> Vacating<'a> {
    fn new(planes: Vec<PlaneMut<'a>>, places: Places<'a>) -> Self {
        let planes = planes.into_iter().map(|rest| Reading { rest, next: 0, lent: None });
        Self { planes: planes.collect(), places, isa: Isa::best() }
    }

    /// Takes row `y` of a plane; those before it become places.
    fn take(&mut self, plane: usize, y: usize) -> RowMut<'a> {
        let Reading { rest, next, lent } = &mut self.planes[plane];
        assert!(*next <= y, "row {y} of plane {plane} was read before");
        let places = &mut self.places.borrow_mut()[plane];
        places.extend(lent.take());
        places.extend((*next..y).map_while(|_| rest.take_row()));
        *next = y + 1;
        rest.take_row().expect("the plane has this row")
    }
}

impl Rows for Vacating<'_> {
    fn begin(&mut self, _first: &[usize]) {}

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let row = self.take(plane, y);
        unit(self.isa, row.codes(), row.max(), out);
        self.places.borrow_mut()[plane].push_back(row);
    }

    fn bytes(&mut self, plane: usize, y: usize) -> Option<&[u8]> {
        if !self.planes[plane].rest.is_bytes() {
            return None;
        }
        let row = self.take(plane, y);
        match self.planes[plane].lent.insert(row).codes() {
            Codes::U8(row) => Some(row),
            Codes::U16(_) | Codes::F32(_) => None,
        }
    }
}

impl Drop for Vacating<'_> {
    /// Nothing more is read.
    fn drop(&mut self) {
        for (plane, places) in self.planes.iter_mut().zip(&mut *self.places.borrow_mut()) {
            places.extend(plane.lent.take());
            places.extend(std::iter::from_fn(|| plane.rest.take_row()));
        }
    }
}

/// Runs a chain over whole planes. Row `y` of its result is written where row `y` was read; until
/// that was, it waits.
pub fn fill_over<'a>(planes: Vec<PlaneMut<'a>>, chain: impl FnOnce(BoxRows<'a>) -> BoxRows<'a>) {
    let isa = Isa::best();
    let shapes: Vec<_> = planes.iter().map(PlaneMut::shape).collect();
    let heights: Vec<usize> = shapes.iter().map(|s| s.height).collect();
    let rows = shapes.iter().map(|_| VecDeque::new()).collect();
    let places: Places<'a> = Rc::new(RefCell::new(rows));
    let mut waiting: Vec<VecDeque<Vec<f32>>> = shapes.iter().map(|_| VecDeque::new()).collect();
    let mut chain = chain(Box::new(Vacating::new(planes, places.clone())));
    let place = |plane: usize| places.borrow_mut()[plane].pop_front();
    let write = |plane: usize, waiting: &mut VecDeque<Vec<f32>>| {
        while let Some(values) = waiting.front()
            && let Some(row) = place(plane)
        {
            store_on(isa, values, row);
            waiting.pop_front();
        }
    };
    let longest = shapes.iter().map(|s| s.row()).max().unwrap_or(0);
    let mut buffer = vec![0.0; longest];
    chain.begin(&vec![0; shapes.len()]);
    in_step(&heights, |plane, y| {
        let values = &mut buffer[..shapes[plane].row()];
        chain.row(plane, y, values);
        let waiting = &mut waiting[plane];
        write(plane, waiting);
        let free = if waiting.is_empty() { place(plane) } else { None };
        match free {
            Some(row) => store_on(isa, values, row),
            None => waiting.push_back(values.to_vec()),
        }
    });
    drop(chain);
    waiting.iter_mut().enumerate().for_each(|(plane, waiting)| write(plane, waiting));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Window;
    use crate::frame::{Depth, Frame, Layout, Model, Plane, Samples, Size, Subsampling, Ycbcr};
    use crate::kernel::{
        Blur, BlurRows, Components, ConvolveRows, Load, Numbers, Placement, Precision, View,
        WindowRows, fill, taps,
    };

    /// A frame of noise whose rows are further apart than they are long.
    fn noise(model: Model, depth: Depth) -> Frame {
        let layout = Layout::new(Size::new(37, 30), model, depth).unwrap();
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let planes = layout.planes().map(|s| {
            let (stride, max) = (s.row() + 5, depth.max() as u32 + 1);
            let len = stride * s.height - 5;
            let samples = match depth {
                Depth::U8 => Samples::U8((0..len).map(|_| (next() % max) as u8).collect()),
                Depth::F32 => Samples::F32((0..len).map(|_| next() as f32).collect()),
                _ => Samples::U16((0..len).map(|_| (next() % max) as u16).collect()),
            };
            Plane::new(samples, stride)
        });
        Frame::new(layout, planes.collect()).unwrap()
    }

    /// Rows of all planes, without what lies between them.
    fn rows(frame: &Frame) -> Vec<Codes<'_>> {
        let views = View::all(frame);
        views.iter().flat_map(|v| (0..v.shape().height).map(|y| v.row(y))).collect()
    }

    fn check(frame: &Frame, chain: &dyn for<'a> Fn(BoxRows<'a>) -> BoxRows<'a>) {
        let mut apart = Frame::zeroed(*frame.layout());
        let mut band: Vec<_> = PlaneMut::all(&mut apart).into_iter().map(|p| (0, p)).collect();
        fill(&mut *chain(Box::new(Load::new(View::all(frame)))), &mut band);
        let mut over = frame.clone();
        fill_over(PlaneMut::all(&mut over), |load| chain(load));
        assert_eq!(rows(&over), rows(&apart));
    }

    #[test]
    fn what_is_written_over_is_what_is_written_apart() {
        let planes = Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420));
        for (model, depth) in [
            (planes, Depth::U8),
            (planes, Depth::U10),
            (Model::Rgb, Depth::U8),
            (Model::Gray, Depth::U16),
            (Model::Rgba, Depth::F32),
        ] {
            let frame = noise(model, depth);
            let shapes: Vec<_> = frame.layout().planes().collect();
            let numbers = if depth == Depth::U8 { Numbers::Bytes } else { Numbers::Codes };
            let taps = taps::of(Window::Gaussian { sigma: 1.5 }, 0, Precision::Eight);
            let taps = shapes.iter().map(|_| Some((taps.clone(), taps.clone()))).collect();
            let blur = Blur { taps, numbers, mask: Components::ALL, amount: None };
            check(&frame, &|up| Box::new(BlurRows::new(up, &shapes, &blur)));
            let enabled: Vec<bool> = (0..shapes.len()).map(|plane| plane != 1).collect();
            check(&frame, &|up| {
                let sharpen = (1, &[-0.5, 2.0, -0.5][..]);
                Box::new(ConvolveRows::new(up, &shapes, &enabled, Components::ALL, sharpen, 0.0))
            });
        }
    }

    #[test]
    fn rows_that_come_before_their_place_wait_for_it() {
        let frame = noise(Model::Rgb, Depth::U8);
        let shape = frame.layout().plane(0);
        for y in [-4, 4] {
            let fill = vec![0.25; 3];
            let place = Placement { from: shape, to: shape, x: 0, y, fill };
            check(&frame, &|up| Box::new(WindowRows::new(up, vec![place.clone()])));
        }
    }

    #[test]
    #[should_panic(expected = "row 3 of plane 0 was read before")]
    fn a_row_is_read_once() {
        let mut frame = noise(Model::Gray, Depth::U8);
        let places: Places<'_> = Rc::new(RefCell::new(vec![VecDeque::new()]));
        let mut over = Vacating::new(PlaneMut::all(&mut frame), places);
        assert!(over.bytes(0, 3).is_some());
        over.bytes(0, 3);
    }
}
