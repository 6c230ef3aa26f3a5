//! Which writes of a batch would come to nothing for lack of room: the log is spared them.

use quorate_model::Consistency;
use quorate_state::{Mutation, Rejection, State};

use super::{Entry, Outcomes};
use crate::{
    Error,
    deadline::Deadline,
    quorum::Quorum,
    read::{Reader, Reading},
};

/// Tells them from the rest, by one view: the one at hand, or a confirmed one if that has no room for all, as this
/// member may only not know of the room yet. It is each by itself; how many of them find room together, apply decides.
pub(crate) async fn part_by_room<Q: Quorum>(
    mutations: Entry,
    reader: &Reader<Q>,
    deadline: &Deadline,
) -> Result<(Entry, Outcomes), Error> {
    let Reading { mut state, .. } = reader.reading();
    if mutations.iter().any(|(_, mutation)| check(&state, mutation).is_err()) {
        Reading { state, .. } = reader.read(Consistency::Linearizable, deadline).await?;
    }
    let (mut rest, mut refused) = (Entry::with_capacity(mutations.len()), Outcomes::new());
    for (place, mutation) in mutations {
        match check(&state, &mutation) {
            Ok(()) => rest.push((place, mutation)),
            Err(rejection) => drop(refused.insert(place, Err(rejection.into()))),
        }
    }
    Ok((rest, refused))
}

fn check(state: &State, mutation: &Mutation) -> Result<(), Rejection> {
    match mutation {
        Mutation::Register { key, .. } => state.check_room(key),
        Mutation::Update { .. }
        | Mutation::Deregister { .. }
        | Mutation::SetAvailability { .. }
        | Mutation::ReportCheck { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use quorate_model::{Endpoint, InstanceKey, InstanceSpec, Lifetime, SpecParts, limits::INSTANCES_PER_SERVICE_MAX};
    use quorate_state::{Command, Limit, Takeover};
    use tokio::{runtime::Handle, sync::mpsc};

    use super::*;
    use crate::{
        Limits, Tasks,
        testing::{Asked, Script, TokioClock, deadline},
    };

    fn register(service: &str, number: usize) -> Mutation {
        let endpoint = Endpoint {
            address: "10.0.0.1".parse().unwrap(),
            port: 80_u16.try_into().unwrap(),
            protocol: None,
        };
        Mutation::Register {
            key: InstanceKey {
                namespace: "default".parse().unwrap(),
                service: service.parse().unwrap(),
                id: format!("i-{number}").parse().unwrap(),
            },
            spec: InstanceSpec::new(SpecParts::new(endpoint.into())).unwrap(),
            takeover: Takeover::Forbidden,
            lifetime: Lifetime::Persistent,
            registered_at_ms: 0,
        }
    }

    /// A member on which the service `full` has no room.
    fn set_up() -> (Script, mpsc::UnboundedReceiver<Asked>, Reader<Script>) {
        let (script, requests) = Script::new(Some(2));
        script.found(1);
        let taken = (0..INSTANCES_PER_SERVICE_MAX).map(|number| register("full", number));
        for (index, mutation) in (2..).zip(taken) {
            script.apply(index, &Command::Mutate(mutation));
        }
        script.set_applied(20_000);
        let tasks = Tasks::new(Handle::current());
        let reader = Reader::start(
            script.clone(),
            Arc::new(TokioClock::default()),
            Limits::default(),
            &tasks,
        );
        (script, requests, reader)
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_costs_one_round_however_many_of_it_find_no_room() {
        let (_script, mut requests, reader) = set_up();
        let mutations = (0..1_000).map(|number| match number {
            0 => register("other", number),
            // It is there already.
            1 => register("full", number),
            _ => register("full", INSTANCES_PER_SERVICE_MAX + number),
        });
        let mutations: Entry = (0..).zip(mutations).collect();
        let limit = deadline(Duration::from_secs(10));
        let leader = async {
            requests.recv().await.unwrap().answer(Ok(5));
            let again = tokio::time::timeout(Duration::from_secs(1), requests.recv()).await;
            assert!(again.is_err(), "one is enough for all");
        };
        let (parted, ()) = tokio::join!(part_by_room(mutations, &reader, &limit), leader);
        let (rest, refused) = parted.unwrap();
        assert_eq!(rest.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(refused.len(), 998);
        let limit = Limit::InstancesPerService;
        let expected = Error::from(Rejection::LimitExceeded { limit });
        assert!(refused.values().all(|outcome| outcome == &Err(expected.clone())));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_where_there_is_room_for_all() {
        let (_script, mut requests, reader) = set_up();
        let mutations = vec![(0, register("full", 1)), (1, register("other", 1))];
        let limit = deadline(Duration::from_secs(10));
        let parted = part_by_room(mutations.clone(), &reader, &limit).await;
        assert_eq!(parted, Ok((mutations, Outcomes::new())));
        assert!(requests.try_recv().is_err());
    }
}
