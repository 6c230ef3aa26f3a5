//! The client: one method for each request of the contract.

use std::sync::Arc;

use quorate_model::{Consistency, InstanceId, InstanceKey, NamespaceName, ServiceKey, ServiceName};
use quorate_proto::registry::registry_client::RegistryClient;
use tonic::transport::Channel;

use crate::{Builder, call::Caller};

mod reads;
mod writes;

/// Largest answer that is taken, in bytes: the 10,000 instances that a service may have fit while they have
/// less than 6 KiB on average.
const ANSWER_LEN_MAX: usize = 64 << 20;

/// A client of one cluster and one namespace. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    caller: Arc<Caller>,
    namespace: NamespaceName,
    consistency: Consistency,
}

// === impl Client ===

impl Client {
    /// Starts to put a client together.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(caller: Caller, namespace: NamespaceName, consistency: Consistency) -> Self {
        Self {
            caller: Arc::new(caller),
            namespace,
            consistency,
        }
    }

    /// The same client, of which reads are as fresh as this.
    #[must_use]
    pub fn with_consistency(&self, consistency: Consistency) -> Self {
        Self {
            consistency,
            ..self.clone()
        }
    }

    /// How fresh the answer to the next read has to be.
    fn consistency(&self) -> Consistency {
        self.consistency
    }

    fn key(&self, service: &ServiceName, id: &InstanceId) -> InstanceKey {
        InstanceKey {
            namespace: self.namespace.clone(),
            service: service.clone(),
            id: id.clone(),
        }
    }

    fn service_key(&self, service: &ServiceName) -> ServiceKey {
        ServiceKey {
            namespace: self.namespace.clone(),
            service: service.clone(),
        }
    }
}

fn registry(channel: Channel) -> RegistryClient<Channel> {
    RegistryClient::new(channel).max_decoding_message_size(ANSWER_LEN_MAX)
}
