//! Keys: what a service and an instance are found by.

use std::fmt;

use crate::{InstanceId, NamespaceName, ServiceName};

/// Names a service in the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// The namespace it belongs to.
    pub namespace: NamespaceName,
    /// Its name there.
    pub service: ServiceName,
}

/// Names an instance in the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    /// The namespace of its service.
    pub namespace: NamespaceName,
    /// The service that it is an instance of.
    pub service: ServiceName,
    /// Its id there.
    pub id: InstanceId,
}

// === impl ServiceKey ===

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)
    }
}

// === impl InstanceKey ===

impl InstanceKey {
    /// The key of the service that this is an instance of.
    #[must_use]
    pub fn service_key(&self) -> ServiceKey {
        ServiceKey {
            namespace: self.namespace.clone(),
            service: self.service.clone(),
        }
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.service, self.id)
    }
}
