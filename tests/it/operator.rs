//! What operators decide: overrides, which outlast what they are about, and settings.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use quorate_client::{Client, OverrideState};
use quorate_model::{
    Availability, Consistency, ExpiresAfter, Filter, Include, Locality, OverrideKind, OverrideSpec, OverrideTarget,
    SettingsPatch, Weight,
};
use quorate_tests::{
    Cluster, Load, Member, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, figure, id, key, parts, registration,
    seed, service,
};
use tokio::time::Instant;

/// The service of these tests.
const SERVICE: &str = "payments";

/// How late an override may go on a busy machine, beside the time that it was given.
const LATE_MAX: Duration = Duration::from_secs(10);

#[tokio::test]
async fn overrides_decide_what_is_answered_whatever_registrants_state() {
    let cluster = Cluster::start(3).await;
    let client = confirmed(&cluster);
    for (name, zone) in [("a", "z1"), ("b", "z1"), ("c", "z2")] {
        register(&client, name, zone).await;
    }
    assert_eq!(available(&client).await, ["a", "b", "c"]);

    set(&client, disable("a")).await;
    assert_eq!(available(&client).await, ["b", "c"]);
    set(&client, zone_out(true, "z2")).await;
    assert_eq!(available(&client).await, ["b"]);
    set(&client, weigh("b", 7)).await;
    set(&client, zone_out(false, "z1")).await;
    assert_eq!(available(&client).await, [""; 0]);

    // They are shown as they stand, on every member, for whoever asks for all.
    for member in cluster.members() {
        let client = member.client().with_consistency(Consistency::Linearizable);
        let everything = Filter {
            include: Include::All,
            ..Filter::default()
        };
        let found = client
            .resolve(&service(SERVICE), everything)
            .await
            .unwrap()
            .value
            .instances;
        let shown: Vec<_> = found
            .iter()
            .map(|found| {
                let kinds: Vec<_> = found.overrides().iter().collect();
                (
                    found.key().id.as_str(),
                    found.availability(),
                    found.weight().get(),
                    kinds,
                )
            })
            .collect();
        let disabled = Availability::Disabled;
        let expected = [
            ("a", disabled, 100, vec![OverrideKind::Disable, OverrideKind::ZoneOut]),
            ("b", disabled, 7, vec![OverrideKind::Weight, OverrideKind::ZoneOut]),
            ("c", disabled, 100, vec![OverrideKind::ZoneOut]),
        ];
        assert_eq!(shown, expected);
        let one = client.get_instance(&service(SERVICE), &id("b")).await.unwrap().value;
        assert_eq!((one.availability(), one.weight().get()), (disabled, 7));
    }

    // Nobody who registers, and no owner who enables itself, is stronger.
    register(&client, "a", "z3").await;
    let enabled = client
        .set_availability(&service(SERVICE), &id("a"), None, Availability::Enabled)
        .await;
    enabled.unwrap();
    assert_eq!(available(&client).await, [""; 0]);

    // Each is taken back by itself, and what is stated counts again.
    assert!(cleared(&client, zone_out(false, "z1")).await);
    assert_eq!(available(&client).await, ["b"]);
    assert!(cleared(&client, disable("a")).await);
    assert_eq!(available(&client).await, ["a", "b"]);
    assert!(cleared(&client, zone_out(true, "z2")).await);
    assert!(cleared(&client, weigh("b", 7)).await);
    assert!(!cleared(&client, weigh("b", 7)).await);
    let b = client.get_instance(&service(SERVICE), &id("b")).await.unwrap().value;
    assert_eq!((b.weight().get(), b.overrides().is_empty()), (100, true));
    assert_eq!(available(&client).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn overrides_outlast_registrations_restarts_of_all_members_and_snapshots() {
    let often = "snapshot_every_entries = 100\nlog_keep_entries = 10\n";
    let cluster = Cluster::start_with(3, often).await;
    let client = confirmed(&cluster);
    // It needs no instance to begin with.
    set(&client, disable("a")).await;
    let patch = SettingsPatch {
        protect_minimum: Some(2_u32.try_into().unwrap()),
        ..SettingsPatch::default()
    };
    client
        .set_service_settings(&service(SERVICE), patch, false)
        .await
        .unwrap();
    register(&client, "a", "z").await;
    assert_eq!(available(&client).await, [""; 0]);
    assert!(
        client
            .deregister(&service(SERVICE), &id("a"), None)
            .await
            .unwrap()
            .value
            .existed
    );
    register(&client, "a", "z").await;
    assert_eq!(available(&client).await, [""; 0]);
    let before = list(&client).await;

    let load = Load::start(&cluster, 4, seed());
    load.acknowledges(400, SETTLED_WITHIN).await;
    load.stop().await;
    cluster.kill_all();
    cluster.members().iter().for_each(Member::start);
    cluster.converge(SETTLED_WITHIN).await;
    assert_eq!(list(&client).await, before);
    assert_eq!(available(&client).await, [""; 0]);
    let settings = client.get_service_settings(&service(SERVICE)).await.unwrap().value;
    assert!(settings.customized);
    assert_eq!(settings.settings.protect_minimum.get(), 2);
}

#[tokio::test]
async fn an_override_goes_by_itself_when_its_time_is_over_and_not_before() {
    let cluster = Cluster::start(3).await;
    let client = confirmed(&cluster);
    register(&client, "a", "z").await;
    let lasting = Duration::from_secs(2);
    let expires_after = ExpiresAfter::from_ms(2_000).unwrap();
    let started = Instant::now();
    client.set_override(disable("a"), Some(expires_after)).await.unwrap();
    let remaining = list(&client).await[0].remaining.expect("it goes by itself");
    assert!(remaining <= lasting, "{remaining:?}");
    // Others stay.
    set(&client, weigh("a", 3)).await;

    let gone = eventually(lasting + LATE_MAX, "the override is gone", async || {
        let found = available(&client).await;
        ensure(found == ["a"], format!("{found:?}")).map(|()| started.elapsed())
    })
    .await;
    figure(format_args!("an override of 2 s is gone after {gone:?}"));
    assert!(gone >= lasting, "it went after {gone:?}");
    let left = list(&client).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].spec, weigh("a", 3));
    cluster.converge(SETTLED_WITHIN).await;
}

