//! What the registry promises to those who register and resolve, over the wire, against three members.

use quorate_client::{Change, Client, Error, Reason, RegisterOptions};
use quorate_model::{
    Availability, Consistency, Filter, Found, Incarnation, Include, InstancePatch, Metadata, Patch, Selectors,
    SpecParts, Tags, Takeover, Weight,
};
use quorate_proto::registry as pb;
use quorate_tests::{Cluster, READY_WITHIN, ensure, eventually, figure, id, parts, registration, service};
use tokio::{task::JoinSet, time::Instant};

use crate::wire;

/// Registrations in flight at a time: enough to keep the log writer busy.
const IN_FLIGHT: u16 = 50;

const BOTH: [Consistency; 2] = [Consistency::Stale, Consistency::Linearizable];

#[tokio::test]
async fn a_thousand_instances_registered_through_a_follower_are_found_on_each_member() {
    let cluster = Cluster::start(3).await;
    let follower = cluster.followers().await[0];
    let orders = service("orders");
    let started = Instant::now();
    let mut registrants = JoinSet::new();
    for lane in 0..IN_FLIGHT {
        let (client, orders) = (follower.client().clone(), orders.clone());
        registrants.spawn(async move {
            for number in (lane..1_000).step_by(IN_FLIGHT.into()) {
                let name = id(&format!("orders-{number:03}"));
                let answer = client.register(&orders, &name, registration(parts(number + 1))).await;
                let answer = answer.expect("a follower takes registrations");
                assert_eq!(answer.value.change, Change::Created);
            }
        });
    }
    registrants.join_all().await;
    figure(format_args!(
        "1,000 registrations through a follower in {:?}",
        started.elapsed()
    ));

    // Linearizable at once, on every member, answered by that member.
    let mut revision = None;
    for member in cluster.members() {
        let answer = member
            .client()
            .with_consistency(Consistency::Linearizable)
            .resolve(&orders, Filter::default())
            .await;
        let answer = answer.expect("every member answers");
        assert_eq!(answer.header.member_id, member.id());
        assert_eq!(answer.value.instances.len(), 1_000);
        revision = revision.max(Some(answer.header.revision));
    }
    // Stale once the member has come so far.
    for member in cluster.members() {
        let answer = eventually(READY_WITHIN, "a stale read has caught up", async || {
            let answer = member
                .client()
                .with_consistency(Consistency::Stale)
                .resolve(&orders, Filter::default())
                .await;
            let answer = answer.map_err(|error| error.to_string())?;
            ensure(Some(answer.header.revision) >= revision, "an older revision".to_owned()).map(|()| answer)
        })
        .await;
        assert_eq!(answer.header.member_id, member.id());
        assert!(answer.value.service_known);
        let found: Vec<String> = answer
            .value
            .instances
            .iter()
            .map(|it| it.key().id.to_string())
            .collect();
        let expected: Vec<String> = (0..1_000).map(|number| format!("orders-{number:03}")).collect();
        assert_eq!(found, expected);
    }
    cluster.converge(READY_WITHIN).await;
}

#[tokio::test]
async fn an_answer_says_who_gave_it_from_which_state() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let mut last = None;
    for member in cluster.members() {
        let name = id(&format!("from-{}", member.number()));
        let written = member
            .client()
            .register(&service("s"), &name, registration(parts(80)))
            .await;
        let written = written.expect("every member takes writes").header;
        assert_eq!(written.member_id, member.id());
        assert_eq!(written.leader.as_ref().map(|leader| leader.id), Some(leader.id()));
        assert!(Some(written.revision) > last, "revisions rise");
        last = Some(written.revision);

        for consistency in BOTH {
            // The member that acknowledged a write need not have applied it yet, but a linearizable read waits for it.
            let read = member
                .client()
                .with_consistency(consistency)
                .get_instance(&service("s"), &name)
                .await;
            if consistency == Consistency::Linearizable {
                let read = read.expect("a linearizable read sees every acknowledged write");
                assert!(read.header.revision >= written.revision);
                assert_eq!(read.value.modify_revision(), written.revision);
                assert_eq!(
                    (read.header.member_id, read.header.cluster_id),
                    (member.id(), written.cluster_id)
                );
            }
        }
    }
}

