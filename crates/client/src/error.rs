//! How a request can end without an answer, by what the caller can do about it.

use quorate_model::ClusterId;
use quorate_proto::status::{Reason, Retry};

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
        /// Why the member that was asked last did not take it, from the error table; absent if it was not reached.
        reason: Option<Reason>,
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
    /// The lease of the session is gone: the write was not carried out, and none of this session will be any more.
    /// Open another one, and look what the writes before came to whose outcome was unknown.
    #[error("the session is lost, open another one: {message}")]
    SessionLost {
        /// What the member said.
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

// === impl Error ===

impl Error {
    /// Why the cluster did not do it, from the error table; absent if no member has said so.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { reason, .. } => Some(*reason),
            Self::Unavailable { reason, .. } => *reason,
            Self::OutcomeUnknown { .. } => Some(Reason::OutcomeUnknown),
            Self::SessionLost { .. } => Some(Reason::LeaseNotFound),
            Self::InvalidArgument { .. }
            | Self::Deadline { .. }
            | Self::WrongCluster { .. }
            | Self::BadAnswer { .. } => None,
        }
    }

    /// Whether the same call may be made again: it had no effect, and may succeed later. False for what the cluster
    /// would refuse again, and for a change that may have taken effect.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Deadline { .. } => true,
            Self::Refused { reason, .. } => reason.retry() == Retry::AnyMember,
            Self::InvalidArgument { .. }
            | Self::OutcomeUnknown { .. }
            | Self::SessionLost { .. }
            | Self::WrongCluster { .. }
            | Self::BadAnswer { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_had_an_effect_or_would_fail_again_is_not_retryable() {
        let message = || "why".to_owned();
        let refused = Error::Refused {
            reason: Reason::StaleGeneration,
            message: message(),
        };
        assert_eq!(
            (refused.reason(), refused.is_retryable()),
            (Some(Reason::StaleGeneration), false)
        );
        let unavailable = Error::Unavailable {
            reason: Some(Reason::ReadOnly),
            message: message(),
        };
        assert_eq!(
            (unavailable.reason(), unavailable.is_retryable()),
            (Some(Reason::ReadOnly), true)
        );
        let unknown = Error::OutcomeUnknown { message: message() };
        assert_eq!(
            (unknown.reason(), unknown.is_retryable()),
            (Some(Reason::OutcomeUnknown), false)
        );
        assert!(Error::Deadline { message: message() }.is_retryable());
        assert!(!Error::SessionLost { message: message() }.is_retryable());
    }
}
