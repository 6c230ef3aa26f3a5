//! What is stated when an instance is registered.

use quorate_model::{InstanceSpec, Takeover};
use quorate_proto::request::Lifetime;

/// What is stated when an instance is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterOptions {
    /// What is stated about it.
    pub spec: InstanceSpec,
    /// Whether another owner's registration may be pushed aside.
    pub takeover: Takeover,
    /// What keeps the registration.
    pub lifetime: Lifetime,
}

// === impl RegisterOptions ===

impl From<InstanceSpec> for RegisterOptions {
    /// A registration that pushes nobody aside and stays until it is taken out.
    fn from(spec: InstanceSpec) -> Self {
        Self {
            spec,
            takeover: Takeover::Forbidden,
            lifetime: Lifetime::Persistent,
        }
    }
}