#[tokio::test]
async fn an_id_belongs_to_its_owner_and_to_one_incarnation_at_a_time() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    let register = async |owner: &str, incarnation: u64, port: u16, takeover: Takeover| {
        let mut parts = parts(port);
        parts.holder.owner = Some(owner.parse().unwrap());
        parts.holder.incarnation = Some(Incarnation::try_from(incarnation).unwrap());
        let registration = RegisterOptions {
            takeover,
            ..registration(parts)
        };
        let answer = client.register(&service("s"), &id("i"), registration).await;
        answer.map(|answer| (answer.value.change, answer.value.generation))
    };

    let (change, first) = register("pod-1", 1, 80, Takeover::Forbidden).await.unwrap();
    assert_eq!(change, Change::Created);
    let again = register("pod-1", 1, 80, Takeover::Forbidden).await.unwrap();
    assert_eq!(again, (Change::Unchanged, first));
    let moved = register("pod-1", 1, 81, Takeover::Forbidden).await.unwrap();
    assert_eq!(moved, (Change::Updated, first));

    let refused = register("pod-2", 2, 80, Takeover::Forbidden).await.unwrap_err();
    assert_refused(&refused, Reason::AlreadyExists, "pod-1");

    let (change, second) = register("pod-1", 7, 81, Takeover::Forbidden).await.unwrap();
    assert_eq!(change, Change::Replaced, "a restart begins a new generation");
    assert!(second > first);
    let (change, third) = register("pod-2", 8, 81, Takeover::Allowed).await.unwrap();
    assert_eq!(change, Change::Replaced, "a takeover begins a new generation");
    assert!(third > second);
}

#[tokio::test]
async fn a_stale_generation_has_no_effect() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let (s, i) = (service("s"), id("i"));
    let mut generations = Vec::new();
    for incarnation in 1..=2u64 {
        let mut parts = parts(80);
        parts.holder.incarnation = Some(incarnation.try_into().unwrap());
        let answer = client.register(&s, &i, registration(parts)).await.unwrap();
        generations.push(answer.value.generation);
    }
    let (old, current) = (Some(generations[0]), Some(generations[1]));
    let before = read(&client, "i").await.unwrap();
    for member in cluster.members() {
        let client = member.client();
        let patch = || InstancePatch {
            weight: Some(Weight::new(1)),
            ..InstancePatch::default()
        };
        let number = generations[1].to_string();
        assert_refused(
            &client.update(&s, &i, old, patch()).await.unwrap_err(),
            Reason::StaleGeneration,
            &number,
        );
        let drained = client.set_availability(&s, &i, old, Availability::Draining).await;
        assert_refused(&drained.unwrap_err(), Reason::StaleGeneration, &number);
        assert_refused(
            &client.deregister(&s, &i, old).await.unwrap_err(),
            Reason::StaleGeneration,
            &number,
        );
    }
    assert_eq!(read(&client, "i").await.unwrap(), before);
    assert!(client.deregister(&s, &i, current).await.unwrap().value.existed);
}

