//! Commands: what can be asked of the state machine.

use bytes::Bytes;
use quorate_model::{
    CheckName, CheckOutput, ClusterId, Epoch, ExpiresAfter, Generation, GuardScope, GuardTime, Incarnation,
    InstanceKey, InvalidValue, JoinNonce, Leadership, LeaseId, LeaseTtl, MemberId, OverrideSpec, OverrideTarget, Owner,
    RemoveAfter, RequestKey, Revision, ServiceKey, SettingsPatch, Verdict,
    envelope::{self, DecodeError, EncodeError, Kind},
};

use crate::{
    Mutation,
    format::{CommandV1, SCHEMA},
};

/// A change of the replicated state, as one log entry carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Gives the cluster its identity: the first command of every cluster.
    Found {
        /// Its name for ever.
        cluster_id: ClusterId,
        /// Its first history.
        epoch: Epoch,
    },
    /// Gives out a member id that was never given before.
    AllocateMember {
        /// Drawn by whoever joins; the same nonce is given the same id.
        nonce: JoinNonce,
    },
    /// Changes one instance.
    Mutate(Mutation),
    /// Changes several instances, or one by a key: each item is done or rejected by itself.
    Batch {
        /// What makes each item take effect once, however often it comes.
        key: Option<RequestKey>,
        /// At most [`BATCH_ITEMS_MAX`](quorate_model::limits::BATCH_ITEMS_MAX) mutations, each with its place in the request that it comes from.
        ///
        /// Two items about one instance had better go into two entries: what begins in one entry has one
        /// generation.
        items: Vec<(u32, Mutation)>,
    },
    /// Grants a lease.
    GrantLease {
        /// Who asks for it, if told.
        owner: Option<Owner>,
        /// Which run of the owner; the same owner and incarnation are given the same lease.
        incarnation: Incarnation,
        /// How long it is to live without being renewed.
        ttl: LeaseTtl,
        /// How long it is to stay when it has lapsed.
        remove_after: RemoveAfter,
        /// Wall-clock milliseconds since the Unix epoch at the proposer; for display only.
        granted_at_ms: u64,
    },
    /// Ends a lease, and forgets the outcomes kept for it.
    RevokeLease {
        /// The lease.
        id: LeaseId,
    },
    /// Sets an override in place of the one with the same target.
    SetOverride {
        /// What the operator states.
        spec: OverrideSpec,
        /// How long it is to last from now on; for ever, if absent.
        expires_after: Option<ExpiresAfter>,
        /// Wall-clock milliseconds since the Unix epoch at the proposer; for display only.
        set_at_ms: u64,
    },
    /// Takes an override back.
    ClearOverride {
        /// What it is about.
        target: OverrideTarget,
    },
    /// Takes back overrides whose time is over: at most [`OVERRIDES_PER_EXPIRY_MAX`](quorate_model::limits::OVERRIDES_PER_EXPIRY_MAX), the oldest first.
    ExpireOverrides,
    /// Changes the settings of a service.
    SetServiceSettings {
        /// The service, which needs no instance.
        service: ServiceKey,
        /// What changes.
        patch: SettingsPatch,
        /// Whether all goes back to the defaults before.
        reset: bool,
    },
    /// Hands a member id that was reserved under one nonce over to the process that draws another.
    ClaimMember {
        /// The id.
        id: MemberId,
        /// Whose it is until now.
        reserved: JoinNonce,
        /// Whose it is to be.
        nonce: JoinNonce,
    },
    /// Lets leases lapse that were not renewed in time. Has no effect in another leadership than the one that has
    /// found that, nor on a lease that has lapsed or been revived since.
    LapseLeases {
        /// The leadership that has found it.
        by: Leadership,
        /// The leases, each with the revision at which it was granted or revived last. What does not fit into one
        /// entry, with all that it keeps, is left out.
        leases: Vec<(LeaseId, Revision)>,
    },
    /// Lets leases live again that have lapsed, and were renewed since. Has no effect in another leadership than the
    /// one that has taken the renewals, nor on a lease that has lapsed anew.
    ReviveLeases {
        /// The leadership that has taken the renewals.
        by: Leadership,
        /// The leases, each with the revision at which it lapsed.
        leases: Vec<(LeaseId, Revision)>,
    },
    /// Does what the log time asks for: takes back overrides, disables what has drained, drops guards and ends leases
    /// whose time is over, the oldest first of each, as far as it fits into one entry.
    PassTime,
    /// Raises a guard by hand, or gives one that is raised another end.
    RaiseGuard {
        /// What it is raised for.
        scope: GuardScope,
        /// How long it lasts from now on.
        lasts: GuardTime,
    },
    /// Drops a guard.
    DropGuard {
        /// What it is raised for.
        scope: GuardScope,
    },
    /// Names the members that share the making of checks.
    SetProbers {
        /// Which.
        members: Vec<MemberId>,
    },
    /// Tells what a member has found of the checks that it makes. Each report has its effect or none by itself: none, if
    /// other members were named since, the member is not to make the check, or the instance has begun another life.
    ReportChecks {
        /// The revision at which the members were named by whom it was assigned.
        probers: Revision,
        /// Who has looked.
        reporter: MemberId,
        /// What was found: at most [`BATCH_ITEMS_MAX`](quorate_model::limits::BATCH_ITEMS_MAX).
        items: Vec<CheckReport>,
    },
}

/// What a member has found of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The instance.
    pub key: InstanceKey,
    /// The life of it that was looked at.
    pub generation: Generation,
    /// The check.
    pub check: CheckName,
    /// What was found.
    pub verdict: Verdict,
    /// What it is told with.
    pub output: CheckOutput,
}

/// Why bytes are not a command that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// They are damaged, or written by a newer version: a member that must apply them has to stop.
    #[error("the command cannot be read, upgrade or repair this member: {0}")]
    Unreadable(#[from] DecodeError),
    /// They are a command with a value that is not allowed (any more): every member rejects it alike.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
}

// === impl Command ===

impl Command {
    /// The bytes of a log entry.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        envelope::seal(Kind::Command, SCHEMA, &CommandV1::from(self)).map(Bytes::from)
    }

    /// Whether it can make the state grow: what is refused while disks are short of room. What takes something
    /// away is never refused, and founding is not because nothing at all can be done without it. Nor are member ids:
    /// their nonces are few, and a node may have to come in the place of the one that is short.
    pub fn grows(&self) -> bool {
        match self {
            Self::Mutate(mutation) => mutation.grows(),
            Self::Batch { items, .. } => items.iter().any(|(_, mutation)| mutation.grows()),
            Self::GrantLease { .. }
            | Self::SetOverride { .. }
            | Self::SetServiceSettings { .. }
            | Self::RaiseGuard { .. } => true,
            Self::Found { .. }
            | Self::AllocateMember { .. }
            | Self::RevokeLease { .. }
            | Self::ClearOverride { .. }
            | Self::ExpireOverrides
            | Self::ClaimMember { .. }
            | Self::LapseLeases { .. }
            | Self::ReviveLeases { .. }
            | Self::PassTime
            | Self::DropGuard { .. }
            | Self::SetProbers { .. }
            | Self::ReportChecks { .. } => false,
        }
    }

    /// Reads the bytes of a log entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        let envelope = envelope::open(Kind::Command, bytes)?;
        match envelope.schema() {
            SCHEMA => Ok(envelope.decode::<CommandV1>()?.try_into()?),
            _ => Err(envelope.unknown_schema().into()),
        }
    }
}
