//! Every verb of the command line against a real cluster: what it prints, and how it ends.

use std::time::Duration;

use quorate_tests::{Cluster, ensure, eventually, run};
use serde_json::Value;

/// The fields of every answer's header.
const HEADER: &[&str] = &[
    "clusterId",
    "epoch",
    "guardsRaised",
    "leaderAddress",
    "leaderId",
    "memberId",
    "revision",
    "stalenessMs",
    "term",
];

/// The fields of every instance.
const INSTANCE: &[&str] = &[
    "availability",
    "checks",
    "createRevision",
    "drainRemainingMs",
    "endpoints",
    "generation",
    "health",
    "id",
    "incarnation",
    "leaseId",
    "liveness",
    "metadata",
    "modifyRevision",
    "namespace",
    "overrides",
    "owner",
    "region",
    "registeredAtMs",
    "service",
    "tags",
    "version",
    "weight",
    "zone",
];

/// The fields of every lease.
const LEASE: &[&str] = &[
    "changedRevision",
    "grantedAtMs",
    "id",
    "incarnation",
    "instances",
    "lapsed",
    "outcomes",
    "own",
    "owner",
    "remainingMs",
    "removeAfterMs",
    "renewedAgoMs",
    "ttlMs",
    "windowStart",
];

#[tokio::test]
async fn an_instance_is_registered_found_drained_and_taken_out() {
    let cluster = Cluster::start(3).await;
    let register = [
        "register",
        "web",
        "--id=web-1",
        "--address=10.0.0.1",
        "--port=8080",
        "--protocol=http",
        "--version=1.4.0",
        "--zone=a",
        "--weight=7",
        "--tag=blue",
        "--tag=new",
        "--meta=team=shop",
        "--owner=pod-1",
    ];
    let answer = json(&cluster, &register).await;
    assert_fields(&answer, &["change", "generation", "header", "leaseId"]);
    assert_fields(&answer["header"], HEADER);
    assert_eq!(answer["change"], "created");
    assert_eq!(answer["generation"], answer["header"]["revision"]);
    assert_eq!(json(&cluster, &register).await["change"], "unchanged");

    let found = json(&cluster, &["resolve", "web"]).await;
    assert_fields(&found, &["guards", "header", "instances", "serviceKnown"]);
    assert_fields(&found["header"], HEADER);
    let instance = &found["instances"][0];
    assert_fields(instance, INSTANCE);
    let expected = serde_json::json!({
        "id": "web-1", "service": "web", "namespace": "default", "version": "1.4.0", "weight": 7, "zone": "a",
        "endpoints": [{"address": "10.0.0.1", "port": 8080, "protocol": "http"}],
        "tags": ["blue", "new"], "metadata": {"team": "shop"}, "owner": "pod-1",
        "health": "passing", "availability": "enabled", "generation": answer["generation"],
    });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&instance[field], value, "{field}");
    }

    for (verb, availability, available) in [
        ("drain", "draining", 0),
        ("disable", "disabled", 0),
        ("enable", "enabled", 1),
    ] {
        let answer = json(&cluster, &[verb, "web", "--id=web-1"]).await;
        assert_fields(&answer, &["changed", "generation", "header"]);
        assert_eq!(answer["changed"], true);
        assert_eq!(
            json(&cluster, &[verb, "web", "--id=web-1"]).await["changed"],
            false,
            "{verb} again"
        );
        assert_eq!(count(&json(&cluster, &["resolve", "web"]).await), available);
        assert_eq!(count(&json(&cluster, &["resolve", "web", "--all"]).await), 1);
        let listed = json(&cluster, &["instances", "web"]).await;
        assert_eq!(listed["instances"][0]["availability"], availability);
    }

    let services = json(&cluster, &["services"]).await;
    assert_fields(&services, &["header", "services"]);
    assert_eq!(
        services["services"],
        serde_json::json!([{"name": "web", "instances": 1, "available": 1}])
    );

    let wrong = cluster
        .run(&["deregister", "web", "--id=web-1", "--generation=1"])
        .await
        .exited_with(1);
    wrong.said(&["generation"]);
    let generation = format!("--generation={}", answer["generation"]);
    let gone = json(&cluster, &["deregister", "web", "--id=web-1", &generation]).await;
    assert_fields(&gone, &["existed", "header"]);
    assert_eq!(gone["existed"], true);
}

