//! The Rust SDK: a client of a Quorate cluster.
//!
//! # Connect
//!
//! A [`Client`] is given the client doors of one or more members, and learns of the others from the cluster: it follows
//! members that come and go, takes what it changes straight to the leader, and asks another member when one does not
//! answer. It is cheap to clone; clones share connections and what they have learned.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use quorate_client::Client;
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .endpoints(["10.0.0.1:7300".parse()?, "10.0.0.2:7300".parse()?, "10.0.0.3:7300".parse()?])
//!     .namespace("shop".parse()?)
//!     .deadline(Duration::from_secs(3))
//!     .build()?;
//! # Ok(())
//! # }
//! ```
//!
//! Building connects to nobody: the first call does. A call that fails leaves the client as good as before.
//!
//! # Register and resolve
//!
//! ```no_run
//! use quorate_client::{Client, model::{Endpoint, Filter, InstanceSpec, Policy, SpecParts}};
//!
//! # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let service = "payments".parse()?;
//! let endpoint = Endpoint { address: "10.0.1.7".parse()?, port: "8080".parse()?, protocol: None };
//! let spec = InstanceSpec::new(SpecParts::new(endpoint.into()))?;
//! client.register(&service, &"payments-1".parse()?, spec.into()).await?;
//!
//! let answer = client.resolve(&service, Filter::default()).await?;
//! for instance in &answer.value.instances {
//!     println!("{} at revision {}", instance.key(), answer.header.revision);
//! }
//! let one = client.pick_from(&answer.value, &Policy::Weighted);
//! # Ok(())
//! # }
//! ```
//!
//! Names and values come from [`model`]: they are parsed once, and whoever holds one holds a valid one.
//!
//! # Errors, and what is tried again
//!
//! Each call has one deadline, within which the client asks as many members as it takes. What it does with a failed
//! attempt follows from the reason that the member states, one of the error table in `docs/errors.md`:
//!
//! | What came of an attempt | Read | Write in a [`Session`] | Write of a [`Client`] |
//! |---|---|---|---|
//! | No connection: nothing was sent. | next member | next member | next member |
//! | Nothing was done: `OVERLOADED`, `NO_LEADER`, `NO_QUORUM`, `NOT_READY`, `STOPPING`, `IDLE`, `READ_ONLY`, `MEMBERSHIP_BUSY`, `REMOVED`, `DEADLINE_EXCEEDED`. | next member | next member | next member |
//! | The answer was lost: `OUTCOME_UNKNOWN`, a broken connection, silence. | next member | next member, same key | [`Error::OutcomeUnknown`] |
//! | It was refused for good: `INVALID_ARGUMENT`, `NOT_FOUND`, `ALREADY_EXISTS`, `STALE_GENERATION`, `LEASE_LAPSED`, `SEQUENCE_TOO_OLD`, `KEY_REUSED`, `REVISION_AHEAD`, `LIMIT_EXCEEDED`, `REQUEST_TOO_LARGE`, `MEMBER_NOT_FOUND`, `MEMBERSHIP_REFUSED`, `UNIMPLEMENTED`, `WRONG_CLUSTER`, `WRONG_MEMBER`, `INTERNAL`. | [`Error::Refused`] | [`Error::Refused`] | [`Error::Refused`] |
//! | The lease is gone: `LEASE_NOT_FOUND`. | [`Error::Refused`] | [`Error::SessionLost`] | – |
//! | The catalog was restored: `EPOCH_MISMATCH`. | asked again once, from what is there now | – | – |
//!
//! When all members have been asked the client waits before it begins again: 50 ms at first, twice as long each time up
//! to 1 s, shortened by up to a half at random, and no shorter than a member has asked for (`retry-after-ms`). It ends
//! with the deadline, or when no member could be reached three times in a row: as [`Error::Unavailable`] if nothing was
//! done, as [`Error::Deadline`] for a read whose answers were lost, and as [`Error::OutcomeUnknown`] for a write that may
//! have taken effect. A member that hangs costs a read, and a write in a session, a third of the time that is left at
//! most while there are others to ask, and is asked last for a while.
//!
//! [`Error::is_retryable`] tells whether making the same call again is safe and makes sense; [`Error::reason`] what the
//! cluster said.
//!
//! # Consistency
//!
//! A client never reads anything older than what it has seen: it remembers the newest state of all answers, to writes and
//! reads, its clones' included, and every member waits until it has come that far. For something else there is
//! [`Client::with_consistency`], or [`Builder::consistency`] for all reads:
//!
//! - [`Stale`](model::Consistency::Stale): what the asked member knows, at once, with or without a quorum.
//! - [`Bounded`](model::Consistency::Bounded): at most so old, as measured by the member.
//! - [`AtLeast`](model::Consistency::AtLeast): what is in the header of some answer, of another client perhaps, or newer.
//! - [`Linearizable`](model::Consistency::Linearizable): everything that was acknowledged to anybody before.
//!
//! # Exactly once
//!
//! A write of a [`Client`] whose answer is lost ends as [`Error::OutcomeUnknown`]: look before you try again. A write in a
//! [`Session`] is known to the cluster by a key, so that it is sent until it is answered, and takes effect once:
//!
//! ```no_run
//! use quorate_client::{Client, RegisterOptions, SessionOptions};
//!
//! # async fn example(client: Client, registration: RegisterOptions) -> Result<(), Box<dyn std::error::Error>> {
//! let session = client.open_session(SessionOptions::default()).await?;
//! session.register(&"payments".parse()?, &"payments-1".parse()?, registration).await?;
//! session.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Live and die with the process
//!
//! What is registered with a [`Registration`] is there while the process lives, and leaves default answers soon after it
//! dies. It looks after itself, over elections, restarts of the whole cluster and members that come and go:
//!
//! ```no_run
//! use quorate_client::{Client, RegisterOptions};
//!
//! # async fn example(client: Client, options: RegisterOptions) -> Result<(), Box<dyn std::error::Error>> {
//! let registration = client
//!     .registration("payments".parse()?, "payments-1".parse()?, options)
//!     .owner("pod-7".parse()?)
//!     .open()
//!     .await?;
//! // ... serve, and when the process is told to end:
//! registration.drain(None).await?;
//! registration.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Below it there is a lease, which is renewed every third of its time to live (15 s unless told otherwise), at whichever
//! member answers: with others of the same client in one message, which never enters the log. A [`Session`] keeps its
//! lease alive in the same way, and instances that it registers with [`Session::register_kept`]. What stays until it is
//! taken out is registered by [`Client::register`]; bare leases are for tools: [`Client::grant_lease`],
//! [`Client::renew`].
//!
//! # TLS
//!
//! The client speaks HTTP/2 over whatever a [`Connector`] opens: TCP in the clear by default, and TLS by whichever library
//! you use, in a dozen lines that are shown there.
//!
//! # Runtime
//!
//! Calls run on the tokio runtime of whoever makes them, with its timers and sockets enabled. The client starts no tasks of
//! its own but those that serve its connections, one that renews the leases of its sessions and registrations, if there
//! are any, and one for each [`Registration`]. They run where they are first needed, and end with their last handle: a
//! lease is not renewed any more when the runtime has ended on which the first one of the client was opened, until
//! another one is opened.

