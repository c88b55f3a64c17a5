//! One source for each loop, compiled once per instruction set and chosen at run time.

/// An instruction set that this machine has. It cannot be made for one that it lacks, which is
/// what makes the calls in `per_isa!` sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(pub(in crate::kernel) Level);

/// The instruction sets with code of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Level {
    /// What the target always has: SSE2 on x86-64, NEON on AArch64.
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, VL and DQ.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// What every machine of this target has.
    pub const PORTABLE: Self = Self(Level::Portable);

    /// The widest that this machine has. The standard library remembers the answer.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("avx512dq")
            {
                return Self(Level::Avx512);
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                return Self(Level::Avx2);
            }
        }
        Self::PORTABLE
    }

    /// All that this machine has, narrowest first.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            all.push(Self(Level::Avx2));
        }
        if !all.contains(&Self::best()) {
            all.push(Self::best());
        }
        all
    }

    /// Its name, as reports print it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
        }
    }
}

/// Defines a function that takes an [`Isa`] first and runs the copy of its body compiled for
/// it. All copies do the same operations in the same order and Rust never contracts a product
/// and a sum, so they give equal bytes. Type parameters stand in brackets after the name;
/// functions called in the body have to be inlined to be compiled along.
macro_rules! per_isa {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident $([$($generic:tt)*])? ($($arg:ident: $type:ty),* $(,)?)
            $(where $($bound:tt)*)? $body:block
    )*) => {$(
        $(#[$meta])*
        $vis fn $name $(<$($generic)*>)? (isa: $crate::kernel::Isa, $($arg: $type),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "the loops take slices, not structs")]
            fn portable $(<$($generic)*>)? ($($arg: $type),*) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx2 $(<$($generic)*>)? ($($arg: $type),*) { portable($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx512 $(<$($generic)*>)? ($($arg: $type),*) { portable($($arg),*) }
            match isa.0 {
                $crate::kernel::dispatch::Level::Portable => portable($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: an `Isa` of this level is only made where the machine has AVX2.
                $crate::kernel::dispatch::Level::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: an `Isa` of this level is only made where the machine has all four.
                $crate::kernel::dispatch::Level::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    )*};
}
pub(in crate::kernel) use per_isa;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_available_and_portable_always_is() {
        let all = Isa::available();
        assert_eq!(all[0], Isa::PORTABLE);
        assert_eq!(all.last(), Some(&Isa::best()));
        let mut names: Vec<_> = all.iter().map(|i| i.name()).collect();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
