//! Every decoder of this crate, held against hostile bytes.

use proptest::{prelude::*, sample::Index};
use quorate_fuzz::{Fuzz, resealed};
use quorate_model::envelope::Kind;
use quorate_state::{
    Command, Outcome, State,
    snapshot::{Decoder, Encoder, RaftMeta},
};

use crate::{
    arbitrary::{command, steps},
    naive::Naive,
    samples::{Node, grant, held, register},
};

fn chunks(state: &State) -> Vec<Vec<u8>> {
    let encoder = Encoder::new(state, RaftMeta::default()).expect("small enough");
    encoder.map(|chunk| chunk.to_vec()).collect()
}

/// States, and what all the commands that led to them came to.
fn states() -> impl Strategy<Value = (State, Vec<Outcome>)> {
    steps().prop_map(|steps| {
        let (mut state, mut naive, mut outcomes) = (State::new(), Naive::default(), Vec::new());
        for (index, step) in (1..).zip(&steps) {
            let command = step.aimed(&naive);
            naive.apply(index, step.stamp_ms(), &command);
            outcomes.push(state.apply(step.at(index), &command).0);
        }
        (state, outcomes)
    })
}

#[test]
fn a_command() {
    let valid = command().prop_map(|command| command.encode().unwrap().to_vec());
    Fuzz::new("Command::decode", valid).repaired(resealed).round_trips(
        |bytes| Command::decode(bytes).ok(),
        |command| command.encode().unwrap().to_vec(),
    );
}

#[test]
fn an_outcome() {
    let valid = (states(), any::<Index>()).prop_map(|((_, outcomes), which)| {
        let some = || Node::founded().apply(&grant("pod", 1)).0;
        let outcome = if outcomes.is_empty() {
            some()
        } else {
            which.get(&outcomes).clone()
        };
        outcome.encode().unwrap().to_vec()
    });
    Fuzz::new("Outcome::decode", valid).repaired(resealed).round_trips(
        |bytes| Outcome::decode(bytes).ok(),
        |outcome| outcome.encode().unwrap().to_vec(),
    );
}

#[test]
fn the_header_of_a_snapshot() {
    let valid = states().prop_map(|(state, _)| chunks(&state).swap_remove(0));
    Fuzz::new("Decoder::push, header", valid)
        .repaired(resealed)
        .one_way(|bytes| Decoder::new().push(bytes).is_ok());
}

#[test]
fn the_objects_of_a_snapshot() {
    // It announces more objects than any of those has.
    let mut large = Node::founded();
    for number in 0..200 {
        large.apply(&register(&number.to_string(), held(80, "", 0)));
    }
    let header = chunks(&large.state).swap_remove(0);
    let valid = states().prop_map(|(state, _)| chunks(&state).swap_remove(1));
    let is_objects = |chunk: &Vec<u8>| chunk[1] == Kind::SnapshotChunk as u8;
    let valid = valid.prop_filter("a state without objects", is_objects);
    Fuzz::new("Decoder::push, objects", valid)
        .repaired(resealed)
        .one_way(|bytes| {
            let mut decoder = Decoder::new();
            decoder.push(&header).unwrap();
            decoder.push(bytes).is_ok()
        });
}

#[test]
fn the_trailer_of_a_snapshot() {
    let mut chunks = chunks(&Node::founded().state);
    let trailer = chunks.pop().unwrap();
    Fuzz::new("Decoder::push, trailer", Just(trailer))
        .repaired(resealed)
        .one_way(|bytes| {
            let mut decoder = Decoder::new();
            for chunk in &chunks {
                decoder.push(chunk).unwrap();
            }
            decoder.push(bytes).is_ok()
        });
}
