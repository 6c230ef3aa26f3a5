//! Commands: what can be asked of the state machine.

use bytes::Bytes;
use quorate_model::{
    Availability, ClusterId, Epoch, Generation, InstanceKey, InstancePatch, InstanceSpec, InvalidValue, JoinNonce,
    Takeover,
    envelope::{self, DecodeError, EncodeError, Kind},
};

use crate::format::{CommandV1, SCHEMA};

/// A change of the replicated state, as one log entry carries it.
///
/// Whoever gives a generation is an owner and touches that generation only; an operator gives none.
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
    /// Registers an instance.
    Register {
        /// What it is to be found by.
        key: InstanceKey,
        /// What its registrant states.
        spec: InstanceSpec,
        /// Whether it may push aside another owner's.
        takeover: Takeover,
        /// Wall-clock milliseconds since the Unix epoch at the proposer; for display only.
        registered_at_ms: u64,
    },
    /// Changes what is stated about an instance.
    Update {
        /// The instance.
        key: InstanceKey,
        /// The only generation it may touch; any, if absent.
        generation: Option<Generation>,
        /// What changes.
        patch: InstancePatch,
    },
    /// Removes an instance.
    Deregister {
        /// The instance.
        key: InstanceKey,
        /// The only generation it may touch; any, if absent.
        generation: Option<Generation>,
    },
    /// Sets what is intended for an instance.
    SetAvailability {
        /// The instance.
        key: InstanceKey,
        /// What is intended.
        availability: Availability,
        /// The only generation it may touch; any, if absent.
        generation: Option<Generation>,
    },
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

    /// Reads the bytes of a log entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        let envelope = envelope::open(Kind::Command, bytes)?;
        match envelope.schema() {
            SCHEMA => Ok(envelope.decode::<CommandV1>()?.try_into()?),
            _ => Err(envelope.unknown_schema().into()),
        }
    }
}
