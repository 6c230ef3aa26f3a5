//! The frozen formats: what commands, outcomes and objects look like as bytes.
//!
//! These types are apart from those in memory so that the latter can change. What is here cannot: logs,
//! snapshots and other members hold its bytes. A change is a new type under a new schema number; enums get new
//! variants at their end only; the golden bytes in the tests say whether that was kept. All fields are
//! primitive or frozen themselves.

mod check;
mod command;
mod guard;
mod mirror;
mod mutation;
mod object;
mod outcome;
mod overrides;
mod rejection;
mod settings;
mod value;

pub(crate) use command::CommandV1;
pub(crate) use mutation::{item_len, mutation_digest};
pub(crate) use object::{Object, ObjectV1, is_kept, object_hash, object_len};
pub(crate) use outcome::OutcomeV1;

/// The schema number of everything in here.
pub(crate) const SCHEMA: u8 = 1;
