//! Several writes in one request.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use quorate_consensus::Applied;
use quorate_model::{RequestKey, Revision};
use quorate_state::{Command, ItemOutcome, Mutation, Outcome};

use super::{Registry, writes::mismatch};
use crate::{
    Answer, Done, Error, Outcomes, Write,
    batch::{Entry, Packed, Packing, common_failure, not_begun},
    deadline::Deadline,
    route::Repeat,
};

/// A log entry of a batch, ready to be proposed.
struct Ready {
    places: Vec<u32>,
    command: Result<Bytes, Error>,
}

impl Registry {
    /// Does the writes, each known by its place in the request, and answers what each came to: an error, if all of
    /// them failed for a reason that is not theirs. Writes of one instance are done in their order.
    ///
    /// The header's revision is that of the last write that was done, or of the state if none was.
    pub async fn write_batch(
        &self,
        writes: Vec<(u32, Write)>,
        once: Option<RequestKey>,
        time_left: Duration,
    ) -> Result<Answer<Outcomes>, Error> {
        let deadline = self.deadline(time_left);
        let now_ms = self.shared.clock.wall_ms();
        let mutations = writes
            .into_iter()
            .map(|(place, write)| (place, write.into_mutation(now_ms)));
        let mut outcomes = Outcomes::new();
        let mut mutations: Entry = mutations.collect();
        if once.is_none() {
            self.refuse_without_room(&mut mutations, &mut outcomes, &deadline)
                .await?;
        }
        let revision = self.write_packed(mutations, once, &mut outcomes, &deadline).await?;
        if let Some(error) = common_failure(&outcomes) {
            return Err(error.clone());
        }
        let mut header = self.header(&self.shared.reader.reading());
        header.revision = revision.unwrap_or(header.revision);
        header.staleness = None;
        let value = outcomes;
        Ok(Answer { header, value })
    }

    /// Takes out what would come to nothing for lack of room. A batch that takes something out makes room itself.
    async fn refuse_without_room(
        &self,
        mutations: &mut Entry,
        outcomes: &mut Outcomes,
        deadline: &Deadline,
    ) -> Result<(), Error> {
        if mutations
            .iter()
            .any(|(_, mutation)| matches!(mutation, Mutation::Deregister { .. }))
        {
            return Ok(());
        }
        let mut fitting = Vec::with_capacity(mutations.len());
        for (place, mutation) in mutations.drain(..) {
            let room = match &mutation {
                Mutation::Register { key, .. } => self.check_room(key, deadline).await,
                Mutation::Update { .. } | Mutation::Deregister { .. } | Mutation::SetAvailability { .. } => Ok(()),
            };
            match room {
                Ok(()) => fitting.push((place, mutation)),
                Err(error @ Error::Rejected(_)) => drop(outcomes.insert(place, Err(error))),
                Err(error) => return Err(error),
            }
        }
        *mutations = fitting;
        Ok(())
    }

    /// Packs the mutations into log entries, has these applied wave by wave, and answers the highest revision at which
    /// one was. What comes after a wave that was not done as a whole is not begun.
    async fn write_packed(
        &self,
        mutations: Entry,
        once: Option<RequestKey>,
        outcomes: &mut Outcomes,
        deadline: &Deadline,
    ) -> Result<Option<Revision>, Error> {
        let len_max = self.shared.limits.command_len_max;
        let packing = Packing::new(once, len_max).map_err(|error| Error::Internal {
            problem: format!("a batch cannot be encoded: {error}"),
        })?;
        let packed = packing.pack(mutations);
        let _permit = self.shared.gate.enter(packed.widest(), deadline).await?;
        let Packed { waves, too_large } = packed;
        for (place, len) in too_large {
            let max = len_max;
            outcomes.insert(place, Err(Error::TooLarge { len, max }));
        }
        let (mut revision, mut in_the_way) = (None, None);
        for wave in waves {
            if let Some(error) = &in_the_way {
                let rest = wave.into_iter().flatten();
                outcomes.extend(rest.map(|(place, _)| (place, Err(not_begun(error)))));
                continue;
            }
            let ready = wave.into_iter().map(|entry| self.ready(entry, once)).collect();
            in_the_way = self.write_wave(ready, once, outcomes, &mut revision, deadline).await;
        }
        Ok(revision)
    }

    /// Encodes an entry at once, so that its items need no room while they wait.
    fn ready(&self, entry: Entry, key: Option<RequestKey>) -> Ready {
        let places = entry.iter().map(|(place, _)| *place).collect();
        let command = self.shared.gate.encode(&Command::Batch { key, items: entry });
        Ready { places, command }
    }

    /// Has the entries of a wave applied, all at a time, and answers why one of them was not.
    async fn write_wave(
        &self,
        entries: Vec<Ready>,
        once: Option<RequestKey>,
        outcomes: &mut Outcomes,
        revision: &mut Option<Revision>,
        deadline: &Deadline,
    ) -> Option<Error> {
        let repeat = once.map_or(Repeat::Harmful, |_| Repeat::Harmless);
        let route = &self.shared.route;
        let applied = join_all(entries.into_iter().map(async |Ready { places, command }| {
            let applied = match command {
                Ok(command) => route.propose(command, repeat, deadline).await,
                Err(error) => Err(error),
            };
            let items = applied.and_then(|applied| items(applied, places.len()));
            (places, items)
        }))
        .await;
        let mut in_the_way = None;
        for (places, items) in applied {
            match items {
                Ok((at, items)) => {
                    *revision = (*revision).max(Some(at));
                    let done = |item: ItemOutcome| Ok(Done::new(item?, at));
                    outcomes.extend(places.into_iter().zip(items.into_iter().map(done)));
                }
                Err(error) => {
                    outcomes.extend(places.into_iter().map(|place| (place, Err(error.clone()))));
                    in_the_way = Some(error);
                }
            }
        }
        in_the_way
    }
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
        | Outcome::SettingsSet { .. } => Err(mismatch()),
    }
}
