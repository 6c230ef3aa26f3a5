//! The raft node: type configuration, state-machine adapter, peer network, handle.
//!
//! The only crate besides storage that names openraft, and the only one that knows what is proposed to it. The
//! rest of the program sees a [`Consensus`]: commands go in and come back applied, reads are confirmed, and the
//! newest state is always at hand.
//!
//! # Invariants
//! - A command reaches the log as the bytes of its proposer, on the wire and on every disk.
//! - A proposer is answered after readers can see what it did.
//! - What is not known to have happened or not to have happened is said to be unknown, and never tried again here.
//! - Every call between members says who speaks to whom; one of another cluster, for another member, or in this
//!   member's own name is refused. Only who asks who answers, or asks to join, need not say.

mod backup;
mod codec;
mod disk_reports;
mod error;
mod handle;
mod log_clock;
mod memory;
mod network;
mod recollection;
pub mod runtime;
mod snapshot;
mod state_machine;
mod status;
#[cfg(test)]
mod testing;
mod timing;
mod type_config;
mod view;

pub use backup::{Capture, FilePieces, NewCluster, SavedError, SavedMember, SavedState, Summary};
pub use codec::Codec;
pub use error::{ChangeError, MembershipError, ProposeError, ReadIndexError, StartError};
pub use handle::{Consensus, Electorate, MembershipChange, Parts};
pub use network::{
    Applicant, AskError, BoxIo, Connector, Io, JoinError, Joining, Known, MemberList, MemberOutcome, MemberRequest,
    Members, Renewals, RenewalsFailed, Replicated, Replication, Table, ask_whether_removed, identify, peer_routes,
    request_join,
};
pub use status::{Member, MemberRole, Role, Status};
pub use timing::{Retention, Timing};
pub use type_config::{Applied, Calling, EncodedCommand, MemberInfo, TypeConfig};
pub use view::Stopping;

/// The log of this raft.
pub type RaftLog = quorate_storage::RaftLog<TypeConfig, Codec>;
