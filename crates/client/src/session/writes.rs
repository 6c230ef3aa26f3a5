//! The writes of a session.

use quorate_model::{Availability, Generation, InstanceId, InstancePatch, ServiceName};
use quorate_proto::{registry as pb, request::Keyed};

use super::Session;
use crate::{Answer, Changed, Deregistered, Error, Registered, Registration, client::registry};

// === impl Session ===

impl Session {
    /// Makes an instance known, or renews the claim to it. A registration that says nothing of who stands behind it is
    /// made in the name of the [`holder`](Self::holder) of this session.
    ///
    /// # Errors
    ///
    /// Those of [`Client::register`](crate::Client::register), and [`Error::SessionLost`].
    pub async fn register(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        mut registration: Registration,
    ) -> Result<Answer<Registered>, Error> {
        self.own(&mut registration)?;
        let write = self.client.to_register(service, id, registration);
        let request = |key| pb::RegisterRequest::from(Keyed { write, key: Some(key) });
        let send = |channel, request| async move { registry(channel).register(request).await };
        self.write(request, send).await
    }

    /// Changes parts of an instance. With a `generation`, only if that one is the current one.
    ///
    /// # Errors
    ///
    /// Those of [`Client::update`](crate::Client::update), and [`Error::SessionLost`].
    pub async fn update(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        patch: InstancePatch,
    ) -> Result<Answer<Changed>, Error> {
        let write = self.client.to_update(service, id, generation, patch);
        let request = |key| pb::UpdateRequest::from(Keyed { write, key: Some(key) });
        let send = |channel, request| async move { registry(channel).update(request).await };
        self.write(request, send).await
    }

    /// Takes an instance out of the catalog. With a `generation`, only if that one is the current one.
    ///
    /// # Errors
    ///
    /// Those of [`Client::deregister`](crate::Client::deregister), and [`Error::SessionLost`].
    pub async fn deregister(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
    ) -> Result<Answer<Deregistered>, Error> {
        let write = self.client.to_deregister(service, id, generation);
        let request = |key| pb::DeregisterRequest::from(Keyed { write, key: Some(key) });
        let send = |channel, request| async move { registry(channel).deregister(request).await };
        self.write(request, send).await
    }

    /// States whether an instance is meant to get traffic. With a `generation`, only if that one is the current one.
    ///
    /// # Errors
    ///
    /// Those of [`Client::set_availability`](crate::Client::set_availability), and [`Error::SessionLost`].
    pub async fn set_availability(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        availability: Availability,
    ) -> Result<Answer<Changed>, Error> {
        let write = self.client.to_set_availability(service, id, generation, availability);
        let request = |key| pb::SetAvailabilityRequest::from(Keyed { write, key: Some(key) });
        let send = |channel, request| async move { registry(channel).set_availability(request).await };
        self.write(request, send).await
    }
}
