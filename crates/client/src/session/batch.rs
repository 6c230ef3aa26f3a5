//! Several writes of a session at a time.

use quorate_proto::{registry as pb, request::WriteBatch};
use tokio::time::Instant;

use super::{
    Session,
    sum::{Sum, is_open},
};
use crate::{
    Error, Write, Written,
    answer::Outcomes,
    backoff::Backoff,
    call::{Answered, Purpose},
    client::{complete, not_sent, registry},
};

/// What one attempt at a request came to that was answered.
struct Attempt {
    outcomes: Outcomes,
    /// Whether the answer to an attempt before it was lost.
    was_lost: bool,
}

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
        let (mut sum, mut backoff) = (Sum::new(count), Backoff::new());
        loop {
            match self.send_all(until, &request).await {
                Ok(Attempt { outcomes, was_lost }) => sum.add(outcomes, was_lost),
                Err(error) => {
                    sum.add(vec![Err(error); count], false);
                    return sum.into_outcomes();
                }
            }
            let wait = self.client.caller.draw_wait(&mut backoff);
            let is_over = until.saturating_duration_since(Instant::now()) <= wait;
            if is_over || !sum.is_open() {
                return sum.into_outcomes();
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_all(&self, until: Instant, request: &pb::WriteBatchRequest) -> Result<Attempt, Error> {
        let send = |channel, request| async move { registry(channel).write_batch(request).await };
        let caller = &self.client.caller;
        let answered: Result<Answered<Outcomes>, Error> =
            caller.answered_until(until, Purpose::Repeatable, request, &send).await;
        let Answered { answer, was_lost } = answered.map_err(|error| self.judge(error))?;
        let outcomes = complete(answer, request.items.len())?;
        let outcomes = outcomes
            .into_iter()
            .map(|outcome| outcome.map_err(|error| self.judge(error)));
        Ok(Attempt {
            outcomes: outcomes.collect(),
            was_lost,
        })
    }
}
