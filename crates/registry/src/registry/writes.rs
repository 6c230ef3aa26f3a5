//! The writes: each becomes a command, is routed to the leader, and is answered from its outcome.

use std::time::Duration;

use quorate_consensus::Applied;
use quorate_model::{
    Availability, CheckName, CheckOutput, Consistency, DrainTime, Generation, InstanceKey, InstancePatch, Lifetime,
    RequestKey, Verdict,
};
use quorate_state::{Command, Mutated, Mutation, Outcome};

use super::{Registry, Shared};
use crate::{Answer, Error, Registered, Registration, Updated, deadline::Deadline, route::Repeat};

impl Registry {
    /// Makes an instance known, or renews the claim to it.
    pub async fn register(
        &self,
        asked: Registration,
        once: Option<RequestKey>,
        time_left: Duration,
    ) -> Result<Answer<Registered>, Error> {
        asked.check_certificates()?;
        let deadline = self.deadline(time_left);
        if once.is_none() {
            self.check_room(&asked.key, &deadline).await?;
        }
        let has_own_lease = matches!(asked.lifetime, Lifetime::Ttl(_));
        let mutation = asked.into_mutation(self.shared.clock.wall_ms());
        let registered = self.mutate(mutation, once, &deadline, |mutated| {
            let Mutated::Registered {
                generation,
                change,
                lease,
                ..
            } = mutated
            else {
                return None;
            };
            Some(Registered {
                generation,
                change,
                lease,
            })
        });
        let registered = registered.await?;
        if let Some(lease) = registered.value.lease.filter(|_| has_own_lease) {
            // To register again what has a lease of its own renews that. What cannot be renewed now is registered all the
            // same, and its holder has a TTL to try again.
            let _renewed = self.shared.lessor.renew(vec![lease], &deadline).await;
        }
        Ok(registered)
    }

    /// Changes parts of an instance and leaves the others as they are.
    pub async fn update(
        &self,
        key: InstanceKey,
        generation: Option<Generation>,
        patch: InstancePatch,
        once: Option<RequestKey>,
        time_left: Duration,
    ) -> Result<Answer<Updated>, Error> {
        let mutation = Mutation::Update { key, generation, patch };
        self.mutate(mutation, once, &self.deadline(time_left), |mutated| {
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
        once: Option<RequestKey>,
        time_left: Duration,
    ) -> Result<Answer<bool>, Error> {
        let mutation = Mutation::Deregister { key, generation };
        self.mutate(mutation, once, &self.deadline(time_left), |mutated| {
            let Mutated::Deregistered { existed } = mutated else {
                return None;
            };
            Some(existed)
        })
        .await
    }

    /// States what is intended for an instance; that it drains, for no longer than `drain`.
    pub async fn set_availability(
        &self,
        key: InstanceKey,
        availability: Availability,
        drain: Option<DrainTime>,
        generation: Option<Generation>,
        once: Option<RequestKey>,
        time_left: Duration,
    ) -> Result<Answer<Updated>, Error> {
        let mutation = Mutation::SetAvailability {
            key,
            availability,
            drain,
            generation,
        };
        self.mutate(mutation, once, &self.deadline(time_left), |mutated| {
            let Mutated::AvailabilitySet { generation, effect, .. } = mutated else {
                return None;
            };
            Some(Updated { generation, effect })
        })
        .await
    }

    /// Tells what whoever runs an instance has found of a check that nobody else makes.
    pub async fn report_check(
        &self,
        key: InstanceKey,
        generation: Option<Generation>,
        check: CheckName,
        (verdict, output): (Verdict, CheckOutput),
        time_left: Duration,
    ) -> Result<Answer<Updated>, Error> {
        let mutation = Mutation::ReportCheck {
            key,
            generation,
            check,
            verdict,
            output,
        };
        self.mutate(mutation, None, &self.deadline(time_left), |mutated| {
            let Mutated::CheckReported { generation, effect, .. } = mutated else {
                return None;
            };
            Some(Updated { generation, effect })
        })
        .await
    }

    /// Has `mutation` applied, once if there is a key for that, and takes from what it came to what `expected` finds
    /// there. What is to be done once is a batch of one.
    async fn mutate<T>(
        &self,
        mutation: Mutation,
        once: Option<RequestKey>,
        deadline: &Deadline,
        expected: impl FnOnce(Mutated) -> Option<T>,
    ) -> Result<Answer<T>, Error> {
        let (command, repeat) = match once {
            None => (Command::Mutate(mutation), Repeat::Harmful),
            key @ Some(_) => {
                let items = vec![(0, mutation)];
                (Command::Batch { key, items }, Repeat::Harmless)
            }
        };
        let Answer { header, value } = self.write(&command, repeat, deadline, only_mutated).await?;
        let value = expected(value?).ok_or_else(Error::outcome_mismatch)?;
        Ok(Answer { header, value })
    }

    /// Has `command` applied and takes from its outcome what `expected` finds there.
    pub(super) async fn write<T>(
        &self,
        command: &Command,
        repeat: Repeat,
        deadline: &Deadline,
        expected: impl FnOnce(Outcome) -> Option<T>,
    ) -> Result<Answer<T>, Error> {
        let Shared { gate, route, .. } = &*self.shared;
        let encoded = gate.encode(command)?;
        let _permit = gate.enter(1, deadline).await?;
        let Applied { revision, outcome } = route.propose(encoded, repeat, deadline).await?;
        if let Outcome::Rejected(rejection) = outcome {
            return Err(rejection.into());
        }
        let value = expected(outcome).ok_or_else(Error::outcome_mismatch)?;
        let mut header = self.header(&self.shared.reader.reading());
        header.revision = revision;
        header.staleness = None;
        Ok(Answer { header, value })
    }

    /// Refuses an instance for which there is no room, unless this member only does not know of the room yet.
    ///
    /// Not for what is to be done once: it may be done already, and then its outcome is another one.
    pub(super) async fn check_room(&self, key: &InstanceKey, deadline: &Deadline) -> Result<(), Error> {
        let reader = &self.shared.reader;
        if reader.reading().state.check_room(key).is_ok() {
            return Ok(());
        }
        let reading = reader.read(Consistency::Linearizable, deadline).await?;
        Ok(reading.state.check_room(key)?)
    }
}

/// What the only mutation of a command came to.
fn only_mutated(outcome: Outcome) -> Option<Result<Mutated, Error>> {
    match outcome {
        Outcome::Mutated(mutated) => Some(Ok(mutated)),
        Outcome::Batch(items) => {
            let [item] = <[_; 1]>::try_from(items).ok()?;
            Some(item.map_err(Error::from))
        }
        Outcome::Founded
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
        | Outcome::SettingsSet { .. }
        | Outcome::Rejected(_) => None,
    }
}
