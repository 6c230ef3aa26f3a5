//! How batches are packed, and what is told of them as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use quorate_consensus::{Applied, ProposeError};
use quorate_model::{LeaseId, Metadata, RequestKey, Sequence, limits::LOG_ENTRY_LEN_MAX};
use quorate_state::{Command, Outcome};

use super::*;
use crate::{
    Limits,
    admission::Gate,
    route::Route,
    testing::{Script, deadline},
};

fn key(id: u8) -> InstanceKey {
    InstanceKey {
        namespace: "default".parse().unwrap(),
        service: "web".parse().unwrap(),
        id: format!("web-{id}").parse().unwrap(),
    }
}

fn deregister(id: u8) -> Mutation {
    let (key, generation) = (key(id), None);
    Mutation::Deregister { key, generation }
}

/// An update of `id` that takes a good `len` bytes.
fn update(id: u8, len: usize) -> Mutation {
    let value = "x".repeat(len.min(8_000));
    let metadata = BTreeMap::from([("k".parse().unwrap(), value.try_into().unwrap())]);
    let patch = InstancePatch {
        metadata: Some(Metadata::try_from(metadata).unwrap()),
        ..InstancePatch::default()
    };
    Mutation::Update {
        key: key(id),
        generation: Some(Generation::new(u64::MAX)),
        patch,
    }
}

fn request_key() -> RequestKey {
    let last = Sequence::try_from(u64::MAX).unwrap();
    RequestKey::new(LeaseId::new(u64::MAX), last, last).unwrap()
}

fn placed(mutations: Vec<Mutation>) -> Vec<(u32, Mutation)> {
    (0..).zip(mutations).collect()
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = prop_oneof![
        (0..40_u8).prop_map(deregister),
        (0..40_u8, 0..8_000_usize).prop_map(|(id, len)| update(id, len)),
    ];
    vec(mutation, 0..200)
}

proptest! {
    #[test]
    fn every_item_is_in_one_entry_and_those_of_an_instance_keep_their_order(
        mutations in mutations(),
        keyed: bool,
        len_max in 9_000..LOG_ENTRY_LEN_MAX,
    ) {
        let key = keyed.then(request_key);
        let items = placed(mutations);
        let packed = Packing::new(key, len_max).unwrap().pack(items.clone());
        prop_assert_eq!(packed.too_large, []);

        let mut found = Vec::new();
        for wave in packed.waves {
            let mut instances = BTreeSet::new();
            for entry in wave {
                prop_assert!(!entry.is_empty());
                prop_assert!(entry.iter().all(|(_, mutation)| instances.insert(mutation.key().clone())));
                let command = Command::Batch { key, items: entry.clone() };
                prop_assert!(command.encode().unwrap().len() <= len_max);
                found.extend(entry);
            }
        }
        prop_assert_eq!(found, items);
    }

    #[test]
    fn an_entry_is_begun_only_when_the_one_before_it_is_full(mutations in mutations(), len_max in 9_000..LOG_ENTRY_LEN_MAX) {
        let packed = Packing::new(None, len_max).unwrap().pack(placed(mutations));
        for wave in packed.waves {
            for pair in wave.windows(2) {
                let mut both = pair[0].clone();
                both.push(pair[1][0].clone());
                // Lengths are counted as if every place and count took the most bytes that it can.
                let slack = 5 * both.len() + 2;
                let len = Command::Batch { key: None, items: both }.encode().unwrap().len();
                prop_assert!(len + slack > len_max, "{} bytes would have fitted {}", len, len_max);
            }
        }
    }
}

#[test]
fn what_fits_no_entry_is_told_apart() {
    let items = placed(vec![deregister(1), update(2, 8_000), deregister(3)]);
    let len = items[1].1.encoded_len();
    let packed = Packing::new(None, 4_000).unwrap().pack(items);
    assert_eq!(packed.too_large, [(1, len)]);
    assert_eq!(packed.waves.len(), 1);
    assert_eq!(packed.widest(), 1);
    let places: Vec<_> = packed.waves[0][0].iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [0, 2]);
}

#[test]
fn a_thousand_writes_of_one_instance_go_one_after_the_other() {
    let items = placed((0..1_000).map(|_| deregister(1)).collect());
    let packed = Packing::new(None, LOG_ENTRY_LEN_MAX).unwrap().pack(items);
    assert_eq!((packed.waves.len(), packed.widest()), (1_000, 1));
}

#[test]
fn an_empty_batch_has_no_entries() {
    let packed = Packing::new(None, LOG_ENTRY_LEN_MAX).unwrap().pack([]);
    assert_eq!((packed.waves.len(), packed.widest()), (0, 0));
}

