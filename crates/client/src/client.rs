//! The client: one method for each request of the contract.

use std::sync::Arc;

use quorate_model::{
    Availability, Consistency, Filter, Generation, Instance, InstanceId, InstanceKey, InstancePatch, InstanceSpec,
    NamespaceName, ServiceKey, ServiceName, Takeover,
};
use quorate_proto::{
    cluster::{StatusRequest, cluster_client::ClusterClient},
    registry::{self as pb, registry_client::RegistryClient},
    request::{
        Deregister, GetInstance, Lifetime, ListInstances, ListServices, Page, Register, Resolve, SetAvailability,
        Update,
    },
};
use tonic::transport::Channel;

use crate::{
    Answer, Builder, Changed, Deregistered, Error, Header, Instances, Registered, ServiceSummary, Status, answer,
    call::{Caller, Purpose},
};

/// Largest answer that is taken, in bytes: the 10,000 instances that a service may have fit while they have
/// less than 6 KiB on average.
const ANSWER_LEN_MAX: usize = 64 << 20;

/// A client of one cluster and one namespace. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    caller: Arc<Caller>,
    namespace: NamespaceName,
}

/// What is stated when an instance is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What is stated about it.
    pub spec: InstanceSpec,
    /// Whether another owner's registration may be pushed aside.
    pub takeover: Takeover,
    /// What keeps the registration.
    pub lifetime: Lifetime,
}

// === impl Registration ===

impl From<InstanceSpec> for Registration {
    /// A registration that pushes nobody aside and stays until it is taken out.
    fn from(spec: InstanceSpec) -> Self {
        Self {
            spec,
            takeover: Takeover::Forbidden,
            lifetime: Lifetime::Persistent,
        }
    }
}

// === impl Client ===

