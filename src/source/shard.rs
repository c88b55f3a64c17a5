//! Shards: a share of the inputs that depends on each input's own path and on nothing else.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};

/// One of `count` shares. Together they hold each input exactly once, on any machine and
/// whatever else lies in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Share `index`, 1..=`count`, of `count`.
    ///
    /// # Errors
    /// `Usage` outside that range.
    pub fn new(index: u64, count: u64) -> Result<Self> {
        if (1..=count).contains(&index) {
            return Ok(Self { index, count });
        }
        Err(Error::usage(format!("--shard {index}/{count}: K/N needs K from 1 to N, like 2/8")))
    }

    /// Whether the input with this relative path belongs to it.
    pub fn holds(self, rel: &Path) -> bool {
        // XXH3 is fixed by its specification, so shards of different machines and versions fit.
        let bytes = AsRef::<OsStr>::as_ref(rel).as_bytes();
        xxh3_64(bytes) % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text
            .split_once('/')
            .and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) => Self::new(index, count),
            None => Err(Error::usage(format!("--shard {text:?}: a shard is K/N, like 2/8"))),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_belongs_to_exactly_one_shard_and_shares_are_even() {
        let shards: Vec<Shard> = (1..=4).map(|k| Shard::new(k, 4).unwrap()).collect();
        let mut counts = [0; 4];
        for n in 0..4000 {
            let path = format!("folder/{n}.jpg");
            let holders: Vec<usize> =
                (0..4).filter(|i| shards[*i].holds(Path::new(&path))).collect();
            assert_eq!(holders.len(), 1, "{path}");
            counts[holders[0]] += 1;
        }
        // Binomial: the standard deviation is 27.
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn the_assignment_never_changes() {
        // Frozen: journals of earlier versions and of other machines rely on it.
        let holder =
            |path: &str| (1..=8).find(|k| Shard::new(*k, 8).unwrap().holds(Path::new(path)));
        let found: Vec<u64> =
            ["a.jpg", "b/c.png", "ä.webp"].into_iter().filter_map(holder).collect();
        assert_eq!(found, [6, 5, 4]);
    }

    #[test]
    fn text() {
        assert_eq!("2/8".parse::<Shard>().unwrap().to_string(), "2/8");
        for text in ["0/8", "9/8", "1", "1/0", "a/b", "1/", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
