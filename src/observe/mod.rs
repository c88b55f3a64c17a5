//! Observers: what listens to a run and makes something of it. None of them prints.
//!
//! The lecture that this program grew out of has three kinds of background helpers, and all
//! three are here or nearby: the long-running one (`monitor`), the periodic one
//! (`checkpoint`), and the one that acts on each event (the journal, in its own room).

pub mod checkpoint;
pub mod fan;
pub mod lines;
pub mod monitor;
pub mod tally;
pub mod ticker;
pub mod trace;

pub use checkpoint::Checkpoint;
pub use fan::Fan;
pub use lines::Lines;
pub use monitor::Monitor;
pub use tally::{Failure, Head, Outcome, Report, Tally, Unit};
pub use ticker::Ticker;
pub use trace::Trace;