#[tokio::test]
async fn an_instance_is_registered_with_checks_whose_state_is_shown() {
    let cluster = Cluster::start(1).await;
    let door = cluster.member(1).doors().client;
    let (address, port) = (format!("--address={}", door.ip()), format!("--port={}", door.port()));
    let brisk = ["--check-interval=1s", "--check-timeout=900ms"];
    let at = ["register", "web", "--id=web-1", &address, &port];
    // It speaks gRPC and no other protocol.
    let line = [&at[..], &["--check-grpc", "--check-tcp", "--check-http=/"], &brisk].concat();
    json(&cluster, &line).await;
    let shown = eventually(Duration::from_secs(30), "all checks have found something", async || {
        let listed = json(&cluster, &["instances", "web"]).await;
        let instance = listed["instances"][0].clone();
        let checks = instance["checks"].as_array().expect("a list of checks").clone();
        let is_known = checks.iter().all(|check| check["health"] != "unknown");
        ensure(is_known, format!("{checks:?}")).map(|()| instance)
    })
    .await;
    assert_eq!(shown["health"], "critical", "as the worst of them");
    for (place, (kind, health)) in [("http", "critical"), ("tcp", "passing"), ("grpc", "passing")]
        .into_iter()
        .enumerate()
    {
        let found = &shown["checks"][place];
        assert_fields(found, &["check", "health", "output"]);
        assert_eq!(
            (&found["check"]["name"], &found["health"]),
            (&kind.into(), &health.into()),
            "{found}"
        );
        assert!(found["check"][kind].is_object(), "{found}");
        assert_eq!(found["check"]["intervalMs"], 1_000, "{found}");
    }
}

#[tokio::test]
async fn filters_select_as_they_say() {
    let cluster = Cluster::start(1).await;
    for (id, version, zone, tag, team) in [
        ("a", "1.2.0", "z1", "blue", "shop"),
        ("b", "1.9.0", "z2", "blue", "bank"),
        ("c", "2.0.0", "z1", "green", "shop"),
    ] {
        let words = [
            format!("--id={id}"),
            format!("--version={version}"),
            format!("--zone={zone}"),
            format!("--tag={tag}"),
            format!("--meta=team={team}"),
        ];
        let mut line = vec!["register", "s", "--address=10.0.0.1", "--port=80"];
        line.extend(words.iter().map(String::as_str));
        cluster.run_ok(&line).await;
    }
    for (flags, ids) in [
        (&["--version=1.2.0"][..], "a"),
        (&["--version=^1.2"], "ab"),
        (&["--version=>=1.9, <3"], "bc"),
        (&["--tag=blue"], "ab"),
        (&["--zone=z1"], "ac"),
        (&["--meta=team=shop"], "ac"),
        (&["--meta=team!=shop"], "b"),
        (&["--meta=!team"], ""),
        (&["--zone=z1", "--meta=team", "--version=^1"], "a"),
        (&["--consistency=stale"], "abc"),
    ] {
        let line: Vec<&str> = ["resolve", "s"].iter().chain(flags).copied().collect();
        let found = json(&cluster, &line).await;
        let found: String = found["instances"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap())
            .collect();
        assert_eq!(found, ids, "{flags:?}");
    }
}

#[tokio::test]
async fn one_instance_is_picked_by_a_policy_or_none_can_be() {
    let cluster = Cluster::start(1).await;
    for (id, weight, zone) in [("a", "1", "z1"), ("b", "0", "z2")] {
        let flags = [
            format!("--id={id}"),
            format!("--weight={weight}"),
            format!("--zone={zone}"),
        ];
        let flags = flags.iter().map(String::as_str);
        let register: Vec<_> = ["register", "web", "--address=10.0.0.1", "--port=80"]
            .into_iter()
            .chain(flags)
            .collect();
        cluster.run_ok(&register).await;
    }
    for policy in [
        &["--policy=random"][..],
        &["--policy=round-robin"],
        &["--policy=weighted"],
        &["--policy=hash=session-7"],
        &["--policy=zone", "--zone=z2"],
    ] {
        let picked = json(&cluster, &[&["pick", "web"], policy].concat()).await;
        assert_fields(&picked, &["header", "instance", "serviceKnown"]);
        assert_fields(&picked["instance"], INSTANCE);
        assert_eq!(
            picked["instance"]["id"], "a",
            "{policy:?}: one of weight 0 is never picked"
        );
    }
    let none = cluster
        .run(&["pick", "web", "--availability=draining"])
        .await
        .exited_with(3);
    none.said(&["no instance of the service web can be chosen"]);
    let unknown = cluster.run(&["pick", "nobody"]).await.exited_with(3);
    unknown.said(&["nobody has registered the service nobody"]);
    cluster
        .run(&["pick", "web", "--policy=least-load"])
        .await
        .exited_with(2);
}

