//! What the writes of a batch have come to over all the attempts at it.

use crate::{Error, Written, answer::Outcomes, call::is_of_the_catalog};

type Outcome = Result<Written, Error>;

/// What each write has come to so far.
///
/// An attempt only speaks for itself: that it has not done a write does not mean that no attempt before has.
#[derive(Debug)]
pub(super) struct Sum(Vec<Item>);

#[derive(Debug, Clone, Default)]
struct Item {
    /// Absent before the first attempt.
    outcome: Option<Outcome>,
    /// Whether the last attempt says that another one may come to something else.
    is_open: bool,
}

/// How much an outcome says of the attempts before it and after it: more counts more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// This attempt did not do it, and another one may.
    Open,
    /// This attempt did not do it, and another one would hardly.
    Refused,
    /// Somebody may have done it, or may yet.
    Unknown,
    /// The cluster remembers what it came to.
    Settled,
}

/// Whether a repetition with the same key may come to something else.
pub(super) fn is_open(error: &Error) -> bool {
    matches!(error, Error::Unavailable { .. } | Error::OutcomeUnknown { .. })
}

// === impl Sum ===

impl Sum {
    /// So many writes, of which none has been tried.
    pub(super) fn new(count: usize) -> Self {
        Self(vec![Item::default(); count])
    }

    /// Adds what an attempt came to; `was_lost` if one before it was not answered.
    pub(super) fn add(&mut self, outcomes: Outcomes, was_lost: bool) {
        for (item, outcome) in self.0.iter_mut().zip(outcomes) {
            item.add(outcome, was_lost);
        }
    }

    /// Whether another attempt makes sense.
    pub(super) fn is_open(&self) -> bool {
        self.0.iter().any(|item| item.is_open)
    }

    /// What the caller is told.
    pub(super) fn into_outcomes(self) -> Outcomes {
        let outcomes = self.0.into_iter().map(|item| item.outcome);
        outcomes.map(|outcome| outcome.unwrap_or_else(never_tried)).collect()
    }
}

// === impl Item ===

impl Item {
    fn add(&mut self, outcome: Outcome, was_lost: bool) {
        let is_open = outcome.as_ref().is_err_and(is_open);
        let outcome = match outcome {
            Err(error) if was_lost && Weight::of_error(&error) < Weight::Unknown => Err(in_doubt(&error)),
            outcome => outcome,
        };
        let weight = Weight::of(&outcome);
        let before = self.outcome.as_ref().map(Weight::of);
        if before.is_none_or(|before| before < weight || before == Weight::Open) {
            self.outcome = Some(outcome);
        }
        self.is_open = is_open && before != Some(Weight::Settled);
    }
}

// === impl Weight ===

impl Weight {
    fn of(outcome: &Outcome) -> Self {
        outcome.as_ref().map_or_else(Self::of_error, |_| Self::Settled)
    }

    fn of_error(error: &Error) -> Self {
        match error {
            Error::Refused { reason, .. } if is_of_the_catalog(*reason) => Self::Settled,
            Error::OutcomeUnknown { .. } => Self::Unknown,
            Error::Unavailable { .. } | Error::Deadline { .. } => Self::Open,
            Error::Refused { .. }
            | Error::InvalidArgument { .. }
            | Error::SessionLost { .. }
            | Error::WrongCluster { .. }
            | Error::BadAnswer { .. } => Self::Refused,
        }
    }
}

/// What an error comes to where an attempt before may have done what this one has not.
fn in_doubt(error: &Error) -> Error {
    let message = format!("an attempt was not answered, and the one after it failed: {error}");
    Error::OutcomeUnknown { message }
}

fn never_tried() -> Outcome {
    let message = "it was not sent".to_owned();
    Err(Error::Unavailable { reason: None, message })
}

#[cfg(test)]
mod tests {
    use quorate_proto::status::{Reason, Retry};

    use super::*;

    fn done() -> Written {
        Written {
            revision: quorate_model::Revision::new(9),
            generation: None,
            changed: true,
            registered: None,
        }
    }

    fn failed(reason: Reason) -> Outcome {
        let message = "no".to_owned();
        Err(match reason.retry() {
            Retry::Never => Error::Refused { reason, message },
            Retry::AnyMember => Error::Unavailable {
                reason: Some(reason),
                message,
            },
            Retry::SameKeyOnly => Error::OutcomeUnknown { message },
        })
    }

    /// The sum of attempts at one write, and whether there is to be another.
    fn sum(attempts: &[Outcome]) -> (Outcome, bool) {
        let mut sum = Sum::new(1);
        for attempt in attempts {
            sum.add(vec![attempt.clone()], false);
        }
        let is_open = sum.is_open();
        (sum.into_outcomes().remove(0), is_open)
    }

    #[test]
    fn what_may_be_done_is_settled_by_the_catalog_alone() {
        let unknown = failed(Reason::OutcomeUnknown);
        for settling in [Ok(done()), failed(Reason::NotFound), failed(Reason::StaleGeneration)] {
            assert_eq!(sum(&[unknown.clone(), settling.clone()]), (settling.clone(), false));
            // And what is settled stays so.
            for later in [&unknown, &failed(Reason::NoLeader), &failed(Reason::SequenceTooOld)] {
                assert_eq!(sum(&[settling.clone(), later.clone()]), (settling.clone(), false));
            }
        }
        for (reason, goes_on) in [
            (Reason::NoLeader, true),
            (Reason::ReadOnly, true),
            (Reason::DeadlineExceeded, true),
            (Reason::LimitExceeded, false),
            (Reason::SequenceTooOld, false),
        ] {
            assert_eq!(
                sum(&[unknown.clone(), failed(reason)]),
                (unknown.clone(), goes_on),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_refusal_that_the_cluster_does_not_remember_is_no_last_word() {
        for later in [Ok(done()), failed(Reason::OutcomeUnknown)] {
            assert_eq!(sum(&[failed(Reason::LimitExceeded), later.clone()]).0, later);
        }
        let refused = failed(Reason::LimitExceeded);
        assert_eq!(sum(&[refused.clone(), failed(Reason::NoLeader)]).0, refused);
    }

    #[test]
    fn behind_a_lost_answer_nothing_is_said_to_be_undone() {
        for (outcome, is_known) in [
            (Ok(done()), true),
            (failed(Reason::AlreadyExists), true),
            (failed(Reason::NoLeader), false),
            (failed(Reason::LimitExceeded), false),
            (failed(Reason::SequenceTooOld), false),
        ] {
            let mut sum = Sum::new(1);
            sum.add(vec![outcome.clone()], true);
            let found = sum.into_outcomes().remove(0);
            let is_unknown = matches!(found, Err(Error::OutcomeUnknown { .. }));
            assert_eq!((found == outcome, is_unknown), (is_known, !is_known), "{outcome:?}");
        }
    }
}
