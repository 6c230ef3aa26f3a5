//! Registrations that look after themselves, by the SDK and by the command, on real processes.

use std::time::Duration;

use quorate_client::{Client, Lost, Registration, RegistrationState};
use quorate_model::{Availability, Consistency, Filter, InstancePatch, LeaseId, LeaseTtl, Weight};
use quorate_tests::{
    Cluster, Member, Process, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, id, parts, registration, service,
};
use rustix::process::Signal;

/// Long enough for a start of all members, and short enough to be waited for.
const TTL: Duration = Duration::from_secs(4);

/// A client that is told of this member, and learns of the others.
fn client(member: &Member) -> Client {
    let door = member.doors().client.try_into().expect("a port that is not 0");
    Client::builder()
        .endpoints([door])
        .build()
        .expect("a client with an endpoint")
}

async fn open(client: &Client, owner: &str) -> Registration {
    let builder = client.registration(service("web"), id("a"), registration(parts(80)));
    let owner = owner.parse().expect("a valid owner");
    let ttl = TTL.try_into().expect("a time to live within the limits");
    let opened = builder.owner(owner).ttl(ttl).open().await;
    opened.expect("the id is free, or its owner's")
}

fn now(registration: &Registration) -> RegistrationState {
    registration.state().borrow().clone()
}

fn lease_of(registration: &Registration) -> LeaseId {
    let state = now(registration);
    let RegistrationState::Registered { lease, .. } = state else {
        panic!("{state:?}")
    };
    lease
}

/// Waits for a state.
async fn comes_to(registration: &Registration, is_so: impl FnMut(&RegistrationState) -> bool) -> RegistrationState {
    let mut state = registration.state();
    let waiting = tokio::time::timeout(SETTLED_WITHIN, state.wait_for(is_so));
    let told = waiting.await.expect("it comes to pass in time");
    told.expect("the registration is there").clone()
}

/// How many instances of `web` there are in a default answer that misses nothing.
async fn answered(client: &Client) -> usize {
    let confirmed = client.with_consistency(Consistency::Linearizable);
    eventually(READY_WITHIN, "the cluster answers", async || {
        confirmed.resolve(&service("web"), Filter::default()).await
    })
    .await
    .value
    .instances
    .len()
}

#[tokio::test]
async fn a_registration_outlives_killed_leaders_and_a_restart_of_all_as_it_is() {
    let cluster = Cluster::start(3).await;
    let client = client(cluster.member(1));
    let registration = open(&client, "pod-1").await;
    let at_first = now(&registration);
    for _ in 0..2 {
        let leader = cluster.leader().await;
        leader.kill();
        cluster.leader().await;
        leader.start();
        leader.wait_ready().await;
    }
    cluster.kill_all();
    for member in cluster.members() {
        member.start();
    }
    for member in cluster.members() {
        member.wait_ready().await;
    }
    comes_to(&registration, |state| *state == at_first).await;
    assert_eq!(answered(&client).await, 1);
    let patch = InstancePatch {
        weight: Some(Weight::new(7)),
        ..InstancePatch::default()
    };
    registration.update(patch).await.unwrap();
    assert_eq!(now(&registration), at_first, "the same lease and the same generation");
    registration.close().await.unwrap();
    assert_eq!(answered(&client).await, 0);
}

#[tokio::test]
async fn a_registration_follows_the_cluster_to_entirely_new_members() {
    let mut cluster = Cluster::start(3).await;
    let client = client(cluster.member(1));
    let registration = open(&client, "pod-1").await;
    let at_first = now(&registration);
    for old in 1..=3 {
        cluster.join(&[1, 2, 3]).wait_ready().await;
        let member = cluster.member(old);
        let others = self::client(cluster.member(old + 3));
        eventually(SETTLED_WITHIN, "the member is removed", async || {
            others.remove_member(member.id()).await
        })
        .await;
        assert_eq!(
            member.ended().await,
            Some(0),
            "a member that was removed stops by itself"
        );
    }
    // Longer than its lease lives without being renewed: whoever is there now renews it.
    let lease = lease_of(&registration);
    eventually(SETTLED_WITHIN, "the new members renew it", async || {
        let state = client.get_lease(lease).await.map_err(|error| error.to_string())?;
        ensure(
            !state.value.lapsed && state.value.renewed_ago < Some(TTL / 2),
            format!("{state:?}"),
        )
    })
    .await;
    assert_eq!(now(&registration), at_first, "the same lease and the same generation");
    assert_eq!(answered(&client).await, 1);
}

