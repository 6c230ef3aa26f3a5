//! The frozen format of the objects that make up a state: what is hashed, and what a snapshot holds.

use bincode::Options as _;
use quorate_model::{
    ClusterId, Epoch, Generation, Instance, InstanceParts, InvalidValue, JoinNonce, MemberId, Revision,
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::value::{AvailabilityV1, KeyV1, SpecV1};
use crate::Cluster;

#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "nearly all objects are instances")]
pub(crate) enum ObjectV1 {
    Cluster {
        id: u128,
        epoch: u64,
        base: u64,
        last_member: u64,
    },
    JoinNonce {
        member: u64,
        nonce: u128,
    },
    Instance(InstanceV1),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InstanceV1 {
    key: KeyV1,
    spec: SpecV1,
    availability: AvailabilityV1,
    create_revision: u64,
    modify_revision: u64,
    generation: u64,
    registered_at_ms: u64,
}

/// An object whose values are valid.
#[derive(Debug)]
pub(crate) enum Object {
    Cluster { cluster: Cluster, last_member: MemberId },
    JoinNonce { member: MemberId, nonce: JoinNonce },
    Instance(Instance),
}

/// What an object adds to the hash of the state.
pub(crate) fn object_hash(object: &ObjectV1) -> u128 {
    let bytes = bincode::DefaultOptions::new()
        .serialize(object)
        .expect("an object has neither a size limit here nor values that do not serialize");
    xxh3_128(&bytes)
}

/// Bytes that an object takes in a snapshot chunk.
pub(crate) fn object_len(object: &ObjectV1) -> usize {
    let len = bincode::DefaultOptions::new()
        .serialized_size(object)
        .expect("an object has neither a size limit here nor values that do not serialize");
    usize::try_from(len).expect("an object is in memory")
}

// === impl ObjectV1 ===

impl ObjectV1 {
    pub(crate) fn cluster(cluster: Cluster, last_member: MemberId) -> Self {
        Self::Cluster {
            id: cluster.id.get(),
            epoch: cluster.epoch.get(),
            base: cluster.base.get(),
            last_member: last_member.get(),
        }
    }

    pub(crate) fn nonce(member: MemberId, nonce: JoinNonce) -> Self {
        Self::JoinNonce {
            member: member.get(),
            nonce: nonce.get(),
        }
    }
}

impl From<&Instance> for ObjectV1 {
    fn from(instance: &Instance) -> Self {
        Self::Instance(InstanceV1 {
            key: instance.key().into(),
            spec: instance.spec().into(),
            availability: instance.availability().into(),
            create_revision: instance.create_revision().get(),
            modify_revision: instance.modify_revision().get(),
            generation: instance.generation().get(),
            registered_at_ms: instance.registered_at_ms(),
        })
    }
}

impl TryFrom<ObjectV1> for Object {
    type Error = InvalidValue;

    fn try_from(object: ObjectV1) -> Result<Self, InvalidValue> {
        Ok(match object {
            ObjectV1::Cluster {
                id,
                epoch,
                base,
                last_member,
            } => Self::Cluster {
                cluster: Cluster {
                    id: ClusterId::new(id),
                    epoch: Epoch::new(epoch),
                    base: Revision::new(base),
                },
                last_member: last_member.try_into()?,
            },
            ObjectV1::JoinNonce { member, nonce } => Self::JoinNonce {
                member: member.try_into()?,
                nonce: JoinNonce::new(nonce),
            },
            ObjectV1::Instance(instance) => Self::Instance(instance.try_into()?),
        })
    }
}

// === impl InstanceV1 ===

impl TryFrom<InstanceV1> for Instance {
    type Error = InvalidValue;

    fn try_from(instance: InstanceV1) -> Result<Self, InvalidValue> {
        Ok(Self::new(InstanceParts {
            key: instance.key.try_into()?,
            spec: instance.spec.try_into()?,
            availability: instance.availability.into(),
            create_revision: Revision::new(instance.create_revision),
            modify_revision: Revision::new(instance.modify_revision),
            generation: Generation::new(instance.generation),
            registered_at_ms: instance.registered_at_ms,
        }))
    }
}