#[tokio::test]
async fn an_instance_can_be_updated_drained_and_taken_out() {
    let cluster = Cluster::start(3).await;
    let client = cluster.followers().await[0].client();
    let (s, i) = (service("s"), id("i"));
    let mut stated = parts(80);
    stated.version = Some("1.0.0".parse().unwrap());
    client.register(&s, &i, registration(stated)).await.unwrap();

    let patch = InstancePatch {
        version: Patch::Set("1.1.0".parse().unwrap()),
        metadata: Some(Metadata::parse([("env", "prod")]).unwrap()),
        ..InstancePatch::default()
    };
    let changed = client.update(&s, &i, None, patch.clone()).await.unwrap();
    assert!(changed.value.changed);
    assert!(
        !client.update(&s, &i, None, patch).await.unwrap().value.changed,
        "the same again changes nothing"
    );
    let found = read(client, "i").await.unwrap();
    assert_eq!(found.spec().version().unwrap().as_str(), "1.1.0");
    assert_eq!(
        found.spec().endpoints().as_slice()[0].port.get(),
        80,
        "what is not given stays"
    );
    assert_eq!(found.generation(), changed.value.generation);
    assert_eq!(found.modify_revision(), changed.header.revision);

    let answered = async |include: Include| {
        let filter = Filter {
            include,
            ..Filter::default()
        };
        let answer = client
            .with_consistency(Consistency::Linearizable)
            .resolve(&s, filter)
            .await
            .unwrap();
        (answer.value.service_known, answer.value.instances.len())
    };
    for availability in [Availability::Draining, Availability::Disabled] {
        client.set_availability(&s, &i, None, availability).await.unwrap();
        assert_eq!(answered(Include::Available).await, (true, 0));
        assert_eq!(answered(Include::All).await, (true, 1));
    }
    client
        .set_availability(&s, &i, None, Availability::Enabled)
        .await
        .unwrap();
    assert_eq!(answered(Include::Available).await, (true, 1));

    assert!(client.deregister(&s, &i, None).await.unwrap().value.existed);
    assert!(!client.deregister(&s, &i, None).await.unwrap().value.existed);
    assert_eq!(
        answered(Include::All).await,
        (false, 0),
        "nobody has heard of the service"
    );
    assert_refused(&read(client, "i").await.unwrap_err(), Reason::NotFound, "i");
    let gone = client.update(&s, &i, None, InstancePatch::default()).await.unwrap_err();
    assert_refused(&gone, Reason::NotFound, "i");
}

#[tokio::test]
async fn a_resolve_answers_what_its_filter_asks_for() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    for (name, version, zone, tags, env) in [
        ("a", "1.2.0", "z1", &["blue"][..], "prod"),
        ("b", "1.9.3", "z2", &["blue", "fast"][..], "prod"),
        ("c", "2.0.0", "z1", &["fast"][..], "test"),
        ("d", "nightly", "z2", &[][..], "test"),
    ] {
        let mut parts = described(version, zone, tags);
        parts.metadata = Metadata::parse([("env", env)]).unwrap();
        client
            .register(&service("s"), &id(name), registration(parts))
            .await
            .unwrap();
    }
    let found = async |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        let answer = client
            .with_consistency(Consistency::Linearizable)
            .resolve(&service("s"), filter)
            .await
            .unwrap();
        answer
            .value
            .instances
            .iter()
            .map(|it| it.key().id.to_string())
            .collect::<String>()
    };
    let version = |text: &'static str| move |filter: &mut Filter| filter.version = Some(text.parse().unwrap());
    let selectors = |text: &'static str| move |filter: &mut Filter| filter.metadata = Selectors::parse([text]).unwrap();
    assert_eq!(found(&|_| {}).await, "abcd");
    assert_eq!(found(&version("1.2.0")).await, "a");
    assert_eq!(found(&version("nightly")).await, "d");
    assert_eq!(found(&version("^1.2")).await, "ab");
    assert_eq!(found(&version(">=1.9, <3")).await, "bc");
    assert_eq!(
        found(&version("*")).await,
        "abc",
        "a version that is not semantic matches no range"
    );
    assert_eq!(
        found(&|filter| filter.tags = Tags::parse(["blue", "fast"]).unwrap()).await,
        "b"
    );
    assert_eq!(found(&|filter| filter.zone = Some("z2".parse().unwrap())).await, "bd");
    assert_eq!(found(&selectors("env=test")).await, "cd");
    assert_eq!(found(&selectors("env!=test")).await, "ab");
    assert_eq!(found(&selectors("!env")).await, "");
    assert_eq!(found(&|filter| filter.port = Some("81".parse().unwrap())).await, "");
    assert_eq!(
        found(&|filter| filter.address = Some("10.0.0.1".parse().unwrap())).await,
        "abcd"
    );
    let both = |filter: &mut Filter| {
        version("^1")(filter);
        filter.zone = Some("z1".parse().unwrap());
    };
    assert_eq!(found(&both).await, "a");

    let unknown = client
        .with_consistency(Consistency::Linearizable)
        .resolve(&service("other"), Filter::default())
        .await
        .unwrap();
    assert!(!unknown.value.service_known && unknown.value.instances.is_empty());
}

