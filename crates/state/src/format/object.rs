//! The frozen format of the objects that make up a state: what is hashed, and what a snapshot holds.

use bincode::Options as _;
use quorate_model::{
    CheckState, ClusterId, Epoch, Generation, GuardScope, Instance, InstanceParts, InvalidValue, JoinNonce, Lapse,
    Lease, LeaseId, LeaseKind, LeaseTtl, LogTime, MemberId, Override, RemoveAfter, Revision, ServiceKey,
    ServiceSettings, limits,
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    check::{CheckStateV1, CheckV1, checks_v1, parse_checks},
    guard::{GuardScopeV1, GuardStateV1},
    outcome::ItemOutcomeV1,
    overrides::OverrideV1,
    settings::SettingsV1,
    value::{AvailabilityV1, KeyV1, ServiceKeyV1, SpecV1, Text, optional_text, parse_optional},
};
use crate::{
    Cluster, HeldLease, Lapsed,
    guards::{AgedTo, GuardState},
    leases::{Kept, KeptKey},
    probers::Probers,
};

#[derive(Debug, Serialize, Deserialize)]
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
    LogTime {
        ms: u64,
    },
    Lease(LeaseV1),
    KeptOutcome {
        lease: u64,
        sequence: u64,
        part: u32,
        digest: u64,
        outcome: ItemOutcomeV1,
    },
    Override(OverrideV1),
    ServiceSettings {
        service: ServiceKeyV1,
        settings: SettingsV1,
    },
    /// An instance that a lease keeps, or that drains with an end.
    KeptInstance(KeptInstanceV1),
    /// A lease that has ever lapsed, is a registration's own, or does not stay twice its TTL.
    LeaseStanding {
        lease: LeaseV1,
        remove_after_ms: u64,
        own: bool,
        changed: u64,
        lapsed: Option<LapsedV1>,
    },
    Guard {
        scope: GuardScopeV1,
        state: GuardStateV1,
    },
    /// An instance that is checked.
    CheckedInstance(CheckedInstanceV1),
    Probers {
        revision: u64,
        members: Vec<u64>,
    },
    /// Up to where lapses are aged, where that is not up to the log time.
    AgedTo {
        until_ms: u64,
        revision: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptInstanceV1 {
    instance: InstanceV1,
    lease: Option<u64>,
    lapse: Option<LapseV1>,
    drains_until_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckedInstanceV1 {
    kept: KeptInstanceV1,
    checks: Vec<CheckV1>,
    /// One for each check, in their order.
    states: Vec<CheckStateV1>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LapseV1 {
    revision: u64,
    at_ms: u64,
    recent_until_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LapsedV1 {
    lapse: LapseV1,
    expires_at_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LeaseV1 {
    id: u64,
    owner: Option<Text>,
    incarnation: u64,
    ttl_ms: u64,
    granted_at_ms: u64,
    window_start: u64,
    last_used: u64,
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
    Cluster {
        cluster: Cluster,
        last_member: MemberId,
    },
    JoinNonce {
        member: MemberId,
        nonce: JoinNonce,
    },
    Instance(Instance),
    LogTime(LogTime),
    Lease(HeldLease),
    KeptOutcome {
        key: KeptKey,
        kept: Kept,
    },
    Override(Override),
    ServiceSettings {
        service: ServiceKey,
        settings: ServiceSettings,
    },
    Guard {
        scope: GuardScope,
        state: GuardState,
    },
    Probers(Probers),
    AgedTo(AgedTo),
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

    /// No object at the time at which every cluster starts: states from before there was time have none either.
    pub(crate) fn log_time(time: LogTime) -> Option<Self> {
        (time > LogTime::ZERO).then(|| Self::LogTime { ms: time.as_ms() })
    }

    pub(crate) fn kept(key: &KeptKey, kept: &Kept) -> Self {
        Self::KeptOutcome {
            lease: key.lease.get(),
            sequence: key.sequence.get(),
            part: key.part,
            digest: kept.digest,
            outcome: (&kept.outcome).into(),
        }
    }

    pub(crate) fn guard(scope: &GuardScope, state: &GuardState) -> Self {
        Self::Guard {
            scope: scope.into(),
            state: state.into(),
        }
    }

    pub(crate) fn aged_to(aged: AgedTo) -> Self {
        Self::AgedTo {
            until_ms: aged.until.as_ms(),
            revision: aged.revision.get(),
        }
    }

    pub(crate) fn probers(probers: &Probers) -> Self {
        Self::Probers {
            revision: probers.revision().get(),
            members: probers.members().iter().map(|member| member.get()).collect(),
        }
    }

    pub(crate) fn settings(service: &ServiceKey, settings: ServiceSettings) -> Self {
        Self::ServiceSettings {
            service: service.into(),
            settings: settings.into(),
        }
    }
}

impl From<&HeldLease> for ObjectV1 {
    fn from(held: &HeldLease) -> Self {
        let lease = held.lease();
        let own = lease.kind == LeaseKind::Own;
        let changed = held.changed().get();
        let v1 = LeaseV1::from(held);
        if !own && changed == v1.id && held.lapsed().is_none() && lease.remove_after == RemoveAfter::of(lease.ttl) {
            return Self::Lease(v1);
        }
        Self::LeaseStanding {
            lease: v1,
            remove_after_ms: lease.remove_after.as_ms(),
            own,
            changed,
            lapsed: held.lapsed().map(LapsedV1::from),
        }
    }
}

impl From<&Override> for ObjectV1 {
    fn from(current: &Override) -> Self {
        Self::Override(current.into())
    }
}

impl From<&Instance> for ObjectV1 {
    fn from(instance: &Instance) -> Self {
        let v1 = InstanceV1 {
            key: instance.key().into(),
            spec: instance.spec().into(),
            availability: instance.availability().into(),
            create_revision: instance.create_revision().get(),
            modify_revision: instance.modify_revision().get(),
            generation: instance.generation().get(),
            registered_at_ms: instance.registered_at_ms(),
        };
        if !is_kept(instance) {
            return Self::Instance(v1);
        }
        let kept = KeptInstanceV1 {
            instance: v1,
            lease: instance.lease().map(LeaseId::get),
            lapse: instance.lapse().map(LapseV1::from),
            drains_until_ms: instance.drains_until().map(LogTime::as_ms),
        };
        let checks = instance.spec().checks();
        if checks.is_empty() {
            return Self::KeptInstance(kept);
        }
        Self::CheckedInstance(CheckedInstanceV1 {
            kept,
            checks: checks_v1(checks),
            states: instance.check_states().iter().map(CheckStateV1::from).collect(),
        })
    }
}

/// Whether there is more to an instance than there was in the first version.
pub(crate) fn is_kept(instance: &Instance) -> bool {
    instance.lease().is_some() || instance.drains_until().is_some() || !instance.spec().checks().is_empty()
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
            ObjectV1::Instance(instance) => Self::Instance(Instance::new(instance.parse(Vec::new())?)),
            ObjectV1::KeptInstance(kept) => Self::Instance(Instance::new(kept.parse(Vec::new())?)),
            ObjectV1::CheckedInstance(checked) => Self::Instance(checked.parse()?),
            ObjectV1::Probers { revision, members } => Self::Probers(parse_probers(revision, members)?),
            ObjectV1::AgedTo { until_ms, revision } => Self::AgedTo(AgedTo {
                until: LogTime::from_ms(until_ms),
                revision: Revision::new(revision),
            }),
            ObjectV1::LeaseStanding {
                lease,
                remove_after_ms,
                own,
                changed,
                lapsed,
            } => {
                let held = lease.parse(Some(remove_after_ms), own)?;
                Self::Lease(held.standing(Revision::new(changed), lapsed.map(Lapsed::from)))
            }
            ObjectV1::Guard { scope, state } => Self::Guard {
                scope: scope.try_into()?,
                state: state.into(),
            },
            ObjectV1::LogTime { ms } => Self::LogTime(LogTime::from_ms(ms)),
            ObjectV1::Lease(lease) => Self::Lease(lease.parse(None, false)?),
            ObjectV1::KeptOutcome {
                lease,
                sequence,
                part,
                digest,
                outcome,
            } => Self::KeptOutcome {
                key: KeptKey {
                    lease: LeaseId::new(lease),
                    sequence: sequence.try_into()?,
                    part,
                },
                kept: Kept {
                    digest,
                    outcome: outcome.try_into()?,
                },
            },
            ObjectV1::Override(current) => Self::Override(current.try_into()?),
            ObjectV1::ServiceSettings { service, settings } => Self::ServiceSettings {
                service: service.try_into()?,
                settings: settings.try_into()?,
            },
        })
    }
}

/// The states of so many checks.
fn parse_states(states: Vec<CheckStateV1>, count: usize) -> Result<Box<[CheckState]>, InvalidValue> {
    let states: Result<Vec<CheckState>, InvalidValue> = states.into_iter().map(CheckState::try_from).collect();
    let states = states?;
    if states.len() != count || count == 0 {
        return Err(InvalidValue::new("checks", "there is not one state for each"));
    }
    Ok(states.into())
}

/// Written in order, and not where there is none.
fn parse_probers(revision: u64, members: Vec<u64>) -> Result<Probers, InvalidValue> {
    let members: Result<Vec<MemberId>, InvalidValue> = members.into_iter().map(MemberId::try_from).collect();
    let members = members?;
    let probers = Probers::new(Revision::new(revision), &members);
    if probers.members() != members || members.len() > limits::MEMBERS_MAX {
        return Err(InvalidValue::new("probers", "they are not in order, or too many"));
    }
    Ok(probers)
}

// === impl KeptInstanceV1, CheckedInstanceV1 ===

impl KeptInstanceV1 {
    fn parse(self, checks: Vec<CheckV1>) -> Result<InstanceParts, InvalidValue> {
        Ok(InstanceParts {
            lease: self.lease.map(LeaseId::new),
            lapse: self.lapse.map(Lapse::from),
            drains_until: self.drains_until_ms.map(LogTime::from_ms),
            ..self.instance.parse(checks)?
        })
    }
}

impl CheckedInstanceV1 {
    fn parse(self) -> Result<Instance, InvalidValue> {
        let mut parts = self.kept.parse(self.checks)?;
        parts.checks = parse_states(self.states, parts.spec.checks().len())?;
        Ok(Instance::new(parts))
    }
}

// === impl LeaseV1 ===

impl From<&HeldLease> for LeaseV1 {
    fn from(held: &HeldLease) -> Self {
        let lease = held.lease();
        Self {
            id: lease.id.get(),
            owner: optional_text(lease.owner.as_ref()),
            incarnation: lease.incarnation.get(),
            ttl_ms: lease.ttl.as_ms(),
            granted_at_ms: lease.granted_at_ms,
            window_start: held.window_start().get(),
            last_used: held.last_used().get(),
        }
    }
}

impl LeaseV1 {
    /// The lease, which stays twice its TTL if it is not told otherwise.
    fn parse(self, remove_after_ms: Option<u64>, own: bool) -> Result<HeldLease, InvalidValue> {
        let (window_start, last_used) = (self.window_start.try_into()?, Revision::new(self.last_used));
        let ttl = LeaseTtl::from_ms(self.ttl_ms)?;
        let remove_after = remove_after_ms.map(RemoveAfter::from_ms).transpose()?;
        let lease = Lease {
            id: LeaseId::new(self.id),
            owner: parse_optional(self.owner)?,
            incarnation: self.incarnation.try_into()?,
            ttl,
            remove_after: remove_after.unwrap_or_else(|| RemoveAfter::of(ttl)),
            kind: if own { LeaseKind::Own } else { LeaseKind::Granted },
            granted_at_ms: self.granted_at_ms,
        };
        Ok(HeldLease::new(lease, window_start, last_used))
    }
}

// === impl LapseV1, LapsedV1 ===

impl From<&Lapse> for LapseV1 {
    fn from(lapse: &Lapse) -> Self {
        Self {
            revision: lapse.revision.get(),
            at_ms: lapse.at.as_ms(),
            recent_until_ms: lapse.recent_until.as_ms(),
        }
    }
}

impl From<LapseV1> for Lapse {
    fn from(lapse: LapseV1) -> Self {
        Self {
            revision: Revision::new(lapse.revision),
            at: LogTime::from_ms(lapse.at_ms),
            recent_until: LogTime::from_ms(lapse.recent_until_ms),
        }
    }
}

impl From<&Lapsed> for LapsedV1 {
    fn from(lapsed: &Lapsed) -> Self {
        Self {
            lapse: (&lapsed.lapse).into(),
            expires_at_ms: lapsed.expires_at.as_ms(),
        }
    }
}

impl From<LapsedV1> for Lapsed {
    fn from(lapsed: LapsedV1) -> Self {
        Self {
            lapse: lapsed.lapse.into(),
            expires_at: LogTime::from_ms(lapsed.expires_at_ms),
        }
    }
}

// === impl InstanceV1 ===

impl InstanceV1 {
    /// The parts of an instance that is kept by nobody and has these checks.
    fn parse(self, checks: Vec<CheckV1>) -> Result<InstanceParts, InvalidValue> {
        Ok(InstanceParts {
            key: self.key.try_into()?,
            spec: self.spec.parse(parse_checks(checks)?)?,
            availability: self.availability.into(),
            create_revision: Revision::new(self.create_revision),
            modify_revision: Revision::new(self.modify_revision),
            generation: Generation::new(self.generation),
            registered_at_ms: self.registered_at_ms,
            lease: None,
            lapse: None,
            drains_until: None,
            checks: Box::default(),
        })
    }
}
