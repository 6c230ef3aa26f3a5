//! What is printed is what scripts rely on: one golden file for each shape, written anew with
//! `QUORATE_WRITE_GOLDEN=1` and reviewed then.

use std::{env, fs, path::Path, time::Duration};

use quorate_client::{
    Answer, Calling, Change, Changed, Deregistered, GuardState, Header, Instances, Leader, LeaseStatus, Member, Picked,
    Registered, Role, ServiceSummary, Status,
};
use quorate_model::{
    Availability, Check, CheckOutput, CheckState, ClusterId, Endpoints, Epoch, Found, Generation, GrpcProbe,
    GuardCause, GuardScope, Health, Holder, HttpProbe, HttpProbeParts, Incarnation, Instance, InstanceKey,
    InstanceParts, InstanceSpec, LeaseId, Liveness, Locality, LogIndex, MemberId, Metadata, Probe, ProbeHeaders,
    Revision, ServiceKey, SpecParts, StateHash, Tags, Term, Tls, Weight,
};

use super::*;

/// Compares both forms of an answer with their golden files.
pub(super) fn check(verb: &str, view: &impl View) {
    check_file(&format!("{verb}.json"), &json(view));
    check_file(&format!("{verb}.txt"), &view.table());
}

fn check_file(name: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let printed = format!("{printed}\n");
    if env::var_os("QUORATE_WRITE_GOLDEN").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(printed, golden, "{name} differs; it is an interface");
}

fn header() -> Header {
    Header {
        cluster_id: ClusterId::new(0x1234),
        epoch: Epoch::new(1),
        member_id: MemberId::try_from(2).unwrap(),
        term: Term::new(3),
        revision: Revision::new(42),
        leader: Some(Leader {
            id: MemberId::FIRST,
            address: Some("127.0.0.1:7301".parse().unwrap()),
        }),
        staleness_ms: Some(0),
        guards_raised: 0,
    }
}

/// A header that knows as little as a header can.
fn bare_header() -> Header {
    Header {
        leader: None,
        staleness_ms: None,
        guards_raised: 2,
        ..header()
    }
}

pub(super) fn answer<T>(value: T) -> Answer<T> {
    Answer {
        header: header(),
        value,
    }
}

fn endpoints(list: &[(&str, u16, Option<&str>)]) -> Endpoints {
    let endpoint = |(address, port, protocol): &(&str, u16, Option<&str>)| quorate_model::Endpoint {
        address: address.parse().unwrap(),
        port: (*port).try_into().unwrap(),
        protocol: protocol.map(|protocol| protocol.parse().unwrap()),
    };
    list.iter().map(endpoint).collect::<Vec<_>>().try_into().unwrap()
}

fn instance(id: &str, availability: Availability, parts: SpecParts) -> Found {
    Found::undisturbed(Instance::new(InstanceParts {
        key: InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "payments".parse().unwrap(),
            id: id.parse().unwrap(),
        },
        spec: InstanceSpec::new(parts).unwrap(),
        availability,
        create_revision: Revision::new(40),
        modify_revision: Revision::new(42),
        generation: Generation::new(41),
        registered_at_ms: 1_760_000_000_000,
        lease: (availability == Availability::Draining).then(|| LeaseId::new(39)),
        lapse: None,
        drains_until: None,
        checks: Box::default(),
    }))
}

/// An instance with a check of each kind, all but the last of which have found something.
fn checked() -> Found {
    let tls = Tls {
        server_name: Some("shop.example".parse().unwrap()),
        ..Tls::default()
    };
    let http = HttpProbeParts {
        headers: ProbeHeaders::try_from(vec![("Host".parse().unwrap(), "shop.example".parse().unwrap())]).unwrap(),
        tls: Some(tls),
        ..HttpProbeParts::default()
    };
    let grpc = GrpcProbe {
        service: Some("shop.Cart".parse().unwrap()),
        tls: None,
    };
    let probes = [
        ("web", Probe::Http(Box::new(HttpProbe::new(http).unwrap()))),
        ("port", Probe::Tcp),
        ("cart", Probe::Grpc(grpc)),
        ("own", Probe::Reported),
    ];
    let checks = probes.map(|(name, probe)| Check::new(name.parse().unwrap(), probe));
    let parts = SpecParts {
        checks: checks.to_vec().try_into().unwrap(),
        ..SpecParts::new(endpoints(&[("10.0.0.1", 8080, None)]))
    };
    let found = [
        (Health::Passing, "HTTP 200"),
        (Health::Critical, "no answer within 2000 ms"),
        (Health::Warning, "slow"),
        (Health::Unknown, ""),
    ];
    let states = found.map(|(health, output)| CheckState {
        health,
        output: CheckOutput::cut(output),
        ..CheckState::unknown()
    });
    let mut found = instance("c", Availability::Enabled, parts);
    let mut parts = Instance::clone(&found.instance).into_parts();
    parts.checks = states.into();
    found.instance = Instance::new(parts).into();
    found
}

/// A guard of each kind of scope.
pub(super) fn guards() -> Vec<GuardState> {
    let scopes = [
        GuardScope::Service(ServiceKey {
            namespace: "default".parse().unwrap(),
            service: "payments".parse().unwrap(),
        }),
        GuardScope::Zone("eu-1".parse().unwrap()),
        GuardScope::Namespace("default".parse().unwrap()),
        GuardScope::Cluster,
    ];
    let causes = GuardCause::ALL.into_iter().cycle();
    let guard = |(scope, cause)| GuardState {
        scope,
        revision: Revision::new(41),
        cause,
        suspect: 3,
        leased: 10,
        remaining: Duration::from_secs(599),
    };
    scopes.into_iter().zip(causes).map(guard).collect()
}

