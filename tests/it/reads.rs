//! Resolve in full, page by page, and the choice of one instance, over the wire, against real members.

use std::collections::BTreeMap;

use quorate_client::Client;
use quorate_model::{
    Availability, AvailabilitySet, Consistency, Filter, Health, HealthSet, Include, InstanceId, Locality, MaxStaleness,
    Metadata, Policy, SpecParts, Weight,
};
use quorate_proto::registry as pb;
use quorate_tests::{Cluster, id, parts, registration, service};
use tonic::Code;

use crate::wire;

/// Registers instances of `web` with these weights, each in the zone of its place.
async fn register(client: &Client, weights: &[u16]) {
    for (number, weight) in weights.iter().enumerate() {
        let spec = SpecParts {
            weight: Weight::new(*weight),
            locality: Locality {
                region: Some(["eu", "us"][number / 2 % 2].parse().expect("a valid region")),
                zone: Some(format!("z{number}").parse().expect("a valid zone")),
            },
            ..parts(80)
        };
        let name = id(&format!("w{number}"));
        client
            .register(&service("web"), &name, registration(spec))
            .await
            .expect("it is registered");
    }
}

/// How often each was chosen.
async fn tally(client: &Client, policy: &Policy, picks: u32) -> BTreeMap<InstanceId, u32> {
    let client = client.with_consistency(Consistency::Stale);
    let mut chosen = BTreeMap::new();
    for _ in 0..picks {
        let answer = client
            .pick(&service("web"), Filter::default(), policy.clone())
            .await
            .expect("one is picked");
        let instance = answer.value.instance.expect("one can be chosen");
        *chosen.entry(instance.key().id.clone()).or_default() += 1;
    }
    chosen
}

#[tokio::test]
async fn health_and_availability_can_be_asked_for() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client().with_consistency(Consistency::Linearizable);
    register(&client, &[1, 1, 1]).await;
    for (name, availability) in [("w1", Availability::Draining), ("w2", Availability::Disabled)] {
        let (web, name) = (service("web"), id(name));
        client.set_availability(&web, &name, None, availability).await.unwrap();
    }
    let found = async |filter: Filter| {
        let answer = client.resolve(&service("web"), filter).await.unwrap();
        let ids = answer.value.instances.iter().map(|found| found.key().id.to_string());
        ids.collect::<Vec<_>>()
    };
    let available = |words: &[Availability]| Filter {
        availability: words.iter().copied().collect(),
        ..Filter::default()
    };
    assert_eq!(found(Filter::default()).await, ["w0"]);
    assert_eq!(found(available(&[Availability::Draining])).await, ["w1"]);
    assert_eq!(
        found(available(&[Availability::Disabled, Availability::Enabled])).await,
        ["w0", "w2"]
    );
    let healthy = |health, include| Filter {
        health: HealthSet::default().with(health),
        include,
        ..Filter::default()
    };
    assert_eq!(found(healthy(Health::Passing, Include::Available)).await, ["w0"]);
    assert_eq!(found(healthy(Health::Passing, Include::All)).await, ["w0", "w1", "w2"]);
    assert!(found(healthy(Health::Critical, Include::All)).await.is_empty());
    let both = Filter {
        availability: AvailabilitySet::default().with(Availability::Draining),
        ..healthy(Health::Warning, Include::All)
    };
    assert!(found(both).await.is_empty());
}

