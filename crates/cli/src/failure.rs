//! Why a command did not do what it was asked to, and the exit code that says so.

use std::process::ExitCode;

use quorate_client::{Error, Reason};
use quorate_model::{DoorAddress, InvalidValue};

/// Why a command did not do what it was asked to. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong: nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// What was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// It was tried, and failed.
    #[error("{0}")]
    Failed(String),
    /// Nobody could be asked in time: nothing was done.
    #[error("{0}")]
    Unavailable(String),
    /// It was sent, and nobody knows what came of it.
    #[error("{0}")]
    OutcomeUnknown(String),
}

// === impl Failure ===

impl Failure {
    /// A flag whose value is wrong in a way that only shows together with others.
    pub(crate) fn flag(flag: &str, problem: &InvalidValue) -> Self {
        Self::Usage(format!("{flag}: {problem}"))
    }

    /// What became of a request to members at `endpoints`.
    pub(crate) fn of_request(error: &Error, endpoints: &[DoorAddress]) -> Self {
        let message = error.to_string();
        match error {
            Error::InvalidArgument { .. } => Self::Usage(message),
            Error::Refused {
                reason: Reason::NotFound | Reason::LeaseNotFound | Reason::MemberNotFound,
                ..
            } => Self::NotFound(message),
            Error::Unavailable { .. } | Error::Deadline { .. } => {
                let asked: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
                Self::Unavailable(format!("{message} (--endpoints is {})", asked.join(",")))
            }
            Error::OutcomeUnknown { .. } => Self::OutcomeUnknown(message),
            // The client may come to know more of them.
            Error::Refused { .. } | Error::WrongCluster { .. } | Error::BadAnswer { .. } | _ => Self::Failed(message),
        }
    }

    /// The exit code for it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Unavailable(_) => 4,
            Self::OutcomeUnknown(_) => 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_request_has_its_exit_code() {
        let message = || "why".to_owned();
        let refused = |reason| Error::Refused {
            reason,
            message: message(),
        };
        let cases = [
            (refused(Reason::StaleGeneration), 1),
            (refused(Reason::Unimplemented), 1),
            (refused(Reason::AlreadyExists), 1),
            (
                Error::BadAnswer {
                    endpoint: message(),
                    problem: message(),
                },
                1,
            ),
            (Error::InvalidArgument { message: message() }, 2),
            (refused(Reason::NotFound), 3),
            (refused(Reason::LeaseNotFound), 3),
            (refused(Reason::MemberNotFound), 3),
            (
                Error::Unavailable {
                    reason: None,
                    message: message(),
                },
                4,
            ),
            (Error::Deadline { message: message() }, 4),
            (Error::OutcomeUnknown { message: message() }, 5),
        ];
        for (error, code) in cases {
            assert_eq!(Failure::of_request(&error, &[]).code(), code, "{error}");
        }
    }

    #[test]
    fn an_unreachable_cluster_is_named_by_the_endpoints_that_were_asked() {
        let doors = ["127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()];
        let failure = Failure::of_request(
            &Error::Unavailable {
                reason: None,
                message: "why".to_owned(),
            },
            &doors,
        );
        assert!(
            failure
                .to_string()
                .ends_with("why (--endpoints is 127.0.0.1:1,127.0.0.1:2)"),
            "{failure}"
        );
    }
}
