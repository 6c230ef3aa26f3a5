//! How one attempt at one member failed, by what it says about the effect of the request.

use std::{error::Error as StdError, fmt, iter, time::Duration};

use quorate_model::DoorAddress;
use quorate_proto::status::{self, Reason, Retry};
use tonic::{ConnectError, Status, TimeoutExpired};

use crate::{Error, call::Purpose};

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There was no connection: nothing was sent.
    Unreachable {
        /// What stood in the way.
        message: String,
    },
    /// The member said that it did nothing and that another attempt may succeed.
    NotDone {
        /// Why.
        reason: Reason,
        /// The member and what it said.
        message: String,
        /// How long it wants to be left alone.
        retry_after: Duration,
    },
    /// It was sent and the answer was lost.
    Lost {
        /// How the answer was lost.
        message: String,
        /// Whether nothing at all came back.
        is_silent: bool,
    },
    /// The member said no, and every other one would.
    Refused {
        /// Why.
        reason: Reason,
        /// What it said.
        message: String,
    },
}

// === impl Failure ===

impl Failure {
    /// Judges the status that a call to the member at `address` ended with.
    pub(super) fn from_status(address: &DoorAddress, status: &Status) -> Self {
        if is_caused_by::<TimeoutExpired>(status) {
            return Self::no_answer(address);
        }
        // A channel whose connection had broken failed to get another one: nothing was sent.
        if is_caused_by::<ConnectError>(status) {
            return Self::unreachable(address, &status.message());
        }
        let reason = Reason::of(status);
        match reason.retry() {
            // What a server says of a call that it does not have: nothing.
            Retry::Never if status.message().is_empty() => Self::Refused {
                reason,
                message: format!("{address} has no such call: is it the client door of a member, and of this version?"),
            },
            Retry::Never => Self::Refused {
                reason,
                message: status.message().to_owned(),
            },
            Retry::AnyMember => Self::NotDone {
                reason,
                message: format!("{address}: {} ({reason})", status.message()),
                retry_after: status::retry_after(status).unwrap_or_default(),
            },
            Retry::SameKeyOnly => Self::Lost {
                message: format!("{address}: {}", status.message()),
                // A status that was made on this side of the wire: the connection broke.
                is_silent: status.source().is_some(),
            },
        }
    }

    /// There is no connection to the member at `address`.
    pub(super) fn unreachable(address: &DoorAddress, problem: &dyn fmt::Display) -> Self {
        let message = format!("cannot reach {address}: {problem}; is a member running there?");
        Self::Unreachable { message }
    }

    /// The member at `address` did not answer in the time that it was given.
    pub(super) fn no_answer(address: &DoorAddress) -> Self {
        let message = format!("{address} did not answer in time");
        Self::Lost {
            message,
            is_silent: true,
        }
    }

    /// Whether nobody answered: whoever is behind this door is gone, or hangs.
    pub(super) fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Lost { is_silent, .. } => *is_silent,
            Self::NotDone { .. } | Self::Refused { .. } => false,
        }
    }

    /// What the caller of a request is told that ends with this failure; `was_lost` if the answer to an attempt
    /// before was lost.
    pub(super) fn into_error(self, purpose: Purpose, was_lost: bool) -> Error {
        let changes = purpose != Purpose::Read;
        let may_have_effect = changes && was_lost && !self.is_of_the_catalog();
        match self {
            Self::Unreachable { message }
            | Self::NotDone { message, .. }
            | Self::Lost { message, .. }
            | Self::Refused { message, .. }
                if may_have_effect =>
            {
                Error::OutcomeUnknown { message }
            }
            Self::Unreachable { message } => Error::Unavailable { reason: None, message },
            Self::NotDone { reason, message, .. } => Error::Unavailable {
                reason: Some(reason),
                message,
            },
            Self::Lost { message, .. } if changes => Error::OutcomeUnknown { message },
            Self::Lost { message, .. } => Error::Deadline { message },
            Self::Refused { reason, message } => Error::Refused { reason, message },
        }
    }

    /// What is said of it.
    pub(super) fn into_message(self) -> String {
        match self {
            Self::Unreachable { message }
            | Self::NotDone { message, .. }
            | Self::Lost { message, .. }
            | Self::Refused { message, .. } => message,
        }
    }

    fn is_of_the_catalog(&self) -> bool {
        matches!(self, Self::Refused { reason, .. } if is_of_the_catalog(*reason))
    }
}

/// Whether the catalog itself says no for this reason. It remembers what it said to a request with a key, and says the
/// same to each repetition: an attempt before was refused as well.
///
/// Not so where there is no room: not everything that is refused for that is remembered, and an attempt before may
/// find room yet.
pub(crate) fn is_of_the_catalog(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotFound | Reason::AlreadyExists | Reason::StaleGeneration
    )
}

/// Whether an error of this type is what the status was made of on this side of the wire.
fn is_caused_by<E: StdError + 'static>(status: &Status) -> bool {
    chain(status).any(<dyn StdError>::is::<E>)
}

/// An error and those that it was made of, down to the first one.
pub(super) fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_knows_no_such_call_is_named() {
        let address = "10.0.0.1:7400".parse().unwrap();
        let Failure::Refused { reason, message } = Failure::from_status(&address, &Status::unimplemented("")) else {
            panic!("no other member of this kind would know it");
        };
        assert_eq!(reason, Reason::Unimplemented);
        assert!(message.contains("10.0.0.1:7400 has no such call"), "{message}");
    }
}