#[tokio::test]
async fn resolve_answers_page_by_page_and_ends_a_page_before_it_is_too_large() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    let count = 200;
    for number in 0..count {
        let spec = SpecParts {
            metadata: Metadata::parse([("filling", "x".repeat(8_000))]).unwrap(),
            ..parts(80)
        };
        let name = id(&format!("big-{number:03}"));
        client
            .register(&service("big"), &name, registration(spec))
            .await
            .unwrap();
    }
    let mut raw = wire::registry(cluster.member(1)).await;
    let linearizable = pb::consistency::Mode::Linearizable(pb::consistency::Linearizable {});
    let request = |page_size, page_token| pb::ResolveRequest {
        service: "big".to_owned(),
        consistency: Some(pb::Consistency {
            mode: Some(linearizable),
        }),
        page_size,
        page_token,
        ..pb::ResolveRequest::default()
    };
    for page_size in [7, 10_000] {
        let (mut found, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
        loop {
            let answer = raw.resolve(request(page_size, token)).await.unwrap().into_inner();
            let len = prost::Message::encoded_len(&answer);
            assert!(len <= 1 << 20, "{len} bytes");
            assert!(answer.service_known);
            sizes.push(answer.instances.len());
            found.extend(answer.instances.into_iter().map(|instance| instance.id));
            token = answer.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        let expected: Vec<_> = (0..count).map(|number| format!("big-{number:03}")).collect();
        assert_eq!(found, expected);
        match page_size {
            7 => assert!(sizes[..28].iter().all(|size| *size == 7), "{sizes:?}"),
            _ => assert!(sizes.len() > 1 && sizes[0] > 100, "{sizes:?}"),
        }
    }
    let whole = raw.resolve(request(0, String::new())).await.unwrap().into_inner();
    assert_eq!((whole.instances.len(), whole.next_page_token.as_str()), (count, ""));
    let answer = client.resolve(&service("big"), Filter::default()).await.unwrap();
    assert_eq!(answer.value.instances.len(), count, "the client turns the pages");
}

#[tokio::test]
async fn each_policy_chooses_as_it_says() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    register(&client, &[100, 0, 300, 100]).await;
    let count = |chosen: &BTreeMap<InstanceId, u32>, name: &str| chosen.get(&id(name)).copied().unwrap_or(0);

    let chosen = tally(&client, &Policy::RoundRobin, 30).await;
    assert_eq!(
        ["w0", "w1", "w2", "w3"].map(|name| count(&chosen, name)),
        [10, 0, 10, 10]
    );

    // That one of the three is never chosen in 300 picks happens once in 10^29 runs.
    for policy in [Policy::Random, Policy::Weighted] {
        let chosen = tally(&client, &policy, 300).await;
        assert_eq!(count(&chosen, "w1"), 0);
        assert_eq!(chosen.len(), 3, "{policy:?}: {chosen:?}");
    }
    let key = |number: u32| Policy::ConsistentHash(number.to_le_bytes().to_vec().try_into().unwrap());
    let mut by_key = BTreeMap::new();
    for number in 0..60 {
        let chosen = tally(&client, &key(number), 2).await;
        assert_eq!(chosen.len(), 1, "the same key, the same instance");
        by_key.extend(chosen);
    }
    assert_eq!(by_key.len(), 3);

    let zone_first = |zone: &str, region: Option<&str>| Policy::ZoneFirst {
        zone: zone.parse().unwrap(),
        region: region.map(|region| region.parse().unwrap()),
    };
    for (policy, expected) in [
        (zone_first("z3", None), &["w3"][..]),
        (zone_first("z1", Some("eu")), &["w0"]),
        (zone_first("z9", Some("us")), &["w2", "w3"]),
    ] {
        let chosen = tally(&client, &policy, 60).await;
        let names: Vec<_> = chosen.keys().map(InstanceId::as_str).collect();
        assert_eq!(names, expected, "{policy:?}");
    }
}

#[tokio::test]
async fn a_pick_says_when_nobody_can_be_chosen_or_the_policy_is_not_there() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client().with_consistency(Consistency::Linearizable);
    let pick = async |name: &str| {
        let picked = client.pick(&service(name), Filter::default(), Policy::Weighted).await;
        let picked = picked.unwrap().value;
        (picked.service_known, picked.instance.is_some())
    };
    register(&client, &[0]).await;
    assert_eq!(pick("web").await, (true, false));
    assert_eq!(pick("other").await, (false, false));

    let mut raw = wire::registry(cluster.member(1)).await;
    let among = || {
        Some(pb::ResolveRequest {
            service: "web".to_owned(),
            ..pb::ResolveRequest::default()
        })
    };
    let mut refused = async |request: pb::PickRequest| raw.pick(request).await.unwrap_err();
    let by_load = refused(pb::PickRequest {
        among: among(),
        policy: pb::PickPolicy::LeastLoad.into(),
        ..pb::PickRequest::default()
    });
    assert_eq!(by_load.await.code(), Code::Unimplemented);
    let paged = pb::ResolveRequest {
        page_size: 3,
        ..among().unwrap()
    };
    for (request, field) in [
        (pb::PickRequest::default(), "among"),
        (
            pb::PickRequest {
                among: Some(paged),
                ..pb::PickRequest::default()
            },
            "among.page_size",
        ),
        (
            pb::PickRequest {
                among: among(),
                policy: pb::PickPolicy::ConsistentHash.into(),
                ..pb::PickRequest::default()
            },
            "hash_key",
        ),
        (
            pb::PickRequest {
                among: among(),
                caller_zone: "z".to_owned(),
                ..pb::PickRequest::default()
            },
            "caller_zone",
        ),
    ] {
        let status = refused(request).await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(field), "{field}: {}", status.message());
    }
}

#[tokio::test]
async fn every_member_reads_what_was_written_through_another() {
    let cluster = Cluster::start(3).await;
    let max_staleness = MaxStaleness::from_ms(1_000).unwrap();
    for round in 0..20 {
        let writer = cluster.member(1 + round % 3).client();
        let name = id(&format!("r{round}"));
        let written = writer
            .register(&service("s"), &name, registration(parts(80)))
            .await
            .unwrap()
            .header;
        for member in cluster.members() {
            let read = async |consistency| {
                let client = member.client().with_consistency(consistency);
                client.resolve(&service("s"), Filter::default()).await.unwrap()
            };
            let seen = read(Consistency::AtLeast {
                epoch: Some(written.epoch),
                revision: written.revision,
            });
            let seen = seen.await;
            assert_eq!(seen.header.member_id, member.id());
            assert!(seen.header.revision >= written.revision);
            assert!(seen.value.instances.iter().any(|found| found.key().id == name));
            let bounded = read(Consistency::Bounded { max_staleness }).await;
            assert!(bounded.header.staleness_ms <= Some(1_000), "{:?}", bounded.header);
        }
    }
}
