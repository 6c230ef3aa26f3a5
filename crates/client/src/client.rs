//! The client: one method for each request of the contract.

use std::sync::Arc;

use prost::Message;
use quorate_model::{Consistency, InstanceId, InstanceKey, NamespaceName, ServiceKey, ServiceName};
use quorate_proto::{convert::InvalidField, registry::registry_client::RegistryClient};
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    Answer, Builder, Error, Reason,
    call::{Caller, Purpose},
    keeper::Keeper,
};

mod batch;
mod leases;
mod members;
mod operator;
mod pick;
mod reads;
mod snapshot;
#[cfg(test)]
mod tests;
mod writes;

pub(crate) use batch::{complete, not_sent};
pub use leases::LeaseOptions;
pub(crate) use leases::leases_client;
pub use snapshot::SnapshotStream;

/// Largest answer that is taken, in bytes: the 10,000 instances that a service may have fit while they have
/// less than 6 KiB on average.
const ANSWER_LEN_MAX: usize = 64 << 20;

/// A client of one cluster and one namespace. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) caller: Arc<Caller>,
    /// Ends with the last clone, and with it the task that renews.
    pub(crate) keeper: Arc<Keeper>,
    namespace: NamespaceName,
    /// How fresh answers to reads have to be; not older than what was seen, if absent.
    consistency: Option<Consistency>,
}

// === impl Client ===

impl Client {
    /// Starts to put a client together.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(caller: Caller, namespace: NamespaceName, consistency: Option<Consistency>) -> Self {
        Self {
            caller: Arc::new(caller),
            keeper: Arc::default(),
            namespace,
            consistency,
        }
    }

    /// The same client, of which reads are as fresh as this. It shares everything else with the one that it is made of.
    ///
    /// ```no_run
    /// # use quorate_client::{Client, Error, model::{Consistency, Filter, ServiceName}};
    /// # async fn example(client: Client, service: ServiceName) -> Result<(), Error> {
    /// // For a moment in which nothing that was acknowledged anywhere may be missed.
    /// let confirmed = client.with_consistency(Consistency::Linearizable);
    /// let answer = confirmed.resolve(&service, Filter::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_consistency(&self, consistency: Consistency) -> Self {
        Self {
            consistency: Some(consistency),
            ..self.clone()
        }
    }

    /// How fresh the answer to the next read has to be: as told, or not older than what was seen.
    pub(crate) fn consistency(&self) -> Consistency {
        self.consistency.unwrap_or_else(|| match self.caller.seen().newest() {
            Some(seen) => Consistency::AtLeast {
                epoch: Some(seen.epoch),
                revision: seen.revision,
            },
            None => Consistency::Stale,
        })
    }

    /// Asks for something, as fresh as this client wants it. A catalog that has been restored is another one: what was
    /// seen of the one before counts no more, and it is asked again.
    pub(crate) async fn read<Q, M, T, F, R>(
        &self,
        request: impl Fn(Consistency) -> Q,
        send: F,
    ) -> Result<Answer<T>, Error>
    where
        Q: Message + Clone,
        Answer<T>: TryFrom<M, Error = InvalidField>,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        let until = self.caller.deadline();
        let consistency = self.consistency();
        let asked = request(consistency);
        let answer = self.caller.call_until(until, Purpose::Read, &asked, &send).await;
        let is_restored = matches!(&answer, Err(error) if error.reason() == Some(Reason::EpochMismatch));
        match consistency {
            Consistency::AtLeast { epoch: Some(epoch), .. } if is_restored && self.consistency.is_none() => {
                self.caller.seen().forget(epoch);
                let again = request(self.consistency());
                self.caller.call_until(until, Purpose::Read, &again, &send).await
            }
            Consistency::AtLeast { .. }
            | Consistency::Stale
            | Consistency::Bounded { .. }
            | Consistency::Linearizable => answer,
        }
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

pub(crate) fn registry(channel: Channel) -> RegistryClient<Channel> {
    RegistryClient::new(channel).max_decoding_message_size(ANSWER_LEN_MAX)
}
