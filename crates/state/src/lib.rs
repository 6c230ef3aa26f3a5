//! The replicated state machine: a [`Command`] in, an [`Outcome`] and [`Event`]s out.
//!
//! [`State`] is a plain struct. It has no clock, no randomness, no IO, no threads and no log, and iterates in
//! order only: members that apply the same entries come to the same state, which [`State::hash`] proves.
//!
//! # Invariants
//!
//! - Apply is total: a command that cannot be done comes to [`Outcome::Rejected`], never to an error or a panic.
//!   Only bytes that are no command of this version at all are an error; the node that reads them must stop.
//! - A command that changes nothing gives no event and leaves every revision as it was.
//! - A clone costs O(1) and never changes: it is the readers' view.
//! - An intent (draining, disabled) lasts until it is set anew or the instance is deregistered. Neither a
//!   repeated registration, nor a new incarnation, nor a takeover makes an instance available again.
//! - A write with a key takes effect once: while its outcome is kept, a repetition is answered with it before
//!   anything else is looked at; once it is not, a repetition is rejected.
//! - What members find out about instances has an effect under the assignment by which they look, and in the life of the
//!   instance that they have looked at. Only a change of the health is an event.
//! - What is decided by time is decided by the log time, which never falls.

mod apply;
mod catalog;
mod command;
mod event;
mod format;
mod guards;
mod leases;
mod mutation;
mod outcome;
mod overrides;
mod position;
mod probers;
mod rejection;
mod roster;
mod standings;
mod state;

pub mod snapshot;

pub use catalog::Service;
pub use command::{CheckReport, Command, CommandError};
pub use event::Event;
pub use guards::{Guard, RaisedGuard};
pub use leases::{HeldLease, Lapsed};
pub use mutation::Mutation;
pub use outcome::{Change, Effect, ItemOutcome, Mutated, Outcome};
pub use position::Position;
pub use probers::Probers;
pub use quorate_model::{InstancePatch, StateHash, Takeover};
pub use rejection::{Limit, Rejection};
pub use standings::Standings;
pub use state::{Cluster, State};
