//! Checks: who makes them, what reports do, and what they leave alone.

use quorate_model::{
    Check, CheckOutput, Endpoint, Endpoints, Generation, Health, HttpProbe, HttpProbeParts, Include, Instance,
    InstancePatch, LogIndex, MemberId, Probe, ProbeHeaders, Revision, SpecParts, StatusRange, Tls, Vantage, Verdict,
};
use quorate_state::{CheckReport, Command, Effect, Event, Mutated, Mutation, Outcome, Rejection};

use crate::samples::{Node, batch, held, key, parts, register, request_key, spec, through_a_snapshot};

/// Instances `a`, … are checked by a member each.
fn checked(checks: Vec<Check>) -> SpecParts {
    SpecParts {
        checks: checks.try_into().expect("few"),
        ..parts(80)
    }
}

fn check(name: &str, probe: Probe) -> Check {
    Check::new(name.parse().expect("valid"), probe)
}

fn alive() -> Check {
    check("alive", Probe::Tcp)
}

fn told() -> Check {
    check("told", Probe::Reported)
}

fn member(id: u64) -> MemberId {
    id.try_into().expect("not 0")
}

fn set_probers(ids: &[u64]) -> Command {
    Command::SetProbers {
        members: ids.iter().copied().map(member).collect(),
    }
}

fn report(node: &Node, id: &str, check: &str, verdict: Verdict) -> CheckReport {
    CheckReport {
        key: key(id),
        generation: instance(node, id).generation(),
        check: check.parse().expect("valid"),
        verdict,
        output: CheckOutput::cut(&format!("{verdict:?}")),
    }
}

fn report_checks(probers: Revision, reporter: u64, items: Vec<CheckReport>) -> Command {
    Command::ReportChecks {
        probers,
        reporter: member(reporter),
        items,
    }
}

fn report_check(id: &str, generation: Option<Generation>, check: &str, verdict: Verdict) -> Command {
    Command::Mutate(Mutation::ReportCheck {
        key: key(id),
        generation,
        check: check.parse().expect("valid"),
        verdict,
        output: CheckOutput::cut("said so"),
    })
}

fn instance(node: &Node, id: &str) -> Instance {
    Instance::clone(&node.state.instance(&key(id)).expect("it is there"))
}

fn health(node: &Node, id: &str) -> Health {
    instance(node, id).health()
}

/// A cluster of three that all make checks, with these instances, and the revision at which they were named.
fn cluster(instances: &[(&str, Vec<Check>)]) -> (Node, Revision) {
    let mut node = Node::founded();
    node.apply(&set_probers(&[1, 2, 3]));
    let named = node.state.revision();
    for (id, checks) in instances {
        node.apply(&register(id, spec(checked(checks.clone()))));
    }
    (node, named)
}

/// The members that make a check, the first first.
fn makers(node: &Node, id: &str, check: &Check) -> Vec<u64> {
    let probers = node.state.probers().expect("some were named");
    let makers = probers.of(&key(id), &check.name, check.vantage);
    makers.into_iter().map(MemberId::get).collect()
}

fn reported(count: u32) -> Outcome {
    Outcome::ChecksReported { count }
}

#[test]
fn what_is_checked_is_unknown_at_first_and_what_is_not_passes() {
    let (node, _) = cluster(&[("a", vec![alive()]), ("b", vec![])]);
    assert_eq!(
        (health(&node, "a"), health(&node, "b")),
        (Health::Unknown, Health::Passing)
    );
}

#[test]
fn what_the_one_who_is_to_look_finds_is_so() {
    let (mut node, named) = cluster(&[("a", vec![alive()])]);
    let maker = makers(&node, "a", &alive())[0];
    let passing = report(&node, "a", "alive", Verdict::Passing);
    let (outcome, events) = node.apply(&report_checks(named, maker, vec![passing.clone()]));
    assert_eq!(outcome, reported(1));
    let [
        Event::Put {
            instance: put,
            previous,
        },
    ] = &events[..]
    else {
        panic!("one change, one event: {events:?}");
    };
    assert_eq!(
        (put.health(), put.modify_revision()),
        (Health::Passing, node.state.revision())
    );
    assert_eq!(previous.as_ref().map(|before| before.health()), Some(Health::Unknown));
    assert_eq!(put.check_states()[0].output.as_str(), "Passing");
    assert_eq!(
        node.apply_in_vain(&report_checks(named, maker, vec![passing])),
        reported(0)
    );
}