mod answer;
mod backoff;
mod builder;
mod call;
mod client;
mod connector;
mod error;
mod keeper;
mod register_options;
mod registration;
mod seen;
mod session;
#[cfg(test)]
mod testing;
mod write;

pub use quorate_model as model;
pub use quorate_proto::{
    request::Lifetime,
    status::{Reason, Retry},
};

pub use answer::{
    Added, Answer, Calling, Change, Changed, CheckReported, Deregistered, GuardDropped, GuardRaised, GuardState,
    Header, Instances, Leader, LeaseGranted, LeaseRevoked, LeaseState, LeaseStatus, Member, MemberList,
    OverrideCleared, OverrideSet, OverrideState, Picked, Registered, Removed, Renewed, Role, ServiceSummary,
    SettingsSet, SettingsState, Status, Transferred,
};
pub use builder::{Builder, CONNECT_TIMEOUT_DEFAULT, DEADLINE_DEFAULT, DEADLINE_MAX};
pub use client::{Client, LeaseOptions, SnapshotStream};
pub use connector::{BoxIo, Connecting, Connector, Io, TcpConnector};
pub use error::Error;
pub use keeper::Vitality;
pub use register_options::RegisterOptions;
pub use registration::{Lost, Registration, RegistrationBuilder, RegistrationState};
pub use session::{Session, SessionOptions};
pub use write::{Write, Written};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_says_of_every_reason_what_is_done() {
        let guide = include_str!("lib.rs");
        let row = |begins: &str| {
            guide
                .lines()
                .find(|line| line.contains(begins))
                .expect("the row is there")
        };
        let special = [Reason::LeaseNotFound, Reason::EpochMismatch];
        for reason in Reason::ALL.iter().filter(|reason| !special.contains(reason)) {
            let row = match reason.retry() {
                Retry::Never => row("| It was refused for good"),
                Retry::AnyMember => row("| Nothing was done"),
                Retry::SameKeyOnly => row("| The answer was lost"),
            };
            assert!(
                row.contains(&format!("`{reason}`")),
                "{reason} is not in its row: {row}"
            );
        }
    }
}
