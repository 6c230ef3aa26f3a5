//! The load generator: what a cluster of Quorate does under load, and what a peer does under the same, measured by the
//! same program in the same way.
//!
//! [`hold`] keeps many leases alive at once and tells whether any of them lapsed, how long renewals took, and what they
//! cost the servers.

mod error;
mod hold;
mod latencies;
mod peers;
mod processes;

pub use error::Error;
pub use hold::{Figures, FindMax, HoldPlan, LEASES_MAX, find_max, hold};
pub use peers::Peer;
