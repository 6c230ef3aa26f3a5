//! Several writes at a time.

use std::mem;

use prost::Message as _;
use quorate_model::limits;
use quorate_proto::{
    registry::{self as pb, write_batch_request::Item},
    request::BATCH_ITEMS_MAX,
};

use super::{Client, registry};
use crate::{Answer, Error, Write, Written, answer::Outcomes, call::Purpose};

/// What a request holds beside its items, at most: the numbers of its key.
const ENVELOPE_LEN_MAX: usize = 64;

/// What an item takes beside its own bytes, at most: the field's number and the length.
const ITEM_FRAME_LEN_MAX: usize = 8;

// === impl Client ===

impl Client {
    /// Writes several instances, and answers what each write came to, in the order of `writes`. Each is done or refused
    /// by itself; writes of one instance take effect in their order.
    ///
    /// More than 1,000 writes or 1 MiB are sent as several requests, one after the other, each with a deadline of its
    /// own. When one of them gets no answer the ones behind it are not sent.
    ///
    /// ```no_run
    /// # use quorate_client::{Client, Error, Write, model::{InstanceId, ServiceName}};
    /// # async fn example(client: Client, service: ServiceName, ids: Vec<InstanceId>) -> Result<(), Error> {
    /// let writes = ids.into_iter().map(|id| Write::deregister(service.clone(), id, None)).collect();
    /// for outcome in client.write_batch(writes).await {
    ///     println!("done at revision {}", outcome?.revision);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Each item has those of the write that it is.
    pub async fn write_batch(&self, writes: Vec<Write>) -> Vec<Result<Written, Error>> {
        let mut outcomes = Vec::with_capacity(writes.len());
        let mut requests = self.split(writes).into_iter();
        for request in requests.by_ref() {
            let count = request.items.len();
            let send = |channel, request| async move { registry(channel).write_batch(request).await };
            let answer: Result<Answer<Outcomes>, Error> = self.caller.call(Purpose::Change, request, send).await;
            match answer.and_then(|answer| complete(answer, count)) {
                Ok(done) => outcomes.extend(done),
                Err(error) => {
                    outcomes.extend(vec![Err(error.clone()); count]);
                    outcomes.extend(not_sent(requests, &error));
                    break;
                }
            }
        }
        outcomes
    }

    /// Makes requests of writes, none of which is over a limit.
    pub(crate) fn split(&self, writes: Vec<Write>) -> Vec<pb::WriteBatchRequest> {
        let (mut requests, mut request) = (Vec::new(), pb::WriteBatchRequest::default());
        let mut len = ENVELOPE_LEN_MAX;
        for write in writes {
            let item = Item::from(write.into_request(self.namespace.clone()));
            let item_len = item.encoded_len() + ITEM_FRAME_LEN_MAX;
            let is_full = request.items.len() == BATCH_ITEMS_MAX || len + item_len > limits::REQUEST_LEN_MAX;
            if is_full && !request.items.is_empty() {
                requests.push(mem::take(&mut request));
                len = ENVELOPE_LEN_MAX;
            }
            request.items.push(item);
            len += item_len;
        }
        if !request.items.is_empty() {
            requests.push(request);
        }
        requests
    }
}

/// The outcomes, if there are as many as there were items.
pub(crate) fn complete(answer: Answer<Outcomes>, count: usize) -> Result<Outcomes, Error> {
    let found = answer.value.len();
    if found == count {
        return Ok(answer.value);
    }
    Err(Error::OutcomeUnknown {
        message: format!("{found} outcomes were answered for {count} writes"),
    })
}

/// What is said of the writes behind those that got no answer.
pub(crate) fn not_sent(
    requests: impl Iterator<Item = pb::WriteBatchRequest>,
    error: &Error,
) -> Vec<Result<Written, Error>> {
    let error = Error::Unavailable {
        reason: None,
        message: format!("not sent, because writes before it got no answer: {error}"),
    };
    vec![Err(error); requests.map(|request| request.items.len()).sum()]
}