#[tokio::test]
async fn lists_come_in_pages_that_miss_nothing_and_repeat_nothing() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    for number in 0..10 {
        let name = id(&format!("i{number}"));
        client
            .register(&service("s0"), &name, registration(parts(80)))
            .await
            .unwrap();
        let other = service(&format!("s{number}"));
        client.register(&other, &name, registration(parts(80))).await.unwrap();
    }
    client
        .set_availability(&service("s0"), &id("i3"), None, Availability::Disabled)
        .await
        .unwrap();

    let listed = client
        .with_consistency(Consistency::Linearizable)
        .list_instances(&service("s0"))
        .await
        .unwrap()
        .value;
    let expected: Vec<String> = (0..10).map(|number| format!("i{number}")).collect();
    let ids: Vec<String> = listed.instances.iter().map(|it| it.key().id.to_string()).collect();
    assert_eq!(ids, expected, "whatever their state");
    let services = client
        .with_consistency(Consistency::Linearizable)
        .list_services()
        .await
        .unwrap()
        .value;
    let first = &services[0];
    assert_eq!((first.name.as_str(), first.instances, first.available), ("s0", 10, 9));
    assert_eq!(services.len(), 10);

    let mut raw = wire::registry(cluster.member(1)).await;
    let mut request = pb::ListInstancesRequest {
        service: "s0".to_owned(),
        page_size: 3,
        ..pb::ListInstancesRequest::default()
    };
    let mut pages = Vec::new();
    loop {
        let answer = raw.list_instances(request.clone()).await.unwrap().into_inner();
        pages.push(answer.instances.iter().map(|it| it.id.clone()).collect::<Vec<_>>());
        if answer.next_page_token.is_empty() {
            break;
        }
        request.page_token = answer.next_page_token;
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 1]);
    assert_eq!(pages.concat(), expected);
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    let cluster = Cluster::start(1).await;
    let namespaced = |name: &str| {
        cluster
            .client_builder(0)
            .namespace(name.parse().unwrap())
            .build()
            .unwrap()
    };
    let (blue, green) = (namespaced("blue"), namespaced("green"));
    blue.register(&service("s"), &id("i"), registration(parts(80)))
        .await
        .unwrap();
    assert_eq!(
        blue.with_consistency(Consistency::Linearizable)
            .list_services()
            .await
            .unwrap()
            .value
            .len(),
        1
    );
    assert_eq!(
        green
            .with_consistency(Consistency::Linearizable)
            .list_services()
            .await
            .unwrap()
            .value
            .len(),
        0
    );
    assert!(
        !green
            .deregister(&service("s"), &id("i"), None)
            .await
            .unwrap()
            .value
            .existed
    );
}

fn described(version: &str, zone: &str, tags: &[&str]) -> SpecParts {
    let mut parts = parts(80);
    parts.version = Some(version.parse().expect("a version"));
    parts.locality.zone = Some(zone.parse().expect("a zone"));
    parts.tags = Tags::parse(tags.iter().copied()).expect("tags");
    parts
}

async fn read(client: &Client, name: &str) -> Result<Found, Error> {
    let answer = client
        .with_consistency(Consistency::Linearizable)
        .get_instance(&service("s"), &id(name))
        .await;
    answer.map(|answer| answer.value)
}

/// Fails unless the cluster has refused a request for `reason`, with a message that has `part`.
#[track_caller]
fn assert_refused(error: &Error, reason: Reason, part: &str) {
    let Error::Refused { reason: found, message } = error else {
        panic!("not refused: {error}");
    };
    assert_eq!(*found, reason, "{error}");
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}
