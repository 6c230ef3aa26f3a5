//! Golden bytes: what is on disk and between members stays readable for ever.
//!
//! If one of these tests fails, the format has changed. Do not change the bytes here: add a new schema.

use std::fmt::Write as _;

use quorate_model::{
    Availability, Check, CheckOutput, Checks, Generation, GrpcProbe, GuardScope, GuardShare, HttpMethod, HttpProbe,
    HttpProbeParts, InstancePatch, LeaseId, LeaseTtl, Lifetime, Locality, LogIndex, MemberId, Metadata, Pace,
    PaceParts, Patch, Probe, RemoveAfter, Revision, Sequence, ServiceSettings, SettingsPatch, SpecParts, StatusRange,
    Tags, Term, Tls, Vantage, Verdict, Weight,
};
use quorate_state::{
    Change, CheckReport, Command, Effect, Limit, Mutated, Mutation, Outcome, Rejection,
    snapshot::{Decoder, Encoder, LastLog, RaftMeta},
};

use crate::samples::{
    CLUSTER, Node, allocate, batch, claim, clear_override, deregister, disabled, drain, drop_guard, found, grant,
    grant_staying, held, lapse, minimum, of_namespace, of_web, of_zone, parts, raise_guard, register, register_for,
    register_living, register_with, revive, revoke, set_availability, set_override, set_settings, spec, take_over, ttl,
    update, weighed, zone_out,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// Every part is there.
fn full() -> SpecParts {
    let mut endpoints: Vec<_> = ["10.0.0.1", "2001:db8::1", "web.example"]
        .map(|address| {
            let mut endpoint = parts(443).endpoints.as_slice()[0].clone();
            endpoint.address = address.parse().expect("valid");
            endpoint
        })
        .into();
    endpoints[1].protocol = Some("grpc".parse().expect("valid"));
    SpecParts {
        endpoints: endpoints.try_into().expect("three"),
        version: Some("1.2.3".parse().expect("valid")),
        weight: Weight::new(7),
        locality: Locality {
            region: Some("eu".parse().expect("valid")),
            zone: Some("eu-1".parse().expect("valid")),
        },
        metadata: Metadata::parse([("a", "1"), ("b", "")]).expect("valid"),
        tags: Tags::parse(["t", "u"]).expect("valid"),
        holder: held(1, "pod", 9).holder().clone(),
        checks: Checks::default(),
    }
}

fn commands() -> Vec<Command> {
    let parts = full();
    let patch = InstancePatch {
        endpoints: Some(parts.endpoints.clone()),
        version: Patch::Set("2".parse().expect("valid")),
        weight: Some(parts.weight),
        locality: Some(parts.locality.clone()),
        metadata: Some(parts.metadata.clone()),
        tags: Some(parts.tags.clone()),
    };
    let clear = InstancePatch {
        version: Patch::Clear,
        ..InstancePatch::default()
    };
    vec![
        found(),
        allocate(0xFF),
        register("a", held(80, "", 0)),
        take_over("a", spec(parts)),
        update("a", None, InstancePatch::default()),
        update("a", Some(5), patch),
        update("a", Some(300), clear),
        deregister("a", None),
        deregister("a", Some(u64::MAX)),
        set_availability("a", Availability::Enabled, None),
        set_availability("a", Availability::Draining, Some(5)),
        set_availability("a", Availability::Disabled, Some(5)),
    ]
    .into_iter()
    .chain(later_commands())
    .chain(commands_of_liveness())
    .chain(commands_of_checks())
    .collect()
}

/// One check of each kind, with all that there is to say of it.
fn full_checks() -> Vec<Check> {
    let tls = |name: &str| Tls {
        skip_verify: true,
        server_name: Some(name.parse().expect("valid")),
        ca_pem: Some("-----BEGIN".parse().expect("valid")),
    };
    let headers = [("x-b", "1"), ("x-a", "")].map(|(name, value)| {
        let name = name.parse().expect("valid");
        (name, value.parse().expect("valid"))
    });
    let http = HttpProbe::new(HttpProbeParts {
        path: "/health?deep".parse().expect("valid"),
        method: HttpMethod::Get,
        headers: headers.to_vec().try_into().expect("valid"),
        status: StatusRange::new(200, 404).expect("valid"),
        body_contains: Some("ok".parse().expect("valid")),
        tls: Some(tls("web.example")),
    });
    let head = HttpProbe::new(HttpProbeParts {
        method: HttpMethod::Head,
        ..HttpProbeParts::default()
    });
    let grpc = |service: Option<&str>, tls| {
        let service = service.map(|service| service.parse().expect("valid"));
        Probe::Grpc(GrpcProbe { service, tls })
    };
    let pace = Pace::new(PaceParts {
        interval_ms: 3_600_000,
        timeout_ms: 300,
        rise: 10,
        fall: 9,
    });
    let probes = [
        Probe::Http(Box::new(http.expect("valid"))),
        Probe::Http(Box::new(head.expect("valid"))),
        Probe::Tcp,
        grpc(Some("web.Web"), Some(tls("10.0.0.1"))),
        grpc(None, None),
        Probe::Reported,
    ];
    let checks = (0_u32..).zip(probes).map(|(number, probe)| Check {
        endpoint: (number % 3).try_into().expect("valid"),
        pace: pace.clone().expect("valid"),
        vantage: Vantage::new(7, Some(5)).expect("valid"),
        ..Check::new(format!("c{number}").try_into().expect("valid"), probe)
    });
    checks.collect()
}

fn checked(checks: Vec<Check>) -> SpecParts {
    SpecParts {
        checks: checks.try_into().expect("few"),
        ..full()
    }
}

fn report(check: &str, verdict: Verdict) -> CheckReport {
    CheckReport {
        key: crate::samples::key("a"),
        generation: Generation::new(300),
        check: check.parse().expect("valid"),
        verdict,
        output: CheckOutput::cut("HTTP 503"),
    }
}

/// Those that came with checks.
fn commands_of_checks() -> Vec<Command> {
    let told = |verdict, generation: Option<u64>| {
        Command::Mutate(Mutation::ReportCheck {
            key: crate::samples::key("a"),
            generation: generation.map(Generation::new),
            check: "c5".parse().expect("valid"),
            verdict,
            output: CheckOutput::cut("told"),
        })
    };
    let members = |ids: &[u64]| Command::SetProbers {
        members: ids.iter().map(|id| MemberId::try_from(*id).expect("not 0")).collect(),
    };
    let registered = || register("a", spec(checked(full_checks())));
    let kept = |lifetime| {
        let plain = Check::new("t".parse().expect("valid"), Probe::Tcp);
        register_for("a", spec(checked(vec![plain])), lifetime)
    };
    vec![
        registered(),
        kept(Lifetime::Ttl(ttl(2_000))),
        kept(Lifetime::Lease(LeaseId::new(300))),
        told(Verdict::Warning, None),
        batch(Some((300, 5)), vec![registered(), told(Verdict::Critical, Some(300))]),
        members(&[]),
        members(&[1, 2, 300]),
        Command::ReportChecks {
            probers: Revision::new(300),
            reporter: MemberId::FIRST,
            items: vec![report("c0", Verdict::Passing), report("c1", Verdict::Critical)],
        },
    ]
}

/// Those that came after the first ones.
fn later_commands() -> Vec<Command> {
    let items = || {
        vec![
            register("a", held(80, "", 0)),
            update("a", Some(5), InstancePatch::default()),
            deregister("a", None),
            set_availability("a", Availability::Draining, Some(300)),
        ]
    };
    vec![
        batch(None, vec![]),
        batch(None, items()),
        batch(Some((300, 5)), items()),
        grant("", 1),
        grant("pod", u64::MAX),
        revoke(300),
        set_override(disabled("a"), 0),
        set_override(weighed("a"), 300),
        set_override(zone_out(Some("web"), "eu-1"), 0),
        set_override(zone_out(None, "eu-1"), 31_536_000_000),
        clear_override(disabled("a")),
        Command::ExpireOverrides,
        set_settings(SettingsPatch::default(), true),
        set_settings(full_settings(), false),
        claim(5, 0xFE, 0xFF),
    ]
}

/// Those that came with leases that lapse.
fn commands_of_liveness() -> Vec<Command> {
    let kept = || {
        vec![
            register_with("a", 300),
            register_living("a", 2_000),
            drain("a", 86_400_000),
        ]
    };
    let mut commands = kept();
    commands.extend([
        batch(None, kept()),
        grant_staying("pod", 172_800_000),
        lapse(&[]),
        lapse(&[(300, 5), (5, u64::MAX)]),
        revive(&[(300, 301)]),
        Command::PassTime,
        raise_guard(of_web(), 1),
        raise_guard(of_zone("eu-1"), 86_400_000),
        drop_guard(of_namespace()),
        drop_guard(GuardScope::Cluster),
    ]);
    commands
}

fn full_settings() -> SettingsPatch {
    SettingsPatch {
        guard_share: Some(GuardShare::from_percent(30).expect("valid")),
        default_ttl: Some(LeaseTtl::from_ms(60_000).expect("valid")),
        ..minimum(300)
    }
}

fn outcomes() -> Vec<Outcome> {
    let (generation, revision) = (Generation::new(5), Revision::new(300));
    let registered = |change| {
        Outcome::Mutated(Mutated::Registered {
            generation,
            revision,
            change,
            lease: None,
        })
    };
    let limits = [
        Limit::InstancesPerService,
        Limit::InstancesPerCluster,
        Limit::InstanceLen,
        Limit::MemberIds,
    ];
    let mut outcomes = vec![
        Outcome::Founded,
        Outcome::MemberAllocated(MemberId::FIRST),
        registered(Change::Created),
        registered(Change::Updated),
        registered(Change::Unchanged),
        registered(Change::Restarted),
        registered(Change::TakenOver),
        Outcome::Mutated(Mutated::Deregistered { existed: true }),
    ];
    for effect in [Effect::Changed, Effect::Unchanged] {
        outcomes.push(Outcome::Mutated(Mutated::Updated {
            generation,
            revision,
            effect,
        }));
        outcomes.push(Outcome::Mutated(Mutated::AvailabilitySet {
            generation,
            revision,
            effect,
        }));
    }
    let rejections = [
        Rejection::Invalid { reason: "why".into() },
        Rejection::AlreadyExists { owner: None },
        Rejection::AlreadyExists {
            owner: Some("pod".parse().expect("valid")),
        },
        Rejection::StaleGeneration { current: generation },
        Rejection::NotFound,
        Rejection::NotFounded,
        Rejection::AlreadyFounded { cluster_id: CLUSTER },
    ];
    let over = limits.map(|limit| Rejection::LimitExceeded { limit });
    outcomes.extend(rejections.into_iter().chain(over).map(Outcome::Rejected));
    outcomes.extend(later_outcomes());
    outcomes
}

/// Those that came after the first ones.
fn later_outcomes() -> Vec<Outcome> {
    let (generation, revision) = (Generation::new(5), Revision::new(300));
    let items = vec![
        Ok(Mutated::Registered {
            generation,
            revision,
            change: Change::TakenOver,
            lease: None,
        }),
        Ok(Mutated::Updated {
            generation,
            revision,
            effect: Effect::Changed,
        }),
        Ok(Mutated::Deregistered { existed: false }),
        Ok(Mutated::AvailabilitySet {
            generation,
            revision,
            effect: Effect::Unchanged,
        }),
        Err(Rejection::KeyReused),
        Err(Rejection::AlreadyExists { owner: None }),
    ];
    let effect = Effect::Changed;
    let mut outcomes = vec![
        Outcome::Batch(vec![]),
        Outcome::Batch(items),
        Outcome::LeaseGranted {
            id: LeaseId::new(300),
            ttl: LeaseTtl::default(),
            remove_after: RemoveAfter::of(LeaseTtl::default()),
            effect,
        },
        Outcome::LeaseRevoked { existed: true },
        Outcome::OverrideSet { revision, effect },
        Outcome::OverrideCleared { existed: true },
        Outcome::OverridesExpired { count: 300 },
        Outcome::SettingsSet {
            settings: ServiceSettings::default().patched(&full_settings()),
            effect,
        },
    ];
    let window_start = Sequence::try_from(300).expect("not 0");
    let rejections = [
        Rejection::LeaseNotFound,
        Rejection::SequenceTooOld { window_start },
        Rejection::KeyReused,
        Rejection::NotReserved,
    ];
    let limits = [
        Limit::Leases,
        Limit::KeptOutcomesPerLease,
        Limit::KeptOutcomes,
        Limit::Overrides,
        Limit::ServiceSettings,
        Limit::BatchItems,
    ];
    let over = limits.map(|limit| Rejection::LimitExceeded { limit });
    outcomes.extend(rejections.into_iter().chain(over).map(Outcome::Rejected));
    outcomes.extend(outcomes_of_liveness());
    outcomes
}

/// Those that came with leases that lapse.
fn outcomes_of_liveness() -> Vec<Outcome> {
    let registered = Mutated::Registered {
        generation: Generation::new(5),
        revision: Revision::new(300),
        change: Change::Restarted,
        lease: Some(LeaseId::new(301)),
    };
    let granted = Outcome::LeaseGranted {
        id: LeaseId::new(300),
        ttl: LeaseTtl::default(),
        remove_after: RemoveAfter::from_ms(1_000).expect("valid"),
        effect: Effect::Unchanged,
    };
    let outcomes = vec![
        Outcome::Mutated(registered),
        Outcome::Batch(vec![Ok(registered), Err(Rejection::LeaseLapsed)]),
        granted,
        Outcome::LeasesLapsed { count: 300 },
        Outcome::LeasesRevived { count: 5 },
        Outcome::TimePassed { count: u32::MAX },
        Outcome::GuardRaised {
            effect: Effect::Changed,
        },
        Outcome::GuardDropped { existed: true },
        Outcome::Rejected(Rejection::LeaseLapsed),
    ];
    let over = [Limit::InstancesPerLease, Limit::Guards].map(|limit| Rejection::LimitExceeded { limit });
    let over = over.map(Outcome::Rejected);
    outcomes.into_iter().chain(over).chain(outcomes_of_checks()).collect()
}

/// Those that came with checks.
fn outcomes_of_checks() -> Vec<Outcome> {
    let reported = Mutated::CheckReported {
        generation: Generation::new(5),
        revision: Revision::new(300),
        effect: Effect::Unchanged,
    };
    vec![
        Outcome::Mutated(reported),
        Outcome::Batch(vec![Ok(reported), Err(Rejection::CheckNotFound)]),
        Outcome::ProbersSet {
            effect: Effect::Changed,
        },
        Outcome::ChecksReported { count: 300 },
        Outcome::Rejected(Rejection::CheckNotFound),
    ]
}

fn snapshot() -> Vec<bytes::Bytes> {
    let mut node = Node::founded();
    node.apply(&allocate(0xFF));
    node.apply(&register("a", spec(full())));
    node.apply(&register("b", held(80, "", 0)));
    node.apply(&set_availability("b", Availability::Draining, None));
    let raft = RaftMeta {
        last_log: Some(LastLog {
            term: Term::new(3),
            member_id: 1,
            index: LogIndex::new(5),
        }),
        membership: vec![1, 2, 3],
    };
    Encoder::new(&node.state, raft).expect("short").collect()
}

/// Objects that came after the first ones.
fn later_snapshot() -> Vec<bytes::Bytes> {
    let mut node = Node::founded();
    node.apply_stamped(300, &grant("pod", 9));
    node.apply(&batch(
        Some((2, 5)),
        vec![
            register("a", held(80, "", 0)),
            update("b", None, InstancePatch::default()),
        ],
    ));
    for target in [disabled("a"), weighed("a"), zone_out(None, "eu-1")] {
        node.apply(&set_override(target, 1_000));
    }
    node.apply(&set_settings(full_settings(), false));
    Encoder::new(&node.state, RaftMeta::default())
        .expect("no membership")
        .collect()
}

/// Objects that came with leases that lapse.
fn snapshot_of_liveness() -> Vec<bytes::Bytes> {
    let mut node = Node::founded();
    node.apply_stamped(300, &grant_staying("pod", 1_000));
    node.apply(&register_with("a", 2));
    let mut zoned = parts(80);
    zoned.locality.zone = Some("eu-1".parse().expect("valid"));
    node.apply(&register_for("b", spec(zoned), Lifetime::Ttl(ttl(2_000))));
    node.apply(&register("c", held(80, "", 0)));
    node.apply(&register_living("d", 60_000));
    node.apply(&drain("c", 500));
    node.apply(&drain("d", 600));
    // The service is left with nothing to use: its guard is raised, and with it those of an operator.
    node.apply_stamped(400, &lapse(&[(2, 2), (4, 4)]));
    node.apply(&raise_guard(of_zone("eu-1"), 1));
    node.apply(&raise_guard(of_namespace(), 300));
    node.apply(&raise_guard(GuardScope::Cluster, 86_400_000));
    node.apply(&drop_guard(of_namespace()));
    node.apply(&drop_guard(GuardScope::Cluster));
    node.apply(&raise_guard(GuardScope::Cluster, 600_000));
    Encoder::new(&node.state, RaftMeta::default())
        .expect("no membership")
        .collect()
}

/// Objects that came with checks.
fn snapshot_of_checks() -> Vec<bytes::Bytes> {
    let mut node = Node::founded();
    let members = [1_u64, 2, 300].map(|id| MemberId::try_from(id).expect("not 0"));
    node.apply(&Command::SetProbers {
        members: members.to_vec(),
    });
    let named = node.state.revision();
    node.apply(&register("a", spec(checked(full_checks()))));
    let generation = Generation::from(node.state.revision());
    for (place, reporter) in (0..).zip(members) {
        let verdict = if place == 0 { Verdict::Warning } else { Verdict::Passing };
        let found = |check| CheckReport {
            generation,
            ..report(check, verdict)
        };
        node.apply(&Command::ReportChecks {
            probers: named,
            reporter,
            items: vec![found("c0"), found("c2")],
        });
    }
    node.apply(&register_for("b", spec(checked(vec![])), Lifetime::Ttl(ttl(2_000))));
    node.apply(&register_for(
        "c",
        spec(checked(full_checks())),
        Lifetime::Ttl(ttl(2_000)),
    ));
    node.apply(&drain("c", 500));
    Encoder::new(&node.state, RaftMeta::default())
        .expect("no membership")
        .collect()
}

/// Compares all at once, so that a failure shows what there is instead.
fn check(found: impl IntoIterator<Item = String>, golden: &str) {
    let found: Vec<String> = found.into_iter().collect();
    assert_eq!(found.join("\n"), golden.trim_end());
}

#[test]
fn bytes_of_commands_are_golden() {
    let encoded: Vec<_> = commands().iter().map(|command| command.encode().unwrap()).collect();
    check(
        encoded.iter().map(|bytes| hex(bytes)),
        include_str!("golden/commands_v1.hex"),
    );
    for (command, bytes) in commands().into_iter().zip(&encoded) {
        assert_eq!(Command::decode(bytes), Ok(command));
    }
}

#[test]
fn bytes_of_outcomes_are_golden() {
    let encoded: Vec<_> = outcomes().iter().map(|outcome| outcome.encode().unwrap()).collect();
    check(
        encoded.iter().map(|bytes| hex(bytes)),
        include_str!("golden/outcomes_v1.hex"),
    );
    for (outcome, bytes) in outcomes().into_iter().zip(&encoded) {
        assert_eq!(Outcome::decode(bytes), Ok(outcome));
    }
}

#[test]
fn bytes_of_snapshots_are_golden() {
    for (chunks, golden) in [
        (snapshot(), include_str!("golden/snapshot_v1.hex")),
        (later_snapshot(), include_str!("golden/snapshot_later_v1.hex")),
        (
            snapshot_of_liveness(),
            include_str!("golden/snapshot_of_liveness_v1.hex"),
        ),
        (snapshot_of_checks(), include_str!("golden/snapshot_of_checks_v1.hex")),
    ] {
        check(chunks.iter().map(|bytes| hex(bytes)), golden);
        let mut decoder = Decoder::new();
        for chunk in &chunks {
            decoder.push(chunk).unwrap();
        }
        let (header, state) = decoder.finish().unwrap();
        assert_eq!(state.hash(), header.hash);
    }
}
