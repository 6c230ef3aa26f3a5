//! Admission at its edges.

use std::time::Duration;

use quorate_model::{Endpoints, InstanceKey, InstanceSpec, SpecParts, Takeover};
use quorate_state::Mutation;

use super::*;
use crate::testing::deadline;

const LONG: Duration = Duration::from_secs(10);

fn key(id: usize) -> InstanceKey {
    InstanceKey {
        namespace: "default".parse().unwrap(),
        service: "web".parse().unwrap(),
        id: format!("web-{id}").parse().unwrap(),
    }
}

fn register(id: usize) -> Command {
    let endpoint = quorate_model::Endpoint {
        address: "10.0.0.1".parse().unwrap(),
        port: "80".parse().unwrap(),
        protocol: None,
    };
    let endpoints = Endpoints::try_from(vec![endpoint]).unwrap();
    Command::Mutate(Mutation::Register {
        key: key(id),
        spec: InstanceSpec::new(SpecParts::new(endpoints)).unwrap(),
        takeover: Takeover::Forbidden,
        lifetime: quorate_model::Lifetime::Persistent,
        registered_at_ms: 0,
    })
}

#[tokio::test(start_paused = true)]
async fn one_write_more_than_allowed_is_turned_down_after_a_short_wait() {
    let gate = Gate::new(Limits {
        writes_in_flight_max: 2,
        ..Limits::default()
    });
    let first = gate.enter(1, &deadline(LONG)).await.unwrap();
    let _second = gate.enter(1, &deadline(LONG)).await.unwrap();

    let started = tokio::time::Instant::now();
    let refused = gate.enter(1, &deadline(LONG)).await.unwrap_err();
    assert_eq!(refused, gate.overloaded());
    assert_eq!(started.elapsed(), Limits::default().write_wait);

    drop(first);
    let _third = gate.enter(1, &deadline(LONG)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_one_that_is_about_to_end() {
    let gate = Gate::new(Limits {
        writes_in_flight_max: 1,
        ..Limits::default()
    });
    let first = gate.enter(1, &deadline(LONG)).await.unwrap();
    let ends = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(first);
    };
    let limit = deadline(LONG);
    let (entered, ()) = tokio::join!(gate.enter(1, &limit), ends);
    let _permit = entered.unwrap();
}

#[tokio::test]
async fn a_write_whose_time_is_over_does_not_come_in() {
    let gate = Gate::new(Limits::default());
    assert_eq!(
        gate.enter(1, &deadline(Duration::ZERO)).await.unwrap_err(),
        Error::DeadlineExceeded
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_counts_by_its_log_entries() {
    let gate = Gate::new(Limits {
        writes_in_flight_max: 3,
        ..Limits::default()
    });
    let batch = gate.enter(2, &deadline(LONG)).await.unwrap();
    assert_eq!(gate.enter(2, &deadline(LONG)).await.unwrap_err(), gate.overloaded());
    let single = gate.enter(1, &deadline(LONG)).await.unwrap();
    drop((batch, single));
    // One that is over the limit by itself is let in alone.
    let _all = gate.enter(4, &deadline(LONG)).await.unwrap();
    assert_eq!(gate.enter(1, &deadline(LONG)).await.unwrap_err(), gate.overloaded());
}

#[test]
fn a_command_of_exactly_the_limit_fits_and_one_byte_more_does_not() {
    let command = register(0);
    let len = command.encode().unwrap().len();
    let gate = |command_len_max| {
        Gate::new(Limits {
            command_len_max,
            ..Limits::default()
        })
    };
    assert_eq!(gate(len).encode(&command).unwrap().len(), len);
    let max = len - 1;
    assert_eq!(gate(max).encode(&command), Err(Error::TooLarge { len, max }));
}
