//! Golden bytes: what is on disk and between members stays readable for ever.
//!
//! If one of these tests fails, the format has changed. Do not change the bytes here: add a new schema.

use std::fmt::Write as _;

use quorate_model::{
    Availability, Generation, InstancePatch, Locality, LogIndex, MemberId, Metadata, Patch, Revision, SpecParts, Tags,
    Term, Weight,
};
use quorate_state::{
    Change, Command, Effect, Limit, Mutated, Outcome, Rejection,
    snapshot::{Decoder, Encoder, LastLog, RaftMeta},
};

use crate::samples::{
    CLUSTER, Node, allocate, deregister, found, held, parts, register, set_availability, spec, take_over, update,
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
}

fn outcomes() -> Vec<Outcome> {
    let (generation, revision) = (Generation::new(5), Revision::new(300));
    let registered = |change| {
        Outcome::Mutated(Mutated::Registered {
            generation,
            revision,
            change,
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
    outcomes
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
    let chunks = snapshot();
    check(
        chunks.iter().map(|bytes| hex(bytes)),
        include_str!("golden/snapshot_v1.hex"),
    );
    let mut decoder = Decoder::new();
    for chunk in &chunks {
        decoder.push(chunk).unwrap();
    }
    let (header, state) = decoder.finish().unwrap();
    assert_eq!(state.hash(), header.hash);
}