#[tokio::test]
async fn the_time_of_an_override_stands_still_without_a_leader_and_goes_on_under_the_next() {
    let cluster = Cluster::start(3).await;
    let client = confirmed(&cluster);
    register(&client, "a", "z").await;
    let lasting = Duration::from_secs(8);
    let expires_after = ExpiresAfter::from_ms(8_000).unwrap();
    let set_at = Instant::now();
    client.set_override(disable("a"), Some(expires_after)).await.unwrap();

    // Nobody leads for longer than it is to last.
    let leader = cluster.leader().await;
    let left = cluster.followers().await[0];
    let down: Vec<_> = cluster
        .members()
        .iter()
        .filter(|it| it.number() != left.number())
        .collect();
    for member in &down {
        member.kill();
    }
    let leaderless = Instant::now();
    eventually(2 * lasting, "its time would be over", async || {
        ensure(leaderless.elapsed() > lasting, "not yet")
    })
    .await;
    let stale = left.client().with_consistency(Consistency::Stale);
    assert_eq!(stale.list_overrides(None).await.unwrap().value.len(), 1);

    let outage = leaderless.elapsed();
    for member in &down {
        member.start();
    }
    let gone = eventually(SETTLED_WITHIN, "the override is gone", async || {
        let answer = client.resolve(&service(SERVICE), Filter::default()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        ensure(!answer.value.instances.is_empty(), "it stands".to_owned())?;
        Ok::<_, String>(set_at.elapsed())
    })
    .await;
    figure(format_args!(
        "an override of {lasting:?} is gone after {gone:?}, {outage:?} of them without member {}, who led",
        leader.number()
    ));
    assert!(gone >= lasting + outage, "the time went on while nobody led");
}

#[tokio::test]
async fn overrides_are_listed_in_order_page_by_page_and_by_service() {
    let cluster = Cluster::start(1).await;
    let client = confirmed(&cluster);
    // More than fit one page.
    for number in 0..1_100 {
        set(&client, disable(&format!("i-{number:04}"))).await;
    }
    set(&client, zone_out(false, "z")).await;
    let elsewhere = OverrideSpec::new(
        OverrideTarget::Disable {
            key: key("ledger", "a"),
        },
        None,
        "why not".parse().unwrap(),
    );
    set(&client, elsewhere.unwrap()).await;

    let all = list(&client).await;
    assert_eq!(all.len(), 1_102);
    assert!(all.is_sorted_by_key(|current| current.spec.target().clone()));
    assert_eq!(all[0].spec.target().kind(), OverrideKind::ZoneOut);
    let touching = client.list_overrides(Some(&service("ledger"))).await.unwrap().value;
    let touching: Vec<String> = touching
        .iter()
        .map(|current| current.spec.target().to_string())
        .collect();
    assert_eq!(touching, ["zone-out default/*/z", "disable default/ledger/a"]);
}

#[tokio::test]
async fn setting_the_same_again_changes_nothing_and_another_reason_does() {
    let cluster = Cluster::start(1).await;
    let client = confirmed(&cluster);
    let changed = async |spec: OverrideSpec| client.set_override(spec, None).await.unwrap().value.changed;
    assert!(changed(disable("a")).await);
    let first = list(&client).await;
    assert!(!changed(disable("a")).await);
    assert_eq!(list(&client).await, first);
    let target = disable("a").target().clone();
    let other = OverrideSpec::new(target, None, "another one".parse().unwrap()).unwrap();
    assert!(changed(other).await);
    assert!(list(&client).await[0].revision > first[0].revision);
}

#[tokio::test]
async fn the_verbs_of_operators_say_what_they_did_and_exit_accordingly() {
    let cluster = Cluster::start(1).await;
    register(&cluster.client(), "a", "z").await;
    let json = async |arguments: &[&str]| -> serde_json::Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        serde_json::from_str(&cluster.run_ok(&arguments).await).expect("JSON")
    };
    let disable = [
        "override",
        "set",
        SERVICE,
        "--id",
        "a",
        "--disable",
        "--reason",
        "it leaks memory",
    ];
    assert_eq!(json(&disable).await["changed"], true);
    assert_eq!(json(&disable).await["changed"], false);
    assert_eq!(
        json(&["resolve", SERVICE]).await["instances"].as_array().unwrap().len(),
        0
    );
    let listed = json(&["override", "list", SERVICE]).await;
    assert_eq!(listed["overrides"][0]["reason"], "it leaks memory");
    assert_eq!(listed["overrides"][0]["target"]["disable"]["id"], "a");
    let clear = ["override", "clear", SERVICE, "--id", "a", "--disable"];
    assert_eq!(json(&clear).await["existed"], true);
    cluster
        .run(&clear)
        .await
        .exited_with(3)
        .said(&["there is no override", "default/payments/a"]);

    let shown = json(&["service", "show", SERVICE]).await;
    assert_eq!(
        (&shown["settings"]["guardSharePercent"], &shown["customized"]),
        (&15.into(), &false.into())
    );
    let set = json(&[
        "service",
        "set",
        SERVICE,
        "--guard-share",
        "20%",
        "--default-ttl",
        "30s",
    ])
    .await;
    assert_eq!(
        (&set["settings"]["defaultTtlMs"], &set["changed"]),
        (&30_000.into(), &true.into())
    );
    let reset = json(&["service", "set", SERVICE, "--reset"]).await;
    assert_eq!(reset["settings"], shown["settings"]);

    cluster
        .run(&["lease", "show", "1"])
        .await
        .exited_with(3)
        .said(&["no such lease"]);
    cluster
        .run(&["override", "set", SERVICE, "--id", "a", "--disable"])
        .await
        .exited_with(2)
        .said(&["--reason"]);
}

