//! Bytes from anywhere: they are understood, refused, or stop the member; they never make it panic.

use proptest::{collection, prelude::*};
use quorate_model::{
    LogIndex,
    envelope::{self, HEADER_LEN, Kind},
};
use quorate_state::{
    Command, CommandError, Outcome, Rejection, State,
    snapshot::{Decoder, Encoder, Error, RaftMeta},
};
use serde::{Serialize, Serializer, ser::SerializeTuple as _};

use crate::{
    arbitrary::{command, steps},
    naive::Naive,
    samples::{
        LEADERSHIP, Node, disabled, grant, held, lapse, of_web, position, raise_guard, register, register_living,
        register_with, revive, set_override,
    },
};

/// Bytes that are encoded as themselves, without a length, so that any payload can be sealed.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for byte in self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

fn sealed(kind: Kind, payload: &[u8]) -> Vec<u8> {
    envelope::seal(kind, 1, &Raw(payload)).expect("short")
}

/// Bytes of `payload` changed at some places, under a checksum that is right again.
fn damaged(kind: Kind, payload: &[u8], damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    for (place, byte) in damage {
        let place = place.index(payload.len());
        payload[place] = *byte;
    }
    sealed(kind, &payload)
}

fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)
}

/// Two members must come to the same, whatever it is.
fn apply_on_two(bytes: &[u8]) {
    let mut nodes = [Node::founded(), Node::founded()];
    let results = nodes.each_mut().map(|node| {
        node.apply(&register("a", held(80, "", 0)));
        node.apply(&grant("pod", 1));
        node.apply(&set_override(disabled("a"), 1));
        node.apply(&register_living("b", 10_000));
        node.apply(&lapse(&[(5, 5)]));
        node.apply(&raise_guard(of_web(), 1));
        node.state.apply_encoded(position(8), bytes)
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(nodes[0].state, nodes[1].state);
    assert_eq!(nodes[0].state.hash(), nodes[0].state.recomputed_hash());
}

proptest! {
    #[test]
    fn any_bytes(bytes in collection::vec(any::<u8>(), 0..300)) {
        let _ = Outcome::decode(&bytes);
        let _ = Decoder::new().push(&bytes);
        apply_on_two(&bytes);
    }

    #[test]
    fn any_payload_under_a_right_checksum(payload in collection::vec(any::<u8>(), 0..300)) {
        let _ = Outcome::decode(&sealed(Kind::Outcome, &payload));
        let _ = Decoder::new().push(&sealed(Kind::SnapshotHeader, &payload));
        apply_on_two(&sealed(Kind::Command, &payload));
    }

    #[test]
    fn damaged_commands_under_a_right_checksum(command in command(), damage in damage()) {
        let bytes = command.encode().unwrap();
        apply_on_two(&damaged(Kind::Command, &bytes[HEADER_LEN..], &damage));
    }

    #[test]
    fn damaged_snapshots_are_never_taken_for_another_state(
        steps in steps(),
        victim in any::<prop::sample::Index>(),
        damage in damage(),
    ) {
        let (mut state, mut naive) = (State::new(), Naive::default());
        for (index, step) in (1..).zip(&steps) {
            let command = step.aimed(&naive);
            naive.apply(index, step.stamp_ms(), &command);
            state.apply(step.at(index), &command);
        }
        let chunks: Vec<_> = Encoder::new(&state, RaftMeta::default()).unwrap().collect();
        let victim = victim.index(chunks.len());
        let kind = match victim {
            0 => Kind::SnapshotHeader,
            last if last == chunks.len() - 1 => Kind::SnapshotTrailer,
            _ => Kind::SnapshotChunk,
        };
        let bytes = damaged(kind, &chunks[victim][HEADER_LEN..], &damage);
        let unharmed = bytes == chunks[victim];

        let mut decoder = Decoder::new();
        let pushed = (0..).zip(&chunks).try_for_each(|(index, chunk)| {
            decoder.push(if index == victim { &bytes } else { chunk })
        });
        prop_assert_eq!(pushed.is_ok(), unharmed);
        prop_assert_eq!(decoder.finish().is_ok(), unharmed);
    }
}

#[test]
fn a_value_that_is_not_allowed_is_rejected_and_the_log_goes_on() {
    let bytes = register("a", held(80, "", 0)).encode().unwrap();
    let port = [4, 0, 10, 0, 0, 1, 80];
    let mut payload = bytes[HEADER_LEN..].to_vec();
    let place = payload
        .windows(6)
        .position(|window| window == [0, 10, 0, 0, 1, 80])
        .unwrap()
        + port.len()
        - 2;
    payload[place] = 0;
    let bytes = sealed(Kind::Command, &payload);

    assert!(matches!(Command::decode(&bytes), Err(CommandError::Invalid(_))));
    let mut node = Node::founded();
    let (outcome, events) = node.state.apply_encoded(position(2), &bytes).unwrap();
    let reason = "invalid port: 0 is not one of 1–65535".to_owned();
    assert_eq!(outcome, Outcome::Rejected(Rejection::Invalid { reason }));
    assert_eq!(events, vec![]);
    assert_eq!(node.state.applied(), LogIndex::new(2));
}

#[test]
fn what_a_newer_version_wrote_stops_the_member() {
    let bytes = register("a", held(80, "", 0)).encode().unwrap();
    let mut newer = bytes[HEADER_LEN..].to_vec();
    newer[0] = 200;
    let unknown_command = sealed(Kind::Command, &newer);
    let unknown_schema = envelope::seal(Kind::Command, 2, &Raw(&bytes[HEADER_LEN..])).unwrap();
    let longer = sealed(Kind::Command, &[&bytes[HEADER_LEN..], &[0]].concat());
    for bytes in [unknown_command, unknown_schema, longer] {
        let mut node = Node::founded();
        let before = node.state.clone();
        assert!(node.state.apply_encoded(position(2), &bytes).is_err());
        assert_eq!(node.state, before);
    }
}

#[test]
fn a_snapshot_of_another_state_under_a_right_trailer_is_refused() {
    let encode = |port| {
        let mut node = Node::founded();
        node.apply(&register("a", held(port, "", 0)));
        let encoder = Encoder::new(&node.state, RaftMeta::default()).unwrap();
        (node.state.hash(), encoder.collect::<Vec<_>>())
    };
    let ((expected, one), (found, other)) = (encode(80), encode(81));

    let summed = [&*one[0], &*other[1]].concat();
    let checksum = xxhash_rust::xxh3::xxh3_128(&summed).to_le_bytes();
    // One chunk, then the marker of a wide number and the number.
    let trailer = sealed(Kind::SnapshotTrailer, &[&[1, 254], checksum.as_slice()].concat());

    let mut decoder = Decoder::new();
    decoder.push(&one[0]).unwrap();
    decoder.push(&other[1]).unwrap();
    assert_eq!(decoder.push(&trailer), Err(Error::Hash { expected, found }));
}

/// A snapshot of `state` with its objects changed under a trailer that is right again.
fn with_objects(state: &State, change: impl FnOnce(&mut Vec<u8>)) -> Vec<Vec<u8>> {
    let chunks: Vec<_> = Encoder::new(state, RaftMeta::default())
        .expect("no membership")
        .collect();
    let [header, objects, _] = chunks.as_slice() else {
        panic!("expected one chunk of objects, found {}", chunks.len());
    };
    let mut payload = objects[HEADER_LEN..].to_vec();
    change(&mut payload);
    let objects = sealed(Kind::SnapshotChunk, &payload);
    let summed = [header, objects.as_slice()].concat();
    let checksum = xxhash_rust::xxh3::xxh3_128(&summed).to_le_bytes();
    let trailer = sealed(Kind::SnapshotTrailer, &[&[1, 254], checksum.as_slice()].concat());
    vec![header.to_vec(), objects, trailer]
}

fn decoded(chunks: &[Vec<u8>]) -> Result<State, Error> {
    let mut decoder = Decoder::new();
    chunks.iter().try_for_each(|chunk| decoder.push(chunk))?;
    Ok(decoder.finish()?.1)
}

/// Where `needle` is, which must be there once.
fn place_of(needle: &[u8], bytes: &[u8]) -> usize {
    let places = bytes.windows(needle.len()).enumerate();
    let places: Vec<_> = places
        .filter(|(_, window)| *window == needle)
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places.len(), 1, "{needle:?} in {bytes:?}");
    places[0]
}

#[test]
fn objects_of_a_snapshot_that_contradict_each_other_are_refused() {
    let mut node = Node::founded();
    node.apply_stamped(100, &grant("pod", 1));
    node.apply(&register_with("a", 2));
    node.apply(&lapse(&[(2, 2)]));
    node.apply(&raise_guard(of_web(), 50));
    assert_eq!(decoded(&with_objects(&node.state, |_| {})), Ok(node.state.clone()));

    // The guard and what it counts, as they stand at the end: a guard of a service with its name, and an instance.
    let guard = [
        10, 0, 7, b'd', b'e', b'f', b'a', b'u', b'l', b't', 3, b'w', b'e', b'b', 0,
    ];
    let guard_after_the_instance = with_objects(&node.state, |objects| {
        let guard = place_of(&guard, objects);
        let instance = place_of(&[8, 7, b'd', b'e', b'f', b'a', b'u', b'l', b't'], objects);
        objects[guard..].rotate_left(instance - guard);
    });
    let contradiction = Error::Contradiction("an object comes twice, or before what it belongs to");
    assert_eq!(decoded(&guard_after_the_instance), Err(contradiction.clone()));

    // The lease is its process's, changed last at revision 4, and has lapsed at that revision, at 100 ms.
    let lease = [0, 4, 1, 4, 100];
    // What it keeps knows the lease and the same lapse.
    let instance = [1, 2, 1, 4, 100];
    for (needle, offset) in [(lease, 1), (lease, 3), (instance, 1), (instance, 3)] {
        let chunks = with_objects(&node.state, |objects| {
            let place = place_of(&needle, objects);
            objects[place + offset] = 3;
        });
        assert_eq!(decoded(&chunks), Err(contradiction.clone()), "{needle:?} at {offset}");
    }
}

#[test]
fn what_the_last_leader_says_of_leases_is_read_as_it_was_written() {
    for command in [lapse(&[(2, 2)]), revive(&[(u64::MAX, 0)])] {
        let bytes = command.encode().unwrap();
        assert_eq!(Command::decode(&bytes), Ok(command));
        // No member has the id 0.
        let mut payload = bytes[HEADER_LEN..].to_vec();
        let term = u8::try_from(LEADERSHIP.term.get()).unwrap();
        let place = place_of(&[term, 1], &payload[..3]);
        payload[place + 1] = 0;
        let hostile = sealed(Kind::Command, &payload);
        assert!(matches!(Command::decode(&hostile), Err(CommandError::Invalid(_))));
    }
}
