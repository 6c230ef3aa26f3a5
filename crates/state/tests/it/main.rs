//! The state machine from outside: identity rules, limits, formats, snapshots, and a naive model beside it.

mod arbitrary;
mod canonical;
mod formats;
mod hostile_bytes;
mod identity;
mod limits;
mod membership;
mod naive;
mod properties;
mod samples;
mod snapshots;
mod views;
