//! Questions to the catalog: which instances, and how fresh.

mod consistency;
mod filter;
mod sets;

pub use consistency::{Consistency, MaxStaleness};
pub use filter::{Filter, Include};
pub use sets::{AvailabilitySet, HealthSet};
