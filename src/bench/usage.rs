//! Processor time as the kernel counts it: ours and that of the children that were waited for.

use std::ops::Sub;

/// Processor time in seconds, summed over threads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// In user mode.
    pub user: f64,
    /// In the kernel.
    pub system: f64,
}

impl CpuTime {
    /// What this process and its children that have ended and were waited for used so far.
    pub fn now() -> Self {
        let (own, children) = (usage(libc::RUSAGE_SELF), usage(libc::RUSAGE_CHILDREN));
        Self { user: own.user + children.user, system: own.system + children.system }
    }

    /// User and system time together.
    pub fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

fn usage(who: libc::c_int) -> CpuTime {
    // SAFETY: a `rusage` is integers only, so all bits zero is a value of it.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, writable `rusage`, which the call fills.
    let answer = unsafe { libc::getrusage(who, &raw mut usage) };
    // It fails only for another `who` or a bad pointer; then the zeros stay.
    debug_assert_eq!(answer, 0);
    CpuTime { user: seconds(usage.ru_utime), system: seconds(usage.ru_stime) }
}

fn seconds(t: libc::timeval) -> f64 {
    t.tv_sec as f64 + t.tv_usec as f64 * 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_processor_time() {
        let before = CpuTime::now();
        let start = std::time::Instant::now();
        let mut x = 1_u64;
        while start.elapsed().as_millis() < 30 {
            x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        let used = CpuTime::now() - before;
        assert!(used.total() > 0.002, "{used:?}");
        assert!(used.user >= 0.0 && used.system >= 0.0);
    }
}
