//! Where chroma samples lie among luma samples, and what follows for going up and down.

use crate::frame::Siting;

/// Where samples of a chroma axis lie on the luma axis: sample `c` at `c * 2^shift + phase`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    shift: u8,
    phase: f64,
}

impl Grid {
    /// Luma's own grid.
    pub const LUMA: Self = Self { shift: 0, phase: 0.0 };

    /// The grid along rows of chroma with horizontal shift `shift`.
    pub fn x(siting: Siting, shift: u8) -> Self {
        if siting.cosited_x() { Self { shift, phase: 0.0 } } else { Self::centred(shift) }
    }

    /// The grid along columns of chroma with vertical shift `shift`.
    pub fn y(siting: Siting, shift: u8) -> Self {
        if siting.cosited_y() { Self { shift, phase: 0.0 } } else { Self::centred(shift) }
    }

    fn centred(shift: u8) -> Self {
        Self { shift, phase: (f64::from(1u8 << shift) - 1.0) / 2.0 }
    }

    /// Luma samples from one chroma sample to the next: 1, 2 or 4.
    pub fn step(self) -> usize {
        1 << self.shift
    }

    /// The luma position of chroma position `c`.
    pub fn to_luma(self, c: f64) -> f64 {
        c * self.step() as f64 + self.phase
    }

    /// The chroma position of luma position `x`.
    pub fn of_luma(self, x: f64) -> f64 {
        (x - self.phase) / self.step() as f64
    }

    /// For each of the luma samples that belong to a chroma sample `c`: the first of the two
    /// chroma samples around it, relative to `c`, and both weights of a linear interpolation.
    pub(in crate::kernel) fn rise(self) -> Vec<(isize, [f32; 2])> {
        let at = |k: usize| {
            let c = self.of_luma(k as f64);
            let part = c - c.floor();
            (c.floor() as isize, [(1.0 - part) as f32, part as f32])
        };
        (0..self.step()).map(at).collect()
    }

    /// The luma samples that make a chroma sample: the first, relative to `c * 2^shift`, and
    /// all weights. Centred axes average the samples that the chroma sample covers, co-sited
    /// ones take a triangle: [1 2 1]/4, [1 2 3 4 3 2 1]/16.
    pub(in crate::kernel) fn fall(self) -> (isize, Vec<f32>) {
        let n = self.step();
        if self.phase > 0.0 || n == 1 {
            return (0, vec![1.0 / n as f32; n]);
        }
        let reach = n as isize - 1;
        let weight = |k: isize| (n as isize - k.abs()) as f32 / (n * n) as f32;
        (-reach, (-reach..=reach).map(weight).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_go_there_and_back() {
        for siting in [Siting::Center, Siting::Left, Siting::TopLeft] {
            for shift in 0..3 {
                for grid in [Grid::x(siting, shift), Grid::y(siting, shift)] {
                    assert_eq!(grid.of_luma(grid.to_luma(5.0)), 5.0);
                    assert_eq!(grid.fall().1.iter().sum::<f32>(), 1.0);
                    assert!(grid.rise().iter().all(|(first, _)| (-1..=0).contains(first)));
                }
            }
        }
        assert_eq!(Grid::x(Siting::Center, 2).to_luma(0.0), 1.5);
        assert_eq!(Grid::x(Siting::Left, 2).to_luma(1.0), 4.0);
    }
}
