//! Upper halves of products of words: one instruction each on x86-64, which loops do not reliably become.
//! LLVM widens them first, which took five times as long.

/// Words of a register of AVX-512, or of two of AVX2.
pub(super) type Lanes = [u16; 32];

/// How products are made.
pub(super) trait Upper {
    /// `v * w >> 16` of each pair.
    fn products(v: Lanes, w: Lanes) -> Lanes;
}

/// On any machine.
pub(super) struct Portable;

impl Upper for Portable {
    #[inline(always)]
    fn products(v: Lanes, w: Lanes) -> Lanes {
        let mut out = [0; 32];
        for ((o, v), w) in out.iter_mut().zip(v).zip(w) {
            *o = ((u32::from(v) * u32::from(w)) >> 16) as u16;
        }
        out
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256i, __m512i, _mm256_mulhi_epu16, _mm512_mulhi_epu16};
    use std::mem::transmute;

    use super::{Lanes, Upper};

    /// Only for code that runs where the machine has AVX2.
    pub struct Avx2;

    /// Only for code that runs where the machine has AVX-512 F and BW.
    pub struct Avx512;

    impl Upper for Avx2 {
        #[inline(always)]
        fn products(v: Lanes, w: Lanes) -> Lanes {
            // SAFETY: whoever names `Avx2` has asked for it.
            unsafe { avx2(v, w) }
        }
    }

    impl Upper for Avx512 {
        #[inline(always)]
        fn products(v: Lanes, w: Lanes) -> Lanes {
            // SAFETY: whoever names `Avx512` has asked for it.
            unsafe { avx512(v, w) }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn avx2(v: Lanes, w: Lanes) -> Lanes {
        // SAFETY: both are 64 bytes that may be anything.
        let [v, w] = [v, w].map(|lanes| unsafe { transmute::<Lanes, [__m256i; 2]>(lanes) });
        let products = [_mm256_mulhi_epu16(v[0], w[0]), _mm256_mulhi_epu16(v[1], w[1])];
        // SAFETY: as above.
        unsafe { transmute::<[__m256i; 2], Lanes>(products) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn avx512(v: Lanes, w: Lanes) -> Lanes {
        // SAFETY: both are 64 bytes that may be anything.
        let [v, w] = [v, w].map(|lanes| unsafe { transmute::<Lanes, __m512i>(lanes) });
        let products = _mm512_mulhi_epu16(v, w);
        // SAFETY: as above.
        unsafe { transmute::<__m512i, Lanes>(products) }
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
            let word = |k: usize, by: u32| (seed.wrapping_mul(by) >> (k % 16)) as u16;
            let v: Lanes = std::array::from_fn(|k| word(k, 0x9e37_79b9));
            let w: Lanes = std::array::from_fn(|k| word(k, 0x85eb_ca6b));
            let want = std::array::from_fn(|k| ((u64::from(v[k]) * u64::from(w[k])) >> 16) as u16);
            for isa in Isa::available() {
                let got = match isa.0 {
                    Level::Portable => Portable::products(v, w),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => Avx2::products(v, w),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => Avx512::products(v, w),
                };
                assert_eq!(got, want, "{}", isa.name());
            }
        }
    }
}
