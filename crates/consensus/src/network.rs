//! The peer network: raft and forwarding between members, over gRPC.

mod channel;
mod client;
mod forward;
mod identity;
mod in_flight;
mod members;
mod recall;
mod renewals;
mod server;
mod wire;

pub use channel::{BoxIo, Connector, Io};
pub(crate) use client::PeerNetwork;
pub(crate) use forward::Links;
pub use forward::{Applicant, AskError, identify, request_join};
pub use members::{MemberList, MemberOutcome, MemberRequest, Members, ask_whether_removed};
pub(crate) use recall::recall;
pub use renewals::{Known, Renewals, RenewalsFailed, Replicated, Replication, Table};
pub use server::{JoinError, Joining, peer_routes};

/// The longest message between members: an append of entries, which the storage caps at 1 MiB and one entry,
/// or a chunk of a snapshot.
const MESSAGE_LEN_MAX: usize = 4 << 20;