#[test]
fn whoever_is_not_to_look_has_nothing_to_say() {
    let (mut node, named) = cluster(&[("a", vec![alive(), told()])]);
    let maker = makers(&node, "a", &alive())[0];
    let critical = || vec![report(&node, "a", "alive", Verdict::Critical)];
    let in_vain = [
        report_checks(named, maker % 3 + 1, critical()),
        report_checks(named, 9, critical()),
        report_checks(Revision::new(named.get() - 1), maker, critical()),
        report_checks(node.state.revision(), maker, critical()),
        report_checks(named, maker, vec![report(&node, "a", "other", Verdict::Critical)]),
        report_checks(named, maker, vec![report(&node, "a", "told", Verdict::Critical)]),
    ];
    for command in in_vain {
        assert_eq!(node.apply_in_vain(&command), reported(0), "{command:?}");
    }
}

#[test]
fn another_life_is_not_touched() {
    let (mut node, named) = cluster(&[]);
    let owned = |incarnation| {
        let checks = checked(vec![alive()]).checks;
        let mut parts = held(80, "pod", incarnation).into_parts();
        parts.checks = checks;
        register("a", spec(parts))
    };
    node.apply(&owned(1));
    let maker = makers(&node, "a", &alive())[0];
    let old = report(&node, "a", "alive", Verdict::Passing);
    node.apply(&report_checks(named, maker, vec![old.clone()]));
    node.apply(&owned(2));
    assert_eq!(health(&node, "a"), Health::Unknown, "nothing is known of the new life");
    assert_eq!(node.apply_in_vain(&report_checks(named, maker, vec![old])), reported(0));
}

#[test]
fn each_report_is_looked_at_by_itself() {
    let ids = ["a", "b", "c", "d", "e", "f"];
    let instances: Vec<_> = ids.iter().map(|id| (*id, vec![alive()])).collect();
    let (mut node, named) = cluster(&instances);
    let all: Vec<_> = ids
        .iter()
        .map(|id| report(&node, id, "alive", Verdict::Critical))
        .collect();
    let mine = ids.iter().filter(|id| makers(&node, id, &alive())[0] == 2).count();
    assert!(mine > 0 && mine < ids.len(), "{mine}");
    let (outcome, events) = node.apply(&report_checks(named, 2, all));
    assert_eq!((outcome, events.len()), (reported(u32::try_from(mine).unwrap()), mine));
}

#[test]
fn other_members_begin_a_new_assignment_and_the_same_ones_do_not() {
    let (mut node, named) = cluster(&[("a", vec![alive()])]);
    let maker = makers(&node, "a", &alive())[0];
    let unchanged = Outcome::ProbersSet {
        effect: Effect::Unchanged,
    };
    assert_eq!(node.apply_in_vain(&set_probers(&[3, 1, 2, 2])), unchanged);
    let passing = report(&node, "a", "alive", Verdict::Passing);
    node.apply(&report_checks(named, maker, vec![passing]));

    let others: Vec<u64> = (1..=3).filter(|id| *id != maker).collect();
    let (outcome, events) = node.apply(&set_probers(&others));
    let effect = Effect::Changed;
    assert_eq!((outcome, events), (Outcome::ProbersSet { effect }, vec![]));
    assert_eq!(
        health(&node, "a"),
        Health::Passing,
        "it stays until somebody finds otherwise"
    );
    let critical = report(&node, "a", "alive", Verdict::Critical);
    assert_eq!(
        node.apply_in_vain(&report_checks(named, maker, vec![critical.clone()])),
        reported(0)
    );
    let next = makers(&node, "a", &alive())[0];
    let now = node.state.probers().unwrap().revision();
    node.apply(&report_checks(now, next, vec![critical]));
    assert_eq!(health(&node, "a"), Health::Critical);
}

#[test]
fn a_vote_from_which_nothing_follows_is_no_event() {
    let two_of_three = Check {
        vantage: Vantage::new(3, Some(2)).unwrap(),
        ..alive()
    };
    let (mut node, named) = cluster(&[("a", vec![two_of_three])]);
    let before = instance(&node, "a");
    let critical = report(&node, "a", "alive", Verdict::Critical);
    let (outcome, events) = node.apply(&report_checks(named, 1, vec![critical.clone()]));
    assert_eq!((outcome, events), (reported(1), vec![]));
    let after = instance(&node, "a");
    assert_eq!(
        (after.health(), after.modify_revision()),
        (Health::Unknown, before.modify_revision())
    );
    assert_eq!(node.state.recomputed_hash(), node.state.hash());
    let (_, events) = node.apply(&report_checks(named, 3, vec![critical]));
    assert_eq!((health(&node, "a"), events.len()), (Health::Critical, 1));
}

