//! The frozen format of commands.

use quorate_model::{
    ClusterId, Epoch, ExpiresAfter, GuardTime, InvalidValue, JoinNonce, Leadership, LeaseId, LeaseTtl, RemoveAfter,
    RequestKey, Revision, Term,
};
use serde::{Deserialize, Serialize};

use super::{
    guard::GuardScopeV1,
    mutation::{KeeperV1, MutationV1, PatchV1, TakeoverV1},
    overrides::{OverrideSpecV1, OverrideTargetV1},
    settings::SettingsPatchV1,
    value::{AvailabilityV1, KeyV1, ServiceKeyV1, SpecV1, Text, optional_text, parse_optional},
};
use crate::{Command, Mutation};

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
    Batch {
        key: Option<RequestKeyV1>,
        items: Vec<(u32, MutationV1)>,
    },
    GrantLease {
        owner: Option<Text>,
        incarnation: u64,
        ttl_ms: u64,
        granted_at_ms: u64,
    },
    RevokeLease {
        id: u64,
    },
    SetOverride {
        spec: OverrideSpecV1,
        expires_after_ms: Option<u64>,
        set_at_ms: u64,
    },
    ClearOverride {
        target: OverrideTargetV1,
    },
    ExpireOverrides,
    SetServiceSettings {
        service: ServiceKeyV1,
        patch: SettingsPatchV1,
        reset: bool,
    },
    ClaimMember {
        id: u64,
        reserved: u128,
        nonce: u128,
    },
    RegisterKept {
        key: KeyV1,
        spec: SpecV1,
        takeover: TakeoverV1,
        registered_at_ms: u64,
        keeper: KeeperV1,
    },
    Drain {
        key: KeyV1,
        generation: Option<u64>,
        drain_ms: u64,
    },
    /// A grant with another time to stay than twice the TTL.
    GrantLeaseStaying {
        owner: Option<Text>,
        incarnation: u64,
        ttl_ms: u64,
        remove_after_ms: u64,
        granted_at_ms: u64,
    },
    LapseLeases {
        by: LeadershipV1,
        leases: Vec<(u64, u64)>,
    },
    ReviveLeases {
        by: LeadershipV1,
        leases: Vec<(u64, u64)>,
    },
    PassTime,
    RaiseGuard {
        scope: GuardScopeV1,
        lasts_ms: u64,
    },
    DropGuard {
        scope: GuardScopeV1,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LeadershipV1 {
    term: u64,
    leader: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestKeyV1 {
    lease: u64,
    sequence: u64,
    acked_below: u64,
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
            Command::Mutate(mutation) => MutationV1::from(mutation).into(),
            Command::Batch { key, items } => Self::Batch {
                key: key.as_ref().map(RequestKeyV1::from),
                items: items.iter().map(|(part, item)| (*part, item.into())).collect(),
            },
            Command::GrantLease {
                owner,
                incarnation,
                ttl,
                remove_after,
                granted_at_ms,
            } if *remove_after == RemoveAfter::of(*ttl) => Self::GrantLease {
                owner: optional_text(owner.as_ref()),
                incarnation: incarnation.get(),
                ttl_ms: ttl.as_ms(),
                granted_at_ms: *granted_at_ms,
            },
            Command::GrantLease {
                owner,
                incarnation,
                ttl,
                remove_after,
                granted_at_ms,
            } => Self::GrantLeaseStaying {
                owner: optional_text(owner.as_ref()),
                incarnation: incarnation.get(),
                ttl_ms: ttl.as_ms(),
                remove_after_ms: remove_after.as_ms(),
                granted_at_ms: *granted_at_ms,
            },
            Command::RevokeLease { id } => Self::RevokeLease { id: id.get() },
            Command::SetOverride {
                spec,
                expires_after,
                set_at_ms,
            } => Self::SetOverride {
                spec: spec.into(),
                expires_after_ms: expires_after.map(ExpiresAfter::as_ms),
                set_at_ms: *set_at_ms,
            },
            Command::ClearOverride { target } => Self::ClearOverride { target: target.into() },
            Command::ExpireOverrides => Self::ExpireOverrides,
            Command::SetServiceSettings { service, patch, reset } => Self::SetServiceSettings {
                service: service.into(),
                patch: patch.into(),
                reset: *reset,
            },
            Command::ClaimMember { id, reserved, nonce } => Self::ClaimMember {
                id: id.get(),
                reserved: reserved.get(),
                nonce: nonce.get(),
            },
            Command::LapseLeases { by, leases } => Self::LapseLeases {
                by: (*by).into(),
                leases: leases_v1(leases),
            },
            Command::ReviveLeases { by, leases } => Self::ReviveLeases {
                by: (*by).into(),
                leases: leases_v1(leases),
            },
            Command::PassTime => Self::PassTime,
            Command::RaiseGuard { scope, lasts } => Self::RaiseGuard {
                scope: scope.into(),
                lasts_ms: lasts.as_ms(),
            },
            Command::DropGuard { scope } => Self::DropGuard { scope: scope.into() },
        }
    }
}

