//! How the speed grows with the cores: measuring, the arithmetic on what was measured, and its
//! presentation. The middle one knows no clock and no text.

pub mod compare;
pub mod measure;
pub mod report;
pub mod stats;
pub mod table;
pub mod usage;
