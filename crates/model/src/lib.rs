//! Names and values of the registry: newtypes that parse, so that whoever holds one holds a valid one.
//!
//! The bottom of the house: no async, no IO, no protobuf. Everything here is a value, a pure function,
//! or a trait ([`Clock`]) through which a node receives what it must not fetch by itself.

pub mod clock;
pub mod envelope;

pub use clock::Clock;
