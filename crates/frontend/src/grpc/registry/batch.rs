//! The items of a batch, and what each came to.

use std::collections::BTreeMap;

use quorate_model::{Generation, Lifetime};
use quorate_proto::{
    convert::InvalidField,
    registry::{
        self as pb,
        write_batch_response::{Done, Failed, ItemOutcome, item_outcome},
    },
    request,
    status::Reason,
};
use quorate_registry::{self as registry, Outcomes, Registration, Write};
use tonic::Status;

use super::{answer, registration, status};

/// The items of a batch as they came in.
pub(super) struct Received {
    /// Those that say what is to be done, by their places.
    pub(super) writes: Vec<(u32, Write)>,
    /// What is told of the others.
    pub(super) refused: BTreeMap<u32, ItemOutcome>,
}

// === impl Received ===

impl From<Vec<Result<request::Write, InvalidField>>> for Received {
    fn from(items: Vec<Result<request::Write, InvalidField>>) -> Self {
        let (mut writes, mut refused) = (Vec::with_capacity(items.len()), BTreeMap::new());
        for (place, item) in (0..).zip(items) {
            match item.map_err(Status::from).and_then(write) {
                Ok(write) => writes.push((place, write)),
                Err(status) => drop(refused.insert(place, failed(&status))),
            }
        }
        Self { writes, refused }
    }
}

fn write(item: request::Write) -> Result<Write, Status> {
    Ok(match item {
        request::Write::Register(asked) => Write::Register(Box::new(kept_by_no_own_lease(*asked)?)),
        request::Write::Update(asked) => {
            let request::Update { key, generation, patch } = *asked;
            let patch = Box::new(patch);
            Write::Update { key, generation, patch }
        }
        request::Write::Deregister(request::Deregister { key, generation }) => Write::Deregister { key, generation },
        request::Write::SetAvailability(request::SetAvailability {
            key,
            generation,
            availability,
            drain,
        }) => Write::SetAvailability {
            key,
            availability,
            drain,
            generation,
        },
    })
}

/// A lease is known by the log entry that makes it, which several items of a batch share.
fn kept_by_no_own_lease(asked: request::Register) -> Result<Registration, Status> {
    match asked.lifetime {
        Lifetime::Persistent | Lifetime::Lease(_) => Ok(registration(asked)),
        Lifetime::Ttl(_) => Err(Reason::InvalidArgument.status(
            "ttl_ms: within a batch no registration gets a lease of its own; grant one, and give its lease_id",
        )),
    }
}

/// What all items came to, in the order of their places.
pub(super) fn outcomes(refused: BTreeMap<u32, ItemOutcome>, outcomes: Outcomes) -> Vec<ItemOutcome> {
    let mut all = refused;
    let tried = outcomes.into_iter().map(|(place, outcome)| match outcome {
        Ok(done) => (place, done_to_wire(done)),
        Err(error) => (place, failed(&status(&error))),
    });
    all.extend(tried);
    all.into_values().collect()
}

fn done_to_wire(done: registry::Done) -> ItemOutcome {
    let change = done.change.map_or(pb::RegisterChange::Unspecified, answer::change);
    let done = Done {
        revision: done.revision.get(),
        generation: done.generation.map_or(0, Generation::get),
        changed: answer::changed(done.effect),
        register_change: change.into(),
    };
    ItemOutcome {
        outcome: Some(item_outcome::Outcome::Done(done)),
    }
}

fn failed(status: &Status) -> ItemOutcome {
    let failed = Failed {
        reason: Reason::of(status).word().to_owned(),
        message: status.message().to_owned(),
    };
    ItemOutcome {
        outcome: Some(item_outcome::Outcome::Failed(failed)),
    }
}

#[cfg(test)]
mod tests {
    use quorate_model::{InstanceKey, Revision};
    use quorate_registry::Error;
    use quorate_state::{Effect, Rejection};

    use super::*;

    fn word(outcome: &ItemOutcome) -> &str {
        match outcome.outcome.as_ref().unwrap() {
            item_outcome::Outcome::Done(_) => "done",
            item_outcome::Outcome::Failed(failed) => &failed.reason,
        }
    }

    #[test]
    fn what_an_item_came_to_is_told_at_its_place() {
        let key = InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "web".parse().unwrap(),
            id: "a".parse().unwrap(),
        };
        let deregister = || {
            let (key, generation) = (key.clone(), None);
            Ok(request::Write::Deregister(request::Deregister { key, generation }))
        };
        let nonsense = || Err(InvalidField::missing("write", "one"));
        let items = vec![deregister(), nonsense(), deregister(), deregister(), nonsense()];
        let Received { writes, refused } = Received::from(items);
        let places: Vec<_> = writes.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [0, 2, 3]);

        let done = registry::Done {
            revision: Revision::new(7),
            generation: None,
            effect: Effect::Changed,
            change: None,
        };
        let problem = String::new();
        let came_to = Outcomes::from([
            (0, Ok(done)),
            (2, Err(Rejection::NotFound.into())),
            (3, Err(Error::OutcomeUnknown { problem })),
        ]);
        let outcomes = outcomes(refused, came_to);
        let words: Vec<_> = outcomes.iter().map(word).collect();
        assert_eq!(
            words,
            [
                "done",
                "INVALID_ARGUMENT",
                "NOT_FOUND",
                "OUTCOME_UNKNOWN",
                "INVALID_ARGUMENT"
            ]
        );
    }
}
