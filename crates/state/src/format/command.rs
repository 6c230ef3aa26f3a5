//! The frozen format of commands.

use quorate_model::{
    ClusterId, Epoch, ExpiresAfter, GuardTime, InvalidValue, JoinNonce, Leadership, LeaseId, LeaseTtl, MemberId,
    RemoveAfter, RequestKey, Revision, Term,
};
use serde::{Deserialize, Serialize};

use super::{
    check::CheckReportV1,
    guard::GuardScopeV1,
    mutation::{
        DeregisterV1, DrainV1, MutationV1, RegisterCheckedV1, RegisterKeptV1, RegisterV1, ReportCheckV1,
        SetAvailabilityV1, UpdateV1,
    },
    overrides::{OverrideSpecV1, OverrideTargetV1},
    settings::SettingsPatchV1,
    value::{ServiceKeyV1, Text, optional_text, parse_optional},
};
use crate::{CheckReport, Command, Mutation};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum CommandV1 {
    Found {
        cluster_id: u128,
        epoch: u64,
    },
    AllocateMember {
        nonce: u128,
    },
    Register(RegisterV1),
    Update(UpdateV1),
    Deregister(DeregisterV1),
    SetAvailability(SetAvailabilityV1),
    Batch {
        key: Option<RequestKeyV1>,
        items: Vec<(u32, MutationV1)>,
    },
    GrantLease(GrantV1),
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
    RegisterKept(RegisterKeptV1),
    Drain(DrainV1),
    /// A grant with another time to stay than twice the TTL.
    GrantLeaseStaying {
        grant: GrantV1,
        remove_after_ms: u64,
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
    RegisterChecked(RegisterCheckedV1),
    ReportCheck(ReportCheckV1),
    SetProbers {
        members: Vec<u64>,
    },
    ReportChecks(ReportChecksV1),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReportChecksV1 {
    probers: u64,
    reporter: u64,
    items: Vec<CheckReportV1>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GrantV1 {
    owner: Option<Text>,
    incarnation: u64,
    ttl_ms: u64,
    granted_at_ms: u64,
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
            } => {
                let grant = GrantV1 {
                    owner: optional_text(owner.as_ref()),
                    incarnation: incarnation.get(),
                    ttl_ms: ttl.as_ms(),
                    granted_at_ms: *granted_at_ms,
                };
                grant.staying(*ttl, *remove_after)
            }
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
            Command::SetProbers { members } => set_probers_v1(members),
            Command::ReportChecks {
                probers,
                reporter,
                items,
            } => Self::ReportChecks(ReportChecksV1::new(*probers, *reporter, items)),
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
            CommandV1::Register(register) => mutate(MutationV1::Register(register))?,
            CommandV1::Update(update) => mutate(MutationV1::Update(update))?,
            CommandV1::Deregister(deregister) => mutate(MutationV1::Deregister(deregister))?,
            CommandV1::SetAvailability(set) => mutate(MutationV1::SetAvailability(set))?,
            CommandV1::RegisterKept(kept) => mutate(MutationV1::RegisterKept(kept))?,
            CommandV1::Drain(drain) => mutate(MutationV1::Drain(drain))?,
            CommandV1::RegisterChecked(checked) => mutate(MutationV1::RegisterChecked(checked))?,
            CommandV1::ReportCheck(report) => mutate(MutationV1::ReportCheck(report))?,
            CommandV1::Batch { key, items } => Self::Batch {
                key: key.map(TryInto::try_into).transpose()?,
                items: parse_items(items)?,
            },
            CommandV1::GrantLease(grant) => grant.parse(None)?,
            CommandV1::GrantLeaseStaying { grant, remove_after_ms } => grant.parse(Some(remove_after_ms))?,
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
            CommandV1::SetProbers { members } => Self::SetProbers {
                members: parse_each(members)?,
            },
            CommandV1::ReportChecks(report) => report.parse()?,
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

// === impl GrantV1 ===

impl GrantV1 {
    fn staying(self, ttl: LeaseTtl, remove_after: RemoveAfter) -> CommandV1 {
        if remove_after == RemoveAfter::of(ttl) {
            return CommandV1::GrantLease(self);
        }
        CommandV1::GrantLeaseStaying {
            grant: self,
            remove_after_ms: remove_after.as_ms(),
        }
    }

    /// The grant, which stays twice its TTL if it is not told otherwise.
    fn parse(self, remove_after_ms: Option<u64>) -> Result<Command, InvalidValue> {
        let ttl = LeaseTtl::from_ms(self.ttl_ms)?;
        let remove_after = remove_after_ms.map(RemoveAfter::from_ms).transpose()?;
        Ok(Command::GrantLease {
            owner: parse_optional(self.owner)?,
            incarnation: self.incarnation.try_into()?,
            ttl,
            remove_after: remove_after.unwrap_or_else(|| RemoveAfter::of(ttl)),
            granted_at_ms: self.granted_at_ms,
        })
    }
}

// === impl ReportChecksV1 ===

impl ReportChecksV1 {
    fn new(probers: Revision, reporter: MemberId, items: &[CheckReport]) -> Self {
        Self {
            probers: probers.get(),
            reporter: reporter.get(),
            items: items.iter().map(CheckReportV1::from).collect(),
        }
    }

    fn parse(self) -> Result<Command, InvalidValue> {
        Ok(Command::ReportChecks {
            probers: Revision::new(self.probers),
            reporter: self.reporter.try_into()?,
            items: parse_each(self.items)?,
        })
    }
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

fn set_probers_v1(members: &[MemberId]) -> CommandV1 {
    let members = members.iter().map(|member| member.get()).collect();
    CommandV1::SetProbers { members }
}

fn parse_each<N, T: TryFrom<N, Error = InvalidValue>>(values: Vec<N>) -> Result<Vec<T>, InvalidValue> {
    values.into_iter().map(T::try_from).collect()
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
            MutationV1::Register(register) => Self::Register(register),
            MutationV1::Update(update) => Self::Update(update),
            MutationV1::Deregister(deregister) => Self::Deregister(deregister),
            MutationV1::SetAvailability(set) => Self::SetAvailability(set),
            MutationV1::RegisterKept(kept) => Self::RegisterKept(kept),
            MutationV1::Drain(drain) => Self::Drain(drain),
            MutationV1::RegisterChecked(checked) => Self::RegisterChecked(checked),
            MutationV1::ReportCheck(report) => Self::ReportCheck(report),
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
