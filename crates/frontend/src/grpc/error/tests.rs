//! Every error has its reason. That none is forgotten, the compiler checks; that each is the right one, this.

use std::time::Duration;

use quorate_model::{ClusterId, Generation, Sequence};
use quorate_proto::status::{self as table, Retry};
use quorate_state::Limit;

use super::*;

fn problem() -> String {
    "whatever".to_owned()
}

fn rejections() -> Vec<(Rejection, Reason)> {
    let limit = Limit::InstancesPerCluster;
    let (current, cluster_id) = (Generation::new(7), ClusterId::new(1));
    let window_start = Sequence::FIRST;
    vec![
        (Rejection::Invalid { reason: problem() }, Reason::InvalidArgument),
        (Rejection::AlreadyExists { owner: None }, Reason::AlreadyExists),
        (Rejection::StaleGeneration { current }, Reason::StaleGeneration),
        (Rejection::NotFound, Reason::NotFound),
        (Rejection::CheckNotFound, Reason::NotFound),
        (Rejection::LimitExceeded { limit }, Reason::LimitExceeded),
        (Rejection::NotFounded, Reason::NotReady),
        (Rejection::AlreadyFounded { cluster_id }, Reason::Internal),
        (Rejection::LeaseNotFound, Reason::LeaseNotFound),
        (Rejection::SequenceTooOld { window_start }, Reason::SequenceTooOld),
        (Rejection::KeyReused, Reason::KeyReused),
        (Rejection::NotReserved, Reason::Internal),
    ]
}

fn errors() -> Vec<(Error, Reason)> {
    let overloaded = Error::Overloaded {
        what: problem(),
        retry_after: Duration::from_millis(70),
    };
    let mut errors = vec![
        (
            Error::TooLarge {
                len: 1 << 20,
                max: 1 << 16,
            },
            Reason::RequestTooLarge,
        ),
        (overloaded, Reason::Overloaded),
        (Error::ReadOnly { reason: problem() }, Reason::ReadOnly),
        (Error::NoLeader, Reason::NoLeader),
        (Error::NoQuorum { problem: problem() }, Reason::NoQuorum),
        (Error::DeadlineExceeded, Reason::DeadlineExceeded),
        (Error::Stopping { problem: problem() }, Reason::Stopping),
        (Error::OutcomeUnknown { problem: problem() }, Reason::OutcomeUnknown),
        (Error::Internal { problem: problem() }, Reason::Internal),
    ];
    errors.extend(
        rejections()
            .into_iter()
            .map(|(rejection, reason)| (rejection.into(), reason)),
    );
    errors
}

#[test]
fn every_error_is_told_with_its_reason_code_and_message() {
    for (error, expected) in errors() {
        let status = status(&error);
        assert_eq!(Reason::of(&status), expected, "{error:?}");
        assert_eq!(status.code(), expected.row().code, "{error:?}");
        assert_eq!(status.message(), error.to_string());
    }
}

#[test]
fn only_an_unknown_outcome_forbids_to_ask_again_what_was_not_done() {
    for (error, reason) in errors() {
        let unknown = matches!(error, Error::OutcomeUnknown { .. });
        assert_eq!(reason.retry() == Retry::SameKeyOnly, unknown, "{error:?}");
    }
}

#[test]
fn an_overload_says_when_to_come_back() {
    let retry_after = Duration::from_millis(70);
    let error = Error::Overloaded {
        what: problem(),
        retry_after,
    };
    assert_eq!(table::retry_after(&status(&error)), Some(retry_after));
}

#[test]
fn what_the_library_refuses_gets_a_reason_that_is_the_callers() {
    for (code, expected) in [
        (Code::OutOfRange, Reason::RequestTooLarge),
        (Code::Internal, Reason::InvalidArgument),
        (Code::Unimplemented, Reason::Unimplemented),
        (Code::NotFound, Reason::NotFound),
    ] {
        let told = foreign(&Status::new(code, ""), "/quorate.registry.v1.Registry/Register");
        assert_eq!(Reason::of(&told), expected);
        assert_eq!(told.code(), expected.row().code);
    }
}
