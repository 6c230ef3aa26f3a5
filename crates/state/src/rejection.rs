//! Rejections: why a command came to nothing.

use quorate_model::{ClusterId, Generation, InvalidValue, Owner, Sequence, limits};

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A value in the command is not allowed.
    #[error("{reason}")]
    Invalid {
        /// Which one, and what is allowed.
        reason: String,
    },
    /// The id belongs to another owner.
    #[error("the instance id belongs to {}: choose another id or take it over", describe(owner.as_ref()))]
    AlreadyExists {
        /// Who that is, unless it did not say.
        owner: Option<Owner>,
    },
    /// The registration that the command speaks of is over: its id has begun another life.
    #[error("this registration has ended, its id is at generation {current} now: stop acting for it")]
    StaleGeneration {
        /// The present life.
        current: Generation,
    },
    /// There is no such instance.
    #[error("there is no such instance: register it first")]
    NotFound,
    /// It would be too many or too much.
    #[error("over the limit of {} {limit}", limit.max())]
    LimitExceeded {
        /// Of what.
        limit: Limit,
    },
    /// The cluster has no identity yet.
    #[error("the cluster is not founded yet: try again once it has started")]
    NotFounded,
    /// The cluster has another identity.
    #[error("the cluster is founded already, as {cluster_id}")]
    AlreadyFounded {
        /// The one it has.
        cluster_id: ClusterId,
    },
    /// The lease of the request's key is not there (any more).
    #[error("there is no such lease, nothing was done: open a new session")]
    LeaseNotFound,
    /// The write is one of which the outcome is forgotten, if it was ever done.
    #[error("the outcomes of writes before {window_start} are forgotten: a write is not repeated that late")]
    SequenceTooOld {
        /// The lowest sequence that may still be asked for.
        window_start: Sequence,
    },
    /// The key was used for another write.
    #[error("this sequence was used for another write: number each write of a lease anew")]
    KeyReused,
    /// The member id is not reserved, or not under that nonce.
    #[error("the member id is not reserved for this process: join as a new member")]
    NotReserved,
    /// The lease that is to keep the registration has lapsed.
    #[error("the lease has lapsed, nothing was done: renew it first")]
    LeaseLapsed,
    /// The instance has no such check.
    #[error("the instance has no such check: register it with one")]
    CheckNotFound,
}

/// What there can be too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Instances of one service.
    InstancesPerService,
    /// Instances of the cluster.
    InstancesPerCluster,
    /// Bytes of one instance.
    InstanceLen,
    /// Member ids ever given out.
    MemberIds,
    /// Leases of the cluster.
    Leases,
    /// Outcomes kept for one lease.
    KeptOutcomesPerLease,
    /// Outcomes kept in the cluster.
    KeptOutcomes,
    /// Overrides of the cluster.
    Overrides,
    /// Services whose settings differ from the defaults.
    ServiceSettings,
    /// Writes of one log entry.
    BatchItems,
    /// Instances that one lease keeps.
    InstancesPerLease,
    /// Guards that are raised, or were lately.
    Guards,
}

// === impl Rejection ===

impl From<InvalidValue> for Rejection {
    fn from(error: InvalidValue) -> Self {
        Self::Invalid {
            reason: error.to_string(),
        }
    }
}

fn describe(owner: Option<&Owner>) -> String {
    owner.map_or_else(
        || "a registration without an owner".to_owned(),
        |owner| format!("the owner {:?}", owner.as_str()),
    )
}

// === impl Limit ===

impl Limit {
    /// The most that is allowed.
    pub const fn max(self) -> u64 {
        match self {
            Self::InstancesPerService => limits::INSTANCES_PER_SERVICE_MAX as u64,
            Self::InstancesPerCluster => limits::INSTANCES_PER_CLUSTER_MAX as u64,
            Self::InstanceLen => limits::INSTANCE_LEN_MAX as u64,
            Self::MemberIds => u64::MAX,
            Self::Leases => limits::LEASES_MAX as u64,
            Self::KeptOutcomesPerLease => limits::KEPT_OUTCOMES_PER_LEASE_MAX as u64,
            Self::KeptOutcomes => limits::KEPT_OUTCOMES_MAX as u64,
            Self::Overrides => limits::OVERRIDES_MAX as u64,
            Self::ServiceSettings => limits::SERVICE_SETTINGS_MAX as u64,
            Self::BatchItems => limits::BATCH_ITEMS_MAX as u64,
            Self::InstancesPerLease => limits::INSTANCES_PER_LEASE_MAX as u64,
            Self::Guards => limits::GUARDS_MAX as u64,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InstancesPerService => "instances of one service",
            Self::InstancesPerCluster => "instances of the cluster",
            Self::InstanceLen => "bytes of one instance",
            Self::MemberIds => "member ids",
            Self::Leases => "leases of the cluster",
            Self::KeptOutcomesPerLease => "outcomes kept for one lease: acknowledge what has been answered",
            Self::KeptOutcomes => "outcomes kept for all leases",
            Self::Overrides => "overrides of the cluster",
            Self::ServiceSettings => "services with settings of their own",
            Self::BatchItems => "writes of one log entry",
            Self::InstancesPerLease => "instances of one lease: grant another one",
            Self::Guards => "guards",
        })
    }
}