/// One instance of which everything is told, and one of which nothing is.
fn instances() -> Vec<Found> {
    let full = SpecParts {
        version: Some("1.2.3".parse().unwrap()),
        weight: Weight::new(10),
        locality: Locality {
            region: Some("eu".parse().unwrap()),
            zone: Some("eu-1".parse().unwrap()),
        },
        metadata: Metadata::parse([("team", "blue"), ("note", "two\nlines")]).unwrap(),
        tags: Tags::parse(["canary", "blue"]).unwrap(),
        holder: Holder {
            owner: Some("pod-7".parse().unwrap()),
            incarnation: Some(Incarnation::try_from(9).unwrap()),
        },
        ..SpecParts::new(endpoints(&[
            ("10.0.0.1", 8080, Some("grpc")),
            ("2001:db8::1", 80, None),
        ]))
    };
    let bare = SpecParts::new(endpoints(&[("host.example", 443, None)]));
    vec![
        instance("a", Availability::Enabled, full),
        draining(instance("b", Availability::Draining, bare)),
    ]
}

/// The same, with some seconds left, and of a process of which nothing is heard.
fn draining(mut found: Found) -> Found {
    found.standing.drain_remaining_ms = Some(29_000);
    found.standing.liveness = Liveness::Suspect;
    found
}

#[test]
fn register_prints_generation_and_change() {
    let registered = |lease| Registered {
        generation: Generation::new(42),
        change: Change::Created,
        lease,
    };
    check("register", &RegisteredView::from(&answer(registered(None))));
    let kept = registered(Some(LeaseId::new(42)));
    check("register-ttl", &RegisteredView::from(&answer(kept)));
}

#[test]
fn deregister_prints_whether_it_existed() {
    check(
        "deregister",
        &DeregisteredView::from(&answer(Deregistered { existed: true })),
    );
}

#[test]
fn drain_enable_and_disable_print_whether_anything_changed() {
    let changed = Changed {
        generation: Generation::new(41),
        changed: true,
    };
    check("availability", &ChangedView::from(&answer(changed)));
}

#[test]
fn resolve_prints_all_that_is_known_of_an_instance() {
    let found = Instances {
        service_known: true,
        instances: instances(),
        guards: guards()[..1].to_vec(),
    };
    check("resolve", &InstancesView::from(&answer(found)));
}

#[test]
fn pick_prints_the_one_instance_and_what_overrides_it() {
    let mut found = instances().swap_remove(0);
    found.standing = found.standing.weighing(Weight::new(7));
    let picked = Picked {
        service_known: true,
        instance: Some(found),
    };
    check("pick", &PickedView::from(&answer(picked)));
}

#[test]
fn pick_prints_that_there_is_none() {
    let none = Picked {
        service_known: true,
        instance: None,
    };
    check("pick-none", &PickedView::from(&answer(none)));
}

#[test]
fn what_is_not_known_is_printed_too() {
    let nothing = Instances {
        service_known: false,
        instances: Vec::new(),
        guards: Vec::new(),
    };
    let answer = Answer {
        header: bare_header(),
        value: nothing,
    };
    check("resolve-unknown", &InstancesView::from(&answer));
}

#[test]
fn checks_are_printed_with_what_they_have_found() {
    let found = Instances {
        service_known: true,
        instances: vec![checked()],
        guards: Vec::new(),
    };
    check("instances-checked", &InstancesView::from(&answer(found)));
}

#[test]
fn instances_prints_what_resolve_prints() {
    let found = Instances {
        service_known: true,
        instances: instances()[1..].to_vec(),
        guards: Vec::new(),
    };
    check("instances", &InstancesView::from(&answer(found)));
}

#[test]
fn services_prints_each_with_its_counts() {
    let service = |name: &str, instances, available| ServiceSummary {
        name: name.parse().unwrap(),
        instances,
        available,
    };
    let services = vec![service("ledger", 1, 0), service("payments", 3, 2)];
    check("services", &ServicesView::from(&answer(services)));
}

#[test]
fn status_prints_the_member_and_its_cluster() {
    let member = |id: u64, voter, matched: Option<u64>| Member {
        id: id.try_into().unwrap(),
        peer_address: format!("127.0.0.1:740{id}").parse().unwrap(),
        client_address: format!("127.0.0.1:730{id}").parse().unwrap(),
        voter,
        matched_index: matched.map(LogIndex::new),
        last_heard_ms: matched.filter(|_| id != 2).map(|_| 12),
        calling: if id == 3 { Calling::Learner } else { Calling::Voter },
    };
    let status = Status {
        version: "0.1.0".to_owned(),
        role: Role::Follower,
        ready: true,
        last_log_index: LogIndex::new(43),
        applied_index: LogIndex::new(42),
        state_hash: StateHash::new(0xabcd),
        services: 1,
        instances: 2,
        members: vec![member(1, true, Some(43)), member(2, true, None), member(3, false, None)],
        read_only: Some("on member 2, there is too little".to_owned()),
        free_disk_bytes: Some(5 << 30),
        leases: LeaseStatus {
            leases: 3,
            lapsed: 1,
            armed: false,
            complete: true,
            renewals: 1_000,
            uncounted: Duration::from_millis(1_500),
            resets: 0,
        },
    };
    check("status", &StatusView::from(&answer(status)));
}
