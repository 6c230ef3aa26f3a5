//! Leases on real processes: what is renewed lives, what is not lapses in time, whatever becomes of leaders.

mod at_scale;
mod guarded;
mod pauses;
mod races;

use std::time::Duration;

use quorate_client::{Client, LeaseOptions, Lifetime, RegisterOptions};
use quorate_model::{Consistency, Filter, Include, LeaseId, LeaseTtl, Liveness, Renewal};
use quorate_tests::{Cluster, READY_WITHIN, eventually, figure, id, parts, registration, service};
use tokio::time::Instant;

const TTL: Duration = Duration::from_secs(2);

fn ttl(time: Duration) -> LeaseTtl {
    time.try_into().expect("a time that leases may have")
}

/// The longest time after its last renewal that an instance may still be in default answers.
fn late_bound(time: Duration) -> Duration {
    time.mul_f64(1.11) + Duration::from_secs(3)
}

async fn grant(client: &Client, time: Duration) -> LeaseId {
    let options = LeaseOptions {
        ttl: ttl(time),
        ..LeaseOptions::default()
    };
    client.grant_lease(options).await.expect("there is room").value.lease
}

fn kept_by(lease: LeaseId, port: u16) -> RegisterOptions {
    RegisterOptions {
        lifetime: Lifetime::Lease(lease),
        ..registration(parts(port))
    }
}

/// The ids of the instances of `web` in a default answer that misses nothing.
async fn answered(client: &Client) -> Vec<String> {
    let confirmed = client.with_consistency(Consistency::Linearizable);
    let answer = confirmed.resolve(&service("web"), Filter::default()).await;
    answer
        .expect("there is a leader")
        .value
        .instances
        .iter()
        .map(|found| found.key().id.to_string())
        .collect()
}

async fn renew(client: &Client, lease: LeaseId) -> Renewal {
    let renewed = client.renew(vec![lease]).await;
    renewed.expect("there is a leader").value[0].renewal
}

#[tokio::test]
async fn what_is_not_renewed_leaves_default_answers_comes_back_with_a_renewal_and_goes_in_the_end() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let lease = grant(&client, TTL).await;
    let registered = client
        .register(&service("web"), &id("a"), kept_by(lease, 80))
        .await
        .unwrap();
    let renewed_at = Instant::now();
    assert_eq!(renew(&client, lease).await, Renewal::Live);
    assert_eq!(answered(&client).await, ["a"]);

    eventually(late_bound(TTL), "it lapses", async || {
        let answered = answered(&client).await;
        if answered.is_empty() {
            Ok(())
        } else {
            Err(format!("{answered:?}"))
        }
    })
    .await;
    assert!(
        renewed_at.elapsed() >= TTL,
        "it lapsed after {:?}",
        renewed_at.elapsed()
    );
    let all = Filter {
        include: Include::All,
        ..Filter::default()
    };
    let shown = client.resolve(&service("web"), all).await.unwrap();
    assert_eq!(shown.value.instances[0].liveness(), Liveness::Lapsed);

    assert_eq!(renew(&client, lease).await, Renewal::Revived);
    let back = client.with_consistency(Consistency::Linearizable);
    let back = back.get_instance(&service("web"), &id("a")).await.unwrap().value;
    assert_eq!(back.liveness(), Liveness::Live);
    assert_eq!(
        back.generation(),
        registered.value.generation,
        "nobody has registered it again"
    );

    eventually(
        late_bound(TTL) + 3 * TTL + Duration::from_secs(5),
        "it expires",
        async || match client.get_lease(lease).await {
            Ok(state) => Err(format!("{state:?}")),
            Err(_) => Ok(()),
        },
    )
    .await;
    let gone = client.with_consistency(Consistency::Linearizable);
    assert!(gone.get_instance(&service("web"), &id("a")).await.is_err());
    assert_eq!(renew(&client, lease).await, Renewal::Unknown);
}

#[tokio::test]
async fn a_registration_with_a_ttl_lives_by_being_repeated() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let options = RegisterOptions {
        lifetime: Lifetime::Ttl(ttl(TTL)),
        ..registration(parts(80))
    };
    let first = client
        .register(&service("web"), &id("a"), options.clone())
        .await
        .unwrap()
        .value;
    let until = Instant::now() + 3 * TTL;
    let mut ticks = tokio::time::interval(TTL / 3);
    while Instant::now() < until {
        ticks.tick().await;
        let again = client
            .register(&service("web"), &id("a"), options.clone())
            .await
            .unwrap()
            .value;
        assert_eq!((again.generation, again.lease), (first.generation, first.lease));
        assert_eq!(answered(&client).await, ["a"]);
    }
    eventually(late_bound(TTL), "it lapses", async || {
        let answered = answered(&client).await;
        if answered.is_empty() {
            Ok(())
        } else {
            Err(format!("{answered:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn leases_cost_no_log_entry_to_renew_and_survive_killed_leaders() {
    const LIVE: usize = 200;
    let time = Duration::from_secs(6);
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let mut leases = Vec::new();
    for _ in 0..LIVE {
        leases.push(grant(&client, time).await);
    }
    let stopped = grant(&client, time).await;
    client
        .register(&service("web"), &id("dead"), kept_by(stopped, 80))
        .await
        .unwrap();
    client
        .register(&service("web"), &id("live"), kept_by(leases[0], 81))
        .await
        .unwrap();
    assert_eq!(renew(&client, stopped).await, Renewal::Live);
    let stopped_at = Instant::now();
    let mut out_after = None;
    let until = Instant::now() + 4 * time;
    let mut next_kill = Instant::now() + Duration::from_secs(1);
    let mut ticks = tokio::time::interval(time / 6);
    let mut killed = None;
    while Instant::now() < until {
        ticks.tick().await;
        let renewed = client.renew(leases.clone()).await.unwrap().value;
        let others: Vec<_> = renewed
            .iter()
            .filter(|renewed| renewed.renewal != Renewal::Live)
            .collect();
        assert!(others.is_empty(), "{others:?}");
        let answered = answered(&client).await;
        assert!(answered.contains(&"live".to_owned()));
        if out_after.is_none() && !answered.contains(&"dead".to_owned()) {
            out_after = Some(stopped_at.elapsed());
        }
        if Instant::now() >= next_kill {
            if let Some(number) = killed.take() {
                let member = cluster.member(number);
                member.start();
                member.wait_ready().await;
            }
            let leader = cluster.leader().await;
            leader.kill();
            killed = Some(leader.number());
            next_kill = Instant::now() + Duration::from_secs(5);
        }
    }
    let out_after = out_after.expect("what stopped is out");
    assert!(
        out_after >= time && out_after <= late_bound(time) + READY_WITHIN / 10,
        "{out_after:?}"
    );
    figure(format!(
        "with a leader killed every 5 s, a dead instance of a TTL of {time:?} was out after {out_after:?}"
    ));
}
