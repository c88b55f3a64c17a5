//! Frames as bytes, the way pipes and raw video carry them: planes one after the other, rows
//! without padding, samples as they lie in memory.

use super::buffer::Frame;
use super::layout::Layout;

impl Frame {
    /// The bytes of all planes, in order. A plane without padding is one piece, else each row is.
    pub fn bytes(&self) -> Vec<&[u8]> {
        let sample = self.layout().depth().bytes();
        let mut pieces = Vec::new();
        for (shape, plane) in self.layout().planes().zip(self.planes()) {
            let bytes = plane.bytes();
            let (row, stride) = (shape.row() * sample, plane.stride() * sample);
            if row == stride {
                pieces.push(&bytes[..row * shape.height]);
            } else {
                pieces.extend((0..shape.height).map(|y| &bytes[y * stride..y * stride + row]));
            }
        }
        pieces
    }

    /// The same to fill, in the same order.
    pub fn bytes_mut(&mut self) -> Vec<&mut [u8]> {
        let layout: Layout = *self.layout();
        let sample = layout.depth().bytes();
        let mut pieces = Vec::new();
        for (shape, plane) in layout.planes().zip(self.planes_mut()) {
            let (row, stride) = (shape.row() * sample, plane.stride() * sample);
            let bytes = plane.bytes_mut();
            if row == stride {
                pieces.push(&mut bytes[..row * shape.height]);
            } else {
                let rows = bytes.chunks_mut(stride).take(shape.height);
                pieces.extend(rows.map(|padded| &mut padded[..row]));
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::super::buffer::{Plane, Samples};
    use super::super::layout::{Depth, Matrix, Model, Size, Subsampling, Ycbcr};
    use super::*;

    fn layout(depth: Depth) -> Layout {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt709));
        Layout::new(Size::new(3, 3), model, depth).unwrap()
    }

    #[test]
    fn what_is_filled_is_what_is_read_with_and_without_padding() {
        for depth in [Depth::U8, Depth::U10] {
            let layout = layout(depth);
            let plain = Frame::zeroed(layout);
            let padded = layout.planes().map(|shape| {
                let (stride, n) = (shape.row() + 2, (shape.row() + 2) * shape.height - 2);
                let samples = match depth {
                    Depth::U8 => Samples::U8(vec![0; n]),
                    _ => Samples::U16(vec![0; n]),
                };
                Plane::new(samples, stride)
            });
            let padded = Frame::new(layout, padded.collect()).unwrap();
            for (mut frame, pieces) in [(plain, 3), (padded, 3 + 2 + 2)] {
                let mut next = 0..=u8::MAX;
                for piece in frame.bytes_mut() {
                    piece.fill_with(|| next.next().unwrap());
                }
                let read = frame.bytes();
                assert_eq!(read.len(), pieces, "{depth:?}");
                let bytes = read.concat();
                assert_eq!(bytes.len() as u64, layout.bytes());
                assert!(bytes.iter().copied().eq(0..bytes.len() as u8), "{bytes:?}");
            }
        }
    }
}
