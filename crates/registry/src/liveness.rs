//! Whether what is registered lives and works: leases that are renewed or lapse, and checks that the members make.

mod lessor;
pub(crate) mod prober;

pub(crate) use lessor::Lessor;
pub use lessor::{LeaseStatus, Vitality};
pub use prober::{Dial, InvalidCertificates, Network, ProbePolicy, Probing, Trust};