impl TryFrom<CommandV1> for Command {
    type Error = InvalidValue;

    fn try_from(command: CommandV1) -> Result<Self, InvalidValue> {
        let mutate = |mutation: MutationV1| mutation.try_into().map(Self::Mutate);
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
            } => mutate(MutationV1::Register {
                key,
                spec,
                takeover,
                registered_at_ms,
            })?,
            CommandV1::Update { key, generation, patch } => mutate(MutationV1::Update { key, generation, patch })?,
            CommandV1::Deregister { key, generation } => mutate(MutationV1::Deregister { key, generation })?,
            CommandV1::SetAvailability {
                key,
                availability,
                generation,
            } => mutate(MutationV1::SetAvailability {
                key,
                availability,
                generation,
            })?,
            CommandV1::Batch { key, items } => Self::Batch {
                key: key.map(TryInto::try_into).transpose()?,
                items: parse_items(items)?,
            },
            CommandV1::GrantLease {
                owner,
                incarnation,
                ttl_ms,
                granted_at_ms,
            } => {
                let ttl = LeaseTtl::from_ms(ttl_ms)?;
                Self::GrantLease {
                    owner: parse_optional(owner)?,
                    incarnation: incarnation.try_into()?,
                    ttl,
                    remove_after: RemoveAfter::of(ttl),
                    granted_at_ms,
                }
            }
            CommandV1::GrantLeaseStaying {
                owner,
                incarnation,
                ttl_ms,
                remove_after_ms,
                granted_at_ms,
            } => Self::GrantLease {
                owner: parse_optional(owner)?,
                incarnation: incarnation.try_into()?,
                ttl: LeaseTtl::from_ms(ttl_ms)?,
                remove_after: RemoveAfter::from_ms(remove_after_ms)?,
                granted_at_ms,
            },
            CommandV1::RevokeLease { id } => Self::RevokeLease { id: LeaseId::new(id) },
            CommandV1::SetOverride {
                spec,
                expires_after_ms,
                set_at_ms,
            } => Self::SetOverride {
                spec: spec.try_into()?,
                expires_after: parse_expiry(expires_after_ms)?,
                set_at_ms,
            },
            CommandV1::ClearOverride { target } => target.try_into().map(|target| Self::ClearOverride { target })?,
            CommandV1::ExpireOverrides => Self::ExpireOverrides,
            CommandV1::SetServiceSettings { service, patch, reset } => Self::SetServiceSettings {
                service: service.try_into()?,
                patch: patch.try_into()?,
                reset,
            },
            CommandV1::ClaimMember { id, reserved, nonce } => Self::ClaimMember {
                id: id.try_into()?,
                reserved: JoinNonce::new(reserved),
                nonce: JoinNonce::new(nonce),
            },
            CommandV1::RegisterKept {
                key,
                spec,
                takeover,
                registered_at_ms,
                keeper,
            } => mutate(MutationV1::RegisterKept {
                key,
                spec,
                takeover,
                registered_at_ms,
                keeper,
            })?,
            CommandV1::Drain {
                key,
                generation,
                drain_ms,
            } => mutate(MutationV1::Drain {
                key,
                generation,
                drain_ms,
            })?,
            CommandV1::LapseLeases { by, leases } => Self::LapseLeases {
                by: by.try_into()?,
                leases: parse_leases(leases),
            },
            CommandV1::ReviveLeases { by, leases } => Self::ReviveLeases {
                by: by.try_into()?,
                leases: parse_leases(leases),
            },
            CommandV1::PassTime => Self::PassTime,
            CommandV1::RaiseGuard { scope, lasts_ms } => Self::RaiseGuard {
                scope: scope.try_into()?,
                lasts: GuardTime::from_ms(lasts_ms)?,
            },
            CommandV1::DropGuard { scope } => Self::DropGuard {
                scope: scope.try_into()?,
            },
        })
    }
}

