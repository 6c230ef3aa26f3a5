//! What a batch came to.

use quorate_model::{Generation, Revision};
use quorate_proto::{
    convert::InvalidField,
    registry::{self as pb, write_batch_response as parts},
    status::{Reason, Retry},
};

use super::parse;
use crate::{Answer, Error, Written};

/// What each item of a batch came to, in their order.
pub(crate) type Outcomes = Vec<Result<Written, Error>>;

impl TryFrom<pb::WriteBatchResponse> for Answer<Outcomes> {
    type Error = InvalidField;

    fn try_from(message: pb::WriteBatchResponse) -> Result<Self, InvalidField> {
        let parse =
            |(index, outcome)| item(outcome).map_err(|error: InvalidField| error.within(&format!("outcomes[{index}]")));
        let outcomes = message
            .outcomes
            .into_iter()
            .enumerate()
            .map(parse)
            .collect::<Result<_, _>>();
        Self::new(message.header, outcomes?)
    }
}

fn item(message: parts::ItemOutcome) -> Result<Result<Written, Error>, InvalidField> {
    match message.outcome {
        Some(parts::item_outcome::Outcome::Done(done)) => Ok(Ok(written(done)?)),
        Some(parts::item_outcome::Outcome::Failed(failed)) => Ok(Err(failure(failed))),
        None => Err(InvalidField::missing("outcome", "what came of the item")),
    }
}

fn written(done: parts::Done) -> Result<Written, InvalidField> {
    let registered = match done.register_change {
        0 => None,
        change => Some(parse::change("register_change", change)?),
    };
    Ok(Written {
        revision: Revision::new(done.revision),
        generation: (done.generation != 0).then(|| Generation::new(done.generation)),
        changed: done.changed,
        registered,
    })
}

/// A reason that this version does not know tells nothing of the effect.
fn failure(failed: parts::Failed) -> Error {
    let parts::Failed { reason, message } = failed;
    let Some(reason) = Reason::from_word(&reason) else {
        let message = format!("{message} ({reason})");
        return Error::OutcomeUnknown { message };
    };
    match reason.retry() {
        Retry::Never => Error::Refused { reason, message },
        Retry::AnyMember => Error::Unavailable {
            reason: Some(reason),
            message,
        },
        Retry::SameKeyOnly => Error::OutcomeUnknown { message },
    }
}
