//! Requests that change the catalog.

use quorate_model::{
    Availability, CheckName, CheckOutput, DrainTime, Generation, InstanceId, InstancePatch, ServiceName, Verdict,
};
use quorate_proto::{
    registry as pb,
    request::{Deregister, Keyed, Register, ReportCheck, SetAvailability, Update},
};

use super::{Client, registry};
use crate::{Answer, Changed, CheckReported, Deregistered, Error, RegisterOptions, Registered, call::Purpose};

// === impl Client ===

impl Client {
    /// Makes an instance known, or renews the claim to it.
    ///
    /// Registering the same again, by the same owner and incarnation, changes nothing; other content is an update of
    /// the same generation. Another incarnation begins a new generation.
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use quorate_client::model::{Endpoint, InstanceSpec, SpecParts};
    ///
    /// let endpoint = Endpoint { address: "10.0.0.1".parse()?, port: "8080".parse()?, protocol: None };
    /// let mut parts = SpecParts::new(endpoint.into());
    /// parts.version = Some("1.4.0".parse()?);
    /// let spec = InstanceSpec::new(parts)?;
    /// let registered = client.register(&"payments".parse()?, &"payments-1".parse()?, spec.into()).await?;
    /// println!("generation {}", registered.value.generation);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ALREADY_EXISTS` if another owner holds the id and the registration does not take it
    /// over, with `LIMIT_EXCEEDED` if there are too many; [`Error::Unavailable`] with `READ_ONLY` while the cluster is
    /// short of disk.
    pub async fn register(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        registration: RegisterOptions,
    ) -> Result<Answer<Registered>, Error> {
        let write = self.to_register(service, id, registration);
        let request = pb::RegisterRequest::from(Keyed::unkeyed(write));
        let send = |channel, request| async move { registry(channel).register(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Changes parts of an instance. With a `generation`, only if that one is the current one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `NOT_FOUND` if there is no such instance, with `STALE_GENERATION` if it has another
    /// generation by now.
    pub async fn update(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        patch: InstancePatch,
    ) -> Result<Answer<Changed>, Error> {
        let write = self.to_update(service, id, generation, patch);
        let request = pb::UpdateRequest::from(Keyed::unkeyed(write));
        let send = |channel, request| async move { registry(channel).update(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Takes an instance out of the catalog. With a `generation`, only if that one is the current one. One that is not
    /// there is no error.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `STALE_GENERATION` if it has another generation by now.
    pub async fn deregister(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
    ) -> Result<Answer<Deregistered>, Error> {
        let write = self.to_deregister(service, id, generation);
        let request = pb::DeregisterRequest::from(Keyed::unkeyed(write));
        let send = |channel, request| async move { registry(channel).deregister(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// States whether an instance is meant to get traffic. With a `generation`, only if that one is the current one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `NOT_FOUND` if there is no such instance, with `STALE_GENERATION` if it has another
    /// generation by now.
    pub async fn set_availability(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        availability: Availability,
    ) -> Result<Answer<Changed>, Error> {
        let write = self.to_set_availability(service, id, generation, availability, None);
        let request = pb::SetAvailabilityRequest::from(Keyed::unkeyed(write));
        let send = |channel, request| async move { registry(channel).set_availability(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Lets an instance finish what it has and gives it nothing new, for so long in the time of the cluster; then it is
    /// disabled. [`set_availability`](Self::set_availability) lets it drain without end. With a `generation`, only if that
    /// one is the current one.
    ///
    /// # Errors
    ///
    /// Those of [`set_availability`](Self::set_availability).
    pub async fn drain(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        time: DrainTime,
    ) -> Result<Answer<Changed>, Error> {
        let write = self.to_set_availability(service, id, generation, Availability::Draining, Some(time));
        let request = pb::SetAvailabilityRequest::from(Keyed::unkeyed(write));
        let send = |channel, request| async move { registry(channel).set_availability(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Tells what was found of a check of an instance that nobody else makes, with some words for whoever looks. What is
    /// found already changes nothing. With a `generation`, only if that one is the current one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `NOT_FOUND` if there is no such instance or check, with `STALE_GENERATION` if it has another
    /// generation by now, with `INVALID_ARGUMENT` if the members make the check.
    pub async fn report_check(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        check: &CheckName,
        (verdict, output): (Verdict, CheckOutput),
    ) -> Result<Answer<CheckReported>, Error> {
        let request = pb::ReportCheckRequest::from(ReportCheck {
            key: self.key(service, id),
            generation,
            check: check.clone(),
            verdict,
            output,
        });
        let send = |channel, request| async move { registry(channel).report_check(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    pub(crate) fn to_register(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        registration: RegisterOptions,
    ) -> Register {
        let key = self.key(service, id);
        let RegisterOptions {
            spec,
            takeover,
            lifetime,
        } = registration;
        Register {
            key,
            spec,
            takeover,
            lifetime,
        }
    }

    pub(crate) fn to_update(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        patch: InstancePatch,
    ) -> Update {
        let key = self.key(service, id);
        Update { key, generation, patch }
    }

    pub(crate) fn to_deregister(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
    ) -> Deregister {
        let key = self.key(service, id);
        Deregister { key, generation }
    }

    pub(crate) fn to_set_availability(
        &self,
        service: &ServiceName,
        id: &InstanceId,
        generation: Option<Generation>,
        availability: Availability,
        drain: Option<DrainTime>,
    ) -> SetAvailability {
        let key = self.key(service, id);
        SetAvailability {
            key,
            generation,
            availability,
            drain,
        }
    }
}