#[tokio::test]
async fn a_follower_answers_a_resolve_at_its_own_door() {
    let cluster = Cluster::start(3).await;
    cluster
        .run_ok(&["register", "s", "--id=i", "--address=10.0.0.1", "--port=80"])
        .await;
    for member in cluster.members() {
        for consistency in ["stale", "linearizable"] {
            let endpoints = format!("--endpoints={}", member.doors().client);
            let consistency = format!("--consistency={consistency}");
            let finished = run(["resolve", "s", "-o", "json", &endpoints, &consistency]).await;
            // A stale read may come before the registration, and says so with exit code 3.
            assert!(matches!(finished.code(), Some(0 | 3)), "{finished:?}");
            let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
            assert_eq!(answer["header"]["memberId"], member.number());
        }
    }
}

#[tokio::test]
async fn status_shows_the_members_as_json_and_as_a_table() {
    let cluster = Cluster::start(3).await;
    let status = json(&cluster, &["status"]).await;
    assert_fields(
        &status,
        &[
            "appliedIndex",
            "freeDiskBytes",
            "header",
            "instances",
            "lastLogIndex",
            "leases",
            "members",
            "readOnly",
            "ready",
            "role",
            "services",
            "stateHash",
            "version",
        ],
    );
    assert_eq!(status["ready"], true);
    let members = status["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    for (member, started) in members.iter().zip(cluster.members()) {
        assert_fields(
            member,
            &[
                "calling",
                "clientAddress",
                "id",
                "lastHeardMs",
                "matchedIndex",
                "peerAddress",
                "voter",
            ],
        );
        assert_eq!(member["clientAddress"], started.doors().client.to_string());
        assert_eq!(member["voter"], true);
    }
    let table = cluster.run_ok(&["status"]).await;
    for member in cluster.members() {
        assert!(table.contains(&member.doors().client.to_string()), "{table}");
    }
}

#[tokio::test]
async fn what_is_not_there_ends_with_three_and_what_is_refused_with_one() {
    let cluster = Cluster::start(1).await;
    let unknown = cluster.run(&["resolve", "no-such", "-o", "json"]).await.exited_with(3);
    unknown.said(&["no-such"]);
    let answer: Value = serde_json::from_str(&unknown.stdout).expect("a program gets its object all the same");
    assert_eq!((&answer["serviceKnown"], count(&answer)), (&Value::Bool(false), 0));
    for line in [
        &["instances", "no-such"][..],
        &["drain", "no-such", "--id=i"],
        &["enable", "no-such", "--id=i"],
        &["disable", "no-such", "--id=i"],
        &["deregister", "no-such", "--id=i"],
    ] {
        cluster.run(line).await.exited_with(3).said(&["no"]);
    }

    let register = ["register", "s", "--id=i", "--address=10.0.0.1", "--port=80"];
    let owned = |owner| register.iter().copied().chain([owner]).collect::<Vec<_>>();
    cluster.run_ok(&owned("--owner=one")).await;
    cluster.run(&owned("--owner=two")).await.exited_with(1).said(&["one"]);
    let takeover: Vec<&str> = owned("--owner=two").into_iter().chain(["--takeover"]).collect();
    assert_eq!(json(&cluster, &takeover).await["change"], "replaced");

    // Known, but nothing matches: that is an answer.
    assert_eq!(count(&json(&cluster, &["resolve", "s", "--tag=none"]).await), 0);
}

#[tokio::test]
async fn namespace_and_endpoints_come_from_the_environment_too() {
    let cluster = Cluster::start(1).await;
    cluster
        .run_ok(&[
            "register",
            "s",
            "--id=i",
            "--address=10.0.0.1",
            "--port=80",
            "--namespace=blue",
        ])
        .await;
    let door = cluster.member(1).doors().client.to_string();
    let environment = [("QUORATE_ENDPOINTS", door.as_str()), ("QUORATE_NAMESPACE", "blue")];
    let finished = quorate_tests::run_with(["resolve", "s", "-o", "json"], &environment)
        .await
        .exited_with(0);
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(answer["instances"][0]["namespace"], "blue");
    cluster.run(&["resolve", "s"]).await.exited_with(3);
}