#[test]
fn whoever_runs_an_instance_reports_what_nobody_else_looks_at() {
    let (mut node, _) = cluster(&[("a", vec![alive(), told()])]);
    let generation = instance(&node, "a").generation();
    let (outcome, events) = node.apply(&report_check("a", Some(generation), "told", Verdict::Warning));
    let changed = |revision, effect| {
        Outcome::Mutated(Mutated::CheckReported {
            generation,
            revision,
            effect,
        })
    };
    let at = node.state.revision();
    assert_eq!((outcome, events.len()), (changed(at, Effect::Changed), 1));
    assert_eq!(instance(&node, "a").check_states()[1].health, Health::Warning);
    assert_eq!(health(&node, "a"), Health::Unknown, "the other check is worse");
    let again = node.apply_in_vain(&report_check("a", None, "told", Verdict::Warning));
    assert_eq!(again, changed(at, Effect::Unchanged));

    let rejected = |node: &mut Node, command: Command| {
        let outcome = node.apply_in_vain(&command);
        let Outcome::Rejected(rejection) = outcome else {
            panic!("{outcome:?} of {command:?}");
        };
        rejection
    };
    let verdict = Verdict::Critical;
    let refused = rejected(&mut node, report_check("b", None, "told", verdict));
    assert_eq!(refused, Rejection::NotFound);
    let refused = rejected(&mut node, report_check("a", None, "other", verdict));
    assert_eq!(refused, Rejection::CheckNotFound);
    let stale = rejected(&mut node, report_check("a", Some(Generation::new(1)), "told", verdict));
    assert_eq!(stale, Rejection::StaleGeneration { current: generation });
    let probed = rejected(&mut node, report_check("a", None, "alive", verdict));
    assert!(matches!(probed, Rejection::Invalid { .. }), "{probed:?}");
}

#[test]
fn a_report_that_is_repeated_takes_effect_once() {
    let (mut node, _) = cluster(&[("a", vec![told()])]);
    node.apply(&crate::samples::grant("pod", 1));
    let lease = node.state.revision().get();
    let write = batch(
        Some((lease, 1)),
        vec![report_check("a", None, "told", Verdict::Passing)],
    );
    let (first, _) = node.apply(&write);
    node.apply(&report_check("a", None, "told", Verdict::Critical));
    let (again, events) = node.apply(&write);
    assert_eq!((again, events), (first, vec![]));
    assert_eq!(health(&node, "a"), Health::Critical);
    let key = Some(request_key(lease, 2, 1));
    let items = vec![];
    assert_eq!(
        node.apply_in_vain(&Command::Batch { key, items }),
        Outcome::Batch(vec![])
    );
}

#[test]
fn what_was_found_stays_through_a_change_of_the_rest() {
    let (mut node, _) = cluster(&[("a", vec![told(), check("other", Probe::Reported)])]);
    for name in ["told", "other"] {
        node.apply(&report_check("a", None, name, Verdict::Passing));
    }
    let mut moved = checked(vec![check("new", Probe::Tcp), told()]);
    moved.version = Some("2".parse().unwrap());
    node.apply(&register("a", spec(moved)));
    let found: Vec<Health> = instance(&node, "a")
        .check_states()
        .iter()
        .map(|state| state.health)
        .collect();
    assert_eq!(found, [Health::Unknown, Health::Passing]);
    let without = register("a", spec(parts(80)));
    node.apply(&without);
    assert_eq!(health(&node, "a"), Health::Passing, "nothing is checked any more");
}

#[test]
fn a_patch_cannot_take_the_endpoint_of_a_check_away() {
    let endpoint = |port: u16| Endpoint {
        address: "10.0.0.1".parse().unwrap(),
        port: port.try_into().unwrap(),
        protocol: None,
    };
    let second = Check {
        endpoint: 1.try_into().unwrap(),
        ..alive()
    };
    let mut node = Node::founded();
    let mut two = parts(80);
    two.endpoints = vec![endpoint(80), endpoint(81)].try_into().unwrap();
    two.checks = vec![second].try_into().unwrap();
    node.apply(&register("a", spec(two)));
    let patch = |endpoints: Vec<Endpoint>| {
        let endpoints = Some(Endpoints::try_from(endpoints).unwrap());
        let patch = InstancePatch {
            endpoints,
            ..InstancePatch::default()
        };
        crate::samples::update("a", None, patch)
    };
    let one = node.apply_in_vain(&patch(vec![endpoint(80)]));
    assert!(matches!(one, Outcome::Rejected(Rejection::Invalid { .. })), "{one:?}");
    let (other, _) = node.apply(&patch(vec![endpoint(80), endpoint(82)]));
    assert!(matches!(other, Outcome::Mutated(Mutated::Updated { .. })), "{other:?}");
}