#[test]
fn one_failure_that_all_share_is_that_of_the_request() {
    let done = Done::new(Mutated::Deregistered { existed: true }, Revision::new(7));
    let outcomes = |list: Vec<Result<Done, Error>>| -> Outcomes { (0..).zip(list).collect() };
    let common = |list| common_failure(&outcomes(list)).cloned();

    assert_eq!(
        common(vec![Err(Error::NoLeader), Err(Error::NoLeader)]),
        Some(Error::NoLeader)
    );
    let gone = || Err(Rejection::LeaseNotFound.into());
    assert_eq!(common(vec![gone(), gone()]), Some(Rejection::LeaseNotFound.into()));

    assert_eq!(common(vec![]), None);
    assert_eq!(common(vec![Ok(done), Err(Error::NoLeader)]), None);
    assert_eq!(common(vec![Err(Error::DeadlineExceeded), Err(Error::NoLeader)]), None);
    assert_eq!(
        common(vec![Err(Rejection::NotFound.into()), Err(Rejection::NotFound.into())]),
        None
    );
}

/// Two waves: 40 items of different instances in several entries, and then two of the first ones again.
fn two_waves() -> Packed {
    let first = (0..40).map(|id| update(id, 8_000));
    let items = placed(first.chain([deregister(0), deregister(1)]).collect());
    let packed = Packing::new(None, LOG_ENTRY_LEN_MAX).unwrap().pack(items);
    assert_eq!((packed.waves.len(), packed.waves[0].len()), (2, 5));
    packed
}

/// The entry of so many items is applied.
fn entry_applied(revision: u64, items: usize) -> Applied {
    let done = Mutated::Deregistered { existed: true };
    Applied {
        revision: Revision::new(revision),
        outcome: Outcome::Batch(vec![Ok(done); items]),
    }
}

async fn run(script: &Script, packed: Packed, once: Option<RequestKey>) -> Run {
    let (route, gate) = (Route::new(script.clone()), Gate::new(Limits::default()));
    let deadline = deadline(Duration::from_secs(1));
    Run::new(Outcomes::new())
        .go(&route, &gate, packed, once, &deadline)
        .await
}

#[tokio::test(start_paused = true)]
async fn all_entries_are_applied_and_the_last_revision_is_told() {
    let (script, _) = Script::new(Some(1));
    let packed = two_waves();
    let lens: Vec<usize> = packed.waves.iter().flatten().map(Vec::len).collect();
    script.answer_proposals((1..).zip(lens).map(|(revision, len)| Ok(entry_applied(revision, len))));
    let Run { outcomes, revision } = run(&script, packed, None).await;
    assert!(outcomes.len() == 42 && outcomes.values().all(Result::is_ok));
    assert_eq!(revision, Some(Revision::new(6)));
    assert_eq!(outcomes[&41].as_ref().unwrap().revision, Revision::new(6));
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_an_entry_of_unknown_fate_is_not_begun() {
    let (script, _) = Script::new(Some(1));
    let packed = two_waves();
    let lens: Vec<usize> = packed.waves.iter().flatten().map(Vec::len).collect();
    let problem = "no answer in time".to_owned();
    script.answer_proposals([Err(ProposeError::OutcomeUnknown(problem.clone()))]);
    script.answer_proposals(
        (2..)
            .zip(lens.iter().skip(1))
            .map(|(revision, len)| Ok(entry_applied(revision, *len))),
    );
    let Run { outcomes, revision } = run(&script, packed, None).await;
    assert_eq!(script.proposed().len(), 5, "the second wave was begun");
    let lost = u32::try_from(lens[0]).unwrap();
    for (place, outcome) in outcomes {
        match place {
            place if place < lost => assert_eq!(
                outcome,
                Err(Error::OutcomeUnknown {
                    problem: problem.clone()
                })
            ),
            40.. => assert_eq!(outcome, Err(Error::DeadlineExceeded)),
            _ => assert!(outcome.is_ok()),
        }
    }
    assert_eq!(revision, Some(Revision::new(5)));
}

#[tokio::test(start_paused = true)]
async fn an_entry_with_a_key_is_sent_again_before_what_comes_behind_it() {
    let (script, _) = Script::new(Some(1));
    let packed = Packing::new(Some(request_key()), LOG_ENTRY_LEN_MAX).unwrap();
    let packed = packed.pack(placed(vec![deregister(1), deregister(1)]));
    let unknown = Err(ProposeError::OutcomeUnknown(String::new()));
    script.answer_proposals([unknown, Ok(entry_applied(2, 1)), Ok(entry_applied(3, 1))]);
    let Run { outcomes, .. } = run(&script, packed, Some(request_key())).await;
    assert!(outcomes.values().all(Result::is_ok));
    let proposed = script.proposed();
    assert_eq!(proposed.len(), 3);
    assert!(proposed[0] == proposed[1] && proposed[1] != proposed[2]);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_is_not_that_of_the_entry_is_no_word_that_nothing_was_done() {
    let (script, _) = Script::new(Some(1));
    script.answer_proposals([Ok(entry_applied(2, 5))]);
    let packed = Packing::new(None, LOG_ENTRY_LEN_MAX)
        .unwrap()
        .pack(placed(vec![deregister(1)]));
    let Run { outcomes, .. } = run(&script, packed, None).await;
    assert_eq!(outcomes[&0], Err(Error::outcome_mismatch()));
}
