//! The frozen format of mutations: items of batches, and what a mutation by itself shares with them.

use bincode::Options as _;
use quorate_model::{
    Availability, DrainTime, Generation, InstancePatch, InvalidValue, LeaseId, LeaseTtl, Lifetime, Metadata, Patch,
    Tags, Takeover, Version, Weight,
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::check::{CheckV1, VerdictV1, checks_v1, parse_checks};
use super::value::{
    AvailabilityV1, EndpointV1, KeyV1, LocalityV1, SpecV1, Text, endpoints_v1, metadata_v1, parse_endpoints, tags_v1,
    text,
};
use crate::Mutation;

/// Bytes of an item besides its mutation: the place, which is a number of up to four bytes with a marker.
const PART_LEN: usize = 5;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum MutationV1 {
    Register(RegisterV1),
    Update(UpdateV1),
    Deregister(DeregisterV1),
    SetAvailability(SetAvailabilityV1),
    RegisterKept(RegisterKeptV1),
    Drain(DrainV1),
    RegisterChecked(RegisterCheckedV1),
    ReportCheck(ReportCheckV1),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegisterV1 {
    key: KeyV1,
    spec: SpecV1,
    takeover: TakeoverV1,
    registered_at_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UpdateV1 {
    key: KeyV1,
    generation: Option<u64>,
    patch: PatchV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeregisterV1 {
    key: KeyV1,
    generation: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SetAvailabilityV1 {
    key: KeyV1,
    availability: AvailabilityV1,
    generation: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegisterKeptV1 {
    register: RegisterV1,
    keeper: KeeperV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DrainV1 {
    key: KeyV1,
    generation: Option<u64>,
    drain_ms: u64,
}

/// A registration with checks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegisterCheckedV1 {
    register: RegisterV1,
    keeper: Option<KeeperV1>,
    checks: Vec<CheckV1>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReportCheckV1 {
    key: KeyV1,
    generation: Option<u64>,
    check: Text,
    verdict: VerdictV1,
    output: Text,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum KeeperV1 {
    Own { ttl_ms: u64 },
    Lease { id: u64 },
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
    match &mut timeless {
        MutationV1::Register(register) => register.registered_at_ms = 0,
        MutationV1::RegisterKept(kept) => kept.register.registered_at_ms = 0,
        MutationV1::RegisterChecked(checked) => checked.register.registered_at_ms = 0,
        MutationV1::Update(_)
        | MutationV1::Deregister(_)
        | MutationV1::SetAvailability(_)
        | MutationV1::Drain(_)
        | MutationV1::ReportCheck(_) => {}
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
                lifetime,
                registered_at_ms,
            } => {
                let register = RegisterV1 {
                    key: key.into(),
                    spec: spec.into(),
                    takeover: (*takeover).into(),
                    registered_at_ms: *registered_at_ms,
                };
                let keeper = keeper_v1(*lifetime);
                if !spec.checks().is_empty() {
                    return Self::RegisterChecked(RegisterCheckedV1 {
                        register,
                        keeper,
                        checks: checks_v1(spec.checks()),
                    });
                }
                match keeper {
                    None => Self::Register(register),
                    Some(keeper) => Self::RegisterKept(RegisterKeptV1 { register, keeper }),
                }
            }
            Mutation::Update { key, generation, patch } => Self::Update(UpdateV1 {
                key: key.into(),
                generation: generation.map(Generation::get),
                patch: patch.into(),
            }),
            Mutation::Deregister { key, generation } => Self::Deregister(DeregisterV1 {
                key: key.into(),
                generation: generation.map(Generation::get),
            }),
            Mutation::SetAvailability {
                key,
                availability: Availability::Draining,
                drain: Some(time),
                generation,
            } => Self::Drain(DrainV1 {
                key: key.into(),
                generation: generation.map(Generation::get),
                drain_ms: time.as_ms(),
            }),
            Mutation::SetAvailability {
                key,
                availability,
                drain: _,
                generation,
            } => Self::SetAvailability(SetAvailabilityV1 {
                key: key.into(),
                availability: (*availability).into(),
                generation: generation.map(Generation::get),
            }),
            Mutation::ReportCheck {
                key,
                generation,
                check,
                verdict,
                output,
            } => Self::ReportCheck(ReportCheckV1 {
                key: key.into(),
                generation: generation.map(Generation::get),
                check: text(check),
                verdict: (*verdict).into(),
                output: text(output),
            }),
        }
    }
}

fn keeper_v1(lifetime: Lifetime) -> Option<KeeperV1> {
    match lifetime {
        Lifetime::Persistent => None,
        Lifetime::Ttl(ttl) => Some(KeeperV1::Own { ttl_ms: ttl.as_ms() }),
        Lifetime::Lease(id) => Some(KeeperV1::Lease { id: id.get() }),
    }
}

impl TryFrom<KeeperV1> for Lifetime {
    type Error = InvalidValue;

    fn try_from(keeper: KeeperV1) -> Result<Self, InvalidValue> {
        Ok(match keeper {
            KeeperV1::Own { ttl_ms } => Self::Ttl(LeaseTtl::from_ms(ttl_ms)?),
            KeeperV1::Lease { id } => Self::Lease(LeaseId::new(id)),
        })
    }
}

impl TryFrom<MutationV1> for Mutation {
    type Error = InvalidValue;

    fn try_from(mutation: MutationV1) -> Result<Self, InvalidValue> {
        Ok(match mutation {
            MutationV1::Register(register) => register.parse(Lifetime::Persistent, Vec::new())?,
            MutationV1::RegisterKept(kept) => kept.register.parse(kept.keeper.try_into()?, Vec::new())?,
            MutationV1::RegisterChecked(checked) => {
                let lifetime = checked.keeper.map(Lifetime::try_from).transpose()?;
                let lifetime = lifetime.unwrap_or(Lifetime::Persistent);
                checked.register.parse(lifetime, checked.checks)?
            }
            MutationV1::ReportCheck(report) => Self::ReportCheck {
                key: report.key.try_into()?,
                generation: report.generation.map(Generation::new),
                check: report.check.try_into()?,
                verdict: report.verdict.into(),
                output: report.output.try_into()?,
            },
            MutationV1::Update(update) => Self::Update {
                key: update.key.try_into()?,
                generation: update.generation.map(Generation::new),
                patch: update.patch.try_into()?,
            },
            MutationV1::Deregister(deregister) => Self::Deregister {
                key: deregister.key.try_into()?,
                generation: deregister.generation.map(Generation::new),
            },
            MutationV1::SetAvailability(set) => Self::SetAvailability {
                key: set.key.try_into()?,
                availability: set.availability.into(),
                drain: None,
                generation: set.generation.map(Generation::new),
            },
            MutationV1::Drain(drain) => Self::SetAvailability {
                key: drain.key.try_into()?,
                availability: Availability::Draining,
                drain: Some(DrainTime::from_ms(drain.drain_ms)?),
                generation: drain.generation.map(Generation::new),
            },
        })
    }
}

// === impl RegisterV1 ===

impl RegisterV1 {
    fn parse(self, lifetime: Lifetime, checks: Vec<CheckV1>) -> Result<Mutation, InvalidValue> {
        Ok(Mutation::Register {
            key: self.key.try_into()?,
            spec: self.spec.parse(parse_checks(checks)?)?,
            takeover: self.takeover.into(),
            lifetime,
            registered_at_ms: self.registered_at_ms,
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
