//! From errors to what a caller is told: every one has its row in the error table.

use quorate_proto::status::Reason;
use quorate_registry::Error;
use quorate_state::Rejection;
use tonic::{Code, Status};

/// What a caller is told of an error of the registry.
pub(super) fn status(error: &Error) -> Status {
    let reason = reason(error);
    if let Error::Overloaded { retry_after, .. } = error {
        return reason.status_retry_after(error.to_string(), *retry_after);
    }
    reason.status(error.to_string())
}

fn reason(error: &Error) -> Reason {
    match error {
        Error::Rejected(rejection) => reason_of_rejection(rejection),
        Error::TooLarge { .. } => Reason::RequestTooLarge,
        Error::Overloaded { .. } => Reason::Overloaded,
        Error::ReadOnly { .. } => Reason::ReadOnly,
        Error::NoLeader => Reason::NoLeader,
        Error::NoQuorum { .. } => Reason::NoQuorum,
        Error::EpochMismatch { .. } => Reason::EpochMismatch,
        Error::RevisionAhead { .. } => Reason::RevisionAhead,
        Error::DeadlineExceeded => Reason::DeadlineExceeded,
        Error::Stopping { .. } => Reason::Stopping,
        Error::Refused { .. } => Reason::Unimplemented,
        Error::OutcomeUnknown { .. } => Reason::OutcomeUnknown,
        Error::MembershipRefused { .. } => Reason::MembershipRefused,
        Error::MembershipBusy { .. } => Reason::MembershipBusy,
        Error::MemberNotFound { .. } => Reason::MemberNotFound,
        Error::Internal { .. } => Reason::Internal,
    }
}

fn reason_of_rejection(rejection: &Rejection) -> Reason {
    match rejection {
        Rejection::Invalid { .. } => Reason::InvalidArgument,
        Rejection::AlreadyExists { .. } => Reason::AlreadyExists,
        Rejection::StaleGeneration { .. } => Reason::StaleGeneration,
        Rejection::NotFound | Rejection::CheckNotFound => Reason::NotFound,
        Rejection::LimitExceeded { .. } => Reason::LimitExceeded,
        Rejection::NotFounded => Reason::NotReady,
        Rejection::LeaseNotFound => Reason::LeaseNotFound,
        Rejection::LeaseLapsed => Reason::LeaseLapsed,
        Rejection::SequenceTooOld { .. } => Reason::SequenceTooOld,
        Rejection::KeyReused => Reason::KeyReused,
        // Only founding and joining are answered so, and no client asks for these.
        Rejection::AlreadyFounded { .. } | Rejection::NotReserved => Reason::Internal,
    }
}

/// What a caller is told of a failure that none of our handlers has stated: it comes from the library that speaks
/// the protocol, before a handler saw the request.
pub(super) fn foreign(status: &Status, method: &str) -> Status {
    let (code, said) = (status.code(), status.message());
    if code == Code::OutOfRange {
        return Reason::RequestTooLarge.status(format!("the request is too large, state less at a time ({said})"));
    }
    // It could not make a message of the bytes.
    if code == Code::Internal {
        return Reason::InvalidArgument.status(format!("the request is not a message of {method} ({said})"));
    }
    if code == Code::Unimplemented && said.is_empty() {
        let message = format!("there is no method {method}: is the client newer than this member?");
        return Reason::Unimplemented.status(message);
    }
    Reason::of(status).status(said)
}

#[cfg(test)]
mod tests;
