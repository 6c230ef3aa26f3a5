//! What the cluster answers, in values of the model.

use std::time::Duration;

use quorate_model::{
    ClusterId, DoorAddress, Epoch, Found, Generation, LeaseId, LogIndex, MemberId, Revision, ServiceName, StateHash,
    Term,
};

mod batch;
#[cfg(test)]
mod fuzz;
mod guard;
mod lease;
mod members;
mod operator;
mod parse;
mod pick;

pub(crate) use batch::Outcomes;
pub use guard::{GuardDropped, GuardRaised, GuardState};
pub use lease::{LeaseGranted, LeaseRevoked, LeaseState, Renewed};
pub use members::{Added, Calling, MemberList, Removed, Transferred};
pub use operator::{OverrideCleared, OverrideSet, OverrideState, SettingsSet, SettingsState};
pub(crate) use parse::Page;
pub use pick::Picked;

/// An answer: who gave it, from which state, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Who answered, from which state.
    pub header: Header,
    /// What was asked for.
    pub value: T,
}

/// Who answered, from which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The cluster that answered.
    pub cluster_id: ClusterId,
    /// The life of its history.
    pub epoch: Epoch,
    /// The member that answered.
    pub member_id: MemberId,
    /// The raft term that it was in.
    pub term: Term,
    /// A change: a revision at which it has taken effect; the one at which it did, unless it is answered to a repetition
    /// of the write. A read: the revision of the state that was read.
    pub revision: Revision,
    /// The leader as that member knows it, if it knows one.
    pub leader: Option<Leader>,
    /// How far, in milliseconds, the state that was read lags behind the cluster at most; absent if not known.
    pub staleness_ms: Option<u64>,
    /// How many guards are raised in the cluster; 0 if all is as usual.
    pub guards_raised: u32,
}

/// Who leads the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Its id.
    pub id: MemberId,
    /// Its client door, if known.
    pub address: Option<DoorAddress>,
}

/// What a registration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The fencing token of this registration, for later changes.
    pub generation: Generation,
    /// What it took.
    pub change: Change,
    /// The lease that keeps it, if one does.
    pub lease: Option<LeaseId>,
}

/// What a registration changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The id was not there before.
    Created,
    /// The same registration, with other content.
    Updated,
    /// The same registration, with the same content.
    Unchanged,
    /// A new generation replaced the one before.
    Replaced,
}

/// What a change of a registration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The generation of the registration, which stays.
    pub generation: Generation,
    /// Whether anything changed.
    pub changed: bool,
}

/// What a report of a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckReported {
    /// Whether anything changed.
    pub changed: bool,
}

/// What taking an instance out came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deregistered {
    /// Whether it was there.
    pub existed: bool,
}

/// Instances of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instances {
    /// Whether the service has any instance at all, wanted or not.
    pub service_known: bool,
    /// Those asked for, in the order of their ids.
    pub instances: Vec<Found>,
    /// The guards that are raised for the service, its namespace, the cluster, and the zones of its instances: why some
    /// of them may be here although their leases have lapsed. A list of all instances does not tell of them.
    pub guards: Vec<GuardState>,
}

/// One service of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSummary {
    /// Its name.
    pub name: ServiceName,
    /// How many instances it has, whatever their state.
    pub instances: u32,
    /// How many of them may be called.
    pub available: u32,
}

/// How a member sees itself and the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The version of its software.
    pub version: String,
    /// What it is at the moment.
    pub role: Role,
    /// Whether it serves.
    pub ready: bool,
    /// The last log index that it has.
    pub last_log_index: LogIndex,
    /// The last log index that it has applied.
    pub applied_index: LogIndex,
    /// The hash of its state at the header's revision.
    pub state_hash: StateHash,
    /// How many services there are, in all namespaces.
    pub services: u64,
    /// How many instances there are, in all namespaces.
    pub instances: u64,
    /// The members, in the order of their ids.
    pub members: Vec<Member>,
    /// Why the cluster takes nothing that makes it grow, as far as the member knows.
    pub read_only: Option<String>,
    /// Bytes that are free on the disk of its data, if it keeps any there.
    pub free_disk_bytes: Option<u64>,
    /// How it keeps leases.
    pub leases: LeaseStatus,
}

/// How a member keeps leases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeaseStatus {
    /// How many there are.
    pub leases: u64,
    /// How many of them have lapsed.
    pub lapsed: u64,
    /// Whether it would let leases lapse now: it leads, and knows of all renewals that were answered before.
    pub armed: bool,
    /// Whether it knows of all renewals that it has ever confirmed to a leader.
    pub complete: bool,
    /// Renewals that came in through it since it started.
    pub renewals: u64,
    /// Time since it started that counts for no lease there.
    pub uncounted: Duration,
    /// Times that it had to give every lease its full time to live, as a new leader.
    pub resets: u64,
}

/// What a member is in the raft cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Changes go through it.
    Leader,
    /// It votes and follows.
    Follower,
    /// It stands for election.
    Candidate,
    /// It follows without a vote.
    Learner,
    /// It has stopped.
    Stopped,
}

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Where other members reach it.
    pub peer_address: DoorAddress,
    /// Where clients reach it.
    pub client_address: DoorAddress,
    /// Whether it has a vote.
    pub voter: bool,
    /// The last log index known to be durable there; only the leader knows.
    pub matched_index: Option<LogIndex>,
    /// How long ago it was last heard of, in milliseconds; only the leader knows, and it says nothing of itself.
    pub last_heard_ms: Option<u64>,
    /// What it is meant to be.
    pub calling: Calling,
}

// === impl Change ===

impl Change {
    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Replaced => "replaced",
        }
    }
}

// === impl Role ===

impl Role {
    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Stopped => "stopped",
        }
    }
}