#[tokio::test]
async fn a_registration_whose_lease_is_gone_is_made_anew_as_it_was_last() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let registration = open(&client, "pod-1").await;
    let patch = InstancePatch {
        weight: Some(Weight::new(7)),
        ..InstancePatch::default()
    };
    registration.update(patch).await.unwrap();
    registration.drain(None).await.unwrap();
    let lease = lease_of(&registration);
    client.revoke_lease(lease).await.unwrap();
    let is_new =
        |state: &RegistrationState| matches!(state, RegistrationState::Registered { lease: new, .. } if *new != lease);
    comes_to(&registration, is_new).await;
    eventually(SETTLED_WITHIN, "it is what it was", async || {
        let answer = client.get_instance(&service("web"), &id("a")).await;
        let found = answer.map_err(|error| error.to_string())?.value;
        let is_so = found.weight() == Weight::new(7) && found.availability() == Availability::Draining;
        ensure(is_so, format!("{found:?}"))
    })
    .await;
}

#[tokio::test]
async fn of_two_runs_of_one_owner_the_later_one_stays_and_another_owner_is_kept_out() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let first = open(&client, "pod-1").await;
    let second = open(&client, "pod-1").await;
    let RegistrationState::Registered { generation, .. } = now(&second) else {
        panic!("{:?}", now(&second));
    };
    // Its lease goes, and it does not push aside who has come since.
    client.revoke_lease(lease_of(&first)).await.unwrap();
    let why = Lost::Superseded { generation };
    comes_to(&first, |state| *state == RegistrationState::Lost { why: why.clone() }).await;
    first.close().await.unwrap();
    let other = client
        .registration(service("web"), id("a"), registration(parts(81)))
        .owner("pod-2".parse().unwrap());
    assert!(other.open().await.is_err());
    let found = client.get_instance(&service("web"), &id("a")).await.unwrap().value;
    assert_eq!(found.generation(), generation);
    drop(second);
    eventually(SETTLED_WITHIN, "what is dropped is taken out", async || {
        ensure(answered(&client).await == 0, "it is still there")
    })
    .await;
}

#[tokio::test]
async fn the_command_keeps_what_it_registers_until_it_is_told_to_end() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let line = "register web --id=a --address=10.0.0.1 --port=80 --owner=pod-1 --ttl=2s --keep-alive";
    let mut arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let doors: Vec<String> = cluster
        .members()
        .iter()
        .map(|member| member.doors().client.to_string())
        .collect();
    arguments.push(format!("--endpoints={}", doors.join(",")));
    let mut command = Process::start(cluster.files(), "keep", arguments);
    eventually(READY_WITHIN, "it says that it is registered", async || {
        ensure(command.output().lines().count() == 1, command.log())
    })
    .await;
    assert!(
        command.output().starts_with("registered default/web/a, generation "),
        "{}",
        command.output()
    );
    let lease = client.list_leases(false).await.unwrap().value[0].lease.id;
    // It goes on to be renewed: longer than it would live without.
    tokio::time::timeout(SETTLED_WITHIN, async {
        let ttl = LeaseTtl::from_ms(2_000).unwrap();
        let began = tokio::time::Instant::now();
        while began.elapsed() < Duration::from(ttl) * 2 {
            let state = client.get_lease(lease).await.unwrap().value;
            assert!(!state.lapsed, "{state:?}");
        }
    })
    .await
    .unwrap();
    command.signal(Signal::TERM);
    assert!(command.ended(SETTLED_WITHIN).await.success(), "{}", command.log());
    assert_eq!(answered(&client).await, 0);
    assert_eq!(client.list_leases(false).await.unwrap().value, []);
}
