//! Whether what is registered lives: leases that are renewed or lapse.

mod lessor;

pub(crate) use lessor::Lessor;
pub use lessor::{LeaseStatus, Vitality};