impl Client {
    /// Starts to put a client together.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(caller: Caller, namespace: NamespaceName) -> Self {
        let caller = Arc::new(caller);
        Self { caller, namespace }
    }

    /// Makes an instance known, or renews the claim to it.
    pub async fn register(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        registration: Registration,
    ) -> Result<Answer<Registered>, Error> {
        let request = Register {
            key: self.key(service, id),
            spec: registration.spec,
            takeover: registration.takeover,
            lifetime: registration.lifetime,
        };
        let request = pb::RegisterRequest::from(request);
        let send = |channel, request| async move { registry(channel).register(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Changes parts of an instance. With a `generation`, only if that one is the current one.
    pub async fn update(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        patch: InstancePatch,
    ) -> Result<Answer<Changed>, Error> {
        let key = self.key(service, id);
        let request = pb::UpdateRequest::from(Update { key, generation, patch });
        let send = |channel, request| async move { registry(channel).update(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Takes an instance out of the catalog. With a `generation`, only if that one is the current one.
    pub async fn deregister(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
    ) -> Result<Answer<Deregistered>, Error> {
        let key = self.key(service, id);
        let request = pb::DeregisterRequest::from(Deregister { key, generation });
        let send = |channel, request| async move { registry(channel).deregister(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// States whether an instance is meant to get traffic. With a `generation`, only if that one is the current one.
    pub async fn set_availability(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        availability: Availability,
    ) -> Result<Answer<Changed>, Error> {
        let request = pb::SetAvailabilityRequest::from(SetAvailability {
            key: self.key(service, id),
            generation,
            availability,
        });
        let send = |channel, request| async move { registry(channel).set_availability(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// One instance; [`Error::Refused`] with [`Reason::NotFound`](crate::Reason::NotFound) if it is not there.
    pub async fn get_instance(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        consistency: Consistency,
    ) -> Result<Answer<Instance>, Error> {
        let key = self.key(service, id);
        let request = pb::GetInstanceRequest::from(GetInstance { key, consistency });
        let send = |channel, request| async move { registry(channel).get_instance(request).await };
        self.caller.call(Purpose::Read, request, send).await
    }

    /// The instances of a service that `filter` asks for.
    pub async fn resolve(
        &self,
        service: &ServiceName,
        filter: Filter,
        consistency: Consistency,
    ) -> Result<Answer<Instances>, Error> {
        let request = pb::ResolveRequest::from(Resolve {
            service: self.service_key(service),
            filter,
            consistency,
        });
        let send = |channel, request| async move { registry(channel).resolve(request).await };
        self.caller.call(Purpose::Read, request, send).await
    }

    /// All services of the namespace, in the order of their names. Asks page by page, each with a deadline of
    /// its own; the header is that of the last page.
    pub async fn list_services(&self, consistency: Consistency) -> Result<Answer<Vec<ServiceSummary>>, Error> {
        let mut request = pb::ListServicesRequest::from(ListServices {
            namespace: self.namespace.clone(),
            consistency,
            page: Page::default(),
        });
        let mut services = Vec::new();
        loop {
            let send = |channel, request| async move { registry(channel).list_services(request).await };
            let answer: Answer<answer::Page<Vec<ServiceSummary>>> =
                self.caller.call(Purpose::Read, request.clone(), send).await?;
            services.extend(answer.value.part);
            if !turn_page(&mut request.page_token, answer.value.next_page_token, &answer.header)? {
                return Ok(Answer {
                    header: answer.header,
                    value: services,
                });
            }
        }
    }

    /// All instances of a service, whatever their state, in the order of their ids. Asks page by page, each
    /// with a deadline of its own; the header is that of the last page.
    pub async fn list_instances(
        &self,
        service: &ServiceName,
        consistency: Consistency,
    ) -> Result<Answer<Instances>, Error> {
        let mut request = pb::ListInstancesRequest::from(ListInstances {
            service: self.service_key(service),
            consistency,
            page: Page::default(),
        });
        let mut value = Instances {
            service_known: false,
            instances: Vec::new(),
        };
        loop {
            let send = |channel, request| async move { registry(channel).list_instances(request).await };
            let answer: Answer<answer::Page<Instances>> =
                self.caller.call(Purpose::Read, request.clone(), send).await?;
            value.service_known |= answer.value.part.service_known;
            value.instances.extend(answer.value.part.instances);
            if !turn_page(&mut request.page_token, answer.value.next_page_token, &answer.header)? {
                return Ok(Answer {
                    header: answer.header,
                    value,
                });
            }
        }
    }

    /// How the member that answers sees itself and the cluster.
    pub async fn status(&self) -> Result<Answer<Status>, Error> {
        let send = |channel, request| async move { ClusterClient::new(channel).status(request).await };
        self.caller.call(Purpose::Read, StatusRequest {}, send).await
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

/// Moves on to the page behind `token`; false if there is none. A token that does not move would never end.
fn turn_page(token: &mut String, next: String, header: &Header) -> Result<bool, Error> {
    if next.is_empty() {
        return Ok(false);
    }
    if next == *token {
        return Err(Error::BadAnswer {
            endpoint: format!("member {}", header.member_id),
            problem: format!("the page after {token:?} is said to begin there again"),
        });
    }
    *token = next;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use quorate_model::{ClusterId, Epoch, MemberId, Revision, Term};

    use super::*;

    #[test]
    fn pages_are_turned_to_the_last_and_never_in_a_circle() {
        let header = Header {
            cluster_id: ClusterId::new(1),
            epoch: Epoch::ZERO,
            member_id: MemberId::FIRST,
            term: Term::ZERO,
            revision: Revision::ZERO,
            leader: None,
            staleness_ms: None,
        };
        let mut token = String::new();
        assert_eq!(turn_page(&mut token, "b".into(), &header), Ok(true));
        assert_eq!(token, "b");
        assert!(turn_page(&mut token, "b".into(), &header).is_err());
        assert_eq!(turn_page(&mut token, String::new(), &header), Ok(false));
    }
}
