//! Writes as messages, and what they leave behind.

use quorate_model::{Found, MetadataKey};
use quorate_proto::{
    registry::{
        self as pb,
        write_batch_request::{Item, item},
        write_batch_response::{ItemOutcome, item_outcome},
    },
    status::{Reason, Retry},
};

use super::SERVICE;

/// The metadata key that carries what was written.
const VALUE: &str = "value";

/// A write.
#[derive(Debug, Clone)]
pub(super) enum Write {
    Register(pb::RegisterRequest),
    Update(pb::UpdateRequest),
    Deregister(pb::DeregisterRequest),
    SetAvailability(pb::SetAvailabilityRequest),
    Batch(pb::WriteBatchRequest),
}

// === impl Write ===

impl Write {
    pub(super) fn register(key: Option<pb::RequestKey>, id: &str, value: u64) -> Self {
        let endpoint = pb::Endpoint {
            address: "10.0.0.1".to_owned(),
            port: 80,
            protocol: String::new(),
        };
        Self::Register(pb::RegisterRequest {
            service: SERVICE.to_owned(),
            id: id.to_owned(),
            endpoints: vec![endpoint],
            metadata: [(VALUE.to_owned(), value.to_string())].into(),
            key,
            ..pb::RegisterRequest::default()
        })
    }

    pub(super) fn update(key: Option<pb::RequestKey>, id: &str, value: u64) -> Self {
        let entries = [(VALUE.to_owned(), value.to_string())].into();
        Self::Update(pb::UpdateRequest {
            service: SERVICE.to_owned(),
            id: id.to_owned(),
            metadata: Some(pb::update_request::MetadataMap { entries }),
            key,
            ..pb::UpdateRequest::default()
        })
    }

    pub(super) fn deregister(key: Option<pb::RequestKey>, id: &str) -> Self {
        Self::Deregister(pb::DeregisterRequest {
            service: SERVICE.to_owned(),
            id: id.to_owned(),
            key,
            ..pb::DeregisterRequest::default()
        })
    }

    pub(super) fn set_availability(key: Option<pb::RequestKey>, id: &str, availability: pb::Availability) -> Self {
        Self::SetAvailability(pb::SetAvailabilityRequest {
            service: SERVICE.to_owned(),
            id: id.to_owned(),
            availability: availability.into(),
            key,
            ..pb::SetAvailabilityRequest::default()
        })
    }

    /// The same registration with so many more bytes.
    pub(super) fn padded(mut self, len: usize) -> Self {
        if let Self::Register(message) = &mut self {
            message.metadata.insert("padding".to_owned(), "x".repeat(len));
        }
        self
    }

    /// The same, as an item of a batch.
    pub(super) fn into_item(self) -> Item {
        let write = match self {
            Self::Register(message) => item::Write::Register(message),
            Self::Update(message) => item::Write::Update(message),
            Self::Deregister(message) => item::Write::Deregister(message),
            Self::SetAvailability(message) => item::Write::SetAvailability(message),
            Self::Batch(_) => panic!("a batch is no item"),
        };
        Item { write: Some(write) }
    }
}

/// Whether a request that failed for this reason was refused for good: sent again, it is refused again.
pub(super) fn is_refusal(reason: &str) -> bool {
    Reason::from_word(reason).is_some_and(|reason| reason.retry() == Retry::Never)
}

/// An instance that was taken out has no revision of its own.
pub(super) fn forget_revision_if_gone(outcome: &mut ItemOutcome) {
    if let Some(item_outcome::Outcome::Done(done)) = &mut outcome.outcome
        && done.generation == 0
    {
        done.revision = 0;
    }
}

/// What was written to an instance last.
pub(super) fn value(found: &Found) -> u64 {
    let key = MetadataKey::try_from(VALUE).expect("a valid key");
    let value = found.spec().metadata().get(&key).expect("it carries a value");
    value.as_str().parse().expect("the value is a number")
}
