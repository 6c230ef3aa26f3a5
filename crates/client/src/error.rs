//! How a request can end without an answer, by what the caller can do about it.

use quorate_model::ClusterId;
use quorate_proto::status::Reason;

/// A request that was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The SDK refused it: it was not sent.
    #[error("{message}")]
    InvalidArgument {
        /// What is wrong and what is allowed.
        message: String,
    },
    /// The cluster refused it, for good: it had no effect and would be refused again.
    #[error("{message} ({reason})")]
    Refused {
        /// The reason, from the error table.
        reason: Reason,
        /// What the member said.
        message: String,
    },
    /// No member took it: it had no effect and may be tried again later.
    #[error("no member took the request: {message}")]
    Unavailable {
        /// What stood in the way at the member that was asked last.
        message: String,
    },
    /// A read was not answered within the deadline.
    #[error("no answer within the deadline: {message}")]
    Deadline {
        /// What stood in the way at the member that was asked last.
        message: String,
    },
    /// A change was sent, and its answer was lost or is not to be trusted: it may have taken effect, now or later.
    /// Look before trying again.
    #[error("the outcome is unknown, look before trying again: {message}")]
    OutcomeUnknown {
        /// How the answer was lost, or what is wrong with it.
        message: String,
    },
    /// A read was answered by a member of another cluster than the one that this client has spoken to so far.
    #[error("{endpoint} belongs to cluster {found}, but this client speaks to {expected}; correct the endpoints")]
    WrongCluster {
        /// Who answered.
        endpoint: String,
        /// The cluster that this client speaks to.
        expected: ClusterId,
        /// The cluster of the member that answered.
        found: ClusterId,
    },
    /// The answer to a read is not one that this version understands.
    #[error("{endpoint} gave an answer that this version does not understand: {problem}")]
    BadAnswer {
        /// Who answered.
        endpoint: String,
        /// The field, and what is wrong with it.
        problem: String,
    },
}
