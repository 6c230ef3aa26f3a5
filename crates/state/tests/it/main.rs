//! The state machine from outside: identity rules, leases, operators' decisions, limits, formats, snapshots, and a naive model beside it.

mod arbitrary;
mod canonical;
mod checks;
mod formats;
mod fuzz;
mod guards;
mod histories;
mod hostile_bytes;
mod identity;
mod lapses;
mod leases;
mod limits;
mod membership;
mod naive;
mod operator;
mod properties;
mod restored;
mod samples;
mod snapshots;
mod views;
