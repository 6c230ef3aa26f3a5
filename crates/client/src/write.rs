//! Writes as items of a batch, and what each of them came to.

use quorate_model::{
    Availability, DrainTime, Generation, InstanceId, InstanceKey, InstancePatch, NamespaceName, Revision, ServiceName,
};
use quorate_proto::request::{self, Deregister, Register, SetAvailability, Update};

use crate::{Change, RegisterOptions};

/// A write of one instance: an item of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    service: ServiceName,
    id: InstanceId,
    deed: Deed,
}

/// What is to be done with the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Register(Box<RegisterOptions>),
    Update(Option<Generation>, Box<InstancePatch>),
    Deregister(Option<Generation>),
    SetAvailability(Option<Generation>, Availability, Option<DrainTime>),
}

/// What an item of a batch came to that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The revision of the last change of the instance: of this write, or, if it changed nothing, of one before. For an
    /// instance that is gone, a revision at which it was: a repetition is told a later one than the first attempt.
    pub revision: Revision,
    /// The generation of the registration; absent for an instance that was taken out.
    pub generation: Option<Generation>,
    /// Whether anything changed.
    pub changed: bool,
    /// What a registration changed; absent for everything else.
    pub registered: Option<Change>,
}

// === impl Write ===

impl Write {
    /// See [`Client::register`](crate::Client::register).
    pub fn register(service: ServiceName, id: InstanceId, registration: RegisterOptions) -> Self {
        let deed = Deed::Register(Box::new(registration));
        Self { service, id, deed }
    }

    /// See [`Client::update`](crate::Client::update).
    pub fn update(service: ServiceName, id: InstanceId, generation: Option<Generation>, patch: InstancePatch) -> Self {
        let deed = Deed::Update(generation, Box::new(patch));
        Self { service, id, deed }
    }

    /// See [`Client::deregister`](crate::Client::deregister).
    pub fn deregister(service: ServiceName, id: InstanceId, generation: Option<Generation>) -> Self {
        let deed = Deed::Deregister(generation);
        Self { service, id, deed }
    }

    /// See [`Client::set_availability`](crate::Client::set_availability).
    pub fn set_availability(
        service: ServiceName,
        id: InstanceId,
        generation: Option<Generation>,
        availability: Availability,
    ) -> Self {
        let deed = Deed::SetAvailability(generation, availability, None);
        Self { service, id, deed }
    }

    /// See [`Client::drain`](crate::Client::drain).
    pub fn drain(service: ServiceName, id: InstanceId, generation: Option<Generation>, time: DrainTime) -> Self {
        let deed = Deed::SetAvailability(generation, Availability::Draining, Some(time));
        Self { service, id, deed }
    }

    /// The registration that it makes, if it makes one.
    pub(crate) fn registration_mut(&mut self) -> Option<&mut RegisterOptions> {
        match &mut self.deed {
            Deed::Register(registration) => Some(registration),
            Deed::Update(..) | Deed::Deregister(_) | Deed::SetAvailability(..) => None,
        }
    }

    /// The request for it in a namespace.
    pub(crate) fn into_request(self, namespace: NamespaceName) -> request::Write {
        let Self { service, id, deed } = self;
        let key = InstanceKey { namespace, service, id };
        match deed {
            Deed::Register(registration) => {
                let RegisterOptions {
                    spec,
                    takeover,
                    lifetime,
                } = *registration;
                request::Write::Register(Box::new(Register {
                    key,
                    spec,
                    takeover,
                    lifetime,
                }))
            }
            Deed::Update(generation, patch) => {
                let patch = *patch;
                request::Write::Update(Box::new(Update { key, generation, patch }))
            }
            Deed::Deregister(generation) => request::Write::Deregister(Deregister { key, generation }),
            Deed::SetAvailability(generation, availability, drain) => {
                request::Write::SetAvailability(SetAvailability {
                    key,
                    generation,
                    availability,
                    drain,
                })
            }
        }
    }
}
