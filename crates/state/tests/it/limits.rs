//! The limits that apply keeps, each at its edge.

use quorate_model::{InstancePatch, InstanceSpec, Metadata, SpecParts, Tags, limits::INSTANCES_PER_SERVICE_MAX};
use quorate_state::{Change, Limit, Mutated, Outcome, Rejection};

use crate::samples::{Node, deregister, held, key, parts, register, spec, update, web};

fn over(limit: Limit) -> Outcome {
    Outcome::Rejected(Rejection::LimitExceeded { limit })
}

fn is(outcome: &Outcome, expected: Change) -> bool {
    matches!(outcome, Outcome::Mutated(Mutated::Registered { change, .. }) if *change == expected)
}

#[test]
fn a_service_has_up_to_10_000_instances() {
    let mut node = Node::founded();
    for number in 0..INSTANCES_PER_SERVICE_MAX {
        let (outcome, _) = node.apply(&register(&format!("i{number}"), held(80, "", 0)));
        assert!(is(&outcome, Change::Created), "{number}: {outcome:?}");
    }
    let one_more = register("one-more", held(80, "", 0));
    assert_eq!(node.apply_in_vain(&one_more), over(Limit::InstancesPerService));
    assert_eq!(node.state.service(&web()).unwrap().len(), INSTANCES_PER_SERVICE_MAX);

    // Whoever asks before it registers is told the same.
    let limit = Limit::InstancesPerService;
    let refused = Err(Rejection::LimitExceeded { limit });
    assert_eq!(node.state.check_room(&key("one-more")), refused);
    assert_eq!(node.state.check_room(&key("i7")), Ok(()));

    // What is there already can still change, and what goes makes room.
    assert!(is(&node.apply(&register("i7", held(81, "", 0))).0, Change::Updated));
    assert!(is(&node.apply(&register("i7", held(81, "", 1))).0, Change::Restarted));
    node.apply(&deregister("i9", None));
    assert!(is(&node.apply(&one_more).0, Change::Created));
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn an_update_cannot_make_an_instance_longer_than_16_kib() {
    // Each part is within its own limit; only together they are too long.
    let tags = Tags::parse((0..40).map(|number| format!("{number:0256}"))).unwrap();
    let metadata = Metadata::parse([("k", "v".repeat(8_000))]).unwrap();
    let tagged = SpecParts { tags, ..parts(80) };
    let both = SpecParts {
        metadata: metadata.clone(),
        ..tagged.clone()
    };
    assert!(InstanceSpec::new(both).is_err());

    let mut node = Node::founded();
    node.apply(&register("a", spec(tagged)));
    let patch = InstancePatch {
        metadata: Some(metadata),
        ..InstancePatch::default()
    };
    assert_eq!(node.apply_in_vain(&update("a", None, patch)), over(Limit::InstanceLen));
}
