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
    samples::{Node, disabled, grant, held, position, register, set_override},
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
        node.state.apply_encoded(position(5), bytes)
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
