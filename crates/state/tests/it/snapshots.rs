//! Snapshots: what they hold, how they are cut, and what is not taken for one.

use bytes::Bytes;
use quorate_model::{
    InstanceKey, InstanceSpec, Lifetime, LogIndex, Metadata, SpecParts, Tags, Term,
    limits::{INSTANCE_LEN_MAX, SNAPSHOT_CHUNK_LEN_MAX},
};
use quorate_state::{
    Command, Mutated, Mutation, Outcome, State, Takeover,
    snapshot::{Decoder, Encoder, Error, Header, LastLog, MEMBERSHIP_LEN_MAX, RaftMeta},
};

use crate::samples::{Node, allocate, held, parts, register, spec};

fn encode(state: &State) -> Vec<Bytes> {
    Encoder::new(state, RaftMeta::default())
        .expect("no membership")
        .collect()
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a Bytes>) -> Result<(Header, State), Error> {
    let mut decoder = Decoder::new();
    chunks.into_iter().try_for_each(|chunk| decoder.push(chunk))?;
    decoder.finish()
}

/// A spec that fills its limit to the last few bytes.
fn longest_spec() -> InstanceSpec {
    let parts = SpecParts {
        metadata: Metadata::parse([("k", "v".repeat(8_000))]).expect("short enough"),
        tags: Tags::parse((0..31).map(|number| format!("{number:0256}"))).expect("short enough"),
        ..parts(80)
    };
    let spec = spec(parts);
    assert!(spec.encoded_len() > INSTANCE_LEN_MAX - 512, "{}", spec.encoded_len());
    spec
}

/// A state of several chunks.
fn large() -> Node {
    let mut node = Node::founded();
    node.apply(&allocate(7));
    node.apply(&allocate(8));
    for number in 0..3_000 {
        node.apply(&register(&format!("i{number}"), held(80, "pod", 1)));
    }
    node
}

#[test]
fn an_empty_state_has_a_snapshot_too() {
    for state in [State::new(), Node::founded().state] {
        assert_eq!(decode(&encode(&state)).unwrap().1, state);
    }
}

#[test]
fn the_header_tells_what_is_to_come() {
    let node = large();
    let raft = RaftMeta {
        last_log: Some(LastLog {
            term: Term::new(3),
            member_id: 1,
            index: node.state.applied(),
        }),
        membership: vec![1, 2, 3],
    };
    let mut encoder = Encoder::new(&node.state, raft.clone()).unwrap();
    let expected = Header {
        cluster: node.state.cluster(),
        applied: node.state.applied(),
        hash: node.state.hash(),
        object_count: 3_003,
        instance_count: 3_000,
        raft,
    };
    assert_eq!(*encoder.header(), expected);

    let mut decoder = Decoder::new();
    assert_eq!(decoder.header(), None);
    decoder.push(&encoder.next().unwrap()).unwrap();
    assert_eq!(decoder.header(), Some(&expected));
    for chunk in encoder {
        assert!(!decoder.is_done());
        decoder.push(&chunk).unwrap();
    }
    assert!(decoder.is_done());
    assert_eq!(decoder.finish().unwrap(), (expected, node.state));
}

#[test]
fn no_chunk_is_longer_than_64_kib_and_few_are_much_shorter() {
    let chunks = encode(&large().state);
    assert!(chunks.len() > 4);
    assert!(chunks.iter().all(|chunk| chunk.len() <= SNAPSHOT_CHUNK_LEN_MAX));
    let full = &chunks[1..chunks.len() - 2];
    assert!(full.iter().all(|chunk| chunk.len() > SNAPSHOT_CHUNK_LEN_MAX - 200));
}

#[test]
fn the_longest_instances_fit() {
    let name = "n".repeat(128);
    let mut node = Node::founded();
    for number in 0..9 {
        let (outcome, _) = node.apply(&Command::Mutate(Mutation::Register {
            key: InstanceKey {
                namespace: name.parse().unwrap(),
                service: name.parse().unwrap(),
                id: format!("{number:0128}").parse().unwrap(),
            },
            spec: longest_spec(),
            takeover: Takeover::Forbidden,
            lifetime: Lifetime::Persistent,
            registered_at_ms: u64::MAX,
        }));
        assert!(
            matches!(outcome, Outcome::Mutated(Mutated::Registered { .. })),
            "{outcome:?}"
        );
    }
    let chunks = encode(&node.state);
    assert!(chunks.iter().all(|chunk| chunk.len() <= SNAPSHOT_CHUNK_LEN_MAX));
    assert_eq!(decode(&chunks).unwrap().1, node.state);
}

