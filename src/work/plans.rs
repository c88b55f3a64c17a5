//! Plans that were made already: a folder of photographs from one camera needs one.

use std::sync::{Arc, RwLock, TryLockError};

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{Format, Header};
use crate::error::Result;
use crate::filter::Dihedral;
use crate::frame::Layout;
use crate::plan::Plan;

/// What a plan depends on beside the chain and the options, which are those of the job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Key {
    format: Format,
    layout: Layout,
    orientation: Dihedral,
    profile: Option<u64>,
}

impl Key {
    pub fn of(header: &Header) -> Self {
        Self {
            format: header.format,
            layout: header.layout,
            orientation: header.orientation,
            profile: header.icc.as_deref().map(xxh3_64),
        }
    }
}

/// The plans made last. The pool never waits here: where another thread is busy with the list,
/// a plan is made once more, which costs a few tables.
#[derive(Default)]
pub(super) struct Plans {
    list: RwLock<Vec<(Key, Arc<Plan>)>>,
}

/// A plan may hold a few hundred KiB of tables.
const KEEP: usize = 32;

impl Plans {
    /// The plan for `key`, made if it is not there.
    pub fn get(&self, key: Key, make: impl FnOnce() -> Result<Plan>) -> Result<Arc<Plan>> {
        let known = match self.list.try_read() {
            Ok(list) => find(&list, &key),
            Err(TryLockError::Poisoned(list)) => find(&list.into_inner(), &key),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(plan) = known {
            return Ok(plan);
        }
        let plan = Arc::new(make()?);
        if let Ok(mut list) = self.list.try_write() {
            if list.len() == KEEP {
                list.remove(0);
            }
            list.push((key, plan.clone()));
        }
        Ok(plan)
    }
}

fn find(list: &[(Key, Arc<Plan>)], key: &Key) -> Option<Arc<Plan>> {
    list.iter().find(|(known, _)| known == key).map(|(_, plan)| plan.clone())
}
