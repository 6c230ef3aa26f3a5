//! A packed batch on its way through the log.

use bytes::Bytes;
use futures::future::join_all;
use quorate_consensus::Applied;
use quorate_model::{RequestKey, Revision};
use quorate_state::{Command, ItemOutcome, Outcome};

use super::{Done, Entry, Outcomes, Packed};
use crate::{
    Error,
    admission::Gate,
    deadline::Deadline,
    quorum::Quorum,
    route::{Repeat, Route},
};

/// What has come of a batch so far.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Of each item that was tried or given up.
    pub(crate) outcomes: Outcomes,
    /// The highest revision at which an entry was applied.
    pub(crate) revision: Option<Revision>,
}

/// A log entry of a batch, ready to be proposed.
struct Ready {
    places: Vec<u32>,
    command: Result<Bytes, Error>,
}

// === impl Run ===

impl Run {
    /// Nothing was tried yet, and these were refused before.
    pub(crate) fn new(refused: Outcomes) -> Self {
        Self {
            outcomes: refused,
            revision: None,
        }
    }

    /// Has the entries applied wave by wave. What comes after a wave that was not done as a whole is not begun.
    pub(crate) async fn go<Q: Quorum>(
        mut self,
        route: &Route<Q>,
        gate: &Gate,
        packed: Packed,
        once: Option<RequestKey>,
        deadline: &Deadline,
    ) -> Self {
        let Packed { waves, too_large } = packed;
        let max = gate.command_len_max();
        let too_large = too_large
            .into_iter()
            .map(|(place, len)| (place, Err(Error::TooLarge { len, max })));
        self.outcomes.extend(too_large);
        let repeat = once.map_or(Repeat::Harmful, |_| Repeat::Harmless);
        let mut in_the_way = None;
        for wave in waves {
            if let Some(error) = &in_the_way {
                let rest = wave.into_iter().flatten();
                self.outcomes
                    .extend(rest.map(|(place, _)| (place, Err(not_begun(error)))));
                continue;
            }
            let ready = wave.into_iter().map(|entry| Ready::new(gate, entry, once));
            let applied = join_all(ready.map(|entry| entry.propose(route, repeat, deadline)));
            in_the_way = self.note_wave(applied.await);
        }
        self
    }

    /// Notes what came of the entries of a wave, and answers why one of them was not done.
    fn note_wave(&mut self, applied: Vec<(Vec<u32>, Result<Applied, Error>)>) -> Option<Error> {
        let mut in_the_way = None;
        for (places, applied) in applied {
            match applied.and_then(|applied| items(applied, places.len())) {
                Ok((at, items)) => {
                    self.revision = self.revision.max(Some(at));
                    let done = |item: ItemOutcome| Ok(Done::new(item?, at));
                    self.outcomes
                        .extend(places.into_iter().zip(items.into_iter().map(done)));
                }
                Err(error) => {
                    let failed = places.into_iter().map(|place| (place, Err(error.clone())));
                    self.outcomes.extend(failed);
                    in_the_way = Some(error);
                }
            }
        }
        in_the_way
    }
}

// === impl Ready ===

impl Ready {
    fn new(gate: &Gate, entry: Entry, key: Option<RequestKey>) -> Self {
        let places = entry.iter().map(|(place, _)| *place).collect();
        let command = gate.encode(&Command::Batch { key, items: entry });
        Self { places, command }
    }

    async fn propose<Q: Quorum>(
        self,
        route: &Route<Q>,
        repeat: Repeat,
        deadline: &Deadline,
    ) -> (Vec<u32>, Result<Applied, Error>) {
        let applied = match self.command {
            Ok(command) => route.propose(command, repeat, deadline).await,
            Err(error) => Err(error),
        };
        (self.places, applied)
    }
}

/// What is told of an item that was not begun because one before it, which was to be done first, came to this.
fn not_begun(before: &Error) -> Error {
    if matches!(before, Error::OutcomeUnknown { .. }) {
        // It may still be done, and then it has to be before this one.
        return Error::DeadlineExceeded;
    }
    before.clone()
}

/// What the items of an applied entry came to, and at which revision.
fn items(applied: Applied, count: usize) -> Result<(Revision, Vec<ItemOutcome>), Error> {
    let Applied { revision, outcome } = applied;
    match outcome {
        Outcome::Batch(items) if items.len() == count => Ok((revision, items)),
        Outcome::Rejected(rejection) => Err(rejection.into()),
        Outcome::Batch(_)
        | Outcome::Mutated(_)
        | Outcome::Founded
        | Outcome::MemberAllocated(_)
        | Outcome::LeaseGranted { .. }
        | Outcome::LeaseRevoked { .. }
        | Outcome::OverrideSet { .. }
        | Outcome::OverrideCleared { .. }
        | Outcome::OverridesExpired { .. }
        | Outcome::LeasesLapsed { .. }
        | Outcome::LeasesRevived { .. }
        | Outcome::TimePassed { .. }
        | Outcome::GuardRaised { .. }
        | Outcome::GuardDropped { .. }
        | Outcome::ProbersSet { .. }
        | Outcome::ChecksReported { .. }
        | Outcome::SettingsSet { .. } => Err(Error::outcome_mismatch()),
    }
}
