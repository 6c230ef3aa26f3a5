//! The tries of one request: what each of them says, in the light of those before it.
//!
//! A leader may fall when it has done half of a change, and the next one does the rest. So whoever asks again may find
//! done what it asked for itself, or be told that a change is under way, which is its own.

use quorate_consensus::{ChangeError, MemberOutcome, MemberRequest};
use quorate_model::MemberId;

use super::not_found;
use crate::Error;

/// What the tries of one request have come to so far.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    request: &'a MemberRequest,
    /// What was in the way when the change may have been begun.
    unknown: Option<String>,
}

/// What follows from a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Another try, at this leader if one is named.
    Again(Option<MemberId>),
    /// This is the answer.
    Answer(Result<MemberOutcome, Error>),
}

// === impl Tries ===

impl<'a> Tries<'a> {
    pub(super) fn new(request: &'a MemberRequest) -> Self {
        Self { request, unknown: None }
    }

    /// What follows from the answer of a leader.
    pub(super) fn answered(&mut self, answer: Result<MemberOutcome, ChangeError>) -> Next {
        let error = match answer {
            Ok(outcome) => return Next::Answer(Ok(self.with_those_before(outcome))),
            Err(ChangeError::NotLeader(next)) => return Next::Again(next),
            Err(ChangeError::OutcomeUnknown(problem)) if self.may_be_repeated() => {
                self.unknown = Some(problem);
                return Next::Again(None);
            }
            // It may be the change of an earlier try that is under way.
            Err(ChangeError::Busy(_)) if self.unknown.is_some() => return Next::Again(None),
            Err(ChangeError::Busy(problem)) => Error::MembershipBusy { problem },
            Err(ChangeError::Refused(reason)) => Error::MembershipRefused { reason },
            Err(ChangeError::OutcomeUnknown(problem)) => Error::OutcomeUnknown { problem },
            Err(ChangeError::NotFound) => not_found(self.request),
        };
        Next::Answer(Err(self.failed(error)))
    }

    /// What to say if nothing more is tried: no error after the change may have been begun says that it was not.
    pub(super) fn failed(&self, error: Error) -> Error {
        match &self.unknown {
            Some(problem) => Error::OutcomeUnknown {
                problem: problem.clone(),
            },
            None => error,
        }
    }

    /// Ids are given out once, so that a change of a member is the same however often it is made. Who leads is not
    /// a matter of the members, and may have changed again.
    fn may_be_repeated(&self) -> bool {
        match self.request {
            MemberRequest::Add(_)
            | MemberRequest::Remove(_)
            | MemberRequest::Replace { .. }
            | MemberRequest::Promote(_)
            | MemberRequest::Demote(_) => true,
            MemberRequest::TransferLeader(_) => false,
        }
    }

    /// What is found done was done by an earlier try, if there is one that may have.
    fn with_those_before(&self, outcome: MemberOutcome) -> MemberOutcome {
        MemberOutcome {
            changed: outcome.changed || self.unknown.is_some(),
            ..outcome
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::member as id;

    const GONE: MemberRequest = MemberRequest::Remove(MemberId::FIRST);

    fn outcome(changed: bool) -> MemberOutcome {
        MemberOutcome {
            member_id: MemberId::FIRST,
            changed,
        }
    }

    fn unknown() -> ChangeError {
        ChangeError::OutcomeUnknown("the leader fell".to_owned())
    }

    #[test]
    fn who_finds_gone_what_it_may_have_removed_itself_has_removed_it() {
        let mut tries = Tries::new(&GONE);
        assert_eq!(tries.answered(Err(unknown())), Next::Again(None));
        assert_eq!(
            tries.answered(Err(ChangeError::NotLeader(Some(id(3))))),
            Next::Again(Some(id(3)))
        );
        assert_eq!(tries.answered(Ok(outcome(false))), Next::Answer(Ok(outcome(true))));
    }

    #[test]
    fn what_was_gone_before_the_first_try_was_not_removed() {
        let mut tries = Tries::new(&GONE);
        assert_eq!(tries.answered(Err(ChangeError::NotLeader(None))), Next::Again(None));
        assert_eq!(tries.answered(Ok(outcome(false))), Next::Answer(Ok(outcome(false))));
    }

    #[test]
    fn the_change_that_is_under_way_may_be_that_of_an_earlier_try() {
        let busy = || Err(ChangeError::Busy("half done".to_owned()));
        let mut tries = Tries::new(&GONE);
        assert!(matches!(
            tries.answered(busy()),
            Next::Answer(Err(Error::MembershipBusy { .. }))
        ));
        assert_eq!(tries.answered(Err(unknown())), Next::Again(None));
        assert_eq!(tries.answered(busy()), Next::Again(None));
        let failed = tries.failed(Error::NoLeader);
        assert!(matches!(failed, Error::OutcomeUnknown { .. }), "{failed}");
    }

    #[test]
    fn no_error_says_that_nothing_was_done_after_something_may_have_been() {
        for error in [ChangeError::NotFound, ChangeError::Refused("no".to_owned())] {
            let mut tries = Tries::new(&GONE);
            assert_eq!(tries.answered(Err(unknown())), Next::Again(None));
            let next = tries.answered(Err(error));
            assert!(
                matches!(next, Next::Answer(Err(Error::OutcomeUnknown { .. }))),
                "{next:?}"
            );
        }
        assert_eq!(Tries::new(&GONE).failed(Error::NoLeader), Error::NoLeader);
    }

    #[test]
    fn what_is_wanted_of_a_member_that_has_gone_is_not_found() {
        let (old, new) = (id(2), id(3));
        for request in [
            MemberRequest::Promote(old),
            MemberRequest::Demote(old),
            MemberRequest::Replace { old, new },
        ] {
            let next = Tries::new(&request).answered(Err(ChangeError::NotFound));
            assert!(
                matches!(next, Next::Answer(Err(Error::MemberNotFound { .. }))),
                "{next:?}"
            );
        }
    }

    #[test]
    fn leadership_is_not_transferred_twice() {
        let request = MemberRequest::TransferLeader(None);
        let next = Tries::new(&request).answered(Err(unknown()));
        assert!(
            matches!(next, Next::Answer(Err(Error::OutcomeUnknown { .. }))),
            "{next:?}"
        );
    }
}
