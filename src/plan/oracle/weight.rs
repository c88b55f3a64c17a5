//! The interpolation kernels, as their papers have them.

use crate::filter::Kernel;

/// How far a kernel reaches, in samples.
pub(super) fn radius(kernel: Kernel) -> f64 {
    match kernel {
        Kernel::Nearest | Kernel::Area | Kernel::Bilinear => 1.0,
        Kernel::Bicubic | Kernel::Mitchell => 2.0,
        Kernel::Lanczos3 => 3.0,
    }
}

/// The kernel at distance `d`.
pub(super) fn weight(kernel: Kernel, d: f64) -> f64 {
    let cubic = |b: f64, c: f64| {
        let d = d.abs();
        if d < 1.0 {
            ((12.0 - 9.0 * b - 6.0 * c) * d.powi(3)
                + (-18.0 + 12.0 * b + 6.0 * c) * d.powi(2)
                + (6.0 - 2.0 * b))
                / 6.0
        } else if d < 2.0 {
            ((-b - 6.0 * c) * d.powi(3)
                + (6.0 * b + 30.0 * c) * d.powi(2)
                + (-12.0 * b - 48.0 * c) * d
                + (8.0 * b + 24.0 * c))
                / 6.0
        } else {
            0.0
        }
    };
    let sinc = |v: f64| {
        if v == 0.0 { 1.0 } else { (std::f64::consts::PI * v).sin() / (std::f64::consts::PI * v) }
    };
    match kernel {
        Kernel::Nearest | Kernel::Area => f64::from(u8::from(d.abs() < 0.5)),
        Kernel::Bilinear => (1.0 - d.abs()).max(0.0),
        Kernel::Bicubic => cubic(0.0, 0.5),
        Kernel::Mitchell => cubic(1.0 / 3.0, 1.0 / 3.0),
        Kernel::Lanczos3 if d.abs() < 3.0 => sinc(d) * sinc(d / 3.0),
        Kernel::Lanczos3 => 0.0,
    }
}
