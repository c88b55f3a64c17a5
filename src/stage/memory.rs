//! What a process holds of the machine's memory.

/// What a process holds of the machine's memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

/// This process's memory; `None` where there is no `/proc`.
pub fn memory() -> Option<Memory> {
    memory_of(std::process::id())
}

/// The memory of a process that runs; `None` of one that has ended, and where there is no `/proc`.
pub fn memory_of(pid: u32) -> Option<Memory> {
    parse_status(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// `VmRSS` and `VmHWM` of a `/proc/PID/status`.
fn parse_status(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    };
    Some(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_gives_resident_and_peak_in_bytes() {
        let text =
            "Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t   2048 kB\nVmRSS:\t    1024 kB\nThreads:\t1\n";
        let memory = parse_status(text).unwrap();
        assert_eq!(memory, Memory { resident: 1024 * 1024, peak: 2048 * 1024 });
        assert_eq!(parse_status("Name:\tkernel thread\n"), None);
    }
}
