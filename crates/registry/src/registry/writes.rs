//! The writes: each becomes a command, is routed to the leader, and is answered from its outcome.

use std::time::Duration;

use quorate_consensus::Applied;
use quorate_model::{Availability, Consistency, Generation, InstanceKey, InstancePatch};
use quorate_state::{Command, Mutated, Mutation, Outcome};

use super::{Registry, Shared};
use crate::{Answer, Error, Registered, Registration, Updated, deadline::Deadline};

impl Registry {
    /// Makes an instance known, or renews the claim to it.
    pub async fn register(&self, asked: Registration, time_left: Duration) -> Result<Answer<Registered>, Error> {
        let deadline = self.deadline(time_left);
        self.check_room(&asked.key, &deadline).await?;
        let mutation = Mutation::Register {
            key: asked.key,
            spec: asked.spec,
            takeover: asked.takeover,
            registered_at_ms: self.shared.clock.wall_ms(),
        };
        self.mutate(mutation, &deadline, |mutated| {
            let Mutated::Registered { generation, change, .. } = mutated else {
                return None;
            };
            Some(Registered { generation, change })
        })
        .await
    }

    /// Changes parts of an instance and leaves the others as they are.
    pub async fn update(
        &self,
        key: InstanceKey,
        generation: Option<Generation>,
        patch: InstancePatch,
        time_left: Duration,
    ) -> Result<Answer<Updated>, Error> {
        let mutation = Mutation::Update { key, generation, patch };
        self.mutate(mutation, &self.deadline(time_left), |mutated| {
            let Mutated::Updated { generation, effect, .. } = mutated else {
                return None;
            };
            Some(Updated { generation, effect })
        })
        .await
    }

    /// Takes an instance out of the catalog, and answers whether it was there.
    pub async fn deregister(
        &self,
        key: InstanceKey,
        generation: Option<Generation>,
        time_left: Duration,
    ) -> Result<Answer<bool>, Error> {
        let mutation = Mutation::Deregister { key, generation };
        self.mutate(mutation, &self.deadline(time_left), |mutated| {
            let Mutated::Deregistered { existed } = mutated else {
                return None;
            };
            Some(existed)
        })
        .await
    }

    /// States what is intended for an instance.
    pub async fn set_availability(
        &self,
        key: InstanceKey,
        availability: Availability,
        generation: Option<Generation>,
        time_left: Duration,
    ) -> Result<Answer<Updated>, Error> {
        let mutation = Mutation::SetAvailability {
            key,
            availability,
            generation,
        };
        self.mutate(mutation, &self.deadline(time_left), |mutated| {
            let Mutated::AvailabilitySet { generation, effect, .. } = mutated else {
                return None;
            };
            Some(Updated { generation, effect })
        })
        .await
    }

    /// Has `mutation` applied and takes from what it came to what `expected` finds there.
    async fn mutate<T>(
        &self,
        mutation: Mutation,
        deadline: &Deadline,
        expected: impl FnOnce(Mutated) -> Option<T>,
    ) -> Result<Answer<T>, Error> {
        self.write(&Command::Mutate(mutation), deadline, |outcome| {
            let Outcome::Mutated(mutated) = outcome else {
                return None;
            };
            expected(mutated)
        })
        .await
    }

    /// Has `command` applied and takes from its outcome what `expected` finds there.
    async fn write<T>(
        &self,
        command: &Command,
        deadline: &Deadline,
        expected: impl FnOnce(Outcome) -> Option<T>,
    ) -> Result<Answer<T>, Error> {
        let Shared { gate, route, .. } = &*self.shared;
        let encoded = gate.encode(command)?;
        let _permit = gate.enter(deadline).await?;
        let Applied { revision, outcome } = route.propose(encoded, deadline).await?;
        if let Outcome::Rejected(rejection) = outcome {
            return Err(rejection.into());
        }
        let value = expected(outcome).ok_or_else(mismatch)?;
        let mut header = self.header(&self.shared.reader.reading());
        header.revision = revision;
        header.staleness = None;
        Ok(Answer { header, value })
    }

    /// Refuses an instance for which there is no room, unless this member only does not know of the room yet.
    async fn check_room(&self, key: &InstanceKey, deadline: &Deadline) -> Result<(), Error> {
        let reader = &self.shared.reader;
        if reader.reading().state.check_room(key).is_ok() {
            return Ok(());
        }
        let reading = reader.read(Consistency::Linearizable, deadline).await?;
        Ok(reading.state.check_room(key)?)
    }
}

/// It was applied: whatever else is said of it, not that nothing was done.
fn mismatch() -> Error {
    Error::OutcomeUnknown {
        problem: "the outcome is not one of the command that was proposed".to_owned(),
    }
}
