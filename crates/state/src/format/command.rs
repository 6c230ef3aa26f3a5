//! The frozen format of commands.

use quorate_model::{
    ClusterId, Epoch, Generation, InstancePatch, InvalidValue, JoinNonce, Metadata, Patch, Tags, Takeover, Version,
    Weight,
};
use serde::{Deserialize, Serialize};

use super::value::{
    AvailabilityV1, EndpointV1, KeyV1, LocalityV1, SpecV1, Text, endpoints_v1, metadata_v1, parse_endpoints, tags_v1,
    text,
};
use crate::Command;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum CommandV1 {
    Found {
        cluster_id: u128,
        epoch: u64,
    },
    AllocateMember {
        nonce: u128,
    },
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

// === impl CommandV1 ===

impl From<&Command> for CommandV1 {
    fn from(command: &Command) -> Self {
        match command {
            Command::Found { cluster_id, epoch } => Self::Found {
                cluster_id: cluster_id.get(),
                epoch: epoch.get(),
            },
            Command::AllocateMember { nonce } => Self::AllocateMember { nonce: nonce.get() },
            Command::Register {
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
            Command::Update { key, generation, patch } => Self::Update {
                key: key.into(),
                generation: generation.map(Generation::get),
                patch: patch.into(),
            },
            Command::Deregister { key, generation } => Self::Deregister {
                key: key.into(),
                generation: generation.map(Generation::get),
            },
            Command::SetAvailability {
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

impl TryFrom<CommandV1> for Command {
    type Error = InvalidValue;

    fn try_from(command: CommandV1) -> Result<Self, InvalidValue> {
        Ok(match command {
            CommandV1::Found { cluster_id, epoch } => Self::Found {
                cluster_id: ClusterId::new(cluster_id),
                epoch: Epoch::new(epoch),
            },
            CommandV1::AllocateMember { nonce } => Self::AllocateMember {
                nonce: JoinNonce::new(nonce),
            },
            CommandV1::Register {
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
            CommandV1::Update { key, generation, patch } => Self::Update {
                key: key.try_into()?,
                generation: generation.map(Generation::new),
                patch: patch.try_into()?,
            },
            CommandV1::Deregister { key, generation } => Self::Deregister {
                key: key.try_into()?,
                generation: generation.map(Generation::new),
            },
            CommandV1::SetAvailability {
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
