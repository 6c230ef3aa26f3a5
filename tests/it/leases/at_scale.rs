//! What many leases come to when leaders die, holders fall silent and a leader is new. Not for every day:
//! `docs/benchmarks.md` says how each is run.

use std::{env, sync::Arc, time::Duration};

use quorate_client::{Client, LeaseOptions};
use quorate_model::{Consistency, Filter, Incarnation, LeaseTtl};
use quorate_tests::{Cluster, Holders, ensure, eventually, figure, id, parts, registration, service};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::late_bound;

/// The TTL that holders have by default.
const TTL: Duration = Duration::from_secs(15);

/// Longer than anything here takes on a slow machine.
const LONG: Duration = Duration::from_secs(900);

/// Services over which holders are spread: what stops of each stays below its guard's share.
const SERVICES: usize = 10;

fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |count| count.parse().expect("a number"))
}

async fn answered(client: &Client, of: &str) -> usize {
    let confirmed = client.with_consistency(Consistency::Linearizable);
    let answer = confirmed.resolve(&service(of), Filter::default()).await;
    answer.map_or(0, |answer| answer.value.instances.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; docs/benchmarks.md says how to run it"]
async fn the_leader_is_killed_every_five_seconds() {
    let (live, dying) = (number("QUORATE_TEST_LEASES", 10_000), 100);
    let time = Duration::from_secs(number("QUORATE_TEST_SECONDS", 180) as u64);
    let cluster = Cluster::start(3).await;
    let mut lanes = Vec::new();
    for lane in 0..SERVICES {
        lanes.push(Holders::settle(&cluster, &format!("lane-{lane}"), live / SERVICES, TTL).await);
    }
    let begun = Instant::now();
    let lanes = Arc::new(lanes);
    let dies = watch_the_dying(&cluster, Arc::clone(&lanes), dying, time);
    let (longest, kills) = tokio::join!(dies, kill_leaders(&cluster, begun + time));
    let lapsed: u64 = lanes.iter().map(|lane| lane.seen().revived + lane.seen().unknown).sum();
    let renewals: u64 = lanes.iter().map(|lane| lane.seen().answered).sum();
    figure(format!(
        "{kills} leaders killed in {time:?} with {live} leases of {TTL:?}: {renewals} renewals answered, {lapsed} live ones \
         lapsed, {dying} that stopped were out after {longest:?} at the latest; the bound is {:?}",
        late_bound(TTL)
    ));
    assert_eq!(lapsed, 0);
    assert!(longest <= late_bound(TTL), "{longest:?}");
}

/// Kills whoever leads, and starts it again before the next one.
async fn kill_leaders(cluster: &Cluster, until: Instant) -> usize {
    let mut kills = 0;
    while Instant::now() < until {
        let next = Instant::now() + Duration::from_secs(5);
        let leader = cluster.leader().await;
        leader.kill();
        kills += 1;
        sleep(Duration::from_millis(500)).await;
        leader.start();
        sleep_until(next).await;
    }
    kills
}

/// Lets holders stop one after the other, spread over the services and the time, and answers how long the longest of them
/// was in default answers since.
async fn watch_the_dying(cluster: &Cluster, lanes: Arc<Vec<Holders>>, count: usize, time: Duration) -> Duration {
    let client = cluster.client();
    // The last one has to be out before the kills are over.
    let every = time.saturating_sub(2 * TTL) / u32::try_from(count).expect("some hundreds");
    let mut watching = JoinSet::new();
    for dying in 0..count {
        let (lane, place) = (dying % SERVICES, dying / SERVICES);
        lanes[lane].silence([place]);
        // Its last renewal may be under way: it counts from here on at the latest.
        let died = Instant::now();
        let client = client.clone();
        watching.spawn(async move {
            let (of, instance) = (service(&format!("lane-{lane}")), id(&format!("holder-{place}")));
            loop {
                if let Ok(answer) = client.resolve(&of, Filter::default()).await {
                    let is_there = answer.value.instances.iter().any(|found| found.key().id == instance);
                    if !is_there {
                        return died.elapsed();
                    }
                }
                sleep(Duration::from_millis(250)).await;
            }
        });
        sleep(every).await;
    }
    watching.join_all().await.into_iter().max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; docs/benchmarks.md says how to run it"]
async fn most_of_ten_thousand_holders_are_silent_for_a_minute() {
    let count = number("QUORATE_TEST_LEASES", 10_000);
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let holders = Holders::settle(&cluster, "web", count, TTL).await;
    holders.silence(0..count * 6 / 10);
    let until = Instant::now() + Duration::from_secs(60);
    let mut least = count;
    while Instant::now() < until {
        least = least.min(answered(&client, "web").await);
        sleep(Duration::from_millis(250)).await;
    }
    holders.speak();
    eventually(LONG, "all are whole again", async || {
        let guards = client.list_guards().await.unwrap().value.len();
        let lapsed = client.status().await.unwrap().value.leases.lapsed;
        ensure(guards == 0 && lapsed == 0, format!("{guards} guards, {lapsed} lapsed"))
    })
    .await;
    cluster.converge(LONG).await;
    let unknown = holders.seen().unknown;
    figure(format!(
        "60 % of {count} holders silent for 60 s: no answer below {least}, {unknown} had to register again"
    ));
    assert!(least >= count - count * 15 / 100);
    assert_eq!(unknown, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; docs/benchmarks.md says how to run it"]
async fn registrations_while_fifty_thousand_leases_lapse_at_once() {
    let count = number("QUORATE_TEST_LEASES", 50_000);
    let ttl = Duration::from_secs(30);
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let mut calm = Vec::new();
    let mut stormy = Vec::new();
    for _ in 0..5 {
        grant(&cluster, count, ttl).await;
        calm.push(p99(&client, Duration::from_secs(5)).await);
        let lapsed = || async { client.status().await.unwrap().value.leases.lapsed };
        while lapsed().await == 0 {
            sleep(Duration::from_millis(50)).await;
        }
        let begun = Instant::now();
        stormy.push(p99(&client, Duration::from_secs(5)).await);
        eventually(LONG, "all have lapsed and are gone", async || {
            let leases = client.status().await.unwrap().value.leases;
            ensure(leases.leases == 0, format!("{leases:?} after {:?}", begun.elapsed()))
        })
        .await;
    }
    calm.sort_unstable();
    stormy.sort_unstable();
    figure(format!(
        "p99 of a registration: {:?} in calm, {:?} while {count} leases lapse; medians of 5 pairs, {calm:?} and {stormy:?}",
        calm[2], stormy[2]
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes and gigabytes; docs/benchmarks.md says how to run it"]
async fn a_leader_is_new_with_a_million_leases_and_with_none() {
    let count = number("QUORATE_TEST_LEASES", 1_000_000);
    let cluster = Cluster::start(3).await;
    let none = first_writes(&cluster).await;
    // Nobody renews them while they are granted.
    grant(&cluster, count, Duration::from_secs(24 * 3_600)).await;
    cluster.converge(LONG).await;
    let many = first_writes(&cluster).await;
    figure(format!(
        "from an election to the first write: {:?} with no lease, {:?} with {count}; medians of 5, {none:?} and {many:?}",
        none[2], many[2]
    ));
}

/// Kills the leader five times; how long it took each time from when another member said that it leads until a write was
/// acknowledged. In order of length.
async fn first_writes(cluster: &Cluster) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let leader = cluster.leader().await;
        let followers: Vec<_> = cluster
            .members()
            .iter()
            .filter(|member| member.number() != leader.number())
            .collect();
        leader.kill();
        let elected = loop {
            let mut led = None;
            for member in &followers {
                let status = member.status().await;
                led = led.or(status.ok().filter(|it| it.value.role == quorate_client::Role::Leader));
            }
            if led.is_some() {
                break Instant::now();
            }
            sleep(Duration::from_millis(2)).await;
        };
        let client = cluster.client();
        while client
            .register(&service("first"), &id("write"), registration(parts(80)))
            .await
            .is_err()
        {}
        times.push(elected.elapsed());
        leader.start();
        leader.wait_until("is back", LONG, |answer| answer.value.ready).await;
        cluster.converge(LONG).await;
    }
    times.sort_unstable();
    times
}

/// Grants leases that nobody renews.
async fn grant(cluster: &Cluster, count: usize, ttl: Duration) {
    let room = Arc::new(Semaphore::new(256));
    let mut granting = JoinSet::new();
    let clients: Vec<Client> = (0..3)
        .map(|lane| {
            cluster
                .client_builder(lane)
                .deadline(LONG)
                .build()
                .expect("the nodes have addresses")
        })
        .collect();
    for nth in 0..count {
        let permit = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
        let client = clients[nth % 3].clone();
        granting.spawn(async move {
            let options = LeaseOptions {
                ttl: LeaseTtl::try_from(ttl).expect("a time that leases may have"),
                ..LeaseOptions::default()
            };
            client.grant_lease(options).await.expect("there is room for the lease");
            drop(permit);
        });
        while granting.try_join_next().is_some() {}
    }
    granting.join_all().await;
}

/// The 99th percentile of registrations, one after the other in eight lanes, for so long.
async fn p99(client: &Client, time: Duration) -> Duration {
    let until = Instant::now() + time;
    let mut lanes = JoinSet::new();
    for lane in 0..8_u64 {
        let client = client.clone();
        lanes.spawn(async move {
            let (service, id) = (service("latency"), id(&format!("lane-{lane}")));
            let mut times = Vec::new();
            let mut run = 0;
            while Instant::now() < until {
                run += 1;
                let mut parts = parts(80);
                parts.holder.incarnation = Incarnation::try_from(run).ok();
                let begun = Instant::now();
                client
                    .register(&service, &id, registration(parts))
                    .await
                    .expect("there is room for the instance");
                times.push(begun.elapsed());
            }
            times
        });
    }
    let mut times: Vec<Duration> = lanes.join_all().await.into_iter().flatten().collect();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
