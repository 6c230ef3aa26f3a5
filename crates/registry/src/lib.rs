//! The application: what a member does with a request once it is understood.
//!
//! [`Registry`] is the facade that the front ends speak to. A write passes admission, is routed to the leader and
//! comes back with its outcome; a read passes the barrier that its consistency asks for and is answered from an
//! immutable view. Beside the requests, [`Tasks`] of this crate let joining nodes in, promote learners that have
//! caught up, take back overrides whose time is over, and keep measuring how fresh this member is.
//!
//! # Invariants
//!
//! - A write is sent on while it is certain that it was appended nowhere. Once that is not certain, it is sent again
//!   only if it has a key by which it takes effect once; otherwise the caller is told so.
//! - A linearizable read waits for a read index that was asked for after the read had arrived.
//! - A staleness that is stated is never smaller than the true one.
//! - Whatever waits, waits in bounded numbers and no longer than its deadline.

mod admission;
mod answer;
mod backoff;
mod batch;
mod chance;
mod deadline;
mod error;
mod expiry;
mod limits;
mod liveness;
mod membership;
mod quorum;
mod read;
mod readiness;
mod registry;
mod route;
mod tasks;
#[cfg(test)]
mod testing;

pub use answer::{
    Answer, Granted, GuardList, Header, InstancePage, Leader, LeasePage, LeaseView, NodeStatus, OverridePage, Page,
    Picked, Registered, Registration, Renewed, ServicePage, ServiceSummary, SettingsSet, Updated,
};
pub use batch::{Done, Outcomes, Write};
pub use error::Error;
pub use limits::Limits;
pub use liveness::{Dial, InvalidCertificates, LeaseStatus, Network, ProbePolicy, Probing, Trust, Vitality};
pub use quorate_consensus::{Calling, Member, MemberInfo, MemberList, MemberOutcome, MemberRequest, MemberRole, Role};
pub use registry::{DiskSpace, Parts, Registry, SnapshotStream};
pub use tasks::{Policy, StillRunning, TaskFailure, Tasks};