#[test]
fn too_much_at_once_is_refused() {
    let (mut node, named) = cluster(&[("a", vec![alive()])]);
    let item = report(&node, "a", "alive", Verdict::Passing);
    let many = report_checks(named, 1, vec![item; 1_025]);
    let outcome = node.apply_in_vain(&many);
    assert!(
        matches!(outcome, Outcome::Rejected(Rejection::LimitExceeded { .. })),
        "{outcome:?}"
    );
    let ids: Vec<u64> = (1..=65).collect();
    let outcome = node.apply_in_vain(&set_probers(&ids));
    assert!(
        matches!(outcome, Outcome::Rejected(Rejection::Invalid { .. })),
        "{outcome:?}"
    );
}

/// A check of which every part is there.
fn full() -> Check {
    let header = |name: &str, value: &str| (name.parse().expect("valid"), value.parse().expect("valid"));
    let tls = Tls {
        skip_verify: true,
        server_name: Some("web.example".parse().expect("valid")),
        ca_pem: Some("-----BEGIN".parse().expect("valid")),
    };
    let http = HttpProbe::new(HttpProbeParts {
        path: "/health".parse().expect("valid"),
        method: "GET".parse().expect("valid"),
        headers: ProbeHeaders::try_from(vec![header("x-b", "1"), header("x-a", "")]).expect("valid"),
        status: StatusRange::new(200, 204).expect("valid"),
        body_contains: Some("ok".parse().expect("valid")),
        tls: Some(tls),
    });
    check("full", Probe::Http(Box::new(http.expect("valid"))))
}

#[test]
fn a_snapshot_holds_checks_votes_and_probers() {
    let grpc = check("grpc", Probe::Grpc(quorate_model::GrpcProbe::default()));
    let (mut node, named) = cluster(&[("a", vec![full(), grpc, told()]), ("b", vec![alive()]), ("c", vec![])]);
    let maker = makers(&node, "a", &full())[0];
    let critical = report(&node, "a", "full", Verdict::Critical);
    node.apply(&report_checks(named, maker, vec![critical]));
    let restored = through_a_snapshot(&node.state);
    assert_eq!(restored, node.state);
    assert_eq!(restored.recomputed_hash(), node.state.hash());
    assert_eq!(restored.probers(), node.state.probers());
}

#[test]
fn a_restored_cluster_has_no_probers() {
    let (node, _) = cluster(&[("a", vec![alive()])]);
    let cluster = node.state.cluster().unwrap();
    let restored = node.state.into_restored(cluster.id, cluster.epoch);
    assert_eq!((restored.probers(), restored.applied()), (None, LogIndex::ZERO));
    assert_eq!(restored.recomputed_hash(), restored.hash());
}

#[test]
fn commands_about_checks_come_back_as_they_were() {
    let (node, named) = cluster(&[("a", vec![alive()])]);
    let item = report(&node, "a", "alive", Verdict::Warning);
    let commands = [
        register("a", spec(checked(vec![full(), told()]))),
        batch(None, vec![register("a", spec(checked(vec![full()])))]),
        report_check("a", Some(Generation::new(300)), "told", Verdict::Critical),
        set_probers(&[]),
        set_probers(&[1, 300]),
        report_checks(named, 3, vec![item.clone(), item]),
    ];
    for command in commands {
        let bytes = command.encode().unwrap();
        assert_eq!(Command::decode(&bytes), Ok(command));
    }
    for outcome in [
        Outcome::ProbersSet {
            effect: Effect::Changed,
        },
        reported(300),
        Outcome::Rejected(Rejection::CheckNotFound),
        Outcome::Mutated(Mutated::CheckReported {
            generation: Generation::new(5),
            revision: Revision::new(300),
            effect: Effect::Unchanged,
        }),
    ] {
        assert_eq!(Outcome::decode(&outcome.encode().unwrap()), Ok(outcome));
    }
}

#[test]
fn only_what_passes_or_warns_is_in_a_default_answer() {
    let (mut node, _) = cluster(&[("a", vec![told()])]);
    let is_in = |node: &Node| {
        let instance = instance(node, "a");
        let filter = quorate_model::Filter {
            include: Include::Available,
            ..quorate_model::Filter::default()
        };
        filter.matches(&instance, &quorate_model::Standing::of(&instance))
    };
    assert!(!is_in(&node));
    for (verdict, expected) in [
        (Verdict::Passing, true),
        (Verdict::Warning, true),
        (Verdict::Critical, false),
    ] {
        node.apply(&report_check("a", None, "told", verdict));
        assert_eq!(is_in(&node), expected, "{verdict:?}");
    }
}
