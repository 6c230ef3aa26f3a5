//! The frozen format of mutations: items of batches, and what a mutation by itself shares with them.

use bincode::Options as _;
use quorate_model::{Generation, InstancePatch, InvalidValue, Metadata, Patch, Tags, Takeover, Version, Weight};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::value::{
    AvailabilityV1, EndpointV1, KeyV1, LocalityV1, SpecV1, Text, endpoints_v1, metadata_v1, parse_endpoints, tags_v1,
    text,
};
use crate::Mutation;

/// Bytes of an item besides its mutation: the place, which is a number of up to four bytes with a marker.
const PART_LEN: usize = 5;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum MutationV1 {
    Register {
        key: KeyV1,
        spec: SpecV1,
        takeover: TakeoverV1,
        registered_at_ms: u64,
    },
    Update {
        key: KeyV1,
        generation: Option<u64>,
        patch: PatchV1,
    },
    Deregister {
        key: KeyV1,
        generation: Option<u64>,
    },
    SetAvailability {
        key: KeyV1,
        availability: AvailabilityV1,
        generation: Option<u64>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TakeoverV1 {
    Forbidden,
    Allowed,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PatchV1 {
    endpoints: Option<Vec<EndpointV1>>,
    version: VersionPatchV1,
    weight: Option<u16>,
    locality: Option<LocalityV1>,
    metadata: Option<Vec<(Text, Text)>>,
    tags: Option<Vec<Text>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum VersionPatchV1 {
    Keep,
    Clear,
    Set(Text),
}

/// By what a repetition of a mutation is known: all of it but the time, which is for display.
pub(crate) fn mutation_digest(mutation: &Mutation) -> u64 {
    let mut timeless = MutationV1::from(mutation);
    if let MutationV1::Register { registered_at_ms, .. } = &mut timeless {
        *registered_at_ms = 0;
    }
    let bytes = bincode::DefaultOptions::new()
        .serialize(&timeless)
        .expect("a mutation has neither a size limit here nor values that do not serialize");
    xxh3_64(&bytes)
}

/// Bytes that a mutation takes at most as an item of a batch.
pub(crate) fn item_len(mutation: &Mutation) -> usize {
    let len = bincode::DefaultOptions::new()
        .serialized_size(&MutationV1::from(mutation))
        .expect("a mutation has neither a size limit here nor values that do not serialize");
    PART_LEN + usize::try_from(len).expect("a mutation is in memory")
}

// === impl MutationV1 ===

impl From<&Mutation> for MutationV1 {
    fn from(mutation: &Mutation) -> Self {
        match mutation {
            Mutation::Register {
                key,
                spec,
                takeover,
                registered_at_ms,
            } => Self::Register {
                key: key.into(),
                spec: spec.into(),
                takeover: (*takeover).into(),
                registered_at_ms: *registered_at_ms,
            },
            Mutation::Update { key, generation, patch } => Self::Update {
                key: key.into(),
                generation: generation.map(Generation::get),
                patch: patch.into(),
            },
            Mutation::Deregister { key, generation } => Self::Deregister {
                key: key.into(),
                generation: generation.map(Generation::get),
            },
            Mutation::SetAvailability {
                key,
                availability,
                generation,
            } => Self::SetAvailability {
                key: key.into(),
                availability: (*availability).into(),
                generation: generation.map(Generation::get),
            },
        }
    }
}

impl TryFrom<MutationV1> for Mutation {
    type Error = InvalidValue;

    fn try_from(mutation: MutationV1) -> Result<Self, InvalidValue> {
        Ok(match mutation {
            MutationV1::Register {
                key,
                spec,
                takeover,
                registered_at_ms,
            } => Self::Register {
                key: key.try_into()?,
                spec: spec.try_into()?,
                takeover: takeover.into(),
                registered_at_ms,
            },
            MutationV1::Update { key, generation, patch } => Self::Update {
                key: key.try_into()?,
                generation: generation.map(Generation::new),
                patch: patch.try_into()?,
            },
            MutationV1::Deregister { key, generation } => Self::Deregister {
                key: key.try_into()?,
                generation: generation.map(Generation::new),
            },
            MutationV1::SetAvailability {
                key,
                availability,
                generation,
            } => Self::SetAvailability {
                key: key.try_into()?,
                availability: availability.into(),
                generation: generation.map(Generation::new),
            },
        })
    }
}

// === impl TakeoverV1 ===

impl From<Takeover> for TakeoverV1 {
    fn from(takeover: Takeover) -> Self {
        match takeover {
            Takeover::Forbidden => Self::Forbidden,
            Takeover::Allowed => Self::Allowed,
        }
    }
}

impl From<TakeoverV1> for Takeover {
    fn from(takeover: TakeoverV1) -> Self {
        match takeover {
            TakeoverV1::Forbidden => Self::Forbidden,
            TakeoverV1::Allowed => Self::Allowed,
        }
    }
}

// === impl PatchV1 ===

impl From<&InstancePatch> for PatchV1 {
    fn from(patch: &InstancePatch) -> Self {
        Self {
            endpoints: patch.endpoints.as_ref().map(endpoints_v1),
            version: (&patch.version).into(),
            weight: patch.weight.map(Weight::get),
            locality: patch.locality.as_ref().map(LocalityV1::from),
            metadata: patch.metadata.as_ref().map(metadata_v1),
            tags: patch.tags.as_ref().map(tags_v1),
        }
    }
}

impl TryFrom<PatchV1> for InstancePatch {
    type Error = InvalidValue;

    fn try_from(patch: PatchV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            endpoints: patch.endpoints.map(parse_endpoints).transpose()?,
            version: patch.version.try_into()?,
            weight: patch.weight.map(Weight::new),
            locality: patch.locality.map(TryInto::try_into).transpose()?,
            metadata: patch.metadata.map(Metadata::parse).transpose()?,
            tags: patch.tags.map(Tags::parse).transpose()?,
        })
    }
}

// === impl VersionPatchV1 ===

impl From<&Patch<Version>> for VersionPatchV1 {
    fn from(patch: &Patch<Version>) -> Self {
        match patch {
            Patch::Keep => Self::Keep,
            Patch::Clear => Self::Clear,
            Patch::Set(version) => Self::Set(text(version)),
        }
    }
}

impl TryFrom<VersionPatchV1> for Patch<Version> {
    type Error = InvalidValue;

    fn try_from(patch: VersionPatchV1) -> Result<Self, InvalidValue> {
        Ok(match patch {
            VersionPatchV1::Keep => Self::Keep,
            VersionPatchV1::Clear => Self::Clear,
            VersionPatchV1::Set(version) => Self::Set(version.try_into()?),
        })
    }
}
