//! The replicated state and how it goes from one revision to the next.

mod objects;
mod restore;
mod views;

use imbl::{OrdMap, OrdSet};
use quorate_model::{
    ClusterId, Epoch, InstanceKey, LogIndex, LogTime, MemberId, Revision, ServiceKey, ServiceSettings, StateHash,
    envelope::DecodeError,
};

use crate::{
    Command, CommandError, Event, Outcome, Position, apply,
    catalog::Catalog,
    guards::{AgedTo, Guards},
    leases::{LeaseRoom, Leases},
    overrides::Overrides,
    probers::Probers,
    roster::Roster,
};

/// Revisions left out by a restore: more than any member of the old cluster can have gone on since its snapshot,
/// so that no revision of it is ever given again.
const RESTORE_GAP: u64 = 1 << 32;

/// The identity of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cluster {
    /// Its name for ever.
    pub id: ClusterId,
    /// Its present history.
    pub epoch: Epoch,
    /// What is added to a log index to make a revision.
    pub base: Revision,
}

/// Everything that the members agree on.
///
/// A clone costs O(1) and is an immutable view: consensus hands one to the readers after each batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    applied: LogIndex,
    log_time: LogTime,
    founded: Option<Founded>,
    catalog: Catalog,
    leases: Leases,
    guards: Guards,
    /// Up to where lapses are aged, while that is not up to the log time.
    aged_to: Option<AgedTo>,
    /// The instances that are draining with an end, by that.
    drains: OrdSet<(LogTime, InstanceKey)>,
    overrides: Overrides,
    /// Only those that differ from the defaults.
    settings: OrdMap<ServiceKey, ServiceSettings>,
    /// Who makes checks; nobody, as long as nobody was named.
    probers: Option<Probers>,
    /// How many instances have a check that members make.
    probed_count: usize,
    hash: StateHash,
}

/// What there is once the cluster is founded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Founded {
    cluster: Cluster,
    roster: Roster,
}

impl State {
    /// The state before the first log entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// A state with less room for kept outcomes than that of a cluster, so that a test comes to where it ends.
    #[doc(hidden)]
    pub fn with_kept_outcomes_max(max: usize) -> Self {
        let room = LeaseRoom {
            kept: max,
            ..LeaseRoom::default()
        };
        Self {
            leases: Leases::with_room(room),
            ..Self::default()
        }
    }

    /// Applies the command of the log entry at `at`. A stamp below the log time leaves it where it is.
    pub fn apply(&mut self, at: Position, command: &Command) -> (Outcome, Vec<Event>) {
        self.arrive(at);
        apply::dispatch(self, at.leadership, command)
            .unwrap_or_else(|rejection| (Outcome::Rejected(rejection), Vec::new()))
    }

    /// Applies the bytes of the log entry at `at`. A value that is not allowed is a rejection, on every member;
    /// an error means that this member cannot know what the others do, and must stop.
    pub fn apply_encoded(&mut self, at: Position, bytes: &[u8]) -> Result<(Outcome, Vec<Event>), DecodeError> {
        match Command::decode(bytes) {
            Ok(command) => Ok(self.apply(at, &command)),
            Err(CommandError::Unreadable(error)) => Err(error),
            Err(CommandError::Invalid(error)) => {
                self.arrive(at);
                Ok((Outcome::Rejected(error.into()), Vec::new()))
            }
        }
    }

    /// Notes that the log entry at `at` is applied: one without a command (blank, or a change of membership).
    pub fn advance(&mut self, at: LogIndex) {
        self.applied = at;
    }

    /// The same content as what a new cluster starts with: the same services, overrides and leases under another
    /// identity, with no member but the first, at the start of a new log. Its revisions are above all that the old
    /// cluster has given.
    #[must_use]
    pub fn into_restored(mut self, id: ClusterId, epoch: Epoch) -> Self {
        let base = Revision::new(self.revision().get().saturating_add(RESTORE_GAP));
        self.unfound();
        self.forget_probers();
        self.found(Cluster { id, epoch, base }, MemberId::FIRST);
        self.applied = LogIndex::ZERO;
        self
    }

    fn arrive(&mut self, at: Position) {
        self.advance(at.index);
        self.move_log_time(at.time);
        self.age_lapses();
    }
}
