//! What is done to valid bytes.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

/// Numbers that are too large for whatever they announce, as a fixed number of bytes, as bincode and as protobuf write
/// them.
const HUGE: &[&[u8]] = &[
    &[0xFF; 4],
    &[0xFF; 8],
    &[0, 0, 0, 0x7F],
    &[251, 0xFF, 0xFF],
    &[252, 0xFF, 0xFF, 0xFF, 0x7F],
    &[253, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    &[0xFF, 0xFF, 0xFF, 0xFF, 0x07],
    &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
];

/// One thing that is done to bytes.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    /// Something else is there.
    Noise(Vec<u8>),
    Flip(Index, u8),
    Cut(Index),
    More(Vec<u8>),
    /// A number is written over what is there.
    Huge(Index, &'static [u8]),
    /// A number is put between what is there.
    HugeBetween(Index, &'static [u8]),
    /// The beginning is followed by the end of another valid encoding.
    Splice(Index, Index),
    /// A part is there twice.
    Twice(Index, Index),
    /// A part is not there.
    Without(Index, Index),
}

/// Any damage.
pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        1 => vec(any::<u8>(), 0..200).prop_map(Damage::Noise),
        4 => (place(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        2 => place().prop_map(Damage::Cut),
        1 => vec(any::<u8>(), 1..20).prop_map(Damage::More),
        3 => (place(), select(HUGE)).prop_map(|(at, number)| Damage::Huge(at, number)),
        2 => (place(), select(HUGE)).prop_map(|(at, number)| Damage::HugeBetween(at, number)),
        2 => (place(), place()).prop_map(|(left, right)| Damage::Splice(left, right)),
        1 => (place(), place()).prop_map(|(one, other)| Damage::Twice(one, other)),
        1 => (place(), place()).prop_map(|(one, other)| Damage::Without(one, other)),
    ]
}

// === impl Damage ===

impl Damage {
    /// The bytes with this damage; `other` is another valid encoding.
    pub(crate) fn done_to(&self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        match self {
            Self::Noise(noise) => noise.clone(),
            Self::Flip(at, bit) => {
                let mut flipped = bytes.to_vec();
                if !bytes.is_empty() {
                    flipped[at.index(bytes.len())] ^= 1 << bit;
                }
                flipped
            }
            Self::Cut(at) => bytes[..place(*at, bytes)].to_vec(),
            Self::More(more) => [bytes, more].concat(),
            Self::Huge(at, number) => {
                let from = place(*at, bytes);
                let upto = bytes.len().min(from + number.len());
                [&bytes[..from], *number, &bytes[upto..]].concat()
            }
            Self::HugeBetween(at, number) => {
                let (left, right) = bytes.split_at(place(*at, bytes));
                [left, *number, right].concat()
            }
            Self::Splice(left, right) => [&bytes[..place(*left, bytes)], &other[place(*right, other)..]].concat(),
            Self::Twice(one, another) => {
                let (from, upto) = places(*one, *another, bytes);
                [&bytes[..upto], &bytes[from..]].concat()
            }
            Self::Without(one, another) => {
                let (from, upto) = places(*one, *another, bytes);
                [&bytes[..from], &bytes[upto..]].concat()
            }
        }
    }
}

/// A place between two bytes, or before or behind all of them.
fn place(at: Index, bytes: &[u8]) -> usize {
    at.index(bytes.len() + 1)
}

fn places(one: Index, other: Index, bytes: &[u8]) -> (usize, usize) {
    let (one, other) = (place(one, bytes), place(other, bytes));
    (one.min(other), one.max(other))
}