fn leases_v1(leases: &[(LeaseId, Revision)]) -> Vec<(u64, u64)> {
    leases.iter().map(|(id, since)| (id.get(), since.get())).collect()
}

fn parse_leases(leases: Vec<(u64, u64)>) -> Vec<(LeaseId, Revision)> {
    let leases = leases.into_iter();
    leases
        .map(|(id, since)| (LeaseId::new(id), Revision::new(since)))
        .collect()
}

// === impl LeadershipV1 ===

impl From<Leadership> for LeadershipV1 {
    fn from(leadership: Leadership) -> Self {
        Self {
            term: leadership.term.get(),
            leader: leadership.leader.get(),
        }
    }
}

impl TryFrom<LeadershipV1> for Leadership {
    type Error = InvalidValue;

    fn try_from(leadership: LeadershipV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            term: Term::new(leadership.term),
            leader: leadership.leader.try_into()?,
        })
    }
}

fn parse_items(items: Vec<(u32, MutationV1)>) -> Result<Vec<(u32, Mutation)>, InvalidValue> {
    let items = items.into_iter().map(|(part, item)| Ok((part, item.try_into()?)));
    items.collect()
}

fn parse_expiry(ms: Option<u64>) -> Result<Option<ExpiresAfter>, InvalidValue> {
    ms.map(ExpiresAfter::from_ms).transpose()
}

/// A mutation by itself, as it was written before there were batches.
impl From<MutationV1> for CommandV1 {
    fn from(mutation: MutationV1) -> Self {
        match mutation {
            MutationV1::Register {
                key,
                spec,
                takeover,
                registered_at_ms,
            } => Self::Register {
                key,
                spec,
                takeover,
                registered_at_ms,
            },
            MutationV1::Update { key, generation, patch } => Self::Update { key, generation, patch },
            MutationV1::Deregister { key, generation } => Self::Deregister { key, generation },
            MutationV1::SetAvailability {
                key,
                availability,
                generation,
            } => Self::SetAvailability {
                key,
                availability,
                generation,
            },
            MutationV1::RegisterKept {
                key,
                spec,
                takeover,
                registered_at_ms,
                keeper,
            } => Self::RegisterKept {
                key,
                spec,
                takeover,
                registered_at_ms,
                keeper,
            },
            MutationV1::Drain {
                key,
                generation,
                drain_ms,
            } => Self::Drain {
                key,
                generation,
                drain_ms,
            },
        }
    }
}

// === impl RequestKeyV1 ===

impl From<&RequestKey> for RequestKeyV1 {
    fn from(key: &RequestKey) -> Self {
        Self {
            lease: key.lease().get(),
            sequence: key.sequence().get(),
            acked_below: key.acked_below().get(),
        }
    }
}

impl TryFrom<RequestKeyV1> for RequestKey {
    type Error = InvalidValue;

    fn try_from(key: RequestKeyV1) -> Result<Self, InvalidValue> {
        Self::new(
            LeaseId::new(key.lease),
            key.sequence.try_into()?,
            key.acked_below.try_into()?,
        )
    }
}
