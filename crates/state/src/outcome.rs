//! Outcomes: what a command came to.

use bytes::Bytes;
use quorate_model::{
    ClusterId, Generation, InvalidValue, MemberId, Owner, Revision,
    envelope::{self, DecodeError, EncodeError, Kind},
    limits,
};

use crate::format::{OutcomeV1, SCHEMA};

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The cluster has its identity.
    Founded,
    /// The id that belongs to the nonce.
    MemberAllocated(MemberId),
    /// The instance is registered.
    Registered {
        /// The life of the registration that the registrant now acts for.
        generation: Generation,
        /// The revision of the instance's last change: of this one, or of an earlier one if nothing changed.
        revision: Revision,
        /// What it took.
        change: Change,
    },
    /// The instance is as the patch wants it.
    Updated {
        /// The life of the registration, unchanged.
        generation: Generation,
        /// The revision of the instance's last change.
        revision: Revision,
        /// Whether this command made it.
        effect: Effect,
    },
    /// The instance is not there.
    Deregistered {
        /// Whether it was there before.
        existed: bool,
    },
    /// The instance has the availability.
    AvailabilitySet {
        /// The life of the registration, unchanged.
        generation: Generation,
        /// The revision of the instance's last change.
        revision: Revision,
        /// Whether this command made it.
        effect: Effect,
    },
    /// Nothing was done.
    Rejected(Rejection),
}

/// What a registration changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The id was free.
    Created,
    /// The same registration with other content: same generation.
    Updated,
    /// The same registration with the same content.
    Unchanged,
    /// The same owner in a new incarnation: a new generation.
    Restarted,
    /// Another owner's id was taken: a new generation.
    TakenOver,
}

/// Whether a command changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It did.
    Changed,
    /// All was as wanted already.
    Unchanged,
}

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
}

// === impl Outcome ===

impl Outcome {
    /// The bytes that go to the member that forwarded the command.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        envelope::seal(Kind::Outcome, SCHEMA, &OutcomeV1::from(self)).map(Bytes::from)
    }

    /// Reads the bytes that the leader answered with.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let envelope = envelope::open(Kind::Outcome, bytes)?;
        match envelope.schema() {
            SCHEMA => envelope
                .decode::<OutcomeV1>()?
                .try_into()
                .map_err(|error: InvalidValue| {
                    let problem = error.to_string();
                    DecodeError::Payload {
                        kind: Kind::Outcome,
                        schema: SCHEMA,
                        problem,
                    }
                }),
            _ => Err(envelope.unknown_schema()),
        }
    }
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
        })
    }
}