#[test]
fn an_encoded_spec_is_never_longer_than_it_is_counted() {
    for spec in [held(80, "", 0), held(65_535, "pod", u64::MAX), longest_spec()] {
        let counted = spec.encoded_len();
        let command = register("a", spec);
        // The envelope, the variant, the key and the rest of the command.
        let around = quorate_model::envelope::HEADER_LEN + 1 + 14 + 12;
        assert!(command.encode().unwrap().len() <= counted + around);
    }
}

#[test]
fn the_state_may_go_on_while_it_is_encoded() {
    let mut node = large();
    let before = node.state.clone();
    let mut encoder = Encoder::new(&node.state, RaftMeta::default()).unwrap();
    let first = encoder.next();
    node.apply(&register("late", held(80, "", 0)));
    let chunks: Vec<Bytes> = first.into_iter().chain(encoder).collect();
    assert_eq!(decode(&chunks).unwrap().1, before);
}

#[test]
fn missing_repeated_and_swapped_chunks_are_noticed() {
    let chunks = encode(&large().state);
    for index in 0..chunks.len() {
        let mut missing = chunks.clone();
        missing.remove(index);
        assert!(decode(&missing).is_err(), "without chunk {index}");

        let mut repeated = chunks.clone();
        repeated.insert(index, chunks[index].clone());
        assert!(decode(&repeated).is_err(), "chunk {index} twice");

        let mut swapped = chunks.clone();
        swapped.swap(index, (index + 1) % chunks.len());
        assert!(decode(&swapped).is_err(), "chunk {index} swapped with the next");
    }
}

#[test]
fn chunks_of_another_snapshot_are_noticed() {
    let one = large();
    let mut other = large();
    other.apply(&register("i1", held(81, "pod", 1)));
    let (one, other) = (encode(&one.state), encode(&other.state));
    for index in 0..one.len() {
        if one[index] != other[index] {
            let mut mixed = one.clone();
            mixed[index] = other[index].clone();
            assert!(decode(&mixed).is_err(), "chunk {index}");
        }
    }
}

#[test]
fn a_decoder_takes_nothing_after_the_end_or_an_error() {
    let chunks = encode(&Node::founded().state);
    let mut done = Decoder::new();
    for chunk in &chunks {
        done.push(chunk).unwrap();
    }
    assert_eq!(done.push(&chunks[0]), Err(Error::AfterEnd));

    let mut failed = Decoder::new();
    assert!(failed.push(&chunks[1]).is_err());
    assert_eq!(failed.push(&chunks[0]), Err(Error::AfterEnd));
    assert_eq!(failed.finish(), Err(Error::Unfinished));

    let mut flooded = Decoder::new();
    let long = vec![0; SNAPSHOT_CHUNK_LEN_MAX + 1];
    assert_eq!(flooded.push(&long), Err(Error::ChunkTooLong(long.len())));
}

#[test]
fn a_membership_must_fit_the_header() {
    let raft = |len| RaftMeta {
        last_log: None,
        membership: vec![7; len],
    };
    let mut encoder = Encoder::new(&State::new(), raft(MEMBERSHIP_LEN_MAX)).unwrap();
    assert!(encoder.next().unwrap().len() <= SNAPSHOT_CHUNK_LEN_MAX);
    let refused = Encoder::new(&State::new(), raft(MEMBERSHIP_LEN_MAX + 1)).unwrap_err();
    assert_eq!(refused, Error::MembershipTooLong(MEMBERSHIP_LEN_MAX + 1));
}

#[test]
fn the_position_in_the_log_comes_back() {
    let mut node = Node::founded();
    node.state.advance(LogIndex::new(77));
    let (_, restored) = decode(&encode(&node.state)).unwrap();
    assert_eq!(restored.applied(), LogIndex::new(77));
    assert_eq!(restored.revision(), node.state.revision());
}
