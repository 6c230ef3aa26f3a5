//! Outcomes: what a command came to.

use bytes::Bytes;
use quorate_model::{
    Generation, InvalidValue, LeaseId, LeaseTtl, MemberId, RemoveAfter, Revision, ServiceSettings,
    envelope::{self, DecodeError, EncodeError, Kind},
};

use crate::{
    Rejection,
    format::{OutcomeV1, SCHEMA},
};

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The cluster has its identity.
    Founded,
    /// The id that belongs to the nonce.
    MemberAllocated(MemberId),
    /// The mutation is done.
    Mutated(Mutated),
    /// What each item of a batch came to, in the order of the items.
    Batch(Vec<ItemOutcome>),
    /// The lease is there.
    LeaseGranted {
        /// Its id.
        id: LeaseId,
        /// How long it lives without being renewed, as it was first granted.
        ttl: LeaseTtl,
        /// How long it stays when it has lapsed, as it was first granted.
        remove_after: RemoveAfter,
        /// Whether this command granted it.
        effect: Effect,
    },
    /// The lease is not there.
    LeaseRevoked {
        /// Whether it was there before.
        existed: bool,
    },
    /// The override is there.
    OverrideSet {
        /// The revision at which it was last set.
        revision: Revision,
        /// Whether this command set it.
        effect: Effect,
    },
    /// The override is not there.
    OverrideCleared {
        /// Whether it was there before.
        existed: bool,
    },
    /// No override whose time is over is there, unless there were too many for one entry.
    OverridesExpired {
        /// How many went.
        count: u32,
    },
    /// The settings are as wanted.
    SettingsSet {
        /// What is set now.
        settings: ServiceSettings,
        /// Whether this command changed anything.
        effect: Effect,
    },
    /// Leases have lapsed.
    LeasesLapsed {
        /// How many: not those for which it was too late, or which did not fit.
        count: u32,
    },
    /// Leases live again.
    LeasesRevived {
        /// How many: not those that have lapsed anew, or are gone.
        count: u32,
    },
    /// What the log time asks for is done, as far as it fitted into one entry.
    TimePassed {
        /// How many things there were.
        count: u32,
    },
    /// The guard is raised.
    GuardRaised {
        /// Whether this command changed anything.
        effect: Effect,
    },
    /// The guard is not raised.
    GuardDropped {
        /// Whether it was.
        existed: bool,
    },
    /// The members that make checks are named.
    ProbersSet {
        /// Whether this command changed anything.
        effect: Effect,
    },
    /// What was found of checks is known.
    ChecksReported {
        /// How many of the reports had an effect.
        count: u32,
    },
    /// Nothing was done.
    Rejected(Rejection),
}

/// What one item of a batch came to.
pub type ItemOutcome = Result<Mutated, Rejection>;

/// What a mutation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutated {
    /// The instance is registered.
    Registered {
        /// The life of the registration that the registrant now acts for.
        generation: Generation,
        /// The revision of the instance's last change: of this one, or of an earlier one if nothing changed.
        revision: Revision,
        /// What it took.
        change: Change,
        /// The lease that keeps it.
        lease: Option<LeaseId>,
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
    /// What was found of a check is known.
    CheckReported {
        /// The life of the registration, unchanged.
        generation: Generation,
        /// The revision of the instance's last change.
        revision: Revision,
        /// Whether this command made it.
        effect: Effect,
    },
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
    /// Another owner's id was taken, or one whose lease has lapsed: a new generation.
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

impl From<ItemOutcome> for Outcome {
    fn from(outcome: ItemOutcome) -> Self {
        outcome.map_or_else(Self::Rejected, Self::Mutated)
    }
}
