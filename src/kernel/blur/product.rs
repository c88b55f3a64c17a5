//! Rounded products of words: one instruction each on x86-64, which loops do not reliably become.

/// Words of a register of AVX-512, or of two of AVX2.
pub(super) type Lanes = [i16; 32];

/// How products are made.
pub(super) trait Product: Copy {
    /// `v * w / 2^15` of each pair, rounded half up. Of no pair both are -2^15.
    fn rounded(self, v: Lanes, w: Lanes) -> Lanes;
}

/// On any machine.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Product for Portable {
    #[inline(always)]
    fn rounded(self, v: Lanes, w: Lanes) -> Lanes {
        let mut out = [0; 32];
        for ((o, v), w) in out.iter_mut().zip(v).zip(w) {
            *o = rounded(v, w);
        }
        out
    }
}

/// One of them.
#[inline(always)]
pub(super) fn rounded(v: i16, w: i16) -> i16 {
    ((i32::from(v) * i32::from(w) + (1 << 14)) >> 15) as i16
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256i, __m512i, _mm256_mulhrs_epi16, _mm512_mulhrs_epi16};

    use bytemuck::cast;

    use super::{Lanes, Product};

    /// On a machine that has AVX2.
    #[derive(Clone, Copy)]
    pub struct Avx2(());

    /// On a machine that has AVX-512 F and BW.
    #[derive(Clone, Copy)]
    pub struct Avx512(());

    impl Avx2 {
        /// # Safety
        /// The machine has AVX2.
        #[inline(always)]
        pub unsafe fn new() -> Self {
            Self(())
        }
    }

    impl Avx512 {
        /// # Safety
        /// The machine has AVX-512 F and BW.
        #[inline(always)]
        pub unsafe fn new() -> Self {
            Self(())
        }
    }

    impl Product for Avx2 {
        #[inline(always)]
        fn rounded(self, v: Lanes, w: Lanes) -> Lanes {
            // SAFETY: whoever made `self` knows that the machine has AVX2.
            unsafe { avx2(v, w) }
        }
    }

    impl Product for Avx512 {
        #[inline(always)]
        fn rounded(self, v: Lanes, w: Lanes) -> Lanes {
            // SAFETY: whoever made `self` knows that the machine has both.
            unsafe { avx512(v, w) }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn avx2(v: Lanes, w: Lanes) -> Lanes {
        let [v, w]: [[__m256i; 2]; 2] = [cast(v), cast(w)];
        cast([_mm256_mulhrs_epi16(v[0], w[0]), _mm256_mulhrs_epi16(v[1], w[1])])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn avx512(v: Lanes, w: Lanes) -> Lanes {
        let [v, w]: [__m512i; 2] = [cast(v), cast(w)];
        cast(_mm512_mulhrs_epi16(v, w))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Isa;
    use crate::kernel::dispatch::Level;

    #[test]
    fn products_are_the_same_everywhere() {
        for seed in 0..2000u32 {
            let word = |k: usize, by: u32| (seed.wrapping_mul(by) >> (k % 16)) as i16;
            let v: Lanes = std::array::from_fn(|k| word(k, 0x9e37_79b9));
            let w: Lanes = std::array::from_fn(|k| word(k, 0x85eb_ca6b).max(1 - i16::MAX));
            let want = std::array::from_fn(|k| {
                (f64::from(v[k]) * f64::from(w[k]) / 32_768.0 + 0.5).floor() as i16
            });
            for isa in Isa::available() {
                let got = match isa.0 {
                    Level::Portable => Portable.rounded(v, w),
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: the machine has it, or it would not be available.
                    Level::Avx2 => unsafe { Avx2::new() }.rounded(v, w),
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: as above.
                    Level::Avx512 => unsafe { Avx512::new() }.rounded(v, w),
                };
                assert_eq!(got, want, "{}", isa.name());
            }
        }
    }
}
