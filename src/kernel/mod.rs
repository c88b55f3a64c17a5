//! The loops over samples, by layout and instruction set. Sees operations, never the plan.
