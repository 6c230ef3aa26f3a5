//! Several writes of a session at a time.

use quorate_proto::{registry as pb, request::WriteBatch};
use tokio::time::Instant;

use super::Session;
use crate::{
    Answer, Error, Write, Written,
    answer::Outcomes,
    backoff::Backoff,
    call::Purpose,
    client::{complete, not_sent, registry},
};

// === impl Session ===

impl Session {
    /// Writes several instances, each write once, and answers what each came to, in the order of `writes`. A request is
    /// sent again until all of its writes are done or refused, or its deadline is over. Registrations that say nothing
    /// of who stands behind them are made in the name of the [`holder`](Self::holder) of this session.
    ///
    /// See [`Client::write_batch`](crate::Client::write_batch) for how many there may be.
    ///
    /// # Errors
    ///
    /// Each item has those of the write that it is, and [`Error::SessionLost`].
    pub async fn write_batch(&self, mut writes: Vec<Write>) -> Vec<Result<Written, Error>> {
        let mut registrations = writes.iter_mut().filter_map(Write::registration_mut);
        if let Err(error) = registrations.try_for_each(|registration| self.own(registration)) {
            return vec![Err(error); writes.len()];
        }
        let mut outcomes = Vec::with_capacity(writes.len());
        let mut requests = self.client.split(writes).into_iter();
        for request in requests.by_ref() {
            let done = self.write_all(request).await;
            let failed = done.iter().find_map(|outcome| outcome.as_ref().err());
            let failed = failed.filter(|error| is_open(error)).cloned();
            outcomes.extend(done);
            if let Some(error) = failed {
                outcomes.extend(not_sent(requests, &error));
                break;
            }
        }
        outcomes
    }

    /// Sends one request until nothing in it is open any more, or the time is up.
    async fn write_all(&self, mut request: pb::WriteBatchRequest) -> Outcomes {
        let (count, until) = (request.items.len(), self.client.caller.deadline());
        let place = match self.enter(until).await {
            Ok(place) => place,
            Err(error) => return vec![Err(error); count],
        };
        let key = Some(place.key(self.shared.lease));
        request.key = pb::WriteBatchRequest::from(WriteBatch { items: Vec::new(), key }).key;
        let (mut outcomes, mut backoff) = (None, Backoff::new());
        loop {
            match self.send_all(until, &request).await {
                Ok(done) => outcomes = Some(done),
                Err(error) => return with_error(outcomes, count, &error),
            }
            let done = outcomes.get_or_insert_default();
            let wait = self.client.caller.draw_wait(&mut backoff);
            let is_over = until.saturating_duration_since(Instant::now()) <= wait;
            if is_over || !done.iter().any(|outcome| outcome.as_ref().is_err_and(is_open)) {
                return outcomes.unwrap_or_default();
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_all(&self, until: Instant, request: &pb::WriteBatchRequest) -> Result<Outcomes, Error> {
        let send = |channel, request| async move { registry(channel).write_batch(request).await };
        let caller = &self.client.caller;
        let answer: Result<Answer<Outcomes>, Error> =
            caller.call_until(until, Purpose::Repeatable, request, &send).await;
        let outcomes = answer.and_then(|answer| complete(answer, request.items.len()));
        let outcomes = outcomes.map_err(|error| self.judge(error))?;
        Ok(outcomes
            .into_iter()
            .map(|outcome| outcome.map_err(|error| self.judge(error)))
            .collect())
    }
}

/// Whether a repetition with the same key may come to something else.
fn is_open(error: &Error) -> bool {
    matches!(error, Error::Unavailable { .. } | Error::OutcomeUnknown { .. })
}

/// The outcomes of the attempt before the one that ended with `error`: what was open then has ended with it, unless it
/// may have taken effect already.
fn with_error(before: Option<Outcomes>, count: usize, error: &Error) -> Outcomes {
    let before = before.unwrap_or_else(|| vec![Err(error.clone()); count]);
    let ended = |outcome: Result<Written, Error>| match outcome {
        Err(Error::Unavailable { .. }) => Err(error.clone()),
        outcome => outcome,
    };
    before.into_iter().map(ended).collect()
}
