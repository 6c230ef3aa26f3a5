//! The writes of a session.

use quorate_model::{Availability, DrainTime, Generation, InstanceId, InstancePatch, ServiceName};
use quorate_proto::{
    registry as pb,
    request::{Keyed, Lifetime, SetAvailability},
};

use super::Session;
use crate::{Answer, Changed, Deregistered, Error, RegisterOptions, Registered, client::registry};

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
        mut registration: RegisterOptions,
    ) -> Result<Answer<Registered>, Error> {
        self.own(&mut registration)?;
        let write = self.client.to_register(service, id, registration);
        let request = |key| pb::RegisterRequest::from(Keyed { write, key: Some(key) });
        let send = |channel, request| async move { registry(channel).register(request).await };
        self.write(request, send).await
    }

    /// The same for an instance that lives as long as this session: its lease keeps the registration, whatever lifetime the
    /// options state. It leaves default answers when the process dies, comes back if the process does in time, and goes
    /// when the session is closed or its lease expires.
    ///
    /// When the session is lost, so is the registration. [`Client::registration`](crate::Client::registration) makes one
    /// that sees to that by itself.
    ///
    /// # Errors
    ///
    /// Those of [`Client::register`](crate::Client::register), and [`Error::SessionLost`].
    pub async fn register_kept(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        options: RegisterOptions,
    ) -> Result<Answer<Registered>, Error> {
        let lifetime = Lifetime::Lease(self.lease());
        let options = RegisterOptions { lifetime, ..options };
        self.register(service, id, options).await
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
        let write = self
            .client
            .to_set_availability(service, id, generation, availability, None);
        self.write_availability(write).await
    }

    /// Lets an instance finish what it has and gives it nothing new, for so long in the time of the cluster; then it is
    /// disabled. With a `generation`, only if that one is the current one.
    ///
    /// # Errors
    ///
    /// Those of [`Client::drain`](crate::Client::drain), and [`Error::SessionLost`].
    pub async fn drain(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        time: DrainTime,
    ) -> Result<Answer<Changed>, Error> {
        let draining = Availability::Draining;
        let write = self
            .client
            .to_set_availability(service, id, generation, draining, Some(time));
        self.write_availability(write).await
    }

    async fn write_availability(&self, write: SetAvailability) -> Result<Answer<Changed>, Error> {
        let request = |key| pb::SetAvailabilityRequest::from(Keyed { write, key: Some(key) });
        let send = |channel, request| async move { registry(channel).set_availability(request).await };
        self.write(request, send).await
    }
}