#[tokio::test]
async fn help_version_and_completion_need_no_server() {
    let help = run(["--help"]).await.exited_with(0).stdout;
    for verb in [
        "server",
        "dev",
        "register",
        "deregister",
        "resolve",
        "services",
        "instances",
        "drain",
        "enable",
        "disable",
        "status",
        "completion",
    ] {
        assert!(help.contains(&format!("  {verb} ")), "{verb} is not in\n{help}");
        let own = run([verb, "--help"]).await.exited_with(0).stdout;
        assert!(own.contains("Usage:"), "{own}");
    }
    let version = run(["--version"]).await.exited_with(0).stdout;
    assert_eq!(version, format!("quorate {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        let script = run(["completion", shell]).await.exited_with(0).stdout;
        assert!(script.contains("deregister"), "{shell}");
    }
}

/// The answer to a command that succeeds.
async fn json(cluster: &Cluster, line: &[&str]) -> Value {
    let line: Vec<&str> = line.iter().copied().chain(["-o", "json"]).collect();
    let printed = cluster.run_ok(&line).await;
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn count(answer: &Value) -> usize {
    answer["instances"].as_array().expect("a list of instances").len()
}

/// Every field is there, in every answer, and no other.
#[track_caller]
fn assert_fields(object: &Value, expected: &[&str]) {
    let mut found: Vec<&str> = object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_registered_for_a_time_has_a_lease_of_its_own_that_is_shown() {
    let cluster = Cluster::start(3).await;
    let register = [
        "register",
        "web",
        "--id=a",
        "--address=10.0.0.1",
        "--port=80",
        "--ttl=15s",
    ];
    let registered = json(&cluster, &register).await;
    let lease = registered["leaseId"].to_string();
    let shown = json(&cluster, &["lease", "show", &lease]).await;
    assert_fields(&shown, &["header", "lease"]);
    assert_fields(&shown["lease"], LEASE);
    assert_eq!(shown["lease"]["instances"][0]["id"], "a");
    assert_eq!(shown["lease"]["own"], true);
    let listed = json(&cluster, &["lease", "list"]).await;
    assert_fields(&listed, &["header", "leases"]);
    assert_eq!(listed["leases"][0]["id"], shown["lease"]["id"]);
    let lapsed = json(&cluster, &["lease", "list", "--lapsed"]).await;
    assert_eq!(lapsed["leases"], Value::Array(Vec::new()));
    cluster.run(&["lease", "show", "1"]).await.exited_with(3);
    let draining = json(&cluster, &["drain", "web", "--id=a", "--for=30s"]).await;
    assert_eq!(draining["changed"], true);
    let found = json(&cluster, &["instances", "web"]).await;
    assert_eq!(found["instances"][0]["liveness"], "live");
    assert!(
        found["instances"][0]["drainRemainingMs"].as_u64() <= Some(30_000),
        "{found}"
    );
}

#[tokio::test]
async fn guards_are_raised_listed_and_dropped() {
    let cluster = Cluster::start(3).await;
    for (flags, kind) in [
        (&["--service=web"][..], "service"),
        (&["--zone=eu-1"], "zone"),
        (&["--of-namespace"], "namespace"),
        (&["--cluster"], "cluster"),
    ] {
        let raised = json(&cluster, &[&["guard", "raise", "--for=5m"], flags].concat()).await;
        assert_fields(&raised, &["changed", "header"]);
        assert_eq!(
            (&raised["changed"], &raised["header"]["guardsRaised"]),
            (&Value::Bool(true), &Value::from(1))
        );
        let listed = json(&cluster, &["guard", "list"]).await;
        assert_fields(&listed, &["guards", "header"]);
        let guard = &listed["guards"][0];
        assert_fields(
            guard,
            &["cause", "leased", "remainingMs", "revision", "scope", "suspect"],
        );
        assert_fields(&guard["scope"], &["cluster", "namespace", "service", "zone"]);
        assert!(!guard["scope"][kind].is_null(), "{guard}");
        assert_eq!(guard["cause"], "operator");
        let drop = [&["guard", "drop"], flags].concat();
        assert_eq!(json(&cluster, &drop).await["existed"], true);
        cluster.run(&drop).await.exited_with(3).said(&["no guard is raised"]);
    }
}
