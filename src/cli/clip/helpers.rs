//! The ffmpegs of a clip job: found the first time that one is needed, and what they cost.

use std::sync::{Arc, OnceLock};

use lumaloom::error::Result;
use lumaloom::ffmpeg::{Ledger, Programs};

/// ffmpeg and ffprobe, looked for once, and the ledger of what they cost. Clones share both.
#[derive(Clone, Default)]
pub struct Helpers {
    ledger: Ledger,
    found: Arc<OnceLock<Programs>>,
}

impl Helpers {
    /// The programs.
    ///
    /// # Errors
    /// As for [`Programs::find`].
    pub fn programs(&self) -> Result<&Programs> {
        if let Some(programs) = self.found.get() {
            return Ok(programs);
        }
        let found = Programs::find(None, &self.ledger)?;
        Ok(self.found.get_or_init(|| found))
    }

    /// What those that have ended cost.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The same programs, if they were found, whose costs are entered apart.
    pub fn apart(&self) -> Self {
        let ledger = Ledger::default();
        let found = self.found.get().map(|programs| programs.entered_in(&ledger));
        Self { found: Arc::new(found.map_or_else(OnceLock::new, OnceLock::from)), ledger }
    }
}
