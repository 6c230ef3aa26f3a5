//! Requests that change the catalog.

use quorate_model::{Availability, Generation, InstanceId, InstancePatch, ServiceName};
use quorate_proto::{
    registry as pb,
    request::{Deregister, Register, SetAvailability, Update},
};

use super::{Client, registry};
use crate::{Answer, Changed, Deregistered, Error, Registered, Registration, call::Purpose};

// === impl Client ===

impl Client {
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
}
