//! What this process may use of the machine: cores and memory, with control groups respected.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Cores for the pool: what the affinity mask allows, cut to the control group's quota
/// (rounded up, since a quota of 1.5 cores keeps two threads busy three quarters of the time).
pub fn cores() -> NonZeroUsize {
    let allowed = rustix::thread::sched_getaffinity(None)
        .ok()
        .and_then(|set| NonZeroUsize::new(set.count() as usize))
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN);
    let quota = groups("cpu").iter().filter_map(|group| group.cpu_quota()).min();
    quota.map_or(allowed, |quota| quota.min(allowed))
}

/// `--mem auto`: the smaller of 60 % of available memory and 4 GiB, in bytes.
pub fn memory_budget() -> u64 {
    budget(available_memory())
}

/// 4 GiB, for machines that have more than enough.
const BUDGET_MAX: u64 = 4 << 30;

fn budget(available: Option<u64>) -> u64 {
    available.map_or(BUDGET_MAX, |bytes| (bytes / 5 * 3).clamp(1 << 20, BUDGET_MAX))
}

/// Bytes that can be had without swapping: the kernel's `MemAvailable`, cut to what the control
/// groups leave.
pub fn available_memory() -> Option<u64> {
    let system = fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_available(&text));
    let groups = groups("memory").iter().filter_map(Group::memory_left).min();
    [system, groups].into_iter().flatten().min()
}

fn mem_available(meminfo: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// One control group's folder.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// This process's groups for a controller, innermost first: a limit of any parent counts too.
fn groups(controller: &str) -> Vec<Group> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_folders(&text, controller, Path::new("/sys/fs/cgroup"))
}

/// `/proc/self/cgroup` has lines `id:controllers:path`; version 2 has no controllers. Inside a
/// container the path may not exist below the mount; its parents, the mount at last, do.
fn group_folders(proc_cgroup: &str, controller: &str, mount: &Path) -> Vec<Group> {
    let mut folders = Vec::new();
    for line in proc_cgroup.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, version) = match controllers {
            "" => (mount.to_owned(), Version::Two),
            names if names.split(',').any(|name| name == controller) => {
                (mount.join(controller), Version::One)
            }
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        folders.extend(path.ancestors().map(|p| Group { folder: root.join(p), version }));
    }
    folders
}

impl Group {
    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    fn cpu_quota(&self) -> Option<NonZeroUsize> {
        match self.version {
            Version::Two => cpu_max(&self.read("cpu.max")?),
            Version::One => {
                let quota = self.read("cpu.cfs_quota_us")?;
                let period = self.read("cpu.cfs_period_us")?;
                cpu_max(&format!("{} {}", quota.trim(), period.trim()))
            }
        }
    }

    fn memory_left(&self) -> Option<u64> {
        let (limit, usage, cache) = match self.version {
            Version::Two => ("memory.max", "memory.current", "inactive_file"),
            Version::One => {
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            }
        };
        let statistics = self.read("memory.stat").unwrap_or_default();
        memory_left(&self.read(limit)?, &self.read(usage)?, &statistics, cache)
    }
}

/// `cpu.max`: `QUOTA PERIOD` in microseconds; a quota of `max` (or -1 in version 1) is none.
fn cpu_max(text: &str) -> Option<NonZeroUsize> {
    let mut fields = text.split_whitespace();
    let quota: u64 = fields.next()?.parse().ok()?;
    let period: u64 = fields.next()?.parse().ok().filter(|p| *p > 0)?;
    NonZeroUsize::new(usize::try_from(quota.div_ceil(period)).ok()?)
}

/// The limit less what is used, where cached file pages that can be dropped do not count.
fn memory_left(limit: &str, usage: &str, statistics: &str, cache: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let usage: u64 = usage.trim().parse().ok()?;
    let cached = statistics
        .lines()
        .find_map(|line| line.strip_prefix(cache)?.strip_prefix(' ')?.trim().parse().ok())
        .unwrap_or(0);
    Some(limit.saturating_sub(usage.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_round_up_and_none_is_none() {
        let cores = |text| cpu_max(text).map(NonZeroUsize::get);
        assert_eq!(cores("200000 100000\n"), Some(2));
        assert_eq!(cores("150000 100000\n"), Some(2));
        assert_eq!(cores("5000 100000\n"), Some(1));
        assert_eq!(cores("max 100000\n"), None);
        assert_eq!(cores("-1 100000"), None);
        assert_eq!(cores("100000 0"), None);
        assert_eq!(cores(""), None);
    }

    #[test]
    fn groups_of_both_versions_are_found_with_their_parents() {
        let mount = Path::new("/m");
        let folders = |text, controller| -> Vec<PathBuf> {
            group_folders(text, controller, mount).into_iter().map(|g| g.folder).collect()
        };
        assert_eq!(
            folders("0::/a/b\n", "cpu"),
            [Path::new("/m/a/b"), Path::new("/m/a"), Path::new("/m/")]
        );
        let hybrid = "5:memory:/x\n4:cpu,cpuacct:/docker/c\n1:name=systemd:/\n";
        assert_eq!(
            folders(hybrid, "cpu"),
            [Path::new("/m/cpu/docker/c"), Path::new("/m/cpu/docker"), Path::new("/m/cpu/")]
        );
        assert_eq!(folders(hybrid, "memory").len(), 2);
        assert_eq!(folders("0::/a:b\n", "cpu")[0], Path::new("/m/a:b"));
    }

    #[test]
    fn dropped_caches_count_as_free() {
        let statistics = "anon 5\nfile 90\ninactive_file_x 1\ninactive_file 60\n";
        assert_eq!(memory_left("1000\n", "300\n", statistics, "inactive_file"), Some(760));
        assert_eq!(memory_left("max\n", "300\n", statistics, "inactive_file"), None);
        assert_eq!(memory_left("100\n", "300\n", "", "inactive_file"), Some(0));
    }

    #[test]
    fn the_budget_is_the_smaller_of_two() {
        assert_eq!(mem_available("MemTotal: 9 kB\nMemAvailable:   10 kB\n"), Some(10_240));
        assert_eq!(budget(Some(10 << 30)), 4 << 30);
        assert_eq!(budget(Some(1000 << 20)), 600 << 20);
        assert_eq!(budget(None), 4 << 30);
    }

    #[test]
    fn this_machine_has_a_core() {
        assert!(cores().get() >= 1);
        assert!(memory_budget() >= 1 << 20);
    }
}