fn confirmed(cluster: &Cluster) -> Client {
    let client = cluster.client_builder(0).deadline(READY_WITHIN).build();
    client
        .expect("a cluster with members")
        .with_consistency(Consistency::Linearizable)
}

async fn register(client: &Client, name: &str, zone: &str) {
    let mut parts = parts(80);
    parts.locality = Locality {
        region: None,
        zone: Some(zone.parse().unwrap()),
    };
    client
        .register(&service(SERVICE), &id(name), registration(parts))
        .await
        .unwrap();
}

/// The ids of the instances that may be called.
async fn available(client: &Client) -> Vec<String> {
    let answer = client.resolve(&service(SERVICE), Filter::default()).await.unwrap();
    answer
        .value
        .instances
        .iter()
        .map(|found| found.key().id.to_string())
        .collect()
}

async fn set(client: &Client, spec: OverrideSpec) {
    assert!(client.set_override(spec, None).await.unwrap().value.changed);
}

async fn cleared(client: &Client, spec: OverrideSpec) -> bool {
    client
        .clear_override(spec.target().clone())
        .await
        .unwrap()
        .value
        .existed
}

async fn list(client: &Client) -> Vec<OverrideState> {
    client.list_overrides(None).await.unwrap().value
}

fn disable(name: &str) -> OverrideSpec {
    let target = OverrideTarget::Disable {
        key: key(SERVICE, name),
    };
    OverrideSpec::new(target, None, "it is broken".parse().unwrap()).unwrap()
}

fn weigh(name: &str, weight: u16) -> OverrideSpec {
    let target = OverrideTarget::Weight {
        key: key(SERVICE, name),
    };
    OverrideSpec::new(target, Some(Weight::new(weight)), "it is small".parse().unwrap()).unwrap()
}

/// Takes a zone out, for the service or for all of its namespace.
fn zone_out(only_the_service: bool, zone: &str) -> OverrideSpec {
    let target = OverrideTarget::ZoneOut {
        namespace: "default".parse().unwrap(),
        service: only_the_service.then(|| service(SERVICE)),
        zone: zone.parse().unwrap(),
    };
    OverrideSpec::new(target, None, "it burns".parse().unwrap()).unwrap()
}
