//! The Rust SDK: a client of a Quorate cluster.
//!
//! ```no_run
//! use quorate_client::{Client, model::{Consistency, Filter, ServiceName}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .endpoints(["127.0.0.1:7301".parse()?, "127.0.0.1:7302".parse()?])
//!     .build()?;
//! let payments = ServiceName::try_from("payments")?;
//! let answer = client.with_consistency(Consistency::Linearizable).resolve(&payments, Filter::default()).await?;
//! for instance in &answer.value.instances {
//!     println!("{} at revision {}", instance.key(), answer.header.revision);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A client knows the client doors of some members and asks them in turn until one takes the request, within
//! one deadline. What changes something is sent again only if it surely had no effect: everything else ends
//! as [`Error::OutcomeUnknown`], and the caller has to look before it tries again.

mod answer;
mod backoff;
mod builder;
mod call;
mod client;
mod connector;
mod error;
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
    Added, Answer, Calling, Change, Changed, Deregistered, Header, Instances, Leader, LeaseState, Member, MemberList,
    Picked, Registered, Removed, Role, ServiceSummary, Status, Transferred,
};
pub use builder::{Builder, CONNECT_TIMEOUT_DEFAULT, DEADLINE_DEFAULT};
pub use client::{Client, SnapshotStream};
pub use connector::{BoxIo, Connecting, Connector, Io, TcpConnector};
pub use error::Error;
pub use registration::Registration;
pub use session::{Session, SessionOptions};
pub use write::{Write, Written};
