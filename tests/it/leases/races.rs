//! Who acts for a registration that has ended has no effect on the one that came after it.

use quorate_client::{Client, Reason, RegisterOptions};
use quorate_model::{Availability, Holder, Incarnation, InstancePatch, Weight};
use quorate_tests::{Cluster, figure, id, parts, registration, service};
use tokio::task::JoinSet;

/// Instances for which an old and a new process race at a time, and how often.
const INSTANCES: usize = 50;
const ROUNDS: u64 = 50;

/// What an old process does in each round.
const DEEDS: usize = 4;

fn run(incarnation: u64) -> RegisterOptions {
    let mut parts = parts(80);
    parts.holder = Holder {
        owner: Some("pod".parse().expect("a name")),
        incarnation: Some(Incarnation::try_from(incarnation).expect("it is not 0")),
    };
    registration(parts)
}

#[tokio::test]
async fn ten_thousand_late_deeds_of_old_processes_have_no_effect() {
    let cluster = Cluster::start(3).await;
    let mut racing = JoinSet::new();
    for number in 0..INSTANCES {
        let client = cluster.client_builder(number).build().unwrap();
        racing.spawn(async move { Box::pin(race(&client, &format!("pod-{number}"))).await });
    }
    let mut refused = 0;
    while let Some(raced) = racing.join_next().await {
        refused += raced.unwrap();
    }
    let tried = INSTANCES as u64 * ROUNDS * DEEDS as u64;
    figure(format!(
        "{tried} late deeds, {refused} refused, the others came before the restart"
    ));
    assert!(refused >= tried / 2, "the old process was hardly ever late");
}

/// Each round a new run registers while the one before goes on; answers how many deeds of old runs were refused.
async fn race(client: &Client, name: &str) -> u64 {
    let (service, id) = (service("web"), id(name));
    let mut refused = 0;
    let mut old = client
        .register(&service, &id, run(1))
        .await
        .expect("there is room")
        .value
        .generation;
    for round in 2..=ROUNDS + 1 {
        let patch = InstancePatch {
            weight: Some(Weight::new(7)),
            ..InstancePatch::default()
        };
        let restart = client.register(&service, &id, run(round));
        let late = async {
            tokio::join!(
                client.update(&service, &id, Some(old), patch.clone()),
                client.set_availability(&service, &id, Some(old), Availability::Enabled),
            )
        };
        let (restarted, (updated, enabled)) = tokio::join!(restart, late);
        let new = restarted.expect("it is the latest run").value.generation;
        assert!(new > old);
        // After the restart nothing of the old run counts.
        let late = client.deregister(&service, &id, Some(old)).await;
        assert_eq!(
            late.expect_err("it is too late").reason(),
            Some(Reason::StaleGeneration)
        );
        let late = client.update(&service, &id, Some(old), patch).await;
        assert_eq!(
            late.expect_err("it is too late").reason(),
            Some(Reason::StaleGeneration)
        );
        refused += 2;
        for outcome in [updated, enabled] {
            match outcome {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.reason(), Some(Reason::StaleGeneration));
                    refused += 1;
                }
            }
        }
        let found = client
            .get_instance(&service, &id)
            .await
            .expect("there is a leader")
            .value;
        assert_eq!((found.generation(), found.weight()), (new, Weight::default()));
        old = new;
    }
    refused
}
