//! Plans: from a chain and a layout to the passes that the engine runs.

mod parse;

use crate::filter::Filter;
use std::fmt;
use std::sync::Arc;

/// A filter chain: filters in order. Empty changes nothing.
#[derive(Clone, Default)]
pub struct Chain {
    filters: Vec<Arc<dyn Filter>>,
}

impl Chain {
    /// A chain of filters that are built already.
    pub fn new(filters: Vec<Arc<dyn Filter>>) -> Self {
        Self { filters }
    }

    /// The filters, first to last.
    pub fn filters(&self) -> &[Arc<dyn Filter>] {
        &self.filters
    }
}

impl fmt::Display for Chain {
    /// The chain as text that parses to the same chain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, filter) in self.filters.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{filter}")?;
        }
        Ok(())
    }
}
